//! A power cut while a table is cut into shards leaves a folder without a list, in which the call
//! can be repeated, or one with a list and all of its shards, whole.
#![expect(unsafe_code, reason = "opening is unsafe: only drystone may write the file")]

use std::ops::Range;
use std::path::Path;

use drystone::simulation::{Making, record_making};
use drystone::{
    Database, Dyn, ErrorKind, OpenOptions, ReadTransaction, Record, Result, ShardOptions, Shards,
};
use drystone_simulator::crash::Limits;
use drystone_simulator::creation::{Files, Spoilt, cut, spoilt};
use drystone_simulator::run::Broken;
use tempfile::TempDir;

const LIMITS: Limits = Limits { all_up_to: 4, singles: 2, samples: 2, tears: 1 };

fn open(path: &Path) -> Result<Database> {
    // SAFETY: only this test uses the folder.
    unsafe { OpenOptions::new().open(path) }
}

fn contents(read: &ReadTransaction) -> Vec<u8> {
    let table = read.table::<Dyn>("points").unwrap();
    table.iter().flat_map(|row| row.unwrap().as_bytes().to_vec()).collect()
}

/// The rows of all shards, which are checked as a whole.
fn rows(shards: &Shards) -> std::result::Result<Vec<u8>, Broken> {
    for shard in shards {
        let checked = open(shard.path()).and_then(|db| db.check());
        let report = checked.map_err(|error| format!("{:?}: {error}", shard.path()))?;
        if let Some(problem) = report.problems.first() {
            return Err(format!("check of {:?}: {problem}", shard.path()));
        }
    }
    let whole = Database::in_memory().unwrap();
    let merged = whole.update(|tx| tx.merge_shards(shards, "points", open));
    merged.map_err(|error| format!("the shards do not merge: {error}"))?;
    Ok(contents(&whole.read().unwrap()))
}

fn files(folder: &Path) -> Files {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let file = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    entries.map(file).filter(|(name, _)| !name.ends_with("-lock")).collect()
}

/// What may be in the folder, and what is to be there in the end.
struct Expected<'e> {
    db: &'e Database,
    options: &'e ShardOptions,
    /// The rows of the shards that the folder had before.
    before: Option<Vec<u8>>,
}

impl Expected<'_> {
    fn check(&self, files: &Files, is_done: bool) -> std::result::Result<(), Broken> {
        let folder = TempDir::new().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let wanted = contents(&self.db.read().unwrap());
        match Shards::open(folder.path()) {
            Ok(shards) => {
                let rows = rows(&shards)?;
                let is_old = !is_done && self.before.as_ref() == Some(&rows);
                if rows != wanted && !is_old {
                    return Err("the shards have other rows than the table".to_owned());
                }
            }
            Err(error) if error.kind() != ErrorKind::FileNotFound => return Err(error.to_string()),
            Err(error) if is_done => return Err(format!("all is done, and: {error}")),
            Err(_) => {}
        }
        let again = self.db.shard("points", folder.path(), &self.options.clone().replace(true));
        let shards = again.map_err(|error| format!("it cannot be repeated: {error}"))?;
        if rows(&shards)? != wanted {
            return Err("the shards of the second run have other rows than the table".to_owned());
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Point {
    #[record(key)]
    id: u64,
    word: u64,
}

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Loose {
    word: u64,
}

/// Adds rows from this number on to a table, which is made with an index if it is not there.
fn add(db: &Database, keyed: bool, numbers: Range<u64>) {
    db.update(|tx| {
        let is_new = tx.table_names()?.is_empty();
        if keyed {
            let mut table = if is_new { tx.create_table::<Point>("points")? } else { tx.table("points")? };
            table.load(numbers.map(|id| Point { id, word: id * 7 }))?;
        } else {
            let mut table = if is_new { tx.create_table::<Loose>("points")? } else { tx.table("points")? };
            table.load(numbers.map(|id| Loose { word: id * 7 }))?;
        }
        if is_new { tx.create_index("points", "by word", &["word"]) } else { Ok(()) }
    })
    .unwrap();
}

#[test]
fn a_folder_of_shards_is_whole_or_can_be_made_again() {
    let mut points_cut = 0;
    for keyed in [true, false] {
        let db = Database::in_memory().unwrap();
        add(&db, keyed, 0..900);
        let folder = TempDir::new().unwrap();
        let mut options = ShardOptions::new(3);
        let mut before = Files::new();
        // At first into an empty folder; then in the place of the shards of an older state.
        for change in [false, true] {
            let old = change.then(|| contents(&db.read().unwrap()));
            if change {
                add(&db, keyed, 900..1_000);
                options = ShardOptions::new(2).replace(true);
            }
            let (made, steps) = record_making(|| db.shard("points", folder.path(), &options));
            made.unwrap();
            let expected = Expected { db: &db, options: &options, before: old };
            points_cut +=
                cut(&before, &steps, LIMITS, |files, is_done| expected.check(files, is_done)).unwrap();
            // The last one begins after the list was made.
            let list = steps.iter().position(|step| matches!(step, Making::FolderSynced)).unwrap() + 1;
            let shards = [&steps[..list], &spoilt(&steps[list..], Spoilt::Content)].concat();
            let bugs = [Spoilt::Content, Spoilt::Folder, Spoilt::Between].map(|bug| spoilt(&steps, bug));
            for spoilt in bugs.into_iter().chain([shards]) {
                let broken = cut(&before, &spoilt, LIMITS, |files, is_done| expected.check(files, is_done));
                println!("a bug: {}", broken.unwrap_err());
            }
            before = files(folder.path());
        }
    }
    println!("{points_cut} crash points");
}
