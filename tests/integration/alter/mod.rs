//! Changes of a table's schema: what becomes of rows, indexes and defaults, what is refused, and
//! that a call that fails leaves the table as it was.

mod random;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use drystone::{
    Database, Dyn, Error, ErrorKind, FieldDef, IndexOptions, Record, Result, RowBuf, Schema, TableOptions,
    Text, Type, WriteTransaction,
};

use crate::temp::{TempDb, assert_sound};

const KEYED: &str =
    "id: u32 key, part: i16 key, x: i32 = 5, note: str[8]?, side: enum[buy, sell]?, real: f64";
const PLAIN: &str = "x: i32 = 5, note: str[8]?, side: enum[buy, sell]?, real: f64, id: u32";

/// Row `n` of either schema.
fn row(schema: &Schema, n: u32) -> RowBuf {
    let mut row = RowBuf::new(schema);
    row.set("id", n / 2).unwrap();
    if schema.is_keyed() {
        row.set("part", (n % 2) as i16 - 1).unwrap();
    }
    row.set("x", (n % 100) as i32).unwrap();
    row.set("real", f64::from(n) / 2.0).unwrap();
    if !n.is_multiple_of(5) {
        row.set("note", format!("n{}", n % 7)).unwrap();
    }
    if !n.is_multiple_of(3) {
        row.set("side", ["buy", "sell"][n as usize % 2]).unwrap();
    }
    row
}

/// A table of rows, with an index on `note` and `x`, and one on `id`.
fn table(write: &WriteTransaction, name: &str, schema: &str, rows: u32) {
    let schema: Schema = schema.parse().unwrap();
    let mut table = write.create_dyn_table(name, &schema).unwrap();
    table.load((0..rows).map(|n| row(&schema, n))).unwrap();
    drop(table);
    write.create_index(name, &format!("{name} by note"), &["note", "x"]).unwrap();
    write.create_index(name, &format!("{name} by id"), &["id"]).unwrap();
}

/// A database with a table of each kind.
fn tables(rows: u32) -> TempDb {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    table(&write, "keyed", KEYED, rows);
    table(&write, "plain", PLAIN, rows);
    write.commit().unwrap();
    temp
}

/// The rows of a table as text.
fn text(write: &WriteTransaction, name: &str) -> Vec<String> {
    let table = write.table::<Dyn>(name).unwrap();
    let rows = table.iter().map(|row| row.unwrap().to_string());
    std::iter::once(table.schema().to_string()).chain(rows).collect()
}

fn committed(db: &Database, name: &str) -> (String, Vec<String>) {
    let read = db.read().unwrap();
    let table = read.table::<Dyn>(name).unwrap();
    (table.schema().to_string(), table.iter().map(|row| row.unwrap().to_string()).collect())
}

/// Makes a change of both tables, with few and many rows and none. Afterwards the schema is the one
/// that is expected, each row is what `expected` makes of it, and a snapshot still has the old
/// ones.
#[track_caller]
fn check(
    change: impl Fn(&WriteTransaction, &str) -> Result<u64>,
    schema: impl Fn(&str) -> String,
    expected: impl Fn(u32, &mut RowBuf),
    writes: bool,
) {
    for rows in [0, 1, 1000] {
        let temp = tables(rows);
        let db = temp.open();
        let old = db.read().unwrap();
        let mut before = Vec::new();
        for (name, text) in [("keyed", KEYED), ("plain", PLAIN)] {
            before.push(committed(&db, name));
            let write = db.write().unwrap();
            let written = change(&write, name).unwrap();
            assert_eq!(written, if writes { rows.into() } else { 0 });
            write.commit().unwrap();
            let new: Schema = schema(text).parse().unwrap();
            let (found_schema, found) = committed(&db, name);
            assert_eq!(found_schema, new.to_string());
            let rows = (0..rows).map(|n| {
                let mut row = RowBuf::new(&new);
                expected(n, &mut row);
                row.to_string()
            });
            assert!(found.into_iter().eq(rows), "{name}");
        }
        for (name, (schema, rows)) in ["keyed", "plain"].iter().zip(before) {
            let table = old.table::<Dyn>(name).unwrap();
            assert_eq!(table.schema().to_string(), schema);
            assert!(table.iter().map(|row| row.unwrap().to_string()).eq(rows));
        }
        assert_sound(&db);
        drop((old, db));
        let db = temp.open();
        assert_sound(&db);
        for name in ["keyed", "plain"] {
            let read = db.read().unwrap();
            let by_id = read.table::<Dyn>(name).unwrap().index(&format!("{name} by id")).unwrap();
            assert_eq!(by_id.len(), u64::from(rows));
            if rows > 700 {
                assert_eq!(by_id.prefix(&[350.into()]).unwrap().len(), 2);
            }
        }
    }
}

/// Copies the fields that both have under one name.
fn copy(n: u32, into: &mut RowBuf, renamed: Option<(&str, &str)>) {
    let schema: Schema =
        if into.schema().is_keyed() { KEYED.parse().unwrap() } else { PLAIN.parse().unwrap() };
    for (name, value) in row(&schema, n).iter() {
        let name = renamed.filter(|(old, _)| *old == name).map_or(name, |(_, new)| new);
        if into.schema().position(name).is_some() {
            into.set(name, value.unwrap()).unwrap();
        }
    }
}

#[test]
fn a_field_is_renamed_without_a_look_at_the_rows() {
    for (old, new) in [("x", "row"), ("note", "a note"), ("id", "number"), ("real", "r")] {
        // The index on the number of rows calls it `row_` where a field has that name.
        let renamed = |text: &str| {
            text.replace(
                &format!("{old}: "),
                &format!("{}: ", FieldDef::new(new, Type::U8).unwrap().to_string().trim_end_matches(": u8")),
            )
        };
        check(
            |write, table| write.rename_field(table, old, new),
            renamed,
            |n, row| copy(n, row, Some((old, new))),
            false,
        );
    }
}

#[test]
fn a_field_is_dropped_appended_and_moved() {
    check(
        |write, table| write.drop_field(table, "real"),
        |text| text.replace(", real: f64", ""),
        |n, row| copy(n, row, None),
        true,
    );
    check(
        |write, table| write.drop_field(table, "side"),
        |text| text.replace(", side: enum[buy, sell]?", ""),
        |n, row| copy(n, row, None),
        true,
    );
    let field = || FieldDef::new("new", Type::I16).unwrap().default_text("-7").unwrap();
    check(
        |write, table| write.append_field(table, field()),
        |text| format!("{text}, new: i16 = -7"),
        |n, row| copy(n, row, None),
        true,
    );
    let reordered = |text: &str| match text == KEYED {
        true => "part: i16 key, id: u32 key, real: f64, x: i32 = 5, note: str[8]?, side: enum[buy, sell]?",
        false => "real: f64, id: u32, x: i32 = 5, note: str[8]?, side: enum[buy, sell]?",
    };
    // The order of the rows is checked below, where the key changes its order.
    check(
        |write, table| {
            let names: Vec<&str> = if table == "keyed" {
                vec!["id", "part", "real", "x", "note", "side"]
            } else {
                vec!["real", "id", "x", "note", "side"]
            };
            write.reorder(table, &names)
        },
        |text| reordered(text).replace("part: i16 key, id: u32 key", "id: u32 key, part: i16 key"),
        |n, row| copy(n, row, None),
        true,
    );
}

#[test]
fn types_change_where_values_are_kept() {
    let cases = [
        ("x", "u8", true),
        ("x", "i64", true),
        ("x", "f32", true),
        ("x", "str[2]", true),
        ("id", "u16", true),
        ("id", "i64", true),
        ("id", "u128", true),
        ("note", "str[2]", true),
        ("note", "str[100]", true),
        ("note", "enum[n0, n1, n2, n3, n4, n5, n6, zero]", true),
        ("side", "str[4]", true),
        ("side", "enum[hold, sell, buy]", true),
        ("real", "f32", true),
        ("real", "str[6]", true),
        ("real", "f64", false),
    ];
    for (field, ty, writes) in cases {
        let old = |schema: &Schema| schema.field(field).unwrap().ty().to_string();
        check(
            |write, table| write.change_type(table, field, ty.parse::<Type>().unwrap()),
            |text| {
                let old = old(&text.parse().unwrap());
                text.replace(&format!("{field}: {old}"), &format!("{field}: {ty}"))
                    .replace("= 5", if ty.starts_with("str") && field == "x" { "= '5'" } else { "= 5" })
                    .replace('\'', "\"")
            },
            |n, row| {
                let is_text = ty.starts_with("str") && ["x", "real"].contains(&field);
                if is_text {
                    let schema: Schema = if row.schema().is_keyed() { KEYED } else { PLAIN }.parse().unwrap();
                    let old = self::row(&schema, n);
                    for (name, value) in old.iter() {
                        let value = value.unwrap();
                        match name == field {
                            true => row.set(name, value.to_string()).unwrap(),
                            false => row.set(name, value).unwrap(),
                        }
                    }
                } else {
                    copy(n, row, None);
                }
            },
            writes,
        );
    }
}

#[test]
fn null_is_allowed_and_forbidden() {
    check(
        |write, table| write.set_nullable(table, "x", true),
        |text| text.replace("x: i32", "x: i32?"),
        |n, row| copy(n, row, None),
        false,
    );
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    table(&write, "keyed", KEYED, 100);
    let before = text(&write, "keyed");
    let error = write.set_nullable("keyed", "note", false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Value);
    let message = "table \"keyed\": row (0, -1): field \"note\": it is null, and str[8] has no null";
    assert!(error.to_string().starts_with(message), "{error}");
    assert_eq!(write.set_nullable("keyed", "id", true).unwrap_err().kind(), ErrorKind::Schema);
    assert_eq!(text(&write, "keyed"), before);
    let mut keyed = write.table::<Dyn>("keyed").unwrap();
    for n in (0..100).step_by(5) {
        keyed.update(&[(n / 2).into(), (n % 2 - 1).into()], |row| row.set("note", "none")).unwrap();
    }
    let last: &[drystone::Value<'_>] = &[49.into(), 0.into()];
    keyed.update(last, |row| row.set("x", i32::MIN)).unwrap();
    drop(keyed);
    assert_eq!(write.set_nullable("keyed", "note", false).unwrap(), 0);
    let error = write.set_nullable("keyed", "x", true).unwrap_err();
    assert!(
        error.to_string().contains("row (49, 0): field \"x\": -2147483648 is not a valid i32?"),
        "{error}"
    );
    assert!(text(&write, "keyed")[0].contains("note: str[8], side"));
    // A default of null goes.
    write.append_field("keyed", "n: u8? = null".parse::<Schema>().unwrap().fields()[0].clone()).unwrap();
    let mut keyed = write.table::<Dyn>("keyed").unwrap();
    for n in 0..100 {
        keyed.update(&[(n / 2).into(), (n % 2 - 1).into()], |row| row.set("n", 1)).unwrap();
    }
    drop(keyed);
    write.set_nullable("keyed", "n", false).unwrap();
    assert!(text(&write, "keyed")[0].ends_with("n: u8"));
    write.commit().unwrap();
    assert_sound(&db);
}

#[test]
fn names_are_added_to_an_enumeration() {
    check(
        |write, table| write.add_names(table, "side", &["hold", "at once"]),
        |text| text.replace("[buy, sell]", "[buy, sell, hold, \"at once\"]"),
        |n, row| copy(n, row, None),
        false,
    );
    let many: Vec<String> = (0..300).map(|n| format!("n{n}")).collect();
    check(
        |write, table| write.add_names(table, "side", &many),
        |text| text.replace("[buy, sell]", &format!("[buy, sell, {}]", many.join(", "))),
        |n, row| copy(n, row, None),
        true,
    );
    // As a key field, with an index on it.
    for more in [10, 300] {
        let db = Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let schema: Schema = "side: enum[z, a] key, n: u32 key".parse().unwrap();
        let mut sides = write.create_dyn_table("sides", &schema).unwrap();
        sides
            .load((0..500_u32).map(|n| {
                RowBuf::from_values(&schema, [drystone::Value::from(["z", "a"][n as usize % 2]), n.into()])
                    .unwrap()
            }))
            .unwrap();
        drop(sides);
        write.create_index("sides", "by n", &["n"]).unwrap();
        let names: Vec<String> = (0..more).map(|n| format!("n{n}")).collect();
        assert_eq!(write.add_names("sides", "side", &names).unwrap(), if more == 10 { 0 } else { 500 });
        let mut sides = write.table::<Dyn>("sides").unwrap();
        assert_eq!(sides.prefix(&["a".into()]).unwrap().len(), 250);
        sides
            .insert(&RowBuf::from_values(sides.schema(), [drystone::Value::from("n9"), 1.into()]).unwrap())
            .unwrap();
        assert_eq!(sides.index("by n").unwrap().prefix(&[1.into()]).unwrap().len(), 2);
        drop(sides);
        write.commit().unwrap();
        assert_sound(&db);
    }
}

#[test]
fn a_key_that_changes_is_sorted_again() {
    let temp = TempDb::new();
    let db = temp.open();
    let mut write = db.write().unwrap();
    // Runs go to temporary files.
    write.set_memory_bytes(1 << 20);
    table(&write, "keyed", KEYED, 100_000);
    write.reorder("keyed", &["part", "id", "x", "note", "side", "real"]).unwrap();
    let keyed = write.table::<Dyn>("keyed").unwrap();
    assert!(keyed.schema().to_string().starts_with("part: i16 key, id: u32 key, x"));
    assert_eq!(keyed.prefix(&[(-1).into()]).unwrap().len(), 50_000);
    let found = keyed.get(&[0.into(), 41.into()]).unwrap().unwrap();
    assert_eq!(found.get("real").unwrap(), 41.5);
    drop(keyed);
    // 10 comes before 9 in a text.
    write.change_type("keyed", "id", Type::Str(5)).unwrap();
    let keyed = write.table::<Dyn>("keyed").unwrap();
    let ids: Vec<String> =
        keyed.iter().take(4).map(|row| row.unwrap().get("id").unwrap().to_string()).collect();
    assert_eq!(ids, ["0", "1", "10", "100"]);
    assert_eq!(keyed.index("keyed by id").unwrap().prefix(&["10".into()]).unwrap().len(), 2);
    drop(keyed);
    write.commit().unwrap();
    assert_sound(&db);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let temp = tables(300);
    let db = temp.open();
    let write = db.write().unwrap();
    let before = [text(&write, "keyed"), text(&write, "plain")];
    let refused = |result: Result<u64>, kind, words: &str| {
        let error = result.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(words), "{error:?}");
        assert_eq!([text(&write, "keyed"), text(&write, "plain")], before);
    };
    use ErrorKind::{AlreadyExists, FieldNotFound, Schema, TableNotFound, Usage, Value};
    refused(
        write.rename_field("keyed", "x", "note"),
        AlreadyExists,
        "table \"keyed\": there is a field \"note\" already",
    );
    refused(write.rename_field("keyed", "y", "z"), FieldNotFound, "no field \"y\"");
    refused(write.rename_field("none", "y", "z"), TableNotFound, "no table \"none\"");
    refused(write.rename_field("keyed", "x", ""), Schema, "needs a name");
    refused(write.drop_field("keyed", "part"), Schema, "\"part\" is part of the key");
    refused(
        write.drop_field("plain", "note"),
        Schema,
        "field \"note\" is in index \"plain by note\"; drop that first, with drop_index",
    );
    refused(write.drop_field("plain", "nothing"), FieldNotFound, "\"nothing\"");
    refused(write.reorder("plain", &["x", "id"]), Schema, "lacks \"note\", \"side\", \"real\"");
    refused(write.reorder("plain", &["x", "x"]), Schema, "\"x\" is named twice");
    refused(write.reorder("plain", &["y"]), FieldNotFound, "no field \"y\"");
    refused(
        write.reorder("keyed", &["id", "x", "part", "note", "side", "real"]),
        Schema,
        "\"part\" is part of the key, and the fields of the key come first: \"id\", \"part\"",
    );
    refused(write.add_names("plain", "side", &["buy"]), Schema, "twice");
    refused(write.add_names("plain", "x", &["buy"]), Schema, "only enumerations have names");
    refused(write.change_type("plain", "real", Type::I64), Value, "row 1: field \"real\": 0.5 is not a");
    refused(write.change_type("keyed", "id", Type::I8), Value, "row (128, -1): field \"id\": 128 is not");
    refused(write.change_type("plain", "note", Type::Str(1)), Value, "row 1: field \"note\"");
    refused(write.change_type("plain", "note", Type::F64), Value, "row 1: field \"note\": \"n1\" is not");
    refused(
        write.change_type("keyed", "note", "enum[n1, n2]".parse::<Type>().unwrap()),
        Value,
        "row (1, 0): field \"note\"",
    );
    let array = Type::Array(drystone::Number::I32, 2);
    refused(write.change_type("keyed", "id", &array), Schema, "cannot be a key");
    refused(write.change_type("plain", "x", Type::Bool), Value, "field \"x\": 5 is not a valid bool");
    refused(write.append_field("plain", FieldDef::new("x", Type::U8).unwrap()), Schema, "another field");
    refused(
        write.append_field("plain", FieldDef::new("y", Type::U8).unwrap()),
        Schema,
        "declare it with a default",
    );
    let wide: drystone::Schema = "x: bytes[8], note: i32[2], id: u32".parse().unwrap();
    refused(
        write.rewrite_dyn_table("plain", &wide, |_| Ok(RowBuf::new(&wide))),
        Schema,
        "index \"plain by note\" cannot be kept: ",
    );
    let none: drystone::Schema = "y: u8".parse().unwrap();
    refused(
        write.rewrite_dyn_table("plain", &none, |_| Ok(RowBuf::new(&none))),
        Schema,
        "index \"plain by note\" cannot be kept: no field \"note\"",
    );
    let taken = write.table::<Dyn>("plain").unwrap();
    assert_eq!(write.rename_field("plain", "x", "y").unwrap_err().kind(), Usage);
    drop(taken);
    write.commit().unwrap();
    assert_sound(&db);
}

#[test]
fn values_are_kept_exactly_or_not_at_all() {
    let try_it = |from: &str, value: &str, to: &str| -> Result<String> {
        let schema: Schema = format!("v: {from}").parse().unwrap();
        let db = Database::in_memory().unwrap();
        let write = db.write().unwrap();
        let mut row = RowBuf::new(&schema);
        if value != "null" {
            row.set_text("v", value).unwrap();
        }
        write.create_dyn_table("t", &schema).unwrap().push(&row).unwrap();
        write.change_type("t", "v", to.parse::<Type>().unwrap())?;
        let table = write.table::<Dyn>("t").unwrap();
        Ok(table.first().unwrap().unwrap().get("v").unwrap().to_string())
    };
    for (from, value, to, expected) in [
        ("f64", "0.5", "f32", "0.5"),
        ("f64", "NaN", "f32", "NaN"),
        ("f32", "-0", "f64", "-0"),
        ("f64", "16777216", "f32", "16777216"),
        ("i64", "9007199254740992", "f64", "9007199254740992"),
        ("f64", "-3", "i8", "-3"),
        ("u8?", "null", "i128", "null"),
        ("str[10]?", "null", "date", "null"),
        ("str[10]", "2013-01-31", "date", "2013-01-31"),
        ("date", "2013-01-31", "str[10]", "2013-01-31"),
        ("str[4]", "-12", "i16", "-12"),
        ("bool", "true", "str[5]", "true"),
        ("enum[1, 2]", "2", "u8", "2"),
        ("u8", "2", "enum[1, 2]", "2"),
        ("i16[2]", "[1, -2]", "i64[2]", "[1, -2]"),
        ("f64[2]", "[0.5, 2]", "f32[2]", "[0.5, 2]"),
        ("f64[2]", "[NaN, 2]", "f32[2]", "[NaN, 2]"),
    ] {
        assert_eq!(try_it(from, value, to).unwrap(), expected, "{from} to {to}");
    }
    for (from, value, to) in [
        ("f64", "0.1", "f32"),
        ("f64", "1e300", "f32"),
        ("f64", "-0", "i8"),
        ("i64", "9007199254740993", "f64"),
        ("u64", "18446744073709551615", "f32"),
        ("u16?", "255", "u8"),
        ("str[4]", "007", "u8"),
        ("str[4]", "", "u8"),
        ("str[20]", "2013-01-31 10:00:00", "timestamp"),
        ("f64[2]", "[0.1, 2]", "f32[2]"),
        ("i16[2]", "[1, 2]", "i16[3]"),
        ("bool", "true", "u8"),
        ("bytes[2]", "0x0102", "bytes[3]"),
        ("date", "2013-01-31", "timestamp"),
    ] {
        let error = try_it(from, value, to).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Value, "{error}");
        assert!(error.to_string().starts_with("table \"t\": row 0: field \"v\": "), "{error}");
    }
    let error = try_it("f64", "0.1", "f32").unwrap_err().to_string();
    assert!(error.contains("0.1 is not kept exactly by f32: it would become 0.1"), "{error}");
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Old {
    #[record(key)]
    id: u32,
    x: i32,
    name: Text<8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct New {
    #[record(key)]
    name: Text<8>,
    x: i64,
}

fn old(id: u32) -> Old {
    Old { id, x: (id % 10) as i32, name: Text::new(&format!("n{}", id * 7919 % 100_003)).unwrap() }
}

fn new(old: &Old) -> New {
    New { name: old.name, x: i64::from(old.x) * 2 }
}

fn olds(db: &Database, rows: u32) {
    let write = db.write().unwrap();
    write.create_table::<Old>("t").unwrap().load((0..rows).map(old)).unwrap();
    write.create_index("t", "by x", &["x"]).unwrap();
    write.create_index_with("t", "by name", &["name"], &IndexOptions::new().unique(true)).unwrap();
    write.commit().unwrap();
}

#[test]
fn rows_become_other_records() {
    let temp = TempDb::new();
    let db = temp.open();
    olds(&db, 30_000);
    let before = db.read().unwrap();
    let mut write = db.write().unwrap();
    write.set_memory_bytes(1 << 20);
    assert_eq!(write.rewrite_table::<Old, New>("t", new).unwrap(), 30_000);
    let mut table = write.table::<New>("t").unwrap();
    let mut expected: Vec<New> = (0..30_000).map(|id| new(&old(id))).collect();
    expected.sort_by_key(|row| row.name);
    assert!(table.iter().map(|row| *row.unwrap()).eq(expected.iter().copied()));
    assert_eq!(table.index("by x").unwrap().prefix(18_i64).unwrap().len(), 3000);
    let one = expected[7];
    table.remove(one.name).unwrap();
    table.insert(&one).unwrap();
    drop(table);
    write.commit().unwrap();
    assert!(before.table::<Old>("t").unwrap().iter().map(|row| *row.unwrap()).eq((0..30_000).map(old)));
    drop(before);
    assert_sound(&db);
    // Back again, from rows known at run time; then without a key.
    let write = db.write().unwrap();
    write
        .try_rewrite_table::<Dyn, Old>("t", |row| {
            let name = String::try_from(row.get("name")?)?;
            let x = i32::try_from(row.get("x")?)? / 2;
            let id = (0..).find(|id| id * 7919 % 100_003 == name[1..].parse::<u64>().unwrap()).unwrap_or(0);
            Ok(Old { id: id as u32, x, name: Text::new(&name)? })
        })
        .unwrap();
    assert!(write.table::<Old>("t").unwrap().iter().map(|row| *row.unwrap()).eq((0..30_000).map(old)));
    let schema: Schema = "x: u8, name: str[8]".parse().unwrap();
    write
        .rewrite_dyn_table("t", &schema, |row| {
            RowBuf::from_values(&schema, [row.get("x")?, row.get("name")?])
        })
        .unwrap();
    let table = write.table::<Dyn>("t").unwrap();
    assert_eq!(table.get(&[29_999.into()]).unwrap().unwrap().get("x").unwrap(), 9);
    assert_eq!(table.index("by name").unwrap().get(&["n7919".into()]).unwrap().unwrap().get("x").unwrap(), 1);
    drop(table);
    write.commit().unwrap();
    drop(db);
    assert_sound(&temp.open());
}

#[test]
fn a_conversion_that_fails_or_panics_changes_nothing() {
    let db = Database::in_memory().unwrap();
    olds(&db, 2000);
    let write = db.write().unwrap();
    // An edit before, which must stay.
    let extra = Old { id: 5000, x: 3, name: Text::new("extra").unwrap() };
    write.table::<Old>("t").unwrap().insert(&extra).unwrap();
    let is_whole = || {
        let table = write.table::<Old>("t").unwrap();
        assert!(table.iter().map(|row| *row.unwrap()).eq((0..2000).map(old).chain([extra])));
        assert_eq!(table.index("by x").unwrap().prefix(3).unwrap().len(), 201);
    };
    for at in [0, 1, 1999, 2000] {
        let mut calls = 0;
        let error = write
            .try_rewrite_table::<Old, New>("t", |row| {
                calls += 1;
                if calls > at { Err(Error::new(ErrorKind::Limit, "enough")) } else { Ok(new(row)) }
            })
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        let id = if at == 2000 { 5000 } else { at };
        assert_eq!(error.to_string(), format!("table \"t\": row ({id}): enough"));
        is_whole();
        let mut calls = 0;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            write.rewrite_table::<Old, New>("t", |row| {
                calls += 1;
                if calls > at {
                    resume_unwind(Box::new("enough"));
                }
                new(row)
            })
        }));
        assert!(panicked.is_err());
        is_whole();
    }
    // Two rows of one key; two rows of one value in a unique index; a row that is no such record.
    let error = write.rewrite_table::<Old, New>("t", |row| New {
        x: 0,
        name: Text::new(&(row.id % 1999).to_string()).unwrap(),
    });
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyExists);
    assert!(
        error.to_string().contains("comes twice: at row (0) and at row (1999); the rows must have"),
        "{error}"
    );
    is_whole();
    let error = write.rewrite_table::<Old, Old>("t", |row| Old { name: Text::new("same").unwrap(), ..*row });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::KeyExists);
    is_whole();
    assert_eq!(write.rewrite_table::<New, New>("t", |row| *row).unwrap_err().kind(), ErrorKind::Schema);
    // The table is taken while it is rewritten.
    let error = write.try_rewrite_table::<Old, New>("t", |row| write.table::<Old>("t").map(|_| new(row)));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Usage);
    is_whole();
    write.rewrite_table::<Old, New>("t", new).unwrap();
    write.commit().unwrap();
    assert_sound(&db);
}

#[test]
fn a_leaf_size_that_was_chosen_stays_where_it_can() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let schema: Schema = "a: u64, b: u64, c: u64".parse().unwrap();
    write.create_dyn_table_with("t", &schema, &TableOptions::new().leaf_rows(512)).unwrap();
    let mut table = write.table::<Dyn>("t").unwrap();
    table.load((0..5000_u64).map(|n| RowBuf::from_values(&schema, [n, n, n]).unwrap())).unwrap();
    drop(table);
    write.drop_field("t", "b").unwrap();
    write.commit().unwrap();
    assert_eq!(db.read().unwrap().table::<Dyn>("t").unwrap().stats().unwrap().leaf_rows, 512);
    let write = db.write().unwrap();
    // A leaf of 512 bytes would be too small.
    write.drop_field("t", "c").unwrap();
    write.change_type("t", "a", Type::U16).unwrap();
    write.commit().unwrap();
    assert!(db.read().unwrap().table::<Dyn>("t").unwrap().stats().unwrap().leaf_rows >= 2048);
    assert_sound(&db);
}

#[test]
fn a_change_can_be_made_after_another_and_undone() {
    let temp = tables(500);
    let db = temp.open();
    let before = [committed(&db, "keyed"), committed(&db, "plain")];
    let change = |write: &WriteTransaction, name: &str| {
        write.rename_field(name, "x", "y").unwrap();
        write.change_type(name, "y", Type::U8).unwrap();
        write.drop_field(name, "real").unwrap();
        write.rename_table(name, "other").unwrap();
        write.add_names("other", "side", &["hold"]).unwrap();
        let mut other = write.table::<Dyn>("other").unwrap();
        let key: &[drystone::Value<'_>] = if name == "keyed" { &[3.into(), 0.into()] } else { &[7.into()] };
        other.update(key, |row| row.set("side", "hold")).unwrap();
        assert_eq!(other.index(&format!("{name} by note")).unwrap().fields()[1].name(), "y");
        drop(other);
        write.compact_table("other").unwrap();
        write.rename_table("other", name).unwrap();
        write.set_nullable(name, "y", true).unwrap();
    };
    let write = db.write().unwrap();
    change(&write, "keyed");
    change(&write, "plain");
    drop(write);
    assert_eq!([committed(&db, "keyed"), committed(&db, "plain")], before);
    assert_sound(&db);
    let write = db.write().unwrap();
    change(&write, "keyed");
    change(&write, "plain");
    write.commit().unwrap();
    assert_sound(&db);
    let (schema, rows) = committed(&db, "plain");
    assert_eq!(schema, "y: u8? = 5, note: str[8]?, side: enum[buy, sell, hold]?, id: u32");
    assert_eq!(rows[7], "y: 7, note: n0, side: hold, id: 3");
}
