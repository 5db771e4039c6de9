//! Who reads which state: the newest one, the snapshots that this process holds, and those of other
//! processes. Transactions pin and unpin through it; the writer asks it which pages must stay.

use std::collections::BTreeMap;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::lock_table::{Joined, LockTable, ReaderSlot, TRIES};
use super::meta::Meta;
use crate::error::{Result, bail};
use crate::storage::LockFile;

/// The snapshots of this process, and the lock file that shows those of others.
pub(crate) struct Readers {
    local: Mutex<Local>,
    /// `None` if no other process can reach the database.
    shared: Option<LockTable>,
}

struct Local {
    newest: Meta,
    pins: BTreeMap<u64, Pinned>,
    /// Slots of the lock file whose lock this process holds, but which it does not use now.
    spare_slots: Vec<u64>,
    /// Slots that could not be cleared, with the state that they still show. Other processes count
    /// it as held, so this one does too, until the slot is cleared.
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

/// A snapshot that is held, in this process or another.
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

impl ReaderInfo {
    fn new(process: u32, transaction: u64, since: u64) -> ReaderInfo {
        ReaderInfo { process, transaction, since: UNIX_EPOCH + Duration::from_secs(since) }
    }
}

impl Readers {
    /// For a database that no other process can reach, or whose medium never changes.
    pub(crate) fn alone(newest: Meta) -> Readers {
        Readers { local: Mutex::new(Local::new(newest)), shared: None }
    }

    /// Joins the processes that have this database open. The first one finds the newest state with
    /// `recover`, whatever an earlier lock file says. The others `adopt` the state that is
    /// published.
    ///
    /// # Errors
    /// `Busy` if other processes keep starting to open the database and give up; `Usage` if the
    /// lock file belongs to another file.
    pub(crate) fn join(
        lock: Box<dyn LockFile>,
        identity: (u64, u64),
        recover: impl Fn() -> Result<Meta>,
        adopt: impl Fn(&Meta) -> Result<()>,
    ) -> Result<Readers> {
        let table = LockTable::new(lock);
        for _ in 0..TRIES {
            if table.is_first()? {
                let newest = recover()?;
                table.start(&newest, identity)?;
                return Ok(Readers::sharing(table, newest));
            }
            match table.join(identity)? {
                Joined::Open(file_id) => return Readers::join_open(table, file_id, adopt),
                Joined::GivenUp => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        bail!(Busy, "other processes are just opening the database, and none of them gets on; try again")
    }

    /// Adopts the state that other processes have published.
    fn join_open(
        table: LockTable,
        file_id: [u8; 16],
        adopt: impl Fn(&Meta) -> Result<()>,
    ) -> Result<Readers> {
        let newest = table.published_state(file_id)?;
        let readers = Readers::sharing(table, newest);
        match adopt(&newest) {
            Ok(()) => {}
            // A later commit may have truncated the file meanwhile.
            Err(_) if readers.published()? != Some(newest.transaction) => {
                readers.catch_up(&mut readers.local.lock(), &adopt)?;
            }
            Err(error) => return Err(error),
        }
        Ok(readers)
    }

    fn sharing(table: LockTable, newest: Meta) -> Readers {
        Readers { local: Mutex::new(Local::new(newest)), shared: Some(table) }
    }

    /// States that some process has seen: the published one, the newest of this process, and those
    /// that are held.
    pub(crate) fn seen(&self) -> Result<Vec<Meta>> {
        let mut seen = self.snapshots()?;
        let local = self.local.lock();
        seen.push(local.newest);
        if let Some(table) = &self.shared {
            seen.push(table.published_state(local.newest.file_id)?);
        }
        Ok(seen)
    }

    /// Whether this is the number of the newest state, of all processes.
    pub(crate) fn is_newest(&self, transaction: u64) -> bool {
        let newest = || self.local.lock().newest.transaction;
        // If that cannot be read, taking a new snapshot reports why.
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
            let slot = match &self.shared {
                Some(table) => Some(write_slot(table, &mut local, &ReaderSlot::new(&meta, since))?),
                None => None,
            };
            local.pins.insert(meta.transaction, Pinned { meta, count: 1, slot, since });
            // The pin is in the table. If the state is still the newest, no writer has read the
            // table since the state became old, so the pin holds. If not, a writer may have read it
            // before the pin was there: try again.
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

    /// Pins a state that a slot of the lock file names, so that it can be looked at; `None` if no
    /// slot does. The pages of the state may have been reused all the same: its holder may only be
    /// entering the table, or may have left it before this pin was set. What is read of it is
    /// verified, so that shows as damage.
    pub(crate) fn pin_named(&self, transaction: u64) -> Result<Option<Pin>> {
        let mut local = self.local.lock();
        if let Some(pinned) = local.pins.get_mut(&transaction) {
            pinned.count += 1;
            return Ok(Some(Pin { meta: pinned.meta }));
        }
        let Some(table) = &self.shared else { return Ok(None) };
        let slots = self.slots_of_others(&local)?;
        let Some(slot) = slots.into_iter().find(|slot| slot.transaction == transaction) else {
            return Ok(None);
        };
        let meta = slot.meta(local.newest.file_id);
        let index = write_slot(table, &mut local, &ReaderSlot::new(&meta, now()))?;
        local.pins.insert(transaction, Pinned { meta, count: 1, slot: Some(index), since: now() });
        Ok(Some(Pin { meta }))
    }

    /// Releases a snapshot.
    pub(crate) fn unpin(&self, pin: &Pin) {
        self.drop_pin(&mut self.local.lock(), pin.meta.transaction);
    }

    /// Makes a committed state the newest, for this process and all others.
    pub(crate) fn publish(&self, meta: Meta) -> Result<()> {
        let mut local = self.local.lock();
        local.newest = meta;
        self.shared.as_ref().map_or(Ok(()), |table| table.publish(&meta))
    }

    /// The states that are held, in any process. Slots of processes that died are cleared on the
    /// way.
    pub(crate) fn snapshots(&self) -> Result<Vec<Meta>> {
        // What was published before must be visible to a reader that pins after this look at the
        // table.
        fence(Ordering::SeqCst);
        let mut local = self.local.lock();
        if let Some(table) = &self.shared {
            for (index, meta) in std::mem::take(&mut local.uncleared) {
                clear_slot(table, &mut local, index, meta);
            }
        }
        let mut snapshots: Vec<Meta> = local.pins.values().map(|pinned| pinned.meta).collect();
        snapshots.extend(local.uncleared.iter().map(|(_, meta)| *meta));
        let file_id = local.newest.file_id;
        snapshots.extend(self.slots_of_others(&local)?.iter().map(|slot| slot.meta(file_id)));
        Ok(snapshots)
    }

    /// All snapshots that are held.
    pub(crate) fn list(&self) -> Result<Vec<ReaderInfo>> {
        let local = self.local.lock();
        let own = local
            .pins
            .values()
            .map(|pinned| ReaderInfo::new(std::process::id(), pinned.meta.transaction, pinned.since));
        let mut list: Vec<ReaderInfo> = own.collect();
        let others = self.slots_of_others(&local)?;
        list.extend(others.iter().map(|slot| ReaderInfo::new(slot.process, slot.transaction, slot.since)));
        Ok(list)
    }

    /// Takes the right to write, among processes; `false` if it is taken and `wait` is not set.
    pub(crate) fn lock_writer(&self, wait: bool) -> Result<bool> {
        self.shared.as_ref().map_or(Ok(true), |table| table.lock_writer(wait))
    }

    /// The process other than this one that has the right to write, if one has.
    pub(crate) fn other_writer(&self) -> Result<Option<u32>> {
        self.shared.as_ref().map_or(Ok(None), LockTable::other_writer)
    }

    /// Gives the right to write back.
    pub(crate) fn unlock_writer(&self) {
        if let Some(table) = &self.shared {
            table.unlock_writer();
        }
    }

    fn published(&self) -> Result<Option<u64>> {
        self.shared.as_ref().map(LockTable::published_number).transpose()
    }

    /// Adopts the state that another process published, if there is one that is newer.
    fn catch_up(&self, local: &mut Local, adopt: impl Fn(&Meta) -> Result<()>) -> Result<()> {
        let Some(table) = &self.shared else { return Ok(()) };
        while table.published_number()? != local.newest.transaction {
            let newest = table.published_state(local.newest.file_id)?;
            match adopt(&newest) {
                Ok(()) => local.newest = newest,
                // A later commit may have truncated the file meanwhile.
                Err(_) if table.published_number()? != newest.transaction => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn drop_pin(&self, local: &mut Local, transaction: u64) {
        let Some(pinned) = local.pins.get_mut(&transaction) else { return };
        pinned.count -= 1;
        if pinned.count > 0 {
            return;
        }
        let (slot, meta) = (pinned.slot, pinned.meta);
        local.pins.remove(&transaction);
        if let (Some(table), Some(index)) = (&self.shared, slot) {
            clear_slot(table, local, index, meta);
        }
    }

    fn slots_of_others(&self, local: &Local) -> Result<Vec<ReaderSlot>> {
        let Some(table) = &self.shared else { return Ok(Vec::new()) };
        let mut own = local.used_slots();
        own.extend(&local.spare_slots);
        table.slots_of_others(&own)
    }
}

/// Enters a state in the lock file. Returns the number of the slot.
fn write_slot(table: &LockTable, local: &mut Local, slot: &ReaderSlot) -> Result<u64> {
    let index = match local.spare_slots.pop() {
        Some(index) => index,
        None => {
            let mut taken = local.used_slots();
            taken.sort_unstable();
            table.take_slot(&taken)?
        }
    };
    table.write_slot(index, slot).inspect_err(|_| local.spare_slots.push(index))?;
    Ok(index)
}

/// Clears a slot of this process, or notes that it could not be cleared.
fn clear_slot(table: &LockTable, local: &mut Local, index: u64, meta: Meta) {
    match table.clear_slot(index) {
        Ok(()) => local.spare_slots.push(index),
        Err(_) => local.uncleared.push((index, meta)),
    }
}

impl Local {
    fn new(newest: Meta) -> Local {
        Local { newest, pins: BTreeMap::new(), spare_slots: Vec::new(), uncleared: Vec::new() }
    }

    /// The slots that show a state of this process.
    fn used_slots(&self) -> Vec<u64> {
        let pinned = self.pins.values().filter_map(|pinned| pinned.slot);
        pinned.chain(self.uncleared.iter().map(|(index, _)| *index)).collect()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
