//! `Index`: finds rows of a table by other fields than its key.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::{Bound, Range, RangeBounds};
use std::path::PathBuf;

use super::index_reader::{IndexReader, IndexScan};
use super::kind::{Dyn, RowKind};
use super::reader::{Reader, with_key};
use super::rows::Rows;
use crate::catalog::{Definition, Role};
use crate::error::Result;
use crate::load::LoadOptions;
use crate::record::{Key, Value};
use crate::schema::{FieldDef, Schema};

/// How an index is made. Give it to
/// [`TableMut::create_index_with`](crate::TableMut::create_index_with).
///
/// ```
/// use drystone::IndexOptions;
///
/// let options = IndexOptions::new()
///     .unique(true) // no two rows with the same values
///     .memory_bytes(64 << 20) // sort the rows that are there within 64 MiB
///     .scratch_folder("/var/tmp"); // for what does not fit
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct IndexOptions {
    pub(super) unique: bool,
    memory_bytes: Option<usize>,
    scratch: Option<PathBuf>,
}

impl IndexOptions {
    /// Not unique; sorts the existing rows within 256 MiB.
    pub fn new() -> IndexOptions {
        IndexOptions::default()
    }

    /// Whether no two rows may have the same values. As in SQL, rows with a null among these values
    /// are not compared.
    pub fn unique(mut self, unique: bool) -> IndexOptions {
        self.unique = unique;
        self
    }

    /// How many bytes of memory sorting the existing rows may take; at least 1 MiB is used.
    pub fn memory_bytes(mut self, bytes: usize) -> IndexOptions {
        self.memory_bytes = Some(bytes);
        self
    }

    /// The folder for temporary files. The default is the folder of the database, or the system's
    /// for a database in memory.
    pub fn scratch_folder(mut self, folder: impl Into<PathBuf>) -> IndexOptions {
        self.scratch = Some(folder.into());
        self
    }

    pub(super) fn load_options(&self) -> LoadOptions {
        let mut options = LoadOptions::new();
        if let Some(bytes) = self.memory_bytes {
            options = options.memory_bytes(bytes);
        }
        if let Some(folder) = &self.scratch {
            options = options.scratch_folder(folder.clone());
        }
        options
    }
}

/// The description of an index in the catalog.
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
/// let indexes = read.indexes("edges")?;
/// assert_eq!((&*indexes[0].name, &*indexes[0].table), ("by_weight", "edges"));
/// assert_eq!(indexes[0].fields, ["weight"]);
/// assert_eq!(indexes[0].entry.to_string(), "weight: u32, from: u32, to: u32");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexInfo {
    /// Its name. No other table or index has it.
    pub name: String,
    /// The table that it is on.
    pub table: String,
    /// The fields that are indexed, in order.
    pub fields: Vec<String>,
    /// Whether no two rows may have the same values in them.
    pub unique: bool,
    /// The fields of an entry: the indexed fields, then the fields of the table's key that are not
    /// among them, or the row number.
    pub entry: Schema,
}

impl IndexInfo {
    pub(crate) fn new(table: &Definition, index: &Definition) -> IndexInfo {
        let (fields, unique) = match index.role {
            Role::Index { fields, unique, .. } => (fields.into(), unique),
            Role::Table { .. } => (0, false),
        };
        let indexed = index.schema.fields().iter().take(fields);
        IndexInfo {
            name: index.name.clone(),
            table: table.name.clone(),
            fields: indexed.map(|field| field.name().to_owned()).collect(),
            unique,
            entry: index.schema.clone(),
        }
    }
}

/// What to look up in an index: values of the first indexed fields. Sealed.
///
/// Either typed like a key ([`Key`]: a value, or a tuple of values, of exactly the types of the
/// fields), or a slice or an array of [`Value`]s, where null is [`Value::Null`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be looked up in an index",
    note = "give a value or a tuple of values of the types of the indexed fields, or a slice of `Value`s"
)]
pub trait IndexKey: sealed::Sealed {
    /// Calls `then` with the stored form of the values of all indexed fields.
    #[doc(hidden)]
    fn whole<A>(&self, index: &Lookup<'_>, then: impl FnOnce(&[u8]) -> Result<A>) -> Result<A>;

    /// The same for some of the first fields.
    #[doc(hidden)]
    fn leading<A>(&self, index: &Lookup<'_>, then: impl FnOnce(&[u8]) -> Result<A>) -> Result<A>;
}

/// The index that is looked up.
#[doc(hidden)]
pub struct Lookup<'i>(&'i IndexReader<'i>);

impl fmt::Debug for Lookup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookup({:?})", self.0.entries.definition.name)
    }
}

impl<K: Key> sealed::Sealed for K {}

#[diagnostic::do_not_recommend]
impl<K: Key> IndexKey for K {
    #[inline(always)]
    fn whole<A>(&self, index: &Lookup<'_>, then: impl FnOnce(&[u8]) -> Result<A>) -> Result<A> {
        with_key(*self, |values| {
            index.0.check_whole(K::FIELDS, values)?;
            then(values)
        })
    }

    fn leading<A>(&self, index: &Lookup<'_>, then: impl FnOnce(&[u8]) -> Result<A>) -> Result<A> {
        with_key(*self, |values| {
            index.0.check_leading(K::FIELDS, values)?;
            then(values)
        })
    }
}

macro_rules! values {
    ($([$($generics:tt)*] $values:ty;)*) => {$(
        impl<$($generics)*> sealed::Sealed for $values {}

        impl<$($generics)*> IndexKey for $values {
            fn whole<A>(&self, index: &Lookup<'_>, then: impl FnOnce(&[u8]) -> Result<A>) -> Result<A> {
                then(&index.0.encode_whole(&self[..])?)
            }

            fn leading<A>(&self, index: &Lookup<'_>, then: impl FnOnce(&[u8]) -> Result<A>) -> Result<A> {
                then(&index.0.encode(&self[..])?)
            }
        }
    )*};
}

values! {
    ['v] &[Value<'v>];
    ['v, const N: usize] &[Value<'v>; N];
    ['v, const N: usize] [Value<'v>; N];
    ['v] &Vec<Value<'v>>;
}

/// An index to read from: it gives the rows of a table in the order of other fields than its key.
///
/// Look-ups take an [`IndexKey`]: typed values of the first indexed fields, or a slice of
/// [`Value`]s. They return rows of the table. Null sorts like the value that is reserved for it;
/// look it up with a [`Nullable`](crate::Nullable) or with [`Value::Null`].
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
///     weight: u32,
/// }
///
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut edges = write.create_table::<Edge>("edges")?;
/// edges.create_index("by_weight", &["weight"])?;
/// for (from, to, weight) in [(1, 2, 9), (1, 3, 4), (2, 1, 9)] {
///     edges.insert(&Edge { from, to, weight })?;
/// }
/// write.commit()?;
///
/// let read = db.read()?;
/// let by_weight = read.table::<Edge>("edges")?.index("by_weight")?;
/// assert_eq!(by_weight.get(4_u32)?, Some(&Edge { from: 1, to: 3, weight: 4 }));
/// let heavy = by_weight.prefix(9_u32)?.map(|edge| edge.map(|edge| edge.from));
/// let heavy: Vec<u32> = heavy.collect::<Result<_, _>>()?;
/// assert_eq!(heavy, [1, 2]);
/// assert_eq!(by_weight.range(..9_u32)?.len(), 1);
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// With a schema that is known only at run time:
///
/// ```
/// use drystone::{Database, RowBuf, Schema, Value};
///
/// let schema: Schema = "id: u64 key, tail: str[6]?, delay: i16".parse()?;
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut flights = write.create_dyn_table("flights", &schema)?;
/// flights.create_index("by_tail", &["tail", "delay"])?;
/// let (tail, null) = (Value::from("N14228"), Value::Null);
/// for (id, tail, delay) in [(1, tail.clone(), 2), (2, null, 0), (3, tail, -1)] {
///     flights.insert(&RowBuf::from_values(&schema, [Value::from(id), tail, delay.into()])?)?;
/// }
/// let by_tail = flights.index("by_tail")?;
/// let ids: Vec<String> = by_tail
///     .prefix([Value::from("N14228")])?
///     .map(|row| Ok(row?.get("id")?.to_string()))
///     .collect::<drystone::Result<_>>()?;
/// assert_eq!(ids, ["3", "1"]); // by delay
/// assert_eq!(by_tail.prefix([Value::Null])?.len(), 1);
/// assert_eq!(by_tail.schema().to_string(), "tail: str[6]?, delay: i16, id: u64");
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Index<'t, R> {
    reader: IndexReader<'t>,
    records: PhantomData<fn() -> R>,
}

impl<R> Clone for Index<'_, R> {
    fn clone(&self) -> Self {
        Index { reader: self.reader.clone(), records: PhantomData }
    }
}

impl<R: RowKind> fmt::Debug for Index<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({:?}, {} rows)", self.name(), self.len())
    }
}

impl<'t, R: RowKind> Index<'t, R> {
    pub(super) fn new(table: Reader<'t>, name: &str) -> Result<Index<'t, R>> {
        Ok(Index { reader: IndexReader::new(table, name)?, records: PhantomData })
    }

    pub(crate) fn entries_reader(&self) -> Reader<'t> {
        self.reader.entries
    }

    /// Its name.
    pub fn name(&self) -> &'t str {
        &self.reader.entries.definition.name
    }

    /// The indexed fields, in order. Their offsets are offsets in an entry.
    pub fn fields(&self) -> &'t [FieldDef] {
        self.reader.fields()
    }

    /// The schema of its entries: see [`IndexInfo::entry`].
    pub fn schema(&self) -> &'t Schema {
        &self.reader.entries.definition.schema
    }

    /// Whether no two rows may have the same values.
    pub fn is_unique(&self) -> bool {
        self.reader.is_unique()
    }

    /// The number of entries: that of the rows of the table. O(1).
    pub fn len(&self) -> u64 {
        self.reader.entries.rows()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first row with these values of all indexed fields; in a unique index, the only one.
    /// O(log n).
    ///
    /// Typed values must have exactly the types of the fields. The compiler does not know these
    /// types, so give literals a suffix: `by_price.get(2.5_f32)`. For a nullable field, give a
    /// [`Nullable`](crate::Nullable) or a plain value.
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
    /// let by_weight = edges.index("by_weight")?;
    /// assert_eq!(by_weight.get(4_u32)?, Some(&Edge { from: 1, to: 3, weight: 4 }));
    /// assert_eq!(by_weight.get(5_u32)?, None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Usage` if the types or the number of values differ; `Value` if a value does not fit its
    /// field, or if a plain value is the one reserved for null; `Corrupt` if a page on the way does
    /// not match its checksum, or if the index does not agree with its table.
    #[inline]
    pub fn get<K: IndexKey>(&self, values: K) -> Result<Option<R::Row<'t>>> {
        match values.whole(&Lookup(&self.reader), |values| self.reader.get(values))? {
            Some(row) => R::row(self.row_schema(), row).map(Some),
            None => Ok(None),
        }
    }

    /// Whether there is a row with these values of all indexed fields. O(log n).
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
    /// let by_weight = edges.index("by_weight")?;
    /// assert!(by_weight.contains(9_u32)? && !by_weight.contains(5_u32)?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Index::get).
    pub fn contains<K: IndexKey>(&self, values: K) -> Result<bool> {
        self.get(values).map(|row| row.is_some())
    }

    /// The rows with these values of the first indexed fields, in the order of the index. Finding
    /// them and their number is O(log n).
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
    /// let by_weight = edges.index("by_weight")?;
    /// let heavy = by_weight.prefix(9_u32)?;
    /// assert_eq!(heavy.len(), 2);
    /// for edge in heavy {
    ///     assert_eq!(edge?.weight, 9);
    /// }
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Index::get).
    pub fn prefix<K: IndexKey>(&self, values: K) -> Result<IndexRows<'t, R>> {
        let entries = values.leading(&Lookup(&self.reader), |values| self.reader.prefix(values))?;
        Ok(self.rows(entries))
    }

    /// The rows between two bounds, each of values of the first indexed fields. A bound means all
    /// rows that begin with its values, so an included upper bound includes all of them. O(log n).
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
    /// let by_weight = edges.index("by_weight")?;
    /// assert_eq!(by_weight.range(5_u32..)?.len(), 2);
    /// assert_eq!(by_weight.range(..=9_u32)?.len(), 3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Index::get).
    pub fn range<K: IndexKey>(&self, values: impl RangeBounds<K>) -> Result<IndexRows<'t, R>> {
        let encode = |values: &K| values.leading(&Lookup(&self.reader), |values| Ok(values.to_vec()));
        let encode = |bound: Bound<&K>| match bound {
            Bound::Included(values) => encode(values).map(Bound::Included),
            Bound::Excluded(values) => encode(values).map(Bound::Excluded),
            Bound::Unbounded => Ok(Bound::Unbounded),
        };
        let (from, to) = (encode(values.start_bound())?, encode(values.end_bound())?);
        let entries =
            self.reader.between(from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice))?;
        Ok(self.rows(entries))
    }

    /// All rows, in the order of the index.
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
    /// let weights: Result<Vec<u32>, _> =
    ///     edges.index("by_weight")?.iter().map(|edge| edge.map(|edge| edge.weight)).collect();
    /// assert_eq!(weights?, [4, 9, 9]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn iter(&self) -> IndexRows<'t, R> {
        self.rows(0..self.len())
    }

    /// The first row in the order of the index.
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
    /// assert_eq!(edges.index("by_weight")?.first()?.unwrap().weight, 4);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Index::get).
    pub fn first(&self) -> Result<Option<R::Row<'t>>> {
        self.rows(0..1).next().transpose()
    }

    /// The last row in the order of the index.
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
    /// assert_eq!(edges.index("by_weight")?.last()?.unwrap().weight, 9);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Index::get).
    pub fn last(&self) -> Result<Option<R::Row<'t>>> {
        self.iter().next_back().transpose()
    }

    fn row_schema(&self) -> &'t Schema {
        &self.reader.table.definition.schema
    }

    fn rows(&self, entries: Range<u64>) -> IndexRows<'t, R> {
        IndexRows { scan: self.reader.scan(entries), records: PhantomData }
    }
}

impl<'t, R: RowKind> IntoIterator for &Index<'t, R> {
    type Item = Result<R::Row<'t>>;
    type IntoIter = IndexRows<'t, R>;

    fn into_iter(self) -> IndexRows<'t, R> {
        self.iter()
    }
}

/// The rows of a table in the order of an index: an iterator of `Result<&T>` (of `Result<Row>` in a
/// [`Dyn`] table) from both ends.
///
/// Rows are looked up by their keys, several at a time. An error is returned once and ends the
/// iteration.
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
/// let by_weight = edges.index("by_weight")?;
/// let heaviest = by_weight.iter().next_back().unwrap()?;
/// assert_eq!((heaviest.from, heaviest.to), (2, 1));
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct IndexRows<'t, R> {
    scan: IndexScan<'t>,
    records: PhantomData<fn() -> R>,
}

impl<R> Clone for IndexRows<'_, R> {
    fn clone(&self) -> Self {
        IndexRows { scan: self.scan.clone(), records: PhantomData }
    }
}

impl<R: RowKind> fmt::Debug for IndexRows<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = &self.scan.index.entries.definition.name;
        write!(f, "IndexRows({index:?}, {} left)", self.len())
    }
}

impl<'t, R: RowKind> IndexRows<'t, R> {
    /// How many rows are left.
    pub fn len(&self) -> u64 {
        self.scan.len()
    }

    /// Whether no row is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries without their rows: the indexed fields and the key, as rows of the [schema of
    /// the index](Index::schema). Much faster, if you need no other fields.
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
    /// let entries = edges.index("by_weight")?.prefix(4_u32)?.entries();
    /// for entry in entries {
    ///     assert_eq!(entry?.to_string(), "weight: 4, from: 1, to: 3");
    /// }
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn entries(self) -> Rows<'t, Dyn> {
        self.scan.into_entries()
    }

    fn row(&self, row: Result<&'t [u8]>) -> Result<R::Row<'t>> {
        row.and_then(|row| R::row(&self.scan.index.table.definition.schema, row))
    }
}

impl<'t, R: RowKind> Iterator for IndexRows<'t, R> {
    type Item = Result<R::Row<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.scan.next()?;
        Some(self.row(row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.len()).ok())
    }
}

impl<R: RowKind> DoubleEndedIterator for IndexRows<'_, R> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let row = self.scan.next_back()?;
        Some(self.row(row))
    }
}

impl<R: RowKind> FusedIterator for IndexRows<'_, R> {}

mod sealed {
    pub trait Sealed {}
}
