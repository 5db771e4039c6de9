//! Removing many rows from a tree at once. A leaf that loses all its rows is unlinked without being
//! read; a leaf that loses some is copied into memory once. Part of `TreeWriter`.

use super::build::{Expected, TreeBuilder};
use super::leaf_edit::LeafEdit;
use super::node::{BranchNode, Child};
use super::row_set::{RowSet, Runs};
use super::writer::TreeWriter;
use crate::error::Result;
use crate::page::TreeRoot;

/// Memory for leaves that lose some of their rows.
const EDITED_BYTES: usize = 128 << 20;

/// The rows that are still to be removed, in the order of the descent.
struct RowsLeft<'r> {
    runs: Runs<'r>,
    current: Option<std::ops::Range<u64>>,
}

impl RowsLeft<'_> {
    /// Takes the next run that begins before `end`, up to `end`.
    fn take_before(&mut self, end: u64) -> Option<std::ops::Range<u64>> {
        let run = self.current.clone().filter(|run| run.start < end)?;
        let taken = run.start..run.end.min(end);
        self.current = if run.end > end { Some(end..run.end) } else { self.runs.next() };
        Some(taken)
    }

    fn reaches(&self, end: u64) -> bool {
        self.current.as_ref().is_some_and(|run| run.start < end)
    }

    fn covers(&self, start: u64, end: u64) -> bool {
        self.current.as_ref().is_some_and(|run| run.start <= start && run.end >= end)
    }
}

impl TreeWriter {
    /// Removes rows from a tree with a key. O(leaves that lose rows). After an error the session
    /// has failed.
    pub(crate) fn remove_rows(&mut self, rows: &RowSet) -> Result<()> {
        let count = rows.len();
        if count == 0 {
            return Ok(());
        }
        if count >= self.rows {
            return self.clear();
        }
        let (height, all) = (self.height, self.rows);
        let mut runs = rows.runs();
        let mut left = RowsLeft { current: runs.next(), runs };
        let (mut edit, root) = self.edit_root();
        let removed = edit.remove_rows(root, height, all, 0, &mut left);
        self.rows -= removed.inspect_err(|_| self.session().fail())?;
        self.session().note_cleared(count.saturating_mul(self.layout.width() as u64));
        self.lower_root();
        Ok(())
    }

    /// Builds another tree of all rows but these. O(rows).
    pub(crate) fn without(&self, rows: &RowSet) -> Result<TreeRoot> {
        let left = self.rows - rows.len().min(self.rows);
        let mut builder = TreeBuilder::new(self.session(), self.layout.clone(), Expected::Rows(left));
        let view = self.view();
        for run in rows.others(self.rows) {
            for slice in view.slices(run) {
                builder.push(slice?)?;
            }
        }
        builder.finish()
    }

    /// Whether removing rows leaf by leaf reads and writes less than building the tree again, and
    /// needs no more memory than edits usually do.
    pub(crate) fn is_few_leaves(&self, rows: &RowSet) -> bool {
        let leaves = (self.rows / self.layout.leaf_rows() as u64) as usize;
        let most = (leaves / 4 + 16).min(EDITED_BYTES / self.layout.leaf_bytes());
        rows.runs().take(most + 1).count() <= most
    }
}

impl LeafEdit<'_> {
    /// Removes rows below a node whose first row has this number. Returns how many.
    fn remove_rows(
        &mut self,
        child: &mut Child,
        level: u32,
        rows: u64,
        first: u64,
        left: &mut RowsLeft<'_>,
    ) -> Result<u64> {
        if level == 0 {
            return self.remove_from_leaf(child, rows, first, left);
        }
        let branch = self.branch(child, level, rows)?;
        let (mut start, mut removed, mut touched) = (first, 0, Vec::new());
        for index in 0..branch.len() {
            let below = branch.rows[index];
            let end = start + below;
            if left.covers(start, end) {
                left.take_before(end);
                self.drop_below(&branch.children[index], level - 1, below)?;
                branch.children[index] = Child::empty();
                branch.rows[index] = 0;
                removed += below;
            } else if left.reaches(end) {
                let below = self.remove_rows(&mut branch.children[index], level - 1, below, start, left)?;
                branch.rows[index] -= below;
                removed += below;
                touched.push(index);
            }
            start = end;
        }
        self.close_ranks(branch, level - 1, touched)?;
        Ok(removed)
    }

    fn remove_from_leaf(
        &mut self,
        child: &mut Child,
        rows: u64,
        first: u64,
        left: &mut RowsLeft<'_>,
    ) -> Result<u64> {
        let width = self.layout.width();
        let slot = self.leaf(child, rows)?;
        let (mut kept, mut next) = (0, 0);
        let bytes = self.leaves.get_mut(slot);
        let mut removed = 0;
        while let Some(run) = left.take_before(first + rows) {
            let (start, end) = ((run.start - first) as usize * width, (run.end - first) as usize * width);
            bytes.copy_within(next..start, kept);
            kept += start - next;
            next = end;
            removed += run.end - run.start;
        }
        bytes.copy_within(next.., kept);
        let len = bytes.len() - removed as usize * width;
        self.leaves.truncate(slot, len);
        Ok(removed)
    }

    /// Removes the children without rows, then merges those that have become small. A child is
    /// merged only when no empty one is beside it: an empty one cannot be read.
    fn close_ranks(&mut self, branch: &mut BranchNode, level: u32, touched: Vec<usize>) -> Result<()> {
        let key_width = self.layout.key().width();
        let empty: Vec<usize> = (0..branch.len()).filter(|index| branch.rows[*index] == 0).collect();
        for index in empty.iter().rev() {
            let child = branch.remove(*index, key_width);
            self.drop_below(&child, level, 0)?;
        }
        for index in touched.iter().rev() {
            let Err(removed) = empty.binary_search(index) else { continue };
            if branch.len() > 1 {
                self.merge_if_small(branch, index - removed, level)?;
            }
        }
        Ok(())
    }
}
