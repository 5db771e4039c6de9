//! The parser of predicates, fields, aggregates and orders: recursive descent over the tokens of
//! `token.rs`. An error shows the text, with a mark under the column of the mistake.

use std::str::FromStr;
use std::sync::Arc;

use super::token::{Lexed, Token, tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::query::ask::aggregate::{Aggregate, Function};
use crate::query::ask::column::{Column, col};
use crate::query::ask::expr::{Expr, Size, Step, floor, unit_nanos};
use crate::query::ask::order_by::Order;
use crate::query::ask::predicate::{Check, Node, Op, Operand, Predicate, Source, Test, With};
use crate::record::Value;
use crate::schema::Type;
use crate::text_cursor::marked;

/// The limit of nested brackets and `not`s: each takes stack.
const DEPTH: usize = 200;

impl FromStr for Predicate {
    type Err = Error;

    /// Parses the text form.
    ///
    /// # Errors
    /// `Query`. The message shows the text, with a mark under the column of the mistake.
    fn from_str(text: &str) -> Result<Predicate> {
        whole(text, |parser| parser.or().map(Predicate))
    }
}

impl FromStr for Column {
    type Err = Error;

    /// Parses the text form.
    ///
    /// # Errors
    /// `Query`. The message shows the text, with a mark under the column of the mistake.
    fn from_str(text: &str) -> Result<Column> {
        whole(text, Parser::column)
    }
}

impl FromStr for Expr {
    type Err = Error;

    /// Parses the text form.
    ///
    /// # Errors
    /// `Query`. The message shows the text, with a mark under the column of the mistake.
    fn from_str(text: &str) -> Result<Expr> {
        whole(text, Parser::expr)
    }
}

impl FromStr for Step {
    type Err = Error;

    /// Parses the text form.
    ///
    /// # Errors
    /// `Query`. The message shows the text, with a mark under the column of the mistake.
    fn from_str(text: &str) -> Result<Step> {
        whole(text, Parser::step)
    }
}

impl FromStr for Aggregate {
    type Err = Error;

    /// Parses the text form.
    ///
    /// # Errors
    /// `Query`. The message shows the text, with a mark under the column of the mistake.
    fn from_str(text: &str) -> Result<Aggregate> {
        whole(text, Parser::aggregate)
    }
}

impl FromStr for Order {
    type Err = Error;

    /// Parses the text form.
    ///
    /// # Errors
    /// `Query`. The message shows the text, with a mark under the column of the mistake.
    fn from_str(text: &str) -> Result<Order> {
        whole(text, Parser::order)
    }
}

/// Parses the parts of a list, separated by commas.
pub(in crate::query) fn exprs(text: &str) -> Result<Vec<Expr>> {
    whole(text, |parser| parser.list(Parser::expr))
}

pub(in crate::query) fn aggregates(text: &str) -> Result<Vec<Aggregate>> {
    whole(text, |parser| parser.list(Parser::aggregate))
}

pub(in crate::query) fn orders(text: &str) -> Result<Vec<Order>> {
    whole(text, |parser| parser.list(Parser::order))
}

fn whole<T>(text: &str, read: impl FnOnce(&mut Parser) -> Result<T>) -> Result<T> {
    let mut parser = Parser { text: text.into(), tokens: tokens(text)?, next: 0, depth: 0 };
    let read = read(&mut parser)?;
    if parser.peek() == &Token::End { Ok(read) } else { Err(parser.expected("the end")) }
}

/// A position in the tokens.
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
        if let Some(value) = self.value()? {
            return self.mirrored(value, first);
        }
        let column = self.column()?;
        if let Token::Op(op) = *self.peek() {
            self.next += 1;
            return self.comparison(column, op, first);
        }
        if self.eat_word("is") {
            return self.is_null(column, first);
        }
        let negated = self.eat_word("not");
        let node = if self.eat_word("between") {
            self.between(column, first)?
        } else if self.eat_word("in") {
            self.one_of(column, first)?
        } else if self.eat_word("starts_with") || self.eat_words("starts", "with") {
            let (at, prefix) = self.needed_value()?;
            self.node(column, Check::StartsWith(prefix), first, vec![at])
        } else if negated {
            return Err(self.expected("`between`, `in` or `starts with`"));
        } else {
            self.check_end()?;
            self.node(column, Check::True, first, Vec::new())
        };
        Ok(if negated { node.not() } else { node })
    }

    /// A comparison whose value comes first, `1 < x`, or `true` or `false` alone.
    fn mirrored(&mut self, value: Value<'static>, first: usize) -> Result<Node> {
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
        Ok(self.node(column, check, at, vec![first]))
    }

    /// The right side of a comparison: a value or a field.
    fn comparison(&mut self, column: Column, op: Op, first: usize) -> Result<Node> {
        let at = self.at();
        let with = match self.value()? {
            Some(value) => With::Value(value),
            None if self.begins_column() => With::Column(self.column()?),
            None => return Err(self.expected("a value or a field")),
        };
        Ok(self.node(column, Check::Compare(op, Operand(with)), first, vec![at]))
    }

    /// `is null` or `is not null`, after the `is`.
    fn is_null(&mut self, column: Column, first: usize) -> Result<Node> {
        let negated = self.eat_word("not");
        if !self.eat_word("null") {
            return Err(self.expected(if negated { "`null`" } else { "`null` or `not null`" }));
        }
        let node = self.node(column, Check::Null, first, Vec::new());
        Ok(if negated { node.not() } else { node })
    }

    /// `between 1 and 2`, after the `between`.
    fn between(&mut self, column: Column, first: usize) -> Result<Node> {
        let (low_at, low) = self.needed_value()?;
        if !self.eat_word("and") {
            return Err(self.expected("`and` and the upper end"));
        }
        let (high_at, high) = self.needed_value()?;
        Ok(self.node(column, Check::Between([low, high]), first, vec![low_at, high_at]))
    }

    /// `in (1, 2)`, after the `in`.
    fn one_of(&mut self, column: Column, first: usize) -> Result<Node> {
        let mut values = Vec::new();
        let mut places = Vec::new();
        if !self.eat('(') {
            return Err(self.expected("the values, in brackets"));
        }
        loop {
            let (at, value) = self.needed_value()?;
            values.push(value);
            places.push(at);
            if self.eat(')') {
                return Ok(self.node(column, Check::In(values), first, places));
            }
            if !self.eat(',') {
                return Err(self.expected("a comma or a closing bracket"));
            }
        }
    }

    /// An error unless a test may end here: the field before is a test by itself.
    fn check_end(&self) -> Result<()> {
        let is_at_end = matches!(self.peek(), Token::End | Token::Sign(')'))
            || self.peeks_word("and")
            || self.peeks_word("or");
        if is_at_end {
            return Ok(());
        }
        let hint = if self.peeks_word("like") { "; for a prefix there is `starts with`" } else { "" };
        let wanted = "a comparison, `between`, `in`, `is null` or `starts with`";
        Err(self.error(&format!("expected {wanted}, found {}{hint}", self.found())))
    }

    fn node(&self, column: Column, check: Check, at: usize, values: Vec<usize>) -> Node {
        let source = Some(Source { text: Arc::clone(&self.text), column: at, values });
        Node::Test(Box::new(Test { column, check, source }))
    }

    /// The next token as a value, if it is one.
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
            // All other words have a meaning only where no field can stand.
            Token::Word(word) => !begins_otherwise(word),
            _ => false,
        }
    }

    fn begins_at(&self) -> bool {
        self.peeks_word("at") && self.has_bracket()
    }

    /// Whether an opening bracket follows the next token, so that it is the name of a function.
    fn has_bracket(&self) -> bool {
        self.tokens.get(self.next + 1).map(|lexed| &lexed.token) == Some(&Token::Sign('('))
    }

    fn column(&mut self) -> Result<Column> {
        if !self.begins_column() {
            let problem = format!("expected a field, found {}{}", self.found(), self.meant());
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

    /// What was meant by a token that is no field, as far as can be guessed.
    fn meant(&self) -> String {
        // `not = 2` is read as the word `not`, and `true = 2` as a value.
        let last = self.tokens.get(self.next.saturating_sub(2)..=self.next).unwrap_or_default();
        let reserved = last.iter().rev().find_map(|lexed| match &lexed.token {
            Token::Word(word) if begins_otherwise(word) => Some(word),
            _ => None,
        });
        match (self.peek(), reserved) {
            (Token::Value(Value::Text(_)), _) => {
                "; a text in quotes is a value, a name with spaces stands in back quotes".into()
            }
            (_, Some(word)) => format!("; a field with the name {word} stands in back quotes: `{word}`"),
            _ => String::new(),
        }
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

    /// `x`, `x as y`, `floor(x, 1 min) as y`
    fn expr(&mut self) -> Result<Expr> {
        let expr = self.unnamed_expr()?;
        Ok(match self.name()? {
            Some(name) => expr.named(name),
            None => expr,
        })
    }

    fn unnamed_expr(&mut self) -> Result<Expr> {
        if !(self.peeks_word("floor") && self.has_bracket()) {
            return self.column().map(Expr::from);
        }
        self.next += 2;
        let column = self.column()?;
        if !self.eat(',') {
            return Err(self.expected("a comma and a step, as in floor(x, 1 min)"));
        }
        let step = self.step()?;
        if !self.eat(')') {
            return Err(self.expected("a closing bracket"));
        }
        Ok(floor(column, step))
    }

    /// `0.5`, `1 min`
    fn step(&mut self) -> Result<Step> {
        let at = self.at();
        let size = match *self.peek() {
            Token::Value(Value::Signed(whole)) => Size::Whole(whole),
            Token::Value(Value::F64(real)) => Size::Real(real),
            _ => return Err(self.expected("a number or a duration, as in 100, 0.5 or 1 min")),
        };
        let is_positive = match size {
            Size::Whole(whole) | Size::Nanos(whole) => whole > 0,
            Size::Real(real) => real > 0.0 && real.is_finite(),
        };
        if !is_positive {
            return Err(self.error("a step is a number above zero"));
        }
        self.next += 1;
        let Token::Word(unit) = self.peek() else { return Ok(Step(size)) };
        let Some(unit) = unit_nanos(unit) else {
            let months = ["month", "months", "year", "years"];
            let hint = if months.iter().any(|month| unit.eq_ignore_ascii_case(month)) {
                "; months and years differ in length"
            } else {
                ""
            };
            let wanted = "a unit of time (ns, us, ms, s, min, h or d) or the end of the step";
            let problem = format!("expected {wanted}, found {}{hint}", self.found());
            return Err(self.error(&problem));
        };
        self.next += 1;
        let nanos = match size {
            Size::Whole(whole) | Size::Nanos(whole) => whole.checked_mul(unit),
            Size::Real(real) => {
                let exact = real * unit as f64;
                let nanos = exact.round();
                // A fraction such as 0.1 is not exact, so the product may be slightly off.
                let is_whole = (exact - nanos).abs() <= 1e-9 * exact;
                (is_whole && (1.0..1e30).contains(&nanos)).then_some(nanos as i128)
            }
        };
        match nanos {
            Some(nanos) => Ok(Step(Size::Nanos(nanos))),
            None => {
                let problem = "this is no whole number of nanoseconds, or too long";
                Err(marked(&self.text, at, ErrorKind::Query, problem))
            }
        }
    }

    /// The name after `as`, if there is one.
    fn name(&mut self) -> Result<Option<String>> {
        if !self.eat_word("as") {
            return Ok(None);
        }
        match self.peek() {
            Token::Word(name) | Token::Name(name) => {
                let name = name.clone();
                self.next += 1;
                Ok(Some(name))
            }
            _ => Err(self.expected("a name")),
        }
    }

    /// `count`, `count(x)`, `count(distinct x)`, `mean(x) as y`
    fn aggregate(&mut self) -> Result<Aggregate> {
        let aggregate = self.unnamed_aggregate()?;
        Ok(match self.name()? {
            Some(name) => aggregate.named(name),
            None => aggregate,
        })
    }

    fn unnamed_aggregate(&mut self) -> Result<Aggregate> {
        let function = match self.peek() {
            Token::Word(word) => Function::of_name(word),
            _ => None,
        };
        let Some(mut function) = function else {
            return Err(self.expected(
                "count, count(…), count_distinct(…), sum(…), min(…), max(…), mean(…), first(…) or last(…)",
            ));
        };
        self.next += 1;
        if !self.eat('(') {
            if function == Function::Count {
                return Ok(Aggregate::new(function, None));
            }
            return Err(self.expected(&format!("a field in brackets, as in {function}(x)")));
        }
        if function == Function::Count {
            if self.eat('*') || self.peek() == &Token::Sign(')') {
                return Aggregate::new(function, None).then_close(self);
            }
            // A field may have that name.
            let after = self.tokens.get(self.next + 1).map(|lexed| &lexed.token);
            if self.peeks_word("distinct") && after != Some(&Token::Sign(')')) {
                self.next += 1;
                function = Function::CountDistinct;
            }
        }
        if self.peeks_word("floor") && self.has_bracket() {
            return Err(self.error("floor is for groups; an aggregate takes a field"));
        }
        Aggregate::new(function, Some(self.column()?)).then_close(self)
    }

    /// `x`, `-x`, `x desc nulls last`, `-mean(x)`, `floor(x, 1 min)`
    fn order(&mut self) -> Result<Order> {
        let descending = self.eat('-');
        let is_aggregate = matches!(self.peek(), Token::Word(word) if Function::of_name(word).is_some())
            && self.has_bracket();
        let mut order = if is_aggregate {
            Order::from(self.unnamed_aggregate()?)
        } else {
            Order::from(self.unnamed_expr()?)
        };
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
        // Never moves beyond the end: callers have looked at the token that they eat.
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
                format!("{:?}", crate::schema::shown(&self.text[*at..*end]))
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

/// Whether a word at the beginning of a test has another meaning than that of a field.
fn begins_otherwise(word: &str) -> bool {
    let words = ["not", "null", "true", "false"];
    words.iter().any(|other| word.eq_ignore_ascii_case(other)) || matches!(word, "NaN" | "inf")
}

impl Aggregate {
    fn then_close(self, parser: &mut Parser) -> Result<Aggregate> {
        if parser.eat(')') { Ok(self) } else { Err(parser.expected("a closing bracket")) }
    }
}
