//! Probes of all other keys: as one `u128` up to 16 bytes, and else as bytes. Chosen by
//! `with_probe!`.

use super::key::KeyShape;
use super::number_probes::half_distance;
use super::probe::Probe;
use crate::limits::KEY_BYTES;

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
            // If eight bytes follow, read them at once, and use those of the field.
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

fn eight_bytes(word: &[u8; KEY_BYTES], at: usize) -> u64 {
    word[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Keys of any width, compared byte by byte.
#[derive(Clone, Copy)]
pub(crate) struct WideProbe<'k>(pub(crate) &'k KeyShape);

impl Probe for WideProbe<'_> {
    type Word = [u8; KEY_BYTES];
    /// How many leading bytes are equal, and the ruler for the eight bytes after them.
    type Ruler = (usize, f64);

    #[inline(always)]
    fn width(self) -> usize {
        self.0.width
    }

    fn stored(self, record: &[u8]) -> [u8; KEY_BYTES] {
        let mut word = [0; KEY_BYTES];
        self.0.normalise(record, &mut word[..self.0.width]);
        word
    }

    fn normal(self, key: &[u8]) -> [u8; KEY_BYTES] {
        let mut word = [0; KEY_BYTES];
        word[..self.0.width].copy_from_slice(&key[..self.0.width]);
        word
    }

    fn ruler(low: Self::Word, high: Self::Word) -> (usize, f64) {
        let same = low.iter().zip(&high).take_while(|(low, high)| low == high).count().min(KEY_BYTES - 8);
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
