//! JSON lines: an object per line, read into records ([`Reader`]), written from rows ([`Writer`]),
//! and looked through for the narrowest types that hold them ([`Inferred`]). All begin with
//! [`Options`].

mod infer;
mod line;
mod read;
mod write;

use std::io::{Read, Write};

pub use crate::exchange::inferred::{Column, Inferred};
pub use read::Reader;
pub use write::Writer;

use crate::error::Result;
use crate::schema::Schema;
use line::Lines;

/// How JSON lines are read and written: an object per line; blank lines are skipped.
///
/// Numbers are read as their fields are, so that whole ones of 128 bits are exact. Texts are read
/// into fields of other types as in a CSV: dates, timestamps, uuids, bytes as `0x` and digits, and
/// the floats that JSON does not have, `"NaN"`, `"inf"`, `"-inf"`.
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
///     .enums(true); // infer enumerations
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    name: Box<str>,
    ignore_unknown: bool,
    enums: bool,
}

impl Options {
    /// Every mistake is an error.
    pub fn new() -> Options {
        Options { name: "the JSON".into(), ignore_unknown: false, enums: false }
    }

    /// What messages call the input: `line 7 of flights.jsonl`.
    pub fn name(mut self, name: impl Into<Box<str>>) -> Options {
        self.name = name.into();
        self
    }

    /// Whether members that the schema has no field for are skipped. Otherwise they are an error.
    pub fn ignore_unknown(mut self, ignore: bool) -> Options {
        self.ignore_unknown = ignore;
        self
    }

    /// Whether inference picks an enumeration for texts: at most 256 different ones (255 where
    /// values are missing), each of which comes four times on average. Its names are sorted, so
    /// that its values compare as the texts.
    pub fn enums(mut self, enums: bool) -> Options {
        self.enums = enums;
        self
    }

    /// Reads records of this schema, whose fields are matched to the members by name. Large reads
    /// are made; the input needs no buffer. A field that a line does not give takes its default, or
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
    /// None so far: what is wrong with a line is found when it is read.
    pub fn reader<R: Read>(&self, schema: &Schema, input: R) -> Result<Reader<R>> {
        Ok(Reader::new(Lines::new(&self.name, input), self.ignore_unknown, schema))
    }

    /// Reads everything once, in bounded memory, and picks the narrowest types that hold it.
    ///
    /// They are those of a CSV, but texts in quotes stay texts where they look like numbers. A list
    /// of numbers, always of one length, is an array. Members that are null or left out in some
    /// lines may be null.
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
    /// [`Input`](crate::ErrorKind::Input) for a line that is no object, for objects in objects, for
    /// lists of anything but numbers or of several lengths, and for an input without any rows.
    pub fn infer<R: Read>(&self, input: R) -> Result<Inferred> {
        infer::infer(Lines::new(&self.name, input), self.enums)
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
    /// None so far: nothing is written before the first row.
    pub fn writer<W: Write>(&self, schema: &Schema, output: W) -> Result<Writer<W>> {
        Ok(Writer::new(schema, output))
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
