//! Writes rows as lines of a CSV.

use std::fmt;
use std::io::{self, BufWriter, Write};

use super::{Delimiter, Options};
use crate::error::{Error, Result, bail};
use crate::exchange::check_whole;
use crate::record::Row;
use crate::schema::{Schema, Type};

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
    options: Options,
    delimiter: u8,
    schema: Schema,
    line: String,
}

impl<W: Write> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "csv::Writer({})", self.schema)
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
        let mut writer = Writer {
            delimiter,
            output: BufWriter::with_capacity(64 << 10, output),
            options: options.clone(),
            schema: schema.clone(),
            line: String::new(),
        };
        if !options.has_header {
            return Ok(writer);
        }
        for (at, field) in schema.fields().iter().enumerate() {
            let start = writer.begin_field(at);
            writer.line.push_str(field.name());
            writer.end_field(start, true);
        }
        writer.end_line()?;
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
        self.schema.check_same("the row", row.schema())?;
        self.line.clear();
        for at in 0..row.len() {
            let start = self.begin_field(at);
            let (field, stored) = row.stored(at)?;
            if !field.is_null(stored) {
                field.write_text(stored, &mut self.line)?;
                if self.options.common.rules.decimal_comma
                    && matches!(field.ty(), Type::F32 | Type::F64)
                    && let Some(point) = self.line[start..].find('.')
                {
                    self.line.replace_range(start + point..=start + point, ",");
                }
                self.end_field(start, self.options.trim);
            } else if row.len() == 1 && !matches!(field.ty(), Type::Str(_) | Type::Enum(_)) {
                // Most programs skip blank lines. An empty text is written this way, so a missing
                // one stays blank.
                self.line.push_str("\"\"");
            }
        }
        self.end_line()
    }

    /// Writes packed records, any number of them.
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
        check_whole(&self.schema, records)?;
        let schema = self.schema.clone();
        records.chunks_exact(schema.width()).try_for_each(|record| self.write(Row::new(&schema, record)?))
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
        &self.schema
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

    /// Returns the position in the line at which the text of the field begins.
    fn begin_field(&mut self, at: usize) -> usize {
        if at > 0 {
            self.line.push(char::from(self.delimiter));
        }
        self.line.len()
    }

    /// Quotes the text of a field that is not null, if it would be read differently without quotes.
    /// `trims` says whether blanks around it would be left out.
    fn end_field(&mut self, start: usize, trims: bool) {
        let text = &self.line[start..];
        let delimiter = self.delimiter;
        let is_special = |byte| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        let has_blanks = || text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
        let is_comment = || {
            start == 0 && self.options.comment.as_ref().is_some_and(|comment| text.starts_with(&**comment))
        };
        if text.bytes().any(is_special)
            || text.starts_with(BYTE_ORDER_MARK)
            || self.options.is_missing(text)
            || (trims && has_blanks())
            || is_comment()
        {
            let doubled = text.replace('"', "\"\"");
            self.line.truncate(start);
            self.line.extend(["\"", &doubled, "\""]);
        }
    }

    fn end_line(&mut self) -> Result<()> {
        self.line.push('\n');
        self.output.write_all(self.line.as_bytes()).map_err(failed)
    }
}

/// At the beginning of a file a byte-order mark would be skipped.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

fn failed(error: io::Error) -> Error {
    Error::io("cannot write the CSV", error)
}
