//! A disk that fills up during a commit, a load, a spill or a sort: an error, and a database that
//! still works.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use drystone::{Database, ErrorKind, LoadOptions, OpenOptions, Record, Result};

use crate::child::{self, OtherProcess};
use crate::system::Mount;
use crate::temp::{self, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Row {
    #[record(key)]
    id: u64,
    rest: [u64; 31],
}

impl Row {
    fn new(id: u64) -> Row {
        Row { id, rest: [id.wrapping_mul(0x9E37_79B9_7F4A_7C15); 31] }
    }
}

/// What is there before, and must be after.
fn assert_first_rows(db: &Database) {
    let read = db.read().unwrap();
    let rows = read.table::<Row>("rows").unwrap();
    assert_eq!(rows.len(), 100);
    for (id, row) in (0..).zip(rows.iter()) {
        assert_eq!(*row.unwrap(), Row::new(id));
    }
}

/// Makes a change that is larger than the disk, in the way that is asked for.
fn fill(db: &Database, how: &str) -> Result<()> {
    let mut write = db.write()?;
    let mut rows = write.table::<Row>("rows")?;
    let ids = 1000..100_000_u64;
    match how {
        "commit" => ids.map(Row::new).try_for_each(|row| rows.insert(&row))?,
        "spill" => {
            drop(rows);
            write.set_memory_bytes(64 << 10);
            rows = write.table::<Row>("rows")?;
            ids.map(Row::new).try_for_each(|row| rows.insert(&row))?;
        }
        "load" => {
            rows.load(ids.map(Row::new)).map(drop)?;
        }
        // Out of order, so that runs are sorted outside of memory, on the same disk.
        "sort" => {
            let options = LoadOptions::new().memory_bytes(1 << 20);
            rows.load_with(ids.rev().map(Row::new), &options).map(drop)?;
        }
        other => panic!("{other}"),
    }
    drop(rows);
    write.commit()
}

/// In another process, which a signal would end: fills the disk in every way.
pub(crate) fn fill_the_disk(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    let write = db.write().unwrap();
    let mut rows = write.create_table::<Row>("rows").unwrap();
    (0..100).for_each(|id| rows.insert(&Row::new(id)).unwrap());
    drop(rows);
    write.commit().unwrap();
    for how in ["commit", "spill", "load", "sort"] {
        let error = fill(&db, how).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{how}: {error}");
        assert!(error.to_string().contains("No space left"), "{how}: {error}");
        assert_first_rows(&db);
        assert_sound(&db);
    }

    // No byte is free. Readers need none. Small commits fail, or use pages that were free in the
    // file.
    let ballast = path.with_file_name("ballast");
    let mut file = File::create(&ballast).unwrap();
    for bytes in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![0; bytes]).is_ok() {}
    }
    assert_first_rows(&db);
    let newcomer = OtherProcess::start("read_rows", path).hear();
    assert_eq!(newcomer, "whole");
    for id in 0..50 {
        let write = db.write().unwrap();
        let changed = write.table::<Row>("rows").unwrap().upsert(&Row::new(id)).map(drop);
        if let Err(error) = changed.and_then(|()| write.commit()) {
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        }
    }
    assert_first_rows(&db);
    assert_sound(&db);

    // Room again: the same database goes on.
    std::fs::remove_file(&ballast).unwrap();
    let write = db.write().unwrap();
    let mut rows = write.table::<Row>("rows").unwrap();
    (200..1000).for_each(|id| rows.insert(&Row::new(id)).unwrap());
    drop(rows);
    write.commit().unwrap();
    assert_eq!(db.read().unwrap().table::<Row>("rows").unwrap().len(), 900);
    assert_sound(&db);
    child::say("done");
}

/// In another process: reads all there is.
pub(crate) fn read_rows(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    assert_first_rows(&db);
    child::say("whole");
}

#[test]
fn a_full_disk_is_an_error_and_the_database_works_on() {
    // 8 MiB; the changes want 25.
    let Some(disk) = Mount::small(8 << 20) else { return };
    let path = disk.path().join("full.dry");
    let mut process = OtherProcess::start("fill_the_disk", &path);
    assert_eq!(process.hear_any().as_deref(), Some("done"), "the process was ended by a signal, or failed");
    drop(process);
    let db = temp::open(&path, &OpenOptions::new()).unwrap();
    assert_sound(&db);
}

#[test]
fn a_database_on_a_full_disk_can_be_opened_to_read() {
    // Not in memory: there the count of free pages is inexact, and room may come back.
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::disk(&folder.path().join("disk"), 8 << 20) else { return };
    let path = disk.path().join("full.dry");
    drop(temp::open(&path, &OpenOptions::new()).unwrap());
    std::fs::remove_file(disk.path().join("full.dry-lock")).unwrap();
    let mut ballast = File::create(disk.path().join("ballast")).unwrap();
    while ballast.write_all(&[0; 4096]).is_ok() {}
    assert_eq!(temp::open(&path, &OpenOptions::new()).unwrap_err().kind(), ErrorKind::Io);
    let db = temp::open(&path, &OpenOptions::new().read_only(true)).unwrap();
    assert!(db.read().unwrap().table_names().unwrap().is_empty());
    drop((db, ballast));
    std::fs::remove_file(disk.path().join("ballast")).unwrap();
    temp::open(&path, &OpenOptions::new()).unwrap();
}
