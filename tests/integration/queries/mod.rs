//! Queries: random ones beside an evaluator that goes row by row, the meaning of null and NaN,
//! exact sums, floor and other words, plans, threads, errors.

mod errors;
mod meaning;
mod naive;
mod random;
mod threads;
mod words;

use drystone::{Database, Dyn, Row, RowBuf, Schema, Value};

/// A database in memory with a table `t` of these rows.
fn table(schema: &str, rows: &[&[Value<'_>]]) -> Database {
    let schema: Schema = schema.parse().unwrap();
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table("t", &schema).unwrap();
    table.load(rows.iter().map(|row| RowBuf::from_values(&schema, row.iter().cloned()).unwrap())).unwrap();
    drop(table);
    write.commit().unwrap();
    db
}

fn text(row: Row<'_>) -> String {
    let values: Vec<String> = row.values().map(|value| value.unwrap().to_string()).collect();
    values.join(" ")
}

/// The rows that a query over `t` gives, as text.
fn ask(
    db: &Database,
    query: impl FnOnce(drystone::query::Query<'_>) -> drystone::query::Query<'_>,
) -> Vec<String> {
    let read = db.read().unwrap();
    let rows = query(read.table::<Dyn>("t").unwrap().query()).run().unwrap();
    rows.iter().map(text).collect()
}
