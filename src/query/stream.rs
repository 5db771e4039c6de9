//! The result of a query in batches.

use std::fmt;
use std::iter::FusedIterator;

use super::run::rows::QueryRows;
use super::run::scan::Scan;
use crate::error::Result;
use crate::schema::Schema;
use crate::table::Reader;

/// The result of a query in batches, from [`Query::stream`](crate::query::Query::stream): an
/// iterator of batches of at least one row.
///
/// It ends after an error. An error is `Corrupt` if a page does not match its checksum.
#[must_use]
pub struct QueryStream<'t>(Batches<'t>);

enum Batches<'t> {
    /// Rows as they are read, until the end or an error.
    Scan { reader: Reader<'t>, scan: Box<Scan>, is_done: bool },
    /// A complete result.
    Whole { schema: Schema, rows: Option<QueryRows> },
}

impl fmt::Debug for QueryStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryStream({})", self.schema())
    }
}

impl<'t> QueryStream<'t> {
    /// Reads rows as they are asked for.
    pub(super) fn of_scan(reader: Reader<'t>, scan: Scan) -> QueryStream<'t> {
        QueryStream(Batches::Scan { reader, scan: Box::new(scan), is_done: false })
    }

    /// Gives all rows as one batch.
    pub(super) fn of_rows(rows: QueryRows) -> QueryStream<'t> {
        QueryStream(Batches::Whole { schema: rows.schema().clone(), rows: Some(rows) })
    }

    /// The fields of the rows.
    pub fn schema(&self) -> &Schema {
        match &self.0 {
            Batches::Scan { scan, .. } => scan.schema(),
            Batches::Whole { schema, .. } => schema,
        }
    }
}

impl Iterator for QueryStream<'_> {
    type Item = Result<QueryRows>;

    fn next(&mut self) -> Option<Result<QueryRows>> {
        match &mut self.0 {
            Batches::Scan { is_done: true, .. } => None,
            Batches::Scan { reader, scan, is_done } => loop {
                let batch = scan.next(reader).transpose();
                *is_done = !matches!(batch, Some(Ok(_)));
                if !matches!(&batch, Some(Ok(rows)) if rows.is_empty()) {
                    break batch;
                }
            },
            Batches::Whole { rows, .. } => rows.take().filter(|rows| !rows.is_empty()).map(Ok),
        }
    }
}

impl FusedIterator for QueryStream<'_> {}
