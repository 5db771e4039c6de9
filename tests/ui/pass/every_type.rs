//! Every type, a key of two fields, other names and defaults, packed in several ways.

use drystone::{Bool, Date, Key, Keyed, Nullable, Record, Text, Timestamp, Uuid};

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Everything {
    #[record(key)]
    region: Text<2>,
    #[record(key)]
    id: u64,
    flag: Bool,
    a: u8,
    b: u16,
    c: u32,
    d: u128,
    e: i8,
    f: i16,
    g: i32,
    h: i64,
    i: i128,
    j: f32,
    k: f64,
    bytes: [u8; 5],
    day: Date,
    at: Timestamp,
    uuid: Uuid,
    vector: [f32; 3],
    #[record(rename = "dep delay")]
    delay: Nullable<i16>,
    r#type: drystone::Nullable<[i32; 2]>,
}

#[derive(Clone, Copy, Record)]
#[repr(C, packed(2))]
struct Defaults {
    #[record(key)]
    id: u16,
    #[record(default = -5)]
    x: i32,
    #[record(default = 1_000)]
    count: u16,
    #[record(default = 0.5)]
    ratio: f64,
    #[record(default = true)]
    good: Bool,
    #[record(default = "a")]
    grade: Text<1>,
    #[record(default = "2013-01-31")]
    day: Date,
    #[record(default = [1, -2, 3])]
    vector: [i16; 3],
    #[record(default = null)]
    delay: Nullable<i16>,
    #[record(default = 7)]
    gate: Nullable<u16>,
}

fn keyed<T: Record + Keyed>(key: T::Key) -> Vec<u8> {
    let mut stored = vec![0; T::Key::WIDTH];
    key.encode(&mut stored);
    stored
}

fn main() -> drystone::Result<()> {
    assert_eq!(
        Everything::schema().to_string(),
        "region: str[2] key, id: u64 key, flag: bool, a: u8, b: u16, c: u32, d: u128, e: i8, f: i16, g: i32, h: i64, \
         i: i128, j: f32, k: f64, bytes: bytes[5], day: date, at: timestamp, uuid: uuid, vector: f32[3], \
         \"dep delay\": i16?, type: i32[2]?"
    );
    assert_eq!(Everything::schema().width(), size_of::<Everything>());
    assert_eq!(keyed::<Everything>((Text::new("EU")?, 1)), *b"EU\x01\0\0\0\0\0\0\0");
    assert_eq!(keyed::<Defaults>(258), [2, 1]);
    assert_eq!(
        Defaults::schema().to_string(),
        "id: u16 key, x: i32 = -5, count: u16 = 1000, ratio: f64 = 0.5, good: bool = true, grade: str[1] = \"a\", \
         day: date = 2013-01-31, vector: i16[3] = [1, -2, 3], delay: i16? = null, gate: u16? = 7"
    );
    Ok(())
}
