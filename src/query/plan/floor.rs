//! `floor` bound to a field: values rounded down to multiples of a step, as keys of groups and as
//! stored bytes. `run` groups by these keys.
//!
//! The key of a whole number is its multiple, counted from the lowest one that the type holds. So
//! neighbouring steps have neighbouring keys, which the tables of groups find fastest. The key of a
//! float is the rounded value.

use crate::error::{Result, bail};
use crate::order::{extended, plain_f32, plain_f64};
use crate::query::ask::column::Place;
use crate::query::ask::expr::{Size, Step};
use crate::schema::Type;

/// How the values of a field are rounded down.
#[derive(Clone, Debug)]
pub(in crate::query) struct Floor {
    pub(in crate::query) method: Method,
    /// The expression and the type of the field, for errors.
    call: String,
    type_text: String,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::query) enum Method {
    Whole(WholeStep),
    Real(RealStep),
}

/// Whole numbers, extended to 128 bits in two's complement.
#[derive(Clone, Copy, Debug)]
pub(in crate::query) struct WholeStep {
    pub(in crate::query) width: usize,
    pub(in crate::query) signed: bool,
    step: u128,
    /// The lowest multiple of the step that the field holds.
    pub(in crate::query) least: u128,
    /// The distance from there to the highest value.
    pub(in crate::query) span: u128,
    pub(in crate::query) null: Option<u128>,
    /// For types of up to 64 bits.
    pub(in crate::query) narrow: Option<Narrow>,
}

/// The same in 64 bits, where the division becomes a multiplication.
#[derive(Clone, Copy, Debug)]
pub(in crate::query) struct Narrow {
    pub(in crate::query) least: u64,
    pub(in crate::query) span: u64,
    pub(in crate::query) step: u64,
    /// 2^64 divided by the step, rounded down.
    pub(in crate::query) reciprocal: u64,
}

/// Floats: multiples are `k * numerator / denominator`.
#[derive(Clone, Copy, Debug)]
pub(in crate::query) struct RealStep {
    numerator: f64,
    denominator: f64,
    pub(in crate::query) is_single: bool,
    is_nullable: bool,
}

/// The key of null. No multiple has it, because a step is at least 2.
pub(in crate::query) const NULL_KEY: u128 = u128::MAX;

impl Floor {
    /// `None` if all values stay as they are. `call` is the text of the expression, for errors.
    ///
    /// # Errors
    /// `Value` if the step does not fit the type of the field.
    pub(in crate::query) fn new(step: Step, place: &Place, call: String) -> Result<Option<Floor>> {
        let field = &place.field;
        let ty = field.ty();
        let wrong = |reason: &str| -> Result<Option<Floor>> {
            bail!(Value, "field {:?} is of type {}; {reason}", field.name(), field.type_text())
        };
        let is_time = matches!(ty, Type::Date | Type::Timestamp);
        if !is_time && !ty.is_number() {
            return wrong("floor is for numbers, dates and timestamps");
        }
        let size = match (step.0, ty) {
            (Size::Nanos(_), _) if !is_time => {
                return wrong("a duration is a step of dates and timestamps; give a number");
            }
            (Size::Whole(_) | Size::Real(_), _) if is_time => {
                return wrong("give its step as a duration, such as `1 d` or `7 d`");
            }
            (Size::Nanos(nanos), Type::Date) => {
                const DAY: i128 = 86_400_000_000_000;
                if nanos % DAY != 0 {
                    return wrong("a date has no parts of a day; give whole days, as in `7 d`");
                }
                Size::Whole(nanos / DAY)
            }
            (Size::Nanos(nanos), _) => {
                if nanos % 1000 != 0 {
                    return wrong("a timestamp is precise to the microsecond; give a multiple of `1 us`");
                }
                Size::Whole(nanos / 1000)
            }
            (Size::Whole(whole), Type::F32 | Type::F64) => Size::Real(whole as f64),
            (Size::Real(real), Type::F32 | Type::F64) => Size::Real(real),
            (Size::Real(real), _) if real.fract() == 0.0 && real.abs() < 2_f64.powi(126) => {
                Size::Whole(real as i128)
            }
            (Size::Real(real), _) if real.is_finite() => {
                return wrong("its step is a whole number");
            }
            (size, _) => size,
        };
        let method = match size {
            Size::Whole(whole) if whole > 0 => match WholeStep::new(place, whole.unsigned_abs()) {
                Some(whole) => Method::Whole(whole),
                None => return Ok(None),
            },
            Size::Real(real) if real > 0.0 && real.is_finite() => {
                Method::Real(RealStep::new(real, ty == Type::F32, field.is_nullable()))
            }
            _ => bail!(Value, "the step must be a number above zero, and is {step}"),
        };
        Ok(Some(Floor { method, call, type_text: field.type_text().to_string() }))
    }

    /// Appends the key of a stored value, which is as wide as the field.
    ///
    /// # Errors
    /// `Limit` if the rounded value is below the range of the type.
    pub(in crate::query) fn write_key(&self, stored: &[u8], key: &mut Vec<u8>) -> Result<()> {
        match &self.method {
            Method::Whole(whole) => match whole.key(extended(stored, whole.signed)) {
                Ok(multiple) => key.extend_from_slice(&multiple.to_le_bytes()[..whole.width]),
                Err(value) => return self.beyond(&whole.shown(value)),
            },
            Method::Real(real) => {
                let value = match stored.try_into() {
                    Ok(bytes) => f32::from_le_bytes(bytes).into(),
                    Err(_) => f64::from_le_bytes(stored.try_into().unwrap_or_default()),
                };
                match real.key(value, || stored.iter().all(|byte| *byte == 0xFF)) {
                    Ok(bits) => key.extend_from_slice(&bits.to_le_bytes()[..stored.len()]),
                    Err(value) => return self.beyond(&value),
                }
            }
        }
        Ok(())
    }

    /// Appends the stored bytes of a key.
    pub(in crate::query) fn write_stored(&self, key: &[u8], out: &mut Vec<u8>) {
        match &self.method {
            Method::Whole(whole) => {
                let mut bytes = [0; 16];
                bytes[..key.len()].copy_from_slice(key);
                let value = match whole.null {
                    Some(null) if key.iter().all(|byte| *byte == 0xFF) => null,
                    _ => whole.least.wrapping_add(u128::from_le_bytes(bytes).wrapping_mul(whole.step)),
                };
                out.extend_from_slice(&value.to_le_bytes()[..key.len()]);
            }
            Method::Real(_) => out.extend_from_slice(key),
        }
    }

    #[cold]
    pub(in crate::query) fn beyond(&self, value: &dyn std::fmt::Display) -> Result<()> {
        bail!(
            Limit,
            "{}: {value} rounds down to a value that {} does not hold; leave such rows out by a filter",
            self.call,
            self.type_text
        )
    }
}

impl WholeStep {
    /// `None` if the step is 1.
    fn new(place: &Place, step: u128) -> Option<WholeStep> {
        let (width, signed) = place.field.ty().scalar()?.whole()?;
        if step == 1 {
            return None;
        }
        let bits = 8 * width as u32;
        let nullable = u128::from(place.field.is_nullable());
        // Null is the lowest signed number and the highest unsigned one.
        let (least, greatest, null) = if signed {
            let below_zero = (1 << (bits - 1)) - nullable;
            let least = 0_u128.wrapping_sub(below_zero / step * step);
            (least, u128::MAX >> (129 - bits), 0_u128.wrapping_sub(1 << (bits - 1)))
        } else {
            (0, (u128::MAX >> (128 - bits)) - nullable, u128::MAX >> (128 - bits))
        };
        let span = greatest.wrapping_sub(least);
        let narrow = match u64::try_from(step) {
            Ok(step) if width <= 8 => Some(Narrow {
                least: least as u64,
                span: span as u64,
                step,
                reciprocal: ((1_u128 << 64) / u128::from(step)) as u64,
            }),
            _ => None,
        };
        Some(WholeStep { width, signed, step, least, span, null: (nullable == 1).then_some(null), narrow })
    }

    /// A value of 64 bits, extended to 128.
    pub(in crate::query) fn widened(&self, value: u64) -> u128 {
        if self.signed { i128::from(value as i64) as u128 } else { value.into() }
    }

    /// The key of a value, or the value if the rounded one is below the range of the type.
    pub(in crate::query) fn key(&self, value: u128) -> std::result::Result<u128, u128> {
        let above = value.wrapping_sub(self.least);
        match above > self.span {
            false => Ok(above / self.step),
            true if self.null == Some(value) => Ok(NULL_KEY),
            true => Err(value),
        }
    }

    pub(in crate::query) fn shown(&self, value: u128) -> Box<dyn std::fmt::Display> {
        if self.signed { Box::new(value as i128) } else { Box::new(value) }
    }
}

impl RealStep {
    fn new(step: f64, is_single: bool, is_nullable: bool) -> RealStep {
        // A step such as 0.1 is not a float. As 1 / 10, its multiples are the floats nearest to
        // 0.1, 0.2, 0.3, …
        let decimal = (0..=15).map(|digits| 10_f64.powi(digits)).find_map(|denominator| {
            let numerator = (step * denominator).round();
            let fits = (1.0..2_f64.powi(53)).contains(&numerator) && numerator / denominator == step;
            fits.then_some((numerator, denominator))
        });
        let (numerator, denominator) = decimal.unwrap_or((step, 1.0));
        RealStep { numerator, denominator, is_single, is_nullable }
    }

    /// The bits of the rounded value, or the value if the rounded one is not finite.
    #[inline(always)]
    pub(in crate::query) fn key(
        &self,
        value: f64,
        is_ones: impl Fn() -> bool,
    ) -> std::result::Result<u64, f64> {
        let bits = |value: f64| match self.is_single {
            true => plain_f32((value as f32).to_bits(), false).into(),
            false => plain_f64(value.to_bits(), false),
        };
        if value.is_nan() {
            let ones = if self.is_single { u64::from(u32::MAX) } else { u64::MAX };
            return Ok(if self.is_nullable && is_ones() { ones } else { bits(f64::NAN) });
        }
        let floor = self.floor(value);
        if floor.is_infinite() && value.is_finite() { Err(value) } else { Ok(bits(floor)) }
    }

    /// The highest multiple that is not above a value.
    #[inline(always)]
    fn floor(&self, value: f64) -> f64 {
        let multiple = |factor: f64| {
            let multiple = factor * self.numerator / self.denominator;
            if self.is_single { f64::from(multiple as f32) } else { multiple }
        };
        let mut factor = (value * self.denominator / self.numerator).floor();
        // Beyond this, neighbouring floats are further apart than the multiples.
        let most = if self.is_single { 2_f64.powi(24) } else { 2_f64.powi(53) };
        if factor.is_nan() || factor.abs() >= most {
            return value;
        }
        // The quotient was rounded, so it may be off by one in either direction.
        while multiple(factor) > value {
            factor -= 1.0;
        }
        while multiple(factor + 1.0) <= value {
            factor += 1.0;
        }
        multiple(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real(value: f64, step: f64) -> f64 {
        f64::from_bits(RealStep::new(step, false, false).key(value, || false).unwrap())
    }

    #[test]
    fn decimal_steps_count_as_decimal_numbers() {
        for cents in -3000..3000_i32 {
            let value = f64::from(cents) / 100.0;
            assert_eq!(real(value, 0.01), value);
            assert_eq!(real(value, 0.05), f64::from(cents.div_euclid(5) * 5) / 100.0, "{value}");
            assert_eq!(real(value, 0.1), f64::from(cents.div_euclid(10)) / 10.0, "{value}");
            assert_eq!(real(value, 0.5), f64::from(cents.div_euclid(50)) / 2.0, "{value}");
        }
        assert_eq!(real(0.1, 1.0 / 3.0), 0.0);
        assert_eq!(real(1.0, 1.0 / 3.0), 1.0);
        assert_eq!(real(1e300, 1.0), 1e300);
        assert_eq!(real(-1e300, 7e299), -1.4e300);
        assert_eq!(real(f64::NEG_INFINITY, 2.0), f64::NEG_INFINITY);
        assert_eq!(real(5e-324, 2.0), 0.0);
        assert_eq!(real(-0.0, 2.0).to_bits(), 0);
        assert!(RealStep::new(1e308, false, false).key(-1.7e308, || false).is_err());
        let single = RealStep::new(0.1, true, false);
        for tenths in -1000..1000_i16 {
            let value = f32::from(tenths) / 10.0;
            let floor = single.key(value.into(), || false).unwrap();
            assert_eq!(f32::from_bits(floor as u32), value + 0.0);
        }
    }
}
