//! `IndexWriter`: an index in a write transaction. `TableWriter` updates it on every change of a
//! row, and nothing else does.

use std::path::Path;
use std::sync::Arc;

use super::entry::{EntryShape, twice};
use super::reader::{FindIndex, Reader};
use crate::catalog::{Definition, Role};
use crate::error::{Error, Result, bail};
use crate::load::{EntryChange, EntryTarget, LoadOptions, load_entries};
use crate::page::TreeRoot;
use crate::space::WriteSession;
use crate::tree::{Expected, KeyShape, Placed, Probe, RowSet, TreeBuilder, TreeWriter, View, with_probe};

/// An index in a write transaction.
pub(crate) struct IndexWriter {
    pub(super) definition: Definition,
    pub(super) shape: EntryShape,
    pub(super) tree: TreeWriter,
    /// The shape of the indexed fields alone.
    indexed: KeyShape,
}

/// A change of one row.
#[derive(Clone, Copy)]
pub(super) struct Change<'r> {
    pub(super) before: Option<&'r [u8]>,
    pub(super) after: Option<&'r [u8]>,
    /// The number of the row, if the table has no key.
    pub(super) number: u64,
}

/// The rows that an index is built from or updated with.
#[derive(Clone, Copy)]
pub(super) enum RowsToIndex<'t> {
    /// All rows of a tree. No old entry stays.
    All(&'t TreeWriter),
    /// The rows of a tree from this number on are new.
    From(u64, &'t TreeWriter),
    /// These rows of a tree are removed. The tree has a key.
    Without(&'t TreeWriter, &'t RowSet),
    /// The rows in which the second tree differs from the first. It has all keys of the first.
    Changed(&'t TreeWriter, &'t TreeWriter),
}

impl IndexWriter {
    pub(super) fn new(
        session: &Arc<WriteSession>,
        table: &Definition,
        index: Definition,
    ) -> Result<IndexWriter> {
        let shape = EntryShape::new(table, &index)?;
        let tree = TreeWriter::new(session, index.layout.clone(), index.root)
            .map_err(|error| error.within(format!("index {:?}", index.name)))?;
        let fields = if let Role::Index { fields, .. } = index.role { fields } else { 0 };
        let indexed = index.layout.key().leading(fields.into());
        Ok(IndexWriter { definition: index, shape, tree, indexed })
    }

    /// Follows a change of the table's schema.
    pub(super) fn reshape(&mut self, table: &Definition) -> Result<()> {
        self.shape = EntryShape::new(table, &self.definition)?;
        Ok(())
    }

    /// The entries as they are now, to read from.
    pub(super) fn reader<'t>(&'t self, table: &'t (dyn FindIndex + Sync)) -> Reader<'t> {
        Reader { definition: &self.definition, view: self.tree.view(), indexes: table }
    }

    pub(super) fn clear(&mut self) -> Result<()> {
        self.tree.clear()
    }

    pub(super) fn replace(&mut self, root: TreeRoot) -> Result<()> {
        self.tree.replace(root)
    }

    fn entry(&self, record: Option<&[u8]>, number: u64) -> Option<Vec<u8>> {
        record.map(|record| {
            let mut entry = Vec::new();
            self.shape.entry(record, number, &mut entry);
            entry
        })
    }

    /// An error if the index is unique and another row has the values that this row gets.
    pub(super) fn check_unique(&self, table: &str, change: Change<'_>) -> Result<()> {
        if !self.shape.is_unique {
            return Ok(());
        }
        let Some(after) = self.entry(change.after, change.number) else { return Ok(()) };
        let before = self.entry(change.before, change.number);
        if before.is_some_and(|before| before[self.shape.indexed()] == after[self.shape.indexed()]) {
            return Ok(());
        }
        match self.clash(&after)? {
            Some(other) => Err(twice(table, &self.definition, &self.shape, other, &after)),
            None => Ok(()),
        }
    }

    /// The entry that must not exist beside this one, if there is one.
    fn clash<'s>(&'s self, entry: &[u8]) -> Result<Option<&'s [u8]>> {
        let view = self.tree.view();
        let found = view.first_from(&self.indexed, entry).map_err(|error| self.in_table(error))?;
        Ok(found.filter(|found| self.shape.clash(found, entry)))
    }

    /// Updates the index after a change that was made. `check_unique` was called before.
    pub(super) fn follow(&mut self, change: Change<'_>) -> Result<()> {
        let (before, after) =
            (self.entry(change.before, change.number), self.entry(change.after, change.number));
        if before == after {
            return Ok(());
        }
        before.map_or(Ok(()), |entry| self.remove(&entry))?;
        after.map_or(Ok(()), |entry| self.put(&entry))
    }

    fn remove(&mut self, entry: &[u8]) -> Result<()> {
        match self.tree.remove(entry, &mut Vec::new()).map_err(|error| self.in_table(error))? {
            true => Ok(()),
            false => bail!(
                Corrupt,
                "index {:?} lacks a row of its table; the file is damaged",
                self.definition.name
            ),
        }
    }

    fn put(&mut self, entry: &[u8]) -> Result<()> {
        match self.tree.put(entry, false).map_err(|error| self.in_table(error))? {
            Placed::New => Ok(()),
            Placed::Existing => bail!(
                Corrupt,
                "index {:?} has a row that its table had not; the file is damaged",
                self.definition.name
            ),
        }
    }

    /// Updates the index after many changes that were made together. Values may have moved between
    /// the rows, so all old entries are removed before new ones are put in. An error leaves the
    /// index as it was.
    fn follow_together(&mut self, table: &str, changes: &[Change<'_>]) -> Result<()> {
        let changes: Vec<[Option<Vec<u8>>; 2]> = changes
            .iter()
            .map(|change| [change.before, change.after].map(|row| self.entry(row, change.number)))
            .filter(|[before, after]| before != after)
            .collect();
        let befores = || changes.iter().filter_map(|[before, _]| before.as_deref());
        let afters = || changes.iter().filter_map(|[_, after]| after.as_deref());
        befores().try_for_each(|entry| self.remove(entry)).inspect_err(|_| self.tree.session().fail())?;
        let mut put = 0;
        let followed = afters().try_for_each(|entry| {
            if self.shape.is_unique
                && let Some(other) = self.clash(entry)?
            {
                return Err(twice(table, &self.definition, &self.shape, other, entry));
            }
            self.put(entry).inspect_err(|_| self.tree.session().fail())?;
            put += 1;
            Ok(())
        });
        if followed.is_err() {
            let undone = afters().take(put).try_for_each(|entry| self.remove(entry));
            undone
                .and_then(|()| befores().try_for_each(|entry| self.put(entry)))
                .inspect_err(|_| self.tree.session().fail())?;
        }
        followed
    }

    /// Undoes [`follow_together`](IndexWriter::follow_together).
    fn follow_back(&mut self, changes: &[Change<'_>]) -> Result<()> {
        let back =
            changes.iter().map(|change| Change { before: change.after, after: change.before, ..*change });
        let changes: Vec<Change<'_>> = back.collect();
        self.follow_together("", &changes)
    }

    /// Keeps the entries of the first rows of a table without a key.
    pub(super) fn keep_below(&mut self, rows: u64) -> Result<()> {
        let layout = self.tree.layout().clone();
        let mut builder = TreeBuilder::new(self.tree.session(), layout.clone(), Expected::Rows(rows));
        for slice in self.tree.view().slices(0..self.tree.rows()) {
            for entry in slice.map_err(|error| self.in_table(error))?.chunks_exact(layout.width()) {
                let number = entry.last_chunk().map_or(0, |number| u64::from_le_bytes(*number));
                if number < rows {
                    builder.push(entry)?;
                }
            }
        }
        self.tree.replace(builder.finish()?)
    }

    /// Builds another tree of entries, for these rows. Returns its root.
    pub(super) fn build(
        &self,
        table: &str,
        rows: RowsToIndex<'_>,
        scratch: &Path,
        options: &LoadOptions,
    ) -> Result<TreeRoot> {
        let neighbours = |one: &[u8], other: &[u8]| match self.shape.clash(one, other) {
            true => Err(twice(table, &self.definition, &self.shape, one, other)),
            false => Ok(()),
        };
        let (keeps, changes) = match rows {
            RowsToIndex::All(tree) => (false, tree.rows()),
            RowsToIndex::From(first, tree) => (true, tree.rows() - first),
            RowsToIndex::Without(_, rows) => (true, rows.len()),
            RowsToIndex::Changed(_, tree) => (true, tree.rows()),
        };
        let target = EntryTarget {
            tree: &self.tree,
            keeps,
            indexed: &self.indexed,
            changes,
            scratch: scratch.to_owned(),
            options,
            neighbours: self.shape.is_unique.then_some(&neighbours),
        };
        load_entries(target, &mut |take| self.feed(rows, take))
    }

    /// Calls `take` with the entries that these rows add and remove.
    fn feed(&self, rows: RowsToIndex<'_>, take: Take<'_>) -> Result<()> {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        match rows {
            RowsToIndex::All(tree) | RowsToIndex::From(_, tree) => {
                let first = if let RowsToIndex::From(first, _) = rows { first } else { 0 };
                let mut numbers = first..;
                for slice in tree.view().slices(first..tree.rows()) {
                    let records = slice?.chunks_exact(tree.layout().width());
                    for (record, number) in records.zip(&mut numbers) {
                        self.shape.entry(record, number, &mut added);
                        take(EntryChange::Added, &added)?;
                    }
                }
                Ok(())
            }
            RowsToIndex::Without(tree, rows) => {
                let view = tree.view();
                for slice in rows.runs().flat_map(|run| view.slices(run)) {
                    for record in slice?.chunks_exact(tree.layout().width()) {
                        self.shape.entry(record, 0, &mut removed);
                        take(EntryChange::Removed, &removed)?;
                    }
                }
                Ok(())
            }
            RowsToIndex::Changed(from, to) => changed_rows(from.view(), to.view(), &mut |before, after| {
                self.shape.entry(after, 0, &mut added);
                if let Some(before) = before {
                    self.shape.entry(before, 0, &mut removed);
                    if removed == added {
                        return Ok(());
                    }
                    take(EntryChange::Removed, &removed)?;
                }
                take(EntryChange::Added, &added)
            }),
        }
    }

    #[cold]
    fn in_table(&self, error: Error) -> Error {
        self.definition.in_table(error)
    }
}

/// Updates all indexes after changes that were made together. An error leaves them as they were.
pub(super) fn follow_all(indexes: &mut [IndexWriter], table: &str, changes: &[Change<'_>]) -> Result<()> {
    for at in 0..indexes.len() {
        if let Err(error) = indexes[at].follow_together(table, changes) {
            for index in &mut indexes[..at] {
                index.follow_back(changes).inspect_err(|_| index.tree.session().fail())?;
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Builds other trees of entries for all indexes. After an error, none of them is left.
pub(super) fn build_all(
    indexes: &[IndexWriter],
    table: &str,
    rows: RowsToIndex<'_>,
    scratch: &Path,
    options: &LoadOptions,
) -> Result<Vec<TreeRoot>> {
    let mut roots: Vec<TreeRoot> = Vec::new();
    for index in indexes {
        match index.build(table, rows, scratch, options) {
            Ok(root) => roots.push(root),
            Err(error) => {
                for (index, root) in indexes.iter().zip(roots) {
                    TreeWriter::new(index.tree.session(), index.tree.layout().clone(), root)?.clear()?;
                }
                return Err(error);
            }
        }
    }
    Ok(roots)
}

/// Receives entries that are added or removed.
type Take<'t> = &'t mut dyn FnMut(EntryChange, &[u8]) -> Result<()>;

/// Receives the old row, if there was one, and the new row.
type Each<'e> = &'e mut dyn FnMut(Option<&[u8]>, &[u8]) -> Result<()>;

/// Calls `each` with the rows in which `to` differs from `from`, in key order. `to` has all keys of
/// `from`.
fn changed_rows(from: View<'_>, to: View<'_>, each: Each<'_>) -> Result<()> {
    with_probe!(to.layout().key(), probe => changed_rows_with(probe, from, to, each))
}

fn changed_rows_with<P: Probe>(probe: P, from: View<'_>, to: View<'_>, each: Each<'_>) -> Result<()> {
    let width = to.layout().width();
    let mut befores = from.slices(0..from.rows());
    let mut left: &[u8] = &[];
    for slice in to.slices(0..to.rows()) {
        for record in slice?.chunks_exact(width) {
            if left.is_empty() {
                left = befores.next().transpose()?.unwrap_or_default();
            }
            match left.split_at_checked(width) {
                Some((before, rest)) if probe.stored(before) == probe.stored(record) => {
                    left = rest;
                    if before != record {
                        each(Some(before), record)?;
                    }
                }
                _ => each(None, record)?,
            }
        }
    }
    if !left.is_empty() || !befores.rows().is_empty() {
        bail!(Corrupt, "a load has lost rows that the table had; the file is damaged");
    }
    Ok(())
}
