//! `IndexReader`: reads a table through one of its indexes, as bytes. `Index<R>` stands on it.

use std::collections::VecDeque;
use std::ops::{Bound, Range};
use std::sync::Arc;

use super::entry::EntryShape;
use super::kind::{Dyn, encode_fields};
use super::reader::Reader;
use super::rows::Rows;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::limits::KEY_BYTES;
use crate::record::Value;
use crate::schema::{FieldDef, Type};
use crate::tree::KeyShape;

/// An index, and the table that it is on.
#[derive(Clone)]
pub(super) struct IndexReader<'t> {
    pub(super) table: Reader<'t>,
    pub(super) entries: Reader<'t>,
    shape: Arc<EntryShape>,
    /// The shape of the indexed fields alone.
    indexed: Arc<KeyShape>,
    /// The type of each field of an entry, and whether it may be null.
    types: Arc<[(Type, bool)]>,
}

impl<'t> IndexReader<'t> {
    pub(super) fn new(table: Reader<'t>, name: &str) -> Result<IndexReader<'t>> {
        let entries = table.index(name)?;
        let shape =
            EntryShape::new(table.definition, entries.definition).map_err(|error| table.in_table(error))?;
        let fields = entries.definition.schema.fields().iter();
        let indexed = fields.take_while(|field| field.offset() < shape.indexed().end).count();
        let indexed = entries.definition.layout.key().leading(indexed);
        let types = entries.definition.schema.fields().iter();
        let types = types.map(|field| (field.ty().clone(), field.is_nullable())).collect();
        Ok(IndexReader { table, entries, shape: Arc::new(shape), indexed: Arc::new(indexed), types })
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

    /// An error unless a typed key with these fields, `stored` as given, has the types of all
    /// indexed fields. The same width is not enough: the bytes of an `f64` are not a `u64`.
    #[inline(always)]
    pub(super) fn check_whole(&self, fields: &[(Type, bool)], stored: &[u8]) -> Result<()> {
        if stored.len() == self.shape.indexed().end && self.types.starts_with(fields) {
            return Ok(());
        }
        self.check_nullable(fields, stored, self.fields())
    }

    /// The same for a key that may have fewer fields, or continue into the key of the row.
    #[inline(always)]
    pub(super) fn check_leading(&self, fields: &[(Type, bool)], stored: &[u8]) -> Result<()> {
        if self.types.starts_with(fields) {
            return Ok(());
        }
        let all = self.entries.definition.schema.fields();
        self.check_nullable(fields, stored, all.get(..fields.len()).unwrap_or(all))
    }

    /// A nullable field is looked up by a `Nullable`, or by a plain value of its type, unless that
    /// value is the one that means null.
    #[inline(never)]
    fn check_nullable(&self, key: &[(Type, bool)], stored: &[u8], fields: &[FieldDef]) -> Result<()> {
        let same = |((ty, nullable), field): (&(Type, bool), &FieldDef)| {
            ty == field.ty() && (!nullable || field.is_nullable())
        };
        if key.len() != fields.len() || !key.iter().zip(fields).all(same) {
            return Err(self.other_types(key, fields));
        }
        for ((_, nullable), field) in key.iter().zip(fields) {
            if !nullable && field.is_null(&stored[field.offset()..field.offset() + field.width()]) {
                bail!(
                    Value,
                    "index {:?}: the value given for field {:?} stands for null there; to look up null, \
                     give a Nullable",
                    self.entries.definition.name,
                    field.name()
                );
            }
        }
        Ok(())
    }

    /// The stored form of values of the first fields of an entry.
    pub(super) fn encode(&self, values: &[Value<'_>]) -> Result<Vec<u8>> {
        let fields = self.entries.definition.schema.fields();
        if values.len() > fields.len() {
            return Err(self.wrong_count(values.len()));
        }
        encode_fields(fields, values).map_err(|error| self.entries.in_table(error))
    }

    /// The same for all indexed fields.
    pub(super) fn encode_whole(&self, values: &[Value<'_>]) -> Result<Vec<u8>> {
        if values.len() != self.fields().len() {
            return Err(self.wrong_count(values.len()));
        }
        self.encode(values)
    }

    #[cold]
    fn wrong_count(&self, count: usize) -> Error {
        let names: Vec<&str> = self.fields().iter().map(FieldDef::name).collect();
        let message = format!(
            "index {:?} is on {} fields ({}), not {count}",
            self.entries.definition.name,
            names.len(),
            names.join(", ")
        );
        Error::new(ErrorKind::Usage, message)
    }

    #[cold]
    fn other_types(&self, key: &[(Type, bool)], fields: &[FieldDef]) -> Error {
        let name = |(ty, nullable): &(Type, bool)| format!("{ty}{}", if *nullable { "?" } else { "" });
        let given: Vec<String> = key.iter().map(name).collect();
        let fields = fields.iter().map(|field| format!("{}: {}", field.name(), field.type_text()));
        let fields: Vec<String> = fields.collect();
        let message = format!(
            "index {:?}: the fields to look up are ({}), and the values given are ({}); give values of \
             exactly these types",
            self.entries.definition.name,
            fields.join(", "),
            given.join(", ")
        );
        Error::new(ErrorKind::Usage, message)
    }

    /// The first row with these values, in stored form, of all indexed fields, whose types were
    /// checked.
    #[inline(always)]
    pub(super) fn get(&self, values: &[u8]) -> Result<Option<&'t [u8]>> {
        let found = self.entries.view.first_from(&self.indexed, values);
        match found.map_err(|error| self.entries.in_table(error))? {
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
            None => Err(self.table.no_row_of(self.entries.definition)),
        }
    }

    /// The entries between two bounds, each the stored values of leading fields, whose types were
    /// checked.
    pub(super) fn between(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<Range<u64>> {
        self.entries.rows_between(from, to)
    }

    /// The entries that begin with these values.
    pub(super) fn prefix(&self, values: &[u8]) -> Result<Range<u64>> {
        self.between(Bound::Included(values), Bound::Included(values))
    }

    pub(super) fn scan(&self, entries: Range<u64>) -> IndexScan<'t> {
        IndexScan {
            entries: Rows::new(self.entries, entries),
            index: self.clone(),
            front: VecDeque::new(),
            back: VecDeque::new(),
            batch: 2,
            keys: Vec::new(),
        }
    }
}

/// The rows of a range of entries, from both ends. Rows are looked up in batches that become
/// larger.
#[derive(Clone)]
pub(super) struct IndexScan<'t> {
    pub(super) index: IndexReader<'t>,
    entries: Rows<'t, Dyn>,
    /// Rows that were looked up and not returned yet.
    front: VecDeque<&'t [u8]>,
    back: VecDeque<&'t [u8]>,
    batch: usize,
    keys: Vec<u8>,
}

/// The most rows that are looked up together.
const BATCH: usize = 64;

impl<'t> IndexScan<'t> {
    pub(super) fn len(&self) -> u64 {
        self.entries.len() + (self.front.len() + self.back.len()) as u64
    }

    /// The entries of the rows that were not looked up yet.
    pub(super) fn into_entries(self) -> Rows<'t, Dyn> {
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
                None => return Err(index.table.no_row_of(index.entries.definition)),
            }
            Ok(())
        })
    }

    /// Ends the scan, after an error.
    fn end(&mut self) {
        (self.front, self.back) = (VecDeque::new(), VecDeque::new());
        self.entries = Rows::new(self.index.entries, 0..0);
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
