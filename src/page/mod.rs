//! Pages: addresses, checksums and checked reads.
//!
//! Used by every room that reads or writes the file. Nothing here knows what a key is, which pages
//! are free, or what a commit is.

mod checked;

use bytemuck::{Pod, Zeroable};

pub(crate) use crate::storage::{Memory, prefetch};
pub(crate) use checked::{PageView, Pages};

/// The unit of allocation, and the size of a branch.
pub(crate) const PAGE_BYTES: usize = 4096;

/// The two meta pages come first; nothing else lies below this address.
pub(crate) const FIRST_ADDRESS: u64 = 2 * PAGE_BYTES as u64;

/// Where a node lies in the file, and the checksum of its bytes. A link stands in the node's
/// parent, so a page that was never written, or was written to the wrong place, is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Link {
    /// In bytes from the start of the file. A branch has a page of its own; a leaf may start where
    /// the leaf before it ends.
    pub(crate) address: u64,
    /// CRC-32 (IEEE) of the node's bytes.
    pub(crate) checksum: u32,
}

/// The root of a tree, as it is stored.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Pod, Zeroable)]
pub(crate) struct TreeRoot {
    pub(crate) address: u64,
    pub(crate) rows: u64,
    pub(crate) checksum: u32,
    /// Branches between the root and a leaf: 0 if the root is a leaf, or if there are no rows.
    pub(crate) height: u16,
    /// 1 if the leaves are adjacent, in order, and all full but the last, so that the rows are one
    /// array; otherwise 0.
    pub(crate) array: u16,
}

impl TreeRoot {
    pub(crate) fn link(&self) -> Link {
        Link { address: self.address, checksum: self.checksum }
    }
}

/// The checksum that the file format uses: CRC-32 (IEEE).
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The page that an address lies in.
pub(crate) fn page_of(address: u64) -> u64 {
    address / PAGE_BYTES as u64
}

/// How many pages `bytes` bytes take.
pub(crate) fn pages_for(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_BYTES as u64)
}
