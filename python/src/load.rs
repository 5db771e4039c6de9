//! Where records that are loaded come from.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use drystone::{RecordSource, Result, TimestampUnit};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyString, PyType};

use crate::error::{OrRaise, at_record, through_library};
use crate::layout::Info;
use crate::record::stored_bytes;

/// How many records go by between two looks at signals.
const LOOK_ROWS: u64 = 1 << 14;

/// Another source, with signal handlers run and progress told while it is read.
pub(crate) struct Watched<'p, S> {
    pub(crate) source: S,
    pub(crate) read: u64,
    pub(crate) on_progress: Option<&'p Py<PyAny>>,
}

impl<S: RecordSource> RecordSource for Watched<'_, S> {
    #[inline]
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.next_records(record, record.len()).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        let more = self.source.next_records(records, width)?;
        let before = self.read;
        self.read += more as u64;
        if before / LOOK_ROWS != self.read / LOOK_ROWS || more == 0 {
            Python::attach(|py| {
                py.check_signals()?;
                match self.on_progress {
                    Some(tell) => tell.call1(py, (self.read,)).map(drop),
                    None => Ok(()),
                }
            })
            .map_err(through_library)?;
        }
        Ok(more)
    }

    fn place(&self) -> u64 {
        self.source.place()
    }

    fn describe(&self, place: u64) -> String {
        self.source.describe(place)
    }

    fn rows_hint(&self) -> Option<u64> {
        self.source.rows_hint()
    }
}

/// Packed records.
pub(crate) struct Packed<'b> {
    pub(crate) left: &'b [u8],
    pub(crate) given: u64,
}

impl RecordSource for Packed<'_> {
    #[inline]
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.next_records(record, record.len()).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        let rows = self.left.len().min(records.len()) / width;
        let (taken, rest) = self.left.split_at(rows * width);
        records[..taken.len()].copy_from_slice(taken);
        self.left = rest;
        self.given += rows as u64;
        Ok(rows)
    }

    fn place(&self) -> u64 {
        self.given
    }

    fn rows_hint(&self) -> Option<u64> {
        None
    }
}

/// What an iterable of Python gives. The GIL is held.
pub(crate) struct Iterated<'a, 'py> {
    pub(crate) records: Bound<'py, PyIterator>,
    pub(crate) class: &'a Bound<'py, PyType>,
    pub(crate) info: &'a Info,
    pub(crate) given: u64,
}

impl RecordSource for Iterated<'_, '_> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        let py = self.records.py();
        let Some(next) = self.records.next() else { return Ok(false) };
        let next = next.map_err(through_library)?;
        stored_bytes(self.class, self.info, &next, record)
            .map_err(|error| through_library(at_record(py, self.given as usize, error)))?;
        self.given += 1;
        if self.given.is_multiple_of(LOOK_ROWS) {
            // Lets other threads run.
            py.detach(|| ());
        }
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.given
    }
}

/// How a text of comma-separated values is written and read.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct CsvOptions {
    /// One character, or "blanks".
    delimiter: String,
    null: Vec<String>,
    ignore_unknown: bool,
    header: bool,
    comment: Option<String>,
    skip_lines: u64,
    decimal_comma: bool,
    trim: bool,
    rename: Vec<(String, String)>,
    timestamp_unit: Option<String>,
    round: bool,
}

impl CsvOptions {
    pub(crate) fn options(&self, path: &std::path::Path) -> drystone::csv::Options {
        let mut options = drystone::csv::Options::new()
            .name(
                path.file_name()
                    .map_or_else(|| "the file".into(), |name| name.to_string_lossy().into_owned()),
            )
            .ignore_unknown(self.ignore_unknown)
            .header(self.header)
            .skip_lines(self.skip_lines)
            .decimal_comma(self.decimal_comma)
            .trim(self.trim)
            .round(self.round);
        match self.delimiter.as_bytes() {
            [delimiter] => options = options.delimiter(*delimiter),
            _ => options = options.blanks(),
        }
        if let Some(comment) = &self.comment {
            options = options.comment(comment.as_str());
        }
        let unit = self.timestamp_unit.as_deref().and_then(|unit| match unit {
            "s" => Some(TimestampUnit::Seconds),
            "ms" => Some(TimestampUnit::Millis),
            "us" => Some(TimestampUnit::Micros),
            "ns" => Some(TimestampUnit::Nanos),
            _ => None,
        });
        if let Some(unit) = unit {
            options = options.timestamp_unit(unit);
        }
        for (old, new) in &self.rename {
            options = options.rename(old.as_str(), new.as_str());
        }
        for null in &self.null {
            options = options.null(null.as_str());
        }
        options
    }
}

/// The bytes of a text: of a file, which may be compressed with zstd, or of an object with `read`.
pub(crate) fn open(text: &Bound<'_, PyAny>) -> PyResult<(PathBuf, Box<dyn Read + Send>)> {
    let py = text.py();
    if text.hasattr("read")? {
        let name = text.getattr("name").and_then(|name| name.extract::<String>());
        let file = PythonFile { file: text.clone().unbind(), left: Vec::new(), at: 0 };
        return Ok((name.unwrap_or_else(|_| "the file".into()).into(), Box::new(file)));
    }
    let path: PathBuf = text.extract()?;
    let cannot = |error| drystone::Error::io(format!("cannot open {path:?}"), error);
    let file = File::open(&path).map_err(cannot).or_raise(py)?;
    if path.extension().is_some_and(|ending| ending == "zst") {
        let file = zstd::Decoder::new(file).map_err(cannot).or_raise(py)?;
        return Ok((path, Box::new(BufReader::with_capacity(1 << 20, file))));
    }
    Ok((path, Box::new(BufReader::with_capacity(1 << 20, file))))
}

/// A file object of Python.
struct PythonFile {
    file: Py<PyAny>,
    left: Vec<u8>,
    at: usize,
}

impl Read for PythonFile {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.left.len() {
            let more = Python::attach(|py| {
                let given = self.file.bind(py).call_method1("read", (1 << 20,))?;
                match given.cast::<PyString>() {
                    Ok(text) => Ok(text.to_str()?.as_bytes().to_vec()),
                    Err(_) => given.extract::<Vec<u8>>(),
                }
            });
            self.left = more.map_err(|error: PyErr| std::io::Error::other(error.to_string()))?;
            self.at = 0;
        }
        let bytes = out.len().min(self.left.len() - self.at);
        out[..bytes].copy_from_slice(&self.left[self.at..self.at + bytes]);
        self.at += bytes;
        Ok(bytes)
    }
}

/// What the records of a CSV file would be: of each field its name, type, and whether it is
/// nullable.
#[pyfunction]
pub(crate) fn infer_csv(
    py: Python<'_>,
    text: &Bound<'_, PyAny>,
    options: CsvOptions,
    enums: bool,
) -> PyResult<Vec<(String, String, bool)>> {
    let (path, file) = open(text)?;
    let inferred =
        py.detach(|| options.options(&path).enums(enums).infer_on_threads(file, 0)).or_raise(py)?;
    let fields = inferred.schema().fields().iter();
    Ok(fields.map(|field| (field.name().to_owned(), field.ty().to_string(), field.is_nullable())).collect())
}
