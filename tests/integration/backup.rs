//! `backup` and `copy_table`: the same rows, only live pages, and a whole file or none.

use std::sync::atomic::{AtomicBool, Ordering};

use drystone::{
    Database, Dyn, ErrorKind, OpenOptions, ReadTransaction, Record, TableOptions, WriteTransaction,
};

use crate::random::Random;
use crate::temp::{self, TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Account {
    #[record(key)]
    id: u64,
    amount: i64,
}

const ACCOUNTS: u64 = 30_000;

fn write(db: &Database, edit: impl FnOnce(&WriteTransaction)) {
    let write = db.write().unwrap();
    edit(&write);
    write.commit().unwrap();
}

/// Accounts inserted in random order, so that their leaves are not full, and a table that leaves a
/// gap.
fn accounts(temp: &TempDb) -> Database {
    let db = temp.open();
    write(&db, |write| {
        let rows = (0..100_000).map(|id| Account { id, amount: 0 });
        write.create_table::<Account>("gone").unwrap().load(rows).unwrap();
    });
    write(&db, |write| {
        let options = TableOptions::new().leaf_rows(256);
        let mut table = write.create_table_with::<Account>("accounts", &options).unwrap();
        for n in 0..ACCOUNTS {
            let id = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            table.insert(&Account { id, amount: 100 }).unwrap();
        }
        table.create_index("by_amount", &["amount"]).unwrap();
        drop(table);
        write.create_table::<Account>("empty").unwrap();
        write.drop_table("gone").unwrap();
    });
    db
}

/// Moves an amount from one account to another.
fn transfer(db: &Database, numbers: &mut Random) {
    write(db, |write| {
        let mut table = write.table::<Account>("accounts").unwrap();
        for amount in [5, -5] {
            let id = (numbers.next() % ACCOUNTS).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            table.update(id, |account| account.amount += amount).unwrap().unwrap();
        }
    });
}

fn sum(read: &ReadTransaction) -> i64 {
    read.table::<Account>("accounts").unwrap().iter().map(|row| row.unwrap().amount).sum()
}

fn rows(read: &ReadTransaction) -> Vec<Account> {
    read.table::<Account>("accounts").unwrap().iter().map(|row| *row.unwrap()).collect()
}

/// What lies in a folder, by name.
fn files(temp: &TempDb) -> Vec<String> {
    let entries = std::fs::read_dir(temp.folder()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_has_the_rows_of_its_snapshot_and_only_live_pages() {
    let temp = TempDb::new();
    let db = accounts(&temp);
    let held = db.read().unwrap();
    let mut numbers = Random::new(1);
    for _ in 0..10 {
        transfer(&db, &mut numbers);
    }
    let path = temp.folder().join("copy.dry");
    let mut told = Vec::new();
    let report = held.backup_with(&path, |done, total| told.push((done, total))).unwrap();
    assert_eq!((report.transaction, report.tables, report.rows), (held.transaction(), 2, ACCOUNTS));
    assert_eq!(files(&temp), ["copy.dry", "test.dry", "test.dry-lock"]);
    assert!(told.is_sorted() && told.last() == Some(&(ACCOUNTS * 32, ACCOUNTS * 32)), "{told:?}");

    let copy = temp::open(&path, &OpenOptions::new()).unwrap();
    assert_sound(&copy);
    let read = copy.read().unwrap();
    assert_eq!(read.transaction(), held.transaction());
    assert_eq!(read.table_names().unwrap(), held.table_names().unwrap());
    assert_eq!(rows(&read), rows(&held));
    assert_ne!(rows(&read), rows(&db.read().unwrap()));
    assert!(read.table::<Account>("empty").unwrap().is_empty());
    let lowest = |read: &ReadTransaction| {
        let index = read.table::<Account>("accounts").unwrap().index("by_amount").unwrap();
        index.iter().take(100).map(|row| *row.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(lowest(&read), lowest(&held));
    // Packed: two meta pages, the rows, the index, a page per branch, two trees of the catalog. No
    // gap, and no half-full leaf.
    let stats = read.table::<Dyn>("accounts").unwrap().stats().unwrap();
    assert!(stats.contiguous && stats.leaf_rows == 256, "{stats:?}");
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert_eq!(bytes, report.bytes);
    let entries = read.table::<Dyn>("accounts").unwrap().index("by_amount").unwrap().stats().unwrap();
    assert!(entries.contiguous, "{entries:?}");
    let branches = stats.branch_bytes + entries.branch_bytes;
    assert_eq!(bytes, 2 * (ACCOUNTS * 16).next_multiple_of(4096) + branches + 4 * 4096);
    assert!(bytes * 2 < temp.file_bytes());
    assert_eq!(copy.compact().unwrap().bytes_written, 0);

    // A database of its own: both go on, and the copy is not touched by what the first one does.
    drop(read);
    for _ in 0..3 {
        transfer(&copy, &mut numbers);
        transfer(&db, &mut numbers);
    }
    assert_eq!(copy.read().unwrap().transaction(), held.transaction() + 3);
    assert_sound(&copy);
    assert_sound(&db);
}

#[test]
fn backups_while_others_write_are_each_one_state() {
    let temp = TempDb::new();
    let db = accounts(&temp);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut numbers = Random::new(2);
            let mut commits = 0;
            while !done.load(Ordering::Relaxed) {
                transfer(&db, &mut numbers);
                commits += 1;
                if commits % 50 == 0 {
                    db.compact().unwrap();
                }
            }
            commits
        });
        for number in 0..5 {
            let path = temp.folder().join(format!("{number}.dry"));
            let report = db.backup(&path).unwrap();
            let copy = temp::open(&path, &OpenOptions::new()).unwrap();
            assert_eq!(copy.read().unwrap().transaction(), report.transaction);
            assert_eq!(sum(&copy.read().unwrap()), 100 * ACCOUNTS as i64, "backup {number}");
            assert_sound(&copy);
        }
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 0);
    });
    assert_sound(&db);
}

#[test]
fn a_backup_that_cannot_be_made_leaves_nothing_behind() {
    let temp = TempDb::new();
    drop(accounts(&temp));
    let path = temp.folder().join("copy.dry");
    std::fs::write(&path, "precious").unwrap();
    let db = temp.open();
    let error = db.backup(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    // Another program takes the name while the copy is made.
    std::fs::remove_file(&path).unwrap();
    let error = db.backup_with(&path, |_, _| std::fs::write(&path, "precious").unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(&path).unwrap();
    let error = db.backup(temp.folder().join("no/copy.dry")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileNotFound, "{error}");
    drop(db);
    assert_eq!(files(&temp), ["test.dry", "test.dry-lock"]);

    // A leaf that rotted: there is no copy that would hide it.
    let mut bytes = temp.bytes();
    let marker = 0x9E37_79B9_7F4A_7C15_u64.to_le_bytes();
    let at = bytes.windows(16).rposition(|window| window[..8] == marker && window[8] == 100).unwrap();
    bytes[at + 8] ^= 1;
    let rotten = TempDb::of_bytes(&bytes);
    let error = rotten.open().backup(rotten.folder().join("copy.dry")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("\"accounts\""), "{error}");
    assert_eq!(files(&rotten), ["test.dry", "test.dry-lock"]);
}

#[test]
fn a_database_in_memory_and_an_empty_one_go_to_a_file() {
    let temp = TempDb::new();
    let db = Database::in_memory().unwrap();
    let report = db.backup(temp.path()).unwrap();
    assert_eq!((report.tables, report.rows, report.bytes), (0, 0, 8192));
    assert_eq!(temp.open().read().unwrap().transaction(), 1);
    write(&db, |write| drop(write.create_table::<Account>("accounts").unwrap()));
    write(&db, |write| write.drop_table("accounts").unwrap());
    let path = temp.folder().join("second.dry");
    db.backup(&path).unwrap();
    let copy = temp::open(&path, &OpenOptions::new()).unwrap();
    assert_eq!(copy.read().unwrap().transaction(), 3);
    write(&copy, |write| {
        write.create_table::<Account>("accounts").unwrap().insert(&Account { id: 1, amount: 2 }).unwrap();
    });
    assert_eq!(sum(&copy.read().unwrap()), 2);
    assert_sound(&copy);
}

#[test]
fn a_table_is_copied_to_another_database_or_beside_itself() {
    let (temp, other) = (TempDb::new(), TempDb::new());
    let db = accounts(&temp);
    let from = db.read().unwrap();
    let into = other.open();
    write(&into, |write| {
        assert_eq!(write.copy_table(&from, "accounts", "accounts").unwrap(), ACCOUNTS);
        assert_eq!(write.copy_table(&from, "empty", "also empty").unwrap(), 0);
        let error = write.copy_table(&from, "accounts", "accounts").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(write.copy_table(&from, "gone", "x").unwrap_err().kind(), ErrorKind::TableNotFound);
        // The copy is a table like any other in the same transaction.
        let mut table = write.table::<Account>("accounts").unwrap();
        assert!(table.remove(0).unwrap().is_some());
    });
    let read = into.read().unwrap();
    assert_eq!(read.table_names().unwrap(), ["accounts", "also empty"]);
    assert_eq!(read.table::<Dyn>("accounts").unwrap().stats().unwrap().leaf_rows, 256);
    assert_eq!(read.indexes("accounts").unwrap(), from.indexes("accounts").unwrap());
    assert_eq!(rows(&read)[..], rows(&from)[1..]);
    assert_sound(&into);

    write(&db, |write| {
        write.copy_table(&from, "accounts", "again").unwrap();
        // Its index has a name that nothing else has, and follows.
        let gone = write.table::<Account>("again").unwrap().remove(0).unwrap();
        write.table::<Account>("again").unwrap().insert(&gone.unwrap()).unwrap();
    });
    let read = db.read().unwrap();
    let again = read.table::<Account>("again").unwrap();
    assert_eq!(read.indexes("again").unwrap()[0].name, "again_by_amount");
    assert_eq!(again.index("again_by_amount").unwrap().get(100_i64).unwrap().unwrap().id, 0);
    assert_eq!(read.table::<Account>("again").unwrap().len(), ACCOUNTS);
    assert_sound(&db);
}
