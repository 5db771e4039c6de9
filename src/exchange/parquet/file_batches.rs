//! Reads Parquet files: which columns are needed, and what is known of them. `decoding.rs` makes
//! record batches of them, and `arrow/pieces.rs` makes records of those.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_schema::{DataType, Field, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;

use super::decoding::{Decoding, Sharing};
use super::input::Input;
use super::{Inferred, Reader};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::exchange::arrow::{Batches, InferredBatches, Matched, Usable, guarded, wide_columns, wide_field};
use crate::exchange::common::Common;
use crate::schema::{Number, Schema};

/// Where Parquet files have their Arrow schema.
const ARROW_SCHEMA: &str = "ARROW:schema";

/// The records of a Parquet file. Columns that no field needs are not decoded.
pub(super) fn reader<R: Read + Seek + Send + 'static>(
    common: &Common,
    sharing: Sharing,
    schema: &Schema,
    input: R,
) -> Result<Reader> {
    let file = ParquetFile::open(common, input)?;
    let mut matched = Matched::new(common, schema, file.metadata.schema())?;
    let wanted: Vec<usize> = (0..matched.fields.len()).filter(|at| matched.fields[*at].is_some()).collect();
    let is_projected = !wanted.is_empty() && wanted.len() < matched.fields.len();
    if is_projected {
        matched.fields = matched.fields.iter().copied().filter(Option::is_some).collect();
    }
    let columns = Projection { at: &wanted, is_projected };
    let (decoding, _) = file.decoding(common, columns)?;
    let conversion = Arc::new(matched.conversion(common, schema));
    let rows = decoding.rows();
    let pieces = decoding.parts(sharing, move |batch| conversion.pieces(batch));
    Ok(Reader::of_pieces(common, schema, matched.notes, rows, Box::new(pieces)))
}

/// The schema of a Parquet file, which this many threads decode.
pub(super) fn infer<R: Read + Seek + Send + 'static>(
    common: &Common,
    threads: usize,
    input: R,
) -> Result<Inferred> {
    let file = ParquetFile::open(common, input)?;
    let fields = file.metadata.schema().fields().len();
    let usable = Usable::new(common, file.metadata.schema())?;
    let is_projected = !usable.at.is_empty() && usable.at.len() < fields;
    let (decoding, schema) = file.decoding(common, Projection { at: &usable.at, is_projected })?;
    let rows = decoding.rows();
    let sharing = Sharing::new(threads, decoding.row_bytes());
    let batches = Box::new(decoding.parts(sharing, std::iter::once));
    let batches = Batches::decoded(schema, rows, batches);
    InferredBatches { common, batches, usable, is_projected }.infer()
}

/// A Parquet file whose end was read, which describes it.
struct ParquetFile<R> {
    input: Input<R>,
    metadata: ArrowReaderMetadata,
}

/// Columns of a file: these if it `is_projected`, all otherwise.
#[derive(Clone, Copy)]
struct Projection<'c> {
    at: &'c [usize],
    is_projected: bool,
}

impl<R: Read + Seek + Send + 'static> ParquetFile<R> {
    fn open(common: &Common, mut input: R) -> Result<ParquetFile<R>> {
        let name = &common.name;
        let length = input
            .seek(SeekFrom::End(0))
            .map_err(|error| Error::io(format_args!("cannot read {name}"), error))?;
        let input = Input::new(input, length);
        let load = |options| guarded(|| ArrowReaderMetadata::load(&input, options));
        // The Arrow schema in a file may have types that Arrow itself does not have. Those of
        // Parquet will do then.
        let metadata = load(ArrowReaderOptions::new()).or_else(|error| {
            load(ArrowReaderOptions::new().with_skip_arrow_metadata(true)).map_err(|_| error)
        });
        let metadata = metadata.map_err(|error| wrong(common, &error))?;
        Ok(ParquetFile { input, metadata })
    }

    /// How these columns are decoded, and their schema.
    fn decoding(self, common: &Common, columns: Projection<'_>) -> Result<(Decoding<R>, SchemaRef)> {
        let mask = if columns.is_projected {
            ProjectionMask::roots(self.metadata.parquet_schema(), columns.at.iter().copied())
        } else {
            ProjectionMask::all()
        };
        check_codecs(common, self.metadata.metadata(), &mask)?;
        let wide = wide(self.metadata.metadata());
        let decoding = Decoding::new(self.input, self.metadata, mask);
        let schema = guarded(|| decoding.schema()).map_err(|error| wrong(common, &error))?;
        Ok((decoding, with_wide(schema, &wide)))
    }
}

/// The columns of whole numbers of 128 bits, which are bytes to Parquet: polars notes in the Arrow
/// schema what they are.
fn wide(metadata: &ParquetMetaData) -> Vec<(String, Number)> {
    let notes = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let arrow = notes.into_iter().find(|note| note.key == ARROW_SCHEMA);
    let message = arrow.and_then(|note| from_base64(note.value.as_deref()?));
    message.map_or(Vec::new(), |message| wide_columns(&message))
}

/// The schema, with the metadata of these columns.
fn with_wide(schema: SchemaRef, wide: &[(String, Number)]) -> SchemaRef {
    if wide.is_empty() {
        return schema;
    }
    let field = |field: &Arc<Field>| match wide.iter().find(|(name, _)| name == field.name()) {
        Some((name, number)) if *field.data_type() == DataType::FixedSizeBinary(16) => {
            Arc::new(wide_field(name, *number, field.is_nullable()))
        }
        _ => Arc::clone(field),
    };
    Arc::new(arrow_schema::Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// The bytes of a text in base64. `None` if it is not base64.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// An error if a column is compressed in a way that cannot be read.
fn check_codecs(common: &Common, metadata: &ParquetMetaData, mask: &ProjectionMask) -> Result<()> {
    for group in metadata.row_groups() {
        for (_, column) in group.columns().iter().enumerate().filter(|(at, _)| mask.leaf_included(*at)) {
            if column.compression() == Compression::LZO {
                bail!(
                    Input,
                    "{}: column {:?} is compressed with LZO, which cannot be read; write the file with zstd",
                    common.name,
                    column.column_path().string()
                );
            }
        }
    }
    Ok(())
}

#[cold]
fn wrong(common: &Common, error: &str) -> Error {
    let message = format!("{}: it is not a valid Parquet file: {error}", common.name);
    Error::new(ErrorKind::Input, message)
}
