//! Other formats in and out: records come in as a [`RecordSource`](crate::RecordSource) and go out row by row.

#[cfg(feature = "arrow")]
pub mod arrow;
#[cfg(any(feature = "arrow", feature = "csv", feature = "numpy"))]
mod columns;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
mod few;
#[cfg(any(feature = "arrow", feature = "json", feature = "numpy"))]
mod inferred;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "numpy")]
pub mod numpy;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(any(feature = "csv", feature = "json"))]
mod tally;

#[cfg(any(feature = "arrow", feature = "json", feature = "numpy"))]
use inferred::Inferred;

/// An error unless these bytes are whole records of this schema.
#[cfg(any(feature = "arrow", feature = "json", feature = "numpy"))]
fn check_whole(schema: &crate::Schema, records: &[u8]) -> crate::Result<()> {
    if !records.len().is_multiple_of(schema.width()) {
        crate::error::fail!(
            Value,
            "{} bytes are no whole records of {}: {schema}",
            records.len(),
            schema.width()
        );
    }
    Ok(())
}

/// What to say of a missing value where there cannot be one.
#[cfg(any(feature = "arrow", feature = "csv", feature = "json", feature = "numpy"))]
#[cold]
fn missing(field: &crate::FieldDef, text: &str) -> String {
    let (name, ty) = (field.name(), field.ty());
    let spelled = if text.is_empty() { String::new() } else { format!(" ({text:?})") };
    let way_out = if field.is_key() {
        "as part of the key it cannot be null; leave the line out, or choose another key".into()
    } else {
        format!("declare the field nullable to allow that, as in {name}: {ty}?")
    };
    format!("field {name:?}: the value, {ty}, is missing{spelled}; {way_out}")
}
