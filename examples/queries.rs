//! Queries beside loops written by hand, over the same rows in one run: a filtered sum, and a
//! grouped mean.
//!
//!     cargo run --release -p drystone --example queries -- --rows 100000000
//!
//! With `--export FILE` the rows are also written as packed bytes, for `benches/compare/queries.py`
//! to ask DuckDB the same of them.

use std::hint::black_box;
use std::time::Instant;

use drystone::query::{col, count, mean, sum};
use drystone::{Database, Record, Result, Value};

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
    /// One of a thousand groups.
    group: i32,
}

const RUNS: usize = 7;

/// The point of a row: any x, so that a comparison cannot be foreseen.
fn point(row: u64) -> Point {
    let mut random = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    random = (random ^ (random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    random ^= random >> 27;
    Point { x: random as i32, y: (random >> 32) as i32 >> 8, group: ((random >> 13) % 1000) as i32 }
}

fn main() -> Result<()> {
    let rows: u64 = option("--rows").map_or(10_000_000, |rows| rows.parse().expect("--rows takes a number"));
    let db = Database::in_memory()?;
    let write = db.write()?;
    write.create_table::<Point>("points")?.load((0..rows).map(point))?;
    write.commit()?;
    let read = db.read()?;
    let points = read.table::<Point>("points")?;
    let slice = points.as_slice()?.expect("loaded in one run");
    if let Some(path) = option("--export") {
        std::fs::write(path, bytemuck::cast_slice(slice))
            .map_err(|error| drystone::Error::io("cannot export the points", error))?;
    }

    println!("{rows} points of 12 bytes, median of {RUNS} interleaved runs, ms");
    let over = 1 << 30;
    let by_hand = || {
        let mut total = 0;
        for point in black_box(slice) {
            if point.x > over {
                total += i64::from(point.y);
            }
        }
        total
    };
    // The same where one in a thousand passes: the processor foresees nearly every comparison.
    let rarely = i32::MAX - (1 << 22);
    let rare_by_hand = || {
        let mut total = 0;
        for point in black_box(slice) {
            if point.x > rarely {
                total += i64::from(point.y);
            }
        }
        total
    };
    let rare = |threads| points.query().filter(col("x").gt(rarely)).threads(threads).value(sum("y"));
    assert_eq!(rare(1)?, rare_by_hand());
    let filtered = points.query().filter(col("x").gt(over));
    let asked = |threads| filtered.clone().threads(threads).value(sum("y"));
    assert_eq!(asked(1)?, by_hand());
    assert_eq!(asked(2)?, by_hand());

    let grouped_by_hand = || {
        let mut groups = vec![(0_i64, 0_u64); 1000];
        for point in black_box(slice) {
            if let Some((sum, count)) = groups.get_mut(point.group as usize) {
                *sum += i64::from(point.y);
                *count += 1;
            }
        }
        groups
    };
    let grouped = |threads| points.query().group_by(["group"]).aggregate([mean("y")]).threads(threads).run();
    let means = grouped(2)?;
    for (row, (sum, count)) in means.iter().zip(grouped_by_hand()) {
        assert_eq!(row.get("mean(y)")?, Value::F64(sum as f64 / count as f64));
    }

    let counted = |threads| filtered.clone().aggregate([count(), mean("y")]).threads(threads).run();
    let mut times: Vec<(&str, Vec<f64>)> = Vec::new();
    for _ in 0..RUNS {
        let mut each = [
            ("sum(y) of a quarter, by hand", time(|| by_hand() as u64)),
            ("  query, 1 thread", time(|| asked(1).is_ok().into())),
            ("  query, 2 threads", time(|| asked(2).is_ok().into())),
            ("  count and mean(y), 1 thread", time(|| counted(1).is_ok().into())),
            ("sum(y) of one in a thousand, by hand", time(|| rare_by_hand() as u64)),
            ("  query, 1 thread", time(|| rare(1).is_ok().into())),
            ("  query, 2 threads", time(|| rare(2).is_ok().into())),
            ("mean(y) by group, by hand", time(|| grouped_by_hand().len() as u64)),
            ("  query, 1 thread", time(|| grouped(1).is_ok().into())),
            ("  query, 2 threads", time(|| grouped(2).is_ok().into())),
        ]
        .into_iter();
        if times.is_empty() {
            times = each.map(|(name, ms)| (name, vec![ms])).collect();
        } else {
            times.iter_mut().for_each(|(_, all)| all.extend(each.next().map(|(_, ms)| ms)));
        }
    }
    let mut base = 0.0;
    for (name, mut all) in times {
        all.sort_by(f64::total_cmp);
        let median = all[all.len() / 2];
        if name.ends_with("by hand") {
            base = median;
        }
        println!("{name:<38} {median:>9.1}   {:>5.2} of the speed by hand", base / median);
    }
    Ok(())
}

fn time(work: impl FnOnce() -> u64) -> f64 {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed().as_secs_f64() * 1000.0
}

/// The argument that follows this one.
fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next()?;
    arguments.next()
}
