//! Plain memory: a `Vec` by row number, a sorted `Vec` with binary search, a hash table, a static
//! search tree.

use std::path::Path;

use hashbrown::HashMap;

use super::search_tree::{LANES, SearchTree, in_large_pages};
use super::{Reader, Store, Way, missing};
use crate::data::{Result, Value};

/// `Vec<Point>`, indexed by the row's number.
pub(crate) struct Plain(Vec<Value>);

impl Store for Plain {
    const NAME: &'static str = "vec";
    const CRATE: &'static str = "";
    const BY_ROW: bool = true;
    const DURABLE: bool = false;
    const SETTINGS: &'static str = "Vec<Point> by row number, in memory";

    type Reader<'r> = &'r [Value];

    fn open(_: &Path) -> Result<Plain> {
        Ok(Plain(Vec::new()))
    }

    fn read<R>(&self, work: impl FnOnce(&mut &[Value]) -> Result<R>) -> Result<R> {
        work(&mut self.0.as_slice())
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        self.0.extend(rows.map(|(_, value)| value));
        Ok(())
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        for &(row, x) in changes {
            self.0.get_mut(row as usize).ok_or_else(|| missing(row))?.x = x;
        }
        Ok(())
    }

    fn insert(&mut self, rows: &[(u64, Value)], _: Way) -> Result<()> {
        self.0.extend(rows.iter().map(|(_, value)| *value));
        Ok(())
    }
}

impl Reader for &[Value] {
    #[inline]
    fn get(&mut self, row: u64) -> Result<Option<i32>> {
        Ok(<[Value]>::get(self, row as usize).map(|value| value.x))
    }

    fn scan(&mut self) -> Result<i64> {
        Ok(self.iter().map(|value| i64::from(value.x)).sum())
    }

    fn range(&mut self, from: u64, rows: usize) -> Result<i64> {
        Ok(self.iter().skip(from as usize).take(rows).map(|value| i64::from(value.x)).sum())
    }
}

/// Keys and values side by side, in the order of the keys, found by binary search.
pub(crate) struct Sorted(Vec<(u64, Value)>);

impl Store for Sorted {
    const NAME: &'static str = "sorted-vec";
    const CRATE: &'static str = "";
    const DURABLE: bool = false;
    const INSERTS: bool = false;
    const SETTINGS: &'static str =
        "Vec<(u64, Point)> in order of the keys, the standard library's binary search, in memory";

    type Reader<'r> = &'r [(u64, Value)];

    fn open(_: &Path) -> Result<Sorted> {
        Ok(Sorted(Vec::new()))
    }

    fn read<R>(&self, work: impl FnOnce(&mut &[(u64, Value)]) -> Result<R>) -> Result<R> {
        work(&mut self.0.as_slice())
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        self.0.extend(rows);
        Ok(())
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        for &(key, x) in changes {
            let place = self.0.binary_search_by_key(&key, |row| row.0).map_err(|_| missing(key))?;
            self.0[place].1.x = x;
        }
        Ok(())
    }

    fn insert(&mut self, rows: &[(u64, Value)], _: Way) -> Result<()> {
        self.0.extend_from_slice(rows);
        // Finds the part that is already sorted, and merges.
        self.0.sort_by_key(|row| row.0);
        Ok(())
    }
}

impl Reader for &[(u64, Value)] {
    #[inline]
    fn get(&mut self, key: u64) -> Result<Option<i32>> {
        Ok(self.binary_search_by_key(&key, |row| row.0).ok().map(|place| self[place].1.x))
    }

    fn scan(&mut self) -> Result<i64> {
        Ok(self.iter().map(|row| i64::from(row.1.x)).sum())
    }

    fn range(&mut self, from: u64, rows: usize) -> Result<i64> {
        let from = self.partition_point(|row| row.0 < from);
        Ok(self[from..].iter().take(rows).map(|row| i64::from(row.1.x)).sum())
    }
}

/// A hash table.
pub(crate) struct Hash(HashMap<u64, Value>);

impl Store for Hash {
    const NAME: &'static str = "hashmap";
    const CRATE: &'static str = "hashbrown";
    const DURABLE: bool = false;
    const ORDERED: bool = false;
    const BATCHES: bool = true;
    const SETTINGS: &'static str = "HashMap<u64, Point> with its own hash, in memory; get_many is a loop over get, whose waits for memory overlap";

    type Reader<'r> = &'r HashMap<u64, Value>;

    fn open(_: &Path) -> Result<Hash> {
        Ok(Hash(HashMap::new()))
    }

    fn read<R>(&self, work: impl FnOnce(&mut &HashMap<u64, Value>) -> Result<R>) -> Result<R> {
        work(&mut &self.0)
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        self.0.extend(rows);
        Ok(())
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        for &(key, x) in changes {
            self.0.get_mut(&key).ok_or_else(|| missing(key))?.x = x;
        }
        Ok(())
    }

    fn insert(&mut self, rows: &[(u64, Value)], _: Way) -> Result<()> {
        self.0.extend(rows.iter().copied());
        Ok(())
    }
}

impl Reader for &HashMap<u64, Value> {
    #[inline]
    fn get(&mut self, key: u64) -> Result<Option<i32>> {
        Ok(HashMap::get(self, &key).map(|value| value.x))
    }

    fn scan(&mut self) -> Result<i64> {
        Ok(self.values().map(|value| i64::from(value.x)).sum())
    }

    fn range(&mut self, _: u64, _: usize) -> Result<i64> {
        Err("a hash table has no order".into())
    }
}

/// A static search tree, and the values in the order of its keys.
pub(crate) struct Tree {
    tree: SearchTree,
    values: Vec<Value>,
}

impl Tree {
    #[inline]
    fn place(&self, key: u64) -> usize {
        self.tree.places(&[key])[0]
    }

    #[inline]
    fn found(&self, place: usize, key: u64) -> Option<&Value> {
        // A key at the place of the largest number may be padding, which has no value.
        if self.tree.holds(place, key) { self.values.get(place) } else { None }
    }
}

impl Store for Tree {
    const NAME: &'static str = "search-tree";
    const CRATE: &'static str = "";
    const DURABLE: bool = false;
    const BATCHES: bool = true;
    const INSERTS: bool = false;
    const STATIC: bool = true;
    const SETTINGS: &'static str = "a static S+ tree over the keys with blocks of 16 keys, compared by AVX2 if the processor has it, \
         32 searches side by side in get_many; the values in an array beside it, in memory, in pages of 2 MiB";

    type Reader<'r> = &'r Tree;

    fn open(_: &Path) -> Result<Tree> {
        Ok(Tree { tree: SearchTree::new(&[]), values: Vec::new() })
    }

    fn read<R>(&self, work: impl FnOnce(&mut &Tree) -> Result<R>) -> Result<R> {
        work(&mut &*self)
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        let (keys, found): (Vec<u64>, Vec<Value>) = rows.unzip();
        let mut values = in_large_pages(found.len());
        values.extend(found);
        *self = Tree { tree: SearchTree::new(&keys), values };
        Ok(())
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        for &(key, x) in changes {
            let place = self.place(key);
            self.found(place, key).ok_or_else(|| missing(key))?;
            self.values[place].x = x;
        }
        Ok(())
    }

    fn insert(&mut self, _: &[(u64, Value)], _: Way) -> Result<()> {
        Err("the search tree is static".into())
    }
}

impl Reader for &Tree {
    #[inline]
    fn get(&mut self, key: u64) -> Result<Option<i32>> {
        Ok(self.found(self.place(key), key).map(|value| value.x))
    }

    fn get_many(&mut self, keys: &[u64]) -> Result<(i64, usize)> {
        let mut found = (0, 0);
        for keys in keys.chunks(LANES) {
            let mut lanes = [0; LANES];
            lanes[..keys.len()].copy_from_slice(keys);
            for (place, &key) in self.tree.places(&lanes).into_iter().zip(keys) {
                if let Some(value) = self.found(place, key) {
                    found = (found.0 + i64::from(value.x), found.1 + 1);
                }
            }
        }
        Ok(found)
    }

    fn scan(&mut self) -> Result<i64> {
        Ok(self.values.iter().map(|value| i64::from(value.x)).sum())
    }

    fn range(&mut self, from: u64, rows: usize) -> Result<i64> {
        Ok(self.values.iter().skip(self.place(from)).take(rows).map(|value| i64::from(value.x)).sum())
    }
}
