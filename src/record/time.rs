//! `Date` and `Timestamp`: days and microseconds since 1970-01-01, UTC.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use bytemuck::{Pod, Zeroable};

use crate::error::{Error, ErrorKind, Result, bail};
use crate::schema::calendar::{self, DAY_MICROS};
use crate::schema::shown;

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

/// A moment, as microseconds since 1970-01-01T00:00:00Z: the type of a `timestamp` field. Leap
/// seconds do not count.
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
    /// The first date, over 5.8 million years ago. In a nullable field it means null.
    pub const MIN: Date = Date(i32::MIN);
    /// The last date.
    pub const MAX: Date = Date(i32::MAX);

    /// Today, by the system's clock, in UTC.
    ///
    /// ```
    /// use drystone::{Date, Timestamp};
    ///
    /// assert!(Date::today() <= Timestamp::now().date());
    /// ```
    pub fn today() -> Date {
        Timestamp::now().date()
    }

    /// The day this many days later, or earlier if `days` is negative. `None` if that is out of
    /// range.
    ///
    /// ```
    /// use drystone::Date;
    ///
    /// let day = Date::from_ymd(2024, 2, 28)?;
    /// assert_eq!(day.checked_add_days(2), Some(Date::from_ymd(2024, 3, 1)?));
    /// assert_eq!(Date::MAX.checked_add_days(1), None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub const fn checked_add_days(self, days: i32) -> Option<Date> {
        match self.0.checked_add(days) {
            Some(days) => Some(Date(days)),
            None => None,
        }
    }

    /// The number of days from `other` to this day; negative if this day is earlier.
    ///
    /// ```
    /// use drystone::Date;
    ///
    /// let (first, last) = (Date::from_ymd(2024, 2, 1)?, Date::from_ymd(2024, 3, 1)?);
    /// assert_eq!(last.days_since(first), 29);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub const fn days_since(self, other: Date) -> i64 {
        self.0 as i64 - other.0 as i64
    }

    /// The day this many days after 1970-01-01.
    ///
    /// ```
    /// use drystone::Date;
    ///
    /// assert_eq!(Date::from_days(365).to_string(), "1971-01-01");
    /// ```
    pub const fn from_days(days: i32) -> Date {
        Date(days)
    }

    /// The day of this year, month (1 to 12) and day (1 to 31).
    ///
    /// ```
    /// use drystone::Date;
    ///
    /// assert_eq!(Date::from_ymd(2013, 1, 31)?.to_string(), "2013-01-31");
    /// assert!(Date::from_ymd(2013, 2, 29).is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if there is no such day, or if it is over 5.8 million years
    /// away.
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Result<Date> {
        let days = calendar::days_from_ymd(year.into(), month, day).and_then(|days| i32::try_from(days).ok());
        match days {
            Some(days) => Ok(Date(days)),
            None => bail!(Value, "year {year}, month {month}, day {day}: there is no such date"),
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
    /// The first timestamp, over 290,000 years ago. In a nullable field it means null.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The last timestamp.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// The moment this many seconds after 1970-01-01T00:00:00Z.
    ///
    /// ```
    /// use drystone::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_secs(60)?.to_string(), "1970-01-01T00:01:00Z");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if it is over 290,000 years away.
    pub fn from_secs(secs: i64) -> Result<Timestamp> {
        match secs.checked_mul(1_000_000) {
            Some(micros) => Ok(Timestamp(micros)),
            None => bail!(Value, "{secs} s from 1970 are out of the range of timestamps"),
        }
    }

    /// The moment this many milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// ```
    /// use drystone::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_millis(1500)?.to_string(), "1970-01-01T00:00:01.5Z");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if it is over 290,000 years away.
    pub fn from_millis(millis: i64) -> Result<Timestamp> {
        match millis.checked_mul(1000) {
            Some(micros) => Ok(Timestamp(micros)),
            None => bail!(Value, "{millis} ms from 1970 are out of the range of timestamps"),
        }
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded towards the past.
    ///
    /// ```
    /// use drystone::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_micros(-1).secs(), -1);
    /// ```
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds since 1970-01-01T00:00:00Z, rounded towards the past.
    ///
    /// ```
    /// use drystone::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_micros(1_999).millis(), 1);
    /// ```
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment this much later. Fractions of a microsecond are cut off. `None` if that is out of
    /// range.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use drystone::Timestamp;
    ///
    /// let moment: Timestamp = "2013-01-31T23:59:59Z".parse()?;
    /// assert_eq!((moment + Duration::from_secs(1)).to_string(), "2013-02-01T00:00:00Z");
    /// assert_eq!(Timestamp::MAX.checked_add(Duration::from_secs(1)), None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub const fn checked_add(self, duration: Duration) -> Option<Timestamp> {
        self.moved(duration.as_micros(), 1)
    }

    /// The moment this much earlier. Fractions of a microsecond are cut off. `None` if that is out
    /// of range.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use drystone::Timestamp;
    ///
    /// let minute = Duration::from_secs(60);
    /// assert_eq!(Timestamp::from_secs(90)?.checked_sub(minute), Some(Timestamp::from_secs(30)?));
    /// assert_eq!(Timestamp::MIN.checked_sub(minute), None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub const fn checked_sub(self, duration: Duration) -> Option<Timestamp> {
        self.moved(duration.as_micros(), -1)
    }

    /// The moment this much later, or [`MAX`](Timestamp::MAX).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use drystone::Timestamp;
    ///
    /// assert_eq!(Timestamp::MAX.saturating_add(Duration::from_secs(1)), Timestamp::MAX);
    /// ```
    pub const fn saturating_add(self, duration: Duration) -> Timestamp {
        match self.checked_add(duration) {
            Some(moment) => moment,
            None => Timestamp::MAX,
        }
    }

    /// The moment this much earlier, or [`MIN`](Timestamp::MIN).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use drystone::Timestamp;
    ///
    /// assert_eq!(Timestamp::MIN.saturating_sub(Duration::from_secs(1)), Timestamp::MIN);
    /// ```
    pub const fn saturating_sub(self, duration: Duration) -> Timestamp {
        match self.checked_sub(duration) {
            Some(moment) => moment,
            None => Timestamp::MIN,
        }
    }

    /// The time from `earlier` to this moment; `None` if `earlier` is later than this.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use drystone::Timestamp;
    ///
    /// let (first, last) = (Timestamp::from_secs(30)?, Timestamp::from_secs(90)?);
    /// assert_eq!(last.duration_since(first), Some(Duration::from_secs(60)));
    /// assert_eq!(first.duration_since(last), None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub const fn duration_since(self, earlier: Timestamp) -> Option<Duration> {
        if self.0 < earlier.0 { None } else { Some(Duration::from_micros(self.0.abs_diff(earlier.0))) }
    }

    const fn moved(self, micros: u128, sign: i128) -> Option<Timestamp> {
        // A duration has at most 2^64 seconds, which are under 2^84 microseconds.
        let moved = self.0 as i128 + micros as i128 * sign;
        if moved < i64::MIN as i128 || moved > i64::MAX as i128 {
            None
        } else {
            Some(Timestamp(moved as i64))
        }
    }

    /// The moment this many microseconds after 1970-01-01T00:00:00Z.
    ///
    /// ```
    /// use drystone::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_micros(1).to_string(), "1970-01-01T00:00:00.000001Z");
    /// ```
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    /// The midnight (UTC) at which this day begins.
    ///
    /// ```
    /// use drystone::{Date, Timestamp};
    ///
    /// let midnight = Timestamp::from_date(Date::from_ymd(2013, 7, 4)?)?;
    /// assert_eq!(midnight.to_string(), "2013-07-04T00:00:00Z");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if it is over 290,000 years away.
    pub fn from_date(date: Date) -> Result<Timestamp> {
        match i64::from(date.0).checked_mul(DAY_MICROS) {
            Some(micros) => Ok(Timestamp(micros)),
            None => bail!(Value, "{date} is out of the range of timestamps"),
        }
    }

    /// Midnight (UTC) of this year, month and day. Add a [`Duration`] for a time of day.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use drystone::Timestamp;
    ///
    /// let noon = Timestamp::from_ymd(2013, 7, 4)? + Duration::from_secs(12 * 3600);
    /// assert_eq!(noon.to_string(), "2013-07-04T12:00:00Z");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Date::from_ymd`] and [`from_date`](Timestamp::from_date).
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
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use drystone::Timestamp;
    ///
    /// let moment: Timestamp = "2013-07-04T00:01:30Z".parse()?;
    /// assert_eq!(moment.time_of_day(), Duration::from_secs(90));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub const fn time_of_day(self) -> Duration {
        Duration::from_micros(self.0.rem_euclid(DAY_MICROS) as u64)
    }

    /// The present moment, by the system's clock.
    ///
    /// ```
    /// use drystone::Timestamp;
    ///
    /// assert!(Timestamp::now() > "2024-01-01T00:00:00Z".parse()?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn now() -> Timestamp {
        // A clock that is over 290,000 years off is taken as the last timestamp.
        SystemTime::now().try_into().unwrap_or(Timestamp::MAX)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// # Panics
    /// If the result is out of range; see [`checked_add`](Timestamp::checked_add).
    fn add(self, duration: Duration) -> Timestamp {
        match self.checked_add(duration) {
            Some(moment) => moment,
            None => panic!("{self} + {duration:?} is out of the range of timestamps"),
        }
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    /// # Panics
    /// If the result is out of range; see [`checked_sub`](Timestamp::checked_sub).
    fn sub(self, duration: Duration) -> Timestamp {
        match self.checked_sub(duration) {
            Some(moment) => moment,
            None => panic!("{self} - {duration:?} is out of the range of timestamps"),
        }
    }
}

impl AddAssign<Duration> for Timestamp {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl SubAssign<Duration> for Timestamp {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = Error;

    /// Fractions of a microsecond are cut off, towards the past.
    fn try_from(time: SystemTime) -> Result<Timestamp> {
        let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        match i64::try_from(nanos.div_euclid(1000)) {
            Ok(micros) => Ok(Timestamp(micros)),
            Err(_) => bail!(Value, "a system time {nanos} ns from 1970 is out of the range of timestamps"),
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
            Err(reason) => bail!(Value, "{:?} is not a valid date: {reason}", shown(text)),
        }
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Timestamp> {
        match calendar::parse_timestamp(text) {
            Ok(micros) => Ok(Timestamp(micros)),
            Err(reason) => bail!(Value, "{:?} is not a valid timestamp: {reason}", shown(text)),
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
