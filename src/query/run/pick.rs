//! Picking the rows of a batch that pass the filter. If few pass, most rows are skipped many at a
//! time.

use super::batch::{BATCH_ROWS, Batch, Picked, Word, column, word};
use super::kernel::{Kernel, Load, Span};
use crate::order::{ordinal_f32, ordinal_f64};

/// Buffers for the marks of a batch, and for the indexes of marked rows.
pub(in crate::query) struct Picker {
    marks: Box<[u8; BATCH_ROWS]>,
    picked: Box<Picks>,
}

/// Indexes are written eight at a time, so the last ones need room behind them.
type Picks = [u16; BATCH_ROWS + 8];

/// Rows are tested in batches of this size; a batch with no match is skipped whole.
const STEP_ROWS: usize = 128;

impl Picker {
    pub(in crate::query) fn new() -> Picker {
        Picker { marks: Box::new([0; BATCH_ROWS]), picked: Box::new([0; BATCH_ROWS + 8]) }
    }

    /// The rows that pass, as a batch. `number` is that of the first row.
    pub(in crate::query) fn pick<'b>(
        &'b mut self,
        kernel: &Kernel,
        rows: &'b [u8],
        width: usize,
        number: u64,
    ) -> Batch<'b> {
        let picked = &mut *self.picked;
        let one_range = kernel.as_one_range();
        let count = one_range.and_then(|(at, load, range)| pick_range(rows, width, at, load, range, picked));
        let count = count.unwrap_or_else(|| {
            let marks = &mut self.marks[..rows.len() / width];
            marks.fill(1);
            kernel.refine(rows, width, marks);
            let steps = marks.chunks(STEP_ROWS).enumerate();
            steps.fold(0, |count, (step, marks)| pick_marked(step * STEP_ROWS, marks, count, picked))
        });
        if count * width == rows.len() {
            return Batch { rows, width, number, picked: Picked::All };
        }
        Batch { rows, width, number, picked: Picked::Rows(&self.picked[..count]) }
    }
}

/// Appends the marked rows to those that are picked already; `first` is the index of the first one.
/// Returns how many rows are picked then.
#[inline(always)]
fn pick_marked(first: usize, marks: &[u8], count: usize, picked: &mut Picks) -> usize {
    if is_clear(marks) { count } else { pick_some(first, marks, count, picked) }
}

#[inline(never)]
fn pick_some(first: usize, marks: &[u8], mut count: usize, picked: &mut Picks) -> usize {
    let (eights, rest) = marks.as_chunks::<8>();
    for (at, marks) in eights.iter().enumerate() {
        count = pick_bits(first + 8 * at, bits_of(*marks), count, picked);
    }
    for (row, mark) in rest.iter().enumerate() {
        picked[count] = (first + 8 * eights.len() + row) as u16;
        count += usize::from(*mark);
    }
    count
}

/// Appends the rows whose bits are set, of the eight from `first` on.
#[inline(always)]
fn pick_bits(first: usize, bits: u8, count: usize, picked: &mut Picks) -> usize {
    let marked = &MARKED[usize::from(bits)];
    if let Some(slots) = picked.get_mut(count..count + 8) {
        // All eight are written; those that follow overwrite the ones that were not marked.
        slots.iter_mut().zip(marked.places).for_each(|(slot, row)| *slot = first as u16 + row);
    }
    count + usize::from(marked.count)
}

/// Eight marks as the bits of a byte, the first one lowest.
#[inline(always)]
fn bits_of(marks: [u8; 8]) -> u8 {
    // The multiplication moves mark `i` to bit `56 + i`.
    (u64::from_le_bytes(marks).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// The places of the bits of a byte that are set, from the lowest on, then zeros.
#[derive(Clone, Copy)]
struct Marked {
    places: [u16; 8],
    count: u16,
}

/// For each byte.
static MARKED: [Marked; 256] = {
    let mut all = [Marked { places: [0; 8], count: 0 }; 256];
    let mut bits = 0;
    while bits < 256 {
        let (marked, mut bit) = (&mut all[bits], 0);
        while bit < 8 {
            if bits >> bit & 1 == 1 {
                marked.places[marked.count as usize] = bit;
                marked.count += 1;
            }
            bit += 1;
        }
        bits += 1;
    }
    all
};

/// Whether no row is marked. It may return `false` wrongly if their number is not a multiple of
/// eight.
#[inline(always)]
fn is_clear(marks: &[u8]) -> bool {
    let (words, rest) = marks.as_chunks();
    rest.is_empty() && words.iter().fold(0, |any, word| any | u64::from_le_bytes(*word)) == 0
}

/// Picks by one test of a number, in a loop for each type. Testing and picking alternate every few
/// rows: if a whole batch were tested first, memory would idle while rows are picked. `None` if
/// there is no such loop.
fn pick_range(
    rows: &[u8],
    row: usize,
    at: usize,
    load: Load,
    range: Span,
    picked: &mut Picks,
) -> Option<usize> {
    Some(match load {
        Load::Whole(1, 0) => pick_width(rows, row, at, range, picked, word::<u8, 1>),
        Load::Whole(2, 0) => pick_width(rows, row, at, range, picked, word::<u16, 2>),
        Load::Whole(4, 0) => pick_width(rows, row, at, range, picked, word::<u32, 4>),
        Load::Whole(8, 0) => pick_width(rows, row, at, range, picked, word::<u64, 8>),
        Load::F32 { nullable } => {
            pick_width(rows, row, at, range, picked, |b| ordinal_f32(word::<u32, 4>(b), nullable))
        }
        Load::F64 { nullable } => {
            pick_width(rows, row, at, range, picked, |b| ordinal_f64(word::<u64, 8>(b), nullable))
        }
        _ => return None,
    })
}

/// For the usual widths of rows the compiler knows the step.
fn pick_width<W: Word, const N: usize>(
    rows: &[u8],
    row: usize,
    at: usize,
    range: Span,
    picked: &mut Picks,
    ordinal: impl Fn([u8; N]) -> W,
) -> usize {
    let (first, length) = (W::truncated(range.0), W::truncated(range.1));
    let mark = |stored| u8::from(ordinal(stored).minus(first) <= length);
    match row {
        8 => pick_row::<N, 8>(rows, at, picked, mark),
        12 => pick_row::<N, 12>(rows, at, picked, mark),
        16 => pick_row::<N, 16>(rows, at, picked, mark),
        20 => pick_row::<N, 20>(rows, at, picked, mark),
        24 => pick_row::<N, 24>(rows, at, picked, mark),
        32 => pick_row::<N, 32>(rows, at, picked, mark),
        _ => pick_any(rows, row, at, picked, mark),
    }
}

#[inline(never)]
fn pick_row<const N: usize, const ROW: usize>(
    rows: &[u8],
    at: usize,
    picked: &mut Picks,
    mark: impl Fn([u8; N]) -> u8,
) -> usize {
    // Places were checked against the schema, so this is never true. With it, the compiler
    // drops a bounds check.
    if at + N > ROW {
        return 0;
    }
    let mark = |row: &[u8; ROW]| mark(row[at..at + N].first_chunk().copied().unwrap_or([0; N]));
    let (eights, rest) = rows.as_chunks::<ROW>().0.as_chunks::<8>();
    let mut count = 0;
    for (at, rows) in eights.iter().enumerate() {
        let bits = rows.iter().rev().fold(0, |bits, row| bits << 1 | mark(row));
        if bits != 0 {
            count = pick_bits(8 * at, bits, count, picked);
        }
    }
    for (at, row) in rest.iter().enumerate() {
        picked[count] = (8 * eights.len() + at) as u16;
        count += usize::from(mark(row));
    }
    count
}

/// The same for rows of any width.
#[inline(never)]
fn pick_any<const N: usize>(
    rows: &[u8],
    row: usize,
    at: usize,
    picked: &mut Picks,
    mark: impl Fn([u8; N]) -> u8,
) -> usize {
    let eights = rows.chunks_exact(8 * row);
    let (first, rest) = (8 * eights.len(), eights.remainder());
    let mut count = 0;
    for (eight, rows) in eights.enumerate() {
        let bits = column(rows, row, at).rev().fold(0, |bits, stored| bits << 1 | mark(stored));
        if bits != 0 {
            count = pick_bits(8 * eight, bits, count, picked);
        }
    }
    for (place, stored) in column(rest, row, at).enumerate() {
        picked[count] = (first + place) as u16;
        count += usize::from(mark(stored));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All rows whose number is in the range are picked, and no others, for all widths and numbers
    /// of rows.
    #[test]
    fn what_passes_is_picked_whatever_the_width() {
        let mut picked = [0; BATCH_ROWS + 8];
        for row in [8, 11, 12, 16, 20, 24, 32, 37] {
            for count in [0, 1, 7, 127, 128, 129, 300, 1000, BATCH_ROWS] {
                let rows: Vec<u8> = (0..count * row).map(|at| (at * at / 7 + at) as u8).collect();
                for (width, at) in [(1, 3), (2, 6), (4, 0), (4, row - 4), (8, row - 8)] {
                    let stored = |row: &[u8]| {
                        row[at..at + width]
                            .iter()
                            .rev()
                            .fold(0_u128, |number, byte| number << 8 | u128::from(*byte))
                    };
                    let most = u128::MAX >> (128 - 8 * width);
                    // None, a few, about half, all but the first ones, around the end, all.
                    let few = (stored(&[rows.clone(), vec![9; row]].concat()), 0);
                    for range in [few, (most / 3, most / 2), (1, most - 1), (most - 5, most / 4), (0, most)] {
                        let expected: Vec<u16> = (0..)
                            .zip(rows.chunks_exact(row))
                            .filter(|(_, row)| stored(row).wrapping_sub(range.0) & most <= range.1)
                            .map(|(number, _)| number)
                            .collect();
                        let load = Load::Whole(width, 0);
                        let found = pick_range(&rows, row, at, load, range, &mut picked);
                        assert_eq!(
                            found,
                            Some(expected.len()),
                            "{count} rows of {row} bytes, {width} at {at}"
                        );
                        assert_eq!(picked[..expected.len()], expected);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_marked_is_picked() {
        let mut picked = [0; BATCH_ROWS + 8];
        for marked in [&[][..], &[0], &[15, 16], &[3, 17, 90, 91], &(0..99).collect::<Vec<u16>>()] {
            let mut marks = [0; 99];
            marked.iter().for_each(|row| marks[usize::from(*row)] = 1);
            let count = pick_marked(0, &marks, 0, &mut picked);
            assert_eq!(picked[..count], *marked);
        }
    }
}
