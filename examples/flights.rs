//! Every flight that left New York City in 2013: loaded from CSV, checked, asked, changed, opened again.
//!
//!     cargo run --release -p drystone --example flights

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use drystone::{Database, Dyn, LoadOptions, Nullable, Record, Result, Schema, Text, Timestamp, Value, csv};

/// One flight: 46 bytes, in memory as in the file. The same fields as in `data/flights.schema`.
#[derive(Clone, Copy, Debug, Record)]
#[repr(C, packed)]
struct Flight {
    #[record(key)]
    time_hour: Timestamp,
    #[record(key)]
    carrier: Text<2>,
    #[record(key)]
    flight: u16,
    year: u16,
    month: u8,
    day: u8,
    dep_time: Nullable<u16>,
    sched_dep_time: u16,
    dep_delay: Nullable<i16>,
    arr_time: Nullable<u16>,
    sched_arr_time: u16,
    arr_delay: Nullable<i16>,
    tailnum: Nullable<Text<6>>,
    origin: Text<3>,
    dest: Text<3>,
    air_time: Nullable<u16>,
    distance: u16,
    hour: u8,
    minute: u8,
}

/// Three integers: the record whose price in other holders is known.
#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
    z: i32,
}

const POINTS: i32 = 1_000_000;

fn main() -> Result<()> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let folder = tempfile::tempdir().map_err(|error| drystone::Error::io("no temporary folder", error))?;
    let path = folder.path().join("flights.dry");

    println!("Load");
    let schema_text = std::fs::read_to_string(data.join("flights.schema"))
        .map_err(|error| drystone::Error::io("cannot read flights.schema", error))?;
    let schema: Schema = schema_text.parse()?;
    let db = open(&path)?;
    let begun = Instant::now();
    let file = File::open(data.join("flights-2013.csv.zst"))
        .and_then(zstd::Decoder::new)
        .map_err(|error| drystone::Error::io("cannot read flights-2013.csv.zst", error))?;
    let mut source = csv::Options::new().null("NA").name("flights-2013.csv").reader(&schema, file)?;
    let write = db.write()?;
    let report = write.create_dyn_table("flights", &schema)?.load_from(&mut source, &LoadOptions::new())?;
    write.commit()?;
    let took = begun.elapsed();
    let file_bytes = db.stats()?.file_bytes;
    println!(
        "  {} rows in {:.2} s, {:.0} rows/s, from compressed CSV to a durable commit",
        report.rows,
        took.as_secs_f64(),
        rate(report.rows, took)
    );
    println!(
        "  {} bytes declared a record, {:.2} in the file of {file_bytes} bytes",
        schema.width(),
        file_bytes as f64 / report.rows as f64
    );

    println!("Check");
    let checked = db.check()?;
    println!(
        "  {} rows in {} nodes read and verified, {} problems",
        checked.rows,
        checked.nodes,
        checked.problems.len()
    );

    println!("Ask");
    let read = db.read()?;
    let flights = read.table::<Flight>("flights")?;
    let key = ("2013-07-04T12:00:00Z".parse()?, Text::new("UA")?, 1545);
    let key = if flights.contains(key)? { key } else { key_of(flights.select(report.rows / 2)?) };
    let (begun, found) = (Instant::now(), flights.get(key)?);
    let took = begun.elapsed();
    if let Some(flight) = found {
        // Fields of a packed struct are copied out, not borrowed.
        let (origin, dest, distance) = (flight.origin, flight.dest, flight.distance);
        println!("  by key, typed: {origin} to {dest}, {distance} miles ({took:?})");
    }
    let rows = read.table::<Dyn>("flights")?;
    let row = rows
        .get(&[key.0.into(), key.1.to_string().into(), key.2.into()])?
        .unwrap_or_else(|| unreachable!("it was just there"));
    let offset = schema.field("distance")?.offset();
    println!("  the row: {row}");
    println!(
        "  distance by name {}, by position {}, by byte offset {} {}",
        row.get("distance")?,
        row.get(16)?,
        offset,
        row.at::<u16>(offset)?
    );
    let (begun, mut late, mut known) = (Instant::now(), 0_i64, 0_u32);
    for slice in flights.slices() {
        for flight in slice? {
            if let Some(minutes) = { flight.dep_delay }.get() {
                (late, known) = (late + i64::from(minutes), known + 1);
            }
        }
    }
    println!(
        "  mean departure delay {:.2} minutes, over {known} flights that left ({:?})",
        late as f64 / f64::from(known),
        begun.elapsed()
    );
    let day = flights.range(
        (Timestamp::from_ymd(2013, 12, 24)?, Text::new("")?, 0)
            ..(Timestamp::from_ymd(2013, 12, 25)?, Text::new("")?, 0),
    )?;
    println!("  {} flights on 24 December, UTC, counted without reading them", day.len());
    drop(read);

    println!("Change");
    let write = db.write()?;
    write.table::<Flight>("flights")?.update(key, |flight| flight.gate_closed_late(7))?;
    let begun = Instant::now();
    write.commit()?;
    println!("  one field of one row, durable after {:?}", begun.elapsed());

    println!("Open again");
    drop(db);
    let begun = Instant::now();
    let db = open(&path)?;
    println!("  opened in {:?}", begun.elapsed());
    let read = db.read()?;
    let flight =
        read.table::<Dyn>("flights")?.get(&[key.0.into(), key.1.to_string().into(), key.2.into()])?;
    println!(
        "  the change is there: dep_delay = {}",
        flight.map_or(Ok(Value::Null), |row| row.get("dep_delay"))?
    );

    println!("Footprint of a record of three integers, in bytes");
    let points = open(&folder.path().join("points.dry"))?;
    let write = points.write()?;
    write.create_table::<Point>("points")?.load((0..POINTS).map(|x| Point { x, y: -x, z: x / 2 }))?;
    write.commit()?;
    let holders = [
        ("Python dict", 184.0),
        ("Python class instance", 96.0),
        ("Python namedtuple", 72.0),
        ("Python class with __slots__", 56.0),
        ("Python recordclass", 40.0),
        ("Python recordclass dataobject", 40.0),
        ("Drystone, in the file and in memory", points.stats()?.file_bytes as f64 / f64::from(POINTS)),
        ("the data", size_of::<Point>() as f64),
    ];
    for (holder, bytes) in holders {
        println!("  {holder:36}{bytes:8.2}");
    }
    println!(
        "  (Python 3.11, as examples/holders.py measures; Drystone measured just now over {POINTS} rows)"
    );
    Ok(())
}

impl Flight {
    /// A record has methods like any struct.
    fn gate_closed_late(&mut self, minutes: i16) -> Result<()> {
        let delay = { self.dep_delay }.get().unwrap_or(0) + minutes;
        self.dep_delay = Nullable::new(delay)?;
        Ok(())
    }
}

fn key_of(flight: Option<&Flight>) -> (Timestamp, Text<2>, u16) {
    flight.map_or_else(
        || unreachable!("the middle row of a loaded table"),
        |flight| (flight.time_hour, flight.carrier, flight.flight),
    )
}

fn rate(rows: u64, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

#[expect(unsafe_code, reason = "a mapped file is opened")]
fn open(path: &Path) -> Result<Database> {
    // SAFETY: the file lies in a temporary folder of this program's own; nothing else writes it.
    unsafe { Database::open(path) }
}
