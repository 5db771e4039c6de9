//! Searching sorted keys in a node: a guess from the value of the key, and a binary search without
//! branches where the guess fails. Reading and writing use it; it knows neither pages nor trees.

use std::hint::select_unpredictable;
use std::ops::Range;

use super::probe::Probe;
use crate::page::prefetch;

/// How many of `len` items come `before` a place. Those that do must come first. No step branches
/// on what it reads: for random keys, half of these branches would be mispredicted.
#[inline(always)]
fn partition(len: usize, before: impl Fn(usize) -> bool) -> usize {
    if len == 0 {
        return 0;
    }
    let (mut base, mut size) = (0, len);
    while size > 1 {
        let half = size / 2;
        base = select_unpredictable(before(base + half), base + half, base);
        size -= half;
    }
    base + usize::from(before(base))
}

/// Up to this many items lie on a few cache lines, and are searched without a prefetch.
const FEW: usize = 16;

/// The first item in a range that is not `before` a place, or the end of the range. Everything that
/// the next three steps may read is prefetched before the first of them. So a search among a
/// thousand items waits for memory three times instead of ten.
#[inline(always)]
fn partition_ahead(things: Range<usize>, fetch: impl Fn(usize), before: impl Fn(usize) -> bool) -> usize {
    let Range { mut start, end } = things;
    let mut len = end - start;
    while len > FEW {
        let eighth = len / 8;
        for ahead in 1..8 {
            fetch(start + ahead * eighth);
        }
        let passed = partition(7, |ahead| before(start + (ahead + 1) * eighth));
        start += passed * eighth;
        len = if passed == 7 { len - 7 * eighth } else { eighth };
    }
    start + partition(len, |at| before(start + at))
}

/// How many of `len` ascending words are below `target`.
#[inline(always)]
pub(crate) fn lower_bound<W: Ord + Copy>(len: usize, target: W, word: impl Fn(usize) -> W) -> usize {
    partition(len, |at| word(at) < target)
}

/// How many rows around a guess in a leaf are compared.
const LEAF_WINDOW: usize = 8;
/// How many rows a first guess may be off before there is no second one. With evenly spread keys it
/// is off by a quarter of this among a thousand.
const FAR_OFF: f64 = 64.0;
/// How many first keys around a guess in a branch are compared.
const BRANCH_WINDOW: usize = 4;

/// The words between which the keys below a node lie, as its parents say: from `low` on, below
/// `high`.
#[derive(Clone, Copy)]
pub(super) struct Span<W> {
    pub(super) low: W,
    pub(super) high: W,
}

/// How many records of a leaf have a key below `target`.
///
/// If the keys are spread evenly, the value of a key gives its row, up to about √n / 2 rows. A
/// second guess from the key found there is closer. So a search reads two or three cache lines of a
/// leaf instead of seven. If the keys are not spread evenly, it costs the two guesses, two windows,
/// and a binary search.
#[inline(always)]
pub(super) fn search_leaf<P: Probe>(
    probe: P,
    leaf: &[u8],
    rows: usize,
    width: usize,
    target: P::Word,
    span: Option<Span<P::Word>>,
) -> usize {
    match first_guess(probe, leaf, rows, width, target, span) {
        Some(guess) => {
            prefetch_around(leaf, guess.row * width);
            let nearer = second_guess(probe, leaf, width, target, guess);
            search_near(probe, leaf, rows, width, target, nearer)
        }
        None => between(probe, leaf, width, target, 0..rows),
    }
}

/// A row near which a key probably is, and how to measure the distance from there.
pub(super) struct Guess<P: Probe> {
    pub(super) row: usize,
    ruler: P::Ruler,
    rows: f64,
}

/// `None` if a guess is useless: in a leaf of few rows, or if all keys are equal.
#[inline(always)]
pub(super) fn first_guess<P: Probe>(
    probe: P,
    leaf: &[u8],
    rows: usize,
    width: usize,
    target: P::Word,
    span: Option<Span<P::Word>>,
) -> Option<Guess<P>> {
    if rows <= 2 * LEAF_WINDOW {
        return None;
    }
    let Span { low, high } = match span {
        Some(span) => span,
        None => Span { low: probe.stored(leaf), high: probe.stored(&leaf[(rows - 1) * width..]) },
    };
    if low >= high {
        return None;
    }
    let ruler = P::ruler(low, high);
    let count = f64::from(rows as i32);
    Some(Guess { row: whole(P::distance(ruler, low, target) * count, rows - 1), ruler, rows: count })
}

/// A second guess, from the key found at the first. `None` if the first is far off: then the keys
/// are not spread evenly, and another guess would only cost two more cache lines.
#[inline(always)]
pub(super) fn second_guess<P: Probe>(
    probe: P,
    leaf: &[u8],
    width: usize,
    target: P::Word,
    first: Guess<P>,
) -> Option<f64> {
    let found = probe.stored(&leaf[first.row * width..]);
    let off = P::distance(first.ruler, found, target) * first.rows;
    if off.abs() < FAR_OFF { Some(f64::from(first.row as i32) + off) } else { None }
}

/// Searches around a guess, or the whole leaf without one.
#[inline(always)]
pub(super) fn search_near<P: Probe>(
    probe: P,
    leaf: &[u8],
    rows: usize,
    width: usize,
    target: P::Word,
    guess: Option<f64>,
) -> usize {
    let Some(guess) = guess else { return between(probe, leaf, width, target, 0..rows) };
    let count = |row: usize| {
        let window = &leaf[row * width..(row + LEAF_WINDOW) * width];
        probe.count_below::<LEAF_WINDOW>(window, width, target)
    };
    match near(rows, guess, LEAF_WINDOW, count) {
        Ok(row) => row,
        Err(rest) => between(probe, leaf, width, target, rest),
    }
}

/// How many bytes on each side of a first guess are prefetched with it.
const REACH: usize = 256;

/// Prefetches the bytes around a position in a leaf. The second guess probably lies there, and then
/// does not wait for memory again.
#[inline(always)]
pub(super) fn prefetch_around(leaf: &[u8], at: usize) {
    let from = at.saturating_sub(REACH).min(leaf.len().saturating_sub(2 * REACH));
    if let Some(lines) = leaf.get(from..from + 2 * REACH) {
        prefetch(lines);
    }
}

/// Prefetches the cache line of a byte.
#[inline(always)]
pub(super) fn prefetch_at(bytes: &[u8], at: usize) {
    if let Some(byte) = bytes.get(at..=at) {
        prefetch(byte);
    }
}

/// Prefetches the cache lines that [`search_near`] will read.
#[inline(always)]
pub(super) fn prefetch_near(leaf: &[u8], rows: usize, width: usize, guess: f64) {
    let start = whole(guess - (LEAF_WINDOW / 2) as f64, rows - LEAF_WINDOW);
    if let Some(window) = leaf.get(start * width..(start + LEAF_WINDOW) * width) {
        prefetch_at(window, 0);
        prefetch_at(window, 64);
        prefetch_at(window, window.len() - 1);
    }
}

/// The same by a binary search in a range of rows. The result must lie in it or at its end.
#[inline(never)]
fn between<P: Probe>(probe: P, leaf: &[u8], width: usize, target: P::Word, rows: Range<usize>) -> usize {
    let fetch = |row: usize| prefetch_at(leaf, row * width);
    partition_ahead(rows, fetch, |row| probe.stored(&leaf[row * width..]) < target)
}

/// The child that a key belongs to: the last one whose first key is not above the key, or the first
/// child. `share` is where the key lies between the ends of the branch's span, from 0 to 1. First
/// keys are spread more evenly than keys, so one guess is enough.
#[inline(always)]
pub(super) fn search_branch<P: Probe>(
    probe: P,
    keys: &[u8],
    children: usize,
    target: P::Word,
    share: Option<f64>,
) -> usize {
    let width = probe.width();
    if children <= 2 * BRANCH_WINDOW {
        return child_between(probe, keys, target, 0..children);
    }
    let guess = match share {
        Some(share) => share * f64::from(children as i32),
        None => {
            let low = probe.normal(keys);
            let high = probe.normal(&keys[(children - 1) * width..]);
            if low >= high {
                return child_between(probe, keys, target, 0..children);
            }
            P::distance(P::ruler(low, high), low, target) * f64::from(children as i32 - 1)
        }
    };
    let count = |child: usize| {
        let window = &keys[child * width..(child + BRANCH_WINDOW) * width];
        probe.count_up_to::<BRANCH_WINDOW>(window, target)
    };
    match near(children, guess + 1.0, BRANCH_WINDOW, count) {
        Ok(above) => above.saturating_sub(1),
        Err(rest) => child_between(probe, keys, target, rest),
    }
}

/// The same by a binary search in a range of children. The first child with a greater key must lie
/// in it or at its end.
#[inline(never)]
fn child_between<P: Probe>(probe: P, keys: &[u8], target: P::Word, children: Range<usize>) -> usize {
    let fetch = |child: usize| prefetch_at(keys, child * probe.width());
    let word = |child: usize| probe.normal(&keys[child * probe.width()..]);
    partition_ahead(children, fetch, |child| word(child) <= target).saturating_sub(1)
}

/// Rounds a guess to a number from 0 to `last`, which is below 2³¹. Adding 2⁵² rounds a float and
/// leaves the integer in its low bits. A cast would also handle NaN and negative numbers, which
/// costs more and cannot occur here.
#[inline(always)]
pub(super) fn whole(guess: f64, last: usize) -> usize {
    let last = f64::from(last as i32);
    let guess = if guess > 0.0 { guess } else { 0.0 };
    let guess = if guess < last { guess } else { last };
    (guess + 4_503_599_627_370_496.0).to_bits() as u32 as usize
}

/// How many of `len` items come before a place that is probably near `guess`. `count` says how many
/// of the `window` items from an index on come before it, without waiting for one of them after the
/// other. If the place is not in the window, the next window on its side is counted. If it is not
/// there either, the error is the range in which it lies.
#[inline(always)]
fn near(
    len: usize,
    guess: f64,
    window: usize,
    count: impl Fn(usize) -> usize,
) -> std::result::Result<usize, Range<usize>> {
    let start = whole(guess - (window / 2) as f64, len - window);
    let counted = count(start);
    let end = start + window;
    if counted == 0 && start > 0 {
        let lower = start.saturating_sub(window);
        match count(lower) {
            0 => Err(0..lower),
            counted => Ok(lower + counted),
        }
    } else if counted == window && end < len {
        let upper = end.min(len - window);
        match count(upper) {
            counted if counted == window => Err(upper + window..len),
            counted => Ok(upper + counted),
        }
    } else {
        Ok(start + counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Scalar;
    use crate::tree::KeyShape;
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
        let shape = KeyShape::new(vec![Scalar::Unsigned(8)]);
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
                    let ends = (keys[0], keys[keys.len() - 1].saturating_add(1));
                    let spans = [None, Some((0, u64::MAX)), Some(ends)]
                        .map(|span| span.map(|(low, high)| Span { low, high }));
                    for span in spans {
                        assert_eq!(
                            search_leaf(UnsignedProbe::<8>, &leaf, keys.len(), 13, target, span),
                            expected
                        );
                        let wide = span
                            .map(|Span { low, high }| Span { low: u128::from(low), high: u128::from(high) });
                        assert_eq!(
                            search_leaf(WordProbe(&shape), &leaf, keys.len(), 13, u128::from(target), wide),
                            expected
                        );
                    }
                    let probe = WideProbe(&shape);
                    assert_eq!(
                        search_leaf(probe, &leaf, keys.len(), 13, probe.stored(&target.to_le_bytes()), None),
                        expected
                    );
                }
            }
        }
    }
}
