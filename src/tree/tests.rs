//! Forged trees: every checksum is right, and the contents are wrong. No call may panic or loop
//! forever.

use std::sync::Arc;

use super::branch::encode;
use super::inspect::Finding;
use super::{KeyShape, Layout, LeafDirectory, TreeWriter, View};
use crate::error::ErrorKind;
use crate::order::Scalar;
use crate::page::{FIRST_ADDRESS, Link, PAGE_BYTES, Pages, TreeRoot, checksum};
use crate::space::{Allocator, WriteSession};
use crate::storage::{MappedFile, Storage};

const LEAF_ROWS: usize = 512;

/// A file that is being built, of records that consist of a `u64` key.
struct Forged {
    layout: Layout,
    bytes: Vec<u8>,
}

/// What a branch says about a child: first key, rows, link.
type Said = (u64, u64, Link);

impl Forged {
    fn new() -> Forged {
        let key = KeyShape::new(vec![Scalar::Unsigned(8)]);
        let layout = Layout::new(8, key, LEAF_ROWS).expect("a leaf of one page");
        Forged { layout, bytes: vec![0; FIRST_ADDRESS as usize] }
    }

    /// A leaf, and what a correct branch says about it.
    fn leaf(&mut self, keys: &[u64]) -> Said {
        let records: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        (keys[0], keys.len() as u64, self.place(&records))
    }

    /// A branch that says this about its children, and what a correct one says about it.
    fn branch(&mut self, level: u32, said: &[Said]) -> Said {
        let keys: Vec<u8> = said.iter().flat_map(|(key, ..)| key.to_be_bytes()).collect();
        let rows: Vec<u64> = said.iter().map(|(_, rows, _)| *rows).collect();
        let links: Vec<Link> = said.iter().map(|(.., link)| *link).collect();
        let page = encode(&self.layout, level, &keys, &rows, &links);
        (said[0].0, rows.iter().fold(0, |sum, rows| sum.wrapping_add(*rows)), self.place(&page))
    }

    /// A tree of eight levels with the same node under every child: 146^8 leaves if all are
    /// followed.
    fn endless() -> (Forged, Said) {
        let mut forged = Forged::new();
        let mut node = forged.leaf(&[1]);
        for level in 1..=8 {
            let said: Vec<Said> = (0..forged.layout.children() as u64).map(|key| (key, 1, node.2)).collect();
            node = forged.branch(level, &said);
        }
        (forged, node)
    }

    fn place(&mut self, node: &[u8]) -> Link {
        let address = self.bytes.len() as u64;
        self.bytes.extend_from_slice(node);
        self.bytes.resize(self.bytes.len().next_multiple_of(PAGE_BYTES), 0);
        Link { address, checksum: checksum(node) }
    }

    fn pages(&self) -> Pages {
        let file = MappedFile::anonymous(self.bytes.len() as u64, 0).expect("memory");
        file.write_at(0, &self.bytes).expect("memory");
        Pages::new(Box::new(file))
    }

    fn session(&self) -> Arc<WriteSession> {
        Arc::new(WriteSession::new(Arc::new(self.pages()), Allocator::new(1)))
    }
}

fn root((_, rows, link): Said, height: u32) -> TreeRoot {
    TreeRoot { address: link.address, rows, checksum: link.checksum, height: height as u16, array: 0 }
}

#[test]
fn a_node_that_lies_outside_the_file_is_not_walked() {
    let forged = Forged::new();
    let pages = forged.pages();
    for address in [0, 1 << 40, u64::MAX - 8191] {
        for height in [0, 1] {
            let said = (0, 1, Link { address, checksum: 0 });
            let view = View::new(pages.view_all(), &forged.layout, root(said, height)).unwrap();
            let walked = view.walk(&mut |_| panic!("it is no place for a node"));
            assert_eq!(walked.unwrap_err().kind(), ErrorKind::Corrupt);
            assert!(view.extent().is_err());
        }
    }
}

#[test]
fn a_tree_without_rows_has_no_branches() {
    let forged = Forged::new();
    let pages = forged.pages();
    assert!(
        View::new(pages.view_all(), &forged.layout, TreeRoot { height: 3, ..TreeRoot::default() }).is_err()
    );
}

#[test]
fn leaves_that_come_twice_are_no_array() {
    let mut forged = Forged::new();
    let leaf = forged.leaf(&[1, 2]);
    let branch = forged.branch(1, &[leaf, leaf]);
    let pages = forged.pages();
    let view = View::new(pages.view_all(), &forged.layout, root(branch, 1)).unwrap();
    assert!(view.join(0..view.rows()).unwrap().is_none());
}

#[test]
fn a_branch_with_an_empty_child_or_keys_out_of_order_is_not_edited() {
    let mut forged = Forged::new();
    let (first, second, third) = (forged.leaf(&[10]), forged.leaf(&[30]), forged.leaf(&[20]));
    let empty = forged.branch(1, &[first, (20, 0, third.2), second]);
    let unordered = forged.branch(1, &[first, second, third]);
    let huge = forged.branch(1, &[(10, u64::MAX, first.2), second, third]);
    for branch in [empty, unordered, (10, 2, huge.2)] {
        let session = forged.session();
        let mut tree = TreeWriter::new(&session, forged.layout.clone(), root(branch, 1)).unwrap();
        for key in [10_u64, 20, 30, 40] {
            assert!(tree.put(&key.to_le_bytes(), false).is_err());
            assert_ne!(tree.remove(&key.to_le_bytes(), &mut Vec::new()).ok(), Some(true));
        }
    }
}

#[test]
fn a_row_that_is_not_where_its_key_belongs_is_not_changed() {
    let mut forged = Forged::new();
    // Far out of order, so that a search from the keys of the branch ends at another row than one
    // from the keys of the leaf.
    let keys: Vec<u64> = (0..500).map(|key| (key * 211) % 500).collect();
    let leaf = forged.leaf(&keys);
    let other = forged.leaf(&[1000]);
    let branch = forged.branch(1, &[leaf, (1000, other.1, other.2)]);
    for key in 0..500_u64 {
        let session = forged.session();
        let mut tree = TreeWriter::new(&session, forged.layout.clone(), root(branch, 1)).unwrap();
        let stored = key.to_le_bytes();
        if let Ok(Some(record)) = tree.find_mut(&stored) {
            assert_eq!(record, stored);
        }
        let mut removed = Vec::new();
        if let Ok(true) = tree.remove(&stored, &mut removed) {
            assert_eq!(removed, stored);
        }
    }
}

#[test]
fn a_tree_does_not_outgrow_the_levels_that_can_be_read() {
    let mut forged = Forged::new();
    let keys: Vec<u64> = (0..LEAF_ROWS as u64).map(|key| key * 2).collect();
    let mut node = forged.leaf(&keys);
    for level in 1..=Layout::HEIGHT_LIMIT {
        // Full branches up to the root, so that all of them split.
        let children = forged.layout.children() as u64;
        let others: Vec<Said> = (1..children).map(|child| (node.0 + child * (1 << 40), 1, node.2)).collect();
        node = forged.branch(level, &[&[node], &others[..]].concat());
    }
    let session = forged.session();
    let mut tree = TreeWriter::new(&session, forged.layout.clone(), root((0, 0, node.2), 0)).unwrap();
    tree.replace(root(node, Layout::HEIGHT_LIMIT)).unwrap();
    // The branches split when they are written.
    let grown = tree.put(&1_u64.to_le_bytes(), false).and_then(|_| tree.flush());
    assert_eq!(grown.unwrap_err().kind(), ErrorKind::Limit);
    assert!(session.check_failed().is_err());
    // What was gathered for the file is lost. No damage is reported: reading is refused.
    let view = tree.view();
    let refused = [
        view.find(&1_u64.to_le_bytes()).map(drop),
        view.record(0).map(drop),
        view.slices(0..view.rows()).try_for_each(|slice| slice.map(drop)),
        view.span().map(drop),
    ];
    assert!(refused.iter().all(|read| read.as_ref().is_err_and(|error| error.kind() == ErrorKind::Usage)));
}

#[test]
fn inspecting_ends_however_the_links_lead() {
    let (forged, node) = Forged::endless();
    let pages = forged.pages();
    let view = View::new(pages.view_all(), &forged.layout, root((0, 146, node.2), 8)).unwrap();
    let (mut nodes, mut problems) = (0, 0);
    view.inspect(&mut |finding| {
        match finding {
            Finding::Node { .. } => nodes += 1,
            Finding::Problem { .. } => problems += 1,
            Finding::Records { .. } => {}
        }
        true
    });
    assert!(problems > 0 && nodes < 146 * 9, "{nodes} nodes, {problems} problems");
}

/// Looks these keys up together, until the directory of the leaves is used.
fn found_together(view: View<'_>, keys: &[u64]) -> Vec<Option<u64>> {
    let directory = LeafDirectory::default();
    let view = view.with_directory(&directory);
    let stored: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
    let mut found = Vec::new();
    for _ in 0..3 {
        found.clear();
        view.find_many(&stored, |record| {
            found.push(record.map(|record| u64::from_le_bytes(record.try_into().unwrap())));
            Ok(())
        })
        .unwrap();
    }
    assert_eq!(format!("{directory:?}"), "LeafDirectory(made)");
    found
}

#[test]
fn a_directory_knows_leaves_whose_first_key_is_below_that_of_their_branch() {
    let mut forged = Forged::new();
    let leaves = [[10, 20], [30, 40], [105, 120], [130, 140]].map(|keys| forged.leaf(&keys));
    let first = forged.branch(1, &leaves[..2]);
    // As after an insert of 105: its parent names 100, the branch itself still 110.
    let second = forged.branch(1, &[(110, leaves[2].1, leaves[2].2), leaves[3]]);
    let top = forged.branch(2, &[first, (100, second.1, second.2)]);
    let pages = forged.pages();
    let view = View::new(pages.view_all(), &forged.layout, root(top, 2)).unwrap();
    let keys = [5, 10, 20, 25, 30, 40, 99, 100, 105, 110, 120, 130, 140, u64::MAX];
    let right = keys.map(|key| view.find(&key.to_le_bytes()).unwrap().map(|_| key));
    assert_eq!(right.iter().flatten().count(), 8);
    assert_eq!(found_together(view, &keys), right);
}

#[test]
fn a_directory_ends_however_the_links_lead() {
    let (forged, node) = Forged::endless();
    let pages = forged.pages();
    let view = View::new(pages.view_all(), &forged.layout, root((0, 146, node.2), 8)).unwrap();
    assert_eq!(found_together(view, &[1]), [Some(1)]);
}
