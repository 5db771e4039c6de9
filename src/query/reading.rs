//! `Reading`: what a query would read, by itself and for people, and which rows it may.

use std::fmt::{self, Write as _};
use std::ops::Range;

use super::ask::expr::Expr;
use super::ask::order_by::Order;
use super::ask::predicate::Predicate;
use super::plan::access::{Access, Plan};
use super::plan::filter::Filter;
use super::plan::shape::Shape;
use super::{Query, run};
use crate::error::Result;
use crate::schema::Schema;

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

impl<'t> Query<'t> {
    /// Reads only rows with these numbers, which are positions in the order of the table, from 0.
    /// Numbers that do not exist are passed over, and indexes are not used. For a scan in parts:
    /// see [`Reading::split`].
    ///
    /// ```
    /// # use drystone::{Dyn, Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let rows = (0..10).map(|x| Point { x, y: x % 7 });
    /// # db.update(|tx| tx.create_table::<Point>("points")?.extend(rows))?;
    /// let points = db.table::<Point>("points")?;
    /// let query = points.as_table().query().filter("y = 1".parse()?);
    /// assert_eq!((query.clone().numbers(0..5).count()?, query.numbers(5..99).count()?), (1, 1));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn numbers(mut self, numbers: Range<u64>) -> Query<'t> {
        self.numbers = Some(numbers);
        self
    }

    /// How many rows a batch of [`stream`](Query::stream) holds at most, 4,096 by default. A batch
    /// ends when the next rows may not fit into it, or when 16 times as many rows were read.
    ///
    /// ```
    /// # use drystone::{Dyn, Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let rows = (0..9999).map(|x| Point { x, y: 0 });
    /// # db.update(|tx| tx.create_table::<Point>("points")?.extend(rows))?;
    /// let points = db.table::<Point>("points")?;
    /// let batches = points.as_table().query().batch_rows(20_000).stream()?;
    /// assert_eq!(batches.map(|batch| batch.unwrap().len()).collect::<Vec<_>>(), [9999]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn batch_rows(mut self, rows: usize) -> Query<'t> {
        self.batch_rows = rows.max(1) as u64;
        self
    }

    /// What would be read: the ranges of the key, or an index. O(log rows) for each range.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)]
    /// # struct City { #[record(key)] id: u32, people: u32 }
    /// # let db = Database::in_memory()?;
    /// # let rows = (0..10).map(|id| City { id, people: 0 });
    /// # db.update(|tx| tx.create_table::<City>("cities")?.load(rows))?;
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

    /// Describes how the query would run: which rows are read, which tests remain, and how many
    /// threads are used. For people: the format may change.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2] key, flight: u16 key, delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let row = [Value::from("UA"), Value::from(1545), Value::from(2)];
    /// # flights.insert(&RowBuf::from_values(&schema, row)?)?;
    /// # let flights = flights.as_table();
    /// let late = "carrier = 'UA' and flight < 2000 and delay > 60".parse()?;
    /// let query = flights.query().filter(late);
    /// assert_eq!(
    ///     query.explain()?,
    ///     "table \"flights\", 1 rows\n\
    ///      read: 1 rows, by key range on carrier, flight, ranges: 1\n\
    ///      filter: delay >= 61\n\
    ///      result: carrier: str[2], flight: u16, delay: i16?\n\
    ///      threads: 1\n"
    /// );
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`run`](Query::run).
    pub fn explain(&self) -> Result<String> {
        let job = self.job()?;
        let (plan, table) = (&job.plan, self.reader.definition);
        let mut text = String::new();
        let mut line = |line: fmt::Arguments<'_>| {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{line}");
        };
        line(format_args!("table {:?}, {} rows", table.name, self.reader.rows()));
        line(format_args!("read: {} rows, by {plan}", plan.row_count()));
        if !plan.filter.is_always() && !plan.filter.is_never() {
            line(format_args!("filter: {}", plan.filter));
        }
        if let Shape::Aggregates(aggregation) = &job.shape
            && !aggregation.groups.is_empty()
        {
            let by = if self.group_by.is_empty() { &self.select } else { &self.group_by };
            let names: Vec<String> = if by.is_empty() {
                aggregation.groups.iter().map(|part| part.place.field.name().to_owned()).collect()
            } else {
                by.iter().map(Expr::call).collect()
            };
            let method = run::group::Groups::new(aggregation.groups.clone()).method();
            line(format_args!("group: by {}, through {method}", names.join(", ")));
        }
        if !self.order_by.is_empty() {
            let orders: Vec<String> = self.order_by.iter().map(Order::to_string).collect();
            line(format_args!("sort: by {}", orders.join(", ")));
        }
        if let Some(limit) = self.limit {
            line(format_args!("limit: {limit} rows"));
        }
        line(format_args!("result: {}", job.schema()));
        line(format_args!("threads: {}", job.parts()));
        Ok(text)
    }
}

impl Predicate {
    /// Checks that it fits a schema: that the fields exist, and that each value can be compared
    /// with its field. Otherwise the query that it is for reports this when it runs.
    ///
    /// ```
    /// use drystone::query::col;
    /// use drystone::{ErrorKind, Schema};
    ///
    /// let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// col("delay").gt(60).check(&schema)?;
    /// let error = col("dalay").gt(60).check(&schema).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::FieldNotFound);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `FieldNotFound` if there is no such field; `Value` if a value does not fit the type of its
    /// field; `Query` if it has too many levels.
    pub fn check(&self, schema: &Schema) -> Result<()> {
        Filter::new(self, schema).map(drop)
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

    /// Row numbers for [`Query::numbers`] that cut the reading into at most this many parts of
    /// about the same length, in the order of the table. `None` if the rows are found by an index.
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
    #[expect(clippy::single_range_in_vec_init, reason = "one range is one of the cases")]
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
