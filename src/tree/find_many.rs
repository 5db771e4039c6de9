//! Looking up many keys side by side, so that their waits for memory overlap. Part of `View`;
//! tables call it.

use std::num::NonZero;

use super::fast_get::{FoundLeaf, LeafOnPath};
use super::leaf_directory::{Leaves, Place};
use super::node::{BranchRef, ChildRef};
use super::probe::{Probe, with_probe};
use super::search::prefetch_near;
use super::view::View;
use crate::error::Result;

/// How many keys are looked up together. More would not help: a core waits for only a dozen or two
/// cache lines at a time.
const SIDE_BY_SIDE: usize = 32;

impl<'a> View<'a> {
    /// Calls `found` with the record of each of these stored keys, which lie side by side. As
    /// [`find`](View::find) for each key, but the waits for memory overlap.
    pub(crate) fn find_many(
        &self,
        keys: &[u8],
        mut found: impl FnMut(Option<&'a [u8]>) -> Result<()>,
    ) -> Result<()> {
        with_probe!(self.layout.key(), probe => {
            let width = self.layout.key().width().max(1);
            let leaves = self.directory_for(probe, (keys.len() / width) as u64);
            let mut targets = Vec::with_capacity(SIDE_BY_SIDE);
            for keys in keys.chunks(SIDE_BY_SIDE * width) {
                targets.clear();
                targets.extend(keys.chunks_exact(width).map(|key| probe.stored(key)));
                let mut records = [None; SIDE_BY_SIDE];
                self.fast_find_many(probe, &targets, leaves, &mut records);
                for (target, record) in targets.iter().zip(records) {
                    found(match record {
                        Some(record) => record,
                        None => self.find_checked(probe, *target)?,
                    })?;
                }
            }
            Ok(())
        })
    }

    /// Looks up many keys side by side. Each step prefetches what the next step reads, for all
    /// keys, before any is read, so that their waits for memory overlap.
    #[inline(never)]
    fn fast_find_many<P: Probe>(
        &self,
        probe: P,
        targets: &[P::Word],
        directory: Option<&Leaves<P::Word>>,
        found: &mut [Option<Option<&'a [u8]>>; SIDE_BY_SIDE],
    ) {
        if self.height == 0 {
            for (found, target) in found.iter_mut().zip(targets) {
                *found = self.fast_find(probe, *target);
            }
            return;
        }
        let mut leaves = [const { None }; SIDE_BY_SIDE];
        match directory {
            Some(directory) => self.leaves_by_directory(probe, targets, directory, &mut leaves),
            None => self.leaves_by_branches(probe, targets, &mut leaves),
        }
        for (leaf, target) in leaves.iter_mut().zip(targets) {
            if let Some(leaf) = leaf {
                leaf.look_again(self, probe, *target);
                if let Some(guess) = leaf.nearer {
                    prefetch_near(leaf.records, leaf.rows, self.layout.width(), guess);
                }
            }
        }
        for ((leaf, target), found) in leaves.iter().zip(targets).zip(found) {
            *found = leaf.as_ref().map(|leaf| leaf.look(self, probe, *target));
        }
    }

    /// The leaves of many keys, by a directory of all leaves.
    #[inline(always)]
    fn leaves_by_directory<P: Probe>(
        &self,
        probe: P,
        targets: &[P::Word],
        directory: &Leaves<P::Word>,
        leaves: &mut [Option<LeafOnPath<'a, P>>; SIDE_BY_SIDE],
    ) {
        let mut numbers = [0; SIDE_BY_SIDE];
        directory.find(targets, &mut numbers);
        for ((leaf, number), target) in leaves.iter_mut().zip(numbers).zip(targets) {
            *leaf = self.approach_leaf(probe, *target, self.leaf_numbered(directory, number));
            leaf.iter().for_each(|leaf| leaf.prefetch_guess(self));
        }
    }

    /// The leaves of many keys, through the branches. Only the waits for the last branch overlap;
    /// the branches above are mostly in the cache.
    #[inline(always)]
    fn leaves_by_branches<P: Probe>(
        &self,
        probe: P,
        targets: &[P::Word],
        leaves: &mut [Option<LeafOnPath<'a, P>>; SIDE_BY_SIDE],
    ) {
        let mut branches = [const { None }; SIDE_BY_SIDE];
        for (branch, target) in branches.iter_mut().zip(targets) {
            let mut place = self.start(*target);
            for level in (2..=self.height).rev() {
                place = place
                    .and_then(|place| self.approach(probe, *target, place))
                    .and_then(|branch| branch.descend(self, probe, *target, level));
            }
            *branch = place.and_then(|place| self.approach(probe, *target, place));
        }
        for ((leaf, branch), target) in leaves.iter_mut().zip(&branches).zip(targets) {
            let place = branch.as_ref().and_then(|branch| branch.descend_to_leaf(self, probe, *target));
            *leaf = place.and_then(|place| self.approach_leaf(probe, *target, place.leaf()));
            leaf.iter().for_each(|leaf| leaf.prefetch_guess(self));
        }
    }

    /// Where a leaf of the directory is, and the words between which its keys lie.
    #[inline(always)]
    fn leaf_numbered<W: Ord + Copy>(&self, directory: &Leaves<W>, number: usize) -> FoundLeaf<W> {
        let Place { address, rows } = directory.place(number).unwrap_or_else(|| self.leaf_of_array(number));
        FoundLeaf { address, rows, span: directory.span(number) }
    }

    #[inline(always)]
    fn leaf_of_array(&self, number: usize) -> Place {
        let leaf_rows = self.layout.leaf_rows() as u64;
        let first_row = number as u64 * leaf_rows;
        let array = self.array.map_or(0, NonZero::get);
        Place {
            address: array.wrapping_add(first_row * self.layout.width() as u64),
            rows: leaf_rows.min(self.rows - first_row),
        }
    }

    /// The directory of all leaves, if there is one or it pays now that `keys` more keys are looked
    /// up.
    fn directory_for<P: Probe>(&self, probe: P, keys: u64) -> Option<&'a Leaves<P::Word>> {
        if self.height == 0 {
            return None;
        }
        let leaves = self.rows.div_ceil(self.layout.leaf_rows() as u64);
        self.directory?.leaves(keys, leaves, || self.all_leaves(probe, leaves))
    }

    /// All leaves. `None` if the branches cannot be read, or are not those of a sound tree. `full`
    /// is the number of leaves if all but the last are full.
    #[cold]
    fn all_leaves<P: Probe>(&self, probe: P, full: u64) -> Option<Leaves<P::Word>> {
        let mut walk = Walk { view: self, probe, keys: Vec::new(), places: Vec::new(), most: 8 * full };
        walk.add(self.root, self.height, self.rows, None)?;
        let is_array = self.array.is_some();
        (!is_array || walk.keys.len() as u64 == full).then(|| Leaves::new(walk.keys, walk.places, is_array))
    }
}

/// The leaves that were met so far on a walk over all branches.
struct Walk<'v, 'a, P: Probe> {
    view: &'v View<'a>,
    probe: P,
    keys: Vec<P::Word>,
    places: Vec<Place>,
    /// A tree with more leaves is not sound: a forged file may count one branch many times.
    most: u64,
}

impl<P: Probe> Walk<'_, '_, P> {
    /// Adds the leaves below a branch. `low` is the first key below it, as its parent says. Its
    /// first child may have a greater one, but lower keys belong to that child all the same.
    fn add(&mut self, branch: ChildRef<'_>, level: u32, rows: u64, low: Option<P::Word>) -> Option<()> {
        let Ok(BranchRef::Stored(branch)) = self.view.branch(branch, level, rows) else { return None };
        for index in 0..branch.len() {
            let key = self.probe.normal(branch.key(index));
            let key = if index == 0 { low.unwrap_or(key) } else { key };
            let (link, rows) = (branch.link(index), branch.rows(index));
            if level > 1 {
                self.add(ChildRef::Stored(link), level - 1, rows, Some(key))?;
            } else {
                self.keys.push(key);
                self.places.push(Place { address: link.address, rows });
            }
        }
        (self.keys.len() as u64 <= self.most).then_some(())
    }
}
