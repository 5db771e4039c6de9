//! A predicate bound to a schema: names become offsets, values sets of ordinals, and `not` is
//! pushed down to the tests.
//!
//! A row is returned only if the predicate is true. So once no `not` remains, *unknown* may be
//! treated as false. Null is neither in the set of values for which a test is true nor in the set
//! for which it is false, except in `is null`.

use std::fmt;

use super::domain::{self, Sides};
use super::ranges::{Ranges, last_before, successor};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::query::ask::column::Place;
use crate::query::ask::predicate::{Check, Node, Op, Operand, Predicate, Test, With};
use crate::record::Value;
use crate::schema::text::write_bytes;
use crate::schema::{FieldDef, Schema, Type};
use crate::text_cursor::marked;

/// A condition on a row.
#[derive(Clone, Debug)]
pub(in crate::query) enum Filter {
    /// All of these hold.
    And(Vec<Filter>),
    /// At least one of these holds.
    Or(Vec<Filter>),
    /// The value of a field is in a set.
    In { place: Place, set: Ranges },
    /// Two fields compare like this, and neither is null.
    Pair { left: Place, op: Op, right: Place },
}

/// The deepest predicate that Rust code may build.
const DEPTH: usize = 1000;

impl Filter {
    pub(in crate::query) fn always() -> Filter {
        Filter::And(Vec::new())
    }

    pub(in crate::query) fn never() -> Filter {
        Filter::Or(Vec::new())
    }

    pub(in crate::query) fn is_always(&self) -> bool {
        matches!(self, Filter::And(parts) if parts.is_empty())
    }

    pub(in crate::query) fn is_never(&self) -> bool {
        matches!(self, Filter::Or(parts) if parts.is_empty())
    }

    pub(in crate::query) fn new(predicate: &Predicate, schema: &Schema) -> Result<Filter> {
        Binder { schema }.node(&predicate.0, false, 0)
    }

    /// All of these, simplified: one set for each field.
    pub(in crate::query) fn and(parts: Vec<Filter>) -> Filter {
        let mut all: Vec<Filter> = Vec::with_capacity(parts.len());
        let parts = parts.into_iter().flat_map(|part| match part {
            Filter::And(parts) => parts,
            other => vec![other],
        });
        for part in parts {
            if part.is_never() {
                return Filter::never();
            }
            if let Filter::In { place, set } = &part {
                let same = all.iter_mut().find_map(|other| match other {
                    Filter::In { place: there, set } if there.is_same(place) => Some(set),
                    _ => None,
                });
                if let Some(there) = same {
                    *there = there.intersection(set);
                    if there.is_empty() {
                        return Filter::never();
                    }
                    continue;
                }
            }
            all.push(part);
        }
        if all.len() == 1 { all.swap_remove(0) } else { Filter::And(all) }
    }

    /// At least one of these.
    fn or(parts: Vec<Filter>) -> Filter {
        let mut any: Vec<Filter> = Vec::with_capacity(parts.len());
        let parts = parts.into_iter().flat_map(|part| match part {
            Filter::Or(parts) => parts,
            other => vec![other],
        });
        for part in parts {
            if part.is_always() {
                return Filter::always();
            }
            if let Filter::In { place, set } = &part {
                let same = any.iter_mut().find_map(|other| match other {
                    Filter::In { place: there, set } if there.is_same(place) => Some(set),
                    _ => None,
                });
                if let Some(there) = same {
                    *there = there.union(set);
                    continue;
                }
            }
            any.push(part);
        }
        if any.iter().any(|part| matches!(part, Filter::In { set, .. } if set.is_all())) {
            return Filter::always();
        }
        if any.len() == 1 { any.swap_remove(0) } else { Filter::Or(any) }
    }

    /// The value of a field is in a set.
    pub(in crate::query) fn within(place: Place, set: Ranges) -> Filter {
        if set.is_empty() {
            Filter::never()
        } else if set.is_all() {
            Filter::always()
        } else {
            Filter::In { place, set }
        }
    }
}

struct Binder<'s> {
    schema: &'s Schema,
}

/// The values for which a test is true, and those for which it is false. Null is in neither, except
/// in `is null`.
struct Answer {
    yes: Ranges,
    no: Ranges,
}

impl Answer {
    fn unknown() -> Answer {
        Answer { yes: Ranges::none(), no: Ranges::none() }
    }
}

impl Binder<'_> {
    fn node(&self, node: &Node, negated: bool, depth: usize) -> Result<Filter> {
        if depth > DEPTH {
            bail!(Query, "a predicate has at most {DEPTH} levels");
        }
        let all = |parts: &[Node]| {
            parts.iter().map(|part| self.node(part, negated, depth + 1)).collect::<Result<Vec<_>>>()
        };
        match node {
            Node::And(parts) if negated => all(parts).map(Filter::or),
            Node::And(parts) => all(parts).map(Filter::and),
            Node::Or(parts) if negated => all(parts).map(Filter::and),
            Node::Or(parts) => all(parts).map(Filter::or),
            Node::Not(inner) => self.node(inner, !negated, depth + 1),
            Node::Test(test) => self.test(test, negated),
        }
    }

    fn test(&self, test: &Test, negated: bool) -> Result<Filter> {
        let place = test.column.place(self.schema).map_err(|error| at_column(test, error))?;
        if let Check::Compare(op, Operand(With::Column(other))) = &test.check {
            let right = other.place(self.schema).map_err(|error| at_value(test, 0, error))?;
            comparable(&place, &right).map_err(|error| at_column(test, error))?;
            let op = if negated { inverse(*op) } else { *op };
            return Ok(Filter::Pair { left: place, op, right });
        }
        let valid = domain::valid(&place.field);
        let Answer { yes, no } = Question { test, field: &place.field, valid }.answer()?;
        Ok(Filter::within(place, if negated { no } else { yes }))
    }
}

/// A test of one field with literals, while the values that pass it are found.
struct Question<'q> {
    test: &'q Test,
    field: &'q FieldDef,
    /// All values that are not null.
    valid: Ranges,
}

impl Question<'_> {
    fn answer(&self) -> Result<Answer> {
        match &self.test.check {
            Check::Null => {
                Ok(Answer { yes: self.valid.complement(self.field.width()), no: self.valid.clone() })
            }
            Check::Compare(op, Operand(With::Value(value))) => self.compare(*op, 0, value),
            Check::Compare(_, Operand(With::Column(_))) => Ok(Answer::unknown()),
            Check::Between([low, high]) => {
                // If the value is below a known bound, the answer is false whatever the other bound
                // is.
                let low = self.compare(Op::GreaterOrEqual, 0, low)?;
                let high = self.compare(Op::LessOrEqual, 1, high)?;
                Ok(Answer { yes: low.yes.intersection(&high.yes), no: low.no.union(&high.no) })
            }
            Check::In(values) => self.one_of(values),
            Check::StartsWith(prefix) if prefix.is_null() => Ok(Answer::unknown()),
            Check::StartsWith(prefix) => {
                let yes =
                    domain::beginning(self.field, prefix).map_err(|error| at_value(self.test, 0, error))?;
                Ok(self.of(yes))
            }
            Check::True => self.is_true(),
        }
    }

    /// The answer that is true for these values, and false for all others that are not null.
    fn of(&self, yes: Ranges) -> Answer {
        Answer { no: self.valid.intersection(&yes.complement(self.field.width())), yes }
    }

    /// A comparison with literal number `at` of the test.
    fn compare(&self, op: Op, at: usize, value: &Value<'_>) -> Result<Answer> {
        if value.is_null() { Ok(Answer::unknown()) } else { Ok(self.of(self.side(op, at, value)?)) }
    }

    fn side(&self, op: Op, at: usize, value: &Value<'_>) -> Result<Ranges> {
        let sides = domain::sides(self.field, value).map_err(|error| at_value(self.test, at, error))?;
        let Sides { less, equal, greater } = sides;
        Ok(match op {
            Op::Equal => equal,
            Op::NotEqual => less.union(&greater),
            Op::Less => less,
            Op::LessOrEqual => less.union(&equal),
            Op::Greater => greater,
            Op::GreaterOrEqual => equal.union(&greater),
        })
    }

    /// Whether the value is one of these. With a null among them, the answer is never false.
    fn one_of(&self, values: &[Value<'static>]) -> Result<Answer> {
        let known = values.iter().enumerate().filter(|(_, value)| !value.is_null());
        let sets = known.map(|(at, value)| self.side(Op::Equal, at, value));
        let yes = Ranges::union_of(sets.collect::<Result<Vec<_>>>()?);
        if values.iter().any(|value| value.is_null()) {
            return Ok(Answer { yes, no: Ranges::none() });
        }
        Ok(self.of(yes))
    }

    fn is_true(&self) -> Result<Answer> {
        if self.field.ty() != Type::Bool {
            let message = format!(
                "field {:?} is of type {}, which is not a bool; compare it with a value",
                self.field.name(),
                self.field.type_text()
            );
            return Err(at_column(self.test, Error::new(ErrorKind::Value, message)));
        }
        self.compare(Op::Equal, 0, &true.into())
    }
}

fn inverse(op: Op) -> Op {
    match op {
        Op::Equal => Op::NotEqual,
        Op::NotEqual => Op::Equal,
        Op::Less => Op::GreaterOrEqual,
        Op::LessOrEqual => Op::Greater,
        Op::Greater => Op::LessOrEqual,
        Op::GreaterOrEqual => Op::Less,
    }
}

/// An error unless two fields can be compared: both whole numbers, both floats, both text, both
/// bytes, or the same type.
fn comparable(left: &Place, right: &Place) -> Result<()> {
    let (a, b) = (left.field.ty(), right.field.ty());
    let is_float = |ty: &Type| matches!(ty, Type::F32 | Type::F64);
    let is_whole = |ty: &Type| ty.is_number() && !is_float(ty);
    let alike = a == b && !matches!(a, Type::Array(..))
        || is_whole(a) && is_whole(b)
        || is_float(a) && is_float(b)
        || matches!((a, b), (Type::Str(_), Type::Str(_)) | (Type::Bytes(_), Type::Bytes(_)));
    if !alike {
        bail!(
            Value,
            "fields {:?} ({}) and {:?} ({}) cannot be compared with each other",
            left.field.name(),
            left.field.type_text(),
            right.field.name(),
            right.field.type_text()
        );
    }
    Ok(())
}

fn at_column(test: &Test, error: Error) -> Error {
    match &test.source {
        Some(source) => {
            let message = marked(&source.text, source.column, error.kind(), &error).to_string();
            error.restated(message)
        }
        None => error.within(format_args!("predicate {test}")),
    }
}

fn at_value(test: &Test, value: usize, error: Error) -> Error {
    match &test.source {
        Some(source) => {
            let at = source.values.get(value).copied().unwrap_or(source.column);
            let message = marked(&source.text, at, error.kind(), &error).to_string();
            error.restated(message)
        }
        None => error.within(format_args!("predicate {test}")),
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: &[Filter], word: &str, f: &mut fmt::Formatter<'_>| {
            for (at, part) in parts.iter().enumerate() {
                let text = part.to_string();
                let brackets = matches!(part, Filter::Or(_) | Filter::And(_)) || text.contains(" or ");
                let (open, close) = if brackets { ("(", ")") } else { ("", "") };
                write!(f, "{}{open}{text}{close}", if at == 0 { "" } else { word })?;
            }
            Ok(())
        };
        match self {
            Filter::And(parts) if parts.is_empty() => f.write_str("everything"),
            Filter::Or(parts) if parts.is_empty() => f.write_str("nothing"),
            Filter::And(parts) => joined(parts, " and ", f),
            Filter::Or(parts) => joined(parts, " or ", f),
            Filter::In { place, set } => write_set(place, set, f),
            Filter::Pair { left, op, right } => {
                write!(f, "{} {op} {}", left.field.name(), right.field.name())
            }
        }
    }
}

/// A set as text: comparisons, with at most a few of its ranges.
fn write_set(place: &Place, set: &Ranges, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SHOWN: usize = 6;
    let field = &place.field;
    let (name, width) = (field.name(), field.width());
    let valid = domain::valid(field);
    if *set == valid {
        return write!(f, "{name} is not null");
    }
    if *set == valid.complement(width) {
        return write!(f, "{name} is null");
    }
    let scalar = domain::scalar(field.ty());
    let shown = |ordinal: &[u8]| {
        let mut stored = Vec::with_capacity(width);
        scalar.write_stored(ordinal, &mut stored);
        match field.load(&stored) {
            Ok(value) => crate::query::ask::literal::literal(&value),
            Err(_) => {
                let mut text = String::new();
                let _ = write_bytes(ordinal, &mut text);
                text
            }
        }
    };
    let (least, greatest) = match valid.as_slice() {
        [(least, end), ..] => (least.clone(), end.clone()),
        [] => (vec![0; width], None),
    };
    for (at, (from, to)) in set.as_slice().iter().enumerate() {
        if at > 0 {
            f.write_str(" or ")?;
        }
        if at == SHOWN {
            return write!(f, "{} more ranges", set.as_slice().len() - at);
        }
        let end_value = |end: &[u8]| shown(end);
        match (*from == least, *to == greatest) {
            _ if successor(from) == *to => write!(f, "{name} = {}", shown(from))?,
            (false, true) => write!(f, "{name} >= {}", shown(from))?,
            (true, false) => match to {
                Some(end) => write!(f, "{name} < {}", end_value(end))?,
                None => write!(f, "{name} <= {}", shown(&last_before(to, width)))?,
            },
            _ => write!(f, "{name} between {} and {}", shown(from), shown(&last_before(to, width)))?,
        }
    }
    Ok(())
}
