//! A folder with files that are made and replaced as a whole: the shards of a table, and the list
//! of them. One process at a time may change it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::create::folder_of;
#[cfg(feature = "simulation")]
use super::simulated::{Event, Making, note};

/// The rights of a new folder: its owner's alone, as those of a new database.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A folder whose files this process may change, until it is dropped.
pub(crate) struct Folder {
    path: PathBuf,
    handle: File,
}

impl Folder {
    /// Opens a folder to change it, and makes it if it is not there. `WouldBlock` if another
    /// process is changing it.
    pub(crate) fn claim(path: &Path) -> io::Result<Folder> {
        let path = std::path::absolute(path)?;
        match fs::DirBuilder::new().mode(FOLDER_MODE).create(&path) {
            Ok(()) => File::open(folder_of(&path))?.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let handle = File::open(&path)?;
        if !handle.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        match handle.try_lock() {
            // Without locks on folders, the user sees to it that one process changes it.
            Err(TryLockError::Error(_)) | Ok(()) => Ok(Folder { path, handle }),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The first bytes of a file, at most this many. `None` if there is no such file.
    pub(crate) fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        match read_beginning(&self.path.join(name), limit) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// Makes a file with these bytes, durable, or puts it in the place of the one of this name.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = format!("{name}-new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(FILE_MODE);
        let mut file = options.open(self.path.join(&unfinished))?;
        #[cfg(feature = "simulation")]
        for step in [
            Making::Begun,
            Making::Named(unfinished.clone()),
            Making::Content(Event::Length(bytes.len() as u64)),
            Making::Content(Event::Write { offset: 0, bytes: bytes.into() }),
        ] {
            note(|| step);
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        #[cfg(feature = "simulation")]
        note(|| Making::Content(Event::Sync));
        self.rename(&unfinished, name)
    }

    /// Renames a file, durably.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        #[cfg(feature = "simulation")]
        note(|| Making::Renamed { from: from.into(), to: to.into() });
        self.sync()
    }

    /// Removes a file, if it is there. Durable after [`sync`](Folder::sync).
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => {
                #[cfg(feature = "simulation")]
                if removed.is_ok() {
                    note(|| Making::Removed(name.into()));
                }
                removed
            }
        }
    }

    /// Makes the names of its files durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()?;
        #[cfg(feature = "simulation")]
        note(|| Making::FolderSynced);
        Ok(())
    }
}

/// A file as a stream.
pub(crate) fn read_stream(path: &Path) -> io::Result<impl Read + use<>> {
    File::open(path)
}

/// The first bytes of a file, at most this many.
pub(crate) fn read_beginning(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
