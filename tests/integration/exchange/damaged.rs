//! Files that were truncated, changed or are something else: errors, never panics, and never
//! records that were not written.

use crate::random::Random;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use drystone::{ErrorKind, Result, Schema, arrow, parquet};

use super::{data, drain};

/// How a file is read: by this schema, or by the one that is inferred. Gives the records and their
/// schema.
type Read = fn(Vec<u8>) -> Result<(Schema, Vec<u8>)>;

fn file(bytes: Vec<u8>) -> Result<(Schema, Vec<u8>)> {
    let options = arrow::Options::new().name("it");
    let schema = options.infer(Cursor::new(bytes.clone()))?.schema().clone();
    let records = drain(&schema, &mut options.reader(&schema, Cursor::new(bytes))?)?;
    Ok((schema, records))
}

fn stream(bytes: Vec<u8>) -> Result<(Schema, Vec<u8>)> {
    let options = arrow::Options::new().name("it");
    let schema = options.infer_stream(Cursor::new(bytes.clone()))?.schema().clone();
    let records = drain(&schema, &mut options.stream_reader(&schema, Cursor::new(bytes))?)?;
    Ok((schema, records))
}

fn parquet(bytes: Vec<u8>) -> Result<(Schema, Vec<u8>)> {
    let options = parquet::Options::new().name("it");
    let schema = options.infer(Cursor::new(bytes.clone()))?.schema().clone();
    let records = drain(&schema, &mut options.reader(&schema, Cursor::new(bytes))?)?;
    Ok((schema, records))
}

const FILES: [(&str, Read); 5] = [
    ("pyarrow.arrow", file),
    ("polars.arrow", file),
    ("pyarrow.arrows", stream),
    ("pyarrow.parquet", parquet),
    ("polars.parquet", parquet),
];

/// Infers and reads, and says whether that went well.
fn read(open: Read, bytes: &[u8]) -> Result<usize> {
    open(bytes.to_vec()).map(|(schema, records)| records.len() / schema.width())
}

/// The same, quietly: what the decoders of others panic about is of no interest here.
fn never_panics(open: Read, bytes: &[u8], what: std::fmt::Arguments<'_>) -> Result<usize> {
    match catch_unwind(AssertUnwindSafe(|| read(open, bytes))) {
        Ok(read) => read,
        Err(_) => panic!("{what}: a panic came out"),
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for (name, open) in FILES {
        let whole = std::fs::read(data().join(name)).unwrap();
        assert_eq!(read(open, &whole).unwrap(), 3, "{name}");
        for length in (0..whole.len()).step_by(whole.len() / 150 + 1) {
            let read = never_panics(open, &whole[..length], format_args!("{name} cut to {length}"));
            match read {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Input, "{name} cut to {length}: {error}");
                    assert!(error.to_string().starts_with("it:"), "{error}");
                }
                // A stream may end after any of its batches.
                Ok(rows) => assert!(
                    name == "pyarrow.arrows" && rows < 3 || length + 8 >= whole.len(),
                    "{name} cut to {length}: {rows}"
                ),
            }
        }
    }
}

#[test]
fn changed_bytes_are_never_a_panic() {
    let mut random = Random::new(5);
    for (name, open) in FILES {
        let whole = std::fs::read(data().join(name)).unwrap();
        for round in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = random.below(256) as u8;
            }
            let _ = never_panics(open, &bytes, format_args!("{name}, round {round}"));
        }
    }
}

#[test]
fn something_else_is_an_error_that_says_so() {
    let arrow = std::fs::read(data().join("pyarrow.arrow")).unwrap();
    let parquet = std::fs::read(data().join("pyarrow.parquet")).unwrap();
    for (name, open) in FILES {
        for other in [
            &b""[..],
            b"PAR1",
            b"ARROW1",
            b"ARROW1\0\0ARROW1",
            b"id,name\n1,a\n",
            &[0; 4096],
            &[0xFF; 4096],
            &arrow,
            &parquet,
        ] {
            if other == std::fs::read(data().join(name)).unwrap()
                || (name == "polars.arrow" && other == arrow)
                || (name == "polars.parquet" && other == parquet)
            {
                continue;
            }
            match read(open, other) {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Input, "{name}: {error}");
                    let format = if name.ends_with("parquet") {
                        "Parquet file"
                    // What is read as a file may be a stream, if it begins as one.
                    } else if name.ends_with('s') || other.starts_with(&[0xFF; 4]) {
                        "Arrow stream"
                    } else {
                        "Arrow file"
                    };
                    assert!(error.to_string().contains(&format!("it is not a valid {format}")), "{error}");
                }
                Ok(rows) => panic!("{name}: {rows} rows of {:?}", &other[..other.len().min(20)]),
            }
        }
    }
}

#[test]
fn bytes_that_are_no_whole_records_are_refused() {
    let schema: Schema = "x: i32".parse().unwrap();
    let error = drystone::arrow::record_batch(&schema, &[0; 7]).unwrap_err();
    assert_eq!(error.to_string(), "7 bytes are not whole records of 4: x: i32");
    let schema: Schema = "t: str[2]".parse().unwrap();
    assert_eq!(drystone::arrow::record_batch(&schema, b"\xC3\x28").unwrap_err().kind(), ErrorKind::Corrupt);
    let schema: Schema = "b: bool".parse().unwrap();
    assert_eq!(drystone::arrow::record_batch(&schema, &[2]).unwrap_err().kind(), ErrorKind::Corrupt);
}
