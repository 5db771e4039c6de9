//! Rows on standard output or in a file, in any format. Commands that print rows use it. The
//! library writes the formats; this file only picks the one that applies.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};

use drystone::{Result, Row, Schema, arrow, csv, json, numpy, parquet};

use super::Format;
use super::grid::Grid;
use super::projection::Projection;
use super::target::Target;
use crate::report::{failed, wrong_use};

/// Prints these fields of rows to standard output.
pub(crate) fn print_rows<'t>(
    format: Format,
    projection: &mut Projection,
    mut rows: impl Iterator<Item = Result<Row<'t>>>,
) -> Result<()> {
    let mut printer = Printer::new(format, projection.schema())?;
    let printed = rows.try_for_each(|row| printer.row(projection.apply(row?)?));
    // Rows before an error are printed in any case.
    printer.finish()?;
    printed
}

type Sink = BufWriter<Target>;

/// Prints rows of one schema.
pub(crate) enum Printer {
    Table(Grid<Sink>),
    Csv(csv::Writer<Sink>),
    Json(json::Writer<Sink>),
    Arrow(arrow::Writer<Sink>),
    Parquet(Box<parquet::Writer<Sink>>),
    Npy(numpy::Writer<Sink>),
    /// NumPy, if the number of rows is not known: the file begins with it.
    Spooled(Spool),
}

/// Keeps rows in a temporary file until their number is known.
pub(crate) struct Spool {
    schema: Schema,
    rows: BufWriter<File>,
    count: u64,
    output: Sink,
}

impl Printer {
    /// Prints to standard output.
    pub(crate) fn new(format: Format, schema: &Schema) -> Result<Printer> {
        Printer::to(format, schema, None, Target::stdout())
    }

    /// Prints to `output`. Refuses to send a binary format to a terminal. `rows` is how many there
    /// will be, if that is known.
    pub(crate) fn to(format: Format, schema: &Schema, rows: Option<u64>, output: Target) -> Result<Printer> {
        if format.is_binary() && output.is_terminal() {
            return wrong_use(
                "this format is not for terminals; send it to a file or to another program".into(),
            );
        }
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

    /// Prints whole packed records of the schema that the printer was made for.
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

    /// Whether it takes many rows at once faster than a few.
    pub(crate) fn wants_many(&self) -> bool {
        matches!(self, Printer::Csv(_))
    }

    /// Finishes the output. Returns how many bytes it is.
    pub(crate) fn finish(self) -> Result<u64> {
        let output = match self {
            Printer::Table(grid) => grid.finish().map_err(failed)?,
            Printer::Csv(writer) => writer.finish()?,
            Printer::Json(writer) => writer.finish()?,
            Printer::Arrow(writer) => writer.finish()?,
            Printer::Parquet(writer) => writer.finish()?,
            Printer::Npy(writer) => writer.finish()?,
            Printer::Spooled(spool) => spool.finish()?,
        };
        output.into_inner().map_err(|error| failed(error.into_error()))?.finish()
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
