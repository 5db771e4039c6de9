//! A check in progress, and its report.

use std::fmt;

use crate::commit::Meta;
use crate::error::Error;
use crate::space::Allocator;

/// What [`Database::check`](crate::Database::check) found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// All problems, up to 10,000; empty if the database is sound.
    pub problems: Vec<Problem>,
    /// Tables read.
    pub tables: u64,
    /// Indexes compared with their tables.
    pub indexes: u64,
    /// Rows read.
    pub rows: u64,
    /// Leaves and branches read.
    pub nodes: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl CheckReport {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One fault that a check found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Problem {
    /// The page, counted from 0 in units of 4,096 bytes, if the fault is in one.
    pub page: Option<u64>,
    /// The table, if the fault is in one.
    pub table: Option<String>,
    /// What is wrong.
    pub error: Error,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.error.to_string();
        let table = self.table.as_ref().map(|table| format!("table {table:?}: ")).unwrap_or_default();
        if !error.starts_with(&table) {
            f.write_str(&table)?;
        }
        if let Some(page) = self.page
            && !error.contains(&format!("page {page} "))
        {
            write!(f, "page {page}: ")?;
        }
        f.write_str(&error)
    }
}

/// The greatest number of problems in a report. The last one says that there are more: a forged
/// file could have millions.
const PROBLEMS: usize = 10_000;
const LAST_PROBLEM: usize = PROBLEMS - 1;

/// A check in progress.
pub(super) struct Check<P> {
    pub(super) report: CheckReport,
    /// The pages of all nodes that were found.
    pub(super) taken: Allocator,
    /// Bytes of the file.
    pub(super) total: u64,
    /// The index that is being checked.
    pub(super) index: Option<String>,
    pub(super) progress: P,
}

impl<P: FnMut(u64, u64)> Check<P> {
    pub(super) fn new(meta: &Meta, progress: P) -> Check<P> {
        Check {
            report: CheckReport::default(),
            taken: Allocator::new(meta.transaction),
            total: meta.file_bytes,
            index: None,
            progress,
        }
    }

    pub(super) fn problem(&mut self, page: Option<u64>, table: Option<&str>, error: Error) {
        let error = match self.index.as_ref().map(|index| format!("index {index:?}")) {
            Some(index) if !error.to_string().starts_with(&index) => error.within(index),
            _ => error,
        };
        let error = match self.report.problems.len() {
            PROBLEMS.. => return,
            LAST_PROBLEM => Error::new(error.kind(), "there are more problems, which are not listed"),
            _ => error,
        };
        self.report.problems.push(Problem { page, table: table.map(str::to_owned), error });
    }
}
