//! Several processes with one database on one simulated disk: they open it, write, hold snapshots,
//! fail, are killed and start again, in an order that a seed decides. `together` searches such
//! runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use drystone::simulation::{self, CrashDisk, Event, Operation};
use drystone::{Database, Durability, Error, ErrorKind, ReadTransaction, WriteTransaction};

use crate::ledger::{AfterCut, Ledger};
use crate::model::State;
use crate::random::Random;
use crate::run::{Broken, Version};
use crate::script::{random_edit, random_memory};
use crate::turns::{Accident, Turns, locked};

/// The parameters of a run.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Decides everything that is random.
    pub seed: u64,
    /// How many processes there are at once.
    pub processes: usize,
    /// How many steps they take together.
    pub steps: u64,
    /// Whether operations fail.
    pub failures: bool,
    /// Whether the disk loses writes that it acknowledges. A checksum mismatch then ends the run,
    /// and is no failure.
    pub lies: bool,
}

/// The recording of a run.
pub struct Played {
    /// What happened to the disk.
    pub events: Vec<Event>,
    /// What a cut may leave, from this many events on; in order.
    pub moments: Vec<(usize, AfterCut)>,
    /// The number of operations on the disk and the lock file.
    pub operations: u64,
    /// The number of snapshots that were compared in full.
    pub compared: u64,
    /// What processes did, and how many events came before.
    trace: Vec<(usize, String)>,
}

impl Played {
    /// What a cut after this many events may leave.
    pub fn allowed(&self, events: usize) -> &AfterCut {
        let behind = self.moments.partition_point(|(from, _)| *from <= events);
        &self.moments[behind.max(1) - 1].1
    }

    /// The last steps before this many events.
    pub fn steps_before(&self, events: usize) -> String {
        let behind = self.trace.partition_point(|(before, _)| *before <= events);
        last_steps(&self.trace[..behind])
    }
}

/// How many steps the report of a failure lists.
const TOLD: usize = 40;

fn last_steps(trace: &[(usize, String)]) -> String {
    let last = trace[trace.len().saturating_sub(TOLD)..].iter();
    let steps: Vec<String> = last.map(|(events, what)| format!("{events}: {what}")).collect();
    format!("\n    the last steps, by the event before: {}", steps.join(" · "))
}

/// Plays a run on a disk that certainly holds this version.
///
/// # Errors
/// The promise that was broken, and the last steps before it.
pub fn play(disk: &CrashDisk, scenario: &Scenario, start: Version) -> Result<Played, Broken> {
    let mut random = Random::new(scenario.seed);
    let turns = Arc::new(Turns::new(disk.clone(), scenario.processes, Random::new(random.word())));
    let ledger = Ledger::new(start);
    let moments = vec![(0, ledger.after_cut())];
    let world = World {
        disk,
        turns: &turns,
        failures: scenario.failures,
        lies: scenario.lies,
        falls_back: scenario.failures && random.one_in(4),
        asks: random.one_in(6),
        shared: Mutex::new(Shared {
            random,
            ledger,
            moments,
            steps_left: scenario.steps,
            value: 0,
            trace: Vec::new(),
            compared: 0,
        }),
        held: Mutex::default(),
    };
    disk.set_hook(Some(Arc::clone(&turns) as Arc<_>));
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..scenario.processes)
            .map(|me| {
                let world = &world;
                scope.spawn(move || world.live(me))
            })
            .collect();
        turns.start(handles.iter().map(|handle| handle.thread().clone()).collect());
    });
    disk.set_hook(None);
    let shared = world.shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let noticed = |broken: &Broken| turns.has_lied() && broken.contains("does not match its checksum");
    if let Some(broken) = turns.broken().filter(|broken| !noticed(broken)) {
        return Err(format!("{broken}{}", last_steps(&shared.trace)));
    }
    let (operations, compared) = (turns.operations(), shared.compared);
    let Shared { moments, trace, .. } = shared;
    Ok(Played { events: disk.events(), moments, operations, compared, trace })
}

/// Everything that the processes of a run share.
struct World<'w> {
    disk: &'w CrashDisk,
    turns: &'w Turns,
    failures: bool,
    lies: bool,
    /// Whether writes of meta pages fail often, so that commits are lost that other processes hold.
    falls_back: bool,
    /// Whether every process often lists the readers of the others.
    asks: bool,
    shared: Mutex<Shared>,
    held: Mutex<Vec<Held>>,
}

struct Shared {
    random: Random,
    ledger: Ledger,
    moments: Vec<(usize, AfterCut)>,
    steps_left: u64,
    value: u64,
    trace: Vec<(usize, String)>,
    compared: u64,
}

/// A snapshot that a process holds, and its expected content.
struct Held {
    process: u64,
    snapshot: ReadTransaction,
    version: Version,
}

/// A process that runs, or a free place for one.
struct Actor {
    me: usize,
    process: u64,
    db: Option<Database>,
    write: Option<Writing>,
    /// Whether an error asked it to open the database again.
    poisoned: bool,
    /// How many failures it had when its step began.
    failures: usize,
}

struct Writing {
    transaction: WriteTransaction,
    /// The number of the transaction before it.
    base: u64,
    next: State,
}

/// How a step ends without a broken promise.
enum Done {
    Well,
    /// The process was killed during the step.
    Killed,
}

type Step = Result<Done, Broken>;

impl World<'_> {
    fn live(&self, me: usize) {
        self.turns.wait_for_turn(me);
        let mut actor = Actor { me, process: 0, db: None, write: None, poisoned: false, failures: 0 };
        while self.take_step() && !self.turns.is_broken() {
            self.guarded(&mut actor, Self::step);
            if !self.turns.is_broken() {
                self.turns.between_steps(me);
            }
        }
        self.turns.plan(me, Accident::default());
        self.guarded(&mut actor, |world, actor| {
            actor.write = None;
            world.close(actor);
            Ok(Done::Well)
        });
        self.turns.finish(me);
    }

    fn take_step(&self) -> bool {
        let left = &mut locked(&self.shared).steps_left;
        *left = left.saturating_sub(1);
        *left > 0
    }

    fn guarded(&self, actor: &mut Actor, step: impl FnOnce(&Self, &mut Actor) -> Step) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let done = step(self, actor)?;
            if let Done::Killed = done {
                self.bury(actor);
            }
            self.compare_all()
        }));
        let outcome = outcome.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("a panic: {}", text.unwrap_or_default()))
        });
        if let Err(broken) = outcome
            && !self.turns.is_broken()
        {
            self.turns.break_off(format!("process {}: {broken}", actor.process));
        }
    }

    fn below(&self, limit: u64) -> u64 {
        locked(&self.shared).random.below(limit)
    }

    fn one_in(&self, times: u64) -> bool {
        locked(&self.shared).random.one_in(times)
    }

    fn note(&self) {
        let shared = &mut *locked(&self.shared);
        shared.moments.push((self.disk.event_count(), shared.ledger.after_cut()));
    }

    fn tell(&self, actor: &Actor, what: impl Into<String>) {
        let told = format!("{}/{} {}", actor.me, actor.process, what.into());
        locked(&self.shared).trace.push((self.disk.event_count(), told));
    }

    fn with_ledger<R>(&self, does: impl FnOnce(&mut Ledger) -> R) -> R {
        let result = does(&mut locked(&self.shared).ledger);
        self.note();
        result
    }

    fn step(&self, actor: &mut Actor) -> Step {
        self.plan_accident(actor);
        actor.failures = self.disk.failures_of(actor.process);
        if actor.db.is_none() {
            return self.open(actor);
        }
        if actor.poisoned || self.one_in(60) {
            let kills = self.one_in(2);
            self.tell(actor, if kills { "is killed" } else { "closes" });
            if kills {
                self.disk.kill(actor.process);
                return Ok(Done::Killed);
            }
            self.close(actor);
            return Ok(Done::Well);
        }
        if actor.write.is_some() {
            return match self.below(8) {
                0..=2 => self.edit(actor),
                3..=5 => self.commit(actor),
                6 => self.hold(actor),
                _ if self.one_in(3) => {
                    self.tell(actor, "drops its transaction");
                    actor.write = None;
                    self.after(actor, Ok(()), "dropping a transaction")
                }
                _ => self.release(actor),
            };
        }
        if self.asks && self.one_in(2) {
            return match self.below(4) {
                0 => self.hold(actor),
                1 => self.release(actor),
                _ => self.ask_who_holds(actor),
            };
        }
        match self.below(24) {
            0..=8 => self.begin(actor),
            9..=12 => self.hold(actor),
            13..=15 => self.release(actor),
            16 | 17 => self.sync(actor),
            18 => self.compact(actor),
            19 => self.ask_who_holds(actor),
            20 if self.one_in(4) => self.check(actor),
            _ => {
                let begun = self.begin(actor)?;
                if actor.write.is_none() {
                    return Ok(begun);
                }
                if let Done::Killed = self.edit(actor)? {
                    return Ok(Done::Killed);
                }
                if actor.write.is_some() { self.commit(actor) } else { Ok(Done::Well) }
            }
        }
    }

    fn plan_accident(&self, actor: &Actor) {
        let shared = &mut *locked(&self.shared);
        let random = &mut shared.random;
        if !random.one_in(6) {
            return;
        }
        let mut accident = Accident::default();
        if self.lies {
            accident.lose = Some(random.below(20));
        } else if self.falls_back && random.one_in(2) {
            accident.only = Some((Operation::Write, 8192));
            accident.fail = Some((random.below(2), 1));
        } else if !self.failures || random.one_in(2) {
            accident.kill = Some(random.below(60));
        } else {
            accident.only = match random.below(8) {
                0 => Some((Operation::LockRead, u64::MAX)),
                1 => Some((Operation::LockWrite, u64::MAX)),
                2 => Some((Operation::Write, u64::MAX)),
                3 => Some((Operation::Sync, u64::MAX)),
                // A meta page.
                4 => Some((Operation::Write, 8192)),
                5 => Some((Operation::Fetch, u64::MAX)),
                _ => None,
            };
            let reach = if accident.only.is_some() { 6 } else { 40 };
            accident.fail = Some((random.below(reach), 1 + random.below(3) / 2 * (1 + random.below(3))));
        }
        self.turns.plan(actor.me, accident);
    }

    /// Checks the result of a call: an error needs a cause.
    fn after(&self, actor: &mut Actor, outcome: Result<(), Error>, what: &str) -> Step {
        if !self.disk.is_alive(actor.process) {
            return Ok(Done::Killed);
        }
        let Err(error) = outcome else { return Ok(Done::Well) };
        if error.kind() == ErrorKind::Busy {
            // Another process is stopped while it enters the reader table, or could not clear its
            // slot.
            self.tell(actor, format!("{what}: {error}"));
            return Ok(Done::Well);
        }
        if self.disk.failures_of(actor.process) == actor.failures {
            return Err(format!("{what}: an error without a cause: {error}"));
        }
        self.tell(actor, format!("{what}: {error}"));
        match error.kind() {
            ErrorKind::Io => Ok(Done::Well),
            ErrorKind::Poisoned => {
                actor.poisoned = true;
                let again = self.turns.quietly(|| actor.db.as_ref().map(Database::try_write));
                match again {
                    Some(Err(again)) if again.kind() == ErrorKind::Poisoned => Ok(Done::Well),
                    // Another process is writing.
                    Some(Ok(None)) => Ok(Done::Well),
                    _ => Err(format!("{what}: after \"{error}\" it goes on to write")),
                }
            }
            _ => Err(format!("{what}: {error}")),
        }
    }

    fn open(&self, actor: &mut Actor) -> Step {
        actor.process = self.disk.start_process();
        actor.poisoned = false;
        actor.failures = 0;
        self.tell(actor, "opens");
        let since = locked(&self.shared).ledger.newest();
        match simulation::open_shared(self.disk, actor.process) {
            Ok(db) => {
                actor.db = Some(db);
                if !self.disk.is_alive(actor.process) {
                    return Ok(Done::Killed);
                }
                self.look(actor, since)
            }
            // Other processes are stopped while they open it.
            Err(error) if error.kind() == ErrorKind::Busy => {
                self.disk.kill(actor.process);
                Ok(Done::Well)
            }
            Err(error) => {
                let done = self.after(actor, Err(error), "opening");
                self.disk.kill(actor.process);
                done
            }
        }
    }

    /// The newest state that the process sees.
    fn found(&self, actor: &Actor) -> Result<(u64, State), Broken> {
        let Some(db) = &actor.db else { return Err("the database is not open".to_owned()) };
        self.turns
            .quietly(|| State::newest(db))
            .map_err(|error| format!("the newest state cannot be read: {error}"))
    }

    fn look(&self, actor: &Actor, since: u64) -> Step {
        let found = self.found(actor)?;
        self.with_ledger(|ledger| ledger.see(found, since))?;
        Ok(Done::Well)
    }

    fn begin(&self, actor: &mut Actor) -> Step {
        let Some(db) = &actor.db else { return Ok(Done::Well) };
        let waits = self.one_in(3);
        self.tell(actor, if waits { "waits to write" } else { "tries to write" });
        let begun = if waits { db.write().map(Some) } else { db.try_write() };
        match begun {
            Ok(Some(transaction)) if self.disk.is_alive(actor.process) => {
                let found = self.found(actor)?;
                let version = self.with_ledger(|ledger| ledger.decide(actor.process, found))?;
                self.tell(actor, format!("writes after {}", version.transaction));
                let (base, next) = (version.transaction, (*version.state).clone());
                actor.write = Some(Writing { transaction, base, next });
                Ok(Done::Well)
            }
            Ok(_) => self.after(actor, Ok(()), "beginning"),
            Err(error) => self.after(actor, Err(error), "beginning to write"),
        }
    }

    fn edit(&self, actor: &mut Actor) -> Step {
        let Some(writing) = &mut actor.write else { return Ok(Done::Well) };
        let (edits, memory): (Vec<_>, _) = {
            let Shared { random, value, .. } = &mut *locked(&self.shared);
            let edits = (0..=random.below(3)).map(|_| random_edit(random, value)).collect();
            (edits, random_memory(random))
        };
        writing.transaction.set_memory_bytes(memory);
        for edit in &edits {
            if let Err(error) = writing.next.apply(edit, &writing.transaction) {
                actor.write = None;
                return self.after(actor, Err(error), "editing");
            }
        }
        self.tell(actor, format!("edits {}", edits.len()));
        self.after(actor, Ok(()), "editing")
    }

    fn commit(&self, actor: &mut Actor) -> Step {
        let Some(Writing { mut transaction, base, next }) = actor.write.take() else { return Ok(Done::Well) };
        let durable = self.one_in(2);
        self.tell(actor, if durable { "commits" } else { "commits eventually" });
        transaction.set_durability(if durable { Durability::Immediate } else { Durability::Eventual });
        self.with_ledger(|ledger| ledger.fly(actor.process, Some(next.into())));
        let outcome = transaction.commit();
        // Without a change there is no commit, and so none that makes earlier ones durable.
        let unchanged = durable.then_some(base);
        self.landed(actor, outcome, unchanged, "commit")
    }

    /// Records the result of a commit or a compaction. It made everything durable if the state now
    /// is newer than `durable_above`.
    fn landed(
        &self,
        actor: &mut Actor,
        outcome: Result<(), Error>,
        durable_above: Option<u64>,
        what: &str,
    ) -> Step {
        let process = actor.process;
        let failed = self.disk.failures_of(process) > actor.failures;
        match &outcome {
            // This also counts if it was killed right after: a commit that returned without an
            // error exists.
            Ok(()) if self.disk.is_alive(process) => {
                let found = self.found(actor)?;
                self.tell(actor, format!("made {}", found.0));
                let durable = durable_above.is_some_and(|base| found.0 > base);
                self.with_ledger(|ledger| ledger.land(process, found, durable))?;
            }
            Err(error) if self.disk.is_alive(process) && error.kind() == ErrorKind::Io => {
                let found = self.found(actor)?;
                self.with_ledger(|ledger| {
                    let seen = ledger.see(found, ledger.newest());
                    ledger.drop_flight(process);
                    seen
                })?;
            }
            _ => self.with_ledger(|ledger| ledger.doubt(process, failed)),
        }
        self.after(actor, outcome, what)
    }

    fn sync(&self, actor: &mut Actor) -> Step {
        let Some(db) = &actor.db else { return Ok(Done::Well) };
        self.tell(actor, "syncs");
        let outcome = db.sync();
        if outcome.is_ok() && self.disk.is_alive(actor.process) {
            let found = self.found(actor)?;
            self.with_ledger(|ledger| ledger.decide_durable(actor.process, found))?;
        }
        self.after(actor, outcome, "sync")
    }

    fn compact(&self, actor: &mut Actor) -> Step {
        let Some(db) = actor.db.clone() else { return Ok(Done::Well) };
        self.tell(actor, "compacts");
        self.with_ledger(|ledger| ledger.fly(actor.process, None));
        let outcome = db.compact().map(drop);
        drop(db);
        self.landed(actor, outcome, Some(0), "compaction")
    }

    fn hold(&self, actor: &mut Actor) -> Step {
        let Some(db) = &actor.db else { return Ok(Done::Well) };
        let since = locked(&self.shared).ledger.newest();
        let snapshot = match db.read() {
            Ok(snapshot) => snapshot,
            Err(error) => return self.after(actor, Err(error), "reading"),
        };
        if !self.disk.is_alive(actor.process) {
            return Ok(Done::Killed);
        }
        self.tell(actor, format!("holds {}", snapshot.transaction()));
        let state = self
            .turns
            .quietly(|| State::read(&snapshot))
            .map_err(|error| format!("a new snapshot of {}: {error}", snapshot.transaction()))?;
        let found = (snapshot.transaction(), state);
        let version = self.with_ledger(|ledger| ledger.see(found, since))?;
        locked(&self.held).push(Held { process: actor.process, snapshot, version });
        self.after(actor, Ok(()), "reading")
    }

    fn release(&self, actor: &mut Actor) -> Step {
        let own: Vec<usize> = {
            let held = locked(&self.held);
            (0..held.len()).filter(|index| held[*index].process == actor.process).collect()
        };
        if own.is_empty() {
            return Ok(Done::Well);
        }
        let index = own[self.below(own.len() as u64) as usize];
        let released = locked(&self.held).remove(index);
        self.tell(actor, format!("lets {} go", released.version.transaction));
        drop(released);
        self.after(actor, Ok(()), "letting a snapshot go")
    }

    /// Lists what other processes hold, as the command `info` does.
    fn ask_who_holds(&self, actor: &mut Actor) -> Step {
        let Some(db) = &actor.db else { return Ok(Done::Well) };
        self.tell(actor, "asks who holds what");
        let outcome = db
            .readers()
            .and_then(|readers| readers.iter().try_for_each(|reader| db.held_bytes(reader).map(drop)));
        self.after(actor, outcome, "asking who holds what")
    }

    fn check(&self, actor: &mut Actor) -> Step {
        let Some(db) = &actor.db else { return Ok(Done::Well) };
        self.tell(actor, "checks");
        let report = match db.check() {
            Ok(report) => report,
            Err(error) => return self.after(actor, Err(error), "check"),
        };
        let failed = self.disk.failures_of(actor.process) > actor.failures;
        // One of the two meta pages may be torn by a write that failed.
        let real = |page: Option<u64>| page.is_none_or(|page| page > 1);
        match report.problems.iter().find(|problem| real(problem.page)) {
            Some(problem) if !failed && self.disk.is_alive(actor.process) => Err(format!("check: {problem}")),
            _ => self.after(actor, Ok(()), "check"),
        }
    }

    /// The process closes the database. Its commits become durable, unless another process is
    /// writing; the ledger does not rely on that.
    fn close(&self, actor: &mut Actor) {
        actor.write = None;
        self.drop_held(actor.process);
        actor.db = None;
        self.disk.kill(actor.process);
    }

    /// The process was killed: what is left of it in memory is dropped, and does nothing.
    fn bury(&self, actor: &mut Actor) {
        self.turns.plan(actor.me, Accident::default());
        self.tell(actor, "is dead");
        self.turns.quietly(|| self.close(actor));
    }

    fn drop_held(&self, process: u64) {
        let own: Vec<Held> = {
            let mut held = locked(&self.held);
            let (own, others) = held.drain(..).partition(|held| held.process == process);
            *held = others;
            own
        };
        drop(own);
    }

    /// Checks that every snapshot of a process shows what it has always shown.
    fn compare_all(&self) -> Result<(), Broken> {
        let held = locked(&self.held);
        self.turns.quietly(|| {
            for Held { process, snapshot, version } in &*held {
                if !self.disk.is_alive(*process) {
                    continue;
                }
                locked(&self.shared).compared += 1;
                let state = State::read(snapshot).map_err(|error| {
                    format!("the snapshot of {} in process {process}: {error}", version.transaction)
                })?;
                if state != *version.state {
                    let transaction = version.transaction;
                    return Err(format!("the snapshot of {transaction} in process {process} has changed"));
                }
            }
            Ok(())
        })
    }
}
