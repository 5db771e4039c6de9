//! Recovery: which of the two meta pages is believed, when a file is opened or another process may
//! have written it. Used by the order of commits. It only reads.

use std::cmp::Reverse;
use std::time::Duration;

use super::meta::{FORMAT_VERSION, Found, MAGIC, Meta, MetaSlot, read_slot};
use crate::error::{Error, Result, bail};
use crate::page::{FIRST_ADDRESS, PAGE_BYTES, checksum};
use crate::space::WrittenRun;
use crate::storage::{Storage, or_bug};

/// The state that opening finds.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) meta: Meta,
    /// The runs that its page lists.
    pub(super) runs: Vec<WrittenRun>,
    /// The slot of that page. The next commit goes to the other one.
    pub(super) slot: usize,
    /// Whether the other slot holds the seal of this page, so that the state is known to be
    /// durable. Of two seals it is not known which one was synced: they are not settled.
    pub(super) settled: bool,
}

impl Recovered {
    fn new(found: MetaSlot, settled: bool) -> Recovered {
        Recovered { meta: found.meta, runs: found.runs, slot: found.index, settled }
    }
}

/// Finds the newest whole state. No other function chooses between the meta pages.
///
/// 1. The meta pages that match their checksums are the candidates, the newer one first.
/// 2. A sealed page is believed. It was written after its commit was durable. A page of that state
///    that does not match its checksum is damage, which reading reports.
/// 3. An unsealed page is believed if the file holds every run that it lists. If not, a crash cut
///    its commit off, and the state of the other page is the last one: it was durable before that
///    commit began.
/// 4. The file must be as long as the state needs.
///
/// # Errors
/// `NotADatabase`, `EmptyFile`, `Truncated`, `FutureFormat`, and `Corrupt` if no page can be
/// believed.
pub(super) fn recover(storage: &dyn Storage) -> Result<Recovered> {
    let len = database_length(storage)?;
    let recovered = match candidates(storage)? {
        (only, None) => believe_the_only(storage, only, len)?,
        (newer, Some(older)) => believe_one_of_two(storage, newer, older, len)?,
    };
    if recovered.meta.file_bytes > len {
        bail!(
            Truncated,
            "the file has {len} bytes, its last commit needs {}: it was cut off; restore it from a backup",
            recovered.meta.file_bytes
        );
    }
    Ok(recovered)
}

/// The meta pages that match their checksums, the newer one first. Of two with the same state the
/// unsealed one comes first, because the seal was written after it was synced.
fn candidates(storage: &dyn Storage) -> Result<(MetaSlot, Option<MetaSlot>)> {
    let mut good = Vec::new();
    let mut damaged = false;
    for index in 0..2 {
        match read_slot(storage, index)? {
            Found::Good(slot) => good.push(slot),
            Found::Future(version) => bail!(
                FutureFormat,
                "the file has format version {version}; this program knows versions up to {FORMAT_VERSION}: use a newer Drystone"
            ),
            Found::Damaged => damaged = true,
            Found::Foreign => {}
        }
    }
    good.sort_by_key(|slot| (Reverse(slot.meta.transaction), slot.sealed));
    let mut good = good.into_iter();
    match (good.next(), good.next()) {
        (Some(newer), older) => Ok((newer, older)),
        (None, _) if damaged => {
            bail!(Corrupt, "both meta pages are damaged; restore the file from a backup")
        }
        (None, _) => {
            bail!(NotADatabase, "not a Drystone database: it does not start with \"drystone\"")
        }
    }
}

/// The other page is damaged. If the commit of this one was cut off as well, no whole state is
/// known.
fn believe_the_only(storage: &dyn Storage, only: MetaSlot, len: u64) -> Result<Recovered> {
    if only.sealed || holds(storage, &only, len)? {
        return Ok(Recovered::new(only, false));
    }
    bail!(
        Corrupt,
        "the last commit is not whole, and the other meta page is damaged; restore the file from a backup"
    )
}

fn believe_one_of_two(
    storage: &dyn Storage,
    newer: MetaSlot,
    older: MetaSlot,
    len: u64,
) -> Result<Recovered> {
    let same_state = newer.meta == older.meta;
    if !same_state && newer.meta.transaction == older.meta.transaction {
        bail!(
            Corrupt,
            "the meta pages hold two states of transaction {}; restore the file from a backup",
            newer.meta.transaction
        );
    }
    let settled = same_state && older.sealed && !newer.sealed;
    if settled || newer.sealed || holds(storage, &newer, len)? {
        Ok(Recovered::new(newer, settled))
    } else {
        Ok(Recovered::new(older, false))
    }
}

/// Whether every run that the page lists is in the file as it was written. A run that cannot be
/// read is an error: treating it as never written would fall back from a commit that is durable.
fn holds(storage: &dyn Storage, slot: &MetaSlot, len: u64) -> Result<bool> {
    if slot.meta.file_bytes > len {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    for run in &slot.runs {
        bytes.resize(run.bytes as usize, 0);
        if let Err(error) = storage.read_at(run.address, &mut bytes) {
            let message = format!("cannot read {} bytes at {} of the last commit", run.bytes, run.address);
            return or_bug!(storage, Err(Error::io(message, error)); ReadErrorIsTorn => Ok(false));
        }
        if checksum(&bytes) != run.checksum {
            return Ok(or_bug!(storage, false; BelieveEveryList => true));
        }
    }
    Ok(true)
}

/// The length of the file in bytes.
pub(super) fn file_length(storage: &dyn Storage) -> Result<u64> {
    storage.refresh().map_err(|error| Error::io("cannot ask for the file's length", error))
}

/// The length of the file, if it is long enough for a database.
fn database_length(storage: &dyn Storage) -> Result<u64> {
    let len = file_length(storage)?;
    if len == 0 {
        bail!(EmptyFile, "the file is empty, not a database; delete it to have a new one made in its place");
    }
    if len >= FIRST_ADDRESS {
        return Ok(len);
    }
    let mut start = [0; MAGIC.len()];
    if len >= MAGIC.len() as u64 {
        storage
            .read_at(0, &mut start)
            .map_err(|error| Error::io("cannot read the start of the file", error))?;
    }
    if start == MAGIC {
        bail!(Truncated, "the file ends after {len} bytes, inside its meta pages: it was cut off");
    }
    bail!(NotADatabase, "not a Drystone database: {len} bytes that do not start with \"drystone\"");
}

/// An error if the file does not begin like a database. One of the two meta pages may be damaged.
pub(super) fn recognise(storage: &dyn Storage) -> Result<()> {
    database_length(storage)?;
    for slot in 0..2 {
        let mut start = [0; MAGIC.len()];
        storage
            .read_at((slot * PAGE_BYTES) as u64, &mut start)
            .map_err(|error| Error::io(format!("cannot read meta page {slot}"), error))?;
        if start == MAGIC {
            return Ok(());
        }
    }
    bail!(NotADatabase, "not a Drystone database: it does not start with \"drystone\"")
}

/// Makes sure that the mapping shows the file that others write, at least up to this transaction.
/// On an overlay file system it may show an older copy: then the file is mapped again.
pub(super) fn check_mapping(storage: &dyn Storage, transaction: u64) -> Result<()> {
    /// Where a meta page has the number of its transaction.
    const NUMBER: u64 = 32;
    /// Looks before the file is mapped again. A commit may come between the two halves of a look.
    const LOOKS: usize = 8;
    const TRIES: usize = 20;
    for look in 0..LOOKS + TRIES {
        let (mut newest, mut shown) = (0, true);
        for slot in 0..2 {
            let (offset, mut number) = (slot * PAGE_BYTES as u64 + NUMBER, [0; 8]);
            storage
                .read_at(offset, &mut number)
                .map_err(|error| Error::io(format!("cannot read meta page {slot}"), error))?;
            newest = newest.max(u64::from_le_bytes(number));
            shown &= storage.shows(offset, &number);
        }
        if shown && newest >= transaction {
            return Ok(());
        }
        if look == LOOKS {
            storage.map_anew().map_err(|error| Error::io("cannot map the file", error))?;
        } else if look > LOOKS {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    bail!(
        Usage,
        "the file that is open is not the one that others write: an overlay file system has copied it since, or another file took \
         its place; close all handles of this process and open it again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::page::TreeRoot;
    use crate::storage::MappedFile;

    fn recovered(slots: [Meta; 2]) -> Result<Meta> {
        let file = MappedFile::anonymous(FIRST_ADDRESS, 0).unwrap();
        for (slot, meta) in slots.iter().enumerate() {
            file.write_at((slot * PAGE_BYTES) as u64, &meta.encode(true, &[])).unwrap();
        }
        recover(&file).map(|recovered| recovered.meta)
    }

    fn state(transaction: u64) -> Meta {
        Meta {
            file_id: [7; 16],
            transaction,
            file_bytes: FIRST_ADDRESS,
            tables: TreeRoot::default(),
            fields: TreeRoot::default(),
            next_table: 1,
            origin: [0; 16],
        }
    }

    #[test]
    fn a_number_that_no_transaction_has_is_damage() {
        assert_eq!(recovered([state(1), state(2)]).unwrap().transaction, 2);
        assert_eq!(recovered([state(7), state(u64::MAX)]).unwrap().transaction, 7);
        assert_eq!(recovered([state(0), state(0)]).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_short_file_that_cannot_be_read_is_not_called_a_foreign_one() {
        let file = crate::storage::Failing::new(&[1; 100]);
        assert_eq!(recover(&file).unwrap_err().kind(), ErrorKind::NotADatabase);
        file.lose(0..1);
        assert_eq!(recover(&file).unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn two_states_of_one_transaction_are_damage() {
        let other = Meta { next_table: 2, ..state(5) };
        assert_eq!(recovered([state(5), other]).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(recovered([state(5), state(5)]).unwrap(), state(5));
    }

    #[test]
    fn a_commit_that_was_cut_off_is_not_taken_because_the_other_meta_page_is_damaged() {
        let file = MappedFile::anonymous(FIRST_ADDRESS + PAGE_BYTES as u64, 0).unwrap();
        let newest = Meta { file_bytes: FIRST_ADDRESS + PAGE_BYTES as u64, ..state(5) };
        let run = |checksum| WrittenRun { address: FIRST_ADDRESS, bytes: PAGE_BYTES as u32, checksum };
        file.write_at(PAGE_BYTES as u64, &MAGIC).unwrap();
        file.write_at(0, &newest.encode(false, &[run(1)])).unwrap();
        assert_eq!(recover(&file).unwrap_err().kind(), ErrorKind::Corrupt);
        file.write_at(0, &newest.encode(false, &[run(checksum(&[0; PAGE_BYTES]))])).unwrap();
        assert_eq!(recover(&file).unwrap().meta, newest);
    }
}
