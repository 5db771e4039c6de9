//! What the indexes of a table should hold, which rows they refuse, and how to compare real indexes
//! with that.

use std::collections::BTreeMap;
use std::ops::Bound;

use drystone::{Dyn, ErrorKind, IndexOptions, Row, Table, Value, WriteTransaction};

use super::keys::{self, ModelKey, Part};
use super::tables::{ModelTable, Rows};

/// An index of one of three kinds: on `v`; on `v` and the first field of the key; on the last field
/// of the key and `v`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ModelIndex {
    pub(super) which: usize,
    pub(super) unique: bool,
}

/// What a row has in an index: the part of the key, and `v`.
type Values = (Option<Part>, u32);

impl ModelIndex {
    fn values(self, key: &[Part], row: &[u8], v_at: usize) -> Values {
        let v = u32::from_le_bytes(*row[v_at..].first_chunk().unwrap());
        match self.which {
            0 => (None, v),
            1 => (key.first().cloned(), v),
            _ => (key.last().cloned(), v),
        }
    }

    /// The values in the order in which the index has its fields.
    fn fields(self, (part, v): &Values) -> Vec<Value<'static>> {
        let part = part.iter().map(|part| keys::values(std::slice::from_ref(part)).remove(0));
        let v = Value::from(*v);
        if self.which == 2 { part.chain([v]).collect() } else { [v].into_iter().chain(part).collect() }
    }
}

impl ModelTable {
    fn v_at(&self) -> usize {
        self.schema.field("v").unwrap().offset()
    }

    /// The rows in the order of an index, each with what it has there.
    fn in_order(&self, index: ModelIndex) -> Vec<(Values, &[u8])> {
        let v_at = self.v_at();
        let mut rows: Vec<(Values, &[u8])> = match &self.rows {
            Rows::Keyed(rows) => {
                rows.iter().map(|(key, row)| (index.values(key, row, v_at), row.as_slice())).collect()
            }
            Rows::Numbered(rows) => {
                rows.iter().map(|row| (index.values(&[], row, v_at), row.as_slice())).collect()
            }
        };
        // Rows with the same values stay in the order of their keys.
        if index.which == 2 {
            rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        } else {
            rows.sort_by(|((one, v), _), ((other, w), _)| (v, one).cmp(&(w, other)));
        }
        rows
    }

    /// Whether a unique index has the values of a row in another row than the one that it replaces.
    pub(super) fn refuses(&self, key: &[Part], number: usize, row: &[u8]) -> bool {
        let v_at = self.v_at();
        self.indexes.values().filter(|index| index.unique).any(|index| {
            let values = index.values(key, row, v_at);
            let same = |key: &[Part], row: &[u8]| {
                row[v_at..v_at + 4] == values.1.to_le_bytes() && index.values(key, row, v_at) == values
            };
            match &self.rows {
                Rows::Keyed(rows) => rows.iter().any(|(other, row)| same(other, row) && other != key),
                Rows::Numbered(rows) => {
                    rows.iter().enumerate().any(|(at, row)| same(&[], row) && at != number)
                }
            }
        })
    }

    /// Whether the rows as they are could not be.
    pub(super) fn is_refused(&self) -> bool {
        self.indexes.values().any(|index| index.unique && self.has_twice(*index))
    }

    fn has_twice(&self, index: ModelIndex) -> bool {
        self.in_order(index).windows(2).any(|pair| pair[0].0 == pair[1].0)
    }

    /// Every index has the rows, and finds them.
    pub(super) fn assert_indexes(&self, table: &Table<'_, Dyn>) {
        for (name, model) in &self.indexes {
            let index = table.index(name).unwrap();
            let expected = self.in_order(*model);
            assert_eq!((index.len(), index.is_unique()), (expected.len() as u64, model.unique));
            let forwards: Vec<&[u8]> = index.iter().map(|row| row.unwrap().as_bytes()).collect();
            assert!(
                forwards.iter().copied().eq(expected.iter().map(|(_, row)| *row)),
                "other rows in {name:?}"
            );
            let backwards = index.iter().rev().map(|row| row.unwrap().as_bytes());
            assert!(
                backwards.eq(expected.iter().rev().map(|(_, row)| *row)),
                "other rows backwards in {name:?}"
            );
            let entries = index.iter().entries().map(|entry| entry.unwrap().get("v").unwrap());
            assert!(
                entries.eq(expected.iter().map(|((_, v), _)| Value::from(*v))),
                "other entries in {name:?}"
            );
            for (values, row) in expected.iter().step_by(1 + expected.len() / 20) {
                let fields = model.fields(values);
                let same: Vec<&[u8]> =
                    expected.iter().filter(|(other, _)| other == values).map(|(_, row)| *row).collect();
                assert!(same.contains(row));
                assert_eq!(index.get(&fields).unwrap().as_ref().map(Row::as_bytes), Some(same[0]));
                let found = index.prefix(&fields).unwrap();
                assert_eq!(found.len(), same.len() as u64);
                assert!(found.map(|row| row.unwrap().as_bytes()).eq(same.iter().copied()));
                let above =
                    index.range::<&[Value<'_>]>((Bound::Excluded(&fields[..]), Bound::Unbounded)).unwrap();
                let below =
                    index.range::<&[Value<'_>]>((Bound::Unbounded, Bound::Excluded(&fields[..]))).unwrap();
                assert_eq!(above.len() + below.len() + same.len() as u64, expected.len() as u64);
                assert_eq!(
                    below.len(),
                    expected.iter().position(|(other, _)| other == values).unwrap() as u64
                );
            }
        }
    }
}

/// Makes an index, where the name is not taken and no rows are in the way of it.
pub(super) fn create(
    write: &WriteTransaction,
    tables: &mut BTreeMap<String, ModelTable>,
    name: &str,
    index: ModelIndex,
) {
    let taken = |name: &String| tables.values().any(|table| table.indexes.contains_key(name));
    let (index_name, is_taken) = (index_name(name, index.which), taken(&index_name(name, index.which)));
    let Some(model) = tables.get_mut(name) else { return };
    let Some(fields) = fields(model, index.which) else { return };
    let options = IndexOptions::new().unique(index.unique).memory_bytes(0);
    let created = write.create_index_with(name, &index_name, &fields, &options);
    if is_taken {
        assert_eq!(created.unwrap_err().kind(), ErrorKind::AlreadyExists);
    } else if index.unique && model.has_twice(index) {
        assert_eq!(created.unwrap_err().kind(), ErrorKind::KeyExists);
    } else {
        created.unwrap();
        model.indexes.insert(index_name, index);
    }
    let names: Vec<String> = write.indexes(name).unwrap().into_iter().map(|index| index.name).collect();
    assert_eq!(names, model.indexes.keys().cloned().collect::<Vec<_>>());
}

pub(super) fn drop(write: &WriteTransaction, model: &mut ModelTable, name: &str, which: usize) {
    let index = index_name(name, which);
    let dropped = write.drop_index(name, &index);
    match model.indexes.remove(&index) {
        Some(_) => dropped.unwrap(),
        None => assert_eq!(dropped.unwrap_err().kind(), ErrorKind::IndexNotFound),
    }
}

fn index_name(table: &str, which: usize) -> String {
    format!("index {which} of {table}")
}

/// The fields that an index of this kind is on, if the table can have it.
fn fields(model: &ModelTable, which: usize) -> Option<Vec<String>> {
    let key = model.schema.key_fields();
    let name = |at: usize| key.get(at).map(|field| field.name().to_owned());
    match which {
        0 => Some(vec!["v".into()]),
        1 => Some(vec!["v".into(), name(0)?]),
        _ => Some(vec![name(key.len().checked_sub(1)?)?, "v".into()]),
    }
}

/// The key of a table without one.
pub(super) const NO_KEY: ModelKey = ModelKey::new();
