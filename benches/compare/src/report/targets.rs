//! The targets of Drystone, and what was measured.

use std::fmt::Write;

use super::results::Results;
use crate::data::Result;
use crate::show::{grouped, number};

pub(super) const PEERS: [&str; 5] = ["lmdb", "redb", "rocksdb", "fjall", "sqlite"];
const BY_KEY: &str = "drystone";
const BY_ROW: &str = "drystone-rows";

/// A line of the table: its name, its bound, and how to find the figure for a number of rows.
struct Target {
    what: &'static str,
    bound: Bound,
    found: fn(&Results, u64) -> Option<f64>,
}

enum Bound {
    AtMost(f64, &'static str),
    AtLeast(f64, &'static str),
}
use Bound::{AtLeast, AtMost};

const fn target(what: &'static str, bound: Bound, found: fn(&Results, u64) -> Option<f64>) -> Target {
    Target { what, bound, found }
}

const TARGETS: &[Target] = &[
    target("get by row number", AtMost(1.3, "× yardstick"), |r, n| ratio(r, n, "get", BY_ROW)),
    target("chain by row number", AtMost(1.2, "× yardstick"), |r, n| ratio(r, n, "chain", BY_ROW)),
    target("get by key", AtLeast(4.0, "× LMDB"), |r, n| ahead(r, n, "get", &["lmdb"])),
    target("get by key", AtLeast(5.0, "× redb"), |r, n| ahead(r, n, "get", &["redb"])),
    target("chain by key", AtMost(1.7, "× yardstick"), |r, n| ratio(r, n, "chain", BY_KEY)),
    target("`get_many` by key, 256", AtMost(85.0, "ns"), |r, n| nanoseconds(r, n, "get_many_256")),
    target("`get_many` by key, 4,096", AtMost(75.0, "ns"), |r, n| nanoseconds(r, n, "get_many_4096")),
    target("range of 100 rows", AtMost(1.8, "× yardstick"), |r, n| ratio(r, n, "range_100", BY_KEY)),
    target("2 threads, by key", AtLeast(1.95, "× one"), |r, n| value(r, n, "speedup_2", BY_KEY)),
    target("scan by key", AtMost(1.05, "× yardstick"), |r, n| ratio(r, n, "scan", BY_KEY)),
    target("scan by row number", AtMost(1.05, "× yardstick"), |r, n| ratio(r, n, "scan", BY_ROW)),
    target("scan by key after updates", AtMost(1.11, "× yardstick"), |r, n| {
        ratio(r, n, "scan_updated", BY_KEY)
    }),
    target("scan by row number after updates", AtMost(1.11, "× yardstick"), |r, n| {
        ratio(r, n, "scan_updated", BY_ROW)
    }),
    target("sorted load", AtMost(1.25, "× yardstick"), |r, n| ratio(r, n, "load_sorted", BY_KEY)),
    target("sorted load", AtLeast(6.0, "× best peer"), |r, n| ahead(r, n, "load_sorted", &PEERS)),
    target("unsorted load", AtLeast(4.0, "× best peer"), |r, n| ahead(r, n, "load_unsorted", &PEERS)),
    target("one durable update", AtMost(1.2, "× yardstick"), |r, n| ratio(r, n, "update_1", BY_KEY)),
    target("one durable update", AtLeast(1.0, "× SQLite"), |r, n| ahead(r, n, "update_1", &["sqlite"])),
    target("ten updates a commit", AtMost(1.3, "× yardstick"), |r, n| ratio(r, n, "update_10", BY_KEY)),
    target("1,000 updates a commit, the median of a hundred", AtMost(1.2, "× fjall"), |r, n| {
        ahead(r, n, "small_median", &["fjall"]).map(f64::recip)
    }),
    target("the 99th percentile of them", AtMost(3.0, "× the median"), |r, n| {
        times(r, n, "small_99", "small_median")
    }),
    target("1,000,000 updates a commit, the first", AtMost(1.3, "× yardstick"), |r, n| {
        ratio(r, n, "update_1m_first", BY_KEY)
    }),
    target("the second", AtMost(1.3, "× yardstick"), |r, n| ratio(r, n, "update_1m_second", BY_KEY)),
    target("the second", AtLeast(3.0, "× best peer"), |r, n| ahead(r, n, "update_1m_second", &PEERS)),
    target("the fourth", AtMost(1.3, "× yardstick"), |r, n| ratio(r, n, "update_1m_fourth", BY_KEY)),
    target("random inserts one by one", AtLeast(2.5, "× best peer"), |r, n| {
        ahead(r, n, "single_random", &PEERS)
    }),
    target("ascending inserts one by one", AtLeast(1.0, "× random"), |r, n| {
        times(r, n, "single_random", "single_ascending")
    }),
    target("descending inserts one by one", AtLeast(1.0, "× random"), |r, n| {
        times(r, n, "single_random", "single_descending")
    }),
    target("file after random inserts", AtMost(28.0, "B a row"), |r, n| {
        value(r, n, "single_random_bytes", BY_KEY)
    }),
    target("file after ascending inserts", AtMost(22.3, "B a row"), |r, n| {
        value(r, n, "single_ascending_bytes", BY_KEY)
    }),
    target("file after descending inserts", AtMost(22.3, "B a row"), |r, n| {
        value(r, n, "single_descending_bytes", BY_KEY)
    }),
    target("batches of 1,000 into the full table", AtLeast(4.0, "× single inserts"), |r, n| {
        times(r, n, "into_full_single", "into_full_batches")
    }),
    target("random inserts together", AtLeast(3.0, "× best peer"), |r, n| ahead(r, n, "insert", &PEERS)),
    target("open", AtMost(1000.0, "µs"), |r, n| value(r, n, "open", BY_KEY).map(|time| time * 1e6)),
    target("first get", AtMost(1000.0, "µs"), |r, n| {
        value(r, n, "first_get", BY_KEY).map(|time| time * 1e6)
    }),
    target("get by key, growth from the fewest rows", AtMost(2.5, "×"), |r, n| growth(r, n, "get")),
    target("`get_many`, growth from the fewest rows", AtMost(3.0, "×"), |r, n| growth(r, n, "get_many_256")),
];

fn value(results: &Results, rows: u64, workload: &str, store: &str) -> Option<f64> {
    results.figure(rows, workload, store).map(|figure| figure.value)
}

fn nanoseconds(results: &Results, rows: u64, workload: &str) -> Option<f64> {
    value(results, rows, workload, BY_KEY).map(|time| time * 1e9)
}

/// The time of one workload in times of another.
fn times(results: &Results, rows: u64, workload: &str, of: &str) -> Option<f64> {
    Some(value(results, rows, workload, BY_KEY)? / value(results, rows, of, BY_KEY)?)
}

fn ratio(results: &Results, rows: u64, workload: &str, store: &str) -> Option<f64> {
    results.figure(rows, workload, store).and_then(|figure| figure.ratio)
}

/// How many times as fast as the fastest of these stores.
fn ahead(results: &Results, rows: u64, workload: &str, peers: &[&str]) -> Option<f64> {
    let all: Vec<&str> = peers.iter().copied().chain([BY_KEY]).collect();
    let time = results.comparable(rows, workload, &all);
    let best = peers.iter().filter_map(|peer| time(peer)).reduce(f64::min)?;
    Some(best / time(BY_KEY)?)
}

fn growth(results: &Results, rows: u64, workload: &str) -> Option<f64> {
    let fewest = *results.rows().first()?;
    let before = value(results, fewest, workload, BY_KEY)?;
    (fewest < rows).then(|| value(results, rows, workload, BY_KEY).map(|after| after / before))?
}

/// Writes a table with a column for each number of rows. Missed targets are bold.
pub(super) fn write(text: &mut String, results: &Results) -> Result<()> {
    text.push_str(
        "The targets are for 100 million rows. Missed targets are in bold. Reads and loads are compared with\n\
         peers by their ratios to the yardstick of the same run.\n\n",
    );
    let rows = results.rows();
    let columns: Vec<String> = rows.iter().map(|&rows| format!("{} rows", grouped(rows))).collect();
    writeln!(text, "| | target | {} |", columns.join(" | "))?;
    writeln!(text, "|---|---|{}", "---|".repeat(rows.len()))?;
    for target in TARGETS {
        let (bound, unit, least) = match target.bound {
            AtMost(bound, unit) => (bound, unit, false),
            AtLeast(bound, unit) => (bound, unit, true),
        };
        let cells = rows.iter().map(|&rows| match (target.found)(results, rows) {
            None => String::new(),
            Some(found) if (found >= bound) == least || found == bound => exact(found),
            Some(found) => format!("**{}**", exact(found)),
        });
        let cells: Vec<String> = cells.collect();
        let side = if least { "at least" } else { "at most" };
        writeln!(text, "| {} | {side} {bound} {unit} | {} |", target.what, cells.join(" | "))?;
    }
    Ok(())
}

/// Two decimals, so that 1.04 does not become 1.0.
fn exact(found: f64) -> String {
    if found < 100.0 { format!("{found:.2}") } else { number(found) }
}
