//! The Rust types that a field can have, and the value of each that is reserved for null.

use bytemuck::{Pod, bytes_of};

use super::{Bool, Date, Text, Timestamp, Uuid};
use crate::schema::{Number, Type};

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
/// | `T?` | [`Nullable<T>`](crate::Nullable) |
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

/// A [`FieldType`] with a value that is reserved for null, so that it can be
/// [`Nullable`](crate::Nullable): all but `Nullable` itself.
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

/// `N` as the length of a type. An invalid length is a compile error.
const fn length<const N: usize>() -> u16 {
    assert!(N >= 1 && N <= u16::MAX as usize, "the length of a field goes from 1 to 65535");
    N as u16
}
