//! `drystone scan`: rows in the order of their key, or of an index. `formats` parses the keys and
//! prints the rows.

use std::path::PathBuf;

use clap::Args;
use drystone::{Dyn, Result};

use crate::formats::names::Selection;
use crate::formats::output::print_rows;
use crate::formats::projection::Projection;
use crate::formats::{Format, key};
use crate::open;
use crate::report::Outcome;

/// Print rows in the order of their key, of their numbers where there is no key, or of an index
#[derive(Args)]
pub(crate) struct Scan {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// Print rows in the order of this index; keys are then values of its fields, and an empty
    /// argument is null
    #[arg(long, value_name = "NAME")]
    index: Option<String>,
    /// The first key, one argument per part; leading parts mean the first key that begins with them
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    from: Vec<String>,
    /// The last key, included, one argument per part; leading parts include all keys that begin
    /// with them
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    to: Vec<String>,
    /// Only rows whose key begins with these parts, one argument per part
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true, conflicts_with_all = ["from", "to"])]
    prefix: Vec<String>,
    /// The fields to print; `delay as late` renames one, and at(12, i16) is a byte offset and a
    /// type
    #[arg(long, value_name = "A,B")]
    select: Vec<Selection>,
    /// Print at most this many rows
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print them
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

impl Scan {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_read(&self.db)?;
        let read = db.read()?;
        let table = read.table::<Dyn>(&self.table)?;
        let mut projection = Projection::new(table.schema(), &self.select, &[])?;
        let limit = self.limit.unwrap_or(usize::MAX);
        // Leading parts of a key include all keys that begin with them, at both ends of a range.
        let (from, to) =
            if self.prefix.is_empty() { (&self.from, &self.to) } else { (&self.prefix, &self.prefix) };
        match &self.index {
            None => print_rows(self.format, &mut projection, key::range(&table, from, to)?.take(limit))?,
            Some(name) => {
                let rows = key::indexed_range(&table.index(name)?, from, to)?;
                print_rows(self.format, &mut projection, rows.take(limit))?;
            }
        }
        Ok(Outcome::Done)
    }
}
