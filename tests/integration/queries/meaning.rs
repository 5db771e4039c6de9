//! What queries mean in unclear cases: null, NaN, literals beyond a type, overflow of sums, and
//! what plans say.

use drystone::query::{Predicate, Query, at, col, count, count_of, max, mean, min, sum};
use drystone::{Dyn, ErrorKind, Nullable, Value};

use super::{ask, table};

fn filter(text: &str) -> impl for<'q> FnOnce(Query<'q>) -> Query<'q> {
    let predicate: Predicate = text.parse().unwrap();
    move |query| query.filter(predicate)
}

#[test]
fn null_is_neither_true_nor_false() {
    let rows: [&[Value<'_>]; 3] = [&[1.into(), 70.into()], &[2.into(), Value::Null], &[3.into(), 5.into()]];
    let db = table("id: u8, delay: i16?", &rows);
    let cases = [
        ("delay > 60", "1"),
        ("not delay > 60", "3"),
        ("delay > 60 or not delay > 60", "1 3"),
        ("delay != 70", "3"),
        ("delay = null", ""),
        ("not delay = null", ""),
        ("delay is null", "2"),
        ("delay is not null", "1 3"),
        ("delay in (70, null)", "1"),
        ("delay not in (70, null)", ""),
        ("delay not in (70, 71)", "3"),
        ("delay not between 60 and 80", "3"),
        ("delay between null and 6", ""),
        ("not delay between null and 6", "1"),
        ("delay is null or delay < 10", "2 3"),
        ("delay > id", "1 3"),
        ("not delay > id", ""),
        ("true", "1 2 3"),
        ("not true", ""),
        ("id = 2 and true", "2"),
    ];
    for (text, wanted) in cases {
        let ids = ask(&db, |query| filter(text)(query).select(["id"])).join(" ");
        assert_eq!(ids, wanted, "{text}");
    }
}

#[test]
fn literals_compare_rightly_beyond_the_type() {
    let rows: [&[Value<'_>]; 3] =
        [&[0.into(), (-5).into()], &[200.into(), 0.into()], &[255.into(), i64::MAX.into()]];
    let db = table("x: u8, y: i64", &rows);
    let cases = [
        ("x < 300", "0 200 255"),
        ("x > 300", ""),
        ("x != 300", "0 200 255"),
        ("x >= -1", "0 200 255"),
        ("x = 200.0", "200"),
        ("x = 200.5", ""),
        ("x > 199.5", "200 255"),
        ("x < 200.5", "0 200"),
        ("y < 1e300", "0 200 255"),
        // The nearest float is 2^63, which is one more.
        ("y < 9223372036854775807.0", "0 200 255"),
        ("y = 9223372036854775807", "255"),
        ("y >= -5.0", "0 200 255"),
        ("y < 340282366920938463463374607431768211455", "0 200 255"),
        ("x < NaN", "0 200 255"),
        ("60 < x", "200 255"),
    ];
    for (text, wanted) in cases {
        let xs = ask(&db, |query| filter(text)(query).select(["x"])).join(" ");
        assert_eq!(xs, wanted, "{text}");
    }
}

/// In a tree a NaN with the sign set comes before all numbers.
#[test]
fn a_negative_nan_in_a_key_is_above_all_numbers_too() {
    let rows: Vec<[Value<'_>; 2]> =
        [-f64::NAN, f64::NEG_INFINITY, -1.5, -0.0, 0.0, 2.5, f64::INFINITY, f64::NAN]
            .into_iter()
            .enumerate()
            .map(|(id, x)| [x.into(), id.into()])
            .collect();
    let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| &row[..]).collect();
    let db = table("x: f64 key, id: u8", &rows);
    let cases = [
        ("x < 1", "1 2 3 4"),
        ("x <= -inf", "1"),
        ("x < -inf", ""),
        ("x between -2 and 0", "2 3 4"),
        ("x = 0", "3 4"),
        ("x > 2", "0 5 6 7"),
        ("x = NaN", "0 7"),
        ("x != NaN", "1 2 3 4 5 6"),
        ("not x < 1", "0 5 6 7"),
    ];
    for (text, wanted) in cases {
        let ids = ask(&db, |query| filter(text)(query).select(["id"])).join(" ");
        assert_eq!(ids, wanted, "{text}");
    }
}

/// In a tree -0.0 comes before 0.0. In queries they are equal.
#[test]
fn minus_zero_in_a_key_is_not_below_zero() {
    for schema in ["x: f64 key, id: u8", "x: f32 key, id: u8 key"] {
        let rows: Vec<[Value<'_>; 2]> = [-1.5_f32, -f32::from_bits(1), -0.0, 0.0, 2.5]
            .into_iter()
            .enumerate()
            .map(|(id, x)| {
                if schema.contains("f32") { [x.into(), id.into()] } else { [f64::from(x).into(), id.into()] }
            })
            .collect();
        let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| &row[..]).collect();
        let db = table(schema, &rows);
        let cases = [
            ("x < 0", "0 1"),
            ("x < -0.0", "0 1"),
            ("x <= 0", "0 1 2 3"),
            ("x >= -0.0", "2 3 4"),
            ("x > 0", "4"),
        ];
        for (text, wanted) in cases {
            let ids = ask(&db, |query| filter(text)(query).select(["id"])).join(" ");
            assert_eq!(ids, wanted, "{schema}: {text}");
        }
    }
}

#[test]
fn nan_is_equal_to_itself_and_above_all_numbers() {
    let rows: Vec<[Value<'_>; 2]> =
        [Some(f64::NAN), Some(-0.0), Some(0.0), Some(f64::INFINITY), None, Some(-1.5)]
            .into_iter()
            .enumerate()
            .map(|(id, x)| [id.into(), x.into()])
            .collect();
    let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| &row[..]).collect();
    let db = table("id: u8, x: f64?", &rows);
    let cases = [
        ("x = NaN", "0"),
        ("x > 1e308", "0 3"),
        ("x = 0", "1 2"),
        ("x < 0", "5"),
        ("x != NaN", "1 2 3 5"),
        ("x is null", "4"),
        ("x >= inf", "0 3"),
        ("x > -inf", "0 1 2 3 5"),
        ("x < 9007199254740993", "1 2 5"),
    ];
    for (text, wanted) in cases {
        let ids = ask(&db, |query| filter(text)(query).select(["id"])).join(" ");
        assert_eq!(ids, wanted, "{text}");
    }
    assert_eq!(ask(&db, |query| query.order_by(["x"]).select(["id"])).join(" "), "4 5 1 2 3 0");
    assert_eq!(
        ask(&db, |query| query.group_by(["x"]).aggregate([count()])),
        ["null 1", "-1.5 1", "0 2", "inf 1", "NaN 1"]
    );
    assert_eq!(
        ask(&db, |query| query.aggregate([min("x"), max("x"), sum("x"), mean("x")])),
        ["-1.5 NaN NaN NaN"]
    );
}

#[test]
fn a_float_literal_meets_an_f32_field_as_it_would_be_stored() {
    let db = table("x: f32", &[&[Value::F32(0.1)], &[Value::F32(f32::INFINITY)]]);
    assert_eq!(ask(&db, filter("x = 0.1")), ["0.1"]);
    assert_eq!(ask(&db, filter("x < 1e300")), ["0.1"]);
    assert_eq!(ask(&db, filter("x = 1e300")), [""; 0]);
    assert_eq!(ask(&db, filter("x > 340282366920938463463374607431768211455")), ["inf"]);
}

#[test]
fn texts_bytes_dates_and_uuids_compare_with_literals() {
    let db = table(
        "id: u8, name: str[4], raw: bytes[2], day: date, due: timestamp?, who: uuid, fine: bool",
        &[
            &[
                1.into(),
                "ab".into(),
                [1_u8, 2].into(),
                drystone::Date::from_ymd(2013, 7, 4).unwrap().into(),
                "2013-07-04T12:00:00Z".parse::<drystone::Timestamp>().unwrap().into(),
                drystone::Uuid::from_u128(7).into(),
                true.into(),
            ],
            &[
                2.into(),
                "abcd".into(),
                [1_u8, 3].into(),
                drystone::Date::from_ymd(2013, 7, 5).unwrap().into(),
                Value::Null,
                drystone::Uuid::from_u128(8).into(),
                false.into(),
            ],
        ],
    );
    let cases = [
        ("name = 'ab'", "1"),
        ("name > 'ab'", "2"),
        ("name < 'abcde'", "1 2"),
        ("name starts with 'ab'", "1 2"),
        ("name starts with 'abc'", "2"),
        ("name not starts with 'abc'", "1"),
        ("name >= \"ab\" and name <= 'abcc'", "1"),
        ("raw = 0x0102", "1"),
        ("raw > 0x01", "1 2"),
        ("raw < 0x010300", "1 2"),
        ("raw starts with 0x01", "1 2"),
        ("day = '2013-07-04'", "1"),
        ("day >= '2013-07-04T00:00:01Z'", "2"),
        ("day < '2013-07-05'", "1"),
        ("due > '2013-07-04'", "1"),
        ("due = '2013-07-04 14:00:00+02:00'", "1"),
        ("due is null", "2"),
        ("who = '00000000-0000-0000-0000-000000000007'", "1"),
        ("who > '00000000000000000000000000000007'", "2"),
        ("fine", "1"),
        ("not fine", "2"),
        ("fine = false", "2"),
        ("at(1, str[4]) = 'ab'", "1"),
        ("at(1, u8) = 97 and at(3, u8) = 0", "1"),
        ("`name` = 'ab'", "1"),
    ];
    for (text, wanted) in cases {
        let ids = ask(&db, |query| filter(text)(query).select(["id"])).join(" ");
        assert_eq!(ids, wanted, "{text}");
    }
    let by_offset =
        ask(&db, |query| query.filter(at::<Nullable<i16>>(1).is_not_null()).select([at::<u8>(0)]));
    assert_eq!(by_offset, ["1", "2"]);
}

#[test]
fn aggregates_of_no_rows_are_null_and_counts_zero() {
    let db = table("x: i64, y: f32?", &[&[5.into(), Value::Null]]);
    let all =
        || [count(), count_of("y"), sum("x"), min("x"), max("x"), mean("x"), sum("y"), mean("y"), min("y")];
    let none = ask(&db, |query| query.filter(col("x").lt(0)).aggregate(all()));
    assert_eq!(none, ["0 0 null null null null null null null"]);
    assert_eq!(ask(&db, |query| query.aggregate(all())), ["1 0 5 5 5 5 null null null"]);
    assert_eq!(ask(&db, |query| query.filter(col("x").lt(0)).group_by(["x"]).aggregate(all())), [""; 0]);
}

#[test]
fn sums_do_not_overflow() {
    let db = table("x: i64, y: u64, z: u128, w: i128", &[]);
    let write = db.write().unwrap();
    let mut rows = write.table::<Dyn>("t").unwrap();
    let schema = rows.schema().clone();
    for _ in 0..3 {
        let values = [Value::from(i64::MIN), u64::MAX.into(), (u128::MAX / 2).into(), (-1_i128).into()];
        rows.push(&drystone::RowBuf::from_values(&schema, values).unwrap()).unwrap();
    }
    let query = || rows.as_table().query();
    assert_eq!(query().value(sum("x")).unwrap().as_i128(), Some(3 * i128::from(i64::MIN)));
    assert_eq!(query().value(sum("y")).unwrap().as_u128(), Some(3 * u128::from(u64::MAX)));
    assert_eq!(query().value(sum("w")).unwrap().as_i128(), Some(-3));
    assert_eq!(query().value(mean("x")).unwrap(), i64::MIN as f64);
    assert_eq!(query().value(mean("y")).unwrap(), u64::MAX as f64);
    assert_eq!(query().value(mean("z")).unwrap(), (u128::MAX / 2) as f64);
    let error = query().value(sum("z")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    // The least of all numbers would mean null; it comes out, and the field then has no null.
    let least = query().aggregate([min("x"), count()]).run().unwrap();
    assert_eq!(least.schema().to_string(), "\"min(x)\": i64, count: u64");
    assert_eq!(least.get(0).unwrap().get(0).unwrap(), i64::MIN);
}

#[test]
fn sums_of_floats_are_exact() {
    let reals = [1e308, 1.0, 1e308, -1e308, -1e308, 1e-300];
    let rows: Vec<[Value<'_>; 1]> = reals.iter().map(|real| [(*real).into()]).collect();
    let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| &row[..]).collect();
    let db = table("x: f64", &rows);
    assert_eq!(ask(&db, |query| query.aggregate([sum("x")])), ["1"]);
    let tenths = vec![[Value::F64(0.1)]; 10];
    let tenths: Vec<&[Value<'_>]> = tenths.iter().map(|row| &row[..]).collect();
    let db = table("x: f64", &tenths);
    assert_eq!(ask(&db, |query| query.aggregate([sum("x"), mean("x")])), ["1 0.1"]);
}

#[test]
fn the_plan_uses_the_key_as_far_as_it_goes() {
    let schema = "a: u8 key, b: str[2] key, c: i16 key, d: u8";
    let rows: Vec<[Value<'_>; 4]> = (0..1000_i64)
        .map(|n| {
            [(n % 5).into(), ["AA", "UA", "VX"][n as usize % 3].into(), (n - 500).into(), (n % 7).into()]
        })
        .collect();
    let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| &row[..]).collect();
    let db = table(schema, &rows);
    let read = db.read().unwrap();
    let t = read.table::<Dyn>("t").unwrap();
    let explain = |text: &str| t.query().filter(text.parse().unwrap()).explain().unwrap();
    let cases = [
        ("a = 3", "read: 200 rows, by key range on a, ranges: 1\nresult"),
        ("a = 3 and b = 'UA'", "read: 66 rows, by key range on a, b, ranges: 1\nresult"),
        ("a in (1, 3) and b = 'UA' and c > 0", "by key range on a, b, c, ranges: 2\nresult"),
        ("a = 3 and c > 0", "read: 200 rows, by key range on a, ranges: 1\nfilter: c >= 1\n"),
        ("a > 2 and b = 'UA'", "read: 400 rows, by key range on a, ranges: 1\nfilter: b = 'UA'\n"),
        ("a = 3 and b starts with 'U' and d = 2", "by key range on a, b, ranges: 1\nfilter: d = 2\n"),
        ("at(0, u8) = 3", "by key range on a, ranges: 1\n"),
        ("b = 'UA'", "read: 1000 rows, by scan of whole leaves\nfilter: b = 'UA'\n"),
        ("a = 3 or b = 'UA'", "by scan of whole leaves\nfilter: a = 3 or b = 'UA'\n"),
        ("a = 3 and a = 4", "read: 0 rows, by nothing is read: no row can pass\n"),
        ("a < 300 and a = a", "read: 1000 rows, by scan of whole leaves\nfilter: a = a\n"),
    ];
    for (text, wanted) in cases {
        let explained = explain(text);
        assert!(explained.contains(wanted), "{text}:\n{explained}\nwanted {wanted}");
    }
}

#[test]
fn aggregates_are_sorted_by_name_and_by_what_they_compute() {
    let rows: Vec<[Value<'_>; 2]> =
        [("UA", 5), ("AA", 9), ("UA", 7), ("VX", 1)].into_iter().map(|(a, b)| [a.into(), b.into()]).collect();
    let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| &row[..]).collect();
    let db = table("carrier: str[2], delay: i16", &rows);
    let grouped = |order: &str| {
        let order: drystone::query::Order = order.parse().unwrap();
        ask(&db, |query| {
            query
                .group_by(["carrier"])
                .aggregate([count().named("n"), mean("delay")])
                .order_by([order])
                .limit(2)
        })
    };
    assert_eq!(grouped("-count"), ["UA 2 6", "AA 1 9"]);
    assert_eq!(grouped("-n"), ["UA 2 6", "AA 1 9"]);
    assert_eq!(grouped("mean(delay)"), ["VX 1 1", "UA 2 6"]);
    assert_eq!(grouped("carrier desc"), ["VX 1 1", "UA 2 6"]);
}

/// The value that a minimum starts from, and that a maximum starts from, are values too.
#[test]
fn the_least_and_the_greatest_value_of_a_type_are_found() {
    for (ty, values) in [
        ("u8", [Value::from(0), 255.into()]),
        ("i16", [Value::from(i16::MIN), i16::MAX.into()]),
        ("u64", [Value::from(0), u64::MAX.into()]),
        ("i64", [Value::from(i64::MIN), i64::MAX.into()]),
        ("u128", [Value::from(0), u128::MAX.into()]),
        ("i128", [Value::from(i128::MIN), i128::MAX.into()]),
        ("f64", [Value::from(f64::NEG_INFINITY), f64::NAN.into()]),
        ("bool", [Value::from(false), true.into()]),
        ("str[3]", [Value::from(""), "zzz".into()]),
    ] {
        let [low, high] = values;
        let (one, two, three) = (Value::from(1), Value::from(2), Value::from(3));
        let rows: [&[Value<'_>]; 4] = [
            &[one.clone(), low.clone()],
            &[two.clone(), high.clone()],
            &[three.clone(), high.clone()],
            &[three, low.clone()],
        ];
        let db = table(&format!("group: u32, x: {ty}"), &rows);
        let extremes = || [min("x"), max("x"), count_of("x")];
        let groups = ask(&db, |query| query.group_by(["group"]).aggregate(extremes()));
        let wanted = [format!("1 {low} {low} 1"), format!("2 {high} {high} 1"), format!("3 {low} {high} 2")];
        assert_eq!(groups, wanted, "{ty}");
        assert_eq!(ask(&db, |query| query.aggregate(extremes())), [format!("{low} {high} 4")], "{ty}");
        let tops = ask(&db, |query| query.top(1, [col("x").desc()]).select(["group"]));
        assert_eq!(tops, ["2"], "{ty}");
    }
}
