//! What is done to a database: short scripts that use every kind of commit, and long random ones.

use drystone::Durability;

use crate::model::{Edit, Table};
use crate::random::Random;

/// One transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Its changes.
    pub edits: Vec<Edit>,
    /// The durability of its commit; `None` if it is dropped.
    pub commit: Option<Durability>,
    /// The memory for its edits. If it is small, they spill.
    pub memory_bytes: usize,
}

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    /// Runs a transaction.
    Write(Transaction),
    /// Takes a snapshot and holds it.
    Hold,
    /// Releases the oldest snapshot.
    Release,
    /// Makes everything durable.
    Sync,
    /// Compacts all tables, in as many commits as that takes.
    Compact,
    /// The process is killed, but the disk keeps its power. Another process opens the database.
    Kill,
}

/// A sequence of steps with a name.
#[derive(Clone, Debug)]
pub struct Script {
    /// For the report of a failure.
    pub name: String,
    /// In order.
    pub steps: Vec<Step>,
}

const PLENTY: usize = 1 << 30;
const A: Table = Table::Keyed(0);
const B: Table = Table::Keyed(1);
const L: Table = Table::List(0);

fn write(commit: Option<Durability>, memory_bytes: usize, edits: &[Edit]) -> Step {
    Step::Write(Transaction { edits: edits.to_vec(), commit, memory_bytes })
}

fn commit(edits: &[Edit]) -> Step {
    write(Some(Durability::Immediate), PLENTY, edits)
}

fn eventual(edits: &[Edit]) -> Step {
    write(Some(Durability::Eventual), PLENTY, edits)
}

fn put(table: Table, first: u64, count: u64, value: u64) -> Edit {
    Edit::Put { table, first, count, step: 1, value }
}

fn remove(table: Table, first: u64, count: u64) -> Edit {
    Edit::Remove { table, first, count }
}

fn load(table: Table, rows: u64, replace: bool, value: u64) -> Edit {
    Edit::Load { table, rows, replace, backwards: value % 2 == 1, value }
}

/// A row in each of thirty tables.
fn many(value: u64) -> Vec<Edit> {
    let tables = (0..30).map(Table::Keyed);
    tables.flat_map(|table| [Edit::Create(table), put(table, 1, 1, value)]).collect()
}

/// What is done after every crash: the first transaction settles what was found, the second is the
/// next commit.
pub fn follow_up() -> Script {
    let steps = vec![
        commit(&[Edit::Create(A), put(A, 3, 2, 7_000_000), Edit::Create(B), remove(B, 1, 2)]),
        commit(&[put(A, 40, 20, 8_000_000), load(B, 20, true, 8_100_000)]),
    ];
    Script { name: "follow-up".to_owned(), steps }
}

/// A commit of which one run was written before the others.
pub fn again_script() -> Script {
    let steps = vec![commit(&[Edit::Create(A), put(A, 0, 40, 100)]), again(Some(Durability::Immediate))];
    Script { name: "again".to_owned(), steps }
}

/// What follows a cut in that commit: the same bytes go to the same place, and nothing is
/// committed. This must not bring back a commit that the cut took away.
pub fn again_and_drop() -> Script {
    Script { name: "again, and dropped".to_owned(), steps: vec![again(None)] }
}

fn again(commit: Option<Durability>) -> Step {
    write(commit, 1, &[put(A, 5, 1, 200)])
}

/// Short scripts, each for a kind of commit or a way in which commits meet.
pub fn short_scripts() -> Vec<Script> {
    [snapshots_and_kills(), large_commits(), unfinished_commits(), removals_and_loads(), rewrites()]
        .into_iter()
        .flatten()
        .map(|(name, steps)| Script { name: name.to_owned(), steps })
        .collect()
}

/// The first transaction of many scripts.
fn create() -> Step {
    commit(&[Edit::Create(A), put(A, 0, 40, 100)])
}

/// Snapshots that are held, and processes that are killed.
fn snapshots_and_kills() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("small", vec![create(), commit(&[put(A, 5, 2, 200)]), commit(&[put(A, 5, 1, 300)])]),
        (
            "snapshots",
            vec![
                create(),
                Step::Hold,
                commit(&[put(A, 0, 40, 200)]),
                Step::Hold,
                commit(&[put(A, 0, 40, 300)]),
                commit(&[put(A, 0, 40, 400)]),
                Step::Release,
                commit(&[put(A, 0, 40, 500)]),
                eventual(&[put(A, 0, 40, 600)]),
                Step::Release,
                commit(&[put(A, 0, 40, 700)]),
            ],
        ),
        (
            "killed",
            vec![
                create(),
                eventual(&[put(A, 5, 30, 200)]),
                eventual(&[put(A, 5, 1, 300)]),
                Step::Kill,
                commit(&[put(A, 0, 40, 400)]),
                Step::Kill,
                commit(&[put(A, 0, 40, 500)]),
                eventual(&[put(A, 0, 10, 600)]),
                Step::Kill,
            ],
        ),
        (
            "eventual",
            vec![
                create(),
                eventual(&[put(A, 5, 1, 200)]),
                eventual(&[put(A, 30, 1, 300)]),
                eventual(&[put(A, 5, 1, 400)]),
                commit(&[put(A, 30, 1, 500)]),
                commit(&[put(A, 0, 20, 600)]),
                commit(&[put(A, 9, 1, 700)]),
            ],
        ),
    ]
}

/// Commits that write a lot, and files that grow and shrink.
fn large_commits() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        (
            "spill",
            vec![
                create(),
                write(Some(Durability::Immediate), 1, &[put(A, 0, 3, 200), put(A, 100, 3, 200)]),
                commit(&[put(A, 0, 30, 300)]),
                write(Some(Durability::Immediate), 20_000, &[put(A, 0, 60, 400), remove(A, 10, 40)]),
                commit(&[put(A, 20, 3, 500)]),
                commit(&[put(A, 30, 30, 600)]),
            ],
        ),
        (
            // A run for each table: a list of more runs than fit into one sector of the meta page.
            "many tables",
            vec![commit(&many(0)), commit(&many(100)), commit(&[put(A, 5, 1, 200)])],
        ),
        (
            "sync",
            vec![
                create(),
                eventual(&[put(A, 5, 30, 200)]),
                eventual(&[put(A, 5, 30, 300)]),
                Step::Sync,
                commit(&[put(A, 0, 40, 400)]),
                eventual(&[put(A, 7, 1, 500)]),
                Step::Sync,
                eventual(&[put(A, 0, 30, 600)]),
            ],
        ),
        (
            "shrink",
            vec![
                commit(&[Edit::Create(A), load(A, 200, false, 2)]),
                commit(&[load(A, 20, true, 4)]),
                commit(&[load(A, 20, true, 6)]),
                commit(&[load(A, 20, true, 8)]),
                eventual(&[load(A, 100, true, 10)]),
                eventual(&[load(A, 10, true, 12)]),
                commit(&[load(A, 10, true, 14)]),
                commit(&[put(A, 3, 1, 16)]),
            ],
        ),
    ]
}

/// Commits that are not durable or not finished when the next one begins.
fn unfinished_commits() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        (
            "killed, then durable",
            vec![
                create(),
                eventual(&[put(A, 5, 30, 200)]),
                eventual(&[put(A, 5, 30, 300)]),
                commit(&[put(A, 5, 30, 400)]),
                Step::Kill,
                commit(&[put(A, 0, 40, 500)]),
                commit(&[put(A, 1, 1, 600)]),
            ],
        ),
        (
            "eventual, then large",
            vec![
                create(),
                eventual(&[put(A, 5, 1, 200)]),
                write(Some(Durability::Eventual), 1, &[put(A, 0, 3, 300), put(A, 0, 3, 301)]),
                eventual(&[put(A, 5, 1, 400)]),
                eventual(&[put(A, 0, 40, 500)]),
                commit(&[put(A, 30, 1, 600)]),
            ],
        ),
        (
            "given up",
            vec![
                create(),
                // Written, and dropped before the commit: unreachable pages, which must not be
                // listed.
                write(
                    Some(Durability::Immediate),
                    PLENTY,
                    &[Edit::Create(L), load(L, 60, false, 1), Edit::Drop(L), put(A, 1, 1, 2)],
                ),
                commit(&[put(A, 0, 40, 3)]),
                commit(&[put(A, 2, 1, 4)]),
            ],
        ),
    ]
}

/// Rows, tables and loads that come and go.
fn removals_and_loads() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        (
            "remove",
            vec![
                create(),
                commit(&[remove(A, 0, 30)]),
                commit(&[put(A, 90, 9, 1)]),
                commit(&[remove(A, 0, 99)]),
            ],
        ),
        (
            "drop",
            vec![
                commit(&[Edit::Create(A), put(A, 0, 60, 1), Edit::Create(L), put(L, 0, 20, 5)]),
                commit(&[Edit::Drop(A)]),
                commit(&[put(L, 0, 30, 6)]),
                commit(&[Edit::Create(A), put(A, 0, 20, 7)]),
            ],
        ),
        (
            "load",
            vec![
                commit(&[Edit::Create(A), load(A, 100, false, 1), Edit::Create(L), load(L, 40, false, 2)]),
                commit(&[load(A, 30, true, 3)]),
                commit(&[load(L, 20, true, 4), put(A, 7, 1, 5)]),
                commit(&[load(A, 120, false, 6)]),
            ],
        ),
        (
            "abort",
            vec![
                create(),
                write(None, 1, &[put(A, 0, 5, 200)]),
                commit(&[put(A, 1, 1, 300)]),
                write(None, PLENTY, &[load(A, 60, true, 400)]),
                commit(&[put(A, 2, 1, 500)]),
            ],
        ),
    ]
}

/// Commits that write what is there again: compactions, indexes, unkeyed rows.
fn rewrites() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        (
            "compact",
            vec![
                commit(&[Edit::Create(A), put(A, 0, 40, 1), Edit::Create(L), put(L, 0, 20, 2)]),
                commit(&[Edit::Create(B), load(B, 90, false, 3), put(A, 0, 10, 4), remove(A, 20, 15)]),
                commit(&[put(A, 60, 9, 5), Edit::Change { table: L, key: 3, value: 6 }]),
                Step::Compact,
                eventual(&[Edit::Change { table: B, key: 7, value: 7 }, put(L, 0, 20, 8)]),
                Step::Hold,
                Step::Compact,
                Step::Release,
                // The gap that it leaves is smaller than the rows above it.
                commit(&[Edit::Drop(A)]),
                Step::Compact,
                commit(&[put(B, 0, 40, 9)]),
            ],
        ),
        (
            "indexes",
            vec![
                // Built over rows, and maintained by every kind of write.
                commit(&[Edit::Create(A), put(A, 0, 20, 100), Edit::Index(A)]),
                commit(&[put(A, 5, 2, 200), Edit::Change { table: A, key: 12, value: 1 }]),
                // Made before the rows.
                eventual(&[Edit::Create(L), Edit::Index(L), put(L, 0, 5, 300), remove(A, 10, 8)]),
                Step::Hold,
                commit(&[load(A, 20, false, 401), load(L, 5, true, 402)]),
                write(Some(Durability::Immediate), 1, &[put(A, 0, 3, 500), remove(L, 3, 0)]),
                Step::Release,
                commit(&[Edit::DropIndex(A)]),
                Step::Kill,
                Step::Compact,
                commit(&[Edit::Drop(A), Edit::DropIndex(L), Edit::Index(L)]),
            ],
        ),
        (
            "lists",
            vec![
                commit(&[Edit::Create(L), put(L, 0, 50, 1)]),
                commit(&[put(L, 0, 3, 2), Edit::Change { table: L, key: 1, value: 9 }]),
                commit(&[remove(L, 20, 0)]),
                eventual(&[put(L, 0, 30, 3)]),
                commit(&[remove(L, 0, 0), put(L, 0, 2, 4)]),
            ],
        ),
    ]
}

/// A script with a commit that is too large for a list because of its size, not because of the
/// pages it freed.
pub fn large_script() -> Script {
    let steps = vec![
        commit(&[Edit::Create(A), put(A, 0, 20, 100)]),
        commit(&[load(A, 4_500, false, 200), Edit::Index(A)]),
        eventual(&[put(A, 0, 10, 300)]),
        eventual(&[load(A, 4_500, true, 400)]),
        eventual(&[put(A, 0, 10, 500)]),
        commit(&[load(A, 50, true, 600)]),
        commit(&[put(A, 0, 10, 700)]),
    ];
    Script { name: "large".to_owned(), steps }
}

/// The long script of this seed.
pub fn random_script(seed: u64) -> Script {
    let mut random = Random::new(seed);
    let length = 6 + random.below(30);
    let mut value = 0;
    let steps = (0..length).map(|_| random_step(&mut random, &mut value)).collect();
    Script { name: format!("random {seed}"), steps }
}

/// The memory for the edits of a transaction: sometimes so small that they spill.
pub fn random_memory(random: &mut Random) -> usize {
    match random.below(6) {
        0 => 1,
        1 => 10_000 + random.below(30_000) as usize,
        _ => PLENTY,
    }
}

fn random_step(random: &mut Random, value: &mut u64) -> Step {
    match random.below(20) {
        0 => Step::Hold,
        1 => Step::Release,
        2 => Step::Sync,
        3 => Step::Kill,
        4 => Step::Compact,
        _ => {
            let commit = match random.below(10) {
                0 => None,
                1..=5 => Some(Durability::Immediate),
                _ => Some(Durability::Eventual),
            };
            let memory_bytes = random_memory(random);
            let edits = (0..=random.below(4)).map(|_| random_edit(random, value)).collect();
            Step::Write(Transaction { edits, commit, memory_bytes })
        }
    }
}

/// A random change.
pub fn random_edit(random: &mut Random, value: &mut u64) -> Edit {
    *value += 1_000;
    let value = *value;
    let table = match random.below(5) {
        0 | 1 => A,
        2 => B,
        _ => L,
    };
    let key = random.below(120);
    match random.below(16) {
        0 if value.is_multiple_of(3) => Edit::DropIndex(table),
        0 => Edit::Drop(table),
        1..=2 => Edit::Create(table),
        3 => Edit::Index(table),
        4 => Edit::Load {
            table,
            rows: random.below(150),
            replace: random.one_in(2),
            backwards: random.one_in(2),
            value,
        },
        5..=6 => Edit::Remove { table, first: key, count: 1 + random.below(40) },
        7..=9 => Edit::Change { table, key, value },
        10 => Edit::Put { table, first: key, count: 10 + random.below(50), step: 1 + random.below(3), value },
        _ => Edit::Put { table, first: key, count: 1 + random.below(3), step: 1 + random.below(30), value },
    }
}
