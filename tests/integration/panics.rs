//! Code of the caller that panics while Drystone runs it: closures, iterators, sources,
//! conversions, callbacks. Each panics at each of its calls in turn. Afterwards the tables and
//! indexes hold what they held before the call, or the commit is refused. Nothing hangs, and no
//! file is left behind.

use std::cell::Cell;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use drystone::{
    Database, Dyn, ErrorKind, IndexOptions, LoadOptions, OnDuplicate, OpenOptions, Record, RecordSource,
    Result, RowBuf, TableOptions, Text, Value, WriteTransaction,
};

use crate::temp::{self, TempDb};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Account {
    #[record(key)]
    id: u64,
    cents: i64,
    owner: Text<8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
}

fn account(id: u64) -> Account {
    Account { id, cents: id as i64 * 100, owner: Text::new(["Ada", "Bob", "Cy"][id as usize % 3]).unwrap() }
}

fn point(x: i32) -> Point {
    Point { x, y: x % 7 }
}

/// Panics at one of its ticks, without a message on the terminal.
struct Bomb {
    left: Cell<u64>,
    exploded: Cell<bool>,
}

struct Explosion;

impl Bomb {
    fn new(after: u64) -> Bomb {
        Bomb { left: Cell::new(after), exploded: Cell::new(false) }
    }

    /// A call of the caller's code.
    fn tick(&self) {
        match self.left.get() {
            0 if self.exploded.get() => {}
            0 => {
                self.exploded.set(true);
                resume_unwind(Box::new(Explosion));
            }
            left => self.left.set(left - 1),
        }
    }

    /// An iterator that ticks when it is asked for an item, before and after it makes one, and for
    /// its length.
    fn iter<T>(&self, items: impl ExactSizeIterator<Item = T>) -> impl Iterator<Item = T> {
        Ticking { bomb: self, items }
    }

    /// A source of records of this schema that ticks in each of its methods.
    fn source<'b>(&'b self, records: Vec<Vec<u8>>) -> TickingSource<'b> {
        TickingSource { bomb: self, records, next: 0 }
    }
}

struct Ticking<'b, I> {
    bomb: &'b Bomb,
    items: I,
}

impl<I: ExactSizeIterator> Iterator for Ticking<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.bomb.tick();
        self.items.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.bomb.tick();
        self.items.size_hint()
    }
}

struct TickingSource<'b> {
    bomb: &'b Bomb,
    records: Vec<Vec<u8>>,
    next: usize,
}

impl RecordSource for TickingSource<'_> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.bomb.tick();
        let Some(next) = self.records.get(self.next) else { return Ok(false) };
        let half = record.len() / 2;
        record[..half].copy_from_slice(&next[..half]);
        self.bomb.tick();
        record[half..].copy_from_slice(&next[half..]);
        self.next += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.bomb.tick();
        self.next as u64
    }

    fn describe(&self, place: u64) -> String {
        self.bomb.tick();
        format!("item {place}")
    }

    fn rows_hint(&self) -> Option<u64> {
        self.bomb.tick();
        Some(self.records.len() as u64)
    }
}

/// Bytes that tick when they are read.
#[cfg(feature = "csv")]
struct TickingBytes<'b>(&'b Bomb, &'b [u8]);

#[cfg(feature = "csv")]
impl Read for TickingBytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.tick();
        let some = into.len().min(10);
        self.1.read(&mut into[..some])
    }
}

/// A name, a field and a value whose conversions tick.
struct TickingName<'b>(&'b Bomb, &'static str);

impl AsRef<str> for TickingName<'_> {
    fn as_ref(&self) -> &str {
        self.0.tick();
        self.1
    }
}

struct TickingValue<'b>(&'b Bomb, i64);

impl<'b> From<TickingValue<'b>> for Value<'static> {
    fn from(value: TickingValue<'b>) -> Value<'static> {
        value.0.tick();
        Value::from(value.1)
    }
}

fn accounts(records: impl Iterator<Item = Account>) -> Vec<Vec<u8>> {
    records.map(|account| RowBuf::from_record(&account).into_bytes()).collect()
}

/// The calls of a transaction that run the caller's code. A panic unwinds through it, handles and
/// all.
type Act = fn(&WriteTransaction, &Bomb) -> Result<()>;

/// Every call of a write transaction that runs code of the caller.
const ACTS: &[(&str, Act)] = &[
    ("update", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        table.update(3, |row| {
            row.cents -= 7;
            bomb.tick();
            row.owner = Text::new("Eve").unwrap();
            bomb.tick();
        })?;
        Ok(())
    }),
    ("update of the key", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        table
            .update(3, |row| {
                row.cents -= 7;
                row.id = 77;
                bomb.tick();
                row.id = 3;
            })
            .map(drop)
    }),
    ("update_many", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        let changes = [(9, 7), (3, 1), (5000, 0), (3, 2), (400, 5)];
        table.update_many(&changes, |row, by| {
            row.cents += by;
            bomb.tick();
            row.owner = Text::new("Eve").unwrap();
        })?;
        Ok(())
    }),
    ("update_many of keys", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        table.update_many(&[(9, 7), (3, 1), (400, 5)], |row, by| {
            (row.id, row.cents) = (row.id + 1000, row.cents + by);
            bomb.tick();
            row.id -= 1000;
        })?;
        Ok(())
    }),
    ("update of a row by number", |write, bomb| {
        let mut table = write.table::<Point>("points")?;
        table.update(3, |row| {
            row.x = -1;
            bomb.tick();
            row.y = -1;
            bomb.tick();
        })?;
        Ok(())
    }),
    ("update_many of rows by number", |write, bomb| {
        let mut table = write.table::<Point>("points")?;
        table.update_many(&[(2000, 1), (5, 2), (9999, 3), (5, 4)], |row, by| {
            row.x -= by;
            bomb.tick();
        })?;
        Ok(())
    }),
    ("dynamic update", |write, bomb| {
        let mut table = write.table::<Dyn>("accounts")?;
        table.update(&[Value::from(3)], |row| {
            row.set("cents", -1)?;
            bomb.tick();
            row.set("owner", "Eve")?;
            bomb.tick();
            Ok(())
        })?;
        Ok(())
    }),
    ("dynamic set", |write, bomb| {
        let mut table = write.table::<Dyn>("accounts")?;
        table.set_field(&[Value::from(3)], "cents", TickingValue(bomb, -1)).map(drop)
    }),
    ("extend", |write, bomb| {
        let mut table = write.table::<Point>("points")?;
        table.extend(bomb.iter((0..9).map(point)))
    }),
    ("extend by many", |write, bomb| {
        let mut table = write.table::<Point>("points")?;
        table.extend(bomb.iter((0..9000).map(point)))
    }),
    ("load of rows by number", |write, bomb| {
        let mut table = write.table::<Point>("points")?;
        table.load(bomb.iter((0..9).map(point))).map(drop)
    }),
    ("load of rows by number in place of all", |write, bomb| {
        let mut table = write.table::<Point>("points")?;
        table.load_with(bomb.iter((0..9).map(point)), &LoadOptions::new().replace(true)).map(drop)
    }),
    ("load of many rows by number", |write, bomb| {
        let mut table = write.table::<Point>("points")?;
        let options = LoadOptions::new().memory_bytes(0);
        table.load_with(bomb.iter((0..200_000).map(point)), &options).map(drop)
    }),
    ("load into an empty table by number", |write, bomb| {
        let mut table = write.table::<Point>("no points")?;
        table.load(bomb.iter((0..9).map(point))).map(drop)
    }),
    ("load of few rows", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        let rows = [3000, 3001, 2999].map(account).into_iter();
        table.load(bomb.iter(rows)).map(drop)
    }),
    ("load over rows", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        let rows = (0..30).rev().map(|id| Account { cents: -1 - id as i64, ..account(id) });
        let options = LoadOptions::new().on_duplicate(OnDuplicate::Last);
        table.load_with(bomb.iter(rows.collect::<Vec<_>>().into_iter()), &options).map(drop)
    }),
    ("load in place of all", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        let rows = (0..30).map(|id| account(id + 7)).collect::<Vec<_>>();
        table.load_with(bomb.iter(rows.into_iter()), &LoadOptions::new().replace(true)).map(drop)
    }),
    ("load in order, streamed", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        let rows = (10_000..90_000).map(account).collect::<Vec<_>>();
        table.load(bomb.iter(rows.into_iter())).map(drop)
    }),
    ("load in order but for the end", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        let rows = (10_000..90_000).chain(6_000..7_000).map(account).collect::<Vec<_>>();
        table.load(bomb.iter(rows.into_iter())).map(drop)
    }),
    ("load sorted in temporary files", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        let rows = (10_000..90_000).rev().map(account).collect::<Vec<_>>();
        table.load_with(bomb.iter(rows.into_iter()), &LoadOptions::new().memory_bytes(0)).map(drop)
    }),
    ("load into an empty table", |write, bomb| {
        let mut table = write.table::<Account>("no accounts")?;
        let rows = (0..9).map(account).collect::<Vec<_>>();
        table.load(bomb.iter(rows.into_iter())).map(drop)
    }),
    ("load from a source", |write, bomb| {
        let mut table = write.table::<Dyn>("accounts")?;
        let mut source = bomb.source(accounts([3000, 2999].map(account).into_iter()));
        table.load_from(&mut source, &LoadOptions::new()).map(drop)
    }),
    ("load of a duplicate, which is described", |write, bomb| {
        let mut table = write.table::<Dyn>("accounts")?;
        let mut source = bomb.source(accounts([3000, 2999, 3000, 7].map(account).into_iter()));
        let refused = table.load_from(&mut source, &LoadOptions::new());
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::KeyExists);
        Ok(())
    }),
    ("load in place of all from a source", |write, bomb| {
        let mut table = write.table::<Dyn>("accounts")?;
        let mut source = bomb.source(accounts((0..9).rev().map(account)));
        table.load_from(&mut source, &LoadOptions::new().replace(true)).map(drop)
    }),
    #[cfg(feature = "csv")]
    ("load of a CSV whose bytes panic", |write, bomb| {
        let mut table = write.table::<Dyn>("accounts")?;
        let text = "id,cents,owner\n3000,1,Ada\n2999,2,Bob\n3001,3,Cy\n";
        let bytes = TickingBytes(bomb, text.as_bytes());
        let mut reader = drystone::csv::Options::new().reader(Account::schema(), bytes)?;
        table.load_from(&mut reader, &LoadOptions::new()).map(drop)
    }),
    ("an index of fields whose names panic", |write, bomb| {
        let fields = [TickingName(bomb, "cents"), TickingName(bomb, "owner")];
        write.create_index("accounts", "another", &fields)
    }),
    ("an index of a typed table", |write, bomb| {
        let mut table = write.table::<Account>("accounts")?;
        table.create_index("another", &[TickingName(bomb, "owner")])
    }),
];

/// What the tables hold.
#[derive(Clone, PartialEq)]
struct State {
    accounts: Vec<Account>,
    points: Vec<Point>,
}

/// A database of tables that are large enough for branches, with indexes or without.
fn database(indexed: bool, memory_bytes: usize) -> (Database, State) {
    let db = OpenOptions::new().memory_bytes(memory_bytes).in_memory().unwrap();
    let state = State {
        accounts: (0..2000).map(account).collect(),
        points: (0..3000).map(|n| point(n * 31 % 3001)).collect(),
    };
    let write = db.write().unwrap();
    let options = TableOptions::new().leaf_rows(256);
    let mut accounts = write.create_table_with::<Account>("accounts", &options).unwrap();
    accounts.load(state.accounts.iter().copied()).unwrap();
    drop(accounts);
    let options = TableOptions::new().leaf_rows(512);
    let mut points = write.create_table_with::<Point>("points", &options).unwrap();
    points.load(state.points.iter().copied()).unwrap();
    drop(points);
    write.create_table::<Account>("no accounts").unwrap();
    write.create_table::<Point>("no points").unwrap();
    if indexed {
        for (table, index, fields, unique) in INDEXES {
            write.create_index_with(table, index, fields, &IndexOptions::new().unique(*unique)).unwrap();
        }
    }
    write.commit().unwrap();
    (db, state)
}

const INDEXES: &[(&str, &str, &[&str], bool)] = &[
    ("accounts", "by_owner", &["owner"], false),
    ("accounts", "by_cents", &["cents"], true),
    ("points", "by_x", &["x", "y"], false),
    ("no accounts", "no_by_owner", &["owner"], false),
    ("no points", "no_by_x", &["x"], false),
];

/// What is wrong with the database, if it does not hold this, whole and in all indexes.
fn wrong(db: &Database, expected: &State, indexed: bool) -> Option<String> {
    let report = match db.check() {
        Ok(report) => report,
        Err(error) => return Some(format!("check: {error}")),
    };
    if !report.is_sound() {
        let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        return Some(format!("not sound: {}", problems.join("; ")));
    }
    held(&db.read().unwrap(), expected, indexed).unwrap_or_else(|error| Some(format!("reading: {error}")))
}

fn held(read: &drystone::ReadTransaction, expected: &State, indexed: bool) -> Result<Option<String>> {
    let accounts = read.table::<Account>("accounts")?;
    let rows: Vec<Account> = accounts.iter().map(|row| row.copied()).collect::<Result<_>>()?;
    if rows != expected.accounts {
        return Ok(Some(differs("accounts", &rows, &expected.accounts)));
    }
    for row in &rows {
        if accounts.get(row.id)? != Some(row) {
            return Ok(Some(format!("account {} is not found", row.id)));
        }
    }
    let points = read.table::<Point>("points")?;
    let rows: Vec<Point> = points.iter().map(|row| row.copied()).collect::<Result<_>>()?;
    if rows != expected.points {
        return Ok(Some(differs("points", &rows, &expected.points)));
    }
    for name in ["no accounts", "no points"] {
        if !read.table::<Dyn>(name)?.is_empty() {
            return Ok(Some(format!("{name:?} has rows")));
        }
    }
    for (table, index, ..) in INDEXES.iter().filter(|_| indexed) {
        let table = read.table::<Dyn>(table)?;
        if table.index(index)?.len() != table.len() {
            return Ok(Some(format!("index {index:?} has other rows than its table")));
        }
    }
    if indexed {
        let by_cents = accounts.index("by_cents")?;
        for row in &expected.accounts {
            if by_cents.get(row.cents)? != Some(row) {
                return Ok(Some(format!("account {} is not found by its cents", row.id)));
            }
        }
        let by_x = points.index("by_x")?;
        for row in &expected.points {
            if by_x.get((row.x, row.y))? != Some(row) {
                return Ok(Some(format!("{row:?} is not found")));
            }
        }
    }
    Ok(None)
}

fn differs<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T], expected: &[T]) -> String {
    let at = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    format!(
        "{} {what} in place of {}; at {at} {:?} in place of {:?}",
        found.len(),
        expected.len(),
        found.get(at),
        expected.get(at)
    )
}

/// Edits that are made before the call that panics, and after it.
fn edit(write: &WriteTransaction, state: &mut State, id: u64) -> Result<()> {
    let mut accounts = write.table::<Account>("accounts")?;
    accounts.insert(&account(id))?;
    drop(accounts);
    let mut points = write.table::<Point>("points")?;
    points.push(&point(id as i32))?;
    drop(points);
    state.accounts.push(account(id));
    state.points.push(point(id as i32));
    Ok(())
}

/// How a transaction ends in which a call panicked.
#[derive(Clone, Copy, Debug)]
enum End {
    Commit,
    /// After more edits.
    EditAndCommit,
    Drop,
}

/// One transaction. Whether the bomb went off, and what is wrong afterwards.
fn run(act: Act, after: u64, indexed: bool, memory_bytes: usize, end: End) -> (bool, Option<String>) {
    let (db, committed) = database(indexed, memory_bytes);
    let write = db.write().unwrap();
    let mut state = committed.clone();
    edit(&write, &mut state, 5_000).unwrap();
    let bomb = Bomb::new(after);
    let caught = catch_unwind(AssertUnwindSafe(|| act(&write, &bomb)));
    match caught {
        Ok(Ok(())) if bomb.exploded.get() => return (true, Some("the panic did not arrive".into())),
        Ok(Ok(())) => return (false, None),
        Ok(Err(error)) => return (bomb.exploded.get(), Some(format!("an error without a panic: {error}"))),
        Err(panic) if !panic.is::<Explosion>() => {
            let message = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "another panic".into());
            return (bomb.exploded.get(), Some(message));
        }
        Err(_) => {}
    }
    let rest = catch_unwind(AssertUnwindSafe(|| {
        let mut expected = state.clone();
        let mut refused = None;
        if matches!(end, End::EditAndCommit) {
            refused = edit(&write, &mut expected, 5_001).err();
        }
        let expected = match end {
            End::Drop => {
                drop(write);
                &committed
            }
            End::Commit | End::EditAndCommit => match (write.commit(), refused) {
                (Ok(()), None) => &expected,
                (Ok(()), Some(refused)) => {
                    return Some(format!("committed, though an edit failed: {refused}"));
                }
                (Err(_), _) => &committed,
            },
        };
        if let Some(wrong) = wrong(&db, expected, indexed) {
            return Some(wrong);
        }
        // The turn to write is free again.
        match db.try_write() {
            Ok(Some(write)) => {
                let mut state = expected.clone();
                edit(&write, &mut state, 6_000).and_then(|()| write.commit()).map_or_else(
                    |error| Some(format!("the next commit: {error}")),
                    |()| wrong(&db, &state, indexed),
                )
            }
            Ok(None) => Some("the turn to write was not given back".into()),
            Err(error) => Some(format!("the next write: {error}")),
        }
    }));
    (true, rest.unwrap_or_else(|_| Some("a second panic".into())))
}

/// After how many ticks to panic: each of the first ones, then ever fewer.
fn next_tick(after: u64) -> u64 {
    if after < 24 { after + 1 } else { after * 3 }
}

#[test]
fn a_panic_in_a_write_leaves_the_tables_or_the_commit_is_refused() {
    let mut failures = Vec::new();
    for (name, act) in ACTS {
        for indexed in [false, true] {
            for (memory_bytes, end) in [
                (64 << 20, End::EditAndCommit),
                (64 << 20, End::Commit),
                (0, End::Commit),
                (64 << 20, End::Drop),
            ] {
                let mut after = 0;
                loop {
                    let (exploded, wrong) = run(*act, after, indexed, memory_bytes, end);
                    if let Some(wrong) = wrong {
                        failures.push(format!(
                            "{name}, panic after {after} calls, indexes: {indexed}, memory: {memory_bytes}, {end:?}: \
                             {wrong}"
                        ));
                        // The next ones are likely to be the same.
                        break;
                    }
                    if !exploded {
                        assert!(after > 0, "{name} called nothing");
                        break;
                    }
                    after = next_tick(after);
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_panic_in_a_progress_callback_leaves_the_database() {
    type Call = fn(&Database, &TempDb, &Bomb) -> Result<()>;
    let calls: [(&str, Call); 5] = [
        ("check", |db, _, bomb| db.check_with(|_, _| bomb.tick()).map(drop)),
        ("compact", |db, _, bomb| db.compact_with(|_, _| bomb.tick()).map(drop)),
        ("compact_table", |db, _, bomb| db.compact_table_with("accounts", |_, _| bomb.tick()).map(drop)),
        ("backup", |db, temp, bomb| {
            db.backup_with(temp.folder().join("copy.dry"), |_, _| bomb.tick()).map(drop)
        }),
        ("backup of a snapshot", |db, temp, bomb| {
            db.read()?.backup_with(temp.folder().join("copy.dry"), |_, _| bomb.tick()).map(drop)
        }),
    ];
    let mut failures = Vec::new();
    for (name, call) in calls {
        let mut after = 0;
        loop {
            let temp = TempDb::new();
            let (db, mut state) = on_disk(&temp);
            let files = temp.folder().read_dir().unwrap().count();
            let bomb = Bomb::new(after);
            let caught = catch_unwind(AssertUnwindSafe(|| call(&db, &temp, &bomb)));
            if !bomb.exploded.get() {
                if after == 0 || !matches!(caught, Ok(Ok(()))) {
                    failures.push(format!("{name} called nothing, or failed without a panic"));
                }
                break;
            }
            if caught.is_ok() {
                failures.push(format!("{name}, panic after {after} calls: it did not arrive"));
            }
            let mut wrong = wrong(&db, &state, true);
            let now = temp.folder().read_dir().unwrap().count();
            if now != files {
                wrong = Some(format!("{now} files in place of {files}"));
            }
            match db.try_write() {
                Ok(Some(write)) => {
                    edit(&write, &mut state, 7_000).unwrap();
                    write.commit().unwrap();
                    wrong = wrong.or_else(|| self::wrong(&db, &state, true));
                }
                _ => wrong = Some("the turn to write was not given back".into()),
            }
            if db.compact().is_err() {
                wrong = Some("it cannot be compacted any more".into());
            }
            wrong = wrong.or_else(|| self::wrong(&db, &state, true));
            failures.extend(wrong.map(|wrong| format!("{name}, panic after {after} calls: {wrong}")));
            after = next_tick(after);
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// The same tables in a file, with holes between them, so that there is something to compact.
fn on_disk(temp: &TempDb) -> (Database, State) {
    let db = temp::open(temp.path(), &OpenOptions::new()).unwrap();
    let state = State {
        accounts: (0..2000).map(account).collect(),
        points: (0..3000).map(|n| point(n * 31 % 3001)).collect(),
    };
    let write = db.write().unwrap();
    let mut filling = write.create_table::<Point>("filling").unwrap();
    filling.load((0..300_000).map(point)).unwrap();
    drop(filling);
    write.commit().unwrap();
    let write = db.write().unwrap();
    let mut accounts = write.create_table::<Account>("accounts").unwrap();
    for row in &state.accounts {
        accounts.insert(row).unwrap();
    }
    drop(accounts);
    write.create_table::<Point>("points").unwrap().extend(state.points.iter().copied()).unwrap();
    write.create_table::<Account>("no accounts").unwrap();
    write.create_table::<Point>("no points").unwrap();
    for (table, index, fields, unique) in INDEXES {
        write.create_index_with(table, index, fields, &IndexOptions::new().unique(*unique)).unwrap();
    }
    write.commit().unwrap();
    let write = db.write().unwrap();
    write.drop_table("filling").unwrap();
    write.commit().unwrap();
    (db, state)
}
