//! The soak: `cargo run --release -p drystone-simulator -- --points 1000000`, or `--minutes 10`. A failure prints the command
//! that repeats it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drystone::simulation::Mutant;
use drystone_simulator::explore::{Explorer, Plan, catch};
use drystone_simulator::run::Broken;
use drystone_simulator::script::{Script, large_script, random_script, short_scripts};

const USAGE: &str = "\
Cuts the power of a simulated disk at every event of short scripts and of random ones, and looks for a lost commit.

    --points N     search random scripts until so many crash points were tried in all [1000000]
    --minutes N    or until so many minutes have passed
    --seed S       the first random script; alone, the only one
    --script NAME  only this short script
    --planted NAME plant this bug instead (all: one after the other), and say what it took to catch it
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
    if let Some(name) = &options.planted {
        return catch_planted(name);
    }
    let start = Instant::now();
    let search = Search::new(&options);
    let threads = options
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| search.work());
        }
    });
    let (points, tasks) = (search.points.into_inner(), search.done.into_inner());
    let seconds = start.elapsed().as_secs_f64();
    let failures = search.failures.into_inner().unwrap_or_default();
    println!(
        "{points} crash points in {tasks} scripts, {seconds:.0} s, {:.0} points/s: {} broken promises",
        points as f64 / seconds,
        failures.len()
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Shows that the search would find a bug, if there were one.
fn catch_planted(name: &str) -> ExitCode {
    let mut missed = 0;
    let planted = |mutant: &Mutant| name == "all" || format!("{mutant:?}") == name;
    for mutant in Mutant::ALL.into_iter().filter(planted) {
        match catch(mutant) {
            Ok(Some((points, broken))) => println!("{mutant:?}: caught at crash point {points}: {broken}"),
            Ok(None) => {
                missed += 1;
                println!("{mutant:?}: NOT CAUGHT");
            }
            Err(error) => println!("{mutant:?}: {error}"),
        }
    }
    println!("{missed} planted bugs were not caught");
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
    next: AtomicU64,
    points: AtomicU64,
    done: AtomicU64,
    failures: Mutex<Vec<Broken>>,
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
            next: AtomicU64::new(0),
            points: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failures: Mutex::default(),
        }
    }

    fn work(&self) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let over = self.points.load(Ordering::Relaxed) >= self.wanted_points
                || self.until.is_some_and(|until| Instant::now() >= until);
            match self.fixed.get(index as usize) {
                Some(task) => self.run(task),
                None if over || !self.random => return,
                None => self.run(&random_task(self.first_seed + index - self.fixed.len() as u64)),
            }
        }
    }

    fn run(&self, task: &Task) {
        let mut points = 0;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut explorer =
                Explorer::new(task.plan, task.seed, None).map_err(|error| format!("the disk: {error}"))?;
            let outcome = explorer.explore(&task.script);
            points = explorer.points();
            outcome
        }));
        let broken = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(broken)) => Some(broken),
            Err(_) => Some(format!("script \"{}\": a panic", task.script.name)),
        };
        let points = self.points.fetch_add(points, Ordering::Relaxed) + points;
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(broken) = broken {
            println!(
                "BROKEN: {broken}\n  repeat: cargo run --release -p drystone-simulator -- {}",
                task.repeat
            );
            if let Ok(mut failures) = self.failures.lock() {
                failures.push(broken);
            }
        }
        if done.is_multiple_of(100) || !task.script.name.starts_with("random") {
            println!("{points} points, {done} scripts (\"{}\")", task.script.name);
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
            "--script" => options.script = Some(value),
            "--planted" => options.planted = Some(value),
            _ => return Err(format!("there is no option {name}")),
        }
    }
    Ok(options)
}
