//! `Table<T>`: a table in a snapshot, its rows as plain structs.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use super::index::Index;
use super::reader::{Reader, cast, encode_all, one, row_number, with_key};
use super::scan::{Rows, Slices};
use crate::error::Result;
use crate::record::{Key, Keyed, PrefixOf, Record};
use crate::schema::Schema;

/// A table to read from, its rows as references to `T`, straight from the mapped file.
///
/// What it hands out lives as long as the [`ReadTransaction`](crate::ReadTransaction) that it came from, and does not change. A handle
/// is small and `Copy`; it can be used by any number of threads.
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
/// drop(edges);
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
pub struct Table<'t, T> {
    reader: Reader<'t>,
    /// The rows of a table by number that are one array; empty for others. What `is_verified` does not say of a row, nobody sees of it.
    elements: &'t [T],
}

impl<T> Clone for Table<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Table<'_, T> {}

impl<T: Record> fmt::Debug for Table<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?}, {} rows)", self.reader.definition.name, self.len())
    }
}

impl<'t, T: Record> Table<'t, T> {
    /// Opens a table as `T`. The schemas must agree.
    pub(crate) fn new(reader: Reader<'t>) -> Result<Table<'t, T>> {
        let definition = reader.definition;
        definition
            .schema
            .check_same(std::any::type_name::<T>(), T::schema())
            .map_err(|error| reader.place_error(error))?;
        let elements = reader.array().and_then(|bytes| bytemuck::try_cast_slice(bytes).ok());
        Ok(Table { reader, elements: elements.unwrap_or_default() })
    }

    pub(crate) fn reader(&self) -> Reader<'t> {
        self.reader
    }

    pub(super) fn unchecked(reader: Reader<'t>) -> Table<'t, T> {
        Table { reader, elements: &[] }
    }

    /// The name under which the table was opened.
    pub fn name(&self) -> &'t str {
        &self.reader.definition.name
    }

    /// The schema of its rows.
    pub fn schema(&self) -> &'t Schema {
        &self.reader.definition.schema
    }

    /// An index on this table, by its name. Open it once and look up many times.
    ///
    /// # Errors
    /// `NotFound` if the table has no index of this name, naming those it has; `Corrupt` if the catalog cannot be read.
    pub fn index(&self, name: &str) -> Result<Index<'t, T>> {
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

    /// The row with this key, or with this number where the table has no key. O(log n).
    ///
    /// # Errors
    /// `Corrupt` if a page on the way does not match its checksum.
    #[inline(always)]
    pub fn get(&self, key: T::Key) -> Result<Option<&'t T>> {
        let row = with_key(key, row_number);
        match self.elements.get(row as usize) {
            Some(row_there) if self.reader.view.is_verified(row) => Ok(Some(row_there)),
            _ => self.find(key),
        }
    }

    #[inline(never)]
    fn find(&self, key: T::Key) -> Result<Option<&'t T>> {
        match with_key(key, |key| self.reader.find(key))? {
            Some(record) => one(record).map(Some),
            None => Ok(None),
        }
    }

    /// The rows with these keys, or numbers, in the order asked for. O(keys × log n), but several times as fast as so many calls
    /// of [`get`](Table::get) on a table that is larger than the processor's caches: the keys go down the tree side
    /// by side, and their waits for memory overlap.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)] struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.insert(&User { id: 7, score: 1 })?;
    /// # users.insert(&User { id: 9, score: 2 })?;
    /// # drop(users);
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
    pub fn get_many(&self, keys: &[T::Key]) -> Result<Vec<Option<&'t T>>> {
        let mut rows = Vec::with_capacity(keys.len());
        self.reader.find_many(&encode_all(keys.iter().copied()), |record| {
            rows.push(match record {
                Some(record) => Some(one(record)?),
                None => None,
            });
            Ok(())
        })?;
        Ok(rows)
    }

    /// The row with this number, in key order where there is a key: the n-th smallest. O(log n).
    ///
    /// # Errors
    /// `Corrupt` if a page on the way does not match its checksum.
    #[inline]
    pub fn select(&self, row: u64) -> Result<Option<&'t T>> {
        match self.reader.record(row)? {
            Some(record) => one(record).map(Some),
            None => Ok(None),
        }
    }

    /// The first row: the one with the lowest key, or number 0.
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn first(&self) -> Result<Option<&'t T>> {
        self.select(0)
    }

    /// The last row: the one with the highest key, or number.
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn last(&self) -> Result<Option<&'t T>> {
        match self.len() {
            0 => Ok(None),
            rows => self.select(rows - 1),
        }
    }

    /// How many rows have a lower key (or number). O(log n).
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn rank(&self, key: T::Key) -> Result<u64> {
        with_key(key, |key| self.reader.place(key)).map(|place| place.rank)
    }

    /// The rows whose keys (or numbers) lie in a range. Finding its ends is O(log n), and so is its length.
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn range(&self, keys: impl RangeBounds<T::Key>) -> Result<Rows<'t, T>> {
        let encode = |bound: Bound<&T::Key>| {
            bound.map(|key| {
                let mut bytes = vec![0; T::Key::WIDTH];
                key.encode(&mut bytes);
                bytes
            })
        };
        let (from, to) = (encode(keys.start_bound()), encode(keys.end_bound()));
        let rows =
            self.reader.rows_between(from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice))?;
        Ok(Rows::new(self.reader, rows))
    }

    /// All rows, in order.
    pub fn iter(&self) -> Rows<'t, T> {
        Rows::new(self.reader, 0..self.len())
    }

    /// All rows, in order, as slices, one a leaf: the fastest way over a table that is not one slice.
    pub fn slices(&self) -> Slices<'t, T> {
        Slices::new(self.reader, 0..self.len())
    }

    /// The whole table as one slice, straight from the file, if its rows lie side by side: after a bulk load, and as long as no
    /// leaf was written anew. `None` otherwise; the empty table is the empty slice.
    ///
    /// The first call verifies what was not read before, at the speed of the checksum; later ones look at a bit a leaf.
    ///
    /// # Errors
    /// `Corrupt` if any page of the table does not match its checksum.
    pub fn as_slice(&self) -> Result<Option<&'t [T]>> {
        if self.is_empty() {
            return Ok(Some(&[]));
        }
        match self.reader.contiguous()? {
            Some(bytes) => cast(bytes).map(Some),
            None => Ok(None),
        }
    }
}

impl<'t, T: Keyed> Table<'t, T> {
    /// The rows whose keys begin with these leading fields: `edges.prefix((7,))`. Fields of other types
    /// than those of the key do not compile: see [`PrefixOf`].
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn prefix<P: PrefixOf<T::Key>>(&self, fields: P) -> Result<Rows<'t, T>> {
        let rows = with_key(fields, |fields| {
            self.reader.rows_between(Bound::Included(fields), Bound::Included(fields))
        })?;
        Ok(Rows::new(self.reader, rows))
    }

    /// Whether there is a row with this key. O(log n).
    ///
    /// # Errors
    /// As for [`get`](Table::get).
    pub fn contains(&self, key: T::Key) -> Result<bool> {
        self.get(key).map(|row| row.is_some())
    }
}

impl<'t, T: Record> IntoIterator for Table<'t, T> {
    type Item = Result<&'t T>;
    type IntoIter = Rows<'t, T>;

    fn into_iter(self) -> Rows<'t, T> {
        self.iter()
    }
}
