//! Dates, datetimes and UUIDs: between Python's objects and stored numbers.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};

use crate::encode::{shown, wrong_type};
use crate::error::{Class, raise};
use crate::layout::FieldInfo;

/// `date.toordinal()` of 1970-01-01.
const EPOCH_ORDINAL: i32 = 719_163;
const DAY_MICROS: i128 = 86_400_000_000;

struct Classes {
    date: Py<PyAny>,
    datetime: Py<PyAny>,
    from_ordinal: Py<PyAny>,
    timedelta: Py<PyAny>,
    epoch: Py<PyAny>,
}

fn classes(py: Python<'_>) -> PyResult<&'static Classes> {
    static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();
    CLASSES.get_or_try_init(py, || {
        let module = py.import("datetime")?;
        let date = module.getattr("date")?;
        let datetime = module.getattr("datetime")?;
        let utc = module.getattr("timezone")?.getattr("utc")?;
        let named = PyDict::new(py);
        named.set_item("tzinfo", utc)?;
        Ok(Classes {
            from_ordinal: date.getattr("fromordinal")?.unbind(),
            epoch: datetime.call((1970, 1, 1), Some(&named))?.unbind(),
            timedelta: module.getattr("timedelta")?.unbind(),
            date: date.unbind(),
            datetime: datetime.unbind(),
        })
    })
}

/// The `datetime.date` so many days after 1970-01-01.
pub(crate) fn date(py: Python<'_>, days: i32) -> PyResult<Bound<'_, PyAny>> {
    let ordinal = days.checked_add(EPOCH_ORDINAL).filter(|ordinal| (1..=3_652_059).contains(ordinal));
    match ordinal {
        Some(ordinal) => classes(py)?.from_ordinal.bind(py).call1((ordinal,)),
        None => Err(raise(
            py,
            Class::Value,
            format!("day {days} lies outside the years 1 to 9999 of Python's dates"),
        )),
    }
}

/// The aware `datetime.datetime` in UTC so many microseconds after 1970.
pub(crate) fn datetime(py: Python<'_>, micros: i64) -> PyResult<Bound<'_, PyAny>> {
    let classes = classes(py)?;
    let days = micros.div_euclid(DAY_MICROS as i64);
    let rest = micros.rem_euclid(DAY_MICROS as i64);
    let delta = classes.timedelta.bind(py).call1((days, rest / 1_000_000, rest % 1_000_000))?;
    classes.epoch.bind(py).add(delta).map_err(|_| {
        raise(py, Class::Value, format!("{micros} µs lie outside the years 1 to 9999 of Python's datetimes"))
    })
}

pub(crate) fn days_of(field: &FieldInfo, value: &Bound<'_, PyAny>) -> PyResult<i32> {
    let py = value.py();
    let classes = classes(py)?;
    if value.is_instance(classes.date.bind(py))? && !value.is_instance(classes.datetime.bind(py))? {
        let ordinal: i32 = value.call_method0("toordinal")?.extract()?;
        return Ok(ordinal - EPOCH_ORDINAL);
    }
    if value.get_type().name()? == "datetime64" {
        let day = value.call_method1("astype", ("datetime64[D]",))?;
        if day.eq(value)? {
            return day.call_method1("astype", ("int64",))?.extract();
        }
    }
    Err(wrong_type(field, value, "a datetime.date"))
}

pub(crate) fn micros_of(field: &FieldInfo, value: &Bound<'_, PyAny>) -> PyResult<i64> {
    let py = value.py();
    let classes = classes(py)?;
    let lost = || {
        let message = format!(
            "field '{}': {} has nanoseconds, which timestamp (microseconds) would lose",
            field.def.name(),
            shown(value)
        );
        raise(py, Class::Value, message)
    };
    if value.get_type().name()? == "datetime64" {
        // NumPy's moments have no time zone; they are UTC by its definition.
        let micros = value.call_method1("astype", ("datetime64[us]",))?;
        if !micros.eq(value)? {
            return Err(lost());
        }
        return micros.call_method1("astype", ("int64",))?.extract();
    }
    if !value.is_instance(classes.datetime.bind(py))? {
        return Err(wrong_type(field, value, "an aware datetime.datetime"));
    }
    if value.call_method0("utcoffset")?.is_none() {
        let message = format!(
            "field '{}': {} has no time zone; write value.replace(tzinfo=timezone.utc) if it is in UTC",
            field.def.name(),
            shown(value)
        );
        return Err(raise(py, Class::Value, message));
    }
    // pandas' Timestamp is a datetime with nanoseconds.
    if let Ok(nanos) = value.getattr("nanosecond")
        && nanos.extract::<i64>()? != 0
    {
        return Err(lost());
    }
    let delta = value.sub(classes.epoch.bind(py))?;
    let part = |name: &str| delta.getattr(name).and_then(|part| part.extract::<i64>());
    let (days, seconds, micros) = (part("days")?, part("seconds")?, part("microseconds")?);
    let total = i128::from(days) * DAY_MICROS + i128::from(seconds) * 1_000_000 + i128::from(micros);
    i64::try_from(total).map_err(|_| wrong_type(field, value, "a datetime.datetime"))
}

fn uuid_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "uuid", "UUID")
}

pub(crate) fn uuid(py: Python<'_>, stored: [u8; 16]) -> PyResult<Bound<'_, PyAny>> {
    let named = PyDict::new(py);
    named.set_item("bytes", PyBytes::new(py, &stored))?;
    uuid_class(py)?.call((), Some(&named))
}

pub(crate) fn uuid_bytes(field: &FieldInfo, value: &Bound<'_, PyAny>) -> PyResult<[u8; 16]> {
    if !value.is_instance(uuid_class(value.py())?)? {
        return Err(wrong_type(field, value, "a uuid.UUID"));
    }
    value.getattr("bytes")?.extract()
}
