//! `drystone info`, `check` and `completions`.

use crate::Folder;

fn folder() -> Folder {
    let folder = Folder::new();
    let lines: String = (0..5000).map(|n| format!("{n},{}\n", n % 7)).collect();
    folder.file("a.csv", format!("id,x\n{lines}"));
    folder.done(&["load", "a.dry", "points", "a.csv", "--schema", "id: u32 key, x: i16? = 5"]);
    folder.done(&["load", "a.dry", "numbers", "a.csv", "--schema", "id: u16, x: u8"]);
    folder
}

#[test]
fn info_lists_tables_and_shows_a_schema_with_its_offsets() {
    let folder = folder();
    let info = folder.done(&["info", "a.dry"]);
    let size = std::fs::metadata(folder.path("a.dry")).unwrap().len();
    assert!(info.replace(',', "").contains(&format!("({size} bytes)")), "{size} bytes: {info}");
    let line = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("points")[..3], ["points", "5,000", "6"]);
    assert_eq!(line("points").last().unwrap(), "id");
    assert_eq!(line("numbers")[..3], ["numbers", "5,000", "3"]);

    let info = folder.done(&["info", "a.dry", "points"]);
    assert!(info.starts_with("table \"points\": id: u32 key, x: i16? = 5\n"), "{info}");
    assert!(info.contains("     0      4  id     u32   key\n"), "{info}");
    assert!(info.contains("     4      2  x      i16?  default 5\n"), "{info}");
    assert!(info.contains("rows         5,000\n"), "{info}");
    folder.refused(2, &["info", "a.dry", "lines"]);
}

#[test]
fn indexes_are_made_listed_used_and_dropped() {
    let folder = folder();
    folder.done(&["index", "a.dry", "create", "points", "by_x", "x"]);
    folder.done(&["index", "a.dry", "create", "numbers", "by_id", "id", "--unique"]);
    let refused = folder.refused(2, &["index", "a.dry", "create", "numbers", "twice", "x", "--unique"]);
    assert!(refused.contains("index \"twice\" is unique, and two rows have (0) in it"), "{refused}");
    let line = |listed: &str, name: &str| {
        let line = listed.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{listed}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let listed = folder.done(&["index", "a.dry", "list"]);
    assert_eq!(line(&listed, "by_x")[..6], ["by_x", "points", "x", "no", "5,000", "6"]);
    assert_eq!(line(&listed, "by_id")[..6], ["by_id", "numbers", "id", "yes", "5,000", "10"]);
    for info in [&["info", "a.dry"][..], &["info", "a.dry", "points"]] {
        assert_eq!(line(&folder.done(info), "by_x")[..4], ["by_x", "points", "x", "no"]);
    }
    // Rows that are loaded later are in the index too, and a query finds them there.
    folder.file("b.csv", "id,x\n7000,1000\n").done(&["load", "a.dry", "points", "b.csv"]);
    let found = folder.done(&["query", "a.dry", "points", "--where", "x = 1000", "--format", "csv"]);
    assert_eq!(found, "id,x\n7000,1000\n");
    let plan = folder.done(&["query", "a.dry", "points", "--where", "x = 1000", "--explain"]);
    assert!(plan.contains("index \"by_x\" on x"), "{plan}");
    let checked = folder.done(&["check", "a.dry"]);
    assert!(checked.contains("2 tables, 2 indexes, 10,001 rows"), "{checked}");
    folder.done(&["index", "a.dry", "drop", "points", "by_x"]);
    assert!(!folder.done(&["index", "a.dry", "list"]).contains("by_x"));
    folder.refused(2, &["index", "a.dry", "drop", "points", "by_x"]);
}

#[test]
fn check_tells_sound_from_damaged_from_what_is_no_database() {
    let folder = folder();
    let said = folder.done(&["check", "a.dry"]);
    assert!(said.contains("a.dry: sound; 2 tables, 10,000 rows"), "{said}");

    let mut bytes = std::fs::read(folder.path("a.dry")).unwrap();
    // Damage in the rows of one of the two tables.
    let at = bytes.windows(6).position(|six| six == [0x39, 5, 0, 0, 0, 0]).unwrap();
    bytes[at + 4] ^= 1;
    let ran = folder.file("b.dry", &bytes).run(&["check", "b.dry"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("table \"points\"") && ran.stdout.contains("page "), "{ran:?}");
    assert!(ran.stdout.contains("b.dry: 1 problem"), "{ran:?}");
    // Reading the damaged rows is an error, never a wrong answer.
    let ran = folder.run(&["scan", "b.dry", "points", "--format", "csv"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("checksum"), "{ran:?}");

    // One damaged part does not hide another: both tables, and a meta page.
    let other = bytes.windows(6).position(|six| six == [0x39, 5, 0, 0x3A, 5, 1]).unwrap();
    bytes[other + 2] ^= 1;
    // Only the seal of the last commit is left.
    let meta = usize::from(bytes[12] == 1);
    bytes[meta * 4096 + 60] ^= 1;
    let ran = folder.file("both.dry", &bytes).run(&["check", "both.dry"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{ran:?}");
    assert!(lines[0].starts_with(&format!("page {meta}: the meta page")), "{ran:?}");
    assert!(lines[1].starts_with("table \"numbers\": page "), "{ran:?}");
    assert!(lines[2].starts_with("table \"points\": page "), "{ran:?}");
    assert!(lines[3].starts_with("both.dry: 3 problems; 2 tables"), "{ran:?}");

    let cut = folder.file("cut.dry", &bytes[..bytes.len() / 2]).run(&["check", "cut.dry"]);
    assert_eq!(cut.code, 1, "{cut:?}");
    let empty = folder.file("empty.dry", "").run(&["check", "empty.dry"]);
    assert_eq!(empty.code, 1, "{empty:?}");
    folder.file("text.dry", "no database\n".repeat(1000)).refused(2, &["check", "text.dry"]);
    folder.refused(2, &["check", "nothing.dry"]);
    folder.refused(2, &["check", "."]);
    assert!(!folder.path("nothing.dry").exists());
}

#[test]
fn completions_are_there_for_each_shell() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.done(&["completions", shell]);
        assert!(script.contains("drystone") && script.contains("skip-bad"), "{shell}");
    }
    folder.refused(2, &["completions", "tcl"]);
}

#[test]
fn salvage_brings_over_what_holds_and_lists_what_is_lost() {
    let folder = folder();
    let before = folder.done(&["scan", "a.dry", "points", "--format", "csv"]);
    let said = folder.done(&["salvage", "a.dry", "whole.dry"]);
    assert!(said.contains("10,000 rows in 2 tables rescued, nothing lost"), "{said}");
    assert_eq!(folder.done(&["scan", "whole.dry", "points", "--format", "csv"]), before);
    folder.refused(2, &["salvage", "a.dry", "whole.dry"]);

    let mut bytes = std::fs::read(folder.path("a.dry")).unwrap();
    let at = bytes.windows(6).position(|six| six == [0x39, 5, 0, 0, 0, 0]).unwrap();
    bytes[at + 4] ^= 1;
    let ran = folder.file("b.dry", &bytes).run(&["salvage", "b.dry", "rest.dry"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stdout.contains("table \"points\": lost ") && ran.stdout.contains(", before key ("),
        "{ran:?}"
    );
    folder.done(&["check", "rest.dry"]);
    // Every rescued row is an old one, and the lost rows are side by side.
    let rest = folder.done(&["scan", "rest.dry", "points", "--format", "csv"]);
    let old: Vec<&str> = before.lines().collect();
    let rest: Vec<&str> = rest.lines().collect();
    let kept = old.iter().zip(&rest).take_while(|(old, new)| old == new).count();
    let behind = rest.len() - kept;
    assert!(rest.len() < old.len() && rest.len() > old.len() / 2, "{} of {}", rest.len(), old.len());
    assert_eq!(rest[kept..], old[old.len() - behind..]);
    assert_eq!(folder.done(&["scan", "rest.dry", "numbers", "--format", "csv"]).lines().count(), 5001);
}
