//! The measures of a table.

/// The measures of a table, as [`ReadTransaction::table_stats`](crate::ReadTransaction::table_stats) finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// Rows.
    pub rows: u64,
    /// Bytes a row, as declared.
    pub width: usize,
    /// Rows that a leaf can hold.
    pub leaf_rows: usize,
    /// Leaves.
    pub leaves: u64,
    /// Bytes of packed records in leaves.
    pub leaf_bytes: u64,
    /// Bytes of branches.
    pub branch_bytes: u64,
    /// Branches between the root and a leaf.
    pub height: u32,
    /// Whether the rows lie side by side in the file, as one array.
    pub contiguous: bool,
    /// Where that array begins in the file, in bytes.
    pub offset: Option<u64>,
}

impl TableStats {
    /// Bytes that a row costs in the file, branches included. 0 without rows.
    pub fn bytes_a_row(&self) -> f64 {
        (self.leaf_bytes + self.branch_bytes) as f64 / self.rows.max(1) as f64
    }

    /// How full the leaves are, from 0 to 1.
    pub fn fill(&self) -> f64 {
        self.rows as f64 / (self.leaves.max(1) * self.leaf_rows as u64) as f64
    }
}
