//! Tests of files with one column, where a missing value may be a blank line: the writer, the
//! reader and the inference agree on them.

use super::tests::{options, read};
use crate::record::{RowBuf, Value};
use crate::schema::{Schema, Type};

#[test]
fn a_blank_line_is_a_missing_value_where_there_is_one_column() {
    assert_eq!(read("a: u8?", "a\n\n7\n\n").unwrap(), ["a: null", "a: 7", "a: null"]);
    assert_eq!(read("a: u8", "a\n\n7\n\n").unwrap(), ["a: 7"]);
}

#[test]
fn one_column_with_missing_values_is_read_as_it_was_written() {
    for (schema, rows) in [
        ("a: f64?", &["1.5", "null", "2.5"][..]),
        ("a: f64?", &["null", "1.5", "null"]),
        ("a: i8?", &["1", "null"]),
        ("a: str[2]?", &["", "null", "x"]),
        ("a: str[2]?", &["null", "null"]),
        ("a: str[2]?", &["x", "null"]),
        ("a: enum[b, c]?", &["c", "null"]),
        ("a: bool?", &["null", "true"]),
        ("a: date?", &["2013-01-01", "null"]),
        ("a: timestamp?", &["null", "2013-01-01T00:00:00Z"]),
        ("a: bytes[1]?", &["0x61", "null"]),
        ("a: u8[2]?", &["[1, 2]", "null"]),
    ] {
        let schema: Schema = schema.parse().unwrap();
        let mut writer = options().writer(&schema, Vec::new()).unwrap();
        for row in rows {
            let mut buffer = RowBuf::new(&schema);
            let field = &schema.fields()[0];
            match *row {
                "null" => buffer.set(0, Value::Null).unwrap(),
                text => field.parse_text(text, buffer.as_bytes_mut()).unwrap(),
            }
            writer.write(buffer.as_row()).unwrap();
        }
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        let expected: Vec<String> = rows.iter().map(|row| format!("a: {row}")).collect();
        assert_eq!(read(&schema.to_string(), &text).unwrap(), expected, "{text:?}");
        // The inference sees as many rows, and its schema reads them all.
        let inferred = options().infer(text.as_bytes()).unwrap();
        assert_eq!(inferred.rows(), Some(rows.len() as u64), "{text:?}");
        assert_eq!(read(&inferred.schema().to_string(), &text).unwrap().len(), rows.len(), "{text:?}");
        // Other programs skip blank lines; only a missing text is one.
        assert_eq!(text.contains("\n\n"), matches!(schema.fields()[0].ty(), Type::Str(_) | Type::Enum(_)));
    }
    for (text, schema, rows) in [
        ("a\n1\n\n2\n", "a: u8?", 3),
        ("a\n1\n2\n\n\n", "a: u8", 2),
        ("a\n1\n\n2\n\n", "a: u8?", 4),
        ("a\n\"\"\n2\n\n", "a: u8?", 3),
        ("a\nx\n\n", "a: str[1]?", 2),
        ("a,b\n1,2\n\n3,4\n", "a: u8, b: u8", 2),
    ] {
        let inferred = options().infer(text.as_bytes()).unwrap();
        assert_eq!((&*inferred.schema().to_string(), inferred.rows()), (schema, Some(rows)), "{text:?}");
        assert_eq!(read(schema, text).unwrap().len() as u64, rows, "{text:?}");
    }
}

#[test]
fn a_blank_line_counts_for_inferring_as_it_does_for_reading() {
    for (text, rows, missing) in
        [("a\n1\n\n\"\"\n\n", 4, 3), ("a\n1\n\n2\n\n", 4, 2), ("a\n1\n2\n\n", 2, 0), ("a,b\n1,\n\n", 1, 0)]
    {
        let inferred = options().infer(text.as_bytes()).unwrap();
        assert_eq!((inferred.rows(), inferred.columns()[0].missing()), (Some(rows), missing), "{text:?}");
        assert_eq!(read(&inferred.schema().to_string(), text).unwrap().len() as u64, rows);
    }
}
