//! `Columns`: makes a record of a line of a CSV.

use std::io::{Read, Write};

use super::split::{Lines, NOT_UTF8, Problem};
use super::{Options, bad_line};
use crate::error::{Error, Result};
use crate::exchange::bad_lines::{BadLines, missing_value};
use crate::schema::{FieldDef, Schema, Type};

/// How the columns of a line become a record.
pub(super) struct Columns {
    pub(super) options: Options,
    pub(super) schema: Schema,
    /// For each column, the position of its field, unless the column is ignored.
    pub(super) fields: Box<[Option<u16>]>,
    /// Whether there are fields without a column.
    pub(super) has_absent: bool,
    /// A column that must be empty: it has no name, as the header ends with a delimiter.
    pub(super) unnamed: Option<usize>,
}

/// What is wrong with a line.
pub(super) enum BadLine {
    /// It cannot be split into text.
    Line(Problem),
    /// The text of a column is not a value of its field. The error names the field.
    Value(usize, Error),
}

impl Columns {
    /// Reads the next line that is not bad. Returns `false` at the end.
    pub(super) fn read_next<R: Read>(
        &self,
        lines: &mut Lines<R>,
        bad_lines: &mut BadLines<impl Write>,
        record: &mut [u8],
    ) -> Result<bool> {
        self.schema.check_width(record.len())?;
        while lines.advance()? {
            match self.read_line(lines, record) {
                Ok(()) => return Ok(true),
                Err(bad) => {
                    let line_break: &[u8] = if lines.is_crlf() { b"\r\n" } else { b"\n" };
                    bad_lines.take(lines.raw(), line_break, || line_error(lines, bad))?;
                }
            }
        }
        Ok(false)
    }

    /// Reads the current line.
    pub(super) fn read_line<R>(&self, lines: &Lines<R>, record: &mut [u8]) -> Result<(), BadLine> {
        let texts = lines.texts(self.fields.len()).map_err(BadLine::Line)?;
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
            if self.options.is_missing(text) && !self.is_value(lines, field, column, text, out) {
                let Some(null) = field.null() else {
                    return Err(BadLine::Value(column, missing_value(field, text)));
                };
                out.copy_from_slice(null);
            } else if let Err(error) = field.parse_text_by(&self.options.common.rules, text, out) {
                match field.null().filter(|_| self.is_blank(lines, field, column, text)) {
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
    fn is_blank<R>(&self, lines: &Lines<R>, field: &FieldDef, column: usize, text: &str) -> bool {
        !is_text(field) && !lines.is_quoted(column) && self.options.is_missing(text.trim())
    }

    /// Whether a spelling of a missing value is a value here: quoted, or in a text field that is
    /// not nullable. If so, stores it.
    fn is_value<R>(
        &self,
        lines: &Lines<R>,
        field: &FieldDef,
        column: usize,
        text: &str,
        out: &mut [u8],
    ) -> bool {
        (lines.is_quoted(column) || (is_text(field) && !field.is_nullable()))
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

fn is_text(field: &FieldDef) -> bool {
    matches!(field.ty(), Type::Str(_) | Type::Enum(_))
}
