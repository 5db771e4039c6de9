//! Record batches as input, and the records made from them.

use std::fmt;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::decode;
use super::messages::{FileMessages, StreamMessages};
use super::pieces::{Conversion, Obstacle, Piece};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::column_names::name_columns;
use crate::exchange::columns::match_columns;
use crate::exchange::common::Common;
use crate::load::RecordSource;
use crate::schema::Schema;

/// Record batches as input: from memory, from another library, or from any iterator of them.
/// [`Options::batch_reader`](super::Options::batch_reader) and
/// [`infer_batches`](super::Options::infer_batches) take them.
///
/// ```
/// use drystone::{RecordSource, RowBuf, Schema, arrow};
///
/// let schema: Schema = "id: u64 key, carrier: str[2]".parse()?;
/// let row = RowBuf::from_values(&schema, [7.into(), drystone::Value::from("UA")])?;
/// let batch = arrow::record_batch(&schema, row.as_bytes())?;
///
/// let options = arrow::Options::new();
/// assert_eq!(options.infer_batches(batch.clone())?.schema(), &schema);
/// let mut reader = options.batch_reader(&schema, batch)?;
/// let mut row = RowBuf::new(&schema);
/// assert!(reader.next_record(row.as_bytes_mut())?);
/// assert_eq!(row.to_string(), "id: 7, carrier: UA");
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Batches {
    pub(super) schema: SchemaRef,
    pub(super) batches: Box<dyn Iterator<Item = Result<RecordBatch, String>> + Send>,
    rows: Option<u64>,
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches")
            .field("schema", &self.schema)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl Batches {
    /// The batches of an iterator, with this schema.
    ///
    /// ```
    /// use drystone::{Schema, arrow};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// let batch = arrow::record_batch(&schema, &[7, 8])?;
    /// let batches = arrow::Batches::new(batch.schema(), [Ok(batch)].into_iter());
    /// assert_eq!(arrow::Options::new().infer_batches(batches)?.schema(), &schema);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn new<B>(schema: SchemaRef, batches: B) -> Batches
    where
        B: Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    {
        let batches = batches.map(|batch| batch.map_err(|error| error.to_string()));
        Batches { schema, batches: Box::new(batches), rows: None }
    }

    /// The batches of a reader.
    ///
    /// ```
    /// use drystone::{Schema, arrow};
    ///
    /// let schema: Schema = "x: u8, y: u8".parse()?;
    /// let batch = arrow::record_batch(&schema, &[7, 8])?;
    /// use drystone::arrow::arrow_array::RecordBatchIterator;
    ///
    /// let reader = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
    /// let batches = arrow::Batches::from_reader(Box::new(reader));
    /// assert_eq!(arrow::Options::new().infer_batches(batches)?.schema(), &schema);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn from_reader(reader: Box<dyn RecordBatchReader + Send>) -> Batches {
        Batches::new(reader.schema(), reader)
    }

    /// The batches of a C stream: from another library in the same process.
    ///
    /// ```
    /// use drystone::arrow::{Batches, TableBatches};
    /// use drystone::{Database, Schema};
    ///
    /// let schema: Schema = "x: i32".parse()?;
    /// let db = Database::in_memory()?;
    /// db.update(|tx| tx.create_dyn_table("points", &schema).map(drop))?;
    /// // In place of a stream that another library exports.
    /// let stream = TableBatches::new(db.read()?, "points")?.into_c_stream();
    /// assert_eq!(Batches::from_c_stream(stream)?.schema().field(0).name(), "x");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](ErrorKind::Input) if the stream was released before, or has no schema.
    pub fn from_c_stream(stream: FFI_ArrowArrayStream) -> Result<Batches> {
        let reader =
            RecordBatchStreamReader::try_new(stream).map_err(|error| unread("the C stream", &error))?;
        Ok(Batches::from_reader(Box::new(reader)))
    }

    /// An Arrow file, or a stream if it begins as one.
    pub(super) fn file<R: Read + Seek + Send + 'static>(name: &str, mut input: R) -> Result<Batches> {
        let begins = begins_as_stream(&mut input);
        if begins.map_err(|error| Error::io(format_args!("cannot read {name}"), error))? {
            return Batches::stream(name, input);
        }
        let reader = guarded(|| FileMessages::new(input));
        let reader =
            reader.map_err(|error| unread(name, &format!("it is not a valid Arrow file: {error}")))?;
        Ok(Batches::guarding(reader.schema(), reader))
    }

    /// An Arrow stream.
    pub(super) fn stream<R: Read + Send + 'static>(name: &str, input: R) -> Result<Batches> {
        let reader = guarded(|| StreamMessages::new(BufReader::new(input)));
        let reader =
            reader.map_err(|error| unread(name, &format!("it is not a valid Arrow stream: {error}")))?;
        Ok(Batches::guarding(reader.schema(), reader))
    }

    /// Batches that are decoded from bytes of another program.
    fn guarding<B>(schema: SchemaRef, mut batches: B) -> Batches
    where
        B: Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    {
        let batches = guarded_all(move || batches.next().transpose());
        Batches { schema, batches: Box::new(batches), rows: None }
    }

    /// Batches that were decoded already, and how many rows they have.
    #[cfg(feature = "parquet")]
    pub(in crate::exchange) fn decoded(
        schema: SchemaRef,
        rows: Option<u64>,
        batches: Box<dyn Iterator<Item = Result<RecordBatch, String>> + Send>,
    ) -> Batches {
        Batches { schema, batches, rows }
    }

    /// The Arrow schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// Whether an input begins like a stream, not like a file. Its position stays.
fn begins_as_stream<R: Read + Seek>(input: &mut R) -> io::Result<bool> {
    let start = input.stream_position()?;
    let mut head = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut head)?;
    input.seek(SeekFrom::Start(start))?;
    Ok(head == [0xFF; 4])
}

/// Reads Arrow or Parquet as a source of records; from `reader` of their `Options`. Places are
/// rows, counted from 1.
pub struct Reader {
    name: Box<str>,
    notes: Vec<String>,
    schema: Schema,
    /// What is to come; `None` after an error.
    pieces: Option<Box<dyn Iterator<Item = Piece> + Send>>,
    /// How many rows there are, if that is known.
    rows: Option<u64>,
    /// The records of the present piece, how many of their bytes were taken, and what is wrong
    /// behind them.
    records: Vec<u8>,
    taken: usize,
    problem: Option<Obstacle>,
    /// The row of the record taken last.
    place: u64,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arrow::Reader({:?}, {})", self.name, self.schema)
    }
}

/// The columns of an Arrow schema, matched to fields.
pub(in crate::exchange) struct Matched {
    /// For each column, the position of its field, unless the column is ignored.
    pub(in crate::exchange) fields: Box<[Option<u16>]>,
    pub(in crate::exchange) notes: Vec<String>,
}

impl Matched {
    pub(in crate::exchange) fn new(common: &Common, schema: &Schema, arrow: &SchemaRef) -> Result<Matched> {
        let name = &common.name;
        let given: Vec<&str> = arrow.fields().iter().map(|field| field.name().as_str()).collect();
        let named = name_columns(name, &given, &common.renames)?;
        let names = named.as_strs();
        let fields = match_columns(name, "its schema", common.ignore_unknown, schema, &names)?;
        for (at, _) in fields.iter().enumerate().filter(|(_, field)| field.is_some()) {
            let column = arrow.field(at);
            decode::check(column.data_type())
                .map_err(|error| error.within(format_args!("{name}, column {:?}", column.name())))?;
        }
        Ok(Matched { fields, notes: named.notes })
    }

    /// How the batches become records.
    pub(in crate::exchange) fn conversion(&self, common: &Common, schema: &Schema) -> Conversion {
        Conversion { schema: schema.clone(), rules: common.rules.clone(), fields: self.fields.clone() }
    }
}

impl Reader {
    pub(super) fn new(common: &Common, schema: &Schema, batches: Batches) -> Result<Reader> {
        let matched = Matched::new(common, schema, &batches.schema)?;
        let conversion = Arc::new(matched.conversion(common, schema));
        let pieces = batches.batches.flat_map(move |batch| conversion.pieces(batch));
        Ok(Reader::of_pieces(common, schema, matched.notes, batches.rows, Box::new(pieces)))
    }

    /// A reader of what was converted already.
    pub(in crate::exchange) fn of_pieces(
        common: &Common,
        schema: &Schema,
        notes: Vec<String>,
        rows: Option<u64>,
        pieces: Box<dyn Iterator<Item = Piece> + Send>,
    ) -> Reader {
        Reader {
            name: common.name.clone(),
            notes,
            schema: schema.clone(),
            pieces: Some(pieces),
            rows,
            records: Vec::new(),
            taken: 0,
            problem: None,
            place: 0,
        }
    }

    /// What a person should know about how the input is read: names that were made.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Waits for the next piece. Returns `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        if let Some(problem) = self.problem.take() {
            self.pieces = None;
            return Err(match problem {
                Obstacle::Row(error) => {
                    let place = self.describe(self.place + 1);
                    Error::new(ErrorKind::Input, format!("{place}: {error}"))
                }
                Obstacle::Batch(error) => unread(&self.name, &format!("after row {}: {error}", self.place)),
            });
        }
        let Some(piece) = self.pieces.as_mut().and_then(Iterator::next) else { return Ok(false) };
        Piece { records: self.records, problem: self.problem } = piece;
        self.taken = 0;
        Ok(true)
    }
}

impl RecordSource for Reader {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        self.next_records(record, record.len()).map(|records| records > 0)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        self.schema.check_width(width)?;
        while self.taken == self.records.len() {
            if !self.advance()? {
                return Ok(0);
            }
        }
        let left = &self.records[self.taken..];
        let rows = left.len().min(records.len()) / width;
        records[..rows * width].copy_from_slice(&left[..rows * width]);
        self.taken += rows * width;
        self.place += rows as u64;
        Ok(rows)
    }

    fn place(&self) -> u64 {
        self.place
    }

    fn describe(&self, place: u64) -> String {
        format!("row {place} of {}", self.name)
    }

    fn rows_hint(&self) -> Option<u64> {
        self.rows.map(|rows| rows.saturating_sub(self.place))
    }
}

/// Runs a decoder of another library over untrusted bytes. Those decoders check much, but trust
/// some of it and then panic. Such a panic means that the file is damaged, so it becomes an error.
pub(in crate::exchange) fn guarded<T, E: std::fmt::Display>(
    decode: impl FnOnce() -> Result<T, E>,
) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(_) => Err("its structure does not hold".into()),
    }
}

/// Runs such a decoder for one part after the other, up to the end or an error.
pub(in crate::exchange) fn guarded_all<T, E: std::fmt::Display>(
    mut next: impl FnMut() -> Result<Option<T>, E>,
) -> impl Iterator<Item = Result<T, String>> {
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let part = guarded(&mut next);
        ended = !matches!(part, Ok(Some(_)));
        part.transpose()
    })
}

#[cold]
pub(in crate::exchange) fn unread(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Input, format!("{name}: {error}"))
}

/// One batch in memory, as [`Batches`].
impl From<RecordBatch> for Batches {
    fn from(batch: RecordBatch) -> Batches {
        let (schema, rows) = (batch.schema(), batch.num_rows() as u64);
        let mut batches = Batches::new(Arc::clone(&schema), std::iter::once(Ok(batch)));
        batches.rows = Some(rows);
        batches
    }
}
