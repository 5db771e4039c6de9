//! Any text as a schema: what can be read prints, and what was printed reads back to the same.
#![no_main]

use drystone::{RowBuf, Schema, Type};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(ty) = text.parse::<Type>() {
        assert_eq!(ty.to_string().parse::<Type>().expect("a type prints as it is read"), ty);
    }
    let Ok(schema) = text.parse::<Schema>() else { return };
    let printed = schema.to_string();
    let again: Schema = printed.parse().expect("a schema prints as it is read");
    assert_eq!(again, schema, "{printed}");
    assert_eq!(again.to_string(), printed);
    for (field, same) in schema.fields().iter().zip(again.fields()) {
        // A NaN prints without its bits.
        let is_same = field.default() == same.default() || printed.contains("NaN");
        assert!(is_same && field.offset() == same.offset(), "{printed}");
        assert!(schema.field(field.name()).is_ok_and(|found| found == field));
    }
    let row = RowBuf::new(&schema);
    assert!(row.as_row().values().all(|value| value.is_ok()), "{printed}");
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name()).rev().take(2).collect();
    if let Ok(keyed) = schema.with_key(&names) {
        assert_eq!(keyed.to_string().parse::<Schema>().expect("prints as it is read"), keyed);
    }
});
