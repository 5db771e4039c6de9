//! The bad lines of an input, set aside in a file, with the reasons in another one. `load` opens
//! them, and the reader of the input writes to them.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drystone::{Error, Result};

use super::target::Target;
use crate::report::failed;

/// How many reasons are printed.
const SHOWN: usize = 5;

/// A handle to the bad lines of an input.
#[derive(Clone)]
pub(crate) struct Aside(Arc<Mutex<Files>>);

struct Files {
    lines: Option<BufWriter<Target>>,
    /// `None` if the lines go to a pipe or a device.
    reasons: Option<BufWriter<Target>>,
    /// The first reasons, as messages.
    first: Vec<String>,
}

/// The file of reasons beside a file of bad lines.
pub(crate) fn reasons_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".why");
    name.into()
}

impl Aside {
    /// Sets lines aside in the file `path`, and the reasons in a file beside it.
    pub(crate) fn open(path: &Path, databases: &[&Path]) -> Result<Aside> {
        let lines = Target::open(path, databases)?;
        let reasons = match lines.is_file() {
            true => {
                let mut reasons = BufWriter::new(Target::open(&reasons_path(path), databases)?);
                reasons.write_all(b"line,column,field,text,expected\n").map_err(failed)?;
                Some(reasons)
            }
            false => None,
        };
        let files = Files { lines: Some(BufWriter::new(lines)), reasons, first: Vec::new() };
        Ok(Aside(Arc::new(Mutex::new(files))))
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why a line is bad.
    pub(crate) fn explain(&self, error: &Error) -> Result<()> {
        let mut files = self.lock();
        if files.first.len() < SHOWN {
            files.first.push(error.to_string());
        }
        let Some(reasons) = &mut files.reasons else { return Ok(()) };
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let text = |text: Option<&str>| quoted(text.unwrap_or_default()).into_owned();
        let (line, column) = (number(error.line()), number(error.column()));
        let (field, found, expected) = (text(error.field()), text(error.text()), text(error.expected()));
        writeln!(reasons, "{line},{column},{field},{found},{expected}").map_err(failed)
    }

    /// Gives the files their names. Returns the first reasons. Nothing is written after that.
    pub(crate) fn finish(&self) -> Result<Vec<String>> {
        let mut files = self.lock();
        for output in [files.lines.take(), files.reasons.take()].into_iter().flatten() {
            output.into_inner().map_err(|error| failed(error.into_error()))?.finish()?;
        }
        Ok(std::mem::take(&mut files.first))
    }
}

/// The bad lines.
impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().lines.as_mut().map_or(Ok(bytes.len()), |output| output.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().lines.as_mut().map_or(Ok(()), |output| output.flush())
    }
}

/// A text as a field of a CSV.
fn quoted(text: &str) -> Cow<'_, str> {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        false => text.into(),
    }
}
