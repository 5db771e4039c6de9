//! Records to load from a file, whatever its format. `load` uses it. The library parses the
//! formats; this file only picks the one that applies.

use std::io::Read;
use std::path::Path;
use std::thread;

use clap::ValueEnum;
use clap::builder::TypedValueParser;
use drystone::{Error, ErrorKind, RecordSource, Result, Schema, arrow, csv, json, numpy, parquet};
use indicatif::ProgressBar;

use super::Format;
use super::aside::Aside;
use super::input::Input;
use super::reading::{Reading, Separator, named};
use super::recognise::{ARROW_STREAM, Kind, recognise};
use crate::report::{say, wrong_use};

/// How to read an input, whatever its format.
pub(crate) struct Choices<'c> {
    pub(crate) reading: &'c Reading,
    /// Spellings of a missing value, for CSV.
    pub(crate) nulls: &'c [String],
    pub(crate) ignore_unknown: bool,
    /// Whether bad lines are skipped.
    pub(crate) skip_bad: bool,
    /// Whether to infer an enumeration for a column of few different texts.
    pub(crate) enums: bool,
}

/// Sets what the options of all formats have.
macro_rules! with_common {
    ($options:expr, $loading:expr) => {{
        let (choices, reading) = (&$loading.choices, $loading.choices.reading);
        let options =
            $options.name($loading.input.name()).ignore_unknown(choices.ignore_unknown).round(reading.round);
        let options = match reading.timestamp_unit {
            Some(unit) => options.timestamp_unit(unit.into()),
            None => options,
        };
        reading.renames().fold(options, |options, (old, new)| options.rename(&**old, &**new))
    }};
}

/// Sets how types are inferred, for formats that may need it.
macro_rules! with_inference {
    ($options:expr, $loading:expr) => {{
        let options = $options.enums($loading.choices.enums);
        match $loading.choices.reading.sample {
            Some(rows) => options.sample(rows),
            None => options,
        }
    }};
}

/// The most columns that a table can have.
const MOST_COLUMNS: usize = 1024;

/// A file to load, and its format.
pub(crate) struct Loading<'c> {
    input: Input,
    format: Format,
    choices: Choices<'c>,
    has_tabs: bool,
    /// The names of the columns, if there is no header and they are known.
    names: Vec<String>,
    /// What was printed about how the input is read.
    noted: Vec<String>,
}

impl<'c> Loading<'c> {
    /// The formats that can be loaded, as an argument.
    pub(crate) fn formats() -> impl TypedValueParser<Value = Format> {
        let loadable = Format::value_variants().iter().filter(|format| **format != Format::Table);
        Format::parser(loadable.filter_map(ValueEnum::to_possible_value))
    }

    /// Opens it. The first bytes count more than the name.
    pub(crate) fn open(path: &Path, format: Option<Format>, choices: Choices<'c>) -> Result<Loading<'c>> {
        let input = Input::open(path)?;
        let format = match (format, recognise(input.plain_head())) {
            (Some(format), _) | (None, Some(Kind::Loadable(format))) => format,
            (None, Some(Kind::Other(what, way_out))) => {
                let message = format!("{} is {what}, which cannot be loaded; {way_out}", input.name());
                return Err(Error::new(ErrorKind::Input, message));
            }
            // A table for people cannot be loaded.
            (None, None) => {
                Format::of_name(path).filter(|format| *format != Format::Table).unwrap_or(Format::Csv)
            }
        };
        if choices.skip_bad && !matches!(format, Format::Csv | Format::Json) {
            return wrong_use(format!("--skip-bad is for CSV and JSON; {} is neither", input.name()));
        }
        let for_csv = choices.reading.csv_option().or((!choices.nulls.is_empty()).then_some("--null"));
        if format != Format::Csv
            && let Some(option) = for_csv
        {
            return wrong_use(format!("{option} is for CSV; {} is not CSV", input.name()));
        }
        let has_tabs = Format::has_tabs(path);
        Ok(Loading { input, format, choices, has_tabs, names: Vec::new(), noted: Vec::new() })
    }

    /// Names the columns of an input without a header like the fields of a schema.
    pub(crate) fn name_columns(&mut self, schema: &Schema) {
        self.names = schema.fields().iter().map(|field| field.name().to_owned()).collect();
    }

    /// Prints how the input is read, unless that was printed before.
    fn note(&mut self, notes: &[String]) {
        for note in notes {
            if !self.noted.contains(note) {
                let text = named(note);
                say(format_args!("{}: {}", self.input.name(), text.as_deref().unwrap_or(note)));
                self.noted.push(note.clone());
            }
        }
    }

    /// Whether the file itself has the types of its columns.
    pub(crate) fn is_typed(&self) -> bool {
        self.format.is_binary()
    }

    /// Infers the schema, with these fields as the key. Returns also a report, a line per column.
    pub(crate) fn infer(&mut self, key: &[String]) -> Result<(Schema, String)> {
        self.input.keep()?;
        let doing = "looking";
        let (inferred, bar) = match self.format {
            Format::Csv | Format::Table => {
                let (text, bar) = self.input.read(doing)?;
                (self.csv().infer_on_threads(text, 0)?, bar)
            }
            Format::Json => {
                let (text, bar) = self.input.read(doing)?;
                (self.json().infer_on_threads(text, 0)?, bar)
            }
            Format::Npy => {
                let (input, bar) = self.input.read(doing)?;
                (self.npy().infer(input)?, bar)
            }
            Format::Parquet => {
                let (input, bar) = self.input.seek(doing)?;
                (self.parquet().infer(input)?, bar)
            }
            Format::Arrow | Format::Arrows if self.is_stream() => {
                let (input, bar) = self.input.read(doing)?;
                (self.arrow().infer_stream(input)?, bar)
            }
            Format::Arrow | Format::Arrows => {
                let (input, bar) = self.input.seek(doing)?;
                (self.arrow().infer(input)?, bar)
            }
        };
        bar.finish_and_clear();
        self.note(inferred.notes());
        if self.names.is_empty() {
            // The columns keep the names that inference gave them, whatever the order of the
            // fields.
            self.names = (0..MOST_COLUMNS).map(|at| format!("c{at}")).collect();
        }
        let schema = if key.is_empty() { inferred.schema().clone() } else { inferred.with_key(key)? };
        Ok((schema, inferred.to_string()))
    }

    /// Whether [`records`](Loading::records) can be called once more: a pipe is read only once.
    pub(crate) fn can_be_read_again(&self) -> bool {
        self.input.can_be_read_again()
    }

    /// The records, for this schema, and the bar that shows how far they were read.
    pub(crate) fn records(&mut self, schema: &Schema) -> Result<(Source, ProgressBar)> {
        let doing = "loading";
        let (source, bar) = match self.format {
            Format::Csv | Format::Table => {
                let (text, bar) = self.input.read(doing)?;
                (Source::Csv(Box::new(self.csv().reader(schema, text)?)), bar)
            }
            Format::Json => {
                let (text, bar) = self.input.read(doing)?;
                (Source::Json(Box::new(self.json().reader(schema, text)?)), bar)
            }
            Format::Npy => {
                let (input, bar) = self.input.read(doing)?;
                (Source::Npy(Box::new(self.npy().reader(schema, input)?)), bar)
            }
            Format::Parquet => {
                let (input, bar) = self.input.seek(doing)?;
                (Source::Arrow(Box::new(self.parquet().reader(schema, input)?)), bar)
            }
            Format::Arrow | Format::Arrows if self.is_stream() => {
                let (input, bar) = self.input.read(doing)?;
                (Source::Arrow(Box::new(self.arrow().stream_reader(schema, input)?)), bar)
            }
            Format::Arrow | Format::Arrows => {
                let (input, bar) = self.input.seek(doing)?;
                (Source::Arrow(Box::new(self.arrow().reader(schema, input)?)), bar)
            }
        };
        self.note(source.notes());
        Ok((source, bar))
    }

    fn csv(&self) -> csv::Options {
        let reading = self.choices.reading;
        let options = with_common!(csv::Options::new(), self);
        let options = with_inference!(options, self);
        let options = match reading.delimiter {
            Some(Separator::Byte(byte)) => options.delimiter(byte),
            Some(Separator::Blanks) => options.blanks(),
            None if self.has_tabs => options.delimiter(b'\t'),
            None => options.guess_delimiter(),
        };
        let options = options
            .skip_bad(self.choices.skip_bad)
            .skip_lines(reading.skip_lines)
            .decimal_comma(reading.decimal_comma)
            .trim(reading.trim)
            .header(!reading.no_header);
        let options = match &reading.comment {
            Some(comment) => options.comment(&**comment),
            None => options,
        };
        let options = if reading.no_header && !self.names.is_empty() {
            options.names(self.names.iter().map(|name| &**name))
        } else {
            options
        };
        self.choices.nulls.iter().fold(options, |options, spelling| options.null(&**spelling))
    }

    fn json(&self) -> json::Options {
        let options = with_common!(json::Options::new(), self);
        with_inference!(options, self).skip_bad(self.choices.skip_bad)
    }

    fn npy(&self) -> numpy::Options {
        with_common!(numpy::Options::new(), self)
    }

    fn arrow(&self) -> arrow::Options {
        let options = with_common!(arrow::Options::new(), self);
        with_inference!(options, self)
    }

    fn parquet(&self) -> parquet::Options {
        let options = with_common!(parquet::Options::new(), self);
        with_inference!(options, self)
    }

    /// Whether this is an Arrow stream, which is read in order. An Arrow file is read at any place.
    fn is_stream(&self) -> bool {
        self.input.head().starts_with(ARROW_STREAM)
    }
}

/// The records of a file, in any format.
pub(crate) enum Source {
    Csv(Box<csv::Reader<Box<dyn Read + Send>>>),
    CsvAside(Box<csv::Reader<Box<dyn Read + Send>, Aside>>),
    CsvParallel(Box<csv::ParallelReader>),
    CsvParallelAside(Box<csv::ParallelReader<Aside>>),
    Arrow(Box<arrow::Reader>),
    Json(Box<json::Reader<Box<dyn Read + Send>>>),
    JsonAside(Box<json::Reader<Box<dyn Read + Send>, Aside>>),
    JsonParallel(Box<json::ParallelReader>),
    JsonParallelAside(Box<json::ParallelReader<Aside>>),
    Npy(Box<numpy::Reader<Box<dyn Read + Send>>>),
}

impl Source {
    /// Sets bad lines aside. Only text has them.
    pub(crate) fn aside(self, aside: &Aside) -> Source {
        let (lines, reasons) = (aside.clone(), aside.clone());
        let explain = move |error: &Error| reasons.explain(error);
        match self {
            Source::Csv(reader) => Source::CsvAside(Box::new(reader.skip_bad_to(lines).explain_bad(explain))),
            Source::Json(reader) => {
                Source::JsonAside(Box::new(reader.skip_bad_to(lines).explain_bad(explain)))
            }
            other => other,
        }
    }

    /// Parses text on all processors, if there are several.
    pub(crate) fn on_all_processors(self) -> Source {
        if thread::available_parallelism().map_or(1, usize::from) == 1 {
            return self;
        }
        match self {
            Source::Csv(reader) => Source::CsvParallel(Box::new(reader.on_threads(0))),
            Source::CsvAside(reader) => Source::CsvParallelAside(Box::new(reader.on_threads(0))),
            Source::Json(reader) => Source::JsonParallel(Box::new(reader.on_threads(0))),
            Source::JsonAside(reader) => Source::JsonParallelAside(Box::new(reader.on_threads(0))),
            other => other,
        }
    }

    /// What a person should know about how the input is read.
    fn notes(&self) -> &[String] {
        match self {
            Source::Csv(reader) => reader.notes(),
            Source::CsvAside(reader) => reader.notes(),
            Source::CsvParallel(reader) => reader.notes(),
            Source::CsvParallelAside(reader) => reader.notes(),
            Source::Arrow(reader) => reader.notes(),
            Source::Npy(reader) => reader.notes(),
            Source::Json(_)
            | Source::JsonAside(_)
            | Source::JsonParallel(_)
            | Source::JsonParallelAside(_) => &[],
        }
    }

    /// How many bad lines were skipped.
    pub(crate) fn bad_lines(&self) -> u64 {
        match self {
            Source::Csv(reader) => reader.bad_lines(),
            Source::CsvAside(reader) => reader.bad_lines(),
            Source::CsvParallel(reader) => reader.bad_lines(),
            Source::CsvParallelAside(reader) => reader.bad_lines(),
            Source::Json(reader) => reader.bad_lines(),
            Source::JsonAside(reader) => reader.bad_lines(),
            Source::JsonParallel(reader) => reader.bad_lines(),
            Source::JsonParallelAside(reader) => reader.bad_lines(),
            Source::Arrow(_) | Source::Npy(_) => 0,
        }
    }

    fn inner(&self) -> &dyn RecordSource {
        match self {
            Source::Csv(reader) => &**reader,
            Source::CsvAside(reader) => &**reader,
            Source::CsvParallel(reader) => &**reader,
            Source::CsvParallelAside(reader) => &**reader,
            Source::Arrow(reader) => &**reader,
            Source::Json(reader) => &**reader,
            Source::JsonAside(reader) => &**reader,
            Source::JsonParallel(reader) => &**reader,
            Source::JsonParallelAside(reader) => &**reader,
            Source::Npy(reader) => &**reader,
        }
    }
}

impl RecordSource for Source {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.next_records(record, record.len()).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        match self {
            Source::Csv(reader) => reader.next_records(records, width),
            Source::CsvAside(reader) => reader.next_records(records, width),
            Source::CsvParallel(reader) => reader.next_records(records, width),
            Source::CsvParallelAside(reader) => reader.next_records(records, width),
            Source::Arrow(reader) => reader.next_records(records, width),
            Source::Json(reader) => reader.next_records(records, width),
            Source::JsonAside(reader) => reader.next_records(records, width),
            Source::JsonParallel(reader) => reader.next_records(records, width),
            Source::JsonParallelAside(reader) => reader.next_records(records, width),
            Source::Npy(reader) => reader.next_records(records, width),
        }
    }

    fn place(&self) -> u64 {
        self.inner().place()
    }

    fn describe(&self, place: u64) -> String {
        self.inner().describe(place)
    }

    fn rows_hint(&self) -> Option<u64> {
        self.inner().rows_hint()
    }
}
