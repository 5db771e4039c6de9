//! Builds the tree of an index: added and removed entries, sorted, and merged with the existing
//! ones. Only the index writer calls it.

use std::cmp::Ordering;
use std::path::PathBuf;

use super::options::LoadOptions;
use super::sort::{Sorted, Sorter};
use crate::error::{Result, bail};
use crate::page::TreeRoot;
use crate::tree::{Expected, KeyShape, Layout, Probe, Slices, TreeBuilder, TreeWriter, with_probe};

/// What happens to an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EntryChange {
    Added,
    Removed,
}

/// An index to build.
pub(crate) struct EntryTarget<'x> {
    /// The tree of the old entries, which stays as it is.
    pub(crate) tree: &'x TreeWriter,
    /// Whether the old entries that are not removed stay in the index.
    pub(crate) keeps: bool,
    /// The shape of the fields that are indexed, which come first.
    pub(crate) indexed: &'x KeyShape,
    /// How many entries will be added and removed.
    pub(crate) changes: u64,
    /// The folder for temporary files, unless the options name another.
    pub(crate) scratch: PathBuf,
    pub(crate) options: &'x LoadOptions,
    /// The error for two adjacent entries that violate uniqueness.
    pub(crate) neighbours: Option<Neighbours<'x>>,
}

/// Returns the error for two adjacent entries that violate uniqueness.
pub(crate) type Neighbours<'x> = &'x dyn Fn(&[u8], &[u8]) -> Result<()>;

/// The source of entries: it calls its argument with each one.
pub(crate) type Feed<'f> = &'f mut dyn FnMut(&mut dyn FnMut(EntryChange, &[u8]) -> Result<()>) -> Result<()>;

/// Builds a tree of entries and returns its root. The old tree is unchanged.
///
/// The entries must come in the order of the fields after the indexed ones, which is the order of
/// their rows. So a stable sort by the indexed fields alone sorts them completely.
pub(crate) fn load_entries(target: EntryTarget<'_>, feed: Feed<'_>) -> Result<TreeRoot> {
    with_probe!(target.indexed, probe => load_with(target, probe, feed))
}

fn load_with<P: Probe>(target: EntryTarget<'_>, probe: P, feed: Feed<'_>) -> Result<TreeRoot> {
    let EntryTarget { tree, options, .. } = target;
    let (layout, existing) = (tree.layout(), target.keeps.then(|| tree.view()));
    let folder = options.scratch.clone().unwrap_or(target.scratch);
    // Whether an entry is added or removed is kept as its place. If no entry stays, all are added,
    // and this need not be kept.
    let keeps_changes = existing.is_some();
    let memory_bytes = options.memory_bytes.max(1 << 20);
    let mut sorter = Sorter::new(probe, layout.width(), keeps_changes, memory_bytes, folder);
    let mut left = target.changes;
    feed(&mut |what, entry| {
        sorter.make_room(left)?;
        left = left.saturating_sub(1);
        sorter.push(entry, what as u64);
        Ok(())
    })?;
    let sorted = sorter.finish()?;
    let kept = existing.map_or(0, |view| view.rows());
    let mut merge = EntryMerge {
        builder: TreeBuilder::new(tree.session(), layout.clone(), Expected::Rows(kept + sorted.len())),
        layout,
        existing: existing.map(|view| view.slices(0..view.rows())),
        slice: &[],
        last: Vec::new(),
        neighbours: target.neighbours,
    };
    merge.run(sorted)?;
    merge.builder.finish()
}

/// A running merge.
struct EntryMerge<'x> {
    builder: TreeBuilder<'x>,
    layout: &'x Layout,
    /// The existing entries that were not copied yet.
    existing: Option<Slices<'x>>,
    slice: &'x [u8],
    /// The entry that was written last.
    last: Vec<u8>,
    neighbours: Option<Neighbours<'x>>,
}

impl<'x> EntryMerge<'x> {
    fn run<P: Probe>(&mut self, mut sorted: Sorted<P>) -> Result<()> {
        let width = self.layout.width();
        while let Some((entry, what)) = sorted.next()? {
            let is_there = self.existing.is_some() && self.copy_below(entry)?;
            match (what == EntryChange::Added as u64, is_there) {
                (true, false) => self.write(entry)?,
                (false, true) => self.slice = &self.slice[width..],
                _ => bail!(Corrupt, "an index does not hold what its table does; the file is damaged"),
            }
        }
        if !self.slice.is_empty() {
            self.write(self.slice)?;
        }
        while let Some(slice) = self.existing.as_mut().and_then(Iterator::next) {
            self.write(slice?)?;
        }
        Ok(())
    }

    /// Writes adjacent entries. They come from one slice, so only its ends get new neighbours.
    #[inline]
    fn write(&mut self, entries: &[u8]) -> Result<()> {
        if let Some(neighbours) = self.neighbours {
            let width = self.layout.width();
            if !self.last.is_empty() {
                neighbours(&self.last, &entries[..width])?;
            }
            self.last.clear();
            self.last.extend_from_slice(&entries[entries.len() - width..]);
        }
        self.builder.push(entries)
    }

    /// Copies the existing entries below this one. Returns whether this one is the next.
    fn copy_below(&mut self, entry: &[u8]) -> Result<bool> {
        let (width, key) = (self.layout.width(), self.layout.key());
        let target = key.normal(entry);
        loop {
            if self.slice.is_empty() {
                match self.existing.as_mut().and_then(Iterator::next) {
                    Some(slice) => self.slice = slice?,
                    None => return Ok(false),
                }
            }
            let (mut below, mut end) = (0, self.slice.len() / width);
            let mut is_there = false;
            while below < end {
                let middle = (below + end) / 2;
                match key.normal(&self.slice[middle * width..]).cmp(&target) {
                    Ordering::Less => below = middle + 1,
                    order => {
                        end = middle;
                        is_there |= order == Ordering::Equal;
                    }
                }
            }
            let (taken, rest) = self.slice.split_at(below * width);
            if !taken.is_empty() {
                self.write(taken)?;
            }
            self.slice = rest;
            if !rest.is_empty() {
                return Ok(is_there);
            }
        }
    }
}
