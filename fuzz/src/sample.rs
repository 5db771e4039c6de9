//! Small databases with everything in them, and what the input does to their bytes.

use drystone::{
    Database, Durability, IndexOptions, Record, RowBuf, Schema, TableMut, TableOptions, Text, Unkeyed, Value,
    WriteTransaction,
};

use crate::Bytes;
use crate::format::{Image, Site};
use crate::place::{open, path};

/// Addressed by row number; leaves that do not end at pages.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
pub struct Point {
    pub x: i32,
    pub y: i32,
    pub z: i32,
}

/// A key of one word.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
pub struct Pair {
    #[record(key)]
    pub id: u64,
    pub value: u64,
}

/// A key of two fields.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
pub struct Edge {
    #[record(key)]
    pub from: u32,
    #[record(key)]
    pub to: i32,
    pub weight: f32,
}

/// A key so wide that a branch has fourteen children.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
pub struct Wide {
    #[record(key)]
    pub group: i16,
    #[record(key)]
    pub name: Text<250>,
    pub value: u32,
}

/// A row so wide that a small file has many leaves.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
pub struct Block {
    pub bytes: [u8; 2048],
}

/// Every type, and null where there can be one.
const EVERY: &str = "name: str[4] key, day: date key, flag: bool, maybe: bool?, a: u8?, b: u16?, c: u32?, d: u64?, e: u128?, \
    f: i8?, g: i16? = null, h: i32? = -7, i: i64?, j: i128?, k: f32?, l: f64? = 1.5, m: str[5]?, n: bytes[3]?, o: date?, \
    p: timestamp?, q: uuid?, r: f32[3]?, s: u8[4], t: bytes[2] = 0x00ff, u: timestamp, \
    v: enum[a, b, \"c d\"], w: enum[x, y]? = y";

/// Bytes of a sound database, and the numbers in it that are worth changing.
pub struct Sample {
    bytes: Vec<u8>,
    sites: Vec<Site>,
}

/// The samples: one with a table of each kind, one with commits that are not durable yet, one with
/// a tall tree.
pub fn samples() -> Vec<Sample> {
    [small as fn(&Database) -> drystone::Result<()>, unsynced, tall].map(build).into_iter().collect()
}

fn build(fill: fn(&Database) -> drystone::Result<()>) -> Sample {
    let path = path("sample.dry");
    let _ = std::fs::remove_file(&path);
    let db = open(&path).expect("a new database opens");
    fill(&db).expect("a sample can be written");
    // While it is open: closing would make the last commits durable.
    let bytes = std::fs::read(&path).expect("the sample can be read");
    let mut image = Image::new(bytes);
    let sites = image.sites();
    assert!(sites.len() > 100, "the format is not what this crate takes it for");
    let mut mended = Image::new(image.bytes.clone());
    mended.mend();
    assert!(mended.bytes == image.bytes, "a sound file is changed by mending it");
    Sample { bytes: image.bytes, sites }
}

fn small(db: &Database) -> drystone::Result<()> {
    let write = db.write()?;
    let options = TableOptions::new();
    let mut points = write.create_table_with::<Point>("points", &options.clone().leaf_rows(512))?;
    points.load((0..1500).map(|x| Point { x, y: -x, z: x * x }))?;
    drop(points);
    insert_pairs(&mut write.create_table_with("pairs", &options.clone().leaf_rows(256))?)?;
    let mut edges = write.create_table::<Edge>("edges")?;
    edges.load((0..300).map(|i| Edge { from: i % 17, to: 9 - i as i32, weight: 0.5 }))?;
    drop(edges);
    let mut wide = write.create_table_with::<Wide>("wide", &options.leaf_rows(16))?;
    let names = (0..300_u32).map(|i| i.wrapping_mul(2_654_435_761) >> 16);
    for (value, name) in (0..).zip(names) {
        wide.insert(&Wide { group: (value % 5) as i16 - 2, name: name.to_string().parse()?, value })?;
    }
    drop(wide);
    every(&write)?;
    // Of a table without a key and of those with one, unique or not, made before rows come and
    // after; one of a tree that has branches.
    for (table, name, fields, unique) in [
        ("points", "points by y", &["y"][..], false),
        ("pairs", "pairs by value", &["value"], true),
        ("edges", "edges by weight", &["weight", "to"], false),
        ("wide", "wide by name", &["name"], false),
        ("every", "every by text", &["m", "p"], false),
    ] {
        write.create_index_with(table, name, fields, &IndexOptions::new().unique(unique))?;
    }
    write.create_dyn_table("set", &"id: u32 key, tag: bytes[3] key".parse()?)?;
    write.create_dyn_table("empty", &"x: f64, note: str[6]?".parse()?)?;
    write.commit()
}

fn every(write: &WriteTransaction) -> drystone::Result<()> {
    let schema: Schema = EVERY.parse()?;
    let mut every = write.create_dyn_table("every", &schema)?;
    for i in 0..20_u8 {
        let mut row = RowBuf::new(&schema);
        row.set("name", format!("n{i}"))?;
        row.set_text("day", "2013-01-31")?;
        if i % 2 == 0 {
            for (field, text) in
                [("maybe", "true"), ("k", "1e-9"), ("m", "a,\"b"), ("n", "0x010203"), ("v", "c d")]
            {
                row.set_text(field, text)?;
            }
            row.set_text("q", "00112233-4455-6677-8899-aabbccddeeff")?;
            row.set_text("r", "[1, 2.5, -3]")?;
            row.set("e", Value::Unsigned(u128::MAX / 3))?;
        }
        every.insert(&row)?;
    }
    Ok(())
}

fn insert_pairs(pairs: &mut TableMut<'_, Pair>) -> drystone::Result<()> {
    (0..1000_u64)
        .try_for_each(|value| pairs.insert(&Pair { id: value.wrapping_mul(0x9E37_79B9_7F4A_7C15), value }))
}

/// Several small commits, the last of which are only listed: opening has to look at the list.
fn unsynced(db: &Database) -> drystone::Result<()> {
    for number in 0..5_i32 {
        let mut write = db.write()?;
        if number > 2 {
            write.set_durability(Durability::Eventual);
        }
        if number == 0 {
            write.create_table::<Pair>("pairs")?;
            write.create_table::<Point>("points")?;
            write.create_index("pairs", "pairs by value", &["value"])?;
            write.create_index_with("points", "points by x", &["x"], &IndexOptions::new().unique(true))?;
        }
        write.table::<Pair>("pairs")?.insert(&Pair { id: number as u64, value: 7 })?;
        push(&mut write.table("points")?, Point { x: number, y: 1, z: 2 })?;
        write.commit()?;
    }
    Ok(())
}

/// A tree without a key of two levels of branches.
fn tall(db: &Database) -> drystone::Result<()> {
    let write = db.write()?;
    let mut blocks = write.create_table_with::<Block>("blocks", &TableOptions::new().leaf_rows(2))?;
    blocks.load((0..600).map(|i| Block { bytes: [i as u8; 2048] }))?;
    drop(blocks);
    write.commit()
}

fn push<T: Record + Unkeyed>(table: &mut TableMut<'_, T>, row: T) -> drystone::Result<()> {
    table.push(&row).map(drop)
}

const ODD: [u64; 16] = [
    0,
    1,
    2,
    7,
    0x7F,
    0xFF,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    4096,
    8192,
    1 << 40,
    (1 << 62) + 1,
    1 << 63,
    u64::MAX - 4095,
    u64::MAX,
];

/// A file made of the input. Its first byte says of which sample, or whether the rest are the bytes
/// themselves; a change takes twelve bytes; then, unless the first byte asks to leave it out
/// (0x80), all checksums are made right.
pub fn database(samples: &[Sample], input: &[u8]) -> Vec<u8> {
    let mut input = Bytes(input);
    let how = input.u8();
    let mend = how & 0x80 == 0;
    let which = usize::from(how & 0x3F) % (samples.len() + 1);
    let mut image = match samples.get(which) {
        Some(sample) => changed(sample, &mut input),
        None => Image::new(input.0.to_vec()),
    };
    if mend {
        image.mend();
    }
    image.bytes
}

fn changed(sample: &Sample, input: &mut Bytes<'_>) -> Image {
    let mut image = Image::new(sample.bytes.clone());
    while !input.is_empty() {
        let (how, argument, site, number) = (input.u8(), input.u8(), input.u16(), input.u64());
        let site = sample.sites[usize::from(site) % sample.sites.len()];
        let other = sample.sites[(number % sample.sites.len() as u64) as usize];
        let len = image.bytes.len();
        let fits = |site: Site| site.at + site.width <= len;
        let at = (number % len.max(1) as u64) as usize;
        match how % 9 {
            0 if fits(site) => image.set(site, number),
            1 if fits(site) => image.set(site, image.get(site).wrapping_add(number)),
            2 if fits(site) => image.set(site, ODD[usize::from(argument) % ODD.len()]),
            3 if fits(site) && fits(other) => image.set(site, image.get(other)),
            4 if fits(site) => image.set(site, argument.into()),
            5 if fits(site) => image.set(site, image.get(site) ^ 1 << (argument % 64)),
            6 if len > 0 => image.bytes[at] = argument,
            7 if fits(site) && fits(other) => {
                // A whole page over another: what is behind the one number is behind the other.
                let (from, to) = (other.at / 4096 * 4096, site.at / 4096 * 4096);
                let end = (from + 4096).min(len).min(len - to.min(len) + from);
                image.bytes.copy_within(from..end, to);
            }
            8 => image.bytes.truncate(at),
            _ => {}
        }
    }
    image
}
