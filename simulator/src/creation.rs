//! Cuts the power while files of a folder are made, renamed and removed. The tests of databases,
//! backups, patches and shards use it.

use std::collections::BTreeMap;

use drystone::simulation::{self, CrashDisk, Event, Making};

use crate::crash::{Disk, Limits};
use crate::model::State;
use crate::random::Random;
use crate::run::{Broken, within};

/// The files that a power cut leaves in a folder, by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Cuts the power after each step, in a folder that had these files before. `check` is called with
/// what is left, and whether all steps were done before the cut. Returns the number of crash
/// points.
///
/// # Errors
/// Those of `check`, with the step.
pub fn cut(
    before: &Files,
    steps: &[Making],
    limits: Limits,
    mut check: impl FnMut(&Files, bool) -> Result<(), Broken>,
) -> Result<u64, Broken> {
    let mut folder = Folder::new(before);
    let mut random = Random::new(1);
    let mut points = 0;
    for (count, step) in steps.iter().enumerate() {
        folder.advance(step);
        let is_last = count + 1 == steps.len();
        if matches!(step, Making::Begun | Making::Content(_)) && folder.newest_is_unnamed() && !is_last {
            continue;
        }
        for files in folder.outcomes(limits, &mut random) {
            points += 1;
            within(format!("after step {count} ({})", short(step)), check(&files, is_last))?;
        }
    }
    Ok(points)
}

/// A folder partway through a recording.
struct Folder {
    files: Vec<Disk>,
    /// Names that are certain, with the numbers of their files.
    names: BTreeMap<String, usize>,
    /// Changes of names since the folder was synced. Each may have happened or not.
    pending: Vec<NameChange>,
}

/// A file gets a name, or loses one.
struct NameChange {
    gone: Option<String>,
    given: Option<(String, usize)>,
}

impl NameChange {
    fn happen(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((name, file)) = &self.given {
            names.insert(name.clone(), *file);
        }
    }
}

impl Folder {
    fn new(before: &Files) -> Folder {
        Folder {
            files: before.values().map(|bytes| Disk::new(bytes.clone(), false)).collect(),
            names: before.keys().cloned().zip(0..).collect(),
            pending: Vec::new(),
        }
    }

    /// The names as processes see them.
    fn seen(&self) -> BTreeMap<String, usize> {
        let mut names = self.names.clone();
        self.pending.iter().for_each(|change| change.happen(&mut names));
        names
    }

    fn newest_is_unnamed(&self) -> bool {
        !self.seen().into_values().any(|file| file + 1 == self.files.len())
    }

    fn advance(&mut self, step: &Making) {
        let newest = self.files.len().wrapping_sub(1);
        match step {
            Making::Begun => self.files.push(Disk::new(Vec::new(), false)),
            Making::Content(event) => {
                if let Some(file) = self.files.last_mut() {
                    file.advance(event);
                }
            }
            Making::Named(name) => {
                self.pending.push(NameChange { gone: None, given: Some((name.clone(), newest)) });
            }
            Making::Renamed { from, to } => {
                let given = self.seen().get(from).map(|file| (to.clone(), *file));
                self.pending.push(NameChange { gone: Some(from.clone()), given });
            }
            Making::Removed(name) => self.pending.push(NameChange { gone: Some(name.clone()), given: None }),
            Making::FolderSynced => {
                self.names = self.seen();
                self.pending.clear();
            }
        }
    }

    /// What a cut may leave: every subset of the changes of names, and of one file at a time every
    /// outcome of its content.
    fn outcomes(&self, limits: Limits, random: &mut Random) -> Vec<Files> {
        let mut left = Vec::new();
        for subset in 0..1_u64 << self.pending.len().min(limits.all_up_to) {
            let mut names = self.names.clone();
            for (change, at) in self.pending.iter().zip(0..) {
                if at >= limits.all_up_to || subset >> at & 1 == 1 {
                    change.happen(&mut names);
                }
            }
            let whole = |file: usize| self.files[file].whole();
            let all: Files = names.iter().map(|(name, file)| (name.clone(), whole(*file))).collect();
            for (name, file) in &names {
                let disk = &self.files[*file];
                for outcome in disk.outcomes(limits, random) {
                    let image = disk.image(&outcome);
                    if image != all[name] {
                        let mut files = all.clone();
                        files.insert(name.clone(), image);
                        left.push(files);
                    }
                }
            }
            left.push(all);
        }
        left
    }
}

/// A step without the bytes that it writes.
fn short(step: &Making) -> String {
    match step {
        Making::Content(Event::Write { offset, bytes }) => {
            format!("{} bytes written at {offset}", bytes.len())
        }
        step => format!("{step:?}"),
    }
}

/// A check for [`cut`]: there is no file of this name, or a whole database with this content; and
/// there is one when all steps are done.
///
/// # Errors
/// Of the check, a half-made file, or one that is not there. Of this function, if the system has
/// no memory.
pub fn whole_database(
    name: &str,
    wanted: &(u64, State),
) -> Result<impl FnMut(&Files, bool) -> Result<(), Broken>, Broken> {
    let failed = |error| format!("the simulated disk: {error}");
    let mut disk = CrashDisk::new(None).map_err(failed)?;
    Ok(move |files: &Files, is_done: bool| match files.get(name) {
        Some(image) => {
            disk.load(image).map_err(failed)?;
            is_whole(&disk, wanted)
        }
        None if is_done => Err("the file is made, and a power cut may take its name away".to_owned()),
        None => Ok(()),
    })
}

fn is_whole(disk: &CrashDisk, wanted: &(u64, State)) -> Result<(), Broken> {
    let db = simulation::open(disk).map_err(|error| format!("it does not open: {error}"))?;
    let found = State::newest(&db).map_err(|error| format!("it cannot be read: {error}"))?;
    if found != *wanted {
        return Err(format!("it shows transaction {} instead of {}", found.0, wanted.0));
    }
    let report = db.check().map_err(|error| format!("it cannot be checked: {error}"))?;
    match report.problems.first() {
        Some(problem) => Err(format!("check: {problem}")),
        None => Ok(()),
    }
}

/// A bug in how files are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    /// The content of a file is not synced.
    Content,
    /// The folder is not synced.
    Folder,
    /// The folder is synced at the end only.
    Between,
}

/// The same steps with a planted bug.
pub fn spoilt(steps: &[Making], bug: Spoilt) -> Vec<Making> {
    let last = steps.len().saturating_sub(1);
    let keeps = |at: usize, step: &Making| match step {
        Making::Content(Event::Sync) => bug != Spoilt::Content,
        Making::FolderSynced => bug == Spoilt::Content || bug == Spoilt::Between && at == last,
        _ => true,
    };
    let kept = steps.iter().enumerate().filter(|(at, step)| keeps(*at, step));
    kept.map(|(_, step)| step.clone()).collect()
}
