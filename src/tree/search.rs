//! Searching sorted words: a binary search that does not branch on what it reads, and a guess that mostly spares it.

use std::hint::select_unpredictable;

use super::key::Probe;

/// How many of `len` ascending words are below `target`. The steps do not branch on the words, which a random key would
/// have mispredicted half of the time.
#[inline(always)]
pub(crate) fn lower_bound<W: Ord + Copy>(len: usize, target: W, word: impl Fn(usize) -> W) -> usize {
    if len == 0 {
        return 0;
    }
    let (mut base, mut size) = (0, len);
    while size > 1 {
        let half = size / 2;
        base = select_unpredictable(word(base + half) < target, base + half, base);
        size -= half;
    }
    base + usize::from(word(base) < target)
}

/// Rows around a guess that are looked at before it is given up.
const WINDOW: usize = 16;

/// How many records of a leaf have a key below `target`. `span` is where the branches say that its keys lie: from the
/// first on, below the second.
///
/// Keys that are spread evenly are where their value says, give or take √n / 2 rows; a second guess from the key found there
/// is closer still. So a search reads two or three lines of a leaf instead of seven. Where keys are spread otherwise, it costs
/// a binary search and the two guesses.
#[inline(always)]
pub(super) fn search_leaf<P: Probe>(
    probe: P,
    leaf: &[u8],
    width: usize,
    target: P::Word,
    span: Option<(P::Word, P::Word)>,
) -> usize {
    let rows = leaf.len() / width;
    let word = |row: usize| probe.stored(&leaf[row * width..]);
    if rows <= 2 * WINDOW {
        return lower_bound(rows, target, word);
    }
    let (low, high) = span.unwrap_or_else(|| (word(0), word(rows - 1)));
    if low >= high || target < low || target > high {
        return lower_bound(rows, target, word);
    }
    let first = P::rows_between(low, target, low, high, rows).min(rows - 1);
    let found = word(first);
    let nearer = if found < target {
        first.saturating_add(P::rows_between(found, target, low, high, rows))
    } else {
        first.saturating_sub(P::rows_between(target, found, low, high, rows))
    };
    let start = nearer.saturating_sub(WINDOW / 2).min(rows - WINDOW);
    let end = start + WINDOW;
    if start > 0 && word(start - 1) >= target {
        lower_bound(start, target, word)
    } else if end < rows && word(end - 1) < target {
        end + lower_bound(rows - end, target, |row| word(end + row))
    } else {
        start + lower_bound(WINDOW, target, |row| word(start + row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{KeyShape, Part};
    use crate::tree::{UnsignedProbe, WideProbe, WordProbe};

    #[test]
    fn lower_bound_counts_what_is_below() {
        for len in 0..40usize {
            for target in 0..=2 * len {
                let expected = (0..len).filter(|i| 2 * i + 1 < target).count();
                assert_eq!(lower_bound(len, target, |i| 2 * i + 1), expected);
            }
        }
    }

    #[test]
    fn a_guess_never_changes_the_answer() {
        let shape = KeyShape::new(vec![Part::Unsigned(8)]);
        let spread: [fn(u64) -> u64; 5] = [
            |i| i * 1000,
            |i| i * i * i,
            |i| 1 << (i % 64).min(40) | i << 41,
            |i| u64::MAX - 500 + i,
            |i| i + (i / 100) * (1 << 50),
        ];
        for spread in spread {
            for rows in [1u64, 31, 33, 64, 300, 500] {
                let mut keys: Vec<u64> = (0..rows).map(spread).collect();
                keys.sort_unstable();
                keys.dedup();
                let leaf: Vec<u8> =
                    keys.iter().flat_map(|key| [&key.to_le_bytes()[..], &[0; 5]].concat()).collect();
                let near = keys.iter().flat_map(|key| [key.wrapping_sub(1), *key, key.wrapping_add(1)]);
                for target in near.chain([0, u64::MAX, 1 << 45]) {
                    let expected = keys.partition_point(|key| *key < target);
                    let spans =
                        [None, Some((0, u64::MAX)), Some((keys[0], keys[keys.len() - 1].saturating_add(1)))];
                    for span in spans {
                        assert_eq!(search_leaf(UnsignedProbe::<8>, &leaf, 13, target, span), expected);
                        let wide = span.map(|(low, high)| (u128::from(low), u128::from(high)));
                        assert_eq!(
                            search_leaf(WordProbe(&shape), &leaf, 13, u128::from(target), wide),
                            expected
                        );
                    }
                    let probe = WideProbe(&shape);
                    assert_eq!(
                        search_leaf(probe, &leaf, 13, probe.stored(&target.to_le_bytes()), None),
                        expected
                    );
                }
            }
        }
    }
}
