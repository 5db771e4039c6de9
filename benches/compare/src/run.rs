//! All workloads of one store, in a process of its own.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::arguments::Arguments;
use crate::data::{Random, Result, Value, key_of_row, sorted_keys};
use crate::figure::{Line, Settings, append};
use crate::machine::version;
use crate::plain::{folder_bytes, private_bytes, write_file};
use crate::reads;
use crate::sample::Samples;
use crate::stores::{Reader, Store};
use crate::workload::Run;
use crate::writes;

/// The seed of the random gets.
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
    let store = run.memory(store)?;
    writes::run(&run, store)
}

impl Run<'_> {
    /// The folder of the store, empty.
    pub(crate) fn empty(&self) -> Result<PathBuf> {
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

    /// The store with all rows, as after the sorted load.
    pub(crate) fn loaded<S: Store>(&self) -> Result<S> {
        let mut store = S::open(&self.empty()?)?;
        if S::BY_ROW {
            let rows = self.points.iter().enumerate().map(|(row, &value)| (row as u64, value));
            store.load_sorted(rows)?;
        } else {
            store.load_sorted(sorted_keys(self.rows).into_iter().map(|key| (key, Value::of_key(key))))?;
        }
        Ok(store)
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
