//! `Batch`: some adjacent rows and which of them passed the filter, with loops over one field that
//! are compiled for each width. All of `run` reads rows through it.

use std::iter::repeat;

use bytemuck::Pod;

use crate::query::plan::shape::Projection;

/// Rows per batch: their marks and computed values stay in the first-level cache.
pub(in crate::query) const BATCH_ROWS: usize = 1024;

/// Adjacent rows, and which of them are wanted.
#[derive(Clone, Copy)]
pub(in crate::query) struct Batch<'b> {
    /// Whole rows.
    pub(in crate::query) rows: &'b [u8],
    /// Bytes per row.
    pub(in crate::query) width: usize,
    /// The number of the first row, wanted or not, in the order of reading.
    pub(in crate::query) number: u64,
    pub(in crate::query) picked: Picked<'b>,
}

/// Which rows of a batch are wanted.
#[derive(Clone, Copy)]
pub(in crate::query) enum Picked<'b> {
    All,
    /// These rows, in order.
    Rows(&'b [u16]),
}

impl<'b> Batch<'b> {
    /// How many rows are wanted.
    pub(in crate::query) fn len(&self) -> usize {
        match self.picked {
            Picked::All => self.rows.len() / self.width,
            Picked::Rows(rows) => rows.len(),
        }
    }

    /// Appends the selected bytes of the wanted rows. One loop for each run of bytes, and for the
    /// usual lengths with the length known: a call to copy a few bytes takes longer than the copy.
    pub(in crate::query) fn project(&self, projection: &Projection, out: &mut Vec<u8>) {
        let (first, width) = (out.len(), projection.schema.width());
        out.resize(first + self.len() * width, 0);
        let (out, mut to) = (&mut out[first..], 0);
        for &(at, length) in projection.parts() {
            match length {
                1 => self.copy::<1>(at, to, width, out),
                2 => self.copy::<2>(at, to, width, out),
                3 => self.copy::<3>(at, to, width, out),
                4 => self.copy::<4>(at, to, width, out),
                6 => self.copy::<6>(at, to, width, out),
                8 => self.copy::<8>(at, to, width, out),
                12 => self.copy::<12>(at, to, width, out),
                16 => self.copy::<16>(at, to, width, out),
                _ => {
                    let mut rows = out.chunks_exact_mut(width);
                    self.for_each(|row| {
                        if let Some(out) = rows.next() {
                            out[to..to + length].copy_from_slice(&row[at..at + length]);
                        }
                    });
                }
            }
            to += length;
        }
    }

    /// Copies `N` bytes of each wanted row, from `at` in the row to `to` in its part of `out`.
    fn copy<const N: usize>(&self, at: usize, to: usize, width: usize, out: &mut [u8]) {
        let mut rows = out.chunks_exact_mut(width);
        self.for_each(|row| {
            if let Some(out) = rows.next() {
                out[to..to + N].copy_from_slice(&row[at..at + N]);
            }
        });
    }

    /// The first and the last wanted row, with their numbers.
    pub(in crate::query) fn ends(&self) -> Option<[(u64, &'b [u8]); 2]> {
        let last = self.len().checked_sub(1)?;
        Some([0, last].map(|at| {
            let at = self.position(at);
            (self.number + at as u64, &self.rows[at * self.width..][..self.width])
        }))
    }

    /// Calls `each` with every wanted row and its number, in order.
    #[inline(always)]
    pub(in crate::query) fn for_each_numbered(&self, mut each: impl FnMut(u64, &'b [u8])) {
        let mut wanted = 0;
        self.for_each(|row| {
            each(self.number + self.position(wanted) as u64, row);
            wanted += 1;
        });
    }

    /// The index in the batch of a wanted row.
    #[inline(always)]
    fn position(&self, wanted: usize) -> usize {
        match self.picked {
            Picked::All => wanted,
            Picked::Rows(rows) => rows[wanted].into(),
        }
    }

    /// Calls `each` with every wanted row, in order.
    #[inline(always)]
    pub(in crate::query) fn for_each(&self, mut each: impl FnMut(&'b [u8])) {
        self.for_each_with(repeat(()), |row, ()| each(row));
    }

    /// Calls `each` with every wanted row, in order, and with what belongs to it: an item for each
    /// wanted row.
    #[inline(always)]
    pub(in crate::query) fn for_each_with<T>(
        &self,
        with: impl Iterator<Item = T>,
        mut each: impl FnMut(&'b [u8], T),
    ) {
        match self.picked {
            Picked::All => {
                self.rows.chunks_exact(self.width).zip(with).for_each(|(row, with)| each(row, with));
            }
            Picked::Rows(picked) => {
                for (row, with) in picked.iter().zip(with) {
                    each(&self.rows[usize::from(*row) * self.width..][..self.width], with);
                }
            }
        }
    }

    /// Calls `each` with the N bytes at `at` of every wanted row, in order, and with what belongs
    /// to the row. The item is part of the loop, and not read by the closure, so that the compiler
    /// keeps its place in a register.
    #[inline(always)]
    pub(in crate::query) fn for_each_field<T, const N: usize>(
        &self,
        at: usize,
        with: impl Iterator<Item = T>,
        mut each: impl FnMut([u8; N], T),
    ) {
        match self.picked {
            Picked::All => {
                column(self.rows, self.width, at).zip(with).for_each(|(stored, with)| each(stored, with));
            }
            Picked::Rows(picked) => {
                // With a width of 32 bits the compiler knows that no place overflows, so that one
                // comparison checks a row.
                let (rows, width) = (self.rows.get(at..).unwrap_or_default(), self.width as u32 as usize);
                for (row, with) in picked.iter().zip(with) {
                    let start = usize::from(*row) * width;
                    let stored = rows.get(start..start + N).and_then(|stored| stored.first_chunk());
                    each(stored.copied().unwrap_or([0; N]), with);
                }
            }
        }
    }

    /// Drops the last wanted rows, so that at most `len` remain.
    pub(in crate::query) fn truncated(self, len: usize) -> Batch<'b> {
        match self.picked {
            Picked::All => {
                Batch { rows: &self.rows[..len.saturating_mul(self.width).min(self.rows.len())], ..self }
            }
            Picked::Rows(rows) => Batch { picked: Picked::Rows(&rows[..len.min(rows.len())]), ..self },
        }
    }
}

/// The N bytes at `at` of each row.
#[inline(always)]
pub(in crate::query) fn column<const N: usize>(
    rows: &[u8],
    width: usize,
    at: usize,
) -> impl DoubleEndedIterator<Item = [u8; N]> + '_ {
    // Places were checked against the schema, so this truncates nothing. It removes a
    // bounds check.
    let rows = if at + N <= width { rows } else { &[] };
    rows.chunks_exact(width).map(move |row| row[at..].first_chunk().copied().unwrap_or([0; N]))
}

/// A whole number as the loops see it: unsigned, of 1 to 16 bytes.
pub(in crate::query) trait Word:
    Pod + Copy + Ord + Into<u128> + std::ops::BitXor<Output = Self>
{
    /// The low bytes of a number.
    fn truncated(number: u128) -> Self;
    fn minus(self, other: Self) -> Self;
    fn big_endian(self) -> Self;
}

macro_rules! words {
    ($($word:ident)*) => {$(
        impl Word for $word {
            #[inline(always)]
            fn truncated(number: u128) -> Self {
                number as $word
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn big_endian(self) -> Self {
                self.swap_bytes()
            }
        }
    )*};
}

words! { u8 u16 u32 u64 u128 }

/// The number in these bytes, least significant first.
#[inline(always)]
pub(in crate::query) fn word<W: Word, const N: usize>(stored: [u8; N]) -> W {
    bytemuck::pod_read_unaligned(&stored)
}
