//! Processes that share a database: whole snapshots, no waiting, and every process sees the others.
//!
//! A soak: `DRYSTONE_COMMITS=10000 cargo test --release --test integration sharing -- --nocapture`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use drystone::{Database, Durability, ErrorKind, OpenOptions, ReadTransaction, Record};

use crate::child::{self, OtherProcess};
use crate::kill::times;
use crate::random::Random;
use crate::system;
use crate::temp::{self, TempDb, assert_sound};

const ACCOUNTS: u64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Account {
    #[record(key)]
    id: u64,
    amount: i64,
    /// The commit that changed it last.
    commit: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Count {
    commits: u64,
}

pub(crate) fn fill(db: &Database) {
    let write = db.write().unwrap();
    let mut accounts = write.create_table::<Account>("accounts").unwrap();
    for id in 0..ACCOUNTS {
        accounts.insert(&Account { id, amount: 100, commit: 0 }).unwrap();
    }
    drop(accounts);
    write.create_table::<Count>("count").unwrap().push(&Count { commits: 0 }).unwrap();
    write.commit().unwrap();
}

/// Moves money between some accounts.
pub(crate) fn transfer(db: &Database, commit: u64) {
    let mut write = db.write().unwrap();
    write.set_durability(if commit.is_multiple_of(2) { Durability::Immediate } else { Durability::Eventual });
    let mut numbers = Random::new(commit);
    let mut accounts = write.table::<Account>("accounts").unwrap();
    for _ in 0..4 {
        let amount = (numbers.next() % 50) as i64;
        for change in [-amount, amount] {
            let id = numbers.next() % ACCOUNTS;
            let account = *accounts.get(id).unwrap().unwrap();
            accounts.upsert(&Account { id, amount: account.amount + change, commit }).unwrap();
        }
    }
    drop(accounts);
    write.table::<Count>("count").unwrap().set(0, &Count { commits: commit }).unwrap();
    write.commit().unwrap();
}

/// The number of commits in a snapshot. Every row must agree on it, at any time.
#[track_caller]
pub(crate) fn assert_whole(read: &ReadTransaction) -> u64 {
    let commits = read.table::<Count>("count").unwrap().get(0).unwrap().unwrap().commits;
    let (mut rows, mut sum, mut newest) = (0, 0, 0);
    for account in read.table::<Account>("accounts").unwrap() {
        let account = account.unwrap();
        assert_eq!(account.id, rows);
        rows += 1;
        sum += account.amount;
        newest = newest.max(account.commit);
    }
    assert_eq!((rows, sum), (ACCOUNTS, 100 * ACCOUNTS as i64), "after {commits} commits");
    assert_eq!(newest, commits);
    commits
}

/// In another process: makes as many commits as the parent asks for.
pub(crate) fn transfer_when_asked(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    child::say("ready");
    let mut commit = 0;
    while let Some(asked) = child::listen() {
        for _ in 0..asked.parse::<u64>().unwrap() {
            commit += 1;
            transfer(&db, commit);
        }
        child::say("done");
    }
}

/// In another process: reads new snapshots, and one that it holds for long, until it has seen the
/// last commit.
pub(crate) fn watch_transfers(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    child::say("ready");
    let last: u64 = child::listen().unwrap().parse().unwrap();
    let mut held = db.read().unwrap();
    let mut held_commits = assert_whole(&held);
    let (mut snapshots, mut distinct, mut seen, mut slowest) = (0_u64, 0, 0, Duration::ZERO);
    while seen < last {
        let begin = Instant::now();
        let read = db.read().unwrap();
        slowest = slowest.max(begin.elapsed());
        let commits = assert_whole(&read);
        assert!(commits >= seen, "a snapshot older than one before");
        assert_eq!(assert_whole(&read), commits, "a snapshot changed");
        snapshots += 1;
        distinct += u64::from(commits > seen);
        seen = commits;
        if snapshots % 50 == 0 {
            assert_eq!(assert_whole(&held), held_commits, "a snapshot that is held changed");
            (held, held_commits) = (read, commits);
        }
    }
    child::say(&format!("{snapshots} {distinct} {}", slowest.as_micros()));
}

#[test]
fn readers_in_four_processes_see_whole_snapshots_while_another_commits() {
    let commits = times("DRYSTONE_COMMITS", 400);
    let start = Instant::now();
    let temp = TempDb::new();
    fill(&temp.open());
    let mut readers: Vec<OtherProcess> =
        (0..4).map(|_| OtherProcess::start("watch_transfers", temp.path())).collect();
    for reader in &mut readers {
        assert_eq!(reader.hear(), "ready");
        reader.tell(&commits.to_string());
    }
    let mut writer = OtherProcess::start("transfer_when_asked", temp.path());
    assert_eq!(writer.hear(), "ready");
    writer.tell(&commits.to_string());
    assert_eq!(writer.hear(), "done");
    let seconds = start.elapsed().as_secs_f64();
    for (number, reader) in (1..).zip(&mut readers) {
        let said = reader.hear();
        let figures: Vec<u64> = said.split(' ').map(|figure| figure.parse().unwrap()).collect();
        println!(
            "reader {number}: {} snapshots of {} states, each whole and the same twice; the slowest to begin took {} us",
            figures[0], figures[1], figures[2]
        );
        assert!(figures[1] > 1);
    }
    println!("{commits} commits in {seconds:.1} s; the file has {} bytes", temp.file_bytes());
    drop(readers);
    let db = temp.open();
    assert_eq!(assert_whole(&db.read().unwrap()), commits);
    assert!(db.readers().unwrap().is_empty());
    assert_sound(&db);
}

#[test]
fn a_writer_that_stands_still_holds_no_reader_up() {
    let temp = TempDb::new();
    fill(&temp.open());
    let db = temp.open();
    let mut writer = OtherProcess::start("transfer_when_asked", temp.path());
    assert_eq!(writer.hear(), "ready");
    writer.tell("1000000");
    let mut numbers = Random::new(1);
    for _ in 0..60 {
        std::thread::sleep(Duration::from_micros(numbers.next() % 8000));
        writer.signal("STOP");
        // Wherever the writer is stopped: existing readers and new ones see the newest state at
        // once.
        let begin = Instant::now();
        let commits = assert_whole(&db.read().unwrap());
        let newcomer = OtherProcess::start("read_once", temp.path()).hear();
        assert!(newcomer.parse::<u64>().unwrap() >= commits);
        assert!(begin.elapsed() < Duration::from_secs(10));
        writer.signal("CONT");
    }
}

/// In another process: one look.
pub(crate) fn read_once(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    let commits = assert_whole(&db.read().unwrap());
    child::say(&commits.to_string());
    child::listen();
}

#[test]
fn a_commit_is_in_the_next_snapshot_of_every_process() {
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db);
    let mut writer = OtherProcess::start("transfer_when_asked", temp.path());
    assert_eq!(writer.hear(), "ready");
    for commits in 1..100 {
        assert_eq!(writer.ask("1"), "done");
        assert_eq!(assert_whole(&db.read().unwrap()), commits);
    }
}

#[test]
fn a_process_that_ends_does_not_take_back_what_others_committed_meanwhile() {
    // Their commits end in the one meta page or in the other.
    for others in [1, 2, 3] {
        let temp = TempDb::new();
        fill(&temp.open());
        let mut other = OtherProcess::start("transfer_when_asked", temp.path());
        assert_eq!(other.hear(), "ready");
        let db = temp::open(temp.path(), &OpenOptions::new().durability(Durability::Eventual)).unwrap();
        // Not synced yet, so that the end of this process would sync and seal it.
        let write = db.write().unwrap();
        write.create_table::<Count>("unsynced").unwrap();
        write.commit().unwrap();
        assert_eq!(other.ask(&others.to_string()), "done");
        drop(db);
        drop(other);
        let db = temp.open();
        assert_eq!(assert_whole(&db.read().unwrap()), others);
        assert_sound(&db);
    }
}

#[test]
fn an_old_snapshot_keeps_its_pages_and_nothing_else() {
    let temp = TempDb::new();
    fill(&temp.open());
    let db = temp.open();
    let one_state = temp.file_bytes();
    let held = db.read().unwrap();
    let reader = db.readers().unwrap()[0];
    assert_eq!(db.held_bytes(&reader).unwrap(), 0);
    // A sequence of writers, so that each derives the free space again, around the snapshot that is
    // held here.
    let mut sizes = Vec::new();
    for _ in 0..4 {
        let mut writer = OtherProcess::start("transfer_when_asked", temp.path());
        assert_eq!(writer.hear(), "ready");
        assert_eq!(writer.ask("300"), "done");
        sizes.push(temp.file_bytes());
    }
    assert_whole(&held);
    let kept = db.held_bytes(&reader).unwrap();
    assert!(kept > 0 && kept <= one_state, "{kept} of {one_state} bytes");
    let expected = 2 * one_state + (64 << 10);
    assert!(sizes.iter().all(|size| *size <= expected), "{sizes:?}, and a state has {one_state}");
    drop(held);
    assert_eq!(db.held_bytes(&reader).unwrap(), 0);
}

#[test]
fn what_a_reader_elsewhere_keeps_can_be_asked_for() {
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db);
    let mut reader = OtherProcess::start("hold_until_told", temp.path());
    assert_eq!(reader.hear(), "held");
    for commit in 1..50 {
        transfer(&db, commit);
    }
    let found = db.readers().unwrap();
    assert_eq!(found.len(), 1);
    assert!(db.held_bytes(&found[0]).unwrap() > 0);
    assert_eq!(db.readers().unwrap().len(), 1, "asking left a snapshot behind");
    reader.kill();
    assert_eq!(db.held_bytes(&found[0]).unwrap(), 0);
}

/// In another process: holds a snapshot until the parent sends a line.
pub(crate) fn hold_until_told(path: &Path) {
    let options = OpenOptions::new().read_only(std::env::var_os("DRYSTONE_TEST_READ_ONLY").is_some());
    match temp::open(path, &options) {
        Ok(db) => {
            let held = db.read().unwrap();
            assert_whole(&held);
            child::say("held");
            child::listen();
            assert_whole(&held);
            child::say("still whole");
        }
        Err(error) => child::say(&format!("{:?}: {error}", error.kind())),
    }
}

#[test]
fn a_hard_link_in_another_process_is_refused_while_the_file_is_open() {
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db);
    let link = temp.folder().join("other.dry");
    std::fs::hard_link(temp.path(), &link).unwrap();
    let said = OtherProcess::start("hold_until_told", &link).hear();
    assert!(said.starts_with("Usage") && said.contains("hard link"), "{said}");
    // A symbolic link leads to the same lock file.
    let soft = temp.folder().join("soft.dry");
    std::os::unix::fs::symlink(temp.path(), &soft).unwrap();
    assert_eq!(OtherProcess::start("hold_until_told", &soft).hear(), "held");
    drop(db);
    assert_eq!(OtherProcess::start("hold_until_told", &link).hear(), "held");
}

#[test]
fn deleting_the_lock_file_or_moving_another_over_the_database_keeps_newcomers_out() {
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db);
    let lock = lock_of(&temp);
    std::fs::rename(&lock, temp.folder().join("away")).unwrap();
    let said = OtherProcess::start("hold_until_told", temp.path()).hear();
    assert!(said.starts_with("Usage") && said.contains("lock file"), "{said}");
    std::fs::rename(temp.folder().join("away"), &lock).unwrap();
    assert_eq!(OtherProcess::start("hold_until_told", temp.path()).hear(), "held");

    // A copy has the same id, and is not the file that others have open.
    let copy = temp.folder().join("copy");
    std::fs::copy(temp.path(), &copy).unwrap();
    std::fs::rename(&copy, temp.path()).unwrap();
    let said = OtherProcess::start("hold_until_told", temp.path()).hear();
    assert!(said.starts_with("Usage") && said.contains("another database"), "{said}");
}

fn lock_of(temp: &TempDb) -> PathBuf {
    temp.folder().join("test.dry-lock")
}

/// A user without rights. By custom this is the number of the user `nobody`; it need not exist.
const NOBODY: u32 = 65_534;

fn as_nobody(path: &Path) -> OtherProcess {
    OtherProcess::start_with("hold_until_told", path, |command| {
        use std::os::unix::process::CommandExt;
        command.uid(NOBODY).gid(NOBODY).env("DRYSTONE_TEST_READ_ONLY", "1");
    })
}

/// Whether other users' processes can be started, and can run this test binary.
fn can_be_nobody() -> bool {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(std::env::current_exe().unwrap());
    let can =
        command.arg("--list").uid(NOBODY).gid(NOBODY).output().is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("left out: processes of other users cannot be started here");
    }
    can
}

#[test]
fn a_reader_without_rights_to_the_lock_file_and_a_writer_keep_each_other_out() {
    if !can_be_nobody() {
        return;
    }
    let temp = TempDb::new();
    let db = temp::open(temp.path(), &OpenOptions::new().mode(0o644)).unwrap();
    fill(&db);
    std::fs::set_permissions(temp.folder(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(lock_of(&temp), PermissionsExt::from_mode(0o600)).unwrap();
    // The writer could use pages again that such a reader looks at.
    let said = as_nobody(temp.path()).hear();
    assert!(said.starts_with("Busy") && said.contains("test.dry-lock"), "{said}");
    drop(db);
    let mut reader = as_nobody(temp.path());
    assert_eq!(reader.hear(), "held");
    let error = temp.try_open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("lock file"), "{error}");
    // Who only reads is no danger.
    let other = temp::open(temp.path(), &OpenOptions::new().read_only(true)).unwrap();
    assert_whole(&other.read().unwrap());
    drop(other);
    assert_eq!(reader.ask("on"), "still whole");
    drop(reader);
    temp.try_open().unwrap();
}

#[test]
fn a_file_or_folder_without_the_right_to_write_can_be_read_only() {
    if !can_be_nobody() {
        return;
    }
    let temp = TempDb::new();
    fill(&temp::open(temp.path(), &OpenOptions::new().mode(0o644)).unwrap());
    std::fs::set_permissions(temp.folder(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::remove_file(lock_of(&temp)).unwrap();
    assert_eq!(as_nobody(temp.path()).hear(), "held");
    assert!(!lock_of(&temp).exists());
}

#[test]
fn a_read_only_mount_can_be_read_and_sees_writers() {
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db);
    let Some(mount) = system::Mount::read_only(temp.folder()) else { return };
    let path = mount.path().join("test.dry");
    let read_only = |path: &Path| {
        OtherProcess::start_with("hold_until_told", path, |command| {
            command.env("DRYSTONE_TEST_READ_ONLY", "1");
        })
    };
    assert!(OtherProcess::start("hold_until_told", &path).hear().starts_with("Io"));
    // The same file is open for writing by its other path.
    let said = read_only(&path).hear();
    assert!(said.starts_with("Busy"), "{said}");
    drop(db);
    assert_eq!(read_only(&path).hear(), "held");
}

#[test]
fn where_there_are_no_locks_a_database_can_be_read_only() {
    let temp = TempDb::new();
    fill(&temp.open());
    assert_eq!(OtherProcess::start("without_locks", temp.path()).hear(), "refused to write, read");
}

/// In another process: the system refuses every lock, as some file systems do.
pub(crate) fn without_locks(path: &Path) {
    if !system::refuse_locks() {
        eprintln!("left out: system calls cannot be filtered here");
        child::say("refused to write, read");
        return;
    }
    let error = temp::open(path, &OpenOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(error.to_string().contains("read_only"), "{error}");
    let db = temp::open(path, &OpenOptions::new().read_only(true)).unwrap();
    assert_whole(&db.read().unwrap());
    child::say("refused to write, read");
}

/// In another process: forks. The child does not touch its parent's handles, and opens the file
/// itself.
pub(crate) fn open_in_a_forked_child(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    let held = db.read().unwrap();
    let in_child = temp::fork(|| {
        let usage = |error: drystone::Error| error.kind() == ErrorKind::AfterFork;
        let refused = db.readers().is_err_and(usage) && held.table::<Count>("count").is_err_and(usage);
        let own = temp::open(path, &OpenOptions::new()).unwrap();
        transfer(&own, 1);
        refused && assert_whole(&own.read().unwrap()) == 1
    });
    assert!(in_child);
    // The parent's snapshot is still in the table, and is still kept.
    assert_eq!(db.readers().unwrap().len(), 1);
    assert_eq!(assert_whole(&held), 0);
    assert_eq!(assert_whole(&db.read().unwrap()), 1);
    child::say("done");
}

#[test]
fn a_forked_child_opens_the_file_anew() {
    let temp = TempDb::new();
    fill(&temp.open());
    let mut process = OtherProcess::start("open_in_a_forked_child", temp.path());
    assert_eq!(process.hear_any().as_deref(), Some("done"));
}
