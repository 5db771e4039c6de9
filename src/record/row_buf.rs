//! `RowBuf`: an owned record whose schema is known at run time.

use std::fmt;

use super::field::at_offset;
use super::{Field, FieldType, IntoField, Record, Row, Value, Values};
use crate::error::{Result, bail};
use crate::schema::{FieldDef, Schema};

/// A record whose schema is known at run time, which owns its bytes and can be changed. [`Row`] is
/// its borrowed form.
///
/// ```
/// use drystone::{RowBuf, Schema, Value};
///
/// let schema: Schema = "id: u64 key, x: i32 = 5, carrier: str[2]?".parse()?;
/// let mut row = RowBuf::from_named(&schema, [("id", 7)])?;
/// assert_eq!(row.to_string(), "id: 7, x: 5, carrier: null");
///
/// row.set("carrier", "UA")?; // by name
/// row.set(1, -1)?; // by position
/// assert_eq!(row.get("x")?, -1);
/// let other = row.clone().replace([("x", Value::from(0)), ("carrier", Value::Null)])?;
/// assert_eq!(other.to_string(), "id: 7, x: 0, carrier: null");
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone)]
pub struct RowBuf {
    schema: Schema,
    bytes: Vec<u8>,
}

impl RowBuf {
    /// A row in which every field has its default. Without a default it is null if the field is
    /// nullable, else zero (0, `false`, empty text, 1970-01-01).
    ///
    /// ```
    /// use drystone::{RowBuf, Schema};
    ///
    /// let schema: Schema = "id: u64, x: i32 = 5, carrier: str[2]?".parse()?;
    /// assert_eq!(RowBuf::new(&schema).to_string(), "id: 0, x: 5, carrier: null");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn new(schema: &Schema) -> RowBuf {
        RowBuf { schema: schema.clone(), bytes: schema.default_bytes().to_vec() }
    }

    /// The row in these bytes.
    ///
    /// ```
    /// use drystone::{RowBuf, Schema};
    ///
    /// let schema: Schema = "id: u16, x: i8".parse()?;
    /// assert_eq!(RowBuf::from_bytes(&schema, vec![7, 0, 0xFF])?.to_string(), "id: 7, x: -1");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) if their number is not [`width`](Schema::width).
    pub fn from_bytes(schema: &Schema, bytes: Vec<u8>) -> Result<RowBuf> {
        schema.check_width(bytes.len())?;
        Ok(RowBuf { schema: schema.clone(), bytes })
    }

    /// A row of these values, in the order of the fields. Fields at the end without a value get
    /// their default, or null if they are nullable.
    ///
    /// ```
    /// use drystone::{RowBuf, Schema, Value};
    ///
    /// let schema: Schema = "id: u64, carrier: str[2], delay: i16?".parse()?;
    /// let row = RowBuf::from_values(&schema, [Value::from(7), "UA".into()])?;
    /// assert_eq!(row.to_string(), "id: 7, carrier: UA, delay: null");
    /// assert!(RowBuf::from_values(&schema, [7]).is_err()); // the carrier is missing
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) if a value does not fit its field, if there are too many
    /// values, or if a field without a value has no default and is not nullable.
    pub fn from_values<'v, V: Into<Value<'v>>>(
        schema: &Schema,
        values: impl IntoIterator<Item = V>,
    ) -> Result<RowBuf> {
        let mut row = RowBuf::new(schema);
        let mut given = 0;
        for value in values {
            if given == schema.fields().len() {
                bail!(Value, "more values than the {given} fields of ({schema})");
            }
            row.set(given, value)?;
            given += 1;
        }
        check_missing(&schema.fields()[given..])?;
        Ok(row)
    }

    /// A row of these names and values, in any order. Fields that are not named get their default,
    /// or null if they are nullable.
    ///
    /// ```
    /// use drystone::{RowBuf, Schema, Value};
    ///
    /// let schema: Schema = "id: u64, carrier: str[2], delay: i16?".parse()?;
    /// let row = RowBuf::from_named(&schema, [("carrier", Value::from("UA")), ("id", 7.into())])?;
    /// assert_eq!(row.to_string(), "id: 7, carrier: UA, delay: null");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`from_values`](RowBuf::from_values);
    /// [`FieldNotFound`](crate::ErrorKind::FieldNotFound) if no field has a name.
    pub fn from_named<'v, S: IntoField, V: Into<Value<'v>>>(
        schema: &Schema,
        values: impl IntoIterator<Item = (S, V)>,
    ) -> Result<RowBuf> {
        let mut row = RowBuf::new(schema);
        let mut given = vec![false; schema.fields().len()];
        for (field, value) in values {
            let at = field.position(schema)?;
            if std::mem::replace(&mut given[at], true) {
                bail!(Value, "field {:?} is given twice", schema.fields()[at].name());
            }
            row.set(at, value)?;
        }
        check_given(schema, &given)?;
        Ok(row)
    }

    /// A typed record, copied.
    ///
    /// ```
    /// use drystone::{Record, RowBuf};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let row = RowBuf::from_record(&Point { x: 1, y: 2 });
    /// assert_eq!(row.to_string(), "x: 1, y: 2");
    /// ```
    pub fn from_record<T: Record>(record: &T) -> RowBuf {
        RowBuf::from_row(Row::from_record(record))
    }

    pub(super) fn from_row(row: Row<'_>) -> RowBuf {
        RowBuf { schema: row.schema().clone(), bytes: row.as_bytes().to_vec() }
    }

    /// Sets a field: `row.set("x", 7)?`, `row.set(1, 7)?`; `None` sets null.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let mut row = RowBuf::new(&schema);
    /// row.set("delay", -3)?;
    /// row.set("carrier", "UA")?;
    /// assert!(row.set("carrier", "United").is_err());
    /// row.set("delay", None::<i16>)?;
    /// assert_eq!(row.to_string(), "id: 0, carrier: UA, delay: null");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldNotFound`](crate::ErrorKind::FieldNotFound) if there is no such field;
    /// [`Value`](crate::ErrorKind::Value) if the value does not fit it. The row is then unchanged.
    pub fn set<'v>(&mut self, field: impl IntoField, value: impl Into<Value<'v>>) -> Result<()> {
        let value = value.into();
        self.change(field, |field, out| field.store(&value, out))
    }

    /// Sets a field from text, parsed as in a CSV: see [`FieldDef::parse_text`].
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let mut row = RowBuf::new(&schema);
    /// row.set_text("delay", "-3")?;
    /// assert_eq!(row.get("delay")?, -3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`set`](RowBuf::set).
    pub fn set_text(&mut self, field: impl IntoField, text: &str) -> Result<()> {
        self.change(field, |field, out| field.parse_text(text, out))
    }

    /// Sets a field by its handle: one store.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let mut row = RowBuf::new(&schema);
    /// let id = schema.handle::<u32>("id")?;
    /// row.set_field(id, 7);
    /// assert_eq!(row.field(id), 7);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the handle was made by another schema.
    #[inline]
    pub fn set_field<T: FieldType>(&mut self, field: Field<T>, value: T) {
        field.set_in(&self.schema, &mut self.bytes, value);
    }

    /// Writes the value at this byte of the row. The schema is not consulted.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let mut row = RowBuf::new(&schema);
    /// row.set_at(0, 7_u32)?;
    /// assert_eq!(row.get("id")?, 7);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) if the row ends before the value would.
    pub fn set_at<T: FieldType>(&mut self, offset: usize, value: T) -> Result<()> {
        at_offset::<T>(&self.bytes, offset)?;
        self.bytes[offset..offset + size_of::<T>()].copy_from_slice(bytemuck::bytes_of(&value));
        Ok(())
    }

    /// This row with these fields changed.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let row = RowBuf::new(&schema);
    /// let row = row.replace([("id", 7), ("delay", -3)])?;
    /// assert_eq!(row.to_string(), "id: 7, carrier: , delay: -3");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`set`](RowBuf::set).
    pub fn replace<'v, S: IntoField, V: Into<Value<'v>>>(
        mut self,
        changes: impl IntoIterator<Item = (S, V)>,
    ) -> Result<RowBuf> {
        for (field, value) in changes {
            self.set(field, value)?;
        }
        Ok(self)
    }

    /// The borrowed form.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let row = RowBuf::new(&schema);
    /// let borrowed = row.as_row();
    /// assert!(borrowed.is_null("delay")?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn as_row(&self) -> Row<'_> {
        // Every constructor has checked the width, and nothing changes it.
        Row::of_width(&self.schema, &self.bytes)
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The bytes of the record.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of the record, to be changed in place. If they are not a valid value of their
    /// field, reading the field returns an error.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let mut row = RowBuf::new(&schema);
    /// row.as_bytes_mut()[0] = 7; // the lowest byte of `id`
    /// assert_eq!(row.get("id")?, 7);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The bytes of the record.
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let row = RowBuf::new(&schema);
    /// assert_eq!(row.into_bytes(), [0, 0, 0, 0, 0, 0, 0x00, 0x80]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many fields there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a row always has fields")]
    pub fn len(&self) -> usize {
        self.schema.fields().len()
    }

    /// The value of a field, as [`Row::get`].
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let mut row = RowBuf::new(&schema);
    /// row.set("carrier", "UA")?;
    /// assert_eq!(row.get("carrier")?, "UA");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Row::get`].
    pub fn get(&self, field: impl IntoField) -> Result<Value<'_>> {
        self.as_row().get(field)
    }

    /// The value of a field by its handle, as [`Row::field`].
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let mut row = RowBuf::new(&schema);
    /// row.set("id", 7)?;
    /// assert_eq!(row.field(schema.handle::<u32>("id")?), 7);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Panics
    /// As for [`Row::field`].
    #[inline]
    pub fn field<T: FieldType>(&self, field: Field<T>) -> T {
        field.get_in(&self.schema, &self.bytes)
    }

    /// The value at this byte, as [`Row::at`].
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let mut row = RowBuf::new(&schema);
    /// row.set("id", 7)?;
    /// assert_eq!(row.at::<u32>(0)?, 7);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Row::at`].
    pub fn at<T: FieldType>(&self, offset: usize) -> Result<T> {
        at_offset(&self.bytes, offset)
    }

    /// Whether a field is null, as [`Row::is_null`].
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let row = RowBuf::new(&schema);
    /// assert!(row.is_null("delay")? && !row.is_null("id")?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Row::is_null`].
    pub fn is_null(&self, field: impl IntoField) -> Result<bool> {
        self.as_row().is_null(field)
    }

    /// The values, in order, as [`Row::values`].
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let row = RowBuf::new(&schema);
    /// assert_eq!(row.values().filter_map(Result::ok).filter(|value| value.is_null()).count(), 1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn values(&self) -> Values<'_> {
        self.as_row().values()
    }

    /// Names and values, in order, as [`Row::iter`].
    ///
    /// ```
    /// # use drystone::{RowBuf, Schema};
    /// let schema: Schema = "id: u32, carrier: str[2], delay: i16?".parse()?;
    /// let row = RowBuf::new(&schema);
    /// let names: Vec<&str> = row.iter().map(|(name, _)| name).collect();
    /// assert_eq!(names, ["id", "carrier", "delay"]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Result<Value<'_>>)> {
        self.as_row().iter()
    }

    /// The typed record in this row, as [`Row::to_record`].
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
    /// assert_eq!(row.to_record::<Point>()?, Point { x: 1, y: 2 });
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Row::to_record`].
    pub fn to_record<T: Record>(&self) -> Result<T> {
        self.as_row().to_record()
    }

    /// Calls `write` on a field's stored bytes, and restores the old ones if it fails.
    fn change(
        &mut self,
        field: impl IntoField,
        write: impl FnOnce(&FieldDef, &mut [u8]) -> Result<()>,
    ) -> Result<()> {
        let field = &self.schema.fields()[field.position(&self.schema)?];
        let stored = &mut self.bytes[field.offset()..][..field.width()];
        // Most fields are at most 16 bytes wide: those need no allocation to be put back.
        let mut small = [0; 16];
        let mut large = Vec::new();
        let old = match small.get_mut(..stored.len()) {
            Some(small) => small,
            None => {
                large.resize(stored.len(), 0);
                &mut large[..]
            }
        };
        old.copy_from_slice(stored);
        write(field, stored).inspect_err(|_| stored.copy_from_slice(old))
    }
}

/// An error if a required field has no value.
pub(super) fn check_given(schema: &Schema, given: &[bool]) -> Result<()> {
    check_missing(schema.fields().iter().zip(given).filter(|(_, given)| !**given).map(|(field, _)| field))
}

/// An error if one of these fields, which have no value, has no default and is not nullable.
fn check_missing<'f>(fields: impl IntoIterator<Item = &'f FieldDef>) -> Result<()> {
    match fields.into_iter().find(|field| field.default().is_none() && !field.is_nullable()) {
        None => Ok(()),
        Some(field) => bail!(
            Value,
            "field {:?}: no value is given, and it has no default; give one, or a default in the schema",
            field.name()
        ),
    }
}

impl PartialEq for RowBuf {
    /// Rows are equal when their schemas and their bytes are.
    fn eq(&self, other: &RowBuf) -> bool {
        self.as_row() == other.as_row()
    }
}

impl Eq for RowBuf {}

impl PartialEq<Row<'_>> for RowBuf {
    fn eq(&self, other: &Row<'_>) -> bool {
        self.as_row() == *other
    }
}

impl PartialEq<RowBuf> for Row<'_> {
    fn eq(&self, other: &RowBuf) -> bool {
        *self == other.as_row()
    }
}

impl std::hash::Hash for RowBuf {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl From<Row<'_>> for RowBuf {
    fn from(row: Row<'_>) -> RowBuf {
        RowBuf::from_row(row)
    }
}

impl fmt::Display for RowBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_row().fmt(f)
    }
}

impl fmt::Debug for RowBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_row(), f)
    }
}

impl Row<'_> {
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
}
