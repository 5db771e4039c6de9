//! Other formats in and out: records come in as a [`RecordSource`](crate::RecordSource) and go out row by row.

#[cfg(feature = "csv")]
pub mod csv;
