//! Reads in a transaction after a write that failed: the right rows, or the error that the
//! transaction must be dropped. Never damage that is not there.

use drystone::simulation::{CrashDisk, Fault, Operation, empty_image, open};
use drystone::{
    Database, Dyn, ErrorKind, IndexOptions, LoadOptions, Result, RowBuf, Schema, Table, TableMut,
    TableOptions, Value, WriteTransaction,
};

const ROWS: u64 = 3_000;
const LEAF_ROWS: usize = 16;
const KEYED: &str = "id: u64 key, g: u64, rest: u64[30]";
const PLAIN: &str = "id: u64, g: u64, rest: u64[30]";

type Change = fn(&mut TableMut<'_, Dyn>) -> Result<()>;

/// The ways to change a table.
const WAYS: [(&str, Change); 17] = [
    ("insert", |table| new_ids().try_for_each(|id| add(table, id))),
    ("insert many", |table| {
        let rows = rows(table, new_ids());
        if table.schema().is_keyed() { table.insert_many(rows).map(drop) } else { table.extend(rows) }
    }),
    ("upsert", |table| old_ids(table).try_for_each(|id| replace(table, id))),
    ("upsert many", |table| {
        let rows = rows(table, old_ids(table).chain(new_ids()));
        if table.schema().is_keyed() { table.upsert_many(rows).map(drop) } else { table.extend(rows) }
    }),
    ("update", |table| {
        old_ids(table).try_for_each(|id| table.update(&[id.into()], |row| row.set("g", id + 7)).map(drop))
    }),
    ("update many", |table| {
        let keys: Vec<[Value<'_>; 1]> = old_ids(table).map(|id| [id.into()]).collect();
        let changes: Vec<(&[Value<'_>], u64)> = keys.iter().map(|key| (&key[..], 7)).collect();
        table.update_many(&changes, |row, more| row.set("g", *more)).map(drop)
    }),
    ("set field", |table| {
        old_ids(table).try_for_each(|id| table.set_field(&[id.into()], "g", id + 7).map(drop))
    }),
    ("remove", |table| {
        let ids: Vec<u64> = old_ids(table).step_by(2).collect();
        ids.into_iter().try_for_each(|id| match table.schema().is_keyed() {
            true => table.remove(&[id.into()]).map(drop),
            false => table.swap_remove(id / 2).map(drop),
        })
    }),
    ("remove many", |table| table.retain(|row| row.get("id").unwrap().as_u64().unwrap() % 2 == 0).map(drop)),
    ("truncate", |table| match table.schema().is_keyed() {
        true => table.remove_range(&[5_u64.into()][..]..&[2_000_u64.into()][..]).map(drop),
        false => table.truncate(ROWS / 2 + 3),
    }),
    ("delete where", |table| table.delete_where("g < 900".parse()?).map(drop)),
    ("update where", |table| table.update_where("g < 999".parse()?, |row| row.set("g", 1_000)).map(drop)),
    ("load", |table| table.load(rows(table, new_ids())).map(drop)),
    ("load in no order", |table| {
        let options = LoadOptions::new().memory_bytes(64 << 10);
        table.load_with(rows(table, new_ids().rev()), &options).map(drop)
    }),
    ("replace", |table| table.load_with(rows(table, new_ids()), &LoadOptions::new().replace(true)).map(drop)),
    ("clear and insert", |table| {
        table.clear()?;
        new_ids().try_for_each(|id| add(table, id))
    }),
    ("index", |table| {
        table.create_index("by_rest", &["g", "id"])?;
        table.create_index_with("one", &["id", "g"], &IndexOptions::new().unique(true))?;
        new_ids().try_for_each(|id| add(table, id))
    }),
];

/// Ids that no row has, scattered among the others.
fn new_ids() -> impl DoubleEndedIterator<Item = u64> {
    (0..2_000).map(|id| id * 2_654_435_761 % 1_000_003 + ROWS)
}

fn old_ids(table: &TableMut<'_, Dyn>) -> impl Iterator<Item = u64> + use<> {
    0..table.len()
}

fn row(schema: &Schema, id: u64) -> RowBuf {
    let mut row = RowBuf::new(schema);
    row.set("id", id).unwrap();
    row.set("g", id % 1_000).unwrap();
    row
}

fn rows(table: &TableMut<'_, Dyn>, ids: impl Iterator<Item = u64>) -> Vec<RowBuf> {
    ids.map(|id| row(table.schema(), id)).collect()
}

fn add(table: &mut TableMut<'_, Dyn>, id: u64) -> Result<()> {
    let row = row(table.schema(), id);
    if table.schema().is_keyed() { table.insert(&row) } else { table.push(&row).map(drop) }
}

fn replace(table: &mut TableMut<'_, Dyn>, id: u64) -> Result<()> {
    let mut row = row(table.schema(), id);
    row.set("g", 5)?;
    if table.schema().is_keyed() { table.upsert(&row).map(drop) } else { table.set(id, &row) }
}

/// What all ways of reading a table return.
fn reads(table: &Table<'_, Dyn>) -> Vec<(&'static str, Result<String>)> {
    fn all<T: std::fmt::Debug>(rows: impl Iterator<Item = Result<T>>) -> Result<String> {
        rows.collect::<Result<Vec<T>>>().map(|rows| format!("{rows:?}"))
    }
    fn text<T: std::fmt::Debug>(read: Result<T>) -> Result<String> {
        read.map(|read| format!("{read:?}"))
    }
    let key = |id: u64| [Value::from(id)];
    let (low, high) = (key(17), key(ROWS + 500));
    let by_g = &*format!("{} by g", table.name());
    vec![
        ("get", text(table.get(&low))),
        ("get another", text(table.get(&high))),
        ("contains", text(table.contains(&key(5)))),
        ("get many", text(table.get_many(&[&low, &high, &key(5)]))),
        ("select", text(table.select(table.len() / 2))),
        ("first", text(table.first())),
        ("last", text(table.last())),
        ("rank", text(table.rank(&low))),
        ("range", table.range(&low[..]..&high[..]).and_then(all)),
        ("numbers", all(table.rows(10..table.len().max(20) - 10))),
        ("iter", all(table.iter())),
        ("backwards", all(table.iter().rev())),
        ("slices", all(table.slices().map(|slice| slice.map(|slice| slice.as_bytes().to_vec())))),
        ("slice", text(table.as_slice().map(|slice| slice.map(|slice| slice.as_bytes().to_vec())))),
        ("count", text("g > 5".parse().and_then(|filter| table.query().filter(filter).count()))),
        ("query", text(table.query().group_by(["g"]).run().and_then(|rows| all(rows.iter().map(Ok))))),
        ("stats", text(table.stats().map(|stats| stats.rows))),
        ("length", text(table.index(by_g).map(|index| index.len()))),
        ("index get", text(table.index(by_g).and_then(|index| index.get(17_u64)))),
        ("index range", table.index(by_g).and_then(|index| index.range(17_u64..900)).and_then(all)),
        ("index iter", table.index(by_g).and_then(|index| all(index.iter()))),
        ("index last", text(table.index(by_g).and_then(|index| index.last()))),
    ]
}

/// Two tables with indexes, whose trees have three levels.
fn fill(db: &Database) {
    for (name, schema) in [("keyed", KEYED), ("plain", PLAIN)] {
        let write = db.write().unwrap();
        let schema = schema.parse().unwrap();
        let options = TableOptions::new().leaf_rows(LEAF_ROWS);
        let mut table = write.create_dyn_table_with(name, &schema, &options).unwrap();
        table.load((0..ROWS).map(|id| row(&schema, id))).unwrap();
        table.create_index(&format!("{name} by g"), &["g"]).unwrap();
        write.commit().unwrap();
    }
}

/// The database in another process. Nothing was read there yet.
fn opened(disk: &CrashDisk) -> Database {
    disk.end_process();
    open(disk).unwrap()
}

/// A transaction with so little memory that edits are written before the commit.
fn begin(db: &Database) -> WriteTransaction {
    let mut write = db.write().unwrap();
    write.set_memory_bytes(64 << 10);
    write
}

/// The reads as text.
fn shown(table: &Table<'_, Dyn>) -> Vec<String> {
    reads(table).into_iter().map(|(what, read)| format!("{what}: {}", read.unwrap())).collect()
}

/// A change that succeeds in a table where another one has failed, or `Usage` because the
/// transaction cannot be changed any more.
fn is_refused(table: &mut TableMut<'_, Dyn>) -> bool {
    let row = row(table.schema(), 77_777_777);
    let changed =
        if table.schema().is_keyed() { table.upsert(&row).map(drop) } else { table.push(&row).map(drop) };
    match changed {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
            true
        }
    }
}

#[test]
fn reads_after_a_write_that_failed_are_right_or_refused() {
    let mut disk = CrashDisk::new(None).unwrap();
    disk.load(&empty_image()).unwrap();
    fill(&open(&disk).unwrap());
    let (mut refused, mut not_refused) = (0, 0);
    for name in ["keyed", "plain"] {
        let before = shown(&opened(&disk).read().unwrap().table(name).unwrap());
        for (way, change) in WAYS {
            for operation in [Operation::Write, Operation::Resize, Operation::Fetch] {
                for after in [0, 1, 3, 9] {
                    let db = opened(&disk);
                    let write = begin(&db);
                    let mut table = write.table::<Dyn>(name).unwrap();
                    disk.inject(Fault { operation, after, times: 1 });
                    let changed = change(&mut table);
                    disk.inject(Fault { operation, after: 0, times: 0 });
                    let Err(error) = changed else { break };
                    let place = format!("{name}, {way}, {operation:?} {after}");
                    assert_eq!(error.kind(), ErrorKind::Io, "{place}: {error}");
                    let found = reads(&table.as_table());
                    let rows = table.len();
                    if is_refused(&mut table) {
                        refused += 1;
                        for (what, read) in found {
                            match read {
                                Err(error) => {
                                    assert_eq!(error.kind(), ErrorKind::Usage, "{place}, {what}: {error}");
                                }
                                // Lengths need no read, nor does a row number behind the last one.
                                Ok(found) => assert!(
                                    what == "length"
                                        || name == "plain" && (what == "rank" || found == "None"),
                                    "{place}, {what}: {found}"
                                ),
                            }
                        }
                        drop(table);
                        assert_eq!(write.table_names().unwrap_err().kind(), ErrorKind::Usage, "{place}");
                    } else {
                        not_refused += 1;
                        // A write fails at the end of a call, and a call of many rows is undone.
                        let is_undone = operation != Operation::Fetch;
                        assert!(rows == ROWS || !is_undone, "{place}: {rows} rows");
                        for ((what, read), before) in found.into_iter().zip(&before) {
                            let read = format!("{what}: {}", read.unwrap());
                            // Rows may lie in memory that were in one piece in the file.
                            assert!(
                                read == *before || read == "slice: None" || !is_undone,
                                "{place}: {read:.300}"
                            );
                        }
                    }
                    drop(write);
                    assert_eq!(shown(&db.read().unwrap().table(name).unwrap()), before, "{place}");
                }
            }
            // The next transaction works.
            let db = opened(&disk);
            let write = begin(&db);
            change(&mut write.table::<Dyn>(name).unwrap()).unwrap();
            drop(write);
        }
    }
    println!("{refused} transactions refused, {not_refused} went on");
    assert!(refused > 60 && not_refused > 60, "{refused}, {not_refused}");
    let db = opened(&disk);
    db.update(|tx| tx.table::<Dyn>("keyed")?.retain(|row| row.get("g").unwrap().as_u64().unwrap() > 5))
        .unwrap();
    let report = db.check().unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}
