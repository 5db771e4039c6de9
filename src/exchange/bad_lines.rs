//! What the readers of text do with a line that they cannot read: it ends the reading, or it is
//! skipped, counted, set aside and explained.

use std::io::Write;

use super::missing;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::FieldDef;

/// Is called with the error of each line that is skipped.
pub(super) type Explain = Box<dyn FnMut(&Error) -> Result<()> + Send>;

/// The bad lines of one input.
pub(super) struct BadLines<W> {
    pub(super) skip: bool,
    pub(super) count: u64,
    /// What is written before the first bad line.
    header: Option<Box<[u8]>>,
    aside: Option<W>,
    explain: Option<Explain>,
}

impl<W: Write> BadLines<W> {
    pub(super) fn new(skip: bool, header: Option<Box<[u8]>>) -> BadLines<W> {
        BadLines { skip, count: 0, header, aside: None, explain: None }
    }

    /// The same, with bad lines written to `output`.
    pub(super) fn to<V: Write>(self, output: V) -> BadLines<V> {
        BadLines {
            skip: true,
            count: self.count,
            header: self.header,
            aside: Some(output),
            explain: self.explain,
        }
    }

    /// The same, with a call for each bad line.
    pub(super) fn explained(self, explain: Explain) -> BadLines<W> {
        BadLines { skip: true, explain: Some(explain), ..self }
    }

    /// Takes a bad line, or returns its error if it is not to be skipped.
    #[cold]
    pub(super) fn take(
        &mut self,
        raw: &[u8],
        line_break: &[u8],
        error: impl FnOnce() -> Error,
    ) -> Result<()> {
        if !self.skip {
            return Err(error());
        }
        self.count += 1;
        if let Some(explain) = &mut self.explain {
            explain(&error())?;
        }
        let Some(output) = &mut self.aside else { return Ok(()) };
        let header = self.header.take();
        for part in header.as_deref().into_iter().chain([raw]).flat_map(|line| [line, line_break]) {
            output.write_all(part).map_err(|error| Error::io("cannot set a bad line aside", error))?;
        }
        Ok(())
    }

    /// Flushes the output, at the end of the input.
    pub(super) fn flush(&mut self) -> Result<()> {
        let Some(output) = &mut self.aside else { return Ok(()) };
        output.flush().map_err(|error| Error::io("cannot set bad lines aside", error))
    }
}

/// The error for a missing value in a field that is not nullable.
#[cold]
pub(super) fn missing_value(field: &FieldDef, text: &str) -> Error {
    Error::new(ErrorKind::Value, missing(field, text))
        .of_field(field.name())
        .of_text(text, &format!("{} (the value is missing)", field.ty()))
}
