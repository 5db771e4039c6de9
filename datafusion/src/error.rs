//! Errors of the library as errors of DataFusion.

use datafusion::error::DataFusionError;

/// An error of the library, or a message, as it is.
pub(crate) fn external(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DataFusionError {
    DataFusionError::External(error.into())
}
