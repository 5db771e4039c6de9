//! Enumerations: a type whose values are names in the program and one byte or two in the file.

use drystone::query::{Predicate, col, count, max, min};
use drystone::{
    Database, Dyn, Enum, EnumNames, Enumeration, ErrorKind, FieldDef, FieldType, Nullable, Record, RowBuf,
    Schema, Type, Value, csv, json, numpy,
};

use crate::damage::image::Image;
use crate::temp::{TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Eq, FieldType)]
#[repr(u8)]
enum Side {
    Sell,
    Buy,
    #[field(rename = "at once")]
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C, packed)]
struct Trade {
    #[record(key)]
    side: Enum<Side>,
    #[record(key)]
    id: u16,
    #[record(default = "at once")]
    hedge: Nullable<Enum<Side>>,
    price: f64,
}

fn trade(id: u16) -> Trade {
    let sides = [Side::Sell, Side::Buy, Side::Both];
    let hedge = sides.get(usize::from(id % 4)).copied();
    Trade { side: sides[usize::from(id % 3)].into(), id, hedge: hedge.into(), price: f64::from(id) }
}

const SCHEMA: &str = "side: enum[sell, buy, \"at once\"] key, id: u16 key, \
                      hedge: enum[sell, buy, \"at once\"]? = \"at once\", price: f64";

/// Sixty trades, with an index by the hedge.
fn write_trades(db: &Database) {
    let write = db.write().unwrap();
    write.create_table::<Trade>("trades").unwrap().load((0..60).map(trade)).unwrap();
    write.create_index("trades", "by hedge", &["hedge"]).unwrap();
    write.commit().unwrap();
}

fn trades() -> Database {
    let db = Database::in_memory().unwrap();
    write_trades(&db);
    db
}

#[test]
fn names_go_in_and_come_out_as_text() {
    let schema: Schema = "side: enum[buy, sell], mood: enum[good, bad]? = bad".parse().unwrap();
    assert_eq!(schema.width(), 2);
    let mut row = RowBuf::new(&schema);
    assert_eq!(row.to_string(), "side: buy, mood: bad");
    row.set("side", "sell").unwrap();
    row.set("mood", None::<&str>).unwrap();
    assert_eq!((row.get("side").unwrap(), row.as_bytes()), (Value::from("sell"), &[1, 0xFF][..]));
    row.set_text("mood", "good").unwrap();
    assert_eq!(row.get("mood").unwrap(), "good");

    for error in [row.set("side", "sel").unwrap_err(), row.set_text("side", "sel").unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Value);
        let message = "field \"side\": \"sel\" is not a valid enum[buy, sell]: the names are buy, sell; did you mean \"sell\"?";
        assert_eq!(error.to_string().replace(": sel is", ": \"sel\" is"), message);
    }
    assert_eq!(row.set("side", 1).unwrap_err().kind(), ErrorKind::Value, "a number is no name");
    assert_eq!(row.get("side").unwrap(), "sell", "it is as it was");
}

#[test]
fn text_forms_are_read_back_and_mistakes_are_named() {
    for text in [
        "x: enum[a]",
        "x: enum[buy, \"at once\", \"1st\", \"say \"\"no\"\"\"]? = \"at once\"",
        "x: enum[null, none]? = null, y: enum[null, none] = \"null\", z: enum[key] key",
    ] {
        let text = if text.ends_with(" key") {
            text.replace("z: enum[key] key", "z: enum[key]")
        } else {
            text.into()
        };
        let schema: Schema = text.parse().unwrap();
        assert_eq!(schema.to_string(), text);
    }
    let schema: Schema = "x: enum[ a , # first\n b, ] key".parse().unwrap();
    assert_eq!(schema.to_string(), "x: enum[a, b] key");
    for (text, message) in [
        ("x: enum", "column 4: enum needs its names, such as enum[buy, sell]"),
        ("x: enum[]", "column 4: an enumeration needs at least one name, such as enum[buy, sell]"),
        ("x: enum[a, a]", "column 4: \"a\" is in the enumeration twice; its names must all be different"),
        (
            "x: enum[a b]",
            "column 11: expected a comma, or a closing bracket after the last name, found \"b\"",
        ),
        ("x: enum[\"\"]", "column 9: \"\" cannot be a name of an enumeration: it is empty"),
        (
            "x: enum[a] = c",
            "column 14: the default of field \"x\": \"c\" is not a valid enum[a]: the names are a; did you mean \"a\"?",
        ),
    ] {
        let error = text.parse::<Schema>().unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Schema, message), "{text}");
    }
    assert!(EnumNames::new(["x".repeat(65)]).is_err() && EnumNames::new(["x".repeat(64)]).is_ok());
    assert!(EnumNames::new(["a\nb"]).is_err());
}

#[test]
fn schemas_differ_where_names_do() {
    let parse = |text: &str| text.parse::<Schema>().unwrap();
    assert_eq!(parse("x: enum[a, b]"), parse("x: enum[a, b]"));
    for other in ["x: enum[b, a]", "x: enum[a]", "x: enum[a, b, c]", "x: u8"] {
        assert_ne!(parse("x: enum[a, b]"), parse(other));
    }
    let error = trades().read().unwrap().table::<Other>("trades").map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
}

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Other {
    #[record(key)]
    side: u8,
    #[record(key)]
    id: u16,
    hedge: Nullable<u8>,
    price: f64,
}

#[test]
fn names_are_appended_and_rows_keep_their_meaning() {
    let schema: Schema = "x: enum[a, b]? = b, y: u8".parse().unwrap();
    let longer = schema.append_names("x", ["c", "d"]).unwrap();
    assert_eq!(longer.to_string(), "x: enum[a, b, c, d]? = b, y: u8");
    assert_eq!(schema.append_names("x", ["a"]).unwrap_err().kind(), ErrorKind::Schema);
    assert_eq!(schema.append_names("y", ["a"]).unwrap_err().kind(), ErrorKind::Schema);
    let wide = schema.append_names("x", (0..255).map(|at| format!("n{at}"))).unwrap();
    assert_eq!((wide.width(), wide.field("x").unwrap().default().unwrap()), (3, &[1, 0][..]));
}

#[test]
fn the_last_of_256_names_means_null_where_there_is_null() {
    let names = Type::Enum(EnumNames::new((0..256).map(|at| format!("n{at}"))).unwrap());
    assert_eq!(names.width(), 1);
    let (plain, nullable) =
        (FieldDef::new("x", &names).unwrap(), FieldDef::new("x", &names).unwrap().nullable().unwrap());
    let mut stored = [0];
    plain.parse_text("n255", &mut stored).unwrap();
    assert_eq!(plain.load(&stored).unwrap(), "n255");
    assert!(nullable.load(&stored).unwrap().is_null());
    let error = nullable.parse_text("n255", &mut stored).unwrap_err();
    assert!(error.to_string().ends_with("this value is reserved for null here"), "{error}");
}

#[test]
fn rust_enums_are_fields_keys_and_prefixes() {
    assert_eq!(Trade::schema().to_string(), SCHEMA);
    assert_eq!(size_of::<Trade>(), 12);
    let db = trades();
    assert_sound(&db);
    let read = db.read().unwrap();
    let table = read.table::<Trade>("trades").unwrap();
    let found = table.get((Side::Buy.into(), 1)).unwrap().unwrap();
    assert_eq!({ found.side }.get().unwrap(), Side::Buy);
    assert!({ found.side } == Side::Buy && { found.hedge } == Some(Side::Buy.into()));
    assert_eq!(found.key(), (Enum::new(Side::Buy), 1));
    // In the order in which they are declared: sell, buy, at once.
    let sides: Vec<String> = table.iter().map(|row| { row.unwrap().side }.to_string()).collect();
    assert!(sides.is_sorted_by_key(|side| ["sell", "buy", "at once"].iter().position(|name| name == side)));
    assert_eq!(table.prefix(Enum::new(Side::Both)).unwrap().count(), 20);
    let by_hedge = table.index("by hedge").unwrap();
    let hedged = by_hedge.prefix(Nullable::from(Some(Side::Buy))).unwrap().count();
    assert_eq!(hedged, (0..60).filter(|id| id % 4 == 1).count());
    assert_eq!(by_hedge.prefix(Nullable::<Enum<Side>>::NULL).unwrap().count(), 15);

    let from_text: Enum<Side> = "at once".parse().unwrap();
    assert_eq!(from_text, Side::Both);
    assert_eq!(Side::from_name("at once").unwrap().name(), "at once");
    assert_eq!(Side::try_from(Value::from("sell")).unwrap(), Side::Sell);
    let error = Side::try_from(Value::from("hold")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"hold\" is not a valid value of the enumeration: the names are sell, buy, at once"
    );
    let mut row = RowBuf::from_record(&trade(1));
    row.set("side", Side::Both).unwrap();
    row.set("hedge", Enum::new(Side::Sell)).unwrap();
    assert_eq!(row.to_string(), "side: at once, id: 1, hedge: sell, price: 1");
}

#[test]
fn queries_compare_names_in_their_order() {
    let db = trades();
    let read = db.read().unwrap();
    let table = read.table::<Dyn>("trades").unwrap();
    let parse = |text: &str| text.parse::<Predicate>().unwrap();
    let count_of = |text: &str| table.query().filter(parse(text)).count().unwrap();

    assert_eq!(count_of("side = 'buy'"), 20);
    assert_eq!(count_of("side != 'buy'"), 40);
    assert_eq!(count_of("side < 'at once'"), 40, "it is declared last");
    assert_eq!(count_of("side between 'buy' and 'at once'"), 40);
    assert_eq!(count_of("side in ('sell', 'buy')"), 40);
    assert_eq!(count_of("hedge is null"), 15);
    assert_eq!(count_of("hedge = side"), (0..60).filter(|id| id % 3 == id % 4).count() as u64);
    assert_eq!(table.query().filter(col("side").eq(Side::Sell)).count().unwrap(), 20);

    for text in ["side = 'hold'", "side in ('buy', 'hold')", "hedge < 'hold'"] {
        let error = table.query().filter(parse(text)).count().unwrap_err();
        assert!(error.to_string().contains("the names are sell, buy, at once"), "{text}: {error}");
    }
    for text in ["side = 1", "side starts with 'b'", "side = price"] {
        assert!(table.query().filter(parse(text)).count().is_err(), "{text}");
    }

    let groups = table.query().group_by(["hedge"]).aggregate([count(), min("side"), max("side")]);
    let groups = groups.order_by(["hedge"]).run().unwrap();
    let lines: Vec<String> = groups.iter().map(|row| row.to_string()).collect();
    assert_eq!(lines.len(), 4);
    assert!(
        lines[0].starts_with("hedge: null, count: 15, ") && lines[1].starts_with("hedge: sell, "),
        "{lines:?}"
    );
    assert!(lines[1].contains("sell") && lines[1].ends_with("at once"), "{lines:?}");
}

#[test]
fn as_many_names_as_there_can_be_are_kept() {
    let names: Vec<String> = (0..65_536).map(|at| format!("{:0>1$}", at, 1 + at % 64)).collect();
    let mut distinct = std::collections::HashSet::new();
    let names: Vec<String> = names
        .into_iter()
        .enumerate()
        .map(|(at, name)| if distinct.insert(name.clone()) { name } else { format!("n{at}") })
        .collect();
    let all = Type::Enum(EnumNames::new(&names).unwrap());
    let schema = Schema::builder().key("id", Type::U8).field("a", &all).nullable("b", &all).build().unwrap();
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table("names", &schema).unwrap();
    table
        .insert(
            &RowBuf::from_values(
                &schema,
                [Value::from(1), names[65_535].as_str().into(), names[7].as_str().into()],
            )
            .unwrap(),
        )
        .unwrap();
    drop(table);
    write.create_index("names", "by name", &["b"]).unwrap();
    write.create_dyn_table("small", &"x: enum[a, b]".parse().unwrap()).unwrap();
    write.commit().unwrap();
    drop(db);

    let db = temp.open();
    assert_sound(&db);
    let read = db.read().unwrap();
    let table = read.table::<Dyn>("names").unwrap();
    assert!(table.schema() == &schema);
    assert_eq!(table.get(&[1.into()]).unwrap().unwrap().get("a").unwrap(), names[65_535].as_str());
    let index = table.index("by name").unwrap();
    assert_eq!(index.prefix(&[names[7].as_str().into()]).unwrap().count(), 1);
    drop(read);

    let write = db.write().unwrap();
    write.rename_table("names", "others").unwrap();
    write
        .append_field(
            "others",
            FieldDef::new("c", "enum[x, y]".parse::<Type>().unwrap()).unwrap().nullable().unwrap(),
        )
        .unwrap();
    write.commit().unwrap();
    assert_sound(&db);
    let backup = Database::in_memory().unwrap();
    assert!(db.salvage(&backup).unwrap().lost.is_empty());
    assert!(
        backup.read().unwrap().table::<Dyn>("others").unwrap().schema()
            == db.read().unwrap().table::<Dyn>("others").unwrap().schema()
    );

    let write = db.write().unwrap();
    write.drop_table("others").unwrap();
    write.commit().unwrap();
    assert_eq!(assert_sound(&db).tables, 1);
    // Five of them are too much for the catalog, and the error says so.
    let five =
        ["a", "b", "c", "d", "e"].iter().fold(Schema::builder(), |schema, name| schema.field(name, &all));
    let five = five.build().unwrap();
    let write = db.write().unwrap();
    assert_eq!(write.create_dyn_table("five", &five).map(drop).unwrap_err().kind(), ErrorKind::Limit);
}

/// A file with the trades in it, and both meta pages alike.
fn image() -> Image {
    let temp = TempDb::new();
    let db = temp.open();
    write_trades(&db);
    drop(db);
    let mut image = Image { bytes: temp.bytes() };
    let seal = (0..2).find(|slot| image.u32(slot * 4096 + 12) == 1).unwrap() * 4096;
    image.bytes.copy_within(seal..seal + 4096, 4096 - seal);
    image
}

const SHAPE: crate::damage::image::Shape = crate::damage::image::Shape { width: 12, key: 3, leaf_rows: 682 };

#[test]
fn positions_without_a_name_are_damage_wherever_they_are_read() {
    let mut image = image();
    let row = image.u64(image.table_row("trades") + 80) as usize;
    let last = row + 59 * 12;
    assert_eq!(image.bytes[last], 2, "the last side is the last name");
    image.bytes[last] = 7;
    image.mend(&[("trades", SHAPE)]);
    let temp = TempDb::of_bytes(&image.bytes);
    let db = temp.open();
    let report = db.check().unwrap();
    assert!(
        report.problems.iter().any(|problem| {
            let text = problem.to_string();
            problem.error.kind() == ErrorKind::Corrupt && text.contains("the enumeration has fewer names")
        }),
        "{:?}",
        report.problems
    );
    let read = db.read().unwrap();
    let table = read.table::<Trade>("trades").unwrap();
    let side = table.select(59).unwrap().unwrap().side;
    assert_eq!(
        (side.get().unwrap_err().kind(), side.to_string().as_str()),
        (ErrorKind::Corrupt, "<invalid 0x07>")
    );
    assert!(side != Side::Both);
    let dynamic = read.table::<Dyn>("trades").unwrap();
    assert_eq!(dynamic.select(59).unwrap().unwrap().get("side").unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(dynamic.query().filter(col("side").eq("at once")).count().unwrap(), 19);
    let good = Database::in_memory().unwrap();
    let salvaged = db.salvage(&good).unwrap();
    assert_eq!((salvaged.rows, salvaged.lost.len()), (59, 1));
    assert_sound(&good);
}

/// What `check` says, and what plants the damage, given where the names are.
type Kind = (&'static str, fn(&mut Image, usize));

#[test]
fn names_that_cannot_be_are_damage() {
    // The first row of names: a length, `sell`, a length, `buy`, a length, `at once`, and the same
    // again.
    let names = b"\x04sell\x03buy\x07at once\x04sell\x03buy\x07at once";
    let kinds: [Kind; 9] = [
        ("is not UTF-8", |image, row| image.bytes[row + 7] = 0xFF),
        ("control character", |image, row| image.bytes[row + 7] = 7),
        ("twice", |image, row| image.put(row + 6, b"\x04sell\x04sell\x06t once")),
        ("it is empty", |image, row| image.bytes[row + 6] = 0),
        ("a name has at most 64", |image, row| image.bytes[row + 6] = 65),
        ("nobody writes", |image, row| image.bytes[row + 139] = 1),
        ("not all there", |image, row| image.bytes[row + 4] = 1),
        // As many names as there can be: behind the last one there are zeros.
        ("it is empty", |image, _| {
            let field = image.field_row("trades", 2);
            image.put(field + 6, 0_u16.to_le_bytes());
        }),
        ("is no type", |image, _| {
            let field = image.field_row("trades", 0);
            image.bytes[field + 9] = 1;
        }),
    ];
    for (says, plant) in kinds {
        let mut image = image();
        let row = image.field_row("trades", 1024);
        assert_eq!(&image.bytes[row + 6..][..names.len()], names);
        plant(&mut image, row);
        image.mend(&[]);
        let temp = TempDb::of_bytes(&image.bytes);
        let db = temp.open();
        let problems = db.check().unwrap().problems;
        assert!(problems.iter().any(|problem| problem.to_string().contains(says)), "{says}: {problems:?}");
        let read = db.read().unwrap();
        if let Err(error) = read.table::<Dyn>("trades") {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        } else {
            assert_eq!(says, "nobody writes");
        }
        assert!(
            !db.salvage(&Database::in_memory().unwrap()).unwrap().lost.is_empty() || says == "nobody writes"
        );
    }
}

#[test]
fn texts_of_other_formats_become_names() {
    let schema: Schema = "side: enum[buy, sell, NA], mood: enum[good, NA]?".parse().unwrap();
    let rows = |source: &mut dyn drystone::RecordSource| {
        let (mut row, mut rows) = (RowBuf::new(&schema), Vec::new());
        while source.next_record(row.as_bytes_mut()).unwrap() {
            rows.push(row.to_string());
        }
        rows
    };
    let text = "side,mood\nsell,good\nNA,NA\nbuy,\"NA\"\nbuy,\n";
    let read = rows(&mut csv::Options::new().null("NA").reader(&schema, text.as_bytes()).unwrap());
    let expected =
        ["side: sell, mood: good", "side: NA, mood: null", "side: buy, mood: NA", "side: buy, mood: null"];
    assert_eq!(read, expected);
    let text = "{\"side\": \"sell\", \"mood\": \"good\"}\n{\"side\": \"NA\"}\n{\"mood\": \"NA\", \"side\": \"buy\"}\n";
    let read = rows(&mut json::Options::new().reader(&schema, text.as_bytes()).unwrap());
    assert_eq!(read, expected[..3]);
    let error = csv::Options::new()
        .reader(&schema, "side,mood\nhold,\n".as_bytes())
        .unwrap()
        .next_record_error(&schema);
    assert!(error.contains("line 2") && error.contains("the names are buy, sell, NA"), "{error}");
    assert_eq!(numpy::dtype(&schema), "[('side','|u1'),('mood','|u1')]");
}

/// The message of the first record, which is an error.
trait FirstError {
    fn next_record_error(self, schema: &Schema) -> String;
}

impl<S: drystone::RecordSource> FirstError for S {
    fn next_record_error(mut self, schema: &Schema) -> String {
        self.next_record(RowBuf::new(schema).as_bytes_mut()).unwrap_err().to_string()
    }
}

#[test]
fn few_texts_are_found_to_be_an_enumeration() {
    let infer = |text: &str| {
        let inferred = csv::Options::new().enums(true).infer(text.as_bytes()).unwrap();
        inferred.schema().to_string()
    };
    let lines = |line: &dyn Fn(usize) -> String, rows: usize| {
        let lines: Vec<String> = (0..rows).map(line).collect();
        format!("x,y\n{}\n", lines.join("\n"))
    };
    let names = ["b", "a", "c d"];
    assert_eq!(infer(&lines(&|at| format!("{},1", names[at % 3]), 12)), "x: enum[a, b, \"c d\"], y: u8");
    // Each name stands in four rows on average.
    assert_eq!(infer(&lines(&|at| format!("{},1", names[at % 3]), 11)), "x: str[3], y: u8");
    assert_eq!(infer(&lines(&|at| format!("{},1", ["b", ""][at % 2]), 9)), "x: enum[b]?, y: u8");
    // An empty text in quotes is no name.
    assert_eq!(infer(&lines(&|at| format!("{},1", ["b", "\"\""][at % 2]), 9)), "x: str[1], y: u8");
    // At most 256, and one less where values are missing.
    let many = |names: usize, missing: usize| {
        infer(&lines(
            &|at| if at < missing { ",1".into() } else { format!("n{},1", at % names) },
            4 * 257 + 8,
        ))
    };
    assert!(many(256, 0).starts_with("x: enum[") && many(255, 2).starts_with("x: enum["));
    assert!(many(257, 0).starts_with("x: str[") && many(256, 2).starts_with("x: str["));
    // What is no text stays what it is, and nothing is picked unasked.
    assert_eq!(infer(&lines(&|at| format!("{},{}", at % 2, at % 2 == 0), 9)), "x: u8, y: bool");
    let plain = csv::Options::new().infer(lines(&|_| "b,1".into(), 9).as_bytes()).unwrap();
    assert_eq!(plain.schema().to_string(), "x: str[1], y: u8");
    let text = "{\"x\": \"1\"}\n{\"x\": \"b\"}\n".repeat(4);
    let inferred = json::Options::new().enums(true).infer(text.as_bytes()).unwrap();
    assert_eq!(inferred.schema().to_string(), "x: enum[\"1\", b]");
}
