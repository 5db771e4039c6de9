//! A scheduler and three executors as processes on this machine, over eight shards of the flights
//! of 2013 and of ten million points. One executor is killed in the middle of a query.
//!
//!     cargo run --release -p drystone-datafusion --example cluster
//!     cargo run --release -p drystone-datafusion --example cluster -- 100000000   # points

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use drystone::{Database, LoadOptions, OpenOptions, Record, Schema, ShardOptions, csv};
use drystone_datafusion::cluster::{Client, ExecutorOptions, run_executor, run_scheduler};
use drystone_datafusion::{DrystoneTable, Opener, SqlSession};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Clone, Copy, Record)]
#[repr(C)]
struct Point {
    #[record(key)]
    id: u32,
    x: i32,
    y: i32,
    /// One of a thousand.
    part: u32,
}

/// Each with a result of few rows; the last one takes long enough to be disturbed.
const QUERIES: [&str; 6] = [
    "SELECT count(*), sum(distance) FROM flights",
    "SELECT origin, count(*), round(avg(dep_delay), 3) FROM flights WHERE distance > 500 GROUP BY origin ORDER BY origin",
    "SELECT count(*), sum(x), min(y), max(y) FROM points",
    "SELECT count(*) FROM points WHERE id BETWEEN 1000000 AND 1999999 AND x < 0",
    "SELECT dest, carrier, n FROM (SELECT dest, carrier, count(*) AS n, rank() OVER (PARTITION BY dest ORDER BY count(*) DESC, \
     carrier) AS place FROM flights GROUP BY dest, carrier) WHERE place = 1 ORDER BY n DESC, dest LIMIT 5",
    "SELECT a.part % 10 AS part, count(*), sum(a.x), sum(b.y) FROM points a JOIN points b ON a.id = b.id + 1 \
     GROUP BY a.part % 10 ORDER BY 1",
];

fn opener() -> Opener {
    // SAFETY: only this example and its processes use the files, which are temporary.
    Arc::new(|path| unsafe { OpenOptions::new().create(false).open(path) })
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["scheduler"] => runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?);
            Ok(run_scheduler(listener, opener()).await?)
        }),
        ["executor", scheduler, work] => {
            let bind =
                || std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let ports = [bind()?.port(), bind()?.port()];
            std::fs::create_dir_all(work)?;
            let mut options = ExecutorOptions::new([127, 0, 0, 1].into(), ports, scheduler.parse()?, work);
            options.tasks = 1;
            Ok(runtime.block_on(run_executor(&options, opener()))?)
        }
        [] => runtime.block_on(show(10_000_000)),
        [points] => runtime.block_on(show(points.parse()?)),
        _ => Err("expected a number of points".into()),
    }
}

async fn show(points: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let begun = Instant::now();
    let db = Arc::new(load(&folder.join("all.dry"), points)?);
    println!("loaded flights and {points} points in {:.1} s", begun.elapsed().as_secs_f64());
    for table in ["flights", "points"] {
        let begun = Instant::now();
        db.shard(table, folder.join(table), &ShardOptions::new(8))?;
        println!("cut {table} into eight shards in {:.2} s", begun.elapsed().as_secs_f64());
    }

    let mut cluster = Cluster::start(folder)?;
    let client = Client::connect(cluster.scheduler, 8, &opener()).await?;
    for table in ["flights", "points"] {
        client.register(table, Arc::new(DrystoneTable::open_shards(folder.join(table), &opener())?))?;
    }
    let here = SqlSession::new(&db)?;
    for sql in &QUERIES {
        let begun = Instant::now();
        let right = here.sql(sql).await?.collect().await?;
        let alone = begun.elapsed();
        let begun = Instant::now();
        let answer = client.query(sql).await?;
        println!("\n{sql}\n{}", pretty_format_batches(&answer)?);
        println!("one process {:.3} s, cluster {:.3} s", alone.as_secs_f64(), begun.elapsed().as_secs_f64());
        same(&answer, &right)?;
    }

    println!("\nThe last one again, and an executor is killed while a stage runs:");
    let right = here.sql(QUERIES[5]).await?.collect().await?;
    let begun = Instant::now();
    let before = cluster.jobs(0);
    let running = tokio::spawn({
        let client = client.clone();
        async move { client.query(QUERIES[5]).await }
    });
    while cluster.jobs(0) == before && !running.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    if running.is_finished() {
        return Err("the query was done before the executor could be killed; take more points".into());
    }
    cluster.executors[0].kill()?;
    println!("killed after {:.3} s", begun.elapsed().as_secs_f64());
    same(&running.await??, &right)?;
    println!("the answer is right, after {:.3} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// A database with the flights and with points whose values follow from their ids.
fn load(path: &Path, points: u32) -> Result<Database> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data");
    // SAFETY: only this example and its processes use the file, which is temporary.
    let db = unsafe { Database::open(path) }?;
    let schema: Schema = std::fs::read_to_string(examples.join("flights.schema"))?.parse()?;
    let input = BufReader::new(zstd::Decoder::new(File::open(examples.join("flights-2013.csv.zst"))?)?);
    let mut flights = csv::Options::new().null("NA").reader(&schema, input)?;
    let write = db.write()?;
    write.create_dyn_table("flights", &schema)?.load_from(&mut flights, &LoadOptions::new())?;
    write.create_table::<Point>("points")?.load((0..points).map(|id| {
        let mixed = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Point { id, x: (mixed >> 40) as i32 - (1 << 23), y: (mixed >> 8) as i32, part: id % 1000 }
    }))?;
    write.commit()?;
    Ok(db)
}

fn same(answer: &[RecordBatch], right: &[RecordBatch]) -> Result<()> {
    let (answer, right) =
        (pretty_format_batches(answer)?.to_string(), pretty_format_batches(right)?.to_string());
    if answer == right { Ok(()) } else { Err(format!("one process gives another answer:\n{right}").into()) }
}

/// The processes. They are killed when it is dropped.
struct Cluster {
    scheduler: SocketAddr,
    processes: Vec<Child>,
    executors: Vec<Child>,
    work: Vec<PathBuf>,
}

impl Cluster {
    fn start(folder: &Path) -> Result<Cluster> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(&program).arg("scheduler").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let scheduler = line.trim().parse()?;
        let mut cluster =
            Cluster { scheduler, processes: vec![process], executors: Vec::new(), work: Vec::new() };
        for number in 0..3 {
            let work = folder.join(format!("work{number}"));
            let arguments = ["executor", line.trim()];
            cluster.executors.push(Command::new(&program).args(arguments).arg(&work).spawn()?);
            cluster.work.push(work);
        }
        Ok(cluster)
    }

    /// How many jobs an executor has written results of.
    fn jobs(&self, executor: usize) -> usize {
        std::fs::read_dir(&self.work[executor]).map_or(0, Iterator::count)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().chain(&mut self.executors) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
