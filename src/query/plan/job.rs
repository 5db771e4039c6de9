//! `Job`: a planned query, ready to run. The planner makes it, `run` executes it.

use std::time::{Duration, Instant};

use super::access::Plan;
use super::shape::{Shape, SortField};
use crate::error::{Result, bail};
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
    pub(in crate::query) time: Deadline,
}

/// When a query has to be done.
#[derive(Clone, Copy)]
pub(in crate::query) struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// So long from now, if there is a limit.
    pub(in crate::query) fn after(limit: Option<Duration>) -> Deadline {
        Deadline(limit.map(|limit| (Instant::now(), limit)))
    }

    /// An error if the time is over. Asked once for each leaf.
    pub(in crate::query) fn check(self) -> Result<()> {
        match self.0 {
            Some((begun, limit)) if begun.elapsed() >= limit => {
                bail!(
                    Limit,
                    "the query takes longer than its limit of {limit:?}; read fewer rows, or raise time_limit"
                )
            }
            _ => Ok(()),
        }
    }
}
