//! `Differences`: the records in which two trees of one layout differ, in order. Nodes that both
//! trees share are not read. `ReadTransaction::diff` uses it; it changes nothing.
//!
//! ```text
//!   old  ┌ a ┬ b ┬ c ┐    Two cursors move over the nodes. If both are about to enter the same
//!   new  └ a ┴ B ┴ c ┘    node of one file, they step over it: a held snapshot keeps its pages.
//!                         Else the higher node is opened, and two leaves are merged record by
//!                         record.
//! ```

use std::cmp::Ordering;

use super::branch::BranchPage;
use super::node::ChildRef;
use super::view::View;
use crate::error::{Result, bail};
use crate::page::{Link, PAGE_BYTES};

/// A record that differs between the trees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Difference<'a> {
    Removed(&'a [u8]),
    Added(&'a [u8]),
    Changed { old: &'a [u8], new: &'a [u8] },
}

/// How many nodes of both trees were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct NodesRead {
    pub(crate) leaves: u64,
    pub(crate) branches: u64,
}

/// The differences between two committed trees with the same width and key, in the order of keys or
/// numbers. Each comes with the number of its row in the new tree, or in the old tree if it was
/// removed. An error ends the iteration.
pub(crate) struct Differences<'a> {
    old: Side<'a>,
    new: Side<'a>,
    /// Whether equal links mean equal nodes: both trees are in one file, and both states are held.
    one_file: bool,
    read: NodesRead,
    failed: bool,
}

/// A cursor over one tree.
struct Side<'a> {
    view: View<'a>,
    /// The nodes that are not opened yet, the next one last.
    ahead: Vec<PendingNode<'a>>,
    /// The rest of the open leaf.
    records: &'a [u8],
    /// The number of its first record.
    row: u64,
}

/// A node that a cursor is about to enter.
#[derive(Clone, Copy)]
struct PendingNode<'a> {
    link: Link,
    level: u32,
    rows: u64,
    first_row: u64,
    /// The lowest key that can be below it, in normal form. `None` if it is not known, as for the
    /// root.
    low: Option<&'a [u8]>,
}

impl<'a> Side<'a> {
    fn new(view: View<'a>) -> Side<'a> {
        let mut ahead = Vec::new();
        if let ChildRef::Stored(link) = view.root
            && view.rows > 0
        {
            ahead.push(PendingNode { link, level: view.height, rows: view.rows, first_row: 0, low: None });
        }
        Side { view, ahead, records: &[], row: 0 }
    }

    fn is_keyed(&self) -> bool {
        self.view.layout.is_keyed()
    }

    fn record(&self) -> Option<&'a [u8]> {
        self.records.get(..self.view.layout.width())
    }

    /// Steps over the next record, and returns its number.
    fn step(&mut self) -> u64 {
        self.records = self.records.get(self.view.layout.width()..).unwrap_or_default();
        self.row += 1;
        self.row - 1
    }

    /// Opens the next node: replaces a branch by its children, and a leaf by its records.
    fn open(&mut self, read: &mut NodesRead) -> Result<()> {
        let Some(node) = self.ahead.pop() else { return Ok(()) };
        if node.level == 0 {
            self.records = self.view.leaf(ChildRef::Stored(node.link), node.rows)?;
            self.row = node.first_row;
            read.leaves += 1;
            return Ok(());
        }
        read.branches += 1;
        let page = self.view.pages.read(node.link, PAGE_BYTES)?;
        let branch = BranchPage::new(page, self.view.layout, node.level, node.rows)?;
        let at = self.ahead.len();
        let mut first_row = node.first_row;
        let end = node.first_row + node.rows;
        for child in 0..branch.len() {
            let rows = branch.rows(child);
            if rows == 0 || rows > end - first_row {
                break;
            }
            let low = self.is_keyed().then(|| branch.key(child));
            let (link, level) = (branch.link(child), node.level - 1);
            self.ahead.push(PendingNode { link, level, rows, first_row, low });
            first_row += rows;
        }
        if first_row != end {
            bail!(
                Corrupt,
                "the rows below the branch at {} are not what its parent says; the file is damaged",
                node.link.address
            );
        }
        self.ahead[at..].reverse();
        Ok(())
    }

    /// Whether all rows below the next node of this side come before the next node of the other
    /// side.
    fn is_before(&self, node: &PendingNode<'a>, other: &PendingNode<'a>) -> bool {
        if !self.is_keyed() {
            return node.first_row + node.rows <= other.first_row;
        }
        let behind = self.ahead.len().checked_sub(2).and_then(|at| self.ahead[at].low);
        matches!((behind, other.low), (Some(behind), Some(low)) if behind <= low)
    }

    /// Whether a record of this side comes before the next node of the other side.
    fn record_is_before(&self, record: &[u8], other: &PendingNode<'a>) -> bool {
        match other.low {
            Some(low) => *self.view.layout.key().normal(record) < *low,
            None => !self.is_keyed() && self.row < other.first_row,
        }
    }
}

impl<'a> Differences<'a> {
    /// `one_file` means that both are states of one file, and that both stay pinned during the
    /// comparison.
    pub(crate) fn new(old: View<'a>, new: View<'a>, one_file: bool) -> Differences<'a> {
        let (old, new) = (Side::new(old), Side::new(new));
        Differences { old, new, one_file, read: NodesRead::default(), failed: false }
    }

    /// How many nodes were read so far.
    pub(crate) fn nodes_read(&self) -> NodesRead {
        self.read
    }

    fn advance(&mut self) -> Result<Option<(u64, Difference<'a>)>> {
        loop {
            match (self.old.record(), self.new.record()) {
                (Some(old), Some(new)) => {
                    if let Some(found) = self.merge(old, new) {
                        return Ok(Some(found));
                    }
                }
                (Some(old), None) => match self.new.ahead.last() {
                    Some(node) if !self.old.record_is_before(old, node) => self.new.open(&mut self.read)?,
                    _ => return Ok(Some((self.old.step(), Difference::Removed(old)))),
                },
                (None, Some(new)) => match self.old.ahead.last() {
                    Some(node) if !self.new.record_is_before(new, node) => self.old.open(&mut self.read)?,
                    _ => return Ok(Some((self.new.step(), Difference::Added(new)))),
                },
                (None, None) => {
                    if !self.enter()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Steps over one record of each side, or over the lower one.
    fn merge(&mut self, old: &'a [u8], new: &'a [u8]) -> Option<(u64, Difference<'a>)> {
        let keyed = self.old.is_keyed();
        if old == new && (keyed || self.old.row == self.new.row) {
            self.old.step();
            self.new.step();
            return None;
        }
        let order = if keyed {
            let key = self.old.view.layout.key();
            key.normal(old).cmp(&key.normal(new))
        } else {
            self.old.row.cmp(&self.new.row)
        };
        match order {
            Ordering::Less => Some((self.old.step(), Difference::Removed(old))),
            Ordering::Greater => Some((self.new.step(), Difference::Added(new))),
            Ordering::Equal => {
                self.old.step();
                Some((self.new.step(), Difference::Changed { old, new }))
            }
        }
    }

    /// Called if no leaf is open: steps over a node that both sides share, or opens the next nodes.
    /// Returns `false` at the end.
    fn enter(&mut self) -> Result<bool> {
        let (Some(old), Some(new)) = (self.old.ahead.last(), self.new.ahead.last()) else {
            let side = if self.old.ahead.is_empty() { &mut self.new } else { &mut self.old };
            side.open(&mut self.read)?;
            return Ok(side.record().is_some() || !side.ahead.is_empty());
        };
        let same_place = self.old.is_keyed() || old.first_row == new.first_row;
        let same_shape = same_place && (old.level, old.rows) == (new.level, new.rows);
        if self.one_file && same_shape && old.link == new.link {
            self.old.ahead.pop();
            self.new.ahead.pop();
            return Ok(true);
        }
        let (old_level, new_level) = (old.level, new.level);
        if self.old.is_before(old, new) {
            self.old.open(&mut self.read)?;
        } else if self.new.is_before(new, old) {
            self.new.open(&mut self.read)?;
        } else {
            if old_level >= new_level {
                self.old.open(&mut self.read)?;
            }
            if new_level >= old_level {
                self.new.open(&mut self.read)?;
            }
            // Between two files a checksum proves nothing, so all bytes are compared, but not
            // record by record.
            if self.old.records == self.new.records && same_shape {
                (self.old.records, self.new.records) = (&[], &[]);
            }
        }
        Ok(true)
    }
}

impl<'a> Iterator for Differences<'a> {
    type Item = Result<(u64, Difference<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance();
        self.failed = next.is_err();
        next.transpose()
    }
}
