//! The database file: read through a mapping, written with `pwrite`. Unsafe code, only to hand on
//! the contract of the mapping, and for one system call that has no safe wrapper.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use parking_lot::Mutex;

use super::Storage;
use super::blocks::{allocate, punch};
use super::create::Rights;
use super::lock::{Claim, OsLockFile, claim, look};
use super::map::Mapping;
use super::own::{OwnFile, to_map};
#[cfg(feature = "simulation")]
use super::simulated::{Event, Making, note};

/// A database file: read through a mapping, written with `pwrite`.
pub(crate) struct MappedFile {
    file: OwnFile,
    mapping: Mapping,
    /// Held while the file's length changes or is read, so that the mapping's length follows it in
    /// order.
    length: Mutex<()>,
    /// Whether a sync reaches a device: not for memory.
    durable: bool,
}

impl MappedFile {
    /// Opens an existing file and reserves address space over it: `reserve` gets the length of the
    /// file and returns how many bytes.
    ///
    /// # Safety
    /// While it is open, only Drystone writes or truncates the file: no other program, no other
    /// mapping.
    pub(crate) unsafe fn open(
        path: &Path,
        read_only: bool,
        reserve: impl FnOnce(u64) -> u64,
    ) -> io::Result<MappedFile> {
        // Opening a pipe must not wait for its other end. For a regular file O_NONBLOCK means
        // nothing.
        let flags = OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let open = || OpenOptions::new().read(true).write(!read_only).custom_flags(flags.bits()).open(path);
        let file = OwnFile::new(open)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let len = metadata.len();
        // SAFETY: this function's contract is the mapping's.
        let mapping = unsafe { Mapping::new(&to_map(&file)?, len, reserve(len))? };
        Ok(MappedFile { file, mapping, length: Mutex::new(()), durable: true })
    }

    /// A file that exists in memory only and is freed with the last handle. It is safe to map: it
    /// has no name, and the kernel refuses to truncate it.
    pub(crate) fn anonymous(len: u64, reserve: u64) -> io::Result<MappedFile> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let file = OwnFile::new(|| Ok(File::from(memfd_create(c"drystone", flags)?)))?;
        file.set_len(len)?;
        fcntl(&*file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK))?;
        // SAFETY: the file has no name, so only this handle writes it, and it is sealed against
        // truncation.
        let mapping = unsafe { Mapping::new(&file, len, reserve)? };
        Ok(MappedFile { file, mapping, length: Mutex::new(()), durable: false })
    }

    /// Maps the file again. The caller holds `length`.
    fn map_again(&self, len: u64) -> io::Result<()> {
        if self.durable {
            // SAFETY: it is the same file, for which the contract of `open` holds.
            unsafe { self.mapping.renew(&to_map(&self.file)?, len) }
        } else {
            // SAFETY: it is the same file, which only this handle writes, and which cannot be
            // truncated.
            unsafe { self.mapping.renew(&self.file, len) }
        }
    }

    /// Gives the mapping the file's length, and maps more of the file if need be. The caller holds
    /// `length`.
    fn follow(&self, len: u64) -> io::Result<()> {
        if len > self.mapping.reserved() {
            self.map_again(len)?;
        }
        self.mapping.set_len(len);
        Ok(())
    }

    /// Notes a change of a new file. Memory has none that a power cut could lose.
    #[cfg(feature = "simulation")]
    fn note(&self, event: impl FnOnce() -> Event) {
        if self.durable {
            note(|| Making::Content(event()));
        }
    }

    /// The same memory, mapped again, as another process would map it.
    #[cfg(feature = "simulation")]
    pub(super) fn again(&self) -> io::Result<MappedFile> {
        let file = OwnFile::new(|| self.file.try_clone())?;
        let len = file.metadata()?.len();
        // SAFETY: as for the first mapping: the file has no name, only handles to the simulated
        // disk write it, and it is sealed against truncation.
        let mapping = unsafe { Mapping::new(&file, len, len)? };
        Ok(MappedFile { file, mapping, length: Mutex::new(()), durable: false })
    }

    /// Shows only this many bytes of the file, as if it ended there.
    #[cfg(feature = "simulation")]
    pub(super) fn show(&self, len: u64) {
        let _held = self.length.lock();
        let end = self.file.metadata().map_or(0, |metadata| metadata.len());
        self.mapping.set_len(len.min(end));
    }

    /// Device and inode, which are the same for two paths to one file.
    pub(crate) fn identity(&self) -> io::Result<(u64, u64)> {
        let metadata = self.file.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// Locks the file against users that the lock file does not show, for as long as it is open.
    pub(crate) fn claim(&self, lock: Option<&OsLockFile>, writes: bool) -> io::Result<Claim> {
        claim(&self.file, lock, writes)
    }

    /// What a claim would return if there is no lock file yet. Takes no lock.
    pub(crate) fn look_for_others(&self, writes: bool) -> io::Result<Claim> {
        look(&self.file, writes)
    }

    /// The rights that a lock file of this database should have: its owner and its mode, with the
    /// right to write for the owner.
    pub(crate) fn rights_beside(&self) -> io::Result<Rights> {
        let metadata = self.file.metadata()?;
        let (user, group) = (Some(metadata.uid()), Some(metadata.gid()));
        Ok(Rights { mode: metadata.mode() & 0o666 | 0o600, user, group })
    }
}

impl Storage for MappedFile {
    fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }

    fn fetch(&self, offset: u64, bytes: u64) -> io::Result<()> {
        // A file in memory is never read from a disk.
        if self.durable { self.mapping.populate(&self.file, offset, bytes) } else { Ok(()) }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.check_process()?;
        self.file.write_all_at(bytes, offset)?;
        #[cfg(feature = "simulation")]
        self.note(|| Event::Write { offset, bytes: bytes.into() });
        Ok(())
    }

    fn write_behind(&self, offset: u64, bytes: u64) {
        if self.durable {
            start_writeback(&self.file, offset, bytes);
        }
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        self.file.check_process()?;
        let _held = self.length.lock();
        let len = self.file.metadata()?.len();
        if bytes <= len {
            return self.follow(len);
        }
        // Before it grows: a file that cannot be mapped must not grow.
        if bytes > self.mapping.reserved() {
            self.map_again(bytes)?;
        }
        allocate(&self.file, len, bytes - len)?;
        #[cfg(feature = "simulation")]
        self.note(|| Event::Length(bytes));
        self.follow(bytes)
    }

    fn shrink(&self, bytes: u64) -> io::Result<()> {
        if !self.durable || bytes >= self.mapping.len() {
            return Ok(());
        }
        self.file.check_process()?;
        let _held = self.length.lock();
        self.mapping.set_len(bytes);
        self.file.set_len(bytes)?;
        #[cfg(feature = "simulation")]
        self.note(|| Event::Length(bytes));
        Ok(())
    }

    fn discard(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.file.check_process()?;
        let _held = self.length.lock();
        punch(&self.file, offset, bytes)
    }

    fn refresh(&self) -> io::Result<u64> {
        let _held = self.length.lock();
        let len = self.file.metadata()?.len();
        self.follow(len)?;
        Ok(len)
    }

    fn shows(&self, offset: u64, bytes: &[u8]) -> bool {
        self.mapping.shows(offset, bytes)
    }

    fn map_anew(&self) -> io::Result<()> {
        let _held = self.length.lock();
        self.map_again(self.mapping.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.check_process()?;
        if self.durable {
            self.file.sync_data()?;
            #[cfg(feature = "simulation")]
            self.note(|| Event::Sync);
        }
        Ok(())
    }
}

/// Asks the system to start writing `len` bytes from `offset` to the disk. If it cannot, it writes
/// them later. An error of the disk is reported by the next sync.
fn start_writeback(file: &File, offset: u64, len: u64) {
    let (offset, len) = (offset as libc::off64_t, len as libc::off64_t);
    // SAFETY: the descriptor is open for as long as `file` is borrowed; the call changes no bytes.
    unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_stays_where_it_is_while_the_file_grows() {
        let file = MappedFile::anonymous(4096, 1 << 30).unwrap();
        file.write_at(0, b"stays").unwrap();
        let before = file.mapping().window(0..u64::MAX).slice(0, 5).unwrap();
        file.grow(64 << 20).unwrap();
        file.write_at((64 << 20) - 3, b"end").unwrap();
        assert_eq!(before, b"stays");
        assert_eq!(file.mapping().window(0..u64::MAX).slice((64 << 20) - 3, 3).unwrap(), b"end");
    }

    #[test]
    fn nothing_outside_the_file_is_handed_out() {
        let file = MappedFile::anonymous(4096, 1 << 30).unwrap();
        assert!(file.mapping().window(0..u64::MAX).slice(4090, 7).is_none());
        assert!(file.mapping().window(0..u64::MAX).slice(u64::MAX, 2).is_none());
        assert!(file.mapping().window(0..u64::MAX).slice(4096, 0).is_some());
    }

    #[test]
    fn a_file_that_outgrows_its_mapping_is_mapped_again_and_references_stay() {
        let file = MappedFile::anonymous(4096, 1 << 20).unwrap();
        assert_eq!(file.mapping().reserved(), 1 << 20);
        file.write_at(0, b"stays").unwrap();
        let window = file.mapping().window(0..u64::MAX);
        let before = window.slice(0, 5).unwrap();
        for bytes in [1 << 20, (1 << 20) + 1, 1 << 24, 1 << 28] {
            file.grow(bytes).unwrap();
            file.write_at(bytes - 3, b"end").unwrap();
            assert_eq!(file.mapping().window(0..u64::MAX).slice(bytes - 3, 3).unwrap(), b"end");
        }
        assert_eq!(before, b"stays");
        assert_eq!(window.slice(0, 4096).unwrap(), file.mapping().window(0..4096).slice(0, 4096).unwrap());
        assert!(file.mapping().maps() <= 4);
        assert!(file.shows(0, b"stays") && !file.shows(1, b"stays") && !file.shows(1 << 40, b""));
    }
}
