//! A filter compiled for running: loops over a batch that mark the rows that pass, one for each
//! type and width. `pick.rs` turns marks into rows.
//!
//! A whole number is in a range if, after subtracting the first number of the range, the unsigned
//! rest is not above its length: one subtraction and one comparison, for signed and unsigned
//! numbers alike. Nulls are outside of the range in any case.

use super::batch::{Batch, Word, column, word};
use crate::order::{Scalar, ordinal_f32, ordinal_f64, ordinal_of_float, ordinal_of_whole};
use crate::query::ask::column::Place;
use crate::query::ask::predicate::Op;
use crate::query::plan::filter::Filter;
use crate::query::plan::ranges::{Ranges, last_before};

/// A test of one field, or of two.
pub(in crate::query) struct Kernel(Pass);

enum Pass {
    And(Vec<Pass>),
    Or(Vec<Pass>),
    Test(RowTest),
}

/// A range: its first number, and the distance to the last one.
pub(in crate::query) type Span = (u128, u128);

enum RowTest {
    /// A whole number of `N` bytes, as stored, in one range.
    Whole {
        at: usize,
        width: usize,
        range: Span,
    },
    /// The ordinal of a number, in one of several ranges.
    Ordinal {
        at: usize,
        load: Load,
        ranges: Vec<Span>,
    },
    /// Bytes of any number, in one of several ranges, both ends included.
    Bytes {
        at: usize,
        width: usize,
        ranges: Vec<(Vec<u8>, Vec<u8>)>,
    },
    Pair {
        left: Place,
        op: Op,
        right: Place,
    },
}

/// How the ordinal of a field of at most 16 bytes is computed.
#[derive(Clone, Copy, Debug)]
pub(in crate::query) enum Load {
    /// A whole number, and the bit that is flipped.
    Whole(usize, u128),
    F32 {
        nullable: bool,
    },
    F64 {
        nullable: bool,
    },
    /// This many bytes, most significant first.
    Bytes(usize),
}

impl Load {
    /// `None` for fields that are wider than 16 bytes or have no order.
    pub(in crate::query) fn of(place: &Place) -> Option<Load> {
        let nullable = place.field.is_nullable();
        match place.field.ty().scalar()? {
            Scalar::Unsigned(width) => Some(Load::Whole(width, 0)),
            Scalar::Signed(width) => Some(Load::Whole(width, 1 << (8 * width - 1))),
            Scalar::Float(4) => Some(Load::F32 { nullable }),
            Scalar::Float(_) => Some(Load::F64 { nullable }),
            Scalar::Bytes(width) => (width <= 16).then_some(Load::Bytes(width)),
        }
    }

    /// Calls `each` with the ordinal of the field in every wanted row, in order, and with what
    /// belongs to the row.
    #[inline(always)]
    pub(in crate::query) fn for_each<T>(
        self,
        batch: &Batch<'_>,
        at: usize,
        with: impl Iterator<Item = T>,
        mut each: impl FnMut(u128, T),
    ) {
        match self {
            Load::Whole(1, flip) => {
                batch.for_each_field(at, with, |b, t| {
                    each((word::<u8, 1>(b) ^ u8::truncated(flip)).into(), t);
                });
            }
            Load::Whole(2, flip) => {
                batch.for_each_field(at, with, |b, t| {
                    each((word::<u16, 2>(b) ^ u16::truncated(flip)).into(), t);
                });
            }
            Load::Whole(4, flip) => {
                batch.for_each_field(at, with, |b, t| {
                    each((word::<u32, 4>(b) ^ u32::truncated(flip)).into(), t);
                });
            }
            Load::Whole(8, flip) => {
                batch.for_each_field(at, with, |b, t| {
                    each((word::<u64, 8>(b) ^ u64::truncated(flip)).into(), t);
                });
            }
            Load::Whole(_, flip) => {
                batch.for_each_field(at, with, |b, t| each(word::<u128, 16>(b) ^ flip, t));
            }
            Load::F32 { nullable } => {
                batch.for_each_field(at, with, |b, t| {
                    each(ordinal_f32(word::<u32, 4>(b), nullable).into(), t);
                });
            }
            Load::F64 { nullable } => {
                batch.for_each_field(at, with, |b, t| {
                    each(ordinal_f64(word::<u64, 8>(b), nullable).into(), t);
                });
            }
            Load::Bytes(width) => {
                batch.for_each_with(with, |row, t| each(bytes_ordinal(&row[at..at + width]), t));
            }
        }
    }
}

/// At most 16 bytes as a number, most significant first.
#[inline(always)]
fn bytes_ordinal(bytes: &[u8]) -> u128 {
    let mut all = [0; 16];
    all[16 - bytes.len()..].copy_from_slice(bytes);
    u128::from_be_bytes(all)
}

impl Kernel {
    pub(in crate::query) fn new(filter: &Filter) -> Kernel {
        Kernel(Pass::new(filter))
    }

    /// Clears the marks of rows that do not pass. A mark is 1 or 0.
    pub(in crate::query) fn refine(&self, rows: &[u8], width: usize, marks: &mut [u8]) {
        self.0.refine(rows, width, marks);
    }

    /// The offset, the ordinal and the range of a field, if that is the only test. Of whole
    /// numbers, the ordinal is the number as it is stored.
    pub(in crate::query) fn as_one_range(&self) -> Option<(usize, Load, Span)> {
        match &self.0 {
            Pass::Test(RowTest::Whole { at, width, range }) => Some((*at, Load::Whole(*width, 0), *range)),
            Pass::Test(RowTest::Ordinal { at, load, ranges }) => match ranges[..] {
                [range] => Some((*at, *load, range)),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Pass {
    fn new(filter: &Filter) -> Pass {
        match filter {
            Filter::And(parts) => Pass::And(parts.iter().map(Pass::new).collect()),
            Filter::Or(parts) => Pass::Or(parts.iter().map(Pass::new).collect()),
            Filter::In { place, set } => Pass::Test(RowTest::new(place, set)),
            Filter::Pair { left, op, right } => {
                Pass::Test(RowTest::Pair { left: left.clone(), op: *op, right: right.clone() })
            }
        }
    }

    fn refine(&self, rows: &[u8], width: usize, marks: &mut [u8]) {
        match self {
            Pass::And(steps) => {
                for step in steps {
                    step.refine(rows, width, marks);
                    if marks.iter().fold(0, |any, mark| any | mark) == 0 {
                        return;
                    }
                }
            }
            Pass::Or(steps) => {
                let mut any = vec![0; marks.len()];
                let mut left = vec![0; marks.len()];
                for step in steps {
                    for ((left, mark), any) in left.iter_mut().zip(&*marks).zip(&any) {
                        *left = mark & !any;
                    }
                    step.refine(rows, width, &mut left);
                    any.iter_mut().zip(&left).for_each(|(any, left)| *any |= left);
                }
                marks.copy_from_slice(&any);
            }
            Pass::Test(test) => test.refine(rows, width, marks),
        }
    }
}

impl RowTest {
    fn new(place: &Place, set: &Ranges) -> RowTest {
        let (at, width) = (place.offset, place.width());
        let ends = || set.as_slice().iter().map(|(from, to)| (from.clone(), last_before(to, width)));
        let number = |ordinal: &[u8]| bytes_ordinal(ordinal);
        if let (Some(Scalar::Bytes(1 | 2 | 4 | 8 | 16)), [value]) =
            (place.field.ty().scalar(), &set.as_points().unwrap_or_default()[..])
        {
            // Equal bytes are equal numbers.
            let stored: Vec<u8> = value.iter().rev().copied().collect();
            return RowTest::Whole { at, width, range: (number(&stored), 0) };
        }
        let Some(load) = Load::of(place) else {
            return RowTest::Bytes { at, width, ranges: ends().collect() };
        };
        let spans = ends().map(|(first, last)| (number(&first), number(&last) - number(&first)));
        let ranges: Vec<Span> = spans.collect();
        match (load, &ranges[..]) {
            (Load::Whole(width, flip), [(first, length)]) => {
                RowTest::Whole { at, width, range: (first ^ flip, *length) }
            }
            _ => RowTest::Ordinal { at, load, ranges },
        }
    }

    fn refine(&self, rows: &[u8], row: usize, marks: &mut [u8]) {
        match *self {
            RowTest::Whole { at, width, range } => match width {
                1 => whole::<u8, 1>(rows, row, at, range, marks),
                2 => whole::<u16, 2>(rows, row, at, range, marks),
                4 => whole::<u32, 4>(rows, row, at, range, marks),
                8 => whole::<u64, 8>(rows, row, at, range, marks),
                _ => whole::<u128, 16>(rows, row, at, range, marks),
            },
            RowTest::Ordinal { at, load, ref ranges } => ordinal(rows, row, at, load, ranges, marks),
            RowTest::Bytes { at, width, ref ranges } => {
                for (row, mark) in rows.chunks_exact(row).zip(marks) {
                    let stored = &row[at..at + width];
                    let holds = || ranges.iter().any(|(from, to)| **from <= *stored && *stored <= **to);
                    *mark = u8::from(*mark != 0 && holds());
                }
            }
            RowTest::Pair { ref left, op, ref right } => {
                for (row, mark) in rows.chunks_exact(row).zip(marks) {
                    *mark = u8::from(*mark != 0 && pair(left, op, right, row));
                }
            }
        }
    }
}

/// Tests the ordinal of a number in a loop for each way to compute it.
fn ordinal(rows: &[u8], row: usize, at: usize, load: Load, ranges: &[Span], marks: &mut [u8]) {
    match load {
        Load::Whole(1, flip) => {
            within(column(rows, row, at), ranges, marks, |b| word::<u8, 1>(b) ^ u8::truncated(flip));
        }
        Load::Whole(2, flip) => {
            within(column(rows, row, at), ranges, marks, |b| word::<u16, 2>(b) ^ u16::truncated(flip));
        }
        Load::Whole(4, flip) => {
            within(column(rows, row, at), ranges, marks, |b| word::<u32, 4>(b) ^ u32::truncated(flip));
        }
        Load::Whole(8, flip) => {
            within(column(rows, row, at), ranges, marks, |b| word::<u64, 8>(b) ^ u64::truncated(flip));
        }
        Load::Whole(_, flip) => {
            within(column(rows, row, at), ranges, marks, |b| word::<u128, 16>(b) ^ flip);
        }
        Load::F32 { nullable } => {
            within(column(rows, row, at), ranges, marks, |b| ordinal_f32(word::<u32, 4>(b), nullable));
        }
        Load::F64 { nullable } => {
            within(column(rows, row, at), ranges, marks, |b| ordinal_f64(word::<u64, 8>(b), nullable));
        }
        Load::Bytes(2) => {
            within(column(rows, row, at), ranges, marks, |b| word::<u16, 2>(b).big_endian());
        }
        Load::Bytes(4) => {
            within(column(rows, row, at), ranges, marks, |b| word::<u32, 4>(b).big_endian());
        }
        Load::Bytes(8) => {
            within(column(rows, row, at), ranges, marks, |b| word::<u64, 8>(b).big_endian());
        }
        Load::Bytes(width) => {
            within(rows.chunks_exact(row), ranges, marks, |row| bytes_ordinal(&row[at..at + width]));
        }
    }
}

fn whole<W: Word, const N: usize>(rows: &[u8], row: usize, at: usize, range: Span, marks: &mut [u8]) {
    let (first, length) = (W::truncated(range.0), W::truncated(range.1));
    // For the usual widths of rows the compiler knows the step.
    match row {
        8 => whole_of::<W, N, 8>(rows, at, first, length, marks),
        12 => whole_of::<W, N, 12>(rows, at, first, length, marks),
        16 => whole_of::<W, N, 16>(rows, at, first, length, marks),
        20 => whole_of::<W, N, 20>(rows, at, first, length, marks),
        24 => whole_of::<W, N, 24>(rows, at, first, length, marks),
        32 => whole_of::<W, N, 32>(rows, at, first, length, marks),
        _ => {
            for (stored, mark) in column::<N>(rows, row, at).zip(marks) {
                *mark &= u8::from(word::<W, N>(stored).minus(first) <= length);
            }
        }
    }
}

#[inline(never)]
fn whole_of<W: Word, const N: usize, const ROW: usize>(
    rows: &[u8],
    at: usize,
    first: W,
    length: W,
    marks: &mut [u8],
) {
    if at + N > ROW {
        return;
    }
    for (row, mark) in rows.as_chunks::<ROW>().0.iter().zip(marks) {
        let stored = row[at..at + N].first_chunk().copied().unwrap_or([0; N]);
        *mark &= u8::from(word::<W, N>(stored).minus(first) <= length);
    }
}

/// A few ranges are tried one by one; many are searched.
#[inline(always)]
fn within<T, W: Word>(
    column: impl Iterator<Item = T>,
    ranges: &[Span],
    marks: &mut [u8],
    ordinal: impl Fn(T) -> W,
) {
    let spans: Vec<(W, W)> =
        ranges.iter().map(|(first, length)| (W::truncated(*first), W::truncated(*length))).collect();
    match spans[..] {
        [(first, length)] => {
            for (stored, mark) in column.zip(marks) {
                *mark &= u8::from(ordinal(stored).minus(first) <= length);
            }
        }
        [(first, length), (second, long)] => {
            for (stored, mark) in column.zip(marks) {
                let ordinal = ordinal(stored);
                *mark &= u8::from(ordinal.minus(first) <= length) | u8::from(ordinal.minus(second) <= long);
            }
        }
        _ => {
            for (stored, mark) in column.zip(marks) {
                if *mark != 0 {
                    let ordinal = ordinal(stored);
                    let at = spans.partition_point(|(first, _)| *first <= ordinal);
                    let holds = at > 0 && ordinal.minus(spans[at - 1].0) <= spans[at - 1].1;
                    *mark = u8::from(holds);
                }
            }
        }
    }
}

/// Whether two fields of a row compare like this. `false` if either is null.
fn pair(left: &Place, op: Op, right: &Place, row: &[u8]) -> bool {
    let stored = |place: &Place| &row[place.offset..place.offset + place.width()];
    let (a, b) = (stored(left), stored(right));
    if left.field.is_null(a) || right.field.is_null(b) {
        return false;
    }
    use Scalar::{Float, Signed, Unsigned};
    let (of_left, of_right) = (left.field.ty().scalar(), right.field.ty().scalar());
    let is_signed = |scalar| matches!(scalar, Some(Signed(_)));
    let ordering = match (of_left, of_right) {
        (Some(Unsigned(_) | Signed(_)), Some(Unsigned(_) | Signed(_))) => {
            ordinal_of_whole(a, is_signed(of_left)).cmp(&ordinal_of_whole(b, is_signed(of_right)))
        }
        (Some(Float(_)), Some(Float(_))) => ordinal_of_float(a).cmp(&ordinal_of_float(b)),
        // Text of different widths: the missing bytes are padding.
        _ => {
            let longer = a.len().max(b.len());
            let is_text = matches!(left.field.ty(), crate::schema::Type::Str(_));
            if is_text {
                let padded = |bytes: &[u8]| {
                    let mut padded = bytes.to_vec();
                    padded.resize(longer, 0);
                    padded
                };
                padded(a).cmp(&padded(b))
            } else {
                a.cmp(b)
            }
        }
    };
    op.holds(ordering)
}
