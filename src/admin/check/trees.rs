//! The check of trees: every node of the file, the values of rows, and the entries of indexes.

use std::collections::HashMap;

use super::progress::Check;
use crate::catalog::Definition;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::page::{PageView, page_of};
use crate::schema::Schema;
use crate::table::EntryShape;
use crate::tree::{Finding, View};

/// The records of a leaf, and the number of the first one.
pub(super) struct Leaf<'a> {
    pub(super) address: u64,
    pub(super) records: &'a [u8],
    pub(super) first_row: u64,
}

/// A table whose rows were checked.
pub(super) struct Table {
    pub(super) definition: Definition,
    /// The page of the catalog that it is on.
    pub(super) page: u64,
    pub(super) is_sound: bool,
}

impl<P: FnMut(u64, u64)> Check<P> {
    /// Checks the rows of all tables. Returns the tables by number.
    pub(super) fn tables(
        &mut self,
        pages: PageView<'_>,
        tables: Vec<(Definition, u64)>,
    ) -> HashMap<u32, Table> {
        let checked = tables.into_iter().map(|(definition, page)| {
            let is_sound = self.table(pages, &definition, page);
            (definition.id, Table { definition, page, is_sound })
        });
        checked.collect()
    }

    /// Checks the rows of a table. Returns whether they are sound.
    fn table(&mut self, pages: PageView<'_>, table: &Definition, page: u64) -> bool {
        let problems = self.report.problems.len();
        self.report.tables += 1;
        let name = Some(table.name.as_str());
        let width = table.schema.width();
        match View::new(pages, &table.layout, table.root) {
            Ok(view) => self.tree(&view, name, &mut |check, leaf| {
                check.report.rows += (leaf.records.len() / width) as u64;
                check.values(&leaf, name, &table.schema);
            }),
            Err(error) => self.problem(Some(page), name, error),
        }
        self.report.problems.len() == problems
    }

    /// Checks the entries of an index, each against its row. The rows of a table that is damaged
    /// are left out: its damage was reported.
    pub(super) fn index(&mut self, pages: PageView<'_>, index: &Definition, page: u64, table: &Table) {
        let Table { definition: table, is_sound, .. } = table;
        self.report.indexes += 1;
        let name = Some(table.name.as_str());
        let shape = match EntryShape::new(table, index) {
            Ok(shape) => shape,
            Err(error) => return self.problem(Some(page), name, error),
        };
        let (entries, rows) = match View::new(pages, &index.layout, index.root) {
            Ok(view) => (view, View::new(pages, &table.layout, table.root).ok().filter(|_| *is_sound)),
            Err(error) => return self.problem(Some(page), name, error),
        };
        if index.root.rows != table.root.rows {
            let message =
                format!("it has {} entries, and its table {} rows", index.root.rows, table.root.rows);
            self.problem(Some(page), name, Error::new(ErrorKind::Corrupt, message));
        }
        let mut last = Vec::new();
        self.tree(&entries, name, &mut |check, leaf| {
            check.values(&leaf, name, &index.schema);
            if let Some(rows) = &rows
                && let Err(error) = check_entries(&leaf, &shape, rows, &mut last)
            {
                check.problem(Some(page_of(leaf.address)), name, error);
            }
        });
    }

    /// Checks every node of a tree, and calls `each` with every leaf that is sound as a node.
    pub(super) fn tree<'a>(
        &mut self,
        view: &View<'a>,
        table: Option<&str>,
        each: &mut dyn FnMut(&mut Self, Leaf<'a>),
    ) {
        view.inspect(&mut |finding| match finding {
            Finding::Problem { address, error } => {
                let error = if table.is_none() { error.within("catalog") } else { error };
                self.problem(Some(page_of(address)), table, error);
                true
            }
            Finding::Node { address, bytes } => {
                self.report.nodes += 1;
                self.report.bytes += bytes;
                (self.progress)(self.report.bytes, self.total);
                // An address beyond the file is reported by reading it, not here.
                let inside = address.checked_add(bytes).is_some_and(|end| end <= self.total);
                let marked = if inside { self.taken.mark(address, bytes) } else { Ok(()) };
                // A node that overlaps another one is not read: the links of a forged file may lead
                // to one place many times.
                marked.map_err(|error| self.problem(Some(page_of(address)), table, error)).is_ok()
            }
            Finding::Records { address, records, first_row } => {
                each(self, Leaf { address, records, first_row });
                true
            }
        });
    }

    /// Checks that every value is one of its type.
    fn values(&mut self, leaf: &Leaf<'_>, table: Option<&str>, schema: &Schema) {
        let doubtful: Vec<_> = schema.fields().iter().filter(|field| field.can_be_invalid()).collect();
        if doubtful.is_empty() {
            return;
        }
        for (row, record) in (leaf.first_row..).zip(leaf.records.chunks_exact(schema.width())) {
            for field in &doubtful {
                let stored = &record[field.offset()..field.offset() + field.width()];
                if let Err(error) = field.check(stored) {
                    // One problem per leaf is enough: a forged file could have millions.
                    self.problem(Some(page_of(leaf.address)), table, error.within(format!("row {row}")));
                    return;
                }
            }
        }
    }
}

/// Compares the entries of a leaf with their rows, and neighbours with each other.
fn check_entries(leaf: &Leaf<'_>, shape: &EntryShape, rows: &View<'_>, last: &mut Vec<u8>) -> Result<()> {
    let width = shape.width();
    let mut keys = vec![0; leaf.records.len() / width * shape.key_width()];
    for (entry, key) in leaf.records.chunks_exact(width).zip(keys.chunks_exact_mut(shape.key_width())) {
        shape.key(entry, key);
        if !last.is_empty() && shape.clash(last, entry) {
            bail!(Corrupt, "it is unique, and two of its entries have the same values; the file is damaged");
        }
        last.clear();
        last.extend_from_slice(entry);
    }
    let mut entries = (leaf.first_row..).zip(leaf.records.chunks_exact(width));
    let mut expected = Vec::new();
    let mut hold = |row: Option<&[u8]>, number: u64| {
        let Some((at, entry)) = entries.next() else { return Ok(()) };
        let Some(row) = row else {
            bail!(Corrupt, "its entry {at} is of a row that the table has not; the file is damaged")
        };
        shape.entry(row, number, &mut expected);
        if expected != entry {
            bail!(Corrupt, "its entry {at} has other values than its row; the file is damaged");
        }
        Ok(())
    };
    if rows.layout().is_keyed() {
        return rows.find_many(&keys, |row| hold(row, 0));
    }
    for key in keys.as_chunks().0 {
        let number = u64::from_le_bytes(*key);
        hold(rows.record(number)?, number)?;
    }
    Ok(())
}
