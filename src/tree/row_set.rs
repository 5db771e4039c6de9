//! `RowSet`: row numbers that are removed or changed together. Queries and tables fill it; the tree
//! reads it.

use std::ops::Range;

/// A set of row numbers.
#[derive(Clone, Debug)]
pub(crate) enum RowSet {
    /// A few runs of neighbours, in order.
    Runs(Vec<Range<u64>>),
    /// One bit for each row of the table.
    Bits(Vec<u64>),
}

/// With more runs than this, one bit per row takes less memory if at least one row in 128 starts a
/// run.
const FEW_RUNS: usize = 1 << 12;

impl RowSet {
    /// The empty set.
    pub(crate) fn none() -> RowSet {
        RowSet::Runs(Vec::new())
    }

    /// The rows of a range.
    pub(crate) fn range(rows: Range<u64>) -> RowSet {
        RowSet::Runs(if rows.is_empty() { Vec::new() } else { vec![rows] })
    }

    /// Adds a row. Rows must be added in order.
    pub(crate) fn add(&mut self, row: u64) {
        match self {
            RowSet::Runs(runs) => match runs.last_mut() {
                Some(last) if row < last.end => {}
                Some(last) if row == last.end => last.end += 1,
                _ => {
                    runs.push(row..row + 1);
                    if runs.len() > FEW_RUNS && row / 128 < runs.len() as u64 {
                        let mut bits = Vec::new();
                        runs.iter().cloned().flatten().for_each(|row| set(&mut bits, row));
                        *self = RowSet::Bits(bits);
                    }
                }
            },
            RowSet::Bits(bits) => set(bits, row),
        }
    }

    /// Adds neighbours. Rows must be added in order.
    pub(crate) fn add_run(&mut self, rows: Range<u64>) {
        match self {
            RowSet::Runs(runs) if runs.len() < FEW_RUNS => match runs.last_mut() {
                Some(last) if rows.start == last.end => last.end = rows.end,
                _ => runs.extend((!rows.is_empty()).then_some(rows)),
            },
            _ => rows.for_each(|row| self.add(row)),
        }
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> u64 {
        match self {
            RowSet::Runs(runs) => runs.iter().map(|run| run.end - run.start).sum(),
            RowSet::Bits(bits) => bits.iter().map(|word| u64::from(word.count_ones())).sum(),
        }
    }

    /// The runs of neighbours, in order.
    pub(crate) fn runs(&self) -> Runs<'_> {
        Runs { set: self, next: 0 }
    }

    /// The runs of rows of a table with `rows` rows that are not in the set.
    pub(crate) fn others(&self, rows: u64) -> impl Iterator<Item = Range<u64>> {
        let mut end = 0;
        let last = std::iter::once(rows..rows);
        self.runs().chain(last).filter_map(move |run| {
            let before = end..run.start;
            end = run.end;
            (!before.is_empty()).then_some(before)
        })
    }
}

fn set(bits: &mut Vec<u64>, row: u64) {
    let word = (row / 64) as usize;
    if bits.len() <= word {
        bits.resize(word + 1, 0);
    }
    bits[word] |= 1 << (row % 64);
}

/// The runs of a [`RowSet`].
#[derive(Clone)]
pub(crate) struct Runs<'r> {
    set: &'r RowSet,
    /// The index of the next run, or the first row that was not looked at.
    next: u64,
}

impl Runs<'_> {
    /// The first row from `row` on whose bit is `wanted`.
    fn seek(bits: &[u64], mut row: u64, wanted: bool) -> Option<u64> {
        loop {
            let word = *bits.get((row / 64) as usize)?;
            let word = if wanted { word } else { !word } >> (row % 64);
            if word != 0 {
                return Some(row + u64::from(word.trailing_zeros()));
            }
            row = (row / 64 + 1) * 64;
        }
    }
}

impl Iterator for Runs<'_> {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        match self.set {
            RowSet::Runs(runs) => {
                let run = runs.get(self.next as usize)?;
                self.next += 1;
                Some(run.clone())
            }
            RowSet::Bits(bits) => {
                let start = Runs::seek(bits, self.next, true)?;
                let end = Runs::seek(bits, start, false).unwrap_or(bits.len() as u64 * 64);
                self.next = end;
                Some(start..end)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_bits_say_the_same() {
        for (step, take) in [(1, 1), (2, 1), (7, 3), (64, 64), (128, 64), (1000, 1)] {
            let rows = 200_000;
            let is_in = |row: u64| row % step < take;
            let mut set = RowSet::none();
            (0..rows).filter(|row| is_in(*row)).for_each(|row| set.add(row));
            set.runs().last().into_iter().for_each(|last| set.add(last.end - 1));
            assert_eq!(set.len(), (0..rows).filter(|row| is_in(*row)).count() as u64);
            assert!(set.runs().flatten().eq((0..rows).filter(|row| is_in(*row))));
            assert!(set.others(rows).flatten().eq((0..rows).filter(|row| !is_in(*row))));
            assert!(set.runs().zip(set.runs().skip(1)).all(|(run, next)| run.end < next.start));
        }
    }
}
