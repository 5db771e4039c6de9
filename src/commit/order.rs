//! The order of a commit: which write comes before which sync. Write transactions and opening use
//! it; recovery relies on it.
//!
//! # Rules that recovery relies on
//!
//! 1. The slot of the last durable commit is not written until a newer commit is durable in the
//!    other slot.
//! 2. No page that a durable commit or a later unsynced one reaches is written until a newer commit
//!    is durable.
//! 3. A commit that is not synced lists every run that was written since the last durable one, with
//!    its checksum.
//! 4. No page on the list of the last durable commit is written until a newer commit is durable,
//!    even if nothing reaches the page any more. Until the seal is durable, the list is the only
//!    proof that the commit is whole.
//! 5. A seal is a second copy of the meta page. It is written only after its commit was synced.

use super::meta::{self, Meta};
use super::readers::Readers;
use super::recover::{self, Recovered, recover};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::page::{PAGE_BYTES, Pages};
use crate::space::{WrittenRun, fits_the_list};
use crate::storage::{Storage, or_bug};

/// What a commit promises when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The commit survives a power cut.
    #[default]
    Immediate,
    /// The commit is visible, and survives the end of the process. A power cut may lose the last
    /// such commits, whole and in order, but never the consistency. A later `Immediate` commit
    /// makes them durable too.
    Eventual,
}

/// The writer's knowledge of the meta pages.
pub(crate) struct Commits {
    /// The state in the file that the next commit builds on.
    newest: Meta,
    /// The transaction that a power cut cannot take away.
    durable: u64,
    /// The slot that holds it.
    durable_slot: usize,
    /// The two meta pages as this process last read or wrote them. While they are the same, no
    /// other process has committed.
    signature: meta::Signature,
    /// Runs written since the durable commit.
    unsynced: Vec<WrittenRun>,
    /// Runs that the meta page in the durable slot lists.
    listed: Vec<WrittenRun>,
    /// Whether a write or sync failed, after which nothing may be written.
    poisoned: bool,
}

/// The signature of no meta pages: the next write reads them again.
const UNKNOWN: meta::Signature = [[0; 8]; 2];

impl Commits {
    /// A writer that has not read the file yet.
    pub(crate) fn new(newest: Meta) -> Commits {
        Commits {
            newest,
            durable: 0,
            durable_slot: 0,
            signature: UNKNOWN,
            unsynced: Vec::new(),
            listed: Vec::new(),
            poisoned: false,
        }
    }

    /// The state that a new or just opened file has. Reads at most the meta pages and one commit
    /// list.
    pub(crate) fn recover(pages: &Pages) -> Result<Meta> {
        let newest = recover(pages.storage())?.meta;
        recover::check_mapping(pages.storage(), newest.transaction)?;
        Ok(newest)
    }

    /// An error if a file is no database, or not a whole one.
    pub(crate) fn inspect(storage: &dyn Storage) -> Result<()> {
        recover(storage).map(drop)
    }

    /// An error if a file is no database. Reads only how it begins.
    pub(crate) fn recognise(storage: &dyn Storage) -> Result<()> {
        recover::recognise(storage)
    }

    /// Prepares for reading a state that another process published. That process may have written
    /// any page, and the file may have grown.
    pub(crate) fn adopt(pages: &Pages, newest: &Meta) -> Result<()> {
        or_bug!(pages.storage(), pages.forget_all(); KeepMarks => ());
        recover::check_mapping(pages.storage(), newest.transaction)?;
        let len = recover::file_length(pages.storage())?;
        if len < newest.file_bytes {
            bail!(
                Truncated,
                "the file has {len} bytes, its last commit needs {}: it was cut off",
                newest.file_bytes
            );
        }
        Ok(())
    }

    /// The transaction that a power cut cannot take away.
    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    /// Runs that must stay as they are until a newer commit is durable, even if nothing reaches
    /// them.
    pub(crate) fn listed(&self) -> &[WrittenRun] {
        &self.listed
    }

    /// Prepares for writing. The caller holds the right to write, and has written nothing yet.
    /// Returns the state to build on, which is then durable in one slot and sealed in the other.
    ///
    /// If no other process has committed since this one did, there is nothing to do. Else the state
    /// in the file is found as in opening, settled, and published.
    pub(crate) fn prepare(&mut self, pages: &Pages, readers: &Readers) -> Result<Meta> {
        self.check_poison()?;
        let storage = pages.storage();
        if meta::signature(storage)? == self.signature {
            return Ok(self.newest);
        }
        let found = recover(storage)?;
        self.durable_slot = found.slot;
        let last_lost = last_lost(storage, readers, &found.meta)?;
        if !found.settled {
            or_bug!(storage, self.settle(pages, &found, last_lost.is_none())?; NoSettle => ());
        }
        // Another process may have written any page.
        or_bug!(storage, pages.forget_all(); KeepMarks => ());
        self.newest = found.meta;
        self.durable = found.meta.transaction;
        self.unsynced.clear();
        self.listed = found.runs;
        // Nothing may be written until the state is published: a reader that pins the published
        // state relies on it being the newest.
        self.signature = UNKNOWN;
        match last_lost {
            Some(last_lost) => self.renumber(pages, readers, last_lost)?,
            None => {
                let signature = meta::signature(storage)?;
                readers.publish(found.meta)?;
                self.signature = signature;
            }
        }
        Ok(self.newest)
    }

    /// Makes a state durable that was found in the file.
    ///
    /// All that is known of it is that its pages can be read. The process that wrote it may have
    /// died before the sync. Or the sync failed: then the kernel may call pages clean that never
    /// reached the disk, and the next sync skips them. So everything that no successful sync is
    /// known to have covered is written again with the same bytes: the runs on the list, and the
    /// meta page.
    ///
    /// After that the other slot is overwritten by the seal. It may hold a commit that was cut off,
    /// whose runs a new commit could complete by chance. If the state gets a new number, that
    /// commit overwrites the slot, and `seals` is false.
    fn settle(&mut self, pages: &Pages, found: &Recovered, seals: bool) -> Result<()> {
        let storage = pages.storage();
        or_bug!(storage, write_again(storage, found)?; SettleWithoutWriting => ());
        self.sync(pages)?;
        if seals {
            self.seal(pages, &found.meta)?;
            or_bug!(storage, self.sync(pages)?; SettleOnce => ());
        }
        Ok(())
    }

    /// Commits the newest state again, under the number after `last_lost`.
    ///
    /// Commits that were not synced can be lost without a power cut, when a later write fails
    /// midway. Readers may have seen them and may still hold them. If their numbers were given a
    /// second time, a reader would take the new state for the one that it has, and the writer would
    /// take pages that are held for free ones. The new commit overwrites the meta page of the lost
    /// one, so the file never has only lower numbers than the lock file shows.
    fn renumber(&mut self, pages: &Pages, readers: &Readers, last_lost: u64) -> Result<()> {
        let next = Meta { transaction: last_lost + 1, ..self.newest };
        self.commit(pages, readers, next, Some(Vec::new()), Durability::Immediate)
    }

    /// Commits a state whose pages are written. `written` is `None` if they are too many for a
    /// list.
    ///
    /// **A small commit** lists its runs in its meta page, so one sync makes the pages and the meta
    /// page durable together, in whatever order the disk takes them. Until that sync returns,
    /// recovery may find a run missing, and then keeps the durable slot. `Eventual` leaves the sync
    /// to a later commit.
    ///
    /// **A large commit** has no list. Its pages are synced first, then its meta page is written
    /// and synced. That is so for `Eventual` too: a meta page without a list must not become
    /// durable when its pages are not, or outlive pages that later commits reuse.
    ///
    /// Once the sync has returned the commit is durable. What follows can fail without losing it:
    /// the seal, which saves the next opening from reading the list, and showing it to other
    /// processes.
    pub(crate) fn commit(
        &mut self,
        pages: &Pages,
        readers: &Readers,
        next: Meta,
        written: Option<Vec<WrittenRun>>,
        durability: Durability,
    ) -> Result<()> {
        let storage = pages.storage();
        let runs = written.and_then(|written| self.commit_list(storage, written));
        let is_large = runs.is_none();
        if is_large {
            or_bug!(storage, self.sync(pages)?; MetaBeforePages => ());
        }
        let runs = runs.unwrap_or_default();
        let slot = or_bug!(storage, 1 - self.durable_slot; OverwriteDurable => self.durable_slot);
        self.write_meta(pages, slot, &next, false, &runs)?;
        if durability == Durability::Eventual && !is_large {
            self.newest = next;
            self.unsynced = runs;
            return self.publish(readers, next);
        }
        or_bug!(storage, (); SealBeforeSync => self.write_meta(pages, self.durable_slot, &next, true, &[])?);
        or_bug!(storage, self.sync(pages)?; SkipSync => (), LargeNotSynced if is_large => ());
        self.newest = next;
        self.note_durable(runs);
        if self.seal(pages, &next).is_err() {
            // The commit is durable all the same. The next write finds it and settles it.
            self.poisoned = false;
            self.signature = UNKNOWN;
        }
        self.publish(readers, next)
    }

    /// The list of a small commit: all that was written since the durable one. `None` if it is too
    /// long.
    fn commit_list(&self, storage: &dyn Storage, written: Vec<WrittenRun>) -> Option<Vec<WrittenRun>> {
        let unsynced = or_bug!(storage, &self.unsynced[..]; ForgetUnsynced => &[]);
        let runs = [unsynced, &written[..]].concat();
        fits_the_list(&runs).then_some(runs)
    }

    /// The newest state was synced: it is the durable one, in the slot that was written last.
    fn note_durable(&mut self, listed: Vec<WrittenRun>) {
        self.durable_slot = 1 - self.durable_slot;
        self.durable = self.newest.transaction;
        self.unsynced.clear();
        self.listed = listed;
    }

    /// Shows a durable or eventual commit to other processes. If that fails the commit is not
    /// undone, but others do not see it yet.
    fn publish(&mut self, readers: &Readers, next: Meta) -> Result<()> {
        readers.publish(next).map_err(|error| {
            self.poisoned = true;
            let message = format!("{error}; the commit stands, open the database again");
            Error::new(ErrorKind::Poisoned, message)
        })
    }

    /// Makes the newest state durable, whichever process wrote it. The caller holds the right to
    /// write.
    pub(crate) fn sync_all(&mut self, pages: &Pages, readers: &Readers) -> Result<()> {
        self.prepare(pages, readers)?;
        self.sync_own(pages)
    }

    /// Makes the commits of this process durable when it closes the database. If another process is
    /// writing, it has done so already: preparing to write settles the newest state.
    pub(crate) fn sync_at_end(&mut self, pages: &Pages, readers: &Readers) -> Result<()> {
        if self.durable == 0 || self.poisoned || !readers.lock_writer(false)? {
            return Ok(());
        }
        let unchanged = meta::signature(pages.storage()).is_ok_and(|signature| signature == self.signature);
        let synced = if unchanged { self.sync_own(pages) } else { Ok(()) };
        readers.unlock_writer();
        synced
    }

    fn sync_own(&mut self, pages: &Pages) -> Result<()> {
        if self.durable == self.newest.transaction {
            return Ok(());
        }
        self.sync(pages)?;
        let listed = std::mem::take(&mut self.unsynced);
        self.note_durable(listed);
        let newest = self.newest;
        self.seal(pages, &newest)
    }

    /// Copies a durable state into the other slot, marked as durable. Not synced: the next commit's
    /// sync covers it.
    fn seal(&mut self, pages: &Pages, meta: &Meta) -> Result<()> {
        self.write_meta(pages, 1 - self.durable_slot, meta, true, &[])
    }

    fn write_meta(
        &mut self,
        pages: &Pages,
        slot: usize,
        meta: &Meta,
        sealed: bool,
        runs: &[WrittenRun],
    ) -> Result<()> {
        let page = meta.encode(sealed, runs);
        pages.storage().write_at((slot * PAGE_BYTES) as u64, &page).map_err(|error| {
            // A part of it may be on the disk, or all.
            self.poisoned = true;
            let message = format!("cannot write meta page {slot}; open the database again: {error}");
            Error::new(ErrorKind::Poisoned, message)
        })?;
        self.signature[slot] = meta::page_signature(&page);
        Ok(())
    }

    fn sync(&mut self, pages: &Pages) -> Result<()> {
        pages.storage().sync().map_err(|error| {
            // After a failed sync the kernel may have dropped what it could not write, and report
            // the next sync as good.
            self.poisoned = or_bug!(pages.storage(), true; RetrySync => false);
            let message = format!(
                "the sync failed, so nothing since the last commit is certain; open the database again: {error}"
            );
            Error::new(ErrorKind::Poisoned, message)
        })
    }

    fn check_poison(&self) -> Result<()> {
        if self.poisoned {
            bail!(Poisoned, "an earlier write or sync failed; open the database again to write to it");
        }
        Ok(())
    }
}

/// The highest number of a commit that some process has seen and that is not in the file any more.
fn last_lost(storage: &dyn Storage, readers: &Readers, found: &Meta) -> Result<Option<u64>> {
    let seen = readers.seen()?;
    let lost = seen.iter().filter(|seen| seen.transaction >= found.transaction && *seen != found);
    let last_lost = lost.map(|seen| seen.transaction).max();
    Ok(or_bug!(storage, last_lost; FallBackBelowPin => None))
}

/// Writes the listed runs of a state and its meta page once more.
fn write_again(storage: &dyn Storage, found: &Recovered) -> Result<()> {
    let page = ((found.slot * PAGE_BYTES) as u64, PAGE_BYTES);
    let runs = found.runs.iter().map(|run| (run.address, run.bytes as usize));
    for (address, bytes) in runs.chain([page]) {
        let mut again = vec![0; bytes];
        storage
            .read_at(address, &mut again)
            .and_then(|()| storage.write_at(address, &again))
            .map_err(|error| Error::io(format!("cannot write {bytes} bytes at {address} again"), error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::meta;
    use crate::page::{FIRST_ADDRESS, Link, checksum};
    use crate::storage::MappedFile;

    /// A file of an empty state and a page behind it, which was verified, and holds other bytes
    /// now.
    fn written_by_another_process() -> (Pages, Meta, Link) {
        let file = MappedFile::anonymous(FIRST_ADDRESS + PAGE_BYTES as u64, 0).unwrap();
        let pages = Pages::new(Box::new(file));
        pages.storage().write_at(0, &meta::create([7; 16], 1)).unwrap();
        let link = Link { address: FIRST_ADDRESS, checksum: checksum(&[0; PAGE_BYTES]) };
        pages.view_all().read(link, PAGE_BYTES).unwrap();
        let newest = recover(pages.storage()).unwrap().meta;
        pages.storage().write_at(FIRST_ADDRESS, &[1; PAGE_BYTES]).unwrap();
        (pages, newest, link)
    }

    #[test]
    fn readers_verify_again_what_another_process_may_have_written() {
        let (pages, newest, link) = written_by_another_process();
        pages.view_all().read(link, PAGE_BYTES).expect("it still counts as verified");
        Commits::adopt(&pages, &newest).unwrap();
        assert!(pages.view_all().read(link, PAGE_BYTES).is_err());
    }

    #[test]
    fn a_published_state_that_needs_a_longer_file_is_not_adopted() {
        let (pages, newest, _) = written_by_another_process();
        Commits::adopt(&pages, &newest).unwrap();
        let longer = Meta { file_bytes: 1 << 20, ..newest };
        assert_eq!(Commits::adopt(&pages, &longer).unwrap_err().kind(), ErrorKind::Truncated);
    }

    #[test]
    fn the_writer_verifies_again_what_another_process_may_have_written() {
        let (pages, newest, link) = written_by_another_process();
        let readers = Readers::alone(Meta { transaction: 0, ..newest });
        Commits::new(newest).prepare(&pages, &readers).unwrap();
        assert!(pages.view_all().read(link, PAGE_BYTES).is_err());
    }
}
