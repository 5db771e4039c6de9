//! What a writer does before it writes: it settles the state that it found, and continues after a
//! seal that failed.

use std::collections::BTreeSet;

use drystone::simulation::{CrashDisk, Event, Fault, Operation, empty_image, open};
use drystone::{Database, Durability, ErrorKind, Result, Schema};

const META_PAGES: u64 = 2;
const PAGE_BYTES: u64 = 4096;

fn disk() -> CrashDisk {
    let mut disk = CrashDisk::new(None).unwrap();
    disk.load(&empty_image()).unwrap();
    disk
}

fn commit(db: &Database, table: &str, durability: Durability) -> Result<()> {
    let schema: Schema = "id: u64 key".parse()?;
    let mut write = db.write()?;
    write.set_durability(durability);
    write.create_dyn_table(table, &schema)?;
    write.commit()
}

#[test]
fn before_anything_is_written_both_meta_pages_hold_the_found_state_and_are_synced() {
    let disk = disk();
    commit(&open(&disk).unwrap(), "first", Durability::Immediate).unwrap();
    let db = open(&disk).unwrap();
    commit(&db, "second", Durability::Eventual).unwrap();
    disk.end_process();
    let db = open(&disk).unwrap();
    let before = disk.event_count();
    drop(db.write().unwrap());
    let events = disk.events().split_off(before);
    let meta_pages: BTreeSet<u64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Write { offset, .. } => Some(offset / PAGE_BYTES).filter(|page| *page < META_PAGES),
            _ => None,
        })
        .collect();
    assert_eq!(meta_pages, BTreeSet::from([0, 1]), "the other meta page may hold a commit that was cut off");
    assert!(matches!(events.last(), Some(Event::Sync)), "the last of them is not certain");
}

#[test]
fn a_commit_whose_seal_cannot_be_written_stands_and_the_next_one_works() {
    let mut without_seal = 0;
    for after in 0.. {
        let disk = disk();
        let db = open(&disk).unwrap();
        commit(&db, "first", Durability::Immediate).unwrap();
        disk.inject(Fault { operation: Operation::Write, after, times: 1 });
        let second = commit(&db, "second", Durability::Immediate);
        if disk.failures() == 0 {
            break;
        }
        if second.is_err() {
            continue;
        }
        without_seal += 1;
        let third = commit(&db, "third", Durability::Immediate);
        assert_eq!(
            third.map_err(|error| error.kind()),
            Ok::<(), ErrorKind>(()),
            "after write {after} failed"
        );
        assert_eq!(db.read().unwrap().table_names().unwrap().len(), 3);
    }
    assert!(without_seal > 0, "no write of a commit was one that it can do without");
}
