//! Where commands write their output: files, links, pipes, devices and folders, and what is left
//! behind by an error or a signal.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Folder, Ran};

const CSV: &str = "id,n\n1,10\n2,20\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.file("a.csv", CSV).done(&["load", "a.dry", "t", "a.csv", "--schema", "id: u8 key, n: u8"]);
    folder
}

/// A table whose export takes long enough to interrupt it.
fn large() -> Folder {
    let folder = Folder::new();
    let lines: String = (0..300_000).map(|n| format!("{n},{}\n", n * 7)).collect();
    folder.file("a.csv", format!("id,n\n{lines}"));
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", "id: u32 key, n: u32"]);
    folder
}

fn text(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path(name)).unwrap()
}

/// The names in the folder, hidden ones included.
pub(crate) fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path(".")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs a script of `bash`, in which `drystone` is the command.
fn bash(folder: &Folder, script: &str) -> Ran {
    let script = format!("drystone() {{ {} \"$@\"; }}\n{script}", env!("CARGO_BIN_EXE_drystone"));
    let output = Command::new("timeout")
        .args(["60", "bash", "-c", &script])
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Whether mounts can be made in a name space of their own.
fn can_mount() -> bool {
    let tried = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    let can = tried.is_ok_and(|tried| tried.status.success());
    if !can {
        eprintln!("left out: file systems cannot be mounted here (are you root?)");
    }
    can
}

#[test]
fn a_fifo_is_written_through() {
    let folder = folder();
    let ran =
        bash(&folder, "mkfifo f; cat f > got & drystone export a.dry t f --format csv; wait; test -p f");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(text(&folder, "got"), CSV);
    let ran = bash(
        &folder,
        "cat f > got & drystone query a.dry t --where 'id = 2' --out f --format csv; wait; test -p f",
    );
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "", ""), "{ran:?}");
    assert_eq!(text(&folder, "got"), "id,n\n2,20\n");
    let ran = bash(&folder, "cat f > got & drystone plot a.dry t --field n --out f; wait; test -p f");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert!(text(&folder, "got").starts_with("<svg"), "{ran:?}");
    for command in ["diff a.dry a.dry", "completions bash"] {
        let ran = bash(&folder, &format!("cat f > got & drystone {command} --out f; wait; test -p f"));
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    }
    assert_eq!(names(&folder), ["a.csv", "a.dry", "a.dry-lock", "f", "got"]);
}

#[test]
fn a_reader_of_a_fifo_that_has_had_enough_is_no_error() {
    let folder = large();
    let ran =
        bash(&folder, "mkfifo f; head -1 f > got & drystone export a.dry t f --format csv; echo $?; wait");
    assert_eq!((&*ran.stdout, &*ran.stderr), ("0\n", ""), "{ran:?}");
    assert_eq!(text(&folder, "got"), "id,n\n");
}

#[test]
fn a_device_is_written_through() {
    let folder = folder();
    // A null device of its own: a mistake here must not replace that of the machine.
    let made = Command::new("mknod").arg(folder.path("null")).args(["c", "1", "3"]).output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("left out: devices cannot be made here (are you root?)");
        return;
    }
    folder.done(&["export", "a.dry", "t", "null", "--format", "csv"]);
    folder.done(&["plot", "a.dry", "t", "--field", "n", "--out", "null"]);
    assert!(fs::symlink_metadata(folder.path("null")).unwrap().file_type().is_char_device());
    assert_eq!(names(&folder), ["a.csv", "a.dry", "a.dry-lock", "null"]);
}

#[test]
fn standard_output_has_several_names() {
    let folder = folder();
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert_eq!(folder.done(&["export", "a.dry", "t", name, "--format", "csv"]), CSV, "{name}");
        assert!(
            folder.done(&["plot", "a.dry", "t", "--field", "n", "--out", name]).starts_with("<svg"),
            "{name}"
        );
    }
    // A file as standard output is not replaced: what stands before in it stays.
    let ran =
        bash(&folder, "{ echo before; drystone export a.dry t /dev/stdout --format csv; echo after; } > got");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(text(&folder, "got"), format!("before\n{CSV}after\n"));
    let ran = bash(&folder, "drystone export a.dry t /dev/fd/3 --format csv 3> got");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(text(&folder, "got"), CSV);
    let ran = bash(
        &folder,
        "mkfifo done; drystone export a.dry t >(cat > got; echo > done) --format csv; cat done",
    );
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(text(&folder, "got"), CSV);
}

#[test]
fn links_are_followed() {
    let folder = folder();
    fs::create_dir_all(folder.path("far")).unwrap();
    folder.file("far/x.csv", "old");
    symlink("far/x.csv", folder.path("l.csv")).unwrap();
    symlink(folder.path("l.csv"), folder.path("k.csv")).unwrap();
    folder.done(&["export", "a.dry", "t", "k.csv"]);
    assert_eq!(text(&folder, "far/x.csv"), CSV);
    assert!(folder.path("l.csv").is_symlink() && folder.path("k.csv").is_symlink());
    // The format and the compression are those of the name that was given.
    symlink("far/y", folder.path("new.csv")).unwrap();
    folder.done(&["export", "a.dry", "t", "new.csv"]);
    assert_eq!(text(&folder, "far/y"), CSV);

    symlink("loop.csv", folder.path("loop.csv")).unwrap();
    symlink("nowhere/x.csv", folder.path("lost.csv")).unwrap();
    symlink("far", folder.path("folder.csv")).unwrap();
    symlink("a.dry", folder.path("db.csv")).unwrap();
    symlink("a.dry-lock", folder.path("lock.csv")).unwrap();
    for (name, expected) in [
        ("loop.csv", "cannot write loop.csv: Too many levels of symbolic links"),
        ("lost.csv", "cannot write lost.csv: No such file or directory"),
        ("folder.csv", "cannot write folder.csv: it is a folder; name a file in it"),
        ("db.csv", "cannot write db.csv: it is the database"),
        ("lock.csv", "cannot write lock.csv: it is the database's lock file"),
    ] {
        let said = folder.refused(2, &["export", "a.dry", "t", name]);
        assert!(said.contains(expected), "{said}");
    }
    assert!(folder.done(&["check", "a.dry"]).contains("sound"));
}

#[test]
fn a_folder_is_an_error() {
    let folder = folder();
    fs::create_dir_all(folder.path("x.csv")).unwrap();
    fs::create_dir_all(folder.path("x.svg")).unwrap();
    for arguments in [
        &["export", "a.dry", "t", "x.csv"][..],
        &["query", "a.dry", "t", "--out", "x.csv"],
        &["plot", "a.dry", "t", "--field", "n", "--out", "x.svg"],
        &["diff", "a.dry", "a.dry", "--out", "x.csv"],
        &["completions", "bash", "--out", "x.csv"],
        &["load", "a.dry", "t", "a.csv", "--skip-bad", "x.csv"],
    ] {
        let said = folder.refused(2, arguments);
        assert!(said.contains(": it is a folder; name a file in it"), "{arguments:?}: {said}");
    }
    let said = folder.refused(2, &["export", "a.dry", "t", "y.csv/"]);
    assert!(said.contains("this is the name of a folder"), "{said}");
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode_and_owner() {
    let folder = folder();
    for mode in [0o600, 0o640, 0o666, 0o444] {
        folder.file("x.csv", "old");
        fs::set_permissions(folder.path("x.csv"), fs::Permissions::from_mode(mode)).unwrap();
        if mode == 0o444 && fs::OpenOptions::new().write(true).open(folder.path("x.csv")).is_err() {
            let said = folder.refused(2, &["export", "a.dry", "t", "x.csv"]);
            assert!(said.contains("cannot write x.csv: Permission denied"), "{said}");
            continue;
        }
        let before = fs::metadata(folder.path("x.csv")).unwrap();
        folder.done(&["export", "a.dry", "t", "x.csv"]);
        let after = fs::metadata(folder.path("x.csv")).unwrap();
        assert_eq!(after.mode() & 0o7777, mode);
        assert_ne!(before.ino(), after.ino(), "it was written over, and not replaced");
        assert_eq!(text(&folder, "x.csv"), CSV);
        fs::remove_file(folder.path("x.csv")).unwrap();
    }
    // A new file has the mode that the umask leaves.
    let ran = bash(&folder, "umask 027; drystone export a.dry t new.csv");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(fs::metadata(folder.path("new.csv")).unwrap().mode() & 0o7777, 0o640);
    if std::os::unix::fs::chown(folder.path("new.csv"), Some(1234), Some(2345)).is_ok() {
        folder.done(&["export", "a.dry", "t", "new.csv"]);
        let after = fs::metadata(folder.path("new.csv")).unwrap();
        assert_eq!((after.uid(), after.gid(), after.mode() & 0o7777), (1234, 2345, 0o640));
    }
}

#[test]
fn a_file_that_cannot_be_replaced_is_written_over() {
    let folder = folder();
    if !can_mount() {
        return;
    }
    // A mount point cannot be renamed over, as a file that is shared with a container.
    folder.file("x.csv", "old, and longer than what will be written").file("source.csv", "old");
    let export = format!("{} export a.dry t x.csv", env!("CARGO_BIN_EXE_drystone"));
    let ran = bash(&folder, &format!("unshare -m sh -c 'mount --bind source.csv x.csv && {export}'"));
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(text(&folder, "source.csv"), CSV);
    assert_eq!(names(&folder), ["a.csv", "a.dry", "a.dry-lock", "source.csv", "x.csv"]);
}

#[test]
fn suffixes_compress() {
    let folder = folder();
    for (name, magic) in [
        ("x.csv.gz", &[0x1F, 0x8B][..]),
        ("x.jsonl.zst", &[0x28, 0xB5, 0x2F, 0xFD]),
        ("x.JSON.GZ", &[0x1F, 0x8B]),
        ("x.parquet.gz", &[0x1F, 0x8B]),
        ("x.npy.zst", &[0x28, 0xB5, 0x2F, 0xFD]),
    ] {
        folder.done(&["export", "a.dry", "t", name]);
        let bytes = fs::read(folder.path(name)).unwrap();
        assert!(bytes.starts_with(magic), "{name}: {bytes:?}");
        let db = format!("{name}.dry");
        folder.done(&["load", &db, "t", name, "--schema", "id: u8 key, n: u8"]);
        assert_eq!(folder.done(&["scan", &db, "t", "--format", "csv"]), CSV, "{name}");
    }
    let ran = bash(&folder, "gzip -dc x.csv.gz");
    assert_eq!((ran.code, &*ran.stdout), (0, CSV));
    folder.done(&["plot", "a.dry", "t", "--field", "n", "--out", "x.svg.gz"]);
    assert!(bash(&folder, "gzip -dc x.svg.gz").stdout.starts_with("<svg"));
    // The answer to a query, in the format that the name tells.
    let said = folder.done(&["query", "a.dry", "t", "--where", "n > 10", "--out", "q.csv.gz"]);
    assert_eq!(said, "1 rows written to q.csv.gz\n");
    assert_eq!(bash(&folder, "gzip -dc q.csv.gz").stdout, "id,n\n2,20\n");
    let said = folder.refused(2, &["export", "a.dry", "t", "x.gz"]);
    assert!(said.contains("the name x.gz does not tell the format"), "{said}");
}

/// Starts an export, and waits until it writes. `found` says whether it does, by the name of the
/// file that is open.
pub(crate) fn started(folder: &Folder, mut command: Command, is_output: impl Fn(&str) -> bool) -> Child {
    let mut child =
        command.current_dir(folder.path("")).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (files, since) = (format!("/proc/{}/fd", child.id()), Instant::now());
    loop {
        let mut open = fs::read_dir(&files).into_iter().flatten().flatten();
        let name =
            |entry: fs::DirEntry| fs::read_link(entry.path()).unwrap_or_default().display().to_string();
        if open.any(|entry| is_output(&name(entry))) {
            return child;
        }
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("ended before it was seen to write: {status} {said}");
        }
        assert!(since.elapsed() < Duration::from_secs(60), "it writes nothing");
        std::thread::sleep(Duration::from_micros(200));
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &*id]).status().unwrap().success());
}

/// Whether this process ignores a signal, as under `nohup`. Then its children do too.
pub(crate) fn is_ignored(number: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() >> (number - 1) & 1 == 1
}

#[test]
fn a_signal_leaves_nothing_behind() {
    use std::os::unix::process::ExitStatusExt;
    let folder = large();
    folder.file("x.csv.gz", "old");
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1), ("KILL", 9)] {
        if is_ignored(number as u32) {
            continue;
        }
        let command = folder.command(&["export", "a.dry", "t", "x.csv.gz"]);
        let mut child = started(&folder, command, |name| name.ends_with(" (deleted)"));
        signal(&child, name);
        assert_eq!(child.wait().unwrap().signal(), Some(number));
        assert_eq!(names(&folder), ["a.csv", "a.dry", "a.dry-lock", "x.csv.gz"], "{name}");
        assert_eq!(text(&folder, "x.csv.gz"), "old");
    }
}

#[test]
fn a_signal_leaves_nothing_behind_where_files_need_a_name() {
    let folder = large();
    if !can_mount() {
        return;
    }
    folder.file("x.csv.gz", "old");
    // Without /proc, a file without a name could not get one.
    let command = |more: &str| {
        let mut command = Command::new("unshare");
        let export = format!("{} export a.dry t x.csv.gz", env!("CARGO_BIN_EXE_drystone"));
        command.args(["-m", "sh", "-c", &format!("{more} mount -t tmpfs none /proc && exec {export}")]);
        command
    };
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        if is_ignored(code as u32 - 128) {
            continue;
        }
        let mut child = started(&folder, command(""), |name| name.contains("/.drystone-"));
        assert_eq!(names(&folder).len(), 5, "a temporary file");
        signal(&child, name);
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(child.wait().unwrap().signal(), Some(code - 128));
        assert_eq!(names(&folder), ["a.csv", "a.dry", "a.dry-lock", "x.csv.gz"], "{name}");
        assert_eq!(text(&folder, "x.csv.gz"), "old");
    }
    let mut child = started(&folder, command(""), |name| name.contains("/.drystone-"));
    assert!(child.wait().unwrap().success());
    assert_eq!(names(&folder), ["a.csv", "a.dry", "a.dry-lock", "x.csv.gz"]);
    assert!(fs::read(folder.path("x.csv.gz")).unwrap().starts_with(&[0x1F, 0x8B]));
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let folder = large();
    let mut command = Command::new("sh");
    let export = format!("trap '' HUP; exec {} export a.dry t x.csv.gz", env!("CARGO_BIN_EXE_drystone"));
    command.args(["-c", &export]);
    let mut child = started(&folder, command, |name| name.ends_with(" (deleted)"));
    signal(&child, "HUP");
    assert!(child.wait().unwrap().success());
    assert!(folder.path("x.csv.gz").exists());
}

#[test]
fn an_error_leaves_the_old_file() {
    let folder = large();
    folder.file("x.csv", "old");
    let ran = bash(&folder, "ulimit -f 64; drystone export a.dry t x.csv");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("File too large"), "{ran:?}");
    assert_eq!(text(&folder, "x.csv"), "old");
    let said = folder.refused(2, &["query", "a.dry", "t", "--select", "nope", "--out", "x.csv"]);
    assert!(said.contains("nope"), "{said}");
    assert_eq!(text(&folder, "x.csv"), "old");
    assert_eq!(names(&folder), ["a.csv", "a.dry", "a.dry-lock", "x.csv"]);
}

#[test]
fn a_user_who_is_not_the_owner_gets_as_far_as_the_rights_go() {
    let folder = folder();
    // Runs an export as a user without rights of its own.
    let export = |file: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(env!("CARGO_BIN_EXE_drystone")).args(["export", "a.dry", "t", file]);
        command.current_dir(folder.path("")).output()
    };
    let chmod = |name: &str, mode: u32| {
        fs::set_permissions(folder.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["", "a.dry", "a.dry-lock"] {
        chmod(name, if name.is_empty() { 0o755 } else { 0o666 });
    }
    let tried = Command::new("setpriv")
        .args([
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            env!("CARGO_BIN_EXE_drystone"),
            "--version",
        ])
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        eprintln!("left out: a command cannot be run as another user here (are you root?)");
        return;
    }
    // The folder takes no files of this user, but this file may be written.
    folder.file("open.csv", "old").file("closed.csv", "old");
    chmod("open.csv", 0o666);
    chmod("closed.csv", 0o644);
    let ran = export("open.csv").unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(text(&folder, "open.csv"), CSV);
    for (name, expected) in [("closed.csv", "Permission denied"), ("new.csv", "Permission denied")] {
        let ran = export(name).unwrap();
        assert_eq!(ran.status.code(), Some(2), "{ran:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains(expected), "{ran:?}");
    }
    assert_eq!(text(&folder, "closed.csv"), "old");
    // Here it may make files. The owner cannot be kept, and another group gets no more than others.
    fs::create_dir_all(folder.path("theirs")).unwrap();
    std::os::unix::fs::chown(folder.path("theirs"), Some(65534), Some(65534)).unwrap();
    folder.file("theirs/x.csv", "old");
    chmod("theirs/x.csv", 0o662);
    let ran = export("theirs/x.csv").unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let after = fs::metadata(folder.path("theirs/x.csv")).unwrap();
    assert_eq!((after.uid(), after.gid(), after.mode() & 0o777), (65534, 65534, 0o622));
    assert_eq!(text(&folder, "theirs/x.csv"), CSV);
    // In a folder as /tmp, only its owner may rename a file, and this one is written over.
    fs::create_dir_all(folder.path("shared")).unwrap();
    folder.file("shared/x.csv", "old");
    chmod("shared", 0o1777);
    chmod("shared/x.csv", 0o666);
    let ran = export("shared/x.csv").unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(text(&folder, "shared/x.csv"), CSV);
    assert_eq!(fs::metadata(folder.path("shared/x.csv")).unwrap().uid(), 0);
    assert_eq!(fs::read_dir(folder.path("shared")).unwrap().count(), 1);
}

#[test]
fn a_file_is_on_the_disk_before_it_gets_its_name() {
    let can_trace = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !can_trace.is_ok_and(|traced| traced.status.success()) {
        eprintln!("not tried: strace cannot be used here");
        return;
    }
    let folder = folder();
    fs::create_dir(folder.path("out")).unwrap();
    for round in ["new", "replaced"] {
        let calls = "trace=fsync,linkat,rename,renameat,renameat2";
        let script = format!(
            "strace -f -y -o trace -e {calls} {} export a.dry t out/b.csv",
            env!("CARGO_BIN_EXE_drystone")
        );
        let ran = bash(&folder, &script);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let trace = text(&folder, "trace");
        let calls: Vec<&str> = trace.lines().collect();
        let named = calls.iter().position(|call| call.contains("b.csv\"") && call.ends_with("= 0"));
        let synced = calls.iter().position(|call| call.contains("fsync("));
        let folder_synced = calls.iter().rposition(|call| call.contains("fsync(") && call.contains("/out>"));
        let found = [synced, named, folder_synced].iter().all(Option::is_some);
        assert!(found && synced < named && named < folder_synced, "{round}: {trace}");
    }
    assert_eq!(text(&folder, "out/b.csv"), CSV);
}
