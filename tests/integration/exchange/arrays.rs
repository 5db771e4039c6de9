//! `.npy` files: those that NumPy writes, what NumPy reads from ours, and headers of all kinds.

use crate::random::Random;
use drystone::numpy::{Options, dtype};
use drystone::{ErrorKind, Result, Row, Schema};
use proptest::prelude::*;

use super::{data, drain, every_type, records};

fn read(file: &[u8], schema: &Schema) -> Result<Vec<u8>> {
    drain(schema, &mut Options::new().name("a.npy").reader(schema, file)?)
}

fn written(schema: &Schema, records: &[u8]) -> Vec<u8> {
    let rows = (records.len() / schema.width()) as u64;
    let options = Options::new().rows(rows);
    let (mut single, mut whole) =
        (options.writer(schema, Vec::new()).unwrap(), options.writer(schema, Vec::new()).unwrap());
    for record in records.chunks_exact(schema.width()) {
        single.write(Row::new(schema, record).unwrap()).unwrap();
    }
    whole.write_records(records).unwrap();
    let whole = whole.finish().unwrap();
    assert!(single.finish().unwrap() == whole);
    whole
}

/// A file with this header and these bytes.
fn file(header: &str, bytes: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\0".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(bytes);
    file
}

fn plain(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    file(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"), bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_type_comes_back(seed: u64, rows in 0..150_usize) {
        let schema = every_type();
        let mut made = records(&schema, rows, seed);
        // The least timestamp is NaT to NumPy, and so is no value where there may be no null.
        for field in schema.fields().iter().filter(|field| field.ty() == drystone::Type::Timestamp && !field.is_nullable()) {
            for record in made.chunks_exact_mut(schema.width()) {
                let slot = &mut record[field.offset()..][..8];
                if slot == i64::MIN.to_le_bytes() {
                    slot.fill(0);
                }
            }
        }
        prop_assert!(read(&written(&schema, &made), &schema).unwrap() == made);
    }
}

#[test]
fn rows_are_the_bytes_of_the_file_behind_an_aligned_header() {
    let schema = every_type();
    let made = records(&schema, 1000, 3);
    let file = written(&schema, &made);
    assert!(file.ends_with(&made));
    assert_eq!((file.len() - made.len()) % 64, 0);
    // Names beyond ASCII take version 3.
    assert_eq!(file[..8], *b"\x93NUMPY\x03\0");
    let schema: Schema = "x: i32".parse().unwrap();
    assert_eq!(written(&schema, &[1, 0, 0, 0])[..8], *b"\x93NUMPY\x01\0");
    let writer = || Options::new().rows(1).writer(&schema, Vec::new()).unwrap();
    let error = writer().finish().unwrap_err();
    assert_eq!(
        (error.kind(), &*error.to_string()),
        (ErrorKind::Usage, "0 rows, where the header of the .npy file says 1")
    );
    assert!(writer().write_records(&[0; 8]).is_err());
    assert!(writer().write_records(&[0; 5]).is_err());
    let error = Options::new().writer(&schema, Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("numpy::Options::rows"), "{error}");
}

#[test]
fn numpy_writes_every_type() {
    // tests/data/exchange/write.py has the values.
    for (name, types, rows) in [
        (
            "numpy.npy",
            "truth: bool, i1: i8, u8: u64, big: i32, half: f32, single: f32, double: f64, ascii: str[4], latin: bytes[2], \
             text: str[6], raw: bytes[3], day: date, week: date, seconds: timestamp, micros: timestamp?, nanos: timestamp, \
             vector: f32[2], matrix: i16[4]",
            &[
                "truth: true, i1: -128, u8: 18446744073709551615, big: 66051, half: 0.5, single: 0.1, double: 0.1, ascii: ab, \
                 latin: 0xe900, text: 東京, raw: 0x610062, day: 2013-07-04, week: 1970-01-08, seconds: 1970-01-01T00:00:01Z, \
                 micros: 2013-07-04T12:00:00.25Z, nanos: 1970-01-01T00:00:00.000001Z, vector: [1, 2], matrix: [1, 2, 3, 4]",
                "truth: false, i1: 127, u8: 0, big: -2, half: -2, single: inf, double: NaN, ascii: , latin: 0x6162, text: , \
                 raw: 0x000000, day: 0001-01-01, week: 1970-01-01, seconds: 1969-12-31T23:59:59Z, micros: null, \
                 nanos: 1970-01-01T00:00:00Z, vector: [3, 4], matrix: [5, 6, 7, 8]",
            ][..],
        ),
        ("aligned.npy", "a: u8, b: f64", &["a: 1, b: 0.5", "a: 2, b: -0.5"]),
        ("plain.npy", "value: f32[3]", &["value: [0, 1, 2]", "value: [3, 4, 5]"]),
    ] {
        let file = std::fs::read(data().join(name)).unwrap();
        let schema = Options::new().name(name).infer(&*file).unwrap().schema().clone();
        assert_eq!(schema, types.parse().unwrap(), "{name}");
        let read = read(&file, &schema).unwrap();
        let read =
            read.chunks_exact(schema.width()).map(|record| Row::new(&schema, record).unwrap().to_string());
        assert_eq!(read.collect::<Vec<_>>(), rows, "{name}");
    }
    let file = std::fs::read(data().join("objects.npy")).unwrap();
    let error = Options::new().name("objects.npy").infer(&*file).err().unwrap().to_string();
    assert!(error.starts_with("objects.npy: field \"names\": its dtype \"|O\" is Python objects"), "{error}");
}

#[test]
fn offsets_padding_and_byte_orders_are_followed() {
    let schema: Schema = "b: i16, a: u32".parse().unwrap();
    let bytes = [9, 1, 0, 0, 0, 9, 0xFF, 0xFE, 9];
    for descr in [
        "{'names': ['a', 'b'], 'formats': ['<u4', '>i2'], 'offsets': [1, 6], 'itemsize': 9}",
        "{'names': ('b', 'a'), 'formats': ('>i2', '<u4'), 'offsets': (6, 1), 'itemsize': 9}",
        "[('', '|V1'), ('a', '<u4'), ('', '|V1'), (('title', 'b'), '>i2'), ('', '|V1')]",
    ] {
        let record = read(&plain(descr, "(1,)", &bytes), &schema).unwrap();
        assert_eq!(Row::new(&schema, &record).unwrap().to_string(), "b: -2, a: 1", "{descr}");
    }
    // Values are converted where nothing is lost.
    let wide: Schema = "b: i64, a: f64, c: i8 = 5".parse().unwrap();
    let record = read(&plain("[('b', '>i2'), ('a', '<u4')]", "(1,)", &bytes[3..9]), &wide).unwrap();
    assert_eq!(Row::new(&wide, &record).unwrap().to_string(), "b: 0, a: 167706377, c: 5");
}

#[test]
fn what_cannot_be_records_is_refused_with_a_way_out() {
    let deep = "(".repeat(5000);
    for (file, expected) in [
        (b"".to_vec(), "it is not an .npy file"),
        (b"\x93NUMPY".to_vec(), "it is not an .npy file"),
        (b"\x93NUMPY\x09\0\0\0".to_vec(), "version 9 of the .npy format"),
        (b"\x93NUMPY\x02\0\xFF\xFF\xFF\xFF".to_vec(), "its header has 4294967295 bytes"),
        (b"\x93NUMPY\x01\0\xFF\xFF{".to_vec(), "it ends within its header"),
        (self::file("nonsense", b""), "its header is not a Python dict"),
        (self::file(&deep, b""), "its header is not a Python dict"),
        (self::file("{}", b""), "its header has no descr"),
        (self::file("{'descr': '<i4'}", b""), "its header has no shape"),
        (plain("'<i4'", "()", b""), "it has 0 dimensions"),
        (plain("'<i4'", "(1, 2, 3)", b""), "it has 3 dimensions; a structured array has one"),
        (plain("[('x', '<i4')]", "(1, 2)", b""), "it has 2 dimensions"),
        (plain("'<i4'", "(1, 70000)", b""), "more elements than an array"),
        (plain("'<i4'", "(9223372036854775807,)", b""), "exceed the limit"),
        (
            plain("[('x', '|O')]", "(1,)", b""),
            "field \"x\": its dtype \"|O\" is Python objects, which are pickled",
        ),
        (plain("[('x', [('y', '<i4')])]", "(1,)", b""), "field \"x\" has fields of its own"),
        (plain("[]", "(1,)", b""), "its dtype has no fields"),
        (plain("[('x', 'V0')]", "(1,)", b""), "field \"x\" has no bytes"),
        (plain("[('x', '<i4', (99999999999,))]", "(1,)", b""), "field \"x\" is wider than"),
        (
            plain("{'names': ['x'], 'formats': ['<i4'], 'offsets': [2], 'itemsize': 5}", "(1,)", b""),
            "beyond its itemsize, 5",
        ),
        (plain("{'names': ['x'], 'formats': []}", "(1,)", b""), "not as many names"),
        (
            self::file("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 2)}", b""),
            "numpy.ascontiguousarray",
        ),
        (plain("'<i4'", "(3,)", &[0; 11]), "it ends after 2 of the 3 rows that its header tells of"),
    ] {
        let inferred = Options::new().name("a.npy").infer(&*file);
        let error = inferred.and_then(|inferred| read(&file, inferred.schema()));
        let error = error.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Input | ErrorKind::Schema), "{error}");
        assert!(
            error.to_string().starts_with("a.npy: ") && error.to_string().contains(expected),
            "{expected}: {error}"
        );
    }
    for (descr, bytes, schema, expected) in [
        (
            "'<i4'",
            &[0, 1, 0, 0][..],
            "x: u8",
            "row 1 of a.npy: field \"x\": 256 is not a valid u8: the range is 0 to 255",
        ),
        ("'|b1'", &[2], "x: bool", "row 1 of a.npy: field \"x\": the stored bytes are not a valid bool"),
        (
            "'|S2'",
            b"\xE9a",
            "x: str[2]",
            "row 1 of a.npy: field \"x\": the stored bytes are not a valid str[2]: it is not UTF-8",
        ),
        ("'|S2'", b"\xE9a", "x: str[3]", "row 1 of a.npy: field \"x\": bytes that are not UTF-8"),
        (
            "'<M8[us]'",
            &i64::MIN.to_le_bytes(),
            "x: timestamp",
            "row 1 of a.npy: field \"x\": the value, timestamp, is missing (\"NaT\")",
        ),
        (
            "'<M8[s]'",
            &i64::MIN.to_le_bytes(),
            "x: timestamp",
            "row 1 of a.npy: field \"x\": the value, timestamp, is missing (\"NaT\")",
        ),
        ("'<M8[ns]'", &1_i64.to_le_bytes(), "x: timestamp", "1 ns would be lost"),
        (
            "'>i2'",
            &[0x80, 0],
            "x: i16?",
            "row 1 of a.npy: field \"x\": -32768 is not a valid i16?: this value is reserved",
        ),
    ] {
        let error = read(&plain(descr, "(1,)", bytes), &schema.parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn changed_headers_are_never_a_panic() {
    let mut random = Random::new(9);
    for name in ["numpy.npy", "aligned.npy", "plain.npy", "objects.npy"] {
        let whole = std::fs::read(data().join(name)).unwrap();
        for length in 0..whole.len() {
            let cut = &whole[..length];
            let inferred = Options::new().name(name).infer(cut);
            assert!(inferred.and_then(|inferred| read(cut, inferred.schema())).is_err(), "{name} {length}");
        }
        for _ in 0..2000 {
            let mut bytes = whole.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len().min(600));
                bytes[at] = random.below(256) as u8;
            }
            let inferred = Options::new().name(name).infer(&*bytes);
            let _ = inferred.and_then(|inferred| read(&bytes, inferred.schema()));
        }
    }
}

#[test]
fn the_dtype_of_a_schema_is_that_of_its_records() {
    let schema: Schema =
        "a: u8 key, \"it's \\ é\": bool?, b: bool, c: u128, d: uuid, e: date?, f: timestamp, g: bytes[3], \
                          h: str[5]?, i: i128[2], j: i8, k: f64?"
            .parse()
            .unwrap();
    assert_eq!(
        dtype(&schema),
        "[('a','|u1'),('it\\'s \\\\ é','|u1'),('b','|b1'),('c','V16'),('d','V16'),('e','<i4'),('f','<M8[us]'),('g','V3'),\
         ('h','S5'),('i','V16',(2,)),('j','|i1'),('k','<f8')]"
    );
}
