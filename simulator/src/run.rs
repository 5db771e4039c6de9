//! Runs a script on a simulated disk, and records after each event what a power cut may leave.

use std::fmt::Display;
use std::sync::Arc;

use drystone::simulation::{self, CrashDisk, Event, Fault};
use drystone::{Database, Durability, Error, ErrorKind, ReadTransaction};

use crate::model::State;
use crate::script::{Script, Step, Transaction};

/// A state, and the number of the transaction that made it.
#[derive(Clone, Debug)]
pub struct Version {
    /// Counted from 1, the empty database.
    pub transaction: u64,
    /// Its content.
    pub state: Arc<State>,
}

impl Version {
    fn agrees(&self, found: &(u64, State)) -> bool {
        self.transaction == found.0 && *self.state == found.1
    }
}

/// What may be found after a power cut.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The last state that is certain.
    pub durable: Version,
    /// Later states, each of which may be found instead.
    pub later: Vec<Version>,
}

impl Allowed {
    /// Only this state.
    pub fn only(version: Version) -> Allowed {
        Allowed { durable: version, later: Vec::new() }
    }

    /// The state that was found, if it is allowed.
    pub fn find(&self, found: &(u64, State)) -> Option<Version> {
        std::iter::once(&self.durable).chain(&self.later).find(|version| version.agrees(found)).cloned()
    }

    fn describe(&self) -> String {
        let later: Vec<u64> = self.later.iter().map(|version| version.transaction).collect();
        format!("transaction {} or one of {later:?}, whole", self.durable.transaction)
    }
}

/// The recording of a run.
pub struct Run {
    /// What happened to the disk.
    pub events: Vec<Event>,
    /// What a cut may leave, from this many events on; in order.
    pub moments: Vec<(usize, Allowed)>,
    /// After this many events the recovered state was settled, and the first transaction began.
    pub settled: usize,
}

impl Run {
    /// What a cut after this many events may leave.
    pub fn allowed(&self, events: usize) -> &Allowed {
        let behind = self.moments.partition_point(|(from, _)| *from <= events);
        &self.moments[behind.max(1) - 1].1
    }
}

/// A promise that was broken.
pub type Broken = String;

/// Opens what is on the disk, compares it with what is allowed, and checks all of it.
///
/// # Errors
/// What is wrong.
pub fn open(disk: &CrashDisk, allowed: &Allowed) -> Result<(Database, Version), Broken> {
    open_with(disk, |found| allowed.find(found), || allowed.describe())
}

/// The same, where `find` tells whether a state is allowed, and `expected` describes those that
/// are.
///
/// # Errors
/// What is wrong.
pub fn open_with(
    disk: &CrashDisk,
    find: impl FnOnce(&(u64, State)) -> Option<Version>,
    expected: impl FnOnce() -> String,
) -> Result<(Database, Version), Broken> {
    let db = simulation::open(disk).map_err(|error| format!("it does not open: {error}"))?;
    let found = State::newest(&db).map_err(|error| format!("it cannot be read: {error}"))?;
    let Some(version) = find(&found) else {
        return Err(format!("found transaction {}, expected {}", found.0, expected()));
    };
    let report = db.check().map_err(|error| format!("it cannot be checked: {error}"))?;
    // One meta page may be torn: that is why there are two.
    if let Some(problem) = report.problems.iter().find(|problem| problem.page.is_none_or(|page| page > 1)) {
        return Err(format!("check finds in transaction {}: {problem}", found.0));
    }
    Ok((db, version))
}

/// Opens what is on the disk, a second time if a fault prevented the first.
fn open_in_spite(disk: &CrashDisk, allowed: &Allowed) -> Result<(Database, Version), Broken> {
    loop {
        let failures = disk.failures();
        match open(disk, allowed) {
            Err(_) if disk.failures() > failures => {}
            opened => return opened,
        }
    }
}

/// Opens what is on the disk and runs the script. `fault` happens on the way, perhaps while it
/// opens.
///
/// # Errors
/// What is wrong.
pub fn run(
    disk: &CrashDisk,
    script: &Script,
    allowed: &Allowed,
    fault: Option<Fault>,
) -> Result<Run, Broken> {
    if let Some(fault) = fault {
        disk.inject(fault);
    }
    let (db, found) = open_in_spite(disk, allowed)?;
    // Every later opening must find the state that was found once.
    let allowed = Allowed::only(found.clone());
    let mut runner = Runner {
        disk,
        db,
        newest: found,
        moments: vec![(0, allowed.clone())],
        allowed,
        held: Vec::new(),
        has_committed: false,
        settled: None,
    };
    for (number, step) in script.steps.iter().enumerate() {
        runner.step(step).map_err(|broken| format!("step {number}: {broken}"))?;
    }
    runner.finish()
}

/// The most commits of a compaction: its rounds, and the one that truncates the file.
const COMPACTION_COMMITS: u64 = 17;

struct Runner<'d> {
    disk: &'d CrashDisk,
    db: Database,
    /// The state that must be seen.
    newest: Version,
    allowed: Allowed,
    moments: Vec<(usize, Allowed)>,
    held: Vec<(ReadTransaction, Version)>,
    /// Whether this process committed: a state that it only found is not its own to make durable at
    /// the end.
    has_committed: bool,
    settled: Option<usize>,
}

impl Runner<'_> {
    fn step(&mut self, step: &Step) -> Result<(), Broken> {
        match step {
            Step::Write(transaction) => self.write(transaction)?,
            Step::Hold => {
                let snapshot = self.db.read().map_err(|error| format!("cannot read: {error}"))?;
                self.held.push((snapshot, self.newest.clone()));
            }
            Step::Release if self.held.is_empty() => {}
            Step::Release => drop(self.held.remove(0)),
            Step::Sync => match self.db.sync() {
                Ok(()) => self.durable(),
                Err(error) => self.after(&error)?,
            },
            Step::Compact => self.compact()?,
            Step::Kill => self.reopen(true)?,
        }
        self.look()
    }

    /// Checks that everyone sees the right state.
    fn look(&self) -> Result<(), Broken> {
        let found = State::newest(&self.db).map_err(|error| format!("cannot be read: {error}"))?;
        if !self.newest.agrees(&found) {
            return Err(format!("shows transaction {} instead of {}", found.0, self.newest.transaction));
        }
        for (snapshot, version) in &self.held {
            let state = State::read(snapshot)
                .map_err(|error| format!("the snapshot of transaction {}: {error}", version.transaction))?;
            if state != *version.state {
                return Err(format!("the snapshot of transaction {} has changed", version.transaction));
            }
        }
        Ok(())
    }

    fn write(&mut self, transaction: &Transaction) -> Result<(), Broken> {
        let mut next = (*self.newest.state).clone();
        let begun = self.db.write();
        self.settled.get_or_insert(self.disk.event_count());
        let edited = begun.and_then(|mut write| {
            write.set_memory_bytes(transaction.memory_bytes);
            for edit in &transaction.edits {
                next.apply(edit, &write)?;
            }
            Ok(write)
        });
        let mut write = match edited {
            Ok(write) => write,
            Err(error) => return self.after(&error),
        };
        let Some(durability) = transaction.commit else { return Ok(()) };
        let changed = next != *self.newest.state;
        let version = Version { transaction: self.newest.transaction + 1, state: Arc::new(next) };
        self.allowed.later.push(version.clone());
        self.note();
        write.set_durability(durability);
        match write.commit() {
            Ok(()) => {
                // A transaction that changes no row may or may not count as one.
                let seen = self.db.read().map_err(|error| format!("cannot read: {error}"))?.transaction();
                if !changed && seen == self.newest.transaction {
                    self.allowed.later.pop();
                } else {
                    self.newest = version;
                    self.has_committed = true;
                    if durability == Durability::Immediate {
                        self.durable();
                    }
                }
                self.note();
                Ok(())
            }
            Err(error) => self.after(&error),
        }
    }

    /// Checks that each of its commits holds the same rows under the next number.
    fn compact(&mut self) -> Result<(), Broken> {
        let first = self.newest.transaction;
        for transaction in first + 1..=first + COMPACTION_COMMITS {
            self.allowed.later.push(Version { transaction, state: Arc::clone(&self.newest.state) });
        }
        self.note();
        let begun = self.db.write().map(drop);
        self.settled.get_or_insert(self.disk.event_count());
        let compacted = begun.and_then(|()| self.db.compact());
        let seen = self.db.read().map_err(|error| format!("cannot read: {error}"))?.transaction();
        if seen < first || seen > first + COMPACTION_COMMITS {
            return Err(format!("compaction went from transaction {first} to {seen}"));
        }
        self.newest.transaction = seen;
        match compacted {
            Ok(_) => {
                self.has_committed |= seen > first;
                self.durable();
                Ok(())
            }
            Err(error) => self.after(&error),
        }
    }

    /// Marks everything seen by now as certain.
    fn durable(&mut self) {
        self.allowed = Allowed::only(self.newest.clone());
        self.note();
    }

    fn note(&mut self) {
        self.moments.push((self.disk.event_count(), self.allowed.clone()));
    }

    /// Checks that a call failed because of an injected fault. Nothing has changed, and the
    /// database continues or asks to be opened again.
    fn after(&mut self, error: &Error) -> Result<(), Broken> {
        if self.disk.failures() == 0 {
            return Err(format!("an error without a cause: {error}"));
        }
        self.look().map_err(|broken| format!("after \"{error}\": {broken}"))?;
        let again = match self.db.write() {
            Ok(_) => {
                // It continues: so the failed commit certainly does not exist.
                self.allowed.later.retain(|version| version.transaction <= self.newest.transaction);
                self.note();
                return Ok(());
            }
            Err(again) => again,
        };
        match again.kind() {
            ErrorKind::Poisoned if error.kind() == ErrorKind::Io => {
                Err(format!("\"{error}\" says that the database can be used on, but: {again}"))
            }
            ErrorKind::Poisoned if self.db.sync().is_ok() => {
                Err("a sync after a failed one claims to have worked".to_owned())
            }
            ErrorKind::Poisoned => self.reopen(false),
            // The fault continues.
            ErrorKind::Io => Ok(()),
            _ => Err(format!("after \"{error}\": {again}")),
        }
    }

    /// The process ends without closing. The next one finds the file as it was seen, not as it is
    /// on the disk.
    fn reopen(&mut self, sound: bool) -> Result<(), Broken> {
        self.disk.end_process();
        self.held.clear();
        let (db, version) = within("opened again", open_in_spite(self.disk, &self.allowed))?;
        if sound && version.transaction != self.newest.transaction {
            let (found, lost) = (version.transaction, self.newest.transaction);
            return Err(format!("a killed process lost transaction {lost}: found {found}"));
        }
        self.db = db;
        self.newest = version;
        self.has_committed = false;
        Ok(())
    }

    fn finish(mut self) -> Result<Run, Broken> {
        self.held.clear();
        let failures = self.disk.failures();
        drop(self.db);
        if self.has_committed && failures == 0 && self.disk.failures() == 0 {
            // Closing makes everything durable.
            self.moments.push((self.disk.event_count(), Allowed::only(self.newest)));
        }
        let settled = self.settled.unwrap_or_default();
        Ok(Run { events: self.disk.events(), moments: self.moments, settled })
    }
}

/// Puts the place of a failure before its message.
pub fn within<T>(place: impl Display, result: Result<T, Broken>) -> Result<T, Broken> {
    result.map_err(|broken| format!("{place}: {broken}"))
}
