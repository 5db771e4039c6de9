//! The turn to write: one writer at a time, in this process and among processes. `WriteTransaction`
//! takes it; `commit` holds the state that goes with it.

use std::sync::{Arc, Weak};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::free_space::{derive_with_snapshots, numbers};
use super::{Shared, WriterState};
use crate::commit::Meta;
use crate::error::{Result, bail};
use crate::space::Allocator;
use crate::storage::or_bug;

/// How long to wait for another writer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Forever,
    Not,
    Until(Instant),
}

/// How long to wait for a transaction of the calling thread before that is an error. It may have
/// been sent to another thread that has not used it yet.
const HANDED_OVER: Duration = Duration::from_millis(200);

/// Holds the writer's state while there is no write transaction, and its threads while there
/// is one.
pub(crate) struct WriterPlace {
    place: Mutex<Option<WriterState>>,
    left: Condvar,
    /// Set while `place` is empty.
    holder: Mutex<Option<Holder>>,
}

/// The threads that used the running write transaction.
struct Holder {
    begun_by: ThreadId,
    last_used_by: ThreadId,
    /// Alive while that thread runs.
    last_user: Weak<()>,
}

impl Holder {
    /// Whether this thread has the transaction, as far as can be known. The thread that last used
    /// it has it. If that thread has ended, it only borrowed the transaction from the one that
    /// began it.
    fn is_this_thread(&self) -> bool {
        let here = std::thread::current().id();
        self.last_used_by == here || self.begun_by == here && self.last_user.strong_count() == 0
    }
}

thread_local! {
    /// Lives as long as its thread.
    static RUNS: Arc<()> = Arc::new(());
}

fn this_thread() -> (ThreadId, Weak<()>) {
    let runs = RUNS.try_with(Arc::downgrade).unwrap_or_default();
    (std::thread::current().id(), runs)
}

impl WriterPlace {
    pub(crate) fn new(writer: WriterState) -> WriterPlace {
        WriterPlace { place: Mutex::new(Some(writer)), left: Condvar::new(), holder: Mutex::new(None) }
    }

    /// Takes the writer's state; `None` if another thread keeps it for longer than the wait.
    ///
    /// All waiters want the same, so waking one is enough: it takes what it was woken for.
    fn take(&self, wait: Wait) -> Result<Option<WriterState>> {
        let mut place = self.place.lock();
        let mut own_since: Option<Instant> = None;
        loop {
            if let Some(writer) = place.take() {
                let (here, runs) = this_thread();
                *self.holder.lock() = Some(Holder { begun_by: here, last_used_by: here, last_user: runs });
                return Ok(Some(writer));
            }
            let now = Instant::now();
            let mut until = match wait {
                Wait::Not => return Ok(None),
                Wait::Until(until) if now >= until => return Ok(None),
                Wait::Until(until) => Some(until),
                Wait::Forever => None,
            };
            let (is_own, may_become_own) = self.holder.lock().as_ref().map_or((false, false), |holder| {
                (holder.is_this_thread(), holder.begun_by == std::thread::current().id())
            });
            if is_own {
                let since = *own_since.get_or_insert(now);
                if now - since >= HANDED_OVER {
                    bail!(
                        Usage,
                        "this thread has a write transaction open, and would wait for itself; commit or drop that one first"
                    );
                }
            } else {
                own_since = None;
            }
            if is_own || may_become_own {
                // This thread is not woken when the thread that used the transaction ends.
                let check = own_since.unwrap_or(now) + HANDED_OVER;
                until = Some(until.map_or(check, |until| until.min(check)));
            }
            match until {
                Some(until) => drop(self.left.wait_until(&mut place, until)),
                None => self.left.wait(&mut place),
            }
        }
    }

    /// Whether a thread of this process writes or waits for another process.
    pub(crate) fn is_taken(&self) -> bool {
        self.place.lock().is_none()
    }

    fn give_back(&self, writer: Option<WriterState>) {
        let mut place = self.place.lock();
        *self.holder.lock() = None;
        *place = writer;
        drop(place);
        self.left.notify_one();
    }

    /// Notes that the calling thread uses the running transaction, which can be sent between
    /// threads.
    pub(super) fn used_here(&self) {
        let (here, runs) = this_thread();
        if let Some(holder) = &mut *self.holder.lock()
            && holder.last_used_by != here
        {
            (holder.last_used_by, holder.last_user) = (here, runs);
        }
    }

    /// The writer's state when the database is closed.
    pub(super) fn get_mut(&mut self) -> Option<&mut WriterState> {
        self.place.get_mut().as_mut()
    }
}

/// The right to write. Dropping it gives the right back.
pub(crate) struct Turn {
    shared: Arc<Shared>,
    /// `Some` until the drop.
    writer: Option<WriterState>,
    /// Whether the writers of other processes are locked out.
    locked: bool,
}

impl Turn {
    /// Takes the turn; `None` if another writer keeps it for longer than the wait.
    pub(crate) fn take(shared: &Arc<Shared>, wait: Wait) -> Result<Option<Turn>> {
        let Some(writer) = shared.writer.take(wait)? else { return Ok(None) };
        let mut turn = Turn { shared: Arc::clone(shared), writer: Some(writer), locked: false };
        turn.locked = lock_out_processes(shared, wait)?;
        Ok(turn.locked.then_some(turn))
    }

    /// Makes all commits durable, whichever process made them.
    pub(crate) fn sync(&mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        self.writer()?.commits.sync_all(&shared.pages, &shared.readers)
    }

    /// What the writer keeps between transactions.
    pub(super) fn writer(&mut self) -> Result<&mut WriterState> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            None => bail!(Usage, "the turn to write is over"),
        }
    }

    /// The state to build on, and the free space around it.
    pub(super) fn prepare(&mut self) -> Result<(Meta, Allocator)> {
        let shared = Arc::clone(&self.shared);
        let storage = shared.pages.storage();
        let writer = self.writer()?;
        let base = writer.commits.prepare(&shared.pages, &shared.readers)?;
        let snapshots = || or_bug!(storage, shared.readers.snapshots(); IgnoreReaders => Ok(Vec::new()));
        let is_current = |allocator: &Allocator| {
            // Another process may have committed since this one last wrote.
            or_bug!(storage, allocator.transaction() == base.transaction; StaleFreeSpace => true)
        };
        let held = snapshots()?;
        let (mut allocator, held) = match writer.allocator.take().filter(is_current) {
            Some(allocator) => (allocator, held),
            None => derive_with_snapshots(&shared, &base, held, snapshots)?,
        };
        let durable = or_bug!(storage, writer.commits.durable(); ReuseTooEarly => u64::MAX);
        let listed = or_bug!(storage, writer.commits.listed(); ReuseListed => &[]);
        or_bug!(storage, (); UnknownIsYoung => allocator.plant_unknown_is_young());
        allocator.release(durable, listed, &numbers(&held));
        Ok((base, allocator))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // In a forked child the locks belong to the parent, and a mutex may be held by a thread
        // that does not exist here.
        if self.shared.check_process().is_err() {
            return;
        }
        if self.locked {
            self.shared.readers.unlock_writer();
        }
        self.shared.writer.give_back(self.writer.take());
    }
}

fn lock_out_processes(shared: &Shared, wait: Wait) -> Result<bool> {
    let Wait::Until(until) = wait else { return shared.readers.lock_writer(matches!(wait, Wait::Forever)) };
    loop {
        if shared.readers.lock_writer(false)? {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
