//! Nodes: in memory while they are edited, and as they are read, wherever they are.

use super::branch::BranchPage;
use super::key::Probe;
use super::layout::Layout;
use super::search::{Span, search_branch};
use crate::error::{Result, fail};
use crate::page::{Buffer, Link};

/// A node in memory.
#[derive(Debug)]
pub(crate) enum Node {
    Leaf(Buffer),
    Branch(Branch),
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
    /// The branch in this page. Edits rely on its counts and on the order of its keys, so both are looked at here.
    pub(super) fn from_page(page: &BranchPage<'_>, layout: &Layout) -> Result<Branch> {
        let mut branch = Branch::default();
        for child in 0..page.len() {
            if page.is_keyed() {
                branch.keys.extend_from_slice(page.key(child));
            }
            branch.rows.push(page.rows(child));
            branch.children.push(Child::Stored(page.link(child)));
        }
        let add = |sum: u64, rows: &u64| if *rows == 0 { None } else { sum.checked_add(*rows) };
        if branch.rows.iter().try_fold(0, add) != Some(page.total_rows()) {
            fail!(
                Corrupt,
                "the rows below a branch do not add up to what its parent says; the file is damaged"
            );
        }
        let width = layout.key().width().max(1);
        if !branch.keys.chunks_exact(width).is_sorted_by(|key, next| key < next) {
            fail!(Corrupt, "the first keys in a branch are not in order; the file is damaged");
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

    /// Between which keys the rows of a child lie, if that is known. `span` is the same of the branch.
    #[inline(always)]
    pub(super) fn span<P: Probe>(
        &self,
        probe: P,
        child: usize,
        span: Option<Span<P::Word>>,
    ) -> Option<Span<P::Word>> {
        let width = probe.width();
        let key = |child: usize| self.keys.get(child * width..).filter(|key| key.len() >= width);
        let low = probe.normal(key(child)?);
        let high = match key(child + 1) {
            Some(key) => probe.normal(key),
            None => span?.high,
        };
        Some(Span { low, high })
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

/// A branch to read from, stored or edited.
#[derive(Clone, Copy)]
pub(super) enum BranchRef<'a> {
    Stored(BranchPage<'a>),
    Edited(&'a Branch),
}

impl<'a> BranchRef<'a> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            BranchRef::Stored(page) => page.len(),
            BranchRef::Edited(branch) => branch.len(),
        }
    }

    #[inline]
    pub(super) fn rows(&self, child: usize) -> u64 {
        match self {
            BranchRef::Stored(page) => page.rows(child),
            BranchRef::Edited(branch) => branch.rows[child],
        }
    }

    /// The first keys below the children, in normal form, side by side.
    #[inline(always)]
    fn keys(&self) -> &'a [u8] {
        match self {
            BranchRef::Stored(page) => page.keys(),
            BranchRef::Edited(branch) => &branch.keys,
        }
    }

    #[inline(always)]
    pub(super) fn child(&self, child: usize) -> ChildRef<'a> {
        match self {
            BranchRef::Stored(page) => ChildRef::Stored(page.link(child)),
            BranchRef::Edited(branch) => ChildRef::from(&branch.children[child]),
        }
    }

    /// The child whose rows a key belongs to.
    #[inline(always)]
    pub(super) fn child_for<P: Probe>(&self, probe: P, target: P::Word) -> usize {
        search_branch(probe, self.keys(), self.len(), target, None)
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
