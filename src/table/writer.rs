//! Changing a table as bytes: what the typed and the dynamic door share.

use std::path::PathBuf;

use parking_lot::{ArcMutexGuard, RawMutex};

use super::reader::{Reader, row_number};
use crate::catalog::Definition;
use crate::error::{Error, ErrorKind, Result, fail};
use crate::load::{LoadOptions, LoadReport, RecordSource, Target, load};
use crate::page::WriteSession;
use crate::tree::{Edited, Placed, Probe, with_probe};

/// A table that a write transaction works on.
pub(crate) struct OpenTable {
    pub(crate) definition: Definition,
    pub(crate) edited: Edited,
}

/// What a table needs of the transaction that it belongs to.
pub(crate) trait TableHome {
    /// Where pages are read and written.
    fn session(&self) -> &WriteSession;
    /// How much memory the edits of one table may take before they are written out.
    fn share_bytes(&self) -> usize;
    /// Where temporary files go.
    fn scratch_folder(&self) -> PathBuf;
}

/// A table, taken by one handle. Given back when the handle is dropped.
pub(crate) struct Writer<'x> {
    pub(crate) home: &'x dyn TableHome,
    pub(crate) table: ArcMutexGuard<RawMutex, OpenTable>,
}

impl<'x> Writer<'x> {
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { definition: &self.table.definition, view: self.table.edited.view(self.home.session()) }
    }

    fn is_keyed(&self) -> bool {
        self.table.definition.layout.is_keyed()
    }

    #[cold]
    fn place_error(&self, error: Error) -> Error {
        error.within(format!("table {:?}", self.table.definition.name))
    }

    /// Runs an edit, then writes out what has become too much for memory.
    fn edit<R>(&mut self, edit: impl FnOnce(&mut Edited, &WriteSession) -> Result<R>) -> Result<R> {
        let session = self.home.session();
        if session.has_failed() {
            fail!(Usage, "this transaction failed to write before; drop it and begin another");
        }
        let edited = edit(&mut self.table.edited, session).map_err(|error| self.place_error(error))?;
        if self.table.edited.owned_bytes() > self.home.share_bytes() {
            self.table.edited.flush(session).map_err(|error| self.place_error(error))?;
        }
        Ok(edited)
    }

    /// Puts in a record with a new key.
    pub(crate) fn insert(&mut self, record: &[u8]) -> Result<()> {
        match self.edit(|tree, session| tree.put(session, record, false))? {
            Placed::New => Ok(()),
            Placed::Existing => {
                let key = describe_key(&self.table.definition, record);
                fail!(
                    Duplicate,
                    "table {:?} has a row with key {key} already; use upsert to replace it",
                    self.table.definition.name
                )
            }
        }
    }

    /// Puts in a record, replacing the one with its key. Whether there was one.
    pub(crate) fn upsert(&mut self, record: &[u8]) -> Result<bool> {
        self.edit(|tree, session| tree.put(session, record, true)).map(|placed| placed == Placed::Existing)
    }

    /// Lets `change` work on a row in place. `None` if there is no such row. The key must stay what it is, and an error
    /// leaves the row as it was.
    pub(crate) fn update<R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut [u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        let (keyed, key_width) = (self.is_keyed(), self.table.definition.layout.key().width());
        self.edit(|tree, session| {
            let found =
                if keyed { tree.find_mut(session, key)? } else { tree.record_mut(session, row_number(key))? };
            let Some(record) = found else { return Ok(None) };
            let before = record.to_vec();
            let mut changed = change(record);
            if changed.is_ok() && record[..key_width] != before[..key_width] {
                changed = Err(Error::new(
                    ErrorKind::Value,
                    "an update must leave the key as it is; remove the row and insert another",
                ));
            }
            if changed.is_err() {
                record.copy_from_slice(&before);
            }
            changed.map(Some)
        })
    }

    /// In which order to take keys, given in stored form side by side, so that those of one leaf come together.
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

    /// Takes a row out, into `removed`. Whether there was one.
    pub(crate) fn remove(&mut self, key: &[u8], removed: &mut Vec<u8>) -> Result<bool> {
        self.edit(|tree, session| tree.remove(session, key, removed))
    }

    /// Appends records to a table without a key.
    pub(crate) fn extend(&mut self, records: &[u8]) -> Result<()> {
        self.edit(|tree, session| tree.extend(session, records))
    }

    /// Overwrites a row of a table without a key.
    pub(crate) fn set(&mut self, row: u64, record: &[u8]) -> Result<()> {
        let rows = self.table.edited.rows();
        let done = self.edit(|tree, session| {
            Ok(tree.record_mut(session, row)?.map(|into| into.copy_from_slice(record)).is_some())
        })?;
        if done { Ok(()) } else { Err(self.no_row(row, rows)) }
    }

    /// Moves the last row of a table without a key to this place, and gives back what was there.
    pub(crate) fn swap_remove(&mut self, row: u64) -> Result<Vec<u8>> {
        let rows = self.table.edited.rows();
        let (Some(removed), Some(last)) =
            (self.reader().record(row)?, self.reader().record(rows.wrapping_sub(1))?)
        else {
            return Err(self.no_row(row, rows));
        };
        let (removed, last) = (removed.to_vec(), last.to_vec());
        self.set(row, &last)?;
        self.truncate(rows - 1)?;
        Ok(removed)
    }

    /// Keeps the first rows of a table without a key.
    pub(crate) fn truncate(&mut self, rows: u64) -> Result<()> {
        self.edit(|tree, session| tree.truncate(session, rows))
    }

    /// Removes all rows.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.edit(|tree, session| tree.clear(session))
    }

    /// Loads records in bulk. After an error the table is what it was.
    pub(crate) fn load(
        &mut self,
        source: &mut dyn RecordSource,
        options: &LoadOptions,
    ) -> Result<LoadReport> {
        let scratch = self.home.scratch_folder();
        let definition = self.table.definition.clone();
        self.edit(|tree, session| {
            let describe_key = |record: &[u8]| describe_key(&definition, record);
            let target = Target { session, tree, replaced_rows: 0, scratch, describe_key: &describe_key };
            load(target, source, options)
        })
    }

    fn no_row(&self, row: u64, rows: u64) -> Error {
        let message =
            format!("table {:?} has {rows} rows; there is no row {row}", self.table.definition.name);
        Error::new(ErrorKind::OutOfRange, message)
    }
}

/// A record's key as a person writes it.
pub(crate) fn describe_key(definition: &Definition, record: &[u8]) -> String {
    let mut key = String::from("(");
    for (position, field) in definition.schema.key_fields().iter().enumerate() {
        if position > 0 {
            key.push_str(", ");
        }
        let stored = record.get(field.offset()..field.offset() + field.width()).unwrap_or_default();
        if field.write_text(stored, &mut key).is_err() {
            key.push('?');
        }
    }
    key.push(')');
    key
}

fn sort_words<P: Probe>(_: P, words: &mut [(P::Word, u32)]) {
    P::sort(words);
}
