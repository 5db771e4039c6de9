//! The workloads that write: updates in small and in large commits, and inserts into an empty table
//! and into a full one.

use std::time::Instant;

use crate::data::{Random, Result, Value, key_of_row, sorted_keys};
use crate::plain::{PlainFile, folder_bytes, pages_written, write_file};
use crate::reads;
use crate::sample::{Samples, median};
use crate::stores::{Store, Way};
use crate::workload::Run;

/// The most rows that are inserted into an empty table; fewer if the store has fewer.
const INSERTS: u64 = 10_000_000;
/// The most rows that are inserted into a full table: a tenth of its rows.
const INSERTS_INTO_FULL: u64 = 1_000_000;
const BATCH_ROWS: usize = 1000;
/// The seed of the random updates.
const SEED: u64 = 0xD58;

/// Measures the selected workloads. The store is as it was loaded.
pub(crate) fn run<S: Store>(run: &Run<'_>, store: S) -> Result<()> {
    if S::DURABLE {
        run.updates(store)?;
    } else {
        drop(store);
    }
    if S::BY_ROW || S::STATIC {
        return Ok(());
    }
    if S::INSERTS {
        run.inserts_into_full::<S>("into_full_single", Way::Single)?;
        run.inserts_into_full::<S>("into_full_batches", Way::Batches(BATCH_ROWS))?;
        run.inserts::<S>("single_random", "single_random_bytes", Way::Single, Order::Random)?;
        run.inserts::<S>("single_ascending", "single_ascending_bytes", Way::Single, Order::Ascending)?;
        run.inserts::<S>("single_descending", "single_descending_bytes", Way::Single, Order::Descending)?;
    }
    run.inserts::<S>("insert", "insert_bytes", Way::Together, Order::Random)
}

/// The order in which keys are inserted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Random,
    Ascending,
    Descending,
}

impl Run<'_> {
    fn wants_any(&self, workloads: &[&str]) -> bool {
        workloads.iter().any(|workload| self.wants(workload))
    }

    fn updates<S: Store>(&self, mut store: S) -> Result<()> {
        let mut random = Random::new(SEED);
        let mut plain = self.plain_file::<S>()?;
        // First, because the first commits after a load may differ from the later ones.
        if self.wants_any(&["small_first", "small_median", "small_99"]) {
            self.small_commits(&mut store, &mut random, &mut plain)?;
        }
        self.few(&mut store, &mut random, &mut plain, "update_1", 1)?;
        self.few(&mut store, &mut random, &mut plain, "update_10", 10)?;
        if self.wants("scan_updated") {
            store.update(&self.changes::<S>(&mut random, (self.rows / 100) as usize))?;
            reads::scan(self, &store, "scan_updated")?;
        }
        drop(store);
        if self.wants_any(&["update_1m_first", "update_1m_second", "update_1m_fourth"]) {
            self.large_commits::<S>(&mut random, &mut plain)?;
        }
        Ok(())
    }

    /// A file of as many bytes as the rows have.
    fn plain_file<S: Store>(&self) -> Result<PlainFile> {
        Ok(write_file(&self.folder.join("plain"), self.rows * if S::BY_ROW { 12 } else { 20 })?.0)
    }

    fn changes<S: Store>(&self, random: &mut Random, count: usize) -> Vec<(u64, i32)> {
        let rows = random.rows(count, self.rows);
        rows.into_iter().map(|row| (self.key::<S>(row), random.next() as i32)).collect()
    }

    /// A hundred commits of 1,000 random updates in a row: the first one, the median, and the 99th
    /// percentile.
    fn small_commits<S: Store>(
        &self,
        store: &mut S,
        random: &mut Random,
        plain: &mut PlainFile,
    ) -> Result<()> {
        let before = one_page(plain)?;
        let (mut took, pages_before) = (Vec::new(), pages_written());
        for _ in 0..100 {
            let changes = self.changes::<S>(random, 1000);
            let begun = Instant::now();
            store.update(&changes)?;
            took.push(begun.elapsed().as_secs_f64());
        }
        let pages = (pages_written() - pages_before) / 100;
        let yardstick = (before + one_page(plain)?) / 2.0;
        let first = took[0];
        let mut ranked = took.clone();
        ranked.sort_unstable_by(f64::total_cmp);
        for (workload, values) in
            [("small_first", vec![first]), ("small_median", took), ("small_99", vec![ranked[98]])]
        {
            let yardsticks = vec![yardstick; values.len()];
            self.tell::<S>(workload, Samples { values, yardsticks, pages: Some(pages) })?;
        }
        Ok(())
    }

    /// Durable commits of a few updates, beside as many of a plain page.
    fn few<S: Store>(
        &self,
        store: &mut S,
        random: &mut Random,
        plain: &mut PlainFile,
        workload: &str,
        updates: usize,
    ) -> Result<()> {
        if !self.wants(workload) {
            return Ok(());
        }
        let pages_before = pages_written();
        for _ in 0..5 {
            store.update(&self.changes::<S>(random, updates))?;
        }
        let pages = (pages_written() - pages_before).div_ceil(5);
        let mut samples = Samples::interleave(
            5,
            |_| one_page(plain),
            |_| {
                let mut took = Vec::new();
                for _ in 0..50 {
                    let changes = self.changes::<S>(random, updates);
                    let begun = Instant::now();
                    store.update(&changes)?;
                    took.push(begun.elapsed().as_secs_f64());
                }
                Ok(median(took).unwrap_or(f64::NAN))
            },
        )?;
        samples.pages = Some(pages);
        self.tell::<S>(workload, samples)
    }

    /// A million random updates in one commit, right after a load and three times more, each
    /// between two plain writes of all pages.
    fn large_commits<S: Store>(&self, random: &mut Random, plain: &mut PlainFile) -> Result<()> {
        let mut all = [const { Samples { values: Vec::new(), yardsticks: Vec::new(), pages: None } }; 4];
        for _ in 0..if self.rows > 10_000_000 { 1 } else { 3 } {
            let mut store: S = self.loaded()?;
            let mut before = plain.write_pages(u64::MAX)?;
            for samples in &mut all {
                let changes = self.changes::<S>(random, 1_000_000);
                let pages_before = pages_written();
                let begun = Instant::now();
                store.update(&changes)?;
                samples.values.push(begun.elapsed().as_secs_f64());
                samples.pages = Some(pages_written() - pages_before);
                let after = plain.write_pages(u64::MAX)?;
                samples.yardsticks.push((before + after) / 2.0);
                before = after;
            }
        }
        let [first, second, _, fourth] = all;
        self.tell::<S>("update_1m_first", first)?;
        self.tell::<S>("update_1m_second", second)?;
        self.tell::<S>("update_1m_fourth", fourth)
    }

    /// Inserts random rows into a table that is loaded, in one durable commit.
    fn inserts_into_full<S: Store>(&self, workload: &str, way: Way) -> Result<()> {
        if !self.wants(workload) {
            return Ok(());
        }
        let mut store: S = self.loaded()?;
        let rows = (self.rows / 10).min(INSERTS_INTO_FULL);
        let rows = rows_of((self.rows..self.rows + rows).map(key_of_row));
        let begun = Instant::now();
        store.insert(&rows, way)?;
        let took = begun.elapsed().as_secs_f64();
        self.tell::<S>(workload, Samples::alone(vec![took / rows.len() as f64]))
    }

    /// Inserts into an empty store in ten commits.
    fn inserts<S: Store>(&self, workload: &str, bytes_workload: &str, way: Way, order: Order) -> Result<()> {
        if !self.wants_any(&[workload, bytes_workload]) {
            return Ok(());
        }
        let rows = self.rows.min(INSERTS);
        let mut keys: Vec<u64> = match order {
            Order::Random => (0..rows).map(key_of_row).collect(),
            Order::Ascending | Order::Descending => sorted_keys(rows),
        };
        if order == Order::Descending {
            keys.reverse();
        }
        let folder = self.empty()?;
        let mut store = S::open(&folder)?;
        let mut took = 0.0;
        for keys in keys.chunks((rows as usize).div_ceil(10)) {
            let piece = rows_of(keys.iter().copied());
            let begun = Instant::now();
            store.insert(&piece, way)?;
            took += begun.elapsed().as_secs_f64();
        }
        self.tell::<S>(workload, Samples::alone(vec![took / rows as f64]))?;
        drop(store);
        if S::DURABLE {
            let bytes = folder_bytes(&folder)? as f64 / rows as f64;
            self.tell::<S>(bytes_workload, Samples::alone(vec![bytes]))?;
        }
        Ok(())
    }
}

/// The time of a plain write of one page and one `fdatasync`: the median of fifty.
fn one_page(plain: &mut PlainFile) -> Result<f64> {
    let took: Result<Vec<f64>> = (0..50).map(|_| plain.write_pages(1)).collect();
    Ok(median(took?).unwrap_or(f64::NAN))
}

fn rows_of(keys: impl Iterator<Item = u64>) -> Vec<(u64, Value)> {
    keys.map(|key| (key, Value::of_key(key))).collect()
}
