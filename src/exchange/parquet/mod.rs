//! Apache Parquet: reading files ([`Reader`]), writing rows ([`Writer`]), and inferring the schema
//! ([`Inferred`]). Start with [`Options`].

mod crew;
#[cfg(test)]
mod damaged_pages;
mod decoding;
mod dictionaries;
mod encoder;
mod file_batches;
mod input;
#[cfg(test)]
mod round_trips;
mod row_groups;

use std::io::{Read, Seek, Write};

pub use crate::exchange::arrow::Reader;
pub use crate::exchange::inferred::{Column, Inferred};
pub use row_groups::Writer;

use self::decoding::Sharing;
use crate::error::Result;
use crate::exchange::common::{Common, common_options, sample_option};
use crate::exchange::threads;
use crate::schema::Schema;

/// How to read and write Parquet files. A file is never in memory as a whole: besides the pages
/// being decoded, there are at most about 64 MiB of rows that were decoded ahead.
///
/// ```
/// use std::io::Cursor;
///
/// use drystone::{RecordSource, RowBuf, Schema, parquet};
///
/// let schema: Schema = "id: u64 key, delay: i16?".parse()?;
/// let options = parquet::Options::new().name("flights.parquet");
/// let mut writer = options.writer(&schema, Vec::new())?;
/// writer.write(RowBuf::from_values(&schema, [7, -3])?.as_row())?;
/// let file = writer.finish()?;
///
/// assert_eq!(options.infer(Cursor::new(file.clone()))?.schema(), &schema);
/// let mut reader = options.reader(&schema, Cursor::new(file))?;
/// let mut row = RowBuf::new(&schema);
/// assert!(reader.next_record(row.as_bytes_mut())?);
/// assert_eq!(row.to_string(), "id: 7, delay: -3");
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// With all settings:
///
/// ```
/// use drystone::parquet;
///
/// let options = parquet::Options::new()
///     .name("flights.parquet") // for messages
///     .ignore_unknown(true) // skip columns that are not in the schema
///     .threads(1) // by default one for each processor
///     .enums(true); // infer enumerations
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    common: Common,
    /// How many threads encode and decode; 0 means one for each processor.
    threads: usize,
}

impl Options {
    /// The defaults: every mistake is an error.
    pub fn new() -> Options {
        Options { common: Common::new("the Parquet file"), threads: 0 }
    }

    common_options!();
    sample_option!();

    /// The name of the input in messages: `row 7 of flights.parquet`.
    pub fn name(mut self, name: impl Into<Box<str>>) -> Options {
        self.common.name = name.into();
        self
    }

    /// Whether to skip columns that have no field in the schema. Otherwise they are an error.
    pub fn ignore_unknown(mut self, ignore: bool) -> Options {
        self.common.ignore_unknown = ignore;
        self
    }

    /// Whether inference picks an enumeration for a column of few texts: at most 256 different ones
    /// (255 if values are missing), each of which occurs four times on average. The names are
    /// sorted, so that values compare like the texts.
    pub fn enums(mut self, enums: bool) -> Options {
        self.common.enums = enums;
        self
    }

    /// How many threads encode what is written, with the caller, and how many decode what is read,
    /// beside the caller; 0, which is the default, means one for each processor. With 1, the caller
    /// alone does both. The file, the records and the errors are the same whatever their number. If
    /// the system has no more threads, there are fewer.
    ///
    /// Each thread decodes a row group, or a part of a very long one.
    pub fn threads(mut self, threads: usize) -> Options {
        self.threads = threads;
        self
    }

    /// Reads records of this schema. Fields are matched to columns by name, and values are stored
    /// as in [`arrow::Options::reader`](crate::arrow::Options::reader).
    ///
    /// ```
    /// use drystone::{RecordSource, Schema, parquet};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// # let mut writer = parquet::Options::new().writer(&schema, Vec::new())?;
    /// # writer.write_records(&[7, 8])?;
    /// # let file = std::io::Cursor::new(writer.finish()?);
    /// let mut reader = parquet::Options::new().reader(&schema, file)?;
    /// let mut record = [0; 2];
    /// assert!(reader.next_record(&mut record)?);
    /// assert_eq!(record, [7, 8]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is not a Parquet file or is cut off, if a column is
    /// not in the schema or has a type that no field holds, or if a field that has no default and
    /// is not nullable has no column.
    pub fn reader<R: Read + Seek + Send + 'static>(&self, schema: &Schema, input: R) -> Result<Reader> {
        let sharing = Sharing::new(threads::wanted(self.threads), schema.width());
        file_batches::reader(&self.common, sharing, schema, input)
    }

    /// Infers the schema, by the rules of [`arrow::Options::infer`](crate::arrow::Options::infer).
    ///
    /// ```
    /// use drystone::{Schema, parquet};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// # let mut writer = parquet::Options::new().writer(&schema, Vec::new())?;
    /// # writer.write_records(&[7, 8])?;
    /// # let file = std::io::Cursor::new(writer.finish()?);
    /// assert_eq!(parquet::Options::new().infer(file)?.schema(), &schema);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is not a Parquet file or is cut off, or if a column
    /// has a type that no field holds.
    pub fn infer<R: Read + Seek + Send + 'static>(&self, input: R) -> Result<Inferred> {
        file_batches::infer(&self.common, threads::wanted(self.threads), input)
    }

    /// Writes rows of this schema.
    ///
    /// ```
    /// use drystone::{Schema, parquet};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = parquet::Options::new().writer(&schema, Vec::new())?;
    /// writer.write_records(&[7, 8, 9, 10])?;
    /// assert!(writer.finish()?.starts_with(b"PAR1"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if the beginning cannot be written.
    pub fn writer<W: Write + Send>(&self, schema: &Schema, output: W) -> Result<Writer<W>> {
        Writer::new(schema, threads::wanted(self.threads), output)
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
