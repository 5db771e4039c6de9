//! `Index<T>`: the rows of a table by other fields than its key, as plain structs.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::path::PathBuf;

use super::index_scan::{IndexReader, IndexScan};
use super::reader::{Reader, one, with_key};
use super::scan::RowRange;
use crate::catalog::{Definition, Role};
use crate::error::Result;
use crate::load::LoadOptions;
use crate::record::{Key, Record};
use crate::schema::{FieldDef, Schema};

/// How an index is made.
///
/// ```
/// let options = drystone::IndexOptions::new().unique(true);
/// ```
#[derive(Clone, Debug, Default)]
pub struct IndexOptions {
    pub(super) unique: bool,
    memory_bytes: Option<usize>,
    scratch: Option<PathBuf>,
}

impl IndexOptions {
    /// Rows may have the same values; what there is is sorted within 256 MiB.
    pub fn new() -> IndexOptions {
        IndexOptions::default()
    }

    /// Whether no two rows may have the same values. As in SQL, rows of which one of the values is null are not compared.
    #[must_use]
    pub fn unique(mut self, unique: bool) -> IndexOptions {
        self.unique = unique;
        self
    }

    /// How much memory sorting what there is may take; at least 1 MiB is used.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: usize) -> IndexOptions {
        self.memory_bytes = Some(bytes);
        self
    }

    /// The folder for temporary files; by default that of the database, or the system's for one in memory.
    #[must_use]
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

/// An index, as the catalog describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexInfo {
    /// Its name, which nothing else in the database has.
    pub name: String,
    /// The table that it is on.
    pub table: String,
    /// The fields that are indexed, in order.
    pub fields: Vec<String>,
    /// Whether no two rows may have the same values in them.
    pub unique: bool,
    /// The fields of an entry: those that are indexed, then those of the table's key that are not among them, or the number
    /// of the row.
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

/// An index to read from: the rows of a table in the order of other fields than its key.
///
/// What is looked up is given as a key is: a value, or a tuple of values, of the first indexed fields. Rows come as references
/// straight from the table. Null orders where the value orders that is reserved for it; it is looked up by
/// [`DynamicIndex`](crate::DynamicIndex).
///
/// ```
/// use drystone::{Database, IndexOptions, Record};
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
/// edges.create_index("by_weight", &["weight"], &IndexOptions::new())?;
/// for (from, to, weight) in [(1, 2, 9), (1, 3, 4), (2, 1, 9)] {
///     edges.insert(&Edge { from, to, weight })?;
/// }
/// drop(edges);
/// write.commit()?;
///
/// let read = db.read()?;
/// let by_weight = read.table::<Edge>("edges")?.index("by_weight")?;
/// assert_eq!(by_weight.get(4_u32)?, Some(&Edge { from: 1, to: 3, weight: 4 }));
/// let heavy: Vec<u32> = by_weight.prefix(9_u32)?.map(|edge| edge.map(|edge| edge.from)).collect::<Result<_, _>>()?;
/// assert_eq!(heavy, [1, 2]);
/// assert_eq!(by_weight.range(..9_u32)?.len(), 1);
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Index<'t, T> {
    reader: IndexReader<'t>,
    records: PhantomData<fn() -> T>,
}

impl<T> Clone for Index<'_, T> {
    fn clone(&self) -> Self {
        Index { reader: self.reader.clone(), records: PhantomData }
    }
}

impl<T: Record> fmt::Debug for Index<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({:?}, {} rows)", self.name(), self.len())
    }
}

impl<'t, T: Record> Index<'t, T> {
    pub(super) fn new(table: Reader<'t>, name: &str) -> Result<Index<'t, T>> {
        Ok(Index { reader: IndexReader::new(table, name)?, records: PhantomData })
    }

    /// Its name.
    pub fn name(&self) -> &'t str {
        &self.reader.entries.definition.name
    }

    /// The fields that are indexed, in order. Their offsets are those in an entry.
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

    /// How many rows it has: as many as the table. O(1).
    pub fn len(&self) -> u64 {
        self.reader.entries.rows()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first row with these values of all indexed fields; in a unique index, the one. O(log n).
    ///
    /// The values have exactly the types of the fields. The compiler does not know those, so give a literal
    /// its type: `by_price.get(2.5_f32)`. A nullable field is looked up by a [`Nullable`](crate::Nullable), or
    /// by a plain value.
    ///
    /// # Errors
    /// `Usage` if the types are others; `Value` if a plain value is the one that stands for null in its field;
    /// `Corrupt` if a page on the way does not match its checksum, or the index does not agree with its
    /// table.
    #[inline]
    pub fn get<K: Key>(&self, values: K) -> Result<Option<&'t T>> {
        let found = with_key(values, |values| {
            self.reader.check_whole(K::FIELDS, values)?;
            self.reader.get(values)
        });
        match found? {
            Some(row) => one(row).map(Some),
            None => Ok(None),
        }
    }

    /// The rows with these values of the first indexed fields, in the order of the index. Finding them, and how many they are, is
    /// O(log n).
    ///
    /// # Errors
    /// As for [`get`](Index::get).
    pub fn prefix<K: Key>(&self, values: K) -> Result<IndexRows<'t, T>> {
        let entries = with_key(values, |values| {
            self.reader.check_leading(K::FIELDS, values)?;
            self.reader.prefix(values)
        })?;
        Ok(self.rows(entries))
    }

    /// The rows between two values, or tuples of values, of the first indexed fields. A bound stands for all rows that begin
    /// with it, so an included upper bound includes every one of them.
    ///
    /// # Errors
    /// As for [`get`](Index::get).
    pub fn range<K: Key>(&self, values: impl RangeBounds<K>) -> Result<IndexRows<'t, T>> {
        let encode = |values: &K| {
            let mut bytes = vec![0; K::WIDTH];
            values.encode(&mut bytes);
            self.reader.check_leading(K::FIELDS, &bytes)?;
            Ok(bytes)
        };
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
    pub fn iter(&self) -> IndexRows<'t, T> {
        self.rows(0..self.len())
    }

    /// The first row in the order of the index.
    ///
    /// # Errors
    /// As for [`get`](Index::get).
    pub fn first(&self) -> Result<Option<&'t T>> {
        self.rows(0..1).next().transpose()
    }

    /// The last row in the order of the index.
    ///
    /// # Errors
    /// As for [`get`](Index::get).
    pub fn last(&self) -> Result<Option<&'t T>> {
        self.iter().next_back().transpose()
    }

    fn rows(&self, entries: std::ops::Range<u64>) -> IndexRows<'t, T> {
        IndexRows { scan: self.reader.scan(entries), records: PhantomData }
    }
}

/// The rows of a typed table in the order of an index: an iterator of `Result<&T>` from both ends.
///
/// Rows are looked up by their keys, several side by side. An error comes once and ends the iteration.
#[derive(Clone)]
pub struct IndexRows<'t, T> {
    scan: IndexScan<'t>,
    records: PhantomData<fn() -> T>,
}

impl<'t, T: Record> IndexRows<'t, T> {
    /// How many rows are left.
    pub fn len(&self) -> u64 {
        self.scan.len()
    }

    /// Whether no row is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries alone, without a look at the rows: what is indexed and the key, as rows of the
    /// [schema of the index](Index::schema). Much faster, where that is all that is asked for.
    pub fn entries(self) -> RowRange<'t> {
        self.scan.into_entries()
    }
}

impl<'t, T: Record> Iterator for IndexRows<'t, T> {
    type Item = Result<&'t T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.scan.next().map(|row| row.and_then(one))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.len()).ok())
    }
}

impl<T: Record> DoubleEndedIterator for IndexRows<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.scan.next_back().map(|row| row.and_then(one))
    }
}
