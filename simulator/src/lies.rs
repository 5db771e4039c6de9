//! A disk that lies: one write of a run is lost, goes to another place or happens twice, or some
//! bytes cannot be read any more. Whatever the lie, the answer is the right rows or an error.

use drystone::simulation::{self, Bug, CrashDisk, Event, empty_image};
use drystone::{Database, ErrorKind};

use crate::crash::{Disk, Limits};
use crate::model::State;
use crate::random::Random;
use crate::run::{Allowed, Broken, Version, run, within};
use crate::script::{Script, Step, follow_up, random_script};

/// A lie of the disk.
#[derive(Clone, Debug)]
enum Lie {
    /// The write was acknowledged, and never happened.
    Lost(usize),
    /// The write went to another place.
    Misdirected(usize, u64),
    /// The write happened a second time, after this many events.
    Repeated(usize, usize),
    /// These bytes cannot be read.
    Unreadable(u64, u64),
}

/// The outcomes of the lies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcomes {
    /// The number of lies.
    pub told: u64,
    /// Made no difference to any row.
    pub harmless: u64,
    /// Caused an error when the file was opened.
    pub at_opening: u64,
    /// Caused an error when rows were read, which `check` finds too.
    pub at_reading: u64,
    /// Caused an error in the next commit.
    pub at_writing: u64,
    /// Hit a meta page and took away the last commits, whole: nothing can tell.
    pub older: u64,
}

impl Outcomes {
    /// Adds the counts of another search.
    pub fn add(&mut self, other: &Outcomes) {
        self.told += other.told;
        self.harmless += other.harmless;
        self.at_opening += other.at_opening;
        self.at_reading += other.at_reading;
        self.at_writing += other.at_writing;
        self.older += other.older;
    }
}

/// Tells this many lies about the run of the script with this seed.
///
/// # Errors
/// A wrong answer.
pub fn search(seed: u64, lies: u64, planted: Option<Bug>) -> Result<Outcomes, Broken> {
    let failed = |error| format!("the simulated disk: {error}");
    let mut disk = CrashDisk::new(planted).map_err(failed)?;
    disk.load(&empty_image()).map_err(failed)?;
    let mut script = random_script(seed);
    // Without kills: a killed process leaves open which of its commits are certain.
    script.steps.retain(|step| !matches!(step, Step::Kill));
    let start = Allowed::only(Version { transaction: 1, state: State::default().into() });
    let run = run(&disk, &script, &start, None)?;
    let writes: Vec<usize> = (0..run.events.len())
        .filter(|index| matches!(&run.events[*index], Event::Write { bytes, .. } if !bytes.is_empty()))
        .collect();
    let mut outcomes = Outcomes::default();
    let mut random = Random::new(!seed);
    if writes.is_empty() {
        return Ok(outcomes);
    }
    let last = &run.allowed(run.events.len()).durable;
    for _ in 0..lies {
        let lie = tell(&run.events, &writes, &mut random);
        let (image, touches_meta) = image(&run.events, &lie, &mut random);
        disk.load(&image).map_err(failed)?;
        if let Lie::Unreadable(start, end) = lie {
            disk.spoil(start..end);
        }
        outcomes.told += 1;
        let version = |found: &(u64, State)| {
            let is = |version: &Version| version.transaction == found.0 && *version.state == found.1;
            let ever =
                || run.moments.iter().flat_map(|(_, allowed)| allowed.later.iter().chain([&allowed.durable]));
            is(last) || touches_meta && ever().any(is)
        };
        let looked = look(&disk, version, last.transaction, &mut outcomes);
        within(format!("script \"{}\", {lie:?}", script.name), looked)?;
    }
    Ok(outcomes)
}

fn tell(events: &[Event], writes: &[usize], random: &mut Random) -> Lie {
    let index = writes[random.below(writes.len() as u64) as usize];
    let Event::Write { offset, bytes } = &events[index] else { return Lie::Lost(index) };
    let len = events.iter().filter_map(|event| match event {
        Event::Length(len) => Some(*len),
        _ => None,
    });
    let len = len.max().unwrap_or(8192);
    match random.below(4) {
        0 => Lie::Lost(index),
        1 => Lie::Misdirected(index, random.below(len / 4096) * 4096),
        2 => Lie::Repeated(index, index + 1 + random.below((events.len() - index) as u64) as usize),
        _ => Lie::Unreadable(*offset, offset + (bytes.len() as u64).min(512 << random.below(4))),
    }
}

/// The final content of the disk, and whether a meta page may differ from what was written last.
fn image(events: &[Event], lie: &Lie, random: &mut Random) -> (Vec<u8>, bool) {
    let mut disk = Disk::new(empty_image(), false);
    let mut touches_meta = false;
    for (index, event) in events.iter().enumerate() {
        match (lie, event) {
            (Lie::Lost(lost), Event::Write { offset, .. }) if *lost == index => {
                touches_meta |= *offset < 8192;
            }
            (Lie::Misdirected(lost, to), Event::Write { offset, bytes }) if *lost == index => {
                touches_meta |= *offset < 8192 || *to < 8192;
                disk.advance(&Event::Write { offset: *to, bytes: bytes.clone() });
            }
            _ => disk.advance(event),
        }
        if let Lie::Repeated(again, after) = lie
            && after - 1 == index
        {
            touches_meta |= matches!(&events[*again], Event::Write { offset, .. } if *offset < 8192);
            disk.advance(&events[*again]);
        }
    }
    disk.advance(&Event::Sync);
    let none = Limits { all_up_to: 0, singles: 0, samples: 0, tears: 0 };
    let image = disk.outcomes(none, random).first().map(|outcome| disk.image(outcome));
    (image.unwrap_or_default(), touches_meta)
}

/// Reads everything, writes, and reads again.
fn look(
    disk: &CrashDisk,
    is_right: impl Fn(&(u64, State)) -> bool,
    last: u64,
    outcomes: &mut Outcomes,
) -> Result<(), Broken> {
    let Ok(db) = simulation::open(disk) else {
        outcomes.at_opening += 1;
        return Ok(());
    };
    let found = match State::newest(&db) {
        Ok(found) => found,
        Err(error) => {
            // The model's error is for rows that were never written; the store's own error names
            // the mismatch.
            detected(&error)?;
            outcomes.at_reading += 1;
            return match db.check() {
                Ok(report) if report.problems.is_empty() => {
                    Err(format!("check finds nothing, but reading says: {error}"))
                }
                _ => Ok(()),
            };
        }
    };
    if !is_right(&found) {
        return Err(format!("shows transaction {} of {last}, and not as it was", found.0));
    }
    let is_older = found.0 != last;
    match write_on(&db, &found.1) {
        Ok(()) if is_older => outcomes.older += 1,
        Ok(()) => outcomes.harmless += 1,
        Err(Refused::Error(error)) => {
            detected(&error)?;
            outcomes.at_writing += 1;
        }
        Err(Refused::Broken(broken)) => return Err(broken),
    }
    Ok(())
}

enum Refused {
    Error(drystone::Error),
    Broken(Broken),
}

impl From<drystone::Error> for Refused {
    fn from(error: drystone::Error) -> Refused {
        Refused::Error(error)
    }
}

fn write_on(db: &Database, found: &State) -> Result<(), Refused> {
    let Script { steps, .. } = follow_up();
    let mut state = found.clone();
    for step in &steps {
        let Step::Write(transaction) = step else { continue };
        let write = db.write()?;
        for edit in &transaction.edits {
            state.apply(edit, &write)?;
        }
        write.commit()?;
        if State::newest(db)?.1 != state {
            return Err(Refused::Broken("after the next commit there are other rows".to_owned()));
        }
    }
    Ok(())
}

/// The error must name a failed disk or a damaged file.
fn detected(error: &drystone::Error) -> Result<(), Broken> {
    let text = error.to_string();
    let of_the_model = text.contains("never written") || text.contains("other rows than its table");
    match error.kind() {
        _ if of_the_model => Err(text),
        ErrorKind::Io | ErrorKind::Corrupt | ErrorKind::Poisoned | ErrorKind::Truncated => Ok(()),
        _ => Err(format!("an error of another kind: {text}")),
    }
}
