//! A CSV file to load: plain, gzip or zstd, from a path or from standard input, read once or twice.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::fd::AsFd;
use std::path::Path;

use drystone::{Error, Result};
use indicatif::ProgressBar;

use crate::progress;

const GZIP: &[u8] = &[0x1F, 0x8B];
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// An input that can be read from its beginning, again if it was opened so.
pub(crate) struct Input {
    name: String,
    file: File,
    start: u64,
    /// The length, if it is a file.
    length: Option<u64>,
}

impl Input {
    /// Opens a file, or standard input for `-`. What is to be read twice but is no file is copied to a temporary one first.
    pub(crate) fn open(path: &Path, twice: bool) -> Result<Input> {
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
        // Standard input may be a file of which somebody has read the beginning.
        let start = if is_file { file.stream_position().map_err(failed)? } else { 0 };
        let mut length = is_file.then_some(metadata.len().saturating_sub(start));
        if twice && length.is_none() {
            let mut copy = tempfile::tempfile().map_err(failed)?;
            let bar = progress::bytes(None, "copying");
            length = Some(io::copy(&mut bar.wrap_read(&mut file), &mut copy).map_err(failed)?);
            bar.finish_and_clear();
            file = copy;
        }
        Ok(Input { name, file, start, length })
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The text from its beginning, decompressed, and the bar that shows how far it was read.
    pub(crate) fn read(&mut self, doing: &'static str) -> Result<(Box<dyn Read>, ProgressBar)> {
        let failed = |error| Error::io(format_args!("cannot read {}", self.name), error);
        if self.length.is_some() {
            self.file.seek(io::SeekFrom::Start(self.start)).map_err(failed)?;
        }
        let bar = progress::bytes(self.length, doing);
        let mut file = bar.wrap_read(self.file.try_clone().map_err(failed)?);
        let mut head = Vec::new();
        (&mut file).take(4).read_to_end(&mut head).map_err(failed)?;
        let is_gzip = head.starts_with(GZIP);
        let is_zstd = head.starts_with(ZSTD);
        let text = io::Cursor::new(head).chain(file);
        let text: Box<dyn Read> = if is_gzip {
            Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(64 << 10, text)))
        } else if is_zstd {
            Box::new(zstd::Decoder::new(text).map_err(failed)?)
        } else {
            Box::new(text)
        };
        Ok((text, bar))
    }
}
