//! `backup_since` and `apply`: a backup and its patches restore every state, and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use drystone::{
    Database, Dyn, ErrorKind, IndexInfo, IndexOptions, LoadOptions, OnDuplicate, OpenOptions, Record, RowBuf,
    Schema, Since, TableOptions, Value, WriteTransaction,
};

use crate::random::Random;
use crate::temp::{self, TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Account {
    #[record(key)]
    id: u64,
    amount: i64,
    rest: [u64; 6],
}

fn account(id: u64, amount: i64) -> Account {
    Account { id, amount, rest: [id; 6] }
}

fn write(db: &Database, edit: impl FnOnce(&WriteTransaction)) {
    let write = db.write().unwrap();
    edit(&write);
    write.commit().unwrap();
}

fn open(path: &Path) -> Database {
    temp::open(path, &OpenOptions::new().create(false)).unwrap()
}

/// All that a state has, except the order of its pages.
#[derive(Debug, PartialEq)]
struct Contents(BTreeMap<String, (Schema, usize, Vec<IndexInfo>, Vec<u8>)>);

fn contents(db: &Database) -> Contents {
    let read = db.read().unwrap();
    let table = |name: String| {
        let table = read.table::<Dyn>(&name).unwrap();
        let rows = table.iter().flat_map(|row| row.unwrap().as_bytes().to_vec()).collect();
        let leaf_rows = table.stats().unwrap().leaf_rows;
        let shape = (table.schema().clone(), leaf_rows, read.indexes(&name).unwrap(), rows);
        (name, shape)
    };
    Contents(read.table_names().unwrap().into_iter().map(table).collect())
}

fn copy_of(db: &Database, path: PathBuf) -> Database {
    db.backup(&path).unwrap();
    open(&path)
}

/// Accounts with an index, and rows without a key.
fn accounts(temp: &TempDb, rows: u64) -> Database {
    let db = temp.open();
    write(&db, |tx| {
        let mut accounts = tx.create_table::<Account>("accounts").unwrap();
        accounts.load((0..rows).map(|id| account(id * 2, 100))).unwrap();
        accounts.create_index("by_amount", &["amount"]).unwrap();
        let mut points = tx.create_dyn_table("points", &"x: u32, y: u32".parse().unwrap()).unwrap();
        let schema = points.schema().clone();
        points.load((0..rows).map(|x| RowBuf::from_values(&schema, [x, x]).unwrap())).unwrap();
    });
    db
}

#[test]
fn a_patch_has_what_changed_and_no_more() {
    let temp = TempDb::new();
    let db = accounts(&temp, 50_000);
    let beside = |name: &str| temp.folder().join(name);
    let copy = copy_of(&db, beside("copy.dry"));
    let nothing = db.backup_since(Since::State(&copy.read().unwrap()), beside("0.patch")).unwrap();
    assert_eq!((nothing.rows, nothing.removed, nothing.tables), (0, 0, 2));
    assert!(!copy.apply(beside("0.patch")).unwrap().changed);
    let before = contents(&db);

    write(&db, |tx| {
        let mut accounts = tx.table::<Account>("accounts").unwrap();
        for id in 0..500 {
            accounts.upsert(&account(id * 200, -1)).unwrap();
            accounts.insert(&account(id * 200 + 1, 5)).unwrap();
            accounts.remove(id * 200 + 2).unwrap();
        }
        let mut points = tx.table::<Dyn>("points").unwrap();
        let row = RowBuf::from_values(&points.schema().clone(), [7_u32, 7]).unwrap();
        points.set(17, &row).unwrap();
        points.set(18, &row).unwrap();
        points.push(&row).unwrap();
    });
    let rows = db.backup_since(Since::State(&copy.read().unwrap()), beside("rows.patch")).unwrap();
    assert_eq!((rows.rows, rows.removed), (1_003, 500));
    assert_eq!(rows.base_transaction + 1, rows.transaction);
    assert_eq!(rows.bytes, std::fs::metadata(beside("rows.patch")).unwrap().len());
    assert!(rows.bytes < 1_003 * 64 + 500 * 17 + 20_000, "{rows:?}");
    // Scattered rows change most leaves.
    let leaves = db.backup_since(Since::Patch(&beside("0.patch")), beside("leaves.patch")).unwrap();
    assert!(leaves.rows > 20_000 && leaves.removed > 20_000, "{leaves:?}");
    assert_eq!((leaves.base_transaction, leaves.transaction), (rows.base_transaction, rows.transaction));
    let other = copy_of(&copy, beside("other.dry"));
    assert_eq!(contents(&copy), before);
    for (copy, patch) in [(&copy, "rows.patch"), (&other, "leaves.patch")] {
        let done = copy.apply(beside(patch)).unwrap();
        assert!(done.changed && done.transaction == rows.transaction);
        assert_eq!(contents(copy), contents(&db));
        assert_sound(copy);
        // Once is enough, whichever of the two it was.
        assert!(!copy.apply(beside(patch)).unwrap().changed);
        assert!(!copy.apply(beside("rows.patch")).unwrap().changed);
    }

    // Changes of a few leaves: the others are neither read nor written.
    write(&db, |tx| {
        let mut accounts = tx.table::<Account>("accounts").unwrap();
        accounts.load_with((0..100).map(|id| account(1_000_000 + id, 1)), &LoadOptions::new()).unwrap();
        accounts.remove_range(100..300).unwrap();
    });
    let few = db.backup_since(Since::Patch(&beside("leaves.patch")), beside("few.patch")).unwrap();
    assert!(few.rows < 3_000 && few.bytes < 300_000, "{few:?}");
    copy.apply(beside("few.patch")).unwrap();
    assert_eq!(contents(&copy), contents(&db));
    // Compacting moves everything, and changes no row. A copy stays a copy.
    db.compact().unwrap();
    copy.compact().unwrap();
    let moved = db.backup_since(Since::State(&copy.read().unwrap()), beside("moved.patch")).unwrap();
    assert_eq!((moved.rows, moved.removed), (0, 0));
    let whole = db.backup_since(Since::Patch(&beside("few.patch")), beside("whole.patch")).unwrap();
    copy.apply(beside("whole.patch")).unwrap();
    assert_eq!(contents(&copy), contents(&db));
    assert!(whole.rows > 1_000);
    assert_sound(&copy);
}

#[test]
fn a_patch_fits_one_state_only() {
    let temp = TempDb::new();
    let db = accounts(&temp, 1_000);
    let beside = |name: &str| temp.folder().join(name);
    let copy = copy_of(&db, beside("copy.dry"));
    let change = |id: u64| {
        write(&db, |tx| {
            tx.table::<Account>("accounts").unwrap().upsert(&account(id, 7)).unwrap();
        });
    };
    change(1);
    db.backup_since(Since::State(&copy.read().unwrap()), beside("1.patch")).unwrap();
    let (one, after_one) = (contents(&db), copy_of(&db, beside("one.dry")));
    change(2);
    db.backup_since(Since::Patch(&beside("1.patch")), beside("2.patch")).unwrap();
    change(3);
    db.backup_since(Since::State(&after_one.read().unwrap()), beside("1 to 3.patch")).unwrap();
    db.backup_since(Since::Patch(&beside("2.patch")), beside("3.patch")).unwrap();
    let before = contents(&copy);
    #[track_caller]
    fn refused(copy: &Database, patch: PathBuf) {
        let before = contents(copy);
        let error = copy.apply(&patch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains("in order"), "{error}");
        assert_eq!(contents(copy), before);
    }
    // Too new; of another database; after a change.
    refused(&copy, beside("2.patch"));
    refused(&copy, beside("1 to 3.patch"));
    let other = TempDb::new();
    let stranger = accounts(&other, 1_000);
    refused(&stranger, beside("1.patch"));
    refused(&copy_of(&stranger, beside("stranger.dry")), beside("1.patch"));
    let changed = copy_of(&copy, beside("changed.dry"));
    write(&changed, |tx| drop(tx.table::<Account>("accounts").unwrap().remove(0)));
    refused(&changed, beside("1.patch"));
    write(&changed, |tx| tx.table::<Account>("accounts").unwrap().insert(&account(0, 100)).unwrap());
    assert_eq!(contents(&changed), before);
    refused(&changed, beside("1.patch"));
    // The database itself has the state that its own patches lead from or to.
    assert!(!db.apply(beside("3.patch")).unwrap().changed);
    refused(&db, beside("1.patch"));
    // The right order, and a patch over two others.
    copy.apply(beside("1.patch")).unwrap();
    assert_eq!(contents(&copy), one);
    refused(&copy, beside("3.patch"));
    copy.apply(beside("2.patch")).unwrap();
    refused(&copy, beside("1 to 3.patch"));
    copy.apply(beside("3.patch")).unwrap();
    after_one.apply(beside("1 to 3.patch")).unwrap();
    assert_eq!(contents(&copy), contents(&db));
    assert_eq!(contents(&after_one), contents(&db));

    // What a new patch may continue.
    let error = stranger.backup_since(Since::Patch(&beside("1.patch")), beside("x.patch")).unwrap_err();
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("another database"), "{error}");
    let old = temp::open(&beside("one.dry"), &OpenOptions::new()).unwrap();
    let error = old.backup_since(Since::Patch(&beside("3.patch")), beside("x.patch")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    let error = db.backup_since(Since::Patch(temp.path()), beside("x.patch")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    let error = db.backup_since(Since::Patch(&beside("none")), beside("x.patch")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileNotFound, "{error}");
    assert!(!beside("x.patch").exists());
    let error = db.backup_since(Since::Patch(&beside("3.patch")), beside("1.patch")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
}

#[test]
fn a_database_without_tables_is_a_state_too() {
    let temp = TempDb::new();
    let db = temp.open();
    let beside = |name: &str| temp.folder().join(name);
    let copy = copy_of(&db, beside("copy.dry"));
    write(&db, |tx| drop(tx.create_table::<Account>("accounts").unwrap()));
    db.backup_since(Since::State(&copy.read().unwrap()), beside("1.patch")).unwrap();
    write(&db, |tx| tx.drop_table("accounts").unwrap());
    db.backup_since(Since::Patch(&beside("1.patch")), beside("2.patch")).unwrap();
    copy.apply(beside("1.patch")).unwrap();
    assert_eq!(contents(&copy).0.len(), 1);
    copy.apply(beside("2.patch")).unwrap();
    assert_eq!(contents(&copy).0.len(), 0);
    assert_sound(&copy);
}

#[test]
fn a_damaged_patch_is_refused_whole() {
    let temp = TempDb::in_memory_folder();
    let db = accounts(&temp, 300);
    let beside = |name: &str| temp.folder().join(name);
    let copy = copy_of(&db, beside("copy.dry"));
    write(&db, |tx| {
        tx.table::<Account>("accounts").unwrap().load((0..20).map(|id| account(id * 7 + 1_000, 1))).unwrap();
    });
    db.backup_since(Since::State(&copy.read().unwrap()), beside("good.patch")).unwrap();
    let good = std::fs::read(beside("good.patch")).unwrap();
    let (before, bad) = (contents(&copy), beside("bad.patch"));
    let transaction = copy.read().unwrap().transaction();
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&bad, bytes).unwrap();
        let kinds = [ErrorKind::Corrupt, ErrorKind::Input, ErrorKind::FutureFormat];
        let error = copy.apply(&bad).unwrap_err();
        assert!(kinds.contains(&error.kind()), "{what}: {error}");
        let error = db.backup_since(Since::Patch(&bad), beside("new.patch")).unwrap_err();
        assert!(kinds.contains(&error.kind()), "{what}: {error}");
        assert_eq!(copy.read().unwrap().transaction(), transaction);
    };
    for length in (0..good.len()).step_by(7).chain(good.len() - 20..good.len()) {
        refused(&good[..length], &format!("{length} bytes"));
    }
    for at in (0..good.len()).step_by(3).chain(0..100) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        refused(&bytes, &format!("byte {at}"));
    }
    refused(&[&good[..], &[0]].concat(), "one byte more");
    refused(&[&good[..], &good[..]].concat(), "twice");
    assert!(!beside("new.patch").exists());
    assert_eq!(contents(&copy), before);
    copy.apply(beside("good.patch")).unwrap();
    assert_eq!(contents(&copy), contents(&db));
}

/// Random changes of all kinds, the same for the same numbers.
struct Changes {
    numbers: Random,
    made: u32,
}

impl Changes {
    fn make(&mut self, tx: &WriteTransaction) {
        let names = tx.table_names().unwrap();
        if names.is_empty() || names.len() < 6 && self.numbers.one_in(8) {
            return self.create(tx);
        }
        let name = self.numbers.of(&names);
        match self.numbers.below(16) {
            0 if names.len() > 2 => tx.drop_table(&name).unwrap(),
            1 => {
                let other = self.numbers.of(&names);
                if other != name {
                    // Both names stay, with the tables exchanged.
                    tx.rename_table(&name, "between").unwrap();
                    tx.rename_table(&other, &name).unwrap();
                    tx.rename_table("between", &other).unwrap();
                }
            }
            2 => {
                self.made += 1;
                tx.rename_table(&name, &format!("renamed{}", self.made)).unwrap();
            }
            3 => self.alter(tx, &name),
            4 | 5 => self.index(tx, &name),
            6 => tx.table::<Dyn>(&name).unwrap().clear().unwrap(),
            _ => self.rows(tx, &name),
        }
    }

    fn create(&mut self, tx: &WriteTransaction) {
        self.made += 1;
        let name = format!("table{}", self.made);
        let schema = self.numbers.of(&[
            "k: u32 key, a: i32, b: u16?",
            "k: i16 key, l: str[3] key, a: i32",
            "k: u64, a: i32",
        ]);
        let schema: Schema = schema.parse().unwrap();
        let leaf_rows = if self.numbers.one_in(2) { 0 } else { 1_024 };
        let options = TableOptions::new().leaf_rows(leaf_rows);
        let mut table = tx.create_dyn_table_with(&name, &schema, &options).unwrap();
        let rows = self.numbers.below(4_000) as u64;
        let rows: Vec<RowBuf> = (0..rows).map(|n| self.row(&schema, n * 3)).collect();
        table.load_with(rows, &LoadOptions::new().on_duplicate(OnDuplicate::Last)).unwrap();
    }

    /// A row with this key, or as many of its digits as the key can have.
    fn row(&mut self, schema: &Schema, key: u64) -> RowBuf {
        let mut row = RowBuf::new(schema);
        for field in schema.fields() {
            let value = match (field.name(), field.ty()) {
                ("k", drystone::Type::I16) => Value::from((key % 30_000) as i16 - 15_000),
                ("k", _) => Value::from(key),
                ("l", _) => Value::Text(format!("{}", key % 7).into()),
                // For a while, no two rows have the same.
                ("a", _) => Value::from((self.numbers.next() >> 33) as i32),
                _ => Value::from(self.numbers.below(100) as u8),
            };
            row.set(field.name(), value).unwrap();
        }
        row
    }

    fn alter(&mut self, tx: &WriteTransaction, name: &str) {
        self.made += 1;
        let schema = tx.table::<Dyn>(name).unwrap().schema().clone();
        let last = schema.fields().last().unwrap().clone();
        let is_indexed = tx
            .indexes(name)
            .unwrap()
            .iter()
            .any(|index| index.fields.iter().any(|field| field == last.name()));
        match self.numbers.below(3) {
            0 if schema.fields().len() < 6 => {
                let field = drystone::FieldDef::new(&format!("f{}", self.made), drystone::Type::U8).unwrap();
                tx.append_field(name, field.nullable().unwrap()).unwrap();
            }
            1 if last.name().starts_with('f') && !is_indexed => {
                tx.drop_field(name, last.name()).map(drop).unwrap();
            }
            _ if last.name().starts_with('f') => {
                tx.rename_field(name, last.name(), &format!("f{}", self.made)).unwrap();
            }
            _ => {}
        }
    }

    fn index(&mut self, tx: &WriteTransaction, name: &str) {
        let indexes = tx.indexes(name).unwrap();
        if !indexes.is_empty() && self.numbers.one_in(2) {
            return tx.drop_index(name, &indexes[0].name).unwrap();
        }
        self.made += 1;
        let unique = IndexOptions::new().unique(self.numbers.one_in(2));
        // Two rows may have the same values by chance.
        let _ = tx.create_index_with(name, &format!("index{}", self.made), &["a"], &unique);
    }

    fn rows(&mut self, tx: &WriteTransaction, name: &str) {
        let mut table = tx.table::<Dyn>(name).unwrap();
        let schema = table.schema().clone();
        let rows = table.len();
        let most = if self.numbers.one_in(4) { 2_000 } else { 20 };
        let many = 1 + self.numbers.below(most);
        let at = self.numbers.below(rows as usize + 1) as u64;
        if !schema.is_keyed() {
            match self.numbers.below(4) {
                0 => {
                    let new: Vec<RowBuf> = (0..many).map(|n| self.row(&schema, n as u64)).collect();
                    // Refused if a unique index has the values already.
                    let _ = table.extend(new);
                }
                1 => table.truncate(at).unwrap(),
                2 if rows > 1 => self.exchange(&mut table, at.min(rows - 1)),
                _ => {
                    for row in (0..many as u64).map(|n| at + n * 3).filter(|row| *row < rows) {
                        let new = self.row(&schema, row);
                        let _ = table.set(row, &new);
                    }
                }
            }
            return;
        }
        let scattered = self.numbers.one_in(2);
        let key = |n: usize, numbers: &mut Random| {
            if scattered { numbers.below(20_000) as u64 } else { at * 3 + n as u64 }
        };
        match self.numbers.below(4) {
            0 => {
                for n in 0..many {
                    let key = key(n, &mut self.numbers);
                    let row = self.row(&schema, key);
                    let keys: Vec<Value<'static>> = schema
                        .key_fields()
                        .iter()
                        .map(|field| row.get(field.name()).unwrap().into_owned())
                        .collect();
                    table.remove(&keys).unwrap();
                }
            }
            1 if rows > 1 => self.exchange(&mut table, at.min(rows - 1)),
            _ => {
                let mut new = Vec::new();
                for n in 0..many {
                    let key = key(n, &mut self.numbers);
                    new.push(self.row(&schema, key));
                }
                let _ = table.load_with(new, &LoadOptions::new().on_duplicate(OnDuplicate::Last));
            }
        }
    }

    /// Exchanges the values of two rows: in between, both would have the same.
    fn exchange(&mut self, table: &mut drystone::TableMut<'_, Dyn>, at: u64) {
        let first = table.select(at).unwrap().unwrap().to_buf();
        let second = table.select((at + 1) % table.len()).unwrap().unwrap().to_buf();
        let (a, b) = (first.get("a").unwrap().into_owned(), second.get("a").unwrap().into_owned());
        let schema = table.schema().clone();
        let key = |row: &RowBuf, number: u64| -> Vec<Value<'static>> {
            match schema.key_fields() {
                [] => vec![number.into()],
                fields => fields.iter().map(|field| row.get(field.name()).unwrap().into_owned()).collect(),
            }
        };
        let (first_key, second_key) = (key(&first, at), key(&second, (at + 1) % table.len()));
        // By way of a value that no row has.
        table.set_field(&first_key, "a", -1_i32).unwrap();
        table.set_field(&second_key, "a", a).unwrap();
        table.set_field(&first_key, "a", b).unwrap();
    }
}

/// Makes random states, with a patch from each to the next by both ways, and restores all of them.
fn restores_every_state(seed: u64) {
    let temp = TempDb::in_memory_folder();
    let db = temp.open();
    let beside = |name: String| temp.folder().join(name);
    let mut changes = Changes { numbers: Random::new(seed), made: 0 };
    write(&db, |tx| (0..3).for_each(|_| changes.create(tx)));
    let copies = [0, 1, 2].map(|way| copy_of(&db, beside(format!("copy {way}.dry"))));
    let mut states = vec![contents(&db)];
    for state in 1..=8 {
        for _ in 0..1 + changes.numbers.below(2) {
            write(&db, |tx| (0..1 + changes.numbers.below(4)).for_each(|_| changes.make(tx)));
        }
        if changes.numbers.one_in(6) {
            db.compact().unwrap();
        }
        // One copy is kept new, by patches of rows. The others get theirs later: patches of leaves,
        // and a mixture.
        let rows = beside(format!("{state} by rows"));
        db.backup_since(Since::State(&copies[0].read().unwrap()), &rows).unwrap();
        let last = state - 1;
        let leaves = beside(format!("{state} by leaves"));
        let before = if last == 0 { None } else { Some(beside(format!("{last} by leaves"))) };
        match &before {
            Some(before) => db.backup_since(Since::Patch(before), &leaves).unwrap(),
            None => db.backup_since(Since::State(&copies[1].read().unwrap()), &leaves).unwrap(),
        };
        copies[0].apply(&rows).unwrap();
        states.push(contents(&db));
        assert_eq!(contents(&copies[0]), states[state], "seed {seed}, state {state} by rows");
        assert_sound(&copies[0]);
    }
    for (way, copy) in copies[1..].iter().enumerate() {
        for (state, expected) in states.iter().enumerate().skip(1) {
            let patch = if way == 1 && changes.numbers.one_in(2) { "rows" } else { "leaves" };
            copy.apply(beside(format!("{state} by {patch}"))).unwrap();
            assert_eq!(contents(copy), *expected, "seed {seed}, state {state} by {patch}");
            assert_sound(copy);
        }
    }
}

#[test]
fn a_chain_of_patches_restores_every_state() {
    let seeds = std::env::var("DRYSTONE_PATCH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(20);
    for seed in 0..seeds {
        restores_every_state(seed);
    }
}
