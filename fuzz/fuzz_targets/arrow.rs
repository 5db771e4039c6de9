//! Any bytes as an Arrow file or stream, read by a schema from the input and by the one that is
//! inferred.
#![no_main]

use std::io::Cursor;

use drystone::Schema;
use drystone::arrow::{self, Options};
use drystone_fuzz::readers::{Format, batches};
use libfuzzer_sys::fuzz_target;

const FILE: Format = Format {
    infer: |bytes| Options::new().infer(Cursor::new(bytes)),
    read: |bytes, schema, lenient| Options::new().ignore_unknown(lenient).reader(schema, Cursor::new(bytes)),
    write: |schema, records| write(arrow::Format::File, schema, records),
};

const STREAM: Format = Format {
    infer: |bytes| Options::new().infer_stream(Cursor::new(bytes)),
    read: |bytes, schema, lenient| {
        Options::new().ignore_unknown(lenient).stream_reader(schema, Cursor::new(bytes))
    },
    write: |schema, records| write(arrow::Format::Stream, schema, records),
};

fuzz_target!(|input: &[u8]| {
    let format = if input.first().is_some_and(|how| how & 2 != 0) { STREAM } else { FILE };
    batches(&format, input);
});

fn write(format: arrow::Format, schema: &Schema, records: &[u8]) -> Vec<u8> {
    let options = Options::new().format(format);
    let mut writer = options.writer(schema, Vec::new()).expect("any schema can be written");
    writer.write_records(records).expect("what was read can be written");
    writer.finish().expect("a vector takes everything")
}
