//! `Value`: a value whose type is known only at run time.

use std::borrow::Cow;
use std::fmt;

use super::{Bool, Date, NullValue, Nullable, Text, Timestamp, Uuid};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::digits::{write_f32, write_f64};
use crate::schema::shown;
use crate::schema::text::write_bytes;

/// A value of a field whose type is known only at run time. Text and bytes are borrowed from the
/// row if possible.
///
/// Use [`From`] to make one from the usual Rust types (`None` is null), and [`TryFrom`], a `match`
/// or the methods that begin with `as_` to take it apart. Two whole numbers are equal if they are
/// the same number, signed or unsigned; two floats likewise.
///
/// ```
/// use drystone::{RowBuf, Schema, Value};
///
/// let schema: Schema = "id: u64, carrier: str[2], delay: i16?".parse()?;
/// let row = RowBuf::from_values(&schema, [Value::from(7), "UA".into(), None::<i16>.into()])?;
/// assert_eq!(row.get("id")?, 7);
/// assert_eq!(row.get("carrier")?, "UA");
/// assert!(row.get("delay")?.is_null());
/// assert_eq!(u32::try_from(row.get("id")?)?, 7);
/// # Ok::<(), drystone::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// Of a `bool` field.
    Bool(bool),
    /// Of a field `u8` to `u128`.
    Unsigned(u128),
    /// Of a field `i8` to `i128`.
    Signed(i128),
    /// Of an `f32` field.
    F32(f32),
    /// Of an `f64` field.
    F64(f64),
    /// Of a `str[N]` field, or the name of an enumeration's value.
    Text(Cow<'a, str>),
    /// Of a `bytes[N]` field.
    Bytes(Cow<'a, [u8]>),
    /// Of a `date` field.
    Date(Date),
    /// Of a `timestamp` field.
    Timestamp(Timestamp),
    /// Of a `uuid` field.
    Uuid(Uuid),
    /// Of an array field: numbers.
    Array(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The truth value, if it is one.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// assert_eq!(Value::from(true).as_bool(), Some(true));
    /// assert_eq!(Value::from(1).as_bool(), None);
    /// ```
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self { Some(*value) } else { None }
    }

    /// The whole number, if it is one and an `i64` can hold it.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// assert_eq!(Value::from(7_u8).as_i64(), Some(7));
    /// assert_eq!(Value::from(u64::MAX).as_i64(), None);
    /// ```
    pub fn as_i64(&self) -> Option<i64> {
        i64::try_from(self.as_i128()?).ok()
    }

    /// The whole number, if it is one and a `u64` can hold it.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// assert_eq!(Value::from(7_i8).as_u64(), Some(7));
    /// assert_eq!(Value::from(-7).as_u64(), None);
    /// ```
    pub fn as_u64(&self) -> Option<u64> {
        u64::try_from(self.as_u128()?).ok()
    }

    /// The whole number, if it is one and an `i128` can hold it.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// assert_eq!(Value::from(-7).as_i128(), Some(-7));
    /// ```
    pub fn as_i128(&self) -> Option<i128> {
        match self {
            Value::Signed(number) => Some(*number),
            Value::Unsigned(number) => i128::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The whole number, if it is one and a `u128` can hold it.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// assert_eq!(Value::from(u128::MAX).as_u128(), Some(u128::MAX));
    /// ```
    pub fn as_u128(&self) -> Option<u128> {
        match self {
            Value::Signed(number) => u128::try_from(*number).ok(),
            Value::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, when it is a float or a whole number; the latter rounded to the nearest `f64`.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// assert_eq!(Value::from(0.5_f32).as_f64(), Some(0.5));
    /// assert_eq!(Value::from("0.5").as_f64(), None);
    /// ```
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::F32(number) => Some((*number).into()),
            Value::F64(number) => Some(*number),
            Value::Signed(number) => Some(*number as f64),
            Value::Unsigned(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// The text, if it is one.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// assert_eq!(Value::from("UA").as_str(), Some("UA"));
    /// assert_eq!(Value::Null.as_str(), None);
    /// ```
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    /// The bytes, if it is bytes.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// assert_eq!(Value::from([1_u8, 2]).as_bytes(), Some(&[1, 2][..]));
    /// ```
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The value as a `T`, or `None` if it is null.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// assert_eq!(Value::from(7).optional::<i16>()?, Some(7));
    /// assert_eq!(Value::Null.optional::<i16>()?, None);
    /// assert!(Value::from("seven").optional::<i16>().is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if it is neither a `T` nor null.
    pub fn optional<T: TryFrom<Value<'a>, Error = Error>>(self) -> Result<Option<T>> {
        if self.is_null() { Ok(None) } else { T::try_from(self).map(Some) }
    }

    /// The same value, owned.
    ///
    /// ```
    /// use drystone::Value;
    ///
    /// let owned: Value<'static> = {
    ///     let text = String::from("UA");
    ///     Value::from(text.as_str()).into_owned()
    /// };
    /// assert_eq!(owned, "UA");
    /// ```
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Unsigned(number) => Value::Unsigned(number),
            Value::Signed(number) => Value::Signed(number),
            Value::F32(number) => Value::F32(number),
            Value::F64(number) => Value::F64(number),
            Value::Text(text) => Value::Text(text.into_owned().into()),
            Value::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
            Value::Date(date) => Value::Date(date),
            Value::Timestamp(moment) => Value::Timestamp(moment),
            Value::Uuid(uuid) => Value::Uuid(uuid),
            Value::Array(elements) => Value::Array(elements.into_iter().map(Value::into_owned).collect()),
        }
    }

    /// What kind of value this is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a bool",
            Value::Unsigned(_) | Value::Signed(_) => "a whole number",
            Value::F32(_) | Value::F64(_) => "a float",
            Value::Text(_) => "a text",
            Value::Bytes(_) => "bytes",
            Value::Date(_) => "a date",
            Value::Timestamp(_) => "a timestamp",
            Value::Uuid(_) => "a uuid",
            Value::Array(_) => "an array",
        }
    }

    #[cold]
    pub(super) fn not_a(&self, wanted: &str) -> Error {
        let message = format!("{} ({}) is not a valid {wanted}", shown(&self.to_string()), self.kind());
        Error::new(ErrorKind::Value, message)
    }
}

/// The text that [`write_text`](crate::FieldDef::write_text) writes, and `null` for null.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.pad("null"),
            Value::Bool(value) => value.fmt(f),
            Value::Unsigned(number) => number.fmt(f),
            Value::Signed(number) => number.fmt(f),
            Value::F32(number) => write_f32(*number, f),
            Value::F64(number) => write_f64(*number, f),
            Value::Text(text) => f.pad(text),
            Value::Bytes(bytes) => write_bytes(bytes, f),
            Value::Date(date) => date.fmt(f),
            Value::Timestamp(moment) => moment.fmt(f),
            Value::Uuid(uuid) => uuid.fmt(f),
            Value::Array(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if at == 0 { "[" } else { ", " })?;
                }
                f.write_str(if elements.is_empty() { "[]" } else { "]" })
            }
        }
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Unsigned(a), Value::Unsigned(b)) => a == b,
            (Value::Signed(a), Value::Signed(b)) => a == b,
            (Value::Unsigned(a), Value::Signed(b)) | (Value::Signed(b), Value::Unsigned(a)) => {
                u128::try_from(*b) == Ok(*a)
            }
            (Value::F32(a), Value::F32(b)) => a == b,
            (Value::F64(a), Value::F64(b)) => a == b,
            (Value::F32(a), Value::F64(b)) | (Value::F64(b), Value::F32(a)) => f64::from(*a) == *b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Date(a), Value::Date(b)) => a == b,
            (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Value::Uuid(a), Value::Uuid(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            _ => false,
        }
    }
}

/// `From`, `TryFrom` and `PartialEq` for types that are one variant each.
macro_rules! one_to_one {
    ($($rust:ty, $variant:ident as $wide:ty;)*) => {$(
        impl From<$rust> for Value<'_> {
            fn from(value: $rust) -> Self {
                Value::$variant(value as $wide)
            }
        }

        impl PartialEq<$rust> for Value<'_> {
            fn eq(&self, other: &$rust) -> bool {
                *self == Value::$variant(*other as $wide)
            }
        }

        impl<const N: usize> From<[$rust; N]> for Value<'_> {
            fn from(elements: [$rust; N]) -> Self {
                Value::Array(elements.into_iter().map(Value::from).collect())
            }
        }

        impl From<&[$rust]> for Value<'_> {
            fn from(elements: &[$rust]) -> Self {
                Value::Array(elements.iter().copied().map(Value::from).collect())
            }
        }
    )*};
}

one_to_one! {
    u16, Unsigned as u128; u32, Unsigned as u128; u64, Unsigned as u128; u128, Unsigned as u128; usize, Unsigned as u128;
    i8, Signed as i128; i16, Signed as i128; i32, Signed as i128; i64, Signed as i128; i128, Signed as i128;
    isize, Signed as i128;
    f32, F32 as f32; f64, F64 as f64;
}

macro_rules! whole {
    ($($rust:ident)*) => {$(
        impl TryFrom<Value<'_>> for $rust {
            type Error = Error;

            fn try_from(value: Value<'_>) -> Result<$rust> {
                let number = match value {
                    Value::Unsigned(number) => $rust::try_from(number).ok(),
                    Value::Signed(number) => $rust::try_from(number).ok(),
                    _ => None,
                };
                number.ok_or_else(|| value.not_a(stringify!($rust)))
            }
        }
    )*};
}

whole! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

impl From<u8> for Value<'_> {
    fn from(number: u8) -> Self {
        Value::Unsigned(number.into())
    }
}

impl PartialEq<u8> for Value<'_> {
    fn eq(&self, other: &u8) -> bool {
        *self == Value::Unsigned((*other).into())
    }
}

/// Conversions from a type into its variant, and from a value into the type or an error.
macro_rules! variant {
    ($($rust:ty, $variant:ident, $name:literal;)*) => {$(
        impl TryFrom<Value<'_>> for $rust {
            type Error = Error;

            fn try_from(value: Value<'_>) -> Result<$rust> {
                if let Value::$variant(inner) = value { Ok(inner.into()) } else { Err(value.not_a($name)) }
            }
        }
    )*};
}

variant! {
    bool, Bool, "bool"; Bool, Bool, "bool";
    Date, Date, "date"; Timestamp, Timestamp, "timestamp"; Uuid, Uuid, "uuid";
    String, Text, "text"; Vec<u8>, Bytes, "bytes";
}

impl TryFrom<Value<'_>> for f64 {
    type Error = Error;

    /// Converts floats only. Convert a whole number to an integer type first.
    fn try_from(value: Value<'_>) -> Result<f64> {
        match value {
            Value::F32(number) => Ok(number.into()),
            Value::F64(number) => Ok(number),
            _ => Err(value.not_a("f64")),
        }
    }
}

impl TryFrom<Value<'_>> for f32 {
    type Error = Error;

    /// Of `f32` only: an `f64` would lose digits.
    fn try_from(value: Value<'_>) -> Result<f32> {
        if let Value::F32(number) = value { Ok(number) } else { Err(value.not_a("f32")) }
    }
}

impl<'a> TryFrom<Value<'a>> for Cow<'a, str> {
    type Error = Error;

    fn try_from(value: Value<'a>) -> Result<Cow<'a, str>> {
        if let Value::Text(text) = value { Ok(text) } else { Err(value.not_a("text")) }
    }
}

impl<const N: usize> TryFrom<Value<'_>> for Text<N> {
    type Error = Error;

    fn try_from(value: Value<'_>) -> Result<Text<N>> {
        if let Value::Text(text) = value { Text::new(&text) } else { Err(value.not_a("text")) }
    }
}

/// A conversion from a type into its variant.
macro_rules! into_variant {
    ($([$($generics:tt)*] $rust:ty, $value:ident => $made:expr;)*) => {$(
        impl<'a, $($generics)*> From<$rust> for Value<'a> {
            fn from($value: $rust) -> Value<'a> {
                $made
            }
        }
    )*};
}

into_variant! {
    [] bool, value => Value::Bool(value);
    [] Bool, value => Value::Bool(value.get());
    [] &'a str, text => Value::Text(text.into());
    [] &'a String, text => Value::Text(text.into());
    [] String, text => Value::Text(text.into());
    [] Cow<'a, str>, text => Value::Text(text);
    [] &'a [u8], bytes => Value::Bytes(bytes.into());
    [] Vec<u8>, bytes => Value::Bytes(bytes.into());
    [const N: usize] [u8; N], bytes => Value::Bytes(bytes.to_vec().into());
    [const N: usize] &'a [u8; N], bytes => Value::Bytes(bytes.as_slice().into());
    [] Date, date => Value::Date(date);
    [] Timestamp, moment => Value::Timestamp(moment);
    [] Uuid, uuid => Value::Uuid(uuid);
    [] Vec<Value<'a>>, elements => Value::Array(elements);
    [T: Into<Value<'a>>] Option<T>, value => value.map_or(Value::Null, Into::into);
    [T: NullValue + Into<Value<'a>>] Nullable<T>, value => value.get().into();
}

impl<const N: usize> From<Text<N>> for Value<'_> {
    /// Text that is not UTF-8 becomes `Bytes`, which no text field takes. Only a hostile file can
    /// hold such text.
    fn from(text: Text<N>) -> Self {
        match text.to_str() {
            Ok(text) => Value::Text(text.to_owned().into()),
            Err(_) => Value::Bytes(text.as_bytes().to_vec().into()),
        }
    }
}

impl PartialEq<bool> for Value<'_> {
    fn eq(&self, other: &bool) -> bool {
        self.as_bool() == Some(*other)
    }
}

impl PartialEq<str> for Value<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}
