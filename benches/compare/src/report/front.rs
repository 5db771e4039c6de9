//! The order of the stores on the front page, between two comments.

use std::fmt::Write;
use std::path::Path;

use super::results::Results;
use super::targets::PEERS;
use crate::data::Result;
use crate::figure::find;
use crate::show::grouped;

const BEGIN: &str = "<!-- orders: written by benches/compare -->\n";
const END: &str = "<!-- end of orders -->";

/// The workloads on the front page.
const WORKLOADS: [&str; 7] =
    ["get", "scan", "load_sorted", "single_random", "small_median", "update_1", "single_random_bytes"];

/// Writes the table of the most rows at which five stores were measured in all workloads. Leaves a
/// page without the comments as it is.
pub(super) fn write(results: &Results, page: &Path) -> Result<()> {
    let old = std::fs::read_to_string(page).unwrap_or_default();
    let Some((head, rest)) = old.split_once(BEGIN) else { return Ok(()) };
    let Some((_, tail)) = rest.split_once(END) else { return Ok(()) };
    let complete = |&rows: &u64| WORKLOADS.iter().all(|name| order(results, rows, name).len() > 4);
    let Some(rows) = results.rows().into_iter().rev().find(complete) else { return Ok(()) };
    let mut text = format!(
        "{} rows of 20 bytes in the page cache, best first; [the times](docs/benchmarks.md).\n\n\
         | workload | order |\n|---|---|\n",
        grouped(rows)
    );
    for workload in WORKLOADS.iter().filter_map(|name| find(name)) {
        let (name, title) = (workload.name, workload.title);
        let title = title.trim_end_matches(", a row").trim_end_matches(", rows");
        writeln!(text, "| {title} | {} |", order(results, rows, name).join(", "))?;
    }
    std::fs::write(page, format!("{head}{BEGIN}{text}{END}{tail}"))?;
    println!("wrote {}", page.display());
    Ok(())
}

/// The names of the stores, best first. They are compared by their ratios to the yardstick if all
/// have one.
fn order(results: &Results, rows: u64, workload: &str) -> Vec<&'static str> {
    let measured = |&store: &&str| results.figure(rows, workload, store).is_some();
    let stores: Vec<&str> = std::iter::once("drystone").chain(PEERS).filter(measured).collect();
    let time = results.comparable(rows, workload, &stores);
    let mut found: Vec<(f64, &str)> =
        stores.iter().filter_map(|&store| Some((time(store)?, store))).collect();
    found.sort_by(|left, right| f64::total_cmp(&left.0, &right.0));
    found.into_iter().map(|(_, store)| shown(store)).collect()
}

fn shown(store: &str) -> &'static str {
    match store {
        "drystone" => "**Drystone**",
        "lmdb" => "LMDB",
        "rocksdb" => "RocksDB",
        "sqlite" => "SQLite",
        "redb" => "redb",
        _ => "fjall",
    }
}
