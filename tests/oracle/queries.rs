//! Queries over the flights and the weather of 2013, asked of Drystone and of SQLite over the same
//! CSV: the answers must agree, and be those in `docs/queries.md`.
//! `DRYSTONE_ORACLE=write cargo test -p drystone-oracle` rewrites that file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use drystone::query::{Predicate, parse_aggregates, parse_exprs, parse_orders};
use drystone::{Database, Dyn, LoadOptions, ReadTransaction, Schema, Value, csv};
use rusqlite::types::ValueRef;

/// A query for both.
struct Question {
    title: &'static str,
    table: &'static str,
    filter: &'static str,
    select: &'static str,
    group_by: &'static str,
    aggregate: &'static str,
    order_by: &'static str,
    limit: Option<u64>,
    distinct: bool,
    sql: &'static str,
}

const PLAIN: Question = Question {
    title: "",
    table: "flights",
    filter: "",
    select: "",
    group_by: "",
    aggregate: "",
    order_by: "",
    limit: None,
    distinct: false,
    sql: "",
};

const QUESTIONS: [Question; 12] = [
    Question {
        title: "A day, by a range of the key: departures of United over an hour late on the Fourth of July",
        filter: "time_hour >= '2013-07-04' and time_hour < '2013-07-05' and carrier = 'UA' and dep_delay > 60",
        select: "time_hour, flight, dest, dep_delay",
        sql: "SELECT time_hour, flight, dest, dep_delay FROM flights WHERE time_hour >= '2013-07-04' AND time_hour < '2013-07-05' \
              AND carrier = 'UA' AND dep_delay > 60 ORDER BY time_hour, carrier, flight",
        ..PLAIN
    },
    Question {
        title: "Groups: how late each carrier departs, the worst first",
        group_by: "carrier",
        aggregate: "count, count(dep_delay), mean(dep_delay), max(dep_delay)",
        order_by: "-mean(dep_delay)",
        sql: "SELECT carrier, count(*), count(dep_delay), avg(dep_delay), max(dep_delay) FROM flights GROUP BY carrier \
              ORDER BY avg(dep_delay) DESC",
        ..PLAIN
    },
    Question {
        title: "Null: flights that never departed, by month",
        filter: "dep_delay is null",
        group_by: "month",
        aggregate: "count, sum(distance)",
        sql: "SELECT month, count(*), sum(distance) FROM flights WHERE dep_delay IS NULL GROUP BY month ORDER BY month",
        ..PLAIN
    },
    Question {
        title: "Top: the ten latest arrivals",
        select: "time_hour, carrier, flight, arr_delay",
        order_by: "-arr_delay, time_hour",
        limit: Some(10),
        sql: "SELECT time_hour, carrier, flight, arr_delay FROM flights ORDER BY arr_delay DESC NULLS LAST, time_hour LIMIT 10",
        ..PLAIN
    },
    Question {
        title: "Distinct: the routes of over 2,500 miles",
        filter: "distance > 2500",
        select: "origin, dest",
        distinct: true,
        sql: "SELECT DISTINCT origin, dest FROM flights WHERE distance > 2500 ORDER BY origin, dest",
        ..PLAIN
    },
    Question {
        title: "And, or, not, lists, prefixes, and null among them: some planes to the west coast that were never late",
        filter: "tailnum starts with 'N1' and dest in ('SFO', 'LAX', 'SEA') and not (dep_delay > 0 or arr_delay > 0)",
        aggregate: "count, min(air_time), max(air_time), mean(air_time)",
        sql: "SELECT count(*), min(air_time), max(air_time), avg(air_time) FROM flights WHERE substr(tailnum, 1, 2) = 'N1' \
              AND dest IN ('SFO', 'LAX', 'SEA') AND NOT (dep_delay > 0 OR arr_delay > 0)",
        ..PLAIN
    },
    Question {
        title: "Two fields: flights that made up time in the air, by airport",
        filter: "arr_delay < dep_delay",
        group_by: "origin",
        aggregate: "count, sum(dep_delay), sum(arr_delay)",
        sql: "SELECT origin, count(*), sum(dep_delay), sum(arr_delay) FROM flights WHERE arr_delay < dep_delay GROUP BY origin \
              ORDER BY origin",
        ..PLAIN
    },
    Question {
        title: "Order with null at its end: departures to Washington in the snow of 8 February",
        filter: "time_hour between '2013-02-08' and '2013-02-09' and dest = 'IAD'",
        select: "time_hour, carrier, flight, dep_delay",
        order_by: "dep_delay nulls last, time_hour, carrier, flight",
        limit: Some(8),
        sql: "SELECT time_hour, carrier, flight, dep_delay FROM flights WHERE time_hour BETWEEN '2013-02-08T00:00:00Z' AND \
              '2013-02-09T00:00:00Z' AND dest = 'IAD' ORDER BY dep_delay ASC NULLS LAST, time_hour, carrier, flight LIMIT 8",
        ..PLAIN
    },
    Question {
        title: "Floats: the weather of the winter, by airport",
        table: "weather",
        filter: "month <= 3 and not temp > 60",
        group_by: "origin",
        aggregate: "count, mean(temp), max(wind_speed), min(pressure), count(wind_gust), sum(precip)",
        sql: "SELECT origin, count(*), avg(temp), max(wind_speed), min(pressure), count(wind_gust), sum(precip) FROM weather \
              WHERE month <= 3 AND NOT temp > 60 GROUP BY origin ORDER BY origin",
        ..PLAIN
    },
    Question {
        title: "Steps of a number, and names: how late long flights arrive",
        group_by: "floor(distance, 500) as miles",
        aggregate: "count as flights, mean(arr_delay) as delay, count_distinct(dest) as airports",
        order_by: "-miles",
        sql: "SELECT distance / 500 * 500 AS miles, count(*), avg(arr_delay), count(DISTINCT dest) FROM flights GROUP BY miles \
              ORDER BY miles DESC",
        ..PLAIN
    },
    Question {
        title: "Steps of time: the hours of a February day in steps of six, with the first and the last departure of each",
        filter: "time_hour between '2013-02-08' and '2013-02-09'",
        group_by: "floor(time_hour, 6 h) as quarter",
        aggregate: "count, count_distinct(carrier), first(flight), last(flight), sum(dep_delay) as minutes",
        sql: "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', unixepoch(time_hour) / 21600 * 21600, 'unixepoch') AS quarter, count(*), \
              count(DISTINCT carrier), (SELECT flight FROM flights f WHERE unixepoch(f.time_hour) / 21600 = \
              unixepoch(g.time_hour) / 21600 AND f.time_hour BETWEEN '2013-02-08T00:00:00Z' AND '2013-02-09T00:00:00Z' \
              ORDER BY time_hour, carrier, flight LIMIT 1), (SELECT flight FROM flights f WHERE unixepoch(f.time_hour) / 21600 \
              = unixepoch(g.time_hour) / 21600 AND f.time_hour BETWEEN '2013-02-08T00:00:00Z' AND '2013-02-09T00:00:00Z' \
              ORDER BY time_hour DESC, carrier DESC, flight DESC LIMIT 1), sum(dep_delay) FROM flights g WHERE time_hour \
              BETWEEN '2013-02-08T00:00:00Z' AND '2013-02-09T00:00:00Z' GROUP BY quarter ORDER BY quarter",
        ..PLAIN
    },
    Question {
        title: "Distinct values: how many planes and how many routes each airport has, null left out",
        group_by: "origin",
        aggregate: "count_distinct(tailnum) as planes, count_distinct(dest) as dests, count_distinct(carrier) as carriers",
        order_by: "-planes",
        sql: "SELECT origin, count(DISTINCT tailnum) AS planes, count(DISTINCT dest), count(DISTINCT carrier) FROM flights \
              GROUP BY origin ORDER BY planes DESC",
        ..PLAIN
    },
];

/// The beginning of the document.
const INTRODUCTION: &str = "\
# Queries

A query filters, groups, aggregates, sorts and limits the rows of one table. The table shows its
parts on the command line. In Rust, the module `query` has a function or method of the same name for
each.

| | |
|---|---|
| `--where` | `=` `!=` `<` `<=` `>` `>=`, `between … and …`, `in (…)`, `is null`, `starts with`, `and` `or` `not` |
| `--select` | fields: `carrier`, `dep_delay as late`, `at(12, i16)` |
| `--group-by` | fields, and steps of them: `floor(price, 0.5)`, `floor(time_hour, 6 h) as quarter` |
| `--aggregate` | `count`, `count(x)`, `count_distinct(x)`, `sum(x)`, `mean(x)`, `min(x)`, `max(x)`, `first(x)`, `last(x)`; `sum(delay) as total` |
| `--order-by` | columns of the result: `-total, carrier`, `x nulls last`; or aggregates: `-sum(delay)` |
| `--limit`, `--distinct` | |

- **`floor(x, step)`** rounds down to a multiple of the step. For numbers, the step is a number, for
  floats also a fraction; negative values round towards minus infinity. For timestamps and dates,
  the step is a duration, counted from 1970-01-01: a number and `ns`, `us`, `ms`, `s`, `min`, `h` or
  `d` (`1 min`, `15min`, `1.5 hours`, `7 days`). Null stays null. The result has the type of the
  field. Steps of 7 days begin on Thursdays, because 1970-01-01 was a Thursday.
- **`first(x)` and `last(x)`** are the values in the first and the last row of the group, in the
  order of the table: by key, or by row number. They are null if the field is null in that row.
- **`count_distinct(x)`** is exact and skips null. It needs memory for each pair of a group and a
  different value. Needing more than the limit (`memory_bytes`, 1 GiB by default) is an error.
- **`as`** names a column of the result. Without it the column has the name of the field, or its
  text, such as `mean(dep_delay)`. Two columns with the same name are an error.

For joins, windows and subqueries, use a SQL engine: export to Arrow or Parquet.

## The same queries in SQLite

These queries run over the 336,776 flights of 2013 and the 26,115 hours of weather in
`examples/data`, in Drystone and in SQLite, loaded from the same CSV. `cargo test -p
drystone-oracle` runs both, and compares the results with each other and with this page.

";

/// The last query: a join, by looking up the weather of each flight.
const JOIN_SQL: &str = "SELECT w.visib < 1, count(*), count(f.dep_delay), avg(f.dep_delay) FROM flights f JOIN weather w \
                        ON w.origin = f.origin AND w.time_hour = f.time_hour GROUP BY w.visib < 1 ORDER BY w.visib < 1";

const JOIN_RUST: &str = r#"let (flights, weather) = (read.table::<Dyn>("flights")?, read.table::<Dyn>("weather")?);
let mut answers = [(0, 0, 0); 2]; // flights, those that departed, and the sum of their delays
for flight in flights {
    let flight = flight?;
    let Some(hour) = weather.get(&[flight.get("origin")?, flight.get("time_hour")?])? else { continue };
    let in_fog = hour.get("visib")?.as_f64() < Some(1.0);
    let (all, departed, sum) = &mut answers[usize::from(in_fog)];
    *all += 1;
    if let Some(delay) = flight.get("dep_delay")?.as_i64() {
        (*departed, *sum) = (*departed + 1, *sum + delay);
    }
}"#;

fn join(read: &ReadTransaction) -> drystone::Result<Vec<Vec<Cell>>> {
    // The code that the document shows.
    let (flights, weather) = (read.table::<Dyn>("flights")?, read.table::<Dyn>("weather")?);
    let mut answers = [(0, 0, 0); 2]; // flights, those that departed, and the sum of their delays
    for flight in flights {
        let flight = flight?;
        let Some(hour) = weather.get(&[flight.get("origin")?, flight.get("time_hour")?])? else { continue };
        let in_fog = hour.get("visib")?.as_f64() < Some(1.0);
        let (all, departed, sum) = &mut answers[usize::from(in_fog)];
        *all += 1;
        if let Some(delay) = flight.get("dep_delay")?.as_i64() {
            (*departed, *sum) = (*departed + 1, *sum + delay);
        }
    }
    let row = |(in_fog, (all, departed, sum)): (usize, (i64, i64, i64))| {
        let mean = sum as f64 / departed as f64;
        vec![
            Cell::Whole(in_fog as i128),
            Cell::Whole(all.into()),
            Cell::Whole(departed.into()),
            Cell::Real(mean),
        ]
    };
    Ok(answers.into_iter().enumerate().map(row).collect())
}

/// A value that both can return.
#[derive(Clone, Debug)]
enum Cell {
    Null,
    Whole(i128),
    Real(f64),
    Text(String),
}

impl PartialEq for Cell {
    /// SQLite adds floats one by one, so its last digits depend on the order.
    fn eq(&self, other: &Cell) -> bool {
        match (self, other) {
            (Cell::Null, Cell::Null) => true,
            (Cell::Whole(a), Cell::Whole(b)) => a == b,
            (Cell::Text(a), Cell::Text(b)) => a == b,
            (Cell::Real(a), Cell::Real(b)) => (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
            _ => false,
        }
    }
}

impl Cell {
    fn of_value(value: &Value<'_>) -> Cell {
        match (value, value.as_i128(), value.as_f64()) {
            (Value::Null, ..) => Cell::Null,
            (_, Some(number), _) => Cell::Whole(number),
            (_, _, Some(real)) => Cell::Real(real),
            _ => Cell::Text(value.to_string()),
        }
    }

    fn shown(&self) -> String {
        match self {
            Cell::Null => "null".into(),
            Cell::Whole(number) => number.to_string(),
            Cell::Real(real) => format!("{real:.6}"),
            Cell::Text(text) => text.clone(),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn data(name: &str) -> PathBuf {
    root().join("examples/data").join(name)
}

/// The CSV, decompressed.
fn text(name: &str) -> String {
    let file = std::fs::File::open(data(name)).unwrap();
    String::from_utf8(zstd::decode_all(file).unwrap()).unwrap()
}

fn load(db: &Database, table: &str, schema: &str, text: &str) {
    let schema: Schema = std::fs::read_to_string(data(schema)).unwrap().parse().unwrap();
    let write = db.write().unwrap();
    let mut rows = write.create_dyn_table(table, &schema).unwrap();
    let mut reader = csv::Options::new().null("NA").reader(&schema, text.as_bytes()).unwrap();
    rows.load_from(&mut reader, &LoadOptions::new()).unwrap();
    drop(rows);
    write.commit().unwrap();
}

/// The same in SQLite, with every field as in the CSV: a number if it is one.
fn load_sqlite(db: &rusqlite::Connection, table: &str, text: &str) {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let columns: Vec<String> = header.iter().map(|name| format!("{name} NUMERIC")).collect();
    db.execute(&format!("CREATE TABLE {table} ({})", columns.join(", ")), []).unwrap();
    let marks = vec!["?"; header.len()].join(", ");
    db.execute("BEGIN", []).unwrap();
    let mut insert = db.prepare(&format!("INSERT INTO {table} VALUES ({marks})")).unwrap();
    for line in lines {
        let fields = line.split(',').map(|field| if field == "NA" { None } else { Some(field) });
        insert.execute(rusqlite::params_from_iter(fields)).unwrap();
    }
    drop(insert);
    db.execute("COMMIT", []).unwrap();
    if table == "weather" {
        db.execute("CREATE INDEX weather_key ON weather (origin, time_hour)", []).unwrap();
    }
}

fn ask_sqlite(db: &rusqlite::Connection, sql: &str) -> Vec<Vec<Cell>> {
    let mut statement = db.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns)
            .map(|at| {
                Ok(match row.get_ref(at)? {
                    ValueRef::Null => Cell::Null,
                    ValueRef::Integer(number) => Cell::Whole(number.into()),
                    ValueRef::Real(real) => Cell::Real(real),
                    ValueRef::Text(text) | ValueRef::Blob(text) => {
                        Cell::Text(String::from_utf8_lossy(text).into_owned())
                    }
                })
            })
            .collect()
    });
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

impl Question {
    /// The options of the command, and the result of the same query in the library.
    fn ask(&self, read: &ReadTransaction) -> drystone::Result<(String, Vec<String>, Vec<Vec<Cell>>)> {
        let mut command = format!("drystone query f.dry {}", self.table);
        let mut query = read.table::<Dyn>(self.table)?.query();
        let mut option = |name: &str, text: &str| {
            if !text.is_empty() {
                let quote = if text.contains('\'') { '"' } else { '\'' };
                let _ = write!(command, " --{name} {quote}{text}{quote}");
            }
            !text.is_empty()
        };
        if option("where", self.filter) {
            query = query.filter(self.filter.parse::<Predicate>()?);
        }
        if option("select", self.select) {
            query = query.select(parse_exprs(self.select)?);
        }
        if option("group-by", self.group_by) {
            query = query.group_by(parse_exprs(self.group_by)?);
        }
        if option("aggregate", self.aggregate) {
            query = query.aggregate(parse_aggregates(self.aggregate)?);
        }
        if option("order-by", self.order_by) {
            query = query.order_by(parse_orders(self.order_by)?);
        }
        if let Some(limit) = self.limit {
            let _ = write!(command, " --limit {limit}");
            query = query.limit(limit);
        }
        if self.distinct {
            command.push_str(" --distinct");
            query = query.distinct();
        }
        let rows = query.run()?;
        let names = rows.schema().fields().iter().map(|field| field.name().to_owned()).collect();
        let cells = |row: drystone::Row<'_>| row.values().map(|value| Ok(Cell::of_value(&value?))).collect();
        Ok((command, names, rows.iter().map(cells).collect::<drystone::Result<_>>()?))
    }
}

fn write_answer(document: &mut String, names: &[String], rows: &[Vec<Cell>]) {
    let _ = writeln!(document, "| {} |\n|{}", names.join(" | "), "---|".repeat(names.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(Cell::shown).collect();
        let _ = writeln!(document, "| {} |", cells.join(" | "));
    }
    document.push('\n');
}

#[test]
fn queries_give_the_answers_of_sqlite_and_those_in_the_document() {
    let (flights, weather) = (text("flights-2013.csv.zst"), text("weather-2013.csv.zst"));
    let db = Database::in_memory().unwrap();
    load(&db, "flights", "flights.schema", &flights);
    load(&db, "weather", "weather.schema", &weather);
    let sqlite = rusqlite::Connection::open_in_memory().unwrap();
    load_sqlite(&sqlite, "flights", &flights);
    load_sqlite(&sqlite, "weather", &weather);

    let mut document = INTRODUCTION.to_owned();
    let read = db.read().unwrap();
    for (at, question) in QUESTIONS.iter().enumerate() {
        let (command, names, rows) = question.ask(&read).unwrap();
        let wanted = ask_sqlite(&sqlite, question.sql);
        assert!(!rows.is_empty());
        assert_eq!(rows, wanted, "{command}");
        let _ = writeln!(document, "### {}. {}\n", at + 1, question.title);
        let _ = writeln!(document, "```sh\n{command}\n```\n\n```sql\n{}\n```\n", question.sql);
        write_answer(&mut document, &names, &rows);
    }
    let rows = join(&read).unwrap();
    assert_eq!(rows, ask_sqlite(&sqlite, JOIN_SQL));
    let _ = writeln!(
        document,
        "### {}. A join, by look-up: flights in fog and other flights\n",
        QUESTIONS.len() + 1
    );
    let _ = writeln!(document, "```rust\n{JOIN_RUST}\n```\n\n```sql\n{JOIN_SQL}\n```\n");
    let names = ["visibility under a mile", "flights", "departed", "mean delay"].map(str::to_owned);
    write_answer(&mut document, &names, &rows);
    let document = format!("{}\n", document.trim_end());

    let here = include_str!("queries.rs").replace("\n    ", "\n");
    assert!(here.matches(JOIN_RUST).count() >= 1, "what the document shows of the join is not what runs");
    let path = root().join("docs/queries.md");
    if std::env::var("DRYSTONE_ORACLE").is_ok_and(|value| value == "write") {
        std::fs::write(&path, &document).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap();
    assert!(there == document, "docs/queries.md has other answers; DRYSTONE_ORACLE=write rewrites it");
}
