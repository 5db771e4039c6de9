//! The rows of the fields tree: one row per field of a table, and rows with the names of its
//! enumerations. Only the catalog sees these rows.
//!
//! The row of a field has no room for names. The names of all enumerations of a table form one
//! text, in the order of the fields; each name follows a byte with its length. Pieces of the text
//! are in rows whose positions come after those of all fields.

use bytemuck::{Pod, Zeroable};

use super::definition::Definition;
use super::table_row::{damaged, padded, read, text};
use crate::error::{Result, bail};
use crate::limits::{FIELDS, NAME_BYTES, ROW_BYTES};
use crate::schema::{EnumNames, FieldDef, NameList, Schema, Type};
use crate::tree::View;

/// The widest default that the catalog keeps, in bytes.
const DEFAULT_LIMIT: usize = 64;
/// The position of the first row with names.
const FIRST_NAMES: u16 = FIELDS as u16;
/// How many bytes of names a row holds.
const NAMES_BYTES: usize = 134;

/// A row of the fields tree that describes a field.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct FieldRow {
    table: u32,
    position: u16,
    /// With the type code and the element code: see [`Type::code`].
    length: u16,
    code: u8,
    element: u8,
    flags: u8,
    default_len: u8,
    name: [u8; NAME_BYTES],
    default: [u8; DEFAULT_LIMIT],
}

/// A row of the fields tree that holds a piece of the names.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct NamesRow {
    table: u32,
    position: u16,
    names: [u8; NAMES_BYTES],
}

const _: () = assert!(size_of::<FieldRow>() == 140 && size_of::<NamesRow>() == 140);

const NULLABLE: u8 = 1;
const KEY: u8 = 2;
const HAS_DEFAULT: u8 = 4;

pub(super) fn field_key(table: u32, position: u16) -> [u8; 6] {
    let mut key = [0; 6];
    key[..4].copy_from_slice(&table.to_le_bytes());
    key[4..].copy_from_slice(&position.to_le_bytes());
    key
}

/// The table and the position in a row of the fields tree.
pub(super) fn owner_of(row: &[u8]) -> Option<(u32, u16)> {
    read::<NamesRow>(row).ok().map(|row| (row.table, row.position))
}

/// The schema of a table with `count` fields.
pub(super) fn read_schema(tree: &View<'_>, table: u32, count: u16) -> Result<Schema> {
    let first = tree.place(&field_key(table, 0))?.rank;
    let mut rows = Vec::new();
    let mut width = 0;
    // Stop at the limits of a schema, so that a damaged file costs no more memory than a schema may
    // take. The schema itself is checked later.
    for position in 0..count.min(FIRST_NAMES) {
        let Some(record) = tree.record(first + u64::from(position))? else { break };
        let row: FieldRow = read(record)?;
        if (row.table, row.position) != (table, position) {
            break;
        }
        width += match row.code {
            Type::ENUM_CODE => 1,
            _ => Type::from_code(row.code, row.element, row.length).map_err(damaged)?.width(),
        };
        if width > ROW_BYTES {
            break;
        }
        rows.push(row);
    }
    if rows.len() != count as usize {
        bail!(Corrupt, "the catalog has {} of its {count} fields; the file is damaged", rows.len());
    }
    let mut names =
        NamesReader { tree, table, next: FIRST_NAMES, rank: first + u64::from(count), piece: &[] };
    let fields = rows.iter().map(|row| read_field(row, &mut names).map_err(damaged));
    Schema::new(fields.collect::<Result<_>>()?).map_err(damaged)
}

fn read_field(row: &FieldRow, names: &mut NamesReader<'_, '_>) -> Result<FieldDef> {
    let name = text(&row.name)?;
    let ty = match (row.code, row.element) {
        (Type::ENUM_CODE, 0) => {
            let names = names.names(row.length).map_err(|error| error.within(format!("field {name:?}")))?;
            Type::Enum(names)
        }
        (code, element) => Type::from_code(code, element, row.length)?,
    };
    let default = match row.flags & HAS_DEFAULT {
        0 => None,
        _ => Some(row.default.get(..row.default_len.into()).unwrap_or_default().to_vec()),
    };
    FieldDef::of(name, ty, row.flags & NULLABLE != 0, row.flags & KEY != 0)?.with_default(default)
}

/// Reads the names of a table's enumerations, from the first to the last.
struct NamesReader<'v, 'a> {
    tree: &'v View<'a>,
    table: u32,
    /// The position of the next row, and its number in the tree.
    next: u16,
    rank: u64,
    /// The rest of the current row.
    piece: &'a [u8],
}

impl NamesReader<'_, '_> {
    /// The names of the next enumeration, `count` of them. 0 means 65,536.
    fn names(&mut self, count: u16) -> Result<EnumNames> {
        let count = if count == 0 { 1 << 16 } else { usize::from(count) };
        let mut names = NameList::default();
        let mut name = Vec::new();
        while names.len() < count {
            let length = self.byte()?;
            name.clear();
            for _ in 0..length {
                name.push(self.byte()?);
            }
            match str::from_utf8(&name) {
                Ok(name) => names.push(name)?,
                Err(_) => bail!(Corrupt, "name {} of the enumeration is not UTF-8", names.len() + 1),
            }
        }
        names.finish()
    }

    fn byte(&mut self) -> Result<u8> {
        if self.piece.is_empty() {
            self.piece = self.row()?;
        }
        let Some((byte, rest)) = self.piece.split_first() else { bail!(Corrupt, "a row of names is empty") };
        self.piece = rest;
        Ok(*byte)
    }

    #[cold]
    fn missing<T>(&self) -> Result<T> {
        bail!(Corrupt, "the names of its enumerations are not all there")
    }
}

impl<'a> NamesReader<'_, 'a> {
    fn row(&mut self) -> Result<&'a [u8]> {
        let Some(record) = self.tree.record(self.rank)? else { return self.missing() };
        if owner_of(record) != Some((self.table, self.next)) {
            return self.missing();
        }
        let Some(next) = self.next.checked_add(1) else { return self.missing() };
        (self.next, self.rank) = (next, self.rank + 1);
        let start = size_of::<NamesRow>() - NAMES_BYTES;
        Ok(record.get(start..).unwrap_or_default())
    }
}

/// The rows for the fields of a table from position `from` on, and for all its names.
pub(crate) fn field_rows(definition: &Definition, from: usize) -> Result<Vec<FieldRow>> {
    let fields = definition.schema.fields();
    let mut rows: Vec<FieldRow> = (0..)
        .zip(fields)
        .skip(from)
        .map(|(position, field)| field_row(definition.id, position, field))
        .collect::<Result<_>>()?;
    let mut names = Vec::new();
    for name in fields.iter().filter_map(FieldDef::names).flat_map(EnumNames::iter) {
        names.push(name.len() as u8);
        names.extend_from_slice(name.as_bytes());
    }
    let pieces = names.chunks(NAMES_BYTES);
    // The last position stays free, so that a next position always exists.
    if pieces.len() >= usize::from(u16::MAX - FIRST_NAMES) {
        bail!(
            Limit,
            "the names of all enumerations have {} bytes, and a table can have {}",
            names.len(),
            NAMES_BYTES * usize::from(u16::MAX - FIRST_NAMES - 1)
        );
    }
    rows.extend((FIRST_NAMES..).zip(pieces).map(|(position, piece)| {
        let mut row = NamesRow { table: definition.id, position, names: [0; NAMES_BYTES] };
        row.names[..piece.len()].copy_from_slice(piece);
        bytemuck::cast::<NamesRow, FieldRow>(row)
    }));
    Ok(rows)
}

fn field_row(table: u32, position: u16, field: &FieldDef) -> Result<FieldRow> {
    let mut row = FieldRow::zeroed();
    (row.table, row.position) = (table, position);
    (row.code, row.element, row.length) = field.ty().code();
    row.name = padded(field.name()).unwrap_or([0; NAME_BYTES]);
    row.flags = if field.is_nullable() { NULLABLE } else { 0 } | if field.is_key() { KEY } else { 0 };
    if let Some(default) = field.default() {
        let Some(into) = row.default.get_mut(..default.len()) else {
            bail!(
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

/// How many rows a table has in the fields tree.
fn count(tree: &View<'_>, table: u32) -> Result<u64> {
    let first = tree.place(&field_key(table, 0))?.rank;
    // Do not look up the first position of the next table: its leaf may be damaged, and does not
    // concern this table.
    let last = field_key(table, u16::MAX);
    let end = tree.place(&last)?.rank + u64::from(tree.find(&last)?.is_some());
    Ok(end.saturating_sub(first))
}

/// An error unless the rows of a table in the fields tree have exactly the bytes that are written
/// for its schema.
pub(super) fn check(tree: &View<'_>, definition: &Definition) -> Result<()> {
    let expected = field_rows(definition, 0)?;
    for row in &expected {
        let found = tree.find(&field_key(definition.id, row.position))?;
        if found != Some(bytemuck::bytes_of(row)) {
            match definition.schema.fields().get(usize::from(row.position)) {
                Some(field) => bail!(
                    Corrupt,
                    "field {:?} has bytes in the catalog that nobody writes; the file is damaged",
                    field.name()
                ),
                None => bail!(
                    Corrupt,
                    "the names of its enumerations have bytes in the catalog that nobody writes; the file is damaged"
                ),
            }
        }
    }
    let there = count(tree, definition.id)?;
    if there != expected.len() as u64 {
        let fields = definition.schema.fields().len();
        bail!(
            Corrupt,
            "the catalog has {there} rows for its {fields} fields and their names, and it takes {}: the catalog has more than \
             its {fields} fields; the file is damaged",
            expected.len()
        );
    }
    Ok(())
}

/// The keys of all rows that a table has in the fields tree.
pub(super) fn keys(definition: &Definition) -> Result<Vec<[u8; 6]>> {
    Ok(field_rows(definition, 0)?.iter().map(|row| field_key(definition.id, row.position)).collect())
}

impl FieldRow {
    pub(super) fn key(&self) -> [u8; 6] {
        field_key(self.table, self.position)
    }
}
