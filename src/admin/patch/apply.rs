//! Applying a patch to a copy of the state that it continues, in one transaction.
//!
//! The patch is read twice: first all of it is checked, and the numbers of the rows that it removes
//! are noted; then its rows are put in. So a damaged patch changes nothing, and a table is changed
//! in one pass, whatever the patch has.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::content::{IndexHead, Item, PatchHead, TableHead, read_item};
use super::framing::PatchReader;
use crate::database::Database;
use crate::error::{Result, bail};
use crate::load::{LoadOptions, OnDuplicate, RecordSource};
use crate::record::RowBuf;
use crate::table::{Dyn, IndexOptions, TableMut};
use crate::transaction::{Progress, TableOptions, WriteTransaction};
use crate::tree::RowSet;

/// What [`Database::apply`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApplyReport {
    /// The transaction of the database that was backed up, whose state the copy has now.
    pub transaction: u64,
    /// Whether the copy was changed. If not, it had the state of the patch already.
    pub changed: bool,
    /// Tables in the state.
    pub tables: u64,
    /// Rows that were put in.
    pub rows: u64,
    /// Rows that were removed, without those that were replaced.
    pub removed: u64,
}

impl Database {
    /// Changes a copy of an older state into one of a newer state, by a patch that
    /// [`backup_since`](Database::backup_since) has made. This database must be a backup of the
    /// state that the patch continues, or one that got there by patches, and unchanged since.
    ///
    /// It is one transaction, so readers, crashes and errors need no rules of their own: if it does
    /// not commit, the copy has the older state, and the patch can be applied again. To apply a
    /// patch a second time changes nothing. See
    /// [`backup_since`](crate::ReadTransaction::backup_since) for an example.
    ///
    /// # Errors
    /// `Usage` if this database has another state than the one that the patch continues; `Input` if
    /// the file is no patch; `Corrupt` if it is damaged; `FutureFormat`; `Io` if it cannot be read,
    /// or the disk is full. Then nothing is changed.
    pub fn apply(&self, patch: impl AsRef<Path>) -> Result<ApplyReport> {
        self.apply_with(patch, |_, _| {})
    }

    /// As [`apply`](Database::apply), and calls `progress` with the bytes of rows that were put in,
    /// and how many there are.
    ///
    /// # Errors
    /// As for [`apply`](Database::apply).
    pub fn apply_with(
        &self,
        patch: impl AsRef<Path>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<ApplyReport> {
        let path = patch.as_ref();
        let plan = Plan::read(path)?;
        let mut report = ApplyReport {
            transaction: plan.head.transaction,
            tables: plan.tables.len() as u64,
            ..ApplyReport::default()
        };
        let mut write = self.write()?;
        let here = write.base_identity();
        if here == plan.head.result {
            return Ok(report);
        }
        if here != plan.head.base {
            bail!(
                Usage,
                "the patch {path:?} leads from a copy of transaction {} to transaction {}, and this database has another \
                 state: apply the patches in order, to a backup that was not changed since",
                plan.head.base_transaction,
                plan.head.transaction
            );
        }
        let mut progress = Progress { done: 0, total: plan.put_bytes, tell: &mut progress };
        plan.apply(&write, path, &mut progress)?;
        write.becomes_copy_of(plan.head.result);
        write.commit()?;
        report.changed = true;
        report.rows = plan.tables.iter().map(|table| table.put).sum();
        report.removed = plan.tables.iter().map(|table| table.removed.len()).sum();
        Ok(report)
    }
}

/// What a patch says, without its rows.
struct Plan {
    head: PatchHead,
    tables: Vec<TablePlan>,
    put_bytes: u64,
}

struct TablePlan {
    head: TableHead,
    /// The rows of the older state that are removed. In a table without a key, the last ones.
    removed: RowSet,
    /// How many rows are put in.
    put: u64,
}

impl Plan {
    /// Reads and checks all of a patch.
    fn read(path: &Path) -> Result<Plan> {
        let mut from = PatchReader::open(path)?;
        let head = PatchHead::read(&mut from)?;
        let (mut tables, mut put_bytes) = (Vec::new(), 0_u64);
        for _ in 0..head.tables {
            let table = TableHead::read(&mut from)?;
            let width = table.schema.width();
            let (mut put, mut removed, mut passed) = (0_u64, RowSet::none(), 0);
            loop {
                match read_item(&mut from, width)? {
                    Item::End => break,
                    Item::Leaves(_) => {}
                    Item::Put { rows, .. } => {
                        put += u64::from(rows);
                        from.skip(u64::from(rows) * width as u64)?;
                    }
                    Item::Removed(rows) => {
                        if rows.start < passed || rows.end > table.base_rows {
                            let name = &table.name;
                            return Err(from.damaged(&format!("it removes rows that table {name:?} has not")));
                        }
                        passed = rows.end;
                        removed.add_run(rows);
                    }
                }
            }
            if !table.schema.is_keyed() {
                removed = RowSet::range(table.rows.min(table.base_rows)..table.base_rows);
            }
            put_bytes = put_bytes.saturating_add(put.saturating_mul(width as u64));
            tables.push(TablePlan { head: table, removed, put });
        }
        from.end()?;
        Ok(Plan { head, tables, put_bytes })
    }

    /// Makes the changes.
    fn apply(&self, write: &WriteTransaction, path: &Path, progress: &mut Progress<'_>) -> Result<()> {
        self.check_bases(write, path)?;
        self.remove_others(write)?;
        self.rename(write)?;
        for table in self.tables.iter().filter(|table| table.head.base.is_none()) {
            let options = TableOptions::new().leaf_rows(table.head.leaf_rows as usize);
            drop(write.create_dyn_table_with(&table.head.name, &table.head.schema, &options)?);
        }
        let mut from = PatchReader::open(path)?;
        let again = PatchHead::read(&mut from)?;
        let changed = |from: &PatchReader| from.damaged("it was changed while it was read");
        if (again.base, again.result, again.tables) != (self.head.base, self.head.result, self.head.tables) {
            return Err(changed(&from));
        }
        for table in &self.tables {
            if TableHead::read(&mut from)?.name != table.head.name {
                return Err(changed(&from));
            }
            table.apply(write, &mut from, progress)?;
        }
        from.end()?;
        for table in &self.tables {
            table.finish(write, path)?;
        }
        Ok(())
    }

    /// An error unless the tables that are continued are there.
    fn check_bases(&self, write: &WriteTransaction, path: &Path) -> Result<()> {
        for TableHead { base, base_rows, schema, .. } in self.tables.iter().map(|table| &table.head) {
            let Some(base) = base else { continue };
            let there = write.table::<Dyn>(base)?;
            if there.len() != *base_rows || there.schema() != schema {
                bail!(
                    Usage,
                    "the patch {path:?} continues table {base:?} with {base_rows} rows of ({schema}); here it has {} rows of ({})",
                    there.len(),
                    there.schema()
                );
            }
        }
        Ok(())
    }

    /// Drops the tables and indexes that the newer state has not.
    fn remove_others(&self, write: &WriteTransaction) -> Result<()> {
        let kept: HashMap<&str, &TablePlan> =
            self.tables.iter().filter_map(|table| Some((table.head.base.as_deref()?, table))).collect();
        for name in write.table_names()? {
            let Some(table) = kept.get(&*name) else {
                write.drop_table(&name)?;
                continue;
            };
            for index in write.indexes(&name)? {
                let index = IndexHead::new(index);
                if !table.head.indexes.contains(&index) || table.builds_again(&index) {
                    write.drop_index(&name, &index.name)?;
                }
            }
        }
        Ok(())
    }

    /// Gives tables their new names. Two of them may exchange their names.
    fn rename(&self, write: &WriteTransaction) -> Result<()> {
        let renamed: Vec<(&String, &String)> = (self.tables.iter())
            .filter_map(|table| Some((table.head.base.as_ref()?, &table.head.name)))
            .filter(|(old, new)| old != new)
            .collect();
        let mut taken: BTreeSet<String> = write.table_names()?.into_iter().collect();
        taken.extend(self.tables.iter().map(|table| table.head.name.clone()));
        let indexes = self.tables.iter().flat_map(|table| &table.head.indexes);
        taken.extend(indexes.map(|index| index.name.clone()));
        let free = (0..).map(|number| format!("renamed {number}")).filter(|name| !taken.contains(name));
        let between: Vec<((&String, &String), String)> = renamed.into_iter().zip(free).collect();
        for ((old, _), between) in &between {
            write.rename_table(old, between)?;
        }
        between.iter().try_for_each(|((_, new), between)| write.rename_table(between, new))
    }
}

impl TablePlan {
    /// Whether an index is built again after the rows were changed. Rows of a table without a key
    /// are changed one by one, and in between two of them may have the same values.
    fn builds_again(&self, index: &IndexHead) -> bool {
        index.unique && !self.head.schema.is_keyed() && self.put > 0
    }

    /// Changes the rows.
    fn apply(
        &self,
        write: &WriteTransaction,
        from: &mut PatchReader,
        progress: &mut Progress<'_>,
    ) -> Result<()> {
        let name = &self.head.name;
        let mut table = write.table::<Dyn>(name)?;
        table.remove_rows(&self.removed)?;
        let mut puts = Puts {
            from,
            width: self.head.schema.width(),
            left: 0,
            next: 0,
            given: 0,
            rows: self.put,
            load_end: u64::MAX,
            ended: false,
            progress,
        };
        if !self.head.schema.is_keyed() {
            puts.overwrite(&mut table)?;
        }
        let options = LoadOptions::new().on_duplicate(OnDuplicate::Last);
        while puts.more()? {
            puts.load_end = puts.given.saturating_add(self.batch_rows(table.len()));
            table.load_from(&mut puts, &options)?;
        }
        Ok(())
    }

    /// How many rows are put in by one load. A load of a few rows edits their leaves; one of more
    /// rows writes the whole table again, which is for patches that change much of it. While
    /// several loads run, two rows may have the same values of a unique index.
    fn batch_rows(&self, rows: u64) -> u64 {
        // From this number on, a load writes the table again.
        let few = (rows / 128).min(1 << 16);
        let is_unique = self.head.indexes.iter().any(|index| index.unique);
        let is_little = self.head.schema.is_keyed() && self.put <= rows / 32 && few > 1_024;
        if is_little && !is_unique { few - 1 } else { u64::MAX }
    }

    /// Builds the indexes that are not there, and checks what came of it.
    fn finish(&self, write: &WriteTransaction, path: &Path) -> Result<()> {
        let name = &self.head.name;
        let rows = write.table::<Dyn>(name)?.len();
        if rows != self.head.rows {
            bail!(
                Corrupt,
                "table {name:?} would have {rows} rows after the patch {path:?}, and not {}: the patch is not whole, or not \
                 for this database",
                self.head.rows
            );
        }
        let there: Vec<IndexHead> = write.indexes(name)?.into_iter().map(IndexHead::new).collect();
        for index in self.head.indexes.iter().filter(|index| !there.contains(index)) {
            let options = IndexOptions::new().unique(index.unique);
            write.create_index_with(name, &index.name, &index.fields, &options)?;
        }
        Ok(())
    }
}

/// The rows of a patch that are put into a table, as a source of a load.
struct Puts<'p, 't> {
    from: &'p mut PatchReader,
    width: usize,
    /// Rows of the present part that were not read, and the number of the first of them.
    left: u32,
    next: u64,
    given: u64,
    rows: u64,
    /// The present load ends when this many rows were given.
    load_end: u64,
    /// Whether the end of the table was read.
    ended: bool,
    progress: &'p mut Progress<'t>,
}

impl Puts<'_, '_> {
    /// Goes to the next part with rows. Returns `false` at the end of the table.
    fn more(&mut self) -> Result<bool> {
        while self.left == 0 {
            if self.ended {
                return Ok(false);
            }
            match read_item(self.from, self.width)? {
                Item::End => self.ended = true,
                Item::Put { first, rows } => (self.next, self.left) = (first, rows),
                Item::Removed(_) | Item::Leaves(_) => {}
            }
        }
        Ok(true)
    }

    fn read(&mut self, records: &mut [u8]) -> Result<usize> {
        let rows = (records.len() / self.width).min(self.left as usize);
        self.from.bytes(&mut records[..rows * self.width])?;
        self.left -= rows as u32;
        self.next = self.next.saturating_add(rows as u64);
        self.given += rows as u64;
        self.progress.advance((rows * self.width) as u64);
        Ok(rows)
    }

    /// Overwrites rows that are there, up to the first one that is not.
    fn overwrite(&mut self, table: &mut TableMut<'_, Dyn>) -> Result<()> {
        let mut row = RowBuf::new(table.schema());
        while self.more()? && self.next < table.len() {
            let number = self.next;
            self.read(row.as_bytes_mut())?;
            table.set(number, &row)?;
        }
        Ok(())
    }
}

impl RecordSource for Puts<'_, '_> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        let width = record.len();
        self.next_records(record, width).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        let most = usize::try_from(self.load_end - self.given).unwrap_or(usize::MAX);
        if most == 0 || !self.more()? {
            return Ok(0);
        }
        let room = records.len().min(most.saturating_mul(width));
        self.read(&mut records[..room])
    }

    fn place(&self) -> u64 {
        self.given
    }

    fn describe(&self, place: u64) -> String {
        format!("row {place} of the patch")
    }

    fn rows_hint(&self) -> Option<u64> {
        Some(self.rows.min(self.load_end).saturating_sub(self.given))
    }
}
