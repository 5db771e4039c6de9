//! The meta page: what a commit leaves behind, and which of the two pages is believed at opening.
//!
//! ```text
//!    0  magic "drystone"            40  file_bytes u64            104  commit list, 248 entries of 16 bytes:
//!    8  version u32                 48  root of the tables (24)        address u64, bytes u32, checksum u32
//!   12  sealed u32                  72  root of the fields (24)   4072  zeros
//!   16  file id (16 bytes)          96  next table id u32         4092  CRC-32 of all before it
//!   32  transaction u64            100  entries in the list u32
//! ```

use std::time::Duration;

use bytemuck::{Pod, Zeroable};

use super::{FIRST_ADDRESS, Link, PAGE_BYTES, checksum, page_of, pages_for};
use crate::error::{Error, ErrorKind, Result, fail};
use crate::storage::{Mapping, Mutant, Storage};

const MAGIC: [u8; 8] = *b"drystone";

/// The format that this code writes, and the newest that it reads. It reads all older ones as well:
/// version 1 is the same without enumerations.
pub(crate) const FORMAT_VERSION: u32 = 2;

/// How many runs a commit list holds.
pub(super) const LIST_RUNS: usize = 248;

/// How many bytes the runs of a commit list may have in all: what opening after a crash may have to read.
pub(super) const LIST_BYTES: u64 = 1 << 20;

/// The root of a tree, as it is stored.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Pod, Zeroable)]
pub(crate) struct TreeRoot {
    pub(crate) address: u64,
    pub(crate) rows: u64,
    pub(crate) checksum: u32,
    /// Branches between the root and a leaf: 0 where the root is a leaf, or where there are no rows.
    pub(crate) height: u16,
    /// 1 where the leaves lie side by side in order, all of them full but the last: the rows are one array. Else 0.
    pub(crate) array: u16,
}

impl TreeRoot {
    pub(crate) fn link(&self) -> Link {
        Link { address: self.address, checksum: self.checksum }
    }
}

/// A run of whole pages that a commit wrote, and what it must sum to.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
pub(crate) struct WrittenRun {
    pub(super) address: u64,
    pub(super) bytes: u32,
    pub(super) checksum: u32,
}

impl WrittenRun {
    /// Whether it has any of the bytes from `start` to `end`.
    pub(super) fn overlaps(&self, start: u64, end: u64) -> bool {
        self.address < end && start < self.address + u64::from(self.bytes)
    }

    /// The pages that it takes.
    pub(super) fn pages(&self) -> std::ops::Range<u64> {
        page_of(self.address)..page_of(self.address) + pages_for(self.bytes.into())
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct MetaPage {
    magic: [u8; 8],
    version: u32,
    sealed: u32,
    file_id: [u8; 16],
    transaction: u64,
    file_bytes: u64,
    tables: TreeRoot,
    fields: TreeRoot,
    next_table: u32,
    list_len: u32,
    list: [WrittenRun; LIST_RUNS],
    zeros: [u8; 20],
    checksum: u32,
}

const _: () = assert!(size_of::<MetaPage>() == PAGE_BYTES);
const CHECKED_BYTES: usize = PAGE_BYTES - 4;

/// The higher of the numbers in the two meta pages, as they are at this moment. No state is published before a
/// meta page has its number; but a number may be there whose commit is still under way, or failed.
#[inline]
pub(crate) fn highest_number(mapping: &Mapping) -> u64 {
    let at = std::mem::offset_of!(MetaPage, transaction) as u64;
    let number = |page: u64| mapping.load(page * PAGE_BYTES as u64 + at).unwrap_or(u64::MAX);
    number(0).max(number(1))
}

/// A committed state of the database: everything that a snapshot starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Meta {
    pub(crate) file_id: [u8; 16],
    pub(crate) transaction: u64,
    /// The file is at least this long; nothing that the state reaches lies beyond.
    pub(crate) file_bytes: u64,
    pub(crate) tables: TreeRoot,
    pub(crate) fields: TreeRoot,
    pub(crate) next_table: u32,
}

impl Meta {
    /// The page as it is written. A sealed page says that the commit is known to be durable; it needs no list.
    pub(super) fn encode(&self, sealed: bool, runs: &[WrittenRun]) -> [u8; PAGE_BYTES] {
        self.encode_as(FORMAT_VERSION, sealed, runs)
    }

    /// The page as a version of the format has it.
    fn encode_as(&self, version: u32, sealed: bool, runs: &[WrittenRun]) -> [u8; PAGE_BYTES] {
        let mut page = MetaPage::zeroed();
        page.magic = MAGIC;
        page.version = version;
        page.sealed = u32::from(sealed);
        page.file_id = self.file_id;
        page.transaction = self.transaction;
        page.file_bytes = self.file_bytes;
        page.tables = self.tables;
        page.fields = self.fields;
        page.next_table = self.next_table;
        page.list_len = runs.len() as u32;
        page.list[..runs.len()].copy_from_slice(runs);
        page.checksum = checksum(&bytemuck::bytes_of(&page)[..CHECKED_BYTES]);
        bytemuck::cast(page)
    }
}

/// Whether a commit that wrote these runs can list them, and so needs one sync instead of two.
pub(super) fn fits_the_list(runs: &[WrittenRun]) -> bool {
    runs.len() <= LIST_RUNS && runs.iter().map(|run| u64::from(run.bytes)).sum::<u64>() <= LIST_BYTES
}

/// The first two pages of a new database: the empty state, sealed, in both. Transactions are counted from this number.
pub(crate) fn create(file_id: [u8; 16], transaction: u64) -> Vec<u8> {
    let meta = Meta {
        file_id,
        transaction,
        file_bytes: FIRST_ADDRESS,
        tables: TreeRoot::default(),
        fields: TreeRoot::default(),
        next_table: 1,
    };
    meta.encode(true, &[]).repeat(2)
}

/// A new database as bytes, the same every time.
#[cfg(feature = "simulation")]
pub fn empty_image() -> Vec<u8> {
    create(*b"simulated drystn", 1)
}

/// A meta page that passed its checksum.
struct Slot {
    meta: Meta,
    sealed: bool,
    runs: Vec<WrittenRun>,
}

/// What is in a meta slot.
enum Found {
    Good(Slot),
    /// Whole, but of a format that is newer than this code.
    Future(u32),
    /// It has the magic, but not the checksum: torn by a crash, or rotten.
    Damaged,
    /// Something else altogether.
    Foreign,
}

fn read_page(storage: &dyn Storage, slot: usize) -> Result<MetaPage> {
    let mut page = MetaPage::zeroed();
    let into = bytemuck::bytes_of_mut(&mut page);
    storage
        .read_at((slot * PAGE_BYTES) as u64, into)
        .map_err(|error| Error::io(format!("cannot read meta page {slot}"), error))?;
    Ok(page)
}

fn read_slot(storage: &dyn Storage, slot: usize) -> Result<Found> {
    Ok(decode(storage, read_page(storage, slot)?))
}

fn decode(storage: &dyn Storage, page: MetaPage) -> Found {
    let sound = checksum(&bytemuck::bytes_of(&page)[..CHECKED_BYTES]) == page.checksum;
    if !sound && !storage.plants(Mutant::HalfMeta) {
        return if page.magic == MAGIC { Found::Damaged } else { Found::Foreign };
    }
    if page.magic != MAGIC {
        return Found::Foreign;
    }
    if !(1..=FORMAT_VERSION).contains(&page.version) {
        return Found::Future(page.version);
    }
    let Some(runs) = page.list.get(..page.list_len as usize) else { return Found::Damaged };
    let inside = |run: &WrittenRun| {
        let end = run.address.checked_add(run.bytes.into());
        run.address >= FIRST_ADDRESS && end.is_some_and(|end| end <= page.file_bytes)
    };
    // A seal lists nothing, and a list is never longer than opening is willing to read.
    let listed = fits_the_list(runs) && (runs.is_empty() || page.sealed != 1);
    let listed = listed && runs.iter().all(inside) || storage.plants(Mutant::HalfMeta);
    // Transactions are counted from 1, and none ever comes near the end of the numbers.
    let counted = page.transaction > 0 && page.transaction < u64::MAX;
    if page.file_bytes < FIRST_ADDRESS || !counted || !listed {
        return Found::Damaged;
    }
    let meta = Meta {
        file_id: page.file_id,
        transaction: page.transaction,
        file_bytes: page.file_bytes,
        tables: page.tables,
        fields: page.fields,
        next_table: page.next_table,
    };
    Found::Good(Slot { meta, sealed: page.sealed == 1, runs: runs.to_vec() })
}

/// What tells meta pages apart.
pub(super) type Signature = [[u8; 8]; 2];

/// Of both meta pages the checksum that they hold, and that of their bytes: while they do not change, nobody has committed, and no
/// write was cut off in the middle.
pub(super) fn signature(storage: &dyn Storage) -> Result<Signature> {
    let mut signature = [[0; 8]; 2];
    for (slot, part) in signature.iter_mut().enumerate() {
        *part = page_signature(bytemuck::bytes_of(&read_page(storage, slot)?));
    }
    Ok(signature)
}

/// The part of one page.
pub(super) fn page_signature(page: &[u8]) -> [u8; 8] {
    let mut part = [0; 8];
    part[..4].copy_from_slice(&page[CHECKED_BYTES..]);
    part[4..].copy_from_slice(&checksum(&page[..CHECKED_BYTES]).to_le_bytes());
    part
}

pub(super) fn file_length(storage: &dyn Storage) -> Result<u64> {
    storage.refresh().map_err(|error| Error::io("cannot ask for the file's length", error))
}

/// The state that opening finds.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) meta: Meta,
    /// The runs that its page lists.
    pub(super) runs: Vec<WrittenRun>,
    /// The slot that is durable if any is: the next commit goes to the other one.
    pub(super) slot: usize,
    /// Whether the other slot holds the seal of this one, so that no repair is due before the next write. Of two seals it is
    /// not known which one was synced.
    pub(super) settled: bool,
}

/// How long the file is, if it is long enough for a database.
fn database_length(storage: &dyn Storage) -> Result<u64> {
    let len = file_length(storage)?;
    if len == 0 {
        fail!(EmptyFile, "the file is empty, not a database; delete it to have a new one made in its place");
    }
    if len < FIRST_ADDRESS {
        let mut start = [0; MAGIC.len()];
        if len >= MAGIC.len() as u64 {
            storage
                .read_at(0, &mut start)
                .map_err(|error| Error::io("cannot read the start of the file", error))?;
        }
        if start == MAGIC {
            fail!(Truncated, "the file ends after {len} bytes, inside its meta pages: it was cut off");
        }
        fail!(NotADatabase, "not a Drystone database: {len} bytes that do not start with \"drystone\"");
    }
    Ok(len)
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
    fail!(NotADatabase, "not a Drystone database: it does not start with \"drystone\"")
}

/// Makes sure that the mapping shows the file that others write, as far as this transaction. With an overlay file system it may
/// show an older copy: then the file is mapped anew.
pub(super) fn check_mapping(storage: &dyn Storage, transaction: u64) -> Result<()> {
    /// Where a meta page has the number of its transaction.
    const NUMBER: u64 = 32;
    /// A commit may come between the two looks, a few times.
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
    fail!(
        Usage,
        "the file that is open is not the one that others write: an overlay file system has copied it since, or another file took \
         its place; close all handles of this process and open it again"
    )
}

/// Chooses the newest state that is whole. The only place that chooses.
///
/// A sealed page was written after its commit was durable: it is believed, and a page of it that does not match
/// is rot, which reading reports. An unsealed page is believed if the runs that it lists all hold; if not,
/// its commit was cut off, and the other page's state, which was durable before, is the last.
pub(super) fn recover(storage: &dyn Storage) -> Result<Recovered> {
    let len = database_length(storage)?;
    let mut good = Vec::new();
    let mut damaged = false;
    for slot in 0..2 {
        match read_slot(storage, slot)? {
            Found::Good(found) => good.push((slot, found)),
            Found::Future(version) => fail!(
                FutureFormat,
                "the file has format version {version}; this program knows versions up to {FORMAT_VERSION}: use a newer Drystone"
            ),
            Found::Damaged => damaged = true,
            Found::Foreign => {}
        }
    }
    // Newest first; of two equal ones the unsealed first, because a seal is written after the unsealed page was synced.
    good.sort_by_key(|(_, slot)| (std::cmp::Reverse(slot.meta.transaction), slot.sealed));
    let (slot, found, settled) = match &good[..] {
        [] if damaged => fail!(Corrupt, "both meta pages are damaged; restore the file from a backup"),
        [] => fail!(NotADatabase, "not a Drystone database: it does not start with \"drystone\""),
        [(slot, only)] => {
            if !only.sealed && !holds(storage, only, len)? {
                fail!(
                    Corrupt,
                    "the last commit is not whole, and the other meta page is damaged; restore the file from a backup"
                );
            }
            (*slot, only, false)
        }
        [(slot, newest), (other_slot, other), ..] => {
            let equal = newest.meta == other.meta;
            if !equal && newest.meta.transaction == other.meta.transaction {
                fail!(
                    Corrupt,
                    "the meta pages tell two states of transaction {}; restore the file from a backup",
                    newest.meta.transaction
                );
            }
            let settled = equal && other.sealed && !newest.sealed;
            if settled || newest.sealed || holds(storage, newest, len)? {
                (*slot, newest, settled)
            } else {
                (*other_slot, other, false)
            }
        }
    };
    let recovered = Recovered { meta: found.meta, runs: found.runs.clone(), slot, settled };
    if recovered.meta.file_bytes > len {
        fail!(
            Truncated,
            "the file has {len} bytes, its last commit needs {}: it was cut off; restore it from a backup",
            recovered.meta.file_bytes
        );
    }
    Ok(recovered)
}

/// The meta pages that do not hold, by page number. A writer may be at work: what is read in the middle of its writing
/// is not what is read again a moment later.
pub(crate) fn damaged_meta_pages(storage: &dyn Storage) -> Vec<(u64, Error)> {
    let mut damaged = Vec::new();
    for slot in 0..2 {
        let mut last = None;
        loop {
            let page = match read_page(storage, slot) {
                Ok(page) => page,
                Err(error) => {
                    damaged.push((slot as u64, error));
                    break;
                }
            };
            let message = match decode(storage, page) {
                Found::Good(found) => {
                    let expected = found.meta.encode_as(page.version, found.sealed, &found.runs);
                    if expected == bytemuck::bytes_of(&page) {
                        break;
                    }
                    "the meta page has bytes that no commit writes, where zeros belong"
                }
                _ => {
                    "the meta page does not match its checksum; the other one holds, and the next write repairs it"
                }
            };
            if last.replace(page).is_some_and(|last| bytemuck::bytes_of(&last) == bytemuck::bytes_of(&page)) {
                damaged.push((slot as u64, Error::new(ErrorKind::Corrupt, message)));
                break;
            }
            // On a simulated disk nobody writes meanwhile, and there are millions of torn meta pages.
            if !cfg!(feature = "simulation") {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    damaged
}

/// The first meta page that tells this state, by page number. One that cannot be read does not tell it.
pub(crate) fn meta_page_of(storage: &dyn Storage, meta: &Meta) -> Option<u64> {
    (0..2).find_map(|slot| match read_slot(storage, slot) {
        Ok(Found::Good(found)) if found.meta == *meta => Some(slot as u64),
        _ => None,
    })
}

/// Whether every run that the page lists is in the file as it was written. A run that cannot be read is not one that was
/// never written: taking it for that would fall back from a commit that stands.
fn holds(storage: &dyn Storage, slot: &Slot, len: u64) -> Result<bool> {
    if slot.meta.file_bytes > len {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    for run in &slot.runs {
        bytes.resize(run.bytes as usize, 0);
        match storage.read_at(run.address, &mut bytes) {
            Err(_) if storage.plants(Mutant::ReadErrorIsTorn) => return Ok(false),
            Err(error) => {
                let message =
                    format!("cannot read {} bytes at {} of the last commit", run.bytes, run.address);
                return Err(Error::io(message, error));
            }
            Ok(()) if checksum(&bytes) != run.checksum => {
                return Ok(storage.plants(Mutant::BelieveEveryList));
            }
            Ok(()) => {}
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        }
    }

    #[test]
    fn a_number_that_no_transaction_has_is_damage() {
        assert_eq!(recovered([state(1), state(2)]).unwrap().transaction, 2);
        assert_eq!(recovered([state(7), state(u64::MAX)]).unwrap().transaction, 7);
        assert_eq!(recovered([state(0), state(0)]).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_list_that_no_commit_writes_is_damage() {
        let long = Meta { file_bytes: 1 << 40, ..state(5) };
        let run = |bytes| WrittenRun { address: FIRST_ADDRESS, bytes, checksum: 0 };
        let file = MappedFile::anonymous(FIRST_ADDRESS, 0).unwrap();
        for (sealed, runs) in [(true, vec![run(4096)]), (false, vec![run(u32::MAX); LIST_RUNS])] {
            file.write_at(0, &long.encode(sealed, &runs)).unwrap();
            assert!(matches!(read_slot(&file, 0).unwrap(), Found::Damaged));
        }
        file.write_at(0, &long.encode(false, &[run(4096)])).unwrap();
        assert!(matches!(read_slot(&file, 0).unwrap(), Found::Good(_)));
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
