//! Opens database files. The only file of the command with unsafe code: opening a mapped file is
//! unsafe.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use drystone::{Database, Error, OpenOptions, Result};

/// Opens a file that exists, for reading.
pub(crate) fn to_read(path: &Path) -> Result<Database> {
    open(path, &OpenOptions::new().create(false).read_only(true))
}

/// Opens a file that exists, for writing.
pub(crate) fn to_write(path: &Path) -> Result<Database> {
    to_write_with(path, OpenOptions::new())
}

/// Opens a file that exists, for writing, with options.
pub(crate) fn to_write_with(path: &Path, options: OpenOptions) -> Result<Database> {
    open(path, &options.create(false))
}

/// Whether a file is a patch, and no database.
pub(crate) fn is_patch(path: &Path) -> Result<bool> {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(8).read_to_end(&mut beginning));
    read.map_err(|error| Error::io(format!("cannot open {path:?}"), error))?;
    Ok(beginning == *b"drypatch")
}

#[expect(unsafe_code, reason = "opening a mapped file is unsafe; this is the only place that does it")]
fn open(path: &Path, options: &OpenOptions) -> Result<Database> {
    // SAFETY: this program writes the file through Drystone only. The user who names the file sees
    // to it that no other program writes or truncates it meanwhile, as with every tool that maps
    // files.
    unsafe { options.open(path) }
}
