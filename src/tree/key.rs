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

    /// Turns a stored field into its normal form.
    fn normalise(self, stored: &[u8], normal: &mut [u8]) {
        normal.copy_from_slice(stored);
        match self {
            Part::Bytes(_) => {}
            Part::Unsigned(_) => normal.reverse(),
            Part::Signed(_) => {
                normal.reverse();
                normal[0] ^= 0x80;
            }
            Part::Float(_) => {
                normal.reverse();
                if normal[0] & 0x80 == 0 {
                    normal[0] ^= 0x80;
                } else {
                    normal.iter_mut().for_each(|byte| *byte = !*byte);
                }
            }
        }
    }

    /// The same as a number, of a field of 1 to 8 bytes, which are the low ones of `raw`.
    #[inline(always)]
    fn word(self, raw: u64) -> u64 {
        let unused = 64 - 8 * self.width() as u32;
        let (mask, sign) = (u64::MAX >> unused, 1 << (63 - unused));
        match self {
            Part::Unsigned(_) => raw & mask,
            Part::Signed(_) => raw & mask ^ sign,
            Part::Float(_) if raw & sign == 0 => raw & mask ^ sign,
            Part::Float(_) => !raw & mask,
            Part::Bytes(_) => raw.swap_bytes() >> unused,
        }
    }
}

/// The fields of a key, in order. Empty where rows are addressed by number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KeyShape {
    parts: Vec<Part>,
    width: usize,
    form: Form,
}

/// How keys of a shape are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    U64,
    I64,
    U32,
    I32,
    /// Two `u32`, as the edges of a graph have them.
    Pair,
    /// At most 16 bytes.
    Word,
    Wide,
}

impl KeyShape {
    /// # Panics
    /// If the parts are wider than [`KEY_LIMIT`] in all; schemas are checked before.
    pub(crate) fn new(parts: Vec<Part>) -> KeyShape {
        let width = parts.iter().map(|part| part.width()).sum();
        assert!(width <= KEY_LIMIT, "a key of {width} bytes passed the schema");
        let form = match parts[..] {
            [Part::Unsigned(8)] => Form::U64,
            [Part::Signed(8)] => Form::I64,
            [Part::Unsigned(4)] => Form::U32,
            [Part::Signed(4)] => Form::I32,
            [Part::Unsigned(4), Part::Unsigned(4)] => Form::Pair,
            _ if width <= 16 => Form::Word,
            _ => Form::Wide,
        };
        KeyShape { parts, width, form }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    #[inline]
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// The shape of the first fields of the key.
    pub(crate) fn leading(&self, fields: usize) -> KeyShape {
        KeyShape::new(self.parts[..fields.min(self.parts.len())].to_vec())
    }

    /// Turns the stored key at the start of `stored` into its normal form.
    pub(crate) fn normalise(&self, stored: &[u8], normal: &mut [u8]) {
        let mut at = 0;
        for part in &self.parts {
            let field = at..at + part.width();
            part.normalise(&stored[field.clone()], &mut normal[field]);
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
    /// Bytes of a key.
    fn width(self) -> usize;
    /// The key at the start of a stored record.
    fn stored(self, record: &[u8]) -> Self::Word;
    /// A key in normal form.
    fn normal(self, key: &[u8]) -> Self::Word;
    /// How many of the first WINDOW of some records, `width` bytes each, have a key below `target`.
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
    /// How many of the first WINDOW of some keys in normal form are not above `target`.
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
    /// What is known of words that are spread evenly.
    type Ruler: Copy;
    /// The ruler that is one long from `low` to `high`, which is above it.
    fn ruler(low: Self::Word, high: Self::Word) -> Self::Ruler;
    /// How far it is from one word to another by the ruler, below zero if that is the lower one. It need not be exact.
    fn distance(ruler: Self::Ruler, from: Self::Word, to: Self::Word) -> f64;
    /// Sorts words and what goes with them; equal words keep their order.
    fn sort(words: &mut [(Self::Word, u32)]) {
        words.sort_unstable();
    }
    /// The greatest word below another one.
    fn before(word: Self::Word) -> Option<Self::Word>;
    /// The lowest word whose first `len` bytes are those of this one, or the highest.
    fn edge(self, word: Self::Word, len: usize, highest: bool) -> Self::Word;
}

/// The first fields of longer keys.
#[derive(Clone, Copy)]
pub(crate) struct Leading<P> {
    pub(crate) probe: P,
    /// Bytes of a whole key.
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

/// One unsigned little-endian field of N bytes.
#[derive(Clone, Copy)]
pub(crate) struct UnsignedProbe<const N: usize>;

impl<const N: usize> Probe for UnsignedProbe<N> {
    type Word = u64;
    type Ruler = f64;

    #[inline(always)]
    fn width(self) -> usize {
        N
    }

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
    fn count_up_to<const WINDOW: usize>(self, keys: &[u8], target: u64) -> usize {
        let Some(window) = keys.as_chunks::<N>().0.first_chunk::<WINDOW>() else { return 0 };
        let mut counted = 0;
        for key in window {
            counted += usize::from(self.normal(key) <= target);
        }
        counted
    }

    #[inline(always)]
    fn ruler(low: u64, high: u64) -> f64 {
        1.0 / half_distance(low, high)
    }

    #[inline(always)]
    fn distance(ruler: f64, from: u64, to: u64) -> f64 {
        half_distance(from, to) * ruler
    }

    fn sort(words: &mut [(u64, u32)]) {
        radsort::sort_by_key(words, |(word, _)| *word);
    }

    #[inline(always)]
    fn before(word: u64) -> Option<u64> {
        word.checked_sub(1)
    }

    #[inline(always)]
    fn edge(self, word: u64, len: usize, highest: bool) -> u64 {
        let filled = u64::MAX.unbounded_shr(8 * (8 - N.saturating_sub(len)) as u32);
        if highest { word | filled } else { word & !filled }
    }
}

/// One signed little-endian field of N bytes.
#[derive(Clone, Copy)]
pub(crate) struct SignedProbe<const N: usize>;

impl<const N: usize> Probe for SignedProbe<N> {
    type Word = u64;
    type Ruler = f64;

    #[inline(always)]
    fn width(self) -> usize {
        N
    }

    #[inline(always)]
    fn stored(self, record: &[u8]) -> u64 {
        UnsignedProbe::<N>.stored(record) ^ (0x80 << (8 * (N - 1)))
    }

    #[inline(always)]
    fn normal(self, key: &[u8]) -> u64 {
        UnsignedProbe::<N>.normal(key)
    }

    #[inline(always)]
    fn count_up_to<const WINDOW: usize>(self, keys: &[u8], target: u64) -> usize {
        UnsignedProbe::<N>.count_up_to::<WINDOW>(keys, target)
    }

    #[inline(always)]
    fn ruler(low: u64, high: u64) -> f64 {
        1.0 / half_distance(low, high)
    }

    #[inline(always)]
    fn distance(ruler: f64, from: u64, to: u64) -> f64 {
        half_distance(from, to) * ruler
    }

    fn sort(words: &mut [(u64, u32)]) {
        radsort::sort_by_key(words, |(word, _)| *word);
    }

    #[inline(always)]
    fn before(word: u64) -> Option<u64> {
        word.checked_sub(1)
    }

    #[inline(always)]
    fn edge(self, word: u64, len: usize, highest: bool) -> u64 {
        let filled = u64::MAX.unbounded_shr(8 * (8 - N.saturating_sub(len)) as u32);
        if highest { word | filled } else { word & !filled }
    }
}

/// Two unsigned little-endian fields of four bytes.
#[derive(Clone, Copy)]
pub(crate) struct PairProbe;

impl Probe for PairProbe {
    type Word = u64;
    type Ruler = f64;

    #[inline(always)]
    fn width(self) -> usize {
        8
    }

    #[inline(always)]
    fn stored(self, record: &[u8]) -> u64 {
        UnsignedProbe::<8>.stored(record).rotate_left(32)
    }

    #[inline(always)]
    fn normal(self, key: &[u8]) -> u64 {
        UnsignedProbe::<8>.normal(key)
    }

    #[inline(always)]
    fn count_up_to<const WINDOW: usize>(self, keys: &[u8], target: u64) -> usize {
        UnsignedProbe::<8>.count_up_to::<WINDOW>(keys, target)
    }

    #[inline(always)]
    fn ruler(low: u64, high: u64) -> f64 {
        1.0 / half_distance(low, high)
    }

    #[inline(always)]
    fn distance(ruler: f64, from: u64, to: u64) -> f64 {
        half_distance(from, to) * ruler
    }

    fn sort(words: &mut [(u64, u32)]) {
        radsort::sort_by_key(words, |(word, _)| *word);
    }

    #[inline(always)]
    fn before(word: u64) -> Option<u64> {
        word.checked_sub(1)
    }

    #[inline(always)]
    fn edge(self, word: u64, len: usize, highest: bool) -> u64 {
        UnsignedProbe::<8>.edge(word, len, highest)
    }
}

/// Half of how far one number is above another. Signed numbers become floats in one instruction, unsigned ones in many.
#[inline(always)]
fn half_distance(from: u64, to: u64) -> f64 {
    ((to >> 1) as i64 - (from >> 1) as i64) as f64
}

/// Any key of at most 16 bytes.
#[derive(Clone, Copy)]
pub(crate) struct WordProbe<'k>(pub(crate) &'k KeyShape);

impl Probe for WordProbe<'_> {
    type Word = u128;
    type Ruler = f64;

    #[inline(always)]
    fn width(self) -> usize {
        self.0.width
    }

    #[inline]
    fn stored(self, record: &[u8]) -> u128 {
        let mut word = 0_u128;
        let mut rest = record;
        for part in &self.0.parts {
            let width = part.width();
            // Eight bytes at once, of which the field is some, where there are so many.
            word = match rest.first_chunk() {
                Some(bytes) if width <= 8 => {
                    word << (8 * width) | u128::from(part.word(u64::from_le_bytes(*bytes)))
                }
                _ => {
                    let mut normal = [0; 16];
                    part.normalise(&rest[..width], &mut normal[..width]);
                    normal[..width].iter().fold(word, |word, byte| word << 8 | u128::from(*byte))
                }
            };
            rest = &rest[width..];
        }
        word
    }

    #[inline]
    fn normal(self, key: &[u8]) -> u128 {
        let mut word = [0; 16];
        word[16 - self.0.width..].copy_from_slice(&key[..self.0.width]);
        u128::from_be_bytes(word)
    }

    #[inline]
    fn ruler(low: u128, high: u128) -> f64 {
        1.0 / half_wide_distance(low, high)
    }

    #[inline]
    fn distance(ruler: f64, from: u128, to: u128) -> f64 {
        half_wide_distance(from, to) * ruler
    }

    #[inline(always)]
    fn before(word: u128) -> Option<u128> {
        word.checked_sub(1)
    }

    #[inline(always)]
    fn edge(self, word: u128, len: usize, highest: bool) -> u128 {
        let filled = u128::MAX.unbounded_shr(8 * (16 - self.0.width.saturating_sub(len)) as u32);
        if highest { word | filled } else { word & !filled }
    }
}

#[inline]
fn half_wide_distance(from: u128, to: u128) -> f64 {
    ((to >> 1) as i128 - (from >> 1) as i128) as f64
}

fn eight_bytes(word: &[u8; KEY_LIMIT], at: usize) -> u64 {
    word[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Keys of any width, compared byte by byte.
#[derive(Clone, Copy)]
pub(crate) struct WideProbe<'k>(pub(crate) &'k KeyShape);

impl Probe for WideProbe<'_> {
    type Word = [u8; KEY_LIMIT];
    /// How many bytes do not differ, and what one more in the next eight bytes is of the whole.
    type Ruler = (usize, f64);

    #[inline(always)]
    fn width(self) -> usize {
        self.0.width
    }

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

    fn ruler(low: Self::Word, high: Self::Word) -> (usize, f64) {
        let same = low.iter().zip(&high).take_while(|(low, high)| low == high).count().min(KEY_LIMIT - 8);
        (same, 1.0 / half_distance(eight_bytes(&low, same), eight_bytes(&high, same)).max(1.0))
    }

    fn distance((same, ruler): (usize, f64), from: Self::Word, to: Self::Word) -> f64 {
        half_distance(eight_bytes(&from, same), eight_bytes(&to, same)) * ruler
    }

    fn before(mut word: Self::Word) -> Option<Self::Word> {
        let last = word.iter().rposition(|byte| *byte > 0)?;
        word[last] -= 1;
        word[last + 1..].fill(0xFF);
        Some(word)
    }

    fn edge(self, mut word: Self::Word, len: usize, highest: bool) -> Self::Word {
        word[len.min(self.0.width)..self.0.width].fill(if highest { 0xFF } else { 0x00 });
        word
    }
}

/// Compiles an expression once for each kind of key, and picks the one that fits this shape.
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
    fn a_key_of_several_fields_is_the_same_word_wherever_its_record_ends() {
        let shape = KeyShape::new(vec![Part::Bytes(3), Part::Signed(2), Part::Unsigned(1), Part::Float(8)]);
        for float in [-2.5_f64, 0.0, 7.25] {
            let stored = [&b"abc"[..], &(-3_i16).to_le_bytes(), &[200], &float.to_le_bytes()].concat();
            let expected = shape.normal(&stored).iter().fold(0, |word, byte| word << 8 | u128::from(*byte));
            for slack in [0, 1, 5, 20] {
                let record = [&stored[..], &[0xEE; 20][..slack]].concat();
                assert_eq!(WordProbe(&shape).stored(&record), expected, "{slack} bytes more");
            }
        }
        let wide = KeyShape::new(vec![Part::Bytes(12), Part::Unsigned(4)]);
        assert_eq!(
            WordProbe(&wide).stored(b"hello, world\x04\x03\x02\x01"),
            u128::from_be_bytes(*b"hello, world\x01\x02\x03\x04")
        );
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
