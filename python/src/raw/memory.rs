//! Memory of others, and memory that others see: buffers, Arrow streams, mapped files.

use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

use crate::list::ListTable;

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
