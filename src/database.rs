//! Opening a database, and beginning transactions.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tempfile::TempDir;

use crate::error::{Error, ErrorKind, Result, fail};
use crate::page::{
    Commits, Durability, FIRST_ADDRESS, LOCK_FILE_BYTES, LOCK_FILE_LIMIT, LOCK_FILE_MAGIC, Meta, Pages,
    ReaderInfo, Readers, create_meta,
};
use crate::storage::{self, Claim, LockFile, MappedFile, NewFile, OsLockFile, Process, Rights, Storage};
use crate::table::RowKind;
use crate::transaction::{
    OwnedTable, ReadTransaction, Shared, Turn, Wait, WriteTransaction, WriterPlace, WriterState,
    derive_free_space,
};

/// Address space reserved over a file, unless the options say otherwise: room for thousands of databases in the 128 TiB that a
/// process has.
const RESERVE_BYTES: u64 = 16 << 30;
/// How often opening starts over because another process makes or deletes the file meanwhile.
const OPENINGS: usize = 10;
/// How often it looks for a lock file that another process may be making this moment, a millisecond apart.
const LOOKS: usize = 20;
/// How often a state is looked at that a reader may only be about to hold, a millisecond apart.
const HELD_LOOKS: usize = 5;
/// How often `wait_newer` looks, at least.
const NEWER_LOOK: Duration = Duration::from_millis(2);
/// Memory for the edits of a write transaction, unless the options say otherwise.
const MEMORY_BYTES: usize = 256 << 20;

/// An open database: a file, or memory. Cloning gives another handle to the same.
///
/// It is `Send` and `Sync`. Opening takes the same time at any size, after a crash too.
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
/// // SAFETY: nothing but Drystone writes this file while it is open.
/// let db = unsafe { Database::open("points.dry")? };
/// let write = db.write()?;
/// let mut points = write.create_table::<Point>("points")?;
/// points.push(&Point { x: 1, y: 2, z: 3 })?;
/// drop(points);
/// write.commit()?;
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
    /// Of this handle; another one of the same file may write.
    read_only: bool,
}

struct Inner {
    shared: Arc<Shared>,
    path: Option<PathBuf>,
    read_only: bool,
    /// Of a temporary database: deleted when all else is closed.
    folder: OnceLock<TempDir>,
}

/// The databases that this process has open, by device and inode: a file opened twice, under whatever name, is one handle.
static OPEN: LazyLock<Mutex<OpenFiles>> = LazyLock::new(Mutex::default);
type OpenFiles = HashMap<(u64, u64), Weak<Inner>>;

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.path {
            Some(path) => write!(f, "Database({path:?})"),
            None => f.write_str("Database(in memory)"),
        }
    }
}

impl Database {
    /// Opens a database file, or makes one where there is none.
    ///
    /// # Safety
    /// While the file is open, in this process or another, nothing but Drystone may write it or cut it. Rows are handed out as
    /// references into the mapped file: bytes that change under a reference are undefined behaviour, and a file that is cut short ends
    /// the process with a signal. A file that is damaged or hostile *before* it is opened is safe: it gives errors.
    ///
    /// # Who else may have it open
    /// - *This process:* all handles are one, by whatever name the file was opened, a symbolic or a hard link too.
    /// - *Other processes:* any number; they find each other in the lock file, `points.dry-lock` beside the file that a symbolic link leads
    ///   to. By a hard link they would find another one, and are refused (`Usage`), as they are after the lock file was deleted.
    /// - *A forked child:* it opens the file anew; the handles that it has from its parent are refused (`Usage`).
    ///
    /// A folder in which the lock file cannot be made, a lock file or a file that this process may not write, and a file system without locks are
    /// errors (`Io`); [`OpenOptions::read_only`] opens them to read. Network file systems are not supported.
    ///
    /// # Errors
    /// A kind of its own for each: `NotADatabase`, `EmptyFile`, `Truncated`, `FutureFormat`, `Corrupt`, `NotFound` (a folder on the
    /// way), `Io` (a directory, missing rights).
    #[expect(unsafe_code, reason = "hands on the contract of a mapped file")]
    pub unsafe fn open(path: impl AsRef<Path>) -> Result<Database> {
        // SAFETY: the caller keeps this function's contract, which is that one's.
        unsafe { OpenOptions::new().open(path) }
    }

    /// A database in a new file in the system's folder for temporary files, deleted with the last handle: for
    /// tests that shall meet a real file.
    ///
    /// ```
    /// let db = drystone::Database::temporary()?;
    /// assert!(db.path().is_some_and(|path| path.exists()));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Io` if the file cannot be made.
    #[expect(unsafe_code, reason = "keeps the contract of a mapped file")]
    pub fn temporary() -> Result<Database> {
        let folder = tempfile::Builder::new().prefix("drystone-").tempdir();
        let folder =
            folder.map_err(|error| Error::io("cannot make a folder for a temporary database", error))?;
        // SAFETY: the folder is new, its name is random, and only this user may enter it: nobody else knows of the
        // file, and it is deleted with its folder when the last handle is gone.
        let db = unsafe { Database::open(folder.path().join("temporary.dry"))? };
        let _ = db.inner.folder.set(folder);
        Ok(db)
    }

    /// A database in memory, with the same behaviour: it goes with the last handle.
    ///
    /// # Errors
    /// `Io` if the system gives no memory or address space.
    pub fn in_memory() -> Result<Database> {
        OpenOptions::new().in_memory()
    }

    /// Begins to read: takes a snapshot of the newest state. Never waits.
    ///
    /// # Errors
    /// `Usage` in a process that was forked off after opening; `Io` if the lock file cannot be used.
    pub fn read(&self) -> Result<ReadTransaction> {
        ReadTransaction::begin(&self.inner.shared)
    }

    /// Opens a table in a snapshot of its own, which it keeps: for a struct, a web handler, or an iterator
    /// that a function returns. See [`OwnedTable`].
    ///
    /// # Errors
    /// As for [`read`](Database::read) and [`ReadTransaction::table`].
    pub fn table<R: RowKind>(&self, name: &str) -> Result<OwnedTable<R>> {
        OwnedTable::new(self.read()?, name)
    }

    /// Waits until there is a newer state than a snapshot's, by a commit of this process or another, and
    /// at most this long. Returns whether there is.
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

    /// Runs `change` in a write transaction and commits it. If `change` returns an error or panics, nothing
    /// is changed. Returns what `change` returns.
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
    /// What `change` returns; else as for [`write`](Database::write) and [`WriteTransaction::commit`].
    pub fn update<A>(&self, change: impl FnOnce(&WriteTransaction) -> Result<A>) -> Result<A> {
        let write = self.write()?;
        let value = change(&write)?;
        write.commit()?;
        Ok(value)
    }

    /// Makes all commits durable and closes the database: what dropping the last handle does without a word
    /// where it fails.
    ///
    /// # Errors
    /// As for [`sync`](Database::sync). `Busy` if other handles, snapshots or transactions of this process
    /// still use the database: they go on to work, and the last of them closes it.
    pub fn close(self) -> Result<()> {
        self.sync()?;
        let (handles, users) =
            (Arc::strong_count(&self.inner) - 1, Arc::strong_count(&self.inner.shared) - 1);
        if handles + users > 0 {
            fail!(
                Busy,
                "the database is still used by {handles} other handles and {users} transactions or owned tables of \
                 this process; the last of them closes it"
            );
        }
        Ok(())
    }

    /// Begins to write, as soon as nobody else does, in this process or another.
    ///
    /// The first one after opening walks the branches (under 0.5 % of the file) to find the free space.
    ///
    /// # Errors
    /// `Usage` if the database is read-only, after a fork, or if this thread has a write transaction open, so that it would
    /// wait for itself. A transaction belongs to the thread that last used it. `Corrupt` if the state of the file does not allow to write; `Poisoned`
    /// after a failed sync.
    pub fn write(&self) -> Result<WriteTransaction> {
        match self.begin(Wait::Forever)? {
            Some(transaction) => Ok(transaction),
            None => fail!(Busy, "somebody else is writing"),
        }
    }

    /// Begins to write if nobody else does; `None` if somebody does.
    ///
    /// # Errors
    /// As for [`write`](Database::write).
    pub fn try_write(&self) -> Result<Option<WriteTransaction>> {
        self.begin(Wait::Not)
    }

    /// Begins to write, and waits for other writers so long at most.
    ///
    /// # Errors
    /// `Busy` when the time is over; else as for [`write`](Database::write).
    pub fn try_write_for(&self, timeout: Duration) -> Result<WriteTransaction> {
        let wait = Instant::now().checked_add(timeout).map_or(Wait::Forever, Wait::Until);
        match self.begin(wait)? {
            Some(transaction) => Ok(transaction),
            None => fail!(Busy, "somebody else was writing for all of {timeout:?}"),
        }
    }

    fn begin(&self, wait: Wait) -> Result<Option<WriteTransaction>> {
        if self.read_only {
            fail!(Usage, "the database is open read-only; open it without OpenOptions::read_only to write");
        }
        let (shared, database) = (&self.inner.shared, Arc::clone(&self.inner));
        WriteTransaction::begin(shared, database, wait, self.durability, self.memory_bytes)
    }

    /// Makes commits of [`Durability::Eventual`] durable that are not yet. Takes the turn of a writer for it, and waits
    /// for that as [`write`](Database::write) does.
    ///
    /// # Errors
    /// `Poisoned` if the sync fails; `Usage` if this thread has a write transaction open, or after a fork.
    pub fn sync(&self) -> Result<()> {
        if self.read_only {
            return Ok(());
        }
        let shared = &self.inner.shared;
        shared.check_process()?;
        match Turn::take(shared, Wait::Forever)? {
            Some(mut turn) => turn.sync(),
            None => fail!(Busy, "another process is writing; try again when it has committed"),
        }
    }

    /// The file, if there is one, as an absolute path.
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Who holds snapshots, in this process and others.
    ///
    /// # Errors
    /// `Io` if the lock file cannot be read.
    pub fn readers(&self) -> Result<Vec<ReaderInfo>> {
        self.inner.shared.check_process()?;
        self.inner.shared.readers.list()
    }

    /// The bytes of the file that a reader's snapshot keeps: what it reaches and the newest state does not. 0 if it has ended
    /// meanwhile. Two readers may keep the same bytes. O(branches).
    ///
    /// # Errors
    /// `Busy` if the reader has only begun to enter the reader table, so that it does not hold what it
    /// names yet: ask again. `Corrupt` if a branch of the newest state cannot be read; `Io` if the lock
    /// file cannot be used.
    pub fn held_bytes(&self, reader: &ReaderInfo) -> Result<u64> {
        let shared = &self.inner.shared;
        for _ in 0..HELD_LOOKS {
            let newest = self.read()?;
            let Some(held) = ReadTransaction::of_held(shared, reader.transaction)? else { return Ok(0) };
            let space = derive_free_space(&shared.pages, newest.meta(), &[*held.meta()]);
            match space {
                // A reader enters the table, then looks whether the state is still the newest. In between, a
                // writer may use the pages of that state, and the reader takes a newer one. So may a writer
                // where the reader left before this look.
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    derive_free_space(&shared.pages, newest.meta(), &[])?;
                }
                space => return space.map(|space| space.held_bytes()),
            }
            drop((held, newest));
            std::thread::sleep(Duration::from_millis(1));
        }
        fail!(
            Busy,
            "process {} names state {} in the reader table, and does not hold it yet; ask again. If that goes on, a \
             page of that state is damaged: `check` names it while the state is the newest",
            reader.process,
            reader.transaction
        )
    }

    /// The length of the file.
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
            let stats = read.table_stats(name)?;
            table_bytes += stats.leaf_bytes + stats.branch_bytes;
        }
        let file_bytes = self.file_bytes()?;
        Ok(DatabaseStats { file_bytes, table_bytes, tables: names.len(), transaction: read.transaction() })
    }
}

/// The measures of a database, as [`Database::stats`] finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseStats {
    /// The length of the file.
    pub file_bytes: u64,
    /// Bytes that the tables take in it.
    pub table_bytes: u64,
    /// Tables.
    pub tables: usize,
    /// The number of the newest transaction.
    pub transaction: u64,
}

/// How a database is opened.
///
/// ```no_run
/// use drystone::{Durability, OpenOptions};
///
/// let options = OpenOptions::new().create(false).durability(Durability::Eventual).memory_bytes(64 << 20);
/// // SAFETY: nothing but Drystone writes this file while it is open.
/// let db = unsafe { options.open("points.dry")? };
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    create: bool,
    read_only: bool,
    durability: Durability,
    memory_bytes: usize,
    reserve_bytes: Option<u64>,
    mode: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions::new()
    }
}

impl OpenOptions {
    /// Opens to read and write, makes the file where there is none, commits durably.
    pub fn new() -> OpenOptions {
        OpenOptions {
            create: true,
            read_only: false,
            durability: Durability::Immediate,
            memory_bytes: MEMORY_BYTES,
            reserve_bytes: None,
            mode: 0o600,
        }
    }

    /// Whether a file is made where there is none.
    #[must_use]
    pub fn create(mut self, create: bool) -> OpenOptions {
        self.create = create;
        self
    }

    /// Opens without the right to write. The lock file is still used, so that writers keep what is read. Where it cannot be made or
    /// written, the state at opening is read throughout; a lock on the file itself keeps writers from opening it meanwhile, and while one has it
    /// open, opening it so is refused (`Busy`). Where the file system has no locks, nobody can open it to write.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> OpenOptions {
        self.read_only = read_only;
        self
    }

    /// What commits promise, unless a transaction says otherwise.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> OpenOptions {
        self.durability = durability;
        self
    }

    /// How much memory the edits of a write transaction may take before they are written to unused pages. 256 MiB by default.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: usize) -> OpenOptions {
        self.memory_bytes = bytes;
        self
    }

    /// Address space to reserve, so that the file can grow to this length without being mapped again. A file that outgrows it is mapped
    /// again, with twice as much; the first mapping stays until the database is closed. By default 16 GiB, or four times the file if
    /// that is more; read-only, the length of the file. Less where the system grants less.
    #[must_use]
    pub fn reserve_bytes(mut self, bytes: u64) -> OpenOptions {
        self.reserve_bytes = Some(bytes);
        self
    }

    /// The rights of a file that is made, and of its lock file, whatever the umask is: 0600, the owner's alone, by default. A lock file
    /// that is made beside an existing database gets the rights of that one, and its owner where the process is root.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> OpenOptions {
        self.mode = mode;
        self
    }

    /// A database in memory.
    ///
    /// # Errors
    /// `Io` if the system gives no memory or address space.
    pub fn in_memory(&self) -> Result<Database> {
        let failed = |error| Error::io("cannot make a database in memory", error);
        let file = MappedFile::anonymous(FIRST_ADDRESS, self.reserve(FIRST_ADDRESS)).map_err(failed)?;
        file.write_at(0, &create_meta(new_file_id(), 1)).map_err(failed)?;
        self.over(Box::new(file))
    }

    /// A database that no other process can reach.
    pub(crate) fn over(&self, storage: Box<dyn Storage>) -> Result<Database> {
        let pages = Pages::new(storage);
        let newest = Commits::recover(&pages)?;
        Ok(self.database(pages, Readers::alone(newest), newest, None))
    }

    /// A database that other processes reach too, by this lock file.
    #[cfg(feature = "simulation")]
    pub(crate) fn over_shared(
        &self,
        storage: Box<dyn Storage>,
        lock: Box<dyn storage::LockFile>,
    ) -> Result<Database> {
        let pages = Pages::new(storage);
        let recover = || Commits::recover(&pages);
        let readers = Readers::join(lock, (0, 0), recover, |newest| Commits::adopt(&pages, newest))?;
        let newest = readers.newest();
        Ok(self.database(pages, readers, newest, None))
    }

    /// Opens a database file.
    ///
    /// # Safety
    /// That of [`Database::open`]: nothing but Drystone writes or cuts the file while it is open.
    ///
    /// # Errors
    /// As for [`Database::open`]; `NotFound` if there is no file and none is to be made.
    #[expect(unsafe_code, reason = "hands on the contract of a mapped file")]
    pub unsafe fn open(&self, path: impl AsRef<Path>) -> Result<Database> {
        let given = path.as_ref();
        let place = |error: Error| error.within(format!("{given:?}"));
        let failed = |error| Error::io(format!("cannot open {given:?}"), error);
        // The process may go to another folder while the database is open.
        let path = &std::path::absolute(given).map_err(failed)?;
        let reserve = |len| self.reserve(len);
        // One at a time, so that two threads do not both open the file and lock each other out.
        let mut open = OPEN.lock();
        for _ in 0..OPENINGS {
            // SAFETY: the caller keeps the contract.
            let opened = unsafe { MappedFile::open(path, self.read_only, reserve) };
            let (file, new) = match opened {
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.create && !self.read_only => {
                    let cannot = |error| Error::io(format!("cannot create {given:?}"), error);
                    let new = match self.new_file(path) {
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                        new => new.map_err(cannot)?,
                    };
                    let unnamed = new.path_until_kept();
                    // SAFETY: the caller keeps the contract, and the file has no name yet.
                    let file = unsafe { MappedFile::open(&unnamed, false, reserve) }.map_err(cannot)?;
                    (file, Some(new))
                }
                opened => (opened.map_err(failed)?, None),
            };
            let identity = file.identity().map_err(failed)?;
            // What a forked child has of its parent's handles does not count.
            if let Some(inner) = open.get(&identity).and_then(Weak::upgrade)
                && inner.shared.check_process().is_ok()
            {
                if inner.read_only && !self.read_only {
                    fail!(
                        Usage,
                        "{given:?} is open read-only in this process; close that handle to open it for writing"
                    );
                }
                return Ok(self.with_inner(inner));
            }
            Commits::recognise(&file).map_err(place)?;
            let created = new.is_some();
            match self.join(path, identity, file, new) {
                // Another process has made the file meanwhile.
                Err(_) if created && path.exists() => {}
                Err(error) => return Err(place(error)),
                Ok(database) => {
                    open.retain(|_, inner| inner.strong_count() > 0);
                    open.insert(identity, Arc::downgrade(&database.inner));
                    return Ok(database);
                }
            }
        }
        fail!(Busy, "{given:?}: the file is made and deleted all the while; try again")
    }

    /// How much address space to reserve over a file of this length.
    fn reserve(&self, len: u64) -> u64 {
        match self.reserve_bytes {
            Some(bytes) => bytes,
            // It grows only if others write it, and is mapped again then.
            None if self.read_only => len,
            None => RESERVE_BYTES.max(len.saturating_mul(4)),
        }
    }

    /// A new database that has no name yet.
    fn new_file(&self, path: &Path) -> io::Result<NewFile> {
        let new = Arc::new(NewFile::new(&storage::real_path(path), self.mode)?);
        new.grow(FIRST_ADDRESS)?;
        new.write_at(0, &create_meta(new_file_id(), 1))?;
        Arc::into_inner(new).ok_or_else(|| io::Error::other("the new file is in use"))
    }

    /// A database in a new file that gets its name, which this is, when it is kept. No other process can reach it until then.
    #[expect(unsafe_code, reason = "maps a file that nobody else knows")]
    pub(crate) fn unnamed(&self, path: &Path) -> Result<(Database, NewFile)> {
        let failed = |error| cannot_make(path, error);
        let new = self.new_file(path).map_err(failed)?;
        let unnamed = new.path_until_kept();
        // SAFETY: the file has no name, so nothing but this handle writes it.
        let file = unsafe { MappedFile::open(&unnamed, false, |len| self.reserve(len)) }.map_err(failed)?;
        let pages = Pages::new(Box::new(file));
        let newest = Commits::recover(&pages)?;
        let path = std::path::absolute(path).map_err(failed)?;
        Ok((self.database(pages, Readers::alone(newest), newest, Some(&path)), new))
    }

    /// Joins those who have the file open. Nothing is made before it is certain that the file can be opened: the lock file not,
    /// and a new database gets its name last.
    fn join(
        &self,
        path: &Path,
        identity: (u64, u64),
        file: MappedFile,
        new: Option<NewFile>,
    ) -> Result<Database> {
        let lock = self.claim(&lock_path(path), &file)?;
        let pages = Pages::new(Box::new(file));
        let new = Mutex::new(new);
        let recover = || {
            let newest = Commits::recover(&pages)?;
            if let Some(new) = new.lock().take() {
                new.keep().map_err(|error| Error::io("cannot give the new file its name", error))?;
            }
            Ok(newest)
        };
        let readers = match lock {
            Some(lock) => {
                Readers::join(Box::new(lock), identity, recover, |newest| Commits::adopt(&pages, newest))?
            }
            None => Readers::alone(recover()?),
        };
        let newest = readers.newest();
        Ok(self.database(pages, readers, newest, Some(path)))
    }

    /// The lock file beside the database, which nobody uses in a way that does not go together with ours; `None` where
    /// there can be no lock file, and the database is only read.
    fn claim(&self, lock_path: &Path, file: &MappedFile) -> Result<Option<OsLockFile>> {
        let (lock, why) = match self.lock_file(lock_path, file)? {
            Ok(lock) => (Some(lock), String::new()),
            Err(error) if self.read_only => (None, error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && lock_path.exists() => {
                let doing = format!(
                    "cannot use the lock file {lock_path:?}, which every process that opens the database must be able to write; \
                     give it the owner and the mode of the database, or delete it while nobody has the database open"
                );
                return Err(Error::io(doing, error));
            }
            Err(error) => return Err(Error::io(format!("cannot use the lock file {lock_path:?}"), error)),
        };
        match file.claim(lock.as_ref(), !self.read_only) {
            Ok(Claim::Granted) => Ok(lock),
            Ok(Claim::Writers) => fail!(
                Busy,
                "cannot use the lock file {lock_path:?} ({why}), and a process that may write has the database open; \
                 give this one the right to write the lock file, or close that one"
            ),
            Ok(refusal) => refused(lock_path, refusal).map(|()| lock),
            // A file system without locks: nobody can have it open to write, because that needs them.
            Err(error) if self.read_only && storage::has_no_locks(&error) => Ok(None),
            Err(error) => Err(no_locks(error)),
        }
    }

    /// The lock file at this path. Where there is none, it is made, but not before it is certain that the database is sound and
    /// nobody else keeps it from being opened. The inner error is one of the system, which does not keep anybody from reading.
    fn lock_file(&self, lock_path: &Path, file: &MappedFile) -> Result<io::Result<OsLockFile>> {
        for look in 0..LOOKS {
            match OsLockFile::open(lock_path, &LOCK_FILE_MAGIC, LOCK_FILE_LIMIT) {
                Ok(lock) if lock.len().is_ok_and(|len| len >= LOCK_FILE_BYTES) => return Ok(Ok(lock)),
                // Empty, or never used.
                Ok(lock) => {
                    Commits::inspect(file)?;
                    return Ok(lock.reserve(LOCK_FILE_BYTES).map(|()| lock));
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidData => fail!(
                    Usage,
                    "{lock_path:?} is where the lock file of the database belongs, but it is not a lock file: it does not begin \
                     with \"drylock1\"; move it away, or give the database another name"
                ),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Ok(Err(error)),
                Err(_) => {}
            }
            match file.look_for_others(!self.read_only) {
                // Another process may have just made its lock file.
                Ok(Claim::OtherLockFile) if look + 1 < LOOKS => {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Ok(claim) => refused(lock_path, claim)?,
                Err(error) if self.read_only => return Ok(Err(error)),
                Err(error) => return Err(no_locks(error)),
            }
            Commits::inspect(file)?;
            match self.make_lock_file(lock_path, file) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Ok(Err(error)),
                _ => {}
            }
        }
        fail!(Busy, "the lock file {lock_path:?} is made and deleted all the while; try again")
    }

    fn make_lock_file(&self, lock_path: &Path, file: &MappedFile) -> io::Result<()> {
        let rights = file.rights_beside()?;
        // Only root can give files away. A writer makes the lock file for the group of the database then, or for itself. A reader
        // leaves no file behind that might keep the owner out.
        let less = [Rights { user: None, ..rights }, Rights { user: None, group: None, ..rights }];
        let mut made = OsLockFile::create(lock_path, rights, LOCK_FILE_BYTES);
        for rights in less.into_iter().filter(|_| !self.read_only) {
            if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
                made = OsLockFile::create(lock_path, rights, LOCK_FILE_BYTES);
            }
        }
        made
    }

    fn database(&self, pages: Pages, readers: Readers, newest: Meta, path: Option<&Path>) -> Database {
        // The path is absolute; TMPDIR need not be.
        let scratch = match path.and_then(Path::parent) {
            Some(folder) => folder.to_owned(),
            None => std::path::absolute(std::env::temp_dir()).unwrap_or_else(|_| std::env::temp_dir()),
        };
        let shared = Shared {
            pages: Arc::new(pages),
            readers,
            writer: WriterPlace::new(WriterState { commits: Commits::new(newest), allocator: None }),
            scratch,
            process: Process::this(),
        };
        self.with_inner(Arc::new(Inner {
            shared: Arc::new(shared),
            path: path.map(Path::to_owned),
            read_only: self.read_only,
            folder: OnceLock::new(),
        }))
    }

    fn with_inner(&self, inner: Arc<Inner>) -> Database {
        let (durability, memory_bytes, read_only) = (self.durability, self.memory_bytes, self.read_only);
        Database { inner, durability, memory_bytes, read_only }
    }
}

/// An error for a file that is to be new.
pub(crate) fn cannot_make(path: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Error::new(
            ErrorKind::AlreadyExists,
            format!("{path:?} exists already; name a file that does not"),
        );
    }
    Error::io(format!("cannot write {path:?}"), error)
}

/// Why a database cannot be opened that others use in a way that does not go together with ours.
fn refused(lock_path: &Path, claim: Claim) -> Result<()> {
    match claim {
        Claim::OtherLockFile => fail!(
            Usage,
            "the file is open with another lock file than {lock_path:?}: by another name (a hard link, or it was renamed), or its \
             lock file was moved or deleted; open it by the same name, or close its users first"
        ),
        Claim::LoneReaders => fail!(
            Busy,
            "a process that cannot use the lock file reads the database, so it must not be written; close that one first, \
             or give it the right to write {lock_path:?}"
        ),
        Claim::Granted | Claim::Writers => Ok(()),
    }
}

fn no_locks(error: io::Error) -> Error {
    Error::io(
        "cannot lock the file; where the file system has no locks, it can be opened with OpenOptions::read_only only",
        error,
    )
}

/// `points.dry` has `points.dry-lock` beside it.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = storage::real_path(path).into_os_string();
    name.push("-lock");
    PathBuf::from(name)
}

/// Tells database files apart. It need not be secret, only different.
pub(crate) fn new_file_id() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let (high, low) = (RandomState::new().hash_one(now), RandomState::new().hash_one(std::process::id()));
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}

/// Handles, snapshots and tables go to any thread.
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
