//! Plans: a query bound to a table. Which rows are read, what is tested of each, and what is
//! returned. `query` calls it and hands the plan to `run`. Nothing here reads a row.

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
