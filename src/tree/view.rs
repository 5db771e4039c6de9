//! `View`: a tree to read from, by number or by key. It tries the fast path first, and otherwise
//! reads with checks, so that damage is reported. All rooms above read trees through it.

use std::num::NonZero;

use super::branch::BranchPage;
use super::edited_leaves::EditedLeaves;
use super::key::{KeyShape, Normal};
use super::layout::Layout;
use super::leaf_directory::LeafDirectory;
use super::node::{BranchRef, ChildRef, wrong_level, wrong_row_count};
use super::probe::{Leading, Probe, with_probe};
use super::search::{first_guess, prefetch_around, search_leaf};
use crate::error::{Result, bail};
use crate::page::{Link, PAGE_BYTES, PageView, TreeRoot};

/// A tree to read from: a committed one, or one that is being edited.
///
/// Its records live as long as the borrow that it was made from: that of the snapshot, or that of
/// the `TreeWriter`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(super) pages: PageView<'a>,
    pub(super) layout: &'a Layout,
    pub(super) root: ChildRef<'a>,
    pub(super) rows: u64,
    pub(super) height: u32,
    /// The address of the first row, if the root says that the leaves are one array.
    pub(super) array: Option<NonZero<u64>>,
    /// The leaves that are edited, in a tree of a write transaction.
    pub(super) leaves: Option<&'a EditedLeaves>,
    /// The directory of a committed tree, if it has one.
    pub(super) directory: Option<&'a LeafDirectory>,
}

/// The position of a key in a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rank {
    /// How many rows have a lower key.
    pub(crate) rank: u64,
    /// Whether there is a row with this key.
    pub(crate) found: bool,
}

/// The position of a key in its leaf, whether it is there or not.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) leaf: &'a [u8],
    /// How many rows the leaf has.
    pub(super) rows: usize,
    /// How many rows come before the leaf.
    pub(super) before: u64,
    /// How many rows of the leaf have a lower key.
    pub(super) index: usize,
}

impl<'a> View<'a> {
    /// A committed tree.
    pub(crate) fn new(pages: PageView<'a>, layout: &'a Layout, root: TreeRoot) -> Result<View<'a>> {
        let fits = root.rows.checked_mul(layout.width() as u64).is_some_and(|bytes| bytes <= pages.limit());
        if !fits {
            bail!(
                Corrupt,
                "a tree says that it has {} rows, more than the file holds; the file is damaged",
                root.rows
            );
        }
        let height = match root.rows {
            0 => 0,
            _ if layout.is_keyed() => root.height.into(),
            rows => layout.dense_height(rows),
        };
        if root.array > 1 {
            bail!(Corrupt, "a root says {} where 0 or 1 must stand; the file is damaged", root.array);
        }
        if height != u32::from(root.height) || height > Layout::HEIGHT_LIMIT {
            bail!(
                Corrupt,
                "a tree of {} rows says that it has {} levels; the file is damaged",
                root.rows,
                root.height
            );
        }
        let stored = ChildRef::Stored(root.link());
        let mut view = View {
            pages,
            layout,
            root: stored,
            rows: root.rows,
            height,
            array: None,
            leaves: None,
            directory: None,
        };
        if root.array == 1 && root.rows > 0 {
            view.array = view.first_leaf();
        }
        Ok(view)
    }

    /// The same tree with its directory, which must belong to this state of it.
    pub(crate) fn with_directory(self, directory: &'a LeafDirectory) -> View<'a> {
        View { directory: Some(directory), ..self }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// An empty tree with the same layout.
    pub(crate) fn emptied(&self) -> View<'a> {
        View {
            root: ChildRef::Stored(Link::default()),
            rows: 0,
            height: 0,
            array: None,
            directory: None,
            ..*self
        }
    }

    pub(crate) fn layout(&self) -> &'a Layout {
        self.layout
    }

    pub(crate) fn height(&self) -> u32 {
        self.height
    }

    /// The record with this number, in key order if there is a key. O(height).
    pub(crate) fn record(&self, row: u64) -> Result<Option<&'a [u8]>> {
        if row >= self.rows {
            return Ok(None);
        }
        if let Some(record) = self.fast_row(row) {
            return Ok(Some(record));
        }
        let (leaf, first) = self.leaf_of(row)?;
        let width = self.layout.width();
        let at = (row - first) as usize * width;
        Ok(Some(&leaf[at..at + width]))
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

    /// The address of the first leaf. `None` if the path to it is damaged: the read that takes this
    /// path reports it.
    fn first_leaf(&self) -> Option<NonZero<u64>> {
        let (mut child, mut rows) = (self.root, self.rows);
        for level in (1..=self.height).rev() {
            let branch = self.branch(child, level, rows).ok()?;
            (child, rows) = (branch.child(0), branch.rows(0));
        }
        match child {
            ChildRef::Stored(link) => NonZero::new(link.address),
            ChildRef::Leaf(_) | ChildRef::Branch(_) | ChildRef::Refused(_) => None,
        }
    }

    /// The child of a branch that holds a row, and how many rows of the branch come before that
    /// child. `row` counts from the first row of the branch.
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
        wrong_row_count()
    }

    /// The record with this key (as it is stored). O(height × log of the branch).
    #[inline(always)]
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<&'a [u8]>> {
        with_probe!(self.layout.key(), probe => self.find_with(probe, key))
    }

    /// Prefetches what a look-up or an edit of this stored key will read, if all nodes on the way
    /// are in memory: for the keys that come next.
    pub(crate) fn prefetch(&self, key: &[u8]) {
        with_probe!(self.layout.key(), probe => {
            let target = probe.stored(key);
            let (mut child, mut span) = (self.root, None);
            while let ChildRef::Branch(branch) = child {
                let branch = BranchRef::Owned(branch);
                let index = branch.child_for(probe, target);
                span = branch.span(probe, index, span);
                child = branch.child(index);
            }
            if let (ChildRef::Leaf(slot), Some(leaves), Some(_)) = (child, self.leaves, span) {
                let (leaf, width) = (leaves.get(slot), self.layout.width());
                if let Some(guess) = first_guess(probe, leaf, leaf.len() / width, width, target, span) {
                    prefetch_around(leaf, guess.row * width);
                }
            }
        });
    }

    #[inline(never)]
    fn find_with<P: Probe>(&self, probe: P, key: &[u8]) -> Result<Option<&'a [u8]>> {
        self.find_word(probe, probe.stored(key))
    }

    /// The record with this key.
    #[inline(always)]
    pub(super) fn find_word<P: Probe>(&self, probe: P, target: P::Word) -> Result<Option<&'a [u8]>> {
        match self.fast_find(probe, target) {
            Some(found) => Ok(found),
            None => self.find_checked(probe, target),
        }
    }

    /// The same for nodes in memory, or nodes that were not verified yet.
    #[cold]
    #[inline(never)]
    pub(super) fn find_checked<P: Probe>(&self, probe: P, target: P::Word) -> Result<Option<&'a [u8]>> {
        let (mut child, mut rows, mut level, mut span) = (self.root, self.rows, self.height, None);
        while level > 0 {
            let branch = self.branch(child, level, rows)?;
            let index = branch.child_for(probe, target);
            span = branch.span(probe, index, span);
            (child, rows) = (branch.child(index), branch.rows(index));
            level -= 1;
        }
        let leaf = self.leaf(child, rows)?;
        let width = self.layout.width();
        let index = search_leaf(probe, leaf, leaf.len() / width, width, target, span);
        let record = leaf.get(index * width..(index + 1) * width);
        Ok(record.filter(|record| probe.stored(record) == target))
    }

    /// The first record whose leading key fields, of this shape, are not below these stored values.
    /// O(height × log of the branch) in a committed tree: nearly always the record lies in the leaf
    /// that the descent reaches.
    #[inline(always)]
    pub(crate) fn first_from(&self, leading: &KeyShape, values: &[u8]) -> Result<Option<&'a [u8]>> {
        let width = self.layout.key().width();
        match with_probe!(leading, probe => self.fast_first_from(Leading { probe, width }, values)) {
            Some(found) => Ok(Some(found)),
            None => self.first_checked(leading, values),
        }
    }

    #[inline(never)]
    fn first_checked(&self, leading: &KeyShape, values: &[u8]) -> Result<Option<&'a [u8]>> {
        let key = self.layout.key();
        let mut stored = vec![0; key.width()];
        stored[..leading.width()].copy_from_slice(&values[..leading.width()]);
        self.record(self.place_of(&key.normal(&stored).prefix(leading.width(), 0x00))?.rank)
    }

    /// The rank of a stored key. O(height × children).
    pub(crate) fn place(&self, key: &[u8]) -> Result<Rank> {
        with_probe!(self.layout.key(), probe => self.place_with(probe, probe.stored(key)))
    }

    /// The rank of a key in normal form.
    fn place_of(&self, key: &Normal) -> Result<Rank> {
        with_probe!(self.layout.key(), probe => self.place_with(probe, probe.normal(key)))
    }

    fn place_with<P: Probe>(&self, probe: P, target: P::Word) -> Result<Rank> {
        let spot = self.spot(probe, target)?;
        let record = spot.leaf.get(spot.index * self.layout.width()..);
        let found = record.is_some_and(|record| !record.is_empty() && probe.stored(record) == target);
        Ok(Rank { rank: self.rank(&spot, spot.index), found })
    }

    /// The number of a row of a leaf. A damaged file may count more rows in its branches than at
    /// its root, so this is at most the number of rows of the tree.
    pub(super) fn rank(&self, spot: &Spot<'_>, index: usize) -> u64 {
        spot.before.wrapping_add(index as u64).min(self.rows)
    }

    /// The position of the first key that is not below this one, in the leaf that this one belongs
    /// to.
    #[inline(always)]
    pub(super) fn spot<P: Probe>(&self, probe: P, target: P::Word) -> Result<Spot<'a>> {
        match self.fast_spot(probe, target) {
            Some(spot) => Ok(spot),
            None => self.spot_checked(probe, target),
        }
    }

    /// The same for nodes in memory, or nodes that were not verified yet.
    #[cold]
    #[inline(never)]
    fn spot_checked<P: Probe>(&self, probe: P, target: P::Word) -> Result<Spot<'a>> {
        let (mut child, mut rows, mut level, mut rank) = (self.root, self.rows, self.height, 0u64);
        let mut span = None;
        while level > 0 {
            let branch = self.branch(child, level, rows)?;
            let index = branch.child_for(probe, target);
            span = branch.span(probe, index, span);
            for before in 0..index {
                rank = rank.wrapping_add(branch.rows(before));
            }
            (child, rows) = (branch.child(index), branch.rows(index));
            level -= 1;
        }
        let leaf = self.leaf(child, rows)?;
        let width = self.layout.width();
        let rows = leaf.len() / width;
        let index = search_leaf(probe, leaf, rows, width, target, span);
        Ok(Spot { leaf, rows, before: rank, index })
    }

    /// The branch that a child is. `rows` is the number of rows below it, as its parent says.
    #[inline(always)]
    pub(super) fn branch(&self, child: ChildRef<'a>, level: u32, rows: u64) -> Result<BranchRef<'a>> {
        match child {
            ChildRef::Stored(link) => {
                let page = self.pages.read(link, PAGE_BYTES)?;
                Ok(BranchRef::Stored(BranchPage::new(page, self.layout, level, rows)?))
            }
            ChildRef::Branch(branch) => Ok(BranchRef::Owned(branch)),
            ChildRef::Leaf(_) => wrong_level(),
            ChildRef::Refused(session) => session.refuse(),
        }
    }

    /// The records of the leaf that a child is.
    #[inline(always)]
    pub(super) fn leaf(&self, child: ChildRef<'a>, rows: u64) -> Result<&'a [u8]> {
        match child {
            ChildRef::Stored(_) if rows == 0 => Ok(&[]),
            ChildRef::Stored(link) => self.pages.read(link, self.leaf_len(rows)?),
            ChildRef::Leaf(slot) => match self.leaves {
                Some(leaves) => Ok(leaves.get(slot)),
                None => wrong_level(),
            },
            ChildRef::Branch(_) => wrong_level(),
            ChildRef::Refused(session) => session.refuse(),
        }
    }

    /// The bytes of a leaf with this many rows.
    #[inline]
    pub(super) fn leaf_len(&self, rows: u64) -> Result<usize> {
        if rows > self.layout.leaf_rows() as u64 {
            bail!(
                Corrupt,
                "a leaf says that it has {rows} rows, more than the {} that fit; the file is damaged",
                self.layout.leaf_rows()
            );
        }
        Ok(rows as usize * self.layout.width())
    }
}
