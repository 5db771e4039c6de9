//! Ten text files as other programs and people make them. They load as their owners expect, and
//! each value that is checked has its reason.

use serde_json::{Value, json};

use crate::Folder;

/// A file, how it is loaded, and what must be in the table.
struct TextFile {
    name: &'static str,
    options: &'static [&'static str],
    /// The schema of the table.
    schema: &'static str,
    rows: usize,
    /// The number of a row, a field, its value, and why it is that one.
    values: Vec<(usize, &'static str, Value, &'static str)>,
}

fn check(file: TextFile) {
    let TextFile { name, options, schema, rows, values } = file;
    let folder = Folder::new();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/text").join(name);
    folder.file(name, std::fs::read(&path).unwrap());
    let ran = folder.run(&[&["load", "a.dry", "t", name], options].concat());
    assert_eq!(ran.code, 0, "{name}: {ran:?}");
    let info = folder.done(&["info", "a.dry", "t"]);
    assert_eq!(info.lines().next(), Some(&*format!("table \"t\": {schema}")), "{name}");
    let text = folder.done(&["scan", "a.dry", "t", "--format", "json"]);
    let loaded: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(loaded.len(), rows, "{name}");
    for (row, field, expected, reason) in values {
        assert_eq!(loaded[row][field], expected, "{name}, row {row}, {field}: {reason}");
    }
    // The file goes into the table once more, without a word about types.
    let again: Vec<&str> = options
        .iter()
        .copied()
        .scan(false, |skip, option| {
            let is_type = matches!(option, "--infer" | "--schema") || *skip;
            *skip = option == "--schema";
            Some((!is_type).then_some(option))
        })
        .flatten()
        .collect();
    let ran = folder.run(&[&["load", "a.dry", "t", name], &again[..]].concat());
    assert!(ran.code == 0 && ran.stdout.contains(&format!("it has {} of", 2 * rows)), "{name}: {ran:?}");
}

#[test]
fn write_csv_of_r() {
    check(TextFile {
        name: "r.csv",
        options: &["--null", "NA", "--infer"],
        schema: "c0: u8, name: str[3]?, height: f64?, joined: date?, smoker: bool?",
        rows: 3,
        values: vec![
            (2, "c0", json!(10), "names of rows have no name in the header, and are numbers in quotes"),
            (0, "name", json!("Ada"), "a text in quotes"),
            (1, "name", json!("NA"), "R puts texts in quotes, so this is the text NA"),
            (2, "name", json!(null), "R writes a missing text as NA without quotes"),
            (0, "height", json!(1.65), "1.65 is no f32, so the column is f64"),
            (1, "height", json!(null), "a missing number is NA"),
            (0, "joined", json!("2020-01-31"), "a Date of R is written as ISO 8601 has it"),
            (0, "smoker", json!(true), "R writes TRUE"),
            (2, "smoker", json!(null), "a missing logical is NA"),
        ],
    });
}

#[test]
fn to_csv_of_pandas() {
    check(TextFile {
        name: "pandas.csv",
        options: &[
            "--rename",
            "c0=row",
            "--schema",
            "row: u8, city: str[10]?, temp: f64?, at: timestamp, visits: u32?, late: bool",
        ],
        schema: "row: u8, city: str[10]?, temp: f64?, at: timestamp, visits: u32?, late: bool",
        rows: 3,
        values: vec![
            (2, "row", json!(2), "the index is written first, under no name; it was renamed"),
            (1, "city", json!(null), "None is an empty field"),
            (2, "city", json!("Köln"), "UTF-8"),
            (1, "temp", json!(null), "NaN is an empty field"),
            (0, "at", json!("2024-01-02T03:04:05Z"), "a blank stands for the T, and there is no zone"),
            (1, "at", json!("2024-01-02T00:00:00Z"), "midnight"),
            (0, "visits", json!(3), "whole numbers with gaps are floats in pandas: 3.0"),
            (2, "visits", json!(70000), "70000.0 is whole"),
            (1, "visits", json!(null), "a gap"),
            (0, "late", json!(true), "Python writes True"),
        ],
    });
    check(TextFile {
        name: "pandas.csv",
        options: &["--infer"],
        schema: "c0: u8, city: str[5]?, temp: f64?, at: timestamp, visits: f32?, late: bool",
        rows: 3,
        values: vec![
            (2, "visits", json!(70000.0), "70000.0 says that it is a float, and an f32 is equal to it"),
            (2, "temp", json!(-0.1), "-0.1 is no f32"),
        ],
    });
}

#[test]
fn write_csv_of_polars() {
    check(TextFile {
        name: "polars.csv",
        options: &["--infer"],
        schema: "id: u8, at: timestamp?, day: date, ok: bool?, share: f64, note: str[4]",
        rows: 2,
        values: vec![
            (0, "at", json!("2024-01-02T03:04:05.123456Z"), "microseconds, without a zone"),
            (1, "at", json!(null), "null is an empty field"),
            (1, "day", json!("1969-12-31"), "a day before 1970"),
            (1, "ok", json!(null), "null is an empty field"),
            (1, "share", json!(1e-7), "an exponent"),
            (0, "note", json!("a, b"), "a comma in quotes is part of the text"),
            (1, "note", json!(""), "an empty text is in quotes, so that it is not null"),
        ],
    });
}

#[test]
fn copy_of_duckdb() {
    check(TextFile {
        name: "duckdb.csv",
        options: &[
            "--schema",
            "id: u8, price: f64?, seen: timestamp?, ok: bool, note: str[1]?, list: i32[3]",
        ],
        schema: "id: u8, price: f64?, seen: timestamp?, ok: bool, note: str[1]?, list: i32[3]",
        rows: 2,
        values: vec![
            (0, "price", json!(19.99), "a decimal, whose digits an f64 shows"),
            (1, "price", json!(null), "NULL is an empty field"),
            (0, "seen", json!("2024-01-02T03:04:05Z"), "a TIMESTAMP has no zone"),
            (1, "ok", json!(false), "BOOLEAN is true or false"),
            (1, "note", json!(null), "NULL is an empty field"),
            (1, "list", json!([4, 5, 6]), "a list in quotes, with its commas"),
        ],
    });
}

#[test]
fn copy_of_postgresql() {
    check(TextFile {
        name: "postgresql.csv",
        options: &["--schema", "id: i32, at: timestamp?, ok: bool?, note: str[20]?, amount: f64?"],
        schema: "id: i32, at: timestamp?, ok: bool?, note: str[20]?, amount: f64?",
        rows: 3,
        values: vec![
            (0, "at", json!("2024-01-02T03:04:05.123456Z"), "timestamptz is written with +00"),
            (1, "at", json!("2024-06-30T22:00:00Z"), "midnight two hours east of UTC"),
            (0, "ok", json!(true), "boolean is written as t"),
            (0, "note", json!("say \"hi\""), "quotes are doubled"),
            (1, "note", json!(""), "COPY writes an empty text as \"\""),
            (2, "note", json!(null), "COPY writes NULL as an empty field"),
            (1, "amount", json!(0.1), "numeric keeps its zeros: 0.10"),
        ],
    });
}

#[test]
fn export_of_bigquery() {
    check(TextFile {
        name: "bigquery.csv",
        options: &["--infer"],
        schema: "id: u8, created: timestamp, ratio: f64, total: i64, active: bool, payload: str[8]?",
        rows: 2,
        values: vec![
            (0, "created", json!("2024-01-02T03:04:05.5Z"), "TIMESTAMP ends with UTC"),
            (1, "ratio", json!(1e-10), "FLOAT64 has an exponent with a capital letter"),
            (0, "total", json!(9_007_199_254_740_993_i64), "INT64 beyond what a double holds"),
            (1, "active", json!(false), "BOOL"),
            (0, "payload", json!("aGVsbG8="), "BYTES is base64, which is text"),
            (1, "payload", json!(null), "NULL is an empty field"),
        ],
    });
}

#[test]
fn excel_with_semicolons_and_decimal_commas() {
    check(TextFile {
        name: "excel.csv",
        options: &["--decimal-comma", "--infer"],
        schema: "Artikel: str[10], \"Preis (€)\": f64, Anzahl: u16, Datum: date",
        rows: 2,
        values: vec![
            (0, "Artikel", json!("Schraube"), "the byte-order mark before the header is no part of a name"),
            (1, "Artikel", json!("Mutter; M8"), "a semicolon in quotes is part of the text"),
            (0, "Preis (€)", json!(1234.5), "a point between thousands, a comma before the fraction"),
            (1, "Preis (€)", json!(0.05), "a decimal comma"),
            (1, "Anzahl", json!(1000), "1.000 is a thousand where the comma is the decimal mark"),
            (0, "Datum", json!("2024-12-31"), "day, month and year; CRLF is no part of it"),
        ],
    });
}

#[test]
fn savetxt_of_numpy() {
    check(TextFile {
        name: "savetxt.txt",
        options: &[
            "--delimiter",
            "blanks",
            "--comment",
            "#",
            "--no-header",
            "--rename",
            "c0=x,c1=y",
            "--infer",
        ],
        schema: "x: f64, y: f64",
        rows: 2,
        values: vec![
            (0, "x", json!(0.1), "18 digits behind the point are more than needed, and read back as 0.1"),
            (1, "x", json!(1e-300), "scientific notation"),
            (0, "y", json!(-2.0), "a sign"),
            (1, "y", json!(12_345_678.5), "more digits than an f32 has, so the column is f64"),
        ],
    });
}

#[test]
fn export_of_a_bank() {
    check(TextFile {
        name: "bank.csv",
        options: &["--skip-lines", "4", "--decimal-comma", "--infer"],
        schema: "Buchung: date, Text: str[11], Betrag: f32, Währung: str[3]",
        rows: 2,
        values: vec![
            (0, "Buchung", json!("2024-07-01"), "the lines about the account are skipped; day first"),
            (0, "Text", json!("Miete; Juli"), "a semicolon in quotes"),
            (0, "Betrag", json!(-1250.0), "a sign, a point between thousands, and a comma, in quotes"),
            (1, "Betrag", json!(3400.5), "a decimal comma"),
            (1, "Währung", json!("EUR"), "lines end with a semicolon, which makes no column"),
        ],
    });
}

#[test]
fn log_of_a_sensor() {
    check(TextFile {
        name: "sensor.log",
        options: &[
            "--comment",
            "#",
            "--null",
            "-",
            "--timestamp-unit",
            "ms",
            "--schema",
            "at: timestamp, temp: f32?, humidity: u8?",
        ],
        schema: "at: timestamp, temp: f32?, humidity: u8?",
        rows: 3,
        values: vec![
            (0, "at", json!("2024-01-02T03:04:05.25Z"), "milliseconds since 1970"),
            (0, "temp", json!(21.5), "the comments before the header are skipped"),
            (1, "temp", json!(null), "the sensor writes - where it has no value"),
            (2, "temp", json!(21.25), "a comment between rows is skipped"),
            (2, "humidity", json!(null), "an empty field at the end of a line"),
        ],
    });
}
