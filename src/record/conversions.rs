//! Between the types of fields and those of the crates `jiff`, `chrono` and `uuid`, behind features
//! of their names.

#[cfg(feature = "chrono")]
mod chrono {
    use chrono::{DateTime, NaiveDate, TimeZone, Utc};

    use crate::error::{Error, ErrorKind, Result};
    use crate::record::{Date, Timestamp};

    impl<Tz: TimeZone> From<DateTime<Tz>> for Timestamp {
        /// The same moment. What is finer than a microsecond is cut off, towards the past.
        fn from(moment: DateTime<Tz>) -> Timestamp {
            // Chrono's years end long before those of a timestamp.
            Timestamp::from_micros(moment.timestamp_micros())
        }
    }

    impl TryFrom<Timestamp> for DateTime<Utc> {
        type Error = Error;

        fn try_from(moment: Timestamp) -> Result<DateTime<Utc>> {
            DateTime::from_timestamp_micros(moment.micros()).ok_or_else(|| {
                Error::new(ErrorKind::Value, format!("{moment} is out of the range of chrono's DateTime"))
            })
        }
    }

    impl From<NaiveDate> for Date {
        fn from(date: NaiveDate) -> Date {
            Date::from_days(date.to_epoch_days())
        }
    }

    impl TryFrom<Date> for NaiveDate {
        type Error = Error;

        fn try_from(date: Date) -> Result<NaiveDate> {
            NaiveDate::from_epoch_days(date.days()).ok_or_else(|| {
                Error::new(ErrorKind::Value, format!("{date} is out of the range of chrono's NaiveDate"))
            })
        }
    }
}

#[cfg(feature = "jiff")]
mod jiff {
    use crate::error::{Error, ErrorKind, Result};
    use crate::record::{Date, Timestamp};

    impl From<jiff::Timestamp> for Timestamp {
        /// The same moment. What is finer than a microsecond is cut off, towards the past.
        fn from(moment: jiff::Timestamp) -> Timestamp {
            // Jiff's years end long before those of a timestamp.
            Timestamp::from_micros(moment.as_nanosecond().div_euclid(1000) as i64)
        }
    }

    impl TryFrom<Timestamp> for jiff::Timestamp {
        type Error = Error;

        fn try_from(moment: Timestamp) -> Result<jiff::Timestamp> {
            jiff::Timestamp::from_microsecond(moment.micros()).map_err(|_| {
                Error::new(ErrorKind::Value, format!("{moment} is out of the range of jiff's Timestamp"))
            })
        }
    }

    impl From<jiff::civil::Date> for Date {
        fn from(date: jiff::civil::Date) -> Date {
            let (year, month, day) = (date.year(), date.month(), date.day());
            // Every date of jiff is one of ours: its years have four digits.
            Date::from_ymd(year.into(), month as u8, day as u8).unwrap_or_default()
        }
    }

    impl TryFrom<Date> for jiff::civil::Date {
        type Error = Error;

        fn try_from(date: Date) -> Result<jiff::civil::Date> {
            let (year, month, day) = date.ymd();
            let year = i16::try_from(year).ok();
            year.and_then(|year| jiff::civil::Date::new(year, month as i8, day as i8).ok()).ok_or_else(|| {
                Error::new(ErrorKind::Value, format!("{date} is out of the range of jiff's Date"))
            })
        }
    }
}

#[cfg(feature = "uuid")]
mod uuid {
    use crate::record::Uuid;

    impl From<uuid::Uuid> for Uuid {
        fn from(uuid: uuid::Uuid) -> Uuid {
            Uuid::from_bytes(uuid.into_bytes())
        }
    }

    impl From<Uuid> for uuid::Uuid {
        fn from(uuid: Uuid) -> uuid::Uuid {
            uuid::Uuid::from_bytes(*uuid.as_bytes())
        }
    }
}
