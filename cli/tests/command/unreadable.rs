//! Disks that cannot be read, full disks and limits on files: errors with a message, and no
//! signals.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Folder, Ran};

const PAGE: usize = 4096;
const DISK_BYTES: usize = 40 << 20;
const BALLAST_BYTES: usize = 1 << 20;

/// A mounted file system, unmounted when this is dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(image: &Path, folder: &Path) -> Option<Mount> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount").args(["-o", "loop"]).arg(image).arg(folder).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Mount(folder.to_owned()));
        }
        eprintln!("left out: file systems cannot be mounted here (are you root?)");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Another test that starts a command may hold a file of it open for a moment.
        for _ in 0..100 {
            let unmounted = Command::new("umount").arg(&self.0).output();
            if unmounted.is_ok_and(|unmounted| unmounted.status.success()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Puts a database on a disk that cannot read one page of it. `None` if that is not possible here.
fn disk_without_page(folder: &Folder, bytes: &[u8], page: usize) -> Option<Mount> {
    // Where the file system puts the page is up to chance: try again.
    for _ in 0..10 {
        match lay_out(folder, bytes, page) {
            Some(None) => {}
            Some(mount) => return mount,
            None => return None,
        }
    }
    panic!("page {page} does not come to lie behind all others");
}

/// Writes the page last, when the rest of the disk is full, so that it is behind all others. Then
/// truncates the image of the disk before it. `None` if there can be no such disk here,
/// `Some(None)` if another page is behind it.
fn lay_out(folder: &Folder, bytes: &[u8], page: usize) -> Option<Option<Mount>> {
    let (image, place) = (folder.path("disk"), folder.path("mounted"));
    File::create(&image).unwrap().set_len(DISK_BYTES as u64).unwrap();
    // ext2 reserves no blocks, so it can be filled up.
    let options = ["-q", "-F", "-b", "4096"];
    let made = Command::new("mkfs.ext2").args(options).arg(&image).output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("left out: mkfs.ext2 is not there");
        return None;
    }
    let (db, at) = (place.join("x.dry"), page * PAGE);
    let ballast = |number: usize| place.join(format!("ballast {number}"));
    let mount = Mount::new(&image, &place)?;
    let file = File::create(&db).unwrap();
    file.write_all_at(&bytes[..at], 0).unwrap();
    file.write_all_at(&bytes[at + PAGE..], (at + PAGE) as u64).unwrap();
    file.sync_all().unwrap();
    drop(file);
    // Each block of ballast has the number of its file.
    let block = |number: usize| format!("ballast {number:08}").repeat(PAGE / 16).into_bytes();
    let full = (0..).find(|number| {
        let written = File::create(ballast(*number)).and_then(|file| {
            file.write_all_at(&block(*number).repeat(BALLAST_BYTES / PAGE), 0)?;
            file.sync_all()
        });
        written.is_err()
    });
    assert!(full > Some(2));
    drop(mount);

    let blocks = std::fs::read(&image).unwrap();
    let mut blocks = blocks.chunks_exact(PAGE);
    let last = blocks.rfind(|found| found.starts_with(b"ballast 0")).unwrap();
    let last: usize = str::from_utf8(&last[8..16]).unwrap().parse().unwrap();
    let mount = Mount::new(&image, &place).unwrap();
    std::fs::remove_file(ballast(last)).unwrap();
    let file = File::options().write(true).open(&db).unwrap();
    file.write_all_at(&bytes[at..at + PAGE], at as u64).unwrap();
    file.sync_all().unwrap();
    drop((file, mount));

    let blocks = std::fs::read(&image).unwrap();
    let place_of = |page: &[u8]| blocks.chunks_exact(PAGE).position(|block| block == page);
    let cut = place_of(&bytes[at..at + PAGE]).unwrap();
    let mut others = bytes.chunks_exact(PAGE).enumerate().filter(|(number, _)| *number != page);
    if !others.all(|(_, other)| place_of(other) < Some(cut)) {
        return Some(None);
    }
    // Mount first: the file system checks the length of the device. Then truncate it.
    let mount = Mount::new(&image, &place).unwrap();
    File::options().write(true).open(&image).unwrap().set_len((cut * PAGE) as u64).unwrap();
    Some(Some(mount))
}

fn database() -> (Folder, Vec<u8>, usize) {
    let folder = Folder::new();
    let rows = |from: u32| (from..from + 20_000).map(|id| format!("{id},{}\n", id * 2)).collect::<String>();
    folder.file("one.csv", format!("id,n\n{}", rows(1_000_000)));
    folder.file("two.csv", format!("id,n\n{}", rows(2_000_000)));
    folder.done(&["load", "a.dry", "bad", "one.csv", "--schema", "id: u32 key, n: u32"]);
    folder.done(&["load", "a.dry", "good", "two.csv", "--schema", "id: u32 key, n: u32"]);
    let bytes = std::fs::read(folder.path("a.dry")).unwrap();
    let row = [1_010_000_u32.to_le_bytes(), 2_020_000_u32.to_le_bytes()].concat();
    let page = bytes.windows(8).position(|eight| eight == row).unwrap() / PAGE;
    (folder, bytes, page)
}

#[test]
fn a_page_that_cannot_be_read_is_named_by_each_command() {
    let (folder, bytes, page) = database();
    let Some(_disk) = disk_without_page(&folder, &bytes, page) else { return };
    // The node that the page belongs to may begin one page earlier.
    let names_it = |said: &str| {
        assert!(said.contains("cannot read page "), "{said}");
        assert!(said.contains("Input/output error"), "{said}");
    };
    let db = "mounted/x.dry";
    let refused = |arguments: &[&str]| {
        let Ran { code, stderr, .. } = folder.run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        names_it(&stderr);
    };

    let ran = folder.run(&["check", db]);
    assert_eq!(ran.code, 1, "{ran:?}");
    names_it(&ran.stdout);
    assert!(ran.stdout.contains("table \"bad\": cannot read page "), "{ran:?}");
    assert!(ran.stdout.contains("1 problem; 2 tables"), "{ran:?}");

    let ran = folder.run(&["salvage", db, "rest.dry"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    names_it(&ran.stdout);
    folder.done(&["check", "rest.dry"]);
    let good = folder.done(&["scan", "a.dry", "good", "--format", "csv"]);
    assert_eq!(folder.done(&["scan", "rest.dry", "good", "--format", "csv"]), good);
    let rest = folder.done(&["scan", "rest.dry", "bad", "--format", "csv"]).lines().count();
    assert!((15_000..20_001).contains(&rest), "{rest} lines are left");

    assert_eq!(folder.done(&["get", db, "bad", "1000000", "--format", "csv"]), "id,n\n1000000,2000000\n");
    refused(&["get", db, "bad", "1010000"]);
    refused(&["scan", db, "bad", "--format", "csv"]);
    refused(&["query", db, "bad", "--where", "n > 0", "--aggregate", "sum(n)"]);
    refused(&["export", db, "bad", "x.csv"]);
    refused(&["backup", db, "b.dry"]);
    refused(&["copy", db, "bad", "c.dry"]);
    refused(&["diff", "a.dry", db]);
    refused(&["set", db, "bad", "1010000", "n=7"]);
    refused(&["index", db, "create", "bad", "by_n", "n"]);
    assert!(!folder.path("x.csv").exists() && !folder.path("b.dry").exists());
    assert_eq!(folder.done(&["scan", db, "good", "--format", "csv"]), good);
}

#[test]
fn a_limit_on_the_length_of_files_is_an_error() {
    let (folder, ..) = database();
    let limited = |arguments: &str| {
        let command = format!("ulimit -f 64; exec {} {arguments}", env!("CARGO_BIN_EXE_drystone"));
        let output = Command::new("sh").arg("-c").arg(command).current_dir(folder.path("")).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {said}");
        assert!(said.contains("File too large"), "{arguments}: {said}");
    };
    limited("load new.dry rows one.csv --infer");
    limited("backup a.dry copy.dry");
    limited("export a.dry good good.csv");
    limited("scan a.dry good --format csv > good.csv");
    assert!(!folder.path("copy.dry").exists());
    assert!(folder.done(&["check", "a.dry"]).contains("sound"));
}

#[test]
fn a_hole_in_a_copy_on_a_full_disk_is_an_error() {
    let (folder, bytes, page) = database();
    let place = folder.path("small");
    std::fs::create_dir_all(&place).unwrap();
    let size = format!("size={}", bytes.len() + 4 * PAGE);
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("left out: file systems cannot be mounted here (are you root?)");
        return;
    }
    let _mount = Mount(place.clone());
    // The copy has a hole instead of a page of rows. Reading it takes space, and the disk is full.
    let file = File::create(place.join("x.dry")).unwrap();
    file.write_all_at(&bytes[..page * PAGE], 0).unwrap();
    file.write_all_at(&bytes[(page + 1) * PAGE..], ((page + 1) * PAGE) as u64).unwrap();
    folder.done(&["info", "small/x.dry"]);
    let mut ballast = File::create(place.join("ballast")).unwrap();
    while std::io::Write::write_all(&mut ballast, &[1; PAGE]).is_ok() {}
    let ran = folder.run(&["scan", "small/x.dry", "bad", "--format", "csv"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = folder.run(&["check", "small/x.dry"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("table \"bad\": cannot read page"), "{ran:?}");
}
