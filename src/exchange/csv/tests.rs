//! Tests of good and bad lines, of inference, and of writing and reading back.

use std::io::{self, Read};

use proptest::prelude::*;

use super::{Options, Reader};
use crate::error::{ErrorKind, Result};
use crate::load::RecordSource;
use crate::record::{Row, RowBuf};
use crate::schema::{Number, Schema, Type};

pub(super) fn schema(text: &str) -> Schema {
    text.parse().unwrap()
}

pub(super) fn options() -> Options {
    Options::new().name("a.csv")
}

pub(super) fn rows_of(reader: &mut Reader<impl Read, impl io::Write>) -> Result<Vec<String>> {
    let mut row = RowBuf::new(&reader.schema().clone());
    let mut rows = Vec::new();
    while reader.next_record(row.as_bytes_mut())? {
        rows.push(row.to_string());
    }
    Ok(rows)
}

pub(super) fn read_with(options: &Options, schema_text: &str, text: impl AsRef<[u8]>) -> Result<Vec<String>> {
    rows_of(&mut options.reader(&schema(schema_text), text.as_ref())?)
}

pub(super) fn read(schema_text: &str, text: impl AsRef<[u8]>) -> Result<Vec<String>> {
    read_with(&options(), schema_text, text)
}

#[track_caller]
pub(super) fn assert_refused(schema_text: &str, text: impl AsRef<[u8]>, message: &str) {
    let error = read(schema_text, text).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(error.kind(), ErrorKind::Input);
}

#[test]
fn columns_find_their_fields_by_name() {
    let rows = read("a: u8, b: str[3], c: i16? = 5, d: i16?, e: i16 = 7", "b,a\nxyz,1\n").unwrap();
    assert_eq!(rows, ["a: 1, b: xyz, c: 5, d: null, e: 7"]);
}

#[test]
fn a_field_without_a_column_is_fresh_in_every_row() {
    let rows = read("a: u8, b: u8 = 9", "a\n1\n2\n").unwrap();
    assert_eq!(rows, ["a: 1, b: 9", "a: 2, b: 9"]);
}

#[test]
fn unknown_columns_are_an_error_unless_ignored() {
    assert_refused(
        "a: u8",
        "a,b,c\n1,2,3\n",
        "a.csv: no field for columns \"b\", \"c\"; the header has columns \"a\", \"b\", \"c\", the schema field \"a\"; \
         add fields, remove the columns, or have such columns ignored",
    );
    let rows = read_with(&options().ignore_unknown(true), "a: u8", "b,a,b\n7,1,8\n").unwrap();
    assert_eq!(rows, ["a: 1"]);
}

#[test]
fn a_header_has_every_field_that_needs_a_column_and_each_once() {
    assert_refused(
        "a: u8, b: u8, c: u8?",
        "a\n1\n",
        "a.csv: no column for field \"b\", which has no default and is not nullable; the header has column \"a\"",
    );
    assert_refused(
        "a: u8",
        "a,a\n1,1\n",
        "a.csv: no field for column \"a_2\"; the header has columns \"a\", \"a_2\", the schema field \"a\"; \
         add fields, remove the columns, or have such columns ignored",
    );
}

#[test]
fn an_empty_file_is_an_error_and_a_header_alone_is_not() {
    for text in ["", "\n\n", "\u{FEFF}"] {
        assert_refused("a: u8", text, "a.csv is empty; a line with the names of the columns is expected");
    }
    assert_eq!(read("a: u8", "a").unwrap(), [""; 0]);
}

#[test]
fn byte_order_mark_crlf_quotes_and_a_missing_last_break_are_read() {
    let text = "\u{FEFF}a,b\r\n\"1\",\"x, \"\"y\"\"\r\nz\"\r\n\r\n2,w";
    assert_eq!(read("a: u8, b: str[20]", text).unwrap(), ["a: 1, b: x, \"y\"\r\nz", "a: 2, b: w"]);
}

#[test]
fn other_delimiters_are_read_and_impossible_ones_refused() {
    let rows = read_with(&options().delimiter(b'\t'), "a: u8, b: str[3]", "a\tb\n1\tx,y\n").unwrap();
    assert_eq!(rows, ["a: 1, b: x,y"]);
    for delimiter in [b'"', b'\n', b'\r', 0, 0xE9] {
        let error = read_with(&options().delimiter(delimiter), "a: u8", "a\n").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}

#[test]
fn missing_values_are_null_where_the_field_allows_it() {
    let all = "i: i16?, f: f64?, b: bool?, s: str[3]?, d: date?";
    let rows = read(all, "i,f,b,s,d\n,,,,\n\"\",\"\",\"\",\"\",\"\"\n").unwrap();
    let empty_text = "i: null, f: null, b: null, s: , d: null";
    assert_eq!(rows, ["i: null, f: null, b: null, s: null, d: null", empty_text]);
    assert_eq!(read("a: u8, s: str[2]", "a,s\n1,\n").unwrap(), ["a: 1, s: "]);
    assert_refused(
        "a: u8, delay: i16",
        "a,delay\n1,\n",
        "line 2 of a.csv, column 2: field \"delay\": the value, i16, is missing; \
         declare the field nullable to allow that, as in delay: i16?",
    );
    assert_refused(
        "a: u8 key",
        "a\n\"\"\n",
        "line 2 of a.csv, column 1: field \"a\": the value, u8, is missing; \
         as part of the key it cannot be null; leave the line out, or choose another key",
    );
}

#[test]
fn further_spellings_of_missing_are_those_named() {
    let text = "n,code,country\nNA,NA,NA\n\"NA\",\"NA\",\"NA\"\n";
    let error = read("n: i16?, code: str[2]?, country: str[2]", text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2 of a.csv, column 1: field \"n\": \"NA\" is not a valid i16?: not a whole number"
    );
    let rows = read_with(&options().null("NA"), "n: i16?, code: str[2]?, country: str[2]", text).unwrap();
    assert_eq!(rows, ["n: null, code: null, country: NA", "n: null, code: NA, country: NA"]);
    let error = read_with(&options().null("-9"), "n: i16", "n\n-9\n").unwrap_err();
    assert!(error.to_string().contains("is missing (\"-9\")"), "{error}");
}

#[test]
fn bad_lines_are_named_by_file_line_column_field_text_and_type() {
    let all = "a: u8, b: str[4], c: timestamp";
    let good = "a,b,c\r\n1,\"x\r\ny\",2013-01-01 10:00\r\n";
    for (line, message) in [
        (
            "300,x,2013-01-01 10:00",
            ", column 1: field \"a\": \"300\" is not a valid u8: out of range, which is 0 to 255",
        ),
        (
            "1,toolong,2013-01-01 10:00",
            ", column 2: field \"b\": \"toolong\" is not a valid str[4]: too long: 7 bytes, and there is room for 4",
        ),
        ("1,x", ": 2 fields, where the header has 3"),
        ("1,x,2013-01-01 10:00,", ": 4 fields, where the header has 3"),
        (
            "1,\"x\"y,z",
            ", column 2: \"x\\\"y\": text follows the closing quote; a quote within quotes is written twice",
        ),
        ("1,x,\"2013", ", column 3: \"2013\\r\\n\": the quote that opens here is never closed"),
    ] {
        let text = format!("{good}{line}\r\n");
        assert_refused(all, text, &format!("line 4 of a.csv{message}"));
    }
}

#[test]
fn text_that_is_not_utf8_is_a_bad_line() {
    let refused = |text: &[u8], message: &str| assert_refused("a: u8, b: str[3]", text, message);
    refused(b"a,b\n1,\xFF\xFE\n", "line 2 of a.csv, column 2: \"\u{FFFD}\u{FFFD}\": the text is not UTF-8");
    // Half a character in one field, the other half in the next: the line as a whole is UTF-8, but
    // must not be accepted.
    refused(b"a,b\n\xC3,\xA9\n", "line 2 of a.csv, column 1: \"\u{FFFD}\": the text is not UTF-8");
    refused(b"a,b\n1,\"\"\"\xFF\"\n", "line 2 of a.csv, column 2: \"\\\"\u{FFFD}\": the text is not UTF-8");
    refused(b"a,\xFF\n", "line 1 of a.csv, column 2: \"\u{FFFD}\": the text is not UTF-8");
    refused(b"\xFF\xFEa\0,\0b\0\n\0", "a.csv is UTF-16; convert it to UTF-8 first");
}

#[test]
fn a_nul_character_is_refused_in_text() {
    let error = read("a: str[3]", "a\nx\0y\n").unwrap_err();
    assert!(error.to_string().starts_with("line 2 of a.csv, column 1: field \"a\""), "{error}");
}

#[test]
fn an_error_of_the_input_names_it_and_is_not_skipped() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let input = "a\n1\n".as_bytes().chain(Failing);
    let mut reader = options().skip_bad(true).reader(&schema("a: u8"), input).unwrap();
    // What was read before comes first.
    assert!(reader.next_record(&mut [0]).unwrap());
    let error = reader.next_record(&mut [0]).unwrap_err();
    assert_eq!(error.to_string(), "cannot read a.csv from line 3 on: the disk is gone");
    assert_eq!(error.kind(), ErrorKind::Io);
    let error = options().reader(&schema("a: u8"), Failing).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "cannot read a.csv from line 1 on: the disk is gone");
}

#[test]
fn bad_lines_are_set_aside_as_they_stand_and_counted() {
    let text = "a,b\r\n1,x\r\n\"2\", \"y\"\"\r\n\r\n3,\"p\nq\"\r\nx,\r\n4,z";
    let mut aside = Vec::new();
    let mut reader =
        options().reader(&schema("a: u8, b: str[3]"), text.as_bytes()).unwrap().skip_bad_to(&mut aside);
    assert_eq!(rows_of(&mut reader).unwrap(), ["a: 1, b: x", "a: 3, b: p\nq", "a: 4, b: z"]);
    assert_eq!(reader.bad_lines(), 2);
    drop(reader);
    assert_eq!(String::from_utf8(aside).unwrap(), "a,b\r\n\"2\", \"y\"\"\r\nx,\r\n");
}

#[test]
fn bad_lines_can_be_set_aside_from_the_middle_on() {
    let (schema, mut aside) = (schema("a: u8"), Vec::new());
    let mut reader = options().reader(&schema, "a\n1\nx\n".as_bytes()).unwrap();
    assert!(reader.next_record(&mut [0]).unwrap());
    assert!(!reader.skip_bad_to(&mut aside).next_record(&mut [0]).unwrap());
    assert_eq!(aside, b"a\nx\n");
}

#[test]
fn nothing_is_set_aside_where_nothing_is_bad() {
    let mut aside = Vec::new();
    let reader = options().reader(&schema("a: u8"), "a\n1\n".as_bytes()).unwrap();
    assert_eq!(rows_of(&mut reader.skip_bad_to(&mut aside)).unwrap(), ["a: 1"]);
    assert!(aside.is_empty());
}

#[test]
fn places_are_line_numbers_and_reading_goes_on_after_an_error() {
    let schema = schema("a: u8");
    let mut reader = options().reader(&schema, "a\n1\n\nx\n2\n".as_bytes()).unwrap();
    let mut record = [0];
    assert!(reader.next_record(&mut record).unwrap());
    assert_eq!((reader.place(), reader.describe(reader.place())), (2, "line 2 of a.csv".into()));
    assert!(reader.next_record(&mut record).is_err());
    assert!(reader.next_record(&mut record).unwrap());
    assert_eq!((reader.place(), record), (5, [2]));
    assert!(!reader.next_record(&mut record).unwrap());
    assert!(!reader.next_record(&mut record).unwrap());
    assert_eq!(reader.next_record(&mut [0, 0]).unwrap_err().kind(), ErrorKind::Value);
}

#[track_caller]
fn assert_inferred(values: &[&str], ty: &str) {
    let lines: Vec<String> = values.iter().map(|value| format!("0,{value}\n")).collect();
    let text = format!("row,x\n{}", lines.concat());
    let inferred = options().null("NA").infer(text.as_bytes()).unwrap();
    assert_eq!(inferred.schema().field("x").unwrap().to_string(), format!("x: {ty}"), "{values:?}");
    // The inferred type must hold all values.
    let rows = read_with(&options().null("NA"), &inferred.schema().to_string(), &text).unwrap();
    assert_eq!(rows.len(), values.len());
}

#[test]
fn whole_numbers_get_the_narrowest_type_that_leaves_room_for_null() {
    assert_inferred(&["0", "255"], "u8");
    assert_inferred(&["0", "255", ""], "u16?");
    assert_inferred(&["254", "NA"], "u8?");
    assert_inferred(&["0", "256"], "u16");
    assert_inferred(&["-1", "127"], "i8");
    assert_inferred(&["-1", "128"], "i16");
    assert_inferred(&["-128", "0"], "i8");
    assert_inferred(&["-128", ""], "i16?");
    assert_inferred(&["65535", ""], "u32?");
    assert_inferred(&["4294967295"], "u32");
    assert_inferred(&["18446744073709551615"], "u64");
    assert_inferred(&["18446744073709551615", ""], "u128?");
    assert_inferred(&["-9223372036854775808"], "i64");
    assert_inferred(&["-9223372036854775808", ""], "i128?");
    assert_inferred(&["340282366920938463463374607431768211455"], "u128");
    assert_inferred(&["340282366920938463463374607431768211455", ""], "str[39]?");
    assert_inferred(&["340282366920938463463374607431768211456"], "str[39]");
    assert_inferred(&["-1", "340282366920938463463374607431768211455"], "str[39]");
}

#[test]
fn numbers_that_would_not_print_the_same_stay_text() {
    assert_inferred(&["01234", "99999"], "str[5]");
    assert_inferred(&["+49", "1"], "str[3]");
    assert_inferred(&["00", "1"], "str[2]");
    assert_inferred(&["01.5"], "str[4]");
    assert_inferred(&["1.5", "9007199254740993"], "str[16]");
}

#[test]
fn other_numbers_are_single_only_if_each_of_them_is() {
    assert_inferred(&["0.1", "39.02", "1012"], "f64");
    assert_inferred(&["39.25", "1012"], "f32");
    assert_inferred(&["39.020", "-0"], "f64");
    assert_inferred(&["39.50", "-0"], "f32");
    assert_inferred(&["19.99", "0.10"], "f64");
    assert_inferred(&["10.357019999999999"], "f64");
    assert_inferred(&["0.1", "10.357019999999999", "0.1"], "f64");
    assert_inferred(&["0.5", "16777217"], "f64");
    assert_inferred(&["0.5", "16777216", ""], "f32?");
    assert_inferred(&["1e39"], "f64");
    assert_inferred(&["1e-46"], "f64");
    assert_inferred(&["1e400"], "str[5]");
    assert_inferred(&["1.5", "NaN", "-inf"], "f32");
    assert_inferred(&["NaN", "nan", "-inf"], "f64");
    assert_inferred(&[".5", "5.", "1e5"], "f32");
    assert_inferred(&[".", "-", "e5"], "str[2]");
}

#[test]
fn other_types_are_told_by_their_text() {
    assert_inferred(&["true", "FALSE", ""], "bool?");
    assert_inferred(&["true", "1"], "str[4]");
    assert_inferred(&["2013-01-31", "+12013-01-31"], "date");
    assert_inferred(&["2013-01-31", "2013-02-31"], "str[10]");
    assert_inferred(&["-5877641-06-23"], "date");
    assert_inferred(&["-5877641-06-23", ""], "str[14]?");
    assert_inferred(&["2013-01-31T10:00:00Z", "2013-01-31 10:00:00.5-05:00"], "timestamp");
    assert_inferred(&["2013-01-31T10:00:00Z", "2013-01-31"], "timestamp");
    assert_inferred(&["31.12.2024", "01.01.2025"], "date");
    assert_inferred(&["2013-01-31T10:00:00Z", "+999999-01-31"], "str[20]");
    assert_inferred(&["67e55044-10b1-426f-9247-bb680e5fe0c8", "NA"], "uuid?");
    assert_inferred(&["67e5504410b1426f9247bb680e5fe0c8"], "str[32]");
    assert_inferred(&["ffffffff-ffff-ffff-ffff-ffffffffffff", ""], "str[36]?");
    assert_inferred(&["", "NA"], "str[1]?");
    assert_inferred(&[" 5", "7 "], "u8");
    assert_inferred(&[" 5", "x"], "str[2]");
    assert_inferred(&["  ", "5"], "u8?");
    assert_inferred(&["\"\"", "x"], "str[1]");
    assert_inferred(&["\"\"", "5"], "u8?");
    assert_inferred(&["\"NA\"", "x"], "str[2]");
    assert_inferred(&["\u{e9}\u{e9}"], "str[4]");
}

#[test]
fn inference_reports_what_it_found_in_bad_input() {
    let refused = |text: &[u8]| options().infer(text).unwrap_err().to_string();
    assert_eq!(refused(b"a,b\n"), "a.csv has no rows to infer the types of its columns from; give a schema");
    assert_eq!(refused(b"a,b\n1\n"), "line 2 of a.csv: 1 field, where the header has 2");
    assert_eq!(refused(b"a,b\n1,\xFF\n"), "line 2 of a.csv, column 2: \"\u{FFFD}\": the text is not UTF-8");
    assert!(refused(b"a,b\n1,x\0\n").starts_with("line 2 of a.csv, column 2: \"x\\0\": there is a NUL"));
    let long = format!("a\n{}\n", "x".repeat(65_536));
    assert_eq!(refused(long.as_bytes()), "a.csv, column 1: a text of 65536 bytes; a field has at most 65535");
    let inferred = options().skip_bad(true).infer(&b"a,b\n1\n1,\xFF\n1,x\0\n2,y\n"[..]).unwrap();
    assert_eq!((inferred.rows(), inferred.bad_lines()), (Some(1), 3));
    assert_eq!(inferred.schema().to_string(), "a: u8, b: str[1]");
}

#[test]
fn a_key_is_declared_by_names() {
    let inferred = options().infer("a,b,c\n1,x,\n2,y,5\n".as_bytes()).unwrap();
    assert_eq!(inferred.with_key(&["b", "a"]).unwrap().to_string(), "b: str[1] key, a: u8 key, c: u8?");
    let error = inferred.with_key(&["c"]).unwrap_err();
    assert_eq!(error.to_string(), "column \"c\" cannot be part of the key: 1 of its 2 values are missing");
    assert_eq!(inferred.with_key(&["d"]).unwrap_err().kind(), ErrorKind::FieldNotFound);
    assert_eq!(inferred.with_key(&["a", "a"]).unwrap_err().kind(), ErrorKind::Schema);
}

/// A field of every type, nullable and not.
const EVERY_TYPE: &str =
    "a: bool, b: u8, c: u16, d: u32, e: u64, f: u128, g: i8, h: i16, i: i32, j: i64, k: i128,
    l: f32, m: f64, n: str[9], o: bytes[3], p: date, q: timestamp, r: uuid, s: i16[2], t: f32[2],
    A: bool?, B: u8?, C: u16?, D: u32?, E: u64?, F: u128?, G: i8?, H: i16?, I: i32?, J: i64?, K: i128?,
    L: f32?, M: f64?, N: str[9]?, O: bytes[3]?, P: date?, Q: timestamp?, R: uuid?, S: i16[2]?, T: f32[2]?";

/// Writes rows (stored bytes) and reads them again.
pub(super) fn out_and_in(options: &Options, schema: &Schema, rows: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut writer = options.writer(schema, Vec::new()).unwrap();
    for row in rows {
        writer.write(Row::new(schema, row).unwrap()).unwrap();
    }
    let text = writer.finish().unwrap();
    let mut reader = options.reader(schema, &*text).unwrap();
    let mut record = vec![0; schema.width()];
    let mut read = Vec::new();
    while reader.next_record(&mut record).unwrap() {
        read.push(record.clone());
    }
    read
}

/// Any stored value of a field, often an extreme one.
fn stored(ty: &Type, null: Option<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    let width = ty.width();
    let value = match ty {
        Type::Bool => prop_oneof![Just(vec![0]), Just(vec![1])].boxed(),
        Type::Enum(names) => {
            (0..names.len() as u32).prop_map(move |at| at.to_le_bytes()[..width].to_vec()).boxed()
        }
        Type::Str(_) => {
            prop_oneof!["[ab,;\"\n\r\u{e9}\u{FEFF}]{0,3}", Just("NA".to_owned()), Just(String::new())]
                .prop_map(move |text| {
                    let mut stored = text.into_bytes();
                    stored.resize(width, 0);
                    stored
                })
                .boxed()
        }
        _ => {
            let with_last = move |fill: u8, last: u8| {
                let mut stored = vec![fill; width];
                stored[width - 1] = last;
                Just(stored)
            };
            prop_oneof![
                proptest::collection::vec(any::<u8>(), width),
                with_last(0, 0),
                with_last(0, 0x80),
                with_last(0xFF, 0x7F),
                with_last(0xFF, 0xFF),
                with_last(0xFF, 0xFE),
            ]
            .boxed()
        }
    };
    match null {
        Some(null) => prop_oneof![3 => value, 1 => Just(null)].boxed(),
        None => value,
    }
}

fn rows(schema: &Schema) -> impl Strategy<Value = Vec<Vec<u8>>> + use<> {
    let fields: Vec<_> =
        schema.fields().iter().map(|field| stored(field.ty(), field.null().map(<[u8]>::to_vec))).collect();
    proptest::collection::vec(fields.prop_map(|fields| fields.concat()), 0..4)
}

/// With one bit pattern for all NaNs that are not null: text has only one.
fn with_plain_nans(schema: &Schema, rows: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut rows = rows.to_vec();
    for row in &mut rows {
        for field in schema.fields() {
            let stored = &mut row[field.offset()..][..field.width()];
            let single = matches!(field.ty(), Type::F32 | Type::Array(Number::F32, _));
            if field.is_null(stored) || !(single || field.ty() == Type::F64) {
                continue;
            }
            for element in stored.chunks_exact_mut(if single { 4 } else { 8 }) {
                let number = match *element {
                    [a, b, c, d] => f32::from_le_bytes([a, b, c, d]).into(),
                    _ => f64::from_le_bytes((&*element).try_into().unwrap()),
                };
                if number.is_nan() && single {
                    element.copy_from_slice(&f32::NAN.to_le_bytes());
                } else if number.is_nan() {
                    element.copy_from_slice(&f64::NAN.to_le_bytes());
                }
            }
        }
    }
    rows
}

proptest! {
    #[test]
    fn what_is_written_reads_back_to_the_same_values(
        rows in rows(&schema(EVERY_TYPE)), delimiter in prop_oneof![Just(b','), Just(b';'), Just(b'-'), Just(b'1')],
    ) {
        let schema = schema(EVERY_TYPE);
        let expected = with_plain_nans(&schema, &rows);
        for options in [options(), options().null("NA").null("0").null("true").delimiter(delimiter)] {
            prop_assert_eq!(&out_and_in(&options, &schema, &rows), &expected);
        }
    }

    #[test]
    fn one_column_reads_back_to_the_same_values(
        texts in rows(&schema("a: str[9]")), nullable_texts in rows(&schema("a: str[9]?")), numbers in rows(&schema("a: u8?")),
    ) {
        for (schema_text, rows) in [("a: str[9]", texts), ("a: str[9]?", nullable_texts), ("a: u8?", numbers)] {
            prop_assert_eq!(&out_and_in(&options(), &schema(schema_text), &rows), &rows);
        }
    }

    #[test]
    fn what_is_inferred_holds_what_was_read(text in "[ab]{1},b{2}\n([-+.0-9aeN\":T]{0,4},[0-9truefals]{0,6}\n){1,4}") {
        if let Ok(inferred) = options().infer(text.as_bytes()) {
            let rows = read(&inferred.schema().to_string(), &text).unwrap();
            prop_assert_eq!(Some(rows.len() as u64), inferred.rows());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        let text = [b"a,b\n", &*text].concat();
        let mut aside = Vec::new();
        let reader = options().reader(&schema("a: str[3]?, b: str[9]"), &*text).unwrap();
        rows_of(&mut reader.skip_bad_to(&mut aside)).unwrap();
        let _ = options().skip_bad(true).infer(&*text);
        let _ = options().infer(&*text);
    }
}

#[test]
fn a_writer_refuses_rows_that_are_not_its_own() {
    let (schema, other) = (schema("a: u8, b: bool"), schema("a: u8, c: bool"));
    let mut writer = options().writer(&schema, Vec::new()).unwrap();
    assert_eq!(writer.write(Row::new(&other, &[1, 1]).unwrap()).unwrap_err().kind(), ErrorKind::Schema);
    // A stored bool of 7 is damage. No part of the row may be written.
    assert_eq!(writer.write(Row::new(&schema, &[1, 7]).unwrap()).unwrap_err().kind(), ErrorKind::Corrupt);
    writer.write(Row::new(&schema, &[1, 1]).unwrap()).unwrap();
    assert_eq!(writer.finish().unwrap(), b"a,b\n1,true\n");
}

#[test]
fn names_are_quoted_where_they_must_be() {
    let schema = schema("\"a,b\": u8, \"say \"\"x\"\"\": u8, \"NA\": u8");
    let writer = options().null("NA").writer(&schema, Vec::new()).unwrap();
    let text = writer.finish().unwrap();
    assert_eq!(String::from_utf8_lossy(&text), "\"a,b\",\"say \"\"x\"\"\",\"NA\"\n");
    assert!(options().null("NA").reader(&schema, &*text).is_ok());
}
