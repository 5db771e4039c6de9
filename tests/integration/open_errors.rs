//! Files that are no database, or not whole: each is an error of its own kind that says what to do.

use std::os::unix::fs::{PermissionsExt, symlink};

use drystone::{Dyn, ErrorKind, OpenOptions, Schema};

use crate::temp::{self, TempDb, assert_sound};

const PAGE: usize = 4096;

/// A closed database with one table of some rows.
fn some_database() -> TempDb {
    let temp = TempDb::new();
    let db = temp.open();
    let schema: Schema = "x: i32".parse().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table("t", &schema).unwrap();
    for x in 0..10_000 {
        table.push(&drystone::RowBuf::from_values(&schema, [x]).unwrap()).unwrap();
    }
    drop(table);
    write.commit().unwrap();
    drop(db);
    temp
}

/// What opening these bytes says. They must still be there afterwards.
#[track_caller]
fn refused(bytes: &[u8]) -> (ErrorKind, String) {
    let temp = TempDb::of_bytes(bytes);
    let error = temp.try_open().expect_err("this was opened");
    let read_only =
        temp::open(temp.path(), &OpenOptions::new().read_only(true)).expect_err("this was opened");
    assert_eq!(error.kind(), read_only.kind());
    assert!(temp.bytes() == bytes, "opening changed a file that it refused");
    assert!(error.to_string().contains("test.dry"), "the error does not name the file: {error}");
    (error.kind(), error.to_string())
}

#[track_caller]
fn assert_refused(bytes: &[u8], kind: ErrorKind, says: &str) {
    let (found, message) = refused(bytes);
    assert_eq!(found, kind, "{message}");
    assert!(message.contains(says), "{message}");
}

#[test]
fn an_empty_file_is_not_taken_for_a_new_database() {
    assert_refused(b"", ErrorKind::EmptyFile, "delete it");
}

#[test]
fn files_of_other_programs_are_not_databases() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10".repeat(800);
    assert_refused(&png, ErrorKind::NotADatabase, "does not start with \"drystone\"");
    let mut sqlite = b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20".to_vec();
    sqlite.resize(4096, 0);
    assert_refused(&sqlite, ErrorKind::NotADatabase, "drystone");
    sqlite.resize(4096 * 5, 0);
    assert_refused(&sqlite, ErrorKind::NotADatabase, "drystone");
    assert_refused(b"carrier,flight\nUA,1545\n", ErrorKind::NotADatabase, "23 bytes");
    assert_refused(&[0; 100_000], ErrorKind::NotADatabase, "drystone");
    assert_refused(&[0xFF; 8192], ErrorKind::NotADatabase, "drystone");
    assert_refused(b"d", ErrorKind::NotADatabase, "1 bytes");
}

#[test]
fn garbage_behind_the_magic_is_damage() {
    let mut bytes = vec![0xA5; 3 * PAGE];
    bytes[..8].copy_from_slice(b"drystone");
    assert_refused(&bytes, ErrorKind::Corrupt, "backup");
    bytes.copy_within(..PAGE, PAGE);
    assert_refused(&bytes, ErrorKind::Corrupt, "backup");
}

#[test]
fn a_file_cut_short_is_truncated_wherever_it_is_cut() {
    let mut whole = some_database().bytes();
    // The file was grown for more than it needs.
    let needed = u64::from_le_bytes(whole[40..48].try_into().unwrap());
    whole.truncate(needed as usize);
    assert!(whole.len() > 40_000);
    let lengths =
        (8..2 * PAGE).step_by(509).chain((2 * PAGE..whole.len()).step_by(1021)).chain([whole.len() - 1]);
    for length in lengths {
        let (kind, message) = refused(&whole[..length]);
        assert_eq!(kind, ErrorKind::Truncated, "{length} bytes: {message}");
        assert!(message.contains(&length.to_string()) && message.contains("cut off"), "{message}");
    }
    // Too little to tell it from any other file.
    for length in 1..8 {
        assert_eq!(refused(&whole[..length]).0, ErrorKind::NotADatabase);
    }
}

#[test]
fn bytes_behind_the_end_do_no_harm() {
    let whole = some_database().bytes();
    for extra in [1, 511, 4096, 100_000, 3_000_000] {
        let mut bytes = whole.clone();
        bytes.resize(whole.len() + extra, 0xA5);
        let temp = TempDb::of_bytes(&bytes);
        let db = temp.open();
        assert_sound(&db);
        let write = db.write().unwrap();
        let mut table = write.table::<Dyn>("t").unwrap();
        assert!(table.set_field(&[7.into()], "x", -1).unwrap());
        drop(table);
        write.commit().unwrap();
        assert_sound(&db);
        assert_eq!(db.read().unwrap().table::<Dyn>("t").unwrap().len(), 10_000);
    }
}

#[test]
fn a_newer_format_is_named_as_such() {
    let mut bytes = some_database().bytes();
    for slot in [0, PAGE] {
        bytes[slot + 8..slot + 12].copy_from_slice(&3_u32.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[slot..slot + 4092]);
        bytes[slot + 4092..slot + 4096].copy_from_slice(&checksum.to_le_bytes());
    }
    assert_refused(&bytes, ErrorKind::FutureFormat, "version 3");
    // With a wrong checksum it is not a newer format, but damage.
    let (first, second) = (bytes[100], bytes[PAGE + 100]);
    bytes[100] = !first;
    bytes[PAGE + 100] = !second;
    assert_refused(&bytes, ErrorKind::Corrupt, "meta pages");
}

#[test]
fn a_meta_page_that_counts_too_many_runs_is_damage() {
    let mut bytes = some_database().bytes();
    for slot in [0, PAGE] {
        bytes[slot + 100..slot + 104].copy_from_slice(&u32::MAX.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[slot..slot + 4092]);
        bytes[slot + 4092..slot + 4096].copy_from_slice(&checksum.to_le_bytes());
    }
    assert_refused(&bytes, ErrorKind::Corrupt, "meta pages");
}

#[test]
fn a_folder_is_no_database() {
    let temp = TempDb::new();
    std::fs::create_dir(temp.path()).unwrap();
    for read_only in [false, true] {
        let error = temp::open(temp.path(), &OpenOptions::new().read_only(read_only)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("directory"), "{error}");
    }
}

#[test]
fn a_device_or_a_pipe_is_no_database_and_does_not_block() {
    let error = temp::open("/dev/null".as_ref(), &OpenOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("not a regular file"), "{error}");
    let temp = TempDb::new();
    let made = std::process::Command::new("mkfifo").arg(temp.path()).status();
    if made.is_ok_and(|made| made.success()) {
        for read_only in [false, true] {
            let error = temp::open(temp.path(), &OpenOptions::new().read_only(read_only)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.to_string().contains("not a regular file"), "{error}");
        }
    }
}

#[test]
fn a_missing_folder_is_named() {
    let temp = TempDb::new();
    let path = temp.folder().join("missing").join("test.dry");
    let error = temp::open(&path, &OpenOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileNotFound);
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
fn a_missing_file_is_made_only_if_that_is_asked_for() {
    let temp = TempDb::new();
    for options in [OpenOptions::new().create(false), OpenOptions::new().read_only(true)] {
        let error = temp::open(temp.path(), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileNotFound);
        assert!(error.to_string().contains("test.dry"), "{error}");
    }
    assert_eq!(std::fs::read_dir(temp.folder()).unwrap().count(), 0, "something was left behind");
    temp.open();
    assert!(temp.path().exists());
}

#[test]
fn a_link_to_nowhere_leads_to_a_new_database() {
    let temp = TempDb::new();
    let there = temp.folder().join("there.dry");
    symlink("there.dry", temp.path()).unwrap();
    let missing = temp::open(temp.path(), &OpenOptions::new().create(false)).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::FileNotFound);
    let first = temp.open();
    assert!(there.is_file() && temp.folder().join("there.dry-lock").is_file());
    assert!(temp.path().is_symlink() && !temp.folder().join("test.dry-lock").exists());
    let second = temp::open(&there, &OpenOptions::new()).unwrap();
    let write = first.write().unwrap();
    assert!(second.try_write().unwrap().is_none(), "it is not one database");
    drop(write);
    // A folder that is not there is not made.
    let lost = temp.folder().join("lost.dry");
    symlink("missing/lost.dry", &lost).unwrap();
    assert_eq!(temp::open(&lost, &OpenOptions::new()).unwrap_err().kind(), ErrorKind::FileNotFound);
}

#[test]
fn a_file_without_the_right_to_write_can_be_read() {
    let temp = some_database();
    std::fs::set_permissions(temp.path(), std::fs::Permissions::from_mode(0o400)).unwrap();
    // Root may write everything.
    if std::fs::OpenOptions::new().write(true).open(temp.path()).is_err() {
        let error = temp.try_open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("ermission"), "{error}");
    }
    let db = temp::open(temp.path(), &OpenOptions::new().read_only(true)).unwrap();
    assert_eq!(db.read().unwrap().table::<Dyn>("t").unwrap().len(), 10_000);
    let error = db.write().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[test]
fn a_huge_hole_is_an_error_of_the_system_or_of_the_file() {
    for bits in [40, 46, 50, 62] {
        let temp = TempDb::new();
        let file = std::fs::File::create(temp.path()).unwrap();
        if file.set_len(1 << bits).is_ok() {
            let error = temp.try_open().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::NotADatabase), "{error}");
        }
    }
}
