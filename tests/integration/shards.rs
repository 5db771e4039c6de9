//! Shards: the same rows in the same order, cut evenly, and a folder that is whole or says so.

use std::fs::File;
use std::path::{Path, PathBuf};

use drystone::{
    Database, Dyn, ErrorKind, IndexOptions, OpenOptions, ReadTransaction, Result, RowBuf, Schema,
    ShardOptions, Shards, TableOptions, Value,
};
use proptest::prelude::*;

use crate::temp::{self, TempDb, assert_sound};

const KEYED: &str =
    "day: date key, shop: u16 key, side: enum[buy, sell], note: str[6]? = \"none\", amount: f32?";

fn open(path: &Path) -> Result<Database> {
    temp::open(path, &OpenOptions::new().create(false).read_only(true))
}

/// A table of this many rows with a key, two indexes and a leaf size of its own; and others beside
/// it.
fn sales(temp: &TempDb, rows: u64) -> Database {
    let db = temp.open();
    let schema: Schema = KEYED.parse().unwrap();
    let write = db.write().unwrap();
    let options = TableOptions::new().leaf_rows(300);
    let mut sales = write.create_dyn_table_with("sales", &schema, &options).unwrap();
    sales.load((0..rows).map(|n| sale(&schema, n))).unwrap();
    drop(sales);
    write.create_index("sales", "by_amount", &["amount"]).unwrap();
    let unique = IndexOptions::new().unique(true);
    write.create_index_with("sales", "by_note", &["note", "shop"], &unique).unwrap();
    write.create_dyn_table("other", &"x: i32".parse().unwrap()).unwrap();
    write.commit().unwrap();
    db
}

/// Seven shops a day.
fn sale(schema: &Schema, n: u64) -> RowBuf {
    let mut row = RowBuf::new(schema);
    let day = i32::try_from(n / 7).unwrap() - 3;
    row.set("day", Value::Date(drystone::Date::from_days(day))).unwrap();
    row.set("shop", Value::from(n % 7)).unwrap();
    row.set("side", if n.is_multiple_of(3) { "sell" } else { "buy" }).unwrap();
    row.set("note", Value::Text(format!("n{n}").into())).unwrap();
    row.set("amount", if n.is_multiple_of(5) { Value::Null } else { Value::from(n as f32) }).unwrap();
    row
}

fn shard(db: &Database, folder: &Path, options: &ShardOptions) -> Shards {
    let made = db.shard("sales", folder, options).unwrap();
    let opened = Shards::open(folder).unwrap();
    let shown = |shards: &Shards| format!("{shards:?} {:?}", shards.iter().collect::<Vec<_>>());
    assert_eq!(shown(&made), shown(&opened));
    opened
}

/// All rows of all shards as bytes, each shard checked.
fn rows(shards: &Shards) -> Vec<u8> {
    let mut bytes = Vec::new();
    for shard in shards {
        let read = shard.read_with(open).unwrap();
        bytes.extend(table_bytes(&read, shard.table()));
        assert_sound(&open(shard.path()).unwrap());
    }
    bytes
}

fn table_bytes(read: &ReadTransaction, table: &str) -> Vec<u8> {
    let table = read.table::<Dyn>(table).unwrap();
    table.iter().flat_map(|row| row.unwrap().as_bytes().to_vec()).collect()
}

fn merged(shards: &Shards, name: &str) -> Result<Database> {
    let db = Database::in_memory()?;
    db.update(|tx| tx.merge_shards(shards, name, open))?;
    Ok(db)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with("-lock"));
    names.sort();
    names
}

#[test]
fn shards_have_all_rows_in_order_and_everything_that_a_table_has() {
    let temp = TempDb::new();
    let db = sales(&temp, 5_000);
    let read = db.read().unwrap();
    for count in [1, 2, 7, 12] {
        let folder = temp.folder().join(format!("shards {count}"));
        let shards = shard(&db, &folder, &ShardOptions::new(count));
        assert_eq!(shards.len(), count);
        assert_eq!(shards.by().collect::<Vec<_>>(), ["day", "shop"]);
        let lengths: Vec<u64> = shards.iter().map(drystone::Shard::rows).collect();
        assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1, "{lengths:?}");
        let mut files: Vec<String> = shards.iter().map(|shard| shard.file_name().to_owned()).collect();
        assert!(files.is_sorted() && files[0] == "sales-0000.dry", "{files:?}");
        files.push("shards.txt".into());
        assert_eq!(names(&folder), files);
        assert_eq!(rows(&shards), table_bytes(&read, "sales"));
        for shard in &shards {
            let part = shard.read_with(open).unwrap();
            assert_eq!(part.table_names().unwrap(), ["sales"]);
            assert_eq!(part.indexes("sales").unwrap(), read.indexes("sales").unwrap());
            let table = part.table::<Dyn>("sales").unwrap();
            assert_eq!(table.stats().unwrap().leaf_rows, 300);
            let ends = [table.first().unwrap().unwrap(), table.last().unwrap().unwrap()];
            for (row, key) in ends.iter().zip([shard.first(), shard.last()]) {
                assert_eq!([row.get("day").unwrap(), row.get("shop").unwrap()], key[..]);
                let number = read.table::<Dyn>("sales").unwrap().rank(&key).unwrap();
                assert!(shard.numbers().contains(&number));
            }
        }
        let whole = merged(&shards, "sales").unwrap();
        assert_sound(&whole);
        let after = whole.read().unwrap();
        assert_eq!(table_bytes(&after, "sales"), table_bytes(&read, "sales"));
        assert_eq!(after.indexes("sales").unwrap(), read.indexes("sales").unwrap());
        assert_eq!(after.table::<Dyn>("sales").unwrap().stats().unwrap().leaf_rows, 300);
    }
}

#[test]
fn rows_that_are_equal_in_the_given_fields_stay_together() {
    let temp = TempDb::new();
    let db = sales(&temp, 700);
    let folder = temp.folder().join("by day");
    let shards = shard(&db, &folder, &ShardOptions::new(8).by(["day"]));
    assert_eq!((shards.len(), shards.by().collect::<Vec<_>>()), (8, vec!["day"]));
    for shard in &shards {
        assert_eq!(
            (shard.rows() % 7, shard.first()[1].clone(), shard.last()[1].clone()),
            (0, 0.into(), 6.into())
        );
        assert!((84..=91).contains(&shard.rows()), "{shard:?}");
    }
    assert_eq!(rows(&shards), table_bytes(&db.read().unwrap(), "sales"));
    // Three days, five shards.
    let few = TempDb::new();
    let db = sales(&few, 21);
    let folder = few.folder().join("few");
    assert_eq!(shard(&db, &folder, &ShardOptions::new(5).by(["day"])).len(), 3);
    let shards = shard(&db, &folder, &ShardOptions::new(50).replace(true));
    assert_eq!((shards.len(), names(&folder).len()), (21, 22));
    assert_eq!(rows(&shards), table_bytes(&db.read().unwrap(), "sales"));
}

#[test]
fn tables_without_a_key_or_without_rows_are_cut_too() {
    let temp = TempDb::new();
    let db = sales(&temp, 0);
    let shards = shard(&db, &temp.folder().join("none"), &ShardOptions::new(4));
    assert_eq!((shards.len(), shards.rows(), shards.get(0).unwrap().first()), (1, 0, vec![]));
    assert_eq!(merged(&shards, "sales").unwrap().read().unwrap().table::<Dyn>("sales").unwrap().len(), 0);

    let schema: Schema = "x: i32, y: bytes[3]".parse().unwrap();
    db.update(|tx| {
        let mut odd = tx.create_dyn_table("a/b\tc", &schema)?;
        odd.load((0..10_000).map(|x| {
            RowBuf::from_values(&schema, [Value::from(x), Value::Bytes(b"abc"[..].into())]).unwrap()
        }))
    })
    .unwrap();
    let folder = temp.folder().join("numbers");
    db.shard("a/b\tc", &folder, &ShardOptions::new(3)).unwrap();
    let shards = Shards::open(&folder).unwrap();
    assert_eq!((shards.table(), shards.by().count()), ("a/b\tc", 0));
    let numbers: Vec<_> = shards.iter().map(drystone::Shard::numbers).collect();
    assert_eq!(numbers, [0..3_333, 3_333..6_666, 6_666..10_000]);
    assert_eq!(names(&folder)[0], "a_b_c-0000.dry");
    let read = db.read().unwrap();
    assert_eq!(rows(&shards), table_bytes(&read, "a/b\tc"));
    let whole = merged(&shards, "again").unwrap();
    assert_eq!(table_bytes(&whole.read().unwrap(), "again"), table_bytes(&read, "a/b\tc"));
    let error = db.shard("a/b\tc", temp.folder().join("x"), &ShardOptions::new(3).by(["x"])).unwrap_err();
    assert!(error.to_string().contains("has no key"), "{error}");
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let temp = TempDb::new();
    let db = sales(&temp, 50);
    let folder = temp.folder().join("new");
    let refused = |table: &str, options: ShardOptions| {
        let error = db.shard(table, &folder, &options).unwrap_err();
        assert!(!folder.exists(), "{error}");
        (error.kind(), error.to_string())
    };
    assert_eq!(refused("nothing", ShardOptions::new(2)).0, ErrorKind::TableNotFound);
    assert_eq!(refused("sales", ShardOptions::new(0)).0, ErrorKind::Limit);
    assert_eq!(refused("sales", ShardOptions::new(65_537)).0, ErrorKind::Limit);
    assert_eq!(refused("sales", ShardOptions::new(2).by(["x"])).0, ErrorKind::FieldNotFound);
    for by in [&["shop"][..], &["amount"], &["day", "day"], &["day", "shop", "side"]] {
        let (kind, message) = refused("sales", ShardOptions::new(2).by(by.iter().copied()));
        assert!(kind == ErrorKind::Schema && message.contains("day, shop"), "{message}");
    }
    let error = db.shard("sales", temp.folder().join("no/such"), &ShardOptions::new(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileNotFound);
    let error = db.shard("sales", temp.path(), &ShardOptions::new(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(Shards::open(temp.folder()).unwrap_err().kind(), ErrorKind::FileNotFound);
}

/// A folder with four shards, as a run leaves it that was stopped before it made the third one.
fn stopped(db: &Database, folder: &Path) -> (Shards, PathBuf) {
    let shards = shard(db, folder, &ShardOptions::new(4));
    std::fs::rename(folder.join("shards.txt"), folder.join("shards.unfinished")).unwrap();
    let third = shards.get(2).unwrap().path().to_owned();
    std::fs::remove_file(&third).unwrap();
    (shards, third)
}

/// Whether `file` still stands at `path`. An open file keeps its inode: the number of a file that
/// was removed and closed can be given to the next one at once.
fn stands_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().unwrap().ino() == std::fs::metadata(path).unwrap().ino()
}

#[test]
fn a_run_that_was_stopped_is_continued_if_nothing_has_changed() {
    let temp = TempDb::new();
    let db = sales(&temp, 3_000);
    let folder = temp.folder().join("shards");
    let (shards, third) = stopped(&db, &folder);
    let error = Shards::open(&folder).unwrap_err();
    assert!(error.kind() == ErrorKind::FileNotFound && error.to_string().contains("stopped"), "{error}");
    let first = shards.get(0).unwrap().path();
    let kept = File::open(first).unwrap();
    let shards = shard(&db, &folder, &ShardOptions::new(4));
    assert!(third.exists());
    assert!(stands_at(&kept, first));
    assert_eq!(rows(&shards), table_bytes(&db.read().unwrap(), "sales"));

    // Another number of shards, and a table that has changed: all of them are made, and those of
    // the other run are removed.
    stopped_again(&folder);
    let shards = shard(&db, &folder, &ShardOptions::new(2));
    assert_eq!(names(&folder), ["sales-0000.dry", "sales-0001.dry", "shards.txt"]);
    assert_eq!(rows(&shards), table_bytes(&db.read().unwrap(), "sales"));
    stopped_again(&folder);
    let old = File::open(first).unwrap();
    db.update(|tx| {
        tx.table::<Dyn>("sales")?.set_field(
            &[Value::Date(drystone::Date::from_days(0)), 1.into()],
            "note",
            "new",
        )
    })
    .unwrap();
    let shards = shard(&db, &folder, &ShardOptions::new(2));
    assert!(!stands_at(&old, first));
    assert_eq!(rows(&shards), table_bytes(&db.read().unwrap(), "sales"));
}

fn stopped_again(folder: &Path) {
    std::fs::rename(folder.join("shards.txt"), folder.join("shards.unfinished")).unwrap();
}

#[test]
fn files_of_others_are_not_touched() {
    let temp = TempDb::new();
    let db = sales(&temp, 300);
    let folder = temp.folder().join("shards");
    std::fs::create_dir(&folder).unwrap();
    let other = folder.join("sales-0001.dry");
    std::fs::write(&other, "something else").unwrap();
    let error = db.shard("sales", &folder, &ShardOptions::new(3)).unwrap_err();
    assert!(error.kind() == ErrorKind::AlreadyExists && error.to_string().contains("sales-0001"), "{error}");
    assert_eq!(names(&folder), ["sales-0001.dry"]);
    std::fs::remove_file(&other).unwrap();
    let shards = shard(&db, &folder, &ShardOptions::new(3));
    let error = db.shard("sales", &folder, &ShardOptions::new(3)).unwrap_err();
    assert!(error.kind() == ErrorKind::AlreadyExists && error.to_string().contains("replace"), "{error}");
    assert_eq!(rows(&shards), table_bytes(&db.read().unwrap(), "sales"));
    // A shard that is open stays readable while it is replaced.
    let held = shards.get(1).unwrap().read_with(open).unwrap();
    let before = table_bytes(&held, "sales");
    let shards = shard(&db, &folder, &ShardOptions::new(4).replace(true));
    assert_eq!(table_bytes(&held, "sales"), before);
    assert_eq!(rows(&shards), table_bytes(&db.read().unwrap(), "sales"));
    // A file that has taken the place of a shard is no shard.
    std::fs::write(shards.get(2).unwrap().path(), "something else").unwrap();
    let error = db.shard("sales", &folder, &ShardOptions::new(3).replace(true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(shards.get(2).unwrap().path()).unwrap(), b"something else");
}

#[test]
fn one_process_at_a_time_makes_shards_in_a_folder() {
    let temp = TempDb::new();
    let db = sales(&temp, 300);
    let folder = temp.folder().join("shards");
    std::fs::create_dir(&folder).unwrap();
    let other = File::open(&folder).unwrap();
    other.lock().unwrap();
    let error = db.shard("sales", &folder, &ShardOptions::new(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    other.unlock().unwrap();
    shard(&db, &folder, &ShardOptions::new(3));
}

/// The error of merging shards after a change of the folder. It names the shard.
#[track_caller]
fn error_after(change: impl FnOnce(&Path)) -> (ErrorKind, String) {
    let temp = TempDb::new();
    let db = sales(&temp, 3_000);
    let folder = temp.folder().join("shards");
    let shards = shard(&db, &folder, &ShardOptions::new(4));
    change(shards.get(2).unwrap().path());
    let whole = Database::in_memory().unwrap();
    let write = whole.write().unwrap();
    let error = write.merge_shards(&shards, "sales", open).unwrap_err();
    assert!(error.to_string().contains("sales-0002.dry"), "{error}");
    // The transaction can be used, and has no table.
    assert!(write.table_names().unwrap().is_empty());
    write.commit().unwrap();
    (error.kind(), error.to_string())
}

fn change(path: &Path, edit: impl FnOnce(&drystone::WriteTransaction)) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    let write = db.write().unwrap();
    edit(&write);
    write.commit().unwrap();
}

#[test]
fn a_shard_that_is_not_as_the_list_says_is_an_error_that_names_it() {
    let neighbour = |path: &Path| path.with_file_name("sales-0001.dry");
    let (kind, _) = error_after(|path| std::fs::remove_file(path).unwrap());
    assert_eq!(kind, ErrorKind::FileNotFound);
    let (kind, message) = error_after(|path| std::fs::copy(neighbour(path), path).map(drop).unwrap());
    assert!(kind == ErrorKind::Corrupt && message.contains("another first key"), "{message}");
    let (kind, message) = error_after(|path| {
        let copy = path.with_file_name("copy");
        open(path).unwrap().backup(&copy).unwrap();
        std::fs::rename(copy, path).unwrap();
    });
    assert!(kind == ErrorKind::Corrupt && message.contains("another database"), "{message}");
    let (kind, _) = error_after(|path| change(path, |tx| tx.rename_table("sales", "sold").unwrap()));
    assert_eq!(kind, ErrorKind::TableNotFound);
    let (kind, _) = error_after(|path| change(path, |tx| tx.drop_field("sales", "side").map(drop).unwrap()));
    assert_eq!(kind, ErrorKind::Schema);
    let (kind, message) = error_after(|path| change(path, |tx| tx.drop_index("sales", "by_amount").unwrap()));
    assert!(kind == ErrorKind::Schema && message.contains("indexes"), "{message}");
    let (kind, message) = error_after(|path| {
        change(path, |tx| {
            let mut table = tx.table::<Dyn>("sales").unwrap();
            let key = [table.as_table().first().unwrap().unwrap().get("day").unwrap().into_owned()];
            table.remove_prefix(&key).unwrap();
        });
    });
    assert!(kind == ErrorKind::Corrupt && message.contains("rows"), "{message}");
    let (kind, _) = error_after(|path| {
        let mut bytes = std::fs::read(path).unwrap();
        // In the first leaf.
        bytes[8_192 + 100] ^= 1;
        std::fs::write(path, bytes).unwrap();
    });
    assert_eq!(kind, ErrorKind::Corrupt);
    let (kind, _) = error_after(|path| std::fs::write(path, "something else").unwrap());
    assert_eq!(kind, ErrorKind::NotADatabase);
    // Rows of two shards with the same values in a unique index: the index is the error, not a
    // shard.
    let temp = TempDb::new();
    let db = sales(&temp, 300);
    let shards = shard(&db, &temp.folder().join("x"), &ShardOptions::new(2));
    change(shards.get(1).unwrap().path(), |tx| {
        let mut table = tx.table::<Dyn>("sales").unwrap();
        let last = table.as_table().last().unwrap().unwrap();
        let key = [last.get("day").unwrap().into_owned(), last.get("shop").unwrap().into_owned()];
        table.set_field(&key, "note", "n5").unwrap();
    });
    // Both are of shop 5.
    assert_eq!(merged(&shards, "sales").unwrap_err().kind(), ErrorKind::KeyExists);
}

#[test]
fn a_merge_takes_another_name_for_an_index_that_is_there() {
    let temp = TempDb::new();
    let db = sales(&temp, 300);
    let shards = shard(&db, &temp.folder().join("x"), &ShardOptions::new(2));
    db.update(|tx| tx.merge_shards(&shards, "again", open)).unwrap();
    let read = db.read().unwrap();
    let names: Vec<String> = read.indexes("again").unwrap().into_iter().map(|index| index.name).collect();
    assert_eq!(names, ["again_by_amount", "again_by_note"]);
    assert_eq!(table_bytes(&read, "again"), table_bytes(&read, "sales"));
    let error = db.update(|tx| tx.merge_shards(&shards, "again", open)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_sound(&db);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_table_comes_back(keys in prop::collection::btree_set((any::<i8>(), 0_u8..5), 0..300), count in 1_usize..20, by in 0_usize..3) {
        let temp = TempDb::in_memory_folder();
        let db = temp.open();
        let schema: Schema = "a: i8 key, b: u8 key, c: u32".parse().unwrap();
        db.update(|tx| {
            let row = |(n, (a, b)): (usize, &(i8, u8))| {
                RowBuf::from_values(&schema, [Value::from(*a), Value::from(*b), Value::from(n)]).unwrap()
            };
            tx.create_dyn_table("sales", &schema)?.load(keys.iter().enumerate().map(row))
        }).unwrap();
        let options = ShardOptions::new(count).by(["a", "b"].into_iter().take(by));
        let shards = shard(&db, &temp.folder().join("x"), &options);
        prop_assert!(shards.len() <= count && (shards.len() == count || by == 1 || keys.len() < count));
        prop_assert_eq!(rows(&shards), table_bytes(&db.read().unwrap(), "sales"));
        let pairs = shards.iter().zip(shards.iter().skip(1));
        for (one, next) in pairs {
            prop_assert!(by != 1 || one.last()[0] != next.first()[0]);
        }
        let whole = merged(&shards, "sales").unwrap();
        prop_assert_eq!(table_bytes(&whole.read().unwrap(), "sales"), table_bytes(&db.read().unwrap(), "sales"));
    }
}
