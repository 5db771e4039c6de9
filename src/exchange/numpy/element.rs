//! One element of a NumPy array: its type, its byte order, and its value. The reader converts by
//! it.

use crate::record::{Date, Timestamp, Value};
use crate::schema::Number;

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Signed,
    Unsigned,
    Float,
    /// Bytes that end where only zeros follow: `S`.
    Bytes,
    /// Text in UTF-32: `U`.
    Text,
    /// Raw bytes: `V`.
    Void,
    /// Times: `M8`.
    Moment(Unit),
}

impl Kind {
    /// The same number type, for elements of this width.
    pub(super) fn number(self, width: usize) -> Option<Number> {
        Some(match (self, width) {
            (Kind::Unsigned, 1) => Number::U8,
            (Kind::Unsigned, 2) => Number::U16,
            (Kind::Unsigned, 4) => Number::U32,
            (Kind::Unsigned, 8) => Number::U64,
            (Kind::Signed, 1) => Number::I8,
            (Kind::Signed, 2) => Number::I16,
            (Kind::Signed, 4) => Number::I32,
            (Kind::Signed, 8) => Number::I64,
            (Kind::Float, 4) => Number::F32,
            (Kind::Float, 8) => Number::F64,
            _ => return None,
        })
    }
}

/// The unit of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Whole days.
    Days(i64),
    /// Units of this many microseconds.
    Micros(i64),
    Nanos(i64),
}

impl Unit {
    pub(super) fn is_micros(self) -> bool {
        self == Unit::Micros(1)
    }
}

/// The type of an element with its width and byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) kind: Kind,
    width: usize,
    is_big: bool,
}

impl Element {
    /// Reads a type such as `<i4`, or says why no field holds it.
    pub(super) fn parse(text: &str) -> Result<Element, String> {
        let plain = text.trim_start_matches(['<', '>', '|', '=']);
        let is_big = text.starts_with('>');
        let (letter, size) = plain.split_at_checked(1).ok_or_else(|| unknown(text))?;
        let (digits, unit) = match size.split_once('[') {
            Some((digits, unit)) => (digits, Some(unit.strip_suffix(']').ok_or_else(|| unknown(text))?)),
            None => (size, None),
        };
        if letter == "O" {
            return Err(format!(
                "its dtype {text:?} is Python objects, which are pickled; make it a type of fixed width first, as in .astype('S10') or .astype('<f8')"
            ));
        }
        if letter == "?" && digits.is_empty() {
            return Ok(Element { kind: Kind::Bool, width: 1, is_big });
        }
        let width: usize =
            digits.parse().ok().filter(|width| *width <= 1 << 20).ok_or_else(|| unknown(text))?;
        let (kind, width) = match (letter, width) {
            ("b", 1) => (Kind::Bool, 1),
            ("i", 1 | 2 | 4 | 8) => (Kind::Signed, width),
            ("u", 1 | 2 | 4 | 8) => (Kind::Unsigned, width),
            ("f", 2 | 4 | 8) => (Kind::Float, width),
            ("S" | "a", _) => (Kind::Bytes, width),
            ("U", _) => (Kind::Text, 4 * width),
            ("V", _) => (Kind::Void, width),
            ("M", 8) => (Kind::Moment(moment(text, unit)?), 8),
            ("f", _) => return Err(format!("no field holds the dtype {text:?}; make it .astype('<f8')")),
            ("c", _) => {
                return Err(format!(
                    "no field holds the dtype {text:?}; make its real and imaginary parts two fields"
                ));
            }
            ("m", _) => {
                return Err(format!(
                    "no field holds the dtype {text:?}; view it as '<i8', and say in the name what it counts"
                ));
            }
            _ => return Err(unknown(text)),
        };
        Ok(Element { kind, width, is_big })
    }

    pub(super) fn width(self) -> usize {
        self.width
    }

    /// Whether its byte order differs from that of this machine.
    pub(super) fn is_swapped(self) -> bool {
        self.is_big && self.width > 1 && !matches!(self.kind, Kind::Bytes | Kind::Void | Kind::Bool)
    }

    /// The value in these bytes, or why there is none. If it `rounds`, nanoseconds are cut.
    pub(super) fn value(self, bytes: &[u8], rounds: bool) -> Result<Value<'_>, String> {
        Ok(match self.kind {
            Kind::Bool => match bytes {
                [0] => false.into(),
                [1] => true.into(),
                _ => return Err("a truth value that is neither 0 nor 1".into()),
            },
            Kind::Signed => {
                let shift = 64 - 8 * self.width as u32;
                (((self.bits(bytes) << shift) as i64) >> shift).into()
            }
            Kind::Unsigned => self.bits(bytes).into(),
            Kind::Float => match self.width {
                2 => half(self.bits(bytes) as u16).into(),
                4 => f32::from_bits(self.bits(bytes) as u32).into(),
                _ => f64::from_bits(self.bits(bytes)).into(),
            },
            Kind::Bytes => {
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                match str::from_utf8(&bytes[..end]) {
                    Ok(text) => text.into(),
                    Err(_) => return Err("bytes that are not UTF-8; make the field bytes[N]".into()),
                }
            }
            Kind::Text => self.text(bytes)?.into(),
            Kind::Void => bytes.into(),
            Kind::Moment(unit) => match self.bits(bytes) as i64 {
                i64::MIN => Value::Null,
                count => moment_value(unit, count, rounds)?,
            },
        })
    }

    /// A number of up to eight bytes.
    fn bits(self, bytes: &[u8]) -> u64 {
        let mut bits = [0; 8];
        for (at, byte) in bytes.iter().take(8).enumerate() {
            bits[if self.is_big { bytes.len() - 1 - at } else { at }] = *byte;
        }
        u64::from_le_bytes(bits)
    }

    fn text(self, bytes: &[u8]) -> Result<String, String> {
        let codes = bytes.chunks_exact(4).map(|code| Element { width: 4, ..self }.bits(code) as u32);
        let letters: Option<String> = codes.map(char::from_u32).collect();
        let text = letters.ok_or("a code that is no letter")?;
        Ok(text.trim_end_matches('\0').to_owned())
    }
}

#[cold]
fn unknown(text: &str) -> String {
    format!("{:?} is not a known dtype", crate::schema::shown(text))
}

fn moment(text: &str, unit: Option<&str>) -> Result<Unit, String> {
    let unit = unit.unwrap_or_default();
    let digits = unit.bytes().take_while(u8::is_ascii_digit).count();
    let (count, name) = unit.split_at(digits);
    let count: i64 = if count.is_empty() { 1 } else { count.parse().map_err(|_| unknown(text))? };
    let unit = match name {
        "W" => count.checked_mul(7).map(Unit::Days),
        "D" => Some(Unit::Days(count)),
        "h" => count.checked_mul(3_600_000_000).map(Unit::Micros),
        "m" => count.checked_mul(60_000_000).map(Unit::Micros),
        "s" => count.checked_mul(1_000_000).map(Unit::Micros),
        "ms" => count.checked_mul(1_000).map(Unit::Micros),
        "us" => Some(Unit::Micros(count)),
        "ns" => Some(Unit::Nanos(count)),
        _ => {
            return Err(format!(
                "no field holds the dtype {text:?}; make it .astype('M8[D]') or .astype('M8[us]')"
            ));
        }
    };
    unit.ok_or_else(|| unknown(text))
}

fn moment_value(unit: Unit, count: i64, rounds: bool) -> Result<Value<'static>, String> {
    const RANGE: &str = "a moment out of range";
    Ok(match unit {
        Unit::Days(days) => {
            let days = count.checked_mul(days).and_then(|days| i32::try_from(days).ok()).ok_or(RANGE)?;
            Date::from_days(days).into()
        }
        Unit::Micros(micros) => Timestamp::from_micros(count.checked_mul(micros).ok_or(RANGE)?).into(),
        Unit::Nanos(nanos) => {
            let nanos = count.checked_mul(nanos).ok_or(RANGE)?;
            if nanos % 1000 != 0 && !rounds {
                return Err(format!(
                    "{} ns would be lost, as a timestamp counts microseconds; make it .astype('M8[us]'), \
                     or allow rounding",
                    nanos.rem_euclid(1000)
                ));
            }
            // The microsecond in which the moment is.
            Timestamp::from_micros(nanos.div_euclid(1000)).into()
        }
    })
}

/// An IEEE 754 half float as an `f32`, which holds all of them.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1F), u32::from(bits & 0x3FF));
    match (exponent, fraction) {
        (0, _) => f32::from_bits(sign | (fraction as f32 * 2_f32.powi(-24)).to_bits()),
        (31, _) => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(dtype: &str, bytes: &[u8]) -> String {
        Element::parse(dtype)
            .unwrap()
            .value(bytes, false)
            .map_or_else(|reason| reason, |value| value.to_string())
    }

    #[test]
    fn every_kind_has_its_value() {
        assert_eq!(value("<i2", &[0xFE, 0xFF]), "-2");
        assert_eq!(value(">i2", &[0xFF, 0xFE]), "-2");
        assert_eq!(value(">u4", &[0, 0, 1, 2]), "258");
        assert_eq!(value("|i1", &[0x80]), "-128");
        assert_eq!(value("<i8", &i64::MIN.to_le_bytes()), i64::MIN.to_string());
        assert_eq!(value(">f8", &1.5_f64.to_be_bytes()), "1.5");
        assert_eq!(value("|b1", &[1]), "true");
        assert_eq!(value("?", &[2]), "a truth value that is neither 0 nor 1");
        assert_eq!(value("|S4", b"a\0b\0"), "a\0b");
        assert_eq!(value(">U2", &[0, 0, 0, 0xE9, 0, 0, 0, 0]), "é");
        assert_eq!(value("<U1", &[0, 0xD8, 0, 0]), "a code that is no letter");
        assert_eq!(value("V2", b"ab"), "0x6162");
        assert_eq!(value("<M8[D]", &1_i64.to_le_bytes()), "1970-01-02");
        assert_eq!(value("<M8[W]", &1_i64.to_le_bytes()), "1970-01-08");
        assert_eq!(value("<M8[25s]", &2_i64.to_le_bytes()), "1970-01-01T00:00:50Z");
        assert_eq!(value(">M8[ms]", &(-1_i64).to_be_bytes()), "1969-12-31T23:59:59.999Z");
        assert_eq!(value("<M8[ns]", &i64::MIN.to_le_bytes()), "null");
        assert_eq!(
            value("<M8[ns]", &1_i64.to_le_bytes()).split_once(';').unwrap().0,
            "1 ns would be lost, as a timestamp counts microseconds"
        );
        let element = Element::parse("<M8[ns]").unwrap();
        assert_eq!(
            element.value(&(-1_i64).to_le_bytes(), true).unwrap().to_string(),
            "1969-12-31T23:59:59.999999Z"
        );
        assert_eq!(value("<M8[h]", &i64::MAX.to_le_bytes()), "a moment out of range");
    }

    #[test]
    fn halves_are_singles() {
        for (bits, real) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03FF, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x7C00, f32::INFINITY),
        ] {
            assert_eq!(half(bits), real, "{bits:x}");
        }
        assert!(half(0x7E00).is_nan());
        assert_eq!(half(0x8000).to_bits(), (-0.0_f32).to_bits());
    }

    #[test]
    fn what_no_field_holds_is_refused() {
        for (dtype, expected) in [
            ("|O", "pickled"),
            ("|O8", "pickled"),
            ("<c8", "real and imaginary"),
            ("<m8[s]", "view it as '<i8'"),
            ("<M8[Y]", ".astype('M8[D]')"),
            ("<M8", ".astype('M8[us]')"),
            ("<f16", ".astype('<f8')"),
            ("", "is not a known dtype"),
            ("<", "is not a known dtype"),
            ("é4", "is not a known dtype"),
            ("<i3", "is not a known dtype"),
            ("<i", "is not a known dtype"),
            ("S99999999999999999999", "is not a known dtype"),
            ("<M8[9999999999999999999s]", "is not a known dtype"),
            ("<M8[us", "is not a known dtype"),
        ] {
            let reason = Element::parse(dtype).unwrap_err();
            assert!(reason.contains(expected), "{dtype}: {reason}");
        }
    }
}
