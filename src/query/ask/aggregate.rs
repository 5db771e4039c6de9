//! `Aggregate`: a value computed from many rows.

use std::fmt;

use super::column::Column;
use super::order::Order;

/// A value computed from many rows: [`count`], [`count_of`], [`count_distinct`], [`sum`], [`min`],
/// [`max`], [`mean`], [`first`], [`last`].
///
/// Null is skipped, as in SQL: `count` counts rows, `count(x)` those in which `x` is not null, and
/// `sum`, `min`, `max` and `mean` are null if there is no value. Only `first` and `last` do not
/// skip null: they are null if the field of that row is.
///
/// | | of | gives |
/// |---|---|---|
/// | `count`, `count(x)` | anything | `u64` |
/// | `count_distinct(x)` | anything | `u64`: the number of different values, exact |
/// | `sum(x)` | whole numbers | `i64` if the sum of that many rows of the type always fits, else `i128`; `u128` of `u128` |
/// | `sum(x)` | floats | `f64`: the exact sum, rounded once |
/// | `mean(x)` | numbers | `f64`: the exact mean, rounded once |
/// | `min(x)`, `max(x)` | all but arrays | the field's type |
/// | `first(x)`, `last(x)` | anything | the field's type: its value in the first or last row of the group, in the order of the table |
///
/// So no sum overflows silently (a sum of `i128` or `u128` that exceeds 128 bits is an error), and
/// no sum depends on the order of the rows or the number of threads. NaN is greater than all other
/// numbers, and a sum with it is NaN. All NaNs count as one distinct value, and 0.0 and -0.0 as
/// one.
///
/// `count_distinct` keeps every pair of a group and a value once: about 2 to 4 times the bytes of
/// the field and 8 more per pair. That counts towards
/// [`memory_bytes`](crate::query::Query::memory_bytes).
///
/// Text form: `count`, `count(x)`, `count_distinct(x)` or `count(distinct x)`, `mean(x)`, `mean(x)
/// as average`.
///
/// ```
/// use drystone::query::{mean, Aggregate};
///
/// assert_eq!("mean(dep_delay) as delay".parse::<Aggregate>()?, mean("dep_delay").named("delay"));
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Aggregate {
    pub(in crate::query) function: Function,
    pub(in crate::query) column: Option<Column>,
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::query) enum Function {
    Count,
    CountDistinct,
    Sum,
    Min,
    Max,
    Mean,
    First,
    Last,
}

/// The number of rows.
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut flights = write.create_dyn_table("flights", &schema)?;
/// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
/// # for (carrier, delay) in delays {
/// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
/// # }
/// # let flights = flights.as_table();
/// use drystone::query::count;
///
/// assert_eq!(flights.query().value(count())?, 4);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn count() -> Aggregate {
    Aggregate::new(Function::Count, None)
}

/// The number of rows in which the field is not null.
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut flights = write.create_dyn_table("flights", &schema)?;
/// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
/// # for (carrier, delay) in delays {
/// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
/// # }
/// # let flights = flights.as_table();
/// use drystone::query::count_of;
///
/// assert_eq!(flights.query().value(count_of("delay"))?, 3);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn count_of(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Count, Some(column.into()))
}

/// The sum of a field of numbers. It never overflows: see [`Aggregate`].
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut flights = write.create_dyn_table("flights", &schema)?;
/// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
/// # for (carrier, delay) in delays {
/// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
/// # }
/// # let flights = flights.as_table();
/// use drystone::query::sum;
///
/// assert_eq!(flights.query().value(sum("delay"))?, 155);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn sum(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Sum, Some(column.into()))
}

/// The least value of a field.
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut flights = write.create_dyn_table("flights", &schema)?;
/// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
/// # for (carrier, delay) in delays {
/// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
/// # }
/// # let flights = flights.as_table();
/// use drystone::query::min;
///
/// assert_eq!(flights.query().value(min("delay"))?, -5);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn min(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Min, Some(column.into()))
}

/// The greatest value of a field.
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut flights = write.create_dyn_table("flights", &schema)?;
/// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
/// # for (carrier, delay) in delays {
/// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
/// # }
/// # let flights = flights.as_table();
/// use drystone::query::max;
///
/// assert_eq!(flights.query().value(max("delay"))?, 90);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn max(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Max, Some(column.into()))
}

/// The mean of a field of numbers: exact, rounded once.
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut flights = write.create_dyn_table("flights", &schema)?;
/// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
/// # for (carrier, delay) in delays {
/// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
/// # }
/// # let flights = flights.as_table();
/// use drystone::query::mean;
///
/// let united = flights.query().filter("carrier = 'UA'".parse()?);
/// assert_eq!(united.value(mean("delay"))?, 32.5);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn mean(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Mean, Some(column.into()))
}

/// The number of different values of the field. Null is not counted.
///
/// The count is exact. It needs memory for every pair of a group and a value; see [`Aggregate`].
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "carrier: str[2], dest: str[3]?".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut flights = write.create_dyn_table("flights", &schema)?;
/// # let united = [("UA", Some("BOS")), ("UA", Some("BOS"))];
/// # let american = [("AA", Some("LAX")), ("AA", None)];
/// # for (carrier, dest) in united.into_iter().chain(american) {
/// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), dest.into()])?)?;
/// # }
/// # let flights = flights.as_table();
/// use drystone::query::count_distinct;
///
/// assert_eq!(flights.query().value(count_distinct("dest"))?, 2);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn count_distinct(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::CountDistinct, Some(column.into()))
}

/// The field in the first row of the group, in the order of the table: that of the key, or of the
/// row numbers. Null if it is null there.
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "at: u32 key, price: f64".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut trades = write.create_dyn_table("trades", &schema)?;
/// # for (at, price) in [(7, 12.5), (3, 10.0), (5, 11.0)] {
/// #     trades.insert(&RowBuf::from_values(&schema, [Value::from(at), price.into()])?)?;
/// # }
/// # let trades = trades.as_table();
/// use drystone::query::{first, last};
///
/// // Whatever the order in which the rows were inserted, `at` is the key.
/// assert_eq!(trades.query().value(first("price"))?, 10.0);
/// assert_eq!(trades.query().value(last("price"))?, 12.5);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn first(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::First, Some(column.into()))
}

/// The field in the last row of the group, in the order of the table; see [`first`].
///
/// ```
/// # use drystone::{Database, RowBuf, Schema, Value};
/// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut flights = write.create_dyn_table("flights", &schema)?;
/// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
/// # for (carrier, delay) in delays {
/// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
/// # }
/// # let flights = flights.as_table();
/// use drystone::query::last;
///
/// assert_eq!(flights.query().value(last("carrier"))?, "AA");
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn last(column: impl Into<Column>) -> Aggregate {
    Aggregate::new(Function::Last, Some(column.into()))
}

impl Aggregate {
    pub(in crate::query) fn new(function: Function, column: Option<Column>) -> Aggregate {
        Aggregate { function, column, name: None }
    }

    /// The name of the field in the result; without one it is the text form, such as
    /// `mean(dep_delay)`. As text it is `mean(dep_delay) as delay`. Two fields of one name are an
    /// error of kind `Schema`.
    ///
    /// ```
    /// use drystone::query::mean;
    ///
    /// assert_eq!(mean("delay").named("average").to_string(), "mean(delay) as average");
    /// ```
    pub fn named(mut self, name: impl Into<String>) -> Aggregate {
        self.name = Some(name.into());
        self
    }

    /// Sorts by this, in ascending order.
    ///
    /// ```
    /// use drystone::query::count;
    ///
    /// assert_eq!(count().asc().to_string(), "count");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn asc(self) -> Order {
        self.into()
    }

    /// Sorts by this, in descending order.
    ///
    /// ```
    /// use drystone::query::count;
    ///
    /// assert_eq!(count().desc().to_string(), "count desc");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn desc(self) -> Order {
        self.asc().descending()
    }

    pub(in crate::query) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.call())
    }

    /// Whether both compute the same, whatever they are called.
    pub(in crate::query) fn is_same(&self, other: &Aggregate) -> bool {
        (self.function, &self.column) == (other.function, &other.column)
    }

    /// What it computes, without the name: `mean(dep_delay)`.
    pub(in crate::query) fn call(&self) -> String {
        match &self.column {
            None => self.function.to_string(),
            Some(column) => format!("{}({column})", self.function),
        }
    }
}

impl Function {
    const ALL: [Function; 8] = [
        Function::Count,
        Function::CountDistinct,
        Function::Sum,
        Function::Min,
        Function::Max,
        Function::Mean,
        Function::First,
        Function::Last,
    ];

    pub(in crate::query) fn of_name(name: &str) -> Option<Function> {
        let found = Function::ALL.into_iter().find(|function| name.eq_ignore_ascii_case(function.name()));
        found.or(name.eq_ignore_ascii_case("avg").then_some(Function::Mean))
    }

    fn name(self) -> &'static str {
        match self {
            Function::Count => "count",
            Function::CountDistinct => "count_distinct",
            Function::Sum => "sum",
            Function::Min => "min",
            Function::Max => "max",
            Function::Mean => "mean",
            Function::First => "first",
            Function::Last => "last",
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
