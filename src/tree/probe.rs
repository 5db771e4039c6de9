//! `Probe`: how the keys of one kind compare in loops. `with_probe!` compiles a search once for
//! each kind, so that no loop asks for the kind. Searching, writing and loading use it.

/// How keys of one kind are read and compared: as machine words if they fit, else as bytes.
pub(crate) trait Probe: Copy {
    type Word: Ord + Copy + Send + Sync + 'static;
    /// The bytes of a key.
    fn width(self) -> usize;
    /// The key at the start of a stored record.
    fn stored(self, record: &[u8]) -> Self::Word;
    /// A key in normal form.
    fn normal(self, key: &[u8]) -> Self::Word;
    /// How many of the first WINDOW records, of `width` bytes each, have a key below `target`.
    #[inline(always)]
    fn count_below<const WINDOW: usize>(self, mut records: &[u8], width: usize, target: Self::Word) -> usize {
        let mut counted = 0;
        for _ in 0..WINDOW {
            let Some((record, rest)) = records.split_at_checked(width) else { break };
            counted += usize::from(self.stored(record) < target);
            records = rest;
        }
        counted
    }
    /// How many of the first WINDOW keys, in normal form, are not above `target`.
    #[inline(always)]
    fn count_up_to<const WINDOW: usize>(self, mut keys: &[u8], target: Self::Word) -> usize {
        let mut counted = 0;
        for _ in 0..WINDOW {
            let Some((key, rest)) = keys.split_at_checked(self.width()) else { break };
            counted += usize::from(self.normal(key) <= target);
            keys = rest;
        }
        counted
    }
    /// What measures the distance between words.
    type Ruler: Copy;
    /// The ruler by which the distance from `low` to `high` is 1. `low` must be below `high`.
    fn ruler(low: Self::Word, high: Self::Word) -> Self::Ruler;
    /// The distance from one word to another by the ruler, negative if `to` is lower. It may be
    /// inexact.
    fn distance(ruler: Self::Ruler, from: Self::Word, to: Self::Word) -> f64;
    /// Sorts words, with a number beside each. Equal words keep their order.
    fn sort(words: &mut [(Self::Word, u32)]) {
        words.sort_unstable();
    }
    /// The greatest word below this one.
    fn before(word: Self::Word) -> Option<Self::Word>;
    /// The lowest, or highest, word with the same first `len` bytes.
    fn edge(self, word: Self::Word, len: usize, highest: bool) -> Self::Word;
}

/// Reads the first fields of longer keys.
#[derive(Clone, Copy)]
pub(crate) struct Leading<P> {
    pub(crate) probe: P,
    /// The bytes of a whole key.
    pub(crate) width: usize,
}

impl<P: Probe> Probe for Leading<P> {
    type Word = P::Word;
    type Ruler = P::Ruler;

    #[inline(always)]
    fn width(self) -> usize {
        self.width
    }

    #[inline(always)]
    fn stored(self, record: &[u8]) -> P::Word {
        self.probe.stored(record)
    }

    #[inline(always)]
    fn normal(self, key: &[u8]) -> P::Word {
        self.probe.normal(key)
    }

    #[inline(always)]
    fn ruler(low: P::Word, high: P::Word) -> P::Ruler {
        P::ruler(low, high)
    }

    #[inline(always)]
    fn distance(ruler: P::Ruler, from: P::Word, to: P::Word) -> f64 {
        P::distance(ruler, from, to)
    }

    fn before(word: P::Word) -> Option<P::Word> {
        P::before(word)
    }

    fn edge(self, word: P::Word, len: usize, highest: bool) -> P::Word {
        self.probe.edge(word, len, highest)
    }
}

/// Compiles an expression once for each kind of key, and runs the one for this shape.
macro_rules! with_probe {
    ($shape:expr, $probe:ident => $body:expr) => {{
        use $crate::tree::{Form, PairProbe, SignedProbe, UnsignedProbe, WideProbe, WordProbe};
        let shape = $shape;
        match shape.form() {
            Form::U64 => {
                let $probe = UnsignedProbe::<8>;
                $body
            }
            Form::I64 => {
                let $probe = SignedProbe::<8>;
                $body
            }
            Form::U32 => {
                let $probe = UnsignedProbe::<4>;
                $body
            }
            Form::I32 => {
                let $probe = SignedProbe::<4>;
                $body
            }
            Form::Pair => {
                let $probe = PairProbe;
                $body
            }
            Form::Word => {
                let $probe = WordProbe(shape);
                $body
            }
            Form::Wide => {
                let $probe = WideProbe(shape);
                $body
            }
        }
    }};
}
pub(crate) use with_probe;

#[cfg(test)]
mod tests {
    use super::Probe;
    use crate::order::Scalar;
    use crate::tree::{KeyShape, WordProbe};

    fn order(part: Scalar, ascending: &[Vec<u8>]) {
        let shape = KeyShape::new(vec![part]);
        let normal: Vec<Vec<u8>> = ascending.iter().map(|stored| shape.normal(stored).to_vec()).collect();
        assert!(normal.is_sorted_by(|a, b| a < b), "{part:?} {normal:?}");
        let words: Vec<u128> = ascending.iter().map(|stored| WordProbe(&shape).stored(stored)).collect();
        assert!(words.is_sorted_by(|a, b| a < b));
        with_probe!(&shape, probe => {
            for (stored, normal) in ascending.iter().zip(&normal) {
                assert!(probe.stored(stored) == probe.normal(normal));
            }
        });
    }

    #[test]
    fn a_key_of_several_fields_is_the_same_word_wherever_its_record_ends() {
        let shape =
            KeyShape::new(vec![Scalar::Bytes(3), Scalar::Signed(2), Scalar::Unsigned(1), Scalar::Float(8)]);
        for float in [-2.5_f64, 0.0, 7.25] {
            let stored = [&b"abc"[..], &(-3_i16).to_le_bytes(), &[200], &float.to_le_bytes()].concat();
            let expected = shape.normal(&stored).iter().fold(0, |word, byte| word << 8 | u128::from(*byte));
            for slack in [0, 1, 5, 20] {
                let record = [&stored[..], &[0xEE; 20][..slack]].concat();
                assert_eq!(WordProbe(&shape).stored(&record), expected, "{slack} bytes more");
            }
        }
        let wide = KeyShape::new(vec![Scalar::Bytes(12), Scalar::Unsigned(4)]);
        assert_eq!(
            WordProbe(&wide).stored(b"hello, world\x04\x03\x02\x01"),
            u128::from_be_bytes(*b"hello, world\x01\x02\x03\x04")
        );
    }

    #[test]
    fn keys_order_as_a_person_expects() {
        order(Scalar::Unsigned(2), &[0u16, 1, 255, 256, u16::MAX].map(|v| v.to_le_bytes().to_vec()));
        order(Scalar::Signed(4), &[i32::MIN, -256, -1, 0, 1, i32::MAX].map(|v| v.to_le_bytes().to_vec()));
        order(Scalar::Signed(8), &[i64::MIN, -1, 0, i64::MAX].map(|v| v.to_le_bytes().to_vec()));
        order(Scalar::Unsigned(8), &[0, 1, 1 << 40, u64::MAX].map(|v| v.to_le_bytes().to_vec()));
        let floats = [-f64::NAN, f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, 1.5, f64::INFINITY, f64::NAN];
        order(Scalar::Float(8), &floats.map(|v| v.to_le_bytes().to_vec()));
        order(Scalar::Bytes(3), &[*b"\0\0\0", *b"a\0\0", *b"ab\0", *b"b\0\0"].map(|v| v.to_vec()));
    }
}
