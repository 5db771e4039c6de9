//! `LeafDirectory`: the first keys of all leaves of a committed tree, side by side in memory.
//! Batches of look-ups search it instead of the branches. It is made when enough keys were looked
//! up, and belongs to one state of one tree; read transactions of that state share it.

use std::any::Any;
use std::fmt;
use std::hint::select_unpredictable;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::search::Span;

/// The directory of a tree, or that there is none yet.
#[derive(Default)]
pub(crate) struct LeafDirectory {
    looked_up: AtomicU64,
    /// `Leaves` of the tree's words. `None` inside if the branches could not be read: the read that
    /// takes the damaged path reports it.
    leaves: OnceLock<Option<Box<dyn Any + Send + Sync>>>,
}

impl fmt::Debug for LeafDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.leaves.get().is_some() { "LeafDirectory(made)" } else { "LeafDirectory" })
    }
}

/// A directory is made when one key was looked up for this many leaves. Making it reads every
/// branch once, which those look-ups have mostly done already.
const LEAVES_PER_KEY: u64 = 4;

impl LeafDirectory {
    /// The leaves, if a directory was made or pays now: `keys` more keys are looked up in a tree of
    /// about this many leaves, whose directory `make` makes.
    pub(super) fn leaves<W: Send + Sync + 'static>(
        &self,
        keys: u64,
        leaves: u64,
        make: impl FnOnce() -> Option<Leaves<W>>,
    ) -> Option<&Leaves<W>> {
        let made = match self.leaves.get() {
            Some(made) => made,
            None => {
                let looked_up = self.looked_up.fetch_add(keys, Ordering::Relaxed).saturating_add(keys);
                if looked_up < leaves / LEAVES_PER_KEY {
                    return None;
                }
                self.leaves.get_or_init(|| Some(Box::new(make()?)))
            }
        };
        made.as_ref()?.downcast_ref()
    }
}

/// The leaves of a tree in key order.
pub(super) struct Leaves<W> {
    /// A key of each leaf that is not above its first one, and above the last one of the leaf
    /// before.
    keys: Vec<W>,
    /// Where the leaves are. Empty if they are one array.
    places: Vec<Place>,
}

/// Where a leaf is, and how many rows it has.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) address: u64,
    pub(super) rows: u64,
}

/// How many searches run at the same time: enough that none waits for the cache.
const TOGETHER: usize = 8;

impl<W: Ord + Copy> Leaves<W> {
    /// The leaves with these keys and places, which are not none. If the leaves are one array,
    /// their places are not kept.
    pub(super) fn new(mut keys: Vec<W>, mut places: Vec<Place>, are_array: bool) -> Leaves<W> {
        if are_array {
            places = Vec::new();
        }
        keys.shrink_to_fit();
        places.shrink_to_fit();
        Leaves { keys, places }
    }

    /// For each of these words, the leaf that it belongs to: the last one whose key is not above
    /// it, or the first leaf.
    #[inline(always)]
    pub(super) fn find<const N: usize>(&self, targets: &[W], found: &mut [usize; N]) {
        const { assert!(N.is_multiple_of(TOGETHER)) }
        for (targets, found) in targets.chunks(TOGETHER).zip(found.chunks_mut(TOGETHER)) {
            let mut together = [targets[0]; TOGETHER];
            together[..targets.len()].copy_from_slice(targets);
            found.copy_from_slice(&self.find_together(&together));
        }
    }

    /// A binary search for each word, all side by side. No step branches on what it reads.
    #[inline(always)]
    fn find_together(&self, targets: &[W; TOGETHER]) -> [usize; TOGETHER] {
        let (mut first, mut len) = ([0; TOGETHER], self.keys.len());
        while len > 1 {
            let half = len / 2;
            for (first, target) in first.iter_mut().zip(targets) {
                let reached = self.keys[*first + half] <= *target;
                *first = select_unpredictable(reached, *first + half, *first);
            }
            len -= half;
        }
        first
    }

    /// The place of a leaf, unless the leaves are one array.
    #[inline(always)]
    pub(super) fn place(&self, leaf: usize) -> Option<Place> {
        self.places.get(leaf).copied()
    }

    /// The words between which the keys of a leaf lie, if there is a next leaf.
    #[inline(always)]
    pub(super) fn span(&self, leaf: usize) -> Option<Span<W>> {
        self.keys.get(leaf + 1).map(|high| Span { low: self.keys[leaf], high: *high })
    }
}
