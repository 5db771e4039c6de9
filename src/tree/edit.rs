//! Editing a tree: nodes that change are copied into memory, the rest stays where it was committed.
//!
//! ```text
//!            root (owned)                 An edit copies the path from the root to its leaf, once. Flushing writes the
//!           /     |     \                 owned nodes bottom-up to new pages and forgets them; until then an abort
//!     stored   owned    stored            costs nothing.
//!              /   \
//!         stored   leaf (owned)
//! ```

use super::key::{Probe, with_probe};
use super::layout::Layout;
use super::node::{Branch, BranchRef, Child, ChildRef, Node};
use super::search::{Span, search_leaf};
use super::split::{Split, increment, split_at};
use super::view::View;
use super::walk::{Visit, walk_stored};
use crate::error::{Error, ErrorKind, Result, fail};
use crate::page::{Buffer, Link, PAGE_BYTES, TreeRoot};
use crate::space::WriteSession;

/// A tree that a write transaction works on.
#[derive(Debug)]
pub(crate) struct Edited {
    pub(super) layout: Layout,
    pub(super) root: Child,
    pub(super) rows: u64,
    pub(super) height: u32,
    /// What the root said of its leaves: true as long as no node was changed.
    pub(super) array: u16,
    /// Memory that owned nodes take.
    pub(super) owned_bytes: usize,
}

/// What became of a record that was put into a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Placed {
    /// There was no row with its key.
    New,
    /// There was one: it was replaced, or left as it is, as asked.
    Existing,
}

/// A node that split off to the right.
struct Sibling {
    key: Vec<u8>,
    rows: u64,
    child: Child,
}

/// What the steps of one edit share.
pub(super) struct Edit<'e> {
    pub(super) session: &'e WriteSession,
    pub(super) layout: &'e Layout,
    pub(super) owned_bytes: &'e mut usize,
}

impl Edited {
    /// A tree that starts from a committed root.
    pub(crate) fn new(session: &WriteSession, layout: Layout, root: TreeRoot) -> Result<Edited> {
        View::new(session.view(), &layout, root)?;
        Ok(Edited {
            layout,
            root: Child::Stored(root.link()),
            rows: root.rows,
            height: root.height.into(),
            array: root.array,
            owned_bytes: 0,
        })
    }

    /// A tree without rows.
    pub(crate) fn empty(layout: Layout) -> Edited {
        Edited { layout, root: Child::Stored(Link::default()), rows: 0, height: 0, array: 0, owned_bytes: 0 }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Memory that waits to be written.
    pub(crate) fn owned_bytes(&self) -> usize {
        self.owned_bytes
    }

    /// The tree as it is now, to read from.
    pub(crate) fn view<'s>(&'s self, session: &'s WriteSession) -> View<'s> {
        View {
            pages: session.view(),
            layout: &self.layout,
            root: ChildRef::from(&self.root),
            rows: self.rows,
            height: self.height,
            array: None,
        }
    }

    /// The record with this number, to be changed in place. Its key must stay what it is.
    pub(crate) fn record_mut(&mut self, session: &WriteSession, row: u64) -> Result<Option<&mut [u8]>> {
        if row >= self.rows {
            return Ok(None);
        }
        let width = self.layout.width();
        let (mut child, mut rows, mut row) = (&mut self.root, self.rows, row);
        let mut edit = Edit { session, layout: &self.layout, owned_bytes: &mut self.owned_bytes };
        for level in (1..=self.height).rev() {
            let branch = edit.branch(child, level, rows)?;
            let Some(index) = branch.rows.iter().position(|rows| match row.checked_sub(*rows) {
                Some(after) => {
                    row = after;
                    false
                }
                None => true,
            }) else {
                fail!(
                    Corrupt,
                    "the rows below a branch do not add up to what its parent says; the file is damaged"
                );
            };
            rows = branch.rows[index];
            child = &mut branch.children[index];
        }
        let leaf = edit.leaf(child, rows)?;
        Ok(leaf.as_mut_slice().get_mut(row as usize * width..(row as usize + 1) * width))
    }

    /// The record with this key, to be changed in place. Its key must stay what it is.
    pub(crate) fn find_mut(&mut self, session: &WriteSession, key: &[u8]) -> Result<Option<&mut [u8]>> {
        let width = self.layout.width();
        with_probe!(self.layout.key(), probe => {
            let target = probe.stored(key);
            let (mut child, mut rows, mut span) = (&mut self.root, self.rows, None);
            let mut edit = Edit { session, layout: &self.layout, owned_bytes: &mut self.owned_bytes };
            // Nothing is copied into memory for a key that is not there.
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
                    let index = BranchRef::Edited(branch).child_for(probe, target);
                    span = branch.span(probe, index, span);
                    rows = branch.rows[index];
                    child = &mut branch.children[index];
                }
            }
            let leaf = edit.leaf(child, rows)?;
            let at = search_leaf(probe, leaf.as_slice(), leaf.len() / width, width, target, span) * width;
            match leaf.as_mut_slice().get_mut(at..at + width) {
                Some(record) if probe.stored(record) == target => Ok(Some(record)),
                _ if found => misplaced(),
                _ => Ok(None),
            }
        })
    }

    /// Puts a record where its key belongs. O(height).
    ///
    /// A tree that grows past the greatest height, which only a forged file comes near, fails the session.
    pub(crate) fn put(&mut self, session: &WriteSession, record: &[u8], replace: bool) -> Result<Placed> {
        let mut edit = Edit { session, layout: &self.layout, owned_bytes: &mut self.owned_bytes };
        let (placed, sibling) = with_probe!(self.layout.key(), probe => {
            let target = probe.stored(record);
            edit.put(&mut self.root, self.height, self.rows, probe, target, None, record, replace)?
        });
        if placed == Placed::New {
            self.rows += 1;
        }
        if let Some(sibling) = sibling {
            if self.height == Layout::HEIGHT_LIMIT {
                session.fail();
                fail!(Limit, "a tree has at most {} levels; load the table anew", Layout::HEIGHT_LIMIT);
            }
            let left = std::mem::replace(&mut self.root, Child::Stored(Link::default()));
            let key = first_key(&self.layout, &left);
            let mut branch = Branch::default();
            branch.insert(0, &key, self.rows - sibling.rows, left);
            branch.insert(1, &sibling.key, sibling.rows, sibling.child);
            self.root = Child::Owned(Box::new(Node::Branch(branch)));
            self.height += 1;
            self.owned_bytes += PAGE_BYTES;
        }
        Ok(placed)
    }

    /// Takes out the record with this key, into `removed`; `false` if there is none. O(height).
    ///
    /// After an error the session has failed: the counts of some branches may have changed and those above not.
    pub(crate) fn remove(
        &mut self,
        session: &WriteSession,
        key: &[u8],
        removed: &mut Vec<u8>,
    ) -> Result<bool> {
        match self.view(session).find(key)? {
            Some(record) => {
                removed.clear();
                removed.extend_from_slice(record);
            }
            None => return Ok(false),
        }
        let mut edit = Edit { session, layout: &self.layout, owned_bytes: &mut self.owned_bytes };
        with_probe!(self.layout.key(), probe => {
            let target = probe.stored(key);
            let removed = edit.remove(&mut self.root, self.height, self.rows, probe, target);
            removed.inspect_err(|_| session.fail())?;
        });
        self.rows -= 1;
        if self.rows == 0 {
            self.clear(session)?;
        }
        self.lower_root();
        Ok(true)
    }

    /// Appends records to a tree without a key. O(height) a leaf.
    pub(crate) fn extend(&mut self, session: &WriteSession, mut records: &[u8]) -> Result<()> {
        let width = self.layout.width();
        while !records.is_empty() {
            if self.rows == self.layout.dense_capacity(self.height) {
                let full = std::mem::replace(&mut self.root, Child::Stored(Link::default()));
                let mut branch = Branch::default();
                branch.insert(0, &[], self.rows, full);
                self.root = Child::Owned(Box::new(Node::Branch(branch)));
                self.height += 1;
                self.owned_bytes += PAGE_BYTES;
            }
            let mut edit = Edit { session, layout: &self.layout, owned_bytes: &mut self.owned_bytes };
            let taken = edit.extend(&mut self.root, self.height, self.rows, records)?;
            self.rows += (taken / width) as u64;
            records = &records[taken..];
        }
        Ok(())
    }

    /// Cuts a tree without a key to its first rows. O(height + nodes dropped).
    pub(crate) fn truncate(&mut self, session: &WriteSession, rows: u64) -> Result<()> {
        if rows == 0 {
            return self.clear(session);
        }
        if rows < self.rows {
            let mut edit = Edit { session, layout: &self.layout, owned_bytes: &mut self.owned_bytes };
            let truncated = edit.truncate(&mut self.root, self.height, self.rows, rows);
            truncated.inspect_err(|_| session.fail())?;
            self.rows = rows;
            self.lower_root();
        }
        Ok(())
    }

    /// Empties the tree. O(nodes).
    pub(crate) fn clear(&mut self, session: &WriteSession) -> Result<()> {
        let root = std::mem::replace(&mut self.root, Child::Stored(Link::default()));
        let mut edit = Edit { session, layout: &self.layout, owned_bytes: &mut self.owned_bytes };
        edit.drop_below(&root, self.height, self.rows).inspect_err(|_| session.fail())?;
        session.note_cleared(self.rows.saturating_mul(self.layout.width() as u64));
        (self.rows, self.height, self.array, self.owned_bytes) = (0, 0, 0, 0);
        Ok(())
    }

    /// Empties the tree and puts a built one in its place.
    pub(crate) fn replace(&mut self, session: &WriteSession, root: TreeRoot) -> Result<()> {
        self.clear(session)?;
        (self.root, self.rows) = (Child::Stored(root.link()), root.rows);
        (self.height, self.array) = (root.height.into(), root.array);
        Ok(())
    }

    /// While the root is an owned branch with a single child, that child becomes the root.
    pub(super) fn lower_root(&mut self) {
        while self.height > 0 {
            match &mut self.root {
                Child::Owned(node) => match &mut **node {
                    Node::Branch(branch) if branch.len() == 1 => {
                        let Some(child) = branch.children.pop() else { return };
                        self.root = child;
                        self.height -= 1;
                        self.array = 0;
                        self.owned_bytes = self.owned_bytes.saturating_sub(PAGE_BYTES);
                    }
                    _ => return,
                },
                Child::Stored(_) => return,
            }
        }
    }
}

impl<'e> Edit<'e> {
    /// What is below a node, to read from.
    fn view<'v>(&self, root: ChildRef<'v>, height: u32, rows: u64) -> View<'v>
    where
        'e: 'v,
    {
        View { pages: self.session.view(), layout: self.layout, root, rows, height, array: None }
    }

    /// Copies a node into memory, if it is not there yet, and notes that its pages are no longer reached.
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
                Node::Branch(Branch::default())
            } else {
                let BranchRef::Stored(page) = view.branch(stored, level, rows)? else {
                    return wrong_level();
                };
                let branch = Branch::from_page(&page, self.layout)?;
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
    ) -> Result<&'c mut Branch> {
        match self.own(child, level, rows)? {
            Node::Branch(branch) => Ok(branch),
            Node::Leaf(_) => wrong_level(),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one descent")]
    fn put<P: Probe>(
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
        let index = BranchRef::Edited(branch).child_for(probe, target);
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
        // As for leaves: a branch whose last child split stays full, and so does one whose first child did.
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

    /// Puts a record into a leaf. A full leaf splits in the middle, or where [`split_at`] sees a run of inserts
    /// in order, so that those leave full leaves behind.
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
                // Lower keys of the run belong to the right leaf too: it starts behind the left one's last
                // key, not at its own first.
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

    fn remove<P: Probe>(
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
            let at = search_leaf(
                probe,
                leaf.as_slice(),
                leaf.len() / layout.width(),
                layout.width(),
                target,
                None,
            ) * layout.width();
            let found = leaf.as_slice().get(at..at + layout.width());
            if found.is_none_or(|record| probe.stored(record) != target) {
                return misplaced();
            }
            leaf.remove(at, layout.width());
            return Ok(());
        }
        let branch = self.branch(child, level, rows)?;
        let index = BranchRef::Edited(branch).child_for(probe, target);
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

    /// Joins a child that has become small with a neighbour, if both fit into three quarters of a node.
    pub(super) fn merge_if_small(&mut self, branch: &mut Branch, index: usize, level: u32) -> Result<()> {
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
            let mut gone = branch.remove(right, key_width);
            self.own(&mut gone, level, right_rows)?;
            let into = self.own(&mut branch.children[left], level, left_rows)?;
            let Child::Owned(gone) = gone else { return wrong_level() };
            *self.owned_bytes -= if level == 0 { self.layout.leaf_bytes() } else { PAGE_BYTES };
            match (into, *gone) {
                (Node::Leaf(into), Node::Leaf(gone)) => into.extend(gone.as_slice()),
                (Node::Branch(into), Node::Branch(gone)) => into.append(gone),
                _ => return wrong_level(),
            }
            branch.rows[left] += right_rows;
            return Ok(());
        }
        Ok(())
    }

    /// Rows of a leaf, children of a branch.
    fn size(&self, branch: &Branch, index: usize, level: u32) -> Result<usize> {
        let rows = branch.rows[index];
        if level == 0 {
            return Ok(rows as usize);
        }
        let child = ChildRef::from(&branch.children[index]);
        let view = self.view(child, level, rows);
        Ok(view.branch(child, level, rows)?.len())
    }

    /// Appends what fits into the last leaf; returns how many bytes that was.
    fn extend(&mut self, child: &mut Child, level: u32, rows: u64, records: &[u8]) -> Result<usize> {
        let layout = self.layout;
        if level == 0 {
            let leaf = self.leaf(child, rows)?;
            let taken = records.len().min(layout.leaf_bytes() - leaf.len());
            leaf.extend(&records[..taken]);
            return Ok(taken);
        }
        let branch = self.branch(child, level, rows)?;
        if branch.rows.last().is_none_or(|rows| *rows == layout.dense_capacity(level - 1)) {
            branch.insert(branch.len(), &[], 0, Child::Stored(Link::default()));
        }
        let last = branch.len() - 1;
        let below = branch.rows[last];
        let taken = self.extend(&mut branch.children[last], level - 1, below, records)?;
        branch.rows[last] += (taken / layout.width()) as u64;
        Ok(taken)
    }

    /// Keeps the first `keep` rows, of which there is at least one.
    fn truncate(&mut self, child: &mut Child, level: u32, rows: u64, keep: u64) -> Result<()> {
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
            let gone = branch.remove(branch.len() - 1, 0);
            self.drop_below(&gone, level - 1, rows)?;
        }
        let (below, keep) = (branch.rows[last], keep - last as u64 * capacity);
        self.truncate(&mut branch.children[last], level - 1, below, keep)?;
        branch.rows[last] = keep;
        Ok(())
    }

    /// Gives up a node and all below it: pages are noted as no longer reached, memory as no longer taken.
    pub(super) fn drop_below(&mut self, child: &Child, level: u32, rows: u64) -> Result<()> {
        match child {
            Child::Stored(_) if rows == 0 => {}
            Child::Stored(link) => {
                let view = self.view(ChildRef::Stored(*link), level, rows);
                // A branch is read after it was visited. If this transaction wrote it, it is unused once it is freed, and
                // another thread may write over it: so branches are freed when all of them were read.
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

/// The first key below an owned node, in normal form.
fn first_key(layout: &Layout, child: &Child) -> Vec<u8> {
    let mut key = vec![0; layout.key().width()];
    if let Child::Owned(node) = child {
        match &**node {
            Node::Leaf(leaf) => layout.key().normalise(leaf.as_slice(), &mut key),
            Node::Branch(branch) => key.copy_from_slice(branch.key(0, layout.key().width())),
        }
    }
    key
}

/// A row was found, and by another way it is not: then its leaf is not in order.
fn misplaced<T>() -> Result<T> {
    fail!(Corrupt, "a row is not where its key belongs; the file is damaged")
}

fn wrong_level<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Corrupt, "a leaf stands where a branch belongs; the file is damaged"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::page::{FIRST_ADDRESS, Pages};
    use crate::space::Allocator;
    use crate::storage::MappedFile;
    use crate::tree::{KeyShape, Part};

    /// What the nodes in memory take.
    fn taken(layout: &Layout, child: &Child) -> usize {
        match child {
            Child::Stored(_) => 0,
            Child::Owned(node) => match &**node {
                Node::Leaf(_) => layout.leaf_bytes(),
                Node::Branch(branch) => {
                    PAGE_BYTES + branch.children.iter().map(|child| taken(layout, child)).sum::<usize>()
                }
            },
        }
    }

    #[test]
    fn the_memory_that_edits_take_is_counted() {
        let file = MappedFile::anonymous(FIRST_ADDRESS, 0).unwrap();
        let session = WriteSession::new(Arc::new(Pages::new(Box::new(file))), Allocator::new(1));
        let keyed = Layout::new(1024, KeyShape::new(vec![Part::Unsigned(8)]), 4).unwrap();
        let dense = Layout::new(1024, KeyShape::new(Vec::new()), 4).unwrap();
        let (mut tree, mut rows) = (Edited::empty(keyed), Edited::empty(dense));
        let mut record = [0; 1024];
        for step in 0..20_000_u64 {
            // Grows to three levels, shrinks to nothing, twice.
            let key = step.wrapping_mul(0x9E37_79B9) % 4096;
            record[..8].copy_from_slice(&key.to_le_bytes());
            if step / 5000 % 2 == 0 {
                tree.put(&session, &record, true).unwrap();
                rows.extend(&session, &record).unwrap();
            } else {
                tree.remove(&session, &record, &mut Vec::new()).unwrap();
                rows.truncate(&session, rows.rows().saturating_sub(1)).unwrap();
            }
            if step % 97 == 0 || step % 5000 > 4990 {
                assert_eq!(tree.owned_bytes(), taken(&tree.layout, &tree.root), "step {step}");
                assert_eq!(rows.owned_bytes(), taken(&rows.layout, &rows.root), "step {step}");
            }
            if step % 1777 == 0 {
                tree.flush(&session).unwrap();
                rows.flush(&session).unwrap();
            }
        }
        assert!(tree.rows() < 1000 && rows.rows() == 0);
    }
}
