//! `TableMut<T>`: a table in the write transaction, its rows as plain structs.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytemuck::{bytes_of, cast_slice};

use super::index::{Index, IndexOptions};
use super::reader::{encode_all, with_key};
use super::scan::{Rows, Slices};
use super::typed::Table;
use super::updated::Updated;
use super::writer::Writer;
use crate::error::{Error, ErrorKind, Result};
use crate::load::{IterSource, LoadOptions, LoadReport};
use crate::record::{Field, FieldType, Key, Keyed, PrefixOf, Record, Selector, Unkeyed};
use crate::schema::Schema;

/// A table to read and to change. It sees its own changes; others see them after the commit.
///
/// Dropping the handle keeps the changes in the transaction; dropping the transaction drops them.
/// A handle takes its table: while it lives, the same table cannot be opened again.
///
/// ```
/// use drystone::{Database, Record};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Record)]
/// #[repr(C)]
/// struct Account {
///     #[record(key)]
///     id: u64,
///     cents: i64,
/// }
///
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut accounts = write.create_table::<Account>("accounts")?;
/// accounts.insert(&Account { id: 1, cents: 100 })?;
/// accounts.upsert(&Account { id: 2, cents: 50 })?;
/// accounts.update(1, |account| account.cents -= 30)?;
/// assert_eq!(accounts.get(1)?.unwrap().cents, 70);
/// assert_eq!(accounts.remove(2)?, Some(Account { id: 2, cents: 50 }));
/// drop(accounts);
/// write.commit()?;
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct TableMut<'x, T> {
    writer: Writer<'x>,
    records: PhantomData<fn() -> T>,
}

impl<T: Record> fmt::Debug for TableMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableMut({:?}, {} rows)", self.writer.table.definition.name, self.len())
    }
}

impl<'x, T: Record> TableMut<'x, T> {
    /// Takes a table as `T`. The schemas must agree.
    pub(crate) fn new(writer: Writer<'x>) -> Result<TableMut<'x, T>> {
        Table::<T>::new(writer.reader())?;
        Ok(TableMut { writer, records: PhantomData })
    }

    /// The table as it is now, with all the ways to read it. Its rows live as long as this borrow.
    pub fn as_table(&self) -> Table<'_, T> {
        Table::unchecked(self.writer.reader())
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

    /// See [`Table::get`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn get(&self, key: T::Key) -> Result<Option<&T>> {
        self.as_table().get(key)
    }

    /// See [`Table::range`].
    ///
    /// # Errors
    /// As there.
    pub fn range(&self, keys: impl RangeBounds<T::Key>) -> Result<Rows<'_, T>> {
        self.as_table().range(keys)
    }

    /// See [`Table::iter`].
    pub fn iter(&self) -> Rows<'_, T> {
        self.as_table().iter()
    }

    /// See [`Table::slices`].
    pub fn slices(&self) -> Slices<'_, T> {
        self.as_table().slices()
    }

    /// Changes a row. `None` if there is none with this key (or number).
    ///
    /// `change` returns nothing or a [`Result`](crate::Result). If it returns an error or panics, the row is as it was.
    ///
    /// ```
    /// # use drystone::{Database, Error, ErrorKind, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Account { #[record(key)] id: u64, cents: i64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut accounts = write.create_table::<Account>("accounts")?;
    /// accounts.insert(&Account { id: 1, cents: 100 })?;
    /// accounts.update(1, |account| account.cents += 20)?;
    /// let withdrawn = accounts.update(1, |account| {
    ///     account.cents -= 500;
    ///     if account.cents < 0 {
    ///         return Err(Error::new(ErrorKind::Value, "not that much money"));
    ///     }
    ///     Ok(account.cents)
    /// });
    /// assert!(withdrawn.is_err());
    /// assert_eq!(accounts.get(1)?.unwrap().cents, 120);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `change` returns; `Value` if it changed the key, `Duplicate` if another row has what this one got in a unique index: the
    /// row is as it was. `Corrupt` or `Io` if pages cannot be read, or written where the edits outgrow their memory.
    pub fn update<C: Updated>(
        &mut self,
        key: T::Key,
        change: impl FnOnce(&mut T) -> C,
    ) -> Result<Option<C::Value>> {
        with_key(key, |key| {
            self.writer.update(key, |record| {
                // On a copy: what `change` has done when it fails or panics is not in the table.
                let mut row: T = bytemuck::try_pod_read_unaligned(record).map_err(|error| {
                    Error::new(ErrorKind::Corrupt, format!("a row has the wrong width: {error}"))
                })?;
                let value = change(&mut row).into_result()?;
                record.copy_from_slice(bytes_of(&row));
                Ok(value)
            })
        })
    }

    /// Changes many rows in place, each by what comes with its key, and says how many there were. The rows are taken in the order
    /// of their keys, so that each leaf is gone to once: a million random keys take a fraction of the time that so many calls
    /// of [`update`](TableMut::update) do. A key that comes twice is changed twice, in the order given; one that is nobody's
    /// is passed over.
    ///
    /// To put whole rows in, or over others, [`load`](TableMut::load) takes them in any order.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct User { #[record(key)] id: u64, score: u64 }
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
    /// As for [`update`](TableMut::update). `Duplicate`, where there is a unique index, takes all changes of the call back. After
    /// another error, or if `change` panics, some rows may have been changed: the transaction can then not be committed.
    pub fn update_many<V>(
        &mut self,
        changes: &[(T::Key, V)],
        mut change: impl FnMut(&mut T, &V),
    ) -> Result<u64> {
        let mut changed = 0;
        let session = self.writer.home.session();
        // What rows were, each after its key, where a unique index may refuse a later one.
        let (mut befores, can_clash) = (Vec::new(), self.writer.has_unique_index());
        for changes in changes.chunks(1 << 24) {
            let keys = encode_all(changes.iter().map(|(key, _)| *key));
            for at in self.writer.in_key_order(&keys) {
                let (key, by) = &changes[at as usize];
                let start = befores.len();
                let updated = session.fail_on_panic(|| {
                    self.update(*key, |row| {
                        if can_clash {
                            befores.resize(start + T::Key::WIDTH, 0);
                            key.encode(&mut befores[start..]);
                            befores.extend_from_slice(bytes_of(row));
                        }
                        change(row, by);
                    })
                });
                match updated {
                    Ok(updated) => changed += u64::from(updated.is_some()),
                    Err(error) if error.kind() == ErrorKind::Duplicate => {
                        befores.truncate(start);
                        self.writer.restore(&befores, T::Key::WIDTH).inspect_err(|_| session.fail())?;
                        return Err(error);
                    }
                    Err(error) => {
                        if changed > 0 {
                            session.fail();
                        }
                        return Err(error);
                    }
                }
            }
        }
        Ok(changed)
    }

    /// Sets one field of a row in place. Whether there is such a row.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut points = write.create_table::<Point>("points")?;
    /// # points.push(&Point { x: 1, y: 2 })?;
    /// let y = Point::schema().handle::<i32>("y")?;
    /// assert!(points.set_field(0, y, 7)?);
    /// assert_eq!(points.get(0)?.unwrap().y, 7);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` if another schema made the handle; else as for [`update`](TableMut::update).
    pub fn set_field<F: FieldType>(&mut self, key: T::Key, field: Field<F>, value: F) -> Result<bool> {
        field.position(self.schema())?;
        let set = |record: &mut [u8]| {
            field.set(record, value);
            Ok(())
        };
        with_key(key, |key| self.writer.update(key, set)).map(|done| done.is_some())
    }

    /// Loads records in bulk: sorts them by key if they do not come in order, merges them with the rows that there are, and
    /// lays all of it down as full leaves in one run. Records without a key are appended.
    ///
    /// Time: that of writing the bytes where they come in order, plus sorting within the memory budget where not.
    ///
    /// ```
    /// # use drystone::{Database, LoadOptions, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { #[record(key)] id: u32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut points = write.create_table::<Point>("points")?;
    /// let report = points.load((0..1000).rev().map(|id| Point { id, y: 1 }), &LoadOptions::new())?;
    /// assert_eq!((report.rows, report.in_order), (1000, false));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Duplicate` if two rows have one key, unless the options say which one to keep, or the same values in a unique index; `Io` if
    /// the disk is full. The table is then what it was.
    pub fn load(
        &mut self,
        records: impl IntoIterator<Item = T>,
        options: &LoadOptions,
    ) -> Result<LoadReport> {
        self.writer.load(&mut IterSource::new(records.into_iter()), options)
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

    /// See [`Table::index`].
    ///
    /// # Errors
    /// As there.
    pub fn index(&self, name: &str) -> Result<Index<'_, T>> {
        self.as_table().index(name)
    }

    /// Removes all rows. O(nodes).
    ///
    /// # Errors
    /// `Corrupt` or `Io` if the pages to be given up cannot be read.
    pub fn clear(&mut self) -> Result<()> {
        self.writer.clear()
    }
}

impl<T: Keyed> TableMut<'_, T> {
    /// Puts in a row with a new key. O(log n).
    ///
    /// # Errors
    /// `Duplicate` if there is a row with this key, or with the same values in a unique index; `Corrupt` or `Io` as for
    /// [`update`](TableMut::update).
    pub fn insert(&mut self, row: &T) -> Result<()> {
        self.writer.insert(bytes_of(row))
    }

    /// Puts in a row, replacing the one with its key; `true` if there was one. O(log n).
    ///
    /// # Errors
    /// As for [`update`](TableMut::update).
    pub fn upsert(&mut self, row: &T) -> Result<bool> {
        self.writer.upsert(bytes_of(row))
    }

    /// Takes the row with this key out. O(log n).
    ///
    /// # Errors
    /// `Corrupt` or `Io` as for [`update`](TableMut::update).
    pub fn remove(&mut self, key: T::Key) -> Result<Option<T>> {
        let mut removed = Vec::new();
        let found = with_key(key, |key| self.writer.remove(key, &mut removed))?;
        Ok(found.then(|| bytemuck::pod_read_unaligned(&removed)))
    }

    /// See [`Table::prefix`].
    ///
    /// # Errors
    /// As there.
    pub fn prefix<P: PrefixOf<T::Key>>(&self, fields: P) -> Result<Rows<'_, T>> {
        self.as_table().prefix(fields)
    }
}

impl<T: Unkeyed> TableMut<'_, T> {
    /// Appends a row and returns its number. O(1) amortised.
    ///
    /// # Errors
    /// As for [`update`](TableMut::update).
    pub fn push(&mut self, row: &T) -> Result<u64> {
        let number = self.len();
        self.writer.extend(bytes_of(row))?;
        Ok(number)
    }

    /// Appends rows.
    ///
    /// # Errors
    /// As for [`update`](TableMut::update); none of the rows is appended then.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = T>) -> Result<()> {
        let before = self.len();
        let mut rows = rows.into_iter();
        let at_once = (self.writer.table.definition.layout.leaf_rows()).min(4096);
        let mut chunk = Vec::with_capacity(at_once);
        loop {
            chunk.clear();
            // The iterator is the caller's, and may panic.
            let taken = catch_unwind(AssertUnwindSafe(|| chunk.extend(rows.by_ref().take(at_once))));
            if let Err(panic) = taken {
                // Where that fails, so has the transaction.
                let _ = self.writer.truncate(before);
                resume_unwind(panic);
            }
            if chunk.is_empty() {
                return Ok(());
            }
            self.extend_from(before, &chunk)?;
        }
    }

    /// Appends rows from a slice.
    ///
    /// # Errors
    /// As for [`update`](TableMut::update); none of the rows is appended then.
    pub fn extend_from_slice(&mut self, rows: &[T]) -> Result<()> {
        self.extend_from(self.len(), rows)
    }

    /// Appends rows; after an error there are as many as `before`.
    fn extend_from(&mut self, before: u64, rows: &[T]) -> Result<()> {
        // In pieces, so that the edits are written out in time.
        for piece in rows.chunks((1 << 20) / size_of::<T>() + 1) {
            if let Err(error) = self.writer.extend(cast_slice(piece)) {
                self.writer.take_back_to(before);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Overwrites the row with this number. O(log n).
    ///
    /// # Errors
    /// `OutOfRange` if there is no such row; else as for [`update`](TableMut::update).
    pub fn set(&mut self, row: u64, record: &T) -> Result<()> {
        self.writer.set(row, bytes_of(record))
    }

    /// Keeps the first `rows` rows, all of them if there are no more.
    ///
    /// # Errors
    /// `Corrupt` or `Io` as for [`update`](TableMut::update).
    pub fn truncate(&mut self, rows: u64) -> Result<()> {
        self.writer.truncate(rows)
    }

    /// Takes a row out by moving the last one to its place. O(log n).
    ///
    /// # Errors
    /// `OutOfRange` if there is no such row; `Corrupt` or `Io` as for [`update`](TableMut::update).
    pub fn swap_remove(&mut self, row: u64) -> Result<T> {
        let removed = self.writer.swap_remove(row)?;
        bytemuck::try_pod_read_unaligned(&removed).map_err(|error| {
            Error::new(ErrorKind::Corrupt, format!("row {row} has the wrong width: {error}"))
        })
    }

    /// Takes the last row out. `None` if there is none.
    ///
    /// # Errors
    /// `Corrupt` or `Io` as for [`update`](TableMut::update).
    pub fn pop(&mut self) -> Result<Option<T>> {
        match self.len() {
            0 => Ok(None),
            rows => self.swap_remove(rows - 1).map(Some),
        }
    }
}
