//! Infers the schema of record batches from Arrow's: how wide texts are, and whether values are
//! missing.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, SchemaRef};

use super::batches::{Batches, unread};
use super::decode::{check, value};
use super::schema::{from_number, is_bytes, is_text, is_uuid, named, plain};
use crate::error::{Result, bail};
use crate::exchange::few::Few;
use crate::exchange::inferred::{Column as Found, Inferred};
use crate::record::Value;
use crate::schema::{FieldDef, Number, Schema, Type};

impl Batches {
    /// The schema of these batches.
    pub(in crate::exchange) fn infer(self, name: &str, enums: bool) -> Result<Inferred> {
        infer(name, &self.schema, enums, self.batches)
    }
}

/// Reads batches, and infers from the values what the schema leaves open. The rules are those of
/// [`Options::infer`](super::Options::infer).
fn infer(
    name: &str,
    arrow: &SchemaRef,
    enums: bool,
    batches: impl Iterator<Item = Result<RecordBatch, String>>,
) -> Result<Inferred> {
    let mut columns: Vec<ColumnTally<'_>> = Vec::new();
    for field in arrow.fields() {
        check(field.data_type())
            .map_err(|error| error.within(format_args!("{name}, column {:?}", field.name())))?;
        let few = Few::new(enums && is_text(plain(field.data_type())));
        columns.push(ColumnTally {
            named: named(field),
            field,
            nulls: 0,
            lengths: None,
            few,
            has_null_value: false,
        });
    }
    let mut rows = 0;
    if columns.iter().any(ColumnTally::is_open) {
        for batch in batches {
            let batch = batch.map_err(|error| unread(name, &format!("after row {rows}: {error}")))?;
            if batch.num_columns() != columns.len() {
                bail!(Input, "{name}: after row {rows}: a batch of {} columns", batch.num_columns());
            }
            for (column, array) in
                columns.iter_mut().zip(batch.columns()).filter(|(column, _)| column.is_open())
            {
                column.look(array).map_err(|(row, reason)| {
                    let row: u64 = rows + row as u64 + 1;
                    unread(name, &format!("row {row}, column {:?}: {reason}", column.field.name()))
                })?;
            }
            rows += batch.num_rows() as u64;
        }
    }
    let fields = columns.iter().map(|column| {
        column
            .decide()
            .map_err(|error| error.within(format_args!("{name}, column {:?}", column.field.name())))
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    let schema = Schema::new(fields.clone()).or_else(|error| {
        // Columns of a table with a key may have been left out or moved.
        let without = |field: &FieldDef| {
            FieldDef::of(field.name(), field.ty(), field.is_nullable(), false)?
                .with_default(field.default().map(Into::into))
        };
        Schema::new(fields.iter().map(without).collect::<Result<_>>()?).map_err(|_| error)
    });
    let schema = schema.map_err(|error| error.within(name))?;
    let is_read = columns.iter().any(ColumnTally::is_open);
    let found = schema.fields().iter().zip(&columns);
    let found = found.map(|(field, column)| Found::new(field.clone(), column.nulls, column.reason()));
    let found = found.collect();
    Ok(Inferred::new(schema, found, is_read.then_some(rows)))
}

/// A column, and what was seen of it.
struct ColumnTally<'c> {
    field: &'c Field,
    named: Option<FieldDef>,
    nulls: u64,
    /// The lowest and highest length of texts, binary values and lists.
    lengths: Option<(usize, usize)>,
    /// The texts, if an enumeration may be picked.
    few: Few,
    /// Whether there is a value that is reserved for null.
    has_null_value: bool,
}

impl ColumnTally<'_> {
    fn ty(&self) -> &DataType {
        plain(self.field.data_type())
    }

    /// Whether the values must be read to find the field.
    fn is_open(&self) -> bool {
        self.named.is_none() && (self.field.is_nullable() || self.has_lengths())
    }

    fn has_lengths(&self) -> bool {
        let ty = self.ty();
        is_text(ty) || is_bytes(ty) || matches!(ty, DataType::List(_) | DataType::LargeList(_))
    }

    fn look(&mut self, array: &dyn Array) -> Result<(), (usize, String)> {
        use DataType as D;
        self.nulls += array.logical_null_count() as u64;
        if self.has_lengths() {
            for row in 0..array.len() {
                let length = match value(array, row).map_err(|reason| (row, reason))? {
                    Value::Text(text) => {
                        self.few.add(&text);
                        text.len()
                    }
                    Value::Bytes(bytes) => bytes.len(),
                    Value::Array(elements) => elements.len(),
                    _ => continue,
                };
                let (least, greatest) = self.lengths.unwrap_or((length, length));
                self.lengths = Some((least.min(length), greatest.max(length)));
            }
            return Ok(());
        }
        self.has_null_value |= match array.data_type() {
            D::Int8 => has::<Int8Type>(array, i8::MIN),
            D::Int16 => has::<Int16Type>(array, i16::MIN),
            D::Int32 => has::<Int32Type>(array, i32::MIN),
            D::Int64 => has::<Int64Type>(array, i64::MIN),
            D::UInt8 => has::<UInt8Type>(array, u8::MAX),
            D::UInt16 => has::<UInt16Type>(array, u16::MAX),
            D::UInt32 => has::<UInt32Type>(array, u32::MAX),
            D::UInt64 => has::<UInt64Type>(array, u64::MAX),
            _ => false,
        };
        Ok(())
    }

    fn decide(&self) -> Result<FieldDef> {
        match &self.named {
            Some(field) => Ok(field.clone()),
            None => FieldDef::of(self.field.name(), self.find_type()?, self.nulls > 0, false),
        }
    }

    fn find_type(&self) -> Result<Type> {
        let ty = self.ty();
        Ok(match ty {
            DataType::Null => Type::Str(1),
            DataType::Boolean => Type::Bool,
            DataType::Date32 | DataType::Date64 => Type::Date,
            DataType::Timestamp(..) => Type::Timestamp,
            DataType::FixedSizeBinary(_) if is_uuid(self.field) => Type::Uuid,
            text if is_text(text) => match self.few.names(self.nulls > 0) {
                Some(names) => Type::Enum(names),
                None => Type::Str(self.length("a text")?),
            },
            binary if is_bytes(binary) => Type::Bytes(self.one_length("binary")?),
            DataType::List(element) | DataType::LargeList(element) => {
                Type::Array(self.element(element)?, self.one_length("lists")?)
            }
            DataType::FixedSizeList(element, length) => match u16::try_from(*length) {
                Ok(length @ 1..) => Type::Array(self.element(element)?, length),
                _ => bail!(Input, "lists of {length}; an array has 1 to {} elements", u16::MAX),
            },
            other => match from_number(other) {
                Some(number) if self.nulls > 0 && self.has_null_value => wider(number),
                Some(number) => number.as_type(),
                None => bail!(Input, "no field holds the Arrow type {other}"),
            },
        })
    }

    fn element(&self, element: &Field) -> Result<Number> {
        match from_number(element.data_type()) {
            Some(number) => Ok(number),
            None => bail!(Input, "lists of {}; give a schema that says what they are", element.data_type()),
        }
    }

    /// The length of the longest value.
    fn length(&self, what: &str) -> Result<u16> {
        let longest = self.lengths.map_or(1, |(_, longest)| longest.max(1));
        let Ok(length) = u16::try_from(longest) else {
            bail!(Input, "{what} of {longest} bytes; a field has at most {}", u16::MAX);
        };
        Ok(length)
    }

    /// The length that all values have.
    fn one_length(&self, what: &str) -> Result<u16> {
        match self.lengths {
            Some((least, greatest)) if least != greatest => bail!(
                Input,
                "{what} of lengths from {least} to {greatest}; a field has one length: pad them, or leave the column out"
            ),
            _ => self.length(what),
        }
    }

    /// What was found, for people.
    fn reason(&self) -> String {
        if self.named.is_some() {
            return "as written by drystone".into();
        }
        let mut reason = self.field.data_type().to_string();
        if is_text(self.ty())
            && let Some((least, greatest)) = self.lengths
        {
            reason += &format!(", {least} to {greatest} bytes");
        }
        if self.nulls > 0 {
            reason += &format!("; {} missing", self.nulls);
        }
        reason
    }
}

fn has<T: ArrowPrimitiveType<Native: PartialEq>>(array: &dyn Array, value: T::Native) -> bool {
    array.as_primitive::<T>().iter().flatten().any(|other| other == value)
}

/// The type that holds all values of this one and a null.
fn wider(number: Number) -> Type {
    match number {
        Number::U8 => Type::U16,
        Number::U16 => Type::U32,
        Number::U32 => Type::U64,
        Number::I8 => Type::I16,
        Number::I16 => Type::I32,
        Number::I32 => Type::I64,
        Number::U64 => Type::U128,
        Number::I64 => Type::I128,
        other => other.as_type(),
    }
}
