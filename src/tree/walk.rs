//! Walking all nodes of a committed tree. It reports which pages are reached, checks whether
//! the leaves are one array, and frees a tree that is dropped. It reads no leaf.

use std::ops::Range;

use super::branch::BranchPage;
use super::node::ChildRef;
use super::view::View;
use crate::error::{Result, bail};
use crate::page::{Link, PAGE_BYTES};

/// A node that a walk visits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Visit {
    Branch { link: Link },
    Leaf { link: Link, bytes: usize },
}

impl Visit {
    pub(crate) fn link(&self) -> Link {
        match self {
            Visit::Branch { link } | Visit::Leaf { link, .. } => *link,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Visit::Branch { .. } => PAGE_BYTES,
            Visit::Leaf { bytes, .. } => *bytes,
        }
    }
}

/// Walks one stored node and all nodes below it.
pub(super) fn walk_stored(
    view: &View<'_>,
    link: Link,
    level: u32,
    rows: u64,
    visit: &mut dyn FnMut(Visit) -> Result<bool>,
) -> Result<()> {
    // The callers use the address of a leaf, which is not read here, so it must lie in the file.
    let bytes = if level == 0 { view.leaf_len(rows)? } else { PAGE_BYTES };
    view.pages.reaches(link.address, bytes)?;
    if level == 0 {
        return visit(Visit::Leaf { link, bytes }).map(drop);
    }
    if !link.address.is_multiple_of(PAGE_BYTES as u64) {
        bail!(Corrupt, "a branch at {} does not start at a page; the file is damaged", link.address);
    }
    if !visit(Visit::Branch { link })? {
        return Ok(());
    }
    let page = view.pages.read(link, PAGE_BYTES)?;
    let branch = BranchPage::new(page, view.layout, level, rows)?;
    let mut counted = 0;
    for child in 0..branch.len() {
        let below = branch.rows(child);
        if below == 0 || below > rows - counted {
            bail!(
                Corrupt,
                "a child of the branch at {} says that it has {below} rows; the file is damaged",
                link.address
            );
        }
        walk_stored(view, branch.link(child), level - 1, below, visit)?;
        counted += below;
    }
    if counted != rows {
        bail!(
            Corrupt,
            "the branch at {} has {counted} rows below it, its parent says {rows}; the file is damaged",
            link.address
        );
    }
    Ok(())
}

impl<'a> View<'a> {
    /// Calls `visit` for every committed node: a branch before its children, children in order.
    /// Leaves are not read.
    ///
    /// If `visit` returns `false` for a branch, the nodes below it are skipped. The first error
    /// ends the walk.
    pub(crate) fn walk(&self, visit: &mut dyn FnMut(Visit) -> Result<bool>) -> Result<()> {
        let root = match self.root {
            ChildRef::Stored(root) => root,
            ChildRef::Leaf(_) | ChildRef::Branch(_) => return Ok(()),
            ChildRef::Refused(session) => return session.refuse(),
        };
        if self.rows == 0 {
            return Ok(());
        }
        // If the root says that the leaves are one array, readers rely on it. The writer walks all
        // trees before it first writes, so a file in which that is wrong is never written.
        let (mut next, last) = (self.array.map(|array| array.get()), self.layout.leaf_bytes());
        let mut full = true;
        walk_stored(self, root, self.height, self.rows, &mut |found| {
            if let (Visit::Leaf { link, bytes }, Some(place)) = (&found, next) {
                if link.address != place || !full {
                    bail!(
                        Corrupt,
                        "the leaf at {} is not where the root says that all lie side by side; the file is damaged",
                        link.address
                    );
                }
                full = *bytes == last;
                next = place.checked_add(*bytes as u64);
            }
            let deeper = visit(found)?;
            // What is skipped was walked under another root.
            next = next.filter(|_| deeper || matches!(found, Visit::Leaf { .. }));
            Ok(deeper)
        })
    }

    /// Address and length of the records, if the leaves lie side by side in order. O(branches).
    pub(crate) fn extent(&self) -> Result<Option<(u64, usize)>> {
        let (mut start, mut next, mut whole) = (None, 0, matches!(self.root, ChildRef::Stored(_)));
        self.walk(&mut |visit| {
            if let Visit::Leaf { link, bytes } = visit {
                whole &= start.is_none() || next == link.address;
                start.get_or_insert(link.address);
                next = link.address + bytes as u64;
            }
            Ok(whole)
        })?;
        Ok(start.filter(|_| whole).map(|start| (start, (next - start) as usize)))
    }

    /// The range of addresses in which all nodes lie. O(branches).
    pub(crate) fn span(&self) -> Result<Range<u64>> {
        let (mut start, mut end) = (u64::MAX, 0);
        self.walk(&mut |visit| {
            let address = visit.link().address;
            (start, end) = (start.min(address), end.max(address + visit.bytes() as u64));
            Ok(true)
        })?;
        Ok(start.min(end)..end)
    }

    /// Whether the tree is as a builder writes it: full leaves side by side, and the branches right
    /// behind them. O(branches).
    pub(crate) fn is_packed(&self) -> Result<bool> {
        let span = self.span()?;
        let bytes = span.end.saturating_sub(span.start).next_multiple_of(PAGE_BYTES as u64);
        Ok(self.rows == 0 || self.array.is_some() && bytes == self.layout.packed_bytes(self.rows))
    }

    /// The records of these rows as one run of bytes, verified, if they lie side by side in one
    /// leaf or in the file. O(leaves).
    pub(crate) fn join(&self, rows: Range<u64>) -> Result<Option<&'a [u8]>> {
        let mut slices = self.slices(rows.clone());
        let Some(first) = slices.next().transpose()? else { return Ok(Some(&[])) };
        let (start, mut len) = (first.as_ptr().addr(), first.len());
        if slices.rows().is_empty() {
            return Ok(Some(first));
        }
        let Some(address) = self.address_of(rows.start)? else { return Ok(None) };
        for slice in slices {
            let slice = slice?;
            if slice.as_ptr().addr() != start + len {
                return Ok(None);
            }
            len += slice.len();
        }
        // An edited leaf in memory may lie right behind one in the file by chance. Then the file
        // has fewer bytes there, and this fails.
        let Ok(joined) = self.pages.join(address, len) else { return Ok(None) };
        Ok(Some(joined).filter(|joined| joined.as_ptr().addr() == start))
    }

    /// The address of a row in the file; `None` if its leaf is in memory.
    fn address_of(&self, row: u64) -> Result<Option<u64>> {
        let (mut child, mut rows, mut first) = (self.root, self.rows, 0);
        for level in (1..=self.height).rev() {
            let branch = self.branch(child, level, rows)?;
            let (index, before) = self.child_of_row(&branch, row - first, level)?;
            first += before;
            (child, rows) = (branch.child(index), branch.rows(index));
        }
        Ok(match child {
            ChildRef::Stored(link) => Some(link.address + (row - first) * self.layout.width() as u64),
            ChildRef::Leaf(_) | ChildRef::Branch(_) | ChildRef::Refused(_) => None,
        })
    }
}
