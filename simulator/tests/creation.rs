//! A power cut while a database or a backup is made leaves no file of that name, or a whole one.

use std::path::PathBuf;

use drystone::simulation::{Making, record_making};
use drystone::{Database, OpenOptions};
use drystone_simulator::crash::Limits;
use drystone_simulator::creation::{cut, spoilt};
use drystone_simulator::model::State;
use drystone_simulator::random::Random;
use drystone_simulator::script::random_edit;

const LIMITS: Limits = Limits { all_up_to: 4, singles: 3, samples: 4, tears: 2 };

/// A folder that is deleted after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("drystone-simulator-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn hold_it_against_bugs(steps: &[Making], wanted: &(u64, State)) {
    let points = cut(steps, wanted, LIMITS).unwrap();
    println!("{} steps, {points} crash points", steps.len());
    for folder in [true, false] {
        let broken = cut(&spoilt(steps, folder), wanted, LIMITS).unwrap_err();
        println!("  a bug: {broken}");
    }
}

#[test]
#[expect(unsafe_code, reason = "opening is unsafe: only drystone may write the file")]
fn a_new_database_is_whole_or_not_there() {
    let folder = Folder::new("new");
    // SAFETY: only this test uses the folder.
    let (db, steps) = record_making(|| unsafe { OpenOptions::new().open(folder.0.join("new.dry")).unwrap() });
    hold_it_against_bugs(&steps, &State::newest(&db).unwrap());
}

#[test]
fn a_backup_is_whole_or_not_there() {
    let folder = Folder::new("backup");
    for seed in 0..12 {
        let db = Database::in_memory().unwrap();
        let (mut random, mut value) = (Random::new(seed), 0);
        let mut state = State::default();
        for _ in 0..3 {
            let write = db.write().unwrap();
            for _ in 0..6 {
                state.apply(&random_edit(&mut random, &mut value), &write).unwrap();
            }
            write.commit().unwrap();
        }
        let copy = folder.0.join(format!("{seed}.dry"));
        let (report, steps) = record_making(|| db.backup(&copy).unwrap());
        hold_it_against_bugs(&steps, &(report.transaction, State::newest(&db).unwrap().1));
    }
}
