//! A disk that lies: every answer is right, or an error. The long search is
//! `cargo run --release -p drystone-simulator -- --lies 1000`.

use drystone_simulator::lies::search;

#[test]
fn no_lie_of_the_disk_is_taken_for_rows() {
    let mut told = 0;
    for seed in 0..60 {
        let outcomes = search(seed, 100, None).unwrap();
        told += outcomes.told;
        if seed % 20 == 0 {
            println!("{outcomes:?}");
        }
    }
    assert!(told > 3_000, "{told}");
}
