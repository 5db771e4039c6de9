//! A graph: breadth-first search by `prefix`, beside an adjacency array made by hand.
//!
//!     cargo run --release -p drystone --example graph -- 10000000
//!
//! At 10 million edges a search by `prefix` takes 2.6 to 3.0 times as long as one in the array. The
//! array reads two offsets of a vertex; a prefix descends to one leaf and finds both ends of the
//! range there.

use std::time::{Duration, Instant};

use drystone::{Database, Record, Result, Table};

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Edge {
    #[record(key)]
    from: u32,
    #[record(key)]
    to: u32,
}

/// Edges per vertex, on average.
const DEGREE: u64 = 10;
const TURNS: usize = 3;

fn main() -> Result<()> {
    let edges = std::env::args().nth(1).and_then(|edges| edges.parse().ok()).unwrap_or(10_000_000);
    run(edges).map(drop)
}

/// Searches a graph of about this many edges both ways. Returns how many vertices were found.
pub(crate) fn run(edges: u64) -> Result<usize> {
    let vertices = (edges / DEGREE).max(2);
    let mut all: Vec<Edge> = (0..edges).map(|number| edge(number, vertices)).collect();
    all.sort_unstable_by_key(|edge| (edge.from, edge.to));
    all.dedup_by_key(|edge| (edge.from, edge.to));
    let db = Database::temporary()?;
    db.update(|tx| tx.create_table::<Edge>("edges")?.load(all.iter().copied()))?;

    let array = Adjacency::new(&all, vertices as usize);
    let read = db.read()?;
    let table = read.table::<Edge>("edges")?;
    table.slices().try_for_each(|edges| edges.map(drop))?;
    let (mut by_hand, mut by_table, mut found) = (Vec::new(), Vec::new(), 0);
    for _ in 0..TURNS {
        let begun = Instant::now();
        found = array.search(0);
        by_hand.push(begun.elapsed());
        let begun = Instant::now();
        assert_eq!(search(&table, vertices as usize, 0)?, found);
        by_table.push(begun.elapsed());
    }
    let (by_hand, by_table) = (median(by_hand), median(by_table));
    println!("{found} of {vertices} vertices reached over {} edges", all.len());
    println!(
        "adjacency array {by_hand:.1?}, prefix {by_table:.1?}: {:.1} times (target: 3)",
        by_table.as_secs_f64() / by_hand.as_secs_f64()
    );
    Ok(found)
}

fn edge(number: u64, vertices: u64) -> Edge {
    let mut random = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    random = (random ^ (random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    random ^= random >> 27;
    Edge { from: (number % vertices) as u32, to: (random % vertices) as u32 }
}

/// The edges of each vertex side by side, and where they begin.
struct Adjacency {
    starts: Vec<u32>,
    to: Vec<u32>,
}

impl Adjacency {
    fn new(edges: &[Edge], vertices: usize) -> Adjacency {
        let mut starts = vec![0; vertices + 1];
        edges.iter().for_each(|edge| starts[edge.from as usize + 1] += 1);
        (0..vertices).for_each(|vertex| starts[vertex + 1] += starts[vertex]);
        Adjacency { starts, to: edges.iter().map(|edge| edge.to).collect() }
    }

    fn search(&self, start: u32) -> usize {
        let mut seen = vec![false; self.starts.len() - 1];
        let mut queue = vec![start];
        seen[start as usize] = true;
        let mut next = 0;
        while next < queue.len() {
            let vertex = queue[next] as usize;
            next += 1;
            for to in &self.to[self.starts[vertex] as usize..self.starts[vertex + 1] as usize] {
                if !std::mem::replace(&mut seen[*to as usize], true) {
                    queue.push(*to);
                }
            }
        }
        queue.len()
    }
}

fn search(edges: &Table<'_, Edge>, vertices: usize, start: u32) -> Result<usize> {
    let mut seen = vec![false; vertices];
    let mut queue = vec![start];
    seen[start as usize] = true;
    let mut next = 0;
    while next < queue.len() {
        for edges in edges.prefix(queue[next])?.slices() {
            for edge in edges? {
                if !std::mem::replace(&mut seen[edge.to as usize], true) {
                    queue.push(edge.to);
                }
            }
        }
        next += 1;
    }
    Ok(queue.len())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
