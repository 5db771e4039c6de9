//! The tokens of a query's text: words, values and signs. `parse.rs` uses them.

use crate::error::{ErrorKind, Result};
use crate::query::ask::expr::unit_nanos;
use crate::query::ask::predicate::Op;
use crate::record::Value;
use crate::schema::text::hex_bytes;
use crate::text_cursor::{TextCursor, is_identifier, is_word, marked};

#[derive(Clone, Debug, PartialEq)]
pub(in crate::query) enum Token {
    Word(String),
    /// A name in back quotes.
    Name(String),
    Value(Value<'static>),
    Op(Op),
    Sign(char),
    End,
}

/// A token, and where it begins and ends in the text, in bytes.
pub(in crate::query) struct Lexed {
    pub(in crate::query) token: Token,
    pub(in crate::query) at: usize,
    pub(in crate::query) end: usize,
}

/// The operators. Where one is the beginning of another, the longer one comes first.
const OPERATORS: [(&str, Op); 8] = [
    ("==", Op::Equal),
    ("=", Op::Equal),
    ("!=", Op::NotEqual),
    ("<>", Op::NotEqual),
    ("<=", Op::LessOrEqual),
    ("<", Op::Less),
    (">=", Op::GreaterOrEqual),
    (">", Op::Greater),
];

/// The tokens of a text. The last one is the end.
pub(in crate::query) fn tokens(text: &str) -> Result<Vec<Lexed>> {
    let mut cursor = TextCursor::new(text);
    let mut tokens = Vec::new();
    loop {
        cursor.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
        let at = cursor.at();
        let Some(token) = token(&mut cursor) else {
            let problem = match cursor.peek() {
                Some(quote @ ('\'' | '"' | '`')) => format!("the closing {quote} is missing"),
                Some('0'..='9') => "this is no number".into(),
                other => format!("{:?} has no meaning here", other.unwrap_or(' ').to_string()),
            };
            return Err(marked(text, at, ErrorKind::Query, problem));
        };
        let is_end = token == Token::End;
        tokens.push(Lexed { token, at, end: cursor.at() });
        if is_end {
            return Ok(tokens);
        }
    }
}

/// The next token. `None`, without a move, if there is none.
fn token(cursor: &mut TextCursor<'_>) -> Option<Token> {
    let Some(first) = cursor.peek() else { return Some(Token::End) };
    if let Some(value) = bytes(cursor).or_else(|| number(cursor)) {
        return Some(Token::Value(value));
    }
    if is_identifier(cursor.peek_word()) {
        return Some(Token::Word(cursor.take_while(is_word).to_owned()));
    }
    if let Some((_, op)) = OPERATORS.iter().find(|(text, _)| cursor.eat_text(text)) {
        return Some(Token::Op(*op));
    }
    match first {
        '\'' | '"' => cursor.quoted().map(|text| Token::Value(text.into())),
        '`' => cursor.quoted().map(Token::Name),
        '(' | ')' | ',' | '-' | '*' | '[' | ']' | '?' => {
            cursor.skip(1);
            Some(Token::Sign(first))
        }
        _ => None,
    }
}

/// `0x` and pairs of hexadecimal digits.
fn bytes(cursor: &mut TextCursor<'_>) -> Option<Value<'static>> {
    let bytes = hex_bytes(cursor.peek_word().strip_prefix("0x")?)?;
    cursor.take_while(is_word);
    Some(bytes.into())
}

/// A whole number, or a float if it has a point, an exponent or too many digits.
fn number(cursor: &mut TextCursor<'_>) -> Option<Value<'static>> {
    let has_digits = |cursor: &mut TextCursor<'_>| !cursor.take_while(|c| c.is_ascii_digit()).is_empty();
    let mut end = *cursor;
    end.eat('-');
    if !has_digits(&mut end) {
        return None;
    }
    let mut fraction = end;
    if fraction.eat('.') && has_digits(&mut fraction) {
        end = fraction;
    }
    let mut exponent = end;
    if exponent.eat('e') || exponent.eat('E') {
        let _ = exponent.eat('+') || exponent.eat('-');
        if has_digits(&mut exponent) {
            end = exponent;
        }
    }
    // A unit of time may follow its number directly: `1min`.
    let unit = end.peek_word();
    if !unit.is_empty() && unit_nanos(unit).is_none() {
        return None;
    }
    let text = cursor.up_to(&end);
    let value = match (text.parse::<i128>(), text.parse::<u128>()) {
        (Ok(number), _) => Value::Signed(number),
        (_, Ok(number)) => Value::Unsigned(number),
        _ => Value::F64(text.parse().ok()?),
    };
    *cursor = end;
    Some(value)
}
