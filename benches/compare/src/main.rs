//! Measures Drystone beside other embedded stores and beside plain memory: a process per store, and
//! every measurement between two of a yardstick. `all` measures and writes `docs/benchmarks.md`.

mod arguments;
mod data;
mod figure;
mod machine;
mod plain;
mod reads;
mod report;
mod run;
mod sample;
mod show;
mod stores;
mod workload;
mod writes;

use std::path::Path;
use std::process::Command;

use arguments::{Arguments, Job};
use clap::Parser;
use data::Result;
use figure::{Line, append};
use stores::drystone::{Drystone, Keyed, Point};
use stores::{STORES, Store};

/// Something to do with a store, whichever it is.
trait Task {
    fn run<S: Store>(&self) -> Result<()>;
}

fn with_store(name: &str, task: &impl Task) -> Result<()> {
    match name {
        "drystone" => task.run::<Drystone<Keyed>>(),
        "drystone-rows" => task.run::<Drystone<Point>>(),
        "lmdb" => task.run::<stores::lmdb::Lmdb>(),
        "redb" => task.run::<stores::redb::Redb>(),
        #[cfg(feature = "rocksdb")]
        "rocksdb" => task.run::<stores::rocksdb::Rocks>(),
        "fjall" => task.run::<stores::fjall::Fjall>(),
        "sqlite" => task.run::<stores::sqlite::Sqlite>(),
        "vec" => task.run::<stores::memory::Plain>(),
        "sorted-vec" => task.run::<stores::memory::Sorted>(),
        "hashmap" => task.run::<stores::memory::Hash>(),
        "search-tree" => task.run::<stores::memory::Tree>(),
        _ => Err(format!("no store {name:?} was built in; there are {}", STORES.join(", ")).into()),
    }
}

struct Child<'a>(&'a Arguments);

impl Task for Child<'_> {
    fn run<S: Store>(&self) -> Result<()> {
        run::run::<S>(self.0, &self.0.folder, self.0.rows[0])
    }
}

struct Memory<'a>(&'a Arguments);

impl Task for Memory<'_> {
    fn run<S: Store>(&self) -> Result<()> {
        run::memory::<S>(&self.0.folder, self.0.rows[0])
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.job {
        Job::All => {
            measure(&arguments)?;
            report::write(&arguments)
        }
        Job::Run => measure(&arguments),
        Job::Report => report::write(&arguments),
        Job::Child => with_store(first_store(&arguments)?, &Child(&arguments)),
        Job::Memory => with_store(first_store(&arguments)?, &Memory(&arguments)),
    }
}

fn first_store(arguments: &Arguments) -> Result<&str> {
    let first = arguments.stores.first();
    Ok(first.ok_or("--stores is required in a process for one store")?)
}

/// Runs each store in a process of its own, one after the other. If one fails, the others still
/// run.
fn measure(arguments: &Arguments) -> Result<()> {
    let named: Vec<&str> = arguments.stores.iter().map(String::as_str).collect();
    let names = if named.is_empty() { STORES } else { &named };
    let mut failed = Vec::new();
    for &rows in &arguments.rows {
        let machine = machine::machine(&arguments.folder, rows);
        println!("\n== {} rows; load {}", show::grouped(rows), machine.load);
        append(&arguments.results, &Line::Machine(machine))?;
        for name in names {
            let folder = tempfile::tempdir_in(&arguments.folder)?;
            if !child(arguments, name, rows, folder.path())?.success() {
                failed.push(format!("{name} with {rows} rows"));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

fn child(arguments: &Arguments, name: &str, rows: u64, folder: &Path) -> Result<std::process::ExitStatus> {
    let mut child = Command::new(std::env::current_exe()?);
    child.arg("child").args(["--stores", name, "--rows", &rows.to_string()]);
    child.arg("--folder").arg(folder).arg("--results").arg(&arguments.results);
    child.args(["--repeats", &arguments.repeats.to_string(), "--queries", &arguments.queries.to_string()]);
    if !arguments.workloads.is_empty() {
        child.args(["--workloads", &arguments.workloads.join(",")]);
    }
    Ok(child.status()?)
}
