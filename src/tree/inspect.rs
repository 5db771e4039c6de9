//! Inspecting a tree, for `check`: each node is read and compared with its checksum and its parent.
//! Damage is reported and does not end the inspection.

use super::branch::{BranchPage, encode};
use super::node::ChildRef;
use super::view::View;
use crate::error::Error;
use crate::page::{Link, PAGE_BYTES};

/// What an inspection finds.
pub(crate) enum Finding<'f> {
    /// A node, damaged or not, at the address that its parent has. It is read if `found` returns
    /// `true`.
    Node { address: u64, bytes: u64 },
    /// The records of a leaf whose checksum matches, and the number of the first.
    Records { address: u64, records: &'f [u8], first_row: u64 },
    /// Damage.
    Problem { address: u64, error: Error },
}

/// Why a leaf cannot lie at its address.
pub(super) enum Misplaced {
    /// No record starts at its address.
    Start(Error),
    /// The root says that the leaves are one array, and the leaf is not at its place in it.
    Array(Error),
}

/// The keys that may be below a node, in normal form: from `low` on, below `high`.
#[derive(Clone, Copy)]
struct KeyBounds<'s> {
    low: Option<&'s [u8]>,
    high: Option<&'s [u8]>,
}

impl<'a> View<'a> {
    /// Calls `found` for everything below the root. Its return value counts for nodes only.
    ///
    /// Each child may have at most the rows that its parent has left, so this ends even if the
    /// links of a forged file form a circle.
    pub(crate) fn inspect(&self, found: &mut dyn FnMut(Finding<'a>) -> bool) {
        if let ChildRef::Stored(link) = self.root
            && self.rows > 0
        {
            self.inspect_node(link, self.height, self.rows, 0, KeyBounds { low: None, high: None }, found);
        }
    }

    /// An error unless a leaf lies at a possible address: aligned for its records, and at its place
    /// in the array if the root says that the leaves are one.
    pub(super) fn misplaced(&self, address: u64, rows: u64, first_row: u64) -> Option<Misplaced> {
        // The largest alignment that a struct of this width can have. Leaves start at multiples of
        // their width from the start of a page.
        let least = 1 << self.layout.width().trailing_zeros().min(4);
        if !address.is_multiple_of(least) {
            let error = format!("a leaf of records of {} bytes starts at {address}", self.layout.width());
            return Some(Misplaced::Start(damage(&error)));
        }
        let array = self.array?;
        let last = first_row.checked_add(rows) == Some(self.rows);
        let place = array.get().checked_add(first_row.saturating_mul(self.layout.width() as u64));
        if place != Some(address) || !(last || rows == self.layout.leaf_rows() as u64) {
            let error = "the root says that the leaves lie side by side, all full but the last, and this one does not";
            return Some(Misplaced::Array(damage(error)));
        }
        None
    }

    fn inspect_node(
        &self,
        link: Link,
        level: u32,
        rows: u64,
        first_row: u64,
        span: KeyBounds<'_>,
        found: &mut dyn FnMut(Finding<'a>) -> bool,
    ) {
        let address = link.address;
        let bytes = if level == 0 { self.leaf_len(rows) } else { Ok(PAGE_BYTES) };
        if let Ok(bytes) = bytes
            && !found(Finding::Node { address, bytes: bytes as u64 })
        {
            return;
        }
        match bytes.and_then(|bytes| self.pages.read_anew(link, bytes)) {
            Err(error) => {
                found(Finding::Problem { address, error });
            }
            Ok(records) if level == 0 => {
                self.inspect_order(address, records, span, found);
                if let Some(Misplaced::Start(error) | Misplaced::Array(error)) =
                    self.misplaced(address, rows, first_row)
                {
                    found(Finding::Problem { address, error });
                }
                found(Finding::Records { address, records, first_row });
            }
            Ok(_) if !address.is_multiple_of(PAGE_BYTES as u64) => {
                found(Finding::Problem { address, error: damage("a branch does not start at a page") });
            }
            Ok(page) => match BranchPage::new(page, self.layout, level, rows) {
                Ok(branch) => {
                    if self.encoded_again(&branch, level) != page {
                        let message = "it has bytes that nobody writes, where zeros belong";
                        found(Finding::Problem { address, error: damage(message) });
                    }
                    self.inspect_children(address, &branch, level, rows, first_row, span, found);
                }
                Err(error) => {
                    found(Finding::Problem { address, error });
                }
            },
        }
    }

    /// The page as it would be written for the same contents.
    fn encoded_again(&self, branch: &BranchPage<'_>, level: u32) -> [u8; PAGE_BYTES] {
        let children = 0..branch.len();
        let links: Vec<Link> = children.clone().map(|child| branch.link(child)).collect();
        let (mut keys, mut rows) = (Vec::new(), Vec::new());
        if self.layout.is_keyed() {
            keys = children.clone().flat_map(|child| branch.key(child)).copied().collect();
            rows = children.map(|child| branch.rows(child)).collect();
        }
        encode(self.layout, level, &keys, &rows, &links)
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one descent")]
    fn inspect_children(
        &self,
        address: u64,
        branch: &BranchPage<'_>,
        level: u32,
        rows: u64,
        first_row: u64,
        span: KeyBounds<'_>,
        found: &mut dyn FnMut(Finding<'a>) -> bool,
    ) {
        let mut counted = 0;
        let children = self.layout.children() as u64;
        let full = (self.layout.leaf_rows() as u64).saturating_mul(children.saturating_pow(level - 1));
        for child in 0..branch.len() {
            let mut span = span;
            if self.layout.is_keyed() {
                let low = branch.key(child);
                let high = if child + 1 < branch.len() { Some(branch.key(child + 1)) } else { span.high };
                if span.low.is_some_and(|bound| low < bound) || high.is_some_and(|high| low >= high) {
                    found(Finding::Problem { address, error: damage("its first keys are not in order") });
                }
                span = KeyBounds { low: Some(low), high };
            }
            let below = branch.rows(child);
            if below == 0 || below > rows - counted {
                let message =
                    format!("a child of it has {below} rows, and there are {} left", rows - counted);
                found(Finding::Problem { address, error: damage(&message) });
                continue;
            }
            // Look-ups in an array compute the leaf from the number of a branch, so branches must
            // be full.
            if self.array.is_some() && child + 1 < branch.len() && below != full {
                let message =
                    format!("a child of it has {below} rows where the root says that all have {full}");
                found(Finding::Problem { address, error: damage(&message) });
            }
            self.inspect_node(branch.link(child), level - 1, below, first_row + counted, span, found);
            counted += below;
        }
        if counted != rows {
            let message = format!("its children have {counted} rows, its parent says {rows}");
            found(Finding::Problem { address, error: damage(&message) });
        }
    }

    /// Checks that the keys of a leaf ascend, and lie between the keys in the branches above.
    fn inspect_order(
        &self,
        address: u64,
        records: &[u8],
        span: KeyBounds<'_>,
        found: &mut dyn FnMut(Finding<'a>) -> bool,
    ) {
        if !self.layout.is_keyed() {
            return;
        }
        let key = self.layout.key();
        let mut last: Option<Vec<u8>> = None;
        for record in records.chunks_exact(self.layout.width()) {
            let normal = key.normal(record);
            let ascends = last.as_deref().is_none_or(|last| last < &*normal);
            let inside =
                span.low.is_none_or(|low| low <= &*normal) && span.high.is_none_or(|high| &*normal < high);
            if !ascends || !inside {
                let what = if ascends {
                    "a key lies outside what the branch above says"
                } else {
                    "its keys do not ascend"
                };
                found(Finding::Problem { address, error: damage(what) });
                return;
            }
            let last = last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(&normal);
        }
    }
}

fn damage(what: &str) -> Error {
    Error::new(crate::error::ErrorKind::Corrupt, format!("the node is damaged: {what}"))
}
