//! Secondary indexes: what they find, what they refuse, and what they cost. Only the values of a
//! row decide.

use drystone::{
    Bool, Database, Date, Dyn, ErrorKind, IndexOptions, LoadOptions, Nullable, OnDuplicate, Record, Result,
    RowBuf, Schema, Text, Timestamp, Value,
};

use crate::temp::{TempDb, assert_sound};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C, packed)]
struct Flight {
    #[record(key)]
    due: Timestamp,
    #[record(key)]
    number: u16,
    tail: Text<6>,
    delay: Nullable<i16>,
}

/// By number.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Point {
    x: u32,
    y: u32,
}

fn flight(n: u32) -> Flight {
    Flight {
        due: Timestamp::from_micros(i64::from(n / 3)),
        number: (n % 3) as u16,
        tail: Text::new(&format!("N{:04}", n * 7 % 50)).unwrap(),
        delay: if n.is_multiple_of(5) { Nullable::NULL } else { Nullable::new((n % 40) as i16 - 9).unwrap() },
    }
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("this was not refused").kind()
}

fn unique() -> IndexOptions {
    IndexOptions::new().unique(true)
}

#[test]
fn rows_come_in_the_order_of_the_index() {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let mut flights = write.create_table::<Flight>("flights").unwrap();
    flights.load((0..1000).map(flight)).unwrap();
    flights.create_index("by_tail", &["tail", "due"]).unwrap();
    flights.create_index("by_delay", &["delay"]).unwrap();
    // Seen before the commit as well as after it.
    assert_eq!(flights.index("by_tail").unwrap().prefix(flight(3).tail).unwrap().len(), 20);
    drop(flights);
    write.commit().unwrap();
    drop(db);

    let db = temp.open();
    let read = db.read().unwrap();
    let flights = read.table::<Flight>("flights").unwrap();
    let by_tail = flights.index("by_tail").unwrap();
    assert_eq!((by_tail.len(), by_tail.is_unique(), by_tail.name()), (1000, false, "by_tail"));
    assert_eq!(by_tail.schema().to_string(), "tail: str[6], due: timestamp, number: u16");
    assert_eq!(by_tail.fields().len(), 2);
    let mut expected: Vec<Flight> = (0..1000).map(flight).collect();
    expected.sort_by_key(|flight| ({ flight.tail }, { flight.due }, { flight.number }));
    let found: Vec<Flight> = by_tail.iter().map(|flight| *flight.unwrap()).collect();
    assert_eq!(found, expected);
    let reversed: Vec<Flight> = by_tail.iter().rev().map(|flight| *flight.unwrap()).collect();
    assert!(reversed.iter().rev().eq(&expected));
    assert_eq!(by_tail.first().unwrap(), expected.first());
    assert_eq!(by_tail.last().unwrap(), expected.last());
    // Whole, by its first field, by a range, and nothing.
    let one = flight(77);
    assert_eq!(by_tail.get((one.tail, one.due)).unwrap(), Some(&one));
    assert_eq!(by_tail.get((one.tail, Timestamp::from_micros(-1))).unwrap(), None);
    let after = by_tail.range((one.tail, one.due)..).unwrap();
    assert_eq!(
        after.len(),
        expected.iter().filter(|flight| (flight.tail, flight.due) >= (one.tail, one.due)).count() as u64
    );
    assert_eq!(
        by_tail.range(..=one.tail).unwrap().len()
            + by_tail.range((std::ops::Bound::Excluded(one.tail), std::ops::Bound::Unbounded)).unwrap().len(),
        1000
    );
    // The entries alone; taken from both ends.
    let (mut rows, mut ends) = (by_tail.prefix(one.tail).unwrap(), Vec::new());
    let entries: Vec<String> =
        rows.clone().entries().map(|entry| entry.unwrap().get("due").unwrap().to_string()).collect();
    while let Some(row) = rows.next() {
        ends.push(*row.unwrap());
        ends.extend(rows.next_back().map(|row| *row.unwrap()));
    }
    assert_eq!(ends.len(), entries.len());
    ends.sort_by_key(|flight| ({ flight.due }, { flight.number }));
    assert!(ends.iter().map(|flight| Value::Timestamp(flight.due).to_string()).eq(entries));
    // Nulls come where their value orders, and are found by the dynamic door.
    let by_delay = read.table::<Dyn>("flights").unwrap().index("by_delay").unwrap();
    assert_eq!(by_delay.prefix(&[Value::Null]).unwrap().len(), 200);
    assert!(by_delay.first().unwrap().unwrap().is_null("delay").unwrap());
    assert_eq!(by_delay.get(&[3.into()]).unwrap().unwrap().get("delay").unwrap(), 3);
    // A wrong use is an error.
    assert_eq!(kind(by_tail.get(one.tail)), ErrorKind::Usage);
    assert_eq!(kind(by_tail.prefix(7_u16)), ErrorKind::Usage);
    assert_eq!(kind(by_delay.get(&[])), ErrorKind::Usage);
    assert_eq!(kind(by_delay.get(&["x".into()])), ErrorKind::Value);
    assert_eq!(kind(flights.index("by_x")), ErrorKind::IndexNotFound);
    assert_eq!(kind(read.table::<Dyn>("by_tail")), ErrorKind::TableNotFound);
    assert_eq!(read.table_names().unwrap(), ["flights"]);
    assert_sound(&db);
}

/// Fields of the same widths, so that only the types tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Quote {
    #[record(key)]
    id: u32,
    price: f32,
    day: Date,
    code: [u8; 4],
    word: Text<4>,
    many: u32,
    change: Nullable<i32>,
}

/// `Usage`, with a message that names these types.
fn assert_refused<T>(result: Result<T>, types: &[&str]) {
    let error = result.err().expect("values of other types were taken");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    for ty in types {
        assert!(error.to_string().contains(ty), "{error} does not name {ty}");
    }
}

#[test]
fn a_lookup_by_values_of_another_type_is_refused_though_the_width_is_right() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut quotes = write.create_table::<Quote>("quotes").unwrap();
    let quote = |id: u32| Quote {
        id,
        price: id as f32 / 10.0,
        day: Date::from_days(id as i32),
        code: *b"ABCD",
        word: Text::new("ABCD").unwrap(),
        many: id,
        change: if id.is_multiple_of(2) { Nullable::NULL } else { Nullable::new(id as i32).unwrap() },
    };
    quotes.load((0..100).map(quote)).unwrap();
    for field in ["price", "day", "code", "word", "many", "change"] {
        quotes.create_index(&format!("by_{field}"), &[field]).unwrap();
    }
    quotes.create_index("by_price_many", &["price", "many"]).unwrap();
    let index = |name: &str| quotes.index(name).unwrap();

    let by_price = index("by_price");
    assert_refused(by_price.range(2.0..5.0), &["price: f32", "f64"]);
    assert_refused(by_price.range(2..5), &["price: f32", "i32"]);
    assert_refused(by_price.range(5.0..), &["price: f32", "f64"]);
    assert_refused(by_price.range(..5.0), &["price: f32", "f64"]);
    assert_refused(by_price.get(7), &["price: f32", "i32"]);
    assert_refused(by_price.prefix(7_u32), &["price: f32", "u32"]);
    assert_eq!(by_price.range(2.0_f32..5.0).unwrap().len(), 30);
    assert_eq!(by_price.get(7.0_f32).unwrap().unwrap().id, 70);
    // An f64 is as wide as the price and the key that follows it in an entry.
    assert_refused(by_price.prefix(2.0), &["price: f32", "f64"]);
    assert_eq!(by_price.prefix((2.0_f32, 20_u32)).unwrap().len(), 1);
    assert_refused(by_price.prefix((2.0_f32, 20)), &["(price: f32, id: u32)", "(f32, i32)"]);
    assert_refused(by_price.get((2.0_f32, 20_u32)), &["(price: f32)", "(f32, u32)"]);
    assert_refused(by_price.prefix((2.0_f32, 20_u32, 1_u8)), &["(f32, u32, u8)"]);

    let both = index("by_price_many");
    assert_eq!(both.get((2.0_f32, 20_u32)).unwrap().unwrap().id, 20);
    assert_refused(both.get((2.0_f32, 20)), &["(price: f32, many: u32)", "(f32, i32)"]);
    assert_refused(both.get(2.0_f32), &["(price: f32, many: u32)", "(f32)"]);
    assert_refused(both.get(2.0), &["(price: f32, many: u32)", "(f64)"]);

    assert_refused(index("by_day").get(5), &["day: date", "i32"]);
    assert_eq!(index("by_day").get(Date::from_days(5)).unwrap().unwrap().id, 5);
    assert_refused(index("by_code").prefix(Text::<4>::new("ABCD").unwrap()), &["bytes[4]", "str[4]"]);
    assert_refused(index("by_word").prefix(*b"ABCD"), &["str[4]", "bytes[4]"]);
    assert_eq!(index("by_word").prefix(Text::<4>::new("ABCD").unwrap()).unwrap().len(), 100);
    assert_refused(index("by_many").get(Nullable::new(5_u32).unwrap()), &["many: u32", "u32?"]);
    assert_refused(index("by_many").get(5), &["many: u32", "i32"]);
}

#[test]
fn a_nullable_field_is_looked_up_by_a_nullable_or_a_plain_value() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut flights = write.create_table::<Flight>("flights").unwrap();
    flights.load((0..1000).map(flight)).unwrap();
    flights.create_index("by_delay", &["delay", "tail"]).unwrap();
    let by_delay = flights.index("by_delay").unwrap();
    assert_eq!(by_delay.prefix(Nullable::<i16>::NULL).unwrap().len(), 200);
    let late = by_delay.prefix(3_i16).unwrap();
    assert!(!late.is_empty() && late.clone().all(|flight| { flight.unwrap().delay } == Some(3)));
    assert_eq!(by_delay.prefix(Nullable::new(3_i16).unwrap()).unwrap().len(), late.len());
    let one = flight(12);
    assert_eq!({ by_delay.get((3_i16, one.tail)).unwrap().unwrap().delay }, Some(3));
    assert_eq!(
        by_delay.range(3_i16..).unwrap().len(),
        by_delay.range(Nullable::new(3_i16).unwrap()..).unwrap().len()
    );
    assert_refused(by_delay.prefix(3), &["delay: i16?", "i32"]);
    // As an i16 this is a number like any other; in the index it is null.
    let error = by_delay.prefix(i16::MIN).expect_err("a number was taken for null");
    assert_eq!(error.kind(), ErrorKind::Value);
    assert!(error.to_string().contains("\"delay\""), "{error}");
}

#[test]
fn an_entry_costs_the_indexed_fields_and_the_key() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut flights = write.create_table::<Flight>("flights").unwrap();
    flights.create_index("before", &["tail"]).unwrap();
    flights.load((0..200_000).map(flight)).unwrap();
    flights.create_index("after", &["tail"]).unwrap();
    let mut points = write.create_table::<Point>("points").unwrap();
    points.load((0..200_000).map(|x| Point { x: x ^ 0x5555, y: x })).unwrap();
    points.create_index_with("by_x", &["x"], &unique()).unwrap();
    drop((flights, points));
    write.commit().unwrap();
    let read = db.read().unwrap();
    for (table, index, width) in [("flights", "before", 16), ("flights", "after", 16), ("points", "by_x", 12)]
    {
        let stats = read.table::<Dyn>(table).unwrap().index(index).unwrap().stats().unwrap();
        assert_eq!((stats.rows, stats.width), (200_000, width));
        assert!(stats.bytes_per_row() <= width as f64 * 1.01, "{index}: {}", stats.bytes_per_row());
    }
}

#[test]
fn what_a_unique_index_refuses_leaves_everything_as_it_was() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut flights = write.create_table::<Flight>("flights").unwrap();
    flights.create_index("by_tail", &["tail"]).unwrap();
    let with = |n: u32, delay: i16| Flight { delay: Nullable::new(delay).unwrap(), ..flight(n) };
    flights.create_index_with("by_delay", &["delay"], &unique()).unwrap();
    flights.load((0..3000).map(|n| with(n * 3, n as i16))).unwrap();
    let before: Vec<Flight> = flights.iter().map(|flight| *flight.unwrap()).collect();
    let key = |n: u32| (flight(n).due, flight(n).number);

    assert_eq!(kind(flights.insert(&with(1, 7))), ErrorKind::KeyExists);
    assert_eq!(kind(flights.upsert(&with(3, 7))), ErrorKind::KeyExists);
    assert_eq!(kind(flights.update(key(6), |row| row.delay = with(0, 9).delay)), ErrorKind::KeyExists);
    // A few, and enough that the table is merged. The last one violates the index.
    for count in [1, 3000] {
        let new = (0..count).map(|n| with(n * 3 + 1, 4000 + n as i16)).chain([with(100_000, 2999)]);
        assert_eq!(kind(flights.load(new)), ErrorKind::KeyExists);
    }
    let replacing = (0..10).map(|n| with(n * 3, 5));
    let options = LoadOptions::new().on_duplicate(OnDuplicate::Last);
    assert_eq!(kind(flights.load_with(replacing, &options)), ErrorKind::KeyExists);
    let twice = [with(1, 1), with(2, 1)];
    assert_eq!(kind(flights.load_with(twice, &LoadOptions::new().replace(true))), ErrorKind::KeyExists);
    // The changes of one call, of which the last is refused.
    let changes = [0, 3, 6, 9].map(|n| (key(n), if n == 9 { 50_i16 } else { 9000 + n as i16 }));
    let change = |row: &mut Flight, delay: &i16| row.delay = Nullable::new(*delay).unwrap();
    assert_eq!(kind(flights.update_many(&changes, change)), ErrorKind::KeyExists);
    let after: Vec<Flight> = flights.iter().map(|flight| *flight.unwrap()).collect();
    assert_eq!(before, after);

    // Values may move between the rows of one load, and nulls are not compared.
    let moved = (0..10).map(|n| with(n * 3, 9 - n as i16));
    flights.load_with(moved, &options).unwrap();
    for n in [1, 2, 4] {
        flights.insert(&Flight { delay: Nullable::NULL, ..flight(n) }).unwrap();
    }
    let mut points = write.create_table::<Point>("points").unwrap();
    points.create_index_with("by_x", &["x"], &unique()).unwrap();
    points.extend((0..100).map(|x| Point { x, y: 0 })).unwrap();
    assert_eq!(kind(points.push(&Point { x: 5, y: 1 })), ErrorKind::KeyExists);
    assert_eq!(kind(points.set(7, &Point { x: 5, y: 1 })), ErrorKind::KeyExists);
    // Across the pieces in which rows are appended, too.
    let many = (100..300_000).chain([50]).map(|x| Point { x, y: 0 });
    assert_eq!(kind(points.extend(many.clone())), ErrorKind::KeyExists);
    assert_eq!(kind(points.load(many)), ErrorKind::KeyExists);
    assert_eq!(points.len(), 100);
    assert_eq!(points.index("by_x").unwrap().get(50_u32).unwrap(), Some(&Point { x: 50, y: 0 }));
    drop((flights, points));
    // Nor can an index be made of what is there twice.
    assert_eq!(kind(write.create_index_with("points", "by_y", &["y"], &unique())), ErrorKind::KeyExists);
    assert_eq!(write.indexes("points").unwrap().len(), 1);
    write.commit().unwrap();
    assert_sound(&db);
}

#[test]
fn rows_without_a_key_are_found_by_number() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut points = write.create_table::<Point>("points").unwrap();
    points.create_index("by_x", &["x"]).unwrap();
    points.load((0..10_000).map(|y| Point { x: y % 100, y })).unwrap();
    points.extend((10_000..10_100).map(|y| Point { x: 200, y })).unwrap();
    points.load((10_100..20_000).map(|y| Point { x: 300, y })).unwrap();
    points.swap_remove(5).unwrap(); // the last row comes to its place
    points.set(6, &Point { x: 400, y: 6 }).unwrap();
    let by_x = points.index("by_x").unwrap();
    let rows = |x: u32| by_x.prefix(x).unwrap().map(|row| row.unwrap().y).collect::<Vec<_>>();
    assert_eq!((rows(5).len(), rows(6).len(), rows(200).len(), rows(300).len()), (99, 99, 100, 9900));
    assert_eq!((rows(300)[0], rows(400)), (19_999, vec![6]));
    assert!(rows(7).is_sorted());
    let numbers = by_x.prefix(7_u32).unwrap().entries().map(|entry| entry.unwrap().get("row").unwrap());
    assert!(numbers.eq((0..100).map(|n| Value::from(n * 100 + 7))));
    // A few rows, and most of them.
    for len in [19_990, 10_050, 3, 0] {
        points.truncate(len).unwrap();
        assert_eq!(points.index("by_x").unwrap().len(), len);
        assert_eq!(points.pop().unwrap().is_some(), len > 0);
    }
    drop(points);
    write.commit().unwrap();
    assert_sound(&db);
}

#[test]
fn names_and_fields_that_cannot_be_are_refused() {
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let schema: Schema = "id: u64 key, a: u32[4], wide: str[250], on: bool, x: f32?".parse().unwrap();
    write.create_dyn_table("table", &schema).unwrap();
    write.create_table::<Point>("points").unwrap();
    let create = |name: &str, fields: &[&str]| write.create_index("table", name, fields);
    assert_eq!(kind(create("i", &[])), ErrorKind::Schema);
    assert_eq!(kind(create("i", &["a"])), ErrorKind::Schema);
    assert_eq!(kind(create("i", &["on", "on"])), ErrorKind::Schema);
    assert_eq!(kind(create("i", &["off"])), ErrorKind::FieldNotFound);
    assert_eq!(kind(create("i", &["wide"])), ErrorKind::Limit);
    assert_eq!(kind(create("points", &["on"])), ErrorKind::AlreadyExists);
    assert_eq!(kind(create("", &["on"])), ErrorKind::Usage);
    create("i", &["on", "x"]).unwrap();
    assert_eq!(kind(create("i", &["x"])), ErrorKind::AlreadyExists);
    assert_eq!(kind(write.create_dyn_table("i", &schema)), ErrorKind::AlreadyExists);
    assert_eq!(kind(write.rename_table("points", "i")), ErrorKind::AlreadyExists);
    assert_eq!(kind(write.table::<Dyn>("i")), ErrorKind::TableNotFound);
    assert_eq!(kind(write.drop_table("i")), ErrorKind::TableNotFound);
    assert_eq!(kind(write.drop_index("points", "i")), ErrorKind::IndexNotFound);
    assert_eq!(kind(create_on_index(&write)), ErrorKind::TableNotFound);
    assert_eq!(write.table_names().unwrap(), ["points", "table"]);
    let info = write.indexes("table").unwrap().remove(0);
    assert_eq!((info.name.as_str(), info.table.as_str(), info.unique), ("i", "table", false));
    assert_eq!(
        (info.fields, info.entry.to_string()),
        (vec!["on".into(), "x".into()], "on: bool, x: f32?, id: u64".into())
    );
    // The table goes, and its indexes with it; their names are free again.
    write.drop_table("table").unwrap();
    write.create_table::<Point>("i").unwrap();
    write.commit().unwrap();
    assert_sound(&db);
}

fn create_on_index(write: &drystone::WriteTransaction) -> Result<()> {
    write.create_index("i", "j", &["on"])
}

#[test]
fn an_index_goes_alone_and_gives_its_pages_back() {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let mut flights = write.create_table::<Flight>("flights").unwrap();
    flights.load((0..20_000).map(flight)).unwrap();
    drop(flights);
    write.commit().unwrap();
    let mut sizes = Vec::new();
    for _ in 0..6 {
        let write = db.write().unwrap();
        write.create_index("flights", "by_tail", &["tail"]).unwrap();
        write.commit().unwrap();
        let write = db.write().unwrap();
        write.drop_index("flights", "by_tail").unwrap();
        write.commit().unwrap();
        sizes.push(temp.file_bytes());
    }
    // An index takes 320,000 bytes.
    assert!(sizes[5] <= sizes[0] + 320_000, "{sizes:?}");
    let read = db.read().unwrap();
    assert!(read.indexes("flights").unwrap().is_empty());
    assert_eq!(read.table::<Flight>("flights").unwrap().len(), 20_000);
    assert_sound(&db);
}

#[test]
fn salvage_makes_indexes_anew() {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    write.create_table::<Flight>("flights").unwrap().load((0..50_000).map(flight)).unwrap();
    write.create_index("flights", "by_tail", &["tail"]).unwrap();
    write.commit().unwrap();
    drop(db);
    // A page in the middle of the rows, or of the entries.
    let mut bytes = temp.bytes();
    let at = bytes.len() / 3;
    bytes[at] ^= 1;
    let bad = TempDb::of_bytes(&bytes);
    let good = Database::in_memory().unwrap();
    let report = bad.open().salvage(&good).unwrap();
    assert_eq!((report.tables, report.indexes, report.lost.len()), (1, 1, 1));
    assert!(report.rows < 50_000 && report.rows > 49_000, "{}", report.rows);
    let read = good.read().unwrap();
    let flights = read.table::<Flight>("flights").unwrap();
    assert_eq!(flights.index("by_tail").unwrap().len(), report.rows);
    assert_sound(&good);
}

#[test]
fn a_flipped_bit_in_an_index_is_an_error_or_no_difference() {
    let temp = TempDb::new();
    let db = temp.open();
    let write = db.write().unwrap();
    let mut points = write.create_table::<Point>("points").unwrap();
    points.create_index("by_x", &["x"]).unwrap();
    points.load((0..3000).map(|y| Point { x: y ^ 77, y })).unwrap();
    drop(points);
    write.commit().unwrap();
    drop(db);
    let sound = temp.bytes();
    let expected: Vec<Point> = {
        let mut points: Vec<Point> = (0..3000).map(|y| Point { x: y ^ 77, y }).collect();
        points.sort_by_key(|point| point.x);
        points
    };
    let mut errors = 0;
    for at in (2 * 4096..sound.len()).step_by(257) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        let bad = TempDb::of_bytes(&bytes);
        let read = |db: Database| {
            let read = db.read()?;
            let by_x = read.table::<Point>("points")?.index("by_x")?;
            assert_eq!(by_x.get(1000_u32)?.copied(), Some(Point { x: 1000, y: 1000 ^ 77 }));
            by_x.iter().map(|point| point.copied()).collect::<Result<Vec<Point>>>()
        };
        match bad.try_open().and_then(read) {
            Ok(points) => assert_eq!(points, expected),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                errors += 1;
            }
        }
    }
    assert!(errors > 100, "{errors}");
}

#[test]
fn entries_with_two_states_of_a_bool_and_wide_text_are_in_order() {
    let schema: Schema = "id: i32 key, on: bool, name: str[30]?, x: f64".parse().unwrap();
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut table = write.create_dyn_table("table", &schema).unwrap();
    table.create_index("wide", &["on", "name", "x"]).unwrap();
    let mut expected = Vec::new();
    for id in -200..200 {
        let (on, x) = (id % 3 == 0, f64::from(id % 7) - 3.0);
        let name = if id % 5 == 0 { Value::Null } else { format!("name {}", id % 11).into() };
        let sorts = (on, name.is_null(), name.to_string(), (x * 10.0) as i64, id);
        let row = [Value::from(id), Bool::new(on).into(), name, x.into()];
        table.insert(&RowBuf::from_values(&schema, row).unwrap()).unwrap();
        expected.push(sorts);
    }
    expected.sort();
    let ids = table
        .index("wide")
        .unwrap()
        .iter()
        .map(|row| row.unwrap().get("id").unwrap().as_i64().unwrap())
        .collect::<Vec<_>>();
    assert!(ids.iter().copied().eq(expected.iter().map(|(.., id)| i64::from(*id))));
}

/// The same rows in a table with indexes and in one without.
fn asked(keyed: bool) -> Database {
    let fields = "due: timestamp, carrier: str[2], tail: str[6]?, delay: i16?, row: u64, x: f64";
    let schema: Schema =
        if keyed { format!("id: u32 key, {fields}") } else { fields.into() }.parse().unwrap();
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    for name in ["with", "without"] {
        let mut table = write.create_dyn_table(name, &schema).unwrap();
        for n in 0..6000_u32 {
            let id = keyed.then(|| Value::from(n.wrapping_mul(0x9E37_79B1)));
            let tail =
                if n.is_multiple_of(9) { Value::Null } else { format!("N{:04}", n * 31 % 1500).into() };
            let delay = if n.is_multiple_of(5) { Value::Null } else { Value::from((n % 97) as i16 - 30) };
            let values = [
                Value::Timestamp(Timestamp::from_micros(i64::from(n * 7919 % 6000))),
                ["AA", "UA", "VX"][n as usize * 7 % 3].into(),
                tail,
                delay,
                u64::from(n / 2).into(),
                (f64::from(n % 11) - 5.0).into(),
            ];
            let row = RowBuf::from_values(&schema, id.into_iter().chain(values)).unwrap();
            if schema.is_keyed() {
                table.insert(&row).unwrap();
            } else {
                table.push(&row).map(drop).unwrap();
            };
        }
        if name == "with" {
            table.create_index("by_tail", &["tail", "due"]).unwrap();
            table.create_index("by_delay", &["delay", "carrier"]).unwrap();
            table.create_index_with("by_at", &["due"], &IndexOptions::new().unique(true)).unwrap();
            table.create_index("by_x", &["x"]).unwrap();
        }
    }
    write.commit().unwrap();
    db
}

#[test]
fn queries_by_an_index_have_the_answers_of_a_scan() {
    let filters = [
        "tail = 'N0031'",
        "tail in ('N0031', 'N0062', 'N0001', 'none')",
        "tail starts with 'N003'",
        "tail is null",
        "tail is null and delay > 60",
        "tail = 'N0062' and due > '1970-01-01T00:00:00.002'",
        "due = '1970-01-01T00:00:00.000077'",
        "due < '1970-01-01T00:00:00.000004' and carrier = 'UA'",
        "delay = 66",
        "delay = 66 and carrier = 'UA'",
        "delay > 65 and tail is not null",
        "delay is null and carrier = 'VX'",
        "delay = 5 or tail = 'N0031'",
        "x = 3 and delay = 7",
        "x < -4",
        "row = 1000",
        "delay > 1000",
        "delay = 66 and row < 500",
    ];
    let mut by_index = (0, 0);
    for keyed in [false, true] {
        let db = asked(keyed);
        let read = db.read().unwrap();
        let (with, without) = (read.table::<Dyn>("with").unwrap(), read.table::<Dyn>("without").unwrap());
        for filter in filters {
            let mut shapes = vec![];
            for table in [with, without] {
                use drystone::query::{count, count_distinct, first, floor, last, max, mean, min, sum};
                let query = table.query().filter(filter.parse().unwrap());
                let counts =
                    query.clone().group_by(["carrier"]).aggregate([count(), sum("row"), min("delay")]);
                shapes.push([
                    query.clone(),
                    query.clone().limit(3),
                    query.clone().select(["carrier", "delay"]),
                    query.clone().select(["due", "tail"]),
                    query.clone().top(5, ["row"]),
                    query.clone().select(["delay"]).distinct(),
                    query.clone().aggregate([count()]),
                    query.clone().aggregate([count(), max("due"), min("tail")]),
                    query.clone().group_by(["delay"]).aggregate([count()]),
                    query.clone().aggregate([mean("x"), sum("x")]),
                    query.clone().aggregate([first("carrier"), last("delay")]),
                    query.clone().group_by(["delay"]).aggregate([first("tail"), last("row")]),
                    query
                        .clone()
                        .group_by([floor("delay", 10)])
                        .aggregate([count(), count_distinct("carrier")]),
                    query
                        .clone()
                        .filter(
                            drystone::query::at::<Timestamp>(if keyed { 4 } else { 0 })
                                .gt(Value::Timestamp(Timestamp::from_micros(3000))),
                        )
                        .aggregate([count()]),
                    counts,
                ]);
            }
            for (one, other) in shapes[0].iter().zip(&shapes[1]) {
                let (plan, scan) = (one.explain().unwrap(), other.explain().unwrap());
                assert!(!scan.contains("index"), "{scan}");
                by_index.0 += u32::from(plan.contains("by index"));
                by_index.1 += u32::from(plan.contains("entries"));
                let (found, expected) = (one.run().unwrap(), other.run().unwrap());
                assert_eq!(found.schema(), expected.schema());
                let lines = |rows: &drystone::query::QueryRows| -> Vec<String> {
                    rows.iter().map(|row| row.to_string()).collect()
                };
                assert_eq!(lines(&found), lines(&expected), "{filter}\n{plan}");
            }
        }
        // `explain` names what is read.
        let explained = |query: drystone::query::Query<'_>| query.explain().unwrap();
        let few = explained(with.query().filter("tail = 'N0031'".parse().unwrap()));
        assert!(few.contains("read: 4 rows, by index \"by_tail\" on tail\n"), "{few}");
        let counted = with.query().filter("delay = 66 and carrier = 'UA'".parse().unwrap());
        let counted = explained(counted.aggregate([drystone::query::count()]));
        assert!(
            counted.contains("by index \"by_delay\" on delay, carrier, ranges: 1, its entries alone\n"),
            "{counted}"
        );
        let groups = explained(with.query().group_by(["delay"]).aggregate([drystone::query::count()]));
        assert!(
            groups.contains("read: 6000 rows, by scan of the entries of index \"by_delay\"\n"),
            "{groups}"
        );
        // Most rows: a scan is less work.
        let many = explained(with.query().filter("delay > -30".parse().unwrap()));
        assert!(many.contains("by scan of whole leaves"), "{many}");
    }
    assert!(by_index.0 > 60 && by_index.1 > 60, "{by_index:?}");
}
