//! Writes rows as a Parquet file, row group by row group.

use std::fmt;
use std::io::Write;

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::arrow::Gathered;
use crate::record::Row;
use crate::schema::Schema;

/// The limits of a row group: rows, and bytes.
const GROUP_ROWS: usize = 1 << 20;
const GROUP_BYTES: usize = 128 << 20;

/// Writes rows as a Parquet file, compressed with zstd, from
/// [`Options::writer`](super::Options::writer). A row group is kept in memory until it is full: a
/// million rows, or 128 MiB.
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
    output: ArrowWriter<W>,
    gathered: Gathered,
}

impl<W: Write + Send> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parquet::Writer({})", self.gathered.schema())
    }
}

impl<W: Write + Send> Writer<W> {
    pub(super) fn new(schema: &Schema, output: W) -> Result<Writer<W>> {
        let gathered = Gathered::new(schema);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let output =
            ArrowWriter::try_new(output, gathered.arrow().clone(), Some(properties)).map_err(unwritten)?;
        Ok(Writer { output, gathered })
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
    /// [`Schema`](ErrorKind::Schema) if the row has another schema; [`Corrupt`](ErrorKind::Corrupt)
    /// if bytes are not valid values of their fields; [`Io`](ErrorKind::Io) if they cannot be
    /// written.
    pub fn write(&mut self, row: Row<'_>) -> Result<()> {
        self.gathered.schema().check_same("the row", row.schema())?;
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
    /// [`Value`](ErrorKind::Value) if the last record is not complete; else as for
    /// [`write`](Writer::write).
    pub fn write_records(&mut self, records: &[u8]) -> Result<()> {
        let output = &mut self.output;
        self.gathered.add(records, |batch| write(output, batch))
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
        self.gathered.schema()
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
        if let Some(batch) = self.gathered.rest()? {
            write(&mut self.output, &batch)?;
        }
        self.output.into_inner().map_err(unwritten)
    }
}

fn write<W: Write + Send>(output: &mut ArrowWriter<W>, batch: &RecordBatch) -> Result<()> {
    output.write(batch).map_err(unwritten)?;
    if output.in_progress_size() > GROUP_BYTES {
        output.flush().map_err(unwritten)?;
    }
    Ok(())
}

#[cold]
fn unwritten(error: ParquetError) -> Error {
    match error {
        ParquetError::External(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => Error::io("cannot write Parquet", *error),
            Err(error) => Error::new(ErrorKind::Io, format!("cannot write Parquet: {error}")),
        },
        other => Error::new(ErrorKind::Io, format!("cannot write Parquet: {other}")),
    }
}
