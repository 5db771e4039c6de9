//! Reading through an index as bytes: what the typed and the dynamic door share.

use std::collections::VecDeque;
use std::ops::{Bound, Range};
use std::sync::Arc;

use super::entry::EntryShape;
use super::reader::Reader;
use super::scan::RowRange;
use crate::error::{Result, fail};
use crate::schema::{FieldDef, KEY_BYTES};
use crate::tree::KeyShape;

/// An index, and the table that it is on.
#[derive(Clone)]
pub(super) struct IndexReader<'t> {
    pub(super) table: Reader<'t>,
    pub(super) entries: Reader<'t>,
    shape: Arc<EntryShape>,
    /// How the indexed fields alone compare.
    indexed: Arc<KeyShape>,
}

impl<'t> IndexReader<'t> {
    pub(super) fn new(table: Reader<'t>, name: &str) -> Result<IndexReader<'t>> {
        let entries = table.index(name)?;
        let shape = EntryShape::new(table.definition, entries.definition)
            .map_err(|error| table.place_error(error))?;
        let fields = entries.definition.schema.fields().iter();
        let indexed = fields.take_while(|field| field.offset() < shape.indexed().end).count();
        let indexed = entries.definition.layout.key().leading(indexed);
        Ok(IndexReader { table, entries, shape: Arc::new(shape), indexed: Arc::new(indexed) })
    }

    /// The fields that are indexed, in order.
    pub(super) fn fields(&self) -> &'t [FieldDef] {
        let fields = self.entries.definition.schema.fields();
        let indexed = fields.iter().take_while(|field| field.offset() < self.shape.indexed().end);
        &fields[..indexed.count()]
    }

    pub(super) fn is_unique(&self) -> bool {
        self.shape.is_unique
    }

    /// The first row with these values, in stored form, of the indexed fields.
    #[inline(always)]
    pub(super) fn get(&self, values: &[u8]) -> Result<Option<&'t [u8]>> {
        if values.len() != self.shape.indexed().end {
            return self.wrong_width(values.len());
        }
        let found = self.entries.view.first_from(&self.indexed, values);
        match found.map_err(|error| self.entries.place_error(error))? {
            Some(entry) if entry.starts_with(values) => self.row(entry).map(Some),
            _ => Ok(None),
        }
    }

    /// The row that an entry is of.
    #[inline(always)]
    fn row(&self, entry: &[u8]) -> Result<&'t [u8]> {
        match self.shape.whole_key(entry) {
            Some(key) => self.row_of(key),
            None => self.row_copied(entry),
        }
    }

    #[inline(never)]
    fn row_copied(&self, entry: &[u8]) -> Result<&'t [u8]> {
        if self.shape.key_width() <= 16 { self.row_by::<16>(entry) } else { self.row_by::<KEY_BYTES>(entry) }
    }

    #[inline]
    fn row_by<const WIDTH: usize>(&self, entry: &[u8]) -> Result<&'t [u8]> {
        let mut key = [0; WIDTH];
        let key = &mut key[..self.shape.key_width()];
        self.shape.key(entry, key);
        self.row_of(key)
    }

    #[inline(always)]
    fn row_of(&self, key: &[u8]) -> Result<&'t [u8]> {
        match self.table.find(key)? {
            Some(row) => Ok(row),
            None => self.no_row(),
        }
    }

    /// The entries between two bounds, each the stored values of leading fields.
    pub(super) fn between(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<Range<u64>> {
        for bound in [from, to] {
            if let Bound::Included(values) | Bound::Excluded(values) = bound {
                self.check_leading(values.len())?;
            }
        }
        self.entries.rows_between(from, to)
    }

    /// The entries that begin with these values.
    pub(super) fn prefix(&self, values: &[u8]) -> Result<Range<u64>> {
        self.between(Bound::Included(values), Bound::Included(values))
    }

    pub(super) fn scan(&self, entries: Range<u64>) -> IndexScan<'t> {
        IndexScan {
            entries: RowRange::new(self.entries, entries),
            index: self.clone(),
            front: VecDeque::new(),
            back: VecDeque::new(),
            batch: 2,
            keys: Vec::new(),
        }
    }

    /// So many bytes must be whole leading fields of an entry.
    fn check_leading(&self, width: usize) -> Result<()> {
        let fields = self.entries.definition.schema.fields();
        if width == 0 || fields.iter().any(|field| field.offset() + field.width() == width) {
            return Ok(());
        }
        self.wrong_width(width)
    }

    #[cold]
    fn wrong_width<R>(&self, width: usize) -> Result<R> {
        fail!(
            Usage,
            "index {:?}: {width} bytes are no whole fields of it; it is on {} of ({})",
            self.entries.definition.name,
            self.fields().len(),
            self.entries.definition.schema
        );
    }

    #[cold]
    fn no_row<R>(&self) -> Result<R> {
        fail!(
            Corrupt,
            "index {:?} has a row that table {:?} has not; the file is damaged",
            self.entries.definition.name,
            self.table.definition.name
        );
    }
}

/// The rows of a range of entries, from both ends. Rows are looked up side by side, ever more of them at once.
#[derive(Clone)]
pub(super) struct IndexScan<'t> {
    pub(super) index: IndexReader<'t>,
    entries: RowRange<'t>,
    /// Rows that were looked up and not handed out yet.
    front: VecDeque<&'t [u8]>,
    back: VecDeque<&'t [u8]>,
    batch: usize,
    keys: Vec<u8>,
}

/// So many rows are looked up together at most.
const BATCH: usize = 64;

impl<'t> IndexScan<'t> {
    pub(super) fn len(&self) -> u64 {
        self.entries.len() + (self.front.len() + self.back.len()) as u64
    }

    /// The entries of the rows that are left, but for those that were looked up already.
    pub(super) fn into_entries(self) -> RowRange<'t> {
        self.entries
    }

    fn fill(&mut self, from_back: bool) -> Result<()> {
        let width = self.index.shape.key_width();
        self.batch = (self.batch * 2).min(BATCH);
        self.keys.clear();
        for _ in 0..self.batch {
            let next = if from_back { self.entries.next_back() } else { self.entries.next() };
            let Some(entry) = next.transpose()? else { break };
            let start = self.keys.len();
            self.keys.resize(start + width, 0);
            self.index.shape.key(entry.as_bytes(), &mut self.keys[start..]);
        }
        let (index, front, back) = (&self.index, &mut self.front, &mut self.back);
        index.table.find_many(&self.keys, |row| {
            match row {
                Some(row) if from_back => back.push_front(row),
                Some(row) => front.push_back(row),
                None => return index.no_row(),
            }
            Ok(())
        })
    }

    /// After an error nothing comes any more.
    fn end(&mut self) {
        (self.front, self.back) = (VecDeque::new(), VecDeque::new());
        self.entries = RowRange::new(self.index.entries, 0..0);
    }
}

impl<'t> Iterator for IndexScan<'t> {
    type Item = Result<&'t [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.front.is_empty()
            && !self.entries.is_empty()
            && let Err(error) = self.fill(false)
        {
            self.end();
            return Some(Err(error));
        }
        self.front.pop_front().or_else(|| self.back.pop_front()).map(Ok)
    }
}

impl DoubleEndedIterator for IndexScan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.back.is_empty()
            && !self.entries.is_empty()
            && let Err(error) = self.fill(true)
        {
            self.end();
            return Some(Err(error));
        }
        self.back.pop_back().or_else(|| self.front.pop_back()).map(Ok)
    }
}
