//! Branch pages: the layout on disk, and the same thing in memory while it is edited.
//!
//! ```text
//! with keys, C = (4096 - 8) / (key width + 20) children:          without, 256 children:
//!   0        children u16, level u8, zeros                          0     addresses u64 × 256
//!   8        first keys, normal form, C × key width                 2048  checksums u32 × 256
//!   …        addresses u64 × C                                      3072  zeros
//!   …        rows below u64 × C
//!   …        checksums u32 × C
//! ```

use super::edit::Node;
use super::key::{Probe, lower_bound};
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
    #[inline]
    pub(super) fn new(page: &'a [u8], layout: &'a Layout, level: u32, rows: u64) -> Result<BranchPage<'a>> {
        let children = if layout.is_keyed() {
            let children = usize::from(u16::from_le_bytes([page[0], page[1]]));
            if children == 0 || children > layout.children() || u32::from(page[2]) != level {
                return damaged(children, page[2], level);
            }
            children
        } else {
            let children = rows.div_ceil(layout.dense_capacity(level - 1)) as usize;
            if children == 0 || children > DENSE_CHILDREN {
                return damaged(children, 0, level);
            }
            children
        };
        Ok(BranchPage { page, layout, children, level, rows })
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.children
    }

    #[inline]
    pub(super) fn link(&self, child: usize) -> Link {
        let (addresses, checksums) = match self.layout.key().width() {
            0 => (0, DENSE_CHILDREN * 8),
            _ => (self.addresses(), self.addresses() + self.layout.children() * 16),
        };
        Link { address: self.u64_at(addresses + child * 8), checksum: self.u32_at(checksums + child * 4) }
    }

    /// Rows below one child.
    #[inline]
    pub(super) fn rows(&self, child: usize) -> u64 {
        if self.layout.is_keyed() {
            self.u64_at(self.addresses() + (self.layout.children() + child) * 8)
        } else {
            let full = self.layout.dense_capacity(self.level - 1);
            full.min(self.rows - child as u64 * full)
        }
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

    #[inline]
    fn u64_at(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.page[at..at + 8].try_into().unwrap_or_default())
    }

    #[inline]
    fn u32_at(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.page[at..at + 4].try_into().unwrap_or_default())
    }
}

#[cold]
fn damaged<T>(children: usize, level: u8, expected: u32) -> Result<T> {
    fail!(
        Corrupt,
        "a branch of level {expected} says that it has {children} children and level {level}; the file is damaged"
    )
}

/// A child of a branch that is being edited: where it was committed, or what it has become.
#[derive(Debug)]
pub(super) enum Child {
    Stored(Link),
    Owned(Box<Node>),
}

/// A branch in memory. Keys in normal form, side by side; none in a tree without a key.
#[derive(Debug, Default)]
pub(super) struct Branch {
    pub(super) keys: Vec<u8>,
    pub(super) rows: Vec<u64>,
    pub(super) children: Vec<Child>,
}

impl Branch {
    pub(super) fn from_page(page: &BranchPage<'_>) -> Branch {
        let mut branch = Branch::default();
        for child in 0..page.len() {
            if page.layout.is_keyed() {
                branch.keys.extend_from_slice(page.key(child));
            }
            branch.rows.push(page.rows(child));
            branch.children.push(Child::Stored(page.link(child)));
        }
        branch
    }

    pub(super) fn len(&self) -> usize {
        self.children.len()
    }

    pub(super) fn total_rows(&self) -> u64 {
        self.rows.iter().sum()
    }

    pub(super) fn key(&self, child: usize, width: usize) -> &[u8] {
        &self.keys[child * width..][..width]
    }

    /// Puts a child in at this place. `key` is empty in a tree without a key.
    pub(super) fn insert(&mut self, at: usize, key: &[u8], rows: u64, child: Child) {
        let bytes = at * key.len();
        self.keys.splice(bytes..bytes, key.iter().copied());
        self.rows.insert(at, rows);
        self.children.insert(at, child);
    }

    pub(super) fn remove(&mut self, at: usize, width: usize) -> Child {
        self.keys.drain(at * width..(at + 1) * width);
        self.rows.remove(at);
        self.children.remove(at)
    }

    /// Takes the children from `at` on into a new branch.
    pub(super) fn split_off(&mut self, at: usize, width: usize) -> Branch {
        Branch {
            keys: self.keys.split_off(at * width),
            rows: self.rows.split_off(at),
            children: self.children.split_off(at),
        }
    }

    pub(super) fn append(&mut self, mut other: Branch) {
        self.keys.append(&mut other.keys);
        self.rows.append(&mut other.rows);
        self.children.append(&mut other.children);
    }
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

/// A branch to read from, stored or edited.
#[derive(Clone, Copy)]
pub(super) enum BranchRef<'a> {
    Stored(BranchPage<'a>),
    Edited(&'a Branch, &'a Layout),
}

impl<'a> BranchRef<'a> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            BranchRef::Stored(page) => page.len(),
            BranchRef::Edited(branch, _) => branch.len(),
        }
    }

    #[inline]
    pub(super) fn rows(&self, child: usize) -> u64 {
        match self {
            BranchRef::Stored(page) => page.rows(child),
            BranchRef::Edited(branch, _) => branch.rows[child],
        }
    }

    #[inline]
    pub(super) fn key(&self, child: usize) -> &'a [u8] {
        match self {
            BranchRef::Stored(page) => page.key(child),
            BranchRef::Edited(branch, layout) => branch.key(child, layout.key().width()),
        }
    }

    #[inline]
    pub(super) fn child(&self, child: usize) -> ChildRef<'a> {
        match self {
            BranchRef::Stored(page) => ChildRef::Stored(page.link(child)),
            BranchRef::Edited(branch, _) => ChildRef::from(&branch.children[child]),
        }
    }

    /// The child whose rows a key belongs to: the last one whose first key is not above it, or the first one.
    #[inline]
    pub(super) fn child_for<P: Probe>(&self, probe: P, target: P::Word) -> usize {
        let above = 1 + lower_bound(self.len() - 1, target, |child| probe.normal(self.key(child + 1)));
        // `above` counts first keys below the target; an equal one belongs to the right.
        if above < self.len() && probe.normal(self.key(above)) == target { above } else { above - 1 }
    }
}

/// A node to read from: in the file, or in memory.
#[derive(Clone, Copy)]
pub(super) enum ChildRef<'a> {
    Stored(Link),
    Owned(&'a Node),
}

impl<'a> From<&'a Child> for ChildRef<'a> {
    fn from(child: &'a Child) -> ChildRef<'a> {
        match child {
            Child::Stored(link) => ChildRef::Stored(*link),
            Child::Owned(node) => ChildRef::Owned(node),
        }
    }
}
