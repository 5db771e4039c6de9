//! The rows between two keys. Both ends of a short range mostly lie in one leaf, so one descent
//! finds both. Part of `View`; tables and indexes call it.

use std::ops::{Bound, Range};

use super::probe::{Probe, with_probe};
use super::search::lower_bound;
use super::view::{Spot, View};
use crate::error::Result;
use crate::limits::KEY_BYTES;
use crate::page::prefetch;

/// The rows of a range of keys.
#[derive(Clone)]
pub(crate) struct Found<'a> {
    /// Their numbers.
    pub(crate) rows: Range<u64>,
    /// The records of the first rows, if the search read their leaf. May be empty.
    pub(crate) front: &'a [u8],
    /// The numbers of the other rows.
    pub(crate) rest: Range<u64>,
}

/// How many bytes of the first rows are prefetched. The processor itself notices a scan only after
/// a few cache lines, each of which is waited for.
const AHEAD: usize = 1024;

/// An end of a range: before all keys with this word, or behind them.
#[derive(Clone, Copy)]
struct Edge<W> {
    word: W,
    behind: bool,
}

impl<'a> View<'a> {
    /// The rows between two bounds. A bound is a stored key or its leading fields, and means all
    /// keys that begin with these fields. O(height × children).
    pub(crate) fn between(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<Found<'a>> {
        with_probe!(self.layout.key(), probe => self.between_with(probe, from, to))
    }

    #[inline(never)]
    fn between_with<P: Probe>(&self, probe: P, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Result<Found<'a>> {
        let from = match from {
            Bound::Unbounded => None,
            Bound::Included(fields) => Some(edge(probe, fields, false)),
            Bound::Excluded(fields) => Some(edge(probe, fields, true)),
        };
        let to = match to {
            Bound::Unbounded => None,
            Bound::Included(fields) => Some(edge(probe, fields, true)),
            Bound::Excluded(fields) => Some(edge(probe, fields, false)),
        };
        let from = from.map(|edge| self.spot_at(probe, edge)).transpose()?;
        let start = from.as_ref().map_or(0, |from| self.rank(from, from.index));
        let end = to.map_or(Ok(self.rows), |to| self.end(probe, from.as_ref(), to))?;
        let rows = start..end.max(start);
        let (front, met) = from.map_or((&[][..], 0), |from| self.front(&from, rows.end - rows.start));
        let rest = rows.start + met..rows.end;
        Ok(Found { rows, front, rest })
    }

    /// The number of rows before the upper edge.
    #[inline(always)]
    fn end<P: Probe>(&self, probe: P, from: Option<&Spot<'a>>, to: Edge<P::Word>) -> Result<u64> {
        if let Some(from) = from
            && let Some(index) = self.end_in_leaf(probe, from, to)
        {
            return Ok(self.rank(from, index));
        }
        let to = self.spot_at(probe, to)?;
        Ok(self.rank(&to, to.index))
    }

    fn spot_at<P: Probe>(&self, probe: P, edge: Edge<P::Word>) -> Result<Spot<'a>> {
        let mut spot = self.spot(probe, edge.word)?;
        if edge.behind {
            let record = spot.leaf.get(spot.index * self.layout.width()..);
            let found = record.is_some_and(|record| !record.is_empty() && probe.stored(record) == edge.word);
            spot.index += usize::from(found);
        }
        Ok(spot)
    }

    /// The index of an edge in the leaf of a lower edge, if a row of that leaf is behind it. The
    /// steps double, so that a short range reads only its own rows.
    #[inline(always)]
    fn end_in_leaf<P: Probe>(&self, probe: P, from: &Spot<'a>, edge: Edge<P::Word>) -> Option<usize> {
        let width = self.layout.width();
        let rows = from.leaf.get(from.index * width..)?;
        let before = |row: usize| {
            let word = probe.stored(&rows[row * width..]);
            word < edge.word || edge.behind && word == edge.word
        };
        let count = from.rows.saturating_sub(from.index);
        let (mut low, mut step) = (0, 1);
        loop {
            let row = low + step - 1;
            if row >= count {
                return None;
            }
            if !before(row) {
                let inside = lower_bound(step - 1, true, |at| !before(low + at));
                return Some(from.index + low + inside);
            }
            low = row + 1;
            step *= 2;
        }
    }

    /// At most `rows` records of the leaf from a row on, and how many they are. None if the leaf
    /// has more rows than its parents say; a scan reports that.
    fn front(&self, from: &Spot<'a>, rows: u64) -> (&'a [u8], u64) {
        let there = from.rows.saturating_sub(from.index) as u64;
        let first = from.before.wrapping_add(from.index as u64);
        if first.checked_add(there).is_none_or(|end| end > self.rows) {
            return (&[], 0);
        }
        let (width, rows) = (self.layout.width(), rows.min(there));
        let start = from.index * width;
        match from.leaf.get(start..start + rows as usize * width) {
            Some(front) => {
                prefetch(&front[..front.len().min(AHEAD)]);
                (front, rows)
            }
            None => (&[], 0),
        }
    }
}

/// The edge of the keys that begin with these stored fields.
#[inline(always)]
fn edge<P: Probe>(probe: P, fields: &[u8], behind: bool) -> Edge<P::Word> {
    let len = fields.len();
    let word = if probe.width() <= 16 {
        // Eight bytes longer, so that each field can be read as a word.
        let mut stored = [0; 24];
        match fields.first_chunk::<4>() {
            // The most common width, copied without a call.
            Some(field) if len == 4 => stored[..4].copy_from_slice(field),
            _ => stored[..len].copy_from_slice(fields),
        }
        probe.stored(&stored)
    } else {
        let mut stored = [0; KEY_BYTES];
        stored[..len].copy_from_slice(fields);
        probe.stored(&stored)
    };
    Edge { word: probe.edge(word, len, behind), behind }
}

#[cfg(test)]
mod tests {
    use crate::order::Scalar;
    use crate::tree::{KeyShape, PairProbe, Probe, SignedProbe, UnsignedProbe, WideProbe, WordProbe};

    /// The edges of all prefixes of a key are those of its normal form, filled up.
    fn edges<P: Probe>(probe: P, shape: &KeyShape, stored: &[u8]) {
        for len in 0..=shape.width() {
            for highest in [false, true] {
                let mut normal = shape.normal(stored).to_vec();
                normal[len..].fill(if highest { 0xFF } else { 0 });
                let expected = probe.normal(&normal);
                assert!(probe.edge(probe.stored(stored), len, highest) == expected, "{len} {highest}");
            }
        }
    }

    #[test]
    fn the_edges_of_a_prefix_are_its_normal_form_filled_up() {
        let stored: Vec<u8> = (0..24).map(|byte| 0x93_u8.wrapping_mul(byte + 1)).collect();
        let shape = |parts: &[Scalar]| KeyShape::new(parts.to_vec());
        edges(UnsignedProbe::<8>, &shape(&[Scalar::Unsigned(8)]), &stored);
        edges(UnsignedProbe::<4>, &shape(&[Scalar::Unsigned(4)]), &stored);
        edges(SignedProbe::<8>, &shape(&[Scalar::Signed(8)]), &stored);
        edges(SignedProbe::<4>, &shape(&[Scalar::Signed(4)]), &stored);
        edges(PairProbe, &shape(&[Scalar::Unsigned(4); 2]), &stored);
        let words = shape(&[Scalar::Bytes(3), Scalar::Signed(2), Scalar::Float(8)]);
        edges(WordProbe(&words), &words, &stored);
        let wide = shape(&[Scalar::Bytes(12), Scalar::Unsigned(8)]);
        edges(WideProbe(&wide), &wide, &stored);
    }
}
