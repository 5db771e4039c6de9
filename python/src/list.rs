//! A list of records in memory: packed rows in one vector, and a register of the rows that are
//! held.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PySlice, PyType};

use crate::error::{Class, at_record, no_memory, no_row, raise};
use crate::find::gather;
use crate::layout::{Info, Layout, decode};
use crate::raw::{
    Exporter, GilCell, Live, OwnerLeft, RowPointer, Shape, layout_of, list_row, prefetch, with_buffer,
};
use crate::record::stored_bytes;
use crate::{fold, format};

/// Records that are packed edge to edge, and change. Rows are views of it.
#[pyclass(extends = Exporter, subclass, frozen, weakref, module = "drystone._drystone")]
pub(crate) struct ListTable {
    class: Py<PyType>,
    layout: Py<Layout>,
    width: usize,
    state: GilCell<State>,
}

struct State {
    records: Vec<u8>,
    live: Live,
    /// Arrays and buffers that show the memory.
    exports: usize,
    /// Counts changes.
    version: u64,
}

#[pymethods]
impl ListTable {
    #[new]
    #[pyo3(signature = (class, *_args, **_named))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, pyo3::types::PyTuple>,
        _named: Option<&Bound<'_, pyo3::types::PyDict>>,
    ) -> PyResult<PyClassInitializer<ListTable>> {
        let info = layout_of(class)?;
        let layout = class.getattr("__layout__")?.cast_into::<Layout>()?.unbind();
        let state = State { records: Vec::new(), live: Live::default(), exports: 0, version: 0 };
        let (class, width) = (class.clone().unbind(), info.width);
        let list = ListTable { class, layout, width, state: GilCell::new(state) };
        Ok(PyClassInitializer::from(Exporter).add_subclass(list))
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
    fn _version(&self, py: Python<'_>) -> u64 {
        self.state.with(py, |state| state.version)
    }

    /// Whether arrays may change the memory without telling.
    #[getter]
    fn _is_exported(&self, py: Python<'_>) -> bool {
        self.state.with(py, |state| state.exports > 0)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.rows(py)
    }

    fn __getitem__<'py>(slf: &Bound<'py, ListTable>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if key.is_exact_instance_of::<PyInt>() {
            let at: isize = key.extract().unwrap_or(isize::MAX);
            return slf.get().row(slf, at);
        }
        if let Ok(slice) = key.cast::<PySlice>() {
            return ListTable::slice(slf, slice);
        }
        let at = slf.get().number(key)?;
        slf.get().row(slf, at)
    }

    fn __setitem__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = key.py();
        if let Ok(slice) = key.cast::<PySlice>() {
            let new = self.bytes_of_many(value)?;
            return self.set_slice(py, slice, &new);
        }
        let at = self.number(key)?;
        let mut record = vec![0; self.width];
        stored_bytes(self.class.bind(py), self.info(), value, &mut record)?;
        let at = self.place(py, at)?;
        self.splice(py, at..at + 1, &record)
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = key.py();
        if let Ok(slice) = key.cast::<PySlice>() {
            let indices = slice.indices(self.rows(py) as isize)?;
            if indices.step == 1 {
                let start = indices.start as usize;
                return self.splice(py, start..start + indices.slicelength, &[]);
            }
            // From the last to the first, so that the numbers of the others stay.
            let numbers = (0..indices.slicelength as isize).map(|at| indices.start + at * indices.step);
            let mut numbers: Vec<usize> = numbers.map(|number| number as usize).collect();
            numbers.sort_unstable();
            return self.remove_rows(py, &numbers);
        }
        let at = self.number(key)?;
        let at = self.place(py, at)?;
        self.splice(py, at..at + 1, &[])
    }

    /// Appends a record: one of the class, a tuple of its values, or a dict.
    fn append(&self, py: Python<'_>, record: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut small = [0; 128];
        let mut large;
        let stored = if self.width <= small.len() {
            &mut small[..self.width]
        } else {
            large = vec![0; self.width];
            &mut large[..]
        };
        stored_bytes(self.class.bind(py), self.info(), record, stored)?;
        let end = self.rows(py);
        self.splice(py, end..end, stored)
    }

    /// Inserts a record before a place.
    fn insert(&self, py: Python<'_>, index: &Bound<'_, PyAny>, record: &Bound<'_, PyAny>) -> PyResult<()> {
        let at = self.number(index)?;
        let mut stored = vec![0; self.width];
        stored_bytes(self.class.bind(py), self.info(), record, &mut stored)?;
        let rows = self.rows(py) as isize;
        let at = if at < 0 { (at.saturating_add(rows)).max(0) } else { at.min(rows) } as usize;
        self.splice(py, at..at, &stored)
    }

    /// Takes a record out, and returns it.
    #[pyo3(signature = (index=-1))]
    fn pop<'py>(slf: &Bound<'py, ListTable>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if this.rows(py) == 0 {
            return Err(raise(py, Class::Index, "pop from an empty table"));
        }
        let row = this.row(slf, index)?;
        let at = this.place(py, index)?;
        this.splice(py, at..at + 1, &[])?;
        Ok(row)
    }

    /// Removes all records.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        let rows = self.rows(py);
        self.splice(py, 0..rows, &[])?;
        self.state.with(py, |state| {
            if state.exports == 0 {
                state.records = Vec::new();
            }
        });
        Ok(())
    }

    /// Appends the records of an iterable, all or none.
    fn _extend_records(&self, records: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = records.py();
        let new = self.bytes_of_many(records)?;
        let end = self.rows(py);
        self.splice(py, end..end, &new)
    }

    /// Appends records from memory in which they are packed as in the table.
    fn _extend_bytes(&self, memory: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = memory.py();
        with_buffer(memory, |new| {
            if new.len() % self.width != 0 {
                let message = format!("{} bytes are not whole records of {} bytes", new.len(), self.width);
                return Err(raise(py, Class::Value, message));
            }
            self.check(py, new)?;
            let end = self.rows(py);
            self.splice(py, end..end, new)
        })
    }

    /// Puts the records into another order: the number of the old place of each.
    fn _permute(&self, py: Python<'_>, order: Vec<usize>, version: u64) -> PyResult<()> {
        let width = self.width;
        let is_done = self.state.with(py, |state| {
            let rows = state.records.len() / width;
            if state.version != version || order.len() != rows || order.iter().any(|&old| old >= rows) {
                return false;
            }
            let mut new = Vec::with_capacity(state.records.len());
            for &old in &order {
                new.extend_from_slice(&state.records[old * width..(old + 1) * width]);
            }
            // In place, because arrays may show the memory.
            state.records.copy_from_slice(&new);
            if !state.live.is_empty() {
                let mut moved = Live::default();
                for (place, old) in order.iter().enumerate() {
                    if let Some(row) = state.live.get(old) {
                        moved.insert(place, *row);
                    }
                }
                state.live = moved;
                state.point_rows(width);
            }
            state.version += 1;
            true
        });
        if is_done {
            Ok(())
        } else {
            Err(raise(py, Class::Value, "the table was changed while it was sorted"))
        }
    }

    /// The first place of a record that equals this one.
    fn _find(
        &self,
        py: Python<'_>,
        record: &Bound<'_, PyAny>,
        start: usize,
        stop: usize,
    ) -> PyResult<Option<usize>> {
        let Some(row) = crate::raw::RowRef::new(record) else { return Ok(None) };
        if !std::ptr::eq(row.info(), self.info()) {
            return Ok(None);
        }
        let wanted = row.record().to_vec();
        Ok(self.state.with(py, |state| {
            let rows = state.records.len() / self.width;
            let (start, stop) = (start.min(rows), stop.min(rows));
            (start..stop).find(|at| {
                let record = &state.records[at * self.width..(at + 1) * self.width];
                self.info().is_equal(record, &wanted)
            })
        }))
    }

    /// The records at these places (packed numbers of 64 bits), as packed bytes.
    fn _gather<'py>(&self, py: Python<'py>, numbers: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        with_buffer(numbers, |numbers| {
            let count = numbers.len() / 8;
            let mut outside = None;
            let made = PyBytes::new_with(py, count * self.width, |out| {
                self.state.with(py, |state| {
                    outside = gather(&state.records, self.width, numbers, out);
                });
                Ok(())
            })?;
            match outside {
                Some(number) => Err(no_row(py, number as isize, self.rows(py))),
                None => Ok(made),
            }
        })
    }

    /// The packed records of a range of places.
    fn _bytes<'py>(&self, py: Python<'py>, start: usize, stop: usize) -> PyResult<Bound<'py, PyBytes>> {
        let rows = self.rows(py);
        let (start, stop) = (start.min(rows), stop.min(rows).max(start.min(rows)));
        PyBytes::new_with(py, (stop - start) * self.width, |out| {
            self.state.with(py, |state| {
                out.copy_from_slice(&state.records[start * self.width..stop * self.width]);
            });
            Ok(())
        })
    }

    /// Adds up, counts or finds an end of a field: `(number of values, the value)`.
    fn _fold<'py>(&self, py: Python<'py>, field: &str, what: &str) -> PyResult<(u64, Bound<'py, PyAny>)> {
        let info = self.info();
        let Some(at) = info.position(field) else { return Err(info.no_field(py, field)) };
        let field = &info.fields[at];
        let done = self.state.with(py, |state| fold::fold(&state.records, self.width, field, what));
        match done {
            Some((count, folded)) => Ok((count, folded.into_object(py, field)?)),
            None => {
                let message =
                    format!("field '{}': {what} is not defined for {}", field.def.name(), field.def.ty());
                Err(raise(py, Class::Type, message))
            }
        }
    }

    /// The values of a field, as a list.
    fn _column<'py>(&self, py: Python<'py>, field: &str) -> PyResult<Bound<'py, pyo3::types::PyList>> {
        let info = self.info();
        let Some(at) = info.position(field) else { return Err(info.no_field(py, field)) };
        let field = &info.fields[at];
        let list = pyo3::types::PyList::empty(py);
        let mut stored = vec![0; field.width];
        for row in 0..self.rows(py) {
            let start = row * self.width + field.offset;
            let is_there = self.state.with(py, |state| match state.records.get(start..start + field.width) {
                Some(bytes) => {
                    stored.copy_from_slice(bytes);
                    true
                }
                None => false,
            });
            if !is_there {
                break;
            }
            list.append(decode(py, field, &stored)?)?;
        }
        Ok(list)
    }

    /// The value of a field of a row.
    fn _value<'py>(&self, py: Python<'py>, at: isize, field: &str) -> PyResult<Bound<'py, PyAny>> {
        let info = self.info();
        let Some(position) = info.position(field) else { return Err(info.no_field(py, field)) };
        let field = &info.fields[position];
        let place = self.place(py, at)?;
        let start = place * self.width + field.offset;
        let stored = self.state.with(py, |state| state.records[start..start + field.width].to_vec());
        decode(py, field, &stored)
    }

    /// Makes room for records that are to come.
    fn _reserve(&self, py: Python<'_>, rows: usize) -> PyResult<()> {
        self.check_exports(py)?;
        let done = self.state.with(py, |state| {
            let done = state.records.try_reserve_exact(rows.saturating_mul(self.width));
            state.point_rows(self.width);
            done
        });
        done.map_err(|_| no_memory())
    }

    fn __iter__(slf: &Bound<'_, ListTable>) -> ListRows {
        ListRows { table: slf.clone().unbind(), next: 0.into() }
    }

    fn __sizeof__(&self, py: Python<'_>) -> usize {
        size_of::<ListTable>()
            + self.state.with(py, |state| state.records.capacity() + state.live.capacity() * 24)
    }
}

impl ListTable {
    #[inline(always)]
    fn info(&self) -> &Info {
        &self.layout.get().info
    }

    #[inline(always)]
    pub(crate) fn rows(&self, py: Python<'_>) -> usize {
        self.state.with(py, |state| state.records.len()) / self.width
    }

    /// An index, as a number that may be negative.
    fn number(&self, key: &Bound<'_, PyAny>) -> PyResult<isize> {
        match key.extract::<isize>() {
            Ok(at) => Ok(at),
            Err(_) if key.is_instance_of::<PyInt>() => Ok(isize::MAX),
            Err(_) => {
                let message = format!(
                    "a row of a table is addressed by its number or a slice, not by a {}; get_many(numbers) takes several",
                    key.get_type().name()?
                );
                Err(raise(key.py(), Class::Type, message))
            }
        }
    }

    fn place(&self, py: Python<'_>, at: isize) -> PyResult<usize> {
        let rows = self.rows(py);
        let place = if at < 0 { at.wrapping_add(rows as isize) } else { at };
        if (0..rows as isize).contains(&place) { Ok(place as usize) } else { Err(no_row(py, at, rows)) }
    }

    /// The row at a place: the object that is held already, or a new one.
    #[inline]
    fn row<'py>(&self, slf: &Bound<'py, ListTable>, at: isize) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let width = self.width;
        let place_of = |state: &State| {
            let rows = state.records.len() / width;
            let place = if at < 0 { at.wrapping_add(rows as isize) } else { at } as usize;
            (place < rows).then_some(place)
        };
        let outside = || no_row(py, at, self.rows(py));
        let held = self.state.with(py, |state| {
            let place = place_of(state)?;
            Some(state.held(place, py).or_else(|| {
                prefetch(&state.records[place * width..]);
                None
            }))
        });
        if let Some(row) = held.ok_or_else(outside)? {
            return Ok(row);
        }
        // Making an object may run Python code, of a finaliser, which may change this list. So the
        // list is not in use meanwhile, and it is looked at again.
        let (object, mut row) = list_row(self.class.bind(py), self.info(), slf)?;
        let found = self.state.with(py, |state| {
            let place = place_of(state)?;
            let held = state.held(place, py);
            if held.is_none() {
                row.point_to(&mut state.records[place * width..(place + 1) * width]);
                state.live.insert(place, row);
            }
            Some(held)
        });
        match found {
            Some(None) => Ok(object),
            Some(Some(held)) => Ok(held),
            None => Err(outside()),
        }
    }

    fn slice<'py>(slf: &Bound<'py, ListTable>, slice: &Bound<'py, PySlice>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let indices = slice.indices(this.rows(py) as isize)?;
        let mut bytes = Vec::new();
        this.state.with(py, |state| {
            let width = this.width;
            for at in 0..indices.slicelength as isize {
                let place = (indices.start + at * indices.step) as usize;
                bytes.extend_from_slice(&state.records[place * width..(place + 1) * width]);
            }
        });
        let table = slf.getattr(pyo3::intern!(py, "_empty"))?.call0()?;
        let list = table.cast::<ListTable>()?.get();
        list.splice(py, 0..0, &bytes)?;
        Ok(table)
    }

    /// A row goes: it is taken out of the register.
    #[inline]
    pub(crate) fn forget(&self, py: Python<'_>, row: RowPointer) {
        let width = self.width;
        self.state.with(py, |state| {
            // A row that was never in the register points elsewhere.
            let place = row.address().wrapping_sub(state.records.as_ptr() as usize) / width;
            if state.live.get(&place) == Some(&row) {
                state.live.remove(&place);
            }
        });
    }

    /// A field of a row was changed.
    pub(crate) fn changed(&self, py: Python<'_>) {
        self.state.with(py, |state| state.version += 1);
    }

    /// The packed bytes of what an iterable gives.
    pub(crate) fn bytes_of_many(&self, records: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
        let py = records.py();
        let hint = records.len().unwrap_or(0).min(1 << 24);
        let mut bytes = Vec::with_capacity(hint * self.width);
        let class = self.class.bind(py);
        for (at, record) in records.try_iter()?.enumerate() {
            let start = bytes.len();
            bytes.resize(start + self.width, 0);
            stored_bytes(class, self.info(), &record?, &mut bytes[start..])
                .map_err(|error| at_record(py, at, error))?;
            if at % (1 << 14) == 0 {
                py.check_signals()?;
            }
        }
        Ok(bytes)
    }

    fn check_exports(&self, py: Python<'_>) -> PyResult<()> {
        if self.state.with(py, |state| state.exports) == 0 {
            return Ok(());
        }
        Err(raise(
            py,
            Class::Buffer,
            "the table cannot change its size while an array or a buffer shows its memory; delete that one, or copy it",
        ))
    }

    /// Puts packed records in the place of a range. Rows that are held of it take their records
    /// along.
    pub(crate) fn splice(&self, py: Python<'_>, range: Range<usize>, new: &[u8]) -> PyResult<()> {
        let width = self.width;
        let new_rows = new.len() / width;
        if new_rows != range.len() {
            self.check_exports(py)?;
        }
        let left = self.state.with(py, |state| {
            let rows = state.records.len() / width;
            let range = range.start.min(rows)..range.end.min(rows);
            let left = state.take_out(range.clone());
            let bytes = range.start * width..range.end * width;
            state.version += 1;
            if new_rows == range.len() {
                state.records[bytes].copy_from_slice(new);
                return Ok(left);
            }
            let more = new.len().saturating_sub(bytes.len());
            let before = state.records.as_ptr();
            if state.records.capacity() - state.records.len() < more {
                // Growing by a half wastes less than doubling, and the system moves large blocks
                // cheaply.
                let extra = more.max(state.records.len() / 2);
                let reserved = state.records.try_reserve_exact(extra);
                reserved.or_else(|_| state.records.try_reserve_exact(more)).map_err(|_| no_memory())?;
            }
            if range.end == rows {
                state.records.truncate(bytes.start);
                state.records.extend_from_slice(new);
                if before != state.records.as_ptr() {
                    state.point_rows(width);
                }
            } else {
                state.records.splice(bytes, new.iter().copied());
                state.shift(range.end, new_rows as isize - range.len() as isize);
                state.point_rows(width);
            }
            Ok::<_, PyErr>(left)
        })?;
        drop(left);
        Ok(())
    }

    fn set_slice(&self, py: Python<'_>, slice: &Bound<'_, PySlice>, new: &[u8]) -> PyResult<()> {
        let indices = slice.indices(self.rows(py) as isize)?;
        let new_rows = new.len() / self.width;
        if indices.step == 1 {
            let start = indices.start as usize;
            return self.splice(py, start..start + indices.slicelength, new);
        }
        if new_rows != indices.slicelength {
            let message = format!(
                "{new_rows} records cannot be assigned to an extended slice of {}",
                indices.slicelength
            );
            return Err(raise(py, Class::Value, message));
        }
        for (at, record) in new.chunks_exact(self.width).enumerate() {
            let place = (indices.start + at as isize * indices.step) as usize;
            self.splice(py, place..place + 1, record)?;
        }
        Ok(())
    }

    /// Removes the rows with these numbers, which are sorted.
    fn remove_rows(&self, py: Python<'_>, numbers: &[usize]) -> PyResult<()> {
        if numbers.is_empty() {
            return Ok(());
        }
        self.check_exports(py)?;
        let width = self.width;
        let left = self.state.with(py, |state| {
            let rows = state.records.len() / width;
            let mut left = Vec::new();
            for &number in numbers {
                left.extend(state.take_out(number..number + 1));
            }
            let mut gone = numbers.iter().copied().peekable();
            let mut kept = 0;
            let mut moved = Live::default();
            for row in 0..rows {
                if gone.peek() == Some(&row) {
                    gone.next();
                    continue;
                }
                state.records.copy_within(row * width..(row + 1) * width, kept * width);
                if let Some(pointer) = state.live.get(&row) {
                    moved.insert(kept, *pointer);
                }
                kept += 1;
            }
            state.records.truncate(kept * width);
            state.live = moved;
            state.point_rows(width);
            state.version += 1;
            left
        });
        drop(left);
        Ok(())
    }

    /// An error unless packed records are values of their fields.
    fn check(&self, py: Python<'_>, records: &[u8]) -> PyResult<()> {
        crate::still::check_records(py, self.info(), records)
    }

    /// What the buffer protocol shows.
    pub(crate) fn buffer(&self, py: Python<'_>) -> PyResult<((usize, usize), Shape)> {
        let Some(format) = format::struct_format(&self.info().schema) else {
            let message =
                "the fields of this table have no form in the buffer protocol; use to_numpy() or to_arrow()";
            return Err(raise(py, Class::Buffer, message));
        };
        let memory = self.export(py);
        let shape = Shape { rows: (memory.1 / self.width) as isize, item_bytes: self.width as isize, format };
        Ok((memory, shape))
    }

    /// Begins to show the memory: its address and length.
    pub(crate) fn export(&self, py: Python<'_>) -> (usize, usize) {
        self.state.with(py, |state| {
            state.exports += 1;
            // An exported array may change it without notice.
            state.version += 1;
            (state.records.as_ptr() as usize, state.records.len())
        })
    }

    pub(crate) fn end_export(&self, py: Python<'_>) {
        self.state.with(py, |state| {
            state.exports -= 1;
            state.version += 1;
        });
    }

    pub(crate) fn copied(&self, py: Python<'_>) -> Vec<u8> {
        self.state.with(py, |state| state.records.clone())
    }

    pub(crate) fn layout(&self) -> &Py<Layout> {
        &self.layout
    }
}

impl State {
    /// The object of the row at a place, if there is one.
    #[inline(always)]
    fn held<'py>(&self, place: usize, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        if self.live.is_empty() { None } else { self.live.get(&place).map(|row| row.object(py)) }
    }

    /// Makes the rows that are held of a range records of their own.
    fn take_out(&mut self, range: Range<usize>) -> Vec<OwnerLeft> {
        if self.live.is_empty() {
            return Vec::new();
        }
        let places: Vec<usize> = if range.len() < self.live.len() {
            range.filter(|place| self.live.contains_key(place)).collect()
        } else {
            self.live.keys().copied().filter(|place| range.contains(place)).collect()
        };
        let rows = places.into_iter().filter_map(|place| self.live.remove(&place));
        rows.map(|mut row| row.take_out()).collect()
    }

    /// Rows at or after a place have another number now.
    fn shift(&mut self, from: usize, by: isize) {
        if self.live.is_empty() || by == 0 {
            return;
        }
        let moved = self.live.drain().map(|(place, row)| {
            if place >= from { (place.wrapping_add_signed(by), row) } else { (place, row) }
        });
        let moved: Vec<_> = moved.collect();
        self.live.extend(moved);
    }

    /// Points the rows that are held to where their records are.
    fn point_rows(&mut self, width: usize) {
        for (place, row) in &mut self.live {
            row.point_to(&mut self.records[place * width..(place + 1) * width]);
        }
    }
}

/// Iterates over the rows of a list, as lists are iterated over: by number.
#[pyclass(frozen, module = "drystone._drystone")]
struct ListRows {
    table: Py<ListTable>,
    next: std::sync::atomic::AtomicUsize,
}

#[pymethods]
impl ListRows {
    fn __iter__(slf: Bound<'_, ListRows>) -> Bound<'_, ListRows> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let table = self.table.bind(py);
        let at = self.next.load(std::sync::atomic::Ordering::Relaxed);
        if at >= table.get().rows(py) {
            self.next.store(usize::MAX, std::sync::atomic::Ordering::Relaxed);
            return Ok(None);
        }
        self.next.store(at + 1, std::sync::atomic::Ordering::Relaxed);
        table.get().row(table, at as isize).map(Some)
    }
}
