//! Parquet files as record batches.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::arrow::{Batches, guarded};

/// This many rows are decoded at a time.
const BATCH_ROWS: usize = 8192;

/// The record batches of a Parquet file. Only what is decoded at a time is in memory.
pub(super) fn open<R: Read + Seek + Send + 'static>(name: &str, mut input: R) -> Result<Batches> {
    let length =
        input.seek(SeekFrom::End(0)).map_err(|error| Error::io(format_args!("cannot read {name}"), error))?;
    let input = Input { input: Arc::new(Mutex::new(input)), length };
    let reader = guarded(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(input)?;
        let rows = builder.metadata().file_metadata().num_rows();
        let reader = builder.with_batch_size(BATCH_ROWS).build()?;
        Ok::<_, ParquetError>((reader, u64::try_from(rows).ok()))
    });
    match reader {
        Ok((reader, rows)) => {
            let schema = arrow_array::RecordBatchReader::schema(&reader);
            Ok(Batches::guarding(schema, rows, reader))
        }
        Err(error) => {
            let message = format!("{name}: it is not a valid Parquet file: {error}");
            Err(Error::new(ErrorKind::Input, message))
        }
    }
}

/// What can be read at any place, one reading at a time.
struct Input<R> {
    input: Arc<Mutex<R>>,
    length: u64,
}

impl<R> Length for Input<R> {
    fn len(&self) -> u64 {
        self.length
    }
}

impl<R: Read + Seek + Send> ChunkReader for Input<R> {
    type T = io::BufReader<Place<R>>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(io::BufReader::new(Place { input: Arc::clone(&self.input), at: start }))
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

/// A reading from a place on.
struct Place<R> {
    input: Arc<Mutex<R>>,
    at: u64,
}

impl<R: Read + Seek> Read for Place<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut input = self.input.lock();
        input.seek(SeekFrom::Start(self.at))?;
        let read = input.read(bytes)?;
        self.at += read as u64;
        Ok(read)
    }
}
