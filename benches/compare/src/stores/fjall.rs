//! fjall.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable, Snapshot};

use super::{Reader, Store, Way, in_batches, missing, sorted_changes};
use crate::data::{Result, Value};

const CACHE_BYTES: u64 = 4 << 30;

pub(crate) struct Fjall {
    database: Database,
    rows: Keyspace,
}

impl Store for Fjall {
    const NAME: &'static str = "fjall";
    const CRATE: &'static str = "fjall";
    const SETTINGS: &'static str = "big-endian keys, block cache of 4 GiB (its documentation: a fifth of the memory, or more if all data fit), \
         memtables of 64 MiB (its default, the most it recommends), manual_journal_persist and PersistMode::SyncAll at each commit; loads and inserts together by \
         ingestion, updates and batches by write batches with their capacity and in order of the keys, single inserts by Keyspace::insert with one SyncAll";

    type Reader<'r> = FjallReader<'r>;

    fn open(folder: &Path) -> Result<Fjall> {
        // Commits persist the log themselves, so single writes need not pass it to the system.
        let options = || KeyspaceCreateOptions::default().manual_journal_persist(true);
        let database =
            Database::builder(folder).cache_size(CACHE_BYTES).manual_journal_persist(true).open()?;
        let rows = database.keyspace("rows", options)?;
        Ok(Fjall { database, rows })
    }

    fn read<R>(&self, work: impl FnOnce(&mut FjallReader<'_>) -> Result<R>) -> Result<R> {
        work(&mut FjallReader { snapshot: self.database.snapshot(), rows: &self.rows })
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        let mut ingestion = self.rows.start_ingestion()?;
        for (key, value) in rows {
            ingestion.write(key.to_be_bytes(), value.to_bytes())?;
        }
        ingestion.finish()?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        let batch = OwnedWriteBatch::with_capacity(self.database.clone(), changes.len());
        let mut batch = batch.durability(Some(PersistMode::SyncAll));
        for (key, x) in sorted_changes(changes) {
            let found = self.rows.get(key.to_be_bytes())?.ok_or_else(|| missing(key))?;
            let value = Value { x, ..Value::from_bytes(&found) };
            batch.insert(&self.rows, key.to_be_bytes(), value.to_bytes());
        }
        Ok(batch.commit()?)
    }

    fn insert(&mut self, rows: &[(u64, Value)], way: Way) -> Result<()> {
        in_batches(rows, way, |rows| match way {
            Way::Single => rows
                .iter()
                .try_for_each(|(key, value)| Ok(self.rows.insert(key.to_be_bytes(), value.to_bytes())?)),
            Way::Batches(_) => {
                let mut batch = OwnedWriteBatch::with_capacity(self.database.clone(), rows.len());
                for (key, value) in rows {
                    batch.insert(&self.rows, key.to_be_bytes(), value.to_bytes());
                }
                Ok(batch.commit()?)
            }
            Way::Together => {
                let mut ingestion = self.rows.start_ingestion()?;
                for (key, value) in rows {
                    ingestion.write(key.to_be_bytes(), value.to_bytes())?;
                }
                Ok(ingestion.finish()?)
            }
        })?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

pub(crate) struct FjallReader<'r> {
    snapshot: Snapshot,
    rows: &'r Keyspace,
}

impl Reader for FjallReader<'_> {
    fn get(&mut self, key: u64) -> Result<Option<i32>> {
        let found = self.snapshot.get(self.rows, key.to_be_bytes())?;
        Ok(found.map(|bytes| Value::from_bytes(&bytes).x))
    }

    fn scan(&mut self) -> Result<i64> {
        let mut sum = 0;
        for row in self.snapshot.iter(self.rows) {
            sum += i64::from(Value::from_bytes(&row.value()?).x);
        }
        Ok(sum)
    }

    fn range(&mut self, from: u64, rows: usize) -> Result<i64> {
        let mut sum = 0;
        for row in self.snapshot.range(self.rows, from.to_be_bytes()..).take(rows) {
            sum += i64::from(Value::from_bytes(&row.value()?).x);
        }
        Ok(sum)
    }
}
