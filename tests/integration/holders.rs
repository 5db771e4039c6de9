//! A test for each Python record holder: what people do with it there (the Python line), done here.

use std::collections::BTreeMap;

use drystone::{ErrorKind, Field, Nullable, Record, Row, RowBuf, Schema, Type, Value};

/// A declared type with its own methods.
#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C)]
struct Point {
    x: i32,
    y: i32,
    z: i32,
}

impl Point {
    fn squared_length(&self) -> i64 {
        [self.x, self.y, self.z].iter().map(|side| i64::from(*side).pow(2)).sum()
    }
}

fn points() -> Schema {
    "x: i32, y: i32, z: i32".parse().unwrap()
}

/// dict, 240 bytes: by name, at run time.
#[test]
fn dict() -> drystone::Result<()> {
    // p = {"x": 1, "y": 2, "z": 3}
    let schema = points();
    let mut p = RowBuf::from_named(&schema, [("x", 1), ("y", 2), ("z", 3)])?;
    // name = input(); p[name]
    let name = String::from("y");
    assert_eq!(p.get(&name)?, 2);
    // p["x"] = 10
    p.set("x", 10)?;
    // "w" in p; p["w"]  -> KeyError
    assert_eq!(schema.position("w"), None);
    assert_eq!(p.get("w").unwrap_err().kind(), ErrorKind::FieldNotFound);
    // for name, value in p.items(): ...
    let items: Vec<String> = p.iter().map(|(name, value)| format!("{name}={}", value.unwrap())).collect();
    assert_eq!(items, ["x=10", "y=2", "z=3"]);
    // len(p); p == {"x": 10, "y": 2, "z": 3}
    assert_eq!(p.len(), 3);
    assert_eq!(p, RowBuf::from_named(&schema, [("z", 3), ("y", 2), ("x", 10)])?);
    // p.update(y=7, z=8)
    let p = p.replace([("y", 7), ("z", 8)])?;
    assert_eq!(p.to_string(), "x: 10, y: 7, z: 8");
    Ok(())
}

/// A class, 168 bytes: attributes, and the type's own methods.
#[test]
fn class() {
    // p = Point(1, 2, 3); p.x += 10
    let mut p = Point { x: 1, y: 2, z: 3 };
    p.x += 10;
    assert_eq!(p.x, 11);
    // p.squared_length()
    assert_eq!(p.squared_length(), 121 + 4 + 9);
    // getattr(p, "y"); vars(p)
    assert_eq!(Row::from_record(&p).get("y").unwrap(), 2);
    assert_eq!(Row::from_record(&p).to_string(), "x: 11, y: 2, z: 3");
}

/// A class with `__slots__`, 64 bytes: a fixed set of fields, no new attribute.
#[test]
fn slots() {
    // class Point: __slots__ = ("x", "y", "z")
    // p.w = 4  -> AttributeError. Typed, it does not compile; dynamic, the error lists the fields.
    let mut p = RowBuf::new(&points());
    let error = p.set("w", 4).unwrap_err();
    assert_eq!(error.to_string(), "no field \"w\" (did you mean \"x\"?); the fields are x, y, z");
    // Unlike there, a field also keeps its type:  p.x = "one"  -> an error
    assert_eq!(p.set("x", "one").unwrap_err().kind(), ErrorKind::Value);
    assert_eq!(p, RowBuf::new(&points()));
}

/// tuple, 72 bytes: by position, unpacked, immutable.
#[test]
fn tuple() -> drystone::Result<()> {
    // p = (1, 2, 3)
    let schema = points();
    let buffer = RowBuf::from_values(&schema, [1, 2, 3])?;
    // A `Row` is borrowed and has nothing that changes it.
    let p: Row<'_> = buffer.as_row();
    // p[0], p[-1], len(p)
    assert_eq!((p.get(0)?, p.get(p.len() - 1)?, p.len()), (1.into(), 3.into(), 3));
    // x, y, z = p
    let [x, y, z] = p.values().map(|value| value?.try_into()).collect::<drystone::Result<Vec<i32>>>()?[..]
    else {
        unreachable!("three fields")
    };
    assert_eq!((x, y, z), (1, 2, 3));
    // Typed, it is one pattern.
    let Point { x, y, z } = p.to_record()?;
    assert_eq!((x, y, z), (1, 2, 3));
    // 2 in p; sum(p)
    assert!(p.values().any(|value| value.unwrap() == 2));
    assert_eq!(p.values().map(|value| value.unwrap().as_i64().unwrap()).sum::<i64>(), 6);
    Ok(())
}

/// namedtuple, 72 bytes: name and position, `_fields`, `_asdict`, `_replace`, `_make`,
/// `_field_defaults`.
#[test]
fn namedtuple() -> drystone::Result<()> {
    // Point = namedtuple("Point", "x y z", defaults=[0])
    let schema: Schema = "x: i32, y: i32, z: i32 = 0".parse()?;
    // p = Point._make([1, 2])
    let p = RowBuf::from_values(&schema, [1, 2])?;
    // p.x == p[0]
    assert_eq!(p.get("x")?, p.get(0)?);
    // Point._fields
    let fields: Vec<&str> = schema.fields().iter().map(|field| field.name()).collect();
    assert_eq!(fields, ["x", "y", "z"]);
    // Point._field_defaults
    let z = schema.field("z")?;
    assert_eq!(z.load(z.default().unwrap())?, 0);
    // p._asdict()
    let dict: BTreeMap<&str, Value<'_>> = p.iter().map(|(name, value)| (name, value.unwrap())).collect();
    assert_eq!(dict["y"], 2);
    // q = p._replace(y=5): p is as it was
    let q = p.clone().replace([("y", 5)])?;
    assert_eq!((p.get("y")?, q.get("y")?), (2.into(), 5.into()));
    // Typed, Rust has it built in.
    let p = Point { x: 1, y: 2, z: 0 };
    assert_eq!(Point { y: 5, ..p }, q.to_record()?);
    // repr(p)  -> Point(x=1, y=2, z=0)
    assert_eq!(format!("{:?}", Row::from_record(&p)), "Row { x: 1, y: 2, z: 0 }");
    Ok(())
}

/// namedlist, attrs, `make_dataclass`, 64 and 40 bytes: a type declared or made from names at run
/// time, with defaults.
#[test]
fn namedlist_attrs_make_dataclass() -> drystone::Result<()> {
    // Point = make_dataclass("Point", [("x", int), ("y", int), ("label", str, field(default="-"))])
    let mut builder = Schema::builder();
    for name in ["x", "y"] {
        builder = builder.field(name, Type::I32);
    }
    let schema = builder.field("label", Type::Str(8)).default("-").nullable("seen", Type::Date).build()?;
    // p = Point(1, 2)
    let mut p = RowBuf::from_values(&schema, [1, 2])?;
    assert_eq!(p.to_string(), "x: 1, y: 2, label: -, seen: null");
    // Point(1)  -> TypeError: missing a required argument: 'y'
    let error = RowBuf::from_values(&schema, [1]).unwrap_err();
    assert!(error.to_string().starts_with("field \"y\": no value is given, and it has no default"));
    // p.x = 5; p[1] = 6
    p.set("x", 5)?;
    p.set(1, 6)?;
    assert_eq!(p.to_string(), "x: 5, y: 6, label: -, seen: null");

    // @attrs.define
    // class Point: x: int; y: int; label: str = "-"; seen: date | None = None
    #[derive(Clone, Copy, Record)]
    #[repr(C)]
    struct Labelled {
        x: i32,
        y: i32,
        #[record(default = "-")]
        label: drystone::Text<8>,
        seen: Nullable<drystone::Date>,
    }
    // Both ways make the same type.
    assert_eq!(Labelled::schema(), &schema);
    let Labelled { x, y, label, seen } = p.to_record()?;
    assert_eq!((x, y, label, seen), (5, 6, "-".parse()?, Nullable::NULL));
    // attrs.evolve(p, x=1)
    assert_eq!(RowBuf::new(Labelled::schema()).replace([("x", 1)])?.get("label")?, "-");
    Ok(())
}

/// recordclass and mutabletuple, 48 bytes: as namedtuple, but changed in place.
#[test]
fn recordclass() -> drystone::Result<()> {
    // p = Point(1, 2, 3); p.x = 10; p[1] += 1
    let mut p = RowBuf::from_values(&points(), [1, 2, 3])?;
    let bytes = p.as_bytes().as_ptr();
    p.set("x", 10)?;
    let y = i32::try_from(p.get(1)?)?;
    p.set(1, y + 1)?;
    assert_eq!(p.to_string(), "x: 10, y: 3, z: 3");
    // The same bytes as before, changed where they lie.
    assert_eq!(p.as_bytes().as_ptr(), bytes);
    // x, y, z = p;  p == Point(10, 3, 3)
    assert_eq!(p.to_record::<Point>()?, Point { x: 10, y: 3, z: 3 });
    Ok(())
}

/// dataobject, 40 bytes: fields are offsets.
#[test]
fn dataobject() -> drystone::Result<()> {
    // Point = make_dataclass("Point", ["x", "y", "z"]): Point.y is a member descriptor at an offset
    let schema = points();
    let y: Field<i32> = schema.handle("y")?;
    assert_eq!((y.offset(), schema.width()), (4, 12));
    // Point.y.__get__(p); Point.y.__set__(p, 20): one load and one store
    let mut p = RowBuf::from_values(&schema, [1, 2, 3])?;
    assert_eq!(p.field(y), 2);
    p.set_field(y, 20);
    // The offset does as well, without any name.
    assert_eq!(p.at::<i32>(4)?, 20);
    p.set_at(8, 30_i32)?;
    assert_eq!(p.to_string(), "x: 1, y: 20, z: 30");
    // No more bytes than the fields have:  sys.getsizeof(p) is 40 there, with 12 of data
    assert_eq!(p.as_bytes().len(), 12);
    Ok(())
}

/// A Cython `cdef class`, 32 bytes: C-typed fields.
#[test]
fn cython() -> drystone::Result<()> {
    // cdef class Point:
    //     cdef public int x, y, z
    let mut points = [Point { x: 1, y: 2, z: 3 }; 4];
    // p.x is a C int: no object is made, and overflow is what C types do, not a wider int
    points[1].x = i32::MAX;
    assert_eq!(points[1].x.checked_add(1), None);
    // cdef int[:] view: the records side by side are their bytes, edge to edge
    assert_eq!(size_of_val(&points), 4 * 12);
    let total: i64 = points.iter().map(|p| i64::from(p.y)).sum();
    assert_eq!(total, 8);
    // p.x = 2**40  -> OverflowError
    let mut p = RowBuf::from_record(&points[0]);
    let error = p.set("x", 1_i64 << 40).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field \"x\": 1099511627776 is not a valid i32: the range is -2147483648 to 2147483647"
    );
    Ok(())
}
