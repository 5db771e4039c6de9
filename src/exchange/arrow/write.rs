//! Writes rows as an Arrow file or stream, batch by batch.

use std::fmt;
use std::io::Write;

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::ArrowError;

use super::encode::Gathered;
use crate::error::{Error, ErrorKind, Result};
use crate::record::Row;
use crate::schema::Schema;

/// The two forms in which Arrow is written.
///
/// ```
/// use drystone::arrow::{Format, Options};
///
/// let options = Options::new().format(Format::Stream);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A file with a list of its batches at the end, for random access. Also called Feather version
    /// 2.
    File,
    /// One batch after the other, for pipes and sockets.
    Stream,
}

/// Writes rows as Arrow, from [`Options::writer`](super::Options::writer). Batches have 65,536
/// rows, or fewer where rows are wide; they are not compressed, so that other programs can map the
/// file.
///
/// ```
/// use drystone::{Database, RowBuf, Schema, arrow};
///
/// let schema: Schema = "x: i32, y: f64".parse()?;
/// let mut writer = arrow::Options::new().writer(&schema, Vec::new())?;
/// for x in 0..1000 {
///     writer.write(RowBuf::from_values(&schema, [x, 2 * x])?.as_row())?;
/// }
/// let file = writer.finish()?;
///
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut points = write.create_dyn_table("points", &schema)?;
/// let mut reader = arrow::Options::new().reader(&schema, std::io::Cursor::new(file))?;
/// assert_eq!(points.load_from(&mut reader, &drystone::LoadOptions::new())?.rows, 1000);
/// # Ok::<(), drystone::Error>(())
/// ```
#[must_use = "call `finish`, which writes the end"]
pub struct Writer<W: Write> {
    output: Output<W>,
    gathered: Gathered,
}

enum Output<W: Write> {
    File(Box<FileWriter<W>>),
    Stream(Box<StreamWriter<W>>),
}

impl<W: Write> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arrow::Writer({})", self.gathered.schema())
    }
}

impl<W: Write> Writer<W> {
    pub(super) fn new(schema: &Schema, format: Format, output: W) -> Result<Writer<W>> {
        let gathered = Gathered::new(schema);
        let output = match format {
            Format::File => {
                Output::File(Box::new(FileWriter::try_new(output, gathered.arrow()).map_err(unwritten)?))
            }
            Format::Stream => {
                Output::Stream(Box::new(StreamWriter::try_new(output, gathered.arrow()).map_err(unwritten)?))
            }
        };
        Ok(Writer { output, gathered })
    }

    /// Writes a row.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, arrow};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = arrow::Options::new().writer(&schema, Vec::new())?;
    /// writer.write(RowBuf::from_values(&schema, [7, 8])?.as_row())?;
    /// let file = std::io::Cursor::new(writer.finish()?);
    /// assert_eq!(arrow::Options::new().infer(file)?.schema(), &schema);
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
    /// # use drystone::{Schema, arrow};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = arrow::Options::new().writer(&schema, Vec::new())?;
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
        self.gathered.add(records, |batch| output.write(batch))
    }

    /// Writes rows, one after the other, such as those of a [`QueryRows`](crate::query::QueryRows).
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, arrow};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = arrow::Options::new().writer(&schema, Vec::new())?;
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
    /// # use drystone::{Schema, arrow};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let writer = arrow::Options::new().writer(&schema, Vec::new())?;
    /// assert!(writer.finish()?.ends_with(b"ARROW1"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`write`](Writer::write).
    pub fn finish(mut self) -> Result<W> {
        if let Some(batch) = self.gathered.rest()? {
            self.output.write(&batch)?;
        }
        match self.output {
            Output::File(mut writer) => writer.finish().and_then(|()| writer.into_inner()).map_err(unwritten),
            Output::Stream(mut writer) => {
                writer.finish().and_then(|()| writer.into_inner()).map_err(unwritten)
            }
        }
    }
}

impl<W: Write> Output<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Output::File(writer) => writer.write(batch).map_err(unwritten),
            Output::Stream(writer) => writer.write(batch).map_err(unwritten),
        }
    }
}

#[cold]
fn unwritten(error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, error) => Error::io("cannot write Arrow", error),
        other => Error::new(ErrorKind::Io, format!("cannot write Arrow: {other}")),
    }
}
