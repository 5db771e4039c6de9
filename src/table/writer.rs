//! `TableWriter`: a table in a write transaction, with its indexes. Rows change here and nowhere
//! else, so no way of writing can forget an index. A call that fails leaves rows and indexes as
//! they were.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::index_writer::{Change, IndexWriter, RowsToIndex, build_all, follow_all};
use super::reader::{FindIndex, Reader, describe_key};
use crate::catalog::{Definition, no_index};
use crate::error::{Error, ErrorKind, Result};
use crate::load::{DuplicateWords, LoadOptions, LoadReport, LoadTarget, Loaded, RecordSource, load};
use crate::page::TreeRoot;
use crate::space::{Room, WriteSession};
use crate::tree::{Expected, Placed, RowSet, TreeBuilder, TreeWriter, View};

/// A table in a write transaction.
pub(crate) struct TableWriter {
    pub(crate) definition: Definition,
    pub(super) tree: TreeWriter,
    pub(super) indexes: Vec<IndexWriter>,
}

/// Which row is meant.
#[derive(Clone, Copy)]
pub(crate) enum RowKey<'k> {
    /// The row with this key, in stored form.
    Stored(&'k [u8]),
    /// The row with this number, in key order if there is a key.
    Number(u64),
}

impl RowKey<'_> {
    fn record_mut(self, tree: &mut TreeWriter) -> Result<Option<&mut [u8]>> {
        match self {
            RowKey::Stored(key) => tree.find_mut(key),
            RowKey::Number(row) => tree.record_mut(row),
        }
    }
}

impl TableWriter {
    /// A table of the catalog, and the indexes on it.
    pub(crate) fn new(
        session: &Arc<WriteSession>,
        definition: Definition,
        indexes: Vec<Definition>,
    ) -> Result<TableWriter> {
        let tree = TreeWriter::new(session, definition.layout.clone(), definition.root)
            .map_err(|error| error.within_table(&definition.name))?;
        let mut table = TableWriter { definition, tree, indexes: Vec::new() };
        for index in indexes {
            let index = IndexWriter::new(session, &table.definition, index)?;
            table.indexes.push(index);
        }
        Ok(table)
    }

    /// The table as it is now, to read from.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { definition: &self.definition, view: self.tree.view(), indexes: self }
    }

    pub(crate) fn view(&self) -> View<'_> {
        self.tree.view()
    }

    pub(crate) fn rows(&self) -> u64 {
        self.tree.rows()
    }

    /// Memory that waits to be written.
    pub(crate) fn owned_bytes(&self) -> usize {
        self.tree.owned_bytes() + self.indexes.iter().map(|index| index.tree.owned_bytes()).sum::<usize>()
    }

    /// The indexes, as the catalog has them.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = &Definition> {
        self.indexes.iter().map(|index| &index.definition)
    }

    fn no_index(&self, name: &str) -> Error {
        no_index(&self.definition, name, self.indexes().map(|index| index.name.as_str()))
    }

    /// Whether one of the indexes is unique.
    pub(crate) fn has_unique_index(&self) -> bool {
        self.indexes.iter().any(|index| index.shape.is_unique)
    }

    /// Writes edited nodes. `moved` is called for the table and each index whose root has changed.
    pub(crate) fn flush(&mut self, moved: &mut dyn FnMut(&Definition) -> Result<()>) -> Result<()> {
        let indexes = self.indexes.iter_mut().map(|index| (&mut index.tree, &mut index.definition));
        for (tree, definition) in std::iter::once((&mut self.tree, &mut self.definition)).chain(indexes) {
            let root = tree.flush()?;
            if root != definition.root {
                let before = std::mem::replace(&mut definition.root, root);
                moved(definition).inspect_err(|_| definition.root = before)?;
            }
        }
        Ok(())
    }

    /// Writes edited nodes, only to free memory.
    pub(crate) fn write_out(&mut self) -> Result<()> {
        self.tree.flush()?;
        self.indexes.iter_mut().try_for_each(|index| index.tree.flush().map(drop))
    }

    /// Puts in a record. If there is one with its key, `replace` says whether to replace it.
    pub(crate) fn put(&mut self, record: &[u8], replace: bool) -> Result<Placed> {
        if self.indexes.is_empty() {
            return self.tree.put(record, replace);
        }
        let before = self.tree.view().find(record)?.map(<[u8]>::to_vec);
        if before.is_some() && !replace {
            return Ok(Placed::Existing);
        }
        let change = Change { before: before.as_deref(), after: Some(record), number: 0 };
        self.check_unique(change)?;
        let placed = self.tree.put(record, true)?;
        self.follow(change)?;
        Ok(placed)
    }

    /// Calls `change` with a row to write to. `None` if there is no such row. The key must stay the
    /// same. While `change` runs the table is consistent, so it may panic, as long as it has not
    /// written yet.
    pub(crate) fn update<R>(
        &mut self,
        key: RowKey<'_>,
        change: impl FnOnce(&mut [u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        let key_width = self.tree.layout().key().width();
        if self.indexes.is_empty() {
            let Some(record) = key.record_mut(&mut self.tree)? else { return Ok(None) };
            let before = record.to_vec();
            let mut changed = change(record);
            if changed.is_ok() && record[..key_width] != before[..key_width] {
                changed = Err(key_changed());
            }
            if changed.is_err() {
                record.copy_from_slice(&before);
            }
            return changed.map(Some);
        }
        let before = match key {
            RowKey::Stored(key) => self.tree.view().find(key)?,
            RowKey::Number(row) => self.tree.view().record(row)?,
        };
        let Some(before) = before.map(<[u8]>::to_vec) else { return Ok(None) };
        let mut after = before.clone();
        let result = change(&mut after)?;
        if after[..key_width] != before[..key_width] {
            return Err(key_changed());
        }
        let number = if let RowKey::Number(row) = key { row } else { 0 };
        let change = Change { before: Some(&before), after: Some(&after), number };
        self.check_unique(change)?;
        if let Some(record) = key.record_mut(&mut self.tree)? {
            record.copy_from_slice(&after);
            self.follow(change)?;
        }
        Ok(Some(result))
    }

    /// Removes a row and copies it to `removed`. Returns whether there was one.
    pub(crate) fn remove(&mut self, key: &[u8], removed: &mut Vec<u8>) -> Result<bool> {
        let found = self.tree.remove(key, removed)?;
        if found {
            self.follow(Change { before: Some(removed), after: None, number: 0 })?;
        }
        Ok(found)
    }

    /// Removes the rows with these numbers, and returns how many there were. In a table without a
    /// key, the rows behind them move down.
    pub(crate) fn remove_rows(&mut self, rows: &RowSet, scratch: &Path) -> Result<u64> {
        let (before, removed) = (self.tree.rows(), rows.len());
        let Some(first) = rows.runs().next().map(|run| run.start) else { return Ok(0) };
        if removed >= before {
            return self.clear().map(|()| before);
        }
        let is_keyed = self.tree.layout().is_keyed();
        // The rows whose index entries change. Without a key, these include all rows behind.
        let changed = if is_keyed { removed } else { before - first };
        let in_place = if is_keyed { self.tree.is_few_leaves(rows) } else { changed < FEW_ROWS };
        if (self.indexes.is_empty() || changed < FEW_ROWS.min(before / 16)) && in_place {
            self.remove_in_place(rows, first)?;
        } else {
            self.remove_beside(rows, scratch, in_place && is_keyed)?;
        }
        Ok(removed)
    }

    /// Removes rows by editing the leaves and the indexes.
    fn remove_in_place(&mut self, rows: &RowSet, first: u64) -> Result<()> {
        let (before, width) = (self.tree.rows(), self.tree.layout().width());
        let is_keyed = self.tree.layout().is_keyed();
        let (mut removed, mut kept) = (Vec::new(), Vec::new());
        let view = self.tree.view();
        if !self.indexes.is_empty() {
            for run in rows.runs() {
                view.slices(run).try_for_each(|slice| slice.map(|slice| removed.extend_from_slice(slice)))?;
            }
        }
        if !is_keyed {
            for run in rows.others(before).filter(|run| run.end > first) {
                let run = run.start.max(first)..run.end;
                view.slices(run).try_for_each(|slice| slice.map(|slice| kept.extend_from_slice(slice)))?;
            }
        }
        let removed = rows.runs().flatten().zip(removed.chunks_exact(width));
        let removed = removed.map(|(number, row)| Change { before: Some(row), after: None, number });
        let moved = rows.others(before).filter(|run| run.end > first).flatten().filter(|row| *row >= first);
        let moved = moved.zip(first..).zip(kept.chunks_exact(width)).flat_map(|((from, to), row)| {
            let leaves = Change { before: Some(row), after: None, number: from };
            [leaves, Change { before: None, after: Some(row), number: to }]
        });
        let changes: Vec<Change<'_>> =
            if self.indexes.is_empty() { Vec::new() } else { removed.chain(moved).collect() };
        follow_all(&mut self.indexes, &self.definition.name, &changes)?;
        Arc::clone(self.tree.session()).all_or_none(|| {
            if is_keyed {
                return self.tree.remove_rows(rows);
            }
            self.tree.truncate(first)?;
            self.tree.extend(&kept)
        })
    }

    /// Removes rows by building other trees, which then replace the old ones. The tree of the table
    /// is edited all the same if `edit_tree` says so.
    fn remove_beside(&mut self, rows: &RowSet, scratch: &Path, edit_tree: bool) -> Result<()> {
        let is_keyed = self.tree.layout().is_keyed();
        let root = if edit_tree { None } else { Some(self.tree.without(rows)?) };
        let mut tree = match root {
            Some(root) => Some(TreeWriter::new(self.tree.session(), self.tree.layout().clone(), root)?),
            None => None,
        };
        let left = match &tree {
            Some(tree) if !is_keyed => RowsToIndex::All(tree),
            _ => RowsToIndex::Without(&self.tree, rows),
        };
        let (name, options) = (&self.definition.name, LoadOptions::new());
        let roots = match build_all(&self.indexes, name, left, scratch, &options) {
            Ok(roots) => roots,
            Err(error) => {
                tree.as_mut().map_or(Ok(()), |tree| tree.clear())?;
                return Err(error);
            }
        };
        self.replace_trees(root, roots, rows)
    }

    /// Appends records to a table without a key.
    pub(crate) fn extend(&mut self, records: &[u8]) -> Result<()> {
        let first = self.tree.rows();
        if let Err(error) = self.tree.extend(records) {
            self.tree.truncate(first).inspect_err(|_| self.tree.session().fail())?;
            return Err(error);
        }
        if self.indexes.is_empty() {
            return Ok(());
        }
        let changes = (first..).zip(records.chunks_exact(self.tree.layout().width()));
        let changes = changes.map(|(number, record)| Change { before: None, after: Some(record), number });
        let changes: Vec<Change<'_>> = changes.collect();
        let result = follow_all(&mut self.indexes, &self.definition.name, &changes);
        if result.is_err() {
            self.tree.truncate(first).inspect_err(|_| self.tree.session().fail())?;
        }
        result
    }

    /// Replaces a row of a table without a key by the last row, and returns it. `None` if there is
    /// no such row.
    pub(crate) fn swap_remove(&mut self, row: u64) -> Result<Option<Vec<u8>>> {
        let last_row = self.tree.rows().wrapping_sub(1);
        let view = self.tree.view();
        let (Some(removed), Some(last)) = (view.record(row)?, view.record(last_row)?) else {
            return Ok(None);
        };
        let (removed, last) = (removed.to_vec(), last.to_vec());
        if let Some(record) = self.tree.record_mut(row)? {
            record.copy_from_slice(&last);
        }
        self.tree.truncate(last_row).inspect_err(|_| self.tree.session().fail())?;
        self.follow(Change { before: Some(&removed), after: None, number: row })?;
        if row != last_row {
            self.follow(Change { before: Some(&last), after: None, number: last_row })?;
            self.follow(Change { before: None, after: Some(&last), number: row })?;
        }
        Ok(Some(removed))
    }

    /// Keeps the first rows of a table without a key.
    pub(crate) fn truncate(&mut self, rows: u64) -> Result<()> {
        let before = self.tree.rows();
        if self.indexes.is_empty() || rows >= before {
            return self.tree.truncate(rows);
        }
        if rows == 0 {
            return self.clear();
        }
        let width = self.tree.layout().width();
        for index in &mut self.indexes {
            let done = if before - rows < before / 16 {
                let view = self.tree.view();
                let mut numbers = rows..;
                view.slices(rows..before).try_for_each(|slice| {
                    slice?.chunks_exact(width).zip(&mut numbers).try_for_each(|(record, number)| {
                        index.follow(Change { before: Some(record), after: None, number })
                    })
                })
            } else {
                index.keep_below(rows)
            };
            done.inspect_err(|_| self.tree.session().fail())?;
        }
        self.tree.truncate(rows).inspect_err(|_| self.tree.session().fail())
    }

    /// Removes all rows.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.tree.clear()?;
        let cleared = self.indexes.iter_mut().try_for_each(|index| index.tree.clear());
        cleared.inspect_err(|_| self.tree.session().fail())
    }

    /// Loads records in bulk.
    pub(crate) fn load(
        &mut self,
        scratch: PathBuf,
        source: &mut dyn RecordSource,
        options: &LoadOptions,
    ) -> Result<LoadReport> {
        let definition = self.definition.clone();
        let before = self.tree.rows();
        let target = LoadTarget {
            tree: &mut self.tree,
            replaced_rows: 0,
            scratch: scratch.clone(),
            words: DuplicateWords {
                describe_key: &|record| describe_key(&definition, record),
                way_out: "choose to keep the first or the last one to load both",
            },
        };
        let (loaded, report) = load(target, source, options)?;
        match loaded {
            Loaded::Tree { root, replaced } => self.take_loaded(root, replaced, &scratch, options)?,
            Loaded::Few(records) => {
                Arc::clone(self.tree.session()).fail_on_panic(|| self.put_few(&records))?;
            }
            Loaded::Appended if self.indexes.is_empty() => {}
            Loaded::Appended => {
                let appended = self.index_appended(before, &scratch, options);
                if let Err(error) = appended {
                    self.tree.truncate(before).inspect_err(|_| self.tree.session().fail())?;
                    return Err(error);
                }
            }
        }
        Ok(report)
    }

    /// Continues with a tree that a load built, after building the indexes of its rows. `replaced`
    /// if it has no row of the old tree.
    fn take_loaded(
        &mut self,
        root: TreeRoot,
        replaced: bool,
        scratch: &Path,
        options: &LoadOptions,
    ) -> Result<()> {
        let mut tree = TreeWriter::new(self.tree.session(), self.tree.layout().clone(), root)?;
        let rows = match replaced || self.tree.rows() == 0 {
            true => RowsToIndex::All(&tree),
            false => RowsToIndex::Changed(&self.tree, &tree),
        };
        let roots = match build_all(&self.indexes, &self.definition.name, rows, scratch, options) {
            Ok(roots) => roots,
            Err(error) => {
                tree.clear()?;
                return Err(error);
            }
        };
        self.replace_trees(Some(root), roots, &RowSet::none())
    }

    /// Continues with other trees of the indexes, and with another tree of the rows. If there is no
    /// other one, `removed` rows are removed from the tree.
    fn replace_trees(
        &mut self,
        root: Option<TreeRoot>,
        indexes: Vec<TreeRoot>,
        removed: &RowSet,
    ) -> Result<()> {
        Arc::clone(self.tree.session()).all_or_none(|| {
            match root {
                Some(root) => self.tree.replace(root)?,
                None => self.tree.remove_rows(removed)?,
            }
            let mut indexes = self.indexes.iter_mut().zip(indexes);
            indexes.try_for_each(|(index, root)| index.replace(root))
        })
    }

    /// Puts in records one by one.
    fn put_few(&mut self, records: &[u8]) -> Result<()> {
        let records = records.chunks_exact(self.tree.layout().width());
        let mut befores = Vec::new();
        for record in records.clone() {
            if !self.indexes.is_empty() {
                befores.push(self.tree.view().find(record)?.map(<[u8]>::to_vec));
            }
            self.tree.put(record, true).inspect_err(|_| self.tree.session().fail())?;
        }
        let change = |(before, after): (_, _)| Change { before, after: Some(after), number: 0 };
        let changes: Vec<Change<'_>> =
            befores.iter().map(Option::as_deref).zip(records.clone()).map(change).collect();
        let followed = follow_all(&mut self.indexes, &self.definition.name, &changes);
        if followed.is_err() {
            for (before, record) in befores.iter().zip(records) {
                let undone = match before {
                    Some(before) => self.tree.put(before, true).map(drop),
                    None => self.tree.remove(record, &mut Vec::new()).map(drop),
                };
                undone.inspect_err(|_| self.tree.session().fail())?;
            }
        }
        followed
    }

    /// Adds appended rows to the indexes, from this number on.
    fn index_appended(&mut self, first: u64, scratch: &Path, options: &LoadOptions) -> Result<()> {
        let name = &self.definition.name;
        let view = self.tree.view();
        if (self.tree.rows() - first) < FEW_ROWS.min(first / 64) {
            let (width, mut changes) = (view.layout().width(), Vec::new());
            for slice in view.slices(first..self.tree.rows()) {
                for record in slice?.chunks_exact(width) {
                    let number = first + changes.len() as u64;
                    changes.push(Change { before: None, after: Some(record), number });
                }
            }
            return follow_all(&mut self.indexes, name, &changes);
        }
        let rows = RowsToIndex::From(first, &self.tree);
        let roots = build_all(&self.indexes, name, rows, scratch, options)?;
        let mut roots = self.indexes.iter_mut().zip(roots);
        roots.try_for_each(|(index, root)| index.replace(root)).inspect_err(|_| self.tree.session().fail())
    }

    /// Writes the rows, or the entries of an index, to another place. `written` is called with the
    /// bytes of each leaf.
    pub(crate) fn rewrite(
        &mut self,
        index: Option<&str>,
        room: fn(u64) -> Room,
        written: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let Some(name) = index else { return self.tree.rewrite(room, written) };
        match self.indexes.iter_mut().find(|index| index.definition.name == name) {
            Some(index) => index.tree.rewrite(room, written),
            None => Err(self.no_index(name)),
        }
    }

    /// Copies all rows of another table with this schema into this one, which has no rows and no
    /// indexes.
    pub(crate) fn copy_rows(&mut self, from: &View<'_>, written: &mut dyn FnMut(u64)) -> Result<()> {
        let layout = self.tree.layout().clone();
        let mut builder = TreeBuilder::new(self.tree.session(), layout, Expected::Rows(from.rows()));
        builder.push_all(from, written)?;
        self.tree.replace(builder.finish()?)
    }

    /// Copies the entries of an index of the table whose rows were copied here. The catalog has the
    /// new index already.
    pub(crate) fn copy_index(
        &mut self,
        definition: Definition,
        from: &View<'_>,
        written: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let mut index = IndexWriter::new(self.tree.session(), &self.definition, definition)?;
        let layout = index.tree.layout().clone();
        let mut builder = TreeBuilder::new(self.tree.session(), layout, Expected::Rows(from.rows()));
        builder.push_all(from, written)?;
        index.replace(builder.finish()?)?;
        self.indexes.push(index);
        Ok(())
    }

    /// Builds an index from the rows. The catalog has it already.
    pub(crate) fn add_index(
        &mut self,
        definition: Definition,
        scratch: &Path,
        options: &LoadOptions,
    ) -> Result<()> {
        let mut index = IndexWriter::new(self.tree.session(), &self.definition, definition)?;
        let root = index.build(&self.definition.name, RowsToIndex::All(&self.tree), scratch, options)?;
        index.replace(root)?;
        self.indexes.push(index);
        Ok(())
    }

    /// Drops an index with all its entries.
    pub(crate) fn take_index(&mut self, name: &str) -> Result<Definition> {
        let Some(at) = self.indexes.iter().position(|index| index.definition.name == name) else {
            return Err(self.no_index(name));
        };
        self.indexes[at].clear()?;
        Ok(self.indexes.remove(at).definition)
    }

    /// An error if a unique index has the values of a row already.
    fn check_unique(&self, change: Change<'_>) -> Result<()> {
        self.indexes.iter().try_for_each(|index| index.check_unique(&self.definition.name, change))
    }

    /// Updates the indexes after a change of a row that was made.
    fn follow(&mut self, change: Change<'_>) -> Result<()> {
        let followed = self.indexes.iter_mut().try_for_each(|index| index.follow(change));
        followed.inspect_err(|_| self.tree.session().fail())
    }
}

impl FindIndex for TableWriter {
    fn find_index(&self, _: &Definition, name: &str) -> Result<Reader<'_>> {
        match self.indexes.iter().find(|index| index.definition.name == name) {
            Some(index) => Ok(index.reader(self)),
            None => Err(self.no_index(name)),
        }
    }

    fn find_indexes(&self, _: &Definition) -> Result<Vec<Reader<'_>>> {
        Ok(self.indexes.iter().map(|index| index.reader(self)).collect())
    }
}

/// Up to this many changed rows update the indexes one by one, if the table has many times as many
/// rows. More of them are sorted and merged.
const FEW_ROWS: u64 = 1 << 16;

fn key_changed() -> Error {
    Error::new(ErrorKind::Value, "an update must leave the key as it is; remove the row and insert another")
}
