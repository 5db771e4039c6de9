//! Writes rows as an `.npy` file: a header, then the records as they are.

use std::fmt;
use std::io::{self, Write};

use super::dtype::dtype;
use crate::error::{Error, Result, bail};
use crate::exchange::check_whole;
use crate::record::Row;
use crate::schema::Schema;

/// The data begins at a multiple of this.
const ALIGNMENT: usize = 64;

/// Writes rows as an `.npy` file, from [`Options::writer`](super::Options::writer): a structured
/// array of the [`dtype`] of their schema. Its data are the packed records, byte for byte. Nulls
/// are written as the values that are reserved for them.
///
/// ```
/// use drystone::{RowBuf, Schema, numpy};
///
/// let schema: Schema = "x: i32, delay: i16?".parse()?;
/// let mut writer = numpy::Options::new().rows(1).writer(&schema, Vec::new())?;
/// writer.write(RowBuf::from_values(&schema, [7])?.as_row())?;
/// let file = writer.finish()?;
/// assert_eq!(file.len() % 64, schema.width());
/// assert_eq!(numpy::Options::new().infer(&*file)?.schema().to_string(), "x: i32, delay: i16");
/// # Ok::<(), drystone::Error>(())
/// ```
#[must_use = "call `finish`, which checks the number of rows"]
pub struct Writer<W: Write> {
    output: W,
    schema: Schema,
    rows: u64,
    written: u64,
}

impl<W: Write> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numpy::Writer({})", self.schema)
    }
}

impl<W: Write> Writer<W> {
    pub(super) fn new(schema: &Schema, rows: u64, mut output: W) -> Result<Writer<W>> {
        output.write_all(&header(schema, rows)).map_err(failed)?;
        Ok(Writer { output, schema: schema.clone(), rows, written: 0 })
    }

    /// Writes a row.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, numpy};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = numpy::Options::new().rows(2).writer(&schema, Vec::new())?;
    /// writer.write(RowBuf::from_values(&schema, [7, 8])?.as_row())?;
    /// writer.write(RowBuf::from_values(&schema, [9, 10])?.as_row())?;
    /// assert!(writer.finish()?.ends_with(&[7, 8, 9, 10]));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](crate::ErrorKind::Schema) if the row has another schema;
    /// [`Usage`](crate::ErrorKind::Usage) if it exceeds the number of rows;
    /// [`Io`](crate::ErrorKind::Io) if it cannot be written.
    pub fn write(&mut self, row: Row<'_>) -> Result<()> {
        self.schema.check_same("the row", row.schema())?;
        self.write_records(row.as_bytes())
    }

    /// Writes packed records, any number of them.
    ///
    /// ```
    /// # use drystone::{Schema, numpy};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = numpy::Options::new().rows(2).writer(&schema, Vec::new())?;
    /// writer.write_records(&[7, 8, 9, 10])?; // two records of two bytes
    /// assert!(writer.write_records(&[11, 12]).is_err()); // one more than `rows`
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) if the last record is not complete; else as for
    /// [`write`](Writer::write).
    pub fn write_records(&mut self, records: &[u8]) -> Result<()> {
        check_whole(&self.schema, records)?;
        self.written += (records.len() / self.schema.width()) as u64;
        if self.written > self.rows {
            bail!(
                Usage,
                "{} rows or more, where the header of the .npy file says {}",
                self.written,
                self.rows
            );
        }
        self.output.write_all(records).map_err(failed)
    }

    /// Writes rows, one after the other, such as those of a [`QueryRows`](crate::query::QueryRows).
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, numpy};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = numpy::Options::new().rows(2).writer(&schema, Vec::new())?;
    /// let rows = [RowBuf::from_values(&schema, [7, 8])?, RowBuf::from_values(&schema, [9, 10])?];
    /// writer.write_all(rows.iter().map(RowBuf::as_row))?;
    /// assert!(writer.finish()?.ends_with(&[7, 8, 9, 10]));
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

    /// Returns the output.
    ///
    /// ```
    /// # use drystone::{Schema, numpy};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let writer = numpy::Options::new().rows(2).writer(&schema, Vec::new())?;
    /// assert!(writer.finish().is_err()); // the header says two rows
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) if there were fewer rows than the header says.
    pub fn finish(self) -> Result<W> {
        if self.written < self.rows {
            bail!(Usage, "{} rows, where the header of the .npy file says {}", self.written, self.rows);
        }
        Ok(self.output)
    }
}

/// The header, padded so that the data are aligned: in version 1 if its text is short and in ASCII,
/// else in version 3.
fn header(schema: &Schema, rows: u64) -> Vec<u8> {
    let text = format!("{{'descr': {}, 'fortran_order': False, 'shape': ({rows},), }}", dtype(schema));
    let is_old = text.is_ascii() && text.len() + ALIGNMENT < usize::from(u16::MAX);
    let before = if is_old { 10 } else { 12 };
    // The header ends with a line break.
    let length = (before + text.len() + 1).next_multiple_of(ALIGNMENT) - before;
    let mut header = b"\x93NUMPY".to_vec();
    if is_old {
        header.extend([1, 0]);
        header.extend_from_slice(&(length as u16).to_le_bytes());
    } else {
        header.extend([3, 0]);
        header.extend_from_slice(&(length as u32).to_le_bytes());
    }
    header.extend_from_slice(text.as_bytes());
    header.resize(before + length - 1, b' ');
    header.push(b'\n');
    header
}

fn failed(error: io::Error) -> Error {
    Error::io("cannot write the .npy file", error)
}
