//! `drystone get`: one row by its key.

use std::io::BufWriter;
use std::path::PathBuf;

use clap::Args;
use drystone::{Result, Row};

use crate::grid::Grid;
use crate::output::{Format, Printer, failed, stdout};
use crate::projection::{Place, Projection};
use crate::{Outcome, key, open};

/// Print the row with this key
#[derive(Args)]
pub(crate) struct Get {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The key, one argument a part; in a table without a key, the row number, counted from 0
    #[arg(required = true, allow_negative_numbers = true)]
    key: Vec<String>,
    /// A field to print; may be given more than once
    #[arg(long, value_name = "NAME")]
    field: Vec<String>,
    /// A value to print by the byte offset at which it begins in the row, such as 12:i16; may be given more than once
    #[arg(long, value_name = "OFFSET:TYPE")]
    at: Vec<Place>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

impl Get {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_read(&self.db)?;
        let read = db.read()?;
        let table = read.dynamic(&self.table)?;
        let mut projection = Projection::new(table.schema(), &self.field, &self.at)?;
        let key = key::parse(&self.table, table.schema(), &self.key)?;
        let Some(row) = table.get(&key)? else {
            key::say_not_found(&table, &key);
            return Ok(Outcome::NotFound);
        };
        self.print(projection.apply(row)?)?;
        Ok(Outcome::Done)
    }

    fn print(&self, row: Row<'_>) -> Result<()> {
        if let Format::Table = self.format {
            return print_upright(row);
        }
        let mut printer = Printer::new(self.format, row.schema())?;
        printer.row(row)?;
        printer.finish()
    }
}

/// A line a field, as one row with many fields is hard to read in one line.
fn print_upright(row: Row<'_>) -> Result<()> {
    let mut grid = Grid::new(BufWriter::new(stdout()));
    grid.column("field", false);
    grid.column("value", false);
    for (name, value) in row.iter() {
        grid.row(vec![name.to_owned(), value?.to_string()]).map_err(failed)?;
    }
    grid.finish().map_err(failed)
}
