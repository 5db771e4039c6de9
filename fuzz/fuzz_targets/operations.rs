//! Any list of operations, on a database and on a model of maps and vectors, with snapshots held
//! over commits and reopening.
#![no_main]

use drystone_fuzz::model::Run;
use drystone_fuzz::{Bytes, path};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut run = Run::new(&path("operations.dry"));
    let mut input = Bytes(input);
    for _ in 0..300 {
        if input.is_empty() {
            break;
        }
        run.step(&mut input);
    }
    run.finish();
});
