//! What the rows of a table are: a Rust type, or `Dyn` where the schema is known only at run time.
//! Every method of a table is written once, over this trait.

use std::borrow::Borrow;

use bytemuck::bytes_of;

use super::reader::{cast, one, with_key};
use super::row_slice::RowSlice;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::record::{Keyed, Record, Row, RowBuf, Unkeyed, Value};
use crate::schema::{FieldDef, Schema};

/// The rows of a table whose schema is known only at run time.
///
/// In `Table<Dyn>` a row is a [`Row`] and a key is a slice of [`Value`]s, one for each key field;
/// in a table without a key, it is one value, the row number. What does not fit is an error
/// ([`Usage`](ErrorKind::Usage), [`Value`](ErrorKind::Value)) where a typed table does not compile.
///
/// ```
/// use drystone::{Database, Dyn, RowBuf, Schema, Value};
///
/// let schema: Schema = "carrier: str[2] key, flight: u16 key, delay: i16?".parse()?;
/// let db = Database::in_memory()?;
/// let write = db.write()?;
/// let mut flights = write.create_dyn_table("flights", &schema)?;
/// let row = [Value::from("UA"), Value::from(1545), Value::from(2)];
/// flights.insert(&RowBuf::from_values(&schema, row)?)?;
/// write.commit()?;
///
/// let read = db.read()?;
/// let flights = read.table::<Dyn>("flights")?;
/// let row = flights.get(&["UA".into(), 1545.into()])?.unwrap();
/// assert_eq!(row.get("delay")?, Value::from(2)); // by name
/// assert_eq!(row.get(2)?, Value::from(2)); // by position
/// assert_eq!(row.at::<u16>(2)?, 1545); // by byte offset
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Dyn {}

/// What the rows of a table are: any [`Record`], or [`Dyn`]. Sealed.
///
/// | | `T: Record` | `Dyn` |
/// |---|---|---|
/// | a key | `T::Key` | `&[Value]` |
/// | a row in a table | `&T` | [`Row`] |
/// | rows side by side | `&[T]` | [`RowSlice`] |
/// | a row that is given or taken out | `T` | [`RowBuf`] |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a record",
    label = "not a record",
    note = "put #[derive(Clone, Copy, drystone::Record)] and #[repr(C)] or #[repr(C, packed)] on the struct"
)]
pub trait RowKind: sealed::Sealed + Sized + 'static {
    /// What finds a row: its key, or its number if there is no key.
    type Key<'k>: Copy;
    /// A row that lies in a table.
    type Row<'t>: Copy;
    /// Rows that lie side by side in a table.
    type Slice<'t>: Copy;
    /// A row that is given to a table, or was taken out of one.
    type Buf: Clone;

    /// Whether a call that needs a key, or no key, must check at run time whether the table has
    /// one.
    #[doc(hidden)]
    const IS_DYNAMIC: bool;

    /// The schema, without a borrow of the table.
    #[doc(hidden)]
    type SchemaRef: Borrow<Schema>;

    #[doc(hidden)]
    fn hold(schema: &Schema) -> Self::SchemaRef;

    /// An error if a table of this schema cannot have such rows.
    #[doc(hidden)]
    fn check_schema(schema: &Schema) -> Result<()>;

    /// Calls `then` with the stored form of a whole key.
    #[doc(hidden)]
    fn with_key<A>(schema: &Schema, key: Self::Key<'_>, then: impl FnOnce(&[u8]) -> Result<A>) -> Result<A>;

    /// Calls `then` with the stored form of a bound of a range, which may be less than a whole key.
    /// `None` if it is empty.
    #[doc(hidden)]
    fn with_bound<A>(
        schema: &Schema,
        key: Self::Key<'_>,
        then: impl FnOnce(Option<&[u8]>) -> Result<A>,
    ) -> Result<A>;

    #[doc(hidden)]
    fn row<'t>(schema: &'t Schema, bytes: &'t [u8]) -> Result<Self::Row<'t>>;

    #[doc(hidden)]
    fn slice<'t>(schema: &'t Schema, bytes: &'t [u8]) -> Result<Self::Slice<'t>>;

    #[doc(hidden)]
    fn no_rows<'t>(schema: &'t Schema) -> Self::Slice<'t>;

    /// Rows that are one array, as elements that are found without the schema. Empty if that is
    /// not possible.
    #[doc(hidden)]
    fn elements(rows: &[u8]) -> &[Self];

    #[doc(hidden)]
    fn of_element(element: &Self) -> Self::Row<'_>;

    /// The first row of a slice, and the others.
    #[doc(hidden)]
    fn split_first<'t>(schema: &'t Schema, rows: &'t [u8]) -> Option<(Self::Row<'t>, &'t [u8])>;

    /// The last row of a slice, and the others.
    #[doc(hidden)]
    fn split_last<'t>(schema: &'t Schema, rows: &'t [u8]) -> Option<(Self::Row<'t>, &'t [u8])>;

    /// A row taken out of a table.
    #[doc(hidden)]
    fn buf(schema: &Schema, bytes: &[u8]) -> Result<Self::Buf>;

    #[doc(hidden)]
    fn to_buf(row: Self::Row<'_>) -> Self::Buf;

    /// The bytes of a row for a table of this schema.
    #[doc(hidden)]
    fn bytes<'b>(schema: &Schema, row: &'b Self::Buf) -> Result<&'b [u8]>;
}

impl<T: Record> sealed::Sealed for T {}

#[diagnostic::do_not_recommend]
impl<T: Record> RowKind for T {
    type Key<'k> = T::Key;
    type Row<'t> = &'t T;
    type Slice<'t> = &'t [T];
    type Buf = T;
    type SchemaRef = &'static Schema;
    const IS_DYNAMIC: bool = false;

    #[inline(always)]
    fn hold(_: &Schema) -> &'static Schema {
        T::schema()
    }

    fn check_schema(schema: &Schema) -> Result<()> {
        schema.check_same(std::any::type_name::<T>(), T::schema())
    }

    #[inline(always)]
    fn with_key<A>(_: &Schema, key: T::Key, then: impl FnOnce(&[u8]) -> Result<A>) -> Result<A> {
        with_key(key, then)
    }

    #[inline(always)]
    fn with_bound<A>(_: &Schema, key: T::Key, then: impl FnOnce(Option<&[u8]>) -> Result<A>) -> Result<A> {
        with_key(key, |key| then(Some(key)))
    }

    #[inline(always)]
    fn row<'t>(_: &'t Schema, bytes: &'t [u8]) -> Result<&'t T> {
        one(bytes)
    }

    #[inline(always)]
    fn slice<'t>(_: &'t Schema, bytes: &'t [u8]) -> Result<&'t [T]> {
        cast(bytes)
    }

    fn no_rows(_: &Schema) -> &[T] {
        &[]
    }

    fn elements(rows: &[u8]) -> &[T] {
        cast(rows).unwrap_or_default()
    }

    #[inline(always)]
    fn of_element(element: &T) -> &T {
        element
    }

    #[inline(always)]
    fn split_first<'t>(_: &'t Schema, rows: &'t [u8]) -> Option<(&'t T, &'t [u8])> {
        let (first, rest) = rows.split_at_checked(size_of::<T>())?;
        Some((one(first).ok()?, rest))
    }

    #[inline(always)]
    fn split_last<'t>(_: &'t Schema, rows: &'t [u8]) -> Option<(&'t T, &'t [u8])> {
        let (rest, last) = rows.split_at_checked(rows.len().checked_sub(size_of::<T>())?)?;
        Some((one(last).ok()?, rest))
    }

    #[inline]
    fn buf(_: &Schema, bytes: &[u8]) -> Result<T> {
        bytemuck::try_pod_read_unaligned(bytes)
            .map_err(|error| Error::new(ErrorKind::Corrupt, format!("a row has the wrong width: {error}")))
    }

    #[inline(always)]
    fn to_buf(row: &T) -> T {
        *row
    }

    #[inline(always)]
    fn bytes<'b>(_: &Schema, row: &'b T) -> Result<&'b [u8]> {
        Ok(bytes_of(row))
    }
}

impl sealed::Sealed for Dyn {}

impl RowKind for Dyn {
    type Key<'k> = &'k [Value<'k>];
    type Row<'t> = Row<'t>;
    type Slice<'t> = RowSlice<'t>;
    type Buf = RowBuf;
    type SchemaRef = Schema;
    const IS_DYNAMIC: bool = true;

    fn hold(schema: &Schema) -> Schema {
        schema.clone()
    }

    fn check_schema(_: &Schema) -> Result<()> {
        Ok(())
    }

    fn with_key<A>(schema: &Schema, key: &[Value<'_>], then: impl FnOnce(&[u8]) -> Result<A>) -> Result<A> {
        then(&encode_key(schema, key, true)?)
    }

    fn with_bound<A>(
        schema: &Schema,
        key: &[Value<'_>],
        then: impl FnOnce(Option<&[u8]>) -> Result<A>,
    ) -> Result<A> {
        if key.is_empty() { then(None) } else { then(Some(&encode_key(schema, key, false)?)) }
    }

    #[inline]
    fn row<'t>(schema: &'t Schema, bytes: &'t [u8]) -> Result<Row<'t>> {
        Row::new(schema, bytes)
    }

    #[inline]
    fn slice<'t>(schema: &'t Schema, bytes: &'t [u8]) -> Result<RowSlice<'t>> {
        Ok(RowSlice::new(schema, bytes))
    }

    fn no_rows<'t>(schema: &'t Schema) -> RowSlice<'t> {
        RowSlice::new(schema, &[])
    }

    fn elements(_: &[u8]) -> &[Dyn] {
        &[]
    }

    fn of_element(element: &Dyn) -> Row<'_> {
        match *element {}
    }

    #[inline]
    fn split_first<'t>(schema: &'t Schema, rows: &'t [u8]) -> Option<(Row<'t>, &'t [u8])> {
        let (first, rest) = rows.split_at_checked(schema.width())?;
        Some((Row::of_width(schema, first), rest))
    }

    #[inline]
    fn split_last<'t>(schema: &'t Schema, rows: &'t [u8]) -> Option<(Row<'t>, &'t [u8])> {
        let (rest, last) = rows.split_at_checked(rows.len().checked_sub(schema.width())?)?;
        Some((Row::of_width(schema, last), rest))
    }

    fn buf(schema: &Schema, bytes: &[u8]) -> Result<RowBuf> {
        RowBuf::from_bytes(schema, bytes.to_vec())
    }

    fn to_buf(row: Row<'_>) -> RowBuf {
        row.to_buf()
    }

    fn bytes<'b>(schema: &Schema, row: &'b RowBuf) -> Result<&'b [u8]> {
        schema.check_same("the row", row.schema())?;
        Ok(row.as_bytes())
    }
}

impl crate::record::derived::SealedKeyed for Dyn {}
impl Keyed for Dyn {}
impl Unkeyed for Dyn {}

/// The stored form of a key, or of its leading fields if it need not be whole. A row number if
/// there is no key.
pub(super) fn encode_key(schema: &Schema, values: &[Value<'_>], whole: bool) -> Result<Vec<u8>> {
    let fields = schema.key_fields();
    if fields.is_empty() {
        return match values {
            [row] => match row.as_u64() {
                Some(row) => Ok(row.to_le_bytes().to_vec()),
                None => bail!(Value, "{row} is not a row number"),
            },
            _ => bail!(
                Usage,
                "the table has no key: a row is addressed by one value, its number, not by {} values",
                values.len()
            ),
        };
    }
    if values.len() > fields.len() || values.is_empty() || (whole && values.len() < fields.len()) {
        let names: Vec<&str> = fields.iter().map(FieldDef::name).collect();
        bail!(Usage, "a key has {} values ({}), not {}", fields.len(), names.join(", "), values.len());
    }
    encode_fields(fields, values)
}

/// The stored form of values of the first of these fields, side by side.
pub(super) fn encode_fields(fields: &[FieldDef], values: &[Value<'_>]) -> Result<Vec<u8>> {
    let mut stored = Vec::new();
    for (field, value) in fields.iter().zip(values) {
        let start = stored.len();
        stored.resize(start + field.width(), 0);
        field.store(value, &mut stored[start..])?;
    }
    Ok(stored)
}

pub(crate) mod sealed {
    pub trait Sealed {}
}
