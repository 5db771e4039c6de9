//! `WriteTransaction::commit`: writes the pages, commits the state, then updates the free space.

use super::free_space::{give_back_gaps, loose_bytes, numbers, truncate_tail};
use super::{Shared, WriteTransaction, WriterState};
use crate::commit::{Meta, NO_ORIGIN};
use crate::error::Result;
use crate::page::PAGE_BYTES;
use crate::space::{Allocator, Finished};
use crate::storage::or_bug;

impl WriteTransaction {
    /// Makes all changes the newest state of the database, all of them or none. With
    /// [`Durability::Immediate`](crate::Durability::Immediate) they survive a power cut once it
    /// returns.
    ///
    /// Handles of tables need not be dropped first: the compiler refuses to use them afterwards.
    ///
    /// ```
    /// # let db = drystone::Database::in_memory()?;
    /// let write = db.write()?;
    /// let schema = "x: i32, y: i32".parse()?;
    /// let mut points = write.create_dyn_table("points", &schema)?;
    /// points.push(&drystone::RowBuf::from_values(&schema, [1, 2])?)?;
    /// write.commit()?;
    /// assert_eq!(db.read()?.table_names()?, ["points"]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Usage` if a call in the transaction ended halfway, by an error while it wrote or by a
    /// panic: nothing was changed. `Io` if the disk is full or fails: nothing was changed.
    /// `Poisoned` if the sync failed, so that it is not known what the disk holds: open the
    /// database again.
    pub fn commit(mut self) -> Result<()> {
        self.shared.check_process()?;
        self.shared.writer.used_here();
        let next = self.write_pages();
        let Some(finished) = self.session.finish() else { return Ok(()) };
        let Finished { mut allocator, written, trims } = finished;
        let writer = self.turn.writer()?;
        let mut next = match next {
            Ok(Some(next)) => next,
            nothing_to_commit => {
                allocator.abort();
                writer.allocator = Some(allocator);
                return nothing_to_commit.map(drop);
            }
        };
        let shared = &self.shared;
        next.file_bytes = allocator.end() * PAGE_BYTES as u64;
        or_bug!(shared.pages.storage(), (); CutBeforeCommit => truncate_tail(shared, next.file_bytes, trims));
        writer.commits.commit(&shared.pages, &shared.readers, next, written, self.durability)?;
        if writer.commits.durable() == next.transaction {
            // Only now: the state that a crash may fall back to needs the length that it had.
            truncate_tail(shared, next.file_bytes, trims);
        }
        update_free_space(shared, writer, &mut allocator, &next, trims);
        writer.allocator = Some(allocator);
        Ok(())
    }

    /// Writes what is in memory to new pages. `None` if nothing was changed.
    fn write_pages(&mut self) -> Result<Option<Meta>> {
        self.session.check_failed()?;
        let (state, tables) = (self.state.get_mut(), self.tables.as_mut());
        for index in state.open.values() {
            let table = tables[*index].get_mut();
            table.flush(&mut |moved| state.catalog.put(moved))?;
        }
        let next = Meta {
            transaction: self.base.transaction + 1,
            tables: state.catalog.tables.flush()?,
            fields: state.catalog.fields.flush()?,
            next_table: state.catalog.next_table,
            origin: self.origin.unwrap_or(NO_ORIGIN),
            ..self.base
        };
        let changed = next.tables != self.base.tables
            || next.fields != self.base.fields
            || self.origin.is_some_and(|origin| origin != self.base.origin)
            || self.session.shortens_file();
        Ok(changed.then_some(next))
    }
}

/// Frees what the commit freed, as far as no snapshot needs it, and gives large gaps back to the
/// file system. The commit is done, so nothing here is an error.
fn update_free_space(
    shared: &Shared,
    writer: &WriterState,
    allocator: &mut Allocator,
    next: &Meta,
    trims: bool,
) {
    let storage = shared.pages.storage();
    let snapshots = match shared.readers.snapshots() {
        Ok(snapshots) => numbers(&snapshots),
        Err(_) if or_bug!(storage, false; UnreadableIsEmpty => true) => Vec::new(),
        Err(_) => {
            // Any state may be held, so nothing is freed until the reader table can be read again.
            allocator.commit(&[0]);
            return;
        }
    };
    allocator.commit(&snapshots);
    // The state that a crash may fall back to still needs the pages of the gaps until the commit is
    // durable.
    let durable = writer.commits.durable() == next.transaction;
    let least = loose_bytes(shared);
    if or_bug!(storage, durable; DiscardTooEarly => true) && (trims || allocator.is_loose(least)) {
        allocator.release(next.transaction, writer.commits.listed(), &snapshots);
        // If snapshots hold what was freed, there is nothing to give back yet.
        if trims || allocator.is_loose(least) {
            give_back_gaps(shared, allocator);
        }
    }
}
