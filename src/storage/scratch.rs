//! A temporary file without a name, for sorting more than fits into memory. It goes with the handle, or the process.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

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
