//! Inserting: the rows of a plan go into a table in one transaction.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use drystone::arrow::arrow_schema::ArrowError as OurError;
use drystone::arrow::{Batches, Options};
use drystone::{Database, Dyn, LoadOptions, RecordSource, RowBuf, Schema, WriteTransaction};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::arrow_versions::{from_engine, from_engine_schema};
use crate::error::external;

/// How long an insert waits for another writer, at most.
pub(crate) const WAIT: Duration = Duration::from_secs(60);

/// How many batches wait to be written.
const QUEUE: usize = 4;

/// At most this many rows are inserted into a table that has others; more are loaded.
const FEW_ROWS: usize = 1 << 16;

/// The plan of an insert.
pub(crate) fn plan(
    database: &Arc<Database>,
    table: &Arc<str>,
    schema: &Schema,
    arrow: &SchemaRef,
    input: Arc<dyn ExecutionPlan>,
    op: InsertOp,
) -> Result<Arc<dyn ExecutionPlan>> {
    if op != InsertOp::Append {
        return Err(DataFusionError::NotImplemented(format!(
            "{op} into table {table:?}: rows can be added by INSERT INTO alone"
        )));
    }
    let sink = Sink {
        database: Arc::clone(database),
        table: Arc::clone(table),
        schema: schema.clone(),
        arrow: Arc::clone(arrow),
    };
    Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
}

/// A table that rows are written to.
#[derive(Clone)]
struct Sink {
    database: Arc<Database>,
    table: Arc<str>,
    schema: Schema,
    arrow: SchemaRef,
}

/// What goes through the channel to the thread that writes.
enum Message {
    Batch(RecordBatch),
    /// All rows came. A channel that closes without it belongs to a query that failed or was
    /// cancelled.
    End,
}

impl Sink {
    /// Writes the batches of a channel in one transaction, and commits it if all came.
    fn write(&self, batches: mpsc::Receiver<Message>) -> Result<u64> {
        let transaction = self.database.try_write_for(WAIT).map_err(external)?;
        let rows = self.load(&transaction, batches).map_err(external)?;
        transaction.commit().map_err(external)?;
        Ok(rows)
    }

    fn load(
        &self,
        transaction: &WriteTransaction,
        mut batches: mpsc::Receiver<Message>,
    ) -> drystone::Result<u64> {
        let mut table = transaction.table::<Dyn>(&self.table)?;
        let ours = std::iter::from_fn(move || match batches.blocking_recv() {
            Some(Message::Batch(batch)) => {
                Some(from_engine(&batch).map_err(|error| OurError::CDataInterface(error.to_string())))
            }
            Some(Message::End) => None,
            None => Some(Err(OurError::ExternalError("the statement was cancelled".into()))),
        });
        let batches = Batches::new(from_engine_schema(&self.arrow).map_err(unusable)?, ours.fuse());
        let name = format!("the rows for table {:?}", self.table);
        let mut reader = Options::new().name(name).batch_reader(&self.schema, batches)?;
        let first = First::read(&mut reader, self.schema.width())?;
        if first.is_all && !table.is_empty() && self.schema.is_keyed() {
            // A load would write the rows of the table again.
            let rows = first.records.chunks_exact(self.schema.width()).map(|record| {
                let mut row = RowBuf::new(&self.schema);
                row.as_bytes_mut().copy_from_slice(record);
                row
            });
            return table.insert_many(rows);
        }
        let mut source = Chained { first, rest: reader, width: self.schema.width(), taken: 0 };
        let before = table.len();
        table.load_from(&mut source, &LoadOptions::new())?;
        Ok(table.len() - before)
    }
}

fn unusable(error: ArrowError) -> drystone::Error {
    drystone::Error::new(drystone::ErrorKind::Input, format!("the rows cannot be taken over: {error}"))
}

/// The first records of a source.
struct First {
    records: Vec<u8>,
    /// Whether the source has no others.
    is_all: bool,
}

impl First {
    fn read(source: &mut impl RecordSource, width: usize) -> drystone::Result<First> {
        let mut records = vec![0; FEW_ROWS * width];
        let mut rows = 0;
        for record in records.chunks_exact_mut(width) {
            if !source.next_record(record)? {
                break;
            }
            rows += 1;
        }
        records.truncate(rows * width);
        Ok(First { records, is_all: rows < FEW_ROWS })
    }
}

/// The first records of a source, then the others.
struct Chained<S> {
    first: First,
    rest: S,
    width: usize,
    /// How many records were given on.
    taken: u64,
}

impl<S: RecordSource> RecordSource for Chained<S> {
    fn next_record(&mut self, record: &mut [u8]) -> drystone::Result<bool> {
        let at = self.taken as usize * self.width;
        let is_there = match self.first.records.get(at..at + self.width) {
            Some(next) => {
                record.copy_from_slice(next);
                true
            }
            None => !self.first.is_all && self.rest.next_record(record)?,
        };
        self.taken += u64::from(is_there);
        Ok(is_there)
    }

    fn place(&self) -> u64 {
        self.taken
    }
}

#[async_trait]
impl DataSink for Sink {
    fn schema(&self) -> &SchemaRef {
        &self.arrow
    }

    async fn write_all(
        &self,
        mut data: SendableRecordBatchStream,
        _context: &Arc<TaskContext>,
    ) -> Result<u64> {
        let (sender, batches) = mpsc::channel(QUEUE);
        let sink = self.clone();
        let written = tokio::task::spawn_blocking(move || sink.write(batches));
        let mut failed = None;
        while let Some(batch) = data.next().await {
            match batch {
                Ok(batch) => {
                    if sender.send(Message::Batch(batch)).await.is_err() {
                        // The writer has failed, and says why below.
                        break;
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        match failed {
            None => drop(sender.send(Message::End).await),
            Some(_) => drop(sender),
        }
        let written = written.await.map_err(|error| DataFusionError::External(Box::new(error)))?;
        failed.map_or(written, Err)
    }
}

impl DisplayAs for Sink {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "drystone table={:?}", self.table)
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sink({:?})", self.table)
    }
}
