//! `Table`: a table in a snapshot.

use std::fmt;
use std::ops::{Bound, Range, RangeBounds};

use super::index::Index;
use super::kind::{Dyn, RowKind};
use super::reader::{Reader, row_number, with_key};
use super::rows::{Rows, Slices};
use crate::error::Result;
use crate::record::{Keyed, PrefixOf, Record, Value};
use crate::schema::Schema;
use crate::tree::Found;

/// A table to read from: of `T`s, or of rows whose schema is known only at run time ([`Dyn`]).
///
/// What it returns lives as long as the [`ReadTransaction`](crate::ReadTransaction) it came from,
/// and does not change. Rows are references into the mapped file. A handle is small and `Copy`, and
/// any number of threads can use it.
///
/// ```
/// use drystone::{Database, Record};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Record)]
/// #[repr(C)]
/// struct Edge {
///     #[record(key)]
///     from: u32,
///     #[record(key)]
///     to: u32,
///     weight: f32,
/// }
///
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut edges = write.create_table::<Edge>("edges")?;
/// for (from, to) in [(2, 1), (1, 3), (1, 2)] {
///     edges.insert(&Edge { from, to, weight: 0.5 })?;
/// }
/// write.commit()?;
///
/// let read = db.read()?;
/// let edges = read.table::<Edge>("edges")?;
/// assert_eq!(edges.get((1, 3))?.unwrap().weight, 0.5);
/// assert_eq!(edges.prefix((1,))?.len(), 2);
/// assert_eq!(edges.rank((2, 0))?, 2);
/// assert_eq!(edges.range((1, 3)..)?.len(), 2);
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// For a schema that is known only at run time, see [`Dyn`].
pub struct Table<'t, R> {
    reader: Reader<'t>,
    /// The rows of a table without a key, if they are one array; else empty. A row is returned from
    /// here only after `is_verified`.
    elements: &'t [R],
}

impl<R> Clone for Table<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Table<'_, R> {}

impl<R: RowKind> fmt::Debug for Table<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?}, {} rows)", self.reader.definition.name, self.len())
    }
}

impl<'t, R: RowKind> Table<'t, R> {
    /// Opens a table and checks its schema.
    pub(crate) fn new(reader: Reader<'t>) -> Result<Table<'t, R>> {
        let schema = &reader.definition.schema;
        R::check_schema(schema).map_err(|error| reader.in_table(error))?;
        let elements = reader.array().map(R::elements);
        Ok(Table { reader, elements: elements.unwrap_or_default() })
    }

    pub(crate) fn reader(&self) -> Reader<'t> {
        self.reader
    }

    /// The same, for a schema that was checked.
    pub(super) fn unchecked(reader: Reader<'t>) -> Table<'t, R> {
        Table { reader, elements: &[] }
    }

    fn in_table<A>(&self, result: Result<A>) -> Result<A> {
        result.map_err(|error| self.reader.in_table(error))
    }

    /// The name under which the table was opened.
    pub fn name(&self) -> &'t str {
        &self.reader.definition.name
    }

    /// The schema of its rows.
    pub fn schema(&self) -> &'t Schema {
        &self.reader.definition.schema
    }

    /// This table with rows of another kind: as [`Dyn`], or a `Dyn` table as `T`.
    ///
    /// ```
    /// # use drystone::{Database, Dyn, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # write.create_table::<Point>("points")?.push(&Point { x: 1, y: 2 })?;
    /// # write.commit()?;
    /// # let read = db.read()?;
    /// let points = read.table::<Dyn>("points")?;
    /// assert_eq!(points.of_kind::<Point>()?.get(0)?.unwrap().y, 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if its schema is not that of `Other`.
    pub fn of_kind<Other: RowKind>(&self) -> Result<Table<'t, Other>> {
        Table::new(self.reader)
    }

    /// An index on this table, by its name. Open it once and look up many times.
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
    /// # write.commit()?;
    /// # let read = db.read()?;
    /// let by_weight = read.table::<Edge>("edges")?.index("by_weight")?;
    /// assert_eq!(by_weight.prefix(9_u32)?.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `IndexNotFound` if the table has no index of this name, naming those it has; `Corrupt` if
    /// the catalog cannot be read.
    pub fn index(&self, name: &str) -> Result<Index<'t, R>> {
        Index::new(self.reader, name)
    }

    /// How many rows it has. O(1).
    pub fn len(&self) -> u64 {
        self.reader.rows()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row with this key, or with this number if the table has no key. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<User>("users")?
    /// #     .load([7, 8, 9].map(|id| User { id, score: id * 10 })))?;
    /// # let read = db.read()?;
    /// let users = read.table::<User>("users")?;
    /// assert_eq!(users.get(8)?, Some(&User { id: 8, score: 80 }));
    /// assert_eq!(users.get(6)?, None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` if a page on the way does not match its checksum; in a [`Dyn`] table, `Usage` or
    /// `Value` if this is not a key of the table.
    #[inline(always)]
    pub fn get(&self, key: R::Key<'_>) -> Result<Option<R::Row<'t>>> {
        if !R::IS_DYNAMIC
            && let Ok(row) = R::with_key(self.schema(), key, |key| Ok(row_number(key)))
            && let Some(found) = self.elements.get(row as usize)
            && self.reader.view.is_verified(row)
        {
            return Ok(Some(R::of_element(found)));
        }
        self.find(key)
    }

    #[inline(never)]
    fn find(&self, key: R::Key<'_>) -> Result<Option<R::Row<'t>>> {
        let found = match R::with_key(self.schema(), key, |key| Ok(self.reader.find(key))) {
            Ok(found) => found?,
            Err(error) => return Err(self.reader.in_table(error)),
        };
        match found {
            Some(record) => R::row(self.schema(), record).map(Some),
            None => Ok(None),
        }
    }

    /// The rows with these keys, or numbers, in the order of `keys`. O(keys × log n), but several
    /// times faster than calling [`get`](Table::get) in a loop on a table that is larger than the
    /// processor's caches: the descents run side by side, so their waits for memory overlap.
    ///
    /// When a quarter as many keys were looked up as a table with a key has leaves, the first keys
    /// of all leaves are kept in memory, and later batches search those. If the key is one number,
    /// they take 8 bytes a leaf (0.1 % of the rows) after a load or `compact`, else 24. Read
    /// transactions of the same state share them; they are freed with the state.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.insert(&User { id: 7, score: 1 })?;
    /// # users.insert(&User { id: 9, score: 2 })?;
    /// # write.commit()?;
    /// # let read = db.read()?;
    /// let users = read.table::<User>("users")?;
    /// let found = users.get_many(&[9, 8, 7])?;
    /// assert_eq!(found, [Some(&User { id: 9, score: 2 }), None, Some(&User { id: 7, score: 1 })]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn get_many(&self, keys: &[R::Key<'_>]) -> Result<Vec<Option<R::Row<'t>>>> {
        let schema = self.schema();
        let stored = self.in_table(encode_keys::<R>(schema, keys.iter().copied()))?;
        let mut rows = Vec::with_capacity(keys.len());
        self.reader.find_many(&stored, |record| {
            rows.push(match record {
                Some(record) => Some(R::row(schema, record)?),
                None => None,
            });
            Ok(())
        })?;
        Ok(rows)
    }

    /// Whether there is a row with this key, or number. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<User>("users")?
    /// #     .load([7, 8, 9].map(|id| User { id, score: id * 10 })))?;
    /// # let read = db.read()?;
    /// let users = read.table::<User>("users")?;
    /// assert!(users.contains(7)? && !users.contains(6)?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn contains(&self, key: R::Key<'_>) -> Result<bool> {
        self.get(key).map(|row| row.is_some())
    }

    /// The row with this number, counted from 0. In a table with a key, rows are counted in key
    /// order. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<User>("users")?
    /// #     .load([7, 8, 9].map(|id| User { id, score: id * 10 })))?;
    /// # let read = db.read()?;
    /// let users = read.table::<User>("users")?;
    /// assert_eq!(users.select(1)?.unwrap().id, 8); // the second in the order of the key
    /// assert_eq!(users.select(3)?, None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` if a page on the way does not match its checksum.
    #[inline]
    pub fn select(&self, row: u64) -> Result<Option<R::Row<'t>>> {
        match self.reader.record(row)? {
            Some(record) => R::row(self.schema(), record).map(Some),
            None => Ok(None),
        }
    }

    /// The first row: the one with the lowest key, or number 0. `None` if the table is empty.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<User>("users")?
    /// #     .load([7, 8, 9].map(|id| User { id, score: id * 10 })))?;
    /// # let read = db.read()?;
    /// let users = read.table::<User>("users")?;
    /// assert_eq!(users.first()?.unwrap().id, 7);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`select`](Table::select).
    pub fn first(&self) -> Result<Option<R::Row<'t>>> {
        self.select(0)
    }

    /// The last row: the one with the highest key, or number. `None` if the table is empty.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<User>("users")?
    /// #     .load([7, 8, 9].map(|id| User { id, score: id * 10 })))?;
    /// # let read = db.read()?;
    /// let users = read.table::<User>("users")?;
    /// assert_eq!(users.last()?.unwrap().id, 9);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`select`](Table::select).
    pub fn last(&self) -> Result<Option<R::Row<'t>>> {
        self.select(self.len().wrapping_sub(1))
    }

    /// How many rows have a lower key (or number): the row's position. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<User>("users")?
    /// #     .load([7, 8, 9].map(|id| User { id, score: id * 10 })))?;
    /// # let read = db.read()?;
    /// let users = read.table::<User>("users")?;
    /// assert_eq!(users.rank(9)?, 2);
    /// assert_eq!(users.rank(100)?, 3); // the key need not be in the table
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn rank(&self, key: R::Key<'_>) -> Result<u64> {
        let key = self.in_table(R::with_key(self.schema(), key, |key| Ok(key.to_vec())))?;
        self.reader.place(&key).map(|place| place.rank)
    }

    /// The rows whose keys (or numbers) lie in a range. Finding its ends and its length is O(log
    /// n).
    ///
    /// In a [`Dyn`] table a bound may have fewer values than the key has fields. It then means all
    /// keys that begin with these values, so an included upper bound includes all of their rows.
    ///
    /// ```
    /// # use drystone::{Database, Dyn, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2] key, flight: u16 key".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut flights = write.create_dyn_table("flights", &schema)?;
    /// for (carrier, flight) in [("AA", 1), ("UA", 12), ("UA", 1545), ("VX", 7)] {
    ///     let row = [Value::from(carrier), flight.into()];
    ///     flights.insert(&RowBuf::from_values(&schema, row)?)?;
    /// }
    /// let (united, from_12) = ([Value::from("UA")], [Value::from("UA"), Value::from(12)]);
    /// assert_eq!(flights.as_table().range(&united[..]..=&united[..])?.len(), 2);
    /// assert_eq!(flights.as_table().range(&from_12[..]..)?.len(), 3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn range<'k>(&self, keys: impl RangeBounds<R::Key<'k>>) -> Result<Rows<'t, R>> {
        let found = self.found_between(keys)?;
        Rows::of_found(self.reader, found)
    }

    pub(super) fn numbers_between<'k>(&self, keys: impl RangeBounds<R::Key<'k>>) -> Result<Range<u64>> {
        self.found_between(keys).map(|found| found.rows)
    }

    fn found_between<'k>(&self, keys: impl RangeBounds<R::Key<'k>>) -> Result<Found<'t>> {
        let found = self.with_bound(keys.start_bound(), |from| {
            self.with_bound(keys.end_bound(), |to| Ok(self.reader.between(from, to)))
        });
        // What the reader returns names the table already.
        self.in_table(found)?
    }

    /// Calls `then` with the stored form of a bound.
    #[inline(always)]
    fn with_bound<A>(
        &self,
        bound: Bound<&R::Key<'_>>,
        then: impl FnOnce(Bound<&[u8]>) -> Result<A>,
    ) -> Result<A> {
        match bound {
            Bound::Unbounded => then(Bound::Unbounded),
            Bound::Included(key) => {
                R::with_bound(self.schema(), *key, |key| then(key.map_or(Bound::Unbounded, Bound::Included)))
            }
            Bound::Excluded(key) => {
                R::with_bound(self.schema(), *key, |key| then(key.map_or(Bound::Unbounded, Bound::Excluded)))
            }
        }
    }

    /// The rows with these numbers, counted in key order if there is a key. Numbers beyond the end
    /// are skipped. O(log n).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<Point>("points")?
    /// #     .load((0..100).map(|x| Point { x, y: 1 })))?;
    /// # let read = db.read()?;
    /// let points = read.table::<Point>("points")?;
    /// assert_eq!(points.rows(10..20).len(), 10);
    /// assert_eq!(points.rows(90..200).len(), 10); // what lies beyond the end is left out
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn rows(&self, numbers: Range<u64>) -> Rows<'t, R> {
        let end = numbers.end.min(self.len());
        Rows::new(self.reader, numbers.start.min(end)..end)
    }

    /// All rows, in order.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<Point>("points")?
    /// #     .load((0..100).map(|x| Point { x, y: 1 })))?;
    /// # let read = db.read()?;
    /// let points = read.table::<Point>("points")?;
    /// let mut sum = 0;
    /// for point in points.iter().rev() {
    ///     sum += point?.y;
    /// }
    /// assert_eq!(sum, 100);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn iter(&self) -> Rows<'t, R> {
        Rows::new(self.reader, 0..self.len())
    }

    /// All rows, in order, as slices, one for each leaf: the fastest way to read a table that is
    /// not one slice.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<Point>("points")?
    /// #     .load((0..100).map(|x| Point { x, y: 1 })))?;
    /// # let read = db.read()?;
    /// let points = read.table::<Point>("points")?;
    /// let mut sum = 0;
    /// for slice in points.slices() {
    ///     sum += slice?.iter().map(|point| point.y).sum::<i32>();
    /// }
    /// assert_eq!(sum, 100);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn slices(&self) -> Slices<'t, R> {
        Slices::new(self.reader, 0..self.len())
    }

    /// The whole table as one slice of the mapped file, if its rows are contiguous: after a bulk
    /// load, as long as the table has not been modified since. `None` otherwise. An empty table is
    /// an empty slice.
    ///
    /// The first call verifies the leaves that were not read before, at the speed of the checksum.
    /// Later calls check one bit per leaf.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<Point>("points")?
    /// #     .load((0..100).map(|x| Point { x, y: 1 })))?;
    /// # let read = db.read()?;
    /// let points = read.table::<Point>("points")?;
    /// let all: &[Point] = points.as_slice()?.expect("loaded in one run");
    /// assert_eq!(all[99].x, 99);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` if any page of the table does not match its checksum.
    pub fn as_slice(&self) -> Result<Option<R::Slice<'t>>> {
        self.iter().as_slice()
    }
}

impl<'t, T: Record + Keyed> Table<'t, T> {
    /// The rows whose keys begin with these leading fields: `edges.prefix((7,))`. Fields of other
    /// types than those of the key do not compile: see [`PrefixOf`].
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Edge { #[record(key)] from: u32, #[record(key)] to: u32 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<Edge>("edges")?
    /// #     .load([(1, 2), (7, 1), (7, 3)].map(|(from, to)| Edge { from, to })))?;
    /// # let read = db.read()?;
    /// let edges = read.table::<Edge>("edges")?;
    /// assert_eq!(edges.prefix((7,))?.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    #[inline]
    pub fn prefix<P: PrefixOf<T::Key>>(&self, fields: P) -> Result<Rows<'t, T>> {
        let found =
            with_key(fields, |fields| self.reader.between(Bound::Included(fields), Bound::Included(fields)))?;
        Rows::of_found(self.reader, found)
    }
}

impl<'t> Table<'t, Dyn> {
    /// The rows whose keys begin with these values; in a table without a key, the row with this
    /// number.
    ///
    /// ```
    /// # use drystone::{Database, Dyn, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Edge { #[record(key)] from: u32, #[record(key)] to: u32 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<Edge>("edges")?
    /// #     .load([(1, 2), (7, 1), (7, 3)].map(|(from, to)| Edge { from, to })))?;
    /// # let read = db.read()?;
    /// let edges = read.table::<Dyn>("edges")?;
    /// assert_eq!(edges.prefix(&[7_u32.into()])?.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn prefix(&self, fields: &[Value<'_>]) -> Result<Rows<'t, Dyn>> {
        self.range((Bound::Included(fields), Bound::Included(fields)))
    }
}

/// Whole keys in stored form, one after the other.
pub(super) fn encode_keys<'k, R: RowKind>(
    schema: &Schema,
    keys: impl ExactSizeIterator<Item = R::Key<'k>>,
) -> Result<Vec<u8>> {
    let width = if schema.is_keyed() { schema.key_width() } else { size_of::<u64>() };
    let mut stored = Vec::with_capacity(keys.len() * width);
    for key in keys {
        R::with_key(schema, key, |key| {
            stored.extend_from_slice(key);
            Ok(())
        })?;
    }
    Ok(stored)
}

impl<'t, R: RowKind> IntoIterator for Table<'t, R> {
    type Item = Result<R::Row<'t>>;
    type IntoIter = Rows<'t, R>;

    fn into_iter(self) -> Rows<'t, R> {
        self.iter()
    }
}

impl<'t, R: RowKind> IntoIterator for &Table<'t, R> {
    type Item = Result<R::Row<'t>>;
    type IntoIter = Rows<'t, R>;

    fn into_iter(self) -> Rows<'t, R> {
        self.iter()
    }
}
