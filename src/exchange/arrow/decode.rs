//! Decodes columns of record batches into the fields of packed records. Values with the layout of
//! their field are copied in a loop of their own. All others go through `FieldDef::store`, which
//! takes only exact values and makes the messages.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, downcast_integer_array};
use arrow_buffer::ArrowNativeType;
use arrow_schema::{DataType, TimeUnit};
use bytemuck::{NoUninit, bytes_of};

use super::decimals;
use super::schema::{from_number, plain, refusal};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::{missing, typed};
use crate::record::{Date, Timestamp, Uuid, Value};
use crate::schema::calendar::DAY_MICROS;
use crate::schema::{FieldDef, Number, TextRules, Type};

/// A row of a batch that cannot be stored.
pub(super) struct BadRow {
    /// Its position in the batch, from 0.
    pub(super) row: usize,
    pub(super) error: Error,
}

/// Stores a column in its field of packed records, one record for each row.
pub(super) fn column(
    array: &dyn Array,
    field: &FieldDef,
    rules: &TextRules,
    records: &mut [u8],
    width: usize,
) -> Result<(), BadRow> {
    use DataType as D;
    let target = Target { array, field, rules, records, width };
    if let D::Dictionary(..) = array.data_type() {
        return dictionary(target);
    }
    match (array.data_type(), field.ty()) {
        (D::Int8, Type::I8) => primitive::<Int8Type>(target),
        (D::Int16, Type::I16) => primitive::<Int16Type>(target),
        (D::Int32, Type::I32) => primitive::<Int32Type>(target),
        (D::Int64, Type::I64) => primitive::<Int64Type>(target),
        (D::UInt8, Type::U8) => primitive::<UInt8Type>(target),
        (D::UInt16, Type::U16) => primitive::<UInt16Type>(target),
        (D::UInt32, Type::U32) => primitive::<UInt32Type>(target),
        (D::UInt64, Type::U64) => primitive::<UInt64Type>(target),
        (D::Float32, Type::F32) => primitive::<Float32Type>(target),
        (D::Float64, Type::F64) => primitive::<Float64Type>(target),
        (D::Date32, Type::Date) => primitive::<Date32Type>(target),
        (D::Timestamp(TimeUnit::Microsecond, _), Type::Timestamp) => {
            primitive::<TimestampMicrosecondType>(target)
        }
        (D::Boolean, Type::Bool) => {
            let values = array.as_boolean();
            target.fill(|row, slot| put(&[u8::from(values.value(row))], slot))
        }
        (D::Utf8, Type::Str(_)) => {
            let values = array.as_string::<i32>();
            target.fill(|row, slot| put_text(values.value(row), slot))
        }
        (D::LargeUtf8, Type::Str(_)) => {
            let values = array.as_string::<i64>();
            target.fill(|row, slot| put_text(values.value(row), slot))
        }
        (D::Utf8View, Type::Str(_)) => {
            let values = array.as_string_view();
            target.fill(|row, slot| put_text(values.value(row), slot))
        }
        (D::FixedSizeBinary(_), Type::Bytes(_) | Type::Uuid | Type::U128 | Type::I128) => {
            let values = array.as_fixed_size_binary();
            target.fill(|row, slot| put(values.value(row), slot))
        }
        (D::FixedSizeList(element, length), Type::Array(number, wanted))
            if *length == i32::from(*wanted) && from_number(element.data_type()) == Some(*number) =>
        {
            list(target, *number)
        }
        _ => target.fill(|_, _| false),
    }
}

/// One field of many records, and the column that it gets.
struct Target<'t> {
    array: &'t dyn Array,
    field: &'t FieldDef,
    rules: &'t TextRules,
    records: &'t mut [u8],
    width: usize,
}

impl Target<'_> {
    /// Fills all rows. `put` stores the value of a row if it can be copied, and returns `false`
    /// otherwise.
    fn fill(self, mut put: impl FnMut(usize, &mut [u8]) -> bool) -> Result<(), BadRow> {
        let Target { array, field, rules, records, width } = self;
        let nulls = array.logical_nulls();
        let range = field.offset()..field.offset() + field.width();
        for (row, record) in records.chunks_exact_mut(width).enumerate() {
            let slot = &mut record[range.clone()];
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                let Some(null) = field.null() else {
                    return Err(BadRow { row, error: Error::new(ErrorKind::Input, missing(field, "")) });
                };
                slot.copy_from_slice(null);
            } else if !put(row, slot) || field.is_null(slot) {
                store_row(array, row, field, rules, slot).map_err(|error| BadRow { row, error })?;
            }
        }
        Ok(())
    }
}

/// Stores a value that cannot be copied.
fn store_row(
    array: &dyn Array,
    row: usize,
    field: &FieldDef,
    rules: &TextRules,
    slot: &mut [u8],
) -> Result<()> {
    match decimals::text(array, row) {
        Some(text) => decimals::store(field, rules, &text, slot),
        None => {
            let value = value(array, row, rules).map_err(|reason| misfit(field, &reason))?;
            store(field, rules, value, slot)
        }
    }
}

fn put(bytes: &[u8], slot: &mut [u8]) -> bool {
    let fits = bytes.len() == slot.len();
    if fits {
        slot.copy_from_slice(bytes);
    }
    fits
}

fn put_text(text: &str, slot: &mut [u8]) -> bool {
    let text = text.as_bytes();
    let fits = text.len() <= slot.len() && !text.contains(&0);
    if fits {
        let (used, padding) = slot.split_at_mut(text.len());
        used.copy_from_slice(text);
        padding.fill(0);
    }
    fits
}

fn primitive<T: ArrowPrimitiveType<Native: NoUninit>>(target: Target<'_>) -> Result<(), BadRow> {
    let values = target.array.as_primitive::<T>().values().clone();
    target.fill(|row, slot| put(bytes_of(&values[row]), slot))
}

/// Lists with the length and the number type of the field.
fn list(target: Target<'_>, number: Number) -> Result<(), BadRow> {
    match number {
        Number::U8 => elements::<UInt8Type>(target),
        Number::U16 => elements::<UInt16Type>(target),
        Number::U32 => elements::<UInt32Type>(target),
        Number::U64 => elements::<UInt64Type>(target),
        Number::I8 => elements::<Int8Type>(target),
        Number::I16 => elements::<Int16Type>(target),
        Number::I32 => elements::<Int32Type>(target),
        Number::I64 => elements::<Int64Type>(target),
        Number::F32 => elements::<Float32Type>(target),
        Number::F64 => elements::<Float64Type>(target),
        Number::U128 | Number::I128 => target.fill(|_, _| false),
    }
}

fn elements<T: ArrowPrimitiveType<Native: NoUninit>>(target: Target<'_>) -> Result<(), BadRow> {
    let lists = target.array.as_fixed_size_list().clone();
    // Half floats are not `f32`, and null elements must be checked one by one.
    let Some(values) = lists.values().as_primitive_opt::<T>() else { return target.fill(|_, _| false) };
    let (length, any_null) = (lists.value_length() as usize, values.null_count() > 0);
    target.fill(|row, slot| {
        let start = row * length;
        !any_null && put(bytemuck::cast_slice(&values.values()[start..start + length]), slot)
    })
}

/// Each value of a dictionary is stored once, and then copied.
fn dictionary(target: Target<'_>) -> Result<(), BadRow> {
    let dictionary = target.array.as_any_dictionary();
    let (values, width) = (dictionary.values(), target.field.width());
    // Values that do not fit are no error here: perhaps no row has them.
    let mut stored: Vec<Option<Box<[u8]>>> = Vec::new();
    if values.len() <= 2 * target.array.len() {
        let mut slot = vec![0; width];
        stored.extend((0..values.len()).map(|at| {
            let value = value(values, at, target.rules).ok().filter(|value| !value.is_null())?;
            store(target.field, target.rules, value, &mut slot).ok().map(|()| slot.clone().into())
        }));
    }
    let keys = keys(dictionary.keys());
    target.fill(|row, slot| match keys.get(row).and_then(|key| stored.get(*key)) {
        Some(Some(value)) => put(value, slot),
        _ => false,
    })
}

/// The keys of a dictionary as positions of its values; any number for null.
fn keys(array: &dyn Array) -> Vec<usize> {
    downcast_integer_array!(
        array => array.values().iter().map(|key| key.to_usize().unwrap_or(usize::MAX)).collect(),
        _ => Vec::new()
    )
}

/// Stores a value in its field, also one for which another system has no closer type.
fn store(field: &FieldDef, rules: &TextRules, value: Value<'_>, slot: &mut [u8]) -> Result<()> {
    let value = match (field.ty(), value) {
        (Type::Str(_), Value::Bytes(bytes)) => match str::from_utf8(&bytes) {
            Ok(text) => return field.store(&text.into(), slot),
            Err(_) => Value::Bytes(bytes),
        },
        (ty @ (Type::Uuid | Type::U128 | Type::I128), Value::Bytes(bytes)) => wide(ty, bytes),
        (Type::Array(number @ (Number::U128 | Number::I128), _), Value::Array(elements)) => {
            let wide = |element| match element {
                Value::Bytes(bytes) => wide(&number.as_type(), bytes),
                other => other,
            };
            Value::Array(elements.into_iter().map(wide).collect())
        }
        (_, value) => value,
    };
    typed::store(field, rules, value, slot)
}

/// The value of a 16-byte type in bytes of that length.
fn wide<'b>(ty: &Type, bytes: std::borrow::Cow<'b, [u8]>) -> Value<'b> {
    match (ty, <[u8; 16]>::try_from(&*bytes)) {
        (Type::Uuid, Ok(bytes)) => Uuid::from_bytes(bytes).into(),
        (Type::U128, Ok(bytes)) => u128::from_le_bytes(bytes).into(),
        (Type::I128, Ok(bytes)) => i128::from_le_bytes(bytes).into(),
        _ => Value::Bytes(bytes),
    }
}

/// The value of a row, or why a record cannot have it.
pub(super) fn value<'a>(array: &'a dyn Array, row: usize, rules: &TextRules) -> Result<Value<'a>, String> {
    use DataType as D;
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        D::Null => Value::Null,
        D::Boolean => array.as_boolean().value(row).into(),
        D::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        D::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        D::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        D::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        D::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        D::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        D::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        D::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        D::Float16 => array.as_primitive::<Float16Type>().value(row).to_f32().into(),
        D::Float32 => array.as_primitive::<Float32Type>().value(row).into(),
        D::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        D::Utf8 => array.as_string::<i32>().value(row).into(),
        D::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        D::Utf8View => array.as_string_view().value(row).into(),
        D::Binary => array.as_binary::<i32>().value(row).into(),
        D::LargeBinary => array.as_binary::<i64>().value(row).into(),
        D::BinaryView => array.as_binary_view().value(row).into(),
        D::FixedSizeBinary(_) => array.as_fixed_size_binary().value(row).into(),
        D::Date32 => Date::from_days(array.as_primitive::<Date32Type>().value(row)).into(),
        D::Date64 => date_of_millis(array.as_primitive::<Date64Type>().value(row))?.into(),
        D::Timestamp(unit, _) => timestamp(array, *unit, row, rules)?.into(),
        D::FixedSizeList(..) => list_value(&array.as_fixed_size_list().value(row), rules)?,
        D::List(_) => list_value(&array.as_list::<i32>().value(row), rules)?,
        D::LargeList(_) => list_value(&array.as_list::<i64>().value(row), rules)?,
        D::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = keys(&dictionary.keys().slice(row, 1)).first().copied();
            let key = key.filter(|key| *key < dictionary.values().len());
            return value(dictionary.values(), key.ok_or("its dictionary has no such value")?, rules);
        }
        other if decimals::digits(other).is_some() => decimals::text(array, row).ok_or("no decimal")?.into(),
        other => return Err(refusal(other).unwrap_or_else(|| format!("{other} is no type of a field"))),
    })
}

fn list_value(elements: &ArrayRef, rules: &TextRules) -> Result<Value<'static>, String> {
    let values = (0..elements.len()).map(|at| match value(elements, at, rules)? {
        Value::Null => Err(format!("element {} is null, and an array has none", at + 1)),
        value => Ok(value.into_owned()),
    });
    values.collect::<Result<_, _>>().map(Value::Array)
}

fn date_of_millis(millis: i64) -> Result<Date, String> {
    let days = i32::try_from(millis / (DAY_MICROS / 1000)).map_err(|_| "a date out of range")?;
    if millis % (DAY_MICROS / 1000) != 0 {
        return Err("a date64 that is not midnight; cast the column to timestamp or to date32".into());
    }
    Ok(Date::from_days(days))
}

fn timestamp(array: &dyn Array, unit: TimeUnit, row: usize, rules: &TextRules) -> Result<Timestamp, String> {
    let micros = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row).checked_mul(1_000_000),
        TimeUnit::Millisecond => {
            array.as_primitive::<TimestampMillisecondType>().value(row).checked_mul(1000)
        }
        TimeUnit::Microsecond => Some(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        TimeUnit::Nanosecond => {
            let nanos = array.as_primitive::<TimestampNanosecondType>().value(row);
            if nanos % 1000 != 0 && !rules.round {
                return Err(format!(
                    "{} ns would be lost, as a timestamp counts microseconds; cast the column to them, or allow rounding",
                    nanos.rem_euclid(1000)
                ));
            }
            // The microsecond in which the moment is.
            Some(nanos.div_euclid(1000))
        }
    };
    micros.map(Timestamp::from_micros).ok_or_else(|| "a timestamp out of range".into())
}

#[cold]
fn misfit(field: &FieldDef, reason: &str) -> Error {
    Error::new(ErrorKind::Value, format!("field {:?}, {}: {reason}", field.name(), field.type_text()))
}

/// An error if no value of this type can be stored in a field.
pub(super) fn check(ty: &DataType) -> Result<()> {
    refusal(plain(ty)).map_or(Ok(()), |reason| Err(Error::new(ErrorKind::Input, reason)))
}
