//! The Rust types that a field can have, and `Field`: a name resolved once to an offset.

use std::fmt;
use std::marker::PhantomData;

use bytemuck::{Pod, bytes_of, pod_read_unaligned};

use super::{Bool, Date, Enumerated, Enumeration, Nullable, Text, Timestamp, Uuid};
use crate::error::{Error, ErrorKind, Result, fail};
use crate::schema::{EnumNames, FieldDef, Number, Schema, Type};

/// A Rust type that a field of a record can have.
///
/// | field | Rust |
/// |---|---|
/// | `u8` to `u128`, `i8` to `i128`, `f32`, `f64` | the same |
/// | `bool` | [`Bool`] |
/// | `str[N]` | [`Text<N>`](Text) |
/// | `bytes[N]` | `[u8; N]` |
/// | `date`, `timestamp`, `uuid` | [`Date`], [`Timestamp`], [`Uuid`] |
/// | `T[N]` of numbers other than `u8` | `[T; N]` |
/// | `enum[a, b]` | [`Enum<E>`](super::Enum) of an `E` with `#[derive(FieldType)]` |
/// | `T?` | [`Nullable<T>`](Nullable) |
///
/// `#[derive(FieldType)]` on a struct with `#[repr(transparent)]` and one field makes a new type:
/// it is stored, compared and shown like the field in it, and can be a key if that field can.
///
/// ```
/// use drystone::{FieldType, Record};
///
/// #[derive(Clone, Copy, Debug, PartialEq, FieldType)]
/// #[repr(transparent)]
/// struct SymbolId(u32);
///
/// #[derive(Clone, Copy, Record)]
/// #[repr(C, packed)]
/// struct Price {
///     #[record(key)]
///     symbol: SymbolId,
///     price: f64,
/// }
///
/// assert_eq!(Price::schema().to_string(), "symbol: u32 key, price: f64");
/// ```
///
/// No Rust type stands for an array `u8[N]`, since `[u8; N]` is `bytes[N]`. Such a field can be
/// read as a [`Value`](crate::Value).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a record",
    label = "not a type of fixed width that any bytes are a value of",
    note = "a field is a number from u8 to u128, i8 to i128, f32 or f64, an array of them, [u8; N], or drystone's \
            Bool, Text<N>, Date, Timestamp, Uuid, Enum<E> or Nullable<T>",
    note = "a struct of your own around one of them needs #[derive(FieldType)] and #[repr(transparent)]; an enum \
            of your own needs #[derive(FieldType)] and stands in the record as Enum<{Self}>"
)]
pub trait FieldType: Pod + Send + Sync + sealed::Sealed {
    /// The type of the field.
    const TYPE: Type;
    /// Whether the field may be null.
    const NULLABLE: bool;
}

/// A [`FieldType`] with a value that is reserved for null, so that it can be [`Nullable`]: all but
/// `Nullable` itself.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be nullable")]
pub trait NullValue: FieldType {
    /// The value that means null in a nullable field.
    const RESERVED: Self;

    /// Whether this is the value that means null.
    ///
    /// ```
    /// use drystone::{NullValue, Text};
    ///
    /// assert!(i16::MIN.is_reserved() && !0_i16.is_reserved());
    /// assert!(!Text::<2>::lit("UA").is_reserved());
    /// ```
    fn is_reserved(&self) -> bool {
        bytes_of(self) == bytes_of(&Self::RESERVED)
    }
}

/// Public so that the code which `#[derive(FieldType)]` writes can name it.
pub(super) mod sealed {
    /// A type that can be a field. Only the library and the derive implement it.
    pub trait Sealed {}
}

macro_rules! field_type {
    ([$($generics:tt)*] $rust:ty, $ty:expr, $reserved:expr) => {
        impl<$($generics)*> sealed::Sealed for $rust {}
        impl<$($generics)*> FieldType for $rust {
            const TYPE: Type = $ty;
            const NULLABLE: bool = false;
        }
        impl<$($generics)*> NullValue for $rust {
            const RESERVED: $rust = $reserved;
        }
    };
}

macro_rules! numbers {
    ($($rust:ident $number:ident $reserved:expr;)*) => {$(
        field_type!([] $rust, Type::$number, $reserved);
    )*};
}

macro_rules! arrays {
    ($($rust:ident $number:ident)*) => {$(
        field_type!([const N: usize] [$rust; N], Type::Array(Number::$number, length::<N>()), [$rust::RESERVED; N]);
    )*};
}

numbers! {
    u8 U8 u8::MAX; u16 U16 u16::MAX; u32 U32 u32::MAX; u64 U64 u64::MAX; u128 U128 u128::MAX;
    i8 I8 i8::MIN; i16 I16 i16::MIN; i32 I32 i32::MIN; i64 I64 i64::MIN; i128 I128 i128::MIN;
    f32 F32 f32::from_bits(u32::MAX); f64 F64 f64::from_bits(u64::MAX);
}
arrays! { u16 U16 u32 U32 u64 U64 u128 U128 i8 I8 i16 I16 i32 I32 i64 I64 i128 I128 f32 F32 f64 F64 }
field_type!([const N: usize] [u8; N], Type::Bytes(length::<N>()), [0xFF; N]);
field_type!([] Bool, Type::Bool, Bool::RESERVED);
field_type!([] Date, Type::Date, Date::from_days(i32::MIN));
field_type!([] Timestamp, Type::Timestamp, Timestamp::from_micros(i64::MIN));
field_type!([] Uuid, Type::Uuid, Uuid::from_bytes([0xFF; 16]));

impl<const N: usize> sealed::Sealed for Text<N> {}
impl<const N: usize> FieldType for Text<N> {
    const TYPE: Type = Type::Str(length::<N>());
    const NULLABLE: bool = false;
}
impl<const N: usize> NullValue for Text<N> {
    const RESERVED: Text<N> = Text::RESERVED;

    fn is_reserved(&self) -> bool {
        self.as_bytes().first() == Some(&0xFF)
    }
}

impl<E: Enumeration> sealed::Sealed for Enumerated<E::Repr, PhantomData<E>> {}
impl<E: Enumeration> FieldType for Enumerated<E::Repr, PhantomData<E>> {
    const TYPE: Type = Type::Enum(EnumNames::fixed(E::NAMES));
    const NULLABLE: bool = false;
}
impl<E: Enumeration> NullValue for Enumerated<E::Repr, PhantomData<E>> {
    const RESERVED: Self = Enumerated::<E::Repr, PhantomData<E>>::RESERVED;
}

impl<T: NullValue> sealed::Sealed for Nullable<T> {}
impl<T: NullValue> FieldType for Nullable<T> {
    const TYPE: Type = T::TYPE;
    const NULLABLE: bool = true;
}

/// `N` as the length of a type. An invalid length is a compile error.
const fn length<const N: usize>() -> u16 {
    assert!(N >= 1 && N <= u16::MAX as usize, "the length of a field goes from 1 to 65535");
    N as u16
}

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
            fail!(FieldNotFound, "no field at position {self}; there are {fields}, counted from 0");
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
    /// Of the schema that made this.
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
        None => fail!(
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
