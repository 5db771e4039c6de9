//! A small database with one bit changed, anywhere: each read gives what was written or an error, never anything else.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use drystone::{
    Database, DynamicTable, ErrorKind, LoadOptions, Nullable, Options, Record, Result, RowBuf, TableOptions,
    Text, Value,
};

use crate::temp::{self, TempDb};

/// A row of 32 bytes, by number.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Point {
    x: i64,
    y: i64,
    z: f64,
    name: Text<8>,
}

/// A row of 64 bytes, by key.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Flight {
    #[record(key)]
    id: u64,
    carrier: Text<6>,
    delay: Nullable<i16>,
    miles: f64,
    track: [f32; 10],
}

const POINTS: u64 = 320;
const POINTS_A_LEAF: usize = 128;
const FLIGHTS: u64 = 230;
const FLIGHTS_A_LEAF: usize = 64;

/// All rows, in order, made once.
struct Rights {
    points: Vec<Point>,
    flights: Vec<Flight>,
    point_rows: Vec<RowBuf>,
    flight_rows: Vec<RowBuf>,
}

impl Rights {
    fn new() -> Rights {
        let points: Vec<Point> = (0..POINTS).map(point).collect();
        let flights: Vec<Flight> = (0..FLIGHTS).map(flight).collect();
        let point_rows = points.iter().map(RowBuf::from_record).collect();
        let flight_rows = flights.iter().map(RowBuf::from_record).collect();
        Rights { points, flights, point_rows, flight_rows }
    }
}

fn point(n: u64) -> Point {
    let x = n as i64;
    Point { x, y: -x, z: n as f64 / 3.0, name: Text::new(&"é".repeat(n as usize % 5)).unwrap() }
}

fn flight(n: u64) -> Flight {
    let delay = if n.is_multiple_of(7) { Nullable::NULL } else { Nullable::new(n as i16 - 100).unwrap() };
    let carrier = Text::new(["UA", "AA", "", "Zürich"][n as usize % 4].get(..6).unwrap_or("é")).unwrap();
    Flight { id: n * 3, carrier, delay, miles: n as f64 / 8.0, track: [n as f32; 10] }
}

/// Two tables of a few leaves and a branch each; the one with a key was edited after it was loaded, so that its leaves are of
/// different lengths.
fn small_database() -> TempDb {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let mut points =
        write.create_table_with::<Point>("points", &TableOptions::new().leaf_rows(POINTS_A_LEAF)).unwrap();
    points.load((0..POINTS).map(point), &LoadOptions::new()).unwrap();
    let mut flights =
        write.create_table_with::<Flight>("flights", &TableOptions::new().leaf_rows(FLIGHTS_A_LEAF)).unwrap();
    flights.load((0..FLIGHTS).filter(|n| n % 5 > 0).map(flight), &LoadOptions::new()).unwrap();
    drop((points, flights));
    write.commit().unwrap();
    let write = db.write().unwrap();
    let mut flights = write.table::<Flight>("flights").unwrap();
    for n in (0..FLIGHTS).step_by(5) {
        flights.insert(&flight(n)).unwrap();
    }
    drop(flights);
    write.commit().unwrap();
    drop(db);
    temp
}

/// An answer is the right one, or an error that says that the file is damaged. Whether it was an error.
#[track_caller]
fn right_or_damaged<T: PartialEq + std::fmt::Debug>(answer: Result<T>, right: &T, what: &str) -> bool {
    match answer {
        Ok(answer) => {
            assert!(answer == *right, "{what}: a wrong answer");
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
            true
        }
    }
}

/// The rows that an iterator gives up to its first error are the right ones, or all are there. Whether it ended with an error.
#[track_caller]
fn right_rows<T: PartialEq + std::fmt::Debug>(
    mut found: impl Iterator<Item = Result<T>>,
    right: impl Iterator<Item = T>,
    what: &str,
) -> bool {
    for right in right {
        match found.next() {
            Some(Ok(found)) => assert!(found == right, "{what}: a wrong row: {found:?} for {right:?}"),
            Some(Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
                assert!(found.next().is_none(), "{what}: it went on after an error");
                return true;
            }
            None => panic!("{what}: rows are missing"),
        }
    }
    assert!(found.next().is_none(), "{what}: rows too many");
    false
}

/// Reads everything by every path. Whether anything was damaged. What was not written anew lies in one piece.
fn read_all(db: &Database, rights: &Rights, written_anew: bool) -> bool {
    let read = db.read().unwrap();
    let mut damaged = right_or_damaged(read.table_names(), &vec!["flights".into(), "points".into()], "names");
    for name in ["flights", "points"] {
        let right = if name == "points" { &rights.point_rows } else { &rights.flight_rows };
        let rows = right.len() as u64;
        damaged |= right_or_damaged(read.table_stats(name).map(|stats| stats.rows), &rows, "statistics");
        // A table that cannot be opened is damaged, and that is all that can be said of it.
        match read.dynamic(name) {
            Ok(table) => damaged |= read_dynamic(&table, right),
            Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), name),
        }
    }
    damaged |= right_or_damaged(db.stats().map(|stats| stats.tables), &2, "statistics of the database");
    match read.table::<Point>("points") {
        Ok(points) => {
            for n in (0..POINTS).step_by(37).chain([POINTS - 1]) {
                damaged |= right_or_damaged(points.get(n).map(|row| row.copied()), &Some(point(n)), "get");
                damaged |= right_or_damaged(points.rank(n), &(n), "rank");
            }
            damaged |= right_or_damaged(points.get(POINTS), &None, "a row that is not there");
            let all = &rights.points;
            damaged |= right_rows(points.iter(), all.iter(), "iter");
            damaged |= right_rows(points.iter().rev(), all.iter().rev(), "rev");
            let slices = points.slices();
            let leaves = all.chunks(POINTS_A_LEAF);
            damaged |= right_rows(slices, leaves, "slices");
            let slice = points.as_slice();
            if !written_anew || !matches!(slice, Ok(None)) {
                damaged |= right_or_damaged(slice, &Some(&all[..]), "as_slice");
            }
        }
        Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), "points"),
    }
    match read.table::<Flight>("flights") {
        Ok(flights) => {
            for n in (0..FLIGHTS).step_by(17).chain([FLIGHTS - 1]) {
                damaged |=
                    right_or_damaged(flights.get(n * 3).map(|row| row.copied()), &Some(flight(n)), "get");
                damaged |= right_or_damaged(flights.get(n * 3 + 1), &None, "a key that is not there");
                damaged |=
                    right_or_damaged(flights.select(n).map(|row| row.copied()), &Some(flight(n)), "select");
                damaged |= right_or_damaged(flights.rank(n * 3 + 1), &(n + 1), "rank");
                let range = flights.range(n * 3..=n * 3 + 90).map(|range| range.len());
                damaged |= right_or_damaged(range, &(FLIGHTS - n).min(31), "length of a range");
            }
            damaged |= right_or_damaged(flights.first().map(|row| row.copied()), &Some(flight(0)), "first");
            damaged |=
                right_or_damaged(flights.last().map(|row| row.copied()), &Some(flight(FLIGHTS - 1)), "last");
            damaged |= right_rows(flights.iter(), rights.flights.iter(), "iter");
            match flights.range(90..=600) {
                Ok(range) => {
                    damaged |= right_rows(range.rev(), rights.flights[30..=200].iter().rev(), "range");
                }
                Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), "range"),
            }
            let slice = flights.as_slice().map(|slice| slice.map(<[Flight]>::len));
            if let Ok(Some(rows)) = &slice {
                assert_eq!(*rows as u64, FLIGHTS);
            }
            damaged |= slice.is_err();
        }
        Err(error) => damaged |= right_or_damaged::<()>(Err(error), &(), "flights"),
    }
    damaged
}

fn read_dynamic(table: &DynamicTable<'_>, right: &[RowBuf]) -> bool {
    let rows = right.len() as u64;
    let mut damaged = right_or_damaged(Ok(table.len()), &rows, "len");
    let rights = || right.iter().map(RowBuf::as_row);
    damaged |= right_rows(table.iter(), rights(), "dynamic iter");
    damaged |= right_rows(table.iter().rev(), rights().rev(), "dynamic rev");
    // From both ends at once.
    let (mut ends, mut rights) = (table.iter(), rights());
    while rights.len() > 0 {
        let (front, back) = (ends.next().transpose(), ends.next_back().transpose());
        if front.is_err() || back.is_err() {
            damaged = true;
            assert!(ends.next().is_none() && ends.next_back().is_none(), "it went on after an error");
            break;
        }
        right_or_damaged(front, &rights.next(), "from the front");
        right_or_damaged(back, &rights.next_back(), "from the back");
    }
    for n in (0..rows).step_by(23) {
        let key = [Value::from(if rows == FLIGHTS { n * 3 } else { n })];
        damaged |= right_or_damaged(table.get(&key), &Some(right[n as usize].as_row()), "dynamic get");
        damaged |= right_or_damaged(table.rank(&key), &n, "dynamic rank");
    }
    damaged
}

/// Tries to write. Whatever comes of it, nothing panics, and nothing wrong is read afterwards.
fn try_to_write(db: &Database) -> Result<()> {
    let write = db.write()?;
    let mut flights = write.table::<Flight>("flights")?;
    flights.upsert(&flight(3))?;
    flights.update(300, |flight| flight.miles += 0.0)?;
    let removed = flights.remove(flight(FLIGHTS - 1).id)?;
    flights.insert(&removed.unwrap())?;
    drop(flights);
    let mut points = write.table::<Point>("points")?;
    points.set(200, &point(200))?;
    let last = points.pop()?.unwrap();
    points.push(&last)?;
    drop(points);
    write.commit()
}

/// Opens the file, reads and checks all of it, and tries to write. Whether damage was found by reading, and whether `check`
/// reported it.
fn examine(path: &Path, rights: &Rights, write: bool) -> (bool, bool) {
    let db = match temp::open(path, &Options::new()) {
        Ok(db) => db,
        Err(error) => {
            use ErrorKind::{Corrupt, FutureFormat, NotADatabase, Truncated};
            let kinds = [Corrupt, NotADatabase, Truncated, FutureFormat];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            return (true, true);
        }
    };
    let damaged = read_all(&db, rights, false);
    let reported = !db.check(|_, _| {}).unwrap().is_sound();
    if write {
        if let Err(error) = try_to_write(&db) {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        }
        read_all(&db, rights, true);
    }
    (damaged, reported)
}

/// The ranges of the file that hold something: the meta pages, and all nodes. The rest is padding and free space.
fn covered(bytes: &[u8]) -> Vec<bool> {
    let mut covered = vec![false; bytes.len()];
    for node in crate::format::nodes(bytes) {
        covered[node].fill(true);
    }
    covered
}

#[test]
fn one_changed_bit_is_found_wherever_it_is_or_does_not_matter() {
    let original = small_database().bytes();
    let original = &original[..file_bytes(&original)];
    let (covered, rights) = (covered(original), Rights::new());
    let total = covered.iter().filter(|covered| **covered).count();
    assert!(total > 30_000 && total < original.len(), "{total} of {}", original.len());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let temp = TempDb::in_memory_folder();
                std::fs::write(temp.path(), original).unwrap();
                let file = OpenOptions::new().write(true).open(temp.path()).unwrap();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(byte) = original.get(at) else { return };
                    file.write_all_at(&[byte ^ 1 << (at % 8)], at as u64).unwrap();
                    let write = at.is_multiple_of(7);
                    let examined = catch_unwind(AssertUnwindSafe(|| examine(temp.path(), &rights, write)));
                    let Ok((damaged, reported)) = examined else { panic!("byte {at}") };
                    assert_eq!(reported, covered[at], "byte {at}: whether it is damage that is reported");
                    // Of the meta pages there are two.
                    assert_eq!(damaged, covered[at] && at >= 8192, "byte {at}: whether a reader meets it");
                    if write {
                        file.set_len(0).unwrap();
                        file.write_all_at(original, 0).unwrap();
                    } else {
                        file.write_all_at(&[*byte], at as u64).unwrap();
                    }
                }
            });
        }
    });
}

/// The length that the newest state needs.
fn file_bytes(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize
}
