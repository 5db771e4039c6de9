//! The keys of rounded values, read from a batch in loops for each width. Groups use them.

use std::fmt::Display;

use super::batch::Batch;
use crate::error::Result;
use crate::query::plan::floor::{Floor, Method, NULL_KEY, Narrow, RealStep, WholeStep};

impl Floor {
    /// Calls `each` with the key of every wanted row, in order, and with what belongs to the row.
    /// For fields of at most eight bytes.
    ///
    /// # Errors
    /// `Limit` if a rounded value is below the range of its type.
    pub(in crate::query) fn for_each<T>(
        &self,
        batch: &Batch<'_>,
        at: usize,
        with: impl Iterator<Item = T>,
        each: impl FnMut(u64, T),
    ) -> Result<()> {
        let beyond = match &self.method {
            Method::Whole(whole) => match (whole.width, whole.signed) {
                (1, false) => whole.read(batch, at, with, |b| u64::from(u8::from_le_bytes(b)), each),
                (1, true) => whole.read(batch, at, with, |b| i64::from(i8::from_le_bytes(b)) as u64, each),
                (2, false) => whole.read(batch, at, with, |b| u64::from(u16::from_le_bytes(b)), each),
                (2, true) => whole.read(batch, at, with, |b| i64::from(i16::from_le_bytes(b)) as u64, each),
                (4, false) => whole.read(batch, at, with, |b| u64::from(u32::from_le_bytes(b)), each),
                (4, true) => whole.read(batch, at, with, |b| i64::from(i32::from_le_bytes(b)) as u64, each),
                _ => whole.read(batch, at, with, u64::from_le_bytes, each),
            },
            Method::Real(real) if real.is_single => {
                real.read(batch, at, with, each, |b: &[u8; 4]| f32::from_le_bytes(*b).into())
            }
            Method::Real(real) => real.read(batch, at, with, each, |b: &[u8; 8]| f64::from_le_bytes(*b)),
        };
        match beyond {
            None => Ok(()),
            Some(value) => self.beyond(&value),
        }
    }
}

impl WholeStep {
    /// Calls `each` with the key of every wanted row. Returns a value that rounds to below the
    /// range of the type, if there is one.
    #[inline(always)]
    fn read<T, const N: usize>(
        &self,
        batch: &Batch<'_>,
        at: usize,
        with: impl Iterator<Item = T>,
        load: impl Fn([u8; N]) -> u64,
        mut each: impl FnMut(u64, T),
    ) -> Option<Box<dyn Display>> {
        let mask = u64::MAX >> (64 - 8 * N);
        let mut beyond = None;
        match self.narrow {
            Some(Narrow { least, span, step, reciprocal }) => {
                batch.for_each_field::<T, N>(at, with, |stored, with| {
                    let value = load(stored);
                    let above = value.wrapping_sub(least);
                    if above > span {
                        // Null, or a value below the lowest multiple.
                        let value = self.widened(value);
                        if self.null != Some(value) {
                            beyond = Some(value);
                        }
                        return each(NULL_KEY as u64 & mask, with);
                    }
                    // The estimate is the quotient, or one less.
                    let estimate = ((u128::from(above) * u128::from(reciprocal)) >> 64) as u64;
                    let rest = above - estimate * step;
                    each(estimate + u64::from(rest >= step), with);
                });
            }
            None => batch.for_each_field::<T, N>(at, with, |stored, with| {
                match self.key(self.widened(load(stored))) {
                    Ok(key) => each(key as u64 & mask, with),
                    Err(value) => {
                        beyond = Some(value);
                        each(0, with);
                    }
                }
            }),
        }
        beyond.map(|value| self.shown(value))
    }
}

impl RealStep {
    #[inline(always)]
    fn read<T, const N: usize>(
        &self,
        batch: &Batch<'_>,
        at: usize,
        with: impl Iterator<Item = T>,
        mut each: impl FnMut(u64, T),
        load: impl Fn(&[u8; N]) -> f64,
    ) -> Option<Box<dyn Display>> {
        let mut beyond: Option<Box<dyn Display>> = None;
        batch.for_each_field::<T, N>(at, with, |stored, with| {
            match self.key(load(&stored), || stored == [0xFF; N]) {
                Ok(key) => each(key, with),
                Err(value) => {
                    beyond = Some(Box::new(value));
                    each(0, with);
                }
            }
        });
        beyond
    }
}
