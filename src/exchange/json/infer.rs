//! Infers the narrowest type for each member of JSON lines. `Options::infer` calls it.

use std::collections::HashMap;
use std::io::Read;

use serde_json::value::RawValue;

use super::line::{JsonLines, text};
use crate::error::{Result, bail};
use crate::exchange::inferred::{Column as Found, Inferred};
use crate::exchange::tally::{Choice, Tally, missing_too};
use crate::limits::FIELDS;
use crate::schema::{FieldDef, Schema, Type};

pub(super) fn infer<R: Read>(mut lines: JsonLines<R>, enums: bool, skip_bad: bool) -> Result<Inferred> {
    let mut columns: Vec<Member> = Vec::new();
    let mut by_name: HashMap<Box<str>, usize> = HashMap::new();
    let (mut rows, mut bad_lines) = (0, 0);
    while lines.advance()? {
        let members = match lines.members() {
            Ok(members) => members.0,
            Err(_) if skip_bad => {
                bad_lines += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        for (name, value) in members {
            let at = match by_name.get(&*name) {
                Some(at) => *at,
                None if columns.len() == FIELDS => {
                    return Err(lines.error(&format_args!(
                        "more than {FIELDS} names in all; a record has no more fields"
                    )));
                }
                None => {
                    by_name.insert((*name).into(), columns.len());
                    let scalars = Tally::new(enums);
                    columns.push(Member { name: (*name).into(), scalars, ..Member::default() });
                    columns.len() - 1
                }
            };
            if columns[at].last_line == lines.number {
                return Err(lines.error(&format_args!("field {name:?} is given twice")));
            }
            columns[at].last_line = lines.number;
            columns[at]
                .add(value.get(), lines.number)
                .map_err(|reason| lines.error(&format_args!("field {name:?}: {reason}")))?;
        }
        rows += 1;
    }
    if rows == 0 {
        bail!(Input, "{} has no rows to infer the types of its fields from; give a schema", lines.name);
    }
    let (mut fields, mut found) = (Vec::new(), Vec::new());
    for column in &mut columns {
        // A member that a line lacks is missing.
        column.scalars.missing += rows - column.lines;
        let place =
            |error: crate::Error| error.within(format_args!("{}, field {:?}", lines.name, column.name));
        let Choice { ty, missing, reason } = column.find_type().map_err(place)?;
        let field =
            FieldDef::of(&column.name, ty, missing > 0, false).map_err(|error| error.within(&lines.name))?;
        fields.push(field.clone());
        found.push(Found::new(field, missing, reason));
    }
    let schema = Schema::new(fields).map_err(|error| error.within(&lines.name))?;
    Ok(Inferred::new(schema, found, Some(rows)).with_bad_lines(bad_lines))
}

/// A member, and what was seen of it.
#[derive(Default)]
struct Member {
    name: Box<str>,
    /// How many lines have it, and the last of them.
    lines: u64,
    last_line: u64,
    scalars: Tally,
    /// How many values are neither null nor lists.
    scalar_count: u64,
    /// The first line with a number or a truth value, which no text field takes.
    first_plain: Option<u64>,
    elements: Tally,
    /// The length that all lists have.
    length: Option<u16>,
}

impl Member {
    fn add(&mut self, raw: &str, line: u64) -> Result<(), String> {
        self.lines += 1;
        match raw.as_bytes().first() {
            Some(b'n') => self.scalars.missing += 1,
            Some(b'{') => {
                return Err("an object; make members of its members, or give a schema without it".into());
            }
            Some(b'[') => self.add_list(raw, line)?,
            Some(b'"') => {
                let text = text(raw)?;
                if text.contains('\0') {
                    return Err("there is a NUL character in the text".into());
                }
                self.scalars.add_quoted(&text, line);
                self.scalar_count += 1;
            }
            _ => {
                self.scalars.add(raw, line);
                self.scalar_count += 1;
                self.first_plain.get_or_insert(line);
            }
        }
        if self.scalar_count > 0 && self.length.is_some() {
            return Err("a list in some lines, and something else in others".into());
        }
        Ok(())
    }

    fn add_list(&mut self, raw: &str, line: u64) -> Result<(), String> {
        let elements: Vec<&RawValue> = serde_json::from_str(raw).map_err(|error| error.to_string())?;
        let length = u16::try_from(elements.len()).ok().filter(|length| *length > 0);
        let length = length.ok_or_else(|| {
            format!("a list of {}; an array has 1 to {} elements", elements.len(), u16::MAX)
        })?;
        if let Some(other) = self.length.replace(length)
            && other != length
        {
            return Err(format!("a list of {length}, where others are of {other}; a field has one length"));
        }
        for element in elements {
            match element.get().as_bytes().first() {
                Some(b'n' | b't' | b'f' | b'[' | b'{') => {
                    return Err("a list of other values than numbers; arrays hold only numbers".into());
                }
                Some(b'"') => self.elements.add_quoted(&text(element.get())?, line),
                _ => self.elements.add(element.get(), line),
            }
        }
        Ok(())
    }

    fn find_scalar(&self) -> Result<Choice> {
        let choice = self.scalars.find_type()?;
        match self.first_plain {
            Some(line) if matches!(choice.ty, Type::Str(_) | Type::Enum(_)) => bail!(
                Input,
                "{}; but on line {line} there is none, and no type holds both; give all of them quotes, or none",
                choice.reason
            ),
            _ => Ok(choice),
        }
    }

    fn find_type(&self) -> Result<Choice> {
        let Some(length) = self.length else { return self.find_scalar() };
        let elements = self.elements.find_type()?;
        let missing = self.scalars.missing;
        match elements.ty.number() {
            Some(number) => Ok(Choice {
                ty: Type::Array(number, length),
                missing,
                reason: format!("lists of {length}: {}{}", elements.reason, missing_too(missing)),
            }),
            None => bail!(Input, "lists of other values than numbers; arrays hold only numbers"),
        }
    }
}
