//! `diff`: exactly the rows that differ. Between two states of one file, only the differing parts
//! are read.

use std::collections::BTreeMap;

use drystone::{
    Database, DiffStats, Dyn, ErrorKind, OpenOptions, ReadTransaction, Record, RowBuf, RowChange, Schema,
    TableOptions, Value, WriteTransaction,
};
use proptest::prelude::*;

use crate::random::Random;
use crate::temp::{self, TempDb};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Item {
    #[record(key)]
    id: i64,
    value: u64,
    rest: [u64; 14],
}

fn item(id: i64, value: u64) -> Item {
    Item { id, value, rest: [value; 14] }
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Entry {
    value: u64,
    rest: [u64; 15],
}

fn entry(value: u64) -> Entry {
    Entry { value, rest: [value; 15] }
}

fn write(db: &Database, edit: impl FnOnce(&WriteTransaction)) {
    let write = db.write().unwrap();
    edit(&write);
    write.commit().unwrap();
}

/// Old and new value of each key or number that is not the same.
type Changes = BTreeMap<i64, (Option<u64>, Option<u64>)>;

fn changes(old: &ReadTransaction, new: &ReadTransaction, table: &str) -> (Changes, DiffStats) {
    let diff = old.diff(new).unwrap();
    let mut rows = diff.table(table).unwrap().rows().unwrap();
    let mut changes = Changes::new();
    let (mut last, mut counts) = (None, [0; 3]);
    for change in &mut rows {
        let value = |row: drystone::Row<'_>| row.get("value").unwrap().as_u64().unwrap();
        let (number, row, values) = match change.unwrap() {
            RowChange::Removed { number, row } => {
                counts[0] += 1;
                (number, row, (Some(value(row)), None))
            }
            RowChange::Added { number, row } => {
                counts[1] += 1;
                (number, row, (None, Some(value(row))))
            }
            RowChange::Changed { number, old, new } => {
                counts[2] += 1;
                assert_eq!(old.get(0).unwrap() == new.get(0).unwrap(), old.schema().is_keyed());
                (number, new, (Some(value(old)), Some(value(new))))
            }
        };
        let side = if values.1.is_some() { new } else { old };
        assert_eq!(side.table::<Dyn>(table).unwrap().select(number).unwrap(), Some(row), "number {number}");
        let keyed = row.schema().is_keyed();
        let key = if keyed { row.get("id").unwrap().as_i64().unwrap() } else { number as i64 };
        assert!(last.replace(key).is_none_or(|last| last < key), "out of order");
        changes.insert(key, values);
    }
    let stats = rows.stats();
    assert_eq!([stats.removed, stats.added, stats.changed], counts);
    (changes, stats)
}

/// What two models say.
fn expected(old: &BTreeMap<i64, u64>, new: &BTreeMap<i64, u64>) -> Changes {
    let keys = old.keys().chain(new.keys());
    keys.map(|key| (*key, (old.get(key).copied(), new.get(key).copied())))
        .filter(|(_, (old, new))| old != new)
        .collect()
}

#[derive(Clone, Debug)]
enum Step {
    Put { first: i64, count: i64, by: i64, value: u64 },
    Remove { first: i64, count: i64 },
    Compact,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step =
        prop_oneof![
            (-200..600_i64, 1..40_i64, 1..4_i64, any::<u64>())
                .prop_map(|(first, count, by, value)| Step::Put { first, count, by, value }),
            (-200..600_i64, 1..120_i64).prop_map(|(first, count)| Step::Remove { first, count }),
            Just(Step::Compact),
        ];
    prop::collection::vec(step, 0..12)
}

/// Takes the steps in a table with a key and in a model of it.
fn take(db: &Database, model: &mut BTreeMap<i64, u64>, steps: &[Step]) {
    for step in steps {
        write(db, |write| {
            let mut table = write.table::<Item>("items").unwrap();
            match *step {
                Step::Put { first, count, by, value } => {
                    for id in (0..count).map(|index| first + index * by) {
                        table.upsert(&item(id, value)).unwrap();
                        model.insert(id, value);
                    }
                }
                Step::Remove { first, count } => {
                    for id in first..first + count {
                        assert_eq!(table.remove(id).unwrap().is_some(), model.remove(&id).is_some());
                    }
                }
                Step::Compact => {
                    drop(table);
                    write.compact_table("items").unwrap();
                }
            }
        });
    }
}

fn items(leaf_rows: usize, rows: i64) -> (Database, BTreeMap<i64, u64>) {
    let db = Database::in_memory().unwrap();
    write(&db, |write| {
        let options = TableOptions::new().leaf_rows(leaf_rows);
        let mut table = write.create_table_with::<Item>("items", &options).unwrap();
        table.load((0..rows).map(|id| item(id, 1))).unwrap();
    });
    (db, (0..rows).map(|id| (id, 1)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn differences_are_those_of_two_maps(before in steps(), after in steps()) {
        let (db, mut model) = items(32, 500);
        take(&db, &mut model, &before);
        let (old, old_model) = (db.read().unwrap(), model.clone());
        take(&db, &mut model, &after);
        let new = db.read().unwrap();
        prop_assert_eq!(changes(&old, &new, "items").0, expected(&old_model, &model));
        prop_assert_eq!(changes(&new, &old, "items").0, expected(&model, &old_model));

        // The same between two files, whose leaves have nothing in common.
        let (other, mut other_model) = items(57, 400);
        take(&other, &mut other_model, &after);
        let other = other.read().unwrap();
        prop_assert_eq!(changes(&old, &other, "items").0, expected(&old_model, &other_model));
        prop_assert_eq!(changes(&other, &new, "items").0, expected(&other_model, &model));
    }

    #[test]
    fn differences_of_numbered_rows_are_those_of_two_lists(
        steps in prop::collection::vec((0..3000_u64, 0..3000_u64, any::<u64>()), 0..10),
        rows in 0..3000_u64,
        leaf_rows in prop::sample::select(vec![32_usize, 64]),
    ) {
        let make = |leaf_rows: usize, rows: u64| {
            let db = Database::in_memory().unwrap();
            write(&db, |write| {
                let options = TableOptions::new().leaf_rows(leaf_rows);
                let mut table = write.create_table_with::<Entry>("items", &options).unwrap();
                table.load((0..rows).map(entry)).unwrap();
            });
            db
        };
        let db = make(32, rows);
        let old = db.read().unwrap();
        let map = |read: &ReadTransaction| -> BTreeMap<i64, u64> {
            let table = read.table::<Entry>("items").unwrap();
            (0..).zip(table.iter().map(|row| row.unwrap().value)).collect()
        };
        for (number, length, value) in steps {
            write(&db, |write| {
                let mut table = write.table::<Entry>("items").unwrap();
                if number < table.len() {
                    table.set(number, &entry(value)).unwrap();
                }
                if value % 2 == 0 {
                    table.truncate(length).unwrap();
                } else if table.len() + 50 < length {
                    for index in 0..50 {
 table.push(&entry(value ^ index)).unwrap();
}
                }
            });
        }
        let new = db.read().unwrap();
        prop_assert_eq!(changes(&old, &new, "items").0, expected(&map(&old), &map(&new)));
        let other = make(leaf_rows, 1500);
        let other = other.read().unwrap();
        prop_assert_eq!(changes(&other, &new, "items").0, expected(&map(&other), &map(&new)));
    }
}

#[test]
fn only_what_differs_is_read() {
    // 100,000 rows in 3,125 leaves and 22 branches.
    let (db, mut model) = items(32, 100_000);
    let old = db.read().unwrap();
    let (nothing, stats) = changes(&old, &db.read().unwrap(), "items");
    assert!(nothing.is_empty() && stats.leaves_read == 0 && stats.branches_read == 0, "{stats:?}");

    let before = model.clone();
    let changed = Step::Put { first: 70_000, count: 1, by: 1, value: 2 };
    take(&db, &mut model, &[changed]);
    let (found, stats) = changes(&old, &db.read().unwrap(), "items");
    assert_eq!(found, expected(&before, &model));
    // One leaf and the branches above it, of both.
    assert_eq!((stats.leaves_read, stats.branches_read), (2, 4), "{stats:?}");

    // Inserted rows split a leaf, removed ones empty a few; the leaves beside them are not read.
    let removed = Step::Remove { first: 20_000, count: 320 };
    let added = Step::Put { first: 1_000_000, count: 30, by: 1, value: 3 };
    let between = Step::Put { first: -5, count: 3, by: 1, value: 4 };
    take(&db, &mut model, &[removed, added, between]);
    let (found, stats) = changes(&old, &db.read().unwrap(), "items");
    assert_eq!(found, expected(&before, &model));
    assert!(stats.leaves_read <= 24 && stats.branches_read <= 16, "{stats:?}");

    // Many changes, far apart: a leaf or two of each side for each of them.
    let mut numbers = Random::new(3);
    for _ in 0..100 {
        let first = numbers.below(100_000) as i64;
        take(&db, &mut model, &[Step::Put { first, count: 1, by: 1, value: 5 }]);
    }
    let (found, stats) = changes(&old, &db.read().unwrap(), "items");
    assert_eq!(found, expected(&before, &model));
    assert!(stats.leaves_read <= 24 + 200, "{stats:?}");
    assert!(changes(&old, &old, "items").0.is_empty());
}

#[test]
fn numbered_rows_are_compared_where_they_are() {
    let db = Database::in_memory().unwrap();
    write(&db, |write| {
        let options = TableOptions::new().leaf_rows(32);
        let mut table = write.create_table_with::<Entry>("items", &options).unwrap();
        table.load((0..100_000).map(entry)).unwrap();
    });
    let old = db.read().unwrap();
    write(&db, |write| {
        let mut table = write.table::<Entry>("items").unwrap();
        table.set(500, &entry(7)).unwrap();
        table.push(&entry(8)).unwrap();
    });
    let new = db.read().unwrap();
    let (found, stats) = changes(&old, &new, "items");
    assert_eq!(found, [(500, (Some(500), Some(7))), (100_000, (None, Some(8)))].into());
    assert!(stats.leaves_read <= 4 && stats.branches_read <= 10, "{stats:?}");
}

#[test]
fn tables_and_schemas_and_indexes_that_differ_are_told() {
    let db = Database::in_memory().unwrap();
    let schema: Schema = "id: u8 key, value: u64".parse().unwrap();
    write(&db, |write| {
        for name in ["changed", "gone", "indexed", "same"] {
            let mut table = write.create_dyn_table(name, &schema).unwrap();
            table.insert(&RowBuf::from_values(&schema, [Value::from(1), 2.into()]).unwrap()).unwrap();
        }
    });
    let old = db.read().unwrap();
    write(&db, |write| {
        write.drop_table("gone").unwrap();
        write.rename_table("changed", "new").unwrap();
        write.create_dyn_table("changed", &"id: u16 key, value: u64".parse().unwrap()).unwrap();
        write.create_index("indexed", "by_value", &["value"]).unwrap();
    });
    let new = db.read().unwrap();
    let diff = old.diff(&new).unwrap();
    let names: Vec<&str> = diff.tables().iter().map(|table| table.name()).collect();
    assert_eq!(names, ["changed", "gone", "indexed", "new", "same"]);
    let table = |name: &str| diff.table(name).unwrap();
    assert!(table("gone").new_schema().is_none() && table("new").old_schema().is_none());
    assert_eq!(table("gone").row_counts(), (1, 0));
    let error = table("changed").rows().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert!(error.to_string().contains("id: u8 key") && error.to_string().contains("id: u16 key"), "{error}");
    assert!(!table("changed").is_comparable() && table("same").is_comparable());
    assert!(table("same").has_same_indexes() && !table("indexed").has_same_indexes());
    assert_eq!(table("indexed").rows().unwrap().count(), 0);
    assert_eq!(changes(&old, &new, "gone").0, [(1, (Some(2), None))].into());
    assert_eq!(changes(&old, &new, "new").0, [(1, (None, Some(2)))].into());
    assert!(diff.table("nothing").is_none());
}

#[test]
fn a_backup_has_no_differences_until_somebody_writes() {
    let temp = TempDb::new();
    let db = temp.open();
    write(&db, |write| {
        let mut table = write.create_table::<Item>("items").unwrap();
        (0..5000).for_each(|id| table.insert(&item((id * 7919) % 5003, 1)).unwrap());
    });
    let path = temp.folder().join("copy.dry");
    db.backup(&path).unwrap();
    let copy = temp::open(&path, &OpenOptions::new()).unwrap();
    let (found, stats) = changes(&db.read().unwrap(), &copy.read().unwrap(), "items");
    assert!(found.is_empty() && stats.leaves_read > 100, "{stats:?}");
    write(&copy, |write| {
        write.table::<Item>("items").unwrap().update(77, |item| item.value = 5).unwrap().unwrap();
    });
    let (found, _) = changes(&db.read().unwrap(), &copy.read().unwrap(), "items");
    assert_eq!(found, [(77, (Some(1), Some(5)))].into());

    // The same file, opened by two handles of this process, is one: its pages are not read.
    let again = temp.open();
    let (_, stats) = changes(&db.read().unwrap(), &again.read().unwrap(), "items");
    assert_eq!(stats.leaves_read, 0);
}
