//! Nodes: those that are edited in memory, and references to read a node from memory or the file.
//! Used by reading and writing; only `branch_bytes.rs` knows the bytes of a branch.

use super::branch::BranchPage;
use super::edited_leaves::Slot;
use super::layout::Layout;
use super::probe::Probe;
use super::search::{Span, search_branch};
use crate::error::{Result, bail};
use crate::page::Link;
use crate::space::WriteSession;

/// A child of a branch in memory: a node in the file, or one that is edited.
#[derive(Debug)]
pub(super) enum Child {
    Stored(Link),
    /// A leaf of the tree's [`EditedLeaves`](super::edited_leaves::EditedLeaves).
    Leaf(Slot),
    Branch(Box<BranchNode>),
}

impl Child {
    /// A leaf without rows.
    pub(super) fn empty() -> Child {
        Child::Stored(Link::default())
    }

    /// The slot of a leaf in memory.
    pub(super) fn slot(&self) -> Option<Slot> {
        if let Child::Leaf(slot) = self { Some(*slot) } else { None }
    }
}

/// A branch in memory. Its keys are in normal form, side by side. A tree without a key has none.
#[derive(Debug, Default)]
pub(super) struct BranchNode {
    pub(super) keys: Vec<u8>,
    pub(super) rows: Vec<u64>,
    pub(super) children: Vec<Child>,
}

impl BranchNode {
    /// The branch in this page. Edits rely on its row counts and on the order of its keys, so both
    /// are checked here.
    pub(super) fn from_page(page: &BranchPage<'_>, layout: &Layout) -> Result<BranchNode> {
        let mut branch = BranchNode::default();
        for child in 0..page.len() {
            if page.is_keyed() {
                branch.keys.extend_from_slice(page.key(child));
            }
            branch.rows.push(page.rows(child));
            branch.children.push(Child::Stored(page.link(child)));
        }
        let add = |sum: u64, rows: &u64| if *rows == 0 { None } else { sum.checked_add(*rows) };
        if branch.rows.iter().try_fold(0, add) != Some(page.total_rows()) {
            return wrong_row_count();
        }
        let width = layout.key().width().max(1);
        if !branch.keys.chunks_exact(width).is_sorted_by(|key, next| key < next) {
            bail!(Corrupt, "the first keys in a branch are not in order; the file is damaged");
        }
        Ok(branch)
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

    /// Inserts a child at this index. `key` is empty in a tree without a key.
    pub(super) fn insert(&mut self, at: usize, key: &[u8], rows: u64, child: Child) {
        let bytes = at * key.len();
        self.keys.splice(bytes..bytes, key.iter().copied());
        self.rows.insert(at, rows);
        self.children.insert(at, child);
    }

    /// Appends a child. `key` is empty in a tree without a key.
    pub(super) fn push(&mut self, key: &[u8], rows: u64, child: Child) {
        self.keys.extend_from_slice(key);
        self.rows.push(rows);
        self.children.push(child);
    }

    pub(super) fn remove(&mut self, at: usize, width: usize) -> Child {
        self.keys.drain(at * width..(at + 1) * width);
        self.rows.remove(at);
        self.children.remove(at)
    }

    /// Moves the children from `at` on to a new branch.
    pub(super) fn split_off(&mut self, at: usize, width: usize) -> BranchNode {
        BranchNode {
            keys: self.keys.split_off(at * width),
            rows: self.rows.split_off(at),
            children: self.children.split_off(at),
        }
    }

    pub(super) fn append(&mut self, mut other: BranchNode) {
        self.keys.append(&mut other.keys);
        self.rows.append(&mut other.rows);
        self.children.append(&mut other.children);
    }
}

/// A branch to read from: in the file, or in memory.
#[derive(Clone, Copy)]
pub(super) enum BranchRef<'a> {
    Stored(BranchPage<'a>),
    Owned(&'a BranchNode),
}

impl<'a> BranchRef<'a> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            BranchRef::Stored(page) => page.len(),
            BranchRef::Owned(branch) => branch.len(),
        }
    }

    #[inline]
    pub(super) fn rows(&self, child: usize) -> u64 {
        match self {
            BranchRef::Stored(page) => page.rows(child),
            BranchRef::Owned(branch) => branch.rows[child],
        }
    }

    /// The first keys below the children, in normal form, side by side.
    #[inline(always)]
    fn keys(&self) -> &'a [u8] {
        match self {
            BranchRef::Stored(page) => page.keys(),
            BranchRef::Owned(branch) => &branch.keys,
        }
    }

    #[inline(always)]
    pub(super) fn child(&self, child: usize) -> ChildRef<'a> {
        match self {
            BranchRef::Stored(page) => ChildRef::Stored(page.link(child)),
            BranchRef::Owned(branch) => ChildRef::from(&branch.children[child]),
        }
    }

    /// The keys between which the rows of a child lie, if they are known. `span` has those of the
    /// whole branch.
    #[inline(always)]
    pub(super) fn span<P: Probe>(
        &self,
        probe: P,
        child: usize,
        span: Option<Span<P::Word>>,
    ) -> Option<Span<P::Word>> {
        let width = probe.width();
        let key = |child: usize| self.keys().get(child * width..).filter(|key| key.len() >= width);
        let low = probe.normal(key(child)?);
        let high = match key(child + 1) {
            Some(key) => probe.normal(key),
            None => span?.high,
        };
        Some(Span { low, high })
    }

    /// The child that holds a key, if any child does.
    #[inline(always)]
    pub(super) fn child_for<P: Probe>(&self, probe: P, target: P::Word) -> usize {
        search_branch(probe, self.keys(), self.len(), target, None)
    }
}

/// A node to read from: in the file, or in memory.
#[derive(Clone, Copy)]
pub(super) enum ChildRef<'a> {
    Stored(Link),
    Leaf(Slot),
    Branch(&'a BranchNode),
    /// The root of a tree whose session has failed: reading it gives the error of the session.
    Refused(&'a WriteSession),
}

impl<'a> From<&'a Child> for ChildRef<'a> {
    fn from(child: &'a Child) -> ChildRef<'a> {
        match child {
            Child::Stored(link) => ChildRef::Stored(*link),
            Child::Leaf(slot) => ChildRef::Leaf(*slot),
            Child::Branch(branch) => ChildRef::Branch(branch),
        }
    }
}

/// The error if a leaf is found where a branch must be, or the other way round.
#[cold]
pub(super) fn wrong_level<T>() -> Result<T> {
    bail!(Corrupt, "a leaf stands where a branch belongs; the file is damaged")
}

/// The error if the row counts of a branch disagree with its parent.
#[cold]
pub(super) fn wrong_row_count<T>() -> Result<T> {
    bail!(Corrupt, "the rows below a branch do not add up to what its parent says; the file is damaged")
}
