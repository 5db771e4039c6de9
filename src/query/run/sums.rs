//! `sum` and `mean` while they run: whole numbers in a width that cannot overflow, floats exactly
//! by `exact.rs`.

use super::batch::Batch;
use super::exact::{BINS, Specials, WideSum, rounded_bins, term};
use super::fold::{CountRows, Finish, Fold, Read, State, States};
use crate::error::{Result, bail};
use crate::query::ask::aggregate::Function;
use crate::query::ask::column::Place;
use crate::query::plan::bound::Fn;
use crate::schema::Type;

/// A number, and whether it counts; null does not.
struct Numbers<T> {
    at: usize,
    null: Option<T>,
}

macro_rules! numbers {
    ($($number:ident as $item:ty, $bytes:literal;)*) => {$(
        impl Read for Numbers<$number> {
            type Item = ($item, bool);

            #[inline(always)]
            fn for_each<T>(
                &self,
                batch: &Batch<'_>,
                with: impl Iterator<Item = T>,
                mut each: impl FnMut(Self::Item, T),
            ) {
                match self.null {
                    None => batch.for_each_field::<T, $bytes>(self.at, with, |stored, with| {
                        each(($number::from_le_bytes(stored).into(), true), with);
                    }),
                    Some(null) => {
                        let null = null.to_le_bytes();
                        batch.for_each_field::<T, $bytes>(self.at, with, |stored, with| {
                            each(($number::from_le_bytes(stored).into(), stored != null), with);
                        });
                    }
                }
            }
        }
    )*};
}

numbers! {
    u8 as i64, 1; u16 as i64, 2; u32 as i64, 4; i8 as i64, 1; i16 as i64, 2; i32 as i64, 4; i64 as i64, 8;
    u64 as i128, 8; i128 as i128, 16; u128 as u128, 16; f32 as f64, 4; f64 as f64, 8;
}

/// The sum of whole numbers in a width that cannot overflow, and their count.
#[derive(Clone, Copy, Default)]
pub(in crate::query) struct Sum<S> {
    sum: S,
    count: u64,
}

macro_rules! sums {
    ($($item:ty, $sum:ty;)*) => {$(
        impl State for Sum<SumOf<$item, $sum>> {
            type Item = ($item, bool);

            #[inline(always)]
            fn add(&mut self, (number, counts): Self::Item, _: &mut usize) {
                self.sum.0 += if counts { <$sum>::from(number) } else { 0 };
                self.count += u64::from(counts);
            }

            fn merge(&mut self, other: &Self, _: &mut usize) {
                self.sum.0 += other.sum.0;
                self.count += other.count;
            }
        }

        impl Finish<Sum<SumOf<$item, $sum>>> for Total {
            fn write(&self, state: &Sum<SumOf<$item, $sum>>, out: &mut Vec<u8>) -> Result<bool> {
                self.write(WideSum::from(i128::from(state.sum.0)), state.count, out)
            }
        }
    )*};
}

/// A sum in `S` of items `T`.
#[derive(Clone, Copy, Default)]
pub(in crate::query) struct SumOf<T, S>(S, std::marker::PhantomData<T>);

sums! { i64, i64; i64, i128; i128, i128; }

/// The sum of numbers of 128 bits.
#[derive(Clone, Copy, Default)]
struct Wide<T> {
    sum: WideSum,
    count: u64,
    of: std::marker::PhantomData<T>,
}

macro_rules! wide {
    ($($item:ty, $negative:expr;)*) => {$(
        impl State for Wide<$item> {
            type Item = ($item, bool);

            #[inline(always)]
            fn add(&mut self, (number, counts): Self::Item, _: &mut usize) {
                if counts {
                    let negative: fn($item) -> bool = $negative;
                    self.sum.add(number as u128, negative(number));
                    self.count += 1;
                }
            }

            fn merge(&mut self, other: &Self, _: &mut usize) {
                self.sum.merge(other.sum);
                self.count += other.count;
            }
        }

        impl Finish<Wide<$item>> for Total {
            fn write(&self, state: &Wide<$item>, out: &mut Vec<u8>) -> Result<bool> {
                self.write(state.sum, state.count, out)
            }
        }
    )*};
}

wide! { i128, |number| number < 0; u128, |_| false; }

/// The result of a sum of whole numbers.
struct Total {
    is_mean: bool,
    ty: Type,
}

impl Total {
    fn write(&self, sum: WideSum, count: u64, out: &mut Vec<u8>) -> Result<bool> {
        if count == 0 {
            return Ok(false);
        }
        if self.is_mean {
            out.extend(sum.mean(count).to_le_bytes());
            return Ok(true);
        }
        let written = match self.ty {
            Type::U128 => sum.to_u128().map(|sum| out.extend(sum.to_le_bytes())),
            Type::I64 => {
                let sum = sum.to_i128().and_then(|sum| i64::try_from(sum).ok());
                sum.map(|sum| out.extend(sum.to_le_bytes()))
            }
            _ => sum.to_i128().map(|sum| out.extend(sum.to_le_bytes())),
        };
        match written {
            Some(()) => Ok(true),
            None => bail!(Limit, "the sum exceeds {}; the mean has no such limit", self.ty),
        }
    }
}

/// The exact sum of floats.
#[derive(Clone, Default)]
struct Reals {
    /// One more than the bin that is the middle one of the three in `near`; 0 if there is none yet.
    middle: u8,
    specials: Specials,
    near: [i128; 3],
    count: u64,
    /// All bins, for a group whose numbers differ much in size.
    far: Option<Box<[i128; BINS]>>,
}

impl State for Reals {
    type Item = (f64, bool);

    #[inline(always)]
    fn add(&mut self, (real, counts): (f64, bool), heap: &mut usize) {
        if !counts {
            return;
        }
        self.count += 1;
        match term(real) {
            Some((bin, term)) => self.add_term(bin, term, heap),
            None => self.specials.add(real),
        }
    }

    fn merge(&mut self, other: &Self, heap: &mut usize) {
        self.specials.merge(other.specials);
        self.count += other.count;
        if other.middle > 0 {
            for (at, term) in other.near.iter().enumerate().filter(|(_, term)| **term != 0) {
                self.add_term((usize::from(other.middle) + at).saturating_sub(2), *term, heap);
            }
        }
        for (bin, term) in other.far.iter().flat_map(|far| far.iter().enumerate()) {
            if *term != 0 {
                self.add_term(bin, *term, heap);
            }
        }
    }
}

impl Reals {
    #[inline(always)]
    fn add_term(&mut self, bin: usize, term: i128, heap: &mut usize) {
        if let Some(near) = self.near.get_mut((bin + 2).wrapping_sub(usize::from(self.middle)))
            && self.middle > 0
        {
            *near += term;
            return;
        }
        self.add_far(bin, term, heap);
    }

    #[cold]
    fn add_far(&mut self, bin: usize, term: i128, heap: &mut usize) {
        if term == 0 {
            return;
        }
        if self.middle == 0 {
            self.middle = bin as u8 + 1;
            self.near[1] = term;
            return;
        }
        let far = self.far.get_or_insert_with(|| {
            *heap += size_of::<[i128; BINS]>();
            Box::new([0; BINS])
        });
        far[bin] += term;
    }

    fn rounded(&self, divisor: u64) -> f64 {
        let mut bins = self.far.as_deref().copied().unwrap_or([0; BINS]);
        if self.middle > 0 {
            for (at, term) in self.near.iter().enumerate().filter(|(_, term)| **term != 0) {
                bins[usize::from(self.middle) + at - 2] += term;
            }
        }
        rounded_bins(&bins, self.specials, divisor)
    }
}

impl Finish<Reals> for Total {
    fn write(&self, state: &Reals, out: &mut Vec<u8>) -> Result<bool> {
        if state.count > 0 {
            let sum = state.rounded(if self.is_mean { state.count } else { 1 });
            out.extend(sum.to_le_bytes());
        }
        Ok(state.count > 0)
    }
}

impl Fn {
    /// The states of a sum or a mean.
    pub(in crate::query) fn sums(&self, place: &Place) -> Box<dyn Fold> {
        let at = place.offset;
        let total = Total { is_mean: self.function == Function::Mean, ty: self.field.ty().clone() };
        let null = place.field.null();
        macro_rules! fold {
            ($number:ident, $state:ty) => {{
                let null = null.and_then(|null| null.try_into().ok()).map($number::from_le_bytes);
                States::<$state, _, _>::boxed(Numbers::<$number> { at, null }, total)
            }};
        }
        macro_rules! small {
            ($number:ident) => {
                if self.is_narrow {
                    fold!($number, Sum<SumOf<i64, i64>>)
                } else {
                    fold!($number, Sum<SumOf<i64, i128>>)
                }
            };
        }
        match place.field.ty() {
            Type::U8 => small!(u8),
            Type::U16 => small!(u16),
            Type::U32 => small!(u32),
            Type::I8 => small!(i8),
            Type::I16 => small!(i16),
            Type::I32 => small!(i32),
            Type::I64 => fold!(i64, Sum<SumOf<i64, i128>>),
            Type::U64 => fold!(u64, Sum<SumOf<i128, i128>>),
            Type::I128 => fold!(i128, Wide<i128>),
            Type::U128 => fold!(u128, Wide<u128>),
            Type::F32 => fold!(f32, Reals),
            Type::F64 => fold!(f64, Reals),
            // Was checked against the type before.
            _ => Box::new(CountRows::default()),
        }
    }
}
