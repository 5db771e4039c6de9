//! The text form of predicates, fields, aggregates and orders: a descent over the tokens of `token.rs`.
//! An error shows the text, with a mark under the column at which it goes wrong.

use std::fmt::Display;
use std::sync::Arc;

use super::aggregate::{Aggregate, Function};
use super::column::{Column, col};
use super::literal::is_reserved;
use super::order::Order;
use super::predicate::{Check, Node, Operand, Predicate, Source, Test, With};
use super::token::{Lexed, Token, tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::record::Value;
use crate::schema::Type;

/// Brackets and nots within each other: each costs stack.
const DEPTH: usize = 200;

pub(super) fn predicate(text: &str) -> Result<Predicate> {
    whole(text, |parser| parser.or().map(Predicate))
}

pub(super) fn column(text: &str) -> Result<Column> {
    whole(text, Parser::column)
}

pub(super) fn aggregate(text: &str) -> Result<Aggregate> {
    whole(text, Parser::aggregate)
}

pub(super) fn aggregates(text: &str) -> Result<Vec<Aggregate>> {
    whole(text, |parser| parser.list(Parser::aggregate))
}

pub(super) fn columns(text: &str) -> Result<Vec<Column>> {
    whole(text, |parser| parser.list(Parser::column))
}

pub(super) fn order(text: &str) -> Result<Order> {
    whole(text, Parser::order)
}

pub(super) fn orders(text: &str) -> Result<Vec<Order>> {
    whole(text, |parser| parser.list(Parser::order))
}

fn whole<T>(text: &str, read: impl FnOnce(&mut Parser) -> Result<T>) -> Result<T> {
    let mut parser = Parser { text: text.into(), tokens: tokens(text)?, next: 0, depth: 0 };
    let read = read(&mut parser)?;
    if parser.peek() == &Token::End { Ok(read) } else { Err(parser.expected("the end")) }
}

/// An error that shows the text with a mark under the byte `at`.
#[cold]
pub(super) fn marked(text: &str, at: usize, kind: ErrorKind, problem: impl Display) -> Error {
    const BEFORE: usize = 60;
    const SHOWN: usize = 100;
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let column = text[start..at].chars().count();
    let place = match text[..start].matches('\n').count() {
        0 if !text.contains('\n') => format!("column {}", column + 1),
        lines => format!("line {}, column {}", lines + 1, column + 1),
    };
    // Of a long line, what is around the mark.
    let cut = column.saturating_sub(BEFORE);
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let shown: String = line.chars().skip(cut).take(SHOWN).map(plain).collect();
    let message = format!("{place}: {problem}\n  {shown}\n  {:>1$}", "^", column - cut + 1);
    Error::new(kind, message)
}

/// Goes down the tokens.
struct Parser {
    text: Arc<str>,
    /// The last one is the end.
    tokens: Vec<Lexed>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn or(&mut self) -> Result<Node> {
        let mut parts = vec![self.and()?];
        while self.eat_word("or") {
            parts.push(self.and()?);
        }
        Ok(Node::or(parts))
    }

    fn and(&mut self) -> Result<Node> {
        let mut parts = vec![self.not()?];
        while self.eat_word("and") {
            parts.push(self.not()?);
        }
        Ok(Node::and(parts))
    }

    fn not(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error(&format!("more than {DEPTH} brackets and nots within each other")));
        }
        let node = if self.eat_word("not") {
            self.not()?.not()
        } else if self.eat('(') {
            let inner = self.or()?;
            if !self.eat(')') {
                return Err(self.expected("a closing bracket, `and` or `or`"));
            }
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn test(&mut self) -> Result<Node> {
        let first = self.at();
        // A value may come first, and is then the right side of the mirrored comparison.
        if let Some(value) = self.value()? {
            let Token::Op(op) = self.peek().clone() else {
                return match value {
                    Value::Bool(true) => Ok(Node::And(Vec::new())),
                    Value::Bool(false) => Ok(Node::Or(Vec::new())),
                    _ => Err(self.expected("a comparison")),
                };
            };
            self.next += 1;
            let at = self.at();
            let column = self.column()?;
            let check = Check::Compare(op.mirrored(), Operand(With::Value(value)));
            return Ok(self.node(column, check, at, vec![first]));
        }
        let column = self.column()?;
        if let Token::Op(op) = *self.peek() {
            self.next += 1;
            let at = self.at();
            let with = match self.value()? {
                Some(value) => With::Value(value),
                None if self.begins_column() => With::Column(self.column()?),
                None => return Err(self.expected("a value or a field")),
            };
            return Ok(self.node(column, Check::Compare(op, Operand(with)), first, vec![at]));
        }
        if self.eat_word("is") {
            let negated = self.eat_word("not");
            if !self.eat_word("null") {
                return Err(self.expected(if negated { "`null`" } else { "`null` or `not null`" }));
            }
            let node = self.node(column, Check::Null, first, Vec::new());
            return Ok(if negated { node.not() } else { node });
        }
        let negated = self.eat_word("not");
        let node = if self.eat_word("between") {
            let (low_at, low) = self.needed_value()?;
            if !self.eat_word("and") {
                return Err(self.expected("`and` and the upper end"));
            }
            let (high_at, high) = self.needed_value()?;
            self.node(column, Check::Between([low, high]), first, vec![low_at, high_at])
        } else if self.eat_word("in") {
            let (mut values, mut places) = (Vec::new(), Vec::new());
            if !self.eat('(') {
                return Err(self.expected("the values, in brackets"));
            }
            loop {
                let (at, value) = self.needed_value()?;
                values.push(value);
                places.push(at);
                if self.eat(')') {
                    break;
                }
                if !self.eat(',') {
                    return Err(self.expected("a comma or a closing bracket"));
                }
            }
            self.node(column, Check::In(values), first, places)
        } else if self.eat_word("starts_with") || self.eat_words("starts", "with") {
            let (at, prefix) = self.needed_value()?;
            self.node(column, Check::StartsWith(prefix), first, vec![at])
        } else if negated {
            return Err(self.expected("`between`, `in` or `starts with`"));
        } else {
            let is_at_end = matches!(self.peek(), Token::End | Token::Sign(')'))
                || self.peeks_word("and")
                || self.peeks_word("or");
            if !is_at_end {
                let hint = if self.peeks_word("like") { "; for a prefix there is `starts with`" } else { "" };
                let wanted = "a comparison, `between`, `in`, `is null` or `starts with`";
                let problem = format!("expected {wanted}, found {}{hint}", self.found());
                return Err(self.error(&problem));
            }
            self.node(column, Check::True, first, Vec::new())
        };
        Ok(if negated { node.not() } else { node })
    }

    fn node(&self, column: Column, check: Check, at: usize, values: Vec<usize>) -> Node {
        let source = Some(Source { text: Arc::clone(&self.text), column: at, values });
        Node::Test(Box::new(Test { column, check, source }))
    }

    /// The value that comes next, if one does.
    fn value(&mut self) -> Result<Option<Value<'static>>> {
        let value = match self.peek() {
            Token::Value(value) => value.clone(),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Value::Null,
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Value::Bool(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Value::Bool(false),
            Token::Word(word) if word == "NaN" => Value::F64(f64::NAN),
            Token::Word(word) if word == "inf" => Value::F64(f64::INFINITY),
            Token::Sign('-') if self.word_after() == Some("inf") => {
                self.next += 1;
                Value::F64(f64::NEG_INFINITY)
            }
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(value))
    }

    fn needed_value(&mut self) -> Result<(usize, Value<'static>)> {
        let at = self.at();
        match self.value()? {
            Some(value) => Ok((at, value)),
            None => Err(self.expected("a value")),
        }
    }

    fn begins_column(&self) -> bool {
        match self.peek() {
            Token::Name(_) => true,
            Token::Word(word) => !is_reserved(word) || self.begins_at(),
            _ => false,
        }
    }

    fn begins_at(&self) -> bool {
        let bracket = self.tokens.get(self.next + 1).map(|lexed| &lexed.token);
        self.peeks_word("at") && bracket == Some(&Token::Sign('('))
    }

    fn column(&mut self) -> Result<Column> {
        if !self.begins_column() {
            let meant = if let Token::Value(Value::Text(_)) = self.peek() {
                "; a text in quotes is a value, a name with spaces stands in back quotes"
            } else {
                ""
            };
            let problem = format!("expected a field, found {}{meant}", self.found());
            return Err(self.error(&problem));
        }
        if self.begins_at() {
            return self.at_offset();
        }
        let (Token::Word(name) | Token::Name(name)) = self.peek() else {
            return Err(self.expected("a field"));
        };
        let column = col(name);
        self.next += 1;
        Ok(column)
    }

    /// `at(12, i16?)`
    fn at_offset(&mut self) -> Result<Column> {
        self.next += 2;
        let Token::Value(Value::Signed(offset)) = *self.peek() else {
            return Err(self.expected("a byte offset, as in at(12, i16)"));
        };
        let Ok(offset) = usize::try_from(offset) else {
            return Err(self.error("a byte offset is not below zero, and not that large"));
        };
        self.next += 1;
        if !self.eat(',') {
            return Err(self.expected("a comma and a type, as in at(12, i16)"));
        }
        let start = self.at();
        let mut end = start;
        while !matches!(self.peek(), Token::End | Token::Sign(')' | '?')) {
            end = self.tokens[self.next].end;
            self.next += 1;
        }
        let ty: Type = match self.text[start..end].parse() {
            Ok(ty) => ty,
            Err(error) => return Err(marked(&self.text, start, ErrorKind::Query, error)),
        };
        let nullable = self.eat('?');
        if !self.eat(')') {
            return Err(self.expected("a closing bracket"));
        }
        Ok(if nullable { Column::nullable_at_offset(offset, ty) } else { Column::at_offset(offset, ty) })
    }

    /// `count`, `count(x)`, `mean(x) as y`
    fn aggregate(&mut self) -> Result<Aggregate> {
        let function = match self.peek() {
            Token::Word(word) => Function::of_name(word),
            _ => None,
        };
        let Some(function) = function else {
            return Err(self.expected("count, sum(…), min(…), max(…) or mean(…)"));
        };
        self.next += 1;
        let aggregate = if self.eat('(') {
            if function == Function::Count && (self.eat('*') || self.peek() == &Token::Sign(')')) {
                Aggregate::new(function, None)
            } else {
                Aggregate::new(function, Some(self.column()?))
            }
            .then_close(self)?
        } else if function == Function::Count {
            Aggregate::new(function, None)
        } else {
            return Err(self.expected(&format!("a field in brackets, as in {function}(x)")));
        };
        if !self.eat_word("as") {
            return Ok(aggregate);
        }
        match self.peek() {
            Token::Word(name) | Token::Name(name) => {
                let aggregate = aggregate.named(name);
                self.next += 1;
                Ok(aggregate)
            }
            _ => Err(self.expected("a name")),
        }
    }

    /// `x`, `-x`, `x desc nulls last`, `-mean(x)`
    fn order(&mut self) -> Result<Order> {
        let descending = self.eat('-');
        let is_aggregate = match self.peek() {
            Token::Word(word) => {
                let bracket = self.tokens.get(self.next + 1).map(|lexed| &lexed.token);
                Function::of_name(word).is_some() && bracket == Some(&Token::Sign('('))
            }
            _ => false,
        };
        let mut order =
            if is_aggregate { Order::from(self.aggregate()?) } else { Order::from(self.column()?) };
        if descending || self.eat_word("desc") {
            order = order.descending();
        } else {
            self.eat_word("asc");
        }
        if self.eat_words("nulls", "first") {
            order = order.nulls_first();
        } else if self.eat_words("nulls", "last") {
            order = order.nulls_last();
        }
        Ok(order)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Parser) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(',') {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn peek(&self) -> &Token {
        // The end is never gone past: what eats a token has looked at it.
        self.tokens.get(self.next).map_or(&Token::End, |lexed| &lexed.token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |lexed| lexed.at)
    }

    fn word_after(&self) -> Option<&str> {
        match &self.tokens.get(self.next + 1)?.token {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    fn peeks_word(&self, wanted: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(wanted))
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        let found = self.peeks_word(wanted);
        self.next += usize::from(found);
        found
    }

    fn eat_words(&mut self, first: &str, second: &str) -> bool {
        let found =
            self.peeks_word(first) && self.word_after().is_some_and(|word| word.eq_ignore_ascii_case(second));
        self.next += 2 * usize::from(found);
        found
    }

    fn eat(&mut self, sign: char) -> bool {
        let found = self.peek() == &Token::Sign(sign);
        self.next += usize::from(found);
        found
    }

    fn found(&self) -> String {
        match self.tokens.get(self.next) {
            Some(Lexed { token, at, end }) if *token != Token::End => {
                format!("{:?}", crate::schema::text::shown(&self.text[*at..*end]))
            }
            _ => "the end".into(),
        }
    }

    fn expected(&self, what: &str) -> Error {
        self.error(&format!("expected {what}, found {}", self.found()))
    }

    fn error(&self, problem: &str) -> Error {
        marked(&self.text, self.at(), ErrorKind::Query, problem)
    }
}

impl Aggregate {
    fn then_close(self, parser: &mut Parser) -> Result<Aggregate> {
        if parser.eat(')') { Ok(self) } else { Err(parser.expected("a closing bracket")) }
    }
}
