//! Temporary files: one without a name, for sorting more than fits into memory, which ends with its
//! handle or the process; and a folder for a temporary database.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// A folder for the files of a temporary database. It is deleted with all that is in it when this
/// is dropped.
#[derive(Debug)]
pub(crate) struct TemporaryFolder(tempfile::TempDir);

impl TemporaryFolder {
    /// A new folder where the system has temporary files, which only this user may enter.
    pub(crate) fn new() -> io::Result<TemporaryFolder> {
        tempfile::Builder::new().prefix("drystone-").tempdir().map(TemporaryFolder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Written once from the start, then read once from the start.
#[derive(Debug)]
pub(crate) struct Scratch(File);

impl Scratch {
    /// A new file on the file system of this folder.
    pub(crate) fn new(folder: &Path) -> io::Result<Scratch> {
        tempfile::tempfile_in(folder).map(Scratch)
    }

    /// Back to the start, to read what was written.
    pub(crate) fn rewind(&mut self) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(0)).map(drop)
    }
}

impl Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Read for Scratch {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}
