//! Errors of queries: they say what is wrong, and show where.

use drystone::query::{Aggregate, Order, Predicate, col, count, mean, min, parse_aggregates, sum};
use drystone::{Dyn, Error, ErrorKind, Value};

use super::table;

fn wrong<T: std::str::FromStr<Err = Error>>(text: &str) -> String {
    match text.parse::<T>() {
        Ok(_) => panic!("{text} was read"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Query, "{error}");
            error.to_string()
        }
    }
}

#[test]
fn a_text_that_cannot_be_read_is_marked_where_it_goes_wrong() {
    assert_eq!(
        wrong::<Predicate>("carrier = 'UA' and dep_delay >"),
        "column 31: expected a value or a field, found the end\n  carrier = 'UA' and dep_delay >\n                                ^"
    );
    let cases = [
        ("", "column 1: expected a field, found the end"),
        ("a >< 5", "column 4: expected a value or a field, found \"<\""),
        ("a = 'UA", "column 5: the closing ' is missing"),
        ("a = 5 and", "column 10: expected a field, found the end"),
        ("(a = 5", "column 7: expected a closing bracket, `and` or `or`, found the end"),
        ("a = 5)", "column 6: expected the end, found \")\""),
        ("a = 5 b = 6", "column 7: expected the end, found \"b\""),
        ("a between 1 or 2", "column 13: expected `and` and the upper end, found \"or\""),
        ("a in 5", "column 6: expected the values, in brackets, found \"5\""),
        ("a in (5 6)", "column 9: expected a comma or a closing bracket, found \"6\""),
        ("a is 5", "column 6: expected `null` or `not null`, found \"5\""),
        (
            "a like 'U%'",
            "column 3: expected a comparison, `between`, `in`, `is null` or `starts with`, found \"like\"; for a prefix there is `starts with`",
        ),
        ("'UA' and a = 5", "column 6: expected a comparison, found \"and\""),
        ("5 < 'x'", "column 5: expected a field, found \"'x'\"; a text in quotes is a value"),
        ("a = 12abc", "column 5: this is no number"),
        ("a = 0x123", "column 5: this is no number"),
        ("a ; b", "column 3: \";\" has no meaning here"),
        ("at(x, i16) = 5", "column 4: expected a byte offset, as in at(12, i16), found \"x\""),
        ("at(12, i17) = 5", "column 8: column 1: expected a type"),
        (
            "a = 5\nand b >",
            "line 2, column 8: expected a value or a field, found the end\n  and b >\n         ^",
        ),
        ("größe = 'ä' and", "column 16: expected a field"),
    ];
    for (text, message) in cases {
        let got = wrong::<Predicate>(text);
        assert!(got.starts_with(message), "{text}: {got}");
    }
    assert!(
        wrong::<Aggregate>("median(x)")
            .starts_with("column 1: expected count, count(…), count_distinct(…), sum(…), min(…), max(…), mean(…), first(…) or last(…)")
    );
    assert!(wrong::<Aggregate>("mean").starts_with("column 5: expected a field in brackets, as in mean(x)"));
    assert!(wrong::<Order>("x sideways").starts_with("column 3: expected the end"));
    assert!(parse_aggregates("count, ").unwrap_err().to_string().starts_with("column 8"));
    // Deep nesting is an error, not the end of the stack.
    let deep = "(".repeat(100_000);
    assert!(wrong::<Predicate>(&deep).contains("more than 200 brackets"));
    let long = format!("{} and b", "a = 5 and ".repeat(1000));
    let shown = wrong::<Predicate>(&format!("{long} >"));
    assert!(shown.len() < 400, "{shown}");
}

#[test]
fn a_predicate_that_does_not_fit_the_table_is_marked_too() {
    let db = table("carrier: str[2], delay: i16?, day: date, raw: bytes[2], embedding: f32[4]", &[]);
    let read = db.read().unwrap();
    let t = read.table::<Dyn>("t").unwrap();
    let cases = [
        (
            "delay > 5 and carier = 'UA'",
            ErrorKind::FieldNotFound,
            "column 15: no field \"carier\" (did you mean \"carrier\"?)",
        ),
        (
            "carrier = 5",
            ErrorKind::Value,
            "column 11: field \"carrier\" is of type str[2], which 5 (a whole number) cannot be compared with",
        ),
        (
            "delay = 'late'",
            ErrorKind::Value,
            "column 9: field \"delay\" is of type i16?, which \"late\" (a text) cannot be compared with",
        ),
        (
            "day in ('2013-07-04', '2013-02-30')",
            ErrorKind::Value,
            "column 23: field \"day\" is of type date, which \"2013-02-30\" (a text) cannot be compared with: there is no such day",
        ),
        (
            "delay starts with 'x'",
            ErrorKind::Value,
            "column 19: field \"delay\" is of type i16?; only str[N] and bytes[N] start with something",
        ),
        ("delay", ErrorKind::Value, "column 1: field \"delay\" is of type i16?, which is not a bool"),
        (
            "delay > carrier",
            ErrorKind::Value,
            "column 1: fields \"delay\" (i16?) and \"carrier\" (str[2]) cannot be compared with each other",
        ),
        (
            "embedding = 5",
            ErrorKind::Value,
            "column 13: field \"embedding\" is of type f32[4]; arrays have no order",
        ),
        ("at(25, i16) = 5", ErrorKind::OutOfRange, "column 1: at(25, i16): a row has 26 bytes"),
        (
            "raw = 'xy'",
            ErrorKind::Value,
            "column 7: field \"raw\" is of type bytes[2], which \"xy\" (a text) cannot be compared with: 0x and pairs",
        ),
    ];
    for (text, kind, message) in cases {
        let error = t.query().filter(text.parse().unwrap()).run().unwrap_err();
        assert_eq!(error.kind(), kind, "{text}: {error}");
        assert!(error.to_string().starts_with(message), "{text}: {error}");
        assert!(error.to_string().contains('^'), "{error}");
    }
    let error = t.query().filter(col("delay").eq("late")).run().unwrap_err();
    assert!(error.to_string().starts_with("predicate delay = 'late': field \"delay\""), "{error}");
}

#[test]
fn parts_that_do_not_go_together_are_errors() {
    let db =
        table("carrier: str[2], delay: i16?, tags: u8[4]", &[&["UA".into(), 5.into(), [1_u8; 4].into()]]);
    let read = db.read().unwrap();
    let query = read.table::<Dyn>("t").unwrap().query();
    let cases = [
        (
            query.clone().aggregate([sum("carrier")]),
            ErrorKind::Value,
            "field \"carrier\" is of type str[2]; sum is for numbers",
        ),
        (
            query.clone().aggregate([min("tags")]),
            ErrorKind::Value,
            "field \"tags\" is of type u8[4]; min is for all types but arrays",
        ),
        (
            query.clone().aggregate([mean("dely")]),
            ErrorKind::FieldNotFound,
            "mean(dely): no field \"dely\" (did you mean \"delay\"?)",
        ),
        (
            query.clone().aggregate([count(), count()]),
            ErrorKind::Schema,
            "field \"count\": another field has this name",
        ),
        (
            query.clone().select(["delay"]).aggregate([count()]),
            ErrorKind::Query,
            "a query with groups returns",
        ),
        (
            query.clone().order_by([count()]),
            ErrorKind::Query,
            "order by count: the query computes no aggregates",
        ),
        (
            query.clone().aggregate([count()]).order_by([mean("delay")]),
            ErrorKind::Query,
            "order by mean(delay): the query does not compute it",
        ),
        (query.clone().order_by(["tags"]), ErrorKind::Value, "order by tags: an array has no order"),
        (query.clone().select(["nothing"]), ErrorKind::FieldNotFound, "no field \"nothing\""),
        (
            query.clone().aggregate([mean("delay").named("x".repeat(65))]),
            ErrorKind::Schema,
            "mean(delay) as x",
        ),
    ];
    for (query, kind, message) in cases {
        let error = query.run().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(query.stream().unwrap_err().kind(), kind);
        assert_eq!(query.explain().unwrap_err().kind(), kind);
    }
}

#[test]
fn memory_is_bounded() {
    let db = table("x: u32", &[]);
    let write = db.write().unwrap();
    let mut t = write.table::<Dyn>("t").unwrap();
    let schema = t.schema().clone();
    for x in 0..50_000 {
        t.push(&drystone::RowBuf::from_values(&schema, [Value::from(x)]).unwrap()).unwrap();
    }
    let query = t.as_table().query().memory_bytes(100_000);
    for query in [query.clone(), query.clone().order_by(["x"]), query.clone().group_by(["x"])] {
        let error = query.run().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("exceeds its limit of 100000 bytes"), "{error}");
    }
    assert_eq!(query.clone().top(10, ["x"]).run().unwrap().len(), 10);
    let mut rows = 0;
    for batch in query.stream().unwrap() {
        rows += batch.unwrap().len();
    }
    assert_eq!(rows, 50_000);
}
