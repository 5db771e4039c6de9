//! Loading the records of any source into one table. Tables call `load`, and then do with their
//! tree what it returns.
//!
//! Sorted input streams through. Other input is sorted within a memory budget, with the help of
//! temporary files. Either way the rows of the table are merged in, and another tree is built. The
//! caller puts it in place of the old one when it is whole.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use super::merge::{Clash, DuplicateWords, Merge, Origin};
use super::options::{LoadOptions, LoadReport, OnDuplicate};
use super::sort::Sorter;
use super::source::{Block, RecordSource};
use crate::error::Result;
use crate::page::TreeRoot;
use crate::tree::{Expected, Layout, Probe, TreeBuilder, TreeWriter, with_probe};

/// The target of a load, and what it needs to know about the table.
pub(crate) struct LoadTarget<'x> {
    pub(crate) tree: &'x mut TreeWriter,
    /// The number of rows of the old tree, if this tree replaces one: an estimate of the new
    /// number.
    pub(crate) replaced_rows: u64,
    /// The folder for temporary files, unless the options name another.
    pub(crate) scratch: PathBuf,
    pub(crate) words: DuplicateWords<'x>,
}

/// What the caller must do to the table.
pub(crate) enum Loaded {
    /// Put this tree in place of the table's. `replaced` if it has no row of the table.
    Tree { root: TreeRoot, replaced: bool },
    /// Put these records into the table one by one, replacing those with their keys.
    Few(Vec<u8>),
    /// Nothing: the new rows were appended.
    Appended,
}

/// Loads all records of the source, and returns what to do to the table. The table is
/// unchanged, except for appended rows. After an error, or a panic of the source, it is unchanged.
pub(crate) fn load(
    target: LoadTarget<'_>,
    source: &mut dyn RecordSource,
    options: &LoadOptions,
) -> Result<(Loaded, LoadReport)> {
    if options.replace && target.tree.rows() > 0 {
        // Built as for an empty table. The old tree is freed when the new one is complete.
        let mut fresh = TreeWriter::empty(target.tree.session(), target.tree.layout().clone());
        let replaced_rows = target.tree.rows();
        let beside = LoadTarget { tree: &mut fresh, replaced_rows, ..target };
        let (loaded, report) = load_beside(beside, source, options)?;
        let root = match loaded {
            Loaded::Tree { root, .. } => root,
            Loaded::Few(_) | Loaded::Appended => fresh.flush()?,
        };
        return Ok((Loaded::Tree { root, replaced: true }, report));
    }
    load_beside(target, source, options)
}

fn load_beside(
    target: LoadTarget<'_>,
    source: &mut dyn RecordSource,
    options: &LoadOptions,
) -> Result<(Loaded, LoadReport)> {
    let layout = target.tree.layout().clone();
    if layout.is_keyed() {
        with_probe!(layout.key(), probe => load_keyed(target, &layout, probe, source, options))
    } else {
        load_dense(target, &layout, source, options)
    }
}

/// Appends records without a key, in the order in which they come.
fn load_dense(
    target: LoadTarget<'_>,
    layout: &Layout,
    source: &mut dyn RecordSource,
    options: &LoadOptions,
) -> Result<(Loaded, LoadReport)> {
    let LoadTarget { tree, replaced_rows, .. } = target;
    let mut report = LoadReport { in_order: true, ..LoadReport::default() };
    let mut block = Block::new(layout.width());
    if tree.rows() == 0 {
        let expected = source.rows_hint().map_or(Expected::AtLeast(replaced_rows), Expected::Rows);
        let mut builder = TreeBuilder::new(tree.session(), layout.clone(), expected);
        while block.read(source, usize::MAX)? {
            builder.push(block.bytes())?;
            report.read += block.rows() as u64;
        }
        report.rows = report.read;
        return Ok((Loaded::Tree { root: builder.finish()?, replaced: false }, report));
    }
    let before = tree.rows();
    // The source is code of the caller, and may panic.
    let appended = catch_unwind(AssertUnwindSafe(|| {
        while block.read(source, usize::MAX)? {
            tree.extend(block.bytes())?;
            report.read += block.rows() as u64;
            if tree.owned_bytes() > options.memory_bytes.max(1 << 20) {
                tree.flush()?;
            }
        }
        Ok(())
    }));
    if !matches!(appended, Ok(Ok(()))) {
        let undone = tree.truncate(before).inspect_err(|_| tree.session().fail());
        appended.unwrap_or_else(|panic| resume_unwind(panic)).and(undone)?;
    }
    report.rows = tree.rows();
    Ok((Loaded::Appended, report))
}

fn load_keyed<P: Probe>(
    target: LoadTarget<'_>,
    layout: &Layout,
    probe: P,
    source: &mut dyn RecordSource,
    options: &LoadOptions,
) -> Result<(Loaded, LoadReport)> {
    let LoadTarget { tree, replaced_rows, scratch, words } = target;
    let folder = options.scratch.clone().unwrap_or(scratch);
    let mut sorter = Sorter::new(probe, layout.width(), true, options.memory_bytes.max(1 << 20), folder);
    // Records that begin in order probably continue in order, and need not be held in memory.
    let mut more = sorter.fill_to(source, BEGINNING_ROWS.max(few_rows(tree)))?;
    if more && !sorter.is_in_order() {
        more = sorter.fill(source)?;
    }
    let mut load = KeyedLoad {
        layout,
        probe,
        on_duplicate: options.on_duplicate,
        replaced_rows,
        words,
        report: LoadReport { in_order: sorter.is_in_order(), ..LoadReport::default() },
    };
    if !more && sorter.len() < few_rows(tree) {
        let (records, new) = load.few(source, sorter, tree)?;
        load.report.rows = tree.rows() + new;
        return Ok((Loaded::Few(records), load.report));
    }
    let root = if more && load.report.in_order {
        load.stream(source, sorter, tree)?
    } else {
        load.sort(source, sorter, tree, Origin::InTable)?
    };
    load.report.rows = root.rows;
    Ok((Loaded::Tree { root, replaced: false }, load.report))
}

/// How many records ahead of the one that is looked up are prefetched.
const AHEAD: usize = 16;

/// The number of records whose order is checked before records are written as they come.
const BEGINNING_ROWS: usize = 1 << 16;

/// Up to this many records, editing the leaves of the table is cheaper than writing all of them
/// again: to put in a record takes about as long as to merge a hundred rows. Leaves that were
/// edited once are in memory for the next batch, too.
fn few_rows(tree: &TreeWriter) -> usize {
    let quarter_of_leaves = tree.rows() / tree.layout().leaf_rows() as u64 / 4;
    let edited = (tree.rows() / 128).min(EDITED_ROWS);
    quarter_of_leaves.max(edited) as usize
}

/// As many leaves can be in memory at once.
const EDITED_ROWS: u64 = 1 << 16;

/// A running load into a table with a key.
struct KeyedLoad<'x, P> {
    layout: &'x Layout,
    probe: P,
    on_duplicate: OnDuplicate,
    replaced_rows: u64,
    words: DuplicateWords<'x>,
    report: LoadReport,
}

impl<P: Probe> KeyedLoad<'_, P> {
    /// The first records were in order. Streams the rest, as long as it is in order too.
    fn stream(
        &mut self,
        source: &mut dyn RecordSource,
        mut sorter: Sorter<P>,
        tree: &TreeWriter,
    ) -> Result<TreeRoot> {
        let begun = sorter.len() as u64 + tree.rows();
        let expected = match source.rows_hint() {
            Some(rows) => Expected::Rows(rows.saturating_add(begun)),
            None => Expected::AtLeast(begun.max(self.replaced_rows)),
        };
        let mut merge = self.merge(tree, expected, Origin::InTable);
        self.report.read += sorter.len() as u64;
        let begun = sorter.drain(|record, place| merge.push(record, place).map(drop));
        begun.map_err(|clash| clash.explain(self.words, source))?;
        let mut block = Block::new(self.layout.width());
        loop {
            if !block.read(source, usize::MAX)? {
                return self.finish(merge);
            }
            let first_place = block.first_place(source);
            let taken = merge.push_many(block.bytes(), first_place);
            let taken = taken.map_err(|clash| clash.explain(self.words, source))?;
            self.report.read += taken as u64;
            if taken < block.rows() {
                let rest = &block.bytes()[taken * self.layout.width()..];
                sorter.push_many(rest, first_place.wrapping_add(taken as u64));
                break;
            }
        }
        // The order ends here. What was built so far becomes a tree, and the sorted rest is merged
        // into it.
        self.report.in_order = false;
        let known = if tree.rows() == 0 { merge.known() } else { Origin::Before };
        let root = self.finish(merge)?;
        let mut begun = TreeWriter::new(tree.session(), self.layout.clone(), root)?;
        let whole = catch_unwind(AssertUnwindSafe(|| self.sort(source, sorter, &begun, known)));
        begun.clear()?;
        whole.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Sorts the records in the sorter and all that follow, and merges them with the tree.
    fn sort(
        &mut self,
        source: &mut dyn RecordSource,
        mut sorter: Sorter<P>,
        tree: &TreeWriter,
        known: Origin,
    ) -> Result<TreeRoot> {
        loop {
            match sorter.fill(source) {
                Ok(true) => sorter.spill()?,
                Ok(false) => break,
                // A run that could not be written came before.
                Err(error) => return Err(sorter.settle().err().unwrap_or(error)),
            }
        }
        self.report.read += sorter.taken();
        let mut sorted = sorter.finish()?;
        self.report.spilled_runs += sorted.spilled_runs();
        let mut merge = self.merge(tree, Expected::Rows(sorted.len() + tree.rows()), known);
        while let Some((record, place)) = sorted.next()? {
            merge.push(record, place).map_err(|clash| clash.explain(self.words, source))?;
        }
        drop(sorted);
        self.finish(merge)
    }

    /// The records to be inserted if they are few, in order, and how many of them have new keys.
    /// Duplicates are resolved.
    fn few(
        &mut self,
        source: &dyn RecordSource,
        sorter: Sorter<P>,
        tree: &TreeWriter,
    ) -> Result<(Vec<u8>, u64)> {
        self.report.read += sorter.taken();
        let mut sorted = sorter.finish()?;
        let (mut all, mut places) = (Vec::new(), Vec::new());
        while let Some((record, place)) = sorted.next()? {
            all.extend_from_slice(record);
            places.push(place);
        }
        let (mut records, mut new): (Vec<u8>, u64) = (Vec::new(), 0);
        let (mut last, mut last_place) = (None, 0);
        let width = self.layout.width();
        let mut ahead = all.chunks_exact(width);
        ahead.by_ref().take(AHEAD).for_each(|record| tree.view().prefetch(record));
        for (record, place) in all.chunks_exact(width).zip(places) {
            if let Some(record) = ahead.next() {
                tree.view().prefetch(record);
            }
            let word = self.probe.stored(record);
            let is_there = tree.view().find(record)?.is_some();
            let first = match (last == Some(word), is_there) {
                (true, _) => Some(Origin::Place(last_place)),
                (false, true) => Some(Origin::InTable),
                (false, false) => None,
            };
            if let Some(first) = first {
                self.report.duplicates += 1;
                match self.on_duplicate {
                    OnDuplicate::Error => {
                        return Err(Clash::twice(record, first, place).explain(self.words, source));
                    }
                    OnDuplicate::First => continue,
                    OnDuplicate::Last if last == Some(word) => records.truncate(records.len() - width),
                    OnDuplicate::Last => {}
                }
            }
            new += u64::from(last != Some(word) && !is_there);
            records.extend_from_slice(record);
            (last, last_place) = (Some(word), place);
        }
        Ok((records, new))
    }

    fn merge<'t>(&self, tree: &'t TreeWriter, expected: Expected, known: Origin) -> Merge<'t, P> {
        Merge::new(tree, self.probe, self.on_duplicate, expected, known)
    }

    fn finish(&mut self, merge: Merge<'_, P>) -> Result<TreeRoot> {
        let (root, duplicates) = merge.finish()?;
        self.report.duplicates += duplicates;
        Ok(root)
    }
}
