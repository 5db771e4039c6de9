//! Random operations on databases, each beside a model of plain Rust collections.

mod driver;
mod indexes;
mod keys;
mod ops;
mod tables;

use drystone::{Database, Durability};
use proptest::prelude::*;

use driver::World;
use ops::{Op, Round};

use crate::temp::TempDb;

/// The number of cases: this one, or `PROPTEST_CASES`. Failed cases are not kept in files: the
/// smallest is printed, and belongs into a test of its own.
fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|asked| asked.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(cases),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    }
}

fn run(start: World<'_>, rounds: &[Round]) {
    let mut world = start;
    for round in rounds {
        world.round(round);
    }
    world.finish();
}

/// Any operations on one table whose kind is `kind`, in a file or in memory.
fn run_one_table(kind: usize, in_file: bool, rounds: &[Round]) {
    let temp = TempDb::new();
    let mut world =
        if in_file { World::in_file(&temp) } else { World::in_memory(Database::in_memory().unwrap()) };
    world.create("table", kind);
    run(world, rounds);
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_table_with_a_key_is_a_sorted_map(
        kind in keys::any_kind(), in_file: bool, rounds in ops::rounds(Op::on_keyed(), 1..7),
    ) {
        run_one_table(kind, in_file, &rounds);
    }

    #[test]
    fn a_table_without_a_key_is_a_vector(
        in_file: bool, rounds in ops::rounds(Op::on_numbered(), 1..7),
    ) {
        run_one_table(keys::NUMBERED, in_file, &rounds);
    }

    #[test]
    fn tables_do_not_touch_each_other(rounds in ops::rounds(Op::on_database(), 1..8)) {
        let temp = TempDb::new();
        run(World::in_file(&temp), &rounds);
    }
}

/// The same amount of data, replaced over and over: the pages that it leaves are used again.
fn file_stops_growing(durability: Durability, reopen: bool) {
    let temp = TempDb::new();
    let mut world = World::in_file(&temp);
    world.create("table", keys::U64);
    world.create("rows", keys::NUMBERED);
    let fill = vec![Op::put_all(), Op::push_all()];
    world.round(&Round::commit(fill, durability, reopen));
    let mut early = 0;
    for round in 0..160_u32 {
        let ops = (0..8)
            .map(|op| Op::put_some(round * 31 + op * 173, round))
            .chain((0..4).map(|op| Op::set_some(round * 17 + op * 97, round)))
            .collect();
        world.round(&Round::commit(ops, durability, reopen));
        if round == 40 {
            early = temp.file_bytes();
        }
    }
    let late = temp.file_bytes();
    world.finish();
    assert!(late <= early + early / 8, "{early} bytes after 40 rounds, {late} after 160");
}

#[test]
fn space_is_used_again() {
    file_stops_growing(Durability::Immediate, false);
}

#[test]
fn space_is_used_again_after_eventual_commits() {
    file_stops_growing(Durability::Eventual, false);
}

#[test]
fn space_is_used_again_when_every_commit_comes_from_a_new_handle() {
    file_stops_growing(Durability::Immediate, true);
}
