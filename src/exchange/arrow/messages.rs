//! Reads and decodes the messages of an Arrow file or stream. The lengths in a message are checked
//! against the available bytes before memory is allocated: the decoder trusts them, and would
//! allocate any amount.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, CompressionType, MessageHeader, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, Field, SchemaRef};

use super::schema::wide_field;
use crate::schema::Number;

const MAGIC: &[u8] = b"ARROW1";
const CONTINUATION: [u8; 4] = [0xFF; 4];
/// The limit of unpacked bytes of one column of one batch.
const UNPACKED_BYTES: u64 = 4 << 30;
/// The limit of rows in one batch: most columns count them with 32 bits.
const BATCH_ROWS: i64 = 1 << 32;

type Decoded<T> = Result<T, ArrowError>;

/// The batches of a file, by the list at its end.
pub(super) struct FileMessages<R> {
    input: R,
    length: u64,
    schema: SchemaRef,
    decoder: FileDecoder,
    blocks: std::vec::IntoIter<Block>,
}

impl<R: Read + Seek> FileMessages<R> {
    pub(super) fn new(mut input: R) -> Decoded<FileMessages<R>> {
        let length = input.seek(SeekFrom::End(0))?;
        let mut begin = [0; MAGIC.len()];
        input.rewind()?;
        let is_begun = input.read_exact(&mut begin).is_ok() && begin == MAGIC;
        if !is_begun {
            return Err(wrong("it does not begin like one"));
        }
        // The footer, its length, and the magic number again.
        let mut end = [0; 10];
        let Some(before_end) = length.checked_sub(end.len() as u64) else { return Err(wrong(CUT)) };
        input.seek(SeekFrom::Start(before_end))?;
        input.read_exact(&mut end)?;
        let footer_length = read_footer_length(end).map_err(|_| wrong(CUT))?;
        let Some(start) = before_end.checked_sub(footer_length as u64) else { return Err(wrong(CUT)) };
        let mut footer = vec![0; footer_length];
        input.seek(SeekFrom::Start(start))?;
        input.read_exact(&mut footer)?;
        let footer =
            root_as_footer(&footer).map_err(|error| wrong(&format!("its footer is damaged: {error}")))?;
        let schema = footer.schema().ok_or_else(|| wrong("it has no schema"))?;
        let decoder = decoder(schema, footer.version())?;
        let blocks: Vec<Block> = footer.recordBatches().into_iter().flatten().copied().collect();
        let mut messages =
            FileMessages { input, length, schema: decoder.0, decoder: decoder.1, blocks: blocks.into_iter() };
        for block in footer.dictionaries().into_iter().flatten() {
            let bytes = messages.read(block)?;
            messages.decoder.read_dictionary(block, &bytes)?;
        }
        Ok(messages)
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read(&mut self, block: &Block) -> Decoded<Buffer> {
        let parts = (
            u64::try_from(block.offset()),
            u64::try_from(block.metaDataLength()),
            u64::try_from(block.bodyLength()),
        );
        let (Ok(offset), Ok(head), Ok(body)) = parts else { return Err(wrong("a batch of negative length")) };
        let length = head
            .checked_add(body)
            .filter(|length| offset.checked_add(*length).is_some_and(|end| end <= self.length));
        let Some(length) = length else { return Err(wrong("a batch lies beyond its end; it was cut off")) };
        let mut bytes = vec![0; length as usize];
        self.input.seek(SeekFrom::Start(offset))?;
        self.input.read_exact(&mut bytes)?;
        check(&bytes, head as usize)?;
        Ok(Buffer::from_vec(bytes))
    }
}

impl<R: Read + Seek> Iterator for FileMessages<R> {
    type Item = Decoded<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let block = self.blocks.next()?;
            let decoded = self.read(&block).and_then(|bytes| self.decoder.read_record_batch(&block, &bytes));
            if let Some(batch) = decoded.transpose() {
                return Some(batch);
            }
        }
    }
}

/// The batches of a stream, one after the other.
pub(super) struct StreamMessages<R> {
    input: R,
    schema: SchemaRef,
    decoder: FileDecoder,
}

impl<R: Read> StreamMessages<R> {
    pub(super) fn new(mut input: R) -> Decoded<StreamMessages<R>> {
        let Some((bytes, head)) = next_message(&mut input)? else { return Err(wrong("it is empty")) };
        let message =
            root_as_message(unframed(&bytes[..head])?).map_err(|error| wrong(&error.to_string()))?;
        let Some(schema) = message.header_as_schema() else {
            return Err(wrong("it does not begin with a schema"));
        };
        let (schema, decoder) = decoder(schema, message.version())?;
        Ok(StreamMessages { input, schema, decoder })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn advance(&mut self) -> Decoded<Option<RecordBatch>> {
        while let Some((bytes, head)) = next_message(&mut self.input)? {
            let kind = root_as_message(unframed(&bytes[..head])?).map(|message| message.header_type());
            // The decoder reads only at the end of the head, which an i32 gave.
            let block = Block::new(0, head as i32, (bytes.len() - head) as i64);
            let bytes = Buffer::from_vec(bytes);
            match kind {
                Ok(MessageHeader::DictionaryBatch) => self.decoder.read_dictionary(&block, &bytes)?,
                _ => {
                    if let Some(batch) = self.decoder.read_record_batch(&block, &bytes)? {
                        return Ok(Some(batch));
                    }
                }
            }
        }
        Ok(None)
    }
}

impl<R: Read> Iterator for StreamMessages<R> {
    type Item = Decoded<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// The next message with its frame, and how many of its bytes come before the body. A stream ends
/// with an empty message, or after any complete one.
fn next_message(input: &mut impl Read) -> Decoded<Option<(Vec<u8>, usize)>> {
    let mut bytes = take(input, 4)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes == CONTINUATION {
        bytes.extend(take(input, 4)?);
    }
    let Some(length) = bytes.last_chunk::<4>().filter(|_| bytes.len().is_multiple_of(4)) else {
        return Err(wrong(CUT));
    };
    let length =
        u64::try_from(i32::from_le_bytes(*length)).map_err(|_| wrong("a message of negative length"))?;
    if length == 0 {
        return Ok(None);
    }
    let message = take(input, length)?;
    let body = root_as_message(&message).map(|message| message.bodyLength()).map_err(|error| {
        wrong(if (message.len() as u64) < length { CUT.into() } else { error.to_string() }.as_str())
    })?;
    bytes.extend(message);
    let head = bytes.len();
    let body = u64::try_from(body).map_err(|_| wrong("a batch of negative length"))?;
    bytes.append(&mut take(input, body)?);
    if ((bytes.len() - head) as u64) < body {
        return Err(wrong(CUT));
    }
    check(&bytes, head)?;
    Ok(Some((bytes, head)))
}

/// Reads this many bytes, or all that are left. Allocates memory as they come.
fn take(input: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The message without its length and the prefix of that.
fn unframed(head: &[u8]) -> Decoded<&[u8]> {
    let frame = if head.starts_with(&CONTINUATION) { 8 } else { 4 };
    head.get(frame..).ok_or_else(|| wrong("a message without a beginning"))
}

fn decoder(
    schema: arrow_ipc::Schema<'_>,
    version: arrow_ipc::MetadataVersion,
) -> Decoded<(SchemaRef, FileDecoder)> {
    if !schema.endianness().equals_to_target_endianness() {
        return Err(wrong("it was written on a machine of the other byte order"));
    }
    let schema = Arc::new(if has_wide(schema) { with_wide(schema) } else { try_fb_to_schema(schema)? });
    Ok((Arc::clone(&schema), FileDecoder::new(schema, version)))
}

/// Whether a column has whole numbers of 128 bits: polars writes them, and Arrow has none.
fn has_wide(schema: arrow_ipc::Schema<'_>) -> bool {
    schema.fields().into_iter().flatten().any(|field| wide(&field).is_some())
}

/// The type of such a column.
fn wide(field: &arrow_ipc::Field<'_>) -> Option<Number> {
    let int = field.type_as_int().filter(|int| int.bitWidth() == 128 && field.dictionary().is_none())?;
    Some(if int.is_signed() { Number::I128 } else { Number::U128 })
}

/// The columns of whole numbers of 128 bits in a schema that stands in a Parquet file.
#[cfg(feature = "parquet")]
pub(in crate::exchange) fn wide_columns(message: &[u8]) -> Vec<(String, Number)> {
    let message = unframed(message).ok().and_then(|message| root_as_message(message).ok());
    let schema = message.and_then(|message| message.header_as_schema());
    let fields = schema.and_then(|schema| schema.fields()).into_iter().flatten();
    fields.filter_map(|field| Some((field.name()?.to_owned(), wide(&field)?))).collect()
}

/// The schema, with bytes in place of whole numbers of 128 bits: they have the same layout.
fn with_wide(schema: arrow_ipc::Schema<'_>) -> arrow_schema::Schema {
    let field = |field: arrow_ipc::Field<'_>| match wide(&field) {
        Some(number) => wide_field(field.name().unwrap_or_default(), number, field.nullable()),
        None => Field::from(field),
    };
    arrow_schema::Schema::new(schema.fields().into_iter().flatten().map(field).collect::<Vec<_>>())
}

/// An error if a message refers to bytes outside of its body, or to more unpacked bytes than
/// possible.
fn check(bytes: &[u8], head: usize) -> Decoded<()> {
    let (Some(head), Some(body)) = (bytes.get(..head), bytes.get(head..)) else { return Err(wrong(CUT)) };
    let message = root_as_message(unframed(head)?).map_err(|error| wrong(&error.to_string()))?;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|batch| batch.data()),
        _ => return Ok(()),
    };
    let Some(batch) = batch else { return Err(wrong("a batch without its description")) };
    // Columns of nulls alone take no bytes, however many rows are claimed.
    if !(0..=BATCH_ROWS).contains(&batch.length()) {
        return Err(wrong(&format!("a batch of {} rows", batch.length())));
    }
    // One byte of LZ4 gives at most 255 bytes; four bytes of zstd at most a block of 128 KiB.
    let ratio = match batch.compression().map(|compression| compression.codec()) {
        None => None,
        Some(CompressionType::LZ4_FRAME) => Some(256),
        Some(_) => Some(1 << 15),
    };
    for buffer in batch.buffers().into_iter().flatten() {
        let range = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let packed = range.and_then(|(start, length)| body.get(start..start.checked_add(length)?));
        let Some(packed) = packed else { return Err(wrong("a column lies beyond the end of its batch")) };
        if let (Some(ratio), Some(claimed)) = (ratio, packed.first_chunk::<8>()) {
            let claimed = i64::from_le_bytes(*claimed);
            // -1 says that it is not compressed.
            let most = (packed.len() as u64).saturating_mul(ratio).min(UNPACKED_BYTES);
            if claimed != -1 && u64::try_from(claimed).is_ok_and(|claimed| claimed > most) {
                return Err(wrong(&format!(
                    "a column of {} bytes says that it becomes {claimed} when it is unpacked",
                    packed.len()
                )));
            }
        }
    }
    Ok(())
}

const CUT: &str = "its end is missing; it was cut off";

#[cold]
fn wrong(reason: &str) -> ArrowError {
    ArrowError::IpcError(reason.to_owned())
}
