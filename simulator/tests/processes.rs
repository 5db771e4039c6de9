//! Several processes with one database: a short search, and the proof that it would find a bug. The
//! long search is `cargo run --release -p drystone-simulator -- --processes 4 --minutes 3`.

use drystone::simulation::Bug;
use drystone_simulator::explore::{Explorer, Plan};
use drystone_simulator::script::{again_and_drop, again_script};
use drystone_simulator::together::{Search, Together, catch};

#[test]
fn no_process_sees_what_it_should_not_whoever_is_killed() {
    for processes in [2, 3, 4] {
        let mut search = Together::new(Search::of(processes), None).unwrap();
        for seed in 1..=800 {
            search
                .explore(seed)
                .unwrap_or_else(|broken| panic!("{processes} processes, run {seed}: {broken}"));
        }
        println!("{processes} processes: {:?}", search.tally());
        assert!(search.tally().points > 5_000);
    }
}

/// The run in which several processes are stopped while they open the database.
#[test]
fn a_process_that_cannot_open_for_others_who_do_says_so() {
    Together::new(Search::of(4), None).unwrap().explore(1_028_069).unwrap();
}

/// The run in which a process asks what a reader holds that has only begun to enter the reader
/// table.
#[test]
fn a_reader_that_only_enters_the_table_is_no_damage() {
    for run in [382_029, 1_072_236, 1_235_334] {
        Together::new(Search::of(4), None).unwrap().explore(run).unwrap();
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let tally = || {
        let mut search = Together::new(Search::of(3), None).unwrap();
        for seed in 7..20 {
            search.explore(seed).unwrap();
        }
        format!("{:?}", search.tally())
    };
    assert_eq!(tally(), tally());
}

/// For each bug, the search that must catch it, and in how many runs.
const PLANTED: [(Bug, Search, u64); 7] = [
    (Bug::IgnoreReaders, Search::of(3), 200),
    (Bug::StaleFreeSpace, Search::of(3), 500),
    (Bug::UnknownIsYoung, Search::of(3), 2_000),
    (Bug::UnreadableIsEmpty, Search::of(3), 20_000),
    (Bug::FallBackBelowPin, Search::of(3), 20_000),
    (Bug::KeepMarks, Search::lying(3), 5_000),
    (Bug::ForgetFirstPage, Search::lying(3), 5_000),
];

#[test]
fn bugs_among_processes_are_caught() {
    for (mutant, search, runs) in PLANTED {
        let caught = catch(mutant, search, 1, runs).unwrap();
        let caught = caught.unwrap_or_else(|| panic!("{mutant:?} was not caught"));
        println!("{mutant:?}, by run {}: {}", caught.seed, caught.broken.lines().next().unwrap_or_default());
        // Without the bug, the same search finds nothing.
        let mut search = Together::new(search, None).unwrap();
        search.explore(caught.seed).unwrap();
    }
}

#[test]
fn a_lost_write_is_noticed_by_whichever_process_reads_it() {
    let mut search = Together::new(Search::lying(3), None).unwrap();
    for seed in 1..=2_000 {
        search.explore(seed).unwrap_or_else(|broken| panic!("run {seed}: {broken}"));
    }
    println!("{:?}", search.tally());
}

#[test]
fn a_commit_that_a_cut_took_away_does_not_come_back_when_its_pages_are_written_again() {
    let mut explorer = Explorer::new(Plan::EVERY_CUT, 0, None).unwrap().followed_by(again_and_drop());
    explorer.explore(&again_script()).unwrap();
    println!("{:?}", explorer.points());
}
