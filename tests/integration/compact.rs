//! `compact`: the promised footprint after any history, readers that keep their snapshots, and
//! power cuts on the way.

use drystone::{Database, Dyn, IndexOptions, Record, WriteTransaction};

use crate::random::Random;
use crate::temp::{TempDb, assert_sound};

const PAGE: u64 = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Tick {
    #[record(key)]
    id: u64,
    price: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
    z: i32,
}

fn tick(n: u64) -> Tick {
    Tick { id: n.wrapping_mul(0x9E37_79B9_7F4A_7C15), price: n }
}

fn point(n: u64) -> Point {
    Point { x: n as i32, y: -(n as i32), z: 7 }
}

fn write(db: &Database, edit: impl FnOnce(&WriteTransaction)) {
    let write = db.write().unwrap();
    edit(&write);
    write.commit().unwrap();
}

/// Two meta pages, and the catalog: what a database has beside its tables.
const FIXED: u64 = 4 * PAGE;

/// The size of a file with these tables, packed: whole pages for the rows, and branches for their
/// leaves.
fn packed(tables: &[(u64, u64, u64, u64)]) -> u64 {
    let table = |&(rows, width, leaf_rows, children): &(u64, u64, u64, u64)| {
        let mut pages = (rows * width).div_ceil(PAGE);
        let mut nodes = rows.div_ceil(leaf_rows);
        while nodes > 1 {
            nodes = nodes.div_ceil(children);
            pages += nodes;
        }
        pages * PAGE
    };
    FIXED + tables.iter().map(table).sum::<u64>()
}

/// Ticks take 16 bytes, 512 to a leaf, 146 leaves to a branch.
fn packed_ticks(rows: u64) -> (u64, u64, u64, u64) {
    (rows, 16, 512, 146)
}

/// Entries of the index on them as well, 768 to a leaf.
fn packed_entries(rows: u64) -> (u64, u64, u64, u64) {
    (rows, 16, 768, 113)
}

fn packed_points(rows: u64) -> (u64, u64, u64, u64) {
    (rows, 12, 2048, 256)
}

/// A database with a table of ticks that were inserted in random order, and a table of points, both
/// changed in many commits.
fn aged(temp: &TempDb, ticks: u64, points: u64) -> Database {
    let db = temp.open();
    write(&db, |write| {
        write.create_table::<Point>("points").unwrap().load((0..points).map(point)).unwrap();
        let mut table = write.create_table::<Tick>("ticks").unwrap();
        table.create_index_with("by_price", &["price"], &IndexOptions::new().unique(true)).unwrap();
        (0..ticks).for_each(|n| table.insert(&tick(n)).unwrap());
    });
    let mut numbers = Random::new(7);
    for _ in 0..20 {
        write(&db, |write| {
            let mut table = write.table::<Tick>("ticks").unwrap();
            for _ in 0..30 {
                let n = numbers.next() % ticks;
                table.upsert(&tick(n)).unwrap();
            }
            let mut table = write.table::<Point>("points").unwrap();
            let n = numbers.next() % points;
            table.set(n, &point(n)).unwrap();
        });
    }
    db
}

fn assert_rows(read: &drystone::ReadTransaction, ticks: u64, points: u64) {
    let table = read.table::<Tick>("ticks").unwrap();
    assert_eq!(table.len(), ticks);
    assert!((0..ticks).all(|n| table.get(tick(n).id).unwrap() == Some(&tick(n))));
    let by_price = table.index("by_price").unwrap();
    assert!(by_price.iter().map(|row| *row.unwrap()).eq((0..ticks).map(tick)));
    let table = read.table::<Point>("points").unwrap();
    assert!(table.iter().map(|row| *row.unwrap()).eq((0..points).map(point)));
}

fn assert_packed(db: &Database) {
    let read = db.read().unwrap();
    for name in read.table_names().unwrap() {
        let stats = read.table::<Dyn>(&name).unwrap().stats().unwrap();
        assert!(stats.contiguous, "{name}: {stats:?}");
        assert_eq!(stats.leaves, stats.rows.div_ceil(stats.leaf_rows as u64), "{name}: {stats:?}");
        for index in read.indexes(&name).unwrap() {
            assert!(
                read.table::<Dyn>(&name).unwrap().index(&index.name).unwrap().stats().unwrap().contiguous,
                "{index:?}"
            );
        }
    }
}

#[test]
fn a_file_aged_by_random_edits_shrinks_to_its_packed_tables_to_the_page() {
    let temp = TempDb::new();
    let db = aged(&temp, 100_000, 50_000);
    let before = temp.file_bytes();
    let packed = packed(&[packed_ticks(100_000), packed_entries(100_000), packed_points(50_000)]);
    assert!(before > packed * 5 / 4, "{before} bytes before, {packed} packed");
    let mut told = Vec::new();
    let report = db.compact_with(|done, total| told.push((done, total))).unwrap();
    assert_eq!(temp.file_bytes(), packed);
    assert_eq!((report.bytes_before, report.bytes_after), (before, packed));
    assert_eq!((report.free_bytes, report.held_bytes), (0, 0));
    assert!(told.is_sorted() && told.iter().all(|(done, total)| done <= total), "{told:?}");
    assert_eq!(
        told.last().map(|(done, total)| (*done, *total)),
        Some((report.bytes_written, report.bytes_written))
    );
    assert_packed(&db);
    assert_rows(&db.read().unwrap(), 100_000, 50_000);
    assert_sound(&db);
    // The promise of README and `footprint.rs`, too.
    let rows = 100_000 * 32 + 50_000 * 12;
    assert!(packed <= rows + rows / 200 + 9 * PAGE);

    // What is compact stays as it is.
    let transaction = db.read().unwrap().transaction();
    let again = db.compact_with(|_, _| panic!("nothing moves")).unwrap();
    assert_eq!((again.bytes_before, again.bytes_after, again.bytes_written), (packed, packed, 0));
    assert_eq!(db.read().unwrap().transaction(), transaction);

    // And it is an ordinary file that is written on, and opened again.
    write(&db, |write| assert!(write.table::<Tick>("ticks").unwrap().remove(tick(3).id).unwrap().is_some()));
    drop(db);
    let db = temp.open();
    assert_eq!(db.read().unwrap().table::<Tick>("ticks").unwrap().len(), 99_999);
    assert_sound(&db);
}

#[test]
fn a_reader_keeps_what_it_sees_and_no_more_is_kept_than_that() {
    let temp = TempDb::new();
    let db = aged(&temp, 60_000, 30_000);
    let old = db.read().unwrap();
    let (before, number) = (temp.file_bytes(), old.transaction());
    let report = db.compact().unwrap();
    let packed = packed(&[packed_ticks(60_000), packed_entries(60_000), packed_points(30_000)]);
    // The old state and one packed copy of everything.
    assert!(report.bytes_after <= before + packed, "{report:?}, packed are {packed}");
    assert!(report.held_bytes > packed / 2 && report.held_bytes < before, "{report:?}");
    assert_packed(&db);
    assert_rows(&db.read().unwrap(), 60_000, 30_000);
    assert_rows(&old, 60_000, 30_000);
    assert_eq!(old.transaction(), number);
    drop(old);
    let report = db.compact().unwrap();
    assert_eq!((report.bytes_after, report.held_bytes, report.free_bytes), (packed, 0, 0));
    assert_eq!(temp.file_bytes(), packed);
    assert_rows(&db.read().unwrap(), 60_000, 30_000);
    assert_sound(&db);
}

#[test]
fn gaps_that_dropped_tables_left_below_a_longer_one_are_closed() {
    let temp = TempDb::new();
    let db = temp.open();
    write(&db, |write| {
        for (name, rows) in [("a", 30_000), ("b", 90_000), ("c", 20_000), ("d", 150_000)] {
            write.create_table::<Point>(name).unwrap().load((0..rows).map(point)).unwrap();
        }
    });
    write(&db, |write| {
        write.drop_table("a").unwrap();
        write.drop_table("c").unwrap();
    });
    let report = db.compact().unwrap();
    let packed = packed(&[packed_points(90_000), packed_points(150_000)]);
    assert_eq!((temp.file_bytes(), report.free_bytes), (packed, 0));
    // Up and down again, once each.
    assert_eq!(report.bytes_written, 2 * 240_000 * 12);
    assert_packed(&db);
    assert_sound(&db);
}

#[test]
fn a_gap_that_is_not_worth_it_stays() {
    let temp = TempDb::new();
    let db = temp.open();
    write(&db, |write| {
        write.create_table::<Point>("small").unwrap().push(&point(1)).unwrap();
    });
    write(&db, |write| {
        let mut large = write.create_table::<Point>("large").unwrap();
        large.load((0..2_000_000).map(point)).unwrap();
    });
    write(&db, |write| write.drop_table("small").unwrap());
    let report = db.compact().unwrap();
    assert_eq!(report.bytes_written, 0, "{report:?}");
    assert!(report.free_bytes <= report.bytes_after / 4096, "{report:?}");
}

#[test]
fn one_table_alone() {
    let temp = TempDb::new();
    let db = aged(&temp, 40_000, 20_000);
    assert!(db.compact_table("nothing").unwrap_err().to_string().contains("\"nothing\""));
    let points = db.read().unwrap().table::<Dyn>("points").unwrap().stats().unwrap();
    assert!(!points.contiguous);
    let before = temp.file_bytes();
    db.compact_table("ticks").unwrap();
    let read = db.read().unwrap();
    assert_eq!(read.table::<Dyn>("points").unwrap().stats().unwrap(), points);
    assert!(read.table::<Dyn>("ticks").unwrap().stats().unwrap().contiguous);
    assert!(read.table::<Dyn>("ticks").unwrap().index("by_price").unwrap().stats().unwrap().contiguous);
    // The other table stays where it is all over the file, so there may be no gap; the pages of the
    // first one are free.
    assert!(temp.file_bytes() <= before + 40_000 * 32, "{} after {before} bytes", temp.file_bytes());
    assert_rows(&read, 40_000, 20_000);
    drop(read);
    db.compact().unwrap();
    assert_eq!(
        temp.file_bytes(),
        packed(&[packed_ticks(40_000), packed_entries(40_000), packed_points(20_000)])
    );
    assert_sound(&db);
}

#[test]
fn a_table_is_compacted_in_a_transaction_among_other_edits() {
    let temp = TempDb::new();
    let db = aged(&temp, 20_000, 10_000);
    let old = db.read().unwrap();
    write(&db, |write| {
        write.table::<Tick>("ticks").unwrap().insert(&tick(20_000)).unwrap();
        write.table::<Tick>("ticks").unwrap().remove(tick(20_000).id).unwrap();
        write.compact_table("ticks").unwrap();
        let mut table = write.table::<Tick>("ticks").unwrap();
        table.insert(&tick(20_001)).unwrap();
        assert!(table.remove(tick(20_001).id).unwrap().is_some());
        drop(table);
        write.compact_table("ticks").unwrap();
        write.create_table::<Tick>("empty").unwrap();
        write.compact_table("empty").unwrap();
        assert!(write.compact_table("nothing").is_err());
    });
    assert!(db.read().unwrap().table::<Dyn>("ticks").unwrap().stats().unwrap().contiguous);
    assert_rows(&db.read().unwrap(), 20_000, 10_000);
    assert_rows(&old, 20_000, 10_000);
    assert_sound(&db);
    // Dropped, it has never been.
    let write = db.write().unwrap();
    write.compact_table("points").unwrap();
    drop(write);
    assert!(!db.read().unwrap().table::<Dyn>("points").unwrap().stats().unwrap().contiguous);
    assert_sound(&db);
}

#[test]
fn a_database_in_memory_packs_its_tables() {
    let db = Database::in_memory().unwrap();
    assert_eq!(db.compact().unwrap().bytes_written, 0);
    write(&db, |write| {
        let mut table = write.create_table::<Tick>("ticks").unwrap();
        (0..30_000).for_each(|n| table.insert(&tick(n)).unwrap());
    });
    db.compact().unwrap();
    assert_packed(&db);
    assert_eq!(db.compact().unwrap().bytes_written, 0);
    assert_sound(&db);
}
