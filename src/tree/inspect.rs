//! Inspecting a tree: every node is read and held against its checksum and its parent, and damage does not end it.

use super::branch::BranchPage;
use super::node::ChildRef;
use super::view::View;
use crate::error::Error;
use crate::page::{Link, PAGE_BYTES};

/// What an inspection comes by.
pub(crate) enum Finding<'f> {
    /// A node, whether sound or not, where its parent says it lies.
    Node { address: u64, bytes: u64 },
    /// The records of a leaf that is sound as a node, and the number of the first.
    Records { address: u64, records: &'f [u8], first_row: u64 },
    /// Something that does not hold.
    Problem { address: u64, error: Error },
}

/// The keys that may stand below a node, in normal form: from `low` on, below `high`.
#[derive(Clone, Copy)]
struct Span<'s> {
    low: Option<&'s [u8]>,
    high: Option<&'s [u8]>,
}

impl View<'_> {
    /// Calls `found` for everything below the root, sound or not.
    pub(crate) fn inspect(&self, found: &mut dyn FnMut(Finding<'_>)) {
        if let ChildRef::Stored(link) = self.root
            && self.rows > 0
        {
            self.inspect_node(link, self.height, self.rows, 0, Span { low: None, high: None }, found);
        }
    }

    fn inspect_node(
        &self,
        link: Link,
        level: u32,
        rows: u64,
        first_row: u64,
        span: Span<'_>,
        found: &mut dyn FnMut(Finding<'_>),
    ) {
        let address = link.address;
        let read = if level == 0 { self.leaf_len(rows) } else { Ok(PAGE_BYTES) }.and_then(|bytes| {
            found(Finding::Node { address, bytes: bytes as u64 });
            self.pages.read_anew(link, bytes)
        });
        match read {
            Err(error) => found(Finding::Problem { address, error }),
            Ok(records) if level == 0 => {
                self.inspect_order(address, records, span, found);
                found(Finding::Records { address, records, first_row });
            }
            Ok(page) => match BranchPage::new(page, self.layout, level, rows) {
                Err(error) => found(Finding::Problem { address, error }),
                Ok(branch) => self.inspect_children(address, &branch, level, rows, first_row, span, found),
            },
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one descent")]
    fn inspect_children(
        &self,
        address: u64,
        branch: &BranchPage<'_>,
        level: u32,
        rows: u64,
        first_row: u64,
        span: Span<'_>,
        found: &mut dyn FnMut(Finding<'_>),
    ) {
        let mut first = first_row;
        for child in 0..branch.len() {
            let below = branch.rows(child);
            let mut span = span;
            if self.layout.is_keyed() {
                let low = (child > 0).then(|| branch.key(child));
                let high = (child + 1 < branch.len()).then(|| branch.key(child + 1));
                if low.is_some() && high.is_some() && low >= high {
                    found(Finding::Problem { address, error: damage("its first keys are not in order") });
                }
                span = Span { low: low.or(span.low), high: high.or(span.high) };
            }
            if below == 0 {
                found(Finding::Problem { address, error: damage("it has a child without rows") });
            } else {
                self.inspect_node(branch.link(child), level - 1, below, first, span, found);
            }
            first = first.saturating_add(below);
        }
        if first.saturating_sub(first_row) != rows {
            let counted = first.saturating_sub(first_row);
            let message = format!("its children have {counted} rows, its parent says {rows}");
            found(Finding::Problem { address, error: damage(&message) });
        }
    }

    /// The keys of a leaf ascend, and lie where the branches above say.
    fn inspect_order(
        &self,
        address: u64,
        records: &[u8],
        span: Span<'_>,
        found: &mut dyn FnMut(Finding<'_>),
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
