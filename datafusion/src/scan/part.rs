//! `TableFile`: a table of one database, at one state. `Part`: some rows of it. `Run`: parts that
//! follow each other. A run hangs on each file of a scan.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use drystone::{Database, Dyn, OwnedTable, Schema, Shard, Shards};

use crate::error::external;

/// Opens the database of a shard. The program passes it in, because [`Database::open`] has a
/// contract that only the program can keep.
pub type Opener = Arc<dyn Fn(&Path) -> drystone::Result<Database> + Send + Sync>;

/// The database that a part is in.
#[derive(Clone)]
pub(crate) enum Place {
    /// It has no file, so only the process that made it can read it.
    Memory,
    Database {
        path: PathBuf,
    },
    Shard {
        /// The folder that the query was planned for.
        folder: PathBuf,
        /// Folders of this process, which are looked into before `folder`.
        own: Arc<[PathBuf]>,
        number: usize,
        file_name: Arc<str>,
        /// The identity of its database. Another run of `drystone shard` over the same state makes
        /// files of the same names and with the same transaction, but other identities.
        id: [u8; 16],
        /// The shard as the list has it, if this process has read the list.
        listed: Option<Arc<Shard>>,
        /// Where a scheduler has looked for the shard in vain; otherwise empty.
        searched: Arc<str>,
    },
}

/// A table in one file, at one state.
#[derive(Clone)]
pub(crate) struct TableFile {
    pub(crate) place: Place,
    /// The number of the transaction that made the state; for a shard, that of the database that
    /// was cut into shards.
    pub(crate) transaction: u64,
    /// How the file is opened; without it, only `held` can be read.
    pub(crate) opener: Option<Opener>,
    /// The table, once this process has opened it.
    pub(crate) held: OnceLock<OwnedTable<Dyn>>,
}

impl TableFile {
    /// The table, with the schema and at the state that the query was planned for.
    pub(crate) fn open(&self, name: &str, schema: &Schema) -> Result<OwnedTable<Dyn>> {
        if let Some(table) = self.held.get() {
            return Ok(table.clone());
        }
        let Some(opener) = &self.opener else {
            return internal_err!("{self} is not open, and there is nothing to open it with");
        };
        let table = match &self.place {
            Place::Memory => return internal_err!("a table in memory cannot be read by another process"),
            Place::Database { path } => {
                let table = opener(path).and_then(|db| db.table::<Dyn>(name));
                let table =
                    table.map_err(|error| external(error.within(format_args!("{}", path.display()))))?;
                self.check(table.snapshot().transaction())?;
                table
            }
            Place::Shard { listed, .. } => {
                let shard = match listed {
                    Some(shard) => Shard::clone(shard),
                    None => self.find(&mut Lists::default())?,
                };
                let opened = opener(shard.path()).and_then(|db| db.table::<Dyn>(name));
                let table = opened.map_err(|error| external(shard.in_shard(error)))?;
                shard.check(table.snapshot()).map_err(external)?;
                table
            }
        };
        if table.as_table().schema() != schema {
            return exec_err!("{self}: the schema has changed since the query was planned; run it again");
        }
        Ok(self.held.get_or_init(|| table).clone())
    }

    /// Whether this process has the file that a plan names, as far as can be told without opening
    /// it.
    pub(crate) fn is_here(&self, lists: &mut Lists) -> bool {
        match &self.place {
            Place::Memory => false,
            Place::Database { path } => path.exists(),
            Place::Shard { .. } => self.find(lists).is_ok(),
        }
    }

    /// The shard of a plan that was made elsewhere, in the first folder that has it.
    fn find(&self, lists: &mut Lists) -> Result<Shard> {
        let Place::Shard { folder, own, number, file_name, id, searched, .. } = &self.place else {
            return internal_err!("{self} is not a shard");
        };
        let mut why = String::new();
        for own in own.iter() {
            let found = match lists.of(own) {
                Err(error) => Err(error.clone()),
                Ok(shards) => match self.listed(shards, *number, file_name, id) {
                    Some(shard) => present(&shard).map(|()| shard),
                    None => Err(format!("{} lists other shards", own.display())),
                },
            };
            match found {
                Ok(shard) => return Ok(shard),
                Err(error) => why = why + &error + "; ",
            }
        }
        let planned = lists.of(folder).as_ref().map_err(Clone::clone).and_then(|shards| {
            match self.listed(shards, *number, file_name, id) {
                Some(shard) => present(&shard).map(|()| shard),
                None if shards.transaction() != self.transaction => {
                    Err(changed(self, self.transaction, shards.transaction()))
                }
                None => Err(format!("{self} is no longer one of the shards: run the query again")),
            }
        });
        planned.map_err(|error| match own.len() {
            0 if searched.is_empty() => external(error),
            _ => external(format!("the shard {file_name} is not on this executor: {why}{error}{searched}")),
        })
    }

    /// The shard, if this is the list that the query was planned for.
    fn listed(&self, shards: &Shards, number: usize, file_name: &str, id: &[u8; 16]) -> Option<Shard> {
        let shard = shards.get(number).filter(|_| shards.transaction() == self.transaction)?;
        (shard.file_name() == file_name && shard.id() == *id).then(|| shard.clone())
    }

    fn check(&self, transaction: u64) -> Result<()> {
        if transaction == self.transaction {
            return Ok(());
        }
        Err(external(changed(self, self.transaction, transaction)))
    }
}

fn changed(what: &TableFile, then: u64, now: u64) -> String {
    format!(
        "{what} has changed since the query was planned (transaction {then} then, {now} now): run the query again"
    )
}

/// Whether there is a file. Whether it is the right one is seen when it is opened.
fn present(shard: &Shard) -> Result<(), String> {
    let path = shard.path();
    std::fs::metadata(path).map(drop).map_err(|error| format!("{}: {error}", path.display()))
}

/// The lists of folders of shards, each read once; or why it could not be read.
#[derive(Default)]
pub(crate) struct Lists(HashMap<PathBuf, Result<Shards, String>>);

impl Lists {
    fn of(&mut self, folder: &Path) -> &Result<Shards, String> {
        self.0
            .entry(folder.to_path_buf())
            .or_insert_with(|| Shards::open(folder).map_err(|error| error.to_string()))
    }
}

impl fmt::Display for TableFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Memory => f.write_str("memory"),
            Place::Database { path } => write!(f, "{}", path.display()),
            Place::Shard { folder, file_name, .. } => write!(f, "{}", folder.join(&**file_name).display()),
        }
    }
}

/// Parts that are read one after the other, as one file of a scan.
#[derive(Clone)]
pub(crate) struct Run(pub(crate) Vec<Part>);

/// Some rows of a table.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) file: Arc<TableFile>,
    pub(crate) table: Arc<str>,
    /// Row numbers, if these are not all rows.
    pub(crate) numbers: Option<Range<u64>>,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.numbers {
            None => write!(f, "{}", self.file),
            Some(numbers) => write!(f, "{} rows {} to {}", self.file, numbers.start, numbers.end),
        }
    }
}
