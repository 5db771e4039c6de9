//! The example programs, at small sizes.

#[path = "../../examples/market_data.rs"]
#[allow(dead_code)]
mod market_data;

#[path = "../../examples/graph.rs"]
#[allow(dead_code)]
mod graph;

#[cfg(all(feature = "csv", feature = "parquet"))]
#[path = "../../examples/etl.rs"]
#[allow(dead_code)]
mod etl;

#[test]
fn ticks_are_appended_watched_and_retired() {
    market_data::run(20_000).unwrap();
}

#[test]
fn a_search_by_prefix_finds_what_an_adjacency_array_finds() {
    assert!(graph::run(20_000).unwrap() > 1_500);
}

#[cfg(all(feature = "csv", feature = "parquet"))]
#[test]
fn a_table_is_inferred_loaded_changed_and_exported() {
    etl::run(5_000).unwrap();
}
