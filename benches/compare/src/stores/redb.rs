//! redb.

use std::ops::Bound;
use std::path::Path;

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Reader, Store, Way, in_batches, missing, sorted_changes};
use crate::data::{Result, Value};

const TABLE: TableDefinition<'_, u64, [u8; 12]> = TableDefinition::new("rows");
const CACHE_BYTES: usize = 4 << 30;

pub(crate) struct Redb(Database);

impl Store for Redb {
    const NAME: &'static str = "redb";
    const CRATE: &'static str = "redb";
    const SETTINGS: &'static str = "u64 keys, fixed-width values, cache of 4 GiB, Durability::Immediate; loads in one transaction by the appending \
         cursor (upper_bound_mut, then insert_before: the example of its documentation), updates by get_mut, in order of the keys";

    type Reader<'r> = ReadOnlyTable<u64, [u8; 12]>;

    fn open(folder: &Path) -> Result<Redb> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(folder.join("rows.redb"))?;
        let write = database.begin_write()?;
        write.open_table(TABLE)?;
        write.commit()?;
        Ok(Redb(database))
    }

    fn read<R>(&self, work: impl FnOnce(&mut Self::Reader<'_>) -> Result<R>) -> Result<R> {
        let snapshot = self.0.begin_read()?;
        work(&mut snapshot.open_table(TABLE)?)
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        let write = self.0.begin_write()?;
        let mut table = write.open_table(TABLE)?;
        let mut cursor = table.upper_bound_mut(Bound::<u64>::Unbounded)?;
        for (key, value) in rows {
            cursor.insert_before(key, value.to_bytes())?;
        }
        cursor.close()?;
        drop(table);
        Ok(write.commit()?)
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        let write = self.0.begin_write()?;
        let mut table = write.open_table(TABLE)?;
        for (key, x) in sorted_changes(changes) {
            let mut found = table.get_mut(key)?.ok_or_else(|| missing(key))?;
            let value = Value { x, ..Value::from_bytes(&found.value()) };
            found.insert(value.to_bytes())?;
        }
        drop(table);
        Ok(write.commit()?)
    }

    fn insert(&mut self, rows: &[(u64, Value)], way: Way) -> Result<()> {
        let write = self.0.begin_write()?;
        let mut table = write.open_table(TABLE)?;
        in_batches(rows, way, |rows| {
            rows.iter().try_for_each(|(key, value)| Ok(table.insert(key, value.to_bytes()).map(drop)?))
        })?;
        drop(table);
        Ok(write.commit()?)
    }
}

impl Reader for ReadOnlyTable<u64, [u8; 12]> {
    fn get(&mut self, key: u64) -> Result<Option<i32>> {
        Ok(ReadOnlyTable::get(self, key)?.map(|found| Value::from_bytes(&found.value()).x))
    }

    fn scan(&mut self) -> Result<i64> {
        let mut sum = 0;
        for row in self.iter()? {
            sum += i64::from(Value::from_bytes(&row?.1.value()).x);
        }
        Ok(sum)
    }

    fn range(&mut self, from: u64, rows: usize) -> Result<i64> {
        let mut sum = 0;
        for row in ReadOnlyTable::range(self, from..)?.take(rows) {
            sum += i64::from(Value::from_bytes(&row?.1.value()).x);
        }
        Ok(sum)
    }
}
