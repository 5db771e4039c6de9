//! The row object, makers of rows, and what a table keeps of the rows that are held.
//!
//! ```text
//! Row object, 56 bytes:  | PyVarObject | data | owner | info | kind | record, where it has its own
//! ```

use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use rustc_hash::FxHashMap;

use super::cell::GilCell;
use super::class::is_row;
use crate::layout::Info;
use crate::list::ListTable;
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
pub(super) struct Row {
    head: ffi::PyVarObject,
    pub(super) data: *mut u8,
    /// Null, or the object whose record it shows.
    pub(super) owner: *mut ffi::PyObject,
    /// The layout of the class. The class holds it, and the row holds the class.
    info: *const Info,
    pub(super) kind: RowKind,
}

impl Row {
    pub(super) fn info<'a>(&self) -> &'a Info {
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

/// A pointer to a live row, in the register of its owner. The row takes itself out before it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowPointer(pub(super) NonNull<Row>);

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

    /// Where its record is.
    pub(crate) fn address(&self) -> usize {
        self.row().data as usize
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

/// Memory of rows that were deallocated, for the next ones. A loop such as `for i in order:
/// points[i].x` makes a row and drops it in each turn.
static FREE: GilCell<FreeRows> = GilCell::new(FreeRows { blocks: [ptr::null_mut(); FREE_ROWS], len: 0 });

const FREE_ROWS: usize = 32;

struct FreeRows {
    /// Blocks that `PyObject_GC_NewVar` allocated for a row of a lean class without own bytes.
    blocks: [*mut Row; FREE_ROWS],
    len: usize,
}

// SAFETY: the blocks belong to no thread; the cell around them is only used with the GIL held.
unsafe impl Send for FreeRows {}

/// The memory of an earlier row as a new object of a class, where the row is one that fits.
#[inline(always)]
fn reused(class: &Bound<'_, PyType>, info: &Info, own_bytes: usize) -> Option<NonNull<Row>> {
    if own_bytes > 0 || info.lean_class.load(Ordering::Relaxed) != class.as_type_ptr() as usize {
        return None;
    }
    let block = FREE.with(class.py(), |free| {
        free.len = free.len.checked_sub(1)?;
        free.blocks.get(free.len).copied()
    })?;
    // SAFETY: the block is as large as a lean row without own bytes, and nothing else refers to it.
    // The call sets its head, with one reference to it and one to the class.
    let object = unsafe { ffi::PyObject_InitVar(block.cast(), class.as_type_ptr(), 0) };
    NonNull::new(object.cast())
}

/// Keeps the memory of a row for the next one. Returns whether it did.
pub(super) fn keep_memory(py: Python<'_>, row: *mut Row, class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the row is deallocated right now, and its memory is whole yet.
    let last = unsafe { &*row };
    let has_own_bytes = !matches!(last.kind, RowKind::Still | RowKind::List | RowKind::Taken);
    if has_own_bytes || last.info().lean_class.load(Ordering::Relaxed) != class as usize {
        return false;
    }
    FREE.with(py, |free| match free.blocks.get_mut(free.len) {
        Some(slot) => {
            *slot = row;
            free.len += 1;
            true
        }
        None => false,
    })
}

/// Notes whether rows of a class have no more than the parts of a [`Row`]: no slots of a subclass,
/// no dict, no weak references. Then the memory of one fits another.
pub(super) fn note_class(info: &Info, class: &Bound<'_, PyType>) -> PyResult<()> {
    let number = |name: &str| class.getattr(name)?.extract::<isize>();
    let is_lean = number("__basicsize__")? == size_of::<Row>() as isize
        && number("__dictoffset__")? == 0
        && number("__weakrefoffset__")? == 0;
    if is_lean {
        info.lean_class.store(class.as_type_ptr() as usize, Ordering::Relaxed);
    }
    Ok(())
}

/// Asks the processor for the line of a record, which arrives while its row is made.
#[inline(always)]
pub(crate) fn prefetch(record: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program sees, and may be given any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(record.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = record;
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
    let row = match reused(class, info, own_bytes) {
        Some(row) => row,
        None => {
            // Classes that Python makes always take part in garbage collection, so the object needs
            // the header for it. It is never tracked: a row refers to its table and its class, and
            // they do not refer to rows. SAFETY: the class is a live heap type whose instances are
            // `Row`s with items of one byte. The call takes a reference to it.
            let object =
                unsafe { ffi::PyObject_GC_NewVar::<Row>(class.as_type_ptr(), own_bytes as ffi::Py_ssize_t) };
            NonNull::new(object).ok_or_else(|| PyErr::fetch(py))?
        }
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
    prefetch(record);
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

/// A row of a list, which must point it to a record and put it into its register.
#[inline]
pub(crate) fn list_row<'py>(
    class: &Bound<'py, PyType>,
    info: &Info,
    owner: &Bound<'py, ListTable>,
) -> PyResult<(Bound<'py, PyAny>, RowPointer)> {
    let (object, row) = allocate(class, info, 0, RowKind::List)?;
    // SAFETY: the row is new, and only we have it. It takes a reference to the list.
    unsafe {
        (*row.as_ptr()).owner = owner.clone().into_ptr();
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

/// A row that has other references.
#[derive(Clone, Copy)]
pub(crate) struct RowRef<'a, 'py> {
    pub(super) object: &'a Bound<'py, PyAny>,
}

impl<'a, 'py> RowRef<'a, 'py> {
    /// The row that an object is, if it is one.
    #[inline(always)]
    pub(crate) fn new(object: &'a Bound<'py, PyAny>) -> Option<RowRef<'a, 'py>> {
        is_row(object).then_some(RowRef { object })
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

/// The live rows of a list, by the number of their record.
pub(crate) type Live = FxHashMap<usize, RowPointer>;
