//! For tests: what a source gives, or what is inferred of it, to compare one thread with several.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use crate::error::Result;
use crate::exchange::inferred::Inferred;
use crate::load::RecordSource;

/// Records and their places, and errors, up to the end or a failure of the input.
pub(super) fn everything(mut source: impl RecordSource, width: usize) -> Vec<String> {
    let mut given = Vec::new();
    let mut records = vec![0; 3 * width];
    loop {
        match source.next_records(&mut records, width) {
            Ok(0) => break,
            Ok(rows) => {
                for (row, record) in records.chunks_exact(width).take(rows).enumerate() {
                    given.push(format!("{}: {record:?}", source.place() + 1 + row as u64 - rows as u64));
                }
            }
            Err(error) => {
                given.push(error.to_string());
                if error.io_error().is_some() {
                    break;
                }
            }
        }
    }
    given
}

/// What was inferred, or the error.
pub(super) fn told(inferred: Result<Inferred>) -> String {
    match inferred {
        Ok(inferred) => format!("{inferred}\n{inferred:?}"),
        Err(error) => error.to_string(),
    }
}

/// Where bad lines go.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text that comes in pieces, and perhaps fails at its end.
pub(super) struct InPieces {
    text: io::Cursor<Vec<u8>>,
    piece: usize,
    fails: bool,
}

impl InPieces {
    pub(super) fn new(text: &[u8], piece: usize, fails: bool) -> InPieces {
        InPieces { text: io::Cursor::new(text.to_vec()), piece, fails }
    }
}

impl Read for InPieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(self.piece);
        match self.text.read(&mut into[..most])? {
            0 if self.fails => Err(io::Error::other("unplugged")),
            read => Ok(read),
        }
    }
}
