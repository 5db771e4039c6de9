//! `min`, `max` and `count(x)` while they run. `fold.rs` has the loops.

use std::any::Any;

use super::batch::{Batch, Word};
use super::fold::{Finish, Fold, Read, State, States};
use super::kernel::Load;
use crate::error::Result;
use crate::order::Scalar;
use crate::query::ask::column::Place;
use crate::query::plan::domain;

/// The ordinals of a field that are not null, inverted for the maximum.
struct Ordinals {
    at: usize,
    load: Load,
    flip: u128,
    /// The values that are not null: the first one, and the distance to the last one.
    first: u128,
    length: u128,
}

impl Read for Ordinals {
    type Item = Option<u128>;

    #[inline(always)]
    fn for_each(&self, batch: &Batch<'_>, mut each: impl FnMut(Option<u128>)) {
        self.load.for_each(batch, self.at, |ordinal| {
            let counts = ordinal.minus(self.first) <= self.length;
            each(counts.then_some(ordinal ^ self.flip));
        });
    }
}

/// The minimum of some numbers.
#[derive(Clone, Default)]
struct Least(Option<u128>);

impl State for Least {
    type Item = Option<u128>;

    #[inline(always)]
    fn add(&mut self, item: Option<u128>, _: &mut usize) {
        if let Some(number) = item {
            self.0 = Some(self.0.map_or(number, |least| least.min(number)));
        }
    }

    fn merge(&mut self, other: &Self, heap: &mut usize) {
        self.add(other.0, heap);
    }
}

/// The number of values that are not null.
#[derive(Clone, Default)]
struct Count(u64);

impl State for Count {
    type Item = Option<u128>;

    #[inline(always)]
    fn add(&mut self, item: Option<u128>, _: &mut usize) {
        self.0 += u64::from(item.is_some());
    }

    fn merge(&mut self, other: &Self, _: &mut usize) {
        self.0 += other.0;
    }
}

/// Converts an ordinal back to stored bytes.
struct Stored {
    scalar: Scalar,
    width: usize,
    flip: u128,
}

impl Finish<Least> for Stored {
    fn write(&self, state: &Least, out: &mut Vec<u8>) -> Result<bool> {
        if let Some(ordinal) = state.0 {
            self.scalar.write_stored(&(ordinal ^ self.flip).to_be_bytes()[16 - self.width..], out);
        }
        Ok(state.0.is_some())
    }
}

impl Finish<Count> for Stored {
    fn write(&self, state: &Count, out: &mut Vec<u8>) -> Result<bool> {
        out.extend(state.0.to_le_bytes());
        Ok(true)
    }
}

fn ordinals(place: &Place, flip: u128) -> Option<(Ordinals, Stored)> {
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
    let read = Ordinals { at: place.offset, load, flip, first, length };
    Some((read, Stored { scalar: domain::scalar(place.field.ty()), width, flip }))
}

/// The states of a count of values that are not null.
pub(in crate::query) fn counts(place: &Place) -> Box<dyn Fold> {
    match ordinals(place, 0) {
        Some((read, finish)) => States::<Count, _, _>::boxed(read, finish),
        None => Box::new(Long {
            place: place.clone(),
            kind: LongKind::Count,
            counts: Vec::new(),
            best: Vec::new(),
            heap: 0,
        }),
    }
}

/// The states of a minimum or maximum.
pub(in crate::query) fn extremes(place: &Place, greatest: bool) -> Box<dyn Fold> {
    match ordinals(place, if greatest { u128::MAX } else { 0 }) {
        Some((read, finish)) => States::<Least, _, _>::boxed(read, finish),
        None => {
            let kind = if greatest { LongKind::Greatest } else { LongKind::Least };
            Box::new(Long { place: place.clone(), kind, counts: Vec::new(), best: Vec::new(), heap: 0 })
        }
    }
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
        let mut groups = groups.iter();
        batch.for_each(|row| {
            if let Some(group) = groups.next() {
                self.row(*group as usize, row);
            }
        });
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
