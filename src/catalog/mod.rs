//! The catalog: which tables and indexes there are, what their records look like, where their trees start.
//!
//! It is two trees of fixed-width records like all others, whose roots stand in the meta page: the tables by name, and
//! their fields by table number and position. An index stands there like a table, with the number of the table it is on.

mod definitions;
mod fields;

use std::sync::{Arc, LazyLock};

use bytemuck::{Pod, Zeroable};

pub(crate) use definitions::Definitions;
use fields::field_key;
pub(crate) use fields::{FieldRow, field_rows};

use crate::error::{Error, ErrorKind, Result, fail};
use crate::page::{PageView, TreeRoot};
use crate::schema::{FieldDef, KEY_BYTES, Schema, Type};
use crate::space::WriteSession;
use crate::tree::{KeyShape, Layout, Part, TreeWriter, View};

/// The longest name of a table, in bytes.
pub(crate) const NAME_LIMIT: usize = 64;
/// The most fields that an index can be on.
pub(crate) const INDEXED_LIMIT: usize = 32;
/// The most indexes that a table can have.
const INDEXES_LIMIT: u8 = 255;

/// A row of the tables tree.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct TableRow {
    name: [u8; NAME_LIMIT],
    id: u32,
    leaf_rows: u32,
    fields: u16,
    flags: u8,
    /// How many indexes a table has; how many of its fields an index is on.
    count: u8,
    /// The number of the table that an index is on; 0 for a table.
    owner: u32,
    root: TreeRoot,
}

const _: () = assert!(size_of::<TableRow>() == 104);

/// In the flags of an index: no two rows have the same values.
const UNIQUE: u8 = 1;

static TABLES: LazyLock<Layout> = LazyLock::new(|| own_layout::<TableRow>(vec![Part::Bytes(NAME_LIMIT)]));
static FIELDS: LazyLock<Layout> =
    LazyLock::new(|| own_layout::<FieldRow>(vec![Part::Unsigned(4), Part::Unsigned(2)]));

fn own_layout<T>(key: Vec<Part>) -> Layout {
    let key = KeyShape::new(key);
    let rows = Layout::default_leaf_rows(size_of::<T>(), key.width());
    match Layout::new(size_of::<T>(), key, rows) {
        Some(layout) => layout,
        None => unreachable!("the catalog's own records make a layout"),
    }
}

/// The layout of the tree that holds the tables.
pub(crate) fn tables_layout() -> &'static Layout {
    &TABLES
}

/// The layout of the tree that holds the fields.
pub(crate) fn fields_layout() -> &'static Layout {
    &FIELDS
}

/// The layout of a table's tree. `leaf_rows` of 0 stands for the default.
pub(crate) fn layout_for(schema: &Schema, leaf_rows: usize) -> Result<Layout> {
    layout_of(schema, schema.key_fields(), leaf_rows)
}

/// The layout of an index's tree: its entries are all key.
pub(crate) fn entry_layout(schema: &Schema, leaf_rows: usize) -> Result<Layout> {
    if schema.width() > KEY_BYTES {
        fail!(
            Limit,
            "an entry of {} bytes is too wide: the fields of an index and the key of its table have at most {KEY_BYTES} bytes",
            schema.width()
        );
    }
    if let Some(array) = schema.fields().iter().find(|field| !field.ty().can_be_key()) {
        fail!(Schema, "field {:?}: an array cannot be indexed, as arrays have no order", array.name());
    }
    layout_of(schema, schema.fields(), leaf_rows)
}

fn layout_of(schema: &Schema, key: &[FieldDef], leaf_rows: usize) -> Result<Layout> {
    let parts = key.iter().map(|field| {
        let width = field.width();
        match field.ty() {
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 | Type::Date | Type::Timestamp => {
                Part::Signed(width)
            }
            Type::F32 | Type::F64 => Part::Float(width),
            Type::Str(_) | Type::Bytes(_) | Type::Uuid => Part::Bytes(width),
            _ => Part::Unsigned(width),
        }
    });
    let key = KeyShape::new(parts.collect());
    let rows =
        if leaf_rows == 0 { Layout::default_leaf_rows(schema.width(), key.width()) } else { leaf_rows };
    Layout::new(schema.width(), key, rows).ok_or_else(|| {
        Error::new(
            ErrorKind::Limit,
            format!(
                "a leaf of {rows} rows of {} bytes is outside the limits: choose rows that take 4,096 to {} bytes, and without a \
                 key a power of two",
                schema.width(),
                Layout::LEAF_LIMIT
            ),
        )
    })
}

/// What the catalog says of one table, or of one index.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) id: u32,
    /// The fields of a row. Those of an entry: what is indexed, then what is left of the table's key.
    pub(crate) schema: Schema,
    pub(crate) layout: Layout,
    pub(crate) root: TreeRoot,
    pub(crate) role: Role,
}

/// Whether it is a table or an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// A table with so many indexes.
    Table { indexes: u8 },
    /// An index on the table of this number.
    Index { table: u32, fields: u8, unique: bool },
}

impl Role {
    /// A table without an index.
    pub(crate) const TABLE: Role = Role::Table { indexes: 0 };
}

impl Definition {
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.role, Role::Table { .. })
    }

    /// Puts the name of the table or index before an error's message.
    #[cold]
    pub(crate) fn in_table(&self, error: Error) -> Error {
        if self.is_table() {
            return error.within_table(&self.name);
        }
        error.within(format!("index {:?}", self.name))
    }

    /// Whether it is an index on this table.
    pub(crate) fn is_on(&self, table: &Definition) -> bool {
        matches!(self.role, Role::Index { table: number, .. } if number == table.id)
    }
}

/// The catalog of a snapshot or of the running write transaction.
#[derive(Clone, Copy)]
pub(crate) struct Catalog<'a> {
    pub(crate) tables: View<'a>,
    pub(crate) fields: View<'a>,
}

impl<'a> Catalog<'a> {
    pub(crate) fn new(pages: PageView<'a>, tables: TreeRoot, fields: TreeRoot) -> Result<Catalog<'a>> {
        Ok(Catalog {
            tables: View::new(pages, &TABLES, tables).map_err(|error| error.within("catalog"))?,
            fields: View::new(pages, &FIELDS, fields).map_err(|error| error.within("catalog"))?,
        })
    }

    /// The table, or the index, of this name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Definition>> {
        let Some(key) = padded(name) else { return Ok(None) };
        match self.tables.find(&key).map_err(|error| error.within("catalog"))? {
            Some(row) => self.definition(row).map(Some),
            None => Ok(None),
        }
    }

    /// The table of this name, or an error that names those there are.
    pub(crate) fn get(&self, name: &str) -> Result<Definition> {
        match self.find(name)? {
            Some(definition) if definition.is_table() => Ok(definition),
            Some(index) => match self.owner(&index)? {
                Some(table) => fail!(
                    TableNotFound,
                    "{name:?} is an index on table {:?}, not a table; open the table, and its index there",
                    table.name
                ),
                None => fail!(Corrupt, "index {name:?} is on no table; the file is damaged"),
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

    /// The indexes on a table, by name. O(tables), but for a table without one.
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
            fail!(
                Corrupt,
                "table {:?}: the catalog says that it has {indexes} indexes, and has {}; the file is damaged",
                table.name,
                found.len()
            );
        }
        Ok(found)
    }

    /// The index of this name on this table.
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

    /// An error unless a row of the tables tree is, byte for byte, what would be written for what it says.
    pub(crate) fn check_row(row: &[u8], definition: &Definition) -> Result<()> {
        if definition.root.rows == 0 && definition.root != TreeRoot::default() {
            fail!(Corrupt, "it has no rows, and a root that is not all zeros; the file is damaged");
        }
        if bytemuck::bytes_of(&table_row(definition)) != row {
            fail!(Corrupt, "its row in the catalog has bytes that nobody writes; the file is damaged");
        }
        Ok(())
    }

    /// The same for the table's rows in the fields tree.
    pub(crate) fn check_fields(&self, definition: &Definition) -> Result<()> {
        fields::check(&self.fields, definition)
    }

    /// The table and the position that a row of the fields tree is of.
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
        text(row.get(..NAME_LIMIT)?).ok()
    }

    /// The table, or the index, that a row of the tables tree describes.
    pub(crate) fn definition(&self, row: &[u8]) -> Result<Definition> {
        let row: TableRow = read(row)?;
        let name = text(&row.name)?.to_owned();
        if check_name(&name).is_err() || padded(&name) != Some(row.name) {
            fail!(
                Corrupt,
                "the catalog has {name:?} as the name of a table, which it cannot be; the file is damaged"
            );
        }
        let what = if row.owner == 0 { "table" } else { "index" };
        self.read_definition(&row, &name).map_err(|error| error.within(format!("{what} {name:?}")))
    }

    /// Whether the fields of the table that a row describes make a schema.
    pub(crate) fn has_schema(&self, row: &[u8]) -> bool {
        read(row).and_then(|row: TableRow| self.schema(&row)).is_ok()
    }

    fn read_definition(&self, row: &TableRow, name: &str) -> Result<Definition> {
        let schema = self.schema(row)?;
        let leaf_rows = (row.leaf_rows as usize).max(1);
        let (role, layout) = if row.owner == 0 {
            (Role::Table { indexes: row.count }, layout_for(&schema, leaf_rows))
        } else {
            let fields = usize::from(row.count);
            if fields == 0 || fields > schema.fields().len() || schema.is_keyed() {
                fail!(
                    Corrupt,
                    "the catalog says that it is on {fields} fields of ({schema}), which cannot be; the file is damaged"
                );
            }
            let unique = row.flags & UNIQUE != 0;
            (Role::Index { table: row.owner, fields: row.count, unique }, entry_layout(&schema, leaf_rows))
        };
        let layout = layout.map_err(damaged)?;
        Ok(Definition { name: name.to_owned(), id: row.id, schema, layout, root: row.root, role })
    }

    fn schema(&self, row: &TableRow) -> Result<Schema> {
        fields::read_schema(&self.fields, row.id, row.fields)
    }
}

/// The catalog in a write transaction.
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
            tables: TreeWriter::new(session, TABLES.clone(), tables)
                .map_err(|error| error.within("catalog"))?,
            fields: TreeWriter::new(session, FIELDS.clone(), fields)
                .map_err(|error| error.within("catalog"))?,
            next_table,
        })
    }

    pub(crate) fn view(&self) -> Catalog<'_> {
        Catalog { tables: self.tables.view(), fields: self.fields.view() }
    }

    /// Enters a table, or an index, that does not exist yet.
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
            fail!(Limit, "the database has had all 4,294,967,295 tables it can have")
        };
        if self.view().fields.find(&field_key(id, 0))?.is_some() {
            fail!(Corrupt, "the number of the next table, {id}, is another table's; the file is damaged");
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

    /// Enters an index, and that its table has one more.
    pub(crate) fn create_index(
        &mut self,
        table: &mut Definition,
        name: &str,
        schema: &Schema,
        (fields, unique): (u8, bool),
    ) -> Result<Definition> {
        let Role::Table { indexes } = table.role else {
            fail!(Usage, "{:?} is an index; only a table can have one", table.name)
        };
        if indexes == INDEXES_LIMIT {
            fail!(Limit, "table {:?} has {INDEXES_LIMIT} indexes, and can have no more", table.name);
        }
        let layout = entry_layout(schema, 0)?;
        let role = Role::Index { table: table.id, fields, unique };
        let index = self.create(name, schema, layout, role)?;
        table.role = Role::Table { indexes: indexes + 1 };
        Arc::clone(self.tables.session()).all_or_none(|| self.put(table))?;
        Ok(index)
    }

    /// Takes an index out, and writes down that its table has one less.
    pub(crate) fn remove_index(&mut self, table: &mut Definition, index: &Definition) -> Result<()> {
        Arc::clone(self.tables.session()).all_or_none(|| {
            self.remove(index)?;
            if let Role::Table { indexes } = &mut table.role {
                *indexes = indexes.saturating_sub(1);
            }
            self.put(table)
        })
    }

    /// An error if something has this name, or if nothing can have it.
    pub(crate) fn check_free(&self, name: &str) -> Result<()> {
        check_name(name)?;
        if let Some(there) = self.view().find(name)? {
            let what = if there.is_table() { "a table" } else { "an index" };
            fail!(AlreadyExists, "there is {what} {name:?} already; drop it, or choose another name");
        }
        Ok(())
    }

    /// Writes down where a table's tree starts now, and how many fields it has.
    pub(crate) fn put(&mut self, definition: &Definition) -> Result<()> {
        self.tables.put(bytemuck::bytes_of(&table_row(definition)), true).map(drop)
    }

    /// Writes down fields, as [`field_rows`] gives them.
    pub(crate) fn put_fields(&mut self, rows: &[FieldRow]) -> Result<()> {
        rows.iter().try_for_each(|row| self.fields.put(bytemuck::bytes_of(row), true).map(drop))
    }

    /// Writes down the fields and names of a table anew, where its schema was another one before.
    pub(crate) fn replace_fields(&mut self, old: &Definition, new: &Definition) -> Result<()> {
        let rows = field_rows(new, 0)?;
        let kept: std::collections::HashSet<[u8; 6]> = rows.iter().map(FieldRow::key).collect();
        let mut gone = Vec::new();
        for key in fields::keys(old)?.iter().filter(|key| !kept.contains(*key)) {
            self.fields.remove(key, &mut gone)?;
        }
        self.put_fields(&rows)
    }

    /// Takes a table's rows out of both trees. Its own tree is the caller's to clear.
    pub(crate) fn remove(&mut self, definition: &Definition) -> Result<()> {
        let mut gone = Vec::new();
        for key in fields::keys(definition)? {
            self.fields.remove(&key, &mut gone)?;
        }
        self.remove_name(&definition.name)
    }

    /// Takes a table's name out, and leaves its fields.
    pub(crate) fn remove_name(&mut self, name: &str) -> Result<()> {
        self.tables.remove(&padded(name).unwrap_or([0; NAME_LIMIT]), &mut Vec::new()).map(drop)
    }
}

/// Says that a table has no index of this name, and which it has.
pub(crate) fn no_index<'n>(table: &Definition, name: &str, names: impl Iterator<Item = &'n str>) -> Error {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    let there = if names.is_empty() { "it has none".into() } else { format!("it has {}", names.join(", ")) };
    Error::new(ErrorKind::IndexNotFound, format!("table {:?} has no index {name:?}; {there}", table.name))
        .of_table(&table.name)
}

/// Checks the name of a table that is to be made.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_LIMIT || name.contains('\0') {
        fail!(
            Usage,
            "a table's name has 1 to {NAME_LIMIT} bytes and no NUL; {name:?} has {} bytes",
            name.len()
        );
    }
    Ok(())
}

fn padded(name: &str) -> Option<[u8; NAME_LIMIT]> {
    let mut padded = [0; NAME_LIMIT];
    padded.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    Some(padded)
}

fn text(padded: &[u8]) -> Result<&str> {
    let len = padded.iter().position(|byte| *byte == 0).unwrap_or(padded.len());
    match std::str::from_utf8(&padded[..len]) {
        Ok(text) => Ok(text),
        Err(_) => fail!(Corrupt, "a name in the catalog is not UTF-8; the file is damaged"),
    }
}

fn read<T: Pod>(record: &[u8]) -> Result<T> {
    bytemuck::try_pod_read_unaligned(record).map_err(|_| {
        Error::new(ErrorKind::Corrupt, "a row of the catalog has the wrong width; the file is damaged")
    })
}

fn table_row(definition: &Definition) -> TableRow {
    let (owner, count, flags) = match definition.role {
        Role::Table { indexes } => (0, indexes, 0),
        Role::Index { table, fields, unique } => (table, fields, if unique { UNIQUE } else { 0 }),
    };
    TableRow {
        name: padded(&definition.name).unwrap_or([0; NAME_LIMIT]),
        id: definition.id,
        leaf_rows: definition.layout.leaf_rows() as u32,
        fields: definition.schema.fields().len() as u16,
        flags,
        count,
        owner,
        root: definition.root,
    }
}

fn damaged(error: Error) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the catalog says what cannot be, the file is damaged: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
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
