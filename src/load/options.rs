//! The options and the report of a bulk load. Public.

use std::path::PathBuf;

/// How a bulk load treats memory, duplicates, and the existing rows of the table.
///
/// ```
/// use drystone::{LoadOptions, OnDuplicate};
///
/// let options = LoadOptions::new()
///     .on_duplicate(OnDuplicate::Last) // of rows with one key, keep the last
///     .replace(true) // the new rows take the place of those in the table
///     .memory_bytes(64 << 20) // sort within 64 MiB
///     .scratch_folder("/var/tmp"); // for what does not fit
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct LoadOptions {
    pub(super) on_duplicate: OnDuplicate,
    pub(super) replace: bool,
    pub(super) memory_bytes: usize,
    pub(super) scratch: Option<PathBuf>,
}

/// What a bulk load does with a second row with the same key. The existing rows of the table count
/// as first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// The load fails. The message names the key and both places.
    #[default]
    Error,
    /// The first row is kept.
    First,
    /// The last row is kept.
    Last,
}

/// What a bulk load did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Records read from the source.
    pub read: u64,
    /// Duplicates among them that were dropped, or replaced by later ones.
    pub duplicates: u64,
    /// Rows in the table after the load.
    pub rows: u64,
    /// Whether the records came in key order. Always true without a key.
    pub in_order: bool,
    /// Sorted runs that were written to temporary files.
    pub spilled_runs: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions::new()
    }
}

impl LoadOptions {
    /// Fails on duplicates, keeps the existing rows, sorts within 256 MiB.
    pub fn new() -> LoadOptions {
        LoadOptions {
            on_duplicate: OnDuplicate::Error,
            replace: false,
            memory_bytes: 256 << 20,
            scratch: None,
        }
    }

    /// What to do with a second row with the same key. The default is an error.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// use drystone::{LoadOptions, OnDuplicate};
    ///
    /// let options = LoadOptions::new().on_duplicate(OnDuplicate::First);
    /// let rows = [User { id: 7, score: 1 }, User { id: 6, score: 1 }];
    /// let report = users.load_with(rows, &options)?;
    /// assert_eq!((report.duplicates, users.get(7)?.unwrap().score), (1, 70));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn on_duplicate(mut self, on_duplicate: OnDuplicate) -> LoadOptions {
        self.on_duplicate = on_duplicate;
        self
    }

    /// Whether the records replace all existing rows of the table.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// use drystone::LoadOptions;
    ///
    /// users.load_with([User { id: 1, score: 5 }], &LoadOptions::new().replace(true))?;
    /// assert_eq!(users.len(), 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn replace(mut self, replace: bool) -> LoadOptions {
        self.replace = replace;
        self
    }

    /// How many bytes of memory sorting may take; at least 1 MiB is used.
    pub fn memory_bytes(mut self, bytes: usize) -> LoadOptions {
        self.memory_bytes = bytes;
        self
    }

    /// The folder for temporary files. The default is the folder of the database, or the system's
    /// for a database in memory.
    pub fn scratch_folder(mut self, folder: impl Into<PathBuf>) -> LoadOptions {
        let folder: PathBuf = folder.into();
        // The process may change its working directory during the load.
        self.scratch = Some(std::path::absolute(&folder).unwrap_or(folder));
        self
    }
}
