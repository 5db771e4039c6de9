//! Keys as they are given on the command line: one argument a part, or a row number.

use std::ops::Bound;

use drystone::{DynamicTable, Error, ErrorKind, FieldDef, Result, RowRange, Schema, Timestamp, Type, Value};

use crate::wrong_use;

/// How many arguments a key of this schema is.
pub(crate) fn parts(schema: &Schema) -> usize {
    schema.key_fields().len().max(1)
}

/// The key in these arguments: all of it.
pub(crate) fn parse(table: &str, schema: &Schema, arguments: &[String]) -> Result<Vec<Value<'static>>> {
    if arguments.len() != parts(schema) {
        return wrong_use(format!("{}, not {}", describe(table, schema), arguments.len()));
    }
    parse_leading(table, schema, arguments)
}

/// The key in these arguments, or as many of its parts as are given.
pub(crate) fn parse_leading(
    table: &str,
    schema: &Schema,
    arguments: &[String],
) -> Result<Vec<Value<'static>>> {
    if arguments.len() > parts(schema) {
        return wrong_use(format!("{}, not {}", describe(table, schema), arguments.len()));
    }
    let place = |error: Error| error.within(format_args!("table {table:?}"));
    if !schema.is_keyed() {
        let row = |text: &String| {
            text.parse::<u64>().map(Value::from).map_err(|_| {
                let message = format!("{text:?} is no row number; the table has no key");
                place(Error::new(ErrorKind::Value, message))
            })
        };
        return arguments.iter().map(row).collect();
    }
    let parse = |(field, text): (&FieldDef, &String)| parse_value(field, text);
    schema.key_fields().iter().zip(arguments).map(parse).collect::<Result<_>>().map_err(place)
}

/// The rows between two keys, or all; the last one is included, and leading parts of a key stand for all keys that begin so.
pub(crate) fn range<'t>(table: &DynamicTable<'t>, from: &[String], to: &[String]) -> Result<RowRange<'t>> {
    let from = parse_leading(table.name(), table.schema(), from)?;
    let to = parse_leading(table.name(), table.schema(), to)?;
    table.range((bound(&from), bound(&to)))
}

fn bound<'k, 'v>(key: &'k [Value<'v>]) -> Bound<&'k [Value<'v>]> {
    if key.is_empty() { Bound::Unbounded } else { Bound::Included(key) }
}

/// The value of a field in this text. A date alone is a timestamp, too: its midnight, UTC.
pub(crate) fn parse_value(field: &FieldDef, text: &str) -> Result<Value<'static>> {
    if field.ty() == Type::Timestamp
        && let Ok(date) = text.parse()
    {
        return Timestamp::from_date(date).map(Value::from);
    }
    let mut stored = vec![0; field.width()];
    field.parse_text(text, &mut stored)?;
    field.load(&stored).map(Value::into_owned)
}

/// Says that there is no such row.
pub(crate) fn say_not_found(table: &DynamicTable<'_>, key: &[Value<'_>]) {
    let key: Vec<String> = key.iter().map(Value::to_string).collect();
    let what = if table.schema().is_keyed() { "row with key" } else { "row number" };
    let name = table.name();
    crate::say(format_args!("table {name:?}: no {what} {} among {} rows", key.join(" "), table.len()));
}

fn describe(table: &str, schema: &Schema) -> String {
    let names: Vec<&str> = schema.key_fields().iter().map(|field| field.name()).collect();
    match names.len() {
        0 => format!("table {table:?} has no key, and a row is given by its number: one argument"),
        1 => format!("the key of table {table:?} is {}: one argument", names[0]),
        parts => format!("the key of table {table:?} is {}: {parts} arguments", names.join(" ")),
    }
}
