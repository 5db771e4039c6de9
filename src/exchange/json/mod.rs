//! JSON lines and arrays of objects: reading records ([`Reader`]), writing rows ([`Writer`]), and
//! inferring the narrowest types ([`Inferred`]). Start with [`Options`].

mod cutting;
mod elements;
mod found;
mod infer;
mod line;
mod parallel;
mod read;
mod write;

use std::io::{Read, Write};

pub use crate::exchange::inferred::{Column, Inferred};
pub use parallel::ParallelReader;
pub use read::Reader;
pub use write::Writer;

use crate::error::Result;
use crate::exchange::common::{Common, common_options, sample_option};
use crate::exchange::text_blocks::BLOCK_BYTES;
use crate::schema::Schema;

/// How to read and write JSON: an object per line, where blank lines are skipped, or one array of
/// objects. An array is read element by element, and so are objects that go over several lines.
/// Writers write lines.
///
/// Numbers are parsed with the type of their field, so whole numbers of 128 bits are exact. Texts
/// in fields of other types are parsed as in a CSV: dates, timestamps, uuids, bytes as `0x` and
/// digits, and the floats that JSON lacks: `"NaN"`, `"inf"`, `"-inf"`.
///
/// ```
/// use drystone::{RecordSource, RowBuf, Schema, json};
///
/// let text = "{\"id\": 7, \"seen\": \"2013-07-04T12:00:00Z\"}\n{\"id\": 8, \"delay\": -3}\n";
/// let options = json::Options::new().name("flights.jsonl");
/// let inferred = options.infer(text.as_bytes())?;
/// assert_eq!(inferred.schema().to_string(), "id: u8, seen: timestamp?, delay: i8?");
/// let mut reader = options.reader(inferred.schema(), text.as_bytes())?;
/// let mut row = RowBuf::new(inferred.schema());
/// assert!(reader.next_record(row.as_bytes_mut())?);
/// assert_eq!(row.to_string(), "id: 7, seen: 2013-07-04T12:00:00Z, delay: null");
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// With all settings:
///
/// ```
/// use drystone::json;
///
/// let options = json::Options::new()
///     .name("flights.jsonl") // for messages
///     .ignore_unknown(true) // skip members that are not in the schema
///     .skip_bad(true) // skip lines that cannot be read
///     .enums(true); // infer enumerations
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    common: Common,
    skip_bad: bool,
}

impl Options {
    /// The defaults: every mistake is an error.
    pub fn new() -> Options {
        Options { common: Common::new("the JSON"), skip_bad: false }
    }

    common_options!();
    sample_option!();

    /// The name of the input in messages: `line 7 of flights.jsonl`.
    pub fn name(mut self, name: impl Into<Box<str>>) -> Options {
        self.common.name = name.into();
        self
    }

    /// Whether to skip members that have no field in the schema. Otherwise they are an error.
    pub fn ignore_unknown(mut self, ignore: bool) -> Options {
        self.common.ignore_unknown = ignore;
        self
    }

    /// Whether inference picks an enumeration for a member of few texts: at most 256 different ones
    /// (255 if values are missing), each of which occurs four times on average. The names are
    /// sorted, so that values compare like the texts.
    pub fn enums(mut self, enums: bool) -> Options {
        self.common.enums = enums;
        self
    }

    /// Whether to skip and count bad lines. Otherwise the first one is an error.
    /// [`Reader::skip_bad_to`] also writes them to an output, and [`Reader::explain_bad`] says why
    /// they are bad. Inference skips lines that are not JSON objects.
    ///
    /// ```
    /// use drystone::json;
    ///
    /// let options = json::Options::new().skip_bad(true);
    /// let inferred = options.infer("{\"x\": 1}\n{\"x\": \n".as_bytes())?;
    /// assert_eq!((inferred.rows(), inferred.bad_lines()), (Some(1), 1));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn skip_bad(mut self, skip: bool) -> Options {
        self.skip_bad = skip;
        self
    }

    /// Reads records of this schema, whose fields are matched to the members by name. The input is
    /// read in large blocks and needs no buffer. A field that a line lacks gets its default, or
    /// null.
    ///
    /// ```
    /// use drystone::{Database, LoadOptions, Schema, json};
    ///
    /// let schema: Schema = "id: u64 key, delay: i16?".parse()?;
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let mut flights = write.create_dyn_table("flights", &schema)?;
    /// let mut reader = json::Options::new().reader(&schema, &b"{\"id\": 7}\n"[..])?;
    /// flights.load_from(&mut reader, &LoadOptions::new())?;
    /// assert!(flights.get(&[7.into()])?.unwrap().is_null("delay")?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// None so far: malformed lines are found when they are read.
    pub fn reader<R: Read>(&self, schema: &Schema, input: R) -> Result<Reader<R>> {
        Ok(Reader::new(&self.common, self.skip_bad, schema, input))
    }

    /// Reads everything once, in bounded memory, and picks the narrowest types.
    ///
    /// The rules are those of a CSV, but quoted texts stay texts, even if they look like numbers.
    /// Lists of numbers that all have the same length are an array. Members that are null or
    /// missing in some lines are nullable.
    ///
    /// ```
    /// use drystone::json;
    ///
    /// let text = "{\"id\": 7, \"at\": [0.5, 1]}\n{\"id\": 300, \"at\": [1, 2]}\n";
    /// let inferred = json::Options::new().infer(text.as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "id: u16, at: f32[2]");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) for a line that is not an object, for an input without
    /// rows, and, unless unknown members are skipped, for nested objects and for lists of other
    /// values than numbers or of different lengths.
    pub fn infer<R: Read>(&self, input: R) -> Result<Inferred> {
        infer::infer(&self.common, self.skip_bad, input)
    }

    /// Does what [`infer`](Options::infer) does, on this many other threads; 0 means as many as
    /// there are processors. What it finds, its notes and its error are the same. A
    /// [sample](Options::sample) is read by the caller.
    ///
    /// ```
    /// use drystone::json;
    ///
    /// let inferred = json::Options::new().infer_on_threads("[{\"x\": 1}]".as_bytes(), 2)?;
    /// assert_eq!(inferred.schema().to_string(), "x: u8");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`infer`](Options::infer).
    pub fn infer_on_threads<R>(&self, input: R, threads: usize) -> Result<Inferred>
    where
        R: Read + Send + 'static,
    {
        infer::infer_on_threads(&self.common, self.skip_bad, input, threads, BLOCK_BYTES)
    }

    /// Writes rows of this schema.
    ///
    /// ```
    /// use drystone::{RowBuf, Schema, json};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = json::Options::new().writer(&schema, Vec::new())?;
    /// writer.write(RowBuf::from_values(&schema, [7, 8])?.as_row())?;
    /// assert_eq!(writer.finish()?, b"{\"x\":7,\"y\":8}\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// None so far: writing starts with the first row.
    pub fn writer<W: Write>(&self, schema: &Schema, output: W) -> Result<Writer<W>> {
        Ok(Writer::new(schema, output))
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
