//! Making files. A file gets its name when it is whole, so a crash or a kill leaves no half-made
//! one. Opening, `backup` and `salvage` use it.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;
use parking_lot::Mutex;
use tempfile::NamedTempFile;

use super::file::{MappedFile, allocate};
use super::own::descriptor_path;
#[cfg(feature = "simulation")]
use super::simulated::{Event, Making, note};
use super::{Mapping, Storage};

/// How many links the system follows, one after another.
const LINKS: usize = 40;

/// Who may use a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// The nine bits, whatever the umask is.
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

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file in the folder where it will get its name. It is deleted when it is dropped or the process
/// dies.
enum Temporary {
    Unnamed(File),
    /// For file systems without unnamed files. This one stays if the process is killed.
    Named(NamedTempFile),
}

impl Temporary {
    fn new(path: &Path, rights: Rights) -> io::Result<Temporary> {
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

    fn file(&self) -> &File {
        match self {
            Temporary::Unnamed(file) => file,
            Temporary::Named(file) => file.as_file(),
        }
    }

    /// A path by which the file can be opened while it has no other.
    fn path(&self) -> PathBuf {
        match self {
            Temporary::Unnamed(file) => descriptor_path(file),
            Temporary::Named(file) => file.path().to_owned(),
        }
    }

    /// Gives the file its name. `AlreadyExists` if another file has it.
    fn name(self, path: &Path) -> io::Result<()> {
        match self {
            Temporary::Unnamed(file) => {
                let from = descriptor_path(&file);
                Ok(linkat(AT_FDCWD, &from, AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)?)
            }
            Temporary::Named(file) => file.persist_noclobber(path).map(drop).map_err(|error| error.error),
        }
    }
}

/// A new file before it has its name. It is written, but not mapped: its mapping is empty. It is
/// deleted if it is dropped before [`keep`](NewFile::keep).
pub(crate) struct NewFile {
    file: Temporary,
    path: PathBuf,
    len: Mutex<u64>,
    nothing: MappedFile,
}

impl NewFile {
    /// An empty file that will have this name. `AlreadyExists` if a file has it.
    pub(crate) fn new(path: &Path, mode: u32) -> io::Result<NewFile> {
        if path.symlink_metadata().is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        // The current folder of the process may change before the file gets its name.
        let path = std::path::absolute(path)?;
        let file = Temporary::new(&path, Rights { mode, user: None, group: None })?;
        Ok(NewFile { file, path, len: Mutex::new(0), nothing: MappedFile::anonymous(0, 0)? })
    }

    /// A path by which the file can be opened before it has its name.
    pub(crate) fn path_until_kept(&self) -> PathBuf {
        self.file.path()
    }

    /// Makes the file durable, then gives it its name. `AlreadyExists` if another file has it by
    /// now.
    pub(crate) fn keep(self) -> io::Result<()> {
        self.file.file().sync_all()?;
        #[cfg(feature = "simulation")]
        note(Making::Content(Event::Sync));
        // The name is durable only if its folder is synced. The folder is opened before the file
        // gets its name, so that a folder that cannot be opened is an error in time.
        let folder = File::open(folder_of(&self.path))?;
        self.file.name(&self.path)?;
        #[cfg(feature = "simulation")]
        note(Making::Named);
        folder.sync_all()?;
        #[cfg(feature = "simulation")]
        note(Making::FolderSynced);
        Ok(())
    }
}

impl Storage for Arc<NewFile> {
    fn mapping(&self) -> &Mapping {
        self.nothing.mapping()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.file().read_exact_at(into, offset)
    }

    fn fetch(&self, _offset: u64, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.file().write_all_at(bytes, offset)?;
        #[cfg(feature = "simulation")]
        note(Making::Content(Event::Write { offset, bytes: bytes.into() }));
        Ok(())
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        let mut len = self.len.lock();
        if bytes > *len {
            allocate(self.file.file(), *len, bytes - *len)?;
            *len = bytes;
            #[cfg(feature = "simulation")]
            note(Making::Content(Event::Length(bytes)));
        }
        Ok(())
    }

    fn shrink(&self, bytes: u64) -> io::Result<()> {
        let mut len = self.len.lock();
        if bytes < *len {
            self.file.file().set_len(bytes)?;
            *len = bytes;
            #[cfg(feature = "simulation")]
            note(Making::Content(Event::Length(bytes)));
        }
        Ok(())
    }

    fn discard(&self, _offset: u64, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn refresh(&self) -> io::Result<u64> {
        Ok(*self.len.lock())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.file().sync_data()?;
        #[cfg(feature = "simulation")]
        note(Making::Content(Event::Sync));
        Ok(())
    }
}
