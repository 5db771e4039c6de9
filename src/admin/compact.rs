//! `Database::compact`: every table as one array of full leaves, and the file as short as that
//! allows.

use std::mem::take;

use crate::commit::Durability;
use crate::database::Database;
use crate::error::Result;
use crate::table::Dyn;
use crate::transaction::Progress;

/// The limit of steps, in case others write all the time. Five are usual: pack, sink, lift, sink,
/// truncate.
const ROUNDS: usize = 16;

/// What [`Database::compact`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactReport {
    /// The length of the file before.
    pub bytes_before: u64,
    /// Its length now.
    pub bytes_after: u64,
    /// Bytes of rows that were written, those that were written twice counted twice.
    pub bytes_written: u64,
    /// Bytes of the file that only snapshots keep. A later call, after they end, can free them.
    pub held_bytes: u64,
    /// Free bytes between taken pages. The next writes use them first.
    pub free_bytes: u64,
}

impl Database {
    /// Rewrites every table that is not packed as one array of full leaves, and moves tables down
    /// until the file can be truncated. Readers and their snapshots are not disturbed; writers get
    /// their turn between the steps. Each step is an atomic commit. `progress` gets how many bytes
    /// of rows were written, and how many there are to write, as far as known.
    ///
    /// If no snapshot is held, at most a four-thousandth of the file is free afterwards, and a
    /// table takes what it takes after a bulk load. Pages that older snapshots reach stay where
    /// they are while those are held, and so does the length of the file. A database in memory
    /// keeps its length.
    ///
    /// O(bytes of what moves): nothing moves that is packed and has no gap below. On the way the
    /// file grows by up to the bytes of all tables, so the disk must have room for them.
    ///
    /// ```
    /// use drystone::{Database, Record};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     #[record(key)]
    ///     id: u32,
    ///     x: i32,
    /// }
    ///
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let mut points = write.create_table::<Point>("points")?;
    /// for id in 0..10_000_u32 {
    ///     points.insert(&Point { id: id.wrapping_mul(0x9E37_79B1), x: 0 })?;
    /// }
    /// write.commit()?;
    /// // The leaf with this row is written to another place.
    /// db.update(|tx| tx.table::<Point>("points")?.update(0, |point| point.x = 1).map(drop))?;
    /// assert!(!db.read()?.table::<Point>("points")?.stats()?.contiguous);
    ///
    /// let report = db.compact()?;
    /// assert_eq!(report.free_bytes, 0);
    /// assert!(db.read()?.table::<Point>("points")?.stats()?.contiguous);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`write`](Database::write) and [`commit`](crate::WriteTransaction::commit):
    /// `Corrupt` if a table cannot be read, `Io` if the disk is full. What was committed until then
    /// stands, and every row is where it was or at its new place.
    pub fn compact(&self) -> Result<CompactReport> {
        self.compact_with(|_, _| {})
    }

    /// As [`compact`](Database::compact), and calls `progress` with the bytes that were moved, and
    /// how many there are to move as far as is known.
    ///
    /// # Errors
    /// As for [`compact`](Database::compact).
    pub fn compact_with(&self, mut progress: impl FnMut(u64, u64)) -> Result<CompactReport> {
        self.compact_tables(None, &mut progress)
    }

    /// The same for one table: the others stay where they are.
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table; otherwise as for [`compact`](Database::compact).
    pub fn compact_table(&self, name: &str) -> Result<CompactReport> {
        self.compact_table_with(name, |_, _| {})
    }

    /// As [`compact_table`](Database::compact_table), with `progress` as in
    /// [`compact_with`](Database::compact_with).
    ///
    /// # Errors
    /// As for [`compact_table`](Database::compact_table).
    pub fn compact_table_with(
        &self,
        name: &str,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<CompactReport> {
        self.read()?.table::<Dyn>(name)?;
        self.compact_tables(Some(name), &mut progress)
    }

    fn compact_tables(&self, only: Option<&str>, tell: &mut dyn FnMut(u64, u64)) -> Result<CompactReport> {
        let bytes_before = self.file_bytes()?;
        let mut progress = Progress { done: 0, total: 0, tell };
        // Once each: where others write all the while, it would never end.
        let (mut may_pack, mut may_lift) = (true, only.is_none());
        let mut rounds = 0..ROUNDS;
        loop {
            let mut write = self.write()?;
            // The next step can use freed pages only when this step is durable.
            write.set_durability(Durability::Immediate);
            write.keeps_contents();
            let moved = rounds.next().is_some()
                && (take(&mut may_pack) && write.pack(only, &mut progress)?
                    || write.sink(only, &mut progress)?
                    || take(&mut may_lift) && write.lift(&mut progress)?);
            if moved {
                write.commit()?;
                continue;
            }
            let (held_bytes, free_bytes) = write.unused_bytes()?;
            write.finish_compaction()?;
            let (bytes_after, bytes_written) = (self.file_bytes()?, progress.done);
            return Ok(CompactReport { bytes_before, bytes_after, bytes_written, held_bytes, free_bytes });
        }
    }
}
