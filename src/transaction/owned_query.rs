//! `OwnedQueryStream`: the rows of a query with the snapshot that they are read from.

use std::fmt;
use std::iter::FusedIterator;

use super::{OwnedTable, ReadTransaction};
use crate::error::{Error, Result};
use crate::lease::{Borrowing, WithOwner};
use crate::query::{Query, QueryRows, Scan};
use crate::schema::Schema;
use crate::table::{Reader, RowKind};

/// The rows of a query in batches, together with the snapshot that they are read from: `'static`
/// and `Send`. From [`OwnedTable::stream`].
///
/// Unlike those of a [`QueryStream`](crate::query::QueryStream), a batch may have no rows: it ends
/// after 16 times [`batch_rows`](Query::batch_rows) rows were read, so that the caller can stop a
/// long scan. The iteration ends after an error.
#[must_use]
pub struct OwnedQueryStream {
    reader: WithOwner<AnyReader, ReadTransaction>,
    scan: Box<Scan>,
    is_done: bool,
}

/// `Reader` of any lifetime.
struct AnyReader;

impl Borrowing for AnyReader {
    type Of<'a> = Reader<'a>;

    fn shorten<'a>(value: Reader<'static>) -> Reader<'a> {
        value
    }
}

impl<R: RowKind> OwnedTable<R> {
    /// The rows of a query over this table in batches, which keep the snapshot. `build` sets the
    /// query up: filters, fields, numbers, a limit. It may be called for another table of the same
    /// state, and may be called once.
    ///
    /// ```
    /// use drystone::query::QueryRows;
    /// use drystone::{Database, Dyn, Record, Result};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// fn on_axis(db: &Database) -> Result<impl Iterator<Item = Result<QueryRows>> + use<>> {
    ///     let filter = "y = 0".parse()?;
    ///     db.table::<Dyn>("points")?.stream(|points| points.filter(filter).select(["x"]))
    /// }
    ///
    /// let db = Database::in_memory()?;
    /// let points = (0..10).map(|x| Point { x, y: x % 2 });
    /// db.update(|tx| tx.create_table::<Point>("points")?.extend(points))?;
    /// let batches = on_axis(&db)?.collect::<Result<Vec<QueryRows>>>()?;
    /// assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), 5);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Query::run`]; `Query` if the query sorts, groups or computes.
    pub fn stream(self, build: impl FnOnce(Query<'_>) -> Query<'_>) -> Result<OwnedQueryStream> {
        let (name, mut scan) = (self.name().to_owned(), None);
        let reader = WithOwner::new::<Error>(self.into_owner(), |read| {
            let (reader, found) = build(read.table::<R>(&name)?.query()).scan()?;
            scan = Some(Box::new(found));
            Ok(reader)
        })?;
        let scan = scan.expect("the closure that made the reader has set it");
        Ok(OwnedQueryStream { reader, scan, is_done: false })
    }
}

impl OwnedQueryStream {
    /// The fields of the rows.
    pub fn schema(&self) -> &Schema {
        self.scan.schema()
    }
}

impl Iterator for OwnedQueryStream {
    type Item = Result<QueryRows>;

    fn next(&mut self) -> Option<Result<QueryRows>> {
        if self.is_done {
            return None;
        }
        let batch = self.scan.next(&self.reader.get()).transpose();
        self.is_done = !matches!(batch, Some(Ok(_)));
        batch
    }
}

impl FusedIterator for OwnedQueryStream {}

impl fmt::Debug for OwnedQueryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedQueryStream({}, {:?})", self.schema(), self.reader.owner())
    }
}
