//! Where a literal falls among the values of a field, and which values are not null. Values are
//! ordinals: bytes that order as the values do (`order.rs`).

use super::ranges::{End, Ranges, successor};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::order::{Scalar, ordinal_f32, ordinal_f64};
use crate::record::{Timestamp, Value};
use crate::schema::calendar::{self, DAY_MICROS};
use crate::schema::shown;
use crate::schema::text::{hex_bytes, parse_uuid};
use crate::schema::{FieldDef, Number, Type};

/// Where a literal falls: the first ordinal that is not below it, and the first one above it.
struct Cut {
    at: End,
    above: End,
}

/// How the values of a type order. Arrays have no order; their ordinals are the stored bytes.
pub(in crate::query) fn scalar(ty: &Type) -> Scalar {
    ty.scalar().unwrap_or(Scalar::Bytes(ty.width()))
}

/// The set of all values of a field that are not null.
pub(in crate::query) fn valid(field: &FieldDef) -> Ranges {
    let width = field.width();
    let Some(null) = field.null() else { return Ranges::all(width) };
    let scalar = scalar(field.ty());
    let mut ordinal = Vec::with_capacity(width);
    scalar.write_ordinal(null, true, &mut ordinal);
    match scalar {
        Scalar::Signed(_) => Ranges::new(successor(&ordinal), None),
        // A text that starts with the byte of null is null, whatever follows.
        _ if matches!(field.ty(), Type::Str(_)) => Ranges::new(Some(vec![0; width]), Some(ordinal)),
        _ if !field.ty().can_be_key() => {
            Ranges::new(Some(ordinal.clone()), successor(&ordinal)).complement(width)
        }
        _ => Ranges::new(Some(vec![0; width]), Some(ordinal)),
    }
}

/// The values that are less than, equal to, or greater than a literal. Null is in none of them.
pub(in crate::query) struct Sides {
    pub(in crate::query) less: Ranges,
    pub(in crate::query) equal: Ranges,
    pub(in crate::query) greater: Ranges,
}

/// Splits the values of a field by a literal.
pub(in crate::query) fn sides(field: &FieldDef, value: &Value<'_>) -> Result<Sides> {
    let Cut { at, above } = cut(field, value)?;
    let valid = valid(field);
    let first = Some(vec![0; field.width()]);
    Ok(Sides {
        less: Ranges::new(first, at.clone()).intersection(&valid),
        equal: Ranges::new(at, above.clone()).intersection(&valid),
        greater: Ranges::new(above, None).intersection(&valid),
    })
}

/// The texts or bytes that start with a prefix.
pub(in crate::query) fn beginning(field: &FieldDef, prefix: &Value<'_>) -> Result<Ranges> {
    let bytes = match (field.ty(), prefix) {
        (Type::Str(_), Value::Text(text)) => text.as_bytes().to_vec(),
        (Type::Bytes(_), Value::Bytes(bytes)) => bytes.to_vec(),
        (Type::Bytes(_), Value::Text(text)) => hex(field, text)?,
        (Type::Str(_) | Type::Bytes(_), _) => return Err(no_value(field, prefix, "")),
        _ => bail!(
            Value,
            "field {:?} is of type {}; only str[N] and bytes[N] start with something",
            field.name(),
            field.type_text()
        ),
    };
    let width = field.width();
    if bytes.len() > width {
        return Ok(Ranges::none());
    }
    let end = successor(&bytes).map(|end| padded(&end, width));
    Ok(Ranges::new(Some(padded(&bytes, width)), end).intersection(&valid(field)))
}

fn cut(field: &FieldDef, value: &Value<'_>) -> Result<Cut> {
    let wrong = |reason: &str| Err(no_value(field, value, reason));
    match (field.ty(), value) {
        (Type::Bool, Value::Bool(value)) => Ok(whole(1, false, Whole::of((*value).into()))),
        (Type::Bool, _) => wrong("; true or false is expected"),
        (Type::Str(_), Value::Text(text)) => {
            if text.bytes().any(|byte| byte == 0) {
                return wrong(": it holds a NUL character, which no text does");
            }
            Ok(bytes_at(text.as_bytes(), field.width(), true))
        }
        (Type::Enum(names), Value::Text(name)) => match names.position(name) {
            Some(position) => Ok(whole(field.width(), false, Whole::of(position as i128))),
            None => wrong(&format!(": {}", names.unknown(name))),
        },
        (Type::Bytes(_), Value::Bytes(bytes)) => Ok(bytes_at(bytes, field.width(), false)),
        (Type::Bytes(_), Value::Text(text)) => Ok(bytes_at(&hex(field, text)?, field.width(), false)),
        (Type::Uuid, Value::Uuid(uuid)) => Ok(bytes_at(uuid.as_bytes(), 16, false)),
        (Type::Uuid, Value::Text(text)) => match parse_uuid(text) {
            Some(uuid) => Ok(bytes_at(&uuid, 16, false)),
            None => wrong(": 32 hexadecimal digits are expected"),
        },
        (Type::Date | Type::Timestamp, _) => cut_time(field, value),
        (Type::Array(..), _) => bail!(
            Value,
            "field {:?} is of type {}; arrays have no order, but an element can be compared by its offset, as in at({}, {})",
            field.name(),
            field.type_text(),
            field.offset(),
            element(field.ty())
        ),
        (ty, _) if ty.is_number() => cut_number(scalar(ty), value).ok_or_else(|| no_value(field, value, "")),
        _ => wrong(""),
    }
}

/// Where a literal falls among numbers; `None` if it is not a number.
fn cut_number(scalar: Scalar, value: &Value<'_>) -> Option<Cut> {
    if let Some((width, signed)) = scalar.whole() {
        return match value {
            Value::Signed(number) => Some(whole(width, signed, Whole::of(*number))),
            Value::Unsigned(number) => Some(whole(width, signed, Whole { negative: false, bits: *number })),
            Value::F32(real) => Some(whole_and_real(width, signed, (*real).into())),
            Value::F64(real) => Some(whole_and_real(width, signed, *real)),
            _ => None,
        };
    }
    let cut = match (scalar, value) {
        (Scalar::Float(8), Value::F64(real)) => f64_at(*real),
        (Scalar::Float(8), Value::F32(real)) => f64_at((*real).into()),
        (Scalar::Float(4), Value::F64(real)) if (*real as f32).is_infinite() && real.is_finite() => {
            // Between the last finite number and infinity.
            let cut = f32_at(*real as f32);
            let between = if *real > 0.0 { cut.at } else { cut.above };
            Cut { at: between.clone(), above: between }
        }
        (Scalar::Float(4), Value::F64(real)) => f32_at(*real as f32),
        (Scalar::Float(4), Value::F32(real)) => f32_at(*real),
        (Scalar::Float(8), _) => f64_and_whole(Whole::of_value(value)?),
        (Scalar::Float(4), _) => f32_and_whole(Whole::of_value(value)?),
        _ => return None,
    };
    Some(cut)
}

/// Where a literal falls among dates, or among timestamps.
fn cut_time(field: &FieldDef, value: &Value<'_>) -> Result<Cut> {
    let micros = |micros: i128| whole(8, true, Whole::of(micros));
    let days = |days: i32| whole(4, true, Whole::of(days.into()));
    let wrong = |reason| Err(no_value(field, value, &format!(": {reason}")));
    match (field.ty(), value) {
        (Type::Date, Value::Date(date)) => Ok(days(date.days())),
        (Type::Date, Value::Timestamp(moment)) => Ok(days_at(*moment)),
        (Type::Date, Value::Text(text)) => match (calendar::parse_date(text), text.parse::<Timestamp>()) {
            (Ok(date), _) => Ok(days(date)),
            (_, Ok(moment)) => Ok(days_at(moment)),
            (Err(reason), _) => wrong(reason),
        },
        (Type::Timestamp, Value::Timestamp(moment)) => Ok(micros(moment.micros().into())),
        (Type::Timestamp, Value::Date(date)) => Ok(micros(midnight(date.days()))),
        (Type::Timestamp, Value::Text(text)) => {
            match (calendar::parse_date(text), calendar::parse_timestamp(text)) {
                (Ok(date), _) => Ok(micros(midnight(date))),
                (_, Ok(moment)) => Ok(micros(moment.into())),
                (_, Err(reason)) => wrong(reason),
            }
        }
        _ => Err(no_value(field, value, "")),
    }
}

fn element(ty: &Type) -> Type {
    if let Type::Array(number, _) = ty { number.as_type() } else { Number::U8.as_type() }
}

fn midnight(days: i32) -> i128 {
    i128::from(days) * i128::from(DAY_MICROS)
}

/// A point in time among days. A day counts as its midnight.
fn days_at(moment: Timestamp) -> Cut {
    let (day, rest) = (moment.micros().div_euclid(DAY_MICROS), moment.micros().rem_euclid(DAY_MICROS));
    let cut = whole(4, true, Whole::of(day.into()));
    if rest == 0 { cut } else { Cut { at: cut.above.clone(), above: cut.above } }
}

#[cold]
fn no_value(field: &FieldDef, value: &Value<'_>, reason: &str) -> Error {
    let text = value.to_string();
    let text = if let Value::Text(_) = value { format!("{:?}", shown(&text)) } else { shown(&text).into() };
    let message = format!(
        "field {:?} is of type {}, which {text} ({}) cannot be compared with{reason}",
        field.name(),
        field.type_text(),
        value.kind()
    );
    Error::new(ErrorKind::Value, message)
}

fn hex(field: &FieldDef, text: &str) -> Result<Vec<u8>> {
    let wrong = || no_value(field, &Value::from(text), ": 0x and pairs of hexadecimal digits are expected");
    text.strip_prefix("0x").and_then(hex_bytes).ok_or_else(wrong)
}

fn padded(bytes: &[u8], width: usize) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(width, 0);
    padded
}

/// Bytes among those of one width. Shorter text is padded and then equal; other shorter bytes equal
/// nothing.
fn bytes_at(bytes: &[u8], width: usize, is_text: bool) -> Cut {
    if bytes.len() > width {
        // They sort after their own prefix, and before all that starts with them.
        let next = successor(&bytes[..width]);
        return Cut { at: next.clone(), above: next };
    }
    let at = padded(bytes, width);
    if bytes.len() < width && !is_text {
        return Cut { at: Some(at.clone()), above: Some(at) };
    }
    Cut { above: successor(&at), at: Some(at) }
}

/// A whole number from -2^127 to 2^128 - 1, in two's complement if negative.
#[derive(Clone, Copy)]
struct Whole {
    negative: bool,
    bits: u128,
}

impl Whole {
    fn of(number: i128) -> Whole {
        Whole { negative: number < 0, bits: number as u128 }
    }

    fn of_value(value: &Value<'_>) -> Option<Whole> {
        match value {
            Value::Signed(number) => Some(Whole::of(*number)),
            Value::Unsigned(number) => Some(Whole { negative: false, bits: *number }),
            _ => None,
        }
    }

    /// The order relative to a float that is not NaN.
    fn cmp_real(self, real: f64) -> std::cmp::Ordering {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let floor = real.floor();
        if floor >= 2_f64.powi(128) {
            return Less;
        }
        if floor < -(2_f64.powi(127)) {
            return Greater;
        }
        let whole = if floor < 0.0 {
            Whole::of(floor as i128)
        } else {
            Whole { negative: false, bits: floor as u128 }
        };
        let ordering = match (self.negative, whole.negative) {
            (true, false) => Less,
            (false, true) => Greater,
            _ => self.bits.cmp(&whole.bits),
        };
        if ordering == Equal && real > floor { Less } else { ordering }
    }

    fn to_f64(self) -> f64 {
        if self.negative { self.bits as i128 as f64 } else { self.bits as f64 }
    }

    fn to_f32(self) -> f32 {
        if self.negative { self.bits as i128 as f32 } else { self.bits as f32 }
    }
}

/// The position of a whole number in a field that can hold it.
fn whole_ordinal(number: Whole, width: usize, signed: bool) -> Vec<u8> {
    let mut ordinal = Vec::with_capacity(width);
    let scalar = if signed { Scalar::Signed(width) } else { Scalar::Unsigned(width) };
    scalar.write_ordinal(&number.bits.to_le_bytes()[..width], false, &mut ordinal);
    ordinal
}

fn whole(width: usize, signed: bool, number: Whole) -> Cut {
    let bits = 8 * width as u32;
    let first = Some(vec![0; width]);
    let (below, beyond) = if signed {
        let least = i128::MIN >> (128 - bits);
        (
            number.negative && (number.bits as i128) < least,
            !number.negative && number.bits > u128::MAX >> (129 - bits),
        )
    } else {
        (number.negative, number.bits > u128::MAX >> (128 - bits))
    };
    if below {
        return Cut { at: first.clone(), above: first };
    }
    if beyond {
        return Cut { at: None, above: None };
    }
    let at = whole_ordinal(number, width, signed);
    Cut { above: successor(&at), at: Some(at) }
}

/// The position of a float among whole numbers.
fn whole_and_real(width: usize, signed: bool, real: f64) -> Cut {
    let floor = real.floor();
    // NaN is above all numbers.
    if real.is_nan() || floor >= 2_f64.powi(128) {
        return Cut { at: None, above: None };
    }
    if floor < -(2_f64.powi(127)) {
        return Cut { at: Some(vec![0; width]), above: Some(vec![0; width]) };
    }
    let number =
        if floor < 0.0 { Whole::of(floor as i128) } else { Whole { negative: false, bits: floor as u128 } };
    let cut = whole(width, signed, number);
    if real > floor { Cut { at: cut.above.clone(), above: cut.above } } else { cut }
}

fn f64_at(real: f64) -> Cut {
    let at = ordinal_f64(real.to_bits(), false).to_be_bytes().to_vec();
    Cut { above: successor(&at), at: Some(at) }
}

fn f32_at(real: f32) -> Cut {
    let at = ordinal_f32(real.to_bits(), false).to_be_bytes().to_vec();
    Cut { above: successor(&at), at: Some(at) }
}

/// The position of a whole number among floats. It may lie between two of them.
fn f64_and_whole(number: Whole) -> Cut {
    let real = number.to_f64();
    nearest(number, real, f64_at(real))
}

fn f32_and_whole(number: Whole) -> Cut {
    let real = number.to_f32();
    nearest(number, real.into(), f32_at(real))
}

/// `cut` is the position of `real`, the float nearest to the number.
fn nearest(number: Whole, real: f64, cut: Cut) -> Cut {
    if real.is_infinite() {
        // Above all finite floats of its type and below infinity. Numbers below zero never are.
        return Cut { at: cut.at.clone(), above: cut.at };
    }
    match number.cmp_real(real) {
        std::cmp::Ordering::Equal => cut,
        std::cmp::Ordering::Less => Cut { at: cut.at.clone(), above: cut.at },
        std::cmp::Ordering::Greater => Cut { at: cut.above.clone(), above: cut.above },
    }
}
