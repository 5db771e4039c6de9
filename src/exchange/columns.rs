//! Matches the columns of an input to fields by name. The readers of all formats use it.

use std::collections::HashMap;

use crate::error::{Result, bail};
use crate::schema::shown;
use crate::schema::{FieldDef, Schema};

/// For each column the position of its field, or `None` if the column is ignored. `input` is the
/// name of the input in messages, `listing` the part of it that has the names.
pub(super) fn match_columns(
    input: &str,
    listing: &str,
    ignore_unknown: bool,
    schema: &Schema,
    names: &[&str],
) -> Result<Box<[Option<u16>]>> {
    let mut first = HashMap::new();
    let mut fields = Vec::with_capacity(names.len());
    let mut unknown = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let field = schema.position(name);
        let ignored = field.is_none() && ignore_unknown;
        if let Some(earlier) = first.insert(*name, at + 1)
            && !ignored
        {
            bail!(
                Input,
                "{input}: columns {earlier} and {} are both called {:?}; rename one",
                at + 1,
                shown(name)
            );
        }
        if field.is_none() && !ignored {
            unknown.push(*name);
        }
        // A schema has at most 1,024 fields.
        fields.push(field.map(|field| field as u16));
    }
    if !unknown.is_empty() {
        bail!(
            Input,
            "{input}: no field for {}; {listing} has {}, the schema {}; \
             add fields, remove the columns, or have such columns ignored",
            list("column", "columns", &unknown),
            list("column", "columns", names),
            list("field", "fields", &field_names(schema.fields()))
        );
    }
    let is_absent = |field: &&FieldDef| {
        field.default().is_none() && !field.is_nullable() && !first.contains_key(field.name())
    };
    let absent: Vec<&str> = schema.fields().iter().filter(is_absent).map(FieldDef::name).collect();
    if !absent.is_empty() {
        bail!(
            Input,
            "{input}: no column for {}, which has no default and is not nullable; {listing} has {}",
            list("field", "fields", &absent),
            list("column", "columns", names)
        );
    }
    Ok(fields.into())
}

fn field_names(fields: &[FieldDef]) -> Vec<&str> {
    fields.iter().map(FieldDef::name).collect()
}

/// `columns "a", "b"`, shortened if it would be long.
fn list(one: &str, many: &str, names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(40).map(|name| format!("{:?}", shown(name))).collect();
    let rest = if names.len() > shown.len() { ", …" } else { "" };
    format!("{} {}{rest}", if names.len() == 1 { one } else { many }, shown.join(", "))
}
