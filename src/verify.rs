//! `Database::check`: reads everything and reports all that does not hold.

use std::collections::HashSet;
use std::fmt;

use crate::catalog::Catalog;
use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};
use crate::page::{Allocator, damaged_meta_pages, page_of};
use crate::schema::{Schema, Type};
use crate::tree::{Finding, View};

/// What [`Database::check`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// Everything that does not hold, up to 10,000 problems; empty if the database is sound.
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
        let mut ids = HashSet::new();
        for table in catalog.all() {
            let table = match table {
                Ok(table) => table,
                Err(error) => {
                    check.problem(None, None, error);
                    continue;
                }
            };
            check.report.tables += 1;
            if table.id >= meta.next_table || !ids.insert(table.id) {
                let message = format!("its number, {}, is another table's or will be", table.id);
                check.problem(None, Some(&table.name), Error::new(ErrorKind::Corrupt, message));
            }
            match View::new(pages.view(meta.file_bytes), &table.layout, table.root) {
                Ok(view) => check.tree(&view, Some(&table.name), Some(&table.schema)),
                Err(error) => check.problem(None, Some(&table.name), error),
            }
        }
        Ok(check.report)
    }
}

/// So many problems are listed, the last of which says that there are more: a forged file could have millions.
const PROBLEMS: usize = 10_000;
const LAST_PROBLEM: usize = PROBLEMS - 1;

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
        let error = match self.report.problems.len() {
            PROBLEMS.. => return,
            LAST_PROBLEM => Error::new(error.kind(), "there are more problems, which are not listed"),
            _ => error,
        };
        self.report.problems.push(Problem { page, table: table.map(str::to_owned), error });
    }

    fn tree(&mut self, view: &View<'_>, table: Option<&str>, schema: Option<&Schema>) {
        view.inspect(&mut |finding| match finding {
            Finding::Problem { address, error } => {
                self.problem(Some(page_of(address)), table, error);
                true
            }
            Finding::Node { address, bytes } => {
                self.report.nodes += 1;
                self.report.bytes += bytes;
                (self.progress)(self.report.bytes, self.total);
                // An address beyond the file is reported by reading it, not here.
                let inside = address.checked_add(bytes).is_some_and(|end| end <= self.total);
                let marked = if inside { self.taken.mark(address, bytes) } else { Ok(()) };
                // What lies on another node is not looked into: the links of a forged file may lead anywhere many times.
                marked.map_err(|error| self.problem(Some(page_of(address)), table, error)).is_ok()
            }
            Finding::Records { address, records, first_row } => {
                if let Some(schema) = schema {
                    self.report.rows += (records.len() / schema.width()) as u64;
                    self.values(address, records, first_row, table, schema);
                }
                true
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
