//! NumPy `.npy` files: reading records ([`Reader`]), writing rows ([`Writer`]), and inferring the
//! schema ([`Inferred`]). Start with [`Options`]. [`dtype`] gives the dtype of a table's rows, with
//! which NumPy can map them in place.

mod array_reader;
mod array_writer;
mod dtype;
mod element;
mod literal;

use std::io::{Read, Write};

pub use crate::exchange::inferred::{Column, Inferred};
pub use array_reader::Reader;
pub use array_writer::Writer;
pub use dtype::dtype;

use crate::error::{Result, bail};
use crate::exchange::common::{Common, common_options};
use crate::schema::Schema;

/// How to read and write `.npy` files.
///
/// A structured array has a column per field. A plain array is one column, `value`, which is an
/// array field if it has two dimensions.
///
/// ```
/// use drystone::{RecordSource, RowBuf, Schema, numpy};
///
/// let mut file = b"\x93NUMPY\x01\x00\x3D\x00".to_vec();
/// file.extend(b"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }   \n");
/// file.extend([7, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
///
/// let options = numpy::Options::new().name("numbers.npy");
/// assert_eq!(options.infer(&*file)?.schema().to_string(), "value: i32");
/// let schema: Schema = "x: i16".parse()?; // a field that is alone need not have the name
/// let mut reader = options.reader(&schema, &*file)?;
/// assert_eq!(reader.rows(), 2);
/// let mut row = RowBuf::new(&schema);
/// assert!(reader.next_record(row.as_bytes_mut())?);
/// assert_eq!(row.to_string(), "x: 7");
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// With all settings:
///
/// ```
/// use drystone::numpy;
///
/// let options = numpy::Options::new()
///     .name("flights.npy") // for messages
///     .ignore_unknown(true) // skip columns that are not in the schema
///     .rows(1000); // how many rows a writer will get
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    common: Common,
    rows: Option<u64>,
}

impl Options {
    /// The defaults: every mistake is an error, and the number of rows is not set.
    pub fn new() -> Options {
        Options { common: Common::new("the .npy file"), rows: None }
    }

    common_options!();

    /// The name of the input in messages: `row 7 of numbers.npy`.
    pub fn name(mut self, name: impl Into<Box<str>>) -> Options {
        self.common.name = name.into();
        self
    }

    /// Whether to skip columns that have no field in the schema. Otherwise they are an error.
    pub fn ignore_unknown(mut self, ignore: bool) -> Options {
        self.common.ignore_unknown = ignore;
        self
    }

    /// Sets the number of rows that a writer will get. An `.npy` file begins with it.
    ///
    /// ```
    /// use drystone::{ErrorKind, Schema, numpy};
    ///
    /// let schema: Schema = "x: u8".parse()?;
    /// let writer = numpy::Options::new().rows(2).writer(&schema, Vec::new())?;
    /// assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Usage); // two rows are missing
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn rows(mut self, rows: u64) -> Options {
        self.rows = Some(rows);
        self
    }

    /// Reads records of this schema, whose fields are matched to those of the array by name. The
    /// input is read in large blocks and needs no buffer. A field that the array lacks gets its
    /// default, or null.
    ///
    /// ```
    /// use drystone::{RecordSource, Schema, numpy};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// # let mut writer = numpy::Options::new().rows(1).writer(&schema, Vec::new())?;
    /// # writer.write_records(&[7, 8])?;
    /// # let file = writer.finish()?;
    /// let mut reader = numpy::Options::new().reader(&schema, &*file)?;
    /// let mut record = vec![0; schema.width()];
    /// assert!(reader.next_record(&mut record)?);
    /// assert_eq!((reader.rows(), record), (1, vec![7, 8]));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is not an `.npy` file, if no field can hold its
    /// elements (Python objects, complex numbers, more dimensions), if the array has a field that
    /// is not in the schema, or if it lacks a field that has no default and is not nullable.
    pub fn reader<R: Read>(&self, schema: &Schema, input: R) -> Result<Reader<R>> {
        Reader::new(array_reader::ArrayOpened::new(&self.common, input)?, &self.common, schema)
    }

    /// Infers the schema. Reads the whole array only if it has texts or times.
    ///
    /// Numbers and truth values get the type of the same name; half floats become `f32`. `S`
    /// becomes `str` of the same width, or `bytes` if a value is not UTF-8. `U` becomes `str` with
    /// the length of the longest text, and `V` becomes `bytes`. Days and weeks become `date`, other
    /// times `timestamp`; they are nullable if one is NaT.
    ///
    /// ```
    /// use drystone::{Schema, numpy};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// # let mut writer = numpy::Options::new().rows(1).writer(&schema, Vec::new())?;
    /// # writer.write_records(&[7, 8])?;
    /// # let file = writer.finish()?;
    /// assert_eq!(numpy::Options::new().infer(&*file)?.schema(), &schema);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is not an `.npy` file, if it is cut off, or if a
    /// column has an invalid name or width.
    pub fn infer<R: Read>(&self, input: R) -> Result<Inferred> {
        array_reader::ArrayOpened::new(&self.common, input)?.infer()
    }

    /// Writes rows of this schema, whose number is set by [`rows`](Options::rows). Each row is a
    /// small write, so wrap a file in a `BufWriter`.
    ///
    /// ```
    /// use drystone::{Schema, numpy};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = numpy::Options::new().rows(2).writer(&schema, Vec::new())?;
    /// writer.write_records(&[7, 8, 9, 10])?;
    /// assert!(writer.finish()?.ends_with(&[7, 8, 9, 10]));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) if the number of rows is not set;
    /// [`Io`](crate::ErrorKind::Io) if the header cannot be written.
    pub fn writer<W: Write>(&self, schema: &Schema, output: W) -> Result<Writer<W>> {
        let Some(rows) = self.rows else {
            bail!(Usage, "an .npy file begins with the number of its rows; set it by numpy::Options::rows");
        };
        Writer::new(schema, rows, output)
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
