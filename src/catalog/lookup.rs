//! `Catalog`: looks up tables and indexes in the catalog of a snapshot or of a write transaction.

use super::definition::{Definition, Role};
use super::fields;
use super::layouts::{entry_layout, fields_layout, layout_for, tables_layout};
use super::table_row::{TableRow, check_name, damaged, padded, read, table_row, text};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::limits::NAME_BYTES;
use crate::page::{PageView, TreeRoot};
use crate::schema::Schema;
use crate::tree::View;

/// The catalog of a snapshot or of the running write transaction.
#[derive(Clone, Copy)]
pub(crate) struct Catalog<'a> {
    pub(crate) tables: View<'a>,
    pub(crate) fields: View<'a>,
}

impl<'a> Catalog<'a> {
    pub(crate) fn new(pages: PageView<'a>, tables: TreeRoot, fields: TreeRoot) -> Result<Catalog<'a>> {
        Ok(Catalog {
            tables: View::new(pages, tables_layout(), tables).map_err(|error| error.within("catalog"))?,
            fields: View::new(pages, fields_layout(), fields).map_err(|error| error.within("catalog"))?,
        })
    }

    /// The table or index with this name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Definition>> {
        let Some(key) = padded(name) else { return Ok(None) };
        match self.tables.find(&key).map_err(|error| error.within("catalog"))? {
            Some(row) => self.definition(row).map(Some),
            None => Ok(None),
        }
    }

    /// The table with this name, or an error that lists the tables.
    pub(crate) fn get(&self, name: &str) -> Result<Definition> {
        match self.find(name)? {
            Some(definition) if definition.is_table() => Ok(definition),
            Some(index) => match self.owner(&index)? {
                Some(table) => bail!(
                    TableNotFound,
                    "{name:?} is an index on table {:?}, not a table; open the table, and its index there",
                    table.name
                ),
                None => bail!(Corrupt, "index {name:?} is on no table; the file is damaged"),
            },
            None => {
                let names: Vec<String> = self
                    .tables()
                    .take(20)
                    .map(|table| table.map(|table| format!("{:?}", table.name)))
                    .collect::<Result<_>>()?;
                let there = if names.is_empty() {
                    "it has none".into()
                } else {
                    format!("it has {}", names.join(", "))
                };
                Err(Error::new(
                    ErrorKind::TableNotFound,
                    format!("there is no table {name:?} in the database; {there}"),
                )
                .of_table(name))
            }
        }
    }

    /// All tables, by name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = Result<Definition>> + use<'a> {
        self.all().filter(|found| found.as_ref().map_or(true, Definition::is_table))
    }

    /// The indexes on a table, by name. O(tables), or O(1) for a table without indexes.
    pub(crate) fn indexes(&self, table: &Definition) -> Result<Vec<Definition>> {
        let Role::Table { indexes } = table.role else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for slice in self.tables.slices(0..self.tables.rows()) {
            if found.len() == usize::from(indexes) {
                break;
            }
            for record in slice.map_err(|error| error.within("catalog"))?.chunks_exact(size_of::<TableRow>())
            {
                if Catalog::index_of(record) == Some(table.id) {
                    found.push(self.definition(record)?);
                }
            }
        }
        if found.len() != usize::from(indexes) {
            bail!(
                Corrupt,
                "table {:?}: the catalog says that it has {indexes} indexes, and has {}; the file is damaged",
                table.name,
                found.len()
            );
        }
        Ok(found)
    }

    /// The index with this name on this table.
    pub(crate) fn index(&self, table: &Definition, name: &str) -> Result<Definition> {
        match self.find(name)? {
            Some(index) if index.is_on(table) => Ok(index),
            _ => {
                let indexes = self.indexes(table)?;
                Err(no_index(table, name, indexes.iter().map(|index| index.name.as_str())))
            }
        }
    }

    /// The table that an index is on.
    pub(crate) fn owner(&self, index: &Definition) -> Result<Option<Definition>> {
        let Role::Index { table, .. } = index.role else { return Ok(None) };
        self.tables().find(|found| found.as_ref().map_or(true, |found| found.id == table)).transpose()
    }

    /// All tables and indexes, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = Result<Definition>> + use<'a> {
        let catalog = *self;
        (0..self.tables.rows()).map(move |row| {
            let record =
                catalog.tables.record(row).map_err(|error| error.within("catalog"))?.unwrap_or_default();
            catalog.definition(record)
        })
    }

    /// An error unless a row of the tables tree has exactly the bytes that are written for its
    /// definition.
    pub(crate) fn check_row(row: &[u8], definition: &Definition) -> Result<()> {
        if definition.root.rows == 0 && definition.root != TreeRoot::default() {
            bail!(Corrupt, "it has no rows, and a root that is not all zeros; the file is damaged");
        }
        if bytemuck::bytes_of(&table_row(definition)) != row {
            bail!(Corrupt, "its row in the catalog has bytes that nobody writes; the file is damaged");
        }
        Ok(())
    }

    /// The same for the rows of a table in the fields tree.
    pub(crate) fn check_fields(&self, definition: &Definition) -> Result<()> {
        fields::check(&self.fields, definition)
    }

    /// The table and the position in a row of the fields tree.
    pub(crate) fn owner_of(row: &[u8]) -> Option<(u32, u16)> {
        fields::owner_of(row)
    }

    /// The number in a row of the tables tree.
    pub(crate) fn number_of(row: &[u8]) -> Option<u32> {
        read::<TableRow>(row).ok().map(|row| row.id)
    }

    /// The number of the table that the index in a row of the tables tree is on.
    pub(crate) fn index_of(row: &[u8]) -> Option<u32> {
        read::<TableRow>(row).ok().map(|row| row.owner).filter(|owner| *owner != 0)
    }

    /// The name in a row of the tables tree, if it can be read.
    pub(crate) fn name_of(row: &[u8]) -> Option<&str> {
        text(row.get(..NAME_BYTES)?).ok()
    }

    /// The table or index that a row of the tables tree describes.
    pub(crate) fn definition(&self, row: &[u8]) -> Result<Definition> {
        let row: TableRow = read(row)?;
        let name = text(&row.name)?.to_owned();
        if check_name(&name).is_err() || padded(&name) != Some(row.name) {
            bail!(
                Corrupt,
                "the catalog has {name:?} as the name of a table, which it cannot be; the file is damaged"
            );
        }
        self.read_definition(&row, &name)
            .map_err(|error| error.within(format!("{} {name:?}", row.role().noun())))
    }

    /// Whether the fields of the table in this row form a valid schema.
    pub(crate) fn has_schema(&self, row: &[u8]) -> bool {
        read(row).and_then(|row: TableRow| self.schema(&row)).is_ok()
    }

    fn read_definition(&self, row: &TableRow, name: &str) -> Result<Definition> {
        let schema = self.schema(row)?;
        let leaf_rows = (row.leaf_rows as usize).max(1);
        let role = row.role();
        let layout = match role {
            Role::Table { .. } => layout_for(&schema, leaf_rows),
            Role::Index { fields, .. } => {
                if fields == 0 || usize::from(fields) > schema.fields().len() || schema.is_keyed() {
                    bail!(
                        Corrupt,
                        "the catalog says that it is on {fields} fields of ({schema}), which cannot be; the file is damaged"
                    );
                }
                entry_layout(&schema, leaf_rows)
            }
        };
        let layout = layout.map_err(damaged)?;
        Ok(Definition { name: name.to_owned(), id: row.id, schema, layout, root: row.root, role })
    }

    fn schema(&self, row: &TableRow) -> Result<Schema> {
        fields::read_schema(&self.fields, row.id, row.fields)
    }
}

/// The error that a table has no index with this name. Lists the indexes that it has.
pub(crate) fn no_index<'n>(table: &Definition, name: &str, names: impl Iterator<Item = &'n str>) -> Error {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    let there = if names.is_empty() { "it has none".into() } else { format!("it has {}", names.join(", ")) };
    Error::new(ErrorKind::IndexNotFound, format!("table {:?} has no index {name:?}; {there}", table.name))
        .of_table(&table.name)
}
