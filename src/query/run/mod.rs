//! Execution: the loops that run a plan over batches of rows, with groups, sums, sorting, threads,
//! and the rows of the answer. `query` calls it. Nothing here chooses what is read.

mod aggregates;
pub(super) mod batch;
mod change;
pub(super) mod distinct;
pub(super) mod ends;
pub(super) mod exact;
pub(super) mod extremes;
pub(super) mod fold;
pub(super) mod group;
pub(super) mod kernel;
pub(super) mod keys;
pub(super) mod pick;
pub(super) mod rows;
pub(super) mod scan;
pub(super) mod sort;
pub(super) mod steps;
pub(super) mod sums;
pub(super) mod threads;
