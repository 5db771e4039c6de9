//! The command `drystone-sql`, as a process.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use drystone::Dyn;

use crate::data::{create, flights, folder, open, shards};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_drystone-sql")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn rows_come_in_every_format() {
    let db = flights();
    let (db, sql) = (
        path(db.path().unwrap()),
        "SELECT origin, count(*) AS n FROM flights GROUP BY origin ORDER BY origin",
    );
    let table = said(&run(&[db, sql]));
    assert!(table.contains("| EWR    | 120835 |") && table.ends_with("3 rows\n"), "{table}");
    assert_eq!(said(&run(&[db, sql, "--format", "csv"])), "origin,n\nEWR,120835\nJFK,111279\nLGA,104662\n");
    let json = said(&run(&[path(&shards()), sql, "--format", "json"]));
    assert_eq!(json.lines().next(), Some("{\"origin\":\"EWR\",\"n\":120835}"));
    let none = said(&run(&[db, "SELECT origin, dest FROM flights WHERE dest = 'XXX'", "--format", "csv"]));
    assert_eq!(none, "origin,dest\n");
    for name in ["out.arrows", "out.parquet", "out.csv", "out.jsonl"] {
        let file = folder().join(name);
        assert_eq!(said(&run(&[db, sql, "--output", path(&file)])), "");
        assert!(file.metadata().unwrap().len() > 40, "{name}");
    }
    let error = run(&[db, sql, "--output", path(&folder().join("out.xyz"))]);
    assert_eq!(error.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&error.stderr).contains("--format"));
}

#[test]
fn a_file_keeps_its_mode_and_a_link_is_followed() {
    let db = flights();
    let (db, sql) = (path(db.path().unwrap()), "SELECT 7 AS x");
    let (file, link) = (folder().join("kept.csv"), folder().join("link.csv"));
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    said(&run(&[db, sql, "--output", path(&link)]));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n7\n");
    assert!(link.is_symlink());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_signal_leaves_nothing_behind() {
    let db = flights();
    let empty = folder().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let files = || std::fs::read_dir(&empty).unwrap().count();
    let mut command = Command::new(env!("CARGO_BIN_EXE_drystone-sql"));
    let endless = "SELECT value FROM generate_series(1, 4000000000)";
    command.arg(db.path().unwrap()).args([endless, "--output", path(&empty.join("out.csv"))]);
    let mut process = command.stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while files() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing is written");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").arg(process.id().to_string()).status().unwrap().success());
    assert_eq!(process.wait().unwrap().code(), Some(2));
    assert_eq!(files(), 0);
}

#[test]
fn statements_come_from_a_pipe() {
    let db = flights();
    let mut command = Command::new(env!("CARGO_BIN_EXE_drystone-sql"));
    command.arg(db.path().unwrap()).args(["--format", "csv"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let sql = "SELECT count(*) AS n FROM flights;\nSELECT ';' AS text, -- a comment;\n 1 AS one;\n";
    process.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    assert_eq!(said(&process.wait_with_output().unwrap()), "n\n336776\ntext,one\n;,1\n");
}

#[test]
fn a_database_is_changed_only_when_asked() {
    let file = folder().join("points.dry");
    {
        // The file is closed before the command opens it.
        let db = create(&file);
        db.update(|tx| tx.create_dyn_table("points", &"x: i32 key, y: i32".parse()?).map(drop)).unwrap();
    }
    let insert = "INSERT INTO points VALUES (1, 2), (3, 4)";
    let refused = run(&[path(&file), insert]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--write"), "{refused:?}");
    said(&run(&[path(&file), "--write", insert]));
    said(&run(&[path(&file), "--write", "CREATE TABLE sums AS SELECT x + y AS sum FROM points"]));
    assert_eq!(said(&run(&[path(&file), "SELECT sum(sum) AS sum FROM sums", "-f", "csv"])), "sum\n10\n");
    assert_eq!(open(&file).unwrap().table::<Dyn>("sums").unwrap().len(), 2);
}

#[test]
fn mistakes_are_named() {
    let db = flights();
    let db = path(db.path().unwrap());
    for (arguments, why) in [
        (&["no-such.dry", "SELECT 1"][..], "no-such.dry"),
        (&[db, "SELEC 1"], "SELEC"),
        (&[db, "SELECT carier FROM flights"], "carrier"),
        (&[db, ""], "statement"),
        (&[path(folder()), "SELECT 1"], "shards.txt"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.starts_with("error: ") && error.contains(why), "{arguments:?}: {error}");
    }
}
