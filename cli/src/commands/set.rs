//! `drystone set`: fields of one row. It never changes a key.

use std::path::PathBuf;

use clap::Args;
use drystone::{Dyn, Result, RowBuf, Schema, Value};

use crate::formats::key;
use crate::open;
use crate::report::{Outcome, wrong_use};

/// Set fields of the row with this key
///
/// Exit code 0: set; 1: there is no such row; 2: wrong use or failure.
#[derive(Args)]
pub(crate) struct Set {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The key, one argument per part (or the row number), then FIELD=VALUE once or more. FIELD=
    /// with nothing behind it is null in a field that allows null; there, FIELD='""' is the empty
    /// text
    #[arg(required = true, value_name = "KEY... FIELD=VALUE", allow_negative_numbers = true)]
    arguments: Vec<String>,
}

impl Set {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_write(&self.db)?;
        let write = db.write()?;
        let mut table = write.table::<Dyn>(&self.table)?;
        let schema = table.schema().clone();
        let parts = key::parts(&schema).min(self.arguments.len());
        let (key, changes) = self.arguments.split_at(parts);
        let key = key::parse(&self.table, &schema, key)?;
        if changes.is_empty() {
            return wrong_use("nothing to set; give FIELD=VALUE after the key".into());
        }
        let changes =
            changes.iter().map(|change| parse_change(&schema, change)).collect::<Result<Vec<_>>>()?;
        let set =
            |row: &mut RowBuf| changes.iter().try_for_each(|(field, value)| row.set(*field, value.clone()));
        if table.update(&key, set)?.is_none() {
            key::say_not_found(&table.as_table(), &key);
            return Ok(Outcome::NotFound);
        }
        write.commit()?;
        Ok(Outcome::Done)
    }
}

/// The field and the value of `FIELD=VALUE`.
fn parse_change<'c>(schema: &Schema, change: &'c str) -> Result<(&'c str, Value<'static>)> {
    let Some((name, text)) = change.split_once('=') else {
        return wrong_use(format!("{change:?} is not FIELD=VALUE"));
    };
    let field = schema.field(name)?;
    if field.is_key() {
        return wrong_use(format!(
            "field {name:?} is part of the key; remove the row and load it with another key"
        ));
    }
    Ok((name, key::parse_or_null(field, text)?))
}
