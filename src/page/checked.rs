//! Checked reads: every node is verified against its checksum once, before its first reader gets
//! it. All reads of nodes go through here. It does not know which pages are free or committed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::{FIRST_ADDRESS, Link, PAGE_BYTES, checksum, page_of};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::storage::{Storage, Window, or_bug};

/// The storage, and which of its nodes were verified since it was opened.
pub(crate) struct Pages {
    storage: Box<dyn Storage>,
    verified: Verified,
}

impl Pages {
    pub(crate) fn new(storage: Box<dyn Storage>) -> Pages {
        Pages { storage, verified: Verified::default() }
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// A view that ends at `limit`, the length of the file that the reader's snapshot needs.
    pub(crate) fn view(&self, limit: u64) -> PageView<'_> {
        let window = self.storage.mapping().window(FIRST_ADDRESS..limit);
        PageView { window, verified: self.verified.table(window.end()), pages: self }
    }

    /// A view of the whole file, for the writer, which reads pages that no snapshot has yet.
    pub(crate) fn view_all(&self) -> PageView<'_> {
        self.view(self.storage.mapping().len())
    }

    /// Marks pages that are about to be written as not verified.
    pub(crate) fn forget(&self, address: u64, bytes: u64) {
        let bytes = or_bug!(self.storage(), bytes; ForgetFirstPage => 1);
        for table in self.verified.tables() {
            for page in page_of(address)..=page_of(address + bytes.max(1) - 1) {
                table.clear(page);
            }
        }
    }

    /// Marks all pages as not verified: another process wrote, and it is not known which pages.
    pub(crate) fn forget_all(&self) {
        self.verified.tables().for_each(VerifiedTable::clear_all);
    }
}

/// What a snapshot reads through. It is cheap to copy, and lives as long as the snapshot is
/// borrowed.
#[derive(Clone, Copy)]
pub(crate) struct PageView<'a> {
    window: Window<'a>,
    verified: &'a VerifiedTable,
    /// Used only when a node is read for the first time.
    pages: &'a Pages,
}

impl<'a> PageView<'a> {
    /// The `len` bytes of the node at this link, verified.
    #[inline]
    pub(crate) fn read(&self, link: Link, len: usize) -> Result<&'a [u8]> {
        match self.read_again(link.address, len) {
            Some(bytes) => Ok(bytes),
            None => self.read_anew(link, len),
        }
    }

    /// Copies the bytes of a node, verified. A node that was not read before is read by a call of
    /// the system: for a copy that costs less than to map its pages first.
    pub(crate) fn copy(&self, link: Link, into: &mut [u8]) -> Result<()> {
        if let Some(bytes) = self.read_again(link.address, into.len()) {
            into.copy_from_slice(bytes);
            return Ok(());
        }
        if self.window.slice(link.address, into.len()).is_none() {
            return self.outside(link, into.len());
        }
        let read = self.pages.storage.read_at(link.address, into);
        read.map_err(|error| cannot_read(link.address, into.len(), error))?;
        check(link, into)
    }

    /// The bytes of a node that was verified before, or `None`. For hot descents.
    #[inline(always)]
    pub(crate) fn read_again(&self, address: u64, len: usize) -> Option<&'a [u8]> {
        let bytes = self.window.slice(address, len)?;
        if self.is_verified(address) { Some(bytes) } else { None }
    }

    /// Whether the node that starts at this address was verified.
    #[inline(always)]
    pub(crate) fn is_verified(&self, address: u64) -> bool {
        self.verified.contains(page_of(address))
    }

    /// Bytes of nodes that may not have been verified. The caller verifies them before it returns
    /// any.
    pub(crate) fn unverified(&self, address: u64, len: usize) -> Option<&'a [u8]> {
        self.window.slice(address, len)
    }

    /// Like [`read`](PageView::read), but verifies the checksum again: for `check`.
    #[cold]
    pub(crate) fn read_anew(&self, link: Link, len: usize) -> Result<&'a [u8]> {
        match self.window.slice(link.address, len) {
            Some(bytes) => {
                self.fetch(link.address, len)?;
                self.verify(link, bytes)
            }
            None => self.outside(link, len),
        }
    }

    /// Loads the bytes of a node before they are first read through the map. If the disk cannot
    /// read them, that is an error here, not a signal that ends the process.
    fn fetch(&self, address: u64, len: usize) -> Result<()> {
        let fetched = self.pages.storage.fetch(address, len as u64);
        fetched.map_err(|error| cannot_read(address, len, error))
    }

    /// The bytes of adjacent nodes, each of which was [`read`](PageView::read) before.
    pub(crate) fn join(&self, address: u64, len: usize) -> Result<&'a [u8]> {
        match self.window.slice(address, len) {
            Some(bytes) => Ok(bytes),
            None => self.outside(Link { address, checksum: 0 }, len),
        }
    }

    /// An error unless the file has these bytes. They are not read.
    pub(crate) fn reaches(&self, address: u64, len: usize) -> Result<()> {
        self.join(address, len).map(drop)
    }

    /// The length of the file that this view reaches.
    pub(crate) fn limit(&self) -> u64 {
        self.window.end()
    }

    fn verify(&self, link: Link, bytes: &'a [u8]) -> Result<&'a [u8]> {
        check(link, bytes)?;
        self.verified.set(page_of(link.address));
        Ok(bytes)
    }

    #[cold]
    fn outside<T>(&self, link: Link, len: usize) -> Result<T> {
        bail!(
            Corrupt,
            "a link points at {len} bytes at {}, outside the {} bytes of data; the file is damaged",
            link.address,
            self.limit()
        )
    }
}

/// An error unless the bytes of a node match its checksum.
fn check(link: Link, bytes: &[u8]) -> Result<()> {
    let found = checksum(bytes);
    if found == link.checksum {
        return Ok(());
    }
    let page = page_of(link.address);
    let message = format!(
        "page {page} (bytes {} to {} of the file) does not match its checksum: {:08x} is noted in its parent, its \
         bytes give {found:08x}; restore the file from a backup, or salvage the rest",
        link.address,
        link.address + bytes.len() as u64,
        link.checksum,
    );
    Err(Error::new(ErrorKind::Corrupt, message).of_page(page))
}

#[cold]
fn cannot_read(address: u64, len: usize, error: std::io::Error) -> Error {
    let (page, end) = (page_of(address), address + len as u64);
    Error::io(format!("cannot read page {page} (bytes {address} to {end} of the file)"), error).of_page(page)
}

/// The bits of verified pages, in tables of growing length. The last one is in use. Views that were
/// made earlier continue to use an older one; clearing clears all of them.
#[derive(Default)]
struct Verified {
    tables: [OnceLock<VerifiedTable>; 32],
    last: AtomicUsize,
}

/// The first table covers a file of this length, in 32 KiB.
const FIRST_TABLE_BYTES: u64 = 1 << 30;

impl Verified {
    /// A table that covers a file of `bytes` bytes.
    #[inline]
    fn table(&self, bytes: u64) -> &VerifiedTable {
        match self.tables[self.last.load(Ordering::Acquire)].get() {
            Some(table) if table.bytes() >= bytes => table,
            _ => self.longer_table(bytes),
        }
    }

    #[cold]
    fn longer_table(&self, bytes: u64) -> &VerifiedTable {
        // Each table is twice as long as the one before.
        let number = bytes.div_ceil(FIRST_TABLE_BYTES).max(1).next_power_of_two().trailing_zeros() as usize;
        let table = self.tables[number].get_or_init(|| VerifiedTable::new(FIRST_TABLE_BYTES << number));
        self.last.fetch_max(number, Ordering::Release);
        table
    }

    /// The tables that exist; mostly one.
    fn tables(&self) -> impl Iterator<Item = &VerifiedTable> {
        let last = self.last.load(Ordering::Acquire);
        self.tables[..=last].iter().filter_map(OnceLock::get)
    }
}

/// One bit per page. The bit of the page in which a node starts stands for the node: at most one
/// node starts in a page.
///
/// The bits are atomics without ordering of their own. A bit is cleared before the commit that
/// rewrites its page is published, and set only by a reader whose snapshot keeps the page from
/// being rewritten. Publishing and pinning take a lock, which orders the two.
///
/// Zeroed lazily: the system gives memory only to words that are written.
struct VerifiedTable {
    words: Box<[AtomicU64]>,
    /// The last word that may have a bit set.
    last: AtomicU64,
}

impl VerifiedTable {
    fn new(bytes: u64) -> VerifiedTable {
        let words = bytes.div_ceil(64 * PAGE_BYTES as u64);
        VerifiedTable { words: bytemuck::zeroed_slice_box(words as usize), last: AtomicU64::new(0) }
    }

    fn bytes(&self) -> u64 {
        self.words.len() as u64 * 64 * PAGE_BYTES as u64
    }

    #[inline(always)]
    fn contains(&self, page: u64) -> bool {
        let word = self.words.get((page / 64) as usize).map_or(0, |word| word.load(Ordering::Relaxed));
        word >> (page % 64) & 1 == 1
    }

    fn set(&self, page: u64) {
        if let Some(word) = self.words.get((page / 64) as usize) {
            self.last.fetch_max(page / 64, Ordering::Relaxed);
            word.fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
    }

    fn clear(&self, page: u64) {
        // A word without the bit is not written, so that it takes no memory.
        if self.contains(page) {
            self.words[(page / 64) as usize].fetch_and(!(1 << (page % 64)), Ordering::Relaxed);
        }
    }

    fn clear_all(&self) {
        let last = self.last.load(Ordering::Relaxed);
        for word in self.words.iter().take(last as usize + 1) {
            word.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MappedFile;

    fn place(page: u64) -> u64 {
        page * PAGE_BYTES as u64
    }

    /// Pages 2 to 199, each filled with its number and verified.
    fn verified_pages() -> (Pages, Vec<Link>) {
        let pages = Pages::new(Box::new(MappedFile::anonymous(place(200), 0).unwrap()));
        let links = (2..200).map(|page| {
            pages.storage().write_at(place(page), &[page as u8; PAGE_BYTES]).unwrap();
            let link = Link { address: place(page), checksum: checksum(&[page as u8; PAGE_BYTES]) };
            pages.view_all().read(link, PAGE_BYTES).unwrap();
            link
        });
        let links = links.collect();
        (pages, links)
    }

    #[test]
    fn what_is_forgotten_is_held_against_its_checksum_again() {
        for (first, last) in [(10, 10), (10, 12), (60, 130)] {
            let (pages, links) = verified_pages();
            for page in 2..200 {
                pages.storage().write_at(place(page), &[0xFF; PAGE_BYTES]).unwrap();
            }
            pages.forget(place(first), place(last + 1) - place(first));
            for (page, link) in (2..).zip(&links) {
                let forgotten = (first..=last).contains(&page);
                assert_eq!(pages.view_all().read(*link, PAGE_BYTES).is_err(), forgotten, "page {page}");
            }
        }
    }

    #[test]
    fn a_copy_is_verified_as_a_read_is() {
        let (pages, links) = verified_pages();
        let mut copy = [0; PAGE_BYTES];
        for is_verified in [true, false] {
            if !is_verified {
                pages.forget_all();
            }
            pages.view_all().copy(links[5], &mut copy).unwrap();
            assert_eq!(copy, [7; PAGE_BYTES]);
        }
        // It was copied, and its pages were not mapped.
        assert!(!pages.view_all().is_verified(links[5].address));
        pages.storage().write_at(links[5].address + 9, &[1]).unwrap();
        assert_eq!(pages.view_all().copy(links[5], &mut copy).unwrap_err().kind(), ErrorKind::Corrupt);
        let outside = Link { address: place(199), ..links[5] };
        let mut long = [0; 2 * PAGE_BYTES];
        assert_eq!(pages.view_all().copy(outside, &mut long).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn when_all_is_forgotten_nothing_stays_verified() {
        let (pages, links) = verified_pages();
        pages.forget_all();
        assert!(links.iter().all(|link| !pages.view_all().is_verified(link.address)));
    }
}
