//! LMDB, through heed.

use std::path::Path;

use heed::byteorder::NativeEndian;
use heed::types::{Bytes, U64};
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, IntegerComparator, PutFlags, RoTxn, WithoutTls};

use super::{Reader, Store, Way, in_batches, missing, sorted_changes};
use crate::data::{Result, Value};

type Rows<'e> = Database<'e, U64<NativeEndian>, Bytes, IntegerComparator>;

/// The size of the address space; the file grows as it is written.
const MAP_BYTES: usize = 64 << 30;

pub(crate) struct Lmdb(Env<WithoutTls>);

impl Lmdb {
    fn rows(&self) -> Result<Rows<'_>> {
        let rows = self.0.open_databases_and_commit(self.0.read_txn()?, |opener, snapshot| {
            let options = opener.database_options().types().key_comparator::<IntegerComparator>();
            options.open(snapshot).map(CommitOrAbort::<_, ()>::Commit)
        })?;
        Ok(rows.unwrap_commit().ok_or("the database is not there")?)
    }
}

impl Store for Lmdb {
    const NAME: &'static str = "lmdb";
    const CRATE: &'static str = "heed";
    const SETTINGS: &'static str = "integer keys, map of 64 GiB, readers without thread-local storage, no WRITE_MAP, \
         synchronous commits; loads in one transaction by one cursor with MDB_APPEND (\"fast bulk loading\", lmdb.h), \
         updates by mdb_cursor_put with MDB_CURRENT, in order of the keys; MDB_RESERVE saves nothing for 12 bytes";

    type Reader<'r> = LmdbReader<'r>;

    #[expect(unsafe_code, reason = "a mapped file is opened")]
    fn open(folder: &Path) -> Result<Lmdb> {
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES);
        // SAFETY: the file is in a temporary folder of this program; nothing else writes it.
        let store = Lmdb(unsafe { options.open(folder)? });
        store.0.create_databases_and_commit(store.0.write_txn()?, |opener, write| {
            let options = opener.database_options().types().key_comparator::<IntegerComparator>();
            let rows: heed::Result<Rows<'_>> = options.create(write);
            rows.map(CommitOrAbort::<_, ()>::Commit)
        })?;
        Ok(store)
    }

    fn read<R>(&self, work: impl FnOnce(&mut LmdbReader<'_>) -> Result<R>) -> Result<R> {
        let rows = self.rows()?;
        let snapshot = self.0.read_txn()?;
        work(&mut LmdbReader { snapshot: &snapshot, rows })
    }

    #[expect(unsafe_code, reason = "heed's cursors write through unsafe functions")]
    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        let table = self.rows()?;
        let mut write = self.0.write_txn()?;
        let mut cursor = table.iter_mut(&mut write)?;
        for (key, value) in rows {
            // SAFETY: the key and the value are not borrowed from the database.
            unsafe { cursor.put_current_with_options::<Bytes>(PutFlags::APPEND, &key, &value.to_bytes())? };
        }
        drop(cursor);
        Ok(write.commit()?)
    }

    #[expect(unsafe_code, reason = "heed's cursors write through unsafe functions")]
    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        let table = self.rows()?;
        let mut write = self.0.write_txn()?;
        for (key, x) in sorted_changes(changes) {
            let mut cursor = table.range_mut(&mut write, &(key..=key))?;
            let found = cursor.next().ok_or_else(|| missing(key))??.1;
            let value = Value { x, ..Value::from_bytes(found) }.to_bytes();
            // SAFETY: the key and the value are not borrowed from the database.
            unsafe { cursor.put_current(&key, &value)? };
        }
        Ok(write.commit()?)
    }

    fn insert(&mut self, rows: &[(u64, Value)], way: Way) -> Result<()> {
        let table = self.rows()?;
        let mut write = self.0.write_txn()?;
        in_batches(rows, way, |rows| {
            rows.iter().try_for_each(|(key, value)| Ok(table.put(&mut write, key, &value.to_bytes())?))
        })?;
        Ok(write.commit()?)
    }
}

pub(crate) struct LmdbReader<'r> {
    snapshot: &'r RoTxn<'r, WithoutTls>,
    rows: Rows<'r>,
}

impl Reader for LmdbReader<'_> {
    #[inline]
    fn get(&mut self, key: u64) -> Result<Option<i32>> {
        Ok(self.rows.get(self.snapshot, &key)?.map(|bytes| Value::from_bytes(bytes).x))
    }

    fn scan(&mut self) -> Result<i64> {
        let mut sum = 0;
        for row in self.rows.iter(self.snapshot)? {
            sum += i64::from(Value::from_bytes(row?.1).x);
        }
        Ok(sum)
    }

    fn range(&mut self, from: u64, rows: usize) -> Result<i64> {
        let mut sum = 0;
        for row in self.rows.range(self.snapshot, &(from..))?.take(rows) {
            sum += i64::from(Value::from_bytes(row?.1).x);
        }
        Ok(sum)
    }
}
