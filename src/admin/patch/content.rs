//! What a patch says. First which state it leads to which one; then for each table of the newer
//! state its description, the rows that were removed and put in, and where its leaves lie in the
//! file that was backed up, for the next patch.

use std::ops::Range;

use super::framing::{PatchReader, PatchWriter};
use crate::error::Result;
use crate::limits::INDEXED_FIELDS;
use crate::page::Link;
use crate::schema::Schema;
use crate::table::IndexInfo;

const END: u8 = 0;
const PUT: u8 = 1;
const REMOVED: u8 = 2;
const LEAVES: u8 = 3;

/// What a patch leads from and to.
pub(super) struct PatchHead {
    /// The identity of the state that it changes.
    pub(super) base: [u8; 16],
    /// The identity of the state that it leads to.
    pub(super) result: [u8; 16],
    /// The numbers of the transactions that made these states.
    pub(super) base_transaction: u64,
    pub(super) transaction: u64,
    /// The file id of the database that was backed up.
    pub(super) source: [u8; 16],
    pub(super) tables: u32,
}

/// A table of the newer state.
#[derive(Clone)]
pub(super) struct TableHead {
    pub(super) name: String,
    /// The table of the older state whose rows it continues. `None` if all rows are in the patch.
    pub(super) base: Option<String>,
    pub(super) schema: Schema,
    pub(super) leaf_rows: u32,
    /// Its number in the database that was backed up.
    pub(super) id: u32,
    pub(super) base_rows: u64,
    pub(super) rows: u64,
    pub(super) indexes: Vec<IndexHead>,
}

/// An index of a table.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct IndexHead {
    pub(super) name: String,
    pub(super) fields: Vec<String>,
    pub(super) unique: bool,
}

impl IndexHead {
    pub(super) fn new(index: IndexInfo) -> IndexHead {
        IndexHead { name: index.name, fields: index.fields, unique: index.unique }
    }
}

/// A leaf of the newer state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct LeafLink {
    pub(super) link: Link,
    pub(super) rows: u32,
}

/// A part of what changed in a table.
pub(super) enum Item {
    /// This many rows, the first of which has this number in the newer state, follow. With a key,
    /// they replace those with the same keys.
    Put {
        first: u64,
        rows: u32,
    },
    /// These rows of the older state are not in the newer one. They come in order.
    Removed(Range<u64>),
    /// Leaves of the newer state, in order.
    Leaves(Vec<LeafLink>),
    End,
}

impl PatchHead {
    pub(super) fn write(&self, out: &mut PatchWriter<'_>) -> Result<()> {
        for identity in [&self.base, &self.result, &self.source] {
            out.bytes(identity)?;
        }
        out.u64(self.base_transaction)?;
        out.u64(self.transaction)?;
        out.u32(self.tables)
    }

    pub(super) fn read(from: &mut PatchReader) -> Result<PatchHead> {
        let (base, result, source) = (from.identity()?, from.identity()?, from.identity()?);
        let (base_transaction, transaction) = (from.u64()?, from.u64()?);
        Ok(PatchHead { base, result, base_transaction, transaction, source, tables: from.u32()? })
    }
}

impl TableHead {
    pub(super) fn write(&self, out: &mut PatchWriter<'_>) -> Result<()> {
        out.text(&self.name)?;
        out.byte(u8::from(self.base.is_some()))?;
        if let Some(base) = &self.base {
            out.text(base)?;
        }
        out.text(&self.schema.to_string())?;
        out.u32(self.leaf_rows)?;
        out.u32(self.id)?;
        out.u64(self.base_rows)?;
        out.u64(self.rows)?;
        // There are few, so the casts keep the numbers.
        out.byte(self.indexes.len() as u8)?;
        for index in &self.indexes {
            out.text(&index.name)?;
            out.byte(u8::from(index.unique))?;
            out.byte(index.fields.len() as u8)?;
            index.fields.iter().try_for_each(|field| out.text(field))?;
        }
        Ok(())
    }

    pub(super) fn read(from: &mut PatchReader) -> Result<TableHead> {
        let name = from.text()?;
        let base = if from.byte()? == 0 { None } else { Some(from.text()?) };
        let text = from.text()?;
        let schema = text.parse().map_err(|error| from.damaged(&format!("table {name:?}: {error}")))?;
        let (leaf_rows, id, base_rows, rows) = (from.u32()?, from.u32()?, from.u64()?, from.u64()?);
        let mut indexes = Vec::new();
        for _ in 0..from.byte()? {
            let (name, unique) = (from.text()?, from.byte()? != 0);
            let count = usize::from(from.byte()?);
            if !(1..=INDEXED_FIELDS).contains(&count) {
                return Err(from.damaged(&format!("an index of table {name:?} is on {count} fields")));
            }
            let fields = (0..count).map(|_| from.text()).collect::<Result<_>>()?;
            indexes.push(IndexHead { name, fields, unique });
        }
        Ok(TableHead { name, base, schema, leaf_rows, id, base_rows, rows, indexes })
    }
}

/// Writes rows that are put in.
pub(super) fn write_put(out: &mut PatchWriter<'_>, first: u64, width: usize, rows: &[u8]) -> Result<()> {
    // Longer ones would not fit the count.
    for (part, first) in rows.chunks(width << 16).zip((first..).step_by(1 << 16)) {
        out.byte(PUT)?;
        out.u64(first)?;
        out.u32((part.len() / width) as u32)?;
        out.bytes(part)?;
    }
    Ok(())
}

/// Writes that rows were removed.
pub(super) fn write_removed(out: &mut PatchWriter<'_>, rows: Range<u64>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    out.byte(REMOVED)?;
    out.u64(rows.start)?;
    out.u64(rows.end - rows.start)
}

/// Writes where leaves lie. Of leaves side by side with the same number of rows, only the checksums
/// are written.
pub(super) fn write_leaves(out: &mut PatchWriter<'_>, width: usize, leaves: &[LeafLink]) -> Result<()> {
    let follows = |leaf: &LeafLink, next: &LeafLink| {
        next.rows == leaf.rows && next.link.address == leaf.link.address + (leaf.rows as usize * width) as u64
    };
    for run in leaves.chunk_by(follows) {
        for part in run.chunks(1 << 16) {
            out.byte(LEAVES)?;
            out.u64(part[0].link.address)?;
            out.u32(part[0].rows)?;
            out.u32(part.len() as u32)?;
            part.iter().try_for_each(|leaf| out.u32(leaf.link.checksum))?;
        }
    }
    Ok(())
}

pub(super) fn write_end(out: &mut PatchWriter<'_>) -> Result<()> {
    out.byte(END)
}

/// Reads the next part of what changed in a table. After [`Item::Put`] the caller reads the rows.
pub(super) fn read_item(from: &mut PatchReader, width: usize) -> Result<Item> {
    Ok(match from.byte()? {
        END => Item::End,
        PUT => Item::Put { first: from.u64()?, rows: from.u32()? },
        REMOVED => {
            let (start, count) = (from.u64()?, from.u64()?);
            let Some(end) = start.checked_add(count) else {
                return Err(from.damaged("it removes more rows than there can be"));
            };
            Item::Removed(start..end)
        }
        LEAVES => {
            let (mut address, rows, count) = (from.u64()?, from.u32()?, from.u32()?);
            let mut leaves = Vec::new();
            for _ in 0..count {
                leaves.push(LeafLink { link: Link { address, checksum: from.u32()? }, rows });
                address = address.wrapping_add(u64::from(rows).wrapping_mul(width as u64));
            }
            Item::Leaves(leaves)
        }
        _ => return Err(from.damaged("it says something that this program does not know")),
    })
}
