//! Aggregates under way: a state a group, loops over a batch for each type, and what comes out at
//! the end.

use std::any::Any;

use super::batch::Batch;
use super::distinct::Distinct;
use super::ends::Ends;
use super::extremes::{counts, extremes};
use crate::error::Result;
use crate::query::ask::aggregate::Function;
use crate::query::plan::bound::Fn;

/// The states of one aggregate.
pub(in crate::query) trait Fold: Send {
    /// Makes room for so many groups.
    fn grow(&mut self, groups: usize);
    /// Takes all wanted rows of a batch into the first group.
    fn take(&mut self, batch: &Batch<'_>);
    /// Takes each wanted row into its group.
    fn take_grouped(&mut self, batch: &Batch<'_>, groups: &[u32]);
    /// Takes in what another thread has: its group `i` is `groups[i]` here.
    fn merge(&mut self, other: &dyn Fold, groups: &[u32]);
    /// Memory that the states take.
    fn bytes(&self) -> usize;
    /// Writes what came out for a group, as stored bytes; `false` without writing if it is null.
    ///
    /// # Errors
    /// `Limit` if it does not fit its type.
    fn write(&self, group: usize, out: &mut Vec<u8>) -> Result<bool>;
    fn as_any(&self) -> &dyn Any;
}

impl Fn {
    /// Its states, none yet.
    pub(in crate::query) fn fold(&self) -> Box<dyn Fold> {
        let Some(place) = &self.place else { return Box::new(CountRows::default()) };
        match self.function {
            Function::Count => counts(place),
            Function::Sum | Function::Mean => self.sums(place),
            Function::Min => extremes(place, false),
            Function::Max => extremes(place, true),
            Function::First => Ends::boxed(place, false),
            Function::Last => Ends::boxed(place, true),
            Function::CountDistinct => Distinct::boxed(place, self.is_grouped),
        }
    }
}

/// How rows are counted: there is nothing to read.
#[derive(Default)]
pub(in crate::query) struct CountRows {
    counts: Vec<u64>,
}

impl Fold for CountRows {
    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
    }

    fn take(&mut self, batch: &Batch<'_>) {
        self.counts[0] += batch.len() as u64;
    }

    fn take_grouped(&mut self, _: &Batch<'_>, groups: &[u32]) {
        for group in groups {
            self.counts[*group as usize] += 1;
        }
    }

    fn merge(&mut self, other: &dyn Fold, groups: &[u32]) {
        if let Some(other) = other.as_any().downcast_ref::<CountRows>() {
            for (count, group) in other.counts.iter().zip(groups) {
                self.counts[*group as usize] += count;
            }
        }
    }

    fn bytes(&self) -> usize {
        self.counts.len() * size_of::<u64>()
    }

    fn write(&self, group: usize, out: &mut Vec<u8>) -> Result<bool> {
        out.extend(self.counts[group].to_le_bytes());
        Ok(true)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What is kept for a group.
pub(in crate::query) trait State: Default + Clone + Send + 'static {
    type Item;
    /// `heap` counts memory beside the state.
    fn add(&mut self, item: Self::Item, heap: &mut usize);
    fn merge(&mut self, other: &Self, heap: &mut usize);
}

/// How items are read of a batch.
pub(in crate::query) trait Read: Send + 'static {
    type Item;
    fn for_each(&self, batch: &Batch<'_>, each: impl FnMut(Self::Item));
}

/// What comes out of a state at the end.
pub(in crate::query) trait Finish<S>: Send + 'static {
    fn write(&self, state: &S, out: &mut Vec<u8>) -> Result<bool>;
}

/// The states of all groups, how they are fed, and what becomes of them.
pub(in crate::query) struct States<S, R, F> {
    states: Vec<S>,
    heap: usize,
    read: R,
    finish: F,
}

impl<S: State, R: Read<Item = S::Item>, F: Finish<S>> States<S, R, F> {
    pub(in crate::query) fn boxed(read: R, finish: F) -> Box<dyn Fold> {
        Box::new(States { states: Vec::<S>::new(), heap: 0, read, finish })
    }
}

impl<S: State, R: Read<Item = S::Item>, F: Finish<S>> Fold for States<S, R, F> {
    fn grow(&mut self, groups: usize) {
        self.states.resize_with(groups, S::default);
    }

    fn take(&mut self, batch: &Batch<'_>) {
        let (mut state, mut heap) = (S::default(), 0);
        self.read.for_each(batch, |item| state.add(item, &mut heap));
        self.states[0].merge(&state, &mut self.heap);
    }

    fn take_grouped(&mut self, batch: &Batch<'_>, groups: &[u32]) {
        let mut groups = groups.iter();
        let (states, heap) = (&mut self.states[..], &mut self.heap);
        self.read.for_each(batch, |item| {
            if let Some(state) = groups.next().and_then(|group| states.get_mut(*group as usize)) {
                state.add(item, heap);
            }
        });
    }

    fn merge(&mut self, other: &dyn Fold, groups: &[u32]) {
        if let Some(other) = other.as_any().downcast_ref::<Self>() {
            for (state, group) in other.states.iter().zip(groups) {
                self.states[*group as usize].merge(state, &mut self.heap);
            }
        }
    }

    fn bytes(&self) -> usize {
        self.states.len() * size_of::<S>() + self.heap
    }

    fn write(&self, group: usize, out: &mut Vec<u8>) -> Result<bool> {
        self.finish.write(&self.states[group], out)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
