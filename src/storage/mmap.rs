//! The mapped file and the system calls that the standard library lacks. Unsafe code.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::marker::PhantomData;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use memmap2::{Advice, Mmap, MmapOptions};
use parking_lot::Mutex;

use super::Storage;
use super::create::Rights;
use super::lock::{Claim, OsLockFile, claim, look};
use super::own::{OwnFile, descriptor_path, to_map};

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!(
    "drystone needs 64-bit little-endian Linux: it maps files and reads little-endian records in place"
);

/// Address space over a file, most of it beyond the file's end. While the file fits into it, the file grows without a new
/// mapping. When the file outgrows it, a larger one is made; the old one stays, because references point into it.
///
/// # Invariants
/// - `first` is the start of the last of `maps`, and `reserved` its length. A map is unmapped only with the `Mapping`.
/// - `len` is at most the length of the file and at most `reserved`, and never shrinks below what a live snapshot reaches.
///   `first` is stored before a `len` that needs it, and loaded after it.
/// - `maps` are never dereferenced as a whole: `memmap2` would make one `&[u8]` over bytes that do change.
pub(crate) struct Mapping {
    maps: Mutex<Vec<Arc<Mmap>>>,
    first: AtomicPtr<u8>,
    reserved: AtomicU64,
    len: AtomicU64,
    /// The numbers of windows that were brought into memory a short while ago.
    recent: [AtomicU64; RECENT],
}

/// How much is brought into memory at a time: as much as a page fault brings.
const WINDOW_BYTES: u64 = 64 << 10;

/// How many windows are brought at a time during a scan.
const BLOCK_WINDOWS: u64 = 8;

/// How many windows are remembered. Few enough that they are probably still in memory.
const RECENT: usize = 64;

impl Mapping {
    /// Maps `reserve` bytes of the file, or as many of them as the system grants, at least `len`.
    ///
    /// # Safety
    /// While the mapping lives, the file is not cut below `len`, and its bytes change only through Drystone.
    unsafe fn new(file: &File, len: u64, reserve: u64) -> io::Result<Mapping> {
        // SAFETY: this function's contract is that one's.
        let map = unsafe { map_file(file, len, reserve)? };
        Ok(Mapping {
            first: AtomicPtr::new(map.as_ptr().cast_mut()),
            reserved: AtomicU64::new(map.len() as u64),
            len: AtomicU64::new(len),
            maps: Mutex::new(vec![Arc::new(map)]),
            recent: [const { AtomicU64::new(u64::MAX) }; RECENT],
        })
    }

    /// Maps the file once more, at least `len` bytes of it, and uses the new mapping for all windows from now on. The callers
    /// take turns.
    ///
    /// # Safety
    /// As for [`new`](Mapping::new): `file` is the same file.
    unsafe fn renew(&self, file: &File, len: u64) -> io::Result<()> {
        let wanted = if len > self.reserved() { len.saturating_mul(2) } else { self.reserved() };
        // SAFETY: this function's contract is that one's.
        let map = unsafe { map_file(file, len.max(self.len()), wanted)? };
        self.first.store(map.as_ptr().cast_mut(), Ordering::Release);
        self.reserved.store(map.len() as u64, Ordering::Release);
        self.maps.lock().push(Arc::new(map));
        Ok(())
    }

    /// The bytes of a range, as far as they are inside the file.
    pub(crate) fn window(&self, range: Range<u64>) -> Window<'_> {
        let end = range.end.min(self.len());
        let bytes = end.saturating_sub(range.start);
        // After `len`: a mapping that is newer than the length holds those bytes too.
        let first: *const u8 = self.first.load(Ordering::Acquire);
        Window {
            first: first.wrapping_add(range.start as usize),
            start: range.start,
            bytes,
            map: PhantomData,
        }
    }

    /// How many bytes of the file can be read.
    pub(crate) fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// How far the file may grow before it has to be mapped again.
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved.load(Ordering::Acquire)
    }

    /// Eight bytes of the file as they are at this moment; another process may be writing them. `None` where
    /// they are not wholly inside the file, or not at a multiple of 8.
    pub(crate) fn load(&self, offset: u64) -> Option<u64> {
        let window = self.window(0..u64::MAX);
        if !offset.is_multiple_of(8) || !window.holds(offset, 8) {
            return None;
        }
        // SAFETY: offset + 8 is at most the window's length, and so many bytes are in the mapping.
        let place = unsafe { window.first.add(offset as usize) }.cast::<u64>();
        // SAFETY: the bytes lie in the mapping and inside the file. The mapping starts at a page, so the place is
        // aligned. They are read once, as what they are at this moment, not through a reference.
        Some(u64::from_le(unsafe { place.read_volatile() }))
    }

    /// Whether these bytes are mapped at this offset. They may change meanwhile.
    fn shows(&self, offset: u64, bytes: &[u8]) -> bool {
        let window = self.window(0..u64::MAX);
        if !window.holds(offset, bytes.len()) {
            return false;
        }
        bytes.iter().zip(offset as usize..).all(|(byte, at)| {
            // SAFETY: `at` is below `offset + bytes.len()`, and the window holds that many bytes from `first` on.
            let place = unsafe { window.first.add(at) };
            // SAFETY: the byte lies in the mapping and inside the file, and is read once as what it is at this moment, not
            // through a reference: another process may write the meta pages.
            let found = unsafe { place.read_volatile() };
            found == *byte
        })
    }

    /// Brings bytes of the file into memory and into the page tables. An error if they cannot be read.
    ///
    /// The system is asked for whole windows, and for a block of them where a neighbour was asked for a
    /// short while ago: one call per node would make the first scan of a table a third slower.
    fn populate(&self, file: &File, offset: u64, bytes: u64) -> io::Result<()> {
        let windows = offset / WINDOW_BYTES..(offset + bytes).div_ceil(WINDOW_BYTES);
        if windows.clone().all(|window| self.is_recent(window)) {
            return Ok(());
        }
        let scanned = self.is_recent(windows.start.wrapping_sub(1)) || self.is_recent(windows.end);
        let block = if scanned { BLOCK_WINDOWS } else { 1 };
        let block = windows.start / block * block..windows.end.next_multiple_of(block);
        let (start, end) = (block.start * WINDOW_BYTES, block.end * WINDOW_BYTES);
        if self.bring(file, start, end.min(self.len()).saturating_sub(start)).is_ok() {
            for window in block {
                self.recent(window).store(window, Ordering::Relaxed);
            }
            return Ok(());
        }
        // Perhaps only something beside it cannot be read.
        self.bring(file, offset, bytes)
    }

    fn is_recent(&self, window: u64) -> bool {
        self.recent(window).load(Ordering::Relaxed) == window
    }

    fn recent(&self, window: u64) -> &AtomicU64 {
        &self.recent[(window % RECENT as u64) as usize]
    }

    fn bring(&self, file: &File, offset: u64, bytes: u64) -> io::Result<()> {
        /// Whether the kernel is older than 5.14 and does not know the advice.
        static UNKNOWN: AtomicBool = AtomicBool::new(false);
        let map = self.maps.lock().last().map(Arc::clone);
        let advise = || match &map {
            Some(map) => map.advise_range(Advice::PopulateRead, offset as usize, bytes as usize),
            None => Ok(()),
        };
        if !UNKNOWN.load(Ordering::Relaxed) {
            match advise() {
                Ok(()) => return Ok(()),
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    UNKNOWN.store(true, Ordering::Relaxed);
                }
                Err(_) => {}
            }
        }
        // The advice says only that something failed. A read says what, and leaves the bytes in memory
        // if it succeeds.
        read_through(file, offset, bytes)?;
        if UNKNOWN.load(Ordering::Relaxed) { Ok(()) } else { advise() }
    }

    fn set_len(&self, len: u64) {
        self.len.store(len.min(self.reserved()), Ordering::Release);
    }
}

/// Maps `wanted` bytes of the file or, where the system does not grant so much address space, less, but at least `least`.
///
/// # Safety
/// While the map lives, the file is not cut below what is read of it, and its bytes change only through Drystone.
unsafe fn map_file(file: &File, least: u64, wanted: u64) -> io::Result<Mmap> {
    // No mapping is empty.
    let least = least.max(1 << 16);
    let mut bytes = wanted.max(least);
    loop {
        // SAFETY: a shared read-only mapping of a file that, by this function's contract, is neither cut under
        // us nor written by anyone who does not keep to the commit protocol. Bytes beyond the end are not touched.
        let mapped = unsafe { MmapOptions::new().len(bytes as usize).map(file) };
        match mapped {
            Err(_) if bytes > least => bytes = (bytes / 4).max(least),
            Err(error) => {
                let message = format!(
                    "cannot map {least} bytes ({error}): the process has no address space left, or a limit on it; open fewer \
                     databases at once, with less of it each (Options::reserve_bytes), or raise the limit (ulimit -v)"
                );
                return Err(io::Error::new(error.kind(), message));
            }
            mapped => return mapped,
        }
    }
}

/// A range of a mapping that was inside the file when the window was made, and so is as long as it lives: `len` of a mapping
/// never shrinks below what a live snapshot reaches.
///
/// # Invariants
/// - `bytes` bytes from `first` on lie in the mapping that `'a` borrows, below the `len` that it had.
#[derive(Clone, Copy)]
pub(crate) struct Window<'a> {
    first: *const u8,
    start: u64,
    bytes: u64,
    map: PhantomData<&'a Mapping>,
}

// SAFETY: a window is a borrow of a mapping, which may be shared and sent; the pointer is only read through.
unsafe impl Send for Window<'_> {}
// SAFETY: as above; nothing in it changes.
unsafe impl Sync for Window<'_> {}

impl<'a> Window<'a> {
    /// The bytes from `offset` of the file, `len` of them, or `None` where that is not wholly inside the window.
    ///
    /// Callers (the `page` room alone) ask only for pages that a pinned snapshot or the running write transaction reaches;
    /// the commit protocol writes no such page before the reference is gone.
    #[inline(always)]
    pub(crate) fn slice(&self, offset: u64, len: usize) -> Option<&'a [u8]> {
        // An offset below the start becomes one far beyond the end.
        let at = offset.wrapping_sub(self.start);
        if !self.holds(at, len) {
            return None;
        }
        // SAFETY: at + len is at most `bytes`, which are in the mapping from `first` on.
        let start = unsafe { self.first.add(at as usize) };
        // SAFETY: these bytes lie in the mapping and inside the file (the invariant on `bytes`), so they can be read as initialised
        // bytes; u8 has no alignment. Nobody writes them while the reference lives: the mapping is read-only, in this and in
        // other processes a page is written only when no snapshot reaches it, and the contract of `MappedFile::open`
        // excludes writers other than Drystone.
        Some(unsafe { std::slice::from_raw_parts(start, len) })
    }

    /// Whether `len` bytes from `at` of the window are wholly inside it.
    #[inline(always)]
    fn holds(&self, at: u64, len: usize) -> bool {
        at <= self.bytes && len as u64 <= self.bytes - at
    }

    /// How many bytes there are.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes
    }
}

/// Asks for the cache lines of some bytes, to be there when they are read. Changes nothing else.
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program sees, and faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// A database file: read through a mapping, written with `pwrite`.
pub(crate) struct MappedFile {
    file: OwnFile,
    mapping: Mapping,
    /// Held while the file's length changes or is asked for, so that the mapping's length follows it in order.
    length: Mutex<()>,
    /// Whether a sync reaches a device: not for memory.
    durable: bool,
}

impl MappedFile {
    /// Opens an existing file and reserves address space over it: for a file of this length, as many bytes as `reserve` says.
    ///
    /// # Safety
    /// While it is open, nothing but Drystone writes or cuts the file: not another program, not another mapping.
    pub(crate) unsafe fn open(
        path: &Path,
        read_only: bool,
        reserve: impl FnOnce(u64) -> u64,
    ) -> io::Result<MappedFile> {
        // Not to wait for the other end of a pipe; for a regular file it means nothing.
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
        let open = || OpenOptions::new().read(true).write(!read_only).custom_flags(flags).open(path);
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

    /// A file that exists in memory only and goes with the last handle. Safe: nobody else has a name for it, and
    /// the kernel is told to refuse every cut of it.
    pub(crate) fn anonymous(len: u64, reserve: u64) -> io::Result<MappedFile> {
        let file = OwnFile::new(|| memory(libc::MFD_ALLOW_SEALING))?;
        file.set_len(len)?;
        // SAFETY: F_ADD_SEALS takes an int and works on the descriptor alone.
        let sealed = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) };
        if sealed < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the file has no name, so only this handle writes it, and the seal keeps it from being cut.
        let mapping = unsafe { Mapping::new(&file, len, reserve)? };
        Ok(MappedFile { file, mapping, length: Mutex::new(()), durable: false })
    }

    /// Maps the file once more. The `length` is held.
    fn map_again(&self, len: u64) -> io::Result<()> {
        if self.durable {
            // SAFETY: it is the same file, for which the contract of `open` holds.
            unsafe { self.mapping.renew(&to_map(&self.file)?, len) }
        } else {
            // SAFETY: it is the same file, which only this handle writes, and nobody can cut.
            unsafe { self.mapping.renew(&self.file, len) }
        }
    }

    /// Lets the mapping follow the file's length, and maps more of the file if need be. The `length` is held.
    fn follow(&self, len: u64) -> io::Result<()> {
        if len > self.mapping.reserved() {
            self.map_again(len)?;
        }
        self.mapping.set_len(len);
        Ok(())
    }

    /// The same memory, mapped once more, as another process would map it.
    #[cfg(feature = "simulation")]
    pub(super) fn again(&self) -> io::Result<MappedFile> {
        let file = OwnFile::new(|| self.file.try_clone())?;
        let len = file.metadata()?.len();
        // SAFETY: as for the first mapping: the file has no name, only handles to the simulated disk write it, and the seal keeps it
        // from being cut.
        let mapping = unsafe { Mapping::new(&file, len, len)? };
        Ok(MappedFile { file, mapping, length: Mutex::new(()), durable: false })
    }

    /// Lets so much of the file be read, as if it ended there.
    #[cfg(feature = "simulation")]
    pub(super) fn show(&self, len: u64) {
        let _held = self.length.lock();
        let end = self.file.metadata().map_or(0, |metadata| metadata.len());
        self.mapping.set_len(len.min(end));
    }

    /// Device and inode: what makes two paths the same file.
    pub(crate) fn identity(&self) -> io::Result<(u64, u64)> {
        let metadata = self.file.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// Locks the file against users whom the lock file would not show, for as long as it is open.
    pub(crate) fn claim(&self, lock: Option<&OsLockFile>, writes: bool) -> io::Result<Claim> {
        claim(&self.file, lock, writes)
    }

    /// What a claim would come to where there is no lock file yet. Takes no lock.
    pub(crate) fn look_for_others(&self, writes: bool) -> io::Result<Claim> {
        look(&self.file, writes)
    }

    /// What a lock file of this database should have: its owner, and its mode, with the right to write for the owner.
    pub(crate) fn rights_beside(&self) -> io::Result<Rights> {
        let metadata = self.file.metadata()?;
        let (user, group) = (Some(metadata.uid()), Some(metadata.gid()));
        Ok(Rights { mode: metadata.mode() & 0o666 | 0o600, user, group })
    }
}

/// A file in memory, without a name.
fn memory(flags: libc::c_uint) -> io::Result<File> {
    // SAFETY: the name is a NUL-terminated string; the call has no other precondition.
    let descriptor = unsafe { libc::memfd_create(c"drystone".as_ptr(), libc::MFD_CLOEXEC | flags) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made, is open, and nothing else owns it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(descriptor) }))
}

/// Gives a file without a name, from [`descriptor_path`], this one. `AlreadyExists` if something has it.
pub(super) fn link(file: &File, path: &Path) -> io::Result<()> {
    let (from, to) = (descriptor_path(file), CString::new(path.as_os_str().as_bytes())?);
    let from = CString::new(from.as_os_str().as_bytes())?;
    let follow = libc::AT_SYMLINK_FOLLOW;
    // SAFETY: both names are NUL-terminated strings that outlive the call.
    let done = unsafe { libc::linkat(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), follow) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl Storage for MappedFile {
    fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }

    fn fetch(&self, offset: u64, bytes: u64) -> io::Result<()> {
        // Nothing of a file in memory has to come from a disk.
        if self.durable { self.mapping.populate(&self.file, offset, bytes) } else { Ok(()) }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.check_process()?;
        self.file.write_all_at(bytes, offset)
    }

    fn write_behind(&self, offset: u64, bytes: u64) {
        if self.durable {
            start_writing(&self.file, offset, bytes);
        }
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        self.file.check_process()?;
        let _held = self.length.lock();
        let len = self.file.metadata()?.len();
        if bytes <= len {
            return self.follow(len);
        }
        // First, so that a file that cannot be mapped does not grow.
        if bytes > self.mapping.reserved() {
            self.map_again(bytes)?;
        }
        allocate(&self.file, len, bytes - len)?;
        self.follow(bytes)
    }

    fn shrink(&self, bytes: u64) -> io::Result<()> {
        if !self.durable || bytes >= self.mapping.len() {
            return Ok(());
        }
        self.file.check_process()?;
        let _held = self.length.lock();
        self.mapping.set_len(bytes);
        self.file.set_len(bytes)
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
        if self.durable { self.file.sync_data() } else { Ok(()) }
    }
}

/// Reads bytes of a file and throws them away.
fn read_through(file: &File, offset: u64, bytes: u64) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let end = offset + bytes;
    let mut at = offset;
    while at < end {
        let piece = (end - at).min(buffer.len() as u64) as usize;
        file.read_exact_at(&mut buffer[..piece], at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other("the file was cut while it was open"),
            _ => error,
        })?;
        at += piece as u64;
    }
    Ok(())
}

/// Reserves blocks for `len` bytes from `offset` and lengthens the file over them.
pub(super) fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    match fallocate(file, 0, offset, len) {
        // File systems without fallocate: lengthen, and let a later write meet the full disk, as an error too,
        // because the file is never written through the mapping.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) => {
            file.set_len(offset + len)
        }
        done => done,
    }
}

/// Has the system start to write `len` bytes from `offset` to the disk. Where it can't, it writes them later; an error of the disk
/// comes with the next sync.
fn start_writing(file: &File, offset: u64, len: u64) {
    let (offset, len) = (offset as libc::off64_t, len as libc::off64_t);
    // SAFETY: the descriptor is open for as long as `file` is borrowed; the call changes no bytes.
    unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
}

/// Gives back the blocks of `len` bytes from `offset`, which then read as zeros.
fn punch(file: &File, offset: u64, len: u64) -> io::Result<()> {
    fallocate(file, libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE, offset, len)
}

fn fallocate(file: &File, mode: libc::c_int, offset: u64, len: u64) -> io::Result<()> {
    loop {
        // SAFETY: the descriptor is open for as long as `file` is borrowed. Bytes that a reference is to are not taken away: who
        // punches a hole may write the same bytes (see `Window::slice`), and a page of zeros is there to be read as ever.
        let done = unsafe {
            libc::fallocate64(file.as_raw_fd(), mode, offset as libc::off64_t, len as libc::off64_t)
        };
        if done == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINTR) {
            return Err(error);
        }
    }
}

/// How a byte of the lock file is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Shared,
    Exclusive,
    None,
}

/// Takes, changes or gives up the lock on one byte of a file; `false` when another open file holds it and `wait` is not set.
///
/// The locks belong to the open file description, not to the process: they go when its last descriptor is closed,
/// by a kill too, and two handles in one process exclude each other.
pub(super) fn lock_byte(file: &File, byte: u64, hold: Hold, wait: bool) -> io::Result<bool> {
    let mut request = lock_request(byte, hold);
    let command = if wait { libc::F_OFD_SETLKW } else { libc::F_OFD_SETLK };
    loop {
        // SAFETY: `request` is a whole `struct flock` that outlives the call; the descriptor is open.
        let done = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut request) };
        if done == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EAGAIN | libc::EACCES) if !wait => return Ok(false),
            _ => return Err(error),
        }
    }
}

/// Gives up every lock of this open file. Closing does that too, but not while a child that was just forked off, by another
/// thread that starts a command, still has a copy of the descriptor.
pub(super) fn release_all(file: &File) {
    let mut request = lock_request(0, Hold::None);
    request.l_len = 0;
    // SAFETY: `request` is a whole `struct flock` that outlives the call; the descriptor is open.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw mut request) };
}

/// Whether another open file holds one of these bytes.
pub(super) fn is_locked(file: &File, bytes: Range<u64>) -> io::Result<bool> {
    if bytes.is_empty() {
        return Ok(false);
    }
    let mut request = lock_request(bytes.start, Hold::Exclusive);
    request.l_len = (bytes.end - bytes.start) as libc::off_t;
    // SAFETY: `request` is a whole `struct flock` that outlives the call; the descriptor is open.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut request) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(request.l_type != libc::F_UNLCK as libc::c_short)
    }
}

fn lock_request(byte: u64, hold: Hold) -> libc::flock {
    let kind = match hold {
        Hold::Shared => libc::F_RDLCK,
        Hold::Exclusive => libc::F_WRLCK,
        Hold::None => libc::F_UNLCK,
    };
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte as libc::off_t,
        l_len: 1,
        l_pid: 0,
    }
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
        assert!(file.mapping().maps.lock().len() <= 4);
        assert!(file.shows(0, b"stays") && !file.shows(1, b"stays") && !file.shows(1 << 40, b""));
    }

    #[test]
    fn a_file_beyond_all_address_space_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        for len in [(1 << 61) + 1, 1 << 62, u64::MAX] {
            // SAFETY: nothing is mapped, because there are no such addresses.
            let mapped = unsafe { Mapping::new(&file, len, 1 << 30) };
            assert!(mapped.is_err());
        }
    }

    #[test]
    fn a_locked_byte_is_seen_by_another_handle_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = File::create(&path).unwrap();
        let second = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        assert!(lock_byte(&first, 7, Hold::Exclusive, false).unwrap());
        assert!(!is_locked(&first, 7..8).unwrap());
        assert!(is_locked(&second, 0..9).unwrap());
        assert!(!lock_byte(&second, 7, Hold::Shared, false).unwrap());
        assert!(lock_byte(&second, 8, Hold::Exclusive, false).unwrap());
        drop(first);
        assert!(lock_byte(&second, 7, Hold::Exclusive, false).unwrap());
    }
}
