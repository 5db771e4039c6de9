//! Opening a database: `OpenOptions`, the lock file, and the registry of databases open in this
//! process. It claims the file and asks `commit` for the newest state; it reads no pages itself.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::{Database, Inner};
use crate::commit::{
    Commits, Durability, LOCK_FILE_BYTES, LOCK_FILE_LIMIT, LOCK_FILE_MAGIC, Meta, Readers, create_meta,
};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::page::{FIRST_ADDRESS, Pages};
use crate::storage::{
    self, Claim, LockFile, MappedFile, NewFile, OsLockFile, PerProcess, Process, Rights, Storage,
};
use crate::transaction::{Shared, WriteTransaction, WriterPlace, WriterState};

/// Address space that is reserved for a file by default. The 128 TiB of a process have room for
/// thousands of databases.
const RESERVE_BYTES: u64 = 16 << 30;
/// How often opening starts again because another process creates or deletes the file meanwhile.
const OPENINGS: usize = 10;
/// How often it looks for a lock file that another process may be creating, one millisecond apart.
const LOOKS: usize = 20;
/// Memory for the edits of a write transaction by default.
const MEMORY_BYTES: usize = 1 << 30;

/// The databases that this process has open, by device and inode. A file that is opened twice,
/// under whatever names, has one entry.
static OPEN: PerProcess<Mutex<OpenFiles>> = PerProcess::new();
type OpenFiles = HashMap<(u64, u64), Weak<Inner>>;

/// Options for opening a database.
///
/// ```no_run
/// use drystone::{Durability, OpenOptions};
///
/// let options = OpenOptions::new()
///     .create(false)
///     .durability(Durability::Eventual)
///     .memory_bytes(64 << 20);
/// // SAFETY: only Drystone writes this file while it is open.
/// let db = unsafe { options.open("points.dry")? };
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
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
    /// Read and write, create the file if there is none, commit durably.
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

    /// Whether to create the file if there is none. The default is `true`.
    pub fn create(mut self, create: bool) -> OpenOptions {
        self.create = create;
        self
    }

    /// Opens the database for reading only. The lock file is still used, so that writers keep what
    /// is read. If it cannot be created or written, this handle stays at the state of the moment of
    /// opening, and a lock on the file itself keeps writers out. So opening is refused (`Busy`)
    /// while a writer has the file open. On a file system without locks the file cannot be
    /// opened for writing.
    pub fn read_only(mut self, read_only: bool) -> OpenOptions {
        self.read_only = read_only;
        self
    }

    /// What commits promise, unless a transaction says otherwise. The default is
    /// [`Durability::Immediate`].
    pub fn durability(mut self, durability: Durability) -> OpenOptions {
        self.durability = durability;
        self
    }

    /// Bytes of memory for the edits of a write transaction. Beyond that they are written to unused
    /// pages, which costs a write of each edited leaf every time. The default is 1 GiB.
    pub fn memory_bytes(mut self, bytes: usize) -> OpenOptions {
        self.memory_bytes = bytes;
        self
    }

    /// Bytes of address space to reserve, so that the file can grow to this length without a second
    /// mapping. A file that outgrows it gets a second mapping of twice the size; the first one
    /// stays until the database is closed. The default is 16 GiB, or four times the file if that is
    /// more; read-only, the length of the file. It is less if the system grants less.
    pub fn reserve_bytes(mut self, bytes: u64) -> OpenOptions {
        self.reserve_bytes = Some(bytes);
        self
    }

    /// The mode of a new file and of its lock file, whatever the umask is. The default is 0600:
    /// only the owner. A lock file beside an existing database gets the mode of that database, and
    /// its owner if the process is root.
    pub fn mode(mut self, mode: u32) -> OpenOptions {
        self.mode = mode;
        self
    }

    /// Creates a database in memory.
    ///
    /// # Errors
    /// `Io` if the system grants no memory or address space.
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

    /// A database that other processes reach too, through this lock file.
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
    /// As for [`Database::open`]: only Drystone writes or truncates the file while it is
    /// open.
    ///
    /// # Errors
    /// As for [`Database::open`]; `FileNotFound` if there is no file and `create` is `false`.
    #[expect(unsafe_code, reason = "hands on the contract of a mapped file")]
    pub unsafe fn open(&self, path: impl AsRef<Path>) -> Result<Database> {
        let given = path.as_ref();
        let place = |error: Error| error.within(format!("{given:?}"));
        let failed = |error| Error::io(format!("cannot open {given:?}"), error);
        // The process may change its working directory while the database is open.
        let path = &std::path::absolute(given).map_err(failed)?;
        let reserve = |len| self.reserve(len);
        // One thread at a time, so that two threads do not open the file twice and lock each other
        // out.
        let mut open = OPEN.get().lock();
        for _ in 0..OPENINGS {
            // SAFETY: the caller keeps the contract.
            let opened = unsafe { MappedFile::open(path, self.read_only, reserve) };
            let (file, new) = match opened {
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.create && !self.read_only => {
                    let cannot = |error| Error::io(format!("cannot create {given:?}"), error);
                    let new = match self.new_file(path, new_file_id()) {
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
            // Handles that a forked child has from its parent do not count.
            if let Some(inner) = open.get(&identity).and_then(Weak::upgrade)
                && inner.shared.check_process().is_ok()
            {
                if inner.read_only && !self.read_only {
                    bail!(
                        Usage,
                        "{given:?} is open read-only in this process; close that handle to open it for writing"
                    );
                }
                return Ok(self.with_inner(inner));
            }
            Commits::recognise(&file).map_err(place)?;
            let created = new.is_some();
            match self.join(path, identity, file, new) {
                // Another process has created the file meanwhile.
                Err(_) if created && path.exists() => {}
                Err(error) => return Err(place(error)),
                Ok(database) => {
                    open.retain(|_, inner| inner.strong_count() > 0);
                    open.insert(identity, Arc::downgrade(&database.inner));
                    return Ok(database);
                }
            }
        }
        bail!(Busy, "{given:?}: the file is made and deleted all the while; try again")
    }

    /// Creates a database file with what `fill` puts into it, in one transaction. The file gets its
    /// name, and its lock file, when all of it is durable. Until then no other process can open it,
    /// and after an error, a panic or the end of the process there is no file. (A file system
    /// without unnamed files keeps a hidden file called `.drystone-…` of a process that was
    /// killed.)
    ///
    /// Returns the value of `fill`. The database is not open after that.
    ///
    /// ```
    /// use drystone::{ErrorKind, OpenOptions};
    ///
    /// # let folder = drystone::Database::temporary()?;
    /// # let folder = folder.path().unwrap();
    /// let path = folder.with_file_name("points.dry");
    /// let failed = OpenOptions::new().create_with(&path, |tx| {
    ///     let mut points = tx.create_dyn_table("points", &"x: i32".parse()?)?;
    ///     points.push(&drystone::RowBuf::new(&"y: i32".parse()?))
    /// });
    /// assert_eq!(failed.unwrap_err().kind(), ErrorKind::Schema);
    /// assert!(!path.exists());
    ///
    /// let table = |tx: &drystone::WriteTransaction| {
    ///     tx.create_dyn_table("points", &"x: i32".parse()?).map(drop)
    /// };
    /// OpenOptions::new().create_with(&path, table)?;
    /// assert!(path.exists());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// The error of `fill`; `AlreadyExists` if there is such a file, also if another process has
    /// made it meanwhile: that file stays as it is; `Usage` if the place of the lock file is taken;
    /// `ReadOnly` with [`read_only`](OpenOptions::read_only); `Io` if the disk is full or the
    /// folder cannot be written.
    pub fn create_with<A>(
        &self,
        path: impl AsRef<Path>,
        fill: impl FnOnce(&WriteTransaction) -> Result<A>,
    ) -> Result<A> {
        let given = path.as_ref();
        // The process may change its working directory meanwhile.
        let path = &std::path::absolute(given).map_err(|error| cannot_make(given, error))?;
        let lock_path = lock_path(path);
        match OsLockFile::open(&lock_path, &LOCK_FILE_MAGIC, LOCK_FILE_LIMIT) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return no_lock_file(&lock_path),
            _ => {}
        }
        let (db, file) = self.unnamed(path, new_file_id())?;
        let filled = db.update(fill)?;
        // Other processes may write the file when it has its name, so no handle may be left.
        db.close()?;
        file.keep().map_err(|error| cannot_make(given, error))?;
        // If that fails, the next process that opens the database creates it, or one just has.
        let rights = Rights { mode: self.mode & 0o666 | 0o600, user: None, group: None };
        let _ = OsLockFile::create(&lock_path, rights, LOCK_FILE_BYTES);
        Ok(filled)
    }

    /// Bytes of address space to reserve for a file of this length.
    fn reserve(&self, len: u64) -> u64 {
        match self.reserve_bytes {
            Some(bytes) => bytes,
            // The file grows only if others write it. Then it is mapped again.
            None if self.read_only => len,
            None => RESERVE_BYTES.max(len.saturating_mul(4)),
        }
    }

    /// A new database file without a name.
    fn new_file(&self, path: &Path, id: [u8; 16]) -> io::Result<NewFile> {
        let new = Arc::new(NewFile::new(&storage::real_path(path), self.mode)?);
        new.grow(FIRST_ADDRESS)?;
        new.write_at(0, &create_meta(id, 1))?;
        Arc::into_inner(new).ok_or_else(|| io::Error::other("the new file is in use"))
    }

    /// A database in a new file without a name, which no other process can reach. It gets the name
    /// `path` when the file is kept. `id` is its identity.
    #[expect(unsafe_code, reason = "maps a file that nobody else knows")]
    pub(crate) fn unnamed(&self, path: &Path, id: [u8; 16]) -> Result<(Database, NewFile)> {
        let failed = |error| cannot_make(path, error);
        let new = self.new_file(path, id).map_err(failed)?;
        let unnamed = new.path_until_kept();
        // SAFETY: the file has no name, so only this handle writes it.
        let file = unsafe { MappedFile::open(&unnamed, false, |len| self.reserve(len)) }.map_err(failed)?;
        let pages = Pages::new(Box::new(file));
        let newest = Commits::recover(&pages)?;
        let path = std::path::absolute(path).map_err(failed)?;
        Ok((self.database(pages, Readers::alone(newest), newest, Some(&path)), new))
    }

    /// Joins the processes that have the file open. Nothing is created before it is certain that
    /// the file can be opened; a new database gets its name last.
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

    /// Opens the lock file and claims the database. Returns `None` if there can be no lock file and
    /// the database is only read. It is an error if others use the database in a way that conflicts
    /// with ours.
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
            Ok(Claim::Writers) => bail!(
                Busy,
                "cannot use the lock file {lock_path:?} ({why}), and a process that may write has the database open; \
                 give this one the right to write the lock file, or close that one"
            ),
            Ok(refusal) => refused(lock_path, refusal).map(|()| lock),
            // A file system without locks: no process can have it open for writing, because that
            // needs locks.
            Err(error) if self.read_only && storage::has_no_locks(&error) => Ok(None),
            Err(error) => Err(no_locks(error)),
        }
    }

    /// Opens the lock file, or creates it. It is created only once it is certain that the database
    /// is sound and that no other process has it open by another name. The inner error comes from
    /// the system; read-only handles can do without a lock file.
    fn lock_file(&self, lock_path: &Path, file: &MappedFile) -> Result<io::Result<OsLockFile>> {
        for look in 0..LOOKS {
            match OsLockFile::open(lock_path, &LOCK_FILE_MAGIC, LOCK_FILE_LIMIT) {
                Ok(lock) if lock.len().is_ok_and(|len| len >= LOCK_FILE_BYTES) => return Ok(Ok(lock)),
                // It is empty, or was never used.
                Ok(lock) => {
                    Commits::inspect(file)?;
                    return Ok(lock.reserve(LOCK_FILE_BYTES).map(|()| lock));
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return no_lock_file(lock_path),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Ok(Err(error)),
                Err(_) => {}
            }
            match file.look_for_others(!self.read_only) {
                // Another process may have just created its lock file.
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
        bail!(Busy, "the lock file {lock_path:?} is made and deleted all the while; try again")
    }

    fn make_lock_file(&self, lock_path: &Path, file: &MappedFile) -> io::Result<()> {
        let rights = file.rights_beside()?;
        // Only root can change the owner of a file. Otherwise a writer creates the lock file for
        // the group of the database, or for itself. A reader creates none that might keep the owner
        // out.
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
            definitions: Mutex::default(),
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

/// The error if a new file cannot be created.
pub(crate) fn cannot_make(path: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Error::new(
            ErrorKind::AlreadyExists,
            format!("{path:?} exists already; name a file that does not"),
        );
    }
    Error::io(format!("cannot write {path:?}"), error)
}

/// The error if another file stands where the lock file belongs.
fn no_lock_file<T>(lock_path: &Path) -> Result<T> {
    bail!(
        Usage,
        "{lock_path:?} is where the lock file of the database belongs, but it is not a lock file: it does not begin \
         with \"drylock1\"; move it away, or give the database another name"
    )
}

/// The error if others use the database in a way that conflicts with ours.
fn refused(lock_path: &Path, claim: Claim) -> Result<()> {
    match claim {
        Claim::OtherLockFile => bail!(
            Usage,
            "the file is open with another lock file than {lock_path:?}: by another name (a hard link, or it was renamed), or its \
             lock file was moved or deleted; open it by the same name, or close its users first"
        ),
        Claim::LoneReaders => bail!(
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

/// The lock file of `points.dry` is `points.dry-lock` beside it.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = storage::real_path(path).into_os_string();
    name.push("-lock");
    PathBuf::from(name)
}

/// The identity of a new database, which no other one has.
pub(crate) fn new_file_id() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let (high, low) = (RandomState::new().hash_one(now), RandomState::new().hash_one(std::process::id()));
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}
