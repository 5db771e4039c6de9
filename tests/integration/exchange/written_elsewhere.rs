//! Files that pyarrow, pandas and polars wrote (tests/data/exchange/write.py): types, values, and
//! what is refused.

use std::fs::File;

use drystone::arrow::{self, Inferred};
use drystone::{Result, Row, Schema, parquet};

use super::{data, drain};

/// A file of the folder.
fn open(name: &str) -> File {
    File::open(data().join(name)).unwrap()
}

fn infer(name: &str) -> Result<Inferred> {
    match name.rsplit_once('.').unwrap().1 {
        "parquet" => parquet::Options::new().name(name).infer(open(name)),
        "arrows" => arrow::Options::new().name(name).infer_stream(open(name)),
        _ => arrow::Options::new().name(name).infer(open(name)),
    }
}

fn reader(name: &str, ignore_unknown: bool, schema: &Schema) -> Result<arrow::Reader> {
    let options = arrow::Options::new().name(name).ignore_unknown(ignore_unknown);
    match name.rsplit_once('.').unwrap().1 {
        "parquet" => {
            parquet::Options::new().name(name).ignore_unknown(ignore_unknown).reader(schema, open(name))
        }
        "arrows" => options.stream_reader(schema, open(name)),
        _ => options.reader(schema, open(name)),
    }
}

/// The inferred schema and the rows as text.
fn read(name: &str) -> (Schema, Vec<String>) {
    let schema = infer(name).unwrap().schema().clone();
    let records = drain(&schema, &mut reader(name, false, &schema).unwrap()).unwrap();
    let rows = records.chunks_exact(schema.width());
    let rows = rows.map(|record| Row::new(&schema, record).unwrap().to_string()).collect();
    (schema, rows)
}

const TYPES: &str = "truth: bool?, i8: i8, u8: u8, i8_null: i8?, i16: i16, u16: u16, i16_null: i16?, i32: i32, u32: u32, \
     i32_null: i32?, i64: i64, u64: u64, i64_null: i64?, wider: u16?, half: f32, single: f32?, double: f64, text: str[6], \
     large: str[3]?, view: str[33]?, words: str[3]?, fixed: bytes[3]?, binary: bytes[2]?, id: uuid, day: date?, \
     day64: date, seconds: timestamp, millis: timestamp?, micros: timestamp, nanos: timestamp, list: i16[2]?, \
     fixed_list: f32[3]";

const ROWS: [&str; 3] = [
    "truth: true, i8: -128, u8: 0, i8_null: -127, i16: -32768, u16: 0, i16_null: -32767, i32: -2147483648, u32: 0, \
     i32_null: -2147483647, i64: -9223372036854775808, u64: 0, i64_null: -9223372036854775807, wider: 0, half: 0.5, \
     single: 0.1, double: 0.1, text: , large: a, view: a, words: yes, fixed: 0x000000, binary: 0x0001, \
     id: 00000000-0000-0000-0000-000000001234, day: 2013-07-04, day64: 2013-07-04, seconds: 1970-01-01T00:00:00Z, \
     millis: 2013-07-04T12:00:00.25Z, micros: 2013-07-04T12:00:00.25Z, nanos: 1970-01-01T00:00:00.000001Z, \
     list: [1, 2], fixed_list: [1, 2, 3]",
    "truth: false, i8: 127, u8: 255, i8_null: 127, i16: 32767, u16: 65535, i16_null: 32767, i32: 2147483647, \
     u32: 4294967295, i32_null: 2147483647, i64: 9223372036854775807, u64: 18446744073709551615, \
     i64_null: 9223372036854775807, wider: 255, half: -2, single: inf, double: NaN, text: é, large: null, view: null, \
     words: no, fixed: 0x616263, binary: 0x0203, id: 00000000-0000-0000-0000-000000001235, day: 0001-01-01, \
     day64: 2013-07-04, seconds: 1970-01-01T00:00:01Z, millis: 2013-07-04T12:00:00.25Z, \
     micros: 2013-07-04T12:00:00.25Z, nanos: 1969-12-31T23:59:59.999999Z, list: [3, 4], fixed_list: [4, 5, 6]",
    "truth: null, i8: 0, u8: 1, i8_null: null, i16: 0, u16: 1, i16_null: null, i32: 0, u32: 1, i32_null: null, i64: 0, \
     u64: 1, i64_null: null, wider: null, half: 65504, single: null, double: -1.7976931348623157e308, text: 東京, \
     large: abc, view: longer than what is kept in place, words: null, fixed: null, binary: null, \
     id: 00000000-0000-0000-0000-000000001236, day: null, day64: 9999-12-31, seconds: 1970-01-01T00:00:02Z, \
     millis: null, micros: 2013-07-04T12:00:00.25Z, nanos: 1970-01-01T00:00:00Z, list: null, fixed_list: [7, 8, 9]",
];

#[test]
fn pyarrow_writes_every_type() {
    for name in ["pyarrow.arrow", "pyarrow.arrows", "pyarrow.parquet"] {
        let (schema, rows) = read(name);
        assert_eq!(schema, TYPES.parse().unwrap(), "{name}");
        assert_eq!(rows, ROWS, "{name}");
    }
}

#[test]
fn parquet_without_arrow_types_has_those_of_parquet() {
    let (schema, rows) = read("plain.parquet");
    // These five columns were left out.
    let left_out = ["half", "day64", "seconds", "nanos", "fixed_list"];
    let of = |text: &str| {
        let kept = |part: &&str| !left_out.iter().any(|name| part.starts_with(&format!("{name}: ")));
        text.replace(", fixed_list", ",fixed_list").split(", ").filter(kept).collect::<Vec<_>>().join(", ")
    };
    let types = of(TYPES).split(",fixed_list").next().unwrap().to_owned();
    assert_eq!(schema, types.parse().unwrap());
    for (row, expected) in rows.iter().zip(ROWS) {
        assert_eq!(row, of(expected).split(",fixed_list").next().unwrap());
    }
    // But the bytes of the uuid may be asked for as what they are.
    let schema: Schema = "id: bytes[16] key".parse().unwrap();
    let mut records = reader("plain.parquet", true, &schema).unwrap();
    let records = drain(&schema, &mut records).unwrap();
    assert_eq!(records[..16], 0x1234_u128.to_be_bytes());
}

#[test]
fn pandas_and_polars_write_frames() {
    let frame = "id: i64, delay: f64?, carrier: str[2]?, seen: timestamp?, late: bool";
    let rows = [
        "id: 3, delay: 1.5, carrier: UA, seen: 2013-07-04T12:00:00.25Z, late: true",
        "id: 1, delay: null, carrier: AA, seen: null, late: false",
        "id: 2, delay: -2, carrier: null, seen: 2013-07-04T12:00:00.25Z, late: true",
    ];
    let pandas = [", missing: 7, class: b", ", missing: null, class: a", ", missing: 9, class: b"];
    let polars = [
        ", class: b, vector: [1, 2], raw: 0x6162",
        ", class: a, vector: [3, 4], raw: 0x6364",
        ", class: b, vector: [5, 6], raw: null",
    ];
    for (name, types, more) in [
        ("pandas", ", missing: i16?, class: str[1]", pandas),
        ("polars", ", class: str[1], vector: f32[2], raw: bytes[2]?", polars),
    ] {
        for suffix in ["arrow", "parquet"] {
            let (schema, read) = read(&format!("{name}.{suffix}"));
            assert_eq!(schema, format!("{frame}{types}").parse().unwrap(), "{name}.{suffix}");
            assert_eq!(read, std::array::from_fn::<_, 3, _>(|at| format!("{}{}", rows[at], more[at])));
        }
    }
}

#[test]
fn what_no_field_holds_is_refused_with_a_way_out() {
    for (name, expected) in [
        ("struct", "make each of its members a column of its own"),
        ("time", "no field holds the Arrow type Time32(s); cast it to int64"),
        ("ragged", "column \"ragged\": lists of lengths from 1 to 2; a field has one length"),
        ("texts", "only lists of numbers become arrays"),
    ] {
        let error = infer(&format!("refused-{name}.arrow")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let schema: Schema = format!("keep: i32, {name}: f64").parse().unwrap();
        let error = reader(&format!("refused-{name}.arrow"), false, &schema)
            .and_then(|mut records| drain(&schema, &mut records));
        assert!(error.is_err(), "{name}");
    }
}

#[test]
fn decimals_are_stored_where_they_are_exact() {
    let name = "decimal.arrow";
    let (schema, rows) = read(name);
    assert_eq!((schema.to_string(), &*rows[0]), ("keep: i32, decimal: f64".into(), "keep: 0, decimal: 1.25"));
    for (ty, expected) in [
        ("f32", Ok("decimal: 1.25")),
        ("str[4]", Ok("decimal: 1.25")),
        ("i64", Err("\"1.25\" is not a valid i64: not a whole number")),
    ] {
        let schema: Schema = format!("decimal: {ty}").parse().unwrap();
        let mut records = reader(name, true, &schema).unwrap();
        match (drain(&schema, &mut records), expected) {
            (Ok(records), Ok(expected)) => {
                assert_eq!(Row::new(&schema, &records).unwrap().to_string(), expected);
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            other => panic!("{ty}: {other:?}"),
        }
    }
}

#[test]
fn a_value_that_its_field_cannot_hold_is_an_error_with_row_and_field() {
    for (name, schema, expected) in [
        (
            "pyarrow.parquet",
            "i16: i8",
            "row 1 of pyarrow.parquet: field \"i16\": -32768 is not a valid i8: the range is -128 to 127",
        ),
        (
            "pyarrow.parquet",
            "u64: u32",
            "row 2 of pyarrow.parquet: field \"u64\": 18446744073709551615 is not a valid u32",
        ),
        ("pyarrow.arrow", "u64: i64", "row 2 of pyarrow.arrow"),
        (
            "pyarrow.arrow",
            "double: i32",
            "row 1 of pyarrow.arrow: field \"double\": 0.1 is not a valid i32: it is not a whole number",
        ),
        (
            "pyarrow.arrow",
            "text: str[2]",
            "row 3 of pyarrow.arrow: field \"text\": 東京 is not a valid str[2]: too long: 6 bytes",
        ),
        (
            "pyarrow.arrow",
            "large: str[3]",
            "row 2 of pyarrow.arrow: field \"large\": the value, str[3], is missing",
        ),
        (
            "pyarrow.arrow",
            "i8: i8?",
            "row 1 of pyarrow.arrow: field \"i8\": -128 is not a valid i8?: this value is reserved",
        ),
        (
            "pyarrow.arrow",
            "id: uuid, i8: date",
            "field \"i8\": -128 is not a valid date: it is a whole number",
        ),
        (
            "pyarrow.arrow",
            "list: i16[3]?",
            "field \"list\": [1, 2] is not a valid i16[3]?: 2 elements, expected 3",
        ),
        ("pyarrow.arrow", "fixed: bytes[4]?", "3 bytes, expected 4"),
        (
            "refused-nanos.arrow",
            "nanos: timestamp",
            "row 1 of refused-nanos.arrow: field \"nanos\", timestamp: 1 ns would be lost",
        ),
    ] {
        let schema: Schema = schema.parse().unwrap();
        let mut records = reader(name, true, &schema).unwrap();
        let error = drain(&schema, &mut records).unwrap_err();
        assert_eq!(error.kind(), drystone::ErrorKind::Input);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = reader("pandas.arrow", false, &"id: i64, x: u8".parse().unwrap()).err().unwrap().to_string();
    assert!(error.starts_with("pandas.arrow: no field for columns \"delay\", \"carrier\""), "{error}");
    let schema: Schema = "id: i64, x: u8".parse().unwrap();
    let error = reader("pandas.arrow", true, &schema).err().unwrap().to_string();
    assert!(
        error
            .starts_with("pandas.arrow: no column for field \"x\", which has no default and is not nullable"),
        "{error}"
    );
}

#[test]
fn nanoseconds_are_cut_if_rounding_is_allowed() {
    let schema: Schema = "nanos: timestamp".parse().unwrap();
    let name = "refused-nanos.arrow";
    let options = arrow::Options::new().ignore_unknown(true).round(true);
    let records = drain(&schema, &mut options.reader(&schema, open(name)).unwrap()).unwrap();
    assert_eq!(records[..8], 1_i64.to_le_bytes());
}

#[test]
fn values_are_converted_where_nothing_is_lost() {
    let schema: Schema = "i8: i64, u8: i16, i64: f64 = 0, half: f64, text: str[9], day64: timestamp, u32: u64, list: i32[2]?, \
                          fixed_list: f64[3], words: str[5]?, new: i32 = 5"
        .parse()
        .unwrap();
    let mut records = reader("pyarrow.arrow", true, &schema).unwrap();
    let records = drain(&schema, &mut records);
    // -2^63 is a float, 2^63 - 1 is none.
    assert!(records.unwrap_err().to_string().contains("a float does not have enough digits"));
    let schema: Schema = schema.to_string().replace("i64: f64 = 0, ", "").parse().unwrap();
    let mut records = reader("pyarrow.arrow", true, &schema).unwrap();
    let records = drain(&schema, &mut records).unwrap();
    assert_eq!(
        Row::new(&schema, &records[..schema.width()]).unwrap().to_string(),
        "i8: -128, u8: 0, half: 0.5, text: , day64: 2013-07-04T00:00:00Z, u32: 0, list: [1, 2], fixed_list: [1, 2, 3], \
         words: yes, new: 5"
    );
}
