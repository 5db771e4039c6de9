//! Tests of the threads that encode and decode.

use std::io::{self, Write};

use super::Writer;
use crate::error::ErrorKind;
use crate::exchange::threads::refusal;
use crate::schema::Schema;

fn schema() -> Schema {
    "id: u64, stop: u16?, price: f64, tag: str[4], at: i16[3]".parse().unwrap()
}

fn records(rows: u64) -> Vec<u8> {
    let mut records = Vec::new();
    for row in 0..rows {
        let mixed = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        records.extend(mixed.to_le_bytes());
        records.extend(((mixed >> 60) as u16).to_le_bytes());
        records.extend((mixed as f64).to_le_bytes());
        records.extend(format!("{:04}", mixed % 500).bytes());
        records.extend(&(mixed >> 8).to_le_bytes()[..6]);
    }
    records
}

fn written(threads: usize, records: &[u8]) -> Vec<u8> {
    let mut writer = Writer::of_groups(&schema(), threads, 1000, Vec::new()).unwrap();
    writer.write_records(records).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_file_is_the_same_whatever_the_number_of_threads() {
    let records = records(12_345);
    let one = written(1, &records);
    for threads in [2, 3, 8] {
        assert!(written(threads, &records) == one, "{threads} threads");
    }
    for left in 0..3 {
        assert!(refusal::after(left, || written(4, &records)) == one, "{left} threads could be started");
    }
}

#[test]
fn records_that_cannot_be_encoded_are_an_error_from_any_thread() {
    for threads in [1, 3] {
        let mut records = records(12_345);
        let text = schema().width() * 2500 + 18;
        records[text..text + 4].copy_from_slice(b"\xFFabc");
        let mut writer = Writer::of_groups(&schema(), threads, 1000, Vec::new()).unwrap();
        let error = writer.write_records(&records).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        // The file would lack rows.
        assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Usage);
    }
}

#[test]
fn an_output_that_fails_is_an_error() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.checked_sub(bytes.len()) {
                Some(left) => self.0 = left,
                None => return Err(io::ErrorKind::StorageFull.into()),
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let records = records(12_345);
    for threads in [1, 3] {
        let mut writer = Writer::of_groups(&schema(), threads, 1000, Full(100_000)).unwrap();
        let error = writer.write_records(&records).unwrap_err();
        assert!(
            error.kind() == ErrorKind::Io && error.to_string().contains("cannot write Parquet"),
            "{error}"
        );
        drop(writer);
    }
}
