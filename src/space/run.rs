//! Writing nodes in runs: pages are allocated many at a time, filled in order, and written in large
//! pieces. Used by the trees, through the write session.

use super::session::WriteSession;
use crate::error::Result;
use crate::page::{Link, PAGE_BYTES, checksum, page_of, pages_for};

/// Nodes are gathered up to a multiple of this in the file before they are written. For large
/// aligned writes the page cache uses folios of 2 MiB, and the mapping huge pages, by itself.
const CHUNK_BYTES: usize = 2 << 20;

/// The same for edits. It fits into a core's own cache, and needs no large folio, which may not be
/// available.
const PIECE_BYTES: usize = 256 << 10;

/// Pages by which a run of unknown length is lengthened.
const STEP_PAGES: u64 = 16 * (CHUNK_BYTES / PAGE_BYTES) as u64;

/// Places nodes one behind the other in runs of free pages.
///
/// A node is written once, to pages that no snapshot reaches. What was placed is on its way to the
/// file after [`finish`](RunWriter::finish), and durable after the commit.
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
    /// Into any gaps, for about this many bytes.
    Gaps(u64),
    /// All into one run: a gap of at least this many bytes, or the end of the file.
    OneGap(u64),
    /// The same, the lowest gap.
    LowestGap(u64),
    /// All into one run at the end of the file, for about this many bytes.
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

    /// Places a node right behind the one before it. Nodes of one table in order make one array of
    /// records that way.
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
        self.session.space().place(address, node.len() as u64);
        let chunk = if matches!(self.room, Room::Gaps(_)) { PIECE_BYTES } else { CHUNK_BYTES } as u64;
        let boundary = self.position() / chunk * chunk;
        let first = self.buffer_page * PAGE_BYTES as u64;
        let chunk = boundary.saturating_sub(first);
        self.write_out(chunk as usize)?;
        if chunk > 0 {
            // More is to come, and the disk may work while it is made.
            self.session.write_behind(first, chunk);
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
        let lengthened = [more, missing]
            .into_iter()
            .find(|pages| self.run_pages > 0 && self.session.space().extend(next, *pages));
        if let Some(pages) = lengthened {
            self.run_pages += pages;
            return self.ensure_length();
        }
        self.close_run()?;
        let mut space = self.session.space();
        let least = pages_for(bytes);
        let (page, pages) = match self.room {
            Room::Gaps(_) => space.allocate(expected.max(least), least),
            Room::OneGap(bytes) => space.allocate_run(pages_for(bytes).max(least), more.max(least)),
            Room::LowestGap(bytes) => space.allocate_low(pages_for(bytes).max(least), more.max(least)),
            Room::End(_) => space.allocate_at_end(more.max(least)),
        };
        drop(space);
        (self.run_page, self.run_pages, self.buffer_page) = (page, pages, page);
        self.room = match self.room {
            Room::Gaps(bytes) => Room::Gaps(bytes.saturating_sub(pages * PAGE_BYTES as u64)),
            // What does not fit into its gap is written to the end, which has room for everything.
            Room::OneGap(_) | Room::LowestGap(_) | Room::End(_) => Room::End(u64::MAX),
        };
        self.ensure_length()
    }

    fn close_run(&mut self) -> Result<()> {
        self.align();
        self.write_out(self.buffer.len())?;
        let unused = self.run_page + self.run_pages - self.buffer_page;
        self.session.space().give_back(self.buffer_page, unused);
        self.run_pages = 0;
        self.last_start = u64::MAX;
        Ok(())
    }

    /// Writes the first `whole` bytes of the buffer, which are whole pages.
    fn write_out(&mut self, whole: usize) -> Result<()> {
        if whole == 0 {
            return Ok(());
        }
        let address = self.buffer_page * PAGE_BYTES as u64;
        self.session.write_run(address, &self.buffer[..whole])?;
        self.buffer.drain(..whole);
        self.buffer_page += (whole / PAGE_BYTES) as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::ErrorKind;
    use crate::page::{FIRST_ADDRESS, Pages};
    use crate::space::Allocator;
    use crate::storage::MappedFile;

    #[test]
    fn a_session_that_has_ended_writes_nothing() {
        let file = MappedFile::anonymous(FIRST_ADDRESS, 0).unwrap();
        let session = WriteSession::new(Arc::new(Pages::new(Box::new(file))), Allocator::new(1));
        assert!(session.finish().is_some());
        let mut writer = RunWriter::new(&session, Room::End(u64::MAX));
        let written = writer.push_aligned(&[1; PAGE_BYTES]).and_then(|_| writer.finish());
        assert_eq!(written.unwrap_err().kind(), ErrorKind::Usage);
        assert!(session.check_failed().is_err() && session.finish().is_none());
    }

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
