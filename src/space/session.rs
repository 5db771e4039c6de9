//! The write session: what the tables of one write transaction share. It holds the free space and
//! the list of what was written. The trees write through it; the commit takes it apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};

use super::allocate::Allocator;
use super::commit_list::{WrittenRun, fits_the_list};
use crate::error::{Error, Result, bail};
use crate::page::{Link, PAGE_BYTES, PageView, Pages, checksum, pages_for};
use crate::storage::or_bug;

/// How far a file grows at a time, at most, when it has to.
const GROW_BYTES: u64 = 64 << 20;

/// The same where no more than this is missing, and then it is written.
const PREPARED_BYTES: u64 = 1 << 20;

/// What a write transaction shares between its tables: the free space, and what was written so far.
pub(crate) struct WriteSession {
    pages: Arc<Pages>,
    state: Mutex<SessionState>,
    /// Bytes of the file that may be written. Behind them, a thread that makes the file longer may
    /// still be writing zeros.
    length: Mutex<u64>,
    /// [`OPEN`], [`FAILED`] or [`ENDED`]. A thread sets it while it holds its table. Other threads
    /// see it at `commit` at the latest, since that takes the whole transaction.
    status: AtomicU8,
}

const OPEN: u8 = 0;
/// A call ended halfway: nothing may be committed.
const FAILED: u8 = 1;
/// The transaction took the state out, to commit it or to give it up.
const ENDED: u8 = 2;

struct SessionState {
    allocator: Allocator,
    written: Vec<WrittenRun>,
    /// Whether no commit list will hold what was written, or would stay true: runs need not be
    /// noted any more, and the commit takes two syncs.
    large: bool,
    /// Whether the file is truncated to what it needs at commit: after a load, which grows it in
    /// large steps.
    trim: bool,
    /// Whether to commit even if only the length of the file changes.
    shortens_file: bool,
    /// Bytes of rows in trees that were cleared.
    cleared: u64,
}

/// What a session leaves behind when it ends.
pub(crate) struct Finished {
    /// The free space as it is now.
    pub(crate) allocator: Allocator,
    /// The runs that were written; `None` if they are too many for a commit list.
    pub(crate) written: Option<Vec<WrittenRun>>,
    /// Whether to trim the file.
    pub(crate) trims: bool,
}

impl WriteSession {
    pub(crate) fn new(pages: Arc<Pages>, allocator: Allocator) -> WriteSession {
        let state = SessionState {
            allocator,
            written: Vec::new(),
            large: false,
            trim: false,
            shortens_file: false,
            cleared: 0,
        };
        let length = Mutex::new(pages.storage().mapping().len());
        WriteSession { pages, state: Mutex::new(state), length, status: AtomicU8::new(OPEN) }
    }

    /// What the transaction reads through: committed pages and the ones it has written itself.
    pub(crate) fn view(&self) -> PageView<'_> {
        self.pages.view_all()
    }

    /// The transaction no longer reaches this node.
    pub(crate) fn free(&self, link: Link, bytes: usize) {
        let mut state = self.state.lock();
        // What this transaction wrote itself is free at once, and may be written again, by this
        // transaction or the next: then the checksum in the commit list would no longer hold, and a
        // commit that stands would look like one that was cut off.
        let end = link.address + bytes as u64;
        let listed = state.written.iter().any(|run| run.overlaps(link.address, end));
        if or_bug!(self.pages.storage(), listed; ListGivenUp => false) {
            state.large = true;
            state.written = Vec::new();
        }
        state.allocator.free(link.address, bytes as u64);
    }

    /// After a write that failed part of the way nothing that was edited can be relied on: the
    /// transaction must not commit.
    pub(crate) fn fail(&self) {
        let _ = self.status.compare_exchange(OPEN, FAILED, Ordering::Release, Ordering::Relaxed);
    }

    /// Runs steps of which all or none may be committed. If one of them fails or panics, the
    /// session has failed.
    pub(crate) fn all_or_none<R>(&self, steps: impl FnOnce() -> Result<R>) -> Result<R> {
        self.fail_on_panic(|| steps().inspect_err(|_| self.fail()))
    }

    /// Runs an edit that takes itself back after an error. If it panics, the session has failed.
    pub(crate) fn fail_on_panic<R>(&self, edit: impl FnOnce() -> R) -> R {
        struct Unfinished<'s>(&'s WriteSession);
        impl Drop for Unfinished<'_> {
            fn drop(&mut self) {
                self.0.fail();
            }
        }
        let unfinished = Unfinished(self);
        let result = edit();
        std::mem::forget(unfinished);
        result
    }

    /// An error if the session has failed: what was edited is not whole, and must neither be edited
    /// further nor committed. Also an error if the session has ended.
    #[inline]
    pub(crate) fn check_failed(&self) -> Result<()> {
        if self.status.load(Ordering::Acquire) != OPEN {
            return self.refuse();
        }
        Ok(())
    }

    /// Whether the session has failed, and has not ended yet.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.status.load(Ordering::Acquire) == FAILED
    }

    /// The error of a session that has failed or ended.
    #[cold]
    pub(crate) fn refuse<T>(&self) -> Result<T> {
        if self.status.load(Ordering::Acquire) == ENDED {
            bail!(Usage, "the transaction is over");
        }
        bail!(
            Usage,
            "an earlier call in this transaction ended halfway, by an error while it wrote or by a panic; drop the \
             transaction and begin another"
        )
    }

    /// Notes that a tree with this many bytes of rows was cleared or dropped.
    pub(crate) fn note_cleared(&self, bytes: u64) {
        let mut state = self.state.lock();
        state.cleared = state.cleared.saturating_add(bytes);
    }

    /// How many bytes of rows were in trees that the transaction cleared, or dropped.
    pub(crate) fn cleared(&self) -> u64 {
        self.state.lock().cleared
    }

    /// Truncate the file on commit.
    pub(crate) fn trim_at_commit(&self) {
        self.state.lock().trim = true;
    }

    /// Commit and truncate the file even if nothing else has changed.
    pub(crate) fn truncate_at_commit(&self) {
        let mut state = self.state.lock();
        (state.trim, state.shortens_file) = (true, true);
    }

    /// Whether the commit is to be made even if nothing was changed.
    pub(crate) fn shortens_file(&self) -> bool {
        self.state.lock().shortens_file
    }

    /// How long the file must be for what is taken in it.
    pub(crate) fn end(&self) -> u64 {
        self.state.lock().allocator.end() * PAGE_BYTES as u64
    }

    /// Bytes that are kept for snapshots alone.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.state.lock().allocator.held_bytes()
    }

    /// Bytes below the end that are free.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.state.lock().allocator.free_pages() * PAGE_BYTES as u64
    }

    /// Where the lowest gap of this many bytes begins.
    pub(crate) fn lowest_gap(&self, bytes: u64) -> Option<u64> {
        self.state.lock().allocator.lowest_gap(pages_for(bytes)).map(|page| page * PAGE_BYTES as u64)
    }

    /// The first gap at which more than this many bytes are free, counted from the start of the
    /// file.
    pub(crate) fn first_gap_beyond(&self, bytes: u64) -> Option<u64> {
        let state = self.state.lock();
        let mut left = bytes / PAGE_BYTES as u64;
        let gap = state.allocator.gaps(1).find(|(_, pages)| {
            let beyond = *pages > left;
            left = left.saturating_sub(*pages);
            beyond
        });
        gap.map(|(page, _)| page * PAGE_BYTES as u64)
    }

    /// Ends the session and takes its state out.
    ///
    /// The trees of the transaction still hold the session after that. They can read through it,
    /// but no longer write. `None` if the session has ended before.
    pub(crate) fn finish(&self) -> Option<Finished> {
        if self.status.swap(ENDED, Ordering::AcqRel) == ENDED {
            return None;
        }
        let mut state = self.state.lock();
        let allocator = std::mem::replace(&mut state.allocator, Allocator::new(0));
        let written = std::mem::take(&mut state.written);
        Some(Finished { allocator, written: (!state.large).then_some(written), trims: state.trim })
    }

    /// The free space, for a writer of runs.
    pub(super) fn space(&self) -> MappedMutexGuard<'_, Allocator> {
        MutexGuard::map(self.state.lock(), |state| &mut state.allocator)
    }

    /// Writes whole pages that were allocated, and puts them on the commit list.
    pub(super) fn write_run(&self, address: u64, bytes: &[u8]) -> Result<()> {
        if self.status.load(Ordering::Acquire) == ENDED {
            return self.refuse();
        }
        self.pages.forget(address, bytes.len() as u64);
        let storage = self.pages.storage();
        storage
            .write_at(address, bytes)
            .map_err(|error| Error::io(format!("cannot write {} bytes at {address}", bytes.len()), error))?;
        let mut state = self.state.lock();
        if !state.large {
            let summed = or_bug!(storage, bytes; WrongChecksum => &bytes[..PAGE_BYTES]);
            let run = WrittenRun { address, bytes: bytes.len() as u32, checksum: checksum(summed) };
            state.written.push(run);
            state.large = !fits_the_list(&state.written);
        }
        Ok(())
    }

    /// Starts to bring written pages to the disk.
    pub(super) fn write_behind(&self, address: u64, bytes: u64) {
        self.pages.storage().write_behind(address, bytes);
    }

    /// Makes the file at least `pages` pages long.
    ///
    /// Edits are followed by more edits, so what is added beyond `pages` is written with zeros too,
    /// if it is little. The lock is held until the zeros are written: another thread of the
    /// transaction may own pages among them, and must not write those before.
    pub(super) fn ensure_length(&self, pages: u64, edits: bool) -> Result<()> {
        let needed = pages * PAGE_BYTES as u64;
        let mut length = self.length.lock();
        if needed <= *length {
            return Ok(());
        }
        let storage = self.pages.storage();
        let missing = needed - *length;
        let prepares = edits && missing <= PREPARED_BYTES;
        let most = if prepares { PREPARED_BYTES } else { GROW_BYTES };
        let step = (needed / 16).clamp(64 << 10, most).next_multiple_of(PAGE_BYTES as u64);
        storage
            .grow((needed + step).min(storage.mapping().reserved()).max(needed))
            .or_else(|_| storage.grow(needed))
            .map_err(|error| Error::io(format!("cannot grow the file to {needed} bytes"), error))?;
        // 0 in a file that is still being made: it is not mapped and sees no other commit.
        let added = storage.mapping().len().saturating_sub(needed);
        if prepares && added > 0 {
            // The first sync of a place where nothing was ever written waits for the file system's
            // journal as well: one in many small commits does, for all of them.
            storage
                .write_at(needed, &vec![0; added as usize])
                .map_err(|error| Error::io(format!("cannot write {added} bytes at {needed}"), error))?;
        }
        *length = needed + added;
        Ok(())
    }
}
