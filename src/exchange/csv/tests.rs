//! Tests of good and bad lines, of inference, and of writing and reading back.

use std::io::{self, Read};

use proptest::prelude::*;

use super::{Options, Reader};
use crate::error::{ErrorKind, Result};
use crate::load::RecordSource;
use crate::record::{Row, RowBuf};
use crate::schema::{Number, Schema, Type};

fn schema(text: &str) -> Schema {
    text.parse().unwrap()
}

pub(super) fn options() -> Options {
    Options::new().name("a.csv")
}

fn rows_of(reader: &mut Reader<impl Read, impl io::Write>) -> Result<Vec<String>> {
    let mut row = RowBuf::new(&reader.schema().clone());
    let mut rows = Vec::new();
    while reader.next_record(row.as_bytes_mut())? {
        rows.push(row.to_string());
    }
    Ok(rows)
}

fn read_with(options: &Options, schema_text: &str, text: impl AsRef<[u8]>) -> Result<Vec<String>> {
    rows_of(&mut options.reader(&schema(schema_text), text.as_ref())?)
}

pub(super) fn read(schema_text: &str, text: impl AsRef<[u8]>) -> Result<Vec<String>> {
    read_with(&options(), schema_text, text)
}

#[track_caller]
fn assert_refused(schema_text: &str, text: impl AsRef<[u8]>, message: &str) {
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
    let error = options().skip_bad(true).reader(&schema("a: u8"), input).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "cannot read a.csv from line 1 on: the disk is gone");
    assert_eq!(error.kind(), ErrorKind::Io);
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
fn out_and_in(options: &Options, schema: &Schema, rows: &[Vec<u8>]) -> Vec<Vec<u8>> {
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

/// What a source gives: records and places, errors, and at last its bad lines.
fn everything(mut source: impl RecordSource, bad_lines: &dyn Fn() -> Vec<u8>) -> (Vec<String>, Vec<u8>) {
    let mut given = Vec::new();
    let mut records = [0; 3 * 5];
    loop {
        match source.next_records(&mut records, 5) {
            Ok(0) => break,
            Ok(rows) => {
                for (row, record) in records.chunks_exact(5).take(rows).enumerate() {
                    given.push(format!("{}: {record:?}", source.place() + 1 + row as u64 - rows as u64));
                }
            }
            Err(error) => given.push(error.to_string()),
        }
    }
    drop(source);
    (given, bad_lines())
}

/// Where bad lines go.
#[derive(Clone, Default)]
struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn alike(text: &str, threads: usize, block_bytes: usize, skip_bad: bool) {
    let schema: Schema = "id: u8, name: str[4]".parse().unwrap();
    let options = Options::new().comment("#");
    let open = || options.reader(&schema, io::Cursor::new(text.as_bytes().to_vec())).unwrap();
    let (one, many) = if skip_bad {
        let (one, many) = (Kept::default(), Kept::default());
        let bad = |kept: &Kept| kept.0.lock().unwrap().clone();
        let parallel = open().skip_bad_to(many.clone()).in_blocks(threads, block_bytes).unwrap();
        (everything(open().skip_bad_to(one.clone()), &|| bad(&one)), everything(parallel, &|| bad(&many)))
    } else {
        let parallel = open().in_blocks(threads, block_bytes).unwrap();
        (everything(open(), &Vec::new), everything(parallel, &Vec::new))
    };
    assert_eq!(many, one, "{text:?}, {threads} threads, blocks of {block_bytes} bytes");
}

proptest! {
    #[test]
    fn threads_read_what_one_reads(
        lines in proptest::collection::vec(
            proptest::sample::select(vec![
                "1,a", "22,bb", "200,\"c\"", "3,\"d\nd\"", "4,\"\"\"\"", "\"5\",e", "# a \"comment", "", "x,y", "6",
                "7,too long", "8,f\"", "9,\"a\"b", "\r", "10,\"\r\n\"",
            ]),
            0..40,
        ),
        line_break in proptest::sample::select(vec!["\n", "\r\n", "\r"]),
        end in proptest::sample::select(vec!["", "11,z", "12,\"open", "#"]),
        threads in 1..4_usize,
        block_bytes in 1..80_usize,
        skip_bad: bool,
    ) {
        let text: String = ["id,name"].iter().chain(&lines).map(|line| format!("{line}{line_break}")).collect();
        alike(&format!("{text}{end}"), threads, block_bytes, skip_bad);
    }
}

#[test]
fn an_input_that_fails_or_panics_under_threads_is_noticed() {
    struct Fails(usize, fn() -> io::Result<usize>);
    impl Read for Fails {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return self.1();
            }
            self.0 -= 1;
            let text = if self.0 == 99_999 { b"id,name\n" } else { b"77,abcd\n" };
            into[..8].copy_from_slice(text);
            Ok(8)
        }
    }
    let schema: Schema = "id: u8, name: str[4]".parse().unwrap();
    let open = |fails| {
        let input = Fails(100_000, fails);
        Options::new().reader(&schema, input).unwrap().in_blocks(2, 4096).unwrap()
    };
    let mut source = open(|| Err(io::Error::other("unplugged")));
    let mut rows = 0;
    let error = loop {
        match source.next_record(&mut [0; 5]) {
            Ok(more) => rows += usize::from(more),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("unplugged") && rows > 90_000, "{rows} rows, {error}");
    assert!(!source.next_record(&mut [0; 5]).unwrap());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut source = open(|| panic!("this input panics"));
        while source.next_record(&mut [0; 5]).unwrap() {}
    }));
    assert!(panicked.is_err());
    // A reader that is dropped early leaves no thread that waits for ever.
    drop(open(|| Ok(0)));
}
