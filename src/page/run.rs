//! Writing nodes in runs: pages are handed out many at a time, filled in order, and written in large pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::allocate::Allocator;
use super::checked::{PageView, Pages};
use super::meta::WrittenRun;
use super::{Link, PAGE_BYTES, checksum, page_of, pages_for};
use crate::error::{Error, Result, fail};
use crate::storage::Mutant;

/// What is gathered before it is written, up to a multiple of this in the file: with large aligned writes the page cache takes
/// folios of 2 MiB, and the mapping huge pages, without asking.
const CHUNK_BYTES: usize = 2 << 20;

/// The same for edits: what fits into a processor's own cache, and needs no folio that is hard to come by.
const PIECE_BYTES: usize = 256 << 10;

/// Pages by which a run of unknown length is lengthened.
const STEP_PAGES: u64 = 16 * (CHUNK_BYTES / PAGE_BYTES) as u64;

/// How far a file grows at a time, at most, when it has to.
const GROW_BYTES: u64 = 64 << 20;

/// The same where no more than this is missing, and then it is written.
const PREPARED_BYTES: u64 = 1 << 20;

/// What a write transaction shares between its tables: the free space, and what was written so far.
pub(crate) struct WriteSession {
    pages: Arc<Pages>,
    state: Mutex<SessionState>,
    /// Bytes of the file that may be written. Behind them, a thread that makes the file longer may still be writing zeros.
    length: Mutex<u64>,
    /// Set by the thread whose call failed, which still holds its table. Other threads see it at `commit` at the latest, since
    /// that takes the whole transaction.
    failed: AtomicBool,
}

struct SessionState {
    allocator: Allocator,
    written: Vec<WrittenRun>,
    /// Whether no commit list will hold what was written, or would stay true: runs need not be noted any more, and the commit
    /// takes two syncs.
    large: bool,
    /// Whether the file is cut to what it needs at commit: after a load, which grows it in large steps.
    trim: bool,
    /// Whether the commit is to be made though it changes nothing but the length of the file.
    cut: bool,
    /// Bytes of rows in trees that were cleared.
    cleared: u64,
}

impl WriteSession {
    pub(crate) fn new(pages: Arc<Pages>, allocator: Allocator) -> WriteSession {
        let state = SessionState {
            allocator,
            written: Vec::new(),
            large: false,
            trim: false,
            cut: false,
            cleared: 0,
        };
        let length = Mutex::new(pages.storage().mapping().len());
        WriteSession { pages, state: Mutex::new(state), length, failed: AtomicBool::new(false) }
    }

    /// What the transaction reads through: committed pages and the ones it has written itself.
    pub(crate) fn view(&self) -> PageView<'_> {
        self.pages.view_all()
    }

    /// The transaction no longer reaches this node.
    pub(crate) fn free(&self, link: Link, bytes: usize) {
        let mut state = self.state.lock();
        // What this transaction wrote itself is free at once, and may be written again, by this transaction or the next: then the
        // checksum in the commit list would no longer hold, and a commit that stands would look like one that was cut off.
        let end = link.address + bytes as u64;
        let listed = state.written.iter().any(|run| run.overlaps(link.address, end));
        if listed && !self.pages.storage().plants(Mutant::ListGivenUp) {
            state.large = true;
            state.written = Vec::new();
        }
        state.allocator.free(link.address, bytes as u64);
    }

    /// After a write that failed part of the way nothing that was edited can be relied on: the transaction must not commit.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Runs steps of which all or none may be committed. If one of them fails or panics, the session has failed.
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

    /// An error if the session has failed: what was edited is not whole, and must neither be edited further nor committed.
    #[inline]
    pub(crate) fn check_failed(&self) -> Result<()> {
        if self.failed.load(Ordering::Acquire) {
            fail!(
                Usage,
                "an earlier call in this transaction ended halfway, by an error while it wrote or by a panic; drop the \
                 transaction and begin another"
            );
        }
        Ok(())
    }

    /// A tree with so many bytes of rows was cleared, or dropped.
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
    pub(crate) fn cut_at_commit(&self) {
        let mut state = self.state.lock();
        (state.trim, state.cut) = (true, true);
    }

    /// Whether the commit is to be made even if nothing was changed.
    pub(crate) fn cuts(&self) -> bool {
        self.state.lock().cut
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

    /// Where the lowest gap of so many bytes begins.
    pub(crate) fn lowest_gap(&self, bytes: u64) -> Option<u64> {
        self.state.lock().allocator.lowest_gap(pages_for(bytes)).map(|page| page * PAGE_BYTES as u64)
    }

    /// Where more than so many bytes are free below, for the first time.
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

    /// Ends the session: the free space as it is now, the runs that were written (or `None` if they are too many for
    /// a commit list), and whether to trim the file.
    pub(crate) fn finish(self) -> (Allocator, Option<Vec<WrittenRun>>, bool) {
        let state = self.state.into_inner();
        (state.allocator, (!state.large).then_some(state.written), state.trim)
    }

    /// Makes the file at least `pages` pages long.
    ///
    /// Edits are followed by more edits, so what is added beyond `pages` is written with zeros too, if it is little.
    /// The lock is held until the zeros are written: another thread of the transaction may own pages among them, and
    /// must not write those before.
    fn ensure_length(&self, pages: u64, edits: bool) -> Result<()> {
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
        // None in a file in the making, which is not mapped and sees no other commit.
        let added = storage.mapping().len().saturating_sub(needed);
        if prepares && added > 0 {
            // The first sync of a place where nothing was ever written waits for the file system's journal as well: one in many
            // small commits does, for all of them.
            storage
                .write_at(needed, &vec![0; added as usize])
                .map_err(|error| Error::io(format!("cannot write {added} bytes at {needed}"), error))?;
        }
        *length = needed + added;
        Ok(())
    }
}

/// Places nodes one behind the other in runs of free pages.
///
/// A node is written once, to pages that no snapshot reaches. What was placed is on its way to the file after
/// [`finish`](RunWriter::finish), and durable after the commit.
pub(crate) struct RunWriter<'s> {
    session: &'s WriteSession,
    room: Room,
    /// The present run, in pages: where it starts and how many are handed out.
    run_page: u64,
    run_pages: u64,
    /// First page of the unwritten part of the run.
    buffer_page: u64,
    buffer: Vec<u8>,
    /// Where the last node started: at most one node starts in a page.
    last_start: u64,
}

/// Where runs go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Room {
    /// Into any gaps; about so many bytes are to come.
    Gaps(u64),
    /// All into one run: a gap of at least so many bytes, or the end of the file.
    OneGap(u64),
    /// The same, the lowest gap.
    LowestGap(u64),
    /// All into one run at the end of the file; about so many bytes.
    End(u64),
}

impl<'s> RunWriter<'s> {
    /// A writer that has placed nothing yet.
    pub(crate) fn new(session: &'s WriteSession, room: Room) -> RunWriter<'s> {
        RunWriter {
            session,
            room,
            run_page: 0,
            run_pages: 0,
            buffer_page: 0,
            buffer: Vec::new(),
            last_start: u64::MAX,
        }
    }

    /// Places a node right behind the one before it. Nodes of one table in order make one array of records that way.
    pub(crate) fn push_packed(&mut self, node: &[u8]) -> Result<Link> {
        let next = self.position();
        if page_of(next) == page_of(self.last_start) {
            self.align();
        }
        self.push(node)
    }

    /// Places a node at the start of a page.
    pub(crate) fn push_aligned(&mut self, node: &[u8]) -> Result<Link> {
        self.align();
        self.push(node)
    }

    fn push(&mut self, node: &[u8]) -> Result<Link> {
        if self.position() + node.len() as u64 > self.run_end() {
            self.make_room(node.len() as u64)?;
        }
        let address = self.position();
        self.buffer.extend_from_slice(node);
        self.last_start = address;
        self.session.state.lock().allocator.place(address, node.len() as u64);
        let chunk = if matches!(self.room, Room::Gaps(_)) { PIECE_BYTES } else { CHUNK_BYTES } as u64;
        let boundary = self.position() / chunk * chunk;
        let first = self.buffer_page * PAGE_BYTES as u64;
        let chunk = boundary.saturating_sub(first);
        self.write_out(chunk as usize)?;
        if chunk > 0 {
            // More is to come, and the disk may work while it is made.
            self.session.pages.storage().write_behind(first, chunk);
        }
        Ok(Link { address, checksum: checksum(node) })
    }

    /// Writes what is left and gives back the pages that were not needed.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.close_run()
    }

    fn position(&self) -> u64 {
        self.buffer_page * PAGE_BYTES as u64 + self.buffer.len() as u64
    }

    fn run_end(&self) -> u64 {
        (self.run_page + self.run_pages) * PAGE_BYTES as u64
    }

    /// Makes the file long enough for the run.
    fn ensure_length(&self) -> Result<()> {
        self.session.ensure_length(self.run_page + self.run_pages, matches!(self.room, Room::Gaps(_)))
    }

    fn align(&mut self) {
        self.buffer.resize(self.buffer.len().next_multiple_of(PAGE_BYTES), 0);
    }

    /// Lengthens the run, or starts another where it cannot be.
    fn make_room(&mut self, bytes: u64) -> Result<()> {
        let missing = pages_for((self.position() + bytes).saturating_sub(self.run_end()));
        let expected = match self.room {
            Room::Gaps(bytes) | Room::OneGap(bytes) | Room::LowestGap(bytes) | Room::End(bytes) => {
                pages_for(bytes)
            }
        };
        let (next, more) = (self.run_page + self.run_pages, missing.max(expected.min(STEP_PAGES)));
        let mut state = self.session.state.lock();
        let lengthened = [more, missing]
            .into_iter()
            .find(|pages| self.run_pages > 0 && state.allocator.extend(next, *pages));
        drop(state);
        if let Some(pages) = lengthened {
            self.run_pages += pages;
            return self.ensure_length();
        }
        self.close_run()?;
        state = self.session.state.lock();
        let least = pages_for(bytes);
        let (page, pages) = match self.room {
            Room::Gaps(_) => state.allocator.allocate(expected.max(least), least),
            Room::OneGap(bytes) => state.allocator.allocate_run(pages_for(bytes).max(least), more.max(least)),
            Room::LowestGap(bytes) => {
                state.allocator.allocate_low(pages_for(bytes).max(least), more.max(least))
            }
            Room::End(_) => state.allocator.allocate_at_end(more.max(least)),
        };
        drop(state);
        (self.run_page, self.run_pages, self.buffer_page) = (page, pages, page);
        self.room = match self.room {
            Room::Gaps(bytes) => Room::Gaps(bytes.saturating_sub(pages * PAGE_BYTES as u64)),
            // What does not fit where it was thought to goes where it fits however much it is.
            Room::OneGap(_) | Room::LowestGap(_) | Room::End(_) => Room::End(u64::MAX),
        };
        self.ensure_length()
    }

    fn close_run(&mut self) -> Result<()> {
        self.align();
        self.write_out(self.buffer.len())?;
        let unused = self.run_page + self.run_pages - self.buffer_page;
        self.session.state.lock().allocator.give_back(self.buffer_page, unused);
        self.run_pages = 0;
        self.last_start = u64::MAX;
        Ok(())
    }

    /// Writes the first so many bytes of what is gathered, whole pages.
    fn write_out(&mut self, whole: usize) -> Result<()> {
        if whole == 0 {
            return Ok(());
        }
        let address = self.buffer_page * PAGE_BYTES as u64;
        let bytes = &self.buffer[..whole];
        self.session.pages.forget(address, whole as u64);
        self.session
            .pages
            .storage()
            .write_at(address, bytes)
            .map_err(|error| Error::io(format!("cannot write {whole} bytes at {address}"), error))?;
        let mut state = self.session.state.lock();
        if !state.large {
            let planted = self.session.pages.storage().plants(Mutant::WrongChecksum);
            let summed = if planted { &bytes[..PAGE_BYTES] } else { bytes };
            state.written.push(WrittenRun { address, bytes: whole as u32, checksum: checksum(summed) });
            state.large = !super::meta::fits_the_list(&state.written);
        }
        drop(state);
        self.buffer.drain(..whole);
        self.buffer_page += (whole / PAGE_BYTES) as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::FIRST_ADDRESS;
    use crate::storage::MappedFile;

    #[test]
    fn what_is_written_over_a_verified_node_is_not_taken_for_verified() {
        let file = MappedFile::anonymous(FIRST_ADDRESS, 0).unwrap();
        let session = WriteSession::new(Arc::new(Pages::new(Box::new(file))), Allocator::new(1));
        let write = |node: &[u8]| {
            let mut writer = RunWriter::new(&session, Room::LowestGap(node.len() as u64));
            let link = writer.push_aligned(node).unwrap();
            writer.finish().unwrap();
            link
        };
        let first = write(&[1; PAGE_BYTES]);
        session.view().read(first, PAGE_BYTES).unwrap();
        session.free(first, PAGE_BYTES);
        let second = write(&[2; PAGE_BYTES]);
        assert_eq!(second.address, first.address);
        assert!(
            session.view().read(first, PAGE_BYTES).is_err(),
            "the bytes of the second under the first's name"
        );
        assert_eq!(session.view().read(second, PAGE_BYTES).unwrap(), [2; PAGE_BYTES]);
    }
}
