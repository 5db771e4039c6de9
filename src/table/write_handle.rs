//! `WriteHandle`: changes a table as bytes, for one handle at a time. `TableMut<R>` and the
//! transaction use it. It changes rows only through `TableWriter`.

use std::path::PathBuf;

use super::entry::entry_schema;
use super::index::IndexOptions;
use super::reader::{Reader, describe_key, row_number};
use super::writer::{RowKey, TableWriter};
use crate::catalog::Definition;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::lease::Held;
use crate::load::{LoadOptions, LoadReport, RecordSource};
use crate::schema::Schema;
use crate::space::WriteSession;
use crate::tree::{Placed, Probe, RowSet, with_probe};

/// What a table needs from its transaction.
pub(crate) trait TableSource: Sync {
    /// The session of the transaction.
    fn session(&self) -> &WriteSession;
    /// How many bytes of memory the edits of one table may take before they are written.
    fn share_bytes(&self) -> usize;
    /// The folder for temporary files.
    fn scratch_folder(&self) -> PathBuf;
    /// Enters an index in the catalog.
    fn enter_index(
        &self,
        table: &mut Definition,
        name: &str,
        entry: &Schema,
        shape: (u8, bool),
    ) -> Result<Definition>;
    /// Removes an index from the catalog.
    fn remove_index(&self, table: &mut Definition, index: &Definition) -> Result<()>;
}

/// A table that is lent to one handle, until the handle is dropped.
pub(crate) struct WriteHandle<'x> {
    pub(crate) transaction: &'x dyn TableSource,
    pub(crate) table: Held<'x, TableWriter>,
}

impl<'x> WriteHandle<'x> {
    pub(crate) fn reader(&self) -> Reader<'_> {
        self.table.reader()
    }

    fn is_keyed(&self) -> bool {
        self.table.definition.layout.is_keyed()
    }

    #[cold]
    fn in_table(&self, error: Error) -> Error {
        error.within_table(&self.table.definition.name)
    }

    /// Runs an edit, and then writes edited nodes if they take too much memory. An edit that fails
    /// must leave the table as it was. After a panic the transaction cannot be committed.
    fn edit<R>(&mut self, edit: impl FnOnce(&mut TableWriter) -> Result<R>) -> Result<R> {
        let session = self.transaction.session();
        session.check_failed()?;
        let edited = session.fail_on_panic(|| edit(&mut self.table));
        self.after_edit(edited)
    }

    #[inline]
    fn after_edit<R>(&mut self, edited: Result<R>) -> Result<R> {
        let edited = edited.map_err(|error| self.in_table(error))?;
        if self.table.owned_bytes() > self.transaction.share_bytes() {
            self.table.write_out().map_err(|error| self.in_table(error))?;
        }
        Ok(edited)
    }

    /// Puts in a record with a new key.
    pub(crate) fn insert(&mut self, record: &[u8]) -> Result<()> {
        match self.edit(|table| table.put(record, false))? {
            Placed::New => Ok(()),
            Placed::Existing => {
                let key = describe_key(&self.table.definition, record);
                bail!(
                    KeyExists,
                    "table {:?} has a row with key {key} already; use upsert to replace it",
                    self.table.definition.name
                )
            }
        }
    }

    /// Puts in a record, replacing the one with its key. Returns whether there was one.
    pub(crate) fn upsert(&mut self, record: &[u8]) -> Result<bool> {
        self.edit(|table| table.put(record, true)).map(|placed| placed == Placed::Existing)
    }

    /// Calls `change` with a row to write to. `None` if there is no such row. The key must stay the
    /// same, and an error leaves the row as it was. `change` may be code of the caller that panics:
    /// it runs while the table is consistent, and must write only as its last step.
    pub(crate) fn update<R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut [u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        let key = if self.is_keyed() { RowKey::Stored(key) } else { RowKey::Number(row_number(key)) };
        self.update_row(key, change)
    }

    /// The same for a row given by its key or its number.
    pub(crate) fn update_row<R>(
        &mut self,
        row: RowKey<'_>,
        change: impl FnOnce(&mut [u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        let session = self.transaction.session();
        session.check_failed()?;
        let updated = self.table.update(row, change);
        self.after_edit(updated)
    }

    /// Whether one of the indexes is unique.
    pub(crate) fn has_unique_index(&self) -> bool {
        self.table.has_unique_index()
    }

    /// The order in which to visit stored keys, which lie side by side, so that each leaf is
    /// visited once.
    pub(crate) fn in_key_order(&self, keys: &[u8]) -> Vec<u32> {
        if !self.is_keyed() {
            let mut rows: Vec<(u64, u32)> = keys.chunks_exact(8).map(row_number).zip(0..).collect();
            rows.sort_unstable();
            return rows.into_iter().map(|(_, at)| at).collect();
        }
        let shape = self.table.definition.layout.key();
        with_probe!(shape, probe => {
            let mut words: Vec<_> =
                keys.chunks_exact(shape.width()).map(|key| probe.stored(key)).zip(0..).collect();
            sort_words(probe, &mut words);
            words.into_iter().map(|(_, at)| at).collect()
        })
    }

    /// Removes a row and copies it to `removed`. Returns whether there was one.
    pub(crate) fn remove(&mut self, key: &[u8], removed: &mut Vec<u8>) -> Result<bool> {
        self.edit(|table| table.remove(key, removed))
    }

    /// Removes the rows with these numbers, and returns how many there were.
    pub(crate) fn remove_rows(&mut self, rows: &RowSet) -> Result<u64> {
        let scratch = self.transaction.scratch_folder();
        self.edit(|table| table.remove_rows(rows, &scratch))
    }

    /// Appends records to a table without a key.
    pub(crate) fn extend(&mut self, records: &[u8]) -> Result<()> {
        self.edit(|table| table.extend(records))
    }

    /// Overwrites a row of a table without a key.
    pub(crate) fn set(&mut self, row: u64, record: &[u8]) -> Result<()> {
        let rows = self.table.rows();
        let set = |into: &mut [u8]| {
            into.copy_from_slice(record);
            Ok(())
        };
        let done = self.edit(|table| table.update(RowKey::Number(row), set))?;
        if done.is_some() { Ok(()) } else { Err(self.no_row(row, rows)) }
    }

    /// Replaces a row of a table without a key by the last row, and returns it.
    pub(crate) fn swap_remove(&mut self, row: u64) -> Result<Vec<u8>> {
        let rows = self.table.rows();
        match self.edit(|table| table.swap_remove(row))? {
            Some(removed) => Ok(removed),
            None => Err(self.no_row(row, rows)),
        }
    }

    /// Keeps the first rows of a table without a key.
    pub(crate) fn truncate(&mut self, rows: u64) -> Result<()> {
        self.edit(|table| table.truncate(rows))
    }

    /// Removes rows that were appended before an error. If that fails too, the transaction cannot
    /// be committed.
    pub(crate) fn take_back_to(&mut self, rows: u64) {
        if self.truncate(rows).is_err() {
            self.transaction.session().fail();
        }
    }

    /// Removes all rows.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.edit(|table| table.clear())
    }

    /// Loads records in bulk. An error or a panic of the source leaves the table as it was.
    pub(crate) fn load(
        &mut self,
        source: &mut dyn RecordSource,
        options: &LoadOptions,
    ) -> Result<LoadReport> {
        let scratch = self.transaction.scratch_folder();
        let session = self.transaction.session();
        session.check_failed()?;
        let loaded = self.table.load(scratch, source, options);
        self.after_edit(loaded)
    }

    /// Creates an index, and builds it from the rows.
    pub(crate) fn create_index<S: AsRef<str>>(
        &mut self,
        name: &str,
        fields: &[S],
        options: &IndexOptions,
    ) -> Result<()> {
        let entry =
            entry_schema(&self.table.definition.schema, fields).map_err(|error| self.in_table(error))?;
        let (transaction, scratch) = (self.transaction, self.transaction.scratch_folder());
        self.edit(|table| {
            // At most `INDEXED_FIELDS`: `entry_schema` has checked that.
            let shape = (fields.len() as u8, options.unique);
            let index = transaction.enter_index(&mut table.definition, name, &entry, shape)?;
            let built = table.add_index(index.clone(), &scratch, &options.load_options());
            if built.is_err() {
                transaction
                    .remove_index(&mut table.definition, &index)
                    .inspect_err(|_| transaction.session().fail())?;
            }
            built
        })
    }

    /// Drops an index.
    pub(crate) fn drop_index(&mut self, name: &str) -> Result<()> {
        let transaction = self.transaction;
        self.edit(|table| {
            let index = table.take_index(name)?;
            transaction
                .remove_index(&mut table.definition, &index)
                .inspect_err(|_| transaction.session().fail())
        })
    }

    fn no_row(&self, row: u64, rows: u64) -> Error {
        let message =
            format!("table {:?} has {rows} rows; there is no row {row}", self.table.definition.name);
        Error::new(ErrorKind::OutOfRange, message)
    }
}

fn sort_words<P: Probe>(_: P, words: &mut [(P::Word, u32)]) {
    P::sort(words);
}
