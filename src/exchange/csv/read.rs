//! Reads the lines of a CSV as records of a schema.

use std::fmt;
use std::io::{self, Read, Write};

use super::beginning::{LIKE_ROW, Opened};
use super::split::{Lines, NOT_UTF8, Problem};
use super::{Options, bad_line};
use crate::error::{Error, Result};
use crate::exchange::bad_lines::{BadLines, missing_value};
use crate::exchange::columns::match_columns;
use crate::load::RecordSource;
use crate::schema::{FieldDef, Schema, Type};

/// Reads a CSV as a source of records; from [`Options::reader`]. Places are line numbers.
///
/// A malformed line is an error that names file, line, column, field, text and the expected type:
///
/// ```
/// use drystone::{RecordSource, Schema, csv};
///
/// let schema: Schema = "id: u64, delay: i16".parse()?;
/// let options = csv::Options::new().name("flights.csv");
/// let mut reader = options.reader(&schema, "id,delay\n7,late\n".as_bytes())?;
/// let error = reader.next_record(&mut vec![0; schema.width()]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 2 of flights.csv, column 2: field \"delay\": \"late\" is not a valid i16: \
///      not a whole number"
/// );
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// After an error, the next call continues with the next line.
pub struct Reader<R, W = io::Sink> {
    lines: Lines<R>,
    options: Options,
    schema: Schema,
    /// For each column, the position of its field, unless the column is ignored.
    fields: Box<[Option<u16>]>,
    /// Whether there are fields without a column.
    has_absent: bool,
    bad_lines: BadLines<W>,
    /// A column that must be empty: it has no name, as the header ends with a delimiter.
    unnamed: Option<usize>,
    notes: Vec<String>,
}

impl<R, W> fmt::Debug for Reader<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "csv::Reader({:?}, {})", self.options.common.name, self.schema)
    }
}

/// What is wrong with a line.
enum BadLine {
    /// It cannot be split into text.
    Line(Problem),
    /// The text of a column is not a value of its field. The error names the field.
    Value(usize, Error),
}

impl<R: Read> Reader<R> {
    pub(super) fn new(options: &Options, schema: &Schema, input: R) -> Result<Reader<R>> {
        let Opened { mut lines, mut columns, header, is_like_row, ends_unnamed } =
            options.open(input, Some(schema))?;
        let names = columns.as_strs();
        // A last column without a name needs no field.
        let last = names.len() - usize::from(ends_unnamed);
        let is_left_out = ends_unnamed && schema.position(names[last]).is_none();
        let named = if is_left_out { &names[..last] } else { &names[..] };
        let common = &options.common;
        let listing = if options.has_header { "the header" } else { "the first line" };
        let matched = match_columns(&common.name, listing, common.ignore_unknown, schema, named);
        let matched = matched.map_err(|error| match is_like_row {
            true => Error::new(error.kind(), format!("{error}; {LIKE_ROW}")),
            false => error,
        })?;
        let unnamed = (is_left_out && !common.ignore_unknown).then_some(last);
        let fields: Box<[Option<u16>]> = matched.iter().copied().chain(is_left_out.then_some(None)).collect();
        let notes = std::mem::take(&mut columns.notes);
        let given = fields.iter().flatten().count();
        lines.keep_blank =
            matches!(*fields, [Some(only)] if schema.fields()[usize::from(only)].is_nullable());
        Ok(Reader {
            lines,
            options: options.clone(),
            schema: schema.clone(),
            has_absent: given < schema.fields().len(),
            fields,
            bad_lines: BadLines::new(options.skip_bad, header),
            unnamed,
            notes,
        })
    }

    /// Skips bad lines, and writes them unchanged to `output`, after the header: to correct and
    /// load them later.
    ///
    /// Each line takes two or three small writes, so wrap a file in a `BufWriter`.
    ///
    /// ```
    /// use drystone::{RecordSource, Schema, csv};
    ///
    /// let schema: Schema = "id: u8".parse()?;
    /// let mut bad = Vec::new();
    /// let mut reader = csv::Options::new()
    ///     .reader(&schema, "id\n7\nseven\n8\n".as_bytes())?
    ///     .skip_bad_to(&mut bad);
    /// let (mut record, mut read) = ([0], Vec::new());
    /// while reader.next_record(&mut record)? {
    ///     read.push(record[0]);
    /// }
    /// assert_eq!((read, reader.bad_lines()), (vec![7, 8], 1));
    /// drop(reader);
    /// assert_eq!(bad, b"id\nseven\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn skip_bad_to<W: Write>(self, output: W) -> Reader<R, W> {
        Reader {
            lines: self.lines,
            options: self.options,
            schema: self.schema,
            fields: self.fields,
            has_absent: self.has_absent,
            bad_lines: self.bad_lines.to(output),
            unnamed: self.unnamed,
            notes: self.notes,
        }
    }
}

impl<R: Read, W: Write> Reader<R, W> {
    /// How many bad lines were skipped.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines.count
    }

    /// Skips bad lines, and calls this for each of them. The error has its parts: `line`, `column`,
    /// `field`, `text` and `expected`. If the call fails, so does the reading.
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// use drystone::{RecordSource, Schema, csv};
    ///
    /// let schema: Schema = "id: u8".parse()?;
    /// let (sender, reasons) = mpsc::channel();
    /// let mut reader = csv::Options::new()
    ///     .reader(&schema, "id\n7\nseven\n".as_bytes())?
    ///     .explain_bad(move |error| {
    ///         let _ = sender.send((error.line(), error.text().map(str::to_owned)));
    ///         Ok(())
    ///     });
    /// while reader.next_record(&mut [0])? {}
    /// assert_eq!(reasons.recv(), Ok((Some(3), Some("seven".to_owned()))));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn explain_bad(mut self, call: impl FnMut(&Error) -> Result<()> + Send + 'static) -> Reader<R, W> {
        self.bad_lines = self.bad_lines.explained(Box::new(call));
        self
    }

    /// What a person should know about how the input is read: a delimiter that was guessed, names
    /// that were made.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Reads the current line.
    fn read_line(&self, record: &mut [u8]) -> Result<(), BadLine> {
        let texts = self.lines.texts(self.fields.len()).map_err(BadLine::Line)?;
        if self.has_absent {
            record.copy_from_slice(self.schema.default_bytes());
        }
        for (column, field) in self.fields.iter().enumerate() {
            let Some(field) = field else { continue };
            let field = &self.schema.fields()[usize::from(*field)];
            let Some(text) = texts.get(column) else {
                return Err(BadLine::Line((Some(column), NOT_UTF8.into())));
            };
            let out = &mut record[field.offset()..][..field.width()];
            if self.options.is_missing(text) && !self.is_value(field, column, text, out) {
                let Some(null) = field.null() else {
                    return Err(BadLine::Value(column, missing_value(field, text)));
                };
                out.copy_from_slice(null);
            } else if let Err(error) = field.parse_text_by(&self.options.common.rules, text, out) {
                match field.null().filter(|_| self.is_blank(field, column, text)) {
                    Some(null) => out.copy_from_slice(null),
                    None => return Err(BadLine::Value(column, error)),
                }
            }
        }
        match self.unnamed {
            Some(column) if texts.get(column) != Some("") => {
                let problem = "the header has no name for this value";
                Err(BadLine::Line((Some(column), problem.into())))
            }
            _ => Ok(()),
        }
    }

    /// Whether a text is missing if the blanks around it are left out.
    #[cold]
    fn is_blank(&self, field: &FieldDef, column: usize, text: &str) -> bool {
        !is_text(field) && !self.lines.is_quoted(column) && self.options.is_missing(text.trim())
    }

    /// Whether a spelling of a missing value is a value here: quoted, or in a text field that is
    /// not nullable. If so, stores it.
    fn is_value(&self, field: &FieldDef, column: usize, text: &str, out: &mut [u8]) -> bool {
        (self.lines.is_quoted(column) || (is_text(field) && !field.is_nullable()))
            && field.parse_text_by(&self.options.common.rules, text, out).is_ok()
    }
}

#[cold]
fn line_error<R>(lines: &Lines<R>, bad: BadLine) -> Error {
    match bad {
        BadLine::Line(problem) => bad_line(lines, &problem),
        BadLine::Value(column, error) => {
            let number = lines.number();
            error.in_line(lines.describe(number), number, Some(column as u64 + 1))
        }
    }
}

impl<R: Read, W: Write> RecordSource for Reader<R, W> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.schema.check_width(record.len())?;
        while self.lines.advance()? {
            match self.read_line(record) {
                Ok(()) => return Ok(true),
                Err(bad) => {
                    let line_break: &[u8] = if self.lines.is_crlf() { b"\r\n" } else { b"\n" };
                    let error = || line_error(&self.lines, bad);
                    self.bad_lines.take(self.lines.raw(), line_break, error)?;
                }
            }
        }
        self.bad_lines.flush()?;
        Ok(false)
    }

    fn place(&self) -> u64 {
        self.lines.number()
    }

    fn describe(&self, place: u64) -> String {
        self.lines.describe(place)
    }
}

fn is_text(field: &FieldDef) -> bool {
    matches!(field.ty(), Type::Str(_) | Type::Enum(_))
}
