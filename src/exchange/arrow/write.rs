//! Writes rows as an Arrow file or stream, batch by batch.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::ArrowError;

use super::encode::Gathered;
use crate::error::{Error, ErrorKind, Result};
use crate::record::Row;
use crate::schema::Schema;

/// The two forms in which Arrow is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A file with a list of its batches at the end, which is also called Feather: any batch can be found at once.
    File,
    /// One batch after the other, for pipes and sockets.
    Stream,
}

/// Writes rows as Arrow. Batches have 65,536 rows, or fewer where rows are wide; they are not compressed, so that others can map
/// the file.
///
/// ```
/// use drystone::arrow::{Batches, Layout, Writer};
/// use drystone::{Database, RowBuf, Schema};
///
/// let schema: Schema = "x: i32, y: f64".parse()?;
/// let mut writer = Writer::new(&schema, Layout::File, Vec::new())?;
/// for x in 0..1000 {
///     writer.write(RowBuf::from_values(&schema, [x, 2 * x])?.as_row())?;
/// }
/// let file = writer.finish()?;
///
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut points = write.create_dyn_table("points", &schema)?;
/// let mut records = Batches::file("points.arrow", std::io::Cursor::new(file))?.records(&schema)?;
/// assert_eq!(points.load_from(&mut records, &drystone::LoadOptions::new())?.rows, 1000);
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Writer<W: Write> {
    output: Output<W>,
    gathered: Gathered,
}

enum Output<W: Write> {
    File(Box<FileWriter<W>>),
    Stream(Box<StreamWriter<W>>),
}

impl<W: Write> Writer<W> {
    /// Writes rows of this schema.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when the beginning cannot be written.
    pub fn new(schema: &Schema, layout: Layout, output: W) -> Result<Writer<W>> {
        let gathered = Gathered::new(schema);
        let output = match layout {
            Layout::File => {
                Output::File(Box::new(FileWriter::try_new(output, gathered.arrow()).map_err(unwritten)?))
            }
            Layout::Stream => {
                Output::Stream(Box::new(StreamWriter::try_new(output, gathered.arrow()).map_err(unwritten)?))
            }
        };
        Ok(Writer { output, gathered })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// [`Schema`](ErrorKind::Schema) when the row has another schema, [`Corrupt`](ErrorKind::Corrupt) when bytes are no values
    /// of their fields, [`Io`](ErrorKind::Io) when they cannot be written.
    pub fn write(&mut self, row: Row<'_>) -> Result<()> {
        self.gathered.schema().check_same("the row", row.schema())?;
        self.write_records(row.as_bytes())
    }

    /// Writes packed records, any number of whole ones.
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) when they are not whole, else as [`write`](Writer::write).
    pub fn write_records(&mut self, records: &[u8]) -> Result<()> {
        let output = &mut self.output;
        self.gathered.add(records, |batch| output.write(batch))
    }

    /// Writes what is still in memory and the end, and gives the output back.
    ///
    /// # Errors
    /// As [`write`](Writer::write).
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
