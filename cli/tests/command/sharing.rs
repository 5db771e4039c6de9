//! `drystone info` while other processes have the database open.

use drystone::Database;

use crate::Folder;

#[test]
#[expect(unsafe_code, reason = "opening a mapped file is unsafe")]
fn info_lists_readers_with_their_age_and_what_they_keep() {
    let folder = Folder::new();
    folder.file("points.csv", "id,x\n1,10\n2,20\n");
    folder.done(&["load", "x.dry", "points", "points.csv", "--infer", "--key", "id"]);
    assert!(
        !folder.done(&["info", "x.dry"]).contains("reader"),
        "only readers other than the command itself count"
    );
    // SAFETY: only this test and the command that it runs use the file.
    let db = unsafe { Database::open(folder.path("x.dry")).unwrap() };
    let held = db.read().unwrap();
    let process = format!("process {}", std::process::id());
    let line = |folder: &Folder| {
        let shown = folder.done(&["info", "x.dry"]);
        shown
            .lines()
            .find(|line| line.contains(&process))
            .map(str::to_owned)
            .unwrap_or_else(|| panic!("{shown}"))
    };
    let now = line(&folder);
    assert!(now.contains("second") && now.trim_end().ends_with(" 0"), "{now}");
    folder.done(&["remove", "x.dry", "points", "1"]);
    let later = line(&folder);
    assert!(!later.trim_end().ends_with(" 0"), "{later}");
    drop(held);
    assert!(!folder.done(&["info", "x.dry"]).contains("reader"));
}
