//! Writes rows as JSON lines.

use std::fmt;
use std::io::{self, BufWriter, Write};

use crate::error::{Error, Result};
use crate::exchange::check_whole;
use crate::record::Row;
use crate::schema::Schema;

/// Writes rows as JSON lines, from [`Options::writer`](super::Options::writer): an object per row,
/// with all fields in order. Dates, timestamps, uuids and bytes are texts, and so are the floats
/// that JSON lacks.
///
/// ```
/// use drystone::{RowBuf, Schema, Value, json};
///
/// let schema: Schema = "id: u64, day: date, delay: i16?".parse()?;
/// let mut writer = json::Options::new().writer(&schema, Vec::new())?;
/// let row = RowBuf::from_values(&schema, [Value::from(7), drystone::Date::from_days(0).into()])?;
/// writer.write(row.as_row())?;
/// assert_eq!(writer.finish()?, b"{\"id\":7,\"day\":\"1970-01-01\",\"delay\":null}\n");
/// # Ok::<(), drystone::Error>(())
/// ```
#[must_use = "call `finish`, which writes the end"]
pub struct Writer<W: Write> {
    output: BufWriter<W>,
    schema: Schema,
}

impl<W: Write> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "json::Writer({})", self.schema)
    }
}

impl<W: Write> Writer<W> {
    pub(super) fn new(schema: &Schema, output: W) -> Writer<W> {
        Writer { output: BufWriter::with_capacity(64 << 10, output), schema: schema.clone() }
    }

    /// Writes a row.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, json};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = json::Options::new().writer(&schema, Vec::new())?;
    /// writer.write(RowBuf::from_values(&schema, [7, 8])?.as_row())?;
    /// assert_eq!(writer.finish()?, b"{\"x\":7,\"y\":8}\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](crate::ErrorKind::Schema) if the row has another schema;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if its bytes are not valid values of its fields;
    /// [`Io`](crate::ErrorKind::Io) if it cannot be written.
    pub fn write(&mut self, row: Row<'_>) -> Result<()> {
        self.schema.check_same("the row", row.schema())?;
        serde_json::to_writer(&mut self.output, &row).map_err(|error| {
            // If a value is invalid, its own error has the better message.
            row.values().find_map(Result::err).unwrap_or_else(|| failed(error.into()))
        })?;
        self.output.write_all(b"\n").map_err(failed)
    }

    /// Writes packed records, any number of them.
    ///
    /// ```
    /// # use drystone::{Schema, json};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = json::Options::new().writer(&schema, Vec::new())?;
    /// writer.write_records(&[7, 8, 9, 10])?; // two records of two bytes
    /// assert_eq!(writer.finish()?, b"{\"x\":7,\"y\":8}\n{\"x\":9,\"y\":10}\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) if the last record is not complete; else as for
    /// [`write`](Writer::write).
    pub fn write_records(&mut self, records: &[u8]) -> Result<()> {
        check_whole(&self.schema, records)?;
        let schema = self.schema.clone();
        records.chunks_exact(schema.width()).try_for_each(|record| self.write(Row::new(&schema, record)?))
    }

    /// Writes rows, one after the other, such as those of a [`QueryRows`](crate::query::QueryRows).
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, json};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = json::Options::new().writer(&schema, Vec::new())?;
    /// let rows = [RowBuf::from_values(&schema, [7, 8])?, RowBuf::from_values(&schema, [9, 10])?];
    /// writer.write_all(rows.iter().map(RowBuf::as_row))?;
    /// assert_eq!(writer.finish()?, b"{\"x\":7,\"y\":8}\n{\"x\":9,\"y\":10}\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`write`](Writer::write).
    pub fn write_all<'r>(&mut self, rows: impl IntoIterator<Item = Row<'r>>) -> Result<()> {
        rows.into_iter().try_for_each(|row| self.write(row))
    }

    /// The schema of the rows.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Writes the rest from memory, and returns the output.
    ///
    /// ```
    /// # use drystone::{Schema, json};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let writer = json::Options::new().writer(&schema, Vec::new())?;
    /// assert_eq!(writer.finish()?, b""); // no row, no line
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if it cannot be written.
    pub fn finish(self) -> Result<W> {
        self.output.into_inner().map_err(|error| failed(error.into_error()))
    }
}

fn failed(error: io::Error) -> Error {
    Error::io("cannot write JSON", error)
}
