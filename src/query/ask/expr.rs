//! `Expr`: a field, or a field rounded down to steps, with a name in the result.

use std::fmt;
use std::time::Duration;

use super::column::Column;
use super::literal::quoted_name;
use super::order::Order;

/// A field of the rows, or [`floor`] of one, and its name in the result.
///
/// Made from anything that names a field (`"carrier"`, [`col`](crate::query::col),
/// [`at`](crate::query::at)) or by [`floor`]. [`named`](Expr::named) gives it another name in the
/// result.
///
/// Text form: `carrier`, `carrier as airline`, `floor(at, 1 min)`, `floor(price, 0.5) as bucket`.
///
/// ```
/// use drystone::query::{col, floor, Expr};
///
/// assert_eq!("floor(price, 0.5) as bucket".parse::<Expr>()?, floor("price", 0.5).named("bucket"));
/// assert_eq!("carrier as airline".parse::<Expr>()?, col("carrier").named("airline"));
/// assert_eq!(Expr::from("carrier").to_string(), "carrier");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Expr {
    pub(in crate::query) column: Column,
    pub(in crate::query) step: Option<Step>,
    name: Option<String>,
}

/// The field rounded down to a multiple of `step`: for groups of equal width, such as rows per
/// minute or prices in steps of 0.5.
///
/// - **Whole numbers** take a whole number as step, and round towards minus infinity: -1 in steps
///   of 100 is -100.
/// - **Floats** take any step. The result is the greatest multiple of the step that is not above
///   the value, and a step with few decimal digits counts as that decimal number: 0.3 in steps of
///   0.1 is 0.3. NaN and the infinities are unchanged, and so is a value whose neighbouring floats
///   are further away than the step.
/// - **Timestamps** take a [`Duration`] of whole microseconds and count from the epoch,
///   1970-01-01T00:00:00Z. **Dates** take whole days. Steps of 7 days begin on Thursdays, because
///   the epoch is a Thursday.
///
/// Null stays null. The type is that of the field. A value that rounds down below the range of its
/// type, such as the `i8` -128 in steps of 100, is an error of kind `Limit`.
///
/// ```
/// use std::time::Duration;
///
/// use drystone::query::{count, floor, last};
/// # use drystone::{Database, RowBuf, Schema, Timestamp, Value};
/// # let schema: Schema = "at: timestamp, price: f64".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut trades = write.create_dyn_table("trades", &schema)?;
/// # for (at, price) in [(1, 10.0), (59, 11.0), (61, 12.5)] {
/// #     let at = Timestamp::from_micros(at * 1_000_000);
/// #     trades.push(&RowBuf::from_values(&schema, [Value::from(at), price.into()])?)?;
/// # }
/// # let trades = trades.as_table();
///
/// let minute = floor("at", Duration::from_secs(60)).named("minute");
/// let rows = trades.query().group_by([minute]).aggregate([count(), last("price")]).run()?;
/// let lines: Vec<String> = rows.iter().map(|row| row.to_string()).collect();
/// assert_eq!(lines[0], "minute: 1970-01-01T00:00:00Z, count: 2, last(price): 11");
/// assert_eq!(lines[1], "minute: 1970-01-01T00:01:00Z, count: 1, last(price): 12.5");
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn floor(column: impl Into<Column>, step: impl Into<Step>) -> Expr {
    Expr { column: column.into(), step: Some(step.into()), name: None }
}

/// The width of the steps that [`floor`] rounds down to: a number, or a [`Duration`].
///
/// Text form: `100`, `0.5`, or a number and a unit of time: `ns`, `us` (also `µs`), `ms`, `s`,
/// `min` (also `m`), `h`, `d`, or their names such as `minutes`. Whether it fits the field is
/// checked when the query runs.
///
/// ```
/// use std::time::Duration;
///
/// use drystone::query::Step;
///
/// assert_eq!("1 min".parse::<Step>()?, Step::from(Duration::from_secs(60)));
/// assert_eq!("1.5h".parse::<Step>()?, Step::from(Duration::from_secs(5400)));
/// assert_eq!("0.5".parse::<Step>()?, Step::from(0.5));
/// assert_eq!("90 minutes".parse::<Step>()?.to_string(), "90 min");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step(pub(in crate::query) Size);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::query) enum Size {
    Whole(i128),
    Real(f64),
    /// A duration in nanoseconds.
    Nanos(i128),
}

impl Expr {
    /// Sets the name in the result. Without it, the name is that of the field, or the text form,
    /// such as `floor(at, 1 min)`.
    ///
    /// ```
    /// use drystone::query::floor;
    ///
    /// assert_eq!(floor("delay", 15).named("step").to_string(), "floor(delay, 15) as step");
    /// ```
    pub fn named(mut self, name: impl Into<String>) -> Expr {
        self.name = Some(name.into());
        self
    }

    /// Sorts by this, in ascending order.
    ///
    /// ```
    /// use drystone::query::floor;
    ///
    /// assert_eq!(floor("delay", 15).asc().to_string(), "floor(delay, 15)");
    /// ```
    pub fn asc(self) -> Order {
        self.into()
    }

    /// Sorts by this, in descending order.
    ///
    /// ```
    /// use drystone::query::floor;
    ///
    /// assert_eq!(floor("delay", 15).desc().to_string(), "floor(delay, 15) desc");
    /// ```
    pub fn desc(self) -> Order {
        self.asc().descending()
    }

    /// Its name in the result.
    pub(in crate::query) fn name(&self) -> String {
        match (&self.name, self.step) {
            (Some(name), _) => name.clone(),
            (None, None) => self.column.name(),
            (None, Some(_)) => self.call(),
        }
    }

    pub(in crate::query) fn is_floor(&self) -> bool {
        self.step.is_some()
    }

    /// Whether both compute the same, whatever their names are.
    pub(in crate::query) fn is_same(&self, other: &Expr) -> bool {
        (&self.column, self.step) == (&other.column, other.step)
    }

    /// What it computes, without the name.
    pub(in crate::query) fn call(&self) -> String {
        match self.step {
            None => self.column.to_string(),
            Some(step) => format!("floor({}, {step})", self.column),
        }
    }
}

impl<C: Into<Column>> From<C> for Expr {
    /// The field as it is.
    fn from(column: C) -> Expr {
        Expr { column: column.into(), step: None, name: None }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.call())?;
        match &self.name {
            Some(name) => write!(f, " as {}", quoted_name(name)),
            None => Ok(()),
        }
    }
}

macro_rules! whole_steps {
    ($($number:ty)*) => {$(
        impl From<$number> for Step {
            /// A step of a whole number.
            fn from(step: $number) -> Step {
                Step(Size::Whole(step.into()))
            }
        }
    )*};
}

whole_steps! { u8 u16 u32 u64 i8 i16 i32 i64 i128 }

impl From<f64> for Step {
    fn from(step: f64) -> Step {
        Step(Size::Real(step))
    }
}

impl From<Duration> for Step {
    fn from(step: Duration) -> Step {
        // A `Duration` has less than 2^64 seconds, so its nanoseconds fit.
        Step(Size::Nanos(step.as_nanos() as i128))
    }
}

/// Units of time: nanoseconds, and how the unit is written, the usual way first.
const UNITS: [(i128, &[&str]); 7] = [
    (86_400_000_000_000, &["d", "day", "days"]),
    (3_600_000_000_000, &["h", "hour", "hours", "hr", "hrs"]),
    (60_000_000_000, &["min", "minute", "minutes", "mins", "m"]),
    (1_000_000_000, &["s", "second", "seconds", "sec", "secs"]),
    (1_000_000, &["ms", "millisecond", "milliseconds", "msec"]),
    // The micro sign and the Greek letter mu look the same.
    (1_000, &["us", "µs", "μs", "microsecond", "microseconds", "usec"]),
    (1, &["ns", "nanosecond", "nanoseconds", "nsec"]),
];

/// The nanoseconds in a unit of time, if it is one.
pub(in crate::query) fn unit_nanos(unit: &str) -> Option<i128> {
    let is_it = |name: &&str| name.eq_ignore_ascii_case(unit);
    UNITS.iter().find(|(_, names)| names.iter().any(is_it)).map(|(nanos, _)| *nanos)
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Size::Whole(step) => step.fmt(f),
            Size::Real(step) => f.write_str(&super::literal::literal(&step.into())),
            Size::Nanos(nanos) => {
                // The largest unit in which it is a whole number.
                let fits = |(unit, _): &&(i128, &[&str])| nanos % unit == 0;
                let (unit, names) = UNITS.iter().find(fits).unwrap_or(&UNITS[UNITS.len() - 1]);
                write!(f, "{} {}", nanos / unit, names[0])
            }
        }
    }
}
