//! Commands that make a database: one that fails, or is stopped, leaves none, and one that another
//! process has made meanwhile loses nothing.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Child, Stdio};

use drystone::Database;

use crate::Folder;
use crate::targets::{is_ignored, names, signal, started};

const SCHEMA: &str = "id: u32 key, n: u32";
const GOOD: &str = "id,n\n1,10\n2,20\n";

/// A load of a new table from a file.
fn load<'a>(db: &'a str, table: &'a str, file: &'a str) -> [&'a str; 6] {
    ["load", db, table, file, "--schema", SCHEMA]
}

fn rows(folder: &Folder, db: &str, table: &str) -> String {
    folder.done(&["scan", db, table, "--format", "csv"])
}

/// A CSV with a header and this number of lines.
fn lines(count: u32) -> String {
    let lines: String = (0..count).map(|n| format!("{n},{}\n", n.wrapping_mul(7))).collect();
    format!("id,n\n{lines}")
}

/// A load of standard input into the new database `n.dry`, which has begun to write it.
fn begun(folder: &Folder, more: &[&str]) -> Child {
    let mut command = folder.command(&[&load("n.dry", "t", "-")[..], more].concat());
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // More than a pipe holds: when all of it is taken, the load is reading.
    child.stdin.as_mut().unwrap().write_all(lines(50_000).as_bytes()).unwrap();
    child
}

/// Waits for a command that has begun. Returns its exit code and what it said.
fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Removes the new database.
fn remove(folder: &Folder) {
    for name in ["n.dry", "n.dry-lock"] {
        fs::remove_file(folder.path(name)).unwrap();
    }
}

/// Changes a byte of a row in the file of a database.
fn damage(folder: &Folder, name: &str, row: &[u8]) {
    let mut bytes = fs::read(folder.path(name)).unwrap();
    let at = bytes.windows(row.len()).position(|found| found == row).unwrap();
    bytes[at] ^= 1;
    folder.file(name, bytes);
}

#[test]
fn a_load_that_fails_makes_no_database() {
    let folder = Folder::new();
    folder.file("bad.csv", "id,n\n1,10\n2,x\n").file("twice.csv", "id,n\n1,10\n1,20\n");
    folder.file("other.csv", "id,m\n1,10\n").file("bad.json", "{\"id\": 1, \"n\": 2}\n{\"id\": 1");
    let before = names(&folder);
    for (file, wanted) in
        [("bad.csv", "line 3"), ("twice.csv", "key"), ("other.csv", "\"m\""), ("bad.json", "line 2")]
    {
        let said = folder.refused(2, &load("n.dry", "t", file));
        assert!(said.contains(wanted), "{file}: {said}");
        assert_eq!(names(&folder), before, "{file}");
    }
    let said = folder.refused(2, &[&load("n.dry", "t", "bad.csv")[..], &["--key", "nothing"]].concat());
    assert!(said.contains("nothing"), "{said}");
    let ran = folder.run(&["load", "n.dry", "t", "twice.csv", "--infer", "--key", "id"]);
    assert!(ran.code == 2 && ran.stderr.contains("comes twice"), "{ran:?}");
    for aside in ["n.dry", "./n.dry", "n.dry-lock"] {
        let said = folder.refused(2, &[&load("n.dry", "t", "bad.csv")[..], &["--skip-bad", aside]].concat());
        assert!(said.contains("it is the database"), "{said}");
    }
    assert_eq!(names(&folder), before);
    // A dangling link stays one.
    std::os::unix::fs::symlink("far.dry", folder.path("l.dry")).unwrap();
    folder.refused(2, &load("l.dry", "t", "bad.csv"));
    assert!(folder.path("l.dry").is_symlink() && !folder.path("far.dry").exists());
    folder.file("good.csv", GOOD).done(&load("l.dry", "t", "good.csv"));
    assert!(folder.path("l.dry").is_symlink() && folder.path("far.dry").exists());
    assert_eq!(rows(&folder, "far.dry", "t"), GOOD);
}

#[test]
fn a_copy_or_a_merge_that_fails_makes_no_database() {
    let folder = Folder::new();
    let text: String = (0..100).map(|n| format!("{n},abcdefgh{n:03}\n")).collect();
    folder.file("a.csv", format!("id,n\n{text}"));
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", "id: u8 key, n: str[11]"]);
    folder.done(&["shard", "a.dry", "t", "shards", "--shards", "2"]);
    damage(&folder, "a.dry", b"abcdefgh042");
    damage(&folder, "shards/t-0001.dry", b"abcdefgh077");
    let before = names(&folder);
    for arguments in [&["copy", "a.dry", "t", "n.dry"][..], &["merge", "shards", "n.dry", "t"]] {
        let said = folder.refused(2, arguments);
        assert!(said.contains("does not match its checksum"), "{said}");
        assert_eq!(names(&folder), before, "{arguments:?}");
    }
}

#[test]
#[expect(unsafe_code, reason = "opening a mapped file is unsafe")]
fn a_load_that_fails_leaves_an_existing_database_as_it_was() {
    let folder = Folder::new();
    folder.file("good.csv", GOOD).file("bad.csv", "id,n\n5,1\n6,x\n").done(&load("a.dry", "t", "good.csv"));
    // SAFETY: only this test uses the folder.
    drop(unsafe { Database::open(folder.path("empty.dry")).unwrap() });
    for (db, table) in [("a.dry", "t"), ("a.dry", "new"), ("empty.dry", "t")] {
        let info = folder.done(&["info", db]);
        let before = names(&folder);
        let said = folder.refused(2, &load(db, table, "bad.csv"));
        assert!(said.contains("line 3"), "{said}");
        assert_eq!(names(&folder), before);
        assert_eq!(folder.done(&["info", db]), info);
        folder.done(&["check", db]);
    }
    assert_eq!(rows(&folder, "a.dry", "t"), GOOD);
}

#[test]
fn a_load_that_is_stopped_makes_no_database() {
    use std::os::unix::process::ExitStatusExt;
    let folder = Folder::new();
    for (name, number) in [("INT", 2), ("TERM", 15), ("KILL", 9)] {
        if is_ignored(number as u32) {
            continue;
        }
        for more in [&[][..], &["--memory", "100K"]] {
            let mut child = begun(&folder, more);
            // It is not there before it is whole.
            assert!(names(&folder).is_empty());
            signal(&child, name);
            assert_eq!(child.wait().unwrap().signal(), Some(number));
            assert!(names(&folder).is_empty(), "{name}");
        }
    }
    let mut child = begun(&folder, &["--skip-bad", "bad.csv"]);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert!(names(&folder).is_empty());
}

#[test]
fn a_database_that_was_made_during_a_load_of_a_pipe_stays_as_it_is() {
    let folder = Folder::new();
    folder.file("good.csv", GOOD);
    let child = begun(&folder, &[]);
    folder.done(&load("n.dry", "t", "good.csv"));
    let (code, said) = ended(child);
    assert_eq!(code, Some(2));
    assert!(said.contains("another process has made it while standard input was read"), "{said}");
    assert_eq!(rows(&folder, "n.dry", "t"), GOOD);
    folder.done(&["check", "n.dry"]);
}

#[test]
fn a_file_is_loaded_into_a_database_that_was_made_meanwhile() {
    let folder = Folder::new();
    let text = lines(200_000);
    folder.file("good.csv", GOOD).file("a.csv", &text);
    // Into another table; after rows of the same one, which come again with the same keys; and
    // with bad lines set aside.
    for (table, more, wanted) in
        [("u", &[][..], 1), ("t", &["--on-duplicate", "last"], 1), ("u", &["--skip-bad", "bad.csv"], 3)]
    {
        let child = loop {
            let command = folder.command(&[&load("n.dry", "t", "a.csv")[..], more].concat());
            // The database without a name, after the files for bad lines, which have none either.
            let unnamed = RefCell::new(BTreeSet::new());
            let child = started(&folder, command, |name| {
                if name.contains("/#") && name.ends_with(" (deleted)") {
                    unnamed.borrow_mut().insert(name.to_owned());
                }
                unnamed.borrow().len() >= wanted
            });
            signal(&child, "STOP");
            if !folder.path("n.dry").exists() {
                break child;
            }
            // On a busy machine it has finished in between.
            signal(&child, "CONT");
            ended(child);
            remove(&folder);
        };
        folder.done(&load("n.dry", table, "good.csv"));
        signal(&child, "CONT");
        let (code, said) = ended(child);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("another process has made n.dry meanwhile"), "{said}");
        assert_eq!(rows(&folder, "n.dry", "t"), text);
        if table == "u" {
            assert_eq!(rows(&folder, "n.dry", "u"), GOOD);
        }
        folder.done(&["check", "n.dry"]);
        remove(&folder);
    }
    assert_eq!(names(&folder), ["a.csv", "bad.csv", "bad.csv.why", "good.csv"]);
}
