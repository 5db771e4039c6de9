//! Looks through a CSV for the narrowest type that holds each column.

use std::fmt;
use std::io::Read;

use super::split::{Lines, NOT_UTF8, Problem};
use super::{Options, bad_line};
use crate::error::{Result, fail};
use crate::exchange::tally::Tally;
use crate::schema::{FieldDef, Schema, Type};

/// The narrowest types that hold a CSV, from [`Options::infer`]. It prints as a list with a line a column.
///
/// - Whole numbers get the narrowest type that holds them, unsigned if none is negative; what begins with a plus sign or a
///   needless zero, such as the ZIP code `01234`, is text.
/// - Other numbers are `f32` if all of them print the same as such, else `f64`, unless whole numbers among them are too great
///   for it.
/// - `true` and `false` in any case, dates, timestamps and hyphenated uuids get their types, all else `str` of the longest text.
/// - Where values are missing, the field may be null, and the type is wide enough not to take the value that null takes.
///
/// ```
/// use drystone::csv;
///
/// let text = "id,delay,zip\n7,-3,01234\n300,,99999\n";
/// let inferred = csv::Options::new().infer(text.as_bytes())?;
/// assert_eq!(inferred.schema().to_string(), "id: u16, delay: i8?, zip: str[5]");
/// assert_eq!(inferred.columns()[1].reason(), "whole numbers, -3 to -3; 1 missing");
/// assert_eq!(inferred.with_key(&["zip", "id"])?.to_string(), "zip: str[5] key, id: u16 key, delay: i8?");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Inferred {
    schema: Schema,
    columns: Vec<Column>,
    rows: u64,
    bad_lines: u64,
}

/// What was picked for a column, and why.
#[derive(Clone, Debug)]
pub struct Column {
    field: FieldDef,
    missing: u64,
    reason: String,
}

impl Inferred {
    pub(super) fn new<R: Read>(options: &Options, input: R) -> Result<Inferred> {
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
            fail!(Input, "{} has no rows to tell the types of its columns from; give a schema", lines.name());
        }
        // As the reader has it: where the only field may be null, a blank line is one.
        if let [only] = &mut tallies[..]
            && Column::of(&names[0], only).is_ok_and(|column| column.is_nullable())
        {
            only.missing += blank_lines;
            rows += blank_lines;
        }
        let columns = names.iter().zip(&tallies).enumerate().map(|(at, (name, tally))| {
            Column::of(name, tally)
                .map_err(|error| error.within(format_args!("{}, column {}", lines.name(), at + 1)))
        });
        let columns: Vec<Column> = columns.collect::<Result<_>>()?;
        let schema = Schema::new(columns.iter().map(|column| column.field.clone()).collect());
        let schema = schema.map_err(|error| error.within(lines.name()))?;
        Ok(Inferred { schema, columns, rows, bad_lines })
    }

    /// The columns as fields, in their order, without a key.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The same with these fields as the key, which come first then.
    ///
    /// # Errors
    /// As [`Schema::with_key`]; a column in which values are missing cannot be part of a key.
    pub fn with_key<S: AsRef<str>>(&self, names: &[S]) -> Result<Schema> {
        for name in names {
            let name = name.as_ref();
            if let Some(column) = self.columns.iter().find(|column| column.name() == name)
                && column.is_nullable()
            {
                fail!(
                    Schema,
                    "column {name:?} cannot be part of the key: {} of its {} values are missing",
                    column.missing,
                    self.rows
                );
            }
        }
        self.schema.with_key(names)
    }

    /// What was found in each column.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many bad lines were passed over, if [`Options::skip_bad`] allowed that.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines
    }
}

impl Column {
    fn of(name: &str, tally: &Tally) -> Result<Column> {
        let (ty, missing, reason) = tally.find_type()?;
        let field = FieldDef::of(name, ty, missing > 0, false)?;
        Ok(Column { field, missing, reason })
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.field.name()
    }

    /// The type.
    pub fn ty(&self) -> &Type {
        self.field.ty()
    }

    /// Whether values are missing.
    pub fn is_nullable(&self) -> bool {
        self.field.is_nullable()
    }

    /// How many values are missing.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// What was found, for people: `whole numbers, 1 to 2400; 8255 missing`.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Inferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_width = self.columns.iter().map(|column| column.name().chars().count()).max().unwrap_or(0);
        for (at, column) in self.columns.iter().enumerate() {
            let ty = column.field.type_text().to_string();
            let line_break = if at == 0 { "" } else { "\n" };
            write!(f, "{line_break}{:name_width$}  {ty:<10}  {}", column.name(), column.reason)?;
        }
        Ok(())
    }
}

/// Adds a line to the tallies of its columns; none of it if something is wrong with it.
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
