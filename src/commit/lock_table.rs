//! The file `NAME.dry-lock`, through which processes see each other: the newest state, and a slot
//! for each snapshot that is held. Only `readers.rs` uses it.
//!
//! ```text
//!    0  magic "drylock1"                      32  device and inode of the database
//!    8  newest transaction u64                128  the newest state, if its number is even
//!   16  file id (16 bytes)                    256  the newest state, if its number is odd
//!   64  process u32 that last wrote          4096  a slot for each pinned snapshot
//!
//! a state or slot: 128 bytes: transaction, root of the tables, root of the fields, file_bytes,
//! since, process, next table, origin, CRC
//!
//! locks: byte 0, shared, by all processes that have the file open; byte 1 by the writer;
//! byte 1024 + i by the owner of slot i
//! ```

use std::io;
use std::time::Duration;

use bytemuck::{Pod, Zeroable};

use super::meta::Meta;
use crate::error::{Error, Result, bail};
use crate::page::{TreeRoot, checksum};
use crate::storage::LockFile;

/// What a lock file begins with.
pub(crate) const LOCK_FILE_MAGIC: [u8; 8] = *b"drylock1";
const MAGIC: u64 = u64::from_le_bytes(LOCK_FILE_MAGIC);
const ALIVE: u64 = 0;
const WRITER: u64 = 1;
const SLOT_LOCKS: u64 = 1024;
const NEWEST_OFFSET: u64 = 8;
const WRITER_OFFSET: u64 = 64;
const STATES_OFFSET: u64 = 128;
const SLOTS_OFFSET: u64 = 4096;
const SLOT_BYTES: u64 = 128;
const SLOT_LIMIT: u64 = 8192;
/// The length of a new lock file: the header and 32 slots, so that readers can enter the table on a
/// disk that has become full.
pub(crate) const LOCK_FILE_BYTES: u64 = 8192;
/// The greatest length of a lock file.
pub(crate) const LOCK_FILE_LIMIT: u64 = SLOTS_OFFSET + SLOT_LIMIT * SLOT_BYTES;
/// How often something is read again that another process may be writing, a millisecond apart.
pub(super) const TRIES: usize = 50;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Header {
    magic: u64,
    newest: u64,
    file_id: [u8; 16],
    /// Device and inode. A copy that took the place of an open database has the same id, but is
    /// another file.
    identity: [u64; 2],
}

/// A state of the database, as the lock file shows it to other processes: the newest, or a pinned
/// one.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct ReaderSlot {
    pub(super) transaction: u64,
    tables: TreeRoot,
    fields: TreeRoot,
    file_bytes: u64,
    /// Seconds since 1970.
    pub(super) since: u64,
    pub(super) process: u32,
    next_table: u32,
    origin: [u8; 16],
    zeros: [u8; 28],
    checksum: u32,
}

const _: () = assert!(size_of::<ReaderSlot>() == SLOT_BYTES as usize);

impl ReaderSlot {
    /// A state that this process pins.
    pub(super) fn new(meta: &Meta, since: u64) -> ReaderSlot {
        ReaderSlot::of(meta, since, std::process::id())
    }

    /// The newest state, which is not pinned by being shown.
    fn published(meta: &Meta) -> ReaderSlot {
        ReaderSlot::of(meta, 0, 0)
    }

    fn of(meta: &Meta, since: u64, process: u32) -> ReaderSlot {
        let mut slot = ReaderSlot {
            transaction: meta.transaction,
            tables: meta.tables,
            fields: meta.fields,
            file_bytes: meta.file_bytes,
            since,
            process,
            next_table: meta.next_table,
            origin: meta.origin,
            zeros: [0; 28],
            checksum: 0,
        };
        slot.checksum = slot.sum();
        slot
    }

    pub(super) fn meta(&self, file_id: [u8; 16]) -> Meta {
        Meta {
            file_id,
            transaction: self.transaction,
            file_bytes: self.file_bytes,
            tables: self.tables,
            fields: self.fields,
            next_table: self.next_table,
            origin: self.origin,
        }
    }

    fn sum(&self) -> u32 {
        checksum(&bytemuck::bytes_of(self)[..SLOT_BYTES as usize - 4])
    }

    fn is_whole(&self) -> bool {
        self.checksum == self.sum()
    }
}

/// What a process finds that is not the first to open the database.
pub(super) enum Joined {
    /// The file id of the database that is open.
    Open([u8; 16]),
    /// The process that was opening it gave up before it wrote the header.
    GivenUp,
}

/// The lock file of an open database.
pub(super) struct LockTable(Box<dyn LockFile>);

impl LockTable {
    pub(super) fn new(file: Box<dyn LockFile>) -> LockTable {
        LockTable(file)
    }

    /// Whether no other process has the database open. Then none can open it until this one has
    /// [started](LockTable::start) the table.
    pub(super) fn is_first(&self) -> Result<bool> {
        self.0.try_exclusive(ALIVE).map_err(unusable)
    }

    /// Writes a table without readers. What an earlier process left is not believed. If it is the
    /// same nothing is written, so that opening waits for no journal of the file system.
    pub(super) fn start(&self, newest: &Meta, identity: (u64, u64)) -> Result<()> {
        let header = Header {
            magic: MAGIC,
            newest: newest.transaction,
            file_id: newest.file_id,
            identity: [identity.0, identity.1],
        };
        let mut start = vec![0; LOCK_FILE_BYTES as usize];
        start[..size_of::<Header>()].copy_from_slice(bytemuck::bytes_of(&header));
        let state = state_offset(newest.transaction) as usize;
        start[state..state + SLOT_BYTES as usize]
            .copy_from_slice(bytemuck::bytes_of(&ReaderSlot::published(newest)));
        if !self.starts_with(&start, state).map_err(unusable)? {
            self.0.truncate(LOCK_FILE_BYTES).map_err(unusable)?;
            self.0.write_at(0, &start).map_err(unusable)?;
        }
        self.0.share(ALIVE).map_err(unusable)
    }

    /// Whether the file is this start and shows no reader. Of the two places for a state only the
    /// one at `state` counts.
    fn starts_with(&self, start: &[u8], state: usize) -> io::Result<bool> {
        if self.0.len()? != start.len() as u64 {
            return Ok(false);
        }
        let mut found = vec![0; start.len()];
        self.0.read_at(0, &mut found)?;
        let slots = SLOTS_OFFSET as usize;
        let counted = [0..size_of::<Header>(), state..state + SLOT_BYTES as usize, slots..start.len()];
        Ok(counted.into_iter().all(|part| found[part.clone()] == start[part]))
    }

    /// Joins the processes that have the database open. Waits while the first one is opening it.
    pub(super) fn join(&self, identity: (u64, u64)) -> Result<Joined> {
        self.0.share(ALIVE).map_err(unusable)?;
        let mut header = Header::zeroed();
        self.0.read_at(0, bytemuck::bytes_of_mut(&mut header)).map_err(unusable)?;
        if header.magic == MAGIC {
            if header.identity != [identity.0, identity.1] {
                bail!(
                    Usage,
                    "the lock file belongs to another database, which is open and was moved away or overwritten; \
                     close its users first"
                );
            }
            return Ok(Joined::Open(header.file_id));
        }
        self.0.release(ALIVE).map_err(unusable)?;
        if header.magic != 0 {
            // The file was overwritten while it was in use.
            bail!(
                Busy,
                "the lock file is damaged; close all users of the database, then delete the lock file"
            );
        }
        Ok(Joined::GivenUp)
    }

    /// The number of the newest state that was published.
    pub(super) fn published_number(&self) -> Result<u64> {
        let mut newest = [0; 8];
        self.0
            .read_at(NEWEST_OFFSET, &mut newest)
            .map_err(|error| Error::io("cannot read the lock file", error))?;
        Ok(u64::from_le_bytes(newest))
    }

    /// The newest state that was published. It is read again only if two commits overwrite it
    /// meanwhile, so a writer that is stopped delays no reader.
    pub(super) fn published_state(&self, file_id: [u8; 16]) -> Result<Meta> {
        for _ in 0..TRIES {
            let newest = self.published_number()?;
            let mut state = ReaderSlot::zeroed();
            self.0
                .read_at(state_offset(newest), bytemuck::bytes_of_mut(&mut state))
                .map_err(|error| Error::io("cannot read the lock file", error))?;
            if state.transaction == newest && state.is_whole() {
                return Ok(state.meta(file_id));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!(
            Corrupt,
            "the lock file is damaged, it shows no state that is whole; close all users of the database, then delete the lock file"
        )
    }

    /// Publishes a state, unless it is published already.
    ///
    /// The state is written first, to the place that the published number does not name, then the
    /// number. If the writer is stopped or killed in between, the number names a whole state, and
    /// no reader waits.
    pub(super) fn publish(&self, meta: &Meta) -> Result<()> {
        if self.published_number()? == meta.transaction {
            return Ok(());
        }
        let state = ReaderSlot::published(meta);
        self.0
            .write_at(state_offset(meta.transaction), bytemuck::bytes_of(&state))
            .and_then(|()| self.0.write_at(NEWEST_OFFSET, &meta.transaction.to_le_bytes()))
            .map_err(|error| Error::io("cannot publish the commit in the lock file", error))
    }

    /// Locks a slot that no process has. `taken` are the slots of this process, in order.
    pub(super) fn take_slot(&self, taken: &[u64]) -> Result<u64> {
        for index in (0..SLOT_LIMIT).filter(|index| taken.binary_search(index).is_err()) {
            if self.0.try_exclusive(SLOT_LOCKS + index).map_err(not_entered)? {
                return Ok(index);
            }
        }
        bail!(Limit, "the reader table is full: {SLOT_LIMIT} snapshots are held at once")
    }

    /// Writes a slot whose lock this process holds.
    pub(super) fn write_slot(&self, index: u64, slot: &ReaderSlot) -> Result<()> {
        self.0.write_at(slot_offset(index), bytemuck::bytes_of(slot)).map_err(not_entered)
    }

    /// Clears a slot whose lock this process holds. The lock is kept.
    pub(super) fn clear_slot(&self, index: u64) -> io::Result<()> {
        self.0.write_at(slot_offset(index), &[0; SLOT_BYTES as usize])
    }

    /// The slots of other processes that are alive. `own` are the slots of this process.
    pub(super) fn slots_of_others(&self, own: &[u64]) -> Result<Vec<ReaderSlot>> {
        let bytes = self.0.len().map_err(unreadable)?.saturating_sub(SLOTS_OFFSET);
        let mut table = vec![ReaderSlot::zeroed(); bytes.div_ceil(SLOT_BYTES).min(SLOT_LIMIT) as usize];
        self.0.read_at(SLOTS_OFFSET, bytemuck::cast_slice_mut(&mut table)).map_err(unreadable)?;
        let mut alive = Vec::new();
        let mut tries = 0;
        for (index, slot) in (0..).zip(table) {
            if !own.contains(&index)
                && let Some(slot) = self.slot_if_alive(index, slot, &mut tries)?
            {
                alive.push(slot);
            }
        }
        Ok(alive)
    }

    /// A slot of another process, unless it is empty or that process has died. `tries` counts how
    /// often slots were read again.
    fn slot_if_alive(
        &self,
        index: u64,
        mut slot: ReaderSlot,
        tries: &mut usize,
    ) -> Result<Option<ReaderSlot>> {
        while slot.transaction != 0 {
            let dead = !self.0.is_held(SLOT_LOCKS + index).map_err(unreadable)?;
            if dead && self.clear_dead_slot(index).map_err(unreadable)? {
                return Ok(None);
            }
            // Another process may have taken a dead one's slot this moment, without having written
            // it yet. Then the dead one's state counts as held once more. That is safe: it was
            // counted until now, so its pages are still there.
            if slot.is_whole() {
                return Ok(Some(slot));
            }
            // Its owner is writing it this moment.
            *tries += 1;
            if *tries > TRIES {
                bail!(
                    Busy,
                    "slot {index} of the reader table in the lock file is damaged, and a process holds it; close all users of \
                     the database, then delete the lock file"
                );
            }
            std::thread::sleep(Duration::from_millis(1));
            self.0.read_at(slot_offset(index), bytemuck::bytes_of_mut(&mut slot)).map_err(unreadable)?;
        }
        Ok(None)
    }

    /// Clears the slot of a process that died; `false` if another process has taken it.
    fn clear_dead_slot(&self, index: u64) -> io::Result<bool> {
        if !self.0.try_exclusive(SLOT_LOCKS + index)? {
            return Ok(false);
        }
        self.clear_slot(index)?;
        self.0.release(SLOT_LOCKS + index)?;
        Ok(true)
    }

    /// Takes the right to write, among processes; `false` if it is taken and `wait` is not set.
    pub(super) fn lock_writer(&self, wait: bool) -> Result<bool> {
        let taken = if wait { self.0.exclusive(WRITER).map(|()| true) } else { self.0.try_exclusive(WRITER) };
        let taken = taken.map_err(|error| Error::io("cannot lock the database for writing", error))?;
        if taken {
            self.name_writer();
        }
        Ok(taken)
    }

    /// Writes which process has the right to write. That is for messages only, so a failure is
    /// ignored. Mostly it is the process that wrote before, and then nothing is written.
    fn name_writer(&self) {
        let process = std::process::id();
        if self.last_writer().ok() != Some(process) {
            let _ = self.0.write_at(WRITER_OFFSET, &process.to_le_bytes());
        }
    }

    fn last_writer(&self) -> io::Result<u32> {
        let mut process = [0; 4];
        self.0.read_at(WRITER_OFFSET, &mut process)?;
        Ok(u32::from_le_bytes(process))
    }

    /// The process other than this one that has the right to write, if one has.
    pub(super) fn other_writer(&self) -> Result<Option<u32>> {
        let held = self.0.is_held(WRITER).and_then(|held| held.then(|| self.last_writer()).transpose());
        held.map_err(|error| Error::io("cannot read the lock file", error))
    }

    /// Gives the right to write back. If that fails, the lock ends with the file at the latest.
    pub(super) fn unlock_writer(&self) {
        let _ = self.0.release(WRITER);
    }
}

fn unusable(error: io::Error) -> Error {
    Error::io("cannot use the lock file", error)
}

fn unreadable(error: io::Error) -> Error {
    Error::io("cannot read the reader table in the lock file", error)
}

fn not_entered(error: io::Error) -> Error {
    Error::io("cannot enter the reader table in the lock file", error)
}

/// Where a published state stands: two places take turns.
fn state_offset(transaction: u64) -> u64 {
    STATES_OFFSET + transaction % 2 * SLOT_BYTES
}

fn slot_offset(index: u64) -> u64 {
    SLOTS_OFFSET + index * SLOT_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_not_published_over_the_one_before() {
        // A reader that comes while a writer stands still between its two writes finds the state
        // before whole.
        for transaction in [1, 2, 7, 1000] {
            let before = state_offset(transaction - 1);
            assert!(before.abs_diff(state_offset(transaction)) >= SLOT_BYTES);
        }
    }
}
