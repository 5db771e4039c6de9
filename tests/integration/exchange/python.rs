//! Python reads our files: tests/data/exchange/check.py reads them with pyarrow, pandas and polars,
//! and writes them again.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use drystone::{FieldDef, Number, Row, Schema, Type, Value, arrow, numpy, parquet};

use super::{data, drain, every_type, records};

/// The interpreter, if it has these modules; else says that the test is left out.
pub(super) fn python(modules: &str) -> Option<Command> {
    let name = std::env::var_os("DRYSTONE_PYTHON").unwrap_or_else(|| "python3".into());
    let found = Command::new(&name).args(["-c", &format!("import {modules}")]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        println!("left out: {} cannot import {modules}; set DRYSTONE_PYTHON to one that can", name.display());
        return None;
    }
    Some(Command::new(name))
}

#[test]
fn python_reads_what_was_written_and_what_it_writes_is_read() {
    let Some(mut python) = python("numpy, pandas, polars, pyarrow") else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let schema = every_type();
    let made = records(&schema, 300, 11);
    let mut file = arrow::Options::new().writer(&schema, File::create(place("a.arrow")).unwrap()).unwrap();
    let streams = arrow::Options::new().format(arrow::Format::Stream);
    let mut stream = streams.writer(&schema, File::create(place("a.arrows")).unwrap()).unwrap();
    let mut rows =
        parquet::Options::new().writer(&schema, File::create(place("a.parquet")).unwrap()).unwrap();
    file.write_records(&made).unwrap();
    stream.write_records(&made).unwrap();
    rows.write_records(&made).unwrap();
    file.finish().unwrap();
    stream.finish().unwrap();
    rows.finish().unwrap();
    let arrays = numpy::Options::new().rows(300);
    let mut array = arrays.writer(&schema, File::create(place("a.npy")).unwrap()).unwrap();
    array.write_records(&made).unwrap();
    array.finish().unwrap();
    std::fs::write(place("records"), &made).unwrap();
    std::fs::write(place("expected.json"), expected(&schema, &made)).unwrap();

    let ran = python.arg(data().join("check.py")).arg(folder.path()).output().unwrap();
    assert!(
        ran.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );

    for name in ["again.arrow", "again.arrows", "again.parquet", "polars.parquet", "polars.arrow"] {
        let read = read(&place(name), &schema);
        assert!(read == made, "{name}");
    }
    // The lowest timestamp is NaT to NumPy, so it is an error in a field that cannot be null: read
    // it as nullable.
    let nullable = |field: &FieldDef| {
        let is_moment = field.ty() == Type::Timestamp;
        if is_moment { field.clone().nullable().unwrap() } else { field.clone() }
    };
    let lenient = Schema::new(schema.fields().iter().map(nullable).collect()).unwrap();
    let mut again = arrays.reader(&lenient, File::open(place("again.npy")).unwrap()).unwrap();
    assert!(drain(&lenient, &mut again).unwrap() == made);
    let known = |field: &&FieldDef| {
        !matches!(field.ty(), Type::U128 | Type::I128 | Type::Array(Number::U128 | Number::I128, _))
    };
    let known = Schema::new(schema.fields().iter().filter(known).cloned().collect()).unwrap();
    let mut wanted = Vec::new();
    for record in made.chunks_exact(schema.width()) {
        for field in known.fields() {
            let row = Row::new(&schema, record).unwrap();
            wanted.extend_from_slice(row.stored(field.name()).unwrap().1);
        }
    }
    for name in ["pandas.parquet", "pandas.arrow"] {
        assert!(read(&place(name), &known) == wanted, "{name}");
    }
}

fn read(path: &Path, schema: &Schema) -> Vec<u8> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let file = File::open(path).unwrap();
    let mut reader = match path.extension().unwrap().to_str().unwrap() {
        "parquet" => parquet::Options::new().name(name).reader(schema, file).unwrap(),
        "arrows" => arrow::Options::new().name(name).stream_reader(schema, file).unwrap(),
        _ => arrow::Options::new().name(name).reader(schema, file).unwrap(),
    };
    drain(schema, &mut reader).unwrap_or_else(|error| panic!("{error}"))
}

/// All columns in the plain form that check.py prints: whole numbers as text, floats as their bits.
pub(super) fn expected(schema: &Schema, records: &[u8]) -> String {
    let columns = schema.fields().iter().enumerate().map(|(at, field)| {
        let values = records.chunks_exact(schema.width());
        let values = values.map(|record| plain(&Row::new(schema, record).unwrap().get(at).unwrap()));
        let ty = if let Type::Array(number, _) = field.ty() { number.as_type() } else { field.ty().clone() };
        let ty = ty.to_string().split('[').next().unwrap().to_owned();
        serde_json::json!({ "name": field.name(), "type": ty, "values": values.collect::<Vec<_>>() })
    });
    serde_json::Value::Array(columns.collect()).to_string()
}

fn plain(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::F32(number) => format!("{:08x}", number.to_bits()).into(),
        Value::F64(number) => format!("{:016x}", number.to_bits()).into(),
        Value::Date(date) => date.days().to_string().into(),
        Value::Timestamp(moment) => moment.micros().to_string().into(),
        Value::Array(elements) => elements.iter().map(plain).collect(),
        other => other.to_string().into(),
    }
}
