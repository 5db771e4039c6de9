//! Results on standard output or in a file: rows as a table, and in the formats of other systems.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Seek, Write};
use std::path::Path;

use clap::ValueEnum;
use drystone::{Error, ErrorKind, Result, Row, Schema, arrow, csv, json, numpy, parquet};

use crate::grid::Grid;
use crate::projection::Projection;

/// How rows are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people
    Table,
    /// A header line, then a line a row; missing values are empty
    Csv,
    /// An object a line
    #[value(alias = "jsonl")]
    Json,
    /// An Arrow file, also called Feather
    #[value(alias = "feather")]
    Arrow,
    /// An Arrow stream, for pipes
    Arrows,
    /// Parquet, compressed with zstd
    Parquet,
    /// An array of NumPy
    Npy,
}

impl Format {
    /// The format that a name ends with.
    pub(crate) fn of_name(path: &Path) -> Option<Format> {
        Some(match &*path.extension()?.to_str()?.to_ascii_lowercase() {
            "csv" => Format::Csv,
            "json" | "jsonl" | "ndjson" => Format::Json,
            "arrow" | "feather" | "ipc" => Format::Arrow,
            "arrows" => Format::Arrows,
            "parquet" | "pq" => Format::Parquet,
            "npy" => Format::Npy,
            "txt" => Format::Table,
            _ => return None,
        })
    }

    fn is_binary(self) -> bool {
        matches!(self, Format::Arrow | Format::Arrows | Format::Parquet | Format::Npy)
    }
}

/// Standard output, which may be closed by its reader.
pub(crate) struct Stdout(io::Stdout);

/// Standard output.
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
    error.io_error().and_then(io::Error::get_ref).is_some_and(|source| source.is::<Closed>())
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
    Error::io("cannot write what was found", error)
}

/// Prints these fields of rows to standard output.
pub(crate) fn print_rows<'t>(
    format: Format,
    projection: &mut Projection,
    mut rows: impl Iterator<Item = Result<Row<'t>>>,
) -> Result<()> {
    let mut printer = Printer::new(format, projection.schema())?;
    let printed = rows.try_for_each(|row| printer.row(projection.apply(row?)?));
    // What came before an error is printed in any case.
    printer.finish()?;
    printed
}

/// Where rows are printed to.
type Sink = BufWriter<Box<dyn Write + Send>>;

/// Prints rows of one schema.
pub(crate) enum Printer {
    Table(Grid<Sink>),
    Csv(csv::Writer<Sink>),
    Json(json::Writer<Sink>),
    Arrow(arrow::Writer<Sink>),
    Parquet(Box<parquet::Writer<Sink>>),
    Npy(numpy::Writer<Sink>),
    /// Until it is known how many rows there are, which such a file says first, they are kept in a temporary one.
    Spooled(Spool),
}

/// Rows in a temporary file, and where they are to go.
pub(crate) struct Spool {
    schema: Schema,
    rows: BufWriter<File>,
    count: u64,
    output: Sink,
}

impl Printer {
    /// To standard output.
    pub(crate) fn new(format: Format, schema: &Schema) -> Result<Printer> {
        if format.is_binary() && io::stdout().is_terminal() {
            let message = "this format is not for terminals; send it to a file or to another program";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        Printer::to(format, schema, None, Box::new(stdout()))
    }

    /// To wherever. `rows` is how many there will be, if that is known.
    pub(crate) fn to(
        format: Format,
        schema: &Schema,
        rows: Option<u64>,
        output: Box<dyn Write + Send>,
    ) -> Result<Printer> {
        let output = BufWriter::with_capacity(64 << 10, output);
        Ok(match format {
            Format::Table => {
                let mut grid = Grid::new(output);
                for field in schema.fields() {
                    grid.column(field.name(), field.ty().is_number());
                }
                Printer::Table(grid)
            }
            Format::Csv => Printer::Csv(csv::Options::new().writer(schema, output)?),
            Format::Json => Printer::Json(json::Options::new().writer(schema, output)?),
            Format::Arrow => Printer::Arrow(arrow::Options::new().writer(schema, output)?),
            Format::Arrows => {
                Printer::Arrow(arrow::Options::new().format(arrow::Format::Stream).writer(schema, output)?)
            }
            Format::Parquet => Printer::Parquet(Box::new(parquet::Options::new().writer(schema, output)?)),
            Format::Npy => match rows {
                Some(rows) => Printer::Npy(numpy::Options::new().rows(rows).writer(schema, output)?),
                None => {
                    let rows = BufWriter::new(tempfile::tempfile().map_err(failed)?);
                    Printer::Spooled(Spool { schema: schema.clone(), rows, count: 0, output })
                }
            },
        })
    }

    pub(crate) fn row(&mut self, row: Row<'_>) -> Result<()> {
        match self {
            Printer::Table(grid) => {
                let cells = row.values().map(|value| value.map(|value| value.to_string()));
                grid.row(cells.collect::<Result<_>>()?).map_err(failed)
            }
            Printer::Csv(writer) => writer.write(row),
            Printer::Json(writer) => writer.write(row),
            Printer::Arrow(writer) => writer.write(row),
            Printer::Parquet(writer) => writer.write(row),
            Printer::Npy(writer) => writer.write(row),
            Printer::Spooled(spool) => spool.add(row.as_bytes()),
        }
    }

    /// Packed records of the schema, which must be whole.
    pub(crate) fn records(&mut self, schema: &Schema, records: &[u8]) -> Result<()> {
        match self {
            Printer::Csv(writer) => writer.write_records(records),
            Printer::Json(writer) => writer.write_records(records),
            Printer::Arrow(writer) => writer.write_records(records),
            Printer::Parquet(writer) => writer.write_records(records),
            Printer::Npy(writer) => writer.write_records(records),
            Printer::Spooled(spool) => spool.add(records),
            Printer::Table(_) => records
                .chunks_exact(schema.width())
                .try_for_each(|record| self.row(Row::new(schema, record)?)),
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        let mut output = match self {
            Printer::Table(grid) => return grid.finish().map_err(failed),
            Printer::Csv(writer) => writer.finish()?,
            Printer::Json(writer) => writer.finish()?,
            Printer::Arrow(writer) => writer.finish()?,
            Printer::Parquet(writer) => writer.finish()?,
            Printer::Npy(writer) => writer.finish()?,
            Printer::Spooled(spool) => spool.finish()?,
        };
        output.flush().map_err(failed)
    }
}

impl Spool {
    fn add(&mut self, records: &[u8]) -> Result<()> {
        self.count += (records.len() / self.schema.width()) as u64;
        self.rows.write_all(records).map_err(failed)
    }

    fn finish(self) -> Result<Sink> {
        let mut rows = self.rows.into_inner().map_err(|error| failed(error.into_error()))?;
        rows.rewind().map_err(failed)?;
        let mut writer = numpy::Options::new().rows(self.count).writer(&self.schema, self.output)?;
        let mut piece = vec![0; self.schema.width() * (65_536 / self.schema.width()).max(1)];
        let mut left = self.count * self.schema.width() as u64;
        while left > 0 {
            let length = left.min(piece.len() as u64) as usize;
            rows.read_exact(&mut piece[..length]).map_err(failed)?;
            writer.write_records(&piece[..length])?;
            left -= length as u64;
        }
        writer.finish()
    }
}
