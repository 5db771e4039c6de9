//! Where a command writes its output: a file that is replaced when the output is whole, a pipe or a
//! device that is written as it is, or standard output. Every command that writes a file uses it.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use drystone::{Error, Result};
use flate2::write::GzEncoder;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;

use super::Compression;
use super::durable::{Durable, copy, sync_folder};
use crate::interrupts::{Unfinished, held_off};
use crate::report::{Stdout, closed, stdout};

/// How many links are followed, one after another, as by the system.
const LINKS: usize = 40;
/// The names of temporary files begin with this.
const PREFIX: &str = ".drystone-";

/// An output. Bytes are compressed if the name ends with `.gz` or `.zst`.
/// [`finish`](Target::finish) gives a file its name; dropped before that, it leaves nothing behind.
pub(crate) struct Target {
    /// The name for messages.
    name: String,
    stream: Stream,
    place: Place,
}

enum Stream {
    Plain(Counted),
    Gzip(GzEncoder<Counted>),
    Zstd(zstd::Encoder<'static, Counted>),
}

/// Counts the bytes that are written.
struct Counted {
    to: Open,
    bytes: u64,
}

enum Open {
    Stdout(Stdout),
    File(Durable),
    /// A device.
    Device(File),
    /// Its reader may close it, as that of standard output.
    Pipe(File),
}

/// Where the bytes are, and what is left to do when all are written.
enum Place {
    Stdout,
    /// A device, a pipe, or a file that cannot be replaced: it is written as it is.
    Through,
    /// A file without a name, which gets one.
    Unnamed(Naming),
    /// A file with a temporary name, where the file system has none without a name.
    Named(Unfinished, Naming),
}

/// The name that a file gets.
struct Naming {
    path: PathBuf,
    /// The file that has the name already, open for writing.
    old: Option<File>,
}

/// What stands at the end of a path, behind all links.
enum Found {
    Nothing(PathBuf),
    File(PathBuf, Metadata),
    /// Neither a file nor a folder, or a file that the process was given open.
    Other(Metadata),
}

impl Target {
    pub(crate) fn stdout() -> Target {
        let stream = Stream::Plain(Counted { to: Open::Stdout(stdout()), bytes: 0 });
        Target { name: "standard output".into(), stream, place: Place::Stdout }
    }

    /// Opens what stands at a path, or standard output for `-`. Follows links. Refuses to write to
    /// the files of these databases.
    pub(crate) fn open(path: &Path, databases: &[&Path]) -> Result<Target> {
        if path == Path::new("-") {
            return Ok(Target::stdout());
        }
        let failed = |error| Error::io(format_args!("cannot write {}", path.display()), error);
        for database in databases {
            let mut lock = database.as_os_str().to_owned();
            lock.push("-lock");
            for (used, what) in [(*database, "the database"), (Path::new(&lock), "the database's lock file")]
            {
                if is_same_file(path, used) {
                    return Err(failed(io::Error::other(format!("it is {what}"))));
                }
            }
        }
        Target::at(path).map_err(failed)
    }

    fn at(path: &Path) -> io::Result<Target> {
        let compression = Compression::of_name(path);
        let make = |open, place| Target::new(path.display().to_string(), open, compression, place);
        let (place, old) = match look(path)? {
            Found::Other(metadata) => {
                let output = File::from(io::stdout().as_fd().try_clone_to_owned()?).metadata();
                if output.is_ok_and(|output| (output.dev(), output.ino()) == (metadata.dev(), metadata.ino()))
                {
                    return make(Open::Stdout(stdout()), Place::Stdout);
                }
                let is_pipe = metadata.file_type().is_fifo();
                let file = OpenOptions::new().append(true).open(path)?;
                return make(if is_pipe { Open::Pipe(file) } else { Open::Device(file) }, Place::Through);
            }
            Found::Nothing(place) => (place, None),
            // Opened now, so that a file that must not be written is an error before the work.
            Found::File(place, metadata) => {
                let old = OpenOptions::new().write(true).open(&place)?;
                (place, Some((old, metadata)))
            }
        };
        let folder = folder_of(&place).to_owned();
        match unnamed(&folder, old.is_some()) {
            Ok(file) => {
                old.as_ref().map_or(Ok(()), |(_, metadata)| take_over(metadata, &file))?;
                let old = old.map(|(old, _)| old);
                make(Open::File(Durable::new(file)), Place::Unnamed(Naming { path: place, old }))
            }
            Err(_) => match named(&folder, old.is_some()) {
                Ok((file, name)) => {
                    old.as_ref().map_or(Ok(()), |(_, metadata)| take_over(metadata, &file))?;
                    let old = old.map(|(old, _)| old);
                    make(Open::File(Durable::new(file)), Place::Named(name, Naming { path: place, old }))
                }
                // The folder takes no new file, so the old one cannot be replaced.
                Err(error) if !is_refused(&error) => Err(error),
                Err(error) => match old {
                    Some((old, _)) => {
                        old.set_len(0)?;
                        make(Open::File(Durable::new(old)), Place::Through)
                    }
                    None => Err(error),
                },
            },
        }
    }

    fn new(name: String, to: Open, compression: Option<Compression>, place: Place) -> io::Result<Target> {
        let output = Counted { to, bytes: 0 };
        let stream = match compression {
            None => Stream::Plain(output),
            Some(Compression::Gzip) => Stream::Gzip(GzEncoder::new(output, flate2::Compression::default())),
            Some(Compression::Zstd) => {
                Stream::Zstd(zstd::Encoder::new(output, zstd::DEFAULT_COMPRESSION_LEVEL)?)
            }
        };
        Ok(Target { name, stream, place })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether reports on standard output would mix with the output.
    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self.place, Place::Stdout)
    }

    /// Whether the output is a file that others can be made beside.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.place, Place::Unnamed(_) | Place::Named(..))
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match &self.counted().to {
            Open::Stdout(_) => io::stdout().is_terminal(),
            Open::File(file) => file.get().is_terminal(),
            Open::Device(file) | Open::Pipe(file) => file.is_terminal(),
        }
    }

    fn counted(&self) -> &Counted {
        match &self.stream {
            Stream::Plain(output) => output,
            Stream::Gzip(encoder) => encoder.get_ref(),
            Stream::Zstd(encoder) => encoder.get_ref(),
        }
    }

    /// Writes the rest, and gives a file its name. Returns how many bytes were written.
    pub(crate) fn finish(self) -> Result<u64> {
        let name = self.name.clone();
        self.finish_named().map_err(|error| Error::io(format_args!("cannot write {name}"), error))
    }

    fn finish_named(self) -> io::Result<u64> {
        let mut output = match self.stream {
            Stream::Plain(output) => output,
            Stream::Gzip(encoder) => encoder.finish()?,
            Stream::Zstd(encoder) => encoder.finish()?,
        };
        output.flush()?;
        let file = match output.to {
            Open::Stdout(_) | Open::Device(_) | Open::Pipe(_) => return Ok(output.bytes),
            // Before it has its name: a power cut leaves the old file or all of the new one.
            Open::File(file) => file.finish()?,
        };
        let path = match self.place {
            Place::Stdout | Place::Through => return Ok(output.bytes),
            Place::Unnamed(naming) => {
                naming.link(&file)?;
                naming.path
            }
            Place::Named(name, naming) => {
                let renamed = held_off(|| fs::rename(name.path(), &naming.path));
                renamed.or_else(|error| naming.overwrite(&file, error))?;
                naming.path
            }
        };
        sync_folder(folder_of(&path))?;
        Ok(output.bytes)
    }
}

impl Naming {
    /// Gives a file without a name this one.
    fn link(&self, file: &File) -> io::Result<()> {
        let link = |path: &Path| -> io::Result<()> {
            let from = descriptor_path(file);
            Ok(linkat(AT_FDCWD, &from, AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)?)
        };
        let is_new = self.old.is_none();
        match link(&self.path) {
            Err(error) if is_new && error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {}
            Ok(()) => return Ok(()),
        }
        // A link does not replace a file, and a rename does.
        let replaced = held_off(|| {
            let folder = folder_of(&self.path);
            let beside = tempfile::Builder::new().prefix(PREFIX).make_in(folder, link)?;
            beside.into_temp_path().persist(&self.path).map_err(|error| error.error)
        });
        replaced.or_else(|error| self.overwrite(file, error))
    }

    /// Copies the bytes into the file that has the name, if it cannot be replaced: it may be a
    /// mount point, or stand in a folder where only its owner may rename it.
    fn overwrite(&self, file: &File, error: io::Error) -> io::Result<()> {
        let is_fixed = is_refused(&error)
            || matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices);
        let Some(old) = self.old.as_ref().filter(|_| is_fixed) else { return Err(error) };
        copy(file, old)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(output) => output.write(bytes),
            Stream::Gzip(encoder) => encoder.write(bytes),
            Stream::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(output) => output.flush(),
            Stream::Gzip(encoder) => encoder.flush(),
            Stream::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            Open::Stdout(output) => output.write(bytes),
            Open::File(file) => file.write(bytes),
            Open::Device(file) => file.write(bytes),
            Open::Pipe(file) => file.write(bytes).map_err(closed),
        }?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            Open::Stdout(output) => output.flush(),
            Open::File(file) => file.flush(),
            Open::Device(file) | Open::Pipe(file) => file.flush(),
        }
    }
}

/// Whether two paths lead to one file, or will if neither is there yet.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    match (found(one), found(other)) {
        (None, None) => {
            one.file_name() == other.file_name() && found(folder_of(one)) == found(folder_of(other))
        }
        (one, other) => one == other,
    }
}

/// Follows links, and says what stands at their end.
fn look(path: &Path) -> io::Result<Found> {
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(io::Error::other("this is the name of a folder; name a file in it"));
    }
    let mut place = path.to_owned();
    for _ in 0..LINKS {
        let metadata = match place.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing(place)),
            Err(error) => return Err(error),
        };
        let kind = metadata.file_type();
        if kind.is_dir() {
            return Err(io::Error::other("it is a folder; name a file in it"));
        } else if kind.is_socket() {
            return Err(io::Error::other("it is a socket"));
        } else if kind.is_file() {
            return Ok(Found::File(place, metadata));
        } else if !kind.is_symlink() {
            return Ok(Found::Other(metadata));
        }
        let folder = folder_of(&place).canonicalize()?;
        // What stands there is an open file of a process, such as /dev/stdout and /dev/fd/63.
        if folder.starts_with("/proc") {
            return fs::metadata(&place).map(Found::Other);
        }
        place = folder.join(place.read_link()?);
    }
    // The system says in its own words that there are too many links.
    Err(fs::metadata(path).err().unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
}

/// A file without a name in a folder. One that will replace another is for its owner alone at
/// first.
fn unnamed(folder: &Path, is_private: bool) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .mode(mode(is_private))
        .custom_flags((OFlag::O_TMPFILE | OFlag::O_CLOEXEC).bits())
        .open(folder)?;
    // It gets its name through /proc, which may not be mounted.
    descriptor_path(&file).metadata()?;
    Ok(file)
}

/// A file with a temporary name in a folder.
fn named(folder: &Path, is_private: bool) -> io::Result<(File, Unfinished)> {
    Unfinished::make(|| {
        let open = |path: &Path| {
            OpenOptions::new().read(true).write(true).create_new(true).mode(mode(is_private)).open(path)
        };
        let (file, path) = tempfile::Builder::new().prefix(PREFIX).make_in(folder, open)?.into_parts();
        Ok((file, path.keep()?))
    })
}

/// The mode of a new file, from which the system takes the umask away.
fn mode(is_private: bool) -> u32 {
    if is_private { 0o600 } else { 0o666 }
}

/// Gives a file the owner, where that is possible, and the mode of the one that it will replace.
fn take_over(old: &Metadata, file: &File) -> io::Result<()> {
    let new = file.metadata()?;
    if new.uid() != old.uid() && fchown(file, Some(old.uid()), None).is_err() {
        // Only root may give files away. The file stays with the user who writes it.
    }
    let mut mode = old.mode() & 0o7777;
    if new.gid() != old.gid() && fchown(file, None, Some(old.gid())).is_err() {
        // Another group gets no more than everyone.
        mode = mode & 0o7707 | (mode & 0o007) << 3;
    }
    file.set_permissions(Permissions::from_mode(mode))
}

fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// A path that leads to an open file, whether or not it has a name.
fn descriptor_path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
