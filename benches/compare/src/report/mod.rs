//! `docs/benchmarks.md` and its charts, from the results. Of figures that were measured again, the last one counts.

mod charts;
mod targets;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::STORES;
use crate::arguments::Arguments;
use crate::data::Result;
use crate::figure::{Figure, Line, Machine, Settings, WORKLOADS, read};
use crate::show::{cell, grouped, number};

/// What was measured, by rows, workload and store.
#[derive(Default)]
pub(crate) struct Results {
    figures: BTreeMap<(u64, String, String), Figure>,
    settings: BTreeMap<String, Settings>,
    /// The newest run of each number of rows.
    machines: BTreeMap<u64, Machine>,
}

impl Results {
    fn gather(lines: Vec<Line>) -> Results {
        let mut results = Results::default();
        for line in lines {
            match line {
                Line::Machine(machine) => drop(results.machines.insert(machine.rows, machine)),
                Line::Store(settings) => drop(results.settings.insert(settings.store.clone(), settings)),
                Line::Figure(figure) => {
                    let key = (figure.rows, figure.workload.clone(), figure.store.clone());
                    results.figures.insert(key, figure);
                }
            }
        }
        results
    }

    pub(crate) fn figure(&self, rows: u64, workload: &str, store: &str) -> Option<&Figure> {
        self.figures.get(&(rows, workload.to_owned(), store.to_owned()))
    }

    /// Numbers of rows, ascending.
    pub(crate) fn rows(&self) -> Vec<u64> {
        self.machines.keys().copied().collect()
    }

    /// The stores that have a figure of this workload, in the order of the tables.
    pub(crate) fn stores(&self, rows: u64, workload: Option<&str>) -> Vec<&str> {
        let has = |store: &str| {
            self.figures.keys().any(|key| {
                key.0 == rows && key.2 == store && workload.is_none_or(|workload| key.1 == workload)
            })
        };
        ALL_STORES.iter().copied().filter(|store| has(store)).collect()
    }
}

/// Those that were not built in may be in the results.
const ALL_STORES: &[&str] = &[
    "drystone",
    "drystone-rows",
    "lmdb",
    "redb",
    "rocksdb",
    "fjall",
    "sqlite",
    "vec",
    "sorted-vec",
    "hashmap",
];
const _: () = assert!(STORES.len() <= ALL_STORES.len());

/// Writes the page and the charts.
pub(crate) fn write(arguments: &Arguments) -> Result<()> {
    let results = Results::gather(read(&arguments.results)?);
    let folder = arguments.docs.join("benchmarks");
    std::fs::create_dir_all(&folder)?;
    let charts = charts::write(&results, &folder)?;
    let mut text = String::from(HEAD);
    for rows in results.rows() {
        table(&mut text, &results, rows)?;
    }
    text += "\n## Charts\n\n";
    for (file, title) in charts {
        write!(text, "![{title}](benchmarks/{file})\n\n")?;
    }
    // What other programs measured: queries and indexes. It begins with an empty line.
    text += written(&folder.join("queries.md")).trim_start();
    text += METHOD;
    machine(&mut text, &results)?;
    settings(&mut text, &results)?;
    text += "\n## Targets\n\n";
    targets::write(&mut text, &results)?;
    // Why a target is missed, and what it would take.
    text += &written(&folder.join("notes.md"));
    std::fs::write(arguments.docs.join("benchmarks.md"), text)?;
    println!("wrote {}", arguments.docs.join("benchmarks.md").display());
    Ok(())
}

/// What people wrote, without the comment at its head.
fn written(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().skip_while(|line| line.starts_with("<!--")).map(|line| format!("{line}\n")).collect()
}

const HEAD: &str = "\
# Benchmarks

Drystone compared with other embedded stores and with plain memory. A row is a random `u64` key and
a value of three `i32`; `drystone-rows` and `vec` find the same values by row number. Everything is
in the page cache; data larger than memory was not measured. Times are medians of wall time. The
number in brackets is the time divided by that of a yardstick, which is measured before and after in
the same process. On a machine with other work, this ratio is more reliable than the time. [How it
was measured](#how-it-was-measured) has the details. [Targets](#targets) lists the targets, met and
missed.
";

const METHOD: &str = "
## How it was measured

One command measures each store in a separate process, then writes this page. `report` instead of
`all` only writes the page. `--stores drystone --workloads get,scan` measures some stores or
workloads again. RocksDB needs a C++ compiler and libclang, and compiles for half an hour. If
stddef.h is not found, set `BINDGEN_EXTRA_CLANG_ARGS=-I$(gcc -print-file-name=include)`.

```sh
cargo run --release -p drystone-compare -- all --rows 1000000,10000000
cargo run --release -p drystone-compare --features rocksdb -- all
```

A time is the median of several repeats. Each repeat runs between two measurements of a yardstick in
the same process, and the number in brackets is the median of the ratios. The yardstick is
`Vec<Point>` for reads, and plain writes and one `fdatasync` for loads and commits. Workloads compare
what they read with what was stored. `benches/instructions` counts the instructions of Drystone's hot
paths, which do not depend on other work of the machine.
";

fn machine(text: &mut String, results: &Results) -> Result<()> {
    text.push('\n');
    for machine in results.machines.values() {
        let all =
            results.figures.values().filter(|figure| figure.rows == machine.rows).map(|figure| figure.load);
        let (low, high) =
            all.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), load| (low.min(load), high.max(load)));
        writeln!(
            text,
            "- {} rows: {}, {} processors: {}, {} GiB, Linux {}, {};\n  load average between {} and {} \
             during the run, of which the benchmark itself is 1",
            grouped(machine.rows),
            machine.date,
            machine.threads,
            machine.processor,
            machine.memory_gib,
            machine.kernel,
            machine.file_system,
            number(low),
            number(high),
        )?;
    }
    Ok(())
}

fn table(text: &mut String, results: &Results, rows: u64) -> Result<()> {
    let stores = results.stores(rows, None);
    writeln!(text, "\n## {} rows\n", grouped(rows))?;
    writeln!(text, "| | unit | {} |", stores.join(" | "))?;
    writeln!(text, "|---|---|{}", "---|".repeat(stores.len()))?;
    for workload in WORKLOADS {
        let figure = |store: &&str| {
            results.figure(rows, workload.name, store).map_or(String::new(), |figure| cell(workload, figure))
        };
        let cells: Vec<String> = stores.iter().map(figure).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            writeln!(text, "| {} | {} | {} |", workload.title, workload.unit.name(), cells.join(" | "))?;
        }
    }
    Ok(())
}

fn settings(text: &mut String, results: &Results) -> Result<()> {
    writeln!(text, "\n### The yardstick of each workload\n\n| | yardstick |\n|---|---|")?;
    for workload in WORKLOADS.iter().filter(|workload| !workload.yardstick.is_empty()) {
        writeln!(text, "| {} | {} |", workload.title, workload.yardstick)?;
    }
    writeln!(text, "\n### Versions and settings\n\n| store | crate's version | set up |\n|---|---|---|")?;
    for store in ALL_STORES {
        if let Some(store) = results.settings.get(*store) {
            writeln!(text, "| {} | {} | {} |", store.store, store.version, store.settings)?;
        }
    }
    Ok(())
}
