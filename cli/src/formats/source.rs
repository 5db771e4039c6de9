//! Records to load from a file, whatever its format. `load` uses it. The library parses the
//! formats; this file only picks the one that applies.

use std::io::Read;
use std::path::Path;

use clap::ValueEnum;
use clap::builder::TypedValueParser;
use drystone::{Error, RecordSource, Result, Schema, arrow, csv, json, numpy, parquet};
use indicatif::ProgressBar;

use super::Format;
use super::aside::Aside;
use super::input::Input;
use crate::report::wrong_use;

/// The first bytes of files in each format.
const ARROW_FILE: &[u8] = b"ARROW1";
const ARROW_STREAM: &[u8] = &[0xFF; 4];
const PARQUET: &[u8] = b"PAR1";
const NPY: &[u8] = b"\x93NUMPY";

fn format_of_head(head: &[u8]) -> Option<Format> {
    if head.starts_with(ARROW_FILE) || head.starts_with(ARROW_STREAM) {
        Some(Format::Arrow)
    } else if head.starts_with(PARQUET) {
        Some(Format::Parquet)
    } else if head.starts_with(NPY) {
        Some(Format::Npy)
    } else {
        None
    }
}

/// How to read an input, whatever its format.
#[derive(Default)]
pub(crate) struct Choices<'c> {
    /// Spellings of a missing value, for CSV.
    pub(crate) nulls: &'c [String],
    pub(crate) ignore_unknown: bool,
    /// Whether bad lines are skipped.
    pub(crate) skip_bad: bool,
    /// Whether to infer an enumeration for a column of few different texts.
    pub(crate) enums: bool,
}

/// A file to load, and its format.
pub(crate) struct Loading<'c> {
    input: Input,
    format: Format,
    choices: Choices<'c>,
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
        let format = format
            .or_else(|| format_of_head(input.head()))
            // A table for people cannot be loaded.
            .or_else(|| Format::of_name(path).filter(|format| *format != Format::Table))
            .unwrap_or(Format::Csv);
        if choices.skip_bad && !matches!(format, Format::Csv | Format::Json) {
            return wrong_use(format!("--skip-bad is for CSV and JSON; {} is neither", input.name()));
        }
        if format != Format::Csv && !choices.nulls.is_empty() {
            return wrong_use(format!("--null is for CSV; {} is not CSV", input.name()));
        }
        Ok(Loading { input, format, choices })
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
                (self.csv().infer(text)?, bar)
            }
            Format::Json => {
                let (text, bar) = self.input.read(doing)?;
                (self.json().infer(text)?, bar)
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
        let schema = if key.is_empty() { inferred.schema().clone() } else { inferred.with_key(key)? };
        Ok((schema, inferred.to_string()))
    }

    /// The records, for this schema, and the bar that shows how far they were read.
    pub(crate) fn records(&mut self, schema: &Schema) -> Result<(Source, ProgressBar)> {
        let doing = "loading";
        Ok(match self.format {
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
        })
    }

    fn csv(&self) -> csv::Options {
        let options = csv::Options::new().name(self.input.name());
        let options = options
            .skip_bad(self.choices.skip_bad)
            .enums(self.choices.enums)
            .ignore_unknown(self.choices.ignore_unknown);
        self.choices.nulls.iter().fold(options, |options, spelling| options.null(&**spelling))
    }

    fn json(&self) -> json::Options {
        json::Options::new()
            .name(self.input.name())
            .skip_bad(self.choices.skip_bad)
            .enums(self.choices.enums)
            .ignore_unknown(self.choices.ignore_unknown)
    }

    fn npy(&self) -> numpy::Options {
        numpy::Options::new().name(self.input.name()).ignore_unknown(self.choices.ignore_unknown)
    }

    fn arrow(&self) -> arrow::Options {
        arrow::Options::new()
            .name(self.input.name())
            .enums(self.choices.enums)
            .ignore_unknown(self.choices.ignore_unknown)
    }

    fn parquet(&self) -> parquet::Options {
        parquet::Options::new()
            .name(self.input.name())
            .enums(self.choices.enums)
            .ignore_unknown(self.choices.ignore_unknown)
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
    Arrow(Box<arrow::Reader>),
    Json(Box<json::Reader<Box<dyn Read + Send>>>),
    JsonAside(Box<json::Reader<Box<dyn Read + Send>, Aside>>),
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

    /// How many bad lines were skipped.
    pub(crate) fn bad_lines(&self) -> u64 {
        match self {
            Source::Csv(reader) => reader.bad_lines(),
            Source::CsvAside(reader) => reader.bad_lines(),
            Source::Json(reader) => reader.bad_lines(),
            Source::JsonAside(reader) => reader.bad_lines(),
            Source::Arrow(_) | Source::Npy(_) => 0,
        }
    }

    fn inner(&self) -> &dyn RecordSource {
        match self {
            Source::Csv(reader) => &**reader,
            Source::CsvAside(reader) => &**reader,
            Source::Arrow(reader) => &**reader,
            Source::Json(reader) => &**reader,
            Source::JsonAside(reader) => &**reader,
            Source::Npy(reader) => &**reader,
        }
    }
}

impl RecordSource for Source {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        match self {
            Source::Csv(reader) => reader.next_record(record),
            Source::CsvAside(reader) => reader.next_record(record),
            Source::Arrow(reader) => reader.next_record(record),
            Source::Json(reader) => reader.next_record(record),
            Source::JsonAside(reader) => reader.next_record(record),
            Source::Npy(reader) => reader.next_record(record),
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
