//! `Field`: a field that is resolved once from its name to its offset.

use std::fmt;
use std::marker::PhantomData;

use bytemuck::{bytes_of, pod_read_unaligned};

use super::FieldType;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::schema::{FieldDef, Schema};

/// How a field is named in a call: by its name, its position, or a [`Field`] handle.
pub trait IntoField: Copy + fmt::Debug + selector::Sealed {
    /// The position of the field in this schema.
    ///
    /// ```
    /// use drystone::{IntoField, Schema};
    ///
    /// let schema: Schema = "id: u64, delay: i16?".parse()?;
    /// assert_eq!("delay".position(&schema)?, 1);
    /// assert!(2_usize.position(&schema).is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldNotFound`](ErrorKind::FieldNotFound) if the schema has no such field.
    fn position(self, schema: &Schema) -> Result<usize>;
}

mod selector {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for &String {}
    impl Sealed for usize {}
    impl<T: super::FieldType> Sealed for super::Field<T> {}
}

impl IntoField for &str {
    fn position(self, schema: &Schema) -> Result<usize> {
        schema.position(self).ok_or_else(|| schema.no_such_field(self))
    }
}

impl IntoField for &String {
    fn position(self, schema: &Schema) -> Result<usize> {
        self.as_str().position(schema)
    }
}

impl IntoField for usize {
    fn position(self, schema: &Schema) -> Result<usize> {
        let fields = schema.fields().len();
        if self >= fields {
            bail!(FieldNotFound, "no field at position {self}; there are {fields}, counted from 0");
        }
        Ok(self)
    }
}

impl<T: FieldType> IntoField for Field<T> {
    fn position(self, schema: &Schema) -> Result<usize> {
        let found = schema.fields().binary_search_by_key(&self.offset(), FieldDef::offset);
        let same = |at: &usize| {
            let field = &schema.fields()[*at];
            field.is_nullable() == T::NULLABLE && *field.ty() == T::TYPE
        };
        match found.ok().filter(same) {
            Some(at) if self.fingerprint == schema.fingerprint() => Ok(at),
            _ => Err(self.other_schema(schema)),
        }
    }
}

/// A field resolved once from name to offset. Reading it is one load.
///
/// Made by [`Schema::handle`], which checks that the field has the type `T`. It belongs to that
/// schema and to those equal to it. On a row of any other schema, even one of the same width,
/// [`Row::field`](crate::Row::field) panics, and calls that return a `Result` return an error.
/// [`get`](Field::get) and [`set`](Field::set) get bytes without a schema, so they can check only
/// the width.
///
/// ```
/// use drystone::{Field, Nullable, RowBuf, Schema};
///
/// let schema: Schema = "id: u64 key, x: i32, delay: i16?".parse()?;
/// let x: Field<i32> = schema.handle("x")?;
/// let delay = schema.handle::<Nullable<i16>>("delay")?;
///
/// let mut row = RowBuf::new(&schema);
/// row.set_field(x, -5);
/// assert_eq!(row.field(x), -5);
/// assert!(row.field(delay).is_null());
/// assert!(schema.handle::<i64>("x").is_err());
/// # Ok::<(), drystone::Error>(())
/// ```
pub struct Field<T> {
    // A row has at most 65,535 bytes.
    offset: u16,
    /// The width of the rows that this belongs to.
    row_width: u16,
    /// The fingerprint of the schema that made this.
    fingerprint: u32,
    ty: PhantomData<fn() -> T>,
}

impl<T: FieldType> Field<T> {
    /// The offset of the field in its row, in bytes.
    pub fn offset(&self) -> usize {
        self.offset.into()
    }

    /// The value in these bytes of a row.
    ///
    /// ```
    /// # use drystone::Schema;
    /// let schema: Schema = "id: u16, x: i8".parse()?;
    /// let x = schema.handle::<i8>("x")?;
    /// assert_eq!(x.get(&[7, 0, 0xFF]), -1);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the row does not have the width of the schema that made this handle.
    #[inline]
    pub fn get(&self, row: &[u8]) -> T {
        self.check(row.len());
        pod_read_unaligned(&row[self.offset()..][..size_of::<T>()])
    }

    /// Writes the value into these bytes of a row.
    ///
    /// ```
    /// # use drystone::Schema;
    /// let schema: Schema = "id: u16, x: i8".parse()?;
    /// let x = schema.handle::<i8>("x")?;
    /// let mut bytes = [7, 0, 0];
    /// x.set(&mut bytes, -1);
    /// assert_eq!(bytes, [7, 0, 0xFF]);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Panics
    /// As for [`get`](Field::get).
    #[inline]
    pub fn set(&self, row: &mut [u8], value: T) {
        self.check(row.len());
        row[self.offset()..][..size_of::<T>()].copy_from_slice(bytes_of(&value));
    }

    /// The value in a row of this schema.
    ///
    /// # Panics
    /// If another schema made this handle.
    #[inline]
    pub(super) fn get_in(&self, schema: &Schema, row: &[u8]) -> T {
        self.check_schema(schema);
        pod_read_unaligned(&row[self.offset()..][..size_of::<T>()])
    }

    /// Writes the value into a row of this schema.
    ///
    /// # Panics
    /// If another schema made this handle.
    #[inline]
    pub(super) fn set_in(&self, schema: &Schema, row: &mut [u8], value: T) {
        self.check_schema(schema);
        row[self.offset()..][..size_of::<T>()].copy_from_slice(bytes_of(&value));
    }

    /// Comparing the fingerprint costs no more than comparing the width.
    #[inline]
    fn check_schema(&self, schema: &Schema) {
        if self.fingerprint != schema.fingerprint() {
            self.wrong_schema(schema);
        }
    }

    #[cold]
    fn wrong_schema(&self, schema: &Schema) -> ! {
        panic!("{}", self.other_schema(schema))
    }

    #[cold]
    fn other_schema(&self, schema: &Schema) -> Error {
        let message = format!(
            "the handle {self:?} was made by another schema than ({schema}); make one with Schema::handle"
        );
        Error::new(ErrorKind::FieldNotFound, message)
    }

    #[inline]
    fn check(&self, row: usize) {
        if row != usize::from(self.row_width) {
            self.wrong_row(row);
        }
    }

    #[cold]
    fn wrong_row(&self, row: usize) -> ! {
        panic!("a field handle made for rows of {} bytes was used on a row of {row}", self.row_width)
    }
}

impl Schema {
    /// A handle to the field of this name, as the type `T`: `Nullable<i16>` for `i16?`.
    ///
    /// ```
    /// use drystone::{Nullable, Schema};
    ///
    /// let schema: Schema = "id: u64, delay: i16?".parse()?;
    /// let delay = schema.handle::<Nullable<i16>>("delay")?;
    /// assert_eq!(delay.offset(), 8);
    /// assert!(schema.handle::<i16>("delay").is_err()); // it may be null
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldNotFound`](ErrorKind::FieldNotFound) if there is no such field;
    /// [`Schema`](ErrorKind::Schema) if it has another type.
    pub fn handle<T: FieldType>(&self, name: &str) -> Result<Field<T>> {
        let field = self.field(name)?;
        if field.is_nullable() != T::NULLABLE || *field.ty() != T::TYPE {
            return Err(other_type::<T>(field));
        }
        let (offset, row_width) = (field.offset() as u16, self.width() as u16);
        Ok(Field { offset, row_width, fingerprint: self.fingerprint(), ty: PhantomData })
    }
}

#[cold]
fn other_type<T: FieldType>(field: &FieldDef) -> Error {
    let asked = format!("{}{}", T::TYPE, if T::NULLABLE { "?" } else { "" });
    let way_out = if field.ty() != T::TYPE {
        ""
    } else if field.is_nullable() {
        "; use Nullable<T>"
    } else {
        "; use the type without Nullable"
    };
    let message = format!(
        "field {:?} is of type {}, and was asked for as {asked}{way_out}",
        field.name(),
        field.type_text()
    );
    Error::new(ErrorKind::Schema, message)
}

/// The value of type `T` that begins at this byte of a row.
pub(super) fn at_offset<T: FieldType>(row: &[u8], offset: usize) -> Result<T> {
    match offset.checked_add(size_of::<T>()).and_then(|end| row.get(offset..end)) {
        Some(stored) => Ok(pod_read_unaligned(stored)),
        None => bail!(
            OutOfRange,
            "{} takes {} bytes, and from offset {offset} a row of {} bytes does not have them",
            T::TYPE,
            size_of::<T>(),
            row.len()
        ),
    }
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Field<T> {
        *self
    }
}

impl<T> Copy for Field<T> {}

impl<T> PartialEq for Field<T> {
    fn eq(&self, other: &Field<T>) -> bool {
        (self.offset, self.row_width, self.fingerprint) == (other.offset, other.row_width, other.fingerprint)
    }
}

impl<T> Eq for Field<T> {}

impl<T: FieldType> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let null = if T::NULLABLE { "?" } else { "" };
        write!(f, "Field({}{null} at {} of {})", T::TYPE, self.offset, self.row_width)
    }
}
