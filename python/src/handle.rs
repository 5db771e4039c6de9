//! Snapshots, and the tables of a database: the newest state of each, or that of a snapshot.

use drystone::{Dyn, ErrorKind, OwnedTable};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyType};

use crate::database::{Database, Described, described, forks};
use crate::error::{Class, OrRaise, from_library, missing_key, raise};
use crate::find::{has_record, keyed_slice, or_default, wanted};
use crate::layout::{Info, Layout};
use crate::raw::{GilCell, layout_of};
use crate::still::{Still, row_number};

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
        Ok(or_default(py, found, default))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let still = self.still(key.py())?;
        if self.is_keyed {
            return Ok(Still::find(&still, key)?.is_some());
        }
        match wanted(self.info(), key) {
            Some(wanted) => has_record(still.get().table.as_table(), self.info(), &wanted).or_raise(key.py()),
            None => Ok(false),
        }
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
            return keyed_slice(key.py(), &self.name);
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
