//! `TableMut`: a table in the write transaction. Its reads are in `own_rows`, bulk loads in
//! `load_rows`, changes of many rows at once in `batch`.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::index::IndexOptions;
use super::kind::{Dyn, RowKind};
use super::table::Table;
use super::updated::Updated;
use super::write_handle::WriteHandle;
use crate::error::{Result, bail};
use crate::record::{IntoField, Keyed, RowBuf, Unkeyed, Value};
use crate::schema::Schema;

/// A table to read and to change: of `T`s, or of rows whose schema is known only at run time
/// ([`Dyn`]). It sees its own changes. Others see them after the commit.
///
/// Dropping the handle keeps the changes in the transaction; dropping the transaction without
/// `commit` discards them. While a handle lives, the same table cannot be opened again in the
/// transaction. A handle can be sent to another thread.
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
/// write.commit()?;
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// With a schema that is known only at run time:
///
/// ```
/// use drystone::{Database, RowBuf, Schema, Value};
///
/// let schema: Schema = "id: u32 key, name: str[8], score: f64?".parse()?;
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut players = write.create_dyn_table("players", &schema)?;
/// let values = [("id", Value::from(7)), ("name", "Ada".into()), ("score", Value::Null)];
/// players.insert(&RowBuf::from_named(&schema, values)?)?;
/// assert!(players.set_field(&[7.into()], "score", 9.5)?);
/// assert_eq!(players.get(&[7.into()])?.unwrap().to_string(), "id: 7, name: Ada, score: 9.5");
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct TableMut<'x, R> {
    pub(super) writer: WriteHandle<'x>,
    records: PhantomData<fn() -> R>,
}

impl<R: RowKind> fmt::Debug for TableMut<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableMut({:?}, {} rows)", self.name(), self.len())
    }
}

impl<'x, R: RowKind> TableMut<'x, R> {
    /// Takes a table. Its schema must be that of `R`.
    pub(crate) fn new(writer: WriteHandle<'x>) -> Result<TableMut<'x, R>> {
        Table::<R>::new(writer.reader())?;
        Ok(TableMut { writer, records: PhantomData })
    }

    /// The table as it is now, with all methods to read it. Its rows live as long as this borrow.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// let table = users.as_table();
    /// assert_eq!(table.rank(9)?, 2);
    /// assert_eq!(table.query().filter("score > 75".parse()?).count()?, 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn as_table(&self) -> Table<'_, R> {
        Table::unchecked(self.writer.reader())
    }

    /// The name of the table.
    pub fn name(&self) -> &str {
        &self.writer.table.definition.name
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

    /// The schema, kept apart from the table while the table is changed.
    #[inline]
    pub(super) fn held_schema(&self) -> R::SchemaRef {
        R::hold(self.schema())
    }

    /// Changes a row. Returns `None` if there is no row with this key (or number). O(log n).
    ///
    /// `change` works on a copy and returns nothing or a [`Result`](crate::Result). If it returns
    /// an error or panics, the row is unchanged.
    ///
    /// ```
    /// # use drystone::{Database, Error, ErrorKind, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct Account { #[record(key)] id: u64, cents: i64 }
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
    /// The error that `change` returns; `Value` if it changed the key; `KeyExists` if another row
    /// has the new values in a unique index. The row is then unchanged. `Corrupt` or `Io` if pages
    /// cannot be read, or cannot be written when the edits exceed the memory budget. In a [`Dyn`]
    /// table also `Usage` or `Value` if this is not a key of the table.
    pub fn update<C: Updated>(
        &mut self,
        key: R::Key<'_>,
        change: impl FnOnce(&mut R::Buf) -> C,
    ) -> Result<Option<C::Value>> {
        let schema = self.held_schema();
        let schema = schema.borrow();
        R::with_key(schema, key, |key| {
            // On a copy: if `change` fails or panics, the table is unchanged.
            self.writer.update(key, |record| {
                let mut row = R::buf(schema, record)?;
                let value = change(&mut row).into_result()?;
                record.copy_from_slice(R::bytes(schema, &row)?);
                Ok(value)
            })
        })
    }

    /// Sets one field of a row. Returns whether there is such a row. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut points = write.create_table::<Point>("points")?;
    /// # points.push(&Point { x: 1, y: 2 })?;
    /// assert!(points.set_field(0, "y", 7)?);
    /// assert_eq!(points.get(0)?.unwrap().y, 7);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `FieldNotFound` if there is no such field, or if another schema made the handle; `Value` if
    /// the value does not fit the field, or if the field is part of the key; else as for
    /// [`update`](TableMut::update).
    pub fn set_field<'v>(
        &mut self,
        key: R::Key<'_>,
        field: impl IntoField,
        value: impl Into<Value<'v>>,
    ) -> Result<bool> {
        let schema = self.held_schema();
        let schema = schema.borrow();
        let field = &schema.fields()[field.position(schema)?];
        let value = value.into();
        let set = |record: &mut [u8]| {
            field.store(&value, &mut record[field.offset()..field.offset() + field.width()])
        };
        R::with_key(schema, key, |key| self.writer.update(key, set)).map(|done| done.is_some())
    }

    /// Creates an index on the table: see
    /// [`WriteTransaction::create_index`](crate::WriteTransaction::create_index).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// users.create_index("by_score", &["score"])?;
    /// assert!(users.index("by_score")?.contains(80_u64)?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`WriteTransaction::create_index`](crate::WriteTransaction::create_index).
    pub fn create_index<S: AsRef<str>>(&mut self, name: &str, fields: &[S]) -> Result<()> {
        self.create_index_with(name, fields, &IndexOptions::new())
    }

    /// Creates an index on the table, with options.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// let options = drystone::IndexOptions::new().unique(true);
    /// users.create_index_with("by_score", &["score"], &options)?;
    /// assert!(users.insert(&User { id: 1, score: 80 }).is_err()); // user 8 has this score
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`WriteTransaction::create_index`](crate::WriteTransaction::create_index).
    pub fn create_index_with<S: AsRef<str>>(
        &mut self,
        name: &str,
        fields: &[S],
        options: &IndexOptions,
    ) -> Result<()> {
        self.writer.create_index(name, fields, options)
    }

    /// Removes all rows. O(leaves).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// users.clear()?;
    /// assert!(users.is_empty());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` or `Io` if the pages to be freed cannot be read.
    pub fn clear(&mut self) -> Result<()> {
        self.writer.clear()
    }

    /// The bytes of a row to be stored in the table.
    #[inline]
    pub(super) fn bytes<'b>(&self, row: &'b R::Buf) -> Result<&'b [u8]> {
        R::bytes(self.schema(), row)
    }
}

impl<R: RowKind + Keyed> TableMut<'_, R> {
    /// Inserts a row with a new key. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, ErrorKind, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut users = write.create_table::<User>("users")?;
    /// users.insert(&User { id: 7, score: 1 })?;
    /// let again = users.insert(&User { id: 7, score: 2 });
    /// assert_eq!(again.unwrap_err().kind(), ErrorKind::KeyExists);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `KeyExists` if there is a row with this key, or with the same values in a unique index;
    /// `Corrupt` or `Io` as for [`update`](TableMut::update). In a [`Dyn`] table also `Usage` if it
    /// has no key, `Schema` if the row has another schema.
    pub fn insert(&mut self, row: &R::Buf) -> Result<()> {
        self.needs_key("insert", "push")?;
        self.writer.insert(self.bytes(row)?)
    }

    /// Inserts a row, or replaces the row with the same key. Returns `true` if there was one. O(log
    /// n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut users = write.create_table::<User>("users")?;
    /// users.upsert(&User { id: 7, score: 1 })?;
    /// users.upsert(&User { id: 7, score: 2 })?;
    /// assert_eq!(users.get(7)?.unwrap().score, 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`insert`](TableMut::insert), but a row with this key is not an error.
    pub fn upsert(&mut self, row: &R::Buf) -> Result<bool> {
        self.needs_key("upsert", "push, or set")?;
        self.writer.upsert(self.bytes(row)?)
    }

    /// Replaces the row with the same key. If there is none, changes nothing and returns `false`.
    /// O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// users.insert(&User { id: 7, score: 1 })?;
    /// assert!(users.replace(&User { id: 7, score: 2 })?);
    /// assert!(!users.replace(&User { id: 8, score: 2 })?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`insert`](TableMut::insert).
    pub fn replace(&mut self, row: &R::Buf) -> Result<bool> {
        self.needs_key("replace", "set")?;
        let row = self.bytes(row)?;
        let key_width = self.schema().key_width();
        let replaced = self.writer.update(&row[..key_width], |record| {
            record.copy_from_slice(row);
            Ok(())
        });
        replaced.map(|done| done.is_some())
    }

    /// Removes the row with this key and returns it; `None` if there is none. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut users = write.create_table::<User>("users")?;
    /// users.insert(&User { id: 7, score: 1 })?;
    /// assert_eq!(users.remove(7)?, Some(User { id: 7, score: 1 }));
    /// assert_eq!(users.remove(7)?, None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` or `Io` as for [`update`](TableMut::update). In a [`Dyn`] table also `Usage` if it
    /// has no key.
    pub fn remove(&mut self, key: R::Key<'_>) -> Result<Option<R::Buf>> {
        self.needs_key("remove", "swap_remove")?;
        let schema = self.held_schema();
        let mut removed = Vec::new();
        let found = R::with_key(schema.borrow(), key, |key| self.writer.remove(key, &mut removed))?;
        if found { R::buf(schema.borrow(), &removed).map(Some) } else { Ok(None) }
    }

    #[inline]
    pub(super) fn needs_key(&self, call: &str, instead: &str) -> Result<()> {
        if !R::IS_DYNAMIC || self.schema().is_keyed() {
            return Ok(());
        }
        bail!(Usage, "table {:?} has no key, so {call} does not apply; use {instead}", self.name())
    }
}

impl TableMut<'_, Dyn> {
    /// A new row for this table, in which every field has its default. It is not in the table yet.
    ///
    /// ```
    /// # use drystone::{Database, Schema};
    /// # let schema: Schema = "id: u64 key, name: str[8]".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut players = write.create_dyn_table("players", &schema)?;
    /// let mut row = players.new_row();
    /// row.set("id", 7)?;
    /// row.set("name", "Ada")?;
    /// players.insert(&row)?;
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn new_row(&self) -> RowBuf {
        RowBuf::new(self.schema())
    }
}

impl<R: RowKind + Unkeyed> TableMut<'_, R> {
    /// Appends a row and returns its number. O(1) amortised.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut points = write.create_table::<Point>("points")?;
    /// assert_eq!(points.push(&Point { x: 1, y: 2 })?, 0);
    /// assert_eq!(points.push(&Point { x: 3, y: 4 })?, 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`update`](TableMut::update). In a [`Dyn`] table also `Usage` if it has a key,
    /// `Schema` if the row has another schema.
    pub fn push(&mut self, row: &R::Buf) -> Result<u64> {
        self.needs_no_key("push", "insert")?;
        let number = self.len();
        self.writer.extend(self.bytes(row)?)?;
        Ok(number)
    }

    /// Appends rows. O(1) amortised per row.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut points = write.create_table::<Point>("points")?;
    /// points.extend((0..1000).map(|x| Point { x, y: 0 }))?;
    /// assert_eq!(points.len(), 1000);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`push`](TableMut::push). After an error, or if the iterator panics, none of the rows
    /// is appended.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = R::Buf>) -> Result<()> {
        self.needs_no_key("extend", "insert_many")?;
        let before = self.len();
        let schema = self.held_schema();
        let mut rows = rows.into_iter();
        let at_once = self.writer.table.definition.layout.leaf_rows().min(4096);
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            // The iterator is the caller's, and may panic.
            let taken = catch_unwind(AssertUnwindSafe(|| {
                for row in rows.by_ref().take(at_once) {
                    chunk.extend_from_slice(R::bytes(schema.borrow(), &row)?);
                }
                Ok(())
            }));
            let appended = match taken {
                Ok(Ok(())) if chunk.is_empty() => return Ok(()),
                Ok(Ok(())) => self.writer.extend(&chunk),
                Ok(Err(error)) => Err(error),
                Err(panic) => {
                    self.writer.take_back_to(before);
                    resume_unwind(panic);
                }
            };
            if let Err(error) = appended {
                self.writer.take_back_to(before);
                return Err(error);
            }
        }
    }

    /// Overwrites the row with this number. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut points = write.create_table::<Point>("points")?;
    /// points.push(&Point { x: 1, y: 2 })?;
    /// points.set(0, &Point { x: 1, y: 3 })?;
    /// assert_eq!(points.get(0)?.unwrap().y, 3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `OutOfRange` if there is no such row; else as for [`push`](TableMut::push).
    pub fn set(&mut self, number: u64, row: &R::Buf) -> Result<()> {
        self.needs_no_key("set", "replace")?;
        self.writer.set(number, self.bytes(row)?)
    }

    /// Keeps the first `rows` rows and removes the others.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut points = write.create_table::<Point>("points")?;
    /// points.extend((0..10).map(|x| Point { x, y: 0 }))?;
    /// points.truncate(4)?;
    /// assert_eq!(points.len(), 4);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` or `Io` as for [`update`](TableMut::update). In a [`Dyn`] table also `Usage` if it
    /// has a key.
    pub fn truncate(&mut self, rows: u64) -> Result<()> {
        self.needs_no_key("truncate", "remove_range")?;
        self.writer.truncate(rows)
    }

    /// Removes a row, moves the last row to its place, and returns the removed row. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut points = write.create_table::<Point>("points")?;
    /// points.extend((0..10).map(|x| Point { x, y: 0 }))?;
    /// assert_eq!(points.swap_remove(2)?.x, 2);
    /// assert_eq!(points.get(2)?.unwrap().x, 9); // the last row took its place
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `OutOfRange` if there is no such row; else as for [`truncate`](TableMut::truncate).
    pub fn swap_remove(&mut self, number: u64) -> Result<R::Buf> {
        self.needs_no_key("swap_remove", "remove")?;
        let removed = self.writer.swap_remove(number)?;
        R::buf(self.schema(), &removed)
    }

    /// Removes the last row and returns it. `None` if the table is empty. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut points = write.create_table::<Point>("points")?;
    /// points.push(&Point { x: 1, y: 2 })?;
    /// assert_eq!(points.pop()?, Some(Point { x: 1, y: 2 }));
    /// assert_eq!(points.pop()?, None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`truncate`](TableMut::truncate).
    pub fn pop(&mut self) -> Result<Option<R::Buf>> {
        match self.len() {
            0 => Ok(None),
            rows => self.swap_remove(rows - 1).map(Some),
        }
    }

    #[inline]
    fn needs_no_key(&self, call: &str, instead: &str) -> Result<()> {
        if !R::IS_DYNAMIC || !self.schema().is_keyed() {
            return Ok(());
        }
        bail!(Usage, "table {:?} has a key, so {call} does not apply; use {instead}", self.name())
    }
}
