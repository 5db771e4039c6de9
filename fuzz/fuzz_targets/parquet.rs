//! Any bytes as a Parquet file, read by a schema from the input and by the one that is inferred.
#![no_main]

use std::io::Cursor;

use drystone::parquet::{Writer, open};
use drystone_fuzz::readers::{Format, batches};
use libfuzzer_sys::fuzz_target;

const PARQUET: Format = Format {
    open: |bytes, lenient| Ok(open("it", Cursor::new(bytes))?.ignore_unknown(lenient)),
    write: |schema, records| {
        let mut writer = Writer::new(schema, Vec::new()).expect("any schema can be written");
        writer.write_records(records).expect("what was read can be written");
        writer.finish().expect("a vector takes everything")
    },
};

fuzz_target!(|input: &[u8]| batches(&PARQUET, input));
