//! Cuts the power while a file is made. Afterwards there is no file of its name, or a whole one
//! that is durable. The tests of the same name use it.

use drystone::simulation::{self, CrashDisk, Event, Making};

use crate::crash::{Disk, Limits};
use crate::model::State;
use crate::random::Random;
use crate::run::{Broken, within};

/// Cuts the power after each step of making a file with this content, and opens what is left under
/// its name. Returns the number of crash points.
///
/// # Errors
/// A half-made file, or a file that was lost after the call that makes it returned.
pub fn cut(steps: &[Making], wanted: &(u64, State), limits: Limits) -> Result<u64, Broken> {
    let mut disk = CrashDisk::new(None).map_err(|error| format!("the simulated disk: {error}"))?;
    let mut random = Random::new(1);
    let mut file = Disk::new(Vec::new(), false);
    let mut named = false;
    let mut lasting = false;
    let mut points = 0;
    for (count, step) in steps.iter().enumerate() {
        match step {
            Making::Content(event) => file.advance(event),
            Making::Named => named = true,
            Making::FolderSynced => lasting = named,
        }
        // While the name is not certain, there may also be no file.
        if !named {
            points += 1;
            continue;
        }
        for outcome in file.outcomes(limits, &mut random) {
            points += 1;
            disk.load(&file.image(&outcome)).map_err(|error| format!("the simulated disk: {error}"))?;
            within(format!("after step {count} ({step:?}) {outcome}"), whole(&disk, wanted))?;
        }
    }
    if lasting {
        Ok(points)
    } else {
        Err("the file is made, and a power cut may take its name away".to_owned())
    }
}

fn whole(disk: &CrashDisk, wanted: &(u64, State)) -> Result<(), Broken> {
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

/// The same steps with a planted bug: the name comes before the last sync, or the folder is not
/// synced.
pub fn spoilt(steps: &[Making], folder: bool) -> Vec<Making> {
    let mut spoilt = steps.to_vec();
    if folder {
        spoilt.retain(|step| !matches!(step, Making::FolderSynced));
        return spoilt;
    }
    let sync = spoilt.iter().rposition(|step| matches!(step, Making::Content(Event::Sync)));
    let name = spoilt.iter().position(|step| matches!(step, Making::Named));
    if let (Some(sync), Some(name)) = (sync, name) {
        spoilt.swap(sync, name);
    }
    // A commit also syncs what it wrote.
    spoilt.retain(|step| !matches!(step, Making::Content(Event::Sync)));
    spoilt
}
