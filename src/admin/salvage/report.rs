//! What a salvage copied, and what it lost.

use std::fmt;
use std::ops::Range;

use crate::error::{Error, ErrorKind};

/// What [`Database::salvage`](crate::Database::salvage) copied, and what it could not.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Tables copied, whole or in part.
    pub tables: u64,
    /// Rows copied.
    pub rows: u64,
    /// Indexes built again.
    pub indexes: u64,
    /// Everything that was lost; empty if nothing was.
    pub lost: Vec<Loss>,
}

/// Rows, a table or an index that could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loss {
    /// The table; `None` if the catalog itself is damaged, so that tables may be missing whose
    /// names are not known.
    pub table: Option<String>,
    /// The index, if one could not be built again.
    pub index: Option<String>,
    /// The numbers that the rows had (in key order if there is a key); `None` if the whole table is
    /// lost.
    pub rows: Option<Range<u64>>,
    /// The key of the last row before them that was copied, if there is one.
    pub after: Option<String>,
    /// The key of the first row after them that was copied, if there is one.
    pub before: Option<String>,
    /// How many rows were left out because another row with their key was copied; 0 for other
    /// losses.
    pub duplicates: u64,
    /// What is wrong.
    pub error: Error,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = &self.index {
            let table = self.table.as_ref().map(|table| format!("table {table:?}: ")).unwrap_or_default();
            return write!(f, "{table}index {index:?} is not built again: {}", self.error);
        }
        match (&self.table, &self.rows) {
            (Some(table), Some(rows)) => {
                write!(
                    f,
                    "table {table:?}: lost {} rows, numbers {} to {}",
                    rows.end - rows.start,
                    rows.start,
                    rows.end - 1
                )?;
                match (&self.after, &self.before) {
                    (Some(after), Some(before)) => write!(f, ", between keys {after} and {before}")?,
                    (Some(after), None) => write!(f, ", behind key {after}")?,
                    (None, Some(before)) => write!(f, ", before key {before}")?,
                    (None, None) => {}
                }
            }
            (Some(table), None) if self.duplicates > 0 => {
                write!(f, "table {table:?}: lost {} rows with the keys of others", self.duplicates)?;
            }
            (Some(table), None) => write!(f, "table {table:?}: lost whole")?,
            (None, _) => write!(f, "the catalog: tables may be lost whose names cannot be read")?,
        }
        write!(f, ": {}", self.error)
    }
}

impl Loss {
    pub(super) fn of(table: Option<&str>, error: Error) -> Loss {
        let table = table.map(str::to_owned);
        Loss { table, index: None, rows: None, after: None, before: None, duplicates: 0, error }
    }

    pub(super) fn damage(table: Option<&str>, message: &str) -> Loss {
        Loss::of(table, Error::new(ErrorKind::Corrupt, message))
    }

    pub(super) fn of_catalog(error: Error) -> Loss {
        Loss::of(None, error)
    }
}
