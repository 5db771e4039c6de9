//! Reads JSON lines, or the elements of an array, as records.

use std::fmt;
use std::io::Read;

use super::line::{JsonLines, text};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::column_names::fitting;
use crate::exchange::common::Common;
use crate::exchange::missing;
use crate::load::RecordSource;
use crate::record::Value;
use crate::schema::shown;
use crate::schema::{FieldDef, Schema, TextRules, Type};

/// Reads JSON as a source of records; from [`Options::reader`](super::Options::reader). Places are
/// line numbers, or the numbers of elements of an array.
///
/// A malformed line is an error that names file, line and field. After an error, the next call
/// continues with the next line.
///
/// ```
/// use drystone::{RecordSource, Schema, json};
///
/// let schema: Schema = "id: u8".parse()?;
/// let options = json::Options::new().name("flights.jsonl");
/// let mut reader = options.reader(&schema, &b"{\"id\": \"seven\"}\n"[..])?;
/// let error = reader.next_record(&mut [0]).unwrap_err();
/// assert!(error.to_string().starts_with("line 1 of flights.jsonl: field \"id\": "), "{error}");
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Reader<R> {
    lines: JsonLines<R>,
    common: Common,
    schema: Schema,
    /// Which fields the current line has given.
    given: Vec<bool>,
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "json::Reader({:?}, {})", self.lines.name, self.schema)
    }
}

impl<R: Read> Reader<R> {
    pub(super) fn new(lines: JsonLines<R>, common: &Common, schema: &Schema) -> Reader<R> {
        let given = vec![false; schema.fields().len()];
        Reader { lines, common: common.clone(), schema: schema.clone(), given }
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    fn read_line(&mut self, record: &mut [u8]) -> Result<()> {
        record.copy_from_slice(self.schema.default_bytes());
        self.given.fill(false);
        let failed = |error: &dyn fmt::Display| self.lines.error(error);
        for (name, value) in self.lines.members()?.0 {
            let Some(at) = position(&self.schema, &self.common, &name) else {
                if self.common.ignore_unknown {
                    continue;
                }
                return Err(failed(&self.schema.no_such_field(&name)));
            };
            let field = &self.schema.fields()[at];
            if std::mem::replace(&mut self.given[at], true) {
                return Err(failed(&format_args!("field {:?} is given twice", field.name())));
            }
            let slot = &mut record[field.offset()..][..field.width()];
            store(field, &self.common.rules, value.get(), slot).map_err(|error| failed(&error))?;
        }
        let left_out = |(field, given): &(&FieldDef, &bool)| {
            !**given && field.default().is_none() && !field.is_nullable()
        };
        match self.schema.fields().iter().zip(&self.given).find(left_out) {
            Some((field, _)) => Err(failed(&missing(field, ""))),
            None => Ok(()),
        }
    }
}

impl<R: Read> RecordSource for Reader<R> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.schema.check_width(record.len())?;
        if !self.lines.advance()? {
            return Ok(false);
        }
        self.read_line(record).map(|()| true)
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
    let value = |reason: String| {
        Error::new(ErrorKind::Value, format!("field {:?}: {reason}", field.name())).of_field(field.name())
    };
    match raw.as_bytes().first() {
        Some(b'n') => match field.null() {
            Some(null) => {
                slot.copy_from_slice(null);
                Ok(())
            }
            None => Err(Error::new(ErrorKind::Value, missing(field, "null"))),
        },
        Some(b't' | b'f') => field.store(&Value::Bool(raw == "true"), slot),
        Some(b'"') => field.parse_text_by(rules, &text(raw).map_err(value)?, slot),
        // Only floats that JSON lacks are quoted there.
        Some(b'[') if matches!(field.ty(), Type::Array(..)) => {
            field.parse_text_by(rules, &raw.replace('"', ""), slot)
        }
        Some(b'[' | b'{') => {
            let what = if raw.starts_with('[') { "a list" } else { "an object; make members of its members" };
            Err(value(format!("{} is not a valid {}: it is {what}", shown(raw), field.ty())))
        }
        _ if field.ty().is_number() || field.ty() == Type::Timestamp => field.parse_text_by(rules, raw, slot),
        _ => Err(value(format!("{} is not a valid {}: it is a number", shown(raw), field.ty()))),
    }
}
