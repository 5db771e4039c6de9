//! The meta page: the state of the database that a commit leaves behind. There are two, in two
//! slots, which take turns. Recovery and the order of commits use it; what is believed is decided
//! there.
//!
//! ```text
//!    0  magic "drystone"         48  root of the tables (24)    104  commit list, 248 entries:
//!    8  version u32              72  root of the fields (24)          address u64, bytes u32,
//!   12  sealed u32               96  next table id u32                checksum u32
//!   16  file id (16 bytes)      100  entries in the list u32   4072  origin (16 bytes), zeros
//!   32  transaction u64                                        4092  CRC-32 of all before it
//!   40  file_bytes u64
//! ```

use std::time::Duration;

use bytemuck::{Pod, Zeroable};

use crate::error::{Error, ErrorKind, Result};
use crate::page::{FIRST_ADDRESS, PAGE_BYTES, TreeRoot, checksum};
use crate::space::{LIST_RUNS, WrittenRun, fits_the_list};
use crate::storage::{Mapping, Storage, or_bug};

pub(super) const MAGIC: [u8; 8] = *b"drystone";

/// The format that this code writes, and the newest that it reads. It reads all older ones as well:
/// version 1 is the same without enumerations.
pub(crate) const FORMAT_VERSION: u32 = 2;

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
    origin: [u8; 16],
    zeros: [u8; 4],
    checksum: u32,
}

const _: () = assert!(size_of::<MetaPage>() == PAGE_BYTES);
const CHECKED_BYTES: usize = PAGE_BYTES - 4;

/// The higher of the numbers in the two meta pages, as they are at this moment. No state is
/// published before a meta page has its number; but a number may be there whose commit is still
/// under way, or failed.
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
    /// The identity of the state of another database that this one is a copy of: a backup. All
    /// zeros if it is none. Any other commit to a copy makes it zeros again.
    pub(crate) origin: [u8; 16],
}

/// The origin of a state that is no copy.
pub(crate) const NO_ORIGIN: [u8; 16] = [0; 16];

impl Meta {
    /// What tells this state from all others, and is the same in a copy. It is a hash to notice
    /// mistakes, not to withstand forgery.
    pub(crate) fn identity(&self) -> [u8; 16] {
        if self.origin != NO_ORIGIN {
            return self.origin;
        }
        // FNV-1a. The roots have the checksums of all that is below them.
        let transaction = self.transaction.to_le_bytes();
        let roots = [self.tables, self.fields];
        let parts = [&self.file_id[..], &transaction, bytemuck::bytes_of(&roots)];
        let mix = |hash: u128, byte: &u8| {
            (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
        };
        let start = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D;
        parts.iter().copied().flatten().fold(start, mix).to_le_bytes()
    }

    /// The page as it is written. A sealed page says that the commit is known to be durable; it
    /// needs no list.
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
        page.origin = self.origin;
        page.list_len = runs.len() as u32;
        page.list[..runs.len()].copy_from_slice(runs);
        page.checksum = checksum(&bytemuck::bytes_of(&page)[..CHECKED_BYTES]);
        bytemuck::cast(page)
    }
}

/// The first two pages of a new database: the empty state, sealed, in both. Transactions are
/// counted from this number.
pub(crate) fn create(file_id: [u8; 16], transaction: u64) -> Vec<u8> {
    create_copy(file_id, transaction, NO_ORIGIN)
}

/// The same for a copy of an empty state.
pub(crate) fn create_copy(file_id: [u8; 16], transaction: u64, origin: [u8; 16]) -> Vec<u8> {
    let meta = Meta {
        file_id,
        transaction,
        file_bytes: FIRST_ADDRESS,
        tables: TreeRoot::default(),
        fields: TreeRoot::default(),
        next_table: 1,
        origin,
    };
    meta.encode(true, &[]).repeat(2)
}

/// A new database as bytes, the same every time.
#[cfg(feature = "simulation")]
pub fn empty_image() -> Vec<u8> {
    create(*b"simulated drystn", 1)
}

/// The identity of a database, from the first bytes of its file. `None` if they are not those of a
/// database.
pub(crate) fn file_id_of(beginning: &[u8]) -> Option<[u8; 16]> {
    let id = std::mem::offset_of!(MetaPage, file_id);
    beginning.strip_prefix(&MAGIC).and_then(|_| beginning.get(id..id + 16)?.try_into().ok())
}

/// A meta page that passed its checksum.
pub(super) struct MetaSlot {
    /// 0 or 1: the number of the page.
    pub(super) index: usize,
    pub(super) meta: Meta,
    pub(super) sealed: bool,
    pub(super) runs: Vec<WrittenRun>,
}

/// What is in a meta slot.
pub(super) enum Found {
    Good(MetaSlot),
    /// Whole, but of a format that is newer than this code.
    Future(u32),
    /// It has the magic, but not the checksum: torn by a crash, or damaged.
    Damaged,
    /// Something else.
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

pub(super) fn read_slot(storage: &dyn Storage, index: usize) -> Result<Found> {
    Ok(decode(storage, index, read_page(storage, index)?))
}

fn decode(storage: &dyn Storage, index: usize, page: MetaPage) -> Found {
    let sound = checksum(&bytemuck::bytes_of(&page)[..CHECKED_BYTES]) == page.checksum;
    if !or_bug!(storage, sound; HalfMeta => true) {
        return if page.magic == MAGIC { Found::Damaged } else { Found::Foreign };
    }
    if page.magic != MAGIC {
        return Found::Foreign;
    }
    if !(1..=FORMAT_VERSION).contains(&page.version) {
        return Found::Future(page.version);
    }
    let Some(runs) = page.list.get(..page.list_len as usize) else { return Found::Damaged };
    let listed = or_bug!(storage, page.lists_only(runs); HalfMeta => true);
    // Transactions are counted from 1, and none comes near the end of the numbers.
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
        origin: page.origin,
    };
    Found::Good(MetaSlot { index, meta, sealed: page.sealed == 1, runs: runs.to_vec() })
}

impl MetaPage {
    /// Whether a commit may have written this list. A seal lists nothing; a list is never longer
    /// than opening is willing to read; and every run lies in the file.
    fn lists_only(&self, runs: &[WrittenRun]) -> bool {
        let inside = |run: &WrittenRun| {
            let end = run.address.checked_add(run.bytes.into());
            run.address >= FIRST_ADDRESS && end.is_some_and(|end| end <= self.file_bytes)
        };
        fits_the_list(runs) && (runs.is_empty() || self.sealed != 1) && runs.iter().all(inside)
    }
}

/// Tells the contents of meta pages apart.
pub(super) type Signature = [[u8; 8]; 2];

/// For both meta pages, the checksum that they hold and that of their bytes. While these do not
/// change, no process has committed, and no write was cut off in the middle.
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

/// The meta pages that do not hold, by page number. A writer may be at work: what is read in the
/// middle of its writing is not what is read again a moment later.
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
            let message = match decode(storage, slot, page) {
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
            // On a simulated disk no other process writes meanwhile, and simulations meet millions
            // of torn meta pages.
            if !cfg!(feature = "simulation") {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    damaged
}

/// The number of the first meta page with this state. A page that cannot be read has none.
pub(crate) fn meta_page_of(storage: &dyn Storage, meta: &Meta) -> Option<u64> {
    (0..2).find_map(|slot| match read_slot(storage, slot) {
        Ok(Found::Good(found)) if found.meta == *meta => Some(slot as u64),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MappedFile;

    #[test]
    fn a_list_that_no_commit_writes_is_damage() {
        let long = Meta {
            file_id: [7; 16],
            transaction: 5,
            file_bytes: 1 << 40,
            tables: TreeRoot::default(),
            fields: TreeRoot::default(),
            next_table: 1,
            origin: NO_ORIGIN,
        };
        let run = |bytes| WrittenRun { address: FIRST_ADDRESS, bytes, checksum: 0 };
        let file = MappedFile::anonymous(FIRST_ADDRESS, 0).unwrap();
        for (sealed, runs) in [(true, vec![run(4096)]), (false, vec![run(u32::MAX); LIST_RUNS])] {
            file.write_at(0, &long.encode(sealed, &runs)).unwrap();
            assert!(matches!(read_slot(&file, 0).unwrap(), Found::Damaged));
        }
        file.write_at(0, &long.encode(false, &[run(4096)])).unwrap();
        assert!(matches!(read_slot(&file, 0).unwrap(), Found::Good(_)));
    }
}
