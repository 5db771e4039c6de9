//! Bulk loads: where they are in the file, how much of it they free, and sources with wrong claims.

use std::panic::{AssertUnwindSafe, catch_unwind};

use drystone::{
    Database, Dyn, Error, ErrorKind, LoadOptions, OnDuplicate, Record, RecordSource, Result, Schema,
};

use crate::temp::{TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
    z: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Pair {
    #[record(key)]
    id: u64,
    value: u64,
}

fn points(count: i32) -> impl Iterator<Item = Point> {
    (0..count).map(|x| Point { x, y: -x, z: 1 })
}

/// Records of some number, which the source knows, does not know, or is wrong about.
struct Pairs {
    next: u64,
    count: u64,
    hint: Option<u64>,
}

impl Pairs {
    fn new(count: u64, hint: Option<u64>) -> Pairs {
        Pairs { next: 0, count, hint }
    }
}

impl RecordSource for Pairs {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        if self.next == self.count {
            return Ok(false);
        }
        record[..8].copy_from_slice(&self.next.to_le_bytes());
        record[8..].copy_from_slice(&self.count.to_le_bytes());
        self.next += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.next
    }

    fn rows_hint(&self) -> Option<u64> {
        self.hint
    }
}

/// A database whose file has many small gaps and some larger ones.
fn with_gaps() -> TempDb {
    let temp = TempDb::new();
    let db = temp.open();
    for round in 0..30 {
        let write = db.write().unwrap();
        let mut table = write.create_table::<Point>(&format!("table {round}")).unwrap();
        table.load(points(2000 + 500 * round)).unwrap();
        drop(table);
        write.commit().unwrap();
    }
    let write = db.write().unwrap();
    for round in (0..29).filter(|round| round % 3 > 0) {
        write.drop_table(&format!("table {round}")).unwrap();
    }
    write.commit().unwrap();
    // What was dropped is free when the next transaction begins.
    temp
}

#[test]
fn a_load_is_one_array_whatever_gaps_the_file_has() {
    let temp = with_gaps();
    let db = temp.open();
    let before = temp.file_bytes();
    for (round, count) in [100, 3000, 12_000, 100_000].into_iter().enumerate() {
        let write = db.write().unwrap();
        let mut table = write.create_table::<Point>(&format!("known {round}")).unwrap();
        table.load(points(count)).unwrap();
        drop(table);
        // An iterator that does not know how many it has.
        let mut table = write.create_table::<Point>(&format!("unknown {round}")).unwrap();
        table.load(points(count).filter(|point| point.z == 1)).unwrap();
        drop(table);
        write.commit().unwrap();
        let read = db.read().unwrap();
        for name in ["known", "unknown"] {
            let table = read.table::<Point>(&format!("{name} {round}")).unwrap();
            let slice = table.as_slice().unwrap().unwrap_or_else(|| panic!("{name} {count} is in pieces"));
            assert!(slice.iter().copied().eq(points(count)));
        }
        if count == 12_000 {
            // Three of the four and most of the fifth found gaps that they fit.
            assert!(temp.file_bytes() < before + 2 * 12 * 12_000, "{before} {}", temp.file_bytes());
        }
    }
    assert_sound(&db);
}

/// What is done with the old rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    Stay,
    Clear,
    ClearAndCommit,
    Drop,
}

/// Loads about as many records again and again. The file must not grow with every load.
fn reload(records: impl Fn(u64) -> Pairs, options: &LoadOptions, schema: &str, old: Old) {
    let temp = TempDb::new();
    let db = temp.open();
    let schema: Schema = schema.parse().unwrap();
    let write = db.write().unwrap();
    write.create_dyn_table("table", &schema).unwrap();
    write.commit().unwrap();
    let bytes = 16 * 50_000;
    for round in 0..16 {
        let mut write = db.write().unwrap();
        match old {
            Old::Stay => {}
            Old::Clear => write.table::<Dyn>("table").unwrap().clear().unwrap(),
            Old::ClearAndCommit => {
                write.table::<Dyn>("table").unwrap().clear().unwrap();
                write.commit().unwrap();
                write = db.write().unwrap();
            }
            Old::Drop => {
                write.drop_table("table").unwrap();
                write.create_dyn_table("table", &schema).unwrap();
            }
        }
        let mut table = write.table::<Dyn>("table").unwrap();
        let report = table.load_from(&mut records(50_000 + round * 100), options).unwrap();
        assert_eq!(report.rows, 50_000 + round * 100);
        drop(table);
        write.commit().unwrap();
        assert!(
            db.read().unwrap().table::<Dyn>("table").unwrap().stats().unwrap().contiguous,
            "round {round}"
        );
        let file = temp.file_bytes();
        assert!(file < bytes * 5, "round {round}: {file} bytes for {bytes}");
    }
    assert_sound(&db);
}

#[test]
fn reloading_a_table_uses_the_space_of_its_old_rows() {
    let replace = LoadOptions::new().replace(true);
    for schema in ["id: u64, value: u64", "id: u64 key, value: u64"] {
        reload(|count| Pairs::new(count, None), &replace, schema, Old::Stay);
        reload(|count| Pairs::new(count, Some(count)), &replace, schema, Old::Stay);
        for old in [Old::Clear, Old::ClearAndCommit, Old::Drop] {
            reload(|count| Pairs::new(count, None), &LoadOptions::new(), schema, old);
        }
    }
    let merge = LoadOptions::new().on_duplicate(OnDuplicate::Last).memory_bytes(0);
    reload(|count| Pairs::new(count, None), &merge, "id: u64 key, value: u64", Old::Stay);
}

#[test]
fn a_source_may_be_wrong_about_its_length() {
    for hint in [0, 1, 4999, 5001, 1 << 40, u64::MAX / 16, u64::MAX - 1, u64::MAX] {
        for schema in ["id: u64, value: u64", "id: u64 key, value: u64"] {
            let temp = TempDb::new();
            let db = temp.open();
            let write = db.write().unwrap();
            let mut table = write.create_dyn_table("table", &schema.parse().unwrap()).unwrap();
            for memory_bytes in [0, 1 << 24] {
                let options = LoadOptions::new().replace(true).memory_bytes(memory_bytes);
                assert_eq!(
                    table.load_from(&mut Pairs::new(100_000, Some(hint)), &options).unwrap().rows,
                    100_000
                );
            }
            drop(table);
            write.commit().unwrap();
            assert_sound(&db);
            assert!(temp.file_bytes() < 8 << 20, "hint {hint}: {} bytes", temp.file_bytes());
        }
    }
}

#[test]
fn a_small_load_makes_a_small_file_even_on_its_way() {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let mut table = write.create_table::<Pair>("pairs").unwrap();
    let records: Vec<Pair> = (0..20).map(|id| Pair { id, value: 1 }).collect();
    table.load(records).unwrap();
    assert!(temp.file_bytes() < 1 << 20, "{} bytes", temp.file_bytes());
}

#[test]
fn an_iterator_is_not_asked_again_after_its_end() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_table::<Pair>("pairs").unwrap();
    let mut next = 0;
    // Ends at every tenth, and would go on.
    let records = std::iter::from_fn(|| {
        next += 1;
        (next % 10 > 0).then_some(Pair { id: next, value: 0 })
    });
    assert_eq!(table.load(records).unwrap().rows, 9);
}

#[test]
fn a_duplicate_is_told_with_both_places() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_table::<Pair>("pairs").unwrap();
    let load = |table: &mut drystone::TableMut<'_, Pair>, ids: &[u64]| {
        let records: Vec<Pair> = ids.iter().map(|id| Pair { id: *id, value: 1 }).collect();
        let error = table.load(records).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyExists);
        error.to_string()
    };
    let twice = load(&mut table, &[5, 6, 5]);
    assert!(twice.contains("(5)") && twice.contains("record 1") && twice.contains("record 3"), "{twice}");
    assert!(table.is_empty());
    table.insert(&Pair { id: 7, value: 2 }).unwrap();
    let there = load(&mut table, &[1, 7]);
    assert!(there.contains("(7)") && there.contains("record 2") && there.contains("in the table"), "{there}");
    assert_eq!(table.len(), 1);
}

/// Numbers in blocks of seven, of which each says that it has `lie` records more.
struct Blocks {
    next: u32,
    lie: usize,
}

impl RecordSource for Blocks {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.next_records(record, record.len()).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        let before = self.next;
        let left = 300_010 - before as usize;
        for record in records.chunks_exact_mut(width).take(left.min(7)) {
            // 1000 comes twice.
            let number = if self.next == 300_001 { 1000 } else { self.next };
            record.copy_from_slice(&number.to_le_bytes());
            self.next += 1;
        }
        Ok((self.next - before) as usize + self.lie)
    }

    fn place(&self) -> u64 {
        self.next.into()
    }
}

#[test]
fn records_that_come_in_blocks_have_their_own_places() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let schema: Schema = "number: u32 key".parse().unwrap();
    let mut table = write.create_dyn_table("numbers", &schema).unwrap();
    let twice = table.load_from(&mut Blocks { next: 0, lie: 0 }, &LoadOptions::new()).unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::KeyExists);
    assert!(twice.to_string().contains("record 1001 and at record 300002"), "{twice}");
    let lie = table.load_from(&mut Blocks { next: 0, lie: 1 << 40 }, &LoadOptions::new()).unwrap_err();
    assert_eq!(lie.kind(), ErrorKind::Usage);
    assert!(table.is_empty());
}

/// Records with descending keys that end badly while a run is being written.
struct EndsBadly {
    next: u64,
    panics: bool,
}

impl RecordSource for EndsBadly {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        if self.next == 0 {
            assert!(!self.panics, "this source panics");
            return Err(Error::new(ErrorKind::Input, "this source fails"));
        }
        self.next -= 1;
        record.copy_from_slice(&self.next.to_le_bytes());
        Ok(true)
    }

    fn place(&self) -> u64 {
        0
    }
}

#[test]
fn a_source_that_ends_badly_while_a_run_is_written_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table("numbers", &"id: u64 key".parse().unwrap()).unwrap();
    let missing = folder.path().join("missing");
    for panics in [false, true] {
        for scratch in [folder.path(), &missing] {
            let options = LoadOptions::new().memory_bytes(1 << 20).scratch_folder(scratch);
            let mut source = EndsBadly { next: 150_000, panics };
            let load = AssertUnwindSafe(|| table.load_from(&mut source, &options));
            match catch_unwind(load) {
                // A run that cannot be written comes before the end of the source.
                Ok(loaded) => {
                    let error = loaded.unwrap_err();
                    let kind = if scratch == missing { ErrorKind::FileNotFound } else { ErrorKind::Input };
                    assert_eq!(error.kind(), kind, "{error}");
                }
                Err(_) => assert!(panics && scratch != missing),
            }
            assert_eq!(table.len(), 0);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
    drop(table);
    write.commit().unwrap();
}
