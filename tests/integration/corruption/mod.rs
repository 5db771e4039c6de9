//! A small database with one flipped bit, anywhere: each way to read returns what was written, or
//! an error, never anything else.
//!
//! This tries a sample of the bits.
//! `DRYSTONE_EVERY_BIT=1 cargo test --release --test integration corruption -- --nocapture` tries
//! all of them.

mod paths;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use drystone::{Database, ErrorKind, LoadOptions, Nullable, OpenOptions, Record, RowBuf, TableOptions, Text};

use crate::temp::{self, TempDb};
use paths::{copy_and_compare, export, lines, read_all, salvage, try_to_write};

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

const POINTS: u64 = 150;
const POINTS_A_LEAF: usize = 128;
const FLIGHTS: u64 = 80;
const FLIGHTS_A_LEAF: usize = 64;

/// All rows, in order, made once.
struct Rights {
    points: Vec<Point>,
    flights: Vec<Flight>,
    point_rows: Vec<RowBuf>,
    flight_rows: Vec<RowBuf>,
    /// The table of flights as lines.
    lines: Vec<u8>,
    /// All of it, in another database.
    whole: Database,
}

impl Rights {
    fn new() -> Rights {
        let points: Vec<Point> = (0..POINTS).map(point).collect();
        let flights: Vec<Flight> = (0..FLIGHTS).map(flight).collect();
        let point_rows = points.iter().map(RowBuf::from_record).collect();
        let flight_rows = flights.iter().map(RowBuf::from_record).collect();
        let whole = Database::in_memory().unwrap();
        let write = whole.write().unwrap();
        let options = LoadOptions::new();
        write.create_table::<Point>("points").unwrap().load_with(points.iter().copied(), &options).unwrap();
        write
            .create_table::<Flight>("flights")
            .unwrap()
            .load_with(flights.iter().copied(), &options)
            .unwrap();
        write.commit().unwrap();
        let mut rights = Rights { points, flights, point_rows, flight_rows, lines: Vec::new(), whole };
        rights.lines = lines(rights.flight_rows.iter().map(|row| Ok(row.as_row()))).0;
        rights
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

/// Two tables of a few leaves and a branch each. The keyed one was edited after it was loaded, so
/// that its leaves have different lengths.
fn small_database() -> TempDb {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let mut points =
        write.create_table_with::<Point>("points", &TableOptions::new().leaf_rows(POINTS_A_LEAF)).unwrap();
    points.load((0..POINTS).map(point)).unwrap();
    let mut flights =
        write.create_table_with::<Flight>("flights", &TableOptions::new().leaf_rows(FLIGHTS_A_LEAF)).unwrap();
    flights.load((0..FLIGHTS).filter(|n| n % 5 > 0).map(flight)).unwrap();
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

/// What came of a flipped bit.
struct Met {
    /// Whether a reader got an error.
    by_reading: bool,
    /// Whether each of the other ways said that there is damage.
    by_check: bool,
    by_salvage: bool,
    by_export: bool,
    by_copying: bool,
}

/// Opens the file, reads and checks all of it, and tries to write.
fn examine(path: &Path, rights: &Rights) -> Met {
    let db = match temp::open(path, &OpenOptions::new()) {
        Ok(db) => db,
        Err(error) => {
            use ErrorKind::{Corrupt, FutureFormat, NotADatabase, Truncated};
            let kinds = [Corrupt, NotADatabase, Truncated, FutureFormat];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            return Met {
                by_reading: true,
                by_check: true,
                by_salvage: true,
                by_export: true,
                by_copying: true,
            };
        }
    };
    let met = Met {
        by_reading: read_all(&db, rights, false),
        by_check: !db.check().unwrap().is_sound(),
        by_export: export(&db, rights),
        by_salvage: salvage(&db, rights),
        by_copying: copy_and_compare(&db, rights),
    };
    match try_to_write(&db) {
        Ok(()) => assert!(!read_all(&db, rights, true) || met.by_reading),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(met.by_reading, "writing met {error}, reading did not");
            read_all(&db, rights, true);
        }
    }
    if let Err(error) = db.compact() {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(met.by_reading, "compaction met {error}, reading did not");
    }
    assert!(!read_all(&db, rights, true) || met.by_reading, "compaction has damaged something");
    met
}

/// The parts of the file that are used: the meta pages, and all nodes. The rest is padding and free
/// space.
fn covered(bytes: &[u8]) -> Vec<bool> {
    let mut covered = vec![false; bytes.len()];
    for node in crate::format::nodes(bytes) {
        covered[node].fill(true);
    }
    covered
}

/// A file of these bytes, in which bits are flipped.
struct Flipped<'o> {
    original: &'o [u8],
    temp: TempDb,
    file: File,
}

impl Flipped<'_> {
    fn new(original: &[u8]) -> Flipped<'_> {
        let temp = TempDb::in_memory_folder();
        std::fs::write(temp.path(), original).unwrap();
        let file = File::options().write(true).open(temp.path()).unwrap();
        Flipped { original, temp, file }
    }

    /// With this bit flipped, for a moment.
    fn examine(&self, bit: usize, rights: &Rights) -> Met {
        let (at, flipped) = (bit / 8, self.original[bit / 8] ^ 1 << (bit % 8));
        self.file.write_all_at(&[flipped], at as u64).unwrap();
        let examined = catch_unwind(AssertUnwindSafe(|| examine(self.temp.path(), rights)));
        let Ok(met) = examined else { panic!("bit {} of byte {at}", bit % 8) };
        // A commit may have changed any of it, and its length.
        self.file.set_len(0).unwrap();
        self.file.write_all_at(self.original, 0).unwrap();
        met
    }
}

#[test]
fn one_changed_bit_is_found_wherever_it_is_or_does_not_matter() {
    let original = small_database().bytes();
    let original = &original[..file_bytes(&original)];
    let (covered, rights) = (covered(original), Rights::new());
    let bits = original.len() * 8;
    let used = covered.iter().filter(|covered| **covered).count();
    assert!(used > 25_000 && used < original.len(), "{used} of {}", original.len());
    // A prime, so that a sample goes through all bits of a byte, and all bytes of a number.
    let step = if std::env::var_os("DRYSTONE_EVERY_BIT").is_some() { 1 } else { 71 };
    let (next, start) = (AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let file = Flipped::new(original);
                loop {
                    let bit = next.fetch_add(step, Ordering::Relaxed);
                    if bit >= bits {
                        return;
                    }
                    let (met, at) = (file.examine(bit, &rights), bit / 8);
                    assert_eq!(met.by_check, covered[at], "byte {at}: whether it is damage that is reported");
                    // Of the meta pages there are two.
                    let matters = covered[at] && at >= 8192;
                    assert_eq!(met.by_reading, matters, "byte {at}: whether a reader meets it");
                    assert_eq!(met.by_salvage, matters, "byte {at}: whether something is lost");
                    assert_eq!(
                        met.by_copying, matters,
                        "byte {at}: whether a copy, or a comparison, meets it"
                    );
                    assert!(!met.by_export || matters, "byte {at}: exporting meets what is not there");
                }
            });
        }
    });
    println!(
        "{} bits of {bits} ({} bytes, {used} of them in use) flipped one at a time in {:.1} s",
        bits.div_ceil(step),
        original.len(),
        start.elapsed().as_secs_f64()
    );
}

/// The length that the newest state needs.
fn file_bytes(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize
}
