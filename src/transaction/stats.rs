//! `TableStats`: the measures of a table or an index. Reads branches, no rows.

use crate::error::Result;
use crate::table::{Index, Reader, RowKind, Table};

/// The measures of a table, from [`Table::stats`], or of an index, whose rows are its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// The number of rows.
    pub rows: u64,
    /// Bytes per row, as declared.
    pub width: usize,
    /// Rows that a leaf can hold.
    pub leaf_rows: usize,
    /// The number of leaves.
    pub leaves: u64,
    /// Bytes of packed records in leaves.
    pub leaf_bytes: u64,
    /// Bytes of branches.
    pub branch_bytes: u64,
    /// The number of branches between the root and a leaf.
    pub height: u32,
    /// Whether the rows are adjacent in the file, as one array.
    pub contiguous: bool,
    /// Where that array starts in the file, in bytes.
    pub offset: Option<u64>,
}

impl TableStats {
    /// Bytes per row in the file, branches included. 0 without rows.
    pub fn bytes_per_row(&self) -> f64 {
        (self.leaf_bytes + self.branch_bytes) as f64 / self.rows.max(1) as f64
    }

    /// How full the leaves are, from 0 to 1.
    pub fn fill(&self) -> f64 {
        self.rows as f64 / (self.leaves.max(1) * self.leaf_rows as u64) as f64
    }
}

impl<R: RowKind> Table<'_, R> {
    /// The measures of the table: rows, bytes, how full its leaves are. O(branches).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32, z: i32 }
    /// # let db = Database::in_memory()?;
    /// let points = (0..100_000).map(|x| Point { x, y: 0, z: 0 });
    /// db.update(|tx| tx.create_table::<Point>("points")?.load(points))?;
    /// let stats = db.table::<Point>("points")?.as_table().stats()?;
    /// assert!(stats.bytes_per_row() < 12.1 && stats.contiguous);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` if the table cannot be read.
    pub fn stats(&self) -> Result<TableStats> {
        stats_of(self.reader())
    }
}

impl<R: RowKind> Index<'_, R> {
    /// The measures of the index, whose rows are its entries. O(branches).
    ///
    /// # Errors
    /// `Corrupt` if the index cannot be read.
    pub fn stats(&self) -> Result<TableStats> {
        stats_of(self.entries_reader())
    }
}

fn stats_of(reader: Reader<'_>) -> Result<TableStats> {
    let counted = reader.stats()?;
    let layout = &reader.definition.layout;
    let offset = if counted.rows > 0 { reader.offset()? } else { None };
    Ok(TableStats {
        rows: counted.rows,
        width: layout.width(),
        leaf_rows: layout.leaf_rows(),
        leaves: counted.leaves,
        leaf_bytes: counted.leaf_bytes,
        branch_bytes: counted.branch_bytes,
        height: counted.height,
        contiguous: offset.is_some(),
        offset,
    })
}
