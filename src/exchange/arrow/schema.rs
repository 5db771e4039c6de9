//! Conversion of schemas from and to Arrow. The exact field is in the metadata, so that a round
//! trip changes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, SchemaRef, TimeUnit};

use super::decimals;
use crate::schema::{FieldDef, Number, Schema, Type};

/// The metadata key of the text form of a field.
const FIELD: &str = "drystone:field";
/// The metadata key of the type of whole numbers that are read as bytes.
const WIDE: &str = "drystone:wide";
/// Where Arrow keeps the names of extension types.
const EXTENSION: &str = "ARROW:extension:name";
const EXTENSION_METADATA: &str = "ARROW:extension:metadata";
const UUID: &str = "arrow.uuid";

/// The Arrow schema of a schema.
///
/// ```
/// use drystone::{Schema, arrow};
///
/// let schema: Schema = "id: u64 key, carrier: str[2], seen: timestamp?".parse()?;
/// let arrow = arrow::to_schema(&schema);
/// assert_eq!(arrow.field(1).data_type(), &arrow::arrow_schema::DataType::Utf8);
/// assert!(arrow.field(2).is_nullable());
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn to_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema.fields().iter().map(to_field).collect();
    Arc::new(arrow_schema::Schema::new(fields))
}

/// The same with views in the place of texts with offsets.
pub(super) fn with_text_views(schema: &arrow_schema::Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    };
    Arc::new(arrow_schema::Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

fn to_field(field: &FieldDef) -> Field {
    let mut metadata = HashMap::from([(FIELD.to_owned(), field.to_string())]);
    if field.ty() == Type::Uuid {
        metadata.insert(EXTENSION.to_owned(), UUID.to_owned());
        metadata.insert(EXTENSION_METADATA.to_owned(), String::new());
    }
    Field::new(field.name(), to_type(field.ty()), field.is_nullable()).with_metadata(metadata)
}

pub(super) fn to_type(ty: &Type) -> DataType {
    match ty {
        Type::Bool => DataType::Boolean,
        Type::Str(_) => DataType::Utf8,
        Type::Bytes(length) => DataType::FixedSizeBinary((*length).into()),
        Type::Uuid => DataType::FixedSizeBinary(16),
        Type::Date => DataType::Date32,
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::Array(number, length) => DataType::FixedSizeList(element(*number), (*length).into()),
        // With the types of keys that other libraries use by default. Pandas has no unsigned ones.
        Type::Enum(_) => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        number => number.number().map_or(DataType::Null, to_number),
    }
}

/// The field for the elements of an array.
pub(super) fn element(number: Number) -> Arc<Field> {
    Arc::new(Field::new("element", to_number(number), false))
}

fn to_number(number: Number) -> DataType {
    match number {
        Number::U8 => DataType::UInt8,
        Number::U16 => DataType::UInt16,
        Number::U32 => DataType::UInt32,
        Number::U64 => DataType::UInt64,
        Number::I8 => DataType::Int8,
        Number::I16 => DataType::Int16,
        Number::I32 => DataType::Int32,
        Number::I64 => DataType::Int64,
        Number::F32 => DataType::Float32,
        Number::F64 => DataType::Float64,
        // Arrow has no whole numbers of this width, and its decimals do not hold all of them.
        Number::U128 | Number::I128 => DataType::FixedSizeBinary(16),
    }
}

/// The number type of this name in Arrow, if it is one.
pub(super) fn from_number(ty: &DataType) -> Option<Number> {
    Some(match ty {
        DataType::UInt8 => Number::U8,
        DataType::UInt16 => Number::U16,
        DataType::UInt32 => Number::U32,
        DataType::UInt64 => Number::U64,
        DataType::Int8 => Number::I8,
        DataType::Int16 => Number::I16,
        DataType::Int32 => Number::I32,
        DataType::Int64 => Number::I64,
        DataType::Float16 | DataType::Float32 => Number::F32,
        DataType::Float64 => Number::F64,
        _ => return None,
    })
}

/// The field in the metadata, if there is one and the column still has its type, with this name.
pub(super) fn named(column: &Field, name: &str) -> Option<FieldDef> {
    let schema: Schema = column.metadata().get(FIELD)?.parse().ok()?;
    let [field] = schema.fields() else { return None };
    let kin = match (field.ty(), plain(column.data_type())) {
        (Type::Str(_) | Type::Enum(_), ty) => is_text(ty),
        (Type::Bytes(_) | Type::Uuid | Type::U128 | Type::I128, ty) => is_bytes(ty),
        (Type::Timestamp, DataType::Timestamp(..)) => true,
        (
            Type::Array(number, _),
            DataType::FixedSizeList(element, _) | DataType::List(element) | DataType::LargeList(element),
        ) => to_number(*number) == *element.data_type(),
        (ty, column) => to_type(ty) == *column,
    };
    if !kin {
        return None;
    }
    // The column may have been renamed.
    FieldDef::of(name, field.ty(), field.is_nullable(), field.is_key())
        .and_then(|named| named.with_default(field.default().map(Into::into)))
        .ok()
}

/// The type of the values of a dictionary; the type itself otherwise.
pub(super) fn plain(ty: &DataType) -> &DataType {
    if let DataType::Dictionary(_, values) = ty { values } else { ty }
}

pub(super) fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

pub(super) fn is_bytes(ty: &DataType) -> bool {
    use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary};
    matches!(ty, Binary | LargeBinary | BinaryView | FixedSizeBinary(_))
}

pub(super) fn is_uuid(column: &Field) -> bool {
    column.metadata().get(EXTENSION).is_some_and(|name| name == UUID)
        && *column.data_type() == DataType::FixedSizeBinary(16)
}

/// A column of whole numbers of 128 bits. The metadata say what they are.
pub(in crate::exchange) fn wide_field(name: &str, number: Number, nullable: bool) -> Field {
    let metadata = HashMap::from([(WIDE.to_owned(), number.as_type().to_string())]);
    Field::new(name, DataType::FixedSizeBinary(16), nullable).with_metadata(metadata)
}

/// The type of whole numbers of 128 bits in a column of bytes.
pub(super) fn wide_type(column: &Field) -> Option<Type> {
    column.metadata().get(WIDE)?.parse().ok()
}

/// Why no field can hold a column of this type, and the way out; `None` if one can.
pub(super) fn refusal(ty: &DataType) -> Option<String> {
    let way_out = match plain(ty) {
        DataType::Null | DataType::Boolean | DataType::Date32 | DataType::Date64 => return None,
        DataType::Timestamp(..) => return None,
        number if from_number(number).is_some() => return None,
        other if is_text(other) || is_bytes(other) || decimals::digits(other).is_some() => return None,
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            // Binary may be whole numbers of 128 bits.
            if is_bytes(element.data_type()) || from_number(element.data_type()).is_some() {
                return None;
            }
            "only lists of numbers become arrays; make columns of what is in them"
        }
        DataType::Struct(_) => "make each of its members a column of its own",
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) | DataType::Interval(_) => {
            "cast it to int64, and say in the name what it counts"
        }
        _ => "leave it out, or cast it to a number, text or binary",
    };
    Some(format!("no field holds the Arrow type {ty}; {way_out}, or have such columns ignored"))
}
