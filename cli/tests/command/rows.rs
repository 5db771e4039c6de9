//! `drystone get`, `scan`, `set` and `remove`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::Folder;

/// A table with a key of two parts, `k`, and one without a key, `n`.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.file(
        "a.csv",
        "day,n,x,note,ok\n2013-01-02,-1,0.1,\"\",true\n2013-01-01,5,,hé,false\n2013-01-01,-7,-2.5,,\n",
    );
    for (table, key) in [("k", " key"), ("n", "")] {
        let schema = format!("day: date{key}, n: i8{key}, x: f64?, note: str[8]?, ok: bool?");
        folder.done(&["load", "a.dry", table, "a.csv", "--schema", &schema]);
    }
    folder
}

#[test]
fn get_prints_a_row_as_table_csv_or_json() {
    let folder = folder();
    let get = |more: &[&str]| folder.done(&[&["get", "a.dry", "k", "2013-01-01", "-7"], more].concat());
    assert_eq!(
        get(&[]),
        "field  value\n─────  ──────────\nday    2013-01-01\nn      -7\nx      -2.5\nnote   null\nok     null\n"
    );
    assert_eq!(get(&["--format", "csv"]), "day,n,x,note,ok\n2013-01-01,-7,-2.5,,\n");
    assert_eq!(
        get(&["--format", "json"]),
        "{\"day\":\"2013-01-01\",\"n\":-7,\"x\":-2.5,\"note\":null,\"ok\":null}\n"
    );
    assert_eq!(get(&["--select", "x", "--at", "4:i8", "--format", "csv"]), "x,4:i8\n-2.5,-7\n");
    assert_eq!(folder.done(&["get", "a.dry", "n", "0", "--select", "n", "--format", "json"]), "{\"n\":-1}\n");
}

#[test]
fn a_row_that_is_not_there_is_exit_code_1() {
    let folder = folder();
    assert_eq!(
        folder.refused(1, &["get", "a.dry", "k", "2013-01-01", "0"]),
        "table \"k\": no row with key 2013-01-01 0 among 3 rows\n"
    );
    assert_eq!(folder.refused(1, &["get", "a.dry", "n", "3"]), "table \"n\": no row number 3 among 3 rows\n");
    folder.refused(1, &["set", "a.dry", "k", "2013-01-01", "0", "x=1"]);
    folder.refused(1, &["set", "a.dry", "n", "3", "x=1"]);
    folder.refused(1, &["remove", "a.dry", "k", "2013-01-01", "0"]);
    folder.refused(1, &["remove", "a.dry", "n", "3"]);
}

#[test]
fn wrong_use_is_exit_code_2() {
    let folder = folder();
    for (wrong, because) in [
        (&["get", "a.dry", "k", "2013-01-01"][..], "the key of table \"k\" is day n: 2 arguments, not 1"),
        (&["get", "a.dry", "n", "1", "2"], "table \"n\" has no key, and a row is given by its number"),
        (&["get", "a.dry", "n", "-1"], "\"-1\" is not a row number"),
        (&["get", "a.dry", "k", "2013-01-01", "300"], "out of range, which is -128 to 127"),
        (&["get", "a.dry", "k", "2013-01-01", "5", "--select", "y"], "no field \"y\""),
        (&["get", "a.dry", "k", "2013-01-01", "5", "--at", "20:i64"], "a row has 22 bytes"),
        (&["get", "a.dry", "k", "2013-01-01", "5", "--at", "i64"], "such as 12:i16"),
        (&["get", "a.dry", "k", "2013-01-01", "5", "--at", "0:i65"], "i65"),
        (&["get", "a.dry", "m", "1"], "no table \"m\""),
        (&["get", "b.dry", "k", "1"], "cannot open \"b.dry\""),
        (&["get", "a.dry", "k"], "required"),
        (&["scan", "a.dry", "k", "--from", "2013-01-01", "1", "2"], "2 arguments, not 3"),
        (&["scan", "a.dry", "k", "--select", "x,x"], "another field has this name"),
        (&["scan", "a.dry", "k", "--format", "xml"], "possible values: table, csv, json"),
        (&["set", "a.dry", "k", "2013-01-01", "5"], "nothing to set"),
        (&["set", "a.dry", "k", "2013-01-01", "5", "x"], "\"x\" is not FIELD=VALUE"),
        (&["set", "a.dry", "k", "2013-01-01", "5", "x=1", "y=2"], "no field \"y\""),
        (&["set", "a.dry", "k", "2013-01-01", "5", "ok=7"], "\"7\" is not a valid bool?"),
        (&["set", "a.dry", "k", "2013-01-01", "5", "n=6"], "field \"n\" is part of the key"),
        (&["set", "b.dry", "k", "2013-01-01", "5", "n=6"], "cannot open \"b.dry\""),
        (&["remove", "a.dry", "k", "2013-01-01"], "2 arguments, not 1"),
        (&["frobnicate"], "unrecognized subcommand"),
        (&[], "Usage"),
    ] {
        let said = folder.refused(2, wrong);
        assert!(said.contains(because), "{because:?} is not in {said}");
    }
    assert!(!folder.path("b.dry").exists());
}

#[test]
fn scan_goes_from_key_to_key_in_order() {
    let folder = folder();
    let scan = |table: &str, more: &[&str]| {
        let text =
            folder.done(&[&["scan", "a.dry", table, "--select", "n", "--format", "csv"], more].concat());
        text.lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(scan("k", &[]), "-7 5 -1");
    assert_eq!(scan("k", &["--from", "2013-01-01", "0"]), "5 -1");
    assert_eq!(scan("k", &["--from", "2013-01-01", "-7", "--to", "2013-01-01"]), "-7 5");
    assert_eq!(scan("k", &["--to", "2013-01-01", "4"]), "-7");
    assert_eq!(scan("k", &["--limit", "2"]), "-7 5");
    assert_eq!(scan("k", &["--from", "2014-01-01"]), "");
    assert_eq!(scan("n", &["--from", "1"]), "5 -7");
    assert_eq!(scan("n", &["--from", "1", "--to", "1"]), "5");
    assert_eq!(scan("n", &["--from", "7"]), "");
    let table = folder.done(&["scan", "a.dry", "k", "--select", "note,n,x"]);
    assert_eq!(table, "note   n     x\n────  ──  ────\nnull  -7  -2.5\nhé     5  null\n      -1   0.1\n");
    let json = folder.done(&["scan", "a.dry", "n", "--select", "n,ok", "--format", "json"]);
    assert_eq!(json, "{\"n\":-1,\"ok\":true}\n{\"n\":5,\"ok\":false}\n{\"n\":-7,\"ok\":null}\n");
}

/// The same tables, each with an index on `note` and `x`, and `k` with a unique one on `n`.
fn indexed() -> Folder {
    let folder = folder();
    folder.done(&["index", "a.dry", "create", "k", "k_by_note", "note", "x"]);
    folder.done(&["index", "a.dry", "create", "k", "k_by_n", "n", "--unique"]);
    folder.done(&["index", "a.dry", "create", "n", "n_by_note", "note", "x"]);
    folder
}

#[test]
fn get_finds_rows_by_an_index() {
    let folder = indexed();
    // Another row with the same note and a greater x, which comes first in the order of the key.
    folder.file("b.csv", "day,n,x,note,ok\n2012-12-31,9,2.5,hé,true\n2013-03-01,10,-1,hé,false\n");
    folder.done(&["load", "a.dry", "k", "b.csv"]);
    let get = |index: &str, values: &[&str]| {
        let more = ["--select", "n", "--format", "csv"];
        let text = folder.done(&[&["get", "a.dry", "k", "--index", index], values, &more].concat());
        text.lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(get("k_by_note", &["hé"]), "5 10 9"); // by x; null is the lowest value
    assert_eq!(get("k_by_note", &["hé", "2.5"]), "9");
    assert_eq!(get("k_by_note", &["hé", "-1"]), "10");
    assert_eq!(get("k_by_note", &["hé", ""]), "5");
    assert_eq!(get("k_by_note", &[""]), "-7"); // null
    assert_eq!(get("k_by_note", &["\"\""]), "-1"); // an empty text
    assert_eq!(get("k_by_note", &["hé", "-1", "2013-03-01", "10"]), "10"); // the key makes entries unique
    assert_eq!(get("k_by_n", &["-7"]), "-7");
    assert_eq!(
        folder.done(&["get", "a.dry", "k", "hé", "--index", "k_by_note", "--select", "day,x"]),
        "day            x\n──────────  ────\n2013-01-01  null\n2013-03-01    -1\n2012-12-31   2.5\n"
    );
    assert_eq!(
        folder.done(&["get", "a.dry", "n", "hé", "--index", "n_by_note", "--format", "json"]),
        "{\"day\":\"2013-01-01\",\"n\":5,\"x\":null,\"note\":\"hé\",\"ok\":false}\n"
    );
    assert_eq!(
        folder.refused(1, &["get", "a.dry", "k", "--index", "k_by_note", "hé", "7"]),
        "table \"k\", index \"k_by_note\": no row with note x hé 7 among 5 rows\n"
    );
    // Removed rows are no longer found.
    folder.done(&["set", "a.dry", "k", "2013-03-01", "10", "note=hi"]);
    folder.done(&["remove", "a.dry", "k", "2012-12-31", "9"]);
    assert_eq!((get("k_by_note", &["hé"]), get("k_by_note", &["hi"])), ("5".into(), "10".into()));
}

#[test]
fn scan_goes_in_the_order_of_an_index() {
    let folder = indexed();
    let scan = |table: &str, more: &[&str]| {
        let text =
            folder.done(&[&["scan", "a.dry", table, "--select", "n", "--format", "csv"], more].concat());
        text.lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    let by_n = |more: &[&str]| scan("k", &[&["--index", "k_by_n"], more].concat());
    assert_eq!(scan("k", &[]), "-7 5 -1");
    assert_eq!(by_n(&[]), "-7 -1 5");
    assert_eq!(by_n(&["--from", "-1"]), "-1 5");
    assert_eq!(by_n(&["--to", "4"]), "-7 -1");
    assert_eq!(by_n(&["--from", "-6", "--to", "5"]), "-1 5");
    assert_eq!(by_n(&["--from", "6"]), "");
    assert_eq!(by_n(&["--limit", "1"]), "-7");
    for (table, index) in [("k", "k_by_note"), ("n", "n_by_note")] {
        // The bytes that mean null sort after all texts.
        assert_eq!(scan(table, &["--index", index]), "-1 5 -7");
        assert_eq!(scan(table, &["--index", index, "--prefix", "hé"]), "5");
        assert_eq!(scan(table, &["--index", index, "--prefix", ""]), "-7");
        assert_eq!(scan(table, &["--index", index, "--prefix", "", "-2.5"]), "-7");
        assert_eq!(scan(table, &["--index", index, "--from", "a"]), "5 -7");
        assert_eq!(scan(table, &["--index", index, "--to", "\"\"", "1"]), "-1");
    }
    // The rows whose key begins with these parts, without an index.
    assert_eq!(scan("k", &["--prefix", "2013-01-01"]), "-7 5");
    assert_eq!(scan("k", &["--prefix", "2013-01-01", "5"]), "5");
    assert_eq!(scan("k", &["--prefix", "2013-01-03"]), "");
    assert_eq!(scan("n", &["--prefix", "1"]), "5");
}

#[test]
fn an_index_that_cannot_be_read_so_is_exit_code_2() {
    let folder = indexed();
    for (wrong, because) in [
        (&["get", "a.dry", "k", "--index", "k_by_n"][..], "required"),
        (&["get", "a.dry", "k", "--index", "n_by_note", "hé"], "no index \"n_by_note\""),
        (&["get", "a.dry", "k", "--index", "k_by_n", "x"], "index \"k_by_n\": field \"n\""),
        (
            &["get", "a.dry", "k", "--index", "k_by_n", "1", "2013-01-01", "2"],
            "is on n, then day: 2 arguments at most",
        ),
        (&["scan", "a.dry", "n", "--index", "nope"], "no index \"nope\""),
        (&["scan", "a.dry", "k", "--index", "k_by_n", "--from", "300"], "out of range"),
        (&["scan", "a.dry", "k", "--prefix", "2013-01-01", "--from", "2013-01-01"], "cannot be used with"),
    ] {
        let said = folder.refused(2, wrong);
        assert!(said.contains(because), "{because:?} is not in {said}");
    }
}

#[test]
fn a_date_stands_for_its_midnight() {
    let folder = Folder::new();
    folder.file("a.csv", "at,end\n2013-01-01T00:00:00Z,\n2013-01-02T00:00:00Z,\n2013-01-02T00:00:01Z,\n");
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", "at: timestamp key, end: timestamp?"]);
    folder.done(&["set", "a.dry", "t", "2013-01-02", "end=2013-12-31"]);
    assert_eq!(
        folder.done(&["scan", "a.dry", "t", "--from", "2013-01-02", "--format", "csv"]),
        "at,end\n2013-01-02T00:00:00Z,2013-12-31T00:00:00Z\n2013-01-02T00:00:01Z,\n"
    );
}

#[test]
fn set_changes_fields_and_remove_takes_rows_out() {
    let folder = folder();
    let key = ["2013-01-01", "5"];
    let set = |changes: &[&str]| {
        folder.done(&[&["set", "a.dry", "k"], &key[..], changes].concat());
        folder
            .done(&[&["get", "a.dry", "k"], &key[..], &["--select", "x,note,ok", "--format", "csv"]].concat())
    };
    assert_eq!(set(&["x=1e-7", "note=a=b"]), "x,note,ok\n1e-7,a=b,false\n");
    assert_eq!(set(&["note=\"\"", "ok=TRUE"]), "x,note,ok\n1e-7,\"\",true\n");
    assert_eq!(set(&["note=", "x=", "ok="]), "x,note,ok\n,,\n");
    // If one change is refused, none is made.
    folder.refused(2, &["set", "a.dry", "k", "2013-01-01", "5", "ok=true", "x=far"]);
    assert_eq!(set(&["ok=f"]), "x,note,ok\n,,false\n");

    folder.done(&["remove", "a.dry", "k", "2013-01-01", "5"]);
    assert_eq!(folder.done(&["scan", "a.dry", "k", "--select", "n", "--format", "csv"]), "n\n-7\n-1\n");
    let ran = folder.run(&["remove", "a.dry", "n", "0"]);
    assert_eq!((ran.code, &*ran.stderr), (0, "row 2 is row 0 now\n"));
    assert_eq!(folder.done(&["scan", "a.dry", "n", "--select", "n", "--format", "csv"]), "n\n-7\n5\n");
    folder.done(&["remove", "a.dry", "n", "1"]);
    assert_eq!(folder.done(&["scan", "a.dry", "n", "--select", "n", "--format", "csv"]), "n\n-7\n");
}

#[test]
fn csv_that_is_printed_loads_again_to_the_same_values() {
    let folder = Folder::new();
    let schema = "u: u128?, i: i128, f: f32, d: f64?, s: str[20]?, b: bytes[2]?, t: timestamp?, day: date, id: uuid, a: i8[2]?";
    let text = "u,i,f,d,s,b,t,day,id,a\n\
        340282366920938463463374607431768211454,-170141183460469231731687303715884105728,3.4028235e38,5e-324,\
        \"a \"\"b\"\", \r\nc\",0x00fe,-290308-12-21T19:59:05.224193Z,-5877641-06-23,67e55044-10b1-426f-9247-bb680e5fe0c8,\"[-127, 127]\"\n\
        ,0,-0,NaN,\"\",,,2013-01-31,ffffffff-ffff-ffff-ffff-ffffffffffff,\n\
        0,1,inf,-inf,,0xffff,1969-12-31T23:59:59.999999Z,+12013-01-01,00000000-0000-0000-0000-000000000000,\"[0, -1]\"\n";
    folder.file("a.csv", text.replace(",0xffff,", ",0xfffe,"));
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", schema]);
    let csv = folder.done(&["scan", "a.dry", "t", "--format", "csv"]);
    folder.file("b.csv", &csv).done(&["load", "a.dry", "u", "b.csv", "--schema", schema]);
    assert_eq!(folder.done(&["scan", "a.dry", "u", "--format", "csv"]), csv);
    let json = |table: &str| folder.done(&["scan", "a.dry", table, "--format", "json"]);
    assert_eq!(json("t"), json("u"));
    assert!(json("t").contains("\"s\":\"a \\\"b\\\", \\r\\nc\""), "{}", json("t"));
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let folder = Folder::new();
    let lines: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    folder.file("a.csv", format!("n\n{lines}")).done(&["load", "a.dry", "t", "a.csv", "--schema", "n: u32"]);
    for format in ["table", "csv", "json"] {
        let mut child = folder
            .command(&["scan", "a.dry", "t", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{format}");
    }
}
