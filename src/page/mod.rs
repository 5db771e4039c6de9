//! Pages and runs of pages: addresses, checksums, checked reads, free space, readers, and the order of a commit.
//!
//! Nothing here knows what a key is, or which runs hold rows and which hold branches.

mod allocate;
mod buffer;
mod checked;
mod commit;
mod meta;
mod readers;
mod run;

pub(crate) use crate::storage::prefetch;
pub(crate) use allocate::Allocator;
pub(crate) use buffer::Buffer;
pub(crate) use checked::{PageView, Pages};
pub(crate) use commit::Commits;
pub use commit::Durability;
#[cfg(feature = "simulation")]
pub use meta::empty_image;
pub(crate) use meta::{
    Meta, TreeRoot, create as create_meta, damaged_meta_pages, highest_number, meta_page_of,
};
pub use readers::ReaderInfo;
pub(crate) use readers::{LOCK_FILE_BYTES, LOCK_FILE_LIMIT, LOCK_FILE_MAGIC, Pin, Readers};
pub(crate) use run::{Room, RunWriter, WriteSession};

/// The unit of allocation, and the size of a branch.
pub(crate) const PAGE_BYTES: usize = 4096;

/// The two meta pages come first; nothing else lies below this address.
pub(crate) const FIRST_ADDRESS: u64 = 2 * PAGE_BYTES as u64;

/// Where a node lies in the file, and what its bytes must sum to. A link stands in the node's parent, so a page
/// written to the wrong place, or never written, does not pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Link {
    /// In bytes from the start of the file. A branch lies on a page of its own; a leaf may start where the leaf before it ends.
    pub(crate) address: u64,
    /// CRC-32 (IEEE) of the node's bytes.
    pub(crate) checksum: u32,
}

/// The checksum of everything in the file.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The page that an address lies in.
pub(crate) fn page_of(address: u64) -> u64 {
    address / PAGE_BYTES as u64
}

/// How many pages so many bytes take.
pub(crate) fn pages_for(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_BYTES as u64)
}
