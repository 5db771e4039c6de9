//! For tests of crash safety: a database on a simulated disk, and bugs to plant in it. No promise of stability.

pub use crate::commit::empty_image;
pub use crate::storage::{Bug, CrashDisk, Event, Fault, Hook, Making, Operation, Verdict, record_making};

use crate::database::{Database, OpenOptions};
use crate::error::{Error, Result};

/// Opens the database on this disk, as a process of its own would.
///
/// # Errors
/// As for [`Database::open`].
pub fn open(disk: &CrashDisk) -> Result<Database> {
    OpenOptions::new().over(disk.storage())
}

/// Opens the database on this disk as one of several processes, which find each other in the lock file.
///
/// # Errors
/// As for [`Database::open`].
pub fn open_shared(disk: &CrashDisk, process: u64) -> Result<Database> {
    let failed = |error| Error::io("cannot open the simulated file", error);
    let (storage, lock) = disk.shared(process).map_err(failed)?;
    OpenOptions::new().over_shared(storage, lock)
}
