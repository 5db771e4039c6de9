//! What was written is read back: every type, at its extremes and with nulls, through every format.

use std::io::Cursor;

use drystone::arrow::{self, Batches, Format, Inferred};
use drystone::{RecordSource, Result, Row, Schema, csv, json, numpy, parquet};
use proptest::prelude::*;

use super::{drain, every_type, records, same_but_for_nans};

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

fn arrow_written(schema: &Schema, records: &[u8], format: Format) -> Written {
    written!(schema, records, arrow::Options::new().format(format).writer(schema, Vec::new()).unwrap())
}

/// What was inferred is the schema, and what is read are the records.
fn check_read(schema: &Schema, records: &[u8], inferred: Result<Inferred>, reader: Result<arrow::Reader>) {
    assert_eq!(inferred.unwrap().schema(), schema);
    assert!(drain(schema, &mut reader.unwrap()).unwrap() == records);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn arrow_files_and_streams_give_back_what_was_written(seed: u64, rows in 0..200_usize) {
        let schema = every_type();
        let records = records(&schema, rows, seed);
        let options = arrow::Options::new();
        let file = || Cursor::new(arrow_written(&schema, &records, Format::File));
        check_read(&schema, &records, options.infer(file()), options.reader(&schema, file()));
        let stream = || Cursor::new(arrow_written(&schema, &records, Format::Stream));
        check_read(&schema, &records, options.infer_stream(stream()), options.stream_reader(&schema, stream()));
        // A stream is known by its first bytes.
        check_read(&schema, &records, options.infer(stream()), options.reader(&schema, stream()));
        let batch = arrow::record_batch(&schema, &records).unwrap();
        let inferred = options.infer_batches(batch.clone());
        check_read(&schema, &records, inferred, options.batch_reader(&schema, batch));
    }

    #[test]
    fn parquet_files_give_back_what_was_written(seed: u64, rows in 0..200_usize) {
        let schema = every_type();
        let records = records(&schema, rows, seed);
        let options = parquet::Options::new();
        let file = written!(&schema, &records, options.writer(&schema, Vec::new()).unwrap());
        let inferred = options.infer(Cursor::new(file.clone()));
        check_read(&schema, &records, inferred, options.reader(&schema, Cursor::new(file)));
    }

    #[test]
    fn csv_files_give_back_what_was_written(seed: u64, rows in 0..100_usize) {
        let schema = every_type();
        let records = records(&schema, rows, seed);
        let file = written!(&schema, &records, csv::Options::new().writer(&schema, Vec::new()).unwrap());
        let read = drain(&schema, &mut csv::Options::new().reader(&schema, &*file).unwrap()).unwrap();
        same_but_for_nans(&schema, &records, &read);
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
    let file = arrow_written(&schema, &made, Format::File);
    let read = drain(&schema, &mut arrow::Options::new().reader(&schema, Cursor::new(file)).unwrap());
    assert!(read.unwrap() == made);
    let mut writer = parquet::Options::new().writer(&schema, Vec::new()).unwrap();
    writer.write_records(&made).unwrap();
    let file = writer.finish().unwrap();
    let mut records = parquet::Options::new().reader(&schema, Cursor::new(file)).unwrap();
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
    let batch = arrow::record_batch(&schema, &made).unwrap();
    let mut batches = arrow::Options::new().batch_reader(&schema, batch).unwrap();
    let report = table.load_from(&mut batches, &drystone::LoadOptions::new()).unwrap();
    assert_eq!((report.rows, report.in_order), (25_000, true));
    drop(table);
    write.commit().unwrap();

    let stream = arrow::TableBatches::new(db.read().unwrap(), "t").unwrap().into_c_stream();
    let batches = Batches::from_c_stream(stream).unwrap();
    let mut reader = arrow::Options::new().batch_reader(&schema, batches).unwrap();
    assert!(drain(&schema, &mut reader).unwrap() == made);
    assert!(arrow::TableBatches::new(db.read().unwrap(), "u").is_err());
}

/// The same calls for all five formats: options, writer, rows in three ways, inferred schema,
/// reader.
macro_rules! goes_around {
    ($module:ident, $options:expr, $input:expr) => {{
        let schema: Schema = "id: u8, name: str[3]?, x: f64?".parse().unwrap();
        let db = drystone::Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let mut table = write.create_dyn_table("t", &schema).unwrap();
        for (id, name, x) in [(1, Some("a"), Some(0.5)), (2, None, None), (3, Some("abc"), Some(-2.0))] {
            let values = [drystone::Value::from(id), name.into(), x.into()];
            table.push(&drystone::RowBuf::from_values(&schema, values).unwrap()).unwrap();
        }
        let rows = table.as_table().query().run().unwrap();
        let options: drystone::$module::Options = $options.name("t.it").ignore_unknown(true);
        assert!(format!("{options:?}").contains("t.it"));
        let write = |how: u8| {
            let mut writer: drystone::$module::Writer<Vec<u8>> = options.writer(&schema, Vec::new()).unwrap();
            assert_eq!(writer.schema(), &schema);
            assert!(
                format!("{writer:?}").starts_with(concat!(stringify!($module), "::Writer(")),
                "{writer:?}"
            );
            match how {
                0 => rows.iter().try_for_each(|row| writer.write(row)),
                1 => writer.write_all(&rows),
                _ => writer.write_records(rows.as_bytes()),
            }
            .unwrap();
            assert!(writer.write_records(&[0]).is_err());
            writer.finish().unwrap()
        };
        let file = write(0);
        assert!(write(1) == file && write(2) == file);
        let input = $input;
        let inferred: drystone::$module::Inferred = options.infer(input(&file)).unwrap();
        let columns: Vec<&str> = inferred.columns().iter().map(drystone::$module::Column::name).collect();
        assert_eq!(columns, ["id", "name", "x"]);
        assert!(inferred.rows().is_none_or(|rows| rows == 3) && inferred.bad_lines() == 0, "{inferred:?}");
        let found = options.reader(inferred.schema(), input(&file)).unwrap();
        assert_eq!(found.schema(), inferred.schema());
        // Fields that the schema has not are left out, as was asked for.
        let less: Schema = "x: f64?, id: u8".parse().unwrap();
        let mut reader = options.reader(&less, input(&file)).unwrap();
        assert!(format!("{reader:?}").contains("t.it"), "{reader:?}");
        let records = drain(&less, &mut reader).unwrap();
        let shown: Vec<String> = records
            .chunks_exact(less.width())
            .map(|record| Row::new(&less, record).unwrap().to_string())
            .collect();
        assert_eq!(shown, ["x: 0.5, id: 1", "x: null, id: 2", "x: -2, id: 3"]);
        assert!(reader.describe(reader.place()).ends_with("t.it"));
    }};
}

#[test]
fn all_formats_have_one_shape() {
    let cursor = |file: &Vec<u8>| Cursor::new(file.clone());
    goes_around!(csv, csv::Options::new(), cursor);
    goes_around!(json, json::Options::new(), cursor);
    goes_around!(numpy, numpy::Options::new().rows(3), cursor);
    goes_around!(arrow, arrow::Options::new(), cursor);
    goes_around!(arrow, arrow::Options::new().format(Format::Stream), cursor);
    goes_around!(parquet, parquet::Options::new(), cursor);
}
