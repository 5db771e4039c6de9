//! Infers the narrowest type for each member of JSON lines. `Options::infer` calls it.

use std::collections::HashMap;
use std::io::BufRead;

use serde_json::value::RawValue;

use super::line::{JsonLines, text};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::exchange::column_names::name_columns;
use crate::exchange::common::Common;
use crate::exchange::inferred::{Column as Found, Inferred};
use crate::exchange::tally::{Choice, Tally, missing_too};
use crate::limits::FIELDS;
use crate::schema::{FieldDef, Schema, Type};

pub(super) fn infer(mut lines: JsonLines<impl BufRead>, common: &Common, skip_bad: bool) -> Result<Inferred> {
    let mut columns: Vec<Member> = Vec::new();
    let mut by_name: HashMap<Box<str>, usize> = HashMap::new();
    let (mut rows, mut bad_lines) = (0, 0);
    let is_sample = loop {
        if !lines.advance()? {
            break false;
        }
        if common.is_enough(rows) {
            break true;
        }
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
                    let scalars = Tally::new(common.enums, &common.rules);
                    columns.push(Member { name: (*name).into(), scalars, ..Member::default() });
                    columns.len() - 1
                }
            };
            let column = &mut columns[at];
            if column.last_line == lines.number {
                return Err(lines.error(&format_args!("field {name:?} is given twice")));
            }
            column.last_line = lines.number;
            match column.add(value.get(), lines.line_number()) {
                Err(reason) if common.ignore_unknown => {
                    column.refused = column.refused.take().or(Some(reason));
                }
                other => {
                    other.map_err(|reason| lines.error(&format_args!("field {name:?}: {reason}")))?;
                }
            }
        }
        rows += 1;
    };
    if rows == 0 {
        bail!(Input, "{} has no rows to infer the types of its fields from; give a schema", lines.name);
    }
    let given: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    let names = name_columns(&lines.name, &given, &common.renames)?;
    let mut notes = names.notes;
    let (mut fields, mut found) = (Vec::new(), Vec::new());
    for (column, name) in columns.iter_mut().zip(&names.names) {
        // A member that a line lacks is missing.
        column.scalars.missing += rows - column.lines;
        let place = |error: Error| error.within(format_args!("{}, field {:?}", lines.name, column.name));
        let choice = match &column.refused {
            Some(reason) => Err(Error::new(ErrorKind::Input, reason.clone())),
            None => column.find_type(),
        };
        let Choice { ty, missing, reason } = match choice {
            Ok(choice) => choice,
            Err(error) if common.ignore_unknown => {
                notes.push(format!("member {:?} is left out: {error}", column.name));
                continue;
            }
            Err(error) => return Err(place(error)),
        };
        let field = FieldDef::of(name, ty, missing > 0, false).map_err(|error| error.within(&lines.name))?;
        fields.push(field.clone());
        found.push(Found::new(field, missing, reason));
    }
    let schema = Schema::new(fields).map_err(|error| error.within(&lines.name))?;
    let inferred = Inferred::new(schema, found, Some(rows)).with_bad_lines(bad_lines).with_notes(notes);
    Ok(if is_sample { inferred.of_sample() } else { inferred })
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
    /// The first line with a number, with a truth value, and with a text. No field takes a number
    /// and one of the others.
    first_number: Option<u64>,
    first_truth: Option<u64>,
    first_text: Option<u64>,
    /// Why no field holds it, if that was found and such members are left out.
    refused: Option<String>,
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
                self.first_text.get_or_insert(line);
            }
            first => {
                self.scalars.add(raw, line);
                self.scalar_count += 1;
                let is_truth = matches!(first, Some(b't' | b'f'));
                let seen = if is_truth { &mut self.first_truth } else { &mut self.first_number };
                seen.get_or_insert(line);
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
        if !matches!(choice.ty, Type::Str(_) | Type::Enum(_)) {
            return Ok(choice);
        }
        let mut seen: Vec<(u64, &str)> = [
            (self.first_number, "a number"),
            (self.first_truth, "true or false"),
            (self.first_text, "a text"),
        ]
        .into_iter()
        .filter_map(|(line, what)| Some((line?, what)))
        .collect();
        seen.sort_unstable();
        match *seen {
            [(first, one), (second, other), ..] => bail!(
                Input,
                "{one} on line {first} and {other} on line {second}, and no type holds both; \
                 make them alike, or leave the member out"
            ),
            [(line, "a number")] => bail!(
                Input,
                "numbers that no one type holds, the first on line {line}; write them as texts, or give a schema"
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
