//! Damage to the catalog and the meta pages.

use super::Checksums::{Left, Mended};
use super::image::{Image, Node, PAGE};
use super::{Kind, expect};

fn tables(image: &Image) -> Node {
    image.table_nodes()[0]
}

fn fields(image: &Image) -> Node {
    image.field_nodes()[0]
}

pub(super) const KINDS: [Kind; 24] = [
    ("a bit flipped in the first meta page", Left, |image| {
        image.bytes[50] ^= 1;
        expect(None, [0], "does not match its checksum")
    }),
    ("a bit flipped in the second meta page", Left, |image| {
        image.bytes[PAGE + 4000] ^= 1;
        expect(None, [1], "does not match its checksum")
    }),
    ("something in the unused places of a meta page", Left, |image| {
        image.bytes[4090] = 1;
        image.mend_meta(0);
        expect(None, [0], "bytes that no commit writes")
    }),
    ("more levels at a root than there are", Mended, |image| {
        let row = image.table_row("numbers");
        image.bytes[row + 100] = 2;
        expect("numbers", [tables(image).page()], "says that it has 2 levels")
    }),
    ("a level more at the root of a table with a key", Mended, |image| {
        let row = image.table_row("flags");
        image.bytes[row + 100] = 2;
        let root = image.u64(row + 80);
        expect("flags", [root / PAGE as u64], "a branch of level 2")
    }),
    ("a level less at the root of a table with a key", Mended, |image| {
        let row = image.table_row("flags");
        image.bytes[row + 100] = 0;
        let root = image.u64(row + 80);
        expect("flags", [root / PAGE as u64], "a leaf says that it has 1000 rows")
    }),
    ("more rows at a root than in its tree", Mended, |image| {
        let row = image.table_row("flags");
        image.add(row + 88, 1);
        let root = image.u64(row + 80);
        expect("flags", [root / PAGE as u64], "its children have 1000 rows, its parent says 1001")
    }),
    ("fewer rows at a root than in its tree", Mended, |image| {
        let row = image.table_row("wide");
        image.add(row + 88, -1);
        let root = image.u64(row + 80);
        expect("wide", [root / PAGE as u64], "rows, and there are")
    }),
    ("more rows at a root than the file has room for", Mended, |image| {
        let row = image.table_row("numbers");
        image.put(row + 88, (1_u64 << 60).to_le_bytes());
        expect("numbers", [tables(image).page()], "more than the file holds")
    }),
    ("a table without rows that has a root", Mended, |image| {
        let row = image.table_row("empty");
        image.put(row + 80, 8192_u64.to_le_bytes());
        expect("empty", [tables(image).page()], "not all zeros")
    }),
    ("two tables with one tree", Mended, |image| {
        let (from, to) = (image.table_row("witness"), image.table_row("empty"));
        // The copy is the earlier table, so that the other one is reported as overlapping it,
        // though that table has no damage itself.
        let from_flags = image.table_row("flags");
        assert!(from > to);
        image.bytes.copy_within(from_flags + 80..from_flags + 104, to + 80);
        let root = image.u64(to + 80) / PAGE as u64;
        expect("flags", [root], "two nodes share")
    }),
    ("two tables of one number", Mended, |image| {
        let (from, to) = (image.table_row("flags"), image.table_row("numbers"));
        image.bytes.copy_within(from + 64..from + 68, to + 64);
        expect("numbers", [tables(image).page()], "is another table's")
    }),
    ("a table of a number that the next table will get", Left, |image| {
        for page in [0, PAGE] {
            image.put(page + 96, 5_u32.to_le_bytes());
            image.mend_meta(page);
        }
        expect("empty", [tables(image).page()], "its number, 5,")
    }),
    ("two tables of one name", Mended, |image| {
        let (from, to) = (image.table_row("flags"), image.table_row("numbers"));
        image.bytes.copy_within(from..from + 64, to);
        expect("flags", [tables(image).page()], "two tables of this name")
    }),
    ("tables out of order", Mended, |image| {
        let (one, other) = (image.table_row("flags"), image.table_row("numbers"));
        image.exchange(one, other, 104);
        expect(None, [tables(image).page()], "its keys do not ascend")
    }),
    ("a name that is not UTF-8", Mended, |image| {
        let row = image.table_row("numbers");
        image.bytes[row + 2] = 0xFF;
        expect(None, [tables(image).page()], "not UTF-8")
    }),
    ("bytes behind the zeros of a name", Mended, |image| {
        let row = image.table_row("numbers");
        image.bytes[row + 60] = b'x';
        expect("numbers", [tables(image).page()], "as the name of a table")
    }),
    ("a leaf size that no leaf has", Mended, |image| {
        let row = image.table_row("empty");
        image.put(row + 68, 100_u32.to_le_bytes());
        expect("empty", [tables(image).page()], "4,096 to")
    }),
    ("the mark of a unique index at a table", Mended, |image| {
        let row = image.table_row("wide");
        image.bytes[row + 74] = 1;
        expect("wide", [tables(image).page()], "bytes that nobody writes")
    }),
    ("a field of an unknown type", Mended, |image| {
        let row = image.field_row("numbers", 1);
        image.bytes[row + 8] = 99;
        expect("numbers", [fields(image).page()], "type code 99")
    }),
    ("a field that is not there", Mended, |image| {
        let row = image.field_row("numbers", 1);
        image.put(row + 4, 2_u16.to_le_bytes());
        expect("numbers", [fields(image).page()], "has 1 of its 3 fields")
    }),
    ("a field too many", Mended, |image| {
        let row = image.table_row("numbers");
        image.bytes[row + 72] = 2;
        expect("numbers", [fields(image).page()], "more than its 2 fields")
    }),
    ("fields of a table that is not there", Mended, |image| {
        let row = image.table_row("empty");
        image.put(row + 64, 0_u32.to_le_bytes());
        expect(None, [fields(image).page()], "and no such table")
    }),
    ("unknown marks of a field", Mended, |image| {
        let row = image.field_row("flags", 2);
        image.bytes[row + 10] |= 0x40;
        expect("flags", [fields(image).page()], "field \"on\" has bytes")
    }),
];
