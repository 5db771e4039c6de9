//! `Database::check`: reads everything and reports all that does not hold.

use std::fmt;

use crate::catalog::Catalog;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::page::{Allocator, damaged_meta_pages, page_of};
use crate::schema::{Schema, Type};
use crate::tree::{Finding, View};

/// What [`Database::check`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// Everything that does not hold; empty if the database is sound.
    pub problems: Vec<Problem>,
    /// Tables looked at.
    pub tables: u64,
    /// Rows read.
    pub rows: u64,
    /// Leaves and branches read.
    pub nodes: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl CheckReport {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One thing that does not hold.
#[derive(Debug)]
#[non_exhaustive]
pub struct Problem {
    /// The page that it concerns, counted from 0 in units of 4,096 bytes, where it concerns one.
    pub page: Option<u64>,
    /// The table, where it concerns one.
    pub table: Option<String>,
    /// What does not hold.
    pub error: Error,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.table {
            write!(f, "table {table:?}: ")?;
        }
        let error = self.error.to_string();
        if let Some(page) = self.page
            && !error.contains(&format!("page {page} "))
        {
            write!(f, "page {page}: ")?;
        }
        f.write_str(&error)
    }
}

impl Database {
    /// Reads every page of the newest state, holds it against its checksum and all that is known of it, and goes on after
    /// damage to the end. `progress` hears from time to time how many bytes are done, and how many there are about.
    ///
    /// Checked are: both meta pages; the checksum, place and level of every node; the counts in branches; the order of
    /// keys within and across leaves; the catalog; that no two nodes overlap; that every value is one of its type.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// assert!(db.check(|_, _| {})?.is_sound());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// Only what keeps the check from being made, as for [`Database::read`]. Damage is in the report.
    pub fn check(&self, progress: impl FnMut(u64, u64)) -> Result<CheckReport> {
        let read = self.read()?;
        let meta = read.meta();
        let pages = read.pages();
        let mut check = Check {
            report: CheckReport::default(),
            taken: Allocator::new(meta.transaction),
            total: meta.file_bytes,
            progress,
        };
        for (page, error) in damaged_meta_pages(pages.storage())? {
            check.problem(Some(page), None, error);
        }
        let catalog = match Catalog::new(pages.view(meta.file_bytes), meta.tables, meta.fields) {
            Ok(catalog) => catalog,
            Err(error) => {
                check.problem(None, None, error);
                return Ok(check.report);
            }
        };
        check.tree(&catalog.tables, None, None);
        check.tree(&catalog.fields, None, None);
        for table in catalog.all() {
            let table = match table {
                Ok(table) => table,
                Err(error) => {
                    check.problem(None, None, error);
                    continue;
                }
            };
            check.report.tables += 1;
            match View::new(pages.view(meta.file_bytes), &table.layout, table.root) {
                Ok(view) => check.tree(&view, Some(&table.name), Some(&table.schema)),
                Err(error) => check.problem(None, Some(&table.name), error),
            }
        }
        Ok(check.report)
    }
}

/// A check under way.
struct Check<P> {
    report: CheckReport,
    /// What the nodes so far lie on.
    taken: Allocator,
    total: u64,
    progress: P,
}

impl<P: FnMut(u64, u64)> Check<P> {
    fn problem(&mut self, page: Option<u64>, table: Option<&str>, error: Error) {
        self.report.problems.push(Problem { page, table: table.map(str::to_owned), error });
    }

    fn tree(&mut self, view: &View<'_>, table: Option<&str>, schema: Option<&Schema>) {
        view.inspect(&mut |finding| match finding {
            Finding::Problem { address, error } => self.problem(Some(page_of(address)), table, error),
            Finding::Node { address, bytes } => {
                self.report.nodes += 1;
                self.report.bytes += bytes;
                (self.progress)(self.report.bytes, self.total);
                // An address beyond the file is reported by reading it, not here.
                if address.checked_add(bytes).is_some_and(|end| end <= self.total)
                    && let Err(error) = self.taken.mark(address, bytes)
                {
                    self.problem(Some(page_of(address)), table, error);
                }
            }
            Finding::Records { address, records, first_row } => {
                if let Some(schema) = schema {
                    self.report.rows += (records.len() / schema.width()) as u64;
                    self.values(address, records, first_row, table, schema);
                }
            }
        });
    }

    /// Every value is one of its type: other types than these take any bytes.
    fn values(&mut self, address: u64, records: &[u8], first_row: u64, table: Option<&str>, schema: &Schema) {
        let doubtful: Vec<_> =
            schema.fields().iter().filter(|field| matches!(field.ty(), Type::Bool | Type::Str(_))).collect();
        if doubtful.is_empty() {
            return;
        }
        for (row, record) in (first_row..).zip(records.chunks_exact(schema.width())) {
            for field in &doubtful {
                let stored = &record[field.offset()..field.offset() + field.width()];
                if let Err(error) = field.check(stored) {
                    // One a leaf says enough: a hostile file could have millions.
                    self.problem(Some(page_of(address)), table, error.within(format!("row {row}")));
                    return;
                }
            }
        }
    }
}
