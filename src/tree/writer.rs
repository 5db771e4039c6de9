//! `TreeWriter`: a tree that a write transaction changes. The writers of tables, of indexes and of
//! the catalog stand on it. It writes pages only when it is flushed.
//!
//! ```text
//!            root (owned)            An edit copies the nodes from the root to one leaf into
//!           /     |     \            memory. Later edits of the same nodes change these copies. A
//!     stored   owned    stored       flush writes the copies to new pages, from the leaves up, and
//!              /   \                 forgets them. Until then, there is nothing to undo when the
//!         stored   leaf (owned)      transaction is dropped.
//! ```

use std::sync::Arc;

use super::edited_leaves::EditedLeaves;
use super::layout::Layout;
use super::leaf_edit::{LeafEdit, Placed, Sibling, misplaced};
use super::node::{BranchNode, BranchRef, Child, ChildRef, wrong_row_count};
use super::probe::{Probe, with_probe};
use super::search::search_leaf;
use super::view::View;
use crate::error::{Result, bail};
use crate::page::{PAGE_BYTES, TreeRoot};
use crate::space::WriteSession;

/// A tree that a write transaction works on.
pub(crate) struct TreeWriter {
    session: Arc<WriteSession>,
    pub(super) layout: Layout,
    pub(super) root: Child,
    pub(super) rows: u64,
    pub(super) height: u32,
    /// Whether the leaves are one array, as the root says it: valid until a node changes.
    pub(super) array: u16,
    /// Memory that branches take which are edited.
    pub(super) branch_bytes: usize,
    /// The leaves that are edited.
    pub(super) leaves: EditedLeaves,
}

impl TreeWriter {
    /// A tree that starts from a committed root.
    pub(crate) fn new(session: &Arc<WriteSession>, layout: Layout, root: TreeRoot) -> Result<TreeWriter> {
        View::new(session.view(), &layout, root)?;
        let mut tree = TreeWriter::empty(session, layout);
        tree.start_at(root);
        Ok(tree)
    }

    /// A tree without rows.
    pub(crate) fn empty(session: &Arc<WriteSession>, layout: Layout) -> TreeWriter {
        TreeWriter {
            session: Arc::clone(session),
            leaves: EditedLeaves::new(&layout),
            layout,
            root: Child::empty(),
            rows: 0,
            height: 0,
            array: 0,
            branch_bytes: 0,
        }
    }

    fn start_at(&mut self, root: TreeRoot) {
        (self.root, self.rows) = (Child::Stored(root.link()), root.rows);
        (self.height, self.array) = (root.height.into(), root.array);
    }

    /// The session that the tree reads and writes through.
    pub(crate) fn session(&self) -> &Arc<WriteSession> {
        &self.session
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Memory that waits to be written.
    pub(crate) fn owned_bytes(&self) -> usize {
        self.branch_bytes + self.leaves.bytes_in_use()
    }

    /// The tree as it is now, to read from. If the session has failed, reading it gives the error
    /// of the session: links may lead to nodes that were not written, and row counts may be wrong.
    pub(crate) fn view(&self) -> View<'_> {
        let root = match self.session.has_failed() {
            false => ChildRef::from(&self.root),
            true => ChildRef::Refused(&self.session),
        };
        View {
            pages: self.session.view(),
            layout: &self.layout,
            root,
            rows: self.rows,
            height: self.height,
            array: None,
            leaves: Some(&self.leaves),
            directory: None,
        }
    }

    /// The record with this number, to be changed in place. Its key must stay the same.
    pub(crate) fn record_mut(&mut self, row: u64) -> Result<Option<&mut [u8]>> {
        if row >= self.rows {
            return Ok(None);
        }
        let width = self.layout.width();
        let (mut child, mut rows, mut row) = (&mut self.root, self.rows, row);
        let mut edit = LeafEdit::new(&self.session, &self.layout, &mut self.leaves, &mut self.branch_bytes);
        for level in (1..=self.height).rev() {
            let branch = edit.branch(child, level, rows)?;
            let Some(index) = branch.rows.iter().position(|rows| match row.checked_sub(*rows) {
                Some(after) => {
                    row = after;
                    false
                }
                None => true,
            }) else {
                return wrong_row_count();
            };
            rows = branch.rows[index];
            child = &mut branch.children[index];
        }
        let slot = edit.leaf(child, rows)?;
        Ok(self.leaves.get_mut(slot).get_mut(row as usize * width..(row as usize + 1) * width))
    }

    /// The record with this key, to be changed in place. Its key must stay the same.
    pub(crate) fn find_mut(&mut self, key: &[u8]) -> Result<Option<&mut [u8]>> {
        let width = self.layout.width();
        with_probe!(self.layout.key(), probe => {
            let target = probe.stored(key);
            let (mut child, mut rows, mut span) = (&mut self.root, self.rows, None);
            let mut edit = LeafEdit::new(&self.session, &self.layout, &mut self.leaves, &mut self.branch_bytes);
            // Look first below the first stored node, so that no node is copied for a missing key.
            let mut found = false;
            for level in (0..=self.height).rev() {
                if !found && let Child::Stored(link) = *child {
                    let view = edit.view(ChildRef::Stored(link), level, rows);
                    if rows == 0 || view.find_word(probe, target)?.is_none() {
                        return Ok(None);
                    }
                    found = true;
                }
                if level > 0 {
                    let branch = edit.branch(child, level, rows)?;
                    let read = BranchRef::Owned(branch);
                    let index = read.child_for(probe, target);
                    span = read.span(probe, index, span);
                    rows = branch.rows[index];
                    child = &mut branch.children[index];
                }
            }
            let slot = edit.leaf(child, rows)?;
            let leaf = self.leaves.get_mut(slot);
            let at = search_leaf(probe, leaf, leaf.len() / width, width, target, span) * width;
            match leaf.get_mut(at..at + width) {
                Some(record) if probe.stored(record) == target => Ok(Some(record)),
                _ if found => misplaced(),
                _ => Ok(None),
            }
        })
    }

    /// Puts a record where its key belongs. O(height).
    ///
    /// A tree that grows past the greatest height fails the session. Only a forged file comes near
    /// that height.
    pub(crate) fn put(&mut self, record: &[u8], replace: bool) -> Result<Placed> {
        let mut edit = LeafEdit::new(&self.session, &self.layout, &mut self.leaves, &mut self.branch_bytes);
        let (placed, sibling) = with_probe!(self.layout.key(), probe => {
            let target = probe.stored(record);
            edit.put(&mut self.root, self.height, self.rows, probe, target, None, record, replace)?
        });
        if placed == Placed::New {
            self.rows += 1;
        }
        if let Some(sibling) = sibling {
            if self.height == Layout::HEIGHT_LIMIT {
                self.session.fail();
                bail!(Limit, "a tree has at most {} levels; load the table again", Layout::HEIGHT_LIMIT);
            }
            let key = self.first_key();
            self.raise_root(&key, self.rows - sibling.rows, Some(sibling));
        }
        Ok(placed)
    }

    /// Removes the record with this key and copies it to `removed`. Returns `false` if there is no
    /// such record. O(height).
    ///
    /// After an error the session has failed: the row counts of some branches may have changed, and
    /// those above them not.
    pub(crate) fn remove(&mut self, key: &[u8], removed: &mut Vec<u8>) -> Result<bool> {
        match self.view().find(key)? {
            Some(record) => {
                removed.clear();
                removed.extend_from_slice(record);
            }
            None => return Ok(false),
        }
        let mut edit = LeafEdit::new(&self.session, &self.layout, &mut self.leaves, &mut self.branch_bytes);
        with_probe!(self.layout.key(), probe => {
            let target = probe.stored(key);
            let removed = edit.remove(&mut self.root, self.height, self.rows, probe, target);
            removed.inspect_err(|_| self.session.fail())?;
        });
        self.rows -= 1;
        if self.rows == 0 {
            self.clear()?;
        }
        self.lower_root();
        Ok(true)
    }

    /// Appends records to a tree without a key. O(height) per leaf.
    pub(crate) fn extend(&mut self, mut records: &[u8]) -> Result<()> {
        let width = self.layout.width();
        while !records.is_empty() {
            if self.rows == self.layout.dense_capacity(self.height) {
                self.raise_root(&[], self.rows, None);
            }
            let mut edit =
                LeafEdit::new(&self.session, &self.layout, &mut self.leaves, &mut self.branch_bytes);
            let taken = edit.extend(&mut self.root, self.height, self.rows, records)?;
            self.rows += (taken / width) as u64;
            records = &records[taken..];
        }
        Ok(())
    }

    /// Keeps the first rows of a tree without a key. O(height + nodes dropped).
    pub(crate) fn truncate(&mut self, rows: u64) -> Result<()> {
        if rows == 0 {
            return self.clear();
        }
        if rows < self.rows {
            let mut edit =
                LeafEdit::new(&self.session, &self.layout, &mut self.leaves, &mut self.branch_bytes);
            let truncated = edit.truncate(&mut self.root, self.height, self.rows, rows);
            truncated.inspect_err(|_| self.session.fail())?;
            self.rows = rows;
            self.lower_root();
        }
        Ok(())
    }

    /// Removes all rows. O(nodes).
    pub(crate) fn clear(&mut self) -> Result<()> {
        let root = std::mem::replace(&mut self.root, Child::empty());
        let mut edit = LeafEdit::new(&self.session, &self.layout, &mut self.leaves, &mut self.branch_bytes);
        edit.drop_below(&root, self.height, self.rows).inspect_err(|_| self.session.fail())?;
        self.session.note_cleared(self.rows.saturating_mul(self.layout.width() as u64));
        (self.rows, self.height, self.array, self.branch_bytes) = (0, 0, 0, 0);
        self.leaves.clear();
        Ok(())
    }

    /// Removes all rows, and continues with a tree that was built.
    pub(crate) fn replace(&mut self, root: TreeRoot) -> Result<()> {
        self.clear()?;
        self.start_at(root);
        Ok(())
    }

    /// The steps of an edit, and the root that they start from.
    pub(super) fn edit_root(&mut self) -> (LeafEdit<'_>, &mut Child) {
        (LeafEdit::new(&self.session, &self.layout, &mut self.leaves, &mut self.branch_bytes), &mut self.root)
    }

    /// Puts a branch above the root. Its children are the root, which has this first key and this
    /// many rows, and the node that split off from it.
    fn raise_root(&mut self, key: &[u8], rows: u64, sibling: Option<Sibling>) {
        let mut branch = BranchNode::default();
        branch.insert(0, key, rows, std::mem::replace(&mut self.root, Child::empty()));
        if let Some(sibling) = sibling {
            branch.insert(1, &sibling.key, sibling.rows, sibling.child);
        }
        self.root = Child::Branch(Box::new(branch));
        self.height += 1;
        self.branch_bytes += PAGE_BYTES;
    }

    /// While the root is an owned branch with a single child, that child becomes the root.
    pub(super) fn lower_root(&mut self) {
        while self.height > 0 {
            match &mut self.root {
                Child::Branch(branch) if branch.len() == 1 => {
                    let Some(child) = branch.children.pop() else { return };
                    self.root = child;
                    self.height -= 1;
                    self.array = 0;
                    self.branch_bytes = self.branch_bytes.saturating_sub(PAGE_BYTES);
                }
                _ => return,
            }
        }
    }

    /// The first key of the root, which is in memory, in normal form.
    fn first_key(&self) -> Vec<u8> {
        let key = self.layout.key();
        let mut first = vec![0; key.width()];
        match &self.root {
            Child::Stored(_) => {}
            Child::Leaf(slot) => key.normalise(self.leaves.get(*slot), &mut first),
            Child::Branch(branch) => first.copy_from_slice(branch.key(0, key.width())),
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::order::Scalar;
    use crate::page::{FIRST_ADDRESS, Pages};
    use crate::space::Allocator;
    use crate::storage::MappedFile;
    use crate::tree::KeyShape;

    /// What the nodes in memory take.
    fn taken(leaves: &EditedLeaves, child: &Child) -> usize {
        match child {
            Child::Stored(_) => 0,
            Child::Leaf(slot) => leaves.room(*slot),
            Child::Branch(branch) => {
                PAGE_BYTES + branch.children.iter().map(|child| taken(leaves, child)).sum::<usize>()
            }
        }
    }

    #[test]
    fn the_memory_that_edits_take_is_counted() {
        let file = MappedFile::anonymous(FIRST_ADDRESS, 0).unwrap();
        let pages = Arc::new(Pages::new(Box::new(file)));
        let session = Arc::new(WriteSession::new(pages, Allocator::new(1)));
        let keyed = Layout::new(1024, KeyShape::new(vec![Scalar::Unsigned(8)]), 4).unwrap();
        let dense = Layout::new(1024, KeyShape::new(Vec::new()), 4).unwrap();
        let (mut tree, mut rows) = (TreeWriter::empty(&session, keyed), TreeWriter::empty(&session, dense));
        let mut record = [0; 1024];
        for step in 0..20_000_u64 {
            // Grows to three levels, shrinks to nothing, twice.
            let key = step.wrapping_mul(0x9E37_79B9) % 4096;
            record[..8].copy_from_slice(&key.to_le_bytes());
            if step / 5000 % 2 == 0 {
                tree.put(&record, true).unwrap();
                rows.extend(&record).unwrap();
            } else {
                tree.remove(&record, &mut Vec::new()).unwrap();
                rows.truncate(rows.rows().saturating_sub(1)).unwrap();
            }
            if step % 97 == 0 || step % 5000 > 4990 {
                assert_eq!(tree.owned_bytes(), taken(&tree.leaves, &tree.root), "step {step}");
                assert_eq!(rows.owned_bytes(), taken(&rows.leaves, &rows.root), "step {step}");
            }
            if step % 1777 == 0 {
                tree.flush().unwrap();
                rows.flush().unwrap();
            }
        }
        assert!(tree.rows() < 1000 && rows.rows() == 0);
    }
}
