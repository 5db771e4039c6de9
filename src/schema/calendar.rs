//! Dates and timestamps as text and as numbers: days and microseconds since 1970-01-01, proleptic
//! Gregorian, UTC.

use std::fmt;

pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

const NO_DATE: &str = "not a date such as 2013-01-31";
const NO_TIMESTAMP: &str = "not a timestamp such as 2013-01-31T10:00:00Z";
pub(crate) const BEYOND_MICROS: &str =
    "there are digits other than zero beyond microseconds, which is what a timestamp counts";

/// Days since 1970-01-01, if there is such a day (Howard Hinnant's algorithm).
pub(crate) fn days_from_ymd(year: i64, month: u8, day: u8) -> Option<i64> {
    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of its year; an era is 400 years.
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Year, month and day of a number of days since 1970-01-01.
pub(crate) fn ymd_from_days(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u8, day as u8)
}

fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads `2013-01-31` and `31.01.2013`; years beyond four digits have a sign: `+12013-01-31`.
pub(crate) fn parse_date(text: &str) -> Result<i32, &'static str> {
    let mut reader = Reader(text.as_bytes());
    let days = reader.date().ok_or(NO_DATE)??;
    if !reader.0.is_empty() {
        return Err(NO_DATE);
    }
    i32::try_from(days).map_err(|_| "out of range")
}

/// Reads `2013-01-31T10:00:00Z`: a space may stand for the T; the time of day, or seconds and their
/// fraction, may be left out; digits beyond microseconds must be zeros. The end is Z, UTC, an
/// offset such as +02:00, +0200 or +02, or nothing, which is Z; a space may stand before it.
pub(crate) fn parse_timestamp(text: &str) -> Result<i64, &'static str> {
    read_timestamp(text, false)
}

/// The same; if it `rounds`, digits beyond microseconds are cut.
pub(crate) fn read_timestamp(text: &str, rounds: bool) -> Result<i64, &'static str> {
    let mut reader = Reader(text.as_bytes());
    let days = reader.date().ok_or(NO_TIMESTAMP)??;
    let (of_day, offset) = if reader.0.is_empty() {
        (0, 0)
    } else {
        (reader.time(rounds).ok_or(NO_TIMESTAMP)??, reader.zone().ok_or(NO_TIMESTAMP)??)
    };
    if !reader.0.is_empty() {
        return Err(NO_TIMESTAMP);
    }
    let micros = i128::from(days) * i128::from(DAY_MICROS) + i128::from(of_day) - i128::from(offset);
    i64::try_from(micros).map_err(|_| "out of range")
}

pub(crate) fn write_date(days: i32, out: &mut impl fmt::Write) -> fmt::Result {
    write_day(days.into(), out)
}

pub(crate) fn write_timestamp(micros: i64, out: &mut impl fmt::Write) -> fmt::Result {
    write_day(micros.div_euclid(DAY_MICROS), out)?;
    let (seconds, fraction) =
        (micros.rem_euclid(DAY_MICROS) / 1_000_000, micros.rem_euclid(DAY_MICROS) % 1_000_000);
    write!(out, "T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    if fraction != 0 {
        let (mut fraction, mut digits) = (fraction, 6);
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(out, ".{fraction:0digits$}")?;
    }
    out.write_char('Z')
}

fn write_day(days: i64, out: &mut impl fmt::Write) -> fmt::Result {
    match ymd_from_days(days) {
        (year @ 0..=9999, month, day) => write!(out, "{year:04}-{month:02}-{day:02}"),
        (year, month, day) => write!(out, "{year:+07}-{month:02}-{day:02}"),
    }
}

/// What is left to read. Its methods give `None` where the shape is wrong, and an error where only
/// the value is.
struct Reader<'t>(&'t [u8]);

type Part<T> = Option<Result<T, &'static str>>;

impl Reader<'_> {
    fn date(&mut self) -> Part<i64> {
        if self.0.get(2) == Some(&b'.') {
            return self.date_from_day();
        }
        let sign = self.one_of(b"+-");
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Seven digits of year are more than an i32 of days can hold.
        if !(4..=7).contains(&digits) || (sign.is_none() && digits > 4) {
            return None;
        }
        let year = i64::from(self.number(digits)?);
        self.one_of(b"-")?;
        let month = self.number(2)?;
        self.one_of(b"-")?;
        let day = self.number(2)?;
        let year = if sign == Some(b'-') { -year } else { year };
        Some(days_from_ymd(year, month as u8, day as u8).ok_or("there is no such day"))
    }

    /// A date with the day first and points: other orders with points are not in use.
    fn date_from_day(&mut self) -> Part<i64> {
        let day = self.number(2)?;
        self.one_of(b".")?;
        let month = self.number(2)?;
        self.one_of(b".")?;
        let year = self.number(4)?;
        Some(days_from_ymd(year.into(), month as u8, day as u8).ok_or("there is no such day"))
    }

    /// Microseconds since midnight.
    fn time(&mut self, rounds: bool) -> Part<i64> {
        self.one_of(b"Tt ")?;
        let (hour, minute) = self.hour_and_minute()?;
        let mut second = 0;
        let mut fraction = 0;
        if self.one_of(b":").is_some() {
            second = self.number(2)?;
            if self.one_of(b".,").is_some() {
                let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let kept = digits.min(6);
                fraction = self.number(kept)? * 10_u32.pow(6 - kept as u32);
                let beyond = self.0.get(..digits - kept)?;
                if !rounds && beyond.iter().any(|digit| *digit != b'0') {
                    return Some(Err(BEYOND_MICROS));
                }
                self.0 = self.0.get(digits - kept..)?;
            }
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Some(Err("there is no such time of day"));
        }
        Some(Ok(i64::from(hour * 3600 + minute * 60 + second) * 1_000_000 + i64::from(fraction)))
    }

    /// Microseconds that the zone is ahead of UTC.
    fn zone(&mut self) -> Part<i64> {
        if self.0.is_empty() || self.one_of(b"Zz").is_some() {
            return Some(Ok(0));
        }
        let _ = self.one_of(b" ");
        for name in [&b"UTC"[..], b"GMT", b"Z"] {
            if let Some(rest) = self.0.strip_prefix(name) {
                self.0 = rest;
                return Some(Ok(0));
            }
        }
        let sign = self.one_of(b"+-")?;
        let hour = self.number(2)?;
        let has_colon = self.one_of(b":").is_some();
        let minute = if has_colon || !self.0.is_empty() { self.number(2)? } else { 0 };
        let second = if has_colon && self.one_of(b":").is_some() { self.number(2)? } else { 0 };
        if hour > 23 || minute > 59 || second > 59 {
            return Some(Err("there is no such offset from UTC"));
        }
        let offset = i64::from(hour * 3600 + minute * 60 + second) * 1_000_000;
        Some(Ok(if sign == b'-' { -offset } else { offset }))
    }

    fn hour_and_minute(&mut self) -> Option<(u32, u32)> {
        let hour = self.number(2)?;
        self.one_of(b":")?;
        Some((hour, self.number(2)?))
    }

    /// A number of exactly this many digits, at least one and at most seven.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = rest;
        Some(number.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !bytes.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }
}
