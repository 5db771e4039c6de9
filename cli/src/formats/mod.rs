//! How rows, keys and numbers are written outside of a database: the formats of files, and the text
//! of arguments. Commands use it; it knows no command.

pub(crate) mod aside;
pub(crate) mod asked;
pub(crate) mod bytes;
mod durable;
pub(crate) mod grid;
pub(crate) mod input;
pub(crate) mod key;
pub(crate) mod names;
pub(crate) mod output;
pub(crate) mod projection;
pub(crate) mod reading;
pub(crate) mod recognise;
pub(crate) mod source;
pub(crate) mod target;

use std::path::Path;

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// The formats of rows.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people
    #[value(alias = "text")]
    Table,
    /// Comma-separated values; the first line names the columns, missing values are empty
    Csv,
    /// JSON, an object per line; an array of objects is read too
    #[value(alias = "jsonl", alias = "ndjson")]
    Json,
    /// An Arrow file, also called Feather
    #[value(alias = "feather")]
    Arrow,
    /// An Arrow stream, for pipes
    Arrows,
    /// Parquet; compressed with zstd when it is written
    Parquet,
    /// An array of NumPy
    Npy,
}

/// How a file is compressed as a whole.
#[derive(Clone, Copy)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// The compression that the last suffix of a file name stands for.
    pub(crate) fn of_name(path: &Path) -> Option<Compression> {
        match &*path.extension()?.to_str()?.to_ascii_lowercase() {
            "gz" => Some(Compression::Gzip),
            "zst" => Some(Compression::Zstd),
            _ => None,
        }
    }
}

impl Format {
    /// The format that a file name stands for, by its suffix before that of a compression.
    pub(crate) fn of_name(path: &Path) -> Option<Format> {
        if Compression::of_name(path).is_some() {
            let plain = path.with_extension("");
            return Compression::of_name(&plain).is_none().then(|| Format::of_name(&plain)).flatten();
        }
        Some(match &*path.extension()?.to_str()?.to_ascii_lowercase() {
            "csv" | "tsv" => Format::Csv,
            "json" | "jsonl" | "ndjson" => Format::Json,
            "arrow" | "feather" | "ipc" => Format::Arrow,
            "arrows" => Format::Arrows,
            "parquet" | "pq" => Format::Parquet,
            "npy" => Format::Npy,
            "txt" => Format::Table,
            _ => return None,
        })
    }

    /// Whether the name is that of a text with tabs between its fields.
    pub(crate) fn has_tabs(path: &Path) -> bool {
        let plain = path.with_extension("");
        let path = if Compression::of_name(path).is_some() { &plain } else { path };
        path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("tsv"))
    }

    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Format::Arrow | Format::Arrows | Format::Parquet | Format::Npy)
    }

    /// Reads an argument that is one of these names of formats.
    pub(crate) fn parser(
        names: impl IntoIterator<Item = PossibleValue>,
    ) -> impl TypedValueParser<Value = Format> {
        PossibleValuesParser::new(names).try_map(|name| Format::from_str(&name, false))
    }
}
