//! Ranges of rows: one by one, as slices of whole leaves, and split into parts for threads.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::Range;

use super::kind::RowKind;
use super::reader::Reader;
use crate::catalog::Definition;
use crate::error::{Error, Result};
use crate::tree::{self, Found};

/// The rows of a table in a range, in order: an iterator of `Result<&T>` (of `Result<Row>` in a
/// [`Dyn`](crate::Dyn) table) from both ends.
///
/// An error (a page that does not match its checksum) is returned once and ends the iteration.
/// Cloning is cheap.
///
/// ```
/// # use drystone::{Database, Record};
/// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut points = write.create_table::<Point>("points")?;
/// # points.extend((0..10).map(|x| Point { x, y: x * x }))?;
/// # write.commit()?;
/// let read = db.read()?;
/// let points = read.table::<Point>("points")?;
/// let range = points.range(3..6)?;
/// assert_eq!(range.len(), 3);
/// let ys: Vec<i32> = range.map(|point| point.map(|point| point.y)).collect::<Result<_, _>>()?;
/// assert_eq!(ys, [9, 16, 25]);
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Rows<'t, R> {
    slices: Slices<'t, R>,
    /// What is left of the leaf that was begun at the back. As bytes, so that the lifetime can be
    /// shortened.
    back: &'t [u8],
}

impl<R> Clone for Rows<'_, R> {
    fn clone(&self) -> Self {
        Rows { slices: self.slices.clone(), back: self.back }
    }
}

impl<R: RowKind> fmt::Debug for Rows<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({:?}, {} left)", self.slices.definition.name, self.len())
    }
}

impl<'t, R: RowKind> Rows<'t, R> {
    #[inline]
    pub(super) fn new(reader: Reader<'t>, rows: Range<u64>) -> Rows<'t, R> {
        Rows { slices: Slices::new(reader, rows), back: &[] }
    }

    /// A range. The search for its ends has already found the first rows.
    #[inline]
    pub(super) fn of_found(reader: Reader<'t>, found: Found<'t>) -> Result<Rows<'t, R>> {
        let Found { front, rest, .. } = found;
        if !front.is_empty() {
            R::slice(&reader.definition.schema, front).map_err(|error| reader.in_table(error))?;
        }
        Ok(Rows { slices: Slices { begun: front, ..Slices::new(reader, rest) }, back: &[] })
    }

    /// How many rows are left. (`ExactSizeIterator` is not implemented: damage may end the
    /// iteration early, and a table may have more rows than a `usize` can count.)
    pub fn len(&self) -> u64 {
        self.slices.rows() + self.slices.rows_in(self.back)
    }

    /// Whether no row is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers of the rows that are left, counted in key order if there is a key.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// assert_eq!(users.range(8..)?.numbers(), 1..3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn numbers(&self) -> Range<u64> {
        let end = self.slices.inner.rows().end + self.slices.rows_in(self.back);
        end - self.len()..end
    }

    /// The rows that are left, as slices, one for each leaf: the fastest way to read many rows.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct User { #[record(key)] id: u64, score: u64 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut users = write.create_table::<User>("users")?;
    /// # users.load([7, 8, 9].map(|id| User { id, score: id * 10 }))?;
    /// let mut rows = 0;
    /// for slice in users.range(8..)?.slices() {
    ///     rows += slice?.len();
    /// }
    /// assert_eq!(rows, 2);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn slices(self) -> Slices<'t, R> {
        if self.back.is_empty() { self.slices } else { self.slices.again(self.numbers()) }
    }

    /// The rows that are left as one slice, if they are contiguous in the file: within one leaf, or
    /// in leaves that were loaded together. Otherwise `None`. O(leaves). Verifies leaves that were
    /// not read before.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # write.create_table::<Point>("points")?.load((0..10_000).map(|x| Point { x, y: 1 }))?;
    /// # write.commit()?;
    /// let read = db.read()?;
    /// let points = read.table::<Point>("points")?;
    /// let some = points.range(100..5_000)?.as_slice()?.expect("loaded in one run");
    /// assert_eq!((some.len(), some[0].x), (4_900, 100));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` if a page does not match its checksum.
    pub fn as_slice(&self) -> Result<Option<R::Slice<'t>>> {
        let Slices { definition, inner, begun, .. } = &self.slices;
        let schema = &definition.schema;
        if inner.rows().is_empty() && self.back.is_empty() && !begun.is_empty() {
            return R::slice(schema, begun).map(Some);
        }
        let joined = inner.view().join(self.numbers()).map_err(|error| definition.in_table(error))?;
        // No bytes at all need not be aligned.
        joined
            .map(|bytes| if bytes.is_empty() { Ok(R::no_rows(schema)) } else { R::slice(schema, bytes) })
            .transpose()
    }

    /// The rows as owned values: `T` for `&T`, [`RowBuf`](crate::RowBuf) for [`Row`](crate::Row).
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # db.update(|tx| tx.create_table::<Point>("points")?
    /// #     .extend((0..9).map(|x| Point { x, y: 1 })))?;
    /// # let read = db.read()?;
    /// let points = read.table::<Point>("points")?;
    /// let points: Vec<Point> = points.iter().copied().collect::<Result<_, _>>()?;
    /// assert_eq!(points.len(), 9);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn copied(self) -> impl DoubleEndedIterator<Item = Result<R::Buf>> + use<'t, R> {
        self.map(|row| row.map(R::to_buf))
    }

    /// Splits the range into `parts` ranges whose lengths differ by at most one row, in order: one
    /// for each thread. Returns at most as many parts as there are rows, and at least one.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Debug, PartialEq, Record)] #[repr(C)]
    /// # struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut points = write.create_table::<Point>("points")?;
    /// # points.extend((0..10).map(|x| Point { x, y: x % 3 }))?;
    /// # write.commit()?;
    /// # let read = db.read()?;
    /// let points = read.table::<Point>("points")?;
    /// let sums: Vec<i32> = std::thread::scope(|scope| {
    ///     let sum = |rows: drystone::Rows<'_, Point>| -> drystone::Result<i32> {
    ///         rows.map(|point| point.map(|point| point.x)).sum()
    ///     };
    ///     let parts = points.iter().split(2);
    ///     let threads: Vec<_> =
    ///         parts.into_iter().map(|rows| scope.spawn(move || sum(rows))).collect();
    ///     threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Result<_, _>>()
    /// })?;
    /// assert_eq!(sums, [10, 35]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn split(self, parts: usize) -> Vec<Rows<'t, R>> {
        let parts = split(self.numbers(), parts);
        parts.map(|rows| Rows { slices: self.slices.again(rows), back: &[] }).collect()
    }

    /// Drops the rest at the other end too: no row comes after a gap.
    #[cold]
    fn end_with<A>(&mut self, error: Error) -> Option<Result<A>> {
        (self.slices.begun, self.back) = (&[], &[]);
        Some(Err(error))
    }
}

impl<'t, R: RowKind> Iterator for Rows<'t, R> {
    type Item = Result<R::Row<'t>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let schema = &self.slices.definition.schema;
        loop {
            if let Some((first, rest)) = R::split_first(schema, self.slices.begun) {
                self.slices.begun = rest;
                return Some(Ok(first));
            }
            match self.slices.next_bytes() {
                Some(Ok(slice)) => self.slices.begun = slice,
                Some(Err(error)) => return self.end_with(error),
                None => {
                    let (first, rest) = R::split_first(schema, self.back)?;
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

impl<R: RowKind> DoubleEndedIterator for Rows<'_, R> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let schema = &self.slices.definition.schema;
        loop {
            if let Some((last, rest)) = R::split_last(schema, self.back) {
                self.back = rest;
                return Some(Ok(last));
            }
            match self.slices.next_back_bytes() {
                Some(Ok(slice)) => self.back = slice,
                Some(Err(error)) => return self.end_with(error),
                None => {
                    let (last, rest) = R::split_last(schema, self.slices.begun)?;
                    self.slices.begun = rest;
                    return Some(Ok(last));
                }
            }
        }
    }
}

impl<R: RowKind> FusedIterator for Rows<'_, R> {}

/// The rows of a range as slices, one for each leaf, from both ends. See [`Rows::slices`].
///
/// ```
/// # use drystone::{Database, Record};
/// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// # let mut points = write.create_table::<Point>("points")?;
/// # points.extend((0..10_000).map(|x| Point { x, y: 1 }))?;
/// # write.commit()?;
/// let read = db.read()?;
/// let mut sum = 0;
/// for slice in read.table::<Point>("points")?.slices() {
///     sum += slice?.iter().map(|point| i64::from(point.y)).sum::<i64>();
/// }
/// assert_eq!(sum, 10_000);
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Slices<'t, R> {
    definition: &'t Definition,
    inner: tree::Slices<'t>,
    /// What is left of the leaf that was begun at the front, and comes before the others.
    begun: &'t [u8],
    records: PhantomData<fn() -> R>,
}

impl<R> Clone for Slices<'_, R> {
    fn clone(&self) -> Self {
        Slices { inner: self.inner.clone(), ..*self }
    }
}

impl<R: RowKind> fmt::Debug for Slices<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slices({:?}, {} rows left)", self.definition.name, self.rows())
    }
}

impl<'t, R: RowKind> Slices<'t, R> {
    pub(super) fn new(reader: Reader<'t>, rows: Range<u64>) -> Slices<'t, R> {
        let Reader { definition, view, .. } = reader;
        Slices { definition, inner: view.slices(rows), begun: &[], records: PhantomData }
    }

    /// Other rows of the same table.
    fn again(&self, rows: Range<u64>) -> Slices<'t, R> {
        Slices { inner: self.inner.view().slices(rows), begun: &[], ..*self }
    }

    /// How many rows are left.
    pub fn rows(&self) -> u64 {
        let rows = self.inner.rows();
        rows.end - rows.start + self.rows_in(self.begun)
    }

    fn rows_in(&self, rows: &[u8]) -> u64 {
        (rows.len() / self.definition.schema.width()) as u64
    }

    /// Bytes that are a whole number of rows.
    #[inline]
    fn checked(&self, slice: Result<&'t [u8]>) -> Result<&'t [u8]> {
        slice
            .and_then(|slice| R::slice(&self.definition.schema, slice).map(|_| slice))
            .map_err(|error| self.definition.in_table(error))
    }

    #[inline]
    fn decode(&self, slice: Result<&'t [u8]>) -> Result<R::Slice<'t>> {
        slice
            .and_then(|slice| R::slice(&self.definition.schema, slice))
            .map_err(|error| self.definition.in_table(error))
    }

    fn next_bytes(&mut self) -> Option<Result<&'t [u8]>> {
        let slice = self.inner.next()?;
        Some(self.checked(slice))
    }

    fn next_back_bytes(&mut self) -> Option<Result<&'t [u8]>> {
        let slice = self.inner.next_back()?;
        Some(self.checked(slice))
    }
}

impl<'t, R: RowKind> Iterator for Slices<'t, R> {
    type Item = Result<R::Slice<'t>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let slice = match self.begun {
            [] => self.inner.next()?,
            begun => {
                self.begun = &[];
                Ok(begun)
            }
        };
        Some(self.decode(slice))
    }
}

impl<R: RowKind> DoubleEndedIterator for Slices<'_, R> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let slice = match self.inner.next_back() {
            Some(slice) => slice,
            None if self.begun.is_empty() => return None,
            None => Ok(std::mem::take(&mut self.begun)),
        };
        Some(self.decode(slice))
    }
}

impl<R: RowKind> FusedIterator for Slices<'_, R> {}

/// Equal parts of a range, in order. The first ones have one row more if the division has a
/// remainder. The caller's number is limited to the number of rows, so that it alone never decides
/// how much is allocated.
fn split(rows: Range<u64>, parts: usize) -> impl Iterator<Item = Range<u64>> {
    let parts = (parts as u64).min(rows.end - rows.start).max(1);
    let (each, longer) = ((rows.end - rows.start) / parts, (rows.end - rows.start) % parts);
    (0..parts).map(move |part| {
        let start = rows.start + part * each + part.min(longer);
        start..start + each + u64::from(part < longer)
    })
}
