//! Names in the text form of a schema: written plainly where they are identifiers, else in quotes.

use std::fmt;

use crate::text_cursor::is_identifier;

/// Writes a name as it is, or in quotes if it is no identifier.
pub(super) fn write_word(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_identifier(name) { f.write_str(name) } else { write_quoted(name, f) }
}

pub(super) fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('"', "\"\""))
}
