//! What some calls cost beside others, as ratios of one run: medians of turns that alternate.
//!
//!     cargo run --release -p drystone --example costs

use std::hint::black_box;
use std::time::{Duration, Instant};

use drystone::{Database, Record, Result};

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Row {
    #[record(key)]
    id: u64,
    x: i32,
    y: i32,
    z: i32,
}

const ROWS: u64 = 10_000_000;
const TABLE: &str = "rows";

fn main() -> Result<()> {
    let db = Database::temporary()?;
    let rows = || (0..ROWS).map(|id| Row { id: scatter(id), x: id as i32, y: 1, z: 2 });
    db.update(|tx| tx.create_table::<Row>(TABLE)?.load(rows()))?;

    // Half of the rows: by their range, and a part of them one by one, counted up.
    let middle = u64::MAX / 2;
    let by_range = median(3, || {
        let write = db.write()?;
        let mut table = write.table::<Row>(TABLE)?;
        let begun = Instant::now();
        black_box(table.remove_range(..middle)?);
        undone(write, begun)
    })?;
    let ids: Vec<u64> = (0..ROWS).map(scatter).filter(|id| *id < middle).take(200_000).collect();
    let share = ids.len() as f64 / (ROWS as f64 / 2.0);
    let one_by_one = median(3, || {
        let write = db.write()?;
        let mut table = write.table::<Row>(TABLE)?;
        let begun = Instant::now();
        for id in &ids {
            black_box(table.remove(*id)?);
        }
        undone(write, begun)
    })?;
    let one_by_one = one_by_one.div_f64(share);
    println!("remove_range of half of {ROWS} rows: {by_range:.1?}; one by one {one_by_one:.1?} (of a part)");
    println!("  {:.0} times as fast (target: 50)", one_by_one.as_secs_f64() / by_range.as_secs_f64());

    let keys: Vec<u64> = (0..100_000).map(|n| scatter(scatter(n) % ROWS)).collect();
    let (read, owned) = (db.read()?, db.table::<Row>(TABLE)?);
    let table = read.table::<Row>(TABLE)?;
    table.slices().try_for_each(|rows| rows.map(drop))?;
    let (mut plain, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        plain.push(each(&keys, |key| table.get(key).map(|row| black_box(row).is_some()))?);
        kept.push(each(&keys, |key| owned.get(key).map(|row| black_box(row).is_some()))?);
    }
    let (plain, kept) = (middle_of(plain), middle_of(kept));
    println!("Table::get {plain:.1} ns, OwnedTable::get {kept:.1} ns: {:.3} (target: 1.1)", kept / plain);

    let newest = each(&keys, |_| Ok(black_box(&owned).is_newest()))?;
    println!("is_newest: {newest:.1} ns (target: 10)");

    let open = each(&keys, |_| read.table::<Row>(black_box(TABLE)).map(|table| black_box(table).is_empty()))?;
    let first = each(&keys[..5_000], |_| {
        let read = db.read()?;
        read.table::<Row>(black_box(TABLE)).map(|table| black_box(table).is_empty())
    })?;
    let begin = each(&keys[..5_000], |_| db.read().map(|read| black_box(read).transaction() > 0))?;
    println!(
        "opening a table: {open:.0} ns in a snapshot where it was opened before, {:.0} ns in another one of the same \
         state (target: 300)",
        first - begin
    );
    let mut after_commit = Vec::new();
    for id in &keys[..300] {
        db.update(|tx| tx.table::<Row>(TABLE)?.update(*id, |row| row.y += 1))?;
        let read = db.read()?;
        let begun = Instant::now();
        black_box(read.table::<Row>(TABLE)?);
        after_commit.push(begun.elapsed().as_secs_f64() * 1e9);
    }
    println!("  {:.0} ns the first time after a commit", middle_of(after_commit));
    Ok(())
}

/// The time until here, without a commit; the changes are dropped.
fn undone(write: drystone::WriteTransaction, begun: Instant) -> Result<Duration> {
    let took = begun.elapsed();
    drop(write);
    Ok(took)
}

fn median(turns: usize, mut turn: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    let mut taken = (0..turns).map(|_| turn()).collect::<Result<Vec<_>>>()?;
    taken.sort_unstable();
    Ok(taken[turns / 2])
}

/// Nanoseconds of one call.
fn each(keys: &[u64], mut call: impl FnMut(u64) -> Result<bool>) -> Result<f64> {
    let begun = Instant::now();
    for key in keys {
        call(*key)?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e9 / keys.len() as f64)
}

fn middle_of(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Spreads numbers over all keys, each to one of its own.
fn scatter(row: u64) -> u64 {
    let mut key = row.wrapping_add(0x9E37_79B9_7F4A_7C15);
    key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    key ^ (key >> 31)
}
