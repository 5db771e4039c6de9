//! `serde` for the types of fields, so that a struct can be a record and derive `Serialize` and
//! `Deserialize` too.
//!
//! Text, enumerations, dates, timestamps and uuids are text, in all formats; truth values are
//! `bool`, and null is `None`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{self, Serialize, Serializer};

use super::{Bool, Date, Enumerated, Enumeration, NullValue, Nullable, Text, Timestamp, Uuid};

/// Reads a value from its text.
struct FromText<T>(&'static str, PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! as_text {
    ($([$($generics:tt)*] $rust:ty, $expected:literal;)*) => {$(
        impl<'de, $($generics)*> Deserialize<'de> for $rust {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$rust, D::Error> {
                deserializer.deserialize_str(FromText($expected, PhantomData))
            }
        }
    )*};
}

as_text! {
    [const N: usize] Text<N>, "a text";
    [E: Enumeration] Enumerated<E::Repr, PhantomData<E>>, "the name of an enumeration";
    [] Date, "a date such as 2013-01-31";
    [] Timestamp, "a timestamp such as 2013-01-31T10:00:00Z";
    [] Uuid, "a uuid of 32 hexadecimal digits";
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.to_str().map_err(ser::Error::custom)?)
    }
}

impl<E: Enumeration> Serialize for Enumerated<E::Repr, PhantomData<E>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name().map_err(ser::Error::custom)?)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Bool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(self.get())
    }
}

impl<'de> Deserialize<'de> for Bool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bool, D::Error> {
        bool::deserialize(deserializer).map(Bool::new)
    }
}

impl<T: NullValue + Serialize> Serialize for Nullable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

impl<'de, T: NullValue + Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Nullable<T>, D::Error> {
        let value = Option::<T>::deserialize(deserializer)?;
        Nullable::from_option(value).map_err(de::Error::custom)
    }
}
