//! The bad lines of an input, set aside in a file. `load` opens it, and the reader of the input
//! writes to it.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drystone::Result;

use super::target::Target;
use crate::report::failed;

/// A handle to the file of bad lines.
#[derive(Clone)]
pub(crate) struct Aside(Arc<Mutex<Option<BufWriter<Target>>>>);

impl Aside {
    pub(crate) fn new(target: Target) -> Aside {
        Aside(Arc::new(Mutex::new(Some(BufWriter::new(target)))))
    }

    fn lock(&self) -> MutexGuard<'_, Option<BufWriter<Target>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the file its name. Nothing is written after that.
    pub(crate) fn finish(&self) -> Result<()> {
        let Some(output) = self.lock().take() else { return Ok(()) };
        output.into_inner().map_err(|error| failed(error.into_error()))?.finish().map(drop)
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().as_mut().map_or(Ok(bytes.len()), |output| output.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().as_mut().map_or(Ok(()), |output| output.flush())
    }
}
