//! The typed door, call by call, and what is refused.

use drystone::query::col;
use drystone::{
    Database, Dyn, Error, ErrorKind, IndexOptions, LoadOptions, Record, Result, RowBuf, Schema, TableOptions,
    Text, Value,
};

use crate::temp::{TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Account {
    #[record(key)]
    id: u64,
    cents: i64,
    owner: Text<8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
}

fn account(id: u64) -> Account {
    Account { id, cents: id as i64 * 100, owner: Text::new("Ada").unwrap() }
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("this was not refused").kind()
}

#[test]
fn rows_by_key_are_put_changed_and_taken() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut accounts = write.create_table::<Account>("accounts").unwrap();
    for id in [5, 1, 9] {
        accounts.insert(&account(id)).unwrap();
    }
    assert_eq!(kind(accounts.insert(&account(5))), ErrorKind::KeyExists);
    assert!(accounts.upsert(&Account { cents: 7, ..account(5) }).unwrap());
    assert!(!accounts.upsert(&account(2)).unwrap());
    let old = accounts.update(5, |account| Ok(std::mem::replace(&mut account.cents, 8)));
    assert_eq!(old.unwrap(), Some(7));
    assert_eq!(accounts.update(6, |account| account.cents = 0).unwrap(), None);
    let cents = Account::schema().handle::<i64>("cents").unwrap();
    assert!(accounts.set_field(9, cents, -1).unwrap());
    assert!(!accounts.set_field(10, cents, -1).unwrap());
    let other: Schema = "id: u64 key, owner: str[8], cents: i64".parse().unwrap();
    let other = other.handle::<i64>("cents").unwrap();
    assert_eq!(kind(accounts.set_field(9, other, -1)), ErrorKind::FieldNotFound);
    assert_eq!(accounts.remove(1).unwrap(), Some(account(1)));
    assert_eq!(accounts.remove(1).unwrap(), None);
    let rows: Vec<(u64, i64)> =
        accounts.iter().map(|row| row.map(|row| (row.id, row.cents)).unwrap()).collect();
    assert_eq!(rows, [(2, 200), (5, 8), (9, -1)]);
    assert_eq!(accounts.range(3..=9).unwrap().len(), 2);
    assert_eq!(accounts.prefix((5,)).unwrap().len(), 1);
    drop(accounts);
    write.commit().unwrap();
    let read = db.read().unwrap();
    let accounts = read.table::<Account>("accounts").unwrap();
    assert!(accounts.contains(5).unwrap() && !accounts.contains(1).unwrap());
    assert_eq!(accounts.select(1).unwrap().unwrap().id, 5);
    assert_eq!(
        (accounts.rank(5).unwrap(), accounts.rank(6).unwrap(), accounts.rank(100).unwrap()),
        (1, 2, 3)
    );
    assert_eq!(accounts.first().unwrap().unwrap().id, 2);
    assert_eq!(accounts.last().unwrap().unwrap().id, 9);
}

#[test]
fn rows_by_number_are_put_changed_and_taken() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let options = TableOptions::new().leaf_rows(512);
    let mut points = write.create_table_with::<Point>("points", &options).unwrap();
    assert_eq!(points.pop().unwrap(), None);
    let all: Vec<Point> = (0..3000).map(|x| Point { x, y: 1 }).collect();
    assert_eq!(points.push(&all[0]).unwrap(), 0);
    points.extend(all[1..1000].iter().copied()).unwrap();
    points.extend(all[1000..].iter().copied()).unwrap();
    assert_eq!(points.push(&Point { x: -1, y: -1 }).unwrap(), 3000);
    assert_eq!(points.pop().unwrap(), Some(Point { x: -1, y: -1 }));
    points.set(7, &Point { x: 7, y: 2 }).unwrap();
    assert_eq!(kind(points.set(3000, &all[0])), ErrorKind::OutOfRange);
    assert_eq!(points.update(7, |point| point.y += 1).unwrap(), Some(()));
    assert_eq!(points.get(7).unwrap(), Some(&Point { x: 7, y: 3 }));
    assert_eq!(points.swap_remove(0).unwrap(), all[0]);
    assert_eq!(points.get(0).unwrap(), Some(&all[2999]));
    assert_eq!(kind(points.swap_remove(2999)), ErrorKind::OutOfRange);
    points.truncate(5000).unwrap();
    assert_eq!(points.len(), 2999);
    points.truncate(600).unwrap();
    assert_eq!(points.slices().map(|slice| slice.unwrap().len()).collect::<Vec<_>>(), [512, 88]);
    drop(points);
    write.commit().unwrap();
    let read = db.read().unwrap();
    let points = read.table::<Point>("points").unwrap();
    let parts = points.range(10..500).unwrap().split(4);
    assert_eq!(parts.iter().map(drystone::Rows::len).collect::<Vec<_>>(), [123, 123, 122, 122]);
    let mut begun = points.range(500..520).unwrap();
    assert_eq!(begun.next().unwrap().unwrap().x, 500);
    assert_eq!(begun.next_back().unwrap().unwrap().x, 519);
    let left: Vec<i32> =
        begun.slices().flat_map(|slice| slice.unwrap().iter().map(|point| point.x)).collect();
    assert_eq!(left, (501..519).collect::<Vec<_>>());
}

#[test]
fn a_number_that_the_caller_names_is_not_allocated_unseen() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut points = write.create_table::<Point>("points").unwrap();
    points.extend((0..1000).map(|x| Point { x, y: 1 })).unwrap();
    let parts = points.iter().split(usize::MAX);
    assert!(parts.len() == 1000 && parts.iter().all(|part| part.len() == 1));
    assert_eq!(points.iter().split(0).len(), 1);
    assert_eq!(points.range(5..5).unwrap().split(usize::MAX).len(), 1);
    drop(points);
    let table = write.table::<Dyn>("points").unwrap();
    assert_eq!(table.as_table().iter().split(usize::MAX).len(), 1000);
    drop(table);

    // A memory budget larger than any machine, rows that have to be sorted, and a source with too
    // high a row count.
    let mut accounts = write.create_table::<Account>("accounts").unwrap();
    let options = LoadOptions::new().memory_bytes(usize::MAX);
    let report = accounts.load_with((0..100_000).rev().map(account), &options).unwrap();
    assert_eq!((report.rows, report.in_order), (100_000, false));
    let claims = Claims((100_000..200_000).rev().map(account).collect());
    assert_eq!(accounts.load_with(claims, &options).unwrap().rows, 200_000);
    let claims = Claims((200_000..300_000).map(account).collect());
    assert_eq!(accounts.load(claims).unwrap().rows, 300_000);
    let index = IndexOptions::new().memory_bytes(usize::MAX);
    accounts.create_index_with("by_cents", &["cents"], &index).unwrap();
    drop(accounts);
    let mut points = write.table::<Point>("points").unwrap();
    points.extend(Claims(vec![Point { x: 1, y: 2 }].into())).unwrap();
    points.load(Claims(vec![Point { x: 1, y: 2 }].into())).unwrap();
    let claims = Claims((0..10).map(|x| Point { x, y: 2 }).collect());
    points.load_with(claims, &LoadOptions::new().replace(true)).unwrap();
    assert_eq!(points.len(), 10);
    drop(points);
    write.commit().unwrap();

    let read = db.read().unwrap();
    let accounts = read.table::<Account>("accounts").unwrap();
    let all = || accounts.query().threads(usize::MAX).memory_bytes(usize::MAX).limit(u64::MAX);
    assert_eq!(all().count().unwrap(), 300_000);
    assert_eq!(all().order_by([col("cents").desc()]).run().unwrap().len(), 300_000);
    assert_eq!(accounts.query().top(u64::MAX, [col("cents").desc()]).run().unwrap().len(), 300_000);
}

/// Rows whose number is given as more than there can be.
struct Claims<T>(std::collections::VecDeque<T>);

impl<T> Iterator for Claims<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, Some(usize::MAX))
    }
}

#[test]
fn a_change_that_fails_leaves_the_row() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_table::<Account>("accounts").unwrap();
    table.insert(&account(5)).unwrap();
    assert_eq!(kind(table.update(5, |account| account.id = 6)), ErrorKind::Value);
    assert_eq!(table.get(5).unwrap(), Some(&account(5)));
    drop(table);
    let mut table = write.table::<Dyn>("accounts").unwrap();
    let key = [Value::from(5)];
    assert_eq!(kind(table.set_field(&key, "id", 7)), ErrorKind::Value);
    assert_eq!(kind(table.set_field(&key, "cents", "much")), ErrorKind::Value);
    assert_eq!(kind(table.set_field(&key, "cent", 7)), ErrorKind::FieldNotFound);
    let mind = || Error::new(ErrorKind::Usage, "changed my mind");
    let failed = table.update(&key, |row| row.set("cents", 1).and(Err::<(), _>(mind())));
    assert_eq!(kind(failed), ErrorKind::Usage);
    // Another row altogether in its place.
    let other: Schema = "a: u8".parse().unwrap();
    assert_eq!(
        kind(table.update(&key, |row| {
            *row = RowBuf::new(&other);
            Ok(())
        })),
        ErrorKind::Schema
    );
    assert_eq!(table.get(&key).unwrap().unwrap().to_record::<Account>().unwrap(), account(5));
}

#[test]
fn what_does_not_fit_is_refused_with_names() {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let accounts = write.create_table::<Account>("accounts").unwrap();
    assert_eq!(kind(write.table::<Account>("accounts")), ErrorKind::Usage);
    assert_eq!(kind(write.drop_table("accounts")), ErrorKind::Usage);
    assert_eq!(kind(write.rename_table("accounts", "others")), ErrorKind::Usage);
    drop(accounts);
    assert_eq!(kind(write.create_table::<Point>("accounts")), ErrorKind::AlreadyExists);
    let missing = write.table::<Point>("points").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::TableNotFound);
    assert!(missing.to_string().contains("\"accounts\""), "{missing}");
    let other = write.table::<Point>("accounts").unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Schema);
    assert!(other.to_string().contains("id: u64 key") && other.to_string().contains("x: i32"), "{other}");
    for name in ["", "a\0", &"n".repeat(65)] {
        assert_eq!(kind(write.create_table::<Point>(name)), ErrorKind::Usage);
    }
    assert!(write.create_table::<Point>(&"é".repeat(32)).is_ok());
    for leaf_rows in [1, 3, 511, 500, 1 << 30] {
        let options = TableOptions::new().leaf_rows(leaf_rows);
        assert_eq!(kind(write.create_table_with::<Point>("odd", &options)), ErrorKind::Limit, "{leaf_rows}");
    }
    let mut dynamic = write.table::<Dyn>("accounts").unwrap();
    assert_eq!(kind(dynamic.insert(&RowBuf::from_record(&Point { x: 1, y: 2 }))), ErrorKind::Schema);
    assert_eq!(kind(dynamic.get(&[])), ErrorKind::Usage);
    assert_eq!(kind(dynamic.get(&[1.into(), 2.into()])), ErrorKind::Usage);
    assert_eq!(kind(dynamic.get(&["one".into()])), ErrorKind::Value);
    assert_eq!(kind(dynamic.truncate(0)), ErrorKind::Usage);
    assert_eq!(kind(dynamic.swap_remove(0)), ErrorKind::Usage);
    drop(dynamic);
    write.commit().unwrap();
    assert_sound(&db);
}

#[test]
fn an_abort_undoes_everything() {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    write.create_table::<Account>("accounts").unwrap().insert(&account(1)).unwrap();
    write.commit().unwrap();
    let before = (temp.bytes(), db.read().unwrap().transaction());
    let mut write = db.write().unwrap();
    write.set_memory_bytes(0);
    let mut accounts = write.table::<Account>("accounts").unwrap();
    accounts.load_with((0..100_000).map(account), &LoadOptions::new().replace(true)).unwrap();
    accounts.remove(5).unwrap();
    drop(accounts);
    write.rename_table("accounts", "others").unwrap();
    write.create_table::<Point>("points").unwrap();
    drop(write);
    // A commit of nothing is none.
    db.write().unwrap().commit().unwrap();
    assert_eq!(db.read().unwrap().transaction(), before.1);
    assert_eq!(temp.bytes()[..8192], before.0[..8192]);
    assert_eq!(db.read().unwrap().table_names().unwrap(), ["accounts"]);
    assert_eq!(db.read().unwrap().table::<Account>("accounts").unwrap().get(1).unwrap(), Some(&account(1)));
    assert_sound(&db);
}
