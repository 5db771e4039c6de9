//! A database beside a model of it: what one does, the other does, and at every commit they are
//! compared with each other.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use drystone::{
    Database, Durability, ErrorKind, LoadOptions, OnDuplicate, ReadTransaction, Result, TableOptions, Text,
    WriteTransaction,
};

use crate::Bytes;
use crate::place::open;
use crate::sample::{Pair, Point, Wide};

/// The most rows of a table.
const ROWS: usize = 40_000;

type WideKey = (i16, u16);

/// What the database should hold.
#[derive(Clone, Default)]
struct State {
    pairs: BTreeMap<u64, u64>,
    wide: BTreeMap<WideKey, u32>,
    points: Vec<[i32; 3]>,
}

/// A run of operations.
pub struct Run {
    path: PathBuf,
    db: Option<Database>,
    write: Option<WriteTransaction>,
    committed: State,
    working: State,
    held: Vec<(ReadTransaction, State)>,
}

fn wide_row(key: WideKey, value: u32) -> Wide {
    Wide { group: key.0, name: wide_name(key), value }
}

/// Numbers with leading zeros, so that the order of the texts is that of the numbers.
fn wide_name(key: WideKey) -> Text<250> {
    format!("{:05}", key.1).parse().expect("five digits fit")
}

fn wide_key(row: &Wide) -> WideKey {
    (row.group, row.name.to_str().expect("what was stored is text").parse().expect("and a number"))
}

fn point([x, y, z]: [i32; 3]) -> Point {
    Point { x, y, z }
}

impl Run {
    pub fn new(path: &Path) -> Run {
        let _ = std::fs::remove_file(path);
        let db = open(path).expect("a new database opens");
        let write = db.write().expect("a new database can be written");
        create(&write).expect("tables can be made");
        write.commit().expect("the tables can be committed");
        let (committed, working) = (State::default(), State::default());
        Run { path: path.to_owned(), db: Some(db), write: None, committed, working, held: Vec::new() }
    }

    /// Does one thing that the input says.
    pub fn step(&mut self, input: &mut Bytes<'_>) {
        match input.u8() % 32 {
            0..7 => self.pairs(input).expect("pairs"),
            7..14 => self.wide(input).expect("wide"),
            14..23 => self.points(input).expect("points"),
            23 | 24 => self.commit(input.u8()),
            25 => self.abort(),
            26 => self.reopen(),
            27 => self.hold(),
            28 => self.let_go(input.u8()),
            29 => self.writer().set_memory_bytes(usize::from(input.u16()) * 64),
            30 => self.recreate(input.u8()).expect("tables can be dropped and made"),
            // A sync waits for the writer.
            _ if self.write.is_some() => {}
            _ => self.db().sync().expect("the database can be synced"),
        }
    }

    /// The end of a run: all is committed, opened again, compared and checked.
    pub fn finish(mut self) {
        self.commit(0);
        self.reopen();
        let report = self.db().check().expect("the database can be checked");
        assert!(report.is_sound(), "{:?}", report.problems);
        for (read, state) in &self.held {
            compare(read, state).expect("a snapshot that is held can be read");
        }
        self.held.clear();
    }

    fn db(&self) -> &Database {
        self.db.as_ref().expect("the database is open")
    }

    fn writer(&mut self) -> &mut WriteTransaction {
        if self.write.is_none() {
            self.write = Some(self.db().write().expect("nobody else writes"));
        }
        self.write.as_mut().expect("it was just begun")
    }

    fn commit(&mut self, how: u8) {
        if let Some(mut write) = self.write.take() {
            if how & 1 != 0 {
                write.set_durability(Durability::Eventual);
            }
            write.commit().expect("what was changed can be committed");
            self.committed = self.working.clone();
        }
        let read = self.db().read().expect("the database can be read");
        compare(&read, &self.committed).expect("the commit can be read");
    }

    fn abort(&mut self) {
        self.write = None;
        self.working = self.committed.clone();
    }

    fn reopen(&mut self) {
        self.abort();
        self.db = None;
        self.db = Some(open(&self.path).expect("the database opens again"));
        let read = self.db().read().expect("the database can be read");
        compare(&read, &self.committed).expect("what was committed can be read");
    }

    fn hold(&mut self) {
        if self.held.len() < 3 {
            let read = self.db().read().expect("the database can be read");
            self.held.push((read, self.committed.clone()));
        }
    }

    fn let_go(&mut self, which: u8) {
        if !self.held.is_empty() {
            let (read, state) = self.held.swap_remove(usize::from(which) % self.held.len());
            compare(&read, &state).expect("a snapshot that is held can be read");
        }
    }

    fn recreate(&mut self, which: u8) -> Result<()> {
        let write = self.writer();
        let name = ["pairs", "wide", "points"][usize::from(which) % 3];
        write.rename_table(name, "old")?;
        write.drop_table("old")?;
        create_one(write, name)?;
        match name {
            "pairs" => self.working.pairs.clear(),
            "wide" => self.working.wide.clear(),
            _ => self.working.points.clear(),
        }
        Ok(())
    }

    fn pairs(&mut self, input: &mut Bytes<'_>) -> Result<()> {
        self.writer();
        let Some(write) = &self.write else { return Ok(()) };
        let model = &mut self.working.pairs;
        let mut table = write.table::<Pair>("pairs")?;
        let how = input.u8();
        // Near each other, or anywhere.
        let id = if how & 0x80 == 0 { input.u16().into() } else { input.u64() };
        let value = input.u32().into();
        match how % 11 {
            0 => match table.insert(&Pair { id, value }) {
                Ok(()) => assert_eq!(model.insert(id, value), None),
                Err(error) => assert!(error.kind() == ErrorKind::KeyExists && model.contains_key(&id)),
            },
            1 => {
                let existed = table.upsert(&Pair { id, value })?;
                assert_eq!(existed, model.insert(id, value).is_some());
            }
            2 => {
                let removed = table.remove(id)?;
                assert_eq!(removed.map(|pair| pair.value), model.remove(&id));
            }
            3 => {
                let done = table.update(id, |pair| pair.value = value)?;
                assert_eq!(done.is_some(), model.get_mut(&id).map(|old| *old = value).is_some());
            }
            4 => {
                let (count, step) = (u64::from(input.u16() % 3000), u64::from(input.u8()));
                for id in (0..count).map(|i| id.wrapping_add(i * step)).take(ROWS - model.len().min(ROWS)) {
                    assert_eq!(table.upsert(&Pair { id, value })?, model.insert(id, value).is_some());
                }
            }
            5 => {
                let ids: Vec<u64> = model.range(id..).take(input.u16().into()).map(|(id, _)| *id).collect();
                for id in ids {
                    assert_eq!(table.remove(id)?.map(|pair| pair.value), model.remove(&id));
                }
            }
            6 => {
                let to = id.saturating_add(input.u16().into());
                let rows: Vec<Pair> =
                    table.range(id..to)?.rev().map(|row| row.copied()).collect::<Result<_>>()?;
                let expected: Vec<Pair> =
                    model.range(id..to).rev().map(|(&id, &value)| Pair { id, value }).collect();
                assert_eq!(rows, expected);
                assert_eq!(table.as_table().rank(id)?, model.range(..id).count() as u64);
            }
            7 => {
                let found = table.get(id)?.map(|pair| pair.value);
                assert_eq!(found, model.get(&id).copied());
            }
            8 | 9 => {
                let on_duplicate =
                    [OnDuplicate::Error, OnDuplicate::First, OnDuplicate::Last][usize::from(input.u8()) % 3];
                let replace = input.u8() % 4 == 0;
                // Up to more than a sorter of 1 MiB holds.
                let (count, step) = (usize::from(input.u16() % 24_000), u64::from(input.u16()) | 1);
                let step = if how % 11 == 8 { step } else { step.wrapping_neg() };
                let rows: Vec<Pair> = (0..count as u64)
                    .map(|i| Pair { id: id.wrapping_add(i.wrapping_mul(step)) % 50_000, value: value + i })
                    .take(ROWS - model.len().min(ROWS))
                    .collect();
                let options = LoadOptions::new().on_duplicate(on_duplicate).replace(replace).memory_bytes(0);
                let mut after = if replace { BTreeMap::new() } else { model.clone() };
                let mut twice = false;
                for row in &rows {
                    let existed = after.contains_key(&row.id);
                    twice |= existed;
                    if !existed || on_duplicate == OnDuplicate::Last {
                        after.insert(row.id, row.value);
                    }
                }
                match table.load_with(rows.iter().copied(), &options) {
                    Ok(report) => {
                        assert!(on_duplicate != OnDuplicate::Error || !twice, "a duplicate was not seen");
                        assert_eq!((report.read, report.rows), (rows.len() as u64, after.len() as u64));
                        *model = after;
                    }
                    Err(error) => {
                        assert!(
                            error.kind() == ErrorKind::KeyExists
                                && on_duplicate == OnDuplicate::Error
                                && twice,
                            "{error}"
                        );
                    }
                }
            }
            _ => {
                if value % 7 == 0 {
                    table.clear()?;
                    model.clear();
                }
            }
        }
        assert_eq!(table.len(), model.len() as u64);
        Ok(())
    }

    fn wide(&mut self, input: &mut Bytes<'_>) -> Result<()> {
        self.writer();
        let Some(write) = &self.write else { return Ok(()) };
        let model = &mut self.working.wide;
        let mut table = write.table::<Wide>("wide")?;
        let how = input.u8();
        let key = ((input.u8() as i8 / 32).into(), input.u16());
        let value = input.u8().into();
        match how % 7 {
            0 => assert_eq!(table.upsert(&wide_row(key, value))?, model.insert(key, value).is_some()),
            1 => assert_eq!(table.remove((key.0, wide_name(key)))?.map(|row| row.value), model.remove(&key)),
            2 | 3 => {
                // With a step that leaves gaps, up to a tree of three levels of branches.
                let (count, step) = (input.u8().into(), u16::from(input.u8()) | 1);
                for i in 0..count {
                    let key = (key.0, key.1.wrapping_add(step.wrapping_mul(i)));
                    assert_eq!(table.upsert(&wide_row(key, value))?, model.insert(key, value).is_some());
                }
            }
            4 => {
                let keys: Vec<WideKey> =
                    model.range(key..).take(input.u8().into()).map(|(key, _)| *key).collect();
                for key in keys {
                    let removed = table.remove((key.0, wide_name(key)))?;
                    assert_eq!(removed.map(|row| row.value), model.remove(&key));
                }
            }
            5 => {
                let rows = table.prefix((key.0,))?;
                let expected = model.range((key.0, 0)..=(key.0, u16::MAX));
                assert_eq!(rows.len(), expected.clone().count() as u64);
                for (row, (key, value)) in rows.zip(expected) {
                    assert_eq!(row?, &wide_row(*key, *value));
                }
            }
            _ => {
                let other = (key.0, key.1.saturating_add(500));
                let bounds = (Bound::Excluded(key), Bound::Included(other));
                let keys =
                    (Bound::Excluded((key.0, wide_name(key))), Bound::Included((key.0, wide_name(other))));
                assert_eq!(table.range(keys)?.len(), model.range(bounds).count() as u64);
            }
        }
        assert_eq!(table.len(), model.len() as u64);
        Ok(())
    }

    fn points(&mut self, input: &mut Bytes<'_>) -> Result<()> {
        self.writer();
        let Some(write) = &self.write else { return Ok(()) };
        let model = &mut self.working.points;
        let mut table = write.table::<Point>("points")?;
        let how = input.u8();
        let at = usize::from(input.u16()) % (model.len() + 1);
        let row = [input.u8().into(), how.into(), at as i32];
        let room = ROWS - model.len().min(ROWS);
        match how % 9 {
            0 => {
                assert_eq!(table.push(&point(row))?, model.len() as u64);
                model.push(row);
            }
            1 => match table.set(at as u64, &point(row)) {
                Ok(()) => model[at] = row,
                Err(error) => assert!(error.kind() == ErrorKind::OutOfRange && at == model.len()),
            },
            2 | 3 => {
                let rows = (0..i32::from(input.u16()) % 10_000).map(|i| [row[0], i, at as i32]);
                let rows: Vec<[i32; 3]> = rows.take(room).collect();
                if how % 9 == 2 {
                    table.extend(rows.iter().copied().map(point))?;
                } else {
                    table.load(rows.iter().copied().map(point))?;
                }
                model.extend(rows);
            }
            4 => {
                table.truncate(at as u64)?;
                model.truncate(at);
            }
            5 => match table.swap_remove(at as u64) {
                Ok(removed) => assert_eq!(removed, point(model.swap_remove(at))),
                Err(error) => assert!(error.kind() == ErrorKind::OutOfRange && at == model.len()),
            },
            6 => {
                assert_eq!(table.pop()?, model.pop().map(point));
            }
            7 => {
                let rows: Vec<[i32; 3]> =
                    (0..i32::from(input.u16()) % 10_000).map(|i| [i, row[0], 0]).collect();
                table.load_with(rows.iter().copied().map(point), &LoadOptions::new().replace(true))?;
                *model = rows;
            }
            _ => {
                let to = at + usize::from(input.u16());
                let rows = table.range(at as u64..to as u64)?;
                let expected = &model[at..to.min(model.len())];
                assert_eq!(rows.len(), expected.len() as u64);
                for (found, expected) in rows.zip(expected) {
                    assert_eq!(found?, &point(*expected));
                }
            }
        }
        assert_eq!(table.len(), model.len() as u64);
        Ok(())
    }
}

fn create(write: &WriteTransaction) -> Result<()> {
    ["pairs", "wide", "points"].into_iter().try_for_each(|name| create_one(write, name))
}

/// With leaves as small as can be.
fn create_one(write: &WriteTransaction, name: &str) -> Result<()> {
    let leaves = |rows| TableOptions::new().leaf_rows(rows);
    match name {
        "pairs" => write.create_table_with::<Pair>(name, &leaves(256)).map(drop),
        "wide" => write.create_table_with::<Wide>(name, &leaves(16)).map(drop),
        _ => write.create_table_with::<Point>(name, &leaves(512)).map(drop),
    }
}

/// Every row, and the places of some.
fn compare(read: &ReadTransaction, state: &State) -> Result<()> {
    let pairs = read.table::<Pair>("pairs")?;
    assert_eq!(pairs.len(), state.pairs.len() as u64);
    for (row, (&id, &value)) in pairs.iter().zip(&state.pairs) {
        assert_eq!(row?, &Pair { id, value });
    }
    for (rank, (id, _)) in state.pairs.iter().enumerate().step_by(state.pairs.len() / 8 + 1) {
        assert_eq!(pairs.rank(*id)?, rank as u64);
        assert_eq!(pairs.select(rank as u64)?.map(|pair| pair.id), Some(*id));
        assert!(pairs.contains(*id)?);
    }
    let wide = read.table::<Wide>("wide")?;
    assert_eq!(wide.len(), state.wide.len() as u64);
    for (row, (key, value)) in wide.iter().zip(&state.wide) {
        let row = row?;
        assert_eq!((wide_key(row), row.value), (*key, *value));
    }
    for (key, value) in state.wide.iter().step_by(state.wide.len() / 8 + 1) {
        assert_eq!(wide.get((key.0, wide_name(*key)))?.map(|row| row.value), Some(*value));
    }
    let points = read.table::<Point>("points")?;
    assert_eq!(points.len(), state.points.len() as u64);
    for (row, expected) in points.iter().zip(&state.points) {
        assert_eq!(row?, &point(*expected));
    }
    if let Some(slice) = points.as_slice()? {
        assert_eq!(slice.len(), state.points.len());
        assert!(slice.iter().zip(&state.points).all(|(row, expected)| *row == point(*expected)));
    }
    Ok(())
}
