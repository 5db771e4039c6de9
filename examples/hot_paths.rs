//! One hot path, so often: what `benches/instructions` runs under valgrind, twice, to count what
//! one operation takes.
//!
//!     cargo run --release -p drystone --example hot_paths -- get_by_key 100000

use std::hint::black_box;

use drystone::{Database, OpenOptions, Record, Result};

const ROWS: u64 = 100_000;
const TABLE: &str = "rows";
const INDEX: &str = "by_to";

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
    z: i32,
}

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Keyed {
    #[record(key)]
    id: u64,
    x: i32,
    y: i32,
    z: i32,
}

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Edge {
    #[record(key)]
    id: u64,
    to: u64,
    weight: i32,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("which path?");
    let operations: u64 = arguments.next().and_then(|count| count.parse().ok()).expect("how often?");
    // The keys are prepared for any number of operations, so that they do not count.
    let rows: Vec<u64> = (0..256).map(|place| scatter(place + 1000) % ROWS).collect();
    let keys: Vec<u64> = rows.iter().map(|&row| scatter(row)).collect();
    let turn = |list: &[u64], place: u64| list[(place % 256) as usize];
    let points = || loaded(|row| Point { x: row as i32, y: 1, z: 2 });
    let keyed = || loaded(|row| Keyed { id: scatter(row), x: row as i32, y: 1, z: 2 });
    match path.as_str() {
        "get_by_row" => {
            let db = points()?;
            let read = db.read()?;
            let table = read.table::<Point>(TABLE)?;
            for place in 0..operations {
                black_box(table.get(turn(&rows, place))?);
            }
        }
        "get_by_key" => {
            let db = keyed()?;
            let read = db.read()?;
            let table = read.table::<Keyed>(TABLE)?;
            for place in 0..operations {
                black_box(table.get(turn(&keys, place))?);
            }
        }
        // The entry in the index, then the row by its key.
        "get_by_index" => {
            let db = loaded(|row| Edge { id: scatter(row), to: scatter(row ^ 0xABCD), weight: 1 })?;
            let write = db.write()?;
            write.create_index(TABLE, INDEX, &["to"])?;
            write.commit()?;
            let read = db.read()?;
            let index = read.table::<Edge>(TABLE)?.index(INDEX)?;
            index.iter().entries().try_for_each(|entry| entry.map(drop))?;
            let keys: Vec<u64> = rows.iter().map(|&row| scatter(row ^ 0xABCD)).collect();
            for place in 0..operations {
                black_box(index.get(turn(&keys, place))?);
            }
        }
        // Every guess is wrong: the cost of two guesses, and of the binary searches that they were
        // to spare.
        "get_skewed" => {
            let db = loaded(|row| Keyed { id: skewed(row), x: row as i32, y: 1, z: 2 })?;
            let read = db.read()?;
            let table = read.table::<Keyed>(TABLE)?;
            let keys: Vec<u64> = rows.iter().map(|&row| skewed(row)).collect();
            for place in 0..operations {
                black_box(table.get(turn(&keys, place))?);
            }
        }
        "get_many" => {
            let db = keyed()?;
            let read = db.read()?;
            let table = read.table::<Keyed>(TABLE)?;
            for _ in 0..operations / 256 {
                black_box(table.get_many(&keys)?);
            }
        }
        "scan_by_row" => scan(&points()?, operations, |row: &Point| row.x)?,
        "scan_by_key" => scan(&keyed()?, operations, |row: &Keyed| row.x)?,
        "update" => {
            let db = keyed()?;
            let write = db.write()?;
            let mut table = write.table::<Keyed>(TABLE)?;
            for place in 0..operations {
                table.update(turn(&keys, place), |row| row.x += 1)?;
            }
        }
        "load_by_row" => {
            let db = empty()?;
            let write = db.write()?;
            let rows = (0..operations).map(|row| Point { x: row as i32, y: 1, z: 2 });
            write.create_table::<Point>(TABLE)?.load(rows)?;
            write.commit()?;
        }
        "load_by_key" => {
            let db = empty()?;
            let write = db.write()?;
            let rows = (0..operations).map(|row| Keyed { id: row * 7, x: row as i32, y: 1, z: 2 });
            write.create_table::<Keyed>(TABLE)?.load(rows)?;
            write.commit()?;
        }
        "insert" => {
            let db = empty()?;
            let write = db.write()?;
            let mut table = write.create_table::<Keyed>(TABLE)?;
            for row in 0..operations {
                table.insert(&Keyed { id: scatter(row), x: row as i32, y: 1, z: 2 })?;
            }
            write.commit()?;
        }
        path => panic!("no path {path:?}"),
    }
    Ok(())
}

/// Sums a field over all rows, as often as it takes.
fn scan<T: Record>(db: &Database, operations: u64, field: impl Fn(&T) -> i32) -> Result<()> {
    let read = db.read()?;
    let table = read.table::<T>(TABLE)?;
    for _ in 0..operations / ROWS {
        for rows in table.slices() {
            black_box(rows?.iter().map(|row| i64::from(field(row))).sum::<i64>());
        }
    }
    Ok(())
}

fn empty() -> Result<Database> {
    // Under valgrind there is less room for addresses.
    OpenOptions::new().reserve_bytes(1 << 28).in_memory()
}

/// A table of all rows, each page of which was verified.
fn loaded<T: Record>(row: impl Fn(u64) -> T) -> Result<Database> {
    let db = empty()?;
    let write = db.write()?;
    write.create_table::<T>(TABLE)?.load((0..ROWS).map(row))?;
    write.commit()?;
    let read = db.read()?;
    read.table::<T>(TABLE)?.slices().try_for_each(|rows| rows.map(drop))?;
    drop(read);
    Ok(db)
}

/// Ascending keys in groups, the gaps between which grow, as do those inside: no part of them is
/// spread evenly.
fn skewed(row: u64) -> u64 {
    let (group, member) = (row / 500, row % 500);
    (group * group * group) << 36 | (member * member * member * member)
}

/// Spreads numbers over all keys, each to one of its own.
fn scatter(row: u64) -> u64 {
    let mut key = row.wrapping_add(0x9E37_79B9_7F4A_7C15);
    key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    key ^ (key >> 31)
}
