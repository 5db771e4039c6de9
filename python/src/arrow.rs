//! Arrow streams in capsules, both ways.

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::ArrowError;
use arrow_schema::SchemaRef;
use drystone::arrow::{Batches, Options, Reader, record_batch, to_schema};
use drystone::{Dyn, OwnedTable, Result, Schema};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::error::OrRaise;
use crate::list::ListTable;
use crate::raw::stream_of_capsule;
use crate::still::Still;

/// A stream as Arrow's PyCapsule interface hands it on. Dropping it releases the stream.
fn capsule(py: Python<'_>, stream: FFI_ArrowArrayStream) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

/// The rows of a table, or some of them. `place` stands before the messages of errors.
pub(crate) fn of_still<'py>(
    py: Python<'py>,
    still: &Still,
    (begin, end): (u64, Option<u64>),
    place: Option<String>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = to_schema(&still.info().schema);
    let end = end.unwrap_or(u64::MAX).min(still.table.len());
    let batches = StillBatches { table: still.table.clone(), schema, next: begin, end, place };
    capsule(py, FFI_ArrowArrayStream::new(Box::new(batches)))
}

/// The rows of a snapshot, batch by batch. It holds the snapshot.
struct StillBatches {
    table: OwnedTable<Dyn>,
    schema: SchemaRef,
    next: u64,
    end: u64,
    place: Option<String>,
}

impl StillBatches {
    fn batch(&mut self) -> Result<RecordBatch> {
        let table = self.table.as_table();
        let end = self.end.min(self.next + BATCH_ROWS as u64);
        let mut records = Vec::with_capacity((end - self.next) as usize * table.schema().width());
        for rows in table.rows(self.next..end).slices() {
            records.extend_from_slice(rows?.as_bytes());
        }
        let batch = record_batch(table.schema(), &records)?;
        self.next = end;
        Ok(batch)
    }
}

impl Iterator for StillBatches {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let batch = self.batch().map_err(|error| match &self.place {
            Some(place) => error.within(place),
            None => error,
        });
        Some(batch.map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for StillBatches {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// Rows of a batch.
const BATCH_ROWS: usize = 1 << 16;

fn batches(schema: &Schema, records: &[u8]) -> Result<Vec<RecordBatch>> {
    records.chunks(BATCH_ROWS * schema.width()).map(|records| record_batch(schema, records)).collect()
}

/// The records of a list as a stream. They are copied: the list may change meanwhile.
#[pyfunction]
pub(crate) fn list_stream<'py>(list: &Bound<'py, ListTable>) -> PyResult<Bound<'py, PyCapsule>> {
    let py = list.py();
    let records = list.get().copied(py);
    let schema = list.get().layout().get().info.schema.clone();
    let batches = py.detach(|| batches(&schema, &records)).or_raise(py)?;
    let batches = batches.into_iter().map(Ok::<_, ArrowError>);
    let reader = RecordBatchIterator::new(batches, to_schema(&schema));
    capsule(py, FFI_ArrowArrayStream::new(Box::new(reader)))
}

/// A source of records from a capsule.
pub(crate) fn source(
    py: Python<'_>,
    capsule: &Bound<'_, PyCapsule>,
    schema: &Schema,
    (ignore_unknown, round): (bool, bool),
) -> PyResult<Reader> {
    let batches = Batches::from_c_stream(stream_of_capsule(capsule)?).or_raise(py)?;
    let options = Options::new().ignore_unknown(ignore_unknown).round(round);
    options.batch_reader(schema, batches).or_raise(py)
}

/// What the records of a stream would be: of each field its name, type, and whether it is nullable.
/// The stream is read to its end.
#[pyfunction]
pub(crate) fn infer_stream(
    py: Python<'_>,
    stream: &Bound<'_, PyCapsule>,
    enums: bool,
) -> PyResult<Vec<(String, String, bool)>> {
    let batches = Batches::from_c_stream(stream_of_capsule(stream)?).or_raise(py)?;
    let inferred = Options::new().enums(enums).infer_batches(batches).or_raise(py)?;
    let fields = inferred.schema().fields().iter();
    Ok(fields.map(|field| (field.name().to_owned(), field.ty().to_string(), field.is_nullable())).collect())
}
