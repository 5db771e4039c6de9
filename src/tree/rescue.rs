//! `Rescue`: reads a damaged tree, for `salvage`. It returns the leaves that are whole, and the
//! rows that are lost between them.

use std::cell::RefCell;
use std::ops::Range;

use super::branch::BranchPage;
use super::inspect::Misplaced;
use super::node::ChildRef;
use super::view::View;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::page::{Link, PAGE_BYTES};
use crate::space::Allocator;

/// What a rescue finds, in row order.
#[derive(Debug)]
pub(crate) enum Rescued<'a> {
    /// The records of a leaf that is whole, and the number of the first.
    Records { first_row: u64, records: &'a [u8] },
    /// The numbers of the rows below a damaged node.
    Lost { rows: Range<u64>, error: Error },
}

/// Reads all leaves, and steps over damage. It calls the same things damage as `inspect`, as far as
/// rows may be wrong because of them.
pub(crate) struct Rescue<'a> {
    view: View<'a>,
    /// The pages of all nodes so far, of this tree and of others.
    taken: &'a RefCell<Allocator>,
    /// The nodes that are not read yet, the next one last.
    ahead: Vec<Ahead>,
}

struct Ahead {
    /// An error if the parent counts rows and has no child for them.
    link: Result<Link>,
    level: u32,
    rows: Range<u64>,
}

impl<'a> View<'a> {
    /// All leaves of a committed tree, in spite of damage. `taken` has the nodes of the trees
    /// before it.
    pub(crate) fn rescue(&self, taken: &'a RefCell<Allocator>) -> Rescue<'a> {
        let mut ahead = Vec::new();
        if let ChildRef::Stored(link) = self.root
            && self.rows > 0
        {
            ahead.push(Ahead { link: Ok(link), level: self.height, rows: 0..self.rows });
        }
        Rescue { view: *self, taken, ahead }
    }
}

impl<'a> Rescue<'a> {
    /// Reads a branch and notes its children. Rows that the parent counts and the children do not
    /// have are lost.
    fn enter(&mut self, link: Link, level: u32, rows: Range<u64>) -> Result<()> {
        let page = self.read(link, PAGE_BYTES)?;
        if !link.address.is_multiple_of(PAGE_BYTES as u64) {
            bail!(Corrupt, "a branch at {} does not start at a page; the file is damaged", link.address);
        }
        let branch = BranchPage::new(page, self.view.layout, level, rows.end - rows.start)?;
        let at = self.ahead.len();
        let mut first = rows.start;
        for child in 0..branch.len() {
            let end = first.saturating_add(branch.rows(child)).min(rows.end);
            if first < end {
                let link = Ok(branch.link(child));
                self.ahead.push(Ahead { link, level: level - 1, rows: first..end });
            }
            first = end;
        }
        if first < rows.end {
            let message = "the branch above has fewer rows than its parent says; the file is damaged";
            let link = Err(Error::new(ErrorKind::Corrupt, message));
            self.ahead.push(Ahead { link, level: 0, rows: first..rows.end });
        }
        self.ahead[at..].reverse();
        Ok(())
    }

    fn leaf(&self, link: Link, rows: &Range<u64>) -> Result<&'a [u8]> {
        let count = rows.end - rows.start;
        let records = self.read(link, self.view.leaf_len(count)?)?;
        match self.view.misplaced(link.address, count, rows.start) {
            // A row with a key is right wherever it lies.
            Some(Misplaced::Array(_)) if self.view.layout.is_keyed() => Ok(records),
            Some(Misplaced::Array(error) | Misplaced::Start(error)) => Err(error),
            None => Ok(records),
        }
    }

    /// The bytes of a node that is whole and does not overlap with a node that was read before.
    fn read(&self, link: Link, len: usize) -> Result<&'a [u8]> {
        let bytes = self.view.pages.read_anew(link, len)?;
        self.taken.borrow_mut().mark(link.address, len as u64)?;
        Ok(bytes)
    }
}

impl<'a> Iterator for Rescue<'a> {
    type Item = Rescued<'a>;

    fn next(&mut self) -> Option<Rescued<'a>> {
        while let Some(Ahead { link, level, rows }) = self.ahead.pop() {
            let read = if level > 0 {
                match link.and_then(|link| self.enter(link, level, rows.clone())) {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                }
            } else {
                link.and_then(|link| self.leaf(link, &rows))
            };
            return Some(match read {
                Ok(records) => Rescued::Records { first_row: rows.start, records },
                Err(error) => Rescued::Lost { rows, error },
            });
        }
        None
    }
}
