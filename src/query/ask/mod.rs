//! What a query asks, in its own terms: fields, expressions, conditions, aggregates, orders. It
//! knows no table, and writes itself as text.

pub(super) mod aggregate;
pub(super) mod column;
pub(super) mod expr;
pub(super) mod literal;
pub(super) mod marked;
pub(super) mod order;
pub(super) mod predicate;
