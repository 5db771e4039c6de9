//! The class of rows: its slots, and the layout that each record class has.

use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::row::{Row, RowKind, RowPointer, RowRef, keep_memory};
use crate::layout::{Info, Layout};
use crate::record;

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
/// Whether an object is a row.
#[inline(always)]
pub(super) fn is_row(object: &Bound<'_, PyAny>) -> bool {
    let class = CLASS_POINTER.load(std::sync::atomic::Ordering::Relaxed);
    // SAFETY: a live object.
    let found = unsafe { ffi::Py_TYPE(object.as_ptr()) };
    // SAFETY: both are live classes; the call has no other precondition.
    unsafe { ffi::PyType_IsSubtype(found, class) != 0 }
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

/// Runs the body of a slot: an error becomes Python's, a panic a `RuntimeError`.
#[inline(always)]
pub(super) fn guard<A>(failed: A, body: impl FnOnce(Python<'_>) -> PyResult<A>) -> A {
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
pub(super) unsafe fn borrowed<'py>(py: Python<'py>, object: *mut ffi::PyObject) -> Bound<'py, PyAny> {
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
    // SAFETY: the interpreter calls slots with the GIL held.
    let py = unsafe { Python::assume_attached() };
    if !keep_memory(py, row, class) {
        // SAFETY: allocated by `_PyObject_GC_NewVar`, not tracked, freed once.
        unsafe { ffi::PyObject_GC_Del(object.cast()) };
    }
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
