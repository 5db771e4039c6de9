//! The lock file beside a database: a few bytes that processes share, and byte locks that die with their holder.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::LockFile;
use super::create::{Rights, create_zeros};
use super::mmap::{Hold, allocate, is_locked, lock_byte};
use super::own::OwnFile;

/// Whether an error says that a file system has no locks, as opposed to a lock that could not be had.
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    let codes = [libc::ENOLCK, libc::EOPNOTSUPP, libc::ENOSYS, libc::EINVAL];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// An open lock file. Every lock taken through it goes when it is dropped or the process dies.
pub(crate) struct OsLockFile(OwnFile);

impl OsLockFile {
    /// Opens a lock file that is there, and changes nothing in it: one that begins with `magic`, or that nobody has used yet, so
    /// that it has only zeros. Any other file is somebody else's: `InvalidData`.
    pub(crate) fn open(path: &Path, magic: &[u8; 8], most_bytes: u64) -> io::Result<OsLockFile> {
        let flags = libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        let open = || OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
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
            // Another process may just have begun to use it.
            let used = all.starts_with(magic);
            if metadata.len() > most_bytes || !used && all.iter().any(|byte| *byte != 0) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds something else than locks"));
            }
        }
        Ok(lock)
    }

    /// Makes a lock file with these rights that nobody has used yet. `AlreadyExists` if something has its name.
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

    fn cut(&self, bytes: u64) -> io::Result<()> {
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

/// Whether others use the database in a way that does not go together with ours, where there is no lock file yet. Takes no
/// lock, so that it says nothing of those who come later.
pub(super) fn look(database: &File, writes: bool) -> io::Result<Claim> {
    if is_locked(database, LOCK_FILES)? {
        return Ok(Claim::OtherLockFile);
    }
    let read_alone = writes && is_locked(database, LONE_READERS..LONE_READERS + 1)?;
    Ok(if read_alone { Claim::LoneReaders } else { Claim::Granted })
}

/// Takes locks on the database that show what this process does with it, then looks whether others do what does not go
/// together with that. Each does it in this order, so of two one sees the other.
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
