//! What all workloads of a store share: its rows, the yardstick, and how a figure is kept. `run`
//! and `reads` measure with it.

use std::path::PathBuf;

use crate::arguments::Arguments;
use crate::data::{Result, Value, key_of_row};
use crate::figure::{Figure, Line, append, find};
use crate::sample::Samples;
use crate::show;
use crate::stores::Store;

/// The state of a run of one store.
pub(crate) struct Run<'a> {
    pub(crate) arguments: &'a Arguments,
    pub(crate) rows: u64,
    /// The yardstick: the values by row number.
    pub(crate) points: &'a [Value],
    pub(crate) folder: PathBuf,
}

impl Run<'_> {
    pub(crate) fn wants(&self, workload: &str) -> bool {
        self.arguments.workloads.is_empty() || self.arguments.workloads.iter().any(|name| name == workload)
    }

    /// Prints a figure, and keeps it.
    pub(crate) fn tell<S: Store>(&self, workload: &str, samples: Samples) -> Result<()> {
        let figure: Figure = samples.figure(S::NAME, self.rows, workload);
        if let Some(workload) = find(workload) {
            println!("  {:<46} {}", workload.title, show::long(workload, &figure));
        }
        append(&self.arguments.results, &Line::Figure(figure))
    }

    /// The key of a row in the store.
    pub(crate) fn key<S: Store>(&self, row: u64) -> u64 {
        if S::BY_ROW { row } else { key_of_row(row) }
    }
}
