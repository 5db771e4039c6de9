//! Looks through a CSV for the narrowest type that holds each column.

use std::fmt;
use std::io::Read;

use super::split::{Lines, NOT_UTF8, Problem};
use super::{Options, bad_line};
use crate::error::{Result, fail};
use crate::record::{Date, Timestamp, Value};
use crate::schema::calendar::{parse_date, parse_timestamp};
use crate::schema::text::{parse_uuid, range, shown, write_f32};
use crate::schema::{FieldDef, Number, Schema, Type};

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
        let mut tallies: Vec<Tally> = names.iter().map(|_| Tally::default()).collect();
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
            && only.column(&names[0]).is_ok_and(|column| column.is_nullable())
        {
            only.missing += blank_lines;
            rows += blank_lines;
        }
        let columns = names.iter().zip(&tallies).enumerate().map(|(at, (name, tally))| {
            tally
                .column(name)
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
    /// The name.
    pub fn name(&self) -> &str {
        self.field.name()
    }

    /// The type.
    pub fn ty(&self) -> Type {
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

/// What a column holds, counted.
#[derive(Default)]
struct Tally {
    missing: u64,
    /// What would be missing but for its quotes: text if the column is text.
    quoted_missing: u64,
    quoted_longest: usize,
    longest: usize,
    whole: Seen<Whole>,
    real: Seen<f64>,
    /// Whether all of `real` print the same as `f32`.
    is_single: bool,
    /// NaN and infinity.
    special: u64,
    bool: u64,
    date: Seen<i32>,
    timestamp: Seen<i64>,
    uuid: u64,
    has_greatest_uuid: bool,
    text: u64,
    /// The first text that is nothing else, and its line.
    example: Option<(Box<str>, u64)>,
    scratch: String,
}

/// How many there were, the least and the greatest.
struct Seen<T> {
    count: u64,
    bounds: Option<(T, T)>,
}

/// A whole number between the least `i128` and the greatest `u128`; the order of the variants is theirs.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Whole {
    Negative(i128),
    Positive(u128),
}

impl Tally {
    fn add(&mut self, text: &str, line: u64) {
        self.longest = self.longest.max(text.len());
        if self.text > 0 {
            // Text is what it will be, whatever follows.
            self.text += 1;
        } else if let Some(whole) = parse_whole(text) {
            self.whole.add(whole);
        } else if let Some(real) = parse_real(text) {
            self.is_single = (self.real.count == 0 || self.is_single) && self.prints_as_single(text, real);
            self.real.add(real);
        } else if is_special(text) {
            self.special += 1;
        } else if let Ok(date) = parse_date(text) {
            self.date.add(date);
        } else if let Ok(timestamp) = parse_timestamp(text) {
            self.timestamp.add(timestamp);
        } else if ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
            self.bool += 1;
        } else if let Some(uuid) = parse_uuid(text).filter(|_| text.contains('-')) {
            self.uuid += 1;
            self.has_greatest_uuid |= uuid == [0xFF; 16];
        } else {
            self.text += 1;
            self.example = Some((text.into(), line));
        }
    }

    fn prints_as_single(&mut self, text: &str, real: f64) -> bool {
        let Ok(single) = text.parse::<f32>() else { return false };
        self.scratch.clear();
        write_f32(single, &mut self.scratch).is_ok() && self.scratch.parse() == Ok(real)
    }

    fn column(&self, name: &str) -> Result<Column> {
        let missing = self.missing + self.quoted_missing;
        let (ty, missing, found) = match self.narrowest(missing > 0) {
            Some((ty, found)) => (ty, missing, found),
            None => self.text()?,
        };
        let field = FieldDef::new(name, ty, missing > 0, false)?;
        let missing_too = if missing > 0 { format!("; {missing} missing") } else { String::new() };
        Ok(Column { field, missing, reason: found + &missing_too })
    }

    /// The narrowest type other than text, if there is one.
    fn narrowest(&self, nullable: bool) -> Option<(Type, String)> {
        let numbers = self.whole.count + self.real.count + self.special;
        let all = numbers + self.bool + self.date.count + self.timestamp.count + self.uuid + self.text;
        let is_all = |count: u64| count == all && count > 0;
        if is_all(self.whole.count) {
            let (least, greatest) = self.whole.bounds?;
            Some((
                narrowest_whole(least, greatest, nullable)?,
                format!("whole numbers, {least} to {greatest}"),
            ))
        } else if is_all(numbers) && numbers > self.special {
            self.narrowest_real()
        } else if is_all(self.bool) {
            Some((Type::Bool, "true and false".into()))
        } else if is_all(self.date.count) {
            let (least, greatest) = self.date.bounds.filter(|(least, _)| !nullable || *least > i32::MIN)?;
            let (least, greatest) = (Date::from_days(least), Date::from_days(greatest));
            Some((Type::Date, format!("dates, {least} to {greatest}")))
        } else if is_all(self.timestamp.count) {
            let (least, greatest) =
                self.timestamp.bounds.filter(|(least, _)| !nullable || *least > i64::MIN)?;
            let (least, greatest) = (Timestamp::from_micros(least), Timestamp::from_micros(greatest));
            Some((Type::Timestamp, format!("timestamps, {least} to {greatest}")))
        } else if is_all(self.uuid) && !(nullable && self.has_greatest_uuid) {
            Some((Type::Uuid, "uuids".into()))
        } else {
            None
        }
    }

    fn narrowest_real(&self) -> Option<(Type, String)> {
        // Whole numbers among them have to be exact as well.
        let whole = self.whole.bounds.map_or(0, |(least, greatest)| least.size().max(greatest.size()));
        let ty = if whole <= 1 << f32::MANTISSA_DIGITS && (self.is_single || self.real.count == 0) {
            Type::F32
        } else if whole <= 1 << f64::MANTISSA_DIGITS {
            Type::F64
        } else {
            return None;
        };
        let whole = self.whole.bounds.map(|(least, greatest)| (least.as_f64(), greatest.as_f64()));
        let bounds = [self.real.bounds, whole].into_iter().flatten();
        let (least, greatest) = bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let (least, greatest) = (Value::F64(least), Value::F64(greatest));
        let digits = if ty == Type::F32 { ", few digits each" } else { "" };
        let special = if self.special > 0 { ", NaN or infinity among them" } else { "" };
        Some((ty, format!("numbers, {least} to {greatest}{digits}{special}")))
    }

    fn text(&self) -> Result<(Type, u64, String)> {
        let longest = self.longest.max(self.quoted_longest);
        let Ok(length) = u16::try_from(longest.max(1)) else {
            fail!(Input, "a text of {longest} bytes; a field has at most {}", u16::MAX);
        };
        let found = match &self.example {
            Some((text, line)) => format!("text, such as {:?} on line {line}", shown(text)),
            None if self.longest > 0 => "text, as no one type holds everything".into(),
            None if self.quoted_missing > 0 => "text that is empty or in quotes".into(),
            None => "no values".into(),
        };
        Ok((Type::Str(length), self.missing, found))
    }
}

impl<T> Default for Seen<T> {
    fn default() -> Seen<T> {
        Seen { count: 0, bounds: None }
    }
}

impl<T: Copy + PartialOrd> Seen<T> {
    fn add(&mut self, value: T) {
        self.count += 1;
        self.bounds = Some(match self.bounds {
            None => (value, value),
            Some((least, greatest)) => {
                (if value < least { value } else { least }, if value > greatest { value } else { greatest })
            }
        });
    }
}

impl Whole {
    fn size(self) -> u128 {
        match self {
            Whole::Negative(number) => number.unsigned_abs(),
            Whole::Positive(number) => number,
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            Whole::Negative(number) => number as f64,
            Whole::Positive(number) => number as f64,
        }
    }
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whole::Negative(number) => number.fmt(f),
            Whole::Positive(number) => number.fmt(f),
        }
    }
}

/// A whole number as it would be printed again: no plus sign, no needless zeros, no negative zero.
fn parse_whole(text: &str) -> Option<Whole> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let is_plain = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !is_plain {
        None
    } else if text.len() > digits.len() {
        text.parse().ok().map(Whole::Negative)
    } else if text.len() < 20 {
        text.parse::<u64>().ok().map(|number| Whole::Positive(number.into()))
    } else {
        text.parse().ok().map(Whole::Positive)
    }
}

/// A finite number with a point or an exponent, or negative zero; no plus sign, no needless zeros at its beginning.
fn parse_real(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = match digits.as_bytes() {
        [b'0', b'0'..=b'9', ..] => false,
        [b'.', b'0'..=b'9', ..] => true,
        // A whole number that got here is one that is too great to be exact, or negative zero.
        [b'0'..=b'9', ..] => text == "-0" || !digits.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    text.parse().ok().filter(|real: &f64| is_plain && real.is_finite())
}

fn is_special(text: &str) -> bool {
    let word = text.strip_prefix('-').unwrap_or(text);
    ["nan", "inf", "infinity"].iter().any(|special| word.eq_ignore_ascii_case(special))
}

/// The narrowest type that holds both, the value for null being set aside if there are to be nulls.
fn narrowest_whole(least: Whole, greatest: Whole, nullable: bool) -> Option<Type> {
    const UNSIGNED: [Number; 5] = [Number::U8, Number::U16, Number::U32, Number::U64, Number::U128];
    const SIGNED: [Number; 5] = [Number::I8, Number::I16, Number::I32, Number::I64, Number::I128];
    let types = if matches!(least, Whole::Negative(_)) { SIGNED } else { UNSIGNED };
    let holds = |number: &Number| {
        let Some((lowest, highest)) = range(*number, nullable) else { return false };
        (match least {
            Whole::Negative(number) => number >= lowest,
            Whole::Positive(_) => true,
        }) && (match greatest {
            Whole::Negative(_) => true,
            Whole::Positive(number) => number <= highest,
        })
    };
    types.into_iter().find(holds).map(Number::as_type)
}
