//! A file of each version of the format: it must always open, and what is written now must be the
//! same as the newest one. `DRYSTONE_GOLDEN=write cargo test golden` writes the newest one again;
//! after a release, add another version instead.

use std::path::{Path, PathBuf};

use drystone::{
    Database, Dyn, FieldDef, LoadOptions, RecordSource, Result, RowBuf, Schema, TableOptions, Type,
};

use crate::format;
use crate::temp::{TempDb, assert_sound};

const PAGE: usize = 4096;

/// Golden files, and the versions of their format. What is written now is the last one.
///
/// `v2` is from a time when edited leaves were not joined before they were written.
const FILES: [(&str, u32); 3] = [("v1", 1), ("v2", 2), ("v2-joined", 2)];

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{file}.dry"))
}

/// Every type, with and without null, as key fields and as others.
const TYPES: &str = "on: bool key, tiny: i8 key, small: u16 key, name: str[5] key, day: date key, real: f32 key, \
    a: bool?, b: u8?, c: u16?, d: u32?, e: u64?, f: u128?, g: i8?, h: i16?, i: i32?, j: i64?, k: i128?, l: f32?, m: f64?, \
    n: str[7]?, o: bytes[3]?, p: date?, q: timestamp?, r: uuid?, s: i16[3]?, t: f64 = 2.5, u: u8[2], v: timestamp";

/// A row of all types by its text: the key, then a value for each field, then the extremes, then
/// nulls.
const ROWS: [&str; 4] = [
    "true|-128|65535|é|1969-12-31|-0|true|254|1|4294967294|5|340282366920938463463374607431768211454|-1|-32767|7|-8|9|\
     0.1|-1e300|Zürich|0x010203|2013-01-31|2013-01-01T10:00:00Z|67e55044-10b1-426f-9247-bb680e5fe0c8|[1, -2, 3]|1|\
     [255, 0]|1970-01-01T00:00:00.000001Z",
    "false|127|0||2013-01-31|NaN|||||||||||||||||||||[0, 0]|2000-02-29T23:59:59Z",
    "false|-128|1|a|-0044-03-15|-inf|false|0|0|0|0|0|127|32767|2147483647|9223372036854775807|\
     170141183460469231731687303715884105727|inf|5e-324||0x000000|9999-12-31|1900-01-01T00:00:00Z|\
     00000000-0000-0000-0000-000000000000|[0, 0, 0]|-0|[1, 2]|1969-12-31T23:59:59.999999Z",
    "true|0|7|zz|2024-02-29|1.5|||||||||||||||||||||[7, 7]|1970-01-01T00:00:00Z",
];

fn types() -> Schema {
    TYPES.parse().unwrap()
}

fn row_of_types(text: &str) -> RowBuf {
    let mut row = RowBuf::new(&types());
    for (at, text) in text.split('|').enumerate() {
        // The empty text is one where there is no null.
        if !text.is_empty() {
            row.set_text(at, text).unwrap();
        }
    }
    row
}

/// A table that only the second version has.
fn trades() -> Schema {
    let venues: Vec<String> = (0..300).map(|venue| format!("venue_{venue}")).collect();
    let text = format!(
        "side: enum[buy, sell, \"at once\"] key, number: u32 key, kind: enum[limit, market, stop]? = market, \
         venue: enum[{}], price: f64",
        venues.join(", ")
    );
    text.parse().unwrap()
}

fn trade_rows() -> Vec<RowBuf> {
    let trade = |n: u32| {
        let mut row = RowBuf::new(&trades());
        row.set("side", ["buy", "sell", "at once"][n as usize / 20]).unwrap();
        row.set("number", n).unwrap();
        row.set("kind", [Some("limit"), Some("market"), Some("stop"), None][n as usize % 4]).unwrap();
        row.set("venue", format!("venue_{}", n * 5)).unwrap();
        row.set("price", f64::from(n) / 8.0).unwrap();
        row
    };
    (0..60).map(trade).collect()
}

struct Records<F>(std::ops::Range<u32>, F);

impl<F: Fn(u32) -> RowBuf> RecordSource for Records<F> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        Ok(match self.0.next() {
            Some(n) => {
                record.copy_from_slice((self.1)(n).as_bytes());
                true
            }
            None => false,
        })
    }

    fn place(&self) -> u64 {
        self.0.start.into()
    }
}

fn points() -> Schema {
    "x: i32, y: i32, z: i32".parse().unwrap()
}

fn point(n: u32) -> RowBuf {
    RowBuf::from_values(&points(), [n as i32, -(n as i32), 7]).unwrap()
}

fn edges() -> Schema {
    "from: u32 key, to: i64 key, weight: f32".parse().unwrap()
}

fn edge(n: u32) -> RowBuf {
    let mut row = RowBuf::new(&edges());
    row.set("from", n / 10).unwrap();
    row.set("to", 5 - i64::from(n % 10)).unwrap();
    row.set("weight", n as f32 / 4.0).unwrap();
    row
}

/// The rows of the table of edges, in order.
fn edge_rows() -> Vec<RowBuf> {
    let mut rows: Vec<u32> = (0..4000).filter(|n| n % 100 > 0).collect();
    rows.sort_by_key(|n| (n / 10, std::cmp::Reverse(n % 10)));
    rows.into_iter().map(edge).collect()
}

/// Makes the database: loads, single edits, a removal, a new name, another field, a table without
/// rows, a dropped table, and enumerations.
fn write(db: &Database) -> Result<()> {
    let write = db.write()?;
    let mut table = write.create_dyn_table("all types", &types())?;
    ROWS.iter().try_for_each(|row| table.insert(&row_of_types(row)))?;
    drop(table);
    write.commit()?;

    let write = db.write()?;
    let mut table = write.create_dyn_table_with("points", &points(), &TableOptions::new().leaf_rows(512))?;
    table.load_from(&mut Records(0..1500, point), &LoadOptions::new())?;
    drop(table);
    let mut table = write.create_dyn_table_with("arcs", &edges(), &TableOptions::new().leaf_rows(256))?;
    table.load_from(&mut Records(0..4000, edge), &LoadOptions::new())?;
    drop(table);
    write.create_dyn_table("gone", &points())?.push(&point(1))?;
    write.create_dyn_table("empty", &points())?;
    write.commit()?;

    let write = db.write()?;
    let mut table = write.table::<Dyn>("arcs")?;
    for n in (0..4000).step_by(100) {
        let row = edge(n);
        table.remove(&[row.get("from")?, row.get("to")?])?;
    }
    drop(table);
    write.rename_table("arcs", "edges")?;
    write.drop_table("gone")?;
    write.commit()?;

    let write = db.write()?;
    write.append_field("points", FieldDef::new("label", Type::Str(3))?.nullable()?)?;
    let mut table = write.table::<Dyn>("points")?;
    table.set_field(&[3.into()], "label", "new")?;
    drop(table);
    write.commit()?;

    let write = db.write()?;
    let mut table = write.create_dyn_table("trades", &trades())?;
    trade_rows().iter().rev().try_for_each(|row| table.insert(row))?;
    drop(table);
    write.create_index("trades", "by kind", &["kind", "venue"])?;
    write.commit()
}

/// The points as they are after their field was appended.
fn point_rows(schema: &Schema) -> Vec<RowBuf> {
    let wide = |n| {
        let mut bytes = point(n).into_bytes();
        bytes.extend_from_slice(if n == 3 { b"new" } else { &[0xFF, 0, 0] });
        RowBuf::from_bytes(schema, bytes).unwrap()
    };
    (0..1500).map(wide).collect()
}

/// The rows of each table, in order.
fn expected(version: u32) -> Vec<(&'static str, Schema, Vec<RowBuf>)> {
    let wide: Schema = "x: i32, y: i32, z: i32, label: str[3]?".parse().unwrap();
    // In key order: false first, then by the small integers.
    let all_types = [2, 1, 0, 3].map(|row| row_of_types(ROWS[row]));
    let mut tables = vec![
        ("all types", types(), all_types.into()),
        ("edges", edges(), edge_rows()),
        ("empty", points(), Vec::new()),
        ("points", wide.clone(), point_rows(&wide)),
    ];
    if version > 1 {
        tables.push(("trades", trades(), trade_rows()));
    }
    tables
}

fn golden(file: &str) -> Vec<u8> {
    let is_newest = file == FILES[FILES.len() - 1].0;
    if is_newest && std::env::var_os("DRYSTONE_GOLDEN").is_some_and(|wanted| wanted == "write") {
        let temp = TempDb::new();
        write(&temp.open()).unwrap();
        std::fs::create_dir_all(path(file).parent().unwrap()).unwrap();
        std::fs::write(path(file), temp.bytes()).unwrap();
    }
    std::fs::read(path(file)).unwrap()
}

#[test]
fn files_of_every_version_still_open() {
    for (file, version) in FILES {
        let temp = TempDb::of_bytes(&golden(file));
        let db = temp.open();
        let report = assert_sound(&db);
        let read = db.read().unwrap();
        let expected = expected(version);
        assert_eq!(read.table_names().unwrap(), expected.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
        for (name, schema, rows) in &expected {
            let table = read.table::<Dyn>(name).unwrap();
            assert_eq!(table.schema(), schema);
            assert_eq!(table.schema().to_string(), schema.to_string(), "defaults too");
            let found: Vec<RowBuf> = table.iter().map(|row| row.unwrap().to_buf()).collect();
            assert!(found == *rows, "table {name:?} has other rows");
        }
        assert_eq!(report.rows, expected.iter().map(|(.., rows)| rows.len() as u64).sum::<u64>());
        assert!(
            read.table::<Dyn>("edges").unwrap().stats().unwrap().height > 0
                && read.table::<Dyn>("points").unwrap().stats().unwrap().height > 0
        );
        // And they take new commits, after which they are of the newest version.
        let write = db.write().unwrap();
        write.table::<Dyn>("points").unwrap().truncate(10).unwrap();
        write.create_dyn_table("new trades", &trades()).unwrap().insert(&trade_rows()[0]).unwrap();
        write.commit().unwrap();
        assert_sound(&db);
        drop((read, db));
        assert_sound(&temp.open());
        assert_eq!(temp.bytes()[8..12], [2, 0, 0, 0]);
    }
}

#[test]
fn files_of_every_version_are_what_the_page_says() {
    for (file, version) in FILES {
        let (mut found, _) = format::read(&golden(file));
        found.remove("by kind");
        let expected = expected(version);
        assert!(found.keys().eq(expected.iter().map(|(name, ..)| name)));
        for (name, schema, rows) in expected {
            let table = &found[name];
            assert_eq!(table.fields.len(), schema.fields().len());
            for (found, field) in table.fields.iter().zip(schema.fields()) {
                assert_eq!(found.name, field.name());
                assert_eq!(found.code, field.ty().code());
                let flags = u8::from(field.is_nullable()) | u8::from(field.is_key()) << 1;
                assert_eq!(found.flags, flags | u8::from(field.default().is_some()) << 2);
                assert_eq!(found.default, field.default().unwrap_or_default());
                assert!(
                    found
                        .names
                        .iter()
                        .map(String::as_str)
                        .eq(field.names().iter().flat_map(|names| names.iter()))
                );
            }
            assert!(table.rows.iter().eq(rows.iter().map(RowBuf::as_bytes)), "table {name:?} has other rows");
        }
    }
}

#[test]
fn what_is_written_now_is_what_was_written_then() {
    let (mut then, temp) = (golden(FILES[FILES.len() - 1].0), TempDb::new());
    write(&temp.open()).unwrap();
    let mut now = temp.bytes();
    for bytes in [&mut then, &mut now] {
        // The random id, and the checksums that it is part of.
        for page in [0, PAGE] {
            bytes[page + 16..page + 32].fill(0);
            bytes[page + PAGE - 4..page + PAGE].fill(0);
        }
    }
    assert_eq!(then.len(), now.len(), "the file has another length");
    let differs = then.iter().zip(&now).position(|(then, now)| then != now);
    assert_eq!(
        differs, None,
        "the first byte that differs; if that is meant, and old files open, write a second golden file"
    );
}
