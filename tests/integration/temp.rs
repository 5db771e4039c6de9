//! Databases in temporary folders, and the one place where tests open files.

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use drystone::{CheckReport, Database, OpenOptions, Result};
use tempfile::TempDir;

/// A path for a database in a folder of its own, which goes when this is dropped.
pub(crate) struct TempDb {
    folder: TempDir,
    path: PathBuf,
}

impl TempDb {
    /// There is no file yet.
    pub(crate) fn new() -> TempDb {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.dry");
        TempDb { folder, path }
    }

    /// In memory if the system has a folder for that, for tests that write thousands of files:
    /// nothing is synced there.
    pub(crate) fn in_memory_folder() -> TempDb {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("test.dry");
        TempDb { folder, path }
    }

    /// A file of these bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> TempDb {
        let temp = TempDb::new();
        std::fs::write(&temp.path, bytes).unwrap();
        temp
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder, for other files beside the database.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn open(&self) -> Database {
        open(&self.path, &OpenOptions::new()).unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Database> {
        open(&self.path, &OpenOptions::new())
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    /// How much of the disk the file takes: less than its length where it has holes.
    pub(crate) fn disk_bytes(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(&self.path).unwrap().blocks() * 512
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        std::fs::metadata(&self.path).unwrap().len()
    }
}

/// Opens a database that only this test, and the processes that it starts, know of.
#[expect(unsafe_code, reason = "tests open mapped files, in this one place")]
pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<Database> {
    // SAFETY: the files are in temporary folders of the tests. If a test changes one without
    // Drystone, it does so before it opens the file or after it closes it.
    unsafe { options.open(path) }
}

/// A forked child that takes longer than this hangs.
const FORK_SECONDS: libc::c_uint = 60;

/// Runs this in a forked child. Returns whether it returned `true` there. Only for processes that
/// do nothing else.
#[expect(unsafe_code, reason = "the standard library has no fork")]
pub(crate) fn fork(in_child: impl FnOnce() -> bool) -> bool {
    // SAFETY: the caller's process has no other thread that could hold a lock at this moment, such
    // as that of the allocator.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "cannot fork");
    if child == 0 {
        // One that hangs would do so for ever where its parent was killed.
        // SAFETY: sets a timer, whose signal ends this process.
        unsafe { libc::alarm(FORK_SECONDS) };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(in_child)).unwrap_or(false);
        // SAFETY: ends the child at once, without the parent's exit handlers.
        unsafe { libc::_exit(i32::from(!done)) };
    }
    let mut status = 0;
    // SAFETY: `status` is a valid place for an int, and the child is this process's.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    waited == child && status == 0
}

/// Forks a child that sleeps until it is killed. Only for processes that do nothing else.
#[expect(unsafe_code, reason = "the standard library has no fork")]
pub(crate) fn fork_a_sleeper() -> i32 {
    // SAFETY: the child makes system calls only.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "cannot fork");
    if child == 0 {
        for stream in 0..3 {
            // SAFETY: takes a number only. The test waits for all processes that hold its pipes.
            unsafe { libc::close(stream) };
        }
        // SAFETY: takes a number only. No test runs longer.
        unsafe { libc::sleep(600) };
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    child
}

/// Locks one byte of a file for this open file alone.
#[expect(unsafe_code, reason = "the standard library locks whole files only")]
pub(crate) fn lock_byte(file: &std::fs::File, byte: i64) {
    let lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: `lock` is a whole `struct flock` that outlives the call; the descriptor is open.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// Fails, showing the problems, unless the database is sound. Returns the report.
#[track_caller]
pub(crate) fn assert_sound(db: &Database) -> CheckReport {
    let report = db.check().unwrap();
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert!(report.is_sound(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    report
}
