//! Keys as arguments: one argument per part, or a row number. Values of an index are given the same
//! way. Used by every command that takes a key.

use std::ops::Bound;

use drystone::{Dyn, Error, ErrorKind, FieldDef, Index, IndexRows, Result, Rows, Schema, Table, Type, Value};

use crate::report::{say, wrong_use};

/// How many arguments a key of this schema is.
pub(crate) fn parts(schema: &Schema) -> usize {
    schema.key_fields().len().max(1)
}

/// The key in these arguments, all parts of it.
pub(crate) fn parse(table: &str, schema: &Schema, arguments: &[String]) -> Result<Vec<Value<'static>>> {
    if arguments.len() != parts(schema) {
        return wrong_use(format!("{}, not {}", describe(table, schema), arguments.len()));
    }
    parse_leading(table, schema, arguments)
}

/// The key in these arguments, or its leading parts.
pub(crate) fn parse_leading(
    table: &str,
    schema: &Schema,
    arguments: &[String],
) -> Result<Vec<Value<'static>>> {
    if arguments.len() > parts(schema) {
        return wrong_use(format!("{}, not {}", describe(table, schema), arguments.len()));
    }
    let in_table = |error: Error| error.within(format_args!("table {table:?}"));
    if !schema.is_keyed() {
        let row = |text: &String| {
            text.parse::<u64>().map(Value::from).map_err(|_| {
                let message = format!("{text:?} is not a row number; the table has no key");
                in_table(Error::new(ErrorKind::Value, message))
            })
        };
        return arguments.iter().map(row).collect();
    }
    let parse = |(field, text): (&FieldDef, &String)| parse_value(field, text);
    schema.key_fields().iter().zip(arguments).map(parse).collect::<Result<_>>().map_err(in_table)
}

/// The rows between two keys; an empty key is no bound. The last key is included. Leading parts of
/// a key include all keys that begin with them.
pub(crate) fn range<'t>(table: &Table<'t, Dyn>, from: &[String], to: &[String]) -> Result<Rows<'t, Dyn>> {
    let (from, to) = bounds(table.name(), table.schema(), from, to)?;
    table.range((bound(&from), bound(&to)))
}

/// The keys in these arguments, or their leading parts, for [`bound`].
pub(crate) fn bounds(
    table: &str,
    schema: &Schema,
    from: &[String],
    to: &[String],
) -> Result<(Vec<Value<'static>>, Vec<Value<'static>>)> {
    Ok((parse_leading(table, schema, from)?, parse_leading(table, schema, to)?))
}

/// The values in these arguments, for the first fields of an index; an empty argument is null.
/// After the indexed fields come those that make its entries unique: the key of the table, or the
/// number of the row.
pub(crate) fn parse_indexed(index: &Index<'_, Dyn>, arguments: &[String]) -> Result<Vec<Value<'static>>> {
    let fields = index.schema().fields();
    if arguments.len() > fields.len() {
        let message = format!("{}, not {}", describe_index(index), arguments.len());
        return wrong_use(message);
    }
    let parse = |(field, text): (&FieldDef, &String)| parse_or_null(field, text);
    let values = fields.iter().zip(arguments).map(parse).collect::<Result<_>>();
    values.map_err(|error| error.within(format_args!("index {:?}", index.name())))
}

/// The rows between two positions in an index, in its order, with bounds as in [`range`].
pub(crate) fn indexed_range<'t>(
    index: &Index<'t, Dyn>,
    from: &[String],
    to: &[String],
) -> Result<IndexRows<'t, Dyn>> {
    let (from, to) = (parse_indexed(index, from)?, parse_indexed(index, to)?);
    index.range::<&[Value<'_>]>((bound(&from), bound(&to)))
}

/// An end of a range of keys, included. An empty key is no bound.
pub(crate) fn bound<'k, 'v>(key: &'k [Value<'v>]) -> Bound<&'k [Value<'v>]> {
    if key.is_empty() { Bound::Unbounded } else { Bound::Included(key) }
}

/// The value of a field in this text.
pub(crate) fn parse_value(field: &FieldDef, text: &str) -> Result<Value<'static>> {
    let mut stored = vec![0; field.width()];
    field.parse_text(text, &mut stored)?;
    field.load(&stored).map(Value::into_owned)
}

/// The value of a field in this text. In a nullable field an empty text is null, and `""` is the
/// empty text.
pub(crate) fn parse_or_null(field: &FieldDef, text: &str) -> Result<Value<'static>> {
    match text {
        "" if field.is_nullable() => Ok(Value::Null),
        "\"\"" if field.is_nullable() && matches!(field.ty(), Type::Str(_)) => parse_value(field, ""),
        _ => parse_value(field, text),
    }
}

/// Prints that there is no row with this key.
pub(crate) fn say_not_found(table: &Table<'_, Dyn>, key: &[Value<'_>]) {
    let what = if table.schema().is_keyed() { "row with key" } else { "row number" };
    let name = table.name();
    say(format_args!("table {name:?}: no {what} {} among {} rows", join(key), table.len()));
}

/// Prints that no row has these values in an index.
pub(crate) fn say_not_indexed(table: &Table<'_, Dyn>, index: &Index<'_, Dyn>, values: &[Value<'_>]) {
    let names: Vec<&str> = index.schema().fields().iter().take(values.len()).map(FieldDef::name).collect();
    let (table, rows, index) = (table.name(), table.len(), index.name());
    let (names, values) = (names.join(" "), join(values));
    say(format_args!("table {table:?}, index {index:?}: no row with {names} {values} among {rows} rows"));
}

fn join(values: &[Value<'_>]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
}

fn describe(table: &str, schema: &Schema) -> String {
    let names: Vec<&str> = schema.key_fields().iter().map(|field| field.name()).collect();
    match names.len() {
        0 => format!("table {table:?} has no key, and a row is given by its number: one argument"),
        1 => format!("the key of table {table:?} is {}: one argument", names[0]),
        parts => format!("the key of table {table:?} is {}: {parts} arguments", names.join(" ")),
    }
}

fn describe_index(index: &Index<'_, Dyn>) -> String {
    let fields = index.schema().fields();
    let names: Vec<&str> = fields.iter().map(FieldDef::name).collect();
    let (indexed, others) = names.split_at(index.fields().len());
    let (name, indexed) = (index.name(), indexed.join(" "));
    let then = if others.is_empty() { String::new() } else { format!(", then {}", others.join(" ")) };
    format!("index {name:?} is on {indexed}{then}: {} arguments at most", names.len())
}
