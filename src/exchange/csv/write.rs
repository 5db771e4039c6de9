//! Writes rows as lines of a CSV.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc;
use std::thread;

use parking_lot::Mutex;

use super::{Delimiter, Options};
use crate::error::{Error, Result, bail};
use crate::exchange::{check_whole, threads};
use crate::record::Row;
use crate::schema::{FieldDef, Schema, Type};

/// Writes rows as a CSV; from [`Options::writer`]. Null is an empty field. An empty text is `""`
/// where it would be read as null. If there is only one field, an empty field would be a blank
/// line, which most programs skip. So null is `""` there, unless the field holds text. Floats are
/// the shortest text that reads back as the same number (any NaN as NaN).
///
/// ```
/// use drystone::{RowBuf, Schema, Value, csv};
///
/// let schema: Schema = "id: u64, note: str[20]?".parse()?;
/// let mut writer = csv::Options::new().writer(&schema, Vec::new())?;
/// writer.write(RowBuf::from_values(&schema, [Value::from(7), "a, b".into()])?.as_row())?;
/// writer.write(RowBuf::from_values(&schema, [Value::from(8), Value::Null])?.as_row())?;
/// assert_eq!(writer.finish()?, b"id,note\n7,\"a, b\"\n8,\n");
/// # Ok::<(), drystone::Error>(())
/// ```
#[must_use = "call `finish`, which writes the end"]
pub struct Writer<W: Write> {
    output: BufWriter<W>,
    form: LineForm,
    text: String,
}

/// How a row becomes a line.
struct LineForm {
    options: Options,
    delimiter: u8,
    schema: Schema,
    /// Whether the text of each field never needs quotes.
    is_bare: Box<[bool]>,
}

/// Each thread makes the lines of this many bytes of records at a time.
const PART_BYTES: usize = 128 << 10;
/// At most this many parts are in memory as text.
const PARTS: usize = 32;

impl<W: Write> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "csv::Writer({})", self.form.schema)
    }
}

impl<W: Write> Writer<W> {
    pub(super) fn new(options: &Options, schema: &Schema, output: W) -> Result<Writer<W>> {
        options.check()?;
        let delimiter = match options.delimiter {
            Delimiter::Byte(byte) => byte,
            Delimiter::Guess => b',',
            Delimiter::Blanks => bail!(Usage, "text with blanks between fields is read, not written"),
        };
        let form = LineForm::new(options, delimiter, schema);
        let output = BufWriter::with_capacity(64 << 10, output);
        let mut writer = Writer { output, form, text: String::new() };
        if options.has_header {
            let Writer { form, text, .. } = &mut writer;
            for (at, field) in schema.fields().iter().enumerate() {
                let start = form.begin_field(at, text);
                text.push_str(field.name());
                form.end_field(0, start, true, text);
            }
            text.push('\n');
            writer.put()?;
        }
        Ok(writer)
    }

    /// Writes a row.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, csv};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = csv::Options::new().writer(&schema, Vec::new())?;
    /// writer.write(RowBuf::from_values(&schema, [7, 8])?.as_row())?;
    /// assert_eq!(writer.finish()?, b"x,y\n7,8\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](crate::ErrorKind::Schema) if the row has another schema;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if its bytes are not valid values of its fields;
    /// [`Io`](crate::ErrorKind::Io) if it cannot be written.
    pub fn write(&mut self, row: Row<'_>) -> Result<()> {
        self.form.schema.check_same("the row", row.schema())?;
        self.form.line(row.as_bytes(), &mut self.text)?;
        self.put()
    }

    /// Writes packed records, any number of them. Of more than 128 KiB, all processors make the
    /// lines, while those that are made are written.
    ///
    /// ```
    /// # use drystone::{Schema, csv};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = csv::Options::new().writer(&schema, Vec::new())?;
    /// writer.write_records(&[7, 8, 9, 10])?; // two records of two bytes
    /// assert_eq!(writer.finish()?, b"x,y\n7,8\n9,10\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) if the last record is not complete; else as for
    /// [`write`](Writer::write).
    pub fn write_records(&mut self, records: &[u8]) -> Result<()> {
        check_whole(&self.form.schema, records)?;
        let width = self.form.schema.width();
        let part_bytes = (PART_BYTES / width).max(1) * width;
        records.chunks(PARTS * part_bytes).try_for_each(|records| match records.len() > part_bytes {
            true => self.write_parts(records.chunks(part_bytes)),
            false => put(&mut self.output, self.form.lines(records)),
        })
    }

    /// Writes the records of several parts. Threads make their lines.
    fn write_parts<'r>(&mut self, parts: impl Iterator<Item = &'r [u8]>) -> Result<()> {
        let (jobs, made): (Vec<_>, Vec<_>) = parts
            .map(|part| {
                let (sender, receiver) = mpsc::channel();
                ((part, sender), receiver)
            })
            .unzip();
        let jobs = Mutex::new(jobs.into_iter());
        let Writer { output, form, .. } = self;
        let form = &*form;
        let work = || {
            // Not in a `while let`, which would hold the lock during the work.
            loop {
                let next = jobs.lock().next();
                let Some((part, sender)) = next else { break };
                // It fails if writing has failed.
                let _ = sender.send(form.lines(part));
            }
        };
        thread::scope(|scope| {
            let threads = (0..threads::processors())
                .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
                .count();
            if threads == 0 {
                // The system has no more threads.
                work();
            }
            // A part is not sent if its thread panics. The scope then panics too.
            made.iter().map_while(|made| made.recv().ok()).try_for_each(|lines| put(output, lines))
        })
    }

    /// Writes rows, one after the other, such as those of a [`QueryRows`](crate::query::QueryRows).
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema, csv};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let mut writer = csv::Options::new().writer(&schema, Vec::new())?;
    /// let rows = [RowBuf::from_values(&schema, [7, 8])?, RowBuf::from_values(&schema, [9, 10])?];
    /// writer.write_all(rows.iter().map(RowBuf::as_row))?;
    /// assert_eq!(writer.finish()?, b"x,y\n7,8\n9,10\n");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`write`](Writer::write).
    pub fn write_all<'r>(&mut self, rows: impl IntoIterator<Item = Row<'r>>) -> Result<()> {
        rows.into_iter().try_for_each(|row| self.write(row))
    }

    /// The schema of the rows.
    pub fn schema(&self) -> &Schema {
        &self.form.schema
    }

    /// Writes the rest from memory, and returns the output.
    ///
    /// ```
    /// # use drystone::{Schema, csv};
    /// # let schema: Schema = "x: u8, y: u8".parse()?;
    /// let writer = csv::Options::new().writer(&schema, Vec::new())?;
    /// assert_eq!(writer.finish()?, b"x,y\n"); // the header alone
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if it cannot be written.
    pub fn finish(self) -> Result<W> {
        self.output.into_inner().map_err(|error| failed(error.into_error()))
    }

    /// Writes the line that was made.
    fn put(&mut self) -> Result<()> {
        let written = self.output.write_all(self.text.as_bytes()).map_err(failed);
        self.text.clear();
        written
    }
}

/// Lines, and the error of the line behind them.
type MadeLines = (String, Option<Error>);

fn put(output: &mut impl Write, (text, error): MadeLines) -> Result<()> {
    output.write_all(text.as_bytes()).map_err(failed)?;
    error.map_or(Ok(()), Err)
}

impl LineForm {
    fn new(options: &Options, delimiter: u8, schema: &Schema) -> LineForm {
        let is_bare = schema.fields().iter().map(|field| is_bare(options, delimiter, field)).collect();
        LineForm { options: options.clone(), delimiter, schema: schema.clone(), is_bare }
    }

    /// The lines of packed records.
    fn lines(&self, records: &[u8]) -> MadeLines {
        let mut text = String::with_capacity(2 * records.len());
        let mut rows = records.chunks_exact(self.schema.width());
        let error = rows.find_map(|record| self.line(record, &mut text).err());
        (text, error)
    }

    /// Appends the line of a record, or nothing if there is an error.
    fn line(&self, record: &[u8], text: &mut String) -> Result<()> {
        let before = text.len();
        self.fields(record, text).inspect_err(|_| text.truncate(before))?;
        text.push('\n');
        Ok(())
    }

    fn fields(&self, record: &[u8], text: &mut String) -> Result<()> {
        let line = text.len();
        for (at, field) in self.schema.fields().iter().enumerate() {
            let start = self.begin_field(at, text);
            let stored = &record[field.offset()..][..field.width()];
            if !field.is_null(stored) {
                field.write_text(stored, text)?;
                if self.options.common.rules.decimal_comma
                    && matches!(field.ty(), Type::F32 | Type::F64)
                    && let Some(point) = text[start..].find('.')
                {
                    text.replace_range(start + point..=start + point, ",");
                }
                if !self.is_bare[at] {
                    self.end_field(line, start, self.options.trim, text);
                }
            } else if self.is_bare.len() == 1 && !matches!(field.ty(), Type::Str(_) | Type::Enum(_)) {
                // Most programs skip blank lines. An empty text is written this way, so a missing
                // one stays blank.
                text.push_str("\"\"");
            }
        }
        Ok(())
    }

    /// Returns the position at which the text of the field begins.
    fn begin_field(&self, at: usize, text: &mut String) -> usize {
        if at > 0 {
            text.push(char::from(self.delimiter));
        }
        text.len()
    }

    /// Quotes the text of a field that is not null, if it would be read differently without quotes.
    /// It begins at `start`, and its line at `line`. `trims` says whether blanks around it would be
    /// left out.
    fn end_field(&self, line: usize, start: usize, trims: bool, all: &mut String) {
        let text = &all[start..];
        let delimiter = self.delimiter;
        let is_special = |byte| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        let has_blanks = || text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
        let is_comment = || {
            start == line && self.options.comment.as_ref().is_some_and(|comment| text.starts_with(&**comment))
        };
        if text.bytes().any(is_special)
            || text.starts_with(BYTE_ORDER_MARK)
            || self.options.is_missing(text)
            || (trims && has_blanks())
            || is_comment()
        {
            let doubled = text.replace('"', "\"\"");
            all.truncate(start);
            all.extend(["\"", &doubled, "\""]);
        }
    }
}

/// Whether the text of each value of this field is read back without quotes.
fn is_bare(options: &Options, delimiter: u8, field: &FieldDef) -> bool {
    let has_no_texts = !matches!(field.ty(), Type::Str(_) | Type::Enum(_) | Type::Array(..));
    // The characters of all values that are no texts.
    let is_in_value = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:,".contains(&byte);
    let rules = &options.common.rules;
    let is_value = |null: &str| field.parse_text_by(rules, null, &mut vec![0; field.width()]).is_ok();
    let is_comma = delimiter == b',' && !rules.decimal_comma;
    has_no_texts
        && (is_comma || !is_in_value(delimiter))
        && !options.nulls.iter().any(|null| is_value(null))
        && !options.comment.as_ref().is_some_and(|comment| comment.bytes().all(is_in_value))
}

/// At the beginning of a file a byte-order mark would be skipped.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

fn failed(error: io::Error) -> Error {
    Error::io("cannot write the CSV", error)
}
