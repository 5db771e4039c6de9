//! The measures of a tree: record width, rows a leaf, children a branch.

use super::key::KeyShape;
use crate::page::{PAGE_BYTES, pages_for};

/// A branch of a keyed tree starts with its number of children and its level.
pub(super) const BRANCH_HEADER: usize = 8;

/// Children of a branch without keys: a power of two, so that a row number is taken apart by shifts.
pub(super) const DENSE_CHILDREN: usize = 256;

/// Address, rows and checksum.
const CHILD_BYTES: usize = 8 + 8 + 4;

/// What a tree needs to know of its records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    width: usize,
    key: KeyShape,
    /// Rows of a full leaf.
    leaf_rows: usize,
    /// The same as a power of two, which it is in a tree without a key.
    leaf_shift: u32,
    /// Children of a full branch.
    children: usize,
}

impl Layout {
    /// Records of `width` bytes that start with this key, at most `leaf_rows` to a leaf.
    ///
    /// `None` where a leaf would be smaller than a page or larger than [`Layout::LEAF_LIMIT`], or its rows no power of two in a
    /// tree without a key.
    pub(crate) fn new(width: usize, key: KeyShape, leaf_rows: usize) -> Option<Layout> {
        let bytes = width.checked_mul(leaf_rows)?;
        let fits = (PAGE_BYTES..=Self::LEAF_LIMIT).contains(&bytes) && key.width() <= width;
        let children = match key.width() {
            0 => DENSE_CHILDREN,
            key => (PAGE_BYTES - BRANCH_HEADER) / (key + CHILD_BYTES),
        };
        let shifts = key.width() > 0 || leaf_rows.is_power_of_two();
        let leaf_shift = leaf_rows.trailing_zeros();
        (shifts && fits).then_some(Layout { width, key, leaf_rows, leaf_shift, children })
    }

    /// The largest leaf, in bytes.
    pub(crate) const LEAF_LIMIT: usize = 1 << 24;

    /// The rows of a leaf that keep the promised footprint: branches take 0.1 % of the rows where they are addressed by
    /// number, 0.35 % where they have a key, and a leaf is not larger than that asks for, because an update writes one. With
    /// a key it fills whole pages as well as it can, because an update writes whole ones.
    pub(crate) fn default_leaf_rows(width: usize, key_width: usize) -> usize {
        if key_width == 0 {
            return (16usize << 10).div_ceil(width).next_power_of_two();
        }
        let least = 288 * (key_width + CHILD_BYTES);
        let pages = least.max(2 * PAGE_BYTES).next_multiple_of(PAGE_BYTES);
        (pages / width).max(least.div_ceil(width))
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn key(&self) -> &KeyShape {
        &self.key
    }

    pub(crate) fn is_keyed(&self) -> bool {
        self.key.width() > 0
    }

    #[inline]
    pub(crate) fn leaf_rows(&self) -> usize {
        self.leaf_rows
    }

    /// How many rows of a leaf come before this row, where all leaves before it are full.
    #[inline(always)]
    pub(super) fn row_in_leaf(&self, row: u64) -> u64 {
        if self.is_keyed() { row % self.leaf_rows as u64 } else { self.dense_row_in_leaf(row) }
    }

    /// The same in a tree without a key.
    #[inline(always)]
    pub(super) fn dense_row_in_leaf(&self, row: u64) -> u64 {
        row & ((1 << self.leaf_shift) - 1)
    }

    pub(crate) fn leaf_bytes(&self) -> usize {
        self.width * self.leaf_rows
    }

    /// The bytes of a tree that is built of so many rows: full leaves side by side, then its branches, in whole pages.
    pub(crate) fn packed_bytes(&self, rows: u64) -> u64 {
        let mut pages = pages_for(rows.saturating_mul(self.width as u64));
        let mut nodes = rows.div_ceil(self.leaf_rows() as u64);
        while nodes > 1 {
            nodes = nodes.div_ceil(self.children as u64);
            pages = pages.saturating_add(nodes);
        }
        pages.saturating_mul(PAGE_BYTES as u64)
    }

    /// Children of a full branch.
    pub(super) fn children(&self) -> usize {
        self.children
    }

    /// Where the addresses of children stand in a branch with keys.
    #[inline]
    pub(super) fn addresses_at(&self) -> usize {
        BRANCH_HEADER + self.children * self.key.width()
    }

    /// Where the rows below children stand in a branch with keys.
    #[inline]
    pub(super) fn rows_at(&self) -> usize {
        self.addresses_at() + self.children * 8
    }

    /// Rows below a full node of a tree without a key; level 0 is a leaf. Saturates, which no file reaches.
    #[inline]
    pub(super) fn dense_capacity(&self, level: u32) -> u64 {
        1 << self.dense_shift(level)
    }

    /// The same as a power of two.
    #[inline]
    pub(super) fn dense_shift(&self, level: u32) -> u32 {
        (self.leaf_shift + level * DENSE_CHILDREN.trailing_zeros()).min(62)
    }

    /// Branches between the root and a leaf of a tree without a key.
    pub(super) fn dense_height(&self, rows: u64) -> u32 {
        (0..=Self::HEIGHT_LIMIT)
            .find(|level| rows <= self.dense_capacity(*level))
            .unwrap_or(Self::HEIGHT_LIMIT + 1)
    }

    /// More levels than any tree can have: a file that claims them is damaged.
    pub(crate) const HEIGHT_LIMIT: u32 = 12;
}
