//! A process that commits in a loop and reports each commit, killed at any moment: every reported
//! commit is there.
//!
//! A soak: `DRYSTONE_KILLS=500 cargo test --release --test integration kill -- --nocapture`.

use std::path::Path;
use std::time::{Duration, Instant};

use drystone::{Database, Durability, OpenOptions, Record, Result};

use crate::child::{self, OtherProcess};
use crate::random::Random;
use crate::temp::{self, TempDb, assert_sound};

const ACCOUNTS: u64 = 512;
const BULK_ROWS: u64 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
pub(crate) struct Account {
    #[record(key)]
    id: u64,
    amount: i64,
}

/// One a commit.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Entry {
    commit: u64,
    sum: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Bulk {
    row: u64,
    commit: u64,
    rest: [u64; 6],
}

impl Bulk {
    fn new(row: u64, commit: u64) -> Bulk {
        Bulk { row, commit, rest: [row ^ commit; 6] }
    }
}

/// What the database must hold after this many commits.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) commits: u64,
    amounts: Vec<i64>,
    bulk: Option<u64>,
}

impl Model {
    pub(crate) fn new() -> Model {
        Model { commits: 0, amounts: vec![1000; ACCOUNTS as usize], bulk: None }
    }

    /// The next commit: what it changes follows from its number.
    fn step(&mut self) -> Vec<u64> {
        self.commits += 1;
        match self.commits % 16 {
            3 => self.bulk = Some(self.commits),
            11 => self.bulk = None,
            _ => {}
        }
        let mut numbers = Random::new(self.commits);
        let mut touched = Vec::new();
        for _ in 0..1 + self.commits % 9 {
            let (from, to) = (numbers.next() % ACCOUNTS, numbers.next() % ACCOUNTS);
            let amount = (numbers.next() % 100) as i64;
            self.amounts[from as usize] -= amount;
            self.amounts[to as usize] += amount;
            touched.extend([from, to]);
        }
        touched
    }

    /// Advances to the state that the database may hold: the last reported commit, or the one under
    /// way.
    #[track_caller]
    pub(crate) fn assert_holds(&mut self, db: &Database, reported: u64) {
        self.assert_holds_from(db, reported, reported + 1);
    }

    /// The same, where more than one state may be there.
    #[track_caller]
    pub(crate) fn assert_holds_from(&mut self, db: &Database, least: u64, most: u64) {
        let read = db.read().unwrap();
        let entries = read.table::<Entry>("entries").unwrap();
        assert!((least..=most).contains(&entries.len()), "{} is not {least} to {most}", entries.len());
        while self.commits < entries.len() {
            self.step();
        }
        for (commit, entry) in (1..).zip(entries.iter()) {
            assert_eq!(*entry.unwrap(), Entry { commit, sum: commit ^ 0x5555 }, "of {}", self.commits);
        }
        let accounts = read.table::<Account>("accounts").unwrap();
        let found: Vec<i64> = accounts.iter().map(|account| account.unwrap().amount).collect();
        assert_eq!(found, self.amounts);
        assert_eq!(found.iter().sum::<i64>(), 1000 * ACCOUNTS as i64);
        match self.bulk {
            None => assert!(read.table::<Bulk>("bulk").is_err()),
            Some(commit) => {
                let bulk = read.table::<Bulk>("bulk").unwrap();
                assert_eq!(bulk.len(), BULK_ROWS);
                for (row, record) in (0..).zip(bulk.iter()) {
                    assert_eq!(*record.unwrap(), Bulk::new(row, commit));
                }
            }
        }
    }
}

pub(crate) fn fill(db: &Database) {
    let write = db.write().unwrap();
    let mut accounts = write.create_table::<Account>("accounts").unwrap();
    for id in 0..ACCOUNTS {
        accounts.insert(&Account { id, amount: 1000 }).unwrap();
    }
    drop(accounts);
    write.create_table::<Entry>("entries").unwrap();
    write.commit().unwrap();
}

/// Makes the commit that follows on what the model says.
fn commit(db: &Database, model: &mut Model) -> Result<()> {
    let touched = model.step();
    let mut write = db.write()?;
    write.set_durability(match model.commits % 3 {
        0 => Durability::Eventual,
        _ => Durability::Immediate,
    });
    if model.commits % 4 == 1 {
        write.set_memory_bytes(16 << 10);
    }
    let mut accounts = write.table::<Account>("accounts")?;
    for id in touched {
        accounts.upsert(&Account { id, amount: model.amounts[id as usize] })?;
    }
    drop(accounts);
    let commit = model.commits;
    write.table::<Entry>("entries")?.push(&Entry { commit, sum: commit ^ 0x5555 })?;
    match commit % 16 {
        3 => {
            let rows = (0..BULK_ROWS).map(|row| Bulk::new(row, commit));
            write.create_table::<Bulk>("bulk")?.load(rows)?;
        }
        11 => write.drop_table("bulk")?,
        _ => {}
    }
    write.commit()
}

/// In another process: commits until it is killed or fails, and prints the number of each commit.
pub(crate) fn commit_transfers(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    let mut model = Model::new();
    let done = db.read().unwrap().table::<Entry>("entries").unwrap().len();
    while model.commits < done {
        model.step();
    }
    child::say("ready");
    while commit(&db, &mut model).is_ok() {
        child::say(&model.commits.to_string());
        // Which changes nothing of what is seen.
        if model.commits % 8 == 5 && db.compact().is_err() {
            return;
        }
    }
}

/// What this thread has read with `read` and its like.
fn bytes_read() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// How many times to do something that a soak does more often.
pub(crate) fn times(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |times| times.parse().unwrap())
}

#[test]
fn nothing_that_was_reported_is_lost_when_the_process_is_killed() {
    let kills = times("DRYSTONE_KILLS", 20);
    let start = Instant::now();
    let temp = TempDb::new();
    fill(&temp.open());
    let mut numbers = Random::new(start.elapsed().subsec_nanos().into());
    let (mut model, mut in_flight, mut most_read, mut slowest) = (Model::new(), 0, 0, Duration::ZERO);
    for kill in 0..kills {
        // Every other time this process keeps a snapshot, so that a slot of the killed writer stays
        // in the lock file.
        let survivor = (kill % 2 == 0).then(|| {
            let db = temp.open();
            let held = db.read().unwrap();
            (db, held, model.clone())
        });
        let mut process = OtherProcess::start("commit_transfers", temp.path());
        if kill % 4 != 0 {
            assert_eq!(process.hear(), "ready");
        }
        std::thread::sleep(Duration::from_micros(numbers.next() % 40_000));
        let said = process.kill();
        let reported = said.and_then(|said| said.parse().ok()).unwrap_or(model.commits);
        if let Some((db, held, before)) = survivor {
            let begin = Instant::now();
            let read = db.read().unwrap();
            assert!(begin.elapsed() < Duration::from_secs(5), "a reader waited for a dead writer");
            assert!(read.table::<Entry>("entries").unwrap().len() >= reported);
            let entries = held.table::<Entry>("entries").unwrap();
            assert_eq!(entries.len(), before.commits, "a snapshot changed");
            let sum: i64 =
                held.table::<Account>("accounts").unwrap().iter().map(|row| row.unwrap().amount).sum();
            assert_eq!(sum, 1000 * ACCOUNTS as i64);
        }
        let (read_before, begin) = (bytes_read(), Instant::now());
        let db = temp.open();
        slowest = slowest.max(begin.elapsed());
        most_read = most_read.max(bytes_read() - read_before);
        model.assert_holds(&db, reported);
        in_flight += u64::from(model.commits > reported);
        assert_sound(&db);
        // The first write settles what the dead one left, whatever that was.
        commit(&db, &mut model).unwrap();
        let now = model.commits;
        model.assert_holds(&db, now);
        assert!(db.readers().unwrap().is_empty(), "the snapshot of a dead process counts");
    }
    // The list of one commit at most, whatever the size.
    assert!(most_read < (1 << 20) + (64 << 10), "opening read {most_read} bytes");
    println!(
        "{kills} kills in {:.1} s: {} commits, none lost, {in_flight} under way were there whole; opening read {most_read} \
         bytes at most, in {slowest:?} at most; the file has {} bytes",
        start.elapsed().as_secs_f64(),
        model.commits,
        temp.file_bytes(),
    );
}

#[test]
fn opening_after_a_kill_reads_as_little_of_a_large_file() {
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db);
    let write = db.write().unwrap();
    let rows = (0..1_000_000).map(|row| Bulk::new(row, 0));
    write.create_table::<Bulk>("ballast").unwrap().load(rows).unwrap();
    write.commit().unwrap();
    drop(db);
    assert!(temp.file_bytes() > 64_000_000);
    for _ in 0..5 {
        let mut process = OtherProcess::start("commit_transfers", temp.path());
        assert_eq!(process.hear(), "ready");
        process.hear();
        process.kill();
        let before = bytes_read();
        let db = temp.open();
        let read = bytes_read() - before;
        assert!(read < (1 << 20) + (64 << 10), "opening read {read} bytes");
        println!("opening {} bytes after a kill read {read} bytes", temp.file_bytes());
        drop(db);
    }
}
