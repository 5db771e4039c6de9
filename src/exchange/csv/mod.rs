//! Comma-separated values: reading records ([`Reader`]), writing rows ([`Writer`]), and inferring
//! the narrowest types ([`Inferred`]). Start with [`Options`].

mod infer;
mod read;
mod split;
#[cfg(test)]
mod tests;
mod write;

use std::io::{Read, Write};

pub use crate::exchange::inferred::{Column, Inferred};
pub use read::Reader;
pub use write::Writer;

use crate::error::{Error, ErrorKind, Result, bail};
use crate::schema::Schema;
use crate::schema::shown;
use split::{Lines, Problem};

/// How to read and write a CSV: the delimiter, the spellings of missing values, and the name of the
/// input for messages.
///
/// The first line names the columns. Fields may be quoted; within quotes, a quote is doubled and
/// line breaks are allowed. Lines end with LF, CRLF or CR. A byte-order mark at the beginning is
/// skipped, and so are blank lines. But if the only column belongs to a nullable field, a blank
/// line is a missing value.
///
/// ```
/// use drystone::{RecordSource, RowBuf, Schema, csv};
///
/// let text = "id,carrier,delay\n7,UA,-3\n8,\"AA\",NA\n";
/// let schema: Schema = "id: u64 key, delay: i16?, carrier: str[2]".parse()?;
/// let mut reader = csv::Options::new().null("NA").reader(&schema, text.as_bytes())?;
/// let mut row = RowBuf::new(&schema);
/// let mut rows = Vec::new();
/// while reader.next_record(row.as_bytes_mut())? {
///     rows.push(row.to_string());
/// }
/// assert_eq!(rows, ["id: 7, delay: -3, carrier: UA", "id: 8, delay: null, carrier: AA"]);
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// # Missing values
/// An empty field is missing, and so is one with a spelling that was given to
/// [`null`](Options::null). A missing value is null in a nullable field, and an error in any other.
/// But a quoted field is a value if it is valid: `""` is the empty text and `"NA"` the text NA,
/// while in a field of numbers both are missing. A text field that is not nullable takes every text
/// as a value.
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    delimiter: u8,
    nulls: Vec<Box<str>>,
    name: Box<str>,
    ignore_unknown: bool,
    skip_bad: bool,
    enums: bool,
}

impl Options {
    /// The defaults: commas, only empty fields are missing, and every mistake is an error.
    pub fn new() -> Options {
        Options {
            delimiter: b',',
            nulls: Vec::new(),
            name: "the CSV".into(),
            ignore_unknown: false,
            skip_bad: false,
            enums: false,
        }
    }

    /// Sets the delimiter: `b';'`, `b'\t'`. It is one ASCII character.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().delimiter(b';').infer("x;y\n1;2\n".as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "x: u8, y: u8");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn delimiter(mut self, delimiter: u8) -> Options {
        self.delimiter = delimiter;
        self
    }

    /// Adds a spelling of a missing value, such as `NA`.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().null("NA").infer("x\n1\nNA\n".as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "x: u8?");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn null(mut self, spelling: impl Into<Box<str>>) -> Options {
        self.nulls.push(spelling.into());
        self
    }

    /// The name of the input in messages: `line 7 of flights.csv`.
    pub fn name(mut self, name: impl Into<Box<str>>) -> Options {
        self.name = name.into();
        self
    }

    /// Whether to skip columns that have no field in the schema. Otherwise they are an error.
    ///
    /// ```
    /// use drystone::{Schema, csv};
    ///
    /// let schema: Schema = "y: u8".parse()?;
    /// let text = "x,y\n1,2\n".as_bytes();
    /// assert!(csv::Options::new().reader(&schema, text).is_err());
    /// assert!(csv::Options::new().ignore_unknown(true).reader(&schema, text).is_ok());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn ignore_unknown(mut self, ignore: bool) -> Options {
        self.ignore_unknown = ignore;
        self
    }

    /// Whether to skip and count bad lines. Otherwise the first one is an error.
    /// [`Reader::skip_bad_to`] also writes them to an output, and [`Reader::explain_bad`] says why
    /// they are bad.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().skip_bad(true).infer("x,y\n1,2\n3\n".as_bytes())?;
    /// assert_eq!((inferred.rows(), inferred.bad_lines()), (Some(1), 1));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn skip_bad(mut self, skip: bool) -> Options {
        self.skip_bad = skip;
        self
    }

    /// Whether [`infer`](Options::infer) picks an enumeration for a column of few texts: at most
    /// 256 different ones (255 if values are missing), each of which occurs four times on average.
    /// The names are sorted, so that values compare like the texts.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let text = "id,side\n".to_owned() + &"1,sell\n2,buy\n".repeat(4);
    /// let inferred = csv::Options::new().enums(true).infer(text.as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "id: u8, side: enum[buy, sell]");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn enums(mut self, enums: bool) -> Options {
        self.enums = enums;
        self
    }

    /// Reads records of this schema, whose fields are matched to the columns by name. The input is
    /// read in large blocks and needs no buffer.
    ///
    /// A field without a column gets its default, or null.
    ///
    /// ```
    /// use drystone::{Database, LoadOptions, Schema, csv};
    ///
    /// let schema: Schema = "id: u64 key, delay: i16".parse()?;
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let mut flights = write.create_dyn_table("flights", &schema)?;
    /// let mut reader = csv::Options::new().reader(&schema, "delay,id\n-3,7\n".as_bytes())?;
    /// flights.load_from(&mut reader, &LoadOptions::new())?;
    /// assert_eq!(flights.get(&[7.into()])?.unwrap().get("delay")?, -3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no header, if it names a column twice or one
    /// that is not in the schema, or if it lacks a field that has no default and is not nullable.
    pub fn reader<R: Read>(&self, schema: &Schema, input: R) -> Result<Reader<R>> {
        Reader::new(self, schema, input)
    }

    /// Reads everything once, in bounded memory, and picks the narrowest type for each column.
    ///
    /// - Whole numbers get the narrowest type that holds them, unsigned if none is negative.
    ///   Numbers with a plus sign or a leading zero, such as the ZIP code `01234`, are text.
    /// - Other numbers are `f32` if all of them print the same as `f32`, else `f64`, unless whole
    ///   numbers among them are too large for it.
    /// - `true` and `false` in any case, dates, timestamps and hyphenated uuids get their types.
    ///   Everything else is `str` with the length of the longest text.
    /// - If values are missing, the field is nullable, and the type is wide enough that no value is
    ///   the one reserved for null.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let text = "id,delay,zip\n7,-3,01234\n300,,99999\n";
    /// let inferred = csv::Options::new().infer(text.as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "id: u16, delay: i8?, zip: str[5]");
    /// assert_eq!(inferred.columns()[1].reason(), "whole numbers, -3 to -3; 1 missing");
    /// let keyed = inferred.with_key(&["zip", "id"])?;
    /// assert_eq!(keyed.to_string(), "zip: str[5] key, id: u16 key, delay: i8?");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) for a bad line, for a header with invalid names, and for
    /// an input without rows.
    pub fn infer<R: Read>(&self, input: R) -> Result<Inferred> {
        infer::infer(self, input)
    }

    /// Writes rows of this schema, after a header. A [`reader`](Options::reader) with the same
    /// options reads the same values back.
    ///
    /// ```
    /// use drystone::{RowBuf, Schema, csv};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = csv::Options::new().delimiter(b';').writer(&schema, Vec::new())?;
    /// writer.write(RowBuf::from_values(&schema, [7, 8])?.as_row())?;
    /// assert_eq!(writer.finish()?, b"x;y\n7;8\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if the header cannot be written.
    pub fn writer<W: Write>(&self, schema: &Schema, output: W) -> Result<Writer<W>> {
        Writer::new(self, schema, output)
    }

    /// Whether this is a spelling of a missing value.
    #[inline]
    fn is_missing(&self, text: &str) -> bool {
        // Every field comes through here. One comparison of bytes decides nearly all of them.
        let Some(first) = text.as_bytes().first() else { return true };
        self.nulls.iter().any(|null| null.as_bytes().first() == Some(first) && **null == *text)
    }

    fn check(&self) -> Result<()> {
        if !self.delimiter.is_ascii() || matches!(self.delimiter, b'"' | b'\r' | b'\n' | 0) {
            bail!(
                Usage,
                "{:?} cannot be the delimiter of a CSV; it is one ASCII character, no quote and no line break",
                char::from(self.delimiter)
            );
        }
        Ok(())
    }

    /// The lines of an input, and the names in its header, which is the current line.
    fn open<R: Read>(&self, input: R) -> Result<(Lines<R>, Vec<Box<str>>)> {
        self.check()?;
        let mut lines = Lines::new(input, &self.name, self.delimiter)?;
        if !lines.advance()? {
            bail!(Input, "{} is empty; a line with the names of the columns is expected", self.name);
        }
        let header = lines.texts(lines.len()).and_then(|texts| {
            let name = |at| texts.get(at).map(Box::from).ok_or((Some(at), split::NOT_UTF8.into()));
            (0..lines.len()).map(name).collect()
        });
        match header {
            Ok(names) => Ok((lines, names)),
            Err(problem) => Err(bad_line(&lines, &problem)),
        }
    }
}

/// The error for a line that cannot be split into text.
fn bad_line<R>(lines: &Lines<R>, (field, problem): &Problem) -> Error {
    let bytes = field.map_or_else(|| lines.raw(), |field| lines.bytes(field));
    let text = String::from_utf8_lossy(bytes);
    let text = shown(&text);
    let message = match field {
        None => problem.to_string(),
        Some(_) => format!("{text:?}: {problem}"),
    };
    let error = Error::new(ErrorKind::Input, message).of_text(&text, problem);
    let number = lines.number();
    error.in_line(lines.describe(number), number, field.map(|field| field as u64 + 1))
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
