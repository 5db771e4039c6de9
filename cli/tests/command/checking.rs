//! `info`, `check` and `completions`.

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
fn check_tells_sound_from_damaged_from_what_is_no_database() {
    let folder = folder();
    let said = folder.done(&["check", "a.dry"]);
    assert!(said.contains("a.dry: sound; 2 tables, 10,000 rows"), "{said}");

    let mut bytes = std::fs::read(folder.path("a.dry")).unwrap();
    // Somewhere in the rows of one of the two tables.
    let at = bytes.windows(6).position(|six| six == [0x39, 5, 0, 0, 0, 0]).unwrap();
    bytes[at + 4] ^= 1;
    let ran = folder.file("b.dry", &bytes).run(&["check", "b.dry"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("table \"points\"") && ran.stdout.contains("page "), "{ran:?}");
    assert!(ran.stdout.contains("b.dry: 1 problem"), "{ran:?}");
    // Reading it is an error, and never a wrong answer.
    let ran = folder.run(&["scan", "b.dry", "points", "--format", "csv"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("checksum"), "{ran:?}");

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
