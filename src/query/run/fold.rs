//! Aggregates while they run: one state for each group, and loops over a batch for each type. The
//! kinds of states are in `sums.rs`, `extremes.rs`, `ends.rs` and `distinct.rs`, which build on
//! this file.

use std::any::Any;
use std::iter::repeat;

use super::batch::Batch;
use crate::error::Result;

/// The states of one aggregate.
pub(in crate::query) trait Fold: Send {
    /// Makes room for this many groups.
    fn grow(&mut self, groups: usize);
    /// Adds all wanted rows of a batch to the first group.
    fn take(&mut self, batch: &Batch<'_>);
    /// Adds each wanted row to its group.
    fn take_grouped(&mut self, batch: &Batch<'_>, groups: &[u32]);
    /// Adds the states of another thread: its group `i` is `groups[i]` here.
    fn merge(&mut self, other: &dyn Fold, groups: &[u32]);
    /// Bytes of memory that the states take.
    fn bytes(&self) -> usize;
    /// Writes the result of a group as stored bytes. Returns `false` and writes nothing if it is
    /// null.
    ///
    /// # Errors
    /// `Limit` if it does not fit its type.
    fn write(&self, group: usize, out: &mut Vec<u8>) -> Result<bool>;
    fn as_any(&self) -> &dyn Any;
}

/// Counting rows reads no field.
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

/// The state of one group.
pub(in crate::query) trait State: Default + Clone + Send + 'static {
    type Item;
    /// `heap` counts memory outside the state.
    fn add(&mut self, item: Self::Item, heap: &mut usize);
    fn merge(&mut self, other: &Self, heap: &mut usize);
}

/// How items are read from a batch.
pub(in crate::query) trait Read: Send + 'static {
    type Item;
    /// Calls `each` with the item of every wanted row, in order, and with what belongs to the row.
    fn for_each<T>(&self, batch: &Batch<'_>, with: impl Iterator<Item = T>, each: impl FnMut(Self::Item, T));
}

/// The result of a state.
pub(in crate::query) trait Finish<S>: Send + 'static {
    fn write(&self, state: &S, out: &mut Vec<u8>) -> Result<bool>;
}

/// The states of all groups, how they are read, and how they end.
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
        self.read.for_each(batch, repeat(()), |item, ()| state.add(item, &mut heap));
        self.states[0].merge(&state, &mut self.heap);
    }

    fn take_grouped(&mut self, batch: &Batch<'_>, groups: &[u32]) {
        let (states, heap) = (&mut self.states[..], &mut self.heap);
        self.read.for_each(batch, groups.iter(), |item, group| {
            if let Some(state) = states.get_mut(*group as usize) {
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
