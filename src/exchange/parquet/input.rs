//! `Input`: a Parquet file that several threads read, each at its own positions.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// An input that can be read at any position, by one reader at a time.
pub(super) struct Input<R> {
    input: Arc<Mutex<R>>,
    length: u64,
}

impl<R> Input<R> {
    /// `length` is that of the file.
    pub(super) fn new(input: R, length: u64) -> Input<R> {
        Input { input: Arc::new(Mutex::new(input)), length }
    }
}

impl<R> Clone for Input<R> {
    fn clone(&self) -> Input<R> {
        Input { input: Arc::clone(&self.input), length: self.length }
    }
}

impl<R> Length for Input<R> {
    fn len(&self) -> u64 {
        self.length
    }
}

impl<R: Read + Seek + Send> ChunkReader for Input<R> {
    type T = io::BufReader<ReaderAt<R>>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(io::BufReader::new(ReaderAt { input: Arc::clone(&self.input), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            let message = format!("{length} bytes at {start} lie beyond its {}; it was cut off", self.length);
            return Err(ParquetError::General(message));
        }
        let mut bytes = vec![0; length];
        let mut input = self.input.lock();
        input.seek(SeekFrom::Start(start))?;
        input.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// A reader that starts at a position.
pub(super) struct ReaderAt<R> {
    input: Arc<Mutex<R>>,
    at: u64,
}

impl<R: Read + Seek> Read for ReaderAt<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut input = self.input.lock();
        input.seek(SeekFrom::Start(self.at))?;
        let read = input.read(bytes)?;
        self.at += read as u64;
        Ok(read)
    }
}
