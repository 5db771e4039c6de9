//! `drystone export`: rows of a table into a file of another format. This file picks the rows and
//! the fields; the room `formats` writes them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use drystone::{Dyn, Error, Result, Row, Rows, Schema};
use indicatif::{HumanBytes, HumanCount, ProgressBar};

use crate::formats::output::Printer;
use crate::formats::projection::Projection;
use crate::formats::{Format, key, whole_file};
use crate::report::{Outcome, report, wrong_use};
use crate::{open, progress};

/// Write rows of a table to a file: CSV, JSON lines, Arrow (Feather), Parquet, NumPy
///
/// The file is written under a temporary name, and renamed when it is whole. `drystone load` reads
/// the same rows from it.
#[derive(Args)]
pub(crate) struct Export {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The file to write, such as FILE.csv, FILE.jsonl, FILE.arrow, FILE.parquet, or - for standard
    /// output
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
    /// The fields to write
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    select: Vec<String>,
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
        if self.file == Path::new("-") {
            let printer = Printer::new(format, projection.schema())?;
            write(printer, &mut projection, rows, table.schema(), count, &bar)?;
            return Ok(Outcome::Done);
        }
        let place = self.file.display();
        let failed = |error| Error::io(format_args!("cannot write {place}"), error);
        self.check_target().map_err(failed)?;
        let file = whole_file::begin(&self.file).map_err(failed)?;
        let output = file.reopen().map_err(failed)?;
        let printer = Printer::to(format, projection.schema(), Some(count), Box::new(output));
        printer
            .and_then(|printer| write(printer, &mut projection, rows, table.schema(), count, &bar))
            .map_err(|error| error.within(&place))?;
        let bytes = file.as_file().metadata().map_err(failed)?.len();
        whole_file::finish(file, &self.file).map_err(failed)?;
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

    /// Refuses to replace the database itself.
    fn check_target(&self) -> io::Result<()> {
        let identity = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        if identity(&self.file).is_some_and(|file| identity(&self.db) == Some(file)) {
            return Err(io::Error::other("it is the database"));
        }
        Ok(())
    }
}

fn write(
    mut printer: Printer,
    projection: &mut Projection,
    rows: Rows<'_, Dyn>,
    schema: &Schema,
    count: u64,
    bar: &ProgressBar,
) -> Result<()> {
    let out = projection.schema().clone();
    let mut left = count;
    for rows in rows.slices() {
        if left == 0 {
            break;
        }
        let records = rows?.as_bytes();
        let taken = (records.len() / schema.width()).min(usize::try_from(left).unwrap_or(usize::MAX));
        let records = &records[..taken * schema.width()];
        if projection.is_whole() {
            printer.records(&out, records)?;
        } else {
            for record in records.chunks_exact(schema.width()) {
                printer.row(projection.apply(Row::new(schema, record)?)?)?;
            }
        }
        left -= taken as u64;
        bar.inc(taken as u64);
    }
    printer.finish()
}
