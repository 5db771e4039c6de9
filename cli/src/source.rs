//! Records to load, out of whatever format a file has.

use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::Path;

use clap::ValueEnum;
use drystone::{RecordSource, Result, Schema, arrow, csv, json, numpy, parquet};
use indicatif::ProgressBar;

use crate::input::Input;
use crate::wrong_use;

/// The formats that can be loaded.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values; the first line names the columns
    Csv,
    /// JSON, an object a line
    #[value(alias = "json", alias = "ndjson")]
    Jsonl,
    /// An Arrow file, also called Feather, or an Arrow stream
    #[value(alias = "feather", alias = "arrows")]
    Arrow,
    /// Parquet
    Parquet,
    /// An array of NumPy
    Npy,
}

/// The formats of other systems begin so.
const ARROW_FILE: &[u8] = b"ARROW1";
const ARROW_STREAM: &[u8] = &[0xFF; 4];
const PARQUET: &[u8] = b"PAR1";
const NPY: &[u8] = b"\x93NUMPY";

impl Format {
    /// The format that a name ends with, but for `.gz` and `.zst`.
    pub(crate) fn of_name(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        Some(match name.rsplit_once('.')?.1 {
            "csv" => Format::Csv,
            "jsonl" | "ndjson" | "json" => Format::Jsonl,
            "arrow" | "feather" | "ipc" | "arrows" => Format::Arrow,
            "parquet" | "pq" => Format::Parquet,
            "npy" => Format::Npy,
            _ => return None,
        })
    }

    fn of_head(head: &[u8]) -> Option<Format> {
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

    /// Whether the file says itself what types its columns have.
    pub(crate) fn is_typed(self) -> bool {
        !matches!(self, Format::Csv | Format::Jsonl)
    }
}

/// What there is to say of a load's input besides its format.
#[derive(Default)]
pub(crate) struct Choices<'c> {
    /// Spellings of a missing value.
    pub(crate) nulls: &'c [String],
    pub(crate) ignore_unknown: bool,
    /// Whether bad lines are passed over.
    pub(crate) skip_bad: bool,
    /// Whether an enumeration is picked for few texts.
    pub(crate) enums: bool,
}

/// A file to load, in the format that it has.
pub(crate) struct Loading<'c> {
    input: Input,
    format: Format,
    choices: Choices<'c>,
}

impl<'c> Loading<'c> {
    /// Opens it. What its first bytes say goes before what its name says.
    pub(crate) fn open(path: &Path, format: Option<Format>, choices: Choices<'c>) -> Result<Loading<'c>> {
        let input = Input::open(path)?;
        let format = format
            .or_else(|| Format::of_head(input.head()))
            .or_else(|| Format::of_name(path))
            .unwrap_or(Format::Csv);
        if format != Format::Csv {
            let meant = if choices.skip_bad { "--skip-bad" } else { "--null" };
            if choices.skip_bad || !choices.nulls.is_empty() {
                return wrong_use(format!("{meant} is for CSV; {} is none", input.name()));
            }
        }
        Ok(Loading { input, format, choices })
    }

    pub(crate) fn is_typed(&self) -> bool {
        self.format.is_typed()
    }

    /// Looks through it for the schema that holds it, with these fields as the key, and says what there is in a line a column.
    pub(crate) fn infer(&mut self, key: &[String]) -> Result<(Schema, String)> {
        self.input.keep()?;
        let doing = "looking";
        let (inferred, bar) = match self.format {
            Format::Csv => {
                let (text, bar) = self.input.read(doing)?;
                (self.csv().infer(text)?, bar)
            }
            Format::Jsonl => {
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
            Format::Arrow if self.is_stream() => {
                let (input, bar) = self.input.read(doing)?;
                (self.arrow().infer_stream(input)?, bar)
            }
            Format::Arrow => {
                let (input, bar) = self.input.seek(doing)?;
                (self.arrow().infer(input)?, bar)
            }
        };
        bar.finish_and_clear();
        let schema = if key.is_empty() { inferred.schema().clone() } else { inferred.with_key(key)? };
        Ok((schema, inferred.to_string()))
    }

    /// The records of this schema, and the bar that shows how far they were read. Bad lines go to `aside`.
    pub(crate) fn records(&mut self, schema: &Schema) -> Result<(Source, ProgressBar)> {
        let doing = "loading";
        Ok(match self.format {
            Format::Csv => {
                let (text, bar) = self.input.read(doing)?;
                (Source::Csv(Box::new(self.csv().reader(schema, text)?)), bar)
            }
            Format::Jsonl => {
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
            Format::Arrow if self.is_stream() => {
                let (input, bar) = self.input.read(doing)?;
                (Source::Arrow(Box::new(self.arrow().stream_reader(schema, input)?)), bar)
            }
            Format::Arrow => {
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

    /// Whether this is an Arrow stream, which can be compressed as a whole, unlike a file.
    fn is_stream(&self) -> bool {
        self.input.head().starts_with(ARROW_STREAM)
    }
}

/// Records on their way in.
pub(crate) enum Source {
    Csv(Box<csv::Reader<Box<dyn Read + Send>>>),
    CsvAside(Box<csv::Reader<Box<dyn Read + Send>, BufWriter<File>>>),
    Arrow(Box<arrow::Reader>),
    Json(Box<json::Reader<Box<dyn Read + Send>>>),
    Npy(Box<numpy::Reader<Box<dyn Read + Send>>>),
}

impl Source {
    /// Sets bad lines aside.
    pub(crate) fn aside(self, output: BufWriter<File>) -> Source {
        match self {
            Source::Csv(reader) => Source::CsvAside(Box::new(reader.skip_bad_to(output))),
            other => other,
        }
    }

    /// How many bad lines were passed over.
    pub(crate) fn bad_lines(&self) -> u64 {
        match self {
            Source::Csv(reader) => reader.bad_lines(),
            Source::CsvAside(reader) => reader.bad_lines(),
            Source::Arrow(_) | Source::Json(_) | Source::Npy(_) => 0,
        }
    }

    fn inner(&self) -> &dyn RecordSource {
        match self {
            Source::Csv(reader) => &**reader,
            Source::CsvAside(reader) => &**reader,
            Source::Arrow(reader) => &**reader,
            Source::Json(reader) => &**reader,
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
