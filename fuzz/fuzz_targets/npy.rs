//! Any bytes as an array of NumPy, read by a schema from the input and by the one that is inferred;
//! what was read is written and reads back to the same.
#![no_main]

use drystone::numpy::{Options, dtype};
use drystone_fuzz::readers::{drain, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (how, schema, bytes) = split(input);
    let options = Options::new().ignore_unknown(how & 1 != 0);
    let inferred = options.infer(bytes).map(|inferred| inferred.schema().clone()).ok();
    for schema in schema.into_iter().chain(inferred) {
        let Ok(mut source) = options.reader(&schema, bytes) else { continue };
        let rows = source.rows();
        let (records, error) = drain(&schema, &mut source);
        let count = (records.len() / schema.width()) as u64;
        assert!(count <= rows && (count == rows || error.is_some() || count >= 20_000), "{count} of {rows}");
        assert!(!dtype(&schema).is_empty());
        let mut writer =
            options.clone().rows(count).writer(&schema, Vec::new()).expect("any schema can be written");
        writer.write_records(&records).expect("what was read can be written");
        let written = writer.finish().expect("a vector takes everything");
        let again = options.reader(&schema, &*written);
        let (again, error) = drain(&schema, &mut again.expect("what was written can be read"));
        // The least timestamp is NaT to NumPy, and is refused where there may be no null.
        let is_nat = error.as_ref().is_some_and(|error| error.to_string().contains("null"));
        assert!(error.is_none() || is_nat, "({schema}): {error:?}");
        assert!(records.starts_with(&again) && (is_nat || again == records), "({schema})");
    }
});
