//! The kinds of tables that the model tests make: schemas, and keys that Rust itself can order.

use std::cmp::Ordering;

use drystone::{Date, RowBuf, Schema, Timestamp, Uuid, Value};
use proptest::prelude::*;

/// One field of a key, ordered as Rust orders it.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Unsigned(u128),
    Signed(i64),
    Float(f64),
    Single(f32),
    Text(String),
    Bytes(Vec<u8>),
    Uuid([u8; 16]),
    Bool(bool),
    Date(i32),
    Timestamp(i64),
}

impl Part {
    fn value(&self) -> Value<'static> {
        match self {
            Part::Unsigned(number) => Value::Unsigned(*number),
            Part::Signed(number) => Value::from(*number),
            Part::Float(real) => Value::from(*real),
            Part::Single(real) => Value::from(*real),
            Part::Text(text) => Value::from(text.clone()),
            Part::Bytes(bytes) => Value::Bytes(bytes.clone().into()),
            Part::Uuid(bytes) => Value::Uuid(Uuid::from_bytes(*bytes)),
            Part::Bool(value) => Value::from(*value),
            Part::Date(days) => Value::Date(Date::from_days(*days)),
            Part::Timestamp(micros) => Value::Timestamp(Timestamp::from_micros(*micros)),
        }
    }
}

impl Ord for Part {
    fn cmp(&self, other: &Part) -> Ordering {
        match (self, other) {
            (Part::Unsigned(a), Part::Unsigned(b)) => a.cmp(b),
            (Part::Signed(a), Part::Signed(b)) | (Part::Timestamp(a), Part::Timestamp(b)) => a.cmp(b),
            (Part::Float(a), Part::Float(b)) => a.total_cmp(b),
            (Part::Single(a), Part::Single(b)) => a.total_cmp(b),
            (Part::Text(a), Part::Text(b)) => a.cmp(b),
            (Part::Bytes(a), Part::Bytes(b)) => a.cmp(b),
            (Part::Uuid(a), Part::Uuid(b)) => a.cmp(b),
            (Part::Bool(a), Part::Bool(b)) => a.cmp(b),
            (Part::Date(a), Part::Date(b)) => a.cmp(b),
            _ => panic!("two kinds of keys in one table"),
        }
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Part) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Part) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Part {}

/// A whole key, or its leading fields.
pub(super) type ModelKey = Vec<Part>;

/// The key as the store takes it.
pub(super) fn values(key: &[Part]) -> Vec<Value<'static>> {
    key.iter().map(Part::value).collect()
}

/// The kind of tables without a key.
pub(super) const NUMBERED: usize = 0;
/// The kind with a single `u64` as its key.
pub(super) const U64: usize = 1;

/// Key fields, other fields, and rows per leaf, of each kind. Rows are wide, so that a few make a
/// tall tree.
const KINDS: [(&str, usize); 12] = [
    ("v: u32, pad: bytes[600]", 8),
    ("id: u64 key, v: u32, pad: bytes[600]", 8),
    ("id: i32 key, v: u32, pad: bytes[1100]", 4),
    ("hour: i64 key, carrier: str[2] key, flight: u16 key, v: u32, pad: bytes[1100]", 4),
    ("x: f64 key, v: u32, pad: bytes[2100]", 2),
    ("name: str[14] key, v: u32, pad: bytes[1100]", 4),
    ("hash: bytes[40] key, v: u32, pad: bytes[1100]", 4),
    ("on: bool key, day: date key, at: timestamp key, n: u128 key, v: u32, pad: bytes[700]", 8),
    ("wide: str[250] key, v: u32, pad: bytes[4000]", 1),
    ("id: u32 key, v: u32, pad: bytes[503]", 16),
    ("id: uuid key, v: u32, pad: bytes[1100]", 4),
    ("a: i8 key, b: f32 key, c: i16 key, v: u32, pad: bytes[600]", 8),
];

/// Any kind of table with a key.
pub(super) fn any_kind() -> impl Strategy<Value = usize> {
    U64..KINDS.len()
}

/// Any kind of table.
pub(super) fn any_kind_or_none() -> impl Strategy<Value = usize> {
    0..KINDS.len()
}

pub(super) fn schema(kind: usize) -> Schema {
    KINDS[kind].0.parse().unwrap()
}

pub(super) fn leaf_rows(kind: usize) -> usize {
    KINDS[kind].1
}

/// The n-th key of a kind, n below 2,000; not in order, and at the edges of the type's range.
pub(super) fn key(kind: usize, n: u32) -> ModelKey {
    let signed = i64::from(n) - 1000;
    match kind {
        1 => vec![Part::Unsigned(u128::from(u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15)))],
        2 => vec![Part::Signed(signed * 2_147_483)],
        3 => vec![
            Part::Signed((signed / 50) << 40),
            Part::Text(["", "A", "AA", "UA", "é"][(n % 5) as usize].into()),
            Part::Unsigned(u128::from(n % 50 / 5 * 6553)),
        ],
        4 => vec![Part::Float(match n {
            0 => f64::NAN,
            1 => -f64::NAN,
            2 => f64::INFINITY,
            3 => f64::NEG_INFINITY,
            4 => -0.0,
            1000 => 0.0,
            _ => signed as f64 * 1.5e-300,
        })],
        5 => vec![Part::Text(format!("{:b}", n * 7))],
        6 => {
            let mut bytes = vec![(n % 3) as u8; 40];
            bytes[20..24].copy_from_slice(&n.to_be_bytes());
            vec![Part::Bytes(bytes)]
        }
        7 => vec![
            Part::Bool(n % 2 == 1),
            Part::Date((n / 2 % 10) as i32 - 5),
            Part::Timestamp((i64::from(n / 20 % 10) - 5) << 50),
            Part::Unsigned(u128::from(n / 200) << 120),
        ],
        8 => vec![Part::Text(format!("{}{n}", "long ".repeat(40)))],
        9 => vec![Part::Unsigned(u128::from(n.wrapping_mul(0x9E37_79B1)))],
        10 => vec![Part::Uuid((u128::from(n) * 0x0123_4567_89AB_CDEF_0123_4567_89AB).to_le_bytes())],
        11 => vec![
            Part::Signed(i64::from(n % 11) * 25 - 128),
            Part::Single((n / 11 % 13) as f32 * 1e30 - 5e30),
            Part::Signed(i64::from(n / 143) * 4681 - 32768),
        ],
        _ => panic!("kind {kind} has no key"),
    }
}

/// A row with this key. All bytes behind the key are made from `v`, so that bytes of another row
/// would show.
pub(super) fn row(schema: &Schema, key: &[Part], v: u32) -> RowBuf {
    let mut row = RowBuf::new(schema);
    for (at, part) in key.iter().enumerate() {
        row.set(at, part.value()).unwrap();
    }
    row.set("v", v).unwrap();
    let pad = schema.field("pad").unwrap();
    let seed = v.wrapping_mul(2_654_435_769).to_le_bytes();
    for (at, byte) in row.as_bytes_mut()[pad.offset()..pad.offset() + pad.width()].iter_mut().enumerate() {
        *byte = seed[at % 4] ^ at as u8;
    }
    row
}
