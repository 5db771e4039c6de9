//! What the caller of a bulk load says, and what it gets to know.

use std::path::PathBuf;

/// How a bulk load treats memory, duplicates, and the rows that are there.
///
/// ```
/// use drystone::{LoadOptions, OnDuplicate};
///
/// let options = LoadOptions::new().on_duplicate(OnDuplicate::Last).memory_bytes(64 << 20);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct LoadOptions {
    pub(super) on_duplicate: OnDuplicate,
    pub(super) replace: bool,
    pub(super) memory_bytes: usize,
    pub(super) scratch: Option<PathBuf>,
}

/// What a bulk load does with a second row of one key. The rows that the table has count as the first ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// The load fails, naming the key and both places.
    #[default]
    Error,
    /// The first one stays.
    First,
    /// The last one stays.
    Last,
}

/// What a bulk load did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Records that the source gave.
    pub read: u64,
    /// Of those, duplicates that were dropped, or replaced by later ones.
    pub duplicates: u64,
    /// Rows that the table has now.
    pub rows: u64,
    /// Whether the records came in key order (always so where there is no key).
    pub in_order: bool,
    /// Sorted runs that had to go to temporary files.
    pub spilled_runs: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions::new()
    }
}

impl LoadOptions {
    /// Fails on duplicates, adds to what is there, sorts within 256 MiB.
    pub fn new() -> LoadOptions {
        LoadOptions {
            on_duplicate: OnDuplicate::Error,
            replace: false,
            memory_bytes: 256 << 20,
            scratch: None,
        }
    }

    /// What to do with a second row of one key.
    pub fn on_duplicate(mut self, on_duplicate: OnDuplicate) -> LoadOptions {
        self.on_duplicate = on_duplicate;
        self
    }

    /// Whether the records take the place of all rows that there are.
    pub fn replace(mut self, replace: bool) -> LoadOptions {
        self.replace = replace;
        self
    }

    /// How much memory sorting may take; at least 1 MiB is used.
    pub fn memory_bytes(mut self, bytes: usize) -> LoadOptions {
        self.memory_bytes = bytes;
        self
    }

    /// The folder for temporary files; by default that of the database, or the system's for one in memory.
    pub fn scratch_folder(mut self, folder: impl Into<PathBuf>) -> LoadOptions {
        let folder: PathBuf = folder.into();
        // The process may go to another folder while it loads.
        self.scratch = Some(std::path::absolute(&folder).unwrap_or(folder));
        self
    }
}
