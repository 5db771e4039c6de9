//! A second reader of the format, written from `docs/format.md` alone. It takes the offsets from
//! the tables there, so that neither the page nor the code can change without the other.

use std::collections::BTreeMap;
use std::ops::Range;

const PAGE: usize = 4096;
const FORMAT: &str = include_str!("../../docs/format.md");

/// A table of the page: offset, bytes and meaning of each part of something.
struct Parts(Vec<(String, String, String)>);

/// The numbers that stand for letters in offsets.
#[derive(Clone, Copy, Default)]
struct Letters {
    children: usize,
    key: usize,
}

impl Parts {
    /// The first table below a heading whose text, up to the table, ends with `before`.
    fn find(heading: &str, before: &str) -> Parts {
        let section = FORMAT.split("\n## ").find(|section| section.starts_with(heading)).expect(heading);
        let table = &section[section.find(before).expect(before)..];
        let table = &table[table.find("| offset |").expect("a table of offsets")..];
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let parts = rows.map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [offset, bytes, what] = cells[..] else { panic!("{row}") };
            (offset.to_owned(), bytes.to_owned(), what.to_owned())
        });
        Parts(parts.collect())
    }

    /// Where the part that begins with this word is.
    fn at(&self, what: &str, letters: Letters) -> Range<usize> {
        let mut found = self.0.iter().filter(|(_, _, meaning)| meaning.starts_with(what));
        let (offset, bytes, _) = found.next().unwrap_or_else(|| panic!("{what} is not in the table"));
        assert!(found.next().is_none(), "{what} is twice in the table");
        let offset = evaluate(offset, letters);
        offset..offset + evaluate(bytes, letters)
    }

    /// Every part begins where the one before it ends. Returns where the last one ends.
    fn assert_without_gaps(&self, letters: Letters) -> usize {
        self.0.iter().fold(0, |end, (offset, bytes, what)| {
            assert_eq!(evaluate(offset, letters), end, "the place of {what}");
            end + evaluate(bytes, letters)
        })
    }
}

/// The value of `8 + C·(K + 16)`.
fn evaluate(text: &str, letters: Letters) -> usize {
    fn sum(rest: &mut &str, letters: Letters) -> usize {
        let mut value = product(rest, letters);
        while let Some(after) = rest.strip_prefix('+') {
            *rest = after;
            value += product(rest, letters);
        }
        value
    }
    fn product(rest: &mut &str, letters: Letters) -> usize {
        let mut value = one(rest, letters);
        while let Some(after) = rest.strip_prefix(['·', '×']) {
            *rest = after;
            value *= one(rest, letters);
        }
        value
    }
    fn one(rest: &mut &str, letters: Letters) -> usize {
        let text = *rest;
        let first = text.chars().next().expect("a number or a letter");
        *rest = &text[first.len_utf8()..];
        match first {
            'C' => letters.children,
            'K' => letters.key,
            '(' => {
                let value = sum(rest, letters);
                *rest = rest.strip_prefix(')').expect("a closing bracket");
                value
            }
            _ => {
                let end = text.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(text.len());
                *rest = &text[end..];
                text[..end].replace(',', "").parse().unwrap_or_else(|_| panic!("{text} is no number"))
            }
        }
    }
    let text = text.replace(' ', "");
    let mut rest = &text[..];
    let value = sum(&mut rest, letters);
    assert!(rest.is_empty(), "{rest} is left of {text}");
    value
}

/// As the page says below "Branch".
fn children(key: usize) -> usize {
    assert!(FORMAT.contains("C = ⌊(4096 − 8) / (K + 20)⌋"));
    (PAGE - 8) / (key + 20)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// "A root is 24 bytes: address u64, rows u64, checksum u32, height u16, array u16."
#[derive(Clone, Copy)]
struct Root {
    address: usize,
    rows: u64,
    checksum: u32,
    height: u32,
}

impl Root {
    fn read(bytes: &[u8]) -> Root {
        assert!(
            FORMAT
                .contains("A root is 24 bytes: address u64, rows u64, checksum u32, height u16, array u16.")
        );
        Root {
            address: number(&bytes[..8]) as usize,
            rows: number(&bytes[8..16]),
            checksum: number(&bytes[16..20]) as u32,
            height: number(&bytes[20..22]) as u32,
        }
    }
}

/// What a tree's nodes are made of.
#[derive(Clone, Copy)]
struct Shape {
    width: usize,
    key: usize,
    leaf_rows: u64,
}

/// A table as the format says that it lies in the file.
pub(crate) struct Found {
    /// Name, type code, element code, length, flags and default of each field.
    pub(crate) fields: Vec<FoundField>,
    /// The records, in order.
    pub(crate) rows: Vec<Vec<u8>>,
}

pub(crate) struct FoundField {
    pub(crate) name: String,
    pub(crate) code: (u8, u8, u16),
    pub(crate) flags: u8,
    pub(crate) default: Vec<u8>,
    /// Of an enumeration.
    pub(crate) names: Vec<String>,
}

impl FoundField {
    /// The width of a value, by the table of values.
    fn width(&self) -> usize {
        fn scalar(code: u8) -> usize {
            match code {
                1 | 2 | 7 => 1,
                3 | 8 => 2,
                4 | 9 | 12 | 16 => 4,
                5 | 10 | 13 | 17 => 8,
                6 | 11 | 18 => 16,
                _ => panic!("no scalar has code {code}"),
            }
        }
        match self.code {
            (14 | 15, _, length) => length.into(),
            (19, element, length) => usize::from(length) * scalar(element),
            (20, ..) => 1 + usize::from(self.names.len() > 256),
            (code, ..) => scalar(code),
        }
    }
}

/// A file, read by the page.
struct File<'f> {
    bytes: &'f [u8],
    nodes: Vec<Range<usize>>,
}

impl<'f> File<'f> {
    /// The records of a tree, checked against the checksums on the way.
    fn tree(&mut self, root: Root, shape: Shape) -> Vec<&'f [u8]> {
        let mut records = Vec::new();
        if root.rows > 0 {
            self.node(root, shape, &mut records);
        }
        assert_eq!(records.len() as u64, root.rows);
        records
    }

    fn node(&mut self, node: Root, shape: Shape, records: &mut Vec<&'f [u8]>) {
        let len = if node.height == 0 { node.rows as usize * shape.width } else { PAGE };
        let range = node.address..node.address + len;
        let bytes = &self.bytes[range.clone()];
        assert_eq!(crc32fast::hash(bytes), node.checksum, "the node at {range:?}");
        self.nodes.push(range);
        if node.height == 0 {
            records.extend(bytes.chunks_exact(shape.width));
            return;
        }
        assert!(node.address.is_multiple_of(PAGE), "a branch lies at a page");
        let letters = Letters { children: children(shape.key), key: shape.key };
        let keyed = shape.key > 0;
        let parts = Parts::find("Branch", if keyed { "With a key" } else { "Without a key" });
        let (addresses, checksums) = (parts.at("addresses", letters), parts.at("checksums", letters));
        let full = shape.leaf_rows * 256_u64.pow(node.height - 1);
        let count = if keyed {
            assert_eq!(number(&bytes[parts.at("level", letters)]), u64::from(node.height));
            number(&bytes[parts.at("children", letters)])
        } else {
            node.rows.div_ceil(full)
        };
        for child in 0..count as usize {
            let rows = if keyed {
                number(&bytes[parts.at("rows below", letters)][child * 8..][..8])
            } else {
                full.min(node.rows - child as u64 * full)
            };
            let below = Root {
                address: number(&bytes[addresses.clone()][child * 8..][..8]) as usize,
                rows,
                checksum: number(&bytes[checksums.clone()][child * 4..][..4]) as u32,
                height: node.height - 1,
            };
            self.node(below, shape, records);
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap().trim_end_matches('\0').to_owned()
}

/// The places of both meta pages and of all nodes.
pub(crate) fn nodes(bytes: &[u8]) -> Vec<Range<usize>> {
    read(bytes).1
}

/// All tables of the newest state by name, read by the page, and the places of all that was read.
pub(crate) fn read(bytes: &[u8]) -> (BTreeMap<String, Found>, Vec<Range<usize>>) {
    let no = Letters::default();
    let parts = Parts::find("Meta page", "");
    let metas = [0, PAGE].map(|at| &bytes[at..at + PAGE]);
    for meta in metas {
        assert_eq!(&meta[parts.at("magic", no)], b"drystone");
        // A file of version 1 is read as one of version 2.
        assert!([1, 2].contains(&number(&meta[parts.at("format version", no)])));
        assert_eq!(number(&meta[parts.at("zeros", no)]), 0);
        let checked = &meta[..parts.at("checksum", no).start];
        assert_eq!(u64::from(crc32fast::hash(checked)), number(&meta[parts.at("checksum", no)]));
    }
    let transaction = |meta: &&&[u8]| number(&meta[parts.at("transaction", no)]);
    let meta = metas.iter().max_by_key(transaction).unwrap();
    let file_bytes = number(&meta[parts.at("file_bytes", no)]) as usize;
    let mut file = File { bytes: &bytes[..file_bytes], nodes: vec![0..PAGE, PAGE..2 * PAGE] };

    let (tables, fields) = (Parts::find("Catalog", "Tables, with"), Parts::find("Catalog", "Fields, with"));
    let pieces = Parts::find("Catalog", "pieces of");
    let piece = pieces.at("piece of the names", no);
    let (table_width, field_width) = (tables.assert_without_gaps(no), fields.assert_without_gaps(no));
    let key = tables.at("name", no).len();
    let shape = Shape { width: table_width, key, leaf_rows: 0 };
    let table_rows = file.tree(Root::read(&meta[parts.at("root of the tables", no)]), shape);
    let key = fields.at("table number", no).len() + fields.at("position", no).len();
    let shape = Shape { width: field_width, key, leaf_rows: 0 };
    let field_rows = file.tree(Root::read(&meta[parts.at("root of the fields", no)]), shape);

    let mut found = BTreeMap::new();
    for table in table_rows {
        let id = &table[tables.at("table number", no)];
        let own = field_rows.iter().filter(|field| &field[fields.at("table number", no)] == id);
        let is_piece = |row: &&&[u8]| number(&row[fields.at("position", no)]) >= 1024;
        let mut stream = own.clone().filter(is_piece).flat_map(|row| row[piece.clone()].iter().copied());
        let mut read: Vec<FoundField> = own
            .filter(|row| !is_piece(row))
            .map(|field| {
                let byte = |what| field[fields.at(what, no).start];
                let length = number(&field[fields.at("length", no)]) as u16;
                let default_len: usize = byte("bytes of the default").into();
                FoundField {
                    name: text(&field[fields.at("name", no)]),
                    code: (byte("type code"), byte("code of the element"), length),
                    flags: byte("flags"),
                    default: field[fields.at("default", no)][..default_len].to_vec(),
                    names: Vec::new(),
                }
            })
            .collect();
        for field in read.iter_mut().filter(|field| field.code.0 == 20) {
            let count = if field.code.2 == 0 { 65_536 } else { field.code.2.into() };
            for _ in 0..count {
                let length = stream.next().expect("the length of a name").into();
                field.names.push(String::from_utf8(stream.by_ref().take(length).collect()).unwrap());
            }
        }
        assert!(stream.all(|byte| byte == 0), "what is left of the last piece");
        assert_eq!(read.len() as u64, number(&table[tables.at("fields", no)]));
        let width: usize = read.iter().map(FoundField::width).sum();
        let is_index = number(&table[tables.at("owner", no)]) > 0;
        let shape = Shape {
            width,
            key: if is_index {
                width
            } else {
                read.iter().filter(|field| field.flags & 2 > 0).map(FoundField::width).sum()
            },
            leaf_rows: number(&table[tables.at("leaf_rows", no)]),
        };
        let rows = file.tree(Root::read(&table[tables.at("root", no)]), shape);
        let rows = rows.into_iter().map(<[u8]>::to_vec).collect();
        found.insert(text(&table[tables.at("name", no)]), Found { fields: read, rows });
    }
    (found, file.nodes)
}

#[test]
fn the_tables_of_the_page_have_no_gaps() {
    let no = Letters::default();
    assert_eq!(Parts::find("Meta page", "").assert_without_gaps(no), PAGE);
    assert_eq!(Parts::find("Branch", "Without a key").assert_without_gaps(no), PAGE);
    for key in 1..=256 {
        let letters = Letters { children: children(key), key };
        let end = Parts::find("Branch", "With a key").assert_without_gaps(letters);
        assert!(end <= PAGE && PAGE - end < key + 20, "keys of {key} bytes: {end}");
    }
    assert_eq!(Parts::find("Catalog", "Tables, with").assert_without_gaps(no), 104);
    assert_eq!(Parts::find("Catalog", "Fields, with").assert_without_gaps(no), 140);
    assert_eq!(Parts::find("Catalog", "pieces of").assert_without_gaps(no), 140);
}
