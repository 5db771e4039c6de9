//! The check of the catalog: its rows, the fields that they refer to, and that tables and indexes
//! agree.

use std::collections::{HashMap, HashSet};

use super::progress::Check;
use super::trees::{Leaf, Table};
use crate::catalog::{Catalog, Definition, Role};
use crate::error::{Error, ErrorKind};
use crate::page::{PageView, page_of};

/// What the catalog is known to hold.
pub(super) struct Known {
    /// The page with the first field of a table, by the table's number.
    fields: HashMap<u32, u64>,
    /// A damaged page with fields.
    damaged_fields: Option<u64>,
    /// The numbers that the rows of the catalog have.
    numbers: HashSet<u32>,
}

/// Definitions that could be read, with the page of the catalog that each is on.
#[derive(Default)]
pub(super) struct Definitions {
    pub(super) tables: Vec<(Definition, u64)>,
    pub(super) indexes: Vec<(Definition, u64)>,
}

impl<P: FnMut(u64, u64)> Check<P> {
    /// Reads the tree of the fields.
    pub(super) fn fields(&mut self, catalog: &Catalog<'_>) -> Known {
        let mut fields = HashMap::new();
        self.tree(&catalog.fields, None, &mut |_, leaf| {
            for record in leaf.records.chunks_exact(catalog.fields.layout().width()) {
                if let Some((table, _)) = Catalog::owner_of(record) {
                    fields.entry(table).or_insert(page_of(leaf.address));
                }
            }
        });
        let damaged = self.report.problems.iter().find(|problem| problem.page >= Some(2));
        Known { fields, damaged_fields: damaged.and_then(|problem| problem.page), numbers: HashSet::new() }
    }

    /// Reads the tree of the tables and indexes. `next` is the number that the next table gets.
    pub(super) fn definitions(&mut self, catalog: &Catalog<'_>, next: u32, known: &mut Known) -> Definitions {
        let mut leaves = Vec::new();
        self.tree(&catalog.tables, None, &mut |_, leaf| leaves.push(leaf));
        let mut definitions = Definitions::default();
        let mut last = None;
        for Leaf { address, records, .. } in leaves {
            let page = page_of(address);
            for row in records.chunks_exact(catalog.tables.layout().width()) {
                let name = Catalog::name_of(row);
                if name.is_some() && name == last {
                    self.damage(page, name, "there are two tables of this name");
                }
                last = name;
                match self.definition(catalog, next, row, page, known) {
                    Some(found) if found.is_table() => definitions.tables.push((found, page)),
                    Some(found) => definitions.indexes.push((found, page)),
                    None => {}
                }
            }
        }
        definitions
    }

    /// Checks a row of the catalog, which lies on this page.
    fn definition(
        &mut self,
        catalog: &Catalog<'_>,
        next: u32,
        row: &[u8],
        page: u64,
        known: &mut Known,
    ) -> Option<Definition> {
        let mut name = Catalog::name_of(row);
        if Catalog::index_of(row).is_some() {
            self.index = name.take().map(str::to_owned);
        }
        let found = self.definition_of(catalog, next, row, page, name, known);
        self.index = None;
        found
    }

    fn definition_of(
        &mut self,
        catalog: &Catalog<'_>,
        next: u32,
        row: &[u8],
        page: u64,
        name: Option<&str>,
        known: &mut Known,
    ) -> Option<Definition> {
        let number = Catalog::number_of(row).unwrap_or_default();
        if number >= next || !known.numbers.insert(number) {
            let message = format!("its number, {number}, is another table's or will be");
            self.damage(page, name, &message);
        }
        let of_fields = known.fields.get(&number).copied().or(known.damaged_fields).unwrap_or(page);
        let found = match catalog.definition(row) {
            Ok(found) => found,
            Err(error) => {
                let page = if catalog.has_schema(row) { page } else { of_fields };
                self.problem(Some(page), name, error);
                return None;
            }
        };
        if let Err(error) = Catalog::check_row(row, &found) {
            self.problem(Some(page), name, error);
        }
        if let Err(error) = catalog.check_fields(&found) {
            self.problem(Some(of_fields), name, error);
        }
        Some(found)
    }

    /// Checks all indexes against their tables.
    pub(super) fn indexes(
        &mut self,
        pages: PageView<'_>,
        indexes: &[(Definition, u64)],
        tables: &HashMap<u32, Table>,
        known: &Known,
    ) {
        for (index, page) in indexes {
            let Role::Index { table, .. } = index.role else { continue };
            self.index = Some(index.name.clone());
            match tables.get(&table) {
                Some(table) => self.index(pages, index, *page, table),
                // A table that cannot be read was reported.
                None if known.numbers.contains(&table) => {}
                None => {
                    let message = format!("it is on the table with the number {table}, and there is none");
                    self.damage(*page, None, &message);
                }
            }
            self.index = None;
        }
    }

    /// Checks that each table has as many indexes as its row of the catalog says.
    pub(super) fn index_counts(
        &mut self,
        indexes: &[(Definition, u64)],
        tables: &HashMap<u32, Table>,
        known: &Known,
    ) {
        // Indexes that cannot be read were reported, and are not counted.
        if tables.len() + indexes.len() != known.numbers.len() {
            return;
        }
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for (index, _) in indexes {
            if let Role::Index { table, .. } = index.role {
                *counts.entry(table).or_default() += 1;
            }
        }
        let mut tables: Vec<&Table> = tables.values().collect();
        tables.sort_unstable_by_key(|table| table.definition.id);
        for Table { definition, page, .. } in tables {
            let has = counts.get(&definition.id).copied().unwrap_or_default();
            if let Role::Table { indexes } = definition.role
                && usize::from(indexes) != has
            {
                let message = format!("the catalog says that it has {indexes} indexes, and there are {has}");
                self.damage(*page, Some(&definition.name), &message);
            }
        }
    }

    /// Checks that every field belongs to a table.
    pub(super) fn fields_without_a_table(&mut self, catalog: &Catalog<'_>, known: &Known) {
        // The numbers of tables that cannot be read are not known, so their fields cannot be
        // matched.
        if known.numbers.len() as u64 != catalog.tables.rows() {
            return;
        }
        let mut without: Vec<(&u32, &u64)> =
            known.fields.iter().filter(|(number, _)| !known.numbers.contains(number)).collect();
        without.sort_unstable();
        for (number, page) in without {
            let message = format!("there are fields of a table with the number {number}, and no such table");
            self.damage(*page, None, &message);
        }
    }

    fn damage(&mut self, page: u64, table: Option<&str>, message: &str) {
        self.problem(Some(page), table, Error::new(ErrorKind::Corrupt, message));
    }
}
