//! Compaction of tables: rewriting a table as one run of full leaves, and moving tables down so
//! that the file can be truncated. `admin/compact.rs` runs the steps, each as an ordinary commit.
//!
//! A run is written to pages that no snapshot reads, so a table never moves over itself. A table
//! that would move down by less than its own length is moved to the end first.

use std::collections::HashMap;
use std::ops::Range;

use super::WriteTransaction;
use super::free_space::truncate_tail;
use crate::catalog::{Definition, Role};
use crate::error::{Error, Result};
use crate::space::Room;
use crate::tree::View;

/// A compacted file may have one free page per this many. Moving everything for less does not pay.
const FREE_SHARE: u64 = 4096;

/// Counts the bytes of rows that were written, and those to be written as far as known, and reports
/// both.
pub(crate) struct Progress<'p> {
    pub(crate) done: u64,
    pub(crate) total: u64,
    pub(crate) tell: &'p mut dyn FnMut(u64, u64),
}

impl Progress<'_> {
    /// Adds bytes that are to be written.
    pub(crate) fn expect(&mut self, bytes: u64) {
        self.total = self.total.saturating_add(bytes);
        (self.tell)(self.done, self.total);
    }

    /// Adds bytes that were written.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        (self.tell)(self.done, self.total);
    }
}

/// A table or an index, and its place in the file.
struct PlacedTree {
    /// The name of the table, or of the table that the index is on.
    table: String,
    definition: Definition,
    span: Range<u64>,
    is_packed: bool,
}

impl PlacedTree {
    fn row_bytes(&self) -> u64 {
        self.definition.root.rows.saturating_mul(self.definition.layout.width() as u64)
    }

    fn in_table(&self, error: Error) -> Error {
        self.definition.in_table(error)
    }

    fn packed_bytes(&self) -> u64 {
        self.definition.layout.packed_bytes(self.definition.root.rows)
    }
}

impl WriteTransaction {
    /// Rewrites a table: full leaves, side by side as one array, in the lowest gap of the file that
    /// holds it, or at its end. O(n).
    ///
    /// Its old place is free after the commit, once no snapshot reaches it. To make the file
    /// shorter, use [`Database::compact`](crate::Database::compact).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { #[record(key)] id: u32, x: i32 }
    /// # let db = Database::in_memory()?;
    /// db.update(|tx| {
    ///     let mut points = tx.create_table::<Point>("points")?;
    ///     let mut ids = (0..10_000_u32).map(|n| n.wrapping_mul(0x9E37_79B1));
    ///     ids.try_for_each(|id| points.insert(&Point { id, x: 0 }))
    /// })?;
    /// db.update(|tx| tx.compact_table("points"))?;
    /// assert!(db.read()?.table::<Point>("points")?.stats()?.contiguous);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table; `Usage` while a handle has it; `Corrupt` if it
    /// cannot be read; `Io` if the disk is full. After an error it stays where it is.
    pub fn compact_table(&self, name: &str) -> Result<()> {
        self.check()?;
        let mut table = self.open(name)?.table;
        let place = |error: Error| error.within_table(name);
        let indexes: Vec<String> = table.indexes().map(|index| index.name.clone()).collect();
        for index in std::iter::once(None).chain(indexes.iter().map(|index| Some(&**index))) {
            table.rewrite(index, Room::LowestGap, &mut |_| {}).map_err(place)?;
        }
        Ok(())
    }

    /// Rewrites the tables that are not packed; only the table `only`, if given. Returns `false` if
    /// all are packed.
    pub(crate) fn pack(&self, only: Option<&str>, progress: &mut Progress<'_>) -> Result<bool> {
        let mut tables = self.places(only)?;
        tables.retain(|table| !table.is_packed);
        if tables.is_empty() {
            return Ok(false);
        }
        progress.expect(tables.iter().map(PlacedTree::row_bytes).sum());
        for table in &tables {
            self.rewrite(table, Room::LowestGap, progress)?;
        }
        self.lift_catalog()?;
        Ok(true)
    }

    /// Moves tables down that fit into a lower gap; only the table `only`, if given. Returns
    /// `false` if none does.
    pub(crate) fn sink(&self, only: Option<&str>, progress: &mut Progress<'_>) -> Result<bool> {
        let session = self.session()?;
        let mut moved = false;
        for table in &self.places(only)? {
            let bytes = table.packed_bytes();
            if session.lowest_gap(bytes).is_some_and(|gap| gap + bytes < table.span.end) {
                progress.expect(table.row_bytes());
                self.rewrite(table, Room::LowestGap, progress)?;
                moved = true;
            }
        }
        Ok(self.sink_catalog()? || moved)
    }

    /// If much is free below packed tables that are longer than the gaps, moves all tables above it
    /// to the end, so that they can move down. Returns `false` if little is free, or if a snapshot
    /// is held, which would keep their old places.
    pub(crate) fn lift(&self, progress: &mut Progress<'_>) -> Result<bool> {
        let session = self.session()?;
        let mut tables = self.places(None)?;
        let Some(gap) = session.first_gap_beyond(session.end() / FREE_SHARE) else { return Ok(false) };
        tables.retain(|table| table.span.end > gap);
        if tables.is_empty() || !self.shared.readers.snapshots()?.is_empty() {
            return Ok(false);
        }
        progress.expect(tables.iter().map(PlacedTree::row_bytes).sum());
        for table in &tables {
            self.rewrite(table, Room::End, progress)?;
        }
        self.lift_catalog()?;
        Ok(true)
    }

    /// Bytes of the file that only snapshots keep, and bytes below its end that are free.
    pub(crate) fn unused_bytes(&self) -> Result<(u64, u64)> {
        let session = self.session()?;
        Ok((session.held_bytes(), session.free_bytes()))
    }

    /// The last step: truncates the file.
    pub(crate) fn finish_compaction(mut self) -> Result<()> {
        let needed = self.session()?.end();
        let is_durable = self.turn.writer()?.commits.durable() == self.base.transaction;
        if is_durable && self.base.file_bytes <= needed {
            truncate_tail(&self.shared, self.base.file_bytes, true);
            return Ok(());
        }
        self.session()?.truncate_at_commit();
        self.commit()
    }

    /// All tables and indexes with rows, or those of the table `only`, the lowest first.
    /// O(branches).
    fn places(&self, only: Option<&str>) -> Result<Vec<PlacedTree>> {
        let session = self.session()?;
        let state = self.state.lock();
        let catalog = state.catalog.view();
        let definitions = catalog.all().collect::<Result<Vec<_>>>()?;
        let names: HashMap<u32, String> =
            definitions.iter().map(|definition| (definition.id, definition.name.clone())).collect();
        let mut placed = Vec::new();
        for definition in definitions {
            let owner = if let Role::Index { table, .. } = definition.role { table } else { definition.id };
            let Some(table) = names.get(&owner).cloned() else { continue };
            if definition.root.rows == 0 || only.is_some_and(|name| name != table) {
                continue;
            }
            let mut tree = PlacedTree { table, definition, span: 0..0, is_packed: false };
            let PlacedTree { definition: Definition { layout, root, .. }, .. } = &tree;
            let looked = View::new(session.view(), layout, *root)
                .and_then(|view| Ok((view.span()?, view.is_packed()?)));
            (tree.span, tree.is_packed) = looked.map_err(|error| tree.in_table(error))?;
            placed.push(tree);
        }
        placed.sort_by_key(|tree| tree.span.start);
        Ok(placed)
    }

    /// Writes a tree to another place.
    fn rewrite(&self, placed: &PlacedTree, room: fn(u64) -> Room, progress: &mut Progress<'_>) -> Result<()> {
        self.check()?;
        let mut table = self.open(&placed.table)?.table;
        let index = (!placed.definition.is_table()).then_some(placed.definition.name.as_str());
        let written = &mut |bytes| progress.advance(bytes);
        table.rewrite(index, room, written).map_err(|error| placed.in_table(error))?;
        let catalog = &mut self.state.lock().catalog;
        table.flush(&mut |moved| catalog.put(moved))
    }

    /// Moves the catalog to the end, so that tables can move down.
    fn lift_catalog(&self) -> Result<()> {
        self.check()?;
        let catalog = &mut self.state.lock().catalog;
        for tree in [&mut catalog.tables, &mut catalog.fields] {
            tree.rewrite(Room::End, &mut |_| {}).map_err(|error| error.within("catalog"))?;
        }
        Ok(())
    }

    /// Moves the trees of the catalog down that have a lower gap, or were edited and so are written
    /// in any case. Returns whether it moved any.
    fn sink_catalog(&self) -> Result<bool> {
        let session = self.session()?;
        let catalog = &mut self.state.lock().catalog;
        let mut moved = false;
        for tree in [&mut catalog.tables, &mut catalog.fields] {
            let bytes = tree.layout().packed_bytes(tree.rows());
            let end = tree.view().span().map_err(|error| error.within("catalog"))?.end;
            let sinks = session.lowest_gap(bytes).is_some_and(|gap| gap + bytes < end);
            if tree.rows() > 0 && (sinks || tree.owned_bytes() > 0) {
                tree.rewrite(Room::LowestGap, &mut |_| {}).map_err(|error| error.within("catalog"))?;
                moved = true;
            }
        }
        Ok(moved)
    }
}
