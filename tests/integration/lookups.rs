//! Look-ups by key and by number, single and batched, compared with a sorted map: for many kinds
//! and distributions of keys, before and after a page is verified, in a table as it was loaded and
//! in an edited one.

use std::collections::BTreeMap;
use std::fmt::Debug;

use drystone::{Database, Dyn, Keyed, Record, TableOptions, Text, Value};

/// Rows of a key and a number.
trait Row: Record + Keyed + Copy + Debug + PartialEq {
    fn new(key: <Self as Record>::Key, value: u32) -> Self;

    fn set_value(&mut self, value: u32);
    /// The key as a row of unknown schema has it.
    fn values(key: &<Self as Record>::Key) -> Vec<Value<'_>>;
}

macro_rules! row {
    ($name:ident, $($field:ident: $type:ty),+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Record)]
        #[repr(C, packed)]
        struct $name {
            $(#[record(key)] $field: $type,)+
            value: u32,
        }

        impl Row for $name {
            #[allow(unused_parens)]
            fn new(($($field),+): <Self as Record>::Key, value: u32) -> Self {
                $name { $($field,)+ value }
            }

            fn set_value(&mut self, value: u32) {
                self.value = value;
            }

            #[allow(unused_parens)]
            fn values(($($field),+): &<Self as Record>::Key) -> Vec<Value<'_>> {
                vec![$(Value::from(*$field)),+]
            }
        }
    };
}

row!(ByU64, id: u64);
row!(ByI64, id: i64);
row!(ByU32, id: u32);
row!(ByI32, id: i32);
row!(ByU16, id: u16);
row!(ByPair, one: u32, other: i64);
row!(ByName, name: Text<24>);

/// Looks up every existing key and some others, in both ways and twice: the first time verifies the
/// pages.
fn ask<T: Row<Key: Ord>>(db: &Database, rows: &BTreeMap<T::Key, T>, asked: &[<T as Record>::Key]) {
    let read = db.read().unwrap();
    let table = read.table::<T>("table").unwrap();
    for round in 0..2 {
        for key in asked {
            assert_eq!(table.get(*key).unwrap(), rows.get(key), "round {round}");
        }
        for few in [1, 31, 32, 33, 1000] {
            let asked = &asked[..asked.len().min(few)];
            let found = table.get_many(asked).unwrap();
            assert!(
                found.iter().copied().eq(asked.iter().map(|key| rows.get(key))),
                "{round}, {few} together"
            );
            let keys: Vec<Vec<Value<'_>>> = asked.iter().map(T::values).collect();
            let keys: Vec<&[Value<'_>]> = keys.iter().map(Vec::as_slice).collect();
            let again = read.table::<Dyn>("table").unwrap().get_many(&keys).unwrap();
            let again = again.iter().map(|row| row.map(|row| row.to_record::<T>().unwrap()));
            assert!(again.eq(found.iter().map(|row| row.copied())), "{round}, {few} together, dynamic");
        }
        for (number, row) in rows.values().enumerate().step_by(7) {
            assert_eq!(table.select(number as u64).unwrap(), Some(row));
        }
        assert_eq!(table.select(rows.len() as u64).unwrap(), None);
    }
}

/// Loads, asks, edits, asks.
fn check<T: Row<Key: Ord>>(leaf_rows: usize, keys: &[<T as Record>::Key], others: &[<T as Record>::Key]) {
    let db = Database::in_memory().unwrap();
    let mut rows: BTreeMap<T::Key, T> =
        keys.iter().enumerate().map(|(n, key)| (*key, T::new(*key, n as u32))).collect();
    let write = db.write().unwrap();
    let options = TableOptions::new().leaf_rows(leaf_rows);
    let mut table = write.create_table_with::<T>("table", &options).unwrap();
    table.load(rows.values().copied().collect::<Vec<_>>()).unwrap();
    drop(table);
    write.commit().unwrap();
    let asked: Vec<T::Key> = keys.iter().chain(others).copied().collect();
    ask(&db, &rows, &asked);

    let write = db.write().unwrap();
    let mut table = write.table::<T>("table").unwrap();
    for key in keys.iter().step_by(5) {
        assert_eq!(table.remove(*key).unwrap(), rows.remove(key));
    }
    for (n, key) in others.iter().enumerate() {
        let row = T::new(*key, 1_000_000 + n as u32);
        assert_eq!(table.upsert(&row).unwrap(), rows.insert(*key, row).is_some());
    }
    for key in keys.iter().step_by(11) {
        let changed = table.update(*key, |row| *row = T::new(*key, 9)).unwrap();
        assert_eq!(changed.is_some(), rows.contains_key(key));
        rows.entry(*key).and_modify(|row| *row = T::new(*key, 9));
    }
    let many: Vec<(<T as Record>::Key, u32)> = asked.iter().copied().step_by(3).zip(100..).collect();
    let there = table.update_many(&many, |row, value| row.set_value(*value)).unwrap();
    assert_eq!(there, many.iter().filter(|(key, _)| rows.contains_key(key)).count() as u64);
    for (key, value) in &many {
        rows.entry(*key).and_modify(|row| row.set_value(*value));
    }
    drop(table);
    write.commit().unwrap();
    ask(&db, &rows, &asked);
    assert!(db.check().unwrap().is_sound());
}

/// The n-th key.
type Spread = fn(u64) -> u64;

/// How keys may be spread.
const SPREADS: [(&str, Spread); 8] = [
    ("dense", |n| n),
    ("even", |n| n * 1_000_003),
    ("random", |n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
    ("clustered", |n| ((n / 300) << 50) | (n % 300)),
    ("growing fast", |n| (1 << (n % 64)) | (n << 3)),
    ("at both ends", |n| if n % 2 == 0 { n } else { u64::MAX - n }),
    ("squares", |n| n * n),
    ("one far away", |n| if n == 7 { u64::MAX } else { n }),
];

fn spread(rows: u64) -> impl Iterator<Item = (&'static str, Vec<u64>, Vec<u64>)> {
    SPREADS.into_iter().map(move |(name, spread)| {
        let mut keys: Vec<u64> = (0..rows).map(spread).collect();
        keys.sort_unstable();
        keys.dedup();
        let near = keys.iter().step_by(3).flat_map(|key| [key.wrapping_sub(1), key.wrapping_add(1)]);
        let others = near.chain([0, 1, u64::MAX / 2, u64::MAX]).collect();
        (name, keys, others)
    })
}

#[test]
fn keys_of_a_word_are_found_however_they_are_spread() {
    for rows in [0, 1, 16, 17, 700, 40_000] {
        for (name, keys, others) in spread(rows) {
            println!("{rows} rows, {name}");
            // Small leaves, so that few rows make three levels.
            check::<ByU64>(512, &keys, &others);
            let signed = |keys: &[u64]| keys.iter().map(|key| *key as i64).collect::<Vec<_>>();
            check::<ByI64>(512, &signed(&keys), &signed(&others));
        }
    }
}

#[test]
fn short_keys_are_found_however_they_are_spread() {
    for (name, keys, others) in spread(9000) {
        println!("{name}");
        let cut = |keys: &[u64]| keys.iter().map(|key| ((*key >> 32) ^ *key) as u32).collect::<Vec<_>>();
        check::<ByU32>(512, &cut(&keys), &cut(&others));
        let signed = |keys: &[u64]| keys.iter().map(|key| *key as i32).collect::<Vec<_>>();
        check::<ByI32>(512, &signed(&keys), &signed(&others));
        let short = |keys: &[u64]| keys.iter().map(|key| *key as u16).collect::<Vec<_>>();
        check::<ByU16>(1024, &short(&keys), &short(&others));
    }
}

#[test]
fn keys_of_several_fields_and_of_text_are_found_however_they_are_spread() {
    for (name, keys, others) in spread(5000) {
        println!("{name}");
        let pair = |keys: &[u64]| {
            keys.iter().map(|key| ((*key >> 40) as u32, ((*key << 24) ^ *key) as i64)).collect::<Vec<_>>()
        };
        check::<ByPair>(256, &pair(&keys), &pair(&others));
        let text = |keys: &[u64]| {
            keys.iter().map(|key| Text::new(&format!("name {key:x}")).unwrap()).collect::<Vec<_>>()
        };
        check::<ByName>(256, &text(&keys), &text(&others));
    }
}

#[test]
fn rows_are_found_by_number_as_one_array_and_in_pieces() {
    #[derive(Clone, Copy, Debug, PartialEq, Record)]
    #[repr(C)]
    struct Point {
        x: u32,
        y: u32,
        z: u32,
    }
    let point = |x: u64| Point { x: x as u32, y: 1, z: !x as u32 };
    for rows in [1_u64, 511, 512, 513, 200_000, 300_001] {
        let db = Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let options = TableOptions::new().leaf_rows(512);
        let mut table = write.create_table_with::<Point>("points", &options).unwrap();
        table.load((0..rows).map(point)).unwrap();
        drop(table);
        write.commit().unwrap();
        let mut right: Vec<Point> = (0..rows).map(point).collect();
        for edited in [false, true] {
            if edited {
                let write = db.write().unwrap();
                let mut table = write.table::<Point>("points").unwrap();
                table.set(rows / 2, &point(77)).unwrap();
                table.push(&point(78)).unwrap();
                drop(table);
                write.commit().unwrap();
                right[rows as usize / 2] = point(77);
                right.push(point(78));
            }
            let read = db.read().unwrap();
            assert!(
                rows < 1000 || read.table::<Dyn>("points").unwrap().stats().unwrap().contiguous != edited
            );
            let table = read.table::<Point>("points").unwrap();
            let asked: Vec<u64> =
                (0..rows + 3).step_by(101).chain([rows - 1, rows, rows + 1, u64::MAX]).collect();
            for _ in 0..2 {
                for row in &asked {
                    assert_eq!(table.get(*row).unwrap(), right.get(*row as usize), "row {row} of {rows}");
                }
                let found = table.get_many(&asked).unwrap();
                assert!(found.into_iter().eq(asked.iter().map(|row| right.get(*row as usize))));
            }
        }
    }
}
