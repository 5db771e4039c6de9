//! Reads JSON lines, or the elements of an array, as records.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};

use super::line::{JsonLines, text};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::bad_lines::{BadLines, missing_value};
use crate::exchange::column_names::fitting;
use crate::exchange::common::Common;
use crate::load::RecordSource;
use crate::record::Value;
use crate::schema::shown;
use crate::schema::{FieldDef, Schema, TextRules, Type};

/// Reads JSON as a source of records; from [`Options::reader`](super::Options::reader). Places are
/// line numbers, or the numbers of elements of an array.
///
/// A malformed line is an error that names file, line, column, field, text and the expected type.
/// The column is the position in the line, in bytes. After an error, the next call continues with
/// the next line.
///
/// ```
/// use drystone::{RecordSource, Schema, json};
///
/// let schema: Schema = "id: u8".parse()?;
/// let options = json::Options::new().name("flights.jsonl");
/// let mut reader = options.reader(&schema, &b"{\"id\": \"seven\"}\n"[..])?;
/// let error = reader.next_record(&mut [0]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 1 of flights.jsonl, column 8: field \"id\": \"seven\" is not a valid u8: \
///      not a whole number"
/// );
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Reader<R, W = io::Sink> {
    pub(super) lines: JsonLines<BufReader<R>>,
    pub(super) objects: Objects,
    pub(super) given: Given,
    pub(super) bad_lines: BadLines<W>,
}

/// How objects become records.
#[derive(Clone)]
pub(super) struct Objects {
    common: Common,
    pub(super) schema: Schema,
}

/// Which fields the current line has given.
pub(super) type Given = Vec<bool>;

impl<R, W> fmt::Debug for Reader<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "json::Reader({:?}, {})", self.lines.name, self.objects.schema)
    }
}

impl<R: Read> Reader<R> {
    pub(super) fn new(common: &Common, skip_bad: bool, schema: &Schema, input: R) -> Reader<R> {
        let objects = Objects { common: common.clone(), schema: schema.clone() };
        let (lines, given) = (JsonLines::new(&common.name, input), objects.none_given());
        Reader { lines, objects, given, bad_lines: BadLines::new(skip_bad, None) }
    }

    /// Skips bad lines, and writes them unchanged to `output`: to correct and load them later.
    ///
    /// Each line takes two small writes, so wrap a file in a `BufWriter`.
    pub fn skip_bad_to<W: Write>(self, output: W) -> Reader<R, W> {
        Reader {
            lines: self.lines,
            objects: self.objects,
            given: self.given,
            bad_lines: self.bad_lines.to(output),
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
    pub fn explain_bad(mut self, call: impl FnMut(&Error) -> Result<()> + Send + 'static) -> Reader<R, W> {
        self.bad_lines = self.bad_lines.explained(Box::new(call));
        self
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        &self.objects.schema
    }
}

impl Objects {
    pub(super) fn none_given(&self) -> Given {
        vec![false; self.schema.fields().len()]
    }

    /// Reads the next line that is not bad. Returns `false` at the end.
    pub(super) fn read_next(
        &self,
        (lines, given): (&mut JsonLines<impl BufRead>, &mut Given),
        bad_lines: &mut BadLines<impl Write>,
        record: &mut [u8],
    ) -> Result<bool> {
        self.schema.check_width(record.len())?;
        while lines.advance()? {
            match self.read_line(lines, given, record) {
                Ok(()) => return Ok(true),
                Err(error) => bad_lines.take(lines.raw(), b"\n", || error)?,
            }
        }
        Ok(false)
    }

    /// Reads the current line.
    pub(super) fn read_line(
        &self,
        lines: &JsonLines<impl BufRead>,
        given: &mut Given,
        record: &mut [u8],
    ) -> Result<()> {
        record.copy_from_slice(self.schema.default_bytes());
        given.fill(false);
        let bad = |error: Error, column| lines.place_error(error, column);
        for (name, value) in lines.members()?.0 {
            let column = || lines.column_of(value.get());
            let Some(at) = position(&self.schema, &self.common, &name) else {
                if self.common.ignore_unknown {
                    continue;
                }
                let unknown = Error::new(ErrorKind::Input, self.schema.no_such_field(&name).to_string());
                return Err(bad(unknown.of_text(&shown(&name), "the name of a field"), column()));
            };
            let field = &self.schema.fields()[at];
            if std::mem::replace(&mut given[at], true) {
                let twice = format!("field {:?} is given twice", field.name());
                let twice = Error::new(ErrorKind::Input, twice).of_field(field.name());
                return Err(bad(twice.of_text(&shown(value.get()), "one value of the field"), column()));
            }
            let slot = &mut record[field.offset()..][..field.width()];
            store(field, &self.common.rules, value.get(), slot).map_err(|error| bad(error, column()))?;
        }
        let left_out = |(field, given): &(&FieldDef, &bool)| {
            !**given && field.default().is_none() && !field.is_nullable()
        };
        match self.schema.fields().iter().zip(&*given).find(left_out) {
            Some((field, _)) => Err(bad(missing_value(field, ""), None)),
            None => Ok(()),
        }
    }
}

impl<R: Read, W: Write> RecordSource for Reader<R, W> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        let lines = (&mut self.lines, &mut self.given);
        if self.objects.read_next(lines, &mut self.bad_lines, record)? {
            return Ok(true);
        }
        self.bad_lines.flush()?;
        Ok(false)
    }

    fn place(&self) -> u64 {
        self.lines.number
    }

    fn describe(&self, place: u64) -> String {
        self.lines.describe(place)
    }
}

/// The field of a member. It may have been renamed, or have a name that no field can have.
fn position(schema: &Schema, common: &Common, name: &str) -> Option<usize> {
    if let Some((_, new)) = common.renames.iter().find(|(old, _)| **old == *name) {
        return schema.position(new);
    }
    schema.position(name).or_else(|| schema.position(&fitting(name)))
}

/// Stores the raw text of a value in its field.
fn store(field: &FieldDef, rules: &TextRules, raw: &str, slot: &mut [u8]) -> Result<()> {
    let not = |reason: &str| {
        let (name, text, ty) = (field.name(), shown(raw), field.ty());
        let message = format!("field {name:?}: {text} is not a valid {ty}: {reason}");
        Error::new(ErrorKind::Value, message).of_field(name).of_text(&text, &format!("{ty} ({reason})"))
    };
    match raw.as_bytes().first() {
        Some(b'n') => match field.null() {
            Some(null) => {
                slot.copy_from_slice(null);
                Ok(())
            }
            None => Err(missing_value(field, "null")),
        },
        Some(b't' | b'f') => field.store(&Value::Bool(raw == "true"), slot),
        Some(b'"') => field.parse_text_by(rules, &text(raw).map_err(|reason| not(&reason))?, slot),
        // Only floats that JSON lacks are quoted there.
        Some(b'[') if matches!(field.ty(), Type::Array(..)) => {
            field.parse_text_by(rules, &raw.replace('"', ""), slot)
        }
        Some(b'[' | b'{') => {
            let what = if raw.starts_with('[') { "a list" } else { "an object; make members of its members" };
            Err(not(&format!("it is {what}")))
        }
        _ if field.ty().is_number() || field.ty() == Type::Timestamp => field.parse_text_by(rules, raw, slot),
        _ => Err(not("it is a number")),
    }
}
