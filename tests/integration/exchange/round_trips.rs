//! What was written is what is read: every type, at its extremes and with nulls, through every format.

use std::io::Cursor;

use drystone::arrow::{self, Batches, Layout};
use drystone::{Row, Schema, csv, parquet};
use proptest::prelude::*;

use super::{drain, every_type, records};

type Written = Vec<u8>;

/// Written record by record and many at once, which must not differ.
macro_rules! written {
    ($schema:expr, $records:expr, $writer:expr) => {{
        let (mut single, mut whole) = ($writer, $writer);
        for record in $records.chunks_exact($schema.width()) {
            single.write(Row::new($schema, record).unwrap()).unwrap();
        }
        whole.write_records($records).unwrap();
        let whole = whole.finish().unwrap();
        assert!(single.finish().unwrap() == whole);
        whole
    }};
}

fn arrow_written(schema: &Schema, records: &[u8], layout: Layout) -> Written {
    written!(schema, records, arrow::Writer::new(schema, layout, Vec::new()).unwrap())
}

fn check_batches(schema: &Schema, records: &[u8], open: impl Fn() -> Batches) {
    let inferred = open().infer().unwrap();
    assert_eq!(inferred.schema(), schema);
    assert!(drain(schema, &mut open().records(schema).unwrap()).unwrap() == records);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn arrow_files_and_streams_give_back_what_was_written(seed: u64, rows in 0..200_usize) {
        let schema = every_type();
        let records = records(&schema, rows, seed);
        let file = arrow_written(&schema, &records, Layout::File);
        check_batches(&schema, &records, || Batches::file("a", Cursor::new(file.clone())).unwrap());
        let stream = arrow_written(&schema, &records, Layout::Stream);
        check_batches(&schema, &records, || Batches::stream("a", Cursor::new(stream.clone())).unwrap());
        let batch = arrow::record_batch(&schema, &records).unwrap();
        check_batches(&schema, &records, || batch.clone().into());
    }

    #[test]
    fn parquet_files_give_back_what_was_written(seed: u64, rows in 0..200_usize) {
        let schema = every_type();
        let records = records(&schema, rows, seed);
        let file = written!(&schema, &records, parquet::Writer::new(&schema, Vec::new()).unwrap());
        check_batches(&schema, &records, || parquet::open("a", Cursor::new(file.clone())).unwrap());
    }

    #[test]
    fn csv_files_give_back_what_was_written(seed: u64, rows in 0..100_usize) {
        let schema = every_type();
        let records = records(&schema, rows, seed);
        let mut writer = csv::Options::new().writer(&schema, Vec::new()).unwrap();
        for record in records.chunks_exact(schema.width()) {
            writer.write(Row::new(&schema, record).unwrap()).unwrap();
        }
        let file = writer.finish().unwrap();
        let read = drain(&schema, &mut csv::Options::new().reader(&schema, &*file).unwrap()).unwrap();
        same_but_for_nans(&schema, &records, &read);
    }
}

/// Text has one NaN; but for that, these records are the same.
pub(super) fn same_but_for_nans(schema: &Schema, before: &[u8], after: &[u8]) {
    assert_eq!(before.len(), after.len());
    for (before, after) in before.chunks_exact(schema.width()).zip(after.chunks_exact(schema.width())) {
        if before != after {
            let (before, after) = (Row::new(schema, before).unwrap(), Row::new(schema, after).unwrap());
            for at in 0..schema.fields().len() {
                // NaN prints as NaN; nothing else prints like another value.
                assert_eq!(before.get(at).unwrap().to_string(), after.get(at).unwrap().to_string());
                assert_eq!(before.is_null(at).unwrap(), after.is_null(at).unwrap());
            }
        }
    }
}

#[test]
fn many_batches_and_row_groups_are_one_table() {
    let schema: Schema = "id: u64 key, wide: bytes[2000], name: str[9]?".parse().unwrap();
    let mut made = Vec::new();
    for id in 0..12_000_u64 {
        made.extend_from_slice(&id.to_le_bytes());
        made.extend((0..2000).map(|at| (id as usize * 31 + at * at % 251) as u8));
        made.extend_from_slice(if id % 3 == 0 { b"\xFF\0\0\0\0\0\0\0\0" } else { b"name\0\0\0\0\0" });
    }
    let file = arrow_written(&schema, &made, Layout::File);
    let read = drain(&schema, &mut Batches::file("a", Cursor::new(file)).unwrap().records(&schema).unwrap());
    assert!(read.unwrap() == made);
    let mut writer = parquet::Writer::new(&schema, Vec::new()).unwrap();
    writer.write_records(&made).unwrap();
    let file = writer.finish().unwrap();
    let mut records = parquet::open("a", Cursor::new(file)).unwrap().records(&schema).unwrap();
    assert_eq!(drystone::RecordSource::rows_hint(&records), Some(12_000));
    assert!(drain(&schema, &mut records).unwrap() == made);
}

#[test]
fn a_table_goes_through_the_c_stream_interface_and_back() {
    let schema = every_type();
    let made = records(&schema, 25_000, 7);
    let db = drystone::Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table("t", &schema).unwrap();
    let mut batches = Batches::from(arrow::record_batch(&schema, &made).unwrap()).records(&schema).unwrap();
    let report = table.load_from(&mut batches, &drystone::LoadOptions::new()).unwrap();
    assert_eq!((report.rows, report.in_order), (25_000, true));
    drop(table);
    write.commit().unwrap();

    let stream = arrow::TableBatches::new(db.read().unwrap(), "t").unwrap().into_c_stream();
    let batches = Batches::from_c_stream("t", stream).unwrap();
    assert!(drain(&schema, &mut batches.records(&schema).unwrap()).unwrap() == made);
    assert!(arrow::TableBatches::new(db.read().unwrap(), "u").is_err());
}
