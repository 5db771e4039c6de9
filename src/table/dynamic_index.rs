//! `DynamicIndex`: the rows of a table by other fields than its key, when its schema is known only at run time.

use std::fmt;
use std::ops::{Bound, Range, RangeBounds};

use super::index_scan::{IndexReader, IndexScan};
use super::reader::Reader;
use super::scan::RowRange;
use crate::error::{Error, Result, fail};
use crate::record::{Row, Value};
use crate::schema::{FieldDef, Schema};

/// An index to read from when the schema of its table is known only at run time.
///
/// What is looked up is given as a slice of [`Value`]s of the first indexed fields; null is found by [`Value::Null`].
///
/// ```
/// use drystone::{Database, IndexOptions, RowBuf, Schema, Value};
///
/// let schema: Schema = "id: u64 key, tail: str[6]?, delay: i16".parse()?;
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut flights = write.create_dynamic("flights", &schema)?;
/// flights.create_index("by_tail", &["tail", "delay"], &IndexOptions::new())?;
/// for (id, tail, delay) in [(1, "N14228".into(), 2), (2, Value::Null, 0), (3, "N14228".into(), -1)] {
///     flights.insert(&RowBuf::from_values(&schema, [Value::from(id), tail, delay.into()])?)?;
/// }
/// let by_tail = flights.index("by_tail")?;
/// let ids: Vec<String> = by_tail
///     .prefix(&["N14228".into()])?
///     .map(|row| Ok(row?.get("id")?.to_string()))
///     .collect::<drystone::Result<_>>()?;
/// assert_eq!(ids, ["3", "1"]); // by delay
/// assert_eq!(by_tail.prefix(&[Value::Null])?.len(), 1);
/// assert_eq!(by_tail.schema().to_string(), "tail: str[6]?, delay: i16, id: u64");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone)]
pub struct DynamicIndex<'t> {
    reader: IndexReader<'t>,
}

impl fmt::Debug for DynamicIndex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicIndex({:?}, {} rows)", self.name(), self.len())
    }
}

impl<'t> DynamicIndex<'t> {
    pub(super) fn new(table: Reader<'t>, name: &str) -> Result<DynamicIndex<'t>> {
        IndexReader::new(table, name).map(|reader| DynamicIndex { reader })
    }

    /// Its name.
    pub fn name(&self) -> &'t str {
        &self.reader.entries.definition.name
    }

    /// The fields that are indexed, in order. Their offsets are those in an entry.
    pub fn fields(&self) -> &'t [FieldDef] {
        self.reader.fields()
    }

    /// The schema of its entries: see [`IndexInfo::entry`](crate::IndexInfo::entry).
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
    /// # Errors
    /// `Usage` or `Value` if these are no values of the indexed fields; `Corrupt` if a page on the way does not match its checksum, or
    /// the index does not agree with its table.
    pub fn get(&self, values: &[Value<'_>]) -> Result<Option<Row<'t>>> {
        if values.len() != self.fields().len() {
            return self.wrong_count(values.len());
        }
        let row = self.reader.get(&self.encode(values)?)?;
        row.map(|row| Row::new(&self.reader.table.definition.schema, row)).transpose()
    }

    /// The rows with these values of the first indexed fields, in the order of the index. Finding them, and how many they are, is
    /// O(log n).
    ///
    /// # Errors
    /// As for [`get`](DynamicIndex::get).
    pub fn prefix(&self, values: &[Value<'_>]) -> Result<IndexRowRange<'t>> {
        self.reader.prefix(&self.encode(values)?).map(|entries| self.rows(entries))
    }

    /// The rows between two bounds, each of values of the first indexed fields. A bound stands for all rows that begin with it,
    /// so an included upper bound includes every one of them.
    ///
    /// # Errors
    /// As for [`get`](DynamicIndex::get).
    pub fn range<'v>(&self, values: impl RangeBounds<[Value<'v>]>) -> Result<IndexRowRange<'t>> {
        let encode = |bound: Bound<&[Value<'_>]>| match bound {
            Bound::Unbounded | Bound::Included([]) | Bound::Excluded([]) => Ok(Bound::Unbounded),
            Bound::Included(values) => self.encode(values).map(Bound::Included),
            Bound::Excluded(values) => self.encode(values).map(Bound::Excluded),
        };
        let (from, to) = (encode(values.start_bound())?, encode(values.end_bound())?);
        let entries =
            self.reader.between(from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice))?;
        Ok(self.rows(entries))
    }

    /// All rows, in the order of the index.
    pub fn iter(&self) -> IndexRowRange<'t> {
        self.rows(0..self.len())
    }

    /// The first row in the order of the index.
    ///
    /// # Errors
    /// As for [`get`](DynamicIndex::get).
    pub fn first(&self) -> Result<Option<Row<'t>>> {
        self.rows(0..1).next().transpose()
    }

    /// The last row in the order of the index.
    ///
    /// # Errors
    /// As for [`get`](DynamicIndex::get).
    pub fn last(&self) -> Result<Option<Row<'t>>> {
        self.iter().next_back().transpose()
    }

    fn rows(&self, entries: Range<u64>) -> IndexRowRange<'t> {
        IndexRowRange { scan: self.reader.scan(entries) }
    }

    /// The stored form of values of the first fields of an entry.
    fn encode(&self, values: &[Value<'_>]) -> Result<Vec<u8>> {
        let fields = self.schema().fields();
        if values.len() > fields.len() {
            return self.wrong_count(values.len());
        }
        let mut stored = Vec::new();
        for (field, value) in fields.iter().zip(values) {
            let start = stored.len();
            stored.resize(start + field.width(), 0);
            field
                .store(value, &mut stored[start..])
                .map_err(|error: Error| error.within(format!("index {:?}", self.name())))?;
        }
        Ok(stored)
    }

    #[cold]
    fn wrong_count<R>(&self, count: usize) -> Result<R> {
        let names: Vec<&str> = self.fields().iter().map(FieldDef::name).collect();
        fail!(
            Usage,
            "index {:?} is on {} fields ({}), not {count}",
            self.name(),
            names.len(),
            names.join(", ")
        );
    }
}

/// The rows of a dynamic table in the order of an index: an iterator of `Result<Row>` from both ends.
///
/// Rows are looked up by their keys, several side by side. An error comes once and ends the iteration.
#[derive(Clone)]
pub struct IndexRowRange<'t> {
    scan: IndexScan<'t>,
}

impl<'t> IndexRowRange<'t> {
    /// How many rows are left.
    pub fn len(&self) -> u64 {
        self.scan.len()
    }

    /// Whether no row is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries alone, without a look at the rows: see [`IndexRows::entries`](crate::IndexRows::entries).
    pub fn entries(self) -> RowRange<'t> {
        self.scan.into_entries()
    }

    fn row(&self, row: Result<&'t [u8]>) -> Result<Row<'t>> {
        row.and_then(|row| Row::new(&self.scan.index.table.definition.schema, row))
    }
}

impl<'t> Iterator for IndexRowRange<'t> {
    type Item = Result<Row<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.scan.next()?;
        Some(self.row(row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.len()).ok())
    }
}

impl DoubleEndedIterator for IndexRowRange<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let row = self.scan.next_back()?;
        Some(self.row(row))
    }
}
