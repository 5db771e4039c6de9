//! NumPy: `.npy` files read into records ([`Reader`]), written from rows ([`Writer`]), and looked
//! through for the schema that holds them ([`Inferred`]). All begin with [`Options`]. [`dtype`] is
//! that of a table's rows, which NumPy can map where they lie.

mod dtype;
mod element;
mod literal;
mod read;
mod write;

use std::io::{Read, Write};

pub use crate::exchange::inferred::{Column, Inferred};
pub use dtype::dtype;
pub use read::Reader;
pub use write::Writer;

use crate::error::{Result, fail};
use crate::schema::Schema;

/// How `.npy` files are read and written.
///
/// A structured array has a column per field. A plain one is the one column `value`, of an array if
/// it has two dimensions.
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
    name: Box<str>,
    ignore_unknown: bool,
    rows: Option<u64>,
}

impl Options {
    /// Every mistake is an error, and the number of rows to write is not known.
    pub fn new() -> Options {
        Options { name: "the .npy file".into(), ignore_unknown: false, rows: None }
    }

    /// What messages call the input: `row 7 of numbers.npy`.
    pub fn name(mut self, name: impl Into<Box<str>>) -> Options {
        self.name = name.into();
        self
    }

    /// Whether columns that the schema has no field for are skipped. Otherwise they are an error.
    pub fn ignore_unknown(mut self, ignore: bool) -> Options {
        self.ignore_unknown = ignore;
        self
    }

    /// How many rows a writer will be given. It has to be known before: an `.npy` file begins with
    /// it.
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

    /// Reads records of this schema, whose fields are matched to those of the array by name. Large
    /// reads are made; the input needs no buffer. A field that is not there takes its default, or
    /// null.
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
    /// [`Input`](crate::ErrorKind::Input) when it is no `.npy` file, when no record can hold its
    /// elements (Python objects, complex numbers, more dimensions), when the array has a field that
    /// the schema has not, and when it lacks one that has neither default nor null.
    pub fn reader<R: Read>(&self, schema: &Schema, input: R) -> Result<Reader<R>> {
        Reader::new(read::Opened::new(&self.name, input)?, self.ignore_unknown, schema)
    }

    /// The schema of records that hold everything. The array is read for it if it has texts or
    /// moments.
    ///
    /// Numbers and truth values get the type of the same name, halves become `f32`; `S` is `str` as
    /// wide as it is, or `bytes` where something is not UTF-8, `U` is `str` of the longest, `V` is
    /// `bytes`; days and weeks are `date`, other moments `timestamp`, and may be null if one is
    /// NaT.
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
    /// [`Input`](crate::ErrorKind::Input) when it is no `.npy` file, when it is cut off, or a
    /// column has a name or a width that no field has.
    pub fn infer<R: Read>(&self, input: R) -> Result<Inferred> {
        read::Opened::new(&self.name, input)?.infer()
    }

    /// Writes rows of this schema, as many as [`rows`](Options::rows) says. Small writes are made
    /// for single rows; a file should be given in a `BufWriter`.
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
    /// [`Usage`](crate::ErrorKind::Usage) when the number of rows was not said,
    /// [`Io`](crate::ErrorKind::Io) when the header cannot be written.
    pub fn writer<W: Write>(&self, schema: &Schema, output: W) -> Result<Writer<W>> {
        let Some(rows) = self.rows else {
            fail!(Usage, "an .npy file begins with the number of its rows; set it by numpy::Options::rows");
        };
        Writer::new(schema, rows, output)
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
