//! Any text as a condition, and as fields, aggregates and orders: what is read prints and reads
//! back to the same; the answer is the same with indexes and without, on one thread and on three;
//! and no row fits both a condition and its opposite.
#![no_main]

use std::sync::LazyLock;

use drystone::query::{Predicate, Query, parse_aggregates, parse_exprs, parse_orders};
use drystone::{Database, Dyn, ErrorKind, OpenOptions, ReadTransaction, RowBuf, Schema};
use libfuzzer_sys::fuzz_target;

const SCHEMA: &str = "id: u32 key, a: i16?, b: f32?, c: str[3]?, d: date, e: timestamp?, f: bool?, g: u128?, h: bytes[2], \
    i: uuid?, j: i128, k: u8[3], l: f64";
const INDEXED: [&[&str]; 9] =
    [&["a"], &["b"], &["c", "a"], &["d"], &["e"], &["f", "c"], &["g"], &["h"], &["i"]];
const ROWS: u32 = 3000;

static TABLES: LazyLock<ReadTransaction> = LazyLock::new(|| make().expect("the tables can be made"));

fn make() -> drystone::Result<ReadTransaction> {
    let schema: Schema = SCHEMA.parse()?;
    let db: Database = OpenOptions::new().reserve_bytes(1 << 28).in_memory()?;
    let write = db.write()?;
    for name in ["plain", "indexed"] {
        let mut table = write.create_dyn_table(name, &schema)?;
        for id in 0..ROWS {
            let mut row = RowBuf::new(&schema);
            row.set("id", id)?;
            let number = id.wrapping_mul(2_654_435_761) >> 8;
            for (at, field) in schema.fields().iter().enumerate().skip(1) {
                // Null now and then; the longest beginning that is a value of the field; where none
                // is, it stays as it is.
                let digits = (number >> (at % 5)).to_string();
                let texts =
                    ["2013-01-31", "true", "[1, 2, 3]", "0x00ff", "00112233-4455-6677-8899-aabbccddeeff"];
                let texts = [&*digits, &digits[..3.min(digits.len())], &digits[..1]].into_iter().chain(texts);
                if !(field.is_nullable() && (number as usize + at).is_multiple_of(7)) {
                    texts.into_iter().any(|text| row.set_text(at, text).is_ok());
                }
            }
            table.insert(&row)?;
        }
    }
    for (number, fields) in INDEXED.iter().enumerate() {
        write.create_index("indexed", &format!("index {number}"), fields)?;
    }
    write.commit()?;
    db.read()
}

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(5, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (filter, columns, aggregates, orders) = (next(), next(), next(), next());
    let (columns, aggregates, orders) =
        (parse_exprs(columns), parse_aggregates(aggregates), parse_orders(orders));
    let filter = filter.parse::<Predicate>();
    if let Ok(filter) = &filter {
        let printed = filter.to_string();
        let again: Predicate = printed.parse().unwrap_or_else(|error| panic!("{printed:?}: {error}"));
        assert_eq!(again.to_string(), printed);
        opposite(filter);
    }
    let asked = |name: &str, threads: usize| {
        let mut query =
            TABLES.table::<Dyn>(name).expect("the table is there").query().threads(threads).limit(50);
        if let Ok(filter) = &filter {
            query = query.filter(filter.clone());
        }
        match (&columns, &aggregates) {
            (Ok(columns), Ok(aggregates)) if !aggregates.is_empty() => {
                query = query.group_by(columns.clone()).aggregate(aggregates.clone());
            }
            (Ok(columns), _) if !columns.is_empty() => query = query.select(columns.clone()),
            _ => {}
        }
        if let Ok(orders) = &orders {
            query = query.order_by(orders.clone());
        }
        answer(&query)
    };
    let answers = [asked("plain", 1), asked("indexed", 1), asked("plain", 3)];
    assert_eq!(answers[0], answers[1], "with indexes: {text}");
    assert_eq!(answers[0], answers[2], "on three threads: {text}");
});

/// The rows, or the kind of the error: its message may name a row, and which is met first depends
/// on the plan.
fn answer(query: &Query<'_>) -> Result<(String, Vec<u8>), ErrorKind> {
    let rows = query.run().map_err(|error| error.kind())?;
    assert!(!query.explain().expect("what can be answered can be explained").is_empty());
    Ok((rows.schema().to_string(), rows.as_bytes().to_vec()))
}

/// A condition is true, false or unknown.
fn opposite(filter: &Predicate) {
    let count = |filter: Predicate| {
        TABLES.table::<Dyn>("indexed").expect("the table is there").query().filter(filter).count()
    };
    let (Ok(fitting), Ok(opposite)) = (count(filter.clone()), count(!filter.clone())) else { return };
    assert!(fitting + opposite <= u64::from(ROWS), "{filter}: {fitting} and {opposite}");
    assert_eq!(count(filter.clone() | !filter.clone()).ok(), Some(fitting + opposite), "{filter}");
    assert_eq!(count(filter.clone() & !filter.clone()).ok(), Some(0), "{filter}");
}
