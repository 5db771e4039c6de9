//! Random schemas, rows and queries: the result is that of the naive evaluator, whatever the plan.

use crate::random::Random;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use drystone::query::{
    Expr, Order, Predicate, Step, count, count_distinct, count_of, first, floor, last, max, mean, min, sum,
};
use drystone::{
    Database, Date, Dyn, ErrorKind, FieldDef, LoadOptions, OnDuplicate, Row, RowBuf, Schema, Timestamp, Type,
    Uuid, Value,
};

use super::naive::{Asked, compare};

const TYPES: [&str; 23] = [
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "f32",
    "f64",
    "bool",
    "str[1]",
    "str[3]",
    "str[4]",
    "str[20]",
    "bytes[2]",
    "bytes[20]",
    "date",
    "timestamp",
    "uuid",
    "enum[\"e:z\", \"e:b\", \"e:a\", \"e:ab\"]",
];

const OPS: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];

/// A value for a field, or to compare a field with: a few that are far apart, so that they often
/// match, and the extremes of the type.
fn value(random: &mut Random, ty: &Type) -> Value<'static> {
    let near = random.below(12) as i128 - 3;
    let texts = ["", "a", "ab", "abc", "abd", "b", "é", "zzz"];
    match ty {
        Type::Bool => Value::Bool(random.one_in(2)),
        Type::F32 => {
            let reals = [0.0, -0.0, 1.5, 0.1, -2.0, 3.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30];
            Value::F32(random.of(&reals))
        }
        Type::F64 => {
            let reals = [0.0, -0.0, 1.5, 0.1, -2.0, 3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300];
            Value::F64(random.of(&reals))
        }
        Type::Str(width) => {
            let text = random.of(&texts);
            let fits = text.len() <= usize::from(*width);
            Value::from(if fits { text } else { "a" })
        }
        Type::Bytes(width) => {
            let mut bytes = vec![random.of(&[0_u8, 1, 7, 0xFE]); usize::from(*width)];
            bytes[0] = random.below(3) as u8;
            Value::from(bytes)
        }
        Type::Enum(names) => Value::from(names.get(random.below(names.len())).unwrap().to_owned()),
        Type::Date => Value::Date(Date::from_days(near as i32)),
        Type::Timestamp => Value::Timestamp(Timestamp::from_micros(near as i64 * 43_200_000_000)),
        Type::Uuid => Value::Uuid(Uuid::from_u128(near.unsigned_abs())),
        number => {
            let bits = 8 * number.width() as u32;
            let signed = number.to_string().starts_with('i');
            let (least, most) = if signed {
                ((i128::MIN >> (128 - bits)) + 1, i128::MAX >> (128 - bits))
            } else {
                (0, (u128::MAX >> (129 - bits)) as i128)
            };
            let number = match random.below(8) {
                0 => least,
                1 => most,
                _ => near.clamp(least, most),
            };
            if signed { Value::Signed(number) } else { Value::Unsigned(number as u128) }
        }
    }
}

/// What a field is compared with: mostly its own type, sometimes another number, sometimes null.
fn literal(random: &mut Random, ty: &Type) -> Value<'static> {
    if random.one_in(15) {
        return Value::Null;
    }
    if ty.is_number() && random.one_in(3) {
        return match random.below(3) {
            0 => Value::F64(random.of(&[2.5, -1.0, 3.0, f64::NAN, f64::INFINITY, 0.0, -0.0])),
            1 => Value::Signed(random.of(&[-500, 300, 70_000, 4, -1])),
            _ => Value::Unsigned(random.of(&[0, 3, 1 << 40])),
        };
    }
    match ty {
        // Longer than the field.
        Type::Str(_) if random.one_in(4) => {
            Value::from(random.of(&["abcdefghijklmnopqrstuvwxyz", "abcd", "aé"]))
        }
        Type::Bytes(_) if random.one_in(4) => Value::from(random.of(&[vec![], vec![1], vec![1; 40]])),
        ty => value(random, ty),
    }
}

fn asked(random: &mut Random, schema: &Schema, depth: usize) -> Asked {
    if depth > 0 && random.one_in(2) {
        let mut parts = || (0..1 + random.below(3)).map(|_| asked(random, schema, depth - 1)).collect();
        return match depth % 3 {
            0 => Asked::And(parts()),
            1 => Asked::Or(parts()),
            _ => Asked::Not(Box::new(Asked::And(parts()))),
        };
    }
    // The key is asked for often, so that plans use it.
    let fields = if random.one_in(2) && schema.is_keyed() { schema.key_fields() } else { schema.fields() };
    let field = &fields[random.below(fields.len())];
    let (name, ty) = (field.name().to_owned(), field.ty());
    match random.below(9) {
        0 => Asked::Null(name),
        1 => {
            let values = (0..1 + random.below(5)).map(|_| literal(random, ty)).collect();
            Asked::In(name, values)
        }
        2 => Asked::Between(name, literal(random, ty), literal(random, ty)),
        3 if matches!(ty, Type::Str(_)) => {
            Asked::Starts(name, random.of(&["", "a", "ab", "é", "abcdefg"]).into())
        }
        4 => {
            let same = schema.fields().iter().filter(|other| other.ty() == ty);
            let same: Vec<String> = same.map(|field| field.name().to_owned()).collect();
            Asked::Fields(name, random.of(&OPS), random.of(&same))
        }
        _ => Asked::Compare(name, random.of(&OPS), literal(random, ty)),
    }
}

fn schema(random: &mut Random) -> Schema {
    let mut fields = Vec::new();
    let keys = random.below(4);
    for at in 0..keys + 1 + random.below(5) {
        let ty = random.of(&TYPES);
        let rest = if at < keys {
            " key"
        } else if random.one_in(2) {
            "?"
        } else {
            ""
        };
        fields.push(format!("f{at}: {ty}{rest}"));
    }
    fields.join(", ").parse().unwrap()
}

fn database(random: &mut Random, schema: &Schema) -> Database {
    let rows = random.of(&[0, 1, 40, 300, 3000]);
    database_of(random, schema, rows)
}

fn database_of(random: &mut Random, schema: &Schema, rows: usize) -> Database {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table("t", schema).unwrap();
    for _ in 0..rows {
        let mut row = RowBuf::new(schema);
        for (at, field) in schema.fields().iter().enumerate() {
            let null = field.is_nullable() && random.one_in(4);
            row.set(at, if null { Value::Null } else { value(random, field.ty()) }).unwrap();
        }
        if schema.is_keyed() {
            table.upsert(&row).unwrap();
        } else {
            table.push(&row).unwrap();
        }
    }
    drop(table);
    write.commit().unwrap();
    db
}

#[test]
fn random_queries_give_what_a_row_by_row_evaluator_gives() {
    let (mut by_key, mut some, mut all) = (0, 0, 0);
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let schema = schema(&mut random);
        let db = database(&mut random, &schema);
        let read = db.read().unwrap();
        let table = read.table::<Dyn>("t").unwrap();
        for _ in 0..25 {
            let asked = asked(&mut random, &schema, 3);
            let predicate = asked.predicate();
            let passed: Vec<Row<'_>> =
                table.iter().map(Result::unwrap).filter(|row| asked.holds(*row) == Some(true)).collect();
            let wanted: Vec<&[u8]> = passed.iter().map(Row::as_bytes).collect();
            let query = table.query().filter(predicate.clone());
            let got = query.run().unwrap_or_else(|error| panic!("{seed}: {predicate}: {error}"));
            let place = || format!("seed {seed}: ({schema})\n{predicate}\n{}", query.explain().unwrap());
            let got: Vec<&[u8]> = got.as_bytes().chunks_exact(schema.width()).collect();
            assert_eq!(got, wanted, "{}", place());
            assert_eq!(query.count().unwrap(), wanted.len() as u64, "{}", place());

            // As text it says the same. Some floats have no literal in it.
            let text = predicate.to_string();
            let again: Predicate = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(table.query().filter(again).count().unwrap(), wanted.len() as u64, "{}", place());

            let mut streamed = Vec::new();
            for batch in query.clone().limit(7).stream().unwrap() {
                streamed.extend_from_slice(batch.unwrap().as_bytes());
            }
            assert_eq!(streamed, wanted[..wanted.len().min(7)].concat(), "{}", place());
            by_key += usize::from(query.explain().unwrap().contains("key range"));
            some += usize::from(!wanted.is_empty());
            all += 1;
        }
    }
    assert!(by_key > all / 10 && some > all / 4, "{by_key} by key, {some} with rows, of {all}");
}

/// How two values sort: null is the lowest, NaN the highest number.
fn order(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    compare(a, b).unwrap_or_else(|| b.is_null().cmp(&a.is_null()))
}

/// A field to sort by, whether in descending order, and whether null is at the end at which it
/// would not be.
type SortKey = (usize, bool, bool);

fn sort_keys(random: &mut Random, schema: &Schema) -> Vec<SortKey> {
    let fields = schema.fields().len();
    (0..1 + random.below(3)).map(|_| (random.below(fields), random.one_in(2), random.one_in(2))).collect()
}

fn sort(rows: &mut [Row<'_>], keys: &[SortKey]) {
    rows.sort_by(|a, b| {
        keys.iter().fold(Ordering::Equal, |so_far, (at, descending, turned)| {
            let (a, b) = (a.get(*at).unwrap(), b.get(*at).unwrap());
            let by_value = order(&a, &b);
            let by_value = if *descending { by_value.reverse() } else { by_value };
            let has_null = a.is_null() != b.is_null();
            so_far.then(if *turned && has_null { by_value.reverse() } else { by_value })
        })
    });
}

fn orders(keys: &[SortKey], schema: &Schema) -> Vec<Order> {
    let order = |(at, descending, turned): &SortKey| {
        let order = Order::from(schema.fields()[*at].name());
        let order = if *descending { order.descending() } else { order };
        match (turned, descending) {
            (false, _) => order,
            (true, true) => order.nulls_first(),
            (true, false) => order.nulls_last(),
        }
    };
    keys.iter().map(order).collect()
}

/// Of enough rows that most are skipped, because the first ones are known.
#[test]
fn first_rows_of_random_filters_are_those_of_a_sort() {
    for seed in 4000..4030 {
        let mut random = Random::new(seed);
        let schema = schema(&mut random);
        let db = database_of(&mut random, &schema, 6000);
        let read = db.read().unwrap();
        let table = read.table::<Dyn>("t").unwrap();
        for limit in [1, 3, 40, 700] {
            let (asked, keys) = (asked(&mut random, &schema, 1), sort_keys(&mut random, &schema));
            for filtered in [false, true] {
                let rows = table.iter().map(Result::unwrap);
                let mut sorted: Vec<Row<'_>> =
                    rows.filter(|row| !filtered || asked.holds(*row) == Some(true)).collect();
                sort(&mut sorted, &keys);
                let query = table.query().order_by(orders(&keys, &schema)).limit(limit as u64);
                let query = if filtered { query.filter(asked.predicate()) } else { query };
                let wanted: Vec<&[u8]> = sorted.iter().take(limit).map(Row::as_bytes).collect();
                let got = query.run().unwrap();
                let got: Vec<&[u8]> = got.as_bytes().chunks_exact(schema.width()).collect();
                assert_eq!(
                    got,
                    wanted,
                    "seed {seed}: ({schema}) {keys:?}, limit {limit}, {}",
                    query.explain().unwrap()
                );
            }
        }
    }
}

#[test]
fn random_orders_and_limits_give_what_a_sort_gives() {
    for seed in 1000..1030 {
        let mut random = Random::new(seed);
        let schema = schema(&mut random);
        let db = database(&mut random, &schema);
        let read = db.read().unwrap();
        let table = read.table::<Dyn>("t").unwrap();
        let all: Vec<Row<'_>> = table.iter().map(Result::unwrap).collect();
        for _ in 0..6 {
            let keys = sort_keys(&mut random, &schema);
            let mut sorted = all.clone();
            sort(&mut sorted, &keys);
            let query = table.query().order_by(orders(&keys, &schema));
            let limit = random.of(&[0, 1, 5, 100, 5000]);
            let wanted: Vec<&[u8]> = sorted.iter().map(Row::as_bytes).collect();
            assert_eq!(query.run().unwrap().as_bytes(), wanted.concat(), "seed {seed}: ({schema}) {keys:?}");
            let first = query.limit(limit as u64).run().unwrap();
            assert_eq!(
                first.as_bytes(),
                wanted[..limit.min(wanted.len())].concat(),
                "seed {seed}, limit {limit}"
            );
        }
    }
}

/// Text by which values are equal if they are.
fn name(value: &Value<'_>) -> String {
    match value.as_f64() {
        Some(real) if value.as_i128().is_none() => format!("{:?}", if real == 0.0 { 0.0 } else { real }),
        _ => value.to_string(),
    }
}

/// Steps to round down to, for the library and for the evaluator.
#[derive(Clone, Copy, Debug)]
struct Steps {
    step: Step,
    /// In days or microseconds, where they are a time.
    whole: i128,
    real: f64,
}

impl Steps {
    /// `None` for types without steps, and now and then.
    fn random(random: &mut Random, ty: Type) -> Option<Steps> {
        if random.one_in(3) {
            return None;
        }
        let time = |whole: u64, unit: Duration| {
            Some(Steps { step: (unit * whole as u32).into(), whole: whole.into(), real: 0.0 })
        };
        match ty {
            Type::Date => time(random.of(&[1, 2, 7]), Duration::from_hours(24)),
            Type::Timestamp => time(random.of(&[1, 1000, 3_600_000_000]), Duration::from_micros(1)),
            Type::F32 | Type::F64 => {
                // Exact in binary, so that the evaluator is simple.
                let real = random.of(&[0.25, 0.5, 2.0, 3.0]);
                Some(Steps { step: real.into(), whole: 0, real })
            }
            ty if ty.is_number() => {
                let whole = random.of(&[1, 2, 3, 10, 127, 300, 1 << 40]);
                Some(Steps { step: whole.into(), whole, real: 0.0 })
            }
            _ => None,
        }
    }

    /// `None` if it is beyond the type.
    fn floor(&self, field: &FieldDef, value: &Value<'_>) -> Option<Value<'static>> {
        let whole = |number: i128| number.div_euclid(self.whole).checked_mul(self.whole);
        let floor = match value {
            Value::Signed(number) => Value::Signed(whole(*number)?),
            Value::Unsigned(number) => {
                Value::Unsigned(whole((*number).try_into().unwrap())?.try_into().unwrap())
            }
            Value::Date(date) => Value::Date(Date::from_days(whole(date.days().into())?.try_into().ok()?)),
            Value::Timestamp(at) => {
                Value::Timestamp(Timestamp::from_micros(whole(at.micros().into())?.try_into().ok()?))
            }
            Value::F32(real) => Value::F32(((f64::from(*real) / self.real).floor() * self.real) as f32),
            Value::F64(real) => Value::F64((real / self.real).floor() * self.real),
            other => other.clone().into_owned(),
        };
        // Null is reserved as well.
        let schema = drystone::Schema::new(vec![field.clone()]).unwrap();
        let schema = if schema.is_keyed() { schema.with_key::<&str>(&[]).unwrap() } else { schema };
        RowBuf::from_values(&schema, [floor.clone()]).is_ok().then_some(floor)
    }
}

#[test]
fn random_groups_give_what_a_map_gives() {
    let (mut beyond, mut floors) = (0, 0);
    for seed in 2000..2120 {
        let mut random = Random::new(seed);
        let schema = schema(&mut random);
        let db = database(&mut random, &schema);
        let read = db.read().unwrap();
        let table = read.table::<Dyn>("t").unwrap();
        let mut by: Vec<(&FieldDef, Option<Steps>)> = Vec::new();
        for field in schema.fields().iter().take(3) {
            if random.one_in(2) {
                by.push((field, Steps::random(&mut random, field.ty().clone())));
            }
        }
        let field = &schema.fields()[random.below(schema.fields().len())];
        let (of, is_number) = (field.name(), field.ty().is_number());
        let is_wide = matches!(field.ty(), Type::I128 | Type::U128);

        let mut groups: BTreeMap<Vec<String>, Vec<Value<'_>>> = BTreeMap::new();
        if by.is_empty() {
            groups.insert(Vec::new(), Vec::new());
        }
        let mut is_beyond = false;
        for row in table.iter().map(Result::unwrap) {
            let key = by.iter().map(|(field, steps)| {
                let value = row.get(field.name()).unwrap();
                let floor = match steps {
                    None => Some(value),
                    Some(steps) => steps.floor(field, &value),
                };
                is_beyond |= floor.is_none();
                floor.map_or("beyond".into(), |value| name(&value))
            });
            groups.entry(key.collect()).or_default().push(row.get(of).unwrap());
        }
        let exprs = by.iter().map(|(field, steps)| match steps {
            None => Expr::from(field.name()),
            Some(steps) => floor(field.name(), steps.step),
        });
        let query = table.query().group_by(exprs);
        if is_beyond {
            let error = query.run().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Limit, "seed {seed}: ({schema}) {error}");
            beyond += 1;
            continue;
        }
        floors += usize::from(by.iter().any(|(_, steps)| steps.is_some()));
        let mut aggregates =
            vec![count(), count_of(of), min(of), max(of), count_distinct(of), first(of), last(of)];
        if is_number && !is_wide {
            aggregates.extend([sum(of), mean(of)]);
        }
        let rows = query.aggregate(aggregates).run().unwrap();
        assert_eq!(rows.len(), groups.len(), "seed {seed}: ({schema}) by {by:?}");
        for row in &rows {
            let key: Vec<String> = (0..by.len()).map(|at| name(&row.get(at).unwrap())).collect();
            let values = &groups[&key];
            let known: Vec<&Value<'_>> = values.iter().filter(|value| !value.is_null()).collect();
            let place = format!("seed {seed}: ({schema}) by {by:?} of {of}: {row}");
            let computed = |at: usize| row.get(by.len() + at).unwrap();
            assert_eq!(computed(0), values.len() as u64, "{place}");
            assert_eq!(computed(1), known.len() as u64, "{place}");
            let least = known.iter().min_by(|a, b| order(a, b));
            let greatest = known.iter().max_by(|a, b| order(a, b));
            assert_eq!(name(&computed(2)), least.map_or("null".into(), |value| name(value)), "{place}");
            assert_eq!(name(&computed(3)), greatest.map_or("null".into(), |value| name(value)), "{place}");
            let distinct: BTreeSet<String> = known.iter().map(|value| name(value)).collect();
            assert_eq!(computed(4), distinct.len() as u64, "{place}");
            assert_eq!(name(&computed(5)), values.first().map_or("null".into(), name), "{place}");
            assert_eq!(name(&computed(6)), values.last().map_or("null".into(), name), "{place}");
            if !is_number || is_wide {
                continue;
            }
            let computed = |at: usize| row.get(by.len() + 3 + at).unwrap();
            if known.is_empty() {
                assert!(computed(4).is_null() && computed(5).is_null(), "{place}");
            } else if known[0].as_i128().is_some() {
                let sum: i128 = known.iter().filter_map(|value| value.as_i128()).sum();
                assert_eq!(computed(4).as_i128(), Some(sum), "{place}");
                if sum.unsigned_abs() < 1 << 53 {
                    assert_eq!(computed(5), sum as f64 / known.len() as f64, "{place}");
                }
            } else {
                let reals: Vec<f64> = known.iter().filter_map(|value| value.as_f64()).collect();
                let sum = exact_sum(&reals);
                let got = computed(4).as_f64().unwrap();
                assert!(got == sum || got.is_nan() && sum.is_nan(), "{place}: {sum}");
            }
        }
    }
    assert!(beyond > 5 && floors > 20, "{beyond} beyond their type, {floors} with floors");
}

/// The sum of floats by Shewchuk's expansions, as in Python's `fsum`: another way to the same
/// number.
fn exact_sum(reals: &[f64]) -> f64 {
    let special: f64 = reals.iter().filter(|real| !real.is_finite()).sum();
    if reals.iter().any(|real| !real.is_finite()) {
        return special;
    }
    let mut parts: Vec<f64> = Vec::new();
    for real in reals {
        let mut real = *real;
        let mut kept = Vec::new();
        for part in &parts {
            let (large, small) = if real.abs() > part.abs() { (real, *part) } else { (*part, real) };
            let high = large + small;
            let low = small - (high - large);
            if low != 0.0 {
                kept.push(low);
            }
            real = high;
        }
        kept.push(real);
        parts = kept;
    }
    let mut parts = parts.into_iter().rev();
    let mut high = parts.next().unwrap_or(0.0);
    let mut low = 0.0;
    for part in parts.by_ref() {
        let before = high;
        high = before + part;
        low = part - (high - before);
        if low != 0.0 {
            break;
        }
    }
    if let Some(next) = parts.next()
        && (low < 0.0 && next < 0.0 || low > 0.0 && next > 0.0)
    {
        let doubled = low * 2.0;
        let rounded = high + doubled;
        if doubled == rounded - high {
            high = rounded;
        }
    }
    high
}

#[test]
fn distinct_gives_each_row_once() {
    for seed in 3000..3030 {
        let mut random = Random::new(seed);
        let schema = schema(&mut random);
        let db = database(&mut random, &schema);
        let read = db.read().unwrap();
        let table = read.table::<Dyn>("t").unwrap();
        let fields: Vec<&str> = schema.fields().iter().map(|field| field.name()).take(2).collect();
        let mut rows: Vec<Vec<Value<'_>>> = table
            .iter()
            .map(|row| fields.iter().map(|field| row.as_ref().unwrap().get(*field).unwrap()).collect())
            .collect();
        let by_all = |a: &Vec<Value<'_>>, b: &Vec<Value<'_>>| {
            a.iter().zip(b).map(|(a, b)| order(a, b)).fold(Ordering::Equal, Ordering::then)
        };
        rows.sort_by(by_all);
        rows.dedup_by(|a, b| by_all(a, b).is_eq());
        let got = table.query().select(fields.iter().copied()).distinct().run().unwrap();
        assert_eq!(got.len(), rows.len(), "seed {seed}: ({schema})");
        for (got, wanted) in got.iter().zip(&rows) {
            let got: Vec<String> = got.values().map(|value| name(&value.unwrap())).collect();
            assert_eq!(got, wanted.iter().map(name).collect::<Vec<_>>(), "seed {seed}: ({schema})");
        }
    }
}

#[test]
fn results_can_be_loaded_into_a_table() {
    let db = super::table(
        "carrier: str[2], delay: i16?",
        &[&["UA".into(), 5.into()], &["AA".into(), 7.into()], &["UA".into(), 9.into()]],
    );
    let read = db.read().unwrap();
    let rows = read
        .table::<Dyn>("t")
        .unwrap()
        .query()
        .group_by(["carrier"])
        .aggregate([max("delay").named("worst")]);
    let rows = rows.run().unwrap();
    let write = db.write().unwrap();
    let schema = rows.schema().with_key(&["carrier"]).unwrap();
    assert_eq!(schema.to_string(), "carrier: str[2] key, worst: i16?");
    let mut worst = write.create_dyn_table("worst", &schema).unwrap();
    let options = LoadOptions::new().on_duplicate(OnDuplicate::Error);
    assert_eq!(worst.load_from(&mut rows.source(), &options).unwrap().rows, 2);
    assert_eq!(worst.get(&["UA".into()]).unwrap().unwrap().get("worst").unwrap(), 9);
}
