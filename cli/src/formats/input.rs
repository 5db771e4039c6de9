//! The bytes of a file to load: plain, gzip or zstd, from a path or from standard input, read in
//! order or at any place, and again if needed. It knows no format of rows.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::fd::AsFd;
use std::path::Path;

use drystone::{Error, Result};
use indicatif::{ProgressBar, ProgressBarIter};

use super::recognise::HEAD_BYTES;
use crate::progress;

const GZIP: &[u8] = &[0x1F, 0x8B];
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// How many compressed bytes tell the format of what is compressed: as many as a block of zstd.
const PACKED_HEAD_BYTES: u64 = 132 << 10;

/// An input that can be read from its beginning, again if it is a file.
pub(crate) struct Input {
    name: String,
    file: File,
    start: u64,
    /// The length, if it is a file.
    length: Option<u64>,
    /// The first bytes, which can be read only once from a pipe.
    head: Vec<u8>,
    /// The first bytes of the text, not compressed.
    plain_head: Vec<u8>,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub(crate) fn open(path: &Path) -> Result<Input> {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let failed = |error| Error::io(format_args!("cannot open {name}"), error);
        let mut file = if is_stdin {
            File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?)
        } else {
            File::open(path).map_err(failed)?
        };
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let is_file = metadata.is_file();
        // Standard input may be a file whose beginning has been read already.
        let start = if is_file { file.stream_position().map_err(failed)? } else { 0 };
        let length = is_file.then_some(metadata.len().saturating_sub(start));
        let head = read_head(&mut file).map_err(failed)?;
        let plain_head = unpacked(&head);
        Ok(Input { name, file, start, length, head, plain_head })
    }

    /// The name for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first bytes, not decompressed.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The first bytes, decompressed.
    pub(crate) fn plain_head(&self) -> &[u8] {
        &self.plain_head
    }

    /// Whether all of it can be read again.
    pub(crate) fn can_be_read_again(&self) -> bool {
        self.length.is_some()
    }

    /// Makes sure that it can be read again. Copies a pipe to a temporary file.
    pub(crate) fn keep(&mut self) -> Result<()> {
        if self.length.is_none() {
            let (input, bar) = self.raw("copying")?;
            self.copy(input, &bar)?;
        }
        Ok(())
    }

    /// The bytes from the beginning, decompressed, and the bar that shows how far they were read.
    pub(crate) fn read(&mut self, doing: &'static str) -> Result<(Box<dyn Read + Send>, ProgressBar)> {
        let (input, bar) = self.raw(doing)?;
        let failed = |error| Error::io(format_args!("cannot read {}", self.name), error);
        let input: Box<dyn Read + Send> = if self.head.starts_with(GZIP) {
            Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(64 << 10, input)))
        } else if self.head.starts_with(ZSTD) {
            Box::new(zstd::Decoder::new(input).map_err(failed)?)
        } else {
            Box::new(input)
        };
        Ok((input, bar))
    }

    /// The bytes, decompressed, to read at any place. Copies all but a plain file to a temporary
    /// one.
    pub(crate) fn seek(&mut self, doing: &'static str) -> Result<(ProgressBarIter<File>, ProgressBar)> {
        if self.length.is_none() || self.start > 0 || self.is_compressed() {
            let (input, bar) = self.read("copying")?;
            self.copy(input, &bar)?;
        }
        let bar = progress::bytes(self.length, doing);
        Ok((bar.wrap_read(self.again()?), bar))
    }

    fn is_compressed(&self) -> bool {
        self.head.starts_with(GZIP) || self.head.starts_with(ZSTD)
    }

    /// The bytes from the beginning, not decompressed.
    fn raw(&mut self, doing: &'static str) -> Result<(impl Read + Send + use<>, ProgressBar)> {
        let bar = progress::bytes(self.length, doing);
        let file = self.again()?;
        let head = if self.length.is_none() { self.head.clone() } else { Vec::new() };
        Ok((io::Cursor::new(head).chain(bar.wrap_read(file)), bar))
    }

    fn again(&mut self) -> Result<File> {
        let failed = |error| Error::io(format_args!("cannot read {}", self.name), error);
        if self.length.is_some() {
            self.file.seek(io::SeekFrom::Start(self.start)).map_err(failed)?;
        }
        self.file.try_clone().map_err(failed)
    }

    /// Replaces the input by a temporary file with these bytes.
    fn copy(&mut self, mut input: impl Read, bar: &ProgressBar) -> Result<()> {
        let failed = |error| Error::io(format_args!("cannot copy {}", self.name), error);
        let mut copy = tempfile::tempfile().map_err(failed)?;
        self.length = Some(io::copy(&mut input, &mut copy).map_err(failed)?);
        bar.finish_and_clear();
        (self.file, self.start) = (copy, 0);
        self.file.rewind().map_err(failed)?;
        self.head = read_head(&mut self.file).map_err(failed)?;
        Ok(())
    }
}

/// The first bytes of a file: more of them if it is compressed.
fn read_head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    if head.starts_with(GZIP) || head.starts_with(ZSTD) {
        file.take(PACKED_HEAD_BYTES - head.len() as u64).read_to_end(&mut head)?;
    }
    Ok(head)
}

/// The first bytes, decompressed as far as they go.
fn unpacked(head: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let limit = HEAD_BYTES as u64;
    // The bytes end before the stream does: what comes before that error is enough.
    let _ = if head.starts_with(GZIP) {
        flate2::bufread::MultiGzDecoder::new(head).take(limit).read_to_end(&mut plain)
    } else if head.starts_with(ZSTD) {
        zstd::Decoder::new(head).and_then(|decoder| decoder.take(limit).read_to_end(&mut plain))
    } else {
        plain.extend_from_slice(&head[..head.len().min(HEAD_BYTES)]);
        Ok(0)
    };
    plain
}
