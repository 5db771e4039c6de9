//! Any bytes as JSON lines, read by a schema from the input and by the one that is inferred; what was read is written and reads back
//! to the same.
#![no_main]

use drystone::json::{Reader, Writer};
use drystone_fuzz::readers::{drain, same_but_for_nans, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (how, schema, bytes) = split(input);
    let open = || Reader::new("it", bytes).ignore_unknown(how & 1 != 0);
    let inferred = open().infer().map(|inferred| inferred.schema().clone()).ok();
    let asked = schema.into_iter().map(|schema| (schema, false));
    for (schema, must) in asked.chain(inferred.map(|schema| (schema, true))) {
        let (records, error) = drain(&schema, &mut open().records(&schema));
        assert!(error.is_none() || !must, "({schema}) was inferred, and does not take it: {error:?}");
        let mut writer = Writer::new(&schema, Vec::new());
        writer.write_records(&records).expect("what was read can be written");
        let written = writer.finish().expect("a vector takes everything");
        let (again, error) = drain(&schema, &mut Reader::new("it", &*written).records(&schema));
        let shown = String::from_utf8_lossy(&written);
        assert!(error.is_none(), "({schema}) does not read what it wrote: {error:?}\n{shown}");
        assert!(same_but_for_nans(&schema, &records, &again), "({schema}): {shown}");
    }
});
