//! What opening does to existing files: files of other programs are not changed, and no file is
//! left behind.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use drystone::{Database, ErrorKind, LoadOptions, OpenOptions, Record};

use crate::child::{self, OtherProcess};
use crate::random::Random;
use crate::system::Mount;
use crate::temp::{self, TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Item {
    #[record(key)]
    id: u64,
    n: u64,
}

/// Writes this many rows, each with the number `n`.
fn fill(db: &Database, rows: u64, n: u64) {
    let write = db.write().unwrap();
    let mut items = match write.table::<Item>("items") {
        Ok(items) => items,
        Err(_) => write.create_table::<Item>("items").unwrap(),
    };
    for id in 0..rows {
        items.upsert(&Item { id, n }).unwrap();
    }
    drop(items);
    write.commit().unwrap();
}

/// How many rows there are, and the number that all of them have.
fn rows(db: &Database) -> drystone::Result<(u64, u64)> {
    let read = db.read()?;
    let items = read.table::<Item>("items")?;
    let n = items.get(0)?.unwrap().n;
    for item in items {
        assert_eq!(item?.n, n);
    }
    Ok((items.len(), n))
}

/// The files of a folder, with what is in them.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}

fn read_only() -> OpenOptions {
    OpenOptions::new().read_only(true)
}

/// A closed database without a lock file.
fn closed_without_lock_file() -> TempDb {
    let temp = TempDb::new();
    fill(&temp.open(), 100, 1);
    std::fs::remove_file(lock_of(temp.path())).unwrap();
    temp
}

#[test]
fn files_that_are_no_databases_get_no_lock_file() {
    let magic = [&b"drystone"[..], &[0xA5; 20_000]].concat();
    for bytes in [&b""[..], b"text", &[0; 9000], &[0xFF; 20_000], &b"drystone"[..], &magic] {
        let temp = TempDb::of_bytes(bytes);
        let before = files(temp.folder());
        for options in [OpenOptions::new(), read_only()] {
            temp::open(temp.path(), &options).unwrap_err();
            assert!(files(temp.folder()) == before, "opening {} bytes changed the folder", bytes.len());
        }
    }
}

#[test]
fn a_file_that_is_no_lock_file_is_left_alone() {
    let database = closed_without_lock_file();
    let lock = lock_of(database.path());
    // Another database, a text, bytes, a long file of zeros; and as a hard link to each.
    let huge = vec![0; 2 << 20];
    for (number, bytes) in [&database.bytes()[..], b"buy milk", &[7; 10_000], &huge].into_iter().enumerate() {
        for linked in [false, true] {
            let other = database.folder().join(format!("other-{number}"));
            std::fs::write(&other, bytes).unwrap();
            if linked {
                std::fs::hard_link(&other, &lock).unwrap();
            } else {
                std::fs::rename(&other, &lock).unwrap();
            }
            let before = files(database.folder());
            for options in [OpenOptions::new(), read_only()] {
                let error = temp::open(database.path(), &options).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
                let says = error.to_string();
                assert!(says.contains("test.dry-lock") && says.contains("move it away"), "{says}");
                assert!(files(database.folder()) == before, "another's file was changed");
            }
            std::fs::remove_file(&lock).unwrap();
        }
    }
    // Also where there is no database yet.
    std::fs::write(database.folder().join("plan.dry-lock"), "monday").unwrap();
    let before = files(database.folder());
    let error = temp::open(&database.folder().join("plan.dry"), &OpenOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(files(database.folder()) == before);
    // Unused files are lock files: empty, or all zeros.
    for bytes in [&b""[..], &[0; 100], &[0; 8192]] {
        std::fs::write(&lock, bytes).unwrap();
        assert_eq!(rows(&database.open()).unwrap(), (100, 1));
    }
}

#[test]
fn a_database_with_the_name_of_a_lock_file_is_safe() {
    let temp = TempDb::new();
    let (first, second) = (temp.path(), lock_of(temp.path()));
    let db = temp::open(&second, &OpenOptions::new()).unwrap();
    fill(&db, 1000, 7);
    let bytes = std::fs::read(&second).unwrap();
    // A missing and an existing file, for readers and writers, while another handle is open and
    // while none is.
    assert_eq!(temp.try_open().unwrap_err().kind(), ErrorKind::Usage);
    assert!(!first.exists());
    std::fs::copy(&second, first).unwrap();
    assert_eq!(temp.try_open().unwrap_err().kind(), ErrorKind::Usage);
    drop(db);
    assert_eq!(temp::open(first, &read_only()).unwrap_err().kind(), ErrorKind::Usage);
    assert!(std::fs::read(&second).unwrap() == bytes);
    assert_eq!(rows(&temp::open(&second, &OpenOptions::new()).unwrap()).unwrap(), (1000, 7));
}

#[test]
fn an_opening_that_is_refused_leaves_nothing_behind() {
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db, 100, 1);
    let moved = temp.folder().join("moved.dry");
    std::fs::rename(temp.path(), &moved).unwrap();
    let before = files(temp.folder());
    for (path, name) in [(temp.path(), "the old name"), (&moved, "the new name")] {
        let said = OtherProcess::start("hold_an_item", path).hear();
        assert!(said.contains("close its users"), "{name}: {said}");
        assert!(files(temp.folder()) == before, "{name} left something behind");
    }
    drop(db);
    // The lock file would have a name that is too long.
    let long = temp.folder().join("x".repeat(251));
    let error = temp::open(&long, &OpenOptions::new()).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    assert!(files(temp.folder()) == before);
    std::fs::rename(&moved, &long).unwrap();
    temp::open(&long, &OpenOptions::new()).unwrap_err();
    assert_eq!(rows(&temp::open(&long, &read_only()).unwrap()).unwrap(), (100, 1));
    assert_eq!(files(temp.folder()).len(), before.len());
}

#[test]
fn files_have_the_mode_that_is_asked_for() {
    let temp = TempDb::new();
    // What most umasks would take away.
    drop(temp::open(temp.path(), &OpenOptions::new().mode(0o666)).unwrap());
    let lock = lock_of(temp.path());
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode(temp.path()), mode(&lock)), (0o666, 0o666));
    // A lock file that is made later follows the database, no matter which user makes it.
    for (database, expected) in [(0o660, 0o660), (0o640, 0o640), (0o400, 0o600), (0o755, 0o644)] {
        for options in [OpenOptions::new(), read_only()] {
            std::fs::remove_file(&lock).unwrap();
            std::fs::set_permissions(temp.path(), PermissionsExt::from_mode(database)).unwrap();
            if temp::open(temp.path(), &options).is_err() {
                // Only root may write what has no right to be written.
                drop(temp::open(temp.path(), &read_only()).unwrap());
            }
            assert_eq!(mode(&lock), expected);
        }
    }
}

#[test]
fn root_leaves_lock_files_to_the_owner_of_the_database() {
    let temp = closed_without_lock_file();
    if chown(temp.path(), Some(2001), Some(2002)).is_err() {
        eprintln!("left out: files cannot be given away here (are you root?)");
        return;
    }
    drop(temp::open(temp.path(), &read_only()).unwrap());
    let lock = lock_of(temp.path()).metadata().unwrap();
    assert_eq!((lock.uid(), lock.gid(), lock.mode() & 0o777), (2001, 2002, 0o600));
}

/// In another process: begins to write, forks a worker that does not know of it, and prints the
/// worker's number.
pub(crate) fn fork_a_worker(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    let _held = db.read().unwrap();
    let _write = db.write().unwrap();
    child::say(&temp::fork_a_sleeper().to_string());
    child::listen();
}

#[test]
fn locks_go_with_the_process_that_took_them_though_its_children_live() {
    let temp = TempDb::new();
    fill(&temp.open(), 100, 1);
    let mut process = OtherProcess::start("fork_a_worker", temp.path());
    let worker = process.hear();
    let db = temp.open();
    assert!(db.try_write().unwrap().is_none());
    assert_eq!(db.readers().unwrap().len(), 1);
    process.kill();
    let alive = Path::new("/proc").join(&worker).exists();
    let (turn, readers) = (db.try_write().unwrap().is_some(), db.readers().unwrap().len());
    drop(db);
    // The database itself has locks, too, which tell of the lock file.
    std::fs::remove_file(lock_of(temp.path())).unwrap();
    let again = temp.try_open();
    let _ = std::process::Command::new("kill").args(["-9", &worker]).status();
    assert!(alive && turn, "the worker keeps the right to write");
    assert_eq!(readers, 0, "the worker keeps the snapshot");
    assert_sound(&again.expect("the worker keeps the database"));
}

/// In another process: reads on command, from a snapshot that it holds and from the newest state.
pub(crate) fn read_in_the_overlay(path: &Path) {
    let db = temp::open(path, &read_only()).unwrap();
    let held = db.read().unwrap();
    child::say("ready");
    while child::listen().is_some() {
        let items = held.table::<Item>("items").unwrap();
        assert!(items.iter().all(|item| item.unwrap().n == 0) && items.len() == 100);
        child::say(&format!("{:?}", rows(&db)));
    }
}

#[test]
fn a_reader_follows_a_file_that_an_overlay_copies_when_it_is_written() {
    let folders = tempfile::tempdir().unwrap();
    let lower = folders.path().join("lower");
    std::fs::create_dir(&lower).unwrap();
    fill(&temp::open(&lower.join("test.dry"), &OpenOptions::new()).unwrap(), 100, 0);
    let Some(mount) = Mount::overlay(folders.path()) else { return };
    let path = mount.path().join("test.dry");
    let mut reader = OtherProcess::start("read_in_the_overlay", &path);
    assert_eq!(reader.hear(), "ready");
    assert_eq!(reader.ask("look"), "Ok((100, 0))");
    let db = temp::open(&path, &OpenOptions::new()).unwrap();
    // Within what was there, then far beyond it.
    for (n, count) in (1..).zip([100, 100, 100_000, 200_000, 200_000]) {
        fill(&db, count, n);
        assert_eq!(reader.ask("look"), format!("Ok(({count}, {n}))"));
    }
    assert_sound(&db);
    drop((reader, db));
}

/// In another process: opens a database by a relative path, changes its directory, and sorts more
/// than fits into memory.
pub(crate) fn spill_elsewhere(path: &Path) {
    std::env::set_current_dir(path.parent().unwrap()).unwrap();
    let db = temp::open(Path::new("test.dry"), &OpenOptions::new()).unwrap();
    std::env::set_current_dir("/").unwrap();
    assert_eq!(db.path(), Some(path));
    let write = db.write().unwrap();
    let ids = (0..200_000_u64).rev().map(|id| Item { id, n: 1 });
    let options = LoadOptions::new().memory_bytes(1 << 20);
    write.create_table::<Item>("items").unwrap().load_with(ids, &options).unwrap();
    write.commit().unwrap();
    db.backup(path.with_file_name("copy.dry")).unwrap();
    child::say(&format!("{:?}", rows(&db).unwrap()));
}

#[test]
fn a_relative_path_holds_when_the_process_goes_elsewhere() {
    let temp = TempDb::new();
    assert_eq!(OtherProcess::start("spill_elsewhere", temp.path()).hear(), "(200000, 1)");
}

/// In another process: opens 300 databases, and maps as much as other programs may want.
pub(crate) fn open_many(folder: &Path) {
    let address_space = || -> u64 {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096
    };
    let paths: Vec<PathBuf> = (0..300).map(|number| folder.with_file_name(format!("{number}.dry"))).collect();
    fill(&temp::open(&paths[0], &OpenOptions::new()).unwrap(), 10, 1);
    let image = std::fs::read(&paths[0]).unwrap();
    paths[1..].iter().for_each(|path| std::fs::write(path, &image).unwrap());
    // Only as much as is asked for, or as is there to be read.
    for options in [OpenOptions::new().reserve_bytes(1 << 20), read_only()] {
        let before = address_space();
        let db = temp::open(&paths[0], &options).unwrap();
        let taken = address_space() - before;
        assert!(taken < 16 << 20, "{taken} bytes");
        assert_eq!(rows(&db).unwrap(), (10, 1));
    }
    let all: Vec<Database> =
        paths.iter().map(|path| temp::open(path, &OpenOptions::new()).unwrap()).collect();
    let _program: Vec<Database> =
        (0..4).map(|_| OpenOptions::new().reserve_bytes(1 << 40).in_memory().unwrap()).collect();
    assert!(address_space() > 4 << 40, "what others want is not there");
    all.iter().for_each(|db| assert_eq!(rows(db).unwrap(), (10, 1)));
    child::say("opened");
}

#[test]
fn hundreds_of_databases_fit_into_one_process() {
    let temp = TempDb::in_memory_folder();
    assert_eq!(OtherProcess::start("open_many", temp.path()).hear(), "opened");
}

#[test]
fn a_file_outgrows_its_address_space_while_rows_of_it_are_held() {
    let temp = TempDb::new();
    let db = temp::open(temp.path(), &OpenOptions::new().reserve_bytes(1 << 16)).unwrap();
    fill(&db, 100, 0);
    let held = db.read().unwrap();
    let items = held.table::<Item>("items").unwrap();
    let references: Vec<&Item> = (0..100).map(|id| items.get(id).unwrap().unwrap()).collect();
    let mut reader = OtherProcess::start("read_in_the_overlay", temp.path());
    assert_eq!(reader.hear(), "ready");
    for (n, count) in (1..).zip([10_000, 100_000, 1_000_000]) {
        fill(&db, count, n);
        assert_eq!(rows(&db).unwrap(), (count, n));
        assert_eq!(reader.ask("look"), format!("Ok(({count}, {n}))"));
    }
    assert!(temp.file_bytes() > 16 << 20);
    assert!((0..).zip(references).all(|(id, item)| *item == Item { id, n: 0 }));
    assert_sound(&db);
}

#[test]
fn a_damaged_lock_file_is_an_error_at_once() {
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db, 100, 1);
    let _held = db.read().unwrap();
    let lock = lock_of(temp.path());
    let sound = std::fs::read(&lock).unwrap();
    let overwrite = |bytes: &[u8]| {
        let file = std::fs::OpenOptions::new().write(true).open(&lock).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, bytes, 0).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
    };
    let mut damaged = Vec::new();
    for (from, to, byte) in [(0, 8192, 0xA5), (0, 8192, 0), (8, 16, 7), (128, 384, 0xFF), (4096, 8192, 0xA5)]
    {
        let mut bytes = sound.clone();
        bytes[from..to].fill(byte);
        damaged.push(bytes);
    }
    damaged.push(Vec::new());
    for bytes in damaged {
        overwrite(&bytes);
        let begin = Instant::now();
        // Each goes on or says what to do; none hangs, and none waits.
        let errors = [db.read().err(), db.write().err(), db.readers().err()];
        for error in errors.into_iter().flatten() {
            assert!(error.to_string().contains("delete the lock file"), "{error}");
        }
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
        overwrite(&sound);
    }
    assert_eq!(rows(&db).unwrap(), (100, 1));
    // A newcomer.
    for (from, to) in [(0, 8), (8, 16), (128, 384)] {
        let mut bytes = sound.clone();
        bytes[from..to].fill(0x5A);
        overwrite(&bytes);
        let begin = Instant::now();
        let said = OtherProcess::start("hold_an_item", temp.path()).hear();
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert!(said.contains("lock file"), "{said}");
        overwrite(&sound);
    }
}

/// In another process: opens the database, and says what came of it.
pub(crate) fn hold_an_item(path: &Path) {
    match temp::open(path, &OpenOptions::new()) {
        Ok(db) => child::say(&format!("{:?}", rows(&db))),
        Err(error) => child::say(&error.to_string()),
    }
    child::listen();
}

#[test]
fn what_is_salvaged_gets_its_name_when_it_is_whole() {
    let temp = TempDb::new();
    let db = temp.open();
    fill(&db, 10_000, 1);
    let good = temp.folder().join("good.dry");
    let report = db.salvage_to(&good).unwrap();
    assert_eq!((report.rows, report.lost.len()), (10_000, 0));
    assert_eq!(files(temp.folder()).len(), 3, "a lock file, or a hidden one, was made");
    let saved = temp::open(&good, &OpenOptions::new()).unwrap();
    assert_eq!(rows(&saved).unwrap(), (10_000, 1));
    assert_sound(&saved);
    assert_eq!(db.salvage_to(&good).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let missing = temp.folder().join("missing/good.dry");
    assert_eq!(db.salvage_to(missing).unwrap_err().kind(), ErrorKind::FileNotFound);
}

/// In another process: makes a copy, and stands still in the middle.
pub(crate) fn back_up_until_killed(path: &Path) {
    let db = temp::open(path, &OpenOptions::new()).unwrap();
    let copied = db.backup_with(path.with_file_name("copy.dry"), |done, _| {
        if done > 0 {
            child::say("copying");
            child::listen();
        }
    });
    child::say(&format!("{copied:?}"));
}

/// In another process: makes one database after the other.
pub(crate) fn create_until_killed(path: &Path) {
    child::say("ready");
    for number in 0.. {
        let path = path.with_file_name(format!("{number}.dry"));
        drop(temp::open(&path, &OpenOptions::new()).unwrap());
        let db = temp::open(&path, &OpenOptions::new()).unwrap();
        db.backup(path.with_extension("copy")).unwrap();
    }
}

#[test]
fn a_process_that_is_killed_leaves_no_hidden_files() {
    let temp = TempDb::new();
    fill(&temp.open(), 100_000, 1);
    let names = || files(temp.folder()).into_keys().collect::<Vec<_>>();
    let before = names();
    let mut process = OtherProcess::start("back_up_until_killed", temp.path());
    assert_eq!(process.hear(), "copying");
    process.kill();
    assert_eq!(names(), before);

    let mut numbers = Random::new(1);
    for _ in 0..10 {
        let folder = TempDb::new();
        let mut process = OtherProcess::start("create_until_killed", folder.path());
        assert_eq!(process.hear(), "ready");
        std::thread::sleep(Duration::from_micros(numbers.next() % 60_000));
        process.kill();
        for (path, bytes) in files(folder.folder()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(!name.starts_with('.'), "{name}");
            if !name.ends_with("-lock") {
                assert!(bytes.len() >= 8192, "{name} is not whole");
                temp::open(&path, &OpenOptions::new()).unwrap();
            }
        }
    }
}

/// Puts one row into a new table.
fn one_row(tx: &drystone::WriteTransaction) -> drystone::Result<()> {
    tx.create_table::<Item>("items")?.insert(&Item { id: 0, n: 7 })
}

#[test]
fn a_new_database_that_cannot_be_filled_is_not_made() {
    let temp = TempDb::new();
    let nothing = || assert!(files(temp.folder()).is_empty(), "{:?}", files(temp.folder()).keys());
    let options = OpenOptions::new().mode(0o640);
    let failed = options.create_with(temp.path(), |tx| {
        one_row(tx)?;
        nothing();
        tx.table::<Item>("items")?.insert(&Item { id: 0, n: 8 })
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::KeyExists);
    nothing();
    let panicked = std::panic::catch_unwind(|| {
        options.create_with(temp.path(), |tx| one_row(tx).map(|()| std::panic::resume_unwind(Box::new(5))))
    });
    assert!(panicked.is_err());
    nothing();
    let failed = options.clone().read_only(true).create_with(temp.path(), one_row);
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::ReadOnly);
    nothing();
    let failed = options.create_with(temp.folder().join("no folder/x.dry"), one_row);
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::FileNotFound);
    nothing();
    options.create_with(temp.path(), one_row).unwrap();
    assert_eq!(files(temp.folder()).len(), 2);
    for path in [temp.path(), &lock_of(temp.path())] {
        assert_eq!(std::fs::metadata(path).unwrap().mode() & 0o777, 0o640, "{path:?}");
    }
    let db = temp.open();
    assert_eq!(rows(&db).unwrap(), (1, 7));
    assert_sound(&db);
}

#[test]
fn a_new_database_takes_the_place_of_no_file() {
    let temp = TempDb::new();
    // Another one is made while this one is filled, and stays open.
    let mut other = None;
    let failed = OpenOptions::new().create_with(temp.path(), |tx| {
        let db = other.insert(temp.open());
        fill(db, 5, 3);
        one_row(tx)
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let other = other.unwrap();
    assert_eq!(rows(&other).unwrap(), (5, 3));
    fill(&other, 6, 4);
    drop(other);
    assert_eq!(rows(&temp.open()).unwrap(), (6, 4));
    let before = files(temp.folder());
    let failed = OpenOptions::new().create_with(temp.path(), |_| -> drystone::Result<()> { unreachable!() });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(files(temp.folder()), before);

    // A file of another program where the lock file belongs.
    let temp = TempDb::new();
    std::fs::write(lock_of(temp.path()), "pid 7\n").unwrap();
    let failed = OpenOptions::new().create_with(temp.path(), |_| -> drystone::Result<()> { unreachable!() });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(files(temp.folder()).len(), 1);
}
