//! `TableRow`: the bytes of a row of the tables tree, and the names in it. Only the catalog uses
//! it.

use bytemuck::{Pod, Zeroable};

use super::definition::{Definition, Role};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::limits::NAME_BYTES;
use crate::page::TreeRoot;

/// A row of the tables tree.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct TableRow {
    pub(super) name: [u8; NAME_BYTES],
    pub(super) id: u32,
    pub(super) leaf_rows: u32,
    pub(super) fields: u16,
    pub(super) flags: u8,
    /// Of a table, how many indexes it has. Of an index, how many fields are indexed.
    pub(super) count: u8,
    /// The number of the table that an index is on; 0 for a table.
    pub(super) owner: u32,
    pub(super) root: TreeRoot,
}

const _: () = assert!(size_of::<TableRow>() == 104);

/// In the flags of an index: no two rows may have the same values.
const UNIQUE: u8 = 1;

pub(super) fn table_row(definition: &Definition) -> TableRow {
    let (owner, count, flags) = match definition.role {
        Role::Table { indexes } => (0, indexes, 0),
        Role::Index { table, fields, unique } => (table, fields, if unique { UNIQUE } else { 0 }),
    };
    TableRow {
        name: padded(&definition.name).unwrap_or([0; NAME_BYTES]),
        id: definition.id,
        leaf_rows: definition.layout.leaf_rows() as u32,
        fields: definition.schema.fields().len() as u16,
        flags,
        count,
        owner,
        root: definition.root,
    }
}

impl TableRow {
    pub(super) fn role(&self) -> Role {
        match self.owner {
            0 => Role::Table { indexes: self.count },
            table => Role::Index { table, fields: self.count, unique: self.flags & UNIQUE != 0 },
        }
    }
}

/// Checks the name of a new table or index.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_BYTES || name.contains('\0') {
        bail!(
            Usage,
            "a table's name has 1 to {NAME_BYTES} bytes and no NUL; {name:?} has {} bytes",
            name.len()
        );
    }
    Ok(())
}

/// A name, filled up with zeros. `None` if it is too long.
pub(super) fn padded(name: &str) -> Option<[u8; NAME_BYTES]> {
    let mut padded = [0; NAME_BYTES];
    padded.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    Some(padded)
}

pub(super) fn text(padded: &[u8]) -> Result<&str> {
    let len = padded.iter().position(|byte| *byte == 0).unwrap_or(padded.len());
    match std::str::from_utf8(&padded[..len]) {
        Ok(text) => Ok(text),
        Err(_) => bail!(Corrupt, "a name in the catalog is not UTF-8; the file is damaged"),
    }
}

pub(super) fn read<T: Pod>(record: &[u8]) -> Result<T> {
    bytemuck::try_pod_read_unaligned(record).map_err(|_| {
        Error::new(ErrorKind::Corrupt, "a row of the catalog has the wrong width; the file is damaged")
    })
}

/// An error for what the catalog says and what is not possible.
pub(super) fn damaged(error: Error) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the catalog says what cannot be, the file is damaged: {error}"))
}
