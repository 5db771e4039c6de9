//! `EntryShape`: how an index entry follows from a row, and the key of the row from the entry.
//! Readers and writers of indexes, queries and `check` use it.

use std::ops::Range;

use crate::catalog::{Definition, Role};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::limits::INDEXED_FIELDS;
use crate::schema::{FieldDef, Schema, Type};

/// How entries follow from rows, and keys from entries. An entry has the indexed fields, then the
/// other fields of the table's key, or the number of the row.
///
/// ```text
/// row      key: due, carrier, number │ … │ tail │ …       indexed: tail, due
/// entry    tail │ due │ carrier, number                   carrier and number: the rest of the key
/// ```
#[derive(Clone, Debug)]
pub(crate) struct EntryShape {
    width: usize,
    /// The bytes of the indexed fields, which come first.
    indexed_width: usize,
    /// The pieces of a row that make its entry.
    of_row: Vec<Piece>,
    /// The offset of the row number in an entry, if the table has no key.
    number_at: Option<usize>,
    /// The pieces of an entry that make the key of its row.
    of_entry: Vec<Piece>,
    key_width: usize,
    /// The nullable indexed fields, with their offsets in an entry.
    nullable: Vec<FieldDef>,
    pub(crate) is_unique: bool,
}

/// Bytes that are copied from one place to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Piece {
    from: usize,
    to: usize,
    len: usize,
}

impl Piece {
    /// Copies the usual lengths without a call.
    #[inline(always)]
    fn copy(self, from: &[u8], to: &mut [u8]) {
        let (from, to) = (&from[self.from..self.from + self.len], &mut to[self.to..self.to + self.len]);
        match self.len {
            8 => to[..8].copy_from_slice(&from[..8]),
            4 => to[..4].copy_from_slice(&from[..4]),
            _ => to.copy_from_slice(from),
        }
    }
}

/// The schema of the entries of an index on these fields of a table.
pub(crate) fn entry_schema<S: AsRef<str>>(table: &Schema, indexed: &[S]) -> Result<Schema> {
    if indexed.is_empty() || indexed.len() > INDEXED_FIELDS {
        bail!(Schema, "an index is on 1 to {INDEXED_FIELDS} fields, not on {}", indexed.len());
    }
    let plain = |field: &FieldDef| FieldDef::of(field.name(), field.ty(), field.is_nullable(), false);
    let mut fields = Vec::new();
    for name in indexed {
        let field = table.field(name.as_ref())?;
        if fields.iter().any(|other: &FieldDef| other.name() == field.name()) {
            bail!(Schema, "field {:?} is named twice; an index can have a field only once", field.name());
        }
        fields.push(plain(field)?);
    }
    for field in table.key_fields() {
        if !fields.iter().any(|indexed| indexed.name() == field.name()) {
            fields.push(plain(field)?);
        }
    }
    if !table.is_keyed() {
        let mut name = String::from("row");
        while fields.iter().any(|field| field.name() == name) {
            name.push('_');
        }
        fields.push(FieldDef::of(&name, Type::U64, false, false)?);
    }
    Schema::new(fields)
}

impl EntryShape {
    /// The shape of the entries of an index on a table.
    pub(crate) fn new(table: &Definition, index: &Definition) -> Result<EntryShape> {
        let Role::Index { fields, unique, .. } = index.role else {
            bail!(Usage, "{:?} is a table, not an index", index.name)
        };
        let entry = &index.schema;
        let indexed = &entry.fields()[..usize::from(fields).min(entry.fields().len())];
        let names: Vec<&str> = indexed.iter().map(FieldDef::name).collect();
        if entry_schema(&table.schema, &names).ok().as_ref() != Some(entry) {
            bail!(
                Corrupt,
                "index {:?} has entries of ({entry}), which rows of ({}) do not have; the file is damaged",
                index.name,
                table.schema
            );
        }
        // If the table has no key, the number of the row comes last.
        let number_at = (!table.schema.is_keyed()).then(|| entry.width() - size_of::<u64>());
        let (mut of_row, mut of_entry) = (Vec::new(), Vec::new());
        for field in entry.fields().iter().filter(|field| Some(field.offset()) != number_at) {
            let from = table.schema.field(field.name())?.offset();
            join(&mut of_row, Piece { from, to: field.offset(), len: field.width() });
        }
        for key in table.schema.key_fields() {
            let at = entry.field(key.name())?.offset();
            join(&mut of_entry, Piece { from: at, to: key.offset(), len: key.width() });
        }
        if let Some(at) = number_at {
            of_entry.push(Piece { from: at, to: 0, len: 8 });
        }
        Ok(EntryShape {
            width: entry.width(),
            indexed_width: indexed.iter().map(FieldDef::width).sum(),
            of_row,
            number_at,
            key_width: if number_at.is_some() { 8 } else { table.schema.key_width() },
            of_entry,
            nullable: indexed.iter().filter(|field| field.is_nullable()).cloned().collect(),
            is_unique: unique,
        })
    }

    /// The bytes of an entry.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The bytes of the indexed fields, at the start of an entry.
    pub(crate) fn indexed(&self) -> Range<usize> {
        0..self.indexed_width
    }

    /// The bytes of a row's key, or of its number.
    pub(crate) fn key_width(&self) -> usize {
        self.key_width
    }

    /// Writes the entry of a row. The number is used only if the table has no key.
    #[inline]
    pub(crate) fn entry(&self, record: &[u8], number: u64, entry: &mut Vec<u8>) {
        entry.resize(self.width, 0);
        for piece in &self.of_row {
            piece.copy(record, entry);
        }
        if let Some(at) = self.number_at {
            entry[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
    }

    /// Writes the stored key of the row of an entry.
    #[inline]
    pub(crate) fn key(&self, entry: &[u8], key: &mut [u8]) {
        for piece in &self.of_entry {
            piece.copy(entry, key);
        }
    }

    /// The stored key of the row, without a copy, if it is one piece of the entry.
    #[inline]
    pub(crate) fn whole_key<'e>(&self, entry: &'e [u8]) -> Option<&'e [u8]> {
        match self.of_entry[..] {
            [Piece { from, len, .. }] if len == self.key_width => entry.get(from..from + len),
            _ => None,
        }
    }

    /// Whether two entries must not both exist: the index is unique, and they have the same values,
    /// none of them null.
    #[inline]
    pub(crate) fn clash(&self, one: &[u8], other: &[u8]) -> bool {
        self.is_unique && one[self.indexed()] == other[self.indexed()] && !self.has_null(one)
    }

    /// Whether one of the indexed fields is null.
    pub(crate) fn has_null(&self, entry: &[u8]) -> bool {
        self.nullable
            .iter()
            .any(|field| field.is_null(&entry[field.offset()..field.offset() + field.width()]))
    }
}

/// Appends a piece. It lengthens the last piece if it continues it.
fn join(pieces: &mut Vec<Piece>, piece: Piece) {
    if let Some(last) = pieces.last_mut()
        && last.from + last.len == piece.from
        && last.to + last.len == piece.to
    {
        last.len += piece.len;
    } else {
        pieces.push(piece);
    }
}

/// The error for two rows with the same values in a unique index.
pub(crate) fn twice(table: &str, index: &Definition, shape: &EntryShape, one: &[u8], other: &[u8]) -> Error {
    let mut values = String::new();
    let (mut rows, mut separator) = ([String::new(), String::new()], "");
    for field in index.schema.fields() {
        let stored = field.offset()..field.offset() + field.width();
        if stored.end <= shape.indexed_width {
            let written = field.write_text(&one[stored.clone()], &mut values).is_ok();
            values.push_str(if written { ", " } else { "?, " });
        } else {
            for (row, entry) in rows.iter_mut().zip([one, other]) {
                row.push_str(separator);
                let _ = field.write_text(&entry[stored.clone()], row);
            }
            separator = ", ";
        }
    }
    let [one, other] = rows;
    let values = values.trim_end_matches(", ");
    let rows = if one.is_empty() { String::new() } else { format!(": ({one}) and ({other})") };
    Error::new(
        ErrorKind::KeyExists,
        format!(
            "table {table:?}: index {:?} is unique, and two rows have ({values}) in it{rows}",
            index.name
        ),
    )
}
