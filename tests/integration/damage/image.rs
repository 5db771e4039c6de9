//! A database file as an image of numbers at offsets, by `docs/format.md`. Tests change a number
//! and repair all checksums above it, so that the change gets past them.

use std::ops::Range;

pub(crate) const PAGE: usize = 4096;

/// The measures of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) key: usize,
    pub(crate) leaf_rows: u64,
}

impl Shape {
    /// How many children a branch has room for.
    pub(crate) fn children(&self) -> usize {
        if self.key == 0 { 256 } else { (PAGE - 8) / (self.key + 20) }
    }
}

const TABLES: Shape = Shape { width: 104, key: 64, leaf_rows: 236 };
const FIELDS: Shape = Shape { width: 140, key: 6, leaf_rows: 58 };

/// A node, and where the numbers about it stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) rows: u64,
    /// 0 for a leaf.
    pub(crate) level: u32,
    pub(crate) shape: Shape,
    /// Where its address stands, in a branch or a root.
    pub(crate) address_at: usize,
    pub(crate) checksum_at: usize,
    /// Where its rows stand; the same as `address_at` where they follow from the row number.
    pub(crate) rows_at: usize,
    /// Where its first key stands; the same as `address_at` for a root.
    pub(crate) key_at: usize,
}

impl Node {
    pub(crate) fn page(&self) -> u64 {
        (self.at / PAGE) as u64
    }

    pub(crate) fn range(&self) -> Range<usize> {
        self.at..self.at + if self.level == 0 { self.rows as usize * self.shape.width } else { PAGE }
    }
}

#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
}

impl Image {
    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    pub(crate) fn put(&mut self, at: usize, bytes: impl AsRef<[u8]>) {
        self.bytes[at..at + bytes.as_ref().len()].copy_from_slice(bytes.as_ref());
    }

    /// Adds to the u64 at this place.
    pub(crate) fn add(&mut self, at: usize, more: i64) {
        let number = self.u64(at).wrapping_add_signed(more);
        self.put(at, number.to_le_bytes());
    }

    /// Exchanges two ranges of the same length.
    pub(crate) fn exchange(&mut self, one: usize, other: usize, len: usize) {
        let kept = self.bytes[one..one + len].to_vec();
        self.bytes.copy_within(other..other + len, one);
        self.put(other, kept);
    }

    /// The nodes of a tree whose root stands here, each branch before its children.
    pub(crate) fn nodes(&self, root: usize, shape: Shape) -> Vec<Node> {
        let mut nodes = Vec::new();
        if self.u64(root + 8) > 0 {
            let root = Node {
                at: self.u64(root) as usize,
                rows: self.u64(root + 8),
                level: self.u32(root + 20) & 0xFFFF,
                shape,
                address_at: root,
                checksum_at: root + 16,
                rows_at: root + 8,
                key_at: root,
            };
            self.walk(root, &mut nodes);
        }
        nodes
    }

    /// Ends where damage leads out of the file or round in circles.
    fn walk(&self, node: Node, nodes: &mut Vec<Node>) {
        let range = node.range();
        if nodes.len() > 1000 || range.end > self.bytes.len() || range.start > range.end {
            return;
        }
        nodes.push(node);
        if node.level == 0 {
            return;
        }
        let (shape, room) = (node.shape, node.shape.children());
        let addresses = if shape.key == 0 { node.at } else { node.at + 8 + room * shape.key };
        let full = shape.leaf_rows * 256_u64.pow(node.level - 1);
        let children = match shape.key {
            0 => node.rows.div_ceil(full) as usize,
            _ => usize::from(u16::from_le_bytes([self.bytes[node.at], self.bytes[node.at + 1]])),
        };
        for child in 0..children.min(room) {
            let address_at = addresses + child * 8;
            let keyed = shape.key > 0;
            let rows_at = if keyed { address_at + room * 8 } else { address_at };
            let rows = if keyed { self.u64(rows_at) } else { full.min(node.rows - child as u64 * full) };
            let checksum_at = addresses + room * if keyed { 16 } else { 8 } + child * 4;
            let key_at = if keyed { node.at + 8 + child * shape.key } else { address_at };
            let at = self.u64(address_at) as usize;
            // Absurd numbers are for the store to find.
            if at < self.bytes.len() && rows < 1 << 20 {
                let level = node.level - 1;
                self.walk(Node { at, rows, level, shape, address_at, checksum_at, rows_at, key_at }, nodes);
            }
        }
    }

    pub(crate) fn table_nodes(&self) -> Vec<Node> {
        self.nodes(48, TABLES)
    }

    pub(crate) fn field_nodes(&self) -> Vec<Node> {
        self.nodes(72, FIELDS)
    }

    fn rows(nodes: &[Node]) -> Vec<usize> {
        let leaves = nodes.iter().filter(|node| node.level == 0);
        leaves.flat_map(|leaf| leaf.range().step_by(leaf.shape.width)).collect()
    }

    /// Where the row of a table stands in the catalog.
    pub(crate) fn table_row(&self, name: &str) -> usize {
        let mut padded = name.as_bytes().to_vec();
        padded.resize(64, 0);
        let rows = Image::rows(&self.table_nodes());
        rows.into_iter().find(|row| self.bytes[*row..*row + 64] == padded).expect(name)
    }

    /// Where the row of a field of a table stands in the catalog.
    pub(crate) fn field_row(&self, table: &str, position: u16) -> usize {
        let mut key = self.bytes[self.table_row(table) + 64..][..4].to_vec();
        key.extend(position.to_le_bytes());
        let rows = Image::rows(&self.field_nodes());
        rows.into_iter().find(|row| self.bytes[*row..*row + 6] == key).expect(table)
    }

    /// Makes all checksums right, from the leaves of these tables up to the meta pages.
    pub(crate) fn mend(&mut self, tables: &[(&str, Shape)]) {
        // Where a table's row cannot be found any more its own tree did not change.
        let rows = Image::rows(&self.table_nodes());
        for row in rows {
            let name = self.bytes[row..row + 64].split(|byte| *byte == 0).next().unwrap().to_vec();
            if let Some((_, shape)) = tables.iter().find(|(table, _)| table.as_bytes() == name) {
                self.mend_tree(row + 80, *shape);
            }
        }
        for page in [0, PAGE] {
            self.mend_tree(page + 48, TABLES);
            self.mend_tree(page + 72, FIELDS);
            self.mend_meta(page);
        }
    }

    pub(crate) fn mend_meta(&mut self, page: usize) {
        let checksum = crc32fast::hash(&self.bytes[page..page + PAGE - 4]);
        self.put(page + PAGE - 4, checksum.to_le_bytes());
    }

    fn mend_tree(&mut self, root: usize, shape: Shape) {
        for node in self.nodes(root, shape).into_iter().rev() {
            let checksum = crc32fast::hash(&self.bytes[node.range()]);
            self.put(node.checksum_at, checksum.to_le_bytes());
        }
    }
}
