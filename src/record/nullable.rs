//! `Nullable<T>`: a `T` or null, in the bytes of a `T`.

use std::fmt;
use std::hash::{Hash, Hasher};

use bytemuck::{Pod, Zeroable};

use super::field_type::{FieldType, NullValue, sealed};
use super::{Bool, Date, Text, Timestamp, Uuid};
use crate::error::{Error, Result, bail};
use crate::schema::Type;

/// A `T` or null, as wide as a `T`: one value of `T` is reserved to mean null.
///
/// ```
/// use drystone::Nullable;
///
/// let delay = Nullable::new(5_i16)?;
/// assert_eq!(delay.get(), Some(5));
/// assert_eq!(Nullable::<i16>::NULL.get(), None);
/// assert!(Nullable::new(i16::MIN).is_err()); // the value reserved for null
/// assert_eq!(size_of::<Nullable<i16>>(), 2);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub struct Nullable<T>(T);

impl<T: NullValue> Nullable<T> {
    /// Null.
    pub const NULL: Nullable<T> = Nullable(T::RESERVED);

    /// A value that is known not to be the reserved one.
    pub(super) const fn of_valid(value: T) -> Nullable<T> {
        Nullable(value)
    }

    /// This value.
    ///
    /// ```
    /// use drystone::Nullable;
    ///
    /// assert_eq!(Nullable::new(5_i16)?, Some(5));
    /// assert!(Nullable::new(i16::MIN).is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) if it is the one that is reserved to mean null.
    #[inline]
    pub fn new(value: T) -> Result<Nullable<T>> {
        if value.is_reserved() {
            bail!(Value, "this value of {} is reserved for null; it cannot be stored as data", T::TYPE);
        }
        Ok(Nullable(value))
    }

    /// This value, or null for `None`.
    ///
    /// ```
    /// use drystone::{Nullable, Text};
    ///
    /// let delay = Nullable::from_option(Some(5_i16))?;
    /// assert_eq!(delay.get(), Some(5));
    /// // Of texts and truth values no value is lost, so `into` does it.
    /// let carrier: Nullable<Text<2>> = Some(Text::lit("UA")).into();
    /// assert!(!carrier.is_null());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`new`](Nullable::new).
    pub fn from_option(value: Option<T>) -> Result<Nullable<T>> {
        value.map_or(Ok(Nullable::NULL), Nullable::new)
    }

    /// The value, or `other` if this is null.
    ///
    /// ```
    /// use drystone::Nullable;
    ///
    /// assert_eq!(Nullable::<i16>::NULL.unwrap_or(0), 0);
    /// ```
    #[inline]
    pub fn unwrap_or(self, other: T) -> T {
        self.get().unwrap_or(other)
    }

    /// The value, or `None` if this is null.
    ///
    /// ```
    /// use drystone::Nullable;
    ///
    /// assert_eq!(Nullable::new(5_i16)?.get(), Some(5));
    /// assert_eq!(Nullable::<i16>::NULL.get(), None);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    #[inline]
    pub fn get(self) -> Option<T> {
        if self.is_null() { None } else { Some(self.0) }
    }

    /// Whether this is null.
    #[inline]
    pub fn is_null(self) -> bool {
        self.0.is_reserved()
    }
}

impl<T: NullValue> Default for Nullable<T> {
    /// Null.
    fn default() -> Nullable<T> {
        Nullable::NULL
    }
}

/// `TryFrom<Option<T>>` for types of which one value is reserved for null.
macro_rules! lossy {
    ($([$($generics:tt)*] $rust:ty;)*) => {$(
        impl<$($generics)*> TryFrom<Option<$rust>> for Nullable<$rust> {
            type Error = Error;

            fn try_from(value: Option<$rust>) -> Result<Nullable<$rust>> {
                Nullable::from_option(value)
            }
        }
    )*};
}

lossy! {
    [] u8; [] u16; [] u32; [] u64; [] u128; [] i8; [] i16; [] i32; [] i64; [] i128; [] f32; [] f64;
    [] Date; [] Timestamp; [] Uuid;
    [const N: usize] [u8; N]; [const N: usize] [u16; N]; [const N: usize] [u32; N]; [const N: usize] [u64; N];
    [const N: usize] [u128; N]; [const N: usize] [i8; N]; [const N: usize] [i16; N]; [const N: usize] [i32; N];
    [const N: usize] [i64; N]; [const N: usize] [i128; N]; [const N: usize] [f32; N]; [const N: usize] [f64; N];
}

impl From<Option<Bool>> for Nullable<Bool> {
    /// No truth value means null, so the conversion cannot fail.
    fn from(value: Option<Bool>) -> Nullable<Bool> {
        value.map_or(Nullable::NULL, Nullable)
    }
}

impl From<Option<bool>> for Nullable<Bool> {
    fn from(value: Option<bool>) -> Nullable<Bool> {
        value.map_or(Nullable::NULL, |value| Nullable(value.into()))
    }
}

impl<const N: usize> From<Option<Text<N>>> for Nullable<Text<N>> {
    /// No text means null, so the conversion cannot fail. Bytes of a damaged file that are not
    /// UTF-8 may mean null.
    fn from(value: Option<Text<N>>) -> Nullable<Text<N>> {
        value.map_or(Nullable::NULL, Nullable)
    }
}

impl<T: NullValue> From<Nullable<T>> for Option<T> {
    fn from(value: Nullable<T>) -> Option<T> {
        value.get()
    }
}

impl<T: NullValue + PartialEq> PartialEq for Nullable<T> {
    fn eq(&self, other: &Nullable<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: NullValue + Eq> Eq for Nullable<T> {}

impl<T: NullValue + PartialEq> PartialEq<Option<T>> for Nullable<T> {
    fn eq(&self, other: &Option<T>) -> bool {
        self.get() == *other
    }
}

impl<T: NullValue + PartialOrd> PartialOrd for Nullable<T> {
    /// Null comes before all values, as `None` does.
    fn partial_cmp(&self, other: &Nullable<T>) -> Option<std::cmp::Ordering> {
        self.get().partial_cmp(&other.get())
    }
}

impl<T: NullValue + Ord> Ord for Nullable<T> {
    fn cmp(&self, other: &Nullable<T>) -> std::cmp::Ordering {
        self.get().cmp(&other.get())
    }
}

impl<T: NullValue + Hash> Hash for Nullable<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.get().hash(state);
    }
}

impl<T: NullValue + fmt::Debug> fmt::Debug for Nullable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl<T: NullValue + fmt::Display> fmt::Display for Nullable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(value) => value.fmt(f),
            None => f.pad("null"),
        }
    }
}

impl<T: NullValue> sealed::Sealed for Nullable<T> {}
impl<T: NullValue> FieldType for Nullable<T> {
    const TYPE: Type = T::TYPE;
    const NULLABLE: bool = true;
}
