//! What plans say: what the library tests, how rows are found, what needs no reading.

use std::sync::Arc;

use datafusion::prelude::{SessionConfig, SessionContext};
use drystone::{Database, Record};
use drystone_datafusion::{DrystoneTable, SqlSession};

use crate::data::{flights, opener, shards, text};

async fn plan(context: &SessionContext, sql: &str) -> String {
    let rows = context.sql(&format!("EXPLAIN FORMAT INDENT {sql}")).await.unwrap().collect().await.unwrap();
    text(&rows).join("\n")
}

fn context(table: DrystoneTable, partitions: usize) -> SessionContext {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(partitions));
    context.register_table("flights", Arc::new(table)).unwrap();
    context
}

#[tokio::test]
async fn conditions_are_tested_by_the_library() {
    let context = context(DrystoneTable::new(&flights(), "flights").unwrap(), 4);
    for (condition, shown) in [
        ("distance > 1000", "predicate=distance > 1000, read_by=scan of whole leaves"),
        (
            "time_hour >= '2013-07-04T00:00:00Z' AND carrier = 'UA'",
            "read_by=key range on time_hour, ranges: 1",
        ),
        ("dep_delay > 1000", "read_by=index \"by_delay\" on dep_delay"),
        (
            "dest IN ('SFO', 'OAK', 'LAX', 'SAN') AND tailnum IS NOT NULL",
            "predicate=dest in ('SFO', 'OAK', 'LAX', 'SAN') and tailnum is not null",
        ),
        ("tailnum LIKE 'N1%'", "predicate=tailnum starts with 'N1'"),
    ] {
        let plan = plan(&context, &format!("SELECT flight FROM flights WHERE {condition}")).await;
        assert!(plan.contains(shown), "{condition}: {plan}");
        assert!(!plan.contains("FilterExec"), "{condition}: {plan}");
    }
    // What changes the value of a column is left to DataFusion.
    for condition in
        ["CAST(time_hour AS DATE) = DATE '2013-07-04'", "upper(dest) = 'SFO'", "distance * 2 > 1000"]
    {
        let plan = plan(&context, &format!("SELECT flight FROM flights WHERE {condition}")).await;
        assert!(plan.contains("FilterExec"), "{condition}: {plan}");
    }
}

#[tokio::test]
async fn counts_and_ends_are_answered_without_reading() {
    for table in [
        DrystoneTable::new(&flights(), "flights").unwrap(),
        DrystoneTable::open_shards(shards(), &opener()).unwrap(),
    ] {
        let is_whole = table.name() == "flights" && format!("{table:?}").contains("files: 1");
        let context = context(table, 4);
        let mut queries = vec![
            ("SELECT count(*) FROM flights", "336776"),
            ("SELECT max(time_hour) FROM flights", "2014-01-01T04:00:00Z"),
            ("SELECT count(*) FROM flights WHERE time_hour < '2013-02-01T05:00:00Z'", "27004"),
        ];
        if is_whole {
            queries.push(("SELECT min(dep_delay), max(dep_delay) FROM flights", "-43|1301"));
            queries.push(("SELECT count(dep_delay) FROM flights", "328521"));
        }
        for (sql, right) in queries {
            let plan = plan(&context, sql).await;
            assert!(!plan.contains("DataSourceExec"), "{sql}: {plan}");
            assert_eq!(text(&context.sql(sql).await.unwrap().collect().await.unwrap()), [right], "{sql}");
        }
        // Not under a filter that remains.
        let sql = "SELECT count(*), max(time_hour) FROM flights WHERE distance > 1000";
        assert!(plan(&context, sql).await.contains("DataSourceExec"));
    }
}

#[tokio::test]
async fn the_order_of_the_key_is_known() {
    for table in [
        DrystoneTable::new(&flights(), "flights").unwrap(),
        DrystoneTable::open_shards(shards(), &opener()).unwrap(),
    ] {
        for partitions in [1, 3, 20] {
            let context = context(table.clone(), partitions);
            for sql in [
                "SELECT time_hour, carrier FROM flights ORDER BY time_hour, carrier, flight LIMIT 3",
                "SELECT * FROM flights WHERE distance < 500 ORDER BY time_hour",
            ] {
                let plan = plan(&context, sql).await;
                assert!(!plan.contains("SortExec"), "{sql}, {partitions} partitions: {plan}");
                let rows = text(&context.sql(sql).await.unwrap().collect().await.unwrap());
                let hours: Vec<&str> = rows.iter().map(|row| row.split('|').next().unwrap()).collect();
                assert!(hours.is_sorted(), "{sql}, {partitions} partitions");
            }
            let by_another = plan(&context, "SELECT flight FROM flights ORDER BY flight").await;
            assert!(by_another.contains("SortExec"));
        }
    }
}

#[tokio::test]
async fn shards_are_left_out_by_their_key_ranges() {
    let context = context(DrystoneTable::open_shards(shards(), &opener()).unwrap(), 8);
    let plan = plan(&context, "SELECT * FROM flights WHERE time_hour = '2013-07-04T15:00:00Z'").await;
    let read = (0..8)
        .filter(|shard| {
            plan.contains(drystone::Shards::open(shards()).unwrap().get(*shard).unwrap().file_name())
        })
        .count();
    assert_eq!(read, 1, "{plan}");
}

#[tokio::test]
async fn partitions_are_as_many_as_are_worth_it() {
    let table = DrystoneTable::new(&flights(), "flights").unwrap();
    for (partitions, groups) in [(1, 1), (2, 2), (4, 4), (64, 5)] {
        let context = context(table.clone(), partitions);
        let frame = context.sql("SELECT distance FROM flights").await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        assert_eq!(plan.properties().partitioning.partition_count(), groups, "of {partitions}");
    }
}

#[tokio::test]
async fn a_query_reads_one_state() {
    #[derive(Clone, Copy, Record)]
    #[repr(C)]
    struct Point {
        #[record(key)]
        id: u32,
        y: u32,
    }
    let db = Arc::new(Database::in_memory().unwrap());
    let points = |y| (0..10).map(move |id| Point { id, y });
    db.update(|tx| {
        tx.create_table::<Point>("a")?.load(points(1))?;
        tx.create_table::<Point>("b")?.load(points(1))
    })
    .unwrap();
    let session = SqlSession::new(&db).unwrap();
    let sums = "SELECT (SELECT sum(y) FROM a), (SELECT sum(y) FROM b)";
    let planned = session.sql(sums).await.unwrap();
    db.update(|tx| tx.table::<Point>("a")?.update(1, |point| point.y = 5)).unwrap();
    assert_eq!(text(&planned.collect().await.unwrap()), ["10|10"]);
    assert_eq!(text(&session.sql(sums).await.unwrap().collect().await.unwrap()), ["14|10"]);
}
