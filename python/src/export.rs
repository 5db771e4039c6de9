//! The memory of a table for arrays, and a list as a table that queries can ask.

use drystone::{Database, Dyn};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::error::{Class, OrRaise, raise};
use crate::list::ListTable;
use crate::raw::layout_of;
use crate::still::Still;

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
        let db = Database::in_memory()?;
        db.update(|tx| {
            let mut source = crate::load::Packed { left: &records, given: 0 };
            let mut table = tx.create_dyn_table("records", &schema)?;
            table.load_from(&mut source, &drystone::LoadOptions::new()).map(drop)
        })?;
        db.table::<Dyn>("records")
    });
    Ok(Some(Still::new(table.or_raise(py)?, class)?))
}
