//! Free space, derived by walking the trees: all pages that no live state reaches. After a commit
//! it also truncates the file and gives gaps back to the file system. `turn`, `commit` and `admin`
//! use it; nothing here writes a page.

use super::Shared;
use crate::catalog::{Catalog, fields_layout, tables_layout};
use crate::commit::Meta;
use crate::error::{Error, ErrorKind, Result};
use crate::page::{PAGE_BYTES, Pages};
use crate::space::Allocator;
use crate::tree::{View, Visit};

/// How often the reader table is read again in search of a change.
const LOOKS: usize = 1000;

/// The free space around a state, and the snapshots that are held. `held` are the snapshots at the
/// start; `snapshots` reads the reader table again.
///
/// The walk may fail at a snapshot whose reader is still entering the reader table: its pages may
/// have been reused, and the reader will notice that. So the walk is repeated while the table
/// changes.
///
/// # Errors
/// `Busy` if the table keeps naming a state that cannot be read; the error of reading if the newest
/// state cannot be read.
pub(super) fn derive_with_snapshots(
    shared: &Shared,
    base: &Meta,
    mut held: Vec<Meta>,
    snapshots: impl Fn() -> Result<Vec<Meta>>,
) -> Result<(Allocator, Vec<Meta>)> {
    loop {
        let error = match derive_free_space(&shared.pages, base, &held) {
            Ok(allocator) => return Ok((allocator, held)),
            Err(error) => error,
        };
        let mut changed = None;
        for _ in 0..LOOKS {
            let now = snapshots()?;
            if now != held {
                changed = Some(now);
                break;
            }
            std::thread::yield_now();
        }
        let Some(now) = changed else {
            // The newest state itself may be damaged.
            derive_free_space(&shared.pages, base, &[])?;
            return Err(unreadable_snapshot(&error));
        };
        held = now;
    }
}

/// A process names a state that cannot be read: it was stopped while it entered the table, or could
/// not clear its slot. It is not known which pages it needs, so nothing can be freed or written.
fn unreadable_snapshot(error: &Error) -> Error {
    let message = format!(
        "another process names a state in the reader table that cannot be read ({error}); try again when the processes \
         that `drystone info` lists as readers have ended"
    );
    Error::new(ErrorKind::Busy, message)
}

/// Walks everything that the newest state and the pinned snapshots reach. The rest of the file is
/// free. O(branches).
pub(crate) fn derive_free_space(pages: &Pages, newest: &Meta, snapshots: &[Meta]) -> Result<Allocator> {
    let mut allocator = Allocator::new(newest.transaction);
    for_each_node(pages, newest, &mut |address, bytes| allocator.mark(address, bytes))?;
    allocator.marked();
    for snapshot in snapshots.iter().filter(|snapshot| snapshot.transaction < newest.transaction) {
        for_each_node(pages, snapshot, &mut |address, bytes| {
            allocator.mark_held(address, bytes, snapshot.transaction)
        })?;
    }
    Ok(allocator)
}

fn for_each_node(pages: &Pages, meta: &Meta, visit: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<()> {
    let view = pages.view(meta.file_bytes);
    let catalog = Catalog::new(view, meta.tables, meta.fields)?;
    let mut node = |visited: Visit| {
        visit(visited.link().address, visited.bytes() as u64)?;
        Ok(true)
    };
    View::new(view, tables_layout(), meta.tables)?.walk(&mut node)?;
    View::new(view, fields_layout(), meta.fields)?.walk(&mut node)?;
    for table in catalog.all() {
        let table = table?;
        View::new(view, &table.layout, table.root)
            .and_then(|view| view.walk(&mut node))
            .map_err(|error| table.in_table(error))?;
    }
    Ok(())
}

/// Truncates a tail of the file that no state reaches, after a load or if it is large. The file
/// stays as long as every snapshot needs it. A failure only leaves the file longer than necessary.
pub(super) fn truncate_tail(shared: &Shared, needed: u64, after_load: bool) {
    let storage = shared.pages.storage();
    let Ok(snapshots) = shared.readers.snapshots() else { return };
    let needed = snapshots.iter().map(|snapshot| snapshot.file_bytes).fold(needed, u64::max);
    let slack = storage.mapping().len().saturating_sub(needed);
    if (after_load && slack > 0) || slack > (needed / 8).max(1 << 20) {
        let _ = storage.shrink(needed);
    }
}

/// If more bytes than this are in free pages, a search for gaps to give back is worth its time.
/// Small commits take what earlier ones freed, so they do not search.
pub(super) fn loose_bytes(shared: &Shared) -> u64 {
    4 * shared.pages.storage().least_discard()
}

/// Gives the blocks of large gaps back to the file system, so that a table that was dropped,
/// cleared or replaced by a load takes no room on the disk. A later commit that fills the gap takes
/// the room again, and gets an error if the disk is full. A failure only leaves the room taken.
pub(super) fn give_back_gaps(shared: &Shared, allocator: &mut Allocator) {
    let bytes = |pages: u64| pages * PAGE_BYTES as u64;
    let storage = shared.pages.storage();
    for (page, pages) in allocator.give_up_gaps(storage.least_discard() / PAGE_BYTES as u64) {
        let _ = storage.discard(bytes(page), bytes(pages));
    }
    // The file keeps the length that the commit needs. The tail beyond that is given back too.
    let tail = storage.mapping().len().saturating_sub(bytes(allocator.end()));
    if tail >= storage.least_discard() {
        let _ = storage.discard(bytes(allocator.end()), tail);
    }
}

/// The numbers of the transactions whose states are held.
pub(super) fn numbers(snapshots: &[Meta]) -> Vec<u64> {
    snapshots.iter().map(|snapshot| snapshot.transaction).collect()
}
