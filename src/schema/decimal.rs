//! Exact decimal numbers as text: whole numbers that are written with a point or an exponent, and
//! decimal commas. No float is involved, so nothing is rounded.

use std::borrow::Cow;

/// Why a text is not a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotWhole {
    /// It is no number at all.
    NoNumber,
    /// There are digits other than zero behind the point.
    Fraction,
    /// It has more than 128 bits.
    TooLarge,
}

/// The number in a text such as `-2.50` or `2.5e3`, times ten to this power, if that is a whole
/// number: whether it is negative, and its size.
pub(crate) fn whole(text: &str, power: i32) -> Result<(bool, u128), NotWhole> {
    match split(text, power)? {
        (negative, size, false) => Ok((negative, size)),
        _ => Err(NotWhole::Fraction),
    }
}

/// The same, or the whole number below it.
pub(crate) fn floor(text: &str, power: i32) -> Result<(bool, u128), NotWhole> {
    let (negative, size, has_fraction) = split(text, power)?;
    let below = if negative && has_fraction { size.checked_add(1) } else { Some(size) };
    Ok((negative, below.ok_or(NotWhole::TooLarge)?))
}

/// Whether a number is negative, its size without a fraction, and whether it has one.
fn split(text: &str, power: i32) -> Result<(bool, u128, bool), NotWhole> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match digits.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, parse_exponent(exponent)?),
        None => (digits, 0),
    };
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = || integer.bytes().chain(fraction.bytes());
    if integer.len() + fraction.len() == 0 || !all().all(|digit| digit.is_ascii_digit()) {
        return Err(NotWhole::NoNumber);
    }
    // How many of the digits come before the point.
    let kept = integer.len() as i64 + i64::from(exponent) + i64::from(power);
    let (mut size, mut has_fraction): (u128, _) = (0, false);
    for (digit, at) in all().zip(0..) {
        if at < kept {
            let next = size.checked_mul(10).and_then(|size| size.checked_add(u128::from(digit - b'0')));
            size = next.ok_or(NotWhole::TooLarge)?;
        } else {
            has_fraction |= digit != b'0';
        }
    }
    let zeros = kept - (integer.len() + fraction.len()) as i64;
    if zeros > 0 && size > 0 {
        let times = u32::try_from(zeros).ok().and_then(|zeros| 10_u128.checked_pow(zeros));
        size = times.and_then(|times| size.checked_mul(times)).ok_or(NotWhole::TooLarge)?;
    }
    Ok((negative, size, has_fraction))
}

/// An exponent. Beyond the limits it is the limit: the number is zero or too large either way.
fn parse_exponent(text: &str) -> Result<i32, NotWhole> {
    const MOST: i32 = 100_000;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NotWhole::NoNumber);
    }
    let size = digits.parse().unwrap_or(MOST).min(MOST);
    Ok(if negative { -size } else { size })
}

/// A whole number of this type, if it is in its range.
pub(crate) fn fit<T: TryFrom<u128> + TryFrom<i128>>(negative: bool, size: u128) -> Option<T> {
    if negative {
        // The least i128 has no counterpart above zero.
        let number = 0_i128.checked_sub_unsigned(size)?;
        T::try_from(number).ok()
    } else {
        T::try_from(size).ok()
    }
}

/// A number with a decimal comma, and with points between thousands if it has any: `1.234,50`. The
/// result has a decimal point. `None` if a point stands elsewhere than between thousands.
pub(crate) fn with_point(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b',' | b'.')) {
        return Some(text.into());
    }
    let (integer, fraction) = text.split_once(',').unwrap_or((text, ""));
    if fraction.contains([',', '.']) {
        return None;
    }
    let digits = integer.trim_start_matches(['-', '+']);
    if digits.contains('.') {
        let mut groups = digits.split('.');
        let first = groups.next().unwrap_or_default();
        let is_number = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
        let is_grouped = (1..=3).contains(&first.len())
            && is_number(first)
            && groups.all(|group| group.len() == 3 && is_number(group));
        if !is_grouped {
            return None;
        }
    }
    let mut plain = integer.replace('.', "");
    if text.contains(',') {
        plain.push('.');
        plain.push_str(fraction);
    }
    Some(plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact_however_they_are_written() {
        for (text, power, expected) in [
            ("7", 0, Ok((false, 7))),
            ("-7.000", 0, Ok((true, 7))),
            ("+2.5e3", 0, Ok((false, 2500))),
            ("2500e-2", 0, Ok((false, 25))),
            (".5e1", 0, Ok((false, 5))),
            ("5.", 0, Ok((false, 5))),
            ("0e999999999999", 0, Ok((false, 0))),
            ("0.0", 0, Ok((false, 0))),
            ("1.5", 6, Ok((false, 1_500_000))),
            ("1372939200.123456000", 6, Ok((false, 1_372_939_200_123_456))),
            ("1372939200123456000", -3, Ok((false, 1_372_939_200_123_456))),
            ("1", -3, Err(NotWhole::Fraction)),
            ("9007199254740993.0", 0, Ok((false, 9_007_199_254_740_993))),
            ("340282366920938463463374607431768211455.0", 0, Ok((false, u128::MAX))),
            ("340282366920938463463374607431768211456", 0, Err(NotWhole::TooLarge)),
            ("1e40", 0, Err(NotWhole::TooLarge)),
            ("1e99999999999", 0, Err(NotWhole::TooLarge)),
            ("1.5", 0, Err(NotWhole::Fraction)),
            ("1e-1", 0, Err(NotWhole::Fraction)),
            ("1e-99999999999", 0, Err(NotWhole::Fraction)),
        ] {
            assert_eq!(whole(text, power), expected, "{text}");
        }
        for text in ["", ".", "-", "e5", "1e", "1.2.3", "0x10", "1 000", "NaN", "--1", "+-1"] {
            assert_eq!(whole(text, 0), Err(NotWhole::NoNumber), "{text}");
        }
        assert_eq!(fit::<i128>(true, 1 << 127), Some(i128::MIN));
        assert_eq!((fit::<i8>(true, 129), fit::<u8>(true, 0), fit::<u8>(true, 1)), (None, Some(0), None));
    }

    #[test]
    fn a_decimal_comma_becomes_a_point_and_points_part_thousands() {
        for (text, expected) in [
            ("1,5", Some("1.5")),
            ("-1.234,50", Some("-1234.50")),
            ("1.234.567", Some("1234567")),
            ("12", Some("12")),
            (",5", Some(".5")),
            ("1,5e3", Some("1.5e3")),
            ("NaN", Some("NaN")),
            ("1.5", None),
            ("1.23,5", None),
            ("31.12.2024", None),
            ("1,2,3", None),
            ("1,234.5", None),
            ("1234.567", None),
        ] {
            assert_eq!(with_point(text).as_deref(), expected, "{text}");
        }
    }
}
