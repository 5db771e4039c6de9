//! The catalog: which tables there are, what their records look like, where their trees start.
//!
//! It is two trees of fixed-width records like all others, whose roots stand in the meta page: the tables by name, and
//! their fields by table number and position.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use bytemuck::{Pod, Zeroable};
use parking_lot::Mutex;

use crate::error::{Error, ErrorKind, Result, fail};
use crate::page::{PageView, TreeRoot, WriteSession};
use crate::schema::{self, FieldDef, Schema, Type};
use crate::tree::{Edited, KeyShape, Layout, Part, View};

/// The longest name of a table, in bytes.
pub(crate) const NAME_LIMIT: usize = 64;
/// The widest default that the catalog keeps, in bytes.
const DEFAULT_LIMIT: usize = 64;

/// A row of the tables tree.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct TableRow {
    name: [u8; NAME_LIMIT],
    id: u32,
    leaf_rows: u32,
    fields: u32,
    zeros: u32,
    root: TreeRoot,
}

/// A row of the fields tree.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct FieldRow {
    table: u32,
    position: u16,
    /// Type code, element code and length, as in [`Type::code`].
    length: u16,
    code: u8,
    element: u8,
    flags: u8,
    default_len: u8,
    name: [u8; NAME_LIMIT],
    default: [u8; DEFAULT_LIMIT],
}

const _: () = assert!(size_of::<TableRow>() == 104 && size_of::<FieldRow>() == 140);

const NULLABLE: u8 = 1;
const KEY: u8 = 2;
const HAS_DEFAULT: u8 = 4;

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
    let parts = schema.key_fields().iter().map(|field| {
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
                "a leaf of {rows} rows of {} bytes cannot be: it has 4,096 to {} bytes, and without a key its rows must be a \
                 power of two",
                schema.width(),
                Layout::LEAF_LIMIT
            ),
        )
    })
}

/// What the catalog says of one table.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) schema: Schema,
    pub(crate) layout: Layout,
    pub(crate) root: TreeRoot,
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

    /// The table of this name, if there is one.
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
            Some(definition) => Ok(definition),
            None => {
                let names: Vec<String> = self
                    .all()
                    .take(20)
                    .map(|table| table.map(|table| format!("{:?}", table.name)))
                    .collect::<Result<_>>()?;
                let there = if names.is_empty() {
                    "it has none".into()
                } else {
                    format!("it has {}", names.join(", "))
                };
                fail!(NotFound, "there is no table {name:?} in the database; {there}")
            }
        }
    }

    /// All tables, by name.
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
        for (position, field) in (0..).zip(definition.schema.fields()) {
            let expected = field_row(definition.id, position, field)?;
            let found = self.fields.find(&field_key(definition.id, position))?;
            if found != Some(bytemuck::bytes_of(&expected)) {
                let name = field.name();
                fail!(
                    Corrupt,
                    "field {name:?} has bytes in the catalog that nobody writes; the file is damaged"
                );
            }
        }
        let fields = definition.schema.fields().len() as u16;
        if self.fields.find(&field_key(definition.id, fields))?.is_some() {
            fail!(Corrupt, "the catalog has more than its {fields} fields; the file is damaged");
        }
        Ok(())
    }

    /// The table and the position that a row of the fields tree is of.
    pub(crate) fn owner_of(row: &[u8]) -> Option<(u32, u16)> {
        read::<FieldRow>(row).ok().map(|row| (row.table, row.position))
    }

    /// The number in a row of the tables tree.
    pub(crate) fn number_of(row: &[u8]) -> Option<u32> {
        read::<TableRow>(row).ok().map(|row| row.id)
    }

    /// The name in a row of the tables tree, if it can be read.
    pub(crate) fn name_of(row: &[u8]) -> Option<&str> {
        text(row.get(..NAME_LIMIT)?).ok()
    }

    /// The table that a row of the tables tree describes.
    pub(crate) fn definition(&self, row: &[u8]) -> Result<Definition> {
        let row: TableRow = read(row)?;
        let name = text(&row.name)?.to_owned();
        if check_name(&name).is_err() || padded(&name) != Some(row.name) {
            fail!(
                Corrupt,
                "the catalog has {name:?} as the name of a table, which it cannot be; the file is damaged"
            );
        }
        self.read_definition(&row, &name).map_err(|error| error.within(format!("table {name:?}")))
    }

    /// Whether the fields of the table that a row describes make a schema.
    pub(crate) fn has_schema(&self, row: &[u8]) -> bool {
        read(row).and_then(|row| self.schema(&row)).is_ok()
    }

    fn read_definition(&self, row: &TableRow, name: &str) -> Result<Definition> {
        let schema = self.schema(row)?;
        let layout = layout_for(&schema, (row.leaf_rows as usize).max(1)).map_err(damaged)?;
        Ok(Definition { name: name.to_owned(), id: row.id, schema, layout, root: row.root })
    }

    fn schema(&self, row: &TableRow) -> Result<Schema> {
        let first = self.fields.place(&field_key(row.id, 0))?.rank;
        let mut fields = Vec::new();
        let mut width = 0;
        // No more fields, and no wider ones, than a schema may have: each costs memory before the schema is checked.
        for position in 0..u64::from(row.fields.min(schema::FIELDS as u32)) {
            let Some(record) = self.fields.record(first + position)? else { break };
            let field: FieldRow = read(record)?;
            if field.table != row.id || u64::from(field.position) != position {
                break;
            }
            width += Type::from_code(field.code, field.element, field.length).map_err(damaged)?.width();
            if width > schema::ROW_BYTES {
                break;
            }
            fields.push(read_field(&field).map_err(damaged)?);
        }
        if fields.len() != row.fields as usize {
            fail!(
                Corrupt,
                "the catalog has {} of its {} fields; the file is damaged",
                fields.len(),
                row.fields
            );
        }
        Schema::new(fields).map_err(damaged)
    }
}

/// The catalog in a write transaction.
pub(crate) struct CatalogEdit {
    pub(crate) tables: Edited,
    pub(crate) fields: Edited,
    pub(crate) next_table: u32,
}

impl CatalogEdit {
    pub(crate) fn new(
        session: &WriteSession,
        tables: TreeRoot,
        fields: TreeRoot,
        next_table: u32,
    ) -> Result<CatalogEdit> {
        Ok(CatalogEdit {
            tables: Edited::new(session, TABLES.clone(), tables).map_err(|error| error.within("catalog"))?,
            fields: Edited::new(session, FIELDS.clone(), fields).map_err(|error| error.within("catalog"))?,
            next_table,
        })
    }

    pub(crate) fn view<'s>(&'s self, session: &'s WriteSession) -> Catalog<'s> {
        Catalog { tables: self.tables.view(session), fields: self.fields.view(session) }
    }

    /// Enters a table that does not exist yet.
    pub(crate) fn create(
        &mut self,
        session: &WriteSession,
        name: &str,
        schema: &Schema,
        leaf_rows: usize,
    ) -> Result<Definition> {
        check_name(name)?;
        if self.view(session).find(name)?.is_some() {
            fail!(AlreadyExists, "there is a table {name:?} already; drop it, or choose another name");
        }
        let layout = layout_for(schema, leaf_rows)?;
        let id = self.next_table;
        let Some(next) = id.checked_add(1) else {
            fail!(Limit, "the database has had all 4,294,967,295 tables it can have")
        };
        if self.view(session).fields.find(&field_key(id, 0))?.is_some() {
            fail!(Corrupt, "the number of the next table, {id}, is another table's; the file is damaged");
        }
        let definition = Definition {
            name: name.to_owned(),
            id,
            schema: schema.clone(),
            layout,
            root: TreeRoot::default(),
        };
        self.put_fields(session, &definition, 0)?;
        self.put(session, &definition)?;
        self.next_table = next;
        Ok(definition)
    }

    /// Writes down where a table's tree starts now, and how many fields it has.
    pub(crate) fn put(&mut self, session: &WriteSession, definition: &Definition) -> Result<()> {
        self.tables.put(session, bytemuck::bytes_of(&table_row(definition)), true).map(drop)
    }

    /// Writes down the fields from position `from` on.
    pub(crate) fn put_fields(
        &mut self,
        session: &WriteSession,
        definition: &Definition,
        from: usize,
    ) -> Result<()> {
        let rows: Vec<FieldRow> = (0..)
            .zip(definition.schema.fields())
            .skip(from)
            .map(|(position, field)| field_row(definition.id, position, field))
            .collect::<Result<_>>()?;
        for row in rows {
            self.fields.put(session, bytemuck::bytes_of(&row), true)?;
        }
        Ok(())
    }

    /// Takes a table's rows out of both trees. Its own tree is the caller's to clear.
    pub(crate) fn remove(&mut self, session: &WriteSession, definition: &Definition) -> Result<()> {
        let mut gone = Vec::new();
        for position in 0..definition.schema.fields().len() {
            self.fields.remove(session, &field_key(definition.id, position as u16), &mut gone)?;
        }
        self.remove_name(session, &definition.name)
    }

    /// Takes a table's name out, and leaves its fields.
    pub(crate) fn remove_name(&mut self, session: &WriteSession, name: &str) -> Result<()> {
        self.tables.remove(session, &padded(name).unwrap_or([0; NAME_LIMIT]), &mut Vec::new()).map(drop)
    }
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

fn field_key(table: u32, position: u16) -> [u8; 6] {
    let mut key = [0; 6];
    key[..4].copy_from_slice(&table.to_le_bytes());
    key[4..].copy_from_slice(&position.to_le_bytes());
    key
}

fn table_row(definition: &Definition) -> TableRow {
    TableRow {
        name: padded(&definition.name).unwrap_or([0; NAME_LIMIT]),
        id: definition.id,
        leaf_rows: definition.layout.leaf_rows() as u32,
        fields: definition.schema.fields().len() as u32,
        zeros: 0,
        root: definition.root,
    }
}

fn field_row(table: u32, position: u16, field: &FieldDef) -> Result<FieldRow> {
    let mut row = FieldRow::zeroed();
    (row.table, row.position) = (table, position);
    (row.code, row.element, row.length) = field.ty().code();
    row.name = padded(field.name()).unwrap_or([0; NAME_LIMIT]);
    row.flags = if field.is_nullable() { NULLABLE } else { 0 } | if field.is_key() { KEY } else { 0 };
    if let Some(default) = field.default() {
        let Some(into) = row.default.get_mut(..default.len()) else {
            fail!(
                Limit,
                "field {:?}: a default of {} bytes is too wide; the catalog keeps at most {DEFAULT_LIMIT}",
                field.name(),
                default.len()
            );
        };
        into.copy_from_slice(default);
        row.default_len = default.len() as u8;
        row.flags |= HAS_DEFAULT;
    }
    Ok(row)
}

fn read_field(row: &FieldRow) -> Result<FieldDef> {
    let ty = Type::from_code(row.code, row.element, row.length)?;
    let default = match row.flags & HAS_DEFAULT {
        0 => None,
        _ => Some(row.default.get(..row.default_len.into()).unwrap_or_default().to_vec()),
    };
    FieldDef::new(text(&row.name)?, ty, row.flags & NULLABLE != 0, row.flags & KEY != 0)?
        .with_default(default)
}

fn damaged(error: Error) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the catalog says what cannot be, the file is damaged: {error}"))
}

/// The definitions that a transaction has looked up. They stay where they are, so that tables and rows can borrow them for as
/// long as the transaction lives.
#[derive(Default)]
pub(crate) struct Definitions {
    by_name: Mutex<HashMap<String, usize>>,
    /// Piece k holds 2^k definitions.
    pieces: [OnceLock<Box<[OnceLock<Definition>]>>; 32],
}

impl Definitions {
    /// The definition of this name; looked up once.
    pub(crate) fn get(&self, name: &str, find: impl FnOnce() -> Result<Definition>) -> Result<&Definition> {
        let mut by_name = self.by_name.lock();
        let index = match by_name.get(name) {
            Some(index) => *index,
            None => {
                let (index, definition) = (by_name.len(), find()?);
                let _ = self.slot(index).set(definition);
                by_name.insert(name.to_owned(), index);
                index
            }
        };
        match self.slot(index).get() {
            Some(definition) => Ok(definition),
            None => fail!(Usage, "table {name:?} was looked up by two threads at once; try again"),
        }
    }

    fn slot(&self, index: usize) -> &OnceLock<Definition> {
        let piece = (index + 1).ilog2();
        let slots =
            self.pieces[piece as usize].get_or_init(|| (0..1 << piece).map(|_| OnceLock::new()).collect());
        &slots[index + 1 - (1 << piece)]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::page::{Allocator, FIRST_ADDRESS, Pages};
    use crate::storage::MappedFile;

    fn session() -> WriteSession {
        let file = MappedFile::anonymous(FIRST_ADDRESS, 0).unwrap();
        WriteSession::new(Arc::new(Pages::new(Box::new(file))), Allocator::new(1))
    }

    fn empty(session: &WriteSession) -> CatalogEdit {
        CatalogEdit::new(session, TreeRoot::default(), TreeRoot::default(), 1).unwrap()
    }

    #[test]
    fn a_name_by_which_no_table_is_found_is_damage() {
        let session = session();
        let edit = empty(&session);
        for name in [&b""[..], b"a\0b", b"\xFF"] {
            let mut row = TableRow::zeroed();
            row.name[..name.len()].copy_from_slice(name);
            let error = edit.view(&session).definition(bytemuck::bytes_of(&row)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        }
    }

    #[test]
    fn a_new_table_never_takes_the_fields_of_another() {
        let session = session();
        let mut edit = empty(&session);
        edit.create(&session, "a", &"x: i32".parse().unwrap(), 0).unwrap();
        edit.next_table = 1;
        let error = edit.create(&session, "b", &"y: f64".parse().unwrap(), 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(edit.view(&session).get("a").unwrap().schema.to_string(), "x: i32");
    }
}
