//! An ETL run: infer a schema from a CSV, load it, filter by a user's text, update a part, change
//! the schema, export Parquet, and read that back.
//!
//!     cargo run --release -p drystone --features csv,parquet --example etl -- 300000

use std::fmt::Write as _;
use std::io::Cursor;

use drystone::query::Predicate;
use drystone::{Database, Dyn, ErrorKind, FieldDef, LoadOptions, Result, Type, csv, parquet};

fn main() -> Result<()> {
    let rows = std::env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(300_000);
    run(rows)
}

/// Sensors that report a temperature every minute.
fn source(rows: u64) -> String {
    let mut text = String::from("id,sensor,at,celsius\n");
    for id in 0..rows {
        let (minute, celsius) = (id / 5, id * 37 % 400);
        let (day, hour, minute) = (1 + minute / 1440 % 28, minute / 60 % 24, minute % 60);
        let _ = writeln!(
            text,
            "{id},sensor-{},2024-02-{day:02}T{hour:02}:{minute:02}:00Z,{}.{}",
            id % 5,
            celsius / 10,
            celsius % 10
        );
    }
    text
}

pub(crate) fn run(rows: u64) -> Result<()> {
    let text = source(rows);
    let options = csv::Options::new().name("sensors.csv").enums(true);
    let inferred = options.infer(text.as_bytes())?;
    let schema = inferred.with_key(&["id"])?;
    println!("inferred: {schema}");

    let db = Database::temporary()?;
    let report = db.update(|tx| {
        let mut source = options.reader(&schema, text.as_bytes())?;
        tx.create_dyn_table("readings", &schema)?.load_from(&mut source, &LoadOptions::new())
    })?;
    println!("{} rows loaded", report.rows);

    // What a user typed. A mistake is an error that shows where, not a panic.
    let asked: Predicate = "celsius >= 39.5 and sensor in ('sensor-1', 'sensor-2')".parse()?;
    let mistyped = "celsius >=".parse::<Predicate>().expect_err("a part is missing");
    println!("a mistake is said to be: {mistyped}");
    let readings = db.table::<Dyn>("readings")?;
    println!("{} rows pass the filter", readings.as_table().query().filter(asked).count()?);
    let unknown =
        readings.as_table().query().filter("kelvin > 0".parse()?).count().expect_err("no such field");
    assert_eq!((unknown.kind(), unknown.field()), (ErrorKind::FieldNotFound, Some("kelvin")));
    drop(readings);

    // One percent of the rows, then the schema, four times.
    let bound = rows.div_ceil(100);
    let updated = db.update(|tx| {
        let mut readings = tx.table::<Dyn>("readings")?;
        readings.update_where(format!("id < {bound}").parse()?, |row| row.set("celsius", 0.0))
    })?;
    assert_eq!(updated, bound);
    db.update(|tx| {
        tx.append_field("readings", FieldDef::new("note", Type::Str(8))?.nullable()?)?;
        tx.rename_field("readings", "celsius", "degrees")?;
        tx.change_type("readings", "id", Type::U64)?;
        tx.drop_field("readings", "at")?;
        Ok(())
    })?;

    let readings = db.table::<Dyn>("readings")?;
    let readings = readings.as_table();
    println!("now: {}", readings.schema());
    let mut writer = parquet::Options::new().writer(readings.schema(), Vec::new())?;
    for rows in readings.slices() {
        writer.write_records(rows?.as_bytes())?;
    }
    let file = writer.finish()?;
    println!("{} bytes of Parquet", file.len());

    let back = Database::in_memory()?;
    back.update(|tx| {
        let mut source = parquet::Options::new().reader(readings.schema(), Cursor::new(file))?;
        tx.create_dyn_table("readings", readings.schema())?.load_from(&mut source, &LoadOptions::new())
    })?;
    let back = back.table::<Dyn>("readings")?;
    let same = back
        .as_table()
        .iter()
        .zip(readings)
        .all(|(one, other)| matches!((one, other), (Ok(one), Ok(other)) if one == other));
    assert!(same && back.len() == rows, "what came back are other rows");
    Ok(())
}
