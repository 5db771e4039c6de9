//! Tables that are changed in a transaction.

use drystone::{Dyn, LoadOptions, OnDuplicate, RecordSource, RowBuf, TableMut, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PySlice, PyTuple, PyType, PyWeakrefReference};
use rustc_hash::FxHashMap;

use crate::encode::encode;
use crate::error::{Class, OrRaise, missing_key, no_row, raise};
use crate::find::{KeyRange, has_record, keyed_slice, or_default, wanted};
use crate::layout::{Info, Layout, bytes};
use crate::load::{CsvOptions, Iterated, Packed, Watched, open};
use crate::query::{Answer, Question};
use crate::raw::{GilCell, OwnerLeft, RowKind, RowPointer, RowRef, layout_of, with_buffer, written_row};
use crate::record::stored_bytes;
use crate::still::{check_records, check_schema, key_object, row_number, with_key, with_stored_key};
use crate::transaction::Transaction;

/// A table that a transaction changes. Of each row at most one object is held at a time.
#[pyclass(subclass, frozen, weakref, module = "drystone._drystone")]
pub(crate) struct TxTable {
    transaction: Py<Transaction>,
    name: String,
    class: Py<PyType>,
    layout: Py<Layout>,
    is_keyed: bool,
    stale: GilCell<Option<&'static str>>,
    /// The rows that are held, by their stored key or number.
    live: GilCell<FxHashMap<Box<[u8]>, RowPointer>>,
}

#[pymethods]
impl TxTable {
    #[new]
    #[pyo3(signature = (transaction, name, class, *_args, **_named))]
    fn new(
        py: Python<'_>,
        transaction: Py<Transaction>,
        name: String,
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<TxTable> {
        let info = layout_of(class)?;
        let schema = transaction.get().with(py, |tx| Ok(tx.table::<Dyn>(&name)?.schema().clone()))?;
        check_schema(py, &name, &schema, class, info)?;
        let is_keyed = info.schema.is_keyed();
        let layout = class.getattr("__layout__")?.cast_into::<Layout>()?.unbind();
        let class = class.clone().unbind();
        let (stale, live) = (GilCell::new(None), GilCell::new(FxHashMap::default()));
        Ok(TxTable { transaction, name, class, layout, is_keyed, stale, live })
    }

    /// To be called once the object is whole.
    fn _register(slf: &Bound<'_, TxTable>) -> PyResult<()> {
        let reference = PyWeakrefReference::new(slf)?.unbind();
        slf.get().transaction.get().note_table(slf.py(), reference);
        Ok(())
    }

    #[getter]
    fn _name(&self) -> &str {
        &self.name
    }

    #[getter]
    fn _transaction(&self, py: Python<'_>) -> Py<Transaction> {
        self.transaction.clone_ref(py)
    }

    #[getter]
    fn record_class(&self, py: Python<'_>) -> Py<PyType> {
        self.class.clone_ref(py)
    }

    #[getter]
    fn _layout(&self, py: Python<'_>) -> Py<Layout> {
        self.layout.clone_ref(py)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |table| Ok(table.len() as usize))
    }

    fn __getitem__<'py>(slf: &Bound<'py, TxTable>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        if key.is_instance_of::<PySlice>() {
            if this.is_keyed {
                return Err(keyed_slice(key.py(), &this.name));
            }
            return slf.getattr("_slice")?.call1((key,));
        }
        match TxTable::find(slf, key)? {
            Some(row) => Ok(row),
            None if this.is_keyed => Err(missing_key(key)),
            None => {
                let rows = this.with(key.py(), |table| Ok(table.len()))?;
                Err(no_row(key.py(), row_number(key)? as isize, rows as usize))
            }
        }
    }

    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        slf: &Bound<'py, TxTable>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let is_none = !slf.get().is_keyed && row_number(key).is_err();
        let found = if is_none { None } else { TxTable::find(slf, key)? };
        Ok(or_default(key.py(), found, default))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        if self.is_keyed {
            return Ok(self.record(key)?.is_some());
        }
        match wanted(self.info(), key) {
            Some(wanted) => self.long(key.py(), |table| has_record(table.as_table(), self.info(), &wanted)),
            None => Ok(false),
        }
    }

    /// The row with a number, in the order of the key where there is one.
    fn _at<'py>(slf: &Bound<'py, TxTable>, number: u64) -> PyResult<Option<Bound<'py, PyAny>>> {
        let this = slf.get();
        let record =
            this.with(slf.py(), |table| Ok(table.select(number)?.map(|row| row.as_bytes().to_vec())))?;
        match record {
            Some(record) => TxTable::view(slf, &record, number).map(Some),
            None => Ok(None),
        }
    }

    /// The key of the row with a number.
    fn _key_at<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Option<Bound<'py, PyAny>>> {
        let record = self.with(py, |table| Ok(table.select(number)?.map(|row| row.as_bytes().to_vec())))?;
        record.map(|record| key_object(py, self.info(), &record)).transpose()
    }

    /// Inserts a record with a new key.
    fn _insert(&self, py: Python<'_>, record: &Bound<'_, PyAny>) -> PyResult<()> {
        let row = self.row_buf(record)?;
        self.with(py, |table| table.insert(&row))
    }

    /// Inserts a record, or replaces the one with its key.
    fn _upsert(&self, py: Python<'_>, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        let row = self.row_buf(record)?;
        let there = self.with(py, |table| table.upsert(&row))?;
        self.let_row_go(py, &row.as_bytes()[..self.info().key_width]);
        Ok(there)
    }

    /// Puts a record under a key, which must be its own.
    fn _put(&self, py: Python<'_>, key: &Bound<'_, PyAny>, record: &Bound<'_, PyAny>) -> PyResult<()> {
        let row = self.row_buf(record)?;
        let own = key_object(py, self.info(), row.as_bytes())?;
        if !own.eq(key)? {
            let message = format!("the record has the key {}, not {}", own.repr()?, key.repr()?);
            return Err(raise(py, Class::Value, message));
        }
        self.with(py, |table| table.upsert(&row))?;
        self.let_row_go(py, &row.as_bytes()[..self.info().key_width]);
        Ok(())
    }

    /// Takes the record with a key out; its row, if it was there.
    fn _remove<'py>(
        slf: &Bound<'py, TxTable>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, this) = (slf.py(), slf.get());
        let Some(row) = TxTable::find(slf, key)? else { return Ok(None) };
        with_key(this.info(), key, |key| this.with(py, |table| table.remove(key).map(drop))).transpose()?;
        if let Some(row) = RowRef::new(&row) {
            this.let_row_go(py, &row.record()[..this.info().key_width]);
        }
        Ok(Some(row))
    }

    /// Removes the rows whose keys lie in a range.
    fn _remove_between(
        &self,
        py: Python<'_>,
        low: Option<&Bound<'_, PyAny>>,
        high: Option<&Bound<'_, PyAny>>,
        closed: bool,
    ) -> PyResult<u64> {
        let range = KeyRange::new(self.info(), low, high, closed)?;
        let removed = self.long(py, |table| table.remove_range(range.ends()))?;
        self.look_again(py)?;
        Ok(removed)
    }

    /// Sets the record with a number.
    fn _set(&self, py: Python<'_>, number: u64, record: &Bound<'_, PyAny>) -> PyResult<()> {
        let row = self.row_buf(record)?;
        self.with(py, |table| table.set(number, &row))?;
        self.let_row_go(py, &number.to_le_bytes());
        Ok(())
    }

    /// Appends a record.
    fn _push(&self, py: Python<'_>, record: &Bound<'_, PyAny>) -> PyResult<u64> {
        let row = self.row_buf(record)?;
        self.with(py, |table| table.push(&row))
    }

    /// Puts records in the place of a range of rows. What comes behind is written again.
    fn _splice(&self, py: Python<'_>, start: u64, stop: u64, records: &Bound<'_, PyAny>) -> PyResult<()> {
        let (class, info) = (self.class.bind(py), self.info());
        let mut new = Vec::new();
        for record in records.try_iter()? {
            let from = new.len();
            new.resize(from + info.width, 0);
            stored_bytes(class, info, &record?, &mut new[from..])?;
        }
        let rows = self.with(py, |table| Ok(table.len()))?;
        let (start, stop) = (start.min(rows), stop.min(rows).max(start.min(rows)));
        let schema = &info.schema;
        let new_rows = (new.len() / info.width) as u64;
        self.with(py, |table| {
            for slice in table.as_table().rows(stop..rows).slices() {
                new.extend_from_slice(slice?.as_bytes());
            }
            table.truncate(start)?;
            let rows = new.chunks_exact(info.width).map(|record| RowBuf::from_bytes(schema, record.to_vec()));
            let rows = rows.collect::<drystone::Result<Vec<_>>>()?;
            table.extend(rows)
        })?;
        let mut left = Vec::new();
        self.live.with(py, |live| {
            let all: Vec<_> = live.drain().collect();
            for (number, mut row) in all {
                let number = u64::from_le_bytes(bytes(&number));
                if number >= stop {
                    let moved = number - (stop - start) + new_rows;
                    row.set_place(moved);
                    live.insert(moved.to_le_bytes().into(), row);
                } else if number >= start {
                    left.push(row.leave(RowKind::Value));
                } else {
                    live.insert(number.to_le_bytes().into(), row);
                }
            }
        });
        drop(left);
        Ok(())
    }

    /// Removes all rows.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |table| table.clear())?;
        self.let_rows_go(py, RowKind::Value);
        Ok(())
    }

    /// The packed records of a range of numbers.
    fn _bytes<'py>(&self, py: Python<'py>, start: u64, stop: u64) -> PyResult<Bound<'py, PyBytes>> {
        let mut packed = Vec::new();
        self.with(py, |table| {
            for slice in table.as_table().rows(start..stop.max(start)).slices() {
                packed.extend_from_slice(slice?.as_bytes());
            }
            Ok(())
        })?;
        Ok(PyBytes::new(py, &packed))
    }

    fn _between(
        &self,
        py: Python<'_>,
        low: Option<&Bound<'_, PyAny>>,
        high: Option<&Bound<'_, PyAny>>,
        closed: bool,
    ) -> PyResult<(u64, u64)> {
        let range = KeyRange::new(self.info(), low, high, closed)?;
        self.with(py, |table| range.numbers(table.as_table()))
    }

    fn _ask<'py>(&self, py: Python<'py>, question: Question) -> PyResult<Answer<'py>> {
        let rows = self.long(py, |table| question.run(table.as_table()))?;
        py.check_signals()?;
        Answer::new(py, rows)
    }

    /// Removes the rows for which a text of the query language is true.
    fn _delete_where(&self, py: Python<'_>, filter: &str) -> PyResult<u64> {
        let filter = filter.parse().or_raise(py)?;
        let removed = self.long(py, |table| table.delete_where(filter))?;
        self.look_again(py)?;
        Ok(removed)
    }

    /// Sets fields of the rows for which a text of the query language is true.
    fn _update_where(&self, py: Python<'_>, filter: &str, changes: &Bound<'_, PyDict>) -> PyResult<u64> {
        let info = self.info();
        let mut sets = Vec::new();
        for (name, value) in changes.iter() {
            let name = name.to_string();
            let Some(at) = info.position(&name) else { return Err(info.no_field(py, &name)) };
            let field = &info.fields[at];
            let mut stored = vec![0; field.width];
            encode(py, field, &value, &mut stored)?;
            sets.push((field.offset, stored));
        }
        let filter = filter.parse().or_raise(py)?;
        let changed = self.long(py, |table| {
            table.update_where(filter, |row| {
                for (offset, stored) in &sets {
                    row.as_bytes_mut()[*offset..offset + stored.len()].copy_from_slice(stored);
                }
            })
        })?;
        self.look_again(py)?;
        Ok(changed)
    }

    /// Loads packed records from memory.
    fn _load_bytes(&self, py: Python<'_>, memory: &Bound<'_, PyAny>, how: LoadHow) -> PyResult<(u64, u64)> {
        with_buffer(memory, |records| {
            if records.len() % self.info().width != 0 {
                let message =
                    format!("{} bytes are not whole records of {}", records.len(), self.info().width);
                return Err(raise(py, Class::Value, message));
            }
            check_records(py, self.info(), records)?;
            self.load(py, Packed { left: records, given: 0 }, how)
        })
    }

    /// Loads what an iterable gives.
    fn _load_records(
        &self,
        py: Python<'_>,
        records: &Bound<'_, PyAny>,
        how: LoadHow,
    ) -> PyResult<(u64, u64)> {
        let (class, info) = (self.class.bind(py), self.info());
        let source = Iterated { records: records.try_iter()?, class, info, given: 0 };
        let mut source = Watched { source, read: 0, on_progress: how.2.as_ref() };
        let options = how.options(py)?;
        let transaction = self.transaction.get().take(py)?;
        // The iterable may use the transaction, which is then in use.
        let done =
            transaction.table::<Dyn>(&self.name).and_then(|mut table| table.load_from(&mut source, &options));
        self.transaction.get().give_back(py, transaction);
        let report = done.or_raise(py)?;
        self.look_again(py)?;
        Ok((report.read, report.duplicates))
    }

    /// Loads a file of comma-separated values.
    fn _load_csv(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        csv: CsvOptions,
        how: LoadHow,
    ) -> PyResult<(u64, u64)> {
        let (path, file) = open(text)?;
        let reader = csv.options(&path).reader(&self.info().schema, file).or_raise(py)?;
        self.load(py, reader.on_threads(0), how)
    }

    /// Loads a stream of Arrow.
    fn _load_stream(
        &self,
        py: Python<'_>,
        stream: &Bound<'_, PyCapsule>,
        options: (bool, bool),
        how: LoadHow,
    ) -> PyResult<(u64, u64)> {
        let reader = crate::arrow::source(py, stream, &self.info().schema, options)?;
        self.load(py, reader, how)
    }
}

/// How a load treats what is there: duplicates, whether it replaces all rows, and whom it tells how
/// far it is.
#[derive(FromPyObject)]
pub(crate) struct LoadHow(String, bool, Option<Py<PyAny>>);

impl LoadHow {
    fn options(&self, py: Python<'_>) -> PyResult<LoadOptions> {
        let on_duplicate = match self.0.as_str() {
            "error" => OnDuplicate::Error,
            "first" => OnDuplicate::First,
            "last" => OnDuplicate::Last,
            other => {
                let message = format!("on_duplicate={other:?}: it is \"error\", \"first\" or \"last\"");
                return Err(raise(py, Class::Value, message));
            }
        };
        Ok(LoadOptions::new().on_duplicate(on_duplicate).replace(self.1))
    }
}

impl TxTable {
    #[inline(always)]
    fn info(&self) -> &Info {
        &self.layout.get().info
    }

    /// Runs something on the table.
    fn with<A>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&mut TableMut<'_, Dyn>) -> drystone::Result<A>,
    ) -> PyResult<A> {
        self.check_fresh(py)?;
        self.transaction.get().with(py, |tx| run(&mut tx.table::<Dyn>(&self.name)?))
    }

    /// Runs something on the table that takes long, without the GIL. Other threads that use the
    /// transaction meanwhile wait.
    fn long<A: Send>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&mut TableMut<'_, Dyn>) -> drystone::Result<A> + Send,
    ) -> PyResult<A> {
        self.check_fresh(py)?;
        let name = &self.name;
        self.transaction.get().long(py, move |tx| run(&mut tx.table::<Dyn>(name)?))
    }

    /// An error where the table of this object is dropped or has another schema.
    fn check_fresh(&self, py: Python<'_>) -> PyResult<()> {
        match self.stale.with(py, |stale| *stale) {
            Some(why) => Err(raise(py, Class::Runtime, format!("table '{}' {why}", self.name))),
            None => Ok(()),
        }
    }

    fn load(&self, py: Python<'_>, source: impl RecordSource + Send, how: LoadHow) -> PyResult<(u64, u64)> {
        let options = how.options(py)?;
        let name = &self.name;
        let on_progress = how.2.as_ref();
        let report = self.transaction.get().long(py, move |tx| {
            let mut source = Watched { source, read: 0, on_progress };
            tx.table::<Dyn>(name)?.load_from(&mut source, &options)
        })?;
        self.look_again(py)?;
        Ok((report.read, report.duplicates))
    }

    fn row_buf(&self, record: &Bound<'_, PyAny>) -> PyResult<RowBuf> {
        let (py, info) = (record.py(), self.info());
        let mut stored = vec![0; info.width];
        stored_bytes(self.class.bind(py), info, record, &mut stored)?;
        RowBuf::from_bytes(&info.schema, stored).or_raise(py)
    }

    /// The record with a key or a number, and its number where there is no key.
    fn record(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<(Vec<u8>, u64)>> {
        let py = key.py();
        if !self.is_keyed {
            let at = row_number(key)?;
            return self.with(py, |table| {
                let number = if at < 0 { at.wrapping_add(table.len() as i64) } else { at } as u64;
                Ok(table.select(number)?.map(|row| (row.as_bytes().to_vec(), number)))
            });
        }
        let found = with_stored_key(self.info(), key, |key| {
            self.with(py, |table| {
                Ok(table.as_table().get_stored(key)?.map(|row| (row.as_bytes().to_vec(), 0)))
            })
        });
        match found {
            Some(found) => found,
            None => Ok(None),
        }
    }

    fn find<'py>(slf: &Bound<'py, TxTable>, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match slf.get().record(key)? {
            Some((record, number)) => TxTable::view(slf, &record, number).map(Some),
            None => Ok(None),
        }
    }

    /// The object of a row: the one that is held, or a new one.
    fn view<'py>(slf: &Bound<'py, TxTable>, record: &[u8], number: u64) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let number = if this.is_keyed { 0 } else { number };
        let number_bytes = number.to_le_bytes();
        let id = if this.is_keyed { &record[..this.info().key_width] } else { &number_bytes[..] };
        if let Some(row) = this.live.with(py, |live| live.get(id).map(|row| row.object(py))) {
            return Ok(row);
        }
        let (object, row) = written_row(this.class.bind(py), this.info(), slf, record, number)?;
        // Making an object may have run Python code, of a finaliser, which took this row too.
        let held = this.live.with(py, |live| {
            let held = live.get(id).map(|row| row.object(py));
            if held.is_none() {
                live.insert(id.into(), row);
            }
            held
        });
        Ok(held.unwrap_or(object))
    }

    /// Writes a field of a row into the table and into the copy that the row has.
    pub(crate) fn write_field(
        table: &Bound<'_, TxTable>,
        row: RowRef<'_, '_>,
        at: usize,
        stored: &[u8],
    ) -> PyResult<()> {
        let (py, this) = (table.py(), table.get());
        let field = &this.info().fields[at];
        if field.def.is_key() {
            let message = format!(
                "field '{}' is part of the key, which cannot be assigned; delete the row, and insert it with the new key",
                field.def.name()
            );
            return Err(raise(py, Class::Attribute, message));
        }
        let values = this.key_values(py, &row)?;
        let set = |record: &mut RowBuf| {
            record.as_bytes_mut()[field.offset..field.offset + stored.len()].copy_from_slice(stored);
        };
        if this.with(py, |table| table.update(&values, set))?.is_none() {
            return Err(raise(py, Class::Runtime, "the row is not in the table any more"));
        }
        row.write(field.offset, stored);
        Ok(())
    }

    fn key_values(&self, py: Python<'_>, row: &RowRef<'_, '_>) -> PyResult<Vec<Value<'static>>> {
        if !self.is_keyed {
            return Ok(vec![row.place().into()]);
        }
        let mut values = Vec::new();
        for field in &self.info().fields[..self.info().key_fields] {
            let stored = row.record()[field.offset..field.offset + field.width].to_vec();
            values.push(field.def.load(&stored).or_raise(py)?.into_owned());
        }
        Ok(values)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The table cannot be used any more; its rows keep their values.
    pub(crate) fn retire(&self, py: Python<'_>, why: &'static str) {
        self.stale.with(py, |stale| *stale = Some(why));
        self.let_rows_go(py, RowKind::Ended);
    }

    /// A row object goes.
    pub(crate) fn forget(&self, py: Python<'_>, row: RowPointer) {
        let id: Box<[u8]> = match self.is_keyed {
            true => row.record()[..self.info().key_width].into(),
            false => row.place().to_le_bytes().into(),
        };
        self.live.with(py, |live| {
            if live.get(&id) == Some(&row) {
                live.remove(&id);
            }
        });
    }

    /// The record of a row is overwritten or removed: the row takes its value along.
    fn let_row_go(&self, py: Python<'_>, id: &[u8]) {
        let left = self.live.with(py, |live| live.remove(id).map(|mut row| row.leave(RowKind::Value)));
        drop(left);
    }

    pub(crate) fn let_rows_go(&self, py: Python<'_>, kind: RowKind) {
        let left: Vec<OwnerLeft> =
            self.live.with(py, |live| live.drain().map(|(_, mut row)| row.leave(kind)).collect());
        drop(left);
    }

    /// After a change of many rows: those that are held are read again.
    fn look_again(&self, py: Python<'_>) -> PyResult<()> {
        let held: Vec<(Box<[u8]>, Bound<'_, PyAny>)> =
            self.live.with(py, |live| live.iter().map(|(id, row)| (id.clone(), row.object(py))).collect());
        for (id, object) in held {
            let Some(row) = RowRef::new(&object) else { continue };
            let values = self.key_values(py, &row)?;
            let record = self.with(py, |table| {
                Ok(match self.is_keyed {
                    true => table.get(&values)?.map(|row| row.as_bytes().to_vec()),
                    false => table.select(row.place())?.map(|row| row.as_bytes().to_vec()),
                })
            })?;
            match record {
                // A record of a frozen class keeps its value, as where its row is replaced.
                Some(record) if self.info().frozen && record != row.record() => self.let_row_go(py, &id),
                Some(record) => row.write(0, &record),
                None => self.let_row_go(py, &id),
            }
        }
        Ok(())
    }
}
