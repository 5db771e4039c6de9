//! Rows and typed records: two doors to the same bytes.

use drystone::{
    Bool, Date, ErrorKind, Field, Key, Nullable, Record, Row, RowBuf, Schema, Text, Timestamp, Uuid, Value,
};

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C, packed)]
struct Flight {
    #[record(key)]
    id: u64,
    carrier: Text<2>,
    day: Date,
    #[record(rename = "dep delay")]
    delay: Nullable<i16>,
    #[record(default = 1.5)]
    hours: f32,
}

const FLIGHT: &str = "id: u64 key, carrier: str[2], day: date, \"dep delay\": i16?, hours: f32 = 1.5";

fn flight() -> Flight {
    Flight {
        id: 7,
        carrier: "UA".parse().unwrap(),
        day: Date::from_ymd(2013, 1, 31).unwrap(),
        delay: Nullable::NULL,
        hours: 2.5,
    }
}

fn schema(text: &str) -> Schema {
    text.parse().unwrap()
}

#[test]
fn a_record_and_its_row_are_the_same_bytes() {
    let flight = flight();
    let row = Row::from_record(&flight);
    assert_eq!(row.schema(), &schema(FLIGHT));
    assert_eq!(row.as_bytes().len(), size_of::<Flight>());
    assert_eq!(row.to_string(), "id: 7, carrier: UA, day: 2013-01-31, dep delay: null, hours: 2.5");
    assert_eq!(
        format!("{row:?}"),
        "Row { id: 7, carrier: \"UA\", day: 2013-01-31, dep delay: null, hours: 2.5 }"
    );
    assert_eq!(row.to_record::<Flight>().unwrap(), flight);
    assert_eq!(RowBuf::from_record(&flight), row);
    assert_eq!(row.to_buf().to_record::<Flight>().unwrap(), flight);
}

#[test]
fn a_row_of_another_schema_is_no_such_record() {
    let other = RowBuf::new(&schema("id: u64 key, x: i32"));
    let error = other.to_record::<Flight>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    let message = error.to_string();
    assert!(message.starts_with("the schema is (id: u64 key, x: i32), 12 bytes; "), "{message}");
    assert!(message.contains("Flight has (id: u64 key, carrier: str[2]"), "{message}");
}

#[test]
fn a_field_is_read_by_name_position_offset_and_handle() {
    let schema = schema("id: u16, x: i8, carrier: str[2], delay: i16?");
    let row = Row::new(&schema, b"\x07\x00\xFFUA\x05\x00").unwrap();
    let x: Field<i8> = schema.handle("x").unwrap();
    assert_eq!(x.offset(), 2);
    assert_eq!(
        (row.get("x").unwrap(), row.get(1).unwrap(), row.get(x).unwrap()),
        (Value::Signed(-1), Value::Signed(-1), Value::Signed(-1))
    );
    assert_eq!((row.field(x), row.at::<i8>(2).unwrap(), x.get(row.as_bytes())), (-1, -1, -1));
    assert_eq!(row.field(schema.handle::<Nullable<i16>>("delay").unwrap()), Some(5));
    assert_eq!(row.get(&"carrier".to_owned()).unwrap(), "UA");
    assert_eq!(row.len(), 4);
    assert!(!row.is_null("delay").unwrap());
}

#[test]
fn fields_that_are_not_there_are_errors() {
    let schema = schema("id: u16, x: i8");
    let row = RowBuf::new(&schema);
    assert_eq!(row.get("y").unwrap_err().kind(), ErrorKind::FieldNotFound);
    assert_eq!(row.get(2).unwrap_err().to_string(), "no field at position 2; there are 2, counted from 0");
    assert_eq!(row.at::<u16>(2).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert!(row.at::<u16>(usize::MAX).is_err());
    assert!(Row::new(&schema, &[0; 4]).is_err());
    assert!(RowBuf::from_bytes(&schema, vec![0; 2]).is_err());
}

#[test]
fn a_handle_has_the_type_of_its_field() {
    let schema = schema("x: i16, delay: i16?, tag: str[2], v: f32[2]");
    assert_eq!(
        schema.handle::<i32>("x").unwrap_err().to_string(),
        "field \"x\" is of type i16, and was asked for as i32"
    );
    assert!(
        schema.handle::<i16>("delay").unwrap_err().to_string().ends_with("asked for as i16; use Nullable<T>")
    );
    let error = schema.handle::<Nullable<i16>>("x").unwrap_err();
    assert!(error.to_string().ends_with("asked for as i16?; use the type without Nullable"), "{error}");
    assert!(schema.handle::<Text<3>>("tag").is_err());
    assert!(schema.handle::<[u8; 2]>("tag").is_err());
    assert!(schema.handle::<[f32; 2]>("v").is_ok());
}

#[test]
fn a_handle_of_another_schema_is_refused() {
    let x: Field<i16> = schema("id: u64, x: i16").handle("x").unwrap();
    let other = RowBuf::new(&schema("x: i16"));
    assert!(other.get(x).is_err());
    assert!(std::panic::catch_unwind(|| other.field(x)).is_err());
}

#[test]
fn a_handle_of_another_schema_of_the_same_width_is_refused() {
    let made = schema("id: u32 key, x: i32, y: i32");
    let x: Field<i32> = made.handle("x").unwrap();
    // Other names, another order, another type in front, a key or null that the other has not.
    for other in [
        "id: u32 key, y: i32, x: i32",
        "id: u32 key, z: i32, y: i32",
        "id: i32 key, x: i32, y: i32",
        "id: u32, x: i32, y: i32",
        "id: u32 key, x: i32?, y: i32",
        "id: u32 key, x: i16, z: i16, y: i32",
        "id: u64 key, x: i32",
    ] {
        let schema = schema(other);
        let mut row = RowBuf::new(&schema);
        assert_eq!(schema.width(), made.width());
        assert_eq!(row.get(x).unwrap_err().kind(), ErrorKind::FieldNotFound, "{other}");
        assert_eq!(row.is_null(x).unwrap_err().kind(), ErrorKind::FieldNotFound, "{other}");
        assert_eq!(row.set(x, 5).unwrap_err().kind(), ErrorKind::FieldNotFound, "{other}");
        assert!(std::panic::catch_unwind(|| row.field(x)).is_err(), "{other}");
        assert!(std::panic::catch_unwind(|| row.as_row().field(x)).is_err(), "{other}");
        let set = std::panic::AssertUnwindSafe(|| row.set_field(x, 5));
        assert!(std::panic::catch_unwind(set).is_err(), "{other}");
        assert_eq!(row, RowBuf::new(&schema), "{other}");
    }
    // Defaults do not count, as for the equality of schemas; nor whether it is the same object.
    let equal = RowBuf::new(&schema("id: u32 key, x: i32 = 7, y: i32"));
    assert_eq!((equal.field(x), equal.get(x).unwrap()), (7, Value::Signed(7)));
}

#[test]
fn a_row_is_made_of_values_names_and_defaults() {
    let schema = schema("id: u64 key, x: i32 = 5, day: date?, tag: str[2]?");
    assert_eq!(RowBuf::new(&schema).to_string(), "id: 0, x: 5, day: null, tag: null");
    let row = RowBuf::from_values(&schema, [Value::from(1), 2.into()]).unwrap();
    assert_eq!(row.to_string(), "id: 1, x: 2, day: null, tag: null");
    let row = RowBuf::from_named(&schema, [("tag", Value::from("a")), ("id", 1.into())]).unwrap();
    assert_eq!(row.to_string(), "id: 1, x: 5, day: null, tag: a");

    let none: [i32; 0] = [];
    let error = RowBuf::from_values(&schema, none).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field \"id\": no value is given, and it has no default; give one, or a default in the schema"
    );
    assert!(RowBuf::from_named(&schema, [("x", 1)]).is_err());
    assert!(RowBuf::from_named(&schema, [("id", 1), ("id", 2)]).unwrap_err().to_string().contains("twice"));
    assert!(RowBuf::from_named(&schema, [("id", 1), ("y", 2)]).is_err());
    assert!(RowBuf::from_values(&schema, [1, 2, 3, 4, 5]).is_err());
}

#[test]
fn a_row_is_changed_in_every_way() {
    let schema = schema("id: u64, x: i32, delay: i16?, tag: str[20]");
    let mut row = RowBuf::new(&schema);
    row.set("id", 1).unwrap();
    row.set(1, -1).unwrap();
    row.set("delay", None::<i16>).unwrap();
    row.set("delay", Some(3)).unwrap();
    row.set_text("tag", "slate").unwrap();
    assert_eq!(row.to_string(), "id: 1, x: -1, delay: 3, tag: slate");
    row.set_field(schema.handle("delay").unwrap(), Nullable::<i16>::NULL);
    row.set_at(8, 9_i32).unwrap();
    assert_eq!(row.to_string(), "id: 1, x: 9, delay: null, tag: slate");
    assert!(row.set_at(30, 9_i64).is_err());
    let row = row.replace([("x", 4), ("id", 2)]).unwrap();
    assert_eq!(row.to_string(), "id: 2, x: 4, delay: null, tag: slate");
}

#[test]
fn a_value_that_does_not_fit_leaves_the_row_as_it_was() {
    let schema = schema("delay: i16?, tag: str[20], v: u8[2]");
    let row = RowBuf::from_values(&schema, [Value::from(3), "slate".into(), [1_u8, 2].into()]).unwrap();
    for (field, value) in [
        ("delay", Value::from(i16::MIN)),
        ("delay", 70_000.into()),
        ("tag", "a".repeat(21).into()),
        ("tag", Value::Null),
        ("v", [5, 256].into()),
    ] {
        let mut changed = row.clone();
        assert_eq!(changed.set(field, value).unwrap_err().kind(), ErrorKind::Value);
        assert_eq!(changed, row);
    }
    let mut changed = row.clone();
    assert!(changed.set_text("v", "[5, 256]").is_err());
    assert!(changed.set_text("delay", "-32768").is_err());
    assert_eq!(changed, row);
}

#[test]
fn rows_are_equal_by_schema_and_bytes() {
    let row = |text, x: i32| RowBuf::from_values(&schema(text), [x]).unwrap();
    assert_eq!(row("x: i32", 1), row("x: i32 = 9", 1));
    assert_ne!(row("x: i32", 1), row("x: i32", 2));
    assert_ne!(row("x: i32", 1), row("y: i32", 1));
    assert_ne!(row("x: i32", 1), row("x: u32", 1));
}

#[test]
fn values_are_iterated_in_order_from_both_ends() {
    let schema = schema("a: u8, b: str[2], c: i16?");
    let row = RowBuf::from_values(&schema, [Value::from(1), "x".into()]).unwrap();
    let values: Vec<_> = row.values().collect::<Result<_, _>>().unwrap();
    assert_eq!(values, [Value::from(1), "x".into(), Value::Null]);
    let backwards: Vec<_> = row.values().rev().map(|value| value.unwrap().to_string()).collect();
    assert_eq!(backwards, ["null", "x", "1"]);
    assert_eq!(row.values().len(), 3);
    let named: Vec<_> = row.iter().map(|(name, value)| format!("{name}={}", value.unwrap())).collect();
    assert_eq!(named, ["a=1", "b=x", "c=null"]);
}

/// What only a hostile file can hold: each read is an error, printing says so, and nothing panics.
#[test]
fn bytes_that_are_no_value_are_reported_and_printed_as_such() {
    let schema = schema("flag: bool, tag: str[3], more: str[3]?");
    let row = Row::new(&schema, b"\x07\xC3\x28\x00a\0b").unwrap();
    for at in 0..3 {
        assert_eq!(row.get(at).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(
        row.get("tag").unwrap_err().to_string(),
        "field \"tag\": the stored bytes are not a valid str[3]: it is not UTF-8"
    );
    assert_eq!(row.values().filter(Result::is_err).count(), 3);
    assert_eq!(row.to_string(), "flag: <invalid 0x07>, tag: <invalid 0xc32800>, more: <invalid 0x610062>");
    assert!(format!("{row:?}").contains("tag: <invalid 0xc32800>"));
    assert_eq!(row.at::<Text<3>>(1).unwrap().to_str().unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(row.at::<Text<3>>(1).unwrap().to_string(), "�(");
    assert_eq!(format!("{:?}", row.at::<Text<3>>(1).unwrap()), "<invalid 0xc32800>");
    assert!(row.at::<Bool>(0).unwrap().get());
    // Whatever follows the first byte, this is null.
    assert!(Row::new(&schema, b"\0abc\xFFzz").unwrap().is_null("more").unwrap());
}

#[test]
fn text_is_padded_and_compared_by_its_bytes() {
    let text = |text: &str| Text::<4>::new(text).unwrap();
    assert_eq!(text("ab").as_bytes(), b"ab\0\0");
    assert_eq!(text("").to_str().unwrap(), "");
    assert!(Text::<4>::new("é€").is_err());
    assert!(text("ab") < text("abc") && text("abc") < text("b"));
    assert_eq!(format!("{:>6}|{:?}", text("ab"), text("a\"")), "    ab|\"a\\\"\"");
    assert!(Text::<4>::EMPTY.is_empty() && !text("a").is_empty());
}

#[test]
fn nullable_is_an_option_in_the_bytes_of_its_value() {
    assert_eq!(Nullable::new(5_u8).unwrap().get(), Some(5));
    assert_eq!(Nullable::new(u8::MAX).unwrap_err().kind(), ErrorKind::Value);
    assert!(Nullable::new(f64::NAN).is_ok());
    assert!(Nullable::new(f64::from_bits(u64::MAX)).is_err());
    assert_eq!(Nullable::<Text<2>>::NULL.get(), None);
    assert_eq!(Nullable::<[i16; 2]>::NULL.get(), None);
    assert_eq!(Nullable::new([i16::MIN, 0]).unwrap().get(), Some([i16::MIN, 0]));
    assert_eq!(Nullable::from(Some(Bool::TRUE)), Some(Bool::TRUE));
    assert_eq!(Nullable::try_from(None::<Date>).unwrap(), Nullable::NULL);
    assert_eq!(format!("{:?} {}", Nullable::new(5_i8).unwrap(), Nullable::<i8>::NULL), "Some(5) null");
    assert!(Nullable::<Uuid>::default().is_null());
    assert!(Nullable::<Timestamp>::NULL < Nullable::new(Timestamp::from_micros(-5)).unwrap());
}

#[test]
fn a_key_is_encoded_as_it_stands_in_the_record() {
    fn encoded<K: Key>(key: K) -> Vec<u8> {
        let mut out = vec![0; K::WIDTH];
        key.encode(&mut out);
        out
    }
    let flight = flight();
    assert_eq!(encoded::<<Flight as Record>::Key>(7), Row::from_record(&flight).as_bytes()[..8]);
    assert_eq!(encoded((1_u8, -1_i16, Text::<2>::new("a").unwrap())), b"\x01\xFF\xFFa\0");
    assert_eq!(encoded((Bool::TRUE, 1.0_f32, [1_u8, 2], Date::from_days(1))).len(), 1 + 4 + 2 + 4);
    assert_eq!(encoded((1_u8, 2_u8, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8)), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(encoded((Uuid::from_u128(1), Timestamp::from_micros(1))).len(), 24);
}

#[test]
fn a_row_goes_through_json_and_comes_back() {
    use serde::de::DeserializeSeed;
    let schema = schema(
        "id: u64 key, big: u128, low: i128?, flag: bool, x: f32, y: f64, tag: str[6], raw: bytes[2], day: date, \
         at: timestamp, uuid: uuid, v: f32[2], w: u128[2], delay: i16?, note: str[2] = \"-\"",
    );
    let read = |json: &str| schema.row_seed().deserialize(&mut serde_json::Deserializer::from_str(json));
    let row = RowBuf::from_values(
        &schema,
        [
            Value::from(u64::MAX),
            u128::MAX.into(),
            (i128::MIN + 1).into(),
            true.into(),
            0.1_f32.into(),
            f64::NEG_INFINITY.into(),
            "a\"b".into(),
            [1_u8, 0xFE].into(),
            Date::from_days(15_736).into(),
            Timestamp::from_micros(-1).into(),
            Uuid::from_u128(7).into(),
            [0.5_f32, f32::NAN].into(),
            [u128::MAX, 1].into(),
            Value::Null,
        ],
    )
    .unwrap();
    let json = serde_json::to_string(&row).unwrap();
    assert_eq!(
        json,
        "{\"id\":18446744073709551615,\"big\":340282366920938463463374607431768211455,\
         \"low\":-170141183460469231731687303715884105727,\"flag\":true,\"x\":0.1,\"y\":\"-inf\",\"tag\":\"a\\\"b\",\
         \"raw\":\"0x01fe\",\"day\":\"2013-01-31\",\"at\":\"1969-12-31T23:59:59.999999Z\",\
         \"uuid\":\"00000000-0000-0000-0000-000000000007\",\"v\":[0.5,\"NaN\"],\
         \"w\":[340282366920938463463374607431768211455,1],\"delay\":null,\"note\":\"-\"}"
    );
    assert_eq!(read(&json).unwrap(), row);
    assert_eq!(serde_json::to_string(&row.as_row()).unwrap(), json);
    assert_eq!(read(&json.replace(",\"note\":\"-\"", "")).unwrap(), row);

    for (from, to, message) in [
        ("\"flag\":true,", "", "field \"flag\": no value is given"),
        ("\"flag\":true,", "\"flag\":true,\"flag\":true,", "field \"flag\" is given twice"),
        ("\"flag\"", "\"flags\"", "no field \"flags\" (did you mean \"flag\"?)"),
        ("\"flag\":true", "\"flag\":7", "field \"flag\": 7 is not a valid bool: it is a whole number"),
        ("\"delay\":null", "\"delay\":1.5", "field \"delay\": 1.5 is not a valid i16?"),
        ("\"delay\":null", "\"delay\":-32768", "reserved for null"),
        ("2013-01-31", "2013-02-31", "there is no such day"),
        ("[0.5,\"NaN\"]", "[0.5]", "1 elements, expected 2"),
        ("[0.5,\"NaN\"]", "[0.5,1,2,3,4]", "3 elements, expected 2"),
        ("[0.5,\"NaN\"]", "[0.5,\"x\"]", "expected a number f32"),
        ("\"flag\":true", "\"flag\":[1]", "expected a value of the field (flag: bool)"),
    ] {
        let changed = json.replace(from, to);
        assert_ne!(changed, json, "{from}");
        let error = read(&changed).expect_err(to).to_string();
        assert!(error.contains(message), "{error}");
    }
    assert!(read("[1, 2]").is_err());
}

#[test]
fn a_schema_is_its_text_in_json() {
    let json = serde_json::to_string(&schema(FLIGHT)).unwrap();
    assert_eq!(json, format!("\"{}\"", FLIGHT.replace('"', "\\\"")));
    assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema(FLIGHT));
    assert!(serde_json::from_str::<Schema>("\"id: u65\"").unwrap_err().to_string().contains("column 5"));
}

#[test]
fn schemas_rows_and_records_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Schema>();
    crosses::<Row<'_>>();
    crosses::<RowBuf>();
    crosses::<Field<i32>>();
    crosses::<Value<'_>>();
    crosses::<Flight>();
}
