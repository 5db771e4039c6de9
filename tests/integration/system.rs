//! What tests need of the system and the standard library lacks: small disks, mounts, power cuts,
//! refused locks.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// A file system that is unmounted when this is dropped. `None`, with a printed reason, if mounting
/// is not allowed.
pub(crate) struct Mount {
    folder: TempDir,
    image: Option<PathBuf>,
}

impl Mount {
    /// A small file system in memory.
    pub(crate) fn small(bytes: u64) -> Option<Mount> {
        Mount::new(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"], None)
    }

    /// A folder again, without the right to write.
    pub(crate) fn read_only(folder: &Path) -> Option<Mount> {
        let mount = Mount::new(&["--bind", folder.to_str().unwrap()], None)?;
        let again = Command::new("mount").args(["-o", "remount,bind,ro"]).arg(mount.path()).status().unwrap();
        assert!(again.success());
        Some(mount)
    }

    /// A file system that shows a folder, and keeps changes in another, empty folder. Both are in
    /// `folders`, with a third one for its own use.
    pub(crate) fn overlay(folders: &Path) -> Option<Mount> {
        let [lower, upper, work] = ["lower", "upper", "work"].map(|name| folders.join(name));
        for folder in [&upper, &work] {
            std::fs::create_dir(folder).unwrap();
        }
        let options =
            format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
        Mount::new(&["-t", "overlay", "overlay", "-o", &options], None)
    }

    /// An ext4 file system in a file, which keeps what it has at a power cut.
    pub(crate) fn disk(image: &Path, bytes: u64) -> Option<Mount> {
        File::create(image).and_then(|file| file.set_len(bytes)).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image).status();
        if !made.is_ok_and(|made| made.success()) {
            eprintln!("left out: mkfs.ext4 is not there");
            return None;
        }
        Mount::of_disk(image)
    }

    /// The same file system after the power came back. No file in it may be open.
    pub(crate) fn again(self) -> Mount {
        let image = self.image.clone().unwrap();
        drop(self);
        Mount::of_disk(&image).unwrap()
    }

    fn of_disk(image: &Path) -> Option<Mount> {
        Mount::new(&["-o", "loop", image.to_str().unwrap()], Some(image.to_owned()))
    }

    fn new(arguments: &[&str], image: Option<PathBuf>) -> Option<Mount> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(arguments).arg(folder.path()).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            Some(Mount { folder, image })
        } else {
            eprintln!("left out: file systems cannot be mounted here (are you root?)");
            None
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the file system at once: what was not synced is lost.
    pub(crate) fn cut_power(&self) {
        /// `_IOR('X', 125, u32)`, and the flag that says not to write the journal out.
        const SHUTDOWN: libc::c_ulong = 0x8004_587D;
        const WITHOUT_FLUSH: u32 = 2;
        let root = File::open(self.path()).unwrap();
        let flags = WITHOUT_FLUSH;
        #[expect(unsafe_code, reason = "the standard library has no ioctl")]
        // SAFETY: the call reads one u32, which `flags` is; the descriptor is open.
        let cut = unsafe { libc::ioctl(root.as_raw_fd(), SHUTDOWN, &raw const flags) };
        assert_eq!(cut, 0, "{}", std::io::Error::last_os_error());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A command that another test is just starting may have a file in it open for a moment.
        for _ in 0..100 {
            let unmounted = Command::new("umount").arg(self.folder.path()).output();
            if unmounted.is_ok_and(|unmounted| unmounted.status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Makes the system refuse every lock that this process asks for, with the error of a file system
/// without locks. Returns `false` if that is not possible here.
#[expect(unsafe_code, reason = "the standard library has no prctl")]
pub(crate) fn refuse_locks() -> bool {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // A jump with the statements to skip where it does not hold.
    let unless = |k: u32, jf: u8| libc::sock_filter { code: 0x15, jt: 0, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let give = libc::BPF_RET | libc::BPF_K;
    let refused = libc::SECCOMP_RET_ERRNO | libc::ENOLCK as u32;
    let mut program = [
        statement(load, 0),
        unless(libc::SYS_fcntl as u32, 6),
        statement(load, 24),
        unless(libc::F_OFD_GETLK as u32, 1),
        statement(give, refused),
        // The two others follow on it.
        libc::sock_filter { code: 0x35, jt: 0, jf: 2, k: libc::F_OFD_SETLK as u32 },
        libc::sock_filter { code: 0x25, jt: 1, jf: 0, k: libc::F_OFD_SETLKW as u32 },
        statement(give, refused),
        statement(give, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers only.
    let prepared = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: `filter` names a whole program that outlives the call.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    prepared == 0 && set == 0
}
