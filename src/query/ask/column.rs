//! `Column`: a field of a row, by name, or by byte offset and type.

use std::fmt;

use super::literal::quoted_name;
use crate::error::{Result, bail};
use crate::record::FieldType;
use crate::schema::{FieldDef, Schema, Type};

/// A field of the rows, by name, or by byte offset and type. Made by [`col`] and [`at`]. Comparing
/// it gives a [`Predicate`](super::predicate::Predicate).
///
/// Its text form is the name, in back quotes if it is not a plain word, or `at(12, i16)`.
///
/// ```
/// use drystone::query::{at, col, Column};
///
/// assert_eq!(col("dep_delay").gt(60).to_string(), "dep_delay > 60");
/// assert_eq!(at::<i16>(12).gt(60).to_string(), "at(12, i16) > 60");
/// assert_eq!("at(12, i16)".parse::<Column>()?, at::<i16>(12));
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Column(Name);

#[derive(Clone, Debug, PartialEq)]
enum Name {
    Field(String),
    At { offset: usize, ty: Type, nullable: bool },
}

/// The field of this name.
///
/// ```
/// use drystone::query::col;
///
/// assert_eq!(col("dep_delay").gt(60), "dep_delay > 60".parse()?);
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn col(name: impl Into<String>) -> Column {
    Column(Name::Field(name.into()))
}

/// The value of type `T` that begins at this byte of the row. The schema is not consulted. With
/// `Nullable<T>` it may be null.
///
/// ```
/// use drystone::Nullable;
/// use drystone::query::at;
///
/// assert_eq!(at::<i16>(12).gt(60).to_string(), "at(12, i16) > 60");
/// assert_eq!(at::<Nullable<i16>>(12).is_null().to_string(), "at(12, i16?) is null");
/// # Ok::<(), drystone::Error>(())
/// ```
pub fn at<T: FieldType>(offset: usize) -> Column {
    Column(Name::At { offset, ty: T::TYPE, nullable: T::NULLABLE })
}

/// A column in a schema: where it lies, and what it is.
#[derive(Clone, Debug)]
pub(in crate::query) struct Place {
    /// Its name and type. The offset of this field has no meaning: the field may belong to no
    /// schema.
    pub(in crate::query) field: FieldDef,
    pub(in crate::query) offset: usize,
}

impl Place {
    pub(in crate::query) fn width(&self) -> usize {
        self.field.width()
    }

    /// Whether these are the same bytes, read in the same way.
    pub(in crate::query) fn is_same(&self, other: &Place) -> bool {
        self.offset == other.offset
            && self.field.ty() == other.field.ty()
            && self.field.is_nullable() == other.field.is_nullable()
    }
}

impl Column {
    /// The value that begins at this byte, with a type that is known only at run time. It is never
    /// null.
    ///
    /// ```
    /// use drystone::Type;
    /// use drystone::query::{Column, at};
    ///
    /// assert_eq!(Column::at_offset(12, Type::I16), at::<i16>(12));
    /// ```
    pub fn at_offset(offset: usize, ty: impl Into<Type>) -> Column {
        Column(Name::At { offset, ty: ty.into(), nullable: false })
    }

    /// The value that begins at this byte, with a type that is known only at run time. It may be
    /// null.
    ///
    /// ```
    /// use drystone::query::{Column, at};
    /// use drystone::{Nullable, Type};
    ///
    /// assert_eq!(Column::nullable_at_offset(12, Type::I16), at::<Nullable<i16>>(12));
    /// ```
    pub fn nullable_at_offset(offset: usize, ty: impl Into<Type>) -> Column {
        Column(Name::At { offset, ty: ty.into(), nullable: true })
    }

    /// Where this is in rows of a schema.
    pub(in crate::query) fn place(&self, schema: &Schema) -> Result<Place> {
        match &self.0 {
            Name::Field(name) => {
                let field = schema.field(name)?;
                let offset = field.offset();
                let field = FieldDef::of(name, field.ty(), field.is_nullable(), false)?;
                Ok(Place { field, offset })
            }
            Name::At { offset, ty, nullable } => {
                let field = FieldDef::of(&self.to_string(), ty, *nullable, false)?;
                if offset.checked_add(ty.width()).is_none_or(|end| end > schema.width()) {
                    bail!(OutOfRange, "{self}: a row has {} bytes", schema.width());
                }
                Ok(Place { field, offset: *offset })
            }
        }
    }

    /// The name of the field, or its text form.
    pub(in crate::query) fn name(&self) -> String {
        match &self.0 {
            Name::Field(name) => name.clone(),
            Name::At { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Field(name) => f.write_str(&quoted_name(name)),
            Name::At { offset, ty, nullable } => {
                write!(f, "at({offset}, {ty}{})", if *nullable { "?" } else { "" })
            }
        }
    }
}

impl From<&str> for Column {
    /// The field of this name.
    fn from(name: &str) -> Column {
        col(name)
    }
}

impl From<String> for Column {
    /// The field of this name.
    fn from(name: String) -> Column {
        col(name)
    }
}

impl From<&String> for Column {
    /// The field of this name.
    fn from(name: &String) -> Column {
        col(name)
    }
}
