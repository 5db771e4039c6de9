//! `TextCursor`: a position in a text, and errors that name a position by line and column. The
//! parsers of schemas, queries and NumPy headers use it. It knows no grammar.

use std::fmt::Display;

use crate::error::{Error, ErrorKind};

/// A position in a text. A copy of it is a place to come back to.
#[derive(Clone, Copy)]
pub(crate) struct TextCursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> TextCursor<'t> {
    pub(crate) fn new(text: &'t str) -> TextCursor<'t> {
        TextCursor { text, at: 0 }
    }

    /// The position, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// The next character.
    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The letters, digits and underscores that come next, maybe none.
    pub(crate) fn peek_word(&self) -> &'t str {
        let rest = self.rest();
        &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]
    }

    /// Moves over a number of bytes, which end between two characters.
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Moves over this character if it comes next.
    pub(crate) fn eat(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.skip(wanted.len_utf8());
        }
        found
    }

    /// Moves over this text if it comes next.
    pub(crate) fn eat_text(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.skip(wanted.len());
        }
        found
    }

    /// Moves over all characters that `belongs` accepts, and returns them.
    pub(crate) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !belongs(c)).unwrap_or(rest.len())];
        self.skip(taken.len());
        taken
    }

    /// Moves over a text in quotes, in which a doubled quote stands for one. `None`, without a
    /// move, if the closing quote is missing. The opening one must come next.
    pub(crate) fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest().char_indices();
        let (_, quote) = chars.next()?;
        while let Some((at, c)) = chars.next() {
            if c != quote {
                text.push(c);
            } else if chars.as_str().starts_with(quote) {
                text.push(quote);
                chars.next();
            } else {
                self.skip(at + quote.len_utf8());
                return Some(text);
            }
        }
        None
    }

    /// The text from this position up to a later one.
    pub(crate) fn up_to(&self, later: &TextCursor<'_>) -> &'t str {
        &self.text[self.at..later.at]
    }

    /// An error at a byte of the text: `column 7: expected a type`.
    #[cold]
    pub(crate) fn error_at(&self, at: usize, kind: ErrorKind, problem: impl Display) -> Error {
        Error::new(kind, format!("{}: {problem}", Place::new(self.text, at)))
    }
}

/// An error that shows the text, with a mark under the byte `at`.
#[cold]
pub(crate) fn marked(text: &str, at: usize, kind: ErrorKind, problem: impl Display) -> Error {
    const BEFORE: usize = 60;
    const SHOWN: usize = 100;
    let place = Place::new(text, at);
    let line = text[place.line_start..].lines().next().unwrap_or_default();
    // Show only the part of a long line around the mark.
    let cut = place.column.saturating_sub(BEFORE);
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let shown: String = line.chars().skip(cut).take(SHOWN).map(plain).collect();
    let message = format!("{place}: {problem}\n  {shown}\n  {:>1$}", "^", place.column - cut + 1);
    Error::new(kind, message)
}

/// A position as line and column. Shown without the line if the text has only one.
struct Place {
    line_start: usize,
    /// Lines before this one; `None` if the text has one line.
    lines: Option<usize>,
    /// Characters before it in its line.
    column: usize,
}

impl Place {
    fn new(text: &str, at: usize) -> Place {
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let lines = text.contains('\n').then(|| text[..line_start].matches('\n').count());
        Place { line_start, lines, column: text[line_start..at].chars().count() }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(lines) = self.lines {
            write!(f, "line {}, ", lines + 1)?;
        }
        write!(f, "column {}", self.column + 1)
    }
}

/// Whether a character can be part of a word: letters, digits and underscores.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a name can stand without quotes: a word that does not start with a digit.
pub(crate) fn is_identifier(name: &str) -> bool {
    name.chars().all(is_word) && name.chars().next().is_some_and(|first| !first.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_signs_and_quotes_are_read() {
        let mut cursor = TextCursor::new("Länge_1 >= \"a \"\"b\"\"\" 'x");
        assert_eq!(cursor.peek_word(), "Länge_1");
        let start = cursor;
        assert_eq!(cursor.take_while(is_word), "Länge_1");
        assert_eq!(start.up_to(&cursor), "Länge_1");
        assert!(!cursor.eat('>') && cursor.eat(' ') && cursor.eat_text(">=") && cursor.eat(' '));
        assert_eq!(cursor.quoted().as_deref(), Some("a \"b\""));
        assert!(cursor.eat(' '));
        assert_eq!(cursor.quoted(), None);
        assert_eq!((cursor.rest(), cursor.peek(), cursor.is_at_end()), ("'x", Some('\''), false));
    }

    #[test]
    fn errors_name_line_and_column() {
        let at = |text: &str, at| TextCursor::new(text).error_at(at, ErrorKind::Schema, "wrong").to_string();
        assert_eq!(at("é: i8", 2), "column 2: wrong");
        assert_eq!(at("a\nbc", 3), "line 2, column 2: wrong");
        assert_eq!(at("a\nbc", 4), "line 2, column 3: wrong");
        let marked = marked("x = 1\ny ? 2", 8, ErrorKind::Query, "wrong").to_string();
        assert_eq!(marked, "line 2, column 3: wrong\n  y ? 2\n    ^");
    }
}
