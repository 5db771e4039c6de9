//! Every flight that left New York City in 2013: loaded from CSV, checked, asked, changed, opened
//! again.
//!
//!     cargo run --release -p drystone --example flights

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use drystone::{
    Database, Dyn, Enum, FieldType, LoadOptions, Nullable, Record, Result, Text, Timestamp, Value, csv,
};

/// The airlines, by their codes.
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[field(rename_all = "UPPERCASE")]
#[repr(u8)]
enum Carrier {
    #[field(rename = "9E")]
    Endeavor,
    Aa,
    As,
    B6,
    Dl,
    Ev,
    F9,
    Fl,
    Ha,
    Mq,
    Oo,
    Ua,
    Us,
    Vx,
    Wn,
    Yv,
}

/// The airports of New York City.
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[field(rename_all = "UPPERCASE")]
#[repr(u8)]
enum Origin {
    Ewr,
    Jfk,
    Lga,
}

/// The airports that they fly to.
#[rustfmt::skip]
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[field(rename_all = "UPPERCASE")]
#[repr(u8)]
enum Dest {
    Abq, Ack, Alb, Anc, Atl, Aus, Avl, Bdl, Bgr, Bhm, Bna, Bos, Bqn, Btv, Buf, Bur, Bwi, Bzn, Cae, Cak, Cho, Chs,
    Cle, Clt, Cmh, Crw, Cvg, Day, Dca, Den, Dfw, Dsm, Dtw, Ege, Eyw, Fll, Grr, Gso, Gsp, Hdn, Hnl, Hou, Iad, Iah,
    Ilm, Ind, Jac, Jax, Las, Lax, Lex, Lga, Lgb, Mci, Mco, Mdw, Mem, Mht, Mia, Mke, Msn, Msp, Msy, Mtj, Mvy, Myr,
    Oak, Okc, Oma, Ord, Orf, Pbi, Pdx, Phl, Phx, Pit, Pse, Psp, Pvd, Pwm, Rdu, Ric, Roc, Rsw, San, Sat, Sav, Sbn,
    Sdf, Sea, Sfo, Sjc, Sju, Slc, Smf, Sna, Srq, Stl, Stt, Syr, Tpa, Tul, Tvc, Tys, Xna,
}

/// One flight: 41 bytes, in memory as in the file. The same fields as in `data/flights.schema`,
/// which has texts where there are enumerations here.
#[derive(Clone, Copy, Debug, Record)]
#[repr(C, packed)]
struct Flight {
    #[record(key)]
    time_hour: Timestamp,
    #[record(key)]
    carrier: Enum<Carrier>,
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
    origin: Enum<Origin>,
    dest: Enum<Dest>,
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
    let schema = Flight::schema();
    let db = open(&path)?;
    let begun = Instant::now();
    let file = File::open(data.join("flights-2013.csv.zst"))
        .and_then(zstd::Decoder::new)
        .map_err(|error| drystone::Error::io("cannot read flights-2013.csv.zst", error))?;
    let mut source = csv::Options::new().null("NA").name("flights-2013.csv").reader(schema, file)?;
    let report =
        db.update(|tx| tx.create_dyn_table("flights", schema)?.load_from(&mut source, &LoadOptions::new()))?;
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

    // The longest name is as wide as the text would have to be.
    let names = schema.fields().iter().filter_map(|field| Some((field.width(), field.names()?)));
    let saved: usize =
        names.map(|(width, names)| names.iter().map(str::len).max().unwrap_or_default() - width).sum();
    println!(
        "  enumerations for carrier, origin and dest save {saved} bytes a record, {:.1} MB of {:.1}",
        saved as f64 * report.rows as f64 / 1e6,
        (schema.width() + saved) as f64 * report.rows as f64 / 1e6
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
    let key = ("2013-07-04T12:00:00Z".parse()?, Carrier::Ua.into(), 1545);
    let key = match flights.select(report.rows / 2)? {
        Some(flight) if !flights.contains(key)? => flight.key(),
        _ => key,
    };
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
        (Timestamp::from_ymd(2013, 12, 24)?, Enum::default(), 0)
            ..(Timestamp::from_ymd(2013, 12, 25)?, Enum::default(), 0),
    )?;
    println!("  {} flights on 24 December, UTC, counted without reading them", day.len());
    drop(read);

    println!("Change");
    let begun = Instant::now();
    db.update(|tx| tx.table::<Flight>("flights")?.update(key, |flight| flight.gate_closed_late(7)))?;
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
    points.update(|tx| {
        tx.create_table::<Point>("points")?.load((0..POINTS).map(|x| Point { x, y: -x, z: x / 2 }))
    })?;
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

fn rate(rows: u64, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

#[expect(unsafe_code, reason = "a mapped file is opened")]
fn open(path: &Path) -> Result<Database> {
    // SAFETY: the file lies in a temporary folder of this program's own; nothing else writes it.
    unsafe { Database::open(path) }
}
