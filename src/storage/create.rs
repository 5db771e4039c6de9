//! Making files. A file gets its name when it is whole, so a crash or a kill leaves no half-made
//! one. The lock file and new databases are made this way.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;
use tempfile::NamedTempFile;

use super::blocks::allocate;
use super::own::descriptor_path;

/// How many links the system follows, one after another.
const LINKS: usize = 40;

/// Who may use a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// The nine permission bits. The umask does not apply.
    pub(crate) mode: u32,
    /// The owner, if it is not to be the process's user.
    pub(crate) user: Option<u32>,
    /// The group, if it is not to be the process's.
    pub(crate) group: Option<u32>,
}

/// Makes a file of zeros with these rights, with its blocks reserved. `AlreadyExists` if a file has
/// its name. It is not made durable: a lock file is of no use after a power cut.
pub(super) fn create_zeros(path: &Path, rights: Rights, bytes: u64) -> io::Result<()> {
    let file = Temporary::new(path, rights)?;
    allocate(file.file(), 0, bytes)?;
    file.name(path)
}

/// The path with its symbolic links resolved, also if there is no file at the end of it yet.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    let mut real = path.to_owned();
    for _ in 0..LINKS {
        if let Ok(there) = real.canonicalize() {
            return there;
        }
        let folder = folder_of(&real).canonicalize().unwrap_or_else(|_| folder_of(&real).to_owned());
        match real.read_link() {
            Ok(to) => real = folder.join(to),
            Err(_) => return real.file_name().map_or_else(|| real.clone(), |name| folder.join(name)),
        }
    }
    real
}

pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file in the folder where it will get its name. It is deleted when it is dropped or the process
/// dies.
pub(super) enum Temporary {
    Unnamed(File),
    /// For file systems without unnamed files. This one stays if the process is killed.
    Named(NamedTempFile),
}

impl Temporary {
    pub(super) fn new(path: &Path, rights: Rights) -> io::Result<Temporary> {
        let folder = folder_of(path);
        let unnamed = OpenOptions::new()
            .read(true)
            .write(true)
            .mode(rights.mode)
            .custom_flags((OFlag::O_TMPFILE | OFlag::O_CLOEXEC).bits())
            .open(folder);
        // It gets its name through /proc, which may not be mounted.
        let unnamed = unnamed.and_then(|file| descriptor_path(&file).metadata().map(|_| file));
        let temporary = match unnamed {
            Ok(file) => Temporary::Unnamed(file),
            Err(_) => Temporary::Named(
                tempfile::Builder::new()
                    .prefix(".drystone-")
                    .permissions(Permissions::from_mode(rights.mode))
                    .tempfile_in(folder)?,
            ),
        };
        let file = temporary.file();
        let metadata = file.metadata()?;
        let user = rights.user.filter(|user| *user != metadata.uid());
        let group = rights.group.filter(|group| *group != metadata.gid());
        if user.is_some() || group.is_some() {
            std::os::unix::fs::fchown(file, user, group)?;
        }
        // Last, because the umask has changed the mode, and a change of the owner may have.
        file.set_permissions(Permissions::from_mode(rights.mode))?;
        Ok(temporary)
    }

    pub(super) fn file(&self) -> &File {
        match self {
            Temporary::Unnamed(file) => file,
            Temporary::Named(file) => file.as_file(),
        }
    }

    /// A path by which the file can be opened while it has no other.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Temporary::Unnamed(file) => descriptor_path(file),
            Temporary::Named(file) => file.path().to_owned(),
        }
    }

    /// Gives the file its name. `AlreadyExists` if another file has it.
    pub(super) fn name(self, path: &Path) -> io::Result<()> {
        match self {
            Temporary::Unnamed(file) => {
                let from = descriptor_path(&file);
                Ok(linkat(AT_FDCWD, &from, AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)?)
            }
            Temporary::Named(file) => file.persist_noclobber(path).map(drop).map_err(|error| error.error),
        }
    }
}
