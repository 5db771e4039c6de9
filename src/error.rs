//! The error type: a kind to match on, and a message that names the thing and the way out.

use std::fmt;
use std::io;

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong: a [kind](ErrorKind) to match on and a message for people.
///
/// The message names the table, field, page or line concerned. It says what was expected, what was
/// found and, if there is one, the way out.
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
    place: Place,
    source: Option<Source>,
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What an error is about, as far as known.
#[derive(Default)]
struct Place {
    table: Option<Box<str>>,
    field: Option<Box<str>>,
    page: Option<u64>,
    line: Option<u64>,
    column: Option<u64>,
    /// The text of an input that is not valid.
    text: Option<Box<str>>,
    /// What is valid there.
    expected: Option<Box<str>>,
}

/// The kinds of [`Error`], for programs to match on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The operating system refused: a full disk, missing rights, a failing device.
    Io,
    /// The file, or a folder on the way to it, does not exist.
    FileNotFound,
    /// The database has no table of this name.
    TableNotFound,
    /// The table has no index of this name.
    IndexNotFound,
    /// The schema has no such field.
    FieldNotFound,
    /// A table, an index or a file of this name exists already.
    AlreadyExists,
    /// The file is not a Drystone database.
    NotADatabase,
    /// The file is empty.
    EmptyFile,
    /// The file is shorter than its own meta page says.
    Truncated,
    /// The file was written in a newer format than this version reads.
    FutureFormat,
    /// The file is damaged: a checksum does not match, or a structure is invalid.
    Corrupt,
    /// The schema is invalid, or two schemas differ where they must agree.
    Schema,
    /// A value does not fit its field: wrong type, too large, too long, or the value reserved for
    /// null.
    Value,
    /// The text of a query is malformed, or its parts do not go together.
    Query,
    /// Another row has this key, or the same values in a unique index.
    KeyExists,
    /// A line of an input, or the input as a whole, is malformed.
    Input,
    /// A row number or an offset is outside the table or the row.
    OutOfRange,
    /// Another thread or process holds a resource, such as the right to write. Try again.
    Busy,
    /// A limit of the format or of an option was reached.
    Limit,
    /// The database was opened read-only.
    ReadOnly,
    /// The handle was opened before a fork and belongs to the parent process.
    AfterFork,
    /// The call is invalid in the current state, or for this kind of table.
    Usage,
    /// An earlier write or sync failed; open the database again before writing.
    Poisoned,
}

impl Error {
    /// An error of this kind with this message.
    ///
    /// ```
    /// use drystone::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Value, "\"five\" is not a number");
    /// assert_eq!(error.kind(), ErrorKind::Value);
    /// assert_eq!(error.to_string(), "\"five\" is not a number");
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        let (message, place) = (message.into(), Place::default());
        Error(Box::new(Inner { kind, message, place, source: None }))
    }

    /// An error of the operating system. `doing` says what failed: `cannot open "x.dry"`.
    ///
    /// The message contains the cause. So [`source`](std::error::Error::source) does not repeat it,
    /// and returns only the source of the cause.
    ///
    /// ```
    /// use std::fs::File;
    ///
    /// use drystone::{Error, ErrorKind};
    ///
    /// let cause = File::open("/no/such/file").unwrap_err();
    /// let error = Error::io("cannot open \"/no/such/file\"", cause);
    /// assert_eq!(error.kind(), ErrorKind::FileNotFound);
    /// assert!(error.to_string().starts_with("cannot open \"/no/such/file\": No such file"));
    /// ```
    pub fn io(doing: impl fmt::Display, source: io::Error) -> Error {
        let source = without_place(source);
        Error::new(kind_of(&source), format!("{doing}: {source}")).with_source(source)
    }

    /// The same error with its cause. The message need not contain the text of the cause.
    ///
    /// ```
    /// use std::error::Error as _;
    ///
    /// use drystone::{Error, ErrorKind};
    ///
    /// let cause = "five".parse::<i32>().unwrap_err();
    /// let error = Error::new(ErrorKind::Value, "\"five\" is not an age").with_source(cause);
    /// assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
    /// ```
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// The error of the operating system behind this one, if there is one: for its code.
    ///
    /// ```
    /// use drystone::Error;
    ///
    /// let error = Error::io("cannot write", std::io::Error::from_raw_os_error(28));
    /// assert_eq!(error.io_error().unwrap().raw_os_error(), Some(28));
    /// ```
    pub fn io_error(&self) -> Option<&io::Error> {
        self.0.source.as_ref()?.downcast_ref()
    }

    /// The kind, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The table that the error is about, if known.
    ///
    /// ```
    /// let db = drystone::Database::in_memory()?;
    /// let error = db.read()?.table::<drystone::Dyn>("points").unwrap_err();
    /// assert_eq!(error.kind(), drystone::ErrorKind::TableNotFound);
    /// assert_eq!(error.table(), Some("points"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn table(&self) -> Option<&str> {
        self.0.place.table.as_deref()
    }

    /// The field that the error is about, if known.
    pub fn field(&self) -> Option<&str> {
        self.0.place.field.as_deref()
    }

    /// The page of the file that is damaged or cannot be read, counted from 0, if known.
    pub fn page(&self) -> Option<u64> {
        self.0.place.page
    }

    /// The line of the input that is malformed, counted from 1, if known.
    pub fn line(&self) -> Option<u64> {
        self.0.place.line
    }

    /// The column in that line, if known: in a CSV the number of the field, in JSON the position of
    /// the value in bytes, both counted from 1.
    pub fn column(&self) -> Option<u64> {
        self.0.place.column
    }

    /// The text of the input that is not valid, shortened if it is long, if known.
    ///
    /// ```
    /// use drystone::{RecordSource, Schema, csv};
    ///
    /// let schema: Schema = "id: u64, delay: i16".parse()?;
    /// let mut reader = csv::Options::new().reader(&schema, "id,delay\n7,late\n".as_bytes())?;
    /// let error = reader.next_record(&mut vec![0; schema.width()]).unwrap_err();
    /// assert_eq!((error.line(), error.column()), (Some(2), Some(2)));
    /// assert_eq!((error.field(), error.text()), (Some("delay"), Some("late")));
    /// assert_eq!(error.expected(), Some("i16 (not a whole number)"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn text(&self) -> Option<&str> {
        self.0.place.text.as_deref()
    }

    /// What was expected in the place of that text, if known.
    pub fn expected(&self) -> Option<&str> {
        self.0.place.expected.as_deref()
    }

    /// The same error with a place before its message: `flights.csv: …`. A place with which the
    /// message begins already is not repeated.
    ///
    /// ```
    /// use drystone::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Input, "no header").within("flights.csv");
    /// assert_eq!(error.to_string(), "flights.csv: no header");
    /// assert_eq!(error.within("flights.csv").to_string(), "flights.csv: no header");
    /// ```
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Error {
        let place = format!("{place}: ");
        if !self.0.message.starts_with(&place) {
            self.0.message.insert_str(0, &place);
        }
        self
    }

    /// The same error with another message, which contains this one.
    #[must_use]
    pub(crate) fn restated(mut self, message: String) -> Error {
        self.0.message = message;
        self
    }

    /// The same error with the table before its message: `table "flights": …`.
    #[must_use]
    pub(crate) fn within_table(self, name: &str) -> Error {
        self.within(format_args!("table {name:?}")).of_table(name)
    }

    /// Notes which table the error is about.
    #[must_use]
    pub(crate) fn of_table(mut self, name: &str) -> Error {
        self.0.place.table.get_or_insert_with(|| name.into());
        self
    }

    /// Notes which field the error is about.
    #[must_use]
    pub(crate) fn of_field(mut self, name: &str) -> Error {
        self.0.place.field.get_or_insert_with(|| name.into());
        self
    }

    /// Notes which page is damaged.
    #[must_use]
    pub(crate) fn of_page(mut self, page: u64) -> Error {
        self.0.place.page.get_or_insert(page);
        self
    }

    /// Notes which text is not valid, and what was expected.
    #[must_use]
    pub(crate) fn of_text(mut self, text: &str, expected: &str) -> Error {
        self.0.place.text.get_or_insert_with(|| text.into());
        self.0.place.expected.get_or_insert_with(|| expected.into());
        self
    }

    /// Notes which line of an input is malformed.
    #[must_use]
    pub(crate) fn of_line(mut self, line: u64) -> Error {
        self.0.place.line.get_or_insert(line);
        self
    }

    /// The same error as that of a malformed line, with the place before its message.
    #[must_use]
    #[cfg_attr(not(any(feature = "csv", feature = "json")), expect(dead_code, reason = "for text formats"))]
    pub(crate) fn in_line(mut self, place: impl fmt::Display, line: u64, column: Option<u64>) -> Error {
        self.0.kind = ErrorKind::Input;
        self.0.place.column = column;
        let column = column.map(|column| format!(", column {column}")).unwrap_or_default();
        self.within(format_args!("{place}{column}")).of_line(line)
    }
}

impl From<io::Error> for Error {
    /// For programs that return this crate's errors and those of the system. Use `Error::io` to
    /// also say what failed.
    fn from(source: io::Error) -> Error {
        let source = without_place(source);
        Error::new(kind_of(&source), source.to_string()).with_source(source)
    }
}

fn kind_of(error: &io::Error) -> ErrorKind {
    if error.kind() == io::ErrorKind::NotFound { ErrorKind::FileNotFound } else { ErrorKind::Io }
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
        // Programs print the message and then each source. Sources that the message already
        // contains are skipped.
        let source = self.0.source.as_deref()?;
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(source);
        while let Some(source) = next.filter(|source| self.0.message.contains(&source.to_string())) {
            next = source.source();
        }
        next
    }
}

/// The same error without the name of a temporary file, which means nothing to the user.
fn without_place(error: io::Error) -> io::Error {
    // The crate `tempfile` adds the name, in a private type.
    let is_named = error.get_ref().is_some_and(|custom| format!("{custom:?}").starts_with("PathError {"));
    let text = error.to_string();
    match text.split_once(" at path ").filter(|_| is_named) {
        Some((cause, _)) => io::Error::new(error.kind(), cause),
        None => error,
    }
}

/// Returns an error of this kind with a formatted message.
macro_rules! bail {
    ($kind:ident, $($message:tt)+) => {
        return Err($crate::error::Error::new($crate::error::ErrorKind::$kind, format!($($message)+)))
    };
}
pub(crate) use bail;

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    /// An error with another one as its source.
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

    /// The error and its sources, as programs print them.
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
        assert_eq!(error.kind(), ErrorKind::FileNotFound);
        assert_eq!(chain(&error), "cannot create \"x.dry\": No such file or directory (os error 2)");
    }
}
