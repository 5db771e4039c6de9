//! A new database file before it has its name. Opening, `backup` and `salvage` write it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::blocks::allocate;
use super::create::{Rights, Temporary, folder_of};
use super::file::MappedFile;
#[cfg(feature = "simulation")]
use super::simulated::{Event, Making, name_of, note};
use super::{Mapping, Storage};

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
        #[cfg(feature = "simulation")]
        note(|| Making::Begun);
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
        note(|| Making::Content(Event::Sync));
        // The name is durable only if its folder is synced. The folder is opened before the file
        // gets its name, so that a folder that cannot be opened is an error in time.
        let folder = File::open(folder_of(&self.path))?;
        self.file.name(&self.path)?;
        #[cfg(feature = "simulation")]
        note(|| Making::Named(name_of(&self.path)));
        folder.sync_all()?;
        #[cfg(feature = "simulation")]
        note(|| Making::FolderSynced);
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
        note(|| Making::Content(Event::Write { offset, bytes: bytes.into() }));
        Ok(())
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        let mut len = self.len.lock();
        if bytes > *len {
            allocate(self.file.file(), *len, bytes - *len)?;
            *len = bytes;
            #[cfg(feature = "simulation")]
            note(|| Making::Content(Event::Length(bytes)));
        }
        Ok(())
    }

    fn shrink(&self, bytes: u64) -> io::Result<()> {
        let mut len = self.len.lock();
        if bytes < *len {
            self.file.file().set_len(bytes)?;
            *len = bytes;
            #[cfg(feature = "simulation")]
            note(|| Making::Content(Event::Length(bytes)));
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
        note(|| Making::Content(Event::Sync));
        Ok(())
    }
}
