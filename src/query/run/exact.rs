//! Exact sums: floats in fixed point, 128-bit numbers in 192 bits, rounded once at the end. So a
//! sum does not depend on the order of the rows. Used by `sums.rs`.
//!
//! A float is a whole number of 53 bits times a power of two. Floats whose exponents agree except
//! in the last five bits are added in one bin of 128 bits, shifted by those five bits. That is 84
//! bits per number, so 2^43 numbers fit, more than a file has bytes. Adding is exact, so the order
//! does not matter. The bins are combined and rounded once.

/// The exponents of an `f64`, 32 to a bin.
pub(in crate::query) const BINS: usize = 64;

/// The values seen that are not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::query) struct Specials(u8);

impl Specials {
    const NAN: u8 = 1;
    const INFINITY: u8 = 2;
    const NEGATIVE_INFINITY: u8 = 4;

    #[cold]
    pub(in crate::query) fn add(&mut self, real: f64) {
        self.0 |= if real.is_nan() {
            Specials::NAN
        } else if real > 0.0 {
            Specials::INFINITY
        } else {
            Specials::NEGATIVE_INFINITY
        };
    }

    pub(in crate::query) fn merge(&mut self, other: Specials) {
        self.0 |= other.0;
    }

    /// The sum if any of these was added, independent of all other values; `None` if none was.
    fn sum(self) -> Option<f64> {
        match self.0 {
            0 => None,
            Specials::INFINITY => Some(f64::INFINITY),
            Specials::NEGATIVE_INFINITY => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }
}

/// The bin of a finite float, and what it adds to it. `None` if it is not finite.
#[inline(always)]
pub(in crate::query) fn term(real: f64) -> Option<(usize, i128)> {
    let bits = real.to_bits();
    let exponent = (bits >> 52) as usize & 0x7FF;
    if exponent == 0x7FF {
        return None;
    }
    let fraction = bits & ((1 << 52) - 1);
    let normal = u64::from(exponent != 0);
    let mantissa = fraction | normal << 52;
    // Subnormal numbers have the exponent of the lowest normal ones.
    let exponent = exponent - normal as usize;
    let shifted = (u128::from(mantissa) << (exponent & 31)) as i128;
    let sign = i128::from(bits as i64 >> 63);
    Some((exponent >> 5, (shifted ^ sign) - sign))
}

/// The sum in these bins divided by `divisor`, rounded once.
pub(in crate::query) fn rounded_bins(bins: &[i128; BINS], specials: Specials, divisor: u64) -> f64 {
    if let Some(special) = specials.sum() {
        return special;
    }
    let (digits, negative) = digits(bins, 1);
    let (digits, negative) = if negative { (self::digits(bins, -1).0, true) } else { (digits, false) };
    let limbs: Vec<u64> = digits
        .chunks(2)
        .map(|pair| u64::from(pair[0]) | u64::from(*pair.get(1).unwrap_or(&0)) << 32)
        .collect();
    let size = rounded(&limbs, -1074, divisor);
    if negative { -size } else { size }
}

/// The bins as one number in digits of 32 bits, lowest first, and whether it is below zero. If it
/// is, the digits have no meaning.
fn digits(bins: &[i128; BINS], sign: i128) -> (Vec<u32>, bool) {
    let mut digits = Vec::with_capacity(BINS + 4);
    let mut carry = 0;
    for bin in bins {
        let digit = bin * sign + carry;
        digits.push(digit as u32);
        carry = digit >> 32;
    }
    for _ in 0..4 {
        digits.push(carry as u32);
        carry >>= 32;
    }
    (digits, carry < 0)
}

/// A sum of 128-bit numbers, signed or unsigned, in 192 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::query) struct WideSum {
    low: u128,
    high: i64,
}

impl WideSum {
    #[inline]
    pub(in crate::query) fn add(&mut self, bits: u128, negative: bool) {
        let (low, carry) = self.low.overflowing_add(bits);
        self.low = low;
        self.high += i64::from(carry) - i64::from(negative);
    }

    pub(in crate::query) fn merge(&mut self, other: WideSum) {
        let (low, carry) = self.low.overflowing_add(other.low);
        self.low = low;
        self.high += i64::from(carry) + other.high;
    }

    pub(in crate::query) fn to_i128(self) -> Option<i128> {
        let low = self.low as i128;
        (self.high == -i64::from(low < 0)).then_some(low)
    }

    pub(in crate::query) fn to_u128(self) -> Option<u128> {
        (self.high == 0).then_some(self.low)
    }

    pub(in crate::query) fn mean(self, count: u64) -> f64 {
        let negative = self.high < 0;
        let (low, high) = if negative {
            let (low, borrow) = 0_u128.overflowing_sub(self.low);
            (low, (-self.high) - i64::from(borrow))
        } else {
            (self.low, self.high)
        };
        let size = rounded(&[low as u64, (low >> 64) as u64, high as u64], 0, count);
        if negative { -size } else { size }
    }
}

impl From<i128> for WideSum {
    fn from(sum: i128) -> WideSum {
        WideSum { low: sum as u128, high: -i64::from(sum < 0) }
    }
}

/// The number with these digits of 64 bits (lowest first), times `2^exponent`, divided by
/// `divisor`, rounded to the nearest `f64`, ties to even.
fn rounded(limbs: &[u64], exponent: i32, divisor: u64) -> f64 {
    // 128 more bits, so that the quotient has more digits than a float even if the number is small.
    let mut quotient = vec![0, 0];
    quotient.extend_from_slice(limbs);
    let exponent = exponent - 128;
    let mut rest = 0;
    for limb in quotient.iter_mut().rev() {
        let dividend = rest << 64 | u128::from(*limb);
        *limb = (dividend / u128::from(divisor.max(1))) as u64;
        rest = dividend % u128::from(divisor.max(1));
    }
    let Some(top) = quotient.iter().rposition(|limb| *limb != 0) else { return 0.0 };
    let length = 64 * top as i32 + 64 - quotient[top].leading_zeros() as i32;
    let power = length - 1 + exponent;
    if power > 1023 {
        return f64::INFINITY;
    }
    let is_normal = power >= -1022;
    let digits = if is_normal { 53 } else { 53 - (-1022 - power) };
    if digits < 0 {
        return 0.0;
    }
    // The bits below the last digit: the first one is a half, the others decide a tie. There are at
    // least 65.
    let cut = (length - digits) as usize;
    let bit = |at: usize| quotient[at / 64] >> (at % 64) & 1 != 0;
    let mantissa = (0..digits as usize).fold(0_u64, |mantissa, at| mantissa | u64::from(bit(cut + at)) << at);
    let half = bit(cut - 1);
    let more = rest != 0 || (0..cut - 1).any(bit);
    let mantissa = mantissa + u64::from(half && (more || mantissa & 1 == 1));
    // The leading one of a normal number adds 1 to the exponent field. A carry does so again, up to
    // infinity.
    let field = if is_normal { (power + 1022) as u64 } else { 0 };
    f64::from_bits((field << 52) + mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(reals: &[f64]) -> f64 {
        mean_of(reals, 1)
    }

    fn mean_of(reals: &[f64], divisor: u64) -> f64 {
        let (mut bins, mut specials) = ([0; BINS], Specials::default());
        for real in reals {
            match term(*real) {
                Some((bin, term)) => bins[bin] += term,
                None => specials.add(*real),
            }
        }
        rounded_bins(&bins, specials, divisor)
    }

    #[test]
    fn one_number_is_its_own_sum() {
        let reals = [0.0, 1.0, -1.0, 0.1, 1e300, -1e-300, 5e-324, f64::MAX, f64::MIN_POSITIVE, 123_456.789];
        for real in reals {
            assert_eq!(sum(&[real]).to_bits(), real.to_bits(), "{real}");
            assert_eq!(sum(&[real, real, -real]), real);
        }
    }

    #[test]
    fn sums_are_exact_and_rounded_once() {
        assert_eq!(sum(&[1e308, 1e308, -1e308]), 1e308);
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[5e-324; 3]), 1.5e-323);
        assert_eq!(sum(&[1.0, f64::EPSILON / 2.0]), 1.0);
        assert_eq!(sum(&[1.0, f64::EPSILON / 2.0, 5e-324]), 1.0 + f64::EPSILON);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
    }

    #[test]
    fn means_are_the_nearest_floats() {
        assert_eq!(mean_of(&[1.0, 1.0, 0.0], 3), 2.0 / 3.0);
        assert_eq!(mean_of(&[5e-324], 2), 0.0);
        assert_eq!(mean_of(&[1.5e-323], 2), 1e-323);
        assert_eq!(mean_of(&[f64::MAX, f64::MAX], 2), f64::MAX);
        assert_eq!(WideSum::from(i128::from(u64::MAX)).mean(2), 9_223_372_036_854_775_807.5);
        assert_eq!(WideSum::from(-7).mean(2), -3.5);
        assert_eq!(WideSum::from(i128::MIN).mean(1), -(2_f64.powi(127)));
        for (sum, count) in [(1, 3), (10, 7), (-22, 7), (1 << 60, 3)] {
            assert_eq!(WideSum::from(sum).mean(count), sum as f64 / count as f64);
        }
    }

    #[test]
    fn wide_sums_know_their_overflow() {
        let mut sum = WideSum::default();
        sum.add(i128::MAX as u128, false);
        sum.add(1, false);
        assert_eq!((sum.to_i128(), sum.to_u128()), (None, Some(1 << 127)));
        sum.add(-1_i128 as u128, true);
        assert_eq!(sum.to_i128(), Some(i128::MAX));
        let mut least = WideSum::from(i128::MIN);
        least.add(-1_i128 as u128, true);
        assert_eq!(least.to_i128(), None);
        least.merge(WideSum::from(1));
        assert_eq!(least.to_i128(), Some(i128::MIN));
    }
}
