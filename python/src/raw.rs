//! Rows: views of stored records as lean Python objects. All unsafe code of the package is here.
//!
//! ```text
//! Row object, 56 bytes:  | PyVarObject | data | owner | info | kind | record, where it has its own
//! ```
//!
//! A row has the bytes of its record inside itself, or points to them in its owner: a snapshot,
//! whose bytes never move, or a list, which keeps a register of its live rows and moves them along.
//! Every function here runs with the GIL held; that is what makes the cells below sound.

#![expect(unsafe_code, reason = "objects laid out by hand, read without a call")]

use std::cell::{Cell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use rustc_hash::FxHashMap;

use crate::layout::{Info, Layout};
use crate::list::ListTable;
use crate::record;
use crate::still::Still;
use crate::write::TxTable;

/// What a row is a view of, and who may change it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RowKind {
    /// A record of its own, in the object.
    Value,
    /// The same, which cannot be changed.
    Frozen,
    /// A record of a snapshot.
    Still,
    /// A record of a list in memory.
    List,
    /// A copy of a record of a table that a transaction changes; what is assigned goes to both.
    Written,
    /// A record that was taken out of a list: its bytes are in a box.
    Taken,
    /// A copy of a record whose transaction has ended.
    Ended,
}

/// A row object.
#[repr(C)]
struct Row {
    head: ffi::PyVarObject,
    data: *mut u8,
    /// Null, or the object whose record it shows.
    owner: *mut ffi::PyObject,
    /// The layout of the class. The class holds it, and the row holds the class.
    info: *const Info,
    kind: RowKind,
}

impl Row {
    fn info<'a>(&self) -> &'a Info {
        // SAFETY: the class of a row holds the layout, and the row its class.
        unsafe { &*self.info }
    }

    #[inline(always)]
    fn record<'a>(&self) -> &'a [u8] {
        let width = self.info().width;
        // SAFETY: `data` points to a record as wide as the layout says, for as long as the row is
        // alive and its owner is not changed.
        unsafe { std::slice::from_raw_parts(self.data, width) }
    }

    /// What a row of a transaction has behind its record.
    fn behind(&self) -> *mut u8 {
        let width = self.info().width;
        // SAFETY: such a row was allocated with eight bytes behind the record.
        unsafe { self.data.add(width) }
    }
}

const _: () = assert!(size_of::<Row>() == size_of::<ffi::PyVarObject>() + 32);

/// A value that only code that holds the GIL touches.
pub(crate) struct GilCell<T> {
    value: UnsafeCell<T>,
    is_used: Cell<bool>,
}

// SAFETY: `with` asks for proof that the GIL is held, so one thread at a time is inside.
unsafe impl<T: Send> Sync for GilCell<T> {}

impl<T> GilCell<T> {
    pub(crate) const fn new(value: T) -> GilCell<T> {
        GilCell { value: UnsafeCell::new(value), is_used: Cell::new(false) }
    }

    /// Runs `use_it` on the value. It must not run Python code: that could come here again.
    #[inline(always)]
    pub(crate) fn with<A>(&self, _: Python<'_>, use_it: impl FnOnce(&mut T) -> A) -> A {
        struct InUse<'c>(&'c Cell<bool>);
        impl Drop for InUse<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        assert!(!self.is_used.replace(true), "a table was used in the middle of a call of its own");
        let _in_use = InUse(&self.is_used);
        // SAFETY: the flag says that nobody else has a reference, and the GIL keeps other threads
        // out.
        use_it(unsafe { &mut *self.value.get() })
    }
}

/// A pointer to a live row, in the register of its owner. The row takes itself out before it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowPointer(NonNull<Row>);

// SAFETY: only dereferenced with the GIL held.
unsafe impl Send for RowPointer {}

impl RowPointer {
    fn row(&self) -> &Row {
        // SAFETY: a row takes itself out of the register when it is deallocated, so this one is
        // alive.
        unsafe { self.0.as_ref() }
    }

    fn row_mut(&mut self) -> &mut Row {
        // SAFETY: as above; the GIL is held, and no other reference to the row is in use.
        unsafe { self.0.as_mut() }
    }

    /// A new reference to the row.
    #[inline]
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: the row is alive, and a `Row` begins with its `PyVarObject`.
        unsafe { Bound::from_borrowed_ptr(py, self.0.as_ptr().cast()) }
    }

    /// The record that it shows.
    pub(crate) fn record(&self) -> &[u8] {
        self.row().record()
    }

    /// The number of a row of a transaction's table without a key, which it has behind the record.
    pub(crate) fn place(&self) -> u64 {
        let behind = self.row().behind();
        // SAFETY: eight bytes, as above.
        let bytes = unsafe { std::slice::from_raw_parts(behind, 8) };
        u64::from_le_bytes(crate::layout::bytes(bytes))
    }

    /// Gives such a row another number.
    pub(crate) fn set_place(&mut self, place: u64) {
        let at = self.row_mut().behind();
        // SAFETY: eight bytes, as above.
        unsafe { ptr::copy_nonoverlapping(place.to_le_bytes().as_ptr(), at, 8) };
    }

    /// Points a row of a list to where its record is now.
    pub(crate) fn point_to(&mut self, record: &mut [u8]) {
        self.row_mut().data = record.as_mut_ptr();
    }

    /// Makes a row of a list a record of its own. Its owner must forget it.
    pub(crate) fn take_out(&mut self) -> OwnerLeft {
        let record: Box<[u8]> = self.record().into();
        let row = self.row_mut();
        row.data = Box::into_raw(record).cast();
        row.kind = RowKind::Taken;
        OwnerLeft(std::mem::replace(&mut row.owner, ptr::null_mut()))
    }

    /// Lets a row of a transaction be a copy, which is changed no more (`Ended`) or freely
    /// (`Value`).
    pub(crate) fn leave(&mut self, kind: RowKind) -> OwnerLeft {
        let row = self.row_mut();
        row.kind = kind;
        OwnerLeft(std::mem::replace(&mut row.owner, ptr::null_mut()))
    }
}

/// A reference that a row had to its owner. To be dropped outside of the owner's cells.
pub(crate) struct OwnerLeft(*mut ffi::PyObject);

impl Drop for OwnerLeft {
    fn drop(&mut self) {
        // SAFETY: the row's own reference, given up once, with the GIL held as everywhere here.
        unsafe { ffi::Py_XDECREF(self.0) };
    }
}

// ---- the class
// -----------------------------------------------------------------------------------

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static CLASS_POINTER: std::sync::atomic::AtomicPtr<ffi::PyTypeObject> =
    std::sync::atomic::AtomicPtr::new(ptr::null_mut());

/// The base class of all records.
pub(crate) fn row_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    let class = CLASS.get_or_try_init(py, || {
        let slot = |slot: c_int, function: *mut c_void| ffi::PyType_Slot { slot, pfunc: function };
        let mut slots = [
            slot(ffi::Py_tp_new, new_slot as ffi::newfunc as *mut c_void),
            slot(ffi::Py_tp_dealloc, dealloc_slot as ffi::destructor as *mut c_void),
            slot(ffi::Py_tp_repr, repr_slot as ffi::reprfunc as *mut c_void),
            slot(ffi::Py_tp_hash, hash_slot as ffi::hashfunc as *mut c_void),
            slot(ffi::Py_tp_richcompare, compare_slot as ffi::richcmpfunc as *mut c_void),
            slot(ffi::Py_tp_iter, iter_slot as ffi::getiterfunc as *mut c_void),
            slot(ffi::Py_mp_length, length_slot as ffi::lenfunc as *mut c_void),
            slot(ffi::Py_mp_subscript, get_slot as ffi::binaryfunc as *mut c_void),
            slot(ffi::Py_mp_ass_subscript, set_slot as ffi::objobjargproc as *mut c_void),
            slot(0, ptr::null_mut()),
        ];
        let mut spec = ffi::PyType_Spec {
            name: c"drystone._drystone.Row".as_ptr(),
            basicsize: size_of::<Row>() as c_int,
            // Bytes of the record.
            itemsize: 1,
            flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE) as _,
            slots: slots.as_mut_ptr(),
        };
        // SAFETY: the slots end with a null, each function has the type of its slot, and the size
        // is that of `Row`, which begins with a `PyObject`.
        let class = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
        // SAFETY: a new reference, or null with an exception set.
        let class = unsafe { Bound::from_owned_ptr_or_err(py, class) }?;
        let class = class.cast_into::<PyType>()?;
        CLASS_POINTER.store(class.as_type_ptr(), std::sync::atomic::Ordering::Relaxed);
        PyResult::Ok(class.unbind())
    })?;
    Ok(class.bind(py))
}

/// Allocates a row of a class, with room for a record and more behind it.
#[inline(always)]
fn allocate<'py>(
    class: &Bound<'py, PyType>,
    info: &Info,
    own_bytes: usize,
    kind: RowKind,
) -> PyResult<(Bound<'py, PyAny>, NonNull<Row>)> {
    let py = class.py();
    // Classes that Python makes always take part in garbage collection, so the object needs the
    // header for it. It is never tracked: a row refers to its table and its class, and they do not
    // refer to rows. SAFETY: the class is a live heap type whose instances are `Row`s with items of
    // one byte. The call takes a reference to it.
    let object = unsafe { ffi::PyObject_GC_NewVar::<Row>(class.as_type_ptr(), own_bytes as ffi::Py_ssize_t) };
    let Some(row) = NonNull::new(object) else {
        return Err(PyErr::fetch(py));
    };
    // SAFETY: in the same allocation, right behind the row.
    let inside = unsafe { row.as_ptr().add(1).cast::<u8>() };
    let at = row.as_ptr();
    // SAFETY: `at` is valid for writes of a `Row`; the head was set above and stays.
    unsafe {
        (*at).data = inside;
    }
    // SAFETY: as above.
    unsafe {
        (*at).owner = ptr::null_mut();
    }
    // SAFETY: as above.
    unsafe {
        (*at).info = info;
    }
    // SAFETY: as above.
    unsafe {
        (*at).kind = kind;
    }
    // SAFETY: a new object with one reference.
    let object = unsafe { Bound::from_owned_ptr(py, row.as_ptr().cast()) };
    Ok((object, row))
}

/// A view of a record in a snapshot. The bytes must be in the table of the snapshot.
#[inline]
pub(crate) fn still_row<'py>(
    class: &Bound<'py, PyType>,
    info: &Info,
    owner: &Bound<'py, Still>,
    record: &[u8],
) -> PyResult<Bound<'py, PyAny>> {
    let (object, row) = allocate(class, info, 0, RowKind::Still)?;
    let row = row.as_ptr();
    // SAFETY: the row is new, and only we have it. It is never written through: its kind says so.
    unsafe {
        (*row).data = record.as_ptr().cast_mut();
    }
    // SAFETY: as above. The row takes a reference, so the snapshot, and its bytes, outlive it.
    unsafe {
        (*row).owner = owner.clone().into_ptr();
    }
    Ok(object)
}

/// A view of a record in a list, which must put the pointer into its register.
#[inline]
pub(crate) fn list_row<'py>(
    class: &Bound<'py, PyType>,
    info: &Info,
    owner: &Bound<'py, ListTable>,
    record: *mut u8,
) -> PyResult<(Bound<'py, PyAny>, RowPointer)> {
    let (object, row) = allocate(class, info, 0, RowKind::List)?;
    let at = row.as_ptr();
    // SAFETY: the row is new, and only we have it.
    unsafe {
        (*at).data = record;
    }
    // SAFETY: as above. The row takes a reference to the list.
    unsafe {
        (*at).owner = owner.clone().into_ptr();
    }
    Ok((object, RowPointer(row)))
}

/// A copy of a record of a table that a transaction changes. `place` is its number, where it has no
/// key.
pub(crate) fn written_row<'py>(
    class: &Bound<'py, PyType>,
    info: &Info,
    owner: &Bound<'py, TxTable>,
    record: &[u8],
    place: u64,
) -> PyResult<(Bound<'py, PyAny>, RowPointer)> {
    let (object, row) = allocate(class, info, info.width + 8, RowKind::Written)?;
    let at = row.as_ptr();
    // SAFETY: the row was allocated with room for the record and eight bytes.
    let data = unsafe { (*at).data };
    // SAFETY: as above.
    let own = unsafe { std::slice::from_raw_parts_mut(data, info.width + 8) };
    own[..info.width].copy_from_slice(&record[..info.width]);
    own[info.width..].copy_from_slice(&place.to_le_bytes());
    // SAFETY: the row is new, and only we have it. It takes a reference to the table.
    unsafe {
        (*at).owner = owner.clone().into_ptr();
    }
    Ok((object, RowPointer(row)))
}

/// A record of its own, which `fill` fills in; it begins as zeros.
pub(crate) fn value_row<'py>(
    class: &Bound<'py, PyType>,
    info: &Info,
    is_frozen: bool,
    fill: impl FnOnce(&mut [u8]) -> PyResult<()>,
) -> PyResult<Bound<'py, PyAny>> {
    let kind = if is_frozen { RowKind::Frozen } else { RowKind::Value };
    let (object, row) = allocate(class, info, info.width, kind)?;
    // SAFETY: the row was allocated with room for the record.
    let data = unsafe { (*row.as_ptr()).data };
    // SAFETY: as above.
    let own = unsafe { std::slice::from_raw_parts_mut(data, info.width) };
    own.fill(0);
    fill(own)?;
    Ok(object)
}

// ---- a row in hand
// -------------------------------------------------------------------------------

/// A row that has other references.
#[derive(Clone, Copy)]
pub(crate) struct RowRef<'a, 'py> {
    object: &'a Bound<'py, PyAny>,
}

impl<'a, 'py> RowRef<'a, 'py> {
    /// The row that an object is, if it is one.
    #[inline(always)]
    pub(crate) fn new(object: &'a Bound<'py, PyAny>) -> Option<RowRef<'a, 'py>> {
        let class = CLASS_POINTER.load(std::sync::atomic::Ordering::Relaxed);
        // SAFETY: a live object.
        let found = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        // SAFETY: both are live classes; the call has no other precondition.
        let is_row = unsafe { ffi::PyType_IsSubtype(found, class) } != 0;
        is_row.then_some(RowRef { object })
    }

    /// The row that an object is, where its class is known to be this one.
    #[inline(always)]
    pub(crate) fn of_class(object: &'a Bound<'py, PyAny>, class: usize) -> Option<RowRef<'a, 'py>> {
        // SAFETY: a live object.
        let found = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        (found as usize == class).then_some(RowRef { object })
    }

    #[inline(always)]
    fn row(&self) -> *mut Row {
        self.object.as_ptr().cast()
    }

    #[inline(always)]
    fn get(&self) -> &'a Row {
        // SAFETY: the row is alive, and no unique reference to it is kept anywhere.
        unsafe { &*self.row() }
    }

    #[inline(always)]
    pub(crate) fn info(&self) -> &'a Info {
        self.get().info()
    }

    #[inline(always)]
    pub(crate) fn kind(&self) -> RowKind {
        self.get().kind
    }

    /// The record. It must not be kept while Python code runs, which may move or change it.
    #[inline(always)]
    pub(crate) fn record(&self) -> &'a [u8] {
        self.get().record()
    }

    /// The number of a row of a transaction's table without a key.
    pub(crate) fn place(&self) -> u64 {
        match NonNull::new(self.row()) {
            Some(row) => RowPointer(row).place(),
            None => 0,
        }
    }

    pub(crate) fn owner(&self) -> Option<Bound<'py, PyAny>> {
        // SAFETY: null, or the row's own reference to a live object.
        unsafe { Bound::from_borrowed_ptr_or_opt(self.object.py(), self.get().owner) }
    }

    /// Writes bytes of the record where the row itself, or its list, has them.
    pub(crate) fn write(&self, offset: usize, stored: &[u8]) {
        let width = self.info().width;
        assert!(offset + stored.len() <= width, "a field lies outside its record");
        let data = self.get().data;
        // SAFETY: inside the record.
        let at = unsafe { data.add(offset) };
        // SAFETY: inside the record; rows of snapshots are not written (`record::assign` sees to
        // it).
        unsafe { ptr::copy_nonoverlapping(stored.as_ptr(), at, stored.len()) };
    }

    pub(crate) fn object(&self) -> &'a Bound<'py, PyAny> {
        self.object
    }
}

/// The address of a class, to compare with that of an object's.
pub(crate) fn class_address(class: &Bound<'_, PyType>) -> usize {
    class.as_type_ptr() as usize
}

/// The layout of a class, which the class holds.
pub(crate) fn layout_of<'a>(class: &'a Bound<'_, PyType>) -> PyResult<&'a Info> {
    let py = class.py();
    let layout = class.getattr(pyo3::intern!(py, "__layout__")).map_err(|_| no_layout(class))?;
    let layout = layout.cast::<Layout>().map_err(|_| no_layout(class))?;
    let info: *const Info = &raw const layout.get().info;
    // SAFETY: the class holds the layout as long as it lives (its metaclass does not let go of it),
    // and the layout is never changed.
    Ok(unsafe { &*info })
}

#[cold]
fn no_layout(class: &Bound<'_, PyType>) -> PyErr {
    let name = class.name().map(|name| name.to_string()).unwrap_or_default();
    pyo3::exceptions::PyTypeError::new_err(format!(
        "{name} has no fields; declare some, as in `class Point({name}): x: ds.i32`"
    ))
}

// ---- the slots
// -----------------------------------------------------------------------------------

/// Runs the body of a slot: an error becomes Python's, a panic a `RuntimeError`.
#[inline(always)]
fn guard<A>(failed: A, body: impl FnOnce(Python<'_>) -> PyResult<A>) -> A {
    // SAFETY: the interpreter calls slots with the GIL held.
    let py = unsafe { Python::assume_attached() };
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(py)));
    match done {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            error.restore(py);
            failed
        }
        Err(_) => {
            pyo3::exceptions::PyRuntimeError::new_err("drystone: a row could not be used").restore(py);
            failed
        }
    }
}

/// Borrows an argument of a slot.
///
/// # Safety
/// The pointer must be to a live object for as long as the result is used.
#[inline(always)]
unsafe fn borrowed<'py>(py: Python<'py>, object: *mut ffi::PyObject) -> Bound<'py, PyAny> {
    // SAFETY: the caller keeps the contract.
    unsafe { Bound::from_borrowed_ptr(py, object) }
}

unsafe extern "C" fn new_slot(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    named: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    guard(ptr::null_mut(), |py| {
        // SAFETY: the interpreter passes a live class.
        let class = unsafe { borrowed(py, class.cast()) };
        // SAFETY: the interpreter passes a live tuple.
        let args = unsafe { borrowed(py, args) };
        // SAFETY: null, or a live dict.
        let named = unsafe { Bound::from_borrowed_ptr_or_opt(py, named) };
        let (class, args) = (class.cast::<PyType>()?, args.cast::<PyTuple>()?);
        let named = named.as_ref().map(|named| named.cast::<PyDict>()).transpose()?;
        record::construct(class, args, named).map(Bound::into_ptr)
    })
}

unsafe extern "C" fn dealloc_slot(object: *mut ffi::PyObject) {
    let row = object.cast::<Row>();
    // SAFETY: the interpreter passes a row without references, with the GIL
    // held.
    let last = unsafe { &*row };
    let (kind, owner) = (last.kind, last.owner);
    if kind == RowKind::Taken {
        let taken = ptr::slice_from_raw_parts_mut(last.data, last.info().width);
        // SAFETY: the box that `take_out` made, given back once.
        drop(unsafe { Box::from_raw(taken) });
    }
    if !owner.is_null() && matches!(kind, RowKind::List | RowKind::Written) {
        guard((), |py| {
            // SAFETY: the row's reference to its owner.
            let owner = unsafe { borrowed(py, owner) };
            if let Some(row) = NonNull::new(row) {
                record::forget(&owner, kind, RowPointer(row));
            }
            Ok(())
        });
    }
    // SAFETY: the row's own reference.
    unsafe { ffi::Py_XDECREF(owner) };
    // SAFETY: a live object of a live type.
    let class = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: allocated by `_PyObject_GC_NewVar`, not tracked, freed once.
    unsafe { ffi::PyObject_GC_Del(object.cast()) };
    // SAFETY: instances of heap types hold a reference to their type.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

unsafe extern "C" fn repr_slot(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    guard(ptr::null_mut(), |py| {
        // SAFETY: a live row.
        let object = unsafe { borrowed(py, object) };
        Ok(record::repr(RowRef { object: &object })?.into_pyobject(py)?.into_any().into_ptr())
    })
}

unsafe extern "C" fn hash_slot(object: *mut ffi::PyObject) -> ffi::Py_hash_t {
    guard(-1, |py| {
        // SAFETY: a live row.
        let object = unsafe { borrowed(py, object) };
        record::hash(RowRef { object: &object })
    })
}

unsafe extern "C" fn compare_slot(
    one: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
    how: c_int,
) -> *mut ffi::PyObject {
    guard(ptr::null_mut(), |py| {
        // SAFETY: a live row.
        let one = unsafe { borrowed(py, one) };
        // SAFETY: a live object.
        let other = unsafe { borrowed(py, other) };
        record::compare(RowRef { object: &one }, &other, how).map(Bound::into_ptr)
    })
}

unsafe extern "C" fn iter_slot(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    guard(ptr::null_mut(), |py| {
        // SAFETY: a live row.
        let object = unsafe { borrowed(py, object) };
        record::iter(RowRef { object: &object }).map(Bound::into_ptr)
    })
}

unsafe extern "C" fn length_slot(object: *mut ffi::PyObject) -> ffi::Py_ssize_t {
    guard(-1, |py| {
        // SAFETY: a live row.
        let object = unsafe { borrowed(py, object) };
        Ok(RowRef { object: &object }.info().fields.len() as ffi::Py_ssize_t)
    })
}

unsafe extern "C" fn get_slot(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    guard(ptr::null_mut(), |py| {
        // SAFETY: a live row.
        let object = unsafe { borrowed(py, object) };
        // SAFETY: a live object.
        let key = unsafe { borrowed(py, key) };
        record::get_item(RowRef { object: &object }, &key).map(Bound::into_ptr)
    })
}

unsafe extern "C" fn set_slot(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    guard(-1, |py| {
        // SAFETY: a live row.
        let object = unsafe { borrowed(py, object) };
        // SAFETY: a live object.
        let key = unsafe { borrowed(py, key) };
        // SAFETY: null to delete, or a live object.
        let value = unsafe { Bound::from_borrowed_ptr_or_opt(py, value) };
        record::set_item(RowRef { object: &object }, &key, value.as_ref()).map(|()| 0)
    })
}

// ---- fields
// --------------------------------------------------------------------------------------

/// A field of a class, read without a call where the row is of this very class.
#[repr(C)]
struct FieldObject {
    head: ffi::PyObject,
    /// The class of the rows, or null until it is known. The class holds the field.
    class: *mut ffi::PyTypeObject,
    offset: usize,
    /// What is stored; `Other` where the slow way has to look.
    stored: Stored,
    /// The field with all that it can do: a `record::Field`, of which this has a reference.
    about: *mut ffi::PyObject,
}

/// Types that are read without a look at anything else.
#[derive(Clone, Copy)]
enum Stored {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    Other,
}

impl FieldObject {
    /// The number that a row of the field's class holds in it, which must be of this type.
    #[inline(always)]
    fn number<T: drystone::bytemuck::AnyBitPattern>(&self, row: &Row) -> T {
        // SAFETY: inside the record of the row.
        let at = unsafe { row.data.add(self.offset) };
        // SAFETY: the field is as wide as the type (`descriptor` sees to it), and any bytes are a
        // number.
        unsafe { at.cast::<T>().read_unaligned() }
    }
}

/// Makes the descriptor of a field.
#[pyfunction]
pub(crate) fn descriptor<'py>(about: &Bound<'py, record::Field>) -> PyResult<Bound<'py, PyAny>> {
    use drystone::Type;
    let py = about.py();
    let class = field_class(py)?;
    let def = about.get().def();
    let stored = match def.ty() {
        _ if def.is_nullable() => Stored::Other,
        Type::I8 => Stored::I8,
        Type::I16 => Stored::I16,
        Type::I32 => Stored::I32,
        Type::I64 => Stored::I64,
        Type::U8 => Stored::U8,
        Type::U16 => Stored::U16,
        Type::U32 => Stored::U32,
        Type::U64 => Stored::U64,
        Type::F32 => Stored::F32,
        Type::F64 => Stored::F64,
        _ => Stored::Other,
    };
    // SAFETY: a live heap type whose instances are `FieldObject`s; zeroed memory, and a new
    // reference or null with an exception set.
    let object = unsafe { ffi::PyType_GenericAlloc(class.as_type_ptr(), 0) };
    // SAFETY: as above.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    // SAFETY: the object is new, and only we have it.
    let field = unsafe { &mut *object.as_ptr().cast::<FieldObject>() };
    field.class = ptr::null_mut();
    field.offset = def.offset();
    field.stored = stored;
    field.about = about.clone().into_ptr();
    Ok(object)
}

/// Tells a descriptor, and the field behind it, which class it is of.
#[pyfunction]
pub(crate) fn bind_descriptor(descriptor: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<()> {
    if !descriptor.is_instance(field_class(descriptor.py())?)? {
        return Err(pyo3::exceptions::PyTypeError::new_err("no descriptor of a field"));
    }
    // SAFETY: an instance of the class of `FieldObject`s. The GIL is held, and there is no other
    // reference.
    let field = unsafe { &mut *descriptor.as_ptr().cast::<FieldObject>() };
    field.class = class.as_type_ptr();
    // SAFETY: the field's own reference.
    let about = unsafe { borrowed(descriptor.py(), field.about) };
    about.cast::<record::Field>()?.get().bind(class);
    Ok(())
}

fn field_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.get_or_try_init(py, || {
        let slot = |slot: c_int, function: *mut c_void| ffi::PyType_Slot { slot, pfunc: function };
        let mut slots = [
            slot(ffi::Py_tp_dealloc, field_dealloc_slot as ffi::destructor as *mut c_void),
            slot(ffi::Py_tp_descr_get, field_get_slot as ffi::descrgetfunc as *mut c_void),
            slot(ffi::Py_tp_descr_set, field_set_slot as ffi::descrsetfunc as *mut c_void),
            slot(ffi::Py_tp_getattro, field_attribute_slot as ffi::getattrofunc as *mut c_void),
            slot(ffi::Py_tp_repr, field_repr_slot as ffi::reprfunc as *mut c_void),
            slot(0, ptr::null_mut()),
        ];
        let mut spec = ffi::PyType_Spec {
            name: c"drystone._drystone.FieldDescriptor".as_ptr(),
            basicsize: size_of::<FieldObject>() as c_int,
            itemsize: 0,
            flags: ffi::Py_TPFLAGS_DEFAULT as _,
            slots: slots.as_mut_ptr(),
        };
        // SAFETY: as for rows: the slots end with a null, and each function has the type of its
        // slot.
        let class = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
        // SAFETY: a new reference, or null with an exception set.
        let class = unsafe { Bound::from_owned_ptr_or_err(py, class) }?;
        PyResult::Ok(class.cast_into::<PyType>()?.unbind())
    })?;
    Ok(class.bind(py))
}

unsafe extern "C" fn field_dealloc_slot(object: *mut ffi::PyObject) {
    // SAFETY: a field without references.
    let about = unsafe { (*object.cast::<FieldObject>()).about };
    // SAFETY: its own reference.
    unsafe { ffi::Py_XDECREF(about) };
    // SAFETY: a live object of a live type.
    let class = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: allocated by `PyType_GenericAlloc` of a type without garbage collection, freed once.
    unsafe { ffi::PyObject_Free(object.cast()) };
    // SAFETY: instances of heap types hold a reference to their type.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

unsafe extern "C" fn field_get_slot(
    object: *mut ffi::PyObject,
    row: *mut ffi::PyObject,
    _class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: a live field.
    let field = unsafe { &*object.cast::<FieldObject>() };
    // SAFETY: null, or a live object.
    if !row.is_null() && unsafe { ffi::Py_TYPE(row) } == field.class {
        // SAFETY: a row of the class of this field, since its class is.
        let row = unsafe { &*row.cast::<Row>() };
        /// Reads a number and makes an object of it.
        macro_rules! read {
            ($type:ty, $make:path, $as:ty) => {{
                let number: $type = field.number(row);
                // SAFETY: the GIL is held.
                return unsafe { $make(number as $as) };
            }};
        }
        match field.stored {
            Stored::I32 => read!(i32, ffi::PyLong_FromLong, std::ffi::c_long),
            Stored::I64 => read!(i64, ffi::PyLong_FromLong, std::ffi::c_long),
            Stored::U32 => read!(u32, ffi::PyLong_FromLong, std::ffi::c_long),
            Stored::F64 => read!(f64, ffi::PyFloat_FromDouble, f64),
            Stored::F32 => read!(f32, ffi::PyFloat_FromDouble, f64),
            Stored::U64 => read!(u64, ffi::PyLong_FromUnsignedLongLong, std::ffi::c_ulonglong),
            Stored::I8 => read!(i8, ffi::PyLong_FromLong, std::ffi::c_long),
            Stored::I16 => read!(i16, ffi::PyLong_FromLong, std::ffi::c_long),
            Stored::U8 => read!(u8, ffi::PyLong_FromLong, std::ffi::c_long),
            Stored::U16 => read!(u16, ffi::PyLong_FromLong, std::ffi::c_long),
            Stored::Other => {}
        }
    }
    guard(ptr::null_mut(), |py| {
        if row.is_null() {
            // SAFETY: a live object.
            return Ok(unsafe { borrowed(py, object) }.into_ptr());
        }
        // SAFETY: the field's own reference.
        let about = unsafe { borrowed(py, field.about) };
        // SAFETY: a live object.
        let row = unsafe { borrowed(py, row) };
        about.cast::<record::Field>()?.get().read(&row).map(Bound::into_ptr)
    })
}

unsafe extern "C" fn field_set_slot(
    object: *mut ffi::PyObject,
    row: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    guard(-1, |py| {
        // SAFETY: a live field.
        let field = unsafe { &*object.cast::<FieldObject>() };
        // SAFETY: the field's own reference.
        let about = unsafe { borrowed(py, field.about) };
        // SAFETY: a live object.
        let row = unsafe { borrowed(py, row) };
        // SAFETY: null to delete, or a live object.
        let value = unsafe { Bound::from_borrowed_ptr_or_opt(py, value) };
        about.cast::<record::Field>()?.get().assign(&row, value.as_ref()).map(|()| 0)
    })
}

/// Attributes of a field, such as its name, are those of the field behind it.
unsafe extern "C" fn field_attribute_slot(
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    guard(ptr::null_mut(), |py| {
        // SAFETY: a live field.
        let field = unsafe { &*object.cast::<FieldObject>() };
        // SAFETY: the field's own reference.
        let about = unsafe { borrowed(py, field.about) };
        // SAFETY: a live object.
        let name = unsafe { borrowed(py, name) };
        let found = about.getattr(name.cast::<pyo3::types::PyString>()?);
        if found.is_err() {
            // SAFETY: live objects; a new reference, or null with an exception set.
            let own = unsafe { ffi::PyObject_GenericGetAttr(object, name.as_ptr()) };
            // SAFETY: as above.
            return unsafe { Bound::from_owned_ptr_or_err(py, own) }.map(Bound::into_ptr);
        }
        found.map(Bound::into_ptr)
    })
}

unsafe extern "C" fn field_repr_slot(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    guard(ptr::null_mut(), |py| {
        // SAFETY: a live field.
        let field = unsafe { &*object.cast::<FieldObject>() };
        // SAFETY: the field's own reference.
        let about = unsafe { borrowed(py, field.about) };
        Ok(about.repr()?.into_any().into_ptr())
    })
}

// ---- a register of live rows
// ---------------------------------------------------------------------

/// The live rows of a list, by the number of their record.
pub(crate) type Live = FxHashMap<usize, RowPointer>;

/// An error in an interpreter that is not the main one: the classes of rows are shared by the
/// process.
pub(crate) fn check_interpreter(py: Python<'_>) -> PyResult<()> {
    // SAFETY: the GIL is held.
    let here = unsafe { ffi::PyInterpreterState_Get() };
    // SAFETY: a live interpreter.
    let number = unsafe { ffi::PyInterpreterState_GetID(here) };
    let _ = py;
    if number == 0 {
        return Ok(());
    }
    Err(pyo3::exceptions::PyImportError::new_err(
        "drystone works in the main interpreter of a process only, and this is a sub-interpreter; in mod_wsgi, \
         set `WSGIApplicationGroup %{GLOBAL}`",
    ))
}

// ---- memory of others
// ----------------------------------------------------------------------------

/// Opens a database file.
pub(crate) fn open_database(
    options: &drystone::OpenOptions,
    path: &std::path::Path,
) -> drystone::Result<drystone::Database> {
    // SAFETY: the documentation of the package hands the contract on to its users: while the file
    // is open, nothing but Drystone writes it.
    unsafe { options.open(path) }
}

/// Runs `read` on the contiguous memory of an object with the buffer protocol.
pub(crate) fn with_buffer<A>(
    object: &Bound<'_, PyAny>,
    read: impl FnOnce(&[u8]) -> PyResult<A>,
) -> PyResult<A> {
    struct Release(Box<ffi::Py_buffer>);
    impl Drop for Release {
        fn drop(&mut self) {
            // SAFETY: filled by `PyObject_GetBuffer`, released once, with the GIL held.
            unsafe { ffi::PyBuffer_Release(&raw mut *self.0) };
        }
    }
    let mut view = Box::new(ffi::Py_buffer::new());
    // SAFETY: the view is valid for writes.
    let got = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *view, ffi::PyBUF_SIMPLE) };
    if got != 0 {
        return Err(PyErr::fetch(object.py()));
    }
    let view = Release(view);
    if view.0.len == 0 {
        return read(&[]);
    }
    // SAFETY: the exporter keeps `len` bytes at `buf` until the view is released. Other code could
    // change them meanwhile; they are plain bytes that are only copied.
    let bytes = unsafe { std::slice::from_raw_parts(view.0.buf.cast::<u8>(), view.0.len as usize) };
    read(bytes)
}

/// The buffer protocol of lists, which are a subclass of this: PyO3 wants unsafe functions for it.
#[pyclass(subclass, frozen, module = "drystone._drystone")]
pub(crate) struct Exporter;

#[pymethods]
impl Exporter {
    unsafe fn __getbuffer__(
        slf: &Bound<'_, Exporter>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let list = slf.cast::<ListTable>()?;
        let is_frozen = list.get().layout().get().info.frozen;
        if is_frozen && flags & ffi::PyBUF_WRITABLE != 0 {
            let message = "records of a class with frozen=True do not change, so their memory is only read";
            return Err(crate::error::raise(slf.py(), crate::error::Class::Buffer, message));
        }
        let ((address, bytes), shape) = list.get().buffer(slf.py())?;
        let shape = Box::into_raw(Box::new(shape));
        // SAFETY: the interpreter passes a view that is to be filled in.
        let view = unsafe { &mut *view };
        // SAFETY: just made, and only freed when the view is released.
        let shape = unsafe { &mut *shape };
        view.buf = address as *mut c_void;
        view.len = bytes as ffi::Py_ssize_t;
        view.readonly = c_int::from(is_frozen);
        view.itemsize = shape.item_bytes;
        view.format = shape.format.as_ptr().cast_mut();
        view.ndim = 1;
        view.shape = &raw mut shape.rows;
        view.strides = &raw mut shape.item_bytes;
        view.suboffsets = ptr::null_mut();
        view.internal = ptr::from_mut(shape).cast();
        view.obj = slf.clone().into_ptr();
        Ok(())
    }

    unsafe fn __releasebuffer__(slf: &Bound<'_, Exporter>, view: *mut ffi::Py_buffer) {
        // SAFETY: the interpreter passes a view that was filled in above, once.
        let internal = unsafe { (*view).internal };
        // SAFETY: the box that was made there.
        drop(unsafe { Box::from_raw(internal.cast::<Shape>()) });
        if let Ok(list) = slf.cast::<ListTable>() {
            list.get().end_export(slf.py());
        }
    }
}

/// What a filled buffer points to.
pub(crate) struct Shape {
    pub(crate) rows: isize,
    pub(crate) item_bytes: isize,
    pub(crate) format: std::ffi::CString,
}

/// Takes an Arrow stream out of the capsule that holds it.
pub(crate) fn stream_of_capsule(
    capsule: &Bound<'_, pyo3::types::PyCapsule>,
) -> PyResult<arrow_array::ffi_stream::FFI_ArrowArrayStream> {
    // SAFETY: a live capsule; the name is a constant text.
    let stream = unsafe { ffi::PyCapsule_GetPointer(capsule.as_ptr(), c"arrow_array_stream".as_ptr()) };
    if stream.is_null() {
        return Err(PyErr::fetch(capsule.py()));
    }
    // SAFETY: by the Arrow PyCapsule interface, the pointer is to a stream, which is moved out of
    // here.
    Ok(unsafe { arrow_array::ffi_stream::FFI_ArrowArrayStream::from_raw(stream.cast()) })
}
