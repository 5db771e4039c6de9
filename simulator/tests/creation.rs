//! A power cut while a database, a backup or a patch is made leaves no file of that name, or a
//! whole one.

use drystone::simulation::{Making, record_making};
use drystone::{Database, Durability, OpenOptions, Since};
use drystone_simulator::crash::Limits;
use drystone_simulator::creation::{Files, Spoilt, cut, spoilt, whole_database};
use drystone_simulator::model::{Edit, State, Table};
use drystone_simulator::random::Random;
use drystone_simulator::run::Broken;
use drystone_simulator::script::random_edit;
use tempfile::TempDir;

const LIMITS: Limits = Limits { all_up_to: 4, singles: 3, samples: 4, tears: 2 };

/// Cuts the power at each step, then with bugs in the steps, which must be found.
fn hold_it_against_bugs(
    steps: &[Making],
    bugs: &[Spoilt],
    mut check: impl FnMut(&Files, bool) -> Result<(), Broken>,
) {
    let before = Files::new();
    let points = cut(&before, steps, LIMITS, &mut check).unwrap();
    println!("{} steps, {points} crash points", steps.len());
    for bug in bugs {
        let broken = cut(&before, &spoilt(steps, *bug), LIMITS, &mut check).unwrap_err();
        println!("  {bug:?}: {broken}");
    }
}

/// A database after some random transactions, which `between` sees.
fn random_database(seed: u64, mut between: impl FnMut(&Database)) -> Database {
    let db = Database::in_memory().unwrap();
    let (mut random, mut value) = (Random::new(seed), 0);
    let mut state = State::default();
    for _ in 0..3 {
        between(&db);
        let write = db.write().unwrap();
        for _ in 0..6 {
            state.apply(&random_edit(&mut random, &mut value), &write).unwrap();
        }
        write.commit().unwrap();
    }
    db
}

#[test]
#[expect(unsafe_code, reason = "opening is unsafe: only drystone may write the file")]
fn a_new_database_is_whole_or_not_there() {
    let folder = TempDir::new().unwrap();
    // SAFETY: only this test uses the folder.
    let (db, steps) =
        record_making(|| unsafe { OpenOptions::new().open(folder.path().join("new.dry")).unwrap() });
    let wanted = State::newest(&db).unwrap();
    let check = whole_database("new.dry", &wanted).unwrap();
    hold_it_against_bugs(&steps, &[Spoilt::Content, Spoilt::Folder], check);
}

#[test]
fn a_database_that_is_made_with_rows_is_whole_or_not_there() {
    let folder = TempDir::new().unwrap();
    for seed in 0..12 {
        let (mut random, mut value) = (Random::new(seed), 0);
        let mut state = State::default();
        let (name, eventual) = (format!("{seed}.dry"), seed % 2 == 1);
        let durability = if eventual { Durability::Eventual } else { Durability::Immediate };
        // Little memory, so that some edits are written before the commit.
        let options = OpenOptions::new().durability(durability).memory_bytes(1 << 14);
        let (made, steps) = record_making(|| {
            options.create_with(folder.path().join(&name), |tx| {
                state.apply(&Edit::Create(Table::Keyed(0)), tx)?;
                (0..6).try_for_each(|_| state.apply(&random_edit(&mut random, &mut value), tx))
            })
        });
        made.unwrap();
        let wanted = (2, state);
        let check = whole_database(&name, &wanted).unwrap();
        hold_it_against_bugs(&steps, &[Spoilt::Content, Spoilt::Folder], check);
    }
}

#[test]
fn a_backup_is_whole_or_not_there() {
    let folder = TempDir::new().unwrap();
    for seed in 0..12 {
        let db = random_database(seed, |_| {});
        let name = format!("{seed}.dry");
        let (report, steps) = record_making(|| db.backup(folder.path().join(&name)).unwrap());
        let wanted = (report.transaction, State::newest(&db).unwrap().1);
        let check = whole_database(&name, &wanted).unwrap();
        hold_it_against_bugs(&steps, &[Spoilt::Content, Spoilt::Folder], check);
    }
}

#[test]
fn a_patch_is_whole_or_not_there() {
    let folder = TempDir::new().unwrap();
    for seed in 0..12 {
        let mut older = None;
        let db = random_database(seed, |db| older = Some(db.read().unwrap()));
        let name = format!("{seed}.patch");
        let since = Since::State(older.as_ref().unwrap());
        let (_, steps) = record_making(|| db.backup_since(since, folder.path().join(&name)).unwrap());
        let whole = std::fs::read(folder.path().join(&name)).unwrap();
        hold_it_against_bugs(&steps, &[Spoilt::Content, Spoilt::Folder], |files, is_done| {
            match files.get(&name) {
                Some(bytes) if *bytes == whole => Ok(()),
                Some(bytes) => Err(format!("a patch of {} bytes that is not whole", bytes.len())),
                None if is_done => Err("the patch is made, and is not there".to_owned()),
                None => Ok(()),
            }
        });
    }
}
