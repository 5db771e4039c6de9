//! Other formats in and out: records come in as a [`RecordSource`](crate::RecordSource) and go out row by row.

#[cfg(feature = "arrow")]
pub mod arrow;
#[cfg(any(feature = "arrow", feature = "csv"))]
mod columns;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg(feature = "parquet")]
pub mod parquet;

/// An error unless these bytes are whole records of this schema.
#[cfg(feature = "arrow")]
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
