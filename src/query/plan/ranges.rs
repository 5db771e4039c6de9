//! Sets of values, as ranges of their ordinals: the one form that every comparison of a field with
//! values is brought to.
//!
//! The ordinal of a value is a string of bytes, as wide as the field, that orders as the values do:
//! see `domain.rs`. A set is a list of ranges in order that neither touch nor overlap, each with
//! its first ordinal and the one behind its last; `None` is behind all.

use std::cmp::Ordering;

/// The end of a range: the first ordinal that is not in it, `None` where all that follow are.
pub(in crate::query) type End = Option<Vec<u8>>;

/// A set of ordinals of one width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::query) struct Ranges(Vec<(Vec<u8>, End)>);

impl Ranges {
    pub(in crate::query) fn none() -> Ranges {
        Ranges(Vec::new())
    }

    /// From the first, up to the second, which is not in it.
    pub(in crate::query) fn new(from: End, to: End) -> Ranges {
        match from {
            Some(from) if to.as_ref().is_none_or(|to| from < *to) => Ranges(vec![(from, to)]),
            _ => Ranges::none(),
        }
    }

    pub(in crate::query) fn all(width: usize) -> Ranges {
        Ranges(vec![(vec![0; width], None)])
    }

    pub(in crate::query) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is every string of that width.
    pub(in crate::query) fn is_all(&self) -> bool {
        matches!(&self.0[..], [(from, None)] if from.iter().all(|byte| *byte == 0))
    }

    pub(in crate::query) fn as_slice(&self) -> &[(Vec<u8>, End)] {
        &self.0
    }

    pub(in crate::query) fn union(&self, other: &Ranges) -> Ranges {
        let mut all: Vec<_> = self.0.iter().chain(&other.0).cloned().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ranges::merged(all)
    }

    /// The union of many.
    pub(in crate::query) fn union_of(sets: impl IntoIterator<Item = Ranges>) -> Ranges {
        let mut all: Vec<_> = sets.into_iter().flat_map(|set| set.0).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ranges::merged(all)
    }

    fn merged(sorted: Vec<(Vec<u8>, End)>) -> Ranges {
        let mut ranges: Vec<(Vec<u8>, End)> = Vec::with_capacity(sorted.len());
        for (from, to) in sorted {
            match ranges.last_mut() {
                Some((_, end)) if end.as_ref().is_none_or(|end| from <= *end) => {
                    if cmp_ends(&to, end).is_gt() {
                        *end = to;
                    }
                }
                _ => ranges.push((from, to)),
            }
        }
        Ranges(ranges)
    }

    pub(in crate::query) fn intersection(&self, other: &Ranges) -> Ranges {
        let mut both = Vec::new();
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((a_from, a_to)), Some((b_from, b_to))) = (a.peek(), b.peek()) {
            let from = a_from.max(b_from);
            let to = if cmp_ends(a_to, b_to).is_lt() { a_to } else { b_to };
            if to.as_ref().is_none_or(|to| from < to) {
                both.push((from.clone(), to.clone()));
            }
            if cmp_ends(a_to, b_to).is_lt() {
                a.next()
            } else {
                b.next()
            };
        }
        Ranges(both)
    }

    pub(in crate::query) fn complement(&self, width: usize) -> Ranges {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(vec![0; width]);
        for (start, end) in &self.0 {
            if let Some(from) = from
                && from < *start
            {
                gaps.push((from, Some(start.clone())));
            }
            from = end.clone();
        }
        gaps.extend(from.map(|from| (from, None)));
        Ranges(gaps)
    }

    /// The only ordinal in each range, where each has but one: the set is a list of values.
    pub(in crate::query) fn as_points(&self) -> Option<Vec<&[u8]>> {
        let is_point = |(from, to): &(Vec<u8>, End)| successor(from) == *to;
        self.0.iter().map(|range| is_point(range).then_some(&range.0[..])).collect()
    }
}

/// The next ordinal of the same width, `None` behind the last one.
pub(in crate::query) fn successor(ordinal: &[u8]) -> End {
    let mut next = ordinal.to_vec();
    for byte in next.iter_mut().rev() {
        let (more, overflowed) = byte.overflowing_add(1);
        *byte = more;
        if !overflowed {
            return Some(next);
        }
    }
    None
}

/// The last ordinal of a range with this end.
pub(in crate::query) fn last_before(end: &End, width: usize) -> Vec<u8> {
    let Some(end) = end else { return vec![0xFF; width] };
    let mut last = end.clone();
    for byte in last.iter_mut().rev() {
        let (less, borrowed) = byte.overflowing_sub(1);
        *byte = less;
        if !borrowed {
            break;
        }
    }
    last
}

fn cmp_ends(a: &End, b: &End) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[u8]) -> Ranges {
        Ranges::union_of(numbers.iter().map(|n| Ranges::new(Some(vec![*n]), successor(&[*n]))))
    }

    fn holds(set: &Ranges, number: u8) -> bool {
        set.0.iter().any(|(from, to)| from[0] <= number && to.as_ref().is_none_or(|to| number < to[0]))
    }

    #[test]
    fn sets_are_what_lists_of_numbers_are() {
        let lists: [&[u8]; 6] =
            [&[], &[0], &[255], &[1, 2, 3, 9], &[0, 3, 4, 200, 254, 255], &[5, 9, 10, 11]];
        for a in lists {
            for b in lists {
                let (union, both) = (set(a).union(&set(b)), set(a).intersection(&set(b)));
                for n in 0..=255 {
                    assert_eq!(holds(&union, n), a.contains(&n) || b.contains(&n), "{a:?} {b:?} {n}");
                    assert_eq!(holds(&both, n), a.contains(&n) && b.contains(&n), "{a:?} {b:?} {n}");
                    assert_eq!(holds(&set(a).complement(1), n), !a.contains(&n), "{a:?} {n}");
                }
            }
        }
        assert_eq!(set(&[1, 2, 3]).0.len(), 1);
        assert_eq!(set(&[1, 3]).as_points().unwrap(), [[1], [3]]);
        assert_eq!(set(&[1, 2]).as_points(), None);
        assert!(set(&[]).complement(1).is_all());
    }
}
