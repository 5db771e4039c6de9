//! The lines of an input, or the elements of its array, and the members of the object in one: names
//! and raw values. The reader and the inference use it; it knows no schema.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::elements::{ElementProblem, Elements, LINE_BYTES};
use super::found::{Block, FoundElements};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::exchange::text_blocks::Ending;
use crate::schema::shown;

const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// The lines of an input, or the elements of an array, one at a time.
pub(super) struct JsonLines<B> {
    pub(super) name: Box<str>,
    input: B,
    line: Vec<u8>,
    /// The first line or element, if it was read to find out what the input consists of.
    first: Option<Result<bool>>,
    /// Whether a byte-order mark may come next.
    is_at_start: bool,
    /// The number of the line, or of the element.
    pub(super) number: u64,
    parts: Parts,
}

/// What the input consists of.
enum Parts {
    /// Nothing was read yet.
    Unknown,
    Lines,
    Elements(Elements),
    /// Elements that another thread has found.
    Found(FoundElements),
}

impl<R: Read> JsonLines<BufReader<R>> {
    pub(super) fn new(name: &str, input: R) -> JsonLines<BufReader<R>> {
        JsonLines {
            name: name.into(),
            input: BufReader::with_capacity(64 << 10, input),
            line: Vec::new(),
            first: None,
            is_at_start: true,
            number: 0,
            parts: Parts::Unknown,
        }
    }

    /// Finds out what the input consists of, if that is not known yet. Returns what `advance` is to
    /// return next, if that was found out.
    pub(super) fn look(&mut self) -> Option<Result<bool>> {
        match self.parts {
            Parts::Unknown => Some(self.begin()),
            _ => self.first.take(),
        }
    }

    /// Lets `advance` return this next.
    pub(super) fn unlook(&mut self, first: Option<Result<bool>>) {
        self.first = first;
    }

    /// The input, and the text that was read of it, with the present line if it is not read yet.
    pub(super) fn into_text(self, with_line: bool) -> (R, Vec<u8>) {
        let mut text = if with_line { self.line } else { Vec::new() };
        text.extend_from_slice(self.input.buffer());
        (self.input.into_inner(), text)
    }
}

impl JsonLines<Ending> {
    /// The lines or elements of a block, of which the first has this number.
    pub(super) fn of_block(name: &str, block: Block, first: u64) -> JsonLines<Ending> {
        let (input, parts) = match block {
            Block::Lines(text) => (text, Parts::Lines),
            Block::Elements(found) => (Ending::of(Vec::new()), Parts::Found(found)),
        };
        JsonLines {
            name: name.into(),
            input,
            line: Vec::new(),
            first: None,
            is_at_start: false,
            number: first - 1,
            parts,
        }
    }

    /// The whole block.
    pub(super) fn into_block(self) -> Block {
        match self.parts {
            Parts::Found(found) => Block::Elements(found.rewound()),
            _ => Block::Lines(Ending::of(self.input.split().0)),
        }
    }

    /// The block from the present line or element on.
    pub(super) fn into_rest(self) -> Block {
        if let Parts::Found(mut found) = self.parts {
            found.untake();
            return Block::Elements(found);
        }
        let start = self.input.position() - self.line.len();
        Block::Lines(Ending::of(self.input.split().0.split_off(start)))
    }
}

impl<B: BufRead> JsonLines<B> {
    /// Moves to the next line that is not blank, or to the next element. Returns `false` at the
    /// end.
    pub(super) fn advance(&mut self) -> Result<bool> {
        if let Some(first) = self.first.take() {
            return first;
        }
        self.line.clear();
        match &mut self.parts {
            Parts::Unknown => self.begin(),
            Parts::Lines => self.next_line(),
            Parts::Found(elements) => {
                let next = elements.next(&mut self.line);
                self.number += u64::from(!matches!(next, Ok(false)));
                next
            }
            Parts::Elements(elements) => {
                let next = elements.next(&mut self.input, &mut self.line);
                self.number += u64::from(!matches!(next, Ok(false)));
                // White space, as no text has a line break in it: an element that is set aside is
                // one line.
                for byte in self.line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
                    *byte = b' ';
                }
                next.map_err(|problem| self.element_error(problem))
            }
        }
    }

    /// Reads the first line or element, and finds out what the input consists of.
    fn begin(&mut self) -> Result<bool> {
        self.parts = Parts::Lines;
        // An array may be one line of any length.
        let ahead = self.input.fill_buf();
        let ahead = ahead.map_err(|error| Error::io(format_args!("cannot read {}", self.name), error))?;
        let text = ahead.strip_prefix(BYTE_ORDER_MARK).unwrap_or(ahead).trim_ascii_start();
        if text.first() == Some(&b'[') {
            let blanks = ahead.len() - text.len();
            let line = 1 + ahead[..blanks].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.input.consume(blanks);
            self.parts = Parts::Elements(Elements::array(line));
            return self.advance();
        }
        if !self.next_line()? {
            return Ok(false);
        }
        let first_line = self.number;
        let start = self.line.len() - self.line.trim_ascii_start().len();
        let Some(elements) = Elements::objects(&self.line[start..], first_line) else { return Ok(true) };
        // What was read of the first line belongs to the first elements.
        self.line.clear();
        self.number = 0;
        self.parts = Parts::Elements(elements);
        self.advance()
    }

    fn next_line(&mut self) -> Result<bool> {
        loop {
            self.line.clear();
            let read = (&mut self.input).take(LINE_BYTES + 1).read_until(b'\n', &mut self.line);
            let read = read.map_err(|error| {
                let line = self.number + 1;
                Error::io(format_args!("cannot read {} from line {line} on", self.name), error)
            })?;
            if read == 0 {
                return Ok(false);
            }
            self.number += 1;
            if std::mem::take(&mut self.is_at_start) && self.line.starts_with(BYTE_ORDER_MARK) {
                self.line.drain(..3);
            }
            if read as u64 > LINE_BYTES {
                bail!(Input, "{}: longer than {} MiB", self.describe(self.number), LINE_BYTES >> 20);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    pub(super) fn describe(&self, number: u64) -> String {
        let what = if self.has_elements() { "element" } else { "line" };
        format!("{what} {number} of {}", self.name)
    }

    /// Whether the input consists of elements, as far as that is known.
    pub(super) fn has_elements(&self) -> bool {
        matches!(self.parts, Parts::Elements(_) | Parts::Found(_))
    }

    /// The present element.
    pub(super) fn element(&self) -> &[u8] {
        &self.line
    }

    /// The line of the input in which the current line or element begins.
    pub(super) fn line_number(&self) -> u64 {
        match &self.parts {
            Parts::Unknown | Parts::Lines => self.number,
            Parts::Elements(elements) => elements.start_line(),
            Parts::Found(elements) => elements.line(),
        }
    }

    /// An error in this line.
    #[cold]
    pub(super) fn error(&self, reason: &dyn fmt::Display) -> Error {
        self.place_error(Error::new(ErrorKind::Input, reason.to_string()), None)
    }

    /// An error with the place of this line, and the column in it.
    #[cold]
    pub(super) fn place_error(&self, error: Error, column: Option<u64>) -> Error {
        let (place, line) = (self.describe(self.number), self.line_number());
        if self.has_elements() {
            // Elements may be anywhere in a line.
            error.in_line(format!("{place}, on line {line}"), line, None)
        } else {
            error.in_line(place, line, column)
        }
    }

    #[cold]
    fn element_error(&self, problem: ElementProblem) -> Error {
        match problem {
            ElementProblem::Unread(error) => {
                let element = self.number;
                Error::io(format_args!("cannot read {} from element {element} on", self.name), error)
            }
            ElementProblem::Wrong(reason) => self.error(&reason),
        }
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
            self.place_error(bad, Some(error.column().max(1) as u64))
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
