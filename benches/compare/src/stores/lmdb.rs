//! LMDB, through heed.

use std::path::Path;

use heed::byteorder::NativeEndian;
use heed::types::{Bytes, U64};
use heed::{Database, Env, EnvOpenOptions, IntegerComparator, PutFlags, RoTxn, RwTxn, WithoutTls};

use super::{ROWS_A_COMMIT, Reader, Store, in_pieces, missing};
use crate::data::{Result, Value};

type Rows = Database<U64<NativeEndian>, Bytes, IntegerComparator>;

/// The size of the address space; the file grows as it is written.
const MAP_BYTES: usize = 64 << 30;

pub(crate) struct Lmdb(Env<WithoutTls>);

impl Lmdb {
    fn rows(&self, transaction: &mut RwTxn<'_>) -> Result<Rows> {
        let options = self.0.database_options().types().key_comparator::<IntegerComparator>();
        Ok(options.create(transaction)?)
    }
}

impl Store for Lmdb {
    const NAME: &'static str = "lmdb";
    const CRATE: &'static str = "heed";
    const SETTINGS: &'static str = "integer keys, map of 64 GiB, readers without thread-local storage, no WRITE_MAP, \
         synchronous commits; sorted load with APPEND in one transaction";

    type Reader<'r> = LmdbReader<'r>;

    #[expect(unsafe_code, reason = "a mapped file is opened")]
    fn open(folder: &Path) -> Result<Lmdb> {
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES);
        // SAFETY: the file is in a temporary folder of this program; nothing else writes it.
        let store = Lmdb(unsafe { options.open(folder)? });
        let mut write = store.0.write_txn()?;
        store.rows(&mut write)?;
        write.commit()?;
        Ok(store)
    }

    fn read<R>(&self, work: impl FnOnce(&mut LmdbReader<'_>) -> Result<R>) -> Result<R> {
        let snapshot = self.0.read_txn()?;
        let options = self.0.database_options().types().key_comparator::<IntegerComparator>();
        let rows = options.open(&snapshot)?.ok_or("the database is not there")?;
        work(&mut LmdbReader { snapshot: &snapshot, rows })
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        let mut write = self.0.write_txn()?;
        let table = self.rows(&mut write)?;
        for (key, value) in rows {
            table.put_with_flags(&mut write, PutFlags::APPEND, &key, &value.to_bytes())?;
        }
        Ok(write.commit()?)
    }

    fn load_unsorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        in_pieces(rows, ROWS_A_COMMIT, |rows| self.insert(rows))
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        let mut write = self.0.write_txn()?;
        let table = self.rows(&mut write)?;
        for &(key, x) in changes {
            let value = Value::from_bytes(table.get(&write, &key)?.ok_or_else(|| missing(key))?);
            table.put(&mut write, &key, &Value { x, ..value }.to_bytes())?;
        }
        Ok(write.commit()?)
    }

    fn insert(&mut self, rows: &[(u64, Value)]) -> Result<()> {
        let mut write = self.0.write_txn()?;
        let table = self.rows(&mut write)?;
        for &(key, value) in rows {
            table.put(&mut write, &key, &value.to_bytes())?;
        }
        Ok(write.commit()?)
    }
}

pub(crate) struct LmdbReader<'r> {
    snapshot: &'r RoTxn<'r, WithoutTls>,
    rows: Rows,
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
