//! `drystone compact`, `backup`, `apply` and `copy`.

use std::process::Stdio;
use std::time::Duration;

use crate::Folder;

/// A table with gaps: rows in random order, many of them removed again.
fn folder() -> Folder {
    let folder = Folder::new();
    let lines: String = (0..20_000_u32).map(|n| format!("{n},{}\n", n % 7)).collect();
    folder.file("a.csv", format!("id,x\n{lines}"));
    folder.done(&["load", "a.dry", "points", "a.csv", "--schema", "id: u32 key, x: i16"]);
    folder.done(&["load", "a.dry", "numbers", "a.csv", "--schema", "id: u16, x: u8"]);
    for id in ["1", "5000", "19999"] {
        folder.done(&["remove", "a.dry", "points", id]);
        folder.done(&["set", "a.dry", "numbers", id, "x=9"]);
    }
    folder
}

fn rows(folder: &Folder, db: &str, table: &str) -> String {
    folder.done(&["scan", db, table, "--format", "csv"])
}

#[test]
fn compact_shortens_the_file_and_keeps_the_rows() {
    let folder = folder();
    let length = || std::fs::metadata(folder.path("a.dry")).unwrap().len();
    let (before, points) = (length(), rows(&folder, "a.dry", "points"));
    let numbers = rows(&folder, "a.dry", "numbers");
    let said = folder.done(&["compact", "a.dry"]);
    assert!(length() < before, "{said}");
    assert!(said.replace(',', "").contains(&format!("({} bytes)", length())), "{said}");
    assert_eq!((rows(&folder, "a.dry", "points"), rows(&folder, "a.dry", "numbers")), (points, numbers));
    assert!(folder.done(&["info", "a.dry", "points"]).contains("side by side"));
    folder.done(&["check", "a.dry"]);

    folder.done(&["set", "a.dry", "numbers", "3", "x=8"]);
    assert!(!folder.done(&["info", "a.dry", "numbers"]).contains("side by side"));
    folder.done(&["compact", "a.dry", "numbers"]);
    assert!(folder.done(&["info", "a.dry", "numbers"]).contains("side by side"));
    assert!(folder.refused(2, &["compact", "a.dry", "nothing"]).contains("\"nothing\""));
    folder.refused(2, &["compact", "b.dry"]);
}

#[test]
fn backup_makes_a_sound_copy_and_overwrites_nothing() {
    let folder = folder();
    let said = folder.done(&["backup", "a.dry", "copy.dry"]);
    assert!(said.starts_with("copy.dry: 39,997 rows in 2 tables of transaction "), "{said}");
    for table in ["points", "numbers"] {
        assert_eq!(rows(&folder, "copy.dry", table), rows(&folder, "a.dry", table));
    }
    folder.done(&["check", "copy.dry"]);
    assert!(folder.refused(2, &["backup", "a.dry", "copy.dry"]).contains("exists already"));
    assert!(folder.refused(2, &["backup", "a.dry", "a.dry"]).contains("exists already"));
    folder.refused(2, &["backup", "b.dry", "other.dry"]);
    assert!(!folder.path("b.dry").exists() && !folder.path("other.dry").exists());
}

#[test]
fn patches_lead_from_a_backup_to_each_later_state() {
    let folder = folder();
    folder.done(&["backup", "a.dry", "monday.dry"]);
    let change = |id: &str| drop(folder.done(&["set", "a.dry", "points", id, "x=-9"]));
    change("7");
    folder.done(&["remove", "a.dry", "points", "8"]);
    let said = folder.done(&["backup", "a.dry", "tuesday.patch", "--since", "monday.dry"]);
    let numbers = said.strip_prefix("tuesday.patch: from transaction ").unwrap_or_else(|| panic!("{said}"));
    assert!(numbers.contains(", 1 rows, 1 removed, "), "{said}");
    let tuesday = rows(&folder, "a.dry", "points");
    change("9");
    folder.done(&["backup", "a.dry", "wednesday.patch", "--since", "tuesday.patch"]);

    let said = folder.refused(2, &["apply", "wednesday.patch", "monday.dry"]);
    assert!(said.contains("in order"), "{said}");
    let said = folder.done(&["apply", "tuesday.patch", "monday.dry"]);
    assert!(said.ends_with("now, 1 rows put in, 1 removed\n"), "{said}");
    assert_eq!(rows(&folder, "monday.dry", "points"), tuesday);
    assert!(folder.done(&["apply", "tuesday.patch", "monday.dry"]).contains("already"));
    folder.done(&["apply", "wednesday.patch", "monday.dry"]);
    assert_eq!(folder.done(&["diff", "monday.dry", "a.dry"]), "");
    folder.done(&["check", "monday.dry"]);

    assert!(
        folder.refused(2, &["backup", "a.dry", "tuesday.patch", "--since", "monday.dry"]).contains("exists")
    );
    folder.refused(2, &["backup", "a.dry", "x.patch", "--since", "nothing"]);
    folder.refused(2, &["backup", "a.dry", "x.patch", "--since", "a.csv"]);
    folder.refused(2, &["apply", "a.csv", "monday.dry"]);
    let mut patch = std::fs::read(folder.path("wednesday.patch")).unwrap();
    patch.truncate(patch.len() - 9);
    folder.file("short.patch", patch);
    assert!(folder.refused(2, &["apply", "short.patch", "monday.dry"]).contains("cut off"));
    assert!(!folder.path("x.patch").exists());
}

#[test]
fn a_killed_backup_or_apply_leaves_the_older_state() {
    let folder = Folder::new();
    let lines = |x: u32| -> String { (0..200_000_u32).map(|n| format!("{n},{}\n", n % 7 + x)).collect() };
    folder.file("a.csv", format!("id,x\n{}", lines(0)));
    folder.file("b.csv", format!("id,x\n{}", lines(1)));
    folder.done(&["load", "a.dry", "points", "a.csv", "--schema", "id: u32 key, x: i16"]);
    folder.done(&["index", "a.dry", "create", "points", "by_x", "x"]);
    folder.done(&["backup", "a.dry", "copy.dry"]);
    let before = rows(&folder, "copy.dry", "points");
    folder.done(&["load", "a.dry", "points", "b.csv", "--on-duplicate", "last"]);
    let after = rows(&folder, "a.dry", "points");
    let killed = |arguments: &[&str], wait: Duration| {
        let mut command = folder.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(wait);
        child.kill().unwrap();
        child.wait().unwrap();
    };
    let patch = ["backup", "a.dry", "1.patch", "--since", "copy.dry"];
    for wait in 0..8 {
        killed(&patch, Duration::from_millis(wait * 10));
        if folder.path("1.patch").exists() {
            // It has its name only when it is whole.
            break;
        }
    }
    if !folder.path("1.patch").exists() {
        folder.done(&patch);
    }
    let (mut old, mut new) = (0, 0);
    for wait in 0..12 {
        killed(&["apply", "1.patch", "copy.dry"], Duration::from_millis(wait * 12));
        folder.done(&["check", "copy.dry"]);
        let found = rows(&folder, "copy.dry", "points");
        assert!(found == before || found == after);
        (old, new) = if found == before { (old + 1, new) } else { (old, new + 1) };
    }
    assert!(old > 0, "{old} times the older state, {new} times the newer one");
    folder.done(&["apply", "1.patch", "copy.dry"]);
    assert_eq!(rows(&folder, "copy.dry", "points"), after);
}

#[test]
fn copy_takes_a_table_to_another_database_or_another_name() {
    let folder = folder();
    let points = rows(&folder, "a.dry", "points");
    let said = folder.done(&["copy", "a.dry", "points", "b.dry"]);
    assert_eq!(said, "table \"points\" in b.dry: 19,997 rows\n");
    assert_eq!(rows(&folder, "b.dry", "points"), points);
    folder.done(&["copy", "a.dry", "points", "a.dry", "old points"]);
    folder.done(&["copy", "a.dry", "old points", "./b.dry", "again"]);
    assert_eq!(rows(&folder, "b.dry", "again"), points);
    assert!(folder.refused(2, &["copy", "a.dry", "points", "a.dry"]).contains("there is a table \"points\""));
    assert!(folder.refused(2, &["copy", "a.dry", "nothing", "c.dry"]).contains("\"nothing\""));
    assert!(!folder.path("c.dry").exists());
    folder.done(&["check", "a.dry"]);
    folder.done(&["check", "b.dry"]);
}

#[test]
fn diff_shows_rows_that_were_added_removed_and_changed() {
    let folder = folder();
    folder.done(&["backup", "a.dry", "old.dry"]);
    assert_eq!(folder.done(&["diff", "old.dry", "a.dry"]), "");
    folder.done(&["set", "a.dry", "points", "7", "x=-3"]);
    folder.done(&["remove", "a.dry", "points", "8"]);
    folder.done(&["set", "a.dry", "numbers", "4", "x=8"]);
    folder.file("b.csv", "id,x\n50000,1\n");
    folder.done(&["load", "a.dry", "points", "b.csv"]);
    folder.done(&["load", "a.dry", "more", "b.csv", "--schema", "id: u32, x: u8"]);
    let ran = folder.run(&["diff", "old.dry", "a.dry"]);
    assert_eq!((ran.code, &*ran.stderr), (1, ""));
    assert_eq!(
        ran.stdout,
        "table \"more\": only in NEW, 1 row: id: u32, x: u8\n\
         ~ row 4  x: 4 → 8\n\
         table \"numbers\": 0 added, 0 removed, 1 changed; 20,000 rows before, 20,000 rows now\n\
         ~ (7)  x: 0 → -3\n\
         - (8)  x: 1\n\
         + (50000)  x: 1\n\
         table \"points\": 1 added, 1 removed, 1 changed; 19,997 rows before, 19,997 rows now\n"
    );
    let ran =
        folder.run(&["diff", "a.dry", "old.dry", "--table", "points", "--limit", "1", "--format", "json"]);
    assert_eq!(ran.code, 1);
    let line = "{\"table\":\"points\",\"change\":\"changed\",\"number\":6,\"old\":{\"id\":7,\"x\":-3},\"new\":{\"id\":7,\"x\":0}}\n";
    assert_eq!(ran.stdout, line);
    let ran = folder.run(&["diff", "a.dry", "old.dry", "--table", "points", "--limit", "0"]);
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:?}");
    folder.refused(2, &["diff", "a.dry", "old.dry", "--table", "nothing"]);
    folder.refused(2, &["diff", "a.dry", "nothing.dry"]);
    assert_eq!(folder.done(&["diff", "a.dry", "a.dry"]), "");
}
