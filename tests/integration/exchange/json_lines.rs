//! JSON lines: every type back and forth, what is inferred, and lines that cannot be read.

use crate::random::Random;
use drystone::json::Options;
use drystone::{ErrorKind, RecordSource, Row, Schema};
use proptest::prelude::*;

use super::{drain, every_type, records, same_but_for_nans};

fn written(schema: &Schema, records: &[u8]) -> Vec<u8> {
    let mut writer = Options::new().writer(schema, Vec::new()).unwrap();
    writer.write_records(records).unwrap();
    writer.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_type_comes_back(seed: u64, rows in 0..100_usize) {
        let schema = every_type();
        let made = records(&schema, rows, seed);
        let text = written(&schema, &made);
        let read = drain(&schema, &mut Options::new().reader(&schema, &*text).unwrap()).unwrap();
        same_but_for_nans(&schema, &made, &read);
        if rows > 0 {
            // Types that are inferred hold everything as well.
            let inferred = Options::new().infer(&*text).unwrap().schema().clone();
            let read = drain(&inferred, &mut Options::new().reader(&inferred, &*text).unwrap()).unwrap();
            prop_assert_eq!(read.len() / inferred.width(), rows);
        }
    }
}

fn inferred(text: &str) -> String {
    Options::new()
        .name("a.jsonl")
        .infer(text.as_bytes())
        .map_or_else(|error| error.to_string(), |found| found.schema().to_string())
}

fn read(schema: &str, text: &str) -> Vec<String> {
    let schema: Schema = schema.parse().unwrap();
    let read = drain(&schema, &mut Options::new().name("a.jsonl").reader(&schema, text.as_bytes()).unwrap());
    match read {
        Ok(records) => records
            .chunks_exact(schema.width())
            .map(|record| Row::new(&schema, record).unwrap().to_string())
            .collect(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Input);
            vec![error.to_string()]
        }
    }
}

#[test]
fn the_narrowest_types_are_inferred() {
    for (text, expected) in [
        (
            r#"{"a": 1, "b": -1, "c": 1.5, "d": true, "e": "x", "f": "2013-07-04"}"#,
            "a: u8, b: i8, c: f32, d: bool, e: str[1], f: date",
        ),
        ("{\"a\": 300}\n{\"b\": 0.1}\n", "a: u16?, b: f64?"),
        ("{\"a\": null}\n{\"a\": 255}\n", "a: u16?"),
        ("{\"a\": \"7\"}\n", "a: str[1]"),
        ("{\"a\": \"true\", \"b\": \"1.5\"}\n", "a: str[4], b: str[3]"),
        ("{\"a\": 1.5}\n{\"a\": \"NaN\"}\n", "a: f32"),
        ("{\"a\": \"NaN\", \"b\": [\"NaN\", \"-inf\"]}\n", "a: f64, b: f64[2]"),
        (
            "{\"a\": \"2013-07-04T12:00:00Z\", \"b\": \"00000000-0000-0000-0000-000000001234\"}",
            "a: timestamp, b: uuid",
        ),
        ("{\"a\": [1, -2]}\n{\"a\": null}\n", "a: i8[2]?"),
        ("{\"a\": [1, 2.5, \"inf\"]}\n", "a: f32[3]"),
        ("{\"a\": 340282366920938463463374607431768211455}\n", "a: u128"),
        ("{\"a\\u0020b\": \"\\u00e9\\n\"}\n", "\"a b\": str[3]"),
        ("{\"a\": null}\n", "a: str[1]?"),
        ("\u{FEFF}{\"a\": 1}\r\n\r\n  {\"a\": 2}  \r\n", "a: u8"),
    ] {
        assert_eq!(inferred(text), expected, "{text}");
    }
}

#[test]
fn what_no_schema_holds_is_an_error_of_the_inference() {
    for (text, expected) in [
        ("", "a.jsonl has no rows to infer the types of its fields from; give a schema"),
        ("{}\n", "a schema needs at least one field, such as \"id: u64 key\""),
        (
            "{\"a\": {\"b\": 1}}",
            "line 1 of a.jsonl: field \"a\": an object; make members of its members, or give a schema without it",
        ),
        (
            "{\"a\": [1]}\n{\"a\": [1, 2]}",
            "line 2 of a.jsonl: field \"a\": a list of 2, where others are of 1; a field has one length",
        ),
        (
            "{\"a\": [1]}\n{\"a\": 1}",
            "line 2 of a.jsonl: field \"a\": a list in some lines, and something else in others",
        ),
        ("{\"a\": []}", "a list of 0; an array has 1 to 65535 elements"),
        ("{\"a\": [\"x\"]}", "lists of other values than numbers"),
        ("{\"a\": [[1]]}", "a list of other values than numbers"),
        ("{\"a\": 1, \"a\": 2}", "line 1 of a.jsonl: field \"a\" is given twice"),
        (
            "{\"a\": \"x\"}\n{\"a\": 1}",
            "a.jsonl, field \"a\": a text on line 1 and a number on line 2, and no type holds both; make them alike",
        ),
        (
            "{\"a\": -1}\n{\"a\": 340282366920938463463374607431768211455}",
            "field \"a\": numbers that no one type holds, the first on line 1; write them as texts",
        ),
        (
            "{\"a\": true}\n{\"a\": \"true\"}",
            "true or false on line 1 and a text on line 2, and no type holds both",
        ),
        (
            "{\"a\": true}\n{\"a\": 1}",
            "true or false on line 1 and a number on line 2, and no type holds both",
        ),
        ("{\"a\": \"\\u0000\"}", "line 1 of a.jsonl: field \"a\": there is a NUL character in the text"),
    ] {
        let found = inferred(text);
        assert!(found.contains(expected) && found.contains("a.jsonl"), "{text}: {found}");
    }
}

#[test]
fn values_are_read_as_their_fields_are() {
    let schema = "a: u128, b: i8?, c: f32, d: str[3] = \"x\", e: bytes[2], f: i16[2]";
    assert_eq!(
        read(
            schema,
            r#"{"f": [1, 2], "e": "0x00ff", "c": 1, "b": 2e1, "a": 340282366920938463463374607431768211455}"#
        ),
        ["a: 340282366920938463463374607431768211455, b: 20, c: 1, d: x, e: 0x00ff, f: [1, 2]"]
    );
    assert_eq!(read("a: i8", "{\"a\": 2.0}\n{\"a\": \"-3\"}"), ["a: 2", "a: -3"]);
    assert_eq!(read("a: f64[2]", "{\"a\": [\"NaN\", 1e300]}"), ["a: [NaN, 1e300]"]);
}

#[test]
fn a_line_that_is_no_record_is_an_error_with_line_and_field() {
    for (schema, text, expected) in [
        (
            "a: i8",
            "{\"a\": 1}\n\n{\"a\": 300}",
            "line 3 of a.jsonl, column 7: field \"a\": \"300\" is not a valid i8: out of range, which is -128 to 127",
        ),
        (
            "a: i8",
            "{\"a\": 1.5}",
            "line 1 of a.jsonl, column 7: field \"a\": \"1.5\" is not a valid i8: not a whole number",
        ),
        (
            "a: i8",
            "{\"a\": null}",
            "line 1 of a.jsonl, column 7: field \"a\": the value, i8, is missing (\"null\"); declare the field nullable",
        ),
        ("a: i8", "{}", "line 1 of a.jsonl: field \"a\": the value, i8, is missing; declare"),
        ("a: i8?", "{\"a\": -128}", "this value is reserved for null here"),
        ("a: i8", "{\"b\": 1}", "line 1 of a.jsonl, column 7: no field \"b\""),
        ("a: i8", "{\"a\": 1, \"a\": 1}", "line 1 of a.jsonl, column 15: field \"a\" is given twice"),
        ("a: i8", "{\"a\": true}", "field \"a\": true is not a valid i8: it is a bool"),
        (
            "a: bool",
            "{\"a\": 1}",
            "line 1 of a.jsonl, column 7: field \"a\": 1 is not a valid bool: it is a number",
        ),
        (
            "a: str[2]",
            "{\"a\": 1}",
            "line 1 of a.jsonl, column 7: field \"a\": 1 is not a valid str[2]: it is a number",
        ),
        ("a: str[2]", "{\"a\": \"abc\"}", "too long: 3 bytes, and there is room for 2"),
        ("a: str[2]", "{\"a\": [1]}", "field \"a\": [1] is not a valid str[2]: it is a list"),
        ("a: i8[2]", "{\"a\": [1]}", "1 elements, expected 2"),
        ("a: i8[2]", "{\"a\": {}}", "it is an object"),
        ("a: date", "{\"a\": \"2013-02-30\"}", "there is no such day"),
        ("a: i8", "{\"a\": 1} {\"a\": 1}", "line 1 of a.jsonl, column 10: trailing characters"),
        (
            "a: i8",
            "[1]",
            "element 1 of a.jsonl, on line 1: invalid type: integer `1`, expected an object, such as {\"id\": 7}",
        ),
        ("a: i8", "{\"a\": 1", "element 1 of a.jsonl, on line 1: it is never closed; it was cut off"),
        ("a: i8", "{\"a\": 01}", "line 1 of a.jsonl, column"),
        ("a: str[9]", "{\"a\": \"\\ud800\"}", "line 1 of a.jsonl"),
    ] {
        let found = read(schema, text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
    // After an error, the next line follows.
    let schema: Schema = "a: i8".parse().unwrap();
    let text = "{\"a\": x}\n{\"a\": 2, \"z\": []}\n".as_bytes();
    let mut records = Options::new().ignore_unknown(true).reader(&schema, text).unwrap();
    let mut record = [0];
    assert!(records.next_record(&mut record).is_err());
    assert!(records.next_record(&mut record).unwrap() && record == [2] && records.place() == 2);
    assert!(!records.next_record(&mut record).unwrap());
}

#[test]
fn garbage_is_never_a_panic() {
    let schema = every_type();
    let whole = written(&schema, &records(&schema, 3, 1));
    let mut random = Random::new(4);
    for _ in 0..3000 {
        let mut bytes = whole[..whole.len() - random.below(whole.len())].to_vec();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
        let _ = Options::new().infer(&*bytes);
        let _ = drain(&schema, &mut Options::new().reader(&schema, &*bytes).unwrap());
    }
    let deep = format!("{{\"a\": {}", "[".repeat(100_000));
    assert!(Options::new().infer(deep.as_bytes()).is_err());
}
