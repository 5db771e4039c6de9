//! The stores, all behind the same trait, set up as their authors advise. Code for a store is
//! monomorphic: no store pays for virtual calls.

pub(crate) mod drystone;
pub(crate) mod fjall;
pub(crate) mod lmdb;
pub(crate) mod memory;
pub(crate) mod redb;
#[cfg(feature = "rocksdb")]
pub(crate) mod rocksdb;
mod search_tree;
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
    "search-tree",
];

/// How the rows of one commit are passed to a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// One by one, in the order given.
    Single,
    /// By batches of this many rows.
    Batches(usize),
    /// All together.
    Together,
}

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
    /// Whether rows can be inserted one by one in reasonable time.
    const INSERTS: bool = true;
    /// Whether rows cannot be inserted at all.
    const STATIC: bool = false;
    /// Whether the workloads of several look-ups at once are measured.
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

    /// Loads into the empty store, in any order, in the fastest way. Durable at the end. By default
    /// the rows are sorted in memory first: for all stores this is faster than single inserts.
    fn load_unsorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        let rows = sorted(rows.collect());
        self.load_sorted(rows.into_iter())
    }

    /// Sets the field `x` of rows, and commits durably, once.
    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()>;

    /// Inserts rows with new keys in one of three ways, each as fast as the store can. The rows are
    /// durable at the end.
    fn insert(&mut self, rows: &[(u64, Value)], way: Way) -> Result<()>;
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

/// Rows in the order of their keys.
fn sorted(mut rows: Vec<(u64, Value)>) -> Vec<(u64, Value)> {
    rows.sort_unstable_by_key(|row| row.0);
    rows
}

/// Changes in the order of their keys, for stores in which neighbours share a page. If a key comes
/// twice, the last change stays last.
fn sorted_changes(changes: &[(u64, i32)]) -> Vec<(u64, i32)> {
    let mut changes = changes.to_vec();
    changes.sort_by_key(|change| change.0);
    changes
}

/// Calls `each` with the pieces to insert: all rows as they are if they are inserted one by one,
/// sorted batches else, because every store here inserts sorted rows faster.
fn in_batches(
    rows: &[(u64, Value)],
    way: Way,
    mut each: impl FnMut(&[(u64, Value)]) -> Result<()>,
) -> Result<()> {
    match way {
        Way::Single => each(rows),
        Way::Batches(batch_rows) => {
            rows.chunks(batch_rows).try_for_each(|batch| each(&sorted(batch.to_vec())))
        }
        Way::Together => each(&sorted(rows.to_vec())),
    }
}

/// The error for a row to change that does not exist.
fn missing(key: u64) -> Box<dyn std::error::Error + Send + Sync> {
    format!("there is no row with key {key}").into()
}
