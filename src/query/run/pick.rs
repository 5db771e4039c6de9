//! Picking the rows of a batch that pass the filter. If few pass, most rows are skipped many at a
//! time.

use super::batch::{BATCH_ROWS, Batch, Picked, Word, word};
use super::kernel::{Kernel, Span};

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
        let whole = kernel.as_whole();
        let picked = &mut *self.picked;
        let count =
            match whole.and_then(|(at, bytes, range)| pick_whole(rows, width, at, bytes, range, picked)) {
                Some(count) => count,
                None => {
                    let marks = &mut self.marks[..rows.len() / width];
                    marks.fill(1);
                    kernel.refine(rows, width, marks);
                    let steps = marks.chunks(STEP_ROWS).enumerate();
                    steps.fold(0, |count, (step, marks)| pick_marked(step * STEP_ROWS, marks, count, picked))
                }
            };
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
    if let Some(slots) = picked[count..].first_chunk_mut::<8>() {
        // All eight are written; those that follow overwrite the ones that were not marked.
        let places = MARKED[usize::from(bits)];
        slots.iter_mut().zip(places).for_each(|(slot, row)| *slot = first as u16 + u16::from(row));
    }
    count + bits.count_ones() as usize
}

/// Eight marks as the bits of a byte, the first one lowest.
#[inline(always)]
fn bits_of(marks: [u8; 8]) -> u8 {
    // The multiplication moves mark `i` to bit `56 + i`.
    (u64::from_le_bytes(marks).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// For each byte, the places of its bits that are set, from the lowest on, and zeros.
static MARKED: [[u8; 8]; 256] = {
    let mut all = [[0; 8]; 256];
    let mut bits = 0;
    while bits < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if bits >> bit & 1 == 1 {
                all[bits][count] = bit;
                count += 1;
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

/// Picks by one test of a whole number in rows of usual widths, in a loop of its own. Testing and
/// picking alternate every few rows: if a whole batch were tested first, memory would idle while
/// rows are picked.
fn pick_whole(
    rows: &[u8],
    row: usize,
    at: usize,
    width: usize,
    range: Span,
    picked: &mut Picks,
) -> Option<usize> {
    match width {
        1 => pick_width::<u8, 1>(rows, row, at, range, picked),
        2 => pick_width::<u16, 2>(rows, row, at, range, picked),
        4 => pick_width::<u32, 4>(rows, row, at, range, picked),
        8 => pick_width::<u64, 8>(rows, row, at, range, picked),
        _ => None,
    }
}

fn pick_width<W: Word, const N: usize>(
    rows: &[u8],
    row: usize,
    at: usize,
    range: Span,
    picked: &mut Picks,
) -> Option<usize> {
    Some(match row {
        8 => pick_row::<W, N, 8>(rows, at, range, picked),
        12 => pick_row::<W, N, 12>(rows, at, range, picked),
        16 => pick_row::<W, N, 16>(rows, at, range, picked),
        20 => pick_row::<W, N, 20>(rows, at, range, picked),
        24 => pick_row::<W, N, 24>(rows, at, range, picked),
        32 => pick_row::<W, N, 32>(rows, at, range, picked),
        _ => return None,
    })
}

#[inline(never)]
fn pick_row<W: Word, const N: usize, const ROW: usize>(
    rows: &[u8],
    at: usize,
    range: Span,
    picked: &mut Picks,
) -> usize {
    let (first, length) = (W::truncated(range.0), W::truncated(range.1));
    // Places were checked against the schema, so this is never true. With it, the compiler
    // drops a bounds check.
    if at + N > ROW {
        return 0;
    }
    let mark = |row: &[u8; ROW]| {
        let stored = row[at..at + N].first_chunk().copied().unwrap_or([0; N]);
        u8::from(word::<W, N>(stored).minus(first) <= length)
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    /// All rows whose number is in the range are picked, and no others, for all widths and numbers
    /// of rows.
    #[test]
    fn what_passes_is_picked_whatever_the_width() {
        let mut picked = [0; BATCH_ROWS + 8];
        for row in [8, 12, 16, 20, 24, 32] {
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
                        let found = pick_whole(&rows, row, at, width, range, &mut picked);
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
