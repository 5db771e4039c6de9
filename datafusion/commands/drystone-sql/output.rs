//! Writing the rows of a query.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv::WriterBuilder;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::errors::ParquetError;
use futures::StreamExt as _;
use tempfile::Builder;

/// The formats of rows.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// Comma-separated values with a header
    Csv,
    /// JSON, an object a line
    Json,
    /// An Arrow stream
    Arrow,
    /// A Parquet file
    Parquet,
}

/// Where rows go, and how they are written.
pub(crate) struct Output {
    format: Format,
    file: Option<PathBuf>,
    /// Whether the time of each statement is printed.
    pub(crate) timing: bool,
}

impl Output {
    /// The format follows from the name of the file, if it is not given.
    pub(crate) fn new(format: Option<Format>, file: Option<&Path>, timing: bool) -> Result<Output> {
        let format = match (format, file) {
            (Some(format), _) => format,
            (None, None) => Format::Table,
            (None, Some(file)) => match file.extension().and_then(|end| end.to_str()) {
                Some("csv") => Format::Csv,
                Some("json" | "jsonl" | "ndjson") => Format::Json,
                Some("arrow" | "arrows") => Format::Arrow,
                Some("parquet") => Format::Parquet,
                _ => {
                    return Err(DataFusionError::Plan(format!(
                        "the name {} does not say in which format to write; add --format",
                        file.display()
                    )));
                }
            },
        };
        if matches!(format, Format::Arrow | Format::Parquet) && file.is_none() && io::stdout().is_terminal() {
            return Err(DataFusionError::Plan(
                "this format is not for a terminal; add --output FILE".to_owned(),
            ));
        }
        Ok(Output { format, file: file.map(Path::to_path_buf), timing })
    }

    /// Whether there is room for the rows of one query only.
    pub(crate) fn is_one_file(&self) -> bool {
        self.file.is_some() || matches!(self.format, Format::Arrow | Format::Parquet)
    }

    /// Writes the rows of a query. A file has its name when it is complete.
    pub(crate) async fn write(&self, rows: SendableRecordBatchStream) -> Result<()> {
        match &self.file {
            Some(file) if !is_device(file) => {
                // A link is followed, and a file that is replaced keeps its mode.
                let target = file.canonicalize().unwrap_or_else(|_| file.clone());
                let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new("."));
                let mode = target.metadata().map_or(Permissions::from_mode(0o666), |old| old.permissions());
                let made = Builder::new().permissions(mode.clone()).tempfile_in(folder)?;
                if target.exists() {
                    made.as_file().set_permissions(mode)?;
                }
                self.write_to(rows, made.as_file().try_clone()?).await?;
                made.as_file().sync_all()?;
                made.persist(&target).map_err(|error| DataFusionError::IoError(error.error))?;
                Ok(File::open(folder)?.sync_all()?)
            }
            Some(file) => self.write_to(rows, File::options().write(true).open(file)?).await,
            None => self.write_to(rows, io::stdout()).await,
        }
    }

    async fn write_to(&self, mut rows: SendableRecordBatchStream, to: impl Write + Send) -> Result<()> {
        let mut writer = Writer::new(self.format, rows.schema(), BufWriter::new(to))?;
        while let Some(batch) = rows.next().await {
            writer.write(&batch?)?;
            // Rows may be there without waiting, and a signal must be noticed.
            tokio::task::consume_budget().await;
        }
        writer.finish()
    }
}

/// Whether something stands there that is written to as it is: a pipe or a device.
fn is_device(file: &Path) -> bool {
    file.metadata().is_ok_and(|there| !there.is_file())
}

/// Writes batches in one of the formats.
enum Writer<W: Write + Send> {
    /// All batches, because the widths of the columns depend on them.
    Table(SchemaRef, Vec<RecordBatch>, W),
    Csv(datafusion::arrow::csv::Writer<W>, bool, SchemaRef),
    Json(LineDelimitedWriter<W>),
    Arrow(StreamWriter<W>),
    Parquet(ArrowWriter<W>),
}

impl<W: Write + Send> Writer<W> {
    fn new(format: Format, schema: SchemaRef, to: W) -> Result<Writer<W>> {
        Ok(match format {
            Format::Table => Writer::Table(schema, Vec::new(), to),
            Format::Csv => Writer::Csv(WriterBuilder::new().with_header(true).build(to), false, schema),
            Format::Json => Writer::Json(LineDelimitedWriter::new(to)),
            Format::Arrow => Writer::Arrow(StreamWriter::try_new(to, &schema)?),
            Format::Parquet => Writer::Parquet(ArrowWriter::try_new(to, schema, None).map_err(parquet)?),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Writer::Table(_, batches, _) => batches.push(batch.clone()),
            Writer::Csv(writer, has_header, _) => {
                writer.write(batch)?;
                *has_header = true;
            }
            Writer::Json(writer) => writer.write(batch)?,
            Writer::Arrow(writer) => writer.write(batch)?,
            Writer::Parquet(writer) => writer.write(batch).map_err(parquet)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        let mut to = match self {
            Writer::Table(schema, batches, mut to) => {
                // A statement without columns, such as `CREATE TABLE`, has nothing to show.
                if !schema.fields().is_empty() {
                    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
                    let batches =
                        if batches.is_empty() { vec![RecordBatch::new_empty(schema)] } else { batches };
                    let ending = if rows == 1 { "" } else { "s" };
                    writeln!(to, "{}\n{rows} row{ending}", pretty_format_batches(&batches)?)?;
                }
                to
            }
            Writer::Csv(mut writer, has_header, schema) => {
                if !has_header {
                    writer.write(&RecordBatch::new_empty(schema))?;
                }
                writer.into_inner()
            }
            Writer::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Writer::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()?
            }
            Writer::Parquet(writer) => writer.into_inner().map_err(parquet)?,
        };
        Ok(to.flush()?)
    }
}

fn parquet(error: ParquetError) -> DataFusionError {
    DataFusionError::ParquetError(Box::new(error))
}

/// Whether the reader of the output has closed its end, which is no error.
pub(crate) fn is_closed(error: &DataFusionError) -> bool {
    let is_closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match error {
        DataFusionError::IoError(error) => is_closed(error),
        DataFusionError::ArrowError(error, _) => match &**error {
            ArrowError::IoError(_, error) => is_closed(error),
            ArrowError::CsvError(text) => text.contains("Broken pipe"),
            _ => false,
        },
        DataFusionError::ParquetError(error) => error.to_string().contains("Broken pipe"),
        _ => false,
    }
}
