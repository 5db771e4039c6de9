//! What the disk itself costs: plain writes of as many bytes, or of as many pages, and one
//! `fdatasync`. The yardstick of writes.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use crate::data::{Random, Result};

const PAGE_BYTES: u64 = 4096;
const MIB: usize = 1 << 20;

/// A file of plain bytes beside the stores.
pub(crate) struct PlainFile {
    file: File,
    pages: u64,
    random: Random,
}

/// Writes this many bytes to a new file. Returns the file and the time it took.
pub(crate) fn write_file(path: &Path, bytes: u64) -> Result<(PlainFile, f64)> {
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    // Not all the same, so that no layer below can compress them.
    let mut random = Random::new(7);
    let chunk: Vec<u8> = (0..MIB / 8).flat_map(|_| random.next().to_le_bytes()).collect();
    let begun = Instant::now();
    let file = File::options().create_new(true).read(true).write(true).open(path)?;
    let mut written = 0;
    while written < bytes {
        let length = chunk.len().min((bytes - written) as usize);
        file.write_all_at(&chunk[..length], written)?;
        written += length as u64;
    }
    file.sync_data()?;
    let took = begun.elapsed().as_secs_f64();
    Ok((PlainFile { file, pages: (bytes / PAGE_BYTES).max(1), random }, took))
}

impl PlainFile {
    /// Overwrites this many pages at random offsets, in ascending order, as commits do. Never more
    /// pages than the file has.
    pub(crate) fn write_pages(&mut self, pages: u64) -> Result<f64> {
        let page = vec![self.random.next() as u8; PAGE_BYTES as usize];
        let mut places: Vec<u64> = if pages >= self.pages {
            (0..self.pages).collect()
        } else {
            (0..pages).map(|_| self.random.below(self.pages)).collect()
        };
        places.sort_unstable();
        let begun = Instant::now();
        for place in places {
            self.file.write_all_at(&page, place * PAGE_BYTES)?;
        }
        self.file.sync_data()?;
        Ok(begun.elapsed().as_secs_f64())
    }
}

/// How many pages of bytes this process has passed to write calls so far. (The system counts more
/// where the page cache has large folios, and marks all of one as changed. No store here writes
/// through a map.)
pub(crate) fn pages_written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|bytes| bytes.trim().parse::<u64>().ok()).unwrap_or(0).div_ceil(PAGE_BYTES)
}

/// The bytes that a folder uses on the disk.
pub(crate) fn folder_bytes(folder: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path())?,
            Ok(metadata) => metadata.blocks() * 512,
            // A compaction has deleted it meanwhile.
            Err(_) => 0,
        };
    }
    Ok(bytes)
}

/// The private memory of this process, without mapped files.
pub(crate) fn private_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}
