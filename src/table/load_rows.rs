//! Bulk loads into a `TableMut`, and iterators of rows as their sources.

use std::borrow::Borrow;
use std::iter::Fuse;

use super::kind::RowKind;
use super::table_mut::TableMut;
use crate::error::Result;
use crate::load::{LoadOptions, LoadReport, RecordSource};

impl<R: RowKind> TableMut<'_, R> {
    /// Loads rows in bulk: sorts them by key if they do not come in order, merges them with the
    /// rows of the table, and writes all of them as full leaves in one run. Rows without a key are
    /// appended.
    ///
    /// This is the fastest way to fill a table. It takes the time to write the bytes, plus the time
    /// to sort within the memory budget if the rows do not come in order.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { #[record(key)] id: u32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// let mut points = write.create_table::<Point>("points")?;
    /// let report = points.load((0..1000).rev().map(|id| Point { id, y: 1 }))?;
    /// assert_eq!((report.rows, report.in_order), (1000, false));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `KeyExists` if two rows have the same key, or the same values in a unique index; `Io` if the
    /// disk is full. After an error, or if the iterator panics, the table is unchanged.
    pub fn load(&mut self, rows: impl IntoIterator<Item = R::Buf>) -> Result<LoadReport> {
        self.load_with(rows, &LoadOptions::new())
    }

    /// Loads rows in bulk, with options: what to do with duplicates, whether to replace the rows of
    /// the table, how much memory to use.
    ///
    /// ```
    /// # use drystone::{Database, LoadOptions, OnDuplicate, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { #[record(key)] id: u32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut points = write.create_table::<Point>("points")?;
    /// let options = LoadOptions::new().on_duplicate(OnDuplicate::Last);
    /// points.load_with([Point { id: 1, y: 1 }, Point { id: 1, y: 2 }], &options)?;
    /// assert_eq!(points.get(1)?.unwrap().y, 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`load`](TableMut::load). Duplicates are errors only with `OnDuplicate::Error`.
    pub fn load_with(
        &mut self,
        rows: impl IntoIterator<Item = R::Buf>,
        options: &LoadOptions,
    ) -> Result<LoadReport> {
        let mut source = RowSource::<R, _>::new(self.held_schema(), rows.into_iter());
        self.writer.load(&mut source, options)
    }

    /// Loads rows from an iterator of results, and stops at the first error.
    ///
    /// ```
    /// # use drystone::{Database, Error, ErrorKind, LoadOptions, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut points = write.create_table::<Point>("points")?;
    /// let rows = ["1 2", "3 4", "5 five"].iter().map(|line| {
    ///     let numbers: Result<Vec<i32>, _> = line.split(' ').map(str::parse).collect();
    ///     match numbers.as_deref() {
    ///         Ok(&[x, y]) => Ok(Point { x, y }),
    ///         _ => Err(Error::new(ErrorKind::Value, format!("{line:?} is not two numbers"))),
    ///     }
    /// });
    /// assert!(points.try_load(rows, &LoadOptions::new()).is_err());
    /// assert!(points.is_empty());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first error of the iterator; else as for [`load_with`](TableMut::load_with). The table
    /// is then unchanged.
    pub fn try_load(
        &mut self,
        rows: impl IntoIterator<Item = Result<R::Buf>>,
        options: &LoadOptions,
    ) -> Result<LoadReport> {
        let mut source = TryRowSource::<R, _>::new(self.held_schema(), rows.into_iter());
        self.writer.load(&mut source, options)
    }

    /// Loads the records of a source: a CSV, an Arrow file, or any other [`RecordSource`]. Its
    /// records must have the layout of the table's schema.
    ///
    /// ```
    /// # use drystone::{Database, Schema};
    /// use drystone::{LoadOptions, query};
    ///
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let schema: Schema = "carrier: str[2], delay: i16".parse()?;
    /// # let mut flights = write.create_dyn_table("flights", &schema)?;
    /// # let row = flights.new_row();
    /// # flights.push(&row)?;
    /// // The rows of a query are a source, and so are the readers of CSV, Arrow and other formats.
    /// let delays = flights.as_table().query().select(["delay"]).run()?;
    /// let mut copy = write.create_dyn_table("delays", delays.schema())?;
    /// let report = copy.load_from(&mut delays.source(), &LoadOptions::new())?;
    /// assert_eq!(report.rows, 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// The error of the source; else as for [`load_with`](TableMut::load_with). The table is then
    /// unchanged.
    pub fn load_from(&mut self, source: &mut dyn RecordSource, options: &LoadOptions) -> Result<LoadReport> {
        self.writer.load(source, options)
    }
}

/// An iterator of rows as a source.
struct RowSource<R: RowKind, I> {
    schema: R::SchemaRef,
    /// A load may call it once more after the end.
    rows: Fuse<I>,
    place: u64,
}

impl<R: RowKind, I: Iterator<Item = R::Buf>> RowSource<R, I> {
    fn new(schema: R::SchemaRef, rows: I) -> RowSource<R, I> {
        RowSource { schema, rows: rows.fuse(), place: 0 }
    }
}

impl<R: RowKind, I: Iterator<Item = R::Buf>> RecordSource for RowSource<R, I> {
    #[inline]
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        match self.rows.next() {
            Some(row) => {
                self.place += 1;
                record.copy_from_slice(R::bytes(self.schema.borrow(), &row)?);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    #[inline]
    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        let before = self.place;
        for (record, row) in records.chunks_exact_mut(width).zip(&mut self.rows) {
            self.place += 1;
            record.copy_from_slice(R::bytes(self.schema.borrow(), &row)?);
        }
        Ok((self.place - before) as usize)
    }

    fn place(&self) -> u64 {
        self.place
    }

    fn rows_hint(&self) -> Option<u64> {
        exact(self.rows.size_hint())
    }
}

/// An iterator of results as a source.
struct TryRowSource<R: RowKind, I> {
    schema: R::SchemaRef,
    rows: Fuse<I>,
    place: u64,
}

impl<R: RowKind, I: Iterator<Item = Result<R::Buf>>> TryRowSource<R, I> {
    fn new(schema: R::SchemaRef, rows: I) -> TryRowSource<R, I> {
        TryRowSource { schema, rows: rows.fuse(), place: 0 }
    }
}

impl<R: RowKind, I: Iterator<Item = Result<R::Buf>>> RecordSource for TryRowSource<R, I> {
    fn next_record(&mut self, record: &mut [u8]) -> Result<bool> {
        let Some(row) = self.rows.next() else { return Ok(false) };
        self.place += 1;
        record.copy_from_slice(R::bytes(self.schema.borrow(), &row?)?);
        Ok(true)
    }

    fn next_records(&mut self, records: &mut [u8], width: usize) -> Result<usize> {
        let before = self.place;
        for (record, row) in records.chunks_exact_mut(width).zip(&mut self.rows) {
            self.place += 1;
            record.copy_from_slice(R::bytes(self.schema.borrow(), &row?)?);
        }
        Ok((self.place - before) as usize)
    }

    fn place(&self) -> u64 {
        self.place
    }

    fn rows_hint(&self) -> Option<u64> {
        exact(self.rows.size_hint())
    }
}

fn exact(hint: (usize, Option<usize>)) -> Option<u64> {
    match hint {
        (least, Some(most)) if least == most => Some(most as u64),
        _ => None,
    }
}
