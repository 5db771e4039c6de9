//! `Database::salvage`: brings what still holds of a damaged database into a new one, and lists what does not.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use crate::catalog::{Catalog, Definition, Role};
use crate::database::{Database, Options, cannot_make};
use crate::error::{Error, ErrorKind, Result};
use crate::load::{LoadOptions, OnDuplicate, RecordSource};
use crate::table::{IndexOptions, describe_key};
use crate::transaction::{TableOptions, WriteTransaction};
use crate::tree::{Rescue, Rescued, View};

/// What [`Database::salvage`] brought over, and what it could not.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Tables brought over, whole or in part.
    pub tables: u64,
    /// Rows brought over.
    pub rows: u64,
    /// Indexes made anew.
    pub indexes: u64,
    /// Everything that was lost; empty if all of it is there.
    pub lost: Vec<Loss>,
}

/// Rows, a table or an index that could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loss {
    /// The table; `None` where the catalog itself is damaged and tables may be missing whose names are not known.
    pub table: Option<String>,
    /// The index, where one could not be made anew.
    pub index: Option<String>,
    /// The numbers that the rows had (in key order where there is a key); `None` where the whole table is lost.
    pub rows: Option<Range<u64>>,
    /// The key of the last row before them that was brought over, where there is one.
    pub after: Option<String>,
    /// The key of the first row behind them that was brought over, where there is one.
    pub before: Option<String>,
    /// What does not hold.
    pub error: Error,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = &self.index {
            let table = self.table.as_ref().map(|table| format!("table {table:?}: ")).unwrap_or_default();
            return write!(f, "{table}index {index:?} is not made anew: {}", self.error);
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
            (Some(table), None) => write!(f, "table {table:?}: lost whole")?,
            (None, _) => write!(f, "the catalog: tables may be lost whose names cannot be read")?,
        }
        write!(f, ": {}", self.error)
    }
}

impl Database {
    /// Brings every table and row of this database that still verifies into a new file. See [`salvage`](Database::salvage). The file gets
    /// its name when it is whole and durable, and a process that dies before leaves nothing.
    ///
    /// # Errors
    /// `AlreadyExists` if there is such a file; else as for that one. Then there is no new file.
    pub fn salvage_to(&self, path: impl AsRef<Path>) -> Result<SalvageReport> {
        let path = path.as_ref();
        let (good, file) = Options::new().unnamed(path)?;
        let report = self.salvage(&good)?;
        drop(good);
        file.keep().map_err(|error| cannot_make(path, error))?;
        Ok(report)
    }

    /// Brings every table and row of this database that still verifies into another one, which is best new, in one transaction.
    ///
    /// Nothing is guessed: a row comes over if its leaf and all above it match their checksums. Rows of a table without a key move up
    /// where others before them are lost.
    ///
    /// ```
    /// use drystone::Database;
    ///
    /// let (bad, good) = (Database::in_memory()?, Database::in_memory()?);
    /// assert!(bad.salvage(&good)?.lost.is_empty());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `AlreadyExists` if the other database has a table of the same name; `Io` if it cannot be written. Damage in this one is in
    /// the report.
    pub fn salvage(&self, good: &Database) -> Result<SalvageReport> {
        let read = self.read()?;
        let meta = read.meta();
        let pages = read.pages().view(meta.file_bytes);
        let write = good.write()?;
        let mut report = SalvageReport::default();
        let catalog = match Catalog::new(pages, meta.tables, meta.fields) {
            Ok(catalog) => catalog,
            Err(error) => {
                report.lost.push(Loss::of_catalog(error));
                return Ok(report);
            }
        };
        // Indexes are not brought over but made anew, of the rows that are.
        let (mut names, mut indexes) = (HashMap::new(), Vec::new());
        for rescued in catalog.tables.rescue() {
            let records = match rescued {
                Rescued::Records(records) => records,
                Rescued::Lost { error, .. } => {
                    report.lost.push(Loss::of_catalog(error));
                    continue;
                }
            };
            for record in records.chunks_exact(catalog.tables.layout().width()) {
                let table = match catalog.definition(record) {
                    Ok(table) => table,
                    Err(error) => {
                        report.lost.push(Loss::of(Catalog::name_of(record), error));
                        continue;
                    }
                };
                if !table.is_table() {
                    indexes.push(table);
                    continue;
                }
                let view = match View::new(pages, &table.layout, table.root) {
                    Ok(view) => view,
                    Err(error) => {
                        report.lost.push(Loss::of(Some(&table.name), error));
                        continue;
                    }
                };
                let options = TableOptions::new().leaf_rows(table.layout.leaf_rows());
                let mut into = write.create_dynamic_with(&table.name, &table.schema, &options)?;
                let mut source = RescueSource {
                    table: &table,
                    rescue: view.rescue(),
                    records: &[],
                    given: 0,
                    last: None,
                    lost: Vec::new(),
                };
                let done = into.load(&mut source, &LoadOptions::new().on_duplicate(OnDuplicate::First))?;
                names.insert(table.id, table.name.clone());
                report.tables += 1;
                report.rows += done.rows;
                report.lost.append(&mut source.lost);
            }
        }
        for index in indexes {
            match remake(&write, &index, &names)? {
                None => report.indexes += 1,
                Some(error) => {
                    let Role::Index { table, .. } = index.role else { continue };
                    let table = names.get(&table).map(String::as_str);
                    report.lost.push(Loss { index: Some(index.name), ..Loss::of(table, error) });
                }
            }
        }
        write.commit()?;
        Ok(report)
    }
}

/// Makes an index anew. What keeps it from being made, where that is damage.
fn remake(
    write: &WriteTransaction,
    index: &Definition,
    names: &HashMap<u32, String>,
) -> Result<Option<Error>> {
    let Role::Index { table, fields, unique } = index.role else { return Ok(None) };
    let Some(table) = names.get(&table) else {
        return Ok(Some(Error::new(ErrorKind::Corrupt, "the table that it is on is lost")));
    };
    let fields: Vec<&str> =
        index.schema.fields().iter().take(fields.into()).map(|field| field.name()).collect();
    match write.create_index(table, &index.name, &fields, &IndexOptions::new().unique(unique)) {
        Ok(()) => Ok(None),
        Err(error) if [ErrorKind::Io, ErrorKind::AlreadyExists].contains(&error.kind()) => Err(error),
        Err(error) => Ok(Some(error)),
    }
}

impl Loss {
    fn of(table: Option<&str>, error: Error) -> Loss {
        let table = table.map(str::to_owned);
        Loss { table, index: None, rows: None, after: None, before: None, error }
    }

    fn of_catalog(error: Error) -> Loss {
        Loss::of(None, error)
    }
}

/// The rows of a damaged table, as something to load from.
struct RescueSource<'a> {
    table: &'a Definition,
    rescue: Rescue<'a>,
    /// What is left of the present leaf.
    records: &'a [u8],
    given: u64,
    last: Option<&'a [u8]>,
    lost: Vec<Loss>,
}

impl RescueSource<'_> {
    fn key(&self, record: &[u8]) -> Option<String> {
        self.table.layout.is_keyed().then(|| describe_key(self.table, record))
    }
}

impl RecordSource for RescueSource<'_> {
    fn next_record(&mut self, into: &mut [u8]) -> Result<bool> {
        while self.records.is_empty() {
            match self.rescue.next() {
                None => return Ok(false),
                Some(Rescued::Records(records)) => {
                    let first = records.get(..into.len()).and_then(|record| self.key(record));
                    for loss in self.lost.iter_mut().rev().take_while(|loss| loss.before.is_none()) {
                        loss.before.clone_from(&first);
                    }
                    self.records = records;
                }
                Some(Rescued::Lost { rows, error }) => {
                    let after = self.last.and_then(|record| self.key(record));
                    let loss = Loss::of(Some(&self.table.name), error);
                    self.lost.push(Loss { rows: Some(rows), after, ..loss });
                }
            }
        }
        let (record, rest) = self.records.split_at(into.len());
        into.copy_from_slice(record);
        (self.records, self.last) = (rest, Some(record));
        self.given += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.given
    }

    /// All that there were: a guess that is right but for what is lost, and keeps a small table from growing the file in the
    /// steps of a load of unknown length.
    fn rows_hint(&self) -> Option<u64> {
        Some(self.table.root.rows.saturating_sub(self.given))
    }
}
