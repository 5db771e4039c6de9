//! Stores values that have a type, as those of Arrow and NumPy have, in fields of other types: what
//! fits exactly is stored, and numbers may be rounded if the options say so.

use crate::error::{Error, ErrorKind, Result};
use crate::record::{Timestamp, Value};
use crate::schema::text::{inexact, is_single};
use crate::schema::{FieldDef, Number, TextRules, Type};

/// Stores a value in a field. Text in a field of another type is parsed.
pub(super) fn store(field: &FieldDef, rules: &TextRules, value: Value<'_>, slot: &mut [u8]) -> Result<()> {
    let is_float = matches!(field.ty(), Type::F32 | Type::F64);
    match (field.ty(), value) {
        (Type::Str(_), value) => field.store(&value, slot),
        (_, Value::Text(text)) => field.parse_text_by(rules, &text, slot),
        (Type::F32, Value::F64(double)) => {
            check_single(field, rules, double)?;
            field.store(&Value::F64(double), slot)
        }
        (Type::Array(Number::F32, _), Value::Array(elements)) => {
            let doubles = elements.iter().filter_map(|element| match element {
                Value::F64(double) => Some(*double),
                _ => None,
            });
            doubles.into_iter().try_for_each(|double| check_single(field, rules, double))?;
            field.store(&Value::Array(elements), slot)
        }
        (Type::Timestamp, Value::Date(date)) => field.store(&Timestamp::from_date(date)?.into(), slot),
        // A number of the unit that was given.
        (
            Type::Timestamp,
            number @ (Value::Unsigned(_) | Value::Signed(_) | Value::F32(_) | Value::F64(_)),
        ) if rules.unit.is_some() => field.parse_text_by(rules, &number.to_string(), slot),
        (_, Value::Unsigned(number)) if is_float && rules.round => {
            field.store(&Value::F64(number as f64), slot)
        }
        (_, Value::Signed(number)) if is_float && rules.round => {
            field.store(&Value::F64(number as f64), slot)
        }
        (_, value) => field.store(&value, slot),
    }
}

/// An error if an `f32` would not show this number.
fn check_single(field: &FieldDef, rules: &TextRules, double: f64) -> Result<()> {
    let single = double as f32;
    // What is too large is an error of its own.
    if rules.round
        || single.is_infinite()
        || double.is_nan()
        || is_single(&double.to_string(), double, single)
    {
        return Ok(());
    }
    let (name, ty) = (field.name(), field.type_text());
    let message = format!("field {name:?}: {} is not a valid {ty}: {}", Value::F64(double), inexact(single));
    Err(Error::new(ErrorKind::Value, message))
}
