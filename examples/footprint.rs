//! The promises about size, time and memory, measured at any number of rows; exit code 1 if one
//! does not hold.
//!
//!     cargo run --release -p drystone --example footprint -- --rows 100000000

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drystone::{Database, LoadOptions, Record, Result, Table};

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
    z: i32,
}

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Keyed {
    #[record(key)]
    id: u64,
    x: i32,
    y: i32,
    z: i32,
}

/// Pages that a database has at any size: two meta pages, two of the catalog, the root, the
/// rounding of the last leaf.
const FIXED_BYTES: u64 = 6 * 4096;
const MIB: u64 = 1 << 20;

fn main() -> Result<()> {
    let rows: u64 = option("--rows").map_or(1_000_000, |rows| rows.parse().expect("--rows takes a number"));
    let memory: u64 =
        option("--memory-mib").map_or(256, |mib| mib.parse().expect("--memory-mib takes a number"));
    if let Some(path) = option("--read") {
        let path = Path::new(&path);
        let held = match option("--table").as_deref() {
            Some("points") => read::<Point>(path, "points", rows)?,
            _ => read::<Keyed>(path, "keyed", rows)?,
        };
        std::process::exit(i32::from(!held));
    }
    let parent = option("--folder").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder =
        tempfile::tempdir_in(parent).map_err(|error| drystone::Error::io("no temporary folder", error))?;
    let mut held = true;

    println!("{rows} points by row number, 12 bytes each");
    let path = folder.path().join("points.dry");
    let db = open(&path)?;
    let begun = Instant::now();
    let write = db.write()?;
    let points = (0..rows).map(|row| Point { x: row as i32, y: -(row as i32), z: (row / 2) as i32 });
    write.create_table::<Point>("points")?.load(points)?;
    write.commit()?;
    rate(rows, begun.elapsed());
    held &= size(&path, rows, 12, 1001);
    drop(db);
    held &= reader(&path, "points", rows)?;
    std::fs::remove_file(&path)
        .map_err(|error| drystone::Error::io("cannot remove a temporary file", error))?;

    println!("{rows} rows with a random key of 8 bytes and 12 of data, loaded unsorted within {memory} MiB");
    let path = folder.path().join("keyed.dry");
    let db = open(&path)?;
    let begun = Instant::now();
    let before = private_bytes();
    let (report, peak) = watched(|| {
        let write = db.write()?;
        let keyed = (0..rows).map(|row| Keyed { id: scatter(row), x: row as i32, y: 1, z: 2 });
        let options = LoadOptions::new().memory_bytes((memory * MIB) as usize);
        let report = write.create_table::<Keyed>("keyed")?.load_with(keyed, &options)?;
        write.commit()?;
        Ok(report)
    })?;
    rate(rows, begun.elapsed());
    println!("  {} sorted runs in temporary files", report.spilled_runs);
    let peak = peak.saturating_sub(before);
    held &= verdict(
        &format!("{} MiB of private memory at most", peak / MIB),
        peak <= (memory + 64) * MIB,
        &format!("{} MiB and 64 MiB", memory),
    );
    held &= size(&path, rows, 20, 1005);
    drop(db);
    held &= reader(&path, "keyed", rows)?;
    if !held {
        std::process::exit(1);
    }
    Ok(())
}

/// Reads the file in a process of its own: what the load left in memory must neither count nor hide
/// what reading takes.
fn reader(path: &Path, table: &str, rows: u64) -> Result<bool> {
    let failed = |error| drystone::Error::io("cannot run a reader", error);
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("--read").arg(path).args(["--table", table, "--rows", &rows.to_string()]);
    command.status().map(|status| status.success()).map_err(failed)
}

/// Opens the file several times, then reads all of it.
fn read<T: Record<Key = u64>>(path: &Path, name: &str, rows: u64) -> Result<bool> {
    let mut opened = Vec::new();
    let mut first_get = Vec::new();
    for _ in 0..9 {
        let begun = Instant::now();
        let db = open(path)?;
        opened.push(begun.elapsed());
        let begun = Instant::now();
        db.read()?.table::<T>(name)?.get(scatter(rows / 2))?;
        first_get.push(begun.elapsed());
    }
    opened.sort_unstable();
    first_get.sort_unstable();
    let mut held = verdict(
        &format!("opened in {:?} (median of 9)", opened[4]),
        opened[4] < Duration::from_millis(1),
        "1 ms",
    );
    println!("  first get after {:?} more", first_get[4]);

    let db = open(path)?;
    let read = db.read()?;
    let table = read.table::<T>(name)?;
    let begun = Instant::now();
    let (found, private) = watched(|| everything(table))?;
    println!("  all {found} rows read and verified in {:.2} s", begun.elapsed().as_secs_f64());
    let found_private = format!("{} KiB of private memory in the whole process", private >> 10);
    held &= verdict(&found_private, private < 10 * MIB, "10 MiB");
    Ok(held && found == rows)
}

fn everything<T: Record>(table: Table<'_, T>) -> Result<u64> {
    let (mut rows, mut sum) = (0, 0u64);
    for slice in table.slices() {
        let slice = slice?;
        rows += slice.len() as u64;
        sum = slice.iter().fold(sum, |sum, row| sum.wrapping_add(u64::from(first_byte(row))));
    }
    std::hint::black_box(sum);
    Ok(rows)
}

/// Some byte of every row, so that all are touched.
fn first_byte<T: Record>(row: &T) -> u8 {
    drystone::Row::from_record(row).as_bytes()[0]
}

fn size(path: &Path, rows: u64, width: u64, promised_per_mille: u64) -> bool {
    let bytes = std::fs::metadata(path).map_or(u64::MAX, |metadata| metadata.len());
    let bound = width * rows / 1000 * promised_per_mille + if rows < 100_000_000 { FIXED_BYTES } else { 0 };
    verdict(
        &format!("{bytes} bytes, {:.4} a row", bytes as f64 / rows.max(1) as f64),
        bytes <= bound,
        &format!("{bound} bytes"),
    )
}

fn verdict(found: &str, holds: bool, bound: &str) -> bool {
    println!("  {found}; promised: {bound} at most{}", if holds { "" } else { "  BROKEN" });
    holds
}

fn rate(rows: u64, took: Duration) {
    println!(
        "  loaded and durable in {:.2} s, {:.1} million rows/s",
        took.as_secs_f64(),
        rows as f64 / took.as_secs_f64() / 1e6
    );
}

/// Runs something, and samples private memory meanwhile; the most that was seen.
fn watched<R>(run: impl FnOnce() -> Result<R>) -> Result<(R, u64)> {
    let (peak, done) = (AtomicU64::new(private_bytes()), AtomicBool::new(false));
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(private_bytes(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let result = run();
        done.store(true, Ordering::Relaxed);
        result
    })?;
    Ok((result, peak.into_inner().max(private_bytes())))
}

/// Memory that is this process's own: not the file's pages.
fn private_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0)
        << 10
}

/// Spreads numbers over all keys, each to one of its own.
fn scatter(row: u64) -> u64 {
    let mut key = row.wrapping_add(0x9E37_79B9_7F4A_7C15);
    key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    key ^ (key >> 31)
}

fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next().and_then(|_| arguments.next())
}

#[expect(unsafe_code, reason = "a mapped file is opened")]
fn open(path: &Path) -> Result<Database> {
    // SAFETY: the file lies in a temporary folder of this program's own; nothing else writes it.
    unsafe { Database::open(path) }
}
