//! Databases: opening, the newest state of a table, snapshots, who reads.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use drystone::{Database as Opened, Durability, Dyn, ErrorKind, OpenOptions, OwnedTable, WriteTransaction};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyType};

use crate::error::{Class, OrRaise, from_library, missing_key, raise};
use crate::layout::{Info, Layout};
use crate::list::ListTable;
use crate::raw::{GilCell, layout_of, open_database};
use crate::still::{Still, row_number};
use crate::write::Transaction;

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
    fn with<A>(&self, py: Python<'_>, run: impl FnOnce(&Opened) -> drystone::Result<A>) -> PyResult<A> {
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

/// A snapshot: the tables of one commit.
#[pyclass(subclass, frozen, weakref, dict, module = "drystone._drystone")]
pub(crate) struct Snapshot {
    database: Py<Database>,
    /// A table of it, which holds it; none where there are no tables.
    any: GilCell<Option<OwnedTable<Dyn>>>,
    transaction: u64,
    names: Vec<String>,
}

#[pymethods]
impl Snapshot {
    #[new]
    fn new(py: Python<'_>, database: Py<Database>) -> PyResult<Snapshot> {
        let found = database.get().with(py, |db| {
            let names = db.read()?.table_names()?;
            let Some(name) = names.first() else { return Ok((None, db.read()?.transaction(), names)) };
            let any = db.table::<Dyn>(name)?;
            let (transaction, names) = (any.snapshot().transaction(), any.snapshot().table_names()?);
            Ok((Some(any), transaction, names))
        })?;
        let (any, transaction, names) = found;
        Ok(Snapshot { database, any: GilCell::new(any), transaction, names })
    }

    #[getter]
    fn transaction(&self) -> u64 {
        self.transaction
    }

    #[getter]
    fn _database(&self, py: Python<'_>) -> Py<Database> {
        self.database.clone_ref(py)
    }

    fn table_names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn _fields_of(&self, py: Python<'_>, table: &str) -> PyResult<Vec<Described>> {
        let table = self.sibling(py, table)?;
        Ok(described(table.as_table().schema()))
    }

    fn _still(&self, py: Python<'_>, table: &str, class: &Bound<'_, PyType>) -> PyResult<Still> {
        Still::new(self.sibling(py, table)?, class)
    }

    fn _close(&self, py: Python<'_>) {
        let any = self.any.with(py, Option::take);
        drop(any);
    }
}

impl Snapshot {
    fn sibling(&self, py: Python<'_>, name: &str) -> PyResult<OwnedTable<Dyn>> {
        match self.any.with(py, |any| any.clone()) {
            Some(any) => any.sibling::<Dyn>(name).or_raise(py),
            None if self.names.is_empty() => {
                let message = format!("no table {name:?}: the snapshot has no tables");
                Err(from_library(py, drystone::Error::new(ErrorKind::TableNotFound, message)))
            }
            None => Err(raise(py, Class::Value, "the snapshot is closed")),
        }
    }
}

/// A table of a database, which always shows the newest commit, or of a snapshot.
#[pyclass(subclass, frozen, weakref, module = "drystone._drystone")]
pub(crate) struct Handle {
    database: Py<Database>,
    name: String,
    class: Py<PyType>,
    layout: Py<Layout>,
    is_keyed: bool,
    state: GilCell<HandleState>,
}

struct HandleState {
    current: Option<Py<Still>>,
    forks: u64,
    /// Of a snapshot: stays at this state.
    is_fixed: bool,
}

#[pymethods]
impl Handle {
    #[new]
    #[pyo3(signature = (database, name, class, still=None))]
    fn new(
        py: Python<'_>,
        database: Py<Database>,
        name: String,
        class: &Bound<'_, PyType>,
        still: Option<Py<Still>>,
    ) -> PyResult<Handle> {
        let info = layout_of(class)?;
        let state = HandleState { is_fixed: still.is_some(), current: still, forks: forks() };
        let layout = class.getattr("__layout__")?.cast_into::<Layout>()?.unbind();
        let is_keyed = info.schema.is_keyed();
        let class = class.clone().unbind();
        let handle = Handle { database, name, class, layout, is_keyed, state: GilCell::new(state) };
        handle.still(py)?;
        Ok(handle)
    }

    #[getter]
    fn _name(&self) -> &str {
        &self.name
    }

    #[getter]
    fn _database(&self, py: Python<'_>) -> Py<Database> {
        self.database.clone_ref(py)
    }

    #[getter]
    fn record_class(&self, py: Python<'_>) -> Py<PyType> {
        self.class.clone_ref(py)
    }

    #[getter]
    fn _layout(&self, py: Python<'_>) -> Py<Layout> {
        self.layout.clone_ref(py)
    }

    #[getter]
    fn _is_fixed(&self, py: Python<'_>) -> bool {
        self.state.with(py, |state| state.is_fixed)
    }

    /// Lets the state go that the handle shows, which rows and arrays may still hold.
    fn _let_go(&self, py: Python<'_>) {
        let left = self.state.with(py, |state| state.current.take());
        drop(left);
    }

    /// The table in the state that the handle shows now.
    fn _now(&self, py: Python<'_>) -> PyResult<Py<Still>> {
        self.still(py).map(Bound::unbind)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.still(py)?.get().table.len() as usize)
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let still = self.still(py)?;
        if self.is_keyed {
            if let Some(row) = Still::find(&still, key)? {
                return Ok(row);
            }
            return Err(self.no_key(key));
        }
        if key.is_exact_instance_of::<PyInt>()
            && let Ok(number) = key.extract::<u64>()
            && let Some(row) = Still::row(&still, number)?
        {
            return Ok(row);
        }
        if key.is_instance_of::<pyo3::types::PySlice>() {
            let rows = Still::range(&still, 0, still.get().table.len() as i64, 1, "rows");
            return Bound::new(py, rows)?.into_any().get_item(key);
        }
        let number = still.get().number(key)?;
        Still::row(&still, number)?.ok_or_else(|| missing_key(key))
    }

    /// The row with a key, or number; the default where there is none.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let still = self.still(py)?;
        let found = if self.is_keyed {
            Still::find(&still, key)?
        } else {
            match row_number(key) {
                Ok(number) if number >= 0 => Still::row(&still, number as u64)?,
                Ok(number) => match still.get().table.len().checked_add_signed(number) {
                    Some(number) => Still::row(&still, number)?,
                    None => None,
                },
                Err(_) => None,
            }
        };
        Ok(found.or(default).unwrap_or_else(|| py.None().into_bound(py)))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let still = self.still(key.py())?;
        if self.is_keyed {
            return Ok(Still::find(&still, key)?.is_some());
        }
        let Some(row) = crate::raw::RowRef::new(key) else { return Ok(false) };
        if !std::ptr::eq(row.info(), self.info()) {
            return Ok(false);
        }
        let wanted = row.record().to_vec();
        let (info, table) = (self.info(), still.get().table.as_table());
        for slice in table.slices() {
            let slice = slice.or_raise(key.py())?;
            if slice.as_bytes().chunks_exact(info.width).any(|record| info.is_equal(record, &wanted)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let still = self.still(py)?;
        let what = if self.is_keyed { "keys" } else { "rows" };
        let rows = Still::range(&still, 0, still.get().table.len() as i64, 1, what);
        Ok(Bound::new(py, rows)?.into_any().try_iter()?.into_any())
    }
}

impl Handle {
    #[inline(always)]
    fn info(&self) -> &Info {
        &self.layout.get().info
    }

    #[cold]
    fn no_key(&self, key: &Bound<'_, PyAny>) -> PyErr {
        if key.is_instance_of::<pyo3::types::PySlice>() {
            let message = format!(
                "table '{}' has a key, so a slice could mean keys or places: write .range(low, high) or .rows[a:b]",
                self.name
            );
            return raise(key.py(), Class::Type, message);
        }
        missing_key(key)
    }

    /// The table in the newest state.
    #[inline]
    pub(crate) fn still<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Still>> {
        self.database.get().check_open(py)?;
        let forks = forks();
        let found = self.state.with(py, |state| match &state.current {
            Some(still) if state.is_fixed || state.forks == forks && still.get().table.is_newest() => {
                Some(still.clone_ref(py).into_bound(py))
            }
            _ => None,
        });
        match found {
            Some(still) => Ok(still),
            None => self.refresh(py),
        }
    }

    #[inline(never)]
    fn refresh<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Still>> {
        let table = self.database.get().with(py, |db| db.table::<Dyn>(&self.name))?;
        let still = Bound::new(py, Still::new(table, self.class.bind(py))?)?;
        let old = self.state.with(py, |state| {
            state.forks = forks();
            state.current.replace(still.clone().unbind())
        });
        drop(old);
        Ok(still)
    }
}

/// The memory of a table, shown to arrays, which hold this object.
#[pyclass(frozen, module = "drystone._drystone")]
pub(crate) struct Export {
    list: Option<Py<ListTable>>,
    #[expect(dead_code, reason = "keeps the memory")]
    still: Option<Py<Still>>,
    #[pyo3(get)]
    address: usize,
    #[pyo3(get)]
    nbytes: usize,
}

#[pymethods]
impl Export {
    #[new]
    fn new(py: Python<'_>, table: &Bound<'_, PyAny>) -> PyResult<Export> {
        if let Ok(list) = table.cast::<ListTable>() {
            let (address, nbytes) = list.get().export(py);
            return Ok(Export { list: Some(list.clone().unbind()), still: None, address, nbytes });
        }
        let still = table.cast::<Still>()?;
        let Some((address, nbytes)) = still.get().memory(py)? else {
            return Err(raise(py, Class::Buffer, "the rows do not lie side by side"));
        };
        Ok(Export { list: None, still: Some(still.clone().unbind()), address, nbytes })
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        if let Some(list) = &self.list {
            Python::attach(|py| list.get().end_export(py));
        }
    }
}

/// The records of a list as a table of a database in memory, for queries.
#[pyfunction]
pub(crate) fn still_of_list(
    list: &Bound<'_, ListTable>,
    class: &Bound<'_, PyType>,
) -> PyResult<Option<Still>> {
    let py = list.py();
    let info = layout_of(class)?;
    let records = list.get().copied(py);
    let schema = info.schema.clone();
    let table = py.detach(move || {
        let db = Opened::in_memory()?;
        db.update(|tx| {
            let mut source = crate::load::Packed { left: &records, given: 0 };
            let mut table = tx.create_dyn_table("records", &schema)?;
            table.load_from(&mut source, &drystone::LoadOptions::new()).map(drop)
        })?;
        db.table::<Dyn>("records")
    });
    Ok(Some(Still::new(table.or_raise(py)?, class)?))
}
