//! `Reading`: what a query would read.

use std::ops::Range;

use super::Query;
use super::plan::access::{Access, Plan};
use crate::error::Result;

/// What a query would read, from [`Query::reading`]. No row was read to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// How many rows are read, or entries of an index.
    pub rows: u64,
    /// Whether every row that is read passes the filters: then `rows` is what
    /// [`count`](Query::count) returns, for a query without a limit.
    pub is_exact: bool,
    /// How they are found, for people: `key range on id, ranges: 1`.
    pub access: String,
    /// Row numbers, in order; `None` if they are found by an index.
    ranges: Option<Vec<Range<u64>>>,
}

impl Query<'_> {
    /// What would be read: the ranges of the key, or an index. O(log rows) for each range.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct City { #[record(key)] id: u32, people: u32 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<City>("cities")?.load((0..10).map(|id| City { id, people: 0 })))?;
    /// let cities = db.table::<City>("cities")?;
    /// let reading = cities.as_table().query().filter("id >= 4".parse()?).reading()?;
    /// assert_eq!((reading.rows, reading.is_exact), (6, true));
    /// assert_eq!(reading.access, "key range on id, ranges: 1");
    /// assert_eq!(reading.split(2), Some(vec![4..7, 7..10]));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`run`](Query::run).
    pub fn reading(&self) -> Result<Reading> {
        Ok(Reading::of(&self.job()?.plan))
    }
}

impl Reading {
    fn of(plan: &Plan) -> Reading {
        let by_index = matches!(plan.access, Access::Index { .. } | Access::Entries { .. });
        Reading {
            rows: plan.row_count(),
            is_exact: plan.filter.is_always() || plan.filter.is_never(),
            access: plan.to_string(),
            ranges: (!by_index).then(|| plan.rows.clone()),
        }
    }

    /// Row numbers for [`Query::numbers`] that cut the reading into at most so many parts of about
    /// the same length, in the order of the table. `None` if the rows are found by an index.
    pub fn split(&self, parts: usize) -> Option<Vec<Range<u64>>> {
        let ranges = self.ranges.as_ref()?;
        let part = self.rows.div_ceil(parts.max(1) as u64).max(1);
        let (mut split, mut start, mut read) = (Vec::new(), None, 0);
        for range in ranges {
            let mut at = range.start;
            while at < range.end {
                let first = *start.get_or_insert(at);
                let end = range.end.min(at + (part - read));
                read += end - at;
                at = end;
                if read == part {
                    split.push(first..end);
                    (start, read) = (None, 0);
                }
            }
        }
        if let (Some(first), Some(last)) = (start, ranges.last()) {
            split.push(first..last.end);
        }
        Some(split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_what_is_read_once_and_in_order() {
        let reading = |ranges: &[Range<u64>]| Reading {
            rows: ranges.iter().map(|range| range.end - range.start).sum(),
            is_exact: true,
            access: String::new(),
            ranges: Some(ranges.to_vec()),
        };
        for parts in 1..12 {
            for ranges in [&[][..], &[3..4], &[0..10], &[2..5, 7..8, 100..110], &[0..1, 2..3, 4..5]] {
                let reading = reading(ranges);
                let split = reading.split(parts).unwrap();
                assert!(split.len() <= parts);
                assert!(split.windows(2).all(|pair| pair[0].end <= pair[1].start));
                let covered = ranges.iter().cloned().flatten();
                assert!(covered.clone().all(|row| split.iter().any(|part| part.contains(&row))));
                let longest =
                    split.iter().map(|part| covered.clone().filter(|row| part.contains(row)).count());
                let most = reading.rows.div_ceil(parts as u64) as usize;
                assert!(longest.max().is_none_or(|longest| longest <= most));
            }
        }
        let by_index = Reading { ranges: None, ..reading(&[]) };
        assert_eq!(by_index.split(4), None);
    }
}
