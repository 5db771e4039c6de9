//! Single operations, in memory, at sizes that run in seconds: `cargo bench`, or
//! `cargo bench -- get` for some of them. `benches/compare` measures other stores too, at larger
//! sizes.

use divan::{Bencher, black_box, counter::ItemsCount};
use drystone::{Database, Record, Table};

const TABLE: &str = "rows";
const ROWS: [u64; 2] = [10_000, 1_000_000];
/// How many keys an iteration looks up, so that they differ and the time of reading the clock does
/// not count.
const KEYS: u64 = 4096;

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

fn main() {
    divan::main();
}

fn point(row: u64) -> Point {
    Point { x: row as i32, y: 1, z: 2 }
}

fn keyed(row: u64) -> Keyed {
    Keyed { id: scatter(row), x: row as i32, y: 1, z: 2 }
}

/// Spreads numbers over all keys: a permutation.
fn scatter(row: u64) -> u64 {
    let mut key = row.wrapping_add(0x9E37_79B9_7F4A_7C15);
    key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    key ^ (key >> 31)
}

/// The rows in an order unrelated to their keys.
fn random_rows(rows: u64) -> Vec<u64> {
    (0..KEYS).map(|place| scatter(place) % rows).collect()
}

fn loaded<T: Record>(rows: u64, row: impl Fn(u64) -> T) -> Database {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    write.create_table::<T>(TABLE).unwrap().load((0..rows).map(row)).unwrap();
    write.commit().unwrap();
    db
}

#[divan::bench(args = ROWS)]
fn get_by_row(bencher: Bencher<'_, '_>, rows: u64) {
    let db = loaded(rows, point);
    let read = db.read().unwrap();
    let table = read.table::<Point>(TABLE).unwrap();
    let wanted = random_rows(rows);
    bencher
        .counter(ItemsCount::new(KEYS))
        .bench_local(|| wanted.iter().map(|&row| i64::from(table.get(row).unwrap().unwrap().x)).sum::<i64>());
}

#[divan::bench(args = ROWS)]
fn get_by_key(bencher: Bencher<'_, '_>, rows: u64) {
    let db = loaded(rows, keyed);
    let read = db.read().unwrap();
    let table = read.table::<Keyed>(TABLE).unwrap();
    let wanted: Vec<u64> = random_rows(rows).into_iter().map(scatter).collect();
    bencher
        .counter(ItemsCount::new(KEYS))
        .bench_local(|| wanted.iter().map(|&key| i64::from(table.get(key).unwrap().unwrap().x)).sum::<i64>());
}

/// The key of a row.
type Spread = fn(u64) -> u64;

/// How the keys are distributed.
const SPREADS: [(&str, Spread); 4] = [
    ("scattered", scatter),
    ("dense", |row| row),
    ("clusters", |row| (row / 100) << 40 | (row % 100)),
    // Groups with growing gaps between them and in them: every guess is wrong.
    ("growing gaps", |row| (row / 500).pow(2) << 30 | (row % 500).pow(3)),
];

/// A get by key, for each distribution of keys. Compare it with `get_by_binary_search`.
#[divan::bench(args = SPREADS.map(|(name, _)| name))]
fn get_by_key_spread(bencher: Bencher<'_, '_>, name: &str) {
    spread(bencher, name, |table, _, key| table.get(key).unwrap());
}

/// The same by the binary search of the standard library, over all rows as one slice.
#[divan::bench(args = SPREADS.map(|(name, _)| name))]
fn get_by_binary_search(bencher: Bencher<'_, '_>, name: &str) {
    spread(bencher, name, |_, rows, key| {
        rows.binary_search_by_key(&key, |row| row.id).ok().map(|place| &rows[place])
    });
}

fn spread(
    bencher: Bencher<'_, '_>,
    name: &str,
    get: for<'t> fn(&Table<'t, Keyed>, &'t [Keyed], u64) -> Option<&'t Keyed>,
) {
    let rows = 4_000_000;
    let key = SPREADS.iter().find(|(spread, _)| *spread == name).unwrap().1;
    let db = loaded(rows, |row| Keyed { id: key(row), x: row as i32, y: 1, z: 2 });
    let read = db.read().unwrap();
    let table = read.table::<Keyed>(TABLE).unwrap();
    let slice = table.as_slice().unwrap().unwrap();
    let wanted: Vec<u64> = (0..1 << 16).map(|place| key(scatter(place) % rows)).collect();
    bencher
        .counter(ItemsCount::new(wanted.len()))
        .bench_local(|| wanted.iter().map(|&key| i64::from(get(&table, slice, key).unwrap().x)).sum::<i64>());
}

#[divan::bench(args = ROWS)]
fn get_many(bencher: Bencher<'_, '_>, rows: u64) {
    let db = loaded(rows, keyed);
    let read = db.read().unwrap();
    let table = read.table::<Keyed>(TABLE).unwrap();
    let wanted: Vec<u64> = random_rows(rows).into_iter().map(scatter).collect();
    bencher.counter(ItemsCount::new(KEYS)).bench_local(|| {
        for batch in wanted.chunks(256) {
            black_box(table.get_many(batch).unwrap());
        }
    });
}

#[divan::bench(args = ROWS)]
fn scan(bencher: Bencher<'_, '_>, rows: u64) {
    let db = loaded(rows, keyed);
    let read = db.read().unwrap();
    let table = read.table::<Keyed>(TABLE).unwrap();
    bencher.counter(ItemsCount::new(rows)).bench_local(|| {
        let sum =
            |rows: drystone::Result<&[Keyed]>| rows.unwrap().iter().map(|row| i64::from(row.x)).sum::<i64>();
        table.slices().map(sum).sum::<i64>()
    });
}

#[divan::bench(args = ROWS, sample_count = 20)]
fn insert_and_commit(bencher: Bencher<'_, '_>, rows: u64) {
    let db = loaded(rows, keyed);
    let mut next = rows;
    bencher.counter(ItemsCount::new(KEYS)).bench_local(|| {
        let write = db.write().unwrap();
        let mut table = write.table::<Keyed>(TABLE).unwrap();
        for row in next..next + KEYS {
            table.insert(&keyed(row)).unwrap();
        }
        next += KEYS;
        write.commit().unwrap();
    });
}

#[divan::bench(args = ROWS, sample_count = 50)]
fn update_and_commit_one(bencher: Bencher<'_, '_>, rows: u64) {
    let db = loaded(rows, keyed);
    let mut row = 0;
    bencher.bench_local(|| {
        row = (row + 1) % rows;
        let write = db.write().unwrap();
        write.table::<Keyed>(TABLE).unwrap().update(scatter(row), |row| row.x += 1).unwrap();
        write.commit().unwrap();
    });
}

#[divan::bench(args = ROWS, sample_count = 10)]
fn load_by_row(bencher: Bencher<'_, '_>, rows: u64) {
    bencher.counter(ItemsCount::new(rows)).bench_local(|| loaded(rows, point));
}

#[divan::bench(args = ROWS, sample_count = 10)]
fn load_unsorted(bencher: Bencher<'_, '_>, rows: u64) {
    bencher.counter(ItemsCount::new(rows)).bench_local(|| loaded(rows, keyed));
}
