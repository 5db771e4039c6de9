//! What a table should hold, and how to hold a real one against it.

use std::collections::BTreeMap;
use std::ops::Bound;

use drystone::{Dyn, Row, Schema, Table, Value};

use super::indexes::ModelIndex;
use super::keys::{self, ModelKey};

/// A table as it should be.
#[derive(Clone, Debug)]
pub(super) struct ModelTable {
    pub(super) kind: usize,
    pub(super) schema: Schema,
    pub(super) rows: Rows,
    pub(super) indexes: BTreeMap<String, ModelIndex>,
}

#[derive(Clone, Debug)]
pub(super) enum Rows {
    Keyed(BTreeMap<ModelKey, Vec<u8>>),
    Numbered(Vec<Vec<u8>>),
}

impl ModelTable {
    pub(super) fn new(kind: usize) -> ModelTable {
        let rows =
            if kind == keys::NUMBERED { Rows::Numbered(Vec::new()) } else { Rows::Keyed(BTreeMap::new()) };
        ModelTable { kind, schema: keys::schema(kind), rows, indexes: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        match &self.rows {
            Rows::Keyed(rows) => rows.len(),
            Rows::Numbered(rows) => rows.len(),
        }
    }

    /// The rows of a table with a key.
    pub(super) fn keyed(&mut self) -> &mut BTreeMap<ModelKey, Vec<u8>> {
        match &mut self.rows {
            Rows::Keyed(rows) => rows,
            Rows::Numbered(_) => panic!("the table has no key"),
        }
    }

    /// The rows of a table without one.
    pub(super) fn numbered(&mut self) -> &mut Vec<Vec<u8>> {
        match &mut self.rows {
            Rows::Keyed(_) => panic!("the table has a key"),
            Rows::Numbered(rows) => rows,
        }
    }

    /// A row as it is with this `v`, if it is there.
    pub(super) fn with_v(&self, key: &ModelKey, number: usize, v: u32) -> Option<Vec<u8>> {
        let mut row = match &self.rows {
            Rows::Keyed(rows) => rows.get(key)?.clone(),
            Rows::Numbered(rows) => rows.get(number)?.clone(),
        };
        let at = self.schema.field("v").ok()?.offset();
        row[at..at + 4].copy_from_slice(&v.to_le_bytes());
        Some(row)
    }

    pub(super) fn clear(&mut self) {
        match &mut self.rows {
            Rows::Keyed(rows) => rows.clear(),
            Rows::Numbered(rows) => rows.clear(),
        }
    }

    /// All rows as bytes, in order.
    fn bytes(&self) -> Vec<&[u8]> {
        match &self.rows {
            Rows::Keyed(rows) => rows.values().map(Vec::as_slice).collect(),
            Rows::Numbered(rows) => rows.iter().map(Vec::as_slice).collect(),
        }
    }

    /// Every row, forwards and backwards and from both ends, and every row by its number.
    pub(super) fn assert_same(&self, table: &Table<'_, Dyn>) {
        let expected = self.bytes();
        assert_eq!(table.len(), expected.len() as u64);
        assert_eq!(table.schema(), &self.schema);
        let forwards: Vec<&[u8]> = table.iter().map(|row| row.unwrap().as_bytes()).collect();
        assert!(forwards == expected, "iterating gives other rows");
        let mut backwards: Vec<&[u8]> = table.iter().rev().map(|row| row.unwrap().as_bytes()).collect();
        backwards.reverse();
        assert!(backwards == expected, "iterating backwards gives other rows");
        let (mut ends, mut front, mut back) = (table.iter(), Vec::new(), Vec::new());
        while let Some(row) = ends.next() {
            front.push(row.unwrap().as_bytes());
            back.extend(ends.next_back().map(|row| row.unwrap().as_bytes()));
        }
        front.extend(back.into_iter().rev());
        assert!(front == expected, "iterating from both ends gives other rows");
        for (row, bytes) in expected.iter().enumerate() {
            assert!(table.select(row as u64).unwrap().unwrap().as_bytes() == *bytes, "row {row}");
        }
        assert!(table.select(expected.len() as u64).unwrap().is_none());
        let parts = table.iter().split(3);
        let split: Vec<&[u8]> = parts.into_iter().flatten().map(|row| row.unwrap().as_bytes()).collect();
        assert!(split == expected, "the parts of a split are other rows");
        self.assert_indexes(table);
    }

    /// What one look-up by key or number finds, and its rank.
    pub(super) fn assert_look_up(&self, table: &Table<'_, Dyn>, n: u32) {
        assert_eq!(bytes_of(table.first().unwrap()), self.bytes().first().copied());
        assert_eq!(bytes_of(table.last().unwrap()), self.bytes().last().copied());
        match &self.rows {
            Rows::Keyed(rows) => {
                let key = keys::key(self.kind, n);
                let stored = keys::values(&key);
                let found = table.get(&stored).unwrap();
                assert_eq!(bytes_of(found), rows.get(&key).map(Vec::as_slice));
                assert_eq!(table.rank(&stored).unwrap(), rows.range(..key).count() as u64);
            }
            Rows::Numbered(rows) => {
                let number = Value::from(n);
                assert_eq!(
                    bytes_of(table.get(std::slice::from_ref(&number)).unwrap()),
                    rows.get(n as usize).map(Vec::as_slice)
                );
                assert_eq!(table.rank(&[number]).unwrap(), rows.len().min(n as usize) as u64);
            }
        }
    }

    /// A range between two keys, cut to `fields` leading fields each, of all kinds of bounds.
    pub(super) fn assert_range(&self, table: &Table<'_, Dyn>, from: u32, to: u32, fields: usize) {
        for kind in 0..9 {
            match &self.rows {
                Rows::Keyed(rows) => {
                    let cut = |n| {
                        let mut key = keys::key(self.kind, n);
                        key.truncate(fields.clamp(1, key.len()));
                        key
                    };
                    let (from, to) = (cut(from), cut(to));
                    let (from_values, to_values) = (keys::values(&from), keys::values(&to));
                    let bounds = (bound(kind % 3, &from_values[..]), bound(kind / 3, &to_values[..]));
                    let expected: Vec<&[u8]> = rows
                        .iter()
                        .filter(|(key, _)| above(key, bound(kind % 3, &from)))
                        .filter(|(key, _)| below(key, bound(kind / 3, &to)))
                        .map(|(_, row)| row.as_slice())
                        .collect();
                    self.assert_rows(table.range(bounds).unwrap(), &expected);
                }
                Rows::Numbered(rows) => {
                    let (from_value, to_value) = ([Value::from(from)], [Value::from(to)]);
                    let bounds = (bound(kind % 3, &from_value[..]), bound(kind / 3, &to_value[..]));
                    let expected: Vec<&[u8]> = (0_u32..)
                        .zip(rows)
                        .filter(|(row, _)| above(&[*row], bound(kind % 3, &[from])))
                        .filter(|(row, _)| below(&[*row], bound(kind / 3, &[to])))
                        .map(|(_, row)| row.as_slice())
                        .collect();
                    self.assert_rows(table.range(bounds).unwrap(), &expected);
                }
            }
        }
    }

    /// The rows whose keys begin like this one.
    pub(super) fn assert_prefix(&self, table: &Table<'_, Dyn>, n: u32, fields: usize) {
        let Rows::Keyed(rows) = &self.rows else { return };
        let mut key = keys::key(self.kind, n);
        key.truncate(fields);
        let expected: Vec<&[u8]> =
            rows.iter().filter(|(row, _)| row.starts_with(&key)).map(|(_, row)| row.as_slice()).collect();
        self.assert_rows(table.prefix(&keys::values(&key)).unwrap(), &expected);
    }

    fn assert_rows(&self, rows: drystone::Rows<'_, Dyn>, expected: &[&[u8]]) {
        assert_eq!(rows.len(), expected.len() as u64);
        let found: Vec<&[u8]> = rows.clone().map(|row| row.unwrap().as_bytes()).collect();
        assert!(found == expected, "a range gives other rows");
        let mut rows = rows;
        assert_eq!(bytes_of(rows.next_back().transpose().unwrap()), expected.last().copied());
    }
}

fn bytes_of<'r>(row: Option<Row<'r>>) -> Option<&'r [u8]> {
    row.map(|row| row.as_bytes())
}

fn bound<T: ?Sized>(kind: u32, at: &T) -> Bound<&T> {
    match kind {
        0 => Bound::Included(at),
        1 => Bound::Excluded(at),
        _ => Bound::Unbounded,
    }
}

/// A bound of fewer fields stands for all keys that begin with them.
fn above<T: Ord>(key: &[T], from: Bound<&(impl AsRef<[T]> + ?Sized)>) -> bool {
    match from {
        Bound::Included(from) => key[..from.as_ref().len()] >= *from.as_ref(),
        Bound::Excluded(from) => key[..from.as_ref().len()] > *from.as_ref(),
        Bound::Unbounded => true,
    }
}

fn below<T: Ord>(key: &[T], to: Bound<&(impl AsRef<[T]> + ?Sized)>) -> bool {
    match to {
        Bound::Included(to) => key[..to.as_ref().len()] <= *to.as_ref(),
        Bound::Excluded(to) => key[..to.as_ref().len()] < *to.as_ref(),
        Bound::Unbounded => true,
    }
}
