//! Statements that change a database.

use std::sync::Arc;

use datafusion::error::Result;
use drystone::{Database, Dyn, Schema};
use drystone_datafusion::SqlSession;

use crate::data::{folder, opener, shards, text};

fn database() -> Arc<Database> {
    let db = Database::in_memory().unwrap();
    let schema: Schema = "id: u32 key, name: str[4]?, color: enum[red, green]?, price: f64".parse().unwrap();
    db.update(|tx| tx.create_dyn_table("items", &schema).map(drop)).unwrap();
    Arc::new(db)
}

async fn run(session: &SqlSession, sql: &str) -> Result<Vec<String>> {
    Ok(text(&session.sql(sql).await?.collect().await?))
}

#[tokio::test]
async fn rows_are_inserted_in_one_transaction() {
    let db = database();
    let session = SqlSession::new(&db).unwrap();
    let sql =
        "INSERT INTO items (id, name, color, price) VALUES (2, 'two', 'green', 2.5), (1, NULL, NULL, 1)";
    assert_eq!(run(&session, sql).await.unwrap(), ["2"]);
    let all = "SELECT * FROM items ORDER BY id";
    let rows = ["1|null|null|1.0", "2|two|green|2.5"];
    assert_eq!(run(&session, all).await.unwrap(), rows);
    // The second row is refused, so the first one is not there either.
    for (sql, why) in [
        ("INSERT INTO items VALUES (3, 'x', 'red', 1), (2, 'x', 'red', 1)", "key"),
        ("INSERT INTO items VALUES (3, 'x', 'red', 1), (4, 'longer', 'red', 1)", "name"),
        ("INSERT INTO items VALUES (3, 'x', 'red', 1), (4, 'x', 'white', 1)", "color"),
        ("INSERT INTO items VALUES (3, 'x', 'red', 1), (NULL, 'x', 'red', 1)", "id"),
        ("INSERT INTO items SELECT id + 10, name, color, 1 / (id - 2) FROM items", "zero"),
    ] {
        let error = run(&session, sql).await.unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
        assert_eq!(run(&session, all).await.unwrap(), rows, "{sql}");
    }
    // It reads the state from before.
    assert_eq!(
        run(&session, "INSERT INTO items SELECT id + 10, name, color, price FROM items").await.unwrap(),
        ["2"]
    );
    assert_eq!(run(&session, "SELECT count(*) FROM items").await.unwrap(), ["4"]);
    // Many rows take the other way.
    let many = "INSERT INTO items SELECT 100 + value, 'many', 'red', value FROM generate_series(1, 100000)";
    assert_eq!(run(&session, many).await.unwrap(), ["100000"]);
    assert_eq!(
        run(&session, "SELECT count(*), sum(price) FROM items WHERE id > 100").await.unwrap(),
        ["100000|5000050000.0"]
    );
}

#[tokio::test]
async fn an_insert_that_is_dropped_leaves_nothing() {
    let db = database();
    let session = SqlSession::new(&db).unwrap();
    let endless = "INSERT INTO items SELECT value, 'x', 'red', 1 FROM generate_series(1, 4000000000)";
    let insert = session.sql(endless).await.unwrap();
    let running = tokio::spawn(insert.collect());
    while db.writing_process().unwrap().is_none() && !running.is_finished() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    running.abort();
    let _ = running.await;
    // The writer gives its turn back.
    let write = db.try_write_for(std::time::Duration::from_secs(20)).unwrap();
    assert_eq!(write.table::<Dyn>("items").unwrap().len(), 0);
}

#[tokio::test]
async fn tables_are_made_of_queries() {
    let db = database();
    let session = SqlSession::new(&db).unwrap();
    run(&session, "INSERT INTO items VALUES (2, 'two', 'green', 2.5), (1, NULL, NULL, 1)").await.unwrap();
    run(&session, "CREATE TABLE copy AS SELECT * FROM items").await.unwrap();
    let schema = db.table::<Dyn>("copy").unwrap().as_table().schema().to_string();
    assert_eq!(schema, "id: u32, name: str[4]?, color: enum[red, green]?, price: f64");
    assert_eq!(run(&session, "SELECT count(*), min(price) FROM copy").await.unwrap(), ["2|1.0"]);

    let sql = "CREATE TABLE kept (id INT UNSIGNED, name VARCHAR, PRIMARY KEY (id)) \
               AS SELECT id, upper(name) AS name FROM items ORDER BY id DESC";
    run(&session, sql).await.unwrap();
    assert_eq!(
        db.table::<Dyn>("kept").unwrap().as_table().schema().to_string(),
        "id: u32 key, name: str[3]?"
    );

    let error = run(&session, "CREATE TABLE copy AS SELECT 1 AS x").await.unwrap_err().to_string();
    assert!(error.contains("there is a table \"copy\""), "{error}");
    run(&session, "CREATE TABLE IF NOT EXISTS copy AS SELECT 1 AS x").await.unwrap();
    assert_eq!(run(&session, "SELECT count(*) FROM copy").await.unwrap(), ["2"]);
    run(&session, "CREATE OR REPLACE TABLE copy AS SELECT 1 AS x").await.unwrap();
    assert_eq!(run(&session, "SELECT * FROM copy").await.unwrap(), ["1"]);
    // A query that fails leaves the old table.
    let failing = "CREATE OR REPLACE TABLE copy AS SELECT 1 / (id - 2) AS x FROM items";
    assert!(run(&session, failing).await.is_err());
    assert_eq!(run(&session, "SELECT * FROM copy").await.unwrap(), ["1"]);

    run(&session, "DROP TABLE copy").await.unwrap();
    assert!(db.table::<Dyn>("copy").is_err());
    assert!(run(&session, "DROP TABLE copy").await.is_err());
    run(&session, "DROP TABLE IF EXISTS copy").await.unwrap();
}

#[tokio::test]
async fn views_and_files_belong_to_the_session() {
    let db = database();
    let session = SqlSession::new(&db).unwrap();
    run(&session, "INSERT INTO items VALUES (2, 'two', 'green', 2.5), (1, NULL, NULL, 1)").await.unwrap();
    run(&session, "CREATE VIEW cheap AS SELECT id FROM items WHERE price < 2").await.unwrap();
    assert_eq!(run(&session, "SELECT * FROM cheap").await.unwrap(), ["1"]);
    let error =
        run(&session, "CREATE OR REPLACE TABLE cheap AS SELECT 1 AS x").await.unwrap_err().to_string();
    assert!(error.contains("there is a table \"cheap\""), "{error}");
    let file = folder().join("items.parquet");
    let copy = format!("COPY items TO '{}' STORED AS PARQUET", file.display());
    assert_eq!(run(&session, &copy).await.unwrap(), ["2"]);
    let external = format!("CREATE EXTERNAL TABLE back STORED AS PARQUET LOCATION '{}'", file.display());
    run(&session, &external).await.unwrap();
    let sql = "SELECT sum(back.price) FROM back JOIN items USING (id)";
    assert_eq!(run(&session, sql).await.unwrap(), ["3.5"]);
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
    assert_eq!(run(&session, tables).await.unwrap(), ["back", "cheap", "items"]);
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    let session = SqlSession::new(&database()).unwrap();
    for (sql, why) in [
        ("INSERT OVERWRITE items VALUES (1, 'x', 'red', 1)", "INSERT INTO"),
        ("SELECT * FROM itens", "itens"),
        ("SELECT prise FROM items", "price"),
    ] {
        let error = run(&session, sql).await.unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
    let session = SqlSession::open_shards(shards(), &opener()).unwrap();
    let error = run(&session, "INSERT INTO flights SELECT * FROM flights").await.unwrap_err().to_string();
    assert!(error.contains("folder of shards"), "{error}");
}
