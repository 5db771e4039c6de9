//! `drystone export`: rows of a table into a file of another format. This file picks the rows and
//! the fields; the room `formats` writes them.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use drystone::{Dyn, Result, Row, Rows, Schema};
use indicatif::{HumanBytes, HumanCount, ProgressBar};

use crate::formats::names::Selection;
use crate::formats::output::Printer;
use crate::formats::projection::Projection;
use crate::formats::target::Target;
use crate::formats::{Format, key};
use crate::report::{Outcome, report, wrong_use};
use crate::{open, progress};

/// Write rows of a table to a file: CSV, JSON lines, Arrow (Feather), Parquet, NumPy
///
/// A file is replaced when the new one is whole and on the disk, and keeps its mode. A link is
/// followed. A pipe or a device is written as it is. A name that ends with .gz or .zst, such as
/// FILE.csv.gz, is compressed. `drystone load` reads the same rows from it.
#[derive(Args)]
pub(crate) struct Export {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The file to write, such as FILE.csv, FILE.csv.gz, FILE.jsonl, FILE.arrow, FILE.parquet, or -
    /// for standard output
    file: PathBuf,
    /// The format, if the name of the file does not tell
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// The first key, one argument per part; leading parts mean the first key that begins with them
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    from: Vec<String>,
    /// The last key, included, one argument per part; leading parts include all keys that begin
    /// with them
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    to: Vec<String>,
    /// The fields to write; `delay as late` renames one, and at(12, i16) is a byte offset and a
    /// type
    #[arg(long, value_name = "A,B")]
    select: Vec<Selection>,
    /// Write at most this many rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

impl Export {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let start = Instant::now();
        let format = self.format()?;
        let db = open::to_read(&self.db)?;
        let read = db.read()?;
        let table = read.table::<Dyn>(&self.table)?;
        let mut projection = Projection::new(table.schema(), &self.select, &[])?;
        let rows = key::range(&table, &self.from, &self.to)?;
        let count = rows.len().min(self.limit.unwrap_or(u64::MAX));
        let bar = progress::rows(count);
        let place = self.file.display();
        let target = Target::open(&self.file, &[&self.db])?;
        let is_stdout = target.is_stdout();
        let printer = Printer::to(format, projection.schema(), Some(count), target);
        let written =
            printer.and_then(|printer| write(printer, &mut projection, rows, table.schema(), count, &bar));
        if is_stdout {
            written?;
            return Ok(Outcome::Done);
        }
        let bytes = written.map_err(|error| error.within(&place))?;
        bar.finish_and_clear();
        let (rows, bytes, seconds) = (HumanCount(count), HumanBytes(bytes), start.elapsed().as_secs_f64());
        report(&format!(
            "{rows} rows of table {:?} written to {place} in {seconds:.2} s; {bytes}",
            self.table
        ))?;
        Ok(Outcome::Done)
    }

    fn format(&self) -> Result<Format> {
        match self.format.or_else(|| Format::of_name(&self.file)) {
            Some(format) => Ok(format),
            None => wrong_use(format!(
                "the name {} does not tell the format; give --format, or a suffix .csv, .jsonl, .arrow, .parquet or .npy",
                self.file.display()
            )),
        }
    }
}

/// How many bytes of rows are printed at a time.
const GATHERED_BYTES: usize = 2 << 20;

fn write(
    mut printer: Printer,
    projection: &mut Projection,
    rows: Rows<'_, Dyn>,
    schema: &Schema,
    count: u64,
    bar: &ProgressBar,
) -> Result<u64> {
    let out = projection.schema().clone();
    let mut left = count;
    // The rows of many leaves, where the printer takes them faster.
    let wants_many = printer.wants_many();
    let mut gathered = Vec::new();
    for rows in rows.slices() {
        if left == 0 {
            break;
        }
        let records = rows?.as_bytes();
        let taken = (records.len() / schema.width()).min(usize::try_from(left).unwrap_or(usize::MAX));
        let records = &records[..taken * schema.width()];
        if projection.is_whole() && !wants_many {
            printer.records(&out, records)?;
        } else if projection.is_whole() {
            gathered.extend_from_slice(records);
            if gathered.len() >= GATHERED_BYTES {
                printer.records(&out, &gathered)?;
                gathered.clear();
            }
        } else {
            for record in records.chunks_exact(schema.width()) {
                printer.row(projection.apply(Row::new(schema, record)?)?)?;
            }
        }
        left -= taken as u64;
        bar.inc(taken as u64);
    }
    if !gathered.is_empty() {
        printer.records(&out, &gathered)?;
    }
    printer.finish()
}
