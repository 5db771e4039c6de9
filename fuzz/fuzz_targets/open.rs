//! Any bytes as a file, and a sound file with anything changed in it and every checksum made right
//! again.
#![no_main]

use std::sync::LazyLock;

use drystone_fuzz::exercise::{exercise, exercise_read_only};
use drystone_fuzz::path;
use drystone_fuzz::sample::{Sample, database, samples};
use libfuzzer_sys::fuzz_target;

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(samples);

fuzz_target!(|input: &[u8]| {
    let bytes = database(&SAMPLES, input);
    let file = path("open.dry");
    std::fs::write(&file, &bytes).expect("the file can be written");
    if input.first().is_some_and(|how| how & 0x40 != 0) {
        // The first to open it must not believe a lock file that was left behind.
        std::fs::write(path("open.dry-lock"), input).expect("the lock file can be written");
        exercise_read_only(&file);
        assert!(std::fs::read(&file).is_ok_and(|now| now == bytes), "reading changed the file");
    }
    exercise(&file);
});
