//! `drystone load`: inputs, schemas, bad lines, duplicates, and that a load is all or nothing.

use std::io::Write;
use std::process::Stdio;

use crate::Folder;

const SCHEMA: &str = "id: u8 key, name: str[5], delay: i16?";
const TEXT: &str = "name,id,delay\nada,7,-3\nbob,8,\n";
const ROWS: &str = "id,name,delay\n7,ada,-3\n8,bob,\n";

fn rows(folder: &Folder) -> String {
    folder.done(&["scan", "a.dry", "t", "--format", "csv"])
}

#[test]
fn plain_gzip_zstd_and_standard_input_give_the_same_rows() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(TEXT.as_bytes()).unwrap();
    let zstd = zstd::encode_all(TEXT.as_bytes(), 1).unwrap();
    for (name, bytes) in [
        ("a.csv", TEXT.as_bytes().to_vec()),
        ("a.csv.gz", gzip.finish().unwrap()),
        ("a.csv.zst", zstd.clone()),
        // The first bytes tell what the file is, not its name.
        ("a.data", zstd),
    ] {
        for types in [&["--schema", SCHEMA][..], &["--infer", "--key", "id"]] {
            let folder = Folder::new();
            folder.file(name, &bytes).done(&[&["load", "a.dry", "t", name], types].concat());
            assert_eq!(rows(&folder).lines().count(), 3, "{name}");
            assert_eq!(
                folder.done(&["get", "a.dry", "t", "7", "--select", "delay", "--format", "csv"]),
                "delay\n-3\n"
            );
            let ran = folder.run_with(&[&["load", "a.dry", "u", "-"], types].concat(), &bytes);
            assert_eq!(ran.code, 0, "{ran:?}");
            assert_eq!(folder.done(&["scan", "a.dry", "u", "--format", "csv"]), rows(&folder), "{name}");
        }
    }
}

#[test]
fn a_schema_comes_as_text_or_file_or_from_the_table() {
    let folder = Folder::new();
    folder.file("a.csv", TEXT).file("a.schema", format!("# a comment\n{SCHEMA},\n"));
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema-file", "a.schema"]);
    assert_eq!(rows(&folder), ROWS);
    folder.file("b.csv", "name,id\neve,1\n").done(&["load", "a.dry", "t", "b.csv"]);
    assert_eq!(rows(&folder), "id,name,delay\n1,eve,\n7,ada,-3\n8,bob,\n");
    folder.done(&[
        "load",
        "a.dry",
        "u",
        "a.csv",
        "--schema",
        "delay: i16?, name: str[5], id: u8",
        "--key",
        "name,id",
    ]);
    assert_eq!(folder.done(&["scan", "a.dry", "u", "--format", "csv"]), "name,id,delay\nada,7,-3\nbob,8,\n");
}

#[test]
fn a_new_table_without_a_schema_is_refused_and_makes_no_file() {
    let folder = Folder::new();
    folder.file("a.csv", TEXT);
    let said = folder.refused(2, &["load", "a.dry", "t", "a.csv"]);
    assert!(said.contains("--infer"), "{said}");
    assert!(!folder.path("a.dry").exists());
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", SCHEMA]);
    let said = folder.refused(2, &["load", "a.dry", "u", "a.csv"]);
    assert!(said.contains("there is no table \"u\""), "{said}");
}

#[test]
fn another_schema_is_refused_unless_the_table_is_replaced() {
    let folder = Folder::new();
    folder.file("a.csv", TEXT).done(&["load", "a.dry", "t", "a.csv", "--schema", SCHEMA]);
    let said =
        folder.refused(2, &["load", "a.dry", "t", "a.csv", "--schema", "id: u16, name: str[5], delay: i16?"]);
    assert!(said.contains("(id: u8 key, name: str[5], delay: i16?)") && said.contains("--replace"), "{said}");
    folder.done(&[
        "load",
        "a.dry",
        "t",
        "a.csv",
        "--schema",
        "id: u16, name: str[5], delay: i16?",
        "--replace",
    ]);
    assert_eq!(folder.done(&["get", "a.dry", "t", "1", "--format", "csv"]), "id,name,delay\n8,bob,\n");
    folder.file("b.csv", "id,name,delay\n1,x,\n").done(&["load", "a.dry", "t", "b.csv", "--replace"]);
    assert_eq!(rows(&folder), "id,name,delay\n1,x,\n");
    folder.done(&["load", "a.dry", "t", "b.csv"]);
    assert_eq!(rows(&folder), "id,name,delay\n1,x,\n1,x,\n");
}

#[test]
fn a_bad_line_ends_the_load_and_leaves_what_was_there() {
    let folder = Folder::new();
    folder.file("a.csv", TEXT).done(&["load", "a.dry", "t", "a.csv", "--schema", SCHEMA]);
    folder.file("b.csv", "id,name,delay\n1,eve,\n2,eve,late\n");
    let said = folder.refused(2, &["load", "a.dry", "t", "b.csv"]);
    assert_eq!(
        said,
        "error: table \"t\": line 3 of b.csv, column 3: field \"delay\": \"late\" is not a valid i16?: not a whole number\n"
    );
    let said = folder.refused(2, &["load", "a.dry", "t", "b.csv", "--replace"]);
    assert!(said.contains("line 3"), "{said}");
    assert_eq!(rows(&folder), ROWS);
}

#[test]
fn bad_lines_are_set_aside_and_can_be_loaded_when_they_are_mended() {
    let folder = Folder::new();
    let text = "id,name,delay\n1,eve,\n2,eve,late\n3,much too long,1\n4\n5,\"a\nb\",6\n";
    folder.file("a.csv", text);
    let load = ["load", "a.dry", "t", "a.csv", "--schema", SCHEMA, "--skip-bad", "bad.csv"];
    let ran = folder.run(&load);
    assert_eq!(
        (ran.code, &*ran.stderr),
        (
            0,
            "line 3 of a.csv, column 3: field \"delay\": \"late\" is not a valid i16?: not a whole number\n\
             line 4 of a.csv, column 2: field \"name\": \"much too long\" is not a valid str[5]: \
             too long: 13 bytes, and there is room for 5\n\
             line 5 of a.csv: 1 field, where the header has 3\n\
             3 bad lines were set aside in bad.csv, and the reasons in bad.csv.why\n"
        )
    );
    assert_eq!(
        std::fs::read_to_string(folder.path("bad.csv.why")).unwrap(),
        "line,column,field,text,expected\n\
         3,3,delay,late,i16? (not a whole number)\n\
         4,2,name,much too long,\"str[5] (too long: 13 bytes, and there is room for 5)\"\n\
         5,,,4,\"1 field, where the header has 3\"\n"
    );
    assert_eq!(rows(&folder), "id,name,delay\n1,eve,\n5,\"a\nb\",6\n");
    let bad = std::fs::read_to_string(folder.path("bad.csv")).unwrap();
    assert_eq!(bad, "id,name,delay\n2,eve,late\n3,much too long,1\n4\n");
    let mended = bad.replace("late", "9").replace("much too long", "z").replace("4\n", "4,,\n");
    folder.file("mended.csv", mended).done(&["load", "a.dry", "t", "mended.csv"]);
    assert_eq!(rows(&folder), "id,name,delay\n1,eve,\n2,eve,9\n3,z,1\n4,\"\",\n5,\"a\nb\",6\n");
    // Types are inferred from the good lines.
    folder.file("c.csv", "a,b\n1,2\n3\n").run(&[
        "load",
        "a.dry",
        "u",
        "c.csv",
        "--infer",
        "--skip-bad",
        "bad.csv",
    ]);
    assert_eq!(folder.done(&["scan", "a.dry", "u", "--format", "csv"]), "a,b\n1,2\n");
    assert_eq!(std::fs::read_to_string(folder.path("bad.csv")).unwrap(), "a,b\n3\n");
}

#[test]
fn bad_lines_are_not_set_aside_over_the_input() {
    let folder = Folder::new();
    folder.file("a.csv", TEXT).file("a.why", TEXT);
    for (input, aside) in [("a.csv", "./a.csv"), ("a.why", "a")] {
        folder.refused(
            2,
            &["load", "a.dry", "t", input, "--format", "csv", "--schema", SCHEMA, "--skip-bad", aside],
        );
        assert_eq!(std::fs::read_to_string(folder.path(input)).unwrap(), TEXT);
    }
}

#[test]
fn the_first_reasons_are_printed_and_all_of_them_written() {
    let folder = Folder::new();
    let lines: String =
        (0..40).map(|n| if n % 2 == 0 { format!("{n}\n") } else { format!("x{n}\n") }).collect();
    folder.file("a.csv", format!("id\n{lines}"));
    let ran = folder.run(&["load", "a.dry", "t", "a.csv", "--schema", "id: u8", "--skip-bad", "bad.csv"]);
    let expected: String = (0..5)
        .map(|n| {
            let (line, text) = (2 * n + 3, 2 * n + 1);
            format!("line {line} of a.csv, column 1: field \"id\": \"x{text}\" is not a valid u8: not a whole number\n")
        })
        .chain(["20 bad lines were set aside in bad.csv, and the reasons in bad.csv.why\n".to_owned()])
        .collect();
    assert_eq!((ran.code, ran.stderr), (0, expected));
    assert_eq!(std::fs::read_to_string(folder.path("bad.csv.why")).unwrap().lines().count(), 21);
    // The reasons are a table as any other.
    folder.done(&["load", "why.dry", "t", "bad.csv.why", "--format", "csv", "--infer"]);
    let texts =
        folder.done(&["query", "why.dry", "t", "--select", "text", "--limit", "1", "--format", "csv"]);
    assert_eq!(texts, "text\nx1\n");
    // The files are replaced by those of the next load, also if it has no bad lines.
    folder.file("b.csv", "id\n1\n");
    folder.done(&["load", "a.dry", "t", "b.csv", "--skip-bad", "bad.csv"]);
    assert_eq!(std::fs::read_to_string(folder.path("bad.csv")).unwrap(), "");
    assert_eq!(
        std::fs::read_to_string(folder.path("bad.csv.why")).unwrap(),
        "line,column,field,text,expected\n"
    );
    // A load that fails leaves no files.
    folder.file("c.csv", "id\nx\n1\n1\n");
    folder.refused(2, &["load", "a.dry", "u", "c.csv", "--schema", "id: u8 key", "--skip-bad", "c"]);
    assert!(!folder.path("c").exists() && !folder.path("c.why").exists());
}

#[test]
fn bad_lines_of_json_are_set_aside_with_their_reasons() {
    let folder = Folder::new();
    let bad = [
        "{\"id\": 300}",
        "{\"id\": 2, \"name\": \"long\"}",
        "{\"id\": 2,",
        "[7]",
        "{\"name\": \"a\"}",
        "{\"id\": 2, \"id\": 3}",
        "{\"id\": 2, \"nme\": \"a\"}",
        "{\"id\": {\"a\": 1}}",
        "{\"id\": null}",
    ];
    let text = format!("{{\"id\": 1, \"name\": \"ada\"}}\n{}\n{{\"id\": 9}}\n", bad.join("\n"));
    folder.file("a.jsonl", text);
    let load = ["load", "a.dry", "t", "a.jsonl", "--schema", "id: u8 key, name: str[3]?"];
    let said = folder.refused(2, &load);
    let first = "line 2 of a.jsonl, column 8: field \"id\": \"300\" is not a valid u8: out of range, which is 0 to 255\n";
    assert_eq!(said, format!("error: table \"t\": {first}"));
    let ran = folder.run(&[&load[..], &["--skip-bad", "bad.jsonl"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.starts_with(first), "{}", ran.stderr);
    assert!(
        ran.stderr.ends_with("\n9 bad lines were set aside in bad.jsonl, and the reasons in bad.jsonl.why\n")
    );
    assert_eq!(ran.stderr.lines().count(), 6);
    assert_eq!(rows(&folder), "id,name\n1,ada\n9,\n");
    assert_eq!(std::fs::read_to_string(folder.path("bad.jsonl")).unwrap(), bad.join("\n") + "\n");
    assert_eq!(
        std::fs::read_to_string(folder.path("bad.jsonl.why")).unwrap(),
        "line,column,field,text,expected\n\
         2,8,id,300,\"u8 (out of range, which is 0 to 255)\"\n\
         3,19,name,long,\"str[3]? (too long: 4 bytes, and there is room for 3)\"\n\
         4,9,,\"{\"\"id\"\": 2,\",EOF while parsing a value\n\
         5,1,,[7],\"invalid type: sequence, expected an object, such as {\"\"id\"\": 7}\"\n\
         6,,id,,u8 (the value is missing)\n\
         7,17,id,3,one value of the field\n\
         8,18,,nme,the name of a field\n\
         9,8,id,\"{\"\"a\"\": 1}\",u8 (it is an object; make members of its members)\n\
         10,8,id,null,u8 (the value is missing)\n"
    );
    // Lines that are no objects do not stop the inference either.
    folder.file("b.jsonl", "{\"a\": 1}\n{\"a\": \n{\"a\": 2}\n");
    let ran = folder.run(&["load", "a.dry", "u", "b.jsonl", "--infer", "--skip-bad", "bad.jsonl"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(folder.done(&["scan", "a.dry", "u", "--format", "csv"]), "a\n1\n2\n");
}

#[test]
fn bad_lines_go_through_links_and_pipes_and_into_compressed_files() {
    let folder = Folder::new();
    folder.file("a.csv", "id\n1\nx\n");
    let load = ["load", "a.dry", "t", "a.csv", "--schema", "id: u8", "--skip-bad"];
    let ran = folder.run(&[&load[..], &["bad.csv.gz"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(std::fs::read(folder.path("bad.csv.gz")).unwrap().starts_with(&[0x1F, 0x8B]));
    assert!(folder.path("bad.csv.gz.why").exists());
    std::os::unix::fs::symlink("far.csv", folder.path("l.csv")).unwrap();
    assert_eq!(folder.run(&[&load[..], &["l.csv"]].concat()).code, 0);
    assert_eq!(std::fs::read_to_string(folder.path("far.csv")).unwrap(), "id\nx\n");
    // No file of reasons is made beside a pipe.
    assert!(std::process::Command::new("mkfifo").arg(folder.path("f")).status().unwrap().success());
    let cat =
        std::process::Command::new("cat").arg(folder.path("f")).stdout(std::process::Stdio::piped()).spawn();
    let ran = folder.run(&[&load[..], &["f"]].concat());
    assert!(ran.stderr.ends_with("\n1 bad line was set aside in f\n"), "{ran:?}");
    assert_eq!(cat.unwrap().wait_with_output().unwrap().stdout, b"id\nx\n");
    assert!(!folder.path("f.why").exists());
}

#[test]
fn missing_values_are_spelled_as_named() {
    let folder = Folder::new();
    folder.file("a.csv", "country,n\nNA,1\n-,NA\n");
    let schema = ["load", "a.dry", "t", "a.csv", "--schema", "country: str[2]?, n: u8?"];
    let said = folder.refused(2, &schema);
    assert!(said.contains("\"NA\" is not a valid u8?"), "{said}");
    folder.done(&[&schema[..], &["--null", "NA", "--null", "-"]].concat());
    assert_eq!(rows(&folder), "country,n\n,1\n,\n");
}

#[test]
fn duplicates_are_an_error_or_the_first_or_the_last_one_stays() {
    let folder = Folder::new();
    folder.file("a.csv", "id,name\n2,a\n1,b\n2,c\n");
    let load = |which: &[&'static str]| {
        [&["load", "a.dry", "t", "a.csv", "--schema", "id: u8 key, name: str[5]"], which].concat()
    };
    let said = folder.refused(2, &load(&[]));
    assert!(
        said.contains("line 2 of a.csv") && said.contains("line 4 of a.csv") && said.contains('2'),
        "{said}"
    );
    let said = folder.done(&load(&["--on-duplicate", "last"]));
    assert!(said.contains("1 rows had the key of another one; the last one stayed"), "{said}");
    assert_eq!(rows(&folder), "id,name\n1,b\n2,c\n");
    folder.done(&load(&["--on-duplicate", "first", "--replace"]));
    assert_eq!(rows(&folder), "id,name\n1,b\n2,a\n");
    let said = folder.refused(2, &load(&[]));
    assert!(said.contains("key (1) of line 3 of a.csv is in the table already"), "{said}");
}

#[test]
fn little_memory_sorts_on_disk_to_the_same_rows() {
    let folder = Folder::new();
    let mut lines: Vec<String> =
        (0..50_000_u32).map(|n| format!("{},{n}\n", n.wrapping_mul(2_654_435_761))).collect();
    folder.file("a.csv", format!("id,n\n{}", lines.concat()));
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", "id: u32 key, n: u32", "--memory", "1M"]);
    lines.sort_by_key(|line| line.split(',').next().unwrap().parse::<u32>().unwrap());
    assert!(rows(&folder) == format!("id,n\n{}", lines.concat()), "the rows differ");
}

#[test]
fn wrong_use_is_exit_code_2() {
    let folder = Folder::new();
    folder.file("a.csv", TEXT).file("cut.csv.gz", b"\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03AB");
    for (wrong, because) in [
        (&["t", "a.csv", "--schema", SCHEMA, "--infer"][..], "cannot be used with"),
        (&["t", "a.csv", "--key", "id"], "required"),
        (&["t", "a.csv", "--schema", "id: u65"], "column 5"),
        (&["t", "a.csv", "--schema", "id: u8"], "no field for columns \"name\", \"delay\""),
        (&["t", "a.csv", "--schema", SCHEMA, "--memory", "lots"], "a number of bytes is expected"),
        (&["t", "a.csv", "--schema", SCHEMA, "--on-duplicate", "both"], "possible values"),
        (&["t", "a.csv", "--infer", "--key", "delay"], "1 of its 2 values are missing"),
        (&["t", "a.csv", "--infer", "--key", "ID"], "did you mean \"id\"?"),
        (&["t", "b.csv", "--infer"], "cannot open b.csv"),
        (&["t", ".", "--infer"], "cannot open .: is a directory"),
        (&["t", "cut.csv.gz", "--infer"], "cannot read cut.csv.gz"),
        (&["t", "a.csv", "--schema-file", "b.schema"], "cannot read b.schema"),
    ] {
        let ran = folder.run(&[&["load", "a.dry"], wrong].concat());
        assert!(ran.code == 2 && ran.stderr.contains(because), "{because:?}: {ran:?}");
        assert!(!folder.path("a.dry").exists(), "{wrong:?}");
    }
}

#[test]
fn a_load_is_made_whether_or_not_its_report_is_read() {
    let folder = Folder::new();
    folder.file("a.csv", TEXT);
    let mut child =
        folder.command(&["load", "a.dry", "t", "a.csv", "--infer"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(rows(&folder).lines().count(), 3);
}

#[test]
fn few_texts_become_an_enumeration_with_enums() {
    let folder = Folder::new();
    let text = format!(
        "id,side\n{}",
        (0..12).map(|id| format!("{id},{}\n", ["sell", "buy"][id % 2])).collect::<String>()
    );
    folder.file("t.csv", text.as_bytes());
    let said = folder.run(&["load", "a.dry", "t", "t.csv", "--infer", "--enums", "--key", "id"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(folder.done(&["info", "a.dry", "t"]).contains("enum[buy, sell]"));
    let query = ["query", "a.dry", "t", "--where", "side = 'buy' and id < 4", "--format", "csv"];
    assert_eq!(folder.done(&query), "id,side\n1,buy\n3,buy\n");
    folder.done(&["set", "a.dry", "t", "1", "side=sell"]);
    let said = folder.run(&["set", "a.dry", "t", "1", "side=hold"]);
    assert!(said.code != 0 && format!("{said:?}").contains("the names are buy, sell"), "{said:?}");
    let parquet = folder.run(&["export", "a.dry", "t", "t.parquet"]);
    assert_eq!(parquet.code, 0, "{parquet:?}");
    assert_eq!(folder.run(&["load", "b.dry", "t", "t.parquet"]).code, 0);
    assert_eq!(
        folder.done(&["scan", "b.dry", "t", "--format", "csv"]),
        folder.done(&["scan", "a.dry", "t", "--format", "csv"])
    );
    assert!(folder.run(&["load", "a.dry", "u", "t.csv", "--enums"]).code != 0, "it needs --infer");
}

#[test]
fn a_csv_of_many_blocks_keeps_its_order_its_line_numbers_and_its_text() {
    // Several mebibytes, with line breaks and commas in quotes.
    let text = |id: u32| if id.is_multiple_of(7) { format!("\"a,\n{id}\"") } else { format!("text {id}") };
    let mut lines = String::from("id,text\n");
    for id in 0..200_000 {
        lines.push_str(&format!("{id},{}\n", text(id)));
    }
    let folder = Folder::new();
    folder.file("a.csv", &lines);
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", "id: u32 key, text: str[16]"]);
    folder.done(&["export", "a.dry", "t", "b.csv"]);
    assert_eq!(std::fs::read_to_string(folder.path("b.csv")).unwrap(), lines);
    // Each seventh row takes two lines; then comes the bad one.
    let bad_line = 1 + 200_000 + 200_000_u32.div_ceil(7) + 1;
    folder.file("c.csv", format!("{lines}x,y\n"));
    let ran = folder.run(&["load", "b.dry", "t", "c.csv", "--schema", "id: u32 key, text: str[16]"]);
    assert!(ran.code != 0 && ran.stderr.contains(&format!("line {bad_line} of c.csv")), "{ran:?}");
    folder.file("d.csv", format!("{lines}199999,again\n"));
    let ran = folder.run(&["load", "b.dry", "t", "d.csv", "--schema", "id: u32 key, text: str[16]"]);
    assert!(ran.code != 0 && ran.stderr.contains(&format!("and at line {bad_line} of d.csv")), "{ran:?}");
}
