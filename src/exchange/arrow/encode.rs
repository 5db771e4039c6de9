//! Encodes packed records as record batches: one loop for each column, over fields that are one row
//! apart. The writer and `TableBatches` use it.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, FixedSizeBinaryArray, FixedSizeListArray, PrimitiveArray,
    RecordBatch, RecordBatchOptions, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use bytemuck::{AnyBitPattern, pod_read_unaligned};

use super::schema::{element, to_schema, with_text_views};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::check_whole;
use crate::schema::text::{decode_bool, decode_name, decode_ordinal, decode_str};
use crate::schema::{EnumNames, FieldDef, Number, Schema, Type};

/// The limits of a batch: rows, and bytes of records.
const BATCH_ROWS: usize = 65_536;
const BATCH_BYTES: usize = 16 << 20;

/// How many rows of this schema are put into a batch.
pub(super) fn batch_rows(schema: &Schema) -> usize {
    (BATCH_BYTES / schema.width()).clamp(1, BATCH_ROWS)
}

/// Packed records as a record batch. O(bytes).
///
/// ```
/// use drystone::{RowBuf, Schema, Value, arrow};
///
/// let schema: Schema = "id: u64, delay: i16?".parse()?;
/// let row = RowBuf::from_values(&schema, [Value::from(7), Value::Null])?;
/// let batch = arrow::record_batch(&schema, row.as_bytes())?;
/// assert_eq!((batch.num_rows(), batch.column(1).null_count()), (1, 1));
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// # Errors
/// [`Value`](ErrorKind::Value) if the last record is not complete; [`Corrupt`](ErrorKind::Corrupt)
/// if bytes are not valid values of their fields: text that is not UTF-8, a `bool` that is neither
/// 0 nor 1, a value of an enumeration without a name.
pub fn record_batch(schema: &Schema, records: &[u8]) -> Result<RecordBatch> {
    BatchEncoder::new(schema).batch(records)
}

/// Makes record batches of packed records of one schema, whose Arrow schema is made once.
///
/// ```
/// use drystone::arrow::{BatchEncoder, arrow_schema::DataType};
/// use drystone::{RowBuf, Schema, Value};
///
/// let schema: Schema = "carrier: str[2]".parse()?;
/// let encoder = BatchEncoder::new(&schema).text_views(true);
/// assert_eq!(encoder.schema().field(0).data_type(), &DataType::Utf8View);
/// let row = RowBuf::from_values(&schema, [Value::from("UA")])?;
/// assert_eq!(encoder.batch(row.as_bytes())?.num_rows(), 1);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct BatchEncoder {
    schema: Schema,
    arrow: SchemaRef,
}

impl BatchEncoder {
    /// Batches with the columns of [`to_schema`].
    pub fn new(schema: &Schema) -> BatchEncoder {
        BatchEncoder { schema: schema.clone(), arrow: to_schema(schema) }
    }

    /// Whether texts become views (`Utf8View`), which query engines compare and group faster, and
    /// not texts with offsets (`Utf8`), which every program can read. The default is `false`.
    /// Enumerations are dictionaries of texts with offsets in any case.
    pub fn text_views(mut self, views: bool) -> BatchEncoder {
        self.arrow = if views { with_text_views(&self.arrow) } else { to_schema(&self.schema) };
        self
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.arrow
    }

    /// Packed records as a record batch. O(bytes).
    ///
    /// # Errors
    /// As for [`record_batch`].
    pub fn batch(&self, records: &[u8]) -> Result<RecordBatch> {
        let width = self.schema.width();
        check_whole(&self.schema, records)?;
        let columns = self.schema.fields().iter().zip(self.arrow.fields()).map(|(field, column)| {
            let field = PackedField { field, records, width };
            if *column.data_type() == DataType::Utf8View { field.text_views() } else { field.array() }
        });
        let columns = columns.collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(records.len() / width));
        RecordBatch::try_new_with_options(Arc::clone(&self.arrow), columns, &options).map_err(unmade)
    }
}

/// One field of packed records. O(bytes).
#[cfg(feature = "parquet")]
pub(in crate::exchange) fn column(schema: &Schema, at: usize, records: &[u8]) -> Result<ArrayRef> {
    PackedField { field: &schema.fields()[at], records, width: schema.width() }.array()
}

/// Records that are gathered until they make a batch.
pub(in crate::exchange) struct Gathered {
    encoder: BatchEncoder,
    records: Vec<u8>,
    /// The bytes of records in a full batch.
    full: usize,
}

impl Gathered {
    pub(in crate::exchange) fn new(schema: &Schema) -> Gathered {
        let full = batch_rows(schema) * schema.width();
        Gathered { encoder: BatchEncoder::new(schema), records: Vec::new(), full }
    }

    pub(in crate::exchange) fn schema(&self) -> &Schema {
        &self.encoder.schema
    }

    pub(in crate::exchange) fn arrow(&self) -> &SchemaRef {
        self.encoder.schema()
    }

    /// Adds records, and passes on the batches that they fill.
    pub(in crate::exchange) fn add(
        &mut self,
        mut records: &[u8],
        mut full: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        check_whole(self.schema(), records)?;
        while !records.is_empty() {
            let (now, later) = records.split_at(records.len().min(self.full - self.records.len()));
            self.records.extend_from_slice(now);
            records = later;
            if self.records.len() == self.full {
                full(&self.take()?)?;
            }
        }
        Ok(())
    }

    /// The records since the last batch, if there are any.
    pub(in crate::exchange) fn rest(&mut self) -> Result<Option<RecordBatch>> {
        if self.records.is_empty() { Ok(None) } else { self.take().map(Some) }
    }

    fn take(&mut self) -> Result<RecordBatch> {
        let batch = self.encoder.batch(&self.records)?;
        self.records.clear();
        Ok(batch)
    }
}

/// One field of many records.
#[derive(Clone, Copy)]
struct PackedField<'r> {
    field: &'r FieldDef,
    records: &'r [u8],
    width: usize,
}

impl<'r> PackedField<'r> {
    fn array(self) -> Result<ArrayRef> {
        match self.field.ty() {
            Type::Bool => self.bools(),
            Type::Str(_) => self.texts(),
            Type::Bytes(_) | Type::Uuid | Type::U128 | Type::I128 => self.binary(),
            Type::Date => Ok(self.primitive::<Date32Type>()),
            Type::Timestamp => {
                let array = PrimitiveArray::<TimestampMicrosecondType>::new(self.numbers(), self.nulls());
                Ok(Arc::new(array.with_timezone("UTC")))
            }
            Type::U8 => Ok(self.primitive::<UInt8Type>()),
            Type::U16 => Ok(self.primitive::<UInt16Type>()),
            Type::U32 => Ok(self.primitive::<UInt32Type>()),
            Type::U64 => Ok(self.primitive::<UInt64Type>()),
            Type::I8 => Ok(self.primitive::<Int8Type>()),
            Type::I16 => Ok(self.primitive::<Int16Type>()),
            Type::I32 => Ok(self.primitive::<Int32Type>()),
            Type::I64 => Ok(self.primitive::<Int64Type>()),
            Type::F32 => Ok(self.primitive::<Float32Type>()),
            Type::F64 => Ok(self.primitive::<Float64Type>()),
            Type::Array(number, length) => self.list(*number, *length),
            Type::Enum(names) => self.dictionary(names),
        }
    }

    /// The stored bytes of the field, row by row.
    fn stored(self) -> impl ExactSizeIterator<Item = &'r [u8]> {
        let (start, end) = (self.field.offset(), self.field.offset() + self.field.width());
        self.records.chunks_exact(self.width).map(move |record| &record[start..end])
    }

    fn rows(self) -> usize {
        self.records.len() / self.width
    }

    fn nulls(self) -> Option<NullBuffer> {
        if !self.field.is_nullable() {
            return None;
        }
        let valid: BooleanBuffer = self.stored().map(|stored| !self.field.is_null(stored)).collect();
        Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0)
    }

    /// The values of a type of this width, including those that mean null.
    fn numbers<T: AnyBitPattern + arrow_buffer::ArrowNativeType>(self) -> ScalarBuffer<T> {
        self.stored().map(|stored| pod_read_unaligned::<T>(stored)).collect()
    }

    fn primitive<T: ArrowPrimitiveType<Native: AnyBitPattern>>(self) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::new(self.numbers(), self.nulls()))
    }

    fn bools(self) -> Result<ArrayRef> {
        let nulls = self.nulls();
        for (row, stored) in self.stored().enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                decode_bool(stored).map_err(|reason| self.field.invalid(reason))?;
            }
        }
        let values: BooleanBuffer = self.stored().map(|stored| stored == [1]).collect();
        Ok(Arc::new(BooleanArray::new(values, nulls)))
    }

    fn texts(self) -> Result<ArrayRef> {
        let nulls = self.nulls();
        // A batch is small, so 32 bits hold the offsets of its text; but `record_batch` may be
        // given more.
        let mut ends: Vec<i32> = Vec::with_capacity(self.rows() + 1);
        let mut text = Vec::new();
        ends.push(0);
        for (row, stored) in self.stored().enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                let value = decode_str(stored).map_err(|reason| self.field.invalid(reason))?;
                text.extend_from_slice(value.as_bytes());
            }
            let Ok(end) = i32::try_from(text.len()) else {
                let message = format!(
                    "field {:?}: more than 2 GiB of text in a record batch; make it of fewer records",
                    self.field.name()
                );
                return Err(Error::new(ErrorKind::Limit, message));
            };
            ends.push(end);
        }
        let ends = OffsetBuffer::new(ends.into());
        StringArray::try_new(ends, Buffer::from_vec(text), nulls)
            .map(|array| Arc::new(array) as _)
            .map_err(unmade)
    }

    fn text_views(self) -> Result<ArrayRef> {
        let nulls = self.nulls();
        let mut views = StringViewBuilder::with_capacity(self.rows());
        for (row, stored) in self.stored().enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                let value = decode_str(stored).map_err(|reason| self.field.invalid(reason))?;
                views.try_append_value(value).map_err(unmade)?;
            } else {
                views.append_null();
            }
        }
        Ok(Arc::new(views.finish()))
    }

    /// All names, and the position of the name of each row. A position without a name is null if
    /// the row is null; otherwise it is damage.
    fn dictionary(self, names: &EnumNames) -> Result<ArrayRef> {
        let nulls = self.nulls();
        let mut positions: Vec<i32> = Vec::with_capacity(self.rows());
        for (row, stored) in self.stored().enumerate() {
            let is_valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            if is_valid {
                decode_name(names, stored).map_err(|reason| self.field.invalid(reason))?;
            }
            positions.push(if is_valid { decode_ordinal(stored) as i32 } else { 0 });
        }
        let names = StringArray::from_iter_values(names.iter());
        let positions = PrimitiveArray::<Int32Type>::new(positions.into(), nulls);
        DictionaryArray::try_new(positions, Arc::new(names)).map(|array| Arc::new(array) as _).map_err(unmade)
    }

    fn binary(self) -> Result<ArrayRef> {
        binary(self.field.width(), self.bytes(), self.nulls())
    }

    /// The stored bytes of all rows, side by side.
    fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.rows() * self.field.width());
        self.stored().for_each(|stored| bytes.extend_from_slice(stored));
        bytes
    }

    fn list(self, number: Number, length: u16) -> Result<ArrayRef> {
        let elements: ArrayRef = match number {
            Number::U8 => self.elements::<UInt8Type>(),
            Number::U16 => self.elements::<UInt16Type>(),
            Number::U32 => self.elements::<UInt32Type>(),
            Number::U64 => self.elements::<UInt64Type>(),
            Number::I8 => self.elements::<Int8Type>(),
            Number::I16 => self.elements::<Int16Type>(),
            Number::I32 => self.elements::<Int32Type>(),
            Number::I64 => self.elements::<Int64Type>(),
            Number::F32 => self.elements::<Float32Type>(),
            Number::F64 => self.elements::<Float64Type>(),
            Number::U128 | Number::I128 => binary(16, self.bytes(), None)?,
        };
        FixedSizeListArray::try_new(element(number), length.into(), elements, self.nulls())
            .map(|array| Arc::new(array) as _)
            .map_err(unmade)
    }

    fn elements<T: ArrowPrimitiveType<Native: AnyBitPattern>>(self) -> ArrayRef {
        let width = size_of::<T::Native>();
        let elements = self.stored().flat_map(|stored| stored.chunks_exact(width)).map(pod_read_unaligned);
        Arc::new(PrimitiveArray::<T>::new(elements.collect::<ScalarBuffer<T::Native>>(), None))
    }
}

fn binary(width: usize, bytes: Vec<u8>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    // A field has at most 65,535 bytes.
    FixedSizeBinaryArray::try_new(width as i32, Buffer::from_vec(bytes), nulls)
        .map(|array| Arc::new(array) as _)
        .map_err(unmade)
}

#[cold]
fn unmade(error: ArrowError) -> Error {
    Error::new(ErrorKind::Limit, format!("cannot make a record batch: {error}"))
}
