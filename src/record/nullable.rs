//! `Nullable<T>`: a `T` or null, in the bytes of a `T`.

use std::fmt;
use std::hash::{Hash, Hasher};

use bytemuck::{Pod, Zeroable};

use super::field::Reserve;
use crate::error::{Error, Result, fail};

/// A `T` or null, as wide as a `T`: one value of `T` is set aside to mean null.
///
/// ```
/// use drystone::Nullable;
///
/// let delay = Nullable::new(5_i16)?;
/// assert_eq!(delay.get(), Some(5));
/// assert_eq!(Nullable::<i16>::NULL.get(), None);
/// assert!(Nullable::new(i16::MIN).is_err()); // that is the one set aside
/// assert_eq!(size_of::<Nullable<i16>>(), 2);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub struct Nullable<T>(T);

impl<T: Reserve> Nullable<T> {
    /// Null.
    pub const NULL: Nullable<T> = Nullable(T::RESERVED);

    /// This value.
    ///
    /// # Errors
    /// [`Value`](crate::ErrorKind::Value) when it is the one that is set aside to mean null.
    #[inline]
    pub fn new(value: T) -> Result<Nullable<T>> {
        if value.is_reserved() {
            fail!(Value, "this value of {} is set aside to mean null; it cannot be stored as data", T::TYPE);
        }
        Ok(Nullable(value))
    }

    /// The value, `None` when null.
    #[inline]
    pub fn get(self) -> Option<T> {
        if self.is_null() { None } else { Some(self.0) }
    }

    /// Whether this is null.
    #[inline]
    pub fn is_null(&self) -> bool {
        self.0.is_reserved()
    }
}

impl<T: Reserve> Default for Nullable<T> {
    /// Null.
    fn default() -> Nullable<T> {
        Nullable::NULL
    }
}

impl<T: Reserve> TryFrom<Option<T>> for Nullable<T> {
    type Error = Error;

    fn try_from(value: Option<T>) -> Result<Nullable<T>> {
        value.map_or(Ok(Nullable::NULL), Nullable::new)
    }
}

impl<T: Reserve> From<Nullable<T>> for Option<T> {
    fn from(value: Nullable<T>) -> Option<T> {
        value.get()
    }
}

impl<T: Reserve + PartialEq> PartialEq for Nullable<T> {
    fn eq(&self, other: &Nullable<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Reserve + Eq> Eq for Nullable<T> {}

impl<T: Reserve + PartialEq> PartialEq<Option<T>> for Nullable<T> {
    fn eq(&self, other: &Option<T>) -> bool {
        self.get() == *other
    }
}

impl<T: Reserve + PartialOrd> PartialOrd for Nullable<T> {
    /// Null comes before all values, as `None` does.
    fn partial_cmp(&self, other: &Nullable<T>) -> Option<std::cmp::Ordering> {
        self.get().partial_cmp(&other.get())
    }
}

impl<T: Reserve + Ord> Ord for Nullable<T> {
    fn cmp(&self, other: &Nullable<T>) -> std::cmp::Ordering {
        self.get().cmp(&other.get())
    }
}

impl<T: Reserve + Hash> Hash for Nullable<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.get().hash(state);
    }
}

impl<T: Reserve + fmt::Debug> fmt::Debug for Nullable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl<T: Reserve + fmt::Display> fmt::Display for Nullable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(value) => value.fmt(f),
            None => f.pad("null"),
        }
    }
}
