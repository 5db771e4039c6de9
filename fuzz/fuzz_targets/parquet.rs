//! Any bytes as a Parquet file, read by a schema from the input and by the one that is inferred.
#![no_main]

use std::io::Cursor;

use drystone::parquet::Options;
use drystone_fuzz::readers::{Format, batches};
use libfuzzer_sys::fuzz_target;

const PARQUET: Format = Format {
    infer: |bytes| Options::new().infer(Cursor::new(bytes)),
    read: |bytes, schema, lenient| Options::new().ignore_unknown(lenient).reader(schema, Cursor::new(bytes)),
    write: |schema, records| {
        let mut writer = Options::new().writer(schema, Vec::new()).expect("any schema can be written");
        writer.write_records(records).expect("what was read can be written");
        writer.finish().expect("a vector takes everything")
    },
};

fuzz_target!(|input: &[u8]| batches(&PARQUET, input));
