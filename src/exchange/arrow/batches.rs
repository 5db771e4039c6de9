//! Record batches on their way in, wherever they come from, and the records made of them.

use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::decode;
use super::infer::infer;
use super::messages::{FileMessages, StreamMessages};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Inferred;
use crate::exchange::columns::match_columns;
use crate::load::RecordSource;
use crate::schema::Schema;

/// So many rows of a batch are made into records at a time.
const PIECE_ROWS: usize = 16_384;

/// Record batches on their way in: from an Arrow file or stream, from Parquet, from another library, from memory.
///
/// ```
/// use drystone::arrow::{self, Batches, Layout};
/// use drystone::{RecordSource, RowBuf, Schema};
///
/// let schema: Schema = "id: u64 key, carrier: str[2]".parse()?;
/// let mut writer = arrow::Writer::new(&schema, Layout::Stream, Vec::new())?;
/// writer.write(RowBuf::from_values(&schema, [7.into(), drystone::Value::from("UA")])?.as_row())?;
/// let written = writer.finish()?;
///
/// let batches = Batches::stream("flights.arrows", std::io::Cursor::new(written.clone()))?;
/// assert_eq!(batches.infer()?.schema(), &schema);
/// let mut records = Batches::stream("flights.arrows", std::io::Cursor::new(written))?.records(&schema)?;
/// let mut row = RowBuf::new(&schema);
/// assert!(records.next_record(row.as_bytes_mut())?);
/// assert_eq!(row.to_string(), "id: 7, carrier: UA");
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Batches {
    name: Box<str>,
    schema: SchemaRef,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, String>> + Send>,
    rows: Option<u64>,
    ignore_unknown: bool,
    enums: bool,
}

impl Batches {
    /// Batches of this schema. `name` is what messages call them: the name of a file, for instance.
    pub fn new<B>(name: &str, schema: SchemaRef, batches: B) -> Batches
    where
        B: Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    {
        let batches = batches.map(|batch| batch.map_err(|error| error.to_string()));
        Batches {
            name: name.into(),
            schema,
            batches: Box::new(batches),
            rows: None,
            ignore_unknown: false,
            enums: false,
        }
    }

    /// What a reader of batches gives.
    pub fn from_reader(name: &str, reader: Box<dyn RecordBatchReader + Send>) -> Batches {
        Batches::new(name, reader.schema(), reader)
    }

    /// What comes through the C stream interface: from another library in the same process.
    ///
    /// # Errors
    /// [`Input`](ErrorKind::Input) when the stream was given away before, or has no schema.
    pub fn from_c_stream(name: &str, stream: FFI_ArrowArrayStream) -> Result<Batches> {
        let reader = RecordBatchStreamReader::try_new(stream).map_err(|error| unread(name, &error))?;
        Ok(Batches::from_reader(name, Box::new(reader)))
    }

    /// An Arrow file, which is also called Feather, version 2. Its batches may be compressed.
    ///
    /// # Errors
    /// [`Input`](ErrorKind::Input) when it is none, or cut off.
    pub fn file<R: Read + Seek + Send + 'static>(name: &str, input: R) -> Result<Batches> {
        let reader = guarded(|| FileMessages::new(input));
        let reader = reader.map_err(|error| unread(name, &format!("it is no sound Arrow file: {error}")))?;
        Ok(Batches::guarding(name, reader.schema(), None, reader))
    }

    /// An Arrow stream: what goes through pipes and sockets.
    ///
    /// # Errors
    /// As for [`file`](Batches::file).
    pub fn stream<R: Read + Send + 'static>(name: &str, input: R) -> Result<Batches> {
        let reader = guarded(|| StreamMessages::new(BufReader::new(input)));
        let reader =
            reader.map_err(|error| unread(name, &format!("it is no sound Arrow stream: {error}")))?;
        Ok(Batches::guarding(name, reader.schema(), None, reader))
    }

    /// Batches that are made of bytes that somebody else wrote.
    pub(in crate::exchange) fn guarding<B>(
        name: &str,
        schema: SchemaRef,
        rows: Option<u64>,
        mut batches: B,
    ) -> Batches
    where
        B: Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    {
        let mut ended = false;
        let batches = std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let next = guarded(|| batches.next().transpose());
            ended = !matches!(next, Ok(Some(_)));
            next.transpose()
        });
        Batches {
            name: name.into(),
            schema,
            batches: Box::new(batches),
            rows,
            ignore_unknown: false,
            enums: false,
        }
    }

    /// Whether columns that the schema has no field for are passed over. Otherwise they are an error.
    #[must_use]
    pub fn ignore_unknown(mut self, ignore: bool) -> Batches {
        self.ignore_unknown = ignore;
        self
    }

    /// Whether [`infer`](Batches::infer) picks an enumeration for a column of few texts: at most
    /// 256 different ones (255 where values are missing), of which each stands in four rows on
    /// average. Its names are sorted, so that its values compare as the texts.
    #[must_use]
    pub fn enums(mut self, enums: bool) -> Batches {
        self.enums = enums;
        self
    }

    /// The schema as Arrow has it.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The schema of records that hold everything. The batches are read for it, all of them, unless their schema says enough.
    ///
    /// - What Drystone wrote is what it was, key and all: its fields stand in the metadata.
    /// - Numbers, truth values, dates, fixed-size binary and lists get the type of the same name; a half float is an `f32`,
    ///   timestamps of any unit are `timestamp`.
    /// - Texts get the width of the longest one. Binary and lists have one length, or there is no field for them.
    /// - Where values are missing, the field may be null. Whole numbers that would be taken for null are then given the next
    ///   wider type.
    ///
    /// # Errors
    /// [`Input`](ErrorKind::Input) when a column is of a type that no field holds, and when the batches cannot be read.
    pub fn infer(self) -> Result<Inferred> {
        infer(&self.name, &self.schema, self.enums, self.batches)
    }

    /// The records of this schema, whose fields are matched to the columns by name. A field that no column gives takes its
    /// default, or null.
    ///
    /// # Errors
    /// [`Input`](ErrorKind::Input) when there is a column that the schema has not, or one of a type that no field holds, and when
    /// there is none for a field that has neither default nor null.
    pub fn records(self, schema: &Schema) -> Result<Records> {
        let names: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let fields = match_columns(&self.name, "its schema", self.ignore_unknown, schema, &names)?;
        for (at, _) in fields.iter().enumerate().filter(|(_, field)| field.is_some()) {
            let column = self.schema.field(at);
            decode::check(column.data_type())
                .map_err(|error| error.within(format_args!("{}, column {:?}", self.name, column.name())))?;
        }
        Ok(Records {
            schema: schema.clone(),
            fields,
            records: Vec::new(),
            taken: 0,
            piece: None,
            row: 0,
            place: 0,
            batches: self,
        })
    }
}

/// The records of [`Batches`], from [`Batches::records`]. Places are rows, counted from 1.
///
/// A value that cannot be stored in its field exactly is an error that names the row and the column; nothing is rounded, except
/// `float64` into an `f32` that was asked for.
pub struct Records {
    batches: Batches,
    schema: Schema,
    /// For each column, the position of its field, unless the column is ignored.
    fields: Box<[Option<u16>]>,
    /// Records that were made of a piece of a batch, and how many bytes of them were taken.
    records: Vec<u8>,
    taken: usize,
    /// The batch, and how many of its rows were made into records.
    piece: Option<(RecordBatch, usize)>,
    /// How many rows were made into records.
    row: u64,
    place: u64,
}

impl Records {
    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Makes records of the next piece; false at the end.
    fn advance(&mut self) -> Result<bool> {
        loop {
            if let Some((batch, done)) = &mut self.piece
                && *done < batch.num_rows()
            {
                let rows = PIECE_ROWS.min(batch.num_rows() - *done);
                let piece = batch.slice(*done, rows);
                *done += rows;
                return self.fill(&piece).map(|()| true);
            }
            self.piece = None;
            let Some(batch) = self.batches.batches.next() else { return Ok(false) };
            let batch = batch
                .map_err(|error| unread(&self.batches.name, &format!("after row {}: {error}", self.row)))?;
            if batch.num_columns() != self.fields.len() {
                let columns = batch.num_columns();
                return Err(unread(
                    &self.batches.name,
                    &format!("after row {}: a batch of {columns} columns", self.row),
                ));
            }
            self.piece = Some((batch, 0));
        }
    }

    fn fill(&mut self, piece: &RecordBatch) -> Result<()> {
        self.records.clear();
        self.taken = 0;
        for _ in 0..piece.num_rows() {
            self.records.extend_from_slice(self.schema.default_bytes());
        }
        for (column, field) in piece.columns().iter().zip(&self.fields) {
            let Some(at) = field else { continue };
            let field = &self.schema.fields()[usize::from(*at)];
            let done = decode::column(column, field, &mut self.records, self.schema.width());
            if let Err((row, error)) = done {
                self.records.clear();
                let place = self.describe(self.row + row as u64 + 1);
                return Err(Error::new(ErrorKind::Input, format!("{place}: {error}")));
            }
        }
        self.row += piece.num_rows() as u64;
        Ok(())
    }
}

impl RecordSource for Records {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.schema.check_width(record.len())?;
        if self.taken == self.records.len() && !self.advance()? {
            return Ok(false);
        }
        let end = self.taken + record.len();
        record.copy_from_slice(&self.records[self.taken..end]);
        self.taken = end;
        self.place += 1;
        Ok(true)
    }

    fn place(&self) -> u64 {
        self.place
    }

    fn describe(&self, place: u64) -> String {
        format!("row {place} of {}", self.batches.name)
    }

    fn rows_hint(&self) -> Option<u64> {
        self.batches.rows.map(|rows| rows.saturating_sub(self.place))
    }
}

/// Runs a decoder of somebody else over bytes that anybody may have made. Those decoders check a lot and still take some
/// of it on trust; where they panic, it is the file that is to blame, and that is an error here like any other.
pub(in crate::exchange) fn guarded<T, E: std::fmt::Display>(
    decode: impl FnOnce() -> Result<T, E>,
) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(_) => Err("its structure does not hold".into()),
    }
}

#[cold]
pub(in crate::exchange) fn unread(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Input, format!("{name}: {error}"))
}

/// One batch in memory, as [`Batches`].
impl From<RecordBatch> for Batches {
    fn from(batch: RecordBatch) -> Batches {
        let (schema, rows) = (batch.schema(), batch.num_rows() as u64);
        let mut batches = Batches::new("the record batch", Arc::clone(&schema), std::iter::once(Ok(batch)));
        batches.rows = Some(rows);
        batches
    }
}
