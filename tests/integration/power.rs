//! A file system that loses what was not synced: ext4 in a file, stopped in the middle of a commit
//! as by a power cut.
//!
//! A soak: `DRYSTONE_POWER_CUTS=50 cargo test --release --test integration power -- --nocapture`.

use std::time::Duration;

use drystone::OpenOptions;

use crate::child::OtherProcess;
use crate::kill::{Model, fill, times};
use crate::random::Random;
use crate::system::Mount;
use crate::temp::{self, assert_sound};

#[test]
fn durable_commits_survive_a_power_cut_of_a_real_file_system() {
    let cuts = times("DRYSTONE_POWER_CUTS", 3);
    let folder = tempfile::tempdir().unwrap();
    let Some(mut disk) = Mount::disk(&folder.path().join("disk"), 96 << 20) else { return };
    fill(&temp::open(&disk.path().join("power.dry"), &OpenOptions::new()).unwrap());
    let mut numbers = Random::new(3);
    let (mut model, mut ahead) = (Model::new(), 0);
    for _ in 0..cuts {
        let path = disk.path().join("power.dry");
        let mut process = OtherProcess::start("commit_transfers", &path);
        assert_eq!(process.hear(), "ready");
        std::thread::sleep(Duration::from_micros(numbers.next() % 150_000));
        disk.cut_power();
        let said = process.kill();
        let reported: u64 = said.and_then(|said| said.parse().ok()).unwrap_or(model.commits);
        disk = disk.again();
        let db = temp::open(&disk.path().join("power.dry"), &OpenOptions::new()).unwrap();
        // Every third commit does not wait for the disk. If it is the last one, it may be lost; no
        // other commit may.
        let certain = reported - u64::from(reported.is_multiple_of(3) && reported > model.commits);
        model.assert_holds_from(&db, certain, reported + 1);
        ahead += u64::from(model.commits > certain);
        assert_sound(&db);
    }
    println!(
        "{cuts} power cuts: {} commits, no durable one lost, {ahead} times more was there than promised",
        model.commits
    );
}
