//! Writing a patch.
//!
//! The older state is there, or only the patch that led to it. In the first case the rows of both
//! states are compared, and only rows that differ are written. In the second case a leaf that lies
//! where it lay, with the same checksum, is unchanged, and the others are written whole; what did
//! not change is not read. ARCHITECTURE.md says why there are both.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use super::content::{
    IndexHead, Item, LeafLink, PatchHead, TableHead, read_item, write_end, write_leaves, write_put,
    write_removed,
};
use super::framing::{PatchReader, PatchWriter};
use crate::database::Database;
use crate::error::{Error, Result, bail};
use crate::table::Reader;
use crate::transaction::{Progress, ReadTransaction};
use crate::tree::{Difference, Differences, View, Visit};

/// The rights of a patch: its owner's alone, as those of a backup.
const MODE: u32 = 0o600;
/// Rows that are put in are collected up to this many bytes.
const PUT_BYTES: usize = 128 << 10;

/// The older state that a patch continues.
#[derive(Clone, Copy, Debug)]
pub enum Since<'s> {
    /// A copy of the older state: a backup, or a backup to which patches were applied. All rows of
    /// both are read and compared. The patch has the rows that differ, whatever their places in the
    /// file are.
    State(&'s ReadTransaction),
    /// A patch of this database, which led to the older state. The copy itself need not be there.
    /// Only the branches of the trees, and leaves that were written since, are read. The patch has
    /// these leaves whole, so it is larger if the changes are scattered over the table.
    Patch(&'s Path),
}

/// What [`Database::backup_since`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PatchReport {
    /// The transaction that made the older state.
    pub base_transaction: u64,
    /// The transaction that made the state to which the patch leads.
    pub transaction: u64,
    /// Tables in that state.
    pub tables: u64,
    /// Rows in the patch.
    pub rows: u64,
    /// Rows that the patch removes, without those that are replaced by others with their key.
    pub removed: u64,
    /// The length of the patch.
    pub bytes: u64,
}

impl Database {
    /// Writes what has changed since an older state to a new file, a patch. See
    /// [`ReadTransaction::backup_since`].
    ///
    /// # Errors
    /// As for [`ReadTransaction::backup_since`].
    pub fn backup_since(&self, since: Since<'_>, path: impl AsRef<Path>) -> Result<PatchReport> {
        self.read()?.backup_since(since, path)
    }
}

impl ReadTransaction {
    /// Writes what differs between an older state and this one to a new file, a patch, while
    /// others read and write. [`Database::apply`] changes a copy of the older state into one of
    /// this state. So a backup and the patches that follow it restore each of their states.
    ///
    /// Each patch fits the state that it was made from, and no other. The file has its checksums;
    /// it gets its name when it is whole and durable.
    ///
    /// ```
    /// use drystone::{Database, OpenOptions, Record, Since};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     #[record(key)]
    ///     id: u32,
    ///     y: i32,
    /// }
    ///
    /// let db = Database::temporary()?;
    /// let beside = |name: &str| db.path().unwrap().with_file_name(name);
    /// db.update(|tx| {
    ///     tx.create_table::<Point>("points")?.load((0..9).map(|id| Point { id, y: 1 }))
    /// })?;
    /// db.backup(beside("copy.dry"))?;
    /// // SAFETY: only Drystone writes the file.
    /// let copy = unsafe { OpenOptions::new().open(beside("copy.dry"))? };
    ///
    /// db.update(|tx| tx.table::<Point>("points")?.upsert(&Point { id: 7, y: 2 }))?;
    /// let report = db.backup_since(Since::State(&copy.read()?), beside("1.patch"))?;
    /// assert_eq!(report.rows, 1);
    /// db.update(|tx| tx.table::<Point>("points")?.remove(8))?;
    /// db.backup_since(Since::Patch(&beside("1.patch")), beside("2.patch"))?;
    ///
    /// copy.apply(beside("1.patch"))?;
    /// copy.apply(beside("2.patch"))?;
    /// let read = copy.read()?;
    /// let points = read.table::<Point>("points")?;
    /// assert_eq!((points.len(), points.get(7)?), (8, Some(&Point { id: 7, y: 2 })));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `AlreadyExists` if there is such a file; `Usage` if the patch given as the older state is of
    /// another database, or newer than this state; `Input` if it is no patch; `Corrupt` if it is
    /// damaged, or something in one of the databases does not hold; `Io` if the disk is full. Then
    /// there is no patch.
    pub fn backup_since(&self, since: Since<'_>, path: impl AsRef<Path>) -> Result<PatchReport> {
        self.backup_since_with(since, path, |_, _| {})
    }

    /// As [`backup_since`](ReadTransaction::backup_since), and calls `progress` with the bytes of
    /// rows that were passed, and how many there are.
    ///
    /// # Errors
    /// As for [`backup_since`](ReadTransaction::backup_since).
    pub fn backup_since_with(
        &self,
        since: Since<'_>,
        path: impl AsRef<Path>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<PatchReport> {
        let names = self.table_names()?;
        let meta = self.meta();
        let base = match since {
            Since::State(state) => Base::State(state),
            Since::Patch(patch) => Base::Patch(Box::new(self.last_patch(patch)?)),
        };
        let (base_identity, base_transaction) = match &base {
            Base::State(state) => (state.meta().identity(), state.transaction()),
            Base::Patch(last) => (last.head.result, last.head.transaction),
        };
        let mut out = PatchWriter::new(path.as_ref(), MODE)?;
        let head = PatchHead {
            base: base_identity,
            result: meta.identity(),
            base_transaction,
            transaction: meta.transaction,
            source: meta.file_id,
            // The catalog numbers tables in 32 bits.
            tables: names.len() as u32,
        };
        head.write(&mut out)?;
        let mut total = 0_u64;
        for name in &names {
            let reader = self.reader(name)?;
            total =
                total.saturating_add(reader.rows().saturating_mul(reader.definition.layout.width() as u64));
        }
        let progress = Progress { done: 0, total, tell: &mut progress };
        let report = PatchReport {
            base_transaction,
            transaction: meta.transaction,
            tables: names.len() as u64,
            ..PatchReport::default()
        };
        let mut making = Making { out, report, progress };
        for name in &names {
            making.table(self, name, &base)?;
        }
        Ok(PatchReport { bytes: making.out.finish()?, ..making.report })
    }

    /// Reads the patch that led to the older state.
    fn last_patch(&self, path: &Path) -> Result<LastPatch> {
        let last = LastPatch::read(path)?;
        if last.head.source != self.meta().file_id {
            bail!(
                Usage,
                "the patch {path:?} was made of another database, or of this one when it was another file; name a copy of \
                 the older state instead"
            );
        }
        if last.head.transaction > self.transaction() {
            bail!(
                Usage,
                "the patch {path:?} leads to transaction {}, and the database is at transaction {}; name a patch or a copy of \
                 an older state",
                last.head.transaction,
                self.transaction()
            );
        }
        Ok(last)
    }
}

/// The older state.
enum Base<'s> {
    State(&'s ReadTransaction),
    Patch(Box<LastPatch>),
}

/// The patch that led to the older state, without its rows.
struct LastPatch {
    head: PatchHead,
    /// The tables by their numbers, with their leaves.
    tables: HashMap<u32, (TableHead, Vec<LeafLink>)>,
}

impl LastPatch {
    fn read(path: &Path) -> Result<LastPatch> {
        let mut from = PatchReader::open(path)?;
        let head = PatchHead::read(&mut from)?;
        let mut tables = HashMap::new();
        for _ in 0..head.tables {
            let table = TableHead::read(&mut from)?;
            let width = table.schema.width();
            let mut leaves = Vec::new();
            loop {
                match read_item(&mut from, width)? {
                    Item::End => break,
                    Item::Put { rows, .. } => from.skip(u64::from(rows) * width as u64)?,
                    Item::Removed(_) => {}
                    Item::Leaves(more) => leaves.extend(more),
                }
            }
            let rows = leaves.iter().map(|leaf| u64::from(leaf.rows)).sum::<u64>();
            if rows != table.rows {
                return Err(from.damaged(&format!("the leaves of table {:?} have other rows", table.name)));
            }
            tables.insert(table.id, (table, leaves));
        }
        from.end()?;
        Ok(LastPatch { head, tables })
    }
}

/// A patch in the making.
struct Making<'p, 't> {
    out: PatchWriter<'p>,
    report: PatchReport,
    progress: Progress<'t>,
}

impl Making<'_, '_> {
    fn table(&mut self, read: &ReadTransaction, name: &str, base: &Base<'_>) -> Result<()> {
        let reader = read.reader(name)?;
        let definition = reader.definition;
        let (schema, leaf_rows) = (&definition.schema, definition.layout.leaf_rows());
        let in_table = |error: Error| reader.in_table(error);
        let leaves = leaves(&reader.view).map_err(in_table)?;
        let before = self.progress.done;
        let mut head = TableHead {
            name: definition.name.clone(),
            base: None,
            schema: schema.clone(),
            // At most 2^24.
            leaf_rows: leaf_rows as u32,
            id: definition.id,
            base_rows: 0,
            rows: reader.rows(),
            indexes: read.indexes(name)?.into_iter().map(IndexHead::new).collect(),
        };
        let old = match base {
            Base::State(state) => state_table(state, &reader)?.map(|old| (old, state)),
            Base::Patch(_) => None,
        };
        let last = match base {
            Base::Patch(last) => last
                .tables
                .get(&definition.id)
                .filter(|(old, _)| old.schema == *schema && old.leaf_rows == head.leaf_rows),
            Base::State(_) => None,
        };
        if let Some((old, state)) = old {
            (head.base, head.base_rows) = (Some(name.to_owned()), old.rows());
            head.write(&mut self.out)?;
            let one_file = read.is_of_one_file(state);
            self.differences(&reader, Differences::new(old.view, reader.view, one_file)).map_err(in_table)?;
        } else if let Some((old, old_leaves)) = last {
            (head.base, head.base_rows) = (Some(old.name.clone()), old.rows);
            head.write(&mut self.out)?;
            self.changed_leaves(&reader, old_leaves, &leaves).map_err(in_table)?;
        } else {
            head.write(&mut self.out)?;
            self.put(&reader, 0..reader.rows()).map_err(in_table)?;
        }
        write_leaves(&mut self.out, schema.width(), &leaves)?;
        write_end(&mut self.out)?;
        let bytes = reader.rows().saturating_mul(schema.width() as u64);
        self.progress.advance((before + bytes).saturating_sub(self.progress.done));
        Ok(())
    }

    /// Writes the rows that differ.
    fn differences(&mut self, reader: &Reader<'_>, differences: Differences<'_>) -> Result<()> {
        let layout = &reader.definition.layout;
        let (width, keyed) = (layout.width(), layout.is_keyed());
        let (mut first, mut rows) = (0, Vec::new());
        let mut removed = 0..0;
        let mut passed = 0;
        for found in differences {
            let (number, row) = match found? {
                (number, Difference::Added(row) | Difference::Changed { new: row, .. }) => (number, row),
                (number, Difference::Removed(_)) => {
                    self.report.removed += 1;
                    // Without a key, they are the last ones, as the number of rows says.
                    if keyed && number == removed.end {
                        removed.end += 1;
                    } else if keyed {
                        write_removed(&mut self.out, removed)?;
                        removed = number..number + 1;
                    }
                    continue;
                }
            };
            let follows = keyed || number == first + (rows.len() / width) as u64;
            if !rows.is_empty() && (!follows || rows.len() >= PUT_BYTES) {
                write_put(&mut self.out, first, width, &rows)?;
                rows.clear();
            }
            if rows.is_empty() {
                first = number;
            }
            rows.extend_from_slice(row);
            self.report.rows += 1;
            if number > passed + 65_536 {
                self.progress.advance((number - passed) * width as u64);
                passed = number;
            }
        }
        write_put(&mut self.out, first, width, &rows)?;
        write_removed(&mut self.out, removed)
    }

    /// Writes the leaves that the older state did not have, and which rows of the older state are
    /// not in its leaves that stayed.
    fn changed_leaves(&mut self, reader: &Reader<'_>, old: &[LeafLink], new: &[LeafLink]) -> Result<()> {
        let keyed = reader.definition.layout.is_keyed();
        let numbered = |leaves: &[LeafLink]| -> Vec<Range<u64>> {
            let mut next = 0;
            let range = |leaf: &LeafLink| {
                next += u64::from(leaf.rows);
                next - u64::from(leaf.rows)..next
            };
            leaves.iter().map(range).collect()
        };
        let (old_rows, new_rows) = (numbered(old), numbered(new));
        if !keyed {
            // A row has its number as its key, so a leaf that moved to other numbers has changed.
            let places: HashMap<u64, &LeafLink> = old_rows.iter().map(|rows| rows.start).zip(old).collect();
            for (rows, leaf) in new_rows.into_iter().zip(new) {
                if places.get(&rows.start) != Some(&leaf) {
                    self.put(reader, rows)?;
                }
            }
            let end = old_rows.last().map_or(0, |rows| rows.end);
            self.report.removed += end.saturating_sub(reader.rows());
            return Ok(());
        }
        let place = |leaf: &LeafLink| (leaf.link.address, leaf.link.checksum, leaf.rows);
        let places: HashMap<_, usize> = old.iter().map(place).zip(0..).collect();
        // The first leaf of the older state that was not passed.
        let mut passed = 0;
        let mut changed: Vec<Range<u64>> = Vec::new();
        let start_of = |leaf: usize| {
            let end = old_rows.last().map_or(0, |rows| rows.end);
            old_rows.get(leaf).map_or(end, |rows| rows.start)
        };
        for (rows, leaf) in new_rows.into_iter().zip(new) {
            // Leaves are in the order of their keys in both states.
            let Some(found) = places.get(&place(leaf)).copied().filter(|found| *found >= passed) else {
                changed.push(rows);
                continue;
            };
            self.exchange(reader, start_of(passed)..start_of(found), &mut changed)?;
            passed = found + 1;
        }
        self.exchange(reader, start_of(passed)..start_of(old.len()), &mut changed)
    }

    /// Writes that rows of the older state are replaced by rows of the newer one.
    fn exchange(
        &mut self,
        reader: &Reader<'_>,
        removed: Range<u64>,
        changed: &mut Vec<Range<u64>>,
    ) -> Result<()> {
        self.report.removed += removed.end - removed.start;
        write_removed(&mut self.out, removed)?;
        changed.drain(..).try_for_each(|rows| self.put(reader, rows))
    }

    /// Writes rows of the newer state.
    fn put(&mut self, reader: &Reader<'_>, rows: Range<u64>) -> Result<()> {
        let width = reader.definition.layout.width();
        let mut first = rows.start;
        for slice in reader.view.slices(rows) {
            let slice = slice?;
            write_put(&mut self.out, first, width, slice)?;
            let count = (slice.len() / width) as u64;
            first += count;
            self.report.rows += count;
            self.progress.advance(slice.len() as u64);
        }
        Ok(())
    }
}

/// The table of a state whose rows a newer table continues: of the same name, schema and leaf size.
fn state_table<'s>(state: &'s ReadTransaction, newer: &Reader<'_>) -> Result<Option<Reader<'s>>> {
    let name = &newer.definition.name;
    if state.table_names()?.binary_search(name).is_err() {
        return Ok(None);
    }
    let old = state.reader(name)?;
    let same = old.definition.schema == newer.definition.schema
        && old.definition.layout.leaf_rows() == newer.definition.layout.leaf_rows();
    Ok(same.then_some(old))
}

/// All leaves of a tree, in order. O(branches).
fn leaves(view: &View<'_>) -> Result<Vec<LeafLink>> {
    let width = view.layout().width();
    let mut leaves = Vec::new();
    view.walk(&mut |visit| {
        if let Visit::Leaf { link, bytes } = visit {
            // A leaf has at most 2^24 bytes.
            leaves.push(LeafLink { link, rows: (bytes / width) as u32 });
        }
        Ok(true)
    })?;
    Ok(leaves)
}
