//! The workloads that only read. Each is checked against the yardstick: the same rows, the same
//! sum.

use std::hint::black_box;
use std::time::Instant;

use crate::data::{Random, Result, Value, key_of_row, next_row};
use crate::sample::Samples;
use crate::stores::{Reader, Store};
use crate::workload::Run;

const BATCHES: [(&str, usize); 3] = [("get_many_16", 16), ("get_many_256", 256), ("get_many_4096", 4096)];
const RANGE_ROWS: usize = 100;

/// Measures the selected workloads.
pub(crate) fn run<S: Store>(run: &Run<'_>, store: &S) -> Result<()> {
    warm(run, store)?;
    let one = if run.wants("get") || run.wants("threads_2") { Some(get(run, store)?) } else { None };
    if run.wants("miss") {
        miss(run, store)?;
    }
    if run.wants("chain") {
        chain(run, store)?;
    }
    for (workload, keys) in BATCHES {
        if S::BATCHES && run.wants(workload) {
            get_many(run, store, workload, keys)?;
        }
    }
    if let Some(one) = one.filter(|_| run.wants("threads_2")) {
        threads(run, store, one)?;
    }
    if run.wants("scan") {
        scan(run, store, "scan")?;
    }
    if S::ORDERED && run.wants("range_100") {
        range(run, store)?;
    }
    Ok(())
}

/// Reads everything once, into the page cache or the store's own cache.
fn warm<S: Store>(run: &Run<'_>, store: &S) -> Result<()> {
    let expected: i64 = run.points.iter().map(|point| i64::from(point.x)).sum();
    check(store.read(|reader| reader.scan())?, expected)
}

fn check<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<()> {
    if found == expected { Ok(()) } else { Err(format!("wrong answer: {found:?}, not {expected:?}").into()) }
}

/// The random rows of one repeat, the same for the store and for the yardstick after it.
fn random_rows(run: &Run<'_>, repeat: usize) -> Vec<u64> {
    Random::new(repeat as u64).rows(run.arguments.queries, run.rows)
}

/// The random gets of the yardstick, in seconds per get.
fn plain_gets(points: &[Value], rows: &[u64]) -> f64 {
    let begun = Instant::now();
    let sum: i64 = rows.iter().map(|&row| i64::from(points[row as usize].x)).sum();
    black_box(sum);
    begun.elapsed().as_secs_f64() / rows.len() as f64
}

fn expected(points: &[Value], rows: &[u64]) -> i64 {
    rows.iter().map(|&row| i64::from(points[row as usize].x)).sum()
}

fn gets<S: Store>(store: &S, keys: &[u64]) -> Result<(i64, f64)> {
    store.read(|reader| {
        let begun = Instant::now();
        let mut sum = 0;
        for &key in keys {
            sum += i64::from(reader.get(key)?.ok_or("a row is not there")?);
        }
        Ok((sum, begun.elapsed().as_secs_f64() / keys.len() as f64))
    })
}

fn keys<S: Store>(run: &Run<'_>, rows: &[u64]) -> Vec<u64> {
    rows.iter().map(|&row| run.key::<S>(row)).collect()
}

fn get<S: Store>(run: &Run<'_>, store: &S) -> Result<f64> {
    let samples = Samples::interleave(
        run.arguments.repeats,
        |repeat| Ok(plain_gets(run.points, &random_rows(run, repeat))),
        |repeat| {
            let rows = random_rows(run, repeat + 100);
            let (sum, took) = gets(store, &keys::<S>(run, &rows))?;
            check(sum, expected(run.points, &rows))?;
            Ok(took)
        },
    )?;
    let median = crate::sample::median(samples.values.clone()).unwrap_or(f64::NAN);
    run.tell::<S>("get", samples)?;
    Ok(median)
}

fn miss<S: Store>(run: &Run<'_>, store: &S) -> Result<()> {
    let samples = Samples::interleave(
        run.arguments.repeats,
        |repeat| Ok(plain_gets(run.points, &random_rows(run, repeat))),
        |repeat| {
            let missing = random_rows(run, repeat + 200).into_iter().map(|row| row + (1 << 40));
            let missing: Vec<u64> =
                missing.map(|row| if S::BY_ROW { row } else { key_of_row(row) }).collect();
            store.read(|reader| {
                let begun = Instant::now();
                let mut found = 0;
                for &key in &missing {
                    found += usize::from(reader.get(key)?.is_some());
                }
                check(found, 0)?;
                Ok(begun.elapsed().as_secs_f64() / missing.len() as f64)
            })
        },
    )?;
    run.tell::<S>("miss", samples)
}

fn chain<S: Store>(run: &Run<'_>, store: &S) -> Result<()> {
    let steps = run.arguments.queries as u64;
    let plain = |first: u64| {
        let mut row = first;
        for step in 0..steps {
            row = next_row(step, run.points[row as usize].x, run.rows);
        }
        row
    };
    let samples = Samples::interleave(
        run.arguments.repeats,
        |repeat| {
            let begun = Instant::now();
            black_box(plain(repeat as u64 % run.rows));
            Ok(begun.elapsed().as_secs_f64() / steps as f64)
        },
        |repeat| {
            let first = (repeat as u64 + 100) % run.rows;
            let (row, took) = store.read(|reader| {
                let begun = Instant::now();
                let mut row = first;
                for step in 0..steps {
                    let x = reader.get(run.key::<S>(row))?.ok_or("a row is not there")?;
                    row = next_row(step, x, run.rows);
                }
                Ok((row, begun.elapsed().as_secs_f64() / steps as f64))
            })?;
            check(row, plain(first))?;
            Ok(took)
        },
    )?;
    run.tell::<S>("chain", samples)
}

fn get_many<S: Store>(run: &Run<'_>, store: &S, workload: &str, batch: usize) -> Result<()> {
    let samples = Samples::interleave(
        run.arguments.repeats,
        |repeat| Ok(plain_gets(run.points, &random_rows(run, repeat))),
        |repeat| {
            let rows = random_rows(run, repeat + 300);
            let keys = keys::<S>(run, &rows);
            store.read(|reader| {
                let begun = Instant::now();
                let (mut sum, mut found) = (0, 0);
                for batch in keys.chunks(batch) {
                    let (batch_sum, batch_found) = reader.get_many(batch)?;
                    (sum, found) = (sum + batch_sum, found + batch_found);
                }
                let took = begun.elapsed().as_secs_f64() / keys.len() as f64;
                check((sum, found), (expected(run.points, &rows), rows.len()))?;
                Ok(took)
            })
        },
    )?;
    run.tell::<S>(workload, samples)
}

/// Runs on two threads at once. Returns the time of the slower one, per operation of both.
fn on_two(work: impl Fn(usize) -> Result<()> + Sync, operations: usize) -> Result<f64> {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let threads = [0, 1].map(|thread| {
            let work = &work;
            scope.spawn(move || work(thread))
        });
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })?;
    Ok(begun.elapsed().as_secs_f64() / (2 * operations) as f64)
}

fn threads<S: Store>(run: &Run<'_>, store: &S, one: f64) -> Result<()> {
    let pair = |repeat: usize| [random_rows(run, repeat), random_rows(run, repeat + 1000)];
    let samples = Samples::interleave(
        run.arguments.repeats,
        |repeat| {
            let rows = pair(repeat);
            let gets = |thread: usize| {
                black_box(plain_gets(run.points, &rows[thread]));
                Ok(())
            };
            on_two(gets, run.arguments.queries)
        },
        |repeat| {
            let keys = pair(repeat + 400).map(|rows| keys::<S>(run, &rows));
            on_two(|thread| gets(store, &keys[thread]).map(drop), run.arguments.queries)
        },
    )?;
    let speedups = samples.values.iter().map(|two| one / two).collect();
    run.tell::<S>("threads_2", samples)?;
    run.tell::<S>("speedup_2", Samples::alone(speedups))
}

/// Sums a field over all rows.
pub(crate) fn scan<S: Store>(run: &Run<'_>, store: &S, workload: &str) -> Result<()> {
    // Several times if there are few rows, so that the time of reading the clock does not count.
    let rounds = (5_000_000 / run.rows).max(1);
    let repeats = if run.rows > 10_000_000 { run.arguments.repeats.min(3) } else { run.arguments.repeats };
    let samples = Samples::interleave(
        repeats,
        |_| {
            let begun = Instant::now();
            for _ in 0..rounds {
                black_box(black_box(run.points).iter().map(|point| i64::from(point.x)).sum::<i64>());
            }
            Ok(begun.elapsed().as_secs_f64() / (rounds * run.rows) as f64)
        },
        |_| {
            store.read(|reader| {
                let begun = Instant::now();
                for _ in 0..rounds {
                    black_box(reader.scan()?);
                }
                Ok(begun.elapsed().as_secs_f64() / (rounds * run.rows) as f64)
            })
        },
    )?;
    run.tell::<S>(workload, samples)
}

fn range<S: Store>(run: &Run<'_>, store: &S) -> Result<()> {
    let starts = |repeat| {
        let mut rows = random_rows(run, repeat);
        rows.truncate(run.arguments.queries / 10);
        rows
    };
    let samples = Samples::interleave(
        run.arguments.repeats,
        |repeat| {
            let starts = starts(repeat);
            let begun = Instant::now();
            let mut sum = 0;
            for &from in &starts {
                let range = run.points[from as usize..].iter().take(RANGE_ROWS);
                sum += range.map(|point| i64::from(point.x)).sum::<i64>();
            }
            black_box(sum);
            Ok(begun.elapsed().as_secs_f64() / starts.len() as f64)
        },
        |repeat| {
            let keys = keys::<S>(run, &starts(repeat + 500));
            store.read(|reader| {
                let begun = Instant::now();
                for &from in &keys {
                    black_box(reader.range(from, RANGE_ROWS)?);
                }
                Ok(begun.elapsed().as_secs_f64() / keys.len() as f64)
            })
        },
    )?;
    run.tell::<S>("range_100", samples)
}
