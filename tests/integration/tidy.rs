//! Rules of the source that a compiler does not check: how a file begins and how long it is, which
//! file imports which, where unsafe code is, which files touch the file system, names, and words.

mod imports;

use std::path::{Path, PathBuf};

use imports::Imports;

/// The rooms of the library, from the lowest to the highest. Rooms in one row do not import each
/// other.
const ROOMS: [&[&str]; 14] = [
    &["error", "lease", "limits", "order"],
    &["text_cursor"],
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

/// Rooms above all of these. (`lib.rs` only gathers.)
const ABOVE: [&str; 4] = ["admin", "exchange", "guide", "simulation"];

/// The rooms of the command, in the same way.
const CLI_ROOMS: [&[&str]; 6] = [
    &["interrupts", "open", "progress", "report"],
    &["waiting"],
    &["formats"],
    &["commands", "mcp", "plot", "shell"],
    &["args"],
    &["main"],
];

/// The files of the derive, in the same way.
const DERIVE_ROOMS: [&[&str]; 6] = [
    &["attributes", "case", "names", "problems", "types"],
    &["default"],
    &["field"],
    &["input"],
    &["emit", "enumeration", "newtype"],
    &["lib"],
];

/// The rooms of the crate for SQL, in the same way.
const SQL_ROOMS: [&[&str]; 7] = [
    &["arrow_versions", "error", "filter"],
    &["scan"],
    &["insert", "statistics"],
    &["table"],
    &["cluster", "database"],
    &["session"],
    &["lib"],
];

/// The roots of the crates.
const CRATES: [&str; 6] =
    ["src", "cli/src", "datafusion/src", "derive/src", "simulator/src", "benches/compare/src"];

/// Folders whose comments are within [`COMMENT_COLUMNS`], except the rows of tables.
const NARROW: &[&str] = &[
    "benches",
    "cli",
    "datafusion",
    "derive",
    "examples",
    "fuzz",
    "python/src",
    "simulator",
    "src",
    "tests",
];
const COMMENT_COLUMNS: usize = 100;

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
    room_in(&root().join("src"), path)
}

/// The room that a file is in, below the root of its crate.
fn room_in(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap();
    let first = below.iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn height(room: &str) -> Option<usize> {
    ROOMS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let mut files = 0;
    for folder in [
        "src",
        "datafusion",
        "derive",
        "cli",
        "simulator",
        "tests",
        "benches",
        "fuzz",
        "examples",
        "python/src",
    ] {
        let folder = root().join(folder);
        for (path, text) in if folder.exists() { sources(&folder) } else { Vec::new() } {
            // Programs that must not compile are explained by the message beside them.
            if path.components().any(|part| part.as_os_str() == "ui") {
                continue;
            }
            // Drawings and proofs come below, in other paragraphs.
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

/// The rooms of queries, and which other ones each may import.
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

/// Fails where a file imports a room that is not below its own.
fn check_heights(folder: &str, rooms: &[&[&str]]) {
    let height = |file: &Path| {
        let room = room_in(Path::new(""), file);
        let row = rooms.iter().position(|row| row.contains(&&*room));
        (row.unwrap_or_else(|| panic!("{folder}/{} is in no room", file.display())), room)
    };
    let imports = Imports::read(&root().join(folder));
    for file in imports.files() {
        let (height_here, here) = height(file);
        for used in imports.of(file) {
            let (height_used, room) = height(used);
            let is_allowed = room == here || height_used < height_here;
            assert!(is_allowed, "{folder}: {} looks up to {}", file.display(), used.display());
        }
    }
}

#[test]
fn use_goes_downward_only_in_the_other_crates() {
    check_heights("cli/src", &CLI_ROOMS);
    check_heights("datafusion/src", &SQL_ROOMS);
    check_heights("derive/src", &DERIVE_ROOMS);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for folder in CRATES {
        let cycles = Imports::read(&root().join(folder)).cycles();
        assert!(cycles.is_empty(), "{folder}: these files import each other in a circle: {cycles:?}");
    }
}

#[test]
fn comments_are_narrow() {
    for folder in NARROW {
        for (path, text) in sources(&root().join(folder)) {
            for (line, number) in text.lines().zip(1..) {
                let comment = line.trim_start();
                let is_table = comment.starts_with("/// |") || comment.starts_with("//! |");
                let is_wide = comment.starts_with("//") && line.chars().count() > COMMENT_COLUMNS;
                let wide = is_wide && !is_table;
                assert!(!wide, "{}:{number}: a comment of more than 100 columns", path.display());
            }
        }
    }
}

/// Docstrings and comments of the Python package, which people read in a terminal.
#[test]
fn docstrings_of_the_python_package_are_narrow() {
    let mut docstrings = 0;
    for entry in std::fs::read_dir(root().join("python/drystone")).unwrap() {
        let path = entry.unwrap().path();
        if !path.extension().is_some_and(|suffix| suffix == "py" || suffix == "pyi") {
            continue;
        }
        let mut is_inside = false;
        for (line, number) in std::fs::read_to_string(&path).unwrap().lines().zip(1..) {
            let quotes = line.matches("\"\"\"").count();
            let is_prose = is_inside || quotes > 0 || line.trim_start().starts_with('#');
            docstrings += quotes;
            is_inside ^= quotes % 2 == 1;
            assert!(
                !is_prose || line.chars().count() <= COMMENT_COLUMNS,
                "{}:{number}: a docstring or comment of more than 100 columns",
                path.display()
            );
        }
        assert!(!is_inside, "{}: a docstring does not end", path.display());
    }
    assert!(docstrings > 200, "only {docstrings} quotes of docstrings");
}

#[test]
fn unsafe_code_of_the_python_package_is_in_one_folder() {
    let folder = root().join("python/src");
    for (path, text) in sources(&folder) {
        for line in code(&text).filter(|line| line.contains("unsafe")) {
            assert!(room_in(&folder, &path) == "raw", "{}: {line}", path.display());
        }
    }
}

/// Folders whose comments have none of [`WORDS`].
const PLAIN: &[&str] =
    &["benches", "cli", "datafusion", "derive", "examples", "fuzz", "simulator", "src", "tests"];

/// Words that make a comment hard to read. A plain word exists for each.
const WORDS: [&str; 19] = [
    "anew",
    "gone",
    "goes away",
    "whoever",
    "whomever",
    "somebody",
    "nobody",
    "nothing but",
    "so many",
    "so much",
    "such as are",
    "such as must",
    "there are none",
    "held against",
    "brought after",
    "is told",
    "are told",
    "hears",
    "spared",
];

#[test]
fn comments_are_plain() {
    for folder in PLAIN {
        for (path, text) in sources(&root().join(folder)) {
            for (line, number) in text.lines().zip(1..) {
                let Some((_, comment)) = line.split_once("//") else { continue };
                // Names of code stand in backquotes.
                let prose: String = comment.split('`').step_by(2).collect();
                let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
                let words: Vec<String> = prose
                    .split(|letter| !is_part(letter))
                    .map(str::to_lowercase)
                    .filter(|word| !word.is_empty())
                    .collect();
                let prose = format!(" {} ", words.join(" "));
                let found = WORDS.iter().find(|word| prose.contains(&format!(" {word} ")));
                assert!(found.is_none(), "{}:{number}: say {:?} plainly", path.display(), found.unwrap());
            }
        }
    }
}

/// Each exchange format has its own type of these names, in a public module of its own.
const ONE_PER_FORMAT: [&str; 4] = ["Options", "ParallelReader", "Reader", "Writer"];

/// The types that a file declares at its top level.
fn types(text: &str) -> impl Iterator<Item = &str> {
    code(text).filter_map(|line| {
        let line = match line.strip_prefix("pub") {
            Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
            Some(rest) => rest.trim_start(),
            None => line,
        };
        let keywords = ["struct ", "enum ", "trait ", "type "];
        let rest = keywords.iter().find_map(|keyword| line.strip_prefix(keyword))?;
        rest.split(|letter: char| !letter.is_alphanumeric()).next()
    })
}

#[test]
fn a_type_has_its_own_name_in_its_room() {
    for folder in ["src", "cli/src", "datafusion/src", "derive/src", "simulator/src"] {
        let folder = root().join(folder);
        let mut names = std::collections::BTreeMap::new();
        for (path, text) in sources(&folder) {
            let room = room_in(&folder, &path);
            for name in types(&text) {
                if room == "exchange" && ONE_PER_FORMAT.contains(&name) {
                    continue;
                }
                let other = names.insert((room.clone(), name.to_owned()), path.clone());
                assert!(
                    other.is_none(),
                    "{name} is in {} and in {}",
                    path.display(),
                    other.unwrap().display()
                );
            }
        }
        assert!(names.len() > 3, "only {} types in {}", names.len(), folder.display());
    }
}

#[test]
fn a_file_name_occurs_at_most_twice() {
    for folder in ["src", "cli/src", "simulator/src"] {
        let mut counts = std::collections::BTreeMap::new();
        for (path, _) in sources(&root().join(folder)) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let count = counts.entry(name.clone()).or_insert(0);
            *count += 1;
            assert!(*count <= 2 || name == "mod.rs", "{folder}: {name} occurs {count} times");
        }
    }
}

#[test]
fn unsafe_code_is_in_four_files() {
    // `Database::open` and `OpenOptions::open` pass on the contract of a mapped file. Nothing else
    // in them is unsafe.
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
    for (path, text) in sources(&root().join("datafusion")) {
        let ours = ["arrow_versions.rs", "commands/open.rs", "sql/data.rs", "examples/cluster.rs"];
        let is_it = ours.iter().any(|file| path.ends_with(file));
        let is_unsafe = code(&text).any(|line| line.contains("unsafe"));
        assert!(!is_unsafe || is_it, "{}", path.display());
    }
    for folder in ["cli/src", "simulator/src"] {
        for (path, text) in sources(&root().join(folder)) {
            // Only opening a database is unsafe.
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
        "docs/sql.md",
        "docs/scale.md",
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
                "datafusion/",
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
