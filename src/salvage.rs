//! `Database::salvage`: brings what still holds of a damaged database into a new one, and lists what does not.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::path::Path;

use crate::catalog::{Catalog, Definition, Role};
use crate::database::{Database, OpenOptions, cannot_make};
use crate::error::{Error, ErrorKind, Result};
use crate::load::{LoadOptions, OnDuplicate, RecordSource};
use crate::page::Allocator;
use crate::schema::FieldDef;
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
    /// How many rows were left out because another row with their key was brought over; 0 for other losses.
    pub duplicates: u64,
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
            (Some(table), None) if self.duplicates > 0 => {
                write!(f, "table {table:?}: lost {} rows with the keys of others", self.duplicates)?;
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
        let (good, file) = OpenOptions::new().unnamed(path)?;
        let report = self.salvage(&good)?;
        drop(good);
        file.keep().map_err(|error| cannot_make(path, error))?;
        Ok(report)
    }

    /// Brings every table and row of this database that still verifies into another one, which is best new, in one transaction.
    ///
    /// Nothing is guessed: a row comes over if its leaf and all above it match their checksums, and if each of its values is one
    /// of its type, as for [`check`](Database::check). So the other database is sound. A row with a text that is not UTF-8 is
    /// listed as lost, whole; this database still has it. Rows of a table without a key move up where others before them are lost.
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
        let taken = RefCell::new(Allocator::new(meta.transaction));
        // Which tables have fields, to notice those that the catalog has lost.
        let mut with_fields = HashSet::new();
        for rescued in catalog.fields.rescue(&taken) {
            // Where they are damaged, the tables that need them are lost, and listed.
            if let Rescued::Records { records, .. } = rescued {
                let records = records.chunks_exact(catalog.fields.layout().width());
                with_fields.extend(records.filter_map(Catalog::owner_of).map(|(table, _)| table));
            }
        }
        // Indexes are not brought over but made anew, of the rows that are.
        let (mut names, mut indexes) = (HashMap::new(), Vec::new());
        let mut index_counts: Vec<(u32, u8)> = Vec::new();
        // Whether all of the catalog can be read: else what is missing there has been listed.
        let mut all_read = true;
        let mut taken_names = HashSet::new();
        for rescued in catalog.tables.rescue(&taken) {
            let records = match rescued {
                Rescued::Records { records, .. } => records,
                Rescued::Lost { error, .. } => {
                    all_read = false;
                    report.lost.push(Loss::of_catalog(error));
                    continue;
                }
            };
            for record in records.chunks_exact(catalog.tables.layout().width()) {
                if let Some(number) = Catalog::number_of(record) {
                    with_fields.remove(&number);
                }
                let table = match catalog.definition(record) {
                    Ok(table) if !taken_names.insert(table.name.clone()) => {
                        let message = "there are two tables or indexes of this name; the file is damaged";
                        report
                            .lost
                            .push(Loss::of(Some(&table.name), Error::new(ErrorKind::Corrupt, message)));
                        continue;
                    }
                    Ok(table) => table,
                    Err(error) => {
                        all_read = false;
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
                let mut into = write.create_dyn_table_with(&table.name, &table.schema, &options)?;
                let mut source = RescueSource {
                    table: &table,
                    doubtful: table.schema.fields().iter().filter(|field| field.can_be_invalid()).collect(),
                    rescue: view.rescue(&taken),
                    records: &[],
                    next_row: 0,
                    given: 0,
                    last: None,
                    lost: Vec::new(),
                    bounded: 0,
                    last_lost_values: u64::MAX,
                };
                let done =
                    into.load_from(&mut source, &LoadOptions::new().on_duplicate(OnDuplicate::First))?;
                names.insert(table.id, table.name.clone());
                report.tables += 1;
                report.rows += done.rows;
                report.lost.append(&mut source.lost);
                if done.duplicates > 0 {
                    let message = "two rows have one key; the file is damaged";
                    let loss = Loss::of(Some(&table.name), Error::new(ErrorKind::Corrupt, message));
                    report.lost.push(Loss { duplicates: done.duplicates, ..loss });
                }
                if let Role::Table { indexes } = table.role {
                    index_counts.push((table.id, indexes));
                }
            }
        }
        if all_read && !with_fields.is_empty() {
            let message = "there are fields of a table, and no such table; the file is damaged";
            report.lost.push(Loss::of_catalog(Error::new(ErrorKind::Corrupt, message)));
        }
        for (table, said) in index_counts {
            let is_on =
                |index: &&Definition| matches!(index.role, Role::Index { table: on, .. } if on == table);
            let there = indexes.iter().filter(is_on).count();
            if all_read && there < usize::from(said) {
                let message = format!("the catalog says that the table has {said} indexes, and has {there}");
                let name = names.get(&table).map(String::as_str);
                let loss = Loss::of(name, Error::new(ErrorKind::Corrupt, message));
                report.lost.push(Loss { index: Some("?".into()), ..loss });
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
    match write.create_index_with(table, &index.name, &fields, &IndexOptions::new().unique(unique)) {
        Ok(()) => Ok(None),
        Err(error) if [ErrorKind::Io, ErrorKind::AlreadyExists].contains(&error.kind()) => Err(error),
        Err(error) => Ok(Some(error)),
    }
}

impl Loss {
    fn of(table: Option<&str>, error: Error) -> Loss {
        let table = table.map(str::to_owned);
        Loss { table, index: None, rows: None, after: None, before: None, duplicates: 0, error }
    }

    fn of_catalog(error: Error) -> Loss {
        Loss::of(None, error)
    }
}

/// So many losses of single rows are listed for a table. Beyond them a leaf with such a row is lost whole, as a
/// hostile file could have millions.
const LOSSES: usize = 10_000;

/// The rows of a damaged table, as something to load from.
struct RescueSource<'a> {
    table: &'a Definition,
    /// The fields that may hold what is no value of their type.
    doubtful: Vec<&'a FieldDef>,
    rescue: Rescue<'a>,
    /// What is left of the present leaf.
    records: &'a [u8],
    /// The number of its first row.
    next_row: u64,
    given: u64,
    last: Option<&'a [u8]>,
    lost: Vec<Loss>,
    /// How many of them had a row come over behind them.
    bounded: usize,
    /// The number after the last row that was lost for its values.
    last_lost_values: u64,
}

impl<'a> RescueSource<'a> {
    fn key(&self, record: &[u8]) -> Option<String> {
        self.table.layout.is_keyed().then(|| describe_key(self.table, record))
    }

    /// The next row that comes over.
    fn next(&mut self) -> Option<&'a [u8]> {
        let width = self.table.layout.width();
        loop {
            let Some((record, rest)) = self.records.split_at_checked(width) else {
                match self.rescue.next()? {
                    Rescued::Records { first_row, records } => {
                        (self.records, self.next_row) = (records, first_row);
                    }
                    Rescued::Lost { rows, error } => self.lose(rows, error),
                }
                continue;
            };
            let row = self.next_row;
            if let Err(error) = self.check(record) {
                let all = (self.records.len() / width) as u64;
                let rows = if self.lost.len() < LOSSES { 1 } else { all };
                self.records = if rows == 1 { rest } else { &[] };
                self.next_row += rows;
                self.lose_values(row..row + rows, error);
                continue;
            }
            (self.records, self.next_row) = (rest, row + 1);
            return Some(record);
        }
    }

    /// An error if a value is not one of its type.
    fn check(&self, record: &[u8]) -> Result<()> {
        self.doubtful.iter().try_for_each(|field| {
            let stored = record.get(field.offset()..field.offset() + field.width());
            field.check(stored.unwrap_or_default())
        })
    }

    /// Notes a row, or what is left of the leaf from it on, that is lost for its values. With such rows right
    /// before it, it is one loss.
    fn lose_values(&mut self, rows: Range<u64>, error: Error) {
        if let Some(Loss { rows: Some(last), .. }) = self.lost[self.bounded..].last_mut()
            && self.last_lost_values == rows.start
        {
            last.end = rows.end;
        } else {
            self.lose(rows.clone(), error.within(format!("row {}", rows.start)));
        }
        self.last_lost_values = rows.end;
    }

    /// Notes rows that are lost.
    fn lose(&mut self, rows: Range<u64>, error: Error) {
        let after = self.last.and_then(|record| self.key(record));
        self.lost.push(Loss { rows: Some(rows), after, ..Loss::of(Some(&self.table.name), error) });
    }
}

impl RecordSource for RescueSource<'_> {
    fn next_record(&mut self, into: &mut [u8]) -> Result<bool> {
        let Some(record) = self.next() else { return Ok(false) };
        if self.bounded < self.lost.len() {
            let before = self.key(record);
            for loss in &mut self.lost[self.bounded..] {
                loss.before.clone_from(&before);
            }
            self.bounded = self.lost.len();
        }
        into.copy_from_slice(record);
        self.last = Some(record);
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
