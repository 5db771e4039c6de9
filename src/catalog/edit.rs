//! `CatalogEdit`: the catalog of a write transaction. It enters, changes and removes tables and
//! indexes; their own trees are left to its callers.

use std::collections::HashSet;
use std::sync::Arc;

use super::definition::{Definition, Role};
use super::fields::{self, FieldRow, field_key, field_rows};
use super::layouts::{entry_layout, fields_layout, tables_layout};
use super::lookup::Catalog;
use super::table_row::{check_name, padded, table_row};
use crate::error::{Result, bail};
use crate::limits::{INDEXES, NAME_BYTES};
use crate::page::TreeRoot;
use crate::schema::Schema;
use crate::space::WriteSession;
use crate::tree::{Layout, TreeWriter};

/// The catalog of a write transaction.
pub(crate) struct CatalogEdit {
    pub(crate) tables: TreeWriter,
    pub(crate) fields: TreeWriter,
    pub(crate) next_table: u32,
}

impl CatalogEdit {
    pub(crate) fn new(
        session: &Arc<WriteSession>,
        tables: TreeRoot,
        fields: TreeRoot,
        next_table: u32,
    ) -> Result<CatalogEdit> {
        Ok(CatalogEdit {
            tables: TreeWriter::new(session, tables_layout().clone(), tables)
                .map_err(|error| error.within("catalog"))?,
            fields: TreeWriter::new(session, fields_layout().clone(), fields)
                .map_err(|error| error.within("catalog"))?,
            next_table,
        })
    }

    pub(crate) fn view(&self) -> Catalog<'_> {
        Catalog { tables: self.tables.view(), fields: self.fields.view() }
    }

    /// Enters a new table or index, without rows.
    pub(crate) fn create(
        &mut self,
        name: &str,
        schema: &Schema,
        layout: Layout,
        role: Role,
    ) -> Result<Definition> {
        self.check_free(name)?;
        let id = self.next_table;
        let Some(next) = id.checked_add(1) else {
            bail!(Limit, "the database has had all 4,294,967,295 tables it can have")
        };
        if self.view().fields.find(&field_key(id, 0))?.is_some() {
            bail!(Corrupt, "the number of the next table, {id}, is another table's; the file is damaged");
        }
        let root = TreeRoot::default();
        let definition = Definition { name: name.to_owned(), id, schema: schema.clone(), layout, root, role };
        let fields = field_rows(&definition, 0)?;
        Arc::clone(self.tables.session()).all_or_none(|| {
            self.put_fields(&fields)?;
            self.put(&definition)
        })?;
        self.next_table = next;
        Ok(definition)
    }

    /// Enters a new index, and counts it in the row of its table.
    pub(crate) fn create_index(
        &mut self,
        table: &mut Definition,
        name: &str,
        schema: &Schema,
        (fields, unique): (u8, bool),
    ) -> Result<Definition> {
        let Role::Table { indexes } = table.role else {
            bail!(Usage, "{:?} is an index; only a table can have one", table.name)
        };
        if indexes == INDEXES {
            bail!(Limit, "table {:?} has {INDEXES} indexes, and can have no more", table.name);
        }
        let layout = entry_layout(schema, 0)?;
        let role = Role::Index { table: table.id, fields, unique };
        let index = self.create(name, schema, layout, role)?;
        table.role = Role::Table { indexes: indexes + 1 };
        Arc::clone(self.tables.session()).all_or_none(|| self.put(table))?;
        Ok(index)
    }

    /// Removes an index, and counts it off in the row of its table.
    pub(crate) fn remove_index(&mut self, table: &mut Definition, index: &Definition) -> Result<()> {
        Arc::clone(self.tables.session()).all_or_none(|| {
            self.remove(index)?;
            if let Role::Table { indexes } = &mut table.role {
                *indexes = indexes.saturating_sub(1);
            }
            self.put(table)
        })
    }

    /// An error if this name is taken or is not valid.
    pub(crate) fn check_free(&self, name: &str) -> Result<()> {
        check_name(name)?;
        if let Some(there) = self.view().find(name)? {
            let (article, noun) = (if there.is_table() { "a" } else { "an" }, there.role.noun());
            bail!(
                AlreadyExists,
                "there is {article} {noun} {name:?} already; drop it, or choose another name"
            );
        }
        Ok(())
    }

    /// Writes the row of a table or index.
    pub(crate) fn put(&mut self, definition: &Definition) -> Result<()> {
        self.tables.put(bytemuck::bytes_of(&table_row(definition)), true).map(drop)
    }

    /// Writes the rows of fields, as [`field_rows`] returns them.
    pub(crate) fn put_fields(&mut self, rows: &[FieldRow]) -> Result<()> {
        rows.iter().try_for_each(|row| self.fields.put(bytemuck::bytes_of(row), true).map(drop))
    }

    /// Replaces the rows of the fields of a table, after a change of its schema.
    pub(crate) fn replace_fields(&mut self, old: &Definition, new: &Definition) -> Result<()> {
        let rows = field_rows(new, 0)?;
        let kept: HashSet<[u8; 6]> = rows.iter().map(FieldRow::key).collect();
        let mut removed = Vec::new();
        for key in fields::keys(old)?.iter().filter(|key| !kept.contains(*key)) {
            self.fields.remove(key, &mut removed)?;
        }
        self.put_fields(&rows)
    }

    /// Removes a table from both trees. The caller clears the table's own tree.
    pub(crate) fn remove(&mut self, definition: &Definition) -> Result<()> {
        let mut removed = Vec::new();
        for key in fields::keys(definition)? {
            self.fields.remove(&key, &mut removed)?;
        }
        self.remove_name(&definition.name)
    }

    /// Removes the row of a table, and leaves its fields.
    pub(crate) fn remove_name(&mut self, name: &str) -> Result<()> {
        self.tables.remove(&padded(name).unwrap_or([0; NAME_BYTES]), &mut Vec::new()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytemuck::Zeroable;

    use super::*;
    use crate::catalog::layouts::layout_for;
    use crate::catalog::table_row::TableRow;
    use crate::error::ErrorKind;
    use crate::page::{FIRST_ADDRESS, Pages};
    use crate::space::Allocator;
    use crate::storage::MappedFile;

    fn session() -> Arc<WriteSession> {
        let file = MappedFile::anonymous(FIRST_ADDRESS, 0).unwrap();
        Arc::new(WriteSession::new(Arc::new(Pages::new(Box::new(file))), Allocator::new(1)))
    }

    fn empty(session: &Arc<WriteSession>) -> CatalogEdit {
        CatalogEdit::new(session, TreeRoot::default(), TreeRoot::default(), 1).unwrap()
    }

    #[test]
    fn a_name_by_which_no_table_is_found_is_damage() {
        let session = session();
        let edit = empty(&session);
        for name in [&b""[..], b"a\0b", b"\xFF"] {
            let mut row = TableRow::zeroed();
            row.name[..name.len()].copy_from_slice(name);
            let error = edit.view().definition(bytemuck::bytes_of(&row)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        }
    }

    #[test]
    fn a_new_table_never_takes_the_fields_of_another() {
        let session = session();
        let mut edit = empty(&session);
        let mut create = |next, name, schema: &str| {
            edit.next_table = next;
            let schema: Schema = schema.parse().unwrap();
            let layout = layout_for(&schema, 0).unwrap();
            edit.create(name, &schema, layout, Role::TABLE)
        };
        create(1, "a", "x: i32").unwrap();
        let error = create(1, "b", "y: f64").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(edit.view().get("a").unwrap().schema.to_string(), "x: i32");
    }
}
