//! The lock file beside a database: a few bytes that processes share, and byte locks that die with their holder.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::mmap::{Hold, byte_is_locked, lock_byte};

/// An open lock file. Every lock taken through it goes when it is dropped or the process dies.
pub(crate) struct LockFile(File);

impl LockFile {
    /// Opens the file, or makes it with these rights.
    pub(crate) fn open(path: &Path, mode: u32) -> io::Result<LockFile> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .custom_flags(libc::O_CLOEXEC)
            .open(path)
            .map(LockFile)
    }

    /// Takes the byte for this handle alone; `false` when another holds it.
    pub(crate) fn try_exclusive(&self, byte: u64) -> io::Result<bool> {
        lock_byte(&self.0, byte, Hold::Exclusive, false)
    }

    /// Waits until the byte can be shared, and shares it. From exclusive to shared there is no gap.
    pub(crate) fn share(&self, byte: u64) -> io::Result<()> {
        lock_byte(&self.0, byte, Hold::Shared, true).map(drop)
    }

    /// Waits until the byte is this handle's alone.
    pub(crate) fn exclusive(&self, byte: u64) -> io::Result<()> {
        lock_byte(&self.0, byte, Hold::Exclusive, true).map(drop)
    }

    /// Gives the byte up.
    pub(crate) fn release(&self, byte: u64) -> io::Result<()> {
        lock_byte(&self.0, byte, Hold::None, false).map(drop)
    }

    /// Whether another handle holds the byte.
    pub(crate) fn is_held(&self, byte: u64) -> io::Result<bool> {
        byte_is_locked(&self.0, byte)
    }

    /// Fills the buffer from this offset; bytes beyond the end are zero.
    pub(crate) fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < into.len() {
            match self.0.read_at(&mut into[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        into[filled..].fill(0);
        Ok(())
    }

    /// Writes the bytes at this offset.
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    /// How long the file is.
    pub(crate) fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }

    /// Empties the file: the first process to open a database does not believe what an earlier one left.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.0.set_len(0)
    }
}
