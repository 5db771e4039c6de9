//! `drystone get`: one row by its key, or rows by the values of indexed fields. `formats::key`
//! parses them, and `formats::output` prints the rows.

use std::io::BufWriter;
use std::path::PathBuf;

use clap::Args;
use drystone::{Dyn, Index, Result, Row, Table};

use crate::formats::grid::Grid;
use crate::formats::names::Selection;
use crate::formats::output::{Printer, print_rows};
use crate::formats::projection::{Projection, RawValue};
use crate::formats::{Format, key};
use crate::open;
use crate::report::{Outcome, failed, stdout};

/// Print the row with this key, or the rows that an index finds
///
/// Exit code 0: found; 1: there is no such row; 2: wrong use or failure.
#[derive(Args)]
pub(crate) struct Get {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The key, one argument per part; in a table without a key, the row number, counted from 0.
    /// With --index, the values of its fields, or of the first of them; an empty argument is null
    #[arg(required = true, allow_negative_numbers = true)]
    key: Vec<String>,
    /// Print all rows with these values, in the order of this index
    #[arg(long, value_name = "NAME")]
    index: Option<String>,
    /// The fields to print; `delay as late` renames one, and at(12, i16) is a byte offset and a
    /// type
    #[arg(long, value_name = "A,B")]
    select: Vec<Selection>,
    /// A value to print by its byte offset in the row and its type, such as 12:i16; may be given
    /// more than once
    #[arg(long, value_name = "OFFSET:TYPE")]
    at: Vec<RawValue>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

impl Get {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_read(&self.db)?;
        let read = db.read()?;
        let table = read.table::<Dyn>(&self.table)?;
        let mut projection = Projection::new(table.schema(), &self.select, &self.at)?;
        if let Some(name) = &self.index {
            return self.find(&table, &table.index(name)?, projection);
        }
        let key = key::parse(&self.table, table.schema(), &self.key)?;
        let Some(row) = table.get(&key)? else {
            key::say_not_found(&table, &key);
            return Ok(Outcome::NotFound);
        };
        self.print(projection.apply(row)?)?;
        Ok(Outcome::Done)
    }

    /// Prints any number of rows, as `scan` does.
    fn find(
        &self,
        table: &Table<'_, Dyn>,
        index: &Index<'_, Dyn>,
        mut projection: Projection,
    ) -> Result<Outcome> {
        let values = key::parse_indexed(index, &self.key)?;
        let rows = index.prefix(&values)?;
        if rows.is_empty() {
            key::say_not_indexed(table, index, &values);
            return Ok(Outcome::NotFound);
        }
        print_rows(self.format, &mut projection, rows)?;
        Ok(Outcome::Done)
    }

    fn print(&self, row: Row<'_>) -> Result<()> {
        if let Format::Table = self.format {
            return print_upright(row);
        }
        let mut printer = Printer::new(self.format, row.schema())?;
        printer.row(row)?;
        printer.finish().map(drop)
    }
}

/// Prints a line per field: one row with many fields is hard to read in one line.
fn print_upright(row: Row<'_>) -> Result<()> {
    let mut grid = Grid::new(BufWriter::new(stdout()));
    grid.column("field", false);
    grid.column("value", false);
    for (name, value) in row.iter() {
        grid.row(vec![name.to_owned(), value?.to_string()]).map_err(failed)?;
    }
    grid.finish().map_err(failed).map(drop)
}
