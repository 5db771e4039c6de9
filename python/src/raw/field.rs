//! Descriptors of fields: the attributes of rows.

use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::class::{borrowed, guard, layout_of};
use super::row::{Row, RowKind, note_class};
use crate::list::ListTable;
use crate::record;

/// A field of a class, read without a call where the row is of this very class.
#[repr(C)]
struct FieldObject {
    head: ffi::PyObject,
    /// The class of the rows, or null until it is known. The class holds the field.
    class: *mut ffi::PyTypeObject,
    offset: usize,
    /// What is stored; `Other` where the slow way has to look.
    stored: Stored,
    /// Records of the class do not change.
    is_frozen: bool,
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
    field.is_frozen = about.get().is_frozen();
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
    note_class(layout_of(class)?, class)
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

/// Assigns a number that fits its field to a row of this very class, where nothing else is to be
/// done: to a record of its own, or of a list. `None` where the slow way has to look.
///
/// # Safety
/// The three pointers must be to live objects, and the GIL must be held.
#[inline(always)]
unsafe fn set_plain(field: &FieldObject, row: *mut ffi::PyObject, value: *mut ffi::PyObject) -> Option<()> {
    // SAFETY: a live object.
    if unsafe { ffi::Py_TYPE(row) } != field.class || field.is_frozen {
        return None;
    }
    // SAFETY: a row of the class of this field, since its class is.
    let shown = unsafe { &*row.cast::<Row>() };
    let (kind, owner) = (shown.kind, shown.owner);
    if !matches!(kind, RowKind::Value | RowKind::Taken | RowKind::List) {
        return None;
    }
    let mut stored = [0; 8];
    let width = if let Stored::F64 = field.stored {
        // SAFETY: a live object.
        if unsafe { ffi::PyFloat_CheckExact(value) } == 0 {
            return None;
        }
        // SAFETY: a float.
        stored = unsafe { ffi::PyFloat_AsDouble(value) }.to_le_bytes();
        8
    } else {
        // SAFETY: a live object.
        if unsafe { ffi::PyLong_CheckExact(value) } == 0 {
            return None;
        }
        let mut overflow = 0;
        // SAFETY: an int; such a call has no error, only an overflow.
        let number = unsafe { ffi::PyLong_AsLongLongAndOverflow(value, &raw mut overflow) };
        if overflow != 0 {
            return None;
        }
        macro_rules! store {
            ($type:ty) => {{
                let bytes = <$type>::try_from(number).ok()?.to_le_bytes();
                stored[..bytes.len()].copy_from_slice(&bytes);
                bytes.len()
            }};
        }
        match field.stored {
            Stored::I32 => store!(i32),
            Stored::I64 => store!(i64),
            Stored::U32 => store!(u32),
            Stored::U64 => store!(u64),
            Stored::I16 => store!(i16),
            Stored::U16 => store!(u16),
            Stored::I8 => store!(i8),
            Stored::U8 => store!(u8),
            Stored::F32 | Stored::F64 | Stored::Other => return None,
        }
    };
    if let RowKind::List = kind {
        // SAFETY: the GIL is held.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: the row's own reference to its list.
        let owner = unsafe { borrowed(py, owner) };
        owner.cast::<ListTable>().ok()?.get().changed(py);
    }
    // SAFETY: a row of the class of this field.
    let data = unsafe { (*row.cast::<Row>()).data };
    // SAFETY: the field lies inside the record.
    let at = unsafe { data.add(field.offset) };
    // SAFETY: the field is as wide as the type (`descriptor` sees to it), and a record of these
    // kinds may be written.
    unsafe { ptr::copy_nonoverlapping(stored.as_ptr(), at, width) };
    Some(())
}

unsafe extern "C" fn field_set_slot(
    object: *mut ffi::PyObject,
    row: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: a live field.
    let field = unsafe { &*object.cast::<FieldObject>() };
    // SAFETY: the interpreter passes live objects, with the GIL held; null is to delete.
    if !value.is_null() && unsafe { set_plain(field, row, value) }.is_some() {
        return 0;
    }
    guard(-1, |py| {
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
