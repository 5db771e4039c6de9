//! `TreeBuilder`: builds a tree from records in order, as full leaves side by side in one run, with
//! the branches behind them. Loads, index builds and compaction use it. It edits no tree.

use super::branch::encode;
use super::layout::Layout;
use super::view::View;
use super::writer::TreeWriter;
use crate::error::Result;
use crate::page::{Link, PAGE_BYTES, TreeRoot};
use crate::space::{Room, RunWriter, WriteSession};

/// Takes records in key order (or row order) and writes them as one array.
///
/// Memory: one leaf, a write buffer, and an entry per leaf (its first key and 20 bytes). If it is
/// dropped before [`finish`](TreeBuilder::finish), it gives its pages back.
pub(crate) struct TreeBuilder<'s> {
    session: &'s WriteSession,
    layout: Layout,
    writer: Option<RunWriter<'s>>,
    leaf: Vec<u8>,
    /// Rows in the leaves that were written.
    rows: u64,
    /// Whether each leaf so far starts where the one before it ends.
    side_by_side: bool,
    /// Where the last leaf ends.
    next_address: u64,
    /// The leaves that were written.
    level: Level,
}

/// The nodes of one level, as the columns of the branches above them.
#[derive(Default)]
struct Level {
    keys: Vec<u8>,
    rows: Vec<u64>,
    links: Vec<Link>,
    bytes: Vec<usize>,
}

/// How many rows a tree will have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// About this many, and not more.
    Rows(u64),
    /// Unknown, but probably at least about this many.
    AtLeast(u64),
}

impl<'s> TreeBuilder<'s> {
    /// A builder for a tree of this many rows.
    pub(crate) fn new(session: &'s WriteSession, layout: Layout, rows: Expected) -> TreeBuilder<'s> {
        let room = match rows {
            Expected::Rows(rows) => Room::OneGap(layout.packed_bytes(rows)),
            // If the transaction cleared a tree, the new one is probably about as large, and fits
            // into one gap of twice that size. If it always went to the end of the file, a table
            // that is loaded again and again would make the file grow without limit.
            Expected::AtLeast(rows) => {
                match rows.saturating_mul(layout.width() as u64).max(session.cleared()) {
                    0 => Room::End(u64::MAX),
                    likely => Room::OneGap(likely.saturating_mul(2)),
                }
            }
        };
        TreeBuilder::in_room(session, layout, room)
    }

    /// A builder for a tree in this room.
    pub(crate) fn in_room(session: &'s WriteSession, layout: Layout, room: Room) -> TreeBuilder<'s> {
        session.trim_at_commit();
        let leaf = Vec::with_capacity(layout.leaf_bytes());
        let writer = Some(RunWriter::new(session, room));
        TreeBuilder {
            session,
            layout,
            writer,
            leaf,
            rows: 0,
            side_by_side: true,
            next_address: 0,
            level: Level::default(),
        }
    }

    /// Appends one or more whole records, which must come after all that were pushed before.
    #[inline]
    pub(crate) fn push(&mut self, records: &[u8]) -> Result<()> {
        if self.leaf.len() + records.len() > self.layout.leaf_bytes() {
            return self.push_across(records);
        }
        self.leaf.extend_from_slice(records);
        Ok(())
    }

    /// The same where a leaf ends. A full leaf is written only when more records come, so that the
    /// last record can still be replaced.
    #[cold]
    fn push_across(&mut self, mut records: &[u8]) -> Result<()> {
        while !records.is_empty() {
            if self.leaf.len() == self.layout.leaf_bytes() {
                self.write_leaf()?;
            }
            let room = self.layout.leaf_bytes() - self.leaf.len();
            let (taken, rest) = records.split_at(records.len().min(room));
            self.leaf.extend_from_slice(taken);
            records = rest;
        }
        Ok(())
    }

    /// Replaces the record that was pushed last.
    pub(crate) fn replace_last(&mut self, record: &[u8]) {
        let at = self.leaf.len().saturating_sub(record.len());
        self.leaf.truncate(at);
        self.leaf.extend_from_slice(record);
    }

    /// Appends all records of a tree, and calls `pushed` with the bytes of each leaf.
    pub(crate) fn push_all(&mut self, from: &View<'_>, pushed: &mut dyn FnMut(u64)) -> Result<()> {
        for records in from.slices(0..from.rows()) {
            let records = records?;
            self.push(records)?;
            pushed(records.len() as u64);
        }
        Ok(())
    }

    /// Writes the branches and returns the root. Nothing is durable until the transaction commits.
    pub(crate) fn finish(mut self) -> Result<TreeRoot> {
        if !self.leaf.is_empty() {
            self.write_leaf()?;
        }
        let mut height = 0;
        let mut below = std::mem::take(&mut self.level);
        while below.links.len() > 1 {
            height += 1;
            let above = self.write_branches(&below, height)?;
            // If a later write fails, the pages of these nodes are given back.
            self.level.links.append(&mut below.links);
            self.level.bytes.append(&mut below.bytes);
            below = above;
        }
        if let Some(writer) = self.writer.take() {
            writer.finish()?;
        }
        self.level = Level::default();
        let root = below.links.first().copied().unwrap_or_default();
        let array = u16::from(self.side_by_side && self.rows > 0);
        Ok(TreeRoot {
            address: root.address,
            checksum: root.checksum,
            rows: self.rows,
            height: height as u16,
            array,
        })
    }

    /// Writes the branches above the nodes of one level.
    fn write_branches(&mut self, below: &Level, height: u32) -> Result<Level> {
        let mut above = Level::default();
        let key_width = self.layout.key().width();
        let children = self.layout.children();
        for first in (0..below.links.len()).step_by(children) {
            let range = first..(first + children).min(below.links.len());
            let keys = &below.keys[range.start * key_width..range.end * key_width];
            let (rows, links) = (&below.rows[range.clone()], &below.links[range]);
            let page = encode(&self.layout, height, keys, rows, links);
            if let Some(writer) = &mut self.writer {
                above.links.push(writer.push_aligned(&page)?);
            }
            above.keys.extend_from_slice(&keys[..key_width]);
            above.rows.push(rows.iter().sum());
            above.bytes.push(PAGE_BYTES);
        }
        Ok(above)
    }

    fn write_leaf(&mut self) -> Result<()> {
        let key_width = self.layout.key().width();
        let at = self.level.keys.len();
        self.level.keys.resize(at + key_width, 0);
        self.layout.key().normalise(&self.leaf, &mut self.level.keys[at..]);
        let rows = (self.leaf.len() / self.layout.width()) as u64;
        if let Some(writer) = &mut self.writer {
            let link = writer.push_packed(&self.leaf)?;
            self.side_by_side &= self.rows == 0 || link.address == self.next_address;
            self.next_address = link.address + self.leaf.len() as u64;
            self.level.links.push(link);
        }
        self.level.rows.push(rows);
        self.level.bytes.push(self.leaf.len());
        self.rows += rows;
        self.leaf.clear();
        Ok(())
    }
}

impl TreeWriter {
    /// Writes all records to another place, as full leaves side by side. `room` gets the bytes that
    /// this takes; `written` is called with the bytes of each leaf.
    pub(crate) fn rewrite(&mut self, room: fn(u64) -> Room, written: &mut dyn FnMut(u64)) -> Result<()> {
        let room = room(self.layout.packed_bytes(self.rows));
        let mut builder = TreeBuilder::in_room(self.session(), self.layout.clone(), room);
        builder.push_all(&self.view(), written)?;
        let root = builder.finish()?;
        self.replace(root)
    }
}

impl Drop for TreeBuilder<'_> {
    fn drop(&mut self) {
        // First give back the pages that are not used, so that no page is both free and in a run.
        if let Some(writer) = self.writer.take() {
            let _ = writer.finish();
        }
        for (link, bytes) in self.level.links.iter().zip(&self.level.bytes) {
            self.session.free(*link, *bytes);
        }
    }
}
