//! Splits CSV text into lines and fields. Unlike the reader of the `csv` crate it tells whether a
//! field was quoted, the raw line, its number with CRLF, and whether the last quote is open. The
//! reader and the inference use it; it knows no schema.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;

use crate::error::{Error, ErrorKind, Result, bail};
use crate::exchange::text_blocks::Ending;

const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();
/// Bytes per read.
const WINDOW_BYTES: usize = 256 << 10;
/// The window of a text that is in memory may be empty, and is at least so long when it grows.
const LEAST_WINDOW: usize = 64;
/// The longest line, so that an open quote does not read the whole file into memory.
pub(super) const LINE_BYTES: usize = 16 << 20;

/// The lines of an input in order. A line may contain breaks within quotes.
pub(super) struct Lines<R> {
    input: R,
    name: Box<str>,
    pub(super) shape: Shape,
    /// The beginning of lines that are skipped, if there are such lines.
    pub(super) comment: Option<Box<str>>,
    /// Whether the delimiter was guessed, and whether the first line is a header: for messages.
    pub(super) is_guessed: bool,
    pub(super) has_header: bool,
    /// Whether a blank line is a line with one empty field. Otherwise it is skipped.
    pub(super) keep_blank: bool,
    window: Vec<u8>,
    /// How much of the window is filled.
    filled: usize,
    at_end: bool,
    /// Why reading failed, while lines that were read before are left.
    failed: Option<io::Error>,
    /// Where this line and the next one begin in the window.
    start: usize,
    next: usize,
    /// The number of this line, and of the next one.
    number: u64,
    next_number: u64,
    line: Split,
}

/// How the fields of a line are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// By this delimiter.
    Exact(u8),
    /// By this delimiter, with blanks around fields that are not part of them.
    Trimmed(u8),
    /// By one or more blanks or tabs.
    Blanks,
}

/// What is wrong with a line: the field, counted from 0, if it is in one, and the problem.
pub(super) type Problem = (Option<usize>, Cow<'static, str>);

/// The parts of a line. Positions are counted from its beginning.
#[derive(Debug, Default)]
pub(super) struct Split {
    fields: Vec<Span>,
    /// The fields with doubled quotes, with single ones.
    unescaped: Vec<u8>,
    /// The length of the line, without and with its break.
    length: usize,
    whole_length: usize,
    /// The number of line breaks, including its own.
    breaks: u64,
    /// What is wrong with its quotes, and in which field.
    problem: Option<(usize, &'static str)>,
}

/// Where the text of a field is.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Quoted,
    /// Quoted, in `Split::unescaped`.
    Unescaped,
}

impl<R: Read> Lines<R> {
    /// The lines of an input; `name` is for messages.
    pub(super) fn new(input: R, name: &str, shape: Shape) -> Result<Lines<R>> {
        Lines::with_window(input, name, shape, WINDOW_BYTES)
    }

    fn with_window(input: R, name: &str, shape: Shape, window_bytes: usize) -> Result<Lines<R>> {
        let mut lines = Lines {
            input,
            name: name.into(),
            shape,
            comment: None,
            is_guessed: false,
            has_header: true,
            keep_blank: false,
            window: vec![0; window_bytes],
            filled: 0,
            at_end: false,
            failed: None,
            start: 0,
            next: 0,
            number: 1,
            next_number: 1,
            line: Split::default(),
        };
        lines.read_more()?;
        match &lines.window[..lines.filled] {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
                bail!(Input, "{name} is UTF-16; convert it to UTF-8 first")
            }
            text if text.starts_with(BYTE_ORDER_MARK) => lines.next = BYTE_ORDER_MARK.len(),
            _ => {}
        }
        Ok(lines)
    }

    /// Moves to the next line. Returns `false` if there is none.
    pub(super) fn advance(&mut self) -> Result<bool> {
        loop {
            self.start = self.next;
            self.number = self.next_number;
            let rest = &self.window[self.start..self.filled];
            if rest.is_empty() && self.at_end {
                return Ok(false);
            }
            if let Some(comment) = &self.comment
                && (rest.starts_with(comment.as_bytes()) || rest.len() < comment.len())
                && self.skip_comment()?
            {
                continue;
            }
            let rest = &self.window[self.start..self.filled];
            let is_complete = !rest.is_empty()
                && match self.shape {
                    Shape::Exact(delimiter) => self.line.read::<false>(rest, delimiter, self.at_end),
                    Shape::Trimmed(delimiter) => self.line.read::<true>(rest, delimiter, self.at_end),
                    Shape::Blanks => self.line.read_blanks(rest, self.at_end),
                };
            if !is_complete {
                self.read_more()?;
                continue;
            }
            self.next = self.start + self.line.whole_length;
            self.next_number = self.number + self.line.breaks;
            if self.line.length > 0 || self.keep_blank {
                return Ok(true);
            }
        }
    }

    /// Skips the line that begins here if it is a comment. Returns whether it was one.
    fn skip_comment(&mut self) -> Result<bool> {
        let comment = self.comment.clone().unwrap_or_default();
        while self.filled - self.start < comment.len() && !self.at_end {
            self.read_more()?;
        }
        let is_comment = self.window[self.start..self.filled].starts_with(comment.as_bytes());
        if is_comment {
            self.next = self.start;
            self.skip_raw(1)?;
        }
        Ok(is_comment)
    }

    /// Skips this many lines, whatever they contain. Quotes mean nothing there.
    pub(super) fn skip_raw(&mut self, lines: u64) -> Result<()> {
        for _ in 0..lines {
            loop {
                self.start = self.next;
                let rest = &self.window[self.start..self.filled];
                let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                // After a CR, an LF may follow.
                let whole = match end {
                    Some(end) if rest[end] == b'\n' => Some(end + 1),
                    Some(end) if end + 1 < rest.len() => Some(end + 1 + usize::from(rest[end + 1] == b'\n')),
                    _ if self.at_end => Some(rest.len()),
                    _ => None,
                };
                let Some(whole) = whole else {
                    self.read_more()?;
                    continue;
                };
                if whole == 0 {
                    return Ok(());
                }
                self.next = self.start + whole;
                self.next_number += 1;
                break;
            }
        }
        Ok(())
    }

    /// Makes the current line the next one as well.
    pub(super) fn read_again(&mut self) {
        self.next = self.start;
        self.next_number = self.number;
    }

    /// Fills the window, if it is not full of text that was not read yet.
    pub(super) fn fill(&mut self) -> Result<()> {
        self.start = self.next;
        if self.start > 0 && !self.at_end && self.failed.is_none() { self.read_more() } else { Ok(()) }
    }

    /// Whether the next line, which is no comment, has these bytes in it.
    pub(super) fn has_next(&self, bytes: &[u8]) -> bool {
        let rest = &self.window[self.next..self.filled];
        let is_comment =
            |line: &&[u8]| self.comment.as_ref().is_some_and(|comment| line.starts_with(comment.as_bytes()));
        let mut lines = rest.split(|byte| matches!(byte, b'\n' | b'\r'));
        let first = lines.find(|line| !line.is_empty() && !is_comment(line));
        first.is_some_and(|line| line.windows(bytes.len()).any(|part| part == bytes))
    }

    /// How many fields each of the next lines has with this delimiter, as far as the window goes.
    pub(super) fn count_fields(&self, delimiter: u8, lines: usize) -> Vec<usize> {
        let mut rest = &self.window[self.next..self.filled];
        let (mut split, mut counts) = (Split::default(), Vec::new());
        while counts.len() < lines && !rest.is_empty() && split.read::<true>(rest, delimiter, self.at_end) {
            let is_comment =
                self.comment.as_ref().is_some_and(|comment| rest.starts_with(comment.as_bytes()));
            if split.length > 0 && !is_comment {
                counts.push(split.fields.len());
            }
            rest = &rest[split.whole_length..];
        }
        counts
    }

    /// Reads until the window is full. Enlarges it if the line fills it.
    fn read_more(&mut self) -> Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(self.unread(self.number, error));
        }
        self.window.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        (self.start, self.next) = (0, 0);
        if self.filled == self.window.len() {
            if self.filled >= LINE_BYTES {
                return Err(self.too_long(self.number));
            }
            self.window.resize((2 * self.filled).max(LEAST_WINDOW), 0);
        }
        while self.filled < self.window.len() && !self.at_end {
            match self.input.read(&mut self.window[self.filled..]) {
                Ok(0) => self.at_end = true,
                Ok(bytes) => self.filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // First come the lines that were read before.
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(())
    }
}

impl<R> Lines<R> {
    /// The lines of another text like this one, which begins with line `first`.
    pub(super) fn alike(&self, text: Ending, first: u64) -> Lines<Ending> {
        let (window, input) = text.split();
        Lines {
            name: self.name.clone(),
            shape: self.shape,
            comment: self.comment.clone(),
            is_guessed: self.is_guessed,
            has_header: self.has_header,
            keep_blank: self.keep_blank,
            filled: window.len(),
            window,
            at_end: input.is_whole(),
            input,
            failed: None,
            start: 0,
            next: 0,
            number: first,
            next_number: first,
            line: Split::default(),
        }
    }

    /// The input, and what was read of it beyond the current line.
    pub(super) fn into_rest(mut self) -> (R, Vec<u8>) {
        self.window.truncate(self.filled);
        self.window.drain(..self.next);
        (self.input, self.window)
    }

    /// Where the current line begins in the block.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The number of the next line.
    pub(super) fn next_number(&self) -> u64 {
        self.next_number
    }

    /// The block.
    pub(super) fn into_block(self) -> Vec<u8> {
        self.window
    }

    #[cold]
    pub(super) fn too_long(&self, number: u64) -> Error {
        Error::new(
            ErrorKind::Input,
            format!(
                "{}: the line is over {} MiB long; is a quote left open?",
                self.describe(number),
                LINE_BYTES >> 20
            ),
        )
    }

    #[cold]
    pub(super) fn unread(&self, number: u64, error: io::Error) -> Error {
        Error::io(format_args!("cannot read {} from line {number} on", self.name), error)
    }

    /// The number of the line, counted from 1. A line with breaks has the number of its first one.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The name of a line in messages.
    pub(super) fn describe(&self, number: u64) -> String {
        format!("line {number} of {}", self.name)
    }

    /// The name of the input.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The raw line of the input, without its line break.
    pub(super) fn raw(&self) -> &[u8] {
        &self.window[self.start..self.start + self.line.length]
    }

    /// Whether the line ends with CRLF.
    pub(super) fn is_crlf(&self) -> bool {
        self.window[self.start..self.next].ends_with(b"\r\n")
    }

    /// How many fields the line has.
    pub(super) fn len(&self) -> usize {
        self.line.fields.len()
    }

    /// Whether a field stood in quotes.
    pub(super) fn is_quoted(&self, field: usize) -> bool {
        self.line.fields[field].form != Form::Plain
    }

    /// A field as bytes.
    pub(super) fn bytes(&self, field: usize) -> &[u8] {
        let span = self.line.fields[field];
        let bytes = if span.form == Form::Unescaped { &self.line.unescaped } else { self.raw() };
        &bytes[span.range()]
    }

    /// The texts of the fields, if their number is `expected`, their quotes are correct, and they
    /// are UTF-8.
    #[inline]
    pub(super) fn texts(&self, expected: usize) -> Result<Texts<'_>, Problem> {
        if self.line.problem.is_some() || self.len() != expected {
            return Err(self.problem(expected));
        }
        // If the line is UTF-8 and no character is cut, every part is UTF-8.
        match (str::from_utf8(self.raw()), str::from_utf8(&self.line.unescaped)) {
            (Ok(raw), Ok(unescaped)) => Ok(Texts { raw, unescaped, fields: &self.line.fields }),
            _ => {
                let is_bad = |field: &usize| str::from_utf8(self.bytes(*field)).is_err();
                Err(((0..self.len()).find(is_bad), NOT_UTF8.into()))
            }
        }
    }

    #[cold]
    fn problem(&self, expected: usize) -> Problem {
        match self.line.problem {
            Some((field, problem)) => (Some(field), problem.into()),
            None => {
                let fields = if self.len() == 1 { "field" } else { "fields" };
                let first = if self.has_header { "header" } else { "first line" };
                let guessed = if self.is_guessed { "; the delimiter was guessed" } else { "" };
                let problem = format!("{} {fields}, where the {first} has {expected}{guessed}", self.len());
                (None, problem.into())
            }
        }
    }
}

pub(super) const NOT_UTF8: &str = "the text is not UTF-8";

/// The fields of a line, as text.
#[derive(Clone, Copy)]
pub(super) struct Texts<'l> {
    raw: &'l str,
    unescaped: &'l str,
    fields: &'l [Span],
}

impl<'l> Texts<'l> {
    /// The text of a field; `None` if its bytes are not UTF-8, for example because a delimiter is
    /// inside a character.
    #[inline]
    pub(super) fn get(&self, field: usize) -> Option<&'l str> {
        let span = self.fields[field];
        let text = if span.form == Form::Unescaped { self.unescaped } else { self.raw };
        text.get(span.range())
    }
}

impl Span {
    #[inline]
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Split {
    /// Splits the first line of the bytes. Returns `false` if more bytes are needed to find its
    /// end.
    ///
    /// If `TRIM`, blanks around fields are not part of them. The loop is compiled for each.
    fn read<const TRIM: bool>(&mut self, bytes: &[u8], delimiter: u8, at_end: bool) -> bool {
        self.clear();
        let mut at = 0;
        loop {
            if TRIM {
                at += blanks(&bytes[at..], delimiter);
            }
            let end = if bytes.get(at) == Some(&b'"') {
                self.quoted::<TRIM>(bytes, at + 1, delimiter, at_end)
            } else {
                let end = at + plain_length(&bytes[at..], delimiter);
                let text_end = if TRIM { at + bytes[at..end].trim_ascii_end().len() } else { end };
                self.push(at..text_end, Form::Plain);
                Some(end)
            };
            let Some(end) = end else { return false };
            match self.end_line(bytes, end, at_end) {
                Some(complete) => return complete,
                None => at = end + 1,
            }
        }
    }

    fn clear(&mut self) {
        self.fields.clear();
        self.unescaped.clear();
        self.problem = None;
        self.breaks = 0;
    }

    /// Ends the line if there is a line break here, or the end. Returns then whether the line is
    /// complete.
    #[inline]
    fn end_line(&mut self, bytes: &[u8], end: usize, at_end: bool) -> Option<bool> {
        let (line_break, complete) = match bytes[end..] {
            [] => (0, at_end),
            [b'\n', ..] | [b'\r'] => (1, at_end || bytes[end] == b'\n'),
            [b'\r', b'\n', ..] => (2, true),
            [b'\r', ..] => (1, true),
            [..] => return None,
        };
        self.length = end;
        self.whole_length = end + line_break;
        self.breaks += u64::from(line_break > 0);
        Some(complete)
    }

    /// Splits the first line of the bytes at blanks and tabs. A line of blanks is a blank line.
    fn read_blanks(&mut self, bytes: &[u8], at_end: bool) -> bool {
        let is_end = |byte: &u8| is_blank(*byte) || matches!(byte, b'\n' | b'\r');
        self.clear();
        let mut at = 0;
        loop {
            at += bytes[at..].iter().take_while(|byte| is_blank(**byte)).count();
            if let Some(complete) = self.end_line(bytes, at, at_end) {
                if self.fields.is_empty() {
                    self.length = 0;
                }
                return complete;
            }
            let end = if bytes[at] == b'"' {
                let close = self.quoted_text(bytes, at + 1, at_end);
                close.and_then(|close| self.end_quoted(bytes, at + 1, close, is_end, at_end))
            } else {
                let end = bytes[at..].iter().position(is_end).map_or(bytes.len(), |length| at + length);
                self.push(at..end, Form::Plain);
                Some(end)
            };
            let Some(end) = end else { return false };
            at = end;
        }
    }

    /// Splits off the field after an opening quote. Returns the position of the delimiter or break
    /// after it.
    fn quoted<const TRIM: bool>(
        &mut self,
        bytes: &[u8],
        start: usize,
        delimiter: u8,
        at_end: bool,
    ) -> Option<usize> {
        let close = self.quoted_text(bytes, start, at_end)?;
        let blanks = if TRIM { blanks(bytes.get(close + 1..).unwrap_or_default(), delimiter) } else { 0 };
        let is_end = |byte: &u8| *byte == delimiter || matches!(byte, b'\n' | b'\r');
        self.end_quoted(bytes, start, close + blanks, is_end, at_end)
    }

    /// Adds the field after an opening quote. Returns the position of the closing quote, or of the
    /// end if there is none. `None` if more bytes are needed.
    fn quoted_text(&mut self, bytes: &[u8], start: usize, at_end: bool) -> Option<usize> {
        let unescaped = self.unescaped.len();
        let mut from = start;
        let close = loop {
            let Some(length) = bytes[from..].iter().position(|byte| *byte == b'"') else {
                if !at_end {
                    return None;
                }
                self.blame("the quote that opens here is never closed");
                break bytes.len();
            };
            let quote = from + length;
            if bytes.get(quote + 1) != Some(&b'"') {
                break quote;
            }
            self.unescaped.extend_from_slice(&bytes[from..=quote]);
            from = quote + 2;
        };
        self.breaks += line_breaks(&bytes[start..close]);
        if from == start {
            self.push(start..close, Form::Quoted);
        } else {
            self.unescaped.extend_from_slice(&bytes[from..close]);
            self.push(unescaped..self.unescaped.len(), Form::Unescaped);
        }
        Some(close)
    }

    /// Ends a field whose last character, a quote or a blank, is at `last`. No text may follow.
    fn end_quoted(
        &mut self,
        bytes: &[u8],
        start: usize,
        last: usize,
        is_end: impl Fn(&u8) -> bool,
        at_end: bool,
    ) -> Option<usize> {
        let after = (last + 1).min(bytes.len());
        if after == bytes.len() && !at_end {
            return None;
        }
        let length = bytes[after..].iter().position(is_end).unwrap_or(bytes.len() - after);
        if length > 0 {
            self.fields.pop();
            self.blame("text follows the closing quote; a quote within quotes is written twice");
            self.push(start..after + length, Form::Quoted);
        }
        Some(after + length)
    }

    #[inline]
    fn push(&mut self, range: Range<usize>, form: Form) {
        // A line has at most LINE_BYTES.
        self.fields.push(Span { start: range.start as u32, end: range.end as u32, form });
    }

    /// Notes what is wrong with the field that is pushed next.
    fn blame(&mut self, problem: &'static str) {
        self.problem = self.problem.or(Some((self.fields.len(), problem)));
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// How many blanks the bytes begin with.
fn blanks(bytes: &[u8], delimiter: u8) -> usize {
    bytes.iter().take_while(|byte| is_blank(**byte) && **byte != delimiter).count()
}

/// The distance to the next delimiter, line break or the end.
#[inline]
fn plain_length(bytes: &[u8], delimiter: u8) -> usize {
    // Eight bytes at a time, as fields are too short for the calls of a search library.
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let ends = zero_bytes(word ^ (LOW_BITS * u64::from(delimiter)))
            | zero_bytes(word ^ (LOW_BITS * u64::from(b'\n')))
            | zero_bytes(word ^ (LOW_BITS * u64::from(b'\r')));
        if ends != 0 {
            return 8 * at + ends.trailing_zeros() as usize / 8;
        }
    }
    let end = rest.iter().position(|&byte| byte == delimiter || byte == b'\n' || byte == b'\r');
    bytes.len() - rest.len() + end.unwrap_or(rest.len())
}

/// The lowest bit of each byte of a word.
const LOW_BITS: u64 = u64::MAX / 0xFF;

/// The highest bits of the bytes that are zero. The lowest of these bits is right; above it, the
/// borrow may add others.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW_BITS) & !word & (LOW_BITS << 7)
}

/// The number of line breaks: LF, CRLF or CR.
fn line_breaks(bytes: &[u8]) -> u64 {
    let mut breaks = 0;
    let mut before = 0;
    for &byte in bytes {
        breaks += u64::from(byte == b'\r' || (byte == b'\n' && before != b'\r'));
        before = byte;
    }
    breaks
}

#[cfg(test)]
mod against_csv;
