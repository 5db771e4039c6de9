//! Other formats in and out: records come in as a [`RecordSource`](crate::RecordSource) and go out
//! row by row.
//!
//! All five formats have the same shape, so that a program that knows one knows the others:
//!
//! | | |
//! |---|---|
//! | `Options` | how to read and write, set call by call; all have `new()`, `name(…)` for messages and `ignore_unknown(…)` |
//! | `Options::reader(&schema, input) -> Result<Reader>` | a `RecordSource` of records of this schema, matched by name |
//! | `Options::infer(input) -> Result<Inferred>` | the schema that holds the input, and why |
//! | `Options::writer(&schema, output) -> Result<Writer>` | `write(row)`, `write_all(rows)`, `write_records(bytes)`, and `finish()`, which gives the output back |
//! | `Reader`, `Writer` | `schema()` gives the schema |
//! | `Inferred`, `Column` | the same types in all formats |
//!
//! `input` is anything that implements `Read`: a file, a socket, `&[u8]`. Where a format differs,
//! the format forces it:
//!
//! - Parquet and Arrow files have their table of contents at the end, so their input is also
//!   `Seek`, and it is owned (`Send + 'static`), since their decoders keep it. Arrow streams need
//!   no `Seek` (`arrow::Options::stream_reader`), and Arrow data can come from memory or another
//!   library (`batch_reader`). Parquet is decoded to Arrow, so both have the same `Reader`.
//! - Arrow is written in one of two forms (`arrow::Options::format`).
//! - An `.npy` file begins with the number of its rows, so a writer must be told it
//!   (`numpy::Options::rows`).
//! - A CSV has delimiters, spellings of missing values, and bad lines that can be skipped
//!   (`csv::Options::delimiter`, `null`, `skip_bad`).

#[cfg(feature = "arrow")]
pub mod arrow;
#[cfg(any(feature = "arrow", feature = "csv", feature = "numpy"))]
mod columns;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
mod few;
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
mod inferred;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "numpy")]
pub mod numpy;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(any(feature = "csv", feature = "json"))]
mod tally;

#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
use crate::error::{Result, fail};
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
use crate::schema::{FieldDef, Schema};

/// An error unless these bytes are whole records of this schema.
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
fn check_whole(schema: &Schema, records: &[u8]) -> Result<()> {
    if !records.len().is_multiple_of(schema.width()) {
        fail!(Value, "{} bytes are no whole records of {}: {schema}", records.len(), schema.width());
    }
    Ok(())
}

/// What to say of a missing value where there cannot be one.
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
