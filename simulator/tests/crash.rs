//! Crash safety: a short search for a lost commit, and the proof that the search would find one.
//! The long search is `cargo run --release -p drystone-simulator -- --points 1000000`.

use drystone::simulation::Bug;
use drystone_simulator::explore::{Caught, Explorer, Plan, catch};
use drystone_simulator::script::{Script, random_script, short_scripts};

fn search(script: &Script, plan: Plan, seed: u64) -> u64 {
    let mut explorer = Explorer::new(plan, seed, None).unwrap();
    explorer.explore(script).unwrap();
    explorer.points().all
}

#[test]
fn no_commit_is_lost_wherever_the_power_is_cut() {
    let scripts = short_scripts().into_iter().chain((0..4).map(random_script));
    let points: u64 = scripts.map(|script| search(&script, Plan::SHORT, 1)).sum();
    println!("{points} crash points");
    assert!(points > 10_000, "{points}");
}

#[test]
fn no_commit_is_lost_whichever_operation_fails_even_after_a_crash() {
    for name in FAILING {
        let script = short_scripts().into_iter().find(|script| script.name == name).unwrap();
        println!("\"{name}\": {} crash points", search(&script, Plan::FAILING, 1));
    }
}

/// A script with a commit of each kind, and one with processes that are killed.
const FAILING: [&str; 2] = ["small", "killed"];

#[test]
fn every_planted_bug_is_caught() {
    // The others are caught by runs of several processes, or with a disk that lies.
    let alone = |mutant: &Bug| !Bug::OF_SEVERAL.contains(mutant) || *mutant == Bug::SettleOnce;
    let caught: Vec<Caught> = Bug::ALL
        .into_iter()
        .filter(alone)
        .map(|mutant| {
            let caught = catch(mutant).unwrap().unwrap_or_else(|| panic!("{mutant:?} was not caught"));
            println!("{mutant:?}, after {} crash points: {}", caught.points, caught.broken);
            caught
        })
        .collect();
    // Without the bugs, the same searches find nothing.
    let mut searched: Vec<(&str, u64)> = Vec::new();
    for Caught { script, seed, .. } in &caught {
        if !searched.contains(&(&script.name, *seed)) {
            searched.push((&script.name, *seed));
            let points = search(script, Plan::SHORT, *seed);
            println!("no bug, \"{}\" from seed {seed}: nothing in {points} crash points", script.name);
        }
    }
}
