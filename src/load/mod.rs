//! Bulk loading: records from any source, sorted if necessary, written as full leaves in one run.
//!
//! Sorted input is streamed. Other input is sorted within a memory budget (runs in temporary files,
//! merged). Either way it is merged with the rows of the table into a new tree, which replaces the
//! old one when it is complete.

mod entries;
mod merge;
mod sort;
mod source;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use crate::error::Result;
use crate::page::TreeRoot;
use crate::space::WriteSession;
use crate::tree::{Edited, Expected, Layout, Probe, TreeBuilder, with_probe};

pub(crate) use entries::{Entry, EntryTarget, load_entries};
use merge::{Clash, Known, Merge, Pushed};
use sort::Sorter;
pub use source::RecordSource;

/// How a bulk load treats memory, duplicates, and the existing rows of the table.
///
/// ```
/// use drystone::{LoadOptions, OnDuplicate};
///
/// let options = LoadOptions::new()
///     .on_duplicate(OnDuplicate::Last) // of rows with one key, keep the last
///     .replace(true) // the new rows take the place of those in the table
///     .memory_bytes(64 << 20) // sort within 64 MiB
///     .scratch_folder("/var/tmp"); // for what does not fit
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct LoadOptions {
    on_duplicate: OnDuplicate,
    replace: bool,
    memory_bytes: usize,
    scratch: Option<PathBuf>,
}

/// What a bulk load does with a second row with the same key. The existing rows of the table count
/// as first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// The load fails. The message names the key and both places.
    #[default]
    Error,
    /// The first row is kept.
    First,
    /// The last row is kept.
    Last,
}

/// What a bulk load did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Records read from the source.
    pub read: u64,
    /// Duplicates among them that were dropped, or replaced by later ones.
    pub duplicates: u64,
    /// Rows in the table after the load.
    pub rows: u64,
    /// Whether the records came in key order. Always true without a key.
    pub in_order: bool,
    /// Sorted runs that were written to temporary files.
    pub spilled_runs: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions::new()
    }
}

impl LoadOptions {
    /// Fails on duplicates, keeps the existing rows, sorts within 256 MiB.
    pub fn new() -> LoadOptions {
        LoadOptions {
            on_duplicate: OnDuplicate::Error,
            replace: false,
            memory_bytes: 256 << 20,
            scratch: None,
        }
    }

    /// What to do with a second row with the same key. The default is an error.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// use drystone::{LoadOptions, OnDuplicate};
    ///
    /// let options = LoadOptions::new().on_duplicate(OnDuplicate::First);
    /// let rows = [User { id: 7, score: 1 }, User { id: 6, score: 1 }];
    /// let report = users.load_with(rows, &options)?;
    /// assert_eq!((report.duplicates, users.get(7)?.unwrap().score), (1, 70));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn on_duplicate(mut self, on_duplicate: OnDuplicate) -> LoadOptions {
        self.on_duplicate = on_duplicate;
        self
    }

    /// Whether the records replace all existing rows of the table.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// use drystone::LoadOptions;
    ///
    /// users.load_with([User { id: 1, score: 5 }], &LoadOptions::new().replace(true))?;
    /// assert_eq!(users.len(), 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn replace(mut self, replace: bool) -> LoadOptions {
        self.replace = replace;
        self
    }

    /// How many bytes of memory sorting may take; at least 1 MiB is used.
    pub fn memory_bytes(mut self, bytes: usize) -> LoadOptions {
        self.memory_bytes = bytes;
        self
    }

    /// The folder for temporary files. The default is the folder of the database, or the system's
    /// for a database in memory.
    pub fn scratch_folder(mut self, folder: impl Into<PathBuf>) -> LoadOptions {
        let folder: PathBuf = folder.into();
        // The process may change its working directory during the load.
        self.scratch = Some(std::path::absolute(&folder).unwrap_or(folder));
        self
    }
}

/// The target of a load, and what it needs to know about the table.
pub(crate) struct Target<'x> {
    pub(crate) session: &'x WriteSession,
    pub(crate) tree: &'x mut Edited,
    /// The number of rows of the old tree, if this tree replaces one: an estimate of the new
    /// number.
    pub(crate) replaced_rows: u64,
    /// The folder for temporary files, unless the options name another.
    pub(crate) scratch: PathBuf,
    pub(crate) words: DuplicateWords<'x>,
}

/// The words of the error for two records with the same key.
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

/// Loads all records of the source, and returns what is to be done to the table. The table is
/// unchanged, except for appended rows. After an error, or a panic of the source, it is unchanged.
pub(crate) fn load(
    target: Target<'_>,
    source: &mut dyn RecordSource,
    options: &LoadOptions,
) -> Result<(Loaded, LoadReport)> {
    if options.replace && target.tree.rows() > 0 {
        // Built as for an empty table. The old tree is freed when the new one is complete.
        let mut fresh = Edited::empty(target.tree.layout().clone());
        let replaced_rows = target.tree.rows();
        let beside = Target { tree: &mut fresh, replaced_rows, ..target };
        let (loaded, report) = load_beside(beside, source, options)?;
        let root = match loaded {
            Loaded::Tree { root, .. } => root,
            Loaded::Few(_) | Loaded::Appended => fresh.flush(target.session)?,
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
    let Target { session, tree, replaced_rows, .. } = target;
    let mut report = LoadReport { in_order: true, ..LoadReport::default() };
    let mut record = vec![0; layout.width()];
    if tree.rows() == 0 {
        let expected = source.rows_hint().map_or(Expected::AtLeast(replaced_rows), Expected::Rows);
        let mut builder = TreeBuilder::new(session, layout.clone(), expected);
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
            tree.extend(session, &record)?;
            report.read += 1;
            if tree.owned_bytes() > options.memory_bytes.max(1 << 20) {
                tree.flush(session)?;
            }
        }
        Ok(())
    }));
    if !matches!(appended, Ok(Ok(()))) {
        let undone = tree.truncate(session, before).inspect_err(|_| session.fail());
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
    let Target { session, tree, replaced_rows, scratch, words } = target;
    let folder = options.scratch.clone().unwrap_or(scratch);
    let mut sorter = Sorter::new(probe, layout.width(), true, options.memory_bytes.max(1 << 20), folder);
    // Records that begin in order are likely to go on so, and need not be held in memory.
    let mut more = sorter.fill_to(source, BEGINNING_ROWS.max(few_rows(tree)))?;
    if more && !sorter.is_in_order() {
        more = sorter.fill(source)?;
    }
    let mut load = KeyedLoad {
        session,
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

/// The number of records whose order is checked before records are written as they come.
const BEGINNING_ROWS: usize = 1 << 16;

/// Up to this many records, editing the leaves of the table is cheaper than writing all of them
/// again.
fn few_rows(tree: &Edited) -> usize {
    (tree.rows() / tree.layout().leaf_rows() as u64 / 4) as usize
}

/// A load into a table with a key, under way.
struct KeyedLoad<'x, P> {
    session: &'x WriteSession,
    layout: &'x Layout,
    probe: P,
    on_duplicate: OnDuplicate,
    replaced_rows: u64,
    words: DuplicateWords<'x>,
    report: LoadReport,
}

impl<'x, P: Probe> KeyedLoad<'x, P> {
    /// The first records were in order: the rest is taken to be, and streams through.
    fn stream(
        &mut self,
        source: &mut dyn RecordSource,
        mut sorter: Sorter<P>,
        tree: &Edited,
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
        // The order ends here. What was built so far becomes a tree, and the sorted rest is merged
        // into it.
        self.report.in_order = false;
        sorter.push(&record, source.place());
        self.report.read -= 1;
        let known = if tree.rows() == 0 { merge.known() } else { Known::Before };
        let root = self.finish(merge)?;
        let mut begun = Edited::new(self.session, self.layout.clone(), root)?;
        let whole = catch_unwind(AssertUnwindSafe(|| self.sort(source, sorter, &begun, known)));
        begun.clear(self.session)?;
        whole.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Sorts the records in the sorter and all that follow, and merges them with the tree.
    fn sort(
        &mut self,
        source: &mut dyn RecordSource,
        mut sorter: Sorter<P>,
        tree: &Edited,
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

    /// The records to be inserted if they are few, in order, and how many of them have new keys.
    /// Duplicates are resolved.
    fn few(&mut self, source: &dyn RecordSource, sorter: Sorter<P>, tree: &Edited) -> Result<(Vec<u8>, u64)> {
        self.report.read += sorter.taken();
        let mut sorted = sorter.finish()?;
        let (mut records, mut new): (Vec<u8>, u64) = (Vec::new(), 0);
        let (mut last, mut last_place) = (None, 0);
        let width = self.layout.width();
        while let Some((record, place)) = sorted.next()? {
            let word = self.probe.stored(record);
            let is_there = tree.view(self.session).find(record)?.is_some();
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

    fn merge<'t>(&self, tree: &'t Edited, expected: Expected, known: Known) -> Merge<'t, P>
    where
        'x: 't,
    {
        Merge::new(self.session, tree.view(self.session), self.probe, self.on_duplicate, expected, known)
    }

    fn finish(&mut self, merge: Merge<'_, P>) -> Result<TreeRoot> {
        let (root, duplicates) = merge.finish()?;
        self.report.duplicates += duplicates;
        Ok(root)
    }
}
