//! Comma-separated values: read into records ([`Reader`]), written from rows ([`Writer`]), and
//! looked through for the narrowest types that hold them ([`Inferred`]). All begin with
//! [`Options`].

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

use crate::error::{Error, ErrorKind, Result, fail};
use crate::schema::Schema;
use crate::schema::text::shown;
use split::{Lines, Problem};

/// How a CSV is written: the delimiter, what stands for a missing value, and the name of the file
/// for messages.
///
/// The first line names the columns. Fields may stand in quotes, in which a quote is doubled and
/// line breaks are allowed; lines end with LF, CRLF or CR; a byte-order mark at the beginning is
/// skipped, and so are blank lines (but where the only column is that of a nullable field, a blank
/// line is a missing value).
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
/// An empty field is missing, and so is one that spells what [`null`](Options::null) names. Missing
/// is null in a field that may be null and an error in one that may not. But what stands in quotes
/// is a value if it can be one: `""` is the empty text and `"NA"` the text NA, while in a field of
/// numbers both are missing. And a text field that may not be null takes everything as it stands.
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
    /// Commas, an empty field for a missing value, and every mistake an error.
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

    /// Another delimiter: `b';'`, `b'\t'`.
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

    /// One more spelling of a missing value, such as `NA`.
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

    /// What messages call the input: `line 7 of flights.csv`.
    pub fn name(mut self, name: impl Into<Box<str>>) -> Options {
        self.name = name.into();
        self
    }

    /// Whether columns that the schema has no field for are skipped. Otherwise they are an error.
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

    /// Whether bad lines are skipped and counted. Otherwise the first one is an error.
    /// [`Reader::skip_bad_to`] also keeps them.
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
    /// 256 different ones (255 where values are missing), of which each stands in four rows on
    /// average. Its names are sorted, so that its values compare as the texts.
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

    /// Reads records of this schema, which are matched to the columns by name. Large reads are
    /// made; the input needs no buffer.
    ///
    /// A field that no column gives takes its default, or null.
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
    /// [`Input`](crate::ErrorKind::Input) when there is no header, when it names a column twice or
    /// one that the schema has not, and when it lacks a field that has neither default nor null.
    pub fn reader<R: Read>(&self, schema: &Schema, input: R) -> Result<Reader<R>> {
        Reader::new(self, schema, input)
    }

    /// Reads everything once, in bounded memory, and picks for each column the narrowest type that
    /// holds it.
    ///
    /// - Whole numbers get the narrowest type that holds them, unsigned if none is negative; what
    ///   begins with a plus sign or a needless zero, such as the ZIP code `01234`, is text.
    /// - Other numbers are `f32` if all of them print the same as such, else `f64`, unless whole
    ///   numbers among them are too great for it.
    /// - `true` and `false` in any case, dates, timestamps and hyphenated uuids get their types,
    ///   all else `str` of the longest text.
    /// - Where values are missing, the field may be null, and the type is wide enough not to take
    ///   the value that null takes.
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
    /// [`Input`](crate::ErrorKind::Input) for a bad line, a header that cannot name fields, and an
    /// input without any rows.
    pub fn infer<R: Read>(&self, input: R) -> Result<Inferred> {
        infer::infer(self, input)
    }

    /// Writes rows of this schema, beginning with the header. What [`reader`](Options::reader)
    /// reads of it with the same options are the same values.
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
    /// [`Io`](crate::ErrorKind::Io) when the header cannot be written.
    pub fn writer<W: Write>(&self, schema: &Schema, output: W) -> Result<Writer<W>> {
        Writer::new(self, schema, output)
    }

    /// Whether this is how a missing value is written.
    #[inline]
    fn is_missing(&self, text: &str) -> bool {
        // Every field comes through here; one comparison of bytes settles nearly all of them.
        let Some(first) = text.as_bytes().first() else { return true };
        self.nulls.iter().any(|null| null.as_bytes().first() == Some(first) && **null == *text)
    }

    fn check(&self) -> Result<()> {
        if !self.delimiter.is_ascii() || matches!(self.delimiter, b'"' | b'\r' | b'\n' | 0) {
            fail!(
                Usage,
                "{:?} cannot be the delimiter of a CSV; it is one ASCII character, no quote and no line break",
                char::from(self.delimiter)
            );
        }
        Ok(())
    }

    /// The lines of an input, and the names in its header, which is its current line.
    fn open<R: Read>(&self, input: R) -> Result<(Lines<R>, Vec<Box<str>>)> {
        self.check()?;
        let mut lines = Lines::new(input, &self.name, self.delimiter)?;
        if !lines.advance()? {
            fail!(Input, "{} is empty; a line with the names of the columns is expected", self.name);
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
    let place = lines.describe(lines.number());
    let message = match field {
        None => format!("{place}: {problem}"),
        Some(field) => {
            let text = String::from_utf8_lossy(lines.bytes(*field));
            format!("{place}, column {}: {:?}: {problem}", field + 1, shown(&text))
        }
    };
    Error::new(ErrorKind::Input, message).of_line(lines.number())
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
