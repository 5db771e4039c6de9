//! Import and export of other formats. Readers are a [`RecordSource`](crate::RecordSource); writers
//! take rows.
//!
//! All five formats have the same interface:
//!
//! | | |
//! |---|---|
//! | `Options` | how to read and write, set call by call; all have `new()`, `name(…)` for messages, `ignore_unknown(…)`, `rename(…)`, `round(…)` and `timestamp_unit(…)` |
//! | `Options::reader(&schema, input) -> Result<Reader>` | a `RecordSource` of records of this schema, matched by name |
//! | `Options::infer(input) -> Result<Inferred>` | the schema that holds the input, and why |
//! | `Options::writer(&schema, output) -> Result<Writer>` | `write(row)`, `write_all(rows)`, `write_records(bytes)`, and `finish()`, which gives the output back |
//! | `Reader`, `Writer` | `schema()` gives the schema |
//! | `Inferred`, `Column` | the same types in all formats |
//!
//! `input` is anything that implements `Read`: a file, a socket, `&[u8]`. The differences come from
//! the formats:
//!
//! - Parquet and Arrow files end with their table of contents, so their input must also implement
//!   `Seek`. It must be owned (`Send + 'static`), since their decoders keep it. Arrow streams need
//!   no `Seek` (`arrow::Options::stream_reader`), and Arrow data can come from memory or another
//!   library (`batch_reader`). Parquet is decoded to Arrow, so both have the same `Reader`.
//! - Arrow is written as a file or a stream (`arrow::Options::format`).
//! - An `.npy` file begins with the number of its rows, so a writer needs it first
//!   (`numpy::Options::rows`).
//! - A CSV has delimiters, spellings of missing values, comments, and perhaps no header
//!   (`csv::Options::delimiter`, `null`, `comment`, `header`).
//! - CSV and JSON lines can be parsed on several threads (`Reader::on_threads`).
//! - Bad lines of a CSV and of JSON can be skipped, set aside and explained (`Options::skip_bad`,
//!   `Reader::skip_bad_to`, `Reader::explain_bad`).

#[cfg(all(test, any(feature = "csv", feature = "json", feature = "parquet")))]
mod alike;
#[cfg(feature = "arrow")]
pub mod arrow;
#[cfg(any(feature = "csv", feature = "json"))]
mod bad_lines;
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
mod column_names;
#[cfg(any(feature = "arrow", feature = "csv", feature = "numpy"))]
mod columns;
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
mod common;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
mod few;
#[cfg(any(feature = "csv", feature = "json", feature = "parquet"))]
mod in_order;
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
mod inferred;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "numpy")]
pub mod numpy;
#[cfg(any(feature = "csv", feature = "json"))]
mod parallel_counts;
#[cfg(any(feature = "csv", feature = "json"))]
mod parallel_lines;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(any(feature = "csv", feature = "json"))]
mod tally;
#[cfg(any(feature = "csv", feature = "json"))]
mod text_blocks;
#[cfg(any(feature = "csv", feature = "json", feature = "parquet"))]
mod threads;
#[cfg(any(feature = "arrow", feature = "numpy"))]
mod typed;

#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
use crate::error::{Result, bail};
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
use crate::schema::{FieldDef, Schema};

/// An error unless these bytes are complete records of this schema.
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
fn check_whole(schema: &Schema, records: &[u8]) -> Result<()> {
    if !records.len().is_multiple_of(schema.width()) {
        bail!(Value, "{} bytes are not whole records of {}: {schema}", records.len(), schema.width());
    }
    Ok(())
}

/// The message for a missing value in a field that is not nullable.
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
#[cold]
fn missing(field: &FieldDef, text: &str) -> String {
    let (name, ty) = (field.name(), field.ty());
    let spelled = if text.is_empty() { String::new() } else { format!(" ({text:?})") };
    let way_out = if field.is_key() {
        "as part of the key it cannot be null; leave the line out, or choose another key".into()
    } else {
        format!("declare the field nullable to allow that, as in {name}: {ty}?")
    };
    format!("field {name:?}: the value, {ty}, is missing{spelled}; {way_out}")
}
