//! Memory that shows a file: the mapping, windows into it, and the prefetch of its cache lines.
//! Unsafe code. Only `file.rs` maps; the room `page` reads.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use memmap2::{Advice, Mmap, MmapOptions};
use parking_lot::Mutex;

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!(
    "drystone needs 64-bit little-endian Linux: it maps files and reads little-endian records in place"
);

/// Address space over a file, most of it beyond the file's end. The file can grow into it without a
/// new mapping. When the file outgrows it, a larger mapping is made. The old one stays, because
/// references point into it.
///
/// # Invariants
/// - `first` is the start of the last of `maps`, and `reserved` its length. A map is unmapped only
///   with the `Mapping`.
/// - `len` is at most the length of the file and at most `reserved`, and never shrinks below what a
///   live snapshot reaches. `first` is stored before a `len` that needs it, and loaded after it.
/// - `maps` are never dereferenced as a whole: `memmap2` would make one `&[u8]` over bytes that
///   change.
pub(crate) struct Mapping {
    maps: Mutex<Vec<Arc<Mmap>>>,
    first: AtomicPtr<u8>,
    reserved: AtomicU64,
    len: AtomicU64,
    /// The numbers of windows that were read into memory recently.
    recent: [AtomicU64; RECENT],
}

/// How much is read into memory at a time: as much as a page fault reads.
const WINDOW_BYTES: u64 = 64 << 10;

/// How many windows are read at a time during a scan.
const BLOCK_WINDOWS: u64 = 8;

/// How many windows are remembered. Few enough that they are probably still in memory.
const RECENT: usize = 64;

impl Mapping {
    /// Maps `reserve` bytes of the file, or as many of them as the system grants, at least `len`.
    ///
    /// # Safety
    /// While the mapping lives, the file is not cut below `len`, and its bytes change only through
    /// Drystone.
    pub(super) unsafe fn new(file: &File, len: u64, reserve: u64) -> io::Result<Mapping> {
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

    /// Maps the file again, at least `len` bytes of it, and uses the new mapping for all new
    /// windows. Only one thread may call it at a time.
    ///
    /// # Safety
    /// As for [`new`](Mapping::new): `file` is the same file.
    pub(super) unsafe fn renew(&self, file: &File, len: u64) -> io::Result<()> {
        let wanted = if len > self.reserved() { len.saturating_mul(2) } else { self.reserved() };
        // SAFETY: this function's contract is that one's.
        let map = unsafe { map_file(file, len.max(self.len()), wanted)? };
        self.first.store(map.as_ptr().cast_mut(), Ordering::Release);
        self.reserved.store(map.len() as u64, Ordering::Release);
        self.maps.lock().push(Arc::new(map));
        Ok(())
    }

    /// The part of a range that is inside the file.
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

    /// Eight bytes of the file as they are at this moment; another process may be writing them.
    /// `None` if they are not wholly inside the file, or not at a multiple of 8.
    pub(crate) fn load(&self, offset: u64) -> Option<u64> {
        let window = self.window(0..u64::MAX);
        if !offset.is_multiple_of(8) || !window.holds(offset, 8) {
            return None;
        }
        // SAFETY: offset + 8 is at most the window's length, and the mapping has as many bytes.
        let place = unsafe { window.first.add(offset as usize) }.cast::<u64>();
        // SAFETY: the bytes lie in the mapping and inside the file. The mapping starts at a page,
        // so the place is aligned. They are read once, as what they are at this moment, not through
        // a reference.
        Some(u64::from_le(unsafe { place.read_volatile() }))
    }

    /// Whether these bytes are mapped at this offset. They may change meanwhile.
    pub(super) fn shows(&self, offset: u64, bytes: &[u8]) -> bool {
        let window = self.window(0..u64::MAX);
        if !window.holds(offset, bytes.len()) {
            return false;
        }
        bytes.iter().zip(offset as usize..).all(|(byte, at)| {
            // SAFETY: `at` is below `offset + bytes.len()`, and the window holds that many bytes.
            let place = unsafe { window.first.add(at) };
            // SAFETY: the byte lies in the mapping and inside the file. It is read once as what it
            // is at this moment, not through a reference: another process may write the meta pages.
            let found = unsafe { place.read_volatile() };
            found == *byte
        })
    }

    /// Reads bytes of the file into memory and into the page tables. An error if they cannot be
    /// read.
    ///
    /// The system is asked for whole windows, and for a block of them if a neighbour was asked for
    /// recently: one call per node would make the first scan of a table a third slower.
    pub(super) fn populate(&self, file: &File, offset: u64, bytes: u64) -> io::Result<()> {
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
        // Perhaps only bytes beside them cannot be read.
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
        // The advice reports only that something failed. A read reports what, and leaves the bytes
        // in memory if it succeeds.
        read_through(file, offset, bytes)?;
        if UNKNOWN.load(Ordering::Relaxed) { Ok(()) } else { advise() }
    }

    /// How many mappings there are, old ones included.
    #[cfg(test)]
    pub(super) fn maps(&self) -> usize {
        self.maps.lock().len()
    }

    pub(super) fn set_len(&self, len: u64) {
        self.len.store(len.min(self.reserved()), Ordering::Release);
    }
}

/// Maps `wanted` bytes of the file or, if the system does not grant that much address space, fewer,
/// but at least `least`.
///
/// # Safety
/// While the map lives, the file is not truncated below what is read of it, and its bytes change
/// only through Drystone.
unsafe fn map_file(file: &File, least: u64, wanted: u64) -> io::Result<Mmap> {
    // No mapping is empty.
    let least = least.max(1 << 16);
    let mut bytes = wanted.max(least);
    loop {
        // SAFETY: a shared read-only mapping of a file that, by this function's contract, is
        // neither truncated under us nor written by anyone who does not follow the commit protocol.
        // Bytes beyond the end are not touched.
        let mapped = unsafe { MmapOptions::new().len(bytes as usize).map(file) };
        match mapped {
            Err(_) if bytes > least => bytes = (bytes / 4).max(least),
            Err(error) => {
                let message = format!(
                    "cannot map {least} bytes ({error}): the process has no address space left, or a limit on it; open fewer \
                     databases at once, with less of it each (OpenOptions::reserve_bytes), or raise the limit (ulimit -v)"
                );
                return Err(io::Error::new(error.kind(), message));
            }
            mapped => return mapped,
        }
    }
}

/// A range of a mapping that was inside the file when the window was made. It stays inside as long
/// as it lives: the length of a mapping never shrinks below what a live snapshot reaches.
///
/// # Invariants
/// - `bytes` bytes from `first` on lie in the mapping that `'a` borrows, below the `len` that it
///   had.
#[derive(Clone, Copy)]
pub(crate) struct Window<'a> {
    first: *const u8,
    start: u64,
    bytes: u64,
    map: PhantomData<&'a Mapping>,
}

// SAFETY: a window is a borrow of a mapping, which may be shared and sent; the pointer is only read
// through.
unsafe impl Send for Window<'_> {}
// SAFETY: as above; nothing in it changes.
unsafe impl Sync for Window<'_> {}

impl<'a> Window<'a> {
    /// The `len` bytes from `offset` of the file, or `None` if they are not wholly inside the
    /// window.
    ///
    /// The only caller is the room `page`. It asks only for pages that a pinned snapshot or the
    /// running write transaction reaches. The commit protocol writes no such page while the
    /// reference lives.
    #[inline(always)]
    pub(crate) fn slice(&self, offset: u64, len: usize) -> Option<&'a [u8]> {
        // An offset below the start becomes one far beyond the end.
        let at = offset.wrapping_sub(self.start);
        if !self.holds(at, len) {
            return None;
        }
        // SAFETY: `at + len` is at most `bytes`, and the mapping has as many bytes from `first`
        // on.
        let start = unsafe { self.first.add(at as usize) };
        // SAFETY: these bytes lie in the mapping and inside the file (the invariant on `bytes`), so
        // they can be read as initialised bytes; u8 has no alignment. They are not written while
        // the reference lives: the mapping is read-only; in this and in other processes a page is
        // written only if no snapshot reaches it; and the contract of `MappedFile::open` excludes
        // writers other than Drystone.
        Some(unsafe { std::slice::from_raw_parts(start, len) })
    }

    /// Whether `len` bytes from `at` of the window are wholly inside it.
    #[inline(always)]
    fn holds(&self, at: u64, len: usize) -> bool {
        at <= self.bytes && len as u64 <= self.bytes - at
    }

    /// The offset in the file after the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes
    }
}

/// Asks the processor to load the cache lines of a value, so that they are there when they are
/// read.
#[inline(always)]
pub(crate) fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..size_of_val(value)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let line = std::ptr::from_ref(value).cast::<i8>().wrapping_add(at);
        // SAFETY: a prefetch reads nothing that the program sees, and faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beyond_all_address_space_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        for len in [(1 << 61) + 1, 1 << 62, u64::MAX] {
            // SAFETY: nothing is mapped, because there are no such addresses.
            let mapped = unsafe { Mapping::new(&file, len, 1 << 30) };
            assert!(mapped.is_err());
        }
    }
}
