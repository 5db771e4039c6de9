//! `BranchPage`: a branch as it lies in the file, whose counts are checked when it is read. All
//! checked reading and all writing of branches uses it; `branch_bytes.rs` has the layout.

use super::branch_bytes::{self, Columns, DENSE_CHILDREN, children_and_level, dense_link};
use super::layout::Layout;
use crate::error::{Result, bail};
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
    /// Reads the page as a branch of this level with this many rows below it. Both must be
    /// possible.
    #[inline(always)]
    pub(super) fn new(page: &'a [u8], layout: &'a Layout, level: u32, rows: u64) -> Result<BranchPage<'a>> {
        let children = if layout.is_keyed() {
            let (children, level_here) = children_and_level(page);
            if children == 0 || children > layout.children() || level_here != level {
                return damaged(children, level_here, level);
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
        self.columns().link(self.page, child)
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
            self.columns().rows_below(self.page, child)
        } else {
            let full = self.layout.dense_capacity(self.level - 1);
            full.min(self.rows - child as u64 * full)
        }
    }

    /// The first keys below the children, in normal form, side by side, and what follows them.
    #[inline]
    pub(super) fn keys(&self) -> &'a [u8] {
        &self.page[self.columns().key_at(0)..]
    }

    /// The first key below a child, in normal form.
    #[inline]
    pub(super) fn key(&self, child: usize) -> &'a [u8] {
        &self.page[self.columns().key_at(child)..self.columns().key_at(child + 1)]
    }

    #[inline(always)]
    fn columns(&self) -> Columns {
        self.layout.columns()
    }
}

#[cold]
fn damaged<T>(children: usize, level: u32, expected: u32) -> Result<T> {
    bail!(
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
    if layout.is_keyed() {
        branch_bytes::write(&mut page, layout.columns(), level, keys, rows, links);
    } else {
        branch_bytes::write_dense(&mut page, links);
    }
    page
}
