//! `LeafDirectory`: the first keys of all leaves of a committed tree, side by side in memory.
//! Batches of look-ups search it instead of the branches. It is made when enough keys were looked
//! up, and belongs to one state of one tree; read transactions of that state share it.

use std::any::Any;
use std::fmt;
use std::hint::select_unpredictable;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::node::{BranchRef, ChildRef};
use super::probe::Probe;
use super::search::Span;
use super::view::{SIDE_BY_SIDE, View};

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

/// A directory pays when at least one key is looked up for this many leaves: it takes about 10 ns a
/// leaf to make, and saves about 40 ns a key.
const LEAVES_PER_KEY: u64 = 4;

impl LeafDirectory {
    /// The leaves, if a directory was made or pays now that `keys` more keys are looked up. `view`
    /// must be of the tree that the directory belongs to, and `probe` of its key.
    pub(super) fn leaves<P: Probe>(&self, view: &View<'_>, probe: P, keys: u64) -> Option<&Leaves<P::Word>> {
        let leaves = match self.leaves.get() {
            Some(leaves) => leaves,
            None => {
                let looked_up = self.looked_up.fetch_add(keys, Ordering::Relaxed).saturating_add(keys);
                let leaves = view.rows / view.layout.leaf_rows() as u64;
                if view.height == 0 || looked_up < leaves / LEAVES_PER_KEY {
                    return None;
                }
                self.leaves.get_or_init(|| Some(Box::new(Leaves::of(view, probe)?)))
            }
        };
        leaves.as_ref()?.downcast_ref()
    }
}

/// The leaves of a tree in key order.
pub(super) struct Leaves<W> {
    /// A key of each leaf that is not above its first one, and above the last one of the leaf before.
    keys: Vec<W>,
    /// Where the leaves are. Empty if they are one array.
    places: Vec<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    address: u64,
    rows: u64,
}

/// A leaf, and the words between which its keys lie, if there is a next leaf.
pub(super) struct FoundLeaf<W> {
    pub(super) address: u64,
    pub(super) rows: u64,
    pub(super) span: Option<Span<W>>,
}

/// How many searches run at the same time: enough that none waits for the cache.
const TOGETHER: usize = 8;

impl<W: Ord + Copy> Leaves<W> {
    /// `None` if the branches cannot be read, or are not those of a sound tree.
    fn of<P: Probe<Word = W>>(view: &View<'_>, probe: P) -> Option<Leaves<W>> {
        let full = view.rows.div_ceil(view.layout.leaf_rows() as u64);
        let mut walk = Walk { view, probe, keys: Vec::new(), places: Vec::new(), most: 8 * full };
        walk.add(view.root, view.height, view.rows, None)?;
        let Walk { mut keys, mut places, .. } = walk;
        if view.array.is_some() {
            if keys.len() as u64 != full {
                return None;
            }
            places = Vec::new();
        }
        keys.shrink_to_fit();
        places.shrink_to_fit();
        Some(Leaves { keys, places })
    }

    /// For each of these words, the leaf that it belongs to: the last one whose key is not above
    /// it, or the first leaf.
    #[inline(always)]
    pub(super) fn find(&self, targets: &[W], found: &mut [usize; SIDE_BY_SIDE]) {
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

    /// Where a leaf is, and the words between which its keys lie.
    #[inline(always)]
    pub(super) fn get(&self, view: &View<'_>, leaf: usize) -> FoundLeaf<W> {
        let Place { address, rows } = match view.array {
            Some(array) => {
                let first_row = leaf as u64 * view.layout.leaf_rows() as u64;
                Place {
                    address: array.get().wrapping_add(first_row * view.layout.width() as u64),
                    rows: (view.layout.leaf_rows() as u64).min(view.rows - first_row),
                }
            }
            None => self.places[leaf],
        };
        let span = self.keys.get(leaf + 1).map(|high| Span { low: self.keys[leaf], high: *high });
        FoundLeaf { address, rows, span }
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
