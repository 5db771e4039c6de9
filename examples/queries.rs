//! Queries beside loops written by hand, over the same rows in one run: filtered sums, groups, and
//! the first rows by an order.
//!
//!     cargo run --release -p drystone --example queries -- --rows 100000000
//!
//! With `--export FILE` the rows are also written as packed bytes, for `benches/compare/points.py`
//! to ask DuckDB and polars the same of them. With `--only TEXT` only measurements whose name
//! contains the text run, without a check of the results; with `--runs COUNT` more or fewer times.
//! Two runs under callgrind that differ in `--runs` show how many instructions a row takes.

use std::cmp::Reverse;
use std::hint::black_box;
use std::time::Instant;

use drystone::query::{col, count, max, mean, min, sum};
use drystone::{Database, Record, Result, Value};

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
    /// One of a thousand groups.
    group: i32,
}

/// Half of all x are above this one, a quarter, and one in a thousand.
const HALF: i32 = 0;
const QUARTER: i32 = 1 << 30;
const RARE: i32 = i32::MAX - (1 << 22);

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

    let only = option("--only").unwrap_or_default();
    let runs: usize = option("--runs").map_or(7, |runs| runs.parse().expect("--runs takes a number"));
    let over = |least: i32| {
        let mut total = 0;
        for point in black_box(slice) {
            if point.x > least {
                total += i64::from(point.y);
            }
        }
        total
    };
    let query = |least: i32| points.query().filter(col("x").gt(least));
    let sum_over = |least, threads| query(least).threads(threads).value(sum("y"));
    let counted = |threads| query(QUARTER).aggregate([count(), mean("y")]).threads(threads).run();

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
    let extremes_by_hand = || {
        let mut groups = vec![(0_u64, i32::MAX, i32::MIN); 500];
        for point in black_box(slice) {
            if let Some((count, least, most)) = groups.get_mut(point.group as usize) {
                *count += 1;
                *least = point.y.min(*least);
                *most = point.y.max(*most);
            }
        }
        groups
    };
    let extremes = |threads| {
        let some = points.query().filter(col("group").lt(500)).group_by(["group"]);
        some.aggregate([count(), min("y"), max("y")]).threads(threads).run()
    };
    let top_by_hand = || {
        // Of equal values the first ones.
        let mut top: Vec<(i32, Reverse<usize>)> = Vec::new();
        let mut least = i32::MIN;
        for (row, point) in black_box(slice).iter().enumerate() {
            if point.x > least || top.len() < 10 {
                top.push((point.x, Reverse(row)));
                top.sort_unstable_by(|a, b| b.cmp(a));
                top.truncate(10);
                least = top[top.len() - 1].0;
            }
        }
        top
    };
    let top = |threads| points.query().top(10, [col("x").desc()]).threads(threads).run();
    let late_top = |threads| {
        let half = points.query().filter(col("group").lt(500));
        half.top(10, [col("x").desc(), col("y").asc()]).threads(threads).run()
    };

    if only.is_empty() {
        for least in [HALF, QUARTER, RARE] {
            assert_eq!(sum_over(least, 1)?, over(least));
            assert_eq!(sum_over(least, 2)?, over(least));
        }
        for (row, (sum, count)) in grouped(2)?.iter().zip(grouped_by_hand()) {
            assert_eq!(row.get("mean(y)")?, Value::F64(sum as f64 / count as f64));
        }
        for (row, (count, least, most)) in extremes(2)?.iter().zip(extremes_by_hand()) {
            assert_eq!((row.get("count")?, row.get("min(y)")?), (count.into(), least.into()));
            assert_eq!(row.get("max(y)")?, most);
        }
        for (row, (_, Reverse(at))) in top(2)?.iter().zip(top_by_hand()) {
            assert_eq!(row.get("y")?, slice[at].y);
        }
    }

    type Measured<'m> = (&'static str, Box<dyn Fn() -> u64 + 'm>);
    let measured: Vec<Measured<'_>> = vec![
        ("sum(y) of a half, by hand", Box::new(|| over(HALF) as u64)),
        ("  sum of a half, 1 thread", Box::new(|| sum_over(HALF, 1).is_ok().into())),
        ("  sum of a half, 2 threads", Box::new(|| sum_over(HALF, 2).is_ok().into())),
        ("sum(y) of a quarter, by hand", Box::new(|| over(QUARTER) as u64)),
        ("  sum of a quarter, 1 thread", Box::new(|| sum_over(QUARTER, 1).is_ok().into())),
        ("  sum of a quarter, 2 threads", Box::new(|| sum_over(QUARTER, 2).is_ok().into())),
        ("  count and mean(y), 1 thread", Box::new(|| counted(1).is_ok().into())),
        ("sum(y) of one in a thousand, by hand", Box::new(|| over(RARE) as u64)),
        ("  sum of few, 1 thread", Box::new(|| sum_over(RARE, 1).is_ok().into())),
        ("  sum of few, 2 threads", Box::new(|| sum_over(RARE, 2).is_ok().into())),
        ("top 10 by x, by hand", Box::new(|| top_by_hand().len() as u64)),
        ("  top 10, 1 thread", Box::new(|| top(1).is_ok().into())),
        ("  top 10, 2 threads", Box::new(|| top(2).is_ok().into())),
        ("  top 10 of a half by two, 1 thread", Box::new(|| late_top(1).is_ok().into())),
        ("mean(y) by group, by hand", Box::new(|| grouped_by_hand().len() as u64)),
        ("  mean by group, 1 thread", Box::new(|| grouped(1).is_ok().into())),
        ("  mean by group, 2 threads", Box::new(|| grouped(2).is_ok().into())),
        ("count, min, max by 500, by hand", Box::new(|| extremes_by_hand().len() as u64)),
        ("  extremes by group, 1 thread", Box::new(|| extremes(1).is_ok().into())),
        ("  extremes by group, 2 threads", Box::new(|| extremes(2).is_ok().into())),
    ];
    let measured: Vec<_> = measured.into_iter().filter(|(name, _)| name.contains(&only)).collect();
    let mut times = vec![Vec::new(); measured.len()];
    for _ in 0..runs {
        for ((_, work), all) in measured.iter().zip(&mut times) {
            all.push(time(work));
        }
    }
    println!("{rows} points of 12 bytes, median of {runs} interleaved runs, ms");
    let mut base = f64::NAN;
    for ((name, _), mut all) in measured.into_iter().zip(times) {
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
