//! `Row`: a borrowed record whose schema is known at run time.

use std::fmt;

use super::field::at_offset;
use super::{Field, FieldType, IntoField, Record, RowBuf, Value};
use crate::error::Result;
use crate::schema::text::write_bytes;
use crate::schema::{FieldDef, Schema};

/// A record whose schema is known at run time: a schema and the bytes of one row, both borrowed.
/// Copying it copies two references.
///
/// ```
/// use drystone::{Row, Schema};
///
/// let schema: Schema = "id: u16, x: i8, carrier: str[2]".parse()?;
/// let row = Row::new(&schema, b"\x07\x00\xFFUA")?;
/// assert_eq!(row.get("carrier")?, "UA"); // by name
/// assert_eq!(row.get(1)?, -1); // by position
/// assert_eq!(row.at::<u16>(0)?, 7); // by byte offset
/// assert_eq!(row.field(schema.handle::<i8>("x")?), -1); // by a handle that was resolved once
/// assert_eq!(row.to_string(), "id: 7, x: -1, carrier: UA");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Row<'a> {
    schema: &'a Schema,
    bytes: &'a [u8],
}

impl<'a> Row<'a> {
    /// The row in these bytes.
    ///
    /// ```
    /// use drystone::{Row, Schema};
    ///
    /// let schema: Schema = "id: u16, x: i8".parse()?;
    /// assert_eq!(Row::new(&schema, &[7, 0, 0xFF])?.get("x")?, -1);
    /// assert!(Row::new(&schema, &[7, 0]).is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) if their number is not [`width`](Schema::width).
    pub fn new(schema: &'a Schema, bytes: &'a [u8]) -> Result<Row<'a>> {
        schema.check_width(bytes.len())?;
        Ok(Row::of_width(schema, bytes))
    }

    /// The row in these bytes, whose number the caller has checked.
    pub(crate) fn of_width(schema: &'a Schema, bytes: &'a [u8]) -> Row<'a> {
        debug_assert_eq!(bytes.len(), schema.width());
        Row { schema, bytes }
    }

    /// A typed record as a row. Copies nothing.
    ///
    /// ```
    /// use drystone::{Record, Row};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let point = Point { x: 1, y: 2 };
    /// assert_eq!(Row::from_record(&point).to_string(), "x: 1, y: 2");
    /// ```
    pub fn from_record<T: Record>(record: &'a T) -> Row<'a> {
        Row { schema: T::schema(), bytes: bytemuck::bytes_of(record) }
    }

    /// The schema.
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// The bytes of the record.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many fields there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a row always has fields")]
    pub fn len(&self) -> usize {
        self.schema.fields().len()
    }

    /// The value of a field: `row.get("x")?` or `row.get(1)?`.
    ///
    /// ```
    /// # use drystone::{Row, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16".parse()?;
    /// let row = Row::new(&schema, b"\x07\0\0\0UA\xFD\xFF")?;
    /// assert_eq!(row.get("delay")?, -3);
    /// assert_eq!(row.get(1)?, "UA");
    /// assert!(row.get("dely").is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldNotFound`](crate::ErrorKind::FieldNotFound) if there is no such field;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if its bytes are not a valid value, such as text that
    /// is not UTF-8.
    pub fn get(&self, field: impl IntoField) -> Result<Value<'a>> {
        let (field, stored) = self.stored(field)?;
        field.load(stored)
    }

    /// The value of a field by its handle: one load.
    ///
    /// ```
    /// # use drystone::{Row, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16".parse()?;
    /// let row = Row::new(&schema, b"\x07\0\0\0UA\xFD\xFF")?;
    /// let delay = schema.handle::<i16>("delay")?;
    /// assert_eq!(row.field(delay), -3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the handle was made by another schema.
    #[inline]
    pub fn field<T: FieldType>(&self, field: Field<T>) -> T {
        field.get_in(self.schema, self.bytes)
    }

    /// The value of type `T` that begins at this byte. The schema is not consulted.
    ///
    /// ```
    /// # use drystone::{Row, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16".parse()?;
    /// let row = Row::new(&schema, b"\x07\0\0\0UA\xFD\xFF")?;
    /// assert_eq!(row.at::<i16>(6)?, -3);
    /// assert!(row.at::<i64>(6).is_err()); // the row has 8 bytes
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) if the row ends before the value does.
    pub fn at<T: FieldType>(&self, offset: usize) -> Result<T> {
        at_offset(self.bytes, offset)
    }

    /// Whether a field is null.
    ///
    /// ```
    /// use drystone::{RowBuf, Schema};
    ///
    /// let schema: Schema = "id: u32, delay: i16?".parse()?;
    /// let row = RowBuf::from_values(&schema, [7])?;
    /// assert!(row.as_row().is_null("delay")?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldNotFound`](crate::ErrorKind::FieldNotFound) if there is no such field.
    pub fn is_null(&self, field: impl IntoField) -> Result<bool> {
        let (field, stored) = self.stored(field)?;
        Ok(field.is_null(stored))
    }

    /// A field and its stored bytes.
    ///
    /// ```
    /// # use drystone::{Row, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16".parse()?;
    /// let row = Row::new(&schema, b"\x07\0\0\0UA\xFD\xFF")?;
    /// let (field, bytes) = row.stored("carrier")?;
    /// assert_eq!((field.offset(), bytes), (4, &b"UA"[..]));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldNotFound`](crate::ErrorKind::FieldNotFound) if there is no such field.
    pub fn stored(&self, field: impl IntoField) -> Result<(&'a FieldDef, &'a [u8])> {
        let field = &self.schema.fields()[field.position(self.schema)?];
        Ok((field, self.bytes_of(field)))
    }

    /// The values, in order. Bytes that are not a valid value of their field give an error.
    ///
    /// ```
    /// # use drystone::{Row, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16".parse()?;
    /// let row = Row::new(&schema, b"\x07\0\0\0UA\xFD\xFF")?;
    /// let values: Vec<drystone::Value<'_>> = row.values().collect::<Result<_, _>>()?;
    /// assert_eq!(values[2], -3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn values(&self) -> Values<'a> {
        Values { row: *self, fields: self.schema.fields().iter() }
    }

    /// Names and values, in order.
    ///
    /// ```
    /// # use drystone::{Row, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16".parse()?;
    /// let row = Row::new(&schema, b"\x07\0\0\0UA\xFD\xFF")?;
    /// for (name, value) in row.iter() {
    ///     println!("{name} is {}", value?);
    /// }
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, Result<Value<'a>>)> + use<'a> {
        self.schema.fields().iter().map(FieldDef::name).zip(self.values())
    }

    /// A copy that owns its bytes and can be changed.
    ///
    /// ```
    /// # use drystone::{Row, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16".parse()?;
    /// let row = Row::new(&schema, b"\x07\0\0\0UA\xFD\xFF")?;
    /// let mut copy = row.to_buf();
    /// copy.set("delay", 5)?;
    /// assert_eq!((row.get("delay")?, copy.get("delay")?), ((-3).into(), 5.into()));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn to_buf(&self) -> RowBuf {
        RowBuf::from_row(*self)
    }

    /// The typed record in this row.
    ///
    /// ```
    /// use drystone::{Record, RowBuf};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let row = RowBuf::from_values(Point::schema(), [1, 2])?;
    /// assert_eq!(row.as_row().to_record::<Point>()?, Point { x: 1, y: 2 });
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Schema`](crate::ErrorKind::Schema) if the schemas differ. The message shows both.
    pub fn to_record<T: Record>(&self) -> Result<T> {
        self.schema.check_same(std::any::type_name::<T>(), T::schema())?;
        Ok(bytemuck::pod_read_unaligned(self.bytes))
    }

    fn bytes_of(&self, field: &FieldDef) -> &'a [u8] {
        &self.bytes[field.offset()..field.offset() + field.width()]
    }
}

impl<'a> IntoIterator for Row<'a> {
    type Item = Result<Value<'a>>;
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.values()
    }
}

/// The values of a [`Row`], in order.
///
/// ```
/// # use drystone::{Row, Schema};
/// let schema: Schema = "id: u32, carrier: str[2], delay: i16".parse()?;
/// let row = Row::new(&schema, b"\x07\0\0\0UA\xFD\xFF")?;
/// let backwards: Vec<_> = row.values().rev().collect::<Result<_, _>>()?;
/// assert_eq!(backwards[0], -3);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Values<'a> {
    row: Row<'a>,
    fields: std::slice::Iter<'a, FieldDef>,
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<Value<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.fields.next()?;
        Some(field.load(self.row.bytes_of(field)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.fields.size_hint()
    }
}

impl DoubleEndedIterator for Values<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let field = self.fields.next_back()?;
        Some(field.load(self.row.bytes_of(field)))
    }
}

impl ExactSizeIterator for Values<'_> {}

impl std::iter::FusedIterator for Values<'_> {}

impl PartialEq for Row<'_> {
    /// Rows are equal when their schemas and their bytes are.
    fn eq(&self, other: &Row<'_>) -> bool {
        self.bytes == other.bytes && self.schema == other.schema
    }
}

impl Eq for Row<'_> {}

impl std::hash::Hash for Row<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

/// A value for people: `<invalid 0x07>` if the bytes are not valid.
struct Shown<'a> {
    field: &'a FieldDef,
    stored: &'a [u8],
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.load(self.stored) {
            Ok(value) => value.fmt(f),
            Err(_) => {
                f.write_str("<invalid ")?;
                write_bytes(self.stored, f)?;
                f.write_str(">")
            }
        }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.load(self.stored) {
            Ok(Value::Text(text)) => fmt::Debug::fmt(&text, f),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, field) in self.schema.fields().iter().enumerate() {
            let value = Shown { field, stored: self.bytes_of(field) };
            write!(f, "{}{}: {value}", if at == 0 { "" } else { ", " }, field.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Row");
        for field in self.schema.fields() {
            shown.field(field.name(), &Shown { field, stored: self.bytes_of(field) });
        }
        shown.finish()
    }
}
