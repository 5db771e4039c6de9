//! Crash safety: a short search for a lost commit, and the proof that the search would find one. The long one is
//! `cargo run --release -p drystone-simulator -- --points 1000000`.

use drystone::simulation::Mutant;
use drystone_simulator::explore::{Explorer, Plan, catch};
use drystone_simulator::script::{random_script, short_scripts};

#[test]
fn no_commit_is_lost_wherever_the_power_is_cut() {
    let mut points = 0;
    for script in short_scripts().into_iter().chain((0..10).map(random_script)) {
        let mut explorer = Explorer::new(Plan::SHORT, 1, None).unwrap();
        explorer.explore(&script).unwrap();
        points += explorer.points();
    }
    println!("{points} crash points");
    assert!(points > 10_000, "{points}");
}

#[test]
fn every_planted_bug_is_caught() {
    for mutant in Mutant::ALL {
        let caught = catch(mutant).unwrap();
        let Some((points, broken)) = caught else { panic!("{mutant:?} was not caught") };
        println!("{mutant:?}, after {points} crash points: {broken}");
    }
}
