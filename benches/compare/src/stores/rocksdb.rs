//! RocksDB.

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, DEFAULT_COLUMN_FAMILY_NAME, DataBlockIndexType,
    IngestExternalFileOptions, IteratorMode, Options, ReadOptions, SnapshotWithThreadMode, SstFileWriter,
    WriteBatch, WriteOptions,
};

use super::{Reader, Store, Way, in_batches, missing, sorted_changes};
use crate::data::{Result, Value};

const CACHE_BYTES: usize = 4 << 30;
/// How many rows are in a file that is ingested.
const ROWS_A_FILE: usize = 8_000_000;

pub(crate) struct Rocks {
    database: DB,
    options: Options,
}

fn options() -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES));
    table.set_bloom_filter(10.0, false);
    table.set_format_version(5);
    table.set_block_size(4096);
    table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(128 << 20);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_bytes_per_sync(1 << 20);
    options.increase_parallelism(2);
    options
}

/// Options of commits that are durable when they return.
fn durable() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

impl Store for Rocks {
    const NAME: &'static str = "rocksdb";
    const CRATE: &'static str = "rocksdb";
    const BATCHES: bool = true;
    const SETTINGS: &'static str = "block cache of 4 GiB, Bloom filter of 10 bits, blocks of 4 KiB with hash index, LZ4, write buffers of 128 MiB, \
         synchronous commits; loads and inserts together by SstFileWriter and ingested files (its wiki, \"Creating and Ingesting SST files\"), \
         updates and batches by WriteBatch in order of the keys, single inserts by put with one sync of the log, several look-ups by batched MultiGet";

    type Reader<'r> = RocksReader<'r>;

    fn open(folder: &Path) -> Result<Rocks> {
        let options = options();
        // Opened by its name, so that `cf_handle` finds it.
        let families = [(DEFAULT_COLUMN_FAMILY_NAME, options.clone())];
        Ok(Rocks { database: DB::open_cf_with_opts(&options, folder, families)?, options })
    }

    fn read<R>(&self, work: impl FnOnce(&mut RocksReader<'_>) -> Result<R>) -> Result<R> {
        let snapshot = self.database.snapshot();
        let mut options = ReadOptions::default();
        options.set_snapshot(&snapshot);
        work(&mut RocksReader { database: &self.database, options, snapshot: &snapshot })
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        let folder = self.database.path().to_owned();
        let mut files = Vec::new();
        in_pieces(rows, ROWS_A_FILE, |rows| {
            let path = folder.join(format!("load-{}.sst", files.len()));
            let mut file = SstFileWriter::create(&self.options);
            file.open(&path)?;
            for (key, value) in rows {
                file.put(key.to_be_bytes(), value.to_bytes())?;
            }
            file.finish()?;
            files.push(path);
            Ok(())
        })?;
        let mut ingest = IngestExternalFileOptions::default();
        ingest.set_move_files(true);
        Ok(self.database.ingest_external_file_opts(&ingest, files)?)
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        let mut batch = WriteBatch::default();
        for (key, x) in sorted_changes(changes) {
            let found = self.database.get_pinned(key.to_be_bytes())?.ok_or_else(|| missing(key))?;
            batch.put(key.to_be_bytes(), Value { x, ..Value::from_bytes(&found) }.to_bytes());
        }
        Ok(self.database.write_opt(batch, &durable())?)
    }

    fn insert(&mut self, rows: &[(u64, Value)], way: Way) -> Result<()> {
        // The log is synced once, at the end.
        in_batches(rows, way, |rows| match way {
            Way::Single => rows
                .iter()
                .try_for_each(|(key, value)| Ok(self.database.put(key.to_be_bytes(), value.to_bytes())?)),
            Way::Batches(_) => {
                let mut batch = WriteBatch::default();
                for (key, value) in rows {
                    batch.put(key.to_be_bytes(), value.to_bytes());
                }
                Ok(self.database.write(batch)?)
            }
            Way::Together => self.load_sorted(rows.iter().copied()),
        })?;
        Ok(self.database.flush_wal(true)?)
    }
}

pub(crate) struct RocksReader<'r> {
    database: &'r DB,
    options: ReadOptions,
    snapshot: &'r SnapshotWithThreadMode<'r, DB>,
}

impl Reader for RocksReader<'_> {
    fn get(&mut self, key: u64) -> Result<Option<i32>> {
        let found = self.database.get_pinned_opt(key.to_be_bytes(), &self.options)?;
        Ok(found.map(|bytes| Value::from_bytes(&bytes).x))
    }

    fn get_many(&mut self, keys: &[u64]) -> Result<(i64, usize)> {
        let keys: Vec<[u8; 8]> = keys.iter().map(|key| key.to_be_bytes()).collect();
        let family = self.database.cf_handle(DEFAULT_COLUMN_FAMILY_NAME).ok_or("no default column family")?;
        let mut found = (0, 0);
        for value in self.database.batched_multi_get_cf_opt(family, &keys, false, &self.options) {
            if let Some(bytes) = value? {
                found = (found.0 + i64::from(Value::from_bytes(&bytes).x), found.1 + 1);
            }
        }
        Ok(found)
    }

    fn scan(&mut self) -> Result<i64> {
        let mut sum = 0;
        for row in self.snapshot.iterator(IteratorMode::Start) {
            sum += i64::from(Value::from_bytes(&row?.1).x);
        }
        Ok(sum)
    }

    fn range(&mut self, from: u64, rows: usize) -> Result<i64> {
        let from = from.to_be_bytes();
        let mut sum = 0;
        for row in self.snapshot.iterator(IteratorMode::From(&from, rocksdb::Direction::Forward)).take(rows) {
            sum += i64::from(Value::from_bytes(&row?.1).x);
        }
        Ok(sum)
    }
}

/// Calls `each` with pieces of the rows.
fn in_pieces(
    mut rows: impl Iterator<Item = (u64, Value)>,
    piece_rows: usize,
    mut each: impl FnMut(&[(u64, Value)]) -> Result<()>,
) -> Result<()> {
    let mut piece = Vec::with_capacity(piece_rows);
    loop {
        piece.clear();
        piece.extend(rows.by_ref().take(piece_rows));
        if piece.is_empty() {
            return Ok(());
        }
        each(&piece)?;
    }
}
