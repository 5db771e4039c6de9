//! A query that is ready to run.

use super::plan::Plan;
use super::shape::{Shape, SortField};
use crate::table::Reader;

/// A query that is ready to run.
pub(super) struct Job<'t> {
    pub(super) reader: Reader<'t>,
    pub(super) plan: Plan,
    pub(super) shape: Shape,
    /// Of rows of the table, or of the result where there are aggregates.
    pub(super) order: Vec<SortField>,
    pub(super) limit: Option<u64>,
    pub(super) threads: usize,
    pub(super) memory_bytes: usize,
}
