//! The lock file on a simulated disk.

use std::io;
use std::sync::Arc;

use super::disk::{CrashDisk, Disk, Operation, State, Verdict};
use crate::storage::{LockFile, Storage};

impl CrashDisk {
    /// The file and the lock file, opened by a process that shares them with others.
    pub(crate) fn shared(&self, process: u64) -> io::Result<(Box<dyn Storage>, Box<dyn LockFile>)> {
        let lock = SimulatedLockFile { disk: Arc::clone(&self.0), process };
        Ok((self.shared_storage(process)?, Box::new(lock)))
    }
}

/// The lock file as one process sees it.
struct SimulatedLockFile {
    disk: Arc<Disk>,
    process: u64,
}

impl Drop for SimulatedLockFile {
    fn drop(&mut self) {
        self.disk.state.lock().locks.release_all(self.process);
    }
}

impl SimulatedLockFile {
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

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let cut = |state: &mut State| {
            state.lock_file.resize(bytes as usize, 0);
            Ok(())
        };
        self.run(Operation::LockWrite, cut, |_, _| Ok(()))
    }
}
