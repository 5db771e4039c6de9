//! The text form of a schema, read and printed: `id: u64 key, x: i32, carrier: str[2], delay: i16?
//! = null`. Errors name the column (and line) at which the text goes wrong, what was expected
//! there, and what was found.

use std::fmt;
use std::str::FromStr;

use super::field::{self, FieldDef};
use super::messages::{nearest, shown};
use super::names::NameList;
use super::schema::{self, Schema};
use super::types::Type;
use super::words::{write_quoted, write_word};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{FIELDS, ROW_BYTES};
use crate::text_cursor::{TextCursor, is_identifier};

/// Reads a whole schema.
fn parse_schema(text: &str) -> Result<Schema> {
    let mut parser = Parser::new(text);
    let mut fields = Vec::new();
    let mut starts = Vec::new();
    let mut width = 0;
    // Beyond the limits reading stops, so that a long text does not cost more memory than a record
    // could have.
    while !parser.cursor.is_at_end() && fields.len() <= FIELDS && width <= ROW_BYTES {
        starts.push(parser.at());
        let field = parser.field()?;
        width += field.width();
        fields.push(field);
        if !parser.eat(',') && !parser.cursor.is_at_end() {
            return Err(parser.expected("a comma, or the end"));
        }
    }
    match schema::problem(&fields) {
        Some((None, problem)) => Err(parser.error(parser.at(), &problem)),
        Some((Some(blamed), problem)) => Err(parser.error(starts[blamed], &problem)),
        None => Schema::new(fields),
    }
}

/// A reader of the text form.
pub(super) struct Parser<'t> {
    /// Where the next token begins: white space and comments are skipped right after each token.
    cursor: TextCursor<'t>,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Parser<'t> {
        let mut parser = Parser { cursor: TextCursor::new(text) };
        parser.skip_blank();
        parser
    }

    fn field(&mut self) -> Result<FieldDef> {
        let start = self.at();
        let name = self.name()?;
        if !self.eat(':') {
            return Err(self.expected(&format!("a colon and a type after the name {name:?}")));
        }
        let type_at = self.at();
        let ty = self.ty()?;
        let nullable = self.eat('?');
        let key = self.word() == "key";
        if key {
            self.skip("key".len());
        }
        if let Some(problem) = field::problem(&name, &ty, nullable, key) {
            let name_is_wrong = field::problem(&name, &Type::U8, false, false).is_some();
            return Err(self.error(if name_is_wrong { start } else { type_at }, &problem));
        }
        let field = FieldDef::of(&name, ty, nullable, key)?;
        if self.eat('=') { self.default(field) } else { Ok(field) }
    }

    fn name(&mut self) -> Result<String> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let word = self.word();
        if !is_identifier(word) {
            return Err(
                self.expected("the name of a field (in quotes if it is not plain letters and digits)")
            );
        }
        self.skip(word.len());
        Ok(word.to_owned())
    }

    /// A type without the question mark.
    pub(super) fn ty(&mut self) -> Result<Type> {
        let start = self.at();
        let word = self.word();
        if word == "enum" {
            return self.enumeration();
        }
        let plain = Type::plain(word);
        if plain.is_none() && !matches!(word, "str" | "bytes") {
            return Err(self.no_type(word));
        }
        self.skip(word.len());
        if !self.eat('[') {
            return plain.ok_or_else(|| {
                self.error(start, &format!("{word} needs its length in bytes, such as {word}[16]"))
            });
        }
        let length = self.length()?;
        if !self.eat(']') {
            return Err(self.expected("a closing bracket after the length"));
        }
        match (word, plain.map(|plain| plain.number())) {
            ("str", _) => Ok(Type::Str(length)),
            ("bytes", _) => Ok(Type::Bytes(length)),
            (_, Some(Some(number))) => Ok(Type::Array(number, length)),
            _ => {
                Err(self.error(start, &format!("there are arrays of numbers only, and {word} is no number")))
            }
        }
    }

    /// The names of an enumeration, in brackets.
    fn enumeration(&mut self) -> Result<Type> {
        let start = self.at();
        self.skip("enum".len());
        if !self.eat('[') {
            return Err(self.error(start, "enum needs its names, such as enum[buy, sell]"));
        }
        let mut names = NameList::default();
        while !self.eat(']') {
            let at = self.at();
            let name = if self.rest().starts_with('"') {
                self.quoted()?
            } else {
                let word = self.word();
                if word.is_empty() {
                    return Err(self.expected(
                        "a name of the enumeration (in quotes if it is not plain letters and digits)",
                    ));
                }
                self.skip(word.len());
                word.to_owned()
            };
            names.push(&name).map_err(|error| self.error(at, &error.to_string()))?;
            if !self.eat(',') && !self.rest().starts_with(']') {
                return Err(self.expected("a comma, or a closing bracket after the last name"));
            }
        }
        let names = names.finish().map_err(|error| self.error(start, &error.to_string()))?;
        Ok(Type::Enum(names))
    }

    fn length(&mut self) -> Result<u16> {
        let digits = self.word();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.expected("a length from 1 to 65535"));
        }
        match digits.parse() {
            Ok(length @ 1..) => {
                self.skip(digits.len());
                Ok(length)
            }
            _ => Err(self.expected("a length from 1 to 65535")),
        }
    }

    /// The literal after the equals sign. What is in quotes is the text of a value; the bare word
    /// null is null.
    fn default(&mut self, field: FieldDef) -> Result<FieldDef> {
        let start = self.at();
        let is_text = matches!(field.ty(), Type::Str(_));
        let literal = if self.rest().starts_with('"') {
            self.quoted()?
        } else {
            let literal = self.bare_literal()?;
            if literal == "null" {
                let Some(null) = field.null().map(Vec::from) else {
                    let problem = format!("{} cannot be null; write {}? to allow it", field.ty(), field.ty());
                    return Err(self.error(start, &problem));
                };
                return field.with_default(Some(null));
            }
            if is_text {
                let problem = format!("a text must be quoted, such as \"{}\"", shown(literal));
                return Err(self.error(start, &problem));
            }
            literal.to_owned()
        };
        let mut stored = vec![0; field.width()];
        match field.parse_text(&literal, &mut stored) {
            Ok(()) => field.with_default(Some(stored)),
            Err(error) => Err(self.error(start, &format!("the default of {error}"))),
        }
    }

    /// A number, date or the like: up to white space, a comma or a comment; an array goes up to its
    /// closing bracket.
    fn bare_literal(&mut self) -> Result<&'t str> {
        let rest = self.rest();
        let length = if rest.starts_with('[') {
            rest.find(']').map(|end| end + 1)
        } else {
            rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | '#')).or(Some(rest.len()))
        };
        match length {
            None => Err(self.error(self.at(), "the closing bracket of this array is missing")),
            Some(0) => Err(self.expected("a default, such as 0 or null")),
            Some(length) => {
                self.skip(length);
                Ok(&rest[..length])
            }
        }
    }

    /// Text in quotes, in which a doubled quote is one.
    fn quoted(&mut self) -> Result<String> {
        match self.cursor.quoted() {
            Some(text) => {
                self.skip_blank();
                Ok(text)
            }
            None => Err(self.error(self.at(), "the closing quote of this text is missing")),
        }
    }

    /// An error unless all has been read.
    pub(super) fn end(&self) -> Result<()> {
        if self.cursor.is_at_end() { Ok(()) } else { Err(self.expected("the end")) }
    }

    fn at(&self) -> usize {
        self.cursor.at()
    }

    fn rest(&self) -> &'t str {
        self.cursor.rest()
    }

    fn word(&self) -> &'t str {
        self.cursor.peek_word()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.cursor.eat(wanted);
        if found {
            self.skip_blank();
        }
        found
    }

    fn skip(&mut self, bytes: usize) {
        self.cursor.skip(bytes);
        self.skip_blank();
    }

    fn skip_blank(&mut self) {
        self.cursor.take_while(char::is_whitespace);
        while self.cursor.peek() == Some('#') {
            self.cursor.take_while(|c| c != '\n');
            self.cursor.take_while(char::is_whitespace);
        }
    }

    fn no_type(&self, word: &str) -> Error {
        let meant = match word {
            "int" | "integer" | "long" => Some("i32 or i64".into()),
            "float" | "real" | "double" => Some("f32 or f64".into()),
            "string" | "text" | "char" | "varchar" => Some("str[N]".into()),
            "blob" | "binary" => Some("bytes[N]".into()),
            "datetime" | "time" => Some("timestamp".into()),
            "boolean" => Some("bool".into()),
            _ => nearest(word, Type::names()).filter(|_| !word.is_empty()).map(str::to_owned),
        };
        let meant = meant.map(|meant: String| format!("; did you mean {meant}?")).unwrap_or_default();
        let expected = "a type (bool, u8 to u128, i8 to i128, f32, f64, str[N], bytes[N], date, timestamp, uuid, enum[names])";
        self.error(self.at(), &format!("expected {expected}, found {}{meant}", self.found()))
    }

    fn expected(&self, what: &str) -> Error {
        self.error(self.at(), &format!("expected {what}, found {}", self.found()))
    }

    /// What stands here, for a message.
    fn found(&self) -> String {
        match (self.word(), self.rest().chars().next()) {
            ("", None) => "the end".into(),
            ("", Some(c)) => format!("{:?}", c.to_string()),
            (word, _) => format!("{:?}", shown(word)),
        }
    }

    fn error(&self, at: usize, problem: &str) -> Error {
        self.cursor.error_at(at, ErrorKind::Schema, problem)
    }
}

impl fmt::Display for FieldDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_word(self.name(), f)?;
        let null = if self.is_nullable() { "?" } else { "" };
        write!(f, ": {}{null}{}", self.ty(), if self.is_key() { " key" } else { "" })?;
        let Some(default) = self.default() else { return Ok(()) };
        f.write_str(" = ")?;
        if self.is_null(default) {
            return f.write_str("null");
        }
        let mut literal = String::new();
        self.write_text(default, &mut literal).map_err(|_| fmt::Error)?;
        match self.ty() {
            Type::Str(_) => write_quoted(&literal, f),
            // In quotes it is a name, and not null.
            Type::Enum(_) if literal == "null" => write_quoted(&literal, f),
            Type::Enum(_) => write_word(&literal, f),
            _ => f.write_str(&literal),
        }
    }
}

impl FromStr for Schema {
    type Err = Error;

    fn from_str(text: &str) -> Result<Schema> {
        parse_schema(text)
    }
}

impl FromStr for Type {
    type Err = Error;

    fn from_str(text: &str) -> Result<Type> {
        let mut parser = Parser::new(text);
        let ty = parser.ty()?;
        parser.end()?;
        Ok(ty)
    }
}
