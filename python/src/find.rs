//! What tables of a database and tables of a transaction look up in the same way.

use std::ops::Bound as End;

use drystone::{Dyn, Table, Value};
use pyo3::prelude::*;

use crate::error::{Class, raise};
use crate::layout::{Info, bytes};
use crate::raw::RowRef;
use crate::still::bound_values;

/// What `get` returns: what was found, else the default, else `None`.
pub(crate) fn or_default<'py>(
    py: Python<'py>,
    found: Option<Bound<'py, PyAny>>,
    default: Option<Bound<'py, PyAny>>,
) -> Bound<'py, PyAny> {
    found.or(default).unwrap_or_else(|| py.None().into_bound(py))
}

/// A slice of a table with a key, which could mean two things.
#[cold]
pub(crate) fn keyed_slice(py: Python<'_>, table: &str) -> PyErr {
    let message = format!(
        "table '{table}' has a key, so a slice could mean keys or places: write .range(low, high) or .rows[a:b]"
    );
    raise(py, Class::Type, message)
}

/// The bytes of a record of this class, to look for equal ones; `None` where it is something else,
/// which no table of the class contains.
pub(crate) fn wanted(info: &Info, record: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    let row = RowRef::new(record)?;
    std::ptr::eq(row.info(), info).then(|| row.record().to_vec())
}

/// Whether a table has a record that equals this one.
pub(crate) fn has_record(table: Table<'_, Dyn>, info: &Info, wanted: &[u8]) -> drystone::Result<bool> {
    for slice in table.slices() {
        if slice?.as_bytes().chunks_exact(info.width).any(|record| info.is_equal(record, wanted)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A range of keys, as Python gives it.
pub(crate) struct KeyRange {
    low: Option<Vec<Value<'static>>>,
    high: Option<Vec<Value<'static>>>,
    is_closed: bool,
}

impl KeyRange {
    pub(crate) fn new(
        info: &Info,
        low: Option<&Bound<'_, PyAny>>,
        high: Option<&Bound<'_, PyAny>>,
        is_closed: bool,
    ) -> PyResult<KeyRange> {
        let values = |key: Option<&Bound<'_, PyAny>>| key.map(|key| bound_values(info, key)).transpose();
        Ok(KeyRange { low: values(low)?, high: values(high)?, is_closed })
    }

    pub(crate) fn ends(&self) -> (End<&[Value<'static>]>, End<&[Value<'static>]>) {
        let low = self.low.as_ref().map_or(End::Unbounded, |values| End::Included(&values[..]));
        let high = match (&self.high, self.is_closed) {
            (None, _) => End::Unbounded,
            (Some(values), true) => End::Included(&values[..]),
            (Some(values), false) => End::Excluded(&values[..]),
        };
        (low, high)
    }

    /// The numbers of the rows in it: the first, and the one after the last.
    pub(crate) fn numbers(&self, table: Table<'_, Dyn>) -> drystone::Result<(u64, u64)> {
        let numbers = table.range(self.ends())?.numbers();
        Ok((numbers.start, numbers.end.max(numbers.start)))
    }
}

/// Copies the records with these packed numbers. A number that is outside is returned.
pub(crate) fn gather(records: &[u8], width: usize, numbers: &[u8], out: &mut [u8]) -> Option<i64> {
    let rows = (records.len() / width) as i64;
    for (number, slot) in numbers.chunks_exact(8).zip(out.chunks_exact_mut(width)) {
        let number = i64::from_le_bytes(bytes(number));
        let place = if number < 0 { number + rows } else { number };
        if !(0..rows).contains(&place) {
            return Some(number);
        }
        let start = place as usize * width;
        slot.copy_from_slice(&records[start..start + width]);
    }
    None
}
