//! `floor`, `first`, `last`, `count_distinct` and `as`: what they mean, and their errors.

use std::time::Duration;

use drystone::query::{
    Aggregate, Expr, Order, Step, at, col, count, count_distinct, first, floor, last, parse_aggregates,
    parse_exprs, parse_orders, sum,
};
use drystone::{Dyn, Error, ErrorKind, Value};

use super::{ask, table};

/// The groups of `x`, rounded down, and the size of each.
fn groups(ty: &str, values: &[Value<'_>], step: impl Into<Step>) -> String {
    let step = step.into();
    let rows: Vec<Vec<Value<'_>>> = values.iter().map(|value| vec![value.clone()]).collect();
    let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| &row[..]).collect();
    let db = table(&format!("x: {ty}"), &rows);
    ask(&db, |query| query.group_by([floor("x", step)]).aggregate([count()])).join(", ")
}

#[test]
fn whole_numbers_round_towards_minus_infinity() {
    let values: Vec<Value<'_>> = [-7, -6, -5, -1, 0, 4, 5, 9, 10].map(Value::from).into();
    for ty in ["i8", "i16", "i32", "i64", "i128"] {
        assert_eq!(groups(ty, &values, 5), "-10 2, -5 2, 0 2, 5 2, 10 1", "{ty}");
        assert_eq!(groups(ty, &values, 5.0), "-10 2, -5 2, 0 2, 5 2, 10 1", "{ty}");
        assert_eq!(groups(ty, &values, 1), "-7 1, -6 1, -5 1, -1 1, 0 1, 4 1, 5 1, 9 1, 10 1", "{ty}");
    }
    for ty in ["u8", "u16", "u32", "u64", "u128"] {
        let with_null = [0, 4, 5, 250].map(Value::from).into_iter().chain([Value::Null]);
        let with_null: Vec<Value<'_>> = with_null.collect();
        assert_eq!(groups(&format!("{ty}?"), &with_null, 5), "null 1, 0 2, 5 1, 250 1", "{ty}");
        assert_eq!(groups(ty, &with_null[..4], 1_000_000), "0 4", "{ty}");
        assert_eq!(groups(ty, &with_null[..4], i128::MAX), "0 4", "{ty}");
    }
    let ends = [u64::MAX, u64::MAX - 1, 1 << 63, 0].map(Value::from);
    assert_eq!(groups("u64", &ends, 1_u64 << 63), "0 1, 9223372036854775808 3");
    assert_eq!(groups("u64", &ends, u64::MAX), "0 3, 18446744073709551615 1");
    assert_eq!(
        groups("u64", &ends, 3),
        "0 1, 9223372036854775806 1, 18446744073709551612 1, 18446744073709551615 1"
    );
    let ends = [i64::MIN, -1, i64::MAX].map(Value::from);
    assert_eq!(
        groups("i64", &ends, 1_i64 << 62),
        "-9223372036854775808 1, -4611686018427387904 1, 4611686018427387904 1"
    );
}

#[test]
fn a_value_that_rounds_down_beyond_its_type_is_an_error() {
    let query = |ty: &str, value: Value<'static>, step: Step| {
        let db = table(&format!("x: {ty}, y: bytes[9]?"), &[&[value, Value::Null]]);
        let read = db.read().unwrap();
        let query = read.table::<Dyn>("t").unwrap().query();
        // By a narrow key, and by a wide one.
        let narrow = query.clone().group_by([floor("x", step)]).run();
        let wide = query.group_by([floor("x", step), "y".into()]).run();
        let (narrow, wide) = (narrow.unwrap_err(), wide.unwrap_err());
        assert_eq!(narrow.kind(), ErrorKind::Limit, "{narrow}");
        assert_eq!(narrow.to_string(), wide.to_string());
        narrow.to_string()
    };
    assert_eq!(
        query("i8", (-101).into(), 100.into()),
        "floor(x, 100): -101 rounds down to a value that i8 does not hold; leave such rows out by a filter"
    );
    // -128 means null in this field.
    query("i8?", (-65).into(), 64.into());
    query("i8", (-1).into(), 1000.into());
    query("i64", (i64::MIN + 1).into(), 10.into());
    let message = query("f64", f64::MIN.into(), 1e308.into());
    assert!(message.starts_with("floor(x, 1"), "{message}");
    query("f32", f32::MIN.into(), 3e38.into());
    // The step is wider than the type; what is above zero has a place.
    assert_eq!(groups("i8", &[5.into(), 127.into()], 1000), "0 2");
    assert_eq!(groups("i8", &[(-128).into(), (-65).into(), (-64).into()], 64), "-128 2, -64 1");
}

#[test]
fn floats_keep_nan_and_infinity_and_null() {
    let values = [
        0.3.into(),
        0.35.into(),
        (-0.05).into(),
        (-0.0).into(),
        0.0.into(),
        f64::NAN.into(),
        (-f64::NAN).into(),
        f64::INFINITY.into(),
        f64::NEG_INFINITY.into(),
        1e300.into(),
        Value::Null,
    ];
    let tenths = "null 1, -inf 1, -0.1 1, 0 2, 0.3 2, 1e300 1, inf 1, NaN 2";
    assert_eq!(groups("f64?", &values, 0.1), tenths);
    let singles: Vec<Value<'_>> = values
        .iter()
        .map(|value| match value {
            Value::F64(1e300) => Value::F32(1e30),
            Value::F64(real) => Value::F32(*real as f32),
            other => other.clone(),
        })
        .collect();
    assert_eq!(groups("f32?", &singles, 0.1), tenths.replace("1e300", "1e30"));
    assert_eq!(groups("f64", &[1.49.into(), 1.5.into(), (-0.2).into()], 0.5), "-0.5 1, 1 1, 1.5 1");
    assert_eq!(groups("f64", &[99.0.into(), 100.0.into()], 100), "0 1, 100 1");
}

#[test]
fn times_count_from_the_epoch() {
    let times: Vec<Value<'_>> =
        ["2013-07-04T12:34:56.789012Z", "2013-07-04T12:34:00Z", "1969-12-31T23:59:59.999999Z"]
            .map(Value::from)
            .into();
    let schema: drystone::Schema = "x: timestamp?".parse().unwrap();
    let times: Vec<Value<'_>> = times
        .iter()
        .map(|text| {
            let mut row = drystone::RowBuf::new(&schema);
            row.set_text(0, text.as_str().unwrap()).unwrap();
            row.get(0).unwrap().into_owned()
        })
        .chain([Value::Null])
        .collect();
    let of = |step: &str| groups("timestamp?", &times, step.parse::<Step>().unwrap());
    assert_eq!(of("1 min"), "null 1, 1969-12-31T23:59:00Z 1, 2013-07-04T12:34:00Z 2");
    assert_eq!(of("1 d"), "null 1, 1969-12-31T00:00:00Z 1, 2013-07-04T00:00:00Z 2");
    assert_eq!(of("6 h"), "null 1, 1969-12-31T18:00:00Z 1, 2013-07-04T12:00:00Z 2");
    assert_eq!(
        of("10 ms"),
        "null 1, 1969-12-31T23:59:59.99Z 1, 2013-07-04T12:34:00Z 1, 2013-07-04T12:34:56.78Z 1"
    );
    assert_eq!(groups("timestamp?", &times, Duration::from_secs(60)), of("1 min"));

    let days: Vec<Value<'_>> =
        [-1, 0, 6, 7].map(|day| Value::Date(drystone::Date::from_days(day))).into_iter().collect();
    let of = |step: &str| groups("date", &days, step.parse::<Step>().unwrap());
    assert_eq!(of("7 d"), "1969-12-25 1, 1970-01-01 2, 1970-01-08 1");
    assert_eq!(of("24 h"), "1969-12-31 1, 1970-01-01 1, 1970-01-07 1, 1970-01-08 1");
}

#[test]
fn steps_are_read_in_all_usual_spellings() {
    let nanos = |nanos: u64| Step::from(Duration::from_nanos(nanos));
    let cases = [
        ("1 ns", nanos(1)),
        ("5us", nanos(5_000)),
        ("5 µs", nanos(5_000)),
        ("5 μs", nanos(5_000)),
        ("250 ms", nanos(250_000_000)),
        ("1s", nanos(1_000_000_000)),
        ("30 seconds", nanos(30_000_000_000)),
        ("1 min", nanos(60_000_000_000)),
        ("1min", nanos(60_000_000_000)),
        ("15 m", nanos(900_000_000_000)),
        ("1 MINUTE", nanos(60_000_000_000)),
        ("0.1 s", nanos(100_000_000)),
        ("1.5h", nanos(5_400_000_000_000)),
        ("2 hours", nanos(7_200_000_000_000)),
        ("1 d", nanos(86_400_000_000_000)),
        ("7 days", nanos(604_800_000_000_000)),
        ("100", 100.into()),
        ("0.5", 0.5.into()),
        ("1e3", 1000.0.into()),
    ];
    for (text, step) in cases {
        let read: Step = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read, step, "{text}");
        assert_eq!(read.to_string().parse::<Step>().unwrap(), read, "{text}");
    }
    assert_eq!(nanos(90_000_000_000).to_string(), "90 s");
    assert_eq!(nanos(120_000_000_000).to_string(), "2 min");
}

#[test]
fn texts_are_read_and_written_back() {
    let exprs = "carrier, `a b` as c, floor(at, 1 min), floor(at(4, i16?), 10) as `x y`, floor, FLOOR(x, 0.5) as first";
    let read = parse_exprs(exprs).unwrap();
    let wanted = [
        Expr::from("carrier"),
        col("a b").named("c"),
        floor("at", Duration::from_secs(60)),
        floor(at::<drystone::Nullable<i16>>(4), 10).named("x y"),
        Expr::from("floor"),
        floor("x", 0.5).named("first"),
    ];
    assert_eq!(read, wanted);
    let again: Vec<String> = read.iter().map(Expr::to_string).collect();
    assert_eq!(parse_exprs(&again.join(", ")).unwrap(), wanted);

    let aggregates =
        "first(x), LAST(y) as z, count_distinct(x), count(distinct y), count(distinct), count(*) as n";
    let read = parse_aggregates(aggregates).unwrap();
    let wanted = [
        first("x"),
        last("y").named("z"),
        count_distinct("x"),
        count_distinct("y"),
        drystone::query::count_of("distinct"),
        count().named("n"),
    ];
    assert_eq!(read, wanted);
    let again: Vec<String> = read.iter().map(Aggregate::to_string).collect();
    assert_eq!(parse_aggregates(&again.join(", ")).unwrap(), wanted);

    let orders = parse_orders("-floor(at, 1 min), last(x) desc, first").unwrap();
    let wanted = [floor("at", Duration::from_secs(60)).desc(), last("x").desc(), Order::from("first")];
    assert_eq!(orders, wanted);
    let again: Vec<String> = orders.iter().map(Order::to_string).collect();
    assert_eq!(parse_orders(&again.join(", ")).unwrap(), wanted);
}

#[test]
fn what_cannot_be_read_is_marked() {
    fn wrong<T: std::str::FromStr<Err = Error>>(text: &str) -> String {
        let error = text.parse::<T>().err().unwrap_or_else(|| panic!("{text} was read"));
        assert_eq!(error.kind(), ErrorKind::Query, "{error}");
        error.to_string()
    }
    let cases = [
        ("floor(at)", "column 9: expected a comma and a step, as in floor(x, 1 min), found \")\""),
        ("floor(at,)", "column 10: expected a number or a duration, as in 100, 0.5 or 1 min, found \")\""),
        ("floor(at, '1 min')", "column 11: expected a number or a duration"),
        ("floor(at, 0 min)", "column 11: a step is a number above zero"),
        ("floor(at, -5)", "column 11: a step is a number above zero"),
        (
            "floor(at, 1 month)",
            "column 13: expected a unit of time (ns, us, ms, s, min, h or d) or the end of the step, found \"month\"; months and years differ in length",
        ),
        ("floor(at, 1 fortnight)", "column 13: expected a unit of time"),
        ("floor(at, 0.5 ns)", "column 11: this is no whole number of nanoseconds"),
        ("floor(at, 1 min", "column 16: expected a closing bracket, found the end"),
        ("floor('x', 1)", "column 7: expected a field, found \"'x'\"; a text in quotes is a value"),
        ("x as", "column 5: expected a name, found the end"),
        ("x as 5", "column 6: expected a name, found \"5\""),
    ];
    for (text, message) in cases {
        let got = wrong::<Expr>(text);
        assert!(got.starts_with(message), "{text}: {got}");
    }
    let got = wrong::<Aggregate>("sum(floor(x, 5))");
    assert!(got.starts_with("column 5: floor is for groups; an aggregate takes a field"), "{got}");
    assert!(
        wrong::<Aggregate>("first").starts_with("column 6: expected a field in brackets, as in first(x)")
    );
    assert!(wrong::<Order>("floor(x, 5) as y").starts_with("column 13: expected the end"));
}

#[test]
fn what_does_not_fit_the_table_is_an_error() {
    let db = table("at: timestamp, day: date, x: i16?, name: str[4], tags: u8[4]", &[]);
    let read = db.read().unwrap();
    let query = read.table::<Dyn>("t").unwrap().query();
    let by = |text: &str| query.clone().group_by(parse_exprs(text).unwrap());
    let cases = [
        (
            by("floor(name, 5)"),
            ErrorKind::Value,
            "floor(name, 5): field \"name\" is of type str[4]; floor is for numbers, dates and timestamps",
        ),
        (
            by("floor(tags, 5)"),
            ErrorKind::Value,
            "floor(tags, 5): field \"tags\" is of type u8[4]; floor is for",
        ),
        (
            by("floor(at, 5)"),
            ErrorKind::Value,
            "floor(at, 5): field \"at\" is of type timestamp; give its step as a duration, such as `1 d`",
        ),
        (
            by("floor(at, 1500 ns)"),
            ErrorKind::Value,
            "floor(at, 1500 ns): field \"at\" is of type timestamp; a timestamp is precise to the microsecond",
        ),
        (
            by("floor(day, 1 h)"),
            ErrorKind::Value,
            "floor(day, 1 h): field \"day\" is of type date; a date has no parts of a day",
        ),
        (
            by("floor(x, 1 h)"),
            ErrorKind::Value,
            "floor(x, 1 h): field \"x\" is of type i16?; a duration is a step of dates and timestamps",
        ),
        (
            by("floor(x, 0.5)"),
            ErrorKind::Value,
            "floor(x, 0.5): field \"x\" is of type i16?; its step is a whole number",
        ),
        (
            query.clone().group_by([floor("x", 0)]),
            ErrorKind::Value,
            "floor(x, 0): the step must be a number above zero, and is 0",
        ),
        (query.clone().group_by([floor("x", f64::NAN)]), ErrorKind::Value, "floor(x, NaN): the step must be"),
        (by("floor(y, 5)"), ErrorKind::FieldNotFound, "floor(y, 5): no field \"y\""),
        (
            by("x, name as x"),
            ErrorKind::Schema,
            "field \"x\": another field has this name in the result; give one of them another with `as`",
        ),
        (by("x").aggregate([count().named("x")]), ErrorKind::Schema, "field \"x\": another field"),
        (query.clone().select(["x", "x"]), ErrorKind::Schema, "field \"x\": another field"),
        (query.clone().aggregate([sum("x"), sum("x")]), ErrorKind::Schema, "field \"sum(x)\": another field"),
        (query.clone().select([floor("x", 5)]), ErrorKind::Query, "select floor(x, 5): floor is for groups"),
        (
            query.clone().order_by([floor("x", 5)]),
            ErrorKind::Query,
            "order by floor(x, 5): floor is for groups",
        ),
        (
            by("floor(x, 5)").order_by([floor("x", 6)]),
            ErrorKind::Query,
            "order by floor(x, 6): the query does not group by it",
        ),
        (query.clone().select([col("x").named("")]), ErrorKind::Schema, "x: give it a name, as in `x as x`"),
    ];
    for (query, kind, message) in cases {
        let error = query.run().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn names_are_those_of_the_result_and_can_be_sorted_by() {
    let rows: [&[Value<'_>]; 4] = [
        &["UA".into(), 5.into()],
        &["AA".into(), 7.into()],
        &["UA".into(), 9.into()],
        &["DL".into(), Value::Null],
    ];
    let db = table("carrier: str[2], delay: i16?", &rows);
    let read = db.read().unwrap();
    let query = read.table::<Dyn>("t").unwrap().query();
    let grouped = query
        .clone()
        .group_by(parse_exprs("carrier as airline, floor(delay, 5) as step").unwrap())
        .aggregate(parse_aggregates("sum(delay) as total, count").unwrap());
    let lines = |orders: &str| {
        let rows = grouped.clone().order_by(parse_orders(orders).unwrap()).run().unwrap();
        rows.iter().map(super::text).collect::<Vec<_>>().join(", ")
    };
    let rows = grouped.run().unwrap();
    assert_eq!(rows.schema().to_string(), "airline: str[2], step: i16?, total: i64?, count: u64");
    let by_total = "UA 5 14 2, AA 5 7 1, DL null null 1";
    assert_eq!(lines("-total"), by_total);
    // What is computed is found whatever its name is.
    assert_eq!(lines("-sum(delay)"), by_total);
    let by_carrier = "AA 5 7 1, DL null null 1, UA 5 14 2";
    assert_eq!(lines("airline"), by_carrier);
    assert_eq!(lines("carrier"), by_carrier);
    assert_eq!(lines("step, -airline"), "DL null null 1, UA 5 14 2, AA 5 7 1");
    assert_eq!(lines("floor(delay, 5), -airline"), "DL null null 1, UA 5 14 2, AA 5 7 1");

    // In rows as well; a name given in the query is found before a field of the table.
    let selected = query.clone().select([col("delay").named("carrier"), col("carrier").named("delay")]);
    let rows = selected.clone().order_by([col("carrier").desc()]).run().unwrap();
    assert_eq!(rows.schema().to_string(), "carrier: i16?, delay: str[2]");
    assert_eq!(rows.iter().map(super::text).collect::<Vec<_>>(), ["9 UA", "7 AA", "5 UA", "null DL"]);
    let rows = query.clone().select([floor("delay", 10).named("tens")]).distinct().run().unwrap();
    assert_eq!(rows.iter().map(super::text).collect::<Vec<_>>(), ["null", "0"]);

    let plan = grouped.explain().unwrap();
    assert!(plan.contains("group: by carrier, floor(delay, 5), through a table of 64-bit keys"), "{plan}");
}

#[test]
fn first_and_last_are_those_of_the_table() {
    let rows: [&[Value<'_>]; 5] = [
        &[4.into(), "a".into(), Value::Null, [1_u8, 2].into()],
        &[2.into(), "b".into(), 20.into(), [3_u8, 4].into()],
        &[1.into(), "a".into(), 10.into(), [5_u8, 6].into()],
        &[3.into(), "a".into(), 30.into(), [7_u8, 8].into()],
        &[5.into(), "b".into(), 50.into(), [9_u8, 9].into()],
    ];
    let db = table("id: u8 key, g: str[1], x: i16?, tags: u8[2]", &rows);
    let of = |by: &[&str], filter: &str| {
        ask(&db, |query| {
            query
                .filter(filter.parse().unwrap())
                .group_by(by.iter().copied())
                .aggregate(parse_aggregates("first(id), last(id), first(x), last(x), last(tags)").unwrap())
        })
    };
    assert_eq!(of(&["g"], "true"), ["a 1 4 10 null [1, 2]", "b 2 5 20 50 [9, 9]"]);
    assert_eq!(of(&["g"], "id != 4"), ["a 1 3 10 30 [7, 8]", "b 2 5 20 50 [9, 9]"]);
    assert_eq!(of(&[], "true"), ["1 5 10 50 [9, 9]"]);
    assert_eq!(of(&[], "id > 3"), ["4 5 null 50 [9, 9]"]);
    assert_eq!(of(&[], "id > 9"), ["null null null null null"]);
    assert!(of(&["g"], "id > 9").is_empty());
    // The only value looks like null, and is none.
    let db = table("x: u8", &[&[255.into()]]);
    assert_eq!(ask(&db, |query| query.aggregate([first("x"), last("x")])), ["255 255"]);
}

#[test]
fn count_distinct_leaves_null_out_and_knows_one_nan_and_one_zero() {
    let reals = [Some(f64::NAN), Some(-f64::NAN), Some(0.0), Some(-0.0), None, Some(1.5), Some(1.5)];
    for ty in ["f32?", "f64?"] {
        let rows: Vec<[Value<'_>; 2]> =
            reals
                .iter()
                .enumerate()
                .map(|(at, real)| {
                    let single = ty == "f32?";
                    let value = real.map_or(Value::Null, |real| {
                        if single { Value::F32(real as f32) } else { Value::F64(real) }
                    });
                    [Value::from(at % 2), value]
                })
                .collect();
        let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| &row[..]).collect();
        let db = table(&format!("g: u8, x: {ty}"), &rows);
        assert_eq!(ask(&db, |query| query.aggregate([count_distinct("x")])), ["3"]);
        assert_eq!(ask(&db, |query| query.group_by(["g"]).aggregate([count_distinct("x")])), ["0 3", "1 3"]);
        let none = |query: drystone::query::Query<'_>| {
            query
                .filter("x is null".parse().unwrap())
                .aggregate([count_distinct("x"), count()])
                .run()
                .unwrap()
                .iter()
                .map(super::text)
                .collect::<Vec<_>>()
        };
        assert_eq!(none(db.read().unwrap().table::<Dyn>("t").unwrap().query()), ["0 1"]);
    }
    // Texts of all widths around those that are one number.
    for width in [1, 3, 4, 5, 8, 9, 20] {
        let rows: [&[Value<'_>]; 5] = [
            &[1.into(), "a".into()],
            &[1.into(), "".into()],
            &[2.into(), "a".into()],
            &[1.into(), "a".into()],
            &[2.into(), Value::Null],
        ];
        let db = table(&format!("g: u16, x: str[{width}]?"), &rows);
        assert_eq!(ask(&db, |query| query.aggregate([count_distinct("x")])), ["2"]);
        assert_eq!(ask(&db, |query| query.group_by(["g"]).aggregate([count_distinct("x")])), ["1 2", "2 1"]);
    }
    let db = table("x: u8", &[]);
    assert_eq!(ask(&db, |query| query.aggregate([count_distinct("x")])), ["0"]);
}

#[test]
fn the_memory_of_count_distinct_is_bounded() {
    let db = table("x: u32", &[]);
    let write = db.write().unwrap();
    let mut t = write.table::<Dyn>("t").unwrap();
    let schema = t.schema().clone();
    for x in 0..50_000 {
        t.push(&drystone::RowBuf::from_values(&schema, [Value::from(x)]).unwrap()).unwrap();
    }
    let query = t.as_table().query().memory_bytes(200_000);
    let error = query.clone().aggregate([count_distinct("x")]).run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert_eq!(query.filter("x < 1000".parse().unwrap()).value(count_distinct("x")).unwrap(), 1000);
}

#[test]
fn results_are_serialized_as_rows() {
    let rows: [&[Value<'_>]; 3] =
        [&["UA".into(), 5.into()], &["AA".into(), Value::Null], &["UA".into(), f64::NAN.into()]];
    let db = table("carrier: str[2], delay: f64?", &rows);
    let read = db.read().unwrap();
    let query = read.table::<Dyn>("t").unwrap().query();
    let grouped = query.clone().group_by(["carrier"]).aggregate([last("delay").named("last")]).run().unwrap();
    assert_eq!(
        serde_json::to_string(&grouped).unwrap(),
        r#"[{"carrier":"AA","last":null},{"carrier":"UA","last":"NaN"}]"#
    );
    let batches: Vec<drystone::query::QueryRows> =
        query.select(["carrier"]).stream().unwrap().map(Result::unwrap).collect();
    assert_eq!(
        serde_json::to_string(&batches).unwrap(),
        r#"[[{"carrier":"UA"},{"carrier":"AA"},{"carrier":"UA"}]]"#
    );
    let none: drystone::Result<Vec<drystone::query::QueryRows>> = read
        .table::<Dyn>("t")
        .unwrap()
        .query()
        .filter("delay > 9".parse().unwrap())
        .limit(0)
        .stream()
        .unwrap()
        .collect();
    assert_eq!(serde_json::to_string(&none.unwrap()).unwrap(), "[]");
}
