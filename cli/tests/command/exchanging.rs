//! `drystone load` and `export`: files of other formats, found by their first bytes, their names or
//! `--format`.

use crate::Folder;

const SCHEMA: &str =
    "id: u8 key, part: i16 key, name: str[5], delay: i16?, seen: timestamp?, raw: bytes[2], v: f32[2]?";
const ROWS: &str = "id,part,name,delay,seen,raw,v\n\
    7,-1,ada,-3,2013-07-04T12:00:00Z,0x00ff,\"[1, -2.5]\"\n\
    7,3,\"\",,,0x6162,\n\
    8,0,\"b,b\",5,1970-01-01T00:00:00Z,0x0000,\"[0, 1e30]\"\n";

fn loaded() -> Folder {
    let folder = Folder::new();
    folder.file("rows.csv", ROWS).done(&["load", "a.dry", "t", "rows.csv", "--schema", SCHEMA]);
    folder
}

fn rows(folder: &Folder, db: &str) -> String {
    folder.done(&["scan", db, "t", "--format", "csv"])
}

#[test]
fn what_is_exported_loads_as_the_same_table() {
    let folder = loaded();
    for (name, more) in [
        ("x.csv", &["--schema", SCHEMA][..]),
        ("x.jsonl", &["--schema", SCHEMA]),
        ("x.npy", &["--schema", SCHEMA]),
        ("x.arrow", &[]),
        ("x.feather", &[]),
        ("x.arrows", &[]),
        ("x.parquet", &[]),
    ] {
        let said = folder.done(&["export", "a.dry", "t", name]);
        assert!(said.starts_with(&format!("3 rows of table \"t\" written to {name} in ")), "{said}");
        let db = format!("{name}.dry");
        folder.done(&[&["load", &db, "t", name], more].concat());
        assert_eq!(rows(&folder, &db), ROWS, "{name}");
        let info = folder.done(&["info", &db, "t"]);
        assert!(info.starts_with(&format!("table \"t\": {SCHEMA}\n")), "{name}: {info}");
        // From standard input, to standard output, by the first bytes.
        let format = name.split_once('.').unwrap().1;
        let bytes =
            folder.command(&["export", "a.dry", "t", "-", "--format", format]).output().unwrap().stdout;
        let from: &[&str] = if format == "jsonl" { &["--format", "jsonl"] } else { &[] };
        let ran = folder.run_with(&[&["load", "b.dry", format, "-"], more, from].concat(), &bytes);
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    }
    for left in std::fs::read_dir(folder.path(".")).unwrap() {
        let name = left.unwrap().file_name();
        assert!(!name.to_string_lossy().starts_with('.'), "{name:?} was left");
    }
}

#[test]
fn an_export_takes_ranges_fields_and_limits() {
    let folder = loaded();
    folder.done(&["export", "a.dry", "t", "x.parquet", "--from", "7", "0", "--select", "name,id"]);
    folder.done(&["load", "b.dry", "t", "x.parquet"]);
    assert_eq!(rows(&folder, "b.dry"), "name,id\n\"\",7\n\"b,b\",8\n");
    folder.done(&["export", "a.dry", "t", "y.arrow", "--to", "7", "--limit", "1"]);
    let said = folder.done(&["load", "c.dry", "t", "y.arrow"]);
    assert!(said.contains("table \"t\": 1 rows loaded"), "{said}");
    assert_eq!(
        folder.done(&["export", "a.dry", "t", "-", "--format", "csv", "--limit", "0"]),
        ROWS.lines().next().unwrap().to_owned() + "\n"
    );
}

#[test]
fn a_loaded_file_may_go_into_a_table_that_exists_or_get_a_key() {
    let folder = loaded();
    folder.done(&["export", "a.dry", "t", "x.parquet", "--select", "id,part,name,raw"]);
    let refusal = folder.refused(2, &["load", "a.dry", "t", "x.parquet"]);
    assert!(refusal.contains("key (7, -1) of row 1 of x.parquet is in the table already"), "{refusal}");
    folder.done(&["load", "a.dry", "t", "x.parquet", "--on-duplicate", "last"]);
    assert_eq!(rows(&folder, "a.dry").lines().nth(1), Some("7,-1,ada,,,0x00ff,"));
    folder.done(&["load", "b.dry", "t", "x.parquet", "--key", "raw,id"]);
    assert!(
        folder
            .done(&["info", "b.dry", "t"])
            .starts_with("table \"t\": raw: bytes[2] key, id: u8 key, part: i16,")
    );
    let refusal = folder.refused(2, &["load", "c.dry", "t", "x.parquet", "--schema", "id: u8 key"]);
    assert!(refusal.contains("no field for columns \"part\", \"name\", \"raw\""), "{refusal}");
    folder.done(&["load", "c.dry", "t", "x.parquet", "--schema", "id: u8", "--ignore-unknown"]);
    assert_eq!(rows(&folder, "c.dry"), "id\n7\n7\n8\n");
}

#[test]
fn mistakes_are_named_and_leave_no_file() {
    let folder = loaded();
    folder.done(&["export", "a.dry", "t", "x.parquet"]);
    let whole = std::fs::read(folder.path("x.parquet")).unwrap();
    folder.file("half.parquet", &whole[..whole.len() / 2]).file("not.arrow", "id\n1\n");
    for (arguments, expected) in [
        (&["load", "b.dry", "t", "gone.parquet"][..], "cannot open gone.parquet: No such file"),
        (&["load", "b.dry", "t", "half.parquet"], "half.parquet: it is not a valid Parquet file"),
        (&["load", "b.dry", "t", "not.arrow"], "not.arrow: it is not a valid Arrow file: "),
        (
            &["load", "b.dry", "t", "x.parquet", "--format", "arrow"],
            "x.parquet: it is not a valid Arrow file: ",
        ),
        (&["load", "b.dry", "t", "x.parquet", "--null", "NA"], "--null is for CSV; x.parquet is not CSV"),
        (
            &["load", "b.dry", "t", "x.parquet", "--skip-bad", "bad"],
            "--skip-bad is for CSV and JSON; x.parquet is neither",
        ),
        (&["export", "a.dry", "t", "x.what"], "the name x.what does not tell the format; give --format"),
        (&["export", "a.dry", "t", "a.dry", "--format", "csv"], "cannot write a.dry: it is the database"),
        (&["export", "a.dry", "t", "gone/x.csv"], "cannot write gone/x.csv: No such file"),
        (&["export", "a.dry", "u", "x.csv"], "\"u\""),
        (&["export", "a.dry", "t", "x.csv", "--select", "nam"], "did you mean \"name\"?"),
    ] {
        let said = folder.refused(2, arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    assert!(!folder.path("b.dry").exists() && !folder.path("bad").exists());
    assert_eq!(rows(&folder, "a.dry"), ROWS);
}

#[test]
fn the_answer_to_a_query_goes_into_every_format() {
    let folder = loaded();
    let asked = ["query", "a.dry", "t", "--where", "id = 7", "--select", "name,id,delay", "--format"];
    let expected = folder.done(&[&asked[..], &["csv"]].concat());
    assert_eq!(expected, "name,id,delay\nada,7,-3\n\"\",7,\n");
    for format in ["jsonl", "arrow", "arrows", "parquet", "npy"] {
        let bytes = folder.command(&[&asked[..], &[format]].concat()).output().unwrap().stdout;
        let name = format!("x.{format}");
        folder.file(&name, bytes);
        folder.done(&["load", "b.dry", format, &name, "--schema", "name: str[5], id: u8, delay: i16?"]);
        assert_eq!(folder.done(&["scan", "b.dry", format, "--format", "csv"]), expected, "{format}");
    }
}

#[test]
fn json_lines_are_looked_through_when_that_is_asked_for() {
    let folder = Folder::new();
    folder.file("a.jsonl", "{\"id\": 7, \"tag\": \"x\"}\n\n{\"tag\": null, \"id\": 300}\n");
    let refusal = folder.refused(2, &["load", "a.dry", "t", "a.jsonl"]);
    assert!(refusal.contains("a new table needs a schema"), "{refusal}");
    let said = folder.done(&["load", "a.dry", "t", "a.jsonl", "--infer", "--key", "id"]);
    assert!(said.contains("schema: id: u16 key, tag: str[1]?\n"), "{said}");
    folder.file("b.jsonl", "{\"id\": 8}\n{\"id\": \"x\"}\n");
    let refusal = folder.refused(2, &["load", "a.dry", "t", "b.jsonl"]);
    assert!(
        refusal.contains(
            "line 2 of b.jsonl, column 8: field \"id\": \"x\" is not a valid u16: not a whole number"
        ),
        "{refusal}"
    );
    assert_eq!(rows(&folder, "a.dry"), "id,tag\n7,x\n300,\n");
}

#[test]
fn numpy_maps_a_table_by_the_line_that_info_prints() {
    let folder = loaded();
    let info = folder.done(&["info", "a.dry", "t"]);
    let line = info.lines().last().unwrap();
    let dtype = "[('id','|u1'),('part','<i2'),('name','S5'),('delay','<i2'),('seen','<M8[us]'),('raw','V2'),('v','<f4',(2,))]";
    assert!(line.starts_with(&format!("numpy.memmap('a.dry', dtype={dtype}, mode='r', offset=")), "{line}");
    assert!(line.ends_with(", shape=(3,))"), "{line}");
    // The bytes of the first row: its key is 7 and -1.
    let offset: usize = line.split("offset=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    assert_eq!(std::fs::read(folder.path("a.dry")).unwrap()[offset..offset + 3], [7, 0xFF, 0xFF]);
    // Rows that are no longer side by side cannot be mapped.
    folder.file(
        "more.csv",
        (0..60_000)
            .map(|row| format!("{},{},x,,,0x0000,\n", row % 250, row % 30_000))
            .fold(ROWS.lines().next().unwrap().to_owned() + "\n", |text, line| text + &line),
    );
    folder.done(&["load", "a.dry", "t", "more.csv", "--on-duplicate", "last"]);
    let is_offered = |info: &str| info.contains("numpy.memmap");
    let info = folder.done(&["info", "a.dry", "t"]);
    assert_eq!(is_offered(&info), info.contains("side by side"), "{info}");

    let name = std::env::var_os("DRYSTONE_PYTHON").unwrap_or_else(|| "python3".into());
    let has_numpy = std::process::Command::new(&name).args(["-c", "import numpy"]).output();
    if !has_numpy.is_ok_and(|output| output.status.success()) {
        println!("left out: {} cannot import numpy; set DRYSTONE_PYTHON to one that can", name.display());
        return;
    }
    let folder = loaded();
    let script = format!(
        "import numpy; a = {line}; print(a['id'].sum(), a['part'].tolist(), a['name'].tolist(), a['seen'].tolist()[1], a['v'][0].tolist())"
    );
    let mut python = std::process::Command::new(&name);
    let ran = python.args(["-c", &script]).current_dir(folder.path(".")).output().unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr)),
        ("22 [-1, 3, 0] [b'ada', b'', b'b,b'] None [1.0, -2.5]\n".into(), "".into())
    );
}
