//! Snapshots stay valid when the store falls back below them, and when the table of readers cannot
//! be read.

use std::os::unix::fs::FileExt;

use drystone::{Database, Durability, LoadOptions, ReadTransaction, Record};

use crate::temp::{TempDb, assert_sound};

const ROWS: u64 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Row {
    #[record(key)]
    id: u64,
    value: u64,
}

fn load(db: &Database, value: u64, durability: Durability) {
    let mut write = db.write().unwrap();
    write.set_durability(durability);
    let mut table = write.table::<Row>("t").or_else(|_| write.create_table("t")).unwrap();
    table.load_with((0..ROWS).map(|id| Row { id, value }), &LoadOptions::new().replace(true)).unwrap();
    write.commit().unwrap();
}

/// One row, so that the commit is small enough to be `Eventual`.
fn update(db: &Database, value: u64, durability: Durability) {
    let mut write = db.write().unwrap();
    write.set_durability(durability);
    for id in (0..ROWS).step_by(ROWS as usize / 4) {
        write.table::<Row>("t").unwrap().update(id, |row| row.value = value).unwrap().unwrap();
    }
    write.commit().unwrap();
}

fn values(read: &ReadTransaction) -> Vec<u64> {
    let table = read.table::<Row>("t").unwrap();
    table.iter().map(|row| row.unwrap().value).collect()
}

/// The place of the meta page of the newest transaction.
fn newest_meta(file: &std::fs::File) -> u64 {
    let number = |page: u64| {
        let mut number = [0; 8];
        file.read_exact_at(&mut number, page * 4096 + 32).unwrap();
        u64::from_le_bytes(number)
    };
    if number(0) > number(1) { 0 } else { 4096 }
}

#[test]
fn a_snapshot_of_a_state_that_the_store_fell_back_below_stays() {
    let temp = TempDb::new();
    let first = temp.open();
    load(&first, 1, Durability::Immediate);
    update(&first, 2, Durability::Eventual);
    // It outlives its handle, and then is to others like one of another process.
    let held = first.read().unwrap();
    drop(first);
    let before = values(&held);
    assert!(before.contains(&2));
    // What a write of the next meta page leaves that fails midway.
    let file = std::fs::File::options().read(true).write(true).open(temp.path()).unwrap();
    file.write_all_at(&[0xAA; 2048], newest_meta(&file)).unwrap();

    let second = temp.open();
    for value in 10..40 {
        update(&second, value, Durability::Immediate);
        assert_eq!(values(&held), before, "changed by commit {value}");
        let newest = second.read().unwrap();
        assert!(newest.transaction() > held.transaction(), "a number was given twice");
        assert_eq!(values(&newest)[0], value);
    }
    load(&second, 50, Durability::Immediate);
    assert_eq!(values(&held), before);
    drop(held);
    update(&second, 51, Durability::Immediate);
    assert_sound(&second);
    drop(second);
    assert_sound(&temp.open());
}

#[test]
fn a_load_frees_nothing_when_the_table_of_readers_cannot_be_read() {
    let temp = TempDb::new();
    let first = temp.open();
    load(&first, 1, Durability::Immediate);
    let held = first.read().unwrap();
    drop(first);
    let before = values(&held);

    let second = temp.open();
    let write = second.write().unwrap();
    let mut table = write.table::<Row>("t").unwrap();
    let rows = (0..ROWS).map(|id| Row { id, value: 2 });
    table.load_with(rows, &LoadOptions::new().replace(true)).unwrap();
    let lock = std::fs::File::options().read(true).write(true).open(temp.folder().join("test.dry-lock"));
    let lock = lock.unwrap();
    let mut slots = [0; 4096];
    lock.read_exact_at(&mut slots, 4096).unwrap();
    let held_slot = slots.chunks(128).position(|slot| slot[..8] != [0; 8]).unwrap();
    let checksum = 4096 + held_slot as u64 * 128 + 124;
    lock.write_all_at(&[0x55; 4], checksum).unwrap();
    write.commit().unwrap();
    assert_eq!(values(&held), before);

    // As it was.
    lock.write_all_at(&slots[held_slot * 128 + 124..][..4], checksum).unwrap();
    for value in 3..6 {
        load(&second, value, Durability::Immediate);
        assert_eq!(values(&held), before);
    }
    drop(held);
    load(&second, 6, Durability::Immediate);
    assert_sound(&second);
}
