//! The blocks of a file on the disk: reserving them, and giving them back.

use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

/// Reserves blocks for `len` bytes from `offset` and lengthens the file over them.
pub(super) fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    match fallocate_all(file, FallocateFlags::empty(), offset, len) {
        // A file system without fallocate: lengthen the file. A full disk is then an error of a
        // later write. It is an error there too, because the file is never written through the
        // mapping.
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => file.set_len(offset + len),
        done => Ok(done?),
    }
}

/// Frees the blocks of `len` bytes from `offset`, which then read as zeros. A reference to them
/// stays valid: the code that punches a hole is also allowed to write these bytes (see
/// [`Window::slice`](super::Window)), and a page of zeros can be read like any other.
pub(super) fn punch(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let mode = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    Ok(fallocate_all(file, mode, offset, len)?)
}

fn fallocate_all(file: &File, mode: FallocateFlags, offset: u64, len: u64) -> nix::Result<()> {
    loop {
        match fallocate(file, mode, offset as libc::off_t, len as libc::off_t) {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}
