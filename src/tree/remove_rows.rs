//! Taking many rows out of a tree at once: leaves that lose all their rows are unlinked without being
//! read, and a leaf that loses some is copied into memory once.

use super::build::{Expected, TreeBuilder};
use super::edit::{Edit, Edited};
use super::node::{Branch, Child};
use super::row_set::{RowSet, Runs};
use crate::error::Result;
use crate::page::TreeRoot;
use crate::space::WriteSession;

/// Memory for the leaves that lose some of their rows.
const EDITED_BYTES: usize = 128 << 20;

/// The rows that are to go, as a descent comes by them.
struct Going<'r> {
    runs: Runs<'r>,
    current: Option<std::ops::Range<u64>>,
}

impl Going<'_> {
    /// The next run that begins before `end`, cut to it. What was returned does not come again.
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

impl Edited {
    /// Takes rows out of a tree with a key. O(leaves that lose rows). After an error the session has
    /// failed.
    pub(crate) fn remove_rows(&mut self, session: &WriteSession, rows: &RowSet) -> Result<()> {
        let count = rows.len();
        if count == 0 {
            return Ok(());
        }
        if count >= self.rows {
            return self.clear(session);
        }
        let mut runs = rows.runs();
        let mut going = Going { current: runs.next(), runs };
        let mut edit = Edit { session, layout: &self.layout, owned_bytes: &mut self.owned_bytes };
        let removed = edit.remove_rows(&mut self.root, self.height, self.rows, 0, &mut going);
        self.rows -= removed.inspect_err(|_| session.fail())?;
        session.note_cleared(count.saturating_mul(self.layout.width() as u64));
        self.lower_root();
        Ok(())
    }

    /// Builds a tree of all rows but these, beside this one. O(rows).
    pub(crate) fn without(&self, session: &WriteSession, rows: &RowSet) -> Result<TreeRoot> {
        let left = self.rows - rows.len().min(self.rows);
        let mut builder = TreeBuilder::new(session, self.layout.clone(), Expected::Rows(left));
        let view = self.view(session);
        for run in rows.others(self.rows) {
            for slice in view.slices(run) {
                builder.push(slice?)?;
            }
        }
        builder.finish()
    }

    /// Whether taking rows out leaf by leaf reads and writes less than building the tree again, and needs no
    /// more memory than edits usually do.
    pub(crate) fn is_few_leaves(&self, rows: &RowSet) -> bool {
        let leaves = (self.rows / self.layout.leaf_rows() as u64) as usize;
        let most = (leaves / 4 + 16).min(EDITED_BYTES / self.layout.leaf_bytes());
        rows.runs().take(most + 1).count() <= most
    }
}

impl Edit<'_> {
    /// Takes rows out below a node whose first row has this number. Returns how many.
    fn remove_rows(
        &mut self,
        child: &mut Child,
        level: u32,
        rows: u64,
        first: u64,
        going: &mut Going<'_>,
    ) -> Result<u64> {
        if level == 0 {
            return self.remove_from_leaf(child, rows, first, going);
        }
        let branch = self.branch(child, level, rows)?;
        let (mut start, mut removed, mut touched) = (first, 0, Vec::new());
        for index in 0..branch.len() {
            let below = branch.rows[index];
            let end = start + below;
            if going.covers(start, end) {
                going.take_before(end);
                self.drop_below(&branch.children[index], level - 1, below)?;
                branch.children[index] = Child::Stored(Default::default());
                branch.rows[index] = 0;
                removed += below;
            } else if going.reaches(end) {
                let below = self.remove_rows(&mut branch.children[index], level - 1, below, start, going)?;
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
        going: &mut Going<'_>,
    ) -> Result<u64> {
        let width = self.layout.width();
        let leaf = self.leaf(child, rows)?;
        let (mut kept, mut next) = (0, 0);
        let bytes = leaf.as_mut_slice();
        let mut removed = 0;
        while let Some(run) = going.take_before(first + rows) {
            let (start, end) = ((run.start - first) as usize * width, (run.end - first) as usize * width);
            bytes.copy_within(next..start, kept);
            kept += start - next;
            next = end;
            removed += run.end - run.start;
        }
        bytes.copy_within(next.., kept);
        let len = leaf.len() - removed as usize * width;
        leaf.truncate(len);
        Ok(removed)
    }

    /// Takes out the children without rows, and joins those that have become small.
    fn close_ranks(&mut self, branch: &mut Branch, level: u32, touched: Vec<usize>) -> Result<()> {
        let key_width = self.layout.key().width();
        let mut touched = touched.into_iter().rev().peekable();
        for index in (0..branch.len()).rev() {
            let was_touched = touched.next_if_eq(&index).is_some();
            if branch.rows[index] == 0 {
                let empty = branch.remove(index, key_width);
                self.drop_below(&empty, level, 0)?;
            } else if was_touched && branch.len() > 1 {
                self.merge_if_small(branch, index, level)?;
            }
        }
        Ok(())
    }
}
