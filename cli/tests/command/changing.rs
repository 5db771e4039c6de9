//! `drystone remove` and `set` for many rows, `--dry-run`, and commands that wait for a writer.

use std::time::{Duration, Instant};

use drystone::Database;

use crate::{Folder, Ran};

/// A table with a key, `k`, and one without, `n`.
fn folder() -> Folder {
    let folder = Folder::new();
    let lines: String = (0..10).map(|n| format!("{},{n},{}\n", n / 4, n * n)).collect();
    folder.file("a.csv", format!("day,id,n\n{lines}"));
    folder.done(&["load", "a.dry", "k", "a.csv", "--schema", "day: u8 key, id: u8 key, n: u8?"]);
    folder.done(&["load", "a.dry", "n", "a.csv", "--schema", "day: u8, id: u8, n: u8?"]);
    folder
}

/// The ids in a table.
fn ids(folder: &Folder, table: &str) -> String {
    let text = folder.done(&["scan", "a.dry", table, "--select", "id", "--format", "csv"]);
    text.lines().skip(1).collect::<Vec<_>>().join(" ")
}

#[test]
fn remove_takes_a_condition_or_a_range() {
    for (table, arguments, said, left) in [
        ("k", &["--where", "n > 15 and id != 9"][..], "5 rows removed; 5 left\n", "0 1 2 3 9"),
        ("n", &["--where", "n > 15 and id != 9"], "5 rows removed; 5 left\n", "0 1 2 3 9"),
        ("k", &["--where", "n = 200"], "0 rows removed; 10 left\n", "0 1 2 3 4 5 6 7 8 9"),
        ("k", &["--from", "1"], "6 rows removed; 4 left\n", "0 1 2 3"),
        ("k", &["--from", "1", "6"], "4 rows removed; 6 left\n", "0 1 2 3 4 5"),
        ("k", &["--to", "1"], "8 rows removed; 2 left\n", "8 9"),
        ("k", &["--from", "0", "2", "--to", "1", "5"], "4 rows removed; 6 left\n", "0 1 6 7 8 9"),
        ("k", &["--from", "2", "9", "--to", "2", "9"], "1 row removed; 9 left\n", "0 1 2 3 4 5 6 7 8"),
        ("n", &["--from", "3", "--to", "7"], "5 rows removed; 5 left\n", "0 1 2 8 9"),
        ("n", &["--from", "8"], "2 rows removed; 8 left\n", "0 1 2 3 4 5 6 7"),
        ("n", &["--to", "0"], "1 row removed; 9 left\n", "1 2 3 4 5 6 7 8 9"),
        ("n", &["--from", "70"], "0 rows removed; 10 left\n", "0 1 2 3 4 5 6 7 8 9"),
    ] {
        let folder = folder();
        let remove = [&["remove", "a.dry", table], arguments].concat();
        // A dry run counts the same rows, and needs no right to write.
        let would = said.split(" removed").next().unwrap().to_owned() + " would be removed of 10\n";
        assert_eq!(folder.done(&[&remove[..], &["--dry-run"]].concat()), would, "{arguments:?}");
        assert_eq!(ids(&folder, table), "0 1 2 3 4 5 6 7 8 9");
        assert_eq!(folder.done(&remove), said, "{arguments:?}");
        assert_eq!(ids(&folder, table), left, "{arguments:?}");
        assert!(folder.done(&["check", "a.dry"]).contains("sound"));
    }
    let folder = folder();
    assert_eq!(
        folder.done(&["remove", "a.dry", "k", "1", "5", "--dry-run"]),
        "1 row would be removed of 10\n"
    );
    folder.refused(1, &["remove", "a.dry", "k", "1", "9", "--dry-run"]);
    assert_eq!(ids(&folder, "k"), "0 1 2 3 4 5 6 7 8 9");
}

#[test]
fn set_takes_a_condition() {
    let folder = folder();
    let set = ["set", "a.dry", "k", "--where", "id between 2 and 4", "n=7"];
    let n = |folder: &Folder| {
        let text = folder.done(&["scan", "a.dry", "k", "--select", "n", "--format", "csv"]);
        text.lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(folder.done(&[&set[..], &["--dry-run"]].concat()), "3 rows would be set of 10\n");
    assert_eq!(n(&folder), "0 1 4 9 16 25 36 49 64 81");
    assert_eq!(folder.done(&set), "3 rows set of 10\n");
    assert_eq!(n(&folder), "0 1 7 7 7 25 36 49 64 81");
    assert_eq!(folder.done(&["set", "a.dry", "k", "n=", "--where", "n = 7"]), "3 rows set of 10\n");
    assert_eq!(n(&folder), "0 1 \"\" \"\" \"\" 25 36 49 64 81");
    assert_eq!(
        folder.done(&["set", "a.dry", "k", "0", "0", "n=9", "--dry-run"]),
        "1 row would be set of 10\n"
    );
    folder.done(&["set", "a.dry", "k", "0", "0", "n=9"]);
    // A dry run finds what would be refused.
    folder.done(&["index", "a.dry", "create", "k", "by_n", "n", "--unique"]);
    for more in [&[][..], &["--dry-run"]] {
        let said = folder.refused(2, &[&["set", "a.dry", "k", "--where", "id > 6", "n=3"], more].concat());
        assert!(said.contains("by_n"), "{said}");
    }
    assert!(folder.done(&["check", "a.dry"]).contains("sound"));
}

#[test]
fn wrong_use_is_named() {
    let folder = folder();
    for (wrong, because) in [
        (&["remove", "a.dry", "k"][..], "required"),
        (&["remove", "a.dry", "k", "1", "5", "--where", "n = 1"], "cannot be used with"),
        (&["remove", "a.dry", "k", "--where", "n = 1", "--from", "1"], "cannot be used with"),
        (&["remove", "a.dry", "k", "--where", "n = "], "--where"),
        (&["remove", "a.dry", "k", "--where", "m = 1"], "no field \"m\""),
        (&["remove", "a.dry", "k", "--from", "300"], "out of range"),
        (&["set", "a.dry", "k", "--where", "n = 1"], "required"),
        (&["set", "a.dry", "k", "--where", "n = 1", "id=3"], "field \"id\" is part of the key"),
        (&["set", "a.dry", "k", "--where", "n = 1", "5"], "\"5\" is not FIELD=VALUE"),
        (
            &["set", "a.dry", "k", "--where", "n = 1", "n=1", "--wait", "soon"],
            "a number of seconds is expected",
        ),
    ] {
        let said = folder.refused(2, wrong);
        assert!(said.contains(because), "{because:?} is not in {said}");
    }
    assert_eq!(ids(&folder, "k"), "0 1 2 3 4 5 6 7 8 9");
}

#[expect(unsafe_code, reason = "opening a mapped file is unsafe")]
fn open(folder: &Folder) -> Database {
    // SAFETY: only this test and the commands that it runs use the file.
    unsafe { Database::open(folder.path("a.dry")).unwrap() }
}

fn name_of_this_process() -> String {
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    // The name of a process is that of its main thread.
    let main = std::fs::read_to_string(format!("/proc/{}/comm", std::process::id())).unwrap_or(name);
    format!("process {} ({})", std::process::id(), main.trim_end())
}

#[test]
fn a_command_that_waits_says_for_which_process() {
    let folder = folder();
    let db = open(&folder);
    let expected = format!("waiting for {}, which is writing the database\n", name_of_this_process());
    for arguments in [
        &["set", "a.dry", "k", "1", "5", "n=6"][..],
        &["remove", "a.dry", "k", "--where", "n = 6"],
        &["alter", "a.dry", "k", "append", "m: u8?"],
        &["index", "a.dry", "create", "k", "by_n", "n"],
        &["index", "a.dry", "drop", "k", "by_n"],
        &["load", "a.dry", "n", "a.csv"],
        &["copy", "a.dry", "k", "a.dry", "c"],
        &["compact", "a.dry"],
    ] {
        let write = db.write().unwrap();
        let ran = std::thread::scope(|scope| {
            let running = scope.spawn(|| folder.run(arguments));
            std::thread::sleep(Duration::from_millis(1300));
            assert!(!running.is_finished(), "{arguments:?}");
            drop(write);
            running.join().unwrap()
        });
        assert_eq!((ran.code, &*ran.stderr), (0, &*expected), "{arguments:?}: {ran:?}");
    }
    // A short wait is silent.
    let write = db.write().unwrap();
    let ran = std::thread::scope(|scope| {
        let running = scope.spawn(|| folder.run(&["set", "a.dry", "k", "0", "1", "n=6"]));
        std::thread::sleep(Duration::from_millis(200));
        drop(write);
        running.join().unwrap()
    });
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
}

#[test]
fn a_wait_has_a_limit() {
    let folder = folder();
    let db = open(&folder);
    let write = db.write().unwrap();
    let who = name_of_this_process();
    for arguments in [
        &["set", "a.dry", "k", "1", "5", "n=6"][..],
        &["compact", "a.dry"],
        &["alter", "a.dry", "k", "append", "m: u8?"],
        &["index", "a.dry", "create", "k", "by_n", "n"],
    ] {
        let since = Instant::now();
        let Ran { code, stderr, .. } = folder.run(&[arguments, &["--wait", "0.2"]].concat());
        assert_eq!(code, 2, "{stderr}");
        let place = folder.path("a.dry").canonicalize().unwrap().display().to_string();
        assert_eq!(stderr, format!("error: {who} is writing {place}, and did not finish within 0.2 s\n"));
        assert!((0.2..5.0).contains(&since.elapsed().as_secs_f64()), "{:?}", since.elapsed());
    }
    let ran = folder.run(&["set", "a.dry", "k", "1", "5", "n=6", "--wait", "1.5"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.starts_with(&format!("waiting for {who}")), "{}", ran.stderr);
    // A dry run of a removal does not wait, and neither does reading.
    folder.done(&["remove", "a.dry", "k", "--where", "n > 3", "--dry-run"]);
    folder.done(&["scan", "a.dry", "k"]);
    drop(write);
    folder.done(&["set", "a.dry", "k", "1", "5", "n=6", "--wait", "0"]);
}
