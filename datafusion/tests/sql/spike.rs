//! Many executors in one process.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;

use drystone_datafusion::DrystoneTable;
use drystone_datafusion::cluster::{Client, ExecutorOptions, run_executor, run_scheduler};

use crate::data::{folder, opener, shards, text};

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_task_reads_its_own_shards() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let scheduler = listener.local_addr().unwrap();
    tokio::spawn(async move { run_scheduler(listener, opener()).await });
    for number in 0..3 {
        let work = folder().join(format!("work{number}"));
        std::fs::create_dir(&work).unwrap();
        let mut options = ExecutorOptions::new(
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            [free_port(), free_port()],
            scheduler,
            work,
        );
        options.tasks = 1;
        tokio::spawn(async move { run_executor(&options, opener()).await });
    }
    let client = Client::connect(scheduler, 8, &opener()).await.unwrap();
    client.register("flights", Arc::new(DrystoneTable::open_shards(shards(), &opener()).unwrap())).unwrap();
    for (sql, right) in [
        ("SELECT count(*), sum(distance) FROM flights", "336776|350217607"),
        (
            "SELECT count(*), sum(distance) FROM (SELECT * FROM flights UNION ALL SELECT * FROM flights)",
            "673552|700435214",
        ),
    ] {
        assert_eq!(text(&client.query(sql).await.unwrap()), [right], "{sql}");
    }
}
