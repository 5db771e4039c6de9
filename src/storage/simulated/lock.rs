//! The lock file on a simulated disk: its bytes, and a table of the processes that hold each byte,
//! as the kernel keeps one for open files.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::disk::{Disk, Operation, State, Verdict};
use crate::storage::LockFile;

/// Which processes hold which byte.
#[derive(Default)]
pub(super) struct ByteLocks {
    held: BTreeMap<u64, Holders>,
    changes: u64,
}

#[derive(Default)]
struct Holders {
    exclusive: bool,
    processes: Vec<u64>,
}

impl ByteLocks {
    /// Takes the byte, or changes how it is held; `false` if another process excludes that.
    fn take(&mut self, process: u64, byte: u64, exclusive: bool) -> bool {
        let holders = self.held.entry(byte).or_default();
        let others = holders.processes.iter().any(|holder| *holder != process);
        if others && (exclusive || holders.exclusive) {
            return false;
        }
        if !holders.processes.contains(&process) {
            holders.processes.push(process);
        }
        holders.exclusive = exclusive;
        self.changes += 1;
        true
    }

    fn release(&mut self, process: u64, byte: u64) {
        if let Some(holders) = self.held.get_mut(&byte) {
            holders.processes.retain(|holder| *holder != process);
            if holders.processes.is_empty() {
                self.held.remove(&byte);
            }
        }
        self.changes += 1;
    }

    /// What closing an open file does.
    pub(super) fn release_all(&mut self, process: u64) {
        self.held.retain(|_, holders| {
            holders.processes.retain(|holder| *holder != process);
            !holders.processes.is_empty()
        });
        self.changes += 1;
    }

    fn is_held(&self, process: u64, byte: u64) -> bool {
        self.held.get(&byte).is_some_and(|holders| holders.processes.iter().any(|holder| *holder != process))
    }

    /// How often a lock was taken or released.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }
}

/// The lock file as one process sees it.
pub(super) struct SimulatedLockFile {
    disk: Arc<Disk>,
    process: u64,
}

impl Drop for SimulatedLockFile {
    fn drop(&mut self) {
        self.disk.state.lock().locks.release_all(self.process);
    }
}

impl SimulatedLockFile {
    pub(super) fn new(disk: Arc<Disk>, process: u64) -> SimulatedLockFile {
        SimulatedLockFile { disk, process }
    }

    fn run<R>(
        &self,
        operation: Operation,
        pass: impl FnOnce(&mut State) -> io::Result<R>,
        part: impl FnOnce(&mut State, bool) -> io::Result<()>,
    ) -> io::Result<R> {
        let verdict = self.disk.ask(self.process, operation, 0);
        self.disk.run(self.process, operation, verdict, pass, part)
    }

    fn take_waiting(&self, byte: u64, exclusive: bool) -> io::Result<()> {
        let mut verdict = self.disk.ask(self.process, Operation::Lock, byte);
        loop {
            let take = |state: &mut State| Ok(state.locks.take(self.process, byte, exclusive));
            if self.disk.run(self.process, Operation::Lock, verdict, take, |_, _| Ok(()))? {
                return Ok(());
            }
            self.disk.wait(self.process)?;
            verdict = Verdict::Pass;
        }
    }
}

fn write(state: &mut State, offset: u64, bytes: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    if state.lock_file.len() < end {
        state.lock_file.resize(end, 0);
    }
    state.lock_file[start..end].copy_from_slice(bytes);
}

impl LockFile for SimulatedLockFile {
    fn try_exclusive(&self, byte: u64) -> io::Result<bool> {
        let take = |state: &mut State| Ok(state.locks.take(self.process, byte, true));
        self.run(Operation::Lock, take, |_, _| Ok(()))
    }

    fn share(&self, byte: u64) -> io::Result<()> {
        self.take_waiting(byte, false)
    }

    fn exclusive(&self, byte: u64) -> io::Result<()> {
        self.take_waiting(byte, true)
    }

    fn release(&self, byte: u64) -> io::Result<()> {
        let release = |state: &mut State| {
            state.locks.release(self.process, byte);
            Ok(())
        };
        self.run(Operation::Unlock, release, |_, _| Ok(()))
    }

    fn is_held(&self, byte: u64) -> io::Result<bool> {
        self.run(Operation::Lock, |state| Ok(state.locks.is_held(self.process, byte)), |_, _| Ok(()))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let read = |state: &mut State| {
            into.fill(0);
            let there = state.lock_file.get(offset as usize..).unwrap_or_default();
            let bytes = there.len().min(into.len());
            into[..bytes].copy_from_slice(&there[..bytes]);
            Ok(())
        };
        self.run(Operation::LockRead, read, |_, _| Ok(()))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // Without a power cut, bytes of one page arrive as a whole or not at all: it is one copy in
        // memory.
        let half = &bytes[..bytes.len() / 2 / 4096 * 4096];
        let pass = |state: &mut State| {
            write(state, offset, bytes);
            Ok(())
        };
        let part = |state: &mut State, _| {
            write(state, offset, half);
            Ok(())
        };
        self.run(Operation::LockWrite, pass, part)
    }

    fn len(&self) -> io::Result<u64> {
        self.run(Operation::LockRead, |state| Ok(state.lock_file.len() as u64), |_, _| Ok(()))
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        let cut = |state: &mut State| {
            state.lock_file.resize(bytes as usize, 0);
            Ok(())
        };
        self.run(Operation::LockWrite, cut, |_, _| Ok(()))
    }
}
