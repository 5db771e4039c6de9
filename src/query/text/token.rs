//! The tokens of a query's text: words, values and signs, read by `winnow`. `parse.rs` uses them.

use winnow::ascii::{digit1, multispace0};
use winnow::combinator::{alt, delimited, eof, not, opt, peek, preceded, repeat, terminated};
use winnow::error::{ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{none_of, one_of, take_while};

use crate::error::{ErrorKind, Result};
use crate::query::ask::expr::unit_nanos;
use crate::query::ask::literal::is_word;
use crate::query::ask::marked::marked;
use crate::query::ask::predicate::Op;
use crate::record::Value;
use crate::schema::text::hex_bytes;

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

type Input<'t> = LocatingSlice<&'t str>;
type Parsed<T> = winnow::Result<T, ErrMode<Unread>>;

/// No token can be read here. The caller finds out which mistake it is.
#[derive(Debug)]
struct Unread;

impl ParserError<Input<'_>> for Unread {
    type Inner = Unread;

    fn from_input(_: &Input<'_>) -> Unread {
        Unread
    }

    fn into_inner(self) -> winnow::Result<Unread, Unread> {
        Ok(self)
    }
}

/// The tokens of a text. The last one is the end.
pub(in crate::query) fn tokens(text: &str) -> Result<Vec<Lexed>> {
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        let blank: Parsed<&str> = multispace0.parse_next(&mut input);
        let at = input.current_token_start();
        match (blank, token.parse_next(&mut input)) {
            (Ok(_), Ok(token)) => {
                let is_end = token == Token::End;
                tokens.push(Lexed { token, at, end: input.current_token_start() });
                if is_end {
                    return Ok(tokens);
                }
            }
            _ => {
                let problem = match text[at..].chars().next() {
                    Some(quote @ ('\'' | '"' | '`')) => format!("the closing {quote} is missing"),
                    Some('0'..='9' | '-') => "this is no number".into(),
                    other => format!("{:?} has no meaning here", other.unwrap_or(' ').to_string()),
                };
                return Err(marked(text, at, ErrorKind::Query, problem));
            }
        }
    }
}

fn token(input: &mut Input<'_>) -> Parsed<Token> {
    alt((
        eof.value(Token::End),
        bytes,
        number,
        word,
        quoted('\'').map(|text| Token::Value(text.into())),
        quoted('"').map(|text| Token::Value(text.into())),
        quoted('`').map(Token::Name),
        operator.map(Token::Op),
        one_of(['(', ')', ',', '-', '*', '[', ']', '?']).map(Token::Sign),
    ))
    .parse_next(input)
}

/// A word does not start with a digit.
fn word(input: &mut Input<'_>) -> Parsed<Token> {
    let begins = |word: &&str| !word.starts_with(char::is_numeric);
    take_while(1.., is_word).verify(begins).map(|word: &str| Token::Word(word.to_owned())).parse_next(input)
}

/// Text in quotes. A doubled quote stands for one.
fn quoted<'t>(quote: char) -> impl Parser<Input<'t>, String, ErrMode<Unread>> {
    let inner = alt(((quote, quote).value(quote), none_of(quote)));
    delimited(quote, repeat(0.., inner), quote)
}

fn operator(input: &mut Input<'_>) -> Parsed<Op> {
    alt((
        "==".value(Op::Equal),
        "=".value(Op::Equal),
        "!=".value(Op::NotEqual),
        "<>".value(Op::NotEqual),
        "<=".value(Op::LessOrEqual),
        "<".value(Op::Less),
        ">=".value(Op::GreaterOrEqual),
        ">".value(Op::Greater),
    ))
    .parse_next(input)
}

fn bytes(input: &mut Input<'_>) -> Parsed<Token> {
    let digits = terminated(take_while(0.., |c: char| c.is_ascii_hexdigit()), not(one_of(is_word)));
    preceded("0x", digits)
        .verify_map(|digits: &str| hex_bytes(digits).map(|bytes| Token::Value(bytes.into())))
        .parse_next(input)
}

/// A whole number, or a float if it has a point, an exponent or too many digits.
fn number(input: &mut Input<'_>) -> Parsed<Token> {
    let fraction = (".", digit1);
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
    // A unit of time may follow its number directly: `1min`.
    let unit = take_while(1.., is_word).verify(|word: &str| unit_nanos(word).is_some()).void();
    (opt("-"), digit1, opt(fraction), opt(exponent), alt((not(one_of(is_word)), peek(unit))))
        .take()
        .verify_map(|text: &str| {
            let value = match (text.parse::<i128>(), text.parse::<u128>()) {
                (Ok(number), _) => Value::Signed(number),
                (_, Ok(number)) => Value::Unsigned(number),
                _ => Value::F64(text.parse().ok()?),
            };
            Some(Token::Value(value))
        })
        .parse_next(input)
}
