//! Runs operations on a database and on its model, and compares what they say.

use std::collections::{BTreeMap, VecDeque};

use drystone::{
    Database, Dyn, Error, ErrorKind, FieldDef, LoadOptions, OnDuplicate, ReadTransaction, RecordSource,
    Result, Row, RowBuf, TableMut, TableOptions, Type, Value, WriteTransaction,
};

use super::indexes::{self, ModelIndex, NO_KEY};
use super::keys::{self, ModelKey};
use super::ops::{End, KEYS, Load, Op, Round};
use super::tables::{ModelTable, Rows};
use crate::temp::{TempDb, assert_sound};

type Tables = BTreeMap<String, ModelTable>;

/// A database, what it should hold, and the snapshots that must not change.
pub(super) struct World<'t> {
    temp: Option<&'t TempDb>,
    db: Option<Database>,
    tables: Tables,
    held: VecDeque<(ReadTransaction, Tables)>,
}

impl<'t> World<'t> {
    pub(super) fn in_file(temp: &'t TempDb) -> World<'t> {
        World { temp: Some(temp), db: Some(temp.open()), tables: Tables::new(), held: VecDeque::new() }
    }

    pub(super) fn in_memory(db: Database) -> World<'t> {
        World { temp: None, db: Some(db), tables: Tables::new(), held: VecDeque::new() }
    }

    fn db(&self) -> &Database {
        self.db.as_ref().unwrap()
    }

    /// Makes a table and commits it.
    pub(super) fn create(&mut self, name: &str, kind: usize) {
        let write = self.db().write().unwrap();
        create(&write, &mut self.tables, name, kind);
        write.commit().unwrap();
    }

    /// A transaction of these operations, and all that is seen after it.
    pub(super) fn round(&mut self, round: &Round) {
        let mut tables = self.tables.clone();
        let mut write = self.db().write().unwrap();
        write.set_memory_bytes(round.memory_bytes);
        write.set_durability(round.durability);
        for op in &round.ops {
            run(&write, &mut tables, op);
        }
        assert_eq!(write.table_names().unwrap(), tables.keys().cloned().collect::<Vec<_>>());
        if round.end == End::Abort {
            drop(write);
        } else {
            write.commit().unwrap();
            self.tables = tables;
        }
        if round.end == End::CommitAndReopen && self.temp.is_some() {
            // A snapshot keeps its part of the database open; the new handle must go along with it.
            self.db = None;
            self.db = self.temp.map(TempDb::open);
        }
        if round.let_go
            && let Some((read, tables)) = self.held.pop_front()
        {
            assert_same(&read, &tables);
        }
        let read = self.db().read().unwrap();
        assert_same(&read, &self.tables);
        if round.hold && self.held.len() < 3 {
            self.held.push_back((read, self.tables.clone()));
        }
        assert_sound(self.db());
    }

    /// Checks that each held snapshot is unchanged, and that the committed state is there when the
    /// file is opened again.
    pub(super) fn finish(mut self) {
        for (read, tables) in &self.held {
            assert_same(read, tables);
        }
        self.held.clear();
        if let Some(temp) = self.temp {
            self.db = None;
            self.db = Some(temp.open());
        }
        assert_same(&self.db().read().unwrap(), &self.tables);
        // The first write walks all that is there.
        self.db().write().unwrap().commit().unwrap();
        assert_sound(self.db());
    }
}

fn assert_same(read: &ReadTransaction, tables: &Tables) {
    assert_eq!(read.table_names().unwrap(), tables.keys().cloned().collect::<Vec<_>>());
    for (name, table) in tables {
        table.assert_same(&read.table::<Dyn>(name).unwrap());
        let stats = read.table::<Dyn>(name).unwrap().stats().unwrap();
        assert_eq!(stats.rows, table.len() as u64);
        assert_eq!(stats.leaf_bytes, stats.rows * stats.width as u64);
    }
}

fn create(write: &WriteTransaction, tables: &mut Tables, name: &str, kind: usize) {
    let options = TableOptions::new().leaf_rows(keys::leaf_rows(kind));
    let made = write.create_dyn_table_with(name, &keys::schema(kind), &options);
    if tables.contains_key(name) {
        assert_eq!(made.unwrap_err().kind(), ErrorKind::AlreadyExists);
    } else {
        assert!(made.unwrap().is_empty());
        tables.insert(name.into(), ModelTable::new(kind));
    }
}

/// An operation on the database, or on its first table.
fn run(write: &WriteTransaction, tables: &mut Tables, op: &Op) {
    let missing = |kind| assert_eq!(kind, ErrorKind::TableNotFound);
    match op {
        Op::Create { name, kind } => create(write, tables, &table_name(*name), *kind),
        Op::Drop { name } => {
            let name = table_name(*name);
            match (write.drop_table(&name), tables.remove(&name)) {
                (Err(error), None) => missing(error.kind()),
                (dropped, _) => dropped.unwrap(),
            }
        }
        Op::Rename { name, to } => {
            let (name, to) = (table_name(*name), table_name(*to));
            let renamed = write.rename_table(&name, &to);
            if !tables.contains_key(&name) {
                missing(renamed.unwrap_err().kind());
            } else if tables.contains_key(&to) {
                assert_eq!(renamed.unwrap_err().kind(), ErrorKind::AlreadyExists);
            } else if let Some(table) = tables.remove(&name) {
                renamed.unwrap();
                tables.insert(to, table);
            }
        }
        Op::AppendField { name, nullable } => append_field(write, tables, &table_name(*name), *nullable),
        Op::Other { name, op } => run_on_nth(write, tables, usize::from(*name), op),
        op => run_on_nth(write, tables, 0, op),
    }
}

fn run_on_nth(write: &WriteTransaction, tables: &mut Tables, nth: usize, op: &Op) {
    let Some(name) = tables.keys().nth(nth).cloned() else { return };
    if let Op::CreateIndex { which, unique } = *op {
        return indexes::create(write, tables, &name, ModelIndex { which, unique });
    }
    let Some(table) = tables.get_mut(&name) else { return };
    match op {
        Op::DropIndex { which } => indexes::drop(write, table, &name, *which),
        op => run_on(&mut write.table::<Dyn>(&name).unwrap(), table, op),
    }
}

fn table_name(name: u8) -> String {
    format!("table {name}")
}

fn append_field(write: &WriteTransaction, tables: &mut Tables, name: &str, nullable: bool) {
    let field_name = format!("f{}", tables.get(name).map_or(0, |table| table.schema.fields().len()));
    let mut field = FieldDef::new(&field_name, Type::I32).unwrap();
    if nullable {
        field = field.nullable().unwrap();
    }
    if !nullable {
        field = field.default_bytes(&7_i32.to_le_bytes()).unwrap();
    }
    let appended = write.append_field(name, field.clone());
    let Some(table) = tables.get_mut(name) else {
        assert_eq!(appended.unwrap_err().kind(), ErrorKind::TableNotFound);
        return;
    };
    appended.unwrap();
    table.schema = table.schema.append(field.clone()).unwrap();
    let fill = field.default().or(field.null()).unwrap();
    match &mut table.rows {
        Rows::Keyed(rows) => rows.values_mut().for_each(|row| row.extend_from_slice(fill)),
        Rows::Numbered(rows) => rows.iter_mut().for_each(|row| row.extend_from_slice(fill)),
    }
}

/// An operation on a table. Operations that the other kind of table has are left out.
fn run_on(table: &mut TableMut<'_, Dyn>, model: &mut ModelTable, op: &Op) {
    match op {
        Op::Clear => {
            table.clear().unwrap();
            model.clear();
        }
        Op::LookUp { n } => model.assert_look_up(&table.as_table(), *n),
        Op::Range { from, to, fields } => {
            model.assert_range(&table.as_table(), *from, *to, *fields);
            model.assert_prefix(&table.as_table(), *from, *fields);
        }
        Op::Compare => model.assert_same(&table.as_table()),
        Op::Load(load) => run_load(table, model, load),
        op => match &model.rows {
            Rows::Keyed(_) => run_on_keyed(table, model, op),
            Rows::Numbered(_) => run_on_numbered(table, model, op),
        },
    }
    assert_eq!(table.len(), model.len() as u64);
}

/// Checks whether a call was refused as it had to be: because another row has the same values in a
/// unique index.
fn refused<R: std::fmt::Debug>(done: Result<R>, expected: bool) -> Option<R> {
    if expected {
        assert_eq!(done.unwrap_err().kind(), ErrorKind::KeyExists);
        return None;
    }
    Some(done.unwrap())
}

fn run_on_keyed(table: &mut TableMut<'_, Dyn>, model: &mut ModelTable, op: &Op) {
    let (kind, schema) = (model.kind, model.schema.clone());
    let row = |n: u32, v| keys::row(&schema, &keys::key(kind, n % KEYS), v);
    match *op {
        Op::Insert { n, v } => {
            let (key, row) = (keys::key(kind, n), row(n, v));
            let is_there = model.keyed().contains_key(&key);
            let expected = is_there || model.refuses(&key, 0, row.as_bytes());
            if refused(table.insert(&row), expected).is_some() {
                model.keyed().insert(key, row.into_bytes());
            }
        }
        Op::Upsert { n, v } => upsert(table, model, keys::key(kind, n), row(n, v)),
        Op::PutMany { n, step, count, v } => {
            for n in (0..count).map(|i| (n + i * step) % KEYS) {
                upsert(table, model, keys::key(kind, n), row(n, v ^ n));
            }
        }
        Op::SetField { n, v } => {
            let key = keys::key(kind, n);
            let changed = model.with_v(&key, 0, v);
            let expected = changed.as_ref().is_some_and(|row| model.refuses(&key, 0, row));
            if let Some(was_there) = refused(table.set_field(&keys::values(&key), "v", v), expected) {
                assert_eq!(was_there, changed.is_some());
                changed.and_then(|row| model.keyed().insert(key, row));
            }
        }
        Op::Update { n, v } => {
            let key = keys::key(kind, n);
            let changed = model.with_v(&key, 0, v);
            let expected = changed.as_ref().is_some_and(|row| model.refuses(&key, 0, row));
            let updated = table.update(&keys::values(&key), |row| row.set("v", v));
            let Some(updated) = refused(updated, expected) else { return };
            assert_eq!(updated.is_some(), changed.is_some());
            if let Some(row) = changed {
                model.keyed().insert(key.clone(), row);
                // A change that fails, or that would change the key, leaves the row as it was.
                let failed: Result<Option<()>> = table.update(&keys::values(&key), |row| {
                    row.set("v", 1)?;
                    Err(Error::new(ErrorKind::Usage, "the caller changed its mind"))
                });
                assert_eq!(failed.unwrap_err().kind(), ErrorKind::Usage);
                let other = keys::values(&keys::key(kind, (n + 1) % KEYS));
                let changed = table.update(&keys::values(&key), |row| {
                    other.iter().enumerate().try_for_each(|(at, value)| row.set(at, value.clone()))
                });
                assert_eq!(changed.unwrap_err().kind(), ErrorKind::Value);
            }
        }
        Op::Remove { n } => {
            let key = keys::key(kind, n);
            let removed = table.remove(&keys::values(&key)).unwrap();
            assert_eq!(removed.map(drystone::RowBuf::into_bytes), model.keyed().remove(&key));
        }
        Op::RemoveMany { n, step, count } => {
            for key in (0..count).map(|i| keys::key(kind, (n + i * step) % KEYS)) {
                let removed = table.remove(&keys::values(&key)).unwrap();
                assert_eq!(removed.is_some(), model.keyed().remove(&key).is_some());
            }
        }
        _ => {}
    }
}

fn upsert(table: &mut TableMut<'_, Dyn>, model: &mut ModelTable, key: ModelKey, row: RowBuf) {
    let expected = model.refuses(&key, 0, row.as_bytes());
    if let Some(was_there) = refused(table.upsert(&row), expected) {
        assert_eq!(was_there, model.keyed().insert(key, row.into_bytes()).is_some());
    }
}

fn run_on_numbered(table: &mut TableMut<'_, Dyn>, model: &mut ModelTable, op: &Op) {
    let schema = model.schema.clone();
    let row = |v| keys::row(&schema, &[], v);
    let rows = model.len();
    let at = |n: u32| n as usize % rows.max(1);
    let mut push = |model: &mut ModelTable, row: RowBuf| {
        let expected = model.refuses(&NO_KEY, usize::MAX, row.as_bytes());
        if refused(table.push(&row), expected).is_some() {
            model.numbered().push(row.into_bytes());
        }
    };
    match *op {
        Op::Push { v } => push(model, row(v)),
        Op::PutMany { count, v, .. } => (0..count).for_each(|i| push(model, row(v ^ i))),
        Op::Replace { at: n, v } => {
            let at = at(n);
            let replaced = table.set(at as u64, &row(v));
            if at >= rows {
                assert_eq!(replaced.unwrap_err().kind(), ErrorKind::OutOfRange);
            } else if refused(replaced, model.refuses(&NO_KEY, at, row(v).as_bytes())).is_some() {
                model.numbered()[at] = row(v).into_bytes();
            }
        }
        Op::SetField { n, v } | Op::Update { n, v } => {
            // Beyond the end as well.
            let at = n as usize % (rows + 2);
            let changed = model.with_v(&NO_KEY, at, v);
            let expected = changed.as_ref().is_some_and(|row| model.refuses(&NO_KEY, at, row));
            if let Some(was_there) = refused(table.set_field(&[Value::from(at as u64)], "v", v), expected) {
                assert_eq!(was_there, at < rows);
                if let Some(row) = changed {
                    model.numbered()[at] = row;
                }
            }
        }
        Op::Truncate { to } => {
            let to = to as usize % (rows + 2);
            table.truncate(to as u64).unwrap();
            model.numbered().truncate(to);
        }
        Op::SwapRemove { at: n } => {
            let at = at(n);
            let removed = table.swap_remove(at as u64);
            if at < rows {
                assert_eq!(removed.unwrap().into_bytes(), model.numbered().swap_remove(at));
            } else {
                assert_eq!(removed.unwrap_err().kind(), ErrorKind::OutOfRange);
            }
        }
        _ => {}
    }
}

fn run_load(table: &mut TableMut<'_, Dyn>, model: &mut ModelTable, load: &Load) {
    let mut records: Vec<(ModelKey, Vec<u8>)> = (0..load.count)
        .map(|i| {
            let key = match model.rows {
                Rows::Keyed(_) => keys::key(model.kind, (load.n + i * load.step) % KEYS),
                Rows::Numbered(_) => ModelKey::new(),
            };
            let row = keys::row(&model.schema, &key, load.v ^ i);
            (key, row.into_bytes())
        })
        .collect();
    if load.sorted {
        records.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    let source = &mut Records { records: &records, next: 0, load };
    let options = LoadOptions::new().on_duplicate(load.on_duplicate).replace(load.replace).memory_bytes(0);
    let loaded = table.load_from(source, &options);
    let fails = load.fails_at.is_some_and(|at| at < load.count);

    let mut expected = model.rows.clone();
    if load.replace {
        match &mut expected {
            Rows::Keyed(rows) => rows.clear(),
            Rows::Numbered(rows) => rows.clear(),
        }
    }
    let mut duplicates = 0;
    for (key, row) in &records {
        match &mut expected {
            Rows::Numbered(rows) => rows.push(row.clone()),
            Rows::Keyed(rows) => {
                if rows.contains_key(key) {
                    duplicates += 1;
                    if load.on_duplicate == OnDuplicate::First {
                        continue;
                    }
                }
                rows.insert(key.clone(), row.clone());
            }
        }
    }
    let would_be = ModelTable { rows: expected, ..model.clone() };
    match loaded {
        Ok(report) => {
            assert!(!would_be.is_refused(), "values that are in a unique index were loaded");
            assert!(!fails, "a source that fails was loaded");
            assert!(duplicates == 0 || load.on_duplicate != OnDuplicate::Error, "duplicates were loaded");
            *model = would_be;
            assert_eq!((report.read, report.duplicates), (u64::from(load.count), duplicates));
            assert_eq!(report.rows, model.len() as u64);
            assert_eq!(report.in_order, records.is_sorted_by(|(a, _), (b, _)| a <= b));
        }
        // Whichever comes first; the table is what it was, as the next comparison shows.
        Err(error) if error.kind() == ErrorKind::Input => assert!(fails, "{error}"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::KeyExists, "{error}");
            let twice = duplicates > 0 && load.on_duplicate == OnDuplicate::Error;
            assert!(twice || would_be.is_refused(), "{error}");
        }
    }
    model.assert_same(&table.as_table());
}

/// Records for a load, which may fail on the way.
struct Records<'r> {
    records: &'r [(ModelKey, Vec<u8>)],
    next: usize,
    load: &'r Load,
}

impl RecordSource for Records<'_> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        if self.load.fails_at.is_some_and(|at| at as usize == self.next) && self.next < self.records.len() {
            return Err(Error::new(ErrorKind::Input, "the source fails here"));
        }
        let Some((_, row)) = self.records.get(self.next) else { return Ok(false) };
        record.copy_from_slice(row);
        self.next += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.next as u64
    }

    fn rows_hint(&self) -> Option<u64> {
        self.load.hint.then_some((self.records.len() - self.next) as u64)
    }
}

/// Rows can be compared while others are read.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<ReadTransaction>();
    shared::<Database>();
    shared::<Row<'_>>();
};
