//! The soak: `cargo run --release -p drystone-simulator -- --points 1000000`, or `--minutes 10`. A failure prints the command
//! that repeats it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drystone::simulation::Mutant;
use drystone_simulator::explore::{Explorer, Plan, Points, catch};
use drystone_simulator::lies::{Outcomes, search};
use drystone_simulator::script::{Script, large_script, random_script, short_scripts};
use drystone_simulator::together::{self, Search as Runs, Tally, Together};

const USAGE: &str = "\
Cuts the power of a simulated disk at every event of short scripts and of random ones, and looks for a lost commit.

    --points N     search random scripts until so many crash points were tried in all [1000000]
    --minutes N    or until so many minutes have passed
    --seed S       the first random script; alone, the only one
    --script NAME  only this short script
    --processes N  search runs of so many processes with one database instead, from this seed on
    --run S        of those, only the run of this seed
    --lies N       have the disk tell so many lies about each of 1000 random scripts, or of as many as the minutes allow
    --planted NAME plant this bug in what is searched; all: catch one bug after the other, with short searches
    --threads N    [all processors]";

/// What is asked for.
#[derive(Default)]
struct Options {
    points: Option<u64>,
    minutes: Option<u64>,
    seed: Option<u64>,
    script: Option<String>,
    threads: Option<u64>,
    planted: Option<String>,
    processes: Option<u64>,
    run: Option<u64>,
    lies: Option<u64>,
}

/// One script and how it is searched.
struct Task {
    script: Script,
    plan: Plan,
    seed: u64,
    repeat: String,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.planted.as_deref() == Some("all") {
        return catch_all();
    }
    let other = match (options.processes, options.lies) {
        (Some(processes), _) => Some(processes_of(&options, processes as usize)),
        (None, Some(lies)) => Some(lying(&options, lies)),
        (None, None) => None,
    };
    if let Some(outcome) = other {
        return outcome.unwrap_or_else(|message| {
            eprintln!("{message}");
            ExitCode::from(2)
        });
    }
    let start = Instant::now();
    let search = match Search::new(&options) {
        Ok(search) => search,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let threads = threads(&options);
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

/// Shows that the search would find a bug, if there were one.
fn catch_all() -> ExitCode {
    let mut missed = 0;
    for mutant in Mutant::ALL {
        let of_several = Mutant::OF_SEVERAL.contains(&mutant) && mutant != Mutant::SettleOnce;
        let caught = if of_several {
            let lies = matches!(mutant, Mutant::KeepMarks | Mutant::ForgetFirstPage);
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
    println!("{} of {} planted bugs caught", Mutant::ALL.len() - missed, Mutant::ALL.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A search that several threads work on.
struct Search {
    /// Searched whatever the limits say.
    fixed: Vec<Task>,
    first_seed: u64,
    /// Whether random scripts follow.
    random: bool,
    wanted_points: u64,
    until: Option<Instant>,
    planted: Option<Mutant>,
    next: AtomicU64,
    tried: Mutex<Tried>,
}

/// What was done so far.
#[derive(Clone, Copy, Default)]
struct Tried {
    points: Points,
    scripts: u64,
    failures: u64,
}

fn planted(options: &Options) -> Result<Option<Mutant>, String> {
    let Some(name) = &options.planted else { return Ok(None) };
    let found = Mutant::ALL.into_iter().find(|mutant| format!("{mutant:?}") == *name);
    found.map(Some).ok_or_else(|| format!("there is no bug {name}; there are {:?}", Mutant::ALL))
}

fn threads(options: &Options) -> u64 {
    let all = || std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    options.threads.unwrap_or_else(all)
}

/// Has the disk lie about random scripts, until the limits or a wrong answer.
fn lying(options: &Options, lies: u64) -> Result<ExitCode, String> {
    let planted = planted(options)?;
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
        for _ in 0..threads(options) {
            scope.spawn(work);
        }
    });
    let (outcomes, scripts, failures) = total.into_inner().unwrap_or_default();
    let seconds = start.elapsed().as_secs_f64();
    println!("{scripts} scripts from seed {first}, {outcomes:?}; {seconds:.0} s: {failures} wrong answers");
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Searches runs of several processes, until the limits or a failure.
fn processes_of(options: &Options, processes: usize) -> Result<ExitCode, String> {
    let planted = planted(options)?;
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
        for _ in 0..if options.run.is_some() { 1 } else { threads(options) } {
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
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Search {
    fn new(options: &Options) -> Result<Search, String> {
        let planted = planted(options)?;
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
        Ok(Search {
            fixed,
            first_seed: seed,
            random: options.script.is_none() && (limited || options.seed.is_none()),
            wanted_points: options.points.unwrap_or(if options.minutes.is_some() {
                u64::MAX
            } else {
                1_000_000
            }),
            until: options.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes)),
            planted,
            next: AtomicU64::new(0),
            tried: Mutex::default(),
        })
    }

    /// Until the limits, or a failure: it is what the search is for.
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

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(name) = arguments.next() {
        if name == "--help" {
            return Err(String::new());
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name} needs a number, not {value:?}"));
        match name.as_str() {
            "--points" => options.points = Some(number()?),
            "--minutes" => options.minutes = Some(number()?),
            "--seed" => options.seed = Some(number()?),
            "--threads" => options.threads = Some(number()?),
            "--processes" => options.processes = Some(number()?),
            "--lies" => options.lies = Some(number()?),
            "--run" => options.run = Some(number()?),
            "--script" => options.script = Some(value),
            "--planted" => options.planted = Some(value),
            _ => return Err(format!("there is no option {name}")),
        }
    }
    Ok(options)
}
