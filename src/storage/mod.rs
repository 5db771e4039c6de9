//! Where the bytes live: a mapped file, on a disk or in memory, behind one trait that a simulated disk can take too.
//!
//! Reads come from a [`Mapping`]; every write goes through a call that can fail. Nothing here knows what a page means.

#[cfg(feature = "simulation")]
mod crash;
mod create;
#[cfg(test)]
mod failing;
mod lock;
#[expect(unsafe_code, reason = "the only file with unsafe code: mapped memory, file growth, locks")]
mod mmap;
mod mutant;
mod scratch;

use std::io;

#[cfg(feature = "simulation")]
pub use crash::{CrashDisk, Event, Fault, Operation};
pub(crate) use create::{NewFile, create};
#[cfg(test)]
pub(crate) use failing::Failing;
pub(crate) use lock::{Claim, LockFile, has_no_locks};
pub(crate) use mmap::{MappedFile, Mapping, Process, Window, prefetch};
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "only tests have the door"))]
pub use mutant::Mutant;
pub(crate) use scratch::Scratch;

/// A file, or something that behaves like one: it grows, is written at an offset, and keeps for certain only what was synced.
///
/// The commit order relies on three things: a `read_at` sees every earlier `write_at`; after `sync` returned,
/// all earlier writes and growth survive a power cut; a write that was not followed by a `sync` may survive
/// whole, in part (in units of 512 bytes) or not at all.
pub(crate) trait Storage: Send + Sync {
    /// The bytes as shared memory, for pages that no one writes while they are read.
    fn mapping(&self) -> &Mapping;

    /// Copies bytes out, for places that may be written at the same time (the meta pages).
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Brings these bytes into memory, so that they can be read through the mapping, or says why they
    /// cannot be read. Called before each node is read for the first time.
    ///
    /// Memory that runs short may lose them again. They are then read a second time without a call.
    fn fetch(&self, offset: u64, bytes: u64) -> io::Result<()>;

    /// Writes below the current length. Not durable before [`sync`](Storage::sync).
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Starts to bring bytes to the disk that were written and will not be written again soon, so that the next
    /// [`sync`](Storage::sync) has less to wait for. Promises nothing.
    fn write_behind(&self, _offset: u64, _bytes: u64) {}

    /// Makes the file at least this long, with its blocks reserved, so that a full disk is an error here and
    /// not a signal later.
    fn grow(&self, bytes: u64) -> io::Result<()>;

    /// Cuts the file to this length. Only for a tail that no snapshot reaches.
    fn shrink(&self, bytes: u64) -> io::Result<()>;

    /// Gives the room of these bytes back to the file system; the file keeps its length. Only for pages that no snapshot and no
    /// durable state reaches. What they hold afterwards is not said.
    fn discard(&self, offset: u64, bytes: u64) -> io::Result<()>;

    /// So many bytes side by side are worth discarding; what is shorter will soon be filled.
    fn least_discard(&self) -> u64 {
        1 << 20
    }

    /// Asks how long the file is now: another process may have grown it.
    fn refresh(&self) -> io::Result<u64>;

    /// Makes everything written so far survive a power cut.
    fn sync(&self) -> io::Result<()>;

    /// The bug that a test has planted.
    fn planted(&self) -> Option<Mutant> {
        None
    }
}
