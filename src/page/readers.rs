//! Who reads what: the newest state, the snapshots that this process holds, and the table in `NAME.dry-lock` through
//! which processes see each other's.
//!
//! ```text
//!    0  magic "drylock1"     8  newest transaction u64      16  file id (16 bytes)     32  device, inode of the database
//!  128  the newest state, if its number is even     256  if it is odd     4096  a slot for each pinned snapshot
//!       each 128 bytes: transaction, root of the tables, root of the fields, file_bytes, since, process, next table, CRC
//! locks: byte 0 held (shared) by all who have the file open · byte 1 by the writer · byte 1024 + i by the owner of slot i
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytemuck::{Pod, Zeroable};
use parking_lot::Mutex;

use super::checksum;
use super::meta::{Meta, TreeRoot};
use crate::error::{Error, Result, fail};
use crate::storage::LockFile;

/// What a lock file begins with.
pub(crate) const LOCK_FILE_MAGIC: [u8; 8] = *b"drylock1";
const MAGIC: u64 = u64::from_le_bytes(LOCK_FILE_MAGIC);
const ALIVE: u64 = 0;
const WRITER: u64 = 1;
const SLOT_LOCKS: u64 = 1024;
const STATES_OFFSET: u64 = 128;
const SLOTS_OFFSET: u64 = 4096;
const SLOT_BYTES: u64 = 128;
const SLOT_LIMIT: u64 = 8192;
/// How long the lock file is at first: the head and 32 slots, so that a disk that fills up later does not keep
/// anybody from reading.
pub(crate) const LOCK_FILE_BYTES: u64 = 8192;
/// How long it gets.
pub(crate) const LOCK_FILE_LIMIT: u64 = SLOTS_OFFSET + SLOT_LIMIT * SLOT_BYTES;
/// How often something in the lock file is read again that another process may be writing this moment, a millisecond apart.
const TRIES: usize = 50;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Header {
    magic: u64,
    newest: u64,
    file_id: [u8; 16],
    /// Device and inode: a copy that took the place of a database that is open has the same id, and is another file.
    identity: [u64; 2],
}

/// A state of the database, as the lock file shows it to other processes: the newest, or a pinned one.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Slot {
    transaction: u64,
    tables: TreeRoot,
    fields: TreeRoot,
    file_bytes: u64,
    since: u64,
    process: u32,
    next_table: u32,
    zeros: [u8; 44],
    checksum: u32,
}

const _: () = assert!(size_of::<Slot>() == SLOT_BYTES as usize);

impl Slot {
    fn new(meta: &Meta, since: u64) -> Slot {
        let mut slot = Slot {
            transaction: meta.transaction,
            tables: meta.tables,
            fields: meta.fields,
            file_bytes: meta.file_bytes,
            since,
            process: std::process::id(),
            next_table: meta.next_table,
            zeros: [0; 44],
            checksum: 0,
        };
        slot.checksum = slot.sum();
        slot
    }

    fn meta(&self, file_id: [u8; 16]) -> Meta {
        Meta {
            file_id,
            transaction: self.transaction,
            file_bytes: self.file_bytes,
            tables: self.tables,
            fields: self.fields,
            next_table: self.next_table,
        }
    }

    /// No pin: the newest state.
    fn published(meta: &Meta) -> Slot {
        let mut slot = Slot { process: 0, ..Slot::new(meta, 0) };
        slot.checksum = slot.sum();
        slot
    }

    fn sum(&self) -> u32 {
        checksum(&bytemuck::bytes_of(self)[..SLOT_BYTES as usize - 4])
    }
}

/// The snapshots of this process, and the way to those of others.
pub(crate) struct Readers {
    local: Mutex<Local>,
    shared: Option<Box<dyn LockFile>>,
}

struct Local {
    newest: Meta,
    pins: BTreeMap<u64, Pinned>,
    /// Slots of the table whose lock this process holds, but which it does not use just now.
    spare_slots: Vec<u64>,
    /// Slots that could not be cleared, with the state that they still show. Other processes count it as held, so this
    /// one does too, until the slot is cleared.
    uncleared: Vec<(u64, Meta)>,
}

struct Pinned {
    meta: Meta,
    count: usize,
    slot: Option<u64>,
    since: u64,
}

/// A snapshot is held: its pages stay as they are until [`Readers::unpin`].
#[must_use]
pub(crate) struct Pin {
    pub(crate) meta: Meta,
}

/// Somebody who holds a snapshot, in this process or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReaderInfo {
    /// The number of its process.
    pub process: u32,
    /// The transaction whose state it holds.
    pub transaction: u64,
    /// When it began, to a second.
    pub since: SystemTime,
}

impl Readers {
    /// For a database that no other process can reach, or whose medium never changes.
    pub(crate) fn alone(newest: Meta) -> Readers {
        Readers { local: Mutex::new(Local::new(newest)), shared: None }
    }

    /// Joins the processes that have this database open. The first to come does not believe what an earlier lock file
    /// says, and settles with `recover` which state is the newest; the others `adopt` the one that it shows.
    pub(crate) fn join(
        lock: Box<dyn LockFile>,
        identity: (u64, u64),
        recover: impl Fn() -> Result<Meta>,
        adopt: impl Fn(&Meta) -> Result<()>,
    ) -> Result<Readers> {
        let failed = |error| Error::io("cannot use the lock file", error);
        let identity = [identity.0, identity.1];
        for _ in 0..TRIES {
            if lock.try_exclusive(ALIVE).map_err(failed)? {
                let newest = recover()?;
                let header =
                    Header { magic: MAGIC, newest: newest.transaction, file_id: newest.file_id, identity };
                let mut start = vec![0; LOCK_FILE_BYTES as usize];
                start[..size_of::<Header>()].copy_from_slice(bytemuck::bytes_of(&header));
                let state = state_offset(newest.transaction) as usize;
                start[state..state + SLOT_BYTES as usize]
                    .copy_from_slice(bytemuck::bytes_of(&Slot::published(&newest)));
                // Where the last process left it in order there is nothing to write, and opening waits for no journal.
                if !is_in_order(&*lock, &start, state).map_err(failed)? {
                    lock.cut(LOCK_FILE_BYTES).map_err(failed)?;
                    lock.write_at(0, &start).map_err(failed)?;
                }
                lock.share(ALIVE).map_err(failed)?;
                return Ok(Readers { local: Mutex::new(Local::new(newest)), shared: Some(lock) });
            }
            // Somebody has the database open, or is just opening it: then this waits the moment that takes.
            lock.share(ALIVE).map_err(failed)?;
            let mut header = Header::zeroed();
            lock.read_at(0, bytemuck::bytes_of_mut(&mut header)).map_err(failed)?;
            if header.magic == MAGIC {
                if header.identity != identity {
                    fail!(
                        Usage,
                        "the lock file belongs to another database, which is open and was moved away or overwritten; \
                         close its users first"
                    );
                }
                let newest = published_state(&*lock, header.file_id)?;
                let readers = Readers { local: Mutex::new(Local::new(newest)), shared: Some(lock) };
                match adopt(&newest) {
                    Ok(()) => {}
                    // A later commit may have cut the file meanwhile.
                    Err(_) if readers.published()? != Some(newest.transaction) => {
                        readers.catch_up(&mut readers.local.lock(), &adopt)?;
                    }
                    Err(error) => return Err(error),
                }
                return Ok(readers);
            }
            lock.release(ALIVE).map_err(failed)?;
            if header.magic != 0 {
                // The file was overwritten while it was in use.
                fail!(
                    Busy,
                    "the lock file is damaged; close all users of the database, then delete the lock file"
                );
            }
            // The process that was opening it failed: once more from the start.
            std::thread::sleep(Duration::from_millis(1));
        }
        fail!(Busy, "other processes are just opening the database, and none of them gets on; try again")
    }

    /// States that some process has seen: the published one, the newest of this process, and those that are held.
    pub(crate) fn seen(&self) -> Result<Vec<Meta>> {
        let mut seen = self.snapshots()?;
        let local = self.local.lock();
        seen.push(local.newest);
        if let Some(lock) = self.shared.as_deref() {
            seen.push(published_state(lock, local.newest.file_id)?);
        }
        Ok(seen)
    }

    /// Whether this is the number of the newest state, of all processes.
    pub(crate) fn is_newest(&self, transaction: u64) -> bool {
        let newest = || self.local.lock().newest.transaction;
        // Where that cannot be read, taking a new snapshot says why.
        self.published().is_ok_and(|published| published.unwrap_or_else(newest) == transaction)
    }

    /// The newest state that this process knows.
    pub(crate) fn newest(&self) -> Meta {
        self.local.lock().newest
    }

    /// Pins the newest state. `adopt` prepares for one that another process has published.
    pub(crate) fn pin(&self, adopt: impl Fn(&Meta) -> Result<()>) -> Result<Pin> {
        let mut local = self.local.lock();
        loop {
            self.catch_up(&mut local, &adopt)?;
            let meta = local.newest;
            if let Some(pinned) = local.pins.get_mut(&meta.transaction) {
                pinned.count += 1;
                return Ok(Pin { meta });
            }
            let since = now();
            let slot = match self.shared.as_deref() {
                Some(lock) => Some(self.write_slot(lock, &mut local, &Slot::new(&meta, since))?),
                None => None,
            };
            local.pins.insert(meta.transaction, Pinned { meta, count: 1, slot, since });
            // The pin is in the table. If the state is still the newest, no writer has looked at the table since it
            // became old: the pin holds. If not, a writer may have looked before: once more.
            fence(Ordering::SeqCst);
            match self.published() {
                Ok(published) if published.is_none_or(|published| published == meta.transaction) => {
                    return Ok(Pin { meta });
                }
                looked => {
                    self.drop_pin(&mut local, meta.transaction);
                    looked?;
                }
            }
        }
    }

    /// Pins a state that a slot of the reader table names, so that it can be looked at; `None` if no slot
    /// does. The state may be gone all the same: its holder may only be entering the table, or have left
    /// it before this pin was there. What is read of it is verified, so that shows as damage.
    pub(crate) fn pin_named(&self, transaction: u64) -> Result<Option<Pin>> {
        let mut local = self.local.lock();
        if let Some(pinned) = local.pins.get_mut(&transaction) {
            pinned.count += 1;
            return Ok(Some(Pin { meta: pinned.meta }));
        }
        let Some(lock) = self.shared.as_deref() else { return Ok(None) };
        let slots = self.foreign_slots(&local)?;
        let Some(slot) = slots.into_iter().find(|slot| slot.transaction == transaction) else {
            return Ok(None);
        };
        let meta = slot.meta(local.newest.file_id);
        let index = self.write_slot(lock, &mut local, &Slot::new(&meta, now()))?;
        local.pins.insert(transaction, Pinned { meta, count: 1, slot: Some(index), since: now() });
        Ok(Some(Pin { meta }))
    }

    /// Lets a snapshot go.
    pub(crate) fn unpin(&self, pin: &Pin) {
        self.drop_pin(&mut self.local.lock(), pin.meta.transaction);
    }

    /// Makes a committed state the newest, for this process and all others.
    ///
    /// First the state, in the place that the published number does not name, then the number: whenever a writer is
    /// stopped or killed, the number names a state that is whole, and no reader waits for it.
    pub(crate) fn publish(&self, meta: Meta) -> Result<()> {
        let mut local = self.local.lock();
        local.newest = meta;
        if let Some(lock) = self.shared.as_deref()
            && self.published()? != Some(meta.transaction)
        {
            lock.write_at(state_offset(meta.transaction), bytemuck::bytes_of(&Slot::published(&meta)))
                .and_then(|()| lock.write_at(8, &meta.transaction.to_le_bytes()))
                .map_err(|error| Error::io("cannot publish the commit in the lock file", error))?;
        }
        Ok(())
    }

    /// The states that somebody, in any process, holds. Slots of processes that died are cleared on the way.
    pub(crate) fn snapshots(&self) -> Result<Vec<Meta>> {
        // What was published before must be seen by whoever pins after this look at the table.
        fence(Ordering::SeqCst);
        let mut local = self.local.lock();
        if let Some(lock) = self.shared.as_deref() {
            for (index, meta) in std::mem::take(&mut local.uncleared) {
                if lock.write_at(SLOTS_OFFSET + index * SLOT_BYTES, &[0; SLOT_BYTES as usize]).is_ok() {
                    local.spare_slots.push(index);
                } else {
                    local.uncleared.push((index, meta));
                }
            }
        }
        let mut snapshots: Vec<Meta> = local.pins.values().map(|pinned| pinned.meta).collect();
        snapshots.extend(local.uncleared.iter().map(|(_, meta)| *meta));
        let file_id = local.newest.file_id;
        snapshots.extend(self.foreign_slots(&local)?.iter().map(|slot| slot.meta(file_id)));
        Ok(snapshots)
    }

    /// Everyone who holds a snapshot.
    pub(crate) fn list(&self) -> Result<Vec<ReaderInfo>> {
        let local = self.local.lock();
        let mut list: Vec<ReaderInfo> = local
            .pins
            .values()
            .map(|pinned| ReaderInfo {
                process: std::process::id(),
                transaction: pinned.meta.transaction,
                since: UNIX_EPOCH + Duration::from_secs(pinned.since),
            })
            .collect();
        list.extend(self.foreign_slots(&local)?.into_iter().map(|slot| ReaderInfo {
            process: slot.process,
            transaction: slot.transaction,
            since: UNIX_EPOCH + Duration::from_secs(slot.since),
        }));
        Ok(list)
    }

    /// Takes the right to write, among processes; `false` if it is taken and `wait` is not set.
    pub(crate) fn lock_writer(&self, wait: bool) -> Result<bool> {
        let Some(lock) = self.shared.as_deref() else { return Ok(true) };
        let taken = if wait { lock.exclusive(WRITER).map(|()| true) } else { lock.try_exclusive(WRITER) };
        taken.map_err(|error| Error::io("cannot lock the database for writing", error))
    }

    /// Gives the right to write back. A failure is of no consequence: the lock goes with the file at the latest.
    pub(crate) fn unlock_writer(&self) {
        if let Some(lock) = self.shared.as_deref() {
            let _ = lock.release(WRITER);
        }
    }

    fn published(&self) -> Result<Option<u64>> {
        self.shared.as_deref().map(published_number).transpose()
    }

    /// Adopts the state that another process published, if there is one that is newer.
    fn catch_up(&self, local: &mut Local, adopt: impl Fn(&Meta) -> Result<()>) -> Result<()> {
        let Some(lock) = self.shared.as_deref() else { return Ok(()) };
        while published_number(lock)? != local.newest.transaction {
            let newest = published_state(lock, local.newest.file_id)?;
            match adopt(&newest) {
                Ok(()) => local.newest = newest,
                // A later commit may have cut the file meanwhile.
                Err(_) if published_number(lock)? != newest.transaction => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_slot(&self, lock: &dyn LockFile, local: &mut Local, slot: &Slot) -> Result<u64> {
        let failed = |error| Error::io("cannot enter the reader table in the lock file", error);
        let index = match local.spare_slots.pop() {
            Some(index) => index,
            None => {
                let mut taken: Vec<u64> = local.pins.values().filter_map(|pinned| pinned.slot).collect();
                taken.extend(local.uncleared.iter().map(|(index, _)| *index));
                taken.sort_unstable();
                let mut found = None;
                for index in (0..SLOT_LIMIT).filter(|index| taken.binary_search(index).is_err()) {
                    if lock.try_exclusive(SLOT_LOCKS + index).map_err(failed)? {
                        found = Some(index);
                        break;
                    }
                }
                let Some(index) = found else {
                    fail!(Limit, "the reader table is full: {SLOT_LIMIT} snapshots are held at once");
                };
                index
            }
        };
        let written = lock.write_at(SLOTS_OFFSET + index * SLOT_BYTES, bytemuck::bytes_of(slot));
        if let Err(error) = written {
            local.spare_slots.push(index);
            return Err(failed(error));
        }
        Ok(index)
    }

    fn drop_pin(&self, local: &mut Local, transaction: u64) {
        let Some(pinned) = local.pins.get_mut(&transaction) else { return };
        pinned.count -= 1;
        if pinned.count > 0 {
            return;
        }
        let (slot, meta) = (pinned.slot, pinned.meta);
        local.pins.remove(&transaction);
        if let (Some(lock), Some(index)) = (self.shared.as_deref(), slot) {
            if lock.write_at(SLOTS_OFFSET + index * SLOT_BYTES, &[0; SLOT_BYTES as usize]).is_ok() {
                local.spare_slots.push(index);
            } else {
                local.uncleared.push((index, meta));
            }
        }
    }

    /// The slots of other processes that are alive.
    fn foreign_slots(&self, local: &Local) -> Result<Vec<Slot>> {
        let Some(lock) = self.shared.as_deref() else { return Ok(Vec::new()) };
        let failed = |error| Error::io("cannot read the reader table in the lock file", error);
        let slots =
            lock.len().map_err(failed)?.saturating_sub(SLOTS_OFFSET).div_ceil(SLOT_BYTES).min(SLOT_LIMIT);
        let own: Vec<u64> = local
            .pins
            .values()
            .filter_map(|pinned| pinned.slot)
            .chain(local.spare_slots.iter().copied())
            .chain(local.uncleared.iter().map(|(index, _)| *index))
            .collect();
        let mut table = vec![Slot::zeroed(); slots as usize];
        lock.read_at(SLOTS_OFFSET, bytemuck::cast_slice_mut(&mut table)).map_err(failed)?;
        let mut alive = Vec::new();
        let mut tries = 0;
        for (index, mut slot) in (0..).zip(table) {
            while slot.transaction != 0 && !own.contains(&index) {
                if !lock.is_held(SLOT_LOCKS + index).map_err(failed)?
                    && self.clear_dead_slot(lock, index).map_err(failed)?
                {
                    break;
                }
                // Also where somebody took a dead one's slot this moment, and has not written it yet: nobody has counted it
                // as dead, so its pages are still there, and are kept once more.
                if slot.checksum == slot.sum() {
                    alive.push(slot);
                    break;
                }
                // Its owner is writing it this moment.
                tries += 1;
                if tries > TRIES {
                    fail!(
                        Busy,
                        "slot {index} of the reader table in the lock file is damaged, and a process holds it; close all users of \
                         the database, then delete the lock file"
                    );
                }
                std::thread::sleep(Duration::from_millis(1));
                lock.read_at(SLOTS_OFFSET + index * SLOT_BYTES, bytemuck::bytes_of_mut(&mut slot))
                    .map_err(failed)?;
            }
        }
        Ok(alive)
    }

    /// Clears the slot of a process that died; `false` if another has taken it.
    fn clear_dead_slot(&self, lock: &dyn LockFile, index: u64) -> std::io::Result<bool> {
        if !lock.try_exclusive(SLOT_LOCKS + index)? {
            return Ok(false);
        }
        lock.write_at(SLOTS_OFFSET + index * SLOT_BYTES, &[0; SLOT_BYTES as usize])?;
        lock.release(SLOT_LOCKS + index)?;
        Ok(true)
    }
}

fn published_number(lock: &dyn LockFile) -> Result<u64> {
    let mut newest = [0; 8];
    lock.read_at(8, &mut newest).map_err(|error| Error::io("cannot read the lock file", error))?;
    Ok(u64::from_le_bytes(newest))
}

/// Whether the lock file says what `start` says (of the two places for a state only the one at `state` counts), and shows no
/// reader.
fn is_in_order(lock: &dyn LockFile, start: &[u8], state: usize) -> std::io::Result<bool> {
    if lock.len()? != start.len() as u64 {
        return Ok(false);
    }
    let mut found = vec![0; start.len()];
    lock.read_at(0, &mut found)?;
    let slots = SLOTS_OFFSET as usize;
    let counted = [0..size_of::<Header>(), state..state + SLOT_BYTES as usize, slots..start.len()];
    Ok(counted.into_iter().all(|part| found[part.clone()] == start[part]))
}

/// The newest state that was published. Only what two commits overwrite meanwhile is read once more: a writer that stands
/// still holds nobody up.
fn published_state(lock: &dyn LockFile, file_id: [u8; 16]) -> Result<Meta> {
    for _ in 0..TRIES {
        let newest = published_number(lock)?;
        let mut state = Slot::zeroed();
        lock.read_at(state_offset(newest), bytemuck::bytes_of_mut(&mut state))
            .map_err(|error| Error::io("cannot read the lock file", error))?;
        if state.transaction == newest && state.checksum == state.sum() {
            return Ok(state.meta(file_id));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    fail!(
        Corrupt,
        "the lock file is damaged, it shows no state that is whole; close all users of the database, then delete the lock file"
    )
}

/// Where a published state stands: two places take turns.
fn state_offset(transaction: u64) -> u64 {
    STATES_OFFSET + transaction % 2 * SLOT_BYTES
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Local {
    fn new(newest: Meta) -> Local {
        Local { newest, pins: BTreeMap::new(), spare_slots: Vec::new(), uncleared: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_not_published_over_the_one_before() {
        // A reader that comes while a writer stands still between its two writes finds the state before whole.
        for transaction in [1, 2, 7, 1000] {
            let before = state_offset(transaction - 1);
            assert!(before.abs_diff(state_offset(transaction)) >= SLOT_BYTES);
        }
    }
}
