//! `Job`: a planned query, ready to run. The planner makes it, `run` executes it.

use super::access::Plan;
use super::shape::{Shape, SortField};
use crate::table::Reader;

/// A query that is ready to run.
pub(in crate::query) struct Job<'t> {
    pub(in crate::query) reader: Reader<'t>,
    pub(in crate::query) plan: Plan,
    pub(in crate::query) shape: Shape,
    /// By fields of the rows of the table, or of the result if there are aggregates.
    pub(in crate::query) order: Vec<SortField>,
    pub(in crate::query) limit: Option<u64>,
    pub(in crate::query) threads: usize,
    pub(in crate::query) memory_bytes: usize,
}
