//! The order of a commit: which write comes before which sync, and so what a crash can leave behind.
//!
//! Rules that recovery stands on:
//! 1. The slot of the last durable commit is not touched until a newer commit is durable in the other slot.
//! 2. No page that a durable or a later unsynced commit reaches is written before a newer commit is durable.
//! 3. A commit that is not synced lists every run written since the last durable one, with its checksum.
//! 4. No page that the list of the last durable commit names is written before a newer commit is durable, whether or not
//!    anything still reaches it: until the seal is durable, the list is all that proves the commit whole.
//! 5. A seal, a second copy of the meta page, is written only after its commit was synced.

use super::PAGE_BYTES;
use super::checked::Pages;
use super::meta::{self, Meta, Recovered, WrittenRun, fits_the_list};
use super::readers::Readers;
use crate::error::{Error, ErrorKind, Result, fail};
use crate::storage::{Mutant, Storage};

/// What a commit promises when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The commit survives a power cut.
    #[default]
    Immediate,
    /// The commit is visible, and survives the end of the process. A power cut may lose the last such commits, whole
    /// and in order, but never the consistency. A later `Immediate` commit makes them durable too.
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
    /// What the two slots looked like when this process last read or wrote them.
    signature: meta::Signature,
    /// Runs written since the durable commit.
    unsynced: Vec<WrittenRun>,
    /// Runs that the meta page in the durable slot lists.
    listed: Vec<WrittenRun>,
    poisoned: bool,
}

impl Commits {
    /// A writer that has not looked at the file yet.
    pub(crate) fn new(newest: Meta) -> Commits {
        Commits {
            newest,
            durable: 0,
            durable_slot: 0,
            signature: [[0; 8]; 2],
            unsynced: Vec::new(),
            listed: Vec::new(),
            poisoned: false,
        }
    }

    /// The state that a new or just opened file has. Reads at most the meta pages and one commit list.
    pub(crate) fn recover(pages: &Pages) -> Result<Meta> {
        let newest = meta::recover(pages.storage())?.meta;
        meta::check_mapping(pages.storage(), newest.transaction)?;
        Ok(newest)
    }

    /// An error if a file is no database, or not a whole one. For files of which nobody knows yet that they are one.
    pub(crate) fn inspect(storage: &dyn Storage) -> Result<()> {
        meta::recover(storage).map(drop)
    }

    /// An error if a file is no database, from a look at how it begins.
    pub(crate) fn recognise(storage: &dyn Storage) -> Result<()> {
        meta::recognise(storage)
    }

    /// Makes ready for a state that another process published: what it rewrote is not known, and the file may have grown.
    pub(crate) fn adopt(pages: &Pages, newest: &Meta) -> Result<()> {
        if !pages.storage().plants(Mutant::KeepMarks) {
            pages.forget_all();
        }
        meta::check_mapping(pages.storage(), newest.transaction)?;
        let len = meta::file_length(pages.storage())?;
        if len < newest.file_bytes {
            fail!(
                Truncated,
                "the file has {len} bytes, its last commit needs {}: it was cut off",
                newest.file_bytes
            );
        }
        Ok(())
    }

    /// Called with the right to write, before anything is written: finds the state to build on, and makes sure that
    /// it is durable in one slot and sealed in the other.
    pub(crate) fn prepare(&mut self, pages: &Pages, readers: &Readers) -> Result<Meta> {
        self.check_poison()?;
        let storage = pages.storage();
        if meta::signature(storage)? == self.signature {
            return Ok(self.newest);
        }
        let recovered = meta::recover(storage)?;
        self.durable_slot = recovered.slot;
        let lost = |seen: &&Meta| seen.transaction >= recovered.meta.transaction && **seen != recovered.meta;
        let last_lost = readers.seen()?.iter().filter(lost).map(|seen| seen.transaction).max();
        let last_lost = last_lost.filter(|_| !storage.plants(Mutant::FallBackBelowPin));
        if !recovered.settled && !storage.plants(Mutant::NoSettle) {
            self.write_again(pages, &recovered)?;
            if last_lost.is_none() {
                self.seal(pages, &recovered.meta)?;
                if !storage.plants(Mutant::SettleOnce) {
                    self.sync(pages)?;
                }
            }
        }
        // Another process wrote, and which pages is not known.
        if !storage.plants(Mutant::KeepMarks) {
            pages.forget_all();
        }
        self.newest = recovered.meta;
        self.durable = recovered.meta.transaction;
        self.unsynced.clear();
        self.listed = recovered.runs;
        // Until it is published nothing may be written: who pins what is published believes that it is the newest.
        self.signature = [[0; 8]; 2];
        match last_lost {
            Some(last_lost) => self.renumber(pages, readers, last_lost)?,
            None => {
                let signature = meta::signature(storage)?;
                readers.publish(recovered.meta)?;
                self.signature = signature;
            }
        }
        Ok(self.newest)
    }

    /// Commits the newest state again, under the number after `last_lost`.
    ///
    /// Commits that were not synced can be lost without a power cut, when a later write fails midway. Readers may have
    /// seen them and may still hold them. If their numbers were given a second time, a reader would take the new state
    /// for the one that it has, and the writer would take pages that are held for free ones. It goes over the meta page of
    /// the lost commit, so that at no time the file has only lower numbers than the lock file shows.
    fn renumber(&mut self, pages: &Pages, readers: &Readers, last_lost: u64) -> Result<()> {
        let next = Meta { transaction: last_lost + 1, ..self.newest };
        self.commit(pages, readers, next, Some(Vec::new()), Durability::Immediate)
    }

    /// The first step of settling: makes a state durable that was found, and no more is known of it than that its pages can be
    /// read.
    ///
    /// A process may have written it and died before the sync; or the sync failed, after which the kernel calls pages clean
    /// that never reached the disk, and the next sync passes over them. So all that no successful sync is known to have
    /// carried is written again, the same bytes: what the page lists, and the page. After that the other slot is to be
    /// overwritten, which may hold a commit that was cut off, whose runs a new commit could by chance complete.
    fn write_again(&mut self, pages: &Pages, found: &Recovered) -> Result<()> {
        let storage = pages.storage();
        let page = ((found.slot * PAGE_BYTES) as u64, PAGE_BYTES);
        let runs = found.runs.iter().map(|run| (run.address, run.bytes as usize));
        for (address, bytes) in runs.chain([page]) {
            if storage.plants(Mutant::SettleWithoutWriting) {
                break;
            }
            let mut again = vec![0; bytes];
            storage.read_at(address, &mut again).and_then(|()| storage.write_at(address, &again)).map_err(
                |error| Error::io(format!("cannot write {bytes} bytes at {address} again"), error),
            )?;
        }
        self.sync(pages)
    }

    fn check_poison(&self) -> Result<()> {
        if self.poisoned {
            fail!(Poisoned, "an earlier write or sync failed; open the database anew to write to it again");
        }
        Ok(())
    }

    /// The transaction that a power cut cannot take away.
    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    /// Runs that must stay as they are until a newer commit is durable, though nothing may reach them any more.
    pub(crate) fn listed(&self) -> &[WrittenRun] {
        &self.listed
    }

    /// Commits a state whose pages are written. `written` is `None` where they are too many for a list.
    pub(crate) fn commit(
        &mut self,
        pages: &Pages,
        readers: &Readers,
        next: Meta,
        written: Option<Vec<WrittenRun>>,
        durability: Durability,
    ) -> Result<()> {
        let storage = pages.storage();
        let unsynced = if storage.plants(Mutant::ForgetUnsynced) { &[] } else { &self.unsynced[..] };
        let runs =
            written.map(|written| [unsynced, &written[..]].concat()).filter(|runs| fits_the_list(runs));
        let slot =
            if storage.plants(Mutant::OverwriteDurable) { self.durable_slot } else { 1 - self.durable_slot };
        let mut skip_sync = storage.plants(Mutant::SkipSync);
        let listed = match runs {
            // A small commit. One sync makes pages and meta page durable together, in whatever order the disk takes
            // them: until it returns, recovery finds the list violated and keeps the durable slot.
            Some(runs) => {
                self.write_meta(pages, slot, &next, false, &runs)?;
                if durability == Durability::Eventual {
                    self.unsynced = runs;
                    self.newest = next;
                    return self.publish(readers, next);
                }
                runs
            }
            // A large one. The first sync makes the pages durable, so the meta page needs no list. Also at
            // `Eventual`: a meta page that lists nothing must not outlive pages that later commits reuse.
            None => {
                if !storage.plants(Mutant::MetaBeforePages) {
                    self.sync(pages)?;
                }
                self.write_meta(pages, slot, &next, false, &[])?;
                skip_sync |= storage.plants(Mutant::LargeNotSynced);
                Vec::new()
            }
        };
        if storage.plants(Mutant::SealBeforeSync) {
            self.write_meta(pages, self.durable_slot, &next, true, &[])?;
        }
        if !skip_sync {
            self.sync(pages)?;
        }
        self.durable_slot = 1 - self.durable_slot;
        self.durable = next.transaction;
        self.newest = next;
        self.unsynced.clear();
        self.listed = listed;
        // From here on the commit stands. A seal that fails leaves the signature unknown, and the next write settles.
        if self.seal(pages, &next).is_err() {
            self.poisoned = false;
            self.signature = [[0; 8]; 2];
        }
        self.publish(readers, next)
    }

    /// Shows a commit that stands to other processes. Where that fails it is neither gone nor seen.
    fn publish(&mut self, readers: &Readers, next: Meta) -> Result<()> {
        readers.publish(next).map_err(|error| {
            self.poisoned = true;
            Error::new(ErrorKind::Poisoned, format!("{error}; the commit stands, open the database anew"))
        })
    }

    /// Makes the newest state durable, whoever wrote it. Called with the right to write.
    pub(crate) fn sync_all(&mut self, pages: &Pages, readers: &Readers) -> Result<()> {
        self.prepare(pages, readers)?;
        self.sync_own(pages)
    }

    /// At the end: makes the commits of this process durable, unless somebody else is writing, who does it first.
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
        self.durable_slot = 1 - self.durable_slot;
        self.durable = self.newest.transaction;
        self.listed = std::mem::take(&mut self.unsynced);
        let newest = self.newest;
        self.seal(pages, &newest)
    }

    /// Copies a durable state into the other slot, marked as durable. Not synced: the next commit's sync carries it.
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
            let message = format!("cannot write meta page {slot}; open the database anew: {error}");
            Error::new(ErrorKind::Poisoned, message)
        })?;
        self.signature[slot] = meta::page_signature(&page);
        Ok(())
    }

    fn sync(&mut self, pages: &Pages) -> Result<()> {
        pages.storage().sync().map_err(|error| {
            // After a failed sync the kernel may have dropped what it could not write and call the next one good.
            self.poisoned = !pages.storage().plants(Mutant::RetrySync);
            let message = format!("the sync failed, so nothing since the last commit is certain; open the database anew: {error}");
            Error::new(ErrorKind::Poisoned, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{FIRST_ADDRESS, Link, checksum};
    use crate::storage::MappedFile;

    /// A file of an empty state and a page behind it, which was verified, and holds other bytes now.
    fn written_by_another_process() -> (Pages, Meta, Link) {
        let file = MappedFile::anonymous(FIRST_ADDRESS + PAGE_BYTES as u64, 0).unwrap();
        let pages = Pages::new(Box::new(file));
        pages.storage().write_at(0, &meta::create([7; 16], 1)).unwrap();
        let link = Link { address: FIRST_ADDRESS, checksum: checksum(&[0; PAGE_BYTES]) };
        pages.view_all().read(link, PAGE_BYTES).unwrap();
        let newest = meta::recover(pages.storage()).unwrap().meta;
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
    fn the_writer_verifies_again_what_another_process_may_have_written() {
        let (pages, newest, link) = written_by_another_process();
        let readers = Readers::alone(Meta { transaction: 0, ..newest });
        Commits::new(newest).prepare(&pages, &readers).unwrap();
        assert!(pages.view_all().read(link, PAGE_BYTES).is_err());
    }
}
