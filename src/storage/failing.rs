//! A file in memory with pages that cannot be read, for tests.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{MappedFile, Mapping, Storage};

/// A file in memory. Reading some of its bytes is an error.
#[derive(Clone)]
pub(crate) struct Failing {
    file: Arc<MappedFile>,
    bad: Arc<Mutex<Range<u64>>>,
}

impl Failing {
    /// A file of these bytes, all of which can be read.
    pub(crate) fn new(bytes: &[u8]) -> Failing {
        let file = MappedFile::anonymous(bytes.len() as u64, 0).unwrap();
        file.write_at(0, bytes).unwrap();
        Failing { file: Arc::new(file), bad: Arc::default() }
    }

    /// Makes reads of these bytes fail. Reads of all other bytes work again.
    pub(crate) fn lose(&self, bytes: Range<u64>) {
        *self.bad.lock() = bytes;
    }

    /// Where these bytes are in the file.
    pub(crate) fn find(&self, bytes: &[u8]) -> u64 {
        let file = self.file.mapping().window(0..u64::MAX);
        let file = file.slice(0, file.end() as usize).unwrap();
        file.windows(bytes.len()).position(|found| found == bytes).unwrap() as u64
    }

    fn read(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let bad = self.bad.lock();
        if offset < bad.end && bad.start < offset + bytes {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        Ok(())
    }
}

impl Storage for Failing {
    fn mapping(&self) -> &Mapping {
        self.file.mapping()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.read(offset, into.len() as u64)?;
        self.file.read_at(offset, into)
    }

    fn fetch(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.read(offset, bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        self.file.grow(bytes)
    }

    fn shrink(&self, bytes: u64) -> io::Result<()> {
        self.file.shrink(bytes)
    }

    fn discard(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.file.discard(offset, bytes)
    }

    fn refresh(&self) -> io::Result<u64> {
        self.file.refresh()
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}
