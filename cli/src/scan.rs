//! `drystone scan`: rows in the order of their key.

use std::path::PathBuf;

use clap::Args;
use drystone::Result;

use crate::output::{Format, Printer};
use crate::projection::Projection;
use crate::{Outcome, key, open};

/// Print rows in the order of their key, or of their numbers where there is no key
#[derive(Args)]
pub(crate) struct Scan {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The first key, one argument a part; leading parts stand for the first key that begins so
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    from: Vec<String>,
    /// The last key, included, one argument a part; leading parts stand for all keys that begin so
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    to: Vec<String>,
    /// The fields to print
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    select: Vec<String>,
    /// How many rows to print at most
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
        let table = read.dynamic(&self.table)?;
        let mut projection = Projection::new(table.schema(), &self.select, &[])?;
        let rows = key::range(&table, &self.from, &self.to)?;
        let mut printer = Printer::new(self.format, projection.schema())?;
        let mut rows = rows.take(self.limit.unwrap_or(usize::MAX));
        let printed = rows.try_for_each(|row| printer.row(projection.apply(row?)?));
        // What came before an error is printed in any case.
        printer.finish()?;
        printed?;
        Ok(Outcome::Done)
    }
}
