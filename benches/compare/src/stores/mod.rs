//! The stores, all behind the same trait, set up as their authors advise. Code for a store is
//! monomorphic: no store pays for virtual calls.

pub(crate) mod drystone;
pub(crate) mod fjall;
pub(crate) mod lmdb;
pub(crate) mod memory;
pub(crate) mod redb;
#[cfg(feature = "rocksdb")]
pub(crate) mod rocksdb;
pub(crate) mod sqlite;

use std::path::Path;

use crate::data::{Result, Value};

/// The stores that were built in, in the order of the tables.
pub(crate) const STORES: &[&str] = &[
    "drystone",
    "drystone-rows",
    "lmdb",
    "redb",
    #[cfg(feature = "rocksdb")]
    "rocksdb",
    "fjall",
    "sqlite",
    "vec",
    "sorted-vec",
    "hashmap",
];

/// A store of values by `u64` key (or by row number), in a folder of its own.
pub(crate) trait Store: Sized + Sync {
    /// The name in arguments and tables.
    const NAME: &'static str;
    /// The crate whose version is shown.
    const CRATE: &'static str;
    /// Whether rows are found by their numbers, from 0.
    const BY_ROW: bool = false;
    /// Whether it keeps its rows in files.
    const DURABLE: bool = true;
    /// Whether its keys are sorted.
    const ORDERED: bool = true;
    /// Whether it can look up several keys at once.
    const BATCHES: bool = false;
    /// How it is set up, in one line.
    const SETTINGS: &'static str;

    /// A snapshot to read from.
    type Reader<'r>: Reader
    where
        Self: 'r;

    /// Opens the store in the folder, or creates it.
    fn open(folder: &Path) -> Result<Self>;

    /// Reads in one snapshot.
    fn read<R>(&self, work: impl FnOnce(&mut Self::Reader<'_>) -> Result<R>) -> Result<R>;

    /// Loads into the empty store, in ascending order of the keys, in the fastest way. Durable at
    /// the end.
    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()>;

    /// Loads into the empty store, in any order, in the fastest way. Durable at the end.
    fn load_unsorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()>;

    /// Sets the field `x` of rows, and commits durably, once.
    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()>;

    /// Inserts rows with new keys, and commits durably, once.
    fn insert(&mut self, rows: &[(u64, Value)]) -> Result<()>;
}

/// A snapshot of a store.
pub(crate) trait Reader {
    /// The field `x` of one row.
    fn get(&mut self, key: u64) -> Result<Option<i32>>;

    /// The sum of `x` over several rows, and how many of them exist.
    fn get_many(&mut self, keys: &[u64]) -> Result<(i64, usize)> {
        let mut found = (0, 0);
        for &key in keys {
            if let Some(x) = self.get(key)? {
                found = (found.0 + i64::from(x), found.1 + 1);
            }
        }
        Ok(found)
    }

    /// The sum of `x` over all rows.
    fn scan(&mut self) -> Result<i64>;

    /// The sum of `x` over `rows` rows from a key on.
    fn range(&mut self, from: u64, rows: usize) -> Result<i64>;
}

/// How many rows a commit of an unsorted load has, in stores that hold a commit in memory.
const ROWS_A_COMMIT: usize = 1_000_000;

/// Calls `each` with pieces of the rows.
fn in_pieces(
    mut rows: impl Iterator<Item = (u64, Value)>,
    piece_rows: usize,
    mut each: impl FnMut(&[(u64, Value)]) -> Result<()>,
) -> Result<()> {
    let mut piece = Vec::with_capacity(piece_rows);
    loop {
        piece.clear();
        piece.extend(rows.by_ref().take(piece_rows));
        if piece.is_empty() {
            return Ok(());
        }
        each(&piece)?;
    }
}

/// The error for a row to change that does not exist.
fn missing(key: u64) -> Box<dyn std::error::Error + Send + Sync> {
    format!("there is no row with key {key}").into()
}
