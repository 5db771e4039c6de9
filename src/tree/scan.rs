//! `Slices`: scans a range of rows, one slice per leaf, from both ends. Tables, queries, merges and
//! index builds read rows through it.

use std::ops::Range;

use super::node::BranchRef;
use super::view::View;
use crate::error::Result;

/// The records of a range of rows. Each item has the records of one leaf. An error ends the scan.
#[derive(Clone)]
pub(crate) struct Slices<'a> {
    view: View<'a>,
    rows: Range<u64>,
    /// The branch above the last leaf that was read: its next leaf is found without a descent from
    /// the root.
    near: Option<Near<'a>>,
}

#[derive(Clone, Copy)]
struct Near<'a> {
    branch: BranchRef<'a>,
    child: usize,
    /// Number of the first row of that child.
    first: u64,
}

impl<'a> View<'a> {
    /// The records of these rows, as far as they exist.
    #[inline]
    pub(crate) fn slices(&self, rows: Range<u64>) -> Slices<'a> {
        let end = rows.end.min(self.rows);
        Slices { view: *self, rows: rows.start.min(end)..end, near: None }
    }

    /// The branch above the leaf of a row. The tree must have a branch.
    fn near(&self, row: u64) -> Result<Near<'a>> {
        let (mut child, mut rows, mut level, mut first) = (self.root, self.rows, self.height, 0);
        loop {
            let branch = self.branch(child, level, rows)?;
            let (index, before) = self.child_of_row(&branch, row - first, level)?;
            first += before;
            if level == 1 {
                return Ok(Near { branch, child: index, first });
            }
            (child, rows) = (branch.child(index), branch.rows(index));
            level -= 1;
        }
    }
}

impl<'a> Slices<'a> {
    /// The tree whose rows these are.
    pub(crate) fn view(&self) -> &View<'a> {
        &self.view
    }

    /// The rows that are left.
    pub(crate) fn rows(&self) -> Range<u64> {
        self.rows.clone()
    }

    /// The whole leaf that holds a row, and the number of its first row.
    fn leaf(&mut self, row: u64) -> Result<(&'a [u8], u64)> {
        if let Some(leaf) = self.view.fast_leaf_of(row) {
            return Ok(leaf);
        }
        if self.view.height == 0 {
            return Ok((self.view.leaf(self.view.root, self.view.rows)?, 0));
        }
        let near = match self.near.and_then(|near| near.step_to(row)) {
            Some(near) => near,
            None => self.view.near(row)?,
        };
        self.near = Some(near);
        let rows = near.branch.rows(near.child);
        Ok((self.view.leaf(near.branch.child(near.child), rows)?, near.first))
    }

    fn slice_at(&mut self, row: u64) -> Result<(&'a [u8], u64)> {
        let result = self.leaf(row).and_then(|(leaf, first)| {
            let width = self.view.layout.width();
            let rows = (leaf.len() / width) as u64;
            if row < first || row - first >= rows {
                crate::error::bail!(
                    Corrupt,
                    "the rows of a leaf are not what its parent says; the file is damaged"
                );
            }
            let from = self.rows.start.max(first);
            let to = self.rows.end.min(first + rows);
            Ok((&leaf[(from - first) as usize * width..(to - first) as usize * width], to - from))
        });
        if result.is_err() {
            self.rows.start = self.rows.end;
        }
        result
    }
}

impl<'a> Near<'a> {
    /// The leaf of a row in the same branch, if it is this leaf or one next to it.
    fn step_to(self, row: u64) -> Option<Near<'a>> {
        let rows = self.branch.rows(self.child);
        if row < self.first {
            let child = self.child.checked_sub(1)?;
            let first = self.first.checked_sub(self.branch.rows(child))?;
            return (row >= first).then_some(Near { child, first, ..self });
        }
        if row - self.first < rows {
            return Some(self);
        }
        let (child, first) = (self.child + 1, self.first + rows);
        let inside = child < self.branch.len() && row - first < self.branch.rows(child);
        inside.then_some(Near { child, first, ..self })
    }
}

impl<'a> Iterator for Slices<'a> {
    type Item = Result<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows.is_empty() {
            return None;
        }
        Some(self.slice_at(self.rows.start).map(|(slice, rows)| {
            self.rows.start += rows;
            slice
        }))
    }
}

impl DoubleEndedIterator for Slices<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.rows.is_empty() {
            return None;
        }
        Some(self.slice_at(self.rows.end - 1).map(|(slice, rows)| {
            self.rows.end -= rows;
            slice
        }))
    }
}
