//! Tests of row groups that are cut, one page of which is damaged.

use std::io::Cursor;
use std::sync::OnceLock;

use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use proptest::prelude::*;

use super::decoding::{Decoding, Sharing};
use super::input::Input;
use super::{Options, file_batches};
use crate::exchange::alike::everything;
use crate::exchange::arrow::arrow_array::RecordBatch;
use crate::exchange::arrow::record_batch;
use crate::exchange::threads::refusal;
use crate::schema::Schema;

/// A row group is cut into three pieces of 8192 rows and a shorter one. Another group follows.
const GROUP_ROWS: usize = 30_000;

fn schema() -> Schema {
    "id: u64, stop: u16?, price: f64, tag: str[4], ok: bool".parse().unwrap()
}

fn batch() -> RecordBatch {
    let mut records = Vec::new();
    for row in 0..GROUP_ROWS as u64 + 1000 {
        let mixed = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let stop = if mixed >> 62 == 0 { u16::MAX } else { (mixed >> 57) as u16 };
        records.extend(mixed.to_le_bytes());
        records.extend(stop.to_le_bytes());
        records.extend((mixed as f64).to_le_bytes());
        records.extend(format!("{:04}", mixed % 300).bytes());
        records.push((mixed >> 40 & 1) as u8);
    }
    record_batch(&schema(), &records).unwrap()
}

/// A file of short pages, and what is known of them.
struct Paged {
    file: Vec<u8>,
    /// Where the parts of each column are: a dictionary, pages and the end.
    columns: Vec<Vec<usize>>,
}

fn paged(form: usize) -> Paged {
    let written = |has_index: bool| {
        let has_dictionary = form & 1 == 0;
        let mut properties = WriterProperties::builder()
            .set_data_page_row_count_limit(1000)
            .set_write_batch_size(250)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_dictionary_enabled(has_dictionary)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(!has_index);
        if form & 2 == 0 {
            properties = properties.set_compression(Compression::ZSTD(ZstdLevel::default()));
        }
        if form & 4 == 0 {
            properties = properties.set_writer_version(WriterVersion::PARQUET_2_0);
        } else if !has_dictionary {
            let packed = Encoding::DELTA_BINARY_PACKED;
            properties = properties.set_column_encoding("id".into(), packed);
            properties = properties.set_column_encoding("stop".into(), packed);
        }
        let batch = batch();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    };
    // The pages are where they are without the index.
    let with_index = written(true);
    let metadata = described(&with_index);
    let pages = metadata.page_index_for_row_group(0);
    let columns = metadata.row_group(0).columns().iter().enumerate().map(|(at, column)| {
        let (start, length) = column.byte_range();
        let pages = pages.page_locations(at).unwrap().iter().map(|page| page.offset as usize);
        let mut parts: Vec<usize> = pages.collect();
        parts.insert(0, start as usize);
        parts.dedup();
        parts.push((start + length) as usize);
        parts
    });
    let columns: Vec<Vec<usize>> = columns.collect();
    assert!(columns.iter().all(|parts| parts.len() > 30), "{columns:?}");
    Paged { file: if form & 8 == 0 { with_index } else { written(false) }, columns }
}

fn described(file: &[u8]) -> ParquetMetaData {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&Bytes::copy_from_slice(file))
        .unwrap()
}

fn files() -> &'static [Paged] {
    static FILES: OnceLock<Vec<Paged>> = OnceLock::new();
    FILES.get_or_init(|| (0..16).map(paged).collect())
}

fn read(file: &[u8], schema: &Schema, sharing: Sharing) -> Vec<String> {
    let options = Options::new().ignore_unknown(true);
    match file_batches::reader(&options.common, sharing, schema, Cursor::new(file.to_vec())) {
        Ok(reader) => everything(reader, schema.width()),
        Err(error) => vec![error.to_string()],
    }
}

#[test]
fn what_is_sound_is_decoded_in_pieces() {
    for Paged { file, .. } in files() {
        let input = Input::new(Cursor::new(file.clone()), file.len() as u64);
        let metadata = ArrowReaderMetadata::load(&input, ArrowReaderOptions::new()).unwrap();
        let decoding = Decoding::new(input, metadata, ProjectionMask::all());
        assert!(decoding.has_sound_headers(0).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn threads_find_the_damage_that_one_finds(
        form in 0..16_usize,
        column in 0..5_usize,
        // Which page, or the dictionary, the first ones, or the end.
        part in prop_oneof![2 => 0.0..0.1, 3 => 0.0..1.0, 1 => Just(1.0)],
        // A byte of the header, of the rest, or of the end before.
        place in prop_oneof![(0..40_isize), (40..2000_isize), (-8..0_isize)],
        with in prop_oneof![any::<u8>(), Just(0), Just(0xFF)],
        is_flipped: bool,
        whole: bool,
        threads in 2..5_usize,
        allowed in 0..5_usize,
        ahead in 1..4_usize,
    ) {
        let Paged { file, columns } = &files()[form];
        let parts = &columns[column];
        let mut file = file.clone();
        let part = (part * (parts.len() - 1) as f64) as usize;
        let end = parts.get(part + 1).copied().unwrap_or(usize::MAX);
        let at = (parts[part].saturating_add_signed(place)).min(end - 1);
        file[at] = if is_flipped { file[at] ^ with.max(1) } else { with };
        let name = ["id", "stop", "price", "tag", "ok"][column];
        let schema = schema();
        // All columns, or this one alone.
        let schema = if whole {
            schema
        } else {
            let field = schema.fields().iter().find(|field| field.name() == name).unwrap();
            field.to_string().parse().unwrap()
        };
        let one = read(&file, &schema, Sharing::of_jobs(1, 8192, 1));
        let sharing = Sharing::of_jobs(threads, 8192, ahead);
        let many = refusal::after(allowed, || read(&file, &schema, sharing));
        prop_assert!(
            many == one,
            "byte {at}, {:?}, {} rows, {:?}, {} rows",
            one.last(), one.len(), many.last(), many.len()
        );
    }
}
