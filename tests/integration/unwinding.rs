//! If code of the caller fails or panics inside a change, the table stays as it was, or the commit
//! is refused.

use std::panic::{AssertUnwindSafe, catch_unwind};

use drystone::{
    Database, Dyn, Error, ErrorKind, IndexOptions, LoadOptions, Record, RowBuf, Schema, TableMut, Value,
};

use crate::temp::assert_sound;

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Acc {
    #[record(key)]
    id: u64,
    n: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
}

/// Runs this, which must panic.
#[track_caller]
fn panics(run: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err(), "it did not panic");
}

fn stop() -> ! {
    // Like a panic, but without its message.
    std::panic::resume_unwind(Box::new("as planned"))
}

fn accounts() -> Database {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_table::<Acc>("a").unwrap();
    table.load((0..5000).map(|id| Acc { id, n: 100 })).unwrap();
    write.commit().unwrap();
    db
}

#[track_caller]
fn assert_untouched(db: &Database) {
    assert_sound(db);
    let read = db.read().unwrap();
    let table = read.table::<Acc>("a").unwrap();
    assert_eq!(table.len(), 5000);
    for (id, row) in (0..).zip(table.iter()) {
        assert_eq!(*row.unwrap(), Acc { id, n: 100 });
    }
}

#[test]
fn an_update_that_returns_an_error_leaves_the_row_as_it_was() {
    let db = accounts();
    let write = db.write().unwrap();
    let mut table = write.table::<Acc>("a").unwrap();
    let error = table.update(3, |row| {
        row.n = 7;
        Err::<(), _>(Error::new(ErrorKind::Value, "no"))
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Value);
    assert_eq!(table.get(3).unwrap().unwrap().n, 100);
    assert_eq!(table.update(3, |row| Ok(row.n + 1)).unwrap(), Some(101));
    write.commit().unwrap();
    assert_untouched(&db);
}

#[test]
fn an_update_that_panics_leaves_the_row_as_it_was() {
    let db = accounts();
    let write = db.write().unwrap();
    let mut table = write.table::<Acc>("a").unwrap();
    panics(|| {
        let _ = table.update(3, |row| {
            (row.n, row.id) = (0, 77_777);
            if row.n == 0 {
                stop();
            }
        });
    });
    assert_eq!(table.get(3).unwrap(), Some(&Acc { id: 3, n: 100 }));
    let mut table = {
        drop(table);
        write.table::<Dyn>("a").unwrap()
    };
    panics(|| {
        let _ = table.update(&[3.into()], |row| -> drystone::Result<()> {
            row.set("n", 5)?;
            stop()
        });
    });
    write.commit().unwrap();
    assert_untouched(&db);
}

#[test]
fn an_update_of_many_that_panics_is_not_committed() {
    let db = accounts();
    let write = db.write().unwrap();
    let mut table = write.table::<Acc>("a").unwrap();
    let changes: Vec<(u64, i64)> = (0..100).map(|id| (id, 1)).collect();
    panics(|| {
        let _ = table.update_many(&changes, |row, by| {
            row.n += by;
            if row.id == 50 {
                row.id = 7;
                stop();
            }
        });
    });
    let error = table.update(1, |row| row.n = 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert_eq!(write.commit().unwrap_err().kind(), ErrorKind::Usage);
    assert_untouched(&db);
}

#[test]
fn a_load_that_panics_leaves_rows_and_indexes_as_they_were() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_table::<Point>("p").unwrap();
    table.extend((0..10).map(|x| Point { x, y: 0 })).unwrap();
    table.create_index_with("by_x", &["x"], &IndexOptions::new().unique(true)).unwrap();
    let rows = || (10..).map(|x| if x == 13 { stop() } else { Point { x, y: 1 } });
    panics(|| drop(table.load(rows())));
    assert_eq!(table.len(), 10);
    panics(|| drop(table.extend(rows())));
    panics(|| drop(table.load_with(rows(), &LoadOptions::new().replace(true))));
    assert_eq!(table.len(), 10);
    table.push(&Point { x: 10, y: 2 }).unwrap();
    write.commit().unwrap();
    assert_sound(&db);
    let read = db.read().unwrap();
    let table = read.table::<Point>("p").unwrap();
    assert_eq!(table.index("by_x").unwrap().get(10_i32).unwrap(), Some(&Point { x: 10, y: 2 }));
    assert_eq!(table.len(), 11);
}

#[test]
fn a_keyed_load_that_panics_leaves_the_table_as_it_was() {
    let db = accounts();
    // Few rows, many in order, many that lose their order on the way.
    for (first, order) in [(4990, 0), (100_000, 0), (100_000, 1)] {
        let write = db.write().unwrap();
        let mut table = write.table::<Acc>("a").unwrap();
        let rows = |stop_at: u64| {
            (first..).map(move |id| match id - first {
                done if done == stop_at => stop(),
                done if order == 1 && done == 70_000 => Acc { id: 50_000, n: 1 },
                _ => Acc { id, n: 1 },
            })
        };
        let options = LoadOptions::new().on_duplicate(drystone::OnDuplicate::Last);
        for stop_at in [0, 9, 80_000] {
            panics(|| drop(table.load_with(rows(stop_at), &options)));
        }
        write.commit().unwrap();
        assert_untouched(&db);
    }
}

#[test]
fn a_copy_whose_progress_panics_is_not_committed() {
    let from = accounts();
    let db = accounts();
    let write = db.write().unwrap();
    panics(|| drop(write.copy_table_with(&from.read().unwrap(), "a", "b", |_, _| stop())));
    assert_eq!(write.commit().unwrap_err().kind(), ErrorKind::Usage);
    assert_untouched(&db);
    assert_eq!(db.read().unwrap().table_names().unwrap(), ["a"]);
}

#[test]
fn a_compaction_whose_progress_panics_changes_nothing() {
    let db = accounts();
    let write = db.write().unwrap();
    let mut table: TableMut<'_, Acc> = write.table("a").unwrap();
    for id in 0..2000 {
        table.remove(id).unwrap();
        table.insert(&Acc { id, n: 100 }).unwrap();
    }
    write.commit().unwrap();
    panics(|| drop(db.compact_with(|_, _| stop())));
    assert_untouched(&db);
    db.compact().unwrap();
    assert_untouched(&db);
}

#[test]
fn a_dynamic_update_with_another_row_is_refused() {
    let db = accounts();
    let write = db.write().unwrap();
    let mut table = write.table::<Dyn>("a").unwrap();
    let other: Schema = "id: u64 key, n: u64".parse().unwrap();
    let changed = table.update(&[3.into()], |row| {
        *row = RowBuf::from_values(&other, [Value::from(3), Value::from(1)])?;
        Ok(())
    });
    assert_eq!(changed.unwrap_err().kind(), ErrorKind::Schema);
    write.commit().unwrap();
    assert_untouched(&db);
}
