//! For tests of crash safety: a database on a simulated disk, and bugs to plant in it. No promise of stability.

pub use crate::page::empty_image;
pub use crate::storage::{CrashDisk, Event, Fault, Mutant, Operation};

use crate::database::{Database, Options};
use crate::error::Result;

/// Opens the database on this disk, as a process of its own would.
///
/// # Errors
/// As for [`Database::open`].
pub fn open(disk: &CrashDisk) -> Result<Database> {
    Options::new().over(disk.storage())
}
