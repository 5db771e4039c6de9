//! The lock file beside a database, and the locks on the database itself. Opening takes them; the
//! room `commit` gives the bytes of the lock file their meaning.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::LockFile;
use super::blocks::allocate;
use super::byte_lock::{Hold, is_locked, lock_byte};
use super::create::{Rights, create_zeros};
use super::own::OwnFile;

/// Whether an error means that the file system has no locks.
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    let codes = [Errno::ENOLCK, Errno::EOPNOTSUPP, Errno::ENOSYS, Errno::EINVAL];
    error.raw_os_error().is_some_and(|code| codes.contains(&Errno::from_raw(code)))
}

/// An open lock file. Every lock that was taken through it ends when it is dropped or the process
/// dies.
pub(crate) struct OsLockFile(OwnFile);

impl OsLockFile {
    /// Opens an existing lock file and changes nothing in it. It begins with `magic`, or has only
    /// zeros if it was never used. Any other file belongs to another program: `InvalidData`.
    pub(crate) fn open(path: &Path, magic: &[u8; 8], most_bytes: u64) -> io::Result<OsLockFile> {
        let flags = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let open = || OpenOptions::new().read(true).write(true).custom_flags(flags.bits()).open(path);
        let lock = OsLockFile(OwnFile::new(open)?);
        let metadata = lock.0.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut start = [0; 8];
        lock.read_at(0, &mut start)?;
        if start != *magic {
            let mut all = vec![0; metadata.len().min(most_bytes) as usize];
            lock.read_at(0, &mut all)?;
            // Another process may have begun to use it since the first read.
            let used = all.starts_with(magic);
            if metadata.len() > most_bytes || !used && all.iter().any(|byte| *byte != 0) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds something else than locks"));
            }
        }
        Ok(lock)
    }

    /// Makes a lock file with these rights that was never used. `AlreadyExists` if a file has its
    /// name.
    pub(crate) fn create(path: &Path, rights: Rights, bytes: u64) -> io::Result<()> {
        create_zeros(path, rights, bytes)
    }

    /// Reserves the first bytes of the file on the disk, and lengthens it over them.
    pub(crate) fn reserve(&self, bytes: u64) -> io::Result<()> {
        allocate(&self.0, 0, bytes)
    }
}

impl LockFile for OsLockFile {
    fn try_exclusive(&self, byte: u64) -> io::Result<bool> {
        lock_byte(&self.0, byte, Hold::Exclusive, false)
    }

    fn share(&self, byte: u64) -> io::Result<()> {
        lock_byte(&self.0, byte, Hold::Shared, true).map(drop)
    }

    fn exclusive(&self, byte: u64) -> io::Result<()> {
        lock_byte(&self.0, byte, Hold::Exclusive, true).map(drop)
    }

    fn release(&self, byte: u64) -> io::Result<()> {
        lock_byte(&self.0, byte, Hold::None, false).map(drop)
    }

    fn is_held(&self, byte: u64) -> io::Result<bool> {
        is_locked(&self.0, byte..byte + 1)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
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

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}

// Locks on the database itself, far beyond its last byte. The lock file is found by the database's
// name. These locks work whatever name the database was opened by, and if the lock file was deleted
// or cannot be used.
const WRITERS: u64 = 1 << 62;
const LONE_READERS: u64 = WRITERS + 1;
/// A byte for each possible lock file. Processes that use the same lock file share the same byte.
const LOCK_FILES: Range<u64> = WRITERS + (1 << 32)..WRITERS + (2 << 32);

/// Whether a database file may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Granted,
    /// Others use it with another lock file: the file has a second name, or its lock file was
    /// deleted.
    OtherLockFile,
    /// Others read it without a lock file, so it must not be written.
    LoneReaders,
    /// Others may write it, so it must not be read without a lock file.
    Writers,
}

/// Whether others use the database in a way that excludes ours, if there is no lock file yet. Takes
/// no lock, so it says nothing about processes that open the file later.
pub(super) fn look(database: &File, writes: bool) -> io::Result<Claim> {
    if is_locked(database, LOCK_FILES)? {
        return Ok(Claim::OtherLockFile);
    }
    let read_alone = writes && is_locked(database, LONE_READERS..LONE_READERS + 1)?;
    Ok(if read_alone { Claim::LoneReaders } else { Claim::Granted })
}

/// Takes locks on the database that show how this process uses it, then looks whether others use it
/// in a way that excludes that. Every process does it in this order, so of two at least one sees
/// the other.
pub(super) fn claim(database: &File, lock: Option<&OsLockFile>, writes: bool) -> io::Result<Claim> {
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
