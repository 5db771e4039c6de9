//! `first` and `last` while they run: the value in the first or last row of each group.

use std::any::Any;

use super::batch::Batch;
use super::fold::Fold;
use crate::error::Result;
use crate::query::ask::column::Place;

/// No row yet.
const NONE: u64 = u64::MAX;

/// For each group, the number of the first or last row, and the bytes of the field in it.
pub(in crate::query) struct Ends {
    place: Place,
    is_last: bool,
    numbers: Vec<u64>,
    values: Vec<u8>,
}

impl Ends {
    pub(in crate::query) fn boxed(place: &Place, is_last: bool) -> Box<dyn Fold> {
        Box::new(Ends { place: place.clone(), is_last, numbers: Vec::new(), values: Vec::new() })
    }

    /// Takes the bytes of the field if their row is nearer to the wanted end than the current one.
    #[inline(always)]
    fn take_value(&mut self, group: usize, number: u64, value: &[u8]) {
        let there = &mut self.numbers[group];
        let replaces = *there == NONE || (number > *there) == self.is_last;
        if replaces {
            *there = number;
            let width = value.len();
            self.values[group * width..][..width].copy_from_slice(value);
        }
    }

    fn value(&self, group: usize) -> &[u8] {
        &self.values[group * self.place.width()..][..self.place.width()]
    }
}

impl Fold for Ends {
    fn grow(&mut self, groups: usize) {
        self.numbers.resize(groups, NONE);
        self.values.resize(groups * self.place.width(), 0);
    }

    fn take(&mut self, batch: &Batch<'_>) {
        if let Some(ends) = batch.ends() {
            let (number, row) = ends[usize::from(self.is_last)];
            self.take_value(0, number, &row[self.place.offset..][..self.place.width()]);
        }
    }

    fn take_grouped(&mut self, batch: &Batch<'_>, groups: &[u32]) {
        let (at, width) = (self.place.offset, self.place.width());
        let mut groups = groups.iter();
        batch.for_each_numbered(|number, row| {
            if let Some(group) = groups.next() {
                self.take_value(*group as usize, number, &row[at..at + width]);
            }
        });
    }

    fn merge(&mut self, other: &dyn Fold, groups: &[u32]) {
        if let Some(other) = other.as_any().downcast_ref::<Ends>() {
            for (at, (number, group)) in other.numbers.iter().zip(groups).enumerate() {
                if *number != NONE {
                    self.take_value(*group as usize, *number, other.value(at));
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<u64>() + self.values.capacity()
    }

    fn write(&self, group: usize, out: &mut Vec<u8>) -> Result<bool> {
        let value = self.value(group);
        if self.numbers[group] == NONE || self.place.field.is_null(value) {
            return Ok(false);
        }
        out.extend_from_slice(value);
        Ok(true)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
