//! The order of a type's values. An ordinal is a string of bytes that orders as the values do. This
//! file converts stored bytes to ordinals and back, and finds where a literal falls among them.
//!
//! Whole numbers: most significant byte first, sign bit flipped. Floats: the same, with one zero;
//! then all NaNs as one value, then null. Text, bytes and uuids: as stored. The value reserved for
//! null is the first ordinal or the last one.

use super::ranges::{End, Ranges, successor};
use crate::error::{Error, ErrorKind, Result, fail};
use crate::record::{Timestamp, Value};
use crate::schema::calendar::{self, DAY_MICROS};
use crate::schema::shown;
use crate::schema::text::{hex_bytes, parse_uuid};
use crate::schema::{FieldDef, Number, Type};

/// How the stored bytes of a field relate to its ordinals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::query) enum Class {
    /// A whole number of `width` bytes, least significant byte first.
    Whole {
        width: usize,
        signed: bool,
    },
    F32,
    F64,
    /// Bytes that are stored in their order.
    Bytes {
        width: usize,
    },
    /// An array, whose values have no order.
    Array {
        width: usize,
    },
}

/// Where a literal falls: the first ordinal that is not below it, and the first one above it.
struct Cut {
    at: End,
    above: End,
}

impl Class {
    pub(in crate::query) fn of(ty: &Type) -> Class {
        let width = ty.width();
        match ty {
            Type::F32 => Class::F32,
            Type::F64 => Class::F64,
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 | Type::Date | Type::Timestamp => {
                Class::Whole { width, signed: true }
            }
            Type::Bool | Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::U128 | Type::Enum(_) => {
                Class::Whole { width, signed: false }
            }
            Type::Str(_) | Type::Bytes(_) | Type::Uuid => Class::Bytes { width },
            Type::Array(..) => Class::Array { width },
        }
    }

    /// Appends the ordinal of stored bytes to `out`. For arrays these are the bytes themselves.
    pub(in crate::query) fn write_ordinal(self, field: &FieldDef, stored: &[u8], out: &mut Vec<u8>) {
        match self {
            Class::Whole { signed, .. } => {
                let start = out.len();
                out.extend(stored.iter().rev());
                if signed {
                    out[start] ^= 0x80;
                }
            }
            Class::F32 => {
                let bits = stored.try_into().map_or(0, u32::from_le_bytes);
                out.extend(ordinal_f32(bits, field.is_nullable()).to_be_bytes());
            }
            Class::F64 => {
                let bits = stored.try_into().map_or(0, u64::from_le_bytes);
                out.extend(ordinal_f64(bits, field.is_nullable()).to_be_bytes());
            }
            Class::Bytes { .. } | Class::Array { .. } => out.extend_from_slice(stored),
        }
    }

    /// Appends the stored bytes of an ordinal to `out`.
    pub(in crate::query) fn write_stored(self, ordinal: &[u8], out: &mut Vec<u8>) {
        match self {
            Class::Whole { signed, .. } => {
                out.extend(ordinal.iter().rev());
                if signed && let Some(last) = out.last_mut() {
                    *last ^= 0x80;
                }
            }
            Class::F32 => {
                let bits = ordinal.try_into().map_or(0, u32::from_be_bytes);
                out.extend(stored_f32(bits).to_le_bytes());
            }
            Class::F64 => {
                let bits = ordinal.try_into().map_or(0, u64::from_be_bytes);
                out.extend(stored_f64(bits).to_le_bytes());
            }
            Class::Bytes { .. } | Class::Array { .. } => out.extend_from_slice(ordinal),
        }
    }
}

/// The ordinal of an `f32`: in the order of numbers, with -0.0 as 0.0, every NaN as the last but
/// one, and null as the last.
#[inline(always)]
pub(in crate::query) fn ordinal_f32(bits: u32, nullable: bool) -> u32 {
    let real = f32::from_bits(bits);
    if real.is_nan() {
        return if nullable && bits == u32::MAX { u32::MAX } else { u32::MAX - 1 };
    }
    let bits = (real + 0.0).to_bits();
    bits ^ (((bits as i32 >> 31) as u32) | 0x8000_0000)
}

/// The ordinal of an `f64`, as for an `f32`.
#[inline(always)]
pub(in crate::query) fn ordinal_f64(bits: u64, nullable: bool) -> u64 {
    let real = f64::from_bits(bits);
    if real.is_nan() {
        return if nullable && bits == u64::MAX { u64::MAX } else { u64::MAX - 1 };
    }
    let bits = (real + 0.0).to_bits();
    bits ^ (((bits as i64 >> 63) as u64) | 0x8000_0000_0000_0000)
}

fn stored_f32(ordinal: u32) -> u32 {
    match ordinal {
        u32::MAX => u32::MAX,
        ordinal if ordinal == u32::MAX - 1 => f32::NAN.to_bits(),
        ordinal if ordinal & 0x8000_0000 != 0 => ordinal ^ 0x8000_0000,
        ordinal => !ordinal,
    }
}

fn stored_f64(ordinal: u64) -> u64 {
    match ordinal {
        u64::MAX => u64::MAX,
        ordinal if ordinal == u64::MAX - 1 => f64::NAN.to_bits(),
        ordinal if ordinal & 0x8000_0000_0000_0000 != 0 => ordinal ^ 0x8000_0000_0000_0000,
        ordinal => !ordinal,
    }
}

/// The set of all values of a field that are not null.
pub(in crate::query) fn valid(field: &FieldDef) -> Ranges {
    let width = field.width();
    let Some(null) = field.null() else { return Ranges::all(width) };
    let class = Class::of(field.ty());
    let mut ordinal = Vec::with_capacity(width);
    class.write_ordinal(field, null, &mut ordinal);
    match class {
        Class::Whole { signed: true, .. } => Ranges::new(successor(&ordinal), None),
        // A text that starts with the byte of null is null, whatever follows.
        _ if matches!(field.ty(), Type::Str(_)) => Ranges::new(Some(vec![0; width]), Some(ordinal)),
        Class::Array { .. } => Ranges::new(Some(ordinal.clone()), successor(&ordinal)).complement(width),
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
        _ => fail!(
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
        (Type::Array(..), _) => fail!(
            Value,
            "field {:?} is of type {}; arrays have no order, but an element can be compared by its offset, as in at({}, {})",
            field.name(),
            field.type_text(),
            field.offset(),
            element(field.ty())
        ),
        (ty, _) if ty.is_number() => {
            cut_number(Class::of(ty), value).ok_or_else(|| no_value(field, value, ""))
        }
        _ => wrong(""),
    }
}

/// Where a literal falls among numbers; `None` if it is not a number.
fn cut_number(class: Class, value: &Value<'_>) -> Option<Cut> {
    let cut = match (class, value) {
        (Class::Whole { width, signed }, Value::Signed(number)) => whole(width, signed, Whole::of(*number)),
        (Class::Whole { width, signed }, Value::Unsigned(number)) => {
            whole(width, signed, Whole { negative: false, bits: *number })
        }
        (Class::Whole { width, signed }, Value::F32(real)) => whole_and_real(width, signed, (*real).into()),
        (Class::Whole { width, signed }, Value::F64(real)) => whole_and_real(width, signed, *real),
        (Class::F64, Value::F64(real)) => f64_at(*real),
        (Class::F64, Value::F32(real)) => f64_at((*real).into()),
        (Class::F32, Value::F64(real)) if (*real as f32).is_infinite() && real.is_finite() => {
            // Between the last finite number and infinity.
            let cut = f32_at(*real as f32);
            let between = if *real > 0.0 { cut.at } else { cut.above };
            Cut { at: between.clone(), above: between }
        }
        (Class::F32, Value::F64(real)) => f32_at(*real as f32),
        (Class::F32, Value::F32(real)) => f32_at(*real),
        (Class::F64, _) => f64_and_whole(Whole::of_value(value)?),
        (Class::F32, _) => f32_and_whole(Whole::of_value(value)?),
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
    let mut ordinal = number.bits.to_be_bytes()[16 - width..].to_vec();
    if signed {
        ordinal[0] ^= 0x80;
    }
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
