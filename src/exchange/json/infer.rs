//! Infers the narrowest type for each member of JSON lines. `Options::infer` calls it.

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::cutting::InBlocks;
use super::found::Block;
use super::line::{JsonLines, text};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::exchange::column_names::name_columns;
use crate::exchange::common::Common;
use crate::exchange::inferred::{Column as Found, Inferred};
use crate::exchange::parallel_counts::{Counts, count};
use crate::exchange::tally::{Choice, Tally, missing_too};
use crate::limits::FIELDS;
use crate::schema::{FieldDef, Schema, Type};

/// The narrowest types, by the rules of [`Options::infer`](super::Options::infer).
pub(super) fn infer<R: Read>(common: &Common, skip_bad: bool, input: R) -> Result<Inferred> {
    let mut counts = MemberCounts::new(common, skip_bad, false);
    let is_sample = counts.add_lines(&mut JsonLines::new(&common.name, input))?;
    let inferred = choose(common, counts)?;
    Ok(if is_sample { inferred.of_sample() } else { inferred })
}

/// The same, with blocks of this many bytes read by this many threads.
pub(super) fn infer_on_threads<R: Read + Send + 'static>(
    common: &Common,
    skip_bad: bool,
    input: R,
    threads: usize,
    block_bytes: usize,
) -> Result<Inferred> {
    if common.sample.is_some() {
        return infer(common, skip_bad, input);
    }
    let InBlocks { blocks, before, has_elements } =
        JsonLines::new(&common.name, input).into_blocks(block_bytes);
    choose(common, count(MemberCounts::new(common, skip_bad, has_elements), blocks, before, threads)?)
}

/// What was seen of the members.
#[derive(Clone)]
struct MemberCounts {
    /// How lines are read, and whether bad ones are skipped.
    how: Arc<(Common, bool)>,
    members: Vec<Member>,
    by_name: HashMap<Box<str>, usize>,
    rows: u64,
    bad_lines: u64,
    /// Whether blocks have elements. These know in which line of the input they begin.
    has_elements: bool,
}

impl MemberCounts {
    fn new(common: &Common, skip_bad: bool, has_elements: bool) -> MemberCounts {
        MemberCounts {
            how: Arc::new((common.clone(), skip_bad)),
            members: Vec::new(),
            by_name: HashMap::new(),
            rows: 0,
            bad_lines: 0,
            has_elements,
        }
    }

    /// Counts what comes next, up to the end or to the size of a sample. Returns whether that was
    /// reached.
    fn add_lines(&mut self, lines: &mut JsonLines<impl BufRead>) -> Result<bool> {
        let how = Arc::clone(&self.how);
        let (common, skip_bad) = &*how;
        while lines.advance()? {
            if common.is_enough(self.rows) {
                return Ok(true);
            }
            let members = match lines.members() {
                Ok(members) => members.0,
                Err(_) if *skip_bad => {
                    self.bad_lines += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            for (name, value) in members {
                let at = match self.by_name.get(&*name) {
                    Some(at) => *at,
                    None if self.members.len() == FIELDS => {
                        return Err(lines.error(&format_args!(
                            "more than {FIELDS} names in all; a record has no more fields"
                        )));
                    }
                    None => {
                        let scalars = Tally::new(common.enums, &common.rules);
                        self.push(Member { name: (*name).into(), scalars, ..Member::default() })
                    }
                };
                let member = &mut self.members[at];
                if member.last_line == lines.number {
                    return Err(lines.error(&format_args!("field {name:?} is given twice")));
                }
                member.last_line = lines.number;
                match member.add(value.get(), lines.line_number()) {
                    Err(reason) if common.ignore_unknown => {
                        member.refused = member.refused.take().or(Some(reason));
                    }
                    other => {
                        other.map_err(|reason| lines.error(&format_args!("field {name:?}: {reason}")))?;
                    }
                }
            }
            self.rows += 1;
        }
        Ok(false)
    }

    /// Adds a member with a new name. Returns its place.
    fn push(&mut self, member: Member) -> usize {
        let at = self.members.len();
        self.by_name.insert(member.name.clone(), at);
        self.members.push(member);
        at
    }

    fn find(&self, name: &str) -> Option<&Member> {
        self.by_name.get(name).map(|at| &self.members[*at])
    }
}

impl Counts for MemberCounts {
    type Block = Block;

    const THREADS: &str = "json inference";

    fn add_block(&mut self, block: Block, first: u64) -> (Result<u64>, Block) {
        let mut lines = JsonLines::of_block(&self.how.0.name, block, first);
        let counted = self.add_lines(&mut lines).map(|_| lines.number + 1 - first);
        (counted, lines.into_block())
    }

    fn fits(&self, later: &MemberCounts) -> bool {
        let new = later.members.iter().filter(|member| self.find(&member.name).is_none());
        self.members.len() + new.count() <= FIELDS
            && later.members.iter().all(|member| match self.find(&member.name) {
                Some(before) => before.fits(member),
                None => true,
            })
    }

    fn add(&mut self, later: MemberCounts, before: u64) {
        let before = if self.has_elements { 0 } else { before };
        for member in later.members {
            let at = match self.by_name.get(&member.name) {
                Some(at) => *at,
                None => {
                    let (enums, rules) = (self.how.0.enums, &self.how.0.rules);
                    let (name, scalars) = (member.name.clone(), Tally::new(enums, rules));
                    self.push(Member { name, scalars, ..Member::default() })
                }
            };
            self.members[at].merge(member, before);
        }
        self.rows += later.rows;
        self.bad_lines += later.bad_lines;
    }
}

/// The narrowest types for what was seen.
fn choose(common: &Common, counts: MemberCounts) -> Result<Inferred> {
    let MemberCounts { mut members, rows, bad_lines, .. } = counts;
    let input = &common.name;
    if rows == 0 {
        bail!(Input, "{input} has no rows to infer the types of its fields from; give a schema");
    }
    let given: Vec<&str> = members.iter().map(|member| &*member.name).collect();
    let names = name_columns(input, &given, &common.renames)?;
    let mut notes = names.notes;
    let (mut fields, mut found) = (Vec::new(), Vec::new());
    for (member, name) in members.iter_mut().zip(&names.names) {
        // A member that a line lacks is missing.
        member.scalars.missing += rows - member.lines;
        let place = |error: Error| error.within(format_args!("{input}, field {:?}", member.name));
        let choice = match &member.refused {
            Some(reason) => Err(Error::new(ErrorKind::Input, reason.clone())),
            None => member.find_type(),
        };
        let Choice { ty, missing, reason } = match choice {
            Ok(choice) => choice,
            Err(error) if common.ignore_unknown => {
                notes.push(format!("member {:?} is left out: {error}", member.name));
                continue;
            }
            Err(error) => return Err(place(error)),
        };
        let field = FieldDef::of(name, ty, missing > 0, false).map_err(|error| error.within(input))?;
        fields.push(field.clone());
        found.push(Found::new(field, missing, reason));
    }
    let schema = Schema::new(fields).map_err(|error| error.within(input))?;
    Ok(Inferred::new(schema, found, Some(rows)).with_bad_lines(bad_lines).with_notes(notes))
}

/// A member, and what was seen of it.
#[derive(Clone, Default)]
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

    /// Whether adding the lines of `later` is to `merge` it.
    fn fits(&self, later: &Member) -> bool {
        let length = self.length.or(later.length);
        self.refused.is_some()
            || (later.refused.is_none()
                && later.length.is_none_or(|later| length == Some(later))
                && (length.is_none() || self.scalar_count + later.scalar_count == 0))
    }

    /// Adds what was seen of it later, behind the `before` lines of which `later` knows nothing.
    fn merge(&mut self, later: Member, before: u64) {
        let number = |line: Option<u64>| line.map(|line| before + line);
        self.lines += later.lines;
        self.scalars.merge(later.scalars, before);
        self.scalar_count += later.scalar_count;
        self.first_number = self.first_number.or(number(later.first_number));
        self.first_truth = self.first_truth.or(number(later.first_truth));
        self.first_text = self.first_text.or(number(later.first_text));
        self.refused = self.refused.take().or(later.refused);
        self.elements.merge(later.elements, before);
        self.length = self.length.or(later.length);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::alike::{InPieces, told};
    use crate::exchange::json::Options;
    use crate::exchange::threads::refusal;

    proptest! {
        #[test]
        fn threads_infer_what_one_infers(
            objects in proptest::collection::vec(
                proptest::sample::select(vec![
                    r#"{"id": 1, "x": 7}"#, r#"{"x": -300, "id": 2}"#, r#"{"id": 3}"#, r#"{"id": 4, "y": "a"}"#, r#"{"x": null}"#,
                    r#"{"z": [1, 2]}"#, r#"{"z": [3, 4]}"#, r#"{"z": [5]}"#, r#"{"z": 6}"#, r#"{"z": [true]}"#, r#"{"y": {}}"#, r#"{"y": "b"}"#,
                    r#"{"y": "2024-01-02"}"#, r#"{"id": 5, "id": 5}"#, r#"{"x": true}"#, r#"{"x": 0.1}"#, "7", "{\"id\":\n6}", r#"{"id" 7}"#,
                ]),
                0..30,
            ),
            kinds in 1..24_usize,
            (before, between, behind) in proptest::sample::select(vec![
                ("", "\n", "\n"), ("\n", "\r\n\n", ""), ("[", ",\n", "]"), ("[\n", ", ", "\n]"), ("[", ",", ""), ("{\n}", "\n", ""),
            ]),
            (threads, allowed) in (1..4_usize, 0..4_usize),
            block_bytes in 1..60_usize,
            (skip_bad, enums, ignore_unknown, fails) in any::<(bool, bool, bool, bool)>(),
        ) {
            let objects: Vec<&str> = objects.into_iter().filter(|object| object.len() % kinds < 5).collect();
            let text = format!("{before}{}{behind}", objects.join(between));
            let options = Options::new().skip_bad(skip_bad).enums(enums).ignore_unknown(ignore_unknown);
            let input = || InPieces::new(text.as_bytes(), 1 + block_bytes / 3, fails);
            let one = told(options.infer(input()));
            let many = refusal::after(allowed, || {
                infer_on_threads(&options.common, skip_bad, input(), threads, block_bytes)
            });
            prop_assert_eq!(told(many), one, "{:?}", text);
        }
    }
}
