//! Shards: the list of a folder, and whether a database is the shard that it says.

use std::path::PathBuf;

use drystone::{Error, ErrorKind, ShardOptions, Shards};
use pyo3::prelude::*;

use crate::database::{Database, while_waiting};
use crate::error::OrRaise;

/// A shard: path, file name, numbers of its rows in the whole table, keys of its first and last row
/// as stored, identity of its database.
type Listed = (PathBuf, String, (u64, u64), Vec<u8>, Vec<u8>, Vec<u8>);
/// The table of all shards, its schema as text, the fields by which it was cut, and the shards.
type List = (String, String, Vec<String>, Vec<Listed>);

fn list(shards: &Shards) -> List {
    let listed = |shard: &drystone::Shard| {
        (
            shard.path().to_owned(),
            shard.file_name().to_owned(),
            (shard.numbers().start, shard.numbers().end),
            shard.first_stored().to_vec(),
            shard.last_stored().to_vec(),
            shard.id().to_vec(),
        )
    };
    let by = shards.by().map(str::to_owned).collect();
    (shards.table().to_owned(), shards.schema().to_string(), by, shards.iter().map(listed).collect())
}

/// The list of a folder.
#[pyfunction]
pub(crate) fn list_shards(py: Python<'_>, folder: PathBuf) -> PyResult<List> {
    py.detach(|| Shards::open(&folder).map(|shards| list(&shards))).or_raise(py)
}

/// An error unless a database is this shard of the folder.
#[pyfunction]
pub(crate) fn check_shard(
    py: Python<'_>,
    database: &Bound<'_, Database>,
    folder: PathBuf,
    file_name: &str,
    id: &[u8],
) -> PyResult<()> {
    database.get().with(py, |db| {
        let shards = Shards::open(&folder)?;
        match shards.iter().find(|shard| shard.file_name() == file_name && shard.id() == id) {
            Some(shard) => shard.check(&db.read()?),
            None => Err(Error::new(
                ErrorKind::Usage,
                format!("shard {file_name:?}: the shards of {folder:?} were made again; ask for them again"),
            )),
        }
    })
}

/// Cuts a table into shards.
#[pyfunction]
pub(crate) fn make_shards(
    py: Python<'_>,
    database: &Bound<'_, Database>,
    table: String,
    folder: PathBuf,
    shards: usize,
    by: Vec<String>,
    replace: bool,
) -> PyResult<()> {
    let db = database.get().with(py, |db| Ok(db.clone()))?;
    let options = ShardOptions::new(shards).by(by).replace(replace);
    while_waiting(py, move || db.shard(&table, &folder, &options).map(drop))?.or_raise(py)
}
