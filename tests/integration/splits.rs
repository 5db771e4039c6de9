//! How full leaves are after inserts one by one: full if rows come in order, in either direction
//! and anywhere in the table, or if many come in a commit; otherwise more than half full.

use drystone::{Database, Dyn, Record};

use crate::random::Random;
use crate::temp::assert_sound;

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Row {
    #[record(key)]
    key: i64,
    n: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C, packed)]
struct Tick {
    #[record(key)]
    place: u16,
    #[record(key)]
    at: u64,
    n: u16,
}

/// Inserts rows with these keys, `commit_rows` per commit, into a table that has the others
/// already. Returns how full its leaves are.
fn fill_after(loaded: impl Iterator<Item = i64>, keys: impl Iterator<Item = i64>, commit_rows: usize) -> f64 {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut rows = write.create_table::<Row>("rows").unwrap();
    rows.load(loaded.map(|key| Row { key, n: 1 })).unwrap();
    drop(rows);
    write.commit().unwrap();
    let before = db.read().unwrap().table::<Dyn>("rows").unwrap().stats().unwrap().rows;
    let keys: Vec<i64> = keys.collect();
    for keys in keys.chunks(commit_rows) {
        let write = db.write().unwrap();
        let mut rows = write.table::<Row>("rows").unwrap();
        for key in keys {
            rows.insert(&Row { key: *key, n: 2 }).unwrap();
        }
        drop(rows);
        write.commit().unwrap();
    }
    assert_sound(&db);
    let stats = db.read().unwrap().table::<Dyn>("rows").unwrap().stats().unwrap();
    assert_eq!(stats.rows, before + keys.len() as u64);
    stats.fill()
}

fn none() -> std::iter::Empty<i64> {
    std::iter::empty()
}

#[test]
fn inserts_in_descending_order_leave_full_leaves() {
    for commit_rows in [1, 100, 60_000] {
        // As many leaves as a branch has children, and more.
        let rows = if commit_rows == 1 { 3_000 } else { 120_000 };
        let ascending = fill_after(none(), 0..rows, commit_rows);
        let descending = fill_after(none(), (0..rows).rev(), commit_rows);
        assert!(ascending > 0.85 && descending > 0.85, "{ascending} {descending}, {commit_rows} a commit");
        let below_others = fill_after(0..10_000, (-rows..0).rev(), commit_rows);
        assert!(below_others > 0.85, "{below_others}, {commit_rows} a commit");
    }
}

#[test]
fn inserts_in_order_into_a_gap_leave_full_leaves() {
    // Far from both ends, in the middle of a leaf and of a branch.
    let around = || (0..100_000).map(|key| if key < 50_123 { key } else { key + 1_000_000 });
    for commit_rows in [100, 30_000] {
        let descending = fill_after(around(), (500_000..560_000).rev(), commit_rows);
        assert!(descending > 0.95, "{descending}, {commit_rows} a commit");
        let ascending = fill_after(around(), 500_000..560_000, commit_rows);
        assert!(ascending > 0.95, "{ascending}, {commit_rows} a commit");
    }
}

#[test]
fn several_runs_at_once_leave_full_leaves() {
    for descending in [false, true] {
        let db = Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let mut ticks = write.create_table::<Tick>("ticks").unwrap();
        ticks.create_index("by_n", &["n", "at"]).unwrap();
        for n in 0..20_000_u64 {
            let at = if descending { u64::MAX - n } else { n };
            for place in [7, 3, 5] {
                ticks.insert(&Tick { place, at, n: place }).unwrap();
            }
        }
        drop(ticks);
        write.commit().unwrap();
        assert_sound(&db);
        let read = db.read().unwrap();
        let stats = read.table::<Dyn>("ticks").unwrap().stats().unwrap();
        assert!(stats.fill() > 0.9, "{} in the table, descending: {descending}", stats.fill());
        let stats = read.table::<Dyn>("ticks").unwrap().index("by_n").unwrap().stats().unwrap();
        assert!(stats.fill() > 0.9, "{} in the index, descending: {descending}", stats.fill());
    }
}

#[test]
fn inserts_in_no_order_fill_leaves_too() {
    let mut numbers = Random::new(17);
    let keys: Vec<i64> = (0..60_000).map(|_| numbers.next() as i64).collect();
    // A few rows a commit fill leaves as much as halving them does; many, nearly to the brim.
    for (commit_rows, least) in [(100, 0.65), (6_000, 0.9), (60_000, 0.95)] {
        let fill = fill_after(none(), keys.iter().copied(), commit_rows);
        assert!(fill > least, "{fill}, {commit_rows} a commit");
    }
}

#[test]
fn rows_of_a_run_are_found_removed_and_put_back() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut rows = write.create_table::<Row>("rows").unwrap();
    rows.load((0..20_000).map(|key| Row { key: key * 1000, n: 1 })).unwrap();
    // A gap that fills from above, then from below, then in between.
    let run = (5_000_500..5_000_999).rev().chain(5_000_001..5_000_400).chain(5_000_400..5_000_500);
    for key in run.clone() {
        rows.insert(&Row { key, n: 2 }).unwrap();
    }
    assert_eq!(rows.range(5_000_000..=5_001_000).unwrap().len(), 1000);
    for key in run.clone() {
        assert_eq!(rows.get(key).unwrap(), Some(&Row { key, n: 2 }));
        assert_eq!(rows.remove(key).unwrap(), Some(Row { key, n: 2 }));
    }
    assert_eq!(rows.len(), 20_000);
    for key in run {
        rows.insert(&Row { key, n: 3 }).unwrap();
    }
    let keys: Vec<i64> = rows.iter().map(|row| row.unwrap().key).collect();
    assert!(keys.is_sorted() && keys.len() == 20_000 + 998);
    drop(rows);
    write.commit().unwrap();
    assert_sound(&db);
}
