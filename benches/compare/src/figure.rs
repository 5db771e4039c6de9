//! The workloads, the units in which they are shown, and a measured figure as a line of JSON.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::Result;

/// How a figure is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    /// Operations per second, in millions.
    Millions,
    Bytes,
    Mebibytes,
    Times,
}

impl Unit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unit::Nanoseconds => "ns",
            Unit::Microseconds => "µs",
            Unit::Milliseconds => "ms",
            Unit::Seconds => "s",
            Unit::Millions => "M/s",
            Unit::Bytes => "B",
            Unit::Mebibytes => "MiB",
            Unit::Times => "×",
        }
    }

    /// Converts seconds per operation (or bytes) to this unit.
    pub(crate) fn scale(self, value: f64) -> f64 {
        match self {
            Unit::Nanoseconds => value * 1e9,
            Unit::Microseconds => value * 1e6,
            Unit::Milliseconds => value * 1e3,
            Unit::Seconds | Unit::Bytes | Unit::Times => value,
            Unit::Millions => 1e-6 / value,
            Unit::Mebibytes => value / f64::from(1 << 20),
        }
    }
}

/// A workload.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    /// What the ratio compares with.
    pub(crate) yardstick: &'static str,
}

const fn workload(name: &'static str, title: &'static str, unit: Unit, yardstick: &'static str) -> Workload {
    Workload { name, title, unit, yardstick }
}

const PLAIN_FILE: &str = "plain 1 MiB writes of the rows' bytes and one fdatasync";
const ONE_PAGE: &str = "a plain write of one page and one fdatasync";
const WHOLE_FILE: &str = "plain writes of all pages of the rows' bytes and one fdatasync";

/// All workloads, in the order of the tables.
pub(crate) const WORKLOADS: &[Workload] = &[
    workload("load_sorted", "load, sorted, rows", Unit::Millions, PLAIN_FILE),
    workload("load_unsorted", "load, unsorted, rows", Unit::Millions, PLAIN_FILE),
    workload("file_bytes", "file after the sorted load, a row", Unit::Bytes, ""),
    workload("open", "open", Unit::Microseconds, ""),
    workload("first_get", "first get after opening", Unit::Microseconds, ""),
    workload("get", "random get", Unit::Nanoseconds, "the same of `Vec<Point>`"),
    workload("miss", "get of a key that is not there", Unit::Nanoseconds, "random get of `Vec<Point>`"),
    workload("chain", "dependent chain of gets, each", Unit::Nanoseconds, "the same of `Vec<Point>`"),
    workload(
        "get_many_16",
        "get_many, batches of 16, a key",
        Unit::Nanoseconds,
        "random get of `Vec<Point>`",
    ),
    workload(
        "get_many_256",
        "get_many, batches of 256, a key",
        Unit::Nanoseconds,
        "random get of `Vec<Point>`",
    ),
    workload(
        "get_many_4096",
        "get_many, batches of 4,096, a key",
        Unit::Nanoseconds,
        "random get of `Vec<Point>`",
    ),
    workload("threads_2", "random gets of 2 threads together", Unit::Millions, "the same of `Vec<Point>`"),
    workload("speedup_2", "2 threads, times the gets of one", Unit::Times, ""),
    workload("scan", "scan summing a field, a row", Unit::Nanoseconds, "the same of `&[Point]`"),
    workload(
        "scan_updated",
        "the same after 1 % random updates",
        Unit::Nanoseconds,
        "the same of `&[Point]`",
    ),
    workload("range_100", "range of 100 rows", Unit::Nanoseconds, "the same of `&[Point]`"),
    workload("update_1", "one update, durable", Unit::Microseconds, ONE_PAGE),
    workload("update_10", "ten random updates, one durable commit", Unit::Microseconds, ONE_PAGE),
    workload(
        "small_first",
        "1,000 random updates, one durable commit: the first after the load",
        Unit::Milliseconds,
        ONE_PAGE,
    ),
    workload(
        "small_median",
        "1,000 random updates, one durable commit: the median of a hundred in a row",
        Unit::Milliseconds,
        ONE_PAGE,
    ),
    workload(
        "small_99",
        "1,000 random updates, one durable commit: the 99th percentile of those",
        Unit::Milliseconds,
        ONE_PAGE,
    ),
    workload(
        "update_1m_first",
        "1,000,000 random updates, one durable commit: the first after the load",
        Unit::Seconds,
        WHOLE_FILE,
    ),
    workload(
        "update_1m_second",
        "1,000,000 random updates, one durable commit: the second",
        Unit::Seconds,
        WHOLE_FILE,
    ),
    workload(
        "update_1m_fourth",
        "1,000,000 random updates, one durable commit: the fourth",
        Unit::Seconds,
        WHOLE_FILE,
    ),
    workload("into_full_single", "random inserts into the full table, one by one", Unit::Millions, ""),
    workload(
        "into_full_batches",
        "random inserts into the full table, by batches of 1,000",
        Unit::Millions,
        "",
    ),
    workload("single_random", "inserts one by one, random keys, ten durable commits", Unit::Millions, ""),
    workload("single_random_bytes", "file after random inserts one by one, a row", Unit::Bytes, ""),
    workload("single_ascending", "inserts one by one, ascending keys", Unit::Millions, ""),
    workload("single_ascending_bytes", "file after ascending inserts, a row", Unit::Bytes, ""),
    workload("single_descending", "inserts one by one, descending keys", Unit::Millions, ""),
    workload("single_descending_bytes", "file after descending inserts, a row", Unit::Bytes, ""),
    workload("insert", "random inserts, all of each of the ten commits together", Unit::Millions, ""),
    workload("insert_bytes", "file after inserts together, a row", Unit::Bytes, ""),
    workload("memory", "private memory of a reader", Unit::Mebibytes, ""),
];

pub(crate) fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

/// A line of the results.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(crate) enum Line {
    Machine(Machine),
    Store(Settings),
    Figure(Figure),
}

/// The machine and the time of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) threads: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) file_system: String,
    pub(crate) date: String,
    pub(crate) rows: u64,
    pub(crate) load: f64,
}

/// A store, and how it was set up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) store: String,
    pub(crate) version: String,
    pub(crate) settings: String,
}

/// A median, in seconds per operation, or in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) store: String,
    pub(crate) rows: u64,
    pub(crate) workload: String,
    pub(crate) value: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    pub(crate) repeats: usize,
    /// The yardstick's time, and the median of the ratios of the value to it.
    pub(crate) yardstick: Option<f64>,
    pub(crate) ratio: Option<f64>,
    /// How many pages a durable commit wrote, and the plain writes beside it.
    pub(crate) pages: Option<u64>,
    /// The machine's load average when it was measured.
    pub(crate) load: f64,
}

/// Appends a line to the results.
pub(crate) fn append(path: &Path, line: &Line) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{}\n", serde_json::to_string(line)?).as_bytes())?;
    Ok(())
}

/// Reads the results.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
