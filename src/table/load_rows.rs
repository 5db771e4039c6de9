//! Rows that are given one by one, as the source of a bulk load.

use std::borrow::Borrow;
use std::iter::Fuse;

use super::kind::RowKind;
use crate::error::Result;
use crate::load::RecordSource;

/// An iterator of rows as a source.
pub(super) struct RowSource<R: RowKind, I> {
    schema: R::SchemaRef,
    /// A load may ask once more after the end.
    rows: Fuse<I>,
    place: u64,
}

impl<R: RowKind, I: Iterator<Item = R::Buf>> RowSource<R, I> {
    pub(super) fn new(schema: R::SchemaRef, rows: I) -> RowSource<R, I> {
        RowSource { schema, rows: rows.fuse(), place: 0 }
    }
}

impl<R: RowKind, I: Iterator<Item = R::Buf>> RecordSource for RowSource<R, I> {
    #[inline]
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        match self.rows.next() {
            Some(row) => {
                self.place += 1;
                record.copy_from_slice(R::bytes(self.schema.borrow(), &row)?);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn place(&self) -> u64 {
        self.place
    }

    fn rows_hint(&self) -> Option<u64> {
        exact(self.rows.size_hint())
    }
}

/// An iterator of results as a source.
pub(super) struct TryRowSource<R: RowKind, I> {
    schema: R::SchemaRef,
    rows: Fuse<I>,
    place: u64,
}

impl<R: RowKind, I: Iterator<Item = Result<R::Buf>>> TryRowSource<R, I> {
    pub(super) fn new(schema: R::SchemaRef, rows: I) -> TryRowSource<R, I> {
        TryRowSource { schema, rows: rows.fuse(), place: 0 }
    }
}

impl<R: RowKind, I: Iterator<Item = Result<R::Buf>>> RecordSource for TryRowSource<R, I> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        let Some(row) = self.rows.next() else { return Ok(false) };
        self.place += 1;
        record.copy_from_slice(R::bytes(self.schema.borrow(), &row?)?);
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.place
    }

    fn rows_hint(&self) -> Option<u64> {
        exact(self.rows.size_hint())
    }
}

fn exact(hint: (usize, Option<usize>)) -> Option<u64> {
    match hint {
        (least, Some(most)) if least == most => Some(most as u64),
        _ => None,
    }
}
