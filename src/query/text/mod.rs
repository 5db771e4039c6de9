//! Parses the text form of queries. Only this room knows the grammar.

pub(super) mod parse;
pub(super) mod token;

use super::ask::aggregate::Aggregate;
use super::ask::expr::Expr;
use super::ask::order_by::Order;
use crate::error::Result;

/// Parses fields, separated by commas: `carrier, at(12, i16), floor(time, 1 h) as hour`.
///
/// ```
/// use drystone::query::{col, floor, parse_exprs};
///
/// let exprs = parse_exprs("carrier, floor(delay, 15) as step")?;
/// assert_eq!(exprs, [col("carrier").into(), floor("delay", 15).named("step")]);
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// # Errors
/// `Query`. The message marks the column of the mistake.
pub fn parse_exprs(text: &str) -> Result<Vec<Expr>> {
    parse::exprs(text)
}

/// Parses aggregates, separated by commas: `count, mean(dep_delay) as delay`.
///
/// ```
/// use drystone::query::{count, mean, parse_aggregates};
///
/// let aggregates = parse_aggregates("count, mean(delay) as average")?;
/// assert_eq!(aggregates, [count(), mean("delay").named("average")]);
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// # Errors
/// As for [`parse_exprs`].
pub fn parse_aggregates(text: &str) -> Result<Vec<Aggregate>> {
    parse::aggregates(text)
}

/// Parses orders, separated by commas: `-count, carrier`.
///
/// ```
/// use drystone::query::{col, parse_orders};
///
/// assert_eq!(parse_orders("-delay, carrier")?, [col("delay").desc(), col("carrier").asc()]);
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// # Errors
/// As for [`parse_exprs`].
pub fn parse_orders(text: &str) -> Result<Vec<Order>> {
    parse::orders(text)
}
