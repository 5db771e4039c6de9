//! Infers the narrowest type for each column of a CSV. `Options::infer` calls it.

use std::io::Read;

use super::split::{Lines, NOT_UTF8, Problem};
use super::{Options, bad_line};
use crate::error::{Result, bail};
use crate::exchange::inferred::{Column, Inferred};
use crate::exchange::tally::{Choice, Tally};
use crate::schema::{FieldDef, Schema};

/// The narrowest types for a CSV, by the rules of [`Options::infer`].
pub(super) fn infer<R: Read>(options: &Options, input: R) -> Result<Inferred> {
    let (mut lines, names) = options.open(input)?;
    let mut tallies: Vec<Tally> = names.iter().map(|_| Tally::new(options.enums)).collect();
    let (mut rows, mut bad_lines, mut blank_lines) = (0, 0, 0);
    lines.keep_blank = names.len() == 1;
    while lines.advance()? {
        if lines.raw().is_empty() {
            blank_lines += 1;
            continue;
        }
        match tally_line(options, &lines, &mut tallies) {
            Ok(()) => rows += 1,
            Err(_) if options.skip_bad => bad_lines += 1,
            Err(problem) => return Err(bad_line(&lines, &problem)),
        }
    }
    if rows == 0 {
        bail!(Input, "{} has no rows to infer the types of its columns from; give a schema", lines.name());
    }
    // As in the reader: if the only field is nullable, a blank line is a missing value.
    if let [only] = &mut tallies[..]
        && column_of(&names[0], only).is_ok_and(|column| column.is_nullable())
    {
        only.missing += blank_lines;
        rows += blank_lines;
    }
    let columns = names.iter().zip(&tallies).enumerate().map(|(at, (name, tally))| {
        column_of(name, tally)
            .map_err(|error| error.within(format_args!("{}, column {}", lines.name(), at + 1)))
    });
    let columns: Vec<Column> = columns.collect::<Result<_>>()?;
    let schema = Schema::new(columns.iter().map(|column| column.field().clone()).collect());
    let schema = schema.map_err(|error| error.within(lines.name()))?;
    Ok(Inferred::new(schema, columns, Some(rows)).with_bad_lines(bad_lines))
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
