//! The handle to an open database: begins transactions, reports readers and sizes. Programs start
//! here, and so does `admin`. It decides nothing about pages or commits; `transaction` and `commit`
//! do.

mod open;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub use open::OpenOptions;
pub(crate) use open::{cannot_make, new_file_id};

use crate::commit::{Durability, ReaderInfo};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::storage::TemporaryFolder;
use crate::table::{Dyn, RowKind};
use crate::transaction::{
    OwnedTable, ReadTransaction, Shared, Turn, Wait, WriteTransaction, derive_free_space,
};

/// How often `held_bytes` looks again at the state of a reader that may still be entering the
/// reader table, one millisecond apart.
const HELD_LOOKS: usize = 5;
/// The longest pause between two looks of `wait_newer`.
const NEWER_LOOK: Duration = Duration::from_millis(2);

/// An open database: a file or memory. A clone is another handle to the same database.
///
/// It is `Send` and `Sync`. Opening takes the same time at any size, also after a crash.
///
/// ```no_run
/// use drystone::{Database, Record};
///
/// #[derive(Clone, Copy, Record)]
/// #[repr(C)]
/// struct Point {
///     x: i32,
///     y: i32,
///     z: i32,
/// }
///
/// // SAFETY: only Drystone writes this file while it is open.
/// let db = unsafe { Database::open("points.dry")? };
/// db.update(|tx| tx.table_or_create::<Point>("points")?.push(&Point { x: 1, y: 2, z: 3 }))?;
///
/// let read = db.read()?;
/// let points = read.table::<Point>("points")?;
/// assert_eq!(points.get(0)?.unwrap().z, 3);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
    durability: Durability,
    memory_bytes: usize,
    /// This handle only; another handle to the same file may write.
    read_only: bool,
}

struct Inner {
    shared: Arc<Shared>,
    path: Option<PathBuf>,
    read_only: bool,
    /// The folder of a temporary database. It is deleted last.
    folder: OnceLock<TemporaryFolder>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.path {
            Some(path) => write!(f, "Database({path:?})"),
            None => f.write_str("Database(in memory)"),
        }
    }
}

impl Database {
    /// Opens a database file, or creates it if there is none.
    ///
    /// # Safety
    /// While the file is open, in this process or another, only Drystone may write or
    /// truncate it. Rows are references into the mapped file: bytes that change under a reference
    /// are undefined behaviour, and a file that is truncated ends the process with a signal. A file
    /// that is damaged or hostile *before* it is opened is safe: reading it gives errors.
    ///
    /// # Who else may have it open
    /// - *This process:* all handles are one, whatever name the file was opened by, also through a
    ///   symbolic or hard link.
    /// - *Other processes:* any number. They find each other in the lock file, `points.dry-lock`,
    ///   beside the file that a symbolic link leads to. Processes that open the file by a hard
    ///   link, or after the lock file was deleted, would use another lock file; they are refused
    ///   (`Usage`).
    /// - *A forked child:* it opens the file again. The handles that it has from its parent are
    ///   refused (`AfterFork`).
    ///
    /// It is an error (`Io`) if the lock file cannot be created, if this process may not write the
    /// file or the lock file, or if the file system has no locks. [`OpenOptions::read_only`] opens
    /// the file in these cases. Network file systems are not supported.
    ///
    /// # Errors
    /// Each case has its kind: `NotADatabase`, `EmptyFile`, `Truncated`, `FutureFormat`, `Corrupt`,
    /// `FileNotFound` (a folder on the way does not exist), `Io` (the path is a directory, or
    /// rights are missing).
    #[expect(unsafe_code, reason = "hands on the contract of a mapped file")]
    pub unsafe fn open(path: impl AsRef<Path>) -> Result<Database> {
        // SAFETY: the caller keeps this function's contract, which is that one's.
        unsafe { OpenOptions::new().open(path) }
    }

    /// A database in a new file in the system's folder for temporary files, for tests that need a
    /// real file. The file has a folder of its own. That folder is deleted with the last handle,
    /// and with it everything in it, such as a backup beside the file.
    ///
    /// ```
    /// let db = drystone::Database::temporary()?;
    /// assert!(db.path().is_some_and(|path| path.exists()));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Io` if the file cannot be created.
    #[expect(unsafe_code, reason = "keeps the contract of a mapped file")]
    pub fn temporary() -> Result<Database> {
        let folder = TemporaryFolder::new();
        let folder =
            folder.map_err(|error| Error::io("cannot make a folder for a temporary database", error))?;
        // SAFETY: the folder is new, its name is random, and only this user may enter it. So only
        // Drystone writes the file. It is deleted with its folder when the last handle is dropped.
        let db = unsafe { Database::open(folder.path().join("temporary.dry"))? };
        let _ = db.inner.folder.set(folder);
        Ok(db)
    }

    /// A database in memory, with the same behaviour. It ends with the last handle.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// assert!(db.path().is_none());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Io` if the system grants no memory or address space.
    pub fn in_memory() -> Result<Database> {
        OpenOptions::new().in_memory()
    }

    /// Takes a snapshot of the newest state to read from. Never waits.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// let read = db.read()?;
    /// db.update(|tx| tx.create_table::<Point>("points").map(drop))?;
    /// assert!(read.table_names()?.is_empty()); // a snapshot does not change
    /// assert_eq!(db.read()?.table_names()?, ["points"]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `AfterFork` in a process that was forked after opening; `Io` if the lock file cannot be
    /// used.
    pub fn read(&self) -> Result<ReadTransaction> {
        ReadTransaction::begin(&self.inner.shared)
    }

    /// Opens a table together with a snapshot of its own: for a struct, a web handler, or an
    /// iterator that a function returns. See [`OwnedTable`].
    ///
    /// # Errors
    /// As for [`read`](Database::read) and [`ReadTransaction::table`].
    pub fn table<R: RowKind>(&self, name: &str) -> Result<OwnedTable<R>> {
        OwnedTable::new(self.read()?, name)
    }

    /// Waits until a commit of this process or another has made a newer state than that of
    /// `snapshot`, for at most `timeout`. Returns whether there is one.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let db = drystone::Database::in_memory()?;
    /// let read = db.read()?;
    /// assert!(!db.wait_newer(&read, Duration::from_millis(5)));
    /// db.update(|tx| tx.create_dyn_table("points", &"x: i32".parse()?).map(drop))?;
    /// assert!(db.wait_newer(&read, Duration::from_millis(5)));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn wait_newer(&self, snapshot: &ReadTransaction, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        let mut pause = Duration::from_micros(50);
        while snapshot.is_newest() {
            let left = until.map_or(NEWER_LOOK, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(NEWER_LOOK);
        }
        true
    }

    /// Runs `change` in a write transaction and commits it. If `change` returns an error or panics,
    /// nothing is changed. Returns the value of `change`.
    ///
    /// ```
    /// use drystone::{Database, Record};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let db = Database::in_memory()?;
    /// let number = db.update(|tx| {
    ///     let mut points = tx.table_or_create::<Point>("points")?;
    ///     points.push(&Point { x: 1, y: 2 })
    /// })?;
    /// assert_eq!(number, 0);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// The error of `change`; otherwise as for [`write`](Database::write) and
    /// [`WriteTransaction::commit`].
    pub fn update<A>(&self, change: impl FnOnce(&WriteTransaction) -> Result<A>) -> Result<A> {
        let write = self.write()?;
        let value = change(&write)?;
        write.commit()?;
        Ok(value)
    }

    /// Makes all commits durable and closes the database. Dropping the last handle does the same,
    /// but does not report errors.
    ///
    /// ```
    /// let db = drystone::Database::temporary()?;
    /// let read = db.read()?;
    /// assert_eq!(db.clone().close().unwrap_err().kind(), drystone::ErrorKind::Busy);
    /// drop(read);
    /// db.close()?;
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`sync`](Database::sync). `Busy` if other handles, snapshots or transactions of this
    /// process still use the database. They keep working, and the last of them closes it.
    pub fn close(self) -> Result<()> {
        self.sync()?;
        let (handles, users) =
            (Arc::strong_count(&self.inner) - 1, Arc::strong_count(&self.inner.shared) - 1);
        if handles + users > 0 {
            bail!(
                Busy,
                "the database is still used by {handles} other handles and {users} transactions or owned tables of \
                 this process; the last of them closes it"
            );
        }
        Ok(())
    }

    /// Begins a write transaction. Waits until no other one is open, in this process or another.
    ///
    /// The first write transaction after opening walks the branches (under 0.5 % of the file) to
    /// find the free space.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// write.create_table::<Point>("points")?.push(&Point { x: 1, y: 2 })?;
    /// write.commit()?;
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `ReadOnly` if the database was opened read-only; `AfterFork` after a fork; `Usage` if this
    /// thread has a write transaction open, and so would wait for itself (a transaction belongs to
    /// the thread that last used it); `Corrupt` if the file is too damaged to be written;
    /// `Poisoned` after a failed sync.
    pub fn write(&self) -> Result<WriteTransaction> {
        match self.begin(Wait::Forever)? {
            Some(transaction) => Ok(transaction),
            None => bail!(Busy, "another transaction is writing"),
        }
    }

    /// Begins a write transaction, or returns `None` if another one is open.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// if let Some(write) = db.try_write()? {
    ///     write.create_dyn_table("points", &"x: i32".parse()?)?;
    ///     write.commit()?;
    /// }
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`write`](Database::write).
    pub fn try_write(&self) -> Result<Option<WriteTransaction>> {
        self.begin(Wait::Not)
    }

    /// Begins a write transaction. Waits for other writers for at most `timeout`.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// let write = db.try_write_for(std::time::Duration::from_millis(100))?;
    /// write.create_dyn_table("points", &"x: i32".parse()?)?;
    /// write.commit()?;
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Busy` when the time is over; otherwise as for [`write`](Database::write).
    pub fn try_write_for(&self, timeout: Duration) -> Result<WriteTransaction> {
        let wait = Instant::now().checked_add(timeout).map_or(Wait::Forever, Wait::Until);
        match self.begin(wait)? {
            Some(transaction) => Ok(transaction),
            None => {
                let process = match self.writing_process() {
                    Ok(Some(process)) if process == std::process::id() => "in this process".to_owned(),
                    Ok(Some(process)) => format!("in process {process}"),
                    _ => "until just now".to_owned(),
                };
                bail!(Busy, "another transaction was writing for all of {timeout:?}, {process}")
            }
        }
    }

    /// The number of the process that has a write transaction open, if one has: to say for whom a
    /// program waits. It may end at any moment.
    ///
    /// ```
    /// let db = drystone::Database::temporary()?;
    /// assert_eq!(db.writing_process()?, None);
    /// let write = db.write()?;
    /// assert_eq!(db.writing_process()?, Some(std::process::id()));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Io` if the lock file cannot be read; `AfterFork` after a fork.
    pub fn writing_process(&self) -> Result<Option<u32>> {
        let shared = &self.inner.shared;
        shared.check_process()?;
        // Threads of this process take turns first, then processes.
        let is_here = shared.writer.is_taken();
        Ok(shared.readers.other_writer()?.or(is_here.then(std::process::id)))
    }

    fn begin(&self, wait: Wait) -> Result<Option<WriteTransaction>> {
        if self.read_only {
            bail!(
                ReadOnly,
                "the database is open read-only; open it without OpenOptions::read_only to write"
            );
        }
        let (shared, database) = (&self.inner.shared, Arc::clone(&self.inner));
        WriteTransaction::begin(shared, database, wait, self.durability, self.memory_bytes)
    }

    /// Makes all commits of [`Durability::Eventual`] durable. Waits for other writers as
    /// [`write`](Database::write) does.
    ///
    /// ```
    /// use drystone::{Database, Durability};
    ///
    /// let db = Database::temporary()?;
    /// let mut write = db.write()?;
    /// write.set_durability(Durability::Eventual);
    /// write.create_dyn_table("points", &"x: i32".parse()?)?;
    /// write.commit()?; // fast: a power cut may still take it away
    /// db.sync()?; // now it may not
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Poisoned` if the sync fails; `Usage` if this thread has a write transaction open;
    /// `AfterFork`.
    pub fn sync(&self) -> Result<()> {
        if self.read_only {
            return Ok(());
        }
        let shared = &self.inner.shared;
        shared.check_process()?;
        match Turn::take(shared, Wait::Forever)? {
            Some(mut turn) => turn.sync(),
            None => bail!(Busy, "another process is writing; try again when it has committed"),
        }
    }

    /// The absolute path of the file; `None` in memory.
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// The readers that hold snapshots, in this process and others.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// let read = db.read()?;
    /// let readers = db.readers()?;
    /// assert_eq!(readers.len(), 1);
    /// assert_eq!(readers[0].transaction, read.transaction());
    /// assert_eq!(db.held_bytes(&readers[0])?, 0);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Io` if the lock file cannot be read.
    pub fn readers(&self) -> Result<Vec<ReaderInfo>> {
        self.inner.shared.check_process()?;
        self.inner.shared.readers.list()
    }

    /// The bytes of the file that only the snapshot of this reader keeps from reuse: it reaches
    /// them and the newest state does not. 0 if the reader has ended meanwhile. Two readers may
    /// keep the same bytes. O(branches).
    ///
    /// # Errors
    /// `Busy` if the reader is still entering the reader table, so that it does not hold the state
    /// that it names: try again. `Corrupt` if a branch of the newest state cannot be read; `Io` if
    /// the lock file cannot be used.
    pub fn held_bytes(&self, reader: &ReaderInfo) -> Result<u64> {
        let shared = &self.inner.shared;
        for _ in 0..HELD_LOOKS {
            let newest = self.read()?;
            let space = match ReadTransaction::of_held(shared, reader.transaction) {
                Ok(None) => return Ok(0),
                Ok(Some(held)) => derive_free_space(&shared.pages, newest.meta(), &[*held.meta()]),
                Err(error) => Err(error),
            };
            match space {
                // A reader enters the table, then checks whether its state is still the newest. In
                // between, a writer may reuse pages of that state, and the reader takes a newer
                // one. The same can happen if the reader has left since. So an unreadable state, or
                // one beyond the end of the file, may only mean that no reader holds it any more.
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Truncated) => {
                    derive_free_space(&shared.pages, newest.meta(), &[])?;
                }
                space => return space.map(|space| space.held_bytes()),
            }
            drop(newest);
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!(
            Busy,
            "process {} names state {} in the reader table, and does not hold it yet; ask again. If that goes on, a \
             page of that state is damaged: `check` names it while the state is the newest",
            reader.process,
            reader.transaction
        )
    }

    /// The length of the file in bytes.
    pub(crate) fn file_bytes(&self) -> Result<u64> {
        let storage = self.inner.shared.pages.storage();
        storage.refresh().map_err(|error| Error::io("cannot ask for the file's length", error))
    }

    /// The measures of the whole database. O(branches).
    ///
    /// # Errors
    /// `Corrupt` if a table cannot be read.
    pub fn stats(&self) -> Result<DatabaseStats> {
        let read = self.read()?;
        let names = read.table_names()?;
        let mut table_bytes = 0;
        for name in &names {
            let stats = read.table::<Dyn>(name)?.stats()?;
            table_bytes += stats.leaf_bytes + stats.branch_bytes;
        }
        let file_bytes = self.file_bytes()?;
        Ok(DatabaseStats { file_bytes, table_bytes, tables: names.len(), transaction: read.transaction() })
    }
}

/// The measures of a database, from [`Database::stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseStats {
    /// The length of the file in bytes.
    pub file_bytes: u64,
    /// Bytes of the file that tables take.
    pub table_bytes: u64,
    /// The number of tables.
    pub tables: usize,
    /// The number of the newest transaction.
    pub transaction: u64,
}

/// Handles, snapshots and tables can be sent to any thread.
const _: () = {
    const fn sendable<T: Send + Sync>() {}
    sendable::<Database>();
    sendable::<ReadTransaction>();
    sendable::<WriteTransaction>();
    sendable::<crate::table::Table<'static, crate::table::Dyn>>();
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_longer_than_time_lasts_is_waiting_for_ever() {
        let db = Database::in_memory().unwrap();
        assert!(db.try_write_for(Duration::MAX).is_ok());
    }
}
