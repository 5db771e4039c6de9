//! `drystone remove`: one row by its key or its number, or all rows that match a condition or lie
//! between two keys.

use std::path::PathBuf;

use clap::Args;
use drystone::query::Predicate;
use drystone::{Dyn, Result, Table, TableMut, Value};
use indicatif::HumanCount;

use crate::formats::key;
use crate::open;
use crate::report::{Outcome, report, say};
use crate::waiting::Waiting;

/// Remove the row with this key, or many rows
///
/// In a table without a key, the last row takes the number of a single removed one. When many are
/// removed, the others are numbered again from 0, in their order.
///
/// Exit code 0: removed; 1: there is no row with this key; 2: wrong use or failure.
#[derive(Args)]
#[command(override_usage = "\
drystone remove [OPTIONS] <DB> <TABLE> <KEY>...
       drystone remove [OPTIONS] <DB> <TABLE> --where <CONDITION>
       drystone remove [OPTIONS] <DB> <TABLE> [--from <KEY>...] [--to <KEY>...]")]
pub(crate) struct Remove {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The key, one argument per part; in a table without a key, the row number, counted from 0
    #[arg(required_unless_present_any = ["filter", "from", "to"], conflicts_with_all = ["filter", "from", "to"], allow_negative_numbers = true)]
    key: Vec<String>,
    /// Remove all rows for which this condition is true; see drystone query --help
    #[arg(long = "where", value_name = "CONDITION", conflicts_with_all = ["from", "to"])]
    filter: Option<Predicate>,
    /// Remove all rows from this key on, one argument per part; leading parts mean the first key
    /// that begins with them
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    from: Vec<String>,
    /// Remove all rows up to this key, included, one argument per part; leading parts include all
    /// keys that begin with them
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    to: Vec<String>,
    /// Say how many rows would be removed, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    waiting: Waiting,
}

impl Remove {
    pub(crate) fn run(&self) -> Result<Outcome> {
        if self.dry_run {
            return self.count();
        }
        let db = open::to_write(&self.db)?;
        let write = self.waiting.write(&db)?;
        let mut table = write.table::<Dyn>(&self.table)?;
        if self.key.is_empty() {
            let removed = self.remove_many(&mut table)?;
            let left = table.len();
            write.commit()?;
            report(&format!("{}; {} left", removed_rows(removed, "removed"), HumanCount(left)))?;
            return Ok(Outcome::Done);
        }
        let key = key::parse(&self.table, table.schema(), &self.key)?;
        if table.get(&key)?.is_none() {
            key::say_not_found(&table.as_table(), &key);
            return Ok(Outcome::NotFound);
        }
        if table.schema().is_keyed() {
            table.remove(&key)?;
        } else if let Some(number) = key.first().and_then(Value::as_u64) {
            table.swap_remove(number)?;
            if number < table.len() {
                say(format_args!("row {} is row {number} now", table.len()));
            }
        }
        write.commit()?;
        Ok(Outcome::Done)
    }

    fn remove_many(&self, table: &mut TableMut<'_, Dyn>) -> Result<u64> {
        if let Some(filter) = &self.filter {
            return table.delete_where(filter.clone());
        }
        if table.schema().is_keyed() {
            let (from, to) = key::bounds(&self.table, table.schema(), &self.from, &self.to)?;
            return table.remove_range((key::bound(&from), key::bound(&to)));
        }
        let numbers = self.numbers(&table.as_table())?;
        let mut row = 0;
        table.retain(|_| {
            row += 1;
            !numbers.contains(&(row - 1))
        })
    }

    /// The numbers of rows that `--from` and `--to` are, in a table without a key.
    fn numbers(&self, table: &Table<'_, Dyn>) -> Result<std::ops::Range<u64>> {
        let (from, to) = key::bounds(&self.table, table.schema(), &self.from, &self.to)?;
        let number = |key: &[Value<'_>]| key.first().and_then(Value::as_u64);
        let end = number(&to).map_or(table.len(), |last| last.saturating_add(1));
        Ok(number(&from).unwrap_or(0)..end)
    }

    /// Says how many rows would be removed.
    fn count(&self) -> Result<Outcome> {
        let db = open::to_read(&self.db)?;
        let read = db.read()?;
        let table = read.table::<Dyn>(&self.table)?;
        let count = match &self.filter {
            Some(filter) => table.query().filter(filter.clone()).count()?,
            None if self.key.is_empty() => key::range(&table, &self.from, &self.to)?.len(),
            None => {
                let key = key::parse(&self.table, table.schema(), &self.key)?;
                if table.get(&key)?.is_none() {
                    key::say_not_found(&table, &key);
                    return Ok(Outcome::NotFound);
                }
                1
            }
        };
        report(&format!("{} of {}", removed_rows(count, "would be removed"), HumanCount(table.len())))?;
        Ok(Outcome::Done)
    }
}

fn removed_rows(rows: u64, what: &str) -> String {
    if rows == 1 { format!("1 row {what}") } else { format!("{} rows {what}", HumanCount(rows)) }
}
