//! Writing the edited nodes of a tree: first all leaves in key order, packed, then the branches
//! from the bottom up. Part of `TreeWriter`; commits and full memory budgets call it.
//!
//! In a tree with a key, edited leaves that lie side by side are joined, and written as few full
//! ones. The same goes for branches.

use std::ops::Range;
use std::sync::Arc;

use super::branch::encode;
use super::edited_leaves::{EditedLeaves, Slot};
use super::layout::Layout;
use super::node::{BranchNode, Child};
use super::split::{Order, sizes};
use super::writer::TreeWriter;
use crate::error::{Result, bail};
use crate::page::{Link, PAGE_BYTES, TreeRoot};
use crate::space::{Room, RunWriter};

impl TreeWriter {
    /// Writes every owned node to new pages, and forgets the copies in memory. Returns the root.
    ///
    /// After an error the session has failed: some nodes may be lost.
    pub(crate) fn flush(&mut self) -> Result<TreeRoot> {
        if !matches!(self.root, Child::Stored(_)) {
            self.array = 0;
        }
        let link = self.write_nodes().inspect_err(|_| self.session().fail())?;
        self.branch_bytes = 0;
        self.leaves.clear();
        Ok(TreeRoot {
            address: link.address,
            checksum: link.checksum,
            rows: self.rows,
            height: self.height as u16,
            array: self.array,
        })
    }

    /// Writes every owned node, and turns it into a stored one. Returns the link of the root.
    fn write_nodes(&mut self) -> Result<Link> {
        if let Child::Stored(link) = self.root {
            return Ok(link);
        }
        let session = Arc::clone(self.session());
        let most = node_bytes(&self.leaves, &self.root) + PAGE_BYTES * (self.height as usize + 1);
        let mut writer = RunWriter::new(&session, Room::Gaps(most as u64));
        let nodes = NodeWriter { layout: &self.layout, leaves: &self.leaves };
        nodes.write_leaves(&mut self.root, self.height, &mut writer)?;
        if self.layout.is_keyed() {
            self.lower_root();
        }
        let (link, height) = self.write_branches(&mut writer)?;
        writer.finish()?;
        (self.root, self.height) = (Child::Stored(link), height);
        Ok(link)
    }

    /// Writes all owned branches, which stay as they are, so that a read after an error finds them.
    /// Returns the link of the root and its level: if the root does not fit into a page any more,
    /// there is another one above it.
    fn write_branches(&self, writer: &mut RunWriter<'_>) -> Result<(Link, u32)> {
        let nodes = NodeWriter { layout: &self.layout, leaves: &self.leaves };
        let mut height = self.height;
        let mut level = match &self.root {
            Child::Stored(link) => return Ok((*link, height)),
            Child::Leaf(_) => return left_behind(),
            Child::Branch(branch) => nodes.write_run(&[branch], height, writer)?,
        };
        while level.links.len() > 1 {
            if height == Layout::HEIGHT_LIMIT {
                bail!(Limit, "a tree has at most {} levels; load the table again", Layout::HEIGHT_LIMIT);
            }
            height += 1;
            level = nodes.write_pages(&level, height, writer)?;
        }
        match level.links[..] {
            [link] => Ok((link, height)),
            _ => bail!(Corrupt, "a branch without children was to be written"),
        }
    }
}

/// The bytes of the owned nodes below a child.
fn node_bytes(leaves: &EditedLeaves, child: &Child) -> usize {
    match child {
        Child::Stored(_) => 0,
        Child::Leaf(slot) => leaves.len(*slot),
        Child::Branch(branch) => {
            let below = branch.children.iter().map(|child| node_bytes(leaves, child));
            PAGE_BYTES + below.sum::<usize>()
        }
    }
}

#[cold]
fn left_behind<T>() -> Result<T> {
    bail!(Corrupt, "a leaf was left behind when the leaves were written")
}

/// Nodes of one level that were written, as the columns of the branches above them.
#[derive(Default)]
struct Written {
    keys: Vec<u8>,
    rows: Vec<u64>,
    links: Vec<Link>,
}

impl Written {
    fn push(&mut self, key: &[u8], rows: u64, link: Link) {
        self.keys.extend_from_slice(key);
        self.rows.push(rows);
        self.links.push(link);
    }

    fn append(&mut self, mut other: Written) {
        self.keys.append(&mut other.keys);
        self.rows.append(&mut other.rows);
        self.links.append(&mut other.links);
    }
}

/// What the steps of a flush share.
struct NodeWriter<'t> {
    layout: &'t Layout,
    leaves: &'t EditedLeaves,
}

impl NodeWriter<'_> {
    /// Writes the leaves below a node, and turns them into stored ones.
    fn write_leaves(&self, child: &mut Child, level: u32, writer: &mut RunWriter<'_>) -> Result<()> {
        match child {
            Child::Stored(_) => {}
            Child::Leaf(slot) => {
                *child = match self.leaves.get(*slot) {
                    [] => Child::empty(),
                    records => Child::Stored(writer.push_packed(records)?),
                };
            }
            Child::Branch(branch) if level == 1 && self.layout.is_keyed() => {
                **branch = self.joined_leaves(branch, writer)?;
            }
            Child::Branch(branch) => {
                for child in &mut branch.children {
                    self.write_leaves(child, level - 1, writer)?;
                }
            }
        }
        Ok(())
    }

    /// The same for the children of a branch above the leaves. Those that lie side by side are
    /// joined.
    fn joined_leaves(&self, branch: &BranchNode, writer: &mut RunWriter<'_>) -> Result<BranchNode> {
        let key_width = self.layout.key().width();
        let mut joined = BranchNode::default();
        let mut index = 0;
        while index < branch.len() {
            if let Child::Stored(link) = branch.children[index] {
                joined.push(branch.key(index, key_width), branch.rows[index], Child::Stored(link));
                index += 1;
                continue;
            }
            let run = branch.children[index..].iter().map_while(Child::slot).collect::<Vec<Slot>>();
            for (part, order) in self.cut(&run) {
                self.write_joined(branch, index + part.start, &run[part], order, &mut joined, writer)?;
            }
            index += run.len();
        }
        Ok(joined)
    }

    /// Cuts a run of edited leaves where rows are being inserted in order, so that the leaf that
    /// they end in, or begin with, can take more of them. Says in which order each part grows.
    fn cut(&self, run: &[Slot]) -> Vec<(Range<usize>, Order)> {
        let width = self.layout.width();
        let order = |at: usize| run.get(at).map_or(Order::None, |slot| self.leaves.order(*slot, width));
        let (mut parts, mut start) = (Vec::new(), 0);
        for at in 0..run.len() {
            if at > start && order(at) == Order::Descending && order(at - 1) != Order::Descending {
                parts.push((start..at, Order::None));
                start = at;
            }
            if order(at) == Order::Ascending && order(at + 1) != Order::Ascending {
                parts.push((start..at + 1, Order::Ascending));
                start = at + 1;
            }
        }
        if start < run.len() {
            parts.push((start..run.len(), Order::None));
        }
        for (part, grows) in &mut parts {
            let (first, last) = (run[part.start], run[part.end - 1]);
            // At the ends, a single insert is sign enough.
            let at_end = self.leaves.inserted_at(last).map(|at| at + width) == Some(self.leaves.len(last));
            if *grows == Order::None && at_end {
                *grows = Order::Ascending;
            } else if *grows == Order::None && self.leaves.inserted_at(first) == Some(0) {
                *grows = Order::Descending;
            }
        }
        parts
    }

    /// Writes edited leaves, of which the first one is child `index`, as few full ones.
    fn write_joined(
        &self,
        branch: &BranchNode,
        index: usize,
        slots: &[Slot],
        order: Order,
        joined: &mut BranchNode,
        writer: &mut RunWriter<'_>,
    ) -> Result<()> {
        let (width, full, key_width) =
            (self.layout.width(), self.layout.leaf_rows(), self.layout.key().width());
        let copied;
        let mut records = match slots {
            [slot] => self.leaves.get(*slot),
            slots => {
                let leaves: Vec<&[u8]> = slots.iter().map(|slot| self.leaves.get(*slot)).collect();
                copied = leaves.concat();
                &copied[..]
            }
        };
        let (mut key, mut normal) = (Some(branch.key(index, key_width)), vec![0; key_width]);
        for rows in sizes(records.len() / width, full, order) {
            let (leaf, rest) = records.split_at(rows * width);
            records = rest;
            let key = key.take().unwrap_or_else(|| {
                self.layout.key().normalise(leaf, &mut normal);
                &normal
            });
            joined.push(key, rows as u64, Child::Stored(writer.push_packed(leaf)?));
        }
        Ok(())
    }

    /// Writes branches that lie side by side, and all owned ones below them.
    fn write_run(&self, run: &[&BranchNode], level: u32, writer: &mut RunWriter<'_>) -> Result<Written> {
        let mut below = Written::default();
        for branch in run {
            self.write_below(branch, level, &mut below, writer)?;
        }
        self.write_pages(&below, level, writer)
    }

    /// Writes the branches below a branch, and appends its children to `below`.
    fn write_below(
        &self,
        branch: &BranchNode,
        level: u32,
        below: &mut Written,
        writer: &mut RunWriter<'_>,
    ) -> Result<()> {
        let key_width = self.layout.key().width();
        let mut run = Vec::new();
        for (index, child) in branch.children.iter().enumerate() {
            let link = match child {
                Child::Stored(link) => Some(*link),
                Child::Branch(branch) => {
                    run.push(&**branch);
                    None
                }
                Child::Leaf(_) => return left_behind(),
            };
            // The branches of a tree without a key are full, and are not joined.
            if !run.is_empty() && (link.is_some() || !self.layout.is_keyed()) {
                below.append(self.write_run(&run, level - 1, writer)?);
                run.clear();
            }
            if let Some(link) = link {
                let key = branch.keys.get(index * key_width..(index + 1) * key_width);
                below.push(key.unwrap_or_default(), branch.rows[index], link);
            }
        }
        if !run.is_empty() {
            below.append(self.write_run(&run, level - 1, writer)?);
        }
        Ok(())
    }

    /// Writes as few branches as these children fit into.
    fn write_pages(&self, below: &Written, level: u32, writer: &mut RunWriter<'_>) -> Result<Written> {
        let key_width = self.layout.key().width();
        let mut written = Written::default();
        let mut start = 0;
        for children in sizes(below.links.len(), self.layout.children(), Order::None) {
            let range = start..start + children;
            start = range.end;
            let keys = &below.keys[range.start * key_width..range.end * key_width];
            let (rows, links) = (&below.rows[range.clone()], &below.links[range]);
            let link = writer.push_aligned(&encode(self.layout, level, keys, rows, links))?;
            written.push(&keys[..key_width], rows.iter().sum(), link);
        }
        Ok(written)
    }
}
