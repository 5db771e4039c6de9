//! `drystone remove`: one row, by its key or its number.

use std::path::PathBuf;

use clap::Args;
use drystone::{Dyn, Result};

use crate::formats::key;
use crate::open;
use crate::report::{Outcome, say};

/// Remove the row with this key
///
/// In a table without a key, the last row takes the number of the removed one.
///
/// Exit code 0: removed; 1: there is no such row; 2: wrong use or failure.
#[derive(Args)]
pub(crate) struct Remove {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The key, one argument per part; in a table without a key, the row number, counted from 0
    #[arg(required = true, allow_negative_numbers = true)]
    key: Vec<String>,
}

impl Remove {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_write(&self.db)?;
        let write = db.write()?;
        let mut table = write.table::<Dyn>(&self.table)?;
        let key = key::parse(&self.table, table.schema(), &self.key)?;
        if table.get(&key)?.is_none() {
            key::say_not_found(&table.as_table(), &key);
            return Ok(Outcome::NotFound);
        }
        if table.schema().is_keyed() {
            table.remove(&key)?;
        } else if let Some(number) = key.first().and_then(drystone::Value::as_u64) {
            table.swap_remove(number)?;
            if number < table.len() {
                say(format_args!("row {} is row {number} now", table.len()));
            }
        }
        write.commit()?;
        Ok(Outcome::Done)
    }
}
