//! The lock file beside a database: a few bytes that processes share, and byte locks that die with their holder.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::mmap::{Hold, Process, allocate, is_locked, lock_byte, release_all};

/// Whether an error says that a file system has no locks, as opposed to a lock that could not be had.
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    let codes = [libc::ENOLCK, libc::EOPNOTSUPP, libc::ENOSYS, libc::EINVAL];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// An open lock file. Every lock taken through it goes when it is dropped or the process dies.
pub(crate) struct LockFile(File, Process);

impl Drop for LockFile {
    fn drop(&mut self) {
        release_all(&self.0, self.1);
    }
}

impl LockFile {
    /// Opens the file, or makes it with these rights, and reserves its first bytes on the disk.
    pub(crate) fn open(path: &Path, mode: u32, bytes: u64) -> io::Result<LockFile> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if metadata.len() < bytes {
            allocate(&file, 0, bytes)?;
        }
        Ok(LockFile(file, Process::this()))
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
        is_locked(&self.0, byte..byte + 1)
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

    /// Cuts the file: the first process to open a database does not believe what an earlier one left.
    pub(crate) fn cut(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}

/// Locks on the database itself, far behind its last byte. The lock file is found by the database's name; these hold
/// whatever name somebody came by, and when the lock file was deleted or cannot be used.
const WRITERS: u64 = 1 << 62;
const LONE_READERS: u64 = WRITERS + 1;
/// A byte for each lock file that there can be: who shares it uses that one.
const LOCK_FILES: Range<u64> = WRITERS + (1 << 32)..WRITERS + (2 << 32);

/// What came of the wish to use a database file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Granted,
    /// Others use it, and see each other in another lock file: the file has a second name, or its lock file was deleted.
    OtherLockFile,
    /// Others read it without a lock file, so that it must not be written.
    LoneReaders,
    /// Others may write it, so that it must not be read without a lock file.
    Writers,
}

/// Takes locks on the database that show what this process does with it, then looks whether others do what does not go
/// together with that. Each does it in this order, so of two one sees the other.
pub(super) fn claim(database: &File, lock: Option<&LockFile>, writes: bool) -> io::Result<Claim> {
    let share = |byte| lock_byte(database, byte, Hold::Shared, false);
    let Some(lock) = lock else {
        share(LONE_READERS)?;
        let written = is_locked(database, WRITERS..WRITERS + 1)?;
        return Ok(if written { Claim::Writers } else { Claim::Granted });
    };
    let metadata = lock.0.metadata()?;
    let key = LOCK_FILES.start + (metadata.ino() ^ metadata.dev().rotate_left(20)) % (1 << 32);
    share(key)?;
    if is_locked(database, LOCK_FILES.start..key)? || is_locked(database, key + 1..LOCK_FILES.end)? {
        return Ok(Claim::OtherLockFile);
    }
    if writes {
        share(WRITERS)?;
        if is_locked(database, LONE_READERS..LONE_READERS + 1)? {
            return Ok(Claim::LoneReaders);
        }
    }
    Ok(Claim::Granted)
}
