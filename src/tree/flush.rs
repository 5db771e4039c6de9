//! Writing the edited nodes of a tree: first all leaves in key order, packed, then the branches
//! from the bottom up. Part of `TreeWriter`; commits and full memory budgets call it.

use std::sync::Arc;

use super::branch::encode;
use super::layout::Layout;
use super::node::{Child, Node};
use super::writer::TreeWriter;
use crate::error::{Result, bail};
use crate::page::{Link, PAGE_BYTES, TreeRoot};
use crate::space::{Room, RunWriter};

impl TreeWriter {
    /// Writes every owned node to new pages, and forgets the copies in memory. Returns the root.
    ///
    /// After an error the session has failed: some nodes may be lost.
    pub(crate) fn flush(&mut self) -> Result<TreeRoot> {
        if matches!(self.root, Child::Owned(_)) {
            self.array = 0;
        }
        let link = self.write_nodes().inspect_err(|_| self.session().fail())?;
        self.owned_bytes = 0;
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
        let most = leaf_bytes(&self.root) + PAGE_BYTES * (self.height as usize + 1);
        let session = Arc::clone(self.session());
        let mut writer = RunWriter::new(&session, Room::Gaps(self.owned_bytes.min(most) as u64));
        write_leaves(&mut self.root, &mut writer)?;
        let link = write_branches(&self.layout, &mut self.root, self.height, &mut writer)?;
        writer.finish()?;
        Ok(link)
    }
}

/// The bytes of the owned nodes below a child.
fn leaf_bytes(child: &Child) -> usize {
    match child {
        Child::Stored(_) => 0,
        Child::Owned(node) => match &**node {
            Node::Leaf(leaf) => leaf.len(),
            Node::Branch(branch) => PAGE_BYTES + branch.children.iter().map(leaf_bytes).sum::<usize>(),
        },
    }
}

fn write_leaves(child: &mut Child, writer: &mut RunWriter<'_>) -> Result<()> {
    let Child::Owned(node) = child else { return Ok(()) };
    match &mut **node {
        Node::Leaf(leaf) if leaf.len() == 0 => *child = Child::empty(),
        Node::Leaf(leaf) => *child = Child::Stored(writer.push_packed(leaf.as_slice())?),
        Node::Branch(branch) => {
            for child in &mut branch.children {
                write_leaves(child, writer)?;
            }
        }
    }
    Ok(())
}

fn write_branches(
    layout: &Layout,
    child: &mut Child,
    level: u32,
    writer: &mut RunWriter<'_>,
) -> Result<Link> {
    let branch = match child {
        Child::Stored(link) => return Ok(*link),
        Child::Owned(node) => match &mut **node {
            Node::Branch(branch) => branch,
            Node::Leaf(_) => bail!(Corrupt, "a leaf was left behind when the leaves were written"),
        },
    };
    let mut links = Vec::with_capacity(branch.len());
    for child in &mut branch.children {
        links.push(write_branches(layout, child, level - 1, writer)?);
    }
    let link = writer.push_aligned(&encode(layout, level, &branch.keys, &branch.rows, &links))?;
    *child = Child::Stored(link);
    Ok(link)
}
