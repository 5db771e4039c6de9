//! Probes of the usual keys, which fit into a `u64`: one number of four or eight bytes, or a pair
//! of numbers. Chosen by `with_probe!`.

use super::probe::Probe;

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

/// Half the distance from one number to another. Half, because it then fits a signed number, which
/// becomes a float in one instruction; an unsigned one needs many.
#[inline(always)]
pub(super) fn half_distance(from: u64, to: u64) -> f64 {
    ((to >> 1) as i64 - (from >> 1) as i64) as f64
}
