//! A value as text and as stored bytes: `FieldDef::parse_text` and `FieldDef::write_text`.
//! Loading a CSV runs through here, so numbers and text are read without allocating.

use std::borrow::Cow;
use std::fmt;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

use bytemuck::{Pod, bytes_of, pod_read_unaligned};

use super::EnumNames;
use super::calendar;
use super::decimal::{self, NotWhole};
use super::digits::{write_f32, write_number};
use super::field::FieldDef;
use super::messages::shown;
use super::rules::{TextRules, TimestampUnit};
use super::types::{Number, Type, for_number};
use crate::error::{Error, ErrorKind, Result};

/// Why a text is not a value of a type.
type Reason = Cow<'static, str>;

impl FieldDef {
    /// Parses a value from text into its stored bytes. `out` must have [`width`](FieldDef::width)
    /// bytes.
    ///
    /// An empty text is an empty text, not null: how missing values are spelled is up to the
    /// caller. It reads what [`write_text`](FieldDef::write_text) writes, and what other programs
    /// write:
    ///
    /// - A whole number may have a point or an exponent if it is whole: `2.0`, `2e3`.
    /// - A `bool` may be `t`, `f`, `1` or `0`, and a uuid may lack its hyphens.
    /// - A timestamp may have a space in place of the T, no seconds, no time of day (it is then
    ///   midnight), no zone (it is then UTC), ` UTC`, and offsets such as `+02:00`, `+0200` and
    ///   `+02`. Digits beyond microseconds must be zeros.
    /// - A date may be `31.01.2013`, and a timestamp at midnight, UTC.
    /// - Blanks around a value are passed over, except in texts and enumerations.
    ///
    /// Nothing is rounded that the field could show: the number in an `f32` field must be the
    /// shortest text of an `f32`, such as `0.1`, or be equal to one. A whole number in a field of
    /// floats must be one. The other digits of an `f64` are rounded, as everywhere.
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if the text is not a value of this field. The message says what
    /// was expected, what was found, and why it does not fit.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "day: date, delay: i16?".parse()?;
    /// let mut stored = [0; 2];
    /// schema.field("delay")?.parse_text("-7", &mut stored)?;
    /// assert_eq!(i16::from_le_bytes(stored), -7);
    /// let error = schema.field("delay")?.parse_text("70000", &mut stored).unwrap_err();
    /// assert!(error.to_string().contains("\"70000\" is not a valid i16?: out of range"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn parse_text(&self, text: &str, out: &mut [u8]) -> Result<()> {
        self.parse_text_by(&TextRules::EXACT, text, out)
    }

    /// As [`parse_text`](FieldDef::parse_text), by other rules.
    pub(crate) fn parse_text_by(&self, rules: &TextRules, text: &str, out: &mut [u8]) -> Result<()> {
        self.check_width(out.len())?;
        let parsed =
            parse(self.ty(), text, rules, out).or_else(|reason| self.parse_bare(rules, text, reason, out));
        match parsed {
            Ok(()) if !self.is_null(out) => Ok(()),
            Ok(()) => Err(self.no_value(text, "this value is reserved for null here".into())),
            Err(reason) => Err(self.no_value(text, reason)),
        }
    }

    /// Parses a text without the blanks around it, after it was refused with them.
    #[cold]
    fn parse_bare(
        &self,
        rules: &TextRules,
        text: &str,
        reason: Reason,
        out: &mut [u8],
    ) -> Result<(), Reason> {
        let bare = text.trim_matches(BLANKS);
        if bare.len() == text.len() || matches!(self.ty(), Type::Str(_) | Type::Enum(_)) {
            return Err(reason);
        }
        parse(self.ty(), bare, rules, out)
    }

    /// Writes a stored value as text; null writes nothing.
    ///
    /// Floats are written as the shortest text that reads back as the same number, dates as
    /// `2013-01-31`, timestamps as `2013-01-31T10:00:00Z` with a fraction if it is not zero, bytes
    /// as `0x` and digits, arrays as `[1, 2, 3]`, and text unchanged.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "day: date".parse()?;
    /// let mut text = String::new();
    /// schema.field("day")?.write_text(&1_i32.to_le_bytes(), &mut text)?;
    /// assert_eq!(text, "1970-01-02");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) if the bytes are not a valid value of this field: text that
    /// is not UTF-8, a `bool` that is neither 0 nor 1, a value of an enumeration without a name.
    pub fn write_text(&self, stored: &[u8], out: &mut impl fmt::Write) -> Result<()> {
        self.check_width(stored.len())?;
        if self.is_null(stored) {
            return Ok(());
        }
        match write(self.ty(), stored, out) {
            Ok(()) => Ok(()),
            Err(Unwritten::Invalid(reason)) => Err(self.invalid(reason)),
            Err(Unwritten::Sink) => {
                let message = format!("field {:?}: the text could not be written", self.name());
                Err(Error::new(ErrorKind::Io, message))
            }
        }
    }

    /// Checks that these stored bytes are a value of this field, or null if it is nullable.
    ///
    /// ```
    /// use drystone::Schema;
    ///
    /// let schema: Schema = "carrier: str[2]".parse()?;
    /// assert!(schema.field("carrier")?.check(b"UA").is_ok());
    /// assert!(schema.field("carrier")?.check(&[0xC3, 0x28]).is_err()); // not UTF-8
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) as for [`write_text`](FieldDef::write_text);
    /// [`Value`](ErrorKind::Value) for a wrong number of bytes.
    pub fn check(&self, stored: &[u8]) -> Result<()> {
        self.check_width(stored.len())?;
        let checked = match self.ty() {
            _ if self.is_null(stored) => Ok(()),
            Type::Bool => decode_bool(stored).map(drop),
            Type::Str(_) => decode_str(stored).map(drop),
            Type::Enum(names) => decode_name(names, stored).map(drop),
            _ => Ok(()),
        };
        checked.map_err(|reason| self.invalid(reason))
    }

    /// Whether some bytes of the right width are not a valid value of this field. For all other
    /// types, any bytes are valid.
    pub(crate) fn can_be_invalid(&self) -> bool {
        matches!(self.ty(), Type::Bool | Type::Str(_) | Type::Enum(_))
    }

    #[cold]
    pub(crate) fn invalid(&self, reason: &str) -> Error {
        let message = format!(
            "field {:?}: the stored bytes are not a valid {}: {reason}",
            self.name(),
            self.type_text()
        );
        Error::new(ErrorKind::Corrupt, message).of_field(self.name())
    }

    #[cold]
    fn no_value(&self, text: &str, mut reason: Reason) -> Error {
        if reason == OUT_OF_RANGE
            && let Some(number) = self.ty().number()
            && let Some((least, greatest)) = range(number, self.is_nullable())
        {
            reason = format!("{OUT_OF_RANGE}, which is {least} to {greatest}").into();
        }
        let (name, text, ty) = (self.name(), shown(text), self.type_text());
        let message = format!("field {name:?}: {text:?} is not a valid {ty}: {reason}");
        Error::new(ErrorKind::Value, message).of_field(name).of_text(&text, &format!("{ty} ({reason})"))
    }
}

const OUT_OF_RANGE: &str = "out of range";
/// What may stand around a value other than a text.
const BLANKS: [char; 2] = [' ', '\t'];

/// The least and the greatest whole number of a type, without the one reserved for null.
pub(crate) fn range(number: Number, nullable: bool) -> Option<(i128, u128)> {
    let bits = 8 * number.width() as u32;
    let null = u128::from(nullable);
    match number {
        Number::F32 | Number::F64 => None,
        Number::U8 | Number::U16 | Number::U32 | Number::U64 | Number::U128 => {
            Some((0, (u128::MAX >> (128 - bits)) - null))
        }
        _ => Some(((i128::MIN >> (128 - bits)) + i128::from(nullable), u128::MAX >> (129 - bits))),
    }
}

fn parse(ty: &Type, text: &str, rules: &TextRules, out: &mut [u8]) -> Result<(), Reason> {
    match ty {
        Type::Bool => parse_bool(text, out),
        Type::Str(length) => parse_str(*length, text, out),
        Type::Bytes(length) => parse_bytes(*length, text, out),
        Type::Date => put(parse_day(text)?, out),
        Type::Timestamp => put(parse_moment(text, rules)?, out),
        Type::Uuid => put(parse_uuid(text).ok_or("32 hexadecimal digits are expected")?, out),
        Type::Array(number, length) => parse_array(*number, *length, text, rules, out),
        Type::Enum(names) => encode_name(names, text, out),
        number => match number.number() {
            Some(number) => parse_number(number, text, rules, out),
            None => Err("a type without text".into()),
        },
    }
}

fn put<T: Pod>(value: T, out: &mut [u8]) -> Result<(), Reason> {
    out.copy_from_slice(bytes_of(&value));
    Ok(())
}

/// A date. A timestamp is one if it is midnight.
fn parse_day(text: &str) -> Result<i32, Reason> {
    calendar::parse_date(text).or_else(|reason| {
        let Ok(micros) = calendar::parse_timestamp(text) else { return Err(reason.into()) };
        if micros % calendar::DAY_MICROS != 0 {
            return Err("it has a time of day; use a timestamp".into());
        }
        i32::try_from(micros / calendar::DAY_MICROS).map_err(|_| OUT_OF_RANGE.into())
    })
}

fn parse_moment(text: &str, rules: &TextRules) -> Result<i64, Reason> {
    calendar::read_timestamp(text, rules.round).or_else(|reason| match reason {
        calendar::BEYOND_MICROS => Err(beyond_micros()),
        reason => parse_epoch(text, rules, reason),
    })
}

#[cold]
fn beyond_micros() -> Reason {
    format!("{}; allow rounding to cut them", calendar::BEYOND_MICROS).into()
}

/// A number since 1970, if its unit is known.
fn parse_epoch(text: &str, rules: &TextRules, reason: &'static str) -> Result<i64, Reason> {
    let plain = if rules.decimal_comma { decimal::with_point(text).unwrap_or_default() } else { text.into() };
    let unit = rules.unit.unwrap_or(TimestampUnit::Micros);
    let whole = if rules.round { decimal::floor } else { decimal::whole };
    match (whole(&plain, unit.power()), rules.unit) {
        (Err(NotWhole::NoNumber), _) => Err(reason.into()),
        (_, None) => Err("it is a number; say whether such numbers are s, ms, us or ns since 1970".into()),
        (Ok((negative, size)), _) => decimal::fit(negative, size).ok_or_else(|| OUT_OF_RANGE.into()),
        (Err(NotWhole::Fraction), _) => Err(beyond_micros()),
        (Err(NotWhole::TooLarge), _) => Err(OUT_OF_RANGE.into()),
    }
}

fn parse_number(number: Number, text: &str, rules: &TextRules, out: &mut [u8]) -> Result<(), Reason> {
    for_number!(
        number,
        T => put(parse_whole::<T>(text, rules)?, out),
        f32 => put(parse_single(text, rules)?, out),
        f64 => put(parse_double(text, rules)?, out)
    )
}

fn parse_whole<T>(text: &str, rules: &TextRules) -> Result<T, Reason>
where
    T: FromStr<Err = ParseIntError> + TryFrom<u128> + TryFrom<i128>,
{
    text.parse().or_else(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => Err(OUT_OF_RANGE.into()),
        IntErrorKind::Empty => Err(NO_TEXT.into()),
        _ => parse_whole_decimal(text, rules),
    })
}

const NO_TEXT: &str = "there is no text";
const NOT_WHOLE: &str = "not a whole number";

/// A whole number with a point or an exponent.
fn parse_whole_decimal<T: TryFrom<u128> + TryFrom<i128>>(text: &str, rules: &TextRules) -> Result<T, Reason> {
    let plain = number_text(text, rules)?;
    match decimal::whole(&plain, 0) {
        Ok((negative, size)) => decimal::fit(negative, size).ok_or_else(|| OUT_OF_RANGE.into()),
        Err(NotWhole::TooLarge) => Err(OUT_OF_RANGE.into()),
        Err(NotWhole::Fraction | NotWhole::NoNumber) => Err(NOT_WHOLE.into()),
    }
}

/// The text of a number with a decimal point.
#[inline]
fn number_text<'t>(text: &'t str, rules: &TextRules) -> Result<Cow<'t, str>, Reason> {
    if !rules.decimal_comma {
        return Ok(text.into());
    }
    decimal::with_point(text)
        .ok_or_else(|| "the decimal mark is a comma, and a point may only part thousands".into())
}

fn parse_single(text: &str, rules: &TextRules) -> Result<f32, Reason> {
    let text = number_text(text, rules)?;
    let single: f32 = parse_real(&text, |real: f32| real.is_infinite())?;
    // Numbers of up to six digits all have different `f32`s, so each is the text of its own.
    let is_short =
        text.len() <= 6 || (text.len() <= 8 && text.bytes().filter(u8::is_ascii_digit).count() <= 6);
    if (is_short && single.is_normal()) || rules.round || !single.is_finite() {
        return Ok(single);
    }
    let double: f64 = parse_real(&text, |real: f64| real.is_infinite())?;
    if is_single(&text, double, single) { Ok(single) } else { Err(inexact(single).into()) }
}

/// Whether the nearest `f32` to a number, which is given as text and as `f64`, keeps it: is equal
/// to it, or would be shown by its digits. Where two texts are equally short and near, either will
/// do.
pub(crate) fn is_single(text: &str, double: f64, single: f32) -> bool {
    let kept = f64::from(single);
    if double == kept {
        return true;
    }
    let mut shortest = String::new();
    let is_written = write_f32(single, &mut shortest).is_ok();
    let Ok(shown) = shortest.parse::<f64>() else { return false };
    // The texts are decimal, so that their distances as floats are equal up to the last digits.
    let distance = (shown - kept).abs() * (1.0 + 1e-6);
    is_written
        && (shown == double
            || (significant(text) <= significant(&shortest) && (double - kept).abs() <= distance))
}

/// How many digits of a number count: those from the first to the last that is not zero.
fn significant(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let is_digit = |digit: &u8| *digit != b'0';
    match (digits.iter().position(is_digit), digits.iter().rposition(is_digit)) {
        (Some(first), Some(last)) => last + 1 - first,
        _ => 0,
    }
}

/// Why a number does not fit an `f32`.
#[cold]
pub(crate) fn inexact(single: f32) -> String {
    format!("an f32 has too few digits, and would be {single}; use f64, or allow rounding")
}

fn parse_double(text: &str, rules: &TextRules) -> Result<f64, Reason> {
    let text = number_text(text, rules)?;
    let double: f64 = parse_real(&text, |real: f64| real.is_infinite())?;
    if text.len() > 15 && !rules.round && !keeps_whole(&text, double) {
        return Err(format!(
            "an f64 has too few digits for this whole number, and would be {double}; use a type of whole numbers, or allow rounding"
        )
        .into());
    }
    Ok(double)
}

/// Whether a float shows the same digits as a text, if the text is a whole number.
#[cold]
pub(crate) fn keeps_whole(text: &str, double: f64) -> bool {
    let digits = text.trim_start_matches(['-', '+']).trim_start_matches('0');
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    // Both the exact number and the shortest text, with zeros, are known to programs.
    let size = double.abs();
    digits.is_empty() || format!("{size}") == digits || format!("{size:.0}") == digits
}

fn parse_real<T: FromStr + Copy>(text: &str, is_infinite: fn(T) -> bool) -> Result<T, &'static str> {
    let real: T = text.parse().map_err(|_| if text.is_empty() { NO_TEXT } else { "not a number" })?;
    // Infinity must have been meant: 1e999 is too great, not infinite.
    if is_infinite(real) && text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err("out of range; infinity is written inf");
    }
    Ok(real)
}

fn parse_bool(text: &str, out: &mut [u8]) -> Result<(), Reason> {
    let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match (is(["true", "t", "1"]), is(["false", "f", "0"])) {
        (true, _) => put(1_u8, out),
        (_, true) => put(0_u8, out),
        _ => Err("true or false is expected".into()),
    }
}

fn parse_str(length: u16, text: &str, out: &mut [u8]) -> Result<(), Reason> {
    check_str(text, length.into())?;
    let (used, padding) = out.split_at_mut(text.len());
    used.copy_from_slice(text.as_bytes());
    padding.fill(0);
    Ok(())
}

/// Whether a text can be stored in this many bytes.
pub(crate) fn check_str(text: &str, length: usize) -> Result<(), Reason> {
    if text.len() > length {
        return Err(format!("too long: {} bytes, and there is room for {length}", text.len()).into());
    }
    if text.bytes().any(|byte| byte == 0) {
        return Err("it contains a NUL character, which marks the end of a text; use bytes[N]".into());
    }
    Ok(())
}

fn parse_bytes(length: u16, text: &str, out: &mut [u8]) -> Result<(), Reason> {
    let Some(digits) = text.strip_prefix("0x") else {
        return Err("0x and hexadecimal digits are expected".into());
    };
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("there is a character that is no hexadecimal digit".into());
    }
    if digits.len() != 2 * out.len() {
        return Err(format!("{} digits, where {length} bytes take {}", digits.len(), 2 * out.len()).into());
    }
    read_hex(digits.as_bytes(), out);
    Ok(())
}

/// The bytes of pairs of hexadecimal digits; `None` if there are other characters, or an odd digit.
pub(crate) fn hex_bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = vec![0; digits.len() / 2];
    read_hex(digits.as_bytes(), &mut bytes);
    Some(bytes)
}

/// Reads pairs of digits that are known to be hexadecimal.
fn read_hex(digits: &[u8], out: &mut [u8]) {
    for (byte, [high, low]) in out.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = hex_digit(*high) << 4 | hex_digit(*low);
    }
}

/// The value of a byte that is known to be a hexadecimal digit.
fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10) & 0xF,
    }
}

pub(crate) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    let hyphens: &[usize] = match digits.len() {
        32 => &[],
        36 => &[8, 13, 18, 23],
        _ => return None,
    };
    let mut plain = [0; 32];
    let mut places = plain.iter_mut();
    for (at, &digit) in digits.iter().enumerate() {
        match (digit, hyphens.contains(&at)) {
            (b'-', true) => {}
            (_, true) => return None,
            _ if !digit.is_ascii_hexdigit() => return None,
            _ => *places.next()? = digit,
        }
    }
    let mut uuid = [0; 16];
    read_hex(&plain, &mut uuid);
    Some(uuid)
}

fn parse_array(
    number: Number,
    length: u16,
    text: &str,
    rules: &TextRules,
    out: &mut [u8],
) -> Result<(), Reason> {
    let inner = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let inner = inner.ok_or("numbers in brackets are expected, such as [1, 2, 3]")?;
    // Commas stand between the numbers.
    let rules = &TextRules { decimal_comma: false, ..rules.clone() };
    let mut slots = out.chunks_exact_mut(number.width());
    let mut count = 0;
    for (at, element) in inner.split(',').enumerate() {
        count = at + 1;
        if let Some(slot) = slots.next() {
            parse_number(number, element.trim(), rules, slot)
                .map_err(|reason| format!("element {count}, {:?}: {reason}", shown(element.trim())))?;
        }
    }
    if count != usize::from(length) {
        return Err(format!("{count} elements, expected {length}").into());
    }
    Ok(())
}

enum Unwritten {
    Invalid(&'static str),
    Sink,
}

impl From<fmt::Error> for Unwritten {
    fn from(_: fmt::Error) -> Unwritten {
        Unwritten::Sink
    }
}

impl From<&'static str> for Unwritten {
    fn from(reason: &'static str) -> Unwritten {
        Unwritten::Invalid(reason)
    }
}

fn write(ty: &Type, stored: &[u8], out: &mut impl fmt::Write) -> Result<(), Unwritten> {
    match ty {
        Type::Bool => write!(out, "{}", decode_bool(stored)?)?,
        Type::Str(_) => out.write_str(decode_str(stored)?)?,
        Type::Bytes(_) => write_bytes(stored, out)?,
        Type::Date => calendar::write_date(pod_read_unaligned(stored), out)?,
        Type::Timestamp => calendar::write_timestamp(pod_read_unaligned(stored), out)?,
        Type::Uuid => write_uuid(stored, out)?,
        Type::Array(number, _) => {
            for (at, element) in stored.chunks_exact(number.width()).enumerate() {
                out.write_str(if at == 0 { "[" } else { ", " })?;
                write_number(*number, element, out)?;
            }
            out.write_char(']')?;
        }
        Type::Enum(names) => out.write_str(decode_name(names, stored)?)?,
        number => {
            if let Some(number) = number.number() {
                write_number(number, stored, out)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn write_bytes(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    out.write_str("0x")?;
    write_hex(bytes, out)
}

fn write_hex(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

pub(crate) fn write_uuid(uuid: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    write_hex(&uuid[..4], out)?;
    for part in [4..6, 6..8, 8..10, 10..16] {
        out.write_char('-')?;
        write_hex(&uuid[part], out)?;
    }
    Ok(())
}

pub(crate) fn decode_bool(stored: &[u8]) -> Result<bool, &'static str> {
    match stored {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err("it is neither 0 nor 1"),
    }
}

/// The name for which these bytes stand.
pub(crate) fn decode_name<'n>(names: &'n EnumNames, stored: &[u8]) -> Result<&'n str, &'static str> {
    names.get(decode_ordinal(stored)).ok_or("the enumeration has fewer names")
}

/// The position for which the bytes of an enumeration stand.
pub(crate) fn decode_ordinal(stored: &[u8]) -> usize {
    stored.iter().rev().fold(0, |ordinal, byte| ordinal << 8 | usize::from(*byte))
}

/// Writes the position of a name.
pub(crate) fn encode_name(names: &EnumNames, name: &str, out: &mut [u8]) -> Result<(), Cow<'static, str>> {
    let Some(position) = names.position(name) else { return Err(names.unknown(name).into()) };
    let width = out.len();
    out.copy_from_slice(&position.to_le_bytes()[..width]);
    Ok(())
}

/// The text in these bytes without its padding.
pub(crate) fn decode_str(stored: &[u8]) -> Result<&str, &'static str> {
    let end = stored.iter().position(|byte| *byte == 0).unwrap_or(stored.len());
    let (text, padding) = stored.split_at(end);
    if padding.iter().any(|byte| *byte != 0) {
        return Err("there are bytes behind its end");
    }
    str::from_utf8(text).map_err(|_| "it is not UTF-8")
}
