//! Load, query and check on real input: all flights of 2013.

use std::path::{Path, PathBuf};

use crate::Folder;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data").join(name)
}

/// The lines of the CSV: the header, then the others in the order of their text. Missing values are
/// empty.
fn original() -> Vec<String> {
    let file = std::fs::File::open(data("flights-2013.csv.zst")).unwrap();
    let text = String::from_utf8(zstd::decode_all(file).unwrap()).unwrap();
    let with_empty = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(|field| if field == "NA" { "" } else { field }).collect();
        fields.join(",")
    };
    sorted(text.lines().map(with_empty).collect())
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines[1..].sort_unstable();
    lines
}

/// Everything in the table, with the columns in the order of the CSV.
fn scanned(folder: &Folder, header: &str) -> Vec<String> {
    let text = folder.done(&["scan", "f.dry", "flights", "--select", header, "--format", "csv"]);
    sorted(text.lines().map(str::to_owned).collect())
}

#[test]
fn flights_come_back_value_by_value_by_a_schema_file() {
    let folder = Folder::new();
    let (csv, schema) = (data("flights-2013.csv.zst"), data("flights.schema"));
    let (csv, schema) = (csv.to_str().unwrap(), schema.to_str().unwrap());
    let said = folder.done(&["load", "f.dry", "flights", csv, "--schema-file", schema, "--null", "NA"]);
    assert!(said.contains("336,776 rows loaded"), "{said}");
    assert!(said.contains("46 bytes"), "{said}");
    let original = original();
    assert!(scanned(&folder, &original[0]) == original, "the flights differ");

    let key = ["2013-01-01T10:00:00Z", "UA", "1545"];
    let get = |more: &[&str]| folder.done(&[&["get", "f.dry", "flights"], &key[..], more].concat());
    assert_eq!(get(&["--select", "dep_delay,tailnum", "--format", "csv"]), "dep_delay,tailnum\n2,N14228\n");
    assert_eq!(get(&["--at", "8:str[2]", "--at", "10:u16", "--format", "csv"]), "8:str[2],10:u16\nUA,1545\n");
    let info = folder.done(&["info", "f.dry"]);
    assert!(info.contains("336,776") && info.contains("time_hour, carrier, flight"), "{info}");
    // The design promises at most (key and value) × rows × 1.005 bytes.
    let bytes = std::fs::metadata(folder.path("f.dry")).unwrap().len();
    assert!(bytes as f64 <= 46.0 * 336_776.0 * 1.005, "{bytes} bytes");
    let checked = folder.done(&["check", "f.dry"]);
    assert!(checked.contains("sound") && checked.contains("336,776 rows"), "{checked}");
}

#[test]
fn flights_come_back_value_by_value_with_inferred_types() {
    let folder = Folder::new();
    let csv = data("flights-2013.csv.zst");
    let key = "time_hour,carrier,flight";
    let said = folder.done(&[
        "load",
        "f.dry",
        "flights",
        csv.to_str().unwrap(),
        "--infer",
        "--key",
        key,
        "--null",
        "NA",
    ]);
    for picked in [
        "dep_delay       i16?        whole numbers, -43 to 1301; 8255 missing",
        "time_hour       timestamp   timestamps, 2013-01-01T10:00:00Z to 2014-01-01T04:00:00Z",
        "schema: time_hour: timestamp key, carrier: str[2] key, flight: u16 key, year: u16,",
    ] {
        assert!(said.contains(picked), "{picked:?} is not in {said}");
    }
    let original = original();
    assert!(scanned(&folder, &original[0]) == original, "the flights differ");
}

#[test]
fn the_commands_in_the_readme_work() {
    let folder = Folder::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    std::os::unix::fs::symlink(root.join("examples"), folder.path("examples")).unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let section = readme.split("## On the command line").nth(1).unwrap().split("## ").next().unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("drystone "));
    let commands: Vec<&str> = lines.flat_map(|line| line.split(" && drystone ")).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let words = words(command.split('#').next().unwrap());
        folder.done(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// The words of a command, split as a shell does: text between single quotes is not split.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for letter in command.chars() {
        match (letter, words.last_mut()) {
            ('\'', _) => quoted = !quoted,
            (' ', _) if !quoted => words.push(String::new()),
            (letter, Some(word)) => word.push(letter),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
