//! Many handles and many processes on one file.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use drystone::{Database, Durability, Dyn, ErrorKind, OpenOptions, RowBuf, Schema, TableOptions};

use crate::child::{self, OtherProcess};
use crate::temp::{self, TempDb, assert_sound};

fn schema() -> Schema {
    "id: u64 key, v: u32, pad: bytes[1012]".parse().unwrap()
}

/// Sets the value of all of a few hundred rows, in one transaction.
fn set_all(db: &Database, v: u32) {
    let write = db.write().unwrap();
    set_all_in(&write, v);
    write.commit().unwrap();
}

fn set_all_in(write: &drystone::WriteTransaction, v: u32) {
    let mut table = match write.table::<Dyn>("t") {
        Ok(table) => table,
        Err(_) => write.create_dyn_table_with("t", &schema(), &TableOptions::new().leaf_rows(4)).unwrap(),
    };
    for id in 0..200 {
        let mut row = RowBuf::new(&schema());
        row.set("id", id).unwrap();
        row.set("v", v).unwrap();
        row.as_bytes_mut()[12..].fill(v as u8);
        table.upsert(&row).unwrap();
    }
}

/// The value that all rows have in the newest state.
fn value_of_all(db: &Database) -> u32 {
    value_in(&db.read().unwrap())
}

#[track_caller]
fn value_in(read: &drystone::ReadTransaction) -> u32 {
    let table = read.table::<Dyn>("t").unwrap();
    assert_eq!(table.len(), 200);
    let v = table.first().unwrap().unwrap().at::<u32>(8).unwrap();
    for row in table {
        let row = row.unwrap();
        assert_eq!(row.at::<u32>(8).unwrap(), v);
        assert!(row.as_bytes()[12..].iter().all(|byte| *byte == v as u8));
    }
    v
}

#[test]
fn a_file_and_its_lock_are_the_owners_alone() {
    let temp = TempDb::new();
    let _db = temp.open();
    let lock = temp.folder().join("test.dry-lock");
    for file in [temp.path(), &lock] {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o600, "{file:?}");
    }
    let open = TempDb::new();
    let _db = temp::open(open.path(), &OpenOptions::new().mode(0o640)).unwrap();
    assert_eq!(open.path().metadata().unwrap().permissions().mode() & 0o7777, 0o640);
    let names: Vec<_> =
        std::fs::read_dir(temp.folder()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn all_handles_of_a_process_share_one_database() {
    let temp = TempDb::new();
    let first = temp.open();
    let (soft, hard) = (temp.folder().join("soft"), temp.folder().join("hard"));
    symlink(temp.path(), &soft).unwrap();
    std::fs::hard_link(temp.path(), &hard).unwrap();
    set_all(&first, 1);
    for (v, path) in (2..).zip([temp.path(), &soft, &hard]) {
        let second = temp::open(path, &OpenOptions::new()).unwrap();
        let held = first.read().unwrap();
        let write = second.write().unwrap();
        assert!(first.try_write().unwrap().is_none(), "two writers through {path:?}");
        set_all_in(&write, v);
        write.commit().unwrap();
        assert_eq!(value_of_all(&first), v);
        assert_eq!(value_in(&held), v - 1);
    }
    assert_sound(&first);
}

#[test]
fn a_snapshot_outlives_its_handle_and_the_file_can_be_opened_again() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 1);
    let held = db.read().unwrap();
    drop(db);
    let again = temp.open();
    for v in 2..20 {
        set_all(&again, v);
        assert_eq!(value_of_all(&again), v);
    }
    assert_eq!(value_in(&held), 1);
    assert_eq!(again.readers().unwrap().len(), 1);
    assert_sound(&again);
}

#[test]
fn a_read_only_handle_does_not_write_and_leaves_the_others_their_rights() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 1);
    let reader = temp::open(temp.path(), &OpenOptions::new().read_only(true)).unwrap();
    assert_eq!(reader.write().unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(reader.try_write().unwrap_err().kind(), ErrorKind::ReadOnly);
    set_all(&db, 2);
    assert_eq!(value_of_all(&reader), 2);
    drop((db, reader));

    // What was opened without the right to write cannot lend it to another handle.
    let reader = temp::open(temp.path(), &OpenOptions::new().read_only(true)).unwrap();
    let error = temp.try_open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("close that handle"), "{error}");
    drop(reader);
    set_all(&temp.open(), 3);
}

/// In another process: takes a snapshot, and tells what it sees whenever it is asked.
pub(crate) fn hold_a_snapshot(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    let mut held = db.read().unwrap();
    child::say("ready");
    while let Some(asked) = child::listen() {
        match asked.as_str() {
            "held" => child::say(&value_in(&held).to_string()),
            "newest" => child::say(&value_of_all(&db).to_string()),
            "renew" => {
                held = db.read().unwrap();
                child::say("renewed");
            }
            // What is damaged must be seen by a process that has read the same pages before.
            "error" => {
                let read = db.read().unwrap();
                let error = read.table::<Dyn>("t").unwrap().iter().find_map(Result::err);
                child::say(&error.map_or("none".into(), |error| format!("{:?}", error.kind())));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_snapshot_in_another_process_stays_while_pages_are_used_again() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 1);
    let mut other = OtherProcess::start("hold_a_snapshot", temp.path());
    assert_eq!(other.hear(), "ready");
    assert_eq!(db.readers().unwrap().len(), 1);
    for v in 2..30 {
        set_all(&db, v);
        if v % 5 == 0 {
            assert_eq!(other.ask("held"), "1");
            assert_eq!(other.ask("newest"), v.to_string());
        }
    }
    let with_two_states = temp.file_bytes();
    assert_eq!(other.ask("held"), "1");
    assert_eq!(other.ask("renew"), "renewed");
    assert_eq!(other.ask("held"), "29");
    // What only the old snapshot reached is used again now.
    for v in 30..60 {
        set_all(&db, v);
    }
    assert_eq!(other.ask("held"), "29");
    assert!(temp.file_bytes() <= with_two_states, "the file grew though no more was held");
    assert_sound(&db);
}

#[test]
fn processes_write_in_turn_and_see_each_other() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 0);
    let mut others: Vec<OtherProcess> =
        (0..2).map(|_| OtherProcess::start("write_when_asked", temp.path())).collect();
    others.iter_mut().for_each(|other| assert_eq!(other.hear(), "ready"));
    for v in 1..40 {
        let durability = if v % 3 == 0 { "eventual" } else { "immediate" };
        match others.get_mut(v as usize % 3) {
            Some(other) => assert_eq!(other.ask(&format!("{durability} {v}")), "written"),
            None => set_all(&db, v),
        }
        assert_eq!(value_of_all(&db), v);
        for other in &mut others {
            assert_eq!(other.ask("value"), v.to_string());
        }
    }
    assert_sound(&db);
}

/// In another process: writes, reads, begins and ends transactions as the parent asks.
pub(crate) fn write_when_asked(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    child::say("ready");
    let mut open = None;
    while let Some(asked) = child::listen() {
        child::say(match asked.split_once(' ') {
            None if asked == "begin" => {
                open = Some(db.write().unwrap());
                "begun"
            }
            None if asked == "try" => match db.try_write().unwrap() {
                Some(_) => "begun",
                None => "busy",
            },
            None if asked == "abort" => {
                drop(open.take());
                "aborted"
            }
            None if asked == "value" => {
                child::say(&value_of_all(&db).to_string());
                continue;
            }
            Some((durability, v)) => {
                let mut write = open.take().unwrap_or_else(|| db.write().unwrap());
                write.set_durability(match durability {
                    "eventual" => Durability::Eventual,
                    _ => Durability::Immediate,
                });
                set_all_in(&write, v.parse().unwrap());
                write.commit().unwrap();
                "written"
            }
            _ => panic!("{asked}"),
        });
    }
}

#[test]
fn a_second_writer_waits_for_the_first() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 1);
    let mut other = OtherProcess::start("write_when_asked", temp.path());
    assert_eq!(other.hear(), "ready");
    assert_eq!(other.ask("begin"), "begun");
    assert!(db.try_write().unwrap().is_none());
    let start = Instant::now();
    let error = db.try_write_for(Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(start.elapsed() >= Duration::from_millis(50));
    // Who that is can be asked.
    assert!(error.to_string().ends_with(&format!(", in process {}", other.id())), "{error}");
    assert_eq!(db.writing_process().unwrap(), Some(other.id()));

    let (send, receive) = mpsc::channel();
    let waiting = db.clone();
    let thread = std::thread::spawn(move || {
        let write = waiting.write().unwrap();
        send.send(()).unwrap();
        // It builds on what the other one committed.
        assert_eq!(
            write.table::<Dyn>("t").unwrap().as_table().first().unwrap().unwrap().at::<u32>(8).unwrap(),
            2
        );
        set_all_in(&write, 3);
        write.commit().unwrap();
    });
    assert!(receive.recv_timeout(Duration::from_millis(100)).is_err(), "it did not wait");
    // A reader never waits.
    assert_eq!(value_of_all(&db), 1);
    assert_eq!(other.ask("immediate 2"), "written");
    receive.recv_timeout(Duration::from_secs(20)).unwrap();
    thread.join().unwrap();
    assert_eq!(other.ask("value"), "3");

    let write = db.write().unwrap();
    assert_eq!(other.ask("try"), "busy");
    drop(write);
    assert_eq!(other.ask("try"), "begun");
}

#[test]
fn a_writer_that_dies_leaves_the_turn_to_the_next() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 1);
    let mut other = OtherProcess::start("write_when_asked", temp.path());
    assert_eq!(other.hear(), "ready");
    assert_eq!(other.ask("begin"), "begun");
    assert!(db.try_write().unwrap().is_none());
    other.kill();
    set_all(&db, 2);
    assert_eq!(value_of_all(&db), 2);
    assert_sound(&db);
}

#[test]
fn the_slot_of_a_dead_reader_is_used_again() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 1);
    let mut other = OtherProcess::start("hold_a_snapshot", temp.path());
    assert_eq!(other.hear(), "ready");
    set_all(&db, 2);
    let readers = db.readers().unwrap();
    assert_eq!(readers.len(), 1);
    assert_ne!(readers[0].process, std::process::id());
    other.kill();
    assert!(db.readers().unwrap().is_empty());
    for v in 3..10 {
        set_all(&db, v);
    }
    let before = temp.file_bytes();
    for v in 10..40 {
        set_all(&db, v);
    }
    assert_eq!(temp.file_bytes(), before, "what the dead reader saw is still kept");
}

#[test]
fn pages_that_another_process_wrote_are_verified() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 1);
    let mut other = OtherProcess::start("hold_a_snapshot", temp.path());
    assert_eq!(other.hear(), "ready");
    assert_eq!(other.ask("held"), "1");
    assert_eq!(other.ask("renew"), "renewed");
    // All pages that it has seen get other contents, and one byte of them is not what was written.
    for v in 2..6 {
        set_all(&db, v);
    }
    assert_eq!(other.ask("newest"), "5");
    set_all(&db, 6);
    let bytes = temp.bytes();
    let record = [&7_u64.to_le_bytes()[..], &6_u32.to_le_bytes(), &[6; 100]].concat();
    let at = bytes.windows(record.len()).rposition(|window| window == record).unwrap() + 50;
    std::os::unix::fs::FileExt::write_at(
        &std::fs::OpenOptions::new().write(true).open(temp.path()).unwrap(),
        &[7],
        at as u64,
    )
    .unwrap();
    assert_eq!(other.ask("error"), "Corrupt");
}

/// In another process: forks while it writes; the child gives back nothing that is its parent's.
pub(crate) fn fork_while_writing(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    let mut handles = Some((db.read().unwrap(), db.write().unwrap()));
    let in_child = temp::fork(|| {
        let (read, write) = handles.take().unwrap();
        let refused = db.read().is_err_and(|error| error.kind() == ErrorKind::AfterFork)
            && db.try_write().is_err_and(|error| error.kind() == ErrorKind::AfterFork)
            && write.commit().is_err_and(|error| error.kind() == ErrorKind::AfterFork);
        drop(read);
        refused
    });
    assert!(in_child, "a forked child could use the parent's handles");
    child::say("forked");
    child::listen();
    std::process::exit(0);
}

#[test]
fn a_forked_child_takes_nothing_from_its_parent() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 1);
    let mut other = OtherProcess::start("fork_while_writing", temp.path());
    assert_eq!(other.hear(), "forked");
    assert!(db.try_write().unwrap().is_none(), "the child gave its parent's turn back");
    assert_eq!(db.readers().unwrap().len(), 1, "the child gave its parent's snapshot back");
    other.tell("end");
    assert!(other.wait().success());
    set_all(&db, 2);
}

/// In another process: forks while a thread of it is opening a database. The child opens another
/// one.
pub(crate) fn fork_while_opening(path: &Path) {
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| temp::open(path, &OpenOptions::new()).map(drop));
        std::thread::sleep(Duration::from_millis(200));
        assert!(!opening.is_finished(), "the test holds its lock file");
        let in_child = temp::fork(|| {
            let beside = path.with_file_name("beside.dry");
            temp::open(&beside, &OpenOptions::new()).is_ok_and(|db| db.read().is_ok())
        });
        child::say(if in_child { "opened" } else { "not opened" });
        opening.join().unwrap().unwrap();
    });
    std::process::exit(0);
}

#[test]
fn a_child_opens_databases_though_a_thread_of_its_parent_was_opening_one() {
    let temp = TempDb::new();
    set_all(&temp.open(), 1);
    // As a process that is just opening the database: the next one waits for it.
    let lock = std::fs::OpenOptions::new().write(true).open(temp.folder().join("test.dry-lock")).unwrap();
    temp::lock_byte(&lock, 0);
    let mut other = OtherProcess::start("fork_while_opening", temp.path());
    assert_eq!(other.hear(), "opened");
    drop(lock);
    assert!(other.wait().success());
}

#[test]
fn a_snapshot_without_a_lock_file_is_that_of_the_opening() {
    // A medium that cannot be written: the lock file cannot be made in its folder, because its name
    // is taken by a folder.
    let temp = TempDb::new();
    set_all(&temp.open(), 1);
    std::fs::remove_file(temp.folder().join("test.dry-lock")).unwrap();
    std::fs::create_dir(temp.folder().join("test.dry-lock")).unwrap();
    assert_eq!(temp.try_open().unwrap_err().kind(), ErrorKind::Io);
    let db = temp::open(temp.path(), &OpenOptions::new().read_only(true)).unwrap();
    assert_eq!(value_of_all(&db), 1);
}

#[test]
fn many_threads_read_while_one_writes() {
    let temp = TempDb::new();
    let db = temp.open();
    set_all(&db, 1);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    while last < 30 {
                        let v = value_of_all(&db);
                        assert!(v >= last, "a snapshot older than one before");
                        last = v;
                    }
                })
            })
            .collect();
        for v in 2..=30 {
            set_all(&db, v);
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert!(db.readers().unwrap().is_empty());
    assert_sound(&db);
}
