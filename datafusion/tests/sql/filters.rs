//! Random conditions: a Drystone table gives the rows that DataFusion finds in the same batches.

use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use drystone::{Database, Date, RowBuf, Schema, Timestamp, Value};
use drystone_datafusion::DrystoneTable;
use fastrand::Rng;

use crate::data::text;

const SCHEMA: &str = "id: u32 key, a: i16?, b: u8, c: str[3]?, d: enum[red, green, blue]?, e: f64?, f: date?, \
                      g: timestamp, h: bool?, i: u64?";

/// Rows with few different values, so that conditions hold for many.
fn database(rng: &mut Rng) -> Arc<Database> {
    let schema: Schema = SCHEMA.parse().unwrap();
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table("t", &schema).unwrap();
    let rows = (0..3000_u32).map(|id| {
        let mut null = |value: Value<'static>| if rng.u8(..8) == 0 { Value::Null } else { value };
        let (small, text, name) =
            (fastrand::i16(-5..5), ["", "a", "ab", "abc", "b%", "b_", "zz"], ["red", "green", "blue"]);
        let values = [
            id.into(),
            null(small.into()),
            u8::try_from(id % 251).unwrap().into(),
            null(text[id as usize % text.len()].into()),
            null(name[fastrand::usize(..3)].into()),
            null((f64::from(small) / 2.0 + 0.25).into()),
            null(Date::from_days(15_000 + i32::from(small)).into()),
            Timestamp::from_micros(1_357_000_000_000_000 + i64::from(id) * 1_000_000).into(),
            null((id % 3 == 0).into()),
            null([0, 1, u64::MAX - 1, 7][fastrand::usize(..4)].into()),
        ];
        RowBuf::from_values(&schema, values).unwrap()
    });
    table.load(rows.collect::<Vec<_>>()).unwrap();
    table.create_index("by_a", &["a"]).unwrap();
    table.create_index("by_c", &["c", "b"]).unwrap();
    write.commit().unwrap();
    Arc::new(db)
}

fn pick<'t>(rng: &mut Rng, of: &[&'t str]) -> &'t str {
    of[rng.usize(..of.len())]
}

fn literal(rng: &mut Rng, column: &str) -> String {
    let texts = ["''", "'a'", "'ab'", "'abc'", "'abcd'", "'b%'", "'zz'", "'zzz'", "NULL"];
    match column {
        "id" => format!("{}", rng.i64(-10..3100)),
        "a" => pick(rng, &["-6", "-1", "0", "2", "4.5", "40000", "-32768", "NULL"]).to_owned(),
        "b" => pick(rng, &["-1", "0", "17", "250", "255", "256", "12.5"]).to_owned(),
        "c" => pick(rng, &texts).to_owned(),
        "d" => pick(rng, &["'red'", "'green'", "'blue'", "'white'", "''", "NULL"]).to_owned(),
        "e" => pick(rng, &["-2.25", "0.25", "1.75", "1", "1e300", "-1e300", "NULL"]).to_owned(),
        "f" => format!("DATE '2011-01-{:02}'", rng.u8(20..31)),
        "g" => {
            let zone = pick(rng, &["", "Z"]);
            format!(
                "TIMESTAMP '2013-01-01 00:{:02}:{:02}.{:03}{zone}'",
                rng.u8(20..60),
                rng.u8(..60),
                rng.u16(..1000)
            )
        }
        "i" => {
            pick(rng, &["0", "1", "18446744073709551614", "18446744073709551615", "-1", "NULL"]).to_owned()
        }
        _ => pick(rng, &["true", "false", "NULL"]).to_owned(),
    }
}

fn condition(rng: &mut Rng, depth: usize) -> String {
    if depth > 0 && rng.u8(..3) > 0 {
        let (left, right) = (condition(rng, depth - 1), condition(rng, depth - 1));
        return match rng.u8(..3) {
            0 => format!("({left} AND {right})"),
            1 => format!("({left} OR {right})"),
            _ => format!("NOT ({left})"),
        };
    }
    let column = pick(rng, &["id", "a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    match rng.u8(..8) {
        0 => format!("{column} IS NULL"),
        1 => format!("{column} IS NOT NULL"),
        2 => format!("h IS {}", pick(rng, &["TRUE", "FALSE", "NOT TRUE", "NOT FALSE", "UNKNOWN"])),
        3 => {
            let pattern = pick(rng, &["a%", "ab%", "%", "%b", "a_", "b\\%%", "b\\_%", "z", "abcd%", "a%c"]);
            let like = pick(rng, &["LIKE", "NOT LIKE", "ILIKE"]);
            format!("c {like} '{pattern}'")
        }
        4 | 5 if column != "h" => {
            let values: Vec<String> = (0..rng.usize(1..6)).map(|_| literal(rng, column)).collect();
            format!("{column} {} ({})", pick(rng, &["IN", "NOT IN"]), values.join(", "))
        }
        6 if column != "h" => {
            let (low, high) = (literal(rng, column), literal(rng, column));
            format!("{column} {} {low} AND {high}", pick(rng, &["BETWEEN", "NOT BETWEEN"]))
        }
        7 if rng.u8(..3) == 0 => {
            let pairs = [
                ("a", "a"),
                ("id", "b"),
                ("e", "e"),
                ("b", "id"),
                ("a", "e"),
                ("d", "c"),
                ("h", "h"),
                ("i", "i"),
            ];
            let (left, right) = pairs[rng.usize(..pairs.len())];
            format!("{left} {} {right}", pick(rng, &["=", "<>", "<", "<=", ">", ">="]))
        }
        _ => {
            let operator = pick(rng, &["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"]);
            let literal = literal(rng, column);
            if rng.bool() || operator.starts_with("IS") {
                format!("{column} {operator} {literal}")
            } else {
                format!("{literal} {operator} {column}")
            }
        }
    }
}

#[tokio::test]
async fn random_conditions_find_the_rows_that_datafusion_finds() {
    for seed in 0..4 {
        fastrand::seed(seed);
        let mut rng = Rng::with_seed(seed);
        let table = DrystoneTable::new(&database(&mut rng), "t").unwrap();
        let context = SessionContext::new_with_config(SessionConfig::new().with_batch_size(700));
        context.register_table("ours", Arc::new(table)).unwrap();
        let all = context.sql("SELECT * FROM ours").await.unwrap();
        let (schema, batches) = (Arc::new(all.schema().as_arrow().clone()), all.collect().await.unwrap());
        assert!(batches.iter().all(|batch| batch.num_rows() <= 700));
        let theirs = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
        context.register_table("theirs", Arc::new(theirs)).unwrap();
        assert_eq!(schema.fields().len(), 10);
        for _ in 0..250 {
            let condition = condition(&mut rng, 3);
            let mut answers = Vec::new();
            for table in ["theirs", "ours"] {
                let sql = format!("SELECT id, a, d FROM {table} WHERE {condition}");
                let rows = match context.sql(&sql).await {
                    Ok(rows) => {
                        rows.collect().await.map(|rows| text(&rows)).map_err(|error| error.to_string())
                    }
                    Err(error) => Err(error.to_string()),
                };
                let count =
                    format!("SELECT count(*), count(c), min(a), max(a) FROM {table} WHERE {condition}");
                let count = match context.sql(&count).await {
                    Ok(count) => text(&count.collect().await.unwrap_or_default()),
                    Err(_) => Vec::new(),
                };
                let sorted = |mut rows: Vec<String>| {
                    rows.sort();
                    rows
                };
                answers.push((rows.map(sorted).map_err(|_| "an error"), count));
            }
            let [theirs, ours] = &answers[..] else { unreachable!() };
            assert_eq!(theirs.1, ours.1, "seed {seed}: {condition}");
            match (&theirs.0, &ours.0) {
                (Ok(theirs), Ok(ours)) => {
                    let other = theirs.iter().zip(ours).find(|(their, our)| their != our);
                    assert_eq!((other, theirs.len()), (None, ours.len()), "seed {seed}: {condition}");
                }
                (theirs, ours) => assert_eq!(theirs, ours, "seed {seed}: {condition}"),
            }
        }
    }
}
