//! JSON lines as records.

use std::io::Read;

use super::infer::infer;
use super::line::{Lines, text};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Inferred;
use crate::exchange::missing;
use crate::load::RecordSource;
use crate::record::Value;
use crate::schema::text::shown;
use crate::schema::{FieldDef, Schema, Type};

/// JSON lines: an object a line; blank lines are passed over.
///
/// Numbers are read as their fields are, so that whole ones of 128 bits are exact. Texts are read into fields of other types as in a CSV:
/// dates, timestamps, uuids, bytes as `0x` and digits, and the floats that JSON does not have, `"NaN"`, `"inf"`, `"-inf"`.
///
/// ```
/// use drystone::{RecordSource, RowBuf, Schema, json};
///
/// let text = "{\"id\": 7, \"seen\": \"2013-07-04T12:00:00Z\"}\n{\"id\": 8, \"delay\": -3}\n";
/// let inferred = json::Reader::new("flights.jsonl", text.as_bytes()).infer()?;
/// assert_eq!(inferred.schema().to_string(), "id: u8, seen: timestamp?, delay: i8?");
/// let mut records = json::Reader::new("flights.jsonl", text.as_bytes()).records(inferred.schema());
/// let mut row = RowBuf::new(inferred.schema());
/// assert!(records.next_record(row.as_bytes_mut())?);
/// assert_eq!(row.to_string(), "id: 7, seen: 2013-07-04T12:00:00Z, delay: null");
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Reader<R> {
    lines: Lines<R>,
    ignore_unknown: bool,
    enums: bool,
}

impl<R: Read> Reader<R> {
    /// Reads this input. Large reads are made; it needs no buffer. `name` is what messages call it.
    pub fn new(name: &str, input: R) -> Reader<R> {
        Reader { lines: Lines::new(name, input), ignore_unknown: false, enums: false }
    }

    /// Whether [`infer`](Reader::infer) picks an enumeration for texts of which there are few: at
    /// most 256 different ones (255 where values are missing), of which each stands in four rows on
    /// average. Its names are sorted, so that its values compare as the texts.
    #[must_use]
    pub fn enums(mut self, enums: bool) -> Reader<R> {
        self.enums = enums;
        self
    }

    /// Whether members that the schema has no field for are passed over. Otherwise they are an error.
    #[must_use]
    pub fn ignore_unknown(mut self, ignore: bool) -> Reader<R> {
        self.ignore_unknown = ignore;
        self
    }

    /// The schema of records that hold everything: the narrowest types, as [`csv::Inferred`](crate::csv::Inferred) has them, but texts
    /// in quotes stay texts where they look like numbers. A list of numbers, always of one length, is an array. Members that are null or left out
    /// in some lines may be null. Everything is read once, in bounded memory.
    ///
    /// # Errors
    /// [`Input`](ErrorKind::Input) for a line that is no object, for objects in objects, for lists of anything but numbers or of several
    /// lengths, and for an input without any rows.
    pub fn infer(self) -> Result<Inferred> {
        infer(self.lines, self.enums)
    }

    /// The records of this schema, whose fields are matched to the members by name. A field that a line does not give takes its
    /// default, or null.
    pub fn records(self, schema: &Schema) -> Records<R> {
        let given = vec![false; schema.fields().len()];
        Records { lines: self.lines, ignore_unknown: self.ignore_unknown, schema: schema.clone(), given }
    }
}

/// The records of JSON lines, from [`Reader::records`]. Places are line numbers.
///
/// A line that cannot be read as a record is an error that names file, line and field. After an error, the next call goes on with the next
/// line.
pub struct Records<R> {
    lines: Lines<R>,
    ignore_unknown: bool,
    schema: Schema,
    /// Which fields the current line has given.
    given: Vec<bool>,
}

impl<R: Read> Records<R> {
    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    fn read_line(&mut self, record: &mut [u8]) -> Result<()> {
        record.copy_from_slice(self.schema.default_bytes());
        self.given.fill(false);
        let failed = |error: &dyn std::fmt::Display| self.lines.error(error);
        for (name, value) in self.lines.members()?.0 {
            let Some(at) = self.schema.position(&name) else {
                if self.ignore_unknown {
                    continue;
                }
                return Err(failed(&self.schema.no_such_field(&name)));
            };
            let field = &self.schema.fields()[at];
            if std::mem::replace(&mut self.given[at], true) {
                return Err(failed(&format_args!("field {:?} is given twice", field.name())));
            }
            let slot = &mut record[field.offset()..][..field.width()];
            store(field, value.get(), slot).map_err(|error| failed(&error))?;
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

impl<R: Read> RecordSource for Records<R> {
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

/// Stores a value as it stands in its field.
fn store(field: &FieldDef, raw: &str, slot: &mut [u8]) -> Result<()> {
    let value = |reason: String| Error::new(ErrorKind::Value, format!("field {:?}: {reason}", field.name()));
    match raw.as_bytes().first() {
        Some(b'n') => match field.null() {
            Some(null) => {
                slot.copy_from_slice(null);
                Ok(())
            }
            None => Err(Error::new(ErrorKind::Value, missing(field, "null"))),
        },
        Some(b't' | b'f') => field.store(&Value::Bool(raw == "true"), slot),
        Some(b'"') => field.parse_text(&text(raw).map_err(value)?, slot),
        // Only floats that JSON has not stand in quotes there.
        Some(b'[') if matches!(field.ty(), Type::Array(..)) => field.parse_text(&raw.replace('"', ""), slot),
        Some(b'[' | b'{') => {
            let what = if raw.starts_with('[') { "a list" } else { "an object; make members of its members" };
            Err(value(format!("{} is no {}: it is {what}", shown(raw), field.ty())))
        }
        _ if field.ty().is_number() => {
            let read = field.parse_text(raw, slot);
            match raw.parse() {
                // 2.0 and 2e3 are whole numbers, too.
                Ok(real) if read.is_err() && raw.contains(['.', 'e', 'E']) => {
                    field.store(&Value::F64(real), slot)
                }
                _ => read,
            }
        }
        _ => Err(value(format!("{} is no {}: it is a number", shown(raw), field.ty()))),
    }
}
