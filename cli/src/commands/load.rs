//! `drystone load`: a file into a table. `formats::source` reads the records; this file picks the
//! schema and the table, and reports what was loaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use drystone::{
    Dyn, Error, ErrorKind, LoadOptions, LoadReport, OnDuplicate, OpenOptions, RecordSource, Result, Schema,
    TableMut, WriteTransaction,
};
use indicatif::{HumanCount, ProgressBar};

use crate::formats::aside::{Aside, reasons_path};
use crate::formats::names::{Names, Texts, all_names, all_texts};
use crate::formats::reading::{Reading, with_options};
use crate::formats::source::{Choices, Loading, Source};
use crate::formats::target::is_same_file;
use crate::formats::{Format, bytes};
use crate::open;
use crate::report::{Outcome, report, say, wrong_use};
use crate::waiting::Waiting;

/// Load a file into a table, all of it or nothing
///
/// CSV, JSON (lines or an array), Arrow (Feather), Parquet and NumPy; the first bytes of the file
/// or its name tell which. Columns are matched to fields by name. In a CSV the first line names
/// them, and an empty field is a missing value. The file may be compressed with gzip or zstd; `-`
/// is standard input.
///
/// Without --schema, --schema-file or --infer, the rows are added to a table that exists. A new
/// table then takes the types of the file, if its format has types.
#[derive(Args)]
pub(crate) struct Load {
    /// The database file. If it does not exist it is made, and appears when all is loaded
    db: PathBuf,
    /// The table
    table: String,
    /// The file, such as FILE.csv, FILE.csv.zst, FILE.parquet, or - for standard input
    file: PathBuf,
    /// The format, if neither the first bytes nor the name tell
    #[arg(long, value_name = "FORMAT", value_parser = Loading::formats())]
    format: Option<Format>,
    /// The schema of a new table, such as "id: u64 key, x: i32, delay: i16?"
    #[arg(long, value_name = "TEXT", group = "types")]
    schema: Option<Schema>,
    /// A file with the schema of a new table
    #[arg(long, value_name = "FILE", group = "types")]
    schema_file: Option<PathBuf>,
    /// Read the file first, and pick types that hold its values: the narrowest ones for text
    #[arg(long, group = "types")]
    infer: bool,
    /// With --infer: pick an enumeration for a column of at most 256 different texts, each in four
    /// rows or more on average
    #[arg(long, requires = "infer")]
    enums: bool,
    /// The fields of the key, in order
    #[arg(long, value_name = "A,B")]
    key: Vec<Names>,
    /// Spellings of a missing value besides the empty field, such as NA,NULL; may be given more
    /// than once. One with a comma stands in quotes
    #[arg(long, value_name = "NA,NULL", allow_hyphen_values = true)]
    null: Vec<Texts>,
    /// Skip columns that the table has no field for; with --infer, those that no field can hold and
    /// those without a name of their own
    #[arg(long)]
    ignore_unknown: bool,
    /// What to do with a second row of the same key
    #[arg(long, value_name = "WHICH", default_value = "error")]
    on_duplicate: Duplicates,
    /// Replace the rows of the table, and its schema if it differs
    #[arg(long)]
    replace: bool,
    /// Skip bad lines of CSV and JSON: write them to this file, and why they are bad to FILE.why, a
    /// CSV of line, column, field, text and what was expected; the first five reasons are printed.
    /// Without this, the first bad line ends the load
    #[arg(long, value_name = "FILE")]
    skip_bad: Option<PathBuf>,
    /// How much memory to use for sorting, and for edits
    #[arg(long, value_name = "BYTES", default_value = "256M", value_parser = bytes::parse)]
    memory: usize,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Clone, Copy, ValueEnum)]
enum Duplicates {
    /// Nothing is loaded
    Error,
    /// The first one stays; existing rows of the table come first
    First,
    /// The last one stays
    Last,
}

impl Load {
    pub(crate) fn run(&self) -> Result<Outcome> {
        self.load_file().map_err(with_options)
    }

    fn load_file(&self) -> Result<Outcome> {
        let start = Instant::now();
        let nulls = all_texts(&self.null);
        let choices = Choices {
            reading: &self.reading,
            nulls: &nulls,
            ignore_unknown: self.ignore_unknown,
            skip_bad: self.skip_bad.is_some(),
            enums: self.enums,
        };
        let mut input = Loading::open(&self.file, self.format, choices)?;
        let mut aside = self.open_aside()?;
        let schema = self.schema(&mut input)?;
        // Errors in the header are found before the turn to write is waited for.
        let mut records = None;
        match &schema {
            Some(schema) => records = Some(input.records(schema)?),
            None if !self.db.exists() => {
                return wrong_use(format!("{:?} does not exist, and {NEEDS_SCHEMA}", self.db));
            }
            None => {}
        }
        let options = OpenOptions::new().memory_bytes(self.memory);
        let mut is_read = false;
        let done = self.waiting.change_or_make(&self.db, options, |write| {
            if is_read {
                if !input.can_be_read_again() {
                    return self.cannot_load_again();
                }
                aside = self.open_aside()?;
            }
            is_read = true;
            let mut table = self.table(write, schema.as_ref())?;
            let (mut records, bar) = match records.take() {
                Some(records) => records,
                None => input.records(table.schema())?,
            };
            if let Some(aside) = &aside {
                records = records.aside(aside);
            }
            records = records.on_all_processors();
            let loaded = self.load(&mut table, &mut records, &bar)?;
            let reasons = aside.as_ref().map_or(Ok(Vec::new()), Aside::finish)?;
            Ok(Done { loaded, schema: table.schema().clone(), bar, bad_lines: records.bad_lines(), reasons })
        })?;
        done.bar.finish_and_clear();
        self.say_what_was_done(&done.loaded, &done.schema, start)?;
        self.say_what_was_bad(done.bad_lines, &done.reasons);
        Ok(Outcome::Done)
    }

    fn cannot_load_again<T>(&self) -> Result<T> {
        let (db, file) = (self.db.display(), self.file.display());
        let file = if self.file == Path::new("-") { "standard input".into() } else { file.to_string() };
        Err(Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "{db} did not exist, and another process has made it while {file} was read, which cannot be read \
                 twice; nothing was loaded, so run the command again"
            ),
        ))
    }

    /// Opens the files for bad lines.
    fn open_aside(&self) -> Result<Option<Aside>> {
        let Some(path) = self.skip_bad.as_deref() else { return Ok(None) };
        if [path, &reasons_path(path)].iter().any(|path| is_same_file(path, &self.file)) {
            return wrong_use(format!(
                "bad lines cannot be set aside in {}, which is loaded",
                path.display()
            ));
        }
        Aside::open(path, &[&self.db]).map(Some)
    }

    /// The schema from the options or the file. `None`: that of the table.
    fn schema(&self, input: &mut Loading<'_>) -> Result<Option<Schema>> {
        let schema = match (&self.schema, &self.schema_file) {
            (Some(schema), _) => schema.clone(),
            (None, Some(path)) => {
                let place = path.display();
                let text = fs::read_to_string(path)
                    .map_err(|error| Error::io(format_args!("cannot read {place}"), error))?;
                text.parse().map_err(|error: Error| error.within(place))?
            }
            (None, None) if self.infer || (input.is_typed() && !self.has_table()?) => {
                return self.inferred(input).map(Some);
            }
            (None, None) if self.key.is_empty() => return Ok(None),
            (None, None) => {
                return wrong_use(
                    "one of --schema, --schema-file and --infer is required with --key; a table that exists has its key"
                        .into(),
                );
            }
        };
        input.name_columns(&schema);
        if self.key.is_empty() { Ok(Some(schema)) } else { schema.with_key(&all_names(&self.key)).map(Some) }
    }

    /// Infers the schema from the input, and prints it.
    fn inferred(&self, input: &mut Loading<'_>) -> Result<Schema> {
        let (schema, found) = input.infer(&all_names(&self.key))?;
        report(&format!("{found}\nschema: {schema}"))?;
        Ok(schema)
    }

    fn has_table(&self) -> Result<bool> {
        Ok(self.db.exists() && open::to_read(&self.db)?.read()?.table_names()?.contains(&self.table))
    }

    /// The table to load into; creates it, or replaces it if that was asked for.
    fn table<'w>(&self, write: &'w WriteTransaction, schema: Option<&Schema>) -> Result<TableMut<'w, Dyn>> {
        let (name, db) = (&self.table, &self.db);
        let exists = write.table_names()?.contains(name);
        match schema {
            None if exists => write.table::<Dyn>(name),
            None => wrong_use(format!("there is no table {name:?} in {db:?}, and {NEEDS_SCHEMA}")),
            Some(schema) if !exists => write.create_dyn_table(name, schema),
            Some(schema) => {
                let table = write.table::<Dyn>(name)?;
                if table.schema() == schema {
                    return Ok(table);
                }
                if !self.replace {
                    return wrong_use(format!(
                        "table {name:?} has the schema ({}), not ({schema}); leave the schema out to load into it \
                         as it is, or --replace it",
                        table.schema()
                    ));
                }
                drop(table);
                write.drop_table(name)?;
                write.create_dyn_table(name, schema)
            }
        }
    }

    fn load(
        &self,
        table: &mut TableMut<'_, Dyn>,
        records: &mut Source,
        bar: &ProgressBar,
    ) -> Result<LoadReport> {
        let on_duplicate = match self.on_duplicate {
            Duplicates::Error => OnDuplicate::Error,
            Duplicates::First => OnDuplicate::First,
            Duplicates::Last => OnDuplicate::Last,
        };
        let options =
            LoadOptions::new().on_duplicate(on_duplicate).replace(self.replace).memory_bytes(self.memory);
        table.load_from(&mut Watched { source: records, bar }, &options)
    }

    fn say_what_was_done(&self, loaded: &LoadReport, schema: &Schema, start: Instant) -> Result<()> {
        let (table, width) = (&self.table, schema.width());
        let (read, rows) = (HumanCount(loaded.read), HumanCount(loaded.rows));
        let seconds = start.elapsed().as_secs_f64();
        let mut text =
            format!("table {table:?}: {read} rows loaded in {seconds:.2} s; it has {rows} of {width} bytes");
        if loaded.duplicates > 0 {
            let which = if matches!(self.on_duplicate, Duplicates::First) { "first" } else { "last" };
            let duplicates = HumanCount(loaded.duplicates);
            text += &format!("\n{duplicates} rows had the key of another one; the {which} one stayed");
        }
        report(&text)?;
        Ok(())
    }

    fn say_what_was_bad(&self, count: u64, reasons: &[String]) {
        let Some(path) = self.skip_bad.as_ref().filter(|_| count > 0) else { return };
        for reason in reasons {
            say(reason);
        }
        let lines = if count == 1 {
            "1 bad line was".into()
        } else {
            format!("{} bad lines were", HumanCount(count))
        };
        let reasons = reasons_path(path);
        let why = if path.is_file() {
            format!(", and the reasons in {}", reasons.display())
        } else {
            String::new()
        };
        say(format_args!("{lines} set aside in {}{why}", path.display()));
    }
}

const NEEDS_SCHEMA: &str =
    "a new table needs a schema: give it with --schema or --schema-file, or have it found with --infer";

/// What a load has done.
struct Done {
    loaded: LoadReport,
    schema: Schema,
    bar: ProgressBar,
    bad_lines: u64,
    /// The first reasons why lines are bad.
    reasons: Vec<String>,
}

/// A source that shows on the bar when all of it has been read.
struct Watched<'b> {
    source: &'b mut Source,
    bar: &'b ProgressBar,
}

impl RecordSource for Watched<'_> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.next_records(record, record.len()).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        let more = self.source.next_records(records, width)?;
        if more == 0 {
            self.bar.set_message("writing");
        }
        Ok(more)
    }

    fn place(&self) -> u64 {
        self.source.place()
    }

    fn describe(&self, place: u64) -> String {
        self.source.describe(place)
    }

    fn rows_hint(&self) -> Option<u64> {
        self.source.rows_hint()
    }
}
