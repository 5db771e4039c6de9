//! The parts of a query: fields, expressions, predicates, aggregates, orders. They know no table,
//! and print as text.

pub(super) mod aggregate;
pub(super) mod column;
pub(super) mod expr;
pub(super) mod literal;
pub(super) mod order_by;
pub(super) mod predicate;
