//! `Reader`: reads a table or an index as bytes. Handles of typed and dynamic rows, queries and
//! administration stand on it. It changes nothing.

use std::ops::{Bound, Range};

use crate::catalog::Definition;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::limits::KEY_BYTES;
use crate::page::PAGE_BYTES;
use crate::tree::{Found, Rank, View, Visit};

/// A table or an index to read from. It lives as long as the snapshot, or the borrow of the writer.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'t> {
    pub(crate) definition: &'t Definition,
    pub(crate) view: View<'t>,
    /// Where its indexes are found.
    pub(crate) indexes: &'t (dyn FindIndex + Sync),
}

/// Finds the indexes of a table: in the catalog of a snapshot, or in the table of a write
/// transaction.
pub(crate) trait FindIndex {
    /// The index of this name on this table.
    fn find_index(&self, table: &Definition, name: &str) -> Result<Reader<'_>>;
    /// All indexes on this table.
    fn find_indexes(&self, table: &Definition) -> Result<Vec<Reader<'_>>>;
}

impl<'t> Reader<'t> {
    pub(crate) fn rows(&self) -> u64 {
        self.view.rows()
    }

    /// The index of this name on the table.
    pub(crate) fn index(&self, name: &str) -> Result<Reader<'t>> {
        self.indexes.find_index(self.definition, name)
    }

    /// All indexes on the table, by name.
    pub(crate) fn all_indexes(&self) -> Result<Vec<Reader<'t>>> {
        self.indexes.find_indexes(self.definition)
    }

    /// Puts the table's name before an error's message.
    #[cold]
    pub(crate) fn in_table(&self, error: Error) -> Error {
        self.definition.in_table(error)
    }

    /// The record with this number, in key order if there is a key.
    pub(crate) fn record(&self, row: u64) -> Result<Option<&'t [u8]>> {
        self.view.record(row).map_err(|error| self.in_table(error))
    }

    /// All records of a table without a key, if they are one array, as they lie there: **not
    /// verified**.
    pub(crate) fn array(&self) -> Option<&'t [u8]> {
        if self.definition.layout.is_keyed() { None } else { self.view.array() }
    }

    /// The record with this key in stored form; a row number in a table without a key.
    #[inline(always)]
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<&'t [u8]>> {
        if self.definition.layout.is_keyed() {
            self.view.find(key).map_err(|error| self.in_table(error))
        } else {
            self.record(row_number(key))
        }
    }

    /// The records with these keys in stored form, side by side, in their order.
    pub(crate) fn find_many(
        &self,
        keys: &[u8],
        mut found: impl FnMut(Option<&'t [u8]>) -> Result<()>,
    ) -> Result<()> {
        if self.definition.layout.is_keyed() {
            return self.view.find_many(keys, found).map_err(|error| self.in_table(error));
        }
        for key in keys.chunks_exact(8) {
            found(self.record(row_number(key))?)?;
        }
        Ok(())
    }

    /// The rank of this key in stored form.
    pub(crate) fn place(&self, key: &[u8]) -> Result<Rank> {
        if self.definition.layout.is_keyed() {
            self.view.place(key).map_err(|error| self.in_table(error))
        } else {
            let row = row_number(key);
            Ok(Rank { rank: row.min(self.rows()), found: row < self.rows() })
        }
    }

    /// The rows between two bounds. A bound is a key or its leading fields, and means all keys that
    /// begin with these fields.
    pub(crate) fn between(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<Found<'t>> {
        if !self.definition.layout.is_keyed() {
            let behind = |key| row_number(key).saturating_add(1).min(self.rows());
            let before = |key| row_number(key).min(self.rows());
            let start = match from {
                Bound::Unbounded => 0,
                Bound::Included(key) => before(key),
                Bound::Excluded(key) => behind(key),
            };
            let end = match to {
                Bound::Unbounded => self.rows(),
                Bound::Included(key) => behind(key),
                Bound::Excluded(key) => before(key),
            };
            let rows = start..end.max(start);
            return Ok(Found { rest: rows.clone(), rows, front: &[] });
        }
        let width = self.definition.layout.key().width();
        for bound in [from, to] {
            if let Bound::Included(key) | Bound::Excluded(key) = bound
                && key.len() > width
            {
                let name = &self.definition.name;
                bail!(Usage, "table {name:?}: a key has {width} bytes, this one {}", key.len());
            }
        }
        self.view.between(from, to).map_err(|error| self.in_table(error))
    }

    /// The numbers of the rows between two bounds.
    pub(crate) fn rows_between(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<Range<u64>> {
        self.between(from, to).map(|found| found.rows)
    }

    /// The address of the records in the file, if they lie side by side. O(branches).
    pub(crate) fn offset(&self) -> Result<Option<u64>> {
        self.view.extent().map(|extent| extent.map(|(start, _)| start)).map_err(|error| self.in_table(error))
    }

    /// The error for an entry of an index that has no row in this table.
    #[cold]
    pub(crate) fn no_row_of(&self, index: &Definition) -> Error {
        let (index, table) = (&index.name, &self.definition.name);
        let message = format!("index {index:?} has a row that table {table:?} has not; the file is damaged");
        Error::new(ErrorKind::Corrupt, message)
    }

    /// Counts the nodes of the committed tree. O(branches).
    pub(crate) fn stats(&self) -> Result<TableStatsOf> {
        let mut stats =
            TableStatsOf { rows: self.rows(), height: self.view.height(), ..TableStatsOf::default() };
        self.view
            .walk(&mut |visit| {
                match visit {
                    Visit::Branch { .. } => stats.branch_bytes += PAGE_BYTES as u64,
                    Visit::Leaf { bytes, .. } => {
                        stats.leaves += 1;
                        stats.leaf_bytes += bytes as u64;
                    }
                }
                Ok(true)
            })
            .map_err(|error| self.in_table(error))?;
        Ok(stats)
    }
}

/// The key of a record as a person writes it.
pub(crate) fn describe_key(definition: &Definition, record: &[u8]) -> String {
    let mut key = String::from("(");
    for (position, field) in definition.schema.key_fields().iter().enumerate() {
        if position > 0 {
            key.push_str(", ");
        }
        let stored = record.get(field.offset()..field.offset() + field.width()).unwrap_or_default();
        if field.write_text(stored, &mut key).is_err() {
            key.push('?');
        }
    }
    key.push(')');
    key
}

/// What [`Reader::stats`] counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TableStatsOf {
    pub(crate) rows: u64,
    pub(crate) height: u32,
    pub(crate) leaves: u64,
    pub(crate) leaf_bytes: u64,
    pub(crate) branch_bytes: u64,
}

/// A row number from its stored form; other widths match no row.
#[inline(always)]
pub(crate) fn row_number(key: &[u8]) -> u64 {
    key.try_into().map_or(u64::MAX, u64::from_le_bytes)
}

/// Encodes a typed key and calls `then` with its bytes, without an allocation.
#[inline(always)]
pub(crate) fn with_key<K: crate::record::Key, R>(key: K, then: impl FnOnce(&[u8]) -> R) -> R {
    if K::WIDTH <= 16 {
        let mut bytes = [0; 16];
        key.encode(&mut bytes[..K::WIDTH]);
        then(&bytes[..K::WIDTH])
    } else if K::WIDTH <= KEY_BYTES {
        let mut bytes = [0; KEY_BYTES];
        key.encode(&mut bytes[..K::WIDTH]);
        then(&bytes[..K::WIDTH])
    } else {
        // What is looked up in an index may be wider than any key: that is an error, reported
        // later.
        let mut bytes = vec![0; K::WIDTH];
        key.encode(&mut bytes);
        then(&bytes)
    }
}

/// The records of a leaf as a slice of their type.
#[inline]
pub(crate) fn cast<T: bytemuck::Pod>(bytes: &[u8]) -> Result<&[T]> {
    bytemuck::try_cast_slice(bytes).or_else(misaligned)
}

/// One record as its type.
#[inline(always)]
pub(crate) fn one<T: bytemuck::Pod>(bytes: &[u8]) -> Result<&T> {
    match bytemuck::try_from_bytes(bytes) {
        Ok(record) => Ok(record),
        Err(error) => misaligned(error),
    }
}

#[cold]
fn misaligned<T>(error: bytemuck::PodCastError) -> Result<T> {
    let message = format!("a leaf does not start where its records could ({error}); the file is damaged");
    Err(Error::new(ErrorKind::Corrupt, message))
}
