//! Writes rows as a Parquet file, row group by row group.

use std::fmt;
use std::io::Write;

use super::encoder::Encoder;
use crate::error::{Result, bail};
use crate::exchange::check_whole;
use crate::record::Row;
use crate::schema::Schema;

/// The limits of a row group: rows, and bytes of records.
const GROUP_ROWS: usize = 1 << 18;
const GROUP_BYTES: usize = 64 << 20;

/// Writes rows as a Parquet file, compressed with zstd, from
/// [`Options::writer`](super::Options::writer). A row group has 262,144 rows, or fewer where they
/// take more than 64 MiB. Several threads encode its columns
/// ([`Options::threads`](super::Options::threads)). Two row groups are kept in memory at least, and
/// up to 256 MiB of them.
///
/// Columns have the types of [`arrow::to_schema`](crate::arrow::to_schema), and the metadata
/// contain the fields, so that [`Options::reader`](super::Options::reader) reads back what was
/// written.
///
/// ```
/// # use drystone::{RowBuf, Schema, parquet};
/// # let schema: Schema = "x: u8, y: u8".parse()?;
/// let mut writer = parquet::Options::new().writer(&schema, Vec::new())?;
/// writer.write(RowBuf::from_values(&schema, [7, 8])?.as_row())?;
/// let file = std::io::Cursor::new(writer.finish()?);
/// assert_eq!(parquet::Options::new().infer(file)?.schema(), &schema);
/// # Ok::<(), drystone::Error>(())
/// ```
#[must_use = "call `finish`, which writes the end"]
pub struct Writer<W: Write + Send> {
    encoder: Encoder<W>,
    schema: Schema,
    /// The rows of the next group, and the bytes of a full one.
    records: Vec<u8>,
    full: usize,
    /// Whether rows were lost by an error.
    has_failed: bool,
}

impl<W: Write + Send> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parquet::Writer({})", self.schema)
    }
}

impl<W: Write + Send> Writer<W> {
    pub(super) fn new(schema: &Schema, threads: usize, output: W) -> Result<Writer<W>> {
        Writer::of_groups(schema, threads, GROUP_ROWS, output)
    }

    /// A writer of groups of this many rows, or fewer.
    pub(super) fn of_groups(schema: &Schema, threads: usize, rows: usize, output: W) -> Result<Writer<W>> {
        let full = (GROUP_BYTES / schema.width()).clamp(1, rows) * schema.width();
        let encoder = Encoder::new(schema, threads, output)?;
        Ok(Writer { encoder, schema: schema.clone(), records: Vec::new(), full, has_failed: false })
    }

    /// Writes a row.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, parquet};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = parquet::Options::new().writer(&schema, Vec::new())?;
    /// writer.write(RowBuf::from_values(&schema, [7, 8])?.as_row())?;
    /// assert!(writer.finish()?.starts_with(b"PAR1"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](crate::ErrorKind::Schema) if the row has another schema;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if bytes are not valid values of their fields;
    /// [`Io`](crate::ErrorKind::Io) if they cannot be written. They may come with a later call.
    pub fn write(&mut self, row: Row<'_>) -> Result<()> {
        self.schema.check_same("the row", row.schema())?;
        self.write_records(row.as_bytes())
    }

    /// Writes packed records, any number of them.
    ///
    /// ```
    /// # use drystone::{Schema, parquet};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = parquet::Options::new().writer(&schema, Vec::new())?;
    /// writer.write_records(&[7, 8, 9, 10])?; // two records of two bytes
    /// assert!(writer.write_records(&[11]).is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) if the last record is not complete; else as for
    /// [`write`](Writer::write).
    pub fn write_records(&mut self, mut records: &[u8]) -> Result<()> {
        check_whole(&self.schema, records)?;
        while !records.is_empty() {
            let (now, later) = records.split_at(records.len().min(self.full - self.records.len()));
            self.records.extend_from_slice(now);
            records = later;
            if self.records.len() == self.full {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<()> {
        let spare = self.encoder.spare();
        let group = std::mem::replace(&mut self.records, spare);
        self.encoder.add(group).inspect_err(|_| self.has_failed = true)
    }

    /// Writes rows, one after the other, such as those of a [`QueryRows`](crate::query::QueryRows).
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, parquet};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = parquet::Options::new().writer(&schema, Vec::new())?;
    /// let rows = [RowBuf::from_values(&schema, [7, 8])?, RowBuf::from_values(&schema, [9, 10])?];
    /// writer.write_all(rows.iter().map(RowBuf::as_row))?;
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

    /// Writes the rest from memory and the end of the file, and returns the output.
    ///
    /// ```
    /// # use drystone::{Schema, parquet};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let writer = parquet::Options::new().writer(&schema, Vec::new())?;
    /// assert!(writer.finish()?.ends_with(b"PAR1"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`write`](Writer::write).
    pub fn finish(mut self) -> Result<W> {
        if self.has_failed {
            bail!(Usage, "the Parquet file lacks rows, as writing them failed before; write it again");
        }
        if !self.records.is_empty() {
            self.end_group()?;
        }
        self.encoder.finish()
    }
}
