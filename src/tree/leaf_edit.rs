//! `LeafEdit`: the steps of one edit, from the root down to a leaf. `TreeWriter` and the removal of
//! many rows use it. It copies nodes into memory and frees their pages; it never writes a page.

use super::layout::Layout;
use super::node::{BranchNode, BranchRef, Child, ChildRef, Node, wrong_level};
use super::probe::Probe;
use super::search::{Span, search_leaf};
use super::split::{Split, increment, split_at};
use super::view::View;
use super::walk::{Visit, walk_stored};
use crate::error::{Result, bail};
use crate::page::{Buffer, PAGE_BYTES};
use crate::space::WriteSession;

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
    owned_bytes: &'e mut usize,
}

impl<'e> LeafEdit<'e> {
    /// An edit of a tree, of which it borrows all but the nodes.
    #[inline]
    pub(super) fn new(
        session: &'e WriteSession,
        layout: &'e Layout,
        owned_bytes: &'e mut usize,
    ) -> LeafEdit<'e> {
        LeafEdit { session, layout, owned_bytes }
    }

    /// The nodes below a child, to read from.
    pub(super) fn view<'v>(&self, root: ChildRef<'v>, height: u32, rows: u64) -> View<'v>
    where
        'e: 'v,
    {
        View { pages: self.session.view(), layout: self.layout, root, rows, height, array: None }
    }

    /// Copies a stored node into memory, and frees its pages. An owned node is returned as it is.
    fn own<'c>(&mut self, child: &'c mut Child, level: u32, rows: u64) -> Result<&'c mut Node> {
        if let Child::Stored(link) = *child {
            let stored = ChildRef::Stored(link);
            let view = self.view(stored, level, rows);
            let node = if level == 0 {
                let records = view.leaf(stored, rows)?;
                let mut leaf = Buffer::with_capacity(self.layout.leaf_bytes());
                leaf.extend(records);
                *self.owned_bytes += self.layout.leaf_bytes();
                self.session.free(link, records.len());
                Node::Leaf(leaf)
            } else if rows == 0 {
                *self.owned_bytes += PAGE_BYTES;
                Node::Branch(BranchNode::default())
            } else {
                let BranchRef::Stored(page) = view.branch(stored, level, rows)? else {
                    return wrong_level();
                };
                let branch = BranchNode::from_page(&page, self.layout)?;
                *self.owned_bytes += PAGE_BYTES;
                self.session.free(link, PAGE_BYTES);
                Node::Branch(branch)
            };
            *child = Child::Owned(Box::new(node));
        }
        match child {
            Child::Owned(node) => Ok(node),
            Child::Stored(_) => wrong_level(),
        }
    }

    pub(super) fn leaf<'c>(&mut self, child: &'c mut Child, rows: u64) -> Result<&'c mut Buffer> {
        match self.own(child, 0, rows)? {
            Node::Leaf(leaf) => Ok(leaf),
            Node::Branch(_) => wrong_level(),
        }
    }

    pub(super) fn branch<'c>(
        &mut self,
        child: &'c mut Child,
        level: u32,
        rows: u64,
    ) -> Result<&'c mut BranchNode> {
        match self.own(child, level, rows)? {
            Node::Branch(branch) => Ok(branch),
            Node::Leaf(_) => wrong_level(),
        }
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
        let index = BranchRef::Owned(branch).child_for(probe, target);
        let (below, span) = (branch.rows[index], branch.span(probe, index, span));
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
        if branch.len() <= layout.children() {
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
        *self.owned_bytes += PAGE_BYTES;
        let sibling = Sibling {
            key: right.key(0, key_width).to_vec(),
            rows: right.total_rows(),
            child: Child::Owned(Box::new(Node::Branch(right))),
        };
        Ok((placed, Some(sibling)))
    }

    /// Puts a record into a leaf. A full leaf splits where [`split_at`] says: in the middle, or so
    /// that inserts in order leave full leaves behind.
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
        let leaf = self.leaf(child, rows)?;
        let index = search_leaf(probe, leaf.as_slice(), leaf.len() / width, width, target, span);
        if let Some(existing) = leaf.as_mut_slice().get_mut(index * width..(index + 1) * width)
            && probe.stored(existing) == target
        {
            if replace {
                existing.copy_from_slice(record);
            }
            return Ok((Placed::Existing, None));
        }
        if leaf.len() < layout.leaf_bytes() {
            leaf.insert(index * width, record);
            return Ok((Placed::New, None));
        }
        let full = layout.leaf_rows();
        let Split { at, new_row_right } = split_at(index, full, leaf.inserted_at().map(|at| at / width));
        let mut right = Buffer::with_capacity(layout.leaf_bytes());
        right.extend(&leaf.as_slice()[at * width..]);
        leaf.truncate(at * width);
        let mut key = vec![0; layout.key().width()];
        if new_row_right {
            right.insert((index - at) * width, record);
            layout.key().normalise(right.as_slice(), &mut key);
            if index == at && at < full {
                // Inserts may come in descending order, and lower keys of this run belong to the
                // right leaf too. So its first key is the one after the last key of the left leaf.
                let last = &leaf.as_slice()[(at - 1) * width..];
                layout.key().normalise(last, &mut key);
                increment(&mut key);
            }
        } else {
            leaf.insert(index * width, record);
            layout.key().normalise(right.as_slice(), &mut key);
        }
        *self.owned_bytes += layout.leaf_bytes();
        let rows = (right.len() / width) as u64;
        Ok((Placed::New, Some(Sibling { key, rows, child: Child::Owned(Box::new(Node::Leaf(right))) })))
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
            let leaf = self.leaf(child, rows)?;
            let width = layout.width();
            let at = search_leaf(probe, leaf.as_slice(), leaf.len() / width, width, target, None) * width;
            let found = leaf.as_slice().get(at..at + width);
            if found.is_none_or(|record| probe.stored(record) != target) {
                return misplaced();
            }
            leaf.remove(at, width);
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
        let (full, key_width) = (
            if level == 0 { self.layout.leaf_rows() } else { self.layout.children() },
            self.layout.key().width(),
        );
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
            self.own(&mut merged, level, right_rows)?;
            let into = self.own(&mut branch.children[left], level, left_rows)?;
            let Child::Owned(merged) = merged else { return wrong_level() };
            *self.owned_bytes -= if level == 0 { self.layout.leaf_bytes() } else { PAGE_BYTES };
            match (into, *merged) {
                (Node::Leaf(into), Node::Leaf(merged)) => into.extend(merged.as_slice()),
                (Node::Branch(into), Node::Branch(merged)) => into.append(merged),
                _ => return wrong_level(),
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
            let leaf = self.leaf(child, rows)?;
            let taken = records.len().min(layout.leaf_bytes() - leaf.len());
            leaf.extend(&records[..taken]);
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
            self.leaf(child, rows)?.truncate(keep as usize * layout.width());
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
            Child::Owned(node) => match &**node {
                Node::Leaf(_) => {
                    *self.owned_bytes = self.owned_bytes.saturating_sub(self.layout.leaf_bytes());
                }
                Node::Branch(branch) => {
                    *self.owned_bytes = self.owned_bytes.saturating_sub(PAGE_BYTES);
                    for (child, rows) in branch.children.iter().zip(&branch.rows) {
                        self.drop_below(child, level - 1, *rows)?;
                    }
                }
            },
        }
        Ok(())
    }
}

/// The error if a row was found by one path and not by another: its leaf is not in order.
pub(super) fn misplaced<T>() -> Result<T> {
    bail!(Corrupt, "a row is not where its key belongs; the file is damaged")
}
