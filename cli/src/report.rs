//! What a command says to its user: results on standard output, messages on standard error, an exit
//! code at the end. Every command uses it; it knows no command and no format.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use drystone::{Error, ErrorKind, Result};

/// How a command ended that did not fail.
pub(crate) enum Outcome {
    Done,
    NotFound,
    Unsound,
    Different,
}

/// The exit code of a command, as the help of `drystone` lists them. Prints the error of one that
/// failed.
pub(crate) fn exit_code(ended: Result<Outcome>) -> ExitCode {
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::NotFound | Outcome::Unsound | Outcome::Different) => ExitCode::from(1),
        // Broken pipe: the reader has closed its end. Not an error.
        Err(error) if is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Prints a message to standard error. Ignores failure: there is no other place to report it.
pub(crate) fn say(message: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// An error of wrong use.
pub(crate) fn wrong_use<T>(message: String) -> Result<T> {
    Err(Error::new(ErrorKind::Usage, message))
}

/// Standard output, with errors that [`is_closed`] recognizes.
pub(crate) struct Stdout(io::Stdout);

pub(crate) fn stdout() -> Stdout {
    Stdout(io::stdout())
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(closed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(closed)
    }
}

/// The source of an error of an output whose reader has closed the pipe. It tells the output from
/// other pipes: a broken pipe elsewhere is a failure.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of the output has closed it")
    }
}

impl std::error::Error for Closed {}

/// Marks an error whose cause is that the reader of a pipe has closed it.
pub(crate) fn closed(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe { io::Error::new(error.kind(), Closed) } else { error }
}

/// Whether the error is that the reader of the output has closed it.
pub(crate) fn is_closed(error: &Error) -> bool {
    error.io_error().and_then(io::Error::get_ref).is_some_and(|source| source.is::<Closed>())
}

/// Prints a report of what was done or found. If its reader has closed standard output, the command
/// continues all the same, with the same exit code.
pub(crate) fn report(text: &str) -> Result<()> {
    match writeln!(stdout(), "{text}").map_err(failed) {
        Err(error) if is_closed(&error) => Ok(()),
        written => written,
    }
}

/// An error for output that could not be written.
pub(crate) fn failed(error: io::Error) -> Error {
    Error::io("cannot write what was found", error)
}
