//! One process of the soak: it does what chance tells it, until its time is over or it is killed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use drystone::{Database, Durability, ErrorKind, OpenOptions, ReadTransaction, WriteTransaction};

use super::contents::{Contents, commits_before, commits_in, fingerprint};
use crate::child;
use crate::random::Random;
use crate::temp::{self, assert_sound};

/// Snapshots that a process holds at most.
const MOST_HELD: usize = 4;

/// The reports of processes, in a file that all append to: a kill takes away nothing that was
/// written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The commit of this number has returned.
    Committed = 1,
    /// A snapshot was read again, as it was let go, and was what it had been.
    Compared,
    Compacted,
    Synced,
    Checked,
    /// The database was opened, not by the first process.
    Opened,
    /// A forked child has begun.
    Forked,
    /// It has ended, and all was right.
    ForkDone,
    /// A process has ended in time, and all was right.
    Done,
}

impl Report {
    const ALL: [Report; 9] = [
        Report::Committed,
        Report::Compared,
        Report::Compacted,
        Report::Synced,
        Report::Checked,
        Report::Opened,
        Report::Forked,
        Report::ForkDone,
        Report::Done,
    ];
}

const REPORT_BYTES: usize = 16;

/// The file of reports.
pub(super) struct Reports(File);

impl Reports {
    pub(super) fn open(database: &Path) -> Reports {
        let path = database.with_extension("reports");
        Reports(File::options().create(true).append(true).read(true).open(path).unwrap())
    }

    pub(super) fn add(&mut self, report: Report, number: u64) {
        let mut bytes = [0; REPORT_BYTES];
        bytes[0] = report as u8;
        bytes[8..].copy_from_slice(&number.to_le_bytes());
        // One call appends all of it, or nothing.
        self.0.write_all(&bytes).unwrap();
    }

    /// Takes all reports out.
    pub(super) fn take(&mut self) -> Vec<(Report, u64)> {
        let mut bytes = Vec::new();
        self.0.seek(SeekFrom::Start(0)).unwrap();
        self.0.read_to_end(&mut bytes).unwrap();
        self.0.set_len(0).unwrap();
        bytes.as_chunks::<REPORT_BYTES>().0.iter().map(parse).collect()
    }

    /// The commit in the last report, if it is of a commit.
    fn last_commit(&mut self) -> Option<u64> {
        let len = self.0.metadata().unwrap().len();
        let mut bytes = [0; REPORT_BYTES];
        self.0.seek(SeekFrom::Start(len.checked_sub(REPORT_BYTES as u64)?)).unwrap();
        self.0.read_exact(&mut bytes).unwrap();
        let (report, commit) = parse(&bytes);
        (report == Report::Committed).then_some(commit)
    }
}

fn parse(bytes: &[u8; REPORT_BYTES]) -> (Report, u64) {
    let report = Report::ALL.into_iter().find(|report| *report as u8 == bytes[0]).expect("a report");
    (report, u64::from_le_bytes(bytes[8..].try_into().unwrap()))
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Writes, reads, compacts, checks.
    Write,
    /// Has the database open read-only.
    Read,
    /// As `Write`, and forks children that open the database again.
    Fork,
    /// As `Write`, while a second thread calls `sync` without a pause.
    Sync,
}

impl Role {
    pub(super) const ALL: [Role; 4] = [Role::Write, Role::Read, Role::Fork, Role::Sync];
}

/// How long a process works, from its first action, and by which choices.
pub(super) fn task(seed: u64, role: Role, milliseconds: u64) -> String {
    format!("{seed} {} {milliseconds}", role as u8)
}

struct Worker {
    path: PathBuf,
    options: OpenOptions,
    role: Role,
    db: Database,
    /// Snapshots with their commits and fingerprints.
    held: Vec<(ReadTransaction, u64, u64)>,
    contents: Contents,
    numbers: Random,
    reports: Reports,
}

/// In another process: takes part in the soak.
pub(crate) fn take_part(path: &Path) {
    let told = child::listen().unwrap();
    let told: Vec<u64> = told.split(' ').map(|number| number.parse().unwrap()).collect();
    let (seed, role, time) = (told[0], Role::ALL[told[1] as usize], Duration::from_millis(told[2]));
    let mut numbers = Random::new(seed);
    let mut options = OpenOptions::new().create(false).read_only(role == Role::Read);
    if numbers.next().is_multiple_of(2) {
        options = options.memory_bytes(32 << 10);
    }
    let db = temp::open(path, &options).unwrap();
    let reports = Reports::open(path);
    let (held, contents) = (Vec::new(), Contents::new());
    let mut worker = Worker { path: path.to_owned(), options, role, db, held, contents, numbers, reports };
    worker.reports.add(Report::Opened, 0);
    let end = Instant::now() + time;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if role == Role::Sync {
            let (db, done) = (worker.db.clone(), &done);
            scope.spawn(move || sync_again_and_again(&db, path, done));
        }
        let _done = SetOnDrop(&done);
        while Instant::now() < end {
            worker.act();
        }
        while !worker.held.is_empty() {
            worker.release();
        }
    });
    drop(worker.db);
    worker.reports.add(Report::Done, 0);
}

/// Also when a thread panics, so that the others end.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn sync_again_and_again(db: &Database, path: &Path, done: &AtomicBool) {
    let mut reports = Reports::open(path);
    while !done.load(Ordering::Relaxed) {
        db.sync().unwrap();
        reports.add(Report::Synced, 0);
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Worker {
    fn act(&mut self) {
        match self.numbers.next() % 100 {
            0..30 if self.role != Role::Read => self.commit(),
            30..34 if self.role != Role::Read => drop(self.edited()),
            34..37 if self.role != Role::Read => self.compact(),
            37..42 if self.role != Role::Read => {
                self.db.sync().unwrap();
                self.reports.add(Report::Synced, 0);
            }
            42..44 if self.role == Role::Fork => self.fork(),
            44..46 => {
                assert_sound(&self.db);
                self.reports.add(Report::Checked, 0);
            }
            46..50 => {
                for reader in self.db.readers().unwrap() {
                    self.db.held_bytes(&reader).unwrap();
                }
            }
            50..52 if self.held.is_empty() && self.role != Role::Sync => {
                // Opening takes the file that is there, or the handle that is still open.
                let other = temp::open(&self.path, &self.options).unwrap();
                if self.numbers.next().is_multiple_of(2) {
                    drop(other);
                } else {
                    self.db = other;
                }
            }
            52..54 => std::thread::sleep(Duration::from_micros(self.numbers.next() % 20_000)),
            54..80 if self.held.len() < MOST_HELD => self.hold(),
            _ => self.release(),
        }
    }

    /// A transaction with the changes of the next commit.
    fn edited(&mut self) -> Option<(WriteTransaction, u64)> {
        let mut write = match self.numbers.next() % 4 {
            0 => self.db.try_write().unwrap()?,
            1 => self.db.try_write_for(Duration::from_secs(60)).unwrap(),
            _ => self.db.write().unwrap(),
        };
        if self.numbers.next().is_multiple_of(2) {
            write.set_durability(Durability::Eventual);
        }
        if self.numbers.next().is_multiple_of(3) {
            write.set_memory_bytes(16 << 10);
        }
        let before = commits_before(&write);
        assert!(before >= self.contents.commits, "{before} after {}", self.contents.commits);
        self.contents.advance(before);
        self.contents.write_next(&write).unwrap();
        Some((write, before + 1))
    }

    fn commit(&mut self) {
        let Some((write, commit)) = self.edited() else { return };
        write.commit().unwrap();
        self.reports.add(Report::Committed, commit);
        self.contents.step();
    }

    fn compact(&mut self) {
        match self.numbers.next() % 2 {
            0 => self.db.compact().map(drop).unwrap(),
            _ => self.db.compact_table("accounts").map(drop).unwrap(),
        }
        self.reports.add(Report::Compacted, 0);
    }

    fn hold(&mut self) {
        let least = self.reports.last_commit().unwrap_or(0).max(self.contents.commits);
        let read = self.db.read().unwrap();
        let commits = commits_in(&read);
        assert!(commits >= least, "a snapshot with {commits} commits, after commit {least} had returned");
        let shown = self.contents.assert_shown(&read);
        self.held.push((read, commits, shown));
    }

    fn release(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let (read, commits, shown) = self.held.swap_remove(self.numbers.below(self.held.len()));
        assert_eq!(fingerprint(&read), shown, "a snapshot of {commits} commits changed while it was held");
        self.reports.add(Report::Compared, commits);
    }

    /// A child opens the database again, while this process waits with its own handle and
    /// snapshots.
    fn fork(&mut self) {
        let done = temp::fork(|| {
            // Reported here, because the parent may be killed before it forks.
            self.reports.add(Report::Forked, 0);
            let refused = self.db.read().err().map(|error| error.kind());
            assert_eq!(refused, Some(ErrorKind::AfterFork), "the parent's handle in a forked child");
            self.db = temp::open(&self.path, &self.options).unwrap();
            let of_parent = std::mem::take(&mut self.held);
            self.hold();
            self.commit();
            self.hold();
            while !self.held.is_empty() {
                self.release();
            }
            // The parent's snapshots stay pinned, whatever becomes of its handles here.
            drop(of_parent);
            self.reports.add(Report::ForkDone, 0);
            true
        });
        assert!(done, "a forked child failed");
    }
}
