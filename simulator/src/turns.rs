//! Decides which process runs. Each is a thread, and only one runs at a time. At each operation on
//! the disk another may get the turn; a seed decides, so the same seed gives the same run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{Thread, park};

use drystone::simulation::{CrashDisk, Hook, Operation, Verdict};

use crate::random::Random;
use crate::run::Broken;

/// The turns of the processes of one run.
pub struct Turns {
    disk: CrashDisk,
    /// The thread that has the turn.
    whose: AtomicUsize,
    threads: OnceLock<Vec<Thread>>,
    /// While set, no other thread gets the turn, and nothing fails.
    quiet: AtomicBool,
    state: Mutex<TurnState>,
}

struct TurnState {
    random: Random,
    /// After one operation in this many, another process gets the turn: on the data, and on the
    /// lock file.
    switches: [u64; 2],
    finished: Vec<bool>,
    /// For each thread that waits for a lock, how many lock changes there had been when it looked
    /// last.
    waiting: Vec<Option<u64>>,
    accidents: Vec<Accident>,
    operations: u64,
    lied: bool,
    broken: Option<Broken>,
}

/// What will happen to a process, and in how many operations.
#[derive(Clone, Copy, Default)]
pub struct Accident {
    /// It is killed.
    pub kill: Option<u64>,
    /// This many operations fail.
    pub fail: Option<(u64, u64)>,
    /// Only operations of this kind, below this offset, count for the failure.
    pub only: Option<(Operation, u64)>,
    /// This many writes of pages happen, and the next one is lost.
    pub lose: Option<u64>,
}

/// Locks a mutex. A poisoned one is no problem: its data is whole, or the run is over anyway.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const NOBODY: usize = usize::MAX;

impl Turns {
    /// The turns of this many threads.
    pub fn new(disk: CrashDisk, threads: usize, mut random: Random) -> Turns {
        let switches = match random.below(5) {
            0 => [0, 0],
            1 => [200, 8],
            2 => [30, 3],
            3 => [8, 8],
            _ => [100, 2],
        };
        Turns {
            disk,
            whose: AtomicUsize::new(NOBODY),
            threads: OnceLock::new(),
            quiet: AtomicBool::new(false),
            state: Mutex::new(TurnState {
                random,
                switches,
                finished: vec![false; threads],
                waiting: vec![None; threads],
                accidents: vec![Accident::default(); threads],
                operations: 0,
                lied: false,
                broken: None,
            }),
        }
    }

    /// Begins, with the first thread.
    pub fn start(&self, threads: Vec<Thread>) {
        let first = threads[0].clone();
        let _ = self.threads.set(threads);
        self.whose.store(0, Ordering::Release);
        first.unpark();
    }

    /// Waits until this thread has the turn.
    pub fn wait_for_turn(&self, me: usize) {
        while self.whose.load(Ordering::Acquire) != me {
            park();
        }
    }

    fn give(&self, to: usize) {
        self.whose.store(to, Ordering::Release);
        if let Some(thread) = self.threads.get().and_then(|threads| threads.get(to)) {
            thread.unpark();
        }
    }

    /// Picks another thread that can run.
    fn another(&self, state: &mut TurnState, me: usize) -> Option<usize> {
        let changes = self.disk.lock_changes();
        let can =
            |index: &usize| *index != me && !state.finished[*index] && state.waiting[*index] != Some(changes);
        let others: Vec<usize> = (0..state.finished.len()).filter(can).collect();
        (!others.is_empty()).then(|| others[state.random.below(others.len() as u64) as usize])
    }

    /// Between two steps: gives the turn to any thread, perhaps the same.
    pub fn between_steps(&self, me: usize) {
        let mut state = locked(&self.state);
        if state.random.one_in(3) {
            return;
        }
        if let Some(other) = self.another(&mut state, me) {
            drop(state);
            self.give(other);
            self.wait_for_turn(me);
        }
    }

    /// This thread has finished.
    pub fn finish(&self, me: usize) {
        let mut state = locked(&self.state);
        state.finished[me] = true;
        state.waiting[me] = None;
        // A thread that waits for a lock looks once more; if it still waits, it finds that no other
        // thread is left.
        let other = self
            .another(&mut state, me)
            .or_else(|| (0..state.finished.len()).find(|index| !state.finished[*index]));
        drop(state);
        self.give(other.unwrap_or(NOBODY));
    }

    /// Runs `does` without giving up the turn, and without failures.
    pub fn quietly<R>(&self, does: impl FnOnce() -> R) -> R {
        self.quiet.store(true, Ordering::Relaxed);
        let result = does();
        self.quiet.store(false, Ordering::Relaxed);
        result
    }

    /// Plans what will happen to the process of this thread.
    pub fn plan(&self, me: usize, accident: Accident) {
        locked(&self.state).accidents[me] = accident;
    }

    /// A promise is broken: ends all threads.
    pub fn break_off(&self, broken: Broken) {
        locked(&self.state).broken.get_or_insert(broken);
        self.disk.end_process();
    }

    /// Whether a promise is broken.
    pub fn is_broken(&self) -> bool {
        locked(&self.state).broken.is_some()
    }

    /// The promise that is broken.
    pub fn broken(&self) -> Option<Broken> {
        locked(&self.state).broken.clone()
    }

    /// Whether a write was lost.
    pub fn has_lied(&self) -> bool {
        locked(&self.state).lied
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        locked(&self.state).operations
    }
}

impl Hook for Turns {
    fn before(&self, _process: u64, operation: Operation, offset: u64) -> Verdict {
        if self.quiet.load(Ordering::Relaxed) {
            return Verdict::Pass;
        }
        let me = self.whose.load(Ordering::Relaxed);
        let mut state = locked(&self.state);
        state.operations += 1;
        let on_lock = !matches!(
            operation,
            Operation::Read | Operation::Fetch | Operation::Write | Operation::Resize | Operation::Sync
        );
        let switches = state.switches[usize::from(on_lock)];
        if state.random.one_in(switches)
            && let Some(other) = self.another(&mut state, me)
        {
            drop(state);
            self.give(other);
            self.wait_for_turn(me);
            state = locked(&self.state);
        }
        let midway = state.random.one_in(2);
        let accident = &mut state.accidents[me];
        if let Some(left) = &mut accident.kill {
            if *left == 0 {
                *accident = Accident::default();
                return if midway { Verdict::KillMidway } else { Verdict::Kill };
            }
            *left -= 1;
        }
        if let Some(left) = &mut accident.lose
            && operation == Operation::Write
            && offset >= 8192
        {
            if *left == 0 {
                accident.lose = None;
                state.lied = true;
                return Verdict::Lose;
            }
            *left -= 1;
        }
        let counts = accident.only.is_none_or(|(only, below)| only == operation && offset < below);
        if let Some((left, times)) = &mut accident.fail
            && counts
            && operation != Operation::Unlock
        {
            if *left > 0 {
                *left -= 1;
            } else {
                *times -= 1;
                if *times == 0 {
                    accident.fail = None;
                }
                return Verdict::Fail;
            }
        }
        Verdict::Pass
    }

    fn wait(&self, _process: u64) {
        let me = self.whose.load(Ordering::Relaxed);
        let mut state = locked(&self.state);
        state.waiting[me] = Some(self.disk.lock_changes());
        let other = self.another(&mut state, me);
        drop(state);
        match other {
            Some(other) if !self.quiet.load(Ordering::Relaxed) => {
                self.give(other);
                self.wait_for_turn(me);
            }
            _ => self.break_off("all processes wait for each other".to_owned()),
        }
        locked(&self.state).waiting[me] = None;
    }
}
