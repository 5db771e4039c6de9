//! Transactions: begun, committed, undone; their tables and schema changes.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use drystone::{Dyn, FieldDef, IndexOptions, TableOptions, Type, WriteTransaction};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType, PyWeakrefReference};

use crate::database::{Described, IsWriting, described, forks};
use crate::error::{Class, OrRaise, raise};
use crate::raw::{GilCell, RowKind, layout_of};
use crate::write::TxTable;

/// How long a thread waits for another one before it looks again.
const LOOK: Duration = Duration::from_millis(5);

enum State {
    /// Not begun yet.
    New,
    Open(Box<WriteTransaction>),
    /// A long call of this thread has it.
    InUse(ThreadId),
    Ended(&'static str),
}

/// A write transaction.
#[pyclass(subclass, frozen, weakref, dict, module = "drystone._drystone")]
pub(crate) struct Transaction {
    state: GilCell<State>,
    forks: u64,
    /// Until it ends.
    is_writing: GilCell<Option<IsWriting>>,
    /// Wakes threads that wait for a long call of another one to end.
    returned: (Mutex<()>, Condvar),
    /// The tables that were opened, as long as they have references.
    tables: GilCell<Vec<Py<PyWeakrefReference>>>,
}

#[pymethods]
impl Transaction {
    #[new]
    #[pyo3(signature = (*_args, **_named))]
    fn new(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Transaction {
        Transaction::of(State::New)
    }

    /// Makes all changes the newest state of the database.
    fn _commit(&self, py: Python<'_>) -> PyResult<()> {
        let transaction = self.take(py)?;
        // Until it is known, a row must not be written.
        let committed = py.detach(move || transaction.commit());
        self.end(py, if committed.is_ok() { "was committed" } else { "could not be committed" });
        committed.or_raise(py)
    }

    /// Discards all changes.
    fn _abort(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_open(py) {
            let transaction = self.take(py)?;
            py.detach(move || drop(transaction));
            self.end(py, "was undone");
        }
        Ok(())
    }

    #[getter]
    fn _is_open(&self, py: Python<'_>) -> bool {
        self.is_open(py)
    }

    fn table_names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |tx| tx.table_names())
    }

    fn _fields_of(&self, py: Python<'_>, table: &str) -> PyResult<Vec<Described>> {
        self.with(py, |tx| Ok(described(tx.table::<Dyn>(table)?.schema())))
    }

    #[pyo3(signature = (name, class, leaf_rows=None))]
    fn _create(
        &self,
        py: Python<'_>,
        name: &str,
        class: &Bound<'_, PyType>,
        leaf_rows: Option<usize>,
    ) -> PyResult<()> {
        let schema = &layout_of(class)?.schema;
        let mut options = TableOptions::new();
        if let Some(rows) = leaf_rows {
            options = options.leaf_rows(rows);
        }
        self.with(py, |tx| tx.create_dyn_table_with(name, schema, &options).map(drop))
    }

    fn _drop(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.forget_table(py, name, "was dropped");
        self.with(py, |tx| tx.drop_table(name))
    }

    fn _rename(&self, py: Python<'_>, name: &str, new_name: &str) -> PyResult<()> {
        self.forget_table(py, name, "was renamed");
        self.with(py, |tx| tx.rename_table(name, new_name))
    }

    #[pyo3(signature = (table, name, ty, nullable, default, names))]
    #[expect(clippy::too_many_arguments, reason = "a field has as many parts")]
    fn _add_field(
        &self,
        py: Python<'_>,
        table: &str,
        name: &str,
        ty: &str,
        nullable: bool,
        default: Option<&[u8]>,
        names: Option<Vec<String>>,
    ) -> PyResult<()> {
        let field = || -> drystone::Result<FieldDef> {
            let ty = match &names {
                Some(names) => Type::Enum(drystone::EnumNames::new(names)?),
                None => ty.parse()?,
            };
            let field = FieldDef::new(name, ty)?;
            let field = if nullable { field.nullable()? } else { field };
            match default {
                Some(default) => field.default_bytes(default),
                None => Ok(field),
            }
        };
        let field = field().or_raise(py)?;
        self.alter(py, table, |tx| tx.append_field(table, field))
    }

    fn _rename_field(&self, py: Python<'_>, table: &str, field: &str, new_name: &str) -> PyResult<()> {
        self.alter(py, table, |tx| tx.rename_field(table, field, new_name))
    }

    fn _drop_field(&self, py: Python<'_>, table: &str, field: &str) -> PyResult<()> {
        self.alter(py, table, |tx| tx.drop_field(table, field))
    }

    fn _change_type(&self, py: Python<'_>, table: &str, field: &str, ty: &str) -> PyResult<()> {
        let ty: Type = ty.parse().or_raise(py)?;
        self.alter(py, table, |tx| tx.change_type(table, field, ty))
    }

    fn _set_nullable(&self, py: Python<'_>, table: &str, field: &str, nullable: bool) -> PyResult<()> {
        self.alter(py, table, |tx| tx.set_nullable(table, field, nullable))
    }

    fn _reorder(&self, py: Python<'_>, table: &str, names: Vec<String>) -> PyResult<()> {
        self.alter(py, table, |tx| tx.reorder(table, &names))
    }

    fn _add_names(&self, py: Python<'_>, table: &str, field: &str, names: Vec<String>) -> PyResult<()> {
        self.alter(py, table, |tx| tx.add_names(table, field, &names))
    }

    #[pyo3(signature = (table, name, fields, unique=false))]
    fn _create_index(
        &self,
        py: Python<'_>,
        table: &str,
        name: &str,
        fields: Vec<String>,
        unique: bool,
    ) -> PyResult<()> {
        let options = IndexOptions::new().unique(unique);
        self.long(py, |tx| tx.create_index_with(table, name, &fields, &options))
    }

    fn _drop_index(&self, py: Python<'_>, table: &str, name: &str) -> PyResult<()> {
        self.with(py, |tx| tx.drop_index(table, name))
    }

    /// The indexes of a table: name, fields, whether it is unique.
    fn _indexes(&self, py: Python<'_>, table: &str) -> PyResult<Vec<(String, Vec<String>, bool)>> {
        let indexes = self.with(py, |tx| tx.indexes(table))?;
        Ok(indexes.into_iter().map(|index| (index.name, index.fields, index.unique)).collect())
    }
}

impl Transaction {
    fn of(state: State) -> Transaction {
        Transaction {
            state: GilCell::new(state),
            forks: forks(),
            is_writing: GilCell::new(None),
            returned: (Mutex::new(()), Condvar::new()),
            tables: GilCell::new(Vec::new()),
        }
    }

    pub(crate) fn begin(&self, py: Python<'_>, begun: WriteTransaction, is_writing: IsWriting) {
        self.is_writing.with(py, |noted| *noted = Some(is_writing));
        self.start(py, begun);
    }

    pub(crate) fn start(&self, py: Python<'_>, begun: WriteTransaction) {
        self.give_back(py, Box::new(begun));
    }

    fn is_open(&self, py: Python<'_>) -> bool {
        self.forks == forks()
            && self.state.with(py, |state| matches!(state, State::Open(_) | State::InUse(_)))
    }

    #[cold]
    fn unusable(&self, py: Python<'_>) -> PyErr {
        if self.forks != forks() {
            return raise(
                py,
                Class::Runtime,
                "the transaction belongs to the parent process, which may go on with it; begin one of your own",
            );
        }
        let text = self.state.with(py, |state| match state {
            State::New => "the transaction has not begun; begin one with db.write()".into(),
            State::InUse(_) => {
                "the transaction is in use by a call that has not ended, of this same thread".into()
            }
            State::Ended(how) => {
                format!("the transaction has ended: it {how}; begin another one with db.write()")
            }
            State::Open(_) => "the transaction is open".into(),
        });
        raise(py, Class::Runtime, text)
    }

    /// Runs something quick in the transaction.
    #[inline]
    pub(crate) fn with<A>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&WriteTransaction) -> drystone::Result<A>,
    ) -> PyResult<A> {
        let mut run = Some(run);
        loop {
            if self.forks == forks() {
                let done = self.state.with(py, |state| match (state, run.take()) {
                    (State::Open(transaction), Some(run)) => Ok(run(transaction)),
                    (_, run) => Err(run),
                });
                match done {
                    Ok(done) => return done.or_raise(py),
                    Err(left) => run = left,
                }
            }
            self.wait(py)?;
        }
    }

    /// Takes the transaction out, for a call in which others run.
    pub(crate) fn take(&self, py: Python<'_>) -> PyResult<Box<WriteTransaction>> {
        loop {
            if self.forks == forks() {
                let taken = self.state.with(py, |state| match state {
                    State::Open(_) => {
                        match std::mem::replace(state, State::InUse(std::thread::current().id())) {
                            State::Open(transaction) => Some(transaction),
                            _ => None,
                        }
                    }
                    _ => None,
                });
                if let Some(transaction) = taken {
                    return Ok(transaction);
                }
            }
            self.wait(py)?;
        }
    }

    /// Puts back what `take` took out.
    pub(crate) fn give_back(&self, py: Python<'_>, transaction: Box<WriteTransaction>) {
        self.state.with(py, |state| *state = State::Open(transaction));
        self.returned.1.notify_all();
    }

    /// Waits for the long call of another thread; an error where there is nothing to wait for.
    #[cold]
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let here = std::thread::current().id();
        let is_other = |state: &mut State| matches!(state, State::InUse(thread) if *thread != here);
        if self.forks != forks() || !self.state.with(py, is_other) {
            return Err(self.unusable(py));
        }
        let (lock, returned) = &self.returned;
        py.detach(|| {
            let held = lock.lock().unwrap_or_else(PoisonError::into_inner);
            // What is waited for may have ended just before: so for a moment only.
            drop(returned.wait_timeout(held, LOOK));
        });
        py.check_signals()
    }

    /// Runs something that takes long, without the GIL. Other threads that use the transaction
    /// meanwhile wait.
    pub(crate) fn long<A: Send>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&WriteTransaction) -> drystone::Result<A> + Send,
    ) -> PyResult<A> {
        let transaction = self.take(py)?;
        let (transaction, done) = py.detach(move || {
            let done = run(&transaction);
            (transaction, done)
        });
        self.give_back(py, transaction);
        done.or_raise(py)
    }

    fn alter(
        &self,
        py: Python<'_>,
        table: &str,
        change: impl FnOnce(&WriteTransaction) -> drystone::Result<u64> + Send,
    ) -> PyResult<()> {
        self.long(py, change)?;
        self.forget_table(py, table, "has another schema now; take it from the transaction again");
        Ok(())
    }

    /// Remembers a table that was opened, so that its rows keep their values at the end.
    pub(crate) fn note_table(&self, py: Python<'_>, table: Py<PyWeakrefReference>) {
        self.tables.with(py, |tables| tables.push(table));
    }

    fn open_tables<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, TxTable>> {
        let references =
            self.tables.with(py, |tables| tables.iter().map(|table| table.clone_ref(py)).collect::<Vec<_>>());
        let tables = references.iter().filter_map(|table| table.bind(py).upgrade());
        use pyo3::types::PyWeakrefMethods;
        tables.filter_map(|table| table.cast_into::<TxTable>().ok()).collect()
    }

    fn forget_table(&self, py: Python<'_>, name: &str, why: &'static str) {
        for table in self.open_tables(py) {
            if table.get().name() == name {
                table.get().retire(py, why);
            }
        }
    }

    fn end(&self, py: Python<'_>, how: &'static str) {
        self.state.with(py, |state| *state = State::Ended(how));
        for table in self.open_tables(py) {
            table.get().let_rows_go(py, RowKind::Ended);
        }
        let tables = self.tables.with(py, std::mem::take);
        drop(tables);
        let ended = self.is_writing.with(py, Option::take);
        drop(ended);
    }
}

/// A transaction on a database of its own in memory, which is never committed: for keyed tables in
/// memory.
#[pyfunction]
pub(crate) fn memory_transaction(py: Python<'_>) -> PyResult<Transaction> {
    let begun = drystone::Database::in_memory().and_then(|db| db.write()).or_raise(py)?;
    Ok(Transaction::of(State::Open(Box::new(begun))))
}
