//! The Arrow C stream interface with pyarrow in one process: tests/data/exchange/c_stream.py loads
//! the library that examples/c_stream.rs makes.

use std::path::PathBuf;

use drystone::arrow::{self, Batches};
use drystone::{Dyn, LoadOptions, Nullable, Record};

use super::python::{expected, python};
use super::{data, every_type, records};
use crate::temp::{TempDb, assert_sound};

/// The library, which is built with the tests; not where only this one is built.
fn library() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let name = format!("{}c_stream{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = test.parent()?.parent()?.join("examples").join(name);
    if !library.exists() {
        println!("left out: there is no {}; cargo test builds it with all else", library.display());
        return None;
    }
    Some(library)
}

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Point {
    x: i32,
    y: Nullable<f64>,
}

#[test]
fn tables_go_to_pyarrow_and_come_back_within_one_process() {
    let (Some(mut python), Some(library)) = (python("numpy, pandas, polars, pyarrow"), library()) else {
        return;
    };
    let temp = TempDb::new();
    let schema = every_type();
    let every = records(&schema, 300, 17);
    let db = temp.open();
    let write = db.write().unwrap();
    let batch = arrow::record_batch(&schema, &every).unwrap();
    let batches = Batches::new(batch.schema(), std::iter::once(Ok(batch)));
    let mut table = write.create_dyn_table("every", &schema).unwrap();
    let mut reader = arrow::Options::new().name("every").batch_reader(&schema, batches).unwrap();
    table.load_from(&mut reader, &LoadOptions::new()).unwrap();
    drop(table);
    let mut points = write.create_table::<Point>("points").unwrap();
    points.load((0..200_000).map(|x| Point { x, y: Nullable::NULL })).unwrap();
    drop(points);
    write.commit().unwrap();
    drop(db);
    std::fs::write(temp.folder().join("expected.json"), expected(&schema, &every)).unwrap();
    std::fs::write(temp.folder().join("schema"), schema.to_string()).unwrap();

    let ran = python.arg(data().join("c_stream.py")).arg(temp.folder()).arg(library).output().unwrap();
    assert!(
        ran.status.success(),
        "{}: {}{}",
        ran.status,
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );

    let db = temp.open();
    assert_sound(&db);
    let read = db.read().unwrap();
    assert_eq!(read.table_names().unwrap(), ["again", "every", "made", "points"]);
    let again = read.table::<Dyn>("again").unwrap();
    assert_eq!(again.schema(), &schema);
    let mut bytes = Vec::new();
    for rows in again.slices() {
        bytes.extend_from_slice(rows.unwrap().as_bytes());
    }
    assert!(bytes == every, "what came back are other records");
}
