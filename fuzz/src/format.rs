//! The file format as `docs/format.md` tells it, without a line of the library: where the numbers
//! of a database stand, and how to make every checksum right again after some were changed, so that
//! the change gets past them.

use std::collections::HashMap;

const PAGE: usize = 4096;
const META_CHECKED: usize = PAGE - 4;
const BRANCH_HEADER: usize = 8;
const DENSE_CHILDREN: usize = 256;
/// More nodes than any sample has: where links lead round and round, mending ends.
const NODES: usize = 20_000;

/// A number in the file: where it stands and how many bytes it has.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub at: usize,
    pub width: usize,
}

/// The measures of a tree.
#[derive(Clone, Copy)]
struct Shape {
    width: usize,
    key: usize,
    leaf_rows: u64,
}

const TABLES: Shape = Shape { width: 104, key: 64, leaf_rows: 0 };
const FIELDS: Shape = Shape { width: 140, key: 6, leaf_rows: 0 };

impl Shape {
    fn children(&self) -> usize {
        if self.key == 0 { DENSE_CHILDREN } else { (PAGE - BRANCH_HEADER) / (self.key + 20) }
    }

    /// Where addresses, rows (in a tree with a key) and checksums begin in a branch.
    fn columns(&self) -> (usize, usize, usize) {
        let addresses = if self.key == 0 { 0 } else { BRANCH_HEADER + self.children() * self.key };
        let rows = addresses + self.children() * 8;
        let checksums = if self.key == 0 { rows } else { rows + self.children() * 8 };
        (addresses, rows, checksums)
    }

    fn dense_capacity(&self, level: u32) -> u64 {
        (0..level).fold(self.leaf_rows.max(1), |rows, _| rows.saturating_mul(DENSE_CHILDREN as u64))
    }
}

/// What a walk comes by.
enum Stop {
    Branch { at: usize, children: usize, shape: Shape },
    Leaf { at: usize, rows: usize, shape: Shape },
}

/// A database file in memory.
pub struct Image {
    pub bytes: Vec<u8>,
    nodes_left: usize,
}

impl Image {
    pub fn new(bytes: Vec<u8>) -> Image {
        Image { bytes, nodes_left: 0 }
    }

    /// All numbers that say how the file hangs together: those of the meta pages, the branches and
    /// the catalog, and a few of every leaf's.
    pub fn sites(&mut self) -> Vec<Site> {
        let mut sites = Vec::new();
        for page in [0, PAGE] {
            for (at, width) in [(8, 4), (12, 4), (32, 8), (40, 8), (96, 4), (100, 4)] {
                sites.push(Site { at: page + at, width });
            }
            for root in [48, 72] {
                sites.extend(root_sites(page + root));
            }
            for at in (104..104 + 8 * 16).step_by(16) {
                sites.extend([(0, 8), (8, 4)].map(|(offset, width)| Site { at: page + at + offset, width }));
            }
        }
        let mut stops = Vec::new();
        self.walk(48, TABLES, &mut stops);
        self.walk(72, FIELDS, &mut stops);
        for row in self.rows(48, TABLES) {
            sites.extend([0, 64, 68, 72, 76].map(|offset| Site { at: row + offset, width: 4 }));
            sites.extend([74, 75].map(|offset| Site { at: row + offset, width: 1 }));
            sites.extend(root_sites(row + 80));
            let shape = self.table_shape(row);
            self.walk(row + 80, shape, &mut stops);
        }
        for row in self.rows(72, FIELDS) {
            let columns = [(0, 4), (4, 2), (6, 2), (8, 1), (9, 1), (10, 1), (11, 1), (12, 1), (76, 1)];
            sites.extend(columns.map(|(offset, width)| Site { at: row + offset, width }));
        }
        for stop in stops {
            match stop {
                Stop::Branch { at, children, shape } => branch_sites(at, children, shape, &mut sites),
                Stop::Leaf { at, rows, shape } => {
                    for row in [0, rows / 2, rows - 1] {
                        sites.push(Site { at: at + row * shape.width, width: shape.width.min(8) });
                    }
                }
            }
        }
        sites.retain(|site| site.at + site.width <= self.bytes.len());
        sites
    }

    pub fn get(&self, site: Site) -> u64 {
        let mut number = [0; 8];
        number[..site.width].copy_from_slice(&self.bytes[site.at..site.at + site.width]);
        u64::from_le_bytes(number)
    }

    pub fn set(&mut self, site: Site, number: u64) {
        self.bytes[site.at..site.at + site.width].copy_from_slice(&number.to_le_bytes()[..site.width]);
    }

    /// Makes all checksums right, from the leaves up. Where nodes overlap one pass disturbs
    /// another, and a few are made.
    pub fn mend(&mut self) {
        for _ in 0..3 {
            let before = crc32fast::hash(&self.bytes);
            for page in [0, PAGE] {
                self.mend_meta(page);
            }
            if crc32fast::hash(&self.bytes) == before {
                return;
            }
        }
    }

    fn mend_meta(&mut self, page: usize) {
        if self.bytes.len() < page + PAGE {
            return;
        }
        self.nodes_left = NODES;
        for row in self.rows(page + 48, TABLES) {
            let shape = self.table_shape(row);
            self.mend_root(row + 80, shape);
        }
        self.mend_root(page + 48, TABLES);
        self.mend_root(page + 72, FIELDS);
        let runs = self.u32(page + 100).unwrap_or(0).min(248) as usize;
        for run in (0..runs).map(|run| page + 104 + run * 16) {
            let (Some(address), Some(bytes)) = (self.u64(run), self.u32(run + 8)) else { continue };
            if let Some(checksum) = self.checksum(address, u64::from(bytes).min(1 << 20)) {
                self.put(run + 12, checksum);
            }
        }
        if let Some(checksum) = self.checksum(page as u64, META_CHECKED as u64) {
            self.put(page + META_CHECKED, checksum);
        }
    }

    fn mend_root(&mut self, root: usize, shape: Shape) {
        let (Some(address), Some(rows), Some(height)) =
            (self.u64(root), self.u64(root + 8), self.u32(root + 20))
        else {
            return;
        };
        if rows > 0
            && let Some(checksum) = self.mend_node(address, rows, (height & 0xFFFF).min(16), shape)
        {
            self.put(root + 16, checksum);
        }
    }

    fn mend_node(&mut self, address: u64, rows: u64, level: u32, shape: Shape) -> Option<u32> {
        self.nodes_left = self.nodes_left.checked_sub(1)?;
        if level == 0 {
            return self.checksum(address, rows.checked_mul(shape.width as u64)?);
        }
        for (child, below) in self.children(address, rows, level, shape)?.into_iter().enumerate() {
            let (addresses, _, checksums) = shape.columns();
            let page = usize::try_from(address).ok()?;
            let link = self.u64(page + addresses + child * 8)?;
            if let Some(checksum) = self.mend_node(link, below, level - 1, shape) {
                self.put(page + checksums + child * 4, checksum);
            }
        }
        self.checksum(address, PAGE as u64)
    }

    /// The rows below each child of a branch.
    fn children(&self, address: u64, rows: u64, level: u32, shape: Shape) -> Option<Vec<u64>> {
        let page = usize::try_from(address).ok()?;
        self.bytes.get(page..page.checked_add(PAGE)?)?;
        if shape.key == 0 {
            let full = shape.dense_capacity(level - 1);
            let children = rows.div_ceil(full).min(DENSE_CHILDREN as u64);
            return Some((0..children).map(|child| full.min(rows.saturating_sub(child * full))).collect());
        }
        let children = usize::from(u16::from_le_bytes([self.bytes[page], self.bytes[page + 1]]));
        let (_, below, _) = shape.columns();
        (0..children.min(shape.children())).map(|child| self.u64(page + below + child * 8)).collect()
    }

    fn walk(&mut self, root: usize, shape: Shape, stops: &mut Vec<Stop>) {
        let (Some(address), Some(rows), Some(height)) =
            (self.u64(root), self.u64(root + 8), self.u32(root + 20))
        else {
            return;
        };
        self.nodes_left = NODES;
        if rows > 0 {
            self.walk_node(address, rows, (height & 0xFFFF).min(16), shape, stops);
        }
    }

    fn walk_node(
        &mut self,
        address: u64,
        rows: u64,
        level: u32,
        shape: Shape,
        stops: &mut Vec<Stop>,
    ) -> Option<()> {
        self.nodes_left = self.nodes_left.checked_sub(1)?;
        let at = usize::try_from(address).ok()?;
        if level == 0 {
            let rows = usize::try_from(rows).ok()?;
            self.bytes.get(at..at.checked_add(rows.checked_mul(shape.width)?)?)?;
            stops.push(Stop::Leaf { at, rows, shape });
            return Some(());
        }
        let below = self.children(address, rows, level, shape)?;
        stops.push(Stop::Branch { at, children: below.len(), shape });
        for (child, rows) in below.into_iter().enumerate() {
            if let Some(link) = self.u64(at + shape.columns().0 + child * 8) {
                self.walk_node(link, rows, level - 1, shape, stops);
            }
        }
        Some(())
    }

    /// Where the records of a catalog tree stand.
    fn rows(&mut self, root: usize, shape: Shape) -> Vec<usize> {
        let mut stops = Vec::new();
        self.walk(root, shape, &mut stops);
        let leaves = stops.into_iter().filter_map(|stop| match stop {
            Stop::Leaf { at, rows, .. } => Some((at, rows)),
            Stop::Branch { .. } => None,
        });
        leaves.flat_map(|(at, rows)| (0..rows).map(move |row| at + row * shape.width)).take(NODES).collect()
    }

    /// The measures of a table, from the fields that the first meta page knows, or the second.
    fn table_shape(&mut self, row: usize) -> Shape {
        let id = self.u32(row + 64).unwrap_or(0);
        let mut widths = HashMap::new();
        for fields in [72, PAGE + 72] {
            for field in self.rows(fields, FIELDS) {
                if self.u32(field) == Some(id) {
                    let bytes = &self.bytes[field..field + FIELDS.width];
                    let position = u16::from_le_bytes([bytes[4], bytes[5]]);
                    // Behind the fields there are the names of enumerations.
                    if position >= 1024 {
                        continue;
                    }
                    let length = usize::from(u16::from_le_bytes([bytes[6], bytes[7]]));
                    let width = match bytes[8] {
                        14 | 15 => length,
                        19 => type_width(bytes[9]) * length,
                        20 => 1 + usize::from(!(1..=256).contains(&length)),
                        plain => type_width(plain),
                    };
                    widths.entry(position).or_insert((width, bytes[10] & 2 != 0));
                }
            }
        }
        let width = widths.values().map(|(width, _)| width).sum();
        let key = widths.values().filter(|(_, key)| *key).map(|(width, _)| width).sum::<usize>();
        // An index has an owner, and is all key.
        let key = if self.u32(row + 76).unwrap_or(0) == 0 { key } else { width };
        // What is wider than any key is not worth mending.
        let key = key.min(2000);
        Shape { width, key, leaf_rows: u64::from(self.u32(row + 68).unwrap_or(1)) }
    }

    fn checksum(&self, address: u64, bytes: u64) -> Option<u32> {
        let start = usize::try_from(address).ok()?;
        let end = start.checked_add(usize::try_from(bytes).ok()?)?;
        self.bytes.get(start..end).map(crc32fast::hash)
    }

    fn put(&mut self, at: usize, number: u32) {
        if let Some(bytes) = self.bytes.get_mut(at..at + 4) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
    }

    fn u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
    }

    fn u64(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
    }
}

fn root_sites(at: usize) -> [Site; 3] {
    [(0, 8), (8, 8), (20, 4)].map(|(offset, width)| Site { at: at + offset, width })
}

fn branch_sites(at: usize, children: usize, shape: Shape, sites: &mut Vec<Site>) {
    let (addresses, rows, _) = shape.columns();
    let last = children.saturating_sub(1);
    for child in [0, 1, last / 2, last.saturating_sub(1), last] {
        sites.push(Site { at: at + addresses + child * 8, width: 8 });
        if shape.key > 0 {
            sites.push(Site { at: at + rows + child * 8, width: 8 });
            sites.push(Site { at: at + BRANCH_HEADER + child * shape.key, width: shape.key.min(8) });
        }
    }
    if shape.key > 0 {
        sites.push(Site { at, width: 2 });
        sites.push(Site { at: at + 2, width: 1 });
    }
}

fn type_width(code: u8) -> usize {
    match code {
        1 | 2 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 12 | 16 => 4,
        5 | 10 | 13 | 17 => 8,
        6 | 11 | 18 => 16,
        _ => 0,
    }
}
