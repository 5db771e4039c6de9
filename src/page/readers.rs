//! Who reads what: the newest state, the snapshots that this process holds, and the table in `NAME.dry-lock` through
//! which processes see each other's.
//!
//! ```text
//!    0  magic "drylock1"     8  newest transaction u64      16  file id (16 bytes)
//! 4096  slots of 128 bytes: transaction, root of the tables, root of the fields, file_bytes, since, process, CRC
//! locks: byte 0 held (shared) by all who have the file open · byte 1 by the writer · byte 1024 + i by the owner of slot i
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bytemuck::{Pod, Zeroable};
use parking_lot::Mutex;

use super::checked::Pages;
use super::checksum;
use super::meta::{self, Meta, TreeRoot};
use crate::error::{Error, Result, fail};
use crate::storage::LockFile;

const MAGIC: u64 = u64::from_le_bytes(*b"drylock1");
const ALIVE: u64 = 0;
const WRITER: u64 = 1;
const SLOT_LOCKS: u64 = 1024;
const SLOTS_OFFSET: u64 = 4096;
const SLOT_BYTES: u64 = 128;
const SLOT_LIMIT: u64 = 8192;
const NEWEST_OFFSET: u64 = 8;
/// How often a state is looked for that was announced.
const ATTEMPTS: u32 = 100_000;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Header {
    magic: u64,
    newest: u64,
    file_id: [u8; 16],
}

/// One pinned snapshot, as the table shows it to other processes.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Slot {
    transaction: u64,
    tables: TreeRoot,
    fields: TreeRoot,
    file_bytes: u64,
    since: u64,
    process: u32,
    zeros: [u8; 48],
    checksum: u32,
}

const _: () = assert!(size_of::<Slot>() == SLOT_BYTES as usize);

impl Slot {
    fn sum(&self) -> u32 {
        checksum(&bytemuck::bytes_of(self)[..SLOT_BYTES as usize - 4])
    }
}

/// The snapshots of this process, and the way to those of others.
pub(crate) struct Readers {
    local: Mutex<Local>,
    shared: Option<LockFile>,
    path: PathBuf,
}

struct Local {
    newest: Meta,
    pins: BTreeMap<u64, Pinned>,
    /// Slots of the table whose lock this process holds, but which it does not use just now.
    spare_slots: Vec<u64>,
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
    /// When it began, in seconds since 1970.
    pub since: u64,
}

impl Readers {
    /// For a database that no other process can reach, or whose medium never changes.
    pub(crate) fn alone(newest: Meta) -> Readers {
        Readers { local: Mutex::new(Local::new(newest)), shared: None, path: PathBuf::new() }
    }

    /// Joins the processes that have this database open. The first to come does not believe what an earlier lock file
    /// says, and settles by itself which state is the newest.
    pub(crate) fn join(path: &Path, mode: u32, pages: &Pages) -> Result<Readers> {
        let failed = |error| Error::io(format!("cannot use the lock file {path:?}"), error);
        let lock = LockFile::open(path, mode).map_err(failed)?;
        let joined = |newest, lock| Readers {
            local: Mutex::new(Local::new(newest)),
            shared: Some(lock),
            path: path.to_owned(),
        };
        for _ in 0..ATTEMPTS {
            if lock.try_exclusive(ALIVE).map_err(failed)? {
                let newest = meta::recover(pages.storage())?.meta;
                lock.clear().map_err(failed)?;
                let header = Header { magic: MAGIC, newest: newest.transaction, file_id: newest.file_id };
                lock.write_at(0, bytemuck::bytes_of(&header)).map_err(failed)?;
                lock.share(ALIVE).map_err(failed)?;
                return Ok(joined(newest, lock));
            }
            // Somebody has the database open, or is just opening it: then this waits the moment that takes.
            lock.share(ALIVE).map_err(failed)?;
            let mut header = Header::zeroed();
            lock.read_at(0, bytemuck::bytes_of_mut(&mut header)).map_err(failed)?;
            if header.magic == MAGIC {
                if let Some(newest) = meta::find(pages.storage(), header.newest)? {
                    if newest.file_id != header.file_id {
                        fail!(
                            Usage,
                            "the lock file {path:?} belongs to another database that is open; move one of the two elsewhere"
                        );
                    }
                    return Ok(joined(newest, lock));
                }
                publish_in_place_of_the_dead(path, pages)?;
            }
            // The one who was opening it failed, or a commit was just passing through: once more from the start.
            lock.release(ALIVE).map_err(failed)?;
            std::thread::yield_now();
        }
        fail!(
            Busy,
            "the lock file {path:?} shows no state that the database has; close all its users, then delete it"
        )
    }

    /// The newest state that this process knows.
    pub(crate) fn newest(&self) -> Meta {
        self.local.lock().newest
    }

    /// Pins the newest state, which another process may have committed.
    pub(crate) fn pin(&self, pages: &Pages) -> Result<Pin> {
        let mut local = self.local.lock();
        loop {
            self.catch_up(&mut local, pages)?;
            let meta = local.newest;
            if let Some(pinned) = local.pins.get_mut(&meta.transaction) {
                pinned.count += 1;
                return Ok(Pin { meta });
            }
            let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let slot = match &self.shared {
                Some(lock) => Some(self.write_slot(lock, &mut local, &meta, since)?),
                None => None,
            };
            local.pins.insert(meta.transaction, Pinned { meta, count: 1, slot, since });
            // The pin is in the table. If the state is still the newest, no writer has looked at the table since it
            // became old: the pin holds. If not, a writer may have looked before: once more.
            if self.published()?.is_none_or(|published| published == meta.transaction) {
                return Ok(Pin { meta });
            }
            self.drop_pin(&mut local, meta.transaction);
        }
    }

    /// Lets a snapshot go.
    pub(crate) fn unpin(&self, pin: &Pin) {
        self.drop_pin(&mut self.local.lock(), pin.meta.transaction);
    }

    /// Makes a committed state the newest, for this process and all others.
    pub(crate) fn publish(&self, meta: Meta) -> Result<()> {
        let mut local = self.local.lock();
        local.newest = meta;
        if let Some(lock) = &self.shared {
            lock.write_at(NEWEST_OFFSET, &meta.transaction.to_le_bytes())
                .map_err(|error| Error::io("cannot publish the commit in the lock file", error))?;
        }
        Ok(())
    }

    /// The states that somebody, in any process, holds. Slots of processes that died are cleared on the way.
    pub(crate) fn snapshots(&self) -> Result<Vec<Meta>> {
        let local = self.local.lock();
        let mut snapshots: Vec<Meta> = local.pins.values().map(|pinned| pinned.meta).collect();
        for (_, slot) in self.foreign_slots(&local)? {
            snapshots.push(Meta {
                file_id: local.newest.file_id,
                transaction: slot.transaction,
                file_bytes: slot.file_bytes,
                tables: slot.tables,
                fields: slot.fields,
                next_table: 0,
            });
        }
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
                since: pinned.since,
            })
            .collect();
        list.extend(self.foreign_slots(&local)?.into_iter().map(|(_, slot)| ReaderInfo {
            process: slot.process,
            transaction: slot.transaction,
            since: slot.since,
        }));
        Ok(list)
    }

    /// Takes the right to write, among processes; `false` if it is taken and `wait` is not set.
    pub(crate) fn lock_writer(&self, wait: bool) -> Result<bool> {
        let Some(lock) = &self.shared else { return Ok(true) };
        let taken = if wait { lock.exclusive(WRITER).map(|()| true) } else { lock.try_exclusive(WRITER) };
        taken.map_err(|error| Error::io("cannot lock the database for writing", error))
    }

    /// Gives the right to write back. A failure is of no consequence: the lock goes with the file at the latest.
    pub(crate) fn unlock_writer(&self) {
        if let Some(lock) = &self.shared {
            let _ = lock.release(WRITER);
        }
    }

    fn published(&self) -> Result<Option<u64>> {
        let Some(lock) = &self.shared else { return Ok(None) };
        let mut newest = [0; 8];
        lock.read_at(NEWEST_OFFSET, &mut newest)
            .map_err(|error| Error::io("cannot read the lock file", error))?;
        Ok(Some(u64::from_le_bytes(newest)))
    }

    /// Adopts the state that another process published, if there is one that is newer.
    fn catch_up(&self, local: &mut Local, pages: &Pages) -> Result<()> {
        for attempt in 1..=ATTEMPTS {
            match self.published()? {
                Some(published) if published != local.newest.transaction => {
                    if let Some(meta) = meta::find(pages.storage(), published)? {
                        pages.forget_all();
                        local.newest = meta;
                        return Ok(());
                    }
                    // One more commit has passed meanwhile, and its number will be there in a moment, or never.
                    if attempt % 100 == 0 {
                        publish_in_place_of_the_dead(&self.path, pages)?;
                    }
                    std::thread::yield_now();
                }
                _ => return Ok(()),
            }
        }
        fail!(
            Corrupt,
            "the lock file names a transaction that the database does not have; close all its users, then delete it"
        )
    }

    fn write_slot(&self, lock: &LockFile, local: &mut Local, meta: &Meta, since: u64) -> Result<u64> {
        let failed = |error| Error::io("cannot enter the reader table in the lock file", error);
        let index = match local.spare_slots.pop() {
            Some(index) => index,
            None => {
                let mut taken: Vec<u64> = local.pins.values().filter_map(|pinned| pinned.slot).collect();
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
        let mut slot = Slot::zeroed();
        slot.transaction = meta.transaction;
        slot.tables = meta.tables;
        slot.fields = meta.fields;
        slot.file_bytes = meta.file_bytes;
        slot.since = since;
        slot.process = std::process::id();
        slot.checksum = slot.sum();
        lock.write_at(SLOTS_OFFSET + index * SLOT_BYTES, bytemuck::bytes_of(&slot)).map_err(failed)?;
        Ok(index)
    }

    fn drop_pin(&self, local: &mut Local, transaction: u64) {
        let Some(pinned) = local.pins.get_mut(&transaction) else { return };
        pinned.count -= 1;
        if pinned.count > 0 {
            return;
        }
        let slot = pinned.slot;
        local.pins.remove(&transaction);
        if let (Some(lock), Some(index)) = (&self.shared, slot) {
            // If this fails the slot stays until the process ends: space is kept, nothing is wrong.
            let _ = lock.write_at(SLOTS_OFFSET + index * SLOT_BYTES, &[0; SLOT_BYTES as usize]);
            local.spare_slots.push(index);
        }
    }

    /// The slots of other processes that are alive.
    fn foreign_slots(&self, local: &Local) -> Result<Vec<(u64, Slot)>> {
        let Some(lock) = &self.shared else { return Ok(Vec::new()) };
        let failed = |error| Error::io("cannot read the reader table in the lock file", error);
        let slots =
            lock.len().map_err(failed)?.saturating_sub(SLOTS_OFFSET).div_ceil(SLOT_BYTES).min(SLOT_LIMIT);
        let own: Vec<u64> = local.pins.values().filter_map(|pinned| pinned.slot).collect();
        let mut table = vec![Slot::zeroed(); slots as usize];
        lock.read_at(SLOTS_OFFSET, bytemuck::cast_slice_mut(&mut table)).map_err(failed)?;
        let mut alive = Vec::new();
        for (index, mut slot) in (0..).zip(table) {
            let mut tries = 0;
            while slot.transaction != 0 && !own.contains(&index) {
                if !lock.is_held(SLOT_LOCKS + index).map_err(failed)? {
                    self.clear_dead_slot(lock, index).map_err(failed)?;
                    break;
                }
                if slot.checksum == slot.sum() {
                    alive.push((index, slot));
                    break;
                }
                // Its owner is writing it this moment.
                tries += 1;
                if tries > 1_000_000 {
                    fail!(
                        Busy,
                        "slot {index} of the reader table is damaged; close process {} and try again",
                        slot.process
                    );
                }
                std::thread::yield_now();
                lock.read_at(SLOTS_OFFSET + index * SLOT_BYTES, bytemuck::bytes_of_mut(&mut slot))
                    .map_err(failed)?;
            }
        }
        Ok(alive)
    }

    fn clear_dead_slot(&self, lock: &LockFile, index: u64) -> std::io::Result<()> {
        if lock.try_exclusive(SLOT_LOCKS + index)? {
            lock.write_at(SLOTS_OFFSET + index * SLOT_BYTES, &[0; SLOT_BYTES as usize])?;
            lock.release(SLOT_LOCKS + index)?;
        }
        Ok(())
    }
}

/// Announces the newest state if nobody is writing: whoever committed it died before it could, and what the lock file
/// names is in neither meta page any more. While somebody writes, the next announcement is that one's.
fn publish_in_place_of_the_dead(path: &Path, pages: &Pages) -> Result<()> {
    let failed = |error| Error::io(format!("cannot use the lock file {path:?}"), error);
    // A handle of its own, for the turn to write may be held by this process.
    let lock = LockFile::open(path, 0o600).map_err(failed)?;
    if lock.try_exclusive(WRITER).map_err(failed)? {
        let newest = meta::recover(pages.storage())?.meta;
        lock.write_at(NEWEST_OFFSET, &newest.transaction.to_le_bytes()).map_err(failed)?;
    }
    Ok(())
}

impl Local {
    fn new(newest: Meta) -> Local {
        Local { newest, pins: BTreeMap::new(), spare_slots: Vec::new() }
    }
}
