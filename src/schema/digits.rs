//! Writes numbers as text. Exporting a CSV runs through here.

use std::fmt;

use bytemuck::pod_read_unaligned;

use super::types::{Number, for_number};

/// Writes a stored number.
pub(super) fn write_number(number: Number, stored: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for_number!(
        number,
        T => out.write_str(itoa::Buffer::new().format(pod_read_unaligned::<T>(stored))),
        f32 => write_f32(pod_read_unaligned(stored), out),
        f64 => write_f64(pod_read_unaligned(stored), out)
    )
}

/// The shortest text that reads back to the same number, and the nearest of those; of two that are
/// equally near, the even one. With an exponent where it is very great or very small.
pub(crate) fn write_f32(real: f32, out: &mut impl fmt::Write) -> fmt::Result {
    match is_plain(real.abs().into()) {
        true => write_plain(zmij::Buffer::new().format_finite(real), &real, out),
        false => write!(out, "{real:e}"),
    }
}

/// As [`write_f32`].
pub(crate) fn write_f64(real: f64, out: &mut impl fmt::Write) -> fmt::Result {
    match is_plain(real.abs()) {
        true => write_plain(zmij::Buffer::new().format_finite(real), &real, out),
        false => write!(out, "{real:e}"),
    }
}

/// Whether a number is written without an exponent.
fn is_plain(size: f64) -> bool {
    size == 0.0 || (1e-5..1e16).contains(&size)
}

/// Writes the shortest text of a number without an exponent, and without a zero behind the point.
fn write_plain(text: &str, real: &impl fmt::Display, out: &mut impl fmt::Write) -> fmt::Result {
    let text = text.strip_suffix(".0").unwrap_or(text);
    if text.contains('e') { write!(out, "{real}") } else { out.write_str(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
        let mut text = String::new();
        write(&mut text).unwrap();
        text
    }

    /// Of two texts that are equally short and near, the standard library may take the other one.
    fn alike(double: f64, single: f32) {
        let text = text_of(|out| write_f64(double, out));
        let expected = if is_plain(double.abs()) { format!("{double}") } else { format!("{double:e}") };
        let is_tie = text.len() == expected.len() && text.parse() == Ok(double);
        assert!(text == expected || is_tie, "{text}, not {expected}");
        let text = text_of(|out| write_f32(single, out));
        let expected =
            if is_plain(single.abs().into()) { format!("{single}") } else { format!("{single:e}") };
        let is_tie = text.len() == expected.len() && text.parse() == Ok(single);
        assert!(text == expected || is_tie, "{text}, not {expected}");
    }

    #[test]
    fn special_numbers_are_written_as_the_standard_library_writes_them() {
        for size in
            [0.0, 1.0, 0.1, 1e-5, 9e-6, 9_999_999_999_999_998.0, 1e16, 123_456_789.0, f64::MAX, f64::INFINITY]
        {
            alike(size, size as f32);
            alike(-size, -size as f32);
        }
        for power in -30..60 {
            alike(10_f64.powi(power), 10_f32.powi(power));
            alike(2_f64.powi(power), 2_f32.powi(power));
        }
        alike(f64::NAN, f32::NAN);
        // Between 1105286.2 and 1105286.3.
        assert_eq!(text_of(|out| write_f32(1_105_286.0 + 0.25, out)), "1105286.2");
        alike(f64::MIN_POSITIVE, f32::MIN_POSITIVE);
        alike(f64::from_bits(1), f32::from_bits(1));
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_the_standard_library_writes_them(
            double: u64, single: u32, whole: i64, (units, decimals) in (any::<i32>(), 0..9),
        ) {
            alike(f64::from_bits(double), f32::from_bits(single));
            alike(whole as f64, whole as f32);
            alike(f64::from(units) / 10_f64.powi(decimals), (f64::from(units) / 10_f64.powi(decimals)) as f32);
        }
    }
}
