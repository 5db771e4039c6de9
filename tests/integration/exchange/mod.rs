//! Other formats in and out: files that other programs wrote, round trips of every type, damaged
//! files, and Python reading our files.

mod arrays;
#[cfg(feature = "parquet")]
mod c_stream;
#[cfg(feature = "parquet")]
mod damaged;
#[cfg(feature = "parquet")]
mod dictionaries;
mod json_lines;
#[cfg(feature = "parquet")]
mod python;
#[cfg(feature = "parquet")]
mod round_trips;
#[cfg(feature = "parquet")]
mod written_elsewhere;

use crate::random::Random;
use std::path::PathBuf;

use drystone::{EnumNames, FieldDef, Number, RecordSource, Result, Row, Schema, Type};

/// The folder of the files that other programs wrote.
fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/exchange")
}

/// All records of a source, side by side.
fn drain(schema: &Schema, source: &mut dyn RecordSource) -> Result<Vec<u8>> {
    let mut records = Vec::new();
    let mut record = vec![0; schema.width()];
    while source.next_record(&mut record)? {
        records.extend_from_slice(&record);
    }
    // At the end, and then always.
    assert!(!source.next_record(&mut record)?);
    Ok(records)
}

/// A schema with a field of every type, plain and with null, and a key.
fn every_type() -> Schema {
    let numbers = [
        Number::U8,
        Number::U16,
        Number::U32,
        Number::U64,
        Number::U128,
        Number::I8,
        Number::I16,
        Number::I32,
        Number::I64,
        Number::I128,
        Number::F32,
        Number::F64,
    ];
    let mut types =
        vec![Type::Bool, Type::Str(1), Type::Str(7), Type::Bytes(5), Type::Date, Type::Timestamp, Type::Uuid];
    types.push(r#"enum[b, a, "é, """, NA, null, "true"]"#.parse().unwrap());
    types.push(Type::Enum(EnumNames::new((0..300).map(|at| format!("n{at}"))).unwrap()));
    types.extend(numbers.map(Number::as_type));
    types.extend(numbers.map(|number| Type::Array(number, 3)));
    let mut fields = vec![FieldDef::new("the key", Type::U32).unwrap().key().unwrap()];
    for (at, ty) in types.iter().enumerate() {
        fields.push(FieldDef::new(&format!("plain{at}"), ty).unwrap());
        fields.push(FieldDef::new(&format!("null\"{at}é"), ty).unwrap().nullable().unwrap());
    }
    Schema::new(fields).unwrap()
}

/// Records of this schema: extremes, nulls and anything else. The key counts.
fn records(schema: &Schema, rows: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut records = Vec::with_capacity(rows * schema.width());
    for row in 0..rows {
        for field in schema.fields() {
            let start = records.len();
            if field.is_key() {
                records.extend_from_slice(&(row as u32).to_le_bytes());
            } else {
                value(field, &mut random, &mut records);
            }
            let stored = &records[start..];
            field.check(stored).unwrap_or_else(|error| panic!("{error}: {stored:?}"));
        }
    }
    records
}

fn value(field: &FieldDef, random: &mut Random, out: &mut Vec<u8>) {
    let (start, width) = (out.len(), field.width());
    if let (Some(null), 0) = (field.null(), random.below(4)) {
        return out.extend_from_slice(null);
    }
    let parts = if let Type::Array(_, length) = field.ty() { usize::from(*length) } else { 1 };
    match field.ty() {
        Type::Bool => out.push(random.below(2) as u8),
        Type::Enum(names) => {
            let position = random.below(names.len()) as u32;
            out.extend_from_slice(&position.to_le_bytes()[..width]);
        }
        Type::Str(_) => {
            let texts =
                ["", "a", "\"", "é", ",\n", "NA", "null", "0x1\t2", "東京!", "true", "1e5", "\\u0041", " a "];
            let fitting: Vec<&str> = texts.into_iter().filter(|text| text.len() <= width).collect();
            out.extend_from_slice(fitting[random.below(fitting.len())].as_bytes());
            out.resize(start + width, 0);
        }
        _ => {
            for _ in 0..parts {
                let part = out.len();
                match random.below(6) {
                    0 => out.resize(part + width / parts, 0),
                    1 => out.resize(part + width / parts, 0xFF),
                    // The least and the greatest of the signed numbers.
                    2 => out.resize(part + width / parts, 0),
                    3 => out.resize(part + width / parts, 0xFF),
                    _ => out.extend((0..width / parts).map(|_| random.below(256) as u8)),
                }
                if let Some(last) = out.last_mut() {
                    *last ^= 0x80 * u8::from(random.below(3) == 0);
                }
            }
        }
    }
    // What means null is no data; there is a null above.
    if field.is_null(&out[start..]) {
        out.truncate(start);
        out.resize(start + width, 1);
    }
}

/// Checks that these records have the same values. A NaN that was text may have other bits.
fn same_but_for_nans(schema: &Schema, before: &[u8], after: &[u8]) {
    assert_eq!(before.len(), after.len());
    for (before, after) in before.chunks_exact(schema.width()).zip(after.chunks_exact(schema.width())) {
        if before != after {
            let (before, after) = (Row::new(schema, before).unwrap(), Row::new(schema, after).unwrap());
            for at in 0..schema.fields().len() {
                // NaN prints as NaN; nothing else prints like another value.
                assert_eq!(before.get(at).unwrap().to_string(), after.get(at).unwrap().to_string());
                assert_eq!(before.is_null(at).unwrap(), after.is_null(at).unwrap());
            }
        }
    }
}

/// Stands in the list of tests where those of Arrow and Parquet are missing.
#[cfg(not(feature = "parquet"))]
#[test]
fn arrow_and_parquet_are_not_tested_without_the_feature_parquet() {
    eprintln!(
        "run `cargo test` in the workspace, or add `--features parquet`, to test Arrow and Parquet too"
    );
}
