//! The result of a query: a schema, and rows in stored form.

use std::fmt;
use std::iter::FusedIterator;

use crate::error::{Error, ErrorKind, Result};
use crate::load::RecordSource;
use crate::record::{Record, Row};
use crate::schema::Schema;

/// The result rows of a query, in memory: a schema, and rows packed as in a table.
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut flights = write.create_dyn_table("flights", &schema)?;
/// # flights.push(&RowBuf::from_values(&schema, [Value::from("UA"), Value::from(70)])?)?;
/// use drystone::query::mean;
///
/// let rows = flights.as_table().query().group_by(["carrier"]).aggregate([mean("delay")]).run()?;
/// assert_eq!(rows.schema().to_string(), "carrier: str[2], \"mean(delay)\": f64?");
/// for row in &rows {
///     println!("{row}");
/// }
/// # assert_eq!(rows.len(), 1);
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// With the feature `serde` it is serialized as a sequence of maps:
/// `[{"carrier":"UA","mean(delay)":70.0}]`.
#[derive(Clone, PartialEq)]
pub struct QueryRows {
    schema: Schema,
    bytes: Vec<u8>,
}

impl QueryRows {
    pub(in crate::query) fn new(schema: Schema, bytes: Vec<u8>) -> QueryRows {
        QueryRows { schema, bytes }
    }

    /// The schema of the rows. None of its fields is a key.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.schema.width()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The rows as packed bytes, [`width`](Schema::width) bytes each.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// let rows = flights.query().run()?;
    /// assert_eq!(rows.as_bytes().len(), rows.len() * rows.schema().width());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The row with this number, counted from 0; `None` beyond the end.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// let rows = flights.query().run()?;
    /// assert_eq!(rows.get(0).unwrap().to_string(), "carrier: UA, delay: 70");
    /// assert!(rows.get(4).is_none());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn get(&self, row: usize) -> Option<Row<'_>> {
        let start = row.checked_mul(self.schema.width())?;
        let bytes = self.bytes.get(start..)?.get(..self.schema.width())?;
        Row::new(&self.schema, bytes).ok()
    }

    /// All rows, in order.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// let rows = flights.query().filter("delay > 60".parse()?).run()?;
    /// let shown: Vec<String> = rows.iter().map(|row| row.to_string()).collect();
    /// assert_eq!(shown, ["carrier: UA, delay: 70", "carrier: AA, delay: 90"]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn iter(&self) -> QueryRowsIter<'_> {
        QueryRowsIter { rows: self, next: 0 }
    }

    /// The rows as structs. Whether a field of `T` belongs to its key is not compared.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::{Nullable, Record, Text};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C, packed)]
    /// struct Flight {
    ///     carrier: Text<2>,
    ///     delay: Nullable<i16>,
    /// }
    ///
    /// let late: Vec<Flight> = flights.query().filter("delay > 60".parse()?).run()?.records()?;
    /// assert_eq!({ late[1].delay }.get(), Some(90));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if the fields differ. The message shows both schemas.
    pub fn records<T: Record>(&self) -> Result<Vec<T>> {
        let same = |(ours, theirs): (&crate::schema::FieldDef, &crate::schema::FieldDef)| {
            (ours.name(), ours.ty(), ours.is_nullable()) == (theirs.name(), theirs.ty(), theirs.is_nullable())
        };
        let (ours, theirs) = (self.schema.fields(), T::schema().fields());
        if ours.len() != theirs.len() || !ours.iter().zip(theirs).all(same) {
            self.schema.check_same(std::any::type_name::<T>(), T::schema())?;
        }
        Ok(self.bytes.chunks_exact(self.schema.width()).map(bytemuck::pod_read_unaligned).collect())
    }

    /// The rows as a source of records that borrows them, to be
    /// [loaded](crate::TableMut::load_from) into a table of the same fields.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::LoadOptions;
    ///
    /// let late = flights.query().filter("delay > 60".parse()?).run()?;
    /// let mut copy = write.create_dyn_table("late", late.schema())?;
    /// copy.load_from(&mut late.source(), &LoadOptions::new())?;
    /// assert_eq!(copy.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn source(&self) -> impl RecordSource {
        RowsSource { rows: self.bytes.chunks_exact(self.schema.width()), given: 0 }
    }
}

impl fmt::Debug for QueryRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'r> IntoIterator for &'r QueryRows {
    type Item = Row<'r>;
    type IntoIter = QueryRowsIter<'r>;

    fn into_iter(self) -> QueryRowsIter<'r> {
        self.iter()
    }
}

/// The rows of a [`QueryRows`], in order.
#[derive(Clone, Debug)]
pub struct QueryRowsIter<'r> {
    rows: &'r QueryRows,
    next: usize,
}

impl<'r> Iterator for QueryRowsIter<'r> {
    type Item = Row<'r>;

    fn next(&mut self) -> Option<Row<'r>> {
        let row = self.rows.get(self.next)?;
        self.next += 1;
        Some(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rows.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for QueryRowsIter<'_> {}

impl FusedIterator for QueryRowsIter<'_> {}

/// Serializes as a sequence of rows, each a map from names to values.
#[cfg(feature = "serde")]
impl serde::Serialize for QueryRows {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

/// The rows as a source of records.
#[derive(Debug)]
struct RowsSource<'r> {
    rows: std::slice::ChunksExact<'r, u8>,
    given: u64,
}

impl RecordSource for RowsSource<'_> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        let Some(row) = self.rows.next() else { return Ok(false) };
        if row.len() != record.len() {
            let message = format!("rows of {} bytes for a table of {}", row.len(), record.len());
            return Err(Error::new(ErrorKind::Schema, message));
        }
        record.copy_from_slice(row);
        self.given += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.given
    }

    fn rows_hint(&self) -> Option<u64> {
        Some(self.rows.len() as u64)
    }
}
