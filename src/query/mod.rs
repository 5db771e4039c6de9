//! Queries: filter, sort, group and aggregate rows. Fields are given by name, or by byte offset and
//! type.
//!
//! Build a query with [`Query`]. Predicates are built in Rust or parsed from text:
//!
//! ```
//! use drystone::query::{count, mean};
//! use drystone::{Database, RowBuf, Schema, Value};
//!
//! # fn main() -> drystone::Result<()> {
//! let schema: Schema = "carrier: str[2], dep_delay: i16?".parse()?;
//! let db = Database::in_memory()?;
//! let write = db.write()?;
//! let mut flights = write.create_dyn_table("flights", &schema)?;
//! let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", Some(80))];
//! for (carrier, delay) in delays {
//!     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
//! }
//! let flights = flights.as_table();
//!
//! let late = flights
//!     .query()
//!     .filter("dep_delay > 60".parse()?)
//!     .group_by(["carrier"])
//!     .aggregate([count(), mean("dep_delay")])
//!     .order_by([count().desc()])
//!     .run()?;
//! let lines: Vec<String> = late.iter().map(|row| row.to_string()).collect();
//! assert_eq!(lines[0], "carrier: AA, count: 2, mean(dep_delay): 85");
//! assert_eq!(lines[1], "carrier: UA, count: 1, mean(dep_delay): 70");
//! # Ok(())
//! # }
//! ```
//!
//! Over a table of structs, iterators and slices do the same in plain Rust, as fast as a loop over
//! memory:
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use drystone::{Database, Nullable, Record, Text};
//!
//! #[derive(Clone, Copy, Record)]
//! #[repr(C, packed)]
//! struct Flight {
//!     carrier: Text<2>,
//!     dep_delay: Nullable<i16>,
//! }
//!
//! # fn main() -> drystone::Result<()> {
//! # let db = Database::in_memory()?;
//! # let write = db.write()?;
//! # let mut table = write.create_table::<Flight>("flights")?;
//! # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", Some(80))];
//! # for (carrier, delay) in delays {
//! #     table.push(&Flight { carrier: Text::new(carrier)?, dep_delay: delay.try_into()? })?;
//! # }
//! # write.commit()?;
//! let read = db.read()?;
//! let flights = read.table::<Flight>("flights")?;
//! let mut late: BTreeMap<Text<2>, (u64, i64)> = BTreeMap::new();
//! for slice in flights.slices() {
//!     for flight in slice? {
//!         // null is `None`, and `None` is not greater than 60
//!         if let Some(delay @ 61..) = { flight.dep_delay }.get() {
//!             let (count, sum) = late.entry(flight.carrier).or_default();
//!             (*count, *sum) = (*count + 1, *sum + i64::from(delay));
//!         }
//!     }
//! }
//! assert_eq!(late[&Text::new("AA")?], (2, 170));
//! assert_eq!(late[&Text::new("UA")?], (1, 70));
//! # Ok(())
//! # }
//! ```

mod ask;
mod plan;
mod reading;
mod run;
mod stream;
mod text;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

pub use ask::aggregate::{Aggregate, count, count_distinct, count_of, first, last, max, mean, min, sum};
pub use ask::column::{Column, at, col};
pub use ask::expr::{Expr, Step, floor};
pub use ask::order_by::Order;
pub use ask::predicate::{Operand, Predicate};
pub use reading::Reading;
pub use run::rows::{QueryRows, QueryRowsIter};
pub(crate) use run::scan::Scan;
pub use stream::QueryStream;
pub use text::{parse_aggregates, parse_exprs, parse_orders};

use crate::error::{Result, bail};
use crate::record::Value;
use crate::schema::Schema;
use crate::table::{Reader, RowKind, Table};
use plan::access::Plan;
use plan::filter::Filter;
use plan::job::{Deadline, Job};
use plan::shape::{Aggregation, Projection, Shape};

/// The default limit of the memory of a result.
const MEMORY_BYTES: usize = 1 << 30;

/// How many rows a batch of a stream holds at most by default.
const BATCH_ROWS: u64 = 4096;

/// A query over the rows of a table, built call by call and run by [`run`](Query::run) or
/// [`stream`](Query::stream).
///
/// Made by [`Table::query`]. Names are looked up when it runs, so `run` reports a wrong name. A
/// query can run more than once, and a clone is independent.
#[derive(Clone)]
#[must_use]
pub struct Query<'t> {
    reader: Reader<'t>,
    filters: Vec<Predicate>,
    select: Vec<Expr>,
    group_by: Vec<Expr>,
    aggregates: Vec<Aggregate>,
    order_by: Vec<Order>,
    limit: Option<u64>,
    numbers: Option<Range<u64>>,
    batch_rows: u64,
    distinct: bool,
    threads: Option<usize>,
    memory_bytes: usize,
    time_limit: Option<Duration>,
}

impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({:?}, filter: {:?})", self.reader.definition.name, self.filters)
    }
}

impl<'t, R: RowKind> Table<'t, R> {
    /// A query over the rows. See [`query`](crate::query).
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// assert_eq!(flights.query().filter("delay > 60".parse()?).count()?, 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn query(&self) -> Query<'t> {
        Query::new(self.reader())
    }
}

impl<'t> Query<'t> {
    fn new(reader: Reader<'t>) -> Query<'t> {
        Query {
            reader,
            filters: Vec::new(),
            select: Vec::new(),
            group_by: Vec::new(),
            aggregates: Vec::new(),
            order_by: Vec::new(),
            limit: None,
            distinct: false,
            threads: None,
            memory_bytes: MEMORY_BYTES,
            time_limit: None,
            numbers: None,
            batch_rows: BATCH_ROWS,
        }
    }

    /// Keeps only rows for which the predicate is true. With several filters, all must be true.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::query::col;
    ///
    /// let late = flights.query().filter(col("delay").gt(60)).filter("carrier = 'UA'".parse()?);
    /// assert_eq!(late.count()?, 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn filter(mut self, predicate: Predicate) -> Query<'t> {
        self.filters.push(predicate);
        self
    }

    /// Selects the fields of the result, in this order. Without it, the result has all fields. A
    /// field can have another name in the result: `col("dep_delay").named("delay")`.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::query::col;
    ///
    /// let rows = flights.query().select([col("delay").named("late_by")]).run()?;
    /// assert_eq!(rows.schema().to_string(), "late_by: i16?");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn select<E: Into<Expr>>(mut self, fields: impl IntoIterator<Item = E>) -> Query<'t> {
        self.select.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Groups rows that agree in these fields. The result has one row per group: these fields, then
    /// the aggregates. Null forms its own group. Groups are sorted by these fields, null first,
    /// unless [`order_by`](Query::order_by) is given. With [`floor`], rows agree if their values
    /// are in the same step.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::query::count;
    ///
    /// let rows = flights.query().group_by(["carrier"]).aggregate([count()]).run()?;
    /// assert_eq!(rows.get(0).unwrap().to_string(), "carrier: AA, count: 2");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn group_by<E: Into<Expr>>(mut self, fields: impl IntoIterator<Item = E>) -> Query<'t> {
        self.group_by.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Computes these aggregates of each group or, without groups, of all rows.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::query::{count, max};
    ///
    /// let rows = flights.query().aggregate([count(), max("delay")]).run()?;
    /// assert_eq!(rows.get(0).unwrap().to_string(), "count: 4, max(delay): 90");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn aggregate(mut self, aggregates: impl IntoIterator<Item = Aggregate>) -> Query<'t> {
        self.aggregates.extend(aggregates);
        self
    }

    /// Sorts the result by these keys, in order. Rows that agree in all of them stay in the order
    /// of the table, groups in the order of their fields.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::query::col;
    ///
    /// let rows = flights.query().order_by([col("carrier").asc(), col("delay").desc()]).run()?;
    /// let shown: Vec<String> = rows.iter().map(|row| row.to_string()).collect();
    /// assert_eq!(shown[0], "carrier: AA, delay: 90");
    /// assert_eq!(shown[1], "carrier: AA, delay: null");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn order_by<O: Into<Order>>(mut self, orders: impl IntoIterator<Item = O>) -> Query<'t> {
        self.order_by.extend(orders.into_iter().map(Into::into));
        self
    }

    /// Returns at most `rows` rows. With an order, at most about twice as many are kept in memory.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// assert_eq!(flights.query().limit(3).run()?.len(), 3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn limit(mut self, rows: u64) -> Query<'t> {
        self.limit = Some(rows);
        self
    }

    /// The first `rows` by this order: [`order_by`](Query::order_by) and [`limit`](Query::limit) in
    /// one.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::query::col;
    ///
    /// let latest = flights.query().top(1, [col("delay").desc()]).run()?;
    /// assert_eq!(latest.get(0).unwrap().get("delay")?, 90);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn top<O: Into<Order>>(self, rows: u64, orders: impl IntoIterator<Item = O>) -> Query<'t> {
        self.order_by(orders).limit(rows)
    }

    /// Removes duplicate result rows. They are sorted by the selected fields unless
    /// [`order_by`](Query::order_by) is given.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// assert_eq!(flights.query().select(["carrier"]).distinct().run()?.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn distinct(mut self) -> Query<'t> {
        self.distinct = true;
        self
    }

    /// Uses at most `threads` threads. The default is the number of processors. The result does not
    /// depend on it. Small inputs are always read by one thread.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// let query = flights.query().filter("delay > 60".parse()?);
    /// assert_eq!(query.clone().threads(1).run()?, query.run()?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn threads(mut self, threads: usize) -> Query<'t> {
        self.threads = Some(threads.max(1));
        self
    }

    /// Limits the memory of the result in bytes, including groups and sorting. The default is 1
    /// GiB. Needing more is an error of kind `Limit`.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::ErrorKind;
    ///
    /// let query = flights.query().order_by(["delay"]).memory_bytes(4);
    /// assert_eq!(query.run().unwrap_err().kind(), ErrorKind::Limit);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn memory_bytes(mut self, bytes: usize) -> Query<'t> {
        self.memory_bytes = bytes;
        self
    }

    /// Ends the query with an error (`Limit`) if reading the rows takes longer than this. No limit
    /// by default.
    ///
    /// ```
    /// # let db = drystone::Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut points = write.create_dyn_table("points", &"x: u8".parse()?)?;
    /// # points.push(&drystone::RowBuf::from_values(points.schema(), [7])?)?;
    /// use std::time::Duration;
    ///
    /// let query = points.as_table().query().time_limit(Duration::ZERO);
    /// assert_eq!(query.run().unwrap_err().kind(), drystone::ErrorKind::Limit);
    /// assert!(query.stream()?.next().is_some_and(|batch| batch.is_err()));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn time_limit(mut self, limit: Duration) -> Query<'t> {
        self.time_limit = Some(limit);
        self
    }

    /// Runs the query and returns all result rows, in memory.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// let rows = flights.query().filter("delay > 60".parse()?).run()?;
    /// for row in &rows {
    ///     assert!(row.get("delay")?.as_i64() > Some(60));
    /// }
    /// assert_eq!(rows.len(), 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `FieldNotFound` if there is no such field; `Value` if a value or an aggregate does not fit
    /// the type of its field; `Query` for parts that cannot be combined; `Limit` if the result
    /// takes too much memory or a sum more than 128 bits; `Corrupt` if a page does not match its
    /// checksum.
    pub fn run(&self) -> Result<QueryRows> {
        self.job()?.run()
    }

    /// Runs the query and returns the result in batches. Without sorting, groups and aggregates,
    /// rows are read as the batches are requested, and only one batch is in memory.
    ///
    /// ```
    /// # use drystone::{Dyn, Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut points = write.create_table::<Point>("points")?;
    /// # points.extend((0..10_000).map(|x| Point { x, y: x % 7 }))?;
    /// # write.commit()?;
    /// # let read = db.read()?;
    /// let points = read.table::<Dyn>("points")?;
    /// let mut rows = 0;
    /// for batch in points.query().filter("y = 3".parse()?).select(["x"]).stream()? {
    ///     rows += batch?.len();
    /// }
    /// assert_eq!(rows, 1429);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`run`](Query::run).
    pub fn stream(&self) -> Result<QueryStream<'t>> {
        let job = self.job()?;
        if !job.order.is_empty() || matches!(job.shape, Shape::Aggregates(_)) {
            let rows = job.run()?;
            return Ok(QueryStream::of_rows(rows));
        }
        let (reader, scan) = job.into_scan(self.batch_rows)?;
        Ok(QueryStream::of_scan(reader, scan))
    }

    /// The same, with the reader apart from the state of the scan.
    pub(crate) fn scan(&self) -> Result<(Reader<'t>, Scan)> {
        self.job()?.into_scan(self.batch_rows)
    }

    /// How many rows pass the filters.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut points = write.create_table::<Point>("points")?;
    /// # points.extend((0..10).map(|x| Point { x, y: x % 7 }))?;
    /// # write.commit()?;
    /// # let read = db.read()?;
    /// use drystone::query::{at, sum};
    ///
    /// let points = read.table::<Point>("points")?;
    /// assert_eq!(points.query().filter("y = 1".parse()?).count()?, 2);
    /// assert_eq!(points.query().filter(at::<i32>(4).eq(1)).value(sum("x"))?, 9);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`run`](Query::run).
    pub fn count(&self) -> Result<u64> {
        self.value(count())?.try_into()
    }

    /// One aggregate of the rows that pass the filters; null if no row has a value.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// # let schema: Schema = "carrier: str[2], delay: i16?".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let delays = [("UA", Some(70)), ("AA", Some(90)), ("UA", Some(-5)), ("AA", None)];
    /// # for (carrier, delay) in delays {
    /// #     flights.push(&RowBuf::from_values(&schema, [Value::from(carrier), delay.into()])?)?;
    /// # }
    /// # let flights = flights.as_table();
    /// use drystone::query::{max, mean};
    ///
    /// assert_eq!(flights.query().value(max("delay"))?, 90);
    /// let none = flights.query().filter("carrier = 'VX'".parse()?);
    /// assert!(none.value(mean("delay"))?.is_null());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`run`](Query::run); `Query` if there are groups or other aggregates.
    pub fn value(&self, aggregate: Aggregate) -> Result<Value<'static>> {
        if !self.group_by.is_empty() || !self.aggregates.is_empty() || self.distinct {
            bail!(Query, "{aggregate}: one value needs a query without groups and other aggregates; use run");
        }
        let query = Query {
            select: Vec::new(),
            order_by: Vec::new(),
            limit: None,
            aggregates: vec![aggregate],
            ..self.clone()
        };
        match query.run()?.get(0) {
            Some(row) => row.get(0).map(Value::into_owned),
            None => Ok(Value::Null),
        }
    }

    fn job(&self) -> Result<Job<'t>> {
        let schema = &self.reader.definition.schema;
        let rows = self.reader.rows();
        let filters = self.filters.iter().map(|predicate| Filter::new(predicate, schema));
        let filter = Filter::and(filters.collect::<Result<_>>()?);
        let computes = !self.group_by.is_empty() || !self.aggregates.is_empty();
        let (shape, order) = if computes || self.distinct {
            if computes && (self.distinct || !self.select.is_empty()) {
                bail!(
                    Query,
                    "a query with groups returns the grouping fields and the aggregates; remove select and distinct"
                );
            }
            let groups = if computes {
                self.group_by.clone()
            } else if self.select.is_empty() {
                schema.fields().iter().map(|field| Expr::from(field.name())).collect()
            } else {
                self.select.clone()
            };
            let aggregation = Aggregation::new(&groups, &self.aggregates, schema, rows)?;
            let mut order =
                plan::shape::order_of_result(&self.order_by, &groups, &self.aggregates, &aggregation.schema)?;
            // Then by the groups, which makes the order of the result a certain one.
            let rest = aggregation.schema.fields()[..aggregation.groups.len()].iter();
            for field in rest {
                let place = Column::from(field.name()).place(&aggregation.schema)?;
                order.push(plan::shape::SortField { place, is_descending: false, nulls_last: false });
            }
            (Shape::Aggregates(aggregation), order)
        } else {
            let order = plan::shape::order_of_rows(&self.order_by, &self.select, schema)?;
            (Shape::Rows(Projection::new(&self.select, schema)?), order)
        };
        let mut job = Job {
            reader: self.reader,
            plan: Plan::new(&self.reader, filter.clone())?,
            shape,
            order,
            limit: self.limit,
            threads: self.threads.unwrap_or_else(processors),
            memory_bytes: self.memory_bytes,
            time: Deadline::after(self.time_limit),
        };
        match &self.numbers {
            Some(numbers) => job.plan.narrow(numbers),
            None => plan::indexes::improve(&mut job, &filter)?,
        }
        Ok(job)
    }
}

impl<'t> Job<'t> {
    /// What a stream of its rows reads from, and how.
    fn into_scan(self, batch_rows: u64) -> Result<(Reader<'t>, Scan)> {
        let Job { reader, plan, shape, order, limit, time, .. } = self;
        match shape {
            Shape::Rows(projection) if order.is_empty() => {
                Ok((reader, Scan::new(plan, projection, batch_rows, limit, time)))
            }
            _ => bail!(Query, "a query that sorts, groups or computes is not read row by row; use run"),
        }
    }

    fn schema(&self) -> &Schema {
        match &self.shape {
            Shape::Rows(projection) => &projection.schema,
            Shape::Aggregates(aggregation) => &aggregation.schema,
        }
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
