//! Tables that keep their snapshot, transactions as closures, and the calls that tell whether there
//! is a newer state.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use drystone::{Database, Durability, Dyn, ErrorKind, OpenOptions, OwnedTable, Record, Value};

use crate::temp::{TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct City {
    #[record(key)]
    id: u64,
    people: u64,
}

fn cities(db: &Database, people: u64) {
    db.update(|tx| {
        let mut cities = tx.table_or_create::<City>("cities")?;
        cities.upsert_many((0..1_000).map(|id| City { id, people }))
    })
    .unwrap();
}

fn is_for_everywhere<T: Clone + Send + Sync + 'static>(value: T) -> T {
    value
}

#[test]
fn an_owned_table_stays_at_its_state_until_it_is_refreshed() {
    for db in [Database::in_memory().unwrap(), Database::temporary().unwrap()] {
        cities(&db, 1);
        let mut table: OwnedTable<City> = is_for_everywhere(db.table("cities").unwrap());
        let (clone, unknown) = (table.clone(), table.sibling::<Dyn>("cities").unwrap());
        assert!(table.is_newest() && table.snapshot().is_newest());
        cities(&db, 2);
        assert!(!table.is_newest());
        assert_eq!(table.get(7).unwrap().unwrap().people, 1);
        table.refresh().unwrap();
        assert!(table.is_newest() && !clone.is_newest());
        assert_eq!(table.get_many(&[7, 8]).unwrap().len(), 2);
        assert_eq!((table.get(7).unwrap().unwrap().people, clone.get(7).unwrap().unwrap().people), (2, 1));
        assert_eq!(unknown.get(&[Value::from(7)]).unwrap().unwrap().get("people").unwrap(), 1);
        let moved =
            std::thread::spawn(move || clone.into_rows().map(|city| city.unwrap().people).sum::<u64>());
        assert_eq!(moved.join().unwrap(), 1_000);
        // The rows outlive every handle of the database.
        let rows = table.into_rows();
        drop((db, unknown));
        assert_eq!(rows.map(Result::unwrap).filter(|city| city.people == 2).count(), 1_000);
    }
}

#[test]
fn a_table_that_is_gone_is_not_refreshed() {
    let db = Database::in_memory().unwrap();
    cities(&db, 1);
    let mut table = db.table::<City>("cities").unwrap();
    db.update(|tx| tx.drop_table("cities")).unwrap();
    let error = table.refresh().unwrap_err();
    assert_eq!((error.kind(), error.table()), (ErrorKind::TableNotFound, Some("cities")));
    assert_eq!(table.get(7).unwrap().unwrap().people, 1);
    assert_eq!(db.table::<City>("cities").unwrap_err().kind(), ErrorKind::TableNotFound);
}

#[test]
fn an_update_is_committed_or_undone_as_a_whole() {
    let db = Database::in_memory().unwrap();
    cities(&db, 1);
    let set = |tx: &drystone::WriteTransaction| tx.table::<City>("cities")?.update(1, |city| city.people = 9);
    let failed = db.update(|tx| {
        set(tx)?;
        tx.table::<City>("towns").map(drop)
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::TableNotFound);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        db.update(|tx| set(tx).map(|_| panic!("in the middle")))
    }));
    assert!(panicked.is_err());
    assert_eq!(db.table::<City>("cities").unwrap().get(1).unwrap().unwrap().people, 1);
    assert_eq!(db.update(|tx| set(tx).map(|_| 42)).unwrap(), 42);
    assert_eq!(db.table::<City>("cities").unwrap().get(1).unwrap().unwrap().people, 9);
    // One in another would wait for itself.
    assert_eq!(db.update(|_| db.update(|_| Ok(()))).unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_table_is_made_once() {
    let db = Database::in_memory().unwrap();
    let schema = "id: u64 key, people: u64".parse().unwrap();
    for _ in 0..2 {
        db.update(|tx| tx.table_or_create::<City>("typed").map(drop)).unwrap();
        db.update(|tx| tx.dyn_table_or_create("dynamic", &schema).map(drop)).unwrap();
    }
    let other = "id: u64 key".parse().unwrap();
    let error = db.update(|tx| tx.dyn_table_or_create("typed", &other).map(drop)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
}

#[test]
fn the_newest_state_is_seen_and_waited_for_among_threads_and_processes() {
    let temp = TempDb::new();
    let db = temp.open();
    cities(&db, 1);
    let read = db.read().unwrap();
    let since = Instant::now();
    assert!(!db.wait_newer(&read, Duration::from_millis(30)));
    assert!(since.elapsed() >= Duration::from_millis(30));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                cities(&db, 3);
            }
        });
        for _ in 0..20 {
            let mut table = db.table::<City>("cities").unwrap();
            assert!(db.wait_newer(table.snapshot(), Duration::from_secs(20)));
            let before = table.snapshot().transaction();
            table.refresh().unwrap();
            assert!(table.snapshot().transaction() > before);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let read = db.read().unwrap();
    assert!(read.is_newest());
    // By another process, and by commits that are not durable yet.
    let (path, newest) = (temp.path().to_owned(), read.transaction());
    let done = crate::temp::fork(move || {
        let db = crate::temp::open(&path, &OpenOptions::new().durability(Durability::Eventual)).unwrap();
        cities(&db, 4);
        true
    });
    assert!(done && !read.is_newest());
    assert!(db.wait_newer(&read, Duration::ZERO));
    assert!(db.read().unwrap().transaction() > newest);
    assert_sound(&db);
}

#[test]
fn a_transaction_that_is_dropped_leaves_the_state_the_newest() {
    let temp = TempDb::new();
    let db = temp.open();
    cities(&db, 1);
    let read = db.read().unwrap();
    let write = db.write().unwrap();
    write.table::<City>("cities").unwrap().clear().unwrap();
    assert!(read.is_newest());
    drop(write);
    assert!(read.is_newest());
}

#[test]
fn closing_says_who_still_uses_the_database() {
    let temp = TempDb::new();
    let db = crate::temp::open(temp.path(), &OpenOptions::new().durability(Durability::Eventual)).unwrap();
    cities(&db, 1);
    let table = db.table::<City>("cities").unwrap();
    let error = db.clone().close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("1 other handles and 1 transactions or owned tables"), "{error}");
    drop(table);
    db.close().unwrap();
    let db = Database::temporary().unwrap();
    let path = db.path().unwrap().to_owned();
    cities(&db, 1);
    assert!(path.exists());
    db.close().unwrap();
    assert!(!path.exists() && !path.parent().unwrap().exists());
}
