//! `Encoder`: encodes row groups, each column as a task of its own, and writes them in order.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::crew::{Awaited, Crew};
use super::dictionaries::is_worth_it;
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::arrow::{column, to_schema};
use crate::schema::Schema;

/// The records of all groups that are being encoded, if they are not fewer than two groups.
const AHEAD_BYTES: usize = 256 << 20;
/// This many rows of a column become an array at a time, if they do not take more bytes than this.
const PIECE_ROWS: usize = 16_384;
const PIECE_BYTES: usize = 16 << 20;

/// Encodes row groups, and writes them to an output.
pub(super) struct Encoder<W: Write + Send> {
    output: SerializedFileWriter<W>,
    /// They make the encoders of columns with and without a dictionary.
    with_dictionary: ArrowRowGroupWriterFactory,
    without: ArrowRowGroupWriterFactory,
    form: Arc<ColumnForm>,
    crew: Crew,
    /// The groups that are not written yet.
    groups: VecDeque<Group>,
    given: usize,
    /// Memory of a group that was written.
    spare: Vec<u8>,
}

/// How records become columns.
struct ColumnForm {
    schema: Schema,
    arrow: SchemaRef,
}

/// A row group that is being encoded.
struct Group {
    records: Arc<Vec<u8>>,
    columns: Vec<Awaited<Result<ArrowColumnChunk>>>,
}

impl<W: Write + Send> Encoder<W> {
    pub(super) fn new(schema: &Schema, threads: usize, output: W) -> Result<Encoder<W>> {
        let arrow = to_schema(schema);
        let (_, without) = file_writer(&arrow, false, io::sink()).map_err(unwritten)?;
        let (output, with_dictionary) = file_writer(&arrow, true, output).map_err(unwritten)?;
        Ok(Encoder {
            output,
            with_dictionary,
            without,
            form: Arc::new(ColumnForm { schema: schema.clone(), arrow }),
            crew: Crew::new("parquet encoding", threads),
            groups: VecDeque::new(),
            given: 0,
            spare: Vec::new(),
        })
    }

    /// Memory for the records of the next group.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Encodes the records of a group, or lets other threads do it, and writes groups that are
    /// done.
    pub(super) fn add(&mut self, records: Vec<u8>) -> Result<()> {
        let with = self.with_dictionary.create_column_writers(self.given).map_err(unwritten)?;
        let without = self.without.create_column_writers(self.given).map_err(unwritten)?;
        let records = Arc::new(records);
        let columns = with.into_iter().zip(without).enumerate().map(|(at, writers)| {
            let (form, records) = (Arc::clone(&self.form), Arc::clone(&records));
            self.crew.give(move || form.encode(at, &records, writers))
        });
        let columns = columns.collect();
        self.given += 1;
        let ahead = self.ahead(records.len());
        self.groups.push_back(Group { records, columns });
        while self.groups.len() >= ahead {
            self.write_first()?;
        }
        Ok(())
    }

    /// How many groups of this length are kept until the first of them is written.
    fn ahead(&self, bytes: usize) -> usize {
        match self.crew.threads {
            1 => 1,
            // Each thread has a column, and another one waits for it.
            threads => {
                let columns = self.form.schema.fields().len();
                (1 + (2 * threads).div_ceil(columns)).min(AHEAD_BYTES / bytes).max(2)
            }
        }
    }

    fn write_first(&mut self) -> Result<()> {
        let Some(Group { records, columns }) = self.groups.pop_front() else { return Ok(()) };
        // All are waited for, even if one fails.
        let columns: Vec<_> = columns.into_iter().map(|column| self.crew.wait(column)).collect();
        let mut group = self.output.next_row_group().map_err(unwritten)?;
        for column in columns {
            column?.append_to_row_group(&mut group).map_err(unwritten)?;
        }
        group.close().map_err(unwritten)?;
        // The tasks have dropped theirs.
        if let Ok(mut records) = Arc::try_unwrap(records) {
            records.clear();
            self.spare = records;
        }
        Ok(())
    }

    /// Writes the rest and the end, and returns the output.
    pub(super) fn finish(mut self) -> Result<W> {
        while !self.groups.is_empty() {
            self.write_first()?;
        }
        self.output.into_inner().map_err(unwritten)
    }
}

impl ColumnForm {
    /// Encodes a field of all records, with the first of these or, if a dictionary is not worth it,
    /// with the second.
    fn encode(
        &self,
        at: usize,
        records: &[u8],
        (with, without): (ArrowColumnWriter, ArrowColumnWriter),
    ) -> Result<ArrowColumnChunk> {
        let width = self.schema.width();
        let mut output = if is_worth_it(&self.schema, at, records) { with } else { without };
        for piece in records.chunks((PIECE_BYTES / width).clamp(1, PIECE_ROWS) * width) {
            let array = column(&self.schema, at, piece)?;
            for leaf in compute_leaves(self.arrow.field(at), &array).map_err(unwritten)? {
                output.write(&leaf).map_err(unwritten)?;
            }
        }
        output.close().map_err(unwritten)
    }
}

fn file_writer<W: Write + Send>(
    arrow: &SchemaRef,
    has_dictionaries: bool,
    output: W,
) -> Result<(SerializedFileWriter<W>, ArrowRowGroupWriterFactory), ParquetError> {
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(compression);
    let mut properties = properties.set_dictionary_enabled(has_dictionaries).build();
    let parquet = ArrowSchemaConverter::new().convert(arrow)?;
    add_encoded_arrow_schema_to_metadata(arrow, &mut properties);
    let output = SerializedFileWriter::new(output, parquet.root_schema_ptr(), properties.into())?;
    let factory = ArrowRowGroupWriterFactory::new(&output, arrow.clone());
    Ok((output, factory))
}

#[cold]
fn unwritten(error: ParquetError) -> Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => Error::io("cannot write Parquet", *error),
            Err(error) => Error::new(ErrorKind::Io, format!("cannot write Parquet: {error}")),
        },
        other => Error::new(ErrorKind::Io, format!("cannot write Parquet: {other}")),
    }
}
