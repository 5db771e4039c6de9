//! Apache Arrow: reading record batches, files and streams ([`Reader`]), writing rows ([`Writer`]),
//! and inferring the schema ([`Inferred`]). Start with [`Options`]. Within a process,
//! [`TableBatches`], [`BatchEncoder`] and [`record_batch`] make record batches, [`Batches`] takes
//! them, and [`to_schema`] converts a schema.

mod batch_types;
mod batch_writer;
mod batches;
mod decimals;
mod decode;
mod encode;
mod messages;
mod pieces;
mod schema;
mod table;

use std::io::{Read, Seek, Write};

pub use crate::exchange::inferred::{Column, Inferred};
pub use arrow_array;
pub use arrow_schema;
pub use batch_writer::{Format, Writer};
pub use batches::{Batches, Reader};
pub use encode::{BatchEncoder, record_batch};
pub use schema::to_schema;
pub use table::TableBatches;

use crate::error::Result;
use crate::exchange::common::{Common, common_options, sample_option};
use crate::schema::Schema;
#[cfg(feature = "parquet")]
pub(super) use {
    batch_types::{InferredBatches, Usable},
    batches::{Matched, guarded, guarded_all},
    encode::column,
    messages::wide_columns,
    schema::wide_field,
};

/// How to read and write Arrow data.
///
/// ```
/// use std::io::Cursor;
///
/// use drystone::{RecordSource, RowBuf, Schema, arrow};
///
/// let schema: Schema = "id: u64 key, carrier: str[2]".parse()?;
/// let options = arrow::Options::new().name("flights.arrow");
/// let mut writer = options.writer(&schema, Vec::new())?;
/// writer.write(RowBuf::from_values(&schema, [7.into(), drystone::Value::from("UA")])?.as_row())?;
/// let written = writer.finish()?;
///
/// assert_eq!(options.infer(Cursor::new(written.clone()))?.schema(), &schema);
/// let mut reader = options.reader(&schema, Cursor::new(written))?;
/// let mut row = RowBuf::new(&schema);
/// assert!(reader.next_record(row.as_bytes_mut())?);
/// assert_eq!(row.to_string(), "id: 7, carrier: UA");
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// With all settings:
///
/// ```
/// use drystone::arrow;
///
/// let options = arrow::Options::new()
///     .name("flights.arrow") // for messages
///     .ignore_unknown(true) // skip columns that are not in the schema
///     .enums(true); // infer enumerations
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    common: Common,
    format: Format,
}

impl Options {
    /// The defaults: writers write files, and every mistake is an error.
    pub fn new() -> Options {
        Options { common: Common::new("the Arrow data"), format: Format::File }
    }

    common_options!();
    sample_option!();

    /// The name of the input in messages: `row 7 of flights.arrow`.
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

    /// What to write: a file, which is the default, or a stream. Readers recognise both.
    ///
    /// ```
    /// use drystone::arrow::{Format, Options};
    /// use drystone::{RecordSource, Schema};
    ///
    /// let schema: Schema = "x: u8".parse()?;
    /// let mut writer = Options::new().format(Format::Stream).writer(&schema, Vec::new())?;
    /// writer.write_records(&[7])?;
    /// let stream = std::io::Cursor::new(writer.finish()?);
    /// let mut record = [0];
    /// assert!(Options::new().stream_reader(&schema, stream)?.next_record(&mut record)?);
    /// assert_eq!(record, [7]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn format(mut self, format: Format) -> Options {
        self.format = format;
        self
    }

    /// Reads records of this schema from an Arrow file (also called Feather version 2) or from a
    /// stream. Batches may be compressed.
    ///
    /// Fields are matched to columns by name. A field without a column gets its default, or null. A
    /// value that its field cannot hold exactly is an error that names the row and the column. A
    /// `float64` fits an `f32` field if an `f32` shows the same digits, and a decimal fits a field
    /// of numbers that shows its digits, a `str` field as its text, and a whole number if it is
    /// one. [`round`](Options::round) allows rounding.
    ///
    /// ```
    /// use drystone::{RecordSource, Schema, arrow};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// # let mut writer = arrow::Options::new().writer(&schema, Vec::new())?;
    /// # writer.write_records(&[7, 8])?;
    /// # let file = std::io::Cursor::new(writer.finish()?);
    /// let mut reader = arrow::Options::new().reader(&schema, file)?;
    /// let mut record = [0; 2];
    /// assert!(reader.next_record(&mut record)?);
    /// assert_eq!(record, [7, 8]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is not an Arrow file or is cut off, if a column is
    /// not in the schema or has a type that no field holds, or if a field that has no default and
    /// is not nullable has no column.
    pub fn reader<R: Read + Seek + Send + 'static>(&self, schema: &Schema, input: R) -> Result<Reader> {
        self.batch_reader(schema, Batches::file(&self.common.name, input)?)
    }

    /// Reads records of this schema from an Arrow stream, which may come through a pipe or a socket
    /// and needs no `Seek`.
    ///
    /// ```
    /// use drystone::{RecordSource, Schema, arrow};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// # let options = arrow::Options::new().format(arrow::Format::Stream);
    /// # let mut writer = options.writer(&schema, Vec::new())?;
    /// # writer.write_records(&[7, 8])?;
    /// # let stream = std::io::Cursor::new(writer.finish()?);
    /// let mut reader = arrow::Options::new().stream_reader(&schema, stream)?;
    /// let mut record = [0; 2];
    /// assert!(reader.next_record(&mut record)?);
    /// assert_eq!(record, [7, 8]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`reader`](Options::reader).
    pub fn stream_reader<R: Read + Send + 'static>(&self, schema: &Schema, input: R) -> Result<Reader> {
        self.batch_reader(schema, Batches::stream(&self.common.name, input)?)
    }

    /// Reads records of this schema from record batches.
    ///
    /// ```
    /// use drystone::{RecordSource, Schema, arrow};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// let batch = arrow::record_batch(&schema, &[7, 8])?;
    /// let mut reader = arrow::Options::new().batch_reader(&schema, batch)?;
    /// let mut record = [0; 2];
    /// assert!(reader.next_record(&mut record)?);
    /// assert_eq!(record, [7, 8]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`reader`](Options::reader).
    pub fn batch_reader(&self, schema: &Schema, batches: impl Into<Batches>) -> Result<Reader> {
        Reader::new(&self.common, schema, batches.into())
    }

    /// Infers the schema of an Arrow file or stream. Reads all batches, unless their schema is
    /// enough.
    ///
    /// - Data written by Drystone get the schema they had, including the key: their metadata
    ///   contain its fields.
    /// - Numbers, truth values, dates, fixed-size binary and lists get the type of the same name.
    ///   Half floats become `f32`, timestamps of any unit `timestamp`. Decimals without digits
    ///   behind the point become `i32`, `i64` or `i128`, others `f64` if it shows the digits of all
    ///   of them.
    /// - Texts get the width of the longest one. Binary values and lists must all have the same
    ///   length.
    /// - If values are missing, the field is nullable. If a whole number is the one reserved for
    ///   null, the field gets the next wider type.
    ///
    /// ```
    /// use drystone::{Schema, arrow};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// # let mut writer = arrow::Options::new().writer(&schema, Vec::new())?;
    /// # writer.write_records(&[7, 8])?;
    /// # let file = std::io::Cursor::new(writer.finish()?);
    /// assert_eq!(arrow::Options::new().infer(file)?.schema(), &schema);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if a column has a type that no field holds, or if the
    /// batches cannot be read. With [`ignore_unknown`](Options::ignore_unknown) such columns are
    /// left out, and the notes of the result say so.
    pub fn infer<R: Read + Seek + Send + 'static>(&self, input: R) -> Result<Inferred> {
        Batches::file(&self.common.name, input)?.infer(&self.common)
    }

    /// Infers the schema of an Arrow stream, which needs no `Seek`.
    ///
    /// ```
    /// use drystone::{Schema, arrow};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// # let options = arrow::Options::new().format(arrow::Format::Stream);
    /// # let mut writer = options.writer(&schema, Vec::new())?;
    /// # writer.write_records(&[7, 8])?;
    /// # let stream = std::io::Cursor::new(writer.finish()?);
    /// assert_eq!(arrow::Options::new().infer_stream(stream)?.schema(), &schema);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`infer`](Options::infer).
    pub fn infer_stream<R: Read + Send + 'static>(&self, input: R) -> Result<Inferred> {
        Batches::stream(&self.common.name, input)?.infer(&self.common)
    }

    /// Infers the schema of record batches.
    ///
    /// ```
    /// use drystone::{Schema, arrow};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// let batch = arrow::record_batch(&schema, &[7, 8])?;
    /// assert_eq!(arrow::Options::new().infer_batches(batch)?.schema(), &schema);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`infer`](Options::infer).
    pub fn infer_batches(&self, batches: impl Into<Batches>) -> Result<Inferred> {
        batches.into().infer(&self.common)
    }

    /// Writes rows of this schema as a file, or as a stream.
    ///
    /// ```
    /// use drystone::{Schema, arrow};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = arrow::Options::new().writer(&schema, Vec::new())?;
    /// writer.write_records(&[7, 8, 9, 10])?;
    /// assert!(writer.finish()?.starts_with(b"ARROW1"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if the beginning cannot be written.
    pub fn writer<W: Write>(&self, schema: &Schema, output: W) -> Result<Writer<W>> {
        Writer::new(schema, self.format, output)
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
