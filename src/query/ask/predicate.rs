//! `Predicate`: a condition on a row, as a tree of tests, built in Rust or parsed from text.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};
use std::sync::Arc;

use super::column::Column;
use super::literal::literal;
use crate::record::Value;

/// A condition on a row: comparisons of fields, joined by and, or, not.
///
/// Built from [`Column`](crate::query::Column)s and joined by `&`, `|` and `!`, or parsed from its
/// text form. It names fields and knows no schema. Whether it fits a table is checked when the
/// query runs.
///
/// ```
/// use drystone::query::{col, Predicate};
///
/// let late = col("carrier").eq("UA") & (col("dep_delay").gt(60) | col("dep_delay").is_null());
/// assert_eq!(late.to_string(), "carrier = 'UA' and (dep_delay > 60 or dep_delay is null)");
/// let text = "carrier = 'UA' and (dep_delay > 60 or dep_delay is null)";
/// assert_eq!(text.parse::<Predicate>()?, late);
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// # Text form
///
/// | test | |
/// |---|---|
/// | `delay > 60` | also `=` `==` `!=` `<>` `<` `<=` `>=`; the value may come first: `60 < delay` |
/// | `delay > arr_delay` | two fields |
/// | `delay between 10 and 20` | both ends included |
/// | `carrier in ('UA', 'AA')` | |
/// | `delay is null`, `delay is not null` | |
/// | `tailnum starts with 'N1'` | text and bytes |
/// | `cancelled` | a `bool` field alone |
/// | `not …`, `… and …`, `… or …`, `( … )` | `not` binds strongest, then `and`, then `or`; also `not between`, `not in`, `not starts with` |
///
/// A field is its name (in back quotes if it is not a plain word) or `at(12, i16)`, a byte offset
/// and a type. A value is a number, a text in single or double quotes (a quote in it is doubled),
/// `true`, `false`, `null`, or `0x` and digits for bytes. Dates, timestamps and uuids are texts:
/// `time_hour >= '2013-07-04'`. Words may be in capitals.
///
/// # Meaning
/// - **Null** behaves as in SQL: a comparison with null is neither true nor false but unknown,
///   `not` leaves it unknown, and a row is returned only if the whole predicate is true. So `delay
///   > 60 or not delay > 60` skips the rows without a delay, `delay = null` skips all rows, and
///   `delay not in (1, null)` is never true. Only `is null` finds null.
/// - **Numbers** compare by value, exactly, also across types: `x < 300` is true for every `u8`, `x
///   = 2.5` for no whole number. Compared with an `f32` field, a literal with a point or an
///   exponent is first rounded to `f32`, as when it is stored.
/// - **NaN** is equal to itself and greater than all other numbers; 0.0 and -0.0 are equal.
/// - **Text** compares by its bytes, which for UTF-8 is the order of the code points.
/// - **Date and timestamp**: a date is compared as the midnight at which it begins, UTC.
#[derive(Clone, PartialEq)]
pub struct Predicate(pub(in crate::query) Node);

#[derive(Clone, PartialEq)]
pub(in crate::query) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Test(Box<Test>),
}

/// One field, and a condition on it.
#[derive(Clone)]
pub(in crate::query) struct Test {
    pub(in crate::query) column: Column,
    pub(in crate::query) check: Check,
    /// Its place in the text, if it was parsed from one.
    pub(in crate::query) source: Option<Source>,
}

#[derive(Clone, PartialEq)]
pub(in crate::query) enum Check {
    Compare(Op, Operand),
    Between([Value<'static>; 2]),
    In(Vec<Value<'static>>),
    Null,
    StartsWith(Value<'static>),
    /// A `bool` field alone.
    True,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::query) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a field is compared with: a value, or another field.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand(pub(in crate::query) With);

#[derive(Clone, Debug, PartialEq)]
pub(in crate::query) enum With {
    Value(Value<'static>),
    Column(Column),
}

/// The text that a test was parsed from.
#[derive(Clone)]
pub(in crate::query) struct Source {
    pub(in crate::query) text: Arc<str>,
    /// The byte at which the name of the field begins.
    pub(in crate::query) column: usize,
    /// Where each of the values begins.
    pub(in crate::query) values: Vec<usize>,
}

impl Predicate {
    pub(in crate::query) fn test(column: Column, check: Check) -> Predicate {
        Predicate(Node::Test(Box::new(Test { column, check, source: None })))
    }

    /// True if both are true. The same as `&`.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// let late = col("delay").gt(60).and(col("carrier").eq("UA"));
    /// assert_eq!(late.to_string(), "delay > 60 and carrier = 'UA'");
    /// ```
    #[must_use]
    pub fn and(self, other: Predicate) -> Predicate {
        Predicate(Node::and(vec![self.0, other.0]))
    }

    /// True if at least one is true. The same as `|`.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// let late = col("delay").gt(60).or(col("delay").is_null());
    /// assert_eq!(late.to_string(), "delay > 60 or delay is null");
    /// ```
    #[must_use]
    pub fn or(self, other: Predicate) -> Predicate {
        Predicate(Node::or(vec![self.0, other.0]))
    }
}

impl Node {
    pub(in crate::query) fn and(parts: Vec<Node>) -> Node {
        let mut all = Vec::with_capacity(parts.len());
        for part in parts {
            if let Node::And(parts) = part { all.extend(parts) } else { all.push(part) }
        }
        if all.len() == 1 { all.swap_remove(0) } else { Node::And(all) }
    }

    pub(in crate::query) fn or(parts: Vec<Node>) -> Node {
        let mut all = Vec::with_capacity(parts.len());
        for part in parts {
            if let Node::Or(parts) = part { all.extend(parts) } else { all.push(part) }
        }
        if all.len() == 1 { all.swap_remove(0) } else { Node::Or(all) }
    }

    pub(in crate::query) fn not(self) -> Node {
        // Unknown stays unknown, also after two nots.
        if let Node::Not(inner) = self { *inner } else { Node::Not(Box::new(self)) }
    }
}

impl Op {
    /// The equivalent operator for exchanged sides.
    pub(in crate::query) fn mirrored(self) -> Op {
        match self {
            Op::Equal | Op::NotEqual => self,
            Op::Less => Op::Greater,
            Op::LessOrEqual => Op::GreaterOrEqual,
            Op::Greater => Op::Less,
            Op::GreaterOrEqual => Op::LessOrEqual,
        }
    }

    pub(in crate::query) fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Op::Equal => ordering.is_eq(),
            Op::NotEqual => ordering.is_ne(),
            Op::Less => ordering.is_lt(),
            Op::LessOrEqual => ordering.is_le(),
            Op::Greater => ordering.is_gt(),
            Op::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl<'v, V: Into<Value<'v>>> From<V> for Operand {
    fn from(value: V) -> Operand {
        Operand(With::Value(value.into().into_owned()))
    }
}

impl From<Column> for Operand {
    fn from(column: Column) -> Operand {
        Operand(With::Column(column))
    }
}

impl BitAnd for Predicate {
    type Output = Predicate;

    fn bitand(self, other: Predicate) -> Predicate {
        self.and(other)
    }
}

impl BitOr for Predicate {
    type Output = Predicate;

    fn bitor(self, other: Predicate) -> Predicate {
        self.or(other)
    }
}

impl Not for Predicate {
    type Output = Predicate;

    fn not(self) -> Predicate {
        Predicate(self.0.not())
    }
}

impl PartialEq for Test {
    fn eq(&self, other: &Test) -> bool {
        (&self.column, &self.check) == (&other.column, &other.check)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Equal => "=",
            Op::NotEqual => "!=",
            Op::Less => "<",
            Op::LessOrEqual => "<=",
            Op::Greater => ">",
            Op::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(false, f)
    }
}

impl Test {
    fn write(&self, negated: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (column, not) = (&self.column, if negated { "not " } else { "" });
        match &self.check {
            Check::Compare(op, Operand(With::Value(value))) => {
                write!(f, "{not}{column} {op} {}", literal(value))
            }
            Check::Compare(op, Operand(With::Column(other))) => write!(f, "{not}{column} {op} {other}"),
            Check::Between([low, high]) => {
                write!(f, "{column} {not}between {} and {}", literal(low), literal(high))
            }
            Check::In(values) => {
                let values: Vec<String> = values.iter().map(literal).collect();
                write!(f, "{column} {not}in ({})", values.join(", "))
            }
            Check::Null => write!(f, "{column} is {not}null"),
            Check::StartsWith(prefix) => write!(f, "{column} {not}starts with {}", literal(prefix)),
            Check::True => write!(f, "{not}{column}"),
        }
    }
}

impl Node {
    /// Writes it with brackets where an operator around it binds stronger: `around` is 0 for or, 1
    /// for and, 2 for not.
    fn write(&self, around: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: &[Node], word: &str, own: u8, f: &mut fmt::Formatter<'_>| {
            // An empty `and` is true, an empty `or` is false.
            if parts.is_empty() {
                return f.write_str(if own == 1 { "true" } else { "false" });
            }
            if around > own {
                f.write_str("(")?;
            }
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                part.write(own + 1, f)?;
            }
            if around > own { f.write_str(")") } else { Ok(()) }
        };
        match self {
            Node::And(parts) => joined(parts, "and", 1, f),
            Node::Or(parts) => joined(parts, "or", 0, f),
            Node::Not(inner) => match &**inner {
                Node::Test(test) => test.write(true, f),
                inner => {
                    f.write_str("not ")?;
                    inner.write(2, f)
                }
            },
            Node::Test(test) => test.write(false, f),
        }
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(0, f)
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Predicate({self})")
    }
}
