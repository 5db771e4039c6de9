//! Tests of what other programs write: delimiters, headers, comments, blanks, decimal commas.

use super::Options;
use super::tests::{assert_refused, options, out_and_in, read, read_with, rows_of, schema};
use crate::error::ErrorKind;
use crate::load::RecordSource;
use crate::record::{Date, RowBuf, Value};
use crate::schema::Schema;

#[track_caller]
fn inferred_with(options: &Options, text: &str) -> (String, Vec<String>) {
    let inferred = options.infer(text.as_bytes()).unwrap();
    (inferred.schema().to_string(), inferred.notes().to_vec())
}

#[test]
fn the_delimiter_is_guessed_from_the_first_lines() {
    let guess = options().guess_delimiter();
    for (text, expected) in [
        ("a;b\n1,5;2\n", "a: str[3], b: u8"),
        ("a\tb\n1\t2\n", "a: u8, b: u8"),
        ("a|b\n1|2\n", "a: u8, b: u8"),
        // Most fields, and as many in each line.
        ("sum, EUR;day\n1,5;2024-01-01\n", "\"sum, EUR\": str[3], day: date"),
        ("\"sum, EUR\";day;n\n1,5;2024-01-01;7\n", "\"sum, EUR\": str[3], day: date, n: u8"),
        ("id,a|b\n1,x|y\n", "id: u8, \"a|b\": str[3]"),
        ("id,note\n1,a;b\n2,c;d\n", "id: u8, note: str[3]"),
        ("a\n1\n", "a: u8"),
    ] {
        assert_eq!(inferred_with(&guess, text).0, expected, "{text:?}");
    }
    let error = guess.infer("a;b\n1;2\n3\n".as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3 of a.csv: 1 field, where the header has 2; the delimiter was guessed"
    );
    // Comments and skipped lines do not count.
    let text = "report; of; today\n# x,y\na|b\n# 1,2\n1|2\n";
    let (schema, notes) = inferred_with(&guess.clone().skip_lines(1).comment("#"), text);
    assert_eq!((&*schema, notes.len()), ("a: u8, b: u8", 1));
}

#[test]
fn comments_and_skipped_lines_count_as_lines() {
    let options = options().skip_lines(2).comment("//");
    for line_break in ["\n", "\r\n", "\r"] {
        let text = "a \"preamble\n\n// a, \"quote\na\n// x\n1\n/\n".replace('\n', line_break);
        let error = read_with(&options, "a: u8", &text).unwrap_err();
        assert!(error.to_string().starts_with("line 7 of a.csv, column 1"), "{error}");
    }
    assert_eq!(read_with(&options, "a: u8", "x\ny\na\n//\n1\n//").unwrap(), ["a: 1"]);
    let long = format!("x\ny\na\n//{}\n1\n", "z".repeat(600_000));
    assert_eq!(read_with(&options, "a: u8", &long).unwrap(), ["a: 1"]);
    assert!(read_with(&options, "a: u8", "x").unwrap_err().to_string().contains("is empty"));
}

#[test]
fn without_a_header_columns_are_named_by_the_schema_or_their_number() {
    let none = options().header(false);
    assert_eq!(read_with(&none, "a: u8, b: str[3]", "1,foo\n2,bar\n").unwrap().len(), 2);
    assert_eq!(inferred_with(&none, "1,foo\n2,bar\n").0, "c0: u8, c1: str[3]");
    assert_eq!(read_with(&none.clone().names(["b", "a"]), "a: u8, b: u8", "1,2\n").unwrap(), ["a: 2, b: 1"]);
    let error = read_with(&none, "a: u8", "1,2\n").unwrap_err().to_string();
    assert!(error.contains("no field for column \"c1\"; the first line has columns"), "{error}");
    assert_eq!(read_with(&none.clone().ignore_unknown(true), "a: u8", "1,2\n").unwrap(), ["a: 1"]);
    let error = read_with(&none, "a: u8, b: u8", "1,2\n3\n").unwrap_err().to_string();
    assert_eq!(error, "line 2 of a.csv: 1 field, where the first line has 2");
    let mut aside = Vec::new();
    let reader = none.reader(&schema("a: u8"), "x\n1\n".as_bytes()).unwrap();
    assert_eq!(rows_of(&mut reader.skip_bad_to(&mut aside)).unwrap(), ["a: 1"]);
    assert_eq!(aside, b"x\n");
    let (_, notes) = inferred_with(&options(), "1,foo\n2,bar\n");
    assert!(notes[0].contains("the first name in the header looks like a value"), "{notes:?}");
}

#[test]
fn a_last_column_without_a_name_is_left_out_if_it_is_empty() {
    assert_eq!(inferred_with(&options(), "id,v,\n1,2,\n").0, "id: u8, v: u8");
    assert_eq!(read("id: u8, v: u8", "id,v,\n1,2,\n").unwrap(), ["id: 1, v: 2"]);
    assert_eq!(inferred_with(&options(), "id,v,\n1,2,\n1,2,3\n").0, "id: u8, v: u8, c2: u8?");
    assert_refused(
        "id: u8, v: u8",
        "id,v,\n1,2,3\n",
        "line 2 of a.csv, column 3: \"3\": the header has no name for this value",
    );
    assert_eq!(read("id: u8, c1: u8?", "id,\n1,2\n").unwrap(), ["id: 1, c1: 2"]);
    let rows = read_with(&options().ignore_unknown(true), "id: u8", "id,\n1,2\n").unwrap();
    assert_eq!(rows, ["id: 1"]);
    let (schema, notes) = inferred_with(&options().ignore_unknown(true), ",a,a\n0,1,2\n");
    assert_eq!((&*schema, notes.len()), ("a: u8", 4));
}

#[test]
fn blanks_around_fields_are_left_out_where_the_header_has_them() {
    let text = "\"DATE\", \"ID\" ,\"x\"\n\"2024-01-02\", \"a, b\" ,7\n";
    let (schema, notes) = inferred_with(&options(), text);
    assert_eq!((&*schema, notes.len()), ("DATE: date, ID: str[4], x: u8", 1));
    assert_eq!(inferred_with(&options(), "id, name\n1, ada\n").0, "id: u8, name: str[3]");
    // One name alone says nothing about the values.
    assert_eq!(inferred_with(&options(), "id, name,x\n1, ada,2\n").0, "id: u8, name: str[4], x: u8");
    assert_eq!(read("n: u8?, x: u8?, s: str[3]", "n,x,s\n 1 ,  , a \n").unwrap(), ["n: 1, x: null, s:  a "]);
    let error = read_with(&options().trim(true), "a: u8", "a\n \"1\" x\n").unwrap_err();
    assert!(error.to_string().contains("text follows the closing quote"), "{error}");
    for options in [options().trim(true), options(), options().comment("#").header(false)] {
        let schema = self::schema("\" a\": str[3], \"#b\": str[3]?");
        let rows = [b" x #y\0".to_vec(), b"#z\0y \0".to_vec(), b"\0\0\0\xFF\0\0".to_vec()];
        assert_eq!(out_and_in(&options, &schema, &rows), rows);
    }
}

#[test]
fn fields_may_be_separated_by_any_number_of_blanks() {
    let blanks = options().blanks();
    let text = "  a   b\tc  \n 1.5e+00  \"x y\"  3\n\n   \n2 \"z\"\t4 \n";
    assert_eq!(inferred_with(&blanks, text).0, "a: f32, b: str[3], c: u8");
    assert_eq!(
        read_with(&blanks, "a: f64, b: str[3], c: u8", text).unwrap(),
        ["a: 1.5, b: x y, c: 3", "a: 2, b: z, c: 4"]
    );
    let error = read_with(&blanks, "a: u8", "a\n1 2\n").unwrap_err().to_string();
    assert_eq!(error, "line 2 of a.csv: 2 fields, where the header has 1");
    assert_eq!(blanks.writer(&schema("a: u8"), Vec::new()).unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn numbers_may_have_a_decimal_comma_and_points_between_thousands() {
    let german = options().delimiter(b';').decimal_comma(true);
    let text = "x;n;day;s\n1.234,50;1.000;31.12.2024;1,5\n-0,5;2,0;01.01.2025;x\n";
    assert_eq!(inferred_with(&german, text).0, "x: f32, n: f32, day: date, s: str[3]");
    assert_eq!(
        read_with(&german, "x: f64, n: u16, day: date, s: str[3]", text).unwrap(),
        ["x: 1234.5, n: 1000, day: 2024-12-31, s: 1,5", "x: -0.5, n: 2, day: 2025-01-01, s: x"]
    );
    for text in ["x\n1.5\n", "x\n1.2345\n"] {
        let error = read_with(&german, "x: f64", text).unwrap_err().to_string();
        assert!(error.contains("a point may only part thousands"), "{error}");
    }
    let schema = schema("x: f64, v: f32[2]");
    let rows = [[&1.5_f64.to_le_bytes()[..], &2.5_f32.to_le_bytes(), &0_f32.to_le_bytes()].concat()];
    for options in [german, options().decimal_comma(true)] {
        assert_eq!(out_and_in(&options, &schema, &rows), rows);
    }
}

#[test]
fn a_sample_is_enough_for_inference_and_is_reported() {
    let options = options().sample(2);
    let inferred = options.infer("a\n1\n2\nx\n".as_bytes()).unwrap();
    assert_eq!((inferred.schema().to_string(), inferred.rows()), ("a: u8".into(), Some(2)));
    assert!(inferred.is_sample() && inferred.notes()[0].starts_with("only the first 2 rows were looked at"));
    assert!(!options.infer("a\n1\n2\n".as_bytes()).unwrap().is_sample());
}

#[test]
fn rounding_is_allowed_by_an_option() {
    let text = "a,b\n1234567.89,9007199254740993\n";
    assert!(read("a: f32, b: f64", text).is_err());
    let rows = read_with(&options().round(true), "a: f32, b: f64", text).unwrap();
    assert_eq!(rows, ["a: 1234567.9, b: 9007199254740992"]);
}

#[test]
fn values_are_read_back_whatever_their_characters_mean() {
    let schema: Schema = "x: f64?, n: i16?, b: bytes[1], d: date".parse().unwrap();
    let rows = [
        [
            Value::from(-1.5),
            Value::from(-7_i64),
            Value::Bytes([0xAB].to_vec().into()),
            Value::Date(Date::from_days(0)),
        ],
        [
            Value::from(1e300),
            Value::Null,
            Value::Bytes([1].to_vec().into()),
            Value::Date(Date::from_days(-1)),
        ],
        [Value::Null, Value::from(7_i64), Value::Bytes([0].to_vec().into()), Value::Date(Date::from_days(9))],
    ]
    .map(|row| RowBuf::from_values(&schema, row).unwrap());
    for options in [
        Options::new(),
        Options::new().delimiter(b'-'),
        Options::new().delimiter(b'.'),
        Options::new().delimiter(b'0'),
        Options::new().delimiter(b'x'),
        Options::new().null("7").null("-1.5"),
        Options::new().decimal_comma(true),
        Options::new().decimal_comma(true).null("-1,5"),
        Options::new().decimal_comma(true).delimiter(b';'),
        Options::new().comment("-"),
        Options::new().comment("1e"),
        Options::new().trim(true),
    ] {
        let mut writer = options.writer(&schema, Vec::new()).unwrap();
        writer.write_all(rows.iter().map(RowBuf::as_row)).unwrap();
        let text = writer.finish().unwrap();
        let mut reader = options.reader(&schema, &text[..]).unwrap();
        for row in &rows {
            let mut read = RowBuf::new(&schema);
            let what = format!("{options:?}: {}", String::from_utf8_lossy(&text));
            assert!(
                reader.next_record(read.as_bytes_mut()).unwrap_or_else(|error| panic!("{error}, {what}"))
            );
            assert_eq!(read.to_string(), row.to_string(), "{what}");
        }
    }
}
