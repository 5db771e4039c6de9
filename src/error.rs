//! One error for everything: a kind to match on, and a message that names the thing and the way out.

use std::fmt;
use std::io;

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong: a [kind](ErrorKind) to match on and a message for people.
///
/// The message is lower case, names the table, field, page or line concerned, says what was expected and what
/// was found, and, where there is one, the way out.
///
/// ```
/// use drystone::{ErrorKind, Schema};
///
/// let error = "id: u65".parse::<Schema>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Schema);
/// assert!(error.to_string().contains("column 5"));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<io::Error>,
}

/// The kinds of [`Error`], for programs to match on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The operating system refused: a full disk, missing rights, a failing device.
    Io,
    /// A table, a field or a file that does not exist.
    NotFound,
    /// A table or a file that exists already.
    AlreadyExists,
    /// The file is not a Drystone database.
    NotADatabase,
    /// The file has no bytes at all.
    EmptyFile,
    /// The file is shorter than its own meta page says.
    Truncated,
    /// The file was written by a newer format than this program knows.
    FutureFormat,
    /// Bytes in the file are not what was written: a checksum or a structure does not hold.
    Corrupt,
    /// A schema that cannot be, or two schemas that differ where they must agree.
    Schema,
    /// A value that does not fit its field: wrong type, too large, too long, the value reserved for null.
    Value,
    /// The text of a query that cannot be read.
    Query,
    /// Two rows with one key.
    Duplicate,
    /// A line of an input that cannot be read as what it should be.
    Input,
    /// A row number or a range outside the table.
    OutOfRange,
    /// Somebody else is writing.
    Busy,
    /// A limit of the format or of an option was reached.
    Limit,
    /// The call does not fit the state: a table opened twice, a database opened read-only, a handle after `fork`.
    Usage,
    /// An earlier write or sync failed; the database must be opened anew before it is written again.
    Poisoned,
}

impl Error {
    /// An error of this kind with this message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// An error of the operating system, with what was being done: `cannot open "x.dry"`.
    ///
    /// The message holds the cause. So [`source`](std::error::Error::source) does not give it a second
    /// time, only what lies behind it.
    pub fn io(doing: impl fmt::Display, source: io::Error) -> Error {
        let source = without_place(source);
        let kind = if source.kind() == io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Io };
        Error(Box::new(Inner { kind, message: format!("{doing}: {source}"), source: Some(source) }))
    }

    /// The error of the operating system behind an error of kind `Io` or `NotFound`, where there is one:
    /// for its code.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.0.source.as_ref()
    }

    /// The kind, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The same error with the place put before its message: `table "flights": …`.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Error {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Programs print the message and then each source. What the message says already is left out.
        let mut next = self.0.source.as_ref().and_then(std::error::Error::source);
        while let Some(source) = next.filter(|source| self.0.message.contains(&source.to_string())) {
            next = source.source();
        }
        next
    }
}

/// The same error without the name of a temporary file, which means nothing to the reader.
fn without_place(error: io::Error) -> io::Error {
    // The crate `tempfile` adds the name, in a type that it keeps to itself.
    let is_named = error.get_ref().is_some_and(|custom| format!("{custom:?}").starts_with("PathError {"));
    let text = error.to_string();
    match text.split_once(" at path ").filter(|_| is_named) {
        Some((cause, _)) => io::Error::new(error.kind(), cause),
        None => error,
    }
}

/// Shorthand for the many places that end in `Err(Error::new(Kind, format!(…)))`.
macro_rules! fail {
    ($kind:ident, $($message:tt)+) => {
        return Err($crate::error::Error::new($crate::error::ErrorKind::$kind, format!($($message)+)))
    };
}
pub(crate) use fail;

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    /// An error with another behind it.
    #[derive(Debug)]
    struct Outer {
        message: &'static str,
        inner: io::Error,
    }

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.message)
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.inner)
        }
    }

    /// What programs print that show an error with all its sources.
    fn chain(error: &Error) -> String {
        let mut shown = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            shown += &format!(": {source}");
            next = source.source();
        }
        shown
    }

    #[test]
    fn a_cause_is_shown_once() {
        let full = || io::Error::from_raw_os_error(libc::ENOSPC);
        let text = "No space left on device (os error 28)";
        let outer = |message, inner| io::Error::other(Outer { message, inner });
        let cases = [
            (full(), format!("cannot write: {text}")),
            (io::ErrorKind::UnexpectedEof.into(), "cannot write: unexpected end of file".into()),
            (io::Error::other("a reason"), "cannot write: a reason".into()),
            (outer("what it is", full()), format!("cannot write: what it is: {text}")),
            (
                outer("No space left on device (os error 28), and more", full()),
                format!("cannot write: {text}, and more"),
            ),
            (
                outer("one", io::Error::other(Outer { message: "two", inner: full() })),
                format!("cannot write: one: two: {text}"),
            ),
        ];
        for (error, expected) in cases {
            let error = Error::io("cannot write", error).within("here");
            assert_eq!(chain(&error), format!("here: {expected}"));
            assert!(error.io_error().is_some());
        }
    }

    #[test]
    fn the_name_of_a_temporary_file_is_not_shown() {
        let error = tempfile::NamedTempFile::new_in("/no/such/folder").unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/"), "{error}");
        let error = Error::io("cannot create \"x.dry\"", error);
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(chain(&error), "cannot create \"x.dry\": No such file or directory (os error 2)");
    }
}
