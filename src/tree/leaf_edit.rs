//! `LeafEdit`: the steps of one edit, from the root down to a leaf. `TreeWriter` and the removal of
//! many rows use it. It copies nodes into memory and frees their pages; it never writes a page.

use super::edited_leaves::{EditedLeaves, Slot};
use super::layout::Layout;
use super::node::{BranchNode, BranchRef, Child, ChildRef, wrong_level};
use super::probe::Probe;
use super::search::{Span, search_leaf};
use super::split::{Split, increment, split_at};
use super::view::View;
use super::walk::{Visit, walk_stored};
use crate::error::{Result, bail};
use crate::page::{Link, PAGE_BYTES};
use crate::space::WriteSession;

/// How many times as many children as in the file a branch above the leaves may have in memory.
const EDITED_CHILDREN: usize = 4;

/// What became of a record that was put into a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Placed {
    /// There was no row with its key.
    New,
    /// There was one. It was replaced, or left as it is, as the caller asked.
    Existing,
}

/// A node that split off to the right.
pub(super) struct Sibling {
    pub(super) key: Vec<u8>,
    pub(super) rows: u64,
    pub(super) child: Child,
}

/// What the steps of one edit share.
pub(super) struct LeafEdit<'e> {
    session: &'e WriteSession,
    pub(super) layout: &'e Layout,
    pub(super) leaves: &'e mut EditedLeaves,
    branch_bytes: &'e mut usize,
}

impl<'e> LeafEdit<'e> {
    /// An edit of a tree, of which it borrows all but the nodes.
    #[inline]
    pub(super) fn new(
        session: &'e WriteSession,
        layout: &'e Layout,
        leaves: &'e mut EditedLeaves,
        branch_bytes: &'e mut usize,
    ) -> LeafEdit<'e> {
        LeafEdit { session, layout, leaves, branch_bytes }
    }

    /// The nodes below a child, to read from: all but the leaves in memory.
    pub(super) fn view<'v>(&self, root: ChildRef<'v>, height: u32, rows: u64) -> View<'v>
    where
        'e: 'v,
    {
        let pages = self.session.view();
        View { pages, layout: self.layout, root, rows, height, array: None, leaves: None, directory: None }
    }

    /// Copies a stored leaf into memory, and frees its pages. A leaf in memory is returned as it
    /// is.
    #[inline(always)]
    pub(super) fn leaf(&mut self, child: &mut Child, rows: u64) -> Result<Slot> {
        match child {
            Child::Leaf(slot) => Ok(*slot),
            _ => self.own_leaf(child, rows),
        }
    }

    #[cold]
    #[inline(never)]
    fn own_leaf(&mut self, child: &mut Child, rows: u64) -> Result<Slot> {
        let Child::Stored(link) = *child else { return wrong_level() };
        let (pages, len) = (self.session.view(), self.leaf_len(rows)?);
        let slot = self.leaves.add_whole(len, |records| match len {
            0 => Ok(()),
            _ => pages.copy(link, records),
        })?;
        self.session.free(link, len);
        *child = Child::Leaf(slot);
        Ok(slot)
    }

    /// The bytes of a leaf with this many rows.
    fn leaf_len(&self, rows: u64) -> Result<usize> {
        self.view(ChildRef::Stored(Link::default()), 0, rows).leaf_len(rows)
    }

    /// Copies a stored leaf into memory as several parts, which take its place in the branch.
    #[cold]
    #[inline(never)]
    fn own_in_parts(&mut self, branch: &mut BranchNode, index: usize) -> Result<()> {
        let Child::Stored(link) = branch.children[index] else { return Ok(()) };
        let (width, key_width) = (self.layout.width(), self.layout.key().width());
        let mut records = vec![0; self.leaf_len(branch.rows[index])?];
        self.session.view().copy(link, &mut records)?;
        self.session.free(link, records.len());
        // Each part has room for a few more rows.
        let room = self.leaves.part_bytes();
        let part = (room * 7 / 8 / width * width).max(width);
        let (mut keys, mut rows, mut children) = (Vec::new(), Vec::new(), Vec::new());
        for records in records.chunks(part) {
            let at = keys.len();
            keys.resize(at + key_width, 0);
            self.layout.key().normalise(records, &mut keys[at..]);
            rows.push((records.len() / width) as u64);
            children.push(Child::Leaf(self.leaves.add(records, room)));
        }
        // The first key may be lower than the first row.
        keys[..key_width].copy_from_slice(branch.key(index, key_width));
        branch.keys.splice(index * key_width..(index + 1) * key_width, keys);
        branch.rows.splice(index..=index, rows);
        branch.children.splice(index..=index, children);
        Ok(())
    }

    /// Copies a stored branch into memory, and frees its page. A branch in memory is returned as it
    /// is.
    #[inline(always)]
    pub(super) fn branch<'c>(
        &mut self,
        child: &'c mut Child,
        level: u32,
        rows: u64,
    ) -> Result<&'c mut BranchNode> {
        if let Child::Stored(_) = child {
            self.own_branch(child, level, rows)?;
        }
        match child {
            Child::Branch(branch) => Ok(branch),
            _ => wrong_level(),
        }
    }

    #[cold]
    #[inline(never)]
    fn own_branch(&mut self, child: &mut Child, level: u32, rows: u64) -> Result<()> {
        let Child::Stored(link) = *child else { return wrong_level() };
        let stored = ChildRef::Stored(link);
        let branch = if rows == 0 {
            BranchNode::default()
        } else {
            let BranchRef::Stored(page) = self.view(stored, level, rows).branch(stored, level, rows)? else {
                return wrong_level();
            };
            let branch = BranchNode::from_page(&page, self.layout)?;
            self.session.free(link, PAGE_BYTES);
            branch
        };
        *self.branch_bytes += PAGE_BYTES;
        *child = Child::Branch(Box::new(branch));
        Ok(())
    }

    /// Puts a record below a node. Returns what became of it, and a node that split off from this
    /// one, if it was full.
    #[expect(clippy::too_many_arguments, reason = "the state of one descent")]
    pub(super) fn put<P: Probe>(
        &mut self,
        child: &mut Child,
        level: u32,
        rows: u64,
        probe: P,
        target: P::Word,
        span: Option<Span<P::Word>>,
        record: &[u8],
        replace: bool,
    ) -> Result<(Placed, Option<Sibling>)> {
        if level == 0 {
            return self.put_in_leaf(child, rows, probe, target, span, record, replace);
        }
        let (layout, key_width) = (self.layout, self.layout.key().width());
        let branch = self.branch(child, level, rows)?;
        let mut index = BranchRef::Owned(branch).child_for(probe, target);
        if level == 1
            && matches!(branch.children[index], Child::Stored(_))
            && branch.rows[index] as usize * layout.width() > self.insert_bytes()
        {
            self.own_in_parts(branch, index)?;
            index = BranchRef::Owned(branch).child_for(probe, target);
        }
        let read = BranchRef::Owned(branch);
        let (below, span) = (branch.rows[index], read.span(probe, index, span));
        let (placed, sibling) =
            self.put(&mut branch.children[index], level - 1, below, probe, target, span, record, replace)?;
        if placed == Placed::New {
            branch.rows[index] += 1;
            if probe.normal(branch.key(index, key_width)) > target {
                layout.key().normalise(record, &mut branch.keys[index * key_width..][..key_width]);
            }
        }
        let Some(sibling) = sibling else { return Ok((placed, None)) };
        branch.rows[index] -= sibling.rows;
        branch.insert(index + 1, &sibling.key, sibling.rows, sibling.child);
        // The children of a branch above the leaves are parts of leaves, and many of them become
        // one leaf again.
        let most = if level == 1 { EDITED_CHILDREN * layout.children() } else { layout.children() };
        if branch.len() <= most {
            return Ok((placed, None));
        }
        // As for leaves: if the first or the last child split, inserts probably come in order, and
        // the full half stays full.
        let at = match index {
            0 => 1,
            index if index + 2 == branch.len() => branch.len() - 1,
            _ => branch.len() / 2,
        };
        let right = branch.split_off(at, key_width);
        *self.branch_bytes += PAGE_BYTES;
        let sibling = Sibling {
            key: right.key(0, key_width).to_vec(),
            rows: right.total_rows(),
            child: Child::Branch(Box::new(right)),
        };
        Ok((placed, Some(sibling)))
    }

    /// Puts a record into a leaf. A full part splits where [`split_at`] says: in the middle, or so
    /// that inserts in order leave full parts behind.
    #[expect(clippy::too_many_arguments, reason = "the state of one descent")]
    fn put_in_leaf<P: Probe>(
        &mut self,
        child: &mut Child,
        rows: u64,
        probe: P,
        target: P::Word,
        span: Option<Span<P::Word>>,
        record: &[u8],
        replace: bool,
    ) -> Result<(Placed, Option<Sibling>)> {
        let layout = self.layout;
        let width = layout.width();
        let slot = self.leaf(child, rows)?;
        let leaf = self.leaves.get(slot);
        let index = search_leaf(probe, leaf, leaf.len() / width, width, target, span);
        let existing = leaf.get(index * width..(index + 1) * width);
        if existing.is_some_and(|existing| probe.stored(existing) == target) {
            if replace {
                self.leaves.get_mut(slot)[index * width..(index + 1) * width].copy_from_slice(record);
            }
            return Ok((Placed::Existing, None));
        }
        if leaf.len() + width <= self.insert_bytes() {
            self.leaves.insert(slot, index * width, record);
            return Ok((Placed::New, None));
        }
        let sibling = self.split_leaf(child, slot, index, record);
        Ok((Placed::New, Some(sibling)))
    }

    /// The bytes of a leaf into which no more rows are inserted: it is split then.
    #[inline(always)]
    fn insert_bytes(&self) -> usize {
        self.leaves.part_bytes().min(self.layout.leaf_bytes())
    }

    /// Splits a leaf, and inserts a record that is row `index` of both halves together. Returns the
    /// right half.
    #[inline(never)]
    fn split_leaf(&mut self, child: &mut Child, slot: Slot, index: usize, record: &[u8]) -> Sibling {
        let (key, width) = (self.layout.key(), self.layout.width());
        let rows = self.leaves.len(slot) / width;
        let last = self.leaves.inserted_at(slot).map(|at| at / width);
        let Split { at, new_row_right } = split_at(index, rows, last);
        let mut first = vec![0; key.width()];
        let (left, right) = if at == 0 {
            // All rows stay where they are, and the new one starts a leaf before them.
            let left = self.leaves.add(&[], self.insert_bytes());
            self.leaves.insert(left, 0, record);
            key.normalise(self.leaves.get(slot), &mut first);
            (left, slot)
        } else if new_row_right {
            let right = self.leaves.split_off(slot, at * width, width);
            self.leaves.insert(right, (index - at) * width, record);
            key.normalise(self.leaves.get(right), &mut first);
            if index == at && at < rows {
                // Inserts may come in descending order, and lower keys of this run belong to the
                // right leaf too. So its first key is the one after the last key of the left leaf.
                key.normalise(&self.leaves.get(slot)[(at - 1) * width..], &mut first);
                increment(&mut first);
            }
            (slot, right)
        } else {
            let right = self.leaves.split_off(slot, at * width, width);
            self.leaves.insert(slot, index * width, record);
            key.normalise(self.leaves.get(right), &mut first);
            (slot, right)
        };
        *child = Child::Leaf(left);
        Sibling { key: first, rows: (self.leaves.len(right) / width) as u64, child: Child::Leaf(right) }
    }

    /// Removes the record with this key below a node.
    pub(super) fn remove<P: Probe>(
        &mut self,
        child: &mut Child,
        level: u32,
        rows: u64,
        probe: P,
        target: P::Word,
    ) -> Result<()> {
        let (layout, key_width) = (self.layout, self.layout.key().width());
        if level == 0 {
            let slot = self.leaf(child, rows)?;
            let (leaf, width) = (self.leaves.get(slot), layout.width());
            let at = search_leaf(probe, leaf, leaf.len() / width, width, target, None) * width;
            let found = leaf.get(at..at + width);
            if found.is_none_or(|record| probe.stored(record) != target) {
                return misplaced();
            }
            self.leaves.remove(slot, at, width);
            return Ok(());
        }
        let branch = self.branch(child, level, rows)?;
        let index = BranchRef::Owned(branch).child_for(probe, target);
        let below = branch.rows[index];
        self.remove(&mut branch.children[index], level - 1, below, probe, target)?;
        branch.rows[index] -= 1;
        if branch.rows[index] == 0 {
            let empty = branch.remove(index, key_width);
            self.drop_below(&empty, level - 1, 0)?;
        } else {
            self.merge_if_small(branch, index, level - 1)?;
        }
        Ok(())
    }

    /// Merges a child that has become small with a neighbour, if both fit into three quarters of a
    /// node.
    pub(super) fn merge_if_small(&mut self, branch: &mut BranchNode, index: usize, level: u32) -> Result<()> {
        let key_width = self.layout.key().width();
        let full = match &branch.children[index] {
            _ if level > 0 => self.layout.children(),
            Child::Leaf(slot) => self.leaves.room(*slot).min(self.layout.leaf_bytes()) / self.layout.width(),
            _ => self.layout.leaf_rows(),
        };
        let own = self.size(branch, index, level)?;
        if own >= full / 4 {
            return Ok(());
        }
        for (left, right) in [(Some(index), index + 1), (index.checked_sub(1), index)] {
            let Some(left) = left.filter(|_| right < branch.len()) else { continue };
            let other = if left == index { right } else { left };
            if own + self.size(branch, other, level)? > full * 3 / 4 {
                continue;
            }
            let (left_rows, right_rows) = (branch.rows[left], branch.rows[right]);
            let mut merged = branch.remove(right, key_width);
            let into = &mut branch.children[left];
            if level == 0 {
                let merged = self.leaf(&mut merged, right_rows)?;
                let left = self.leaf(into, left_rows)?;
                *into = Child::Leaf(self.leaves.join(left, merged));
            } else {
                let merged = std::mem::take(self.branch(&mut merged, level, right_rows)?);
                self.branch(into, level, left_rows)?.append(merged);
                *self.branch_bytes -= PAGE_BYTES;
            }
            branch.rows[left] += right_rows;
            return Ok(());
        }
        Ok(())
    }

    /// Rows of a leaf, children of a branch.
    fn size(&self, branch: &BranchNode, index: usize, level: u32) -> Result<usize> {
        let rows = branch.rows[index];
        if level == 0 {
            return Ok(rows as usize);
        }
        let child = ChildRef::from(&branch.children[index]);
        let view = self.view(child, level, rows);
        Ok(view.branch(child, level, rows)?.len())
    }

    /// Appends what fits into the last leaf. Returns how many bytes that was.
    pub(super) fn extend(
        &mut self,
        child: &mut Child,
        level: u32,
        rows: u64,
        records: &[u8],
    ) -> Result<usize> {
        let layout = self.layout;
        if level == 0 {
            let slot = self.leaf(child, rows)?;
            let taken = records.len().min(layout.leaf_bytes() - self.leaves.len(slot));
            self.leaves.extend(slot, &records[..taken]);
            return Ok(taken);
        }
        let branch = self.branch(child, level, rows)?;
        if branch.rows.last().is_none_or(|rows| *rows == layout.dense_capacity(level - 1)) {
            branch.insert(branch.len(), &[], 0, Child::empty());
        }
        let last = branch.len() - 1;
        let below = branch.rows[last];
        let taken = self.extend(&mut branch.children[last], level - 1, below, records)?;
        branch.rows[last] += (taken / layout.width()) as u64;
        Ok(taken)
    }

    /// Keeps the first `keep` rows, of which there is at least one.
    pub(super) fn truncate(&mut self, child: &mut Child, level: u32, rows: u64, keep: u64) -> Result<()> {
        let layout = self.layout;
        if keep == rows {
            return Ok(());
        }
        if level == 0 {
            let slot = self.leaf(child, rows)?;
            self.leaves.truncate(slot, keep as usize * layout.width());
            return Ok(());
        }
        let capacity = layout.dense_capacity(level - 1);
        let branch = self.branch(child, level, rows)?;
        let last = ((keep - 1) / capacity) as usize;
        while branch.len() > last + 1 {
            let rows = branch.rows[branch.len() - 1];
            let dropped = branch.remove(branch.len() - 1, 0);
            self.drop_below(&dropped, level - 1, rows)?;
        }
        let (below, keep) = (branch.rows[last], keep - last as u64 * capacity);
        self.truncate(&mut branch.children[last], level - 1, below, keep)?;
        branch.rows[last] = keep;
        Ok(())
    }

    /// Drops a node and all nodes below it: frees their pages, and counts off their memory.
    pub(super) fn drop_below(&mut self, child: &Child, level: u32, rows: u64) -> Result<()> {
        match child {
            Child::Stored(_) if rows == 0 => {}
            Child::Stored(link) => {
                let view = self.view(ChildRef::Stored(*link), level, rows);
                // The walk reads a branch after it has visited it. If this transaction wrote it,
                // its pages are free at once, and another thread may write over them. So branches
                // are freed when all of them were read.
                let mut branches = Vec::new();
                walk_stored(&view, *link, level, rows, &mut |visit| {
                    match visit {
                        Visit::Branch { link } => branches.push(link),
                        Visit::Leaf { link, bytes } => self.session.free(link, bytes),
                    }
                    Ok(true)
                })?;
                branches.iter().for_each(|link| self.session.free(*link, PAGE_BYTES));
            }
            Child::Leaf(slot) => {
                self.leaves.release(*slot);
            }
            Child::Branch(branch) => {
                *self.branch_bytes = self.branch_bytes.saturating_sub(PAGE_BYTES);
                for (child, rows) in branch.children.iter().zip(&branch.rows) {
                    self.drop_below(child, level - 1, *rows)?;
                }
            }
        }
        Ok(())
    }
}

/// The error if a row was found by one path and not by another: its leaf is not in order.
pub(super) fn misplaced<T>() -> Result<T> {
    bail!(Corrupt, "a row is not where its key belongs; the file is damaged")
}
