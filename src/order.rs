//! Values as bytes and numbers that order as the values do, and the rules for NaN, -0.0 and null.
//! Keys, queries and groups use them. It knows stored bytes and widths, never a schema.
//!
//! | stored | in a key ([`Scalar`]) | in a query (`ordinal_…`) | in a group (`plain_…`) |
//! |---|---|---|---|
//! | whole number | big-endian, sign bit flipped | the same | as stored |
//! | -0.0 | just below 0.0 | equal to 0.0 | 0.0 |
//! | NaN | at both ends, by its bits | one value above all numbers | one value |
//! | NaN of all ones, where it is null | the highest | the highest | as stored |
//! | text, bytes | as stored | as stored | as stored |

/// How a stored value orders, with its width in bytes. A key is a list of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scalar {
    Unsigned(usize),
    Signed(usize),
    Float(usize),
    Bytes(usize),
}

impl Scalar {
    pub(crate) fn width(self) -> usize {
        match self {
            Scalar::Unsigned(width) | Scalar::Signed(width) | Scalar::Float(width) | Scalar::Bytes(width) => {
                width
            }
        }
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, Scalar::Float(_))
    }

    /// The width of a whole number, and whether it is signed.
    pub(crate) fn whole(self) -> Option<(usize, bool)> {
        match self {
            Scalar::Unsigned(width) => Some((width, false)),
            Scalar::Signed(width) => Some((width, true)),
            Scalar::Float(_) | Scalar::Bytes(_) => None,
        }
    }

    /// Writes the normal form of a stored field: as many bytes, which order as the values do.
    /// Floats follow the total order of IEEE 754.
    pub(crate) fn normalise(self, stored: &[u8], normal: &mut [u8]) {
        normal.copy_from_slice(stored);
        match self {
            Scalar::Bytes(_) => {}
            Scalar::Unsigned(_) => normal.reverse(),
            Scalar::Signed(_) => {
                normal.reverse();
                normal[0] ^= 0x80;
            }
            Scalar::Float(_) => {
                normal.reverse();
                if normal[0] & 0x80 == 0 {
                    normal[0] ^= 0x80;
                } else {
                    normal.iter_mut().for_each(|byte| *byte = !*byte);
                }
            }
        }
    }

    /// The normal form as a number, for a field of 1 to 8 bytes. They are the low bytes of `raw`.
    #[inline(always)]
    pub(crate) fn word(self, raw: u64) -> u64 {
        let unused = 64 - 8 * self.width() as u32;
        let (mask, sign) = (u64::MAX >> unused, 1 << (63 - unused));
        match self {
            Scalar::Unsigned(_) => raw & mask,
            Scalar::Signed(_) => raw & mask ^ sign,
            Scalar::Float(_) if raw & sign == 0 => raw & mask ^ sign,
            Scalar::Float(_) => !raw & mask,
            Scalar::Bytes(_) => raw.swap_bytes() >> unused,
        }
    }

    /// Appends the ordinal of a stored value: the form in which queries compare. It differs from
    /// the normal form in floats only.
    pub(crate) fn write_ordinal(self, stored: &[u8], nullable: bool, out: &mut Vec<u8>) {
        match self {
            Scalar::Float(4) => {
                let bits = stored.try_into().map_or(0, u32::from_le_bytes);
                out.extend(ordinal_f32(bits, nullable).to_be_bytes());
            }
            Scalar::Float(_) => {
                let bits = stored.try_into().map_or(0, u64::from_le_bytes);
                out.extend(ordinal_f64(bits, nullable).to_be_bytes());
            }
            _ => {
                let start = out.len();
                out.resize(start + stored.len(), 0);
                self.normalise(stored, &mut out[start..]);
            }
        }
    }

    /// Appends the stored bytes of an ordinal.
    pub(crate) fn write_stored(self, ordinal: &[u8], out: &mut Vec<u8>) {
        match self {
            Scalar::Bytes(_) => out.extend_from_slice(ordinal),
            Scalar::Unsigned(_) => out.extend(ordinal.iter().rev()),
            Scalar::Signed(_) => {
                out.extend(ordinal.iter().rev());
                if let Some(last) = out.last_mut() {
                    *last ^= 0x80;
                }
            }
            Scalar::Float(4) => {
                out.extend(stored_f32(ordinal.try_into().map_or(0, u32::from_be_bytes)).to_le_bytes());
            }
            Scalar::Float(_) => {
                out.extend(stored_f64(ordinal.try_into().map_or(0, u64::from_be_bytes)).to_le_bytes());
            }
        }
    }

    /// The stored bytes that mean null: the least of the signed numbers, the greatest of the
    /// unsigned ones, the NaN of all ones, and 0xFF in each byte.
    pub(crate) fn null(self) -> Vec<u8> {
        let mut stored = vec![0xFF; self.width()];
        if let Scalar::Signed(_) = self {
            stored.fill(0);
            if let Some(last) = stored.last_mut() {
                *last = 0x80;
            }
        }
        stored
    }
}

/// The functions of one width of floats.
macro_rules! float_order {
    ($float:ident $bits:ident $signed:ident: $ordinal:ident $stored:ident $plain:ident) => {
        /// The ordinal of a float: in the order of numbers, with -0.0 as 0.0, every NaN as the last
        /// but one, and null as the last.
        #[inline(always)]
        pub(crate) fn $ordinal(bits: $bits, nullable: bool) -> $bits {
            let real = $float::from_bits(bits);
            if real.is_nan() {
                return if nullable && bits == $bits::MAX { $bits::MAX } else { $bits::MAX - 1 };
            }
            let (bits, sign) = ((real + 0.0).to_bits(), 1 << ($bits::BITS - 1));
            bits ^ (((bits as $signed >> ($bits::BITS - 1)) as $bits) | sign)
        }

        /// The bits of the float with this ordinal.
        fn $stored(ordinal: $bits) -> $bits {
            let sign = 1 << ($bits::BITS - 1);
            match ordinal {
                $bits::MAX => $bits::MAX,
                ordinal if ordinal == $bits::MAX - 1 => $float::NAN.to_bits(),
                ordinal if ordinal & sign != 0 => ordinal ^ sign,
                ordinal => !ordinal,
            }
        }

        /// The bits that stand for all floats equal to this one: one zero, and one NaN besides
        /// null.
        #[inline(always)]
        pub(crate) fn $plain(bits: $bits, nullable: bool) -> $bits {
            let real = $float::from_bits(bits);
            match real.is_nan() {
                true if nullable && bits == $bits::MAX => bits,
                true => $float::NAN.to_bits(),
                false => (real + 0.0).to_bits(),
            }
        }
    };
}

float_order!(f32 u32 i32: ordinal_f32 stored_f32 plain_f32);
float_order!(f64 u64 i64: ordinal_f64 stored_f64 plain_f64);

/// The ordinal of a stored float of either width as one of 64 bits. Compares floats of two widths.
pub(crate) fn ordinal_of_float(stored: &[u8]) -> u64 {
    let real = match stored.len() {
        4 => f32::from_bits(stored.try_into().map_or(0, u32::from_le_bytes)).into(),
        _ => f64::from_bits(stored.try_into().map_or(0, u64::from_le_bytes)),
    };
    ordinal_f64(f64::to_bits(real), false)
}

/// A stored whole number of at most 16 bytes, extended by its sign.
pub(crate) fn extended(stored: &[u8], signed: bool) -> u128 {
    let negative = signed && stored.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut bytes = [if negative { 0xFF } else { 0 }; 16];
    bytes[..stored.len()].copy_from_slice(stored);
    u128::from_le_bytes(bytes)
}

/// A stored whole number of any type in a form that orders: whether it is at least zero, then its
/// digits.
pub(crate) fn ordinal_of_whole(stored: &[u8], signed: bool) -> (bool, u128) {
    let negative = signed && stored.last().is_some_and(|byte| byte & 0x80 != 0);
    (!negative, extended(stored, signed))
}

/// The first float in the order of keys that is equal to this one in queries: -0.0 for 0.0.
pub(crate) fn first_equal(mut stored: Vec<u8>) -> Vec<u8> {
    if stored.iter().all(|byte| *byte == 0)
        && let Some(last) = stored.last_mut()
    {
        *last = 0x80;
    }
    stored
}

/// The last float in the order of keys that comes before the next greater number in queries. An
/// ordinal just below the one of 0.0 has the bits of -0.0, and no float has it: this is the
/// greatest float below zero.
pub(crate) fn last_equal(mut stored: Vec<u8>) -> Vec<u8> {
    let is_minus_zero = stored.ends_with(&[0x80]) && stored[..stored.len() - 1].iter().all(|byte| *byte == 0);
    if is_minus_zero {
        stored[0] = 1;
    }
    stored
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOATS: [f64; 9] =
        [f64::NEG_INFINITY, -1e300, -1.5, -f64::MIN_POSITIVE, 0.0, 1e-300, 1.5, 1e300, f64::INFINITY];

    fn normal(part: Scalar, stored: &[u8]) -> Vec<u8> {
        let mut normal = vec![0; part.width()];
        part.normalise(stored, &mut normal);
        normal
    }

    fn ordinal(part: Scalar, stored: &[u8], nullable: bool) -> Vec<u8> {
        let mut ordinal = Vec::new();
        part.write_ordinal(stored, nullable, &mut ordinal);
        ordinal
    }

    fn stored(part: Scalar, ordinal: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        part.write_stored(ordinal, &mut stored);
        stored
    }

    #[test]
    fn whole_numbers_order_as_bytes_and_come_back() {
        let signed = [i32::MIN, -256, -1, 0, 1, 255, 256, i32::MAX].map(i32::to_le_bytes);
        let unsigned = [0, 1, 255, 256, u32::MAX].map(u32::to_le_bytes);
        for (part, values) in [(Scalar::Signed(4), &signed[..]), (Scalar::Unsigned(4), &unsigned)] {
            assert!(values.is_sorted_by(|low, high| normal(part, low) < normal(part, high)));
            for value in values {
                let ordinal = ordinal(part, value, false);
                assert_eq!(ordinal, normal(part, value));
                assert_eq!(stored(part, &ordinal), value);
                let word = u64::from(u32::from_le_bytes(*value));
                assert_eq!(part.word(word).to_be_bytes()[4..], ordinal);
            }
        }
    }

    #[test]
    fn floats_order_in_queries_with_one_zero_and_one_nan() {
        let of = |real: f64| ordinal_f64(real.to_bits(), true);
        assert!(FLOATS.is_sorted_by(|low, high| of(*low) < of(*high)));
        assert_eq!(of(-0.0), of(0.0));
        assert_eq!(of(-f64::NAN), of(f64::NAN));
        assert!(of(f64::INFINITY) < of(f64::NAN) && of(f64::NAN) < ordinal_f64(u64::MAX, true));
        assert_eq!(ordinal_f64(u64::MAX, false), of(f64::NAN));
        for real in FLOATS {
            assert_eq!(stored_f64(of(real)), real.to_bits());
            let single = real as f32 + 0.0;
            assert_eq!(stored_f32(ordinal_f32(single.to_bits(), true)), single.to_bits());
            assert_eq!(ordinal_of_float(&single.to_le_bytes()), of(single.into()));
        }
        assert_eq!(stored_f64(ordinal_f64(u64::MAX, true)), u64::MAX);
        assert_eq!(stored_f32(ordinal_f32(u32::MAX, true)), u32::MAX);
    }

    #[test]
    fn floats_order_in_keys_by_all_their_bits() {
        let of = |real: f64| normal(Scalar::Float(8), &real.to_le_bytes());
        let all = [-f64::NAN, f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1.5, f64::INFINITY, f64::NAN];
        assert!(all.is_sorted_by(|low, high| of(*low) < of(*high)));
        for real in all {
            assert_eq!(Scalar::Float(8).word(real.to_bits()).to_be_bytes()[..], of(real));
        }
    }

    #[test]
    fn equal_floats_are_the_same_in_groups() {
        assert_eq!(plain_f64((-0.0_f64).to_bits(), false), 0);
        assert_eq!(plain_f32(u32::MAX, false), f32::NAN.to_bits());
        assert_eq!(plain_f32(u32::MAX, true), u32::MAX);
        assert_eq!(plain_f64((-f64::NAN).to_bits(), true), f64::NAN.to_bits());
        assert_eq!(plain_f64(1.5_f64.to_bits(), true), 1.5_f64.to_bits());
    }

    #[test]
    fn null_is_first_or_last_in_queries() {
        for width in [1, 2, 4, 8, 16] {
            let null = |part: Scalar| ordinal(part, &part.null(), true);
            assert_eq!(null(Scalar::Signed(width)), vec![0; width]);
            assert_eq!(null(Scalar::Unsigned(width)), vec![0xFF; width]);
            assert_eq!(null(Scalar::Bytes(width)), vec![0xFF; width]);
        }
        assert_eq!(ordinal(Scalar::Float(4), &Scalar::Float(4).null(), true), [0xFF; 4]);
        assert_eq!(ordinal(Scalar::Float(8), &Scalar::Float(8).null(), true), [0xFF; 8]);
    }

    #[test]
    fn whole_numbers_of_different_types_compare() {
        let minus = ordinal_of_whole(&(-1_i8).to_le_bytes(), true);
        assert!(minus < ordinal_of_whole(&0_u64.to_le_bytes(), false));
        assert!(ordinal_of_whole(&i128::MIN.to_le_bytes(), true) < minus);
        assert!(ordinal_of_whole(&i64::MAX.to_le_bytes(), true) < ordinal_of_whole(&[0xFF; 16], false));
        assert_eq!(extended(&(-2_i16).to_le_bytes(), true) as i128, -2);
    }

    #[test]
    fn zeros_of_both_signs_are_inside_the_ends_of_a_range_of_keys() {
        assert_eq!(first_equal(0.0_f32.to_le_bytes().into()), (-0.0_f32).to_le_bytes());
        assert_eq!(first_equal(1.5_f32.to_le_bytes().into()), 1.5_f32.to_le_bytes());
        let below_zero = f64::from_bits(stored_f64(ordinal_f64(0, false) - 1));
        assert_eq!(below_zero.to_bits(), (-0.0_f64).to_bits());
        let greatest = f64::from_bits(1 | 1 << 63);
        assert_eq!(last_equal(below_zero.to_le_bytes().into()), greatest.to_le_bytes());
    }
}
