//! The bytes of a branch page: where each number lies. `branch.rs` reads and writes whole branches
//! with it, `fast_get.rs` single numbers of pages that were verified. Nothing here is checked.
//!
//! ```text
//! with keys, C = (4096 - 8) / (key width + 20) children:          without, 256 children:
//!   0        children u16, level u8, zeros                          0     addresses u64 × 256
//!   8        first keys, normal form, C × key width                 2048  checksums u32 × 256
//!   …        addresses u64 × C                                      3072  zeros
//!   …        rows below u64 × C
//!   …        checksums u32 × C
//! ```

use crate::page::{Link, PAGE_BYTES};

/// A branch of a tree with a key starts with its number of children and its level.
const HEADER: usize = 8;

/// Children of a full branch without keys: a power of two, so that shifts take a row number apart.
pub(super) const DENSE_CHILDREN: usize = 256;

/// Bytes per child beside its key: address, rows, checksum.
pub(super) const CHILD_BYTES: usize = 8 + 8 + 4;

/// Where the columns of a branch with keys lie.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    /// Children of a full branch.
    pub(super) children: usize,
    pub(super) key_width: usize,
}

impl Columns {
    /// The most children that fit into a branch with keys of this width.
    pub(super) const fn children_of(key_width: usize) -> usize {
        (PAGE_BYTES - HEADER) / (key_width + CHILD_BYTES)
    }

    #[inline(always)]
    pub(super) fn key_at(self, child: usize) -> usize {
        HEADER + child * self.key_width
    }

    #[inline(always)]
    pub(super) fn address_at(self, child: usize) -> usize {
        HEADER + self.children * self.key_width + child * 8
    }

    #[inline(always)]
    pub(super) fn rows_at(self, child: usize) -> usize {
        self.address_at(self.children + child)
    }

    #[inline(always)]
    pub(super) fn checksum_at(self, child: usize) -> usize {
        self.address_at(2 * self.children) + child * 4
    }

    /// The address of a child.
    #[inline(always)]
    pub(super) fn child_address(self, page: &[u8], child: usize) -> u64 {
        u64_at(page, self.address_at(child))
    }

    /// The rows below a child.
    #[inline(always)]
    pub(super) fn rows_below(self, page: &[u8], child: usize) -> u64 {
        u64_at(page, self.rows_at(child))
    }

    /// The rows below all children before this one. `None` if the branch cannot have that many.
    #[inline(always)]
    pub(super) fn rows_before(self, page: &[u8], child: usize) -> Option<u64> {
        let rows = page.get(self.rows_at(0)..)?.get(..child.checked_mul(8)?)?;
        let rows = rows.as_chunks().0.iter().map(|rows| u64::from_le_bytes(*rows));
        Some(rows.fold(0, u64::wrapping_add))
    }

    /// The first keys below the first `children` children, side by side.
    #[inline(always)]
    pub(super) fn keys(self, page: &[u8], children: usize) -> &[u8] {
        &page[HEADER..HEADER + children * self.key_width]
    }

    #[inline]
    pub(super) fn link(self, page: &[u8], child: usize) -> Link {
        let checksum = u32_at(page, self.checksum_at(child));
        Link { address: self.child_address(page, child), checksum }
    }
}

/// How many children a branch with keys says that it has, and which level.
#[inline(always)]
pub(super) fn children_and_level(page: &[u8]) -> (usize, u32) {
    (usize::from(u16::from_le_bytes([page[0], page[1]])), u32::from(page[2]))
}

/// The address of a child of a branch without keys.
#[inline(always)]
pub(super) fn dense_child_address(page: &[u8], child: usize) -> u64 {
    u64_at(page, child * 8)
}

/// The link of a child of a branch without keys. All zeros if there is no such child.
#[inline]
pub(super) fn dense_link(page: &[u8], child: usize) -> Link {
    let checksum = u32_at(page, DENSE_CHILDREN * 8 + child * 4);
    Link { address: dense_child_address(page, child), checksum }
}

/// Writes a branch with keys.
pub(super) fn write(
    page: &mut [u8; PAGE_BYTES],
    columns: Columns,
    level: u32,
    keys: &[u8],
    rows: &[u64],
    links: &[Link],
) {
    page[..2].copy_from_slice(&(links.len() as u16).to_le_bytes());
    page[2] = level as u8;
    page[HEADER..HEADER + keys.len()].copy_from_slice(keys);
    for (to, rows) in page[columns.rows_at(0)..].chunks_exact_mut(8).zip(rows) {
        to.copy_from_slice(&rows.to_le_bytes());
    }
    write_links(page, columns.address_at(0), columns.checksum_at(0), links);
}

/// Writes a branch without keys.
pub(super) fn write_dense(page: &mut [u8; PAGE_BYTES], links: &[Link]) {
    write_links(page, 0, DENSE_CHILDREN * 8, links);
}

fn write_links(page: &mut [u8; PAGE_BYTES], addresses: usize, checksums: usize, links: &[Link]) {
    for (to, link) in page[addresses..].chunks_exact_mut(8).zip(links) {
        to.copy_from_slice(&link.address.to_le_bytes());
    }
    for (to, link) in page[checksums..].chunks_exact_mut(4).zip(links) {
        to.copy_from_slice(&link.checksum.to_le_bytes());
    }
}

#[inline]
fn u64_at(page: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(page[at..at + 8].try_into().unwrap_or_default())
}

#[inline]
fn u32_at(page: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(page[at..at + 4].try_into().unwrap_or_default())
}
