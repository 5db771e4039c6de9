//! Queries with their right answers.

use std::sync::Arc;

use datafusion::prelude::{SessionConfig, SessionContext};
use drystone_datafusion::DrystoneTable;

use crate::data::{flights, opener, shards, text};

/// The flights as one file, and as shards.
fn contexts() -> [SessionContext; 2] {
    let whole = DrystoneTable::new(&flights(), "flights").unwrap();
    let sharded = DrystoneTable::open_shards(shards(), &opener()).unwrap();
    [whole, sharded].map(|table| {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        context.register_table("flights", Arc::new(table)).unwrap();
        context
    })
}

async fn ask(context: &SessionContext, sql: &str) -> Vec<String> {
    text(&context.sql(sql).await.unwrap().collect().await.unwrap())
}

#[tokio::test]
async fn right_answers_where_others_went_wrong() {
    for context in contexts() {
        for (sql, right) in [
            ("SELECT count(*), max(time_hour) FROM flights WHERE carrier = 'HA'", "342|2013-12-31T14:00:00Z"),
            ("SELECT count(*) FROM flights WHERE NOT (dep_delay < 0)", "144946"),
            ("SELECT count(*) FROM flights WHERE CAST(time_hour AS DATE) = DATE '2013-07-04'", "776"),
            ("SELECT count(*) FROM flights WHERE CAST(time_hour AS DATE) > DATE '2013-12-30'", "932"),
            ("SELECT count(*) FROM flights WHERE tailnum IS NULL", "2512"),
            ("SELECT count(*) FROM (SELECT 1 FROM flights)", "336776"),
            // No shard is left.
            (
                "SELECT count(*), max(dest) FROM flights WHERE time_hour > '2020-01-01T00:00:00Z' AND dest < 'M'",
                "0|null",
            ),
            ("SELECT count(*), sum(distance) FROM flights", "336776|350217607"),
            (
                "SELECT count(*), sum(distance) FROM (SELECT * FROM flights UNION ALL SELECT * FROM flights)",
                "673552|700435214",
            ),
        ] {
            assert_eq!(ask(&context, sql).await, [right], "{sql}");
        }
    }
}
