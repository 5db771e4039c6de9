//! What the targets of readers share: records out of anything, by a schema of the input and by the
//! one that is inferred, and back again through the writer of the same format.

use std::sync::Once;

use drystone::arrow::{Inferred, Reader};
use drystone::{RecordSource, Result, Row, Schema};

use crate::Bytes;

/// More rows than these are not read: a few bytes can stand for any number of the same.
const ROWS: usize = 20_000;

/// What the target asks of a format.
pub struct Format {
    /// Looks through bytes for their schema.
    pub infer: fn(Vec<u8>) -> Result<Inferred>,
    /// Reads bytes by a schema; the last argument says whether columns that it has not are skipped.
    pub read: fn(Vec<u8>, &Schema, bool) -> Result<Reader>,
    /// Writes records as a file.
    pub write: fn(&Schema, &[u8]) -> Vec<u8>,
}

/// Panics in the decoders of others become errors, and are no finding, if they do not get out: the
/// hook that ends the process at a panic is left out for them.
pub fn let_decoders_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ours = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_of_others = |file: &str| file.contains("/registry/") || file.starts_with("/rustc/");
            if !panic.location().is_some_and(|place| is_of_others(place.file())) {
                ours(panic);
            }
        }));
    });
}

/// A byte of options, a schema, a zero, and what is to be read.
pub fn split(input: &[u8]) -> (u8, Option<Schema>, &[u8]) {
    let (head, rest) = input.split_at(input.iter().position(|byte| *byte == 0).unwrap_or(0));
    let mut head = Bytes(head);
    let how = head.u8();
    let schema = std::str::from_utf8(head.0).ok().and_then(|text| text.parse().ok());
    (how, schema, rest.strip_prefix(b"\0").unwrap_or(rest))
}

/// Reads record batches in every way.
pub fn batches(format: &Format, input: &[u8]) {
    let_decoders_panic();
    let (how, schema, bytes) = split(input);
    let inferred = (format.infer)(bytes.to_vec()).map(|inferred| {
        assert!(!inferred.to_string().is_empty());
        inferred.schema().clone()
    });
    for schema in schema.into_iter().chain(inferred.ok()) {
        let Ok(mut source) = (format.read)(bytes.to_vec(), &schema, how & 1 != 0) else { continue };
        let records = drain(&schema, &mut source).0;
        let written = (format.write)(&schema, &records);
        let again = (format.read)(written, &schema, false);
        let (again, error) = drain(&schema, &mut again.expect("what was written can be read"));
        assert!(error.is_none(), "({schema}): {error:?}");
        assert!(again == records, "({schema}) comes back as something else");
    }
}

/// The records up to the first error, each of which must be a row of the schema, and that error.
pub fn drain(schema: &Schema, source: &mut dyn RecordSource) -> (Vec<u8>, Option<drystone::Error>) {
    let mut records = Vec::new();
    let mut record = vec![0; schema.width()];
    while records.len() < ROWS * schema.width() {
        match source.next_record(&mut record) {
            Ok(true) => {
                let row = Row::new(schema, &record).expect("as wide as its schema");
                assert!(row.values().all(|value| value.is_ok()), "({schema}): {record:?} is no row");
                records.extend_from_slice(&record);
            }
            Ok(false) => break,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return (records, Some(error));
            }
        }
    }
    (records, None)
}

/// Whether these are the same rows; text keeps of a NaN only that it is one.
pub fn same_but_for_nans(schema: &Schema, one: &[u8], other: &[u8]) -> bool {
    let rows = |records: &[u8]| -> Vec<String> {
        let rows = records.chunks_exact(schema.width());
        rows.map(|record| Row::new(schema, record).expect("as wide as its schema").to_string()).collect()
    };
    one == other || rows(one) == rows(other) && rows(one).iter().any(|row| row.contains("NaN"))
}
