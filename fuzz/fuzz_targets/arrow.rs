//! Any bytes as an Arrow file or stream, read by a schema from the input and by the one that is inferred.
#![no_main]

use std::io::Cursor;

use drystone::Schema;
use drystone::arrow::{Batches, Layout, Writer};
use drystone_fuzz::readers::{Format, batches};
use libfuzzer_sys::fuzz_target;

const FILE: Format = Format {
    open: |bytes, lenient| Ok(Batches::file("it", Cursor::new(bytes))?.ignore_unknown(lenient)),
    write: |schema, records| write(Layout::File, schema, records),
};

const STREAM: Format = Format {
    open: |bytes, lenient| Ok(Batches::stream("it", Cursor::new(bytes))?.ignore_unknown(lenient)),
    write: |schema, records| write(Layout::Stream, schema, records),
};

fuzz_target!(|input: &[u8]| {
    let format = if input.first().is_some_and(|how| how & 2 != 0) { STREAM } else { FILE };
    batches(&format, input);
});

fn write(layout: Layout, schema: &Schema, records: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(schema, layout, Vec::new()).expect("any schema can be written");
    writer.write_records(records).expect("what was read can be written");
    writer.finish().expect("a vector takes everything")
}
