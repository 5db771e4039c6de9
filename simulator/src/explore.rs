//! Tries crash points: cuts a recorded run at every event, in every way, opens what is left, and
//! continues from there.

use std::sync::Arc;

use drystone::simulation::{Bug, CrashDisk, Event, Fault, Operation, empty_image};

use crate::crash::{Disk, Limits};
use crate::model::State;
use crate::random::Random;
use crate::run::{Allowed, Broken, Run, Version, open, run, within};
use crate::script::{Script, again_and_drop, again_script, follow_up, random_script, short_scripts};

/// How thoroughly one level is searched. Level 0 is the script, level 1 the recovery and the next
/// commits after a crash in it, level 2 those after a crash in that recovery.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// How many outcomes of each cut to try.
    pub limits: Limits,
    /// One cut in this many is followed by the next level.
    pub deeper: u64,
}

/// How thoroughly a script is searched.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// By level.
    pub depths: [Depth; 3],
    /// One in this many of the operations that can fail in the script does fail; 0 for none.
    pub faults: u64,
    /// The same in the recovery and the next commits after a crash.
    pub later_faults: u64,
    /// How many outcomes of each cut after a failure to try.
    pub after_fault: Depth,
}

const fn depth(all_up_to: usize, singles: usize, samples: usize, tears: usize, deeper: u64) -> Depth {
    Depth { limits: Limits { all_up_to, singles, samples, tears }, deeper }
}

impl Plan {
    /// For short scripts: every subset, every failure.
    pub const EXHAUSTIVE: Plan = Plan {
        depths: [depth(6, 16, 32, 3, 100), depth(3, 2, 4, 1, 40), depth(1, 0, 1, 1, 0)],
        faults: 1,
        later_faults: 200,
        after_fault: depth(2, 1, 2, 1, 40),
    };

    /// For random scripts: a sample of everything.
    pub const RANDOM: Plan = Plan {
        depths: [depth(3, 3, 4, 1, 200), depth(2, 0, 2, 1, 40), depth(1, 0, 1, 0, 0)],
        faults: 12,
        later_faults: 200,
        after_fault: depth(1, 1, 1, 1, 60),
    };

    /// For a script with commits of more than a megabyte, whose images take long to make.
    pub const LARGE: Plan = Plan {
        depths: [depth(3, 3, 3, 1, 60), depth(1, 0, 1, 0, 0), depth(1, 0, 0, 0, 0)],
        faults: 10,
        later_faults: 0,
        after_fault: depth(1, 0, 1, 0, 0),
    };

    /// For a search of a few seconds.
    pub const SHORT: Plan = Plan {
        depths: [depth(2, 3, 1, 1, 80), depth(1, 0, 1, 1, 40), depth(1, 0, 1, 0, 0)],
        faults: 5,
        later_faults: 200,
        after_fault: depth(1, 0, 1, 0, 60),
    };

    /// Every cut is followed by the next commits, and another cut.
    pub const EVERY_CUT: Plan = Plan {
        depths: [depth(4, 0, 0, 0, 1), depth(4, 4, 0, 0, 0), depth(1, 0, 0, 0, 0)],
        faults: 0,
        later_faults: 0,
        after_fault: depth(1, 0, 0, 0, 0),
    };

    /// Every operation fails once: in the script, and in the recovery and the next commits after
    /// every cut.
    pub const FAILING: Plan = Plan {
        depths: [depth(1, 0, 0, 0, 1), depth(1, 0, 0, 0, 0), depth(1, 0, 0, 0, 0)],
        faults: 1,
        later_faults: 1,
        after_fault: depth(1, 0, 0, 0, 0),
    };
}

/// How a planted bug was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The script.
    pub script: Script,
    /// The seed of the search.
    pub seed: u64,
    /// The number of crash points, those of earlier scripts included.
    pub points: u64,
    /// The promise that was broken.
    pub broken: Broken,
}

/// Searches short scripts, then random ones, with a planted bug and [`Plan::SHORT`], until a
/// promise is broken. `None` if none is.
///
/// # Errors
/// When the system has no memory.
pub fn catch(planted: Bug) -> std::io::Result<Option<Caught>> {
    let mut points = 0;
    let mut short = short_scripts();
    let (first, rest): (Vec<Script>, Vec<Script>) =
        short.drain(..).partition(|script| script.name == shows_soonest(planted));
    if planted == Bug::SettleOnce {
        let mut explorer = Explorer::new(Plan::EVERY_CUT, 0, Some(planted))?.followed_by(again_and_drop());
        let script = again_script();
        let outcome = explorer.explore(&script);
        let points = explorer.points().all;
        return Ok(outcome.err().map(|broken| Caught { script, seed: 0, points, broken }));
    }
    for seed in 0..10 {
        let random = (0..10).map(|index| random_script(10 * seed + index));
        for script in first.iter().chain(&rest).cloned().chain(random) {
            let mut explorer = Explorer::new(Plan::SHORT, seed, Some(planted))?;
            let outcome = explorer.explore(&script);
            points += explorer.points().all;
            if let Err(broken) = outcome {
                return Ok(Some(Caught { script, seed, points, broken }));
            }
        }
    }
    Ok(None)
}

/// The short script to begin with. This only saves time.
fn shows_soonest(planted: Bug) -> &'static str {
    match planted {
        Bug::IgnoreReaders => "snapshots",
        Bug::ReuseTooEarly | Bug::ForgetUnsynced => "eventual",
        Bug::ReuseListed | Bug::ReadErrorIsTorn => "killed",
        Bug::MetaBeforePages | Bug::LargeNotSynced | Bug::ListGivenUp => "spill",
        Bug::HalfMeta => "many tables",
        Bug::CutBeforeCommit | Bug::DiscardTooEarly => "shrink",
        _ => "small",
    }
}

/// Crash points: images left by a cut that were opened, read whole and checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Points {
    /// All of them.
    pub all: u64,
    /// Those where the power was cut again during the recovery, before anything else was written.
    pub recovery: u64,
    /// Those where it was cut again in the commits after the recovery.
    pub next_commits: u64,
}

/// Searches scripts, and counts what it tries.
pub struct Explorer {
    planted: Option<Bug>,
    plan: Plan,
    /// One per level.
    disks: Vec<CrashDisk>,
    random: Random,
    points: Points,
    follow_up: Arc<Script>,
}

impl Explorer {
    /// A search with this plan and seed, with this planted bug.
    ///
    /// # Errors
    /// When the system has no memory.
    pub fn new(plan: Plan, seed: u64, planted: Option<Bug>) -> std::io::Result<Explorer> {
        let disks = (0..plan.depths.len() + 1).map(|_| CrashDisk::new(planted)).collect::<Result<_, _>>()?;
        let random = Random::new(seed);
        Ok(Explorer {
            planted,
            plan,
            disks,
            random,
            points: Points::default(),
            follow_up: follow_up().into(),
        })
    }

    /// The same search with another script after every crash.
    #[must_use]
    pub fn followed_by(mut self, script: Script) -> Explorer {
        self.follow_up = script.into();
        self
    }

    /// The crash points tried so far.
    pub fn points(&self) -> Points {
        self.points
    }

    /// Searches one script.
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn explore(&mut self, script: &Script) -> Result<(), Broken> {
        let start = Allowed::only(Version { transaction: 1, state: State::default().into() });
        let (image, plan) = (empty_image(), self.plan);
        let searched = self.explore_from(script, &start, &image, 0, plan.depths[0], plan.faults);
        within(format!("script \"{}\"", script.name), searched)
    }

    /// Runs a script from an image, and cuts the power at every event. Then the same for each
    /// failure.
    fn explore_from(
        &mut self,
        script: &Script,
        start: &Allowed,
        image: &[u8],
        level: usize,
        depth: Depth,
        faults: u64,
    ) -> Result<(), Broken> {
        self.load(level, image)?;
        let whole = run(&self.disks[level], script, start, None)?;
        let counts = [Operation::Read, Operation::Write, Operation::Resize, Operation::Sync]
            .map(|operation| (operation, self.disks[level].count(operation)));
        self.cut(&whole, image, 0, level, depth)?;
        for (operation, count) in counts {
            for after in 0..count {
                if !self.random.one_in(faults) {
                    continue;
                }
                let times = if self.random.one_in(4) { 2 + self.random.below(3) as usize } else { 1 };
                let fault = Fault { operation, after, times };
                within(format!("{fault:?}"), self.explore_fault(script, start, image, level, fault))?;
            }
        }
        Ok(())
    }

    fn explore_fault(
        &mut self,
        script: &Script,
        start: &Allowed,
        image: &[u8],
        level: usize,
        fault: Fault,
    ) -> Result<(), Broken> {
        self.load(level, image)?;
        let failed = run(&self.disks[level], script, start, Some(fault))?;
        // The run without a failure has tried everything before the failure.
        let from = failed.events.iter().position(|event| matches!(event, Event::FailedSync)).unwrap_or(0);
        self.cut(&failed, image, from, level, self.plan.after_fault)
    }

    /// Cuts a run after every event from this one on.
    fn cut(
        &mut self,
        run: &Run,
        image: &[u8],
        from: usize,
        level: usize,
        depth: Depth,
    ) -> Result<(), Broken> {
        let mut disk = Disk::new(image.to_vec(), self.planted == Some(Bug::GrowthNotSynced));
        // A cut in a recovery that has written nothing leaves the same image.
        let from = if level == 0 { from } else { from.max(1) };
        for count in 0..=run.events.len() {
            if let Some(event) = count.checked_sub(1).map(|last| &run.events[last]) {
                disk.advance(event);
            }
            if count < from {
                continue;
            }
            for outcome in disk.outcomes(depth.limits, &mut self.random) {
                let left = disk.image(&outcome);
                match level {
                    0 => {}
                    _ if count <= run.settled => self.points.recovery += 1,
                    _ => self.points.next_commits += 1,
                }
                let place = || format!("cut after event {count}{} {outcome}", named(run, count));
                self.look(&left, run.allowed(count), level + 1, depth)
                    .map_err(|broken| format!("{}: {broken}", place()))?;
            }
        }
        Ok(())
    }

    /// Opens what a cut has left, and sometimes continues from there.
    fn look(&mut self, left: &[u8], allowed: &Allowed, level: usize, depth: Depth) -> Result<(), Broken> {
        self.points.all += 1;
        let next = self.plan.depths.get(level).copied();
        let Some(next) = next.filter(|_| self.random.one_in(depth.deeper)) else {
            self.load(level, left)?;
            return open(&self.disks[level], allowed).map(drop);
        };
        let follow_up = Arc::clone(&self.follow_up);
        let faults = if level == 1 { self.plan.later_faults } else { 0 };
        self.explore_from(&follow_up, allowed, left, level, next, faults)
    }

    fn load(&mut self, level: usize, image: &[u8]) -> Result<(), Broken> {
        self.disks[level].load(image).map_err(|error| format!("the simulated disk: {error}"))
    }
}

fn named(run: &Run, count: usize) -> String {
    match count.checked_sub(1).map(|last| &run.events[last]) {
        Some(Event::Write { offset, bytes }) => format!(" (write of {} at {offset})", bytes.len()),
        Some(Event::Length(len)) => format!(" (length {len})"),
        Some(Event::Sync) => " (sync)".to_owned(),
        Some(Event::FailedSync) => " (failed sync)".to_owned(),
        None => String::new(),
    }
}
