//! Queries on many nodes, by Ballista: one scheduler, any number of executors, and clients.

mod client;
mod codec;
mod executor;
mod placement;
mod question;
mod scheduler;

use datafusion::error::DataFusionError;

pub use client::Client;
pub use executor::{ExecutorOptions, run_executor};
pub use scheduler::run_scheduler;

/// How the name of an executor ends that has folders of its own. The name is the only thing that an
/// executor is free to choose when it registers.
const APART: &str = "-with-shards";

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
