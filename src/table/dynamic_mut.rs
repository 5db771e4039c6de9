//! `DynamicTableMut`: a table in the write transaction, its rows as [`RowBuf`]s of whatever schema it has.

use std::fmt;

use super::dynamic::{DynamicTable, encode_key};
use super::dynamic_index::DynamicIndex;
use super::index::IndexOptions;
use super::writer::Writer;
use crate::error::{Result, fail};
use crate::load::{LoadOptions, LoadReport, RecordSource};
use crate::record::{Row, RowBuf, Selector, Value};
use crate::schema::Schema;

/// A table to read and to change when its schema is known only at run time.
///
/// See [`TableMut`](crate::TableMut) for what a handle holds and when changes are seen, [`DynamicTable`] for keys.
///
/// ```
/// use drystone::{Database, RowBuf, Schema, Value};
///
/// let schema: Schema = "id: u32 key, name: str[8], score: f64?".parse()?;
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut players = write.create_dynamic("players", &schema)?;
/// players.insert(&RowBuf::from_named(&schema, [("id", Value::from(7)), ("name", "Ada".into()), ("score", Value::Null)])?)?;
/// assert!(players.set(&[7.into()], "score", 9.5)?);
/// assert_eq!(players.get(&[7.into()])?.unwrap().to_string(), "id: 7, name: Ada, score: 9.5");
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct DynamicTableMut<'x> {
    writer: Writer<'x>,
}

impl fmt::Debug for DynamicTableMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicTableMut({:?}, {} rows)", self.writer.table.definition.name, self.len())
    }
}

impl<'x> DynamicTableMut<'x> {
    pub(crate) fn new(writer: Writer<'x>) -> DynamicTableMut<'x> {
        DynamicTableMut { writer }
    }

    /// The table as it is now, with all the ways to read it. Its rows live as long as this borrow.
    pub fn as_table(&self) -> DynamicTable<'_> {
        DynamicTable::new(self.writer.reader())
    }

    /// The schema of its rows.
    pub fn schema(&self) -> &Schema {
        &self.writer.table.definition.schema
    }

    /// How many rows it has now. O(1).
    pub fn len(&self) -> u64 {
        self.writer.table.rows()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// See [`DynamicTable::get`].
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, key: &[Value<'_>]) -> Result<Option<Row<'_>>> {
        self.as_table().get(key)
    }

    /// Puts in a row: with a new key, or at the end of a table that has none. O(log n).
    ///
    /// # Errors
    /// `Duplicate` if there is a row with this key, or with the same values in a unique index; `Schema` if the row has another schema; `Corrupt` or `Io` if pages cannot be
    /// read, or written where the edits outgrow their memory.
    pub fn insert(&mut self, row: &RowBuf) -> Result<()> {
        self.check(row)?;
        if self.schema().is_keyed() {
            self.writer.insert(row.as_bytes())
        } else {
            self.writer.extend(row.as_bytes())
        }
    }

    /// Puts in a row, replacing the one with its key; `true` if there was one. O(log n).
    ///
    /// # Errors
    /// `Usage` if the table has no key; else as for [`insert`](DynamicTableMut::insert).
    pub fn upsert(&mut self, row: &RowBuf) -> Result<bool> {
        self.check(row)?;
        self.needs(true, "upsert", "use insert, or replace")?;
        self.writer.upsert(row.as_bytes())
    }

    /// Overwrites the row with this number in a table without a key.
    ///
    /// # Errors
    /// `Usage` if the table has a key; `OutOfRange` if there is no such row; else as for [`insert`](DynamicTableMut::insert).
    pub fn replace(&mut self, number: u64, row: &RowBuf) -> Result<()> {
        self.check(row)?;
        self.needs(false, "replace", "use upsert")?;
        self.writer.set(number, row.as_bytes())
    }

    /// Sets one field of a row in place. Whether there is such a row.
    ///
    /// # Errors
    /// `NotFound` if there is no such field, `Value` if the value does not fit it or the field is part of the key; `Corrupt` or `Io`
    /// as for [`insert`](DynamicTableMut::insert).
    pub fn set<'v>(
        &mut self,
        key: &[Value<'_>],
        field: impl Selector,
        value: impl Into<Value<'v>>,
    ) -> Result<bool> {
        let mut row = RowBuf::new(self.schema());
        row.set(field, value)?;
        let (def, stored) = row.as_row().stored(field)?;
        let span = def.offset()..def.offset() + def.width();
        let key = encode_key(&self.writer.table.definition, key, true)?;
        let set = |record: &mut [u8]| {
            record[span].copy_from_slice(stored);
            Ok(())
        };
        self.writer.update(&key, set).map(|done| done.is_some())
    }

    /// Lets `change` work on a copy of a row and puts it in its place. `None` if there is no such row.
    ///
    /// # Errors
    /// What `change` returns; `Value` if it changed the key; `Corrupt` or `Io` as for [`insert`](DynamicTableMut::insert). The
    /// row then is as it was.
    pub fn update<R>(
        &mut self,
        key: &[Value<'_>],
        change: impl FnOnce(&mut RowBuf) -> Result<R>,
    ) -> Result<Option<R>> {
        let key = encode_key(&self.writer.table.definition, key, true)?;
        let schema = self.schema().clone();
        self.writer.update(&key, |record| {
            let mut row = RowBuf::from_bytes(&schema, record.to_vec())?;
            let result = change(&mut row)?;
            // It may have been exchanged for another row altogether.
            schema.check_same("the row", row.schema())?;
            record.copy_from_slice(row.as_bytes());
            Ok(result)
        })
    }

    /// Takes the row with this key out. O(log n).
    ///
    /// # Errors
    /// `Usage` if the table has no key; `Corrupt` or `Io` as for [`insert`](DynamicTableMut::insert).
    pub fn remove(&mut self, key: &[Value<'_>]) -> Result<Option<RowBuf>> {
        self.needs(true, "remove", "use swap_remove")?;
        let key = encode_key(&self.writer.table.definition, key, true)?;
        let mut removed = Vec::new();
        if self.writer.remove(&key, &mut removed)? {
            return RowBuf::from_bytes(self.schema(), removed).map(Some);
        }
        Ok(None)
    }

    /// Takes a row out of a table without a key by moving the last one to its place. O(log n).
    ///
    /// # Errors
    /// `Usage` if the table has a key; `OutOfRange` if there is no such row; `Corrupt` or `Io` as for
    /// [`insert`](DynamicTableMut::insert).
    pub fn swap_remove(&mut self, number: u64) -> Result<RowBuf> {
        self.needs(false, "swap_remove", "use remove")?;
        let removed = self.writer.swap_remove(number)?;
        RowBuf::from_bytes(self.schema(), removed)
    }

    /// Keeps the first `rows` rows of a table without a key.
    ///
    /// # Errors
    /// `Usage` if the table has a key; `Corrupt` or `Io` as for [`insert`](DynamicTableMut::insert).
    pub fn truncate(&mut self, rows: u64) -> Result<()> {
        self.needs(false, "truncate", "use remove")?;
        self.writer.truncate(rows)
    }

    /// Loads records in bulk; see [`TableMut::load`](crate::TableMut::load).
    ///
    /// # Errors
    /// What the source returns; `Duplicate`, unless the options say which one to keep; `Io` if the disk is full. The table
    /// is then what it was.
    pub fn load(&mut self, source: &mut dyn RecordSource, options: &LoadOptions) -> Result<LoadReport> {
        self.writer.load(source, options)
    }

    /// Makes an index on the table: see [`WriteTransaction::create_index`](crate::WriteTransaction::create_index).
    ///
    /// # Errors
    /// As there.
    pub fn create_index<S: AsRef<str>>(
        &mut self,
        name: &str,
        fields: &[S],
        options: &IndexOptions,
    ) -> Result<()> {
        self.writer.create_index(name, fields, options)
    }

    /// See [`DynamicTable::index`].
    ///
    /// # Errors
    /// As there.
    pub fn index(&self, name: &str) -> Result<DynamicIndex<'_>> {
        self.as_table().index(name)
    }

    /// Removes all rows. O(nodes).
    ///
    /// # Errors
    /// `Corrupt` or `Io` if the pages to be given up cannot be read.
    pub fn clear(&mut self) -> Result<()> {
        self.writer.clear()
    }

    fn check(&self, row: &RowBuf) -> Result<()> {
        self.schema().check_same("the row", row.schema())
    }

    fn needs(&self, keyed: bool, call: &str, instead: &str) -> Result<()> {
        if self.schema().is_keyed() != keyed {
            let has = if keyed { "no key" } else { "a key" };
            fail!(
                Usage,
                "table {:?} has {has}, so {call} does not apply; {instead}",
                self.writer.table.definition.name
            );
        }
        Ok(())
    }
}
