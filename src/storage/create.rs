//! Making a database file: whole and durable before it has a name, so that a crash leaves no half-made one.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tempfile::NamedTempFile;

use super::mmap::allocate;
use super::{MappedFile, Mapping, Storage};

/// Writes a new file with these bytes and rights. An existing file is left alone: `AlreadyExists`.
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = temporary(path, mode)?;
    file.write_all(bytes)?;
    keep(file, path)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn temporary(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".drystone-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder_of(path))
}

fn keep(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    // The name is durable only with the folder that holds it.
    File::open(folder_of(path))?.sync_all()
}

/// A file in the making, beside its place and without its name. It is written and not mapped: what is read through its mapping is
/// not there. Dropped before [`keep`](NewFile::keep), it is gone.
pub(crate) struct NewFile {
    file: NamedTempFile,
    path: PathBuf,
    len: Mutex<u64>,
    nothing: MappedFile,
}

impl NewFile {
    /// An empty file that will have this name. `AlreadyExists` if something has it.
    pub(crate) fn new(path: &Path, mode: u32) -> io::Result<NewFile> {
        if path.symlink_metadata().is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let (file, nothing) = (temporary(path, mode)?, MappedFile::anonymous(0, 0)?);
        Ok(NewFile { file, path: path.to_owned(), len: Mutex::new(0), nothing })
    }

    /// Makes the file durable, then gives it its name. `AlreadyExists` if something has got it meanwhile.
    pub(crate) fn keep(self) -> io::Result<()> {
        keep(self.file, &self.path)
    }
}

impl Storage for Arc<NewFile> {
    fn mapping(&self) -> &Mapping {
        self.nothing.mapping()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.as_file().read_exact_at(into, offset)
    }

    fn fetch(&self, _offset: u64, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.as_file().write_all_at(bytes, offset)
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        let mut len = self.len.lock();
        if bytes > *len {
            allocate(self.file.as_file(), *len, bytes - *len)?;
            *len = bytes;
        }
        Ok(())
    }

    fn shrink(&self, bytes: u64) -> io::Result<()> {
        let mut len = self.len.lock();
        if bytes < *len {
            self.file.as_file().set_len(bytes)?;
            *len = bytes;
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
        self.file.as_file().sync_data()
    }
}
