//! Any bytes as a CSV, read by a schema from the input and by the one that it suggests itself; what
//! was read is written and reads back to the same.
#![no_main]

use drystone::{RecordSource, RowBuf, Schema, csv};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (head, text) = input.split_at(input.iter().position(|byte| *byte == 0).unwrap_or(0));
    let text = text.strip_prefix(b"\0").unwrap_or(text);
    let (how, schema) = head.split_first().unwrap_or((&0, &[]));
    let skip_bad = how & 1 != 0;
    let mut options = csv::Options::new().skip_bad(skip_bad).ignore_unknown(how & 2 != 0);
    if how & 4 != 0 {
        options = options.null("NA").null("-");
    }
    if how & 8 != 0 {
        options = options.delimiter(b';');
    }
    if how & 16 != 0 {
        options = options.delimiter(how >> 5);
    }
    if let Some(schema) = std::str::from_utf8(schema).ok().and_then(|text| text.parse::<Schema>().ok()) {
        let (rows, _) = read(&options, skip_bad, &schema, text);
        write(&options, &schema, &rows);
    }
    let Ok(inferred) = options.infer(text) else { return };
    assert!(!inferred.to_string().is_empty());
    let (rows, errors) = read(&options, skip_bad, inferred.schema(), text);
    let taken = Some(rows.len() as u64) == inferred.rows() && errors == 0;
    assert!(taken, "{inferred}\ntakes {} rows, {errors} errors", rows.len());
    write(&options, inferred.schema(), &rows);
});

/// The rows that can be read, and how many errors there were. Bad lines are no errors where they
/// are set aside.
fn read(options: &csv::Options, skip_bad: bool, schema: &Schema, text: &[u8]) -> (Vec<RowBuf>, u64) {
    let (mut rows, mut errors) = (Vec::new(), 0);
    let Ok(reader) = options.reader(schema, text) else { return (rows, 1) };
    let mut aside = Vec::new();
    let mut reader: Box<dyn RecordSource> =
        if skip_bad { Box::new(reader.skip_bad_to(&mut aside)) } else { Box::new(reader) };
    let mut row = RowBuf::new(schema);
    while errors < 100 {
        match reader.next_record(row.as_bytes_mut()) {
            Ok(true) => rows.push(row.clone()),
            Ok(false) => break,
            Err(error) => {
                assert!(!skip_bad, "bad lines are set aside, but: {error}");
                errors += 1;
            }
        }
    }
    (rows, errors)
}

fn write(options: &csv::Options, schema: &Schema, rows: &[RowBuf]) {
    let Ok(mut writer) = options.writer(schema, Vec::new()) else { return };
    for row in rows {
        writer.write(row.as_row()).expect("what was read can be written");
    }
    let text = writer.finish().expect("a vector takes everything");
    let (again, errors) = read(&options.clone().skip_bad(false), false, schema, &text);
    let shown = String::from_utf8_lossy(&text);
    assert_eq!(errors, 0, "({schema}) does not read what it wrote: {shown}");
    assert_eq!(again.len(), rows.len(), "({schema}): {shown}");
    for (again, row) in again.iter().zip(rows) {
        // A NaN is written without its bits.
        let is_same = again == row || again.to_string() == row.to_string() && row.to_string().contains("NaN");
        assert!(is_same, "{row} came back as {again}: {shown}");
    }
}
