//! Calls that change many rows at once, compared with a `BTreeMap` or a `Vec` that is changed row
//! by row.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use drystone::{
    Database, Dyn, Error, ErrorKind, IndexOptions, OpenOptions, Record, RowBuf, Schema, TableMut,
    TableOptions, Value,
};

use crate::random::Random;
use crate::temp::{TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C, packed)]
struct Entry {
    #[record(key)]
    group: u16,
    #[record(key)]
    id: u32,
    value: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Number {
    value: u32,
    other: u32,
}

type Model = BTreeMap<(u16, u32), u32>;

fn entry(((group, id), value): ((u16, u32), u32)) -> Entry {
    Entry { group, id, value }
}

/// What the table and its index hold is what the model holds.
fn assert_same(table: &TableMut<'_, Entry>, model: &Model) {
    let rows: Vec<Entry> = table.iter().copied().collect::<Result<_, _>>().unwrap();
    assert!(rows.iter().copied().eq(model.iter().map(|(key, value)| entry((*key, *value)))));
    let Ok(index) = table.index("by_value") else { return };
    let mut by_value: Vec<(u32, u16, u32)> =
        model.iter().map(|((group, id), value)| (*value, *group, *id)).collect();
    by_value.sort_unstable();
    let found: Vec<(u32, u16, u32)> =
        index.iter().map(|row| row.map(|row| (row.value, row.group, row.id)).unwrap()).collect();
    assert!(found == by_value);
}

/// Random calls, and every few a commit and a check of the file.
fn run(seed: u64, rows: u32, has_index: bool, memory_bytes: usize) {
    let temp = TempDb::new();
    let db = crate::temp::open(temp.path(), &OpenOptions::new().memory_bytes(memory_bytes)).unwrap();
    let mut random = Random::new(seed);
    let mut model: Model = (0..rows).map(|n| ((n as u16 % 50, n / 50), n % 1000)).collect();
    let write = db.write().unwrap();
    let options = TableOptions::new().leaf_rows(410);
    let mut table = write.create_table_with::<Entry>("entries", &options).unwrap();
    if has_index {
        table.create_index("by_value", &["value"]).unwrap();
    }
    table.load(model.iter().map(|(key, value)| entry((*key, *value)))).unwrap();
    write.commit().unwrap();
    for round in 0..12 {
        let before = db.read().unwrap();
        let was: Vec<Entry> =
            before.table::<Entry>("entries").unwrap().iter().copied().map(Result::unwrap).collect();
        let write = db.write().unwrap();
        let mut table = write.table::<Entry>("entries").unwrap();
        for _ in 0..3 {
            let keys = |random: &mut Random, most: usize| -> Vec<(u16, u32)> {
                let count = 1 + random.below(most);
                (0..count)
                    .map(|_| (random.below(60) as u16, random.below(rows as usize / 40) as u32))
                    .collect()
            };
            let most = [3, 300, 5_000][random.below(3)];
            let group = random.below(55) as u16;
            match random.below(9) {
                0 => {
                    let keys = keys(&mut random, most);
                    let gone = keys.iter().filter(|key| model.remove(key).is_some()).count();
                    assert_eq!(table.remove_many(&keys).unwrap(), gone as u64);
                }
                1 => {
                    let range = (group, random.below(100) as u32)..(group + random.below(9) as u16, 50);
                    let kept = model.len();
                    if range.start < range.end {
                        model.retain(|key, _| !range.contains(key));
                    }
                    assert_eq!(table.remove_range(range).unwrap(), (kept - model.len()) as u64);
                }
                2 => {
                    let kept = model.len();
                    model.retain(|key, _| key.0 != group);
                    assert_eq!(table.remove_prefix((group,)).unwrap(), (kept - model.len()) as u64);
                }
                3 => {
                    let (modulus, rest) = (2 + random.below(50) as u32, random.below(3) as u32);
                    let kept = model.len();
                    model.retain(|_, value| *value % modulus != rest);
                    let removed = table.retain(|row| row.value % modulus != rest).unwrap();
                    assert_eq!(removed, (kept - model.len()) as u64);
                }
                4 => {
                    let rows: Model = keys(&mut random, most).into_iter().map(|key| (key, 7)).collect();
                    let new = rows.keys().filter(|key| !model.contains_key(key)).count();
                    assert_eq!(table.upsert_many(rows.clone().into_iter().map(entry)).unwrap(), new as u64);
                    model.extend(rows);
                }
                5 => {
                    let rows: Model = keys(&mut random, most).into_iter().map(|key| (key, 8)).collect();
                    let inserted = table.insert_many(rows.clone().into_iter().map(entry));
                    if rows.keys().any(|key| model.contains_key(key)) {
                        assert_eq!(inserted.unwrap_err().kind(), ErrorKind::KeyExists);
                    } else {
                        assert_eq!(inserted.unwrap(), rows.len() as u64);
                        model.extend(rows);
                    }
                }
                6 => {
                    let changes: Vec<((u16, u32), u32)> =
                        keys(&mut random, most).into_iter().zip(100..).collect();
                    let mut changed = 0;
                    for (key, by) in &changes {
                        if let Some(value) = model.get_mut(key) {
                            *value = value.wrapping_add(*by) % 1000;
                            changed += 1;
                        }
                    }
                    let change = |row: &mut Entry, by: &u32| row.value = row.value.wrapping_add(*by) % 1000;
                    assert_eq!(table.update_many(&changes, change).unwrap(), changed);
                }
                7 => {
                    let kept = model.len();
                    model.retain(|key, value| !(key.0 <= group && *value >= 500));
                    let predicate = format!("group <= {group} and value >= 500").parse().unwrap();
                    assert_eq!(table.delete_where(predicate).unwrap(), (kept - model.len()) as u64);
                }
                _ => {
                    let mut changed = 0;
                    for value in model.values_mut().filter(|value| **value < 20) {
                        *value += 900;
                        changed += 1;
                    }
                    let predicate = "value < 20".parse().unwrap();
                    assert_eq!(table.update_where(predicate, |row| row.value += 900).unwrap(), changed);
                }
            }
            assert_same(&table, &model);
        }
        write.commit().unwrap();
        let is = before.table::<Entry>("entries").unwrap().iter().copied().map(Result::unwrap);
        assert!(is.eq(was), "the snapshot changed in round {round}");
        drop(before);
        assert_sound(&db);
    }
}

#[test]
fn batches_do_what_single_calls_do() {
    for seed in 1..=4 {
        for has_index in [false, true] {
            run(seed, 20_000, has_index, 64 << 20);
            run(seed + 10, 3_000, has_index, 1 << 20);
        }
    }
}

#[test]
fn rows_by_number_are_retained_in_their_order() {
    for (rows, has_index) in [(10_000, false), (10_000, true), (200_000, true)] {
        let db = Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let mut table = write.create_table::<Number>("numbers").unwrap();
        if has_index {
            table.create_index("by_value", &["value"]).unwrap();
        }
        let mut model: Vec<Number> = (0..rows)
            .map(|n: u32| Number { value: n.wrapping_mul(2_654_435_761) % 5_000, other: n })
            .collect();
        table.extend(model.iter().copied()).unwrap();
        // Many, few near the end, one near the front, none, and by a predicate.
        let ends = [rows - 50, rows - 10];
        type Keep = Box<dyn Fn(&Number) -> bool>;
        let keeps: [Keep; 4] = [
            Box::new(|row| !row.value.is_multiple_of(3)),
            Box::new(move |row| row.other < ends[0] || row.other > ends[1]),
            Box::new(|row| row.other != 4),
            Box::new(|_| true),
        ];
        for keep in keeps {
            let before = model.len();
            model.retain(&keep);
            assert_eq!(table.retain(&keep).unwrap(), (before - model.len()) as u64);
        }
        let before = model.len();
        model.retain(|row| row.value >= 4_000);
        assert_eq!(
            table.delete_where("value < 4000".parse().unwrap()).unwrap(),
            (before - model.len()) as u64
        );
        assert!(table.iter().copied().map(Result::unwrap).eq(model.iter().copied()));
        if has_index {
            let index = table.index("by_value").unwrap();
            let mut sorted = model.clone();
            sorted.sort_by_key(|row| row.value);
            assert!(index.iter().map(|row| *row.unwrap()).eq(sorted));
        }
        write.commit().unwrap();
        assert_sound(&db);
    }
}

#[test]
fn a_range_that_is_all_leaves_an_empty_table() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_table::<Entry>("entries").unwrap();
    table.create_index("by_value", &["value"]).unwrap();
    for rows in [1, 5, 5_000] {
        table.load((0..rows).map(|id| Entry { group: 1, id, value: id })).unwrap();
        assert_eq!(table.remove_range(..).unwrap(), u64::from(rows));
        assert_eq!((table.len(), table.index("by_value").unwrap().len()), (0, 0));
        assert_eq!(table.remove_range(..).unwrap(), 0);
    }
    assert_eq!(table.remove_many(&[]).unwrap(), 0);
    write.commit().unwrap();
    assert_sound(&db);
}

#[test]
fn a_small_branch_is_not_merged_with_one_that_became_empty() {
    #[derive(Clone, Copy, Record)]
    #[repr(C)]
    struct Wide {
        #[record(key)]
        key: [u8; 256],
    }
    // 16 rows in a leaf and 14 children in a branch, so 3,000 rows have three levels.
    let wide = |n: u16| {
        let mut key = [0; 256];
        key[..2].copy_from_slice(&n.to_be_bytes());
        Wide { key }
    };
    for end in 224..900 {
        let db = Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let options = TableOptions::new().leaf_rows(16);
        let mut table = write.create_table_with::<Wide>("wide", &options).unwrap();
        table.load((0..3_000).map(wide)).unwrap();
        table.remove_range(wide(100).key..wide(end).key).unwrap();
        assert_eq!(table.len(), 3_100 - u64::from(end));
        write.commit().unwrap();
        assert_sound(&db);
    }
}

#[test]
fn an_error_or_a_unique_index_takes_a_batch_back() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_table::<Entry>("entries").unwrap();
    table.create_index_with("by_value", &["value"], &IndexOptions::new().unique(true)).unwrap();
    let rows: Vec<Entry> = (0..100).map(|id| Entry { group: id as u16 % 3, id, value: 10 * id }).collect();
    table.load(rows.iter().copied()).unwrap();
    let sorted: Vec<Entry> = table.iter().copied().map(Result::unwrap).collect();
    let same = |table: &TableMut<'_, Entry>| {
        assert!(table.iter().copied().map(Result::unwrap).eq(sorted.iter().copied()));
        assert_eq!(table.index("by_value").unwrap().get(990_u32).unwrap(), Some(&rows[99]));
    };
    let error = table.update_where("id >= 50".parse().unwrap(), |row| row.value = 7).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyExists);
    same(&table);
    let stop = |row: &mut Entry| {
        row.value += 1;
        if row.id == 60 { Err(Error::new(ErrorKind::Value, "not this one")) } else { Ok(()) }
    };
    assert!(table.update_where("id >= 50".parse().unwrap(), stop).is_err());
    same(&table);
    let changes: Vec<((u16, u32), u32)> = (0..100).map(|id| ((id as u16 % 3, id), id)).collect();
    let error = table
        .update_many(&changes, |row, id| {
            row.value += 1;
            if *id == 60 { Err(Error::new(ErrorKind::Value, "not this one")) } else { Ok(()) }
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "table \"entries\": not this one");
    same(&table);
    // Values that move from row to row, and back.
    assert_eq!(table.update_where("id < 50".parse().unwrap(), |row| row.value += 10_000).unwrap(), 50);
    assert_eq!(table.update_where("id < 50".parse().unwrap(), |row| row.value -= 10_000).unwrap(), 50);
    same(&table);
    let twice = [Entry { group: 9, id: 1, value: 77_777 }, Entry { group: 9, id: 2, value: 77_777 }];
    assert_eq!(table.insert_many(twice).unwrap_err().kind(), ErrorKind::KeyExists);
    same(&table);
    write.commit().unwrap();
    assert_sound(&db);
}

#[test]
fn a_panic_in_retain_leaves_the_table_and_one_in_an_update_forbids_the_commit() {
    let db = Database::in_memory().unwrap();
    let rows = (0..5_000).map(|id| Entry { group: 1, id, value: id });
    db.update(|tx| tx.create_table::<Entry>("entries")?.load(rows.clone())).unwrap();
    let write = db.write().unwrap();
    let mut table = write.table::<Entry>("entries").unwrap();
    let panicked =
        catch_unwind(AssertUnwindSafe(|| table.retain(|row| if row.id == 3_000 { panic!() } else { false })));
    assert!(panicked.is_err());
    assert!(table.iter().copied().map(Result::unwrap).eq(rows.clone()));
    write.commit().unwrap();

    let write = db.write().unwrap();
    let mut table = write.table::<Entry>("entries").unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        table.update_where(
            "value > 10".parse().unwrap(),
            |row| if row.id == 99 { panic!() } else { row.value = 0 },
        )
    }));
    assert!(panicked.is_err());
    assert_eq!(write.commit().unwrap_err().kind(), ErrorKind::Usage);
    let read = db.read().unwrap();
    assert!(read.table::<Entry>("entries").unwrap().iter().copied().map(Result::unwrap).eq(rows));
}

#[test]
fn tables_of_unknown_schema_have_the_same_calls() {
    let schema: Schema = "carrier: str[2] key, flight: u16 key, delay: i16?".parse().unwrap();
    let row = |carrier: &str, flight: u16, delay: i16| {
        let values = [Value::from(carrier), flight.into(), delay.into()];
        RowBuf::from_values(&schema, values).unwrap()
    };
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut flights = write.create_dyn_table("flights", &schema).unwrap();
    let rows = || (0..300).map(|n: u16| row(["AA", "UA", "VX"][usize::from(n % 3)], n, n as i16));
    assert_eq!(flights.insert_many(rows()).unwrap(), 300);
    assert_eq!(flights.upsert_many([row("UA", 1, 5), row("UA", 999, 6)]).unwrap(), 1);
    let (aa, ua, key) = ([Value::from("AA")], [Value::from("UA")], [Value::from("UA"), Value::from(999)]);
    assert!(flights.contains(&key).unwrap());
    assert_eq!(flights.remove_many(&[&key, &key]).unwrap(), 1);
    assert_eq!(flights.remove_prefix(&aa).unwrap(), 100);
    assert_eq!(
        flights
            .update_many(&[(&[Value::from("UA"), Value::from(1)][..], 3_i16)], |row, delay| row
                .set("delay", *delay))
            .unwrap(),
        1
    );
    assert_eq!(flights.get(&[Value::from("UA"), Value::from(1)]).unwrap().unwrap().get("delay").unwrap(), 3);
    assert_eq!(flights.remove_range(..=&ua[..]).unwrap(), 100);
    assert_eq!(flights.retain(|row| row.get("flight").unwrap().as_u64().unwrap() % 2 == 0).unwrap(), 50);
    assert!(flights.replace(&row("VX", 2, 77)).unwrap() && !flights.replace(&row("ZZ", 2, 77)).unwrap());
    assert_eq!(flights.delete_where("delay > 70".parse().unwrap()).unwrap(), 39);
    // A key must be whole, and what is for rows by number is refused.
    assert_eq!(flights.remove_many(&[&ua]).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(flights.push(&row("VX", 1, 1)).unwrap_err().kind(), ErrorKind::Usage);
    write.commit().unwrap();
    assert_sound(&db);

    let write = db.write().unwrap();
    let plain: Schema = "x: u32".parse().unwrap();
    let mut numbers = write.create_dyn_table("numbers", &plain).unwrap();
    numbers.extend((0..10_u32).map(|x| RowBuf::from_values(&plain, [x]).unwrap())).unwrap();
    for error in [
        numbers.insert(&numbers.new_row()).unwrap_err(),
        numbers.remove_range(..).unwrap_err(),
        numbers.insert_many([numbers.new_row()]).unwrap_err(),
        numbers.remove(&[Value::from(1)]).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains("has no key"), "{error}");
    }
    assert_eq!(write.table::<Dyn>("numbers").unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(numbers.retain(|row| row.get(0).unwrap() != 3).unwrap(), 1);
    assert_eq!(numbers.get(&[Value::from(3)]).unwrap().unwrap().get("x").unwrap(), 4);
}

#[test]
fn rows_that_lie_side_by_side_are_one_slice() {
    let db = Database::in_memory().unwrap();
    db.update(|tx| {
        let options = TableOptions::new().leaf_rows(512);
        tx.create_table_with::<Number>("numbers", &options)?
            .load((0..5_000).map(|n| Number { value: n, other: 1 }))
    })
    .unwrap();
    let read = db.read().unwrap();
    let numbers = read.table::<Number>("numbers").unwrap();
    let some = numbers.range(100..3_000).unwrap();
    let slice = some.as_slice().unwrap().unwrap();
    assert_eq!((slice.len(), slice[0].value, slice[2_899].value), (2_900, 100, 2_999));
    assert_eq!(numbers.range(7..7).unwrap().as_slice().unwrap(), Some(&[][..]));
    drop(read);
    // A leaf that was written again lies elsewhere; what is within one leaf is a slice in any case.
    db.update(|tx| tx.table::<Number>("numbers")?.update(600, |row| row.other = 2)).unwrap();
    let read = db.read().unwrap();
    let numbers = read.table::<Number>("numbers").unwrap();
    assert!(numbers.as_slice().unwrap().is_none());
    assert!(numbers.range(100..3_000).unwrap().as_slice().unwrap().is_none());
    assert_eq!(
        numbers.range(600..650).unwrap().as_slice().unwrap().unwrap()[0],
        Number { value: 600, other: 2 }
    );
    let mut rows = numbers.range(100..3_000).unwrap();
    assert_eq!((rows.next().unwrap().unwrap().value, rows.next_back().unwrap().unwrap().value), (100, 2_999));
    assert_eq!(rows.numbers(), 101..2_999);
    // Also in the transaction that wrote it.
    let write = db.write().unwrap();
    let mut numbers = write.table::<Number>("numbers").unwrap();
    numbers.update(3, |row| row.other = 5).unwrap();
    assert_eq!(numbers.range(0..10).unwrap().as_slice().unwrap().unwrap()[3], Number { value: 3, other: 5 });
    assert!(numbers.range(0..600).unwrap().as_slice().unwrap().is_none());
}
