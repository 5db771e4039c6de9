//! The turn to write: one writer at a time, in this process and among processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::free_space::{derive_free_space, snapshot_numbers};
use super::{Shared, WriterState};
use crate::error::{Result, fail};
use crate::page::{Allocator, Meta};
use crate::storage::Mutant;

/// How long to wait for another writer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Forever,
    Not,
    Until(Instant),
}

/// The right to write. Given back when it is dropped, whatever happened.
pub(super) struct Turn {
    shared: Arc<Shared>,
    /// There until the drop.
    writer: Option<WriterState>,
    /// Whether the writers of other processes are locked out.
    locked: bool,
}

impl Turn {
    /// Takes the turn; `None` if somebody else has it for longer than the wait.
    pub(super) fn take(shared: &Arc<Shared>, wait: Wait) -> Result<Option<Turn>> {
        let Some(writer) = take_in_process(shared, wait) else { return Ok(None) };
        let mut turn = Turn { shared: Arc::clone(shared), writer: Some(writer), locked: false };
        turn.locked = lock_out_processes(shared, wait)?;
        Ok(turn.locked.then_some(turn))
    }

    /// What the writer keeps from one transaction to the next.
    pub(super) fn writer(&mut self) -> Result<&mut WriterState> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            None => fail!(Usage, "the turn to write is over"),
        }
    }

    /// The state to build on, and the free space around it.
    pub(super) fn prepare(&mut self) -> Result<(Meta, Allocator)> {
        let shared = Arc::clone(&self.shared);
        let writer = self.writer()?;
        let base = writer.commits.prepare(&shared.pages, &shared.readers)?;
        let storage = shared.pages.storage();
        let look = || {
            if storage.plants(Mutant::IgnoreReaders) { Ok(Vec::new()) } else { shared.readers.snapshots() }
        };
        let mut snapshots = look()?;
        let mut allocator = match writer.allocator.take() {
            Some(allocator)
                if allocator.transaction() == base.transaction || storage.plants(Mutant::StaleFreeSpace) =>
            {
                allocator
            }
            _ => loop {
                match derive_free_space(&shared.pages, &base, &snapshots) {
                    Ok(allocator) => break allocator,
                    Err(error) => {
                        // A reader may have been about to enter with a state that is gone, and has taken it back by now.
                        let mut tries = 0;
                        let again = loop {
                            let again = look()?;
                            tries += 1;
                            if again != snapshots || tries > 1000 {
                                break again;
                            }
                            std::thread::yield_now();
                        };
                        if again == snapshots {
                            return Err(error);
                        }
                        snapshots = again;
                    }
                }
            },
        };
        let durable = if storage.plants(Mutant::ReuseTooEarly) { u64::MAX } else { writer.commits.durable() };
        let listed = if storage.plants(Mutant::ReuseListed) { &[] } else { writer.commits.listed() };
        allocator.plant_unknown_is_young(storage.plants(Mutant::UnknownIsYoung));
        allocator.release(durable, listed, &snapshot_numbers(&snapshots));
        Ok((base, allocator))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // In a forked child the lock is the parent's to give up.
        if self.locked && self.shared.check_process().is_ok() {
            self.shared.readers.unlock_writer();
        }
        *self.shared.writer.lock() = self.writer.take();
        self.shared.writer_left.notify_one();
    }
}

fn take_in_process(shared: &Shared, wait: Wait) -> Option<WriterState> {
    let mut place = shared.writer.lock();
    loop {
        if let Some(writer) = place.take() {
            return Some(writer);
        }
        match wait {
            Wait::Forever => shared.writer_left.wait(&mut place),
            Wait::Not => return None,
            Wait::Until(until) => {
                if shared.writer_left.wait_until(&mut place, until).timed_out() {
                    return place.take();
                }
            }
        }
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
