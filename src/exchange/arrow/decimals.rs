//! Decimals of Arrow: their text, and whether a field holds them exactly.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type};
use arrow_schema::DataType;

use crate::error::{Error, ErrorKind, Result};
use crate::record::Value;
use crate::schema::text::{is_single, keeps_whole};
use crate::schema::{FieldDef, TextRules, Type};

/// A float shows all digits of a number that has no more than these.
pub(super) const FLOAT_DIGITS: u8 = 15;

/// The digits of a decimal type, all and behind the point.
pub(super) fn digits(ty: &DataType) -> Option<(u8, i8)> {
    match ty {
        DataType::Decimal32(all, scale)
        | DataType::Decimal64(all, scale)
        | DataType::Decimal128(all, scale)
        | DataType::Decimal256(all, scale) => Some((*all, *scale)),
        _ => None,
    }
}

/// The text of a decimal, such as `-2.50`. `None` if the array has no decimals.
pub(super) fn text(array: &dyn Array, row: usize) -> Option<String> {
    let (number, scale) = match array.data_type() {
        DataType::Decimal32(_, scale) => {
            (array.as_primitive::<Decimal32Type>().value(row).to_string(), *scale)
        }
        DataType::Decimal64(_, scale) => {
            (array.as_primitive::<Decimal64Type>().value(row).to_string(), *scale)
        }
        DataType::Decimal128(_, scale) => {
            (array.as_primitive::<Decimal128Type>().value(row).to_string(), *scale)
        }
        DataType::Decimal256(_, scale) => {
            (array.as_primitive::<Decimal256Type>().value(row).to_string(), *scale)
        }
        _ => return None,
    };
    let scale = i32::from(scale);
    if scale <= 0 {
        let zeros = if number == "0" { 0 } else { scale.unsigned_abs() as usize };
        return Some(number + &"0".repeat(zeros));
    }
    let scale = scale as usize;
    let (sign, digits) = number.strip_prefix('-').map_or(("", &*number), |digits| ("-", digits));
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Some(format!("{sign}{whole}.{fraction}"))
}

/// Stores a decimal, given as text, if its field holds it exactly: a float must show its digits.
pub(super) fn store(field: &FieldDef, rules: &TextRules, text: &str, slot: &mut [u8]) -> Result<()> {
    let reason = match field.ty() {
        Type::Str(_) => return field.store(&Value::from(text), slot),
        Type::F32 if !rules.round && !is_shown_by_single(text) => "an f32 has too few digits; use f64",
        Type::F64 if !rules.round && !is_shown(text) => "an f64 has too few digits; use str[N]",
        _ => return field.parse_text_by(rules, text, slot),
    };
    let (name, ty) = (field.name(), field.type_text());
    let message = format!("field {name:?}: {text} is not a valid {ty}: {reason}, or allow rounding");
    Err(Error::new(ErrorKind::Value, message).of_field(name))
}

/// Whether an `f64` shows the digits of a decimal.
pub(super) fn is_shown(text: &str) -> bool {
    let text = without_zeros(text);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits <= usize::from(FLOAT_DIGITS) {
        return true;
    }
    let Ok(double) = text.parse::<f64>() else { return false };
    if text.contains('.') { double.to_string() == text } else { keeps_whole(text, double) }
}

fn is_shown_by_single(text: &str) -> bool {
    match (text.parse(), text.parse()) {
        (Ok(double), Ok(single)) => is_single(text, double, single),
        _ => false,
    }
}

/// A decimal without zeros at its end, behind the point.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
