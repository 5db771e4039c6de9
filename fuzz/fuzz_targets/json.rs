//! Any bytes as JSON lines, read by a schema from the input and by the one that is inferred; what
//! was read is written and reads back to the same.
#![no_main]

use drystone::Schema;
use drystone::json::Options;
use drystone_fuzz::readers::{drain, same_but_for_nans, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (how, schema, bytes) = split(input);
    let options = Options::new().ignore_unknown(how & 1 != 0);
    let read = |schema: &Schema, bytes: &[u8]| {
        drain(schema, &mut options.reader(schema, bytes).expect("nothing is read yet"))
    };
    let inferred = options.infer(bytes).map(|inferred| inferred.schema().clone()).ok();
    let asked = schema.into_iter().map(|schema| (schema, false));
    for (schema, must) in asked.chain(inferred.map(|schema| (schema, true))) {
        let (records, error) = read(&schema, bytes);
        assert!(error.is_none() || !must, "({schema}) was inferred, and does not take it: {error:?}");
        let mut writer = options.writer(&schema, Vec::new()).expect("nothing is written yet");
        writer.write_records(&records).expect("what was read can be written");
        let written = writer.finish().expect("a vector takes everything");
        let (again, error) = read(&schema, &written);
        let shown = String::from_utf8_lossy(&written);
        assert!(error.is_none(), "({schema}) does not read what it wrote: {error:?}\n{shown}");
        assert!(same_but_for_nans(&schema, &records, &again), "({schema}): {shown}");
    }
});
