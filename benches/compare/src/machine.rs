//! The machine, the date, and the versions of the stores.

use std::path::Path;
use std::process::Command;

use crate::figure::Machine;

/// The versions that this program was built with.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The version of a crate; empty if the crate is not in the list.
pub(crate) fn version(name: &str) -> String {
    let between = |text: &str, begin: &str| {
        let rest = text.split_once(begin).map(|(_, rest)| rest.to_owned())?;
        rest.split_once('"').map(|(found, _)| found.to_owned())
    };
    // If there are several versions of a crate, our own dependencies name the right one.
    let ours = LOCK.split("[[package]]").find(|package| package.contains("name = \"drystone-compare\""));
    let named = ours.and_then(|ours| between(ours, &format!("\"{name} ")));
    named.or_else(|| between(LOCK, &format!("name = \"{name}\"\nversion = \""))).unwrap_or_default()
}

pub(crate) fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// The machine and its state now.
pub(crate) fn machine(folder: &Path, rows: u64) -> Machine {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let memory_kib = field(&file("/proc/meminfo"), "MemTotal");
    let memory_kib: u64 = memory_kib.trim_end_matches(" kB").parse().unwrap_or(0);
    Machine {
        processor: field(&file("/proc/cpuinfo"), "model name"),
        threads: std::thread::available_parallelism().map_or(0, usize::from),
        memory_gib: (memory_kib + (1 << 19)) >> 20,
        kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
        file_system: said(Command::new("findmnt").args(["-n", "-o", "FSTYPE", "-T"]).arg(folder)),
        date: said(Command::new("date").args(["-u", "+%Y-%m-%d"])),
        rows,
        load: load_average(),
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
