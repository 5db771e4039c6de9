//! Errors: every one is a Python built-in and a `drystone.Error` with a kind.

use drystone::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The classes of `drystone._errors`, by the built-in that each extends.
#[derive(Clone, Copy)]
pub(crate) enum Class {
    Key,
    Index,
    Type,
    Value,
    Overflow,
    Runtime,
    Buffer,
    Timeout,
    Blocking,
    Attribute,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Class::Key => "KeyNotFound",
            Class::Index => "OutOfRange",
            Class::Type => "WrongType",
            Class::Value => "BadValue",
            Class::Overflow => "Overflow",
            Class::Runtime => "UsageError",
            Class::Buffer => "BufferInUse",
            Class::Timeout => "Busy",
            Class::Blocking => "WouldBlock",
            Class::Attribute => "NoAttribute",
        }
    }
}

/// Makes an error of a class, with the kind that belongs to it.
#[cold]
pub(crate) fn raise(py: Python<'_>, class: Class, message: impl Into<String>) -> PyErr {
    build(py, (class.name(), message.into(), "", None::<String>, None::<String>, None::<u64>, None::<i32>))
}

/// A key that is not in a table: like `KeyError`, it holds the key itself.
#[cold]
pub(crate) fn missing_key(key: &Bound<'_, PyAny>) -> PyErr {
    let py = key.py();
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = MAKE.import(py, "drystone._errors", "_missing_key");
    match make.and_then(|make| make.call1((key,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

#[cold]
pub(crate) fn no_row(py: Python<'_>, at: isize, rows: usize) -> PyErr {
    raise(py, Class::Index, format!("row {at} is outside of the table, which has {rows} rows"))
}

pub(crate) fn no_memory() -> PyErr {
    pyo3::exceptions::PyMemoryError::new_err("there is no memory for the records")
}

/// The same error, saying which record of an iterable it is about.
#[cold]
pub(crate) fn at_record(py: Python<'_>, at: usize, error: PyErr) -> PyErr {
    let place = format!("record {}: ", at + 1);
    let done = py
        .import("drystone._errors")
        .and_then(|module| module.getattr("_at_record")?.call1((place, error.value(py))));
    match done {
        Ok(value) => PyErr::from_value(value),
        Err(_) => error,
    }
}

type Parts = (&'static str, String, &'static str, Option<String>, Option<String>, Option<u64>, Option<i32>);

fn build(py: Python<'_>, parts: Parts) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    match MAKE.import(py, "drystone._errors", "_make").and_then(|make| make.call1(parts)) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// The Python error for an error of the library.
#[cold]
pub(crate) fn from_library(py: Python<'_>, error: Error) -> PyErr {
    // What an iterator or a signal handler of the user raised in the middle of a call comes back as
    // it is.
    let error = match std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Raised>()) {
        Some(raised) => return raised.0.clone_ref(py),
        None => error,
    };
    let code = error.io_error().and_then(std::io::Error::raw_os_error);
    let (class, kind) = match error.kind() {
        ErrorKind::Io => match code {
            Some(libc_code) if [1, 13, 30].contains(&libc_code) => ("Denied", "io"),
            _ => ("SystemFailed", "io"),
        },
        ErrorKind::FileNotFound => ("FileMissing", "file_not_found"),
        ErrorKind::TableNotFound => ("KeyNotFound", "table_not_found"),
        ErrorKind::IndexNotFound => ("KeyNotFound", "index_not_found"),
        ErrorKind::FieldNotFound => ("KeyNotFound", "field_not_found"),
        ErrorKind::AlreadyExists => ("Exists", "already_exists"),
        ErrorKind::NotADatabase => ("BadValue", "not_a_database"),
        ErrorKind::EmptyFile => ("BadValue", "empty_file"),
        ErrorKind::Truncated => ("Damaged", "truncated"),
        ErrorKind::FutureFormat => ("BadValue", "future_format"),
        ErrorKind::Corrupt => ("Damaged", "corrupt"),
        ErrorKind::Schema => ("WrongType", "schema"),
        ErrorKind::Value => ("BadValue", "value"),
        ErrorKind::Query => ("BadValue", "query"),
        ErrorKind::KeyExists => ("KeyExists", "key_exists"),
        ErrorKind::Input => ("BadValue", "input"),
        ErrorKind::OutOfRange => ("OutOfRange", "out_of_range"),
        ErrorKind::Busy => ("Busy", "busy"),
        ErrorKind::Limit => ("BadValue", "limit"),
        ErrorKind::ReadOnly => ("Denied", "read_only"),
        ErrorKind::AfterFork => ("UsageError", "after_fork"),
        ErrorKind::Usage => ("UsageError", "usage"),
        ErrorKind::Poisoned => ("UsageError", "poisoned"),
        _ => ("UsageError", "other"),
    };
    let message = in_words_of_python(error.to_string());
    let (table, field) = (error.table().map(str::to_owned), error.field().map(str::to_owned));
    build(py, (class, message, kind, table, field, error.line(), code))
}

/// Ways out that the library describes, and the arguments that they are here.
const WAYS_OUT: [(&str, &str); 3] = [
    (
        "choose to keep the first or the last one to load both",
        "on_duplicate=\"first\" or on_duplicate=\"last\" keeps one of them",
    ),
    ("or have such columns ignored", "or give ignore_unknown=True to have such columns ignored"),
    ("or allow rounding", "or give round=True to allow rounding"),
];

fn in_words_of_python(mut message: String) -> String {
    for (theirs, ours) in WAYS_OUT {
        if message.ends_with(theirs) {
            message.truncate(message.len() - theirs.len());
            message.push_str(ours);
        }
    }
    message
}

/// An error of Python on its way through the library.
#[derive(Debug)]
struct Raised(PyErr);

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an error of Python")
    }
}

impl std::error::Error for Raised {}

/// Takes an error of Python through the library, which hands it on as the cause of its own.
pub(crate) fn through_library(error: PyErr) -> Error {
    Error::new(ErrorKind::Input, "an exception was raised").with_source(Raised(error))
}

/// Turns the library's results into Python's.
pub(crate) trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for drystone::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| from_library(py, error))
    }
}
