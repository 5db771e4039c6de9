//! `docs/benchmarks.md`, its charts, and the table of the front page, from the results. If a figure
//! was measured more than once, the last one counts.

mod charts;
mod front;
mod results;
mod targets;

use std::fmt::Write;
use std::path::Path;

use crate::arguments::Arguments;
use crate::data::Result;
use crate::figure::{WORKLOADS, read};
use crate::show::{cell, grouped, number};
use results::{ALL_STORES, Results};

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
    // Figures of other programs: queries and indexes. The text begins with an empty line.
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
    front::write(&results, &arguments.docs.join("../README.md"))
}

/// A text that people wrote, without the comment at its beginning.
fn written(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().skip_while(|line| line.starts_with("<!--")).map(|line| format!("{line}\n")).collect()
}

const HEAD: &str = "\
# Benchmarks

Drystone compared with other embedded stores and with plain memory. A row is a random `u64` key
and a value of three `i32`; `drystone-rows` and `vec` find the same values by row number.
Everything is in the page cache; data larger than memory was not measured. Times are medians of
wall time. The number in brackets is the time divided by that of a yardstick, which is measured
before and after in the same process. On a machine with other work, this ratio is more reliable
than the time. Each store is set up as [its documentation advises](#versions-and-settings).
`search-tree` and `hashmap` are the limits of look-ups: a static search tree and a hash table in
memory, which cannot be stored, nor changed (the tree) or sorted (the table). [How it was
measured](#how-it-was-measured) has the details. [Targets](#targets) lists the targets, met and
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

What a store does once can differ from what it does in the long run. So small commits are measured
a hundred times in a row, and a million updates twice. Inserts are measured one by one, by
batches, and all rows of a commit together. Rows of an unsorted load are sorted in memory before
they are passed to a peer, because that is faster for each of them; so are updates, and inserts
except single ones. Drystone sorts rows itself, in bounded memory.

A time is the median of several repeats. Each repeat runs between two measurements of a yardstick
in the same process, and the number in brackets is the median of the ratios. The yardstick is
`Vec<Point>` for reads, and plain writes and one `fdatasync` for loads and commits. Workloads
compare what they read with what was stored. `benches/instructions` counts the instructions of
Drystone's hot paths, which do not depend on other work of the machine.
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
