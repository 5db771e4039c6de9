//! Storage: a mapped file, on a disk or in memory, behind one trait that a simulated disk
//! implements too.
//!
//! Reads come from a [`Mapping`]; every write goes through a call that can fail. Nothing here knows
//! what a page means. No other room touches files.

mod blocks;
mod bugs;
mod byte_lock;
mod create;
#[cfg(test)]
mod failing;
#[expect(unsafe_code, reason = "hands on the contract of the mapping; one system call")]
mod file;
mod folder;
#[expect(unsafe_code, reason = "handlers that the C library calls around a fork")]
mod fork;
mod lock;
#[expect(unsafe_code, reason = "mapped memory, prefetch")]
mod map;
mod memory;
mod new_file;
mod own;
mod scratch;
#[cfg(feature = "simulation")]
mod simulated;

use std::io;

#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "only tests have the door"))]
pub use bugs::Bug;
pub(crate) use bugs::or_bug;
pub(crate) use create::{Rights, real_path};
#[cfg(test)]
pub(crate) use failing::Failing;
pub(crate) use file::MappedFile;
pub(crate) use folder::{Folder, read_beginning, read_stream};
pub(crate) use fork::{PerProcess, Process};
pub(crate) use lock::{Claim, OsLockFile, has_no_locks};
pub(crate) use map::{Mapping, Window, prefetch};
pub(crate) use memory::Memory;
pub(crate) use new_file::NewFile;
pub(crate) use scratch::{Scratch, TemporaryFolder};
#[cfg(feature = "simulation")]
pub use simulated::{CrashDisk, Event, Fault, Hook, Making, Operation, Verdict, record_making};

/// A file that grows, is written at an offset, and keeps what was synced.
///
/// The order of commits relies on three things. `read_at` sees every earlier `write_at`. Once
/// `sync` has returned, all earlier writes and growth survive a power cut. A write that was not
/// followed by a `sync` may survive whole, in part (in units of 512 bytes) or not at all.
pub(crate) trait Storage: Send + Sync {
    /// The bytes as shared memory, for pages that are not written while they are read.
    fn mapping(&self) -> &Mapping;

    /// Copies bytes that may be written at the same time (the meta pages).
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Reads these bytes into memory, so that they can be read through the mapping, or reports why
    /// they cannot be read. Called before each node is read for the first time.
    ///
    /// If memory runs short the system may drop them again. It then reads them again without a
    /// call.
    fn fetch(&self, offset: u64, bytes: u64) -> io::Result<()>;

    /// Writes below the current length. Not durable before [`sync`](Storage::sync).
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Starts writing bytes to the disk that will not be written again soon, so that the next
    /// [`sync`](Storage::sync) waits for less. Promises nothing.
    fn write_behind(&self, _offset: u64, _bytes: u64) {}

    /// Makes the file at least this long, with its blocks reserved, so that a full disk is an error
    /// here and not a signal later.
    fn grow(&self, bytes: u64) -> io::Result<()>;

    /// Truncates the file to this length. Only for a tail that no snapshot reaches.
    fn shrink(&self, bytes: u64) -> io::Result<()>;

    /// Gives the blocks of these bytes back to the file system; the file keeps its length. Only for
    /// pages that no snapshot and no durable state reaches. Their content afterwards is undefined.
    fn discard(&self, offset: u64, bytes: u64) -> io::Result<()>;

    /// The least number of adjacent bytes that is worth discarding. Shorter gaps are filled soon.
    fn least_discard(&self) -> u64 {
        1 << 20
    }

    /// The length of the file now: another process may have grown it.
    fn refresh(&self) -> io::Result<u64>;

    /// Whether the mapping shows these bytes at this offset, as the file has them. On an overlay
    /// file system it may not: a file is copied when it is first opened for writing, and an earlier
    /// mapping shows the old file.
    fn shows(&self, _offset: u64, _bytes: &[u8]) -> bool {
        true
    }

    /// Maps the file again. References into the old mapping stay valid.
    fn map_anew(&self) -> io::Result<()> {
        Ok(())
    }

    /// Makes everything that was written so far survive a power cut.
    fn sync(&self) -> io::Result<()>;

    /// The bug that a test has planted.
    fn planted(&self) -> Option<Bug> {
        None
    }
}

/// An open lock file beside a database: bytes that processes share, and locks on single bytes. The
/// locks belong to this handle, and end when it is dropped or its process dies.
pub(crate) trait LockFile: Send + Sync {
    /// Locks the byte for this handle alone; `false` if another handle holds it.
    fn try_exclusive(&self, byte: u64) -> io::Result<bool>;

    /// Waits until the byte can be shared, and shares it. A handle that holds it exclusively never
    /// loses it in between.
    fn share(&self, byte: u64) -> io::Result<()>;

    /// Waits until no other handle holds the byte, and locks it for this one alone.
    fn exclusive(&self, byte: u64) -> io::Result<()>;

    /// Releases the byte.
    fn release(&self, byte: u64) -> io::Result<()>;

    /// Whether another handle holds the byte.
    fn is_held(&self, byte: u64) -> io::Result<bool>;

    /// Fills the buffer from this offset; bytes beyond the end are zero.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes the bytes at this offset.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// The length of the file.
    fn len(&self) -> io::Result<u64>;

    /// Truncates the file.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
}
