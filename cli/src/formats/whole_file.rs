//! A file that appears under its name only when it is whole: written under a temporary name beside
//! it, then renamed. For output of commands; databases have their own protocol.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// A temporary file in the folder of `path`, with the rights that a file created there would have.
/// [`finish`] gives it its name; dropped before that, it is deleted.
pub(crate) fn begin(path: &Path) -> io::Result<NamedTempFile> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".drystone-").make_in(folder, |path| File::create_new(path))
}

/// Gives the file its name, in place of a file that has it already.
pub(crate) fn finish(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.persist(path).map(drop).map_err(|error| error.error)
}
