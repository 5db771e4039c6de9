//! Results on standard output: rows as a table, as CSV or as JSON.

use std::error::Error as _;
use std::fmt;
use std::io::{self, BufWriter, StdoutLock, Write};

use clap::ValueEnum;
use drystone::{Error, Result, Row, Schema, csv};

use crate::grid::Grid;

/// How rows are printed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people
    Table,
    /// A header line, then a line a row; missing values are empty
    Csv,
    /// An object a line
    Json,
}

/// Standard output, which may be closed by its reader.
pub(crate) struct Stdout(StdoutLock<'static>);

/// Standard output.
pub(crate) fn stdout() -> Stdout {
    Stdout(io::stdout().lock())
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(closed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(closed)
    }
}

/// What an error of [`Stdout`] carries if nobody reads any longer: another pipe that breaks is a failure, this one is not.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output is closed")
    }
}

impl std::error::Error for Closed {}

fn closed(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe { io::Error::new(error.kind(), Closed) } else { error }
}

/// Whether this error says that nobody reads standard output any longer.
pub(crate) fn is_closed(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.and_then(io::Error::get_ref).is_some_and(|source| source.is::<Closed>())
}

/// Prints a report of what was done, or found. If nobody reads it, that changes nothing of what is to be done, or of the
/// exit code.
pub(crate) fn report(text: &str) -> Result<()> {
    match writeln!(stdout(), "{text}").map_err(failed) {
        Err(error) if is_closed(&error) => Ok(()),
        written => written,
    }
}

/// An error for output that could not be written.
pub(crate) fn failed(error: io::Error) -> Error {
    Error::io("cannot write to standard output", error)
}

/// Prints rows of one schema.
pub(crate) enum Printer {
    Table(Grid<BufWriter<Stdout>>),
    Csv(csv::Writer<Stdout>),
    Json(BufWriter<Stdout>),
}

impl Printer {
    pub(crate) fn new(format: Format, schema: &Schema) -> Result<Printer> {
        Ok(match format {
            Format::Table => {
                let mut grid = Grid::new(BufWriter::new(stdout()));
                for field in schema.fields() {
                    grid.column(field.name(), field.ty().is_number());
                }
                Printer::Table(grid)
            }
            Format::Csv => Printer::Csv(csv::Options::new().writer(schema, stdout())?),
            Format::Json => Printer::Json(BufWriter::new(stdout())),
        })
    }

    pub(crate) fn row(&mut self, row: Row<'_>) -> Result<()> {
        match self {
            Printer::Table(grid) => {
                let cells = row.values().map(|value| value.map(|value| value.to_string()));
                grid.row(cells.collect::<Result<_>>()?).map_err(failed)
            }
            Printer::Csv(writer) => writer.write(row),
            Printer::Json(output) => {
                serde_json::to_writer(&mut *output, &row).map_err(|error| failed(error.into()))?;
                output.write_all(b"\n").map_err(failed)
            }
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Printer::Table(grid) => grid.finish().map_err(failed),
            Printer::Csv(writer) => writer.finish().and_then(|mut output| output.flush().map_err(failed)),
            Printer::Json(mut output) => output.flush().map_err(failed),
        }
    }
}
