//! Reading a tree: a record by number, a record by key, the place of a key.

use super::branch::{BranchPage, dense_link};
use super::key::{Normal, Probe, with_probe};
use super::layout::{DENSE_CHILDREN, Layout};
use super::node::{BranchRef, ChildRef, Node};
use super::search::search_leaf;
use crate::error::{Result, fail};
use crate::page::{Link, PAGE_BYTES, PageView, TreeRoot};

/// A tree to read from: a committed one, or one that is being edited.
///
/// What it hands out lives as long as the borrow it was made from: the snapshot, or the shared borrow of the edit.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(super) pages: PageView<'a>,
    pub(super) layout: &'a Layout,
    pub(super) root: ChildRef<'a>,
    pub(super) rows: u64,
    pub(super) height: u32,
}

/// Where a key is, or would be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// How many rows have a lower key.
    pub(crate) rank: u64,
    pub(crate) found: bool,
}

impl<'a> View<'a> {
    /// A committed tree.
    pub(crate) fn new(pages: PageView<'a>, layout: &'a Layout, root: TreeRoot) -> Result<View<'a>> {
        let fits = root.rows.checked_mul(layout.width() as u64).is_some_and(|bytes| bytes <= pages.limit());
        if !fits {
            fail!(
                Corrupt,
                "a tree says that it has {} rows, more than the file holds; the file is damaged",
                root.rows
            );
        }
        let height = match root.rows {
            0 => 0,
            _ if layout.is_keyed() => root.height,
            rows => layout.dense_height(rows),
        };
        if height != root.height || height > Layout::HEIGHT_LIMIT {
            fail!(
                Corrupt,
                "a tree of {} rows says that it has {} levels; the file is damaged",
                root.rows,
                root.height
            );
        }
        Ok(View { pages, layout, root: ChildRef::Stored(root.link()), rows: root.rows, height })
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn layout(&self) -> &'a Layout {
        self.layout
    }

    pub(crate) fn height(&self) -> u32 {
        self.height
    }

    /// The record with this number, in key order where there is a key. O(height).
    #[inline]
    pub(crate) fn record(&self, row: u64) -> Result<Option<&'a [u8]>> {
        if row >= self.rows {
            return Ok(None);
        }
        let (leaf, first) = match self.root {
            ChildRef::Stored(root) if !self.layout.is_keyed() => self.dense_leaf_of(root, row)?,
            _ => self.leaf_of(row)?,
        };
        let width = self.layout.width();
        let at = (row - first) as usize * width;
        Ok(Some(&leaf[at..at + width]))
    }

    /// The same as [`leaf_of`](View::leaf_of) for a committed tree without a key: the row number, taken apart by shifts, says the
    /// way, and nothing but the links is read on it.
    #[inline]
    fn dense_leaf_of(&self, root: Link, row: u64) -> Result<(&'a [u8], u64)> {
        let mut link = root;
        for level in (1..=self.height).rev() {
            let page = self.pages.read(link, PAGE_BYTES)?;
            link = dense_link(page, (row >> self.layout.dense_shift(level - 1)) as usize % DENSE_CHILDREN);
        }
        let leaf_rows = self.layout.leaf_rows() as u64;
        let first = row & !(leaf_rows - 1);
        let rows = leaf_rows.min(self.rows - first);
        Ok((self.pages.read(link, rows as usize * self.layout.width())?, first))
    }

    /// The leaf that holds a row, and the number of its first row. The row must exist.
    #[inline]
    pub(super) fn leaf_of(&self, row: u64) -> Result<(&'a [u8], u64)> {
        let (mut child, mut rows, mut level, mut first) = (self.root, self.rows, self.height, 0);
        while level > 0 {
            let branch = self.branch(child, level, rows)?;
            let (index, before) = self.child_of_row(&branch, row - first, level)?;
            first += before;
            (child, rows) = (branch.child(index), branch.rows(index));
            level -= 1;
        }
        Ok((self.leaf(child, rows)?, first))
    }

    /// Which child of a branch holds its row with this number, and how many rows come before that child.
    #[inline]
    pub(super) fn child_of_row(&self, branch: &BranchRef<'a>, row: u64, level: u32) -> Result<(usize, u64)> {
        if !self.layout.is_keyed() {
            let shift = self.layout.dense_shift(level - 1);
            let index = row >> shift;
            if index < branch.len() as u64 {
                return Ok((index as usize, index << shift));
            }
        } else {
            let mut before = 0;
            for index in 0..branch.len() {
                let rows = branch.rows(index);
                if row - before < rows {
                    return Ok((index, before));
                }
                before += rows;
            }
        }
        fail!(Corrupt, "the rows below a branch do not add up to what its parent says; the file is damaged")
    }

    /// The record with this key (as it is stored). O(height × log of the branch).
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<&'a [u8]>> {
        with_probe!(self.layout.key(), probe => self.find_with(probe, key))
    }

    #[inline]
    fn find_with<P: Probe>(&self, probe: P, key: &[u8]) -> Result<Option<&'a [u8]>> {
        let target = probe.stored(key);
        let (mut child, mut rows, mut level) = (self.root, self.rows, self.height);
        let (mut low, mut high) = (None, None);
        while level > 0 {
            let branch = self.branch(child, level, rows)?;
            let index = branch.child_for(probe, target);
            low = Some(probe.normal(branch.key(index)));
            if index + 1 < branch.len() {
                high = Some(probe.normal(branch.key(index + 1)));
            }
            (child, rows) = (branch.child(index), branch.rows(index));
            level -= 1;
        }
        let leaf = self.leaf(child, rows)?;
        let width = self.layout.width();
        let index = search_leaf(probe, leaf, width, target, low.zip(high));
        let record = leaf.get(index * width..(index + 1) * width);
        Ok(record.filter(|record| probe.stored(record) == target))
    }

    /// The place of a stored key. O(height × children).
    pub(crate) fn place(&self, key: &[u8]) -> Result<Place> {
        self.place_of(&self.layout.key().normal(key))
    }

    /// How many rows have a key below this one, which is in normal form and may be no row's.
    pub(crate) fn place_of(&self, key: &Normal) -> Result<Place> {
        with_probe!(self.layout.key(), probe => self.place_with(probe, probe.normal(key)))
    }

    fn place_with<P: Probe>(&self, probe: P, target: P::Word) -> Result<Place> {
        let (mut child, mut rows, mut level, mut rank) = (self.root, self.rows, self.height, 0u64);
        while level > 0 {
            let branch = self.branch(child, level, rows)?;
            let index = branch.child_for(probe, target);
            for before in 0..index {
                rank = rank.wrapping_add(branch.rows(before));
            }
            (child, rows) = (branch.child(index), branch.rows(index));
            level -= 1;
        }
        let leaf = self.leaf(child, rows)?;
        let width = self.layout.width();
        let index = search_leaf(probe, leaf, width, target, None);
        let found =
            leaf.get(index * width..(index + 1) * width).is_some_and(|record| probe.stored(record) == target);
        // A damaged file may count more rows in its branches than at its root; no caller may get past the rows there are.
        Ok(Place { rank: rank.wrapping_add(index as u64).min(self.rows), found })
    }

    /// The branch that a child is. `rows` is what its parent says is below it.
    #[inline(always)]
    pub(super) fn branch(&self, child: ChildRef<'a>, level: u32, rows: u64) -> Result<BranchRef<'a>> {
        match child {
            ChildRef::Stored(link) => {
                let page = self.pages.read(link, PAGE_BYTES)?;
                Ok(BranchRef::Stored(BranchPage::new(page, self.layout, level, rows)?))
            }
            ChildRef::Owned(Node::Branch(branch)) => Ok(BranchRef::Edited(branch, self.layout)),
            ChildRef::Owned(Node::Leaf(_)) => wrong_level(),
        }
    }

    /// The records of the leaf that a child is.
    #[inline(always)]
    pub(super) fn leaf(&self, child: ChildRef<'a>, rows: u64) -> Result<&'a [u8]> {
        match child {
            ChildRef::Stored(_) if rows == 0 => Ok(&[]),
            ChildRef::Stored(link) => self.pages.read(link, self.leaf_len(rows)?),
            ChildRef::Owned(Node::Leaf(leaf)) => Ok(leaf.as_slice()),
            ChildRef::Owned(Node::Branch(_)) => wrong_level(),
        }
    }

    /// The bytes of a leaf with so many rows.
    #[inline]
    pub(super) fn leaf_len(&self, rows: u64) -> Result<usize> {
        if rows > self.layout.leaf_rows() as u64 {
            fail!(
                Corrupt,
                "a leaf says that it has {rows} rows, more than the {} that fit; the file is damaged",
                self.layout.leaf_rows()
            );
        }
        Ok(rows as usize * self.layout.width())
    }
}

#[cold]
fn wrong_level<T>() -> Result<T> {
    fail!(Corrupt, "a leaf stands where a branch belongs; the file is damaged")
}
