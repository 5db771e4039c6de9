//! A table as a stream of record batches that owns its snapshot, also as a C stream.

use std::fmt;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::encode::{BatchEncoder, batch_rows};
use crate::error::Result;
use crate::table::Dyn;
use crate::transaction::ReadTransaction;

/// The rows of a table as record batches, in the order of their key or number. It keeps its
/// snapshot while it lives.
///
/// ```
/// use drystone::arrow::{Batches, TableBatches};
/// use drystone::{Database, RowBuf, Schema};
///
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let schema: Schema = "x: i32".parse()?;
/// write.create_dyn_table("points", &schema)?.push(&RowBuf::from_values(&schema, [7])?)?;
/// write.commit()?;
///
/// // To another library in this process, which need not know of Rust.
/// let stream = TableBatches::new(db.read()?, "points")?.into_c_stream();
/// let batches = Batches::from_c_stream(stream)?;
/// assert_eq!(drystone::arrow::Options::new().infer_batches(batches)?.schema(), &schema);
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct TableBatches {
    read: ReadTransaction,
    table: Box<str>,
    encoder: BatchEncoder,
    /// How many rows a batch has, but for the last one.
    batch_rows: u64,
    next: u64,
    end: u64,
}

impl fmt::Debug for TableBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableBatches({:?}, {} of {} rows given)", self.table, self.next, self.end)
    }
}

impl TableBatches {
    /// All rows of a table.
    ///
    /// ```
    /// use drystone::arrow::TableBatches;
    /// # use drystone::{Database, RowBuf, Schema};
    /// # let schema: Schema = "x: i32".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let row = RowBuf::from_values(&schema, [7])?;
    /// # db.update(|tx| tx.create_dyn_table("points", &schema)?.push(&row))?;
    ///
    /// let mut batches = TableBatches::new(db.read()?, "points")?;
    /// assert_eq!(batches.next().unwrap().unwrap().num_rows(), 1);
    /// assert!(batches.next().is_none());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TableNotFound`](crate::ErrorKind::TableNotFound) if there is no such table.
    pub fn new(read: ReadTransaction, table: &str) -> Result<TableBatches> {
        let (encoder, batch_rows, end) = {
            let opened = read.table::<Dyn>(table)?;
            (BatchEncoder::new(opened.schema()), batch_rows(opened.schema()) as u64, opened.len())
        };
        Ok(TableBatches { read, table: table.into(), encoder, batch_rows, next: 0, end })
    }

    /// The same as a stream of the Arrow C stream interface, for a consumer in any language.
    ///
    /// ```
    /// use drystone::arrow::TableBatches;
    /// # use drystone::{Database, RowBuf, Schema};
    /// # let schema: Schema = "x: i32".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let row = RowBuf::from_values(&schema, [7])?;
    /// # db.update(|tx| tx.create_dyn_table("points", &schema)?.push(&row))?;
    ///
    /// let stream = TableBatches::new(db.read()?, "points")?.into_c_stream();
    /// let batches = drystone::arrow::Batches::from_c_stream(stream)?;
    /// assert_eq!(batches.schema().field(0).name(), "x");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn into_c_stream(self) -> FFI_ArrowArrayStream {
        FFI_ArrowArrayStream::new(Box::new(self))
    }

    fn batch(&mut self) -> Result<RecordBatch> {
        let end = self.end.min(self.next + self.batch_rows);
        let table = self.read.table::<Dyn>(&self.table)?;
        let mut records = Vec::new();
        for rows in table.rows(self.next..end).slices() {
            records.extend_from_slice(rows?.as_bytes());
        }
        self.next = end;
        self.encoder.batch(&records)
    }
}

impl Iterator for TableBatches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        Some(self.batch().map_err(|error| {
            self.next = self.end;
            ArrowError::ExternalError(Box::new(error))
        }))
    }
}

impl RecordBatchReader for TableBatches {
    fn schema(&self) -> SchemaRef {
        self.encoder.schema().clone()
    }
}
