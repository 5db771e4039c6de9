//! Any bytes as a file, and a sound file with anything changed in it and every checksum made right again.
#![no_main]

use std::sync::LazyLock;

use drystone_fuzz::exercise::{exercise, exercise_read_only};
use drystone_fuzz::path;
use drystone_fuzz::sample::{Sample, database, samples};
use libfuzzer_sys::fuzz_target;

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(samples);

fuzz_target!(|input: &[u8]| {
    let bytes = database(&SAMPLES, input);
    let path = path("open.dry");
    std::fs::write(&path, &bytes).expect("the file can be written");
    if input.first().is_some_and(|how| how & 0x40 != 0) {
        exercise_read_only(&path);
        assert!(std::fs::read(&path).is_ok_and(|now| now == bytes), "reading changed the file");
    }
    exercise(&path);
});
