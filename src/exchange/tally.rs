//! Counts the values of a text column and finds the narrowest type that holds them all. CSV, JSON
//! and NumPy inference use it.

use std::fmt;

use super::few::Few;
use crate::error::{Result, bail};
use crate::record::{Date, Timestamp, Value};
use crate::schema::calendar::{DAY_MICROS, parse_date, read_timestamp};
use crate::schema::decimal::with_point;
use crate::schema::shown;
use crate::schema::text::{parse_uuid, range};
use crate::schema::{Number, TextRules, Type};

/// What the values of a column look like, counted.
#[derive(Clone, Default)]
pub(super) struct Tally {
    pub(super) missing: u64,
    /// Quoted values that would be missing without their quotes. They are text if the column is
    /// text.
    pub(super) quoted_missing: u64,
    pub(super) quoted_longest: usize,
    longest: usize,
    whole: Bounds<Whole>,
    real: Bounds<f64>,
    /// Whether one of `real` is no `f32`.
    has_double: bool,
    /// Whether numbers have a decimal comma.
    decimal_comma: bool,
    /// Whether timestamps may lose what is beyond microseconds.
    rounds: bool,
    /// NaN and infinity.
    special: u64,
    bool: u64,
    date: Bounds<i32>,
    timestamp: Bounds<i64>,
    uuid: u64,
    has_greatest_uuid: bool,
    text: u64,
    /// The first text that is not a value of any other type, and its line.
    example: Option<(Box<str>, u64)>,
    /// All texts, if an enumeration may be picked.
    few: Few,
}

/// The type that was chosen for a column.
pub(super) struct Choice {
    pub(super) ty: Type,
    /// The number of missing values.
    pub(super) missing: u64,
    /// What was found, for people.
    pub(super) reason: String,
}

/// Count, minimum and maximum.
#[derive(Clone)]
struct Bounds<T> {
    count: u64,
    range: Option<(T, T)>,
}

/// A whole number from the lowest `i128` to the highest `u128`. The variants order as the numbers
/// do.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Whole {
    Negative(i128),
    Positive(u128),
}

impl Tally {
    /// A tally that picks an enumeration for few texts if `enums`.
    pub(super) fn new(enums: bool, rules: &TextRules) -> Tally {
        let (decimal_comma, rounds) = (rules.decimal_comma, rules.round);
        Tally { few: Few::new(enums), decimal_comma, rounds, ..Tally::default() }
    }

    /// Counts a value by its text, which is in this line. Blanks around it count only in a text.
    pub(super) fn add(&mut self, text: &str, line: u64) {
        let bare = text.trim_matches([' ', '\t']);
        if bare.is_empty() {
            self.quoted_missing += 1;
            self.quoted_longest = self.quoted_longest.max(text.len());
            return;
        }
        self.longest = self.longest.max(text.len());
        self.few.add(text);
        if self.text > 0 {
            // The column is text, whatever follows.
            self.text += 1;
            return;
        }
        let number = if self.decimal_comma { with_point(bare).unwrap_or_default() } else { bare.into() };
        if let Some(whole) = parse_whole(&number) {
            self.whole.add(whole);
        } else if let Some(real) = parse_real(&number) {
            self.has_double |= f64::from(real as f32) != real;
            self.real.add(real);
        } else if is_special(bare) {
            self.special += 1;
        } else if let Ok(date) = parse_date(bare) {
            self.date.add(date);
        } else if let Ok(timestamp) = read_timestamp(bare, self.rounds) {
            self.timestamp.add(timestamp);
        } else if ["true", "false"].iter().any(|word| bare.eq_ignore_ascii_case(word)) {
            self.bool += 1;
        } else if let Some(uuid) = parse_uuid(bare).filter(|_| bare.contains('-')) {
            self.uuid += 1;
            self.has_greatest_uuid |= uuid == [0xFF; 16];
        } else {
            self.text += 1;
            self.example = Some((text.into(), line));
        }
    }

    /// Counts a quoted text, which is never a number or a truth value.
    #[cfg(feature = "json")]
    pub(super) fn add_quoted(&mut self, text: &str, line: u64) {
        let looks_else = parse_whole(text).is_some()
            || parse_real(text).is_some()
            || ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word));
        if looks_else && self.text == 0 {
            self.longest = self.longest.max(text.len());
            self.few.add(text);
            self.text += 1;
            self.example = Some((text.into(), line));
        } else {
            self.add(text, line);
        }
    }

    /// Adds the values of later lines, which were counted without the `before` lines before them.
    #[cfg(any(feature = "csv", feature = "json"))]
    pub(super) fn merge(&mut self, later: Tally, before: u64) {
        self.missing += later.missing;
        self.quoted_missing += later.quoted_missing;
        self.quoted_longest = self.quoted_longest.max(later.quoted_longest);
        self.longest = self.longest.max(later.longest);
        self.whole.merge(&later.whole);
        self.real.merge(&later.real);
        self.has_double |= later.has_double;
        self.special += later.special;
        self.bool += later.bool;
        self.date.merge(&later.date);
        self.timestamp.merge(&later.timestamp);
        self.uuid += later.uuid;
        self.has_greatest_uuid |= later.has_greatest_uuid;
        self.text += later.text;
        self.example = self.example.take().or(later.example.map(|(text, line)| (text, before + line)));
        self.few.merge(later.few);
    }

    /// The narrowest type that holds all values.
    pub(super) fn find_type(&self) -> Result<Choice> {
        let missing = self.missing + self.quoted_missing;
        let mut choice = match self.narrowest(missing > 0) {
            Some((ty, reason)) => Choice { ty, missing, reason },
            None => self.text()?,
        };
        choice.reason.push_str(&missing_too(choice.missing));
        Ok(choice)
    }

    /// The narrowest type other than text, if there is one.
    fn narrowest(&self, nullable: bool) -> Option<(Type, String)> {
        let numbers = self.whole.count + self.real.count + self.special;
        let all = numbers + self.bool + self.date.count + self.timestamp.count + self.uuid + self.text;
        let is_all = |count: u64| count == all && count > 0;
        if is_all(self.whole.count) {
            let (least, greatest) = self.whole.range?;
            Some((
                narrowest_whole(least, greatest, nullable)?,
                format!("whole numbers, {least} to {greatest}"),
            ))
        } else if is_all(self.special) {
            // Nothing says that a narrower type will do.
            Some((Type::F64, "NaN or infinity alone".into()))
        } else if is_all(numbers) {
            self.narrowest_real()
        } else if is_all(self.bool) {
            Some((Type::Bool, "true and false".into()))
        } else if is_all(self.date.count) {
            let (least, greatest) = self.date.range.filter(|(least, _)| !nullable || *least > i32::MIN)?;
            let (least, greatest) = (Date::from_days(least), Date::from_days(greatest));
            Some((Type::Date, format!("dates, {least} to {greatest}")))
        } else if is_all(self.timestamp.count + self.date.count) {
            let (least, greatest) = self.moments().filter(|(least, _)| !nullable || *least > i64::MIN)?;
            let (least, greatest) = (Timestamp::from_micros(least), Timestamp::from_micros(greatest));
            Some((Type::Timestamp, format!("timestamps, {least} to {greatest}")))
        } else if is_all(self.uuid) && !(nullable && self.has_greatest_uuid) {
            Some((Type::Uuid, "uuids".into()))
        } else {
            None
        }
    }

    /// The first and the last of the timestamps, with dates as their midnights. `None` if a date is
    /// out of the range of timestamps.
    fn moments(&self) -> Option<(i64, i64)> {
        let (least, greatest) = self.timestamp.range?;
        let Some((first, last)) = self.date.range else { return Some((least, greatest)) };
        let midnight = |days: i32| i64::from(days).checked_mul(DAY_MICROS);
        Some((least.min(midnight(first)?), greatest.max(midnight(last)?)))
    }

    fn narrowest_real(&self) -> Option<(Type, String)> {
        // Whole numbers among them must be exact as well.
        let whole = self.whole.range.map_or(0, |(least, greatest)| least.size().max(greatest.size()));
        let ty = if whole <= 1 << f32::MANTISSA_DIGITS && !self.has_double {
            Type::F32
        } else if whole <= 1 << f64::MANTISSA_DIGITS {
            Type::F64
        } else {
            return None;
        };
        let whole = self.whole.range.map(|(least, greatest)| (least.as_f64(), greatest.as_f64()));
        let bounds = [self.real.range, whole].into_iter().flatten();
        let (least, greatest) = bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let (least, greatest) = (Value::F64(least), Value::F64(greatest));
        let digits = if ty == Type::F32 { ", each of them an f32" } else { "" };
        let special = if self.special > 0 { ", NaN or infinity among them" } else { "" };
        Some((ty, format!("numbers, {least} to {greatest}{digits}{special}")))
    }

    fn text(&self) -> Result<Choice> {
        let longest = self.longest.max(self.quoted_longest);
        let Ok(length) = u16::try_from(longest.max(1)) else {
            bail!(Input, "a text of {longest} bytes; a field has at most {}", u16::MAX);
        };
        let reason = match &self.example {
            Some((text, line)) => format!("text, such as {:?} on line {line}", shown(text)),
            None if self.longest > 0 => "text, as no one type holds everything".into(),
            None if self.quoted_missing > 0 => "text that is empty or in quotes".into(),
            None => "no values".into(),
        };
        // A text that differs from a missing value by its quotes alone is not a name.
        if self.quoted_missing == 0
            && let Some(names) = self.few.names(self.missing > 0)
        {
            let reason =
                format!("{} different texts, such as {:?}", names.len(), names.get(0).unwrap_or_default());
            return Ok(Choice { ty: Type::Enum(names), missing: self.missing, reason });
        }
        Ok(Choice { ty: Type::Str(length), missing: self.missing, reason })
    }
}

/// The number of missing values as the end of a reason.
pub(super) fn missing_too(missing: u64) -> String {
    if missing > 0 { format!("; {missing} missing") } else { String::new() }
}

impl<T> Default for Bounds<T> {
    fn default() -> Bounds<T> {
        Bounds { count: 0, range: None }
    }
}

impl<T: Copy + PartialOrd> Bounds<T> {
    fn add(&mut self, value: T) {
        self.count += 1;
        self.range = Some(match self.range {
            None => (value, value),
            Some((least, greatest)) => {
                (if value < least { value } else { least }, if value > greatest { value } else { greatest })
            }
        });
    }
}

#[cfg(any(feature = "csv", feature = "json"))]
impl<T: Copy + PartialOrd> Bounds<T> {
    fn merge(&mut self, other: &Bounds<T>) {
        if let Some((least, greatest)) = other.range {
            let count = self.count + other.count;
            self.add(least);
            self.add(greatest);
            self.count = count;
        }
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

/// A whole number in the form in which it is printed: no plus sign, no leading zeros, no negative
/// zero.
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

/// A finite number with a point or an exponent, or negative zero; without a plus sign or leading
/// zeros.
fn parse_real(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = match digits.as_bytes() {
        [b'0', b'0'..=b'9', ..] => false,
        [b'.', b'0'..=b'9', ..] => true,
        // A whole number here is either too large to be exact, or negative zero.
        [b'0'..=b'9', ..] => text == "-0" || !digits.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    text.parse().ok().filter(|real: &f64| is_plain && real.is_finite())
}

fn is_special(text: &str) -> bool {
    let word = text.strip_prefix('-').unwrap_or(text);
    ["nan", "inf", "infinity"].iter().any(|special| word.eq_ignore_ascii_case(special))
}

/// The narrowest type that holds both, without the value reserved for null if values may be null.
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
