//! Damage to an index, and to what the catalog says of it.

use super::Checksums::{Left, Mended};
use super::image::{Image, Node};
use super::{BY_Y, Kind, expect, leaves};

const INDEX: &str = "numbers by y";

fn last_leaf(image: &Image) -> Node {
    leaves(image, INDEX, BY_Y)[1]
}

/// Where the last entry begins: 666, and row 1999.
fn last_entry(image: &Image) -> usize {
    last_leaf(image).range().end - BY_Y.width
}

fn catalog_page(image: &Image) -> u64 {
    image.table_nodes()[0].page()
}

pub(super) const KINDS: [Kind; 9] = [
    ("a bit flipped in an index", Left, |image| {
        let leaf = last_leaf(image);
        image.bytes[leaf.at + 100] ^= 4;
        expect("numbers", [leaf.page()], "does not match its checksum")
    }),
    ("an entry of a row that is not there", Mended, |image| {
        let entry = last_entry(image);
        image.put(entry + 4, 5000_u64.to_le_bytes());
        expect("numbers", [last_leaf(image).page()], "entry 1999 is of a row that the table has not")
    }),
    ("an entry with other values than its row", Mended, |image| {
        let entry = last_entry(image);
        image.put(entry, 667_u32.to_le_bytes());
        expect("numbers", [last_leaf(image).page()], "entry 1999 has other values than its row")
    }),
    ("fewer entries than rows", Mended, |image| {
        let row = image.table_row("empty");
        let index = image.table_row(INDEX);
        image.bytes.copy_within(row + 80..row + 104, index + 80);
        expect("numbers", [catalog_page(image)], "it has 0 entries, and its table 2000 rows")
    }),
    ("an index that is marked as unique, and is not", Mended, |image| {
        let row = image.table_row(INDEX);
        image.bytes[row + 74] = 1;
        expect("numbers", [leaves(image, INDEX, BY_Y)[0].page()], "it is unique, and two of its entries")
    }),
    ("an index on more fields than there are", Mended, |image| {
        let row = image.table_row(INDEX);
        image.bytes[row + 75] = 3;
        expect(None, [catalog_page(image)], "that it is on 3 fields of (y: u32, row: u64)")
    }),
    ("an index on a table that is not there", Mended, |image| {
        let row = image.table_row(INDEX);
        image.put(row + 76, 1000_u32.to_le_bytes());
        expect(None, [catalog_page(image)], "on the table with the number 1000, and there is none")
    }),
    ("an index on another table", Mended, |image| {
        let (row, other) = (image.table_row(INDEX), image.table_row("flags"));
        image.bytes.copy_within(other + 64..other + 68, row + 76);
        expect(
            "flags",
            [catalog_page(image)],
            "which rows of (id: u64 key, name: str[7], on: bool) do not have",
        )
    }),
    ("a table that does not know of its index", Mended, |image| {
        let row = image.table_row("numbers");
        image.bytes[row + 75] = 0;
        expect("numbers", [catalog_page(image)], "that it has 0 indexes, and there are 1")
    }),
];
