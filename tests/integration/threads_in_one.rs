//! Several threads write different tables of one transaction, with so little memory that edits
//! spill all the time.
//!
//! A long run: `DRYSTONE_THREAD_ROWS=1000000 cargo test --release --test integration
//! threads_in_one:: -- --nocapture`.

use std::fmt::Debug;

use drystone::{
    Database, LoadOptions, OnDuplicate, ReadTransaction, Record, Result, TableOptions, WriteTransaction,
};

use crate::kill::times;
use crate::random::Random;
use crate::temp::{TempDb, assert_sound};

const MEMORY_BYTES: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Keyed {
    #[record(key)]
    id: u64,
    group: u64,
    round: u64,
}

/// By row number.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Numbered {
    row: u64,
    round: u64,
}

impl Keyed {
    fn new(id: u64, round: u64) -> Keyed {
        Keyed { id, group: Random::new(id ^ round).next() % 1000, round }
    }
}

/// What a thread does with its table in a round, of the rows that are there from the round before.
type Task = fn(&WriteTransaction, &'static str, u64, u64) -> Result<()>;

/// A table, what is done with it, and which ids it has then.
const TASKS: [(&str, Task); 8] = [
    ("ascending", |write, name, rows, round| insert(write, name, 0..rows, round)),
    ("descending", |write, name, rows, round| insert(write, name, (0..rows).rev(), round)),
    ("random", |write, name, rows, round| insert(write, name, shuffled(rows), round)),
    ("indexed", |write, name, rows, round| insert(write, name, shuffled(rows), round)),
    ("loaded", load),
    ("loaded into", load_into),
    ("removed", remove),
    ("numbered", push),
];

/// All numbers below `rows`, without a pattern, the same each time.
fn shuffled(rows: u64) -> impl Iterator<Item = u64> {
    let mut ids: Vec<u64> = (0..rows).collect();
    let mut numbers = Random::new(rows);
    (1..ids.len()).rev().for_each(|last| ids.swap(last, numbers.below(last + 1)));
    ids.into_iter()
}

fn insert(
    write: &WriteTransaction,
    name: &str,
    mut ids: impl Iterator<Item = u64>,
    round: u64,
) -> Result<()> {
    let mut table = write.table::<Keyed>(name)?;
    table.clear()?;
    ids.try_for_each(|id| table.insert(&Keyed::new(id, round)))
}

/// Out of order, so that it is sorted, and outside of memory if it is much.
fn load(write: &WriteTransaction, name: &str, rows: u64, round: u64) -> Result<()> {
    let options = LoadOptions::new().replace(true).memory_bytes(MEMORY_BYTES);
    let rows = shuffled(rows).map(|id| Keyed::new(id, round));
    write.table::<Keyed>(name)?.load_with(rows, &options).map(drop)
}

/// A few loads over rows that are there, each over the rows of the one before.
fn load_into(write: &WriteTransaction, name: &str, rows: u64, round: u64) -> Result<()> {
    let mut table = write.table::<Keyed>(name)?;
    let options = LoadOptions::new().on_duplicate(OnDuplicate::Last);
    table.clear()?;
    (0..4).try_for_each(|part| {
        // The parts overlap by half.
        let ids = rows * part / 5..rows * (part + 2) / 5;
        table.load_with(ids.map(|id| Keyed::new(id, round)), &options).map(drop)
    })
}

/// Puts all rows in, and takes two of three out, first in order and then without a pattern.
fn remove(write: &WriteTransaction, name: &str, rows: u64, round: u64) -> Result<()> {
    insert(write, name, 0..rows, round)?;
    let mut table = write.table::<Keyed>(name)?;
    (0..rows).step_by(3).try_for_each(|id| table.remove(id).map(drop))?;
    shuffled(rows).filter(|id| id % 3 == 1).try_for_each(|id| table.remove(id).map(drop))
}

/// Appends, overwrites, takes out from the end.
fn push(write: &WriteTransaction, name: &str, rows: u64, round: u64) -> Result<()> {
    let mut table = write.table::<Numbered>(name)?;
    table.truncate(rows / 3)?;
    for row in 0..table.len() {
        table.set(row, &Numbered { row, round })?;
    }
    (table.len()..rows + 100).try_for_each(|row| table.push(&Numbered { row, round }).map(drop))?;
    (0..100).try_for_each(|_| table.pop().map(drop))
}

#[track_caller]
fn assert_rows<'t, T: Record + PartialEq + Debug>(
    found: impl Iterator<Item = Result<&'t T>>,
    expected: impl Iterator<Item = T>,
    name: &str,
) {
    let (mut found, mut rows) = (found, 0);
    for row in expected {
        let next = found.next().map(|row| row.unwrap_or_else(|error| panic!("{name}, row {rows}: {error}")));
        assert_eq!(next, Some(&row), "{name}, row {rows}");
        rows += 1;
    }
    assert!(found.next().is_none(), "{name} has more than {rows} rows");
}

fn assert_written(read: &ReadTransaction, rows: u64, round: u64) {
    let keyed = |ids: std::ops::Range<u64>| ids.map(move |id| Keyed::new(id, round));
    for (name, _) in TASKS {
        if name == "numbered" {
            let expected = (0..rows).map(|row| Numbered { row, round });
            assert_rows(read.table::<Numbered>(name).unwrap().iter(), expected, name);
            continue;
        }
        let table = read.table::<Keyed>(name).unwrap();
        match name {
            "loaded into" => assert_rows(table.iter(), keyed(0..rows), name),
            "removed" => assert_rows(table.iter(), keyed(0..rows).filter(|row| row.id % 3 == 2), name),
            _ => assert_rows(table.iter(), keyed(0..rows), name),
        }
        if ["indexed", "removed"].contains(&name) {
            let mut expected: Vec<Keyed> = table.iter().map(|row| *row.unwrap()).collect();
            expected.sort_by_key(|row| (row.group, row.id));
            let by_group = table.index(&format!("{name} by group")).unwrap();
            assert_rows(by_group.iter(), expected.into_iter(), name);
        }
    }
}

fn make_tables(db: &Database) {
    let write = db.write().unwrap();
    for (name, _) in TASKS {
        // Leaves of about a page, so that there are many nodes.
        match name {
            "numbered" => {
                write.create_table_with::<Numbered>(name, &TableOptions::new().leaf_rows(256)).unwrap();
            }
            _ => {
                let mut table =
                    write.create_table_with::<Keyed>(name, &TableOptions::new().leaf_rows(200)).unwrap();
                if ["indexed", "removed"].contains(&name) {
                    let index = format!("{name} by group");
                    table.create_index(&index, &["group"]).unwrap();
                }
            }
        }
    }
    write.commit().unwrap();
}

#[test]
fn threads_that_write_tables_of_one_transaction_lose_nothing() {
    let rows = times("DRYSTONE_THREAD_ROWS", 20_000);
    // A new file each time: threads compete where the file grows.
    for _ in 0..4 {
        let temp = TempDb::new();
        let db = temp.open();
        make_tables(&db);
        for round in 1..=2 {
            let mut write = db.write().unwrap();
            write.set_memory_bytes(MEMORY_BYTES);
            std::thread::scope(|scope| {
                for (name, task) in TASKS {
                    let write = &write;
                    scope.spawn(move || task(write, name, rows, round).unwrap());
                }
            });
            write.commit().unwrap();
            assert_sound(&db);
            assert_written(&db.read().unwrap(), rows, round);
        }
        drop(db);
        assert_written(&temp.open().read().unwrap(), rows, 2);
    }
}
