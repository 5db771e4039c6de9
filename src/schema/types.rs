//! The types a field can have: their widths, their names in text, and their codes in the file.

use std::fmt;

use super::EnumNames;
use super::words::write_word;
use crate::error::{Result, bail};
use crate::order::Scalar;

/// The type of a field. Every type has a fixed width. Values are stored little-endian and
/// unaligned.
///
/// The text form is what [`Display`](fmt::Display) prints and [`FromStr`](std::str::FromStr) reads:
///
/// ```
/// use drystone::{Number, Type};
///
/// assert_eq!("f32[128]".parse::<Type>()?, Type::Array(Number::F32, 128));
/// assert_eq!(Type::Str(2).to_string(), "str[2]");
/// assert_eq!(Type::Array(Number::F32, 128).width(), 512);
/// # Ok::<(), drystone::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `bool`: one byte, 0 or 1.
    Bool,
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `u128`
    U128,
    /// `i8`
    I8,
    /// `i16`
    I16,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `i128`
    I128,
    /// `f32`: IEEE 754, single precision.
    F32,
    /// `f64`: IEEE 754, double precision.
    F64,
    /// `str[N]`: UTF-8 of at most N bytes, padded with zero bytes.
    Str(u16),
    /// `bytes[N]`: exactly N bytes.
    Bytes(u16),
    /// `date`: days since 1970-01-01 in the proleptic Gregorian calendar, as an `i32`.
    Date,
    /// `timestamp`: microseconds since 1970-01-01T00:00:00Z, as an `i64`.
    Timestamp,
    /// `uuid`: 16 bytes in the order in which they are written.
    Uuid,
    /// `T[N]`: N numbers side by side.
    Array(Number, u16),
    /// `enum[buy, sell]`: the position of one of these names, in one byte or two.
    Enum(EnumNames),
}

/// The types of the elements of an array.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `u128`
    U128,
    /// `i8`
    I8,
    /// `i16`
    I16,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `i128`
    I128,
    /// `f32`
    F32,
    /// `f64`
    F64,
}

/// Evaluates one expression for the Rust type of a [`Number`]: the first one for a whole number,
/// with `$T` as its type, or the one of the float.
macro_rules! for_number {
    (@ $number:expr, $T:ident => $whole:expr, $single:expr, $double:expr; $($name:ident $rust:ident),*) => {
        match $number {
            $($crate::schema::Number::$name => {
                type $T = $rust;
                $whole
            })*
            $crate::schema::Number::F32 => $single,
            $crate::schema::Number::F64 => $double,
        }
    };
    ($number:expr, $T:ident => $whole:expr, f32 => $single:expr, f64 => $double:expr) => {
        $crate::schema::for_number!(@ $number, $T => $whole, $single, $double;
            U8 u8, U16 u16, U32 u32, U64 u64, U128 u128, I8 i8, I16 i16, I32 i32, I64 i64, I128 i128)
    };
}

pub(crate) use for_number;

/// Every type without a length, with its name.
const PLAIN: [(&str, Type); 16] = [
    ("bool", Type::Bool),
    ("u8", Type::U8),
    ("u16", Type::U16),
    ("u32", Type::U32),
    ("u64", Type::U64),
    ("u128", Type::U128),
    ("i8", Type::I8),
    ("i16", Type::I16),
    ("i32", Type::I32),
    ("i64", Type::I64),
    ("i128", Type::I128),
    ("f32", Type::F32),
    ("f64", Type::F64),
    ("date", Type::Date),
    ("timestamp", Type::Timestamp),
    ("uuid", Type::Uuid),
];

impl Type {
    /// The width of a stored value, in bytes.
    ///
    /// ```
    /// use drystone::Type;
    ///
    /// assert_eq!((Type::Timestamp.width(), Type::Str(20).width()), (8, 20));
    /// ```
    #[inline]
    pub const fn width(&self) -> usize {
        match self {
            Type::Bool | Type::U8 | Type::I8 => 1,
            Type::U16 | Type::I16 => 2,
            Type::U32 | Type::I32 | Type::F32 | Type::Date => 4,
            Type::U64 | Type::I64 | Type::F64 | Type::Timestamp => 8,
            Type::U128 | Type::I128 | Type::Uuid => 16,
            Type::Str(length) | Type::Bytes(length) => *length as usize,
            Type::Array(number, length) => number.width() * *length as usize,
            Type::Enum(names) => names.width(),
        }
    }

    /// Whether this is a single number: `u8` to `f64`.
    pub const fn is_number(&self) -> bool {
        self.number().is_some()
    }

    /// Whether a field of this type can be part of a key: all but arrays.
    pub const fn can_be_key(&self) -> bool {
        !matches!(self, Type::Array(..))
    }

    /// How values of this type order; `None` for arrays, which have no order.
    pub(crate) const fn scalar(&self) -> Option<Scalar> {
        let width = self.width();
        Some(match self {
            Type::Bool | Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::U128 | Type::Enum(_) => {
                Scalar::Unsigned(width)
            }
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 | Type::Date | Type::Timestamp => {
                Scalar::Signed(width)
            }
            Type::F32 | Type::F64 => Scalar::Float(width),
            Type::Str(_) | Type::Bytes(_) | Type::Uuid => Scalar::Bytes(width),
            Type::Array(..) => return None,
        })
    }

    /// This type as a number, if it is one.
    ///
    /// ```
    /// use drystone::{Number, Type};
    ///
    /// assert_eq!(Type::I16.number(), Some(Number::I16));
    /// assert_eq!(Type::Date.number(), None);
    /// ```
    pub const fn number(&self) -> Option<Number> {
        Some(match self {
            Type::U8 => Number::U8,
            Type::U16 => Number::U16,
            Type::U32 => Number::U32,
            Type::U64 => Number::U64,
            Type::U128 => Number::U128,
            Type::I8 => Number::I8,
            Type::I16 => Number::I16,
            Type::I32 => Number::I32,
            Type::I64 => Number::I64,
            Type::I128 => Number::I128,
            Type::F32 => Number::F32,
            Type::F64 => Number::F64,
            _ => return None,
        })
    }

    /// The three numbers that identify this type in a file: type code, element code of an array,
    /// length.
    ///
    /// | code | type | code | type | code | type | code | type |
    /// |---|---|---|---|---|---|---|---|
    /// | 1 | `bool` | 6 | `u128` | 11 | `i128` | 16 | `date` |
    /// | 2 | `u8` | 7 | `i8` | 12 | `f32` | 17 | `timestamp` |
    /// | 3 | `u16` | 8 | `i16` | 13 | `f64` | 18 | `uuid` |
    /// | 4 | `u32` | 9 | `i32` | 14 | `str[length]` | 19 | `element[length]` |
    /// | 5 | `u64` | 10 | `i64` | 15 | `bytes[length]` | 20 | `enum[…]` |
    ///
    /// The element code is the code of a number (2 to 13), and 0 for types that are not arrays. The
    /// length is 0 for types without one. The length of an enumeration is the number of its names,
    /// with 0 for 65,536. These numbers never change.
    ///
    /// ```
    /// use drystone::{Number, Type};
    ///
    /// assert_eq!(Type::Str(20).code(), (14, 0, 20));
    /// assert_eq!(Type::Array(Number::F32, 3).code(), (19, 12, 3));
    /// ```
    pub const fn code(&self) -> (u8, u8, u16) {
        match self {
            Type::Bool => (1, 0, 0),
            Type::U8 => (2, 0, 0),
            Type::U16 => (3, 0, 0),
            Type::U32 => (4, 0, 0),
            Type::U64 => (5, 0, 0),
            Type::U128 => (6, 0, 0),
            Type::I8 => (7, 0, 0),
            Type::I16 => (8, 0, 0),
            Type::I32 => (9, 0, 0),
            Type::I64 => (10, 0, 0),
            Type::I128 => (11, 0, 0),
            Type::F32 => (12, 0, 0),
            Type::F64 => (13, 0, 0),
            Type::Str(length) => (14, 0, *length),
            Type::Bytes(length) => (15, 0, *length),
            Type::Date => (16, 0, 0),
            Type::Timestamp => (17, 0, 0),
            Type::Uuid => (18, 0, 0),
            Type::Array(number, length) => (19, number.code(), *length),
            Type::Enum(names) => (Type::ENUM_CODE, 0, names.len() as u16),
        }
    }

    /// The type code of enumerations.
    pub(crate) const ENUM_CODE: u8 = 20;

    /// The type for which [`code`](Type::code) returns these numbers.
    ///
    /// ```
    /// use drystone::Type;
    ///
    /// assert_eq!(Type::from_code(14, 0, 20)?, Type::Str(20));
    /// assert!(Type::from_code(99, 0, 0).is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if no type has them, and for an enumeration, since
    /// they do not contain its names.
    pub fn from_code(code: u8, element: u8, length: u16) -> Result<Type> {
        let ty = match (code, element, length) {
            (14, 0, 1..) => Type::Str(length),
            (15, 0, 1..) => Type::Bytes(length),
            (19, 2..=13, 1..) => match Type::from_code(element, 0, 0)?.number() {
                Some(number) => Type::Array(number, length),
                None => bail!(Corrupt, "type code 19 with element code {element}, which is no number"),
            },
            (Type::ENUM_CODE, 0, _) => bail!(Corrupt, "the names of an enumeration are missing"),
            (_, 0, 0) => match PLAIN.iter().find(|(_, ty)| ty.code().0 == code) {
                Some((_, ty)) => ty.clone(),
                None => bail!(Corrupt, "type code {code} is unknown"),
            },
            _ => {
                bail!(Corrupt, "type code {code} with element code {element} and length {length} is no type")
            }
        };
        Ok(ty)
    }

    /// The type with this name, if it is one without a length.
    pub(super) fn plain(name: &str) -> Option<Type> {
        PLAIN.iter().find(|(plain, _)| *plain == name).map(|(_, ty)| ty.clone())
    }

    /// All names that the text form knows, for the messages of its errors.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        PLAIN.iter().map(|(name, _)| *name).chain(["str", "bytes", "enum"])
    }
}

impl From<&Type> for Type {
    fn from(ty: &Type) -> Type {
        ty.clone()
    }
}

impl PartialEq<Type> for &Type {
    fn eq(&self, other: &Type) -> bool {
        *self == other
    }
}

impl Number {
    /// The type code.
    const fn code(self) -> u8 {
        match self {
            Number::U8 => 2,
            Number::U16 => 3,
            Number::U32 => 4,
            Number::U64 => 5,
            Number::U128 => 6,
            Number::I8 => 7,
            Number::I16 => 8,
            Number::I32 => 9,
            Number::I64 => 10,
            Number::I128 => 11,
            Number::F32 => 12,
            Number::F64 => 13,
        }
    }

    /// The width of one number, in bytes.
    pub const fn width(self) -> usize {
        match self {
            Number::U8 | Number::I8 => 1,
            Number::U16 | Number::I16 => 2,
            Number::U32 | Number::I32 | Number::F32 => 4,
            Number::U64 | Number::I64 | Number::F64 => 8,
            Number::U128 | Number::I128 => 16,
        }
    }

    /// The type of a field that holds one number of this type.
    ///
    /// ```
    /// use drystone::{Number, Type};
    ///
    /// assert_eq!(Number::F32.as_type(), Type::F32);
    /// ```
    pub const fn as_type(self) -> Type {
        match self {
            Number::U8 => Type::U8,
            Number::U16 => Type::U16,
            Number::U32 => Type::U32,
            Number::U64 => Type::U64,
            Number::U128 => Type::U128,
            Number::I8 => Type::I8,
            Number::I16 => Type::I16,
            Number::I32 => Type::I32,
            Number::I64 => Type::I64,
            Number::I128 => Type::I128,
            Number::F32 => Type::F32,
            Number::F64 => Type::F64,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Str(length) => write!(f, "str[{length}]"),
            Type::Bytes(length) => write!(f, "bytes[{length}]"),
            Type::Array(number, length) => write!(f, "{number}[{length}]"),
            Type::Enum(names) => {
                for (at, name) in names.iter().enumerate() {
                    f.write_str(if at == 0 { "enum[" } else { ", " })?;
                    write_word(name, f)?;
                }
                f.write_str("]")
            }
            plain => match PLAIN.iter().find(|(_, ty)| ty == plain) {
                Some((name, _)) => f.pad(name),
                None => Err(fmt::Error),
            },
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_type().fmt(f)
    }
}
