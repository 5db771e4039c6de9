//! What the soak's database holds after each commit: it follows from the commit's number alone.

use crate::random::Random;
use drystone::{
    Dyn, LoadOptions, OnDuplicate, ReadTransaction, Record, Result, TableOptions, WriteTransaction,
};

const ACCOUNTS: u64 = 2000;
const GROUPS: u64 = 50;
const MOST_CELLS: u64 = 4000;
/// Entries of at most this many commits are kept.
const KEPT_ENTRIES: u64 = 512;

/// With a key, and indexes that come and go.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Account {
    #[record(key)]
    id: u64,
    commit: u64,
    group: u32,
    rest: u32,
}

/// By row number.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Cell {
    row: u64,
    commit: u64,
}

/// One per commit.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Entry {
    commit: u64,
    sum: u64,
}

/// Loaded, loaded into, and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Bulk {
    #[record(key)]
    key: u64,
    commit: u64,
    rest: [u64; 6],
}

/// Inserted in an order without a pattern, cleared, and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Scattered {
    #[record(key)]
    key: u64,
    commit: u64,
}

impl Account {
    fn new(id: u64, commit: u64) -> Account {
        let mixed = mix(id, commit);
        Account { id, commit, group: (mixed % GROUPS) as u32, rest: mixed as u32 }
    }
}

impl Entry {
    fn new(commit: u64) -> Entry {
        Entry { commit, sum: mix(commit, 1) }
    }
}

impl Bulk {
    fn new(key: u64, commit: u64) -> Bulk {
        Bulk { key, commit, rest: [mix(key, commit); 6] }
    }
}

fn mix(a: u64, b: u64) -> u64 {
    Random::new(a ^ b.rotate_left(32)).next()
}

/// A change of one commit.
#[derive(Clone, Copy, Debug)]
enum Change {
    Upsert(u64),
    Remove(u64),
    SetCell(u64),
    PushCell,
    TruncateCells(u64),
    /// Makes the table and loads this many rows with even keys.
    Load(u64),
    /// Loads this many rows with odd keys into it.
    LoadMore(u64),
    DropBulk,
    /// Inserts this many rows, each with the next key by a step that has no common divisor with
    /// their number.
    Scatter(u64, u64),
    ClearScattered,
    DropScattered,
    CreateIndex,
    DropIndex,
    TruncateEntries,
}

/// The state after this many commits.
#[derive(Clone)]
pub(super) struct Contents {
    pub(super) commits: u64,
    /// By id: the commit that wrote the row, if there is one.
    accounts: Vec<Option<u64>>,
    /// By row: the commit that wrote it.
    cells: Vec<u64>,
    /// Commit and rows of each of the two loads.
    bulk: Vec<(u64, u64)>,
    /// Commit and rows, if there is the table.
    scattered: Option<(u64, u64)>,
    has_index: bool,
    first_entry: u64,
}

impl Contents {
    /// What [`fill`] makes.
    pub(super) fn new() -> Contents {
        Contents {
            commits: 0,
            accounts: vec![Some(0); ACCOUNTS as usize],
            cells: vec![0; 1000],
            bulk: Vec::new(),
            scattered: None,
            has_index: false,
            first_entry: 0,
        }
    }

    /// The changes of the next commit.
    fn changes(&self) -> Vec<Change> {
        let commit = self.commits + 1;
        let mut numbers = Random::new(commit);
        let mut changes = Vec::new();
        let touched = if commit % 32 == 17 { 700 } else { 1 + numbers.next() % 24 };
        for _ in 0..touched {
            let id = numbers.next() % ACCOUNTS;
            changes.push(if numbers.next().is_multiple_of(4) {
                Change::Remove(id)
            } else {
                Change::Upsert(id)
            });
        }
        let mut cells = self.cells.len() as u64;
        if commit % 128 == 77 {
            cells /= 3;
            changes.push(Change::TruncateCells(cells));
        }
        changes.extend((0..numbers.next() % 8).map(|_| Change::SetCell(numbers.next() % cells.max(1))));
        let room = MOST_CELLS - cells;
        changes.extend((0..(numbers.next() % 40).min(room)).map(|_| Change::PushCell));
        match commit % 16 {
            3 => changes.push(Change::Load(500 + numbers.next() % 6000)),
            7 if !self.bulk.is_empty() => changes.push(Change::LoadMore(1 + numbers.next() % 3000)),
            11 if !self.bulk.is_empty() => changes.push(Change::DropBulk),
            5 if self.scattered.is_none() => {
                let rows = 200 + numbers.next() % 1500;
                let steps = [1, rows - 1, 7, 127, 1009];
                let step = steps[numbers.below(steps.len())];
                changes.push(Change::Scatter(rows, if common_divisor(step, rows) == 1 { step } else { 1 }));
            }
            13 if self.scattered.is_some() => {
                let clears = numbers.next().is_multiple_of(2);
                changes.push(if clears { Change::ClearScattered } else { Change::DropScattered });
            }
            14 if self.scattered.is_some() => changes.push(Change::DropScattered),
            _ => {}
        }
        match commit % 64 {
            20 if !self.has_index => changes.push(Change::CreateIndex),
            50 if self.has_index => changes.push(Change::DropIndex),
            _ => {}
        }
        if commit.is_multiple_of(KEPT_ENTRIES) {
            changes.push(Change::TruncateEntries);
        }
        changes
    }

    /// The state after the next commit.
    pub(super) fn step(&mut self) {
        let changes = self.changes();
        self.commits += 1;
        let commit = self.commits;
        for change in changes {
            match change {
                Change::Upsert(id) => self.accounts[id as usize] = Some(commit),
                Change::Remove(id) => self.accounts[id as usize] = None,
                Change::SetCell(row) => self.cells[row as usize] = commit,
                Change::PushCell => self.cells.push(commit),
                Change::TruncateCells(rows) => self.cells.truncate(rows as usize),
                Change::Load(rows) => self.bulk = vec![(commit, rows)],
                Change::LoadMore(rows) => self.bulk.push((commit, rows)),
                Change::DropBulk => self.bulk.clear(),
                Change::Scatter(rows, _) => self.scattered = Some((commit, rows)),
                Change::ClearScattered => self.scattered = Some((commit, 0)),
                Change::DropScattered => self.scattered = None,
                Change::CreateIndex => self.has_index = true,
                Change::DropIndex => self.has_index = false,
                Change::TruncateEntries => self.first_entry = commit,
            }
        }
    }

    /// Goes on to the state after this many commits.
    pub(super) fn advance(&mut self, commits: u64) {
        assert!(commits >= self.commits, "{commits} commits after {}", self.commits);
        while self.commits < commits {
            self.step();
        }
    }

    /// Makes the next commit's changes in a transaction that begins with this state.
    pub(super) fn write_next(&self, write: &WriteTransaction) -> Result<()> {
        let commit = self.commits + 1;
        for change in self.changes() {
            self.write_change(write, change, commit)?;
        }
        write.table::<Entry>("entries")?.push(&Entry::new(commit)).map(drop)
    }

    fn write_change(&self, write: &WriteTransaction, change: Change, commit: u64) -> Result<()> {
        let accounts = || write.table::<Account>("accounts");
        let cells = || write.table::<Cell>("cells");
        match change {
            Change::Upsert(id) => accounts()?.upsert(&Account::new(id, commit)).map(drop),
            Change::Remove(id) => accounts()?.remove(id).map(drop),
            Change::SetCell(row) => cells()?.set(row, &Cell { row, commit }),
            Change::PushCell => {
                let mut cells = cells()?;
                let row = cells.len();
                cells.push(&Cell { row, commit }).map(drop)
            }
            Change::TruncateCells(rows) => cells()?.truncate(rows),
            Change::Load(rows) => {
                if !self.bulk.is_empty() {
                    write.drop_table("bulk")?;
                }
                // Every other time out of order, so that they are sorted.
                let key = |row| 2 * if commit.is_multiple_of(2) { rows - 1 - row } else { row };
                let rows = (0..rows).map(|row| Bulk::new(key(row), commit));
                write.create_table::<Bulk>("bulk")?.load(rows).map(drop)
            }
            Change::LoadMore(rows) => {
                let rows = (0..rows).map(|row| Bulk::new(2 * row + 1, commit));
                let options = LoadOptions::new().on_duplicate(OnDuplicate::Last).memory_bytes(1 << 20);
                write.table::<Bulk>("bulk")?.load_with(rows, &options).map(drop)
            }
            Change::DropBulk => write.drop_table("bulk"),
            Change::Scatter(rows, step) => {
                let mut table = write.create_table::<Scattered>("scattered")?;
                (0..rows).try_for_each(|row| table.insert(&Scattered { key: row * step % rows, commit }))
            }
            Change::ClearScattered => write.table::<Scattered>("scattered")?.clear(),
            Change::DropScattered => write.drop_table("scattered"),
            Change::CreateIndex => write.create_index("accounts", "by_commit", &["commit"]),
            Change::DropIndex => write.drop_index("accounts", "by_commit"),
            Change::TruncateEntries => write.table::<Entry>("entries")?.truncate(0),
        }
    }

    /// Fails unless a snapshot, of this state or a later one, holds the expected rows. Returns its
    /// [`fingerprint`].
    #[track_caller]
    pub(super) fn assert_shown(&mut self, read: &ReadTransaction) -> u64 {
        let commits = commits_in(read);
        self.advance(commits);
        let mut names = vec!["accounts", "cells", "entries"];
        names.extend((!self.bulk.is_empty()).then_some("bulk"));
        names.extend(self.scattered.map(|_| "scattered"));
        names.sort_unstable();
        assert_eq!(read.table_names().unwrap(), names, "after {commits} commits");

        let expected: Vec<Account> =
            (0..).zip(&self.accounts).filter_map(|(id, by)| by.map(|by| Account::new(id, by))).collect();
        let accounts = read.table::<Account>("accounts").unwrap();
        assert_rows(accounts.iter(), &expected, "accounts", commits);
        let mut numbers = Random::new(commits);
        for _ in 0..32 {
            let id = numbers.next() % ACCOUNTS;
            let by = self.accounts[id as usize].map(|by| Account::new(id, by));
            assert_eq!(accounts.get(id).unwrap().copied(), by, "account {id} after {commits} commits");
        }
        let mut by_group = expected.clone();
        by_group.sort_by_key(|account| (account.group, account.id));
        assert_rows(accounts.index("by_group").unwrap().iter(), &by_group, "by_group", commits);
        match accounts.index("by_commit") {
            Ok(index) => {
                assert!(self.has_index, "an index that was dropped after {commits} commits");
                let mut by_commit = expected;
                by_commit.sort_by_key(|account| (account.commit, account.id));
                assert_rows(index.iter(), &by_commit, "by_commit", commits);
            }
            Err(error) => assert!(!self.has_index, "after {commits} commits: {error}"),
        }

        let expected: Vec<Cell> =
            (0..).zip(&self.cells).map(|(row, commit)| Cell { row, commit: *commit }).collect();
        assert_rows(read.table::<Cell>("cells").unwrap().iter(), &expected, "cells", commits);
        let expected: Vec<Entry> = (self.first_entry..=commits).map(Entry::new).collect();
        assert_rows(read.table::<Entry>("entries").unwrap().iter(), &expected, "entries", commits);
        if !self.bulk.is_empty() {
            let mut expected: Vec<Bulk> = Vec::new();
            for (odd, (commit, rows)) in (0..).zip(&self.bulk) {
                expected.extend((0..*rows).map(|row| Bulk::new(2 * row + odd, *commit)));
            }
            expected.sort_by_key(|row| row.key);
            assert_rows(read.table::<Bulk>("bulk").unwrap().iter(), &expected, "bulk", commits);
        }
        if let Some((commit, rows)) = self.scattered {
            let expected: Vec<Scattered> = (0..rows).map(|key| Scattered { key, commit }).collect();
            let scattered = read.table::<Scattered>("scattered").unwrap();
            assert_rows(scattered.iter(), &expected, "scattered", commits);
        }
        fingerprint(read)
    }
}

/// Fails, naming the first row that differs.
#[track_caller]
fn assert_rows<'t, T: Record + PartialEq + std::fmt::Debug>(
    found: impl Iterator<Item = Result<&'t T>>,
    expected: &[T],
    what: &str,
    commits: u64,
) {
    let mut rows = 0;
    for row in found {
        let row = row.unwrap_or_else(|error| panic!("{what}, row {rows} after {commits} commits: {error}"));
        assert_eq!(Some(row), expected.get(rows), "{what}, row {rows} after {commits} commits");
        rows += 1;
    }
    assert_eq!(rows, expected.len(), "{what} after {commits} commits");
}

/// How many commits a snapshot has.
pub(super) fn commits_in(read: &ReadTransaction) -> u64 {
    read.table::<Entry>("entries").unwrap().last().unwrap().expect("there is always an entry").commit
}

/// How many commits a transaction builds on.
pub(super) fn commits_before(write: &WriteTransaction) -> u64 {
    let entries = write.table::<Entry>("entries").unwrap();
    entries.as_table().last().unwrap().expect("there is always an entry").commit
}

/// All rows of a snapshot, and all entries of its indexes, as one number.
pub(super) fn fingerprint(read: &ReadTransaction) -> u64 {
    let mut sum = 0xCBF2_9CE4_8422_2325_u64;
    let mut add = |number: u64| sum = (sum.rotate_left(5) ^ number).wrapping_mul(0x0000_0100_0000_01B3);
    for name in read.table_names().unwrap() {
        let table = read.table::<Dyn>(&name).unwrap();
        add(table.len());
        let mut trees = vec![table.iter()];
        for index in read.indexes(&name).unwrap() {
            trees.push(table.index(&index.name).unwrap().iter().entries());
        }
        for rows in trees {
            for records in rows.slices() {
                let records = records.unwrap_or_else(|error| panic!("table {name:?}: {error}")).as_bytes();
                add(records.len() as u64);
                // All widths here are multiples of 4.
                let (words, rest) = records.as_chunks::<8>();
                words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
                rest.iter().for_each(|byte| add(u64::from(*byte)));
            }
        }
    }
    sum
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Makes the tables, as they are before the first commit.
pub(super) fn fill(write: &WriteTransaction) -> Result<()> {
    // Small leaves, so that there are many nodes.
    let small = |rows| TableOptions::new().leaf_rows(rows);
    let mut accounts = write.create_table_with::<Account>("accounts", &small(171))?;
    (0..ACCOUNTS).try_for_each(|id| accounts.insert(&Account::new(id, 0)))?;
    accounts.create_index("by_group", &["group"])?;
    let mut cells = write.create_table_with::<Cell>("cells", &small(256))?;
    (0..1000).try_for_each(|row| cells.push(&Cell { row, commit: 0 }).map(drop))?;
    write.create_table_with::<Entry>("entries", &small(256))?.push(&Entry::new(0)).map(drop)
}
