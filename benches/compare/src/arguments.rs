//! The arguments of the program.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures Drystone beside other embedded stores and beside plain memory.
#[derive(Parser)]
pub(crate) struct Arguments {
    #[arg(value_enum, default_value = "all")]
    pub(crate) job: Job,
    /// Numbers of rows
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = number, default_value = "1000000,10000000")]
    pub(crate) rows: Vec<u64>,
    /// Stores; by default all that were built in
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) stores: Vec<String>,
    /// Workloads; by default all
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) workloads: Vec<String>,
    /// How often to repeat each measurement
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) repeats: usize,
    /// How many gets are in each repeat
    #[arg(long, value_name = "N", default_value_t = 500_000)]
    pub(crate) queries: usize,
    /// Where the files of the stores are made, and deleted; by default the system's temporary
    /// folder
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir(), hide_default_value = true)]
    pub(crate) folder: PathBuf,
    /// The file of results: JSON, a line per figure; by default docs/benchmarks/results.jsonl
    #[arg(long, value_name = "FILE", default_value_os_t = docs().join("benchmarks/results.jsonl"), hide_default_value = true)]
    pub(crate) results: PathBuf,
    /// Where the report goes; by default docs
    #[arg(long, value_name = "DIR", default_value_os_t = docs(), hide_default_value = true)]
    pub(crate) docs: PathBuf,
}

/// What to do.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Job {
    /// Run, then report
    All,
    /// Measure, and append to the results
    Run,
    /// Make docs/benchmarks.md and its charts from the results
    Report,
    /// Measure the first store, in this process: what `run` starts for each store.
    #[value(hide = true)]
    Child,
    /// Measure the private memory of the first store, in this process: what a child starts.
    #[value(hide = true)]
    Memory,
}

/// The folder `docs` of the repository.
fn docs() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root).join("docs")
}

/// A number, perhaps with underscores between its digits.
fn number(text: &str) -> Result<u64, std::num::ParseIntError> {
    text.replace('_', "").parse()
}
