//! A scheduler and three executors as processes on the loopback interface, over eight shards.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::prelude::SessionContext;
use drystone_datafusion::DrystoneTable;
use drystone_datafusion::cluster::Client;

use crate::data::{flights, folder, opener, shards, text};

/// The processes of a cluster. They are killed when it is dropped.
struct Cluster {
    scheduler: SocketAddr,
    processes: Vec<Child>,
    /// One folder for each executor.
    work: Vec<PathBuf>,
}

fn start(arguments: &[&str]) -> (Child, String) {
    let command = &mut Command::new(env!("CARGO_BIN_EXE_drystone-cluster"));
    let mut process = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (process, line)
}

impl Cluster {
    /// Three executors without folders of their own.
    fn start(name: &str) -> Cluster {
        Cluster::of(name, &[&[], &[], &[]])
    }

    /// An executor for each list of folders.
    fn of(name: &str, shards: &[&[&Path]]) -> Cluster {
        let (process, line) = start(&["scheduler", "--listen", "127.0.0.1:0"]);
        let scheduler: SocketAddr = line.trim().strip_prefix("scheduler at ").unwrap().parse().unwrap();
        let mut cluster = Cluster { scheduler, processes: vec![process], work: Vec::new() };
        shards.iter().for_each(|shards| cluster.add(name, shards));
        cluster
    }

    /// One more executor.
    fn add(&mut self, name: &str, shards: &[&Path]) {
        let work = folder().join(format!("{name}{}", self.work.len()));
        let (address, folder) = (self.scheduler.to_string(), work.display().to_string());
        let mut arguments = vec!["executor", "--scheduler", &address, "--tasks", "1", "--work", &folder];
        for shards in shards {
            arguments.extend(["--shards", shards.to_str().unwrap()]);
        }
        self.processes.push(start(&arguments).0);
        self.work.push(work);
    }

    async fn client(&self) -> Client {
        self.client_of(8).await
    }

    async fn client_of(&self, partitions: usize) -> Client {
        Client::connect(self.scheduler, partitions, &opener()).await.unwrap()
    }

    /// Kills an executor, as a power cut would.
    fn kill(&mut self, executor: usize) {
        self.processes[1 + executor].kill().unwrap();
        self.processes[1 + executor].wait().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn sharded(folder: &Path) -> Arc<DrystoneTable> {
    Arc::new(DrystoneTable::open_shards(folder, &opener()).unwrap())
}

/// Whether there is a file in this folder, or in one below it.
fn has_file(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let path = entry.path();
        if path.is_dir() { has_file(&path) } else { entry.metadata().is_ok_and(|found| found.len() > 0) }
    })
}

/// What each of the rows of both tables says, joined by day and place, so that stages take a while.
const LONG: &str = "SELECT a.carrier, count(*), sum(a.distance), sum(b.distance), max(b.flight) FROM flights a \
                    JOIN flights b ON a.dest = b.dest AND a.month = b.month AND a.day = b.day \
                    GROUP BY a.carrier ORDER BY a.carrier";

async fn here(sql: &str) -> Vec<String> {
    let context = SessionContext::new();
    context.register_table("flights", Arc::new(DrystoneTable::new(&flights(), "flights").unwrap())).unwrap();
    context.register_table("weather", Arc::new(DrystoneTable::new(&flights(), "weather").unwrap())).unwrap();
    text(&context.sql(sql).await.unwrap().collect().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_gives_the_answers_of_one_node_also_when_an_executor_dies() {
    let mut cluster = Cluster::start("work");
    let client = cluster.client().await;
    client.register("flights", sharded(&shards())).unwrap();
    client.register("weather", Arc::new(DrystoneTable::new(&flights(), "weather").unwrap())).unwrap();
    let queries = [
        "SELECT count(*), sum(distance) FROM flights",
        "SELECT count(*), sum(distance) FROM (SELECT * FROM flights UNION ALL SELECT * FROM flights)",
        "SELECT count(*), max(time_hour) FROM flights WHERE carrier = 'HA'",
        "SELECT count(*) FROM flights WHERE CAST(time_hour AS DATE) > DATE '2013-12-30'",
        "SELECT count(*) FROM flights WHERE tailnum IS NULL",
        "SELECT count(*) FROM (SELECT 1 FROM flights)",
        "SELECT count(*), max(dest) FROM flights WHERE time_hour > '2020-01-01T00:00:00Z' AND dest < 'M'",
        "SELECT origin, count(*), avg(dep_delay) FROM flights GROUP BY origin ORDER BY origin",
        "SELECT time_hour, carrier, flight FROM flights WHERE dest = 'HNL' ORDER BY time_hour, flight LIMIT 5",
        "SELECT f.origin, count(*), max(w.wind_speed) FROM flights f JOIN weather w \
         ON f.origin = w.origin AND f.time_hour = w.time_hour GROUP BY f.origin ORDER BY f.origin",
        "SELECT * FROM (SELECT dest, flight, rank() OVER (PARTITION BY dest ORDER BY distance, flight, time_hour) \
         AS place FROM flights) WHERE place = 1 ORDER BY dest LIMIT 7",
    ];
    for is_adaptive in [false, true] {
        let set = format!("SET ballista.planner.adaptive.enabled = {is_adaptive}");
        client.context().sql(&set).await.unwrap().collect().await.unwrap();
        for sql in queries {
            let answer = text(&client.query(sql).await.unwrap());
            assert_eq!(answer, here(sql).await, "{sql}, adaptive: {is_adaptive}");
        }
    }

    client
        .context()
        .sql("SET ballista.planner.adaptive.enabled = false")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();

    // Each statement is done once.
    let mut command = Command::new(env!("CARGO_BIN_EXE_drystone-sql"));
    let sql = "CREATE VIEW far AS SELECT * FROM flights WHERE distance > 2500; SELECT count(*) AS n FROM far";
    command.arg(shards()).args(["--cluster", &cluster.scheduler.to_string(), "--format", "csv", sql]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("n\n14971\n"), "{output:?}");

    let right = here(LONG).await;
    let running = {
        let client = client.clone();
        tokio::spawn(async move { client.query(LONG).await.map(|rows| text(&rows)) })
    };
    // In the middle: the executor has written results of a stage that the next one needs.
    let begun = Instant::now();
    let before: Vec<usize> = cluster.work.iter().map(|work| jobs(work)).collect();
    while jobs(&cluster.work[0]) <= before[0] || !has_file(&cluster.work[0]) {
        assert!(!running.is_finished() && begun.elapsed() < Duration::from_secs(60), "no stage has run");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    cluster.kill(0);
    assert!(!running.is_finished(), "the query was done before the executor was killed");
    assert_eq!(running.await.unwrap().unwrap(), right);
    // The other two go on.
    let sql = "SELECT count(*), sum(distance) FROM flights";
    assert_eq!(text(&client.query(sql).await.unwrap()), ["336776|350217607"]);
}

/// How many jobs have left a folder there.
fn jobs(work: &Path) -> usize {
    std::fs::read_dir(work).map_or(0, Iterator::count)
}

/// A copy of the shards, in which one is changed.
fn changed(name: &str, change: impl FnOnce(&Path)) -> PathBuf {
    let copy = folder().join(name);
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(shards()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    change(&copy);
    copy
}

/// The path of the third shard.
fn third(folder: &Path) -> PathBuf {
    drystone::Shards::open(folder).unwrap().get(2).unwrap().path().to_path_buf()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_not_right_is_an_error_that_names_it() {
    let cluster = Cluster::start("wrong");
    let client = cluster.client().await;
    let missing = changed("missing", |folder| std::fs::remove_file(third(folder)).unwrap());
    let other = changed("other", |folder| {
        let first = drystone::Shards::open(folder).unwrap().get(0).unwrap().path().to_path_buf();
        std::fs::copy(first, third(folder)).unwrap();
    });
    let damaged = changed("damaged", |folder| {
        let path = third(folder);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xa5);
        std::fs::write(path, bytes).unwrap();
    });
    for (name, folder, why) in
        [("missing", missing, "No such file"), ("other", other, "key"), ("damaged", damaged, "checksum")]
    {
        client.register(name, sharded(&folder)).unwrap();
        let file = third(&shards()).file_name().unwrap().to_str().unwrap().to_owned();
        let sql = format!("SELECT sum(distance), max(dep_delay), count(tailnum) FROM {name}");
        let here = SessionContext::new();
        here.register_table(name, sharded(&folder)).unwrap();
        let errors = [
            async { here.sql(&sql).await?.collect().await }.await.unwrap_err().to_string(),
            client.query(&sql).await.unwrap_err().to_string(),
        ];
        for error in errors {
            assert!(error.contains(&file) && error.contains(why), "{name}: {error}");
        }
    }
}

/// The folder of a node: the list, and the shards with these numbers.
fn node(name: &str, is_here: impl Fn(usize) -> bool) -> PathBuf {
    changed(name, |folder| {
        for (number, shard) in drystone::Shards::open(folder).unwrap().iter().enumerate() {
            if !is_here(number) {
                std::fs::remove_file(shard.path()).unwrap();
            }
        }
    })
}

/// The answer, or the error, of a query that must end, also on a busy machine.
async fn ask(client: &Client, sql: &str) -> datafusion::error::Result<Vec<String>> {
    let answer = tokio::time::timeout(Duration::from_secs(300), client.query(sql)).await;
    answer.unwrap_or_else(|_| panic!("no answer: {sql}")).map(|rows| text(&rows))
}

const SUM: &str = "SELECT count(*), sum(distance) FROM flights";
const TWICE: &str =
    "SELECT count(*), sum(distance) FROM (SELECT * FROM flights UNION ALL SELECT * FROM flights)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_goes_to_the_executor_that_has_the_shard() {
    let nodes = [0, 1, 2].map(|node_of| node(&format!("apart{node_of}"), |number| number % 3 == node_of));
    let shards: Vec<[&Path; 1]> = nodes.iter().map(|node| [node.as_path()]).collect();
    let shards: Vec<&[&Path]> = shards.iter().map(|node| &node[..]).collect();
    let mut cluster = Cluster::of("apart_work", &shards);
    // The client has only the list.
    let list = node("apart_list", |_| false);
    let client = cluster.client().await;
    client.register("flights", sharded(&list)).unwrap();
    client.register("weather", Arc::new(DrystoneTable::new(&flights(), "weather").unwrap())).unwrap();
    let long = here(LONG).await;
    for is_adaptive in [false, true] {
        let set = format!("SET ballista.planner.adaptive.enabled = {is_adaptive}");
        client.context().sql(&set).await.unwrap().collect().await.unwrap();
        assert_eq!(ask(&client, SUM).await.unwrap(), ["336776|350217607"]);
        assert_eq!(ask(&client, TWICE).await.unwrap(), ["673552|700435214"]);
        assert_eq!(ask(&client, LONG).await.unwrap(), long);
        let sql = "SELECT f.origin, count(*), max(w.wind_speed) FROM flights f JOIN weather w \
                   ON f.origin = w.origin AND f.time_hour = w.time_hour GROUP BY f.origin ORDER BY f.origin";
        assert_eq!(ask(&client, sql).await.unwrap(), here(sql).await);
        let sql = "SELECT time_hour, flight FROM flights ORDER BY time_hour DESC, flight LIMIT 3";
        assert_eq!(ask(&client, sql).await.unwrap(), here(sql).await);
    }
    // Two shards of two nodes, of which the plan makes one task.
    let sql = "SELECT count(*) FROM flights a CROSS JOIN flights b \
               WHERE a.time_hour = '2013-01-01T10:00:00Z' AND b.time_hour = '2013-11-30T10:00:00Z'";
    match ask(&client, sql).await {
        Ok(answer) => assert_eq!(answer, here(sql).await),
        Err(error) => assert!(error.to_string().contains("no executor has all shards"), "{error}"),
    }
    // More shards than partitions: those of one task would be on two nodes.
    let few = cluster.client_of(2).await;
    few.register("flights", sharded(&list)).unwrap();
    assert_eq!(ask(&few, SUM).await.unwrap(), ["336776|350217607"]);
    // A shard may be moved while the cluster runs.
    let moved = third(&nodes[2]);
    std::fs::rename(&moved, third(&nodes[0])).unwrap();
    assert_eq!(ask(&few, SUM).await.unwrap(), ["336776|350217607"]);
    std::fs::rename(third(&nodes[0]), &moved).unwrap();

    cluster.kill(1);
    let error = ask(&few, SUM).await.unwrap_err().to_string();
    let list = drystone::Shards::open(&list).unwrap();
    let lost = [1, 4, 7].map(|number| list.get(number).unwrap().file_name().to_owned());
    assert!(lost.iter().any(|name| error.contains(name)), "{error}");
    for node in [0, 2] {
        assert!(error.contains(nodes[node].to_str().unwrap()), "{error}");
    }
    // The node comes back, as a new executor.
    cluster.add("apart_work", shards[1]);
    assert_eq!(ask(&few, SUM).await.unwrap(), ["336776|350217607"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_executor_reads_its_own_copy_when_one_dies() {
    // Each shard is on two nodes of three.
    let nodes = [0, 1, 2].map(|node_of| node(&format!("copies{node_of}"), |number| number % 3 != node_of));
    let other = folder().join("copies_of_weather");
    flights().shard("weather", &other, &drystone::ShardOptions::new(2)).unwrap();
    let shards: Vec<[&Path; 2]> = nodes.iter().map(|node| [other.as_path(), node.as_path()]).collect();
    let shards: Vec<&[&Path]> = shards.iter().map(|node| &node[..]).collect();
    let mut cluster = Cluster::of("copies_work", &shards);
    let client = cluster.client().await;
    client.register("flights", sharded(&node("copies_list", |_| false))).unwrap();
    let right = here(LONG).await;
    assert_eq!(ask(&client, LONG).await.unwrap(), right);
    let running = {
        let client = client.clone();
        tokio::spawn(async move { ask(&client, LONG).await })
    };
    let (begun, before) = (Instant::now(), jobs(&cluster.work[0]));
    while jobs(&cluster.work[0]) <= before && begun.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    cluster.kill(0);
    // While the scheduler still believes that the executor lives.
    assert_eq!(ask(&client, TWICE).await.unwrap(), ["673552|700435214"]);
    assert_eq!(running.await.unwrap().unwrap(), right);
    assert_eq!(ask(&client, SUM).await.unwrap(), ["336776|350217607"]);
}
