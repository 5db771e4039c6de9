//! Names in the text form of a schema: written plainly where they are identifiers, else in quotes.

use std::fmt;

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a name can stand without quotes.
pub(super) fn is_identifier(name: &str) -> bool {
    name.chars().all(is_word) && name.chars().next().is_some_and(|first| !first.is_numeric())
}

/// Writes a name as it is, or in quotes if it is no identifier.
pub(super) fn write_word(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_identifier(name) { f.write_str(name) } else { write_quoted(name, f) }
}

pub(super) fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('"', "\"\""))
}
