//! Where the bytes live: a mapped file, on a disk or in memory, behind one trait that a simulated disk can take too.
//!
//! Reads come from a [`Mapping`]; every write goes through a call that can fail. Nothing here knows what a page means.

#[cfg(feature = "simulation")]
mod crash;
mod create;
#[cfg(test)]
mod failing;
#[expect(unsafe_code, reason = "handlers that the C library calls around a fork")]
mod fork;
mod lock;
#[cfg(feature = "simulation")]
mod making;
#[expect(unsafe_code, reason = "mapped memory, file growth, locks")]
mod mmap;
mod mutant;
mod own;
mod scratch;
#[cfg(feature = "simulation")]
mod simulated_lock;

use std::io;

#[cfg(feature = "simulation")]
pub use crash::{CrashDisk, Event, Fault, Hook, Operation, Verdict};
pub(crate) use create::{NewFile, Rights, real_path};
#[cfg(test)]
pub(crate) use failing::Failing;
pub(crate) use fork::Process;
pub(crate) use lock::{Claim, OsLockFile, has_no_locks};
#[cfg(feature = "simulation")]
pub use making::{Making, record_making};
pub(crate) use mmap::{MappedFile, Mapping, Window, prefetch};
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "only tests have the door"))]
pub use mutant::Mutant;
pub(crate) use mutant::faulted;
pub(crate) use scratch::{Scratch, TemporaryFolder};

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

    /// Whether the mapping shows these bytes at this offset, as the file has them. With an overlay file system it may not: a
    /// file is copied when it is opened to be written, and what was mapped before stays the old one.
    fn shows(&self, _offset: u64, _bytes: &[u8]) -> bool {
        true
    }

    /// Maps the file once more. References into the old mapping go on to hold.
    fn map_anew(&self) -> io::Result<()> {
        Ok(())
    }

    /// Makes everything written so far survive a power cut.
    fn sync(&self) -> io::Result<()>;

    /// The bug that a test has planted.
    fn planted(&self) -> Option<Mutant> {
        None
    }
}

/// An open lock file beside a database: a few bytes that processes share, and locks on single bytes. The locks belong to this handle,
/// and go when it is dropped or its process dies.
pub(crate) trait LockFile: Send + Sync {
    /// Takes the byte for this handle alone; `false` when another holds it.
    fn try_exclusive(&self, byte: u64) -> io::Result<bool>;

    /// Waits until the byte can be shared, and shares it. From exclusive to shared there is no gap.
    fn share(&self, byte: u64) -> io::Result<()>;

    /// Waits until the byte is this handle's alone.
    fn exclusive(&self, byte: u64) -> io::Result<()>;

    /// Gives the byte up.
    fn release(&self, byte: u64) -> io::Result<()>;

    /// Whether another handle holds the byte.
    fn is_held(&self, byte: u64) -> io::Result<bool>;

    /// Fills the buffer from this offset; bytes beyond the end are zero.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes the bytes at this offset.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// How long the file is.
    fn len(&self) -> io::Result<u64>;

    /// Cuts the file: the first process to open a database does not believe what an earlier one left.
    fn cut(&self, bytes: u64) -> io::Result<()>;
}
