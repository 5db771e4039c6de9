//! `Layout`: the measures of a tree, such as record width, rows per leaf and children per branch.
//! The catalog makes one from a schema; the tree knows no schema, only the layout.

use super::branch_bytes::{CHILD_BYTES, Columns, DENSE_CHILDREN};
use super::key::KeyShape;
use crate::page::{PAGE_BYTES, pages_for};

/// What a tree needs to know about its records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    width: usize,
    key: KeyShape,
    /// Rows of a full leaf.
    leaf_rows: usize,
    /// The exponent of this power of two, in a tree without a key.
    leaf_shift: u32,
    /// Children of a full branch.
    children: usize,
}

impl Layout {
    /// Records of `width` bytes that start with this key, at most `leaf_rows` per leaf.
    ///
    /// `None` if a leaf would be smaller than a page or larger than [`Layout::LEAF_LIMIT`], or if
    /// its rows are not a power of two in a tree without a key.
    pub(crate) fn new(width: usize, key: KeyShape, leaf_rows: usize) -> Option<Layout> {
        let bytes = width.checked_mul(leaf_rows)?;
        let fits = (PAGE_BYTES..=Self::LEAF_LIMIT).contains(&bytes) && key.width() <= width;
        let children = match key.width() {
            0 => DENSE_CHILDREN,
            key => Columns::children_of(key),
        };
        let shifts = key.width() > 0 || leaf_rows.is_power_of_two();
        let leaf_shift = leaf_rows.trailing_zeros();
        (shifts && fits).then_some(Layout { width, key, leaf_rows, leaf_shift, children })
    }

    /// The largest leaf, in bytes.
    pub(crate) const LEAF_LIMIT: usize = 1 << 24;

    /// The rows of a leaf by default: few, because an update writes a whole leaf, but enough that
    /// branches take at most 0.1 % of the size of the rows without a key, and 0.35 % with one. With
    /// a key, a leaf fills whole pages as well as it can, because an update writes whole pages.
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

    /// How many rows of its leaf come before this row, if all leaves before it are full.
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

    /// The bytes of a tree that is built from this many rows: full leaves side by side, then the
    /// branches, in whole pages.
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

    /// The columns of a branch with keys.
    #[inline(always)]
    pub(super) fn columns(&self) -> Columns {
        Columns { children: self.children, key_width: self.key.width() }
    }

    /// Rows below a full node of a tree without a key. Level 0 is a leaf. It saturates far above
    /// what a file can hold.
    #[inline]
    pub(super) fn dense_capacity(&self, level: u32) -> u64 {
        1 << self.dense_shift(level)
    }

    /// The exponent of this power of two.
    #[inline]
    pub(super) fn dense_shift(&self, level: u32) -> u32 {
        (self.leaf_shift + level * DENSE_CHILDREN.trailing_zeros()).min(62)
    }

    /// How many branches are on the path from the root to a leaf, in a tree without a key.
    pub(super) fn dense_height(&self, rows: u64) -> u32 {
        (0..=Self::HEIGHT_LIMIT)
            .find(|level| rows <= self.dense_capacity(*level))
            .unwrap_or(Self::HEIGHT_LIMIT + 1)
    }

    /// The most levels of branches. No tree of this library needs more, so a file with more is
    /// damaged.
    pub(crate) const HEIGHT_LIMIT: u32 = 12;
}
