//! fjall.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};

use super::{Reader, Store, in_pieces, missing};
use crate::data::{Result, Value};

const CACHE_BYTES: u64 = 4 << 30;

pub(crate) struct Fjall {
    database: Database,
    rows: Keyspace,
}

impl Store for Fjall {
    const NAME: &'static str = "fjall";
    const CRATE: &'static str = "fjall";
    const SETTINGS: &'static str = "big-endian keys, block cache of 4 GiB, PersistMode::SyncAll at each commit; \
         sorted load by ingestion, unsorted in batches of 10,000 with one SyncAll";

    type Reader<'r> = FjallReader<'r>;

    fn open(folder: &Path) -> Result<Fjall> {
        let database = Database::builder(folder).cache_size(CACHE_BYTES).open()?;
        let rows = database.keyspace("rows", KeyspaceCreateOptions::default)?;
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

    fn load_unsorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        in_pieces(rows, 10_000, |rows| {
            let mut batch = self.database.batch();
            for (key, value) in rows {
                batch.insert(&self.rows, key.to_be_bytes(), value.to_bytes());
            }
            Ok(batch.commit()?)
        })?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for &(key, x) in changes {
            let found = self.rows.get(key.to_be_bytes())?.ok_or_else(|| missing(key))?;
            let value = Value { x, ..Value::from_bytes(&found) };
            batch.insert(&self.rows, key.to_be_bytes(), value.to_bytes());
        }
        Ok(batch.commit()?)
    }

    fn insert(&mut self, rows: &[(u64, Value)]) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for (key, value) in rows {
            batch.insert(&self.rows, key.to_be_bytes(), value.to_bytes());
        }
        Ok(batch.commit()?)
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
