//! `DynamicTable`: a table in a snapshot, its rows as [`Row`]s of whatever schema it has.

use std::fmt;
use std::ops::{Bound, Range, RangeBounds};

use super::dynamic_index::DynamicIndex;
use super::reader::Reader;
use super::scan::RowRange;
use crate::catalog::Definition;
use crate::error::{Error, ErrorKind, Result, fail};
use crate::record::{Row, Value};
use crate::schema::Schema;

/// A table to read from when its schema is known only at run time.
///
/// A key is a slice of [`Value`]s, one a key field; in a table without a key, the row number.
///
/// ```
/// use drystone::{Database, RowBuf, Schema, Value};
///
/// let schema: Schema = "carrier: str[2] key, flight: u16 key, delay: i16?".parse()?;
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut flights = write.create_dynamic("flights", &schema)?;
/// flights.insert(&RowBuf::from_values(&schema, [Value::from("UA"), Value::from(1545), Value::from(2)])?)?;
/// drop(flights);
/// write.commit()?;
///
/// let read = db.read()?;
/// let flights = read.dynamic("flights")?;
/// let row = flights.get(&["UA".into(), 1545.into()])?.unwrap();
/// assert_eq!(row.get("delay")?, Value::from(2)); // by name
/// assert_eq!(row.get(2)?, Value::from(2)); // by position
/// assert_eq!(row.at::<u16>(2)?, 1545); // by byte offset
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct DynamicTable<'t> {
    reader: Reader<'t>,
}

impl fmt::Debug for DynamicTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicTable({:?}, {} rows)", self.reader.definition.name, self.len())
    }
}

impl<'t> DynamicTable<'t> {
    pub(crate) fn new(reader: Reader<'t>) -> DynamicTable<'t> {
        DynamicTable { reader }
    }

    pub(crate) fn reader(&self) -> Reader<'t> {
        self.reader
    }

    /// The name under which the table was opened.
    pub fn name(&self) -> &'t str {
        &self.reader.definition.name
    }

    /// The schema of its rows.
    pub fn schema(&self) -> &'t Schema {
        &self.reader.definition.schema
    }

    /// An index on this table, by its name: see [`Table::index`](crate::Table::index).
    ///
    /// # Errors
    /// As there.
    pub fn index(&self, name: &str) -> Result<DynamicIndex<'t>> {
        DynamicIndex::new(self.reader, name)
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
    /// `Usage` or `Value` if this is no key of the table; `Corrupt` if a page on the way does not match its checksum.
    pub fn get(&self, key: &[Value<'_>]) -> Result<Option<Row<'t>>> {
        let key = encode_key(self.reader.definition, key, true)?;
        self.reader.find(&key)?.map(|bytes| Row::new(self.schema(), bytes)).transpose()
    }

    /// The rows with these keys, or numbers, in the order asked for: see [`Table::get_many`](crate::Table::get_many).
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "id: u64 key, score: u64".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_dynamic("users", &schema)?;
    /// # users.insert(&RowBuf::from_values(&schema, [Value::from(7), Value::from(1)])?)?;
    /// # drop(users);
    /// # write.commit()?;
    /// # let read = db.read()?;
    /// let users = read.dynamic("users")?;
    /// let found = users.get_many(&[[Value::from(7)], [Value::from(8)]])?;
    /// assert_eq!(found[0].unwrap().get("score")?, Value::from(1));
    /// assert!(found[1].is_none());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](DynamicTable::get).
    pub fn get_many<'v>(&self, keys: &[impl AsRef<[Value<'v>]>]) -> Result<Vec<Option<Row<'t>>>> {
        let mut bytes = Vec::new();
        for key in keys {
            bytes.extend_from_slice(&encode_key(self.reader.definition, key.as_ref(), true)?);
        }
        let mut rows = Vec::with_capacity(keys.len());
        self.reader.find_many(&bytes, |record| {
            rows.push(record.map(|bytes| Row::new(self.schema(), bytes)).transpose()?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The row with this number, in key order where there is a key. O(log n).
    ///
    /// # Errors
    /// `Corrupt` if a page on the way does not match its checksum.
    pub fn select(&self, row: u64) -> Result<Option<Row<'t>>> {
        self.reader.record(row)?.map(|bytes| Row::new(self.schema(), bytes)).transpose()
    }

    /// The first row.
    ///
    /// # Errors
    /// As for [`select`](DynamicTable::select).
    pub fn first(&self) -> Result<Option<Row<'t>>> {
        self.select(0)
    }

    /// The last row.
    ///
    /// # Errors
    /// As for [`select`](DynamicTable::select).
    pub fn last(&self) -> Result<Option<Row<'t>>> {
        self.select(self.len().wrapping_sub(1))
    }

    /// How many rows have a lower key (or number). O(log n).
    ///
    /// # Errors
    /// As for [`get`](DynamicTable::get).
    pub fn rank(&self, key: &[Value<'_>]) -> Result<u64> {
        let key = encode_key(self.reader.definition, key, true)?;
        self.reader.place(&key).map(|place| place.rank)
    }

    /// The rows between two keys. A bound may have fewer values than the key has fields: it then stands for all keys that
    /// begin with them, so an included upper bound includes every row that begins like it.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// use std::ops::Bound::{Excluded, Included};
    ///
    /// # let schema: Schema = "carrier: str[2] key, flight: u16 key".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut flights = write.create_dynamic("flights", &schema)?;
    /// for (carrier, flight) in [("AA", 1), ("UA", 12), ("UA", 1545), ("VX", 7)] {
    ///     flights.insert(&RowBuf::from_values(&schema, [Value::from(carrier), Value::from(flight)])?)?;
    /// }
    /// let united = [Value::from("UA")];
    /// let from_12 = [Value::from("UA"), Value::from(12)];
    /// assert_eq!(flights.as_table().range((Included(&united[..]), Included(&united[..])))?.len(), 2);
    /// assert_eq!(flights.as_table().range((Excluded(&from_12[..]), Included(&united[..])))?.len(), 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](DynamicTable::get).
    pub fn range<'v>(&self, keys: impl RangeBounds<[Value<'v>]>) -> Result<RowRange<'t>> {
        self.between(keys.start_bound(), keys.end_bound())
    }

    /// The rows whose keys begin with these values; in a table without a key, the row with this number.
    ///
    /// # Errors
    /// As for [`get`](DynamicTable::get).
    pub fn prefix(&self, fields: &[Value<'_>]) -> Result<RowRange<'t>> {
        self.between(Bound::Included(fields), Bound::Included(fields))
    }

    fn between(&self, from: Bound<&[Value<'_>]>, to: Bound<&[Value<'_>]>) -> Result<RowRange<'t>> {
        let encode = |bound: Bound<&[Value<'_>]>| match bound {
            Bound::Unbounded => Ok(Bound::Unbounded),
            Bound::Included([]) | Bound::Excluded([]) => Ok(Bound::Unbounded),
            Bound::Included(key) => encode_key(self.reader.definition, key, false).map(Bound::Included),
            Bound::Excluded(key) => encode_key(self.reader.definition, key, false).map(Bound::Excluded),
        };
        let (from, to) = (encode(from)?, encode(to)?);
        let rows =
            self.reader.rows_between(from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice))?;
        Ok(RowRange::new(self.reader, rows))
    }

    /// The rows with these numbers, in key order where there is a key; those beyond the end are left out. O(log n).
    pub fn rows(&self, numbers: Range<u64>) -> RowRange<'t> {
        let end = numbers.end.min(self.len());
        RowRange::new(self.reader, numbers.start.min(end)..end)
    }

    /// All rows, in order.
    pub fn iter(&self) -> RowRange<'t> {
        RowRange::new(self.reader, 0..self.len())
    }
}

impl<'t> IntoIterator for DynamicTable<'t> {
    type Item = Result<Row<'t>>;
    type IntoIter = RowRange<'t>;

    fn into_iter(self) -> RowRange<'t> {
        self.iter()
    }
}

/// The stored form of a key, or of its leading fields where it need not be whole; a row number where there is no key.
pub(super) fn encode_key(definition: &Definition, values: &[Value<'_>], whole: bool) -> Result<Vec<u8>> {
    let fields = definition.schema.key_fields();
    let place = |error: Error| error.within(format!("table {:?}", definition.name));
    if fields.is_empty() {
        return match values {
            [row] => match row.as_u64() {
                Some(row) => Ok(row.to_le_bytes().to_vec()),
                None => Err(place(Error::new(ErrorKind::Value, format!("{row} is no row number")))),
            },
            _ => {
                fail!(Usage, "table {:?} has no key; a row is addressed by its number alone", definition.name)
            }
        };
    }
    if values.len() > fields.len() || values.is_empty() || (whole && values.len() < fields.len()) {
        let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        fail!(
            Usage,
            "table {:?}: a key has {} values ({}), not {}",
            definition.name,
            fields.len(),
            names.join(", "),
            values.len()
        );
    }
    let width = fields[..values.len()].iter().map(|field| field.width()).sum();
    let mut key = vec![0; width];
    for (field, value) in fields.iter().zip(values) {
        field.store(value, &mut key[field.offset()..field.offset() + field.width()]).map_err(place)?;
    }
    Ok(key)
}
