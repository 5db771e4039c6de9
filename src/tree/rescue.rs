//! Rescuing a damaged tree: the leaves that still hold, and the rows that are lost between them.

use std::ops::Range;

use super::branch::BranchPage;
use super::node::ChildRef;
use super::view::View;
use crate::error::Error;
use crate::page::{Link, PAGE_BYTES};

/// What a rescue comes by, in row order.
#[derive(Debug)]
pub(crate) enum Rescued<'a> {
    /// The records of a leaf that holds.
    Records(&'a [u8]),
    /// Rows below a node that does not, by their numbers.
    Lost { rows: Range<u64>, error: Error },
}

/// Goes through all leaves, over damage.
pub(crate) struct Rescue<'a> {
    view: View<'a>,
    /// Nodes still to be looked at, the next one last.
    ahead: Vec<Ahead>,
}

struct Ahead {
    link: Link,
    level: u32,
    rows: Range<u64>,
}

impl<'a> View<'a> {
    /// All leaves of a committed tree, whatever is damaged.
    pub(crate) fn rescue(&self) -> Rescue<'a> {
        let mut ahead = Vec::new();
        if let ChildRef::Stored(link) = self.root
            && self.rows > 0
        {
            ahead.push(Ahead { link, level: self.height, rows: 0..self.rows });
        }
        Rescue { view: *self, ahead }
    }
}

impl<'a> Rescue<'a> {
    /// Reads a branch and notes its children; what the parent counted and they do not have is lost.
    fn enter(&mut self, node: &Ahead) -> Result<(), Error> {
        let rows = node.rows.end - node.rows.start;
        let page = self.view.pages.read_anew(node.link, PAGE_BYTES)?;
        let branch = BranchPage::new(page, self.view.layout, node.level, rows)?;
        let at = self.ahead.len();
        let mut first = node.rows.start;
        for child in 0..branch.len() {
            let end = first.saturating_add(branch.rows(child)).min(node.rows.end);
            if first < end {
                self.ahead.push(Ahead { link: branch.link(child), level: node.level - 1, rows: first..end });
            }
            first = end;
        }
        self.ahead[at..].reverse();
        Ok(())
    }
}

impl<'a> Iterator for Rescue<'a> {
    type Item = Rescued<'a>;

    fn next(&mut self) -> Option<Rescued<'a>> {
        while let Some(node) = self.ahead.pop() {
            let read = if node.level > 0 {
                match self.enter(&node) {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                }
            } else {
                let len = self.view.leaf_len(node.rows.end - node.rows.start);
                len.and_then(|len| self.view.pages.read_anew(node.link, len))
            };
            return Some(match read {
                Ok(records) => Rescued::Records(records),
                Err(error) => Rescued::Lost { rows: node.rows, error },
            });
        }
        None
    }
}
