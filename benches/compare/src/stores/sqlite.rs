//! SQLite, through rusqlite, compiled with it.

use std::path::Path;
use std::sync::Mutex;

use rusqlite::{Connection, OptionalExtension, Statement};

use super::{Reader, Store, Way, in_batches, missing, sorted_changes};
use crate::data::{Result, Value};

/// The connections: one per thread.
const CONNECTIONS: usize = 2;

const SETUP: &str = "
    pragma page_size = 4096;
    pragma synchronous = full;
    pragma cache_size = -1048576;
    pragma mmap_size = 17179869184;
    pragma temp_store = memory;
    create table if not exists rows (id integer primary key, x integer, y integer, z integer) strict;
";

/// Makes later commits go to the write-ahead log. The file remembers it.
const LOGGED: &str = "pragma journal_mode = wal";

pub(crate) struct Sqlite {
    connections: [Mutex<Connection>; CONNECTIONS],
    logged: bool,
}

impl Sqlite {
    /// A free connection; there are as many as threads.
    fn with<R>(&self, work: impl FnOnce(&Connection) -> Result<R>) -> Result<R> {
        let free = self.connections.iter().find_map(|connection| connection.try_lock().ok());
        work(&*free.ok_or("more threads than connections")?)
    }

    /// Commits through the log.
    fn write(&mut self, work: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        if !self.logged {
            self.with(|connection| Ok(connection.execute_batch(LOGGED)?))?;
            self.logged = true;
        }
        self.commit(work)
    }

    fn commit(&self, work: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        self.with(|connection| {
            connection.execute_batch("begin immediate")?;
            work(connection)?;
            Ok(connection.execute_batch("commit")?)
        })
    }
}

fn insert(connection: &Connection, rows: impl IntoIterator<Item = (u64, Value)>) -> Result<()> {
    let mut insert = connection.prepare_cached("insert into rows values (?, ?, ?, ?)")?;
    for (key, value) in rows {
        insert.execute((id(key), value.x, value.y, value.z))?;
    }
    Ok(())
}

/// Row ids are signed; the order of the keys stays the same.
fn id(key: u64) -> i64 {
    (key ^ (1 << 63)).cast_signed()
}

impl Store for Sqlite {
    const NAME: &'static str = "sqlite";
    const CRATE: &'static str = "rusqlite";
    const SETTINGS: &'static str = "the key is the rowid, synchronous = full, page cache of 1 GiB, mmap of 16 GiB, prepared statements; \
         updates and inserts with the write-ahead log, in order of the keys except single inserts; loads in one transaction with the rollback \
         journal, which then only has the pages that were there before (sqlite.org/wal.html advises it for transactions over 100 MB)";

    type Reader<'r> = SqliteReader<'r>;

    fn open(folder: &Path) -> Result<Sqlite> {
        let connect = || -> Result<Mutex<Connection>> {
            let connection = Connection::open(folder.join("rows.sqlite"))?;
            connection.execute_batch(SETUP)?;
            Ok(Mutex::new(connection))
        };
        let connections = [connect()?, connect()?];
        Ok(Sqlite { connections, logged: false })
    }

    fn read<R>(&self, work: impl FnOnce(&mut SqliteReader<'_>) -> Result<R>) -> Result<R> {
        self.with(|connection| {
            connection.execute_batch("begin")?;
            let mut reader = SqliteReader {
                get: connection.prepare("select x from rows where id = ?")?,
                scan: connection.prepare("select x from rows")?,
                range: connection.prepare("select x from rows where id >= ? order by id limit ?")?,
            };
            let result = work(&mut reader)?;
            drop(reader);
            connection.execute_batch("commit")?;
            Ok(result)
        })
    }

    fn load_sorted(&mut self, rows: impl Iterator<Item = (u64, Value)>) -> Result<()> {
        self.commit(|connection| insert(connection, rows))
    }

    fn update(&mut self, changes: &[(u64, i32)]) -> Result<()> {
        self.write(|connection| {
            let mut update = connection.prepare_cached("update rows set x = ? where id = ?")?;
            for (key, x) in sorted_changes(changes) {
                if update.execute((x, id(key)))? != 1 {
                    return Err(missing(key));
                }
            }
            Ok(())
        })
    }

    fn insert(&mut self, rows: &[(u64, Value)], way: Way) -> Result<()> {
        self.write(|connection| in_batches(rows, way, |rows| insert(connection, rows.iter().copied())))
    }
}

pub(crate) struct SqliteReader<'r> {
    get: Statement<'r>,
    scan: Statement<'r>,
    range: Statement<'r>,
}

impl Reader for SqliteReader<'_> {
    fn get(&mut self, key: u64) -> Result<Option<i32>> {
        Ok(self.get.query_row([id(key)], |row| row.get(0)).optional()?)
    }

    fn scan(&mut self) -> Result<i64> {
        let mut sum = 0;
        let mut rows = self.scan.query([])?;
        while let Some(row) = rows.next()? {
            sum += row.get::<_, i64>(0)?;
        }
        Ok(sum)
    }

    fn range(&mut self, from: u64, rows: usize) -> Result<i64> {
        let mut sum = 0;
        let mut rows = self.range.query((id(from), rows as i64))?;
        while let Some(row) = rows.next()? {
            sum += row.get::<_, i64>(0)?;
        }
        Ok(sum)
    }
}
