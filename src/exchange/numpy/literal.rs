//! Python literals, as far as headers of `.npy` files have them: texts, whole numbers, truth
//! values, lists, tuples, dicts.

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
    /// Reads a literal that is all of the text but for spaces.
    pub(super) fn parse(text: &str) -> Option<Literal> {
        let mut parser = Parser { rest: text };
        let literal = parser.literal(DEPTH)?;
        parser.spaces();
        parser.rest.is_empty().then_some(literal)
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

/// A text as Python writes it.
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
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn literal(&mut self, depth: usize) -> Option<Literal> {
        let depth = depth.checked_sub(1)?;
        self.spaces();
        match self.rest.chars().next()? {
            '\'' | '"' => self.text().map(Literal::Text),
            'u' | 'b' if self.rest[1..].starts_with(['\'', '"']) => {
                self.rest = &self.rest[1..];
                self.text().map(Literal::Text)
            }
            '0'..='9' => self.number().map(Literal::Number),
            '(' => self.list(')', depth),
            '[' => self.list(']', depth),
            '{' => self.dict(depth),
            _ if self.word("True") => Some(Literal::Bool(true)),
            _ if self.word("False") => Some(Literal::Bool(false)),
            _ => None,
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Option<Literal> {
        self.rest = &self.rest[1..];
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
        // In Python, a number in brackets is a number; here nothing turns on it.
        Some(Literal::List(list))
    }

    fn dict(&mut self, depth: usize) -> Option<Literal> {
        self.rest = &self.rest[1..];
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
        let mut letters = self.rest.chars();
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
        self.rest = letters.as_str();
        Some(text)
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        // Python 2 wrote 10L.
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        number.parse().ok()
    }

    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn sign(&mut self, sign: char) -> bool {
        self.spaces();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
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
            assert_eq!(Literal::parse(text), None, "{text}");
        }
        assert_eq!(Literal::parse(&"(".repeat(100_000)), None);
    }
}
