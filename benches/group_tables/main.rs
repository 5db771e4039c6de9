//! Compares the table that finds the group of a row by a wide key, in `src/query/run/keys.rs`, with
//! `hashbrown::HashTable`: `cargo bench --bench group_tables`. The two take turns in one process;
//! the medians and their ratio are printed.

mod query;

use std::hint::black_box;
use std::time::Instant;

use query::{Ours, WithHashbrown};

const ROWS: usize = 10_000_000;
const RUNS: usize = 9;

/// What both have in common.
trait Table {
    fn new() -> Self;
    fn of_key(&mut self, key: &[u8]) -> u32;
}

/// How long it takes to find the groups of all rows by keys of sixteen bytes.
fn seconds<T: Table>(rows: &[u64]) -> f64 {
    let start = Instant::now();
    let (mut table, mut key) = (T::new(), [0; 16]);
    for row in rows {
        key[..8].copy_from_slice(&row.to_le_bytes());
        key[8..].copy_from_slice(&row.rotate_left(7).to_le_bytes());
        black_box(table.of_key(&key));
    }
    start.elapsed().as_secs_f64()
}

fn compare(groups: usize, ours: impl Fn() -> f64, other: impl Fn() -> f64) {
    let (mut all, mut others) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        all.push(ours());
        others.push(other());
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[RUNS / 2] * 1e9 / ROWS as f64
    };
    let (ours, other) = (median(&mut all), median(&mut others));
    println!(
        "{groups} groups: ours {ours:.1} ns per row, hashbrown {other:.1} ns, ratio {:.2}",
        other / ours
    );
}

fn main() {
    // `cargo test --benches` only checks that it compiles.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut random = fastrand::Rng::with_seed(7);
    for groups in [500, 20_000, 2_000_000] {
        let keys: Vec<u64> = (0..groups).map(|_| random.u64(..)).collect();
        let rows: Vec<u64> = (0..ROWS).map(|_| keys[random.usize(..groups)]).collect();
        compare(groups, || seconds::<Ours>(&rows), || seconds::<WithHashbrown>(&rows));
    }
}
