//! `OwnedTable`: a table that keeps its snapshot, for programs that need one without a lifetime.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use super::ReadTransaction;
use crate::error::Result;
use crate::lease::{Borrowing, WithOwner};
use crate::table::{RowKind, Table};

/// A table together with the snapshot that it reads from: `'static`, `Send`, `Sync` and cheap to
/// clone. For a struct, a web handler, or an iterator that a function returns.
///
/// [`get`](OwnedTable::get) and [`as_table`](OwnedTable::as_table) borrow from it as a [`Table`]
/// borrows from its transaction. The snapshot does not change by itself:
/// [`is_newest`](OwnedTable::is_newest) says whether there is a newer state, and
/// [`refresh`](OwnedTable::refresh) moves to it. Until then, the file keeps the pages of the old
/// state.
///
/// ```
/// use drystone::{Database, OwnedTable, Record};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Record)]
/// #[repr(C)]
/// struct City {
///     #[record(key)]
///     id: u32,
///     people: u32,
/// }
///
/// struct Service {
///     cities: OwnedTable<City>,
/// }
///
/// let db = Database::in_memory()?;
/// let berlin = City { id: 2950159, people: 3_426_354 };
/// db.update(|tx| tx.create_table::<City>("cities")?.insert(&berlin))?;
/// let mut service = Service { cities: db.table("cities")? };
/// assert_eq!(service.cities.get(2950159)?.unwrap().people, 3_426_354);
///
/// db.update(|tx| tx.table::<City>("cities")?.update(2950159, |city| city.people += 1))?;
/// assert!(!service.cities.is_newest());
/// service.cities.refresh()?;
/// assert_eq!(service.cities.get(2950159)?.unwrap().people, 3_426_355);
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct OwnedTable<R: RowKind> {
    table: WithOwner<TableOf<R>, ReadTransaction>,
}

/// `Table<R>` of any lifetime.
struct TableOf<R>(PhantomData<fn() -> R>);

impl<R: RowKind> Borrowing for TableOf<R> {
    type Of<'a> = Table<'a, R>;

    #[inline(always)]
    fn shorten<'a>(value: Table<'static, R>) -> Table<'a, R> {
        value
    }
}

impl<R: RowKind> OwnedTable<R> {
    pub(crate) fn new(read: ReadTransaction, name: &str) -> Result<OwnedTable<R>> {
        let table = WithOwner::new(Arc::new(read), |read| read.table::<R>(name))?;
        Ok(OwnedTable { table })
    }

    /// The table, with all methods for reading.
    #[inline]
    pub fn as_table(&self) -> Table<'_, R> {
        self.table.get()
    }

    /// The row with this key or number: see [`Table::get`].
    ///
    /// # Errors
    /// As for [`Table::get`].
    #[inline(always)]
    pub fn get(&self, key: R::Key<'_>) -> Result<Option<R::Row<'_>>> {
        self.table.get().get(key)
    }

    /// The rows with these keys or numbers: see [`Table::get_many`].
    ///
    /// # Errors
    /// As for [`Table::get`].
    pub fn get_many(&self, keys: &[R::Key<'_>]) -> Result<Vec<Option<R::Row<'_>>>> {
        self.table.get().get_many(keys)
    }

    /// The number of rows. O(1).
    pub fn len(&self) -> u64 {
        self.as_table().len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the table.
    pub fn name(&self) -> &str {
        self.as_table().name()
    }

    /// The snapshot that the table reads from. Other tables of the same state can be opened in it.
    pub fn snapshot(&self) -> &ReadTransaction {
        self.table.owner()
    }

    /// The snapshot alone.
    pub(super) fn into_owner(self) -> Arc<ReadTransaction> {
        Arc::clone(self.table.owner())
    }

    /// Whether no commit, of this process or another, has made a newer state: see
    /// [`ReadTransaction::is_newest`].
    #[inline]
    pub fn is_newest(&self) -> bool {
        self.snapshot().is_newest()
    }

    /// Moves to the newest state. Clones of this table keep their state.
    ///
    /// # Errors
    /// `TableNotFound` if the table no longer exists, `Schema` if it has another schema now;
    /// otherwise as for [`Database::read`](crate::Database::read). After an error the table is as
    /// it was.
    pub fn refresh(&mut self) -> Result<()> {
        *self = OwnedTable::new(self.snapshot().newer()?, self.name())?;
        Ok(())
    }

    /// Another table in the same snapshot.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// db.update(|tx| {
    ///     tx.create_table::<Point>("old")?.push(&Point { x: 1, y: 2 })?;
    ///     tx.create_table::<Point>("new").map(drop)
    /// })?;
    /// let old = db.table::<Point>("old")?;
    /// let new = old.sibling::<Point>("new")?; // of the same state
    /// assert_eq!((old.len(), new.len()), (1, 0));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`ReadTransaction::table`].
    pub fn sibling<Other: RowKind>(&self, name: &str) -> Result<OwnedTable<Other>> {
        let table = WithOwner::new(Arc::clone(self.table.owner()), |read| read.table::<Other>(name))?;
        Ok(OwnedTable { table })
    }

    /// All rows in order, copied out: an iterator that keeps the snapshot and can be returned from
    /// a function.
    ///
    /// ```
    /// use drystone::{Database, Record, Result};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// fn on_axis(db: &Database) -> Result<impl Iterator<Item = Result<Point>> + use<>> {
    ///     let points = db.table::<Point>("points")?;
    ///     Ok(points.into_rows().filter(|point| point.as_ref().map_or(true, |point| point.y == 0)))
    /// }
    ///
    /// let db = Database::in_memory()?;
    /// let points = (0..10).map(|x| Point { x, y: x % 2 });
    /// db.update(|tx| tx.create_table::<Point>("points")?.extend(points))?;
    /// assert_eq!(on_axis(&db)?.count(), 5);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn into_rows(self) -> OwnedRows<R> {
        let numbers = 0..self.len();
        OwnedRows { table: self, numbers, batch: Vec::new().into_iter() }
    }
}

impl<R: RowKind> Clone for OwnedTable<R> {
    fn clone(&self) -> Self {
        OwnedTable { table: self.table.clone() }
    }
}

impl<R: RowKind> fmt::Debug for OwnedTable<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedTable({:?}, {} rows, {:?})", self.name(), self.len(), self.snapshot())
    }
}

/// The rows of an [`OwnedTable`], copied out: see [`OwnedTable::into_rows`]. An error comes once
/// and ends the iteration.
pub struct OwnedRows<R: RowKind> {
    table: OwnedTable<R>,
    numbers: Range<u64>,
    /// Rows that were read and not returned yet.
    batch: std::vec::IntoIter<R::Buf>,
}

/// How many rows are copied at a time.
const BATCH_ROWS: u64 = 1024;

impl<R: RowKind> OwnedRows<R> {
    fn fill(&mut self) -> Result<()> {
        let end = self.numbers.end.min(self.numbers.start + BATCH_ROWS);
        let rows =
            self.table.as_table().rows(self.numbers.start..end).copied().collect::<Result<Vec<_>>>()?;
        self.numbers.start = end;
        self.batch = rows.into_iter();
        Ok(())
    }
}

impl<R: RowKind> Iterator for OwnedRows<R> {
    type Item = Result<R::Buf>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.batch.len() == 0
            && !self.numbers.is_empty()
            && let Err(error) = self.fill()
        {
            self.numbers.start = self.numbers.end;
            return Some(Err(error));
        }
        self.batch.next().map(Ok)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.numbers.end - self.numbers.start).saturating_add(self.batch.len() as u64);
        // Damage may end it early.
        (0, usize::try_from(left).ok())
    }
}

impl<R: RowKind> std::iter::FusedIterator for OwnedRows<R> {}

impl<R: RowKind> fmt::Debug for OwnedRows<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedRows({:?})", self.table)
    }
}
