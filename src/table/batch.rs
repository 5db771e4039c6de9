//! Changes of many rows in one call: sorted first, then applied leaf by leaf.

use std::borrow::Borrow;
use std::ops::{Bound, RangeBounds};

use super::kind::{Dyn, RowKind};
use super::reader::row_number;
use super::writer::RowKey;

use super::table::encode_keys;
use super::table_mut::TableMut;
use super::updated::Updated;
use crate::error::{ErrorKind, Result};
use crate::load::{LoadOptions, OnDuplicate};
use crate::page::prefetch;
use crate::record::{Keyed, PrefixOf, Record, Value};
use crate::schema::Schema;
use crate::tree::RowSet;

/// How many items ahead of the present one are prefetched.
const AHEAD: usize = 16;

/// The items at these indices, in this order. They lie anywhere in what the caller gave, so each is
/// fetched some time before it comes.
fn visits(order: &[u32], fetch: impl Fn(usize)) -> impl Iterator<Item = usize> {
    order.iter().enumerate().map(move |(n, at)| {
        if let Some(next) = order.get(n + AHEAD) {
            fetch(*next as usize);
        }
        *at as usize
    })
}

impl<R: RowKind> TableMut<'_, R> {
    /// Changes many rows, each with the value that comes with its key, and returns how many it
    /// changed. Rows are visited in the order of their keys, so each leaf is visited once: a
    /// million random keys take a fraction of the time of a million calls of
    /// [`update`](TableMut::update). A key that comes twice is changed twice, in the order given.
    /// Keys that are not in the table are skipped.
    ///
    /// `change` returns nothing or a [`Result`](crate::Result), as in `update`.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.insert(&User { id: 7, score: 1 })?;
    /// # users.insert(&User { id: 9, score: 2 })?;
    /// let won = [(9, 5), (8, 10), (7, 10)];
    /// assert_eq!(users.update_many(&won, |user, points| user.score += points)?, 2);
    /// assert_eq!(users.get(7)?.unwrap().score, 11);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`update`](TableMut::update). An error of `change`, or `KeyExists` of a unique index,
    /// undoes all changes of the call. After another error, or if `change` panics, some rows may
    /// have been changed, and the transaction can no longer be committed.
    pub fn update_many<V, C: Updated<Value = ()>>(
        &mut self,
        changes: &[(R::Key<'_>, V)],
        mut change: impl FnMut(&mut R::Buf, &V) -> C,
    ) -> Result<u64> {
        let mut undo = Undo::new(C::CAN_FAIL || self.writer.has_unique_index());
        let schema = self.held_schema();
        let schema = schema.borrow();
        let is_keyed = schema.is_keyed();
        for changes in changes.chunks(1 << 24) {
            let keys = encode_keys::<R>(schema, changes.iter().map(|(key, _)| *key))?;
            let width = keys.len() / changes.len();
            let fetch = |at: usize| {
                prefetch(&keys[at * width..][..width]);
                prefetch(&changes[at]);
            };
            for at in visits(&self.writer.in_key_order(&keys), fetch) {
                let key = &keys[at * width..][..width];
                let key = if is_keyed { RowKey::Stored(key) } else { RowKey::Number(row_number(key)) };
                let by = &changes[at].1;
                self.update_one(&mut undo, key, schema, |row| change(row, by).into_result())?;
            }
        }
        Ok(undo.changed)
    }

    /// Changes the rows of a set, in order, and returns their number. As
    /// [`update_many`](TableMut::update_many).
    pub(crate) fn update_rows<C: Updated<Value = ()>>(
        &mut self,
        rows: &RowSet,
        mut change: impl FnMut(&mut R::Buf) -> C,
    ) -> Result<u64> {
        let mut undo = Undo::new(C::CAN_FAIL || self.writer.has_unique_index());
        let schema = self.held_schema();
        for number in rows.runs().flatten() {
            let row = RowKey::Number(number);
            self.update_one(&mut undo, row, schema.borrow(), |row| change(row).into_result())?;
        }
        Ok(undo.changed)
    }

    /// Removes the rows of a set, and returns their number.
    pub(crate) fn remove_rows(&mut self, rows: &RowSet) -> Result<u64> {
        self.writer.remove_rows(rows)
    }

    /// Changes one of many rows. After an error that undoes the call, all of them are unchanged.
    fn update_one(
        &mut self,
        undo: &mut Undo,
        key: RowKey<'_>,
        schema: &Schema,
        change: impl FnOnce(&mut R::Buf) -> Result<()>,
    ) -> Result<()> {
        let session = self.writer.transaction.session();
        let before = undo.befores.len();
        // Whether it was the caller's closure that failed.
        let mut refused = false;
        let updated = session.fail_on_panic(|| {
            self.writer.update_row(key, |record| {
                undo.note(key, record);
                let mut row = R::buf(schema, record)?;
                change(&mut row)
                    .and_then(|()| R::bytes(schema, &row))
                    .map(|row| record.copy_from_slice(row))
                    .inspect_err(|_| refused = true)
            })
        });
        let error = match updated {
            Ok(updated) => {
                undo.changed += u64::from(updated.is_some());
                return Ok(());
            }
            Err(error) => error,
        };
        let is_refused = refused || matches!(error.kind(), ErrorKind::KeyExists | ErrorKind::Value);
        if undo.is_kept && is_refused {
            undo.befores.truncate(before);
            self.restore(undo).inspect_err(|_| session.fail())?;
        } else if undo.changed > 0 {
            session.fail();
        }
        Err(error)
    }

    /// Restores rows in reverse order. Values that moved from row to row move back the same way, so
    /// no value is ever in two rows.
    fn restore(&mut self, undo: &Undo) -> Result<()> {
        for (key, before) in undo.befores.iter().rev() {
            let key = match key {
                Some(number) => RowKey::Number(*number),
                None => RowKey::Stored(&before[..self.schema().key_width()]),
            };
            self.writer.update_row(key, |record| {
                record.copy_from_slice(before);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Keeps the rows for which `keep` returns `true`, in their order, and returns how many were
    /// removed. In a table without a key, the remaining rows are renumbered from 0. O(n). Leaves
    /// that lose no row are not written.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// users.load((0..1000).map(|id| User { id, score: id % 10 }))?;
    /// assert_eq!(users.retain(|user| user.score > 0)?, 100);
    /// assert_eq!(users.len(), 900);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` or `Io` if pages cannot be read or written. If `keep` panics, the table is
    /// unchanged.
    pub fn retain(&mut self, mut keep: impl FnMut(R::Row<'_>) -> bool) -> Result<u64> {
        let mut removed = RowSet::none();
        for (row, number) in self.iter().zip(0..) {
            if !keep(row?) {
                removed.add(number);
            }
        }
        self.writer.remove_rows(&removed)
    }
}

impl<R: RowKind + Keyed> TableMut<'_, R> {
    /// Inserts rows with new keys, in any order, and returns their number. They are sorted and
    /// inserted leaf by leaf.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// assert_eq!(users.insert_many([9, 7, 8].map(|id| User { id, score: 0 }))?, 3);
    /// assert!(users.insert_many([6, 7].map(|id| User { id, score: 0 })).is_err());
    /// assert_eq!(users.len(), 3); // 6 was not inserted either
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `KeyExists` if a key comes twice or is in the table, or if values of a unique index do; else
    /// as for [`insert`](TableMut::insert). After an error, or if the iterator panics, the table is
    /// unchanged.
    pub fn insert_many(&mut self, rows: impl IntoIterator<Item = R::Buf>) -> Result<u64> {
        self.put_many("insert_many", rows, OnDuplicate::Error)
    }

    /// Inserts rows, replaces those whose keys are in the table, and returns how many were new. Of
    /// rows with the same key, the last one is stored. The rows are sorted and stored leaf by leaf.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// users.insert(&User { id: 7, score: 1 })?;
    /// assert_eq!(users.upsert_many([8, 7].map(|id| User { id, score: 5 }))?, 1);
    /// assert_eq!(users.get(7)?.unwrap().score, 5);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`insert_many`](TableMut::insert_many), except that keys may come twice or be in the
    /// table.
    pub fn upsert_many(&mut self, rows: impl IntoIterator<Item = R::Buf>) -> Result<u64> {
        self.put_many("upsert_many", rows, OnDuplicate::Last)
    }

    fn put_many(
        &mut self,
        call: &str,
        rows: impl IntoIterator<Item = R::Buf>,
        on_duplicate: OnDuplicate,
    ) -> Result<u64> {
        self.needs_key(call, "extend")?;
        let before = self.len();
        let report = self.load_with(rows, &LoadOptions::new().on_duplicate(on_duplicate))?;
        Ok(report.rows - before)
    }

    /// Removes the rows with these keys, and returns how many it removed. The keys are sorted, so
    /// each leaf is visited once. Keys that are not in the table are skipped.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// users.load((0..10).map(|id| User { id, score: 0 }))?;
    /// assert_eq!(users.remove_many(&[7, 3, 12, 3])?, 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`remove`](TableMut::remove). The table is then unchanged, or the transaction can no
    /// longer be committed.
    pub fn remove_many(&mut self, keys: &[R::Key<'_>]) -> Result<u64> {
        self.needs_key("remove_many", "retain")?;
        if keys.is_empty() {
            return Ok(0);
        }
        let stored = encode_keys::<R>(self.schema(), keys.iter().copied())?;
        let width = stored.len() / keys.len();
        let mut removed = RowSet::none();
        let table = self.writer.reader();
        let key = |at: usize| &stored[at * width..][..width];
        for at in visits(&self.writer.in_key_order(&stored), |at| prefetch(key(at))) {
            let place = table.place(key(at))?;
            if place.found {
                removed.add(place.rank);
            }
        }
        self.writer.remove_rows(&removed)
    }

    /// Removes the rows whose keys lie in a range, and returns how many it removed. Whole leaves
    /// are unlinked without being read, so the time depends on the number of leaves, not of rows.
    /// Entries of indexes are removed one by one or, if there are many, by writing the index again.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// users.load((0..100_000).map(|id| User { id, score: 0 }))?;
    /// assert_eq!(users.remove_range(..50_000)?, 50_000);
    /// assert_eq!(users.first()?.unwrap().id, 50_000);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`remove_many`](TableMut::remove_many).
    pub fn remove_range<'k>(&mut self, keys: impl RangeBounds<R::Key<'k>>) -> Result<u64> {
        self.needs_key("remove_range", "truncate, or retain")?;
        let rows = self.as_table().numbers_between(keys)?;
        self.writer.remove_rows(&RowSet::range(rows))
    }
}

impl<T: Record + Keyed> TableMut<'_, T> {
    /// Removes the rows whose keys begin with these leading fields, and returns how many it
    /// removed. As fast as [`remove_range`](TableMut::remove_range).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct Edge { #[record(key)] from: u32, #[record(key)] to: u32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut edges = write.create_table::<Edge>("edges")?;
    /// edges.load([(1, 2), (1, 3), (2, 1)].map(|(from, to)| Edge { from, to }))?;
    /// assert_eq!(edges.remove_prefix((1,))?, 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`remove_many`](TableMut::remove_many).
    pub fn remove_prefix<P: PrefixOf<T::Key>>(&mut self, fields: P) -> Result<u64> {
        let rows = self.as_table().prefix(fields)?.numbers();
        self.writer.remove_rows(&RowSet::range(rows))
    }
}

impl TableMut<'_, Dyn> {
    /// Removes the rows whose keys begin with these values, and returns how many it removed. As
    /// fast as [`remove_range`](TableMut::remove_range).
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema};
    /// # let schema: Schema = "from: u32 key, to: u32 key".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut edges = write.create_dyn_table("edges", &schema)?;
    /// # for pair in [[1, 2], [1, 3], [2, 1]] {
    /// #     edges.insert(&RowBuf::from_values(&schema, pair)?)?;
    /// # }
    /// assert_eq!(edges.remove_prefix(&[1_u32.into()])?, 2);
    /// assert_eq!(edges.len(), 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`remove_many`](TableMut::remove_many).
    pub fn remove_prefix(&mut self, fields: &[Value<'_>]) -> Result<u64> {
        self.remove_range((Bound::Included(fields), Bound::Included(fields)))
    }
}

/// The rows before a call that changes many of them, to undo its changes.
struct Undo {
    /// Whether something may fail that undoes the call.
    is_kept: bool,
    /// The number of each row, if it was given by number, and its bytes. Updates do not change
    /// keys.
    befores: Vec<(Option<u64>, Box<[u8]>)>,
    changed: u64,
}

impl Undo {
    fn new(is_kept: bool) -> Undo {
        Undo { is_kept, befores: Vec::new(), changed: 0 }
    }

    fn note(&mut self, key: RowKey<'_>, record: &[u8]) {
        if self.is_kept {
            let number = if let RowKey::Number(number) = key { Some(number) } else { None };
            self.befores.push((number, record.into()));
        }
    }
}
