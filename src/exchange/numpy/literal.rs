//! Parses Python literals as they occur in headers of `.npy` files: texts, whole numbers, truth
//! values, lists, tuples and dicts. `dtype.rs` and the reader use it.

use crate::error::{Error, ErrorKind};
use crate::text_cursor::TextCursor;

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(u64),
    Bool(bool),
    /// A list or a tuple.
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

/// The limit of the depth of nested lists.
const DEPTH: usize = 16;

impl Literal {
    /// Parses a text that is one literal, with spaces around it. The error names the column.
    pub(super) fn parse(text: &str) -> Result<Literal, Error> {
        let mut parser = Parser { cursor: TextCursor::new(text) };
        let literal = parser.literal(DEPTH);
        parser.spaces();
        match literal {
            Some(literal) if parser.cursor.is_at_end() => Ok(literal),
            literal => {
                let expected = if literal.is_some() { "the end" } else { "the next part of a literal" };
                let problem = format!("expected {expected}");
                Err(parser.cursor.error_at(parser.cursor.at(), ErrorKind::Input, problem))
            }
        }
    }

    /// The value under this name in a dict.
    pub(super) fn get(&self, name: &str) -> Option<&Literal> {
        let Literal::Dict(entries) = self else { return None };
        entries.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Literal::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn number(&self) -> Option<u64> {
        if let Literal::Number(number) = self { Some(*number) } else { None }
    }

    pub(super) fn list(&self) -> Option<&[Literal]> {
        if let Literal::List(list) = self { Some(list) } else { None }
    }
}

/// A text in Python's quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for letter in text.chars() {
        if matches!(letter, '\'' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('\'');
    out
}

struct Parser<'t> {
    cursor: TextCursor<'t>,
}

impl Parser<'_> {
    fn literal(&mut self, depth: usize) -> Option<Literal> {
        let depth = depth.checked_sub(1)?;
        self.spaces();
        match self.cursor.peek()? {
            '\'' | '"' => self.text().map(Literal::Text),
            'u' | 'b' if self.cursor.rest()[1..].starts_with(['\'', '"']) => {
                self.cursor.skip(1);
                self.text().map(Literal::Text)
            }
            '0'..='9' => self.number().map(Literal::Number),
            '(' => self.list(')', depth),
            '[' => self.list(']', depth),
            '{' => self.dict(depth),
            _ if self.cursor.eat_text("True") => Some(Literal::Bool(true)),
            _ if self.cursor.eat_text("False") => Some(Literal::Bool(false)),
            _ => None,
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Option<Literal> {
        self.cursor.skip(1);
        let mut list = Vec::new();
        while !self.sign(close) {
            list.push(self.literal(depth)?);
            if !self.sign(',') {
                if !self.sign(close) {
                    return None;
                }
                break;
            }
        }
        // In Python, a number in brackets is a number. Here both are the same.
        Some(Literal::List(list))
    }

    fn dict(&mut self, depth: usize) -> Option<Literal> {
        self.cursor.skip(1);
        let mut entries = Vec::new();
        while !self.sign('}') {
            let key = self.literal(depth)?;
            if !self.sign(':') {
                return None;
            }
            entries.push((key, self.literal(depth)?));
            if !self.sign(',') {
                if !self.sign('}') {
                    return None;
                }
                break;
            }
        }
        Some(Literal::Dict(entries))
    }

    fn text(&mut self) -> Option<String> {
        let mut letters = self.cursor.rest().chars();
        let quote = letters.next()?;
        let mut text = String::new();
        loop {
            match letters.next()? {
                letter if letter == quote => break,
                '\\' => text.push(match letters.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'x' => code(&mut letters, 2)?,
                    'u' => code(&mut letters, 4)?,
                    'U' => code(&mut letters, 8)?,
                    letter @ ('\\' | '\'' | '"') => letter,
                    _ => return None,
                }),
                letter => text.push(letter),
            }
        }
        self.cursor.skip(self.cursor.rest().len() - letters.as_str().len());
        Some(text)
    }

    fn number(&mut self) -> Option<u64> {
        let number = self.cursor.take_while(|c| c.is_ascii_digit()).parse().ok()?;
        // Python 2 wrote 10L.
        self.cursor.eat('L');
        Some(number)
    }

    fn sign(&mut self, sign: char) -> bool {
        self.spaces();
        self.cursor.eat(sign)
    }

    fn spaces(&mut self) {
        self.cursor.take_while(char::is_whitespace);
    }
}

fn code(letters: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let number = (0..digits).try_fold(0, |number, _| Some(number << 4 | letters.next()?.to_digit(16)?));
    number.and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let header = "{'descr': [('x', '<i4'), (\"it's\", '|S2', (3L,))], 'fortran_order': False, 'shape': (7,), }   \n";
        let header = Literal::parse(header).unwrap();
        assert_eq!(header.get("shape"), Some(&Literal::List(vec![Literal::Number(7)])));
        assert_eq!(header.get("fortran_order"), Some(&Literal::Bool(false)));
        assert_eq!(header.get("descr").unwrap().list().unwrap()[1].list().unwrap()[0].text(), Some("it's"));
        assert_eq!(Literal::parse(&quoted("a'\\b é")).unwrap().text(), Some("a'\\b é"));
        assert_eq!(Literal::parse("'\\x41\\u00e9\\U0001F600'").unwrap().text(), Some("Aé😀"));
    }

    #[test]
    fn what_is_no_literal_is_nothing() {
        for text in [
            "",
            "(",
            "(1",
            "(1,,2)",
            "{1}",
            "{1:}",
            "'a",
            "'\\q'",
            "'\\ud800'",
            "1 2",
            "-1",
            "None",
            "[1)",
            "99999999999999999999",
            "u",
            "bé",
        ] {
            assert!(Literal::parse(text).is_err(), "{text}");
        }
        let error = Literal::parse(&"(".repeat(100_000)).unwrap_err();
        assert_eq!(error.to_string(), "column 17: expected the next part of a literal");
        let error = Literal::parse("(1, 2) 3").unwrap_err();
        assert_eq!(error.to_string(), "column 8: expected the end");
    }
}
