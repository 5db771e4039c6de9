//! Ranges of rows: as references, as slices of whole leaves, and cut into parts for threads.

use std::marker::PhantomData;
use std::ops::Range;

use super::reader::{Reader, cast};
use crate::error::{Error, Result};
use crate::record::{Record, Row};
use crate::tree;

/// The rows of a typed table in a range, in order: an iterator of `Result<&T>` from both ends.
///
/// An error (a page that does not match its checksum) comes once and ends the iteration. Cloning is cheap.
///
/// ```
/// # use drystone::{Database, Record};
/// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut points = write.create_table::<Point>("points")?;
/// # points.extend((0..10).map(|x| Point { x, y: x * x }))?;
/// # drop(points);
/// # write.commit()?;
/// let read = db.read()?;
/// let points = read.table::<Point>("points")?;
/// let range = points.range(3..6)?;
/// assert_eq!(range.len(), 3);
/// let ys: Vec<i32> = range.map(|point| point.map(|point| point.y)).collect::<Result<_, _>>()?;
/// assert_eq!(ys, [9, 16, 25]);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone)]
pub struct Rows<'t, T> {
    slices: Slices<'t, T>,
    front: &'t [T],
    back: &'t [T],
}

impl<'t, T: Record> Rows<'t, T> {
    pub(super) fn new(reader: Reader<'t>, rows: Range<u64>) -> Rows<'t, T> {
        Rows { slices: Slices::new(reader, rows), front: &[], back: &[] }
    }

    /// How many rows are left.
    pub fn len(&self) -> u64 {
        self.slices.rows() + (self.front.len() + self.back.len()) as u64
    }

    /// Whether no row is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same rows as slices, one a leaf: the fastest way over many rows.
    ///
    /// Rows that were taken one by one before are not among them; what is left of a leaf that was begun is.
    pub fn slices(self) -> Slices<'t, T> {
        let left = self.len();
        let mut slices = self.slices;
        let taken_back = slices.inner.rows().end + self.back.len() as u64;
        slices.inner = slices.reader.view.slices(taken_back - left..taken_back);
        slices
    }

    /// Cuts the range into `parts` ranges of equal length (to a row), in order: one a thread. There are at
    /// most as many parts as rows, and at least one.
    pub fn split(self, parts: usize) -> Vec<Rows<'t, T>> {
        let (reader, rows) = (self.slices.reader, self.slices().inner.rows());
        split(rows, parts).map(|rows| Rows::new(reader, rows)).collect()
    }

    /// What was taken from the other end is given up too: no row comes after a gap.
    #[cold]
    fn end_with<R>(&mut self, error: Error) -> Option<Result<R>> {
        (self.front, self.back) = (&[], &[]);
        Some(Err(error))
    }
}

impl<'t, T: Record> Iterator for Rows<'t, T> {
    type Item = Result<&'t T>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((first, rest)) = self.front.split_first() {
                self.front = rest;
                return Some(Ok(first));
            }
            match self.slices.next() {
                Some(Ok(slice)) => self.front = slice,
                Some(Err(error)) => return self.end_with(error),
                None => {
                    let (first, rest) = self.back.split_first()?;
                    self.back = rest;
                    return Some(Ok(first));
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.len();
        // Damage may end it early.
        (0, usize::try_from(len).ok())
    }
}

impl<T: Record> DoubleEndedIterator for Rows<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((last, rest)) = self.back.split_last() {
                self.back = rest;
                return Some(Ok(last));
            }
            match self.slices.next_back() {
                Some(Ok(slice)) => self.back = slice,
                Some(Err(error)) => return self.end_with(error),
                None => {
                    let (last, rest) = self.front.split_last()?;
                    self.front = rest;
                    return Some(Ok(last));
                }
            }
        }
    }
}

/// The rows of a range as slices of records, one a leaf, from both ends. See [`Rows::slices`].
///
/// ```
/// # use drystone::{Database, Record};
/// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut points = write.create_table::<Point>("points")?;
/// # points.extend((0..10_000).map(|x| Point { x, y: 1 }))?;
/// # drop(points);
/// # write.commit()?;
/// let read = db.read()?;
/// let mut sum = 0;
/// for slice in read.table::<Point>("points")?.slices() {
///     sum += slice?.iter().map(|point| i64::from(point.y)).sum::<i64>();
/// }
/// assert_eq!(sum, 10_000);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone)]
pub struct Slices<'t, T> {
    reader: Reader<'t>,
    inner: tree::Slices<'t>,
    records: PhantomData<fn() -> T>,
}

impl<'t, T: Record> Slices<'t, T> {
    pub(super) fn new(reader: Reader<'t>, rows: Range<u64>) -> Slices<'t, T> {
        Slices { reader, inner: reader.view.slices(rows), records: PhantomData }
    }

    /// How many rows are left.
    pub fn rows(&self) -> u64 {
        let rows = self.inner.rows();
        rows.end - rows.start
    }

    fn typed(&self, slice: Result<&'t [u8]>) -> Result<&'t [T]> {
        slice.and_then(cast).map_err(|error| self.reader.place_error(error))
    }
}

impl<'t, T: Record> Iterator for Slices<'t, T> {
    type Item = Result<&'t [T]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let slice = self.inner.next()?;
        Some(self.typed(slice))
    }
}

impl<T: Record> DoubleEndedIterator for Slices<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let slice = self.inner.next_back()?;
        Some(self.typed(slice))
    }
}

/// The rows of a dynamic table in a range, in order: an iterator of `Result<Row>` from both ends.
///
/// An error comes once and ends the iteration. Cloning is cheap.
#[derive(Clone)]
pub struct RowRange<'t> {
    reader: Reader<'t>,
    inner: tree::Slices<'t>,
    front: &'t [u8],
    back: &'t [u8],
}

impl<'t> RowRange<'t> {
    pub(super) fn new(reader: Reader<'t>, rows: Range<u64>) -> RowRange<'t> {
        RowRange { reader, inner: reader.view.slices(rows), front: &[], back: &[] }
    }

    /// How many rows are left.
    pub fn len(&self) -> u64 {
        let rows = self.inner.rows();
        rows.end - rows.start + ((self.front.len() + self.back.len()) / self.width()) as u64
    }

    /// Whether no row is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts the range into `parts` ranges of equal length (to a row), in order: one a thread. There are at
    /// most as many parts as rows, and at least one.
    pub fn split(self, parts: usize) -> Vec<RowRange<'t>> {
        let end = self.inner.rows().end + (self.back.len() / self.width()) as u64;
        split(end - self.len()..end, parts).map(|rows| RowRange::new(self.reader, rows)).collect()
    }

    /// The next rows as packed bytes: those of a leaf, or what is left of one. The fastest way over many rows.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if a page does not match its checksum; nothing comes after it.
    pub fn next_records(&mut self) -> Option<Result<&'t [u8]>> {
        if !self.front.is_empty() {
            return Some(Ok(std::mem::take(&mut self.front)));
        }
        match self.inner.next() {
            Some(Ok(slice)) => Some(Ok(slice)),
            Some(Err(error)) => self.end_with(error),
            None => Some(std::mem::take(&mut self.back)).filter(|back| !back.is_empty()).map(Ok),
        }
    }

    #[cold]
    fn end_with<R>(&mut self, error: Error) -> Option<Result<R>> {
        (self.front, self.back) = (&[], &[]);
        Some(Err(self.reader.place_error(error)))
    }

    fn width(&self) -> usize {
        self.reader.definition.schema.width()
    }

    fn row(&self, bytes: &'t [u8]) -> Result<Row<'t>> {
        Row::new(&self.reader.definition.schema, bytes)
    }
}

impl<'t> Iterator for RowRange<'t> {
    type Item = Result<Row<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.front.is_empty() {
            match self.inner.next() {
                Some(Ok(slice)) => self.front = slice,
                Some(Err(error)) => return self.end_with(error),
                None if self.back.is_empty() => return None,
                None => self.front = std::mem::take(&mut self.back),
            }
        }
        let (row, rest) = self.front.split_at(self.width());
        self.front = rest;
        Some(self.row(row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.len()).ok())
    }
}

impl DoubleEndedIterator for RowRange<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.back.is_empty() {
            match self.inner.next_back() {
                Some(Ok(slice)) => self.back = slice,
                Some(Err(error)) => return self.end_with(error),
                None if self.front.is_empty() => return None,
                None => self.back = std::mem::take(&mut self.front),
            }
        }
        let (rest, row) = self.back.split_at(self.back.len() - self.width());
        self.back = rest;
        Some(self.row(row))
    }
}

/// Equal parts of a range, in order; the first ones are a row longer where it does not come out even.
/// The caller's number is cut to that of the rows, so that it alone never decides how much is allocated.
fn split(rows: Range<u64>, parts: usize) -> impl Iterator<Item = Range<u64>> {
    let parts = (parts as u64).min(rows.end - rows.start).max(1);
    let (each, longer) = ((rows.end - rows.start) / parts, (rows.end - rows.start) % parts);
    (0..parts).map(move |part| {
        let start = rows.start + part * each + part.min(longer);
        start..start + each + u64::from(part < longer)
    })
}
