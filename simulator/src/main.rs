//! The soak: `cargo run --release -p drystone-simulator -- --points 1000000`, or `--minutes 10`. A
//! failure prints the command that repeats it.

mod arguments;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arguments::{Options, Planted};
use clap::Parser;
use drystone::simulation::Bug;
use drystone_simulator::explore::{Explorer, Plan, Points, catch};
use drystone_simulator::lies::{Outcomes, search};
use drystone_simulator::script::{Script, large_script, random_script, short_scripts};
use drystone_simulator::together::{self, Search as Runs, Tally, Together};

/// A script, and how to search it.
struct Task {
    script: Script,
    plan: Plan,
    seed: u64,
    repeat: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.planted == Some(Planted::All) {
        return catch_all();
    }
    match (options.processes, options.lies) {
        (Some(processes), _) => processes_of(&options, processes as usize),
        (None, Some(lies)) => lying(&options, lies),
        (None, None) => cutting(&options),
    }
}

/// Cuts the power in scripts, until a limit or a failure.
fn cutting(options: &Options) -> ExitCode {
    let start = Instant::now();
    let search = Search::new(options);
    let threads = options.threads();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| search.work());
        }
    });
    let Tried { points, scripts, failures } = search.tried.into_inner().unwrap_or_default();
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} crash points in {scripts} scripts from seed {}, of which {} in the recovery after another crash and {} in the next \
         commits after one; {seconds:.0} s on {threads} threads, {:.0} points/s: {failures} broken promises",
        points.all,
        search.first_seed,
        points.recovery,
        points.next_commits,
        points.all as f64 / seconds,
    );
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Shows that the search finds each planted bug.
fn catch_all() -> ExitCode {
    let mut missed = 0;
    for mutant in Bug::ALL {
        let of_several = Bug::OF_SEVERAL.contains(&mutant) && mutant != Bug::SettleOnce;
        let caught = if of_several {
            let lies = matches!(mutant, Bug::KeepMarks | Bug::ForgetFirstPage);
            let runs = if lies { Runs::lying(3) } else { Runs::of(3) };
            let caught = together::catch(mutant, runs, 1, 30_000);
            caught.map(|caught| caught.map(|caught| format!("run {}: {}", caught.seed, caught.broken)))
        } else {
            let caught = catch(mutant);
            caught.map(|caught| {
                caught.map(|caught| format!("crash point {}: {}", caught.points, caught.broken))
            })
        };
        match caught {
            Ok(Some(caught)) => {
                println!("{mutant:?}: caught at {}", caught.lines().next().unwrap_or_default());
            }
            Ok(None) => {
                missed += 1;
                println!("{mutant:?}: NOT CAUGHT");
            }
            Err(error) => println!("{mutant:?}: {error}"),
        }
    }
    println!("{} of {} planted bugs caught", Bug::ALL.len() - missed, Bug::ALL.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A search that several threads share.
struct Search {
    /// Scripts that are searched whatever the limits are.
    fixed: Vec<Task>,
    first_seed: u64,
    /// Whether random scripts follow.
    random: bool,
    wanted_points: u64,
    until: Option<Instant>,
    planted: Option<Bug>,
    next: AtomicU64,
    tried: Mutex<Tried>,
}

/// What the search has done so far.
#[derive(Clone, Copy, Default)]
struct Tried {
    points: Points,
    scripts: u64,
    failures: u64,
}

/// Makes the disk lie about random scripts, until a limit or a wrong answer.
fn lying(options: &Options, lies: u64) -> ExitCode {
    let planted = options.bug();
    let start = Instant::now();
    let first = options.seed.unwrap_or(0);
    let over = |seed: u64| match options.minutes {
        Some(minutes) => start.elapsed() >= Duration::from_secs(60 * minutes),
        None => seed - first >= if options.seed.is_some() { 1 } else { 1000 },
    };
    let next = AtomicU64::new(first);
    let total = Mutex::new((Outcomes::default(), 0_u64, 0_u64));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let failed = total.lock().map_or(1, |total| total.2);
            if over(seed) || failed > 0 {
                return;
            }
            let outcome = search(seed, lies, planted);
            let Ok(mut total) = total.lock() else { return };
            total.1 += 1;
            match outcome {
                Ok(outcomes) => total.0.add(&outcomes),
                Err(broken) => {
                    total.2 += 1;
                    println!(
                        "BROKEN, seed {seed}: {broken}\n  repeat: cargo run --release -p drystone-simulator -- --lies {lies} \
                         --seed {seed}"
                    );
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.threads() {
            scope.spawn(work);
        }
    });
    let (outcomes, scripts, failures) = total.into_inner().unwrap_or_default();
    let seconds = start.elapsed().as_secs_f64();
    println!("{scripts} scripts from seed {first}, {outcomes:?}; {seconds:.0} s: {failures} wrong answers");
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Searches runs of several processes, until a limit or a failure.
fn processes_of(options: &Options, processes: usize) -> ExitCode {
    let planted = options.bug();
    let start = Instant::now();
    let until = options.minutes.map(|minutes| start + Duration::from_secs(60 * minutes));
    let points = options.points.unwrap_or(if until.is_some() { u64::MAX } else { 1_000_000 });
    let first = options.run.or(options.seed).unwrap_or(1);
    let next = AtomicU64::new(first);
    let total = Mutex::new((Tally::default(), 0_u64));
    let work = || {
        let Ok(mut search) = Together::new(Runs::of(processes.max(1)), planted) else { return };
        let mut before = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let outcome = search.explore(seed);
            let Ok(mut total) = total.lock() else { return };
            let (tally, failures) = &mut *total;
            tally.add(&search.tally().since(&before));
            before = search.tally();
            if let Err(broken) = outcome {
                *failures += 1;
                let planted = planted.map(|mutant| format!(" --planted {mutant:?}")).unwrap_or_default();
                println!(
                    "BROKEN, run {seed}: {broken}\n  repeat: cargo run --release -p drystone-simulator -- \
                     --processes {processes} --run {seed}{planted}"
                );
            }
            let over = until.is_some_and(|until| Instant::now() >= until) || tally.points >= points;
            if *failures > 0 || over || options.run.is_some() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..if options.run.is_some() { 1 } else { options.threads() } {
            scope.spawn(work);
        }
    });
    let (tally, failures) = total.into_inner().unwrap_or_default();
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} runs of {processes} processes from seed {first}, {} operations, {} snapshots compared; {} crash points; \
         {seconds:.0} s, {:.0} runs/s, {:.0} points/s: {failures} broken promises",
        tally.runs,
        tally.operations,
        tally.compared,
        tally.points,
        tally.runs as f64 / seconds,
        tally.points as f64 / seconds,
    );
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Search {
    fn new(options: &Options) -> Search {
        let task = |script: Script, plan, seed| {
            let repeat = format!("--script \"{}\" --seed {seed}", script.name);
            Task { script, plan, seed, repeat }
        };
        let seed = options.seed.unwrap_or(1);
        let limited = options.points.is_some() || options.minutes.is_some();
        let mut fixed: Vec<Task> = short_scripts()
            .into_iter()
            .map(|script| task(script, Plan::EXHAUSTIVE, seed))
            .chain([task(large_script(), Plan::LARGE, seed)])
            .collect();
        if let Some(name) = &options.script {
            fixed.retain(|task| task.script.name == *name);
        } else if options.seed.is_some() {
            fixed = if limited { Vec::new() } else { vec![random_task(seed)] };
        }
        Search {
            fixed,
            first_seed: seed,
            random: options.script.is_none() && (limited || options.seed.is_none()),
            wanted_points: options.points.unwrap_or(if options.minutes.is_some() {
                u64::MAX
            } else {
                1_000_000
            }),
            until: options.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes)),
            planted: options.bug(),
            next: AtomicU64::new(0),
            tried: Mutex::default(),
        }
    }

    /// Searches until a limit or the first failure.
    fn work(&self) {
        loop {
            let tried = self.tried.lock().map_or_else(|_| Tried::default(), |tried| *tried);
            if tried.failures > 0 {
                return;
            }
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let over = tried.points.all >= self.wanted_points
                || self.until.is_some_and(|until| Instant::now() >= until);
            match self.fixed.get(index as usize) {
                Some(task) => self.run(task),
                None if over || !self.random => return,
                None => self.run(&random_task(self.first_seed + index - self.fixed.len() as u64)),
            }
        }
    }

    fn run(&self, task: &Task) {
        let mut points = Points::default();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut explorer = Explorer::new(task.plan, task.seed, self.planted)
                .map_err(|error| format!("the disk: {error}"))?;
            let outcome = explorer.explore(&task.script);
            points = explorer.points();
            outcome
        }))
        .unwrap_or_else(|_| Err(format!("script \"{}\": a panic", task.script.name)));
        let Ok(mut tried) = self.tried.lock() else { return };
        tried.points.all += points.all;
        tried.points.recovery += points.recovery;
        tried.points.next_commits += points.next_commits;
        tried.scripts += 1;
        if let Err(broken) = outcome {
            tried.failures += 1;
            let planted = self.planted.map(|mutant| format!(" --planted {mutant:?}")).unwrap_or_default();
            println!(
                "BROKEN, seed {}: {broken}\n  repeat: cargo run --release -p drystone-simulator -- {}{planted}",
                task.seed, task.repeat
            );
        }
        if tried.scripts.is_multiple_of(100) || !task.script.name.starts_with("random") {
            println!("{} points, {} scripts (\"{}\")", tried.points.all, tried.scripts, task.script.name);
        }
    }
}

fn random_task(seed: u64) -> Task {
    Task { script: random_script(seed), plan: Plan::RANDOM, seed, repeat: format!("--seed {seed}") }
}
