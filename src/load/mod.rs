//! Bulk loading: records from any source, sorted if they must be, laid down as full leaves in one run.
//!
//! Sorted input streams through. Input that is not sorted is sorted within a memory budget (runs in temporary files, merged).
//! Either way the rows of the table are merged in, and a tree is built beside the old one; only when it is whole
//! does it take the old one's place.

mod entries;
mod merge;
mod sort;
mod source;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use crate::error::Result;
use crate::page::TreeRoot;
use crate::tree::{Expected, Layout, Probe, TreeBuilder, TreeWriter, with_probe};

pub(crate) use entries::{Entry, EntryTarget, load_entries};
use merge::{Clash, Known, Merge, Pushed};
use sort::Sorter;
pub use source::RecordSource;

/// How a bulk load treats memory, duplicates, and the rows that are there.
///
/// ```
/// use drystone::{LoadOptions, OnDuplicate};
///
/// let options = LoadOptions::new().on_duplicate(OnDuplicate::Last).memory_bytes(64 << 20);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct LoadOptions {
    on_duplicate: OnDuplicate,
    replace: bool,
    memory_bytes: usize,
    scratch: Option<PathBuf>,
}

/// What a bulk load does with a second row of one key. The rows that the table has count as the first ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// The load fails, naming the key and both places.
    #[default]
    Error,
    /// The first one stays.
    First,
    /// The last one stays.
    Last,
}

/// What a bulk load did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Records that the source gave.
    pub read: u64,
    /// Of those, duplicates that were dropped, or replaced by later ones.
    pub duplicates: u64,
    /// Rows that the table has now.
    pub rows: u64,
    /// Whether the records came in key order (always so where there is no key).
    pub in_order: bool,
    /// Sorted runs that had to go to temporary files.
    pub spilled_runs: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions::new()
    }
}

impl LoadOptions {
    /// Fails on duplicates, adds to what is there, sorts within 256 MiB.
    pub fn new() -> LoadOptions {
        LoadOptions {
            on_duplicate: OnDuplicate::Error,
            replace: false,
            memory_bytes: 256 << 20,
            scratch: None,
        }
    }

    /// What to do with a second row of one key.
    pub fn on_duplicate(mut self, on_duplicate: OnDuplicate) -> LoadOptions {
        self.on_duplicate = on_duplicate;
        self
    }

    /// Whether the records take the place of all rows that there are.
    pub fn replace(mut self, replace: bool) -> LoadOptions {
        self.replace = replace;
        self
    }

    /// How much memory sorting may take; at least 1 MiB is used.
    pub fn memory_bytes(mut self, bytes: usize) -> LoadOptions {
        self.memory_bytes = bytes;
        self
    }

    /// The folder for temporary files; by default that of the database, or the system's for one in memory.
    pub fn scratch_folder(mut self, folder: impl Into<PathBuf>) -> LoadOptions {
        let folder: PathBuf = folder.into();
        // The process may go to another folder while it loads.
        self.scratch = Some(std::path::absolute(&folder).unwrap_or(folder));
        self
    }
}

/// Where a load goes, and what it needs to know of the table.
pub(crate) struct Target<'x> {
    pub(crate) tree: &'x mut TreeWriter,
    /// The rows that the table had, where the tree is one that takes its place: there will be about as many.
    pub(crate) replaced_rows: u64,
    /// The folder for temporary files, unless the options name another.
    pub(crate) scratch: PathBuf,
    pub(crate) words: DuplicateWords<'x>,
}

/// What is said of two records with one key.
#[derive(Clone, Copy)]
pub(crate) struct DuplicateWords<'x> {
    /// The key of a record as a person writes it.
    pub(crate) describe_key: &'x dyn Fn(&[u8]) -> String,
    /// What can be done about it.
    pub(crate) way_out: &'x str,
}

/// What a load has found out that is to be done to the table.
pub(crate) enum Loaded {
    /// This tree takes the place of the table's. `replaced` where no row of the table is in it.
    Tree { root: TreeRoot, replaced: bool },
    /// These records are put into the table one by one, over those that are there.
    Few(Vec<u8>),
    /// The table has its new rows already, behind those that there were.
    Appended,
}

/// Loads all records of the source, and says what is to be done to the table, which is what it was, but for rows appended.
/// After an error, or a panic of the source, it is what it was.
pub(crate) fn load(
    target: Target<'_>,
    source: &mut dyn RecordSource,
    options: &LoadOptions,
) -> Result<(Loaded, LoadReport)> {
    if options.replace && target.tree.rows() > 0 {
        // Built as for an empty table; the old tree goes when the new one is whole.
        let mut fresh = TreeWriter::empty(target.tree.session(), target.tree.layout().clone());
        let replaced_rows = target.tree.rows();
        let beside = Target { tree: &mut fresh, replaced_rows, ..target };
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
    target: Target<'_>,
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

/// Records without a key keep the order in which they come, behind the rows that there are.
fn load_dense(
    target: Target<'_>,
    layout: &Layout,
    source: &mut dyn RecordSource,
    options: &LoadOptions,
) -> Result<(Loaded, LoadReport)> {
    let Target { tree, replaced_rows, .. } = target;
    let mut report = LoadReport { in_order: true, ..LoadReport::default() };
    let mut record = vec![0; layout.width()];
    if tree.rows() == 0 {
        let expected = source.rows_hint().map_or(Expected::AtLeast(replaced_rows), Expected::Rows);
        let mut builder = TreeBuilder::new(tree.session(), layout.clone(), expected);
        while source.next_record(&mut record)? {
            builder.push(&record)?;
            report.read += 1;
        }
        report.rows = report.read;
        return Ok((Loaded::Tree { root: builder.finish()?, replaced: false }, report));
    }
    let before = tree.rows();
    // The source is the caller's, and may panic.
    let appended = catch_unwind(AssertUnwindSafe(|| {
        while source.next_record(&mut record)? {
            tree.extend(&record)?;
            report.read += 1;
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
    target: Target<'_>,
    layout: &Layout,
    probe: P,
    source: &mut dyn RecordSource,
    options: &LoadOptions,
) -> Result<(Loaded, LoadReport)> {
    let Target { tree, replaced_rows, scratch, words } = target;
    let folder = options.scratch.clone().unwrap_or(scratch);
    let mut sorter = Sorter::new(probe, layout.width(), true, options.memory_bytes.max(1 << 20), folder);
    // Records that begin in order are likely to go on so, and need not be held in memory.
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
        load.sort(source, sorter, tree, Known::InTable)?
    };
    load.report.rows = root.rows;
    Ok((Loaded::Tree { root, replaced: false }, load.report))
}

/// Records that are looked at for their order before they are written as they come.
const BEGINNING_ROWS: usize = 1 << 16;

/// So many records into a table are so few that editing its leaves is cheaper than writing all of them anew.
fn few_rows(tree: &TreeWriter) -> usize {
    (tree.rows() / tree.layout().leaf_rows() as u64 / 4) as usize
}

/// A load into a table with a key, under way.
struct KeyedLoad<'x, P> {
    layout: &'x Layout,
    probe: P,
    on_duplicate: OnDuplicate,
    replaced_rows: u64,
    words: DuplicateWords<'x>,
    report: LoadReport,
}

impl<P: Probe> KeyedLoad<'_, P> {
    /// The first records were in order: the rest is taken to be, and streams through.
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
        let mut merge = self.merge(tree, expected, Known::InTable);
        self.report.read += sorter.len() as u64;
        let begun = sorter.drain(|record, place| merge.push(record, place).map(drop));
        begun.map_err(|clash| clash.explain(self.words, source))?;
        let mut record = vec![0; self.layout.width()];
        loop {
            if !source.next_record(&mut record)? {
                return self.finish(merge);
            }
            self.report.read += 1;
            match merge.push(&record, source.place()) {
                Ok(Pushed::Taken) => {}
                Ok(Pushed::OutOfOrder) => break,
                Err(clash) => return Err(clash.explain(self.words, source)),
            }
        }
        // Order ends here. What was built stands as a tree of its own, and the sorted rest is merged into it.
        self.report.in_order = false;
        sorter.push(&record, source.place());
        self.report.read -= 1;
        let known = if tree.rows() == 0 { merge.known() } else { Known::Before };
        let root = self.finish(merge)?;
        let mut begun = TreeWriter::new(tree.session(), self.layout.clone(), root)?;
        let whole = catch_unwind(AssertUnwindSafe(|| self.sort(source, sorter, &begun, known)));
        begun.clear()?;
        whole.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Sorts the records in the sorter and all that are still to come, and merges them with the tree.
    fn sort(
        &mut self,
        source: &mut dyn RecordSource,
        mut sorter: Sorter<P>,
        tree: &TreeWriter,
        known: Known,
    ) -> Result<TreeRoot> {
        while sorter.fill(source)? {
            sorter.spill()?;
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

    /// The records that are to be put into the tree where they are few, in order, and how many of them have new keys. No
    /// duplicate is in the way of any.
    fn few(
        &mut self,
        source: &dyn RecordSource,
        sorter: Sorter<P>,
        tree: &TreeWriter,
    ) -> Result<(Vec<u8>, u64)> {
        self.report.read += sorter.taken();
        let mut sorted = sorter.finish()?;
        let (mut records, mut new): (Vec<u8>, u64) = (Vec::new(), 0);
        let (mut last, mut last_place) = (None, 0);
        let width = self.layout.width();
        while let Some((record, place)) = sorted.next()? {
            let word = self.probe.stored(record);
            let is_there = tree.view().find(record)?.is_some();
            let first = match (last == Some(word), is_there) {
                (true, _) => Some(Known::Place(last_place)),
                (false, true) => Some(Known::InTable),
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

    fn merge<'t>(&self, tree: &'t TreeWriter, expected: Expected, known: Known) -> Merge<'t, P> {
        Merge::new(tree, self.probe, self.on_duplicate, expected, known)
    }

    fn finish(&mut self, merge: Merge<'_, P>) -> Result<TreeRoot> {
        let (root, duplicates) = merge.finish()?;
        self.report.duplicates += duplicates;
        Ok(root)
    }
}
