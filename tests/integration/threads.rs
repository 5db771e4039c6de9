//! One process, many threads: snapshots are whole and do not change while others write, load,
//! check, open and close.
//!
//! A soak: `DRYSTONE_STRESS_SECONDS=60 cargo test --release --test integration threads --
//! --nocapture`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drystone::{Database, Record};

use crate::kill::times;
use crate::sharing::{assert_whole, fill, transfer};
use crate::temp::{TempDb, assert_sound};

/// A table that is dropped and loaded again and again, so that verified pages get other contents.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Round {
    round: u64,
    row: u64,
}

fn load(db: &Database, round: u64) {
    let write = db.write().unwrap();
    if round > 1 {
        write.drop_table("rounds").unwrap();
    }
    let rows = 500 + round % 7 * 300;
    let rows = (0..rows).map(|row| Round { round, row });
    write.create_table::<Round>("rounds").unwrap().load(rows).unwrap();
    write.commit().unwrap();
}

#[test]
fn threads_see_whole_snapshots_while_others_write_load_check_and_open() {
    let end = Instant::now() + Duration::from_secs(times("DRYSTONE_STRESS_SECONDS", 2));
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db);
    let (done, commits, rounds) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let [snapshots, opened, checked] = [const { AtomicU64::new(0) }; 3];
    let going = || !done.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let (mut held, mut last) = (db.read().unwrap(), 0);
                let mut held_commits = assert_whole(&held);
                while going() {
                    // What has been committed before is in every later snapshot.
                    let least = commits.load(Ordering::Acquire);
                    let read = db.read().unwrap();
                    let seen = assert_whole(&read);
                    assert!(seen >= least && seen >= last, "a snapshot older than one before");
                    assert_eq!(assert_whole(&read), seen, "a snapshot changed");
                    last = seen;
                    if let Ok(table) = read.table::<Round>("rounds") {
                        let round = table.first().unwrap().unwrap().round;
                        assert_eq!(table.len(), 500 + round % 7 * 300);
                        for (row, found) in (0..).zip(table.iter()) {
                            assert_eq!(*found.unwrap(), Round { round, row });
                        }
                    }
                    if snapshots.fetch_add(1, Ordering::Relaxed).is_multiple_of(16) {
                        assert_eq!(assert_whole(&held), held_commits, "a snapshot that is held changed");
                        (held, held_commits) = (read, seen);
                    }
                }
            });
        }
        scope.spawn(|| {
            while going() {
                transfer(&db, commits.load(Ordering::Relaxed) + 1);
                commits.fetch_add(1, Ordering::Release);
            }
        });
        scope.spawn(|| {
            while going() {
                load(&db, rounds.fetch_add(1, Ordering::Relaxed) + 1);
            }
        });
        // Takes new snapshots, reads all rows, and lists the readers.
        scope.spawn(|| {
            while going() {
                assert_sound(&db);
                for reader in db.readers().unwrap() {
                    db.held_bytes(&reader).unwrap();
                }
                checked.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Comes and goes.
        scope.spawn(|| {
            while going() {
                let other = temp.open();
                assert_whole(&other.read().unwrap());
                assert!(other.try_write_for(Duration::from_secs(60)).is_ok());
                opened.fetch_add(1, Ordering::Relaxed);
            }
        });
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
        done.store(true, Ordering::Relaxed);
    });
    let commits = commits.into_inner();
    assert_eq!(assert_whole(&db.read().unwrap()), commits);
    assert!(db.readers().unwrap().is_empty());
    assert_sound(&db);
    println!(
        "{} snapshots, {commits} commits, {} loads, {} checks, {} times opened; the file has {} bytes",
        snapshots.into_inner(),
        rounds.into_inner(),
        checked.into_inner(),
        opened.into_inner(),
        temp.file_bytes()
    );
}

/// A row that tells what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Squared {
    #[record(key)]
    id: u64,
    square: u64,
}

#[test]
fn threads_write_tables_of_one_transaction_beyond_its_memory() {
    const ROWS: u64 = 200_000;
    let temp = TempDb::new();
    let db = temp.open();
    let names = ["a", "b", "c", "d"];
    let mut write = db.write().unwrap();
    write.set_memory_bytes(1 << 20);
    std::thread::scope(|scope| {
        for name in names {
            let write = &write;
            scope.spawn(move || {
                let mut table = write.create_table::<Squared>(name).unwrap();
                for id in 0..ROWS {
                    table.insert(&Squared { id, square: id * id }).unwrap();
                }
            });
        }
    });
    write.commit().unwrap();
    assert_sound(&db);
    let read = db.read().unwrap();
    for name in names {
        let table = read.table::<Squared>(name).unwrap();
        assert_eq!(table.len(), ROWS);
        for (id, row) in (0..).zip(table.iter()) {
            assert_eq!(*row.unwrap(), Squared { id, square: id * id });
        }
    }
}
