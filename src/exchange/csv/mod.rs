//! Comma-separated values: reading records ([`Reader`]), writing rows ([`Writer`]), and inferring
//! the narrowest types ([`Inferred`]). Start with [`Options`].

mod beginning;
mod cutting;
mod infer;
mod line;
#[cfg(test)]
mod one_column;
#[cfg(test)]
mod other_tests;
mod parallel;
mod read;
mod split;
#[cfg(test)]
mod tests;
mod write;

use std::io::{Read, Write};

pub use crate::exchange::inferred::{Column, Inferred};
pub use parallel::ParallelReader;
pub use read::Reader;
pub use write::Writer;

use crate::error::{Error, ErrorKind, Result, bail};
use crate::exchange::common::{Common, common_options, sample_option};
use crate::exchange::text_blocks::BLOCK_BYTES;
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
/// A column without a name gets one: `c0` if it is the first. So do columns with a name of more
/// than 64 bytes, and columns that are named like another one. The notes of the reader say so. A
/// last column with neither a name nor values, as lines that end with a delimiter have, is left
/// out.
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
    common: Common,
    delimiter: Delimiter,
    nulls: Vec<Box<str>>,
    skip_bad: bool,
    has_header: bool,
    /// The names of the columns of an input without a header.
    names: Vec<Box<str>>,
    comment: Option<Box<str>>,
    skip_lines: u64,
    trim: bool,
}

/// How the delimiter is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delimiter {
    Byte(u8),
    Guess,
    Blanks,
}

impl Options {
    /// The defaults: commas, only empty fields are missing, and every mistake is an error.
    pub fn new() -> Options {
        Options {
            common: Common::new("the CSV"),
            delimiter: Delimiter::Byte(b','),
            nulls: Vec::new(),
            skip_bad: false,
            has_header: true,
            names: Vec::new(),
            comment: None,
            skip_lines: 0,
            trim: false,
        }
    }

    common_options!();
    sample_option!();

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
        self.delimiter = Delimiter::Byte(delimiter);
        self
    }

    /// Takes the delimiter from the first line: a comma, a semicolon, a tab or `|`, whichever gives
    /// it and the next lines the same number of fields. A delimiter other than a comma is in the
    /// notes of the reader. A writer writes commas.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().guess_delimiter().infer("x;y\n1,5;2\n".as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "x: str[3], y: u8");
    /// assert!(inferred.notes()[0].contains("';'"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn guess_delimiter(mut self) -> Options {
        self.delimiter = Delimiter::Guess;
        self
    }

    /// Fields are separated by one or more blanks or tabs, as in the text files of NumPy and in
    /// aligned tables. An empty field can then only be written as `""`, or as a spelling of a
    /// missing value. Such files are not written.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().blanks().infer("x   y\n 1   2\n10  20\n".as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "x: u8, y: u8");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn blanks(mut self) -> Options {
        self.delimiter = Delimiter::Blanks;
        self
    }

    /// Whether the first line names the columns, as it does by default. Otherwise they are named by
    /// [`names`](Options::names), else by the schema, in the order of its fields, else `c0`, `c1`
    /// and so on. A writer then writes no header.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().header(false).infer("1,foo\n2,bar\n".as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "c0: u8, c1: str[3]");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn header(mut self, header: bool) -> Options {
        self.has_header = header;
        self
    }

    /// Names the columns of an input that has no header.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().names(["id", "name"]).infer("1,foo\n".as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "id: u8, name: str[3]");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn names<S: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = S>) -> Options {
        self.names = names.into_iter().map(Into::into).collect();
        self.has_header = false;
        self
    }

    /// Skips lines that begin with this text, such as `#`. A writer puts a first field that begins
    /// with it in quotes.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let text = "# measured at home\nx,y\n# a pause\n1,2\n";
    /// let inferred = csv::Options::new().comment("#").infer(text.as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "x: u8, y: u8");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn comment(mut self, beginning: impl Into<Box<str>>) -> Options {
        self.comment = Some(beginning.into()).filter(|beginning| !beginning.is_empty());
        self
    }

    /// Skips this many lines at the beginning, whatever they contain.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let text = "Account 7\nJuly 2024\nday,amount\n2024-07-01,2.5\n";
    /// let inferred = csv::Options::new().skip_lines(2).infer(text.as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "day: date, amount: f32");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn skip_lines(mut self, lines: u64) -> Options {
        self.skip_lines = lines;
        self
    }

    /// Whether numbers have a decimal comma, as in `1,5` and `1.234,50`. Points are then allowed
    /// between thousands only. Writers write decimal commas. The numbers of an array keep their
    /// points.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let options = csv::Options::new().delimiter(b';').decimal_comma(true);
    /// let inferred = options.infer("x;y\n1,5;1.000\n".as_bytes())?;
    /// assert_eq!(inferred.schema().to_string(), "x: f32, y: u16");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn decimal_comma(mut self, comma: bool) -> Options {
        self.common.rules.decimal_comma = comma;
        self
    }

    /// Whether blanks and tabs around a field are left out, and quotes count behind them. If the
    /// header has blanks before its names, they are left out everywhere without this.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let text = "name,n\n  ada , 1\n".as_bytes();
    /// let inferred = csv::Options::new().trim(true).infer(text)?;
    /// assert_eq!(inferred.schema().to_string(), "name: str[3], n: u8");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn trim(mut self, trim: bool) -> Options {
        self.trim = trim;
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
        self.common.name = name.into();
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
        self.common.ignore_unknown = ignore;
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
        self.common.enums = enums;
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
    /// [`Input`](crate::ErrorKind::Input) if there is no header, if it names a column that is not
    /// in the schema, or if it lacks a field that has no default and is not nullable.
    pub fn reader<R: Read>(&self, schema: &Schema, input: R) -> Result<Reader<R>> {
        Reader::new(self, schema, input)
    }

    /// Reads everything once, in bounded memory, and picks the narrowest type for each column.
    ///
    /// - Whole numbers get the narrowest type that holds them, unsigned if none is negative.
    ///   Numbers with a plus sign or a leading zero, such as the ZIP code `01234`, are text.
    /// - Other numbers are `f64`, or `f32` if each of them is exactly an `f32`, such as 0.5 and
    ///   2.25. But they are text if whole numbers among them are too large for an `f64`.
    /// - `true` and `false` in any case, dates, timestamps and hyphenated uuids get their types;
    ///   dates and timestamps together are timestamps. Everything else is `str` with the length of
    ///   the longest text.
    /// - If there is only one column, blank lines between others are missing values. So are those
    ///   at the end if the field is text, or nullable anyway.
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
    /// [`Input`](crate::ErrorKind::Input) for a bad line, and for an input without rows.
    pub fn infer<R: Read>(&self, input: R) -> Result<Inferred> {
        infer::infer(self, input)
    }

    /// Does what [`infer`](Options::infer) does, on this many other threads; 0 means as many as
    /// there are processors. What it finds, its notes and its error are the same. A
    /// [sample](Options::sample) is read by the caller.
    ///
    /// ```
    /// use drystone::csv;
    ///
    /// let inferred = csv::Options::new().infer_on_threads("x,y\n1,2\n".as_bytes(), 2)?;
    /// assert_eq!(inferred.schema().to_string(), "x: u8, y: u8");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`infer`](Options::infer).
    pub fn infer_on_threads<R>(&self, input: R, threads: usize) -> Result<Inferred>
    where
        R: Read + Send + 'static,
    {
        infer::infer_on_threads(self, input, threads, BLOCK_BYTES)
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
        if let Delimiter::Byte(delimiter) = self.delimiter
            && (!delimiter.is_ascii() || matches!(delimiter, b'"' | b'\r' | b'\n' | 0))
        {
            bail!(
                Usage,
                "{:?} cannot be the delimiter of a CSV; it is one ASCII character, no quote and no line break",
                char::from(delimiter)
            );
        }
        Ok(())
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
