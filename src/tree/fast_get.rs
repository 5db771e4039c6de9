//! The fast path: look-ups in a committed tree, if all nodes on the path were verified before. On
//! anything else it returns `None`, and the caller (`view.rs`, `scan.rs`, `range.rs`) falls back to
//! the checked path, which can report the damage.

use super::branch_bytes::{Columns, DENSE_CHILDREN, children_and_level, dense_child_address};
use super::layout::Layout;
use super::node::ChildRef;
use super::probe::Probe;
use super::search::{
    Guess, Span, first_guess, prefetch_around, prefetch_at, search_branch, search_near, second_guess, whole,
};
use super::view::{Spot, View};
use crate::page::PAGE_BYTES;

impl<'a> View<'a> {
    /// The records of a tree whose leaves are one array. They are **not verified**: a record may be
    /// returned only if [`is_verified`](View::is_verified) is true for its number.
    pub(crate) fn array(&self) -> Option<&'a [u8]> {
        let bytes = self.rows as usize * self.layout.width();
        self.pages.unverified(self.array?.get(), bytes)
    }

    /// Whether the leaf of this row was verified, in a tree without a key whose leaves are one
    /// array. The bit of a leaf is that of the page in which it starts.
    #[inline(always)]
    pub(crate) fn is_verified(&self, row: u64) -> bool {
        let Some(array) = self.array else { return false };
        let first = row - self.layout.dense_row_in_leaf(row);
        self.pages.is_verified(array.get().wrapping_add(first * self.layout.width() as u64))
    }

    /// The record with this number, which must exist, in a tree whose leaves are one array.
    fn fast_element(&self, row: u64) -> Option<&'a [u8]> {
        let width = self.layout.width() as u64;
        let array = self.array?.get();
        let first = row - self.layout.row_in_leaf(row);
        let verified = self.pages.is_verified(array.wrapping_add(first * width));
        if verified { self.pages.unverified(array.wrapping_add(row * width), width as usize) } else { None }
    }

    /// The record with this number, which must exist, in a tree without a key. Shifts of the number
    /// give the child at each level, so only links are read on the path.
    pub(super) fn fast_row(&self, row: u64) -> Option<&'a [u8]> {
        let layout = self.layout;
        if self.array.is_some() {
            return self.fast_element(row);
        }
        let ChildRef::Stored(root) = self.root else { return None };
        if layout.is_keyed() {
            return None;
        }
        let mut address = root.address;
        let mut shift = layout.dense_shift(self.height);
        for _ in 0..self.height {
            shift -= DENSE_CHILDREN.trailing_zeros();
            let page = self.pages.read_again(address, PAGE_BYTES)?;
            address = dense_child_address(page, (row >> shift) as usize % DENSE_CHILDREN);
        }
        let at = layout.dense_row_in_leaf(row) * layout.width() as u64;
        if !self.pages.is_verified(address) {
            return None;
        }
        self.pages.unverified(address.wrapping_add(at), layout.width())
    }

    /// The record with this key, if there is one.
    #[inline(always)]
    pub(super) fn fast_find<P: Probe>(&self, probe: P, target: P::Word) -> Option<Option<&'a [u8]>> {
        Some(self.fast_leaf(probe, target, target)?.look(self, probe, target))
    }

    /// The first record whose key is not below this one, if it lies in the leaf for the keys right
    /// below it. `probe` may read leading fields only, so that many keys have the same word.
    #[inline(never)]
    pub(super) fn fast_first_from<P: Probe>(&self, probe: P, values: &[u8]) -> Option<&'a [u8]> {
        let target = probe.stored(values);
        let below = P::before(target)?;
        self.fast_leaf(probe, below, target)?.first_from(self, probe, target)
    }

    /// The leaf that holds a row and the number of its first row, if the leaves are one array and
    /// the leaf was verified before.
    #[inline]
    pub(super) fn fast_leaf_of(&self, row: u64) -> Option<(&'a [u8], u64)> {
        let array = self.array?.get();
        let leaf_rows = self.layout.leaf_rows() as u64;
        let first = row - row % leaf_rows;
        let rows = leaf_rows.min(self.rows.checked_sub(first)?) as usize;
        let address = array.checked_add(first.checked_mul(self.layout.width() as u64)?)?;
        Some((self.pages.read_again(address, rows * self.layout.width())?, first))
    }

    /// The leaf that `key` belongs to, prepared for a search for `target`.
    #[inline(always)]
    fn fast_leaf<P: Probe>(&self, probe: P, key: P::Word, target: P::Word) -> Option<LeafOnPath<'a, P>> {
        let mut place = self.start(key)?;
        for level in (2..=self.height).rev() {
            place = self.approach(probe, key, place)?.descend(self, probe, key, level)?;
        }
        if self.height > 0 {
            place = self.approach(probe, key, place)?.descend_to_leaf(self, probe, key)?;
        }
        let mut leaf = self.approach_leaf(probe, target, place.leaf())?;
        if let Some(guess) = &leaf.guess {
            prefetch_around(leaf.records, guess.row * self.layout.width());
        }
        leaf.look_again(self, probe, target);
        Some(leaf)
    }

    /// The position of the first key that is not below this one, in the leaf that this one belongs
    /// to. If the leaves are one array, the number of rows before the leaf follows from its number;
    /// otherwise the row counts of the branches are added up.
    #[inline(never)]
    pub(super) fn fast_spot<P: Probe>(&self, probe: P, target: P::Word) -> Option<Spot<'a>> {
        let (mut place, mut before) = (self.start(target)?, 0_u64);
        for level in (1..=self.height).rev() {
            let branch = self.approach(probe, target, place)?;
            place = if level > 1 {
                branch.descend(self, probe, target, level)?
            } else {
                branch.descend_to_leaf(self, probe, target)?
            };
            if self.array.is_none() {
                before = before.wrapping_add(branch.rows_before(self.layout, &place)?);
            }
        }
        if self.array.is_some() {
            before = place.number.wrapping_mul(self.layout.leaf_rows() as u64);
        }
        let mut leaf = self.approach_leaf(probe, target, place.leaf())?;
        let width = self.layout.width();
        if let Some(guess) = &leaf.guess {
            prefetch_around(leaf.records, guess.row * width);
        }
        leaf.look_again(self, probe, target);
        let index = search_near(probe, leaf.records, leaf.rows, width, target, leaf.nearer);
        Some(Spot { leaf: leaf.records, rows: leaf.rows, before, index })
    }

    #[inline(always)]
    pub(super) fn start<W>(&self, target: W) -> Option<Descent<W>>
    where
        W: Copy,
    {
        let ChildRef::Stored(root) = self.root else { return None };
        Some(Descent {
            address: root.address,
            rows: self.rows,
            number: 0,
            span: Span { low: target, high: target },
            known: false,
        })
    }

    /// Estimates which part of a branch will be read, and prefetches it.
    #[inline(always)]
    pub(super) fn approach<P: Probe>(
        &self,
        probe: P,
        target: P::Word,
        node: Descent<P::Word>,
    ) -> Option<BranchOnPath<'a, P::Word>> {
        let layout = self.layout;
        let page: &[u8; PAGE_BYTES] = self.pages.read_again(node.address, PAGE_BYTES)?.try_into().ok()?;
        let mut share = None;
        if node.known && node.span.low < node.span.high {
            let part = P::distance(P::ruler(node.span.low, node.span.high), node.span.low, target);
            // Most branches are full or nearly full. Prefetching a few wrong lines does no harm.
            let last = layout.children() - 1;
            let child = whole(part * f64::from(last as i32), last);
            let columns = layout.columns();
            prefetch_at(page, Columns { key_width: probe.width(), ..columns }.key_at(child));
            if self.array.is_none() {
                prefetch_at(page, columns.address_at(child));
                prefetch_at(page, columns.rows_at(child));
            }
            share = Some(part);
        }
        Some(BranchOnPath { page, share, place: node })
    }

    /// Estimates which part of a leaf will be read.
    #[inline(always)]
    pub(super) fn approach_leaf<P: Probe>(
        &self,
        probe: P,
        target: P::Word,
        leaf: FoundLeaf<P::Word>,
    ) -> Option<LeafOnPath<'a, P>> {
        if leaf.rows > self.layout.leaf_rows() as u64 {
            return None;
        }
        let (rows, width) = (leaf.rows as usize, self.layout.width());
        let records = self.pages.read_again(leaf.address, rows * width)?;
        let guess = first_guess(probe, records, rows, width, target, leaf.span);
        Some(LeafOnPath { records, rows, guess, nearer: None })
    }
}

/// A node on the path to a key, and the words between which its keys lie, if they are known.
#[derive(Clone, Copy)]
pub(super) struct Descent<W> {
    address: u64,
    rows: u64,
    /// How many nodes of its level come before it, if all branches but the last of each level are
    /// full.
    number: u64,
    span: Span<W>,
    known: bool,
}

/// A leaf, and the words between which its keys lie, if they are known.
pub(super) struct FoundLeaf<W> {
    pub(super) address: u64,
    pub(super) rows: u64,
    pub(super) span: Option<Span<W>>,
}

impl<W: Copy> Descent<W> {
    #[inline(always)]
    pub(super) fn leaf(&self) -> FoundLeaf<W> {
        let Descent { address, rows, span, .. } = *self;
        FoundLeaf { address, rows, span: self.known.then_some(span) }
    }
}

/// A branch on the path to a key.
pub(super) struct BranchOnPath<'a, W> {
    page: &'a [u8; PAGE_BYTES],
    /// Where the key lies between the ends of its span: 0 is the low end, 1 the high end.
    share: Option<f64>,
    place: Descent<W>,
}

impl<W: Copy> BranchOnPath<'_, W> {
    /// Descends to the child that the key belongs to.
    #[inline(always)]
    pub(super) fn descend<P: Probe<Word = W>>(
        &self,
        view: &View<'_>,
        probe: P,
        target: W,
        level: u32,
    ) -> Option<Descent<W>> {
        let (layout, page) = (view.layout, self.page);
        let (children, level_here) = children_and_level(page);
        if children == 0 || children > layout.children() || level_here != level {
            return None;
        }
        let (child, span, known) = self.search(probe, target, children);
        Some(Descent {
            address: layout.columns().child_address(page, child),
            rows: layout.columns().rows_below(page, child),
            number: self.numbered(layout.children()).wrapping_add(child as u64),
            span,
            known,
        })
    }

    /// Descends from a branch of level 1. If the leaves are one array, only keys are read: the
    /// number of children, and where they lie, follows from the number of the branch.
    #[inline(always)]
    pub(super) fn descend_to_leaf<P: Probe<Word = W>>(
        &self,
        view: &View<'_>,
        probe: P,
        target: W,
    ) -> Option<Descent<W>> {
        let Some(array) = view.array else { return self.descend(view, probe, target, 1) };
        let layout = view.layout;
        let leaf_rows = layout.leaf_rows() as u64;
        let before = self.numbered(layout.children());
        let rows = view.rows.checked_sub(before.checked_mul(leaf_rows)?)?;
        let full = layout.children() as u64 * leaf_rows;
        let children = if rows >= full { layout.children() } else { rows.div_ceil(leaf_rows) as usize };
        if children == 0 {
            return None;
        }
        let (child, span, known) = self.search(probe, target, children);
        let number = before + child as u64;
        let first_row = number * leaf_rows;
        Some(Descent {
            address: array.get().wrapping_add(first_row * layout.width() as u64),
            rows: leaf_rows.min(view.rows - first_row),
            number,
            span,
            known,
        })
    }

    /// The number of rows below all children before this one.
    #[inline(always)]
    fn rows_before(&self, layout: &Layout, child: &Descent<W>) -> Option<u64> {
        let child = child.number.wrapping_sub(self.numbered(layout.children())) as usize;
        layout.columns().rows_before(self.page, child)
    }

    /// The number of its first child. It wraps only in a forged file with too many levels.
    #[inline(always)]
    fn numbered(&self, children: usize) -> u64 {
        self.place.number.wrapping_mul(children as u64)
    }

    /// The child, the words between which its keys lie, and whether they are known.
    #[inline(always)]
    fn search<P: Probe<Word = W>>(&self, probe: P, target: W, children: usize) -> (usize, Span<W>, bool) {
        let width = probe.width();
        let keys = Columns { children, key_width: width }.keys(self.page, children);
        let child = search_branch(probe, keys, children, target, self.share);
        let low = probe.normal(&keys[child * width..]);
        if child + 1 < children {
            (child, Span { low, high: probe.normal(&keys[(child + 1) * width..]) }, true)
        } else {
            (child, Span { low, high: self.place.span.high }, self.place.known)
        }
    }
}

/// The leaf at the end of the path.
pub(super) struct LeafOnPath<'a, P: Probe> {
    pub(super) records: &'a [u8],
    pub(super) rows: usize,
    guess: Option<Guess<P>>,
    /// The second guess: the key is probably near this row.
    pub(super) nearer: Option<f64>,
}

impl<'a, P: Probe> LeafOnPath<'a, P> {
    #[inline(always)]
    pub(super) fn prefetch_guess(&self, view: &View<'_>) {
        if let Some(guess) = &self.guess {
            prefetch_at(self.records, guess.row * view.layout.width());
        }
    }

    #[inline(always)]
    pub(super) fn look_again(&mut self, view: &View<'_>, probe: P, target: P::Word) {
        if let Some(guess) = self.guess.take() {
            self.nearer = second_guess(probe, self.records, view.layout.width(), target, guess);
        }
    }

    #[inline(always)]
    pub(super) fn look(&self, view: &View<'_>, probe: P, target: P::Word) -> Option<&'a [u8]> {
        self.first_from(view, probe, target).filter(|record| probe.stored(record) == target)
    }

    #[inline(always)]
    fn first_from(&self, view: &View<'_>, probe: P, target: P::Word) -> Option<&'a [u8]> {
        let width = view.layout.width();
        let row = search_near(probe, self.records, self.rows, width, target, self.nearer);
        self.records.get(row * width..(row + 1) * width)
    }
}
