//! Schemas: the text form there and back, its errors, the limits, the numbers on disk.

use drystone::{EnumNames, ErrorKind, FieldDef, Number, Schema, Type};
use proptest::prelude::*;

use crate::values::{any_type, any_value};

fn parse(text: &str) -> Schema {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The message of the error that this text gives.
fn refused(text: &str) -> String {
    let error = text.parse::<Schema>().expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Schema, "{error}");
    error.to_string()
}

#[test]
fn fields_are_packed_in_their_order() {
    let schema = parse("id: u64 key, x: i32, y: i32, carrier: str[2], delay: i16?");
    let places: Vec<_> = schema.fields().iter().map(|field| (field.offset(), field.width())).collect();
    assert_eq!(places, [(0, 8), (8, 4), (12, 4), (16, 2), (18, 2)]);
    assert_eq!((schema.width(), schema.key_width(), schema.key_fields().len()), (20, 8, 1));
    assert_eq!(schema.position("carrier"), Some(3));
    assert_eq!(schema.position("Carrier"), None);
    assert!(schema.field("delay").unwrap().is_nullable());
}

#[test]
fn white_space_comments_and_a_trailing_comma_are_free() {
    let spread = parse(
        "# flights of 2013\n  id :u64   key , # the row\n\tx:i32\n,\"dep time\"  : i16 ? = null,\r\n  tag: str [ 5 ]=\"a,#\"\"b\",\n",
    );
    assert_eq!(
        spread.to_string(),
        "id: u64 key, x: i32, \"dep time\": i16? = null, tag: str[5] = \"a,#\"\"b\""
    );
}

#[test]
fn a_default_too_long_for_its_field_is_refused() {
    assert_eq!(
        refused("tag: str[2] = \"a,#\"\"b\""),
        "column 15: the default of field \"tag\": \"a,#\\\"b\" is not a valid str[2]: too long: 5 bytes, and there is room for 2"
    );
}

#[test]
fn names_that_are_no_identifiers_stand_in_quotes() {
    for name in ["dep time", "1st", "a-b", "\"", "naïve key", "key", "null", "ключ", "_x1", "a: u8"] {
        let schema = Schema::new(vec![FieldDef::new(name, Type::U8).unwrap()]).unwrap();
        assert_eq!(parse(&schema.to_string()), schema);
        assert_eq!(schema.field(name).unwrap().name(), name);
    }
    assert_eq!(parse("key: u8 key, null: i16?").to_string(), "key: u8 key, null: i16?");
}

#[test]
fn errors_name_the_column_and_the_way_out() {
    let types = "a type (bool, u8 to u128, i8 to i128, f32, f64, str[N], bytes[N], date, timestamp, uuid, enum[names])";
    for (text, message) in [
        ("", "column 1: a schema needs at least one field, such as \"id: u64 key\"".to_owned()),
        ("id", "column 3: expected a colon and a type after the name \"id\", found the end".into()),
        ("id: u65", format!("column 5: expected {types}, found \"u65\"; did you mean u64?")),
        ("id: ", format!("column 5: expected {types}, found the end")),
        ("id: string", format!("column 5: expected {types}, found \"string\"; did you mean str[N]?")),
        ("x: int", format!("column 4: expected {types}, found \"int\"; did you mean i32 or i64?")),
        ("x: str", "column 4: str needs its length in bytes, such as str[16]".into()),
        ("x: str[", "column 8: expected a length from 1 to 65535, found the end".into()),
        ("x: str[0]", "column 8: expected a length from 1 to 65535, found \"0\"".into()),
        ("x: f32[65536]", "column 8: expected a length from 1 to 65535, found \"65536\"".into()),
        ("x: str[-1]", "column 8: expected a length from 1 to 65535, found \"-\"".into()),
        ("x: str[2", "column 9: expected a closing bracket after the length, found the end".into()),
        ("x: date[2]", "column 4: there are arrays of numbers only, and date is no number".into()),
        ("x: i32 y: i32", "column 8: expected a comma, or the end, found \"y\"".into()),
        ("x: i32, y; i32", "column 10: expected a colon and a type after the name \"y\", found \";\"".into()),
        ("x: i32, , y: i8", {
            let name = "the name of a field (in quotes if it is not plain letters and digits)";
            format!("column 9: expected {name}, found \",\"")
        }),
        ("größe: i33", format!("column 8: expected {types}, found \"i33\"; did you mean i32?")),
        ("x: i32,\n  y: i32,\n  x: i8", "line 3, column 3: another field has this name; rename one".into()),
        ("x: i32, id: u64 key", "column 9: key fields come first; move it before \"x\"".into()),
        (
            "id: u64? key",
            "column 5: a key field cannot be null; remove the question mark or the word key".into(),
        ),
        ("v: f32[4] key", {
            "column 4: an array such as f32[4] cannot be a key, as arrays have no order; use bytes[N] or several fields"
                .into()
        }),
        ("\"\": i32", "column 1: a field needs a name".into()),
        ("\"a\tb\": i32", "column 1: a name cannot contain control characters".into()),
        ("\"a: i32", "column 1: the closing quote of this text is missing".into()),
        ("x: i32 =", "column 9: expected a default, such as 0 or null, found the end".into()),
        ("x: i32 = null", "column 10: i32 cannot be null; write i32? to allow it".into()),
        ("x: i8 = 200", {
            "column 9: the default of field \"x\": \"200\" is not a valid i8: out of range, which is -128 to 127"
                .into()
        }),
        ("c: str[2] = UA", "column 13: a text must be quoted, such as \"UA\"".into()),
        ("v: i8[2] = [1, 2", "column 12: the closing bracket of this array is missing".into()),
        ("a: bytes[40000], b: bytes[40000]", {
            "column 18: a record has at most 65535 bytes, and up to here there are 80000".into()
        }),
        ("a: f64[65535]", "column 4: f64[65535] takes 524280 bytes, and a record has at most 65535".into()),
        (
            "a: bytes[256] key, b: u8 key",
            "column 20: a key has at most 256 bytes, and up to here there are 257".into(),
        ),
    ] {
        assert_eq!(refused(text), message, "{text}");
    }
}

#[test]
fn the_limits_hold_and_no_less() {
    let fields =
        |count: usize| (0..count).map(|at| FieldDef::new(&format!("f{at}"), Type::U8).unwrap()).collect();
    assert_eq!(Schema::new(fields(1024)).unwrap().width(), 1024);
    assert!(Schema::new(fields(1025)).unwrap_err().to_string().contains("at most 1024 fields"));
    assert!(Schema::new(vec![]).is_err());

    assert!(FieldDef::new(&"x".repeat(64), Type::U8).is_ok());
    let error = FieldDef::new(&"x".repeat(65), Type::U8).unwrap_err();
    assert!(error.to_string().contains("at most 64 bytes, and this one has 65"), "{error}");

    assert_eq!(parse("x: bytes[65535]").width(), 65_535);
    assert_eq!(parse("x: bytes[256] key, y: bytes[65279]").width(), 65_535);
    assert!(FieldDef::new("x", Type::Str(0)).is_err());
    assert!(FieldDef::new("x", Type::Array(Number::U8, 0)).is_err());
}

/// A short text must not cost gigabytes: each of these fields would keep 64 KiB for its null.
#[test]
fn reading_stops_at_the_first_field_beyond_the_limits() {
    let text = "a: bytes[65535]?, ".repeat(100_000);
    assert!(refused(&text).starts_with("column 19: another field has this name"));
    let text: String = (0..100_000).map(|at| format!("f{at}: u8, ")).collect();
    assert!(refused(&text).ends_with("a record has at most 1024 fields"));
}

#[test]
fn a_schema_may_be_nothing_but_a_key() {
    let set = parse("a: u32 key, b: str[4] key");
    assert_eq!((set.key_width(), set.width()), (8, 8));
}

#[test]
fn an_unknown_field_is_named_with_the_nearest_and_all() {
    let error = parse("id: u64, carrier: str[2], delay: i16?").field("dealy").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FieldNotFound);
    assert_eq!(
        error.to_string(),
        "no field \"dealy\" (did you mean \"delay\"?); the fields are id, carrier, delay"
    );
    let error = parse("id: u64").field("speed").unwrap_err();
    assert_eq!(error.to_string(), "no field \"speed\"; the fields are id");
}

#[test]
fn the_builder_reports_the_first_mistake() {
    let schema = Schema::builder()
        .key("id", Type::U64)
        .field("day", Type::Date)
        .default_text("2013-01-31")
        .nullable("delay", Type::I16)
        .default(None::<i16>)
        .build()
        .unwrap();
    assert_eq!(schema.to_string(), "id: u64 key, day: date = 2013-01-31, delay: i16? = null");

    let error = Schema::builder().field("x", Type::I8).default(200).field("", Type::I8).build().unwrap_err();
    assert_eq!(error.to_string(), "default: field \"x\": 200 is not a valid i8: the range is -128 to 127");
    assert!(Schema::builder().default(1).field("x", Type::I8).build().is_err());
    assert!(Schema::builder().build().is_err());
}

#[test]
fn fields_are_appended_at_the_end_and_are_no_key() {
    let schema = parse("id: u64 key, x: i32");
    let longer = schema.append(FieldDef::new("y", Type::I8).unwrap().nullable().unwrap()).unwrap();
    assert_eq!(longer.to_string(), "id: u64 key, x: i32, y: i8?");
    assert_eq!(longer.field("y").unwrap().offset(), 12);
    assert!(schema.append(FieldDef::new("y", Type::I8).unwrap().key().unwrap()).is_err());
    assert!(schema.append(FieldDef::new("x", Type::I8).unwrap()).is_err());
}

#[test]
fn equality_counts_all_but_defaults() {
    assert_eq!(parse("x: i32"), parse("x: i32 = 7"));
    for other in ["y: i32", "x: u32", "x: i32?", "x: i32 key", "x: i32, y: i32"] {
        assert_ne!(parse("x: i32"), parse(other));
    }
}

#[test]
fn the_numbers_on_disk_never_change() {
    let types = "bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 str[7] bytes[8] date timestamp uuid";
    for (at, name) in types.split(' ').enumerate() {
        let ty: Type = name.parse().unwrap();
        assert_eq!(ty.code().0 as usize, at + 1, "{name}");
        assert_eq!(ty.to_string(), name);
    }
    assert_eq!(Type::Array(Number::F32, 128).code(), (19, 12, 128));
    assert_eq!("enum[a, b]".parse::<Type>().unwrap().code(), (20, 0, 2));
    assert_eq!("u8[4]".parse::<Type>().unwrap(), Type::Array(Number::U8, 4));
}

#[test]
fn numbers_that_stand_for_no_type_are_corrupt() {
    let mut known = 0;
    for (code, element) in (0..=255).flat_map(|code| (0..=255).map(move |element| (code, element))) {
        for length in [0, 1, 65_535] {
            match Type::from_code(code, element, length) {
                Ok(ty) => {
                    known += 1;
                    assert_eq!(ty.code(), (code, element, length));
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt),
            }
        }
    }
    assert_eq!(known, 16 + 2 * 2 + 12 * 2);
}

prop_compose! {
    fn any_field(key: bool)(
        name in "[a-z_\" ,:#é0-9]{1,12}",
        (ty, default) in any_type().prop_flat_map(|ty| (Just(ty.clone()), proptest::option::of(any_value(ty)))),
        nullable in any::<bool>(),
    ) -> FieldDef {
        let key = key && ty.can_be_key();
        let field = FieldDef::new(&name, ty).unwrap();
        let field = if key { field.key().unwrap() } else { field };
        let field = if nullable && !key { field.nullable().unwrap() } else { field };
        let null = field.null().map(Vec::from);
        match default.or(null) {
            Some(default) => field.default_bytes(&default).unwrap(),
            None => field,
        }
    }
}

prop_compose! {
    fn any_schema()(
        keys in proptest::collection::vec(any_field(true), 0..4),
        others in proptest::collection::vec(any_field(false), 0..12),
    ) -> Option<Schema> {
        let (keys, late): (Vec<_>, Vec<_>) = keys.into_iter().partition(FieldDef::is_key);
        let mut names = std::collections::HashSet::new();
        let fields = keys.into_iter().chain(late).chain(others);
        Schema::new(fields.filter(|field| names.insert(field.name().to_owned())).collect()).ok()
    }
}

proptest! {
    #[test]
    fn any_schema_is_read_back_from_its_text(schema in any_schema()) {
        let Some(schema) = schema else { return Ok(()) };
        let text = schema.to_string();
        let back: Schema = text.parse()?;
        prop_assert_eq!(&back, &schema);
        prop_assert_eq!(back.to_string(), text);
        for (back, field) in back.fields().iter().zip(schema.fields()) {
            prop_assert_eq!(back.default(), field.default());
            prop_assert_eq!(back.offset(), field.offset());
        }
        prop_assert_eq!(back.default_bytes(), schema.default_bytes());
    }

    #[test]
    fn any_schema_is_made_again_from_its_parts(schema in any_schema()) {
        let Some(schema) = schema else { return Ok(()) };
        let fields = schema.fields().iter().map(|field| {
            let (code, element, length) = field.ty().code();
            let ty = match field.names() {
                Some(names) => Type::Enum(EnumNames::new(names.iter())?),
                None => Type::from_code(code, element, length)?,
            };
            let mut again = FieldDef::new(field.name(), ty)?;
            if field.is_nullable() {
                again = again.nullable()?;
            }
            if field.is_key() {
                again = again.key()?;
            }
            match field.default() {
                Some(default) => again.default_bytes(default),
                None => Ok(again),
            }
        });
        let again = Schema::new(fields.collect::<Result<_, _>>()?)?;
        prop_assert_eq!(&again, &schema);
        prop_assert_eq!(again.to_string(), schema.to_string());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*", at in any::<prop::sample::Index>()) {
        let _ = text.parse::<Schema>();
        let valid = "id: u64 key, \"dep time\": i16? = null, v: f32[3] = [1, 2, 3], tag: str[2] = \"a\"";
        let boundaries: Vec<usize> = valid.char_indices().map(|(at, _)| at).collect();
        let at = boundaries[at.index(boundaries.len())];
        let _ = format!("{}{text}{}", &valid[..at], &valid[at..]).parse::<Schema>();
        let _ = valid[..at].parse::<Schema>();
    }
}
