//! The lines of an input, and the members of the object in a line: names and raw values. The reader
//! and the inference use it; it knows no schema.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result, bail};
use crate::schema::shown;

/// The longest line. A record has at most 65,535 bytes.
const LINE_BYTES: u64 = 64 << 20;

/// The lines of an input, one at a time.
pub(super) struct JsonLines<R> {
    pub(super) name: Box<str>,
    input: BufReader<R>,
    line: Vec<u8>,
    pub(super) number: u64,
}

impl<R: Read> JsonLines<R> {
    pub(super) fn new(name: &str, input: R) -> JsonLines<R> {
        JsonLines {
            name: name.into(),
            input: BufReader::with_capacity(64 << 10, input),
            line: Vec::new(),
            number: 0,
        }
    }

    /// Moves to the next line that is not blank. Returns `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool> {
        loop {
            self.line.clear();
            let read = (&mut self.input).take(LINE_BYTES + 1).read_until(b'\n', &mut self.line);
            let read = read.map_err(|error| Error::io(format_args!("cannot read {}", self.name), error))?;
            if read == 0 {
                return Ok(false);
            }
            self.number += 1;
            if read as u64 > LINE_BYTES {
                bail!(Input, "{}: longer than {} MiB", self.describe(self.number), LINE_BYTES >> 20);
            }
            if self.number == 1 && self.line.starts_with(b"\xEF\xBB\xBF") {
                self.line.drain(..3);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    pub(super) fn describe(&self, number: u64) -> String {
        format!("line {number} of {}", self.name)
    }

    /// An error in this line.
    #[cold]
    pub(super) fn error(&self, reason: &dyn fmt::Display) -> Error {
        Error::new(ErrorKind::Input, format!("{}: {reason}", self.describe(self.number))).of_line(self.number)
    }

    /// The line of the input, without its line break.
    pub(super) fn raw(&self) -> &[u8] {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// The position of a part of this line, counted from 1.
    pub(super) fn column_of(&self, part: &str) -> Option<u64> {
        let offset = part.as_ptr().addr().checked_sub(self.line.as_ptr().addr())?;
        (offset < self.line.len()).then_some(offset as u64 + 1)
    }

    /// The members of the object in this line.
    pub(super) fn members(&self) -> Result<Members<'_>> {
        serde_json::from_slice(self.raw()).map_err(|error| {
            // The parser counts lines in this text alone, so its line number is left out.
            let text = error.to_string();
            let reason = text.split(" at line ").next().unwrap_or(&text);
            let line = String::from_utf8_lossy(self.raw());
            let bad = Error::new(ErrorKind::Input, reason).of_text(&shown(&line), reason);
            bad.in_line(self.describe(self.number), self.number, Some(error.column().max(1) as u64))
        })
    }
}

/// The members of an object, in order.
pub(super) struct Members<'l>(pub(super) Vec<(Cow<'l, str>, &'l RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, such as {\"id\": 7}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(Members(members))
    }
}

/// A name, borrowed if it has no escapes.
struct Name<'l>(Cow<'l, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'de>, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(name.into()))
    }

    fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(name.to_owned().into()))
    }
}

/// The text of a quoted value; `None` for any other.
pub(super) fn text(raw: &str) -> Result<Cow<'_, str>, String> {
    // Without an escape, the text is what is between the quotes.
    match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Ok(text.into()),
        _ => serde_json::from_str::<String>(raw).map(Cow::from).map_err(|error| error.to_string()),
    }
}
