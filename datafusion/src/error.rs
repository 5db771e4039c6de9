//! Errors of the library as errors of DataFusion.

use datafusion::error::DataFusionError;

/// An error of the library, with its message as it is.
pub(crate) fn external(error: drystone::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
