//! Opens database files. The only file of the commands with unsafe code: opening a mapped file is
//! unsafe.

use std::path::Path;
use std::sync::Arc;

use drystone::{Database, OpenOptions, Result};
use drystone_datafusion::Opener;

/// Opens a file that exists.
#[expect(unsafe_code, reason = "opening a mapped file is unsafe; this is the only place that does it")]
pub(crate) fn open(path: &Path, writes: bool) -> Result<Database> {
    let options = OpenOptions::new().create(false).read_only(!writes);
    // SAFETY: this program writes the file through Drystone only. The user who names the file, or
    // the folder of shards, sees to it that no other program writes or truncates it meanwhile, as
    // with every tool that maps files.
    unsafe { options.open(path) }
}

/// Opens shards, to read them.
pub(crate) fn opener() -> Opener {
    Arc::new(|path| open(path, false))
}
