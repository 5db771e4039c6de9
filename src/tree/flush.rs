//! Writing what an edit has in memory: leaves in key order, packed, then branches from the bottom up.

use super::branch::encode;
use super::edit::Edited;
use super::layout::Layout;
use super::node::{Child, Node};
use crate::error::{Result, fail};
use crate::page::{Link, PAGE_BYTES, TreeRoot};
use crate::space::{Room, RunWriter, WriteSession};

impl Edited {
    /// Writes every owned node to new pages, leaves in order first, and forgets the copies in memory. Returns the root.
    ///
    /// After an error the session has failed: nodes may be gone that were not written.
    pub(crate) fn flush(&mut self, session: &WriteSession) -> Result<TreeRoot> {
        if matches!(self.root, Child::Owned(_)) {
            self.array = 0;
        }
        let flushed = flush(&self.layout, &mut self.root, self.height, self.owned_bytes, session);
        let link = flushed.inspect_err(|_| session.fail())?;
        self.owned_bytes = 0;
        Ok(TreeRoot {
            address: link.address,
            checksum: link.checksum,
            rows: self.rows,
            height: self.height as u16,
            array: self.array,
        })
    }
}

/// Writes every owned node below `root` and turns it into a stored one. Returns the root's link.
fn flush(
    layout: &Layout,
    root: &mut Child,
    height: u32,
    owned_bytes: usize,
    session: &WriteSession,
) -> Result<Link> {
    if let Child::Stored(link) = root {
        return Ok(*link);
    }
    let expected = owned_bytes.min(leaf_bytes(root) + PAGE_BYTES * (height as usize + 1));
    let mut writer = RunWriter::new(session, Room::Gaps(expected as u64));
    write_leaves(root, &mut writer)?;
    let link = write_branches(layout, root, height, &mut writer)?;
    writer.finish()?;
    Ok(link)
}

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
        Node::Leaf(leaf) if leaf.len() == 0 => *child = Child::Stored(Link::default()),
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
            Node::Leaf(_) => fail!(Corrupt, "a leaf was left behind when the leaves were written"),
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
