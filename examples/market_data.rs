//! A market-data store: one thread appends ticks while two read the last ones of a symbol; then
//! bars per minute, and retention.
//!
//!     cargo run --release -p drystone --example market_data -- 1000000

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drystone::query::{count, first, floor, last, max, min, sum};
use drystone::{Database, Enum, FieldType, Record, Result, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(u8)]
enum Side {
    Buy,
    Sell,
}

/// The number of a symbol. A type of its own, so that it is not taken for a price.
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(transparent)]
struct Symbol(u32);

/// A tick: 29 bytes.
#[derive(Clone, Copy, Debug, Record)]
#[record(getters)]
#[repr(C, packed)]
struct Tick {
    #[record(key)]
    symbol: Symbol,
    #[record(key)]
    at: Timestamp,
    #[record(key)]
    sequence: u32,
    price: i64,
    size: u32,
    side: Enum<Side>,
}

const SYMBOLS: u64 = 100;
/// Ticks of one transaction.
const TOGETHER: u64 = 1_000;
const WATCHED: Symbol = Symbol(7);

fn main() -> Result<()> {
    let ticks = std::env::args().nth(1).and_then(|ticks| ticks.parse().ok()).unwrap_or(1_000_000);
    run(ticks)
}

/// A tick every 20 milliseconds, of one symbol after the other.
fn tick(number: u64) -> Result<Tick> {
    let opening = Timestamp::from_secs(1_372_944_600)?;
    let at = opening.checked_add(Duration::from_millis(20 * number)).expect("a day that there is");
    let symbol = Symbol((number % SYMBOLS) as u32);
    let side = if number.is_multiple_of(3) { Side::Buy } else { Side::Sell };
    let price = 1_000_000 + (number * 7_919 % 5_003) as i64;
    Ok(Tick { symbol, at, sequence: number as u32, price, size: 100, side: side.into() })
}

pub(crate) fn run(ticks: u64) -> Result<()> {
    let db = Database::temporary()?;
    db.update(|tx| tx.create_table::<Tick>("ticks").map(drop))?;

    let is_done = AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| watch(&db, &is_done))).collect();
        let written = append(&db, ticks);
        is_done.store(true, Ordering::Release);
        let looks: Result<Vec<u64>> =
            readers.into_iter().map(|reader| reader.join().expect("no reader panics")).collect();
        written.and(looks)
    })?;
    println!("{ticks} ticks appended, while two threads looked {looks:?} times at a newer state");

    let table = db.table::<Tick>("ticks")?;
    let bars = table
        .as_table()
        .query()
        .filter("symbol = 7".parse()?)
        .group_by([floor("at", "1 min".parse::<drystone::query::Step>()?)])
        .aggregate([
            first("price").named("open"),
            max("price").named("high"),
            min("price").named("low"),
            last("price").named("close"),
            sum("size").named("volume"),
            count(),
        ])
        .run()?;
    println!("bars of a minute: {}; the first ones:", bars.len());
    bars.iter().take(3).for_each(|bar| println!("  {bar}"));

    // The older half goes; the room that it leaves is used for what comes.
    let file = || std::fs::metadata(db.path().expect("it is a file")).map(|file| file.len());
    let before = file()?;
    let limit = tick(ticks / 2)?.at;
    drop(table);
    let removed =
        db.update(|tx| tx.table::<Tick>("ticks")?.delete_where(format!("at < \"{limit}\"").parse()?))?;
    let kept = db.table::<Tick>("ticks")?.len();
    assert_eq!(removed + kept, ticks);
    append_from(&db, ticks, removed)?;
    println!("{removed} old ticks removed and as many appended: {before} bytes before, {} after", file()?);
    Ok(())
}

fn append(db: &Database, ticks: u64) -> Result<()> {
    append_from(db, 0, ticks)
}

fn append_from(db: &Database, start: u64, ticks: u64) -> Result<()> {
    for first in (start..start + ticks).step_by(TOGETHER as usize) {
        let batch = (first..(first + TOGETHER).min(start + ticks)).map(tick).collect::<Result<Vec<_>>>()?;
        db.update(|tx| tx.table::<Tick>("ticks")?.insert_many(batch))?;
    }
    Ok(())
}

/// Looks at the last ticks of a symbol whenever there is a newer state. Returns how often.
fn watch(db: &Database, is_done: &AtomicBool) -> Result<u64> {
    let mut ticks = db.table::<Tick>("ticks")?;
    let (mut looks, mut newest) = (0, None);
    loop {
        let ends = is_done.load(Ordering::Acquire);
        if !ticks.is_newest() {
            ticks.refresh()?;
            looks += 1;
            let last = ticks.as_table().prefix((WATCHED,))?.rev().take(10).collect::<Result<Vec<_>>>()?;
            assert!(last.is_sorted_by(|newer, older| newer.at() > older.at()));
            // What was seen stays, and time goes on.
            let at = last.first().map(|tick| tick.at());
            assert!(at >= newest);
            newest = at;
        } else if ends {
            return Ok(looks);
        } else {
            db.wait_newer(ticks.snapshot(), Duration::from_millis(10));
        }
    }
}
