//! Files whose locks end with the process that took them, even if it has forked. The database file
//! and the lock file are such files.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use super::byte_lock::release_all;
use super::fork::{Entry, Process, forks};

/// How often a file is opened again because another thread forks meanwhile. There is a limit,
/// because that thread may be waiting for this one.
const TRIES: usize = 1000;

/// A file that may carry locks. They belong to the open file, which a forked child shares with its
/// parent: as long as the child lived, it would hold its parent's locks. So in a child the
/// descriptor is pointed at another file at once.
pub(super) struct OwnFile {
    file: File,
    entry: &'static Entry,
    process: Process,
}

impl OwnFile {
    /// Opens a file and notes its descriptor.
    pub(super) fn new(open: impl Fn() -> io::Result<File>) -> io::Result<OwnFile> {
        let process = Process::this();
        for _ in 0..TRIES {
            let before = forks();
            if before.is_some() {
                let own = OwnFile::note(open()?, process);
                if before == forks() {
                    return Ok(own);
                }
                // A child may have got the descriptor before it was noted, and keeps it: open the
                // file again.
            }
            std::thread::yield_now();
        }
        open().map(|file| OwnFile::note(file, process))
    }

    fn note(file: File, process: Process) -> OwnFile {
        let entry = Entry::take(file.as_raw_fd());
        OwnFile { file, entry, process }
    }

    /// An error in a child of the process that opened the file.
    pub(super) fn check_process(&self) -> io::Result<()> {
        self.process.check()
    }
}

impl Deref for OwnFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        // In a child the locks are the parent's, and the entry is no longer this file's.
        if self.process.check().is_ok() {
            release_all(&self.file);
            self.entry.clear();
        }
    }
}

/// The same file opened again, to be mapped. A mapping keeps the open file that it was made from,
/// and with it the locks that were taken through that one; and a forked child has the mappings of
/// its parent. If /proc is not mounted it is the same open file, and the locks on the database last
/// as long as the child.
pub(super) fn to_map(file: &File) -> io::Result<File> {
    File::open(descriptor_path(file)).or_else(|_| file.try_clone())
}

/// A path that leads to an open file, whether or not it has a name.
pub(super) fn descriptor_path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
