//! Free space, derived: what no live state reaches.

use super::Shared;
use crate::catalog::{Catalog, fields_layout, tables_layout};
use crate::commit::Meta;
use crate::error::{Error, Result};
use crate::page::{PAGE_BYTES, Pages};
use crate::space::Allocator;
use crate::tree::{View, Visit};

/// Walks everything that the newest state and the pinned snapshots reach; the rest of the file is free. O(branches).
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
        let what = if table.is_table() { "table" } else { "index" };
        let place = |error: Error| error.within(format!("{what} {:?}", table.name));
        View::new(view, &table.layout, table.root).and_then(|view| view.walk(&mut node)).map_err(place)?;
    }
    Ok(())
}

/// Cuts off a tail of the file that nobody reaches, after a load or where it is large. Every snapshot keeps the length
/// that it was promised, and a failure only leaves the file longer than it needs to be.
pub(super) fn cut_tail(shared: &Shared, needed: u64, after_load: bool) {
    let storage = shared.pages.storage();
    let Ok(snapshots) = shared.readers.snapshots() else { return };
    let needed = snapshots.iter().map(|snapshot| snapshot.file_bytes).fold(needed, u64::max);
    let slack = storage.mapping().len().saturating_sub(needed);
    if (after_load && slack > 0) || slack > (needed / 8).max(1 << 20) {
        let _ = storage.shrink(needed);
    }
}

/// More bytes than this in free pages are worth a search for gaps to give back. Small commits take what earlier
/// ones freed, so they do not search.
pub(super) fn loose_bytes(shared: &Shared) -> u64 {
    4 * shared.pages.storage().least_discard()
}

/// Gives the room of large gaps back to the file system, so that a table that was dropped, cleared or replaced by a
/// load is not paid for until the next one. A later commit that fills the gap takes the room again, and gets an error
/// if the disk is full. A failure only leaves the room taken.
pub(super) fn give_back_gaps(shared: &Shared, allocator: &mut Allocator) {
    let bytes = |pages: u64| pages * PAGE_BYTES as u64;
    let storage = shared.pages.storage();
    for (page, pages) in allocator.give_up_gaps(storage.least_discard() / PAGE_BYTES as u64) {
        let _ = storage.discard(bytes(page), bytes(pages));
    }
    // The length stays what the commit promised, until the next one.
    let tail = storage.mapping().len().saturating_sub(bytes(allocator.end()));
    if tail >= storage.least_discard() {
        let _ = storage.discard(bytes(allocator.end()), tail);
    }
}

/// The transactions whose states are held.
pub(super) fn snapshot_numbers(snapshots: &[Meta]) -> Vec<u64> {
    snapshots.iter().map(|snapshot| snapshot.transaction).collect()
}
