//! Searches runs of several processes: plays them, cuts the power on the way, and continues
//! with several processes from what is left.

use drystone::simulation::{Bug, CrashDisk, empty_image};

use crate::crash::{Disk, Limits};
use crate::ledger::AfterCut;
use crate::model::State;
use crate::processes::{Played, Scenario, play};
use crate::random::Random;
use crate::run::{Broken, Version, open_with, within};

/// How thoroughly runs are searched.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// How many processes there are at once.
    pub processes: usize,
    /// How many steps a run has.
    pub steps: u64,
    /// One run in this many is cut; 0 for none.
    pub cut: u64,
    /// One in this many of its events is cut.
    pub events: u64,
    /// How many outcomes of each cut to try.
    pub limits: Limits,
    /// After one cut in this many, several processes continue, and are cut again.
    pub deeper: u64,
    /// Whether the disk loses writes.
    pub lies: bool,
}

impl Search {
    /// A search with this many processes.
    pub const fn of(processes: usize) -> Search {
        Search {
            processes,
            steps: 60,
            cut: 4,
            events: 3,
            limits: Limits { all_up_to: 2, singles: 2, samples: 2, tears: 1 },
            deeper: 400,
            lies: false,
        }
    }

    /// The same on a disk that loses writes.
    pub const fn lying(processes: usize) -> Search {
        Search { cut: 0, lies: true, ..Search::of(processes) }
    }
}

/// How a planted bug was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The seed of the run.
    pub seed: u64,
    /// The promise that was broken.
    pub broken: Broken,
}

/// Searches at most this many runs with a planted bug, from this seed on.
///
/// # Errors
/// When the system has no memory.
pub fn catch(planted: Bug, search: Search, first: u64, runs: u64) -> std::io::Result<Option<Caught>> {
    let mut search = Together::new(search, Some(planted))?;
    for seed in first..first + runs {
        if let Err(broken) = search.explore(seed) {
            return Ok(Some(Caught { seed, broken }));
        }
    }
    Ok(None)
}

/// What was tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// The operations in them; at each of them another process could get its turn.
    pub operations: u64,
    /// Snapshots compared in full.
    pub compared: u64,
    /// Crash points: images left by a cut that were opened, read whole and checked.
    pub points: u64,
}

impl Tally {
    /// Adds the counts of another search.
    pub fn add(&mut self, other: &Tally) {
        self.runs += other.runs;
        self.operations += other.operations;
        self.compared += other.compared;
        self.points += other.points;
    }

    /// What was tried since.
    #[must_use]
    pub fn since(&self, before: &Tally) -> Tally {
        Tally {
            runs: self.runs - before.runs,
            operations: self.operations - before.operations,
            compared: self.compared - before.compared,
            points: self.points - before.points,
        }
    }
}

/// Plays runs, and counts what it tries.
pub struct Together {
    search: Search,
    planted: Option<Bug>,
    disk: CrashDisk,
    left: CrashDisk,
    tally: Tally,
}

impl Together {
    /// A search with this planted bug.
    ///
    /// # Errors
    /// When the system has no memory.
    pub fn new(search: Search, planted: Option<Bug>) -> std::io::Result<Together> {
        let (disk, left) = (CrashDisk::new(planted)?, CrashDisk::new(planted)?);
        Ok(Together { search, planted, disk, left, tally: Tally::default() })
    }

    /// What was tried so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Searches the run of this seed.
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn explore(&mut self, seed: u64) -> Result<(), Broken> {
        let mut random = Random::new(!seed);
        let start = Version { transaction: 1, state: State::default().into() };
        let image = empty_image();
        let played = self.play(&image, start, seed, self.search.steps, &mut random)?;
        if random.one_in(self.search.cut) {
            self.cut(&played, &image, &mut random, true)?;
        }
        Ok(())
    }

    fn play(
        &mut self,
        image: &[u8],
        start: Version,
        seed: u64,
        steps: u64,
        random: &mut Random,
    ) -> Result<Played, Broken> {
        let scenario = Scenario {
            seed,
            processes: self.search.processes,
            steps: steps / 2 + random.below(steps),
            failures: random.one_in(2) && !self.search.lies,
            lies: self.search.lies,
        };
        self.disk.load(image).map_err(|error| format!("the simulated disk: {error}"))?;
        let played = play(&self.disk, &scenario, start)?;
        self.tally.runs += 1;
        self.tally.operations += played.operations;
        self.tally.compared += played.compared;
        Ok(played)
    }

    /// Cuts the power after events of a run, and opens what is left.
    fn cut(
        &mut self,
        played: &Played,
        image: &[u8],
        random: &mut Random,
        deeper: bool,
    ) -> Result<(), Broken> {
        let mut disk = Disk::new(image.to_vec(), self.planted == Some(Bug::GrowthNotSynced));
        for count in 0..=played.events.len() {
            if let Some(event) = count.checked_sub(1).map(|last| &played.events[last]) {
                disk.advance(event);
            }
            if !random.one_in(self.search.events) {
                continue;
            }
            for outcome in disk.outcomes(self.search.limits, random) {
                let left = disk.image(&outcome);
                let place = || format!("cut after event {count} {outcome}{}", played.steps_before(count));
                let version = within_lazily(place, self.look(&left, played.allowed(count)))?;
                if deeper && random.one_in(self.search.deeper) {
                    let seed = random.word();
                    let steps = self.search.steps / 3;
                    let next = self
                        .play(&left, version, seed, steps, random)
                        .and_then(|next| self.cut(&next, &left, random, false));
                    within_lazily(place, next)?;
                }
            }
        }
        Ok(())
    }

    fn look(&mut self, left: &[u8], allowed: &AfterCut) -> Result<Version, Broken> {
        self.tally.points += 1;
        self.left.load(left).map_err(|error| format!("the simulated disk: {error}"))?;
        open_with(&self.left, |found| allowed.find(found), || allowed.describe()).map(|(_, version)| version)
    }
}

fn within_lazily<T>(place: impl Fn() -> String, result: Result<T, Broken>) -> Result<T, Broken> {
    match result {
        Ok(done) => Ok(done),
        Err(broken) => within(place(), Err(broken)),
    }
}
