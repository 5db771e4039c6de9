//! `RowBuf`: a record of its own whose schema is known at run time; made, changed and read by name or position.

use std::fmt;

use super::field::at_offset;
use super::{Field, FieldType, IntoField, Record, Row, Value, Values};
use crate::error::{Result, fail};
use crate::schema::{FieldDef, Schema};

/// A record by the dynamic door that owns its bytes and can be changed. [`Row`] is its borrowed form.
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
    /// A row in which every field has its default; where there is none, null where the field may be null, else zeros
    /// (0, `false`, empty text, 1970-01-01).
    pub fn new(schema: &Schema) -> RowBuf {
        RowBuf { schema: schema.clone(), bytes: schema.default_bytes().to_vec() }
    }

    /// The row in these bytes.
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) when there are not [`width`](Schema::width) of them.
    pub fn from_bytes(schema: &Schema, bytes: Vec<u8>) -> Result<RowBuf> {
        schema.check_width(bytes.len())?;
        Ok(RowBuf { schema: schema.clone(), bytes })
    }

    /// A row of these values, in the order of the fields. Those that are missing at the end take their default, or null
    /// where the field may be null.
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) when a value does not fit its field, when there are too many, or when one is missing
    /// whose field has no default and cannot be null.
    pub fn from_values<'v, V: Into<Value<'v>>>(
        schema: &Schema,
        values: impl IntoIterator<Item = V>,
    ) -> Result<RowBuf> {
        let mut row = RowBuf::new(schema);
        let mut given = 0;
        for value in values {
            if given == schema.fields().len() {
                fail!(Value, "more values than the {given} fields of ({schema})");
            }
            row.set(given, value)?;
            given += 1;
        }
        check_missing(&schema.fields()[given..])?;
        Ok(row)
    }

    /// A row of these names and values, in any order. Fields that are not named take their default, or null where the
    /// field may be null.
    ///
    /// # Errors
    /// As [`from_values`](RowBuf::from_values), and [`FieldNotFound`](crate::ErrorKind::FieldNotFound) for a name that no field has.
    pub fn from_named<'v, S: IntoField, V: Into<Value<'v>>>(
        schema: &Schema,
        values: impl IntoIterator<Item = (S, V)>,
    ) -> Result<RowBuf> {
        let mut row = RowBuf::new(schema);
        let mut given = vec![false; schema.fields().len()];
        for (field, value) in values {
            let at = field.position(schema)?;
            if std::mem::replace(&mut given[at], true) {
                fail!(Value, "field {:?} is given twice", schema.fields()[at].name());
            }
            row.set(at, value)?;
        }
        check_given(schema, &given)?;
        Ok(row)
    }

    /// A typed record, copied.
    pub fn from_record<T: Record>(record: &T) -> RowBuf {
        RowBuf::from_row(Row::from_record(record))
    }

    pub(super) fn from_row(row: Row<'_>) -> RowBuf {
        RowBuf { schema: row.schema().clone(), bytes: row.as_bytes().to_vec() }
    }

    /// Sets a field: `row.set("x", 7)?`, `row.set(1, 7)?`; `None` sets null.
    ///
    /// # Errors
    /// [`FieldNotFound`](crate::ErrorKind::FieldNotFound) when there is no such field, [`Value`](crate::ErrorKind::Value) when the value does not fit
    /// it; the row is then as it was.
    pub fn set<'v>(&mut self, field: impl IntoField, value: impl Into<Value<'v>>) -> Result<()> {
        let value = value.into();
        self.change(field, |field, out| field.store(&value, out))
    }

    /// Sets a field from text, as it stands in a CSV: see [`FieldDef::parse_text`].
    ///
    /// # Errors
    /// As [`set`](RowBuf::set).
    pub fn set_text(&mut self, field: impl IntoField, text: &str) -> Result<()> {
        self.change(field, |field, out| field.parse_text(text, out))
    }

    /// Sets a field by its handle: one store.
    ///
    /// # Panics
    /// When the handle was made by another schema.
    #[inline]
    pub fn set_field<T: FieldType>(&mut self, field: Field<T>, value: T) {
        field.set_in(&self.schema, &mut self.bytes, value);
    }

    /// Writes the value at this byte of the row, whatever the schema says of it.
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) when the row ends before the value would.
    pub fn set_at<T: FieldType>(&mut self, offset: usize, value: T) -> Result<()> {
        at_offset::<T>(&self.bytes, offset)?;
        self.bytes[offset..offset + size_of::<T>()].copy_from_slice(bytemuck::bytes_of(&value));
        Ok(())
    }

    /// This row with these fields changed.
    ///
    /// # Errors
    /// As [`set`](RowBuf::set).
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
    pub fn as_row(&self) -> Row<'_> {
        // Every constructor has seen to the width, and nothing changes it.
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

    /// The bytes of the record, to be changed in place. Bytes that are no value of their field are then an error when the
    /// field is read.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The bytes of the record.
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
    /// # Errors
    /// As for [`Row::get`].
    pub fn get(&self, field: impl IntoField) -> Result<Value<'_>> {
        self.as_row().get(field)
    }

    /// The value of a field by its handle, as [`Row::field`].
    ///
    /// # Panics
    /// As for [`Row::field`].
    #[inline]
    pub fn field<T: FieldType>(&self, field: Field<T>) -> T {
        field.get_in(&self.schema, &self.bytes)
    }

    /// The value at this byte, as [`Row::at`].
    ///
    /// # Errors
    /// As for [`Row::at`].
    pub fn at<T: FieldType>(&self, offset: usize) -> Result<T> {
        at_offset(&self.bytes, offset)
    }

    /// Whether a field is null, as [`Row::is_null`].
    ///
    /// # Errors
    /// As for [`Row::is_null`].
    pub fn is_null(&self, field: impl IntoField) -> Result<bool> {
        self.as_row().is_null(field)
    }

    /// The values, in order, as [`Row::values`].
    pub fn values(&self) -> Values<'_> {
        self.as_row().values()
    }

    /// Names and values, in order, as [`Row::iter`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Result<Value<'_>>)> {
        self.as_row().iter()
    }

    /// The typed record in this row, as [`Row::to_record`].
    ///
    /// # Errors
    /// As for [`Row::to_record`].
    pub fn to_record<T: Record>(&self) -> Result<T> {
        self.as_row().to_record()
    }

    /// Lets `write` put a field's stored bytes, and puts the old ones back when it fails.
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

/// An error if a field is not given that must be.
pub(super) fn check_given(schema: &Schema, given: &[bool]) -> Result<()> {
    check_missing(schema.fields().iter().zip(given).filter(|(_, given)| !**given).map(|(field, _)| field))
}

/// An error if one of these fields, to which nothing is given, has neither a default nor null.
fn check_missing<'f>(fields: impl IntoIterator<Item = &'f FieldDef>) -> Result<()> {
    match fields.into_iter().find(|field| field.default().is_none() && !field.is_nullable()) {
        None => Ok(()),
        Some(field) => fail!(
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
