//! `drystone export`: rows of a table into a file of another format.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use drystone::{Dyn, Error, Result, Row, Rows, Schema};
use indicatif::{HumanBytes, HumanCount, ProgressBar};

use crate::output::{Format, Printer, report};
use crate::projection::Projection;
use crate::{Outcome, key, open, progress, wrong_use};

/// Write rows of a table to a file: CSV, JSON lines, Arrow (Feather), Parquet, NumPy
///
/// The file is written beside its place and moved there when it is whole. What `drystone load` reads of it are the same rows.
#[derive(Args)]
pub(crate) struct Export {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// The file to write, such as FILE.csv, FILE.jsonl, FILE.arrow, FILE.parquet, or - for standard output
    file: PathBuf,
    /// The format, where the name does not say it
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// The first key, one argument a part; leading parts stand for the first key that begins so
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    from: Vec<String>,
    /// The last key, included, one argument a part; leading parts stand for all keys that begin so
    #[arg(long, value_name = "KEY", num_args = 1.., allow_negative_numbers = true)]
    to: Vec<String>,
    /// The fields to write
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    select: Vec<String>,
    /// How many rows to write at most
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
        let file = self.temporary().map_err(failed)?;
        let output = file.reopen().map_err(failed)?;
        let printer = Printer::to(format, projection.schema(), Some(count), Box::new(output));
        printer
            .and_then(|printer| write(printer, &mut projection, rows, table.schema(), count, &bar))
            .map_err(|error| error.within(&place))?;
        let bytes = file.as_file().metadata().map_err(failed)?.len();
        file.persist(&self.file).map_err(|error| failed(error.error))?;
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
                "{} does not say by its name what it is to be; give --format, or call it .csv, .jsonl, .arrow, .parquet or .npy",
                self.file.display()
            )),
        }
    }

    /// The file to write, beside its place, with the rights that a file made there would have.
    fn temporary(&self) -> io::Result<tempfile::NamedTempFile> {
        let identity = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        if identity(&self.file).is_some_and(|file| identity(&self.db) == Some(file)) {
            return Err(io::Error::other("it is the database"));
        }
        if self.file.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let folder = self.file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        tempfile::Builder::new().prefix(".drystone-").make_in(folder, |path| File::create_new(path))
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
