//! `drystone shard` and `drystone merge`, also when they are killed.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::Folder;

const ROWS: u32 = 200_000;

fn folder(rows: u32) -> Folder {
    let folder = Folder::new();
    let lines: String = (0..rows).map(|n| format!("{},{n},{}\n", n / 1_000, n % 7)).collect();
    folder.file("a.csv", format!("day,id,x\n{lines}"));
    folder.done(&["load", "a.dry", "points", "a.csv", "--schema", "day: u16 key, id: u32 key, x: i16"]);
    folder.done(&["index", "a.dry", "create", "points", "by_x", "x"]);
    folder
}

fn rows(folder: &Folder, db: &str, table: &str) -> String {
    folder.done(&["scan", db, table, "--format", "csv"])
}

/// The files in the folder of shards, without lock files and a list that is being written.
fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path("shards")).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|name| !name.ends_with("-lock") && !name.ends_with("-new")).collect();
    names.sort();
    names
}

#[test]
fn a_table_is_cut_and_put_together() {
    let folder = folder(20_000);
    let said = folder.done(&["shard", "a.dry", "points", "shards", "--shards", "3"]);
    assert_eq!(said, "shards: 20,000 rows of table \"points\" in 3 shards by day, id\n");
    assert_eq!(names(&folder), ["points-0000.dry", "points-0001.dry", "points-0002.dry", "shards.txt"]);
    assert!(folder.done(&["info", "shards/points-0001.dry", "points"]).contains("6,667"));
    assert!(folder.done(&["info", "shards/points-0001.dry", "points"]).contains("by_x"));
    let said = folder.done(&["merge", "shards", "b.dry", "all"]);
    assert_eq!(said, "table \"all\" in b.dry: 20,000 rows of 3 shards\n");
    assert_eq!(rows(&folder, "b.dry", "all"), rows(&folder, "a.dry", "points"));
    folder.done(&["check", "b.dry"]);
    assert!(folder.refused(2, &["merge", "shards", "b.dry", "all"]).contains("\"all\""));

    let again = ["shard", "a.dry", "points", "shards", "--by", "day", "--shards", "3"];
    assert!(folder.refused(2, &again).contains("has shards already"));
    let said = folder.done(&[&again[..], &["--replace"]].concat());
    assert_eq!(said, "shards: 20,000 rows of table \"points\" in 3 shards by day\n");
    assert!(folder.done(&["info", "shards/points-0001.dry", "points"]).contains("6,000"));

    fs::remove_file(folder.path("shards/points-0001.dry")).unwrap();
    let said = folder.refused(2, &["merge", "shards", "c.dry", "all"]);
    assert!(said.contains("points-0001.dry") && said.contains("No such file"), "{said}");
    assert!(!folder.path("c.dry").exists());
    assert!(folder.refused(2, &["merge", "nothing", "c.dry", "all"]).contains("shards.txt"));
    folder.refused(2, &["shard", "a.dry", "points", "new", "--by", "x", "--shards", "3"]);
    folder.refused(2, &["shard", "a.dry", "nothing", "new", "--shards", "3"]);
    folder.refused(2, &["shard", "b.dry", "all", "new", "--shards", "0"]);
    assert!(!folder.path("new").exists());
}

fn start(folder: &Folder, arguments: &[&str]) -> Child {
    let mut command = folder.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// Waits until this holds, for at most a minute, or until the process has ended.
fn wait_for(child: &mut Child, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() && child.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not come to that");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_shard_leaves_whole_shards_and_is_continued() {
    let folder = folder(ROWS);
    let arguments = ["shard", "a.dry", "points", "shards", "--shards", "6"];
    let (mut before, mut kills) = (Vec::new(), 0);
    loop {
        let mut child = start(&folder, &arguments);
        // When there is one more file than the last time; and a moment later, in the middle of the
        // next one.
        wait_for(&mut child, || names(&folder).len() > before.len());
        std::thread::sleep(Duration::from_millis(kills % 3 * 5));
        kill(child);
        kills += 1;
        let after = names(&folder);
        for name in after.iter().filter(|name| name.ends_with(".dry")) {
            folder.done(&["check", &format!("shards/{name}")]);
        }
        if after.contains(&"shards.txt".to_owned()) {
            assert_eq!(after.len(), 7, "{after:?}");
            break;
        }
        assert!(after.iter().any(|name| name == "shards.unfinished") || after.is_empty(), "{after:?}");
        let said = folder.refused(2, &["merge", "shards", "b.dry", "points"]);
        assert!(said.contains("shards.txt"), "{said}");
        // What was there stays.
        assert!(before.iter().all(|name| after.contains(name)), "{before:?}, {after:?}");
        before = after;
        assert!(kills < 1_000, "it makes no progress");
    }
    assert!(kills > 4, "{kills} kills");
    assert!(folder.refused(2, &arguments).contains("has shards already"));
    folder.done(&["merge", "shards", "b.dry", "points"]);
    assert_eq!(rows(&folder, "b.dry", "points"), rows(&folder, "a.dry", "points"));
}

#[test]
fn a_killed_merge_leaves_the_database_as_it_was() {
    let folder = folder(ROWS);
    folder.done(&["shard", "a.dry", "points", "shards", "--shards", "4"]);
    folder.done(&["load", "b.dry", "other", "a.csv", "--infer"]);
    let length = || fs::metadata(folder.path("b.dry")).unwrap().len();
    let before = length();
    for wait in 0..8 {
        let mut child = start(&folder, &["merge", "shards", "b.dry", "points"]);
        // It has begun to write.
        wait_for(&mut child, || wait == 0 || length() > before);
        std::thread::sleep(Duration::from_millis(wait * 7));
        kill(child);
        folder.done(&["check", "b.dry"]);
        if folder.done(&["info", "b.dry"]).contains("points") {
            assert_eq!(rows(&folder, "b.dry", "points"), rows(&folder, "a.dry", "points"));
            folder.done(&["alter", "b.dry", "points", "to", &format!("points {wait}")]);
        }
        assert_eq!(
            folder.done(&["query", "b.dry", "other", "--aggregate", "count", "--format", "csv"]),
            "count\n200000\n"
        );
    }
    folder.done(&["merge", "shards", "b.dry", "points"]);
    assert_eq!(rows(&folder, "b.dry", "points"), rows(&folder, "a.dry", "points"));
    folder.done(&["check", "b.dry"]);
}
