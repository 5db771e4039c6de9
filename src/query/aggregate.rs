//! `Aggregate`: what is computed of many rows.

use std::fmt;
use std::str::FromStr;

use super::column::Column;
use super::order::Order;
use crate::error::{Error, Result};

/// What is computed of many rows: [`count`], [`count_of`], [`sum`], [`min`], [`max`], [`mean`].
///
/// Null is passed over, as in SQL: `count` counts rows, `count(x)` those in which `x` is not null, and `sum`, `min`, `max` and `mean` of no
/// value at all are null.
///
/// | | of | gives |
/// |---|---|---|
/// | `count`, `count(x)` | anything | `u64` |
/// | `sum(x)` | whole numbers | `i64` if so many rows of that type cannot go beyond it, else `i128`; `u128` of `u128` |
/// | `sum(x)` | floats | `f64`: the exact sum, rounded once |
/// | `mean(x)` | numbers | `f64`: the exact mean, rounded once |
/// | `min(x)`, `max(x)` | all but arrays | the field's type |
///
/// So no sum overflows unseen (one of `i128` or `u128` that goes beyond 128 bits is an error), and none depends on the order of the
/// rows or on how many threads there were. NaN is greater than all other numbers, and a sum with it is NaN.
///
/// Text form: `count`, `count(x)`, `mean(x)`, `mean(x) as average`.
///
/// ```
/// use drystone::query::{mean, Aggregate};
///
/// assert_eq!("mean(dep_delay) as delay".parse::<Aggregate>()?, mean("dep_delay").named("delay"));
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    pub(super) function: Function,
    pub(super) column: Option<Column>,
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Count,
    Sum,
    Min,
    Max,
    Mean,
}

/// How many rows there are.
pub fn count() -> Aggregate {
    Aggregate::new(Function::Count, None)
}

/// In how many rows the field is not null.
pub fn count_of(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Count, Some(column.into()))
}

/// The sum of a field of numbers.
pub fn sum(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Sum, Some(column.into()))
}

/// The least value of a field.
pub fn min(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Min, Some(column.into()))
}

/// The greatest value of a field.
pub fn max(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Max, Some(column.into()))
}

/// The mean of a field of numbers.
pub fn mean(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Mean, Some(column.into()))
}

impl Aggregate {
    pub(super) fn new(function: Function, column: Option<Column>) -> Aggregate {
        Aggregate { function, column, name: None }
    }

    /// The name of the field in the result; without one it is the text form, such as `mean(dep_delay)`.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Aggregate {
        self.name = Some(name.into());
        self
    }

    /// As what a result is sorted by, the least first.
    pub fn asc(self) -> Order {
        self.into()
    }

    /// As what a result is sorted by, the greatest first.
    pub fn desc(self) -> Order {
        self.asc().descending()
    }

    pub(super) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.call())
    }

    /// Whether both compute the same, whatever they are called.
    pub(super) fn is_same(&self, other: &Aggregate) -> bool {
        (self.function, &self.column) == (other.function, &other.column)
    }

    /// What it computes, without the name: `mean(dep_delay)`.
    fn call(&self) -> String {
        match &self.column {
            None => self.function.to_string(),
            Some(column) => format!("{}({column})", self.function),
        }
    }
}

impl Function {
    pub(super) fn of_name(name: &str) -> Option<Function> {
        let all = [Function::Count, Function::Sum, Function::Min, Function::Max, Function::Mean];
        let found = all.into_iter().find(|function| name.eq_ignore_ascii_case(function.name()));
        found.or(name.eq_ignore_ascii_case("avg").then_some(Function::Mean))
    }

    fn name(self) -> &'static str {
        match self {
            Function::Count => "count",
            Function::Sum => "sum",
            Function::Min => "min",
            Function::Max => "max",
            Function::Mean => "mean",
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.call())?;
        match &self.name {
            Some(name) => write!(f, " as {}", super::literal::quoted_name(name)),
            None => Ok(()),
        }
    }
}

impl FromStr for Aggregate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Aggregate> {
        super::parse::aggregate(text)
    }
}
