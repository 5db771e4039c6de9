//! The main job, end to end: every flight of 2013 comes back as the CSV has it, value by value.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use drystone::{Database, Dyn, LoadOptions, Schema, csv};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/data").join(name)
}

fn flights_csv() -> String {
    let mut text = String::new();
    let file = File::open(data("flights-2013.csv.zst")).unwrap();
    zstd::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_flights_come_back_equal_to_the_csv() {
    let schema: Schema = std::fs::read_to_string(data("flights.schema")).unwrap().parse().unwrap();
    let text = flights_csv();
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut source = csv::Options::new().null("NA").reader(&schema, text.as_bytes()).unwrap();
    let report = write
        .create_dyn_table("flights", &schema)
        .unwrap()
        .load_from(&mut source, &LoadOptions::new())
        .unwrap();
    write.commit().unwrap();
    assert_eq!(report.rows, 336_776);

    // Read with another CSV reader, and compared as text: numbers, dates and names are in the file
    // as they print.
    let read = db.read().unwrap();
    let flights = read.table::<Dyn>("flights").unwrap();
    let mut lines = ::csv::Reader::from_reader(text.as_bytes());
    let header = lines.headers().unwrap().clone();
    let columns: Vec<usize> = schema
        .fields()
        .iter()
        .map(|field| header.iter().position(|name| name == field.name()).unwrap())
        .collect();
    let (mut compared, mut missing) = (0, 0);
    let mut line = ::csv::StringRecord::new();
    while lines.read_record(&mut line).unwrap() {
        let key: Vec<_> = schema
            .key_fields()
            .iter()
            .zip(&columns)
            .map(|(field, column)| {
                let mut stored = vec![0; field.width()];
                field.parse_text(&line[*column], &mut stored).unwrap();
                field.load(&stored).unwrap().into_owned()
            })
            .collect();
        let row = flights.get(&key).unwrap().unwrap_or_else(|| panic!("{line:?} is not there"));
        for (value, column) in row.values().zip(&columns) {
            let value = value.unwrap();
            if value.is_null() {
                missing += 1;
                assert_eq!(&line[*column], "NA");
            } else {
                assert_eq!(value.to_string(), line[*column]);
            }
        }
        compared += 1;
    }
    assert_eq!(compared, 336_776);
    assert_eq!(missing, text.split([',', '\n']).filter(|value| *value == "NA").count());
    assert!(db.check().unwrap().is_sound());
}
