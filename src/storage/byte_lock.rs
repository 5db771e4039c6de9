//! Locks on single bytes of a file, by `fcntl`.
//!
//! The locks belong to the open file description, not to the process. They end when its last
//! descriptor is closed, also by a kill, and two handles in one process exclude each other.

use std::fs::File;
use std::io;
use std::ops::Range;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

/// How a byte is locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Shared,
    Exclusive,
    None,
}

/// Takes, changes or releases the lock on one byte of a file; `false` if another open file holds it
/// and `wait` is not set.
pub(super) fn lock_byte(file: &File, byte: u64, hold: Hold, wait: bool) -> io::Result<bool> {
    let request = request(byte..byte + 1, hold);
    loop {
        let command = if wait { FcntlArg::F_OFD_SETLKW(&request) } else { FcntlArg::F_OFD_SETLK(&request) };
        match fcntl(file, command) {
            Ok(_) => return Ok(true),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN | Errno::EACCES) if !wait => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Releases every lock of this open file. Closing does that too, but not if a child that another
/// thread has just forked still has a copy of the descriptor.
pub(super) fn release_all(file: &File) {
    // A length of 0 means all bytes. Nothing can be done about an error.
    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&request(0..0, Hold::None)));
}

/// Whether another open file holds one of these bytes.
pub(super) fn is_locked(file: &File, bytes: Range<u64>) -> io::Result<bool> {
    if bytes.is_empty() {
        return Ok(false);
    }
    let mut request = request(bytes, Hold::Exclusive);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut request))?;
    Ok(request.l_type != libc::F_UNLCK as libc::c_short)
}

fn request(bytes: Range<u64>, hold: Hold) -> libc::flock {
    let kind = match hold {
        Hold::Shared => libc::F_RDLCK,
        Hold::Exclusive => libc::F_WRLCK,
        Hold::None => libc::F_UNLCK,
    };
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: bytes.start as libc::off_t,
        l_len: (bytes.end - bytes.start) as libc::off_t,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn a_locked_byte_is_seen_by_another_handle_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = File::create(&path).unwrap();
        let second = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        assert!(lock_byte(&first, 7, Hold::Exclusive, false).unwrap());
        assert!(!is_locked(&first, 7..8).unwrap());
        assert!(is_locked(&second, 0..9).unwrap());
        assert!(!lock_byte(&second, 7, Hold::Shared, false).unwrap());
        assert!(lock_byte(&second, 8, Hold::Exclusive, false).unwrap());
        drop(first);
        assert!(lock_byte(&second, 7, Hold::Exclusive, false).unwrap());
    }
}
