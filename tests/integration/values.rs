//! Values of every type, as text and as stored bytes, converted both ways, at the extremes and with
//! null.

use drystone::{Date, EnumNames, ErrorKind, FieldDef, Number, Timestamp, Type, Uuid, Value};
use proptest::prelude::*;
use proptest::strategy::Union;

const NUMBERS: [Number; 12] = [
    Number::U8,
    Number::U16,
    Number::U32,
    Number::U64,
    Number::U128,
    Number::I8,
    Number::I16,
    Number::I32,
    Number::I64,
    Number::I128,
    Number::F32,
    Number::F64,
];

/// Any enumeration; many of them in two bytes.
fn any_enum() -> impl Strategy<Value = Type> {
    let count = prop_oneof![1_usize..6, 250_usize..300];
    (count, "[a-z_ \",\\]#é]{1,5}").prop_map(|(count, name)| {
        // Backwards, so that the order is not that of the names.
        Type::Enum(EnumNames::new((0..count).rev().map(|at| format!("{name}{at}"))).unwrap())
    })
}

/// Any type, with short lengths.
pub(crate) fn any_type() -> impl Strategy<Value = Type> {
    let number = || prop::sample::select(NUMBERS.to_vec());
    let plain = vec![Type::Bool, Type::Date, Type::Timestamp, Type::Uuid];
    prop_oneof![
        prop::sample::select(plain),
        number().prop_map(Number::as_type),
        (1_u16..20).prop_map(Type::Str),
        (1_u16..20).prop_map(Type::Bytes),
        (number(), 1_u16..5).prop_map(|(number, length)| Type::Array(number, length)),
        any_enum(),
    ]
}

/// Stored bytes that are a value of this type: not null in any field, and in floats no NaN but the
/// usual one.
pub(crate) fn any_value(ty: Type) -> impl Strategy<Value = Vec<u8>> {
    let field = FieldDef::new("x", &ty).unwrap().nullable().unwrap();
    let of_width = |byte: BoxedStrategy<u8>| proptest::collection::vec(byte, ty.width());
    let bytes = match ty.clone() {
        Type::Enum(names) => {
            let width = names.width();
            (0..names.len().min(255) as u32).prop_map(move |at| at.to_le_bytes()[..width].to_vec()).boxed()
        }
        Type::Bool => of_width((0_u8..2).boxed()).boxed(),
        Type::Str(length) => proptest::string::string_regex("[a-zé\" ,#\n]{0,20}")
            .unwrap()
            .prop_map(move |mut text| {
                while text.len() > length.into() {
                    text.pop();
                }
                let mut stored = text.into_bytes();
                stored.resize(length.into(), 0);
                stored
            })
            .boxed(),
        // Bytes of all ones and zeros make the extremes likely.
        _ => Union::new([
            of_width(any::<u8>().boxed()).boxed(),
            of_width(prop::sample::select(vec![0, 255, 127, 128]).boxed()).boxed(),
        ])
        .boxed(),
    };
    bytes.prop_map(move |stored| {
        if field.is_null(&stored) || is_odd_nan(&ty, &stored) { vec![0; ty.width()] } else { stored }
    })
}

fn is_odd_nan(ty: &Type, stored: &[u8]) -> bool {
    let number = if let Type::Array(number, _) = ty { number.as_type() } else { ty.clone() };
    stored.chunks(number.width()).any(|element| match number {
        Type::F32 => f32::from_le_bytes(element.try_into().unwrap()).is_nan(),
        Type::F64 => f64::from_le_bytes(element.try_into().unwrap()).is_nan(),
        _ => false,
    })
}

fn field(text: &str) -> FieldDef {
    text.parse::<drystone::Schema>().unwrap().fields()[0].clone()
}

/// A field of this type.
fn field_of(ty: &Type, nullable: bool) -> drystone::Result<FieldDef> {
    let field = FieldDef::new("x", ty)?;
    if nullable { field.nullable() } else { Ok(field) }
}

/// The stored bytes of a text, or the message of the error.
fn stored(field: &FieldDef, text: &str) -> Result<Vec<u8>, String> {
    let mut out = vec![0xAA; field.width()];
    match field.parse_text(text, &mut out) {
        Ok(()) => Ok(out),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Value, "{error}");
            Err(error.to_string())
        }
    }
}

fn written(field: &FieldDef, stored: &[u8]) -> String {
    let mut text = String::new();
    field.write_text(stored, &mut text).unwrap();
    text
}

proptest! {
    #[test]
    fn any_value_is_read_back_from_its_text_and_from_its_value(
        (ty, bytes) in any_type().prop_flat_map(|ty| (Just(ty.clone()), any_value(ty))),
        nullable in any::<bool>(),
    ) {
        let field = field_of(&ty, nullable)?;
        let text = written(&field, &bytes);
        prop_assert_eq!(stored(&field, &text), Ok(bytes.clone()), "{}", text);

        let value = field.load(&bytes)?;
        prop_assert_eq!(value.to_string(), text);
        let mut out = vec![0xAA; ty.width()];
        field.store(&value, &mut out)?;
        prop_assert_eq!(&out, &bytes);
        field.store(&value.into_owned(), &mut out)?;
        prop_assert_eq!(&out, &bytes);
    }

    /// Hostile bytes: an error, or a value whose text and bytes hold together.
    #[test]
    fn any_bytes_are_a_value_or_an_error(
        (ty, bytes) in any_type().prop_flat_map(|ty| {
            let width = ty.width();
            (Just(ty), proptest::collection::vec(any::<u8>(), width))
        }),
        nullable in any::<bool>(),
    ) {
        let field = field_of(&ty, nullable)?;
        let mut text = String::new();
        let outcome = field.write_text(&bytes, &mut text);
        prop_assert_eq!(outcome.is_ok(), field.load(&bytes).is_ok());
        prop_assert_eq!(outcome.is_ok(), field.check(&bytes).is_ok());
        match outcome {
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Corrupt),
            Ok(()) if !field.is_null(&bytes) => {
                let again = stored(&field, &text);
                prop_assert!(again == Ok(bytes) || text.contains("NaN"), "{} {:?}", text, again);
            }
            Ok(()) => prop_assert!(text.is_empty()),
        }
    }

    #[test]
    fn no_text_makes_a_value_panic(ty in any_type(), text in "\\PC*", nullable in any::<bool>()) {
        let field = field_of(&ty, nullable)?;
        let _ = stored(&field, &text);
    }

    #[test]
    fn any_date_and_timestamp_is_read_back(days in any::<i32>(), micros in any::<i64>()) {
        let date = Date::from_days(days);
        prop_assert_eq!(date.to_string().parse::<Date>()?, date);
        let (year, month, day) = date.ymd();
        prop_assert_eq!(Date::from_ymd(year, month, day)?, date);
        let moment = Timestamp::from_micros(micros);
        prop_assert_eq!(moment.to_string().parse::<Timestamp>()?, moment);
    }
}

#[test]
fn whole_numbers_hold_their_range_and_no_more() {
    let ranges = [
        ("u8", 0_i128, 255_u128),
        ("u16", 0, 65_535),
        ("u32", 0, u32::MAX.into()),
        ("u64", 0, u64::MAX.into()),
        ("u128", 0, u128::MAX),
        ("i8", -128, 127),
        ("i16", -32_768, 32_767),
        ("i32", i32::MIN.into(), i32::MAX as u128),
        ("i64", i64::MIN.into(), i64::MAX as u128),
        ("i128", i128::MIN, i128::MAX as u128),
    ];
    for (ty, least, greatest) in ranges {
        let plain = field(&format!("x: {ty}"));
        for text in [least.to_string(), greatest.to_string(), "0".into(), "+1".into(), "007".into()] {
            let bytes = stored(&plain, &text).unwrap();
            let canonical = text.trim_start_matches(['+', '0']);
            assert_eq!(written(&plain, &bytes), if canonical.is_empty() { "0" } else { canonical });
        }
        let beyond = format!("{greatest}0");
        let range = format!("out of range, which is {least} to {greatest}");
        assert_eq!(
            stored(&plain, &beyond),
            Err(format!("field \"x\": {beyond:?} is not a valid {ty}: {range}"))
        );
        let below = if least == 0 { "-1".into() } else { format!("{least}0") };
        assert!(stored(&plain, &below).unwrap_err().ends_with(&range), "{ty}");

        // Null is the least of the signed and the greatest of the unsigned, which then is no data.
        let nullable = field(&format!("x: {ty}?"));
        let null = if least == 0 { greatest.to_string() } else { least.to_string() };
        let expected =
            format!("field \"x\": {null:?} is not a valid {ty}?: this value is reserved for null here");
        assert_eq!(stored(&nullable, &null), Err(expected));
        assert_eq!(stored(&plain, &null).as_deref(), Ok(nullable.null().unwrap()));
    }
}

#[test]
fn texts_that_are_no_number_say_why() {
    for (ty, text, reason) in [
        ("i32", "", "there is no text"),
        ("i32", "abc", "not a whole number"),
        ("i32", "1.5", "not a whole number"),
        ("u8", "-", "not a whole number"),
        ("f64", "", "there is no text"),
        ("f64", "1,5", "not a number"),
        ("f64", "1e999", "out of range; infinity is written inf"),
        ("f32", "1e39", "out of range; infinity is written inf"),
        ("bool", "yes", "true or false is expected"),
        ("date", "2013-02-29", "there is no such day"),
        ("date", "2013-13-01", "there is no such day"),
        ("date", "20130101", "not a date such as 2013-01-31"),
        ("date", "13-01-01", "not a date such as 2013-01-31"),
        ("date", "12013-01-01", "not a date such as 2013-01-31"),
        ("date", "2013-01-01T", "not a date such as 2013-01-31"),
        ("date", "2013-01-01T10:00Z", "it has a time of day; use a timestamp"),
        ("date", "1.1.2013", "not a date such as 2013-01-31"),
        ("date", "31.02.2013", "there is no such day"),
        ("date", "+9999999-01-01", "out of range"),
        ("timestamp", "2013-01-01Z", "not a timestamp such as 2013-01-31T10:00:00Z"),
        ("timestamp", "2013-01-01T10:00 Europe/Berlin", "not a timestamp such as 2013-01-31T10:00:00Z"),
        ("timestamp", "2013-01-01T10:00+5", "not a timestamp such as 2013-01-31T10:00:00Z"),
        (
            "timestamp",
            "1372939200",
            "it is a number; say whether such numbers are s, ms, us or ns since 1970",
        ),
        ("timestamp", "2013-01-01T10", "not a timestamp such as 2013-01-31T10:00:00Z"),
        ("timestamp", "2013-01-01T24:00:00", "there is no such time of day"),
        ("timestamp", "2013-01-01T23:59:60Z", "there is no such time of day"),
        ("timestamp", "2013-01-01T10:00:00.", "not a timestamp such as 2013-01-31T10:00:00Z"),
        (
            "timestamp",
            "2013-01-01T10:00:00.1234567Z",
            "there are digits other than zero beyond microseconds, which is what a timestamp counts; \
             allow rounding to cut them",
        ),
        ("timestamp", "2013-01-01T10:00:00+24:00", "there is no such offset from UTC"),
        ("timestamp", "+300000-01-01T00:00:00Z", "out of range"),
        ("uuid", "67e55044", "32 hexadecimal digits are expected"),
        ("uuid", "67e5504410b1-426f-9247-bb680e5fe0c8-", "32 hexadecimal digits are expected"),
        ("bytes[2]", "0102", "0x and hexadecimal digits are expected"),
        ("bytes[2]", "0x010", "3 digits, where 2 bytes take 4"),
        ("bytes[2]", "0x01xy", "there is a character that is no hexadecimal digit"),
        ("str[2]", "UAL", "too long: 3 bytes, and there is room for 2"),
        ("str[2]", "é€", "too long: 5 bytes, and there is room for 2"),
        ("str[2]", "a\0", "it contains a NUL character, which marks the end of a text; use bytes[N]"),
        ("i8[2]", "1, 2", "numbers in brackets are expected, such as [1, 2, 3]"),
        ("i8[2]", "[1]", "1 elements, expected 2"),
        ("i8[2]", "[1, 2, 3]", "3 elements, expected 2"),
        ("i8[2]", "[1, 200]", "element 2, \"200\": out of range"),
        ("i8[2]", "[]", "element 1, \"\": there is no text"),
    ] {
        let field = field(&format!("x: {ty}"));
        assert_eq!(stored(&field, text), Err(format!("field \"x\": {text:?} is not a valid {ty}: {reason}")));
    }
}

#[test]
fn timestamps_of_other_programs_are_read() {
    let noon = "2024-01-02T03:04:05Z";
    for (text, expected) in [
        // PostgreSQL
        ("2024-01-02 03:04:05+00", noon),
        ("2024-01-02 03:04:05.123456+00", "2024-01-02T03:04:05.123456Z"),
        ("2024-01-02 08:34:05+05:30", noon),
        ("2024-01-02 03:57:33+00:53:28", noon),
        // ISO 8601 without colons in the offset, as strftime writes it.
        ("2024-01-02T08:34:05+0530", noon),
        ("2024-01-01 22:04:05-0500", noon),
        // pandas, polars and Java, which count nanoseconds.
        ("2024-01-02 03:04:05.123456000", "2024-01-02T03:04:05.123456Z"),
        ("2024-01-02T03:04:05.000000000Z", noon),
        // BigQuery
        ("2024-01-02 03:04:05 UTC", noon),
        ("2024-01-02 03:04:05.5 UTC", "2024-01-02T03:04:05.5Z"),
        ("2024-01-02 03:04:05 +00:00", noon),
        // Logs of Python
        ("2024-01-02 03:04:05,123", "2024-01-02T03:04:05.123Z"),
        ("2024-01-02", "2024-01-02T00:00:00Z"),
        ("02.01.2024 03:04:05", noon),
        (" 2024-01-02T03:04Z ", "2024-01-02T03:04:00Z"),
    ] {
        let field = field("x: timestamp");
        assert_eq!(written(&field, &stored(&field, text).expect(text)), expected, "{text}");
    }
    let field = field("x: date");
    for text in ["2024-01-02", "02.01.2024", "2024-01-02 00:00:00", "2024-01-02T00:00:00.000Z"] {
        assert_eq!(written(&field, &stored(&field, text).expect(text)), "2024-01-02", "{text}");
    }
}

#[test]
fn an_f32_takes_the_texts_that_it_shows_and_no_others() {
    let field = field("x: f32");
    for text in [
        "0.1",
        "19.99",
        "1.10",
        "0.100000001490116119384765625",
        "16777216",
        "3.4028235e38",
        "1e-45",
        "0",
        "-0.0",
        "inf",
        "NaN",
        "123456.7",
        "0.000012345678",
        " 1.5",
        // Two texts of an f32 are as short and as near as each other.
        "-4055879.2",
        "-4055879.3",
    ] {
        assert!(stored(&field, text).is_ok(), "{text}");
    }
    for (text, nearest) in [
        ("1234567.89", "1234567.9"),
        ("16777217", "16777216"),
        ("0.123456789", "0.12345679"),
        ("3.14159265358979", "3.1415927"),
        ("1e-46", "0"),
        ("0.100000001", "0.1"),
    ] {
        let error = stored(&field, text).unwrap_err();
        assert!(error.contains(&format!("would be {nearest}; use f64, or allow rounding")), "{error}");
    }
}

#[test]
fn a_whole_number_in_a_float_field_is_kept_or_refused() {
    let field = field("x: f64");
    for text in ["9007199254740992", "9007199254740994", "1152921504606846976", "1152921504606847000"] {
        assert!(stored(&field, text).is_ok(), "{text}");
    }
    for text in ["9007199254740993", "1152921504606846977"] {
        let error = stored(&field, text).unwrap_err();
        assert!(error.contains("an f64 has too few digits for this whole number"), "{error}");
    }
    // Other digits are rounded, as in every program.
    assert!(stored(&field, "0.12345678901234567890123").is_ok());
}

#[test]
fn a_long_text_is_cut_in_the_message() {
    let error = stored(&field("x: i32"), &"9x".repeat(1_000_000)).unwrap_err();
    assert!(error.len() < 150, "{error}");
}

#[test]
fn one_value_may_be_written_in_several_ways() {
    for (ty, texts) in [
        ("bool", &["true", "TRUE", "t", "T", "1"][..]),
        ("bool", &["false", "False", "f", "0"]),
        ("f64", &["1", "1.0", "+1", "1e0", "10e-1"]),
        ("f64", &["inf", "+inf", "Infinity"]),
        (
            "timestamp",
            &[
                "2013-01-01T10:00:00Z",
                "2013-01-01 10:00:00",
                "2013-01-01T10:00Z",
                "2013-01-01t10:00:00.000z",
                "2013-01-01 05:00:00-05:00",
                "2013-01-02 01:30:00.0+15:30",
            ],
        ),
        ("uuid", &["67e55044-10b1-426f-9247-bb680e5fe0c8", "67E5504410B1426F9247BB680E5FE0C8"]),
        ("bytes[2]", &["0x01fe", "0x01FE"]),
        ("i8[3]", &["[1, -2, 3]", " [ 1,-2 ,3 ] "]),
    ] {
        let field = field(&format!("x: {ty}"));
        let first = stored(&field, texts[0]).unwrap();
        assert_eq!(written(&field, &first), texts[0]);
        for text in texts {
            assert_eq!(stored(&field, text).as_ref(), Ok(&first), "{text}");
        }
    }
}

#[test]
fn floats_are_written_as_the_shortest_text() {
    let f32s = [
        (0.1_f32, "0.1"),
        (1.0, "1"),
        (-0.0, "-0"),
        (16_777_216.0, "16777216"),
        (f32::MAX, "3.4028235e38"),
        (f32::MIN_POSITIVE, "1.1754944e-38"),
        (1e-45, "1e-45"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
        (f32::NAN, "NaN"),
    ];
    for (real, text) in f32s {
        assert_eq!(written(&field("x: f32"), &real.to_le_bytes()), text);
        assert_eq!(stored(&field("x: f32?"), text), Ok(real.to_le_bytes().to_vec()));
        assert_eq!(Value::from(real).to_string(), text);
    }
    let f64s = [
        (0.1_f64 + 0.2, "0.30000000000000004"),
        (1e15, "1000000000000000"),
        (1e16, "1e16"),
        (1e-5, "0.00001"),
    ];
    for (real, text) in f64s {
        assert_eq!(written(&field("x: f64"), &real.to_le_bytes()), text);
        assert_eq!(stored(&field("x: f64"), text), Ok(real.to_le_bytes().to_vec()));
    }
    // A NaN that is not the reserved one is data.
    assert!(field("x: f32?").is_null(&u32::MAX.to_le_bytes()));
    assert!(!field("x: f32?").is_null(&f32::NAN.to_le_bytes()));
}

#[test]
fn dates_and_timestamps_are_written_as_iso_8601() {
    for (days, text) in [
        (0, "1970-01-01"),
        (15_736, "2013-01-31"),
        (-719_528, "0000-01-01"),
        (-719_529, "-000001-12-31"),
        (2_932_896, "9999-12-31"),
        (2_932_897, "+010000-01-01"),
        (i32::MIN, "-5877641-06-23"),
        (i32::MAX, "+5881580-07-11"),
    ] {
        assert_eq!(Date::from_days(days).to_string(), text);
        assert_eq!(text.parse::<Date>().unwrap().days(), days);
    }
    for (micros, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_357_034_400_000_000, "2013-01-01T10:00:00Z"),
        (1_357_034_400_120_000, "2013-01-01T10:00:00.12Z"),
        (1_357_034_400_000_007, "2013-01-01T10:00:00.000007Z"),
        (i64::MIN, "-290308-12-21T19:59:05.224192Z"),
        (i64::MAX, "+294247-01-10T04:00:54.775807Z"),
    ] {
        assert_eq!(Timestamp::from_micros(micros).to_string(), text);
        assert_eq!(text.parse::<Timestamp>().unwrap().micros(), micros);
    }
}

#[test]
fn the_calendar_counts_every_day_of_four_hundred_years() {
    let (mut year, mut month, mut day) = (1800, 1, 1);
    for days in Date::from_ymd(1800, 1, 1).unwrap().days()..=Date::from_ymd(2200, 1, 1).unwrap().days() {
        let date = Date::from_days(days);
        assert_eq!(date.ymd(), (year, month, day));
        assert_eq!(Date::from_ymd(year, month, day).unwrap(), date);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length =
            [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][usize::from(month) - 1];
        (year, month, day) = match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            (_, last) if last == length => (year, month + 1, 1),
            _ => (year, month, day + 1),
        };
    }
    assert!(Date::from_ymd(1900, 2, 29).is_err());
    assert!(Date::from_ymd(i32::MAX, 1, 1).is_err());
}

#[test]
fn timestamps_come_from_the_systems_clock_and_go_back() {
    use std::time::{Duration, SystemTime};
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_357_034_400_000_001);
    let moment = Timestamp::try_from(time).unwrap();
    assert_eq!(moment.to_string(), "2013-01-01T10:00:00.000001Z");
    assert_eq!(SystemTime::try_from(moment).unwrap(), time);
    let before = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
    assert_eq!(Timestamp::try_from(before).unwrap().micros(), -1);
    assert_eq!(moment.time_of_day(), Duration::from_micros(36_000_000_001));
    assert_eq!(Timestamp::from_date(moment.date()).unwrap().to_string(), "2013-01-01T00:00:00Z");
    assert!(Timestamp::from_date(Date::from_days(i32::MAX)).is_err());
    assert!(Timestamp::now() > moment);
}

#[test]
fn null_has_the_bytes_that_the_design_says() {
    for (ty, null) in [
        ("bool", vec![0xFF]),
        ("u16", vec![0xFF; 2]),
        ("i16", vec![0, 0x80]),
        ("f32", vec![0xFF; 4]),
        ("f64", vec![0xFF; 8]),
        ("str[3]", vec![0xFF, 0, 0]),
        ("bytes[3]", vec![0xFF; 3]),
        ("date", i32::MIN.to_le_bytes().into()),
        ("timestamp", i64::MIN.to_le_bytes().into()),
        ("uuid", vec![0xFF; 16]),
        ("i16[2]", vec![0, 0x80, 0, 0x80]),
        ("u8[2]", vec![0xFF; 2]),
    ] {
        let nullable = field(&format!("x: {ty}?"));
        assert_eq!(nullable.null(), Some(&null[..]), "{ty}");
        assert!(nullable.is_null(&null));
        assert!(nullable.load(&null).unwrap().is_null());
        assert_eq!(written(&nullable, &null), "");
        let mut out = vec![0; null.len()];
        nullable.store(&Value::Null, &mut out).unwrap();
        assert_eq!(out, null);

        let plain = field(&format!("x: {ty}"));
        assert!(!plain.is_null(&null) && plain.null().is_none());
        assert_eq!(
            plain.store(&Value::Null, &mut out).unwrap_err().to_string(),
            format!(
                "field \"x\": null where the type {ty} allows none; give a value, or make the field {ty}?"
            )
        );
    }
}

#[test]
fn values_are_stored_without_loss_or_not_at_all() {
    let uuid = Value::from(Uuid::from_u128(7));
    for (ty, value, reason) in [
        ("i32", Value::from(1.5), "it is not a whole number; round it first"),
        ("i32", f64::NAN.into(), "it is not a whole number; round it first"),
        ("i32", f64::INFINITY.into(), "it is not a whole number; round it first"),
        ("i8", 128.into(), "the range is -128 to 127"),
        ("i8", 1e300.into(), "the range is -128 to 127"),
        ("i128", (2_f64.powi(127)).into(), "the range is"),
        ("u128", (2_f64.powi(128)).into(), "the range is"),
        ("u8?", 255.into(), "this value is reserved for null here; it cannot be stored as data"),
        ("u8", (-1).into(), "the range is 0 to 255"),
        ("i32", "5".into(), "it is a text, which must be parsed first"),
        ("i32", true.into(), "it is a bool"),
        ("bool", 1.into(), "it is a whole number"),
        ("f32", 16_777_217.into(), "a float does not have enough digits for this whole number"),
        ("f64", u64::MAX.into(), "a float does not have enough digits for this whole number"),
        ("f64", u128::MAX.into(), "a float does not have enough digits for this whole number"),
        ("f32", 1e300.into(), "out of range"),
        ("str[2]", "UAL".into(), "too long: 3 bytes, and there is room for 2"),
        ("str[2]", 5.into(), "it is a whole number"),
        ("bytes[2]", vec![1_u8].into(), "1 bytes, expected 2"),
        ("date", "2013-01-31".into(), "it is a text, which must be parsed first"),
        ("timestamp", Date::from_days(0).into(), "it is a date"),
        ("date", uuid.clone(), "it is a uuid"),
        ("i8[2]", [1, 2, 3].into(), "3 elements, expected 2"),
        ("i8[2]", [1, 200].into(), "element 2, 200, is not a valid i8"),
        ("i8[2]", vec![Value::Null, 1.into()].into(), "element 1, null, is not a valid i8"),
    ] {
        let field = field(&format!("x: {ty}"));
        let error = field.store(&value, &mut vec![0; field.width()]).expect_err(ty);
        assert_eq!(error.kind(), ErrorKind::Value);
        assert!(
            error.to_string().starts_with(&format!("field \"x\": {value} is not a valid {ty}: {reason}")),
            "{error}"
        );
    }
    for (ty, value, text) in [
        ("i32", Value::from(2.0), "2"),
        ("u128", (2_f64.powi(127)).into(), "170141183460469231731687303715884105728"),
        ("i128", (-(2_f64.powi(127))).into(), "-170141183460469231731687303715884105728"),
        ("f32", 0.1_f64.into(), "0.1"),
        ("f64", 0.5_f32.into(), "0.5"),
        ("f64", i64::MIN.into(), "-9.223372036854775808e18"),
        ("u8", 255_i128.into(), "255"),
        ("i8[2]", [1_u64, 127].into(), "[1, 127]"),
        ("u8[2]", [1_u8, 255].into(), "[1, 255]"),
    ] {
        let field = field(&format!("x: {ty}"));
        let mut out = vec![0; field.width()];
        field.store(&value, &mut out).unwrap();
        assert_eq!(written(&field, &out).parse::<f64>().ok(), text.parse().ok(), "{ty}");
        assert_eq!(written(&field, &out).starts_with('['), text.starts_with('['));
    }
}

#[test]
fn values_compare_by_what_they_mean() {
    assert_eq!(Value::Unsigned(5), Value::Signed(5));
    assert_ne!(Value::Unsigned(u128::MAX), Value::Signed(-1));
    assert_eq!(Value::F32(0.5), Value::F64(0.5));
    assert_ne!(Value::F64(1.0), Value::Signed(1));
    assert_ne!(Value::from("1"), 1);
    assert_ne!(Value::Null, 0);
    assert_eq!(Value::from(-5_i8), -5_i64);
    assert_eq!(Value::from(vec![Value::from(1), Value::from(2)]), Value::from([1_u16, 2]));
}

#[test]
fn values_are_taken_apart_by_type() {
    assert_eq!(i64::try_from(Value::Unsigned(7)).unwrap(), 7);
    assert!(u8::try_from(Value::Signed(-1)).is_err());
    assert_eq!(i8::try_from(Value::from("7")).unwrap_err().to_string(), "7 (a text) is not a valid i8");
    assert_eq!(String::try_from(Value::from("UA")).unwrap(), "UA");
    assert_eq!(Vec::<u8>::try_from(Value::from([1_u8, 2])).unwrap(), [1, 2]);
    assert_eq!(f64::try_from(Value::F32(0.5)).unwrap(), 0.5);
    assert!(f32::try_from(Value::F64(0.5)).is_err());
    assert_eq!(Value::Null.optional::<i16>().unwrap(), None);
    assert_eq!(Value::from(5).optional::<i16>().unwrap(), Some(5));
    assert!(Value::from(70_000).optional::<i16>().is_err());
    let value = Value::Unsigned(u64::MAX.into());
    assert_eq!(
        (value.as_u64(), value.as_i64(), value.as_f64()),
        (Some(u64::MAX), None, Some(u64::MAX as f64))
    );
    assert_eq!(
        (Value::from("a").as_str(), Value::from("a").as_i64(), Value::from("a").as_bytes()),
        (Some("a"), None, None)
    );
}

#[test]
fn a_wrong_number_of_bytes_is_an_error() {
    let field = field("x: i32");
    assert!(field.load(&[0; 3]).is_err());
    assert!(field.parse_text("1", &mut [0; 5]).is_err());
    assert!(field.store(&1.into(), &mut [0; 5]).is_err());
    assert!(field.write_text(&[], &mut String::new()).is_err());
    assert!(field.clone().default_bytes(&[0; 3]).is_err());
}
