//! `Enum<E>`: a value of a Rust enum, as the position that a file may hold, which may be any.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use bytemuck::{Pod, Zeroable};

use super::field_type::{NullValue, sealed as field_type};
use super::{FieldType, Nullable, Value};
use crate::error::{Error, ErrorKind, Result, bail};
use crate::schema::shown;
use crate::schema::text::write_bytes;
use crate::schema::{EnumNames, Type};

/// A Rust enum whose values a field can hold. Made by `#[derive(FieldType)]` on an enum with
/// `#[repr(u8)]` or `#[repr(u16)]`, whose variants have no values of their own.
///
/// A field of a record has the type [`Enum<E>`](Enum). The names are those of the variants in snake
/// case; `#[field(rename = "UA")]` on a variant gives it another one, and `#[field(rename_all =
/// "UPPERCASE")]` on the enum changes all.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an enumeration",
    note = "put #[derive(Clone, Copy, drystone::FieldType)] and #[repr(u8)] on the enum"
)]
pub trait Enumeration: Copy + Send + Sync + 'static {
    /// The type of a stored value: `u8` for up to 256 names, else `u16`.
    type Repr: EnumRepr;

    /// The names, in the order of the variants.
    const NAMES: &'static [&'static str];

    /// The position of this value, counted from 0.
    ///
    /// ```
    /// use drystone::{Enum, Enumeration, FieldType};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, FieldType)]
    /// #[repr(u8)]
    /// enum Side {
    ///     Buy,
    ///     Sell,
    /// }
    ///
    /// assert_eq!(Side::Sell.ordinal(), 1);
    /// ```
    fn ordinal(self) -> u16;

    /// The value at this position.
    ///
    /// ```
    /// use drystone::{Enum, Enumeration, FieldType};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, FieldType)]
    /// #[repr(u8)]
    /// enum Side {
    ///     Buy,
    ///     Sell,
    /// }
    ///
    /// assert_eq!(Side::from_ordinal(0), Some(Side::Buy));
    /// assert_eq!(Side::from_ordinal(2), None);
    /// ```
    fn from_ordinal(ordinal: u16) -> Option<Self>;

    /// The name of this value.
    ///
    /// ```
    /// use drystone::{Enum, Enumeration, FieldType};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, FieldType)]
    /// #[repr(u8)]
    /// enum Side {
    ///     Buy,
    ///     Sell,
    /// }
    ///
    /// assert_eq!(Side::Sell.name(), "sell");
    /// ```
    fn name(self) -> &'static str {
        Self::NAMES.get(usize::from(self.ordinal())).copied().unwrap_or_default()
    }

    /// The value of this name.
    ///
    /// ```
    /// use drystone::{Enum, Enumeration, FieldType};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, FieldType)]
    /// #[repr(u8)]
    /// enum Side {
    ///     Buy,
    ///     Sell,
    /// }
    ///
    /// assert_eq!(Side::from_name("sell")?, Side::Sell);
    /// assert!(Side::from_name("hold").is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if there is no such name. The message lists the names.
    fn from_name(name: &str) -> Result<Self> {
        let found = Self::NAMES.iter().position(|there| *there == name);
        match found.and_then(|position| Self::from_ordinal(position as u16)) {
            Some(value) => Ok(value),
            None => bail!(
                Value,
                "{:?} is not a valid value of the enumeration: {}",
                shown(name),
                EnumNames::fixed(Self::NAMES).unknown(name)
            ),
        }
    }
}

/// The type in which values of an enumeration are stored: `u8` or `u16`.
pub trait EnumRepr: Pod + Send + Sync + sealed::Sealed {
    /// The value that means null in a nullable field.
    #[doc(hidden)]
    const GREATEST: Self;
    #[doc(hidden)]
    fn of(ordinal: u16) -> Self;
    #[doc(hidden)]
    fn ordinal(self) -> u16;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
}

impl EnumRepr for u8 {
    const GREATEST: u8 = u8::MAX;

    fn of(ordinal: u16) -> u8 {
        ordinal as u8
    }

    fn ordinal(self) -> u16 {
        self.into()
    }
}

impl EnumRepr for u16 {
    const GREATEST: u16 = u16::MAX;

    fn of(ordinal: u16) -> u16 {
        ordinal
    }

    fn ordinal(self) -> u16 {
        self
    }
}

/// The type of an `enum[…]` field in a typed record. A Rust enum cannot be one itself: not all
/// bytes are a value of it, and a file may hold any.
///
/// Two of them are compared by their positions, which is the order in which the variants were
/// declared, and a value of the enum can be compared with one directly.
///
/// ```
/// use drystone::{Enum, FieldType, Record};
///
/// #[derive(Clone, Copy, Debug, PartialEq, FieldType)]
/// #[repr(u8)]
/// enum Side {
///     Buy,
///     Sell,
/// }
///
/// #[derive(Clone, Copy, Record)]
/// #[repr(C, packed)]
/// struct Trade {
///     #[record(key)]
///     id: u64,
///     side: Enum<Side>,
/// }
///
/// let trade = Trade { id: 7, side: Side::Sell.into() };
/// assert!({ trade.side } == Side::Sell);
/// assert_eq!({ trade.side }.get()?, Side::Sell);
/// assert_eq!({ trade.side }.to_string(), "sell");
/// assert_eq!(Trade::schema().to_string(), "id: u64 key, side: enum[buy, sell]");
/// # Ok::<(), drystone::Error>(())
/// ```
pub type Enum<E> = Enumerated<<E as Enumeration>::Repr, PhantomData<E>>;

/// What an [`Enum`] is made of: the position, and what it is a position in. Written as `Enum<E>`.
// Packed, so that there is no padding whatever the two are.
#[derive(Pod, Zeroable)]
#[repr(C, packed)]
pub struct Enumerated<R, P>(R, P);

impl<R: Copy, P: Copy> Clone for Enumerated<R, P> {
    fn clone(&self) -> Enumerated<R, P> {
        *self
    }
}

impl<R: Copy, P: Copy> Copy for Enumerated<R, P> {}

impl<E: Enumeration> Enumerated<E::Repr, PhantomData<E>> {
    /// The bytes that mean null in a nullable field.
    pub(super) const RESERVED: Self = Enumerated(E::Repr::GREATEST, PhantomData);

    /// This value.
    ///
    /// ```
    /// use drystone::{Enum, Enumeration, FieldType};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, FieldType)]
    /// #[repr(u8)]
    /// enum Side {
    ///     Buy,
    ///     Sell,
    /// }
    ///
    /// let side: Enum<Side> = Enum::<Side>::new(Side::Sell); // or Side::Sell.into()
    /// assert_eq!(side.ordinal(), 1);
    /// ```
    pub fn new(value: E) -> Self {
        Enumerated(E::Repr::of(value.ordinal()), PhantomData)
    }

    /// The value.
    ///
    /// ```
    /// use drystone::{Enum, Enumeration, FieldType};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, FieldType)]
    /// #[repr(u8)]
    /// enum Side {
    ///     Buy,
    ///     Sell,
    /// }
    ///
    /// assert_eq!(Enum::<Side>::new(Side::Sell).get()?, Side::Sell);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) if the stored position has no name.
    pub fn get(self) -> Result<E> {
        match E::from_ordinal(self.ordinal()) {
            Some(value) => Ok(value),
            None => Err(self.invalid()),
        }
    }

    /// The position that is stored.
    pub fn ordinal(self) -> u16 {
        self.0.ordinal()
    }

    /// The name.
    ///
    /// ```
    /// use drystone::{Enum, Enumeration, FieldType};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, FieldType)]
    /// #[repr(u8)]
    /// enum Side {
    ///     Buy,
    ///     Sell,
    /// }
    ///
    /// assert_eq!(Enum::<Side>::new(Side::Sell).name()?, "sell");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn name(self) -> Result<&'static str> {
        match E::NAMES.get(usize::from(self.ordinal())) {
            Some(name) => Ok(name),
            None => Err(self.invalid()),
        }
    }

    #[cold]
    fn invalid(self) -> Error {
        let message = format!(
            "the stored bytes are not a valid value of an enumeration of {} names: they say {}",
            E::NAMES.len(),
            self.ordinal()
        );
        Error::new(ErrorKind::Corrupt, message)
    }
}

impl<E: Enumeration> Default for Enumerated<E::Repr, PhantomData<E>> {
    /// The first name.
    fn default() -> Self {
        Zeroable::zeroed()
    }
}

impl<E: Enumeration> From<E> for Enumerated<E::Repr, PhantomData<E>> {
    fn from(value: E) -> Self {
        Self::new(value)
    }
}

impl<E: Enumeration> FromStr for Enumerated<E::Repr, PhantomData<E>> {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        E::from_name(name).map(Self::new)
    }
}

impl<E: Enumeration> PartialEq for Enumerated<E::Repr, PhantomData<E>> {
    fn eq(&self, other: &Self) -> bool {
        self.ordinal() == other.ordinal()
    }
}

impl<E: Enumeration> Eq for Enumerated<E::Repr, PhantomData<E>> {}

impl<E: Enumeration> PartialEq<E> for Enumerated<E::Repr, PhantomData<E>> {
    fn eq(&self, other: &E) -> bool {
        self.ordinal() == other.ordinal()
    }
}

impl<E: Enumeration> PartialOrd for Enumerated<E::Repr, PhantomData<E>> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E: Enumeration> Ord for Enumerated<E::Repr, PhantomData<E>> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ordinal().cmp(&other.ordinal())
    }
}

impl<E: Enumeration> Hash for Enumerated<E::Repr, PhantomData<E>> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ordinal().hash(state);
    }
}

impl<E: Enumeration> fmt::Display for Enumerated<E::Repr, PhantomData<E>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Ok(name) => f.pad(name),
            Err(_) => {
                f.write_str("<invalid ")?;
                write_bytes(&self.ordinal().to_le_bytes()[..size_of::<Self>()], f)?;
                f.write_str(">")
            }
        }
    }
}

impl<E: Enumeration> fmt::Debug for Enumerated<E::Repr, PhantomData<E>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: Enumeration> From<Enumerated<E::Repr, PhantomData<E>>> for Value<'_> {
    /// The name. A position without a name, which only a hostile file contains, becomes a number,
    /// which no enumeration accepts.
    fn from(value: Enumerated<E::Repr, PhantomData<E>>) -> Self {
        match value.name() {
            Ok(name) => Value::Text(name.into()),
            Err(_) => Value::Unsigned(value.ordinal().into()),
        }
    }
}

impl<E: Enumeration> TryFrom<Value<'_>> for Enumerated<E::Repr, PhantomData<E>> {
    type Error = Error;

    /// Converts from the name.
    fn try_from(value: Value<'_>) -> Result<Self> {
        enum_of_value(&value).map(Self::new)
    }
}

/// The value of an enum with this name.
pub fn enum_of_value<E: Enumeration>(value: &Value<'_>) -> Result<E> {
    match value {
        Value::Text(name) => E::from_name(name),
        other => Err(other.not_a("name of an enumeration")),
    }
}

impl<E: Enumeration> field_type::Sealed for Enumerated<E::Repr, PhantomData<E>> {}
impl<E: Enumeration> FieldType for Enumerated<E::Repr, PhantomData<E>> {
    const TYPE: Type = Type::Enum(EnumNames::fixed(E::NAMES));
    const NULLABLE: bool = false;
}
impl<E: Enumeration> NullValue for Enumerated<E::Repr, PhantomData<E>> {
    const RESERVED: Self = Enumerated::<E::Repr, PhantomData<E>>::RESERVED;
}

impl<E: Enumeration> From<Option<Enum<E>>> for Nullable<Enum<E>> {
    /// No name means null, so the conversion cannot fail. An enum with 256 (or 65,536) variants,
    /// the last of which would mean null, does not compile here.
    fn from(value: Option<Enum<E>>) -> Nullable<Enum<E>> {
        const { assert!(!matches!(E::NAMES.len(), 256 | 65_536), "the last variant would mean null") };
        value.map_or(Nullable::NULL, Nullable::of_valid)
    }
}

impl<E: Enumeration> From<Option<E>> for Nullable<Enum<E>> {
    /// As from an [`Enum`].
    fn from(value: Option<E>) -> Nullable<Enum<E>> {
        value.map(Enum::<E>::new).into()
    }
}
