//! Sums and ends of a field of packed records in memory.

use drystone::Number;
use pyo3::prelude::*;

use crate::layout::{FieldInfo, Kind, bytes, decode};

/// What a field comes to.
pub(crate) enum Folded {
    None,
    Whole(i128),
    Real(f64),
    /// The stored bytes of a value.
    Stored(Vec<u8>),
}

impl Folded {
    pub(crate) fn into_object<'py>(self, py: Python<'py>, field: &FieldInfo) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Folded::None => py.None().into_bound(py),
            Folded::Whole(number) => number.into_pyobject(py)?.into_any(),
            Folded::Real(number) => pyo3::types::PyFloat::new(py, number).into_any(),
            Folded::Stored(stored) => decode(py, field, &stored)?,
        })
    }
}

/// How many records are added up before the sum is carried over.
const CHUNK_ROWS: usize = 4096;

/// `sum`, `min`, `max` or `count` of a field; `None` where the type has none.
pub(crate) fn fold(records: &[u8], width: usize, field: &FieldInfo, what: &str) -> Option<(u64, Folded)> {
    let at = field.offset;
    if what == "count" {
        let is_there = |record: &&[u8]| !field.def.is_null(&record[at..at + field.width]);
        let count = if field.nullable {
            records.chunks_exact(width).filter(is_there).count()
        } else {
            records.len() / width
        };
        return Some((count as u64, Folded::None));
    }
    macro_rules! whole {
        ($type:ty, $wide:ty) => {{
            const BYTES: usize = size_of::<$type>();
            let null = field.def.null().map(|null| <$type>::from_le_bytes(bytes(null)));
            let read = |record: &[u8]| <$type>::from_le_bytes(bytes(&record[at..at + BYTES]));
            match (what, null) {
                ("sum", None) => {
                    let mut total = 0i128;
                    for chunk in records.chunks(CHUNK_ROWS * width) {
                        let sum: $wide =
                            chunk.chunks_exact(width).map(|record| <$wide>::from(read(record))).sum();
                        total += i128::from(sum);
                    }
                    Some(((records.len() / width) as u64, Folded::Whole(total)))
                }
                ("sum", Some(null)) => {
                    let (mut total, mut count) = (0i128, 0u64);
                    for chunk in records.chunks(CHUNK_ROWS * width) {
                        let mut sum: $wide = 0;
                        for record in chunk.chunks_exact(width) {
                            let value = read(record);
                            let is_value = value != null;
                            sum += if is_value { <$wide>::from(value) } else { 0 };
                            count += u64::from(is_value);
                        }
                        total += i128::from(sum);
                    }
                    Some((count, Folded::Whole(total)))
                }
                _ => {
                    let values = records.chunks_exact(width).map(read).filter(|value| Some(*value) != null);
                    let best = if what == "min" { values.min() } else { values.max() };
                    let found = best.map(|value| value.to_le_bytes().to_vec());
                    Some((u64::from(found.is_some()), found.map_or(Folded::None, Folded::Stored)))
                }
            }
        }};
    }
    macro_rules! real {
        ($type:ty) => {{
            const BYTES: usize = size_of::<$type>();
            let read = |record: &[u8]| <$type>::from_le_bytes(bytes(&record[at..at + BYTES]));
            let is_there = |record: &[u8]| !(field.nullable && field.def.is_null(&record[at..at + BYTES]));
            if what == "sum" {
                // The sums of short runs, and the rounding of their sum kept beside it.
                let (mut total, mut lost, mut count) = (0f64, 0f64, 0u64);
                for chunk in records.chunks(128 * width) {
                    let mut sum = 0f64;
                    for record in chunk.chunks_exact(width) {
                        if is_there(record) {
                            sum += f64::from(read(record));
                            count += 1;
                        }
                    }
                    let next = total + sum;
                    if next.is_finite() {
                        lost += if total.abs() >= sum.abs() {
                            (total - next) + sum
                        } else {
                            (sum - next) + total
                        };
                    }
                    total = next;
                }
                return Some((count, Folded::Real(total + lost)));
            }
            let values = records.chunks_exact(width).filter(|record| is_there(record)).map(read);
            // NaN is greater than all other numbers, as in queries.
            let order = |one: &$type, other: &$type| match (one.is_nan(), other.is_nan()) {
                (false, false) => one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal),
                (one, other) => one.cmp(&other),
            };
            let best = if what == "min" { values.min_by(order) } else { values.max_by(order) };
            let found = best.map(|value| value.to_le_bytes().to_vec());
            Some((u64::from(found.is_some()), found.map_or(Folded::None, Folded::Stored)))
        }};
    }
    match field.kind {
        Kind::Number(number) => match number {
            Number::U8 => whole!(u8, i64),
            Number::U16 => whole!(u16, i64),
            Number::U32 => whole!(u32, i64),
            Number::I8 => whole!(i8, i64),
            Number::I16 => whole!(i16, i64),
            Number::I32 => whole!(i32, i64),
            Number::U64 => whole!(u64, i128),
            Number::I64 => whole!(i64, i128),
            Number::I128 if what != "sum" => whole!(i128, i128),
            Number::U128 if what != "sum" => {
                let null = field.def.null().map(|null| u128::from_le_bytes(bytes(null)));
                let read = |record: &[u8]| u128::from_le_bytes(bytes(&record[at..at + 16]));
                let values = records.chunks_exact(width).map(read).filter(|value| Some(*value) != null);
                let best = if what == "min" { values.min() } else { values.max() };
                let found = best.map(|value| value.to_le_bytes().to_vec());
                Some((u64::from(found.is_some()), found.map_or(Folded::None, Folded::Stored)))
            }
            Number::F32 => real!(f32),
            Number::F64 => real!(f64),
            _ => None,
        },
        Kind::Date if what != "sum" => whole!(i32, i64),
        Kind::Timestamp if what != "sum" => whole!(i64, i128),
        Kind::Enum if what != "sum" && field.width == 1 => whole!(u8, i64),
        Kind::Enum if what != "sum" => whole!(u16, i64),
        Kind::Bool if what != "sum" => whole!(u8, i64),
        Kind::Str | Kind::Bytes | Kind::Uuid if what != "sum" => {
            let values = records.chunks_exact(width).map(|record| &record[at..at + field.width]);
            let values = values.filter(|stored| !field.def.is_null(stored));
            let best = if what == "min" { values.min() } else { values.max() };
            let found = best.map(<[u8]>::to_vec);
            Some((u64::from(found.is_some()), found.map_or(Folded::None, Folded::Stored)))
        }
        _ => None,
    }
}
