//! `Date` and `Timestamp`: days and microseconds since 1970-01-01, UTC.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use bytemuck::{Pod, Zeroable};

use crate::error::{Error, ErrorKind, Result, fail};
use crate::schema::calendar::{self, DAY_MICROS};
use crate::schema::text::shown;

/// A day in the proleptic Gregorian calendar, as days since 1970-01-01: the type of a `date` field.
///
/// ```
/// use drystone::Date;
///
/// let day = Date::from_ymd(2013, 1, 31)?;
/// assert_eq!(day.to_string(), "2013-01-31");
/// assert_eq!(day, "2013-01-31".parse()?);
/// assert_eq!(day.ymd(), (2013, 1, 31));
/// assert_eq!(day.days(), 15_736);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Date(i32);

/// A moment, as microseconds since 1970-01-01T00:00:00Z: the type of a `timestamp` field. Leap seconds do not count.
///
/// ```
/// use drystone::Timestamp;
///
/// let moment: Timestamp = "2013-01-01 05:00:00-05:00".parse()?;
/// assert_eq!(moment.to_string(), "2013-01-01T10:00:00Z");
/// assert_eq!(moment.micros(), 1_357_034_400_000_000);
/// assert_eq!(moment.date().to_string(), "2013-01-01");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Timestamp(i64);

impl Date {
    /// The day this many days after 1970-01-01.
    pub const fn from_days(days: i32) -> Date {
        Date(days)
    }

    /// The day of this year, month (1 to 12) and day (1 to 31).
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) when there is no such day, or it is over 5.8 million years away.
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Result<Date> {
        let days = calendar::days_from_ymd(year.into(), month, day).and_then(|days| i32::try_from(days).ok());
        match days {
            Some(days) => Ok(Date(days)),
            None => fail!(Value, "year {year}, month {month}, day {day}: there is no such date"),
        }
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// Year, month (1 to 12) and day (1 to 31).
    pub fn ymd(self) -> (i32, u8, u8) {
        let (year, month, day) = calendar::ymd_from_days(self.0.into());
        // The years of an i32 of days have at most seven digits.
        (year as i32, month, day)
    }
}

impl Timestamp {
    /// The moment this many microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    /// The midnight (UTC) with which this day begins.
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) when it is over 290,000 years away.
    pub fn from_date(date: Date) -> Result<Timestamp> {
        match i64::from(date.0).checked_mul(DAY_MICROS) {
            Some(micros) => Ok(Timestamp(micros)),
            None => fail!(Value, "{date} is out of the range of timestamps"),
        }
    }

    /// Midnight (UTC) of this year, month and day; add [`micros`](Timestamp::micros) for a time of day.
    ///
    /// # Errors
    /// As [`Date::from_ymd`] and [`from_date`](Timestamp::from_date).
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Result<Timestamp> {
        Date::from_ymd(year, month, day).and_then(Timestamp::from_date)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The day (UTC).
    pub const fn date(self) -> Date {
        // An i64 of microseconds is under 107 million days either way.
        Date(self.0.div_euclid(DAY_MICROS) as i32)
    }

    /// Year, month and day (UTC).
    pub fn ymd(self) -> (i32, u8, u8) {
        self.date().ymd()
    }

    /// The time since midnight (UTC).
    pub const fn time_of_day(self) -> Duration {
        Duration::from_micros(self.0.rem_euclid(DAY_MICROS) as u64)
    }

    /// The present moment.
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) when the system's clock is over 290,000 years off.
    pub fn now() -> Result<Timestamp> {
        SystemTime::now().try_into()
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = Error;

    /// What is finer than a microsecond is cut off, towards the past.
    fn try_from(time: SystemTime) -> Result<Timestamp> {
        let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        match i64::try_from(nanos.div_euclid(1000)) {
            Ok(micros) => Ok(Timestamp(micros)),
            Err(_) => fail!(Value, "a system time {nanos} ns from 1970 is out of the range of timestamps"),
        }
    }
}

impl TryFrom<Timestamp> for SystemTime {
    type Error = Error;

    fn try_from(moment: Timestamp) -> Result<SystemTime> {
        let distance = Duration::from_micros(moment.0.unsigned_abs());
        let time = if moment.0 < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        };
        time.ok_or_else(|| {
            Error::new(ErrorKind::Value, format!("{moment} is out of the range of the system's clock"))
        })
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Date> {
        match calendar::parse_date(text) {
            Ok(days) => Ok(Date(days)),
            Err(reason) => fail!(Value, "{:?} is no date: {reason}", shown(text)),
        }
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Timestamp> {
        match calendar::parse_timestamp(text) {
            Ok(micros) => Ok(Timestamp(micros)),
            Err(reason) => fail!(Value, "{:?} is no timestamp: {reason}", shown(text)),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        calendar::write_date(self.0, f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        calendar::write_timestamp(self.0, f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
