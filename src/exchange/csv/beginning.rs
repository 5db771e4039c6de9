//! The beginning of a CSV: lines to skip, the delimiter if it must be guessed, whether fields have
//! blanks around them, and the names of the columns.

use std::io::Read;

use super::split::{Lines, NOT_UTF8, Shape};
use super::{Delimiter, Options, bad_line};
use crate::error::{Result, bail};
use crate::exchange::column_names::{ColumnNames, name_columns, unnamed};
use crate::schema::Schema;
use crate::schema::calendar::parse_timestamp;

/// The delimiters that are guessed, the likeliest one first.
const CANDIDATES: [u8; 4] = *b",;\t|";
/// How many lines decide about the delimiter.
const LINES: usize = 20;

/// What is said if the names look like values.
pub(super) const LIKE_ROW: &str =
    "the first name in the header looks like a value; if the first line is a row, the input has no header";

/// What the beginning of an input says.
pub(super) struct Beginning {
    pub(super) columns: ColumnNames,
    /// The raw header, if there is one.
    pub(super) header: Option<Box<[u8]>>,
    /// Whether the first name looks like a value.
    pub(super) is_like_row: bool,
    /// Whether the line ends with a delimiter, so that the last column has no name. It is left out
    /// if it has no values either.
    pub(super) ends_unnamed: bool,
}

impl Options {
    /// Reads the beginning. The next line is the first row. Without a header the columns are named
    /// like the fields of the schema.
    pub(super) fn open<R: Read>(&self, input: R, schema: Option<&Schema>) -> Result<(Lines<R>, Beginning)> {
        self.check()?;
        let name = &self.common.name;
        let mut notes = Vec::new();
        let shape = match self.delimiter {
            Delimiter::Byte(byte) if self.trim => Shape::Trimmed(byte),
            Delimiter::Byte(byte) => Shape::Exact(byte),
            Delimiter::Guess => Shape::Exact(b','),
            Delimiter::Blanks => Shape::Blanks,
        };
        let mut lines = Lines::new(input, name, shape)?;
        lines.comment = self.comment.clone();
        lines.skip_raw(self.skip_lines)?;
        if self.delimiter == Delimiter::Guess {
            let byte = guess(&mut lines)?;
            lines.shape = if self.trim { Shape::Trimmed(byte) } else { Shape::Exact(byte) };
            if byte != b',' {
                lines.is_guessed = true;
                notes.push(format!(
                    "the delimiter is taken to be {}, as the {} has it",
                    shown_delimiter(byte),
                    if self.has_header { "header" } else { "first line" }
                ));
            }
        }
        if !lines.advance()? {
            let expected = if self.has_header { "with the names of the columns " } else { "" };
            bail!(Input, "{name} is empty; a line {expected}is expected");
        }
        if let Shape::Exact(byte) = lines.shape
            && has_blanks(&lines, self.has_header)
        {
            lines.shape = Shape::Trimmed(byte);
            lines.read_again();
            lines.advance()?;
            notes.push("blanks around the fields are left out, as around the names".into());
        }
        lines.has_header = self.has_header;
        let given = self.given_names(&lines, schema)?;
        let is_trimmed = |at: usize| lines.bytes(at).len() > given[at].len() && !lines.is_quoted(at);
        if self.has_header && (0..given.len()).any(is_trimmed) {
            notes.push("blanks around names in the header are left out".into());
        }
        let first = given.first().map_or("", |name| &**name);
        let is_like_row = self.has_header
            && (first.parse::<f64>().is_ok_and(f64::is_finite) || parse_timestamp(first).is_ok());
        let mut columns = name_columns(name, &given, &self.common.renames)?;
        let ends_unnamed = self.has_header
            && given.len() > 1
            && given.last().is_some_and(|name| name.is_empty())
            && columns.is_made.last() == Some(&true);
        if ends_unnamed {
            // Whether it is reported depends on its values.
            columns.notes.pop();
        }
        columns.notes.splice(..0, notes);
        let header = self.has_header.then(|| lines.raw().into());
        if !self.has_header {
            lines.read_again();
        }
        Ok((lines, Beginning { columns, header, is_like_row, ends_unnamed }))
    }

    /// The names of the columns, from the header or from the options and the schema.
    fn given_names<R>(&self, lines: &Lines<R>, schema: Option<&Schema>) -> Result<Vec<Box<str>>> {
        let texts = match lines.texts(lines.len()) {
            Ok(texts) => texts,
            Err(problem) => return Err(bad_line(lines, &problem)),
        };
        if !self.has_header {
            let fields = schema.map_or(&[][..], Schema::fields);
            let is_renamed = |name: &str| self.common.renames.iter().any(|(old, _)| **old == *name);
            let name = |at: usize| match (self.names.get(at), fields.get(at)) {
                // A column that is renamed is known by its number.
                _ if is_renamed(&unnamed(at)) => unnamed(at).into(),
                (Some(name), _) => name.clone(),
                (None, Some(field)) if self.names.is_empty() => field.name().into(),
                _ => unnamed(at).into(),
            };
            return Ok((0..lines.len()).map(name).collect());
        }
        let name = |at: usize| match texts.get(at) {
            // In quotes, blanks are part of a name.
            Some(text) if lines.is_quoted(at) => Ok(text.into()),
            Some(text) => Ok(text.trim().into()),
            None => Err(bad_line(lines, &(Some(at), NOT_UTF8.into()))),
        };
        (0..lines.len()).map(name).collect()
    }
}

/// The name of a delimiter in messages.
fn shown_delimiter(byte: u8) -> String {
    match byte {
        b'\t' => "a tab".into(),
        byte => format!("{:?}", char::from(byte)),
    }
}

/// Guesses the delimiter: the one that gives the first line several fields, and as many to most of
/// the next lines. Among several the one with the most fields, then one without a blank behind it,
/// then the likeliest one.
fn guess<R: Read>(lines: &mut Lines<R>) -> Result<u8> {
    lines.fill()?;
    let mut best = (b',', (false, 1, false));
    for candidate in CANDIDATES {
        let counts = lines.count_fields(candidate, LINES);
        let Some((&first, rest)) = counts.split_first() else { continue };
        let agreeing = rest.iter().filter(|count| **count == first).count();
        let is_even = 2 * agreeing >= rest.len();
        let rank = (is_even, first, !lines.has_next(&[candidate, b' ']));
        if first > 1 && rank > best.1 {
            best = (candidate, rank);
        }
    }
    Ok(best.0)
}

/// Whether the fields of a file have blanks around them, by its first line: a quote follows blanks,
/// or each name but the first has a blank before it.
fn has_blanks<R>(lines: &Lines<R>, is_header: bool) -> bool {
    let starts_blank = |at: usize| !lines.is_quoted(at) && lines.bytes(at).first() == Some(&b' ');
    let is_quoted = |at: usize| lines.bytes(at).trim_ascii_start().first() == Some(&b'"');
    let mut fields = 0..lines.len();
    fields.any(|at| starts_blank(at) && is_quoted(at))
        || (is_header && lines.len() > 1 && (1..lines.len()).all(starts_blank))
}
