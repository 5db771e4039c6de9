//! What a `TableMut` reads: the rows of the table as the transaction has changed them.

use std::ops::RangeBounds;

use super::index::Index;
use super::kind::{Dyn, RowKind};
use super::rows::{Rows, Slices};
use super::table_mut::TableMut;
use crate::error::Result;
use crate::record::{Keyed, PrefixOf, Record, Value};

impl<R: RowKind> TableMut<'_, R> {
    /// The row with this key, or number: see [`Table::get`](crate::Table::get).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// assert_eq!(users.get(8)?, Some(&User { id: 8, score: 80 })); // not committed yet
    /// assert_eq!(users.get(6)?, None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::get`](crate::Table::get).
    #[inline]
    pub fn get(&self, key: R::Key<'_>) -> Result<Option<R::Row<'_>>> {
        self.as_table().get(key)
    }

    /// Whether there is a row with this key, or number: see
    /// [`Table::contains`](crate::Table::contains).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// users.remove(8)?;
    /// assert!(users.contains(7)? && !users.contains(8)?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::get`](crate::Table::get).
    pub fn contains(&self, key: R::Key<'_>) -> Result<bool> {
        self.as_table().contains(key)
    }

    /// The row with this number in key order: see [`Table::select`](crate::Table::select).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// assert_eq!(users.select(1)?.unwrap().id, 8); // the second in the order of the key
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::select`](crate::Table::select).
    pub fn select(&self, row: u64) -> Result<Option<R::Row<'_>>> {
        self.as_table().select(row)
    }

    /// The first row: see [`Table::first`](crate::Table::first).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// assert_eq!(users.first()?.unwrap().id, 7);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::select`](crate::Table::select).
    pub fn first(&self) -> Result<Option<R::Row<'_>>> {
        self.as_table().first()
    }

    /// The last row: see [`Table::last`](crate::Table::last).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// assert_eq!(users.last()?.unwrap().id, 9);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::select`](crate::Table::select).
    pub fn last(&self) -> Result<Option<R::Row<'_>>> {
        self.as_table().last()
    }

    /// The rows whose keys lie in a range: see [`Table::range`](crate::Table::range).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// assert_eq!(users.range(8..)?.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::get`](crate::Table::get).
    pub fn range<'k>(&self, keys: impl RangeBounds<R::Key<'k>>) -> Result<Rows<'_, R>> {
        self.as_table().range(keys)
    }

    /// All rows, in order.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// let mut score = 0;
    /// for user in users.iter() {
    ///     score += user?.score;
    /// }
    /// assert_eq!(score, 240);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn iter(&self) -> Rows<'_, R> {
        self.as_table().iter()
    }

    /// All rows as slices: see [`Table::slices`](crate::Table::slices).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// let mut score = 0;
    /// for slice in users.slices() {
    ///     score += slice?.iter().map(|user| user.score).sum::<u64>();
    /// }
    /// assert_eq!(score, 240);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn slices(&self) -> Slices<'_, R> {
        self.as_table().slices()
    }

    /// An index on the table: see [`Table::index`](crate::Table::index).
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
    /// assert_eq!(users.index("by_score")?.get(90_u64)?.unwrap().id, 9);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::index`](crate::Table::index).
    pub fn index(&self, name: &str) -> Result<Index<'_, R>> {
        self.as_table().index(name)
    }
}

impl<T: Record + Keyed> TableMut<'_, T> {
    /// The rows whose keys begin with these leading fields: see
    /// [`Table::prefix`](crate::Table::prefix).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Edge { #[record(key)] from: u32, #[record(key)] to: u32, weight: u32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut edges = write.create_table::<Edge>("edges")?;
    /// # for (from, to, weight) in [(1, 2, 9), (1, 3, 4), (2, 1, 9)] {
    /// #     edges.insert(&Edge { from, to, weight })?;
    /// # }
    /// # edges.create_index("by_weight", &["weight"])?;
    /// assert_eq!(edges.prefix((1,))?.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::get`](crate::Table::get).
    pub fn prefix<P: PrefixOf<T::Key>>(&self, fields: P) -> Result<Rows<'_, T>> {
        self.as_table().prefix(fields)
    }
}

impl TableMut<'_, Dyn> {
    /// The rows whose keys begin with these values: see [`Table::prefix`](crate::Table::prefix).
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
    /// assert_eq!(edges.prefix(&[1_u32.into()])?.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::get`](crate::Table::get).
    pub fn prefix(&self, fields: &[Value<'_>]) -> Result<Rows<'_, Dyn>> {
        self.as_table().prefix(fields)
    }
}
