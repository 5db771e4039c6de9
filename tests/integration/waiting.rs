//! No call waits for its own thread, or longer than its timeout; and a commit needs no handle to be
//! dropped first.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use drystone::{Database, Durability, Dyn, ErrorKind, Record, RowBuf, Schema, WriteTransaction};

use crate::child::OtherProcess;
use crate::temp::{TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Acc {
    #[record(key)]
    id: u64,
    n: i64,
}

/// Runs this in a thread of its own, and fails if it is not done in time.
#[track_caller]
fn in_time<R: Send + 'static>(seconds: u64, run: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || sender.send(run()));
    match receiver.recv_timeout(Duration::from_secs(seconds)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => std::panic::resume_unwind(thread.join().unwrap_err()),
    }
}

fn rows(db: &Database, table: &str) -> u64 {
    db.read().unwrap().table::<Dyn>(table).unwrap().len()
}

#[test]
fn a_commit_takes_the_place_of_handles_that_were_not_dropped() {
    in_time(20, || {
        let db = Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let mut typed = write.create_table::<Acc>("typed").unwrap();
        typed.insert(&Acc { id: 1, n: 1 }).unwrap();
        let schema: Schema = "id: u64 key".parse().unwrap();
        let mut dynamic = write.create_dyn_table("dynamic", &schema).unwrap();
        dynamic.insert(&RowBuf::new(&schema)).unwrap();
        write.commit().unwrap();
        assert_eq!((rows(&db, "typed"), rows(&db, "dynamic")), (1, 1));

        // A handle that was only read.
        let write = db.write().unwrap();
        let typed = write.table::<Acc>("typed").unwrap();
        assert_eq!(typed.len(), 1);
        write.table::<Acc>("typed").unwrap_err();
        write.commit().unwrap();
        assert_sound(&db);
    });
}

#[test]
fn a_commit_takes_the_place_of_handles_that_were_forgotten() {
    in_time(20, || {
        let db = Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let mut table = write.create_table::<Acc>("a").unwrap();
        table.insert(&Acc { id: 1, n: 1 }).unwrap();
        std::mem::forget(table);
        assert_eq!(write.table::<Acc>("a").unwrap_err().kind(), ErrorKind::Usage);
        write.commit().unwrap();
        assert_eq!(rows(&db, "a"), 1);
    });
}

#[test]
fn handles_go_from_thread_to_thread() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_table::<Acc>("a").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || table.insert(&Acc { id: 1, n: 1 }).unwrap());
    });
    write.commit().unwrap();
    assert_eq!(rows(&db, "a"), 1);
}

#[test]
fn a_thread_that_would_wait_for_itself_is_told() {
    in_time(30, || {
        let temp = TempDb::new();
        let db = temp.open();
        let write = db.write().unwrap();
        write.create_table::<Acc>("a").unwrap();
        let refused = |db: &Database| {
            for result in [
                db.sync(),
                db.write().map(drop),
                db.compact().map(drop),
                db.try_write_for(Duration::from_secs(3600)).map(drop),
            ] {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
                assert!(error.to_string().contains("this thread"), "{error}");
            }
            assert!(db.try_write().unwrap().is_none());
        };
        refused(&db);
        // Threads that only borrowed it have ended.
        std::thread::scope(|scope| {
            scope.spawn(|| write.table::<Acc>("a").unwrap().insert(&Acc { id: 1, n: 1 }).unwrap());
        });
        refused(&db);
        // Nor does it help to open the file again.
        drop(db);
        let db = temp.open();
        refused(&db);
        write.commit().unwrap();
        drop(db.write().unwrap());
        db.sync().unwrap();
        assert_eq!(rows(&db, "a"), 1);
    });
}

#[test]
fn a_transaction_that_went_to_another_thread_is_waited_for() {
    in_time(30, || {
        let db = Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let other = std::thread::spawn(move || {
            write.create_table::<Acc>("a").unwrap();
            std::thread::sleep(Duration::from_secs(1));
            write.commit().unwrap();
        });
        db.write().unwrap().create_table::<Acc>("b").unwrap();
        assert_eq!(db.read().unwrap().table_names().unwrap(), ["a"]);
        other.join().unwrap();
    });
}

fn commit_one(write: WriteTransaction) {
    let name = "a";
    let mut table = write.table::<Acc>(name).or_else(|_| write.create_table(name)).unwrap();
    let id = table.len();
    table.insert(&Acc { id, n: 0 }).unwrap();
    write.commit().unwrap();
}

#[test]
fn who_waits_behind_a_sync_gets_a_turn() {
    in_time(60, || {
        let db = Database::in_memory().unwrap();
        for _ in 0..50 {
            let write = db.write().unwrap();
            std::thread::scope(|scope| {
                let sync = scope.spawn(|| db.sync().unwrap());
                std::thread::sleep(Duration::from_millis(2));
                let writer = scope.spawn(|| commit_one(db.write().unwrap()));
                std::thread::sleep(Duration::from_millis(2));
                commit_one(write);
                sync.join().unwrap();
                writer.join().unwrap();
            });
        }
        assert_eq!(rows(&db, "a"), 100);
    });
}

#[test]
fn writers_and_syncs_take_turns() {
    in_time(120, || {
        let db = Database::in_memory().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let mut write = db.write().unwrap();
                        write.set_durability(Durability::Eventual);
                        commit_one(write);
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..100 {
                    db.sync().unwrap();
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        });
        assert_eq!(rows(&db, "a"), 600);
    });
}

#[test]
fn a_sync_that_waits_for_another_process_keeps_nobody_waiting_longer_than_told() {
    let temp = TempDb::new();
    let db = temp.open();
    let mut other = OtherProcess::start("write_when_asked", temp.path());
    assert_eq!(other.hear(), "ready");
    assert_eq!(other.ask("begin"), "begun");
    std::thread::scope(|scope| {
        let sync = scope.spawn(|| db.sync().unwrap());
        std::thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        assert!(db.try_write().unwrap().is_none());
        let error = db.try_write_for(Duration::from_millis(300)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(other.ask("immediate 2"), "written");
        sync.join().unwrap();
    });
}
