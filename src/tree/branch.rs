//! Branch pages: the layout on disk.
//!
//! ```text
//! with keys, C = (4096 - 8) / (key width + 20) children:          without, 256 children:
//!   0        children u16, level u8, zeros                          0     addresses u64 × 256
//!   8        first keys, normal form, C × key width                 2048  checksums u32 × 256
//!   …        addresses u64 × C                                      3072  zeros
//!   …        rows below u64 × C
//!   …        checksums u32 × C
//! ```

use super::layout::{BRANCH_HEADER, DENSE_CHILDREN, Layout};
use crate::error::{Result, fail};
use crate::page::{Link, PAGE_BYTES};

/// A branch page as it lies in the file.
#[derive(Clone, Copy)]
pub(super) struct BranchPage<'a> {
    page: &'a [u8],
    layout: &'a Layout,
    children: usize,
    level: u32,
    /// Rows below the whole branch.
    rows: u64,
}

impl<'a> BranchPage<'a> {
    /// Reads the page as a branch of this level with so many rows below. What it says must fit both.
    #[inline(always)]
    pub(super) fn new(page: &'a [u8], layout: &'a Layout, level: u32, rows: u64) -> Result<BranchPage<'a>> {
        let children = if layout.is_keyed() {
            let children = usize::from(u16::from_le_bytes([page[0], page[1]]));
            if children == 0 || children > layout.children() || u32::from(page[2]) != level {
                return damaged(children, page[2], level);
            }
            children
        } else {
            let full_before = rows.saturating_sub(1) >> layout.dense_shift(level - 1);
            if rows == 0 || full_before >= DENSE_CHILDREN as u64 {
                return damaged(full_before as usize + 1, 0, level);
            }
            full_before as usize + 1
        };
        Ok(BranchPage { page, layout, children, level, rows })
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.children
    }

    #[inline]
    pub(super) fn link(&self, child: usize) -> Link {
        if !self.layout.is_keyed() {
            return dense_link(self.page, child);
        }
        let addresses = self.addresses();
        let checksums = addresses + self.layout.children() * 16;
        Link {
            address: u64_at(self.page, addresses + child * 8),
            checksum: u32_at(self.page, checksums + child * 4),
        }
    }

    pub(super) fn is_keyed(&self) -> bool {
        self.layout.is_keyed()
    }

    /// Rows below all children.
    pub(super) fn total_rows(&self) -> u64 {
        self.rows
    }

    /// Rows below one child.
    #[inline]
    pub(super) fn rows(&self, child: usize) -> u64 {
        if self.layout.is_keyed() {
            u64_at(self.page, self.addresses() + (self.layout.children() + child) * 8)
        } else {
            let full = self.layout.dense_capacity(self.level - 1);
            full.min(self.rows - child as u64 * full)
        }
    }

    /// The first keys below the children, in normal form, side by side, and what follows them.
    #[inline]
    pub(super) fn keys(&self) -> &'a [u8] {
        &self.page[BRANCH_HEADER..]
    }

    /// The first key below a child, in normal form.
    #[inline]
    pub(super) fn key(&self, child: usize) -> &'a [u8] {
        let width = self.layout.key().width();
        &self.page[BRANCH_HEADER + child * width..][..width]
    }

    #[inline]
    fn addresses(&self) -> usize {
        BRANCH_HEADER + self.layout.children() * self.layout.key().width()
    }
}

/// The link of one child of a branch without keys; all zeros where there is none.
#[inline]
fn dense_link(page: &[u8], child: usize) -> Link {
    Link { address: u64_at(page, child * 8), checksum: u32_at(page, DENSE_CHILDREN * 8 + child * 4) }
}

#[inline]
pub(super) fn u64_at(page: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(page[at..at + 8].try_into().unwrap_or_default())
}

#[inline]
fn u32_at(page: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(page[at..at + 4].try_into().unwrap_or_default())
}

#[cold]
fn damaged<T>(children: usize, level: u8, expected: u32) -> Result<T> {
    fail!(
        Corrupt,
        "a branch of level {expected} says that it has {children} children and level {level}; the file is damaged"
    )
}

/// The page of a branch, from its columns.
pub(super) fn encode(
    layout: &Layout,
    level: u32,
    keys: &[u8],
    rows: &[u64],
    links: &[Link],
) -> [u8; PAGE_BYTES] {
    let mut page = [0; PAGE_BYTES];
    let (addresses, checksums) = if layout.is_keyed() {
        page[..2].copy_from_slice(&(links.len() as u16).to_le_bytes());
        page[2] = level as u8;
        page[BRANCH_HEADER..BRANCH_HEADER + keys.len()].copy_from_slice(keys);
        let addresses = BRANCH_HEADER + layout.children() * layout.key().width();
        let below = addresses + layout.children() * 8;
        for (to, rows) in page[below..].chunks_exact_mut(8).zip(rows) {
            to.copy_from_slice(&rows.to_le_bytes());
        }
        (addresses, addresses + layout.children() * 16)
    } else {
        (0, DENSE_CHILDREN * 8)
    };
    for (to, link) in page[addresses..].chunks_exact_mut(8).zip(links) {
        to.copy_from_slice(&link.address.to_le_bytes());
    }
    for (to, link) in page[checksums..].chunks_exact_mut(4).zip(links) {
        to.copy_from_slice(&link.checksum.to_le_bytes());
    }
    page
}
