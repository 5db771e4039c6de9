//! The evaluator that queries are compared with: it evaluates a predicate, in a second form, on the
//! values of a row, one by one.

use std::cmp::Ordering;

use drystone::query::{Predicate, col};
use drystone::{Row, Value};

/// A predicate that can be made for the library, and evaluated here.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Compare(String, &'static str, Value<'static>),
    Fields(String, &'static str, String),
    Between(String, Value<'static>, Value<'static>),
    In(String, Vec<Value<'static>>),
    Null(String),
    Starts(String, String),
    Not(Box<Asked>),
    And(Vec<Asked>),
    Or(Vec<Asked>),
}

impl Asked {
    pub(super) fn predicate(&self) -> Predicate {
        match self {
            Asked::Compare(field, op, value) => {
                let (field, value) = (col(field), value.clone());
                match *op {
                    "=" => field.eq(value),
                    "!=" => field.ne(value),
                    "<" => field.lt(value),
                    "<=" => field.le(value),
                    ">" => field.gt(value),
                    _ => field.ge(value),
                }
            }
            Asked::Fields(left, op, right) => {
                let (left, right) = (col(left), col(right));
                match *op {
                    "=" => left.eq(right),
                    "!=" => left.ne(right),
                    "<" => left.lt(right),
                    "<=" => left.le(right),
                    ">" => left.gt(right),
                    _ => left.ge(right),
                }
            }
            Asked::Between(field, low, high) => col(field).between(low.clone(), high.clone()),
            Asked::In(field, values) => col(field).is_in(values.iter().cloned()),
            Asked::Null(field) => col(field).is_null(),
            Asked::Starts(field, prefix) => col(field).starts_with(prefix.as_str()),
            Asked::Not(inner) => !inner.predicate(),
            Asked::And(parts) => {
                parts.iter().map(Asked::predicate).reduce(|a, b| a & b).expect("at least one")
            }
            Asked::Or(parts) => {
                parts.iter().map(Asked::predicate).reduce(|a, b| a | b).expect("at least one")
            }
        }
    }

    /// True, false or unknown.
    pub(super) fn holds(&self, row: Row<'_>) -> Option<bool> {
        let of = |field: &String| row.get(field).unwrap();
        match self {
            Asked::Compare(field, op, value) => holds(op, compare(&of(field), value)?),
            Asked::Fields(left, op, right) => holds(op, compare(&of(left), &of(right))?),
            Asked::Between(field, low, high) => {
                let low = compare(&of(field), low).map(Ordering::is_ge);
                let high = compare(&of(field), high).map(Ordering::is_le);
                and([low, high])
            }
            Asked::In(field, values) => {
                or(values.iter().map(|value| compare(&of(field), value).map(Ordering::is_eq)))
            }
            Asked::Null(field) => Some(of(field).is_null()),
            Asked::Starts(field, prefix) => match of(field) {
                Value::Null => None,
                value => Some(value.as_str().unwrap().starts_with(prefix.as_str())),
            },
            Asked::Not(inner) => inner.holds(row).map(|holds| !holds),
            Asked::And(parts) => and(parts.iter().map(|part| part.holds(row))),
            Asked::Or(parts) => or(parts.iter().map(|part| part.holds(row))),
        }
    }
}

fn holds(op: &str, ordering: Ordering) -> Option<bool> {
    Some(match op {
        "=" => ordering.is_eq(),
        "!=" => ordering.is_ne(),
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        _ => ordering.is_ge(),
    })
}

fn and(parts: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let parts: Vec<Option<bool>> = parts.into_iter().collect();
    if parts.contains(&Some(false)) {
        Some(false)
    } else if parts.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn or(parts: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    and(parts.into_iter().map(|part| part.map(|holds| !holds))).map(|holds| !holds)
}

/// How two values compare, if neither is null.
pub(super) fn compare(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    if a.is_null() || b.is_null() {
        return None;
    }
    if let (Some(a), Some(b)) = (a.as_i128(), b.as_i128()) {
        return Some(a.cmp(&b));
    }
    if let (Value::F32(a), Value::F64(b)) = (a, b) {
        return Some(reals((*a).into(), (*b as f32).into()));
    }
    if let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) {
        return Some(reals(a, b));
    }
    Some(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        // Names of the enumeration in `random.rs`, which no other text begins like, in its order.
        (Value::Text(a), Value::Text(b)) if a.starts_with("e:") && b.starts_with("e:") => {
            let position = |name: &str| ["e:z", "e:b", "e:a", "e:ab"].iter().position(|there| *there == name);
            position(a).cmp(&position(b))
        }
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
        _ => panic!("{a} and {b} are not compared here"),
    })
}

fn reals(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(&b).unwrap(),
        (a, b) => a.cmp(&b),
    }
}
