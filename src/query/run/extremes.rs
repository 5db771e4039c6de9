//! `min`, `max` and `count(x)` while they run. `fold.rs` has the loops.

use std::any::Any;
use std::marker::PhantomData;

use super::batch::{Batch, Word};
use super::fold::{Finish, Fold, Read, State, States};
use super::kernel::Load;
use crate::error::Result;
use crate::order::Scalar;
use crate::query::ask::column::Place;
use crate::query::plan::domain;

/// The ordinals of a field, inverted for the maximum, and whether they count; null does not.
struct Ordinals<W> {
    at: usize,
    load: Load,
    flip: W,
    /// The values that are not null: the first one, and the distance to the last one.
    first: W,
    length: W,
    is_nullable: bool,
}

impl<W: Word + Send> Read for Ordinals<W> {
    type Item = (W, bool);

    #[inline(always)]
    fn for_each<T>(
        &self,
        batch: &Batch<'_>,
        with: impl Iterator<Item = T>,
        mut each: impl FnMut((W, bool), T),
    ) {
        let Ordinals { at, load, flip, first, length, is_nullable } = *self;
        if is_nullable {
            load.for_each(batch, at, with, |ordinal, with| {
                let ordinal = W::truncated(ordinal);
                each((ordinal ^ flip, ordinal.minus(first) <= length), with);
            });
        } else {
            load.for_each(batch, at, with, |ordinal, with| {
                each((W::truncated(ordinal) ^ flip, true), with);
            });
        }
    }
}

/// The minimum of some numbers.
#[derive(Clone)]
struct Least<W> {
    /// The highest number if there is none yet.
    least: W,
    found: bool,
}

impl<W: Word> Default for Least<W> {
    fn default() -> Self {
        Least { least: W::truncated(u128::MAX), found: false }
    }
}

impl<W: Word + Send> State for Least<W> {
    type Item = (W, bool);

    #[inline(always)]
    fn add(&mut self, (number, counts): (W, bool), _: &mut usize) {
        // Equal numbers too: the first number may be the highest.
        if counts && number <= self.least {
            (self.least, self.found) = (number, true);
        }
    }

    fn merge(&mut self, other: &Self, heap: &mut usize) {
        self.add((other.least, other.found), heap);
    }
}

/// The number of values that are not null.
#[derive(Clone)]
struct Count<W>(u64, PhantomData<W>);

impl<W> Default for Count<W> {
    fn default() -> Self {
        Count(0, PhantomData)
    }
}

impl<W: Word + Send> State for Count<W> {
    type Item = (W, bool);

    #[inline(always)]
    fn add(&mut self, (_, counts): (W, bool), _: &mut usize) {
        self.0 += u64::from(counts);
    }

    fn merge(&mut self, other: &Self, _: &mut usize) {
        self.0 += other.0;
    }
}

/// Converts an ordinal back to stored bytes.
struct Stored<W> {
    scalar: Scalar,
    width: usize,
    flip: W,
}

impl<W: Word + Send> Finish<Least<W>> for Stored<W> {
    fn write(&self, state: &Least<W>, out: &mut Vec<u8>) -> Result<bool> {
        if state.found {
            let ordinal: u128 = (state.least ^ self.flip).into();
            self.scalar.write_stored(&ordinal.to_be_bytes()[16 - self.width..], out);
        }
        Ok(state.found)
    }
}

impl<W: Word + Send> Finish<Count<W>> for Stored<W> {
    fn write(&self, state: &Count<W>, out: &mut Vec<u8>) -> Result<bool> {
        out.extend(state.0.to_le_bytes());
        Ok(true)
    }
}

/// How the ordinals of a field are read and written, as words of at least its width.
fn ordinals<W: Word>(place: &Place, flip: W) -> Option<(Ordinals<W>, Stored<W>)> {
    let load = Load::of(place)?;
    let width = place.width();
    let number = |ordinal: &[u8]| {
        let mut all = [0; 16];
        all[16 - width..].copy_from_slice(ordinal);
        u128::from_be_bytes(all)
    };
    let valid = domain::valid(&place.field);
    let (from, to) = valid.as_slice().first()?;
    let first = number(from);
    let length = number(&crate::query::plan::ranges::last_before(to, width)) - first;
    let (first, length) = (W::truncated(first), W::truncated(length));
    let is_nullable = place.field.is_nullable();
    let read = Ordinals { at: place.offset, load, flip, first, length, is_nullable };
    Some((read, Stored { scalar: domain::scalar(place.field.ty()), width, flip }))
}

/// The states of a count of values that are not null.
pub(in crate::query) fn counts(place: &Place) -> Box<dyn Fold> {
    let counts = if place.width() <= 8 { counts_of::<u64>(place) } else { counts_of::<u128>(place) };
    counts.unwrap_or_else(|| Long::boxed(place, LongKind::Count))
}

fn counts_of<W: Word + Send>(place: &Place) -> Option<Box<dyn Fold>> {
    let (read, finish) = ordinals(place, W::truncated(0))?;
    Some(States::<Count<W>, _, _>::boxed(read, finish))
}

/// The states of a minimum or maximum.
pub(in crate::query) fn extremes(place: &Place, greatest: bool) -> Box<dyn Fold> {
    let flip = if greatest { u128::MAX } else { 0 };
    let extremes =
        if place.width() <= 8 { extremes_of::<u64>(place, flip) } else { extremes_of::<u128>(place, flip) };
    let kind = if greatest { LongKind::Greatest } else { LongKind::Least };
    extremes.unwrap_or_else(|| Long::boxed(place, kind))
}

fn extremes_of<W: Word + Send>(place: &Place, flip: u128) -> Option<Box<dyn Fold>> {
    let (read, finish) = ordinals(place, W::truncated(flip))?;
    Some(States::<Least<W>, _, _>::boxed(read, finish))
}

/// Minimum, maximum and count of values that are wider than 16 bytes.
struct Long {
    place: Place,
    kind: LongKind,
    counts: Vec<u64>,
    best: Vec<Option<Box<[u8]>>>,
    heap: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum LongKind {
    Count,
    Least,
    Greatest,
}

impl Long {
    fn boxed(place: &Place, kind: LongKind) -> Box<dyn Fold> {
        Box::new(Long { place: place.clone(), kind, counts: Vec::new(), best: Vec::new(), heap: 0 })
    }

    fn add(&mut self, group: usize, stored: &[u8]) {
        let best = &mut self.best[group];
        let is_better = |there: &[u8]| match self.kind {
            LongKind::Count => false,
            LongKind::Least => stored < there,
            LongKind::Greatest => stored > there,
        };
        match best {
            Some(there) if is_better(there) => there.copy_from_slice(stored),
            None if self.kind != LongKind::Count => {
                self.heap += stored.len();
                *best = Some(stored.into());
            }
            _ => {}
        }
    }

    fn row(&mut self, group: usize, row: &[u8]) {
        let stored = &row[self.place.offset..self.place.offset + self.place.width()];
        if !self.place.field.is_null(stored) {
            self.counts[group] += 1;
            self.add(group, stored);
        }
    }
}

impl Fold for Long {
    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
        self.best.resize(groups, None);
    }

    fn take(&mut self, batch: &Batch<'_>) {
        batch.for_each(|row| self.row(0, row));
    }

    fn take_grouped(&mut self, batch: &Batch<'_>, groups: &[u32]) {
        batch.for_each_with(groups.iter(), |row, group| self.row(*group as usize, row));
    }

    fn merge(&mut self, other: &dyn Fold, groups: &[u32]) {
        if let Some(other) = other.as_any().downcast_ref::<Long>() {
            for ((best, count), group) in other.best.iter().zip(&other.counts).zip(groups) {
                self.counts[*group as usize] += count;
                if let Some(best) = best {
                    self.add(*group as usize, best);
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        self.counts.len() * 24 + self.heap
    }

    fn write(&self, group: usize, out: &mut Vec<u8>) -> Result<bool> {
        if self.kind == LongKind::Count {
            out.extend(self.counts[group].to_le_bytes());
            return Ok(true);
        }
        out.extend(self.best[group].iter().flatten());
        Ok(self.best[group].is_some())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
