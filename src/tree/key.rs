//! Key order: how the leading bytes of a record compare, and the normal form in which branches keep them.
//!
//! The normal form of a key has as many bytes as the key and orders as plain bytes: integers most significant byte
//! first, the sign bit turned where there is one, floats by IEEE total order, text and bytes as they are.

use super::KEY_LIMIT;

/// One field of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Unsigned(usize),
    Signed(usize),
    Float(usize),
    Bytes(usize),
}

impl Part {
    pub(crate) fn width(self) -> usize {
        match self {
            Part::Unsigned(width) | Part::Signed(width) | Part::Float(width) | Part::Bytes(width) => width,
        }
    }
}

/// The fields of a key, in order. Empty where rows are addressed by number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KeyShape {
    parts: Vec<Part>,
    width: usize,
}

impl KeyShape {
    /// # Panics
    /// If the parts are wider than [`KEY_LIMIT`] in all; schemas are checked before.
    pub(crate) fn new(parts: Vec<Part>) -> KeyShape {
        let width = parts.iter().map(|part| part.width()).sum();
        assert!(width <= KEY_LIMIT, "a key of {width} bytes passed the schema");
        KeyShape { parts, width }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Turns the stored key at the start of `stored` into its normal form.
    pub(crate) fn normalise(&self, stored: &[u8], normal: &mut [u8]) {
        let mut at = 0;
        for part in &self.parts {
            let field = at..at + part.width();
            normal[field.clone()].copy_from_slice(&stored[field.clone()]);
            let out = &mut normal[field];
            match part {
                Part::Bytes(_) => {}
                Part::Unsigned(_) => out.reverse(),
                Part::Signed(_) => {
                    out.reverse();
                    out[0] ^= 0x80;
                }
                Part::Float(_) => {
                    out.reverse();
                    if out[0] & 0x80 == 0 {
                        out[0] ^= 0x80;
                    } else {
                        out.iter_mut().for_each(|byte| *byte = !*byte);
                    }
                }
            }
            at += part.width();
        }
    }

    /// The stored key as a byte string that orders as the key does.
    pub(crate) fn normal(&self, stored: &[u8]) -> Normal {
        let mut normal = Normal { bytes: [0; KEY_LIMIT], len: self.width };
        self.normalise(stored, &mut normal.bytes[..self.width]);
        normal
    }
}

/// A key in its normal form.
#[derive(Clone, Copy)]
pub(crate) struct Normal {
    bytes: [u8; KEY_LIMIT],
    len: usize,
}

impl Normal {
    /// The same key, cut after `len` bytes and filled up with `fill`: the edge of a prefix.
    pub(crate) fn prefix(mut self, len: usize, fill: u8) -> Normal {
        self.bytes[len..self.len].fill(fill);
        self
    }
}

impl std::ops::Deref for Normal {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A way to compare keys as machine words where they fit, and as bytes where they do not.
pub(crate) trait Probe: Copy {
    type Word: Ord + Copy;
    /// The key at the start of a stored record.
    fn stored(self, record: &[u8]) -> Self::Word;
    /// A key in normal form.
    fn normal(self, key: &[u8]) -> Self::Word;
    /// How many of `rows` rows spread evenly from `low` to `high` lie between two words; `from` is not above `to`.
    fn rows_between(
        from: Self::Word,
        to: Self::Word,
        low: Self::Word,
        high: Self::Word,
        rows: usize,
    ) -> usize;
    /// Sorts words and what goes with them; equal words keep their order.
    fn sort(words: &mut [(Self::Word, u32)]) {
        words.sort_unstable();
    }
}

/// One unsigned little-endian field of N bytes.
#[derive(Clone, Copy)]
pub(crate) struct UnsignedProbe<const N: usize>;

impl<const N: usize> Probe for UnsignedProbe<N> {
    type Word = u64;

    #[inline(always)]
    fn stored(self, record: &[u8]) -> u64 {
        let mut word = [0; 8];
        word[..N].copy_from_slice(&record[..N]);
        u64::from_le_bytes(word)
    }

    #[inline(always)]
    fn normal(self, key: &[u8]) -> u64 {
        let mut word = [0; 8];
        word[8 - N..].copy_from_slice(&key[..N]);
        u64::from_be_bytes(word)
    }

    #[inline(always)]
    fn rows_between(from: u64, to: u64, low: u64, high: u64, rows: usize) -> usize {
        // Rounding does not matter to a guess.
        ((to - from) as f64 / (high - low) as f64 * rows as f64) as usize
    }

    fn sort(words: &mut [(u64, u32)]) {
        radsort::sort_by_key(words, |(word, _)| *word);
    }
}

/// One signed little-endian field of N bytes.
#[derive(Clone, Copy)]
pub(crate) struct SignedProbe<const N: usize>;

impl<const N: usize> Probe for SignedProbe<N> {
    type Word = u64;

    #[inline(always)]
    fn stored(self, record: &[u8]) -> u64 {
        UnsignedProbe::<N>.stored(record) ^ (0x80 << (8 * (N - 1)))
    }

    #[inline(always)]
    fn normal(self, key: &[u8]) -> u64 {
        UnsignedProbe::<N>.normal(key)
    }

    #[inline(always)]
    fn rows_between(from: u64, to: u64, low: u64, high: u64, rows: usize) -> usize {
        // Rounding does not matter to a guess.
        ((to - from) as f64 / (high - low) as f64 * rows as f64) as usize
    }

    fn sort(words: &mut [(u64, u32)]) {
        radsort::sort_by_key(words, |(word, _)| *word);
    }
}

/// Any key of at most 16 bytes.
#[derive(Clone, Copy)]
pub(crate) struct WordProbe<'k>(pub(crate) &'k KeyShape);

impl Probe for WordProbe<'_> {
    type Word = u128;

    #[inline]
    fn stored(self, record: &[u8]) -> u128 {
        let mut normal = [0; 16];
        let width = self.0.width;
        self.0.normalise(record, &mut normal[16 - width..]);
        u128::from_be_bytes(normal)
    }

    #[inline]
    fn normal(self, key: &[u8]) -> u128 {
        let mut word = [0; 16];
        word[16 - self.0.width..].copy_from_slice(&key[..self.0.width]);
        u128::from_be_bytes(word)
    }

    #[inline]
    fn rows_between(from: u128, to: u128, low: u128, high: u128, rows: usize) -> usize {
        ((to - from) as f64 / (high - low) as f64 * rows as f64) as usize
    }
}

/// Keys of any width, compared byte by byte.
#[derive(Clone, Copy)]
pub(crate) struct WideProbe<'k>(pub(crate) &'k KeyShape);

impl Probe for WideProbe<'_> {
    type Word = [u8; KEY_LIMIT];

    fn stored(self, record: &[u8]) -> [u8; KEY_LIMIT] {
        let mut word = [0; KEY_LIMIT];
        self.0.normalise(record, &mut word[..self.0.width]);
        word
    }

    fn normal(self, key: &[u8]) -> [u8; KEY_LIMIT] {
        let mut word = [0; KEY_LIMIT];
        word[..self.0.width].copy_from_slice(&key[..self.0.width]);
        word
    }

    fn rows_between(
        from: Self::Word,
        to: Self::Word,
        low: Self::Word,
        high: Self::Word,
        rows: usize,
    ) -> usize {
        // The first eight bytes in which the ends differ say enough.
        let same = low.iter().zip(&high).take_while(|(low, high)| low == high).count().min(KEY_LIMIT - 8);
        let word = |bytes: &Self::Word| {
            bytes[same..same + 8].iter().fold(0, |word: u64, byte| word << 8 | u64::from(*byte))
        };
        let (between, all) = (word(&to).saturating_sub(word(&from)), word(&high).saturating_sub(word(&low)));
        (between as f64 / all.max(1) as f64 * rows as f64) as usize
    }
}

/// Compiles an expression once for each kind of key, and picks the one that fits this shape.
macro_rules! with_probe {
    ($shape:expr, $probe:ident => $body:expr) => {{
        use $crate::tree::{Part, SignedProbe, UnsignedProbe, WideProbe, WordProbe};
        let shape = $shape;
        match shape.parts() {
            [Part::Unsigned(8)] => {
                let $probe = UnsignedProbe::<8>;
                $body
            }
            [Part::Signed(8)] => {
                let $probe = SignedProbe::<8>;
                $body
            }
            [Part::Unsigned(4)] => {
                let $probe = UnsignedProbe::<4>;
                $body
            }
            [Part::Signed(4)] => {
                let $probe = SignedProbe::<4>;
                $body
            }
            _ if shape.width() <= 16 => {
                let $probe = WordProbe(shape);
                $body
            }
            _ => {
                let $probe = WideProbe(shape);
                $body
            }
        }
    }};
}
pub(crate) use with_probe;

#[cfg(test)]
mod tests {
    use super::*;

    fn order(part: Part, ascending: &[Vec<u8>]) {
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
    fn keys_order_as_a_person_expects() {
        order(Part::Unsigned(2), &[0u16, 1, 255, 256, u16::MAX].map(|v| v.to_le_bytes().to_vec()));
        order(Part::Signed(4), &[i32::MIN, -256, -1, 0, 1, i32::MAX].map(|v| v.to_le_bytes().to_vec()));
        order(Part::Signed(8), &[i64::MIN, -1, 0, i64::MAX].map(|v| v.to_le_bytes().to_vec()));
        order(Part::Unsigned(8), &[0, 1, 1 << 40, u64::MAX].map(|v| v.to_le_bytes().to_vec()));
        let floats = [-f64::NAN, f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, 1.5, f64::INFINITY, f64::NAN];
        order(Part::Float(8), &floats.map(|v| v.to_le_bytes().to_vec()));
        order(Part::Bytes(3), &[*b"\0\0\0", *b"a\0\0", *b"ab\0", *b"b\0\0"].map(|v| v.to_vec()));
    }
}
