//! `Column`: a field of a row, by name, or by byte offset and type.

use std::fmt;

use super::expr::Expr;
use super::literal::quoted_name;
use super::order::Order;
use super::predicate::{Check, Op, Operand, Predicate};
use crate::error::{Result, fail};
use crate::record::{FieldType, Value};
use crate::schema::{FieldDef, Schema, Type};

/// A field of the rows, by name, or by byte offset and type. Made by [`col`] and [`at`]. Comparing
/// it gives a [`Predicate`].
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

    /// True if the field is equal to a value or to another field. As in SQL, a comparison with null
    /// is neither true nor false: see [`Predicate`].
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("carrier").eq("UA").to_string(), "carrier = 'UA'");
    /// assert_eq!(col("delay").eq(col("arr_delay")).to_string(), "delay = arr_delay");
    /// ```
    pub fn eq(self, value: impl Into<Operand>) -> Predicate {
        self.compare(Op::Equal, value)
    }

    /// True if the field differs from a value or another field.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("carrier").ne("UA").to_string(), "carrier != 'UA'");
    /// ```
    pub fn ne(self, value: impl Into<Operand>) -> Predicate {
        self.compare(Op::NotEqual, value)
    }

    /// True if the field is less than a value or another field.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").lt(60).to_string(), "delay < 60");
    /// ```
    pub fn lt(self, value: impl Into<Operand>) -> Predicate {
        self.compare(Op::Less, value)
    }

    /// True if the field is at most a value or another field.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").le(60).to_string(), "delay <= 60");
    /// ```
    pub fn le(self, value: impl Into<Operand>) -> Predicate {
        self.compare(Op::LessOrEqual, value)
    }

    /// True if the field is greater than a value or another field.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").gt(60).to_string(), "delay > 60");
    /// ```
    pub fn gt(self, value: impl Into<Operand>) -> Predicate {
        self.compare(Op::Greater, value)
    }

    /// True if the field is at least a value or another field.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").ge(60).to_string(), "delay >= 60");
    /// ```
    pub fn ge(self, value: impl Into<Operand>) -> Predicate {
        self.compare(Op::GreaterOrEqual, value)
    }

    /// True if the field is at least `low` and at most `high`.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").between(10, 20).to_string(), "delay between 10 and 20");
    /// ```
    pub fn between<'a, 'b>(self, low: impl Into<Value<'a>>, high: impl Into<Value<'b>>) -> Predicate {
        Predicate::test(self, Check::Between([low.into().into_owned(), high.into().into_owned()]))
    }

    /// True if the field is one of these values.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("carrier").is_in(["UA", "AA"]).to_string(), "carrier in ('UA', 'AA')");
    /// ```
    pub fn is_in<'v, V: Into<Value<'v>>>(self, values: impl IntoIterator<Item = V>) -> Predicate {
        let values = values.into_iter().map(|value| value.into().into_owned()).collect();
        Predicate::test(self, Check::In(values))
    }

    /// True if the field is null.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").is_null().to_string(), "delay is null");
    /// ```
    pub fn is_null(self) -> Predicate {
        Predicate::test(self, Check::Null)
    }

    /// True if the field is not null.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").is_not_null().to_string(), "delay is not null");
    /// ```
    pub fn is_not_null(self) -> Predicate {
        !self.is_null()
    }

    /// True if the field, text or bytes, begins with `prefix`.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("tail").starts_with("N1").to_string(), "tail starts with 'N1'");
    /// ```
    pub fn starts_with<'v>(self, prefix: impl Into<Value<'v>>) -> Predicate {
        Predicate::test(self, Check::StartsWith(prefix.into().into_owned()))
    }

    /// The field with another name in the result: `carrier as airline` in text.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("carrier").named("airline").to_string(), "carrier as airline");
    /// ```
    pub fn named(self, name: impl Into<String>) -> Expr {
        Expr::from(self).named(name)
    }

    /// Sorts by this, in ascending order.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").asc(), "delay".parse()?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn asc(self) -> Order {
        self.into()
    }

    /// Sorts by this, in descending order.
    ///
    /// ```
    /// use drystone::query::col;
    ///
    /// assert_eq!(col("delay").desc(), "-delay".parse()?);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    pub fn desc(self) -> Order {
        self.asc().descending()
    }

    fn compare(self, op: Op, value: impl Into<Operand>) -> Predicate {
        Predicate::test(self, Check::Compare(op, value.into()))
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
                    fail!(OutOfRange, "{self}: a row has {} bytes", schema.width());
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
