//! The one place that opens a database file.

use std::path::Path;

use drystone::{Database, OpenOptions, Result};

/// To read what is there.
pub(crate) fn to_read(path: &Path) -> Result<Database> {
    open(path, &OpenOptions::new().create(false).read_only(true))
}

/// To change what is there.
pub(crate) fn to_write(path: &Path) -> Result<Database> {
    open(path, &OpenOptions::new().create(false))
}

/// To load into; the file is made where there is none.
pub(crate) fn to_load(path: &Path, memory_bytes: usize) -> Result<Database> {
    open(path, &OpenOptions::new().memory_bytes(memory_bytes))
}

/// To fill; the file is made.
pub(crate) fn to_make(path: &Path) -> Result<Database> {
    open(path, &OpenOptions::new())
}

#[expect(unsafe_code, reason = "opening a mapped file is unsafe; this is the only place that does it")]
fn open(path: &Path, options: &OpenOptions) -> Result<Database> {
    // SAFETY: this program writes the file through Drystone only. That no other program writes or cuts it meanwhile is what the
    // user grants by giving its name, as with every tool that maps files.
    unsafe { options.open(path) }
}
