//! What rows cost: bytes in the file, memory while loading and reading, and what opening reads.

use std::path::Path;

use drystone::{Database, Durability, Dyn, LoadOptions, OpenOptions, Record, Schema, Value};

use crate::child::{self, OtherProcess};
use crate::random::Random;
use crate::temp::{self, TempDb, assert_sound};

const PAGE: u64 = 4096;
const ROWS: u64 = 1_000_000;

/// The bytes of a database beside its rows: two meta pages, a leaf of each of the two trees of the
/// catalog, and for a table a leaf and a branch that are not full, at each of up to two levels.
const FIXED: u64 = 2 * PAGE + 2 * PAGE + 3 * PAGE;

/// The promise of the default leaf size: 0.1 % for branches where rows have numbers, 0.5 % where
/// they have keys.
fn most(rows: u64, width: u64, keyed: bool) -> u64 {
    let bytes = rows * width;
    bytes + if keyed { bytes / 200 } else { bytes / 1000 } + FIXED
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
    z: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C, packed(4))]
struct Tick {
    #[record(key)]
    id: u64,
    price: i32,
    size: i32,
    venue: i32,
}

/// 47 bytes, which no number of pages is a multiple of.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C, packed)]
struct Odd {
    a: [u8; 40],
    b: u32,
    c: u16,
    d: u8,
}

fn point(n: u64) -> Point {
    Point { x: n as i32, y: -(n as i32), z: 7 }
}

fn tick(n: u64) -> Tick {
    Tick { id: n.wrapping_mul(0x9E37_79B9_7F4A_7C15), price: n as i32, size: 1, venue: 2 }
}

fn odd(n: u64) -> Odd {
    Odd { a: [n as u8; 40], b: n as u32, c: 1, d: 2 }
}

fn load<T: Record>(db: &Database, name: &str, rows: impl Iterator<Item = T>) {
    let write = db.write().unwrap();
    let mut table = write.create_table::<T>(name).unwrap();
    table.load(rows).unwrap();
    drop(table);
    write.commit().unwrap();
}

#[test]
fn a_million_points_by_number_take_their_width_and_a_thousandth() {
    let temp = TempDb::new();
    let db = temp.open();
    load(&db, "points", (0..ROWS).map(point));
    assert!(temp.file_bytes() <= most(ROWS, 12, false), "{} bytes", temp.file_bytes());
    let read = db.read().unwrap();
    let points = read.table::<Point>("points").unwrap();
    let slice = points.as_slice().unwrap().expect("one array");
    assert!(slice.iter().copied().eq((0..ROWS).map(point)));
    let stats = read.table::<Dyn>("points").unwrap().stats().unwrap();
    assert!(stats.leaf_bytes == 12 * ROWS && stats.branch_bytes <= 12 * ROWS / 1000 + PAGE, "{stats:?}");
}

#[test]
fn a_million_rows_of_an_odd_width_pack_as_well() {
    let temp = TempDb::new();
    let db = temp.open();
    assert_eq!(size_of::<Odd>(), 47);
    load(&db, "odd", (0..ROWS).map(odd));
    assert!(temp.file_bytes() <= most(ROWS, 47, false), "{} bytes", temp.file_bytes());
    let read = db.read().unwrap();
    let slice = read.table::<Odd>("odd").unwrap().as_slice().unwrap().expect("one array");
    assert!(slice.iter().copied().eq((0..ROWS).map(odd)));
}

#[test]
fn a_million_random_keys_take_their_width_and_half_a_hundredth() {
    let temp = TempDb::new();
    let db = temp.open();
    assert_eq!(size_of::<Tick>(), 20);
    load(&db, "ticks", (0..ROWS).map(tick));
    assert!(temp.file_bytes() <= most(ROWS, 20, true), "{} bytes", temp.file_bytes());
    let read = db.read().unwrap();
    let ticks = read.table::<Tick>("ticks").unwrap();
    let slice = ticks.as_slice().unwrap().expect("one array");
    assert!(slice.is_sorted_by(|a, b| { a.id } < b.id));
    assert_eq!(slice.len() as u64, ROWS);
    for n in (0..ROWS).step_by(997) {
        assert_eq!(ticks.get(tick(n).id).unwrap(), Some(&tick(n)));
    }
}

/// Each load writes the table again beside the old rows. Their pages are freed when the load is
/// durable.
#[test]
fn a_table_that_is_loaded_in_parts_takes_the_room_of_its_rows() {
    let temp = TempDb::new();
    let db = temp.open();
    load(&db, "ticks", (0..0).map(tick));
    let part = ROWS / 10;
    let mut snapshot = None;
    for n in 0..10 {
        let write = db.write().unwrap();
        let mut table = write.table::<Tick>("ticks").unwrap();
        table.load((n * part..(n + 1) * part).map(tick)).unwrap();
        drop(table);
        write.commit().unwrap();
        if n == 4 {
            snapshot = Some(db.read().unwrap());
        }
    }
    // What the snapshot sees was not given back, whatever came after.
    let snapshot = snapshot.unwrap();
    let ticks = snapshot.table::<Tick>("ticks").unwrap();
    assert_eq!(ticks.len(), 5 * part);
    for n in 0..5 * part {
        assert_eq!(ticks.get(tick(n).id).unwrap(), Some(&tick(n)));
    }
    let with_snapshot = temp.disk_bytes();
    assert!(with_snapshot >= 15 * part * 20, "{with_snapshot} bytes");
    drop(snapshot);
    load(&db, "empty", (0..0).map(tick));
    let disk = temp.disk_bytes();
    // Gaps of less than a megabyte are kept.
    assert!(disk <= most(ROWS, 20, true) + (3 << 20), "{disk} bytes, {with_snapshot} before");
    assert_sound(&db);
}

/// 100 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C, packed)]
struct Wide {
    #[record(key)]
    id: u64,
    filling: [u8; 92],
}

const WIDE_ROWS: u64 = 300_000;

fn wide(id: u64) -> Wide {
    Wide { id, filling: [id as u8 | 1; 92] }
}

/// A database with a table of 30 MB between others, so that its pages are not simply the end of the
/// file.
fn with_wide_table() -> (TempDb, Database) {
    let temp = TempDb::new();
    let db = temp.open();
    load(&db, "before", (0..10_000).map(wide));
    load(&db, "wide", (0..WIDE_ROWS).map(wide));
    load(&db, "after", (0..10_000).map(wide));
    assert!(temp.disk_bytes() > WIDE_ROWS * 100);
    (temp, db)
}

/// What may stay taken: the other tables, and less room than is worth a search for gaps.
#[track_caller]
fn assert_given_back(temp: &TempDb, db: &Database) {
    let disk = temp.disk_bytes();
    assert!(disk <= 2 * 10_000 * 100 + (7 << 20), "{disk} bytes are taken");
    assert_sound(db);
    let read = db.read().unwrap();
    for name in ["before", "after"] {
        let rows = read.table::<Wide>(name).unwrap();
        assert!(rows.iter().map(|row| *row.unwrap()).eq((0..10_000).map(wide)));
    }
}

#[test]
fn the_room_of_rows_that_are_gone_is_given_back() {
    type Change = fn(&Database);
    let changes: [(&str, Change); 6] = [
        ("dropped", |db| {
            let write = db.write().unwrap();
            write.drop_table("wide").unwrap();
            write.commit().unwrap();
        }),
        ("cleared", |db| {
            let write = db.write().unwrap();
            write.table::<Wide>("wide").unwrap().clear().unwrap();
            write.commit().unwrap();
        }),
        ("removed in one transaction", |db| {
            let write = db.write().unwrap();
            let mut rows = write.table::<Wide>("wide").unwrap();
            for id in 0..WIDE_ROWS {
                rows.remove(id).unwrap();
            }
            drop(rows);
            write.commit().unwrap();
        }),
        ("removed in many", |db| {
            let numbers = (0..WIDE_ROWS).map(|n| n * 7919 % WIDE_ROWS).collect::<Vec<_>>();
            for ids in numbers.chunks(3000) {
                let write = db.write().unwrap();
                let mut rows = write.table::<Wide>("wide").unwrap();
                for id in ids {
                    rows.remove(*id).unwrap();
                }
                drop(rows);
                write.commit().unwrap();
            }
        }),
        ("dropped without waiting for the disk", |db| {
            let mut write = db.write().unwrap();
            write.set_durability(Durability::Eventual);
            write.drop_table("wide").unwrap();
            write.commit().unwrap();
            db.sync().unwrap();
            small_commit(db);
        }),
        ("never committed", |db| {
            let write = db.write().unwrap();
            write.drop_table("wide").unwrap();
            write.commit().unwrap();
            let write = db.write().unwrap();
            let mut rows = write.create_table::<Wide>("other").unwrap();
            rows.load((0..WIDE_ROWS).map(wide)).unwrap();
            drop(rows);
            drop(write);
            small_commit(db);
        }),
    ];
    for (what, change) in changes {
        let (temp, db) = with_wide_table();
        change(&db);
        println!("{what}: {} bytes", temp.disk_bytes());
        assert_given_back(&temp, &db);
    }
}

fn small_commit(db: &Database) {
    let write = db.write().unwrap();
    let mut rows = write.table::<Wide>("after").unwrap();
    rows.upsert(&wide(5)).unwrap();
    drop(rows);
    write.commit().unwrap();
}

#[test]
fn room_that_a_snapshot_sees_is_given_back_after_it() {
    let (temp, db) = with_wide_table();
    let snapshot = db.read().unwrap();
    let write = db.write().unwrap();
    write.drop_table("wide").unwrap();
    write.commit().unwrap();
    small_commit(&db);
    let rows = snapshot.table::<Wide>("wide").unwrap();
    assert!(rows.iter().map(|row| *row.unwrap()).eq((0..WIDE_ROWS).map(wide)));
    assert!(temp.disk_bytes() > WIDE_ROWS * 100);
    drop(snapshot);
    small_commit(&db);
    assert_given_back(&temp, &db);
}

#[test]
fn small_commits_leave_the_room_that_they_use_again() {
    let (temp, db) = with_wide_table();
    let mut ids = Random::new(16);
    let mut change = |commits: u32| {
        for _ in 0..commits {
            let write = db.write().unwrap();
            let mut rows = write.table::<Wide>("wide").unwrap();
            for _ in 0..50 {
                rows.upsert(&wide(ids.next() % WIDE_ROWS)).unwrap();
            }
            drop(rows);
            write.commit().unwrap();
        }
    };
    change(40);
    let settled = temp.disk_bytes();
    change(100);
    let later = temp.disk_bytes();
    assert!(later >= settled, "{settled} bytes were taken, and {later} are");
    assert_sound(&db);
}

#[test]
fn every_width_keeps_the_promise() {
    // Enough rows for two levels of branches over small rows, and one over large ones.
    for (schema, rows) in [
        ("a: u8", 3_000_000),
        ("a: u8, b: u16", 1_500_000),
        ("a: u64 key", 500_000),
        ("a: u32 key, b: u8", 700_000),
        ("a: str[40] key, b: u32", 60_000),
        ("a: u64, b: bytes[1000]", 5_000),
        ("a: u64 key, b: bytes[5000]", 2_000),
        ("a: u64, b: bytes[60000]", 300),
    ] {
        let schema: Schema = schema.parse().unwrap();
        let temp = TempDb::new();
        let db = temp.open();
        let write = db.write().unwrap();
        let mut table = write.create_dyn_table("table", &schema).unwrap();
        table.load_from(&mut Counting { schema: &schema, next: 0, rows }, &LoadOptions::new()).unwrap();
        drop(table);
        write.commit().unwrap();
        let most = most(rows, schema.width() as u64, schema.is_keyed());
        assert!(temp.file_bytes() <= most, "{schema}: {} bytes, promised are {most}", temp.file_bytes());
        assert!(db.read().unwrap().table::<Dyn>("table").unwrap().stats().unwrap().contiguous, "{schema}");
    }
}

/// Rows whose first field counts.
struct Counting<'s> {
    schema: &'s Schema,
    next: u64,
    rows: u64,
}

impl drystone::RecordSource for Counting<'_> {
    fn next_record(&mut self, record: &mut [u8]) -> drystone::Result<bool> {
        if self.next == self.rows {
            return Ok(false);
        }
        record.fill(0);
        let field = &self.schema.fields()[0];
        let text = format!("{:040}", self.next);
        let value = match field.width() {
            40 => Value::from(text),
            width => Value::from(self.next % 256_u64.saturating_pow(width as u32)),
        };
        field.store(&value, &mut record[..field.width()])?;
        self.next += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.next
    }
}

/// A line of a file below `/proc/self`, in the unit that it has there.
fn process_number(file: &str, line: &str) -> u64 {
    let text = std::fs::read_to_string(Path::new("/proc/self").join(file)).unwrap();
    let line = text.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Private memory that is no file's, in KiB.
fn anonymous_kib() -> u64 {
    process_number("status", "RssAnon:")
}

/// In another process: loads, reads and opens on command, and prints how much memory that took, or
/// how much was read.
pub(crate) fn measure(path: &Path) {
    child::say("ready");
    while let Some(asked) = child::listen() {
        match asked.as_str() {
            "load" => {
                let db = temp::open(path, &OpenOptions::new()).unwrap();
                let before = anonymous_kib();
                let write = db.write().unwrap();
                let mut table = write.create_table::<Tick>("ticks").unwrap();
                let options = LoadOptions::new().memory_bytes(2 << 20);
                // The peak is what counts, so it is asked for on the way.
                let mut most = 0;
                let rows = (0..ROWS).map(|n| {
                    if n % 50_000 == 0 {
                        most = most.max(anonymous_kib());
                    }
                    tick(n)
                });
                table.load_with(rows, &options).unwrap();
                drop(table);
                write.commit().unwrap();
                child::say(&(most.max(anonymous_kib()) - before).to_string());
            }
            "read" => {
                let db = temp::open(path, &OpenOptions::new()).unwrap();
                let read = db.read().unwrap();
                let table = read.table::<Tick>("ticks").unwrap();
                let sum: i64 = table.iter().map(|row| i64::from(row.unwrap().price)).sum();
                assert_eq!(sum, (0..ROWS as i64).sum::<i64>());
                for n in 0..ROWS / 10 {
                    assert!(table.get(tick(n).id).unwrap().is_some());
                }
                child::say(&anonymous_kib().to_string());
            }
            "open" => {
                let before = process_number("io", "rchar:");
                let db = temp::open(path, &OpenOptions::new()).unwrap();
                let read = process_number("io", "rchar:") - before;
                drop(db);
                child::say(&read.to_string());
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let temp = TempDb::new();
    let mut other = OtherProcess::start("measure", temp.path());
    assert_eq!(other.hear(), "ready");
    let loading: u64 = other.ask("load").parse().unwrap();
    // 20 MB of rows; the budget is 2 MiB, and there are buffers beside it.
    assert!(loading < 12 << 10, "loading took {loading} KiB");
    let reading: u64 = other.ask("read").parse().unwrap();
    drop(other);
    let mut reader = OtherProcess::start("measure", temp.path());
    assert_eq!(reader.hear(), "ready");
    let fresh: u64 = reader.ask("read").parse().unwrap();
    // Of the process as a whole, test harness included.
    assert!(fresh < 10 << 10, "reading took {fresh} KiB, and {reading} KiB after the load");
    assert_sound(&temp.open());
}

#[test]
fn opening_reads_no_more_of_a_large_file_than_of_a_small_one() {
    let (small, large) = (TempDb::new(), TempDb::new());
    load(&small.open(), "ticks", (0..100).map(tick));
    load(&large.open(), "ticks", (0..ROWS).map(tick));
    assert!(large.file_bytes() > 500 * small.file_bytes());
    let read = |temp: &TempDb| -> u64 {
        let mut other = OtherProcess::start("measure", temp.path());
        assert_eq!(other.hear(), "ready");
        other.ask("open").parse().unwrap()
    };
    let (small, large) = (read(&small), read(&large));
    // Two meta pages and a page of the lock file; the rest is what asking for the figure takes.
    assert!(large <= small && large < 5 * PAGE, "{small} and {large} bytes");
}
