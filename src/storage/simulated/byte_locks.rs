//! A table of the processes that hold each byte of the simulated lock file, as the kernel keeps one
//! for open files.

use std::collections::BTreeMap;

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
    pub(super) fn take(&mut self, process: u64, byte: u64, exclusive: bool) -> bool {
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

    pub(super) fn release(&mut self, process: u64, byte: u64) {
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

    pub(super) fn is_held(&self, process: u64, byte: u64) -> bool {
        self.held.get(&byte).is_some_and(|holders| holders.processes.iter().any(|holder| *holder != process))
    }

    /// How often a lock was taken or released.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }
}
