//! `Order`: a sort key of a result.

use std::fmt;

use super::aggregate::Aggregate;
use super::column::Column;
use super::expr::Expr;

/// A sort key of a result: a field or, in a result of groups, a grouping field or an aggregate.
///
/// A name refers to a field of the result, so a name given with `as` can be used. If the result has
/// no such field, it refers to a field of the table.
///
/// Ascending by default. Null counts as the lowest value, so it comes first in ascending order and
/// last in descending, as in SQLite. [`nulls_first`](Order::nulls_first) and
/// [`nulls_last`](Order::nulls_last) change that. Text form: `x`, `-x` or `x desc`, `-mean(x)`, `x
/// nulls last`.
///
/// ```
/// use drystone::query::{col, mean, Order};
///
/// assert_eq!("-dep_delay".parse::<Order>()?, Order::from("dep_delay").descending());
/// let order = Order::from(mean("dep_delay")).descending().nulls_first();
/// assert_eq!("mean(dep_delay) desc nulls first".parse::<Order>()?, order);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Order {
    pub(in crate::query) by: By,
    pub(in crate::query) is_descending: bool,
    /// Where null is sorted, if set.
    pub(in crate::query) nulls_last: Option<bool>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::query) enum By {
    Expr(Expr),
    Aggregate(Aggregate),
}

impl Order {
    fn new(by: By) -> Order {
        Order { by, is_descending: false, nulls_last: None }
    }

    /// Sorts in descending order.
    ///
    /// ```
    /// use drystone::query::Order;
    ///
    /// assert_eq!(Order::from("delay").descending(), "-delay".parse()?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn descending(mut self) -> Order {
        self.is_descending = true;
        self
    }

    /// Sorts null before all values.
    ///
    /// ```
    /// use drystone::query::Order;
    ///
    /// assert_eq!(Order::from("delay").nulls_first(), "delay nulls first".parse()?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn nulls_first(mut self) -> Order {
        self.nulls_last = Some(false);
        self
    }

    /// Sorts null after all values.
    ///
    /// ```
    /// use drystone::query::Order;
    ///
    /// assert_eq!(Order::from("delay").nulls_last(), "delay nulls last".parse()?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn nulls_last(mut self) -> Order {
        self.nulls_last = Some(true);
        self
    }

    pub(in crate::query) fn puts_nulls_last(&self) -> bool {
        self.nulls_last.unwrap_or(self.is_descending)
    }
}

impl<E: Into<Expr>> From<E> for Order {
    fn from(expr: E) -> Order {
        Order::new(By::Expr(expr.into()))
    }
}

/// Sorting.
impl Column {
    /// Sorts by this, in ascending order.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").asc(), "delay".parse()?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn asc(self) -> Order {
        self.into()
    }

    /// Sorts by this, in descending order.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").desc(), "-delay".parse()?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn desc(self) -> Order {
        self.asc().descending()
    }
}

/// Sorting.
impl Expr {
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
}

/// Sorting.
impl Aggregate {
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
}

impl From<Aggregate> for Order {
    fn from(aggregate: Aggregate) -> Order {
        Order::new(By::Aggregate(aggregate))
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            By::Expr(expr) => f.write_str(&expr.call())?,
            By::Aggregate(aggregate) => f.write_str(&aggregate.call())?,
        }
        f.write_str(if self.is_descending { " desc" } else { "" })?;
        match self.nulls_last {
            None => Ok(()),
            Some(true) => f.write_str(" nulls last"),
            Some(false) => f.write_str(" nulls first"),
        }
    }
}
