//! A shared library that exchanges tables with other libraries in a process by the Arrow C stream
//! interface. C, Python and R need no line of Rust for it.
//! `tests/data/exchange/c_stream.py` uses it with pyarrow.
//!
//! `cargo build --release --features arrow --example c_stream` makes
//! `target/release/examples/libc_stream.so`.
#![expect(unsafe_code, reason = "names and pointers of C, and opening a mapped file")]

use std::ffi::{CStr, CString, c_char};
use std::mem::replace;
use std::path::Path;
use std::ptr::null_mut;

use drystone::arrow::arrow_array::ffi_stream::FFI_ArrowArrayStream;
use drystone::arrow::{self, Batches, TableBatches};
use drystone::{Database, Dyn, Error, ErrorKind, LoadOptions, Result};

/// Puts all rows of a table, as they are now, into `stream`, an `ArrowArrayStream` that is released
/// or all zeros. The stream holds its snapshot until it is released. Gives null, or a message for
/// [`free_message`].
///
/// # Safety
/// The texts end with a zero. Only Drystone writes to the file while it is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_to_stream(
    path: *const c_char,
    table: *const c_char,
    stream: &mut FFI_ArrowArrayStream,
) -> *mut c_char {
    // SAFETY: the caller's promise; it is not kept.
    let path = unsafe { text(path) };
    // SAFETY: the caller's promise; it is not kept.
    let table = unsafe { text(table) };
    let give = || {
        let read = open(path?)?.read()?;
        *stream = TableBatches::new(read, table?)?.into_c_stream();
        Ok(())
    };
    message(give())
}

/// Loads what `stream` gives into a table, all or nothing, and releases it. A table that is not
/// there is made by `schema`, such as `id: u64 key, name: str[8]?`. Gives null, or a message for
/// [`free_message`].
///
/// # Safety
/// As for [`table_to_stream`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn table_from_stream(
    path: *const c_char,
    table: *const c_char,
    schema: *const c_char,
    stream: &mut FFI_ArrowArrayStream,
) -> *mut c_char {
    // SAFETY: the caller's promise; it is not kept.
    let path = unsafe { text(path) };
    // SAFETY: the caller's promise; it is not kept.
    let table = unsafe { text(table) };
    // SAFETY: the caller's promise; it is not kept.
    let schema = unsafe { text(schema) };
    let taken = replace(stream, FFI_ArrowArrayStream::empty());
    let take = || {
        let (table, schema) = (table?, schema?);
        let write = open(path?)?.write()?;
        let is_there = write.table_names()?.iter().any(|name| name == table);
        let mut rows = if is_there {
            write.table::<Dyn>(table)?
        } else {
            write.create_dyn_table(table, &schema.parse()?)?
        };
        let options = arrow::Options::new().name("the stream");
        let mut reader = options.batch_reader(rows.schema(), Batches::from_c_stream(taken)?)?;
        rows.load_from(&mut reader, &LoadOptions::new())?;
        write.commit()
    };
    message(take())
}

/// Gives a message back; null is none.
///
/// # Safety
/// It came from one of the others and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_message(message: *mut c_char) {
    if !message.is_null() {
        // SAFETY: `message` below made it, by the caller's promise.
        drop(unsafe { CString::from_raw(message) });
    }
}

/// # Safety
/// There is a zero behind it, and it stays as it is while the text is used.
unsafe fn text<'t>(text: *const c_char) -> Result<&'t str> {
    if text.is_null() {
        return Err(Error::new(ErrorKind::Usage, "a text is missing: the pointer to it is null"));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| Error::new(ErrorKind::Usage, format!("{text:?} is no UTF-8")))
}

fn message(done: Result<()>) -> *mut c_char {
    match done {
        Ok(()) => null_mut(),
        Err(error) => {
            let text: String = error.to_string().chars().filter(|c| *c != '\0').collect();
            CString::new(text).unwrap_or_default().into_raw()
        }
    }
}

fn open(path: &str) -> Result<Database> {
    // SAFETY: the promise of those who call the library.
    unsafe { Database::open(Path::new(path)) }
}
