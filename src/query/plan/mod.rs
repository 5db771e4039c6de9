//! What a query asks, bound to a table: which rows are read, what is tested of each, and what comes
//! out.

pub(super) mod access;
pub(super) mod bound;
pub(super) mod domain;
pub(super) mod filter;
pub(super) mod floor;
pub(super) mod indexes;
pub(super) mod job;
pub(super) mod part;
pub(super) mod ranges;
pub(super) mod shape;
