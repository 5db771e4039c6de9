//! What a row does: its fields, comparing, hashing, showing.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PySlice, PyString, PyTuple, PyType};

use crate::encode::{encode, shown};
use crate::error::{Class, raise};
use crate::layout::{Info, decode};
use crate::list::ListTable;
use crate::raw::{RowKind, RowPointer, RowRef, class_address, layout_of, value_row};
use crate::write::TxTable;

/// `Point(1, 2, z=3)`
pub(crate) fn construct<'py>(
    class: &Bound<'py, PyType>,
    args: &Bound<'py, PyTuple>,
    named: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let info = layout_of(class)?;
    let row = value_row(class, info, info.frozen, |record| {
        if let Err(error) = info.fill(py, "", args, named, record) {
            // The name is only looked up where it is shown.
            return Err(named_error(class, args, named, info, error));
        }
        Ok(())
    })?;
    if info.post_init {
        row.call_method0("__post_init__")?;
    }
    Ok(row)
}

#[cold]
fn named_error(
    class: &Bound<'_, PyType>,
    args: &Bound<'_, PyTuple>,
    named: Option<&Bound<'_, PyDict>>,
    info: &Info,
    error: PyErr,
) -> PyErr {
    let py = class.py();
    let starts_bare = error.value(py).str().is_ok_and(|text| text.to_string().starts_with("()"));
    let name = class.name().map(|name| name.to_string()).unwrap_or_default();
    let mut scratch = vec![0; info.width];
    match starts_bare {
        true => info.fill(py, &name, args, named, &mut scratch).err().unwrap_or(error),
        false => error,
    }
}

/// A field of a record class: read and assigned on a row, described on the class.
#[pyclass(frozen, module = "drystone._drystone")]
pub(crate) struct Field {
    class: std::sync::atomic::AtomicUsize,
    layout: Py<crate::layout::Layout>,
    at: usize,
    offset: usize,
    width: usize,
    #[pyo3(get)]
    __doc__: String,
}

#[pymethods]
impl Field {
    #[new]
    fn new(layout: Py<crate::layout::Layout>, at: usize) -> PyResult<Field> {
        let info = &layout.get().info;
        let Some(field) = info.fields.get(at) else {
            return Err(PyTypeError::new_err("there is no such field"));
        };
        let (offset, width) = (field.offset, field.width);
        let doc = format!("The field {}: {}.", field.def.name(), type_text(&field.def));
        Ok(Field { class: 0.into(), offset, width, at, __doc__: doc, layout })
    }

    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyString> {
        self.layout.get().info.fields[self.at].name.clone_ref(py)
    }

    #[getter]
    fn offset(&self) -> usize {
        self.offset
    }

    #[getter]
    fn width(&self) -> usize {
        self.width
    }

    /// The type as the schema writes it, such as `i32` or `str[40]?`.
    #[getter]
    fn r#type(&self) -> String {
        type_text(&self.layout.get().info.fields[self.at].def)
    }

    fn __repr__(&self) -> String {
        let def = &self.layout.get().info.fields[self.at].def;
        format!("<field {}: {}>", def.name(), type_text(def))
    }
}

fn type_text(def: &drystone::FieldDef) -> String {
    let (null, key) = (if def.is_nullable() { "?" } else { "" }, if def.is_key() { " key" } else { "" });
    format!("{}{null}{key}", def.ty())
}

impl Field {
    fn row<'a, 'py>(&self, row: &'a Bound<'py, PyAny>) -> PyResult<RowRef<'a, 'py>> {
        let own: *const Info = &raw const self.layout.get().info;
        match RowRef::new(row) {
            Some(found) if std::ptr::eq(found.info(), own) => Ok(found),
            _ => Err(PyTypeError::new_err(format!(
                "field '{}' does not belong to {}",
                self.layout.get().info.fields[self.at].def.name(),
                row.get_type().name()?
            ))),
        }
    }

    pub(crate) fn def(&self) -> &drystone::FieldDef {
        &self.layout.get().info.fields[self.at].def
    }

    /// Whether records of the class do not change.
    pub(crate) fn is_frozen(&self) -> bool {
        self.layout.get().info.frozen
    }

    /// Remembers which class the field is of.
    pub(crate) fn bind(&self, class: &Bound<'_, PyType>) {
        self.class.store(class_address(class), std::sync::atomic::Ordering::Relaxed);
    }

    /// The value of the field in a row.
    #[inline]
    pub(crate) fn read<'py>(&self, row: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let class = self.class.load(std::sync::atomic::Ordering::Relaxed);
        let found = match RowRef::of_class(row, class) {
            Some(found) => found,
            None => self.row(row)?,
        };
        let field = &self.layout.get().info.fields[self.at];
        decode(row.py(), field, &found.record()[self.offset..self.offset + self.width])
    }

    /// Assigns the field in a row, or says why it cannot be deleted.
    pub(crate) fn assign(&self, row: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        assign(self.row(row)?, self.at, value)
    }
}

/// Assigns a field of a row; without a value, it was to be deleted.
pub(crate) fn assign(row: RowRef<'_, '_>, at: usize, value: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let py = row.object().py();
    let info = row.info();
    let field = &info.fields[at];
    let refuse = |why: &str| {
        let message = format!("field '{}' cannot be assigned: {why}", field.def.name());
        Err(raise(py, Class::Attribute, message))
    };
    let Some(value) = value else {
        return refuse("a field cannot be deleted; assign None if it is nullable");
    };
    if info.frozen {
        return refuse(
            "records of a class with frozen=True do not change; make a changed copy with _replace",
        );
    }
    match row.kind() {
        RowKind::Still => {
            return refuse(
                "the row is of a snapshot; write `with db.write() as tx:` and change the row of the table of tx",
            );
        }
        RowKind::Frozen => return refuse("the record is frozen; make a changed copy with _replace"),
        RowKind::Ended => return refuse("the transaction of this row has ended"),
        RowKind::Value | RowKind::Taken | RowKind::List | RowKind::Written => {}
    }
    let mut stored = [0; 64];
    let mut long;
    let stored = match field.width {
        width @ 0..=64 => &mut stored[..width],
        width => {
            long = vec![0; width];
            &mut long[..]
        }
    };
    encode(py, field, value, stored)?;
    // Encoding may have run Python code, so the row is looked at only now.
    match (row.kind(), row.owner()) {
        (RowKind::Written, Some(owner)) => {
            let table = owner.cast::<TxTable>()?;
            TxTable::write_field(table, row, at, stored)
        }
        (RowKind::List, Some(owner)) => {
            owner.cast::<ListTable>()?.get().changed(py);
            row.write(field.offset, stored);
            Ok(())
        }
        (RowKind::Value | RowKind::Taken, _) => {
            row.write(field.offset, stored);
            Ok(())
        }
        _ => refuse("the row belongs to nothing that can be changed"),
    }
}

/// A row goes: its owner forgets it.
pub(crate) fn forget(owner: &Bound<'_, PyAny>, kind: RowKind, row: RowPointer) {
    match kind {
        RowKind::List => {
            if let Ok(table) = owner.cast::<ListTable>() {
                table.get().forget(owner.py(), row);
            }
        }
        _ => {
            if let Ok(table) = owner.cast::<TxTable>() {
                table.get().forget(owner.py(), row);
            }
        }
    }
}

pub(crate) fn values<'py>(row: RowRef<'_, 'py>) -> PyResult<Bound<'py, PyTuple>> {
    let py = row.object().py();
    let info = row.info();
    let mut values = Vec::with_capacity(info.fields.len());
    for field in &info.fields {
        // Decoding may run Python code: the record is looked at again for each field.
        values.push(decode(py, field, &row.record()[field.offset..field.offset + field.width])?);
    }
    PyTuple::new(py, values)
}

pub(crate) fn repr(row: RowRef<'_, '_>) -> PyResult<String> {
    let values = values(row)?;
    let mut text = row.object().get_type().name()?.to_string();
    text.push('(');
    for (at, (field, value)) in row.info().fields.iter().zip(values.iter()).enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(field.def.name());
        text.push('=');
        text.push_str(&value.repr()?.to_string_lossy());
    }
    text.push(')');
    Ok(text)
}

pub(crate) fn hash(row: RowRef<'_, '_>) -> PyResult<isize> {
    match row.kind() {
        RowKind::Frozen | RowKind::Still => values(row)?.hash(),
        _ if row.info().frozen => values(row)?.hash(),
        _ => {
            let name = row.object().get_type().name()?;
            let message = format!(
                "unhashable: this {name} can be changed. Rows of a database and their copies have a hash, \
                 and so have all records of a class with frozen=True"
            );
            Err(raise(row.object().py(), Class::Type, message))
        }
    }
}

pub(crate) fn compare<'py>(
    one: RowRef<'_, 'py>,
    other: &Bound<'py, PyAny>,
    how: std::ffi::c_int,
) -> PyResult<Bound<'py, PyAny>> {
    use pyo3::pyclass::CompareOp;
    let py = other.py();
    let not = || py.NotImplemented().into_bound(py);
    let Some(second) = RowRef::new(other) else { return Ok(not()) };
    if !std::ptr::eq(one.info(), second.info()) {
        return Ok(not());
    }
    let is_equal = || one.info().is_equal(one.record(), second.record());
    let answer = match CompareOp::from_raw(how) {
        Some(CompareOp::Eq) => is_equal(),
        Some(CompareOp::Ne) => !is_equal(),
        Some(how) => values(one)?.rich_compare(values(second)?, how)?.is_truthy()?,
        None => return Ok(not()),
    };
    Ok(answer.into_pyobject(py)?.to_owned().into_any())
}

pub(crate) fn iter<'py>(row: RowRef<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    Ok(values(row)?.try_iter()?.into_any())
}

fn position(row: RowRef<'_, '_>, key: &Bound<'_, PyAny>) -> PyResult<usize> {
    let (py, info) = (key.py(), row.info());
    if let Ok(name) = key.cast::<PyString>() {
        let name = name.to_string_lossy();
        return info.position(&name).ok_or_else(|| info.no_field(py, &name));
    }
    if key.is_instance_of::<PyInt>() || key.hasattr("__index__")? {
        let count = info.fields.len() as isize;
        let at: isize = key.extract().unwrap_or(isize::MAX);
        let at = if at < 0 { at + count } else { at };
        if (0..count).contains(&at) {
            return Ok(at as usize);
        }
        return Err(raise(py, Class::Index, format!("field {} of a record of {count} fields", key.str()?)));
    }
    Err(raise(py, Class::Type, "a field is named by its name or its number"))
}

pub(crate) fn get_item<'py>(row: RowRef<'_, 'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if key.is_instance_of::<PySlice>() {
        return values(row)?.into_any().get_item(key);
    }
    let at = position(row, key)?;
    let field = &row.info().fields[at];
    decode(key.py(), field, &row.record()[field.offset..field.offset + field.width])
}

pub(crate) fn set_item(
    row: RowRef<'_, '_>,
    key: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    assign(row, position(row, key)?, value)
}

/// The stored bytes of a record that is given to a table of a class: a row of it, a tuple, or a
/// dict.
pub(crate) fn stored_bytes(
    class: &Bound<'_, PyType>,
    info: &Info,
    given: &Bound<'_, PyAny>,
    out: &mut [u8],
) -> PyResult<()> {
    let py = given.py();
    if let Some(row) = RowRef::new(given) {
        if std::ptr::eq(row.info(), info) || row.info().schema == info.schema {
            out.copy_from_slice(row.record());
            return Ok(());
        }
        let message = format!(
            "{} is a {}, and the table holds {}",
            shown(given),
            given.get_type().name()?,
            class.name()?
        );
        return Err(raise(py, Class::Type, message));
    }
    let name = || class.name().map(|name| name.to_string()).unwrap_or_default();
    if let Ok(values) = given.cast::<PyTuple>() {
        return info.fill(py, "", values, None, out).or_else(|error| {
            if error.value(py).str().is_ok_and(|text| text.to_string().starts_with("()")) {
                info.fill(py, &name(), values, None, out)
            } else {
                Err(error)
            }
        });
    }
    if let Ok(named) = given.cast::<PyDict>() {
        let filled = info.fill(py, &name(), &PyTuple::empty(py), Some(named), out);
        return filled.map_err(|error| info.unknown_in_dict(py, &name(), named).unwrap_or(error));
    }
    // Dataclasses, attrs, msgspec and the like: by the names of the fields.
    let is_other = given.is_instance_of::<PyString>() || given.is_instance_of::<PyInt>() || given.is_none();
    if !is_other && info.fields.iter().all(|field| given.hasattr(field.name.bind(py)).unwrap_or(false)) {
        for field in &info.fields {
            let value = given.getattr(field.name.bind(py))?;
            encode(py, field, &value, &mut out[field.offset..field.offset + field.width])?;
        }
        return Ok(());
    }
    if !is_other && given.hasattr("__len__")? && given.hasattr("__iter__")? {
        let values = PyTuple::new(py, given.try_iter()?.collect::<PyResult<Vec<_>>>()?)?;
        return info.fill(py, &name(), &values, None, out);
    }
    let message = format!(
        "{} is of type {}, and the table holds {}: give a {}, a tuple of its values, or a dict",
        shown(given),
        given.get_type().name()?,
        name(),
        name()
    );
    Err(raise(py, Class::Type, message))
}

// ---- functions of the module
// ---------------------------------------------------------------------

fn row_of<'a, 'py>(object: &'a Bound<'py, PyAny>) -> PyResult<RowRef<'a, 'py>> {
    RowRef::new(object).ok_or_else(|| {
        let name = object.get_type().name().map(|name| name.to_string()).unwrap_or_default();
        let is_table = object.hasattr("record_class").unwrap_or(false);
        let hint = if is_table { "; a table is given by its rows, as list(table)" } else { "" };
        raise(object.py(), Class::Type, format!("a record is needed, and this is of type {name}{hint}"))
    })
}

/// The values of a record, as a tuple.
#[pyfunction]
pub(crate) fn astuple<'py>(record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    values(row_of(record)?)
}

/// The values of a record, as a dict.
#[pyfunction]
pub(crate) fn asdict<'py>(record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let row = row_of(record)?;
    let dict = PyDict::new(record.py());
    for (field, value) in row.info().fields.iter().zip(values(row)?.iter()) {
        dict.set_item(&field.name, value)?;
    }
    Ok(dict)
}

/// A copy with a record of its own. That of a row that cannot be changed cannot be either.
#[pyfunction]
pub(crate) fn copy_of<'py>(record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let row = row_of(record)?;
    let is_frozen = row.info().frozen || matches!(row.kind(), RowKind::Frozen | RowKind::Still);
    value_row(&record.get_type(), row.info(), is_frozen, |own| {
        own.copy_from_slice(row.record());
        Ok(())
    })
}

/// A copy in which some fields have other values.
#[pyfunction]
pub(crate) fn replaced<'py>(
    record: &Bound<'py, PyAny>,
    changes: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let row = row_of(record)?;
    let (py, info) = (record.py(), row.info());
    value_row(&record.get_type(), info, info.frozen, |own| {
        own.copy_from_slice(row.record());
        for (name, value) in changes.iter() {
            let name = name.to_string();
            let Some(at) = info.position(&name) else {
                let names: Vec<&str> = info.fields.iter().map(|field| field.def.name()).collect();
                let message = format!("no field '{name}'; the fields are {}", names.join(", "));
                return Err(raise(py, Class::Type, message));
            };
            let field = &info.fields[at];
            encode(py, field, &value, &mut own[field.offset..field.offset + field.width])?;
        }
        Ok(())
    })
}

/// The stored bytes of a record.
#[pyfunction]
pub(crate) fn record_bytes<'py>(record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, pyo3::types::PyBytes>> {
    Ok(pyo3::types::PyBytes::new(record.py(), row_of(record)?.record()))
}

/// A record of a class from its stored bytes.
#[pyfunction]
pub(crate) fn from_bytes<'py>(
    class: &Bound<'py, PyType>,
    stored: &[u8],
    is_frozen: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, info) = (class.py(), layout_of(class)?);
    if stored.len() != info.width {
        let message = format!("{} bytes, where a {} has {}", stored.len(), class.name()?, info.width);
        return Err(raise(py, Class::Value, message));
    }
    for field in &info.fields {
        let checked = field.def.check(&stored[field.offset..field.offset + field.width]);
        checked.map_err(|error| crate::error::from_library(py, error))?;
    }
    value_row(class, info, is_frozen || info.frozen, |own| {
        own.copy_from_slice(stored);
        Ok(())
    })
}

/// Whether a record cannot be changed.
#[pyfunction]
pub(crate) fn is_frozen(record: &Bound<'_, PyAny>) -> PyResult<bool> {
    let row = row_of(record)?;
    Ok(row.info().frozen || matches!(row.kind(), RowKind::Frozen | RowKind::Still))
}

/// Whether a record is one of its own, and not a view into a table.
#[pyfunction]
pub(crate) fn is_value(record: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(matches!(row_of(record)?.kind(), RowKind::Frozen | RowKind::Value | RowKind::Taken | RowKind::Ended))
}
