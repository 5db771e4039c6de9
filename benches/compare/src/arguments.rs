//! What the command line asks for.

use std::path::PathBuf;

use crate::data::Result;

/// How the program is called.
pub(crate) const USAGE: &str = "\
usage: drystone-compare [all | run | report] [options]

  all      run, then report (the default)
  run      measures, and appends to the results
  report   makes docs/benchmarks.md and its charts from the results

  --rows N,N         rows (1000000,10000000)
  --stores A,B       stores (all that were built in)
  --workloads A,B    workloads (all)
  --repeats N        repeats of each measurement (5)
  --queries N        gets in each repeat (500000)
  --folder DIR       where the stores' files are made, and deleted (the system's temporary folder)
  --results FILE     JSON, a line a figure (docs/benchmarks/results.jsonl)
  --docs DIR         where the report goes (docs)";

/// The options, with their defaults.
pub(crate) struct Arguments {
    pub(crate) command: String,
    pub(crate) rows: Vec<u64>,
    pub(crate) stores: Vec<String>,
    pub(crate) workloads: Vec<String>,
    pub(crate) repeats: usize,
    pub(crate) queries: usize,
    pub(crate) folder: PathBuf,
    pub(crate) results: PathBuf,
    pub(crate) docs: PathBuf,
}

impl Arguments {
    pub(crate) fn parse(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let docs = root.canonicalize().unwrap_or(root).join("docs");
        let mut arguments = Arguments {
            command: "all".to_owned(),
            rows: vec![1_000_000, 10_000_000],
            stores: Vec::new(),
            workloads: Vec::new(),
            repeats: 5,
            queries: 500_000,
            folder: std::env::temp_dir(),
            results: docs.join("benchmarks/results.jsonl"),
            docs,
        };
        while let Some(name) = given.next() {
            if !name.starts_with("--") {
                arguments.command = name;
                continue;
            }
            let value = given.next().ok_or_else(|| format!("{name} takes a value\n{USAGE}"))?;
            let list = || value.split(',').map(str::to_owned).collect();
            match name.as_str() {
                "--rows" => {
                    arguments.rows = value
                        .split(',')
                        .map(|rows| rows.replace('_', "").parse())
                        .collect::<std::result::Result<_, _>>()?;
                }
                "--stores" => arguments.stores = list(),
                "--workloads" => arguments.workloads = list(),
                "--repeats" => arguments.repeats = value.parse()?,
                "--queries" => arguments.queries = value.parse()?,
                "--folder" => arguments.folder = value.into(),
                "--results" => arguments.results = value.into(),
                "--docs" => arguments.docs = value.into(),
                _ => return Err(format!("{name}?\n{USAGE}").into()),
            }
        }
        Ok(arguments)
    }
}
