//! Checked reads: every run of bytes is held against its checksum once, before its first reader gets it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{FIRST_ADDRESS, Link, PAGE_BYTES, checksum, page_of};
use crate::error::{Result, fail};
use crate::storage::{Mapping, Storage};

/// The storage, and what of it has been verified since it was opened.
pub(crate) struct Pages {
    storage: Box<dyn Storage>,
    verified: Verified,
}

impl Pages {
    pub(crate) fn new(storage: Box<dyn Storage>) -> Pages {
        let verified = Verified::new(storage.mapping().reserved());
        Pages { storage, verified }
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// Reads below `limit`, the length that the reader's snapshot needs.
    pub(crate) fn view(&self, limit: u64) -> PageView<'_> {
        PageView { mapping: self.storage.mapping(), verified: &self.verified, limit }
    }

    /// Reads up to the present end of the file, for the one writer, which has pages beyond any snapshot.
    pub(crate) fn view_all(&self) -> PageView<'_> {
        self.view(self.storage.mapping().len())
    }

    /// Takes the mark off pages that are about to be written.
    pub(crate) fn forget(&self, address: u64, bytes: u64) {
        for page in page_of(address)..=page_of(address + bytes.max(1) - 1) {
            self.verified.clear(page);
        }
    }

    /// Takes every mark off: another process wrote, and which pages is not known.
    pub(crate) fn forget_all(&self) {
        self.verified.clear_all();
    }
}

/// What a snapshot reads through. Copied freely; lives as long as the snapshot's borrow.
#[derive(Clone, Copy)]
pub(crate) struct PageView<'a> {
    mapping: &'a Mapping,
    verified: &'a Verified,
    limit: u64,
}

impl<'a> PageView<'a> {
    /// The bytes that the link names, `len` of them, verified.
    #[inline]
    pub(crate) fn read(&self, link: Link, len: usize) -> Result<&'a [u8]> {
        match self.slice(link.address, len) {
            Some(bytes) if self.verified.contains(page_of(link.address)) => Ok(bytes),
            Some(bytes) => self.verify(link, bytes),
            None => self.outside(link, len),
        }
    }

    /// Like [`read`](PageView::read), but holds the bytes against the checksum again: for `check`.
    pub(crate) fn read_anew(&self, link: Link, len: usize) -> Result<&'a [u8]> {
        match self.slice(link.address, len) {
            Some(bytes) => self.verify(link, bytes),
            None => self.outside(link, len),
        }
    }

    /// The bytes of nodes that lie side by side, each of which was [`read`](PageView::read) before.
    pub(crate) fn join(&self, address: u64, len: usize) -> Result<&'a [u8]> {
        match self.slice(address, len) {
            Some(bytes) => Ok(bytes),
            None => self.outside(Link { address, checksum: 0 }, len),
        }
    }

    /// An error unless there are so many bytes at this place. They are not read.
    pub(crate) fn reaches(&self, address: u64, len: usize) -> Result<()> {
        self.join(address, len).map(drop)
    }

    /// How long the file is, as far as this view reaches.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    #[inline]
    fn slice(&self, address: u64, len: usize) -> Option<&'a [u8]> {
        let inside = address >= FIRST_ADDRESS && address.checked_add(len as u64)? <= self.limit;
        if inside { self.mapping.slice(address, len) } else { None }
    }

    #[cold]
    fn verify(&self, link: Link, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let found = checksum(bytes);
        if found != link.checksum {
            fail!(
                Corrupt,
                "page {} (bytes {} to {} of the file) does not match its checksum: {:08x} is noted in its parent, its \
                 bytes give {found:08x}; restore the file from a backup, or salvage the rest",
                page_of(link.address),
                link.address,
                link.address + bytes.len() as u64,
                link.checksum,
            );
        }
        self.verified.set(page_of(link.address));
        Ok(bytes)
    }

    #[cold]
    fn outside(&self, link: Link, len: usize) -> Result<&'a [u8]> {
        fail!(
            Corrupt,
            "a link points at {len} bytes at {}, outside the {} bytes of data; the file is damaged",
            link.address,
            self.limit
        )
    }
}

/// One bit a page. The bit of the page in which a node starts stands for the node: at most one node starts in a page.
///
/// The bits are atomics without ordering of their own: a bit is cleared before the commit that rewrites its page is
/// published, and set only by a reader whose snapshot keeps the page from being rewritten; publishing and
/// pinning go through a lock, which orders them.
struct Verified(Box<[OnceLock<Box<[AtomicU64]>>]>);

/// One chunk of bits covers 4 GiB of the file and takes 128 KiB, and only once something in it is read.
const CHUNK_PAGES: u64 = 1 << 20;

impl Verified {
    fn new(bytes: u64) -> Verified {
        let chunks = bytes.div_ceil(CHUNK_PAGES * PAGE_BYTES as u64);
        Verified((0..chunks).map(|_| OnceLock::new()).collect())
    }

    #[inline]
    fn contains(&self, page: u64) -> bool {
        let Some(chunk) = self.0.get((page / CHUNK_PAGES) as usize).and_then(OnceLock::get) else {
            return false;
        };
        let word = chunk[(page % CHUNK_PAGES / 64) as usize].load(Ordering::Relaxed);
        word >> (page % 64) & 1 == 1
    }

    fn set(&self, page: u64) {
        if let Some(chunk) = self.0.get((page / CHUNK_PAGES) as usize) {
            let chunk = chunk.get_or_init(|| (0..CHUNK_PAGES / 64).map(|_| AtomicU64::new(0)).collect());
            chunk[(page % CHUNK_PAGES / 64) as usize].fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
    }

    fn clear(&self, page: u64) {
        if let Some(chunk) = self.0.get((page / CHUNK_PAGES) as usize).and_then(OnceLock::get) {
            chunk[(page % CHUNK_PAGES / 64) as usize].fetch_and(!(1 << (page % 64)), Ordering::Relaxed);
        }
    }

    fn clear_all(&self) {
        for word in self.0.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter()) {
            word.store(0, Ordering::Relaxed);
        }
    }
}
