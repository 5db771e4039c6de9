//! What an index costs: building it beside loading the table unsorted, and a look-up by it beside
//! one by the key.
//!
//! `cargo run --release -p drystone --example indexes -- --rows 10000000`. Ratios of times that are
//! taken in turn, each the median of all rounds.

use std::time::Instant;

use drystone::{Dyn, OpenOptions, Record, Result, Text, Timestamp};

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Flight {
    #[record(key)]
    id: u64,
    booking: u64,
    tail: Text<6>,
    due: Timestamp,
}

/// How often everything is measured.
const ROUNDS: usize = 3;
/// Look-ups of each kind a round.
const LOOK_UPS: u64 = 1_000_000;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rows = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--rows"), Some(rows)) => rows.parse().expect("a number of rows"),
        _ => 10_000_000,
    };
    let path = std::env::temp_dir().join(format!("drystone-indexes-{}.dry", std::process::id()));
    let measured = measure(&path, rows);
    for suffix in ["dry", "dry-lock"] {
        let _ = std::fs::remove_file(path.with_extension(suffix));
    }
    measured
}

fn measure(path: &std::path::Path, rows: u64) -> Result<()> {
    // SAFETY: the file is this process's own.
    #[expect(unsafe_code, reason = "opening a mapped file")]
    let db = unsafe { OpenOptions::new().open(path)? };
    let (mut loads, mut builds) = (Vec::new(), [Vec::new(), Vec::new()]);
    let indexes = [("by_booking", &["booking"][..]), ("by_tail", &["tail", "due"][..])];
    for round in 0..ROUNDS {
        let write = db.write()?;
        if round > 0 {
            write.drop_table("flights")?;
        }
        write.commit()?;
        let write = db.write()?;
        let started = Instant::now();
        let mut flights = write.create_table::<Flight>("flights")?;
        flights.load((0..rows).map(flight))?;
        loads.push(started.elapsed().as_secs_f64());
        write.commit()?;
        for ((name, fields), builds) in indexes.iter().zip(&mut builds) {
            let write = db.write()?;
            let started = Instant::now();
            write.create_index("flights", name, fields)?;
            builds.push(started.elapsed().as_secs_f64());
            write.commit()?;
        }
    }
    let load = median(&mut loads);
    println!("{rows} rows of {} bytes, loaded unsorted: {load:.2} s", size_of::<Flight>());
    let read = db.read()?;
    for ((name, fields), builds) in indexes.iter().zip(&mut builds) {
        let (build, stats) = (median(builds), read.table::<Dyn>("flights")?.index(name)?.stats()?);
        println!(
            "index on {fields:?}: built in {build:.2} s, {:.2} of the load; {:.3} bytes an entry of {}",
            build / load,
            stats.bytes_per_row(),
            stats.width
        );
    }

    let flights = read.table::<Flight>("flights")?;
    let (by_booking, by_tail) = (flights.index("by_booking")?, flights.index("by_tail")?);
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    // The first round is for warmth.
    for round in 0..=2 * ROUNDS as u64 {
        let wanted = |n| flight(scatter(n + round * LOOK_UPS) % rows);
        let look_up = |find: &dyn Fn(&Flight) -> Result<bool>| -> Result<f64> {
            let started = Instant::now();
            for n in 0..LOOK_UPS {
                assert!(find(&wanted(n))?);
            }
            Ok(started.elapsed().as_secs_f64() / LOOK_UPS as f64 * 1e9)
        };
        times[0].push(look_up(&|flight| Ok(flights.get(flight.id)?.is_some()))?);
        times[1].push(look_up(&|flight| Ok(by_booking.get(flight.booking)?.is_some()))?);
        times[2].push(look_up(&|flight| Ok(by_tail.get((flight.tail, flight.due))?.is_some()))?);
    }
    let [key, booking, tail] = times.map(|mut times| {
        times.remove(0);
        median(&mut times)
    });
    println!("a row by its key: {key:.0} ns");
    println!(
        "by booking: {booking:.0} ns, {:.2} of that; by tail and due: {tail:.0} ns, {:.2}",
        booking / key,
        tail / key
    );
    Ok(())
}

/// The n-th flight, in no order.
fn flight(n: u64) -> Flight {
    let tail = [b'N', digit(n / 1000), digit(n / 100), digit(n / 10), digit(n), b'A' + (n % 5) as u8];
    Flight {
        id: scatter(n),
        booking: scatter(n ^ 0xABCD_EF01),
        tail: Text::new(str::from_utf8(&tail).expect("ASCII")).expect("six letters"),
        due: Timestamp::from_micros((scatter(n) >> 20) as i64 * 1000),
    }
}

fn digit(n: u64) -> u8 {
    b'0' + (n % 10) as u8
}

/// Numbers in another order (a bijection).
fn scatter(n: u64) -> u64 {
    let n = (n ^ n >> 31).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (n ^ n >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
