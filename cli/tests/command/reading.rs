//! `drystone load`: how files of other programs are read, and what is inferred from them.

use std::io::Write;

use crate::Folder;

/// Loads a file into a new table, with these options. Returns the schema that was inferred, the
/// rows, and what was printed to standard error.
#[track_caller]
fn load(name: &str, bytes: impl AsRef<[u8]>, options: &[&str]) -> (String, String, String) {
    let folder = Folder::new();
    folder.file(name, bytes);
    let ran = folder.run(&[&["load", "a.dry", "t", name], options].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let schema = ran.stdout.lines().find_map(|line| line.strip_prefix("schema: ")).unwrap_or_default();
    (schema.to_owned(), folder.done(&["scan", "a.dry", "t", "--format", "csv"]), ran.stderr)
}

/// Loads a file, which must be refused. Returns the message.
#[track_caller]
fn refused(name: &str, bytes: impl AsRef<[u8]>, options: &[&str]) -> String {
    let folder = Folder::new();
    folder.file(name, bytes);
    folder.refused(2, &[&["load", "a.dry", "t", name], options].concat())
}

#[test]
fn an_inferred_column_keeps_later_values_exactly_or_refuses_them() {
    let folder = Folder::new();
    folder.file("a.csv", "amount\n19.99\n0.10\n").file("b.csv", "amount\n1234567.89\n");
    let said = folder.done(&["load", "a.dry", "t", "a.csv", "--infer"]);
    assert!(said.contains("schema: amount: f64\n"), "{said}");
    folder.done(&["load", "a.dry", "t", "b.csv"]);
    let rows = ["scan", "a.dry", "t", "--format", "csv"];
    assert_eq!(folder.done(&rows), "amount\n19.99\n0.1\n1234567.89\n");
    // An f32 takes what it shows, from each format, and rounds only by request.
    folder.file("a.jsonl", "{\"amount\": 1234567.89}\n").file("c.csv", "amount\n19.99\n");
    folder.done(&["load", "f.dry", "t", "c.csv", "--schema", "amount: f32"]);
    folder.done(&["export", "a.dry", "t", "a.parquet"]);
    for file in ["b.csv", "a.jsonl", "a.parquet"] {
        let said = folder.refused(2, &["load", "f.dry", "t", file]);
        let expected =
            "an f32 has too few digits, and would be 1234567.9; use f64, or allow rounding (--round)";
        assert!(said.contains(expected), "{said}");
        folder.done(&["load", "f.dry", "t", file, "--round"]);
    }
    let said = folder.refused(2, &["set", "f.dry", "t", "0", "amount=0.123456789"]);
    assert!(said.contains("would be 0.12345679"), "{said}");
    folder.done(&["set", "f.dry", "t", "0", "amount=0.125"]);
    let rows = folder.done(&["scan", "f.dry", "t", "--format", "csv"]);
    assert_eq!(rows, "amount\n0.125\n1234567.9\n1234567.9\n19.99\n0.1\n1234567.9\n");
    // What is exactly an f32 becomes one.
    assert_eq!(load("d.csv", "x\n0.5\n-2.25\n", &["--infer"]).0, "x: f32");
}

#[test]
fn the_inferred_schema_is_one_that_schema_accepts() {
    let text = "id,\"a, b\",\"say \"\"x\"\"\",side,at,v,no\n1,x,\"p\nq\",buy,2024-01-02,0.5,\n2,y,z,sell,2024-01-03,0.25,\n";
    let text =
        text.to_owned() + &"3,y,z,\"hold, it\",2024-01-03,0.1,1\n4,y,z,buy,2024-01-03,0.1,300\n".repeat(6);
    for options in
        [&["--infer"][..], &["--infer", "--enums"], &["--infer", "--key", "at,id", "--on-duplicate", "last"]]
    {
        let (schema, rows, _) = load("a.csv", &text, options);
        let mut given = vec!["--schema", &*schema];
        if options.contains(&"--key") {
            given.extend(["--on-duplicate", "last"]);
        }
        assert_eq!(load("a.csv", &text, &given).1, rows, "{schema}");
        let folder = Folder::new();
        folder.file("a.csv", &text).file("a.schema", &schema);
        let given = ["load", "a.dry", "t", "a.csv", "--schema-file", "a.schema", "--on-duplicate", "last"];
        folder.done(&given);
        assert_eq!(folder.done(&["scan", "a.dry", "t", "--format", "csv"]), rows);
    }
    let folder = Folder::new();
    folder.file("a.jsonl", "{\"a b\": [1, 2.5], \"c\": null}\n{\"a b\": [0, 1], \"c\": \"x\"}\n");
    let said = folder.done(&["load", "a.dry", "t", "a.jsonl", "--infer"]);
    let schema = said.lines().find_map(|line| line.strip_prefix("schema: ")).unwrap();
    assert_eq!(schema, "\"a b\": f32[2], c: str[1]?");
    folder.done(&["load", "a.dry", "u", "a.jsonl", "--schema", schema]);
}

#[test]
fn json_is_recognised_and_arrays_are_read_as_lines_are() {
    let lines = "{\"id\":1}\n{\"id\":2}\n{\"id\":300}\n";
    let array = "[{\"id\":1},\n  {\"id\": 2 }\n,{\n\"id\":300\n}\n]\n";
    let long = format!("[{}]", "{\"id\":1},".repeat(50_000) + "{\"id\":2}");
    for (text, rows) in [
        (lines, 3),
        (array, 3),
        ("\u{FEFF} [{\"id\":1}]", 1),
        ("{\n\"id\":\n1}\n{\"id\":2}", 2),
        (&long, 50_001),
    ] {
        for types in [&["--infer"][..], &["--schema", "id: u16"]] {
            let folder = Folder::new();
            let ran = folder.run_with(&[&["load", "a.dry", "t", "-"], types].concat(), text);
            assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
            assert_eq!(folder.done(&["scan", "a.dry", "t", "--format", "csv"]).lines().count(), rows + 1);
            // Whatever the name says.
            assert_eq!(load("a.csv", text, types).1.lines().count(), rows + 1);
        }
    }
    for (text, expected) in [
        (
            "[{\"id\":1},\n{\"id\":\"x\"}]",
            "element 2 of a.json, on line 2: field \"id\": \"x\" is not a valid u16",
        ),
        (
            "[{\"id\":1}\n{\"id\":2}]",
            "element 2 of a.json, on line 2: a comma, or the end of the array, is expected",
        ),
        (
            "[{\"id\":1},\n\n{\"id\":2}",
            "element 3 of a.json, on line 3: the array is never closed; it was cut off",
        ),
        ("[{\"id\":1}, {\"id\":", "element 2 of a.json, on line 1: it is never closed; it was cut off"),
        ("[{\"id\":1}] x", "there is text after the end of the array"),
        ("[1, 2]", "element 1 of a.json, on line 1: invalid type: integer `1`, expected an object"),
        ("[{\"id\":1},]", "a value is expected"),
    ] {
        let said = refused("a.json", text, &["--schema", "id: u16"]);
        assert!(said.contains(expected), "{text}: {said}");
    }
    assert_eq!(load("a.json", "[]", &["--schema", "id: u16"]).1, "id\n");
    // Bad elements are set aside as lines.
    let folder = Folder::new();
    folder.file("a.json", "[{\"id\":1},{\n\"id\":\n\"x\"},{\"id\":3}]");
    let ran = folder.run(&["load", "a.dry", "t", "a.json", "--schema", "id: u8", "--skip-bad", "bad.jsonl"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(folder.done(&["scan", "a.dry", "t", "--format", "csv"]), "id\n1\n3\n");
    assert_eq!(std::fs::read_to_string(folder.path("bad.jsonl")).unwrap(), "{ \"id\": \"x\"}\n");
}

#[test]
fn formats_that_cannot_be_loaded_are_named_with_a_way_out() {
    let zip = |name: &str, more: &str| {
        let mut bytes = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend(b"\0\0");
        bytes.extend(name.bytes().chain(more.bytes()));
        bytes
    };
    let mut tar = vec![0; 512];
    tar[..5].copy_from_slice(b"a.csv");
    tar[257..262].copy_from_slice(b"ustar");
    let mut duck = vec![7; 100];
    duck[8..12].copy_from_slice(b"DUCK");
    for (bytes, what, way_out) in [
        (zip("x.npy", ""), "an archive of NumPy arrays (.npz)", "numpy.save"),
        (zip("[Content_Types].xml", ""), "an Excel workbook", "save the sheet as CSV"),
        (
            zip("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            "an OpenDocument file",
            "save the sheet as CSV",
        ),
        (zip("a.csv", ""), "a zip archive", "unzip -p FILE | drystone load DB TABLE -"),
        (b"\xFD7zXZ\0\0".to_vec(), "compressed with xz", "xz -dc FILE | drystone load DB TABLE -"),
        (b"BZh91AY&SY".to_vec(), "compressed with bzip2", "bzip2 -dc FILE | drystone"),
        (b"\x04\x22\x4D\x18abc".to_vec(), "compressed with lz4", "lz4 -dc FILE | drystone"),
        (b"SQLite format 3\0\x10\0".to_vec(), "a SQLite database", "sqlite3 -csv -header FILE"),
        (duck, "a DuckDB database", "COPY t TO"),
        (tar, "a tar archive", "unpack it"),
        (b"FEA1\0\0\0\0".to_vec(), "a Feather file of version 1", "version 2"),
        (b"ORC\x0A".to_vec(), "an ORC file", "Parquet"),
        (b"Obj\x01\x04".to_vec(), "an Avro file", "polars.read_avro"),
        (b"\x89HDF\r\n\x1A\n".to_vec(), "an HDF5 file", "to_parquet"),
        (b"\x80\x04\x95\x10\0".to_vec(), "a pickle of Python", "Parquet or CSV"),
        (b"PARE1234".to_vec(), "an encrypted Parquet file", "without encryption"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec(), "an Excel workbook of the old format", "CSV"),
        (b"<!DOCTYPE html>\n<html>".to_vec(), "an HTML page", "get the data itself"),
        (b"<?xml version=\"1.0\"?>".to_vec(), "XML", "CSV or JSON"),
        (b"id\0name".to_vec(), "a binary file of an unknown format", "--format"),
    ] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&bytes).unwrap();
        for bytes in [bytes.clone(), gzip.finish().unwrap(), zstd::encode_all(&*bytes, 1).unwrap()] {
            // The first bytes count, not the name.
            let said = refused("a.csv", &bytes, &["--infer"]);
            assert!(
                said.starts_with(&format!("error: a.csv is {what}, ")) && said.contains(way_out),
                "{said}"
            );
            let ran = Folder::new().run_with(&["load", "a.dry", "t", "-", "--infer"], &bytes);
            assert!(ran.code == 2 && ran.stderr.contains(what), "{ran:?}");
        }
    }
    // A database of this program.
    let folder = Folder::new();
    folder.file("a.csv", "id\n1\n").done(&["load", "b.dry", "t", "a.csv", "--infer"]);
    let said = folder.refused(2, &["load", "a.dry", "t", "b.dry", "--infer"]);
    assert!(said.contains("b.dry is a Drystone database") && said.contains("drystone copy"), "{said}");
    // A format that is given is believed.
    let (schema, ..) = load("a.csv", "{\"a\",b}\n1,2\n", &["--infer", "--format", "csv"]);
    assert_eq!(schema, "\"{\"\"a\"\"\": u8, \"b}\": u8");
}

#[test]
fn delimiters_are_given_guessed_or_known_by_the_name() {
    let rows = "a,b\n1,2\n";
    for (name, text, option, said) in [
        ("a.csv", "a;b\n1;2\n", None, "a.csv: the delimiter is taken to be ';', as the header has it\n"),
        ("a.txt", "a\tb\n1\t2\n", None, "a.txt: the delimiter is taken to be a tab, as the header has it\n"),
        ("a.csv", "a|b\n1|2\n", None, "a.csv: the delimiter is taken to be '|', as the header has it\n"),
        ("a.tsv", "a\tb\n1\t2\n", None, ""),
        ("a.csv", "a,b\n1,2\n", None, ""),
        ("a.csv", "a;b\n1;2\n", Some(";"), ""),
        ("a.csv", "a;b\n1;2\n", Some("semicolon"), ""),
        ("a.csv", "a\tb\n1\t2\n", Some("tab"), ""),
        ("a.csv", "a\u{1}b\n1\u{1}2\n", Some("0x01"), ""),
        ("a.csv", "a-b\n1-2\n", Some("-"), ""),
        ("a.csv", "a b\n1 2\n", Some("space"), ""),
        ("a.csv", " a    b\n 1\t 2 \n", Some("blanks"), ""),
    ] {
        let option = option.map(|option| vec!["--delimiter", option]).unwrap_or_default();
        for types in [&["--infer"][..], &["--schema", "a: u8, b: u8"]] {
            let (_, found, notes) = load(name, text, &[&option, types].concat());
            assert_eq!((&*found, &*notes), (rows, said), "{text:?}");
        }
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"a,b\tc\n1\t2\n").unwrap();
    assert_eq!(load("a.tsv.gz", gzip.finish().unwrap(), &["--infer"]).0, "\"a,b\": u8, c: u8");
    assert!(refused("a.csv", "a\n", &["--infer", "--delimiter", ";;"]).contains("one character is expected"));
    assert!(refused("a.csv", "a\n", &["--infer", "--delimiter", "\""]).contains("cannot be the delimiter"));
    let said = refused("a.csv", "a;b\n1;2\n3\n", &["--infer"]);
    assert!(said.contains("1 field, where the header has 2; the delimiter was guessed"), "{said}");
}

#[test]
fn a_file_without_a_header_is_read_by_the_schema_or_with_made_names() {
    let text = "1,foo\n2,bar\n";
    let (schema, rows, _) = load("a.csv", text, &["--no-header", "--infer"]);
    assert_eq!((&*schema, &*rows), ("c0: u8, c1: str[3]", "c0,c1\n1,foo\n2,bar\n"));
    // The key comes first in the table, not in the file.
    for types in [
        &["--infer", "--key", "c1"][..],
        &["--infer", "--rename", "c1=name,c0=id", "--key", "name"],
        &["--schema", "id: u8, name: str[3]", "--key", "name"],
    ] {
        let (_, rows, _) = load("a.csv", text, &[&["--no-header"], types].concat());
        assert!(rows.ends_with("\nbar,2\nfoo,1\n"), "{types:?}: {rows}");
    }
    let (_, rows, notes) = load("a.csv", text, &["--infer"]);
    assert_eq!(rows, "1,foo\n2,bar\n");
    assert!(notes.contains("the first name in the header looks like a value"), "{notes}");
    assert!(notes.contains("--no-header"), "{notes}");
    let said = refused("a.csv", text, &["--schema", "id: u8, name: str[3]"]);
    assert!(said.contains("(--no-header)"), "{said}");
    // Into a table that exists, by its fields.
    let folder = Folder::new();
    folder.file("a.csv", "id,name\n7,x\n").file("b.csv", text);
    folder.done(&["load", "a.dry", "t", "a.csv", "--infer", "--key", "id"]);
    let said = folder.refused(2, &["load", "a.dry", "t", "b.csv", "--no-header"]);
    assert!(said.contains("too long: 3 bytes"), "{said}");
    folder.file("c.csv", "8,y\n").done(&["load", "a.dry", "t", "c.csv", "--no-header"]);
    assert_eq!(folder.done(&["scan", "a.dry", "t", "--format", "csv"]), "id,name\n7,x\n8,y\n");
}

#[test]
fn timestamps_and_numbers_are_read_as_other_programs_write_them() {
    let text = "at\n2024-01-02 03:04:05.123456+00\n2024-01-02 03:04:05.123456000\n2024-01-02T03:04:05.000000000Z\n\
        2024-01-02 08:34:05+0530\n2024-01-02 03:04:05 UTC\n2024-01-02\n";
    let (schema, rows, _) = load("a.csv", text, &["--infer"]);
    assert_eq!(schema, "at: timestamp");
    assert_eq!(
        rows,
        "at\n2024-01-02T03:04:05.123456Z\n2024-01-02T03:04:05.123456Z\n2024-01-02T03:04:05Z\n2024-01-02T03:04:05Z\n\
         2024-01-02T03:04:05Z\n2024-01-02T00:00:00Z\n"
    );
    let said = refused("a.csv", "at\n2024-01-02T03:04:05.123456789Z\n", &["--schema", "at: timestamp"]);
    assert!(said.contains("digits other than zero beyond microseconds"), "{said}");
    assert!(said.contains("allow rounding (--round)"), "{said}");
    // By request, what is beyond microseconds is cut: each moment becomes the microsecond it is in.
    for (name, text) in [
        ("a.csv", "at\n1969-12-31T23:59:59.999999999Z\n-1\n1999.5\n"),
        ("a.jsonl", "{\"at\": \"1969-12-31T23:59:59.999999999Z\"}\n{\"at\": -1}\n{\"at\": 1999.5}\n"),
    ] {
        let types = ["--schema", "at: timestamp", "--timestamp-unit", "ns", "--round"];
        let expected =
            "at\n1969-12-31T23:59:59.999999Z\n1969-12-31T23:59:59.999999Z\n1970-01-01T00:00:00.000001Z\n";
        assert_eq!(load(name, text, &types).1, expected, "{name}");
    }
    let nanos = "at\n2024-01-02T03:04:05.123456789Z\n";
    assert_eq!(load("a.csv", nanos, &["--infer", "--round"]).0, "at: timestamp");
    assert_eq!(load("a.csv", nanos, &["--infer"]).0, "at: str[30]");
    for (unit, number) in [
        ("s", "1704164645"),
        ("ms", "1704164645000"),
        ("us", "1704164645000000"),
        ("ns", "1704164645000000000"),
    ] {
        let types = ["--schema", "at: timestamp", "--timestamp-unit", unit];
        for (name, text) in
            [("a.csv", format!("at\n{number}\n")), ("a.jsonl", format!("{{\"at\": {number}}}\n"))]
        {
            assert_eq!(load(name, text, &types).1, "at\n2024-01-02T03:04:05Z\n", "{unit}");
        }
        let folder = Folder::new();
        folder
            .file("a.csv", format!("at\n{number}\n"))
            .done(&["load", "a.dry", "t", "a.csv", "--schema", "at: i64"]);
        for file in ["a.parquet", "a.arrow", "a.npy"] {
            folder.done(&["export", "a.dry", "t", file]);
            let said = folder.refused(2, &["load", "b.dry", file, file, "--schema", "at: timestamp"]);
            assert!(said.contains("it is a whole number"), "{said}");
            folder.done(&[&["load", "b.dry", file, file], &types[..]].concat());
            assert_eq!(
                folder.done(&["scan", "b.dry", file, "--format", "csv"]),
                "at\n2024-01-02T03:04:05Z\n"
            );
        }
    }
    let half = ["--schema", "at: timestamp", "--timestamp-unit", "s"];
    assert_eq!(load("a.csv", "at\n1704164645.25\n", &half).1, "at\n2024-01-02T03:04:05.25Z\n");
    let said = refused("a.csv", "at\n1704164645\n", &["--schema", "at: timestamp"]);
    assert!(said.contains("(--timestamp-unit)"), "{said}");
    let said = refused("a.csv", "at\n1\n", &["--schema", "at: timestamp", "--timestamp-unit", "ns"]);
    assert!(said.contains("beyond microseconds"), "{said}");
    // Whole numbers as JSON takes them.
    for (name, text) in [
        ("a.csv", "k,n\n1,2.0\n2,\n3,1e2\n"),
        ("a.jsonl", "{\"k\":1,\"n\":2.0}\n{\"k\":2}\n{\"k\":3,\"n\":1e2}\n"),
    ] {
        assert_eq!(load(name, text, &["--schema", "k: u8, n: i16?"]).1, "k,n\n1,2\n2,\n3,100\n");
    }
    let said = refused("a.csv", "n\n2.5\n", &["--schema", "n: i16"]);
    assert!(said.contains("\"2.5\" is not a valid i16: not a whole number"), "{said}");
}

#[test]
fn columns_without_a_proper_name_get_one_or_are_left_out() {
    let long = "x".repeat(70);
    for (text, made, left) in [
        (",a\n0,1\n".to_owned(), "c0: u8, a: u8", "a: u8"),
        ("id,v,\n1,2,\n".to_owned(), "id: u8, v: u8", "id: u8, v: u8"),
        ("id,v,\n1,2,3\n".to_owned(), "id: u8, v: u8, c2: u8", "id: u8, v: u8"),
        (format!("id,{long}\n1,2\n"), &format!("id: u8, {}: u8", &long[..64]), "id: u8"),
        ("a,a\n1,2\n".to_owned(), "a: u8, a_2: u8", "a: u8"),
        // Words of queries are names like others.
        (
            "key,at,null,select,and\n1,2,3,4,5\n".to_owned(),
            "key: u8, at: u8, null: u8, select: u8, and: u8",
            "key: u8, at: u8, null: u8, select: u8, and: u8",
        ),
        ("\"DATE\", \"ID\"\n\"2024-01-02\", \"7\"\n".to_owned(), "DATE: date, ID: u8", "DATE: date, ID: u8"),
        ("a b,c\n1,2\n".to_owned(), "\"a b\": u8, c: u8", "\"a b\": u8, c: u8"),
    ] {
        let (schema, rows, notes) = load("a.csv", &text, &["--infer"]);
        assert_eq!(schema, made, "{text:?}");
        assert_eq!(notes.is_empty(), text.starts_with("a b") || text.starts_with("key"), "{notes}");
        // The schema that was inferred reads the same file, and adds to the table.
        assert_eq!(load("a.csv", &text, &["--schema", &schema]).1, rows);
        let (schema, _, notes) = load("a.csv", &text, &["--infer", "--ignore-unknown"]);
        assert_eq!(schema, left, "{text:?}");
        assert!(left == made || notes.contains("is left out"), "{notes}");
    }
    let (schema, _, notes) =
        load("a.csv", ",x\n0,1\n", &["--infer", "--rename", "c0=row", "--rename", "x=`a,b`"]);
    assert_eq!((&*schema, &*notes), ("row: u8, \"a,b\": u8", ""));
    let said = refused("a.csv", "x\n1\n", &["--infer", "--rename", "y=z"]);
    assert!(said.contains("a.csv: no column \"y\" to rename; it has \"x\""), "{said}");
    // Every format renames.
    let folder = Folder::new();
    folder.file("a.csv", "x\n7\n").done(&["load", "a.dry", "t", "a.csv", "--infer"]);
    folder.file("a.jsonl", "{\"x\": 7}\n");
    for file in ["a.parquet", "a.arrow", "a.arrows", "a.npy"] {
        folder.done(&["export", "a.dry", "t", file]);
    }
    for file in ["a.csv", "a.jsonl", "a.parquet", "a.arrow", "a.arrows", "a.npy"] {
        for types in [&["--infer"][..], &["--schema", "y: u16"]] {
            let table = format!("{file}{}", types.len());
            folder.done(&[&["load", "b.dry", &table, file, "--rename", "x=y"], types].concat());
            assert_eq!(folder.done(&["scan", "b.dry", &table, "--format", "csv"]), "y\n7\n", "{file}");
        }
    }
}

#[test]
fn comments_preambles_and_decimal_commas_are_read() {
    let text =
        "Account 7\n\"open quote\n#x;y\n#\nx;n;day\n1.234,50;1.000;31.12.2024\n# -0,5\n-0,5;2;01.01.2025\n";
    let options = ["--skip-lines", "2", "--comment", "#", "--decimal-comma"];
    let (schema, rows, _) = load("a.csv", text, &[&options[..], &["--infer"]].concat());
    assert_eq!(schema, "x: f32, n: u16, day: date");
    assert_eq!(rows, "x,n,day\n1234.5,1000,2024-12-31\n-0.5,2,2025-01-01\n");
    let said = refused("a.csv", "x;n\n1.5;2\n", &["--decimal-comma", "--schema", "x: f64, n: u8"]);
    assert!(said.contains("the decimal mark is a comma, and a point may only part thousands"), "{said}");
    // Lines are counted in the file.
    let said = refused(
        "a.csv",
        "x\n\n#\nn\n#\n1\ny\n",
        &["--skip-lines", "1", "--comment", "#", "--schema", "n: u8"],
    );
    assert!(said.contains("line 7 of a.csv, column 1"), "{said}");
    for option in [
        &["--comment", "#"][..],
        &["--delimiter", ";"],
        &["--no-header"],
        &["--trim"],
        &["--skip-lines", "1"],
        &["--decimal-comma"],
    ] {
        let said = refused("a.jsonl", "{\"x\":1}\n", &[option, &["--infer"]].concat());
        assert!(said.contains(&format!("{} is for CSV; a.jsonl is not CSV", option[0])), "{said}");
    }
}

#[test]
fn a_sample_says_what_it_has_not_seen() {
    let folder = Folder::new();
    folder.file("a.csv", "id,name\n1,ada\n2,bob\n300,eve\n").file("b.csv", "id,name\n1,ada\n2,bob\n3,eve\n");
    for file in ["b.csv", "-"] {
        let table = if file == "-" { "piped" } else { "t" };
        let load = ["load", "a.dry", table, file, "--infer", "--sample", "2"];
        let ran = folder.run_with(&load, "id,name\n1,ada\n2,bob\n3,eve\n");
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(
            ran.stderr.contains(": only the first 2 rows were looked at; a later value that does not fit"),
            "{ran:?}"
        );
        assert!(
            ran.stdout.contains("schema: id: u8, name: str[3]\n") && ran.stdout.contains("3 rows loaded"),
            "{ran:?}"
        );
    }
    let ran = folder.run(&["load", "b.dry", "t", "a.csv", "--infer", "--sample", "2"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("only the first 2 rows") && ran.stderr.contains("line 4 of a.csv, column 1"),
        "{ran:?}"
    );
    let ran = folder.run(&["load", "c.dry", "t", "a.csv", "--infer", "--sample", "3"]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    folder.refused(2, &["load", "d.dry", "t", "a.csv", "--schema", "id: u8", "--sample", "3"]);
    folder.refused(2, &["load", "d.dry", "t", "a.csv", "--infer", "--sample", "0"]);
}

#[test]
fn messages_fit_and_name_a_place_once() {
    let said = refused("a.jsonl", "{\"a\":true}\n{\"a\":1}\n", &["--infer"]);
    assert_eq!(
        said,
        "error: a.jsonl, field \"a\": true or false on line 1 and a number on line 2, and no type holds both; \
         make them alike, or leave the member out\n"
    );
    for text in ["x\nNaN\nnan\n", "x\nNaN\ninf\n"] {
        assert_eq!(load("a.csv", text, &["--infer"]).0, "x: f64");
    }
    // Damage in the rows of a table: its name comes from two places.
    let folder = Folder::new();
    folder.file("a.csv", "id,name\n1,what is damaged\n");
    folder.done(&["load", "a.dry", "x", "a.csv", "--infer"]);
    let mut bytes = std::fs::read(folder.path("a.dry")).unwrap();
    let at = bytes.windows(15).position(|part| part == b"what is damaged").unwrap();
    bytes[at] ^= 1;
    folder.file("a.dry", bytes);
    for command in [&["query"][..], &["scan"], &["plot", "--field", "id"]] {
        let ran = folder.run(&[command, &["a.dry", "x"]].concat());
        assert!(ran.code == 2 && ran.stderr.starts_with("error: table \"x\": page "), "{ran:?}");
    }
}

/// Copies a file that another program has written into a folder.
fn copy(folder: &Folder, name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/exchange").join(name);
    let name = name.replace('/', "-");
    folder.file(&name, std::fs::read(path).unwrap());
    name
}

#[test]
fn parquet_is_read_with_every_codec_that_pyarrow_and_duckdb_write() {
    let folder = Folder::new();
    let codecs = |program, codecs: &[&str]| {
        codecs.iter().map(|codec| format!("codecs/{program}-{codec}.parquet")).collect()
    };
    let pyarrow: Vec<String> = codecs("pyarrow", &["none", "snappy", "gzip", "brotli", "zstd", "lz4"]);
    let duckdb: Vec<String> =
        codecs("duckdb", &["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4", "lz4_raw"]);
    for name in pyarrow.iter().chain(&duckdb) {
        let name = copy(&folder, name);
        folder.done(&["load", "a.dry", &name, &name, "--schema", "id: u8, name: str[1]"]);
        assert_eq!(
            folder.done(&["scan", "a.dry", &name, "--format", "csv"]),
            "id,name\n1,a\n2,b\n3,a\n",
            "{name}"
        );
    }
}

#[test]
fn types_of_parquet_are_kept_named_or_left_out() {
    let folder = Folder::new();
    let name = &*copy(&folder, "duckdb.parquet");
    let said = folder.refused(2, &["load", "a.dry", "t", name]);
    assert!(
        said.contains("column \"clock\": no field holds the Arrow type Time64(µs); cast it to int64"),
        "{said}"
    );
    assert!(said.contains("--ignore-unknown"), "{said}");
    let ran = folder.run(&["load", "a.dry", "t", name, "--ignore-unknown"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for left in ["clock", "span", "pair", "map", "big"] {
        assert!(ran.stderr.contains(&format!("duckdb.parquet: column \"{left}\" is left out: ")), "{ran:?}");
    }
    assert_eq!(
        folder.done(&["scan", "a.dry", "t", "--format", "csv"]),
        "id,u,price,whole,at,list,side,day\n\
         1,11111111-2222-3333-4444-555555555555,1.25,7,2024-01-02T03:04:05Z,\"[1, 2, 3]\",x,2024-01-02\n"
    );
    // A uuid stays one on its way out and back, for other programs too.
    folder.done(&["export", "a.dry", "t", "b.parquet", "--select", "u"]);
    folder.done(&["load", "b.dry", "t", "b.parquet"]);
    assert!(folder.done(&["info", "b.dry", "t"]).starts_with("table \"t\": u: uuid\n"));
    // Decimals, where they are exact.
    let with = |schema: &str| {
        let db = format!("{}.dry", schema.len());
        let ran = folder.run(&["load", &db, schema, name, "--ignore-unknown", "--schema", schema]);
        if ran.code == 0 { folder.done(&["scan", &db, schema, "--format", "csv"]) } else { ran.stderr }
    };
    assert_eq!(with("price: f64, whole: i64"), "price,whole\n1.25,7\n");
    assert_eq!(with("price: f32, whole: u8"), "price,whole\n1.25,7\n");
    assert_eq!(with("whole: f64, price: str[4]"), "whole,price\n7,1.25\n");
    assert!(with("price: i64").contains("field \"price\": \"1.25\" is not a valid i64: not a whole number"));
    assert!(with("big: f64").contains("an f64 has too few digits; use str[N], or allow rounding (--round)"));
    assert_eq!(with("big: str[31]"), "big\n12345678901234567890.5000000000\n");
    folder.done(&["load", "r.dry", "t", name, "--ignore-unknown", "--schema", "big: f64", "--round"]);
    assert_eq!(folder.done(&["scan", "r.dry", "t", "--format", "csv"]), "big\n1.2345678901234567e19\n");
}

#[test]
fn whole_numbers_of_128_bits_of_polars_are_read() {
    let folder = Folder::new();
    let rows = "id,big,huge\n1,-1,1\n2,,340282366920938463463374607431768211455\n";
    for name in ["wide.arrow", "wide.arrows", "wide.parquet"] {
        let name = &*copy(&folder, name);
        for types in [&[][..], &["--schema", "id: u8, big: i128?, huge: u128"]] {
            let table = format!("{name}{}", types.len());
            folder.done(&[&["load", "a.dry", &table, name], types].concat());
            assert_eq!(folder.done(&["scan", "a.dry", &table, "--format", "csv"]), rows, "{name}");
        }
        folder.done(&["load", "b.dry", name, name, "--schema", "id: u8", "--ignore-unknown"]);
        assert_eq!(folder.done(&["scan", "b.dry", name, "--format", "csv"]), "id\n1\n2\n");
    }
}
