//! All workloads of one store, in a process of its own.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::arguments::Arguments;
use crate::data::{Random, Result, Value, key_of_row, sorted_keys};
use crate::figure::{Line, Settings, append};
use crate::machine::version;
use crate::plain::{folder_bytes, pages_written, private_bytes, write_file};
use crate::reads;
use crate::sample::{Samples, median};
use crate::stores::{Reader, Store};
use crate::workload::Run;

/// The most rows in the commits of random inserts; fewer if the store has fewer.
const INSERTS: u64 = 10_000_000;
/// The seed of the random updates and inserts.
const SEED: u64 = 0xD57;

/// Measures one store. Its files are in the folder, and are deleted in between.
pub(crate) fn run<S: Store>(arguments: &Arguments, folder: &Path, rows: u64) -> Result<()> {
    let settings =
        Settings { store: S::NAME.to_owned(), version: version(S::CRATE), settings: S::SETTINGS.to_owned() };
    println!("\n{} {}: {}", settings.store, settings.version, settings.settings);
    append(&arguments.results, &Line::Store(settings))?;
    // Filled before the yardstick, so that its memory is not counted for the store.
    let points: Vec<Value> = (0..rows).map(|row| Value::of_key(key_of_row(row))).collect();
    let run = Run { arguments, rows, points: &points, folder: folder.to_owned() };
    if !S::BY_ROW && S::DURABLE && run.wants("load_unsorted") {
        let repeats = if rows > 1_000_000 { 1 } else { arguments.repeats.min(3) };
        run.load::<S>("load_unsorted", repeats, |store| {
            store.load_unsorted((0..rows).map(key_of_row).map(|key| (key, Value::of_key(key))))
        })?;
    }
    let store = run.load_sorted::<S>()?;
    let store = run.open(store)?;
    reads::run(&run, &store)?;
    let mut store = run.memory(store)?;
    if S::DURABLE {
        run.updates(&mut store)?;
    }
    drop(store);
    run.inserts::<S>()
}

impl Run<'_> {
    /// The folder of the store, empty.
    fn empty(&self) -> Result<PathBuf> {
        let folder = self.folder.join("store");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// Loads `repeats` times, beside plain writes of the same bytes, and returns the last store,
    /// open.
    fn load<S: Store>(
        &self,
        workload: &str,
        repeats: usize,
        load: impl Fn(&mut S) -> Result<()>,
    ) -> Result<S> {
        let bytes = self.rows * if S::BY_ROW { 12 } else { 20 };
        let path = self.folder.join("plain");
        let plain = |_| match S::DURABLE {
            true => write_file(&path, bytes).map(|(_, took)| took / self.rows as f64),
            false => Ok(f64::NAN),
        };
        let mut last = None;
        let mut samples = Samples::interleave(repeats, plain, |_| {
            drop(last.take());
            let mut store = S::open(&self.empty()?)?;
            let begun = Instant::now();
            load(&mut store)?;
            let took = begun.elapsed().as_secs_f64();
            last = Some(store);
            Ok(took / self.rows as f64)
        })?;
        if !S::DURABLE {
            samples.yardsticks.clear();
        }
        // If only later workloads need it, it was loaded once: no median.
        if self.wants(workload) {
            self.tell::<S>(workload, samples)?;
        }
        last.ok_or_else(|| "no repeats".into())
    }

    fn load_sorted<S: Store>(&self) -> Result<S> {
        let repeats = if self.wants("load_sorted") && self.rows <= 10_000_000 { 3 } else { 1 };
        let before = private_bytes();
        let store = if S::BY_ROW {
            self.load("load_sorted", repeats.min(if S::DURABLE { 3 } else { 1 }), |store: &mut S| {
                store.load_sorted(self.points.iter().enumerate().map(|(row, &value)| (row as u64, value)))
            })?
        } else {
            let keys = sorted_keys(self.rows);
            self.load("load_sorted", if S::DURABLE { repeats } else { 1 }, |store: &mut S| {
                store.load_sorted(keys.iter().map(|&key| (key, Value::of_key(key))))
            })?
        };
        if S::DURABLE {
            let bytes = folder_bytes(&self.folder.join("store"))? as f64 / self.rows as f64;
            self.tell::<S>("file_bytes", Samples::alone(vec![bytes]))?;
        } else {
            self.tell::<S>("memory", Samples::alone(vec![(private_bytes() - before) as f64]))?;
        }
        Ok(store)
    }

    /// Opens the store several times, and measures the first get.
    fn open<S: Store>(&self, mut store: S) -> Result<S> {
        if !S::DURABLE || !self.wants("open") {
            return Ok(store);
        }
        let (mut opened, mut first) = (Vec::new(), Vec::new());
        let folder = self.folder.join("store");
        let mut random = Random::new(SEED);
        for _ in 0..9 {
            drop(store);
            let begun = Instant::now();
            store = S::open(&folder)?;
            opened.push(begun.elapsed().as_secs_f64());
            let key = self.key::<S>(random.below(self.rows));
            let begun = Instant::now();
            store.read(|reader| reader.get(key))?.ok_or("a row is not there")?;
            first.push(begun.elapsed().as_secs_f64());
        }
        self.tell::<S>("open", Samples::alone(opened))?;
        self.tell::<S>("first_get", Samples::alone(first))?;
        Ok(store)
    }

    /// Measures the private memory of a process that reads everything.
    fn memory<S: Store>(&self, store: S) -> Result<S> {
        if !S::DURABLE || !self.wants("memory") {
            return Ok(store);
        }
        drop(store);
        let folder = self.folder.join("store");
        let mut reader = std::process::Command::new(std::env::current_exe()?);
        reader.arg("memory").args(["--stores", S::NAME, "--rows", &self.rows.to_string()]);
        let output = reader.arg("--folder").arg(&folder).output()?;
        let bytes: f64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
        self.tell::<S>("memory", Samples::alone(vec![bytes]))?;
        S::open(&folder)
    }

    fn updates<S: Store>(&self, store: &mut S) -> Result<()> {
        let mut random = Random::new(SEED + 1);
        let mut plain =
            write_file(&self.folder.join("plain"), self.rows * if S::BY_ROW { 12 } else { 20 })?.0;
        let many = if self.rows > 10_000_000 { 1 } else { 3 };
        for (workload, updates, commits, repeats) in [
            ("update_1", 1, 50, 5),
            ("update_1000", 1000, 1, 9),
            ("scan_updated", 0, 0, 0),
            ("update_1m", 1_000_000, 1, many),
        ] {
            if !self.wants(workload) {
                continue;
            }
            if workload == "scan_updated" {
                let changes: Vec<(u64, i32)> = changes::<S>(self, &mut random, (self.rows / 100) as usize);
                store.update(&changes)?;
                reads::scan(self, store, workload)?;
                continue;
            }
            // How many pages such a commit writes: of five that do not count, or of the one that
            // does.
            let mut written = Vec::new();
            for _ in 0..if updates < 1_000_000 { 5 } else { 0 } {
                let changes = changes::<S>(self, &mut random, updates);
                let before = pages_written();
                store.update(&changes)?;
                written.push((pages_written() - before) as f64);
            }
            let mut pages = median(written).map_or(u64::MAX, |pages| pages as u64).max(1);
            let mut samples = Samples::interleave(
                repeats,
                |_| {
                    let took: Result<Vec<f64>> = (0..commits).map(|_| plain.write_pages(pages)).collect();
                    Ok(median(took?).unwrap_or(f64::NAN))
                },
                |_| {
                    let mut took = Vec::new();
                    for _ in 0..commits {
                        let changes = changes::<S>(self, &mut random, updates);
                        let begun = Instant::now();
                        store.update(&changes)?;
                        took.push(begun.elapsed().as_secs_f64());
                    }
                    Ok(median(took).unwrap_or(f64::NAN))
                },
            )?;
            if pages == u64::MAX {
                pages = self.rows * if S::BY_ROW { 12 } else { 20 } / 4096;
            }
            samples.pages = Some(pages);
            self.tell::<S>(workload, samples)?;
        }
        Ok(())
    }

    /// Random inserts into an empty store.
    fn inserts<S: Store>(&self) -> Result<()> {
        if !self.wants("insert") || S::BY_ROW {
            return Ok(());
        }
        let rows = self.rows.min(INSERTS);
        let folder = self.empty()?;
        let mut store = S::open(&folder)?;
        let commit_rows = (rows / 10) as usize;
        let mut took = Vec::new();
        for commit in 0..10 {
            let from = commit * rows / 10;
            let piece: Vec<(u64, Value)> = (from..from + commit_rows as u64)
                .map(key_of_row)
                .map(|key| (key, Value::of_key(key)))
                .collect();
            let begun = Instant::now();
            store.insert(&piece)?;
            took.push(begun.elapsed().as_secs_f64());
        }
        let mean = took.iter().sum::<f64>() / (commit_rows * 10) as f64;
        self.tell::<S>("insert", Samples::alone(vec![mean]))?;
        drop(store);
        if S::DURABLE {
            let bytes = folder_bytes(&folder)? as f64 / (commit_rows * 10) as f64;
            self.tell::<S>("insert_bytes", Samples::alone(vec![bytes]))?;
        }
        Ok(())
    }
}

fn changes<S: Store>(run: &Run<'_>, random: &mut Random, count: usize) -> Vec<(u64, i32)> {
    let rows = random.rows(count, run.rows);
    rows.into_iter().map(|row| (run.key::<S>(row), random.next() as i32)).collect()
}

/// Runs in a process of its own: reads everything, then prints its private memory.
pub(crate) fn memory<S: Store>(folder: &Path, rows: u64) -> Result<()> {
    let store = S::open(folder)?;
    let mut random = Random::new(SEED);
    store.read(|reader| {
        reader.scan()?;
        for _ in 0..100_000 {
            let row = random.below(rows);
            reader.get(if S::BY_ROW { row } else { key_of_row(row) })?;
        }
        Ok(())
    })?;
    println!("{}", private_bytes());
    Ok(())
}
