//! The types that a program has beside the numbers: newtypes, texts, dates, and what other crates
//! call the same things.

use std::time::Duration;

use drystone::{
    Bool, Database, Date, Enum, ErrorKind, FieldType, Nullable, Record, RowBuf, Text, Timestamp, Uuid, Value,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, FieldType)]
#[repr(transparent)]
struct SymbolId(u32);

#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(transparent)]
struct Venue {
    name: Text<4>,
}

#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(transparent)]
struct Embedding([f32; 3]);

#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(transparent)]
struct Delay(Nullable<i16>);

/// Around another one, whose key traits it has only where that has them.
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(transparent)]
struct Outer(Embedding);

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[record(getters)]
#[repr(C, packed)]
struct Quote {
    #[record(key)]
    symbol: SymbolId,
    #[record(key)]
    venue: Venue,
    at: Nullable<SymbolId>,
    embedding: Embedding,
    outer: Outer,
    /// How late it is.
    delay: Delay,
}

fn quote(n: u32) -> Quote {
    Quote {
        symbol: SymbolId(n / 10),
        venue: Venue { name: Text::new(&format!("v{}", n % 10)).unwrap() },
        at: Nullable::from_option(n.is_multiple_of(2).then_some(SymbolId(n))).unwrap(),
        embedding: Embedding([0.5; 3]),
        outer: Outer(Embedding([1.5; 3])),
        delay: Delay(Nullable::NULL),
    }
}

#[test]
fn newtypes_are_fields_keys_and_prefixes() {
    assert_eq!(
        Quote::schema().to_string(),
        "symbol: u32 key, venue: str[4] key, at: u32?, embedding: f32[3], outer: f32[3], delay: i16?"
    );
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    write.create_table::<Quote>("quotes").unwrap().load((0..100).map(quote)).unwrap();
    write.create_index("quotes", "by at", &["at"]).unwrap();
    write.commit().unwrap();
    let read = db.read().unwrap();
    let table = read.table::<Quote>("quotes").unwrap();
    let key = (SymbolId(3), Venue { name: Text::lit("v7") });
    let found = table.get(key).unwrap().unwrap();
    assert_eq!((*found, found.key()), (quote(37), key));
    assert_eq!(table.prefix(SymbolId(3)).unwrap().count(), 10);
    assert_eq!(table.prefix((SymbolId(3),)).unwrap().count(), 10);
    assert_eq!(table.index("by at").unwrap().prefix(SymbolId(38)).unwrap().count(), 1);
    let mut row = RowBuf::from_record(found);
    row.set("symbol", SymbolId(8)).unwrap();
    assert_eq!(row.get("symbol").unwrap(), 8_u32);
    assert_eq!(SymbolId::try_from(row.get("symbol").unwrap()).unwrap(), SymbolId(8));
    assert_eq!(Nullable::new(SymbolId(u32::MAX)).unwrap_err().kind(), ErrorKind::Value);
    assert_eq!(Value::from(Venue { name: Text::lit("x") }), "x");
}

#[test]
fn getters_return_the_values_of_packed_fields() {
    let quote = quote(4);
    assert_eq!(
        (quote.symbol(), quote.at().get(), quote.delay()),
        (SymbolId(0), Some(SymbolId(4)), Delay(Nullable::NULL))
    );
    assert!(quote.delay().0.is_null());
}

mod renamed {
    pub(super) use drystone as stone;
}

#[derive(Clone, Copy, FieldType)]
#[field(crate = "renamed::stone", rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(u8)]
enum Mode {
    SlowAndSteady,
    Fast,
}

#[derive(Clone, Copy, Record)]
#[record(crate = "renamed::stone")]
#[repr(C)]
struct Moded {
    #[record(default = "FAST")]
    mode: Enum<Mode>,
}

#[test]
fn the_crate_can_have_another_name() {
    assert_eq!(Moded::schema().to_string(), "mode: enum[SLOW_AND_STEADY, FAST] = FAST");
}

#[derive(Clone, Copy, Debug, PartialEq, Record, Serialize, Deserialize)]
#[repr(C, packed)]
struct Everything {
    #[record(key)]
    id: u64,
    name: Text<7>,
    on: Bool,
    day: Date,
    at: Timestamp,
    uuid: Uuid,
    color: Enum<Color>,
    delay: Nullable<i16>,
    maybe: Nullable<Enum<Color>>,
    place: [f32; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(u8)]
enum Color {
    Red,
    DarkBlue,
}

#[test]
fn records_are_serialized_by_serde_as_they_are() {
    let record = Everything {
        id: 7,
        name: Text::lit("a \"b\""),
        on: Bool::TRUE,
        day: "2013-01-31".parse().unwrap(),
        at: "2013-01-31T10:00:00.5Z".parse().unwrap(),
        uuid: Uuid::from_u128(9),
        color: Color::DarkBlue.into(),
        delay: Nullable::NULL,
        maybe: Some(Color::Red).into(),
        place: [0.5, 2.0],
    };
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(
        text,
        "{\"id\":7,\"name\":\"a \\\"b\\\"\",\"on\":true,\"day\":\"2013-01-31\",\"at\":\"2013-01-31T10:00:00.5Z\",\
         \"uuid\":\"00000000-0000-0000-0000-000000000009\",\"color\":\"dark_blue\",\"delay\":null,\"maybe\":\"red\",\
         \"place\":[0.5,2.0]}"
    );
    assert_eq!(serde_json::from_str::<Everything>(&text).unwrap(), record);
    // The same as the row.
    let row: RowBuf = RowBuf::from_record(&record);
    assert_eq!(serde_json::to_value(&row).unwrap(), serde_json::to_value(record).unwrap());
    for (from, to) in [
        ("dark_blue", "green"),
        ("a \\\"b\\\"", "12345678"),
        ("2013-01-31\"", "2013-02-31\""),
        ("null", "-32768"),
    ] {
        assert!(serde_json::from_str::<Everything>(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn timestamps_and_dates_are_added_to_within_their_range() {
    let moment: Timestamp = "2013-01-31T23:59:59.5Z".parse().unwrap();
    assert_eq!((moment + Duration::from_millis(500)).to_string(), "2013-02-01T00:00:00Z");
    assert_eq!(moment - Duration::from_nanos(1_999), moment - Duration::from_micros(1));
    let mut later = moment;
    later += Duration::from_secs(3);
    later -= Duration::from_secs(1);
    assert_eq!(later.duration_since(moment), Some(Duration::from_secs(2)));
    assert_eq!(moment.duration_since(later), None);
    assert_eq!(Timestamp::MAX.duration_since(Timestamp::MIN), Some(Duration::from_micros(u64::MAX)));
    assert_eq!(Timestamp::MIN + Duration::from_micros(u64::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::MAX.checked_add(Duration::MAX), None);
    assert_eq!(Timestamp::MIN.checked_sub(Duration::from_micros(1)), None);
    assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
    assert_eq!(Timestamp::from_secs(-1).unwrap().to_string(), "1969-12-31T23:59:59Z");
    assert_eq!(Timestamp::from_millis(-1).unwrap().secs(), -1);
    assert_eq!((moment.secs(), moment.millis()), (1_359_676_799, 1_359_676_799_500));
    assert!(Timestamp::from_secs(i64::MAX).is_err() && Timestamp::from_millis(i64::MIN).is_err());
    let day = Date::today();
    assert!(Timestamp::now().date().days_since(day) <= 1);
    assert_eq!(day.checked_add_days(7).unwrap().days_since(day), 7);
    assert_eq!(Date::MAX.days_since(Date::MIN), i64::from(u32::MAX));
    assert_eq!((Date::MIN.checked_add_days(-1), Date::MAX.checked_add_days(1)), (None, None));
}

#[test]
fn options_become_nullable_without_a_loss() {
    assert_eq!(Nullable::from(Some(Text::<2>::lit("UA"))).get(), Some(Text::lit("UA")));
    assert_eq!(Nullable::<Bool>::from(None::<bool>), Nullable::NULL);
    assert_eq!(Nullable::<Bool>::from(Some(false)).get(), Some(Bool::FALSE));
    assert_eq!(Nullable::<Enum<Color>>::from(Some(Color::Red)).get().unwrap(), Color::Red);
    assert_eq!(Nullable::try_from(Some(5_i16)).unwrap().unwrap_or(7), 5);
    assert_eq!(Nullable::<i16>::NULL.unwrap_or(7), 7);
    assert!(Nullable::try_from(Some(i16::MIN)).is_err());
    assert!(Nullable::from_option(Some(Timestamp::MIN)).is_err());
}

#[test]
fn the_types_of_other_crates_are_converted_both_ways() {
    let moment: Timestamp = "2013-01-31T23:59:59.123456Z".parse().unwrap();
    let day: Date = "2013-01-31".parse().unwrap();
    let jiff: jiff::Timestamp = moment.try_into().unwrap();
    assert_eq!((jiff.to_string().as_str(), Timestamp::from(jiff)), ("2013-01-31T23:59:59.123456Z", moment));
    assert_eq!(Timestamp::from(jiff::Timestamp::from_nanosecond(-1).unwrap()).micros(), -1);
    let civil: jiff::civil::Date = day.try_into().unwrap();
    assert_eq!((civil.to_string().as_str(), Date::from(civil)), ("2013-01-31", day));
    let chrono: chrono::DateTime<chrono::Utc> = moment.try_into().unwrap();
    assert_eq!((chrono.timestamp_micros(), Timestamp::from(chrono)), (moment.micros(), moment));
    let naive: chrono::NaiveDate = day.try_into().unwrap();
    assert_eq!((naive.to_string().as_str(), Date::from(naive)), ("2013-01-31", day));
    for (moment, day) in [(Timestamp::MIN, Date::MIN), (Timestamp::MAX, Date::MAX)] {
        assert!(jiff::Timestamp::try_from(moment).is_err() && jiff::civil::Date::try_from(day).is_err());
        assert!(chrono::NaiveDate::try_from(day).is_err() && chrono::DateTime::try_from(moment).is_err());
    }
    for edge in [jiff::civil::Date::MIN, jiff::civil::Date::MAX] {
        assert_eq!(jiff::civil::Date::try_from(Date::from(edge)).unwrap(), edge);
    }
    let uuid = uuid::Uuid::from_u128(0x67e55044_10b1_426f_9247_bb680e5fe0c8);
    assert_eq!(Uuid::from(uuid).to_string(), uuid.to_string());
    assert_eq!(uuid::Uuid::from(Uuid::from(uuid)), uuid);
}
