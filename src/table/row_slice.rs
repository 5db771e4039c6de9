//! `RowSlice`: rows of a schema that lie side by side. What `&[T]` is for typed rows.

use std::fmt;

use crate::record::Row;
use crate::schema::Schema;

/// Contiguous rows of a [`Dyn`](crate::Dyn) table: what `&[T]` is for a typed table.
///
/// ```
/// # use drystone::{Database, Dyn, RowBuf, Schema};
/// # let schema: Schema = "x: i32, y: i32".parse()?;
/// # let db = Database::in_memory()?;
/// # let write = db.write()?;
/// let mut points = write.create_dyn_table("points", &schema)?;
/// points.extend((0..3).map(|x| RowBuf::from_values(&schema, [x, x * x]).unwrap()))?;
/// # write.commit()?;
/// # let read = db.read()?;
/// let points = read.table::<Dyn>("points")?;
/// let rows = points.as_slice()?.unwrap();
/// assert_eq!(rows.get(2).unwrap().get("y")?, 4);
/// assert_eq!(rows.as_bytes().len(), 3 * 8);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct RowSlice<'t> {
    schema: &'t Schema,
    /// A whole number of rows.
    bytes: &'t [u8],
}

impl<'t> RowSlice<'t> {
    pub(super) fn new(schema: &'t Schema, bytes: &'t [u8]) -> RowSlice<'t> {
        RowSlice { schema, bytes }
    }

    /// The schema of the rows.
    pub fn schema(&self) -> &'t Schema {
        self.schema
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.schema.width()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The row at this position, counted from 0; `None` beyond the end.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema};
    /// # let schema: Schema = "from: u32 key, to: u32 key".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut edges = write.create_dyn_table("edges", &schema)?;
    /// # for pair in [[1, 2], [1, 3], [2, 1]] {
    /// #     edges.insert(&RowBuf::from_values(&schema, pair)?)?;
    /// # }
    /// let table = edges.as_table();
    /// let rows = table.as_slice()?.expect("within one leaf");
    /// assert_eq!(rows.get(2).unwrap().get("from")?, 2);
    /// assert!(rows.get(3).is_none());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn get(&self, at: usize) -> Option<Row<'t>> {
        let width = self.schema.width();
        let start = at.checked_mul(width)?;
        let bytes = self.bytes.get(start..start.checked_add(width)?)?;
        Row::new(self.schema, bytes).ok()
    }

    /// The rows, in order.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema};
    /// # let schema: Schema = "from: u32 key, to: u32 key".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut edges = write.create_dyn_table("edges", &schema)?;
    /// # for pair in [[1, 2], [1, 3], [2, 1]] {
    /// #     edges.insert(&RowBuf::from_values(&schema, pair)?)?;
    /// # }
    /// let table = edges.as_table();
    /// let rows = table.as_slice()?.expect("within one leaf");
    /// let shown: Vec<String> = rows.iter().map(|row| row.to_string()).collect();
    /// assert_eq!(shown[0], "from: 1, to: 2");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'t>> + DoubleEndedIterator + use<'t> {
        let schema = self.schema;
        self.bytes.chunks_exact(schema.width()).map(move |bytes| Row::of_width(schema, bytes))
    }

    /// The rows as packed bytes, [`width`](Schema::width) bytes each.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema};
    /// # let schema: Schema = "from: u32 key, to: u32 key".parse()?;
    /// # let db = Database::in_memory()?;
    /// # let write = db.write()?;
    /// # let mut edges = write.create_dyn_table("edges", &schema)?;
    /// # for pair in [[1, 2], [1, 3], [2, 1]] {
    /// #     edges.insert(&RowBuf::from_values(&schema, pair)?)?;
    /// # }
    /// let table = edges.as_table();
    /// let rows = table.as_slice()?.expect("within one leaf");
    /// assert_eq!(rows.as_bytes().len(), rows.len() * rows.schema().width());
    /// assert_eq!(rows.as_bytes()[..4], [1, 0, 0, 0]); // little-endian
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn as_bytes(&self) -> &'t [u8] {
        self.bytes
    }
}

impl fmt::Debug for RowSlice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
