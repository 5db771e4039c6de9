//! A power cut while a patch is applied, or shards are put into a table, leaves the state before or
//! the state after. Then the same call, and those that follow it, lead where they should.
#![expect(unsafe_code, reason = "opening is unsafe: only drystone may write the file")]

use std::path::Path;

use drystone::simulation::{self, CrashDisk};
use drystone::{Database, OpenOptions, Result, ShardOptions, Since};
use drystone_simulator::crash::{Disk, Limits};
use drystone_simulator::model::{Edit, State, Table};
use drystone_simulator::random::Random;
use drystone_simulator::run::{Allowed, Version, open, within};
use drystone_simulator::script::random_edit;
use tempfile::TempDir;

const LIMITS: Limits = Limits { all_up_to: 4, singles: 3, samples: 4, tears: 2 };

fn file(path: &Path) -> Result<Database> {
    // SAFETY: only this test uses the folder.
    unsafe { OpenOptions::new().open(path) }
}

/// Does this to a database that has these bytes, and cuts the power after each event of it. Each
/// time, `again` is called with what is left, which has the state before or the state after.
/// Returns the number of crash points.
fn cut(image: &[u8], act: impl Fn(&Database), again: impl Fn(&Database)) -> u64 {
    let mut recorded = CrashDisk::new(None).unwrap();
    recorded.load(image).unwrap();
    let db = simulation::open(&recorded).unwrap();
    let newest = |db: &Database| {
        let (transaction, state) = State::newest(db).unwrap();
        Version { transaction, state: state.into() }
    };
    let before = newest(&db);
    act(&db);
    let (after, done) = (newest(&db), recorded.event_count());
    let events = &recorded.events()[..done];
    let begun = Allowed { durable: before, later: vec![after.clone()] };
    let mut disk = Disk::new(image.to_vec(), false);
    let mut left = CrashDisk::new(None).unwrap();
    let mut random = Random::new(1);
    let mut points = 0;
    for (count, event) in events.iter().enumerate() {
        disk.advance(event);
        let done = Allowed::only(after.clone());
        let allowed = if count + 1 == events.len() { &done } else { &begun };
        for outcome in disk.outcomes(LIMITS, &mut random) {
            points += 1;
            left.load(&disk.image(&outcome)).unwrap();
            let opened = within(format!("after event {count} {outcome}"), open(&left, allowed));
            again(&opened.unwrap().0);
        }
    }
    points
}

#[test]
fn a_patch_is_applied_as_a_whole_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut points = 0;
    for seed in 0..6 {
        let db = Database::in_memory().unwrap();
        let (mut random, mut value) = (Random::new(seed), 0);
        let mut state = State::default();
        let mut change = || {
            let write = db.write().unwrap();
            for _ in 0..8 {
                state.apply(&random_edit(&mut random, &mut value), &write).unwrap();
            }
            write.commit().unwrap();
        };
        change();
        let copy = path(&format!("{seed}.dry"));
        db.backup(&copy).unwrap();
        let patches = [path(&format!("{seed}-1.patch")), path(&format!("{seed}-2.patch"))];
        let mut older = db.read().unwrap();
        for patch in &patches {
            change();
            db.backup_since(Since::State(&older), patch).unwrap();
            older = db.read().unwrap();
        }
        let newest = State::read(&older).unwrap();
        let image = std::fs::read(&copy).unwrap();
        points += cut(
            &image,
            |copy| assert!(copy.apply(&patches[0]).is_ok()),
            |copy| {
                for patch in &patches {
                    copy.apply(patch).unwrap();
                }
                assert_eq!(State::newest(copy).unwrap().1, newest);
            },
        );
    }
    println!("{points} crash points");
    assert!(points > 100, "{points}");
}

/// A database with this table of this many rows, which perhaps has an index.
fn with_rows(table: Table, rows: u64, indexed: bool) -> Database {
    let db = Database::in_memory().unwrap();
    let load = Edit::Load { table, rows, replace: false, backwards: false, value: 1 };
    db.update(|tx| {
        let mut state = State::default();
        let edits = [Edit::Create(table), load].into_iter().chain(indexed.then_some(Edit::Index(table)));
        edits.into_iter().try_for_each(|edit| state.apply(&edit, tx))
    })
    .unwrap();
    db
}

#[test]
fn shards_are_merged_as_a_whole_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let db = with_rows(Table::Keyed(0), 300, true);
    let shards = db.shard("keyed00", folder.path().join("shards"), &ShardOptions::new(3)).unwrap();
    let copy = folder.path().join("into.dry");
    with_rows(Table::List(0), 40, false).backup(&copy).unwrap();
    let merge = |db: &Database| db.update(|tx| tx.merge_shards(&shards, "keyed00", file));
    let points = cut(
        &std::fs::read(&copy).unwrap(),
        |db| assert_eq!(merge(db).unwrap(), 300),
        |db| {
            let is_there = db.read().unwrap().table_names().unwrap().len() == 2;
            assert_eq!(merge(db).is_err(), is_there);
        },
    );
    println!("{points} crash points");
    assert!(points > 20, "{points}");
}
