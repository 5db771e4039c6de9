//! Putting shards back into one table.

use std::path::Path;

use super::shard::{Shard, Shards};
use crate::database::Database;
use crate::error::{ErrorKind, Result, bail};
use crate::load::{LoadOptions, RecordSource};
use crate::table::{Dyn, IndexInfo, IndexOptions, TableSource};
use crate::transaction::{OwnedTable, Progress, ReadTransaction, TableOptions, WriteTransaction};

impl WriteTransaction {
    /// Puts all shards into a new table, with their indexes and rows per leaf. If the name of an
    /// index is taken here, the new one gets the name of the table in front: `flights_by_mail`.
    /// Returns how many rows the table has. O(n); memory does not grow with the rows.
    ///
    /// `open` opens the file of a shard; it is a function because opening a mapped file is
    /// `unsafe`. All shards are opened and checked once before any row is written.
    ///
    /// ```
    /// # use drystone::{Database, OpenOptions, Record, ShardOptions, Shards};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { #[record(key)] id: u32, y: i32 }
    /// # let db = Database::temporary()?;
    /// # db.update(|tx| {
    /// #     tx.create_table::<Point>("points")?.load((0..1_000).map(|id| Point { id, y: 1 }))
    /// # })?;
    /// # let folder = db.path().unwrap().with_file_name("points");
    /// let shards = db.shard("points", &folder, &ShardOptions::new(3))?;
    /// let whole = Database::in_memory()?;
    /// let rows = whole.update(|tx| {
    ///     // SAFETY: only Drystone writes the files of the folder.
    ///     tx.merge_shards(&shards, "points", |path| unsafe { OpenOptions::new().open(path) })
    /// })?;
    /// assert_eq!(rows, 1_000);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `AlreadyExists` if there is a table of this name; `FileNotFound` if a shard is missing;
    /// `Schema` if a shard has another schema, or other indexes than the first one; `KeyExists` if
    /// rows of two shards have the same values in a unique index; `Corrupt` if a shard is not the
    /// one that the list names, or a row does not verify. The message names the shard. After an
    /// error there is no new table.
    pub fn merge_shards(
        &self,
        shards: &Shards,
        name: &str,
        open: impl FnMut(&Path) -> Result<Database>,
    ) -> Result<u64> {
        self.merge_shards_with(shards, name, open, |_, _| {})
    }

    /// As [`merge_shards`](WriteTransaction::merge_shards), and calls `progress` with the bytes of
    /// rows that are written, and how many there are.
    ///
    /// # Errors
    /// As for [`merge_shards`](WriteTransaction::merge_shards).
    pub fn merge_shards_with(
        &self,
        shards: &Shards,
        name: &str,
        mut open: impl FnMut(&Path) -> Result<Database>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<u64> {
        let (indexes, options) = shape(shards, &mut open)?;
        drop(self.create_dyn_table_with(name, shards.schema(), &options)?);
        let total = shards.rows().saturating_mul(shards.schema().width() as u64);
        let progress = Progress { done: 0, total, tell: &mut progress };
        let rows = shards.rows();
        let source = ShardSource { shards: shards.iter(), open, current: None, rows, given: 0, progress };
        // `open` and `progress` are the caller's code, and may panic.
        let session = TableSource::session(self);
        let filled = session.fail_on_panic(|| self.fill(shards, name, &indexes, source));
        if filled.is_err() && self.drop_table(name).is_err() {
            // A transaction with half a table in it must not be committed.
            session.fail();
        }
        filled
    }

    fn fill(
        &self,
        shards: &Shards,
        name: &str,
        indexes: &[IndexInfo],
        mut source: ShardSource<'_, '_, impl FnMut(&Path) -> Result<Database>>,
    ) -> Result<u64> {
        let loaded = self.table::<Dyn>(name)?.load_from(&mut source, &LoadOptions::new())?;
        if loaded.rows != shards.rows() {
            bail!(Corrupt, "the shards have other rows than their list says; make them again");
        }
        for index in indexes {
            let options = IndexOptions::new().unique(index.unique);
            let created = self.create_index_with(name, &index.name, &index.fields, &options);
            match created {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let other = format!("{name}_{}", index.name);
                    self.create_index_with(name, &other, &index.fields, &options)?;
                }
                created => created?,
            }
        }
        Ok(loaded.rows)
    }
}

/// Opens and checks all shards. Returns their indexes, and the options of their tables.
fn shape(
    shards: &Shards,
    open: &mut impl FnMut(&Path) -> Result<Database>,
) -> Result<(Vec<IndexInfo>, TableOptions)> {
    let mut shape = None;
    for shard in shards {
        let read = shard.read_with(&mut *open)?;
        let indexes = read.indexes(shard.table())?;
        match &shape {
            None => shape = Some((indexes, table_options(&read, shard)?)),
            Some((first, _)) if *first == indexes => {}
            Some((first, _)) => {
                let names = |indexes: &[IndexInfo]| match indexes {
                    [] => "none".to_owned(),
                    indexes => indexes.iter().map(describe).collect::<Vec<_>>().join(", "),
                };
                bail!(
                    Schema,
                    "shard {:?} has other indexes than the first shard: {}, not {}",
                    shard.file_name(),
                    names(&indexes),
                    names(first)
                );
            }
        }
    }
    Ok(shape.unwrap_or_default())
}

fn table_options(read: &ReadTransaction, shard: &Shard) -> Result<TableOptions> {
    Ok(TableOptions::new().leaf_rows(read.reader(shard.table())?.definition.layout.leaf_rows()))
}

fn describe(index: &IndexInfo) -> String {
    let unique = if index.unique { "unique " } else { "" };
    format!("{unique}{:?} on {}", index.name, index.fields.join(", "))
}

/// The records of all shards, one shard open at a time, as a source of a load.
struct ShardSource<'s, 'p, F> {
    shards: std::slice::Iter<'s, Shard>,
    open: F,
    current: Option<OpenShard<'s>>,
    rows: u64,
    given: u64,
    progress: Progress<'p>,
}

struct OpenShard<'s> {
    shard: &'s Shard,
    table: OwnedTable<Dyn>,
    /// The number of the next row.
    next: u64,
}

impl<F: FnMut(&Path) -> Result<Database>> RecordSource for ShardSource<'_, '_, F> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        let width = record.len();
        self.next_records(record, width).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        loop {
            let Some(current) = &mut self.current else {
                let Some(shard) = self.shards.next() else { return Ok(0) };
                let table = OwnedTable::new(shard.read_with(&mut self.open)?, shard.table())?;
                self.current = Some(OpenShard { shard, table, next: 0 });
                continue;
            };
            let filled = current.fill(records, width).map_err(|error| current.shard.in_shard(error))?;
            if filled == 0 {
                self.current = None;
                continue;
            }
            self.given += filled as u64;
            self.progress.advance((filled * width) as u64);
            return Ok(filled);
        }
    }

    fn place(&self) -> u64 {
        self.given
    }

    fn rows_hint(&self) -> Option<u64> {
        Some(self.rows.saturating_sub(self.given))
    }

    fn describe(&self, place: u64) -> String {
        format!("row {} of the shards together", place.saturating_sub(1))
    }
}

impl OpenShard<'_> {
    /// Copies the next rows, as many as fit. Returns how many.
    fn fill(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        let table = self.table.as_table();
        let reader = table.reader();
        let most = (records.len() / width) as u64;
        let mut filled = 0;
        for slice in reader.view.slices(self.next..self.next.saturating_add(most)) {
            let slice = slice.map_err(|error| reader.in_table(error))?;
            records[filled..filled + slice.len()].copy_from_slice(slice);
            filled += slice.len();
        }
        self.next += (filled / width) as u64;
        Ok(filled / width)
    }
}
