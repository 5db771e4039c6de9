//! Infers the narrowest type for each column of a CSV. `Options::infer` calls it.

use std::io::Read;

use super::beginning::{LIKE_ROW, Opened};
use super::split::{Lines, NOT_UTF8, Problem};
use super::{Options, bad_line};
use crate::error::{Result, bail};
use crate::exchange::inferred::{Column, Inferred};
use crate::exchange::tally::{Choice, Tally};
use crate::schema::{FieldDef, Schema, Type};

/// The narrowest types for a CSV, by the rules of [`Options::infer`].
pub(super) fn infer<R: Read>(options: &Options, input: R) -> Result<Inferred> {
    let Opened { mut lines, columns, is_like_row, ends_unnamed, .. } = options.open(input, None)?;
    let common = &options.common;
    let names = &columns.names;
    let mut tallies: Vec<Tally> = names.iter().map(|_| Tally::new(common.enums, &common.rules)).collect();
    let (mut rows, mut bad_lines) = (0, 0);
    // Blank lines between others, and at the end.
    let (mut blank_between, mut blank_last) = (0, 0);
    lines.keep_blank = names.len() == 1;
    let is_sample = loop {
        if !lines.advance()? {
            break false;
        }
        if common.is_enough(rows) {
            break true;
        }
        if lines.raw().is_empty() {
            blank_last += 1;
            continue;
        }
        blank_between += std::mem::take(&mut blank_last);
        match tally_line(options, &lines, &mut tallies) {
            Ok(()) => rows += 1,
            Err(_) if options.skip_bad => bad_lines += 1,
            Err(problem) => return Err(bad_line(&lines, &problem)),
        }
    };
    // As in the reader: if the only field is nullable, a blank line is a missing value. Blank lines
    // at the end make it nullable only if that is how a missing text is written.
    if let [only] = &mut tallies[..] {
        only.missing += blank_between;
        rows += blank_between;
        let is_missing = |column: Column| {
            column.is_nullable() || matches!(column.field().ty(), Type::Str(_) | Type::Enum(_))
        };
        if rows == 0 || column_of(&names[0], only).is_ok_and(is_missing) {
            only.missing += blank_last;
            rows += blank_last;
        }
    }
    if rows == 0 {
        bail!(Input, "{} has no rows to infer the types of its columns from; give a schema", lines.name());
    }
    let mut notes = columns.notes.clone();
    let mut kept = Vec::new();
    for (at, tally) in tallies.iter().enumerate() {
        let is_last = at + 1 == tallies.len();
        if ends_unnamed && is_last && tally.missing == rows {
            notes.push(format!("column {} has neither a name nor values; it is left out", at + 1));
        } else if columns.is_made[at] && common.ignore_unknown {
            notes.push(format!("column {} is left out", at + 1));
        } else {
            if ends_unnamed && is_last {
                notes.push(format!("column {} has no name; it is called {:?}", at + 1, names[at]));
            }
            let column = column_of(&names[at], tally);
            kept.push(
                column.map_err(|error| error.within(format_args!("{}, column {}", lines.name(), at + 1)))?,
            );
        }
    }
    if is_like_row {
        notes.push(LIKE_ROW.into());
    }
    let schema = Schema::new(kept.iter().map(|column| column.field().clone()).collect());
    let schema = schema.map_err(|error| error.within(lines.name()))?;
    let inferred = Inferred::new(schema, kept, Some(rows)).with_bad_lines(bad_lines).with_notes(notes);
    Ok(if is_sample { inferred.of_sample() } else { inferred })
}

fn column_of(name: &str, tally: &Tally) -> Result<Column> {
    let Choice { ty, missing, reason } = tally.find_type()?;
    Ok(Column::new(FieldDef::of(name, ty, missing > 0, false)?, missing, reason))
}

/// Adds a line to the tallies of its columns, or nothing if the line is bad.
fn tally_line<R>(options: &Options, lines: &Lines<R>, tallies: &mut [Tally]) -> Result<(), Problem> {
    let texts = lines.texts(tallies.len())?;
    for column in 0..tallies.len() {
        let problem = match texts.get(column) {
            None => NOT_UTF8,
            Some(text) if text.as_bytes().contains(&0) => "there is a NUL character in the text",
            Some(_) => continue,
        };
        return Err((Some(column), problem.into()));
    }
    for (column, tally) in tallies.iter_mut().enumerate() {
        let text = texts.get(column).unwrap_or_default();
        if !options.is_missing(text) {
            tally.add(text, lines.number());
        } else if lines.is_quoted(column) {
            tally.quoted_missing += 1;
            tally.quoted_longest = tally.quoted_longest.max(text.len());
        } else {
            tally.missing += 1;
        }
    }
    Ok(())
}
