//! Tries crash points: cuts a recorded run at every event, in every way, opens what is left, and goes on from there.

use drystone::simulation::{CrashDisk, Event, Fault, Mutant, Operation, empty_image};

use crate::crash::{Disk, Limits};
use crate::model::State;
use crate::random::Random;
use crate::run::{Allowed, Broken, Run, Version, open, run, within};
use crate::script::{Script, follow_up, random_script, short_scripts};

/// How thoroughly one level is searched. Level 0 is the script, 1 the recovery and the next commits after a crash in it,
/// 2 those after a crash in that recovery.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// The outcomes of each cut.
    pub limits: Limits,
    /// One cut in so many is followed by the next level.
    pub deeper: u64,
}

/// How thoroughly a script is searched.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// By level.
    pub depths: [Depth; 3],
    /// Of the operations that can fail, one in so many does; 0 for none.
    pub faults: u64,
    /// The outcomes of each cut after a failure.
    pub after_fault: Depth,
}

const fn depth(all_up_to: usize, singles: usize, samples: usize, tears: usize, deeper: u64) -> Depth {
    Depth { limits: Limits { all_up_to, singles, samples, tears }, deeper }
}

impl Plan {
    /// For short scripts: every subset, every failure.
    pub const EXHAUSTIVE: Plan = Plan {
        depths: [depth(6, 16, 32, 3, 8), depth(4, 2, 4, 1, 40), depth(1, 0, 1, 1, 0)],
        faults: 1,
        after_fault: depth(2, 1, 2, 1, 40),
    };

    /// For random scripts: a sample of everything.
    pub const RANDOM: Plan = Plan {
        depths: [depth(3, 3, 4, 1, 60), depth(2, 0, 2, 1, 40), depth(1, 0, 1, 0, 0)],
        faults: 12,
        after_fault: depth(1, 1, 1, 1, 60),
    };

    /// For a script with commits of more than a megabyte, whose images take long to make.
    pub const LARGE: Plan = Plan {
        depths: [depth(3, 3, 3, 1, 60), depth(1, 0, 1, 0, 0), depth(1, 0, 0, 0, 0)],
        faults: 10,
        after_fault: depth(1, 0, 1, 0, 0),
    };

    /// For a few seconds.
    pub const SHORT: Plan = Plan {
        depths: [depth(2, 3, 1, 1, 80), depth(1, 0, 1, 1, 40), depth(1, 0, 1, 0, 0)],
        faults: 5,
        after_fault: depth(1, 0, 1, 0, 60),
    };
}

/// Searches short scripts, and then random ones, of databases with a planted bug, until a promise is broken: how many
/// crash points that took, and what broke. `None` if nothing did.
///
/// # Errors
/// When the system gives no memory.
pub fn catch(planted: Mutant) -> std::io::Result<Option<(u64, Broken)>> {
    let mut points = 0;
    for round in 0..10 {
        for script in
            short_scripts().into_iter().chain((0..10).map(|index| random_script(10 * round + index)))
        {
            let mut explorer = Explorer::new(Plan::SHORT, round, Some(planted))?;
            let outcome = explorer.explore(&script);
            points += explorer.points();
            if let Err(broken) = outcome {
                return Ok(Some((points, broken)));
            }
        }
    }
    Ok(None)
}

/// Searches scripts, and counts what it tries.
pub struct Explorer {
    planted: Option<Mutant>,
    plan: Plan,
    /// One for each level.
    disks: Vec<CrashDisk>,
    random: Random,
    /// Images opened so far.
    points: u64,
    follow_up: Script,
}

impl Explorer {
    /// A search with this plan and seed, of databases with this bug.
    ///
    /// # Errors
    /// When the system gives no memory.
    pub fn new(plan: Plan, seed: u64, planted: Option<Mutant>) -> std::io::Result<Explorer> {
        let disks = (0..plan.depths.len() + 1).map(|_| CrashDisk::new(planted)).collect::<Result<_, _>>()?;
        Ok(Explorer { planted, plan, disks, random: Random::new(seed), points: 0, follow_up: follow_up() })
    }

    /// Crash points tried so far.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Searches one script.
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn explore(&mut self, script: &Script) -> Result<(), Broken> {
        let start = Allowed::only(Version { transaction: 1, state: State::default().into() });
        within(format!("script \"{}\"", script.name), self.explore_from(script, &start))
    }

    fn explore_from(&mut self, script: &Script, start: &Allowed) -> Result<(), Broken> {
        let image = empty_image();
        self.load(0, &image)?;
        let whole = run(&self.disks[0], script, start, None)?;
        let counts = [Operation::Read, Operation::Write, Operation::Resize, Operation::Sync]
            .map(|operation| (operation, self.disks[0].count(operation)));
        self.cut(&whole, &image, 0, 0, self.plan.depths[0])?;
        for (operation, count) in counts {
            for after in 0..count {
                if !self.random.one_in(self.plan.faults) {
                    continue;
                }
                let times = if self.random.one_in(4) { 2 + self.random.below(3) as usize } else { 1 };
                let fault = Fault { operation, after, times };
                within(format!("{fault:?}"), self.explore_fault(script, start, &image, fault))?;
            }
        }
        Ok(())
    }

    fn explore_fault(
        &mut self,
        script: &Script,
        start: &Allowed,
        image: &[u8],
        fault: Fault,
    ) -> Result<(), Broken> {
        self.load(0, image)?;
        let failed = run(&self.disks[0], script, start, Some(fault))?;
        // What comes before the failure was tried without it.
        let from = failed.events.iter().position(|event| matches!(event, Event::FailedSync)).unwrap_or(0);
        self.cut(&failed, image, from, 0, self.plan.after_fault)
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
        let mut disk = Disk::new(image.to_vec(), self.planted == Some(Mutant::GrowthNotSynced));
        for count in 0..=run.events.len() {
            if let Some(event) = count.checked_sub(1).map(|last| &run.events[last]) {
                disk.advance(event);
            }
            if count < from {
                continue;
            }
            for outcome in disk.outcomes(depth.limits, &mut self.random) {
                let left = disk.image(&outcome);
                let place = || format!("cut after event {count}{} {outcome}", named(run, count));
                self.look(&left, run.allowed(count), level + 1, depth)
                    .map_err(|broken| format!("{}: {broken}", place()))?;
            }
        }
        Ok(())
    }

    /// Opens what a cut has left, and sometimes goes on from there.
    fn look(&mut self, left: &[u8], allowed: &Allowed, level: usize, depth: Depth) -> Result<(), Broken> {
        self.points += 1;
        self.load(level, left)?;
        let next = self.plan.depths.get(level).copied();
        let Some(next) = next.filter(|_| self.random.one_in(depth.deeper)) else {
            return open(&self.disks[level], allowed).map(drop);
        };
        let recovery = run(&self.disks[level], &self.follow_up, allowed, None)?;
        self.cut(&recovery, left, 0, level, next)
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
