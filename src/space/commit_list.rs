//! The commit list: the runs that a small commit wrote, with their checksums. It stands in the meta
//! page, and recovery believes the commit if every run on it holds.

use bytemuck::{Pod, Zeroable};

use crate::page::{page_of, pages_for};

/// How many runs a commit list holds.
pub(crate) const LIST_RUNS: usize = 248;

/// How many bytes the runs of a commit list may have in all: what opening after a crash may have to
/// read.
pub(crate) const LIST_BYTES: u64 = 1 << 20;

/// A run of whole pages that a commit wrote, and what it must sum to.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
pub(crate) struct WrittenRun {
    pub(crate) address: u64,
    pub(crate) bytes: u32,
    pub(crate) checksum: u32,
}

impl WrittenRun {
    /// Whether it has any of the bytes from `start` to `end`.
    pub(crate) fn overlaps(&self, start: u64, end: u64) -> bool {
        self.address < end && start < self.address + u64::from(self.bytes)
    }

    /// The pages that it takes.
    pub(crate) fn pages(&self) -> std::ops::Range<u64> {
        page_of(self.address)..page_of(self.address) + pages_for(self.bytes.into())
    }
}

/// Whether a commit that wrote these runs can list them, and so needs one sync instead of two.
pub(crate) fn fits_the_list(runs: &[WrittenRun]) -> bool {
    runs.len() <= LIST_RUNS && runs.iter().map(|run| u64::from(run.bytes)).sum::<u64>() <= LIST_BYTES
}
