//! Tables of a snapshot, which stay as they are.

use std::borrow::Cow;

use drystone::{Dyn, Number, OwnedTable, Row, Type, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PySlice, PyTuple, PyType};

use crate::database::while_waiting;
use crate::encode::{encode, shown};
use crate::error::{Class, OrRaise, no_row, raise};
use crate::find::{KeyRange, gather};
use crate::layout::{FieldInfo, Info, Kind, Layout, bytes, decode};
use crate::query::{Answer, Question};
use crate::raw::{layout_of, still_row, with_buffer};

/// A table in a snapshot, as records of a class. Rows, arrays and iterators hold it, and it holds
/// its snapshot.
#[pyclass(frozen, weakref, module = "drystone._drystone")]
pub(crate) struct Still {
    pub(crate) table: OwnedTable<Dyn>,
    class: Py<PyType>,
    layout: Py<Layout>,
}

impl Still {
    pub(crate) fn new(table: OwnedTable<Dyn>, class: &Bound<'_, PyType>) -> PyResult<Still> {
        let py = class.py();
        let info = layout_of(class)?;
        check_schema(py, table.name(), table.as_table().schema(), class, info)?;
        let layout = class.getattr("__layout__")?.cast_into::<Layout>()?.unbind();
        Ok(Still { table, class: class.clone().unbind(), layout })
    }

    #[inline(always)]
    pub(crate) fn info(&self) -> &Info {
        &self.layout.get().info
    }

    #[inline]
    fn view<'py>(slf: &Bound<'py, Still>, row: Row<'_>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        still_row(this.class.bind(slf.py()), this.info(), slf, row.as_bytes())
    }

    /// The row with a number.
    #[inline]
    pub(crate) fn row<'py>(slf: &Bound<'py, Still>, number: u64) -> PyResult<Option<Bound<'py, PyAny>>> {
        match slf.get().table.as_table().select(number).or_raise(slf.py())? {
            Some(row) => Still::view(slf, row).map(Some),
            None => Ok(None),
        }
    }

    /// The row with a key; none where this cannot be a key.
    #[inline]
    pub(crate) fn find<'py>(
        slf: &Bound<'py, Still>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, this) = (slf.py(), slf.get());
        let found = with_stored_key(this.info(), key, |key| this.table.as_table().get_stored(key));
        match found.transpose() {
            Ok(Some(Some(row))) => Still::view(slf, row).map(Some),
            Ok(_) => Ok(None),
            Err(error) => Err(crate::error::from_library(py, error)),
        }
    }

    /// A number of a row as Python counts, from the end where it is negative.
    pub(crate) fn number(&self, key: &Bound<'_, PyAny>) -> PyResult<u64> {
        let py = key.py();
        let rows = self.table.len() as i64;
        let at = row_number(key)?;
        let place = if at < 0 { at.wrapping_add(rows) } else { at };
        if (0..rows).contains(&place) {
            Ok(place as u64)
        } else {
            Err(no_row(py, at as isize, rows as usize))
        }
    }
}

/// An index, as a number that may be negative.
pub(crate) fn row_number(key: &Bound<'_, PyAny>) -> PyResult<i64> {
    match key.extract::<i64>() {
        Ok(at) => Ok(at),
        Err(_) if key.is_instance_of::<PyInt>() => Ok(i64::MAX),
        Err(_) => {
            let message = format!(
                "a row of this table is addressed by its number, not by a {}",
                key.get_type().name()?
            );
            Err(raise(key.py(), Class::Type, message))
        }
    }
}

/// An error unless a table has the schema of a class.
pub(crate) fn check_schema(
    py: Python<'_>,
    table: &str,
    schema: &drystone::Schema,
    class: &Bound<'_, PyType>,
    info: &Info,
) -> PyResult<()> {
    if *schema == info.schema {
        return Ok(());
    }
    let message = format!(
        "table {table:?} has the schema `{schema}`; the class {} has `{}`. {}",
        class.name()?,
        info.schema,
        take_again(table)
    );
    Err(raise(py, Class::Type, message))
}

/// What to do with a handle of a table whose schema was changed.
fn take_again(table: &str) -> String {
    let is_name = !table.starts_with(|first: char| first.is_ascii_digit())
        && table.chars().all(|one| one.is_ascii_alphanumeric() || one == '_');
    let expression = if is_name { format!("db.{table}") } else { format!("db[{table:?}]") };
    format!("If the schema was changed, take `{expression}` again: it then has rows of a class that fits")
}

/// Hands on the values of a key; `None` where this cannot be a key of such a table.
#[inline]
pub(crate) fn with_key<A>(
    info: &Info,
    key: &Bound<'_, PyAny>,
    then: impl FnOnce(&[Value<'_>]) -> A,
) -> Option<A> {
    if info.key_fields == 1 {
        let field = &info.fields[0];
        if let Kind::Number(_) = field.kind
            && key.is_exact_instance_of::<PyInt>()
            && let Ok(number) = key.extract::<i64>()
        {
            return Some(then(&[Value::Signed(number.into())]));
        }
        return Some(then(&[key_value(info, 0, key)?]));
    }
    let values = key.cast::<PyTuple>().ok()?;
    if values.len() != info.key_fields {
        return None;
    }
    let mut stored = Vec::with_capacity(info.key_fields);
    for (at, value) in values.iter().enumerate() {
        stored.push(key_value(info, at, &value)?);
    }
    Some(then(&stored))
}

/// Hands on a key in stored form; `None` where this cannot be a key of such a table.
#[inline]
pub(crate) fn with_stored_key<A>(
    info: &Info,
    key: &Bound<'_, PyAny>,
    then: impl FnOnce(&[u8]) -> A,
) -> Option<A> {
    let mut small = [0; 32];
    let mut large;
    let stored = if info.key_width <= small.len() {
        &mut small[..info.key_width]
    } else {
        large = vec![0; info.key_width];
        &mut large[..]
    };
    if info.key_fields == 1 {
        let field = &info.fields[0];
        encode_key(field, key, stored)?;
        return Some(then(stored));
    }
    let values = key.cast::<PyTuple>().ok()?;
    if values.len() != info.key_fields {
        return None;
    }
    for (field, value) in info.fields.iter().zip(values.iter_borrowed()) {
        encode_key(field, &value, &mut stored[field.offset..field.offset + field.width])?;
    }
    Some(then(stored))
}

/// Stores a part of a key; whole numbers, as most keys are, without a detour.
#[inline]
fn encode_key(field: &FieldInfo, key: &Bound<'_, PyAny>, out: &mut [u8]) -> Option<()> {
    if let Kind::Number(number) = field.kind
        && key.is_exact_instance_of::<PyInt>()
        && !field.nullable
    {
        match number {
            Number::U64 => out.copy_from_slice(&key.extract::<u64>().ok()?.to_le_bytes()),
            Number::U32 => out.copy_from_slice(&key.extract::<u32>().ok()?.to_le_bytes()),
            Number::I64 => out.copy_from_slice(&key.extract::<i64>().ok()?.to_le_bytes()),
            Number::I32 => out.copy_from_slice(&key.extract::<i32>().ok()?.to_le_bytes()),
            _ => return encode(key.py(), field, key, out).ok(),
        }
        return Some(());
    }
    encode(key.py(), field, key, out).ok()
}

fn key_value(info: &Info, at: usize, value: &Bound<'_, PyAny>) -> Option<Value<'static>> {
    let field = &info.fields[at];
    let mut stored = vec![0; field.width];
    encode(value.py(), field, value, &mut stored).ok()?;
    Some(field.def.load(&stored).ok()?.into_owned())
}

/// The values of a bound of a range: a key, or the values of its first fields.
pub(crate) fn bound_values(info: &Info, key: &Bound<'_, PyAny>) -> PyResult<Vec<Value<'static>>> {
    let one = PyTuple::new(key.py(), [key])?;
    let values = match key.cast::<PyTuple>() {
        Ok(values) => values,
        Err(_) => &one,
    };
    if values.len() > info.key_fields {
        let message = format!("{} values, and the key has {} fields", values.len(), info.key_fields);
        return Err(raise(key.py(), Class::Type, message));
    }
    let mut stored = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let field = &info.fields[at];
        let mut bytes = vec![0; field.width];
        encode(key.py(), field, &value, &mut bytes)?;
        stored.push(field.def.load(&bytes).or_raise(key.py())?.into_owned());
    }
    Ok(stored)
}

/// The key of a record, as Python sees it: a value, or a tuple of them.
pub(crate) fn key_object<'py>(py: Python<'py>, info: &Info, record: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let value = |at: usize| {
        let field = &info.fields[at];
        decode(py, field, &record[field.offset..field.offset + field.width])
    };
    if info.key_fields == 1 {
        return value(0);
    }
    let values = (0..info.key_fields).map(value).collect::<PyResult<Vec<_>>>()?;
    Ok(PyTuple::new(py, values)?.into_any())
}

/// An error unless packed records are values of their fields.
pub(crate) fn check_records(py: Python<'_>, info: &Info, records: &[u8]) -> PyResult<()> {
    for field in &info.fields {
        if !matches!(field.def.ty(), Type::Bool | Type::Str(_) | Type::Enum(_)) {
            continue;
        }
        for record in records.chunks_exact(info.width) {
            field.def.check(&record[field.offset..field.offset + field.width]).or_raise(py)?;
        }
    }
    Ok(())
}

/// Keys that are given as packed stored bytes, looked up side by side.
const KEYS_AT_ONCE: usize = 1 << 14;

#[pymethods]
impl Still {
    #[getter]
    fn record_class(&self, py: Python<'_>) -> Py<PyType> {
        self.class.clone_ref(py)
    }

    #[getter]
    fn transaction(&self) -> u64 {
        self.table.snapshot().transaction()
    }

    fn __len__(&self) -> usize {
        self.table.len() as usize
    }

    /// The address and the bytes of the rows, where they lie side by side in memory.
    pub(crate) fn memory(&self, py: Python<'_>) -> PyResult<Option<(usize, usize)>> {
        let table = self.table.clone();
        let whole = py.detach(|| {
            table.as_table().as_slice().map(|rows| {
                rows.map(|rows| {
                    let bytes = rows.as_bytes();
                    (bytes.as_ptr() as usize, bytes.len())
                })
            })
        });
        whole.or_raise(py)
    }

    /// The packed records of a range of numbers.
    fn bytes<'py>(&self, py: Python<'py>, start: u64, stop: u64) -> PyResult<Bound<'py, PyBytes>> {
        let rows = self.table.len();
        let (start, stop) = (start.min(rows), stop.min(rows).max(start.min(rows)));
        let table = self.table.as_table();
        PyBytes::new_with(py, (stop - start) as usize * self.info().width, |out| {
            let mut at = 0;
            for slice in table.rows(start..stop).slices() {
                let slice = slice.or_raise(py)?;
                let slice = slice.as_bytes();
                out[at..at + slice.len()].copy_from_slice(slice);
                at += slice.len();
            }
            Ok(())
        })
    }

    /// The records with these numbers (packed, of 64 bits), as packed bytes.
    fn gather<'py>(&self, py: Python<'py>, numbers: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let width = self.info().width;
        with_buffer(numbers, |numbers| {
            let mut outside = None;
            let made = PyBytes::new_with(py, numbers.len() / 8 * width, |out| {
                let table = &self.table;
                outside = py
                    .detach(|| {
                        if let Some(rows) = table.as_table().as_slice()? {
                            return Ok(gather(rows.as_bytes(), width, numbers, out));
                        }
                        let rows = table.len() as i64;
                        for (number, slot) in numbers.chunks_exact(8).zip(out.chunks_exact_mut(width)) {
                            let number = i64::from_le_bytes(bytes(number));
                            let place = if number < 0 { number + rows } else { number };
                            match table.as_table().select(place as u64)? {
                                Some(row) if place >= 0 => slot.copy_from_slice(row.as_bytes()),
                                _ => return Ok(Some(number)),
                            }
                        }
                        Ok(None)
                    })
                    .or_raise(py)?;
                Ok(())
            })?;
            match outside {
                Some(number) => Err(no_row(py, number as isize, self.table.len() as usize)),
                None => Ok(made),
            }
        })
    }

    /// The records with these keys (packed, as they are stored): the records that were found,
    /// packed, and the positions of the keys that are not there.
    fn look_up<'py>(
        &self,
        py: Python<'py>,
        keys: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyBytes>, Vec<usize>)> {
        let info = self.info();
        let (width, key_width) = (info.width, info.key_width);
        with_buffer(keys, |keys| {
            let count = keys.len() / key_width;
            let mut missing = Vec::new();
            let mut found = 0;
            let made = PyBytes::new_with(py, count * width, |out| {
                for (turn, keys) in keys.chunks(KEYS_AT_ONCE * key_width).enumerate() {
                    py.check_signals()?;
                    let (table, missing, found, out) = (&self.table, &mut missing, &mut found, &mut *out);
                    py.detach(|| {
                        let mut at = turn * KEYS_AT_ONCE;
                        table.as_table().get_many_stored(keys, |record| {
                            match record {
                                Some(record) => {
                                    out[*found * width..(*found + 1) * width].copy_from_slice(record);
                                    *found += 1;
                                }
                                None => missing.push(at),
                            }
                            at += 1;
                            Ok(())
                        })?;
                        Ok(())
                    })
                    .or_raise(py)?;
                }
                Ok(())
            })?;
            let made =
                if found == count { made } else { PyBytes::new(py, &made.as_bytes()[..found * width]) };
            Ok((made, missing))
        })
    }

    /// The numbers of the rows whose keys lie in a range: the first, and the one after the last.
    #[pyo3(signature = (low, high, closed))]
    fn between(
        &self,
        py: Python<'_>,
        low: Option<&Bound<'_, PyAny>>,
        high: Option<&Bound<'_, PyAny>>,
        closed: bool,
    ) -> PyResult<(u64, u64)> {
        KeyRange::new(self.info(), low, high, closed)?.numbers(self.table.as_table()).or_raise(py)
    }

    /// How many rows have a lower key.
    fn rank(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<u64> {
        let values = bound_values(self.info(), key)?;
        self.table.as_table().rank(&values).or_raise(py)
    }

    /// The rows of a range of numbers: rows, keys, or pairs of both.
    #[pyo3(signature = (start, stop, step=1, what="rows"))]
    pub(crate) fn range(slf: &Bound<'_, Still>, start: i64, stop: i64, step: i64, what: &str) -> Rows {
        let len = match step {
            1.. if stop > start => (stop - start - 1) / step + 1,
            ..=-1 if start > stop => (start - stop - 1) / -step + 1,
            _ => 0,
        };
        Rows { still: slf.clone().unbind(), start, step, len, what: What::named(what) }
    }

    /// The value of a field of a row.
    fn value<'py>(&self, key: &Bound<'py, PyAny>, field: &str) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let info = self.info();
        let Some(at) = info.position(field) else { return Err(info.no_field(py, field)) };
        let number = self.number(key)?;
        let field = &info.fields[at];
        match self.table.as_table().select(number).or_raise(py)? {
            Some(row) => decode(py, field, &row.as_bytes()[field.offset..field.offset + field.width]),
            None => Err(no_row(py, number as isize, self.table.len() as usize)),
        }
    }

    /// Asks a question. Python's signal handlers run meanwhile, and an exception of theirs ends the
    /// wait.
    fn ask<'py>(&self, py: Python<'py>, question: Question) -> PyResult<Answer<'py>> {
        let table = self.table.clone();
        let run = move || question.run(table.as_table());
        let done = if self.table.len() < 100_000 { py.detach(run) } else { while_waiting(py, run)? };
        Answer::new(py, done.or_raise(py)?)
    }

    /// How a question would be answered.
    fn explain(&self, py: Python<'_>, question: Question) -> PyResult<String> {
        question.explain(self.table.as_table()).or_raise(py)
    }

    /// The rows from one number to another as a stream of Arrow, in a capsule. `place` stands
    /// before the messages of errors.
    #[pyo3(signature = (begin=0, end=None, place=None))]
    fn arrow_stream<'py>(
        &self,
        py: Python<'py>,
        begin: u64,
        end: Option<u64>,
        place: Option<String>,
    ) -> PyResult<Bound<'py, pyo3::types::PyCapsule>> {
        crate::arrow::of_still(py, self, (begin, end), place)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Rows,
    Keys,
    Items,
}

impl What {
    fn named(name: &str) -> What {
        match name {
            "keys" => What::Keys,
            "items" => What::Items,
            _ => What::Rows,
        }
    }
}

/// Rows of a snapshot by number: a sequence that holds the snapshot.
#[pyclass(frozen, sequence, weakref, module = "drystone._drystone")]
pub(crate) struct Rows {
    still: Py<Still>,
    start: i64,
    step: i64,
    len: i64,
    what: What,
}

impl Rows {
    fn at<'py>(&self, py: Python<'py>, at: i64) -> PyResult<Option<Bound<'py, PyAny>>> {
        let still = self.still.bind(py);
        let number = (self.start + at * self.step) as u64;
        if self.what == What::Rows {
            return Still::row(still, number);
        }
        let Some(row) = still.get().table.as_table().select(number).or_raise(py)? else { return Ok(None) };
        let key = key_object(py, still.get().info(), row.as_bytes())?;
        if self.what == What::Keys {
            return Ok(Some(key));
        }
        let row = Still::view(still, row)?;
        Ok(Some(PyTuple::new(py, [key, row])?.into_any()))
    }
}

#[pymethods]
impl Rows {
    fn __len__(&self) -> usize {
        self.len as usize
    }

    #[getter]
    fn _still(&self, py: Python<'_>) -> Py<Still> {
        self.still.clone_ref(py)
    }

    /// The number of the first row, how many there are, and the step from one to the next.
    #[getter]
    fn _numbers(&self) -> (i64, i64, i64) {
        (self.start, self.len, self.step)
    }

    fn __getitem__<'py>(slf: &Bound<'py, Rows>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if let Ok(slice) = key.cast::<PySlice>() {
            let indices = slice.indices(this.len as isize)?;
            let rows = Rows {
                still: this.still.clone_ref(py),
                start: this.start + indices.start as i64 * this.step,
                step: this.step * indices.step as i64,
                len: indices.slicelength as i64,
                what: this.what,
            };
            return Ok(Bound::new(py, rows)?.into_any());
        }
        let at = row_number(key)?;
        let place = if at < 0 { at.wrapping_add(this.len) } else { at };
        if !(0..this.len).contains(&place) {
            return Err(no_row(py, at as isize, this.len as usize));
        }
        this.at(py, place)?.ok_or_else(|| no_row(py, at as isize, this.len as usize))
    }

    fn __iter__(slf: &Bound<'_, Rows>) -> RowsIter {
        RowsIter { rows: slf.clone().unbind(), next: 0.into() }
    }

    fn __reversed__(&self, py: Python<'_>) -> PyResult<RowsIter> {
        let rows = Rows {
            still: self.still.clone_ref(py),
            start: self.start + (self.len - 1) * self.step,
            step: -self.step,
            len: self.len,
            what: self.what,
        };
        Ok(RowsIter { rows: Py::new(py, rows)?, next: 0.into() })
    }

    /// Keys of a whole table are looked up; anything else is compared one by one.
    fn __contains__(slf: &Bound<'_, Rows>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (py, this) = (slf.py(), slf.get());
        let still = this.still.bind(py);
        let is_whole =
            this.start == 0 && this.step == 1 && this.len as u64 == still.get().table.as_table().len();
        if this.what == What::Keys && is_whole {
            return Ok(Still::find(still, value)?.is_some());
        }
        for one in slf.try_iter()? {
            if one?.eq(value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let name = self.still.bind(py).get().table.name().to_owned();
        format!("<{} rows of table '{name}'>", self.len)
    }
}

#[pyclass(frozen, module = "drystone._drystone")]
struct RowsIter {
    rows: Py<Rows>,
    next: std::sync::atomic::AtomicI64,
}

#[pymethods]
impl RowsIter {
    fn __iter__(slf: Bound<'_, RowsIter>) -> Bound<'_, RowsIter> {
        slf
    }

    fn __length_hint__(&self) -> usize {
        let next = self.next.load(std::sync::atomic::Ordering::Relaxed);
        (self.rows.get().len - next).max(0) as usize
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let at = self.next.load(std::sync::atomic::Ordering::Relaxed);
        if at >= self.rows.get().len {
            return Ok(None);
        }
        self.next.store(at + 1, std::sync::atomic::Ordering::Relaxed);
        self.rows.get().at(py, at)
    }
}

/// Keys as packed stored bytes, from an iterable of them.
pub(crate) fn packed_keys(info: &Info, keys: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut packed = Vec::new();
    for key in keys.try_iter()? {
        let key = key?;
        let one = PyTuple::new(key.py(), [&key])?;
        let values = if info.key_fields > 1 { key.cast::<PyTuple>().ok() } else { Some(&one) };
        let Some(values) = values.filter(|values| values.len() == info.key_fields) else {
            let message = format!("{} is not a key of {} fields", shown(&key), info.key_fields);
            return Err(raise(key.py(), Class::Type, message));
        };
        for (at, value) in values.iter().enumerate() {
            let field = &info.fields[at];
            let start = packed.len();
            packed.resize(start + field.width, 0);
            encode(key.py(), field, &value, &mut packed[start..])?;
        }
    }
    Ok(packed)
}

/// The same for other modules, by a class.
#[pyfunction]
pub(crate) fn pack_keys<'py>(
    layout: &Bound<'py, Layout>,
    keys: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let packed: Cow<'_, [u8]> = packed_keys(&layout.get().info, keys)?.into();
    Ok(PyBytes::new(keys.py(), &packed))
}
