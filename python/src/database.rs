//! Databases: opening, waiting, who reads.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use drystone::{Database as Opened, Durability, Dyn, ErrorKind, OpenOptions, WriteTransaction};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::error::{Class, OrRaise, from_library, raise};
use crate::raw::{GilCell, open_database};
use crate::transaction::Transaction;

/// How many forks lie between the process that loaded the module and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// To be called in the child of a fork.
#[pyfunction]
pub(crate) fn after_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// A transaction that is open: its database, its thread, and in how many forks it began.
type Writing = (String, std::thread::ThreadId, u64);

/// The transactions of this process that are open: a thread that waited for its own would wait
/// forever.
static WRITING: std::sync::Mutex<Vec<Writing>> = std::sync::Mutex::new(Vec::new());

fn writing() -> std::sync::MutexGuard<'static, Vec<Writing>> {
    // Held for moments only, with the GIL held, so no fork happens meanwhile.
    WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Notes that a transaction is open, until it is dropped.
pub(crate) struct IsWriting(Writing);

impl Drop for IsWriting {
    fn drop(&mut self) {
        let mut writing = writing();
        if let Some(at) = writing.iter().position(|one| *one == self.0) {
            writing.swap_remove(at);
        }
    }
}

/// How often a wait looks at signals.
const LOOK: Duration = Duration::from_millis(50);

/// Runs something long in another thread. Signal handlers of Python run meanwhile; an exception of
/// theirs ends the wait, and the thread goes on by itself.
pub(crate) fn while_waiting<A: Send + 'static>(
    py: Python<'_>,
    run: impl FnOnce() -> A + Send + 'static,
) -> PyResult<A> {
    let (send, receive) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        // The waiting thread may have ended.
        let _ = send.send(run());
    });
    // Taken along, because a receiver cannot be shared among threads.
    let mut receive = Some(receive);
    loop {
        let (receiver, done) = py.detach(move || {
            let receiver = receive.take();
            let done = receiver.as_ref().map(|receiver| receiver.recv_timeout(LOOK));
            (receiver, done)
        });
        receive = receiver;
        match done {
            Some(Ok(done)) => return Ok(done),
            Some(Err(std::sync::mpsc::RecvTimeoutError::Timeout)) => py.check_signals()?,
            _ => return Err(raise(py, Class::Runtime, "the query stopped unexpectedly")),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Open, or create.
    Create,
    /// Read only.
    Read,
    /// Open what is there, to read and write.
    Write,
    /// Create, and fail if it is there.
    New,
}

struct State {
    opened: Option<Opened>,
    forks: u64,
}

/// An open database file, or one in memory.
#[pyclass(subclass, frozen, weakref, dict, module = "drystone._drystone")]
pub(crate) struct Database {
    path: Option<PathBuf>,
    mode: Mode,
    durable: bool,
    state: GilCell<State>,
    is_closed: AtomicBool,
}

#[pymethods]
impl Database {
    #[new]
    #[pyo3(signature = (path, mode="c", durable=true))]
    fn new(py: Python<'_>, path: Option<PathBuf>, mode: &str, durable: bool) -> PyResult<Database> {
        let mut kind = match mode {
            "c" => Mode::Create,
            "r" => Mode::Read,
            "r+" => Mode::Write,
            "x" => Mode::New,
            _ => {
                let message = format!(
                    "mode {mode:?}: it is \"c\" (open or create), \"r\" (read), \"r+\" (read and write what is there) \
                     or \"x\" (create)"
                );
                return Err(raise(py, Class::Value, message));
            }
        };
        let path = path.map(std::path::absolute).transpose()?;
        if let Some(path) = path.as_ref().filter(|_| kind == Mode::New)
            && path.exists()
        {
            let message = format!("{path:?} exists already; open it with mode \"r+\", or name another file");
            let error = drystone::Error::new(ErrorKind::AlreadyExists, message);
            return Err(from_library(py, error));
        }
        let opened = open(py, path.as_deref(), kind, durable)?;
        if kind == Mode::New {
            // From now on it is there.
            kind = Mode::Write;
        }
        let state = GilCell::new(State { opened: Some(opened), forks: forks() });
        Ok(Database { path, mode: kind, durable, state, is_closed: AtomicBool::new(false) })
    }

    #[getter]
    fn path(&self) -> Option<&std::path::Path> {
        self.path.as_deref()
    }

    #[getter]
    fn mode(&self) -> &'static str {
        match self.mode {
            Mode::Create => "c",
            Mode::Read => "r",
            Mode::Write | Mode::New => "r+",
        }
    }

    #[getter]
    fn closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    #[getter]
    fn _durable(&self) -> bool {
        self.durable
    }

    fn _close(&self, py: Python<'_>) -> PyResult<()> {
        self.is_closed.store(true, Ordering::Relaxed);
        let opened =
            self.state.with(py, |state| (state.forks == forks()).then(|| state.opened.take()).flatten());
        let is_read_only = self.mode == Mode::Read;
        // Rows and arrays may still hold snapshots: the last of them closes the file.
        py.detach(move || match opened {
            Some(opened) if !is_read_only => opened.sync(),
            _ => Ok(()),
        })
        .or_raise(py)
    }

    /// The names of the tables, as of the newest commit.
    fn table_names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |db| db.read()?.table_names())
    }

    /// Of each field of a table: name, type, nullable, key, the default as stored bytes, the names
    /// of an enumeration.
    fn _fields_of(&self, py: Python<'_>, table: &str) -> PyResult<Vec<Described>> {
        self.with(py, |db| Ok(described(db.read()?.table::<Dyn>(table)?.schema())))
    }

    /// The number of the newest commit.
    #[getter]
    fn _newest(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |db| Ok(db.read()?.transaction()))
    }

    /// Waits for a commit that is newer than one.
    #[pyo3(signature = (transaction, timeout))]
    fn _wait_newer(&self, py: Python<'_>, transaction: u64, timeout: Option<f64>) -> PyResult<bool> {
        let until = timeout.map(|timeout| Instant::now() + Duration::from_secs_f64(timeout.clamp(0.0, 1e9)));
        loop {
            let db = self.opened(py)?;
            let left = until.map_or(LOOK, |until| until.saturating_duration_since(Instant::now()));
            let newer = py.detach(move || {
                let read = db.read()?;
                Ok(read.transaction() > transaction || db.wait_newer(&read, left.min(LOOK)))
            });
            if newer.or_raise(py)? {
                return Ok(true);
            }
            py.check_signals()?;
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(false);
            }
        }
    }

    /// Begins to write.
    #[pyo3(signature = (timeout, class))]
    fn _write<'py>(
        slf: &Bound<'py, Database>,
        timeout: Option<f64>,
        class: &Bound<'py, PyType>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let begun = slf.get().begin(py, timeout)?;
        let transaction = class.call1((slf,))?;
        let this = (slf.get().identity(), std::thread::current().id(), forks());
        writing().push(this.clone());
        transaction.cast::<Transaction>()?.get().begin(py, begun, IsWriting(this));
        Ok(transaction)
    }

    /// Who holds which state: the process, the number of its commit, since when (seconds since
    /// 1970), the bytes of the file that are kept for it.
    fn _readers(&self, py: Python<'_>) -> PyResult<Vec<(u32, u64, f64, u64)>> {
        self.with(py, |db| {
            let mut readers = Vec::new();
            for reader in db.readers()? {
                let since = reader.since.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
                let held = db.held_bytes(&reader).unwrap_or(0);
                readers.push((reader.process, reader.transaction, since, held));
            }
            Ok(readers)
        })
    }

    /// Makes commits that were not durable yet durable.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        let db = self.opened(py)?;
        py.detach(move || db.sync()).or_raise(py)
    }

    /// Bytes of the file, and of them in tables.
    fn _stats(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        self.with(py, |db| db.stats().map(|stats| (stats.file_bytes, stats.table_bytes)))
    }
}

/// A field of a table: name, type, nullable, key, default, names.
pub(crate) type Described = (String, String, bool, bool, Option<Vec<u8>>, Option<Vec<String>>);

pub(crate) fn described(schema: &drystone::Schema) -> Vec<Described> {
    let describe = |field: &drystone::FieldDef| {
        (
            field.name().to_owned(),
            field.ty().to_string(),
            field.is_nullable(),
            field.is_key(),
            field.default().map(<[u8]>::to_vec),
            field.names().map(|names| names.iter().map(str::to_owned).collect()),
        )
    };
    schema.fields().iter().map(describe).collect()
}

/// The fields of a schema in its text form.
#[pyfunction]
pub(crate) fn parse_schema(py: Python<'_>, text: &str) -> PyResult<Vec<Described>> {
    Ok(described(&text.parse().or_raise(py)?))
}

fn open(py: Python<'_>, path: Option<&std::path::Path>, mode: Mode, durable: bool) -> PyResult<Opened> {
    let options = OpenOptions::new()
        .create(matches!(mode, Mode::Create | Mode::New))
        .read_only(mode == Mode::Read)
        .durability(if durable { Durability::Immediate } else { Durability::Eventual });
    py.detach(|| match path {
        Some(path) => open_database(&options, path),
        None => options.in_memory(),
    })
    .or_raise(py)
}

impl Database {
    /// The open database; in the child of a fork it is opened again.
    #[inline]
    pub(crate) fn opened(&self, py: Python<'_>) -> PyResult<Opened> {
        let found = self.state.with(py, |state| match &state.opened {
            Some(opened) if state.forks == forks() => Some(opened.clone()),
            _ => None,
        });
        match found {
            Some(opened) => Ok(opened),
            None => self.reopen(py),
        }
    }

    #[cold]
    fn reopen(&self, py: Python<'_>) -> PyResult<Opened> {
        self.check_open(py)?;
        let Some(path) = &self.path else {
            return Err(raise(
                py,
                Class::Runtime,
                "a database in memory stays with the process that made it",
            ));
        };
        let opened = open(
            py,
            Some(path),
            if self.mode == Mode::Create { Mode::Write } else { self.mode },
            self.durable,
        )?;
        let old = self.state.with(py, |state| {
            state.forks = forks();
            state.opened.replace(opened.clone())
        });
        drop(old);
        Ok(opened)
    }

    #[inline]
    pub(crate) fn check_open(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let name = self.path.as_ref().map_or_else(|| "in memory".into(), |path| path.display().to_string());
        Err(raise(py, Class::Value, format!("the database {name} is closed")))
    }

    /// Runs something quick on the database.
    pub(crate) fn with<A>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&Opened) -> drystone::Result<A>,
    ) -> PyResult<A> {
        self.check_open(py)?;
        let db = self.opened(py)?;
        run(&db).or_raise(py)
    }

    /// What tells databases apart.
    fn identity(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => format!("{:p}", &raw const *self),
        }
    }

    pub(crate) fn begin(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<WriteTransaction> {
        self.check_open(py)?;
        let until = match timeout {
            Some(timeout) if timeout.is_nan() || timeout < 0.0 => {
                return Err(raise(
                    py,
                    Class::Value,
                    format!("timeout={timeout}: it is 0 or more seconds, or None"),
                ));
            }
            Some(timeout) => Some(Instant::now() + Duration::from_secs_f64(timeout.min(1e9))),
            None => None,
        };
        let db = self.opened(py)?;
        let own = (self.identity(), std::thread::current().id(), forks());
        if writing().contains(&own) {
            let message =
                "this thread has a transaction open already, and would wait for itself; end that one first";
            return Err(raise(py, Class::Runtime, message));
        }
        if timeout == Some(0.0) {
            let db = &db;
            return match py.detach(|| db.try_write()).or_raise(py)? {
                Some(begun) => Ok(begun),
                None => Err(raise(py, Class::Blocking, "another transaction is writing")),
            };
        }
        loop {
            let left = until.map_or(LOOK, |until| until.saturating_duration_since(Instant::now()));
            let db = &db;
            match py.detach(|| db.try_write_for(left.min(LOOK))) {
                Ok(begun) => return Ok(begun),
                Err(error) if error.kind() == ErrorKind::Busy => {}
                Err(error) => return Err(from_library(py, error)),
            }
            py.check_signals()?;
            if until.is_some_and(|until| Instant::now() >= until) {
                let message =
                    format!("another transaction was writing for all of {} s", timeout.unwrap_or(0.0));
                return Err(raise(py, Class::Timeout, message));
            }
        }
    }
}
