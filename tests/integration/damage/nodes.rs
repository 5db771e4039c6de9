//! Damage to leaves, branches and the links between them.

use super::Checksums::{Left, Mended};
use super::image::PAGE;
use super::{FLAGS, Kind, NUMBERS, WIDE, expect, leaves, tree};

pub(super) const KINDS: [Kind; 37] = [
    ("a bit flipped in a leaf", Left, |image| {
        let leaf = leaves(image, "numbers", NUMBERS)[2];
        image.bytes[leaf.at + 1000] ^= 4;
        expect("numbers", [leaf.page()], "does not match its checksum")
    }),
    ("a bit flipped in a branch", Left, |image| {
        let branch = tree(image, "flags", FLAGS)[0];
        image.bytes[branch.at + 100] ^= 4;
        expect("flags", [branch.page()], "does not match its checksum")
    }),
    ("a leaf that was never written", Left, |image| {
        let leaf = leaves(image, "wide", WIDE)[7];
        image.bytes[leaf.range()].fill(0);
        expect("wide", [leaf.page()], "does not match its checksum")
    }),
    ("two leaves written in each other's place", Left, |image| {
        let (one, other) = (leaves(image, "flags", FLAGS)[0], leaves(image, "flags", FLAGS)[2]);
        image.exchange(one.at, other.at, PAGE);
        expect("flags", [one.page(), other.page()], "does not match its checksum")
    }),
    ("a branch written over another", Left, |image| {
        let (from, over) = (tree(image, "flags", FLAGS)[0], tree(image, "wide", WIDE)[1]);
        image.bytes.copy_within(from.range(), over.at);
        expect("wide", [over.page()], "does not match its checksum")
    }),
    ("a leaf below the next branch than the root says", Mended, |image| {
        let branches: Vec<_> = tree(image, "wide", WIDE).into_iter().filter(|node| node.level > 0).collect();
        let [root, one, other] = branches[..] else { panic!("{branches:?}") };
        let full = WIDE.children();
        let last = leaves(image, "wide", WIDE)[full - 1].rows as i64;
        // First keys, addresses, rows, checksums.
        for (at, bytes) in [(8, 200), (8 + full * 200, 8), (8 + full * 208, 8), (8 + full * 216, 4)] {
            let (from, to) = (one.at + at + (full - 1) * bytes, other.at + at);
            image.bytes.copy_within(to..to + (full - 1) * bytes, to + bytes);
            image.bytes.copy_within(from..from + bytes, to);
            image.bytes[from..from + bytes].fill(0);
        }
        image.bytes[one.at] -= 1;
        image.bytes[other.at] += 1;
        image.add(one.rows_at, -last);
        image.add(other.rows_at, last);
        image.bytes.copy_within(other.at + 8..other.at + 208, other.key_at);
        expect("wide", [root.page()], "rows where the root says that all have")
    }),
    ("a leaf that begins where no record could", Mended, |image| {
        let leaf = leaves(image, "numbers", NUMBERS)[3];
        image.add(leaf.address_at, 1);
        expect("numbers", [leaf.page()], "a leaf of records of 12 bytes starts at")
    }),
    ("leaves in another order than the root says", Mended, |image| {
        let (one, other) = (leaves(image, "numbers", NUMBERS)[0], leaves(image, "numbers", NUMBERS)[1]);
        image.exchange(one.address_at, other.address_at, 8);
        image.exchange(one.checksum_at, other.checksum_at, 4);
        expect("numbers", [one.page()], "lie side by side")
    }),
    ("a leaf reached twice", Mended, |image| {
        let (one, other) = (leaves(image, "numbers", NUMBERS)[0], leaves(image, "numbers", NUMBERS)[1]);
        image.put(other.address_at, (one.at as u64).to_le_bytes());
        expect("numbers", [one.page()], "two nodes share")
    }),
    ("a link to another table's leaf", Mended, |image| {
        let (one, other) = (leaves(image, "flags", FLAGS)[0], leaves(image, "numbers", NUMBERS)[1]);
        image.put(other.address_at, (one.at as u64).to_le_bytes());
        expect("numbers", [one.page()], "two nodes share")
    }),
    ("a leaf that begins inside the one before it", Mended, |image| {
        let leaf = leaves(image, "numbers", NUMBERS)[1];
        image.add(leaf.address_at, -12);
        expect("numbers", [(leaf.at - 12) as u64 / PAGE as u64], "two nodes share")
    }),
    ("a leaf that lies on a branch", Mended, |image| {
        let (branch, leaf) = (tree(image, "wide", WIDE)[0], leaves(image, "wide", WIDE)[3]);
        image.put(leaf.address_at, (branch.at as u64).to_le_bytes());
        expect("wide", [branch.page()], "two nodes share")
    }),
    ("a branch below itself", Mended, |image| {
        let (root, below) = (tree(image, "wide", WIDE)[0], tree(image, "wide", WIDE)[1]);
        image.put(below.address_at, (root.at as u64).to_le_bytes());
        expect("wide", [root.page()], "two nodes share")
    }),
    ("a leaf where a branch belongs", Mended, |image| {
        let (branch, leaf) = (tree(image, "wide", WIDE)[1], leaves(image, "numbers", NUMBERS)[0]);
        image.put(branch.address_at, (leaf.at as u64).to_le_bytes());
        expect("wide", [leaf.page()], "")
    }),
    ("a wrong level in a branch", Mended, |image| {
        let branch = tree(image, "wide", WIDE)[1];
        image.bytes[branch.at + 2] = 2;
        expect("wide", [branch.page()], "says that it has")
    }),
    ("more rows in a branch than a leaf can have", Mended, |image| {
        let leaf = leaves(image, "flags", FLAGS)[1];
        image.add(leaf.rows_at, 1);
        expect("flags", [leaf.page()], "a leaf says that it has 257 rows")
    }),
    ("fewer rows in a branch than a leaf has", Mended, |image| {
        let (branch, leaf) = (tree(image, "flags", FLAGS)[0], leaves(image, "flags", FLAGS)[1]);
        image.add(leaf.rows_at, -1);
        expect("flags", [branch.page()], "its children have 999 rows, its parent says 1000")
    }),
    ("no rows below a child", Mended, |image| {
        let (branch, leaf) = (tree(image, "flags", FLAGS)[0], leaves(image, "flags", FLAGS)[1]);
        image.put(leaf.rows_at, 0_u64.to_le_bytes());
        expect("flags", [branch.page()], "a child of it has 0 rows")
    }),
    ("rows whose sum overflows", Mended, |image| {
        let (branch, leaf) = (tree(image, "wide", WIDE)[0], tree(image, "wide", WIDE)[1]);
        image.put(leaf.rows_at, u64::MAX.to_le_bytes());
        expect("wide", [branch.page()], "rows, and there are 1000 left")
    }),
    ("a child too few", Mended, |image| {
        let branch = tree(image, "flags", FLAGS)[0];
        image.bytes[branch.at] -= 1;
        expect("flags", [branch.page()], "its children have 768 rows")
    }),
    ("more children than there is room for", Mended, |image| {
        let branch = tree(image, "flags", FLAGS)[0];
        image.put(branch.at, 147_u16.to_le_bytes());
        expect("flags", [branch.page()], "says that it has 147 children")
    }),
    ("keys that do not ascend inside a leaf", Mended, |image| {
        let leaf = leaves(image, "flags", FLAGS)[1];
        image.exchange(leaf.at + 16 * 10, leaf.at + 16 * 11, 16);
        expect("flags", [leaf.page()], "its keys do not ascend")
    }),
    ("a key twice", Mended, |image| {
        let leaf = leaves(image, "wide", WIDE)[1];
        image.bytes.copy_within(leaf.at..leaf.at + 208, leaf.at + 208);
        expect("wide", [leaf.page()], "its keys do not ascend")
    }),
    ("two leaves in the wrong order", Mended, |image| {
        let (one, other) = (leaves(image, "flags", FLAGS)[0], leaves(image, "flags", FLAGS)[1]);
        image.exchange(one.address_at, other.address_at, 8);
        expect("flags", [one.page(), other.page()], "a key lies outside what the branch above says")
    }),
    ("a key that stands in the leaf behind as well", Mended, |image| {
        let (one, other) = (leaves(image, "flags", FLAGS)[1], leaves(image, "flags", FLAGS)[2]);
        image.bytes.copy_within(other.at..other.at + 8, one.at + 255 * 16);
        expect("flags", [one.page()], "a key lies outside")
    }),
    ("a first key above the first row", Mended, |image| {
        let leaf = leaves(image, "flags", FLAGS)[2];
        image.bytes[leaf.key_at + 7] += 1;
        expect("flags", [leaf.page()], "a key lies outside")
    }),
    ("a first key below the last row before it", Mended, |image| {
        let (before, leaf) = (leaves(image, "flags", FLAGS)[1], leaves(image, "flags", FLAGS)[2]);
        image.put(leaf.key_at, 1000_u64.to_be_bytes());
        expect("flags", [before.page()], "a key lies outside")
    }),
    ("first keys that do not ascend", Mended, |image| {
        let (branch, leaf) = (tree(image, "wide", WIDE)[1], leaves(image, "wide", WIDE)[2]);
        image.put(leaf.key_at, [0; 200]);
        expect("wide", [branch.page()], "its first keys are not in order")
    }),
    ("a link beyond the file", Mended, |image| {
        let leaf = leaves(image, "flags", FLAGS)[3];
        let end = image.u64(40);
        image.put(leaf.address_at, end.to_le_bytes());
        expect("flags", [end / PAGE as u64], "outside the")
    }),
    ("a link at the end of all numbers", Mended, |image| {
        let leaf = leaves(image, "numbers", NUMBERS)[1];
        image.put(leaf.address_at, (u64::MAX - 100).to_le_bytes());
        expect("numbers", [u64::MAX / PAGE as u64], "outside the")
    }),
    ("a link to a meta page", Mended, |image| {
        let leaf = leaves(image, "flags", FLAGS)[1];
        image.put(leaf.address_at, 4096_u64.to_le_bytes());
        expect("flags", [1], "")
    }),
    ("a branch that does not start at a page", Mended, |image| {
        let branch = tree(image, "wide", WIDE)[1];
        image.bytes.copy_within(branch.range(), branch.at + 8);
        image.add(branch.address_at, 8);
        expect("wide", [branch.page()], "a branch does not start at a page")
    }),
    ("a bool that is neither true nor false", Mended, |image| {
        let leaf = leaves(image, "flags", FLAGS)[1];
        image.bytes[leaf.at + 16 * 20 + 15] = 7;
        expect("flags", [leaf.page()], "row 276: field \"on\"")
    }),
    ("text that is not UTF-8", Mended, |image| {
        let leaf = leaves(image, "flags", FLAGS)[3];
        image.bytes[leaf.at + 16 * 2 + 9] = 0xFF;
        expect("flags", [leaf.page()], "row 770: field \"name\"")
    }),
    ("text behind its zeros", Mended, |image| {
        let leaf = leaves(image, "flags", FLAGS)[0];
        image.bytes[leaf.at + 14] = b'x';
        expect("flags", [leaf.page()], "row 0: field \"name\"")
    }),
    ("something in the unused places of a branch", Mended, |image| {
        let branch = tree(image, "flags", FLAGS)[0];
        image.bytes[branch.at + 8 + 100 * 8] = 1;
        expect("flags", [branch.page()], "bytes that nobody writes")
    }),
    ("something behind the links of a branch without keys", Mended, |image| {
        let branch = tree(image, "numbers", NUMBERS)[0];
        image.bytes[branch.at + 4000] = 1;
        expect("numbers", [branch.page()], "bytes that nobody writes")
    }),
];
