//! Errors that show a text, with a mark under the mistake.

use std::fmt::Display;

use crate::error::{Error, ErrorKind};

/// An error that shows the text with a mark under the byte `at`.
#[cold]
pub(in crate::query) fn marked(text: &str, at: usize, kind: ErrorKind, problem: impl Display) -> Error {
    const BEFORE: usize = 60;
    const SHOWN: usize = 100;
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let column = text[start..at].chars().count();
    let place = match text[..start].matches('\n').count() {
        0 if !text.contains('\n') => format!("column {}", column + 1),
        lines => format!("line {}, column {}", lines + 1, column + 1),
    };
    // Show only the part of a long line around the mark.
    let cut = column.saturating_sub(BEFORE);
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let shown: String = line.chars().skip(cut).take(SHOWN).map(plain).collect();
    let message = format!("{place}: {problem}\n  {shown}\n  {:>1$}", "^", column - cut + 1);
    Error::new(kind, message)
}
