//! `drystone set`: fields of one row, or of all rows that match a condition. It never changes a
//! key.

use std::path::PathBuf;

use clap::Args;
use drystone::query::Predicate;
use drystone::{Dyn, Result, RowBuf, Schema, Value};
use indicatif::HumanCount;

use crate::formats::key;
use crate::open;
use crate::report::{Outcome, report, wrong_use};
use crate::waiting::Waiting;

/// Set fields of the row with this key, or of many rows
///
/// Exit code 0: set; 1: there is no row with this key; 2: wrong use or failure.
#[derive(Args)]
#[command(override_usage = "\
drystone set [OPTIONS] <DB> <TABLE> <KEY>... <FIELD=VALUE>...
       drystone set [OPTIONS] <DB> <TABLE> --where <CONDITION> <FIELD=VALUE>...")]
pub(crate) struct Set {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The key, one argument per part (or the row number), then FIELD=VALUE once or more. With
    /// --where, only FIELD=VALUE. FIELD= with nothing behind it is null in a field that allows
    /// null; there, FIELD='""' is the empty text
    #[arg(required = true, value_name = "KEY... FIELD=VALUE", allow_negative_numbers = true)]
    arguments: Vec<String>,
    /// Set the fields of all rows for which this condition is true; see drystone query --help
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<Predicate>,
    /// Say how many rows would be set, and change nothing. The change is tried and undone, so
    /// errors are found as well. The file may be longer until the next change
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    waiting: Waiting,
}

impl Set {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_write(&self.db)?;
        let write = self.waiting.write(&db)?;
        let mut table = write.table::<Dyn>(&self.table)?;
        let schema = table.schema().clone();
        let parts = if self.filter.is_some() { 0 } else { key::parts(&schema).min(self.arguments.len()) };
        let (key, changes) = self.arguments.split_at(parts);
        let key = match &self.filter {
            Some(_) => Vec::new(),
            None => key::parse(&self.table, &schema, key)?,
        };
        if changes.is_empty() {
            return wrong_use("nothing to set; give FIELD=VALUE after the key".into());
        }
        let changes =
            changes.iter().map(|change| parse_change(&schema, change)).collect::<Result<Vec<_>>>()?;
        let set =
            |row: &mut RowBuf| changes.iter().try_for_each(|(field, value)| row.set(&**field, value.clone()));
        let rows = match &self.filter {
            Some(filter) => table.update_where(filter.clone(), set)?,
            None => {
                if table.update(&key, set)?.is_none() {
                    key::say_not_found(&table.as_table(), &key);
                    return Ok(Outcome::NotFound);
                }
                1
            }
        };
        let all = table.len();
        let counted = if rows == 1 { "1 row".into() } else { format!("{} rows", HumanCount(rows)) };
        if self.dry_run {
            drop(write);
            report(&format!("{counted} would be set of {}", HumanCount(all)))?;
            return Ok(Outcome::Done);
        }
        write.commit()?;
        if self.filter.is_some() {
            report(&format!("{counted} set of {}", HumanCount(all)))?;
        }
        Ok(Outcome::Done)
    }
}

/// The field and the value of `FIELD=VALUE`.
fn parse_change(schema: &Schema, change: &str) -> Result<(String, Value<'static>)> {
    // A name with an equals sign stands in back quotes, as in a condition.
    let quoted = change.strip_prefix('`').and_then(|rest| rest.split_once("`="));
    let quoted = quoted.map(|(name, text)| (name.replace("``", "`"), text));
    let plain = || change.split_once('=').map(|(name, text)| (name.to_owned(), text));
    let Some((name, text)) = quoted.or_else(plain) else {
        return wrong_use(format!("{change:?} is not FIELD=VALUE"));
    };
    let field = schema.field(&name)?;
    if field.is_key() {
        return wrong_use(format!(
            "field {name:?} is part of the key; remove the row and load it with another key"
        ));
    }
    Ok((name, key::parse_or_null(field, text)?))
}
