//! Rules of the house that a compiler does not keep: what a file begins with, who uses whom, where unsafe code and files are.

use std::path::{Path, PathBuf};

/// The rooms of the library from the lowest to the highest. Those in one row do not know of each other.
const ROOMS: [&[&str]; 13] = [
    &["error", "lease", "limits"],
    &["storage"],
    &["page"],
    &["space"],
    &["commit"],
    &["tree"],
    &["schema", "record"],
    &["load"],
    &["catalog"],
    &["table"],
    &["query"],
    &["transaction"],
    &["database"],
];

/// Above all of them, and `lib.rs`, which only gathers.
const ABOVE: [&str; 4] = ["admin", "exchange", "guide", "simulation"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, with its text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "corpus") {
                found.extend(sources(&path));
            }
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn library() -> Vec<(PathBuf, String)> {
    let sources = sources(&root().join("src"));
    assert!(sources.len() > 50, "only {} files", sources.len());
    sources
}

/// The code of a file: without comments, and without the tests at its end.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    text.lines().map(|line| line.split("//").next().unwrap_or(line))
}

/// The room that a file of the library is in.
fn room(path: &Path) -> String {
    let below = path.strip_prefix(root().join("src")).unwrap();
    let first = below.iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn height(room: &str) -> Option<usize> {
    ROOMS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let mut files = 0;
    for folder in ["src", "derive", "cli", "simulator", "tests", "benches", "fuzz", "examples"] {
        let folder = root().join(folder);
        for (path, text) in if folder.exists() { sources(&folder) } else { Vec::new() } {
            // Programs that must not compile are read together with the message beside them.
            if path.components().any(|part| part.as_os_str() == "ui") {
                continue;
            }
            // Drawings and proofs come below, in paragraphs of their own.
            let said = text.lines().take_while(|line| line.starts_with("//! ")).count();
            assert!(said > 0, "{} does not begin with //!", path.display());
            assert!(said <= 4, "{} needs {said} lines to say what it is for", path.display());
            let lines = text.lines().count();
            assert!(lines <= 700, "{} has {lines} lines: is it one room?", path.display());
            files += 1;
        }
    }
    assert!(files > 100, "only {files} files");
}

/// The rooms of queries, and those that each may use beside itself.
const QUERY_ROOMS: [(&str, &[&str]); 4] =
    [("ask", &[]), ("text", &["ask"]), ("plan", &["ask"]), ("run", &["ask", "plan"])];

#[test]
fn the_rooms_of_queries_look_one_way() {
    let mut files = 0;
    for (here, others) in QUERY_ROOMS {
        for (path, text) in sources(&root().join("src/query").join(here)) {
            for line in code(&text) {
                for used in line.split("crate::query::").skip(1) {
                    let used: String = used.chars().take_while(char::is_ascii_lowercase).collect();
                    let is_room = QUERY_ROOMS.iter().any(|(room, _)| *room == used);
                    let allowed = !is_room || used == here || others.contains(&&*used);
                    assert!(allowed, "{} looks up: {line}", path.display());
                }
                assert!(!line.contains("super::super"), "{}: {line}", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 25, "only {files} files");
}

#[test]
fn use_goes_downward_only() {
    for (path, text) in library() {
        let here = room(&path);
        if here == "lib" || ABOVE.contains(&here.as_str()) {
            continue;
        }
        let height_here = height(&here).unwrap_or_else(|| panic!("{} is in no room", path.display()));
        for line in code(&text) {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if used == here || used.is_empty() {
                    continue;
                }
                let height_used = height(&used).unwrap_or_else(|| panic!("{}: {line}", path.display()));
                let beside = ["schema", "record"];
                let allowed = height_used < height_here
                    || beside.contains(&here.as_str()) && beside.contains(&used.as_str());
                assert!(allowed, "{} looks up: {line}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_three_files() {
    // `Database::open` and `Options::open` hand on the contract of a mapped file, and do nothing else that is unsafe.
    let allowed = |path: &Path, line: &str| {
        ["storage/map.rs", "storage/file.rs", "storage/fork.rs", "src/lease.rs"]
            .iter()
            .any(|file| path.ends_with(file))
            || ["storage/mod.rs", "src/lib.rs"].iter().any(|file| path.ends_with(file))
                && line.contains("unsafe_code, reason")
            || path.iter().any(|part| part == "database")
                && [
                    "unsafe_code, reason",
                    "pub unsafe fn open",
                    ".open(path)",
                    "MappedFile::open",
                    "(folder.",
                ]
                .iter()
                .any(|part| line.contains(part))
    };
    for (path, text) in library() {
        for line in code(&text).filter(|line| line.contains("unsafe")) {
            assert!(allowed(&path, line), "{}: {line}", path.display());
        }
    }
    for folder in ["cli/src", "simulator/src"] {
        for (path, text) in sources(&root().join(folder)) {
            // Opening is all that a program needs the word for.
            for line in code(&text).filter(|line| line.contains("unsafe")) {
                assert!(line.contains("open") || line.contains("unsafe_code"), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn only_storage_touches_files() {
    for (path, text) in library() {
        if ["storage", "simulation"].contains(&room(&path).as_str()) {
            continue;
        }
        for line in code(&text) {
            let touches = ["std::fs", " File::", "fs::OpenOptions", "libc::", "memmap2::", "tempfile::"];
            let touched = touches.iter().find(|word| line.contains(*word));
            assert!(touched.is_none(), "{}: {line}", path.display());
        }
    }
}

#[test]
fn every_room_is_on_the_map() {
    let map = include_str!("../../ARCHITECTURE.md");
    for (path, _) in library() {
        let room = room(&path);
        assert!(room == "lib" || map.contains(&format!("`{room}")), "ARCHITECTURE.md has no `{room}`");
    }
}

#[test]
fn documents_name_files_that_are_there() {
    let root = root();
    let mut names = 0;
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/format.md",
        "docs/durability.md",
        "docs/exchange.md",
        "docs/guide/web.md",
        "docs/python-objects.md",
    ] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        for name in text.split(['`', '(', ')']).filter(|word| word.contains('/') && !word.contains(' ')) {
            let path = name.split(['#', ':']).next().unwrap();
            let ours = [
                "src/",
                "tests/",
                "docs/",
                "examples/",
                "benches/",
                "fuzz/",
                "cli/",
                "simulator/",
                "derive/",
            ];
            if ours.iter().any(|folder| path.starts_with(folder)) && !path.contains(['{', '*', '…']) {
                let beside = root.join(document).parent().unwrap().join(path);
                assert!(
                    root.join(path).exists() || beside.exists(),
                    "{document} names {path}, which is not there"
                );
                names += 1;
            }
        }
    }
    assert!(names > 15, "only {names} names");
}
